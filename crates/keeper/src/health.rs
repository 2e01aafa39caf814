//! What this node knows of each network's health, for whatever works here at the same time.

use std::sync::{Mutex, PoisonError};

use lifecycle::breaker::{Breakers, Turn};
use lifecycle::diagnosis::Diagnosis;
use lifecycle::facts::Facts;
use lifecycle::ledger::Claim;
use lifecycle::schedule::Task;
use lifecycle::time::Timestamp;
use networks::reading::server_of;

/// The breakers of this node.
#[derive(Default)]
pub(crate) struct Health(Mutex<Breakers>);

impl Health {
    /// Which task may be done now, or what is known instead of an answer.
    pub(crate) fn may(&self, claim: &Claim, facts: &Facts, task: Task, now: Timestamp) -> Result<Task, Diagnosis> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).may(&claim.network, &server_of(claim), facts, task, now)
    }

    /// What an answer, or none, says of the network.
    pub(crate) fn heard(&self, claim: &Claim, trouble: bool, now: Timestamp) {
        let (network, server) = (&claim.network, server_of(claim));
        match self.0.lock().unwrap_or_else(PoisonError::into_inner).heard(network, &server, trouble, now) {
            Some(Turn::Away) => {
                tracing::warn!(network, server, "keeper: the network does not answer; it is left in peace and asked now and then");
            }
            Some(Turn::Back) => tracing::info!(network, server, "keeper: the network answers again"),
            None => {}
        }
    }
}
