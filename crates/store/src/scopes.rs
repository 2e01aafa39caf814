//! What was granted, from token set to token set: a scope that is gone is an event and a flag, never a death (RF-24).

use lifecycle::grant::Grant;
use lifecycle::ids::{GrantId, OrganisationId, PersonId};
use lifecycle::secret::TokenSet;
use lifecycle::time::Timestamp;
use serde_json::json;

use crate::Store;
use crate::driver::{Row, StoreError, Tx, to_json};
use crate::events::{self, About, Actor};
use crate::grants::token_context;
use crate::seal::open_tokens;

/// The scopes that were granted once, or asked for, and are not there now.
pub(crate) fn missing(row: &Row) -> Result<Vec<String>, StoreError> {
    Ok(match row.opt_text("missing_scopes")? {
        Some(_) => row.json("missing_scopes")?,
        None => vec![],
    })
}

async fn write(tx: &mut Tx, grant: &GrantId, missing: &[String]) -> Result<(), StoreError> {
    let kept = if missing.is_empty() { None } else { Some(to_json(&missing)?) };
    tx.run("UPDATE grants SET missing_scopes = $2 WHERE id = $1", &[grant.as_str().into(), kept.into()]).await?;
    Ok(())
}

/// Notes what a person who authorised did not grant of what was asked for; nothing where all was granted.
pub async fn set_missing(tx: &mut Tx, person: &PersonId, missing: &[String]) -> Result<(), StoreError> {
    match crate::grants::of_person(tx, person).await? {
        Some(grant) => write(tx, &grant.id, missing).await,
        None => Ok(()),
    }
}

impl Store {
    /// Compares a renewed token set with the one before it, of which `row` holds seal, generation and flag. An answer that names no
    /// scopes changes none.
    pub(crate) async fn compare_scopes(
        &self,
        tx: &mut Tx,
        organisation: &OrganisationId,
        row: &Row,
        grant: &Grant,
        renewed: &TokenSet,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let Some(sealed) = row.opt_bytes("sealed_tokens")?.filter(|_| !renewed.scopes.is_empty()) else { return Ok(()) };
        let context = token_context(grant.id.as_str(), organisation.as_str(), row.int("generation")?);
        // What cannot be opened cannot be compared; the new token set is stored all the same.
        let Ok(before) = open_tokens(self.keys(), &context, &sealed) else { return Ok(()) };
        let known = missing(row)?;
        let has = |scope: &&String| renewed.scopes.contains(*scope);
        let lost: Vec<String> = before.scopes.iter().filter(|scope| !has(scope) && !known.contains(*scope)).cloned().collect();
        let regained: Vec<String> = known.iter().filter(has).cloned().collect();
        if lost.is_empty() && regained.is_empty() {
            return Ok(());
        }
        let now_missing: Vec<String> = known.iter().filter(|scope| !has(scope)).chain(&lost).cloned().collect();
        write(tx, &grant.id, &now_missing).await?;
        let about = About { grant: Some(grant.id.clone()), person: Some(grant.person.clone()), ..About::default() };
        for (kind, scopes) in [("grant.scopes_lost", &lost), ("grant.scopes_regained", &regained)] {
            if !scopes.is_empty() {
                let detail = json!({ "scopes": scopes, "generation": grant.generation });
                events::append(tx, organisation, now, kind, &Actor::Keeper, &about, &detail).await?;
            }
        }
        Ok(())
    }
}
