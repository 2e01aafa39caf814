//! Deriving profiles' standings inside the transaction that changed something, and putting the news into the outbox.

use std::collections::{BTreeMap, BTreeSet};

use lifecycle::access::Access;
use lifecycle::facts::Facts;
use lifecycle::grant::Grant;
use lifecycle::ids::{GrantId, OrganisationId, OutboxId, ProfileId, UserId};
use lifecycle::status::{News, Standing, settle};
use lifecycle::time::Timestamp;
use serde_json::json;

use crate::driver::{Row, StoreError, Tx, Value, placeholders, to_json};
use crate::events::{self, About, Actor};
use crate::grants::{self, ACCESS_COLUMNS, read_access, read_grant};
use crate::ids::fresh;
use crate::seal::digest;
use crate::users;

/// One piece of news about one profile, before it is known who hears it.
struct Told {
    profile: ProfileId,
    organisation: OrganisationId,
    name: String,
    network: String,
    kind: String,
    owner: Option<UserId>,
    notify_no_access: bool,
    notify_renew_soon: bool,
    standing: Standing,
    news: News,
}

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
    let sql = "UPDATE profiles SET standing = $2, status = $3, cause = $4, status_since = $5, deadline = $6 WHERE id = $1";
    let values = [
        id.as_str().into(),
        to_json(&after)?.into(),
        after.status.as_str().into(),
        after.cause.map(lifecycle::words::Cause::as_str).into(),
        after.since.into(),
        after.deadline.into(),
    ];
    tx.run(sql, &values).await?;
    let enabled = row.flag("enabled")?;
    let mut told = vec![];
    for item in news.into_iter().filter(|_| enabled) {
        let about = About { profile: Some(id.clone()), person: after.person.clone(), ..About::default() };
        events::append(tx, &organisation, now, item.event_name(), actor, &about, &detail(&after, &item)).await?;
        told.push(Told {
            profile: id.clone(),
            organisation: organisation.clone(),
            name: row.text("name")?,
            network: row.text("network")?,
            kind: row.text("kind")?,
            owner: row.opt_parsed("owner_id")?,
            notify_no_access: row.flag("notify_no_access")?,
            notify_renew_soon: row.flag("notify_renew_soon")?,
            standing: after.clone(),
            news: item,
        });
    }
    Ok(told)
}

fn detail(standing: &Standing, news: &News) -> serde_json::Value {
    let (days, episode) = match news {
        News::RenewSoon { days, .. } => (Some(*days), None),
        News::NoAccessTokens { episode } | News::Recovered { episode } => (None, Some(*episode)),
        News::Connected => (None, None),
    };
    json!({
        "status": standing.status,
        "cause": standing.cause,
        "confidence": standing.confidence,
        "evidence": standing.evidence,
        "deadline": standing.deadline,
        "days": days,
        "episode": episode,
        "lost_in_rotation": standing.lost_in_rotation,
    })
}

/// The name of the mail, and what tells one occasion of it from the next.
fn occasion(news: &News) -> Option<(&'static str, String)> {
    match news {
        News::Connected => None,
        News::NoAccessTokens { episode } => Some(("no_access_tokens", episode.as_micros().to_string())),
        News::Recovered { episode } => Some(("recovered", episode.as_micros().to_string())),
        News::RenewSoon { days, deadline } => Some(("renew_soon", format!("{}:{days}", deadline.as_micros()))),
    }
}

/// One message per owner and kind of news, whatever each profile's episode is: nobody gets two all-clears for one login.
/// Early warnings of different days are different messages, since each names its day.
async fn tell(tx: &mut Tx, told: Vec<Told>, now: Timestamp, cause_of_change: &str) -> Result<usize, StoreError> {
    let mut letters: BTreeMap<(String, &'static str, String), Vec<Told>> = BTreeMap::new();
    for item in told {
        let Some((mail, occasion)) = occasion(&item.news) else { continue };
        let owner = item.owner.as_ref().map(ToString::to_string).unwrap_or_default();
        let day = if mail == "renew_soon" { occasion } else { String::new() };
        letters.entry((owner, mail, day)).or_default().push(item);
    }
    let mut count = 0;
    for ((_, mail, _), items) in letters {
        count += usize::from(tell_owner(tx, mail, items, now, cause_of_change).await?);
    }
    Ok(count)
}

/// Never told twice: kind, grant, recipient, channel, and a digest of which profile is told of which occasion. Two
/// profiles of one grant that recover one after the other are two messages, though their episode is the same.
fn dedupe(mail: &str, cause_of_change: &str, items: &[Told], user: &UserId) -> String {
    let mut lines: Vec<String> =
        items.iter().filter_map(|item| occasion(&item.news).map(|(_, occasion)| format!("{}={occasion}", item.profile))).collect();
    lines.sort();
    let occasion = items.first().and_then(|item| occasion(&item.news)).map(|(_, occasion)| occasion).unwrap_or_default();
    format!("{mail}:{cause_of_change}:{occasion}:{user}:mail:{}", digest(lines.join(",").as_bytes()))
}

async fn tell_owner(tx: &mut Tx, mail: &'static str, items: Vec<Told>, now: Timestamp, cause_of_change: &str) -> Result<bool, StoreError> {
    let owner = match items.first().and_then(|item| item.owner.clone()) {
        Some(id) => users::by_id(tx, &id).await?,
        None => None,
    };
    let early = mail == "renew_soon";
    let wants = |item: &Told| if early { item.notify_renew_soon } else { item.notify_no_access };
    let why_not = match &owner {
        None => Some("no_owner"),
        Some(user) if user.disabled_at.is_some() => Some("owner_disabled"),
        Some(user) if !(if early { user.notify_renew_soon } else { user.notify_no_access }) => Some("owner_not_opted_in"),
        Some(_) => None,
    };
    let mut wanted = vec![];
    for item in items {
        let Some(reason) = why_not.or_else(|| (!wants(&item)).then_some("profile_not_opted_in")) else {
            wanted.push(item);
            continue;
        };
        let about = About { profile: Some(item.profile.clone()), ..About::default() };
        let detail = json!({ "mail": mail, "reason": reason });
        events::append(tx, &item.organisation, now, "notification.nobody", &Actor::Keeper, &about, &detail).await?;
    }
    let (Some(user), Some(first)) = (owner, wanted.first()) else { return Ok(false) };
    let payload = payload(tx, first, &wanted).await?;
    let sql = "INSERT INTO outbox (id, organisation_id, kind, dedupe, channel, recipient, user_id, language, payload, created_at, due_at, tries) \
               VALUES ($1, $2, $3, $4, 'mail', $5, $6, $7, $8, $9, $9, 0) ON CONFLICT (dedupe) DO NOTHING";
    let values = [
        fresh::<OutboxId>().as_str().into(),
        user.organisation.as_str().into(),
        mail.into(),
        dedupe(mail, cause_of_change, &wanted, &user.id).into(),
        user.email.as_str().into(),
        user.id.as_str().into(),
        user.language.as_str().into(),
        to_json(&payload)?.into(),
        now.into(),
    ];
    Ok(tx.run(sql, &values).await? == 1)
}

async fn payload(tx: &mut Tx, first: &Told, all: &[Told]) -> Result<serde_json::Value, StoreError> {
    let person = match &first.standing.person {
        Some(id) => grants::person(tx, id).await?,
        None => None,
    };
    let profiles: Vec<_> = all
        .iter()
        .map(|item| json!({ "id": item.profile.as_str(), "name": item.name, "network": item.network, "kind": item.kind }))
        .collect();
    let mut payload = detail(&first.standing, &first.news);
    payload["profiles"] = profiles.into();
    payload["person"] = person.map(|person| json!({ "name": person.name, "handle": person.handle })).into();
    Ok(payload)
}

/// The profiles that a grant reaches.
pub async fn profiles_of(tx: &mut Tx, grant: &GrantId) -> Result<Vec<ProfileId>, StoreError> {
    tx.all("SELECT profile_id FROM accesses WHERE grant_id = $1 ORDER BY profile_id", &[grant.as_str().into()])
        .await?
        .iter()
        .map(|row| row.parsed("profile_id"))
        .collect()
}
