//! What the API host answers.

use http::HeaderValue;
use serde_json::{Value, json};

use super::{MICRO, NAME, SUSPENDED};
use crate::people::{Comment, Post};
use crate::request::{Answer, Incoming, json as answer};
use crate::tokens::Family;
use crate::world::World;

/// Communities: name, number, whether everybody may write there.
const COMMUNITIES: &[(&str, &str, bool)] = &[
    ("hiking", "2qh1o", true),
    ("AlpineClimbing", "2qh2p", true),
    (FLAIRED, "2qh3q", true),
    ("fernweh_team", "2qh4r", false),
    (BANNED, "2qh5s", true),
];
/// Takes no post without a flair, no title of less than ten characters, and no links.
const FLAIRED: &str = "mountainhuts";
const FLAIRS: &[(&str, &str)] =
    &[("5f1c9d3e-0a52-11ee-9c4b-1e2d3c4b5a69", "Trip report"), ("6a2dae4f-0a52-11ee-8d5c-2f3e4d5c6b7a", "Question")];
const TITLE_MIN: usize = 10;
/// Has banned everybody of ours.
const BANNED: &str = "gearswap";
/// Requests of a client in ten minutes.
const LIMIT: u64 = 1000;
const WINDOW: i64 = 600;
/// So many comments of a tree come at once.
const SHOWN: usize = 20;
/// An account with so little karma that it may post once in ten minutes only.
const NEW_HERE: &str = "tom_becker";

pub(super) fn handle(world: &mut World, now: i64, incoming: &Incoming) -> Option<Answer> {
    let needs = match (incoming.method.as_str(), incoming.path.as_str()) {
        ("GET", "/api/v1/me") => "identity",
        ("GET", "/subreddits/mine/subscriber") => "mysubreddits",
        ("POST", "/api/submit" | "/api/comment") => "submit",
        ("POST", "/api/del") => "edit",
        ("GET", "/api/morechildren") => "read",
        ("GET", path) if path.starts_with("/api/v1/") && path.ends_with("/post_requirements") => "submit",
        ("GET", path) if path.starts_with("/r/") && path.ends_with("/api/link_flair_v2") => "flair",
        ("GET", path) if path.starts_with("/comments/") || (path.starts_with("/r/") && path.ends_with("/about")) => "read",
        _ => return None,
    };
    let (used, left, reset) = count(world, now);
    let mut said = if used > LIMIT {
        answer(429, &json!({ "message": "Too Many Requests", "error": 429 }))
    } else {
        match world.check_access(now, NAME, incoming.bearer()) {
            Err(_) => challenged(401, "Unauthorized", "invalid_token"),
            Ok((_, family)) if !family.scopes.iter().any(|scope| scope == needs) => challenged(403, "Forbidden", "insufficient_scope"),
            Ok((_, family)) if family.username == SUSPENDED && incoming.path != "/api/v1/me" => {
                answer(403, &json!({ "message": "Forbidden", "error": 403 }))
            }
            Ok((_, family)) => act(world, now, incoming, &family),
        }
    };
    // The number left is written with a fraction.
    for (name, value) in [("used", used.to_string()), ("remaining", format!("{left}.0")), ("reset", reset.to_string())] {
        let name = http::HeaderName::try_from(format!("x-ratelimit-{name}")).ok();
        if let (Some(name), Ok(value)) = (name, HeaderValue::from_str(&value)) {
            said.headers_mut().insert(name, value);
        }
    }
    Some(said)
}

fn challenged(status: u16, message: &str, error: &str) -> Answer {
    let mut said = answer(status, &json!({ "message": message, "error": status }));
    if let Ok(challenge) = HeaderValue::from_str(&format!("Bearer realm=\"reddit\", error=\"{error}\"")) {
        said.headers_mut().insert("www-authenticate", challenge);
    }
    said
}

/// Used, left, and seconds to the end of the window.
fn count(world: &mut World, now: i64) -> (u64, u64, i64) {
    let window = now.div_euclid(WINDOW * MICRO);
    let kept = world.kept.entry((NAME, "limit".into())).or_insert(json!([window, 0]));
    if kept[0] != json!(window) {
        *kept = json!([window, 0]);
    }
    let used = kept[1].as_u64().unwrap_or(0) + 1;
    kept[1] = json!(used);
    (used, LIMIT.saturating_sub(used), WINDOW - now.rem_euclid(WINDOW * MICRO) / MICRO)
}

fn act(world: &mut World, now: i64, incoming: &Incoming, family: &Family) -> Answer {
    // Whoever does not ask for JSON gets instructions for an old page's script, and nothing is read out of them here.
    if incoming.method == http::Method::POST && incoming.f("api_type") != "json" {
        return answer(200, &json!({ "jquery": [[0, 1, "call", ["body"]], [1, 2, "attr", "find"]], "success": false }));
    }
    match incoming.path.as_str() {
        "/api/v1/me" => me(world, incoming, family),
        "/subreddits/mine/subscriber" => subscriptions(incoming, family),
        "/api/submit" => submit(world, now, incoming, family),
        "/api/comment" => comment(world, now, incoming, family),
        "/api/del" => delete(world, incoming, family),
        "/api/morechildren" => more(world, incoming),
        path => match path.strip_prefix("/comments/") {
            Some(id36) => tree(world, incoming, id36),
            None if path.ends_with("/post_requirements") => requirements(path),
            None if path.ends_with("/link_flair_v2") => flairs(path),
            None => community(path.trim_start_matches("/r/").trim_end_matches("/about")),
        },
    }
}

/// Escaped unless asked otherwise.
const ICON: &str = "https://styles.redditmedia.com/t5_x/icon.png?width=256&s=1";

fn me(world: &World, incoming: &Incoming, family: &Family) -> Answer {
    let Some(person) = world.person(NAME, &family.username) else { return challenged(401, "Unauthorized", "invalid_token") };
    answer(
        200,
        &json!({
            "id": person.id, "name": person.name,
            "icon_img": if incoming.q("raw_json") == "1" { ICON.to_owned() } else { ICON.replace('&', "&amp;") },
            "is_suspended": family.username == SUSPENDED, "total_karma": if family.username == NEW_HERE { 3 } else { 4211 }, "created_utc": 1_600_000_000.0,
            "subreddit": { "display_name": format!("u_{}", person.name) }
        }),
    )
}

fn about_community((name, id, open): &(&str, &str, bool)) -> Value {
    json!({
        "display_name": name, "name": format!("t5_{id}"), "id": id, "title": name, "subreddit_type": if *open { "public" } else { "private" },
        "submission_type": if *name == FLAIRED { "self" } else { "any" }, "user_is_banned": *name == BANNED, "user_is_subscriber": true, "user_is_contributor": false,
        "user_is_moderator": *name == "AlpineClimbing", "icon_img": ""
    })
}

/// A listing: fernweh_outdoor follows communities, and a profile page, which is one too.
fn subscriptions(incoming: &Incoming, family: &Family) -> Answer {
    let mut all: Vec<Value> = if family.username == "fernweh_outdoor" { COMMUNITIES.iter().map(about_community).collect() } else { vec![] };
    all.push(about_community(&("u_gipfelguides", "9zz9z", true)));
    let start = all.iter().position(|one| one["name"] == incoming.q("after")).map_or(0, |at| at + 1);
    let limit: usize = incoming.q("limit").parse().unwrap_or(25).clamp(1, 100);
    let shown: Vec<Value> = all.iter().skip(start).take(limit).map(|data| json!({ "kind": "t5", "data": data })).collect();
    let last = shown.last().map(|last| last["data"]["name"].clone()).filter(|_| start + limit < all.len());
    answer(200, &json!({ "kind": "Listing", "data": { "after": last, "before": null, "dist": shown.len(), "children": shown } }))
}

/// What a community demands of posts: nothing that is empty or zero is demanded.
fn requirements(path: &str) -> Answer {
    let name = path.trim_start_matches("/api/v1/").trim_end_matches("/post_requirements");
    let is_flaired = name.eq_ignore_ascii_case(FLAIRED);
    answer(
        200,
        &json!({
            "is_flair_required": is_flaired, "title_text_min_length": if is_flaired { json!(TITLE_MIN) } else { Value::Null },
            "title_text_max_length": null, "body_text_min_length": null, "body_text_max_length": null, "body_restriction_policy": "none",
            "title_required_strings": [], "body_required_strings": [], "domain_blacklist": [], "domain_whitelist": [], "guidelines_text": null
        }),
    )
}

fn flairs(path: &str) -> Answer {
    let name = path.trim_start_matches("/r/").split('/').next().unwrap_or_default();
    if !name.eq_ignore_ascii_case(FLAIRED) {
        return answer(403, &json!({ "message": "Forbidden", "error": 403 }));
    }
    let all: Vec<Value> = FLAIRS
        .iter()
        .map(
            |(id, text)| json!({ "id": id, "text": text, "type": "text", "text_editable": false, "mod_only": false, "text_color": "dark" }),
        )
        .collect();
    answer(200, &json!(all))
}

fn community(name: &str) -> Answer {
    match COMMUNITIES.iter().find(|(known, ..)| known.eq_ignore_ascii_case(name)) {
        Some((.., false)) => answer(403, &json!({ "message": "Forbidden", "error": 403, "reason": "private" })),
        Some(known) => answer(200, &json!({ "kind": "t5", "data": about_community(known) })),
        None => answer(404, &json!({ "message": "Not Found", "error": 404, "reason": "banned" })),
    }
}

/// A refusal inside a success.
fn refused(code: &str, words: &str, field: &str) -> Answer {
    answer(200, &json!({ "json": { "errors": [[code, words, field]] } }))
}

fn base36(mut number: u64) -> String {
    let mut digits = vec![];
    while number > 0 {
        digits.push(char::from_digit(u32::try_from(number % 36).unwrap_or(0), 36).unwrap_or('0'));
        number /= 36;
    }
    digits.into_iter().rev().collect()
}

/// How long this account has to wait before it may say more.
fn too_fast(world: &World, now: i64, username: &str) -> Option<i64> {
    let last = world.kept.get(&(NAME, format!("last/{username}"))).and_then(Value::as_i64).filter(|_| username == NEW_HERE)?;
    Some((last + WINDOW * MICRO - now) / MICRO).filter(|wait| *wait > 0)
}

fn submit(world: &mut World, now: i64, incoming: &Incoming, family: &Family) -> Answer {
    let (page, title, link) = (incoming.f("sr"), incoming.f("title"), incoming.f("url"));
    if let Some(wait) = too_fast(world, now, &family.username) {
        let words = format!("Looks like you've been doing that a lot. Take a break for {} minutes before trying again.", wait / 60 + 1);
        return answer(200, &json!({ "json": { "ratelimit": wait, "errors": [["RATELIMIT", words, "ratelimit"]] } }));
    }
    if let Some(owner) = page.strip_prefix("u_") {
        if owner != family.username {
            return refused("SUBREDDIT_NOTALLOWED", "you aren't allowed to post there.", "sr");
        }
    } else {
        match COMMUNITIES.iter().find(|(name, ..)| name.eq_ignore_ascii_case(page)) {
            Some((.., false)) => return answer(403, &json!({ "message": "Forbidden", "error": 403, "reason": "private" })),
            Some((BANNED, ..)) => return refused("BANNED_FROM_SUBREDDIT", "you have been banned from r/gearswap", "sr"),
            Some((FLAIRED, ..)) if !FLAIRS.iter().any(|(id, _)| *id == incoming.f("flair_id")) => {
                return refused("SUBMIT_VALIDATION_FLAIR_REQUIRED", "Your post must contain post flair.", "flair");
            }
            Some((FLAIRED, ..)) if incoming.f("kind") == "link" => {
                return refused("NO_LINKS", "that subreddit only allows text posts", "sr");
            }
            Some((FLAIRED, ..)) if title.chars().count() < TITLE_MIN => {
                return refused("SUBMIT_VALIDATION_MIN_LENGTH", "The title must be at least 10 characters.", "title");
            }
            Some(_) => {}
            None => return refused("SUBREDDIT_NOEXIST", "Hmm, that community doesn't exist. Try checking the spelling.", "sr"),
        }
    }
    if title.trim().is_empty() {
        return refused("NO_TEXT", "we need something here", "title");
    }
    if title.chars().count() > 300 {
        return refused("TOO_LONG", "this is too long (max: 300)", "title");
    }
    let (text, link) = match incoming.f("kind") {
        "self" if incoming.f("text").chars().count() > 40_000 => return refused("TOO_LONG", "this is too long (max: 40000)", "text"),
        "self" => (incoming.f("text"), ""),
        "link" if link.starts_with("http") => ("", link),
        "link" => return refused("NO_URL", "a url is required", "url"),
        _ => return refused("NO_TEXT", "we need something here", "kind"),
    };
    let again = !link.is_empty() && incoming.f("resubmit") != "true";
    if again && world.posts.iter().any(|post| post.network == NAME && post.link == link) {
        return refused("ALREADY_SUB", "that link has already been submitted", "url");
    }
    let id = base36(world.number());
    let post = Post {
        network: NAME,
        id: format!("t3_{id}"),
        profile: page.to_owned(),
        username: family.username.clone(),
        text: format!("{title}\n{text}").trim().to_owned(),
        link: link.to_owned(),
        media: vec![],
        at: now,
    };
    let name = world.publish(post);
    world.kept.insert((NAME, format!("last/{}", family.username)), json!(now));
    let place = page.strip_prefix("u_").map_or_else(|| format!("r/{page}"), |owner| format!("user/{owner}"));
    let url = format!("https://www.reddit.com/{place}/comments/{id}/");
    answer(200, &json!({ "json": { "errors": [], "data": { "id": id, "name": name, "url": url, "drafts_count": 0 } } }))
}

/// The fullname of a comment; what visitors said was kept under a plain number.
fn fullname(id: &str) -> String {
    if id.starts_with("t1_") { id.to_owned() } else { format!("t1_{id}") }
}

fn comment(world: &mut World, now: i64, incoming: &Incoming, family: &Family) -> Answer {
    let (to, text) = (incoming.f("thing_id"), incoming.f("text"));
    if text.trim().is_empty() {
        return refused("NO_TEXT", "we need something here", "text");
    }
    if text.chars().count() > 10_000 {
        return refused("TOO_LONG", "this is too long (max: 10000)", "text");
    }
    let answered = world.comments.iter().find(|said| said.network == NAME && fullname(&said.id) == to);
    let (post, in_reply_to) = match answered {
        Some(said) => (said.post.clone(), said.id.clone()),
        None if world.post(NAME, to).is_some() => (to.to_owned(), String::new()),
        None if is_deleted(world, to) && to.starts_with("t3_") => {
            return refused("DELETED_LINK", "the link you are commenting on has been deleted", "parent");
        }
        None if is_deleted(world, to) => return refused("DELETED_COMMENT", "that comment has been deleted", "parent"),
        None => return answer(403, &json!({ "message": "Forbidden", "error": 403 })),
    };
    if let Some(closed) = closed(world, &post) {
        return closed;
    }
    let author = world.person(NAME, &family.username).map(|person| person.name.clone()).unwrap_or_default();
    let said =
        Comment { network: NAME, id: format!("t1_{}", base36(world.number())), post, in_reply_to, author, text: text.into(), at: now };
    world.comments.push(said.clone());
    answer(200, &json!({ "json": { "errors": [], "data": { "things": [shown(&said, incoming, json!(""))] } } }))
}

/// A thread in which nothing more can be said: the post's own words say so.
fn closed(world: &World, post: &str) -> Option<Answer> {
    let text = &world.post(NAME, post)?.text;
    if text.contains("comments are locked") {
        return Some(refused("THREAD_LOCKED", "Comments are locked.", "parent"));
    }
    let words = "that's a piece of history now; it's too late to reply to it";
    text.contains("this is archived").then(|| refused("TOO_OLD", words, "parent"))
}

fn is_deleted(world: &World, name: &str) -> bool {
    world.kept.contains_key(&(NAME, format!("deleted/{name}")))
}

/// Deletes what is one's own; whatever it was, the answer says nothing of it.
fn delete(world: &mut World, incoming: &Incoming, family: &Family) -> Answer {
    let name = incoming.f("id");
    let author = world.person(NAME, &family.username).map(|person| person.name.clone()).unwrap_or_default();
    let before = (world.posts.len(), world.comments.len());
    world.posts.retain(|post| post.network != NAME || post.id != name || post.username != family.username);
    world.comments.retain(|said| said.network != NAME || fullname(&said.id) != name || said.author != author);
    if before != (world.posts.len(), world.comments.len()) {
        world.kept.insert((NAME, format!("deleted/{name}")), json!(true));
    }
    answer(200, &json!({}))
}

/// Entities are escaped unless asked otherwise.
fn raw(text: &str, incoming: &Incoming) -> String {
    if incoming.q("raw_json") == "1" || incoming.f("raw_json") == "1" {
        return text.to_owned();
    }
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn shown(said: &Comment, incoming: &Incoming, replies: Value) -> Value {
    let name = fullname(&said.id);
    let parent = if said.in_reply_to.is_empty() { said.post.clone() } else { fullname(&said.in_reply_to) };
    #[expect(clippy::cast_precision_loss, reason = "seconds since 1970")]
    let at = (said.at / MICRO) as f64;
    json!({ "kind": "t1", "data": {
        "id": name.trim_start_matches("t1_"), "name": name, "author": said.author.replace(' ', "_"), "body": raw(&said.text, incoming),
        "created_utc": at, "parent_id": parent, "link_id": said.post, "replies": replies,
        "permalink": format!("/comments/{}/_/{}/", said.post.trim_start_matches("t3_"), name.trim_start_matches("t1_"))
    } })
}

fn listing(children: &[Value]) -> Value {
    json!({ "kind": "Listing", "data": { "after": null, "before": null, "children": children } })
}

fn branch(all: &[&Comment], to: &str, incoming: &Incoming) -> Vec<Value> {
    let answers = all.iter().filter(|said| said.in_reply_to == to);
    let each = |said: &&Comment| {
        let below = branch(all, &said.id, incoming);
        shown(said, incoming, if below.is_empty() { json!("") } else { listing(&below) })
    };
    answers.map(each).collect()
}

fn tree(world: &World, incoming: &Incoming, id36: &str) -> Answer {
    let name = format!("t3_{id36}");
    let Some(post) = world.post(NAME, &name) else { return answer(404, &json!({ "message": "Not Found", "error": 404 })) };
    let all: Vec<&Comment> = world.comments_of(NAME, &name).collect();
    let most = incoming.q("limit").parse().unwrap_or(SHOWN).min(SHOWN);
    let mut children = branch(&all[..all.len().min(most)], "", incoming);
    let rest: Vec<_> = all.iter().skip(most).map(|said| fullname(&said.id).trim_start_matches("t1_").to_owned()).collect();
    if !rest.is_empty() {
        children.push(
            json!({ "kind": "more", "data": { "count": rest.len(), "name": "t1__", "id": "_", "parent_id": name, "children": rest } }),
        );
    }
    let title = raw(post.text.lines().next().unwrap_or_default(), incoming);
    let shown = json!({ "kind": "t3", "data": { "id": id36, "name": name, "title": title, "author": post.username } });
    answer(200, &json!([listing(&[shown]), listing(&children)]))
}

fn more(world: &World, incoming: &Incoming) -> Answer {
    let wanted: Vec<String> = incoming.q("children").split(',').map(fullname).collect();
    let things: Vec<Value> = world
        .comments_of(NAME, incoming.q("link_id"))
        .filter(|said| wanted.contains(&fullname(&said.id)))
        .map(|said| shown(said, incoming, json!("")))
        .collect();
    answer(200, &json!({ "json": { "errors": [], "data": { "things": things } } }))
}
