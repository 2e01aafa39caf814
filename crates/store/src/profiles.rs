//! Profiles: what is acted as. Lists narrow to what the asking user may see; the same rule as
//! [`lifecycle::permission::decide`], as a condition.

use std::collections::BTreeMap;

use lifecycle::ids::{OrganisationId, ProfileId, TeamId, UserId};
use lifecycle::status::{Standing, Status};
use lifecycle::tag::Tag;
use lifecycle::time::Timestamp;

use crate::driver::{Row, StoreError, Tx, Value, placeholders, to_json};
use crate::grants;
use crate::ids::fresh;

mod list;
mod narrow;
mod of_team;
mod parts;
mod shape;
mod ways;

pub use list::{COUNTED_MAX, Filter, found_statement, list, list_from, matching, ordered_statement};
pub(crate) use list::{conditions, conditions_of_each};
pub use narrow::Narrow;

/// A profile with its settings and its derived standing.
#[derive(Debug, Clone)]
pub struct Profile {
    /// Which.
    pub id: ProfileId,
    /// Of which organisation.
    pub organisation: OrganisationId,
    /// The network.
    pub network: String,
    /// The instance; empty where there is one only.
    pub instance: String,
    /// Its id at the network.
    pub network_id: String,
    /// What it is (`networks::network::Kind`).
    pub kind: String,
    /// Its name there. Hostile text.
    pub name: String,
    /// Its handle there.
    pub handle: Option<String>,
    /// Its picture.
    pub avatar: Option<String>,
    /// The profile it belongs to (a board's account).
    pub parent: Option<ProfileId>,
    /// The profile owner.
    pub owner: Option<UserId>,
    /// The teams it is in.
    pub teams: Vec<TeamId>,
    /// Its tags, by name.
    pub tags: Vec<Tag>,
    /// *No access tokens available.*
    pub notify_no_access: bool,
    /// Early warnings.
    pub notify_renew_soon: bool,
    /// Switched on.
    pub enabled: bool,
    /// Derived.
    pub standing: Standing,
}

fn read(row: &Row) -> Result<Profile, StoreError> {
    Ok(Profile {
        id: row.parsed("id")?,
        organisation: row.parsed("organisation_id")?,
        network: row.text("network")?,
        instance: row.text("instance")?,
        network_id: row.text("network_id")?,
        kind: row.text("kind")?,
        name: row.text("name")?,
        handle: row.opt_text("handle")?,
        avatar: row.opt_text("avatar")?,
        parent: row.opt_parsed("parent_id")?,
        owner: row.opt_parsed("owner_id")?,
        teams: vec![],
        tags: vec![],
        notify_no_access: row.flag("notify_no_access")?,
        notify_renew_soon: row.flag("notify_renew_soon")?,
        enabled: row.flag("enabled")?,
        standing: row.json("standing")?,
    })
}

/// The form in which names are sorted and searched.
pub fn sort_key(name: &str) -> String {
    name.to_lowercase()
}

/// So many profiles are asked about at once.
const AT_ONCE: usize = 500;

/// With their teams and tags.
async fn with_groups(tx: &mut Tx, mut profiles: Vec<Profile>) -> Result<Vec<Profile>, StoreError> {
    for some in profiles.chunks_mut(AT_ONCE) {
        let sql = format!(
            "SELECT profile_teams.profile_id, profile_teams.team_id, teams.tag FROM profile_teams JOIN teams ON teams.id = profile_teams.team_id \
             WHERE profile_teams.profile_id IN ({}) ORDER BY profile_teams.team_id",
            placeholders(1, some.len())
        );
        let values: Vec<Value> = some.iter().map(|profile| profile.id.as_str().into()).collect();
        let mut places: BTreeMap<ProfileId, &mut Profile> = some.iter_mut().map(|profile| (profile.id.clone(), profile)).collect();
        for row in tx.all(&sql, &values).await? {
            let Some(profile) = places.get_mut(&row.parsed("profile_id")?) else { continue };
            match row.opt_parsed("tag")? {
                Some(tag) => profile.tags.push(tag),
                None => profile.teams.push(row.parsed("team_id")?),
            }
        }
        for profile in places.into_values() {
            profile.tags.sort();
        }
    }
    Ok(profiles)
}

/// The organisation, where single rows are named: no index is over this expression, so that the database begins with the named ids
/// instead of reading all that the organisation has, as it would from a few dozen of them on.
pub(crate) const OF_NAMED: &str = "organisation_id || '' = $1";

/// The most repairs that are looked at.
const REPAIRS: u32 = 5_000;

/// The episodes without access tokens that ended since a moment: when each began and ended, newest end first.
pub async fn repaired(
    tx: &mut Tx,
    organisation: &OrganisationId,
    visible_to: Option<&Narrow>,
    since: Timestamp,
) -> Result<Vec<(Timestamp, Timestamp)>, StoreError> {
    let (conditions, mut values) = conditions(organisation, &Filter { visible_to: visible_to.cloned(), ..Filter::default() });
    values.extend([since.into(), REPAIRS.into()]);
    let visible =
        if visible_to.is_some() { format!(" AND profile_id IN (SELECT id FROM profiles WHERE {conditions})") } else { String::new() };
    let (since, limit) = (values.len() - 1, values.len());
    let sql = format!(
        "SELECT at, detail FROM events WHERE organisation_id = $1 AND kind = 'profile.recovered' AND at >= ${since}{visible} \
         ORDER BY at DESC LIMIT ${limit}"
    );
    let mut repaired = vec![];
    for row in tx.all(&sql, &values).await? {
        let detail: serde_json::Value = row.json("detail")?;
        if let Some(began) = detail["episode"].as_i64() {
            repaired.push((Timestamp::from_micros(began), row.time("at")?));
        }
    }
    Ok(repaired)
}

/// The statement of [`counts`]: read from an index alone.
pub const COUNTS: &str = "SELECT status, COUNT(*) AS n FROM profiles WHERE {conditions} AND enabled = 1 GROUP BY status";
/// The statement of [`without_deadline`]: likewise.
pub const WITHOUT_DEADLINE: &str =
    "SELECT COUNT(*) AS n FROM profiles WHERE {conditions} AND enabled = 1 AND deadline IS NULL AND status <> 'disconnected'";

/// How many profiles there are of each status.
pub async fn counts(tx: &mut Tx, organisation: &OrganisationId, visible_to: Option<&Narrow>) -> Result<Vec<(Status, i64)>, StoreError> {
    let (conditions, values) = conditions(organisation, &Filter { visible_to: visible_to.cloned(), ..Filter::default() });
    let sql = COUNTS.replace("{conditions}", &conditions);
    let mut counts = vec![];
    for row in tx.all(&sql, &values).await? {
        counts.extend(Status::parse(&row.text("status")?).map(|status| row.int("n").map(|n| (status, n))).transpose()?);
    }
    Ok(counts)
}

/// The same, kept from others until the transaction ends.
pub async fn get_to_change(tx: &mut Tx, organisation: &OrganisationId, id: &ProfileId) -> Result<Option<Profile>, StoreError> {
    let sql = format!("SELECT id FROM profiles WHERE id = $1 AND organisation_id = $2{}", tx.dialect().for_update());
    tx.one(&sql, &[id.as_str().into(), organisation.as_str().into()]).await?;
    get(tx, organisation, id).await
}

/// One profile of an organisation.
pub async fn get(tx: &mut Tx, organisation: &OrganisationId, id: &ProfileId) -> Result<Option<Profile>, StoreError> {
    let row = tx
        .one("SELECT * FROM profiles WHERE id = $1 AND organisation_id = $2", &[id.as_str().into(), organisation.as_str().into()])
        .await?;
    let profiles = row.as_ref().map(read).transpose()?.into_iter().collect();
    Ok(with_groups(tx, profiles).await?.pop())
}

/// The statement that reads so many rows of an organisation by their ids, from a table that has both, for whoever asks how it is read.
pub fn by_ids_statement(table: &str, count: usize) -> String {
    format!("SELECT * FROM {table} WHERE {OF_NAMED} AND id IN ({})", placeholders(2, count))
}

/// Several profiles of an organisation by their ids, in no order; 500 at most.
pub async fn by_ids(tx: &mut Tx, organisation: &OrganisationId, ids: &[ProfileId]) -> Result<Vec<Profile>, StoreError> {
    if ids.is_empty() {
        return Ok(vec![]);
    }
    let mut values: Vec<Value> = vec![organisation.as_str().into()];
    values.extend(ids.iter().map(|id| Value::from(id.as_str())));
    let sql = by_ids_statement("profiles", ids.len());
    let profiles = tx.all(&sql, &values).await?.iter().map(read).collect::<Result<_, _>>()?;
    with_groups(tx, profiles).await
}

/// Sets owner and teams; those of other organisations are left out.
pub async fn set_owner_and_teams(
    tx: &mut Tx,
    organisation: &OrganisationId,
    id: &ProfileId,
    owner: Option<&UserId>,
    teams: &[TeamId],
) -> Result<(), StoreError> {
    let sql = "UPDATE profiles SET owner_id = (SELECT id FROM users WHERE id = $3 AND organisation_id = $2) WHERE id = $1 AND organisation_id = $2";
    tx.run(sql, &[id.as_str().into(), organisation.as_str().into(), owner.map(UserId::as_str).into()]).await?;
    let ours = "DELETE FROM profile_teams WHERE profile_id = (SELECT id FROM profiles WHERE id = $1 AND organisation_id = $2) \
                AND team_id IN (SELECT id FROM teams WHERE organisation_id = $2 AND tag IS NULL)";
    tx.run(ours, &[id.as_str().into(), organisation.as_str().into()]).await?;
    put_in_teams(tx, organisation, id, teams).await
}

/// Puts a profile into teams; profiles and teams of other organisations are left out.
pub(crate) async fn put_in_teams(tx: &mut Tx, organisation: &OrganisationId, id: &ProfileId, teams: &[TeamId]) -> Result<(), StoreError> {
    for team in teams {
        let sql = "INSERT INTO profile_teams (profile_id, team_id) SELECT profiles.id, teams.id FROM profiles, teams \
                   WHERE profiles.id = $1 AND teams.id = $2 AND profiles.organisation_id = $3 AND teams.organisation_id = $3 ON CONFLICT DO NOTHING";
        tx.run(sql, &[id.as_str().into(), team.as_str().into(), organisation.as_str().into()]).await?;
    }
    Ok(())
}

/// The profiles that belong to one (an account's boards), by name.
pub async fn children(tx: &mut Tx, organisation: &OrganisationId, parent: &ProfileId) -> Result<Vec<Profile>, StoreError> {
    let sql = "SELECT * FROM profiles WHERE parent_id = $1 AND organisation_id = $2 ORDER BY sort_key, id";
    let rows = tx.all(sql, &[parent.as_str().into(), organisation.as_str().into()]).await?;
    let profiles = rows.iter().map(read).collect::<Result<_, _>>()?;
    with_groups(tx, profiles).await
}

/// Sets the notification choices of a profile.
pub async fn set_notifications(
    tx: &mut Tx,
    organisation: &OrganisationId,
    id: &ProfileId,
    no_access: bool,
    renew_soon: bool,
) -> Result<(), StoreError> {
    let sql = "UPDATE profiles SET notify_no_access = $3, notify_renew_soon = $4 WHERE id = $1 AND organisation_id = $2";
    tx.run(sql, &[id.as_str().into(), organisation.as_str().into(), no_access.into(), renew_soon.into()]).await?;
    Ok(())
}

/// Switches a profile (a board) off or on.
pub async fn set_enabled(tx: &mut Tx, organisation: &OrganisationId, id: &ProfileId, enabled: bool) -> Result<(), StoreError> {
    tx.run(
        "UPDATE profiles SET enabled = $3 WHERE id = $1 AND organisation_id = $2",
        &[id.as_str().into(), organisation.as_str().into(), enabled.into()],
    )
    .await?;
    Ok(())
}

/// How many profiles there are.
pub async fn count(tx: &mut Tx, organisation: &OrganisationId) -> Result<i64, StoreError> {
    let row = tx.one("SELECT COUNT(*) AS n FROM profiles WHERE organisation_id = $1", &[organisation.as_str().into()]).await?;
    row.map_or(Ok(0), |row| row.int("n"))
}

/// Whether a profile of a network is here already.
pub async fn is_known(tx: &mut Tx, organisation: &OrganisationId, place: &grants::Place, network_id: &str) -> Result<bool, StoreError> {
    let sql = "SELECT id FROM profiles WHERE organisation_id = $1 AND network = $2 AND instance = $3 AND network_id = $4";
    let values = [organisation.as_str().into(), place.network.as_str().into(), place.instance.as_str().into(), network_id.into()];
    Ok(tx.one(sql, &values).await?.is_some())
}

/// The next deadlines, soonest first: profile and day.
pub async fn deadlines(
    tx: &mut Tx,
    organisation: &OrganisationId,
    visible_to: Option<&Narrow>,
    until: Timestamp,
    limit: u32,
) -> Result<Vec<Profile>, StoreError> {
    let (conditions, mut values) = conditions(organisation, &Filter { visible_to: visible_to.cloned(), ..Filter::default() });
    values.push(until.into());
    values.push(limit.into());
    let sql = format!(
        "SELECT * FROM profiles WHERE {conditions} AND enabled = 1 AND deadline <= ${} ORDER BY deadline, id LIMIT ${}",
        values.len() - 1,
        values.len()
    );
    let profiles = tx.all(&sql, &values).await?.iter().map(read).collect::<Result<_, _>>()?;
    with_groups(tx, profiles).await
}

/// The profiles that have no access token, or one of whose grants ends before that day, soonest first.
pub(crate) async fn ending(
    tx: &mut Tx,
    organisation: &OrganisationId,
    visible_to: Option<&Narrow>,
    until: Timestamp,
    limit: u32,
) -> Result<Vec<Profile>, StoreError> {
    let (conditions, mut values) = conditions(organisation, &Filter { visible_to: visible_to.cloned(), ..Filter::default() });
    values.push(until.into());
    let day = values.len();
    values.push(limit.into());
    let of_grants = |end: &str| {
        format!(
            "SELECT accesses.profile_id FROM grants JOIN accesses ON accesses.grant_id = grants.id WHERE grants.organisation_id = $1 AND grants.{end} <= ${day}"
        )
    };
    let sql = format!(
        "SELECT * FROM profiles WHERE {conditions} AND enabled = 1 AND (status = 'disconnected' OR id IN ({} UNION {})) \
         ORDER BY COALESCE(deadline, 0), id LIMIT ${}",
        of_grants("human_until"),
        of_grants("refresh_until"),
        day + 1
    );
    let profiles = tx.all(&sql, &values).await?.iter().map(read).collect::<Result<_, _>>()?;
    with_groups(tx, profiles).await
}

/// How many profiles work without a day on which a person must come.
pub async fn without_deadline(tx: &mut Tx, organisation: &OrganisationId, visible_to: Option<&Narrow>) -> Result<i64, StoreError> {
    let (conditions, values) = conditions(organisation, &Filter { visible_to: visible_to.cloned(), ..Filter::default() });
    let sql = WITHOUT_DEADLINE.replace("{conditions}", &conditions);
    tx.one(&sql, &values).await?.map_or(Ok(0), |row| row.int("n"))
}

/// A profile that is expected: known from elsewhere, with its settings, and without anybody who gave access yet.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// The network.
    pub network: &'a str,
    /// The instance; empty where there is one only.
    pub instance: &'a str,
    /// Its id at the network.
    pub network_id: &'a str,
    /// What it is.
    pub kind: &'a str,
    /// Its name there. Hostile text.
    pub name: &'a str,
    /// Its handle there.
    pub handle: Option<&'a str>,
    /// The profile owner.
    pub owner: Option<&'a UserId>,
    /// The teams.
    pub teams: &'a [TeamId],
    /// *No access tokens available.*
    pub notify_no_access: bool,
    /// Early warnings.
    pub notify_renew_soon: bool,
}

/// Writes down a profile that is expected, disconnected until somebody logs in; `None` when it is here already, which keeps it as
/// it is.
pub async fn expect(
    tx: &mut Tx,
    organisation: &OrganisationId,
    expected: &Expected<'_>,
    now: Timestamp,
) -> Result<Option<ProfileId>, StoreError> {
    let (id, standing): (ProfileId, _) = (fresh(), Standing::unborn(now));
    let sql = "INSERT INTO profiles (id, organisation_id, network, instance, network_id, kind, name, handle, owner_id, notify_no_access, notify_renew_soon, enabled, \
               status, status_since, standing, sort_key, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 1, $12, $13, $14, $15, $13) \
               ON CONFLICT (organisation_id, network, instance, network_id) DO NOTHING";
    let values = [
        id.as_str().into(),
        organisation.as_str().into(),
        expected.network.into(),
        expected.instance.into(),
        expected.network_id.into(),
        expected.kind.into(),
        expected.name.into(),
        expected.handle.into(),
        expected.owner.map(UserId::as_str).into(),
        expected.notify_no_access.into(),
        expected.notify_renew_soon.into(),
        standing.status.as_str().into(),
        now.into(),
        to_json(&standing)?.into(),
        sort_key(expected.name).into(),
    ];
    if tx.run(sql, &values).await? == 0 {
        return Ok(None);
    }
    put_in_teams(tx, organisation, &id, expected.teams).await?;
    Ok(Some(id))
}
