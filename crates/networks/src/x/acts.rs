//! Posting, replying, reading replies. Each of these calls is charged.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Method, Request, Response};
use lifecycle::diagnosis::Diagnosis;
use lifecycle::secret::{Secret, TokenSet};
use lifecycle::time::{Span, Timestamp};
use lifecycle::words::Source;
use serde_json::{Value, json};

use super::{X, errors, weight};
use crate::acting::{self, Acting, Comment, Comments, Draft, Fit, Media, NotDone, Post, Posted, Target};
use crate::moment;
use crate::network::{App, Cx, Words};
use crate::oauth;
use crate::wire::{Wire, WireError};

/// What a post may weigh; premium accounts have more (option `max_weight`).
const WEIGHT_MAX: usize = 280;
/// The most pictures of a post.
const PICTURES_MAX: usize = 4;
/// The most pages of replies that are read: each post read is charged.
const PAGES_MAX: usize = 3;
/// How far back a search finds replies.
const SEARCHED: Span = Span::days(7);
/// What X takes as the words for a picture.
const ALT_MAX: usize = 1000;

fn post_json(url: &str, token: &Secret, body: &Value) -> Request<Bytes> {
    let mut request = oauth::get_bearer(url, token);
    *request.method_mut() = Method::POST;
    request.headers_mut().insert("content-type", http::HeaderValue::from_static("application/json"));
    *request.body_mut() = Bytes::from(body.to_string());
    request
}

fn invalid(field: &'static str, en: &str, de: &str) -> NotDone {
    NotDone::Invalid { field, words: Words::new(en, de) }
}

/// Text that X takes: short enough, and with one stock symbol at most.
fn check(app: &App, text: &str) -> Result<Fit, NotDone> {
    let max = app.limit("max_weight", app.limit("text_max", WEIGHT_MAX));
    let fit = acting::fits("text", text, weight::of(text), max)?;
    if weight::cashtags(text) > 1 {
        return Err(invalid("text", "X takes one stock symbol ($ABC) in a post.", "X nimmt in einem Beitrag nur ein Börsenkürzel ($ABC)."));
    }
    Ok(fit)
}

pub(super) fn measure(app: &App, draft: Draft<'_>) -> Result<Fit, NotDone> {
    let post = match draft {
        Draft::Comment { text, .. } => return check(app, text),
        Draft::Post(post) => post,
    };
    let text = acting::with_link(post);
    // A picture needs no words.
    let fit = if post.media.is_empty() || !text.trim().is_empty() { check(app, &text)? } else { Fit::default() };
    check_media(app, &post.media)?;
    Ok(fit)
}

pub(super) async fn publish(Acting { cx, wire, tokens, target, .. }: Acting<'_>, post: &Post) -> Result<Posted, NotDone> {
    let text = acting::with_link(post);
    let mut ids = vec![];
    for media in &post.media {
        ids.push(upload(cx, wire, tokens, media).await?);
    }
    let mut body = json!({ "text": text });
    if !ids.is_empty() {
        body["media"] = json!({ "media_ids": ids });
    }
    send(cx, wire, tokens, target, &body).await
}

pub(super) async fn reply(Acting { cx, wire, tokens, target, .. }: Acting<'_>, to: &str, text: &str) -> Result<Posted, NotDone> {
    send(cx, wire, tokens, target, &json!({ "text": text, "reply": { "in_reply_to_tweet_id": to } })).await
}

/// X has no key that would make this safe to repeat; a repeated text is refused as a duplicate.
async fn send(cx: Cx<'_>, wire: &dyn Wire, tokens: &TokenSet, target: Target<'_>, body: &Value) -> Result<Posted, NotDone> {
    let answer = acting::send(cx, wire, post_json(&X::url(&cx, "posts"), &tokens.access_token, body)).await?;
    let json = oauth::json(&answer).unwrap_or(Value::Null);
    match json.get("data").and_then(|data| oauth::id(data, "id")).filter(|_| answer.status().is_success()) {
        Some(id) => {
            let url = format!("https://x.com/{}/status/{}", oauth::percent(target.handle.unwrap_or("i")), oauth::percent(&id));
            Ok(Posted { id, url: Some(url) })
        }
        None => Err(acting::refused(cx, &answer, errors::act(&cx, &answer, &tokens.scopes, "tweet.write"))),
    }
}

fn check_media(app: &App, media: &[Media]) -> Result<(), NotDone> {
    let most = app.limit("pictures_max", PICTURES_MAX);
    if media.len() > most {
        let (en, de) = (format!("X takes up to {most} pictures in a post."), format!("X nimmt bis zu {most} Bilder in einem Beitrag."));
        return Err(invalid("media", &en, &de));
    }
    if media.iter().any(|media| category(media).is_none()) {
        let (en, de) = (
            "Only JPEG, PNG, WebP and GIF pictures can be sent to X.",
            "An X können nur Bilder als JPEG, PNG, WebP und GIF gesendet werden.",
        );
        return Err(invalid("media", en, de));
    }
    if media.len() > 1 && media.iter().any(|media| category(media) == Some("tweet_gif")) {
        return Err(invalid("media", "A GIF stands alone in a post on X.", "Ein GIF steht in einem Beitrag auf X allein."));
    }
    if media.iter().any(|media| media.bytes.is_empty()) {
        let (en, de) = ("X takes pictures only as a file, not by their address.", "X nimmt Bilder nur als Datei, nicht über ihre Adresse.");
        return Err(invalid("media", en, de));
    }
    Ok(())
}

/// X's word for that kind of media.
fn category(media: &Media) -> Option<&'static str> {
    match media.content_type.as_str() {
        "image/jpeg" | "image/png" | "image/webp" => Some("tweet_image"),
        "image/gif" => Some("tweet_gif"),
        _ => None,
    }
}

/// Puts a picture there. Nothing of it shows until a post names it, so an answer that was lost means that nothing was done.
async fn upload(cx: Cx<'_>, wire: &dyn Wire, tokens: &TokenSet, media: &Media) -> Result<String, NotDone> {
    let body = json!({ "media": STANDARD.encode(&media.bytes), "media_category": category(media).unwrap_or("tweet_image") });
    let answer = ask(cx, wire, post_json(&X::url(&cx, "media"), &tokens.access_token, &body)).await?;
    let json = oauth::json(&answer).unwrap_or(Value::Null);
    let Some(id) = json.get("data").and_then(|data| oauth::id(data, "id")).filter(|_| answer.status().is_success()) else {
        return Err(NotDone::Refused(harmless_unless_refused(errors::act(&cx, &answer, &tokens.scopes, "media.write"))));
    };
    if let Some(alt) = media.alt.as_deref().filter(|alt| !alt.trim().is_empty()) {
        let alt: String = alt.chars().take(ALT_MAX).collect();
        let body = json!({ "id": id, "metadata": { "alt_text": { "text": alt } } });
        let answer = ask(cx, wire, post_json(&X::url(&cx, "media_metadata"), &tokens.access_token, &body)).await?;
        // A picture that some people cannot read is not what was asked for.
        if !answer.status().is_success() {
            return Err(NotDone::Refused(harmless_unless_refused(errors::act(&cx, &answer, &tokens.scopes, "media.write"))));
        }
    }
    Ok(id)
}

/// A success without what was asked for is no proof that the token works.
fn harmless_unless_refused(diagnosis: Diagnosis) -> Diagnosis {
    if diagnosis.finding == lifecycle::diagnosis::Finding::Works { Diagnosis::transient(diagnosis.evidence, None) } else { diagnosis }
}

/// Sends what changes nothing that people see.
async fn ask(cx: Cx<'_>, wire: &dyn Wire, request: Request<Bytes>) -> Result<Response<Bytes>, NotDone> {
    let lost = |error: WireError| NotDone::Refused(oauth::no_answer(cx.now, Source::Use, &error));
    wire.send(request).await.map_err(lost)
}

/// The replies of the last seven days, which is as far back as X searches, oldest first.
pub(super) async fn comments(Acting { cx, wire, tokens, .. }: Acting<'_>, post: &str) -> Result<Comments, NotDone> {
    // X's description of 2026 gives authors and answered posts as expansions of `post`; its guides and older code name them
    // among the fields of `tweet`.
    let (fields, wanted, expansions) = match cx.app.options.get("fields").map(String::as_str) {
        Some("tweet") => ("tweet.fields", "author_id,created_at,in_reply_to_user_id,referenced_tweets", "author_id"),
        _ => ("post.fields", "conversation_id,created_at", "author_id,referenced_posts"),
    };
    let query = format!("conversation_id:{post}");
    let mut said: Vec<Comment> = vec![];
    let mut next = String::new();
    for _ in 0..PAGES_MAX {
        let mut parameters = vec![
            ("query", query.as_str()),
            ("max_results", "100"),
            (fields, wanted),
            ("expansions", expansions),
            ("user.fields", "id,name,username"),
        ];
        if !next.is_empty() {
            parameters.push(("next_token", &next));
        }
        let request = oauth::get_bearer(&oauth::with_query(&X::url(&cx, "search"), &parameters), &tokens.access_token);
        let answer = ask(cx, wire, request).await?;
        // Longer than a token's answer may be.
        let json = serde_json::from_slice::<Value>(answer.body()).ok().filter(|json| json.is_object() && answer.status().is_success());
        let Some(json) = json.filter(|json| json.get("data").is_some() || json.get("meta").is_some()) else {
            return Err(NotDone::Refused(harmless_unless_refused(errors::act(&cx, &answer, &tokens.scopes, "tweet.read"))));
        };
        said.extend(read(&json, post));
        match json.pointer("/meta/next_token").and_then(Value::as_str) {
            Some(token) if !token.is_empty() => token.clone_into(&mut next),
            _ => {
                next.clear();
                break;
            }
        }
    }
    said.reverse();
    let mut read = Comments::read(said, !next.is_empty());
    if read.note.is_none() && made_at(post).is_some_and(|at| cx.now.since(at) > SEARCHED) {
        read.note = Some(Words::new(
            "X shows tools the replies of the last seven days only, and this post is older.",
            "X zeigt Werkzeugen nur die Antworten der letzten sieben Tage, und dieser Beitrag ist älter.",
        ));
    }
    Ok(read)
}

/// When a post was made: its id says so, in milliseconds since X began to count.
fn made_at(post: &str) -> Option<Timestamp> {
    const BEGAN: i64 = 1_288_834_974_657;
    let id = post.parse::<i64>().ok().filter(|id| *id > 0)?;
    Some(Timestamp::from_micros(((id >> 22) + BEGAN).saturating_mul(1_000)))
}

fn read<'a>(json: &'a Value, root: &'a str) -> impl Iterator<Item = Comment> + 'a {
    let users = json.pointer("/includes/users").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let author = move |id: &str| {
        let user = users.iter().find(|user| oauth::text(user, "id") == Some(id));
        user.and_then(|user| oauth::text(user, "name").or(oauth::text(user, "username"))).unwrap_or(id).to_owned()
    };
    let posts = json.get("data").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    posts.iter().filter_map(move |post| {
        let id = oauth::id(post, "id").filter(|id| id != root)?;
        let references = ["referenced_posts", "referenced_tweets"].into_iter().find_map(|name| post.get(name)?.as_array());
        let answered = references.into_iter().flatten().find(|reference| oauth::text(reference, "type") == Some("replied_to"));
        Some(Comment {
            author: oauth::id(post, "author_id").map_or_else(|| "?".to_owned(), |id| author(&id)),
            by: oauth::id(post, "author_id"),
            text: oauth::text(post, "text").unwrap_or_default().to_owned(),
            at: oauth::text(post, "created_at").and_then(moment::rfc3339),
            in_reply_to: answered.and_then(|reference| oauth::id(reference, "id")).filter(|id| id != root),
            id,
        })
    })
}
