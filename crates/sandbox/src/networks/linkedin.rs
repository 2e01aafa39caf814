//! LinkedIn as its documentation describes it (knowledge base `linkedin`, sections 2 to 8).

mod acts;
mod media;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use super::{Consent, client_id, client_secret, is_redirect_uri, refuse_page};
use crate::consent::{Ask, Decision, decide};
use crate::people::{Page, Person, person};
use crate::request::{Answer, Incoming, json as answer, see_other, with_query};
use crate::tokens::{DAY, Dead, Family, NoCode, same_set};
use crate::world::World;

const NAME: &str = "linkedin";
const COLOUR: &str = "#0a66c2";
const MICRO: i64 = 1_000_000;
/// The oldest version of the API that is still active.
const OLDEST_VERSION: u32 = 202_512;
/// What the app's products let it ask for.
const SCOPES: &[&str] = &[
    "openid",
    "profile",
    "email",
    "r_basicprofile",
    "w_member_social",
    "w_member_social_feed",
    "r_organization_admin",
    "rw_organization_admin",
    "w_organization_social",
    "r_organization_social",
    "w_organization_social_feed",
    "r_organization_social_feed",
];

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
        (_, path)
            if path == "/rest/posts"
                || path.starts_with("/rest/posts/")
                || path.starts_with("/rest/socialActions/")
                || path.starts_with("/rest/images")
                || path.starts_with("/rest/videos")
                || path.starts_with("/rest/upload/") =>
        {
            acts::handle(world, now, incoming)
        }
        ("GET", path) if path == "/v2/userinfo" || path == "/v2/me" || path.starts_with("/rest/") => api(world, now, incoming),
        _ => return None,
    })
}

fn is_good(incoming: &Incoming) -> bool {
    incoming.q("client_id") == client_id(NAME) && is_redirect_uri(incoming.q("redirect_uri")) && incoming.q("response_type") == "code"
}

fn authorize(world: &mut World, now: i64, incoming: &Incoming) -> Answer {
    if !is_good(incoming) {
        return refuse_page(
            "Bummer, something went wrong",
            COLOUR,
            "LinkedIn",
            "The application is not known, or the redirect address does not match.",
        );
    }
    if let Some(back) = not_for_this_app(incoming) {
        return see_other(&back);
    }
    match decide(world, now, incoming, &ask(incoming)) {
        Decision::Show(page) => page,
        Decision::Deny { signed_in } => see_other(&denied(incoming, signed_in)),
        Decision::Allow { username, scopes } => see_other(&allowed(world, now, incoming, &username, scopes)),
    }
}

/// The way back with a scope that the app's products do not give it.
fn not_for_this_app(incoming: &Incoming) -> Option<String> {
    let scopes = ask(incoming).scopes;
    let scope = scopes.iter().find(|scope| !SCOPES.contains(&scope.as_str()))?;
    let words = format!("Scope \"{scope}\" is not authorized for your application");
    let parameters = [("error", "unauthorized_scope_error"), ("error_description", &words), ("state", incoming.q("state"))];
    Some(with_query(incoming.q("redirect_uri"), &parameters))
}

fn denied(incoming: &Incoming, signed_in: bool) -> String {
    let (error, words) = if signed_in {
        ("user_cancelled_authorize", "The user cancelled the authorization")
    } else {
        ("user_cancelled_login", "The user cancelled LinkedIn login")
    };
    with_query(incoming.q("redirect_uri"), &[("error", error), ("error_description", words), ("state", incoming.q("state"))])
}

fn allowed(world: &mut World, now: i64, incoming: &Incoming, username: &str, scopes: Vec<String>) -> String {
    // Another scope set kills the member's earlier tokens for this app.
    for family in world.vault.families.iter_mut().filter(|family| family.network == NAME && family.username == username) {
        family.revoked |= !same_set(&family.scopes, &scopes);
    }
    let code = world.new_code(now, NAME, username, scopes, incoming.q("redirect_uri"), 30 * 60);
    with_query(incoming.q("redirect_uri"), &[("code", &code), ("state", incoming.q("state"))])
}

pub(super) fn consent(world: &mut World, now: i64, incoming: &Incoming, consent: &Consent<'_>) -> Option<String> {
    if incoming.path != "/oauth/v2/authorization" || !is_good(incoming) {
        return None;
    }
    Some(match not_for_this_app(incoming) {
        Some(back) => back,
        None if consent.deny => denied(incoming, true),
        None => allowed(world, now, incoming, consent.username, ask(incoming).scopes),
    })
}

fn error(status: u16, code: &str, words: &str) -> Answer {
    answer(status, &json!({ "error": code, "error_description": words }))
}

fn is_our_client(incoming: &Incoming) -> bool {
    incoming.f("client_id") == client_id(NAME) && incoming.f("client_secret") == client_secret(NAME)
}

fn missing(parameter: &str) -> Answer {
    error(400, "invalid_request", &format!("A required parameter \"{parameter}\" is missing"))
}

pub(super) fn refused_renewal() -> Answer {
    error(400, "invalid_grant", "The provided authorization grant or refresh token is invalid, expired or revoked.")
}

fn token(world: &mut World, now: i64, incoming: &Incoming) -> Answer {
    if !is_our_client(incoming) {
        return error(401, "invalid_client", "Client authentication failed");
    }
    match incoming.f("grant_type") {
        "authorization_code" if incoming.f("code").is_empty() => missing("code"),
        "authorization_code" => {
            let code = match world.take_code(now, NAME, incoming.f("code"), incoming.f("redirect_uri")) {
                Ok(code) => code,
                Err(NoCode::Unknown) => {
                    return error(401, "invalid_request", "Unable to retrieve access token: authorization code not found");
                }
                Err(NoCode::Mismatch) => {
                    return error(
                        400,
                        "invalid_redirect_uri",
                        "Unable to retrieve access token: appid/redirect uri/code verifier does not match authorization code. Or authorization code expired. Or external member binding exists",
                    );
                }
            };
            let family = world.new_family(now, NAME, &code.username, code.scopes);
            if !world.app(NAME).refresh_tokens {
                return issue(world, now, family, None);
            }
            let refresh = world.new_refresh(now, family, "AQ", now + 365 * DAY * 1_000_000);
            issue(world, now, family, Some((&refresh, now + 365 * DAY * 1_000_000)))
        }
        "refresh_token" if incoming.f("refresh_token").is_empty() => missing("refresh_token"),
        "refresh_token" => match world.check_refresh(now, NAME, incoming.f("refresh_token")) {
            Ok((family, data)) => issue(world, now, family, Some((incoming.f("refresh_token"), data.began + 365 * DAY * 1_000_000))),
            Err(_) => refused_renewal(),
        },
        _ => missing("grant_type"),
    }
}

/// Access 60 days, cut to what is left of the 365 days from the first authorisation. Only apps approved for it get a refresh
/// token; whoever granted `openid` is named in an id token.
fn issue(world: &mut World, now: i64, family: usize, refresh: Option<(&str, i64)>) -> Answer {
    let left = refresh.map(|(_, until)| (until - now) / MICRO);
    let life = left.map_or(60 * DAY, |left| left.min(60 * DAY));
    let access = world.new_access(now, family, "AQX", Some(life));
    let data = world.vault.families[family].clone();
    let mut body = json!({ "access_token": access, "expires_in": life, "scope": data.scopes.join(" ") });
    if let (Some((refresh, _)), Some(left)) = (refresh, left) {
        body["refresh_token"] = refresh.into();
        body["refresh_token_expires_in"] = left.into();
    }
    if data.scopes.iter().any(|scope| scope == "openid") {
        let sub = world.person(NAME, &data.username).map(|person| person.id.clone()).unwrap_or_default();
        body["token_type"] = "Bearer".into();
        body["id_token"] = id_token(&sub, now).into();
    }
    answer(200, &body)
}

/// Without a nonce, as the real one. Its signature is made up: it comes from the token endpoint itself, where nobody has to
/// check it.
fn id_token(sub: &str, now: i64) -> String {
    let part = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let now = now / MICRO;
    let claims = json!({ "iss": "https://www.linkedin.com/oauth", "aud": client_id(NAME), "sub": sub, "iat": now, "exp": now + 3600 });
    format!("{}.{}.c2FuZGJveA", part(&json!({ "alg": "RS256", "kid": "sandbox", "typ": "JWT" })), part(&claims))
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

fn refused(status: u16, number: i64, code: &str, words: &str) -> Answer {
    answer(status, &json!({ "status": status, "serviceErrorCode": number, "code": code, "message": words }))
}

pub(super) fn withdrawn() -> Answer {
    refused(401, 65601, "REVOKED_ACCESS_TOKEN", "The token used in the request has been revoked by the user")
}

/// No header says when it goes on; the quota of a day starts anew at 00:00 UTC.
pub(super) fn too_many() -> Answer {
    refused(429, 101, "TOO_MANY_REQUESTS", "Resource level throttle MEMBER DAY limit for calls to this resource is reached.")
}

fn not_enough(what: &str) -> Answer {
    refused(403, 100, "ACCESS_DENIED", &format!("Not enough permissions to access: {what}"))
}

/// Whose token it is, and that the versioned API is asked by its version. `Err` is the answer to give.
fn authorized(world: &World, now: i64, incoming: &Incoming) -> Result<Family, Answer> {
    let family = match world.check_access(now, NAME, incoming.bearer()) {
        Ok((_, family)) => family,
        Err(Dead::Expired) => return Err(refused(401, 65602, "EXPIRED_ACCESS_TOKEN", "The token used in the request has expired")),
        // What a call of a restricted member is answered is not documented: as one of somebody whose tokens are gone.
        Err(Dead::Revoked | Dead::Blocked) => return Err(withdrawn()),
        Err(Dead::Unknown) => return Err(refused(401, 65600, "INVALID_ACCESS_TOKEN", "Invalid access token")),
    };
    let needs_version = incoming.path.starts_with("/rest/") && !incoming.path.starts_with("/rest/upload/");
    match incoming.header("linkedin-version") {
        _ if !needs_version => {}
        None => {
            let words = "A version must be present. Please specify a version by adding the LinkedIn-Version header.";
            return Err(refused(400, 0, "VERSION_MISSING", words));
        }
        Some(version) if version.parse::<u32>().is_ok_and(|version| version >= OLDEST_VERSION) => {}
        Some(version) => return Err(refused(426, 0, "NONEXISTENT_VERSION", &format!("Requested version {version} is not active"))),
    }
    // Without it, addresses and lists are read by the rules of the older protocol.
    if needs_version && incoming.header("x-restli-protocol-version") != Some("2.0.0") {
        return Err(refused(400, 0, "ILLEGAL_ARGUMENT", "Invalid query parameters: X-Restli-Protocol-Version 2.0.0 is needed"));
    }
    Ok(family)
}

fn api(world: &World, now: i64, incoming: &Incoming) -> Answer {
    let family = match authorized(world, now, incoming) {
        Ok(family) => family,
        Err(refused) => return refused,
    };
    let has = |scopes: &[&str]| family.scopes.iter().any(|granted| scopes.contains(&granted.as_str()));
    if incoming.path == "/v2/userinfo" {
        return if has(&["openid"]) && has(&["profile"]) { userinfo(world, &family) } else { not_enough("userinfo.GET.NO_VERSION") };
    }
    if incoming.path == "/v2/me" {
        return if has(&["r_basicprofile"]) { me(world, &family) } else { not_enough("me.GET.NO_VERSION") };
    }
    let reads_pages = has(&["rw_organization_admin", "r_organization_admin"]);
    if incoming.path == "/rest/organizationAcls" {
        return if reads_pages { acls(world, incoming, &family) } else { not_enough("organizationAcls.FINDER-roleAssignee") };
    }
    if incoming.path == "/rest/organizationsLookup" {
        return if reads_pages { lookup(world, incoming) } else { not_enough("organizationsLookup.BATCH_GET") };
    }
    let page = incoming.path.strip_prefix("/rest/organizations/").and_then(|id| page(world, id));
    match page {
        // What a page says of itself is for its admins.
        Some(page) if !reads_pages || !has_role(page, &family, &["ADMINISTRATOR"]) => not_enough("organizations.GET"),
        Some(page) => answer(200, &shown(page)),
        None => refused(404, 0, "RESOURCE_NOT_FOUND", "Could not find entity"),
    }
}

fn page<'a>(world: &'a World, id: &str) -> Option<&'a Page> {
    let id = id.parse::<u64>().ok()?;
    world.pages.iter().find(|page| page.network == NAME && page.id == id)
}

/// Whether the person holds one of these roles on a page, approved.
fn has_role(page: &Page, family: &Family, roles: &[&str]) -> bool {
    page.roles.iter().any(|(username, role, state)| *username == family.username && *state == "APPROVED" && roles.contains(&role.as_str()))
}

fn shown(page: &Page) -> serde_json::Value {
    json!({ "id": page.id, "localizedName": page.name, "vanityName": page.vanity })
}

/// What anybody may know of pages, by their numbers: `ids=List(1,2)`.
fn lookup(world: &World, incoming: &Incoming) -> Answer {
    let Some(ids) = incoming.q("ids").strip_prefix("List(").and_then(|ids| ids.strip_suffix(')')) else {
        return refused(400, 0, "ILLEGAL_ARGUMENT", "Invalid query parameters: ids is no list");
    };
    let (mut results, mut statuses) = (serde_json::Map::new(), serde_json::Map::new());
    for id in ids.split(',') {
        let found = page(world, id);
        statuses.insert(id.to_owned(), found.map_or(404, |_| 200).into());
        results.extend(found.map(|page| (id.to_owned(), shown(page))));
    }
    answer(200, &json!({ "results": results, "statuses": statuses, "errors": {} }))
}

fn userinfo(world: &World, family: &Family) -> Answer {
    let Some(person) = world.person(NAME, &family.username) else { return answer(404, &json!({})) };
    let (given, last) = person.name.split_once(' ').unwrap_or((&person.name, ""));
    answer(
        200,
        &json!({ "sub": person.id, "name": person.name, "given_name": given, "family_name": last, "locale": { "country": "DE", "language": "de" } }),
    )
}

fn me(world: &World, family: &Family) -> Answer {
    let Some(person) = world.person(NAME, &family.username) else { return answer(404, &json!({})) };
    let (given, last) = person.name.split_once(' ').unwrap_or((&person.name, ""));
    let vanity = person.username.replace('.', "-");
    answer(200, &json!({ "id": person.id, "localizedFirstName": given, "localizedLastName": last, "vanityName": vanity }))
}

fn acls(world: &World, incoming: &Incoming, family: &Family) -> Answer {
    let me = world.person(NAME, &family.username).map_or("", |person| &person.id);
    let start: usize = incoming.q("start").parse().unwrap_or(0);
    let count: usize = incoming.q("count").parse().unwrap_or(10).clamp(1, 1000);
    let asked = |name: &str, value: &str| incoming.q(name).is_empty() || incoming.q(name) == value;
    let mut rows = vec![];
    for page in world.pages.iter().filter(|page| page.network == NAME) {
        let mine = page.roles.iter().filter(|(username, ..)| *username == family.username);
        for (_, role, state) in mine.filter(|(_, role, state)| asked("role", role) && asked("state", state)) {
            rows.push(json!({ "organization": format!("urn:li:organization:{}", page.id), "roleAssignee": format!("urn:li:person:{me}"), "role": role, "state": state }));
        }
    }
    let next = start.saturating_add(count);
    let links = if rows.len() > next {
        let (start, count) = (next.to_string(), count.to_string());
        let parameters =
            [("q", "roleAssignee"), ("role", incoming.q("role")), ("state", incoming.q("state")), ("start", &start), ("count", &count)];
        let parameters: Vec<_> = parameters.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        json!([{ "rel": "next", "href": with_query("/rest/organizationAcls", &parameters) }])
    } else {
        json!([])
    };
    let elements: Vec<_> = rows.into_iter().skip(start).take(count).collect();
    answer(200, &json!({ "elements": elements, "paging": { "start": start, "count": count, "links": links } }))
}

pub(super) fn people() -> Vec<Person> {
    vec![
        person(NAME, "jana.lindner", "Jana Lindner", "8aB3xYj0Qk"),
        person(NAME, "tom.becker", "Tom Becker", "Zp4T91mLwe"),
        person(NAME, "lea.hoffmann", "Lea Hoffmann", "k2QmV77nRs"),
    ]
}

/// The roles there are on a page.
pub(super) const ROLES: &[&str] = &[
    "ADMINISTRATOR",
    "CONTENT_ADMINISTRATOR",
    "DIRECT_SPONSORED_CONTENT_POSTER",
    "RECRUITING_POSTER",
    "CURATOR",
    "LEAD_CAPTURE_ADMINISTRATOR",
    "LEAD_GEN_FORMS_MANAGER",
    "ANALYST",
];

pub(super) fn pages() -> Vec<Page> {
    let page = |id, name, vanity, roles: &[(&str, &str, &'static str)]| Page {
        network: NAME,
        id,
        name,
        vanity,
        roles: roles.iter().map(|(username, role, state)| ((*username).to_owned(), (*role).to_owned(), *state)).collect(),
    };
    vec![
        page(
            1001,
            "Fernweh Outdoor",
            "fernweh-outdoor",
            &[("jana.lindner", "ADMINISTRATOR", "APPROVED"), ("tom.becker", "ADMINISTRATOR", "APPROVED")],
        ),
        page(
            1002,
            "Fernweh Travel",
            "fernweh-travel",
            &[("jana.lindner", "ADMINISTRATOR", "APPROVED"), ("tom.becker", "ADMINISTRATOR", "REQUESTED")],
        ),
        page(1003, "Alpine Rescue Foundation", "alpine-rescue", &[("jana.lindner", "ANALYST", "APPROVED")]),
        page(1004, "Trail Magazine", "trail-magazine", &[("jana.lindner", "CONTENT_ADMINISTRATOR", "APPROVED")]),
    ]
}

pub(super) fn about(incoming: &Incoming) -> &'static str {
    match incoming.path.as_str() {
        "/oauth/v2/authorization" => "page",
        "/oauth/v2/accessToken" => super::grant_type(incoming),
        "/oauth/v2/revoke" => "revocation",
        _ => "api",
    }
}
