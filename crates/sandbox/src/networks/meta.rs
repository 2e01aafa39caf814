//! Instagram (with its own login) and Threads as their documentation describes them (knowledge base `instagram`, `threads`): one
//! account, short-lived tokens that are exchanged, long-lived ones that are extended after a day.

mod containers;

use serde_json::{Value, json};

use super::door::no_such_scope;
use super::{Consent, client_id, client_secret, graph, is_redirect_uri, moment, refuse_page};
use crate::consent::{Ask, Decision, decide};
use crate::people::{Comment, Person, person};
use crate::request::{Answer, Incoming, json as answer, see_other, with_query};
use crate::tokens::{DAY, Dead, Family};
use crate::world::World;

const SHORT_LIFE: i64 = 3_600;
const LONG_LIFE: i64 = 5_183_944;

/// What differs between the two.
pub(super) struct Service {
    name: &'static str,
    title: &'static str,
    colour: &'static str,
    prefix: &'static str,
    /// Every permission that an app may ask for.
    scopes: &'static [&'static str],
    basic: &'static str,
    publish: &'static str,
    /// The permissions to read comments, and to write them.
    comments: (&'static str, &'static str),
    /// Edge that makes a container, and edge that publishes it.
    edges: (&'static str, &'static str),
    /// Where it says how much of the day is used up.
    limit: &'static str,
    needs_picture: bool,
}

pub(super) const INSTAGRAM: Service = Service {
    name: "instagram",
    title: "Instagram",
    colour: "#c13584",
    prefix: "ig",
    scopes: &[
        "instagram_business_basic",
        "instagram_business_content_publish",
        "instagram_business_manage_comments",
        "instagram_business_manage_insights",
        "instagram_business_manage_messages",
    ],
    basic: "instagram_business_basic",
    publish: "instagram_business_content_publish",
    comments: ("instagram_business_manage_comments", "instagram_business_manage_comments"),
    edges: ("media", "media_publish"),
    limit: "content_publishing_limit",
    needs_picture: true,
};

/// Accounts behind pages, at Facebook's host: the login is Facebook's own.
pub(super) const INSTAGRAM_PAGE: Service = Service {
    name: "instagram_page",
    basic: "instagram_basic",
    publish: "instagram_content_publish",
    comments: ("instagram_manage_comments", "instagram_manage_comments"),
    ..INSTAGRAM
};

pub(super) const THREADS: Service = Service {
    name: "threads",
    title: "Threads",
    colour: "#101010",
    prefix: "th",
    scopes: &[
        "threads_basic",
        "threads_content_publish",
        "threads_manage_replies",
        "threads_read_replies",
        "threads_delete",
        "threads_manage_insights",
        "threads_keyword_search",
        "threads_manage_mentions",
    ],
    basic: "threads_basic",
    publish: "threads_content_publish",
    comments: ("threads_read_replies", "threads_manage_replies"),
    edges: ("threads", "threads_publish"),
    limit: "threads_publishing_limit",
    needs_picture: false,
};

/// Professional accounts, but for the last, which at Instagram is a personal one.
pub(super) fn people(service: &Service) -> Vec<Person> {
    let professional = |username, name, id| Person { business: true, ..person(service.name, username, name, id) };
    vec![
        professional("fernweh.outdoor", "Fernweh Outdoor", "17841400000000001"),
        professional("gipfel.guides", "Gipfel Guides", "17841400000000002"),
        person(service.name, "jana.lindner", "Jana Lindner", "17841400000000003"),
    ]
}

pub(super) fn about(incoming: &Incoming) -> &'static str {
    match incoming.path.as_str() {
        "/oauth/authorize" => "page",
        "/oauth/access_token" | "/access_token" => "exchange",
        "/refresh_access_token" => "renewal",
        _ => "api",
    }
}

pub(super) fn handle(service: &Service, world: &mut World, now: i64, incoming: &Incoming) -> Option<Answer> {
    let versioned = incoming.path.strip_prefix("/v").and_then(|rest| rest.find('/').map(|at| rest[at + 1..].to_owned()));
    Some(match (incoming.method.as_str(), incoming.path.as_str()) {
        (_, "/oauth/authorize") => authorize(service, world, now, incoming),
        ("POST", "/oauth/access_token") => token(service, world, now, incoming),
        ("GET", "/access_token") => long_lived(service, world, now, incoming),
        ("GET", "/refresh_access_token") => extend(service, world, now, incoming),
        _ => {
            let answered = api(service, world, now, incoming, &versioned?);
            graph::with_usage(world, service.name, answered)
        }
    })
}

/// The error shape of the Graph API; Threads has a type of its own in it.
pub(super) fn error(service: &Service, status: u16, code: i64, subcode: i64, words: &str) -> Answer {
    let refused = graph::error(status, code, subcode, words);
    if service.needs_picture {
        return refused;
    }
    let mut body: Value = serde_json::from_slice(refused.body()).unwrap_or_default();
    body["error"]["type"] = "THApiException".into();
    answer(status, &body)
}

/// The token endpoint has a shape of its own.
fn token_error(words: &str) -> Answer {
    answer(400, &json!({ "error_type": "OAuthException", "code": 400, "error_message": words }))
}

pub(super) fn refused_renewal() -> Answer {
    graph::error(400, 190, 0, "Error validating access token: Session has expired")
}

fn dead(service: &Service, world: &World, token: &str, why: Dead) -> Answer {
    let family = world.vault.access.get(token).and_then(|token| world.vault.families.get(token.family));
    let (subcode, words) = match (why, family.map_or("", |family| family.why)) {
        (Dead::Blocked, _) => (459, "Error validating access token: The user has been checkpointed."),
        (Dead::Expired, _) => (graph::expired(world, service.name), "Error validating access token: Session has expired."),
        (_, "change-password") => {
            (460, "Error validating access token: The session has been invalidated because the user changed their password.")
        }
        (Dead::Revoked, _) => (458, "Error validating access token: The user has not authorized application."),
        (Dead::Unknown, _) => (0, "Invalid OAuth access token - Cannot parse access token"),
    };
    error(service, 400, 190, subcode, words)
}

fn ask(service: &Service, incoming: &Incoming) -> Ask {
    let scopes = incoming.q("scope").split(',').filter(|scope| !scope.is_empty()).map(str::to_owned).collect();
    Ask { network: service.name, title: service.title, colour: service.colour, scopes, scopes_optional: true, may_skip: false }
}

fn is_good(service: &Service, incoming: &Incoming) -> bool {
    incoming.q("client_id") == client_id(service.name)
        && is_redirect_uri(incoming.q("redirect_uri"))
        && incoming.q("response_type") == "code"
}

fn authorize(service: &Service, world: &mut World, now: i64, incoming: &Incoming) -> Answer {
    if !is_good(service, incoming) {
        return refuse_page(
            "Invalid request",
            service.colour,
            service.title,
            "Invalid platform app, or the redirect_uri is not registered.",
        );
    }
    if let Some(back) = no_such_scope(incoming, &ask(service, incoming).scopes, service.scopes) {
        return see_other(&back);
    }
    match decide(world, now, incoming, &ask(service, incoming)) {
        Decision::Show(page) => page,
        Decision::Deny { .. } => see_other(&denied(incoming)),
        Decision::Allow { username, scopes } => see_other(&allowed(service, world, now, incoming, &username, scopes)),
    }
}

fn denied(incoming: &Incoming) -> String {
    let words = "The user denied your request.";
    let parameters =
        [("error", "access_denied"), ("error_reason", "user_denied"), ("error_description", words), ("state", incoming.q("state"))];
    with_query(incoming.q("redirect_uri"), &parameters)
}

fn allowed(service: &Service, world: &mut World, now: i64, incoming: &Incoming, username: &str, scopes: Vec<String>) -> String {
    let code = world.new_code(now, service.name, username, scopes, incoming.q("redirect_uri"), 3_600);
    // Every redirect ends so.
    format!("{}#_", with_query(incoming.q("redirect_uri"), &[("code", &code), ("state", incoming.q("state"))]))
}

pub(super) fn consent(service: &Service, world: &mut World, now: i64, incoming: &Incoming, consent: &Consent<'_>) -> Option<String> {
    if incoming.path != "/oauth/authorize" || !is_good(service, incoming) {
        return None;
    }
    let asked = ask(service, incoming).scopes;
    if let Some(back) = no_such_scope(incoming, &asked, service.scopes) {
        return Some(back);
    }
    let scopes = asked.into_iter().filter(|scope| !consent.drop_scopes.contains(scope)).collect();
    Some(if consent.deny { denied(incoming) } else { allowed(service, world, now, incoming, consent.username, scopes) })
}

fn token(service: &Service, world: &mut World, now: i64, incoming: &Incoming) -> Answer {
    if incoming.f("client_id") != client_id(service.name) || incoming.f("client_secret") != client_secret(service.name) {
        return answer(400, &json!({ "error_message": "No application data was given", "error_code": 1_349_026 }));
    }
    match world.take_code(now, service.name, incoming.f("code"), incoming.f("redirect_uri")) {
        Ok(code) if incoming.f("grant_type") == "authorization_code" => {
            let (username, scopes) = (code.username.clone(), code.scopes.join(","));
            let family = world.new_family(now, service.name, &username, code.scopes);
            let short = world.new_access(now, family, "IGAA", Some(SHORT_LIFE));
            let own = world.person(service.name, &username).map(|person| super::app_scoped_id(service.name, &person.id));
            let id: u64 = own.and_then(|id| id.parse().ok()).unwrap_or(0);
            if service.needs_picture {
                answer(200, &json!({ "data": [{ "access_token": short, "user_id": id.to_string(), "permissions": scopes }] }))
            } else {
                // A number, beyond what a double holds.
                answer(200, &json!({ "access_token": short, "user_id": id }))
            }
        }
        _ => token_error("Invalid authorization code"),
    }
}

fn long_lived(service: &Service, world: &mut World, now: i64, incoming: &Incoming) -> Answer {
    let token = incoming.q("access_token").to_owned();
    if incoming.q("grant_type") != format!("{}_exchange_token", service.prefix)
        || incoming.q("client_secret") != client_secret(service.name)
    {
        return error(service, 400, 101, 0, "Error validating client secret.");
    }
    match world.check_access(now, service.name, &token) {
        Ok((family, _)) => fresh(world, now, family),
        Err(why) => dead(service, world, &token, why),
    }
}

fn fresh(world: &mut World, now: i64, family: usize) -> Answer {
    let long = world.new_access(now, family, "IGAAL", Some(LONG_LIFE));
    answer(200, &json!({ "access_token": long, "token_type": "bearer", "expires_in": LONG_LIFE }))
}

/// A day old, not over, and the basic permission still granted.
fn extend(service: &Service, world: &mut World, now: i64, incoming: &Incoming) -> Answer {
    let token = incoming.q("access_token").to_owned();
    let is_short = world
        .vault
        .access
        .get(&token)
        .is_some_and(|token| token.until.is_some_and(|until| until - token.created <= SHORT_LIFE * 1_000_000));
    let young = world.vault.access.get(&token).is_some_and(|token| now - token.created < DAY * 1_000_000);
    match world.check_access(now, service.name, &token) {
        _ if incoming.q("grant_type") != format!("{}_refresh_token", service.prefix) => {
            error(service, 400, 100, 0, "Unsupported request - method type: get")
        }
        Ok(_) if is_short => error(service, 400, 100, 0, "Unsupported request - method type: get"),
        Ok(_) if young => error(service, 400, 100, 0, "The access token is too young to be refreshed."),
        Ok((family, data)) if data.scopes.iter().any(|scope| scope == service.basic) => fresh(world, now, family),
        Ok(_) => error(service, 400, 10, 0, "Application does not have permission for this action"),
        Err(why) => dead(service, world, &token, why),
    }
}

fn api(service: &Service, world: &mut World, now: i64, incoming: &Incoming, path: &str) -> Answer {
    if let Some(refused) = graph::trouble(world, service.name, incoming.method == http::Method::POST) {
        return refused;
    }
    // In the header, or as a parameter.
    let sent = [incoming.bearer(), incoming.q("access_token"), incoming.f("access_token")];
    let token = sent.into_iter().find(|token| !token.is_empty()).unwrap_or_default().to_owned();
    let family = match world.check_access(now, service.name, &token) {
        Ok((_, family)) => family,
        Err(why) => return dead(service, world, &token, why),
    };
    // Not demanded; what is there has to be right.
    if !incoming.q("appsecret_proof").is_empty() && !graph::is_proven(incoming, service.name, &token) {
        return error(service, 400, 100, 0, "Invalid appsecret_proof provided in the API argument");
    }
    if !family.scopes.iter().any(|scope| scope == service.basic) {
        return error(service, 403, 10, 0, "Application does not have permission for this action");
    }
    let parts: Vec<&str> = path.split('/').collect();
    if (incoming.method.as_str(), parts.as_slice()) == ("GET", ["me"].as_slice()) {
        return me(service, world, &family);
    }
    let person = world.person(service.name, &family.username);
    let (own, is_personal) = person.map(|person| (person.id.clone(), service.needs_picture && !person.business)).unwrap_or_default();
    if is_personal {
        return error(service, 400, 100, 0, "The user is not an Instagram Business");
    }
    act_as(service, world, now, incoming, &family, &own, &parts)
}

/// What can be done as an account, whatever token leads to it.
pub(super) fn act_as(
    service: &Service,
    world: &mut World,
    now: i64,
    incoming: &Incoming,
    family: &Family,
    own: &str,
    parts: &[&str],
) -> Answer {
    let unseen =
        || error(service, 400, 100, 33, "Unsupported request. Object does not exist or cannot be loaded due to missing permissions.");
    match (incoming.method.as_str(), parts) {
        ("POST", [id, edge]) if *id == own && *edge == service.edges.0 => containers::make(service, world, now, incoming, family, own),
        ("POST", [id, edge]) if *id == own && *edge == service.edges.1 => containers::publish(service, world, now, incoming, family, own),
        ("GET", [id, edge]) if *id == own && *edge == service.limit => containers::used_up(service, world, now, incoming, family, own),
        ("DELETE", [post]) if !service.needs_picture && is_under(service, world, own, post) => delete(service, world, family, post),
        ("GET", [id]) if *id == own => {
            let shown = world.person(service.name, &family.username);
            answer(200, &json!({ "id": own, "username": shown.map(|person| &person.username), "name": shown.map(|person| &person.name) }))
        }
        ("GET", [post, "comments" | "conversation" | "replies"]) if is_under(service, world, own, post) => {
            said_under(service, world, incoming, family, post)
        }
        ("POST", [under, "comments" | "replies"]) if service.needs_picture && is_under(service, world, own, under) => {
            say(service, world, now, under, incoming.f("message"), family)
        }
        ("GET", [id]) if world.containers.get(*id).is_some_and(|kept| kept.own == own) => containers::status(service, world, now, id),
        ("GET", [id]) if world.post(service.name, id).is_some() => {
            answer(200, &json!({ "id": id, "permalink": format!("https://{}.example/p/{id}", service.name) }))
        }
        _ => unseen(),
    }
}

/// Threads alone lets apps delete.
fn delete(service: &Service, world: &mut World, family: &Family, post: &str) -> Answer {
    if !family.scopes.iter().any(|scope| scope == "threads_delete") {
        return error(service, 403, 10, 0, "Application does not have permission for this action");
    }
    world.posts.retain(|kept| kept.network != service.name || kept.id != post);
    world.comments.retain(|kept| kept.network != service.name || kept.id != post);
    answer(200, &json!({ "success": true, "deleted_id": post }))
}

/// Whether a post, or the post that a comment stands under, is the account's own.
fn is_under(service: &Service, world: &World, own: &str, id: &str) -> bool {
    let of_comment = world.comments.iter().find(|comment| comment.network == service.name && comment.id == id);
    let post = of_comment.map_or(id, |comment| &comment.post);
    world.post(service.name, post).is_some_and(|post| post.profile == own)
}

fn me(service: &Service, world: &World, family: &Family) -> Answer {
    let Some(person) = world.person(service.name, &family.username) else { return refused_renewal() };
    let mut body = json!({ "id": super::app_scoped_id(service.name, &person.id), "user_id": person.id, "username": person.username, "name": person.name });
    let picture = format!("https://pictures.example/{}.jpg", person.username);
    if !service.needs_picture {
        // Threads knows one kind of account.
        body["threads_profile_picture_url"] = picture.into();
        body["is_verified"] = person.business.into();
        return answer(200, &body);
    }
    body["profile_picture_url"] = picture.into();
    body["account_type"] = if person.business { "Business" } else { "Personal" }.into();
    answer(200, &json!({ "data": [body] }))
}

fn say(service: &Service, world: &mut World, now: i64, under: &str, text: &str, family: &Family) -> Answer {
    let parent =
        world.comments.iter().find(|comment| comment.network == service.name && comment.id == under).map(|comment| comment.post.clone());
    let (post, in_reply_to) = match (parent, world.post(service.name, under)) {
        (Some(post), _) => (post, under.to_owned()),
        (None, Some(post)) => (post.id.clone(), String::new()),
        (None, None) => return error(service, 400, 100, 33, "Object does not exist"),
    };
    if text.is_empty() {
        return error(service, 400, 100, 0, "Invalid parameter");
    }
    if !family.scopes.iter().any(|scope| scope == service.comments.1) {
        return error(service, 403, 10, 0, "Application does not have permission for this action");
    }
    let id = world.number().to_string();
    let said =
        Comment { network: service.name, id: id.clone(), post, in_reply_to, author: family.username.clone(), text: text.into(), at: now };
    world.comments.push(said);
    answer(200, &json!({ "id": id }))
}

fn said_under(service: &Service, world: &World, incoming: &Incoming, family: &Family, post: &str) -> Answer {
    if !family.scopes.iter().any(|scope| scope == service.comments.0) {
        return error(service, 403, 10, 0, "Application does not have permission for this action");
    }
    let shown = |comment: &Comment| json!({ "id": comment.id, "text": comment.text, "username": comment.author, "timestamp": moment::with_offset(comment.at) });
    let all: Vec<&Comment> = world.comments_of(service.name, post).collect();
    let listed: Vec<Value> = if service.needs_picture {
        // The newest first.
        let top = all.iter().rev().filter(|comment| comment.in_reply_to.is_empty());
        top.map(|comment| {
            let replies: Vec<Value> = all.iter().filter(|reply| reply.in_reply_to == comment.id).map(|reply| shown(reply)).collect();
            let mut said = shown(comment);
            if !replies.is_empty() {
                said["replies"] = json!({ "data": replies });
            }
            said
        })
        .collect()
    } else {
        all.iter()
            .map(|comment| {
                let to = if comment.in_reply_to.is_empty() { &comment.post } else { &comment.in_reply_to };
                let mut said = shown(comment);
                said["replied_to"] = json!({ "id": to });
                said
            })
            .collect()
    };
    graph::listing(listed, incoming, 50)
}
