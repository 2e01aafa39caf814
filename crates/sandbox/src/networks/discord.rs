//! Discord's channel webhooks as its documentation describes them (knowledge base `discord`).

use base64::Engine as _;
use http::HeaderValue;
use serde_json::{Value, json};

use super::{Consent, client_id, client_secret, is_redirect_uri, moment, refuse_page};
use crate::consent::{Ask, Decision, decide};
use crate::people::{Comment, Page, Person, Post, person};
use crate::request::{Answer, Incoming, html, json as answer, see_other, with_query};
use crate::tokens::DAY;
use crate::world::World;

const NAME: &str = "discord";
const COLOUR: &str = "#5865f2";
const MICRO: i64 = 1_000_000;
const GUILD: &str = "1100000000000000001";
/// Webhooks of a channel.
const WEBHOOKS_MAX: usize = 15;
/// Messages of a webhook in two seconds.
const BURST: u64 = 5;

pub(super) fn handle(world: &mut World, now: i64, incoming: &Incoming) -> Option<Answer> {
    if incoming.path == "/oauth2/authorize" {
        return Some(authorize(world, now, incoming));
    }
    if !incoming.path.starts_with("/api/") {
        return None;
    }
    // Turned away before anything of the API sees it.
    if !incoming.header("user-agent").is_some_and(|agent| agent.starts_with("DiscordBot (http") && agent.contains(", ")) {
        return Some(html(403, "error code: 1010".into()));
    }
    if dead_calls(world, now).len() > DEAD_CALLS_MAX {
        return Some(html(429, "error code: 1015".into()));
    }
    match (incoming.method.as_str(), incoming.path.as_str()) {
        ("POST", "/api/oauth2/token") => Some(token(world, now, incoming)),
        ("POST", "/api/oauth2/token/revoke") => Some(revoke(world, now, incoming)),
        ("GET", "/api/v10/oauth2/@me") => Some(me(world, now, incoming)),
        (_, path) => path.strip_prefix("/api/v10/webhooks/").map(|rest| webhook(world, now, incoming, rest)),
    }
}

fn ask(incoming: &Incoming) -> Ask {
    let scopes = incoming.q("scope").split_whitespace().map(str::to_owned).collect();
    Ask { network: NAME, title: "Discord", colour: COLOUR, scopes, scopes_optional: false, may_skip: false }
}

fn is_good(incoming: &Incoming) -> bool {
    incoming.q("client_id") == client_id(NAME)
        && is_redirect_uri(incoming.q("redirect_uri"))
        && incoming.q("response_type") == "code"
        && !incoming.q("scope").trim().is_empty()
        && ask(incoming).scopes.iter().all(|scope| matches!(scope.as_str(), "webhook.incoming" | "identify"))
}

/// The channel that is picked: where the person may manage webhooks, the first one unless another is wanted.
fn channel(world: &World, username: &str, wanted: Option<u64>) -> Option<u64> {
    let mut mine = world.pages.iter().filter(|page| page.network == NAME && wanted.is_none_or(|wanted| page.id == wanted));
    mine.find(|page| page.roles.iter().any(|(holder, role, _)| holder == username && role == ROLES[0])).map(|page| page.id)
}

fn authorize(world: &mut World, now: i64, incoming: &Incoming) -> Answer {
    if !is_good(incoming) {
        return refuse_page("Invalid OAuth2 request", COLOUR, "Discord", "client_id, redirect_uri, response_type or scope is not correct.");
    }
    match decide(world, now, incoming, &ask(incoming)) {
        Decision::Show(page) => page,
        Decision::Deny { .. } => see_other(&denied(incoming)),
        Decision::Allow { username, .. } => match channel(world, &username, incoming.q("channel_id").parse().ok()) {
            Some(channel) => see_other(&allowed(world, now, incoming, &username, channel)),
            None => refuse_page("No channel", COLOUR, "Discord", "There is no channel in which you have the permission Manage Webhooks."),
        },
    }
}

fn denied(incoming: &Incoming) -> String {
    let words = "The resource owner or authorization server denied the request";
    with_query(incoming.q("redirect_uri"), &[("error", "access_denied"), ("error_description", words), ("state", incoming.q("state"))])
}

fn allowed(world: &mut World, now: i64, incoming: &Incoming, username: &str, channel: u64) -> String {
    let code = world.new_code(now, NAME, username, ask(incoming).scopes, incoming.q("redirect_uri"), 10 * 60);
    world.kept.insert((NAME, format!("code/{code}")), json!(channel.to_string()));
    let mut back = vec![("code", code.as_str()), ("guild_id", GUILD)];
    back.extend(Some(("state", incoming.q("state"))).filter(|(_, state)| !state.is_empty()));
    with_query(incoming.q("redirect_uri"), &back)
}

pub(super) fn consent(world: &mut World, now: i64, incoming: &Incoming, consent: &Consent<'_>) -> Option<String> {
    if incoming.path != "/oauth2/authorize" || !is_good(incoming) {
        return None;
    }
    if consent.deny {
        return Some(denied(incoming));
    }
    let channel = channel(world, consent.username, consent.page)?;
    Some(allowed(world, now, incoming, consent.username, channel))
}

fn error(status: u16, code: &str, words: &str) -> Answer {
    answer(status, &json!({ "error": code, "error_description": words }))
}

pub(super) fn refused_renewal() -> Answer {
    error(400, "invalid_grant", "Invalid \"refresh_token\" in request.")
}

/// By HTTP Basic or form fields; a form it has to be.
fn is_our_client(incoming: &Incoming) -> bool {
    let pair = base64::engine::general_purpose::STANDARD.encode(format!("{}:{}", client_id(NAME), client_secret(NAME)));
    let by_header = incoming.header("authorization").and_then(|value| value.strip_prefix("Basic ")) == Some(pair.as_str());
    by_header || (incoming.f("client_id") == client_id(NAME) && incoming.f("client_secret") == client_secret(NAME))
}

fn token(world: &mut World, now: i64, incoming: &Incoming) -> Answer {
    if !is_our_client(incoming) {
        return error(401, "invalid_client", "");
    }
    match incoming.f("grant_type") {
        "authorization_code" => exchange(world, now, incoming),
        "refresh_token" => match world.spend_refresh(now, NAME, incoming.f("refresh_token"), false) {
            Ok((family, _)) => answer(200, &tokens(world, now, family)),
            Err(_) => refused_renewal(),
        },
        _ => error(400, "unsupported_grant_type", "Grant type is not supported."),
    }
}

fn tokens(world: &mut World, now: i64, family: usize) -> Value {
    let access = world.new_access(now, family, "", Some(7 * DAY));
    let refresh = world.new_refresh(now, family, "", now + 3650 * DAY * MICRO);
    let scope = world.vault.families[family].scopes.join(" ");
    json!({ "token_type": "Bearer", "access_token": access, "scope": scope, "expires_in": 7 * DAY, "refresh_token": refresh })
}

/// Every webhook that lives: its id and what is kept of it.
fn living(world: &World) -> impl Iterator<Item = (&str, &Value)> {
    let kept = world.kept.iter().filter(|((network, _), _)| *network == NAME);
    kept.filter_map(|((_, key), value)| Some((key.strip_prefix("webhook/")?, value))).filter(move |(_, value)| lives(world, value))
}

/// A webhook outlives its maker's password and OAuth tokens. What becomes of it when the person removes the app is not stated
/// (unconfirmed): here it goes.
fn lives(world: &World, webhook: &Value) -> bool {
    let family = webhook["family"].as_u64().and_then(|family| usize::try_from(family).ok());
    webhook["family"].is_null() || family.and_then(|family| world.vault.families.get(family)).is_some_and(|family| !family.revoked)
}

/// A webhook that somebody makes by hand in a channel's settings: its address, as people copy it there.
pub(crate) fn make_by_hand(world: &mut World, channel: u64) -> Option<String> {
    world.pages.iter().find(|page| page.network == NAME && page.id == channel)?;
    Some(make(world, &json!(channel.to_string()), None).1)
}

/// A webhook, and its address.
fn make(world: &mut World, channel: &Value, family: Option<usize>) -> (Value, String) {
    let (id, secret) = ((1_100_000_000_000_000_000 + world.number()).to_string(), world.secret(""));
    let kept = json!({ "token": secret, "channel_id": channel, "family": family, "name": "Fernweh news" });
    world.kept.insert((NAME, format!("webhook/{id}")), kept.clone());
    (shown(&id, &kept), format!("https://discord.com/api/webhooks/{id}/{secret}"))
}

fn exchange(world: &mut World, now: i64, incoming: &Incoming) -> Answer {
    let channel = world.kept.get(&(NAME, format!("code/{}", incoming.f("code")))).cloned().unwrap_or(Value::Null);
    if living(world).filter(|(_, webhook)| webhook["channel_id"] == channel).count() >= WEBHOOKS_MAX {
        return answer(400, &json!({ "code": 30007, "message": "Maximum number of webhooks reached (15)" }));
    }
    let Ok(code) = world.take_code(now, NAME, incoming.f("code"), incoming.f("redirect_uri")) else {
        return error(400, "invalid_grant", "Invalid \"code\" in request.");
    };
    let makes_webhook = code.scopes.iter().any(|scope| scope == "webhook.incoming");
    let family = world.new_family(now, NAME, &code.username, code.scopes);
    let mut body = tokens(world, now, family);
    if makes_webhook {
        let (webhook, address) = make(world, &channel, Some(family));
        body["webhook"] = webhook;
        body["webhook"]["url"] = json!(address);
    }
    answer(200, &body)
}

fn shown(id: &str, kept: &Value) -> Value {
    json!({
        "id": id, "token": kept["token"], "name": kept["name"], "channel_id": kept["channel_id"], "guild_id": GUILD,
        "application_id": (!kept["family"].is_null()).then(|| client_id(NAME)), "type": 1, "avatar": null
    })
}

/// Ends all tokens of that authorisation; webhooks are no tokens.
fn revoke(world: &mut World, now: i64, incoming: &Incoming) -> Answer {
    if !is_our_client(incoming) {
        return error(401, "invalid_client", "");
    }
    let token = incoming.f("token");
    let found = world.check_refresh(now, NAME, token).or_else(|_| world.check_access(now, NAME, token));
    if let Ok((family, _)) = found {
        let tokens = world.vault.access.values_mut().chain(world.vault.refresh.values_mut());
        tokens.filter(|token| token.family == family).for_each(|token| token.spent = true);
    }
    answer(200, &json!({}))
}

fn refused(status: u16, code: i64, message: &str) -> Answer {
    answer(status, &json!({ "message": message, "code": code }))
}

fn me(world: &World, now: i64, incoming: &Incoming) -> Answer {
    let Ok((_, family)) = world.check_access(now, NAME, incoming.bearer()) else { return refused(401, 0, "401: Unauthorized") };
    let mut body = json!({
        "application": { "id": client_id(NAME), "name": "Staygreen" }, "scopes": *family.scopes, "expires": moment::rfc3339(now + 7 * DAY * MICRO)
    });
    if let Some(person) = world.person(NAME, &family.username).filter(|_| family.scopes.iter().any(|scope| scope == "identify")) {
        body["user"] =
            json!({ "id": person.id, "username": person.username, "global_name": person.name, "discriminator": "0", "avatar": null });
    }
    answer(200, &body)
}

/// Calls of webhooks that are gone in the last ten minutes: whoever goes on with them is turned away altogether. The real limit is
/// much higher and its window is of the address; that it exists is what a client has to know.
const DEAD_CALLS_MAX: usize = 10;

fn dead_calls(world: &World, now: i64) -> Vec<i64> {
    let kept = world.kept.get(&(NAME, "dead_calls".into())).and_then(Value::as_array);
    kept.into_iter().flatten().filter_map(Value::as_i64).filter(|at| now - at < 600 * MICRO).collect()
}

fn dead_call(world: &mut World, now: i64, said: Answer) -> Answer {
    let calls: Vec<i64> = dead_calls(world, now).into_iter().chain([now]).collect();
    world.kept.insert((NAME, "dead_calls".into()), json!(calls));
    said
}

fn webhook(world: &mut World, now: i64, incoming: &Incoming, rest: &str) -> Answer {
    let parts: Vec<&str> = rest.split('/').collect();
    let [id, secret, more @ ..] = parts.as_slice() else { return refused(401, 0, "401: Unauthorized") };
    let Some(kept) = living(world).find(|(known, _)| known == id).map(|(_, kept)| kept.clone()) else {
        return dead_call(world, now, refused(404, 10015, "Unknown Webhook"));
    };
    if kept["token"] != json!(secret) {
        return dead_call(world, now, refused(401, 50027, "Invalid Webhook Token"));
    }
    match (incoming.method.as_str(), more) {
        ("GET", []) => answer(200, &shown(id, &kept)),
        ("DELETE", []) => {
            world.kept.remove(&(NAME, format!("webhook/{id}")));
            let mut gone = answer(204, &Value::Null);
            *gone.body_mut() = bytes::Bytes::new();
            gone
        }
        ("POST", []) => limited(world, now, id, |world| execute(world, now, incoming, id, &kept)),
        (method, ["messages", message]) => message_call(world, incoming, method, id, message),
        _ => refused(404, 0, "404: Not Found"),
    }
}

/// A few messages in two seconds; how many is told in the headers only.
fn limited(world: &mut World, now: i64, id: &str, act: impl FnOnce(&mut World) -> Answer) -> Answer {
    let window = now.div_euclid(2 * MICRO);
    let kept = world.kept.entry((NAME, format!("limit/{id}"))).or_insert(json!([window, 0]));
    if kept[0] != json!(window) {
        *kept = json!([window, 0]);
    }
    let used = kept[1].as_u64().unwrap_or(0) + 1;
    kept[1] = json!(used);
    #[expect(clippy::cast_precision_loss, reason = "two seconds at most")]
    let after = ((window + 1) * 2 * MICRO - now) as f64 / 1_000_000.0;
    let mut said = if used > BURST {
        answer(429, &json!({ "message": "You are being rate limited.", "retry_after": after, "global": false }))
    } else {
        act(world)
    };
    let mut headers = vec![
        ("x-ratelimit-limit", BURST.to_string()),
        ("x-ratelimit-remaining", BURST.saturating_sub(used).to_string()),
        ("x-ratelimit-reset", ((window + 1) * 2).to_string()),
        ("x-ratelimit-reset-after", after.to_string()),
        ("x-ratelimit-bucket", "webhook".to_owned()),
    ];
    if used > BURST {
        headers.extend([("retry-after", "2".to_owned()), ("x-ratelimit-scope", "user".to_owned())]);
    }
    for (name, value) in headers {
        said.headers_mut().insert(name, HeaderValue::from_str(&value).unwrap_or(HeaderValue::from_static("")));
    }
    said
}

fn message(post: &Post, webhook: &str, channel: &Value) -> Value {
    json!({
        "id": post.id, "type": 0, "content": post.text, "channel_id": channel, "webhook_id": webhook, "timestamp": moment::rfc3339(post.at),
        "author": { "id": webhook, "username": "Fernweh news", "bot": true }, "attachments": [], "embeds": [], "mentions": []
    })
}

fn execute(world: &mut World, now: i64, incoming: &Incoming, id: &str, kept: &Value) -> Answer {
    let body: Value = serde_json::from_slice(&incoming.body).unwrap_or(Value::Null);
    let text = body["content"].as_str().unwrap_or_default();
    let channel = kept["channel_id"].as_str().unwrap_or_default();
    let is_forum = world.pages.iter().any(|page| page.network == NAME && page.id.to_string() == channel && page.vanity == "forum");
    let thread = body["thread_name"].as_str().unwrap_or_default();
    let in_thread = !thread.is_empty() || !incoming.q("thread_id").is_empty();
    if text.trim().is_empty() {
        return refused(400, 50006, "Cannot send an empty message");
    }
    if text.chars().count() > 2000 || thread.chars().count() > 100 {
        let wrong =
            json!({ "content": { "_errors": [{ "code": "BASE_TYPE_MAX_LENGTH", "message": "Must be 2000 or fewer in length." }] } });
        return answer(400, &json!({ "message": "Invalid Form Body", "code": 50035, "errors": wrong }));
    }
    let opened = incoming.q("thread_id").to_owned();
    if !opened.is_empty() && !has_thread(world, channel, is_forum, &opened) {
        return refused(404, 10_003, "Unknown Channel");
    }
    if is_forum && !in_thread {
        return refused(400, 220_001, "Webhooks posted to forum channels must have a thread_name or thread_id");
    }
    if !is_forum && !thread.is_empty() {
        return refused(400, 220_003, "Webhooks can only create threads in forum channels");
    }
    if text.contains("free-nitro.example") {
        return refused(400, 240_000, "Message blocked by harmful links filter");
    }
    let family = kept["family"].as_u64().and_then(|family| usize::try_from(family).ok());
    let username = family.and_then(|family| world.vault.families.get(family)).map(|family| family.username.clone()).unwrap_or_default();
    let post = Post {
        network: NAME,
        id: (1_100_000_000_000_000_000 + world.number()).to_string(),
        profile: channel.to_owned(),
        username,
        text: text.to_owned(),
        link: String::new(),
        media: vec![],
        at: now,
    };
    // A thread of a forum has the id of its first message.
    let place = if !opened.is_empty() {
        opened.as_str()
    } else if is_forum {
        post.id.as_str()
    } else {
        channel
    };
    let shown = message(&post, id, &json!(place));
    world.kept.insert((NAME, format!("message/{}", post.id)), json!(id));
    if opened.is_empty() {
        world.publish(post);
    } else {
        let Post { network, id, username: author, text, at, .. } = post;
        world.comments.push(Comment { network, id, post: opened, in_reply_to: String::new(), author, text, at });
    }
    if incoming.q("wait") == "true" {
        return answer(200, &shown);
    }
    let mut silent = answer(204, &Value::Null);
    *silent.body_mut() = bytes::Bytes::new();
    silent
}

/// A thread has the id of the message it stands under: in a forum each has one, elsewhere those under which somebody wrote.
fn has_thread(world: &World, channel: &str, is_forum: bool, thread: &str) -> bool {
    let is_here = world.post(NAME, thread).is_some_and(|post| post.profile == channel);
    is_here && (is_forum || world.comments_of(NAME, thread).next().is_some())
}

/// A webhook reads, changes and deletes what it sent itself, and nothing else.
fn message_call(world: &mut World, incoming: &Incoming, method: &str, webhook: &str, id: &str) -> Answer {
    let body: Value = serde_json::from_slice(&incoming.body).unwrap_or(Value::Null);
    let is_own = world.kept.get(&(NAME, format!("message/{id}"))) == Some(&json!(webhook));
    let Some(post) = world.posts.iter_mut().find(|post| is_own && post.network == NAME && post.id == id) else {
        return refused(404, 10008, "Unknown Message");
    };
    match method {
        "GET" => {}
        "PATCH" => body["content"].as_str().unwrap_or_default().clone_into(&mut post.text),
        "DELETE" => {
            world.posts.retain(|post| post.network != NAME || post.id != id);
            return answer(204, &Value::Null).map(|_| bytes::Bytes::new());
        }
        _ => return refused(405, 0, "405: Method Not Allowed"),
    }
    let channel = json!(post.profile);
    answer(200, &message(post, webhook, &channel))
}

/// What a member may do in a channel.
pub(super) const ROLES: &[&str] = &["MANAGE_WEBHOOKS", "SEND_MESSAGES"];

pub(super) fn people() -> Vec<Person> {
    vec![
        person(NAME, "jana.lindner", "Jana Lindner", "1100000000000000101"),
        person(NAME, "tom.becker", "Tom Becker", "1100000000000000102"),
        // May write, but manages no webhooks: nothing can be connected.
        person(NAME, "lea.hoffmann", "Lea Hoffmann", "1100000000000000103"),
    ]
}

/// Channels of the server "Fernweh Outdoor".
pub(super) fn pages() -> Vec<Page> {
    let page = |id, name, vanity, roles: &[(&str, &str)]| Page {
        network: NAME,
        id,
        name,
        vanity,
        roles: roles.iter().map(|(username, role)| ((*username).to_owned(), (*role).to_owned(), "APPROVED")).collect(),
    };
    let (manage, write) = (ROLES[0], ROLES[1]);
    vec![
        page(1_100_000_000_000_000_201, "news", "text", &[("jana.lindner", manage), ("tom.becker", manage), ("lea.hoffmann", write)]),
        page(1_100_000_000_000_000_202, "huts", "forum", &[("jana.lindner", manage), ("lea.hoffmann", write)]),
    ]
}

pub(super) fn about(incoming: &Incoming) -> &'static str {
    match incoming.path.as_str() {
        "/oauth2/authorize" => "page",
        "/api/oauth2/token" => super::grant_type(incoming),
        "/api/oauth2/token/revoke" => "revocation",
        path if path.starts_with("/api/v10/webhooks/") && incoming.method == http::Method::DELETE => "revocation",
        _ => "api",
    }
}
