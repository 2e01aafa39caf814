//! How many calls may be made now: what this node knows of the budgets, and how many calls are under way (RF-05).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use http::HeaderMap;
use lifecycle::budget::{AppKey, Budgets, Need, Passage, is_bad};
use lifecycle::ledger::{Claim, Ledger, LedgerError};
use lifecycle::time::Timestamp;

use crate::alarms::Alarm;
use crate::perform::Worker;
use crate::ports::NetworkApp;

/// The budgets of this node.
#[derive(Default)]
pub(crate) struct Calls(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    budgets: Budgets,
    going: BTreeMap<AppKey, u32>,
    /// The apps whose network is left in peace because it refused too much.
    quiet: BTreeSet<AppKey>,
}

/// One call under way; over when dropped.
pub(crate) struct Going<'a> {
    calls: &'a Calls,
    key: AppKey,
}

impl Drop for Going<'_> {
    fn drop(&mut self) {
        if let Some(going) = self.calls.inner().going.get_mut(&self.key) {
            *going = going.saturating_sub(1);
        }
    }
}

/// Why a call is not made now.
pub(crate) enum Wait {
    /// There is no call left for it: it comes again at this moment.
    Until(Timestamp),
    /// The ledger could not be asked.
    NotAsked(LedgerError),
}

impl Calls {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self, key: AppKey) -> Going<'_> {
        *self.inner().going.entry(key.clone()).or_default() += 1;
        Going { calls: self, key }
    }
}

impl<L: Ledger> Worker<L> {
    /// A call for this grant, or when to come again.
    pub(crate) async fn may_call(&self, claim: &Claim, app: &NetworkApp, need: Need) -> Result<Going<'_>, Wait> {
        let (key, pace, now) = (AppKey::of(claim), &app.facts.pace, self.ports.clock.now());
        let passage = {
            let mut inner = self.calls.inner();
            let going = inner.going.get(&key).copied().unwrap_or(0);
            inner.budgets.may(&key, pace, need, going, now)
        };
        let passage = match passage {
            Passage::Book(want) => {
                let booked = self.ports.ledger.book_calls(&key, pace, want, need, now).await.map_err(Wait::NotAsked)?;
                self.calls.inner().budgets.booked(&key, pace, booked, now)
            }
            known => known,
        };
        match passage {
            Passage::Later(at) => Err(Wait::Until(at)),
            Passage::Go | Passage::Book(_) => {
                self.forget_quiet(&key, app, now);
                Ok(self.calls.enter(key))
            }
        }
    }

    fn forget_quiet(&self, key: &AppKey, app: &NetworkApp, now: Timestamp) {
        let mut inner = self.calls.inner();
        if !inner.quiet.is_empty() && !inner.budgets.is_quiet(key, &app.facts, now) {
            inner.quiet.remove(key);
            if inner.quiet.is_empty() {
                self.ports.alarms.clear("refused");
            }
        }
    }

    /// How much of what the app may do is used up, as an answer tells: looks wait before there is nothing left.
    pub(crate) fn count_use(&self, claim: &Claim, app: &NetworkApp, headers: &HeaderMap) {
        if let Some(percent) = app.network.used_up(headers) {
            self.calls.inner().budgets.used(&AppKey::of(claim), percent, self.ports.clock.now());
        }
    }

    /// What a call came to: a network that refuses too much is left in peace before it bans our address.
    pub(crate) fn count_refusal(&self, claim: &Claim, app: &NetworkApp, http_status: Option<u16>) {
        let key = AppKey::of(claim);
        let mut inner = self.calls.inner();
        if !inner.budgets.heard(&key, &app.facts.pace, is_bad(http_status), self.ports.clock.now()) {
            return;
        }
        inner.quiet.insert(key);
        let most = app.facts.pace.refused_in_10_minutes;
        self.ports.alarms.raise(Alarm::Refusing { title: app.network.about().title.to_owned(), most });
    }
}
