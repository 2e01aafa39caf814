//! Pinterest API v5 as its documentation describes it (knowledge base `pinterest`).

mod acts;
mod boards;
mod media;

use serde_json::json;

use super::door::no_such_scope;
use super::{Consent, client_id, client_secret, is_redirect_uri, refuse_page};
use crate::consent::{Ask, Decision, decide};
use crate::limits::{Limit, with_numbers};
use crate::people::{Person, person};
use crate::request::{Answer, Incoming, json as answer, see_other, with_query};
use crate::tokens::{DAY, Family};
use crate::world::World;

const NAME: &str = "pinterest";
const COLOUR: &str = "#bd081c";
/// Those of the published description.
const SCOPES: &[&str] = &[
    "ads:read",
    "ads:write",
    "billing:read",
    "billing:write",
    "biz_access:read",
    "biz_access:write",
    "boards:read",
    "boards:read_secret",
    "boards:write",
    "boards:write_secret",
    "catalogs:read",
    "catalogs:write",
    "msot:write",
    "pins:read",
    "pins:read_secret",
    "pins:write",
    "pins:write_secret",
    "user_accounts:read",
    "user_accounts:write",
];

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
        ("POST", "/v5/oauth/token/revoke") => not_permitted(),
        ("GET", "/v5/user_account") => {
            with_token(world, now, incoming, |family| on_behalf(world, incoming, family, |family| account(world, family)))
        }
        ("POST", path @ ("/v5/pins" | "/v5/media")) => {
            let Ok((_, family)) = world.check_access(now, NAME, incoming.bearer()) else {
                return Some(error(401, 2, "Authentication failed."));
            };
            match path {
                "/v5/pins" => match acted_for(incoming, world, &family) {
                    Some(family) => acts::publish(world, now, incoming, &family),
                    None => not_permitted(),
                },
                _ => media::register(world, incoming, &family),
            }
        }
        ("POST", path) if path.starts_with("/upload/") => media::upload(world, now, incoming, path.trim_start_matches("/upload/")),
        ("GET", path) if path.starts_with("/v5/media/") => {
            with_token(world, now, incoming, |family| media::look(world, now, family, path.trim_start_matches("/v5/media/")))
        }
        ("GET", "/v5/boards") => {
            with_token(world, now, incoming, |family| on_behalf(world, incoming, family, |family| boards::boards(world, incoming, family)))
        }
        ("DELETE", path) if path.starts_with("/v5/pins/") => {
            let Ok((_, family)) = world.check_access(now, NAME, incoming.bearer()) else {
                return Some(error(401, 2, "Authentication failed."));
            };
            acts::delete(world, &family, path.trim_start_matches("/v5/pins/"))
        }
        ("GET", path) if path.starts_with("/v5/boards/") && !path.ends_with("/sections") => {
            let board = path.trim_start_matches("/v5/boards/");
            let one = |family: &Family| boards::board(world, family, board);
            with_token(world, now, incoming, |family| on_behalf(world, incoming, family, one))
        }
        ("GET", path) if path.starts_with("/v5/boards/") && path.ends_with("/sections") => {
            let board = path.trim_start_matches("/v5/boards/").trim_end_matches("/sections");
            let listed = |family: &Family| boards::sections(world, incoming, family, board);
            with_token(world, now, incoming, |family| on_behalf(world, incoming, family, listed))
        }
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
    if let Some(back) = no_such_scope(incoming, &ask(incoming).scopes, SCOPES) {
        return see_other(&back);
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
    if incoming.path != "/oauth/" || !is_good(incoming) {
        return None;
    }
    let asked = ask(incoming).scopes;
    Some(match no_such_scope(incoming, &asked, SCOPES) {
        Some(back) => back,
        None if consent.deny => denied(incoming),
        None => allowed(world, now, incoming, consent.username, asked),
    })
}

fn error(status: u16, code: i64, words: &str) -> Answer {
    let mut refused = answer(status, &json!({ "code": code, "message": words, "status": "failure" }));
    refused.headers_mut().insert("x-pinterest-rid", http::HeaderValue::from_static("8106120033401"));
    refused
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
    let [life, refresh_life] = [30 * DAY, 60 * DAY].map(|life| world.seconds_left(now, family, life));
    let until = now + refresh_life * 1_000_000;
    let access = world.new_access(now, family, "pina_", Some(life));
    let refresh = world.new_refresh(now, family, "pinr.", until);
    let scope = world.vault.families[family].scopes.join(",");
    answer(
        200,
        &json!({
            "response_type": kind, "access_token": access, "token_type": "bearer", "expires_in": life, "refresh_token": refresh,
            "refresh_token_expires_in": refresh_life, "refresh_token_expires_at": until / 1_000_000, "scope": scope
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
        &json!({ "id": person.id, "username": person.username, "account_type": kind, "business_name": business, "board_count": boards::boards_of(world, family).len() }),
    )
}

/// The ad account of the first person, on which the second has a role (business access).
const AD_ACCOUNT: &str = "549755885175";

/// Whom a call acts for: whoever logged in, or the owner of the ad account that it names. `None`: they have no role there.
fn acted_for(incoming: &Incoming, world: &World, family: &Family) -> Option<Family> {
    let named = incoming.q("ad_account_id");
    let owner = people().into_iter().next().map(|person| person.username).unwrap_or_default();
    let has_role = || world.person(NAME, &family.username).is_some_and(|person| person.ad_accounts.contains(&named));
    match named {
        "" => Some(family.clone()),
        AD_ACCOUNT if family.username == owner || has_role() => Some(Family { username: owner, ..family.clone() }),
        _ => None,
    }
}

fn not_permitted() -> Answer {
    error(403, 29, "You are not permitted to access that resource.")
}

fn on_behalf(world: &World, incoming: &Incoming, family: &Family, then: impl FnOnce(&Family) -> Answer) -> Answer {
    acted_for(incoming, world, family).map_or_else(not_permitted, |family| then(&family))
}

pub(super) fn people() -> Vec<Person> {
    vec![
        Person { business: true, ..person(NAME, "fernwehoutdoor", "Fernweh Outdoor", "824158804234123301") },
        Person { ad_accounts: vec![AD_ACCOUNT], ..person(NAME, "gipfelguides", "Gipfel Guides", "824158804234123302") },
    ]
}

pub(super) fn about(incoming: &Incoming) -> &'static str {
    match incoming.path.as_str() {
        "/oauth/" => "page",
        "/v5/oauth/token" => super::grant_type(incoming),
        _ => "api",
    }
}
