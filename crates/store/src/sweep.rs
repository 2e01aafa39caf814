//! Forgetting what is over: sessions, links, answers, and secrets that nobody will come back for.

use lifecycle::time::{Span, Timestamp};

use crate::Store;
use crate::driver::StoreError;
use crate::idempotency;

/// Rows per transaction: nobody waits long behind a sweep.
const BATCH: u32 = 500;
/// Used and expired links are known that long, to be able to say so.
const LINKS_KEPT: Span = Span::days(90);

/// The delivery log goes back that far; longer than any occasion could come up a second time (NF-02).
const MESSAGES_KEPT: Span = Span::days(400);

/// A happening that is told again later than that is taken for a new one.
const SIGNALS_KEPT: Span = Span::days(90);

/// What goes, and from which moment on, counted back from now. Each finds its rows by an index: cost follows what is over,
/// not how much there is.
const RULES: &[(&str, Span)] = &[
    ("DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE expires_at <= $1 LIMIT $2)", Span::ZERO),
    (
        "DELETE FROM sign_ins_begun WHERE secret_hash IN (SELECT secret_hash FROM sign_ins_begun WHERE expires_at <= $1 LIMIT $2)",
        Span::ZERO,
    ),
    ("DELETE FROM invitations WHERE secret_hash IN (SELECT secret_hash FROM invitations WHERE expires_at <= $1 LIMIT $2)", LINKS_KEPT),
    (
        "DELETE FROM renewal_link_profiles WHERE (secret_hash, profile_id) IN (SELECT renewal_link_profiles.secret_hash, renewal_link_profiles.profile_id \
         FROM renewal_links JOIN renewal_link_profiles ON renewal_link_profiles.secret_hash = renewal_links.secret_hash WHERE expires_at <= $1 LIMIT $2)",
        LINKS_KEPT,
    ),
    ("DELETE FROM renewal_links WHERE secret_hash IN (SELECT secret_hash FROM renewal_links WHERE expires_at <= $1 LIMIT $2)", LINKS_KEPT),
    (
        "UPDATE connections SET sealed_memory = NULL WHERE id IN (SELECT id FROM connections WHERE sealed_memory IS NOT NULL AND expires_at <= $1 LIMIT $2)",
        Span::ZERO,
    ),
    (
        "UPDATE grants SET previous_sealed_tokens = NULL, previous_until = NULL WHERE id IN (SELECT id FROM grants WHERE previous_until <= $1 LIMIT $2)",
        Span::ZERO,
    ),
    (
        "DELETE FROM idempotency_keys WHERE (organisation_id, actor, key) IN (SELECT organisation_id, actor, key FROM idempotency_keys WHERE created_at <= $1 LIMIT $2)",
        idempotency::KEPT,
    ),
    (
        "DELETE FROM unsubscribe_links WHERE secret_hash IN (SELECT secret_hash FROM unsubscribe_links WHERE created_at <= $1 LIMIT $2)",
        crate::digests::LINKS_KEPT,
    ),
    ("DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE due_at IS NULL AND created_at <= $1 LIMIT $2)", MESSAGES_KEPT),
    (
        "DELETE FROM calendar_entries WHERE (feed_id, uid) IN (SELECT feed_id, uid FROM calendar_entries WHERE cancelled_at <= $1 LIMIT $2)",
        crate::calendars::CANCELLED_KEPT,
    ),
    (
        "DELETE FROM acts WHERE id IN (SELECT id FROM acts WHERE try_at IS NULL AND state <> 'unclear' AND changed_at <= $1 LIMIT $2)",
        crate::acts::KEPT,
    ),
    ("DELETE FROM signals WHERE id IN (SELECT id FROM signals WHERE received_at <= $1 LIMIT $2)", SIGNALS_KEPT),
];

impl Store {
    /// Forgets what is over, in batches; how many rows. Call it now and then (hourly is plenty).
    pub async fn sweep(&self, now: Timestamp) -> Result<u64, StoreError> {
        let mut all = 0;
        for (sql, kept) in RULES {
            all += self.sweep_by(sql, now - *kept).await?;
        }
        Ok(all)
    }

    async fn sweep_by(&self, sql: &str, until: Timestamp) -> Result<u64, StoreError> {
        let mut all = 0;
        loop {
            let mut tx = self.write().await?;
            let some = tx.run(sql, &[until.into(), BATCH.into()]).await?;
            tx.commit().await?;
            all += some;
            if some < u64::from(BATCH) {
                return Ok(all);
            }
        }
    }
}
