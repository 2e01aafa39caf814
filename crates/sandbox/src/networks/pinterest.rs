//! Pinterest API v5 as its documentation describes it (knowledge base `pinterest`).

mod acts;
mod media;

use serde_json::json;

use super::{Consent, client_id, client_secret, is_redirect_uri, refuse_page};
use crate::consent::{Ask, Decision, decide};
use crate::limits::{Limit, with_numbers};
use crate::people::{Person, person};
use crate::request::{Answer, Incoming, json as answer, see_other, with_query};
use crate::tokens::{DAY, Family};
use crate::world::World;

const NAME: &str = "pinterest";
const COLOUR: &str = "#bd081c";

fn ask(incoming: &Incoming) -> Ask {
    let scopes = incoming.q("scope").split([',', ' ']).filter(|scope| !scope.is_empty()).map(str::to_owned).collect();
    Ask { network: NAME, title: "Pinterest", colour: COLOUR, scopes, scopes_optional: false, may_skip: false }
}

pub(super) fn handle(world: &mut World, now: i64, incoming: &Incoming) -> Option<Answer> {
    if let Err(refused) = counted(world, now, incoming) {
        return Some(refused);
    }
    Some(match (incoming.method.as_str(), incoming.path.as_str()) {
        (_, "/oauth/") => authorize(world, now, incoming),
        ("POST", "/v5/oauth/token") => token(world, now, incoming),
        ("POST", "/v5/oauth/token/revoke") => error(403, 29, "You are not permitted to access that resource."),
        ("GET", "/v5/user_account") => with_token(world, now, incoming, |family| account(world, family)),
        ("POST", path @ ("/v5/pins" | "/v5/media")) => {
            let Ok((_, family)) = world.check_access(now, NAME, incoming.bearer()) else {
                return Some(error(401, 2, "Authentication failed."));
            };
            match path {
                "/v5/pins" => acts::publish(world, now, incoming, &family),
                _ => media::register(world, incoming, &family),
            }
        }
        ("POST", path) if path.starts_with("/upload/") => media::upload(world, now, incoming, path.trim_start_matches("/upload/")),
        ("GET", path) if path.starts_with("/v5/media/") => {
            with_token(world, now, incoming, |family| media::look(world, now, family, path.trim_start_matches("/v5/media/")))
        }
        ("GET", "/v5/boards") => with_token(world, now, incoming, |family| boards(world, incoming, family)),
        _ => return None,
    })
}

fn is_good(incoming: &Incoming) -> bool {
    incoming.q("client_id") == client_id(NAME) && is_redirect_uri(incoming.q("redirect_uri")) && incoming.q("response_type") == "code"
}

fn authorize(world: &mut World, now: i64, incoming: &Incoming) -> Answer {
    if !is_good(incoming) {
        return refuse_page("Invalid request", COLOUR, "Pinterest", "The app is not known, or its redirect link does not match.");
    }
    match decide(world, now, incoming, &ask(incoming)) {
        Decision::Show(page) => page,
        Decision::Deny { .. } => see_other(&denied(incoming)),
        Decision::Allow { username, scopes } => see_other(&allowed(world, now, incoming, &username, scopes)),
    }
}

fn denied(incoming: &Incoming) -> String {
    with_query(
        incoming.q("redirect_uri"),
        &[("error", "access_denied"), ("error_description", "The person denied the request"), ("state", incoming.q("state"))],
    )
}

fn allowed(world: &mut World, now: i64, incoming: &Incoming, username: &str, scopes: Vec<String>) -> String {
    let code = world.new_code(now, NAME, username, scopes, incoming.q("redirect_uri"), 10 * 60);
    with_query(incoming.q("redirect_uri"), &[("code", &code), ("state", incoming.q("state"))])
}

pub(super) fn consent(world: &mut World, now: i64, incoming: &Incoming, consent: &Consent<'_>) -> Option<String> {
    (incoming.path == "/oauth/" && is_good(incoming))
        .then(|| if consent.deny { denied(incoming) } else { allowed(world, now, incoming, consent.username, ask(incoming).scopes) })
}

fn error(status: u16, code: i64, words: &str) -> Answer {
    answer(status, &json!({ "code": code, "message": words, "status": "failure" }))
}

pub(super) fn refused_renewal() -> Answer {
    error(401, 2, "Authentication failed.")
}

fn token(world: &mut World, now: i64, incoming: &Incoming) -> Answer {
    use base64::Engine as _;
    let expected = base64::engine::general_purpose::STANDARD.encode(format!("{}:{}", client_id(NAME), client_secret(NAME)));
    if incoming.header("authorization").and_then(|value| value.strip_prefix("Basic ")) != Some(&expected) {
        return error(401, 2, "Authentication failed.");
    }
    if incoming.f("grant_type") == "client_credentials" {
        // Of the app's own owner, who is nobody of this world.
        let access = world.secret("pinc_");
        let scope = incoming.f("scope");
        return answer(
            200,
            &json!({ "response_type": "client_credentials", "access_token": access, "token_type": "bearer", "expires_in": 30 * DAY, "scope": scope }),
        );
    }
    let (family, kind) = match incoming.f("grant_type") {
        "authorization_code" => match world.take_code(now, NAME, incoming.f("code"), incoming.f("redirect_uri")) {
            Ok(code) => (world.new_family(now, NAME, &code.username, code.scopes), "authorization_code"),
            Err(_) => return error(400, 1, "The code is invalid, expired or was used before."),
        },
        // What becomes of the old refresh token is not documented: the sandbox is strict.
        "refresh_token" => match world.spend_refresh(now, NAME, incoming.f("refresh_token"), true) {
            Ok((family, _)) => (family, "refresh_token"),
            Err(_) => return refused_renewal(),
        },
        _ => return error(400, 1, "Invalid grant_type"),
    };
    let until = now + 60 * DAY * 1_000_000;
    let access = world.new_access(now, family, "pina_", Some(30 * DAY));
    let refresh = world.new_refresh(now, family, "pinr.", until);
    let scope = world.vault.families[family].scopes.join(",");
    answer(
        200,
        &json!({
            "response_type": kind, "access_token": access, "token_type": "bearer", "expires_in": 30 * DAY, "refresh_token": refresh,
            "refresh_token_expires_in": 60 * DAY, "refresh_token_expires_at": until / 1_000_000, "scope": scope
        }),
    )
}

fn with_token(world: &World, now: i64, incoming: &Incoming, then: impl FnOnce(&Family) -> Answer) -> Answer {
    match world.check_access(now, NAME, incoming.bearer()) {
        Ok((_, family)) => then(&family),
        // One code for a token that is over, withdrawn, or of a deactivated account.
        Err(_) => error(401, 2, "Authentication failed."),
    }
}

/// Of each person and app, by the category of the call (second-hand figures of the standard tier).
const READS: Limit = Limit { network: NAME, name: "org_read", calls: 1_000, seconds: 60 };
const WRITES: Limit = Limit { network: NAME, name: "org_write", calls: 100, seconds: 60 };

pub(super) fn too_many(calls: u64, seconds: i64) -> Answer {
    let calls = i64::try_from(calls).unwrap_or(i64::MAX);
    let headers = [("x-ratelimit-limit", calls), ("x-ratelimit-remaining", 0), ("x-ratelimit-reset", seconds)];
    with_numbers(error(429, 8, "This request exceeded a rate limit."), &headers)
}

/// Counts a call of the token's person; `Err` is the answer to give.
fn counted(world: &mut World, now: i64, incoming: &Incoming) -> Result<(), Answer> {
    let Ok((_, family)) = world.check_access(now, NAME, incoming.bearer()) else { return Ok(()) };
    let limit = if incoming.method == "GET" { READS } else { WRITES };
    world.count(now, &limit, &family.username).map_err(|seconds| too_many(limit.calls, seconds))
}

fn account(world: &World, family: &Family) -> Answer {
    let Some(person) = world.person(NAME, &family.username) else { return error(404, 30, "User not found.") };
    if !family.scopes.iter().any(|scope| scope == "user_accounts:read") {
        return error(403, 403, "Not authorized to access the user account.");
    }
    let business = person.business.then_some(&person.name);
    let kind = if person.business { "BUSINESS" } else { "PINNER" };
    answer(
        200,
        &json!({ "id": person.id, "username": person.username, "account_type": kind, "business_name": business, "board_count": boards_of(world, family).len() }),
    )
}

fn boards_of<'a>(world: &'a World, family: &Family) -> Vec<&'a crate::people::Board> {
    let sees_secret = family.scopes.iter().any(|scope| scope == "boards:read_secret");
    let mine = |board: &&crate::people::Board| {
        !board.deleted
            && (board.owner == family.username || board.collaborators.contains(&family.username.as_str()))
            && (!board.secret || sees_secret)
    };
    world.boards.iter().filter(mine).collect()
}

fn boards(world: &World, incoming: &Incoming, family: &Family) -> Answer {
    if !family.scopes.iter().any(|scope| scope == "boards:read") {
        return error(401, 3, "Your application consumer type is not supported, please contact support. Missing scope: boards:read");
    }
    let size: usize = incoming.q("page_size").parse().unwrap_or(25).clamp(1, 250);
    let from: usize = incoming.q("bookmark").parse().unwrap_or(0);
    let privacy = incoming.q("privacy");
    let asked = |board: &&crate::people::Board| match privacy {
        "PUBLIC" => !board.secret,
        "SECRET" => board.secret,
        // No board of this world is PROTECTED.
        "PROTECTED" => false,
        _ => true,
    };
    let all: Vec<_> = boards_of(world, family).into_iter().filter(asked).collect();
    let item = |board: &&crate::people::Board| {
        json!({
            "id": board.id.to_string(), "name": board.name, "description": "", "privacy": if board.secret { "SECRET" } else { "PUBLIC" },
            "owner": { "username": board.owner }, "collaborator_count": board.collaborators.len(), "pin_count": 5, "is_ads_only": false
        })
    };
    let items: Vec<_> = all.iter().skip(from).take(size).map(item).collect();
    let next = from.saturating_add(size);
    let bookmark = (all.len() > next).then(|| next.to_string());
    answer(200, &json!({ "items": items, "bookmark": bookmark }))
}

pub(super) fn people() -> Vec<Person> {
    vec![
        Person { business: true, ..person(NAME, "fernwehoutdoor", "Fernweh Outdoor", "824158804234123301") },
        person(NAME, "gipfelguides", "Gipfel Guides", "824158804234123302"),
    ]
}

pub(super) fn about(incoming: &Incoming) -> &'static str {
    match incoming.path.as_str() {
        "/oauth/" => "page",
        "/v5/oauth/token" => super::grant_type(incoming),
        _ => "api",
    }
}
