//! Leases that last longer, backlogs that are spread, and the buckets of calls that all nodes share.

use lifecycle::budget::{self, AppKey, Booked, Need, Pace};
use lifecycle::ledger::Lease;
use lifecycle::schedule::{BACKLOG_MIN, LATE, spread_over};
use lifecycle::time::Timestamp;

use crate::Store;
use crate::driver::StoreError;
use crate::ledger::seen_meanwhile;

impl Store {
    pub(crate) async fn try_release(&self, lease: &Lease, again_at: Option<Timestamp>) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        let sql = "UPDATE grants SET lease_node = NULL, lease_until = NULL, due_at = COALESCE($4, due_at) \
                   WHERE id = $1 AND lease_node = $2 AND fence = $3 RETURNING seen_meanwhile";
        let row = tx.one(sql, &[lease.grant.as_str().into(), lease.node.as_str().into(), lease.fence.into(), again_at.into()]).await?;
        // What was seen meanwhile waits for no regular turn; where there is no call before that moment, it waits for the call.
        if again_at.is_none()
            && let Some(seen) = row.as_ref().map(seen_meanwhile).transpose()?.flatten()
        {
            let sql = "UPDATE grants SET due_at = $2 WHERE id = $1 AND (due_at IS NULL OR due_at > $2)";
            tx.run(sql, &[lease.grant.as_str().into(), seen.evidence.at.into()]).await?;
        }
        tx.commit().await
    }

    pub(crate) async fn try_extend(&self, lease: &Lease, now: Timestamp, until: Timestamp) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let sql = "UPDATE grants SET lease_until = $4 WHERE id = $1 AND lease_node = $2 AND fence = $3 AND lease_until > $5 RETURNING id";
        let values = [lease.grant.as_str().into(), lease.node.as_str().into(), lease.fence.into(), until.into(), now.into()];
        let held = tx.one(sql, &values).await?.is_some();
        tx.commit().await?;
        Ok(held)
    }

    pub(crate) async fn try_catch_up(&self, now: Timestamp) -> Result<u32, StoreError> {
        const MISSED: &str = "due_at < $1 AND (lease_until IS NULL OR lease_until <= $2)";
        let missed_before = now - LATE;
        // A cheap look first: nearly always there is nothing.
        let look = format!("SELECT COUNT(*) AS n FROM (SELECT id FROM grants WHERE {MISSED} LIMIT $3) AS missed");
        let mut tx = self.read().await?;
        let few = tx.one(&look, &[missed_before.into(), now.into(), (BACKLOG_MIN + 1).into()]).await?;
        drop(tx);
        if few.map(|row| row.int("n")).transpose()?.unwrap_or(0) <= i64::from(BACKLOG_MIN) {
            return Ok(0);
        }
        let mut tx = self.write().await?;
        let count = format!("SELECT COUNT(*) AS n FROM grants WHERE {MISSED}");
        let backlog = tx.one(&count, &[missed_before.into(), now.into()]).await?.map(|row| row.int("n")).transpose()?.unwrap_or(0);
        let backlog = u32::try_from(backlog).unwrap_or(u32::MAX);
        if backlog <= BACKLOG_MIN {
            // Another node was quicker.
            return Ok(0);
        }
        let order = "lost_at IS NULL, lost_at, due_at, id";
        let places = format!("SELECT id, ROW_NUMBER() OVER (ORDER BY {order}) - 1 AS place FROM grants WHERE {MISSED}");
        let sql = format!("UPDATE grants SET due_at = $2 + $3 * missed.place / $4 FROM ({places}) AS missed WHERE grants.id = missed.id");
        let over = spread_over(backlog).as_micros();
        tx.run(&sql, &[missed_before.into(), now.into(), over.into(), backlog.into()]).await?;
        tx.commit().await?;
        Ok(backlog)
    }

    pub(crate) async fn try_book_calls(
        &self,
        app: &AppKey,
        pace: &Pace,
        want: u32,
        need: Need,
        now: Timestamp,
    ) -> Result<Booked, StoreError> {
        let mut tx = self.write().await?;
        let lock = tx.dialect().for_update();
        let of_app = "organisation_id = $1 AND network = $2 AND instance = $3";
        let values = [app.organisation.as_str().into(), app.network.as_str().into(), app.instance.as_str().into(), now.into()];
        // The row is made first: two nodes that both find none would both find a full bucket.
        let make = "INSERT INTO call_buckets (organisation_id, network, instance, spent_until) VALUES ($1, $2, $3, $4) \
                    ON CONFLICT (organisation_id, network, instance) DO NOTHING";
        tx.run(make, &values).await?;
        let [organisation, network, instance, _] = values;
        let values = [organisation, network, instance];
        let row = tx.one(&format!("SELECT spent_until FROM call_buckets WHERE {of_app}{lock}"), &values).await?;
        let spent_until = row.map(|row| row.time("spent_until")).transpose()?.unwrap_or(now);
        let booked = budget::book(spent_until, want, need, pace, now);
        let [organisation, network, instance] = values;
        let moved = format!("UPDATE call_buckets SET spent_until = $4 WHERE {of_app}");
        tx.run(&moved, &[organisation, network, instance, booked.spent_until.into()]).await?;
        tx.commit().await?;
        Ok(booked)
    }
}
