//! Pins (knowledge base, section 8).

use serde_json::{Value, json};

use super::boards::boards_of;
use super::{NAME, error, media};
use crate::people::Post;
use crate::request::{Answer, Incoming, json as answer};
use crate::tokens::Family;
use crate::world::World;

pub(super) fn publish(world: &mut World, now: i64, incoming: &Incoming, family: &Family) -> Answer {
    if !family.scopes.iter().any(|scope| scope == "pins:write") {
        return error(401, 3, "Your application consumer type is not supported, please contact support. Missing scope: pins:write");
    }
    let Ok(body) = serde_json::from_slice::<Value>(&incoming.body) else { return error(400, 1, "Invalid request: the body is not JSON") };
    let text = |field: &str| body[field].as_str().unwrap_or_default().to_owned();
    let board = boards_of(world, family).into_iter().find(|board| board.id.to_string() == text("board_id"));
    let Some((board, secret, sections)) = board.map(|board| (board.id, board.secret, board.sections)) else {
        return error(404, 40, "Board not found.");
    };
    let section = text("board_section_id");
    if !section.is_empty() && !sections.iter().any(|(id, _)| id.to_string() == section) {
        return error(404, 2031, "Board section not found.");
    }
    let may = |scope: &str| family.scopes.iter().any(|granted| granted == scope);
    if secret && !(may("boards:write_secret") && may("pins:write_secret")) {
        return error(401, 3, "Your application consumer type is not supported, please contact support. Missing scope: pins:write_secret");
    }
    let source = &body["media_source"];
    let Some(media) = shown(world, now, family, source) else {
        return error(400, 1, "Invalid request: media_source is missing or not valid");
    };
    for (field, max) in [("title", 100), ("description", 800), ("link", 2048), ("alt_text", 500)] {
        if text(field).chars().count() > max {
            return error(400, 1, &format!("Invalid request: '{field}' is too long"));
        }
    }
    let id = world.number().to_string();
    let username = family.username.clone();
    let post = Post {
        network: NAME,
        id,
        profile: if section.is_empty() { board.to_string() } else { format!("{board}/{section}") },
        username: username.clone(),
        text: text("description"),
        link: text("link"),
        media,
        at: now,
    };
    let id = world.publish(post);
    answer(
        201,
        &json!({
            "id": id, "board_id": board.to_string(), "board_section_id": (!section.is_empty()).then_some(section), "title": text("title"), "description": text("description"), "link": text("link"),
            "alt_text": text("alt_text"), "board_owner": { "username": username }, "is_owner": true, "creative_type": "REGULAR",
            "created_at": "2026-11-23T10:00:00", "is_standard": true, "has_been_promoted": false, "parent_pin_id": null
        }),
    )
}

/// Whoever made a Pin deletes it: 204 and nothing more.
pub(super) fn delete(world: &mut World, family: &Family, id: &str) -> Answer {
    if !family.scopes.iter().any(|scope| scope == "pins:write") {
        return error(401, 3, "Your application consumer type is not supported, please contact support. Missing scope: pins:write");
    }
    match world.post(NAME, id).map(|pin| pin.username == family.username) {
        None => error(404, 50, "Pin not found."),
        Some(false) => error(403, 403, "Not authorized to access board or Pin."),
        Some(true) => {
            world.posts.retain(|pin| pin.network != NAME || pin.id != id);
            answer(204, &Value::Null).map(|_| bytes::Bytes::new())
        }
    }
}

/// What a Pin shows: one picture, 2 to 5 that come the same way, or a film that was worked on and has something to stand for it.
fn shown(world: &World, now: i64, family: &Family, source: &Value) -> Option<Vec<String>> {
    let url = |item: &Value| item["url"].as_str().filter(|url| url.starts_with("http")).map(str::to_owned);
    let data = |item: &Value| item["data"].as_str().filter(|_| item["content_type"].is_string()).map(|_| "image_base64".to_owned());
    let items = source["items"].as_array().filter(|items| (2..=5).contains(&items.len()));
    match source["source_type"].as_str()? {
        "image_url" => url(source).map(|url| vec![url]),
        "image_base64" => data(source).map(|data| vec![data]),
        "multiple_image_urls" => items?.iter().map(url).collect(),
        "multiple_image_base64" => items?.iter().map(data).collect(),
        "video_id" => {
            let id = source["media_id"].as_str().filter(|id| media::is_there(world, now, family, id))?;
            let covers = ["cover_image_url", "cover_image_data", "cover_image_key_frame_time"];
            covers.iter().any(|cover| !source[*cover].is_null()).then(|| vec![format!("film {id}")])
        }
        _ => None,
    }
}
