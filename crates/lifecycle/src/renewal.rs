//! The renewal protocol as a machine: it gives one [`Action`] at a time and takes its [`Outcome`]. It does no I/O;
//! dropping it between two actions *is* a crash at that edge, which makes every crash point a plain test.
//!
//! ```text
//! Prepare -> MarkSent -> Ask -> Commit -> Done
//! ```
//!
//! The order is the promise: the intent is durable before the first byte leaves, the new token set is durable
//! before anybody is given it (reliability-security 3.5).

use crate::diagnosis::Diagnosis;
use crate::facts::Facts;
use crate::grant::{Clocks, Event};
use crate::ids::AttemptId;
use crate::ledger::{Ending, Intent, Lease, Phase};
use crate::secret::TokenSet;
use crate::time::{Span, Timestamp};
use crate::words::Evidence;

/// What the shell has to do next.
#[derive(Debug)]
pub enum Action {
    /// Write this intent durably.
    Intend(Intent),
    /// Ask the network once, on a fresh connection.
    Ask,
    /// Turn this event into a commit and make it durable, with the token set if there is one.
    Commit {
        /// What happened.
        event: Event,
        /// The new token set.
        tokens: Option<Box<TokenSet>>,
        /// The attempt that it closes.
        closes: (AttemptId, Ending),
    },
    /// Nothing more to do.
    Done(End),
}

/// How the machine ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The outcome is durable.
    Committed,
    /// The lease was lost before anything was sent, or somebody else committed first.
    Superseded,
    /// The lease does not cover the time an answer may take: nothing was sent (RF-08).
    NotCovered,
    /// The disk below the ledger failed: what came of it lies in the spool, or is asked again, by the next process (RF-43).
    LeftBehind,
}

/// What came of an action.
#[derive(Debug)]
pub enum Outcome {
    /// The intent is durable.
    Intended,
    /// The lease is gone.
    LeaseLost,
    /// A new token set.
    Answered {
        /// The token set, already merged with what the answer left out.
        tokens: Box<TokenSet>,
        /// Its clocks.
        clocks: Clocks,
    },
    /// The network answered otherwise; nothing was spent.
    Refused(Diagnosis),
    /// The request never left.
    NotSent(Evidence),
    /// It left and no answer came back.
    Lost(Evidence),
    /// The commit is durable.
    Committed,
    /// Somebody else committed first.
    Superseded,
    /// This process commits nothing any more.
    LeftBehind,
}

#[derive(Debug)]
enum At {
    Start,
    Prepared,
    Sent,
    Answered { event: Event, tokens: Option<Box<TokenSet>>, ending: Ending },
    Ended(End),
}

/// One renewal of one claimed grant.
#[derive(Debug)]
pub struct Renewal {
    attempt: AttemptId,
    lease: Lease,
    generation: i64,
    answer_timeout: Span,
    at: At,
}

impl Renewal {
    /// A renewal that has not begun.
    pub fn new(attempt: AttemptId, lease: Lease, generation: i64, facts: &Facts) -> Self {
        let answer_timeout = facts.answer_timeout;
        Self { attempt, lease, generation, answer_timeout, at: At::Start }
    }

    /// What to do now.
    pub fn next(&mut self, now: Timestamp) -> Action {
        match &mut self.at {
            At::Start => self.intend(Phase::Prepared, now),
            // Looked at before each of the two: a process can also stand still between the note and the first byte.
            At::Prepared | At::Sent if self.lease.until.since(now) < self.answer_timeout => {
                self.at = At::Ended(End::NotCovered);
                Action::Done(End::NotCovered)
            }
            At::Prepared => self.intend(Phase::Sent, now),
            At::Sent => Action::Ask,
            At::Answered { event, tokens, ending } => {
                Action::Commit { event: event.clone(), tokens: tokens.clone(), closes: (self.attempt.clone(), *ending) }
            }
            At::Ended(end) => Action::Done(*end),
        }
    }

    /// The lease was renewed meanwhile: it lasts until then (RF-07). It never becomes shorter.
    pub fn held_until(&mut self, until: Timestamp) {
        self.lease.until = self.lease.until.max(until);
    }

    fn intend(&self, phase: Phase, at: Timestamp) -> Action {
        Action::Intend(Intent { attempt: self.attempt.clone(), lease: self.lease.clone(), generation: self.generation, phase, at })
    }

    /// Takes what came of the last action. An outcome that does not fit its action changes nothing.
    pub fn apply(&mut self, outcome: Outcome) {
        let at = std::mem::replace(&mut self.at, At::Start);
        self.at = match (at, outcome) {
            (At::Start, Outcome::Intended) => At::Prepared,
            (At::Prepared, Outcome::Intended) => At::Sent,
            (At::Start | At::Prepared, Outcome::LeaseLost) | (At::Answered { .. }, Outcome::Superseded) => At::Ended(End::Superseded),
            (At::Sent, Outcome::Answered { tokens, clocks }) => {
                At::Answered { event: Event::Renewed { clocks }, tokens: Some(tokens), ending: Ending::Renewed }
            }
            (At::Sent, Outcome::Refused(diagnosis)) => {
                At::Answered { event: Event::RenewFailed(diagnosis), tokens: None, ending: Ending::NothingSpent }
            }
            (At::Sent, Outcome::NotSent(evidence)) => {
                At::Answered { event: Event::RenewFailed(Diagnosis::transient(evidence, None)), tokens: None, ending: Ending::NothingSpent }
            }
            (At::Sent, Outcome::Lost(evidence)) => {
                At::Answered { event: Event::RenewLost(evidence), tokens: None, ending: Ending::AnswerLost }
            }
            (At::Answered { .. }, Outcome::Committed) => At::Ended(End::Committed),
            (At::Answered { .. }, Outcome::LeftBehind) => At::Ended(End::LeftBehind),
            (at, _) => at,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{GrantId, NodeId};
    use crate::secret::Secret;

    fn machine(now: Timestamp) -> Renewal {
        let lease = Lease { grant: GrantId::from_u128(1), node: NodeId::from_u128(2), fence: 7, until: now + Span::seconds(180) };
        Renewal::new(AttemptId::from_u128(3), lease, 4, &Facts::unknown())
    }

    #[test]
    fn the_intent_is_durable_before_anything_leaves() {
        let now = Timestamp::from_seconds(0);
        let mut renewal = machine(now);
        assert!(matches!(renewal.next(now), Action::Intend(Intent { phase: Phase::Prepared, .. })));
        renewal.apply(Outcome::Intended);
        assert!(matches!(renewal.next(now), Action::Intend(Intent { phase: Phase::Sent, .. })));
        renewal.apply(Outcome::Intended);
        assert!(matches!(renewal.next(now), Action::Ask));
        let tokens = Box::new(TokenSet::bearer(Secret::new("a"), None, vec![]));
        renewal.apply(Outcome::Answered { tokens, clocks: Clocks::default() });
        assert!(matches!(renewal.next(now), Action::Commit { tokens: Some(_), closes: (_, Ending::Renewed), .. }));
        renewal.apply(Outcome::Committed);
        assert!(matches!(renewal.next(now), Action::Done(End::Committed)));
    }

    #[test]
    fn a_paused_process_does_not_send() {
        let now = Timestamp::from_seconds(0);
        let mut renewal = machine(now);
        renewal.apply(Outcome::Intended);
        let late = now + Span::seconds(100);
        assert!(matches!(renewal.next(late), Action::Done(End::NotCovered)));
        renewal.apply(Outcome::Intended);
        assert!(matches!(renewal.next(now), Action::Done(End::NotCovered)), "and never will");
    }

    #[test]
    fn rf_08_a_renewed_lease_covers_what_the_first_one_did_not() {
        let now = Timestamp::from_seconds(0);
        let late = now + Span::seconds(100);
        let mut renewal = machine(now);
        renewal.apply(Outcome::Intended);
        renewal.apply(Outcome::Intended);
        renewal.held_until(late + Span::seconds(180));
        renewal.held_until(now);
        assert!(matches!(renewal.next(late), Action::Ask));
    }

    #[test]
    fn a_process_paused_after_its_last_note_does_not_send_either() {
        let now = Timestamp::from_seconds(0);
        let mut renewal = machine(now);
        renewal.apply(Outcome::Intended);
        renewal.apply(Outcome::Intended);
        assert!(matches!(renewal.next(now + Span::seconds(200)), Action::Done(End::NotCovered)));
        assert!(matches!(renewal.next(now), Action::Done(End::NotCovered)), "and never will");
    }

    #[test]
    fn a_lost_lease_ends_it_and_a_lost_answer_is_ambiguous() {
        let now = Timestamp::from_seconds(0);
        let mut renewal = machine(now);
        renewal.apply(Outcome::LeaseLost);
        assert!(matches!(renewal.next(now), Action::Done(End::Superseded)));

        let mut renewal = machine(now);
        renewal.apply(Outcome::Intended);
        renewal.apply(Outcome::Intended);
        renewal.apply(Outcome::Lost(Evidence::by_clock(now, "no answer")));
        assert!(matches!(renewal.next(now), Action::Commit { event: Event::RenewLost(_), tokens: None, closes: (_, Ending::AnswerLost) }));
    }
}
