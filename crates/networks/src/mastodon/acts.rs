//! Statuses, their media, and what is said in reply.

use std::borrow::Cow;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode};
use lifecycle::diagnosis::Diagnosis;
use lifecycle::secret::TokenSet;
use lifecycle::time::{Span, Timestamp};
use lifecycle::words::Source;
use serde_json::{Value, json};
use unicode_segmentation::UnicodeSegmentation as _;

use super::Mastodon;
use super::limits::Limits;
use crate::acting::{self, Acting, Comment, Comments, Draft, Fit, Media, NotDone, Post, Posted};
use crate::network::{Cx, Words};
use crate::wire::Wire;
use crate::{moment, oauth};

/// How long a server surely remembers a key: a little less than its hour.
const KEY_LIVES: Span = Span::minutes(50);
/// How often a picture that is still being processed is asked for.
const LOOKS: usize = 5;

fn refused(cx: Cx<'_>, tokens: &TokenSet, answer: &Response<Bytes>) -> NotDone {
    acting::refused(cx, answer, Mastodon::diagnose(&cx, Source::Use, tokens, answer))
}

fn read(cx: Cx<'_>, tokens: &TokenSet, answer: &Response<Bytes>) -> Result<Value, NotDone> {
    let json = serde_json::from_slice::<Value>(answer.body()).ok();
    json.filter(|json| answer.status().is_success() && json.is_object()).ok_or_else(|| refused(cx, tokens, answer))
}

/// Length as Mastodon counts it: characters as people see them, addresses all alike, and of somebody on another server the name alone.
fn length(limits: &Limits, text: &str) -> usize {
    let count = |word: &str| {
        let is_address = word.starts_with("https://") || word.starts_with("http://");
        if is_address { limits.address_counts } else { mention(word).graphemes(true).count() }
    };
    text.split_inclusive(char::is_whitespace)
        .map(|piece| {
            let word = piece.trim_end();
            count(word) + piece[word.len()..].graphemes(true).count()
        })
        .sum()
}

/// What counts of `@name@host`.
fn mention(word: &str) -> &str {
    word.strip_prefix('@').and_then(|rest| rest.split_once('@')).map_or(word, |(name, _)| &word[..=name.len()])
}

/// By the server's own limits where they are known. Where they are not, it may take more than the usual length, and is asked when
/// something is sent.
pub(super) fn measure(limits: &Limits, draft: Draft<'_>) -> Result<Fit, NotDone> {
    let text = text_of(draft);
    let (counted, max) = (length(limits, &text), limits.text_max);
    let mut fit = acting::fits("text", &text, counted, if limits.is_known { max } else { counted.max(max) })?;
    if counted > max {
        fit = Fit { counted, max, note: Some(longer_than_usual(counted, max)) };
    }
    if let Draft::Post(post) = draft {
        limits.fit(&post.media)?;
    }
    Ok(fit)
}

fn text_of(draft: Draft<'_>) -> Cow<'_, str> {
    match draft {
        Draft::Post(post) => acting::with_link(post).into(),
        Draft::Comment { text, .. } => text.into(),
    }
}

fn longer_than_usual(counted: usize, usual: usize) -> Words {
    Words::new(
        format!("This is {counted} characters long. Most servers take {usual}; yours is asked when it is sent."),
        format!("Das sind {counted} Zeichen. Die meisten Server nehmen {usual}; Ihrer wird beim Senden gefragt."),
    )
}

pub(super) async fn publish(Acting { cx, wire, tokens, .. }: Acting<'_>, post: &Post) -> Result<Posted, NotDone> {
    let text = acting::with_link(post);
    let limits = Limits::of(cx, wire, tokens).await;
    acting::fits("text", &text, length(&limits, &text), limits.text_max)?;
    limits.fit(&post.media)?;
    let mut ids = vec![];
    for media in &post.media {
        ids.push(acting::prepared(upload(cx, wire, tokens, media).await)?);
    }
    let visibility = cx.app.options.get("visibility").map_or("public", String::as_str);
    let mut body = json!({ "status": text, "visibility": visibility });
    if !ids.is_empty() {
        body["media_ids"] = ids.into();
    }
    send(cx, wire, tokens, &body, &post.key).await
}

pub(super) async fn comment(Acting { cx, wire, tokens, target, .. }: Acting<'_>, to: &str, text: &str) -> Result<Posted, NotDone> {
    let answered = answered(cx, wire, tokens, to).await?;
    let own = answered.pointer("/account/id").and_then(Value::as_str) == Some(target.network_id);
    let acct = answered.pointer("/account/acct").and_then(Value::as_str).filter(|acct| !acct.is_empty() && !own);
    // Whoever is answered is told only where the text names them.
    let text = match acct.map(|acct| format!("@{acct}")) {
        Some(name) if !text.to_lowercase().contains(&name.to_lowercase()) => format!("{name} {text}"),
        _ => text.to_owned(),
    };
    let limits = Limits::of(cx, wire, tokens).await;
    acting::fits("text", &text, length(&limits, &text), limits.text_max)?;
    // An answer is seen by no more people than what it answers.
    let visibility = oauth::text(&answered, "visibility").unwrap_or("public");
    let id = oauth::id(&answered, "id").unwrap_or_else(|| to.to_owned());
    let body = json!({ "status": text, "in_reply_to_id": id, "visibility": visibility });
    let mut random = [0; 16];
    cx.dice.fill(&mut random);
    send(cx, wire, tokens, &body, &URL_SAFE_NO_PAD.encode(random)).await
}

/// The status that is answered, as this server knows it. One that is named by its address at another server is fetched first.
async fn answered(cx: Cx<'_>, wire: &dyn Wire, tokens: &TokenSet, to: &str) -> Result<Value, NotDone> {
    let is_address = to.starts_with("https://") || to.starts_with("http://");
    let path = if is_address {
        oauth::with_query("/v2/search", &[("q", to), ("resolve", "true"), ("type", "statuses")])
    } else {
        format!("/v1/statuses/{}", oauth::percent(to))
    };
    let answer = wire.send(Mastodon::get(&cx, &path, tokens)).await;
    let answer = answer.map_err(|error| NotDone::Refused(oauth::no_answer(cx.now, Source::Use, &error)))?;
    let mut json = read(cx, tokens, &answer).map_err(|not_done| match not_done {
        // Nothing was done by looking.
        NotDone::Unclear(seen) => NotDone::Refused(Diagnosis::transient(seen, None)),
        other => other,
    })?;
    if !is_address {
        return Ok(json);
    }
    json.pointer_mut("/statuses/0").map(Value::take).ok_or_else(|| {
        let words = Words::new(
            "This server does not find the post at that address.",
            "Dieser Server findet den Beitrag unter dieser Adresse nicht.",
        );
        NotDone::Invalid { field: "in_reply_to", words }
    })
}

/// Within the hour the same key is the same status: it can be sent again without a look. After that nobody can tell.
pub(super) fn look(Acting { cx, .. }: Acting<'_>, since: Timestamp) -> Result<Option<Posted>, NotDone> {
    if cx.now.since(since) < KEY_LIVES { Ok(None) } else { Err(acting::cannot_be_asked()) }
}

/// The same key within the hour is the same status.
async fn send(cx: Cx<'_>, wire: &dyn Wire, tokens: &TokenSet, body: &Value, key: &str) -> Result<Posted, NotDone> {
    let mut request = oauth::post_json(&format!("{}/v1/statuses", Mastodon::url(&cx, "api")), &tokens.access_token, body);
    let key = URL_SAFE_NO_PAD.encode(digest(&SHA256, key.as_bytes()));
    if let Ok(key) = HeaderValue::from_str(&key) {
        request.headers_mut().insert("idempotency-key", key);
    }
    let answer = acting::send(cx, wire, request).await?;
    let json = read(cx, tokens, &answer)?;
    let id = oauth::id(&json, "id").ok_or_else(|| refused(cx, tokens, &answer))?;
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
    let json = read(cx, tokens, &answer)?;
    let id = oauth::id(&json, "id").ok_or_else(|| refused(cx, tokens, &answer))?;
    // 202: still being processed. It can be used as soon as it can be fetched.
    for _ in 0..LOOKS {
        if answer.status() == StatusCode::OK {
            break;
        }
        wire.pause(Span::seconds(2)).await;
        let look = acting::send(cx, wire, Mastodon::get(&cx, &format!("/v1/media/{}", oauth::percent(&id)), tokens)).await?;
        if look.status() == StatusCode::OK {
            return Ok(id);
        }
    }
    if answer.status() == StatusCode::OK {
        return Ok(id);
    }
    // A status with a film that is not ready would be refused.
    let words = "the film is still being processed there; nothing was posted. Try again in a minute";
    Err(NotDone::Refused(Diagnosis::transient(
        oauth::evidence(cx.now, Source::Use, &answer, Some("not_ready"), words),
        Some(Span::minutes(1)),
    )))
}

pub(super) async fn comments(Acting { cx, wire, tokens, .. }: Acting<'_>, post: &str) -> Result<Comments, NotDone> {
    let path = format!("/v1/statuses/{}/context", oauth::percent(post));
    let answer = acting::send(cx, wire, Mastodon::get(&cx, &path, tokens)).await?;
    let json = read(cx, tokens, &answer)?;
    let said = |status: &Value| {
        let to = oauth::id(status, "in_reply_to_id").filter(|to| to != post);
        Some(Comment {
            id: oauth::id(status, "id")?,
            author: status.pointer("/account/acct").and_then(Value::as_str).unwrap_or_default().to_owned(),
            by: status.get("account").and_then(|account| oauth::id(account, "id")),
            text: plain(oauth::text(status, "content").unwrap_or_default()),
            at: oauth::text(status, "created_at").and_then(moment::rfc3339),
            in_reply_to: to,
        })
    };
    // How many a server shows of a long thread is its own affair, and it does not say.
    Ok(Comments::read(json.get("descendants").and_then(Value::as_array).into_iter().flatten().filter_map(said).collect(), false))
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
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn addresses_count_alike_and_html_is_read() {
        let counted = |text: &str| length(&Limits::handed(&BTreeMap::new()), text);
        assert_eq!(counted(&format!("see https://a.example/{} now", "x".repeat(100))), 4 + 23 + 4);
        assert_eq!((counted("http://a.de"), counted("@ana@social.example hi"), counted("@ana"), counted("@")), (23, 4 + 3, 4, 1));
        assert_eq!(plain("<p>Hi <a href=\"x\">@ana</a> &amp; co<br/>there</p><p>2 &lt; 3</p>"), "Hi @ana & co\nthere\n\n2 < 3");
    }
}
