//! One server of the AT Protocol with its directory of accounts and the public view of the network, as the specification and the
//! reference server have it (knowledge base `bluesky`). Written from these, never from the adapter.
//!
//! Directory, resolver and view lie under the sandbox's own path. The server itself lies at the root: the protocol knows it by
//! its origin alone. No document of a client is fetched: whoever is known by one is taken as a public client of that host, unless
//! the document is handed in (see `clients`).

mod clients;
mod proof;
mod repo;
mod scopes;

use serde_json::{Value, json};

use super::{Consent, refuse_page};
use crate::consent::{Ask, Decision, decide};
use crate::people::{Person, person};
use crate::request::{Answer, Incoming, json as answer, percent_decoded, see_other, with_query};
use crate::tokens::DAY;
use crate::world::World;

const NAME: &str = "bluesky";
const COLOUR: &str = "#0a7aff";
const MICRO: i64 = 1_000_000;
/// How long a pushed request and a code live, in seconds.
const REQUEST_LIFE: i64 = 300;
const ACCESS_LIFE: i64 = 3_599;
/// A public client's session, in all; and that of one with a key, whose refresh tokens end earlier when nobody uses them.
const SESSION_DAYS: i64 = 14;
const SESSION_DAYS_BY_KEY: i64 = 730;
const REFRESH_DAYS_BY_KEY: i64 = 90;
const SCOPES: [&str; 4] = ["atproto", "transition:generic", "transition:email", "transition:chat.bsky"];

pub(super) fn people() -> Vec<Person> {
    vec![
        person(NAME, "fernweh.test", "Fernweh Outdoor", "did:plc:fernwehoutdoorfernwehout"),
        person(NAME, "jana-lindner.test", "Jana Lindner", "did:plc:janalindnerjanalindnerja"),
        person(NAME, "tom-becker.test", "Tom Becker", "did:plc:tombeckertombeckertombec"),
    ]
}

/// What the protocol wants below the root of a server.
pub(super) fn is_at_root(path: &str) -> bool {
    ["/xrpc/", "/oauth/", "/.well-known/oauth-"].iter().any(|prefix| path.starts_with(prefix))
}

pub(super) fn about(incoming: &Incoming) -> &'static str {
    match incoming.path.as_str() {
        "/oauth/authorize" => "page",
        "/oauth/token" => super::grant_type(incoming),
        "/oauth/revoke" => "revocation",
        _ => "api",
    }
}

pub(super) use clients::publish;
pub(super) use repo::set_active;

pub(super) fn handle(world: &mut World, now: i64, incoming: &Incoming) -> Option<Answer> {
    let said = match (incoming.method.as_str(), incoming.path.as_str()) {
        ("GET", "/.well-known/oauth-protected-resource") => answer(
            200,
            &json!({ "resource": incoming.origin(), "authorization_servers": [incoming.origin()], "scopes_supported": [], "bearer_methods_supported": ["header"] }),
        ),
        ("GET", "/.well-known/oauth-authorization-server") => metadata(incoming),
        (_, "/oauth/authorize") => return Some(authorize(world, now, incoming)),
        ("POST", "/oauth/par") => proven(world, now, incoming, par),
        ("POST", "/oauth/token") => proven(world, now, incoming, token),
        ("POST", "/oauth/revoke") => proven(world, now, incoming, revoke),
        ("GET", path) if path.starts_with("/did:") => document(world, incoming),
        ("GET", "/xrpc/com.atproto.identity.resolveHandle") => match world.person(NAME, incoming.q("handle")) {
            Some(person) => answer(200, &json!({ "did": person.id })),
            None => api_error(400, "InvalidRequest", "Unable to resolve handle"),
        },
        (_, path) if path.starts_with("/xrpc/") => repo::call(world, now, incoming)?,
        _ => return None,
    };
    Some(proof::with_nonce(now, said))
}

fn document(world: &World, incoming: &Incoming) -> Answer {
    let did = percent_decoded(incoming.path.trim_start_matches('/'));
    let Some(person) = by_did(world, &did) else {
        return answer(404, &json!({ "message": format!("DID not registered: {did}") }));
    };
    let service = json!({ "id": "#atproto_pds", "type": "AtprotoPersonalDataServer", "serviceEndpoint": incoming.origin() });
    answer(
        200,
        &json!({
            "@context": ["https://www.w3.org/ns/did/v1"], "id": did, "alsoKnownAs": [format!("at://{}", person.username)],
            "verificationMethod": [], "service": [service]
        }),
    )
}

fn by_did<'a>(world: &'a World, did: &str) -> Option<&'a Person> {
    world.people.iter().find(|person| person.network == NAME && person.id == did)
}

fn metadata(incoming: &Incoming) -> Answer {
    let at = |path: &str| format!("{}{path}", incoming.origin());
    answer(
        200,
        &json!({
            "issuer": incoming.origin(), "authorization_endpoint": at("/oauth/authorize"), "token_endpoint": at("/oauth/token"),
            "pushed_authorization_request_endpoint": at("/oauth/par"), "revocation_endpoint": at("/oauth/revoke"),
            "require_pushed_authorization_requests": true, "scopes_supported": SCOPES, "response_types_supported": ["code"],
            "grant_types_supported": ["authorization_code", "refresh_token"], "code_challenge_methods_supported": ["S256"],
            "dpop_signing_alg_values_supported": ["ES256"], "token_endpoint_auth_methods_supported": ["none", "private_key_jwt"],
            "token_endpoint_auth_signing_alg_values_supported": ["ES256"],
            "authorization_response_iss_parameter_supported": true, "client_id_metadata_document_supported": true
        }),
    )
}

/// An error of the authorization server.
fn error(status: u16, code: &str, words: &str) -> Answer {
    answer(status, &json!({ "error": code, "error_description": words }))
}

/// An error of the API.
fn api_error(status: u16, code: &str, words: &str) -> Answer {
    answer(status, &json!({ "error": code, "message": words }))
}

pub(super) fn refused_renewal() -> Answer {
    error(400, "invalid_grant", "Invalid refresh token")
}

/// Who asks, after the proof and the client were checked: the name of the session's key, and that of the client's.
struct By {
    key: String,
    client: Value,
}

/// First the proof and its nonce, then the client, then everything else: what fails before the session is looked at spends nothing.
fn proven(world: &mut World, now: i64, incoming: &Incoming, then: fn(&mut World, i64, &Incoming, &By) -> Answer) -> Answer {
    let key = match proof::check(world, now, incoming, None) {
        Ok(key) => key,
        Err(wrong) => return error(wrong.status(400), wrong.code(), wrong.words()),
    };
    match clients::authenticate(world, now, incoming) {
        Ok(client) => then(world, now, incoming, &By { key, client }),
        Err(refused) => refused,
    }
}

/// Whether that client may be sent back to that address, and which scopes it may ask for; none named: any.
fn client(client_id: &str, redirect_uri: &str) -> Option<Vec<String>> {
    let (id, back) = (url::Url::parse(client_id).ok()?, url::Url::parse(redirect_uri).ok()?);
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    if client_id.starts_with("http://localhost") {
        // Development on this machine: everything stands in the id itself, and the port does not count.
        let is_bare = id.port().is_none() && id.path() == "/";
        let of = |name: &str| id.query_pairs().filter(|(key, _)| key == name).map(|(_, value)| value.into_owned()).collect::<Vec<_>>();
        let mut known = of("redirect_uri");
        if known.is_empty() {
            known = vec!["http://127.0.0.1/".into(), "http://[::1]/".into()];
        }
        let fits = |known: &String| {
            url::Url::parse(known).is_ok_and(|known| known.host_str() == back.host_str() && known.path() == back.path())
                && matches!(back.host_str(), Some("127.0.0.1" | "[::1]"))
        };
        let scopes = of("scope").first().map_or_else(|| vec!["atproto".to_owned()], |scope| words(scope));
        return (is_bare && back.scheme() == "http" && known.iter().any(fits)).then_some(scopes);
    }
    let is_document = id.scheme() == "https" && id.path() != "/" && id.query().is_none();
    // What its document declares is not known here: whatever there is.
    (is_document && back.scheme() == "https" && back.host_str() == id.host_str()).then(Vec::new)
}

fn par(world: &mut World, now: i64, incoming: &Incoming, by: &By) -> Answer {
    let (client_id, redirect_uri) = (incoming.f("client_id"), incoming.f("redirect_uri"));
    let Some(allowed) = client(client_id, redirect_uri) else {
        return error(400, "invalid_request", "Invalid client_id or redirect_uri");
    };
    let scopes: Vec<String> = incoming.f("scope").split_whitespace().map(str::to_owned).collect();
    let may_be = |scope: &String| scopes::is_known(scope) && (allowed.is_empty() || allowed.contains(scope));
    if !scopes.iter().any(|scope| scope == "atproto") || !scopes.iter().all(may_be) {
        return error(400, "invalid_scope", "The scope must contain atproto, and nothing the client has not declared");
    }
    if incoming.f("response_type") != "code" {
        return error(400, "unsupported_response_type", "Only code is supported");
    }
    if incoming.f("code_challenge_method") != "S256" || incoming.f("code_challenge").len() != 43 {
        return error(400, "invalid_request", "Use of PKCE with S256 is required");
    }
    let hint = incoming.f("login_hint");
    if !hint.is_empty() && by_did(world, hint).is_none() && world.person(NAME, hint).is_none() {
        return error(400, "invalid_request", "Invalid login_hint");
    }
    let uri = format!("urn:ietf:params:oauth:request_uri:{}", world.random("req-"));
    let mut kept = json!({ "key": by.key, "client_key": by.client, "until": now + REQUEST_LIFE * MICRO });
    for field in ["client_id", "redirect_uri", "scope", "state", "code_challenge"] {
        kept[field] = incoming.f(field).into();
    }
    world.kept.insert((NAME, uri.clone()), kept);
    answer(201, &json!({ "request_uri": uri, "expires_in": REQUEST_LIFE }))
}

/// The pushed request that the address names, while it lives; nothing else of the address counts.
fn pushed(world: &World, now: i64, incoming: &Incoming) -> Option<Value> {
    let kept = world.kept.get(&(NAME, incoming.q("request_uri").to_owned()))?;
    (kept["client_id"] == incoming.q("client_id") && kept["until"].as_i64()? > now).then(|| kept.clone())
}

fn ask(request: &Value) -> Ask {
    let scopes = request["scope"].as_str().unwrap_or_default().split_whitespace().map(str::to_owned).collect();
    Ask { network: NAME, title: "Bluesky", colour: COLOUR, scopes, scopes_optional: false, may_skip: false }
}

fn authorize(world: &mut World, now: i64, incoming: &Incoming) -> Answer {
    let Some(request) = pushed(world, now, incoming) else {
        return refuse_page("Invalid request", COLOUR, "Bluesky", "Only client_id and the request_uri of a pushed request are taken here.");
    };
    match decide(world, now, incoming, &ask(&request)) {
        Decision::Show(page) => page,
        Decision::Deny { .. } => see_other(&denied(incoming, &request)),
        Decision::Allow { username, scopes } => see_other(&allowed(world, now, incoming, &request, &username, scopes)),
    }
}

fn back(incoming: &Incoming, request: &Value, more: &[(&str, &str)]) -> String {
    let text = |field: &str| request[field].as_str().unwrap_or_default();
    let issuer = incoming.origin();
    let all = [&[("iss", issuer.as_str()), ("state", text("state"))], more].concat();
    with_query(text("redirect_uri"), &all)
}

fn denied(incoming: &Incoming, request: &Value) -> String {
    back(incoming, request, &[("error", "access_denied"), ("error_description", "The user rejected the request")])
}

fn allowed(world: &mut World, now: i64, incoming: &Incoming, request: &Value, username: &str, scopes: Vec<String>) -> String {
    world.kept.remove(&(NAME, incoming.q("request_uri").to_owned()));
    let redirect_uri = request["redirect_uri"].as_str().unwrap_or_default();
    let code = world.new_code(now, NAME, username, scopes, redirect_uri, REQUEST_LIFE);
    if let Some(made) = world.vault.codes.get_mut(&code) {
        request["code_challenge"].as_str().unwrap_or_default().clone_into(&mut made.challenge);
    }
    world.kept.insert((NAME, format!("code/{code}")), request.clone());
    back(incoming, request, &[("code", &code)])
}

pub(super) fn consent(world: &mut World, now: i64, incoming: &Incoming, consent: &Consent<'_>) -> Option<String> {
    let request = pushed(world, now, incoming).filter(|_| incoming.path == "/oauth/authorize")?;
    if consent.deny {
        return Some(denied(incoming, &request));
    }
    let scopes = ask(&request).scopes;
    Some(allowed(world, now, incoming, &request, consent.username, scopes))
}

fn token(world: &mut World, now: i64, incoming: &Incoming, by: &By) -> Answer {
    match incoming.f("grant_type") {
        "authorization_code" => exchange(world, now, incoming, by),
        "refresh_token" => refresh(world, now, incoming, by),
        _ => error(400, "unsupported_grant_type", "Grant type is not supported"),
    }
}

fn exchange(world: &mut World, now: i64, incoming: &Incoming, by: &By) -> Answer {
    let code = incoming.f("code");
    let Some(request) = world.kept.get(&(NAME, format!("code/{code}"))).cloned() else {
        return error(400, "invalid_grant", "Invalid code");
    };
    // A code that comes a second time was stolen: what came of it ends.
    if let Some(family) = request["family"].as_u64().and_then(|family| usize::try_from(family).ok()) {
        world.vault.families[family].revoked = true;
        return error(400, "invalid_grant", "Code replayed");
    }
    let hash = proof::hash(incoming.f("code_verifier"));
    let is_same = request["key"] == by.key.as_str() && request["client_key"] == by.client;
    if !is_same || request["client_id"] != incoming.f("client_id") || request["code_challenge"] != hash.as_str() {
        return error(400, "invalid_grant", "The code was issued to another client, key or verifier");
    }
    let Ok(taken) = world.take_code(now, NAME, code, incoming.f("redirect_uri")) else {
        return error(400, "invalid_grant", "Code expired");
    };
    let family = world.new_family(now, NAME, &taken.username, taken.scopes);
    let mut used = request.clone();
    used["family"] = family.into();
    world.kept.insert((NAME, format!("code/{code}")), used);
    world
        .kept
        .insert((NAME, format!("session/{family}")), json!({ "key": by.key, "client_key": by.client, "client_id": request["client_id"] }));
    issue(world, now, family, by)
}

/// The end of a session, however often it is used: that of a client with a key lasts longer.
fn session_end(world: &World, family: usize, client_key: &Value) -> i64 {
    let days = if client_key.is_null() { SESSION_DAYS } else { SESSION_DAYS_BY_KEY };
    world.vault.families[family].began + days * DAY * MICRO
}

fn issue(world: &mut World, now: i64, family: usize, by: &By) -> Answer {
    let held = world.vault.families[family].clone();
    let access = world.new_access(now, family, "", Some(ACCESS_LIFE));
    let end = session_end(world, family, &by.client);
    let until = if by.client.is_null() { end } else { end.min(now + REFRESH_DAYS_BY_KEY * DAY * MICRO) };
    let refresh = world.new_refresh(now, family, "ref-", until);
    let did = world.person(NAME, &held.username).map(|person| person.id.clone());
    answer(
        200,
        &json!({
            "access_token": access, "token_type": "DPoP", "expires_in": ACCESS_LIFE, "refresh_token": refresh,
            "scope": held.scopes.join(" "), "sub": did
        }),
    )
}

/// Any failure after the session was found ends it.
fn refresh(world: &mut World, now: i64, incoming: &Incoming, by: &By) -> Answer {
    let presented = incoming.f("refresh_token").to_owned();
    let Some(kept) = world.vault.refresh.get(&presented).cloned() else { return refused_renewal() };
    let session = world.kept.get(&(NAME, format!("session/{}", kept.family))).cloned().unwrap_or_default();
    let over = kept.until.is_some_and(|until| until <= now);
    let wrong = if session["client_id"] != incoming.f("client_id") {
        Some("Token was not issued to this client")
    } else if !session["client_key"].is_null() && session["client_key"] != by.client {
        Some("Session was started with another client key")
    } else if session["key"] != by.key.as_str() {
        Some("DPoP proof does not match the expected JKT")
    } else if over && now < session_end(world, kept.family, &session["client_key"]) {
        Some("Refresh token expired")
    } else if over {
        Some("Session expired")
    } else {
        None
    };
    if let Some(wrong) = wrong {
        world.vault.families[kept.family].revoked = true;
        return error(400, "invalid_grant", wrong);
    }
    match world.spend_refresh(now, NAME, &presented, true) {
        Ok((family, _)) => {
            // The old access token is dead at once.
            world.end_access_of(family);
            issue(world, now, family, by)
        }
        Err(_) if kept.spent => error(400, "invalid_grant", "Refresh token replayed"),
        Err(_) => refused_renewal(),
    }
}

/// Always answered the same.
fn revoke(world: &mut World, _: i64, incoming: &Incoming, _: &By) -> Answer {
    let token = incoming.f("token");
    let family = world.vault.refresh.get(token).or_else(|| world.vault.access.get(token)).map(|token| token.family);
    if let Some(family) = family.filter(|family| world.vault.families[*family].network == NAME) {
        world.vault.families[family].revoked = true;
        world.effects.push(format!("session of {} ended", world.vault.families[family].username));
    }
    answer(200, &json!({}))
}
