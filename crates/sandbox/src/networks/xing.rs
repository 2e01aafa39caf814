//! XING's v1 API as its documentation describes it (knowledge base `xing`): OAuth 1.0a, checked strictly.

mod acts;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::{Consent, client_id, client_secret, is_redirect_uri, refuse_page};
use crate::consent::{Ask, Decision, decide};
use crate::pages::page;
use crate::people::{Person, person};
use crate::request::{Answer, Incoming, form, html, json as answer, percent, percent_decoded, see_other, with_query};
use crate::tokens::{DAY, Dead};
use crate::world::World;

const NAME: &str = "xing";
const COLOUR: &str = "#006567";

pub(super) fn handle(world: &mut World, now: i64, incoming: &Incoming) -> Option<Answer> {
    Some(match (incoming.method.as_str(), incoming.path.as_str()) {
        ("POST" | "GET", "/v1/request_token") => request_token(world, now, incoming),
        (_, "/v1/authorize") => authorize(world, now, incoming),
        ("POST", "/v1/access_token") => access_token(world, now, incoming),
        (_, path) if is_feed(path) || path.starts_with("/v1/users/me/s") || path.starts_with("/v1/activities/") => {
            acts::handle(world, now, incoming)
        }
        ("GET", "/v1/users/me" | "/v1/users/me/id_card") => me(world, now, incoming),
        _ => return None,
    })
}

/// Own feeds are asked for by the user's id.
fn is_feed(path: &str) -> bool {
    path.strip_prefix("/v1/users/").and_then(|rest| rest.split_once('/')).is_some_and(|(_, rest)| rest == "feed")
}

fn error(status: u16, name: &str, words: &str) -> Answer {
    answer(status, &json!({ "error_name": name, "message": words }))
}

/// With a status of its own, and no word of when it goes on.
pub(super) fn too_many() -> Answer {
    error(403, "RATE_LIMIT_EXCEEDED", "You have exceeded the rate limit. Please try again later.")
}

/// A parameter that is not taken, and why.
fn invalid(field: &str, reason: &str) -> Answer {
    let errors = json!([{ "field": field, "reason": reason }]);
    answer(403, &json!({ "error_name": "INVALID_PARAMETERS", "message": "Invalid parameters", "errors": errors }))
}

/// The one answer to a token that does not work, whatever ended it.
pub(super) fn dead_token() -> Answer {
    error(401, "INVALID_OAUTH_TOKEN", "Invalid OAuth token")
}

/// The protocol's parameters: in the header, the form body or the query (RFC 5849 section 3.5).
fn protocol(incoming: &Incoming) -> Vec<(String, String)> {
    let header = header_parameters(incoming);
    if !header.is_empty() {
        return header;
    }
    incoming.form_pairs.iter().chain(&incoming.query_pairs).filter(|(name, _)| name.starts_with("oauth_")).cloned().collect()
}

fn header_parameters(incoming: &Incoming) -> Vec<(String, String)> {
    let header = incoming.header("authorization").and_then(|value| value.strip_prefix("OAuth ")).unwrap_or_default();
    let unquote = |value: &str| percent_decoded(value.trim().trim_matches('"'));
    header
        .split(',')
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(name, _)| *name != "realm")
        .map(|(name, value)| (percent_decoded(name), unquote(value)))
        .collect()
}

/// RFC 5849 sections 3.2 and 3.4. `Err` is the answer to give.
fn verify(world: &mut World, now: i64, incoming: &Incoming, token_secret: &str) -> Result<Vec<(String, String)>, Answer> {
    let protocol = protocol(incoming);
    let get = |name: &str| protocol.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str());
    if get("oauth_consumer_key") != client_id(NAME) {
        return Err(error(401, "INVALID_OAUTH_CONSUMER", "Invalid OAuth consumer"));
    }
    if get("oauth_version") != "1.0" {
        return Err(error(401, "INVALID_OAUTH_VERSION", "Invalid OAuth version"));
    }
    let timestamp: i64 = get("oauth_timestamp").parse().unwrap_or(0);
    if timestamp <= 0 {
        return Err(error(401, "INVALID_TIMESTAMP", "Invalid timestamp"));
    }
    if now / 1_000_000 - timestamp > DAY {
        return Err(error(401, "TIMESTAMP_EXPIRED", "The timestamp is too old"));
    }
    let key = format!("{}&{}", percent(&client_secret(NAME)), percent(token_secret));
    let expected = match get("oauth_signature_method") {
        "HMAC-SHA1" => {
            let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key.as_bytes());
            STANDARD.encode(hmac::sign(&key, base_string(incoming).as_bytes()))
        }
        "PLAINTEXT" => key,
        _ => return Err(error(401, "INVALID_OAUTH_SIGNATURE_METHOD", "Invalid signature method")),
    };
    if get("oauth_signature") != expected {
        return Err(error(401, "INVALID_OAUTH_SIGNATURE", "Invalid OAuth signature"));
    }
    let nonce = get("oauth_nonce").to_owned();
    if nonce.is_empty() {
        return Err(error(401, "NONCE_MISSING", "Nonce missing"));
    }
    // Seconds that never go back, for each consumer and token.
    let clock = (NAME, format!("timestamp/{}", get("oauth_token")));
    let before = world.kept.get(&clock).and_then(serde_json::Value::as_i64);
    let is_staged = super::trouble(world, NAME).as_deref() == Some("overtaken");
    if !get("oauth_token").is_empty() && (is_staged || before.is_some_and(|before| timestamp < before)) {
        if is_staged {
            super::spend_trouble(world, NAME);
        }
        return Err(error(401, "INVALID_TIMESTAMP", "The timestamp must be equal or greater than the one used before"));
    }
    world.kept.insert(clock, timestamp.into());
    world.nonces.retain(|_, seen| now - *seen < DAY * 1_000_000);
    if world.nonces.insert(nonce, now).is_some() {
        return Err(error(401, "NONCE_ALREADY_USED", "Nonce already used"));
    }
    Ok(protocol)
}

/// Section 3.4.1: every parameter but the signature, wherever it travelled, sorted by name and then by value; the host in
/// lower case, without the port that goes without saying.
fn base_string(incoming: &Incoming) -> String {
    let header = header_parameters(incoming);
    let everywhere = header.iter().chain(&incoming.query_pairs).chain(&incoming.form_pairs);
    let signed = everywhere.filter(|(name, _)| name != "oauth_signature");
    let mut all: Vec<(String, String)> = signed.map(|(name, value)| (percent(name), percent(value))).collect();
    all.sort();
    let all: Vec<String> = all.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    let origin = incoming.origin().to_lowercase();
    let path = incoming.here().split('?').next().unwrap_or_default();
    let base = format!("{}{path}", origin.strip_suffix(":80").unwrap_or(&origin));
    format!("{}&{}&{}", incoming.method, percent(&base), percent(&all.join("&")))
}

fn value<'a>(protocol: &'a [(String, String)], name: &str) -> &'a str {
    protocol.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
}

fn request_token(world: &mut World, now: i64, incoming: &Incoming) -> Answer {
    let protocol = match verify(world, now, incoming, "") {
        Ok(protocol) => protocol,
        Err(refused) => return refused,
    };
    let callback = value(&protocol, "oauth_callback");
    if callback != "oob" && !is_redirect_uri(callback) {
        return error(401, "REQUIRED_PARAMETER_MISSING", "oauth_callback is missing");
    }
    let token = world.new_code(now, NAME, "", vec![], callback, 30 * 60);
    form(201, &[("oauth_token", &token), ("oauth_token_secret", &secret_of(&token)), ("oauth_callback_confirmed", "true")])
}

/// The secret of a request token, and its verifier: made from it, so that nothing more has to be kept.
fn secret_of(token: &str) -> String {
    token.chars().rev().collect()
}

fn verifier_of(token: &str) -> String {
    token.bytes().rev().take(8).map(|byte| char::from(b'0' + byte % 10)).collect()
}

fn authorize(world: &mut World, now: i64, incoming: &Incoming) -> Answer {
    let Some(callback) = callback_of(world, now, incoming) else {
        return refuse_page("Invalid request token", COLOUR, "XING", "The request token is not known or too old.");
    };
    let ask = Ask { network: NAME, title: "XING", colour: COLOUR, scopes: vec![], scopes_optional: false, may_skip: false };
    match decide(world, now, incoming, &ask) {
        Decision::Show(page) => page,
        Decision::Deny { .. } if callback == "oob" => said("Access refused", "The app gets no access. You can close this page."),
        Decision::Deny { .. } => see_other(&back(world, incoming, &callback, None)),
        Decision::Allow { username, .. } => {
            let to = back(world, incoming, &callback, Some(&username));
            if callback == "oob" {
                let pin = verifier_of(incoming.q("oauth_token"));
                said("Access allowed", &format!("Type this number into the app: <code>{pin}</code>"))
            } else {
                see_other(&to)
            }
        }
    }
}

/// Where an open request token leads back to.
fn callback_of(world: &World, now: i64, incoming: &Incoming) -> Option<String> {
    let code = world.vault.codes.get(incoming.q("oauth_token"));
    code.filter(|code| code.network == NAME && !code.used && code.until > now).map(|code| code.redirect_uri.clone())
}

/// A page at the end of a handshake without an address to go back to.
fn said(title: &str, words: &str) -> Answer {
    html(200, page(title, COLOUR, "XING", false, &format!("<div class=\"card\"><h1>{title}</h1><p>{words}</p></div>")))
}

fn back(world: &mut World, incoming: &Incoming, callback: &str, username: Option<&str>) -> String {
    let token = incoming.q("oauth_token");
    if let Some((username, code)) = username.zip(world.vault.codes.get_mut(token)) {
        username.clone_into(&mut code.username);
        with_query(callback, &[("oauth_token", token), ("oauth_verifier", &verifier_of(token))])
    } else {
        with_query(callback, &[("oauth_token", token), ("error", "access_denied")])
    }
}

pub(super) fn consent(world: &mut World, now: i64, incoming: &Incoming, consent: &Consent<'_>) -> Option<String> {
    let callback = callback_of(world, now, incoming).filter(|_| incoming.path == "/v1/authorize")?;
    Some(back(world, incoming, &callback, (!consent.deny).then_some(consent.username)))
}

fn access_token(world: &mut World, now: i64, incoming: &Incoming) -> Answer {
    let token = value(&protocol(incoming), "oauth_token").to_owned();
    let protocol = match verify(world, now, incoming, &secret_of(&token)) {
        Ok(protocol) => protocol,
        Err(refused) => return refused,
    };
    let good = value(&protocol, "oauth_verifier") == verifier_of(&token);
    let redirect = world.vault.codes.get(&token).map(|code| code.redirect_uri.clone()).unwrap_or_default();
    let code = world.take_code(now, NAME, &token, &redirect).ok().filter(|code| good && !code.username.is_empty());
    let Some(code) = code else { return dead_token() };
    let family = world.new_family(now, NAME, &code.username, vec![]);
    let access = world.new_access(now, family, "", None);
    let secret = crate::world::secret_of(world.vault.access[&access].secret);
    let user = world.person(NAME, &code.username).map(|person| person.id.clone()).unwrap_or_default();
    form(201, &[("oauth_token", &access), ("oauth_token_secret", &secret), ("user_id", &user)])
}

/// Whose token signed the request. `Err` is the answer to give.
fn who(world: &mut World, now: i64, incoming: &Incoming) -> Result<String, Answer> {
    let token = value(&protocol(incoming), "oauth_token").to_owned();
    let secret = world.vault.access.get(&token).map(|token| crate::world::secret_of(token.secret));
    let family = match world.check_access(now, NAME, &token) {
        Ok((_, family)) => family,
        Err(Dead::Blocked | Dead::Expired | Dead::Revoked | Dead::Unknown) => return Err(dead_token()),
    };
    let protocol = verify(world, now, incoming, &secret.unwrap_or_default())?;
    // These belong to the handshake alone.
    match ["oauth_callback", "oauth_verifier"].into_iter().find(|name| !value(&protocol, name).is_empty()) {
        Some(name) => Err(invalid(name, "UNEXPECTED")),
        None => Ok(family.username),
    }
}

/// What can be asked of a user.
const FIELDS: &[&str] = &[
    "id",
    "first_name",
    "last_name",
    "display_name",
    "page_name",
    "permalink",
    "active_email",
    "gender",
    "time_zone",
    "premium_services",
    "badges",
    "photo_urls",
    "private_address",
    "business_address",
    "professional_experience",
    "educational_background",
];

fn me(world: &mut World, now: i64, incoming: &Incoming) -> Answer {
    let username = match who(world, now, incoming) {
        Ok(username) => username,
        Err(refused) => return refused,
    };
    if let Some(unknown) = incoming.q("fields").split(',').find(|field| !field.is_empty() && !FIELDS.contains(field)) {
        return invalid("fields", &format!("UNKNOWN_VALUE: {unknown}"));
    }
    let Some(person) = world.person(NAME, &username) else { return error(404, "RESOURCE_NOT_FOUND", "Not found") };
    let page_name = person.username.replace('.', "_");
    let permalink = format!("https://www.xing.com/profile/{page_name}");
    if incoming.path.ends_with("id_card") {
        let card = json!({ "id": person.id, "display_name": person.name, "page_name": page_name, "permalink": permalink });
        return answer(200, &json!({ "id_card": card }));
    }
    let (first, last) = person.name.split_once(' ').unwrap_or((&person.name, ""));
    let picture = |size: u32| format!("https://www.xing.com/img/users/{}.{size}x{size}.jpg", person.id);
    let mut user = json!({
        "id": person.id, "first_name": first, "last_name": last, "display_name": person.name, "page_name": page_name,
        "permalink": permalink, "active_email": format!("{}@fernweh.example", person.username), "gender": "f",
        "time_zone": { "name": "Europe/Berlin", "utc_offset": 1.0 }, "premium_services": [], "badges": [],
        "photo_urls": { "size_32x32": picture(32), "size_96x96": picture(96), "size_256x256": picture(256) },
        "private_address": { "city": "Hamburg", "country": "DE" }, "business_address": { "city": "Hamburg", "country": "DE" },
        "professional_experience": { "companies": [] }, "educational_background": { "schools": [] }
    });
    // Whoever asks for some fields gets no others.
    if let Some(user) = user.as_object_mut().filter(|_| !incoming.q("fields").is_empty()) {
        user.retain(|name, _| incoming.q("fields").split(',').any(|asked| asked == name));
    }
    answer(200, &json!({ "users": [user] }))
}

pub(super) fn people() -> Vec<Person> {
    vec![person(NAME, "jana.lindner", "Jana Lindner", "23874563_a91c0e"), person(NAME, "karl.voss", "Karl Voss", "11873201_7be24d")]
}

pub(super) fn about(incoming: &Incoming) -> &'static str {
    match incoming.path.as_str() {
        "/v1/authorize" => "page",
        "/v1/access_token" | "/v1/request_token" => "exchange",
        _ => "api",
    }
}
