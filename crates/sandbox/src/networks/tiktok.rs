//! TikTok for Developers as its documentation describes it (knowledge base `tiktok`, world A).

mod acts;

pub(crate) use acts::public_id;

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::json;

use super::door::no_such_scope;
use super::{Consent, client_id, is_redirect_uri, refuse_page};
use crate::consent::{Ask, Decision, decide};
use crate::limits::{Limit, with_numbers};
use crate::people::{Person, person};
use crate::request::{Answer, Incoming, json as answer, see_other, with_query};
use crate::tokens::{DAY, Family};
use crate::world::World;

const NAME: &str = "tiktok";
const COLOUR: &str = "#161823";
const SCOPES: &[&str] = &["user.info.basic", "user.info.profile", "user.info.stats", "video.publish", "video.upload", "video.list"];

fn ask(incoming: &Incoming) -> Ask {
    let scopes = incoming.q("scope").split(',').filter(|scope| !scope.is_empty()).map(str::to_owned).collect();
    Ask { network: NAME, title: "TikTok", colour: COLOUR, scopes, scopes_optional: true, may_skip: incoming.q("disable_auto_auth") != "1" }
}

pub(super) fn handle(world: &mut World, now: i64, incoming: &Incoming) -> Option<Answer> {
    Some(match (incoming.method.as_str(), incoming.path.as_str()) {
        (_, "/v2/auth/authorize/") => authorize(world, now, incoming),
        ("POST", "/v2/oauth/token/") => token(world, now, incoming),
        ("POST", "/v2/oauth/revoke/") => revoke(world, now, incoming),
        ("POST", path) if path.starts_with("/v2/post/publish/") => {
            acts::handle(world, now, incoming, path.trim_start_matches("/v2/post/publish/"))
        }
        ("PUT", path) if path.starts_with("/upload/") => acts::upload(world, now, incoming, path.trim_start_matches("/upload/")),
        ("GET", "/v2/user/info/") => match world.count(now, &USER_INFO, incoming.bearer()) {
            Ok(()) => user(world, now, incoming),
            Err(seconds) => too_many(now, seconds),
        },
        ("GET", "/open_api/v1.3/oauth2/advertiser/get/") => advertisers(world, now, incoming),
        _ => return None,
    })
}

/// An app of ours, by what stands at the end of its key.
pub(crate) type App = &'static str;

/// A second app of the same developer: the account has another `open_id` there, and the same `union_id`.
const SECOND: App = "-2";

/// How an app sees what the network tells it: its own key and secret, and the account's id there.
pub(crate) struct Seen {
    pub(crate) client_key: String,
    pub(crate) secret: String,
    pub(crate) open_id: String,
}

pub(crate) fn seen_by(app: App, person: &Person) -> Seen {
    let client_key = format!("{}{app}", client_id(NAME));
    Seen { secret: format!("{client_key}-secret"), client_key, open_id: open_id(person, app) }
}

/// The apps that somebody allows, each once.
pub(super) fn allowed_apps(world: &World, username: &str) -> Vec<App> {
    let families = world.vault.families.iter().enumerate();
    let allowed = families.filter(|(_, family)| family.network == NAME && family.username == username && !family.revoked);
    let apps: std::collections::BTreeSet<App> = allowed.map(|(number, _)| given_to(world, &number.to_string())).collect();
    apps.into_iter().collect()
}

/// The app by which a post was sent.
pub(crate) fn sent_by(world: &World, publish_id: &str) -> App {
    given_to(world, publish_id)
}

/// Which of our apps that is, by what stands at the end of its key.
fn app_of(client_key: &str) -> Option<App> {
    let rest = client_key.strip_prefix(&client_id(NAME))?;
    ["", SECOND].into_iter().find(|known| *known == rest)
}

/// The app that proves itself.
fn proven_app(incoming: &Incoming) -> Option<App> {
    let app = app_of(incoming.f("client_key"))?;
    (incoming.f("client_secret") == format!("{}{app}-secret", client_id(NAME))).then_some(app)
}

/// The app that a code or a consent was given to, or that sent a post.
fn given_to(world: &World, what: &str) -> App {
    if world.kept.contains_key(&(NAME, format!("second/{what}"))) { SECOND } else { "" }
}

fn give_to(world: &mut World, what: &str, app: &str) {
    if app == SECOND {
        world.kept.insert((NAME, format!("second/{what}")), json!(true));
    }
}

/// The id of an account in one app: each app is shown another one.
fn open_id(person: &Person, app: &str) -> String {
    if app.is_empty() {
        return person.id.clone();
    }
    let hash = digest(&SHA256, format!("{app}{}", person.id).as_bytes());
    let hex: String = hash.as_ref().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

fn is_good(incoming: &Incoming) -> bool {
    app_of(incoming.q("client_key")).is_some() && is_redirect_uri(incoming.q("redirect_uri"))
}

fn authorize(world: &mut World, now: i64, incoming: &Incoming) -> Answer {
    if !is_good(incoming) {
        return refuse_page("Something went wrong", COLOUR, "TikTok", "client_key or redirect_uri is not correct.");
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
        &[("error", "access_denied"), ("error_description", "User denied the authorization"), ("state", incoming.q("state"))],
    )
}

fn allowed(world: &mut World, now: i64, incoming: &Incoming, username: &str, scopes: Vec<String>) -> String {
    let granted = scopes.join(",");
    let code = world.new_code(now, NAME, username, scopes, incoming.q("redirect_uri"), 10 * 60);
    if let Some(made) = world.vault.codes.get_mut(&code) {
        incoming.q("code_challenge").clone_into(&mut made.challenge);
    }
    give_to(world, &code, app_of(incoming.q("client_key")).unwrap_or_default());
    with_query(incoming.q("redirect_uri"), &[("code", &code), ("scopes", &granted), ("state", incoming.q("state"))])
}

pub(super) fn consent(world: &mut World, now: i64, incoming: &Incoming, consent: &Consent<'_>) -> Option<String> {
    if incoming.path != "/v2/auth/authorize/" || !is_good(incoming) {
        return None;
    }
    let asked = ask(incoming).scopes;
    if let Some(back) = no_such_scope(incoming, &asked, SCOPES) {
        return Some(back);
    }
    let scopes = asked.into_iter().filter(|scope| !consent.drop_scopes.contains(scope)).collect();
    Some(if consent.deny { denied(incoming) } else { allowed(world, now, incoming, consent.username, scopes) })
}

/// The status of errors is not documented; the body counts, and here comes with the status that says the least.
fn error(code: &str, words: &str) -> Answer {
    answer(200, &json!({ "error": code, "error_description": words, "log_id": "2026112300000000000000000000000000" }))
}

pub(super) fn refused_renewal() -> Answer {
    error("invalid_grant", "Refresh token is invalid or expired.")
}

/// TikTok's challenge is the hash of the verifier in lower-case hex, unlike RFC 7636.
fn answers_challenge(challenge: &str, verifier: &str) -> bool {
    let hash: String = digest(&SHA256, verifier.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    challenge.is_empty() || challenge == hash
}

fn token(world: &mut World, now: i64, incoming: &Incoming) -> Answer {
    let Some(app) = proven_app(incoming) else { return error("invalid_client", "Client key or secret is incorrect.") };
    let family = match incoming.f("grant_type") {
        "authorization_code" if given_to(world, incoming.f("code")) != app => {
            return error("invalid_grant", "Authorization code is expired.");
        }
        "authorization_code" => match world.take_code(now, NAME, incoming.f("code"), incoming.f("redirect_uri")) {
            Ok(code) if !answers_challenge(&code.challenge, incoming.f("code_verifier")) => {
                return error("invalid_request", "Code verifier or code challenge is invalid.");
            }
            Ok(code) => {
                let family = world.new_family(now, NAME, &code.username, code.scopes);
                give_to(world, &family.to_string(), app);
                family
            }
            Err(_) => return error("invalid_grant", "Authorization code is expired."),
        },
        // Each renewal answers with another refresh token; the previous one stops working.
        // One of another app is none.
        "refresh_token"
            if world.vault.refresh.get(incoming.f("refresh_token")).is_some_and(|it| given_to(world, &it.family.to_string()) != app) =>
        {
            return refused_renewal();
        }
        "refresh_token" => match world.spend_refresh(now, NAME, incoming.f("refresh_token"), false) {
            Ok((family, _)) => family,
            Err(_) => return refused_renewal(),
        },
        _ => return error("unsupported_grant_type", "The grant type is not supported."),
    };
    let data = world.vault.families[family].clone();
    let until = data.began + 365 * DAY * 1_000_000;
    let access = world.new_access(now, family, "act.", Some(DAY));
    let refresh = world.new_refresh(now, family, "rft.", until);
    let open_id = world.person(NAME, &data.username).map(|person| open_id(person, app)).unwrap_or_default();
    let left = (until - now) / 1_000_000;
    answer(
        200,
        &json!({ "open_id": open_id, "scope": data.scopes.join(","), "access_token": access, "expires_in": DAY, "refresh_token": refresh, "refresh_expires_in": left, "token_type": "Bearer" }),
    )
}

fn revoke(world: &mut World, now: i64, incoming: &Incoming) -> Answer {
    let Some(app) = proven_app(incoming) else { return error("invalid_client", "Client key or secret is incorrect.") };
    match world.check_access(now, NAME, incoming.f("token")) {
        Ok((number, family)) if given_to(world, &number.to_string()) == app => {
            world.vault.families[number].revoked = true;
            // Its own doing comes back to the app, with a reason of its own.
            world.tell(now, NAME, &family.username, ("revoke", Some(5)), &[app]);
            answer(200, &json!({}))
        }
        // An access token alone is revoked, and only while it lives.
        _ => error("invalid_grant", "Access token is invalid or expired."),
    }
}

fn api_error(status: u16, code: &str, words: &str) -> Answer {
    answer(status, &json!({ "data": {}, "error": { "code": code, "message": words, "log_id": "202611230000000000" } }))
}

/// Which headers come with it is not documented; this one is read by others.
pub(super) fn too_many(now: i64, seconds: i64) -> Answer {
    let refused = api_error(429, "rate_limit_exceeded", "The API rate limit was exceeded. Please try again later.");
    with_numbers(refused, &[("x-ratelimit-reset", now / 1_000_000 + seconds)])
}

const USER_INFO: Limit = Limit { network: NAME, name: "user info", calls: 600, seconds: 60 };

/// Whose token it is, and which app's. `Err` is the answer to give.
fn whose(world: &World, now: i64, incoming: &Incoming) -> Result<(App, Family), Answer> {
    match world.check_access(now, NAME, incoming.bearer()) {
        Ok((number, family)) => Ok((given_to(world, &number.to_string()), family)),
        // With a banned account the grant is removed: the webhook alone says why.
        Err(_) => Err(api_error(401, "access_token_invalid", "The access token is invalid or not found in the request.")),
    }
}

fn user(world: &World, now: i64, incoming: &Incoming) -> Answer {
    let (app, family) = match whose(world, now, incoming) {
        Ok(known) => known,
        Err(refused) => return refused,
    };
    let has = |scope: &str| family.scopes.iter().any(|granted| granted == scope);
    let asked = |field: &str| incoming.q("fields").split(',').any(|asked| asked.trim() == field);
    if !has("user.info.basic") || (asked("username") && !has("user.info.profile")) {
        return api_error(401, "scope_not_authorized", "The user did not authorize the scope required for completing this request.");
    }
    let Some(person) = world.person(NAME, &family.username) else {
        return api_error(401, "access_token_invalid", "The access token is invalid.");
    };
    let (open_id, union_id) = (open_id(person, app), format!("u-{}", person.id));
    let avatar = format!("https://pictures.example/{}.png", person.username);
    let all = [
        ("open_id", &open_id),
        ("union_id", &union_id),
        ("avatar_url", &avatar),
        ("display_name", &person.name),
        ("username", &person.username),
    ];
    let user: serde_json::Map<_, _> =
        all.into_iter().filter(|(field, _)| asked(field)).map(|(field, value)| (field.to_owned(), value.as_str().into())).collect();
    answer(200, &json!({ "data": { "user": user }, "error": { "code": "ok", "message": "", "log_id": "202611230000000000" } }))
}

fn advertisers(world: &World, now: i64, incoming: &Incoming) -> Answer {
    // The ads API has a header of its own.
    let token = incoming.header("access-token").unwrap_or(incoming.bearer());
    match world.check_access(now, NAME, token).ok().and_then(|(_, family)| world.person(NAME, &family.username)) {
        Some(person) => {
            let list: Vec<_> = person
                .ad_accounts
                .iter()
                .enumerate()
                .map(|(n, name)| json!({ "advertiser_id": format!("70000000000{n}"), "advertiser_name": name }))
                .collect();
            answer(200, &json!({ "code": 0, "message": "OK", "data": { "list": list } }))
        }
        None => answer(200, &json!({ "code": 40105, "message": "Access token is incorrect or has been revoked.", "data": {} })),
    }
}

pub(super) fn people() -> Vec<Person> {
    vec![
        Person {
            ad_accounts: vec!["Fernweh Ads EU"],
            ..person(NAME, "fernweh.outdoor", "Fernweh Outdoor", "723f24d7-e717-40f8-a2b6-cb8464cd23b4")
        },
        person(NAME, "gipfel.guides", "Gipfel Guides", "0b5f0c0e-93a1-4f0d-8a55-3f1c6d6f7a11"),
    ]
}

pub(super) fn about(incoming: &Incoming) -> &'static str {
    match incoming.path.as_str() {
        "/v2/auth/authorize/" => "page",
        "/v2/oauth/token/" => super::grant_type(incoming),
        "/v2/oauth/revoke/" => "revocation",
        _ => "api",
    }
}
