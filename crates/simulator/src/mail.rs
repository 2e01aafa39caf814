//! From the outbox to people's boxes: a process can die or stand still between any two steps, and a mail server can keep its answer
//! to itself. So a message may arrive twice; by its identity, which stays the same over all attempts, it is known as the same one
//! (NF-02).

use std::collections::BTreeMap;

use lifecycle::time::Span;

use crate::options::Break;
use crate::queue::Event;
use crate::run::{POLL_EVERY, Run};

/// How long a process has a message to itself; then it is taken up again.
const SENDING_FOR: Span = Span::minutes(5);
/// How soon a message is tried again that no mail server took.
const AGAIN_AFTER: Span = Span::minutes(1);

/// There are few messages for each renewal: their answers get lost so much more often, so that it happens in every world.
const MORE_OFTEN: u32 = 20;

/// A message on its way.
#[derive(Debug)]
pub(crate) struct Letter {
    /// What it is known by.
    key: String,
    tries: u32,
    /// Under which identities it arrived, and how often.
    arrived: BTreeMap<String, u32>,
    is_done: bool,
}

/// All messages.
pub(crate) type Letters = BTreeMap<u64, Letter>;

impl Run {
    /// A message is in the outbox.
    pub(crate) fn post(&mut self, key: String) {
        let number = self.number();
        self.letters.insert(number, Letter { key, tries: 0, arrived: BTreeMap::new(), is_done: false });
        self.queue.push(self.now, Event::Send(number));
    }

    /// Some node that is well takes a message up.
    pub(crate) fn send_letter(&mut self, number: u64) {
        if self.letters.get(&number).is_none_or(|letter| letter.is_done) {
            return;
        }
        let is_well = |node: &usize| self.nodes[*node].is_up && self.nodes[*node].paused_until <= self.now;
        let well: Vec<usize> = (0..self.nodes.len()).filter(is_well).collect();
        let chosen = usize::try_from(self.dice.mail.below(well.len() as u64)).unwrap_or(0);
        let Some(node) = well.get(chosen).copied() else {
            return self.queue.push(self.now + POLL_EVERY, Event::Send(number));
        };
        // Whatever becomes of this attempt, the message is looked at again once it belongs to nobody.
        self.queue.push(self.now + SENDING_FOR, Event::Send(number));
        if self.stumbles(node) {
            let awake = self.nodes[node].paused_until;
            if awake > self.now && self.nodes[node].is_up {
                self.queue.push(awake, Event::HandOver(node, number));
            }
            return;
        }
        self.hand_over(node, number);
    }

    /// The mail server has it; whether we hear of that is another matter.
    pub(crate) fn hand_over(&mut self, node: usize, number: u64) {
        if !self.nodes[node].is_up {
            return;
        }
        let (not_sent, lost) = (self.swarm.not_sent, self.swarm.lost_answer.saturating_mul(MORE_OFTEN));
        if self.dice.mail.chance(not_sent) {
            return self.queue.push(self.now + AGAIN_AFTER, Event::Send(number));
        }
        let Some(letter) = self.letters.get_mut(&number) else { return };
        letter.tries += 1;
        let identity = letter.key.clone();
        let identity = if self.options.breaks == Some(Break::NoOutboxKey) { format!("{identity} {}", letter.tries) } else { identity };
        *letter.arrived.entry(identity).or_default() += 1;
        let (identities, times) = (letter.arrived.len(), letter.tries);
        self.tally.repeated += u64::from(times > 1);
        if identities > 1 {
            let key = letter.key.clone();
            self.judge.promise_4_known_again(&key, self.now, &mut self.tally);
        }
        if self.dice.mail.chance(lost) || self.stumbles(node) {
            return;
        }
        if let Some(letter) = self.letters.get_mut(&number) {
            letter.is_done = true;
        }
    }

    /// Whether the process dies or stands still at this step.
    fn stumbles(&mut self, node: usize) -> bool {
        if self.dice.mail.chance(self.swarm.crash) {
            let down = self.dice.mail.between(Span::seconds(1), Span::minutes(2));
            self.crash(node, down);
            return true;
        }
        let pauses = self.dice.mail.chance(self.swarm.pause);
        if pauses {
            let lasts = self.dice.mail.between(Span::seconds(1), Span::minutes(10));
            self.pause(node, lasts);
        }
        pauses
    }

    /// Promise 4, in the end: whatever was in the outbox has arrived.
    pub(crate) fn look_at_letters(&mut self) {
        let lost = self.letters.values().filter(|letter| letter.arrived.is_empty() || !letter.is_done);
        let lost: Vec<String> = lost.map(|letter| letter.key.clone()).collect();
        for key in lost {
            self.judge.promise_4_every_message_arrives(&key, self.now, &mut self.tally);
        }
    }
}
