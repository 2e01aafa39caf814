//! What a node has heard from each server, counted apart from its breaker: whether a token that can be used once was spent on a
//! network of which everybody knew that it does not answer (RF-34).

use std::collections::BTreeMap;

use lifecycle::diagnosis::Diagnosis;
use lifecycle::facts::{Facts, RenewalModel};
use lifecycle::schedule::Task;
use lifecycle::time::Timestamp;

use crate::options::Break;
use crate::run::Run;
use crate::work::Job;

/// After so many calls in a row without an answer a network is known to be away (RF-34).
const KNOWN_AFTER: u32 = 5;

/// Calls without an answer since the last answer, of one life of one node, by network and server; none where there was none of late.
pub(crate) type Silences = BTreeMap<(usize, u64), BTreeMap<String, BTreeMap<String, u32>>>;

impl Run {
    /// Which task a node's breaker lets through, and whether that costs a token although the network is known to be away.
    pub(crate) fn may_ask(&mut self, job: &Job, facts: &Facts, task: Task, now: Timestamp) -> Result<Task, Diagnosis> {
        let claim = &job.claim;
        let passed = match self.options.breaks {
            Some(Break::NoBreaker) => Ok(task),
            _ => self.nodes[job.node].breakers.may(&claim.network, &job.server, facts, task, now),
        };
        let spends = passed.as_ref().is_ok_and(|task| *task == Task::Renew) && matches!(facts.renewal, RenewalModel::Rotating(_));
        let silent = if spends { self.silent(job).copied().unwrap_or(0) } else { 0 };
        if silent >= KNOWN_AFTER {
            self.judge.promise_2_nothing_spent_on_silence(&claim.grant.id, &claim.network, silent, self.now);
        }
        passed
    }

    /// An answer, or none.
    pub(crate) fn heard(&mut self, job: &Job, is_trouble: bool, now: Timestamp) {
        let network = &job.claim.network;
        self.nodes[job.node].breakers.heard(network, &job.server, is_trouble, now);
        match self.silent(job) {
            Some(silent) => *silent = if is_trouble { *silent + 1 } else { 0 },
            None if is_trouble => {
                let of_node = self.silences.entry((job.node, self.nodes[job.node].life)).or_default();
                of_node.entry(network.clone()).or_default().insert(job.server.clone(), 1);
            }
            None => {}
        }
    }

    fn silent(&mut self, job: &Job) -> Option<&mut u32> {
        let of_node = self.silences.get_mut(&(job.node, self.nodes[job.node].life))?;
        of_node.get_mut(&job.claim.network)?.get_mut(&job.server)
    }
}
