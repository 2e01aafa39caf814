//! Films (LinkedIn's Videos API): begun with their size, put there in the parts that were named, ended with the tag of every part,
//! and worked on for a while.

use serde_json::{Value, json};

use super::acts::may_write;
use super::{NAME, not_enough, refused};
use crate::request::{Answer, Incoming, json as answer};
use crate::tokens::Family;
use crate::world::World;

/// The most bytes of a part.
const PART: u64 = 4 * 1024 * 1024;
/// How long a film is worked on, in µs.
const WORKS: i64 = 10 * 1_000_000;

fn illegal(words: &str) -> Answer {
    refused(400, 0, "ILLEGAL_ARGUMENT", words)
}

/// What is known of a film, by its URN.
fn key(urn: &str) -> (&'static str, String) {
    (NAME, format!("film/{urn}"))
}

pub(super) fn begin(world: &mut World, incoming: &Incoming, family: &Family, body: &Value) -> Answer {
    let wanted = &body["initializeUploadRequest"];
    let owner = wanted["owner"].as_str().unwrap_or_default();
    if !may_write(world, family, owner, "") {
        return not_enough("videos.ACTION-initializeUpload");
    }
    let size = wanted["fileSizeBytes"].as_u64().unwrap_or(0);
    if size == 0 || !wanted["uploadCaptions"].is_boolean() || !wanted["uploadThumbnail"].is_boolean() {
        return illegal("fileSizeBytes, uploadCaptions and uploadThumbnail are required");
    }
    let id = world.number();
    let parts: Vec<Value> = (0..size.div_ceil(PART))
        .map(|n| {
            let url = format!("{}/linkedin/rest/upload/video/{id}/{n}", incoming.origin());
            json!({ "uploadUrl": url, "firstByte": n * PART, "lastByte": ((n + 1) * PART).min(size) - 1 })
        })
        .collect();
    let urn = format!("urn:li:video:{id}");
    world.kept.insert(key(&urn), json!({ "owner": owner, "parts": parts, "tags": vec![Value::Null; parts.len()], "since": Value::Null }));
    answer(200, &json!({ "value": { "video": urn, "uploadInstructions": parts, "uploadToken": "", "uploadUrlsExpireAt": 0 } }))
}

/// A part. The address is all it takes.
pub(super) fn part(world: &mut World, incoming: &Incoming, id: &str, n: &str) -> Answer {
    let film = world.kept.get_mut(&key(&format!("urn:li:video:{id}")));
    let Some((film, n)) = film.zip(n.parse::<usize>().ok()).filter(|(film, n)| film["parts"][*n].is_object()) else {
        return refused(404, 0, "RESOURCE_NOT_FOUND", "No upload was begun here");
    };
    let part = &film["parts"][n];
    let size = part["lastByte"].as_u64().unwrap_or(0) + 1 - part["firstByte"].as_u64().unwrap_or(0);
    if u64::try_from(incoming.body.len()) != Ok(size) || incoming.header("authorization").is_some() {
        return illegal("The part is not what was announced");
    }
    let tag = format!("/ambry-video/signedId/{id}-{n}");
    film["tags"][n] = tag.as_str().into();
    let mut taken = answer(200, &json!({}));
    if let Ok(tag) = http::HeaderValue::from_str(&tag) {
        taken.headers_mut().insert("etag", tag);
    }
    taken
}

pub(super) fn end(world: &mut World, now: i64, family: &Family, body: &Value) -> Answer {
    let whole = &body["finalizeUploadRequest"];
    let name = key(whole["video"].as_str().unwrap_or_default());
    let owner = world.kept.get(&name).and_then(|film| film["owner"].as_str()).unwrap_or_default().to_owned();
    if !may_write(world, family, &owner, "") {
        return not_enough("videos.ACTION-finalizeUpload");
    }
    match world.kept.get_mut(&name) {
        Some(film) if film["tags"] == whole["uploadedPartIds"] && whole["uploadToken"].is_string() => {
            film["since"] = now.into();
            answer(200, &Value::Null).map(|_| bytes::Bytes::new())
        }
        _ => illegal("uploadedPartIds are not those of the parts"),
    }
}

fn status(world: &World, now: i64, urn: &str) -> Option<&'static str> {
    let film = world.kept.get(&key(urn))?;
    Some(match film["since"].as_i64() {
        None => "WAITING_UPLOAD",
        Some(since) if now - since < WORKS => "PROCESSING",
        Some(_) => "AVAILABLE",
    })
}

pub(super) fn look(world: &World, now: i64, family: &Family, urn: &str) -> Answer {
    let owner = world.kept.get(&key(urn)).and_then(|film| film["owner"].as_str());
    match (owner, status(world, now, urn)) {
        (Some(owner), Some(status)) if may_write(world, family, owner, "") => {
            answer(200, &json!({ "id": urn, "owner": owner, "status": status }))
        }
        (Some(_), _) => not_enough("videos.GET"),
        _ => refused(404, 0, "RESOURCE_NOT_FOUND", "Could not find entity"),
    }
}

/// Whether a post can show it.
pub(super) fn is_there(world: &World, now: i64, id: &str) -> bool {
    world.uploads.contains(id) || status(world, now, id) == Some("AVAILABLE")
}
