//! Permission sets: named lists of what may be done, given to users company-wide, for one team or for one tag.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use lifecycle::ids::{OrganisationId, PermissionSetId, TeamId, UserId};
use lifecycle::permission::{Act, Permission, Reach};
use lifecycle::tag::Tag;
use lifecycle::time::Timestamp;

use crate::driver::{Row, StoreError, Tx, to_json};
use crate::ids::fresh;

/// A named set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PermissionSet {
    /// Which.
    pub id: PermissionSetId,
    /// What people call it.
    pub name: String,
    /// What may be done.
    pub acts: Vec<Act>,
}

impl PermissionSet {
    /// What it allows where it is given. For a team or a tag only what can be narrowed to one counts.
    pub fn permissions(&self, place: &Place) -> Vec<Permission> {
        let narrowed = |act: &Act| match place {
            Place::Everywhere => true,
            Place::Team(_) => act.is_about_profiles() || act.is_about_teams(),
            Place::Tag(_) => act.is_about_profiles(),
        };
        let reach = place.reach();
        let acts = self.acts.iter().filter(|act| act.can_be_given() && narrowed(act));
        acts.map(|act| Permission { reach: reach.clone(), ..Permission::from(*act) }).collect()
    }
}

/// For what a set is given.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// Company-wide.
    Everywhere,
    /// For one team and its profiles.
    Team(TeamId),
    /// For the profiles that have a tag.
    Tag(Tag),
}

/// What a tag's name has before it, where it could be a team as well.
const OF_TAG: &str = "tag:";

impl Place {
    fn reach(&self) -> Reach {
        match self {
            Self::Everywhere => Reach::default(),
            Self::Team(team) => Reach { teams: vec![team.clone()], ..Reach::default() },
            Self::Tag(tag) => Reach { tags: vec![tag.clone()], ..Reach::default() },
        }
    }
}

/// As it stands in the table and in forms: nothing, the id of a team, or `tag:` and a tag.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everywhere => Ok(()),
            Self::Team(team) => team.fmt(f),
            Self::Tag(tag) => write!(f, "{OF_TAG}{tag}"),
        }
    }
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_prefix(OF_TAG) {
            Some(tag) => tag.parse().map(Self::Tag).map_err(|error: lifecycle::tag::NotATag| error.to_string()),
            None if text.is_empty() => Ok(Self::Everywhere),
            None => text.parse().map(Self::Team).map_err(|error: lifecycle::ids::NotAnId| error.to_string()),
        }
    }
}

/// A set that a user was given.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Given {
    /// Which set.
    pub set: PermissionSetId,
    /// For what.
    pub place: Place,
}

fn read(row: &Row) -> Result<PermissionSet, StoreError> {
    let words: Vec<String> = row.json("acts")?;
    // What this version does not know is not given.
    Ok(PermissionSet { id: row.parsed("id")?, name: row.text("name")?, acts: words.iter().filter_map(|word| Act::parse(word)).collect() })
}

fn read_given(row: &Row) -> Result<Given, StoreError> {
    Ok(Given { set: row.parsed("set_id")?, place: row.parsed("team_id")? })
}

/// All sets, by name.
pub async fn list(tx: &mut Tx, organisation: &OrganisationId) -> Result<Vec<PermissionSet>, StoreError> {
    let sql = "SELECT id, name, acts FROM permission_sets WHERE organisation_id = $1 ORDER BY name, id";
    tx.all(sql, &[organisation.as_str().into()]).await?.iter().map(read).collect()
}

/// Keeps others from changing any until the transaction ends.
pub async fn keep(tx: &mut Tx, organisation: &OrganisationId) -> Result<(), StoreError> {
    let sql = format!("SELECT id FROM permission_sets WHERE organisation_id = $1 ORDER BY id{}", tx.dialect().for_update());
    tx.all(&sql, &[organisation.as_str().into()]).await?;
    Ok(())
}

/// Makes a set; a name that is taken is [`StoreError::is_duplicate`].
pub async fn create(
    tx: &mut Tx,
    organisation: &OrganisationId,
    name: &str,
    acts: &[Act],
    now: Timestamp,
) -> Result<PermissionSetId, StoreError> {
    let id: PermissionSetId = fresh();
    let sql = "INSERT INTO permission_sets (id, organisation_id, name, acts, created_at) VALUES ($1, $2, $3, $4, $5)";
    let words: Vec<&str> = acts.iter().map(|act| act.as_str()).collect();
    let values = [id.as_str().into(), organisation.as_str().into(), name.into(), to_json(&words)?.into(), now.into()];
    tx.run(sql, &values).await?;
    Ok(id)
}

/// Changes a set for everybody who was given it; a name that is taken is [`StoreError::is_duplicate`]. `false` when there is none.
pub async fn change(tx: &mut Tx, organisation: &OrganisationId, set: &PermissionSet) -> Result<bool, StoreError> {
    let sql = "UPDATE permission_sets SET name = $3, acts = $4 WHERE id = $1 AND organisation_id = $2";
    let words: Vec<&str> = set.acts.iter().map(|act| act.as_str()).collect();
    let values = [set.id.as_str().into(), organisation.as_str().into(), set.name.as_str().into(), to_json(&words)?.into()];
    Ok(tx.run(sql, &values).await? == 1)
}

/// Deletes a set and takes it from everybody. `false` when there is no such set here.
pub async fn delete(tx: &mut Tx, organisation: &OrganisationId, id: &PermissionSetId) -> Result<bool, StoreError> {
    let of_it = "DELETE FROM given_sets WHERE set_id = (SELECT id FROM permission_sets WHERE id = $1 AND organisation_id = $2)";
    tx.run(of_it, &[id.as_str().into(), organisation.as_str().into()]).await?;
    let sql = "DELETE FROM permission_sets WHERE id = $1 AND organisation_id = $2";
    Ok(tx.run(sql, &[id.as_str().into(), organisation.as_str().into()]).await? == 1)
}

/// What everybody was given, by user.
pub async fn given(tx: &mut Tx, organisation: &OrganisationId) -> Result<BTreeMap<UserId, Vec<Given>>, StoreError> {
    let sql = "SELECT user_id, set_id, team_id FROM given_sets WHERE user_id IN (SELECT id FROM users WHERE organisation_id = $1) \
               ORDER BY user_id, set_id, team_id";
    let mut all: BTreeMap<UserId, Vec<Given>> = BTreeMap::new();
    for row in tx.all(sql, &[organisation.as_str().into()]).await? {
        all.entry(row.parsed("user_id")?).or_default().push(read_given(&row)?);
    }
    Ok(all)
}

/// What one user was given.
pub async fn of_user(tx: &mut Tx, user: &UserId) -> Result<Vec<Given>, StoreError> {
    let sql = "SELECT set_id, team_id FROM given_sets WHERE user_id = $1 ORDER BY set_id, team_id";
    tx.all(sql, &[user.as_str().into()]).await?.iter().map(read_given).collect()
}

/// Gives a user exactly these; sets and teams of other organisations are left out.
pub async fn give(tx: &mut Tx, organisation: &OrganisationId, user: &UserId, wanted: &[Given]) -> Result<(), StoreError> {
    let ours = "DELETE FROM given_sets WHERE user_id = (SELECT id FROM users WHERE id = $1 AND organisation_id = $2)";
    tx.run(ours, &[user.as_str().into(), organisation.as_str().into()]).await?;
    let mut each = wanted.to_vec();
    each.sort();
    // However a tag is written.
    each.dedup();
    for one in &each {
        let sql = "INSERT INTO given_sets (user_id, set_id, team_id) SELECT users.id, permission_sets.id, $4 FROM users, permission_sets \
                   WHERE users.id = $1 AND permission_sets.id = $2 AND users.organisation_id = $3 AND permission_sets.organisation_id = $3 \
                   AND ($4 = '' OR $5 = 1 OR EXISTS (SELECT id FROM teams WHERE id = $4 AND organisation_id = $3)) ON CONFLICT DO NOTHING";
        let is_tag = matches!(one.place, Place::Tag(_));
        let values =
            [user.as_str().into(), one.set.as_str().into(), organisation.as_str().into(), one.place.to_string().into(), is_tag.into()];
        tx.run(sql, &values).await?;
    }
    Ok(())
}

/// What a user's sets allow.
pub async fn permissions_of(tx: &mut Tx, user: &UserId) -> Result<Vec<Permission>, StoreError> {
    let sql = "SELECT permission_sets.id, permission_sets.name, permission_sets.acts, given_sets.set_id, given_sets.team_id FROM given_sets \
               JOIN permission_sets ON permission_sets.id = given_sets.set_id WHERE given_sets.user_id = $1 ORDER BY set_id, team_id";
    let mut all = vec![];
    for row in tx.all(sql, &[user.as_str().into()]).await? {
        all.extend(read(&row)?.permissions(&read_given(&row)?.place));
    }
    Ok(all)
}
