//! What the keeper is handed from outside: storage, wire, clock, dice, and the directory of network apps.

use std::sync::Arc;

use lifecycle::diagnosis::Diagnosis;
use lifecycle::facts::Facts;
use lifecycle::ids::{AttemptId, OrganisationId};
use lifecycle::secret::TokenSet;
use lifecycle::time::{Span, Timestamp};
use networks::Network;
use networks::network::{App, Cx, Discovery, Registration};
pub use networks::wire::Clock;
use networks::wire::{BoxFuture, Dice, Wire, Wires};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use crate::alarms::Alarms;
use crate::spool::{Spool, Ticket};

/// A network with our registered client there and what is configured about it.
#[derive(Clone)]
pub struct NetworkApp {
    /// The adapter.
    pub network: &'static dyn Network,
    /// Our client.
    pub app: App,
    /// Lifetimes and habits after configuration.
    pub facts: Facts,
}

impl NetworkApp {
    /// Whether we have an app there, or need none. Where one is missing, what was typed may still be enough (see
    /// [`networks::network::Asks::replaces_app`]).
    pub fn is_registered(&self) -> bool {
        self.network.about().registration != Registration::ByHand || !self.app.client_id.is_empty()
    }

    /// What a call of the adapter is handed.
    pub fn cx<'a>(&'a self, now: Timestamp, dice: &'a dyn Dice) -> Cx<'a> {
        Cx { app: &self.app, facts: &self.facts, now, dice }
    }

    /// Lists what a token leads to, with the texts of strangers made fit to be kept. Nobody asks the adapter past this.
    ///
    /// # Errors
    /// A diagnosis when the network would not give the list.
    pub async fn discover(&self, now: Timestamp, dice: &dyn Dice, wire: &dyn Wire, tokens: &TokenSet) -> Result<Discovery, Diagnosis> {
        self.network.discover(self.cx(now, dice), wire, tokens).await.map(Discovery::cleaned)
    }
}

/// Finds the network app that a grant belongs to.
pub trait Directory: Send + Sync {
    /// The app, or `None` when none is configured (any more).
    fn find<'a>(&'a self, organisation: &'a OrganisationId, network: &'a str, instance: &'a str) -> BoxFuture<'a, Option<Arc<NetworkApp>>>;
}

/// Seals what the spool holds. Bound to the ticket: under another one it does not open.
pub trait Sealer: Send + Sync {
    /// Seals.
    fn seal(&self, ticket: &Ticket, plain: &[u8]) -> Vec<u8>;
    /// Opens; `None` when the bytes were changed or the key is not here.
    fn open(&self, ticket: &Ticket, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>>;
}

/// Everything the keeper needs.
pub struct Ports<L> {
    /// The storage.
    pub ledger: L,
    /// The ways out.
    pub wire: Arc<dyn Wires>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The dice.
    pub dice: Arc<dyn Dice>,
    /// The network apps.
    pub directory: Arc<dyn Directory>,
    /// Makes ids of attempts.
    pub attempt_id: fn() -> AttemptId,
    /// How long a lease lasts (RF-07).
    pub lease: Span,
    /// Called when messages were put into the outbox.
    pub told: Arc<Notify>,
    /// Wakes the keeper: something became due.
    pub wake: Arc<Notify>,
    /// Where answers are captured.
    pub spool: Arc<Spool>,
    /// What the operator has to know.
    pub alarms: Arc<Alarms>,
    /// A disk of this machine failed: this process has to end (RF-43). Whoever notices it cancels it.
    pub fault: CancellationToken,
}
