//! Posts of the versioned API, and comments of social actions.

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use lifecycle::secret::TokenSet;
use lifecycle::time::Timestamp;
use lifecycle::words::Source;
use serde_json::{Value, json};

use super::LinkedIn;
use super::media::{self, TAKES};
use crate::acting::{self, Acting, Comment, Comments, Draft, Fit, NotDone, Post, Posted};
use crate::media::is_film;
use crate::network::{App, Cx};
use crate::oauth;

/// The most characters of a post.
const TEXT_MAX: usize = 3_000;
/// The most characters of a comment (second-hand).
const COMMENT_MAX: usize = 1_250;
/// The most pages of comments that are read.
const PAGES_MAX: usize = 10;

/// LinkedIn's "little text": what would be read as markup is escaped; `#` is left for hashtags.
fn little(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if "\\<>~_|[]*(){}@".contains(c) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

pub(super) fn request(cx: &Cx<'_>, method: Method, path: &str, tokens: &TokenSet, body: &Value) -> Request<Bytes> {
    let mut request = LinkedIn::rest(cx, path, tokens);
    *request.method_mut() = method;
    request.headers_mut().insert("content-type", http::HeaderValue::from_static("application/json"));
    if !body.is_null() {
        *request.body_mut() = Bytes::from(body.to_string());
    }
    request
}

pub(super) fn refused(cx: Cx<'_>, answer: &Response<Bytes>) -> NotDone {
    acting::refused(cx, answer, LinkedIn::diagnose(&cx, Source::Use, answer))
}

pub(super) fn read(cx: Cx<'_>, answer: &Response<Bytes>) -> Result<Value, NotDone> {
    serde_json::from_slice::<Value>(answer.body())
        .ok()
        .filter(|json| answer.status().is_success() && json.is_object())
        .ok_or_else(|| refused(cx, answer))
}

pub(super) fn measure(app: &App, draft: Draft<'_>) -> Result<Fit, NotDone> {
    let post = match draft {
        Draft::Comment { text, .. } => return acting::fits("text", text, text.chars().count(), app.limit("comment_max", COMMENT_MAX)),
        Draft::Post(post) => post,
    };
    TAKES.as_set(&app.options).check("LinkedIn", post)?;
    let text = words(post);
    acting::fits("text", &text, text.chars().count(), app.limit("text_max", TEXT_MAX))
}

/// The words that are sent: a link has a place of its own only where there is nothing to see.
fn words(post: &Post) -> String {
    if post.media.is_empty() { post.text.clone() } else { acting::with_link(post) }
}

/// What a post shows. Before the post itself nothing is published, whatever becomes of the steps.
async fn content(by: Acting<'_>, post: &Post) -> Result<Option<Value>, NotDone> {
    if let [film] = post.media.as_slice()
        && is_film(film)
    {
        let id = acting::prepared(media::film(by, film).await)?;
        let mut shown = json!({ "id": id });
        if let Some(title) = &post.title {
            shown["title"] = title.as_str().into();
        }
        return Ok(Some(json!({ "media": shown })));
    }
    let mut pictures = vec![];
    for picture in &post.media {
        let id = acting::prepared(media::picture(by, picture).await)?;
        pictures.push(json!({ "id": id, "altText": picture.alt.clone().unwrap_or_default() }));
    }
    Ok(match (pictures.len(), post.link.as_deref().filter(|link| !link.is_empty())) {
        (0, Some(link)) => Some(json!({ "article": { "source": link, "title": post.title.as_deref().unwrap_or(link) } })),
        (0, None) => None,
        (1, _) => Some(json!({ "media": pictures[0] })),
        _ => Some(json!({ "multiImage": { "images": pictures } })),
    })
}

pub(super) async fn publish(by: Acting<'_>, post: &Post) -> Result<Posted, NotDone> {
    let Acting { cx, wire, tokens, target, .. } = by;
    let mut body = json!({
        "author": target.network_id,
        "commentary": little(&words(post)),
        "visibility": "PUBLIC",
        "distribution": { "feedDistribution": "MAIN_FEED", "targetEntities": [], "thirdPartyDistributionChannels": [] },
        "lifecycleState": "PUBLISHED",
        "isReshareDisabledByAuthor": false,
    });
    if let Some(content) = content(by, post).await? {
        body["content"] = content;
    }
    let answer = acting::send(cx, wire, request(&cx, Method::POST, "/posts", tokens, &body)).await?;
    // 201 with an empty body: the id stands in a header.
    let id = answer.headers().get("x-restli-id").and_then(|id| id.to_str().ok()).filter(|_| answer.status() == StatusCode::CREATED);
    let id = id.ok_or_else(|| refused(cx, &answer))?;
    Ok(Posted { id: id.to_owned(), url: Some(format!("https://www.linkedin.com/feed/update/{id}")) })
}

pub(super) async fn comments(Acting { cx, wire, tokens, .. }: Acting<'_>, post: &str) -> Result<Comments, NotDone> {
    let (mut all, mut is_cut) = (vec![], true);
    for page in 0..PAGES_MAX {
        let path = format!("/socialActions/{}/comments?start={}&count=100", oauth::percent(post), page * 100);
        let answer = acting::send(cx, wire, LinkedIn::rest(&cx, &path, tokens)).await?;
        let json = read(cx, &answer)?;
        let elements = json.get("elements").and_then(Value::as_array).cloned().unwrap_or_default();
        all.extend(elements.iter().filter_map(comment_of));
        if elements.len() < 100 {
            is_cut = false;
            break;
        }
    }
    Ok(Comments::read(all, is_cut))
}

fn comment_of(element: &Value) -> Option<Comment> {
    Some(Comment {
        id: oauth::text(element, "commentUrn").map(str::to_owned).or_else(|| oauth::id(element, "id"))?,
        author: oauth::text(element, "actor").unwrap_or_default().to_owned(),
        by: oauth::text(element, "actor").map(str::to_owned),
        text: element.pointer("/message/text").and_then(Value::as_str).unwrap_or_default().to_owned(),
        at: element.pointer("/created/time").and_then(Value::as_i64).map(|millis| Timestamp::from_micros(millis.saturating_mul(1_000))),
        in_reply_to: oauth::text(element, "parentComment").map(str::to_owned),
    })
}

pub(super) async fn comment(
    Acting { cx, wire, tokens, target, .. }: Acting<'_>,
    post: &str,
    in_reply_to: Option<&str>,
    text: &str,
) -> Result<Posted, NotDone> {
    let mut body = json!({ "actor": target.network_id, "object": post, "message": { "text": text } });
    if let Some(parent) = in_reply_to {
        body["parentComment"] = parent.into();
    }
    let path = format!("/socialActions/{}/comments", oauth::percent(post));
    let answer = acting::send(cx, wire, request(&cx, Method::POST, &path, tokens, &body)).await?;
    let json = read(cx, &answer)?;
    let said = comment_of(&json).ok_or_else(|| refused(cx, &answer))?;
    Ok(Posted { id: said.id, url: None })
}

#[cfg(test)]
mod tests {
    #[test]
    fn little_text_is_escaped_and_hashtags_are_left() {
        assert_eq!(super::little("a_b (c) @d #e \\ f"), "a\\_b \\(c\\) \\@d #e \\\\ f");
    }
}
