//! How many of what there is, for the operator's monitoring. Never a name, an address or an id.

use lifecycle::time::Timestamp;

use crate::driver::{StoreError, Tx};

/// What the database says of the whole installation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Numbers {
    /// Profiles by network and status.
    pub profiles: Vec<(String, String, i64)>,
    /// Grants that are due and not taken up yet.
    pub due: i64,
    /// Since when the longest of them waits.
    pub due_since: Option<Timestamp>,
    /// Renewals that were sent and whose end is not known yet.
    pub open_attempts: i64,
    /// Messages by channel that wait to be sent.
    pub waiting: Vec<(String, i64)>,
    /// Messages by channel that could not be delivered.
    pub given_up: Vec<(String, i64)>,
    /// Revocations owed to networks.
    pub revocations: i64,
}

/// Counts.
pub async fn count(tx: &mut Tx, now: Timestamp) -> Result<Numbers, StoreError> {
    let sql = "SELECT network, status, COUNT(*) AS n FROM profiles GROUP BY network, status ORDER BY network, status";
    let rows = tx.all(sql, &[]).await?;
    let profiles =
        rows.iter().map(|row| Ok((row.text("network")?, row.text("status")?, row.int("n")?))).collect::<Result<_, StoreError>>()?;
    let sql = "SELECT COUNT(*) AS n, MIN(due_at) AS since FROM grants WHERE due_at <= $1 AND (lease_until IS NULL OR lease_until <= $1)";
    let due = tx.one(sql, &[now.into()]).await?;
    let (due, due_since) = due.map(|row| Ok::<_, StoreError>((row.int("n")?, row.opt_time("since")?))).transpose()?.unwrap_or_default();
    let open_attempts = one(tx, "SELECT COUNT(*) AS n FROM attempts WHERE ended_at IS NULL AND phase = 'sent'").await?;
    let waiting =
        by_channel(tx, "SELECT channel, COUNT(*) AS n FROM outbox WHERE due_at IS NOT NULL GROUP BY channel ORDER BY channel").await?;
    let given_up =
        by_channel(tx, "SELECT channel, COUNT(*) AS n FROM outbox WHERE gave_up_at IS NOT NULL GROUP BY channel ORDER BY channel").await?;
    let revocations = one(tx, "SELECT COUNT(*) AS n FROM revocations WHERE due_at IS NOT NULL").await?;
    Ok(Numbers { profiles, due, due_since, open_attempts, waiting, given_up, revocations })
}

async fn one(tx: &mut Tx, sql: &str) -> Result<i64, StoreError> {
    Ok(tx.one(sql, &[]).await?.map(|row| row.int("n")).transpose()?.unwrap_or(0))
}

async fn by_channel(tx: &mut Tx, sql: &str) -> Result<Vec<(String, i64)>, StoreError> {
    tx.all(sql, &[]).await?.iter().map(|row| Ok((row.text("channel")?, row.int("n")?))).collect()
}
