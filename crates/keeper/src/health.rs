//! What this node knows of each network's health: a breaker per network and instance, shared by all its grants.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use lifecycle::breaker::{Breaker, Passage};
use lifecycle::diagnosis::{Diagnosis, Finding};
use lifecycle::facts::RenewalModel;
use lifecycle::ledger::Claim;
use lifecycle::schedule::Task;
use lifecycle::time::Timestamp;
use lifecycle::words::{Evidence, Source};

use crate::ports::NetworkApp;

/// The breakers of this node.
#[derive(Default)]
pub(crate) struct Health {
    breakers: Mutex<BTreeMap<(String, String), Breaker>>,
}

/// Whether an answer is one of a network in trouble. A rate limit is not: it answers, and says when to come again.
pub(crate) fn is_trouble(diagnosis: &Diagnosis) -> bool {
    matches!(diagnosis.finding, Finding::Transient { .. }) && diagnosis.evidence.http_status != Some(429)
}

impl Health {
    fn with<T>(&self, claim: &Claim, look: impl FnOnce(&mut Breaker) -> T) -> T {
        let mut breakers = self.breakers.lock().unwrap_or_else(PoisonError::into_inner);
        look(breakers.entry((claim.network.clone(), claim.instance.clone())).or_default())
    }

    /// Which task may be done now, or what is known instead of an answer. The first call after a rest never costs a token:
    /// a renewal that rotates becomes a probe (RF-34).
    pub(crate) fn may(&self, claim: &Claim, app: &NetworkApp, task: Task, now: Timestamp) -> Result<Task, Diagnosis> {
        if task == Task::LookAtClock {
            return Ok(task);
        }
        match self.with(claim, |breaker| breaker.passage(now)) {
            Passage::Open => Ok(task),
            Passage::ProbeOnly if task == Task::Renew && matches!(app.facts.renewal, RenewalModel::Rotating(_)) => Ok(Task::Probe),
            Passage::ProbeOnly => Ok(task),
            Passage::Closed(until) => {
                let words = "this network does not answer at this moment: it is asked again in a while";
                let evidence = Evidence::new(now, Source::Probe, None, Some("network_away"), words);
                Err(Diagnosis::transient(evidence, Some(until.since(now))))
            }
        }
    }

    /// What an answer, or none, says of the network.
    pub(crate) fn heard(&self, claim: &Claim, trouble: bool, now: Timestamp) {
        let (network, instance) = (&claim.network, &claim.instance);
        if trouble {
            if self.with(claim, |breaker| breaker.failed(now)) {
                tracing::warn!(network, instance, "keeper: the network does not answer; it is left in peace and asked now and then");
            }
        } else if self.with(claim, |breaker| breaker.answered(now)) {
            tracing::info!(network, instance, "keeper: the network answers again");
        }
    }
}
