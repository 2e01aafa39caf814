//! Answers kept for a day, so that a tool may send the same request twice and have it done once (`Idempotency-Key`).

use lifecycle::ids::OrganisationId;
use lifecycle::time::{Span, Timestamp};
use zeroize::Zeroizing;

use crate::Store;
use crate::driver::{StoreError, Tx};
use crate::seal::{Context, digest};

/// How long an answer is kept.
pub(crate) const KEPT: Span = Span::hours(24);
/// A request that did not end within this time never will: its process died, before or after the work. Of acts, which are journaled by
/// themselves, that is known sooner ([`crate::acts::ABANDONED_AFTER`]).
pub const ABANDONED_AFTER: Span = Span::minutes(5);

/// A key as one actor of one organisation sent it.
#[derive(Debug, Clone, Copy)]
pub struct Key<'a> {
    /// Of which organisation.
    pub organisation: &'a OrganisationId,
    /// Who asks: the id of a user or an API key. Two actors never meet in one key.
    pub actor: &'a str,
    /// What they sent.
    pub key: &'a str,
}

/// What a key that came means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// It is new: do the work, then keep the answer.
    New,
    /// It was done: this was the answer.
    Answered {
        /// HTTP status.
        status: u16,
        /// Body.
        body: Zeroizing<Vec<u8>>,
    },
    /// The same request is being worked on at this moment.
    Running,
    /// Its process died over it: it may have been done, so it is not done again by itself.
    Abandoned,
    /// The key was used for another request.
    OtherRequest,
}

impl Key<'_> {
    /// The row under the seal: answers may hold links and keys that are shown once.
    fn row(&self) -> String {
        digest(format!("{}\n{}", self.actor, self.key).as_bytes())
    }

    fn context<'c>(&'c self, row: &'c str) -> Context<'c> {
        Context { table: "idempotency_keys", column: "answer", row, organisation: self.organisation.as_str(), generation: None }
    }
}

impl Store {
    /// Looks a key up and, when it is new, notes that its request has begun. `request` is everything that makes two requests
    /// the same: method, path, body. Only its hash is stored.
    pub async fn begin_request(
        &self,
        tx: &mut Tx,
        key: Key<'_>,
        request: &[u8],
        over_after: Span,
        now: Timestamp,
    ) -> Result<Seen, StoreError> {
        let hash = digest(request);
        let sql = "INSERT INTO idempotency_keys (organisation_id, actor, key, request_hash, created_at) VALUES ($1, $2, $3, $4, $5) \
                   ON CONFLICT (organisation_id, actor, key) DO UPDATE SET request_hash = excluded.request_hash, status = NULL, answer = NULL, created_at = excluded.created_at \
                   WHERE idempotency_keys.created_at <= $6";
        let values =
            [key.organisation.as_str().into(), key.actor.into(), key.key.into(), hash.clone().into(), now.into(), (now - KEPT).into()];
        if tx.run(sql, &values).await? == 1 {
            return Ok(Seen::New);
        }
        let sql = "SELECT * FROM idempotency_keys WHERE organisation_id = $1 AND actor = $2 AND key = $3";
        let row = tx.one(sql, &values[..3]).await?.ok_or_else(|| StoreError::Broken("a key that is and is not there".into()))?;
        if row.text("request_hash")? != hash {
            return Ok(Seen::OtherRequest);
        }
        let (Some(status), Some(sealed)) = (row.opt_int("status")?, row.opt_bytes("answer")?) else {
            let is_over = row.time("created_at")? <= now - over_after;
            return Ok(if is_over { Seen::Abandoned } else { Seen::Running });
        };
        let body = self.keys().open(&key.context(&key.row()), &sealed)?;
        Ok(Seen::Answered { status: u16::try_from(status).map_err(|_| StoreError::Broken("status".into()))?, body })
    }

    /// Keeps the answer, sealed. In the transaction that does the work: then a crash forgets both or neither.
    pub async fn end_request(&self, tx: &mut Tx, key: Key<'_>, status: u16, body: &[u8]) -> Result<(), StoreError> {
        let sealed = self.keys().seal(&key.context(&key.row()), body);
        let sql = "UPDATE idempotency_keys SET status = $4, answer = $5 WHERE organisation_id = $1 AND actor = $2 AND key = $3";
        let values = [key.organisation.as_str().into(), key.actor.into(), key.key.into(), i64::from(status).into(), sealed.into()];
        tx.run(sql, &values).await?;
        Ok(())
    }

    /// Forgets a request that was not done, so that it can be sent again.
    pub async fn forget_request(&self, tx: &mut Tx, key: Key<'_>) -> Result<(), StoreError> {
        let sql = "DELETE FROM idempotency_keys WHERE organisation_id = $1 AND actor = $2 AND key = $3 AND status IS NULL";
        tx.run(sql, &[key.organisation.as_str().into(), key.actor.into(), key.key.into()]).await?;
        Ok(())
    }
}

/// No request that was begun is worked on any more: each of them may have been done.
pub(crate) async fn end_begun(tx: &mut Tx, now: Timestamp) -> Result<(), StoreError> {
    let sql = "UPDATE idempotency_keys SET created_at = $1 WHERE status IS NULL AND created_at > $1";
    tx.run(sql, &[(now - ABANDONED_AFTER).into()]).await.map(drop)
}
