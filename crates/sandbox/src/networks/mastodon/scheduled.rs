//! What is to be published later (`scheduled_at`): five minutes ahead at least, kept until its moment, and published then. A moment that
//! is over already is none: what names it is published at once.

use serde_json::{Value, json};

use super::super::moment;
use super::api::{attachment, not_found, say};
use super::{DOMAIN, MICRO, NAME, list};
use crate::request::{Answer, Incoming, json as answer};
use crate::tokens::Family;
use crate::world::World;

/// The least time ahead, in µs.
const AHEAD: i64 = 5 * 60 * MICRO;
/// So many may wait of one account.
const WAITING_MAX: usize = 300;

fn invalid(words: &str) -> Answer {
    answer(422, &json!({ "error": format!("Validation failed: {words}") }))
}

/// Keeps what is to be published later. `None`: it is published at once.
pub(super) fn keep(world: &mut World, now: i64, body: &Value, family: &Family) -> Option<Answer> {
    let text = body["scheduled_at"].as_str().filter(|text| !text.trim().is_empty())?;
    let Some(at) = moment::read(text) else { return Some(answer(422, &json!({ "error": "Record invalid" }))) };
    if at <= now {
        return None;
    }
    if at <= now + AHEAD {
        return Some(invalid("Scheduled at The scheduled date must be in the future"));
    }
    if waiting(world, &family.username).len() >= WAITING_MAX {
        return Some(invalid("You have exceeded the limit of 300 scheduled posts"));
    }
    let id = world.number().to_string();
    let kept = json!({ "at": at, "username": family.username, "body": body });
    world.kept.insert((NAME, format!("scheduled/{id}")), kept.clone());
    Some(answer(200, &shown(&id, &kept)))
}

/// What waits of one account: id and what was kept.
fn waiting(world: &World, username: &str) -> Vec<(String, Value)> {
    let of_account = |((network, key), kept): (&(&str, String), &Value)| {
        let id = key.strip_prefix("scheduled/").filter(|_| *network == NAME)?;
        (kept["username"] == username).then(|| (id.to_owned(), kept.clone()))
    };
    world.kept.iter().filter_map(of_account).collect()
}

fn shown(id: &str, kept: &Value) -> Value {
    let body = &kept["body"];
    let media: Vec<Value> =
        list(&body["media_ids"]).iter().map(|id| attachment(id, &json!(format!("https://{DOMAIN}/media/{id}.png")))).collect();
    json!({
        "id": id, "scheduled_at": moment::rfc3339(kept["at"].as_i64().unwrap_or(0)), "media_attachments": media,
        "params": {
            "application_id": 1, "text": body["status"].as_str().unwrap_or_default(), "visibility": body["visibility"].as_str().unwrap_or("public"),
            "with_rate_limit": false, "scheduled_at": null, "poll": null, "idempotency": null,
            "in_reply_to_id": body["in_reply_to_id"].as_str().and_then(|id| id.parse::<i64>().ok()), "media_ids": body["media_ids"],
            "sensitive": body["sensitive"], "spoiler_text": body["spoiler_text"], "language": body["language"]
        }
    })
}

/// Publishes whatever has become due, at the moment it was meant for.
pub(super) fn release(world: &mut World, now: i64) {
    let is_due = |((network, key), kept): (&(&'static str, String), &Value)| {
        let is_due = *network == NAME && key.starts_with("scheduled/") && kept["at"].as_i64().is_some_and(|at| at <= now);
        is_due.then(|| (key.clone(), kept.clone()))
    };
    let mut due: Vec<(String, Value)> = world.kept.iter().filter_map(is_due).collect();
    due.sort_by_key(|(_, kept)| kept["at"].as_i64());
    for (key, kept) in due {
        world.kept.remove(&(NAME, key));
        let username = kept["username"].as_str().unwrap_or_default();
        say(world, kept["at"].as_i64().unwrap_or(now), &kept["body"], username);
    }
}

/// The list of what waits, one of it, another moment for it, or its end.
pub(super) fn call(world: &mut World, now: i64, incoming: &Incoming, id: &str, family: &Family) -> Answer {
    let mine = waiting(world, &family.username);
    if id.is_empty() && incoming.method == http::Method::GET {
        let all: Vec<Value> = mine.iter().map(|(id, kept)| shown(id, kept)).collect();
        return answer(200, &json!(all));
    }
    let Some((id, mut kept)) = mine.into_iter().find(|(known, _)| known == id) else { return not_found() };
    let key = (NAME, format!("scheduled/{id}"));
    match incoming.method.as_str() {
        "GET" => answer(200, &shown(&id, &kept)),
        "PUT" => {
            let body: Value = serde_json::from_slice(&incoming.body).unwrap_or_else(|_| json!(incoming.form()));
            match body["scheduled_at"].as_str().and_then(moment::read) {
                Some(at) if at > now + AHEAD => kept["at"] = json!(at),
                _ => return invalid("Scheduled at The scheduled date must be in the future"),
            }
            world.kept.insert(key, kept.clone());
            answer(200, &shown(&id, &kept))
        }
        "DELETE" => {
            world.kept.remove(&key);
            answer(200, &json!({}))
        }
        _ => not_found(),
    }
}
