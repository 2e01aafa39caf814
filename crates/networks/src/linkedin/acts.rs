//! Posts of the versioned API, and comments of social actions.

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use lifecycle::secret::TokenSet;
use lifecycle::time::Timestamp;
use lifecycle::words::Source;
use serde_json::{Value, json};

use super::LinkedIn;
use crate::acting::{self, Acting, Comment, Draft, Fit, Media, NotDone, Post, Posted, Target};
use crate::network::{Cx, Words};
use crate::oauth;
use crate::wire::Wire;

/// The most characters of a post.
const TEXT_MAX: usize = 3_000;
/// The most characters of a comment (second-hand).
const COMMENT_MAX: usize = 1_250;
/// The most pictures of a post.
const PICTURES_MAX: usize = 20;
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

fn request(cx: &Cx<'_>, method: Method, path: &str, tokens: &TokenSet, body: &Value) -> Request<Bytes> {
    let mut request = LinkedIn::rest(cx, path, tokens);
    *request.method_mut() = method;
    request.headers_mut().insert("content-type", http::HeaderValue::from_static("application/json"));
    if !body.is_null() {
        *request.body_mut() = Bytes::from(body.to_string());
    }
    request
}

fn refused(cx: Cx<'_>, answer: &Response<Bytes>) -> NotDone {
    acting::refused(cx, answer, LinkedIn::diagnose(&cx, Source::Use, answer))
}

fn read(cx: Cx<'_>, answer: &Response<Bytes>) -> Result<Value, NotDone> {
    serde_json::from_slice::<Value>(answer.body())
        .ok()
        .filter(|json| answer.status().is_success() && json.is_object())
        .ok_or_else(|| refused(cx, answer))
}

pub(super) fn measure(draft: Draft<'_>) -> Result<Fit, NotDone> {
    let post = match draft {
        Draft::Comment { text, .. } => return acting::fits("text", text, text.chars().count(), COMMENT_MAX),
        Draft::Post(post) => post,
    };
    let fit = acting::fits("text", &post.text, post.text.chars().count(), TEXT_MAX)?;
    if post.media.len() > PICTURES_MAX || post.media.iter().any(|media| !media.content_type.starts_with("image/") || media.bytes.is_empty())
    {
        let words = Words::new(
            "LinkedIn takes up to 20 pictures here, sent with the post.",
            "LinkedIn nimmt hier bis zu 20 Bilder, die mit dem Beitrag gesendet werden.",
        );
        return Err(NotDone::Invalid { field: "media", words });
    }
    Ok(fit)
}

pub(super) async fn publish(Acting { cx, wire, tokens, target }: Acting<'_>, post: &Post) -> Result<Posted, NotDone> {
    let mut body = json!({
        "author": target.network_id,
        "commentary": little(&post.text),
        "visibility": "PUBLIC",
        "distribution": { "feedDistribution": "MAIN_FEED", "targetEntities": [], "thirdPartyDistributionChannels": [] },
        "lifecycleState": "PUBLISHED",
        "isReshareDisabledByAuthor": false,
    });
    let mut pictures = vec![];
    for media in &post.media {
        let id = upload(cx, wire, tokens, target, media).await?;
        pictures.push(json!({ "id": id, "altText": media.alt.clone().unwrap_or_default() }));
    }
    match (pictures.len(), &post.link) {
        (0, Some(link)) => body["content"] = json!({ "article": { "source": link, "title": post.title.as_deref().unwrap_or(link) } }),
        (0, None) => {}
        (1, _) => body["content"] = json!({ "media": pictures[0] }),
        _ => body["content"] = json!({ "multiImage": { "images": pictures } }),
    }
    let answer = acting::send(cx, wire, request(&cx, Method::POST, "/posts", tokens, &body)).await?;
    // 201 with an empty body: the id stands in a header.
    let id = answer.headers().get("x-restli-id").and_then(|id| id.to_str().ok()).filter(|_| answer.status() == StatusCode::CREATED);
    let id = id.ok_or_else(|| refused(cx, &answer))?;
    Ok(Posted { id: id.to_owned(), url: Some(format!("https://www.linkedin.com/feed/update/{id}")) })
}

async fn upload(cx: Cx<'_>, wire: &dyn Wire, tokens: &TokenSet, target: Target<'_>, media: &Media) -> Result<String, NotDone> {
    let body = json!({ "initializeUploadRequest": { "owner": target.network_id } });
    let answer = acting::send(cx, wire, request(&cx, Method::POST, "/images?action=initializeUpload", tokens, &body)).await?;
    let json = read(cx, &answer)?;
    let value = json.get("value").cloned().unwrap_or_default();
    let (Some(url), Some(id)) = (oauth::text(&value, "uploadUrl"), oauth::text(&value, "image")) else { return Err(refused(cx, &answer)) };
    let mut put = oauth::get_bearer(url, &tokens.access_token);
    *put.method_mut() = Method::PUT;
    *put.body_mut() = media.bytes.clone();
    let answer = acting::send(cx, wire, put).await?;
    if answer.status().is_success() { Ok(id.to_owned()) } else { Err(refused(cx, &answer)) }
}

pub(super) async fn comments(Acting { cx, wire, tokens, .. }: Acting<'_>, post: &str) -> Result<Vec<Comment>, NotDone> {
    let mut all = vec![];
    for page in 0..PAGES_MAX {
        let path = format!("/socialActions/{}/comments?start={}&count=100", oauth::percent(post), page * 100);
        let answer = acting::send(cx, wire, LinkedIn::rest(&cx, &path, tokens)).await?;
        let json = read(cx, &answer)?;
        let elements = json.get("elements").and_then(Value::as_array).cloned().unwrap_or_default();
        all.extend(elements.iter().filter_map(comment_of));
        if elements.len() < 100 {
            break;
        }
    }
    Ok(all)
}

fn comment_of(element: &Value) -> Option<Comment> {
    Some(Comment {
        id: oauth::text(element, "commentUrn").map(str::to_owned).or_else(|| oauth::id(element, "id"))?,
        author: oauth::text(element, "actor").unwrap_or_default().to_owned(),
        text: element.pointer("/message/text").and_then(Value::as_str).unwrap_or_default().to_owned(),
        at: element.pointer("/created/time").and_then(Value::as_i64).map(|millis| Timestamp::from_micros(millis.saturating_mul(1_000))),
        in_reply_to: oauth::text(element, "parentComment").map(str::to_owned),
    })
}

pub(super) async fn comment(
    Acting { cx, wire, tokens, target }: Acting<'_>,
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
