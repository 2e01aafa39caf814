//! Posts, pictures and comments of LinkedIn's versioned API (knowledge base, section 8).

use serde_json::{Value, json};

use super::{NAME, authorized, media, not_enough, refused, too_many};
use crate::limits::Limit;
use crate::people::{Comment, Page, Post};
use crate::request::{Answer, Incoming, json as answer, percent_decoded};
use crate::tokens::Family;
use crate::world::World;

const TEXT_MAX: usize = 3_000;

pub(super) fn handle(world: &mut World, now: i64, incoming: &Incoming) -> Answer {
    // The address of a part of a film is all that is asked for.
    if let Some((id, n)) = incoming.path.strip_prefix("/rest/upload/video/").and_then(|part| part.split_once('/')) {
        return media::part(world, incoming, id, n);
    }
    let family = match authorized(world, now, incoming) {
        Ok(family) => family,
        Err(refused) => return refused,
    };
    let parts: Vec<String> = incoming.path.trim_start_matches("/rest/").split('/').map(percent_decoded).collect();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let body: Value = serde_json::from_slice(&incoming.body).unwrap_or_default();
    match (incoming.method.as_str(), parts.as_slice()) {
        ("POST", ["posts"]) => publish(world, now, &family, &body),
        ("GET" | "DELETE" | "POST", ["posts", urn]) => of_post(world, incoming, &family, urn, &body),
        ("POST", ["images"]) if incoming.q("action") == "initializeUpload" => begin_upload(world, incoming, &family, &body),
        ("POST", ["videos"]) if incoming.q("action") == "initializeUpload" => media::begin(world, incoming, &family, &body),
        ("POST", ["videos"]) if incoming.q("action") == "finalizeUpload" => media::end(world, now, &family, &body),
        ("GET", ["videos", urn]) => media::look(world, now, &family, urn),
        ("PUT", ["upload", id]) => upload(world, incoming, id),
        ("GET", ["socialActions", post, "comments"]) => comments(world, incoming, &family, post),
        ("POST", ["socialActions", post, "comments"]) => comment(world, now, &family, post, &body),
        _ => refused(404, 0, "RESOURCE_NOT_FOUND", "Could not find entity"),
    }
}

fn has(family: &Family, scope: &str) -> bool {
    family.scopes.iter().any(|granted| granted == scope)
}

/// The roles with which one posts as a page, and those with which one reads and writes comments as it.
const POSTERS: &[&str] = &["ADMINISTRATOR", "CONTENT_ADMINISTRATOR", "DIRECT_SPONSORED_CONTENT_POSTER", "RECRUITING_POSTER"];
const COMMENTERS: &[&str] = &["ADMINISTRATOR", "DIRECT_SPONSORED_CONTENT_POSTER", "RECRUITING_POSTER"];
/// The ending of the scopes of comments.
const FEED: &str = "_feed";

fn page_of<'a>(world: &'a World, urn: &str) -> Option<&'a Page> {
    urn.strip_prefix("urn:li:organization:").and_then(|id| super::page(world, id))
}

/// Whether the person may write as this author: themselves, or a page on which they have a role that may. Comments have roles and
/// scopes of their own, the latter with this ending.
pub(super) fn may_write(world: &World, family: &Family, author: &str, ending: &str) -> bool {
    if let Some(id) = author.strip_prefix("urn:li:person:") {
        return has(family, &format!("w_member_social{ending}"))
            && world.person(NAME, &family.username).is_some_and(|person| person.id == id);
    }
    let roles = if ending == FEED { COMMENTERS } else { POSTERS };
    has(family, &format!("w_organization_social{ending}"))
        && page_of(world, author).is_some_and(|page| super::has_role(page, family, roles))
}

/// Figures are not published; so many calls a day are quoted for the product that posts as a member.
const POSTS: Limit = Limit { network: NAME, name: "posts", calls: 150, seconds: 86_400 };

fn publish(world: &mut World, now: i64, family: &Family, body: &Value) -> Answer {
    if world.count(now, &POSTS, &family.username).is_err() {
        return too_many();
    }
    let text = body["commentary"].as_str().unwrap_or_default();
    let author = body["author"].as_str().unwrap_or_default().to_owned();
    if body["lifecycleState"] != "PUBLISHED" || !body["visibility"].is_string() || !body["distribution"].is_object() {
        return refused(400, 0, "ILLEGAL_ARGUMENT", "ERROR :: /distribution :: field is required but not found and has no default value");
    }
    if !may_write(world, family, &author, "") {
        return not_enough("posts.CREATE");
    }
    if text.chars().count() > TEXT_MAX {
        return refused(422, 0, "UNPROCESSABLE_ENTITY", "Post text is longer than 3000 characters");
    }
    let content = &body["content"];
    let one = content["media"]["id"].as_str().map(str::to_owned);
    if content.get("multiImage").is_some_and(|several| several["images"].as_array().is_none_or(|all| !(2..=20).contains(&all.len()))) {
        return refused(400, 0, "ILLEGAL_ARGUMENT", "multiImage has 2 to 20 images");
    }
    let many = content["multiImage"]["images"].as_array().into_iter().flatten().filter_map(|image| image["id"].as_str().map(str::to_owned));
    let media: Vec<String> = one.into_iter().chain(many).collect();
    if media.iter().any(|id| !media::is_there(world, now, id)) {
        return refused(400, 0, "MEDIA_ASSET_PROCESSING_FAILED", "The image or video is not available");
    }
    let id = format!("urn:li:share:{}", world.number());
    let link = content["article"]["source"].as_str().unwrap_or_default().to_owned();
    let post = Post { network: NAME, id, profile: author, username: family.username.clone(), text: plain(text), link, media, at: now };
    let id = world.publish(post);
    let mut created = answer(201, &json!({}));
    *created.body_mut() = bytes::Bytes::new();
    if let Ok(value) = http::HeaderValue::from_str(&id) {
        created.headers_mut().insert("x-restli-id", value);
    }
    created
}

/// A post is read back, deleted (again and again, if somebody likes) or changed. Who posts as a member alone may not read it back.
fn of_post(world: &mut World, incoming: &Incoming, family: &Family, urn: &str, body: &Value) -> Answer {
    let known = world.post(NAME, urn).map(|post| (post.profile.clone(), post.text.clone()));
    let done = || {
        let mut done = answer(204, &Value::Null);
        *done.body_mut() = bytes::Bytes::new();
        done
    };
    let Some((author, text)) = known else {
        return if incoming.method == http::Method::DELETE {
            done()
        } else {
            refused(404, 0, "RESOURCE_NOT_FOUND", "Could not find entity")
        };
    };
    if incoming.method == http::Method::GET {
        let scope = if author.starts_with("urn:li:person:") { "r_member_social" } else { "r_organization_social" };
        if !has(family, scope) {
            return not_enough("posts.GET");
        }
        return answer(
            200,
            &json!({ "id": urn, "author": author, "commentary": text, "visibility": "PUBLIC", "lifecycleState": "PUBLISHED" }),
        );
    }
    if !may_write(world, family, &author, "") {
        return not_enough(if incoming.method == http::Method::DELETE { "posts.DELETE" } else { "posts.PARTIAL_UPDATE" });
    }
    if incoming.method == http::Method::DELETE {
        world.posts.retain(|post| post.network != NAME || post.id != urn);
        return done();
    }
    let changed = body.pointer("/patch/$set/commentary").and_then(Value::as_str);
    match changed.filter(|_| incoming.header("x-restli-method") == Some("PARTIAL_UPDATE")) {
        Some(words) if words.chars().count() <= TEXT_MAX => {
            let words = plain(words);
            for post in world.posts.iter_mut().filter(|post| post.network == NAME && post.id == urn) {
                post.text.clone_from(&words);
            }
            done()
        }
        _ => refused(422, 0, "UNPROCESSABLE_ENTITY", "The patch is not one of a post"),
    }
}

/// "Little text" as people read it.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        plain.extend(if c == '\\' { characters.next() } else { Some(c) });
    }
    plain
}

fn begin_upload(world: &mut World, incoming: &Incoming, family: &Family, body: &Value) -> Answer {
    if !may_write(world, family, body["initializeUploadRequest"]["owner"].as_str().unwrap_or_default(), "") {
        return not_enough("images.ACTION-initializeUpload");
    }
    let id = world.number();
    let url = format!("{}/linkedin/rest/upload/{id}", incoming.origin());
    answer(200, &json!({ "value": { "uploadUrl": url, "image": format!("urn:li:image:{id}"), "uploadUrlExpiresAt": 0 } }))
}

fn upload(world: &mut World, incoming: &Incoming, id: &str) -> Answer {
    if incoming.body.is_empty() {
        return refused(400, 0, "ILLEGAL_ARGUMENT", "No content");
    }
    world.uploads.insert(format!("urn:li:image:{id}"));
    answer(201, &json!({}))
}

fn shown(comment: &Comment) -> Value {
    let urn = |id: &str| format!("urn:li:comment:({},{id})", comment.post);
    let mut shown = json!({
        "id": comment.id, "commentUrn": urn(&comment.id), "object": comment.post, "actor": comment.author,
        "message": { "text": comment.text }, "created": { "time": comment.at / 1_000 }
    });
    if !comment.in_reply_to.is_empty() {
        shown["parentComment"] = urn(&comment.in_reply_to).into();
    }
    shown
}

fn comments(world: &World, incoming: &Incoming, family: &Family, post: &str) -> Answer {
    let Some(of) = world.post(NAME, post) else { return refused(404, 0, "RESOURCE_NOT_FOUND", "Could not find entity") };
    let scope = if of.profile.starts_with("urn:li:person:") { "r_member_social_feed" } else { "r_organization_social_feed" };
    let of_others = page_of(world, &of.profile).is_some_and(|page| !super::has_role(page, family, COMMENTERS));
    if !has(family, scope) || of_others {
        return not_enough("partnerApiSocialActions.GET");
    }
    let start: usize = incoming.q("start").parse().unwrap_or(0);
    let count: usize = incoming.q("count").parse().unwrap_or(10).clamp(1, 100);
    let elements: Vec<Value> = world.comments_of(NAME, post).skip(start).take(count).map(shown).collect();
    answer(200, &json!({ "elements": elements, "paging": { "start": start, "count": count, "links": [] } }))
}

fn comment(world: &mut World, now: i64, family: &Family, post: &str, body: &Value) -> Answer {
    let actor = body["actor"].as_str().unwrap_or_default().to_owned();
    if !may_write(world, family, &actor, FEED) {
        return not_enough("partnerApiSocialActions.CREATE");
    }
    let text = body["message"]["text"].as_str().unwrap_or_default().to_owned();
    if world.post(NAME, post).is_none() || text.is_empty() || body["object"].as_str() != Some(post) {
        return refused(400, 0, "ILLEGAL_ARGUMENT", "The object is not a post that can be commented on");
    }
    let parent = body["parentComment"].as_str().and_then(|urn| urn.rsplit(',').next()).map(|id| id.trim_end_matches(')').to_owned());
    let in_reply_to = parent.unwrap_or_default();
    if !in_reply_to.is_empty() && !world.comments_of(NAME, post).any(|comment| comment.id == in_reply_to) {
        return refused(404, 0, "RESOURCE_NOT_FOUND", "Could not find the parent comment");
    }
    let id = world.number().to_string();
    let said = Comment { network: NAME, id, post: post.to_owned(), in_reply_to, author: actor, text, at: now };
    let body = shown(&said);
    world.comments.push(said);
    answer(201, &body)
}
