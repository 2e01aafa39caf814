//! From news to messages: who hears it ([`lifecycle::routing`]), in one message per reader and occasion, written in the
//! transaction that made it necessary (NF-01).

use std::collections::BTreeMap;

use lifecycle::departure::{Digest, WaitsFor};
use lifecycle::ids::{OrganisationId, OutboxId, PersonId, ProfileId, UserId};
use lifecycle::permission::Role;
use lifecycle::routing::{Reader, Route, Rung, route};
use lifecycle::status::{News, Standing};
use lifecycle::time::{Span, Timestamp};
use serde_json::{Value as Json, json};

use crate::acts::Act;
use crate::driver::{Row, StoreError, Tx, Value, to_json};
use crate::events::{self, About, Actor};
use crate::grants;
use crate::ids::fresh;
use crate::outbox::Letter;
use crate::seal::digest;
use crate::standing::{about_whom, detail};
use crate::users::{self, User, email_key};
use crate::wishes;

/// So many messages about deaths a reader gets one by one; what follows within the window comes together (NF-05).
const STORM_AFTER: i64 = 5;
pub(crate) const STORM_WINDOW: Span = Span::minutes(10);

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
        let wanted = row.flag(if is_early(mail) { "notify_renew_soon" } else { "notify_no_access" })?;
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
            person: about_whom(standing, news).cloned(),
            detail: detail(standing, news),
        }))
    }
}

/// Whether a mail warns while everything works still.
fn is_early(mail: &str) -> bool {
    matches!(mail, "renew_soon" | "last_remaining")
}

/// Whether a user wants such a mail. A reminder is news for whoever is told of deaths; the first word of one never is.
fn wants(user: &User, mail: &str) -> bool {
    let hears_news = user.wishes.digest != Digest::Off;
    match mail {
        early if is_early(early) => user.notify_renew_soon && hears_news,
        "reminder" => user.notify_no_access && hears_news,
        _ => user.notify_no_access,
    }
}

/// Who is asked first, second, third about one profile, as they stand now.
pub async fn route_of(
    tx: &mut Tx,
    organisation: &OrganisationId,
    profile: &ProfileId,
    owner: Option<&UserId>,
    mail: &str,
) -> Result<Route, StoreError> {
    let reader = |user: &User| Reader {
        user: user.id.clone(),
        active: user.disabled_at.is_none(),
        opted_in: wants(user, mail),
        reachable: user.refused.is_none(),
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
        let route = route_of(tx, &item.organisation, &item.profile, item.owner.as_ref(), item.mail).await?;
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
        // Nobody else has to hear an all-clear that its reader does not want.
        let user = users::by_id(tx, &user).await?.filter(|user| mail != "recovered" || user.wishes.digest != Digest::Off);
        if let Some(user) = user {
            count += usize::from(tell_one(tx, mail, &user, &route, &items, now, cause_of_change).await?);
        }
    }
    Ok(count)
}

/// A mail that says that mails arrive: the way back for somebody whose address was refused. `false` when one was asked for within
/// this minute already.
pub async fn test_mail(tx: &mut Tx, user: &UserId, now: Timestamp) -> Result<bool, StoreError> {
    let Some(user) = users::by_id(tx, user).await? else { return Ok(false) };
    let dedupe = format!("test_mail:{}:{}", user.id, now.as_seconds().div_euclid(60));
    insert(tx, "test_mail", &user, &json!({ "profiles": [] }), &dedupe, now).await
}

/// Somebody's post or comment waits for a user's approval: they hear of it, unless they want no such mails. What comes within ten
/// minutes of a mail comes in one. What is to be said stands in no mail: it lies sealed until it is sent. How many messages.
pub async fn ask_for_approval(
    tx: &mut Tx,
    organisation: &OrganisationId,
    approver: &UserId,
    act: &Act,
    asks: &str,
    now: Timestamp,
) -> Result<usize, StoreError> {
    let reader = users::by_id(tx, approver).await?;
    let Some(reader) = reader.filter(|user| user.disabled_at.is_none() && user.notify_approvals && user.organisation == *organisation)
    else {
        return Ok(0);
    };
    let sql = "SELECT id, name, network, kind FROM profiles WHERE id = $1 AND organisation_id = $2";
    let Some(row) = tx.one(sql, &[act.profile.as_str().into(), organisation.as_str().into()]).await? else { return Ok(0) };
    let profile = json!({ "id": row.text("id")?, "name": row.text("name")?, "network": row.text("network")?, "kind": row.text("kind")? });
    let payload = json!({ "profiles": [profile], "asks": asks, "deadline": act.ends_at.as_micros(), "count": 1 });
    let recent = "SELECT id FROM outbox WHERE user_id = $1 AND kind IN ('approval_wanted', 'approvals_wanted') \
                  AND (created_at > $2 OR due_at > $3) LIMIT 1";
    let told_lately = tx.one(recent, &[approver.as_str().into(), (now - STORM_WINDOW).into(), now.into()]).await?.is_some();
    let dedupe = format!("approval_wanted:{}:{}", act.id, act.changed_at.as_micros());
    let mail = if told_lately { "approvals_wanted" } else { "approval_wanted" };
    if told_lately {
        gather(tx, mail, &reader, payload, &dedupe, now).await.map(usize::from)
    } else {
        insert(tx, mail, &reader, &payload, &dedupe, now).await.map(usize::from)
    }
}

/// By whom a message is read that could not be delivered to somebody: whoever is next on the ladder of each profile it speaks of.
pub(crate) async fn readers_instead(
    tx: &mut Tx,
    organisation: &OrganisationId,
    mail: &str,
    payload: &Json,
) -> Result<Vec<User>, StoreError> {
    let mail = if mail == "storm" { "no_access_tokens" } else { mail };
    let mut found: BTreeMap<UserId, User> = BTreeMap::new();
    for profile in payload["profiles"].as_array().into_iter().flatten().filter_map(|profile| profile["id"].as_str()) {
        let sql = "SELECT id, owner_id FROM profiles WHERE id = $1 AND organisation_id = $2";
        let Some(row) = tx.one(sql, &[profile.into(), organisation.as_str().into()]).await? else { continue };
        let owner: Option<UserId> = row.opt_parsed("owner_id")?;
        for user in route_of(tx, organisation, &row.parsed("id")?, owner.as_ref(), mail).await?.users {
            if let Some(user) = users::by_id(tx, &user).await? {
                found.insert(user.id.clone(), user);
            }
        }
    }
    Ok(found.into_values().collect())
}

/// Whether any mail about profiles reaches a user as they wish now.
pub fn is_reached(user: &User) -> bool {
    user.notify_no_access || (user.wishes.digest != Digest::Off && (user.notify_renew_soon || user.notify_new_profiles))
}

/// Somebody switched off the last mails that reached them: the other company admins hear which profiles are theirs, since a death
/// there goes down the ladder from now on. How many messages.
pub async fn warn_of_unreached(tx: &mut Tx, user: &User, now: Timestamp) -> Result<usize, StoreError> {
    let sql = "SELECT id, name, network, kind FROM profiles WHERE owner_id = $1 ORDER BY sort_key, id LIMIT 100";
    let mut profiles = vec![];
    for row in tx.all(sql, &[user.id.as_str().into()]).await? {
        let named = json!({ "id": row.text("id")?, "name": row.text("name")?, "network": row.text("network")?, "kind": row.text("kind")? });
        profiles.push(named);
    }
    if profiles.is_empty() {
        return Ok(0);
    }
    let payload = json!({ "profiles": profiles, "reader": user.name });
    let mut count = 0;
    for admin in users::with_role(tx, &user.organisation, Role::CompanyAdmin).await? {
        if admin.disabled_at.is_none() && admin.id != user.id {
            let dedupe = format!("unreached:{}:{}:{}", user.id, now.as_micros(), admin.id);
            count += usize::from(insert(tx, "unreached", &admin, &payload, &dedupe, now).await?);
        }
    }
    Ok(count)
}

/// An invitation or a renewal link did not arrive: whoever sent it hears of it, once, if they can. The link stands in no such mail; and
/// since that mail is neither, nothing follows when it does not arrive either.
pub(crate) async fn tell_sender(tx: &mut Tx, letter: &Letter, why: &str, now: Timestamp) -> Result<(), StoreError> {
    let mail = match letter.kind.as_str() {
        "invitation" => "invitation_not_arrived",
        "renewal_link" => "link_not_arrived",
        _ => return Ok(()),
    };
    let Some(sender) = letter.payload["sender"].as_str().and_then(|id| id.parse::<UserId>().ok()) else { return Ok(()) };
    let is_reached = |user: &User| user.organisation == letter.organisation && user.disabled_at.is_none() && user.refused.is_none();
    let Some(sender) = users::by_id(tx, &sender).await?.filter(is_reached) else { return Ok(()) };
    if email_key(&sender.email) != email_key(&letter.recipient) {
        let profiles = letter.payload["profiles"].as_array().cloned().unwrap_or_default();
        let payload = json!({ "profiles": profiles, "to": letter.recipient, "why": without_links(why) });
        insert(tx, mail, &sender, &payload, &format!("{mail}:{}", letter.id), now).await?;
    }
    Ok(())
}

/// Whoever got a mail can forge a report of it: no link of theirs is sent on. Links of ours were left out before
/// ([`lifecycle::words::foreign`]), and the delivery log keeps the others.
pub(crate) fn without_links(why: &str) -> String {
    let is_link = |word: &str| ["://", "/invitation/", "/renew/"].iter().any(|part| word.contains(part));
    why.split_whitespace().map(|word| if is_link(word) { "…" } else { word }).collect::<Vec<_>>().join(" ")
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
    insert(tx, mail, user, &payload, &dedupe, now).await
}

async fn is_storm(tx: &mut Tx, user: &User, now: Timestamp) -> Result<bool, StoreError> {
    let sql = "SELECT COUNT(*) AS n FROM outbox WHERE user_id = $1 AND kind = 'no_access_tokens' AND created_at > $2";
    let row = tx.one(sql, &[user.id.as_str().into(), (now - STORM_WINDOW).into()]).await?;
    Ok(row.map_or(Ok(0), |row| row.int("n"))? >= STORM_AFTER)
}

/// What comes in a storm is gathered in one message that leaves when the window is over, and lists all of it.
async fn join_storm(tx: &mut Tx, user: &User, payload: Json, dedupe: &str, now: Timestamp) -> Result<bool, StoreError> {
    gather(tx, "storm", user, payload, &format!("storm:{dedupe}"), now).await
}

/// Adds the profiles of a message to those of one that waits to leave, or writes it.
async fn gather(tx: &mut Tx, mail: &str, user: &User, payload: Json, dedupe: &str, now: Timestamp) -> Result<bool, StoreError> {
    let lock = tx.dialect().for_update();
    let sql = format!("SELECT id, payload FROM outbox WHERE user_id = $1 AND kind = $3 AND due_at > $2 AND tries = 0 LIMIT 1{lock}");
    let Some(row) = tx.one(&sql, &[user.id.as_str().into(), now.into(), mail.into()]).await? else {
        return insert(tx, mail, user, &payload, dedupe, now).await;
    };
    let mut gathered: Json = row.json("payload")?;
    if let (Some(so_many), Some(more)) = (gathered["count"].as_i64(), payload["count"].as_i64()) {
        gathered["count"] = (so_many + more).into();
    }
    if let (Some(all), Some(more)) = (gathered["profiles"].as_array_mut(), payload["profiles"].as_array()) {
        all.extend(more.iter().filter(|profile| !all.contains(profile)).cloned().collect::<Vec<_>>());
    }
    tx.run("UPDATE outbox SET payload = $2 WHERE id = $1", &[row.text("id")?.into(), to_json(&gathered)?.into()]).await?;
    Ok(true)
}

/// Writes one mail to a user, which leaves when they wish. `false` when it was written before.
pub(crate) async fn insert(tx: &mut Tx, mail: &str, user: &User, payload: &Json, dedupe: &str, now: Timestamp) -> Result<bool, StoreError> {
    let departure = wishes::leaves(user, mail, payload, now);
    let sql = "INSERT INTO outbox (id, organisation_id, kind, dedupe, channel, recipient, user_id, language, payload, created_at, due_at, waits_for, tries) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 0) ON CONFLICT (dedupe) DO NOTHING";
    let values: [Value; 12] = [
        fresh::<OutboxId>().as_str().into(),
        user.organisation.as_str().into(),
        mail.into(),
        dedupe.into(),
        wishes::channel(&departure).into(),
        user.email.as_str().into(),
        user.id.as_str().into(),
        user.language.as_str().into(),
        to_json(payload)?.into(),
        now.into(),
        departure.at.into(),
        departure.waits_for.map(WaitsFor::as_str).into(),
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
