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
    let (text, link, picture) = (incoming.f("message"), incoming.f("link"), incoming.f("url"));
    if edge == "feed" && text.is_empty() && link.is_empty() || edge == "photos" && !picture.starts_with("http") {
        return error(400, 100, 0, "(#100) Invalid parameter");
    }
    let id = format!("{page}_{}", world.number());
    let text = if edge == "photos" { incoming.f("caption") } else { text };
    let media = if picture.is_empty() { vec![] } else { vec![picture.to_owned()] };
    let post = Post {
        network: product.name,
        id,
        profile: page.to_string(),
        username: data.username.clone(),
        text: text.into(),
        link: link.into(),
        media,
        at: now,
    };
    let id = world.publish(post);
    if edge == "photos" { answer(200, &json!({ "id": "1", "post_id": id })) } else { answer(200, &json!({ "id": id })) }
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
        let mut said = json!({ "id": comment.id, "from": { "name": comment.author, "id": "9" }, "message": comment.text, "created_time": moment::rfc3339(comment.at) });
        if !comment.in_reply_to.is_empty() {
            said["parent"] = json!({ "id": comment.in_reply_to });
        }
        said
    };
    graph::listing(world.comments_of(product.name, post).map(said).collect(), incoming, 25)
}

/// Whether a post stands on that page.
fn is_own(product: &Product, world: &World, page: Option<u64>, post: &str) -> bool {
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
