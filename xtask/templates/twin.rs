//! Skeleton Network as its documentation describes it. Written from the documentation, never from the adapter.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::json;

use super::door::{Door, INVALID_SCOPE};
use super::{Consent, client_id, client_secret, is_redirect_uri};
use crate::people::{Person, person};
use crate::request::{Answer, Incoming, json as answer};
use crate::tokens::DAY;
use crate::world::World;

const NAME: &str = "skeleton";
const COLOUR: &str = "#334155";
/// What an app may ask for.
const SCOPES: &[&str] = &["profile"];
/// How long an access token lives, in seconds.
const ACCESS_LIFE: i64 = 3_600;

pub(super) fn people() -> Vec<Person> {
    vec![person(NAME, "jana.lindner", "Jana Lindner", "skeleton-1"), person(NAME, "tom.becker", "Tom Becker", "skeleton-2")]
}

pub(super) fn about(incoming: &Incoming) -> &'static str {
    match incoming.path.as_str() {
        "/oauth/authorize" => "page",
        "/oauth/token" => super::grant_type(incoming),
        "/oauth/revoke" => "revocation",
        _ => "api",
    }
}

pub(super) fn handle(world: &mut World, now: i64, incoming: &Incoming) -> Option<Answer> {
    Some(match (incoming.method.as_str(), incoming.path.as_str()) {
        (_, "/oauth/authorize") => DOOR.authorize(world, now, incoming),
        ("POST", "/oauth/token") => token(world, now, incoming),
        ("POST", "/oauth/revoke") => revoke(world, now, incoming),
        ("GET", "/api/me") => me(world, now, incoming),
        _ => return None,
    })
}

static DOOR: Door = Door {
    network: NAME,
    title: "Skeleton Network",
    colour: COLOUR,
    path: "/oauth/authorize",
    code_life: 60,
    is_good,
    refusal: ("Invalid request", "client_id, redirect_uri or PKCE is not right."),
    error: |incoming| {
        let is_known = incoming.q("scope").split_whitespace().all(|scope| SCOPES.contains(&scope));
        (!is_known).then_some(INVALID_SCOPE)
    },
    ..Door::PLAIN
};

fn is_good(_: &World, incoming: &Incoming) -> bool {
    incoming.q("client_id") == client_id(NAME)
        && is_redirect_uri(incoming.q("redirect_uri"))
        && incoming.q("response_type") == "code"
        && incoming.q("code_challenge_method") == "S256"
}

pub(super) fn consent(world: &mut World, now: i64, incoming: &Incoming, consent: &Consent<'_>) -> Option<String> {
    DOOR.consent(world, now, incoming, consent)
}

fn error(status: u16, code: &str, words: &str) -> Answer {
    answer(status, &json!({ "error": code, "error_description": words }))
}

pub(super) fn refused_renewal() -> Answer {
    error(400, "invalid_grant", "The refresh token is invalid, expired or revoked.")
}

fn is_our_client(incoming: &Incoming) -> bool {
    let basic = STANDARD.encode(format!("{}:{}", client_id(NAME), client_secret(NAME)));
    incoming.header("authorization") == Some(&format!("Basic {basic}"))
}

fn token(world: &mut World, now: i64, incoming: &Incoming) -> Answer {
    if !is_our_client(incoming) {
        return error(401, "invalid_client", "Client authentication failed.");
    }
    let family = match incoming.f("grant_type") {
        "authorization_code" => match world.take_code(now, NAME, incoming.f("code"), incoming.f("redirect_uri")) {
            Ok(code) if code.challenge == URL_SAFE_NO_PAD.encode(digest(&SHA256, incoming.f("code_verifier").as_bytes())) => {
                world.new_family(now, NAME, &code.username, code.scopes)
            }
            _ => return error(400, "invalid_grant", "The code is invalid."),
        },
        // Single use; a replay ends the whole family.
        "refresh_token" => match world.spend_refresh(now, NAME, incoming.f("refresh_token"), true) {
            Ok((family, _)) => family,
            Err(_) => return refused_renewal(),
        },
        _ => return error(400, "unsupported_grant_type", "The grant type is not supported."),
    };
    let access = world.new_access(now, family, "", Some(ACCESS_LIFE));
    let refresh = world.new_refresh(now, family, "", now + 365 * DAY * 1_000_000);
    answer(200, &json!({ "access_token": access, "token_type": "Bearer", "expires_in": ACCESS_LIFE, "refresh_token": refresh }))
}

fn revoke(world: &mut World, now: i64, incoming: &Incoming) -> Answer {
    if !is_our_client(incoming) {
        return error(401, "invalid_client", "Client authentication failed.");
    }
    let token = incoming.f("token");
    if let Ok((family, _)) = world.check_refresh(now, NAME, token).or_else(|_| world.check_access(now, NAME, token)) {
        world.vault.families[family].revoked = true;
    }
    answer(200, &json!({}))
}

fn me(world: &World, now: i64, incoming: &Incoming) -> Answer {
    let family = world.check_access(now, NAME, incoming.bearer()).ok();
    match family.and_then(|(_, family)| world.person(NAME, &family.username)) {
        Some(person) => answer(200, &json!({ "id": person.id, "name": person.name })),
        None => error(401, "invalid_token", "The access token is invalid, expired or revoked."),
    }
}
