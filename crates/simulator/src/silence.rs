//! What a node has heard from each server, counted apart from its breaker: whether a token that can be used once was spent on a
//! network of which everybody knew that it does not answer (RF-34).

use std::collections::BTreeMap;

use lifecycle::diagnosis::Diagnosis;
use lifecycle::facts::{Facts, RenewalModel};
use lifecycle::ledger::Claim;
use lifecycle::schedule::Task;
use lifecycle::time::Timestamp;
use networks::reading;

use crate::options::Break;
use crate::run::Run;

/// After so many calls in a row without an answer a network is known to be away (RF-34).
const KNOWN_AFTER: u32 = 5;

/// Calls without an answer since the last answer, of one life of one node, by network and server.
pub(crate) type Silences = BTreeMap<(usize, u64, String, String), u32>;

impl Run {
    fn place(&self, node: usize, claim: &Claim) -> (usize, u64, String, String) {
        (node, self.nodes[node].life, claim.network.clone(), reading::server_of(claim))
    }

    /// Which task a node's breaker lets through, and whether that costs a token although the network is known to be away.
    pub(crate) fn may_ask(&mut self, node: usize, claim: &Claim, facts: &Facts, task: Task, now: Timestamp) -> Result<Task, Diagnosis> {
        let passed = match self.options.breaks {
            Some(Break::NoBreaker) => Ok(task),
            _ => self.nodes[node].breakers.may(&claim.network, &reading::server_of(claim), facts, task, now),
        };
        let spends = passed.as_ref().is_ok_and(|task| *task == Task::Renew) && matches!(facts.renewal, RenewalModel::Rotating(_));
        let silent = self.silences.get(&self.place(node, claim)).copied().unwrap_or(0);
        if spends && silent >= KNOWN_AFTER {
            self.judge.promise_2_nothing_spent_on_silence(&claim.grant.id, &claim.network, silent, self.now);
        }
        passed
    }

    /// An answer, or none.
    pub(crate) fn heard(&mut self, node: usize, claim: &Claim, is_trouble: bool, now: Timestamp) {
        let silent = self.silences.entry(self.place(node, claim)).or_default();
        *silent = if is_trouble { *silent + 1 } else { 0 };
        self.nodes[node].breakers.heard(&claim.network, &reading::server_of(claim), is_trouble, now);
    }
}
