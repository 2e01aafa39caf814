//! Acting as a professional account of Instagram: the same calls at both of its hosts. Facts: `networks/instagram` of the knowledge
//! base, section 8.

use http::Method;
use lifecycle::secret::Secret;
use lifecycle::words::{Evidence, Source};
use serde_json::Value;

use super::{act, call};
use crate::acting::{self, Acting, Comment, Draft, Fit, NotDone, Post, Posted};
use crate::network::{Cx, Words};
use crate::{moment, oauth};

/// Where the calls go, and with which token: the account's own, or that of the page it is linked to.
pub(crate) struct Door<'a> {
    pub(crate) graph: String,
    pub(crate) token: &'a Secret,
}

impl Door<'_> {
    fn at(&self, path: &str) -> String {
        format!("{}/{path}", self.graph)
    }
}

const CAPTION_MAX: usize = 2_200;
const COMMENT_MAX: usize = 2_200;
/// How often a picture that is still being fetched is asked for.
const LOOKS: usize = 10;
const PAGES_MAX: usize = 10;

fn no_id(cx: Cx<'_>) -> NotDone {
    NotDone::Unclear(Evidence::new(cx.now, Source::Use, Some(200), None, "done, but no id came"))
}

/// The address of the one picture of a post that fits.
fn picture(post: &Post) -> Result<(&str, Fit), NotDone> {
    let url = match post.media.as_slice() {
        [picture] if picture.content_type.starts_with("image/") => picture.url.as_deref(),
        _ => None,
    };
    let Some(url) = url else {
        let words = Words::new("Instagram needs one picture, by its address.", "Instagram braucht ein Bild, über seine Adresse.");
        return Err(NotDone::Invalid { field: "media", words });
    };
    Ok((url, acting::fits("text", &post.text, post.text.chars().count(), CAPTION_MAX)?))
}

pub(crate) fn measure(draft: Draft<'_>) -> Result<Fit, NotDone> {
    match draft {
        Draft::Post(post) => picture(post).map(|(_, fit)| fit),
        Draft::Comment { text, .. } => acting::fits("text", text, text.chars().count(), COMMENT_MAX),
    }
}

/// Three steps: a container, until it is ready, then it is published.
pub(crate) async fn post(Acting { cx, wire, target, .. }: Acting<'_>, door: &Door<'_>, post: &Post) -> Result<Posted, NotDone> {
    let (token, own) = (door.token, oauth::percent(target.network_id));
    let (url, _) = picture(post)?;
    let form = [("image_url", url), ("caption", post.text.as_str())];
    let made = act(cx, wire, call(&cx, Method::POST, &door.at(&format!("{own}/media")), token, &form)).await?;
    let container = oauth::id(&made, "id").ok_or_else(|| no_id(cx))?;
    let status = oauth::with_query(&door.at(&oauth::percent(&container)), &[("fields", "status_code,status")]);
    for _ in 0..LOOKS {
        let look = act(cx, wire, call(&cx, Method::GET, &status, token, &[])).await?;
        match oauth::text(&look, "status_code") {
            Some("IN_PROGRESS") => {}
            Some("ERROR" | "EXPIRED") => {
                let words = Words::new("Instagram could not fetch the picture.", "Instagram konnte das Bild nicht holen.");
                return Err(NotDone::Invalid { field: "media", words });
            }
            _ => break,
        }
    }
    let publish = [("creation_id", container.as_str())];
    let done = act(cx, wire, call(&cx, Method::POST, &door.at(&format!("{own}/media_publish")), token, &publish)).await?;
    let id = oauth::id(&done, "id").ok_or_else(|| no_id(cx))?;
    let shown = oauth::with_query(&door.at(&oauth::percent(&id)), &[("fields", "permalink")]);
    let shown = act(cx, wire, call(&cx, Method::GET, &shown, token, &[])).await.ok();
    Ok(Posted { url: shown.and_then(|shown| oauth::text(&shown, "permalink").map(str::to_owned)), id })
}

pub(crate) async fn comments(Acting { cx, wire, .. }: Acting<'_>, door: &Door<'_>, post: &str) -> Result<Vec<Comment>, NotDone> {
    let url = door.at(&format!("{}/comments", oauth::percent(post)));
    let (mut all, mut after): (Vec<Comment>, Option<String>) = (vec![], None);
    for _ in 0..PAGES_MAX {
        let mut query = vec![("fields", "id,text,username,timestamp,replies{id,text,username,timestamp}")];
        query.extend(after.as_deref().map(|after| ("after", after)));
        let listed = act(cx, wire, call(&cx, Method::GET, &oauth::with_query(&url, &query), door.token, &[])).await?;
        for said in listed.get("data").and_then(Value::as_array).into_iter().flatten() {
            let Some(comment) = comment_of(said, None) else { continue };
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
    Ok(all)
}

fn comment_of(said: &Value, in_reply_to: Option<String>) -> Option<Comment> {
    Some(Comment {
        id: oauth::id(said, "id")?,
        author: oauth::text(said, "username").unwrap_or_default().to_owned(),
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
