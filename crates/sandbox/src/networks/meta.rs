//! Instagram (with its own login) and Threads as their documentation describes them (knowledge base `instagram`, `threads`): one
//! account, short-lived tokens that are exchanged, long-lived ones that are extended after a day.

use serde_json::{Value, json};

use super::{Consent, client_id, client_secret, is_redirect_uri, moment, refuse_page};
use crate::consent::{Ask, Decision, decide};
use crate::people::{Comment, Person, Post, person};
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
    basic: &'static str,
    publish: &'static str,
    /// Edge that makes a container, and edge that publishes it.
    edges: (&'static str, &'static str),
    needs_picture: bool,
}

pub(super) const INSTAGRAM: Service = Service {
    name: "instagram",
    title: "Instagram",
    colour: "#c13584",
    prefix: "ig",
    basic: "instagram_business_basic",
    publish: "instagram_business_content_publish",
    edges: ("media", "media_publish"),
    needs_picture: true,
};

/// Accounts behind pages, at Facebook's host: the login is Facebook's own.
pub(super) const INSTAGRAM_PAGE: Service =
    Service { name: "instagram_page", basic: "instagram_basic", publish: "instagram_content_publish", ..INSTAGRAM };

pub(super) const THREADS: Service = Service {
    name: "threads",
    title: "Threads",
    colour: "#101010",
    prefix: "th",
    basic: "threads_basic",
    publish: "threads_content_publish",
    edges: ("threads", "threads_publish"),
    needs_picture: false,
};

pub(super) fn people(service: &Service) -> Vec<Person> {
    vec![
        person(service.name, "fernweh.outdoor", "Fernweh Outdoor", "17841400000000001"),
        person(service.name, "gipfel.guides", "Gipfel Guides", "17841400000000002"),
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
        _ => api(service, world, now, incoming, &versioned?),
    })
}

fn error(status: u16, code: i64, subcode: i64, words: &str) -> Answer {
    let mut error = json!({ "message": words, "type": "OAuthException", "code": code, "fbtrace_id": "AbCdEfGhIjK" });
    if subcode != 0 {
        error["error_subcode"] = subcode.into();
    }
    answer(status, &json!({ "error": error }))
}

/// The token endpoint has a shape of its own.
fn token_error(words: &str) -> Answer {
    answer(400, &json!({ "error_type": "OAuthException", "code": 400, "error_message": words }))
}

pub(super) fn refused_renewal() -> Answer {
    error(400, 190, 0, "Error validating access token: Session has expired")
}

fn dead(world: &World, token: &str, why: Dead) -> Answer {
    let family = world.vault.access.get(token).and_then(|token| world.vault.families.get(token.family));
    let (subcode, words) = match (why, family.map_or("", |family| family.why)) {
        (Dead::Blocked, _) => (459, "Error validating access token: The user has been checkpointed."),
        (Dead::Expired, _) => (463, "Error validating access token: Session has expired."),
        (_, "change-password") => {
            (460, "Error validating access token: The session has been invalidated because the user changed their password.")
        }
        (Dead::Revoked, _) => (458, "Error validating access token: The user has not authorized application."),
        (Dead::Unknown, _) => (0, "Invalid OAuth access token - Cannot parse access token"),
    };
    error(400, 190, subcode, words)
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
    let scopes = ask(service, incoming).scopes.into_iter().filter(|scope| !consent.drop_scopes.contains(scope)).collect();
    (incoming.path == "/oauth/authorize" && is_good(service, incoming))
        .then(|| if consent.deny { denied(incoming) } else { allowed(service, world, now, incoming, consent.username, scopes) })
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
            let id: u64 = world.person(service.name, &username).and_then(|person| person.id.parse().ok()).unwrap_or(0);
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
        return error(400, 101, 0, "Error validating client secret.");
    }
    match world.check_access(now, service.name, &token) {
        Ok((family, _)) => fresh(world, now, family),
        Err(why) => dead(world, &token, why),
    }
}

fn fresh(world: &mut World, now: i64, family: usize) -> Answer {
    let long = world.new_access(now, family, "IGAAL", Some(LONG_LIFE));
    answer(200, &json!({ "access_token": long, "token_type": "bearer", "expires_in": LONG_LIFE }))
}

/// A day old, not over, and the basic permission still granted.
fn extend(service: &Service, world: &mut World, now: i64, incoming: &Incoming) -> Answer {
    let token = incoming.q("access_token").to_owned();
    let young = world.vault.access.get(&token).is_some_and(|token| now - token.created < DAY * 1_000_000);
    match world.check_access(now, service.name, &token) {
        _ if incoming.q("grant_type") != format!("{}_refresh_token", service.prefix) => {
            error(400, 100, 0, "Unsupported request - method type: get")
        }
        Ok(_) if young => error(400, 100, 0, "The access token is too young to be refreshed."),
        Ok((family, data)) if data.scopes.iter().any(|scope| scope == service.basic) => fresh(world, now, family),
        Ok(_) => error(400, 10, 0, "Application does not have permission for this action"),
        Err(why) => dead(world, &token, why),
    }
}

fn api(service: &Service, world: &mut World, now: i64, incoming: &Incoming, path: &str) -> Answer {
    let token = incoming.bearer().to_owned();
    let family = match world.check_access(now, service.name, &token) {
        Ok((_, family)) => family,
        Err(why) => return dead(world, &token, why),
    };
    let parts: Vec<&str> = path.split('/').collect();
    if (incoming.method.as_str(), parts.as_slice()) == ("GET", ["me"].as_slice()) {
        return me(service, world, &family);
    }
    let own = world.person(service.name, &family.username).map(|person| person.id.clone()).unwrap_or_default();
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
    match (incoming.method.as_str(), parts) {
        ("POST", [id, edge]) if *id == own && *edge == service.edges.0 => container(service, world, incoming, family),
        ("POST", [id, edge]) if *id == own && *edge == service.edges.1 => publish(service, world, now, incoming, family, own),
        ("GET", [id]) if *id == own => answer(200, &json!({ "id": own })),
        ("GET", [post, "comments" | "conversation" | "replies"]) => said_under(service, world, post),
        ("POST", [under, "comments" | "replies"]) if service.needs_picture => {
            say(service, world, now, under, incoming.f("message"), family)
        }
        ("GET", [id]) if world.containers.contains_key(*id) => {
            answer(200, &json!({ "status_code": "FINISHED", "status": "FINISHED", "id": id }))
        }
        ("GET", [id]) if world.post(service.name, id).is_some() => {
            answer(200, &json!({ "id": id, "permalink": format!("https://{}.example/p/{id}", service.name) }))
        }
        _ => error(400, 100, 33, "Unsupported request. Object does not exist or cannot be loaded due to missing permissions."),
    }
}

fn me(service: &Service, world: &World, family: &Family) -> Answer {
    let Some(person) = world.person(service.name, &family.username) else { return refused_renewal() };
    let body =
        json!({ "id": person.id, "user_id": person.id, "username": person.username, "name": person.name, "account_type": "Business" });
    if service.needs_picture { answer(200, &json!({ "data": [body] })) } else { answer(200, &body) }
}

fn container(service: &Service, world: &mut World, incoming: &Incoming, family: &Family) -> Answer {
    if !family.scopes.iter().any(|scope| scope == service.publish) {
        return error(403, 10, 0, "Application does not have permission for this action");
    }
    let (text, picture) = (if service.needs_picture { incoming.f("caption") } else { incoming.f("text") }, incoming.f("image_url"));
    let bad = if service.needs_picture {
        !picture.starts_with("http")
    } else {
        !matches!(incoming.f("media_type"), "TEXT" | "IMAGE") || (text.is_empty() && picture.is_empty()) || text.chars().count() > 500
    };
    if bad {
        return error(400, 100, 0, "Invalid parameter");
    }
    let id = world.number().to_string();
    let kept = [text, picture, incoming.f("reply_to_id"), incoming.f("link_attachment")].map(str::to_owned);
    world.containers.insert(id.clone(), kept);
    answer(200, &json!({ "id": id }))
}

fn publish(service: &Service, world: &mut World, now: i64, incoming: &Incoming, family: &Family, own: &str) -> Answer {
    let Some([text, picture, to, link]) = world.containers.remove(incoming.f("creation_id")) else {
        return error(400, 24, 2_207_006, "The media could not be found");
    };
    if !to.is_empty() {
        return say(service, world, now, &to, &text, family);
    }
    let id = world.number().to_string();
    let media = if picture.is_empty() { vec![] } else { vec![picture] };
    let post = Post { network: service.name, id, profile: own.to_owned(), username: family.username.clone(), text, link, media, at: now };
    let id = world.publish(post);
    answer(200, &json!({ "id": id }))
}

fn say(service: &Service, world: &mut World, now: i64, under: &str, text: &str, family: &Family) -> Answer {
    let parent =
        world.comments.iter().find(|comment| comment.network == service.name && comment.id == under).map(|comment| comment.post.clone());
    let (post, in_reply_to) = match (parent, world.post(service.name, under)) {
        (Some(post), _) => (post, under.to_owned()),
        (None, Some(post)) => (post.id.clone(), String::new()),
        (None, None) => return error(400, 100, 33, "Object does not exist"),
    };
    if text.is_empty() {
        return error(400, 100, 0, "Invalid parameter");
    }
    let id = world.number().to_string();
    let said =
        Comment { network: service.name, id: id.clone(), post, in_reply_to, author: family.username.clone(), text: text.into(), at: now };
    world.comments.push(said);
    answer(200, &json!({ "id": id }))
}

fn said_under(service: &Service, world: &World, post: &str) -> Answer {
    let shown = |comment: &Comment| json!({ "id": comment.id, "text": comment.text, "username": comment.author, "timestamp": moment::rfc3339(comment.at) });
    let all: Vec<&Comment> = world.comments_of(service.name, post).collect();
    let listed: Vec<Value> = if service.needs_picture {
        let top = all.iter().filter(|comment| comment.in_reply_to.is_empty());
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
    answer(200, &json!({ "data": listed }))
}
