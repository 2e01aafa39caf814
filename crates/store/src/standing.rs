//! Deriving profiles' standings inside the transaction that changed something, and putting the news into the outbox.

use std::collections::{BTreeMap, BTreeSet};

use lifecycle::access::Access;
use lifecycle::facts::Facts;
use lifecycle::grant::Grant;
use lifecycle::ids::{GrantId, OrganisationId, PersonId, ProfileId};
use lifecycle::routing;
use lifecycle::status::{News, Standing, settle};
use lifecycle::time::Timestamp;
use serde_json::json;

use crate::driver::{Row, StoreError, Tx, Value, placeholders, to_json};
use crate::events::{self, About, Actor};
use crate::grants::{ACCESS_COLUMNS, read_access, read_grant};
use crate::telling::{Told, tell};

/// Derives the standing of these profiles anew, stores it, records what is news and puts messages into the outbox.
/// Returns how many messages. `cause_of_change` names the grant whose step made it necessary; news of one grant to one
/// owner become one message.
pub async fn settle_profiles(
    tx: &mut Tx,
    profiles: &[ProfileId],
    facts: &Facts,
    now: Timestamp,
    actor: &Actor,
    cause_of_change: &str,
) -> Result<usize, StoreError> {
    // In id order: two transactions never wait for each other crosswise.
    let mut ids: Vec<&ProfileId> = profiles.iter().collect();
    ids.sort();
    ids.dedup();
    let mut told = vec![];
    for some in ids.chunks(BATCH) {
        // Locked first: what is read afterwards cannot change before this transaction ends.
        let rows = locked(tx, some).await?;
        let edges = edges_of(tx, some).await?;
        for row in rows {
            told.extend(settle_one(tx, &row, &edges, facts, now, actor).await?);
        }
    }
    tell(tx, told, now, cause_of_change).await
}

/// How many profiles are read at once.
const BATCH: usize = 500;

/// The profiles' rows, kept from others until the transaction ends.
async fn locked(tx: &mut Tx, ids: &[&ProfileId]) -> Result<Vec<Row>, StoreError> {
    let values: Vec<Value> = ids.iter().map(|id| id.as_str().into()).collect();
    let sql = format!("SELECT * FROM profiles WHERE id IN ({}) ORDER BY id{}", placeholders(1, ids.len()), tx.dialect().for_update());
    tx.all(&sql, &values).await
}

/// The accesses of profiles with their grants, by profile.
pub(crate) async fn edges_of(tx: &mut Tx, ids: &[&ProfileId]) -> Result<BTreeMap<ProfileId, Vec<(Access, Grant)>>, StoreError> {
    let values: Vec<Value> = ids.iter().map(|id| id.as_str().into()).collect();
    let sql = format!(
        "SELECT {ACCESS_COLUMNS} FROM accesses JOIN profiles ON profiles.id = accesses.profile_id WHERE accesses.profile_id IN ({}) ORDER BY accesses.id",
        placeholders(1, ids.len())
    );
    let accesses = tx.all(&sql, &values).await?.iter().map(read_access).collect::<Result<Vec<_>, _>>()?;
    let wanted: BTreeSet<&GrantId> = accesses.iter().map(|access| &access.grant).collect();
    let wanted: Vec<&GrantId> = wanted.into_iter().collect();
    let mut grants = BTreeMap::new();
    for some in wanted.chunks(BATCH) {
        let values: Vec<Value> = some.iter().map(|id| id.as_str().into()).collect();
        for row in tx.all(&format!("SELECT * FROM grants WHERE id IN ({})", placeholders(1, some.len())), &values).await? {
            let grant = read_grant(&row)?;
            grants.insert(grant.id.clone(), grant);
        }
    }
    let mut edges: BTreeMap<ProfileId, Vec<(Access, Grant)>> = BTreeMap::new();
    for access in accesses {
        let grant = grants.get(&access.grant).cloned().ok_or_else(|| StoreError::Broken("an access without a grant".into()))?;
        edges.entry(access.profile.clone()).or_default().push((access, grant));
    }
    Ok(edges)
}

/// Writes a standing down. What lists are read from is left alone where it stays the same, which most renewals leave it: SQLite would write
/// every index that has a column which is set.
async fn write(tx: &mut Tx, id: &ProfileId, before: &Row, after: &Standing) -> Result<(), StoreError> {
    let (status, cause) = (after.status.as_str(), after.cause.map(lifecycle::words::Cause::as_str));
    let mut values: Vec<Value> = vec![id.as_str().into(), to_json(after)?.into(), after.since.into()];
    let same =
        before.text("status")? == status && before.opt_text("cause")?.as_deref() == cause && before.opt_time("deadline")? == after.deadline;
    let sql = if same {
        "UPDATE profiles SET standing = $2, status_since = $3 WHERE id = $1"
    } else {
        values.extend([status.into(), cause.into(), after.deadline.into()]);
        "UPDATE profiles SET standing = $2, status_since = $3, status = $4, cause = $5, deadline = $6 WHERE id = $1"
    };
    tx.run(sql, &values).await.map(drop)
}

async fn settle_one(
    tx: &mut Tx,
    row: &Row,
    edges: &BTreeMap<ProfileId, Vec<(Access, Grant)>>,
    facts: &Facts,
    now: Timestamp,
    actor: &Actor,
) -> Result<Vec<Told>, StoreError> {
    let id: ProfileId = row.parsed("id")?;
    let before: Standing = row.json("standing")?;
    let organisation: OrganisationId = row.parsed("organisation_id")?;
    let pairs: Vec<_> = edges.get(&id).into_iter().flatten().map(|(access, grant)| (access, grant)).collect();
    let (after, news) = settle(&before, &pairs, facts, now);
    if after == before {
        return Ok(vec![]);
    }
    write(tx, &id, row, &after).await?;
    if after.episode != before.episode {
        let remind_at = after.episode.and_then(|episode| routing::next_reminder(episode, now));
        let sql = "UPDATE profiles SET told_at = NULL, remind_at = $2 WHERE id = $1";
        tx.run(sql, &[id.as_str().into(), remind_at.into()]).await?;
    }
    let enabled = row.flag("enabled")?;
    let mut told = vec![];
    for item in news.into_iter().filter(|_| enabled) {
        let about = About { profile: Some(id.clone()), person: about_whom(&after, &item).cloned(), ..About::default() };
        events::append(tx, &organisation, now, item.event_name(), actor, &about, &detail(&after, &item)).await?;
        told.extend(Told::of_news(row, &after, &item)?);
    }
    Ok(told)
}

/// The person of whom a piece of news speaks.
pub(crate) fn about_whom<'a>(standing: &'a Standing, news: &'a News) -> Option<&'a PersonId> {
    match news {
        News::LastRemaining { person, .. } => Some(person),
        _ => standing.person.as_ref(),
    }
}

pub(crate) fn detail(standing: &Standing, news: &News) -> serde_json::Value {
    let cause = if let News::LastRemaining { cause, .. } = news { Some(*cause) } else { standing.cause };
    let (days, episode) = match news {
        News::RenewSoon { days, .. } => (Some(*days), None),
        News::NoAccessTokens { episode } | News::Recovered { episode } => (None, Some(*episode)),
        News::Connected => (None, None),
        News::OutOfReach { since } | News::LastRemaining { since, .. } => (None, Some(*since)),
    };
    json!({
        "status": standing.status,
        "cause": cause,
        "confidence": standing.confidence,
        "evidence": standing.evidence,
        "deadline": standing.deadline,
        "days": days,
        "episode": episode,
        "lost_in_rotation": standing.lost_in_rotation,
    })
}

/// The profiles that a grant reaches.
pub async fn profiles_of(tx: &mut Tx, grant: &GrantId) -> Result<Vec<ProfileId>, StoreError> {
    tx.all("SELECT profile_id FROM accesses WHERE grant_id = $1 ORDER BY profile_id", &[grant.as_str().into()])
        .await?
        .iter()
        .map(|row| row.parsed("profile_id"))
        .collect()
}
