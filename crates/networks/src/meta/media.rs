//! Acting as a professional account of Instagram: the same calls at both of its hosts. Facts: `networks/instagram` of the knowledge
//! base, section 8.

use http::Method;
use lifecycle::words::{Evidence, Source};
use serde_json::Value;

pub(crate) use super::container::Door;
use super::container::{self, Habits};
use super::{act, call, quota};
use crate::acting::{self, Acting, Comment, Comments, Draft, Fit, NotDone, Post, Posted};
use crate::media::{By, Takes};
use crate::network::{App, Cx, Words};
use crate::{moment, oauth};

const CAPTION_MAX: usize = 2_200;
const COMMENT_MAX: usize = 2_200;
const PAGES_MAX: usize = 10;

/// Everything is fetched by its address; a post without a picture or film does not exist.
pub(crate) static TAKES: Takes =
    Takes { needed: true, pictures: 10, pictures_by: By::Address, films: 10, films_by: By::Address, mixed: true, film_bytes: None };

static HABITS: Habits = Habits {
    title: "Instagram",
    edges: ("media", "media_publish"),
    limit: "content_publishing_limit",
    text: "caption",
    status: ("status_code", "status"),
    // A film on its own is a reel.
    film: "REELS",
    picture: None,
    film_alt: false,
    takes: TAKES,
};

fn no_id(cx: Cx<'_>) -> NotDone {
    NotDone::Unclear(Evidence::new(cx.now, Source::Use, Some(200), None, "done, but no id came"))
}

pub(crate) fn measure(app: &App, draft: Draft<'_>) -> Result<Fit, NotDone> {
    let post = match draft {
        Draft::Comment { text, .. } => return acting::fits("text", text, text.chars().count(), app.limit("comment_max", COMMENT_MAX)),
        Draft::Post(post) => post,
    };
    HABITS.takes.as_set(&app.options).check(HABITS.title, post)?;
    let text = acting::with_link(post);
    let fit = container::words(post, &text, text.chars().count(), app.limit("text_max", CAPTION_MAX))?;
    let note = || {
        Words::new("The link stands in the text; nobody can click it there.", "Der Link steht im Text und lässt sich dort nicht anklicken.")
    };
    Ok(Fit { note: post.link.as_ref().is_some_and(|link| !link.is_empty()).then(note), ..fit })
}

pub(crate) async fn post(by: Acting<'_>, door: &Door<'_>, post: &Post) -> Result<Posted, NotDone> {
    container::post(by, door, &HABITS, post, &acting::with_link(post)).await
}

/// What the network says of a post that it has: how much of the day is left.
pub(crate) async fn standing(by: Acting<'_>, door: &Door<'_>) -> Option<Words> {
    quota::standing(by, door, &HABITS).await
}

pub(crate) async fn comments(Acting { cx, wire, .. }: Acting<'_>, door: &Door<'_>, post: &str) -> Result<Comments, NotDone> {
    let url = door.at(&format!("{}/comments", oauth::percent(post)));
    let (mut all, mut after): (Vec<Comment>, Option<String>) = (vec![], None);
    let mut has_more_replies = false;
    for _ in 0..PAGES_MAX {
        let mut query = vec![("fields", "id,text,username,timestamp,replies{id,text,username,timestamp}")];
        query.extend(after.as_deref().map(|after| ("after", after)));
        let listed = act(cx, wire, call(&cx, Method::GET, &oauth::with_query(&url, &query), door.token, &[])).await?;
        for said in listed.get("data").and_then(Value::as_array).into_iter().flatten() {
            let Some(comment) = comment_of(said, None) else { continue };
            has_more_replies |= said.pointer("/replies/paging/next").is_some();
            let replies = said.pointer("/replies/data").and_then(Value::as_array).into_iter().flatten();
            let replies: Vec<Comment> = replies.filter_map(|reply| comment_of(reply, Some(comment.id.clone()))).collect();
            all.extend(replies);
            all.push(comment);
        }
        after =
            listed.pointer("/paging/next").and_then(|_| listed.pointer("/paging/cursors/after")).and_then(Value::as_str).map(str::to_owned);
        if after.is_none() {
            break;
        }
    }
    // They come newest first; what was said in the same second keeps its turn.
    all.reverse();
    all.sort_by_key(|comment: &Comment| comment.at);
    Ok(Comments::read(all, after.is_some() || has_more_replies))
}

fn comment_of(said: &Value, in_reply_to: Option<String>) -> Option<Comment> {
    Some(Comment {
        id: oauth::id(said, "id")?,
        author: oauth::text(said, "username").unwrap_or_default().to_owned(),
        by: oauth::text(said, "username").map(str::to_owned),
        text: oauth::text(said, "text").unwrap_or_default().to_owned(),
        at: oauth::text(said, "timestamp").and_then(moment::rfc3339),
        in_reply_to,
    })
}

pub(crate) async fn say(
    Acting { cx, wire, .. }: Acting<'_>,
    door: &Door<'_>,
    post: &str,
    in_reply_to: Option<&str>,
    text: &str,
) -> Result<Posted, NotDone> {
    let path = match in_reply_to {
        Some(comment) => format!("{}/replies", oauth::percent(comment)),
        None => format!("{}/comments", oauth::percent(post)),
    };
    let done = act(cx, wire, call(&cx, Method::POST, &door.at(&path), door.token, &[("message", text)])).await?;
    Ok(Posted { id: oauth::id(&done, "id").ok_or_else(|| no_id(cx))?, url: None })
}
