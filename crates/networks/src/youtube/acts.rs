//! Uploading a video, saying something under it, reading what was said.

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response};
use lifecycle::diagnosis::Diagnosis;
use lifecycle::secret::TokenSet;
use lifecycle::words::{Evidence, Source};
use serde_json::{Value, json};

use super::{ABOUT, YouTube};
use crate::acting::{self, Acting, Comment, Comments, Draft, Fit, Media, NotDone, Post, Posted};
use crate::network::{App, Cx, Words};
use crate::wire::Wire;
use crate::{google, moment, oauth};

/// What YouTube takes as a title, in characters.
const TITLE_MAX: usize = 100;
/// What YouTube takes as a description, in bytes.
const DESCRIPTION_MAX: usize = 5000;
/// What YouTube takes as a comment, in characters (unconfirmed).
const COMMENT_MAX: usize = 10_000;
/// How many bytes are sent at once: what breaks loses one part. A multiple of 256 KiB, as Google demands of all parts but the last.
const PART: usize = 32 * 256 * 1024;
/// How often an upload that broke off, and did not get on meanwhile, is taken up again.
const ROUNDS: usize = 4;
/// The most pages of comments that are read.
const PAGES_MAX: usize = 40;
/// "People & Blogs": what YouTube's own page proposes (option `category`).
const CATEGORY: &str = "22";

fn invalid(field: &'static str, en: &str, de: &str) -> NotDone {
    NotDone::Invalid { field, words: Words::new(en, de) }
}

/// To whom a video is to be shown.
fn wanted(app: &App) -> &str {
    app.options.get("privacy").map_or("public", String::as_str)
}

/// The one video, and what is said about it.
fn checked(app: &App, post: &Post) -> Result<(Media, Value, Fit), NotDone> {
    let [film] = post.media.as_slice() else {
        return Err(invalid("media", "YouTube wants one video for each post.", "YouTube verlangt für jeden Beitrag ein Video."));
    };
    if !film.content_type.starts_with("video/") {
        return Err(invalid("media", "YouTube takes videos only.", "YouTube nimmt nur Videos."));
    }
    if film.bytes.is_empty() {
        let (en, de) =
            ("YouTube takes videos only as a file, not by their address.", "YouTube nimmt Videos nur als Datei, nicht über ihre Adresse.");
        return Err(invalid("media", en, de));
    }
    let title = post.title.as_deref().map(str::trim).filter(|title| !title.is_empty());
    // Without a title of its own, the first line is the title.
    let title = title.unwrap_or_else(|| post.text.trim().lines().next().unwrap_or_default().trim());
    acting::fits("title", title, title.chars().count(), app.limit("title_max", TITLE_MAX))?;
    let description = match post.link.as_deref().filter(|link| !link.is_empty() && !post.text.contains(link)) {
        Some(link) => format!("{}\n\n{link}", post.text).trim().to_owned(),
        None => post.text.clone(),
    };
    let max = app.limit("text_max", DESCRIPTION_MAX);
    let fit = match description.as_str() {
        "" => Fit { max, ..Fit::default() },
        description => acting::fits("text", description, description.len(), max)?,
    };
    let field = if title.contains(['<', '>']) { Some("title") } else { description.contains(['<', '>']).then_some("text") };
    if let Some(field) = field {
        return Err(invalid(field, "YouTube takes no < and >.", "YouTube nimmt kein < und kein >."));
    }
    let option = |name: &str, default: &str| app.options.get(name).map_or_else(|| default.to_owned(), String::clone);
    let about = json!({
        "snippet": { "title": title, "description": description, "categoryId": option("category", CATEGORY) },
        "status": { "privacyStatus": wanted(app), "selfDeclaredMadeForKids": option("made_for_kids", "false") == "true" }
    });
    Ok((film.clone(), about, fit))
}

pub(super) fn measure(app: &App, draft: Draft<'_>) -> Result<Fit, NotDone> {
    match draft {
        Draft::Post(post) => checked(app, post).map(|(.., fit)| fit),
        Draft::Comment { text, .. } => acting::fits("text", text, text.chars().count(), app.limit("comment_max", COMMENT_MAX)),
    }
}

/// The address that the upload is sent to names the upload: sending the same there again is safe.
pub(super) async fn upload(Acting { cx, wire, tokens, .. }: Acting<'_>, post: &Post) -> Result<Posted, NotDone> {
    let (film, about, _) = checked(cx.app, post)?;
    let door = google::url(&cx, &ABOUT, "upload");
    let address = oauth::with_query(&door, &[("uploadType", "resumable"), ("part", "snippet,status")]);
    let mut request = google::send_json(Method::POST, &address, &tokens.access_token, &about);
    let kind = HeaderValue::from_str(&film.content_type).unwrap_or(HeaderValue::from_static("video/*"));
    request.headers_mut().insert("x-upload-content-type", kind.clone());
    request.headers_mut().insert("x-upload-content-length", HeaderValue::from(film.bytes.len()));
    // Nothing shows before the bytes are there: an answer that was lost means that nothing was done.
    let lost = |error| NotDone::Refused(oauth::no_answer(cx.now, Source::Use, &error));
    let answer = wire.send(request).await.map_err(lost)?;
    let session = answer.headers().get("location").and_then(|value| value.to_str().ok()).filter(|_| answer.status().is_success());
    let Some(session) = session else {
        return Err(NotDone::Refused(google::errors::act(&cx, &answer)));
    };
    if !is_same_origin(session, &door) {
        // The token would leave the host it was issued for.
        let seen = Evidence::new(cx.now, Source::Use, Some(answer.status().as_u16()), None, "the upload address leads elsewhere");
        return Err(NotDone::Refused(Diagnosis::transient(seen, None)));
    }
    transfer(cx, wire, tokens, session, &kind, &film.bytes).await
}

fn is_same_origin(one: &str, other: &str) -> bool {
    let origin = |text: &str| url::Url::parse(text).ok().map(|url| url.origin());
    origin(one).is_some_and(|origin_of_one| origin_of_one.is_tuple() && Some(origin_of_one) == origin(other))
}

/// Sends the bytes in parts, and what was missing of them after a break.
async fn transfer(
    cx: Cx<'_>,
    wire: &dyn Wire,
    tokens: &TokenSet,
    session: &str,
    kind: &HeaderValue,
    bytes: &Bytes,
) -> Result<Posted, NotDone> {
    let size = bytes.len();
    let (mut from, mut failed) = (0, 0);
    let mut last = NotDone::Unclear(Evidence::new(cx.now, Source::Use, None, None, "the upload broke off"));
    while failed < ROUNDS {
        let to = size.min(from + PART);
        let range = (to - from < size).then(|| format!("bytes {from}-{}/{size}", to - 1));
        let answer = acting::send(cx, wire, put(session, tokens, kind, range.as_deref(), bytes.slice(from..to))).await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(broken) => {
                failed += 1;
                last = broken_off(broken);
                match acting::send(cx, wire, put(session, tokens, kind, Some(&format!("bytes */{size}")), Bytes::new())).await {
                    Ok(answer) => answer,
                    Err(_) => continue,
                }
            }
        };
        if let Some(posted) = google::object(&answer).and_then(|json| posted(&json)) {
            return Ok(posted);
        }
        match answer.status().as_u16() {
            308 => {
                let has = received(&answer).min(size.saturating_sub(1));
                // A long film may break off more often than a short one, as long as it gets on.
                failed = if has > from { 0 } else { failed + 1 };
                from = has;
            }
            status if status >= 500 => {
                failed += 1;
                last = acting::refused(cx, &answer, google::errors::act(&cx, &answer));
            }
            _ => return Err(acting::refused(cx, &answer, google::errors::act(&cx, &answer))),
        }
    }
    Err(last)
}

/// Once bytes were under way, what broke may have been carried out.
fn broken_off(broken: NotDone) -> NotDone {
    match broken {
        NotDone::Refused(diagnosis) => NotDone::Unclear(diagnosis.evidence),
        other => other,
    }
}

fn put(session: &str, tokens: &TokenSet, kind: &HeaderValue, range: Option<&str>, bytes: Bytes) -> Request<Bytes> {
    let mut request = oauth::get_bearer(session, &tokens.access_token);
    *request.method_mut() = Method::PUT;
    request.headers_mut().insert("content-type", kind.clone());
    if let Some(range) = range.and_then(|range| HeaderValue::from_str(range).ok()) {
        request.headers_mut().insert("content-range", range);
    }
    *request.body_mut() = bytes;
    request
}

/// How many bytes have arrived: `Range: bytes=0-41`; none when it is missing.
fn received(answer: &Response<Bytes>) -> usize {
    let range = answer.headers().get("range").and_then(|range| range.to_str().ok());
    range.and_then(|range| range.rsplit('-').next()?.trim().parse::<usize>().ok()).map_or(0, |last| last.saturating_add(1))
}

fn posted(json: &Value) -> Option<Posted> {
    let id = oauth::text(json, "id")?;
    Some(Posted { id: id.to_owned(), url: Some(format!("https://www.youtube.com/watch?v={}", oauth::percent(id))) })
}

/// To whom the video is really shown: videos of apps that Google has not audited are locked to private, whatever was asked for.
pub(super) async fn standing(Acting { cx, wire, tokens, .. }: Acting<'_>, video: &str) -> Result<Option<Words>, NotDone> {
    let request = oauth::get_bearer(&YouTube::api(&cx, "videos", &[("part", "status"), ("id", video)]), &tokens.access_token);
    let json = google::ask(cx, wire, request).await?;
    Ok(json.pointer("/items/0/status").and_then(|status| word_on(wanted(cx.app), status)))
}

fn word_on(wanted: &str, status: &Value) -> Option<Words> {
    let reason = |field: &str| oauth::text(status, field).unwrap_or("unknown").to_owned();
    match oauth::text(status, "uploadStatus") {
        Some("rejected") => {
            let why = reason("rejectionReason");
            Some(Words::new(format!("YouTube rejected this video ({why})."), format!("YouTube hat dieses Video abgelehnt ({why}).")))
        }
        Some("failed") => {
            let why = reason("failureReason");
            Some(Words::new(
                format!("YouTube could not process this video ({why})."),
                format!("YouTube konnte dieses Video nicht verarbeiten ({why})."),
            ))
        }
        _ => match oauth::text(status, "privacyStatus").filter(|shown| *shown != wanted) {
            Some("private") => Some(Words::new(
                "YouTube keeps this video private: nobody but the channel sees it. Google does so with all videos of an app that it has not audited.",
                "YouTube hält dieses Video privat: niemand außer dem Kanal sieht es. Google tut das mit allen Videos einer App, die es nicht geprüft hat.",
            )),
            Some(shown) => Some(Words::new(
                format!("YouTube shows this video as {shown}; {wanted} was asked for."),
                format!("YouTube zeigt dieses Video als {shown}; verlangt war {wanted}."),
            )),
            None => None,
        },
    }
}

pub(super) async fn comment(
    Acting { cx, wire, tokens, .. }: Acting<'_>,
    video: &str,
    in_reply_to: Option<&str>,
    text: &str,
) -> Result<Posted, NotDone> {
    let (path, body) = match in_reply_to {
        Some(parent) => ("comments", json!({ "snippet": { "parentId": parent, "textOriginal": text } })),
        None => {
            let said = json!({ "snippet": { "textOriginal": text } });
            ("commentThreads", json!({ "snippet": { "videoId": video, "topLevelComment": said } }))
        }
    };
    let request = google::send_json(Method::POST, &YouTube::api(&cx, path, &[("part", "snippet")]), &tokens.access_token, &body);
    let answer = acting::send(cx, wire, request).await?;
    let json = google::object(&answer).unwrap_or(Value::Null);
    // A thread names its first comment; that is what can be answered.
    let id = json.pointer("/snippet/topLevelComment/id").and_then(Value::as_str).or(oauth::text(&json, "id"));
    match id {
        Some(id) => {
            let url = format!("https://www.youtube.com/watch?v={}&lc={}", oauth::percent(video), oauth::percent(id));
            Ok(Posted { id: id.to_owned(), url: Some(url) })
        }
        None => Err(acting::refused(cx, &answer, google::errors::act(&cx, &answer))),
    }
}

pub(super) async fn comments(Acting { cx, wire, tokens, .. }: Acting<'_>, video: &str) -> Result<Comments, NotDone> {
    let (mut said, mut has_more_replies) = (vec![], false);
    let mut next = String::new();
    for _ in 0..PAGES_MAX {
        let parameters = [("part", "snippet,replies"), ("videoId", video), ("maxResults", "100"), ("order", "time"), ("pageToken", &next)];
        let given: Vec<_> = parameters.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        let json = google::ask(cx, wire, oauth::get_bearer(&YouTube::api(&cx, "commentThreads", &given), &tokens.access_token)).await?;
        for thread in json.get("items").and_then(Value::as_array).into_iter().flatten() {
            let (thread, is_cut) = thread_of(cx, wire, tokens, thread).await?;
            has_more_replies |= is_cut;
            said.extend(thread);
        }
        match oauth::text(&json, "nextPageToken") {
            Some(token) => token.clone_into(&mut next),
            None => {
                next.clear();
                break;
            }
        }
    }
    // Threads come the newest first, and what was said in them the oldest first.
    said.sort_by_key(|comment: &Comment| comment.at);
    Ok(Comments::read(said, has_more_replies || !next.is_empty()))
}

/// A thread brings five replies at most; when there are more, a hundred are asked for. With it comes whether there are still more.
async fn thread_of(cx: Cx<'_>, wire: &dyn Wire, tokens: &TokenSet, thread: &Value) -> Result<(Vec<Comment>, bool), NotDone> {
    let Some(top) = thread.pointer("/snippet/topLevelComment").and_then(read) else { return Ok((vec![], false)) };
    let inline = thread.pointer("/replies/comments").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let total =
        thread.pointer("/snippet/totalReplyCount").and_then(Value::as_u64).and_then(|total| usize::try_from(total).ok()).unwrap_or(0);
    let (mut replies, mut is_cut): (Vec<Comment>, bool) = (inline.iter().filter_map(read).collect(), false);
    if total > inline.len() {
        let parameters = [("part", "snippet"), ("parentId", top.id.as_str()), ("maxResults", "100")];
        let json = google::ask(cx, wire, oauth::get_bearer(&YouTube::api(&cx, "comments", &parameters), &tokens.access_token)).await?;
        is_cut = oauth::text(&json, "nextPageToken").is_some();
        replies = json.get("items").and_then(Value::as_array).into_iter().flatten().filter_map(read).collect();
    }
    for reply in replies.iter_mut().filter(|reply| reply.in_reply_to.is_none()) {
        reply.in_reply_to = Some(top.id.clone());
    }
    replies.insert(0, top);
    Ok((replies, is_cut))
}

fn read(comment: &Value) -> Option<Comment> {
    let snippet = comment.get("snippet")?;
    Some(Comment {
        id: oauth::text(comment, "id")?.to_owned(),
        author: oauth::text(snippet, "authorDisplayName").unwrap_or("?").to_owned(),
        by: snippet.pointer("/authorChannelId/value").and_then(Value::as_str).map(str::to_owned),
        text: oauth::text(snippet, "textOriginal").or(oauth::text(snippet, "textDisplay")).unwrap_or_default().to_owned(),
        at: oauth::text(snippet, "publishedAt").and_then(moment::rfc3339),
        in_reply_to: oauth::text(snippet, "parentId").map(str::to_owned),
    })
}
