//! Tumblr as its API document describes it (knowledge base `tumblr`). Written from the documentation, never from the adapter.

use serde_json::{Value, json};

use super::door::{Door, INVALID_SCOPE, is_ours_with_state};
use super::{Consent, client_id, client_secret};
use crate::limits::with_numbers;
use crate::people::{Page, Person, Post, page, person};
use crate::request::{Answer, Incoming, json as answer, with_query};
use crate::tokens::{DAY, Family};
use crate::world::World;

const NAME: &str = "tumblr";
const COLOUR: &str = "#001935";
const MICRO: i64 = 1_000_000;
/// An access token lives 42 minutes, a refresh token 42 days.
const ACCESS: i64 = 2520;
const REFRESH: i64 = 42 * DAY;
/// Posts of a user in a day.
const POSTS_MAX: u64 = 250;
/// Pictures of a user in a day.
const PHOTOS_MAX: u64 = 250;
/// Calls of our app in an hour, and in a day.
const CALLS_MAX: u64 = 1000;
const CALLS_OF_DAY_MAX: u64 = 5000;
const HOUR: i64 = 3600;
const NOTES: usize = 20;
const SCOPES: [&str; 3] = ["basic", "write", "offline_access"];

pub(super) fn handle(world: &mut World, now: i64, incoming: &Incoming) -> Option<Answer> {
    if incoming.path == "/oauth2/authorize" {
        return Some(DOOR.authorize(world, now, incoming));
    }
    if !incoming.path.starts_with("/v2/") {
        return None;
    }
    if incoming.header("user-agent").is_none_or(str::is_empty) {
        return Some(envelope(403, "Forbidden", &json!([]), None));
    }
    Some(match (incoming.method.as_str(), incoming.path.as_str()) {
        ("POST", "/v2/oauth2/token") => token(world, now, incoming),
        _ => api(world, now, incoming),
    })
}

static DOOR: Door = Door {
    network: NAME,
    title: "Tumblr",
    colour: COLOUR,
    path: "/oauth2/authorize",
    may_skip: |_| true,
    is_good: |_, incoming| is_ours_with_state(NAME, incoming) && incoming.q("response_type") == "code",
    refusal: ("Something went wrong", "client_id, redirect_uri, response_type or state is not correct."),
    error: |incoming| {
        let mut asked = incoming.q("scope").split_whitespace().peekable();
        let is_good = asked.peek().is_some() && asked.all(|scope| SCOPES.contains(&scope));
        (!is_good).then_some(INVALID_SCOPE)
    },
    denial: "The user denied your request",
    ..Door::PLAIN
};

pub(super) fn consent(world: &mut World, now: i64, incoming: &Incoming, consent: &Consent<'_>) -> Option<String> {
    DOOR.consent(world, now, incoming, consent)
}

fn error(status: u16, code: &str, words: &str) -> Answer {
    answer(status, &json!({ "error": code, "error_description": words }))
}

pub(super) fn refused_renewal() -> Answer {
    error(400, "invalid_grant", "Invalid refresh token")
}

fn token(world: &mut World, now: i64, incoming: &Incoming) -> Answer {
    if incoming.f("client_id") != client_id(NAME) || incoming.f("client_secret") != client_secret(NAME) {
        return error(401, "invalid_client", "The client credentials are invalid");
    }
    let family = match incoming.f("grant_type") {
        "authorization_code" => match world.take_code(now, NAME, incoming.f("code"), incoming.f("redirect_uri")) {
            Ok(code) => world.new_family(now, NAME, &code.username, code.scopes),
            Err(_) => return error(400, "invalid_grant", "Authorization code doesn't exist or is invalid for the client"),
        },
        // What becomes of a used one is not documented: the sandbox is strict.
        "refresh_token" => match world.spend_refresh(now, NAME, incoming.f("refresh_token"), true) {
            Ok((family, _)) => family,
            Err(_) => return refused_renewal(),
        },
        _ => return error(400, "unsupported_grant_type", "The grant type is not supported"),
    };
    let scopes = world.vault.families[family].scopes.clone();
    let access = world.new_access(now, family, "", Some(ACCESS));
    let mut body =
        json!({ "access_token": access, "expires_in": ACCESS, "token_type": "bearer", "scope": scopes.join(" "), "id_token": false });
    if scopes.iter().any(|scope| scope == "offline_access") {
        body["refresh_token"] = json!(world.new_refresh(now, family, "", now + REFRESH * MICRO));
    }
    answer(200, &body)
}

fn envelope(status: u16, msg: &str, response: &Value, code: Option<(i64, &str)>) -> Answer {
    let mut body = json!({ "meta": { "status": status, "msg": msg }, "response": response });
    if let Some((code, title)) = code {
        body["errors"] = json!([{ "title": title, "code": code }]);
    }
    answer(status, &body)
}

fn not_found() -> Answer {
    envelope(404, "Not Found", &json!([]), None)
}

/// Counts so many more in this window, which begins and ends with the servers' clocks. Gives how many there are now.
fn count(world: &mut World, now: i64, key: &str, window: i64, more: u64) -> u64 {
    let window = now.div_euclid(window * MICRO);
    let kept = world.kept.entry((NAME, key.to_owned())).or_insert(json!([window, 0]));
    if kept[0] != json!(window) {
        *kept = json!([window, 0]);
    }
    let used = kept[1].as_u64().unwrap_or(0) + more;
    kept[1] = json!(used);
    used
}

/// The seconds until a window's end.
fn left_of(now: i64, window: i64) -> i64 {
    window - now.rem_euclid(window * MICRO) / MICRO
}

fn api(world: &mut World, now: i64, incoming: &Incoming) -> Answer {
    let (of_hour, of_day) = (count(world, now, "calls", HOUR, 1), count(world, now, "calls of a day", DAY, 1));
    let said = if of_hour > CALLS_MAX || of_day > CALLS_OF_DAY_MAX {
        envelope(429, "Limit Exceeded", &json!([]), None)
    } else {
        match world.check_access(now, NAME, incoming.bearer()) {
            Ok((_, family)) => call(world, now, incoming, &family),
            Err(_) => envelope(401, "Unauthorized", &json!([]), Some((1016, "Unauthorized"))),
        }
    };
    let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let windows = [
        ("x-ratelimit-perhour-limit", number(CALLS_MAX)),
        ("x-ratelimit-perhour-remaining", number(CALLS_MAX.saturating_sub(of_hour))),
        ("x-ratelimit-perhour-reset", left_of(now, HOUR)),
        ("x-ratelimit-perday-limit", number(CALLS_OF_DAY_MAX)),
        ("x-ratelimit-perday-remaining", number(CALLS_OF_DAY_MAX.saturating_sub(of_day))),
        ("x-ratelimit-perday-reset", left_of(now, DAY)),
    ];
    with_numbers(said, &windows)
}

/// What a user has left of a day, and when the next one begins.
fn limits(world: &mut World, now: i64, username: &str) -> Answer {
    let mut left = |what: &str, limit: u64, words: &str| {
        let used = count(world, now, &format!("{what}/{username}"), DAY, 0);
        json!({ "description": words, "limit": limit, "remaining": limit.saturating_sub(used), "reset_at": now / MICRO + left_of(now, DAY) })
    };
    let posts = left("posts", POSTS_MAX, "the number of posts you can create per day");
    let photos = left("photos", PHOTOS_MAX, "the number of photos you can upload per day");
    envelope(200, "OK", &json!({ "user": { "posts": posts, "photos": photos } }), None)
}

fn call(world: &mut World, now: i64, incoming: &Incoming, family: &Family) -> Answer {
    let has = |scope: &str| family.scopes.iter().any(|granted| granted == scope);
    let parts: Vec<&str> = incoming.path.trim_start_matches("/v2/").split('/').collect();
    match (incoming.method.as_str(), parts.as_slice()) {
        ("GET", ["user", "info"]) if has("basic") => info(world, family),
        ("GET", ["user", "limits"]) if has("basic") => limits(world, now, &family.username),
        ("GET", ["blog", blog, "notes"]) if has("basic") => notes(world, incoming, blog),
        ("POST", ["blog", blog, "posts"]) if has("write") => publish(world, now, incoming, family, blog),
        ("POST", ["blog", blog, "post", "delete"]) if has("write") => delete(world, incoming, family, blog),
        ("GET" | "POST", ["user" | "blog", ..]) if !has("basic") || !has("write") => envelope(403, "Forbidden", &json!([]), None),
        _ => not_found(),
    }
}

/// A blog, as somebody sees it who asks for it by name or id.
struct Blog {
    uuid: String,
    name: String,
    title: String,
    /// Whose primary blog it is: everybody has one, of the same name and with the id by which the user is known.
    primary_of: Option<String>,
    /// Who holds which role in it.
    roles: Vec<(String, String)>,
}

impl Blog {
    fn of_page(world: &World, page: &Page) -> Self {
        let uuid = uuid(page);
        let owner = world.people.iter().find(|person| person.network == NAME && person.id == uuid);
        Self {
            uuid,
            name: page.vanity.to_owned(),
            title: page.name.to_owned(),
            primary_of: owner.map(|owner| owner.username.clone()),
            roles: page.roles.iter().map(|(holder, role, _)| (holder.clone(), role.clone())).collect(),
        }
    }

    /// The primary blog of somebody for whom none is drawn.
    fn of_person(person: &Person) -> Self {
        Self {
            uuid: person.id.clone(),
            name: person.username.clone(),
            title: person.name.clone(),
            primary_of: Some(person.username.clone()),
            roles: vec![],
        }
    }

    /// Nobody can be without their primary blog.
    fn role(&self, username: &str) -> Option<&str> {
        if self.primary_of.as_deref() == Some(username) {
            return Some(ROLES[0]);
        }
        self.roles.iter().find(|(holder, _)| holder == username).map(|(_, role)| role.as_str())
    }
}

/// The number of the blog stands at its end.
fn uuid(page: &Page) -> String {
    format!("t:FwxQ{}", page.id)
}

/// Whether a page stands for the primary blog of that person, or stood for it before it was deleted.
fn is_drawn(world: &World, person: &Person) -> bool {
    world.pages.iter().chain(&world.deleted_pages).any(|page| page.network == NAME && uuid(page) == person.id)
}

/// By name, host or uuid.
fn find(world: &World, blog: &str) -> Option<Blog> {
    let blog = blog.replace("%3A", ":");
    let name = blog.strip_suffix(".tumblr.com").unwrap_or(&blog);
    let page = world.pages.iter().find(|page| page.network == NAME && (page.vanity == name || uuid(page) == blog));
    page.map(|page| Blog::of_page(world, page)).or_else(|| {
        let mut people = world.people.iter().filter(|person| person.network == NAME);
        let person = people.find(|person| person.username == name || person.id == blog)?;
        (!is_drawn(world, person)).then(|| Blog::of_person(person))
    })
}

/// The blogs of somebody.
fn blogs_of(world: &World, username: &str) -> Vec<Blog> {
    let Some(person) = world.person(NAME, username) else { return vec![] };
    let holds = |page: &&Page| page.roles.iter().any(|(holder, ..)| holder == username) || uuid(page) == person.id;
    let own = (!is_drawn(world, person)).then(|| Blog::of_person(person));
    let pages = world.pages.iter().filter(|page| page.network == NAME).filter(holds);
    own.into_iter().chain(pages.map(|page| Blog::of_page(world, page))).collect()
}

fn info(world: &World, family: &Family) -> Answer {
    let username = &family.username;
    let shown = |blog: &Blog| {
        let mut shown = json!({
            "name": blog.name, "url": format!("https://{}.tumblr.com/", blog.name), "title": blog.title,
            "primary": blog.primary_of.as_ref() == Some(username), "uuid": blog.uuid, "type": "public", "followers": 12
        });
        if blog.role(username) == Some(ROLES[0]) {
            shown["admin"] = json!(true);
        }
        shown
    };
    let blogs: Vec<Value> = blogs_of(world, username).iter().map(shown).collect();
    let user = json!({ "name": username, "likes": 0, "following": 3, "default_post_format": "html", "blogs": blogs });
    envelope(200, "OK", &json!({ "user": user }), None)
}

/// What Tumblr's post format says in words: the text of its blocks.
fn publish(world: &mut World, now: i64, incoming: &Incoming, family: &Family, blog: &str) -> Answer {
    let Some(found) = find(world, blog) else { return not_found() };
    if found.role(&family.username).is_none() {
        return envelope(403, "Forbidden", &json!([]), None);
    }
    let profile = found.uuid;
    let body: Value = serde_json::from_slice(&incoming.body).unwrap_or(Value::Null);
    let blocks = body["content"].as_array().cloned().unwrap_or_default();
    let is_good = |block: &Value| match block["type"].as_str() {
        Some("text") => block["text"].as_str().is_some_and(|text| text.chars().count() <= 4096),
        Some("image") => block.pointer("/media/0/url").and_then(Value::as_str).is_some_and(|url| url.starts_with("http")),
        Some("link") => block["url"].as_str().is_some_and(|url| url.starts_with("http")),
        _ => false,
    };
    if blocks.is_empty() || !blocks.iter().all(is_good) {
        return envelope(400, "Bad Request", &json!([]), Some((8001, "Invalid post structure")));
    }
    let photos = u64::try_from(blocks.iter().filter(|block| block["type"] == "image").count()).unwrap_or(u64::MAX);
    let (of_posts, of_photos) = (format!("posts/{}", family.username), format!("photos/{}", family.username));
    if count(world, now, &of_posts, DAY, 0) >= POSTS_MAX {
        return envelope(403, "Forbidden", &json!([]), Some((8023, "Daily post limit reached")));
    }
    if count(world, now, &of_photos, DAY, 0).saturating_add(photos) > PHOTOS_MAX {
        return envelope(403, "Forbidden", &json!([]), Some((8004, "Daily photo limit reached")));
    }
    count(world, now, &of_posts, DAY, 1);
    count(world, now, &of_photos, DAY, photos);
    let text = blocks.iter().filter_map(|block| block["text"].as_str()).collect::<Vec<_>>().join("\n\n");
    let link = blocks.iter().find_map(|block| block["url"].as_str()).unwrap_or_default().to_owned();
    let media = blocks.iter().filter_map(|block| block.pointer("/media/0/url")?.as_str().map(str::to_owned)).collect();
    // Beyond what a double holds.
    let id = (700_000_000_000_000_000 + world.number()).to_string();
    let username = family.username.clone();
    let id = world.publish(Post { network: NAME, id, profile, username, text, link, media, at: now });
    envelope(201, "Created", &json!({ "id": id, "state": "published", "display_text": "Posted" }), None)
}

fn delete(world: &mut World, incoming: &Incoming, family: &Family, blog: &str) -> Answer {
    let Some(found) = find(world, blog) else { return not_found() };
    if found.role(&family.username).is_none() {
        return envelope(403, "Forbidden", &json!([]), None);
    }
    let id = incoming.f("id");
    if world.post(NAME, id).is_none() {
        return not_found();
    }
    world.posts.retain(|post| post.network != NAME || post.id != id);
    envelope(200, "OK", &json!({ "id": id }), None)
}

/// The newest first, a page at a time.
fn notes(world: &World, incoming: &Incoming, blog: &str) -> Answer {
    let id = incoming.q("id");
    let Some(found) = find(world, blog) else { return not_found() };
    if world.post(NAME, id).is_none_or(|post| post.profile != found.uuid) {
        return not_found();
    }
    let before: i64 = incoming.q("before_timestamp").parse().unwrap_or(i64::MAX);
    let mut all: Vec<Value> = world
        .comments_of(NAME, id)
        .map(|said| {
            let name: String = said.author.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
            json!({
                "type": "reply", "timestamp": said.at / MICRO, "blog_name": name, "blog_uuid": "t:Visitor", "reply_text": said.text,
                "reply_id": said.id, "blog_url": format!("https://{name}.tumblr.com/")
            })
        })
        .collect();
    let total = all.len();
    if incoming.q("mode") != "replies" {
        all.push(json!({ "type": "like", "timestamp": 1_700_000_000, "blog_name": "somebody", "blog_uuid": "t:Somebody" }));
    }
    all.reverse();
    let mut shown: Vec<Value> = all.into_iter().filter(|note| note["timestamp"].as_i64().is_some_and(|at| at < before)).collect();
    let more = shown.len() > NOTES;
    shown.truncate(NOTES);
    let last = shown.last().and_then(|note| note["timestamp"].as_i64()).unwrap_or(0).to_string();
    let mut response = json!({ "notes": shown, "total_notes": total });
    if more {
        let href = with_query(&format!("/v2/blog/{blog}/notes"), &[("id", id), ("mode", incoming.q("mode")), ("before_timestamp", &last)]);
        response["_links"] = json!({ "next": { "href": href, "method": "GET", "query_params": { "id": id, "before_timestamp": last } } });
    }
    envelope(200, "OK", &response, None)
}

/// The roles there are in a blog.
pub(super) const ROLES: &[&str] = &["admin", "member"];

pub(super) fn people() -> Vec<Person> {
    vec![
        person(NAME, "fernweh-outdoor", "Fernweh Outdoor", "t:FwxQ3001"),
        person(NAME, "jana-lindner", "Jana Lindner", "t:FwxQ3003"),
        person(NAME, "gipfelguides", "Gipfel Guides", "t:FwxQ3004"),
    ]
}

/// Blogs. Nobody of Fernweh is a member of the last one.
pub(super) fn pages() -> Vec<Page> {
    let page = |id, name, vanity, roles: &[(&str, &str)]| page(NAME, id, name, vanity, roles);
    vec![
        page(3002, "Huts we like", "huts-we-like", &[("fernweh-outdoor", "admin"), ("jana-lindner", "member")]),
        page(3001, "Fernweh Outdoor", "fernweh-outdoor", &[("fernweh-outdoor", "admin")]),
        page(3003, "Jana draws maps", "jana-lindner", &[("jana-lindner", "admin")]),
        page(3004, "Gipfel Guides", "gipfelguides", &[("gipfelguides", "admin")]),
    ]
}

pub(super) fn about(incoming: &Incoming) -> &'static str {
    match incoming.path.as_str() {
        "/oauth2/authorize" => "page",
        "/v2/oauth2/token" => super::grant_type(incoming),
        _ => "api",
    }
}
