//! Statuses, their media, and what is said in reply.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode};
use lifecycle::secret::TokenSet;
use lifecycle::words::Source;
use serde_json::{Value, json};
use unicode_segmentation::UnicodeSegmentation as _;

use super::Mastodon;
use crate::acting::{self, Acting, Comment, Media, NotDone, Post, Posted};
use crate::network::{Cx, Words};
use crate::wire::Wire;
use crate::{moment, oauth};

/// What a server that does not say takes.
const TEXT_MAX: usize = 500;
/// What an address counts, however long it is.
const ADDRESS_COUNTS: usize = 23;
const PICTURES_MAX: usize = 4;
/// How often a picture that is still being processed is asked for.
const LOOKS: usize = 5;

fn refused(cx: Cx<'_>, answer: &Response<Bytes>) -> NotDone {
    acting::refused(cx, answer, Mastodon::diagnose(&cx, Source::Use, answer))
}

fn read(cx: Cx<'_>, answer: &Response<Bytes>) -> Result<Value, NotDone> {
    let json = serde_json::from_slice::<Value>(answer.body()).ok();
    json.filter(|json| answer.status().is_success() && json.is_object()).ok_or_else(|| refused(cx, answer))
}

/// Length as Mastodon counts it: characters as people see them, addresses all alike.
fn length(text: &str) -> usize {
    let count = |word: &str| {
        let is_address = word.starts_with("https://") || word.starts_with("http://");
        if is_address { ADDRESS_COUNTS.min(word.len()) } else { word.graphemes(true).count() }
    };
    text.split_inclusive(char::is_whitespace)
        .map(|piece| {
            let word = piece.trim_end();
            count(word) + piece[word.len()..].graphemes(true).count()
        })
        .sum()
}

/// The server's own limit; a server that does not say has the usual one.
async fn text_max(cx: Cx<'_>, wire: &dyn Wire, tokens: &TokenSet) -> usize {
    let Ok(answer) = wire.send(Mastodon::get(&cx, "/v2/instance", tokens)).await else { return TEXT_MAX };
    let json: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
    let max = json.pointer("/configuration/statuses/max_characters").and_then(Value::as_u64);
    max.and_then(|max| usize::try_from(max).ok()).filter(|max| *max > 0).unwrap_or(TEXT_MAX)
}

pub(super) async fn publish(Acting { cx, wire, tokens, .. }: Acting<'_>, post: &Post) -> Result<Posted, NotDone> {
    let text = match post.link.as_deref().filter(|link| !post.text.contains(link)) {
        Some(link) => format!("{}\n{link}", post.text),
        None => post.text.clone(),
    };
    acting::fits("text", &text, length(&text), text_max(cx, wire, tokens).await)?;
    if post.media.len() > PICTURES_MAX || post.media.iter().any(|media| media.bytes.is_empty()) {
        let words = Words::new(
            "Mastodon takes up to four pictures, sent with the post.",
            "Mastodon nimmt bis zu vier Bilder, die mit dem Beitrag gesendet werden.",
        );
        return Err(NotDone::Invalid { field: "media", words });
    }
    let mut ids = vec![];
    for media in &post.media {
        ids.push(upload(cx, wire, tokens, media).await?);
    }
    let visibility = cx.app.options.get("visibility").map_or("public", String::as_str);
    let mut body = json!({ "status": text, "visibility": visibility });
    if !ids.is_empty() {
        body["media_ids"] = ids.into();
    }
    send(cx, wire, tokens, &body, &post.key).await
}

pub(super) async fn comment(Acting { cx, wire, tokens, .. }: Acting<'_>, to: &str, text: &str) -> Result<Posted, NotDone> {
    acting::fits("text", text, length(text), text_max(cx, wire, tokens).await)?;
    let body = json!({ "status": text, "in_reply_to_id": to, "visibility": "public" });
    let mut random = [0; 16];
    cx.dice.fill(&mut random);
    send(cx, wire, tokens, &body, &URL_SAFE_NO_PAD.encode(random)).await
}

/// The same key within the hour is the same status.
async fn send(cx: Cx<'_>, wire: &dyn Wire, tokens: &TokenSet, body: &Value, key: &str) -> Result<Posted, NotDone> {
    let mut request = oauth::post_json(&format!("{}/v1/statuses", Mastodon::url(&cx, "api")), &tokens.access_token, body);
    let key = URL_SAFE_NO_PAD.encode(digest(&SHA256, key.as_bytes()));
    if let Ok(key) = HeaderValue::from_str(&key) {
        request.headers_mut().insert("idempotency-key", key);
    }
    let answer = acting::send(cx, wire, request).await?;
    let json = read(cx, &answer)?;
    let id = oauth::id(&json, "id").ok_or_else(|| refused(cx, &answer))?;
    Ok(Posted { id, url: oauth::text(&json, "url").map(str::to_owned) })
}

/// A form of parts (RFC 7578): the file and what it shows.
async fn upload(cx: Cx<'_>, wire: &dyn Wire, tokens: &TokenSet, media: &Media) -> Result<String, NotDone> {
    let mut random = [0; 18];
    cx.dice.fill(&mut random);
    let boundary = URL_SAFE_NO_PAD.encode(random);
    let mut body = vec![];
    if let Some(alt) = &media.alt {
        body.extend_from_slice(format!("--{boundary}\r\nContent-Disposition: form-data; name=\"description\"\r\n\r\n{alt}\r\n").as_bytes());
    }
    let kind: String = media.content_type.chars().filter(char::is_ascii_graphic).collect();
    let head = format!("--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"file\"\r\nContent-Type: {kind}\r\n\r\n");
    body.extend_from_slice(head.as_bytes());
    body.extend_from_slice(&media.bytes);
    body.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    let mut request = oauth::get_bearer(&format!("{}/v2/media", Mastodon::url(&cx, "api")), &tokens.access_token);
    *request.method_mut() = Method::POST;
    if let Ok(kind) = HeaderValue::from_str(&format!("multipart/form-data; boundary={boundary}")) {
        request.headers_mut().insert("content-type", kind);
    }
    *request.body_mut() = body.into();
    let answer = acting::send(cx, wire, request).await?;
    let json = read(cx, &answer)?;
    let id = oauth::id(&json, "id").ok_or_else(|| refused(cx, &answer))?;
    // 202: still being processed. It can be used as soon as it can be fetched.
    for _ in 0..LOOKS {
        if answer.status() == StatusCode::OK {
            break;
        }
        let look = acting::send(cx, wire, Mastodon::get(&cx, &format!("/v1/media/{}", oauth::percent(&id)), tokens)).await?;
        if look.status() == StatusCode::OK {
            break;
        }
    }
    Ok(id)
}

pub(super) async fn comments(Acting { cx, wire, tokens, .. }: Acting<'_>, post: &str) -> Result<Vec<Comment>, NotDone> {
    let path = format!("/v1/statuses/{}/context", oauth::percent(post));
    let answer = acting::send(cx, wire, Mastodon::get(&cx, &path, tokens)).await?;
    let json = read(cx, &answer)?;
    let said = |status: &Value| {
        let to = oauth::id(status, "in_reply_to_id").filter(|to| to != post);
        Some(Comment {
            id: oauth::id(status, "id")?,
            author: status.pointer("/account/acct").and_then(Value::as_str).unwrap_or_default().to_owned(),
            text: plain(oauth::text(status, "content").unwrap_or_default()),
            at: oauth::text(status, "created_at").and_then(moment::rfc3339),
            in_reply_to: to,
        })
    };
    Ok(json.get("descendants").and_then(Value::as_array).into_iter().flatten().filter_map(said).collect())
}

/// What HTML says, without its tags.
fn plain(html: &str) -> String {
    let mut text = String::new();
    let mut in_tag = false;
    for c in html.replace("<br", "\n<br").replace("</p><p", "\n\n</p><p").chars() {
        match c {
            '<' => in_tag = true,
            '>' if in_tag => in_tag = false,
            c if !in_tag => text.push(c),
            _ => {}
        }
    }
    let entities = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&apos;", "'"), ("&nbsp;", " "), ("&amp;", "&")];
    entities.iter().fold(text, |text, (entity, c)| text.replace(entity, c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_count_alike_and_html_is_read() {
        assert_eq!(length(&format!("see https://a.example/{} now", "x".repeat(100))), 4 + 23 + 4);
        assert_eq!(plain("<p>Hi <a href=\"x\">@ana</a> &amp; co<br/>there</p><p>2 &lt; 3</p>"), "Hi @ana & co\nthere\n\n2 < 3");
    }
}
