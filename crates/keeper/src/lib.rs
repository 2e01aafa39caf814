//! The loop that does what the rules say: takes up what is due, turns each action of `lifecycle` into I/O, and
//! makes the outcome durable. It knows neither SQL nor HTTP servers: a [`Ledger`] and three small ports.

pub mod alarms;
mod calls;
mod demand;
mod due;
mod health;
mod leases;
mod measure;
mod options;
pub mod perform;
pub mod ports;
mod sends;
mod settle;
pub mod spool;
mod steady;

use std::sync::Arc;
use std::time::Instant;

use lifecycle::ids::NodeId;
use lifecycle::ledger::Ledger;
use tokio::sync::{Notify, Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::alarms::Alarm;
use crate::calls::Calls;
use crate::health::Health;
use crate::leases::Leases;
pub use crate::options::Options;
use crate::perform::Worker;
use crate::ports::Ports;
use crate::sends::Sends;
use crate::steady::Steady;

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
    /// The clock as it was when nothing had begun: whoever sets it from then on is noticed.
    steady: Steady,
    /// How often all that was due was taken up.
    passes: watch::Sender<u64>,
    /// All that is under way, asked for or due.
    tasks: TaskTracker,
}

impl<L: Ledger + 'static> Keeper<L> {
    /// One that is not running yet.
    pub fn new(node: NodeId, ports: Ports<L>, options: Options) -> Self {
        let wake = Arc::clone(&ports.wake);
        let mut steady = Steady::default();
        // The first look has nothing to compare with.
        steady.set_by(ports.clock.now(), ports.clock.counter());
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
            steady,
            passes: watch::Sender::new(0),
            tasks: TaskTracker::new(),
        }
    }

    /// Counts full passes: all answers that were kept are brought in, and all that was due is taken up.
    pub fn passes(&self) -> watch::Receiver<u64> {
        self.passes.subscribe()
    }

    /// Whether the clock was set so far that nothing is done by it for now; the operator is told.
    fn doubts_clock(&self, steady: &mut Steady) -> bool {
        let ports = &self.worker.ports;
        let set_by = steady.set_by(ports.clock.now(), ports.clock.counter());
        match set_by {
            Some(by) => ports.alarms.raise(Alarm::ClockSet(by)),
            None => ports.alarms.clear("clock"),
        }
        set_by.is_some()
    }

    /// Runs until the token is cancelled, then waits for what was sent. A ledger that cannot be asked is asked again.
    pub async fn run(&self, stop: CancellationToken) {
        let places = Arc::new(Semaphore::new(self.options.concurrency));
        let (mut away_until, mut caught_up_at, mut steady) = (None, None, self.steady.clone());
        let fault = &self.worker.ports.fault;
        while !stop.is_cancelled() && !fault.is_cancelled() {
            // Captured answers first, then attempts that were left open, then what is due (RF-20).
            let is_doubted = self.doubts_clock(&mut steady);
            let resting = is_doubted || away_until.is_some_and(|until| Instant::now() < until);
            let worked = match self.bring_in_kept().await {
                Ok(()) if !resting => match self.catch_up(&mut caught_up_at).await {
                    Ok(()) => self.take_up_due(&places).await,
                    failed => failed.map(|()| false),
                },
                brought => brought.map(|()| false),
            };
            match worked {
                // Who rests has not asked, and cannot say that all is well.
                Ok(_) if resting => {}
                Ok(whole) => {
                    self.worker.ports.alarms.clear("ledger");
                    self.passes.send_if_modified(|passes| {
                        *passes += u64::from(whole);
                        whole
                    });
                }
                Err(error) => {
                    tracing::error!(error = %error, "keeper: the ledger could not be asked");
                    away_until = Some(Instant::now() + self.options.holders_first);
                    self.worker.ports.alarms.raise(Alarm::DatabaseAway);
                }
            }
            let sleep = if is_doubted { self.options.poll_every } else { self.until_next_due().await };
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
}
