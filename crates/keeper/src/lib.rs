//! The loop that does what the rules say: takes up what is due, turns each action of `lifecycle` into I/O, and
//! makes the outcome durable. It knows neither SQL nor HTTP servers: a [`Ledger`] and three small ports.

pub mod alarms;
mod calls;
mod demand;
mod health;
mod leases;
mod measure;
mod options;
pub mod perform;
pub mod ports;
mod sends;
mod settle;
pub mod spool;

use std::sync::Arc;
use std::time::{Duration, Instant};

use lifecycle::ids::NodeId;
use lifecycle::ledger::{Ledger, LedgerError};
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::calls::Calls;
use crate::health::Health;
use crate::leases::Leases;
pub use crate::options::Options;
use crate::perform::Worker;
use crate::ports::Ports;
use crate::sends::Sends;

const LEDGER_AWAY: &str =
    "the database cannot be asked: nothing is renewed or checked until it answers. Check that it runs and that its disk is writable";

/// How often it is looked whether there is a backlog.
const CATCH_UP_EVERY: Duration = Duration::from_mins(1);

/// What a look on demand came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checked {
    /// The network was asked and the outcome is stored.
    Done,
    /// The grant is being worked on at this moment, here or on another node.
    Busy,
}

/// The keeper of one node.
pub struct Keeper<L: Ledger + 'static> {
    node: NodeId,
    worker: Arc<Worker<L>>,
    options: Options,
    wake: Arc<Notify>,
    /// All that is under way, asked for or due.
    tasks: TaskTracker,
}

impl<L: Ledger + 'static> Keeper<L> {
    /// One that is not running yet.
    pub fn new(node: NodeId, ports: Ports<L>, options: Options) -> Self {
        let wake = Arc::clone(&ports.wake);
        Self {
            node,
            worker: Arc::new(Worker {
                ports,
                renew_lease_every: options.renew_lease_every,
                health: Health::default(),
                sends: Sends::default(),
                calls: Calls::default(),
                leases: Leases::default(),
            }),
            options,
            wake,
            tasks: TaskTracker::new(),
        }
    }

    /// Runs until the token is cancelled, then waits for what was sent. A ledger that cannot be asked is asked again.
    pub async fn run(&self, stop: CancellationToken) {
        let places = Arc::new(Semaphore::new(self.options.concurrency));
        let (mut away_until, mut caught_up_at) = (None, None);
        let fault = &self.worker.ports.fault;
        while !stop.is_cancelled() && !fault.is_cancelled() {
            // Captured answers first, then attempts that were left open, then what is due (RF-20).
            let resting = away_until.is_some_and(|until| Instant::now() < until);
            let worked = match self.bring_in_kept().await {
                Ok(()) if !resting => match self.catch_up(&mut caught_up_at).await {
                    Ok(()) => self.take_up_due(&places).await,
                    failed => failed,
                },
                brought => brought,
            };
            match worked {
                // Who rests has not asked, and cannot say that all is well.
                Ok(()) if resting => {}
                Ok(()) => self.worker.ports.alarms.clear("ledger"),
                Err(error) => {
                    tracing::error!(error = %error, "keeper: the ledger could not be asked");
                    away_until = Some(Instant::now() + self.options.holders_first);
                    self.worker.ports.alarms.raise("ledger", LEDGER_AWAY);
                }
            }
            let sleep = self.until_next_due().await;
            tokio::select! {
                () = stop.cancelled() => {}
                () = fault.cancelled() => {}
                () = self.wake.notified() => {}
                () = tokio::time::sleep(sleep) => {}
            }
        }
        self.tasks.close();
        if tokio::time::timeout(self.options.shutdown_wait, self.tasks.wait()).await.is_err() {
            tracing::warn!("keeper: stopped while renewals were still waiting for an answer; they are taken up again at the next start");
        }
    }

    /// Spreads what was missed while nobody worked, once a minute at most (RF-04).
    async fn catch_up(&self, done_at: &mut Option<Instant>) -> Result<(), LedgerError> {
        if done_at.is_some_and(|at| at.elapsed() < CATCH_UP_EVERY) {
            return Ok(());
        }
        let missed = self.worker.ports.ledger.catch_up(self.worker.ports.clock.now()).await?;
        *done_at = Some(Instant::now());
        if missed > 0 {
            tracing::warn!(missed, "keeper: what was due while nobody worked is spread over at least ten minutes, the most urgent first");
        }
        Ok(())
    }

    async fn take_up_due(&self, places: &Arc<Semaphore>) -> Result<(), LedgerError> {
        loop {
            let free = u32::try_from(places.available_permits()).unwrap_or(u32::MAX);
            if free == 0 {
                return Ok(());
            }
            let now = self.worker.ports.clock.now();
            let lease = self.worker.ports.lease;
            let mut claims = self.worker.ports.ledger.unfinished(&self.node, now, lease).await?;
            let left = free.saturating_sub(u32::try_from(claims.len()).unwrap_or(u32::MAX));
            claims.extend(self.worker.ports.ledger.claim_due(&self.node, now, lease, left).await?);
            if claims.is_empty() {
                return Ok(());
            }
            for claim in claims {
                let Ok(place) = Arc::clone(places).acquire_owned().await else { return Ok(()) };
                let worker = Arc::clone(&self.worker);
                let wake = Arc::clone(&self.wake);
                self.tasks.spawn(async move {
                    let lease = claim.lease.clone();
                    worker.holding(&lease, worker.take_up(claim)).await;
                    drop(place);
                    // What was just done may have made something due at once (a second look by another call).
                    wake.notify_one();
                });
            }
        }
    }

    async fn until_next_due(&self) -> Duration {
        let now = self.worker.ports.clock.now();
        let next = self.worker.ports.ledger.next_due().await.ok().flatten();
        let wait = next.map_or(self.options.poll_every, |at| Duration::from_micros(u64::try_from(at.since(now).as_micros()).unwrap_or(0)));
        // Never zero: a grant that is due but held by another node must not be asked for in a tight loop.
        wait.clamp(Duration::from_millis(50), self.options.poll_every)
    }
}
