//! Tags of profiles. They lie among the teams, in `profile_teams` too, so that a list of a tag is read as fast as a list of a team, from
//! the same indexes by the same statements. They never come out as teams: [`crate::teams`] reads rows without a tag only, and the id of a
//! tag's row is no [`lifecycle::ids::TeamId`].

use std::collections::BTreeMap;

use lifecycle::ids::{OrganisationId, ProfileId};
use lifecycle::tag::Tag;
use lifecycle::time::Timestamp;

use crate::driver::{StoreError, Tx, Value, placeholders};
use crate::profiles::{self, Filter, Narrow};

/// The id of a tag's row: the same for whoever writes it first.
pub(crate) fn id(organisation: &OrganisationId, tag: &Tag) -> String {
    format!("tag:{organisation}:{}", tag.key())
}

/// Gives a profile exactly these tags, 20 at most. A tag that it brings along is shown as it is written here; one that no profile has any
/// more is gone. A profile of another organisation is left as it is.
pub async fn set(tx: &mut Tx, organisation: &OrganisationId, profile: &ProfileId, tags: &[Tag], now: Timestamp) -> Result<(), StoreError> {
    let ours = "SELECT id FROM profiles WHERE id = $1 AND organisation_id = $2";
    if tx.one(ours, &[profile.as_str().into(), organisation.as_str().into()]).await?.is_none() {
        return Ok(());
    }
    let has = "SELECT teams.id, teams.tag FROM profile_teams JOIN teams ON teams.id = profile_teams.team_id \
               WHERE profile_teams.profile_id = $1 AND teams.tag IS NOT NULL";
    let mut wanted: BTreeMap<String, Option<&Tag>> = tags.iter().map(|tag| (id(organisation, tag), Some(tag))).collect();
    for row in tx.all(has, &[profile.as_str().into()]).await? {
        let (id, shown) = (row.text("id")?, row.text("tag")?);
        match wanted.get(&id) {
            // As it is: nobody who changes it elsewhere is waited for.
            Some(Some(tag)) if tag.as_str() == shown => wanted.remove(&id),
            Some(_) => None,
            None => wanted.insert(id, None),
        };
    }
    if wanted.is_empty() {
        return Ok(());
    }
    keep(tx, organisation).await?;
    for (id, wanted) in &wanted {
        match wanted {
            Some(tag) => put(tx, organisation, profile, (id, tag), now).await?,
            None => take(tx, profile, id).await?,
        }
    }
    Ok(())
}

/// Keeps others from changing any until the transaction ends. Whoever changes those of several profiles has kept all of these before: nobody
/// who has the tags waits for a profile.
pub async fn keep(tx: &mut Tx, organisation: &OrganisationId) -> Result<(), StoreError> {
    if !tx.is_alone() {
        // One lock for all of them: most tags are set by hand, and single ones would be taken in as many orders as there are profiles.
        let sql = "SELECT CAST(pg_advisory_xact_lock(hashtextextended($1, 0)) AS TEXT)";
        tx.all(sql, &[format!("tags of {organisation}").into()]).await?;
    }
    Ok(())
}

async fn put(
    tx: &mut Tx,
    organisation: &OrganisationId,
    profile: &ProfileId,
    (id, tag): (&str, &Tag),
    now: Timestamp,
) -> Result<(), StoreError> {
    // Shown as whoever wrote it first, as long as another profile has it. Whoever takes it from its last one just then is waited for.
    let sql = "INSERT INTO teams (id, organisation_id, name, tag, created_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (id) DO UPDATE \
               SET tag = CASE WHEN EXISTS (SELECT 1 FROM profile_teams WHERE team_id = $1 AND profile_id <> $6) THEN teams.tag ELSE $4 END";
    let name = format!(" {}", tag.key());
    let values: [Value; 6] =
        [id.into(), organisation.as_str().into(), name.into(), tag.as_str().into(), now.into(), profile.as_str().into()];
    tx.run(sql, &values).await?;
    let sql = "INSERT INTO profile_teams (profile_id, team_id) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    tx.run(sql, &[profile.as_str().into(), id.into()]).await?;
    Ok(())
}

async fn take(tx: &mut Tx, profile: &ProfileId, id: &str) -> Result<(), StoreError> {
    tx.run("DELETE FROM profile_teams WHERE profile_id = $1 AND team_id = $2", &[profile.as_str().into(), id.into()]).await?;
    let unused = "DELETE FROM teams WHERE id = $1 AND tag IS NOT NULL AND NOT EXISTS (SELECT 1 FROM profile_teams WHERE team_id = $1)";
    tx.run(unused, &[id.into()]).await?;
    Ok(())
}

/// The tags of what somebody sees (`None`: everything), by name, and how many of these profiles have each.
pub async fn list(tx: &mut Tx, organisation: &OrganisationId, visible_to: Option<&Narrow>) -> Result<Vec<(Tag, i64)>, StoreError> {
    let (conditions, values) = profiles::conditions(organisation, &Filter { visible_to: visible_to.cloned(), ..Filter::default() });
    let seen = if visible_to.is_some() {
        format!(" AND profile_teams.profile_id IN (SELECT id FROM profiles WHERE {conditions})")
    } else {
        String::new()
    };
    let sql = format!(
        "SELECT teams.tag, COUNT(*) AS n FROM teams JOIN profile_teams ON profile_teams.team_id = teams.id \
         WHERE teams.organisation_id = $1 AND teams.tag IS NOT NULL{seen} GROUP BY teams.id, teams.tag"
    );
    let rows = tx.all(&sql, &values).await?;
    let mut all = rows.iter().map(|row| Ok((row.parsed("tag")?, row.int("n")?))).collect::<Result<Vec<(Tag, i64)>, StoreError>>()?;
    all.sort();
    Ok(all)
}

/// So many tags are suggested.
const SUGGESTED: u32 = 200;
/// So many tags are looked at for them.
const LOOKED_FOR: u32 = 2_000;
/// So many profiles of a tag are looked at for whether somebody sees one.
const LOOKED_AT: u32 = 20;

/// Tags to suggest, by name: 200 at most of the first 2,000, and to those who may not see everything only such as one of a tag's first
/// profiles shows them.
/// Read soon however many there are; [`list`] is exact.
pub async fn suggestions(tx: &mut Tx, organisation: &OrganisationId, visible_to: Option<&Narrow>) -> Result<Vec<Tag>, StoreError> {
    let filter = Filter { visible_to: visible_to.cloned(), ..Filter::default() };
    let (conditions, mut values) = profiles::conditions_of_each(organisation, &filter);
    let mut seen = String::new();
    if visible_to.is_some() {
        values.push(LOOKED_AT.into());
        seen = format!(
            " AND EXISTS (SELECT 1 FROM (SELECT profile_id FROM profile_teams WHERE team_id = teams.id LIMIT ${}) AS first \
             JOIN profiles ON profiles.id = first.profile_id WHERE {conditions})",
            values.len()
        );
    }
    values.extend([LOOKED_FOR.into(), SUGGESTED.into()]);
    let (first, most) = (values.len() - 1, values.len());
    let tags = format!("SELECT id, tag, name FROM teams WHERE organisation_id = $1 AND tag IS NOT NULL ORDER BY name LIMIT ${first}");
    let sql = format!("SELECT teams.tag FROM ({tags}) AS teams WHERE TRUE{seen} ORDER BY teams.name LIMIT ${most}");
    tx.all(&sql, &values).await?.iter().map(|row| row.parsed("tag")).collect()
}

/// Whether there is any tag.
pub async fn any(tx: &mut Tx, organisation: &OrganisationId) -> Result<bool, StoreError> {
    let sql = "SELECT id FROM teams WHERE organisation_id = $1 AND tag IS NOT NULL LIMIT 1";
    Ok(tx.one(sql, &[organisation.as_str().into()]).await?.is_some())
}

/// The first of some tags that no profile has.
pub async fn missing(tx: &mut Tx, organisation: &OrganisationId, tags: &[Tag]) -> Result<Option<Tag>, StoreError> {
    if tags.is_empty() {
        return Ok(None);
    }
    let sql = format!("SELECT id FROM teams WHERE id IN ({})", placeholders(1, tags.len()));
    let values: Vec<Value> = tags.iter().map(|tag| id(organisation, tag).into()).collect();
    let rows = tx.all(&sql, &values).await?;
    let known = rows.iter().map(|row| row.text("id")).collect::<Result<Vec<_>, _>>()?;
    Ok(tags.iter().find(|tag| !known.contains(&id(organisation, tag))).cloned())
}
