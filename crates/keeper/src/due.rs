//! What is due: spread where it is a backlog, taken up, and waited for.

use std::sync::Arc;
use std::time::{Duration, Instant};

use lifecycle::ledger::{Ledger, LedgerError};
use tokio::sync::Semaphore;

use crate::Keeper;

/// How often it is looked whether there is a backlog.
const CATCH_UP_EVERY: Duration = Duration::from_mins(1);

impl<L: Ledger + 'static> Keeper<L> {
    /// Spreads what was missed while nobody worked, once a minute at most (RF-04).
    pub(crate) async fn catch_up(&self, done_at: &mut Option<Instant>) -> Result<(), LedgerError> {
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

    /// `true` when nothing that is due is left; `false` when all hands are full.
    pub(crate) async fn take_up_due(&self, places: &Arc<Semaphore>) -> Result<bool, LedgerError> {
        self.worker.give_back_owed().await;
        loop {
            let free = u32::try_from(places.available_permits()).unwrap_or(u32::MAX);
            if free == 0 {
                return Ok(false);
            }
            let now = self.worker.ports.clock.now();
            let lease = self.worker.ports.lease;
            let mut claims = self.worker.ports.ledger.unfinished(&self.node, now, lease).await?;
            let left = free.saturating_sub(u32::try_from(claims.len()).unwrap_or(u32::MAX));
            claims.extend(self.worker.ports.ledger.claim_due(&self.node, now, lease, left).await?);
            if claims.is_empty() {
                return Ok(true);
            }
            for claim in claims {
                let Ok(place) = Arc::clone(places).acquire_owned().await else { return Ok(false) };
                let worker = Arc::clone(&self.worker);
                let wake = Arc::clone(&self.wake);
                self.tasks.spawn(async move {
                    let lease = claim.lease.clone();
                    Box::pin(worker.holding(&lease, worker.take_up(claim))).await;
                    drop(place);
                    // What was just done may have made something due at once (a second look by another call).
                    wake.notify_one();
                });
            }
        }
    }

    pub(crate) async fn until_next_due(&self) -> Duration {
        let now = self.worker.ports.clock.now();
        let next = self.worker.ports.ledger.next_due().await.ok().flatten();
        let wait = next.map_or(self.options.poll_every, |at| Duration::from_micros(u64::try_from(at.since(now).as_micros()).unwrap_or(0)));
        // Never zero: a grant that is due but held by another node must not be asked for in a tight loop.
        wait.clamp(Duration::from_millis(50), self.options.poll_every)
    }
}
