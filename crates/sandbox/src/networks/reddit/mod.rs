//! Reddit as its archived source and today's client libraries describe it (knowledge base `reddit`). Written from these,
//! never from the adapter.

mod api;

use base64::Engine as _;
use http::HeaderValue;
use serde_json::json;

use super::door::{Door, INVALID_SCOPE};
use super::{Consent, client_id, client_secret, is_redirect_uri};
use crate::people::{Person, person};
use crate::request::{Answer, Incoming, html, json as answer};
use crate::tokens::DAY;
use crate::world::World;

const NAME: &str = "reddit";
const COLOUR: &str = "#ff4500";
const MICRO: i64 = 1_000_000;
/// Marks a consent that gives a refresh token.
const PERMANENT: &str = "+permanent";
/// Marks a consent that was given to the app without a secret.
const INSTALLED: &str = "+installed";
const SCOPES: &[&str] = &[
    "account",
    "creddits",
    "edit",
    "flair",
    "history",
    "identity",
    "livemanage",
    "modconfig",
    "modcontributors",
    "modflair",
    "modlog",
    "modmail",
    "modothers",
    "modposts",
    "modself",
    "modtraffic",
    "modwiki",
    "mysubreddits",
    "privatemessages",
    "read",
    "report",
    "save",
    "structuredstyles",
    "submit",
    "subscribe",
    "vote",
    "wikiedit",
    "wikiread",
];

pub(super) fn handle(world: &mut World, now: i64, incoming: &Incoming) -> Option<Answer> {
    // The second is for phones.
    if matches!(incoming.path.as_str(), "/api/v1/authorize" | "/api/v1/authorize.compact") {
        return Some(DOOR.authorize(world, now, incoming));
    }
    if !is_honest(incoming.header("user-agent").unwrap_or_default()) {
        return Some(html(403, "<html><body><h1>whoa there, pardner!</h1><p>Your request has been blocked.</p></body></html>".into()));
    }
    match (incoming.method.as_str(), incoming.path.as_str()) {
        ("POST", "/api/v1/access_token") => Some(token(world, now, incoming)),
        ("POST", "/api/v1/revoke_token") => Some(revoke(world, now, incoming)),
        _ => api::handle(world, now, incoming),
    }
}

/// `<platform>:<app id>:<version> (by /u/<username>)`; libraries and browsers are turned away.
fn is_honest(agent: &str) -> bool {
    let first = agent.split_whitespace().next().unwrap_or_default();
    let names_somebody = agent.split_once("(by /u/").is_some_and(|(_, user)| user.trim_end_matches(')').len() > 1);
    names_somebody
        && first.split(':').filter(|part| !part.is_empty()).count() >= 3
        && !agent.contains("Mozilla")
        && !agent.contains("python-requests")
}

/// The same app as one that is installed where its secret could not be kept: it has none.
fn installed_client_id() -> String {
    format!("{}-installed", client_id(NAME))
}

/// One of our apps, a good address to go back to, and a state.
fn is_good(_: &World, incoming: &Incoming) -> bool {
    let client = incoming.q("client_id");
    (client == client_id(NAME) || client == installed_client_id())
        && is_redirect_uri(incoming.q("redirect_uri"))
        && !incoming.q("state").is_empty()
}

fn scopes(incoming: &Incoming) -> Vec<String> {
    incoming.q("scope").split([' ', ',']).filter(|scope| !scope.is_empty()).map(str::to_owned).collect()
}

static DOOR: Door = Door {
    network: NAME,
    title: "Reddit",
    colour: COLOUR,
    path: "/api/v1/authorize",
    scopes,
    is_good,
    refusal: ("bad request", "invalid client id, redirect_uri or state parameter."),
    error: wrong,
    grants: permanently,
    ..Door::PLAIN
};

/// What is wrong with the request, told on the way back.
fn wrong(incoming: &Incoming) -> Option<&'static str> {
    let scopes = scopes(incoming);
    if incoming.q("response_type") != "code" {
        return Some("unsupported_response_type");
    }
    if scopes.is_empty() || !scopes.iter().all(|scope| SCOPES.contains(&scope.as_str())) {
        return Some(INVALID_SCOPE);
    }
    (!matches!(incoming.q("duration"), "" | "temporary" | "permanent")).then_some("invalid_request")
}

/// Only who asks for a permanent consent gets a refresh token: carried as a scope of our own.
fn permanently(incoming: &Incoming, mut scopes: Vec<String>) -> Vec<String> {
    if incoming.q("duration") == "permanent" {
        scopes.push(PERMANENT.to_owned());
    }
    if incoming.q("client_id") == installed_client_id() {
        scopes.push(INSTALLED.to_owned());
    }
    scopes
}

pub(super) fn consent(world: &mut World, now: i64, incoming: &Incoming, consent: &Consent<'_>) -> Option<String> {
    DOOR.consent(world, now, incoming, consent)
}

/// By HTTP Basic alone, with an empty password where the app has no secret: whether it is that one. `None`: neither of them.
fn is_installed(incoming: &Incoming) -> Option<bool> {
    let pair = |id: String, secret: &str| base64::engine::general_purpose::STANDARD.encode(format!("{id}:{secret}"));
    let shown = incoming.header("authorization")?.strip_prefix("Basic ")?;
    if shown == pair(installed_client_id(), "") {
        return Some(true);
    }
    (shown == pair(client_id(NAME), &client_secret(NAME))).then_some(false)
}

/// Whether a code or a token was given to this app: to another one it is worth nothing.
fn is_of(scopes: &[String], installed: bool) -> bool {
    scopes.iter().any(|scope| scope == INSTALLED) == installed
}

fn unauthorized() -> Answer {
    let mut said = answer(401, &json!({ "message": "Unauthorized", "error": 401 }));
    said.headers_mut().insert("www-authenticate", HeaderValue::from_static("Basic realm=\"reddit\""));
    said
}

/// A refresh token that nobody knows, or that was revoked.
pub(super) fn refused_renewal() -> Answer {
    answer(400, &json!({ "message": "Bad Request", "error": 400 }))
}

fn token(world: &mut World, now: i64, incoming: &Incoming) -> Answer {
    let Some(installed) = is_installed(incoming) else { return unauthorized() };
    match incoming.f("grant_type") {
        "authorization_code" if incoming.f("code").is_empty() => answer(200, &json!({ "error": "NO_TEXT" })),
        "authorization_code" => {
            let code = world.take_code(now, NAME, incoming.f("code"), incoming.f("redirect_uri"));
            let Some(code) = code.ok().filter(|code| is_of(&code.scopes, installed)) else {
                // A refusal inside a success.
                return answer(200, &json!({ "error": "invalid_grant" }));
            };
            let is_permanent = code.scopes.iter().any(|scope| scope == PERMANENT);
            let family = world.new_family(now, NAME, &code.username, code.scopes);
            let refresh = is_permanent.then(|| world.new_refresh(now, family, "", now + 100 * 366 * DAY * MICRO));
            issue(world, now, family, refresh.as_deref())
        }
        // The refresh token stays as it is, and the answer repeats it.
        "refresh_token" => match world.check_refresh(now, NAME, incoming.f("refresh_token")) {
            Ok((family, data)) if is_of(&data.scopes, installed) => issue(world, now, family, Some(incoming.f("refresh_token"))),
            _ => refused_renewal(),
        },
        _ => answer(200, &json!({ "error": "unsupported_grant_type" })),
    }
}

fn issue(world: &mut World, now: i64, family: usize, refresh: Option<&str>) -> Answer {
    let access = world.new_access(now, family, "", Some(DAY));
    let scopes = world.vault.families[family].scopes.iter().filter(|scope| !scope.starts_with('+'));
    let scope = scopes.cloned().collect::<Vec<_>>().join(" ");
    let mut body = json!({ "access_token": access, "token_type": "bearer", "expires_in": DAY, "scope": scope });
    if let Some(refresh) = refresh {
        body["refresh_token"] = json!(refresh);
    }
    answer(200, &body)
}

/// 204 whatever the token was. A refresh token takes what came from it along.
fn revoke(world: &mut World, now: i64, incoming: &Incoming) -> Answer {
    let Some(installed) = is_installed(incoming) else { return answer(400, &json!({ "error": "unauthorized_client" })) };
    let token = incoming.f("token");
    let family = world.vault.access.get(token).and_then(|access| world.vault.families.get(access.family));
    let is_ours = family.is_some_and(|family| family.network == NAME && is_of(&family.scopes, installed));
    match world.check_refresh(now, NAME, token) {
        Ok((family, data)) if is_of(&data.scopes, installed) => world.vault.families[family].revoked = true,
        _ => {
            if let Some(access) = world.vault.access.get_mut(token).filter(|_| is_ours) {
                access.spent = true;
            }
        }
    }
    let mut said = answer(204, &json!(null));
    *said.body_mut() = bytes::Bytes::new();
    said
}

/// Suspended: may log in and look at itself, and nothing else (unconfirmed).
pub(super) const SUSPENDED: &str = "gipfel_archiv";

pub(super) fn people() -> Vec<Person> {
    vec![
        person(NAME, "fernweh_outdoor", "fernweh_outdoor", "1a2b3c"),
        person(NAME, "jana_lindner", "jana_lindner", "4d5e6f"),
        person(NAME, "tom_becker", "tom_becker", "7g8h9i"),
        person(NAME, SUSPENDED, SUSPENDED, "0j1k2l"),
    ]
}

pub(super) fn about(incoming: &Incoming) -> &'static str {
    match incoming.path.as_str() {
        "/api/v1/authorize" | "/api/v1/authorize.compact" => "page",
        "/api/v1/access_token" => super::grant_type(incoming),
        "/api/v1/revoke_token" => "revocation",
        _ => "api",
    }
}
