//! Content posting (knowledge base, section 8).

use serde_json::{Value, json};

use super::{NAME, api_error, give_to, too_many, whose};
use crate::limits::Limit;
use crate::people::Post;
use crate::request::{Answer, Incoming, json as answer};
use crate::tokens::Family;
use crate::world::World;

/// Of each user token, by the end of the path.
const LIMITS: [Limit; 3] = [
    Limit { network: NAME, name: "creator_info/query/", calls: 20, seconds: 60 },
    Limit { network: NAME, name: "init/", calls: 6, seconds: 60 },
    Limit { network: NAME, name: "status/fetch/", calls: 30, seconds: 60 },
];

fn ok(data: &Value) -> Answer {
    answer(200, &json!({ "data": data, "error": { "code": "ok", "message": "", "log_id": "202611230000000000" } }))
}

pub(super) fn handle(world: &mut World, now: i64, incoming: &Incoming, path: &str) -> Answer {
    let (app, family) = match whose(world, now, incoming) {
        Ok(known) => known,
        Err(refused) => return refused,
    };
    if !family.scopes.iter().any(|scope| scope == "video.publish") {
        return api_error(401, "scope_not_authorized", "The user did not authorize the scope required for completing this request.");
    }
    if let Some(limit) = LIMITS.iter().find(|limit| path.ends_with(limit.name))
        && let Err(seconds) = world.count(now, limit, incoming.bearer())
    {
        return too_many(now, seconds);
    }
    if !path.starts_with("status/") && crate::networks::trouble(world, NAME).as_deref() == Some("banned_from_posting") {
        return api_error(403, "spam_risk_user_banned_from_posting", "The user is banned from making new posts.");
    }
    let body: Value = serde_json::from_slice(&incoming.body).unwrap_or_default();
    let said = match path {
        "creator_info/query/" => creator(world, &family),
        "video/init/" => film(world, now, incoming, &family, &body),
        "content/init/" => pictures(world, now, &family, &body),
        "status/fetch/" => status(world, now, &family, &body),
        _ => api_error(404, "not_found", "There is no such call."),
    };
    // What becomes of a post is told to the app that sent it.
    let made = serde_json::from_slice::<Value>(said.body()).unwrap_or_default();
    if let Some(id) = made["data"]["publish_id"].as_str() {
        give_to(world, id, app);
    }
    said
}

fn creator(world: &World, family: &Family) -> Answer {
    let name = world.person(NAME, &family.username).map_or("", |person| &person.name);
    ok(&json!({
        "creator_username": family.username, "creator_nickname": name, "creator_avatar_url": "https://pictures.example/avatar.png",
        "privacy_level_options": offered(family),
        "comment_disabled": family.username == PRIVATE, "duet_disabled": false, "stitch_disabled": false, "max_video_post_duration_sec": 300
    }))
}

/// Somebody whose account is private, and who let nobody comment.
const PRIVATE: &str = "gipfel.guides";

/// Who may see a post, as far as this creator can choose.
fn offered(family: &Family) -> &'static [&'static str] {
    if family.username == PRIVATE {
        &["FOLLOWER_OF_CREATOR", "MUTUAL_FOLLOW_FRIENDS", "SELF_ONLY"]
    } else {
        &["PUBLIC_TO_EVERYONE", "MUTUAL_FOLLOW_FRIENDS", "SELF_ONLY"]
    }
}

/// What every post has to say: who may see it, by one of the creator's own options, and no comments where they are switched off.
fn is_allowed(family: &Family, body: &Value) -> bool {
    let info = &body["post_info"];
    let comments = family.username != PRIVATE || info["disable_comment"] == true;
    comments && offered(family).iter().any(|level| info["privacy_level"] == *level)
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
    if !is_allowed(family, body) {
        return api_error(403, "privacy_level_option_mismatch", "The privacy_level is not one of privacy_level_options.");
    }
    if title.encode_utf16().count() > 2200 {
        return api_error(400, "invalid_params", "The title is too long.");
    }
    match source["source"].as_str() {
        Some("PULL_FROM_URL") => match source["video_url"].as_str().filter(|url| url.starts_with("https://")) {
            // It is fetched behind the answer, and whether that works shows later.
            Some(url) if url.contains("missing") => {
                let id = format!("v_pub_url~v2.{}", world.number());
                world.kept.insert((NAME, format!("failed/{id}")), true.into());
                ok(&json!({ "publish_id": id }))
            }
            Some(url) => {
                let id = keep(world, now, family, title, vec![url.to_owned()]);
                ok(&json!({ "publish_id": id }))
            }
            None => api_error(403, "url_ownership_unverified", "Please verify the ownership of the URL."),
        },
        Some("FILE_UPLOAD") if is_divided(source) => {
            let number = world.number();
            let id = format!("v_pub_file~v2.{number}");
            let url = format!("{}/tiktok/upload/{number}", incoming.origin());
            let upload = json!({ "publish_id": id, "username": family.username, "title": title, "source": source, "arrived": 0 });
            world.kept.insert((NAME, format!("upload/{number}")), upload);
            ok(&json!({ "publish_id": id, "upload_url": url }))
        }
        _ => api_error(400, "invalid_params", "The source_info is not valid."),
    }
}

/// Parts of 5 to 64 MB, the last one taking what is left up to 128 MB; what is smaller comes whole.
fn is_divided(source: &Value) -> bool {
    const MB: u64 = 1_000_000;
    let number = |field: &str| source[field].as_u64().unwrap_or(0);
    let (size, part, count) = (number("video_size"), number("chunk_size"), number("total_chunk_count"));
    match count {
        0 => false,
        1 => size > 0 && part == size && size <= 64 * MB,
        _ => (5 * MB..=64 * MB).contains(&part) && count == size / part && count <= 1_000 && size - (count - 1) * part <= 128 * MB,
    }
}

/// A part of a film, one after the other. There is no token: the address is enough.
pub(super) fn upload(world: &mut World, now: i64, incoming: &Incoming, number: &str) -> Answer {
    let key = (NAME, format!("upload/{number}"));
    let Some(mut kept) = world.kept.get(&key).cloned() else { return answer(404, &json!({})) };
    let of = |field: &str| kept["source"][field].as_u64().unwrap_or(0);
    let (size, part, count) = (of("video_size"), of("chunk_size"), of("total_chunk_count"));
    let n = kept["arrived"].as_u64().unwrap_or(0);
    let (first, end) = (n * part, if n + 1 == count { size } else { (n + 1) * part });
    let range = format!("bytes {first}-{}/{size}", end.saturating_sub(1));
    let is_next = n < count && incoming.header("content-range") == Some(&range) && u64::try_from(incoming.body.len()) == Ok(end - first);
    if !is_next || incoming.header("authorization").is_some() {
        return answer(416, &json!({}));
    }
    kept["arrived"] = (n + 1).into();
    world.kept.insert(key, kept.clone());
    if n + 1 < count {
        return answer(206, &json!({}));
    }
    let text = |field: &str| kept[field].as_str().unwrap_or_default().to_owned();
    let profile = world.person(NAME, &text("username")).map(|person| person.id.clone()).unwrap_or_default();
    let media = vec![format!("upload of {size} bytes in {count} parts")];
    let (id, username, text) = (text("publish_id"), text("username"), text("title"));
    world.publish(Post { network: NAME, id, profile, username, text, link: String::new(), media, at: now });
    answer(201, &json!({}))
}

/// Whether a film is still on its way to the network, and whose it is.
fn on_its_way<'a>(world: &'a World, publish_id: &str) -> Option<&'a str> {
    let is_it = |kept: &&Value| kept["publish_id"] == publish_id;
    let kept = world.kept.iter().filter(|((network, _), _)| *network == NAME).map(|(_, kept)| kept).find(is_it)?;
    kept["username"].as_str()
}

fn pictures(world: &mut World, now: i64, family: &Family, body: &Value) -> Answer {
    let images: Vec<String> =
        body["source_info"]["photo_images"].as_array().into_iter().flatten().filter_map(|url| url.as_str().map(str::to_owned)).collect();
    let good = body["media_type"] == "PHOTO" && body["post_mode"] == "DIRECT_POST" && body["source_info"]["source"] == "PULL_FROM_URL";
    if !good || images.is_empty() || images.len() > 35 || !is_allowed(family, body) {
        return api_error(400, "invalid_params", "The request is not valid.");
    }
    let words = |field: &str| body["post_info"][field].as_str().unwrap_or_default();
    if words("title").encode_utf16().count() > 90 || words("description").encode_utf16().count() > 4_000 {
        return api_error(400, "invalid_params", "The title or the description is too long.");
    }
    let text = words("description").to_owned();
    let id = keep(world, now, family, &text, images);
    ok(&json!({ "publish_id": id }))
}

/// How long a post is worked on before it is there, in µs.
const WORKS: i64 = 4 * 1_000_000;

/// The public id of a post: more digits than a fraction holds.
pub(crate) fn public_id(publish_id: &str) -> u64 {
    7_300_000_000_000_000_000 + publish_id.rsplit('.').next().and_then(|number| number.parse::<u64>().ok()).unwrap_or(0)
}

fn status(world: &World, now: i64, family: &Family, body: &Value) -> Answer {
    let id = body["publish_id"].as_str().unwrap_or_default();
    if world.kept.contains_key(&(NAME, format!("failed/{id}"))) {
        return ok(&json!({ "status": "FAILED", "fail_reason": "video_pull_failed", "publicaly_available_post_id": [] }));
    }
    match world.post(NAME, id) {
        None if on_its_way(world, id) == Some(&family.username) => {
            ok(&json!({ "status": "PROCESSING_UPLOAD", "publicaly_available_post_id": [] }))
        }
        None => api_error(400, "invalid_publish_id", "The publish_id does not exist."),
        Some(post) if post.username != family.username => {
            api_error(400, "token_not_authorized_for_specified_publish_id", "The publish_id is another user's.")
        }
        Some(post) if now - post.at < WORKS => {
            let status = if id.starts_with("v_pub_file") { "PROCESSING_UPLOAD" } else { "PROCESSING_DOWNLOAD" };
            ok(&json!({ "status": status, "publicaly_available_post_id": [] }))
        }
        Some(_) => ok(&json!({ "status": "PUBLISH_COMPLETE", "publicaly_available_post_id": [public_id(id)] })),
    }
}
