//! LinkedIn as its documentation describes it (knowledge base `linkedin`, sections 2 to 8).

use serde_json::json;

use super::{Consent, client_id, client_secret, is_redirect_uri, refuse_page};
use crate::consent::{Ask, Decision, decide};
use crate::request::{Answer, Incoming, json as answer, see_other, with_query};
use crate::tokens::{DAY, Dead, Family};
use crate::world::World;

const NAME: &str = "linkedin";
const COLOUR: &str = "#0a66c2";

fn ask(incoming: &Incoming) -> Ask {
    Ask {
        network: NAME,
        title: "LinkedIn",
        colour: COLOUR,
        scopes: incoming.q("scope").split_whitespace().map(str::to_owned).collect(),
        // All scopes or none.
        scopes_optional: false,
        may_skip: true,
    }
}

pub(super) fn handle(world: &mut World, now: i64, incoming: &Incoming) -> Option<Answer> {
    Some(match (incoming.method.as_str(), incoming.path.as_str()) {
        (_, "/oauth/v2/authorization") => authorize(world, now, incoming),
        ("POST", "/oauth/v2/accessToken") => token(world, now, incoming),
        ("POST", "/oauth/v2/introspectToken") => introspect(world, now, incoming),
        ("POST", "/oauth/v2/revoke") => revoke(world, now, incoming),
        ("GET", path) if path == "/v2/userinfo" || path.starts_with("/rest/") => api(world, now, incoming),
        _ => return None,
    })
}

fn authorize(world: &mut World, now: i64, incoming: &Incoming) -> Answer {
    if incoming.q("client_id") != client_id(NAME) || !is_redirect_uri(incoming.q("redirect_uri")) || incoming.q("response_type") != "code" {
        return refuse_page(
            "Bummer, something went wrong",
            COLOUR,
            "LinkedIn",
            "The application is not known, or the redirect address does not match.",
        );
    }
    match decide(world, now, incoming, &ask(incoming)) {
        Decision::Show(page) => page,
        Decision::Deny => see_other(&denied(incoming)),
        Decision::Allow { username, scopes } => see_other(&allowed(world, now, incoming, &username, scopes)),
    }
}

fn denied(incoming: &Incoming) -> String {
    let parameters = [
        ("error", "user_cancelled_authorize"),
        ("error_description", "The user cancelled the authorization"),
        ("state", incoming.q("state")),
    ];
    with_query(incoming.q("redirect_uri"), &parameters)
}

fn allowed(world: &mut World, now: i64, incoming: &Incoming, username: &str, scopes: Vec<String>) -> String {
    // Another scope set kills the member's earlier tokens for this app.
    let mut sorted = scopes.clone();
    sorted.sort();
    for family in world.vault.families.iter_mut().filter(|family| family.network == NAME && family.username == username) {
        let mut before = family.scopes.clone();
        before.sort();
        family.revoked |= before != sorted;
    }
    let code = world.new_code(now, NAME, username, scopes, incoming.q("redirect_uri"), 30 * 60);
    with_query(incoming.q("redirect_uri"), &[("code", &code), ("state", incoming.q("state"))])
}

pub(super) fn consent(world: &mut World, now: i64, incoming: &Incoming, consent: &Consent<'_>) -> Option<String> {
    (incoming.path == "/oauth/v2/authorization")
        .then(|| if consent.deny { denied(incoming) } else { allowed(world, now, incoming, consent.username, ask(incoming).scopes) })
}

fn error(status: u16, code: &str, words: &str) -> Answer {
    answer(status, &json!({ "error": code, "error_description": words }))
}

fn is_our_client(incoming: &Incoming) -> bool {
    incoming.f("client_id") == client_id(NAME) && incoming.f("client_secret") == client_secret(NAME)
}

fn token(world: &mut World, now: i64, incoming: &Incoming) -> Answer {
    if !is_our_client(incoming) {
        return error(401, "invalid_client", "Client authentication failed");
    }
    match incoming.f("grant_type") {
        "authorization_code" => {
            let Some(code) = world.take_code(now, NAME, incoming.f("code"), incoming.f("redirect_uri")) else {
                return error(
                    400,
                    "invalid_redirect_uri",
                    "Unable to retrieve access token: appid/redirect uri/code verifier does not match authorization code. Or authorization code expired.",
                );
            };
            let family = world.new_family(now, NAME, &code.username, code.scopes);
            let refresh = world.new_refresh(now, family, "AQ", now + 365 * DAY * 1_000_000);
            issue(world, now, family, &refresh, now + 365 * DAY * 1_000_000)
        }
        "refresh_token" => match world.check_refresh(now, NAME, incoming.f("refresh_token")) {
            Ok((family, data)) => issue(world, now, family, incoming.f("refresh_token"), data.began + 365 * DAY * 1_000_000),
            Err(_) => error(400, "invalid_grant", "The provided authorization grant or refresh token is invalid, expired or revoked."),
        },
        _ => error(400, "invalid_request", "A required parameter \"grant_type\" is missing or wrong"),
    }
}

/// Access 60 days, cut to what is left of the 365 days from the first authorisation.
fn issue(world: &mut World, now: i64, family: usize, refresh: &str, refresh_until: i64) -> Answer {
    let left = (refresh_until - now) / 1_000_000;
    let life = left.min(60 * DAY);
    let access = world.new_access(now, family, "AQX", Some(life));
    let scope = world.vault.families[family].scopes.join(" ");
    answer(
        200,
        &json!({ "access_token": access, "expires_in": life, "refresh_token": refresh, "refresh_token_expires_in": left, "scope": scope, "token_type": "Bearer" }),
    )
}

fn introspect(world: &mut World, now: i64, incoming: &Incoming) -> Answer {
    if !is_our_client(incoming) {
        return error(401, "invalid_client", "Client authentication failed");
    }
    let token = incoming.f("token");
    let kept = world.vault.access.get(token).or_else(|| world.vault.refresh.get(token)).cloned();
    let is_refresh = world.vault.refresh.contains_key(token);
    let verdict = if is_refresh { world.check_refresh(now, NAME, token) } else { world.check_access(now, NAME, token) };
    match (verdict, kept) {
        (Ok((_, family)), Some(kept)) => answer(
            200,
            &json!({
                "active": true, "status": "active", "client_id": client_id(NAME), "auth_type": "3L", "scope": family.scopes.join(","),
                "authorized_at": family.began / 1_000_000, "created_at": kept.created / 1_000_000, "expires_at": kept.until.unwrap_or(0) / 1_000_000
            }),
        ),
        (Err(Dead::Blocked), _) => error(401, "member_restricted", "The member is restricted"),
        (Err(Dead::Expired), _) => answer(200, &json!({ "active": false, "status": "expired" })),
        (Err(Dead::Revoked), _) => answer(200, &json!({ "active": false, "status": "revoked" })),
        _ => answer(200, &json!({ "active": false })),
    }
}

fn revoke(world: &mut World, now: i64, incoming: &Incoming) -> Answer {
    if !is_our_client(incoming) {
        return error(401, "invalid_client", "Client authentication failed");
    }
    let token = incoming.f("token");
    if let Ok((family, _)) = world.check_refresh(now, NAME, token).or_else(|_| world.check_access(now, NAME, token)) {
        world.vault.families[family].revoked = true;
    }
    answer(200, &json!({}))
}

fn api(world: &World, now: i64, incoming: &Incoming) -> Answer {
    let refused = |status: u16, number: i64, code: &str, words: &str| {
        answer(status, &json!({ "status": status, "serviceErrorCode": number, "code": code, "message": words }))
    };
    let family = match world.check_access(now, NAME, incoming.bearer()) {
        Ok((_, family)) => family,
        Err(Dead::Expired) => return refused(401, 65602, "EXPIRED_ACCESS_TOKEN", "The token used in the request has expired"),
        Err(Dead::Revoked) => {
            return refused(401, 65601, "REVOKED_ACCESS_TOKEN", "The token used in the request has been revoked by the user");
        }
        Err(Dead::Blocked) => return refused(403, 0, "MEMBER_RESTRICTED", "The member is restricted"),
        Err(Dead::Unknown) => return refused(401, 65600, "INVALID_ACCESS_TOKEN", "Invalid access token"),
    };
    if incoming.path == "/v2/userinfo" {
        return userinfo(world, &family);
    }
    if incoming.header("linkedin-version").is_none() {
        return refused(
            400,
            0,
            "VERSION_MISSING",
            "A version must be present. Please specify a version by adding the LinkedIn-Version header.",
        );
    }
    if incoming.path == "/rest/organizationAcls" {
        return acls(world, incoming, &family);
    }
    let page = incoming
        .path
        .strip_prefix("/rest/organizations/")
        .and_then(|id| id.parse::<u64>().ok())
        .and_then(|id| world.pages.iter().find(|page| page.id == id));
    match page {
        Some(page) => answer(200, &json!({ "id": page.id, "localizedName": page.name, "vanityName": page.vanity })),
        None => refused(404, 0, "RESOURCE_NOT_FOUND", "Could not find entity"),
    }
}

fn userinfo(world: &World, family: &Family) -> Answer {
    let Some(person) = world.person(NAME, &family.username) else { return answer(404, &json!({})) };
    let (given, last) = person.name.split_once(' ').unwrap_or((&person.name, ""));
    answer(
        200,
        &json!({ "sub": person.id, "name": person.name, "given_name": given, "family_name": last, "locale": { "country": "DE", "language": "de" } }),
    )
}

fn acls(world: &World, incoming: &Incoming, family: &Family) -> Answer {
    let me = world.person(NAME, &family.username).map_or("", |person| &person.id);
    let start: usize = incoming.q("start").parse().unwrap_or(0);
    let count: usize = incoming.q("count").parse().unwrap_or(10);
    let mut rows = vec![];
    for page in &world.pages {
        for (_, role, state) in page.roles.iter().filter(|(username, _, _)| *username == family.username) {
            rows.push(json!({ "organization": format!("urn:li:organization:{}", page.id), "roleAssignee": format!("urn:li:person:{me}"), "role": role, "state": state }));
        }
    }
    let more = rows.len() > start + count;
    let links = if more {
        json!([{ "rel": "next", "href": format!("/rest/organizationAcls?q=roleAssignee&start={}&count={count}", start + count) }])
    } else {
        json!([])
    };
    let elements: Vec<_> = rows.into_iter().skip(start).take(count).collect();
    answer(200, &json!({ "elements": elements, "paging": { "start": start, "count": count, "links": links } }))
}
