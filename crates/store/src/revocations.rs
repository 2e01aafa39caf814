//! Revocations owed to networks: a durable job, not best effort (RF-39).

use lifecycle::ids::OrganisationId;
use lifecycle::secret::TokenSet;
use lifecycle::time::{Span, Timestamp};

use crate::Store;
use crate::driver::{StoreError, Tx};
use crate::grants::Place;
use crate::ids::fresh;
use crate::seal::{Context, Keyring, open_tokens, seal_tokens};

/// How long a claimed revocation is left alone.
const LEASE: Span = Span::minutes(5);
/// After so many tries (two days of doubling waits) the tokens are shredded all the same.
const TRIES_MAX: i64 = 12;

/// A revocation to carry out.
pub struct Revocation {
    /// Which.
    pub id: String,
    /// Of which organisation.
    pub organisation: OrganisationId,
    /// Where.
    pub place: Place,
    /// What to revoke.
    pub tokens: TokenSet,
    /// How often it was tried.
    pub tries: i64,
}

fn context<'a>(id: &'a str, organisation: &'a str) -> Context<'a> {
    Context { table: "revocations", column: "sealed_tokens", row: id, organisation }
}

/// Notes that a token set has to be revoked.
pub(crate) async fn owe(
    tx: &mut Tx,
    keys: &Keyring,
    organisation: &OrganisationId,
    place: &Place,
    tokens: &TokenSet,
    now: Timestamp,
) -> Result<(), StoreError> {
    let id = fresh::<lifecycle::ids::AttemptId>();
    let sealed = seal_tokens(keys, &context(id.as_str(), organisation.as_str()), tokens);
    let sql = "INSERT INTO revocations (id, organisation_id, network, instance, sealed_tokens, created_at, due_at, tries) VALUES ($1, $2, $3, $4, $5, $6, $6, 0)";
    tx.run(
        sql,
        &[
            id.as_str().into(),
            organisation.as_str().into(),
            place.network.as_str().into(),
            place.instance.as_str().into(),
            sealed.into(),
            now.into(),
        ],
    )
    .await?;
    Ok(())
}

impl Store {
    /// Claims revocations that are due.
    pub async fn claim_revocations(&self, now: Timestamp, limit: u32) -> Result<Vec<Revocation>, StoreError> {
        let mut look = self.read().await?;
        if look.one("SELECT id FROM revocations WHERE due_at <= $1 LIMIT 1", &[now.into()]).await?.is_none() {
            return Ok(vec![]);
        }
        drop(look);
        let mut tx = self.write().await?;
        let sql = format!(
            "UPDATE revocations SET due_at = $2, tries = tries + 1 WHERE id IN (SELECT id FROM revocations WHERE due_at <= $1 ORDER BY due_at LIMIT $3{}) RETURNING *",
            tx.dialect().skip_locked()
        );
        let mut claimed = vec![];
        for row in tx.all(&sql, &[now.into(), (now + LEASE).into(), limit.into()]).await? {
            let (id, organisation): (String, OrganisationId) = (row.text("id")?, row.parsed("organisation_id")?);
            let Some(sealed) = row.opt_bytes("sealed_tokens")? else { continue };
            let tokens = open_tokens(self.keys(), &context(&id, organisation.as_str()), &sealed)?;
            let place = Place { network: row.text("network")?, instance: row.text("instance")? };
            claimed.push(Revocation { id, organisation, place, tokens, tries: row.int("tries")? });
        }
        tx.commit().await?;
        Ok(claimed)
    }

    /// Ends a revocation: the tokens are shredded.
    pub async fn end_revocation(&self, id: &str, outcome: &str, now: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        tx.run(
            "UPDATE revocations SET sealed_tokens = NULL, due_at = NULL, ended_at = $2, outcome = $3 WHERE id = $1",
            &[id.into(), now.into(), outcome.into()],
        )
        .await?;
        tx.commit().await
    }

    /// Tries again later; after two days the tokens are shredded all the same.
    pub async fn put_off_revocation(&self, revocation: &Revocation, outcome: &str, now: Timestamp) -> Result<(), StoreError> {
        if revocation.tries >= TRIES_MAX {
            return self.end_revocation(&revocation.id, outcome, now).await;
        }
        let wait = Span::seconds(30).times(1 << revocation.tries.clamp(0, 12), 1);
        let mut tx = self.write().await?;
        tx.run(
            "UPDATE revocations SET due_at = $2, outcome = $3 WHERE id = $1",
            &[revocation.id.as_str().into(), (now + wait).into(), outcome.into()],
        )
        .await?;
        tx.commit().await
    }
}
