//! What the server answers to whoever brings a token.

use http::HeaderValue;
use serde_json::{Value, json};
use unicode_segmentation::UnicodeSegmentation as _;

use super::super::moment;
use super::{CALLED, DOMAIN, MICRO, MOVED, NAME, app, holds, list, scheduled};
use crate::pages::esc;
use crate::people::{Comment, Post};
use crate::request::{Answer, Incoming, json as answer};
use crate::tokens::{DAY, Dead, Family};
use crate::world::World;

/// This server's operator allows more than the usual 500.
const CHARACTERS_MAX: usize = 1000;
const MEDIA_MAX: usize = 4;
const TYPES: &[&str] = &["image/jpeg", "image/png", "image/gif", "image/webp", "video/mp4", "audio/mpeg"];
const PICTURE_BYTES: usize = 16_777_216;
const DESCRIPTION_MAX: usize = 1500;

pub(super) fn instance(incoming: &Incoming) -> Answer {
    let statuses = json!({ "max_characters": CHARACTERS_MAX, "max_media_attachments": MEDIA_MAX, "characters_reserved_per_url": 23 });
    let media = json!({
        "supported_mime_types": TYPES,
        "description_limit": DESCRIPTION_MAX, "image_size_limit": PICTURE_BYTES, "image_matrix_limit": 33_177_600, "video_size_limit": 103_809_024,
        "video_frame_rate_limit": 120, "video_matrix_limit": 8_294_400
    });
    let configuration = json!({ "statuses": statuses, "media_attachments": media });
    if incoming.path == "/api/v1/instance" {
        return answer(200, &json!({ "uri": DOMAIN, "title": "Fernweh Social", "version": "4.4.8", "configuration": configuration }));
    }
    answer(200, &json!({ "domain": CALLED, "title": "Fernweh Social", "version": "4.4.8", "configuration": configuration }))
}

/// The texts come in the language of the account: tom.becker's is German.
fn refused(family: Option<&Family>, status: u16, english: &str, german: &str) -> Answer {
    let german = (!german.is_empty() && family.is_some_and(|family| family.username == "tom.becker")).then_some(german);
    let mut said = answer(status, &json!({ "error": german.unwrap_or(english) }));
    if status == 401 {
        let realm = "Bearer realm=\"Doorkeeper\", error=\"invalid_token\"";
        said.headers_mut().insert("www-authenticate", HeaderValue::from_static(realm));
    }
    said
}

pub(super) fn not_found() -> Answer {
    answer(404, &json!({ "error": "Record not found" }))
}

/// A limit by its name: so many requests in so many seconds.
type Limit = (&'static str, u64, i64);

/// All requests of a token in five minutes.
const REQUESTS: Limit = ("limit", 300, 300);
/// What a file or a deletion costs beside that.
const UPLOADS: Limit = ("uploads", 30, 1_800);
const DELETIONS: Limit = ("deletions", 30, 1_800);

/// Counts a request of a token: the number left, and when the window ends.
fn count(world: &mut World, now: i64, token: &str, (name, most, seconds): Limit) -> (Option<u64>, String) {
    let window = now.div_euclid(seconds * MICRO);
    let kept = world.kept.entry((NAME, format!("{name}/{token}"))).or_insert(json!([window, 0]));
    if kept[0] != json!(window) {
        *kept = json!([window, 0]);
    }
    let used = kept[1].as_u64().unwrap_or(0) + 1;
    kept[1] = json!(used);
    (most.checked_sub(used), moment::rfc3339((window + 1) * seconds * MICRO))
}

/// The limit that such a request comes under first.
fn limit_of(incoming: &Incoming) -> Limit {
    match (incoming.method.as_str(), incoming.path.as_str()) {
        ("POST", "/api/v2/media") => UPLOADS,
        ("DELETE", path) if path.starts_with("/api/v1/statuses/") => DELETIONS,
        _ => REQUESTS,
    }
}

pub(super) fn api(world: &mut World, now: i64, incoming: &Incoming) -> Answer {
    let limit = limit_of(incoming);
    let (all, reset_of_all) = count(world, now, incoming.bearer(), REQUESTS);
    let (left, reset) = if limit == REQUESTS { (all, reset_of_all) } else { count(world, now, incoming.bearer(), limit) };
    let mut said =
        if all.and(left).is_some() { signed_in(world, now, incoming) } else { answer(429, &json!({ "error": "Too many requests" })) };
    let (most, remaining) = (limit.1.to_string(), left.unwrap_or(0).to_string());
    for (name, value) in [("x-ratelimit-limit", &most), ("x-ratelimit-remaining", &remaining), ("x-ratelimit-reset", &reset)] {
        said.headers_mut().insert(name, HeaderValue::from_str(value).unwrap_or(HeaderValue::from_static("")));
    }
    said
}

fn signed_in(world: &mut World, now: i64, incoming: &Incoming) -> Answer {
    let token = incoming.bearer();
    let app_token = world.kept.get(&(NAME, format!("app_token/{token}"))).and_then(Value::as_str).map(str::to_owned);
    let issued_to = world.kept.get(&(NAME, format!("issued/{token}"))).and_then(Value::as_str).map(str::to_owned);
    // A lost registration takes its tokens along.
    let client = app_token.clone().or(issued_to).filter(|client| app(world, client).is_some());
    let kept = world.vault.access.get(token).and_then(|kept| world.vault.families.get(kept.family)).cloned();
    if app_token.is_some() && client.is_some() {
        return if incoming.path == "/api/v1/apps/verify_credentials" {
            who_asks(world, client.as_deref())
        } else {
            answer(422, &json!({ "error": "This method requires an authenticated user" }))
        };
    }
    let family = match world.check_access(now, NAME, token) {
        _ if client.is_none() => return refused(None, 401, "The access token is invalid", ""),
        // The account is gone for good, and its tokens with it.
        _ if kept.as_ref().is_some_and(|family| family.why == "delete") => return answer(410, &json!({ "error": "Gone" })),
        Ok((_, family)) => family,
        Err(Dead::Blocked) => {
            return refused(kept.as_ref(), 403, "Your login is currently disabled", "Deine Anmeldung ist derzeit deaktiviert");
        }
        // Rows of revoked tokens are cleaned away: after that nobody knows them any more.
        Err(Dead::Revoked) if seen_revoked(world, now, token) => return refused(None, 401, "The access token is invalid", ""),
        Err(Dead::Revoked) => return refused(kept.as_ref(), 401, "The access token was revoked", "Der Zugriffstoken wurde widerrufen"),
        Err(Dead::Expired) => return refused(kept.as_ref(), 401, "The access token expired", "Der Zugriffstoken ist abgelaufen"),
        Err(Dead::Unknown) => return refused(None, 401, "The access token is invalid", ""),
    };
    let needs: &[&str] = match (incoming.method.as_str(), incoming.path.as_str()) {
        ("GET", "/api/v1/apps/verify_credentials") => return who_asks(world, client.as_deref()),
        ("GET", "/api/v1/accounts/verify_credentials") => &["profile", "read:accounts"],
        ("GET", "/oauth/userinfo") => &["profile"],
        ("GET", "/api/v2/search") => &["read:search"],
        ("POST", "/api/v2/media") => &["write:media"],
        ("GET", path) if path.starts_with("/api/v1/media/") => &["write:media"],
        ("GET", path) if path.starts_with("/api/v1/statuses/") => &["read:statuses"],
        ("POST", "/api/v1/statuses") => &["write:statuses"],
        ("GET", path) if path.starts_with("/api/v1/scheduled_statuses") => &["read:statuses"],
        ("PUT" | "DELETE", path) if path.starts_with("/api/v1/scheduled_statuses/") => &["write:statuses"],
        ("DELETE", path) if path.starts_with("/api/v1/statuses/") => &["write:statuses"],
        _ => return not_found(),
    };
    if !needs.iter().any(|need| holds(&family.scopes, need)) {
        let german = "Diese Aktion liegt außerhalb der autorisierten Bereiche";
        return refused(Some(&family), 403, "This action is outside the authorized scopes", german);
    }
    act(world, now, incoming, &family)
}

/// Whether a revoked token was shown so long ago that its row is gone: a week after somebody first met the refusal.
fn seen_revoked(world: &mut World, now: i64, token: &str) -> bool {
    let first = world.kept.entry((NAME, format!("revoked/{token}"))).or_insert(json!(now));
    first.as_i64().is_some_and(|first| now - first > 7 * DAY * MICRO)
}

fn act(world: &mut World, now: i64, incoming: &Incoming, family: &Family) -> Answer {
    match (incoming.method.as_str(), incoming.path.as_str()) {
        ("GET", "/api/v1/accounts/verify_credentials") => me(world, family),
        ("GET", "/oauth/userinfo") => {
            let account = account_of(world, &family.username);
            let who = json!({
                "iss": format!("https://{DOMAIN}/"), "sub": account["uri"], "name": account["display_name"],
                "preferred_username": account["username"], "profile": account["url"], "picture": account["avatar"]
            });
            answer(200, &who)
        }
        ("GET", "/api/v2/search") => search(world, incoming),
        ("POST", "/api/v2/media") => media(world, incoming),
        ("POST", "/api/v1/statuses") => publish(world, now, incoming, family),
        (method, path) => match (path.strip_prefix("/api/v1/media/"), path.strip_prefix("/api/v1/scheduled_statuses")) {
            (Some(id), _) => look_at_media(world, id),
            (_, Some(id)) => scheduled::call(world, now, incoming, id.trim_start_matches('/'), family),
            _ => status_call(world, method, path.trim_start_matches("/api/v1/statuses/"), family),
        },
    }
}

fn who_asks(world: &World, client: Option<&str>) -> Answer {
    let Some(app) = client.and_then(|client| app(world, client)) else { return not_found() };
    let fields = ["id", "name", "website", "scopes", "redirect_uris", "redirect_uri", "vapid_key"];
    let shown: serde_json::Map<_, _> = fields.into_iter().map(|field| (field.to_owned(), app[field].clone())).collect();
    answer(200, &Value::Object(shown))
}

/// Somebody of this server, or a visitor from another one.
fn account(id: &str, username: &str, name: &str, domain: Option<&str>) -> Value {
    let host = domain.unwrap_or(DOMAIN);
    json!({
        "id": id, "username": username, "acct": domain.map_or_else(|| username.to_owned(), |domain| format!("{username}@{domain}")),
        "display_name": name, "url": format!("https://{host}/@{username}"), "uri": format!("https://{host}/users/{username}"),
        "avatar": format!("https://{host}/avatars/{username}.png"), "avatar_static": format!("https://{host}/avatars/{username}.png"),
        "header": format!("https://{host}/headers/{username}.png"), "header_static": format!("https://{host}/headers/{username}.png"),
        "note": "", "locked": false, "bot": false, "group": false, "discoverable": true, "noindex": false,
        "created_at": "2022-11-06T00:00:00.000Z", "last_status_at": "2026-11-20", "statuses_count": 12, "followers_count": 340,
        "following_count": 51, "emojis": [], "fields": [],
        // Extensions of later versions.
        "hide_collections": false, "indexable": true, "roles": []
    })
}

/// A login name with dots stands for a user name without.
fn account_of(world: &World, username: &str) -> Value {
    let shown = username.replace('.', "_");
    world.person(NAME, username).map_or(Value::Null, |person| account(&person.id, &shown, &person.name, None))
}

fn account_by_name(world: &World, name: &str) -> Value {
    match world.people.iter().find(|person| person.network == NAME && person.name == name) {
        Some(person) => account_of(world, &person.username),
        None => {
            let slug: String = name.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
            account(&format!("9{:017}", slug.len()), &slug, name, Some("elsewhere.example"))
        }
    }
}

fn me(world: &World, family: &Family) -> Answer {
    let mut account = account_of(world, &family.username);
    account["source"] = json!({
        "privacy": "public", "sensitive": false, "language": "de", "note": "", "fields": [], "follow_requests_count": 0,
        "attribution_domains": [], "discoverable": true, "hide_collections": false, "indexable": true
    });
    account["role"] = json!({ "id": "-99", "name": "", "permissions": "65536", "color": "", "highlighted": false });
    if family.username == MOVED {
        account["moved"] = account_of(world, "fernweh.outdoor");
    }
    answer(200, &account)
}

/// Working through a picture takes two looks.
fn media(world: &mut World, incoming: &Incoming) -> Answer {
    let is_file = incoming.header("content-type").is_some_and(|kind| kind.starts_with("multipart/form-data; boundary="));
    let body = String::from_utf8_lossy(&incoming.body);
    if !is_file || !body.contains("name=\"file\"") {
        return answer(422, &json!({ "error": "Validation failed: File can't be blank" }));
    }
    let kind = body
        .to_lowercase()
        .split("content-type: ")
        .nth(1)
        .and_then(|rest| rest.split("\r\n").next().map(str::to_owned))
        .unwrap_or_default();
    if !TYPES.contains(&kind.as_str()) {
        return answer(422, &json!({ "error": format!("Validation failed: File content type is invalid, {kind}") }));
    }
    let described = body.split("name=\"description\"\r\n\r\n").nth(1).and_then(|rest| rest.split("\r\n--").next()).unwrap_or_default();
    if described.chars().count() > DESCRIPTION_MAX {
        return answer(422, &json!({ "error": format!("Validation failed: Description character limit of {DESCRIPTION_MAX} exceeded") }));
    }
    let is_film = kind.starts_with("video/");
    if !is_film && incoming.body.len() > PICTURE_BYTES {
        return answer(422, &json!({ "error": "Validation failed: File file size must be less than 16 MB" }));
    }
    let id = world.number().to_string();
    // A long film takes longer than anybody waits.
    let looks = if body.contains("a long film") {
        50
    } else if is_film {
        2
    } else {
        0
    };
    world.kept.insert((NAME, format!("media/{id}")), json!(looks));
    let (status, url) = if is_film { (202, Value::Null) } else { (200, json!(format!("https://{DOMAIN}/media/{id}.png"))) };
    answer(status, &attachment(&id, &url))
}

pub(super) fn attachment(id: &str, url: &Value) -> Value {
    json!({
        "id": id, "type": "image", "url": url, "preview_url": format!("https://{DOMAIN}/media/small/{id}.png"), "remote_url": null,
        "meta": {}, "description": null, "blurhash": null
    })
}

fn look_at_media(world: &mut World, id: &str) -> Answer {
    let Some(left) = world.kept.get_mut(&(NAME, format!("media/{id}"))) else { return not_found() };
    let looks = left.as_i64().unwrap_or(0);
    *left = json!((looks - 1).max(0));
    if looks > 1 {
        return answer(206, &attachment(id, &Value::Null));
    }
    answer(200, &attachment(id, &json!(format!("https://{DOMAIN}/media/{id}.png"))))
}

/// A status as it is shown: one that was posted, or something said under one.
struct Status {
    id: String,
    account: Value,
    text: String,
    at: i64,
    in_reply_to: Option<String>,
    /// The post it stands under, itself where it is one.
    root: String,
    media: Vec<String>,
}

fn find(world: &World, id: &str) -> Option<Status> {
    if let Some(post) = world.post(NAME, id) {
        let account = account_of(world, &post.username);
        let (text, media) = (post.text.clone(), post.media.clone());
        return Some(Status { id: id.to_owned(), account, text, at: post.at, in_reply_to: None, root: id.to_owned(), media });
    }
    world.comments.iter().find(|said| said.network == NAME && said.id == id).map(|said| reply(world, said))
}

fn reply(world: &World, said: &Comment) -> Status {
    let to = if said.in_reply_to.is_empty() { &said.post } else { &said.in_reply_to };
    Status {
        id: said.id.clone(),
        account: account_by_name(world, &said.author),
        text: said.text.clone(),
        at: said.at,
        in_reply_to: Some(to.clone()),
        root: said.post.clone(),
        media: vec![],
    }
}

fn show(world: &World, status: &Status) -> Value {
    let Status { id, account, .. } = status;
    let acct = account["acct"].as_str().unwrap_or_default();
    let said_with = world.kept.get(&(NAME, format!("said_with/{id}"))).cloned().unwrap_or_default();
    let with = |name: &str, usual: Value| Some(said_with[name].clone()).filter(|value| !value.is_null()).unwrap_or(usual);
    let media: Vec<Value> = status.media.iter().map(|id| attachment(id, &json!(format!("https://{DOMAIN}/media/{id}.png")))).collect();
    let to_account = status.in_reply_to.as_deref().and_then(|id| find(world, id)).map(|status| status.account["id"].clone());
    json!({
        "id": id, "uri": format!("https://{DOMAIN}/users/{acct}/statuses/{id}"), "url": format!("https://{DOMAIN}/@{acct}/{id}"),
        "created_at": moment::rfc3339(status.at), "edited_at": null, "content": format!("<p>{}</p>", esc(&status.text).replace('\n', "<br />")),
        "visibility": with("visibility", json!("public")), "in_reply_to_id": status.in_reply_to, "in_reply_to_account_id": to_account, "account": account,
        "sensitive": with("sensitive", json!(false)), "spoiler_text": with("spoiler_text", json!("")), "language": with("language", json!("de")), "replies_count": 0, "reblogs_count": 0, "favourites_count": 0,
        "quotes_count": 0, "media_attachments": media, "mentions": [], "tags": [], "emojis": [], "card": null, "poll": null, "reblog": null
    })
}

/// What an address leads to, where it is a status this server knows or can fetch.
fn search(world: &World, incoming: &Incoming) -> Answer {
    let id = incoming.q("q").rsplit('/').next().unwrap_or_default().to_owned();
    let found = find(world, &id).filter(|_| incoming.q("type") == "statuses" && incoming.q("q").starts_with("https://"));
    let statuses: Vec<Value> = found.iter().map(|status| show(world, status)).collect();
    answer(200, &json!({ "accounts": [], "statuses": statuses, "hashtags": [] }))
}

/// Characters as people see them; an address is 23 however long it is, and of somebody elsewhere the name alone counts.
fn length(text: &str) -> usize {
    let word = |word: &str| match word {
        _ if word.starts_with("https://") || word.starts_with("http://") => 23,
        _ if word.starts_with('@') => word[1..].find('@').map_or(word, |host| &word[..=host]).graphemes(true).count(),
        _ => word.graphemes(true).count(),
    };
    text.split(char::is_whitespace).map(word).sum::<usize>() + text.matches(char::is_whitespace).count()
}

fn publish(world: &mut World, now: i64, incoming: &Incoming, family: &Family) -> Answer {
    let body: Value = serde_json::from_slice(&incoming.body).unwrap_or_else(|_| json!(incoming.form()));
    let key = incoming.header("idempotency-key").map(|key| format!("key/{}/{key}", family.username));
    if let Some([id, at]) = key.as_ref().and_then(|key| world.kept.get(&(NAME, key.clone()))).and_then(Value::as_array).map(Vec::as_slice)
        && at.as_i64().is_some_and(|at| now - at < 3600 * MICRO)
        && let Some(status) = find(world, id.as_str().unwrap_or_default())
    {
        return answer(200, &show(world, &status));
    }
    if family.username == MOVED {
        return answer(403, &json!({ "error": "This action is not allowed" }));
    }
    if let Some(refused) = unfit(world, &body) {
        return refused;
    }
    if let Some(kept) = scheduled::keep(world, now, &body, family) {
        return kept;
    }
    let Some(id) = say(world, now, &body, &family.username) else { return not_found() };
    if let Some(key) = key {
        world.kept.insert((NAME, key), json!([id, now]));
    }
    find(world, &id).map_or_else(not_found, |status| answer(200, &show(world, &status)))
}

/// What is wrong with a status that is to be published.
fn unfit(world: &World, body: &Value) -> Option<Answer> {
    let (text, media) = (body["status"].as_str().unwrap_or_default(), list(&body["media_ids"]));
    let visibility = body["visibility"].as_str().unwrap_or("public");
    let invalid = |words: String| Some(answer(422, &json!({ "error": format!("Validation failed: {words}") })));
    if text.trim().is_empty() && media.is_empty() {
        return invalid("Text can't be blank".into());
    }
    if length(text) > CHARACTERS_MAX {
        return invalid(format!("Text character limit of {CHARACTERS_MAX} exceeded"));
    }
    if media.len() > MEDIA_MAX {
        return invalid("Cannot attach more than 4 files".into());
    }
    if !["public", "unlisted", "private", "direct"].contains(&visibility) {
        return invalid("Visibility is not included in the list".into());
    }
    let is_ready = |id: &String| world.kept.get(&(NAME, format!("media/{id}"))) == Some(&json!(0));
    let words = "Cannot attach files that have not finished processing. Try again in a moment!";
    if media.iter().all(is_ready) { None } else { Some(answer(422, &json!({ "error": words }))) }
}

/// Publishes a status that fits: its id. `None` where it answers something that is not there.
pub(super) fn say(world: &mut World, now: i64, body: &Value, username: &str) -> Option<String> {
    let (text, media) = (body["status"].as_str().unwrap_or_default().to_owned(), list(&body["media_ids"]));
    let visibility = body["visibility"].as_str().unwrap_or("public");
    let id = world.number().to_string();
    let (name, profile) = world.person(NAME, username).map(|person| (person.name.clone(), person.id.clone())).unwrap_or_default();
    match body["in_reply_to_id"].as_str() {
        Some(to) => {
            let answered = find(world, to)?;
            let in_reply_to = if answered.root == to { String::new() } else { to.to_owned() };
            world.comments.push(Comment { network: NAME, id: id.clone(), post: answered.root, in_reply_to, author: name, text, at: now });
        }
        None => {
            let username = username.to_owned();
            world.publish(Post { network: NAME, id: id.clone(), profile, username, text, link: String::new(), media, at: now });
        }
    }
    let said_with = json!({ "visibility": visibility, "sensitive": body["sensitive"], "spoiler_text": body["spoiler_text"], "language": body["language"] });
    world.kept.insert((NAME, format!("said_with/{id}")), said_with);
    Some(id)
}

fn status_call(world: &mut World, method: &str, rest: &str, family: &Family) -> Answer {
    let (id, what) = rest.split_once('/').unwrap_or((rest, ""));
    let Some(status) = find(world, id) else { return not_found() };
    match (method, what) {
        ("GET", "") => answer(200, &show(world, &status)),
        ("GET", "context") => {
            let said: Vec<_> = world.comments_of(NAME, &status.root).map(|said| reply(world, said)).collect();
            // Everything below this one, however deep.
            let mut below = vec![status.id.clone()];
            let mut descendants = vec![];
            for reply in &said {
                if reply.in_reply_to.as_ref().is_some_and(|to| below.contains(to)) {
                    below.push(reply.id.clone());
                    descendants.push(show(world, reply));
                }
            }
            answer(200, &json!({ "ancestors": above(world, &status), "descendants": descendants }))
        }
        ("DELETE", "") if status.account == account_of(world, &family.username) => {
            let mut shown = show(world, &status);
            // For whoever writes it anew.
            shown["text"] = json!(status.text);
            world.posts.retain(|post| post.network != NAME || post.id != status.id);
            world.comments.retain(|said| said.network != NAME || said.id != status.id);
            answer(200, &shown)
        }
        _ => not_found(),
    }
}

/// What a status answers, from the first on.
fn above(world: &World, status: &Status) -> Vec<Value> {
    let (mut above, mut next) = (vec![], status.in_reply_to.clone());
    while let Some(answered) = next.and_then(|id| find(world, &id)) {
        next = answered.in_reply_to.clone();
        above.push(show(world, &answered));
    }
    above.reverse();
    above
}
