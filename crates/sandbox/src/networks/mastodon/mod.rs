//! One Mastodon server of the 4.4 generation as its documentation and source describe it (knowledge base `mastodon`). Written from
//! these, never from the adapter.

mod api;
mod scheduled;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use serde_json::{Value, json};

use super::door::Door;
use super::{Consent, is_redirect_uri};
use crate::pages::{esc, page};
use crate::people::{Person, person};
use crate::request::{Answer, Incoming, html, json as answer};
use crate::world::World;

const NAME: &str = "mastodon";
const COLOUR: &str = "#6364ff";
const DOMAIN: &str = "social.example";
/// By which its accounts are called: the company's own domain, which sends whoever asks to the server.
const CALLED: &str = "fernweh.example";
const MICRO: i64 = 1_000_000;
const OUT_OF_BAND: &str = "urn:ietf:wg:oauth:2.0:oob";
/// All there are (4.4), those of moderators and the older `follow` among them.
const SCOPES: &[&str] = &[
    "profile",
    "read",
    "read:accounts",
    "read:blocks",
    "read:bookmarks",
    "read:favourites",
    "read:filters",
    "read:follows",
    "read:lists",
    "read:mutes",
    "read:notifications",
    "read:search",
    "read:statuses",
    "write",
    "write:accounts",
    "write:blocks",
    "write:bookmarks",
    "write:conversations",
    "write:favourites",
    "write:filters",
    "write:follows",
    "write:lists",
    "write:media",
    "write:mutes",
    "write:notifications",
    "write:reports",
    "write:statuses",
    "follow",
    "push",
    "admin:read",
    "admin:read:accounts",
    "admin:read:reports",
    "admin:write",
    "admin:write:accounts",
    "admin:write:reports",
];

pub(super) fn handle(world: &mut World, now: i64, incoming: &Incoming) -> Option<Answer> {
    scheduled::release(world, now);
    Some(match (incoming.method.as_str(), incoming.path.as_str()) {
        (_, "/oauth/authorize") => on_screen(DOOR.authorize(world, now, incoming)),
        ("GET", "/oauth/authorize/native") => native(incoming),
        ("GET", "/.well-known/oauth-authorization-server") => metadata(incoming),
        ("GET", "/.well-known/webfinger") => finger(world, incoming),
        ("POST", "/api/v1/apps") => register(world, incoming),
        ("POST", "/oauth/token") => token(world, now, incoming),
        ("POST", "/oauth/revoke") => revoke(world, now, incoming),
        ("GET", "/api/v2/instance" | "/api/v1/instance") => api::instance(incoming),
        (_, path) if path.starts_with("/api/") || path == "/oauth/userinfo" => api::api(world, now, incoming),
        _ => return None,
    })
}

/// Whoever has no address to be sent back to is shown the code.
fn on_screen(mut answer: Answer) -> Answer {
    let to = answer.headers().get("location").and_then(|to| to.to_str().ok()).unwrap_or_default();
    if let Some(query) = to.strip_prefix(OUT_OF_BAND) {
        let native = http::HeaderValue::from_str(&format!("/{NAME}/oauth/authorize/native{query}"));
        answer.headers_mut().insert("location", native.unwrap_or(http::HeaderValue::from_static("/")));
    }
    answer
}

fn native(incoming: &Incoming) -> Answer {
    let (code, error) = (incoming.q("code"), incoming.q("error_description"));
    let words = if code.is_empty() { esc(error) } else { format!("Copy this authorization code into the app: <code>{}</code>", esc(code)) };
    html(200, page("Authorization", COLOUR, "Mastodon", false, &format!("<div class=\"card\"><h1>Authorization</h1><p>{words}</p></div>")))
}

fn metadata(incoming: &Incoming) -> Answer {
    let at = |path: &str| format!("{}/{NAME}{path}", incoming.origin());
    answer(
        200,
        &json!({
            "issuer": at("/"), "authorization_endpoint": at("/oauth/authorize"), "token_endpoint": at("/oauth/token"),
            "revocation_endpoint": at("/oauth/revoke"), "userinfo_endpoint": at("/oauth/userinfo"),
            "app_registration_endpoint": at("/api/v1/apps"), "scopes_supported": SCOPES, "response_types_supported": ["code"],
            "response_modes_supported": ["query", "fragment", "form_post"], "grant_types_supported": ["authorization_code", "client_credentials"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"], "code_challenge_methods_supported": ["S256"],
            "service_documentation": "https://docs.joinmastodon.org/"
        }),
    )
}

/// WebFinger (RFC 7033): by the domain of the accounts, and by the server's own. Asked as the former it is first sent to the server.
fn finger(world: &World, incoming: &Incoming) -> Answer {
    let resource = incoming.q("resource");
    let name = |domain: &str| resource.strip_prefix("acct:")?.strip_suffix(domain)?.strip_suffix('@');
    let Some(name) = name(CALLED).or_else(|| name(DOMAIN)) else { return answer(400, &json!({})) };
    let is_here = |person: &&Person| person.network == NAME && person.username.replace('.', "_") == name.to_lowercase();
    if !world.people.iter().any(|person| is_here(&person)) {
        return answer(404, &json!({}));
    }
    if resource.ends_with(CALLED) && incoming.q("at").is_empty() {
        let mut sent_on = answer(301, &json!({}));
        let to = format!("/{NAME}/.well-known/webfinger?at={DOMAIN}&resource={resource}");
        sent_on.headers_mut().insert("location", http::HeaderValue::from_str(&to).unwrap_or(http::HeaderValue::from_static("")));
        return sent_on;
    }
    let (page, actor) = (format!("https://{DOMAIN}/@{name}"), format!("https://{DOMAIN}/users/{name}"));
    answer(
        200,
        &json!({ "subject": format!("acct:{name}@{CALLED}"), "aliases": [page, actor], "links": [
            { "rel": "http://webfinger.net/rel/profile-page", "type": "text/html", "href": page },
            { "rel": "self", "type": "application/activity+json", "href": actor },
            { "rel": "http://ostatus.org/schema/1.0/subscribe", "template": format!("https://{DOMAIN}/authorize_interaction?uri={{uri}}") }
        ] }),
    )
}

fn words(text: &str) -> Vec<String> {
    text.split([' ', '+']).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// Whether a scope is held, as itself or in its broad form.
fn holds(held: &[String], scope: &str) -> bool {
    let broad = scope.split(':').next().unwrap_or(scope);
    held.iter().any(|held| held == scope || held == broad)
}

fn app<'a>(world: &'a World, client_id: &str) -> Option<&'a Value> {
    world.kept.get(&(NAME, format!("app/{client_id}")))
}

fn list(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(|item| item.as_str().map(str::to_owned)).collect()
}

/// A form or JSON; several redirect addresses as an array or with line breaks.
fn register(world: &mut World, incoming: &Incoming) -> Answer {
    let body: Value = serde_json::from_slice(&incoming.body).unwrap_or_else(|_| json!(incoming.form()));
    let field = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    let mut uris = list(&body["redirect_uris"]);
    uris.extend(field("redirect_uris").lines().map(str::to_owned));
    let scopes = if field("scopes").is_empty() { vec!["read".to_owned()] } else { words(&field("scopes")) };
    if field("client_name").is_empty() {
        return answer(422, &json!({ "error": "Validation failed: Application name can't be blank" }));
    }
    if uris.is_empty() || !uris.iter().all(|uri| is_redirect_uri(uri) || uri == OUT_OF_BAND) {
        return answer(422, &json!({ "error": "Validation failed: Redirect URI must be an absolute URI." }));
    }
    if !scopes.iter().all(|scope| SCOPES.contains(&scope.as_str())) {
        return answer(422, &json!({ "error": "Validation failed: Scopes doesn't match configured on the server." }));
    }
    let (client_id, client_secret) = (world.random(""), world.secret(""));
    let made = json!({
        "id": world.number().to_string(), "name": field("client_name"), "website": body["website"].as_str(), "scopes": scopes,
        "redirect_uri": uris.join("\n"), "redirect_uris": uris, "client_id": client_id, "client_secret": client_secret,
        "client_secret_expires_at": 0, "vapid_key": "BCk-QqERU0q-CfYZjcuB6lnyyOYfJ2AifKqfeGIm7Z-HiTU5T9eTG5GxVA0_OH5mMlI4UkkDTpaZwozy0TzdZ2M="
    });
    world.kept.insert((NAME, format!("app/{client_id}")), made.clone());
    answer(200, &made)
}

fn scopes(incoming: &Incoming) -> Vec<String> {
    if incoming.q("scope").is_empty() { vec!["read".to_owned()] } else { words(incoming.q("scope")) }
}

/// The client is registered here, for this address. Registered scopes are the ceiling.
fn is_good(world: &World, incoming: &Incoming) -> bool {
    let Some(app) = app(world, incoming.q("client_id")) else { return false };
    let method = incoming.q("code_challenge_method");
    list(&app["redirect_uris"]).iter().any(|uri| uri == incoming.q("redirect_uri"))
        && incoming.q("response_type") == "code"
        && scopes(incoming).iter().all(|scope| holds(&list(&app["scopes"]), scope))
        && (method == "S256" || incoming.q("code_challenge").is_empty())
}

/// Consented before and not made to log in again: sent back at once.
static DOOR: Door = Door {
    network: NAME,
    title: "Mastodon",
    colour: COLOUR,
    path: "/oauth/authorize",
    scopes,
    may_skip: |incoming| incoming.q("force_login") != "true",
    is_good,
    refusal: ("An error has occurred", "The client, its redirect address or the requested scope is invalid."),
    denial: "The resource owner or authorization server denied the request.",
    ..Door::PLAIN
};

pub(super) fn consent(world: &mut World, now: i64, incoming: &Incoming, consent: &Consent<'_>) -> Option<String> {
    DOOR.consent(world, now, incoming, consent)
}

fn error(status: u16, code: &str, words: &str) -> Answer {
    answer(status, &json!({ "error": code, "error_description": words }))
}

fn invalid_grant() -> Answer {
    let words = "The provided authorization grant is invalid, expired, revoked, does not match the redirection URI used in the authorization request, or was issued to another client.";
    error(400, "invalid_grant", words)
}

/// There is nothing to renew here; a server of this kind says this to whoever tries.
pub(super) fn refused_renewal() -> Answer {
    error(400, "unsupported_grant_type", "The authorization grant type is not supported by the authorization server.")
}

/// The client that proves itself, by form or by HTTP Basic.
fn client(world: &World, incoming: &Incoming) -> Option<String> {
    let basic = incoming.header("authorization").and_then(|value| value.strip_prefix("Basic "));
    let basic = basic.and_then(|pair| base64::engine::general_purpose::STANDARD.decode(pair).ok());
    let basic = basic.and_then(|pair| String::from_utf8(pair).ok());
    let (id, secret) = match basic.as_deref().and_then(|pair| pair.split_once(':')) {
        Some((id, secret)) => (id.to_owned(), secret.to_owned()),
        None => (incoming.f("client_id").to_owned(), incoming.f("client_secret").to_owned()),
    };
    app(world, &id).filter(|app| app["client_secret"] == json!(secret)).map(|_| id)
}

fn unknown_client() -> Answer {
    let words =
        "Client authentication failed due to unknown client, no client authentication included, or unsupported authentication method.";
    error(401, "invalid_client", words)
}

fn token(world: &mut World, now: i64, incoming: &Incoming) -> Answer {
    let Some(client) = client(world, incoming) else { return unknown_client() };
    match incoming.f("grant_type") {
        "authorization_code" => {
            let issued_to = world.kept.get(&(NAME, format!("code/{}", incoming.f("code")))).cloned();
            if issued_to != Some(json!(client)) {
                return invalid_grant();
            }
            let Ok(code) = world.take_code(now, NAME, incoming.f("code"), incoming.f("redirect_uri")) else { return invalid_grant() };
            let hash = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(digest(&SHA256, incoming.f("code_verifier").as_bytes()));
            if !code.challenge.is_empty() && code.challenge != hash {
                return invalid_grant();
            }
            let scope = code.scopes.join(" ");
            let family = world.new_family(now, NAME, &code.username, code.scopes);
            let access = world.new_access(now, family, "", None);
            world.kept.insert((NAME, format!("issued/{access}")), json!(client));
            answer(200, &json!({ "access_token": access, "token_type": "Bearer", "scope": scope, "created_at": now / MICRO }))
        }
        "client_credentials" => {
            let scopes = if incoming.f("scope").is_empty() { vec!["read".to_owned()] } else { words(incoming.f("scope")) };
            let ceiling = app(world, &client).map(|app| list(&app["scopes"])).unwrap_or_default();
            if !scopes.iter().all(|scope| holds(&ceiling, scope)) {
                return error(400, "invalid_scope", "The requested scope is invalid, unknown, or malformed.");
            }
            let access = world.secret("");
            world.kept.insert((NAME, format!("app_token/{access}")), json!(client));
            answer(200, &json!({ "access_token": access, "token_type": "Bearer", "scope": scopes.join(" "), "created_at": now / MICRO }))
        }
        _ => refused_renewal(),
    }
}

/// Ends one token; the app stays in the person's list.
fn revoke(world: &mut World, now: i64, incoming: &Incoming) -> Answer {
    let Some(client) = client(world, incoming) else {
        return error(403, "unauthorized_client", "You are not authorized to revoke this token");
    };
    let token = incoming.f("token").to_owned();
    if world.kept.get(&(NAME, format!("issued/{token}"))).is_some_and(|issued_to| *issued_to != json!(client)) {
        return error(403, "unauthorized_client", "You are not authorized to revoke this token");
    }
    if world.check_access(now, NAME, &token).is_ok()
        && let Some(kept) = world.vault.access.get_mut(&token)
    {
        kept.spent = true;
    }
    world.kept.remove(&(NAME, format!("app_token/{token}")));
    answer(200, &json!({}))
}

/// Moved to another account: the token works, publishing is refused.
const MOVED: &str = "fernweh.alt";

pub(super) fn people() -> Vec<Person> {
    vec![
        person(NAME, "fernweh.outdoor", "Fernweh Outdoor", "109876543210000001"),
        person(NAME, "jana.lindner", "Jana Lindner", "109876543210000002"),
        person(NAME, "tom.becker", "Tom Becker", "109876543210000003"),
        person(NAME, MOVED, "Fernweh (alt)", "109876543210000004"),
    ]
}

pub(super) fn about(incoming: &Incoming) -> &'static str {
    match incoming.path.as_str() {
        "/oauth/authorize" | "/oauth/authorize/native" => "page",
        "/oauth/token" => super::grant_type(incoming),
        "/oauth/revoke" => "revocation",
        _ => "api",
    }
}
