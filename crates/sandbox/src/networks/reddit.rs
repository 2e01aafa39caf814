//! Reddit as its documentation describes it. Written from the documentation, never from the adapter.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::door::Door;
use super::{Consent, client_id, client_secret, is_redirect_uri};
use crate::people::{Comment, Person, Post, person};
use crate::request::{Answer, Incoming, json as answer};
use crate::tokens::{DAY, Dead, Family};
use crate::world::World;

const NAME: &str = "reddit";
const COLOUR: &str = "#ff4500";
/// Marks a consent that gives a refresh token.
const PERMANENT: &str = "+permanent";
/// How long an access token lives, in seconds.
const ACCESS_LIFE: i64 = DAY;

pub(super) fn people() -> Vec<Person> {
    vec![person(NAME, "jana.lindner", "Jana Lindner", "reddit-1"), person(NAME, "tom.becker", "Tom Becker", "reddit-2")]
}

pub(super) fn about(incoming: &Incoming) -> &'static str {
    match incoming.path.as_str() {
        "/api/v1/authorize" => "page",
        "/api/v1/access_token" => super::grant_type(incoming),
        "/api/v1/revoke_token" => "revocation",
        _ => "api",
    }
}

pub(super) fn handle(world: &mut World, now: i64, incoming: &Incoming) -> Option<Answer> {
    Some(match (incoming.method.as_str(), incoming.path.as_str()) {
        (_, "/api/v1/authorize") => DOOR.authorize(world, now, incoming),
        ("POST", "/api/v1/access_token") => token(world, now, incoming),
        ("POST", "/api/v1/revoke_token") => revoke(world, now, incoming),
        (_, path) if path == "/api/v1/me" || path == "/api/submit" || path == "/api/comment" || path.starts_with("/comments/") => {
            api(world, now, incoming)
        }
        _ => return None,
    })
}

static DOOR: Door = Door {
    network: NAME,
    title: "Reddit",
    colour: COLOUR,
    path: "/api/v1/authorize",
    code_life: 10 * 60,
    is_good,
    refusal: ("Invalid request", "client_id, redirect_uri or state is not right."),
    denial: "",
    grants: permanently,
};

fn is_good(_: &World, incoming: &Incoming) -> bool {
    incoming.q("client_id") == client_id(NAME)
        && is_redirect_uri(incoming.q("redirect_uri"))
        && incoming.q("response_type") == "code"
        && !incoming.q("state").is_empty()
}

/// Only who asks for a permanent consent gets a refresh token: carried as a scope of our own.
fn permanently(incoming: &Incoming, mut scopes: Vec<String>) -> Vec<String> {
    if incoming.q("duration") == "permanent" {
        scopes.push(PERMANENT.to_owned());
    }
    scopes
}

pub(super) fn consent(world: &mut World, now: i64, incoming: &Incoming, consent: &Consent<'_>) -> Option<String> {
    DOOR.consent(world, now, incoming, consent)
}

/// Of the API: `error` repeats the status.
fn plain(status: u16, words: &str) -> Answer {
    answer(status, &json!({ "message": words, "error": status }))
}

pub(super) fn refused_renewal() -> Answer {
    answer(400, &json!({ "error": "invalid_request" }))
}

fn is_our_client(incoming: &Incoming) -> bool {
    let basic = STANDARD.encode(format!("{}:{}", client_id(NAME), client_secret(NAME)));
    incoming.header("authorization") == Some(&format!("Basic {basic}"))
}

/// Names of libraries are blocked.
fn is_named(incoming: &Incoming) -> bool {
    incoming.header("user-agent").is_some_and(|name| name.contains(':') && !name.starts_with("reqwest"))
}

fn token(world: &mut World, now: i64, incoming: &Incoming) -> Answer {
    if !is_named(incoming) {
        return plain(403, "Blocked");
    }
    if !is_our_client(incoming) {
        return plain(401, "Unauthorized");
    }
    let family = match incoming.f("grant_type") {
        "authorization_code" => match world.take_code(now, NAME, incoming.f("code"), incoming.f("redirect_uri")) {
            Ok(code) => world.new_family(now, NAME, &code.username, code.scopes),
            // An error inside a 200.
            Err(_) => return answer(200, &json!({ "error": "invalid_grant" })),
        },
        "refresh_token" => match world.check_refresh(now, NAME, incoming.f("refresh_token")) {
            Ok((family, _)) => family,
            Err(_) => return refused_renewal(),
        },
        _ => return answer(400, &json!({ "error": "unsupported_grant_type" })),
    };
    let scopes = world.vault.families[family].scopes.clone();
    let access = world.new_access(now, family, "", Some(ACCESS_LIFE));
    let shown: Vec<&str> = scopes.iter().map(String::as_str).filter(|scope| *scope != PERMANENT).collect();
    let mut body = json!({ "access_token": access, "token_type": "bearer", "expires_in": ACCESS_LIFE, "scope": shown.join(" ") });
    if incoming.f("grant_type") == "authorization_code" && scopes.iter().any(|scope| scope == PERMANENT) {
        body["refresh_token"] = world.new_refresh(now, family, "", now + 3_650 * DAY * 1_000_000).into();
    }
    answer(200, &body)
}

/// 204 always, also for tokens nobody knows.
fn revoke(world: &mut World, now: i64, incoming: &Incoming) -> Answer {
    if !is_our_client(incoming) {
        return plain(401, "Unauthorized");
    }
    let token = incoming.f("token");
    if let Ok((family, _)) = world.check_refresh(now, NAME, token).or_else(|_| world.check_access(now, NAME, token)) {
        world.vault.families[family].revoked = true;
    }
    let mut gone = answer(204, &Value::Null);
    *gone.body_mut() = bytes::Bytes::new();
    gone
}

fn api(world: &mut World, now: i64, incoming: &Incoming) -> Answer {
    if !is_named(incoming) {
        return plain(403, "Blocked");
    }
    let family = match world.check_access(now, NAME, incoming.bearer()) {
        Ok((_, family)) => family,
        Err(Dead::Blocked | Dead::Expired | Dead::Revoked | Dead::Unknown) => {
            let mut refused = plain(401, "Unauthorized");
            refused
                .headers_mut()
                .insert("www-authenticate", http::HeaderValue::from_static("Bearer realm=\"reddit\", error=\"invalid_token\""));
            return refused;
        }
    };
    let mut done = match incoming.path.as_str() {
        "/api/v1/me" => me(world, &family),
        "/api/submit" => submit(world, now, incoming, &family),
        "/api/comment" => say(world, now, incoming, &family),
        path => listing(world, path.trim_start_matches("/comments/")),
    };
    for (name, value) in [("x-ratelimit-used", "1"), ("x-ratelimit-remaining", "99.0"), ("x-ratelimit-reset", "300")] {
        done.headers_mut().insert(name, http::HeaderValue::from_static(value));
    }
    done
}

fn me(world: &World, family: &Family) -> Answer {
    let Some(person) = world.person(NAME, &family.username) else { return plain(404, "Not Found") };
    let place = json!({ "display_name": format!("u_{}", person.username) });
    answer(
        200,
        &json!({ "id": person.id, "name": person.username, "icon_img": "", "is_suspended": false, "total_karma": 12, "subreddit": place }),
    )
}

/// What was refused, in a 200.
fn refused(code: &str, words: &str, field: &str) -> Answer {
    answer(200, &json!({ "json": { "errors": [[code, words, field]] } }))
}

fn submit(world: &mut World, now: i64, incoming: &Incoming, family: &Family) -> Answer {
    if !family.scopes.iter().any(|scope| scope == "submit") {
        let mut refused = plain(403, "Forbidden");
        refused
            .headers_mut()
            .insert("www-authenticate", http::HeaderValue::from_static("Bearer realm=\"reddit\", error=\"insufficient_scope\""));
        return refused;
    }
    if incoming.f("sr") != format!("u_{}", family.username) {
        return refused("SUBREDDIT_NOEXIST", "that subreddit doesn't exist", "sr");
    }
    let (title, text, link) = (incoming.f("title"), incoming.f("text"), incoming.f("url"));
    if title.is_empty() {
        return refused("NO_TEXT", "we need something here", "title");
    }
    if title.chars().count() > 300 {
        return refused("TOO_LONG", "this is too long (max: 300)", "title");
    }
    if !matches!((incoming.f("kind"), link.is_empty()), ("self", true) | ("link", false)) {
        return refused("NO_SELFS", "that kind of post isn't possible", "kind");
    }
    let id = format!("t3_{:x}", world.number());
    let profile = world.person(NAME, &family.username).map(|person| format!("t2_{}", person.id)).unwrap_or_default();
    let post = Post {
        network: NAME,
        id,
        profile,
        username: family.username.clone(),
        text: format!("{title}\n{text}"),
        link: link.into(),
        media: vec![],
        at: now,
    };
    let id = world.publish(post);
    let url = format!("https://www.reddit.com/user/{}/comments/{}/", family.username, id.trim_start_matches("t3_"));
    answer(200, &json!({ "json": { "errors": [], "data": { "id": id.trim_start_matches("t3_"), "name": id, "url": url } } }))
}

fn say(world: &mut World, now: i64, incoming: &Incoming, family: &Family) -> Answer {
    let (under, text) = (incoming.f("thing_id").to_owned(), incoming.f("text").to_owned());
    let parent = world.comments.iter().find(|comment| comment.network == NAME && format!("t1_{}", comment.id) == under);
    let (post, in_reply_to) = match (parent, world.post(NAME, &under)) {
        (Some(parent), _) => (parent.post.clone(), parent.id.clone()),
        (None, Some(post)) => (post.id.clone(), String::new()),
        (None, None) => return refused("DELETED_LINK", "the link you are commenting on has been deleted", "parent"),
    };
    if text.is_empty() {
        return refused("NO_TEXT", "we need something here", "text");
    }
    let id = world.number().to_string();
    let said = Comment { network: NAME, id: id.clone(), post, in_reply_to, author: family.username.clone(), text, at: now };
    world.comments.push(said);
    answer(
        200,
        &json!({ "json": { "errors": [], "data": { "things": [{ "kind": "t1", "data": { "id": id, "name": format!("t1_{id}") } }] } } }),
    )
}

/// The post and, nested, what was said under it.
fn listing(world: &World, id: &str) -> Answer {
    let post = format!("t3_{id}");
    if world.post(NAME, &post).is_none() {
        return plain(404, "Not Found");
    }
    let all: Vec<&Comment> = world.comments_of(NAME, &post).collect();
    let children = children_of(&all, "", &post);
    answer(
        200,
        &json!([{ "kind": "Listing", "data": { "children": [{ "kind": "t3", "data": { "name": post } }] } }, { "kind": "Listing", "data": { "children": children } }]),
    )
}

fn children_of(all: &[&Comment], parent: &str, post: &str) -> Vec<Value> {
    let direct = all.iter().filter(|comment| comment.in_reply_to == parent);
    direct
        .map(|comment| {
            let below = children_of(all, &comment.id, post);
            // No replies is an empty text, not an empty list.
            let replies = if below.is_empty() { json!("") } else { json!({ "kind": "Listing", "data": { "children": below } }) };
            let parent = if parent.is_empty() { post.to_owned() } else { format!("t1_{parent}") };
            json!({ "kind": "t1", "data": {
                "id": comment.id, "name": format!("t1_{}", comment.id), "author": comment.author, "body": comment.text, "parent_id": parent,
                "created_utc": comment.at / 1_000_000, "replies": replies
            } })
        })
        .collect()
}
