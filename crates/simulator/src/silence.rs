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
pub(crate) type Silences = BTreeMap<(usize, u64), BTreeMap<&'static str, BTreeMap<String, u32>>>;

impl Run {
    /// Which task a node's breaker lets through, and whether that costs a token although the network is known to be away.
    pub(crate) fn may_ask(&mut self, node: usize, claim: &Claim, facts: &Facts, task: Task, now: Timestamp) -> Result<Task, Diagnosis> {
        let server = reading::server_of(claim);
        let passed = match self.options.breaks {
            Some(Break::NoBreaker) => Ok(task),
            _ => self.nodes[node].breakers.may(&claim.network, &server, facts, task, now),
        };
        let spends = passed.as_ref().is_ok_and(|task| *task == Task::Renew) && matches!(facts.renewal, RenewalModel::Rotating(_));
        let of_network = self.silences.get(&(node, self.nodes[node].life)).and_then(|silences| silences.get(claim.network.as_str()));
        let silent = of_network.and_then(|silences| silences.get(&server)).copied().unwrap_or(0);
        if spends && silent >= KNOWN_AFTER {
            self.judge.promise_2_nothing_spent_on_silence(&claim.grant.id, &claim.network, silent, self.now);
        }
        passed
    }

    /// An answer, or none.
    pub(crate) fn heard(&mut self, node: usize, claim: &Claim, is_trouble: bool, now: Timestamp) {
        let server = reading::server_of(claim);
        self.nodes[node].breakers.heard(&claim.network, &server, is_trouble, now);
        let Some(network) = self.clients.get(claim.network.as_str()).map(|client| client.network.about().name) else { return };
        let of_node = self.silences.entry((node, self.nodes[node].life)).or_default();
        let silent = of_node.entry(network).or_default().entry(server).or_default();
        *silent = if is_trouble { *silent + 1 } else { 0 };
    }
}
