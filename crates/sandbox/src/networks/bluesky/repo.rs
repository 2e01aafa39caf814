//! The account's own server, asked with a token and a proof, and the public view of everything.

use aws_lc_rs::digest::{SHA256, digest};
use http::HeaderValue;
use serde_json::{Value, json};
use unicode_segmentation::UnicodeSegmentation as _;

use super::super::moment;
use super::scopes::{Need, missing};
use super::{MICRO, NAME, api_error, by_did, proof};
use crate::people::{Comment, Post};
use crate::request::{Answer, Incoming, json as answer};
use crate::tokens::{Dead, Family};
use crate::world::World;

const POSTS: &str = "app.bsky.feed.post";
/// Points that an account may spend on its repository in an hour and in a day, and what a new record costs.
const POINTS: [(&str, i64, u64); 2] = [("hour", 3_600, 5_000), ("day", 86_400, 35_000)];
const CREATE: u64 = 3;
const DELETE: u64 = 1;
/// The largest file that a server takes, and the largest picture of a post, in bytes.
const BLOB_MAX: usize = 52_428_800;
const PICTURE_MAX: u64 = 2_000_000;
const PICTURES_MAX: usize = 4;
/// Requests of an account in five minutes.
const LIMIT: u64 = 3_000;
const WINDOW: i64 = 300;
/// Whose posts those of visitors are: nobody's who lives here.
const VISITOR: &str = "did:plc:visitorvisitorvisitorvis";

pub(super) fn call(world: &mut World, now: i64, incoming: &Incoming) -> Option<Answer> {
    Some(match (incoming.method.as_str(), incoming.path.trim_start_matches("/xrpc/")) {
        ("GET", "com.atproto.server.getSession") => signed(world, now, incoming, Need::Any, |world, family| {
            let did = did_of(world, family);
            let mut session = json!({ "handle": family.username, "did": did, "active": true });
            if is_deactivated(world, family) {
                (session["active"], session["status"]) = (json!(false), json!("deactivated"));
            }
            answer(200, &session)
        }),
        ("POST", "com.atproto.repo.createRecord") => {
            let collection = collection_of(incoming);
            signed(world, now, incoming, Need::Repo("create", &collection), |world, family| create(world, now, incoming, family))
        }
        ("POST", "com.atproto.repo.deleteRecord") => {
            let collection = collection_of(incoming);
            signed(world, now, incoming, Need::Repo("delete", &collection), |world, family| delete(world, now, incoming, family))
        }
        ("POST", "com.atproto.repo.uploadBlob") => {
            let need = Need::Blob(incoming.header("content-type").unwrap_or_default());
            signed(world, now, incoming, need, |world, _| upload(world, incoming))
        }
        ("GET", "com.atproto.repo.getRecord") => {
            let uri = format!("at://{}/{}/{}", incoming.q("repo"), incoming.q("collection"), incoming.q("rkey"));
            // Only what lives here; what others said is in the public view.
            match find(world, &uri).filter(|_| by_did(world, incoming.q("repo")).is_some()) {
                Some(found) => answer(200, &json!({ "uri": uri, "cid": cid(&uri), "value": found.record })),
                None => api_error(400, "RecordNotFound", &format!("Could not locate record: {uri}")),
            }
        }
        ("GET", "app.bsky.actor.getProfile") => match by_did(world, incoming.q("actor")) {
            Some(person) => {
                let avatar = format!("https://cdn.bsky.app/img/avatar/plain/{}/a@jpeg", person.id);
                answer(200, &json!({ "did": person.id, "handle": person.username, "displayName": person.name, "avatar": avatar }))
            }
            None => api_error(400, "InvalidRequest", "Profile not found"),
        },
        ("GET", "app.bsky.feed.getPosts") => {
            let wanted = incoming.query_pairs.iter().filter(|(name, _)| name == "uris").map(|(_, uri)| uri.as_str());
            let posts: Vec<Value> = wanted.filter_map(|uri| find(world, uri)).map(|found| found.view()).collect();
            answer(200, &json!({ "posts": posts }))
        }
        ("GET", "app.bsky.feed.getPostThread") => match find(world, incoming.q("uri")) {
            Some(found) => answer(200, &json!({ "thread": thread(world, &found) })),
            None => api_error(400, "NotFound", &format!("Post not found: {}", incoming.q("uri"))),
        },
        _ => return None,
    })
}

fn did_of(world: &World, family: &Family) -> String {
    world.person(NAME, &family.username).map(|person| person.id.clone()).unwrap_or_default()
}

fn challenged(code: &str, words: &str) -> Answer {
    let mut said = api_error(401, code, words);
    let challenge = format!("DPoP algs=\"ES256\", error=\"{code}\", error_description=\"{words}\"");
    said.headers_mut().insert("www-authenticate", HeaderValue::from_str(&challenge).unwrap_or(HeaderValue::from_static("DPoP")));
    said
}

/// The collection that a call is about.
fn collection_of(incoming: &Incoming) -> String {
    let body: Value = serde_json::from_slice(&incoming.body).unwrap_or_default();
    body["collection"].as_str().unwrap_or_default().to_owned()
}

/// A call with a token that is bound to the key of its proof.
fn signed(world: &mut World, now: i64, incoming: &Incoming, need: Need<'_>, then: impl FnOnce(&mut World, &Family) -> Answer) -> Answer {
    let authorization = incoming.header("authorization").unwrap_or_default().to_owned();
    let Some(token) = authorization.strip_prefix("DPoP ") else {
        return match authorization.strip_prefix("Bearer ") {
            Some(_) => api_error(400, "InvalidRequest", "A token that is bound to a key is presented with its proof"),
            None => api_error(401, "AuthMissing", "Authentication Required"),
        };
    };
    let key = match proof::check(world, now, incoming, Some(token)) {
        Ok(key) => key,
        Err(wrong) => return challenged(wrong.code(), wrong.words()),
    };
    let (at, family) = match world.check_access(now, NAME, token) {
        Ok(known) => known,
        Err(Dead::Blocked) => return api_error(401, "AccountTakedown", "Account has been taken down"),
        Err(_) => return challenged("invalid_token", "Invalid token"),
    };
    if world.kept.get(&(NAME, format!("session/{at}"))).is_none_or(|session| session["key"] != key.as_str()) {
        return challenged("invalid_token", "DPoP key mismatch");
    }
    let (left, reset) = count(world, now, at);
    let mut said = match (left, missing(&family.scopes, need)) {
        (None, _) => api_error(429, "RateLimitExceeded", "Rate Limit Exceeded"),
        (_, Some(scope)) => api_error(403, "ScopeMissingError", &format!("Missing required scope \"{scope}\"")),
        _ if !matches!(need, Need::Any) && is_deactivated(world, &family) => api_error(401, "AccountDeactivated", "Account is deactivated"),
        _ => then(world, &family),
    };
    let left = left.unwrap_or(0).to_string();
    for (name, value) in
        [("ratelimit-limit", "3000"), ("ratelimit-remaining", &left), ("ratelimit-reset", &reset), ("ratelimit-policy", "3000;w=300")]
    {
        said.headers_mut().entry(name).or_insert(HeaderValue::from_str(value).unwrap_or(HeaderValue::from_static("")));
    }
    said
}

/// The person has switched the account off for a while: sessions live on, and write nothing.
fn is_deactivated(world: &World, family: &Family) -> bool {
    world.kept.contains_key(&(NAME, format!("deactivated/{}", family.username)))
}

/// Switches an account off or on.
pub(in crate::networks) fn set_active(world: &mut World, username: &str, active: bool) {
    let key = (NAME, format!("deactivated/{username}"));
    if active {
        world.kept.remove(&key);
    } else {
        world.kept.insert(key, json!(true));
    }
}

/// Takes the points of a change. `Err` is the answer to give where there are too few.
fn spend(world: &mut World, now: i64, username: &str, points: u64) -> Result<(), Answer> {
    let key = |name: &str| (NAME, format!("points/{name}/{username}"));
    let mut used = vec![];
    for (name, seconds, most) in POINTS {
        let window = now.div_euclid(seconds * MICRO);
        let spent = world.kept.get(&key(name)).filter(|kept| kept[0] == json!(window)).and_then(|kept| kept[1].as_u64()).unwrap_or(0);
        if spent + points > most {
            let mut said = api_error(429, "RateLimitExceeded", "Rate Limit Exceeded");
            let headers = [
                ("ratelimit-limit", most.to_string()),
                ("ratelimit-remaining", most.saturating_sub(spent).to_string()),
                ("ratelimit-reset", ((window + 1) * seconds).to_string()),
                ("ratelimit-policy", format!("{most};w={seconds}")),
            ];
            for (name, value) in headers {
                said.headers_mut().insert(name, HeaderValue::from_str(&value).unwrap_or(HeaderValue::from_static("")));
            }
            return Err(said);
        }
        used.push((key(name), json!([window, spent + points])));
    }
    world.kept.extend(used);
    Ok(())
}

/// Requests left in this window, and when it ends in seconds since 1970.
fn count(world: &mut World, now: i64, family: usize) -> (Option<u64>, String) {
    let window = now.div_euclid(WINDOW * MICRO);
    let kept = world.kept.entry((NAME, format!("limit/{family}"))).or_insert(json!([window, 0]));
    if kept[0] != json!(window) {
        *kept = json!([window, 0]);
    }
    let used = kept[1].as_u64().unwrap_or(0) + 1;
    kept[1] = json!(used);
    (LIMIT.checked_sub(used), ((window + 1) * WINDOW).to_string())
}

/// How content is written, as content ids name it: raw bytes, and the form of records.
const RAW: u8 = 0x55;
const RECORD: u8 = 0x71;

/// The content id (version 1, SHA-256, base32) of some content.
fn cid_of(codec: u8, content: &[u8]) -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let bytes = [&[1, codec, 0x12, 32], digest(&SHA256, content).as_ref()].concat();
    let bit = |at: usize| bytes.get(at / 8).map_or(0, |byte| usize::from(byte >> (7 - at % 8) & 1));
    let letter = |at: usize| char::from(ALPHABET[(0..5).fold(0, |five, of| five << 1 | bit(at + of))]);
    std::iter::once('b').chain((0..bytes.len() * 8).step_by(5).map(letter)).collect()
}

/// Of a record, by its address: here nobody changes one.
fn cid(uri: &str) -> String {
    cid_of(RECORD, uri.as_bytes())
}

fn upload(world: &mut World, incoming: &Incoming) -> Answer {
    let kind = incoming.header("content-type").unwrap_or_default();
    if incoming.body.is_empty() || kind.is_empty() {
        return api_error(400, "InvalidRequest", "Request encoding (Content-Type) required but not provided");
    }
    if incoming.body.len() > BLOB_MAX {
        return api_error(413, "PayloadTooLarge", "request entity too large");
    }
    let link = cid_of(RAW, &incoming.body);
    world.uploads.insert(format!("{NAME}/{link}"));
    world.kept.insert((NAME, format!("blob/{link}")), json!(incoming.body.len()));
    let blob = json!({ "$type": "blob", "ref": { "$link": link }, "mimeType": kind, "size": incoming.body.len() });
    answer(200, &json!({ "blob": blob }))
}

/// A picture of a post that is larger than pictures may be.
fn too_large(world: &World, record: &Value) -> Option<String> {
    let links = record["embed"]["images"].as_array().into_iter().flatten().filter_map(|image| image["image"]["ref"]["$link"].as_str());
    let mut sizes = links.filter_map(|link| world.kept.get(&(NAME, format!("blob/{link}")))?.as_u64());
    let size = sizes.find(|size| *size > PICTURE_MAX)?;
    Some(format!("This file is too large. It is {size}B but the maximum size is {PICTURE_MAX}B."))
}

/// What does not fit the lexicon of posts.
fn misfit(world: &World, record: &Value) -> Option<String> {
    let text = record["text"].as_str()?;
    if text.len() > 3_000 {
        return Some("Record/text must not be longer than 3000 bytes".into());
    }
    if text.graphemes(true).count() > 300 {
        return Some("Record/text must not be longer than 300 graphemes".into());
    }
    let at = record["createdAt"].as_str().unwrap_or_default();
    if at.len() < 20 || !at.contains('T') || !(at.ends_with('Z') || at.contains('+')) {
        return Some("Record/createdAt must be an valid atproto datetime (both RFC-3339 and ISO-8601)".into());
    }
    for facet in record["facets"].as_array().into_iter().flatten() {
        let end = |name: &str| facet["index"][name].as_u64().and_then(|at| usize::try_from(at).ok());
        let (Some(from), Some(to)) = (end("byteStart"), end("byteEnd")) else { return Some("Record/facets must have an index".into()) };
        if from >= to || text.get(from..to).is_none() || facet["features"].as_array().is_none_or(Vec::is_empty) {
            return Some("Record/facets must lie within the text".into());
        }
    }
    if record["embed"]["images"].as_array().is_some_and(|images| images.len() > PICTURES_MAX) {
        return Some(format!("Record/embed/images must not have more than {PICTURES_MAX} elements"));
    }
    for image in record["embed"]["images"].as_array().into_iter().flatten() {
        let link = image["image"]["ref"]["$link"].as_str().unwrap_or_default();
        if !world.uploads.contains(&format!("{NAME}/{link}")) || !image["alt"].is_string() {
            return Some(format!("Could not find blob: {link}"));
        }
    }
    let is_reference = |side: &Value| side["uri"].as_str().is_some_and(|uri| uri.starts_with("at://")) && side["cid"].is_string();
    let reply = &record["reply"];
    let fits = reply.is_null() || (is_reference(&reply["root"]) && is_reference(&reply["parent"]));
    (!fits).then(|| "Record/reply must have the properties root and parent".into())
}

fn create(world: &mut World, now: i64, incoming: &Incoming, family: &Family) -> Answer {
    let body: Value = serde_json::from_slice(&incoming.body).unwrap_or_default();
    let (did, record) = (did_of(world, family), &body["record"]);
    if body["repo"] != did.as_str() {
        return api_error(401, "AuthRequired", "Invalid repo");
    }
    if body["collection"] != POSTS || record["$type"] != POSTS || !record["text"].is_string() {
        return api_error(400, "InvalidRequest", "Invalid app.bsky.feed.post record: Record must have the property \"text\"");
    }
    if let Some(words) = misfit(world, record) {
        return api_error(400, "InvalidRequest", &format!("Invalid app.bsky.feed.post record: {words}"));
    }
    if let Some(words) = too_large(world, record) {
        return api_error(400, "BlobTooLarge", &words);
    }
    let rkey = body["rkey"].as_str().map_or_else(|| world.number().to_string(), str::to_owned);
    let uri = format!("at://{did}/{POSTS}/{rkey}");
    if world.kept.contains_key(&(NAME, uri.clone())) {
        return api_error(500, "InternalServerError", "Internal Server Error");
    }
    if let Err(refused) = spend(world, now, &family.username, CREATE) {
        return refused;
    }
    let text = record["text"].as_str().unwrap_or_default().to_owned();
    match record["reply"]["root"]["uri"].as_str() {
        Some(root) => {
            let parent = record["reply"]["parent"]["uri"].as_str().unwrap_or_default();
            let in_reply_to = if parent == root { String::new() } else { kept_id(parent) };
            let author = world.person(NAME, &family.username).map(|person| person.name.clone()).unwrap_or_default();
            world.comments.push(Comment { network: NAME, id: uri.clone(), post: root.to_owned(), in_reply_to, author, text, at: now });
        }
        None => {
            let images = record["embed"]["images"].as_array().into_iter().flatten();
            let media = images.filter_map(|image| image["image"]["ref"]["$link"].as_str().map(str::to_owned)).collect();
            let link = record["embed"]["external"]["uri"].as_str().unwrap_or_default().to_owned();
            let username = family.username.clone();
            world.publish(Post { network: NAME, id: uri.clone(), profile: did, username, text, link, media, at: now });
        }
    }
    world.kept.insert((NAME, uri.clone()), record.clone());
    let commit = json!({ "cid": cid(&format!("commit {uri}")), "rev": rkey });
    answer(200, &json!({ "uri": uri, "cid": cid(&uri), "commit": commit, "validationStatus": "valid" }))
}

/// What is not there is deleted already: the answer is the same, without a commit.
fn delete(world: &mut World, now: i64, incoming: &Incoming, family: &Family) -> Answer {
    let body: Value = serde_json::from_slice(&incoming.body).unwrap_or_default();
    let did = did_of(world, family);
    if body["repo"] != did.as_str() {
        return api_error(401, "AuthRequired", "Invalid repo");
    }
    let (collection, rkey) = (body["collection"].as_str().unwrap_or_default(), body["rkey"].as_str().unwrap_or_default());
    if collection.is_empty() || rkey.is_empty() {
        return api_error(400, "InvalidRequest", "Input must have the property \"rkey\"");
    }
    let uri = format!("at://{did}/{collection}/{rkey}");
    if !world.kept.contains_key(&(NAME, uri.clone())) {
        return answer(200, &json!({}));
    }
    if let Err(refused) = spend(world, now, &family.username, DELETE) {
        return refused;
    }
    world.kept.remove(&(NAME, uri.clone()));
    world.posts.retain(|post| post.network != NAME || post.id != uri);
    world.comments.retain(|said| said.network != NAME || said.id != uri);
    answer(200, &json!({ "commit": { "cid": cid(&format!("commit without {uri}")), "rev": rkey } }))
}

/// A post or reply as the network knows it.
struct Found {
    uri: String,
    record: Value,
    author: Value,
    at: i64,
}

impl Found {
    fn view(&self) -> Value {
        json!({
            "uri": self.uri, "cid": cid(&self.uri), "author": self.author, "record": self.record, "indexedAt": moment::rfc3339(self.at),
            "replyCount": 0, "repostCount": 0, "likeCount": 0
        })
    }
}

/// Visitors' words are kept under a number; to the network everything has an address.
fn address(id: &str) -> String {
    if id.starts_with("at://") { id.to_owned() } else { format!("at://{VISITOR}/{POSTS}/{id}") }
}

fn kept_id(uri: &str) -> String {
    uri.strip_prefix(&format!("at://{VISITOR}/{POSTS}/")).unwrap_or(uri).to_owned()
}

fn author(world: &World, name: &str, uri: &str) -> Value {
    let did = uri.trim_start_matches("at://").split('/').next().unwrap_or_default();
    let handle = by_did(world, did).map_or("visitor.test", |person| &person.username);
    json!({ "did": did, "handle": handle, "displayName": name })
}

fn find(world: &World, uri: &str) -> Option<Found> {
    if let Some(post) = world.post(NAME, uri) {
        let name = world.person(NAME, &post.username).map_or("", |person| &person.name);
        let record = world.kept.get(&(NAME, uri.to_owned()))?.clone();
        return Some(Found { uri: uri.to_owned(), record, author: author(world, name, uri), at: post.at });
    }
    let said = world.comments.iter().find(|said| said.network == NAME && address(&said.id) == uri)?;
    Some(reply(world, said))
}

fn reply(world: &World, said: &Comment) -> Found {
    let uri = address(&said.id);
    let parent = if said.in_reply_to.is_empty() { said.post.clone() } else { address(&said.in_reply_to) };
    let reference = |uri: &str| json!({ "uri": uri, "cid": cid(uri) });
    let made = || {
        json!({
            "$type": POSTS, "text": said.text, "createdAt": moment::rfc3339(said.at),
            "reply": { "root": reference(&said.post), "parent": reference(&parent) }
        })
    };
    let record = world.kept.get(&(NAME, uri.clone())).cloned().unwrap_or_else(made);
    Found { author: author(world, &said.author, &uri), record, at: said.at, uri }
}

fn thread(world: &World, found: &Found) -> Value {
    let parent = |said: &&Comment| if said.in_reply_to.is_empty() { said.post.clone() } else { address(&said.in_reply_to) };
    let below = world.comments.iter().filter(|said| said.network == NAME && parent(said) == found.uri);
    let replies: Vec<Value> = below.map(|said| thread(world, &reply(world, said))).collect();
    json!({ "$type": "app.bsky.feed.defs#threadViewPost", "post": found.view(), "replies": replies })
}
