//! The append-only event log. Positions grow by one in commit order: the counter's row is locked by the transaction that
//! takes the next numbers, and that is the last thing a transaction does.

use std::borrow::Cow;
use std::future::{Ready, ready};
use std::sync::LazyLock;

use lifecycle::ids::{ConnectionId, EventId, GrantId, OrganisationId, PersonId, ProfileId};
use lifecycle::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::driver::{Row, StoreError, Tx, Value, to_json};
use crate::fan_out::{Happened, fan_out, is_told};
use crate::ids::fresh;
use crate::lines::{Statement, in_statements, insert_into, number};

/// Who made it happen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Actor {
    /// The keeper, by itself.
    Keeper,
    /// The server or its operator on the command line.
    System,
    /// A user on the pages.
    User {
        /// Who.
        id: String,
        /// Their name at the time.
        name: String,
    },
    /// A tool.
    ApiKey {
        /// Which key.
        id: String,
        /// Its name at the time.
        name: String,
    },
    /// Somebody with a renewal link.
    RenewalLink,
}

/// What an event is about.
#[derive(Debug, Clone, Default)]
pub struct About {
    /// The profile.
    pub profile: Option<ProfileId>,
    /// The grant.
    pub grant: Option<GrantId>,
    /// The person.
    pub person: Option<PersonId>,
    /// The connection.
    pub connection: Option<ConnectionId>,
}

/// A line of the log.
#[derive(Debug, Clone)]
pub struct Event {
    /// Its place; the cursor of the API.
    pub position: i64,
    /// Its id.
    pub id: String,
    /// When.
    pub at: Timestamp,
    /// What happened.
    pub kind: String,
    /// Who made it happen.
    pub actor: Actor,
    /// The profile it is about.
    pub profile: Option<String>,
    /// The rest, as JSON.
    pub detail: serde_json::Value,
}

/// An event whose position, its first value, is not known yet.
pub(crate) struct Pending([Value; COLUMNS]);

const COLUMNS: usize = 11;

/// Appends an event. It gets its position when the transaction is committed.
pub fn append(
    tx: &mut Tx,
    organisation: &OrganisationId,
    at: Timestamp,
    kind: &str,
    actor: &Actor,
    about: &About,
    detail: &serde_json::Value,
) -> Ready<Result<(), StoreError>> {
    let noted = to_json(actor).and_then(|actor| {
        let id: EventId = fresh();
        let told = is_told(kind).then(|| Happened {
            event: id.to_string(),
            organisation: organisation.clone(),
            at,
            kind: kind.to_owned(),
            profile: about.profile.clone(),
            person: about.person.clone(),
            detail: detail.clone(),
        });
        let values = [
            0_i64.into(),
            id.as_str().into(),
            organisation.as_str().into(),
            at.into(),
            kind.into(),
            actor.into(),
            about.profile.as_ref().map(ProfileId::as_str).into(),
            about.grant.as_ref().map(GrantId::as_str).into(),
            about.person.as_ref().map(PersonId::as_str).into(),
            about.connection.as_ref().map(ConnectionId::as_str).into(),
            to_json(detail)?.into(),
        ];
        tx.note(Pending(values), told);
        Ok(())
    });
    ready(noted)
}

/// Writes what was noted, and the messages about it, for those who are going to read the log in this transaction, or commit it.
/// Positions have no gaps and grow in the order of commits, so that a reader who has seen one has seen all before it.
pub(crate) async fn write_noted(tx: &mut Tx) -> Result<(), StoreError> {
    tell(tx).await?;
    tx.write_lines().await
}

/// Writes the messages for whoever subscribed to what was noted.
pub(crate) async fn tell(tx: &mut Tx) -> Result<(), StoreError> {
    let told = tx.take_told();
    if told.is_empty() { Ok(()) } else { fan_out(tx, &told).await }
}

/// Takes the next positions; the answer is the last of them.
pub(crate) const NEXT: &str = "INSERT INTO counters (name, value) VALUES ('events', $1) \
     ON CONFLICT (name) DO UPDATE SET value = counters.value + excluded.value RETURNING value";

/// The statement that writes so many; that for one is made once.
fn insertion(rows: usize) -> Cow<'static, str> {
    const NAMES: &str = "position, id, organisation_id, at, kind, actor, profile_id, grant_id, person_id, connection_id, detail";
    static ONE: LazyLock<String> = LazyLock::new(|| insert_into("events", NAMES, COLUMNS, 1));
    if rows == 1 { ONE.as_str().into() } else { insert_into("events", NAMES, COLUMNS, rows).into() }
}

/// The statements that write events up to that position, so many with each.
pub(crate) fn insert(noted: Vec<Pending>, last: i64, at_once: usize) -> Vec<Statement> {
    let positions = last - number(noted.len()) + 1..;
    let rows = positions.zip(noted).map(|(position, Pending(mut values))| {
        values[0] = position.into();
        values
    });
    in_statements(rows, at_once, insertion)
}

fn read(row: &Row) -> Result<Event, StoreError> {
    Ok(Event {
        position: row.int("position")?,
        id: row.text("id")?,
        at: row.time("at")?,
        kind: row.text("kind")?,
        actor: row.json("actor")?,
        profile: row.opt_text("profile_id")?,
        detail: row.json("detail")?,
    })
}

/// Events of an organisation after a position, oldest first.
pub async fn after(tx: &mut Tx, organisation: &OrganisationId, position: i64, limit: u32) -> Result<Vec<Event>, StoreError> {
    write_noted(tx).await?;
    let sql = "SELECT * FROM events WHERE organisation_id = $1 AND position > $2 ORDER BY position LIMIT $3";
    tx.all(sql, &[organisation.as_str().into(), position.into(), limit.into()]).await?.iter().map(read).collect()
}

/// The statement of [`of_profile`]: each half is read from an index of its own, however much else happened in the house. No index is over
/// the expression with the organisation.
pub const OF_PROFILE: &str = "SELECT * FROM (SELECT * FROM events WHERE profile_id = $3 AND organisation_id || '' = $1 AND position < $2 \
     ORDER BY position DESC LIMIT $4) AS its_own UNION ALL \
     SELECT * FROM (SELECT * FROM events WHERE profile_id IS NULL AND grant_id IN (SELECT grant_id FROM accesses WHERE profile_id = $3) \
     AND organisation_id || '' = $1 AND position < $2 ORDER BY position DESC LIMIT $4) AS of_grants ORDER BY position DESC LIMIT $4";

/// The history of a profile, newest first: its own events and those of the grants that reach it.
pub async fn of_profile(
    tx: &mut Tx,
    organisation: &OrganisationId,
    profile: &ProfileId,
    before: Option<i64>,
    limit: u32,
) -> Result<Vec<Event>, StoreError> {
    write_noted(tx).await?;
    let values = [organisation.as_str().into(), before.unwrap_or(i64::MAX).into(), profile.as_str().into(), limit.into()];
    tx.all(OF_PROFILE, &values).await?.iter().map(read).collect()
}

/// The newest events of an organisation.
pub async fn newest(tx: &mut Tx, organisation: &OrganisationId, limit: u32) -> Result<Vec<Event>, StoreError> {
    write_noted(tx).await?;
    let sql = "SELECT * FROM events WHERE organisation_id = $1 ORDER BY position DESC LIMIT $2";
    tx.all(sql, &[organisation.as_str().into(), limit.into()]).await?.iter().map(read).collect()
}
