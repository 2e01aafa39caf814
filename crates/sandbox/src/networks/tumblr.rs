//! Tumblr as its documentation describes it. Written from the documentation, never from the adapter.

use serde_json::{Value, json};

use super::door::{Door, as_allowed};
use super::{Consent, client_id, client_secret, is_redirect_uri};
use crate::people::{Page, Person, Post, page, person};
use crate::request::{Answer, Incoming, json as answer, percent_decoded};
use crate::tokens::{DAY, Family};
use crate::world::World;

const NAME: &str = "tumblr";
const COLOUR: &str = "#001935";
/// How long an access token lives, in seconds.
const ACCESS_LIFE: i64 = 2_520;
/// How long a refresh token lives.
const REFRESH_DAYS: i64 = 42;

pub(super) fn people() -> Vec<Person> {
    vec![person(NAME, "fernweh-outdoor", "Fernweh Outdoor", "t:Fw0utd00r"), person(NAME, "gipfelguides", "Gipfel Guides", "t:G1pf3lGu1d3s")]
}

/// What somebody can be in a blog besides their primary one.
pub(super) const ROLES: &[&str] = &["admin", "member"];

pub(super) fn pages() -> Vec<Page> {
    let blog = |id, name, vanity, role| page(NAME, id, name, vanity, &[("fernweh-outdoor", role)]);
    vec![blog(7001, "Fernweh Routes", "fernweh-routes", "admin"), blog(7002, "Alpine Friends", "alpine-friends", "member")]
}

pub(super) fn about(incoming: &Incoming) -> &'static str {
    match incoming.path.as_str() {
        "/oauth2/authorize" => "page",
        "/v2/oauth2/token" => super::grant_type(incoming),
        _ => "api",
    }
}

pub(super) fn handle(world: &mut World, now: i64, incoming: &Incoming) -> Option<Answer> {
    Some(match (incoming.method.as_str(), incoming.path.as_str()) {
        (_, "/oauth2/authorize") => DOOR.authorize(world, now, incoming),
        ("POST", "/v2/oauth2/token") => token(world, now, incoming),
        (_, path) if path == "/v2/user/info" || path.starts_with("/v2/blog/") => api(world, now, incoming),
        _ => return None,
    })
}

static DOOR: Door = Door {
    network: NAME,
    title: "Tumblr",
    colour: COLOUR,
    path: "/oauth2/authorize",
    code_life: 60,
    is_good,
    refusal: ("Invalid request", "client_id, redirect_uri or state is not right."),
    denial: "",
    grants: as_allowed,
};

fn is_good(_: &World, incoming: &Incoming) -> bool {
    incoming.q("client_id") == client_id(NAME)
        && is_redirect_uri(incoming.q("redirect_uri"))
        && incoming.q("response_type") == "code"
        // Required there.
        && !incoming.q("state").is_empty()
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
    incoming.f("client_id") == client_id(NAME) && incoming.f("client_secret") == client_secret(NAME)
}

fn token(world: &mut World, now: i64, incoming: &Incoming) -> Answer {
    if !is_our_client(incoming) {
        return error(401, "invalid_client", "The client credentials are invalid");
    }
    let family = match incoming.f("grant_type") {
        "authorization_code" => match world.take_code(now, NAME, incoming.f("code"), incoming.f("redirect_uri")) {
            Ok(code) => world.new_family(now, NAME, &code.username, code.scopes),
            Err(_) => return error(400, "invalid_grant", "Authorization code doesn't exist or is invalid for the client"),
        },
        "refresh_token" => match world.spend_refresh(now, NAME, incoming.f("refresh_token"), true) {
            Ok((family, _)) => family,
            Err(_) => return refused_renewal(),
        },
        _ => return error(400, "unsupported_grant_type", "The grant type is not supported"),
    };
    let scopes = world.vault.families[family].scopes.clone();
    let access = world.new_access(now, family, "", Some(ACCESS_LIFE));
    let mut body =
        json!({ "access_token": access, "token_type": "bearer", "expires_in": ACCESS_LIFE, "scope": scopes.join(" "), "id_token": false });
    if scopes.iter().any(|scope| scope == "offline_access") {
        body["refresh_token"] = world.new_refresh(now, family, "", now + REFRESH_DAYS * DAY * 1_000_000).into();
    }
    answer(200, &body)
}

/// Every answer of the API comes in this envelope.
fn envelope(status: u16, words: &str, response: &Value) -> Answer {
    answer(status, &json!({ "meta": { "status": status, "msg": words }, "response": response }))
}

fn refused(status: u16, words: &str, code: i64, title: &str) -> Answer {
    let errors = json!([{ "title": title, "code": code }]);
    answer(status, &json!({ "meta": { "status": status, "msg": words }, "response": [], "errors": errors }))
}

fn api(world: &mut World, now: i64, incoming: &Incoming) -> Answer {
    let Ok((_, family)) = world.check_access(now, NAME, incoming.bearer()) else {
        return refused(401, "Unauthorized", 1016, "Unable to authorize");
    };
    if incoming.path == "/v2/user/info" {
        return user(world, &family);
    }
    let parts: Vec<String> = incoming.path.trim_start_matches("/v2/blog/").split('/').map(percent_decoded).collect();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    match (incoming.method.as_str(), parts.as_slice()) {
        ("POST", [blog, "posts"]) => publish(world, now, incoming, &family, blog),
        ("GET", [_, "notes"]) => notes(world, incoming),
        _ => envelope(404, "Not Found", &json!([])),
    }
}

/// Their primary blog, then the others with the role they hold there: (uuid, name, title, admin).
fn blogs(world: &World, family: &Family) -> Vec<(String, String, String, bool)> {
    let Some(person) = world.person(NAME, &family.username) else { return vec![] };
    let mut blogs = vec![(person.id.clone(), person.username.clone(), person.name.clone(), true)];
    for page in world.pages.iter().filter(|page| page.network == NAME) {
        for (_, role, _) in page.roles.iter().filter(|(username, ..)| *username == family.username) {
            blogs.push((format!("t:{}", page.id), page.vanity.to_owned(), page.name.to_owned(), role == "admin"));
        }
    }
    blogs
}

fn user(world: &World, family: &Family) -> Answer {
    let blogs: Vec<Value> = blogs(world, family)
        .into_iter()
        .enumerate()
        .map(|(at, (uuid, name, title, admin))| {
            json!({ "name": name, "url": format!("https://{name}.tumblr.com/"), "title": title, "primary": at == 0, "admin": admin, "uuid": uuid, "type": "public" })
        })
        .collect();
    envelope(200, "OK", &json!({ "user": { "name": family.username, "blogs": blogs } }))
}

fn publish(world: &mut World, now: i64, incoming: &Incoming, family: &Family, blog: &str) -> Answer {
    let may = family.scopes.iter().any(|scope| scope == "write");
    let Some((uuid, ..)) = blogs(world, family).into_iter().find(|(uuid, name, _, _)| may && (uuid == blog || name == blog)) else {
        return refused(403, "Forbidden", 0, "You are not a member of this blog");
    };
    let body: Value = serde_json::from_slice(&incoming.body).unwrap_or_default();
    let blocks: Vec<&Value> = body["content"].as_array().into_iter().flatten().collect();
    let of = |kind: &str, field: &str| -> Vec<String> {
        let wanted = blocks.iter().filter(|block| block["type"] == kind);
        wanted.filter_map(|block| block.pointer(field).and_then(Value::as_str).map(str::to_owned)).collect()
    };
    let text = of("text", "/text");
    if blocks.is_empty() || text.iter().any(|text| text.chars().count() > 4_096) {
        return refused(400, "Bad Request", 8001, "The request was not in the expected format: bad post structure");
    }
    let (media, link) = (of("image", "/media/0/url"), of("link", "/url").concat());
    let id = world.number().to_string();
    let post = Post { network: NAME, id, profile: uuid, username: family.username.clone(), text: text.join("\n"), link, media, at: now };
    let id = world.publish(post);
    envelope(201, "Created", &json!({ "id": id, "state": "published" }))
}

fn notes(world: &World, incoming: &Incoming) -> Answer {
    let post = incoming.q("id");
    if world.post(NAME, post).is_none() {
        return envelope(404, "Not Found", &json!([]));
    }
    let notes: Vec<Value> = world
        .comments_of(NAME, post)
        .map(|note| {
            json!({ "type": "reply", "reply_id": note.id, "blog_name": note.author, "reply_text": note.text, "timestamp": note.at / 1_000_000 })
        })
        .collect();
    envelope(200, "OK", &json!({ "notes": notes, "total_notes": notes.len() }))
}
