//! Films for Pins: registered, sent as a form with the parameters that were given, and worked on for a while.

use serde_json::{Value, json};

use super::{NAME, error};
use crate::request::{Answer, Incoming, json as answer};
use crate::tokens::Family;
use crate::world::World;

/// How long a film is worked on, in µs.
const WORKS: i64 = 10 * 1_000_000;

fn key(id: &str) -> (&'static str, String) {
    (NAME, format!("film/{id}"))
}

pub(super) fn register(world: &mut World, incoming: &Incoming, family: &Family) -> Answer {
    if !family.scopes.iter().any(|scope| scope == "pins:write") {
        return error(401, 3, "Your application consumer type is not supported, please contact support. Missing scope: pins:write");
    }
    let body: Value = serde_json::from_slice(&incoming.body).unwrap_or_default();
    if body["media_type"] != "video" {
        return error(400, 1, "Invalid request: media_type");
    }
    let id = world.number().to_string();
    world.kept.insert(key(&id), json!({ "owner": family.username, "since": Value::Null }));
    let given = json!({ "key": format!("uploads/{id}"), "policy": "c2FuZGJveA==", "x-amz-signature": "00ff" });
    let url = format!("{}/pinterest/upload/{id}", incoming.origin());
    answer(201, &json!({ "media_id": id, "media_type": "video", "upload_url": url, "upload_parameters": given }))
}

/// The file comes last, after every parameter; who sends a token beside them is refused, as the store behind it does.
pub(super) fn upload(world: &mut World, now: i64, incoming: &Incoming, id: &str) -> Answer {
    let text = String::from_utf8_lossy(&incoming.body);
    let is_form = incoming.header("content-type").is_some_and(|kind| kind.starts_with("multipart/form-data; boundary="));
    let file = text.find("name=\"file\"; filename=");
    let all = ["key", "policy", "x-amz-signature"]
        .iter()
        .all(|name| text.find(&format!("name=\"{name}\"\r\n\r\n")).zip(file).is_some_and(|(parameter, file)| parameter < file));
    let Some(film) = world.kept.get_mut(&key(id)).filter(|_| is_form && all && incoming.header("authorization").is_none()) else {
        return answer(403, &json!({ "Code": "AccessDenied" }));
    };
    film["since"] = now.into();
    answer(204, &Value::Null).map(|_| bytes::Bytes::new())
}

fn status(film: &Value, now: i64) -> &'static str {
    match film["since"].as_i64() {
        None => "registered",
        Some(since) if now - since < WORKS => "processing",
        Some(_) => "succeeded",
    }
}

pub(super) fn look(world: &World, now: i64, family: &Family, id: &str) -> Answer {
    match world.kept.get(&key(id)).filter(|film| film["owner"] == family.username) {
        Some(film) => answer(200, &json!({ "media_id": id, "media_type": "video", "status": status(film, now) })),
        None => error(404, 50, "Media not found."),
    }
}

/// Whether a Pin of that person can show it.
pub(super) fn is_there(world: &World, now: i64, family: &Family, id: &str) -> bool {
    world.kept.get(&key(id)).is_some_and(|film| film["owner"] == family.username && status(film, now) == "succeeded")
}
