//! People, their grants, and the accesses that hang on them.

use lifecycle::access::Access;
use lifecycle::facts::Facts;
use lifecycle::grant::{Clocks, Grant};
use lifecycle::ids::{GrantId, OrganisationId, PersonId, ProfileId};
use lifecycle::ledger::Ending;
use lifecycle::schedule;
use lifecycle::secret::TokenSet;
use lifecycle::time::{Span, Timestamp};

use crate::driver::{Row, StoreError, Tx, to_json};
use crate::ids::fresh;
use crate::scopes;
use crate::seal::{Context, open_tokens};

/// How long the token set before the present one is kept, sealed (RF-17).
const PREVIOUS_KEPT: Span = Span::hours(24);

/// A login at a network.
#[derive(Debug, Clone)]
pub struct Person {
    /// Which.
    pub id: PersonId,
    /// Their id at the network.
    pub network_id: String,
    /// Their name there. Hostile text.
    pub name: String,
    /// Their handle there.
    pub handle: Option<String>,
}

/// Which network and which of its instances.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The network.
    pub network: String,
    /// The instance; empty where there is one only.
    pub instance: String,
}

pub(crate) fn read_person(row: &Row) -> Result<Person, StoreError> {
    Ok(Person { id: row.parsed("id")?, network_id: row.text("network_id")?, name: row.text("name")?, handle: row.opt_text("handle")? })
}

pub(crate) fn read_grant(row: &Row) -> Result<Grant, StoreError> {
    Ok(Grant {
        id: row.parsed("id")?,
        person: row.parsed("person_id")?,
        generation: row.int("generation")?,
        state: row.json("state")?,
        clocks: Clocks {
            access_until: row.opt_time("access_until")?,
            refresh_until: row.opt_time("refresh_until")?,
            human_until: row.opt_time("human_until")?,
        },
        renewable: row.flag("renewable")?,
        authorized_at: row.time("authorized_at")?,
        issued_at: row.time("issued_at")?,
        verified_at: row.opt_time("verified_at")?,
        unreachable_since: row.opt_time("unreachable_since")?,
        failures: u32::try_from(row.int("failures")?).unwrap_or(u32::MAX),
        probe_at: row.opt_time("probe_at")?,
        renew_at: row.opt_time("renew_at")?,
    })
}

pub(crate) fn read_access(row: &Row) -> Result<Access, StoreError> {
    Ok(Access {
        id: row.parsed("id")?,
        grant: row.parsed("grant_id")?,
        profile: row.parsed("profile_id")?,
        network_id: row.text("network_id")?,
        role: row.text("role")?,
        state: row.json("state")?,
        seen_at: row.opt_time("seen_at")?,
    })
}

pub(crate) const ACCESS_COLUMNS: &str =
    "accesses.id, accesses.grant_id, accesses.profile_id, profiles.network_id, accesses.role, accesses.state, accesses.seen_at";

/// The place a grant's tokens are sealed for. The generation before, kept for a day, stays sealed for its own: put back in
/// place of the present one it does not open.
pub(crate) fn token_context<'a>(grant: &'a str, organisation: &'a str, generation: i64) -> Context<'a> {
    Context { table: "grants", column: "sealed_tokens", row: grant, organisation, generation: Some(generation) }
}

/// Writes what a step decided. With new tokens the older ones are kept for a day, then shredded by the next write.
pub(crate) async fn write(tx: &mut Tx, grant: &Grant, sealed: Option<Vec<u8>>, facts: &Facts, now: Timestamp) -> Result<(), StoreError> {
    if let Some(sealed) = sealed {
        // Within one generation (notes that changed) the one before stays the one before.
        let sql = "UPDATE grants SET previous_sealed_tokens = CASE WHEN generation = $4 THEN previous_sealed_tokens ELSE sealed_tokens END, \
                   previous_until = CASE WHEN generation = $4 THEN previous_until ELSE $2 END, sealed_tokens = $3 WHERE id = $1";
        tx.run(sql, &[grant.id.as_str().into(), (now + PREVIOUS_KEPT).into(), sealed.into(), grant.generation.into()]).await?;
    } else {
        let sql = "UPDATE grants SET previous_sealed_tokens = NULL, previous_until = NULL WHERE id = $1 AND previous_until <= $2";
        tx.run(sql, &[grant.id.as_str().into(), now.into()]).await?;
    }
    let sql = "UPDATE grants SET generation = $2, state = $3, access_until = $4, refresh_until = $5, human_until = $6, renewable = $7, authorized_at = $8, issued_at = $9, \
               verified_at = $10, unreachable_since = $11, failures = $12, probe_at = $13, renew_at = $14, due_at = $15, refused_at = $16, lost_at = $17 WHERE id = $1";
    let values = [
        grant.id.as_str().into(),
        grant.generation.into(),
        to_json(&grant.state)?.into(),
        grant.clocks.access_until.into(),
        grant.clocks.refresh_until.into(),
        grant.clocks.human_until.into(),
        grant.renewable.into(),
        grant.authorized_at.into(),
        grant.issued_at.into(),
        grant.verified_at.into(),
        grant.unreachable_since.into(),
        grant.failures.into(),
        grant.probe_at.into(),
        grant.renew_at.into(),
        schedule::due_at(grant, facts, now).into(),
        grant.refused_since().into(),
        schedule::irrecoverable_at(grant, facts).into(),
    ];
    tx.run(sql, &values).await?;
    Ok(())
}

/// An empty row for a grant that is written in the same transaction.
pub(crate) async fn insert_blank(
    tx: &mut Tx,
    organisation: &OrganisationId,
    place: &Place,
    person: &PersonId,
    now: Timestamp,
) -> Result<GrantId, StoreError> {
    let id: GrantId = fresh();
    let sql = "INSERT INTO grants (id, organisation_id, person_id, network, instance, generation, state, renewable, authorized_at, issued_at, failures, created_at) \
               VALUES ($1, $2, $3, $4, $5, 0, '{\"is\":\"fresh\"}', 0, $6, $6, 0, $6)";
    tx.run(
        sql,
        &[
            id.as_str().into(),
            organisation.as_str().into(),
            person.as_str().into(),
            place.network.as_str().into(),
            place.instance.as_str().into(),
            now.into(),
        ],
    )
    .await?;
    Ok(id)
}

/// The grant of a person.
pub async fn of_person(tx: &mut Tx, person: &PersonId) -> Result<Option<Grant>, StoreError> {
    let sql = format!("SELECT * FROM grants WHERE person_id = $1{}", tx.dialect().for_update());
    tx.one(&sql, &[person.as_str().into()]).await?.as_ref().map(read_grant).transpose()
}

/// Whether the person with that id at a network has a grant here.
pub async fn is_held_by(tx: &mut Tx, organisation: &OrganisationId, place: &Place, network_id: &str) -> Result<bool, StoreError> {
    let sql = "SELECT g.id FROM people p JOIN grants g ON g.person_id = p.id \
               WHERE p.organisation_id = $1 AND p.network = $2 AND p.instance = $3 AND p.network_id = $4";
    let values = [organisation.as_str().into(), place.network.as_str().into(), place.instance.as_str().into(), network_id.into()];
    Ok(tx.one(sql, &values).await?.is_some())
}

/// Takes a grant out of the hands of whoever works on it: their later write is superseded (NT-07), and what they asked the
/// network is not waited for.
pub(crate) async fn fence_off(tx: &mut Tx, grant: &GrantId, now: Timestamp) -> Result<(), StoreError> {
    tx.run(
        "UPDATE grants SET fence = fence + 1, lease_node = NULL, lease_until = NULL, seen_meanwhile = NULL WHERE id = $1",
        &[grant.as_str().into()],
    )
    .await?;
    let sql =
        "UPDATE attempts SET ended_at = $2, ending = CASE WHEN phase = 'sent' THEN $3 ELSE $4 END WHERE grant_id = $1 AND ended_at IS NULL";
    let values = [grant.as_str().into(), now.into(), Ending::AnswerLost.as_str().into(), Ending::NothingSpent.as_str().into()];
    tx.run(sql, &values).await?;
    Ok(())
}

/// Notes who a person is; the same login is always the same row.
pub async fn upsert_person(
    tx: &mut Tx,
    organisation: &OrganisationId,
    place: &Place,
    network_id: &str,
    name: &str,
    handle: Option<&str>,
    now: Timestamp,
) -> Result<PersonId, StoreError> {
    let sql = "INSERT INTO people (id, organisation_id, network, instance, network_id, name, handle, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8) \
               ON CONFLICT (organisation_id, network, instance, network_id) DO UPDATE SET name = excluded.name, handle = excluded.handle, updated_at = excluded.updated_at RETURNING id";
    let values = [
        fresh::<PersonId>().as_str().into(),
        organisation.as_str().into(),
        place.network.as_str().into(),
        place.instance.as_str().into(),
        network_id.into(),
        name.into(),
        handle.into(),
        now.into(),
    ];
    tx.one(sql, &values).await?.ok_or_else(|| StoreError::Broken("a person without an id".into()))?.parsed("id")
}

/// One person.
pub async fn person(tx: &mut Tx, id: &PersonId) -> Result<Option<Person>, StoreError> {
    tx.one("SELECT * FROM people WHERE id = $1", &[id.as_str().into()]).await?.as_ref().map(read_person).transpose()
}

/// The accesses of a grant.
pub async fn accesses_of(tx: &mut Tx, grant: &GrantId) -> Result<Vec<Access>, StoreError> {
    let sql = format!(
        "SELECT {ACCESS_COLUMNS} FROM accesses JOIN profiles ON profiles.id = accesses.profile_id WHERE grant_id = $1 ORDER BY accesses.id"
    );
    tx.all(&sql, &[grant.as_str().into()]).await?.iter().map(read_access).collect()
}

/// A token set as it lies in the database.
#[derive(Clone)]
pub struct SealedTokens {
    grant: String,
    organisation: String,
    generation: i64,
    bytes: Vec<u8>,
}

/// A grant's token set; `None` once it is shredded.
pub async fn sealed_tokens(tx: &mut Tx, grant: &GrantId) -> Result<Option<SealedTokens>, StoreError> {
    let sql = "SELECT organisation_id, generation, sealed_tokens FROM grants WHERE id = $1";
    let Some(row) = tx.one(sql, &[grant.as_str().into()]).await? else { return Ok(None) };
    let Some(bytes) = row.opt_bytes("sealed_tokens")? else { return Ok(None) };
    Ok(Some(SealedTokens {
        grant: grant.to_string(),
        organisation: row.text("organisation_id")?,
        generation: row.int("generation")?,
        bytes,
    }))
}

impl crate::Store {
    /// A grant's token set, for an act; `None` once it is shredded.
    ///
    /// # Errors
    /// When it cannot be unsealed.
    pub async fn tokens_for_use(&self, tx: &mut Tx, grant: &GrantId) -> Result<Option<TokenSet>, StoreError> {
        sealed_tokens(tx, grant).await?.map(|sealed| self.unseal_tokens(&sealed)).transpose()
    }

    /// Opens a token set.
    ///
    /// # Errors
    /// When it cannot be unsealed.
    pub fn unseal_tokens(&self, sealed: &SealedTokens) -> Result<TokenSet, StoreError> {
        let context = token_context(&sealed.grant, &sealed.organisation, sealed.generation);
        Ok(open_tokens(self.keys(), &context, &sealed.bytes)?)
    }
}

/// An access with its grant and person: one line of a profile's tab *Access tokens*.
#[derive(Debug, Clone)]
pub struct Holder {
    /// The edge.
    pub access: Access,
    /// The grant.
    pub grant: Grant,
    /// The person.
    pub person: Person,
    /// Scopes that were granted once, or asked for, and are not there now.
    pub missing_scopes: Vec<String>,
}

/// Who holds access tokens for a profile.
pub async fn holders_of(tx: &mut Tx, profile: &ProfileId) -> Result<Vec<Holder>, StoreError> {
    let sql = format!(
        "SELECT {ACCESS_COLUMNS} FROM accesses JOIN profiles ON profiles.id = accesses.profile_id WHERE accesses.profile_id = $1 ORDER BY accesses.id"
    );
    let mut holders = vec![];
    for row in tx.all(&sql, &[profile.as_str().into()]).await? {
        let access = read_access(&row)?;
        let grant = tx.one("SELECT * FROM grants WHERE id = $1", &[access.grant.as_str().into()]).await?;
        let row = grant.ok_or_else(|| StoreError::Broken("an access without a grant".into()))?;
        let (grant, missing_scopes) = (read_grant(&row)?, scopes::missing(&row)?);
        let person = person(tx, &grant.person).await?.ok_or_else(|| StoreError::Broken("a grant without a person".into()))?;
        holders.push(Holder { access, grant, person, missing_scopes });
    }
    Ok(holders)
}

pub(crate) async fn write_access(tx: &mut Tx, access: &Access) -> Result<(), StoreError> {
    let sql = "UPDATE accesses SET role = $2, state = $3, seen_at = $4 WHERE id = $1";
    tx.run(sql, &[access.id.as_str().into(), access.role.as_str().into(), to_json(&access.state)?.into(), access.seen_at.into()]).await?;
    Ok(())
}
