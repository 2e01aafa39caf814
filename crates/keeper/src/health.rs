//! What this node knows of each network's health, for whatever works here at the same time.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use lifecycle::breaker::{Breakers, Turn};
use lifecycle::diagnosis::Diagnosis;
use lifecycle::facts::Facts;
use lifecycle::incident::{IncidentKind, Seen};
use lifecycle::ledger::{Claim, Ledger};
use lifecycle::schedule::Task;
use lifecycle::time::{Span, Timestamp};
use networks::reading::server_of;

use crate::perform::Worker;

/// How often the answers of a network that is well are compared with what other nodes saw of it.
const COMPARED_EVERY: Span = Span::minutes(1);

/// The breakers of this node.
#[derive(Default)]
pub(crate) struct Health(Mutex<Known>);

#[derive(Default)]
struct Known {
    breakers: Breakers,
    /// When it was last made sure, per network and server, that no incident is open there.
    calm_at: BTreeMap<(String, String), Timestamp>,
}

impl Health {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Which task may be done now, or what is known instead of an answer.
    pub(crate) fn may(&self, claim: &Claim, facts: &Facts, task: Task, now: Timestamp) -> Result<Task, Diagnosis> {
        self.known().breakers.may(&claim.network, &server_of(claim), facts, task, now)
    }

    /// What an answer, or none, says of the network, where all nodes have to know it.
    pub(crate) fn heard(&self, claim: &Claim, server: &str, trouble: bool, now: Timestamp) -> Option<Seen> {
        let (network, mut known) = (&claim.network, self.known());
        match known.breakers.heard(network, server, trouble, now) {
            Some(Turn::Away) => {
                tracing::warn!(network, server, "keeper: the network does not answer; it is left in peace and asked now and then");
            }
            Some(Turn::Back) => tracing::info!(network, server, "keeper: the network answers again"),
            None => {}
        }
        let place = (network.clone(), server.to_owned());
        if trouble {
            known.calm_at.remove(&place);
            return known.breakers.is_away(network, server).then_some(Seen::Trouble(IncidentKind::Away));
        }
        known.calm_at.get(&place).is_none_or(|at| now.since(*at) >= COMPARED_EVERY).then_some(Seen::Answer)
    }

    /// No incident is open there.
    pub(crate) fn is_calm(&self, claim: &Claim, server: &str, now: Timestamp) {
        self.known().calm_at.insert((claim.network.clone(), server.to_owned()), now);
    }
}

impl<L: Ledger> Worker<L> {
    /// What an answer, or none, says of the network's health.
    pub(crate) async fn hear(&self, claim: &Claim, trouble: bool, now: Timestamp) {
        let server = server_of(claim);
        if let Some(seen) = self.health.heard(claim, &server, trouble, now) {
            self.note_health(claim, &server, seen, now).await;
        }
    }

    /// People hear of an incident that lasts; whether it could be noted changes nothing about the grant.
    pub(crate) async fn note_health(&self, claim: &Claim, server: &str, seen: Seen, now: Timestamp) {
        match self.ports.ledger.note_health(claim, server, seen, now).await {
            Ok(true) => {}
            Ok(false) => self.health.is_calm(claim, server, now),
            Err(error) => tracing::error!(network = claim.network, error = %error, "keeper: what was seen of a network could not be noted"),
        }
    }
}
