//! One Mastodon server as the documentation describes it (knowledge base `mastodon`): apps register themselves, tokens do not
//! end, texts may be translated.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::door::{Door, as_allowed};
use super::{Consent, is_redirect_uri, moment};
use crate::people::{Comment, Person, Post, person};
use crate::request::{Answer, Incoming, json as answer, percent_decoded};
use crate::tokens::{Dead, Family};
use crate::world::World;

const NAME: &str = "mastodon";
const COLOUR: &str = "#6364ff";
const SCOPES: [&str; 7] = ["read", "write", "profile", "read:accounts", "read:statuses", "write:statuses", "write:media"];
const TEXT_MAX: usize = 500;

pub(super) fn people() -> Vec<Person> {
    vec![person(NAME, "fernweh", "Fernweh Outdoor", "109301122334455667"), person(NAME, "gipfel", "Gipfel Guides", "109301122334455668")]
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
    let parts: Vec<String> = incoming.path.split('/').skip(1).map(percent_decoded).collect();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    Some(match (incoming.method.as_str(), parts.as_slice()) {
        ("POST", ["api", "v1", "apps"]) => register(world, incoming),
        (_, ["oauth", "authorize"]) => DOOR.authorize(world, now, incoming),
        ("POST", ["oauth", "token"]) => token(world, now, incoming),
        ("POST", ["oauth", "revoke"]) => revoke(world, now, incoming),
        ("GET", ["api", "v2", "instance"]) => instance(),
        (_, ["api", ..]) => api(world, now, incoming, &parts[1..]),
        _ => return None,
    })
}

fn error(status: u16, code: &str, words: &str) -> Answer {
    answer(status, &json!({ "error": code, "error_description": words }))
}

/// Of the API: one text for people, in whatever language.
fn refused(status: u16, words: &str) -> Answer {
    answer(status, &json!({ "error": words }))
}

/// Its tokens are not renewed; what it says of an unknown grant.
pub(super) fn refused_renewal() -> Answer {
    error(
        400,
        "invalid_grant",
        "The provided authorization grant is invalid, expired, revoked, does not match the redirection URI used in the authorization request, or was issued to another client.",
    )
}

fn register(world: &mut World, incoming: &Incoming) -> Answer {
    let (name, redirect, scopes) = (incoming.f("client_name"), incoming.f("redirect_uris"), incoming.f("scopes"));
    if name.is_empty() || redirect.is_empty() || !redirect.lines().all(is_redirect_uri) {
        return answer(422, &json!({ "error": "Validation failed: Redirect URI must be an absolute URI." }));
    }
    let (id, secret) = (world.random("app_"), world.random(""));
    world.clients.insert(id.clone(), (secret.clone(), redirect.to_owned()));
    answer(
        200,
        &json!({
            "id": "1", "name": name, "website": null, "scopes": scopes.split_whitespace().collect::<Vec<_>>(), "redirect_uri": redirect,
            "redirect_uris": redirect.lines().collect::<Vec<_>>(), "client_id": id, "client_secret": secret, "client_secret_expires_at": 0
        }),
    )
}

static DOOR: Door = Door {
    network: NAME,
    title: "social.example",
    colour: COLOUR,
    path: "/oauth/authorize",
    code_life: 10 * 60,
    is_good,
    refusal: ("An error has occurred", "The client, its redirect URI or the requested scope is not valid."),
    denial: "The resource owner or authorization server denied the request.",
    grants: as_allowed,
};

fn is_good(world: &World, incoming: &Incoming) -> bool {
    let redirects = world.clients.get(incoming.q("client_id")).map(|(_, redirects)| redirects.as_str()).unwrap_or_default();
    redirects.lines().any(|known| known == incoming.q("redirect_uri"))
        && incoming.q("response_type") == "code"
        && incoming.q("scope").split_whitespace().all(|scope| SCOPES.contains(&scope))
}

pub(super) fn consent(world: &mut World, now: i64, incoming: &Incoming, consent: &Consent<'_>) -> Option<String> {
    DOOR.consent(world, now, incoming, consent)
}

fn is_client(world: &World, incoming: &Incoming) -> bool {
    world.clients.get(incoming.f("client_id")).is_some_and(|(secret, _)| secret == incoming.f("client_secret"))
}

fn token(world: &mut World, now: i64, incoming: &Incoming) -> Answer {
    if !is_client(world, incoming) {
        let words =
            "Client authentication failed due to unknown client, no client authentication included, or unsupported authentication method.";
        return error(401, "invalid_client", words);
    }
    match incoming.f("grant_type") {
        "client_credentials" => {
            let token = world.random("");
            answer(200, &json!({ "access_token": token, "token_type": "Bearer", "scope": "read", "created_at": now / 1_000_000 }))
        }
        "authorization_code" => match world.take_code(now, NAME, incoming.f("code"), incoming.f("redirect_uri")) {
            Ok(code)
                if code.challenge.is_empty()
                    || code.challenge == URL_SAFE_NO_PAD.encode(digest(&SHA256, incoming.f("code_verifier").as_bytes())) =>
            {
                let scope = code.scopes.join(" ");
                let family = world.new_family(now, NAME, &code.username, code.scopes);
                let access = world.new_access(now, family, "", None);
                answer(200, &json!({ "access_token": access, "token_type": "Bearer", "scope": scope, "created_at": now / 1_000_000 }))
            }
            _ => refused_renewal(),
        },
        _ => error(400, "unsupported_grant_type", "The authorization grant type is not supported by the authorization server."),
    }
}

fn revoke(world: &mut World, now: i64, incoming: &Incoming) -> Answer {
    if !is_client(world, incoming) {
        return error(403, "unauthorized_client", "You are not authorized to revoke this token");
    }
    if let Ok((family, _)) = world.check_access(now, NAME, incoming.f("token")) {
        world.vault.families[family].revoked = true;
    }
    answer(200, &json!({}))
}

fn instance() -> Answer {
    let configuration =
        json!({ "statuses": { "max_characters": TEXT_MAX, "max_media_attachments": 4, "characters_reserved_per_url": 23 } });
    answer(200, &json!({ "domain": "social.example", "title": "Social Example", "version": "4.5.0", "configuration": configuration }))
}

fn api(world: &mut World, now: i64, incoming: &Incoming, path: &[&str]) -> Answer {
    let family = match world.check_access(now, NAME, incoming.bearer()) {
        Ok((_, family)) => family,
        Err(Dead::Blocked) => return refused(403, "Dein Login ist derzeit deaktiviert"),
        Err(Dead::Revoked) => return refused(401, "The access token was revoked"),
        Err(_) => return refused(401, "The access token is invalid"),
    };
    let has = |scope: &str| {
        let broad = scope.split(':').next().unwrap_or_default();
        family.scopes.iter().any(|granted| granted == scope || granted == broad)
    };
    let needs = match (incoming.method.as_str(), path) {
        ("GET", ["v1", "accounts", "verify_credentials"]) => "read:accounts",
        ("POST", ["v1", "statuses"]) => "write:statuses",
        ("GET", ["v1", "statuses", _, "context"]) => "read:statuses",
        ("POST", ["v2", "media"]) | ("GET", ["v1", "media", _]) => "write:media",
        _ => return refused(404, "Record not found"),
    };
    let may = has(needs) || (needs == "read:accounts" && has("profile"));
    if !may {
        return refused(403, "This action is outside the authorized scopes");
    }
    match path {
        ["v1", "accounts", ..] => account(world, &family),
        ["v1", "statuses"] => publish(world, now, incoming, &family),
        ["v1", "statuses", id, "context"] => context(world, id),
        ["v2", "media"] => media(world, incoming),
        ["v1", "media", id] if world.uploads.contains(&format!("mastodon/{id}")) => {
            answer(200, &json!({ "id": id, "type": "image", "url": "https://social.example/media.png" }))
        }
        _ => refused(404, "Record not found"),
    }
}

fn account(world: &World, family: &Family) -> Answer {
    let Some(person) = world.person(NAME, &family.username) else { return refused(401, "The access token is invalid") };
    answer(
        200,
        &json!({
            "id": person.id, "username": person.username, "acct": person.username, "display_name": person.name, "locked": false, "bot": false,
            "url": format!("https://social.example/@{}", person.username), "uri": format!("https://social.example/users/{}", person.username),
            "avatar": "https://social.example/avatar.png", "source": { "privacy": "public" }
        }),
    )
}

/// Pictures come as a form of parts; answered at first as still being processed.
fn media(world: &mut World, incoming: &Incoming) -> Answer {
    let is_form = incoming.header("content-type").is_some_and(|kind| kind.starts_with("multipart/form-data; boundary="));
    if !is_form || !String::from_utf8_lossy(&incoming.body).contains("name=\"file\"") {
        return refused(422, "Validation failed: File can't be blank");
    }
    let id = world.number().to_string();
    world.uploads.insert(format!("mastodon/{id}"));
    answer(202, &json!({ "id": id, "type": "image", "url": null }))
}

fn publish(world: &mut World, now: i64, incoming: &Incoming, family: &Family) -> Answer {
    let body: Value = serde_json::from_slice(&incoming.body).unwrap_or_default();
    let text = body["status"].as_str().unwrap_or_default().to_owned();
    let media: Vec<String> = body["media_ids"].as_array().into_iter().flatten().filter_map(|id| id.as_str().map(str::to_owned)).collect();
    if text.is_empty() && media.is_empty() {
        return refused(422, "Validation failed: Text can't be blank");
    }
    if text.chars().count() > TEXT_MAX {
        return refused(422, "Validation failed: Text character limit of 500 exceeded");
    }
    if media.iter().any(|id| !world.uploads.contains(&format!("mastodon/{id}"))) {
        return refused(422, "Validation failed: Media not found");
    }
    // The same key within the hour gives the same status.
    let key = incoming.header("idempotency-key").map(|key| format!("mastodon/{}/{key}", family.username));
    if let Some(id) = key.as_ref().and_then(|key| world.done.get(key)).cloned() {
        return status(&id, &text, now);
    }
    let to = body["in_reply_to_id"].as_str().unwrap_or_default().to_owned();
    let name = world.person(NAME, &family.username).map(|person| person.username.clone()).unwrap_or_default();
    let id = world.number().to_string();
    if to.is_empty() {
        let profile = world.person(NAME, &family.username).map(|person| person.id.clone()).unwrap_or_default();
        world.publish(Post {
            network: NAME,
            id: id.clone(),
            profile,
            username: family.username.clone(),
            text: text.clone(),
            link: String::new(),
            media,
            at: now,
        });
    } else {
        let root = world.comments.iter().find(|comment| comment.network == NAME && comment.id == to).map(|comment| comment.post.clone());
        let Some(root) = root.or_else(|| world.post(NAME, &to).map(|post| post.id.clone())) else {
            return refused(404, "Record not found");
        };
        let in_reply_to = if root == to { String::new() } else { to };
        world.comments.push(Comment { network: NAME, id: id.clone(), post: root, in_reply_to, author: name, text: text.clone(), at: now });
    }
    if let Some(key) = key {
        world.done.insert(key, id.clone());
    }
    status(&id, &text, now)
}

fn status(id: &str, text: &str, now: i64) -> Answer {
    let url = format!("https://social.example/@fernweh/{id}");
    answer(
        200,
        &json!({ "id": id, "uri": url, "url": url, "created_at": moment::rfc3339(now), "content": format!("<p>{text}</p>"), "visibility": "public" }),
    )
}

fn context(world: &World, id: &str) -> Answer {
    if world.post(NAME, id).is_none() {
        return refused(404, "Record not found");
    }
    let said = |comment: &Comment| {
        let to = if comment.in_reply_to.is_empty() { &comment.post } else { &comment.in_reply_to };
        json!({
            "id": comment.id, "in_reply_to_id": to, "created_at": moment::rfc3339(comment.at), "content": format!("<p>{}</p>", comment.text),
            "account": { "id": "1", "acct": comment.author, "username": comment.author }
        })
    };
    answer(200, &json!({ "ancestors": [], "descendants": world.comments_of(NAME, id).map(said).collect::<Vec<_>>() }))
}
