//! What is frozen: as it is at the moment of each decision.

use lifecycle::ids::{FreezeId, OrganisationId, PersonId, ProfileId};
use lifecycle::permission::Frozen;
use lifecycle::time::Timestamp;

use crate::driver::{Row, StoreError, Tx, to_json};
use crate::events::Actor;
use crate::ids::fresh;

/// A freeze, in force or past.
#[derive(Debug, Clone)]
pub struct Freeze {
    /// Which.
    pub id: FreezeId,
    /// What.
    pub target: Frozen,
    /// Why, in the words of whoever froze it.
    pub reason: String,
    /// Who froze it.
    pub by: Actor,
    /// Since when.
    pub at: Timestamp,
    /// Until when; `None`: in force.
    pub thawed_at: Option<Timestamp>,
}

fn read(row: &Row) -> Result<Freeze, StoreError> {
    Ok(Freeze {
        id: row.parsed("id")?,
        target: row.parsed("target")?,
        reason: row.text("reason")?,
        by: row.json("actor")?,
        at: row.time("created_at")?,
        thawed_at: row.opt_time("thawed_at")?,
    })
}

/// What is frozen at this moment.
pub async fn in_force(tx: &mut Tx, organisation: &OrganisationId) -> Result<Vec<Frozen>, StoreError> {
    let sql = "SELECT target FROM freezes WHERE organisation_id = $1 AND thawed_at IS NULL";
    tx.all(sql, &[organisation.as_str().into()]).await?.iter().map(|row| row.parsed("target")).collect()
}

/// The freeze of everything, where there is one.
pub async fn of_everything(tx: &mut Tx, organisation: &OrganisationId) -> Result<Option<Freeze>, StoreError> {
    let sql = "SELECT * FROM freezes WHERE organisation_id = $1 AND target = $2 AND thawed_at IS NULL";
    tx.one(sql, &[organisation.as_str().into(), Frozen::Everything.to_string().into()]).await?.as_ref().map(read).transpose()
}

/// Which profiles a person's tokens are for.
pub async fn held_by(tx: &mut Tx, organisation: &OrganisationId, person: &PersonId) -> Result<Vec<ProfileId>, StoreError> {
    let sql = "SELECT DISTINCT accesses.profile_id FROM accesses JOIN grants ON grants.id = accesses.grant_id \
               JOIN profiles ON profiles.id = accesses.profile_id WHERE grants.person_id = $1 AND profiles.organisation_id = $2";
    tx.all(sql, &[person.as_str().into(), organisation.as_str().into()]).await?.iter().map(|row| row.parsed("profile_id")).collect()
}

/// The freezes in force, and those of the past, newest first.
pub async fn list(tx: &mut Tx, organisation: &OrganisationId, limit: u32) -> Result<Vec<Freeze>, StoreError> {
    let sql = "SELECT * FROM freezes WHERE organisation_id = $1 ORDER BY CASE WHEN thawed_at IS NULL THEN 0 ELSE 1 END, created_at DESC, id LIMIT $2";
    tx.all(sql, &[organisation.as_str().into(), limit.into()]).await?.iter().map(read).collect()
}

/// Freezes. `None` when it is frozen already.
pub async fn set(
    tx: &mut Tx,
    organisation: &OrganisationId,
    target: &Frozen,
    reason: &str,
    by: &Actor,
    now: Timestamp,
) -> Result<Option<FreezeId>, StoreError> {
    let id: FreezeId = fresh();
    let sql = "INSERT INTO freezes (id, organisation_id, target, reason, actor, created_at) VALUES ($1, $2, $3, $4, $5, $6) \
               ON CONFLICT (organisation_id, target) WHERE thawed_at IS NULL DO NOTHING";
    let values =
        [id.as_str().into(), organisation.as_str().into(), target.to_string().into(), reason.into(), to_json(by)?.into(), now.into()];
    Ok((tx.run(sql, &values).await? == 1).then_some(id))
}

/// Thaws. `None` when there is no such freeze in force.
pub async fn thaw(
    tx: &mut Tx,
    organisation: &OrganisationId,
    id: &FreezeId,
    by: &Actor,
    now: Timestamp,
) -> Result<Option<Frozen>, StoreError> {
    let sql =
        "UPDATE freezes SET thawed_at = $3, thawed_by = $4 WHERE id = $1 AND organisation_id = $2 AND thawed_at IS NULL RETURNING target";
    let values = [id.as_str().into(), organisation.as_str().into(), now.into(), to_json(by)?.into()];
    tx.one(sql, &values).await?.map(|row| row.parsed("target")).transpose()
}

/// Whether there is such a person.
pub async fn knows_person(tx: &mut Tx, organisation: &OrganisationId, person: &PersonId) -> Result<bool, StoreError> {
    let sql = "SELECT id FROM people WHERE id = $1 AND organisation_id = $2";
    Ok(tx.one(sql, &[person.as_str().into(), organisation.as_str().into()]).await?.is_some())
}

/// How many profiles a freeze is about.
pub async fn profiles_of(tx: &mut Tx, organisation: &OrganisationId, target: &Frozen) -> Result<i64, StoreError> {
    let of_person = "id IN (SELECT profile_id FROM accesses JOIN grants ON grants.id = accesses.grant_id WHERE grants.person_id = $2)";
    let (condition, subject) = match target {
        Frozen::Everything => ("$2 = ''", ""),
        Frozen::User(_) | Frozen::ApiKey(_) => ("$2 <> ''", ""),
        Frozen::Person(id) => (of_person, id.as_str()),
        Frozen::Profile(id) => ("id = $2", id.as_str()),
        Frozen::Network(name) => ("network = $2", name.as_str()),
    };
    let sql = format!("SELECT COUNT(*) AS n FROM profiles WHERE organisation_id = $1 AND {condition}");
    tx.one(&sql, &[organisation.as_str().into(), subject.into()]).await?.map_or(Ok(0), |row| row.int("n"))
}
