//! The control page and the control API: making things happen.

mod page;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::apps::Wish;
use crate::networks::{self, Consent};
use crate::notices;
use crate::pages::{esc, plain};
use crate::people::{Comment, Person};
use crate::request::{Answer, Incoming, html, json as answer, see_other};
use crate::tokens::DAY;
use crate::world::{Mood, World};

const MICRO: i64 = 1_000_000;
/// What can be made to happen.
const CALLS: &str = "clock, people, people/NETWORK/USERNAME/ACTION, roles, boards, pages, webhooks, clients, mood, troubles, comments, posts, apps, \
                     registrations, consent, reset";

pub(crate) fn handle(world: &mut World, now: i64, incoming: &Incoming) -> Answer {
    let parts: Vec<&str> = incoming.path.split('/').filter(|part| !part.is_empty()).collect();
    match (incoming.method.as_str(), parts.as_slice()) {
        ("GET", []) => html(200, page::control_page(world, now)),
        ("GET", ["api", "state"]) => answer(200, &state(world, now)),
        ("GET", ["api", "ledger"]) => ledger(world, incoming),
        ("GET", ["api", ..]) => {
            answer(404, &json!({ "error": format!("there is no such call; GET takes state and ledger, POST {CALLS}") }))
        }
        // The page's forms and the API share one door; only what comes back differs.
        ("POST", ["api", rest @ ..]) => match act(world, now, rest, &body(incoming)) {
            Ok(done) => answer(200, &done),
            Err(why) => answer(400, &json!({ "error": why })),
        },
        ("POST", rest) => match act(world, now, rest, &body(incoming)) {
            // What was made there is nowhere else to be seen.
            Ok(done) => match done["url"].as_str() {
                Some(url) => html(200, plain("Done", &format!("<code>{}</code></p><p><a href=\"/control\">Control page</a>", esc(url)))),
                None => see_other("/control"),
            },
            Err(why) => html(400, plain("That did not work", &esc(&why))),
        },
        _ => html(404, plain("Not found", "<a href=\"/control\">Control page</a>")),
    }
}

/// The one network that a call of the control API is about; `None` where it may be about several.
pub(crate) fn network_of(incoming: &Incoming) -> Option<&'static str> {
    let path = incoming.path.strip_prefix("/api").unwrap_or(&incoming.path);
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let said = |name: &str| body(incoming).get(name).and_then(Value::as_str).map(str::to_owned).unwrap_or_default();
    match parts.as_slice() {
        ["people", network, ..] => networks::find(network),
        ["mood"] => networks::find(&said("network")),
        ["consent"] => networks::at(said("authorize_url").parse::<http::Uri>().ok()?.path()).map(|(network, _)| network),
        _ => None,
    }
}

fn body(incoming: &Incoming) -> Value {
    serde_json::from_slice(&incoming.body)
        .unwrap_or_else(|_| incoming.form().into_iter().map(|(name, value)| (name.to_owned(), Value::from(value))).collect())
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Body {
    advance_seconds: Option<Value>,
    network: String,
    username: String,
    id: String,
    page: Option<Value>,
    role: Option<String>,
    board: Option<Value>,
    action: String,
    mood: String,
    trouble: String,
    #[serde(deserialize_with = "count")]
    requests: Option<u32>,
    authorize_url: String,
    post: String,
    author: String,
    text: String,
    deny: bool,
    drop_scopes: Vec<String>,
    reason: Option<Value>,
    #[serde(deserialize_with = "yes_or_no")]
    refresh_tokens: Option<bool>,
    notices_url: Option<String>,
    #[serde(deserialize_with = "list")]
    redirect_uris: Option<Vec<String>>,
    reuse_grace_seconds: Option<Value>,
    session_days: Option<Value>,
    metadata: Value,
    jwks: Value,
}

/// A count, also where a form sends it as text, and none where its field was left empty.
fn count<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<u32>, D::Error> {
    match Value::deserialize(from)? {
        Value::Null => Ok(None),
        Value::String(text) if text.trim().is_empty() => Ok(None),
        Value::String(text) => text.trim().parse().map(Some).map_err(serde::de::Error::custom),
        other => serde_json::from_value(other).map(Some).map_err(serde::de::Error::custom),
    }
}

/// Yes or no, also where a form sends it as text.
fn yes_or_no<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<bool>, D::Error> {
    match Value::deserialize(from)? {
        Value::String(text) => text.parse().map(Some).map_err(serde::de::Error::custom),
        other => serde_json::from_value(other).map_err(serde::de::Error::custom),
    }
}

/// A list of texts; a form sends one a line.
fn list<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Vec<String>>, D::Error> {
    match Value::deserialize(from)? {
        Value::String(text) => Ok(Some(text.split_whitespace().map(str::to_owned).collect())),
        other => serde_json::from_value(other).map_err(serde::de::Error::custom),
    }
}

/// A number, also where a form sends it as text.
fn number(value: Option<&Value>) -> Option<i64> {
    value.and_then(|value| value.as_i64().or_else(|| value.as_str()?.trim().parse().ok()))
}

fn act(world: &mut World, now: i64, what: &[&str], body: &Value) -> Result<Value, String> {
    let b: Body = serde_json::from_value(body.clone()).map_err(|error| format!("the body is not what this call takes: {error}"))?;
    match what {
        ["clock"] => {
            let seconds = number(b.advance_seconds.as_ref())
                .filter(|seconds| (0..=20 * 366 * DAY).contains(seconds))
                .ok_or("advance_seconds: how many seconds to move forward (0 to 20 years)")?;
            world.offset += seconds * MICRO;
            Ok(json!({ "now": (now + seconds * MICRO) / MICRO }))
        }
        ["people"] => newcomer(world, &b),
        ["people", "tiktok", username, "remove"] => removal(world, now, username, number(b.reason.as_ref())),
        ["people", network, username, action] => person(world, now, network, username, action, None),
        ["roles"] => role(world, &b),
        ["boards"] => board(world, &b),
        ["pages"] => page_fate(world, &b),
        ["webhooks"] => {
            let channel = number(b.page.as_ref()).and_then(|id| u64::try_from(id).ok());
            let made = channel.and_then(|channel| networks::make_webhook(world, channel));
            made.map(|url| json!({ "url": url })).ok_or_else(|| "page: the number of a channel of Discord".into())
        }
        ["clients"] => networks::publish_client(world, &b.metadata, &b.jwks).map(|()| json!({})),
        ["mood"] => mood(world, &b),
        ["troubles"] => networks::set_trouble(world, &b.network, &b.trouble, b.requests).map(|()| json!({ "trouble": b.trouble })),
        ["comments"] => comment(world, now, &b),
        ["posts"] => world.tell_of_post(now, &b.post, &b.action).map(|()| json!({})),
        ["apps"] => app(world, b),
        ["registrations"] => {
            world.kept.retain(|(network, key), _| *network != b.network || !key.starts_with("app/"));
            Ok(json!({}))
        }
        ["consent"] => consent(world, now, &b),
        ["reset"] => {
            world.reset();
            Ok(json!({}))
        }
        _ => Err(format!("there is no such call; there are {CALLS}")),
    }
}

/// How a network treats the app.
fn app(world: &mut World, b: Body) -> Result<Value, String> {
    let seconds = b.reuse_grace_seconds.as_ref();
    if seconds.is_some() && number(seconds).is_none() {
        return Err("reuse_grace_seconds: for how many seconds a used refresh token is taken again".into());
    }
    let days = b.session_days.as_ref();
    if days.is_some() && number(days).is_none() {
        return Err("session_days: after how many days a login ends, whatever is renewed".into());
    }
    let wish = Wish {
        refresh_tokens: b.refresh_tokens,
        notices_url: b.notices_url.as_deref(),
        redirect_uris: b.redirect_uris,
        reuse_grace_seconds: number(seconds),
        session_days: number(days),
    };
    world.set_app(&b.network, wish).map(|app| json!(app))
}

/// Somebody opens an account.
fn newcomer(world: &mut World, b: &Body) -> Result<Value, String> {
    if b.username.is_empty() || b.id.is_empty() {
        return Err("network, username, and the id that the account has at the network".into());
    }
    let is_taken = |person: &Person| person.network == b.network && (person.username == b.username || person.id == b.id);
    if world.people.iter().any(is_taken) {
        return Err(format!("{} or the id {} is taken at {}", b.username, b.id, b.network));
    }
    world.add_person(&b.network, &b.username, &b.id);
    let found = world.person_mut(&b.network, &b.username).ok_or_else(|| format!("there is no network {}", b.network))?;
    Ok(json!({ "username": found.username, "password": found.password }))
}

/// TikTok removes what a person granted and says why, by its numbers: 0 it does not say, 1 the person disconnected the app, 2 they
/// deleted the account, 3 their age changed, 4 the account is banned, 5 the app gave the access back itself.
fn removal(world: &mut World, now: i64, username: &str, reason: Option<i64>) -> Result<Value, String> {
    let action = match reason {
        Some(0 | 1 | 5) => "revoke",
        Some(2) => "delete",
        Some(3 | 4) => "block",
        _ => return Err("reason: one of TikTok's, 0 to 5".into()),
    };
    person(world, now, "tiktok", username, action, reason)
}

/// Something happens to a person. The reason is TikTok's for it, where it is not the usual one.
fn person(world: &mut World, now: i64, network: &str, username: &str, action: &str, reason: Option<i64>) -> Result<Value, String> {
    // An account that is blocked already has tokens all the same.
    let apps = networks::allowed_apps(world, network, username);
    let found = world.person_mut(network, username).ok_or_else(|| format!("there is no {username} at {network}"))?;
    match action {
        "change-password" | "reset-password" => {
            found.password = if found.password == "sandbox" { "sandbox2".into() } else { "sandbox".into() }
        }
        // A deleted account is a blocked one whose tokens are gone as well.
        "block" | "delete" => found.blocked = true,
        "unblock" => found.blocked = false,
        "make-personal" | "make-business" => {
            found.business = action == "make-business";
            return Ok(json!({ "business": found.business }));
        }
        "deactivate" | "activate" => {
            let is_known = networks::set_active(world, network, username, action == "activate");
            let refused = || "this network knows no accounts that are switched off for a while".to_owned();
            return is_known.then(|| json!({ "active": action == "activate" })).ok_or_else(refused);
        }
        "revoke" => {}
        // The app is removed, and with it goes the wish that the app deletes what it stored.
        "request-deletion" if notices::passes_on_deletions(network) => {}
        "request-deletion" => return Err("this network passes no requests for deletion on".into()),
        _ => return Err("an action is change-password, reset-password, block, unblock, delete, revoke, request-deletion, make-personal, make-business, deactivate or activate".into()),
    }
    let password = found.password.clone();
    let ends_consents = match action {
        "revoke" | "delete" | "request-deletion" => true,
        "change-password" => !networks::survives_password_change(network),
        "reset-password" => !networks::survives_password_reset(network),
        "block" => networks::ends_with_block(network),
        _ => false,
    };
    if ends_consents {
        let why = match action {
            "reset-password" => "change-password",
            "request-deletion" => "revoke",
            _ => ["change-password", "block", "revoke", "delete"].into_iter().find(|known| *known == action).unwrap_or_default(),
        };
        world.end_consents(network, username, why);
    }
    world.tell(now, network, username, (action, reason), &apps);
    if !matches!(action, "revoke" | "unblock" | "request-deletion") {
        world.sessions.retain(|_, (at, who)| at != network || who != username);
    }
    Ok(json!({ "password": password }))
}

fn role(world: &mut World, b: &Body) -> Result<Value, String> {
    let id = number(b.page.as_ref()).and_then(|id| u64::try_from(id).ok()).ok_or("page: the number of a page")?;
    let page = world.pages.iter().position(|page| page.id == id).ok_or_else(|| format!("there is no page {id}"))?;
    let network = world.pages[page].network;
    if world.person(network, &b.username).is_none() {
        return Err(format!("there is no {} at {network}", b.username));
    }
    let role = b.role.as_deref().filter(|role| !role.is_empty());
    let known = networks::roles(network);
    if let Some(role) = role.filter(|role| !known.contains(role)) {
        return Err(format!("there is no role {role}; one of {}, or null for none", known.join(", ")));
    }
    let page = &mut world.pages[page];
    page.roles.retain(|(username, _, _)| *username != b.username);
    if let Some(role) = role {
        page.roles.push((b.username.clone(), role.to_owned(), "APPROVED"));
    }
    Ok(json!({ "page": page.name }))
}

/// A page is deleted at the network, or was not after all.
fn page_fate(world: &mut World, b: &Body) -> Result<Value, String> {
    let id = number(b.page.as_ref()).and_then(|id| u64::try_from(id).ok()).ok_or("page: the number of a page")?;
    let (from, to) = match b.action.as_str() {
        "delete" => (&mut world.pages, &mut world.deleted_pages),
        "restore" => (&mut world.deleted_pages, &mut world.pages),
        _ => return Err("an action is delete or restore".into()),
    };
    let at = from.iter().position(|page| page.id == id).ok_or_else(|| format!("there is no page {id} to {}", b.action))?;
    let page = from.remove(at);
    let name = page.name;
    to.push(page);
    Ok(json!({ "page": name }))
}

fn board(world: &mut World, b: &Body) -> Result<Value, String> {
    let id = number(b.board.as_ref()).and_then(|id| u64::try_from(id).ok()).ok_or("board: the number of a board")?;
    let board = world.boards.iter_mut().find(|board| board.id == id).ok_or_else(|| format!("there is no board {id}"))?;
    match b.action.as_str() {
        "delete" => board.deleted = true,
        // As it was in the beginning.
        "restore" => {
            board.deleted = false;
            board.secret = crate::people::boards().iter().any(|seeded| seeded.id == id && seeded.secret);
        }
        "make_secret" => board.secret = true,
        _ => return Err("an action is delete, make_secret or restore".into()),
    }
    Ok(json!({ "board": board.name }))
}

fn mood(world: &mut World, b: &Body) -> Result<Value, String> {
    let network = networks::find(&b.network).ok_or("network: the name of a network")?;
    let (mood, ..) = Mood::ALL
        .into_iter()
        .find(|(_, name, _)| *name == b.mood)
        .ok_or_else(|| format!("mood: one of {}", Mood::ALL.map(|(_, name, _)| name).join(", ")))?;
    if mood == Mood::Normal || b.requests == Some(0) {
        world.moods.remove(network);
    } else {
        world.moods.insert(network.into(), (mood, b.requests));
    }
    Ok(json!({ "network": network, "mood": b.mood }))
}

/// Somebody says something under a post.
fn comment(world: &mut World, now: i64, b: &Body) -> Result<Value, String> {
    let network = networks::find(&b.network).ok_or("network: the name of a network")?;
    if world.post(network, &b.post).is_none() {
        return Err(format!("there is no post {} at {network}", b.post));
    }
    let id = world.number().to_string();
    let author = if b.author.is_empty() { "Ada Visitor".to_owned() } else { b.author.clone() };
    let said = Comment { network, id: id.clone(), post: b.post.clone(), in_reply_to: String::new(), author, text: b.text.clone(), at: now };
    world.comments.push(said);
    Ok(json!({ "id": id }))
}

/// What the person would do in the browser, without one.
fn consent(world: &mut World, now: i64, b: &Body) -> Result<Value, String> {
    let request = http::Request::get(b.authorize_url.as_str())
        .body(bytes::Bytes::new())
        .map_err(|_| "authorize_url: the address that was handed out")?;
    let (network, rest) = networks::at(request.uri().path()).ok_or("authorize_url leads to no network of this sandbox")?;
    let known = world.person(network, &b.username).ok_or_else(|| format!("there is no {} at {network}", b.username))?;
    if known.blocked {
        return Err("this account is restricted".into());
    }
    let incoming = Incoming::read(request, rest);
    let page = number(b.page.as_ref()).and_then(|id| u64::try_from(id).ok());
    let decision = Consent { username: &b.username, deny: b.deny, drop_scopes: &b.drop_scopes, page };
    let to = networks::consent(world, now, network, &incoming, &decision)
        .ok_or("authorize_url: the network shows no consent page for it (client, redirect address, request token)")?;
    Ok(json!({ "redirect_to": to }))
}

fn state(world: &World, now: i64) -> Value {
    let people: Vec<_> = world.people.iter().map(|person| json!({ "network": person.network, "username": person.username, "name": person.name, "id": person.id, "password": person.password, "blocked": person.blocked, "consents": world.live_consents(now, person.network, &person.username) })).collect();
    let pages: Vec<_> =
        world.pages.iter().map(|page| json!({ "network": page.network, "id": page.id, "name": page.name, "roles": page.roles })).collect();
    let boards: Vec<_> = world
        .boards
        .iter()
        .map(|board| json!({ "id": board.id, "name": board.name, "owner": board.owner, "secret": board.secret, "deleted": board.deleted }))
        .collect();
    let troubles: serde_json::Map<_, _> =
        networks::names().filter_map(|network| Some((network.to_owned(), json!(networks::trouble(world, network)?)))).collect();
    let deleted: Vec<_> =
        world.deleted_pages.iter().map(|page| json!({ "network": page.network, "id": page.id, "name": page.name })).collect();
    json!({ "now": now / MICRO, "offset_seconds": world.offset / MICRO, "people": people, "pages": pages, "deleted_pages": deleted, "boards": boards, "moods": world.moods, "troubles": troubles, "posts": world.posts, "comments": world.comments })
}

fn ledger(world: &World, incoming: &Incoming) -> Answer {
    let after: u64 = incoming.q("after").parse().unwrap_or(0);
    let network = incoming.q("network");
    let seen: Vec<_> = world.ledger().filter(|seen| seen.n > after && (network.is_empty() || seen.network == network)).collect();
    answer(200, &json!({ "seen": seen }))
}
