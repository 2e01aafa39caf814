//! Status messages, shared links, the own feed and comments (knowledge base, section 8).

use serde_json::{Value, json};

use super::{NAME, error, invalid, who};
use crate::networks::moment;
use crate::people::{Comment, Post};
use crate::request::{Answer, Incoming, json as answer, percent_decoded};
use crate::world::World;

pub(super) fn handle(world: &mut World, now: i64, incoming: &Incoming) -> Answer {
    let username = match who(world, now, incoming) {
        Ok(username) => username,
        Err(refused) => return refused,
    };
    let given = |name: &str| if incoming.q(name).is_empty() { incoming.f(name).to_owned() } else { incoming.q(name).to_owned() };
    let parts: Vec<String> = incoming.path.trim_start_matches("/v1/").split('/').map(percent_decoded).collect();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    match (incoming.method.as_str(), parts.as_slice()) {
        ("POST", ["users", "me", "status_message"]) => publish(world, now, &username, &given("message"), ""),
        ("POST", ["users", "me", "share", "link"]) => publish(world, now, &username, &given("text"), &given("uri")),
        ("GET", ["users", id, "feed"]) => feed(world, now, &username, id),
        // Consumers without a feed of their own are shown no comments.
        ("GET", ["activities", _, "comments"]) => error(403, "ACCESS_DENIED", "Access denied"),
        ("DELETE", ["activities", id]) => delete(world, &username, id),
        ("POST", ["activities", id, "comments"]) => comment(world, now, &username, id, &given("text")),
        _ => error(404, "RESOURCE_NOT_FOUND", "Not found"),
    }
}

fn publish(world: &mut World, now: i64, username: &str, text: &str, link: &str) -> Answer {
    if (text.is_empty() && link.is_empty()) || text.chars().count() > 420 {
        return invalid("message", if text.is_empty() { "MISSING" } else { "TOO_LONG" });
    }
    let profile = world.person(NAME, username).map(|person| person.id.clone()).unwrap_or_default();
    let id = format!("{}_activity", world.number());
    world.publish(Post {
        network: NAME,
        id,
        profile,
        username: username.into(),
        text: text.into(),
        link: link.into(),
        media: vec![],
        at: now,
    });
    // Plain text, and no id.
    let mut said = answer(201, &Value::Null);
    *said.body_mut() = bytes::Bytes::from_static(b"Status update has been posted");
    said.headers_mut().insert("content-type", http::HeaderValue::from_static("text/plain"));
    said
}

/// One's own (that it is answered so is unconfirmed).
fn delete(world: &mut World, username: &str, id: &str) -> Answer {
    match world.post(NAME, id).map(|post| post.username == username) {
        None => error(404, "RESOURCE_NOT_FOUND", "Not found"),
        Some(false) => error(403, "ACCESS_DENIED", "Access denied"),
        Some(true) => {
            world.posts.retain(|post| post.network != NAME || post.id != id);
            answer(204, &Value::Null).map(|_| bytes::Bytes::new())
        }
    }
}

/// A user's own feed, by id: the feed of one's contacts lies elsewhere.
fn feed(world: &World, now: i64, username: &str, id: &str) -> Answer {
    if world.person(NAME, username).is_none_or(|person| person.id != id) {
        return error(403, "ACCESS_DENIED", "Access denied");
    }
    // The feed lags behind what was published.
    let lag = if crate::networks::trouble(world, NAME).as_deref() == Some("late_feed") { 60_000_000 } else { 1_000_000 };
    let shows = |post: &&Post| now - post.at >= lag;
    let own = world.posts.iter().rev().filter(|post| post.network == NAME && post.username == username).filter(shows).take(20);
    let activities: Vec<_> =
        own.map(|post| json!({ "ids": [post.id], "verb": "post", "created_at": moment::rfc3339(post.at), "objects": [{ "type": "status", "content": post.text }] })).collect();
    answer(200, &json!({ "network_activities": activities }))
}

fn comment(world: &mut World, now: i64, username: &str, post: &str, text: &str) -> Answer {
    if world.post(NAME, post).is_none() {
        return error(404, "RESOURCE_NOT_FOUND", "Not found");
    }
    if text.is_empty() {
        return invalid("text", "MISSING");
    }
    let author = world.person(NAME, username).map(|person| person.name.clone()).unwrap_or_default();
    let id = format!("{}_comment", world.number());
    let said = Comment { network: NAME, id: id.clone(), post: post.into(), in_reply_to: String::new(), author, text: text.into(), at: now };
    world.comments.push(said);
    answer(201, &json!({ "id": id, "content": text }))
}
