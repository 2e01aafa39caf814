//! Which grants this process is asking a network about at this moment. A lease that ran out meanwhile (the machine slept) does
//! not let the same process send a token a second time beside its own first call.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use lifecycle::ids::GrantId;
use tokio::sync::Notify;

/// The renewals under way.
#[derive(Default)]
pub(crate) struct Sends {
    going: Mutex<BTreeSet<GrantId>>,
    over: Notify,
}

/// One renewal; over when dropped.
pub(crate) struct Sending<'a> {
    sends: &'a Sends,
    grant: GrantId,
}

impl Drop for Sending<'_> {
    fn drop(&mut self) {
        self.sends.going().remove(&self.grant);
        self.sends.over.notify_waiters();
    }
}

impl Sends {
    fn going(&self) -> MutexGuard<'_, BTreeSet<GrantId>> {
        self.going.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins one.
    pub(crate) fn enter(&self, grant: &GrantId) -> Sending<'_> {
        self.going().insert(grant.clone());
        Sending { sends: self, grant: grant.clone() }
    }

    /// Waits until none is under way for this grant.
    pub(crate) async fn wait(&self, grant: &GrantId) {
        loop {
            let over = self.over.notified();
            if !self.going().contains(grant) {
                return;
            }
            over.await;
        }
    }
}
