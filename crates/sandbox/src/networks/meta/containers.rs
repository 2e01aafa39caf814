//! Containers: what is to be published, and how far the network is with fetching it (knowledge base `instagram` and `threads`,
//! section 8). Pictures take a second, films twenty; what lies at an address with the word `missing` is never found.

use serde_json::{Value, json};

use super::{Service, is_under, say};
use crate::networks::graph::error;
use crate::people::{Container, Post};
use crate::request::{Answer, Incoming, json as answer};
use crate::tokens::{DAY, Family};
use crate::world::World;

const SECOND: i64 = 1_000_000;
/// The links of a post at Threads (unconfirmed).
const LINKS_MAX: usize = 5;
/// The posts, and the replies, of an account in a day that is always the last 24 hours.
const POSTS: (usize, usize) = (100, 0);
const POSTS_AT_THREADS: (usize, usize) = (250, 1_000);

/// Letters count one; emoji count as the bytes of their UTF-8.
fn length(text: &str) -> usize {
    let is_emoji = |c: char| matches!(u32::from(c), 0x2600..=0x27bf | 0x1f000..=0x1faff);
    text.chars().map(|c| if is_emoji(c) { c.len_utf8() } else { 1 }).sum()
}

fn invalid(why: &str) -> Answer {
    error(400, 100, 0, &format!("Invalid parameter: {why}"))
}

/// What goes into a container, and how long it is worked on.
type Content = (Vec<String>, i64);

/// One picture or film, at an address that is open to everybody.
fn one(incoming: &Incoming, field: &str, works: i64) -> Result<Content, Answer> {
    let url = incoming.f(field);
    if !url.starts_with("http") {
        return Err(invalid(field));
    }
    Ok((vec![url.to_owned()], works))
}

/// Containers made to be part of this one, all of them ready.
fn children(service: &Service, world: &World, now: i64, incoming: &Incoming, own: &str) -> Result<Content, Answer> {
    let most = if service.needs_picture { 10 } else { 20 };
    let ids: Vec<&str> = incoming.f("children").split(',').filter(|id| !id.is_empty()).collect();
    if !(2..=most).contains(&ids.len()) {
        return Err(error(400, 100, 2_207_028, "A carousel has between 2 and so many items"));
    }
    let mut media = vec![];
    for id in ids {
        let Some(kept) = world.containers.get(id).filter(|kept| kept.own == own && kept.is_item) else {
            return Err(error(400, 24, 2_207_006, "The media could not be found"));
        };
        if progress(kept, now) != "FINISHED" {
            return Err(error(400, 24, 2_207_008, "The media builder of an item is not ready"));
        }
        media.extend(kept.media.iter().cloned());
    }
    Ok((media, SECOND))
}

fn content(service: &Service, world: &World, now: i64, incoming: &Incoming, own: &str) -> Result<Content, Answer> {
    let is_item = incoming.f("is_carousel_item") == "true";
    match (incoming.f("media_type"), is_item) {
        ("" | "IMAGE", _) if service.needs_picture => one(incoming, "image_url", SECOND),
        ("IMAGE", _) => one(incoming, "image_url", SECOND),
        // A film on its own is a reel.
        ("VIDEO", false) if service.needs_picture => Err(invalid("media_type VIDEO is no longer supported, use REELS")),
        ("REELS", false) if service.needs_picture && !incoming.f("alt_text").is_empty() => Err(invalid("alt_text")),
        ("REELS", false) if service.needs_picture => one(incoming, "video_url", 20 * SECOND),
        ("VIDEO", _) => one(incoming, "video_url", 20 * SECOND),
        ("CAROUSEL", false) => children(service, world, now, incoming, own),
        ("TEXT", false) if !service.needs_picture && !incoming.f("text").is_empty() => Ok((vec![], 0)),
        _ => Err(invalid("media_type")),
    }
}

pub(super) fn make(service: &Service, world: &mut World, now: i64, incoming: &Incoming, family: &Family, own: &str) -> Answer {
    if !family.scopes.iter().any(|scope| scope == service.publish) {
        return error(403, 10, 0, "Application does not have permission for this action");
    }
    let (media, works) = match content(service, world, now, incoming, own) {
        Ok(content) => content,
        Err(refused) => return refused,
    };
    let text = if service.needs_picture { incoming.f("caption") } else { incoming.f("text") };
    let is_item = incoming.f("is_carousel_item") == "true";
    if is_item && !text.is_empty() {
        return invalid("an item of a carousel has no words of its own");
    }
    if service.needs_picture && text.chars().count() > 2_200 {
        return error(400, 36_004, 2_207_010, "The caption was too long");
    }
    if !service.needs_picture && length(text) > 500 {
        return invalid("text");
    }
    // A link has a place of its own only where there is nothing to see.
    let link = incoming.f("link_attachment");
    let links = text.matches("://").count() + usize::from(!link.is_empty());
    if !service.needs_picture && links > LINKS_MAX {
        return error(400, 100, 0, "THREADS_API__LINK_LIMIT_EXCEEDED");
    }
    if !link.is_empty() && !media.is_empty() {
        return invalid("link_attachment");
    }
    let to = incoming.f("reply_to_id");
    if !to.is_empty() && !family.scopes.iter().any(|scope| scope == service.comments.1) {
        return error(403, 10, 0, "Application does not have permission for this action");
    }
    if !to.is_empty() && !is_under(service, world, own, to) {
        return error(400, 100, 33, "Object does not exist");
    }
    // Words alone can be published in the same step.
    let is_at_once = !service.needs_picture && media.is_empty() && incoming.f("auto_publish_text") == "true";
    let id = world.number().to_string();
    let [text, to, link, account] = [text, to, link, own].map(str::to_owned);
    world.containers.insert(id.clone(), Container { text, link, media, to, own: account, is_item, made: now, works, is_published: false });
    if is_at_once { publish_kept(service, world, now, &id, family, own) } else { answer(200, &json!({ "id": id })) }
}

/// How far it is.
fn progress(kept: &Container, now: i64) -> &'static str {
    match now - kept.made {
        _ if kept.is_published => "PUBLISHED",
        age if age > DAY * SECOND => "EXPIRED",
        age if age < kept.works => "IN_PROGRESS",
        _ if kept.media.iter().any(|url| url.contains("missing")) => "ERROR",
        _ => "FINISHED",
    }
}

/// What an account published, and what it answered, in the last 24 hours.
fn used_of(service: &Service, world: &World, now: i64, own: &str) -> (usize, usize) {
    let is_late = |at: i64| now - at < DAY * SECOND;
    let posted = world.posts.iter().filter(|post| post.network == service.name && post.profile == own && is_late(post.at)).count();
    let name = world.people.iter().find(|person| person.network == service.name && person.id == own).map(|person| &person.username);
    let said = world.comments.iter().filter(|said| said.network == service.name && Some(&said.author) == name && is_late(said.at));
    (posted, said.count())
}

/// The posts and the replies that it may.
fn most(service: &Service) -> (usize, usize) {
    if service.needs_picture { POSTS } else { POSTS_AT_THREADS }
}

/// How much of what an account may publish in a day is used up; what was asked for, and that it may see it.
pub(super) fn used_up(service: &Service, world: &World, now: i64, incoming: &Incoming, family: &Family, own: &str) -> Answer {
    if !family.scopes.iter().any(|scope| scope == service.publish) {
        return error(403, 10, 0, "Application does not have permission for this action");
    }
    let ((posts, replies), (posted, said)) = (most(service), used_of(service, world, now, own));
    let config = |total: usize| json!({ "quota_total": total, "quota_duration": DAY });
    let mut used = json!({ "quota_usage": posted, "config": config(posts) });
    if replies > 0 {
        used["reply_quota_usage"] = said.into();
        used["reply_config"] = config(replies);
    }
    if let (Some(shown), false) = (used.as_object_mut(), incoming.q("fields").is_empty()) {
        shown.retain(|field, _| incoming.q("fields").split(',').any(|asked| asked.trim() == field));
    }
    answer(200, &json!({ "data": [used] }))
}

pub(super) fn status(service: &Service, world: &World, now: i64, id: &str) -> Answer {
    let progress = world.containers.get(id).map_or("EXPIRED", |kept| progress(kept, now));
    let mut body = json!({ "id": id });
    let failed = progress == "ERROR";
    if service.needs_picture {
        body["status_code"] = progress.into();
        let words = if failed { "Error: Media upload has failed with error code 2207052".to_owned() } else { format!("{progress}: words") };
        body["status"] = Value::String(words);
    } else {
        body["status"] = progress.into();
        if failed {
            body["error_message"] = "FAILED_DOWNLOADING_VIDEO".into();
        }
    }
    answer(200, &body)
}

pub(super) fn publish(service: &Service, world: &mut World, now: i64, incoming: &Incoming, family: &Family, own: &str) -> Answer {
    publish_kept(service, world, now, incoming.f("creation_id"), family, own)
}

fn publish_kept(service: &Service, world: &mut World, now: i64, id: &str, family: &Family, own: &str) -> Answer {
    let Some(kept) = world.containers.get(id).filter(|kept| kept.own == own && !kept.is_item) else {
        return error(400, 24, 2_207_006, "The media could not be found");
    };
    let (is_ready, is_reply) = (progress(kept, now) == "FINISHED", !kept.to.is_empty());
    let ((posts, replies), (posted, said)) = (most(service), used_of(service, world, now, own));
    let is_used_up = if is_reply { replies > 0 && said >= replies } else { posted >= posts };
    if is_ready && is_used_up {
        return error(400, 9, 2_207_042, "The user has reached the maximum number of posts in 24 hours");
    }
    let Some(kept) = world.containers.get_mut(id) else { return error(400, 24, 2_207_006, "The media could not be found") };
    match progress(kept, now) {
        "FINISHED" => kept.is_published = true,
        "IN_PROGRESS" => return error(400, 24, 2_207_008, "The media is not ready for publishing, please wait for a moment"),
        "EXPIRED" => return error(400, 24, 2_207_020, "The media has expired"),
        "PUBLISHED" => return error(400, 24, 2_207_006, "The media was published before"),
        _ => return error(400, 24, 2_207_032, "The media could not be made"),
    }
    let Container { text, link, media, to, .. } = kept.clone();
    if !to.is_empty() {
        return say(service, world, now, &to, &text, family);
    }
    let id = world.number().to_string();
    let post = Post { network: service.name, id, profile: own.to_owned(), username: family.username.clone(), text, link, media, at: now };
    let id = world.publish(post);
    answer(200, &json!({ "id": id }))
}
