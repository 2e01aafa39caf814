//! What the networks of one Google account share, as Google documents it (knowledge base `youtube`, sections 2, 4, 5, 6):
//! consent with ticked boxes and a picker, tokens, revocation, identity, errors. Each network has a client of its own.

mod trouble;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::{Consent, client_id, client_secret, is_redirect_uri, refuse_page};
use crate::consent::{Ask, Decision, decide};
use crate::pages::{esc, page};
use crate::people::{Page, Person};
use crate::request::{Answer, Incoming, html, json as answer, see_other, with_query};
use crate::tokens::{DAY, Dead, Family, Token};
use crate::world::World;

pub(super) use trouble::{TROUBLES, disabled};

const MICRO: i64 = 1_000_000;
const ACCESS_LIFE: i64 = 3_599;
const CODE_LIFE: i64 = 600;
/// Unused for six months.
const IDLE: i64 = 183 * DAY;
/// Live refresh tokens of one account at one client; the oldest dies silently.
const TOKENS_MAX: usize = 100;
/// An app in the status Testing: its refresh tokens die after seven days.
const TESTING_LIFE: i64 = 7 * DAY;
/// What was picked, and what kind of app asked, is kept among the scopes of a consent and never shown with them.
const PICKED: &str = "picked=";
const TESTING: &str = "app=testing";
const UNAPPROVED: &str = "app=unapproved";
const AUDITED: &str = "app=audited";
const OFFLINE: &str = "access_type=offline";
const LIMITED: &str = "limited=";

/// One network of Google's.
pub(super) struct Service {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) colour: &'static str,
    /// The scopes it knows, beside `openid profile email`.
    pub(super) scopes: &'static [&'static str],
    /// Whether one login means one of several pages, picked after the consent (channels).
    pub(super) picks: bool,
}

/// Which of our apps this is: the usual one, one in the status Testing (`sandbox-NAME-testing`), or one that Google has not
/// approved for its interfaces (`sandbox-NAME-unapproved`), or one whose films it audited (`sandbox-NAME-audited`); the secret is the same. `None`: none of them.
fn app(service: &Service, client: &str) -> Option<&'static str> {
    match client.strip_prefix(&client_id(service.name))? {
        "" => Some(""),
        "-testing" => Some(TESTING),
        "-unapproved" => Some(UNAPPROVED),
        "-audited" => Some(AUDITED),
        _ => None,
    }
}

/// The part of a network that is Google's own.
pub(super) fn handle(world: &mut World, now: i64, incoming: &Incoming, service: &Service) -> Option<Answer> {
    Some(match (incoming.method.as_str(), incoming.path.as_str()) {
        (_, "/o/oauth2/v2/auth") => authorize(world, now, incoming, service),
        ("POST", "/token") => token(world, now, incoming, service),
        ("POST", "/revoke") => revoke(world, incoming, service),
        ("GET", "/tokeninfo") => tokeninfo(world, now, incoming, service),
        ("GET", "/.well-known/openid-configuration") => configuration(incoming, service),
        ("GET", "/oauth2/v3/certs") => answer(200, &crate::signing::key_set()),
        ("GET", "/v1/userinfo") => userinfo(world, now, incoming, service),
        _ => return None,
    })
}

/// Where everything is (OpenID Connect discovery).
fn configuration(incoming: &Incoming, service: &Service) -> Answer {
    let at = |path: &str| format!("{}/{}{path}", incoming.origin(), service.name);
    answer(
        200,
        &json!({
            "issuer": "https://accounts.google.com", "authorization_endpoint": at("/o/oauth2/v2/auth"), "token_endpoint": at("/token"),
            "userinfo_endpoint": at("/v1/userinfo"), "revocation_endpoint": at("/revoke"), "jwks_uri": at("/oauth2/v3/certs"),
            "response_types_supported": ["code"], "subject_types_supported": ["public"], "id_token_signing_alg_values_supported": ["RS256"],
            "scopes_supported": ["openid", "email", "profile"], "token_endpoint_auth_methods_supported": ["client_secret_post"],
            "claims_supported": ["aud", "email", "email_verified", "exp", "iat", "iss", "name", "picture", "sub"],
            "code_challenge_methods_supported": ["plain", "S256"], "grant_types_supported": ["authorization_code", "refresh_token"]
        }),
    )
}

pub(super) fn about(incoming: &Incoming) -> &'static str {
    match incoming.path.as_str() {
        "/o/oauth2/v2/auth" => "page",
        "/token" => super::grant_type(incoming),
        "/revoke" => "revocation",
        _ => "api",
    }
}

fn ask(incoming: &Incoming, service: &Service) -> Ask {
    Ask {
        network: service.name,
        title: service.title,
        colour: service.colour,
        scopes: incoming.q("scope").split_whitespace().map(str::to_owned).collect(),
        scopes_optional: true,
        may_skip: incoming.q("prompt").is_empty(),
    }
}

/// What is wrong with the way here; shown, never redirected.
fn wrong(incoming: &Incoming, service: &Service) -> Option<&'static str> {
    let knows = |scope: &str| matches!(scope, "openid" | "profile" | "email") || service.scopes.contains(&scope);
    if app(service, incoming.q("client_id")).is_none() {
        Some("Error 401: invalid_client. The OAuth client was not found.")
    } else if !is_redirect_uri(incoming.q("redirect_uri")) {
        Some("Error 400: redirect_uri_mismatch")
    } else if incoming.q("response_type") != "code" {
        Some("Error 400: unsupported_response_type")
    } else if incoming.q("scope").split_whitespace().next().is_none() {
        Some("Error 400: invalid_request. Missing required parameter: scope")
    } else if !incoming.q("scope").split_whitespace().all(knows) {
        Some("Error 400: invalid_scope. Some requested scopes were invalid.")
    } else {
        None
    }
}

fn authorize(world: &mut World, now: i64, incoming: &Incoming, service: &Service) -> Answer {
    if let Some(why) = wrong(incoming, service) {
        return refuse_page("Access blocked", service.colour, "Google", why);
    }
    match decide(world, now, incoming, &ask(incoming, service)) {
        Decision::Show(page) => page,
        Decision::Deny { .. } => see_other(&denied(incoming)),
        Decision::Allow { .. } if trouble::is_kept_out(world, service) => {
            let why = "Error 400: admin_policy_enforced. Your organisation's administrator does not allow this app.";
            refuse_page("Access blocked", service.colour, "Google", why)
        }
        Decision::Allow { username, scopes } => {
            let choices = choices(world, service, &username);
            let picked =
                choices.iter().find(|page| page.id.to_string() == incoming.f("picked")).or(choices.first().filter(|_| choices.len() == 1));
            if service.picks && picked.is_none() && !choices.is_empty() {
                return html(200, picker(incoming, service, &scopes, &choices));
            }
            let picked = picked.map(|page| page.id);
            see_other(&allowed(world, now, incoming, service, &username, scopes, picked))
        }
    }
}

/// The pages on which a person holds a role: what the login can mean.
fn choices(world: &World, service: &Service, username: &str) -> Vec<Page> {
    let holds = |page: &&Page| page.network == service.name && page.roles.iter().any(|(holder, ..)| holder == username);
    world.pages.iter().filter(holds).cloned().collect()
}

fn picker(incoming: &Incoming, service: &Service, scopes: &[String], choices: &[Page]) -> String {
    let hidden: String = scopes.iter().map(|scope| format!("<input type=\"hidden\" name=\"scope\" value=\"{}\">", esc(scope))).collect();
    let buttons: String = choices
        .iter()
        .map(|page| {
            format!("<div class=\"row\"><button class=\"main\" name=\"picked\" value=\"{}\">{}</button></div>", page.id, esc(page.name))
        })
        .collect();
    let body = format!(
        "<div class=\"card\"><h1>Choose your account or a brand account</h1><form method=\"post\" action=\"{}\"><input type=\"hidden\" name=\"step\" value=\"allow\">{hidden}{buttons}</form></div>",
        esc(incoming.here())
    );
    page("Choose an account", service.colour, service.title, false, &body)
}

fn denied(incoming: &Incoming) -> String {
    with_query(incoming.q("redirect_uri"), &[("error", "access_denied"), ("state", incoming.q("state"))])
}

fn allowed(
    world: &mut World,
    now: i64,
    incoming: &Incoming,
    service: &Service,
    username: &str,
    mut scopes: Vec<String>,
    picked: Option<u64>,
) -> String {
    if incoming.q("include_granted_scopes") == "true" {
        let earlier = granted(world, service, username, incoming.q("client_id"));
        scopes.extend(earlier.into_iter().filter(|scope| !scopes.contains(scope)).collect::<Vec<_>>());
    }
    let shown = answered(&scopes);
    scopes.extend(app(service, incoming.q("client_id")).filter(|kind| !kind.is_empty()).map(str::to_owned));
    scopes.extend(trouble::limited(world, service).map(|life| format!("{LIMITED}{life}")));
    scopes.extend(picked.filter(|_| service.picks).map(|page| format!("{PICKED}{page}")));
    // Without the first there is no refresh token at all; without the second only the first consent gives one.
    let is_first =
        !world.vault.families.iter().any(|family| family.network == service.name && family.username == username && !family.revoked);
    if incoming.q("access_type") == "offline" && (is_first || incoming.q("prompt").contains("consent")) {
        scopes.push(OFFLINE.into());
    }
    let code = world.new_code(now, service.name, username, scopes, incoming.q("redirect_uri"), CODE_LIFE);
    if let Some(made) = world.vault.codes.get_mut(&code) {
        made.challenge = match incoming.q("code_challenge_method") {
            "S256" => incoming.q("code_challenge").to_owned(),
            _ if incoming.q("code_challenge").is_empty() => String::new(),
            _ => hash(incoming.q("code_challenge")),
        };
    }
    with_query(incoming.q("redirect_uri"), &[("state", incoming.q("state")), ("code", &code), ("scope", &shown)])
}

/// What the person has granted to that client before: one grant grows with each consent that asks for it.
fn granted(world: &World, service: &Service, username: &str, client: &str) -> Vec<String> {
    let of = |family: &&Family| {
        family.network == service.name && family.username == username && !family.revoked && client_of(&family.scopes, service) == client
    };
    let scopes = world.vault.families.iter().filter(of).flat_map(|family| family.scopes.iter());
    let all: std::collections::BTreeSet<&String> = scopes.filter(|scope| !scope.contains('=')).collect();
    all.into_iter().cloned().collect()
}

/// The client that a consent was given to.
fn client_of(scopes: &[String], service: &Service) -> String {
    let kinds = [(TESTING, "-testing"), (UNAPPROVED, "-unapproved"), (AUDITED, "-audited")];
    let end = kinds.into_iter().find(|(kind, _)| is_of(scopes, kind)).map_or("", |(_, end)| end);
    format!("{}{end}", client_id(service.name))
}

fn hash(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()))
}

/// The scopes as Google answers with them: two have longer names than they were asked by.
fn answered(scopes: &[String]) -> String {
    let long = |scope: &String| match scope.as_str() {
        "email" => "https://www.googleapis.com/auth/userinfo.email".to_owned(),
        "profile" => "https://www.googleapis.com/auth/userinfo.profile".to_owned(),
        other => other.to_owned(),
    };
    scopes.iter().filter(|scope| !scope.contains('=')).map(long).collect::<Vec<_>>().join(" ")
}

pub(super) fn consent(world: &mut World, now: i64, incoming: &Incoming, consent: &Consent<'_>, service: &Service) -> Option<String> {
    if incoming.path != "/o/oauth2/v2/auth" || wrong(incoming, service).is_some() || trouble::is_kept_out(world, service) {
        return None;
    }
    if consent.deny {
        return Some(denied(incoming));
    }
    let scopes = ask(incoming, service).scopes.into_iter().filter(|scope| !consent.drop_scopes.contains(scope)).collect();
    let choices = choices(world, service, consent.username);
    let picked = consent.page.and_then(|id| choices.iter().find(|page| page.id == id)).or(choices.first()).map(|page| page.id);
    Some(allowed(world, now, incoming, service, consent.username, scopes, picked))
}

/// How long a refresh token of such a consent lives, in seconds, where use does not prolong it: the app is in the status Testing, or
/// the person limited the time.
fn life_of(scopes: &[String]) -> Option<i64> {
    let limited = scopes.iter().find_map(|scope| scope.strip_prefix(LIMITED)?.parse().ok());
    let testing = is_of(scopes, TESTING).then_some(TESTING_LIFE);
    [limited, testing].into_iter().flatten().min()
}

fn is_of(scopes: &[String], kind: &str) -> bool {
    scopes.iter().any(|scope| scope == kind)
}

/// Whether a code or refresh token was given to this client: to another one it is worth nothing.
fn is_of_client(scopes: &[String], service: &Service, incoming: &Incoming) -> bool {
    let kind = app(service, incoming.f("client_id")).unwrap_or_default();
    [TESTING, UNAPPROVED, AUDITED].into_iter().all(|marker| is_of(scopes, marker) == (marker == kind))
}

/// Whether Google audited what the app uploads.
pub(super) fn is_audited(family: &Family) -> bool {
    is_of(&family.scopes, AUDITED)
}

/// Whether Google approved the app for the interfaces behind this consent.
pub(super) fn is_approved(family: &Family) -> bool {
    !is_of(&family.scopes, UNAPPROVED)
}

fn error(status: u16, code: &str, words: &str) -> Answer {
    answer(status, &json!({ "error": code, "error_description": words }))
}

pub(super) fn refused_renewal() -> Answer {
    error(400, "invalid_grant", "Token has been expired or revoked.")
}

fn token(world: &mut World, now: i64, incoming: &Incoming, service: &Service) -> Answer {
    if app(service, incoming.f("client_id")).is_none() {
        return error(401, "invalid_client", "The OAuth client was not found.");
    }
    if incoming.f("client_secret") != client_secret(service.name) {
        return error(401, "invalid_client", "Unauthorized");
    }
    match incoming.f("grant_type") {
        "authorization_code" => exchange(world, now, incoming, service),
        "refresh_token" if incoming.f("refresh_token").is_empty() => {
            error(400, "invalid_request", "Missing required parameter: refresh_token")
        }
        "refresh_token" => {
            let Ok((family, data)) = world.check_refresh(now, service.name, incoming.f("refresh_token")) else { return refused_renewal() };
            if !is_of_client(&data.scopes, service, incoming) {
                return refused_renewal();
            }
            if let Some(refused) = trouble::kept_out(world, service) {
                return refused;
            }
            // Use restarts the six months, and no life that was set.
            if life_of(&data.scopes).is_none()
                && let Some(token) = world.vault.refresh.get_mut(incoming.f("refresh_token"))
            {
                token.until = Some(now + IDLE * MICRO);
            }
            let access = world.new_access(now, family, "ya29.", Some(ACCESS_LIFE));
            answer(
                200,
                &json!({ "access_token": access, "expires_in": ACCESS_LIFE, "scope": answered(&data.scopes), "token_type": "Bearer" }),
            )
        }
        _ => error(400, "unsupported_grant_type", "Invalid grant_type"),
    }
}

fn exchange(world: &mut World, now: i64, incoming: &Incoming, service: &Service) -> Answer {
    let Ok(code) = world.take_code(now, service.name, incoming.f("code"), incoming.f("redirect_uri")) else {
        return error(400, "invalid_grant", "Bad Request");
    };
    if !is_of_client(&code.scopes, service, incoming) {
        return error(400, "invalid_grant", "Bad Request");
    }
    if !code.challenge.is_empty() && code.challenge != hash(incoming.f("code_verifier")) {
        return error(400, "invalid_grant", "Invalid code verifier.");
    }
    let is_offline = is_of(&code.scopes, OFFLINE);
    let scopes: Vec<String> = code.scopes.into_iter().filter(|scope| scope != OFFLINE).collect();
    let family = world.new_family(now, service.name, &code.username, scopes.clone());
    let access = world.new_access(now, family, "ya29.", Some(ACCESS_LIFE));
    let mut body = json!({ "access_token": access, "expires_in": ACCESS_LIFE, "scope": answered(&scopes), "token_type": "Bearer" });
    if is_offline {
        let life = life_of(&scopes);
        body["refresh_token"] = world.new_refresh(now, family, "1//0", now + life.unwrap_or(IDLE) * MICRO).into();
        if let Some(life) = life {
            body["refresh_token_expires_in"] = (life - 1).into();
        }
        push_out_oldest(world, service, &code.username);
    }
    if is_of(&scopes, "openid")
        && let Some(person) = world.person(service.name, &code.username)
    {
        body["id_token"] = id_token(person, &scopes, &client_of(&scopes, service), now).into();
    }
    answer(200, &body)
}

/// Its signature is made up: it comes from the token endpoint itself, where nobody has to check it.
fn id_token(person: &Person, scopes: &[String], client: &str, now: i64) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let mut claims = json!({ "iss": "https://accounts.google.com", "azp": client, "aud": client, "sub": person.id, "iat": now / MICRO, "exp": now / MICRO + 3600 });
    about_person(&mut claims, person, scopes);
    format!("{}.{}.c2FuZGJveA", part(&json!({ "alg": "RS256", "kid": "sandbox", "typ": "JWT" })), part(&claims))
}

/// What Google says of a person, by the scopes that were granted.
fn about_person(said: &mut Value, person: &Person, scopes: &[String]) {
    if is_of(scopes, "profile") {
        said["name"] = person.name.as_str().into();
        said["picture"] = format!("https://lh3.googleusercontent.com/a/{}", person.id).into();
    }
    if is_of(scopes, "email") {
        said["email"] = format!("{}@fernweh.example", person.username).into();
        said["email_verified"] = true.into();
    }
}

fn push_out_oldest(world: &mut World, service: &Service, username: &str) {
    let families = &world.vault.families;
    let is_theirs = |token: &Token| {
        families.get(token.family).is_some_and(|family| family.network == service.name && family.username == username && !family.revoked)
    };
    let mut live: Vec<&mut Token> = world.vault.refresh.values_mut().filter(|token| !token.spent && is_theirs(token)).collect();
    live.sort_by_key(|token| (token.created, token.family));
    let too_many = live.len().saturating_sub(TOKENS_MAX);
    for token in live.into_iter().take(too_many) {
        token.spent = true;
    }
}

/// Ends everything that the person granted to this client, whichever token is named (unconfirmed for every case).
fn revoke(world: &mut World, incoming: &Incoming, service: &Service) -> Answer {
    let token = if incoming.f("token").is_empty() { incoming.q("token") } else { incoming.f("token") };
    let found = world.vault.refresh.get(token).or_else(|| world.vault.access.get(token)).map(|token| token.family);
    let family =
        found.and_then(|family| world.vault.families.get(family)).filter(|family| family.network == service.name && !family.revoked);
    match family.map(|family| family.username.clone()) {
        Some(username) => {
            world.revoke_person(service.name, &username);
            answer(200, &json!({}))
        }
        None => error(400, "invalid_token", "Token expired or revoked"),
    }
}

/// For debugging: values as texts, and of the person only what the scopes show.
fn tokeninfo(world: &World, now: i64, incoming: &Incoming, service: &Service) -> Answer {
    let token = incoming.q("access_token");
    match (world.check_access(now, service.name, token), world.vault.access.get(token)) {
        (Ok((number, family)), Some(kept)) => {
            let until = kept.until.unwrap_or(now) / MICRO;
            let client = client_of(&family.scopes, service);
            let is_offline = world.vault.refresh.values().any(|token| token.family == number);
            let access_type = if is_offline { "offline" } else { "online" };
            let mut said = json!({
                "azp": client, "aud": client, "scope": answered(&family.scopes), "exp": until.to_string(),
                "expires_in": (until - now / MICRO).to_string(), "access_type": access_type
            });
            let person = world.person(service.name, &family.username);
            if let Some(person) = person.filter(|_| ["openid", "profile", "email"].iter().any(|scope| is_of(&family.scopes, scope))) {
                said["sub"] = person.id.as_str().into();
            }
            if let Some(person) = person.filter(|_| is_of(&family.scopes, "email")) {
                said["email"] = format!("{}@fernweh.example", person.username).into();
                said["email_verified"] = "true".into();
            }
            answer(200, &said)
        }
        _ => error(400, "invalid_token", "Invalid Value"),
    }
}

fn userinfo(world: &World, now: i64, incoming: &Incoming, service: &Service) -> Answer {
    let found = world.check_access(now, service.name, incoming.bearer()).ok();
    let found = found.and_then(|(_, family)| Some((world.person(service.name, &family.username)?, family)));
    let Some((person, family)) = found else { return error(401, "invalid_request", "Invalid Credentials") };
    if !is_of(&family.scopes, "openid") {
        return error(403, "insufficient_scope", "The access token lacks a scope.");
    }
    let mut info = json!({ "sub": person.id });
    about_person(&mut info, person, &family.scopes);
    answer(200, &info)
}

/// The page that was picked at login.
pub(super) fn picked(family: &Family) -> Option<u64> {
    family.scopes.iter().find_map(|scope| scope.strip_prefix(PICKED)?.parse().ok())
}

/// An API's error in both of Google's forms: the older reason and the newer status.
pub(super) fn refused(code: u16, domain: &str, reason: &str, status: &str, words: &str) -> Answer {
    let errors = json!([{ "domain": domain, "reason": reason, "message": words }]);
    answer(code, &json!({ "error": { "code": code, "message": words, "errors": errors, "status": status } }))
}

/// Who calls, when the token works and one of the scopes was granted. `older`: with the reasons of the older APIs.
pub(super) fn caller(
    world: &World,
    now: i64,
    incoming: &Incoming,
    service: &Service,
    scopes: &[&str],
    older: bool,
) -> Result<Family, Answer> {
    let words = "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential.";
    let family = match world.check_access(now, service.name, incoming.bearer()) {
        Ok((_, family)) => family,
        Err(Dead::Blocked) if older => {
            return Err(refused(
                403,
                "youtube.common",
                "authenticatedUserAccountSuspended",
                "PERMISSION_DENIED",
                "Das Konto ist gesperrt.",
            ));
        }
        Err(_) if older => return Err(refused(401, "global", "authError", "UNAUTHENTICATED", words)),
        Err(_) => return Err(answer(401, &json!({ "error": { "code": 401, "message": words, "status": "UNAUTHENTICATED" } }))),
    };
    if scopes.iter().any(|scope| family.scopes.iter().any(|granted| granted == scope)) {
        return Ok(family);
    }
    let words = "Request had insufficient authentication scopes.";
    let detail = json!({ "@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "ACCESS_TOKEN_SCOPE_INSUFFICIENT", "domain": "googleapis.com" });
    let mut error = json!({ "code": 403, "message": words, "status": "PERMISSION_DENIED", "details": [detail] });
    if older {
        error["errors"] = json!([{ "domain": "global", "reason": "insufficientPermissions", "message": "Insufficient Permission" }]);
    }
    Err(answer(403, &json!({ "error": error })))
}
