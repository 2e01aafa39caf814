//! The YouTube Data API v3 as its documentation describes it (knowledge base `youtube`).

use serde_json::{Value, json};

use super::Consent;
use super::google::{self, Service, caller, refused};
use super::moment::rfc3339;
use crate::people::{Comment, Page, Person, Post, page, person};
use crate::request::{Answer, Incoming, json as answer};
use crate::tokens::{DAY, Family};
use crate::world::World;

const NAME: &str = "youtube";
const READ: &str = "https://www.googleapis.com/auth/youtube.readonly";
const UPLOAD: &str = "https://www.googleapis.com/auth/youtube.upload";
const FORCE_SSL: &str = "https://www.googleapis.com/auth/youtube.force-ssl";
const SERVICE: Service = Service { name: NAME, title: "YouTube", colour: "#c00", scopes: &[READ, UPLOAD, FORCE_SSL], picks: true };
/// Units of one project and day, and uploads of one project and day.
const UNITS: i64 = 10_000;
const UPLOADS: i64 = 100;
/// Parts of an upload are multiples of this, in bytes.
const PART: i64 = 262_144;

pub(super) fn handle(world: &mut World, now: i64, incoming: &Incoming) -> Option<Answer> {
    if let Some(answer) = google::handle(world, now, incoming, &SERVICE) {
        return Some(answer);
    }
    if let Some(refused) = google::disabled(world, &SERVICE, "youtube.googleapis.com", true) {
        return Some(refused);
    }
    let done = match (incoming.method.as_str(), incoming.path.as_str()) {
        ("GET", "/youtube/v3/channels") => channels(world, now, incoming),
        ("GET", "/youtube/v3/videos") => videos(world, now, incoming),
        ("GET", "/youtube/v3/commentThreads") => threads(world, now, incoming),
        ("POST", "/youtube/v3/commentThreads") => say(world, now, incoming),
        ("GET", "/youtube/v3/comments") => replies(world, now, incoming),
        ("POST", "/youtube/v3/comments") => reply(world, now, incoming),
        ("POST", "/upload/youtube/v3/videos") => begin_upload(world, now, incoming),
        ("PUT", "/upload/youtube/v3/videos") => put_bytes(world, now, incoming),
        _ => return None,
    };
    Some(done.unwrap_or_else(|refused| refused))
}

pub(super) fn consent(world: &mut World, now: i64, incoming: &Incoming, consent: &Consent<'_>) -> Option<String> {
    google::consent(world, now, incoming, consent, &SERVICE)
}

pub(super) fn about(incoming: &Incoming) -> &'static str {
    google::about(incoming)
}

/// `UC` and 22 characters.
fn channel_id(page: &Page) -> String {
    format!("UC{:-<18}{}", page.vanity, page.id)
}

/// Takes units off the project's day, which ends at midnight in California (here without summer time).
fn spend(world: &mut World, now: i64, what: &str, units: i64, limit: i64) -> Result<(), Answer> {
    let day = (now / 1_000_000 - 8 * 3600) / DAY;
    let used = world.nonces.entry(format!("youtube {what} {day}")).or_insert(0);
    if *used + units > limit {
        let words = "Das Kontingent ist aufgebraucht.";
        return Err(refused(403, "youtube.quota", "quotaExceeded", "PERMISSION_DENIED", words));
    }
    *used += units;
    Ok(())
}

/// The channel that was picked, while the person may act as it.
fn channel(world: &World, family: &Family) -> Result<Option<Page>, Answer> {
    let Some(id) = google::picked(family) else { return Ok(None) };
    let page = world.pages.iter().find(|page| page.id == id && page.roles.iter().any(|(holder, ..)| *holder == family.username));
    // Which reason Google gives for a lost role is unconfirmed.
    page.cloned().map(Some).ok_or_else(|| {
        refused(403, "youtube.common", "authenticatedUserNotChannel", "PERMISSION_DENIED", "The authenticated user must have a channel.")
    })
}

fn needed(world: &World, family: &Family) -> Result<Page, Answer> {
    channel(world, family)?.ok_or_else(|| refused(401, "youtube.header", "youtubeSignupRequired", "UNAUTHENTICATED", "Unauthorized"))
}

/// Whether a call says which parts it wants: none answers without.
fn with_part(incoming: &Incoming) -> Result<(), Answer> {
    let words = "The request is missing a required parameter: part";
    if incoming.q("part").is_empty() { Err(bad("missingRequiredParameter", words)) } else { Ok(()) }
}

/// A film under which nothing can be said: its description says so.
fn open_to_comments(world: &World, video: &str) -> Result<(), Answer> {
    let film = world.post(NAME, video).ok_or_else(|| missing("videoNotFound"))?;
    if !film.text.contains("comments are off") {
        return Ok(());
    }
    let words = "The video identified by the videoId parameter has disabled comments.";
    Err(refused(403, "youtube.commentThread", "commentsDisabled", "PERMISSION_DENIED", words))
}

/// Where in a list, and how many.
fn window(incoming: &Incoming) -> (usize, usize) {
    (incoming.q("pageToken").parse().unwrap_or(0), incoming.q("maxResults").parse().unwrap_or(20_usize).clamp(1, 100))
}

fn bad(reason: &str, words: &str) -> Answer {
    refused(400, "global", reason, "INVALID_ARGUMENT", words)
}

fn missing(reason: &str) -> Answer {
    refused(404, "youtube.common", reason, "NOT_FOUND", "Nicht gefunden.")
}

fn channels(world: &mut World, now: i64, incoming: &Incoming) -> Result<Answer, Answer> {
    let family = caller(world, now, incoming, &SERVICE, &[READ, FORCE_SSL], true)?;
    spend(world, now, "units", 1, UNITS)?;
    if incoming.q("part").is_empty() || incoming.q("mine") != "true" {
        return Err(bad("missingRequiredParameter", "No filter selected."));
    }
    let has = |part: &str| incoming.q("part").split(',').any(|asked| asked == part);
    let mut body = json!({ "kind": "youtube#channelListResponse", "etag": "e", "pageInfo": { "totalResults": 0, "resultsPerPage": 5 } });
    // Without a channel there are no items at all.
    if let Some(page) = channel(world, &family)? {
        let id = channel_id(&page);
        let mut item = json!({ "kind": "youtube#channel", "etag": "e", "id": id });
        if has("snippet") {
            let thumbnail = format!("https://yt3.ggpht.com/{id}=s88");
            item["snippet"] =
                json!({ "title": page.name, "customUrl": format!("@{}", page.vanity), "thumbnails": { "default": { "url": thumbnail } } });
        }
        if has("status") {
            item["status"] = json!({ "privacyStatus": "public", "isLinked": true, "longUploadsStatus": "allowed" });
        }
        body["items"] = json!([item]);
        body["pageInfo"]["totalResults"] = 1.into();
    }
    Ok(answer(200, &body))
}

/// Begins a resumable upload: the answer's `Location` names it.
fn begin_upload(world: &mut World, now: i64, incoming: &Incoming) -> Result<Answer, Answer> {
    let family = caller(world, now, incoming, &SERVICE, &[UPLOAD, FORCE_SSL], true)?;
    needed(world, &family)?;
    let body: Value = serde_json::from_slice(&incoming.body).unwrap_or(Value::Null);
    let title = body.pointer("/snippet/title").and_then(Value::as_str).unwrap_or_default();
    let description = body.pointer("/snippet/description").and_then(Value::as_str).unwrap_or_default();
    let privacy = body.pointer("/status/privacyStatus").and_then(Value::as_str).unwrap_or("public");
    if incoming.q("uploadType") != "resumable" || !incoming.q("part").contains("snippet") {
        return Err(bad("badRequest", "This sandbox takes resumable uploads only."));
    }
    if title.is_empty() || title.chars().count() > 100 || title.contains(['<', '>']) {
        return Err(bad("invalidTitle", "The request metadata specifies an invalid or empty video title."));
    }
    if description.len() > 5000 || description.contains(['<', '>']) {
        return Err(bad("invalidDescription", "The request metadata specifies an invalid video description."));
    }
    let size: i64 = incoming.header("x-upload-content-length").and_then(|size| size.parse().ok()).unwrap_or(0);
    if !matches!(privacy, "public" | "unlisted" | "private") || size <= 0 {
        return Err(bad("invalidVideoMetadata", "The request metadata is invalid."));
    }
    spend(world, now, "uploads", 1, UPLOADS)?;
    let upload = world.random("");
    // What is to come and what has come of it, and what it will be called.
    world.nonces.insert(format!("youtube upload {upload} size"), size);
    world.nonces.insert(format!("youtube upload {upload} has"), 0);
    // A project that passed no audit: locked to private, whatever was asked for.
    let shown = if google::is_audited(&family) { privacy } else { "private" };
    world.kept.insert((NAME, format!("privacy/{upload}")), shown.into());
    world.nonces.insert(format!("youtube upload {upload} about {title}\n{description}"), now);
    let mut begun = answer(200, &json!({}));
    let address = format!("{}/{NAME}/upload/youtube/v3/videos?uploadType=resumable&upload_id={upload}", incoming.origin());
    if let Ok(address) = http::HeaderValue::from_str(&address) {
        begun.headers_mut().insert("location", address);
    }
    Ok(begun)
}

/// Bytes of an upload, or the question how many there are (`Content-Range: bytes */size`).
fn put_bytes(world: &mut World, now: i64, incoming: &Incoming) -> Result<Answer, Answer> {
    let family = caller(world, now, incoming, &SERVICE, &[UPLOAD, FORCE_SSL], true)?;
    let page = needed(world, &family)?;
    let upload = incoming.q("upload_id").to_owned();
    let key = |what: &str| format!("youtube upload {upload} {what}");
    let size = *world.nonces.get(&key("size")).ok_or_else(|| missing("notFound"))?;
    let done = |world: &World| world.posts.iter().find(|post| post.network == NAME && post.media.contains(&upload)).cloned();
    if let Some(post) = done(world) {
        return Ok(answer(200, &video(world, &post)));
    }
    let range = incoming.header("content-range").unwrap_or_default();
    let has = *world.nonces.get(&key("has")).unwrap_or(&0);
    let came = i64::try_from(incoming.body.len()).unwrap_or(i64::MAX);
    let from = range.strip_prefix("bytes ").and_then(|range| range.split('-').next()).and_then(|from| from.parse().ok()).unwrap_or(0);
    if has + came < size && came % PART != 0 {
        return Err(bad(
            "badRequest",
            "Invalid request. The number of bytes uploaded is required to be a multiple of 262144, except for the last.",
        ));
    }
    let has = if range.starts_with("bytes */") || from > has { has } else { (from + came).min(size) };
    world.nonces.insert(key("has"), has);
    if has < size {
        let mut more = answer(308, &json!({}));
        if let (true, Ok(range)) = (has > 0, http::HeaderValue::from_str(&format!("bytes=0-{}", has - 1))) {
            more.headers_mut().insert("range", range);
        }
        return Ok(more);
    }
    let about = key("about ");
    let words = world.nonces.keys().find_map(|name| name.strip_prefix(&about)).unwrap_or_default().to_owned();
    let id = format!("v{}", &world.random("")[..10]);
    let (username, text) = (family.username, words);
    let post = Post { network: NAME, id, profile: channel_id(&page), username, text, link: String::new(), media: vec![upload], at: now };
    let body = video(world, &post);
    world.publish(post);
    Ok(answer(200, &body))
}

/// What is known of videos, by their ids.
fn videos(world: &mut World, now: i64, incoming: &Incoming) -> Result<Answer, Answer> {
    caller(world, now, incoming, &SERVICE, &[READ, FORCE_SSL], true)?;
    spend(world, now, "units", 1, UNITS)?;
    if incoming.q("part").is_empty() || incoming.q("id").is_empty() {
        return Err(bad("missingRequiredParameter", "No filter selected."));
    }
    let items: Vec<Value> =
        incoming.q("id").split(',').filter_map(|id| world.post(NAME, id)).map(|post| processed(video(world, post))).collect();
    let found = items.len();
    Ok(answer(
        200,
        &json!({ "kind": "youtube#videoListResponse", "etag": "e", "items": items, "pageInfo": { "totalResults": found, "resultsPerPage": found } }),
    ))
}

/// As it stands once it was looked at: somebody else's music is found.
fn processed(mut video: Value) -> Value {
    let is_foreign =
        video.pointer("/snippet/description").and_then(Value::as_str).is_some_and(|text| text.contains("somebody else's music"));
    video["status"]["uploadStatus"] = if is_foreign { "rejected" } else { "processed" }.into();
    if is_foreign {
        video["status"]["rejectionReason"] = "copyright".into();
    }
    video
}

fn video(world: &World, post: &Post) -> Value {
    let (title, description) = post.text.split_once('\n').unwrap_or((&post.text, ""));
    let upload = post.media.first().map_or("", String::as_str);
    let privacy = world.kept.get(&(NAME, format!("privacy/{upload}"))).cloned().unwrap_or_else(|| "private".into());
    json!({
        "kind": "youtube#video", "etag": "e", "id": post.id,
        "snippet": { "publishedAt": rfc3339(post.at), "channelId": post.profile, "title": title, "description": description },
        "status": { "uploadStatus": "uploaded", "privacyStatus": privacy }
    })
}

fn comment_of(comment: &Comment) -> Value {
    let mut snippet = json!({
        "videoId": comment.post, "textOriginal": comment.text, "textDisplay": comment.text,
        "authorDisplayName": comment.author, "publishedAt": rfc3339(comment.at)
    });
    if !comment.in_reply_to.is_empty() {
        snippet["parentId"] = comment.in_reply_to.as_str().into();
    }
    json!({ "kind": "youtube#comment", "etag": "e", "id": comment.id, "snippet": snippet })
}

fn thread_of(world: &World, top: &Comment) -> Value {
    let replies: Vec<Value> = world.comments_of(NAME, &top.post).filter(|comment| comment.in_reply_to == top.id).map(comment_of).collect();
    let mut thread = json!({
        "kind": "youtube#commentThread", "etag": "e", "id": top.id,
        "snippet": { "videoId": top.post, "topLevelComment": comment_of(top), "totalReplyCount": replies.len(), "canReply": true }
    });
    if !replies.is_empty() {
        // Five at most come along.
        thread["replies"] = json!({ "comments": replies.iter().rev().take(5).collect::<Vec<_>>() });
    }
    thread
}

/// Threads come the newest first, 100 at most at once.
fn threads(world: &mut World, now: i64, incoming: &Incoming) -> Result<Answer, Answer> {
    caller(world, now, incoming, &SERVICE, &[FORCE_SSL], true)?;
    spend(world, now, "units", 1, UNITS)?;
    with_part(incoming)?;
    let video = incoming.q("videoId");
    open_to_comments(world, video)?;
    let (start, count) = window(incoming);
    let mut tops: Vec<&Comment> = world.comments_of(NAME, video).filter(|comment| comment.in_reply_to.is_empty()).collect();
    tops.reverse();
    let items: Vec<Value> = tops.iter().skip(start).take(count).map(|top| thread_of(world, top)).collect();
    let mut body = json!({ "kind": "youtube#commentThreadListResponse", "etag": "e", "pageInfo": { "totalResults": items.len(), "resultsPerPage": count }, "items": items });
    if tops.len() > start + count {
        body["nextPageToken"] = (start + count).to_string().into();
    }
    Ok(answer(200, &body))
}

/// What was said in a thread, 100 at most at once.
fn replies(world: &mut World, now: i64, incoming: &Incoming) -> Result<Answer, Answer> {
    caller(world, now, incoming, &SERVICE, &[FORCE_SSL], true)?;
    spend(world, now, "units", 1, UNITS)?;
    with_part(incoming)?;
    let parent = incoming.q("parentId");
    if parent.is_empty() {
        return Err(bad("missingRequiredParameter", "No filter selected."));
    }
    let under = world.comments.iter().filter(|comment| comment.network == NAME && comment.in_reply_to == parent);
    let all: Vec<Value> = under.map(comment_of).collect();
    let (start, count) = window(incoming);
    let items: Vec<&Value> = all.iter().skip(start).take(count).collect();
    let mut body = json!({ "kind": "youtube#commentListResponse", "etag": "e", "pageInfo": { "totalResults": items.len(), "resultsPerPage": count }, "items": items });
    if all.len() > start + count {
        body["nextPageToken"] = (start + count).to_string().into();
    }
    Ok(answer(200, &body))
}

/// Keeps what was said, and gives it back.
fn keep(world: &mut World, now: i64, page: &Page, post: &str, in_reply_to: &str, text: &str) -> Comment {
    let mut id = world.random("Ug");
    if !in_reply_to.is_empty() {
        id = format!("{in_reply_to}.{}", &id[..12]);
    }
    let comment = Comment {
        network: NAME,
        id,
        post: post.into(),
        in_reply_to: in_reply_to.into(),
        author: format!("@{}", page.vanity),
        text: text.into(),
        at: now,
    };
    world.comments.push(comment.clone());
    comment
}

fn say(world: &mut World, now: i64, incoming: &Incoming) -> Result<Answer, Answer> {
    let family = caller(world, now, incoming, &SERVICE, &[FORCE_SSL], true)?;
    let page = needed(world, &family)?;
    spend(world, now, "units", 50, UNITS)?;
    with_part(incoming)?;
    let body: Value = serde_json::from_slice(&incoming.body).unwrap_or(Value::Null);
    let video = body.pointer("/snippet/videoId").and_then(Value::as_str).unwrap_or_default();
    let text = body.pointer("/snippet/topLevelComment/snippet/textOriginal").and_then(Value::as_str).unwrap_or_default();
    if text.trim().is_empty() {
        return Err(bad("commentTextRequired", "The comment text is required."));
    }
    open_to_comments(world, video)?;
    let comment = keep(world, now, &page, video, "", text);
    Ok(answer(200, &thread_of(world, &comment)))
}

fn reply(world: &mut World, now: i64, incoming: &Incoming) -> Result<Answer, Answer> {
    let family = caller(world, now, incoming, &SERVICE, &[FORCE_SSL], true)?;
    let page = needed(world, &family)?;
    spend(world, now, "units", 50, UNITS)?;
    with_part(incoming)?;
    let body: Value = serde_json::from_slice(&incoming.body).unwrap_or(Value::Null);
    let parent = body.pointer("/snippet/parentId").and_then(Value::as_str).unwrap_or_default();
    let text = body.pointer("/snippet/textOriginal").and_then(Value::as_str).unwrap_or_default();
    if text.trim().is_empty() {
        return Err(bad("commentTextRequired", "The comment text is required."));
    }
    let is_top = |comment: &&Comment| comment.network == NAME && comment.id == parent && comment.in_reply_to.is_empty();
    let post = world.comments.iter().find(is_top).map(|top| top.post.clone()).ok_or_else(|| missing("parentCommentNotFound"))?;
    Ok(answer(200, &comment_of(&keep(world, now, &page, &post, parent, text))))
}

pub(super) fn people() -> Vec<Person> {
    vec![
        person(NAME, "jana.lindner", "Jana Lindner", "117563210987654321001"),
        person(NAME, "tom.becker", "Tom Becker", "117563210987654321002"),
        // Has a Google account and no channel: it cannot be connected.
        person(NAME, "lea.hoffmann", "Lea Hoffmann", "117563210987654321003"),
    ]
}

pub(super) const ROLES: &[&str] = &["OWNER", "MANAGER", "EDITOR"];

/// Channels: of the brand, with managers, and a person's own.
pub(super) fn pages() -> Vec<Page> {
    vec![
        page(NAME, 9101, "Fernweh Outdoor", "fernwehoutdoor", &[("jana.lindner", "OWNER"), ("tom.becker", "MANAGER")]),
        page(NAME, 9102, "Jana unterwegs", "janaunterwegs", &[("jana.lindner", "OWNER")]),
        page(NAME, 9103, "Fernweh Workshops", "fernwehworkshops", &[("tom.becker", "OWNER")]),
    ]
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_ids_of_channels_are_as_long_as_they_are() {
        for page in super::pages() {
            let id = super::channel_id(&page);
            assert!(id.starts_with("UC") && id.len() == 24, "{id}");
        }
    }
}
