//! What somebody asks for at this moment, due or not: a look, a renewal.

use std::sync::Arc;

use lifecycle::ids::GrantId;
use lifecycle::ledger::{Claim, Ledger, LedgerError};
use lifecycle::schedule::Task;
use lifecycle::time::Timestamp;
use tracing::Instrument as _;

use crate::{Checked, Keeper};

impl<L: Ledger + 'static> Keeper<L> {
    /// Looks for what is due at once: something outside made it so.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// Renews one grant now, because somebody needs a token that lives, unless another renewal has brought a newer generation
    /// meanwhile. [`Checked::Busy`] while one is under way: ask again, never send beside it (RF-10).
    pub async fn renew_if(&self, grant: &GrantId, generation: i64) -> Result<Checked, LedgerError> {
        self.take_up_now(grant, move |claim, _| {
            if claim.grant.generation != generation {
                None
            } else if claim.grant.renewable {
                Some(Task::Renew)
            } else {
                Some(Task::Probe)
            }
        })
        .await
    }

    /// Asks the network about one grant now, due or not.
    pub async fn check(&self, grant: &GrantId) -> Result<Checked, LedgerError> {
        self.take_up_now(grant, |claim, now| {
            let over = claim.grant.clocks.access_until.is_some_and(|until| until <= now);
            Some(if over && claim.grant.renewable && claim.grant.verdict().is_none() { Task::Renew } else { Task::Probe })
        })
        .await
    }

    async fn take_up_now(
        &self,
        grant: &GrantId,
        task: impl Fn(&Claim, Timestamp) -> Option<Task> + Send + Sync + 'static,
    ) -> Result<Checked, LedgerError> {
        let now = self.worker.ports.clock.now();
        let Some(claim) = self.worker.ports.ledger.claim(&self.node, grant, now, self.worker.ports.lease).await? else {
            return Ok(Checked::Busy);
        };
        let worker = Arc::clone(&self.worker);
        // Detached: a caller who goes away does not tear the call in two (RF-15), and a shutdown waits for it.
        let work = async move {
            let lease = claim.lease.clone();
            let work = async {
                if claim.open.is_some() || worker.ports.spool.kept(&claim.grant.id).is_some() {
                    return worker.take_up(claim).await;
                }
                match task(&claim, worker.ports.clock.now()) {
                    Some(task) => worker.perform(claim, Some(task)).await,
                    None => worker.let_go(&claim).await,
                }
            };
            Box::pin(worker.holding(&lease, work)).await;
        };
        let running = self.tasks.spawn(work.in_current_span());
        let _ = running.await;
        self.wake.notify_one();
        Ok(Checked::Done)
    }
}
