//! From news to messages: who hears it ([`lifecycle::routing`]), in one message per reader and occasion, written in the
//! transaction that made it necessary (NF-01).

use std::collections::BTreeMap;

use lifecycle::ids::{OrganisationId, OutboxId, PersonId, ProfileId, UserId};
use lifecycle::permission::Role;
use lifecycle::routing::{Reader, Route, Rung, route};
use lifecycle::status::{News, Standing};
use lifecycle::time::{Span, Timestamp};
use serde_json::{Value as Json, json};

use crate::driver::{Row, StoreError, Tx, Value, to_json};
use crate::events::{self, About, Actor};
use crate::grants;
use crate::ids::fresh;
use crate::seal::digest;
use crate::standing::detail;
use crate::users::{self, User};

/// So many messages about deaths a reader gets one by one; what follows within the window comes together (NF-05).
const STORM_AFTER: i64 = 5;
const STORM_WINDOW: Span = Span::minutes(10);

/// One piece of news about one profile, before it is known who hears it.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    pub(crate) profile: ProfileId,
    pub(crate) organisation: OrganisationId,
    /// The name of the mail.
    pub(crate) mail: &'static str,
    /// What tells one occasion of it from the next.
    pub(crate) occasion: String,
    name: String,
    network: String,
    kind: String,
    owner: Option<UserId>,
    wanted: bool,
    person: Option<PersonId>,
    pub(crate) detail: Json,
}

impl Told {
    /// What is told of a piece of news; `None` where nobody is written to.
    pub(crate) fn of_news(row: &Row, standing: &Standing, news: &News) -> Result<Option<Self>, StoreError> {
        let Some((mail, occasion)) = news.occasion() else { return Ok(None) };
        let wanted = row.flag(if mail == "renew_soon" { "notify_renew_soon" } else { "notify_no_access" })?;
        Ok(Some(Self {
            profile: row.parsed("id")?,
            organisation: row.parsed("organisation_id")?,
            mail,
            occasion,
            name: row.text("name")?,
            network: row.text("network")?,
            kind: row.text("kind")?,
            owner: row.opt_parsed("owner_id")?,
            wanted,
            person: standing.person.clone(),
            detail: detail(standing, news),
        }))
    }
}

/// Who is asked first, second, third about one profile, as they stand now.
pub async fn route_of(
    tx: &mut Tx,
    organisation: &OrganisationId,
    profile: &ProfileId,
    owner: Option<&UserId>,
    early: bool,
) -> Result<Route, StoreError> {
    let reader = |user: &User| Reader {
        user: user.id.clone(),
        active: user.disabled_at.is_none(),
        opted_in: if early { user.notify_renew_soon } else { user.notify_no_access },
    };
    let owner = match owner {
        Some(id) => users::by_id(tx, id).await?.as_ref().map(reader),
        None => None,
    };
    let alone = route(owner.as_ref(), &[], &[]);
    if alone.rung == Rung::Owner {
        return Ok(alone);
    }
    let team = users::of_profiles_teams(tx, organisation, profile).await?;
    let admins = users::with_role(tx, organisation, Role::CompanyAdmin).await?;
    let readers = |users: &[User]| users.iter().map(reader).collect::<Vec<_>>();
    Ok(route(owner.as_ref(), &readers(&team), &readers(&admins)))
}

/// One message per reader and kind of news, whatever each profile's episode is: nobody gets two all-clears for one login.
/// Early warnings of different days are different messages, since each names its day. Returns how many messages.
pub(crate) async fn tell(tx: &mut Tx, told: Vec<Told>, now: Timestamp, cause_of_change: &str) -> Result<usize, StoreError> {
    let mut letters: BTreeMap<(UserId, &'static str, String), (Route, Vec<Told>)> = BTreeMap::new();
    for item in told {
        if item.mail == "no_access_tokens" {
            tx.run("UPDATE profiles SET told_at = $2 WHERE id = $1", &[item.profile.as_str().into(), now.into()]).await?;
        }
        if !item.wanted {
            note(tx, &item, "notification.nobody", &json!({ "mail": item.mail, "reason": "profile_not_opted_in" }), now).await?;
            continue;
        }
        let early = item.mail == "renew_soon";
        let route = route_of(tx, &item.organisation, &item.profile, item.owner.as_ref(), early).await?;
        if let Some(why) = route.why_not_owner {
            let kind = if route.rung == Rung::Nobody { "notification.nobody" } else { "notification.rerouted" };
            note(tx, &item, kind, &json!({ "mail": item.mail, "reason": why, "to": route.rung }), now).await?;
        }
        let day = if early { item.occasion.clone() } else { String::new() };
        for user in &route.users {
            let letter = letters.entry((user.clone(), item.mail, day.clone())).or_insert_with(|| (route.clone(), vec![]));
            letter.1.push(item.clone());
        }
    }
    let mut count = 0;
    for ((user, mail, _), (route, items)) in letters {
        if let Some(user) = users::by_id(tx, &user).await? {
            count += usize::from(tell_one(tx, mail, &user, &route, &items, now, cause_of_change).await?);
        }
    }
    Ok(count)
}

async fn note(tx: &mut Tx, item: &Told, kind: &str, detail: &Json, now: Timestamp) -> Result<(), StoreError> {
    let about = About { profile: Some(item.profile.clone()), ..About::default() };
    events::append(tx, &item.organisation, now, kind, &Actor::Keeper, &about, detail).await
}

/// Never told twice: kind, grant, recipient, channel, and a digest of which profile is told of which occasion. Two
/// profiles of one grant that recover one after the other are two messages, though their episode is the same.
fn dedupe(mail: &str, cause_of_change: &str, items: &[Told], user: &UserId) -> String {
    let mut lines: Vec<String> = items.iter().map(|item| format!("{}={}", item.profile, item.occasion)).collect();
    lines.sort();
    let occasion = items.first().map(|item| item.occasion.as_str()).unwrap_or_default();
    format!("{mail}:{cause_of_change}:{occasion}:{user}:mail:{}", digest(lines.join(",").as_bytes()))
}

async fn tell_one(
    tx: &mut Tx,
    mail: &'static str,
    user: &User,
    route: &Route,
    items: &[Told],
    now: Timestamp,
    cause_of_change: &str,
) -> Result<bool, StoreError> {
    let Some(first) = items.first() else { return Ok(false) };
    let mut payload = payload(tx, first, items).await?;
    if let Some(why) = route.why_not_owner {
        payload["rerouted"] = json!({ "reason": why, "to": route.rung });
    }
    let dedupe = dedupe(mail, cause_of_change, items, &user.id);
    if mail == "no_access_tokens" && is_storm(tx, user, now).await? {
        return join_storm(tx, user, payload, &dedupe, now).await;
    }
    insert(tx, mail, user, &payload, &dedupe, now, now).await
}

async fn is_storm(tx: &mut Tx, user: &User, now: Timestamp) -> Result<bool, StoreError> {
    let sql = "SELECT COUNT(*) AS n FROM outbox WHERE user_id = $1 AND kind = 'no_access_tokens' AND created_at > $2";
    let row = tx.one(sql, &[user.id.as_str().into(), (now - STORM_WINDOW).into()]).await?;
    Ok(row.map_or(Ok(0), |row| row.int("n"))? >= STORM_AFTER)
}

/// What comes in a storm is gathered in one message that leaves when the window is over, and lists all of it.
async fn join_storm(tx: &mut Tx, user: &User, payload: Json, dedupe: &str, now: Timestamp) -> Result<bool, StoreError> {
    let lock = tx.dialect().for_update();
    let sql = format!("SELECT id, payload FROM outbox WHERE user_id = $1 AND kind = 'storm' AND due_at > $2 AND tries = 0 LIMIT 1{lock}");
    let Some(row) = tx.one(&sql, &[user.id.as_str().into(), now.into()]).await? else {
        let dedupe = format!("storm:{dedupe}");
        return insert(tx, "storm", user, &payload, &dedupe, now, now + STORM_WINDOW).await;
    };
    let mut gathered: Json = row.json("payload")?;
    if let (Some(all), Some(more)) = (gathered["profiles"].as_array_mut(), payload["profiles"].as_array()) {
        all.extend(more.iter().filter(|profile| !all.contains(profile)).cloned().collect::<Vec<_>>());
    }
    tx.run("UPDATE outbox SET payload = $2 WHERE id = $1", &[row.text("id")?.into(), to_json(&gathered)?.into()]).await?;
    Ok(true)
}

pub(crate) async fn insert(
    tx: &mut Tx,
    mail: &str,
    user: &User,
    payload: &Json,
    dedupe: &str,
    now: Timestamp,
    due: Timestamp,
) -> Result<bool, StoreError> {
    let sql = "INSERT INTO outbox (id, organisation_id, kind, dedupe, channel, recipient, user_id, language, payload, created_at, due_at, tries) \
               VALUES ($1, $2, $3, $4, 'mail', $5, $6, $7, $8, $9, $10, 0) ON CONFLICT (dedupe) DO NOTHING";
    let values: [Value; 10] = [
        fresh::<OutboxId>().as_str().into(),
        user.organisation.as_str().into(),
        mail.into(),
        dedupe.into(),
        user.email.as_str().into(),
        user.id.as_str().into(),
        user.language.as_str().into(),
        to_json(payload)?.into(),
        now.into(),
        due.into(),
    ];
    Ok(tx.run(sql, &values).await? == 1)
}

async fn payload(tx: &mut Tx, first: &Told, all: &[Told]) -> Result<Json, StoreError> {
    let person = match &first.person {
        Some(id) => grants::person(tx, id).await?,
        None => None,
    };
    let profiles: Vec<_> = all
        .iter()
        .map(|item| json!({ "id": item.profile.as_str(), "name": item.name, "network": item.network, "kind": item.kind }))
        .collect();
    let mut payload = first.detail.clone();
    payload["profiles"] = profiles.into();
    payload["person"] = person.map(|person| json!({ "name": person.name, "handle": person.handle })).into();
    Ok(payload)
}
