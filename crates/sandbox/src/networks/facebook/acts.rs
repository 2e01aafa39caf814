//! What is done as a page: posts, comments.

use serde_json::json;

use super::Product;
use crate::networks::graph::{self, error};
use crate::networks::moment;
use crate::people::{Comment, Post};
use crate::request::{Answer, Incoming, json as answer};
use crate::tokens::Family;
use crate::world::World;

pub(super) fn publish(product: &Product, world: &mut World, now: i64, incoming: &Incoming, data: &Family, page: u64, edge: &str) -> Answer {
    if !has(data, "pages_manage_posts") || !has(data, "pages_read_engagement") {
        return error(403, 200, 0, "(#200) Permissions error: pages_manage_posts and pages_read_engagement");
    }
    let shown = match edge {
        "feed" => attached(product, world, incoming, page),
        "photos" => one(incoming, "url", incoming.f("caption")),
        _ => one(incoming, "file_url", incoming.f("description")),
    };
    let (text, media) = match shown {
        Ok(shown) => shown,
        Err(refused) => return refused,
    };
    if edge == "photos" && incoming.f("published") == "false" {
        // Put there unseen, to be shown by a post.
        let id = world.number().to_string();
        world.kept.insert((product.name, format!("photo/{id}")), json!([page, media[0]]));
        return answer(200, &json!({ "id": id }));
    }
    let number = world.number();
    // A film is known by its own id.
    let id = if edge == "videos" { number.to_string() } else { format!("{page}_{number}") };
    let post = Post {
        network: product.name,
        id,
        profile: page.to_string(),
        username: data.username.clone(),
        text,
        link: incoming.f("link").into(),
        media,
        at: now,
    };
    let id = world.publish(post);
    if edge == "photos" { answer(200, &json!({ "id": "1", "post_id": id })) } else { answer(200, &json!({ "id": id })) }
}

/// The words, and where what is shown lies.
type Shown = (String, Vec<String>);

fn invalid() -> Answer {
    error(400, 100, 0, "(#100) Invalid parameter")
}

/// One picture or film, which Facebook fetches.
fn one(incoming: &Incoming, field: &str, text: &str) -> Result<Shown, Answer> {
    let url = incoming.f(field);
    if url.starts_with("http") && incoming.f("link").is_empty() { Ok((text.to_owned(), vec![url.to_owned()])) } else { Err(invalid()) }
}

/// Words, a link, or pictures of this page that were put there before.
fn attached(product: &Product, world: &World, incoming: &Incoming, page: u64) -> Result<Shown, Answer> {
    let mut media = vec![];
    let form = incoming.form();
    while let Some(one) = form.get(format!("attached_media[{}]", media.len()).as_str()) {
        let id = serde_json::from_str::<serde_json::Value>(one).ok().and_then(|one| Some(one["media_fbid"].as_str()?.to_owned()));
        let photo = id.and_then(|id| world.kept.get(&(product.name, format!("photo/{id}")))).filter(|photo| photo[0] == page);
        let Some(url) = photo.and_then(|photo| photo[1].as_str()) else { return Err(invalid()) };
        media.push(url.to_owned());
    }
    let (text, link) = (incoming.f("message"), incoming.f("link"));
    let is_empty = text.is_empty() && link.is_empty() && media.is_empty();
    // A post shows a link or pictures, not both.
    if is_empty || (!link.is_empty() && !media.is_empty()) { Err(invalid()) } else { Ok((text.to_owned(), media)) }
}

fn has(data: &Family, scope: &str) -> bool {
    data.scopes.iter().any(|granted| granted == scope)
}

pub(super) fn comments(product: &Product, world: &World, incoming: &Incoming, data: &Family, page: Option<u64>, post: &str) -> Answer {
    if !has(data, "pages_read_user_content") {
        return error(403, 10, 0, "(#10) This endpoint requires the 'pages_read_user_content' permission");
    }
    if !is_own(product, world, page, post) {
        return error(400, 100, 33, "Unsupported get request. Object does not exist or cannot be loaded due to missing permissions.");
    }
    let said = |comment: &Comment| {
        let mut said = json!({ "id": comment.id, "from": { "name": comment.author, "id": "9" }, "message": comment.text, "created_time": moment::with_offset(comment.at) });
        if !comment.in_reply_to.is_empty() {
            said["parent"] = json!({ "id": comment.in_reply_to });
        }
        said
    };
    graph::listing(world.comments_of(product.name, post).map(said).collect(), incoming, 25)
}

/// A post, as whoever reads the page's own ones sees it.
fn as_shown(post: &Post) -> serde_json::Value {
    let mut shown = json!({
        "id": post.id, "created_time": moment::with_offset(post.at), "permalink_url": format!("https://www.facebook.com/{}", post.id)
    });
    if !post.text.is_empty() {
        shown["message"] = post.text.as_str().into();
    }
    shown
}

fn may_read(data: &Family) -> Result<(), Answer> {
    let words = "(#10) This endpoint requires the 'pages_read_engagement' permission";
    if has(data, "pages_read_engagement") { Ok(()) } else { Err(error(403, 10, 0, words)) }
}

/// The page's own posts, the newest first.
pub(super) fn published(product: &Product, world: &World, incoming: &Incoming, data: &Family, page: Option<u64>) -> Answer {
    if let Err(refused) = may_read(data) {
        return refused;
    }
    let own = world.posts.iter().rev().filter(|post| post.network == product.name && is_own(product, world, page, &post.id));
    graph::listing(own.map(as_shown).collect(), incoming, 100)
}

pub(super) fn shown(product: &Product, world: &World, data: &Family, post: &str) -> Answer {
    match may_read(data) {
        Ok(()) => answer(200, &world.post(product.name, post).map(as_shown).unwrap_or_default()),
        Err(refused) => refused,
    }
}

/// Whether a post stands on that page.
pub(super) fn is_own(product: &Product, world: &World, page: Option<u64>, post: &str) -> bool {
    world.post(product.name, post).is_some_and(|post| page.is_some_and(|page| post.profile == page.to_string()))
}

pub(super) fn comment(
    product: &Product,
    world: &mut World,
    now: i64,
    incoming: &Incoming,
    data: &Family,
    page: u64,
    under: &str,
) -> Answer {
    if !has(data, "pages_manage_engagement") {
        return error(403, 200, 0, "(#200) Requires pages_manage_engagement permission");
    }
    let parent =
        world.comments.iter().find(|comment| comment.network == product.name && comment.id == under).map(|comment| comment.post.clone());
    let (post, in_reply_to) = match (parent, world.post(product.name, under)) {
        (Some(post), _) => (post, under.to_owned()),
        (None, Some(post)) => (post.id.clone(), String::new()),
        (None, None) => return error(400, 100, 33, "Unsupported post request. Object does not exist."),
    };
    if !is_own(product, world, Some(page), &post) {
        return error(400, 100, 33, "Unsupported post request. Object does not exist or cannot be loaded due to missing permissions.");
    }
    if incoming.f("message").is_empty() {
        return error(400, 100, 0, "(#100) Missing message or attachment");
    }
    let author = world.pages.iter().find(|known| known.network == product.name && known.id == page).map_or("", |page| page.name);
    let id = format!("{post}_{}", world.number());
    let said = Comment {
        network: product.name,
        id: id.clone(),
        post,
        in_reply_to,
        author: author.into(),
        text: incoming.f("message").into(),
        at: now,
    };
    world.comments.push(said);
    answer(200, &json!({ "id": id }))
}
