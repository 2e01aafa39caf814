//! Content posting (knowledge base, section 8).

use serde_json::{Value, json};

use super::{NAME, api_error, who};
use crate::people::Post;
use crate::request::{Answer, Incoming, json as answer};
use crate::tokens::Family;
use crate::world::World;

fn ok(data: &Value) -> Answer {
    answer(200, &json!({ "data": data, "error": { "code": "ok", "message": "", "log_id": "202611230000000000" } }))
}

pub(super) fn handle(world: &mut World, now: i64, incoming: &Incoming, path: &str) -> Answer {
    let family = match who(world, now, incoming) {
        Ok(family) => family,
        Err(refused) => return refused,
    };
    if !family.scopes.iter().any(|scope| scope == "video.publish") {
        return api_error(401, "scope_not_authorized", "The user did not authorize the scope required for completing this request.");
    }
    let body: Value = serde_json::from_slice(&incoming.body).unwrap_or_default();
    match path {
        "creator_info/query/" => creator(world, &family),
        "video/init/" => film(world, now, incoming, &family, &body),
        "content/init/" => pictures(world, now, &family, &body),
        "status/fetch/" => status(world, &body),
        _ => api_error(404, "not_found", "There is no such call."),
    }
}

fn creator(world: &World, family: &Family) -> Answer {
    let name = world.person(NAME, &family.username).map_or("", |person| &person.name);
    ok(&json!({
        "creator_username": family.username, "creator_nickname": name, "creator_avatar_url": "https://pictures.example/avatar.png",
        "privacy_level_options": ["PUBLIC_TO_EVERYONE", "MUTUAL_FOLLOW_FRIENDS", "SELF_ONLY"],
        "comment_disabled": false, "duet_disabled": false, "stitch_disabled": false, "max_video_post_duration_sec": 300
    }))
}

/// What every post has to say: who may see it, by one of the creator's own options.
fn has_privacy(body: &Value) -> bool {
    ["PUBLIC_TO_EVERYONE", "MUTUAL_FOLLOW_FRIENDS", "SELF_ONLY"].iter().any(|level| body["post_info"]["privacy_level"] == *level)
}

fn keep(world: &mut World, now: i64, family: &Family, text: &str, media: Vec<String>) -> String {
    let profile = world.person(NAME, &family.username).map(|person| person.id.clone()).unwrap_or_default();
    let id = format!("v_pub_url~v2.{}", world.number());
    world.publish(Post {
        network: NAME,
        id,
        profile,
        username: family.username.clone(),
        text: text.into(),
        link: String::new(),
        media,
        at: now,
    })
}

fn film(world: &mut World, now: i64, incoming: &Incoming, family: &Family, body: &Value) -> Answer {
    let (source, title) = (&body["source_info"], body["post_info"]["title"].as_str().unwrap_or_default());
    if !has_privacy(body) {
        return api_error(400, "privacy_level_option_mismatch", "The privacy_level is not one of privacy_level_options.");
    }
    if title.encode_utf16().count() > 2200 {
        return api_error(400, "invalid_params", "The title is too long.");
    }
    match source["source"].as_str() {
        Some("PULL_FROM_URL") => match source["video_url"].as_str().filter(|url| url.starts_with("https://")) {
            Some(url) => {
                let id = keep(world, now, family, title, vec![url.to_owned()]);
                ok(&json!({ "publish_id": id }))
            }
            None => api_error(403, "url_ownership_unverified", "Please verify the ownership of the URL."),
        },
        Some("FILE_UPLOAD") if source["video_size"].as_u64().unwrap_or(0) > 0 && source["total_chunk_count"].as_u64() == Some(1) => {
            let id = keep(world, now, family, title, vec!["upload".into()]);
            let url = format!("{}/tiktok/upload/{}", incoming.origin, world.number());
            ok(&json!({ "publish_id": id, "upload_url": url }))
        }
        _ => api_error(400, "invalid_params", "The source_info is not valid."),
    }
}

fn pictures(world: &mut World, now: i64, family: &Family, body: &Value) -> Answer {
    let images: Vec<String> =
        body["source_info"]["photo_images"].as_array().into_iter().flatten().filter_map(|url| url.as_str().map(str::to_owned)).collect();
    let good = body["media_type"] == "PHOTO" && body["post_mode"] == "DIRECT_POST" && body["source_info"]["source"] == "PULL_FROM_URL";
    if !good || images.is_empty() || images.len() > 35 || !has_privacy(body) {
        return api_error(400, "invalid_params", "The request is not valid.");
    }
    let text = body["post_info"]["description"].as_str().unwrap_or_default().to_owned();
    let id = keep(world, now, family, &text, images);
    ok(&json!({ "publish_id": id }))
}

fn status(world: &World, body: &Value) -> Answer {
    match body["publish_id"].as_str().and_then(|id| world.post(NAME, id)) {
        Some(_) => ok(&json!({ "status": "PUBLISH_COMPLETE", "publicaly_available_post_id": [], "uploaded_bytes": 0 })),
        None => api_error(400, "invalid_publish_id", "The publish_id does not exist."),
    }
}
