//! People at networks, as those who work here look at them: what each holds, who could take over, and giving up what they granted;
//! and page by page for whoever leaves.

use std::collections::BTreeMap;

use lifecycle::access::Access;
use lifecycle::facts::Facts;
use lifecycle::grant::{Grant, State};
use lifecycle::ids::{GrantId, OrganisationId, PersonId, ProfileId};
use lifecycle::time::Timestamp;
use serde_json::json;

use crate::Store;
use crate::driver::{Row, StoreError, Tx, Value};
use crate::events::{self, About, Actor};
use crate::grants::{Person, Place, of_person, read_grant, read_person};
use crate::profiles::{self, Profile};
use crate::standing::{edges_of, profiles_of, settle_profiles};

/// A person with the place they log in at, and the grant they gave, if it is still there.
#[derive(Debug, Clone)]
pub struct Login {
    /// Who.
    pub person: Person,
    /// Where.
    pub place: Place,
    /// What they granted, without the secrets.
    pub grant: Option<Grant>,
}

/// People of an organisation in the order of their ids, after one of them.
pub async fn after(tx: &mut Tx, organisation: &OrganisationId, last: Option<&PersonId>, limit: u32) -> Result<Vec<Login>, StoreError> {
    let sql = "SELECT * FROM people WHERE organisation_id = $1 AND id > $2 ORDER BY id LIMIT $3";
    let values = [organisation.as_str().into(), last.map_or("", PersonId::as_str).into(), limit.into()];
    let mut logins = vec![];
    for row in tx.all(sql, &values).await? {
        let person = read_person(&row)?;
        let place = Place { network: row.text("network")?, instance: row.text("instance")? };
        let grant = tx.one("SELECT * FROM grants WHERE person_id = $1", &[person.id.as_str().into()]).await?;
        let grant = grant.as_ref().map(read_grant).transpose()?;
        logins.push(Login { person, place, grant });
    }
    Ok(logins)
}

/// Who has that id at a network.
pub async fn at(tx: &mut Tx, organisation: &OrganisationId, place: &Place, network_id: &str) -> Result<Option<Person>, StoreError> {
    let sql = "SELECT * FROM people WHERE organisation_id = $1 AND network = $2 AND instance = $3 AND network_id = $4";
    let values = [organisation.as_str().into(), place.network.as_str().into(), place.instance.as_str().into(), network_id.into()];
    tx.one(sql, &values).await?.as_ref().map(read_person).transpose()
}

/// A person in a list.
#[derive(Debug, Clone)]
pub struct Listed {
    /// Who.
    pub person: Person,
    /// Where.
    pub place: Place,
    /// Whether their login works; `None` when nothing of theirs is stored any more.
    pub works: Option<bool>,
    /// How many profiles they hold.
    pub holds: i64,
    /// How many of these nobody else holds.
    pub alone: i64,
    /// The day on which they must come.
    pub human_until: Option<Timestamp>,
}

const LISTED: &str = "SELECT people.*, grants.state, grants.human_until, \
    (SELECT COUNT(*) FROM accesses WHERE accesses.grant_id = grants.id) AS holds, \
    (SELECT COUNT(*) FROM accesses WHERE accesses.grant_id = grants.id AND NOT EXISTS \
      (SELECT others.id FROM accesses AS others WHERE others.profile_id = accesses.profile_id AND others.grant_id <> accesses.grant_id)) AS alone \
    FROM people LEFT JOIN grants ON grants.person_id = people.id WHERE people.organisation_id = $1";

fn read(row: &Row) -> Result<Listed, StoreError> {
    let works = row.opt_text("state")?.map(|state| serde_json::from_str::<State>(&state)).transpose();
    let works = works.map_err(|error| StoreError::Broken(format!("state: {error}")))?;
    Ok(Listed {
        person: read_person(row)?,
        place: Place { network: row.text("network")?, instance: row.text("instance")? },
        works: works.map(|state| !matches!(state, State::NeedsPerson(_))),
        holds: row.int("holds")?,
        alone: row.int("alone")?,
        human_until: row.opt_time("human_until")?,
    })
}

/// People by name whose name or handle has this text, `limit` at most, after the name and id of the last one seen. Those who had
/// themselves deleted are left out.
pub async fn list(
    tx: &mut Tx,
    organisation: &OrganisationId,
    q: &str,
    after: Option<(&str, &str)>,
    limit: u32,
) -> Result<Vec<Listed>, StoreError> {
    let escaped = q.trim().to_lowercase().replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    let mut values: Vec<Value> = vec![organisation.as_str().into(), format!("%{escaped}%").into(), limit.into()];
    let mut sql = format!(
        "{LISTED} AND people.name <> '' AND (LOWER(people.name) LIKE $2 ESCAPE '\\' OR LOWER(COALESCE(people.handle, '')) LIKE $2 ESCAPE '\\')"
    );
    if let Some((name, id)) = after {
        values.extend([name.into(), id.into()]);
        sql.push_str(" AND (people.name > $4 OR (people.name = $4 AND people.id > $5))");
    }
    sql.push_str(" ORDER BY people.name, people.id LIMIT $3");
    tx.all(&sql, &values).await?.iter().map(read).collect()
}

/// One person of an organisation.
pub async fn get(tx: &mut Tx, organisation: &OrganisationId, id: &PersonId) -> Result<Option<Listed>, StoreError> {
    let sql = format!("{LISTED} AND people.id = $2");
    tx.one(&sql, &[organisation.as_str().into(), id.as_str().into()]).await?.as_ref().map(read).transpose()
}

/// A profile that somebody holds, with everybody who holds it.
#[derive(Debug)]
pub struct Held {
    /// The profile.
    pub profile: Profile,
    /// Its accesses with their grants.
    pub edges: Vec<(Access, Grant)>,
}

/// Everything a person holds, by name.
pub async fn held_by(tx: &mut Tx, organisation: &OrganisationId, person: &PersonId) -> Result<Vec<Held>, StoreError> {
    let Some(grant) = grant_of(tx, person).await? else { return Ok(vec![]) };
    let ids = profiles_of(tx, &grant).await?;
    let mut edges: BTreeMap<ProfileId, Vec<(Access, Grant)>> = BTreeMap::new();
    let mut found = vec![];
    for some in ids.chunks(500) {
        edges.extend(edges_of(tx, &some.iter().collect::<Vec<_>>()).await?);
        found.extend(profiles::by_ids(tx, organisation, some).await?);
    }
    found.sort_by(|a, b| (profiles::sort_key(&a.name), &a.id).cmp(&(profiles::sort_key(&b.name), &b.id)));
    Ok(found.into_iter().map(|profile| Held { edges: edges.remove(&profile.id).unwrap_or_default(), profile }).collect())
}

async fn grant_of(tx: &mut Tx, person: &PersonId) -> Result<Option<GrantId>, StoreError> {
    let sql = "SELECT id FROM grants WHERE person_id = $1";
    tx.one(sql, &[person.as_str().into()]).await?.map(|row| row.parsed("id")).transpose()
}

/// The statement of [`could_take_over`]: begins with what the listings name, and not with everybody of the network.
pub const COULD_TAKE_OVER: &str = "SELECT profiles.id AS profile, people.id, people.network_id, people.name, people.handle \
     FROM grants AS theirs JOIN accesses ON accesses.grant_id = theirs.id JOIN profiles ON profiles.id = accesses.profile_id \
     JOIN assets ON assets.network_id = profiles.network_id AND assets.usable = 1 AND assets.vanished_at IS NULL \
     JOIN grants ON grants.id = assets.grant_id AND grants.organisation_id || '' = theirs.organisation_id \
     AND grants.network || '' = theirs.network AND grants.instance || '' = theirs.instance \
     JOIN people ON people.id = grants.person_id \
     WHERE theirs.person_id = $1 AND grants.id NOT IN (SELECT grant_id FROM accesses WHERE profile_id = profiles.id) \
     ORDER BY people.name, people.id";

/// Who else could hold what a person holds: people known here whose last complete listing names it as usable, by profile.
pub async fn could_take_over(tx: &mut Tx, person: &PersonId) -> Result<BTreeMap<ProfileId, Vec<Person>>, StoreError> {
    let mut found: BTreeMap<ProfileId, Vec<Person>> = BTreeMap::new();
    for row in tx.all(COULD_TAKE_OVER, &[person.as_str().into()]).await? {
        found.entry(row.parsed("profile")?).or_default().push(read_person(&row)?);
    }
    Ok(found)
}

/// What giving up a person came to.
#[derive(Debug, PartialEq, Eq)]
pub struct GivenUp {
    /// How many profiles they held.
    pub profiles: usize,
}

impl Store {
    /// Gives up everything a person granted: revoked at the network by a durable job, shredded here. Profiles that others hold
    /// stay; the others have no access tokens then. `None` when nothing of theirs is stored.
    pub async fn give_up_person(
        &self,
        tx: &mut Tx,
        organisation: &OrganisationId,
        person: &PersonId,
        facts: &Facts,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Option<GivenUp>, StoreError> {
        let Some(listed) = get(tx, organisation, person).await? else { return Ok(None) };
        // The grant's row first, then the profiles': the order in which every other transaction takes them.
        let Some(grant) = of_person(tx, person).await? else { return Ok(None) };
        let profiles = profiles_of(tx, &grant.id).await?;
        tx.run("DELETE FROM accesses WHERE grant_id = $1", &[grant.id.as_str().into()]).await?;
        self.give_up_grant(tx, organisation, &grant.id, now).await?;
        settle_profiles(tx, &profiles, facts, now, actor, grant.id.as_str()).await?;
        let detail = json!({ "name": listed.person.name, "network": listed.place.network, "profiles": profiles.len() });
        for profile in &profiles {
            let about = About { profile: Some(profile.clone()), person: Some(person.clone()), ..About::default() };
            events::append(tx, organisation, now, "access.given_up", actor, &about, &json!({ "person": listed.person.name })).await?;
        }
        let about = About { person: Some(person.clone()), ..About::default() };
        events::append(tx, organisation, now, "person.given_up", actor, &about, &detail).await?;
        Ok(Some(GivenUp { profiles: profiles.len() }))
    }
}
