//! The second phase: nothing goes wrong any more. Within a bounded time everything that works must be green, everything
//! that does not must have been told, and nothing may be left half done.

use lifecycle::status::Status;
use lifecycle::time::Span;

use crate::queue::Event;
use crate::run::Run;

impl Run {
    pub(crate) fn heal(&mut self) {
        self.is_healing = true;
        self.swarm = self.swarm.healed();
        self.wire.heal();
        let networks: Vec<&'static str> = self.clients.keys().copied().collect();
        for network in networks {
            self.mood(network, "normal");
        }
        for node in 0..self.nodes.len() {
            self.nodes[node].clock = Span::ZERO;
            self.nodes[node].paused_until = self.now;
            self.queue.push(self.now, Event::Start(node));
        }
        // Two looks, and the rare look at what was dead.
        let longest = self.options.probe_every.max(self.options.idle_check_every);
        let bound = longest.times(9, 2).max(Span::hours(25)) + Span::hours(7);
        self.until(self.now + bound);
        self.judge.promise_4_no_silence_anywhere(self.now, &mut self.tally);
        self.judge.promise_5_last_remaining_told_everywhere(self.now, &mut self.tally);
        self.promise_9_everything_heals();
        self.look_at_letters();
    }

    /// Promise 9: once faults stop, everything is green or told, and every attempt has an end.
    fn promise_9_everything_heals(&mut self) {
        let books = self.memory.books();
        for (id, profile) in &books.profiles {
            let is_green = matches!(profile.standing.status, Status::Connected | Status::RenewSoon);
            self.judge.promise_9_green_or_told(id, is_green, profile.standing.status.as_str(), self.now);
        }
        for (id, row) in &books.grants {
            // What was taken up a moment ago may still be under way.
            let since = row.lease.as_ref().map(|(_, until)| *until);
            let is_old = since.is_none_or(|until| until < self.now);
            if !row.open.is_empty() && is_old {
                self.judge.promise_9_no_open_attempt(id, self.now);
            }
            if row.due_at.is_none_or(|due| due < self.now - Span::minutes(10)) {
                self.judge.promise_9_nothing_forgotten(id, self.now);
            }
        }
    }
}
