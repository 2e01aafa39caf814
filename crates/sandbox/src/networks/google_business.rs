//! Google Business Profile as its documentation describes it (knowledge base `google-business`): accounts, locations, and the
//! older API for posts and reviews.

use serde_json::{Value, json};

use super::Consent;
use super::google::{self, Service, caller};
use super::moment::rfc3339;
use crate::people::{Comment, Page, Person, Post, page, person};
use crate::request::{Answer, Incoming, json as answer};
use crate::tokens::{DAY, Family};
use crate::world::World;

const NAME: &str = "google_business";
const MANAGE: &str = "https://www.googleapis.com/auth/business.manage";
const SERVICE: Service = Service { name: NAME, title: "Google Business Profile", colour: "#1a73e8", scopes: &[MANAGE], picks: false };
/// The company's location group, and what is in it.
const GROUP: (u64, &[u64]) = (20_001, &[9201, 9202]);
/// A location for which Google allows no posts.
const CLOSED: u64 = 9203;
/// Calls of one project in a minute, and edits of one location in a minute.
const CALLS: i64 = 300;
const EDITS: i64 = 10;

pub(super) fn handle(world: &mut World, now: i64, incoming: &Incoming) -> Option<Answer> {
    if let Some(answer) = google::handle(world, now, incoming, &SERVICE) {
        return Some(answer);
    }
    if let Some(refused) = google::disabled(world, &SERVICE, "mybusiness.googleapis.com", false) {
        return Some(refused);
    }
    let path: Vec<&str> = incoming.path.split('/').skip(1).collect();
    let done = match (incoming.method.as_str(), path.as_slice()) {
        ("GET", ["v1", "accounts"]) => accounts(world, now, incoming),
        ("GET", ["v1", "accounts", account, "locations"]) => locations(world, now, incoming, account),
        ("GET", ["v1", "locations", location]) => location_of(world, now, incoming, location),
        (_, ["v4", "accounts", account, "locations", location, rest @ ..]) => v4(world, now, incoming, account, location, rest),
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

fn refused(code: u16, status: &str, words: &str) -> Answer {
    answer(code, &json!({ "error": { "code": code, "message": words, "status": status } }))
}

fn denied() -> Answer {
    refused(403, "PERMISSION_DENIED", "The caller does not have permission")
}

fn missing() -> Answer {
    refused(404, "NOT_FOUND", "Requested entity was not found.")
}

fn bad(words: &str) -> Answer {
    refused(400, "INVALID_ARGUMENT", words)
}

/// Counts what happens in this minute.
fn spend(world: &mut World, now: i64, what: &str, limit: i64) -> Result<(), Answer> {
    let minute = now / 60_000_000;
    let used = world.nonces.entry(format!("{NAME} {what} {minute}")).or_insert(0);
    *used += 1;
    if *used <= limit {
        return Ok(());
    }
    let metadata = json!({ "quota_limit_value": limit.to_string(), "consumer": "projects/420042" });
    let detail = json!({ "@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "RATE_LIMIT_EXCEEDED", "metadata": metadata });
    let words = "Quota exceeded for quota metric 'Requests' and limit 'Requests per minute'.";
    Err(answer(429, &json!({ "error": { "code": 429, "message": words, "status": "RESOURCE_EXHAUSTED", "details": [detail] } })))
}

fn enter(world: &mut World, now: i64, incoming: &Incoming) -> Result<Family, Answer> {
    let family = caller(world, now, incoming, &SERVICE, &[MANAGE], false)?;
    // Until Google approves the project its quota is none: every call fails as if too many were made.
    if !google::is_approved(&family) {
        spend(world, now, "calls of an unapproved app", 0)?;
    }
    spend(world, now, "calls", CALLS)?;
    Ok(family)
}

/// Where in the list, and how many.
fn window(incoming: &Incoming, max: usize, default: usize) -> (usize, usize) {
    let size = incoming.q("pageSize").parse().unwrap_or(default).clamp(1, max);
    (incoming.q("pageToken").parse().unwrap_or(0), size)
}

fn role<'a>(page: &'a Page, username: &str) -> Option<&'a str> {
    page.roles.iter().find(|(holder, ..)| holder == username).map(|(_, role, _)| role.as_str())
}

/// A person's own account: its number follows the person's id.
fn personal(world: &World, username: &str) -> u64 {
    let id = world.person(NAME, username).map_or("", |person| &person.id);
    10_000 + id.get(id.len().saturating_sub(3)..).and_then(|end| end.parse::<u64>().ok()).unwrap_or(0)
}

/// The locations that a person reaches through an account: their own through the personal one, the company's through the group.
fn reached<'a>(world: &'a World, username: &str, account: u64) -> Vec<&'a Page> {
    let is_own = account == personal(world, username);
    let holds = |page: &&Page| {
        page.network == NAME
            && role(page, username)
                .is_some_and(|role| (is_own && role == "PRIMARY_OWNER") || (account == GROUP.0 && GROUP.1.contains(&page.id)))
    };
    world.pages.iter().filter(holds).collect()
}

fn accounts(world: &mut World, now: i64, incoming: &Incoming) -> Result<Answer, Answer> {
    let family = enter(world, now, incoming)?;
    let name = world.person(NAME, &family.username).map_or("", |person| &person.name);
    let mut all = vec![json!({
        "name": format!("accounts/{}", personal(world, &family.username)), "accountName": name, "type": "PERSONAL", "role": "PRIMARY_OWNER",
        "verificationState": "UNVERIFIED", "vettedState": "NOT_VETTED"
    })];
    let in_group = reached(world, &family.username, GROUP.0);
    let best = ROLES.iter().find(|known| in_group.iter().any(|page| role(page, &family.username) == Some(**known)));
    if let Some(role) = best {
        all.push(json!({
            "name": format!("accounts/{}", GROUP.0), "accountName": "Fernweh Outdoor", "type": "LOCATION_GROUP", "role": role,
            "verificationState": "UNVERIFIED", "vettedState": "NOT_VETTED", "permissionLevel": "MEMBER_LEVEL"
        }));
    }
    let (start, size) = window(incoming, 20, 20);
    Ok(answer(200, &page_of("accounts", &all, start, size)))
}

fn page_of(field: &str, all: &[Value], start: usize, size: usize) -> Value {
    let rows: Vec<&Value> = all.iter().skip(start).take(size).collect();
    // Nothing is not even an empty list.
    let mut body = if rows.is_empty() { json!({}) } else { json!({ field: rows }) };
    if all.len() > start + size {
        body["nextPageToken"] = (start + size).to_string().into();
    }
    body
}

fn shown(page: &Page, mask: &str) -> Value {
    let has = |field: &str| mask.split(',').any(|asked| asked.trim() == field);
    let mut location = json!({});
    if has("name") {
        location["name"] = format!("locations/{}", page.id).into();
    }
    if has("title") {
        location["title"] = page.name.into();
    }
    if has("storefrontAddress") {
        let (street, town) = page.vanity.split_once(", ").unwrap_or((page.vanity, ""));
        location["storefrontAddress"] = json!({ "regionCode": "DE", "locality": town, "addressLines": [street] });
    }
    if has("metadata") {
        location["metadata"] = json!({
            "placeId": format!("ChIJ{}", page.id), "mapsUri": format!("https://maps.google.com/maps?cid={}", page.id),
            "canOperateLocalPost": page.id != CLOSED
        });
    }
    location
}

/// What a location has: a mask that names anything else is refused.
const FIELDS: &[&str] = &[
    "name",
    "languageCode",
    "storeCode",
    "title",
    "phoneNumbers",
    "categories",
    "storefrontAddress",
    "websiteUri",
    "regularHours",
    "specialHours",
    "serviceArea",
    "labels",
    "adWordsLocationExtensions",
    "latlng",
    "openInfo",
    "metadata",
    "profile",
    "relationshipData",
    "moreHours",
    "serviceItems",
];

fn check_mask(incoming: &Incoming) -> Result<(), Answer> {
    let mask = incoming.q("readMask");
    if mask.is_empty() {
        return Err(bad("Request contains an invalid argument: read_mask is required."));
    }
    let is_known = |field: &str| FIELDS.contains(&field.trim().split('.').next().unwrap_or_default());
    if mask.split(',').all(is_known) { Ok(()) } else { Err(bad("Request contains an invalid argument: invalid field mask.")) }
}

fn locations(world: &mut World, now: i64, incoming: &Incoming, account: &str) -> Result<Answer, Answer> {
    let family = enter(world, now, incoming)?;
    check_mask(incoming)?;
    let account: u64 = account.parse().map_err(|_| missing())?;
    let found = reached(world, &family.username, account);
    if found.is_empty() && account != personal(world, &family.username) {
        return Err(denied());
    }
    let (start, size) = window(incoming, 100, 10);
    let all: Vec<Value> = found.iter().map(|page| shown(page, incoming.q("readMask"))).collect();
    let mut body = page_of("locations", &all, start, size);
    body["totalSize"] = all.len().into();
    Ok(answer(200, &body))
}

fn location_of(world: &mut World, now: i64, incoming: &Incoming, location: &str) -> Result<Answer, Answer> {
    let family = enter(world, now, incoming)?;
    check_mask(incoming)?;
    let id: u64 = location.parse().map_err(|_| missing())?;
    let page = world.pages.iter().find(|page| page.network == NAME && page.id == id).ok_or_else(missing)?;
    role(page, &family.username).ok_or_else(denied)?;
    Ok(answer(200, &shown(page, incoming.q("readMask"))))
}

/// Posts and reviews of a location, named with its account.
fn v4(world: &mut World, now: i64, incoming: &Incoming, account: &str, location: &str, rest: &[&str]) -> Result<Answer, Answer> {
    let family = enter(world, now, incoming)?;
    let id: u64 = location.parse().map_err(|_| missing())?;
    if !world.pages.iter().any(|page| page.network == NAME && page.id == id) {
        return Err(missing());
    }
    let account: u64 = account.parse().map_err(|_| missing())?;
    if !reached(world, &family.username, account).iter().any(|page| page.id == id) {
        return Err(denied());
    }
    let place = format!("accounts/{account}/locations/{id}");
    match (incoming.method.as_str(), rest) {
        ("POST", ["localPosts"]) => create(world, now, incoming, &family, &place, id),
        ("GET", ["localPosts"]) => {
            let all: Vec<Value> = world.posts.iter().rev().filter(|post| is_of(post, id)).map(|post| post_of(world, now, post)).collect();
            let (start, size) = window(incoming, 100, 20);
            Ok(answer(200, &page_of("localPosts", &all, start, size)))
        }
        ("GET", ["localPosts", post]) => {
            let name = format!("{place}/localPosts/{post}");
            world.post(NAME, &name).map(|post| answer(200, &post_of(world, now, post))).ok_or_else(missing)
        }
        ("DELETE", ["localPosts", post]) => {
            let name = format!("{place}/localPosts/{post}");
            world.post(NAME, &name).ok_or_else(missing)?;
            world.posts.retain(|post| post.network != NAME || post.id != name);
            Ok(answer(200, &json!({})))
        }
        ("GET", ["reviews"]) => Ok(reviews(world, incoming, &place, id)),
        ("PUT", ["reviews", review, "reply"]) => reply(world, now, incoming, &place, id, review),
        _ => Err(missing()),
    }
}

fn is_of(post: &Post, location: u64) -> bool {
    post.network == NAME && post.profile == format!("locations/{location}")
}

/// Google examines what was posted: for three seconds, or by hand for a day. Phone numbers are rejected.
fn state_of(now: i64, post: &Post) -> &'static str {
    let examined = if post.text.contains("by hand") { DAY } else { 3 };
    let digits = post.text.split(|c: char| !c.is_ascii_digit()).map(str::len).max().unwrap_or(0);
    match now - post.at < examined * 1_000_000 {
        true => "PROCESSING",
        false if digits >= 7 => "REJECTED",
        false => "LIVE",
    }
}

fn post_of(world: &World, now: i64, post: &Post) -> Value {
    let language = world.kept.get(&(NAME, format!("language/{}", post.id))).cloned().unwrap_or_else(|| "en".into());
    let mut shown = json!({
        "name": post.id, "languageCode": language, "summary": post.text, "state": state_of(now, post), "topicType": "STANDARD",
        "createTime": rfc3339(post.at), "updateTime": rfc3339(post.at), "searchUrl": format!("https://local.google.com/place?use=posts&lpsid={}", post.at)
    });
    if !post.link.is_empty() {
        shown["callToAction"] = json!({ "actionType": "LEARN_MORE", "url": post.link });
    }
    if !post.media.is_empty() {
        let place = post.id.split("/localPosts/").next().unwrap_or_default();
        let kept = |n: usize| json!({ "name": format!("{place}/media/localPosts/{n}"), "mediaFormat": "PHOTO", "googleUrl": format!("https://lh3.googleusercontent.com/p/{}-{n}", post.at) });
        shown["media"] = (0..post.media.len()).map(kept).collect();
    }
    shown
}

fn create(world: &mut World, now: i64, incoming: &Incoming, family: &Family, place: &str, id: u64) -> Result<Answer, Answer> {
    spend(world, now, &format!("edits {id}"), EDITS)?;
    let body: Value = serde_json::from_slice(&incoming.body).unwrap_or(Value::Null);
    let text = body["summary"].as_str().unwrap_or_default();
    if text.is_empty() || text.chars().count() > 1500 || body["topicType"] != "STANDARD" || id == CLOSED {
        return Err(bad("Request contains an invalid argument."));
    }
    let mut media = vec![];
    for item in body["media"].as_array().into_iter().flatten() {
        match item["sourceUrl"].as_str() {
            Some(source) if item["mediaFormat"] == "PHOTO" && source.starts_with("https://") => media.push(source.to_owned()),
            _ => return Err(bad("Request contains an invalid argument.")),
        }
    }
    let link = body.pointer("/callToAction/url").and_then(Value::as_str).unwrap_or_default().to_owned();
    let name = format!("{place}/localPosts/{}", world.number());
    let (profile, username) = (format!("locations/{id}"), family.username.clone());
    let post = Post { network: NAME, id: name, profile, username, text: text.into(), link, media, at: now };
    if let Some(language) = body["languageCode"].as_str() {
        world.kept.insert((NAME, format!("language/{}", post.id)), language.into());
    }
    let shown = post_of(world, now, &post);
    world.publish(post);
    Ok(answer(200, &shown))
}

/// What people said of a location: one review that was always there, and whatever somebody said under one of its posts on the
/// control page, because posts have no comments.
fn all_reviews(world: &World, place: &str, id: u64) -> Vec<(String, Value)> {
    let posts: Vec<&str> = world.posts.iter().filter(|post| is_of(post, id)).map(|post| post.id.as_str()).collect();
    let said = world.comments.iter().filter(|comment| comment.network == NAME && posts.contains(&comment.post.as_str()));
    let review = |review: &str, author: &str, stars: &str, text: &str, at: i64| {
        let name = format!("{place}/reviews/{review}");
        let shown = json!({
            "name": name, "reviewId": review, "reviewer": { "displayName": author }, "starRating": stars, "comment": text,
            "createTime": rfc3339(at), "updateTime": rfc3339(at)
        });
        (review.to_owned(), shown)
    };
    let seeded = review(&format!("first{id}"), "Karl Voss", "FIVE", "Gute Beratung.", 1_700_000_000_000_000);
    let mut all: Vec<_> = said.map(|comment| review(&comment.id, &comment.author, "FOUR", &comment.text, comment.at)).collect();
    all.insert(0, seeded);
    for (review, shown) in &mut all {
        if let Some(reply) = world.comments.iter().find(|comment| comment.network == NAME && comment.id == reply_id(id, review)) {
            shown["reviewReply"] = json!({ "comment": reply.text, "updateTime": rfc3339(reply.at) });
        }
    }
    all
}

fn reply_id(location: u64, review: &str) -> String {
    format!("locations/{location}/reviews/{review}/reply")
}

/// The newest come first.
fn reviews(world: &World, incoming: &Incoming, place: &str, id: u64) -> Answer {
    let mut all: Vec<Value> = all_reviews(world, place, id).into_iter().map(|(_, shown)| shown).collect();
    all.reverse();
    let (start, size) = window(incoming, 50, 50);
    let mut body = page_of("reviews", &all, start, size);
    body["averageRating"] = 4.5.into();
    body["totalReviewCount"] = all.len().into();
    answer(200, &body)
}

/// A review has one answer: saying it again replaces it.
fn reply(world: &mut World, now: i64, incoming: &Incoming, place: &str, id: u64, review: &str) -> Result<Answer, Answer> {
    spend(world, now, &format!("edits {id}"), EDITS)?;
    if !all_reviews(world, place, id).iter().any(|(known, _)| known == review) {
        return Err(missing());
    }
    let body: Value = serde_json::from_slice(&incoming.body).unwrap_or(Value::Null);
    let text =
        body["comment"].as_str().filter(|text| !text.trim().is_empty()).ok_or_else(|| bad("Request contains an invalid argument."))?;
    let name = reply_id(id, review);
    world.comments.retain(|comment| comment.network != NAME || comment.id != name);
    let (post, in_reply_to) = (format!("locations/{id}"), review.to_owned());
    world.comments.push(Comment { network: NAME, id: name, post, in_reply_to, author: "owner".into(), text: text.into(), at: now });
    Ok(answer(200, &json!({ "comment": text, "updateTime": rfc3339(now) })))
}

pub(super) fn people() -> Vec<Person> {
    vec![
        person(NAME, "jana.lindner", "Jana Lindner", "117563210987654321001"),
        person(NAME, "tom.becker", "Tom Becker", "117563210987654321002"),
        // Manages nothing: there is nothing to connect.
        person(NAME, "lea.hoffmann", "Lea Hoffmann", "117563210987654321003"),
    ]
}

pub(super) const ROLES: &[&str] = &["PRIMARY_OWNER", "OWNER", "MANAGER", "SITE_MANAGER"];

/// Locations; where they are stands in the place of their short name.
pub(super) fn pages() -> Vec<Page> {
    vec![
        page(
            NAME,
            9201,
            "Fernweh Outdoor",
            "Sendlinger Straße 7, München",
            &[("jana.lindner", "PRIMARY_OWNER"), ("tom.becker", "MANAGER")],
        ),
        page(
            NAME,
            9202,
            "Fernweh Outdoor",
            "Maria-Theresien-Straße 3, Innsbruck",
            &[("jana.lindner", "OWNER"), ("tom.becker", "SITE_MANAGER")],
        ),
        // Google allows no posts for it: it cannot be connected.
        page(NAME, CLOSED, "Fernweh Lager", "Am Gleis 1, Augsburg", &[("jana.lindner", "PRIMARY_OWNER")]),
    ]
}
