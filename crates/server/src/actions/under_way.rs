//! An act on its way to a network: whoever sends it says so now and then, because a long film is no dead server; and whoever was taken
//! for dead over it, a process that stood still for minutes, sends nothing more of it, because others may have looked at the network by
//! then and sent it again.

use std::convert::Infallible;
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response};
use lifecycle::ids::ActId;
use lifecycle::time::{Span, Timestamp};
use networks::wire::{BoxFuture, Wire, WireError};
use store::StoreError;
use tokio::time::Instant;

use crate::state::App;

/// How often whoever sends says that it lives: several times before it is taken for dead.
const SAYS_SO_EVERY: Duration = Duration::from_secs(30);
/// Whoever has not said so for that long asks before it sends: well before anybody takes it for dead ([`store::acts::ABANDONED_AFTER`]).
const ASKS_AFTER: Duration = Duration::from_secs(90);

/// The way of one act, from the moment its row says that it was begun.
pub(super) struct UnderWay<'a> {
    app: &'a App,
    id: &'a ActId,
    since: Timestamp,
    wire: &'a dyn Wire,
    /// When it was last known that it is still ours; counted by the machine, whatever its clock is set to.
    ours_at: Mutex<Instant>,
}

impl<'a> UnderWay<'a> {
    /// An act begun at `since`, which went into its row at `began`.
    pub(super) fn new(app: &'a App, id: &'a ActId, since: Timestamp, began: Instant, wire: &'a dyn Wire) -> Self {
        Self { app, id, since, wire, ours_at: Mutex::new(began) }
    }

    /// Waits for what is sent, and says meanwhile that this process lives.
    pub(super) async fn wait<T>(&self, sent: impl Future<Output = T>) -> T {
        tokio::select! {
            biased;
            done = sent => done,
            never = self.says_so() => match never {},
        }
    }

    async fn says_so(&self) -> Infallible {
        loop {
            tokio::time::sleep(SAYS_SO_EVERY).await;
            if let Err(error) = self.is_ours().await {
                tracing::debug!(act = %self.id, error = %error, "act: that it is under way could not be written; tried again");
            }
        }
    }

    /// Says that this process lives; whether the act is still its own.
    async fn is_ours(&self) -> Result<bool, StoreError> {
        // From before the row is written: it says too little rather than too much.
        let asked = Instant::now();
        let is_ours = self.app.store.still_begun(&self.app.organisation, self.id, self.since, self.app.now()).await?;
        if is_ours {
            *self.known() = asked;
        }
        Ok(is_ours)
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Instant> {
        self.ours_at.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Wire for UnderWay<'_> {
    fn send(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, WireError>> {
        Box::pin(async move {
            let is_old = self.known().elapsed() > ASKS_AFTER;
            // Reading does nothing that could be done twice.
            if is_old && request.method() != Method::GET && !matches!(self.is_ours().await, Ok(true)) {
                tracing::warn!(act = %self.id, "act: this process stood still, and was taken for dead over it; nothing more of it is sent");
                return Err(WireError::NotSent("this server stood still for minutes, and the rest was left to the others".into()));
            }
            self.wire.send(request).await
        })
    }

    fn pause(&self, span: Span) -> BoxFuture<'_, ()> {
        self.wire.pause(span)
    }
}
