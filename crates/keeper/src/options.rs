//! How the keeper behaves.

use std::time::Duration;

/// How the loop behaves.
#[derive(Clone)]
pub struct Options {
    /// The longest sleep between two looks at the ledger; wake-ups come sooner.
    pub poll_every: Duration,
    /// How many grants are worked on at once.
    pub concurrency: usize,
    /// How long a shutdown waits for renewals that were sent (RF-21).
    pub shutdown_wait: Duration,
    /// How often a lease is renewed while the work on its grant lasts (RF-07).
    pub renew_lease_every: Duration,
    /// How long nothing is claimed after the ledger could not be asked: who holds an answer stores it first.
    pub holders_first: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            poll_every: Duration::from_secs(5),
            concurrency: 16,
            shutdown_wait: Duration::from_mins(2),
            renew_lease_every: Duration::from_secs(30),
            holders_first: Duration::from_secs(10),
        }
    }
}
