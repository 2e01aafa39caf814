//! Leases that are renewed while the work on a grant lasts (RF-07): a slow network, a long listing, a database that is away do not
//! let somebody else begin beside it. A process that stands still renews nothing.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Mutex, MutexGuard, PoisonError};

use lifecycle::ids::GrantId;
use lifecycle::ledger::{Lease, Ledger};
use lifecycle::time::Timestamp;

use crate::perform::Worker;

/// Until when the leases of this process last, by grant and fence, where they were renewed.
#[derive(Default)]
pub(crate) struct Leases {
    renewed: Mutex<BTreeMap<(GrantId, i64), Timestamp>>,
    /// What could not be given back while the database was away, with the moment at which the grant is taken up again.
    owed: Mutex<Vec<(Lease, Option<Timestamp>)>>,
}

struct Held<'a>(&'a Leases, (GrantId, i64));

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.map().remove(&self.1);
    }
}

impl Leases {
    fn map(&self) -> MutexGuard<'_, BTreeMap<(GrantId, i64), Timestamp>> {
        self.renewed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn owed(&self) -> MutexGuard<'_, Vec<(Lease, Option<Timestamp>)>> {
        self.owed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A lease under which nothing is done any more goes back as soon as the database answers. Whoever claimed the grant since keeps
    /// it: the fence is another one.
    pub(crate) fn owe(&self, lease: &Lease, again_at: Option<Timestamp>) {
        self.owed().push((lease.clone(), again_at));
    }

    /// Until when this lease lasts, as far as this process knows.
    pub(crate) fn until(&self, lease: &Lease) -> Timestamp {
        self.map().get(&(lease.grant.clone(), lease.fence)).map_or(lease.until, |until| lease.until.max(*until))
    }
}

impl<L: Ledger> Worker<L> {
    /// Gives a lease back without a change, now or once the database answers.
    pub(crate) async fn give_back(&self, lease: &Lease, again_at: Option<Timestamp>) {
        if let Err(error) = self.ports.ledger.release(lease, again_at).await {
            tracing::warn!(grant = %lease.grant, error = %error, "keeper: the lease could not be given back; tried again when the database answers");
            self.leases.owe(lease, again_at);
        }
    }

    /// Gives back what could not be given back before; what still cannot is tried again until the lease is over by itself.
    pub(crate) async fn give_back_owed(&self) {
        let owed = std::mem::take(&mut *self.leases.owed());
        for (lease, again_at) in owed.into_iter().filter(|(lease, _)| self.leases.until(lease) > self.ports.clock.now()) {
            if let Err(error) = self.ports.ledger.release(&lease, again_at).await {
                tracing::debug!(grant = %lease.grant, error = %error, "keeper: the lease could not be given back yet");
                self.leases.owe(&lease, again_at);
            }
        }
    }

    /// Does the work, and holds the lease meanwhile.
    pub(crate) async fn holding<T>(&self, lease: &Lease, work: impl Future<Output = T>) -> T {
        let key = (lease.grant.clone(), lease.fence);
        let held = Held(&self.leases, key);
        tokio::select! {
            biased;
            done = work => done,
            never = self.renew_lease(lease, &held) => match never {},
        }
    }

    async fn renew_lease(&self, lease: &Lease, held: &Held<'_>) -> Infallible {
        loop {
            tokio::time::sleep(self.renew_lease_every).await;
            let now = self.ports.clock.now();
            let until = now + self.ports.lease;
            match self.ports.ledger.extend(lease, now, until).await {
                Ok(true) => drop(self.leases.map().insert(held.1.clone(), until)),
                // It is over or somebody else's: what is under way goes on, and its fence keeps it from writing.
                Ok(false) => std::future::pending().await,
                Err(error) => tracing::debug!(grant = %lease.grant, error = %error, "keeper: a lease could not be renewed; tried again"),
            }
        }
    }
}
