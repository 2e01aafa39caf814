//! Acting through the product: people and tools call networks with the tokens that are kept, at any moment, also in the middle of a
//! renewal. A network's refusal of such a call is evidence; what becomes of it is judged like everything else.

use std::sync::Arc;

use lifecycle::diagnosis::{Diagnosis, Finding};
use lifecycle::grant::State;
use lifecycle::ids::GrantId;
use lifecycle::ledger::{Claim, Ledger};
use lifecycle::time::Span;
use lifecycle::words::Source;

use crate::queue::Event;
use crate::run::Run;
use crate::wire::at_once;

/// A refusal in real use is looked into that soon.
const LOOKED_INTO_WITHIN: Span = Span::seconds(90);

impl Run {
    pub(crate) fn plan_use(&mut self, who: usize) {
        if let Some(every) = self.swarm.use_every {
            self.queue.push(self.now + self.dice.uses.around(every), Event::Use(who));
        }
    }

    /// Somebody acts: a node takes the token that is kept at this moment and calls the network with it.
    pub(crate) fn use_token(&mut self, who: usize) {
        self.plan_use(who);
        let well: Vec<usize> =
            (0..self.nodes.len()).filter(|node| self.nodes[*node].is_up && self.nodes[*node].paused_until <= self.now).collect();
        let drawn = usize::try_from(self.dice.uses.below(well.len() as u64)).unwrap_or(0);
        let there = self.dice.uses.between(Span::millis(10), Span::millis(500));
        let Some(node) = well.get(drawn).copied() else { return };
        let Some(held) = self.memory.books().read(&self.citizens[who].grant) else { return };
        // What needs a person, or is over, is not handed to anybody.
        let is_over = held.grant.clocks.access_until.is_some_and(|until| until <= self.now_at(node));
        if held.grant.verdict().is_none() && !is_over {
            self.queue.push(self.now + there, Event::Used(node, Box::new(held)));
        }
    }

    /// The call reaches the network, whose cheapest call stands for all that can be called.
    pub(crate) fn used(&mut self, node: usize, held: &Claim) {
        let now = self.now_at(node);
        let (diagnosis, _) = self.probe(held, now);
        self.tally.uses += 1;
        let Diagnosis { finding: Finding::Refused { .. }, .. } = &diagnosis else { return };
        self.tally.uses_refused += 1;
        let mut seen = diagnosis;
        seen.evidence.source = Source::Use;
        let back = self.dice.uses.between(Span::millis(10), Span::seconds(2));
        self.queue.push(self.now + back, Event::Seen(node, held.grant.id.clone(), Box::new(seen)));
    }

    /// The answer is back and is noted.
    pub(crate) fn seen(&mut self, node: usize, grant: &GrantId, seen: &Diagnosis) {
        if !self.nodes[node].is_up || self.nodes[node].paused_until > self.now {
            // The process that called is not there any more.
            return;
        }
        let Some(network) = self.memory.books().grants.get(grant).map(|row| row.network) else { return };
        let Some(facts) = self.clients.get(network).map(|client| Arc::clone(&client.facts)) else { return };
        let now = self.now_at(node);
        let _ = at_once(self.memory.see_evidence(grant, seen, &facts, now));
        self.judge.note(grant, self.now, || format!("a call in real use was refused: {:?}", seen.finding));
        let books = self.memory.books();
        let waits = books.grants.get(grant).filter(|row| row.lease.is_none() && row.grant.verdict().is_none());
        // Whose tokens are doubted already has its next look planned.
        let waits = waits.filter(|row| !matches!(row.grant.state, State::Suspect(_))).map(|row| row.due_at);
        drop(books);
        if let Some(due) = waits {
            self.judge.promise_4_a_refused_call_is_looked_into(grant, due.is_some_and(|at| at <= now + LOOKED_INTO_WITHIN), self.now);
        }
        self.read_outbox();
    }
}
