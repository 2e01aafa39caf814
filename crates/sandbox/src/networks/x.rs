//! X as its documentation and its published API description describe it (knowledge base `x`).

mod ids;
mod trouble;
mod weight;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::moment::rfc3339;
use super::{Consent, client_id, client_secret, is_redirect_uri, refuse_page};
use crate::consent::{Ask, Decision, decide};
use crate::people::{Comment, Person, Post, person};
use crate::request::{Answer, Incoming, json as answer, percent, see_other, with_query};
use crate::tokens::{DAY, Dead, Family};
use crate::world::World;

pub(super) use trouble::TROUBLES;

const NAME: &str = "x";
const COLOUR: &str = "#0f1419";
const MICRO: i64 = 1_000_000;
const ACCESS_LIFE: i64 = 7_200;
const CODE_LIFE: i64 = 30;
/// About six months unused (unconfirmed).
const REFRESH_IDLE: i64 = 183 * DAY;
/// A window of calls.
const WINDOW: i64 = 900;
const SCOPES: &[&str] = &[
    "tweet.read",
    "tweet.write",
    "tweet.moderate.write",
    "users.read",
    "users.email",
    "media.write",
    "offline.access",
    "like.read",
    "like.write",
    "follows.read",
    "list.read",
];

/// The same app as a public client (a native app).
fn public_client_id() -> String {
    format!("{}-public", client_id(NAME))
}

fn ask(incoming: &Incoming) -> Ask {
    Ask {
        network: NAME,
        title: "X",
        colour: COLOUR,
        scopes: incoming.q("scope").split_whitespace().map(str::to_owned).collect(),
        scopes_optional: false,
        may_skip: false,
    }
}

pub(super) fn handle(world: &mut World, now: i64, incoming: &Incoming) -> Option<Answer> {
    let path = incoming.path.as_str();
    Some(match (incoming.method.as_str(), path) {
        (_, "/i/oauth2/authorize" | "/2/oauth2/authorize") => authorize(world, now, incoming),
        ("POST", "/2/oauth2/token") => token(world, now, incoming),
        ("POST", "/2/oauth2/revoke") => revoke(world, now, incoming),
        ("GET", "/2/users/me") => me(world, now, incoming),
        ("POST", "/2/tweets") => post(world, now, incoming),
        ("GET", "/2/tweets/search/recent") => search(world, now, incoming),
        ("POST", "/2/media/upload") => upload(world, now, incoming),
        ("POST", "/2/media/metadata") => metadata(world, now, incoming),
        ("DELETE", _) if path.starts_with("/2/tweets/") => delete(world, now, incoming),
        _ => return None,
    })
}

/// PKCE is mandatory, and so is a state of at most 500 characters.
fn is_good(incoming: &Incoming) -> bool {
    let scopes: Vec<&str> = incoming.q("scope").split_whitespace().collect();
    [client_id(NAME), public_client_id()].iter().any(|id| id == incoming.q("client_id"))
        && is_redirect_uri(incoming.q("redirect_uri"))
        && incoming.q("response_type") == "code"
        && (1..=500).contains(&incoming.q("state").chars().count())
        && !incoming.q("code_challenge").is_empty()
        && matches!(incoming.q("code_challenge_method"), "S256" | "plain")
        && !scopes.is_empty()
        && scopes.iter().all(|scope| SCOPES.contains(scope))
}

fn authorize(world: &mut World, now: i64, incoming: &Incoming) -> Answer {
    if !is_good(incoming) {
        return refuse_page(
            "Something went wrong",
            COLOUR,
            "X",
            "You weren't able to give access to the App. Go back and try logging in again.",
        );
    }
    match decide(world, now, incoming, &ask(incoming)) {
        Decision::Show(page) => page,
        Decision::Deny { .. } => see_other(&denied(incoming)),
        Decision::Allow { username, scopes } => see_other(&allowed(world, now, incoming, &username, scopes)),
    }
}

fn denied(incoming: &Incoming) -> String {
    with_query(incoming.q("redirect_uri"), &[("error", "access_denied"), ("state", incoming.q("state"))])
}

fn allowed(world: &mut World, now: i64, incoming: &Incoming, username: &str, scopes: Vec<String>) -> String {
    let code = world.new_code(now, NAME, username, scopes, incoming.q("redirect_uri"), CODE_LIFE);
    if let Some(made) = world.vault.codes.get_mut(&code) {
        // The challenge is kept as the hash, whichever method it came by.
        made.challenge = match incoming.q("code_challenge_method") {
            "plain" => hash(incoming.q("code_challenge")),
            _ => incoming.q("code_challenge").to_owned(),
        };
    }
    with_query(incoming.q("redirect_uri"), &[("state", incoming.q("state")), ("code", &code)])
}

fn hash(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()))
}

pub(super) fn consent(world: &mut World, now: i64, incoming: &Incoming, consent: &Consent<'_>) -> Option<String> {
    let is_page = matches!(incoming.path.as_str(), "/i/oauth2/authorize" | "/2/oauth2/authorize");
    (is_page && is_good(incoming))
        .then(|| if consent.deny { denied(incoming) } else { allowed(world, now, incoming, consent.username, ask(incoming).scopes) })
}

fn error(status: u16, code: &str, words: &str) -> Answer {
    answer(status, &json!({ "error": code, "error_description": words }))
}

/// Not `invalid_grant`: X says this of a token that is spent, revoked or unknown.
pub(super) fn refused_renewal() -> Answer {
    error(400, "invalid_request", "Value passed for the token was invalid.")
}

/// Confidential clients: HTTP Basic and nothing else; the secret in the body is rejected. Public ones have no secret and name
/// themselves in the body.
fn refused_client(incoming: &Incoming) -> Option<Answer> {
    let is_public = incoming.f("client_id") == public_client_id() && incoming.f("client_secret").is_empty();
    if is_public && incoming.header("authorization").is_none() {
        return None;
    }
    let expected = STANDARD.encode(format!("{}:{}", percent(&client_id(NAME)), percent(&client_secret(NAME))));
    let basic = incoming.header("authorization").and_then(|value| value.strip_prefix("Basic "));
    if basic != Some(expected.as_str()) || !incoming.f("client_secret").is_empty() {
        return Some(error(401, "unauthorized_client", "Missing valid authorization header"));
    }
    None
}

fn missing(parameter: &str) -> Answer {
    error(400, "invalid_request", &format!("Missing required parameter [{parameter}]."))
}

fn token(world: &mut World, now: i64, incoming: &Incoming) -> Answer {
    if let Some(refused) = refused_client(incoming) {
        return refused;
    }
    match incoming.f("grant_type") {
        "authorization_code" => {
            if let Some(parameter) = ["code", "redirect_uri", "code_verifier"].into_iter().find(|name| incoming.f(name).is_empty()) {
                return missing(parameter);
            }
            let stale = || error(400, "invalid_request", "Value passed for the authorization code was invalid.");
            let Ok(code) = world.take_code(now, NAME, incoming.f("code"), incoming.f("redirect_uri")) else { return stale() };
            if code.challenge != hash(incoming.f("code_verifier")) {
                return error(400, "invalid_request", "Value passed for the code verifier did not match the code challenge.");
            }
            // One live grant per app and account: the earlier login ends here.
            for family in world.vault.families.iter_mut().filter(|family| family.network == NAME && family.username == code.username) {
                family.revoked = true;
            }
            let family = world.new_family(now, NAME, &code.username, code.scopes);
            issue(world, now, family)
        }
        "refresh_token" if incoming.f("refresh_token").is_empty() => missing("refresh_token"),
        "refresh_token" => match spend(world, now, incoming.f("refresh_token")) {
            Some(family) => issue(world, now, family),
            None => refused_renewal(),
        },
        _ => missing("grant_type"),
    }
}

/// A refresh token works once; a spent one takes the whole family with it. An account that is suspended still renews.
fn spend(world: &mut World, now: i64, token: &str) -> Option<usize> {
    let found = world.vault.refresh.get(token)?.clone();
    let in_grace = world.is_in_grace(now, NAME, &found);
    let family = world.vault.families.get_mut(found.family).filter(|family| family.network == NAME)?;
    family.revoked |= found.spent && !in_grace;
    if family.revoked || found.until.is_some_and(|until| until <= now) {
        return None;
    }
    world.use_up(now, token);
    Some(found.family)
}

fn issue(world: &mut World, now: i64, family: usize) -> Answer {
    let scopes = world.vault.families[family].scopes.clone();
    // The previous access token stays good until its own end (unconfirmed).
    let access = world.new_access(now, family, "", Some(ACCESS_LIFE));
    let life = world.seconds_left(now, family, ACCESS_LIFE);
    let mut body = json!({ "token_type": "bearer", "expires_in": life, "access_token": access, "scope": scopes.join(" ") });
    if scopes.iter().any(|scope| scope == "offline.access") {
        if let Some(left) = world.session_named_once(now, family) {
            body["refresh_token_expires_in"] = left.into();
        }
        body["refresh_token"] = world.new_refresh(now, family, "", now + REFRESH_IDLE * MICRO).into();
    }
    answer(200, &body)
}

fn revoke(world: &mut World, _: i64, incoming: &Incoming) -> Answer {
    if let Some(refused) = refused_client(incoming) {
        return refused;
    }
    let token = incoming.f("token");
    if token.is_empty() {
        return missing("token");
    }
    // Either token ends the grant (how far it reaches is unconfirmed); an unknown one is as good as revoked (RFC 7009).
    if let Some(found) = world.vault.refresh.get(token).or_else(|| world.vault.access.get(token)) {
        let family = found.family;
        if let Some(family) = world.vault.families.get_mut(family).filter(|family| family.network == NAME) {
            family.revoked = true;
        }
    }
    answer(200, &json!({ "revoked": true }))
}

/// Problem JSON; `kind` is the last part of its type, empty for `about:blank`.
fn problem(status: u16, kind: &str, title: &str, detail: &str) -> Answer {
    let kind = if kind.is_empty() { "about:blank".to_owned() } else { format!("https://api.x.com/2/problems/{kind}") };
    let mut refused = answer(status, &json!({ "title": title, "type": kind, "status": status, "detail": detail }));
    refused.headers_mut().insert("content-type", http::HeaderValue::from_static("application/problem+json"));
    refused
}

fn not_permitted() -> Answer {
    problem(403, "", "Forbidden", "You are not permitted to perform this action.")
}

fn bad(detail: &str) -> Answer {
    problem(400, "invalid-request", "Invalid Request", detail)
}

/// Who calls, when the token works, has the scopes and the window of calls is not used up; what is left of it.
fn caller(world: &mut World, now: i64, incoming: &Incoming, what: &str, limit: i64, scopes: &[&str]) -> Result<(Family, Window), Answer> {
    if let Some(refused) = trouble::answer(world) {
        return Err(refused);
    }
    let family = match world.check_access(now, NAME, incoming.bearer()) {
        Ok((_, family)) => family,
        Err(Dead::Blocked) => return Err(problem(403, "user-suspended", "Forbidden", "Your account is suspended.")),
        Err(_) => return Err(problem(401, "", "Unauthorized", "Unauthorized")),
    };
    let window = now / MICRO / WINDOW;
    let used = world.nonces.entry(format!("x {what} {} {window}", family.username)).or_insert(0);
    *used += 1;
    let window = Window { limit, left: (limit - *used).max(0), reset: (window + 1) * WINDOW };
    if *used > limit {
        return Err(window.on(problem(429, "", "Too Many Requests", "Too Many Requests")));
    }
    if !scopes.iter().all(|scope| family.scopes.iter().any(|granted| granted == scope)) {
        return Err(window.on(not_permitted()));
    }
    Ok((family, window))
}

struct Window {
    limit: i64,
    left: i64,
    reset: i64,
}

impl Window {
    fn on(&self, mut answer: Answer) -> Answer {
        for (name, value) in [("x-rate-limit-limit", self.limit), ("x-rate-limit-remaining", self.left), ("x-rate-limit-reset", self.reset)]
        {
            answer.headers_mut().insert(name, http::HeaderValue::from(value));
        }
        answer
    }
}

fn me(world: &mut World, now: i64, incoming: &Incoming) -> Answer {
    let (family, window) = match caller(world, now, incoming, "me", 75, &["tweet.read", "users.read"]) {
        Ok(known) => known,
        Err(refused) => return refused,
    };
    let Some(person) = world.person(NAME, &family.username) else { return window.on(problem(401, "", "Unauthorized", "Unauthorized")) };
    let mut user = json!({ "id": person.id, "name": person.name, "username": person.username });
    for field in incoming.q("user.fields").split(',') {
        match field {
            "profile_image_url" => user[field] = format!("https://pbs.twimg.com/profile_images/{}/a_normal.png", person.id).into(),
            "verified" => user[field] = person.business.into(),
            "protected" => user[field] = false.into(),
            _ => {}
        }
    }
    window.on(answer(200, &json!({ "data": user })))
}

fn post(world: &mut World, now: i64, incoming: &Incoming) -> Answer {
    let (family, window) = match caller(world, now, incoming, "post", 100, &["tweet.read", "tweet.write", "users.read"]) {
        Ok(known) => known,
        Err(refused) => return refused,
    };
    let done = serde_json::from_slice::<Value>(&incoming.body)
        .map_err(|_| bad("The body is not JSON."))
        .and_then(|body| create(world, now, &family, &body));
    window.on(done.unwrap_or_else(|refused| refused))
}

fn create(world: &mut World, now: i64, family: &Family, body: &Value) -> Result<Answer, Answer> {
    let known = ["text", "media", "reply", "reply_settings", "poll", "quote_tweet_id", "geo", "made_with_ai", "paid_partnership"];
    let fields = body.as_object().ok_or_else(|| bad("The body is no object."))?;
    if let Some(field) = fields.keys().find(|field| !known.contains(&field.as_str())) {
        return Err(bad(&format!("$.{field}: is not defined in the schema and the schema does not allow additional properties")));
    }
    let text = body["text"].as_str().unwrap_or_default();
    let media: Vec<String> = body
        .pointer("/media/media_ids")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect();
    if text.trim().is_empty() && media.is_empty() || weight::of(text) > 280 || media.len() > 4 {
        return Err(bad("One or more parameters to your request was invalid."));
    }
    if media.iter().any(|id| !world.nonces.contains_key(&format!("x media {id}"))) {
        return Err(bad("Your media IDs are invalid."));
    }
    let author = world.person(NAME, &family.username).map(|person| (person.id.clone(), person.name.clone())).unwrap_or_default();
    let said_before = world.posts.iter().any(|post| post.network == NAME && post.username == family.username && post.text == text)
        || world.comments.iter().any(|comment| comment.network == NAME && comment.author == author.1 && comment.text == text);
    if said_before && media.is_empty() {
        return Err(problem(403, "", "Forbidden", "You are not allowed to create a Tweet with duplicate content."));
    }
    let id = match body.pointer("/reply/in_reply_to_tweet_id").and_then(Value::as_str) {
        Some(to) => reply(world, now, family, &author.1, to, text)?,
        None => {
            let id = ids::fresh(world, now);
            let username = family.username.clone();
            let text = text.to_owned();
            world.publish(Post { network: NAME, id, profile: author.0, username, text, link: String::new(), media, at: now })
        }
    };
    Ok(answer(201, &json!({ "data": { "id": id, "text": text, "edit_history_post_ids": [id] } })))
}

/// Only where the author summoned the account; one's own thread is open (unconfirmed).
fn reply(world: &mut World, now: i64, family: &Family, author: &str, to: &str, text: &str) -> Result<String, Answer> {
    let answered = world.comments.iter().find(|comment| comment.network == NAME && comment.id == to);
    let mention = format!("@{}", family.username);
    let (root, is_summoned) = match (answered, world.post(NAME, to)) {
        (Some(comment), _) => (comment.post.clone(), comment.author == author || comment.text.contains(&mention)),
        (None, Some(post)) => (post.id.clone(), post.username == family.username || post.text.contains(&mention)),
        (None, None) => return Err(bad("The post you are replying to does not exist or is not visible to you.")),
    };
    if !is_summoned {
        return Err(not_permitted());
    }
    let in_reply_to = if to == root { String::new() } else { to.to_owned() };
    let id = world.number().to_string();
    let (author, text) = (author.to_owned(), text.to_owned());
    world.comments.push(Comment { network: NAME, id: id.clone(), post: root, in_reply_to, author, text, at: now });
    Ok(id)
}

fn delete(world: &mut World, now: i64, incoming: &Incoming) -> Answer {
    let (family, window) = match caller(world, now, incoming, "delete", 50, &["tweet.read", "tweet.write", "users.read"]) {
        Ok(known) => known,
        Err(refused) => return refused,
    };
    let id = incoming.path.rsplit('/').next().unwrap_or_default().to_owned();
    let before = world.posts.len();
    world.posts.retain(|post| post.network != NAME || post.id != id || post.username != family.username);
    window.on(if world.posts.len() < before { answer(200, &json!({ "data": { "deleted": true } })) } else { not_permitted() })
}

fn upload(world: &mut World, now: i64, incoming: &Incoming) -> Answer {
    let (_, window) = match caller(world, now, incoming, "media", 500, &["media.write"]) {
        Ok(known) => known,
        Err(refused) => return refused,
    };
    let body: Value = serde_json::from_slice(&incoming.body).unwrap_or(Value::Null);
    let bytes = body["media"].as_str().and_then(|media| STANDARD.decode(media).ok()).unwrap_or_default();
    let is_known = matches!(body["media_category"].as_str(), Some("tweet_image" | "tweet_gif" | "tweet_video"));
    if bytes.is_empty() || !is_known {
        return window.on(bad("One or more parameters to your request was invalid."));
    }
    let id = world.number().to_string();
    world.nonces.insert(format!("x media {id}"), now);
    window.on(answer(200, &json!({ "data": { "id": id, "media_key": format!("3_{id}"), "size": bytes.len(), "expires_after_secs": DAY } })))
}

fn metadata(world: &mut World, now: i64, incoming: &Incoming) -> Answer {
    let (_, window) = match caller(world, now, incoming, "metadata", 500, &["media.write"]) {
        Ok(known) => known,
        Err(refused) => return refused,
    };
    let body: Value = serde_json::from_slice(&incoming.body).unwrap_or(Value::Null);
    let id = body["id"].as_str().unwrap_or_default();
    window.on(if world.nonces.contains_key(&format!("x media {id}")) {
        answer(200, &json!({ "data": { "id": id, "associated_metadata": body["metadata"] } }))
    } else {
        bad("Your media IDs are invalid.")
    })
}

/// Who said something: a person who lives here, or somebody made up from the name.
fn author_of(world: &World, name: &str) -> (String, String) {
    let person = world.people.iter().find(|person| person.network == NAME && person.name == name);
    person.map_or_else(
        || {
            let number = name.bytes().fold(7_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte))) % 1_000_000_000;
            (format!("9{number}"), name.chars().filter(char::is_ascii_alphanumeric).take(15).collect())
        },
        |person| (person.id.clone(), person.username.clone()),
    )
}

/// Seven days back, the newest first.
fn search(world: &mut World, now: i64, incoming: &Incoming) -> Answer {
    let (_, window) = match caller(world, now, incoming, "search", 300, &["tweet.read", "users.read"]) {
        Ok(known) => known,
        Err(refused) => return refused,
    };
    let count: usize = if incoming.q("max_results").is_empty() { 10 } else { incoming.q("max_results").parse().unwrap_or(0) };
    let Some(root) = incoming.q("query").strip_prefix("conversation_id:").filter(|_| (10..=100).contains(&count)) else {
        return window.on(bad("One or more parameters to your request was invalid."));
    };
    let start: usize = incoming.q("next_token").parse().unwrap_or(0);
    let mut found: Vec<&Comment> = world.comments_of(NAME, root).filter(|comment| comment.at > now - 7 * DAY * MICRO).collect();
    found.reverse();
    // What X's description gives as an expansion, its guides name among the fields.
    let asked = |field: &str| {
        ["post.fields", "tweet.fields", "expansions"].iter().any(|list| incoming.q(list).split(',').any(|name| name == field))
    };
    let (mut data, mut users) = (vec![], vec![]);
    for comment in found.iter().skip(start).take(count) {
        let (author, username) = author_of(world, &comment.author);
        let answered = if comment.in_reply_to.is_empty() { root } else { comment.in_reply_to.as_str() };
        let mut said = json!({ "id": comment.id, "text": comment.text, "edit_history_post_ids": [comment.id] });
        let fields = [
            ("author_id", json!(author)),
            ("conversation_id", json!(root)),
            ("created_at", json!(rfc3339(comment.at))),
            ("referenced_posts", json!([{ "type": "replied_to", "id": answered }])),
            ("referenced_tweets", json!([{ "type": "replied_to", "id": answered }])),
        ];
        for (name, value) in fields.into_iter().filter(|(name, _)| asked(name)) {
            said[name] = value;
        }
        data.push(said);
        let user = json!({ "id": author, "name": comment.author, "username": username });
        if !users.contains(&user) {
            users.push(user);
        }
    }
    let mut meta = json!({ "result_count": data.len() });
    if found.len() > start + count {
        meta["next_token"] = (start + count).to_string().into();
    }
    let mut body = json!({ "meta": meta });
    if !data.is_empty() {
        body["data"] = data.into();
        if incoming.q("expansions").split(',').any(|name| name == "author_id") {
            body["includes"] = json!({ "users": users });
        }
    }
    window.on(answer(200, &body))
}

pub(super) fn people() -> Vec<Person> {
    vec![
        Person { business: true, ..person(NAME, "fernwehoutdoor", "Fernweh Outdoor", "1512345678901234567") },
        person(NAME, "jana_lindner", "Jana Lindner", "884412345"),
        person(NAME, "gipfelguides", "Gipfel Guides", "1598765432109876543"),
        // Suspended by X: it cannot even sign in.
        Person { blocked: true, ..person(NAME, "fernwehsale", "Fernweh Sale", "1601234567890123456") },
    ]
}

pub(super) fn about(incoming: &Incoming) -> &'static str {
    match incoming.path.as_str() {
        "/i/oauth2/authorize" | "/2/oauth2/authorize" => "page",
        "/2/oauth2/token" => super::grant_type(incoming),
        "/2/oauth2/revoke" => "revocation",
        _ => "api",
    }
}
