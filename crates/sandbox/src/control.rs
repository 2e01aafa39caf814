//! The control page and the control API: making things happen.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::networks::{self, Consent};
use crate::notices;
use crate::pages::{esc, page};
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
        ("GET", []) => html(200, control_page(world, now)),
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
            Ok(_) => see_other("/control"),
            Err(why) => html(400, crate::pages::plain("That did not work", &esc(&why))),
        },
        _ => html(404, crate::pages::plain("Not found", "<a href=\"/control\">Control page</a>")),
    }
}

fn body(incoming: &Incoming) -> Value {
    serde_json::from_slice(&incoming.body)
        .unwrap_or_else(|_| incoming.form.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect())
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
    requests: Option<u32>,
    authorize_url: String,
    post: String,
    author: String,
    text: String,
    deny: bool,
    drop_scopes: Vec<String>,
    reason: Option<Value>,
    refresh_tokens: Option<bool>,
    notices_url: Option<String>,
    redirect_uris: Option<Vec<String>>,
    metadata: Value,
    jwks: Value,
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
        ["apps"] => world.set_app(&b.network, b.refresh_tokens, b.notices_url.as_deref(), b.redirect_uris).map(|app| json!(app)),
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
    let incoming = Incoming::read(&request, &rest);
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
    json!({ "now": now / MICRO, "offset_seconds": world.offset / MICRO, "people": people, "pages": pages, "boards": boards, "moods": world.moods, "posts": world.posts, "comments": world.comments })
}

fn ledger(world: &World, incoming: &Incoming) -> Answer {
    let after: u64 = incoming.q("after").parse().unwrap_or(0);
    let network = incoming.q("network");
    let seen: Vec<_> = world.ledger().filter(|seen| seen.n > after && (network.is_empty() || seen.network == network)).collect();
    answer(200, &json!({ "seen": seen }))
}

fn button(action: &str, label: &str, fields: &[(&str, &str)]) -> String {
    let hidden: String =
        fields.iter().map(|(name, value)| format!("<input type=\"hidden\" name=\"{}\" value=\"{}\">", esc(name), esc(value))).collect();
    format!("<form method=\"post\" action=\"/control/{}\">{hidden}<button>{}</button></form>", esc(action), esc(label))
}

fn control_page(world: &World, now: i64) -> String {
    let clock: String =
        [("1 hour", 3600), ("1 day", DAY), ("7 days", 7 * DAY), ("30 days", 30 * DAY), ("335 days", 335 * DAY), ("365 days", 365 * DAY)]
            .map(|(label, seconds)| button("clock", &format!("+ {label}"), &[("advance_seconds", &seconds.to_string())]))
            .concat();
    let mut body = format!(
        "<div class=\"card\"><h1>Make things happen</h1><p>These networks are simulated. Whatever you do here, Staygreen learns of it as in real life: by asking the network, or where the network tells it by itself.</p></div>\
         <div class=\"card small\"><h2>Clock</h2><p>It is <b>{}</b> days ahead of the real time. Moving it moves Staygreen's clock in the demo as well.</p><div class=\"row\">{clock}</div></div>",
        world.offset / MICRO / DAY
    );
    for network in networks::names() {
        body.push_str(&network_card(world, network));
    }
    body.push_str(&ledger_card(world, now));
    page("Sandbox control", "#226b45", "Sandbox networks", true, &body)
}

fn network_card(world: &World, network: &str) -> String {
    let current = world.moods.get(network).map_or(Mood::Normal, |(mood, _)| *mood);
    let moods: String = Mood::ALL
        .iter()
        .map(|(mood, name, words)| {
            format!("<option value=\"{name}\"{}>{name}: {words}</option>", if *mood == current { " selected" } else { "" })
        })
        .collect();
    let people: String = world.people.iter().filter(|person| person.network == network).map(person_row).collect();
    let mut card = format!(
        "<div class=\"card small\"><h2>{network}</h2><form method=\"post\" action=\"/control/mood\"><input type=\"hidden\" name=\"network\" value=\"{network}\">\
         <label for=\"mood-{network}\">Mood</label><div class=\"row\"><select id=\"mood-{network}\" name=\"mood\">{moods}</select><button>Set</button></div></form>\
         <div class=\"scroll\"><table><tr><th>Person</th><th>Password</th><th>Make it happen</th></tr>{people}</table></div>"
    );
    let pages: Vec<_> = world.pages.iter().filter(|page| page.network == network).collect();
    if !pages.is_empty() {
        let members: Vec<_> = world.people.iter().filter(|person| person.network == network).collect();
        let rows: String = pages.iter().flat_map(|page| members.iter().map(move |person| role_row(page, &person.username))).collect();
        card.push_str(&format!(
            "<div class=\"scroll\"><table><tr><th>Page</th><th>Person</th><th>Role</th><th>Make it happen</th></tr>{rows}</table></div>"
        ));
    }
    if network == "pinterest" {
        let rows: String = world.boards.iter().map(board_row).collect();
        card.push_str(&format!(
            "<div class=\"scroll\"><table><tr><th>Board</th><th>Owner</th><th>State</th><th>Make it happen</th></tr>{rows}</table></div>"
        ));
    }
    card + "</div>"
}

fn person_row(person: &crate::people::Person) -> String {
    let base = format!("people/{}/{}", person.network, person.username);
    let block =
        if person.blocked { button(&format!("{base}/unblock"), "Unblock", &[]) } else { button(&format!("{base}/block"), "Block", &[]) };
    let deletion = if notices::passes_on_deletions(person.network) {
        button(&format!("{base}/request-deletion"), "Remove it and ask for deletion", &[])
    } else {
        String::new()
    };
    let removal = if person.network == "tiktok" { removal_form(person) } else { String::new() };
    format!(
        "<tr><td><b>{}</b><br><code>{}</code></td><td><code>{}</code></td><td><div class=\"row\">{}{block}{}{deletion}</div>{removal}</td></tr>",
        esc(&person.name),
        esc(&person.username),
        esc(&person.password),
        button(&format!("{base}/change-password"), "Change password", &[]),
        button(&format!("{base}/revoke"), "Remove our app", &[]),
    )
}

/// TikTok's reasons for a removal, to choose from.
fn removal_form(person: &crate::people::Person) -> String {
    let reasons = ["not said", "disconnected in TikTok", "account deleted", "age changed", "account banned", "given back by the app"];
    let options: String = reasons.iter().enumerate().map(|(n, words)| format!("<option value=\"{n}\">{n}: {words}</option>")).collect();
    let (username, id) = (esc(&person.username), esc(&person.id));
    format!(
        "<form method=\"post\" action=\"/control/people/tiktok/{username}/remove\"><label for=\"reason-{id}\">Access removed by TikTok, with its reason</label>\
         <div class=\"row\"><select id=\"reason-{id}\" name=\"reason\">{options}</select><button>Remove access</button></div></form>"
    )
}

/// Everybody on every page, so that a role that was taken can be given back.
fn role_row(page: &crate::people::Page, username: &str) -> String {
    let id = page.id.to_string();
    let held = page.roles.iter().find(|(holder, ..)| holder == username);
    let role = held.map_or_else(|| "none".to_owned(), |(_, role, state)| format!("{role} ({state})"));
    let set = |label: &str, role: &str| {
        button("roles", label, &[("network", page.network), ("page", &id), ("username", username), ("role", role)])
    };
    let known = networks::roles(page.network);
    let ends = [known.last(), known.first()];
    let delete = button("pages", "Delete the page", &[("page", &id), ("action", "delete")]);
    let choices: String = ends.into_iter().flatten().map(|role| set(&format!("Make {role}"), role)).collect();
    format!(
        "<tr><td>{}</td><td><code>{}</code></td><td>{}</td><td><div class=\"row\">{}{choices}{delete}</div></td></tr>",
        esc(page.name),
        esc(username),
        esc(&role),
        if held.is_some() { set("Remove", "") } else { String::new() },
    )
}

fn board_row(board: &crate::people::Board) -> String {
    let id = board.id.to_string();
    let act = |label: &str, action: &str| button("boards", label, &[("board", &id), ("action", action)]);
    let state = match (board.deleted, board.secret) {
        (true, _) => "deleted",
        (false, true) => "secret",
        (false, false) => "public",
    };
    let buttons: String =
        if board.deleted { act("Restore", "restore") } else { [act("Delete", "delete"), act("Make secret", "make_secret")].concat() };
    format!(
        "<tr><td>{}</td><td><code>{}</code></td><td>{state}</td><td><div class=\"row\">{buttons}</div></td></tr>",
        esc(board.name),
        esc(board.owner),
    )
}

fn ledger_card(world: &World, now: i64) -> String {
    let lines: Vec<_> = world.ledger().collect();
    let row = |seen: &&&crate::Seen| {
        format!(
            "<tr><td>{} s ago</td><td>{}</td><td><code>{}</code></td><td>{}</td><td>{}</td></tr>",
            (now - seen.at) / MICRO,
            esc(&seen.network),
            esc(&seen.request),
            seen.status,
            esc(&seen.effects.join(", "))
        )
    };
    let rows: String = lines.iter().rev().take(30).collect::<Vec<_>>().iter().map(row).collect();
    format!(
        "<div class=\"card\"><h2>What the networks saw last</h2><div class=\"scroll\"><table><tr><th>When</th><th>Network</th><th>Request</th><th>Answer</th><th>What it did</th></tr>{rows}</table></div></div>"
    )
}
