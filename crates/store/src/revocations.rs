//! Revocations owed to networks: a durable job, not best effort (RF-39).

use lifecycle::ids::OrganisationId;
use lifecycle::secret::TokenSet;
use lifecycle::time::{Span, Timestamp};
use serde_json::json;

use crate::Store;
use crate::driver::{Row, StoreError, Tx};
use crate::events::{self, About, Actor};
use crate::grants::{Place, of_person, token_context};
use crate::ids::fresh;
use crate::seal::{Context, Keyring, open_tokens, seal_tokens};

/// How long a claimed revocation is left alone.
const LEASE: Span = Span::minutes(5);
/// After so many tries (a day and a half of doubling waits) the tokens are shredded all the same.
const TRIES_MAX: i64 = 12;

/// A revocation to carry out.
pub struct Revocation {
    /// Which.
    pub id: String,
    /// Of which organisation.
    pub organisation: OrganisationId,
    /// Where.
    pub place: Place,
    /// Whose they are, as the network names the person; `None` where that was never learned.
    pub person: Option<String>,
    /// What to revoke.
    pub tokens: TokenSet,
    /// How often it was tried.
    pub tries: i64,
}

fn context<'a>(id: &'a str, organisation: &'a str) -> Context<'a> {
    Context { table: "revocations", column: "sealed_tokens", row: id, organisation, generation: None }
}

/// Notes that a token set has to be revoked.
pub(crate) async fn owe(
    tx: &mut Tx,
    keys: &Keyring,
    organisation: &OrganisationId,
    place: &Place,
    person: Option<&str>,
    tokens: &TokenSet,
    now: Timestamp,
) -> Result<(), StoreError> {
    let id = fresh::<lifecycle::ids::AttemptId>();
    let sealed = seal_tokens(keys, &context(id.as_str(), organisation.as_str()), tokens);
    let sql = "INSERT INTO revocations (id, organisation_id, network, instance, sealed_tokens, created_at, due_at, tries, person_network_id) VALUES ($1, $2, $3, $4, $5, $6, $6, 0, $7)";
    tx.run(
        sql,
        &[
            id.as_str().into(),
            organisation.as_str().into(),
            place.network.as_str().into(),
            place.instance.as_str().into(),
            sealed.into(),
            now.into(),
            person.map(str::to_owned).into(),
        ],
    )
    .await?;
    Ok(())
}

impl Store {
    /// Notes that tokens have to be revoked which were issued and are not kept.
    pub async fn owe_revocation(
        &self,
        tx: &mut Tx,
        organisation: &OrganisationId,
        place: &Place,
        tokens: &TokenSet,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        owe(tx, self.keys(), organisation, place, None, tokens, now).await
    }

    /// Notes that what a person's grant holds now has to be revoked: something else is about to take its place. What is known to
    /// be dead is left alone.
    pub async fn owe_replaced(
        &self,
        tx: &mut Tx,
        organisation: &OrganisationId,
        place: &Place,
        person: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let sql = "SELECT id FROM people WHERE organisation_id = $1 AND network = $2 AND instance = $3 AND network_id = $4";
        let values = [organisation.as_str().into(), place.network.as_str().into(), place.instance.as_str().into(), person.into()];
        let Some(row) = tx.one(sql, &values).await? else { return Ok(()) };
        let Some(grant) = of_person(tx, &row.parsed("id")?).await?.filter(|grant| grant.verdict().is_none()) else { return Ok(()) };
        let kept = tx.one("SELECT sealed_tokens, generation FROM grants WHERE id = $1", &[grant.id.as_str().into()]).await?;
        let Some(row) = kept else { return Ok(()) };
        let Some(sealed) = row.opt_bytes("sealed_tokens")? else { return Ok(()) };
        let context = token_context(grant.id.as_str(), organisation.as_str(), row.int("generation")?);
        match open_tokens(self.keys(), &context, &sealed) {
            Ok(tokens) => owe(tx, self.keys(), organisation, place, Some(person), &tokens, now).await,
            // What cannot be opened cannot be revoked; what takes its place is good all the same.
            Err(error) => {
                tracing::error!(grant = %grant.id, error = %error, "store: tokens that are replaced cannot be opened, so they cannot be revoked");
                Ok(())
            }
        }
    }

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
            match self.read_revocation(&row) {
                Ok(revocation) => claimed.push(revocation),
                // Nobody will ever be able to send these tokens; the others go on.
                Err(error @ (StoreError::Seal(_) | StoreError::Broken(_))) => {
                    end(&mut tx, &row.text("id")?, &format!("unreadable: {error}"), now).await?;
                }
                Err(other) => return Err(other),
            }
        }
        tx.commit().await?;
        Ok(claimed)
    }

    fn read_revocation(&self, row: &Row) -> Result<Revocation, StoreError> {
        let (id, organisation): (String, OrganisationId) = (row.text("id")?, row.parsed("organisation_id")?);
        let sealed = row.opt_bytes("sealed_tokens")?.ok_or_else(|| StoreError::Broken("the tokens are shredded".into()))?;
        let tokens = open_tokens(self.keys(), &context(&id, organisation.as_str()), &sealed)?;
        let place = Place { network: row.text("network")?, instance: row.text("instance")? };
        Ok(Revocation { id, organisation, place, person: row.opt_text("person_network_id")?, tokens, tries: row.int("tries")? })
    }

    /// Ends a revocation: the tokens are shredded, and the log says what came of it.
    pub async fn end_revocation(&self, id: &str, outcome: &str, now: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        end(&mut tx, id, outcome, now).await?;
        tx.commit().await
    }

    /// Tries again later; after a day and a half the tokens are shredded all the same.
    pub async fn put_off_revocation(&self, revocation: &Revocation, outcome: &str, now: Timestamp) -> Result<(), StoreError> {
        if revocation.tries >= TRIES_MAX {
            return self.end_revocation(&revocation.id, outcome, now).await;
        }
        let wait = Span::seconds(30).times(1 << revocation.tries.clamp(0, 12), 1);
        let mut tx = self.write().await?;
        tx.run(
            "UPDATE revocations SET due_at = $2, outcome = $3 WHERE id = $1 AND tries = $4 AND ended_at IS NULL",
            &[revocation.id.as_str().into(), (now + wait).into(), outcome.into(), revocation.tries.into()],
        )
        .await?;
        tx.commit().await
    }
}

async fn end(tx: &mut Tx, id: &str, outcome: &str, now: Timestamp) -> Result<(), StoreError> {
    let sql = "UPDATE revocations SET sealed_tokens = NULL, person_network_id = NULL, due_at = NULL, ended_at = $2, outcome = $3 WHERE id = $1 AND ended_at IS NULL RETURNING *";
    let Some(row) = tx.one(sql, &[id.into(), now.into(), outcome.into()]).await? else { return Ok(()) };
    let detail = json!({ "network": row.text("network")?, "outcome": outcome, "tries": row.int("tries")? });
    events::append(tx, &row.parsed("organisation_id")?, now, "revocation.ended", &Actor::Keeper, &About::default(), &detail).await
}
