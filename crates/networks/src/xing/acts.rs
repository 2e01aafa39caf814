//! Status messages and comments. XING names no id of what was published: it is looked for in the own feed.

use bytes::Bytes;
use http::{Method, Response};
use lifecycle::secret::Secret;
use lifecycle::time::{Span, Timestamp};
use lifecycle::words::Source;
use serde_json::Value;

use super::Xing;
use crate::acting::{self, Acting, Draft, Fit, NotDone, Post, Posted};
use crate::network::{App, Cx, Words};
use crate::oauth1::signed;
use crate::{moment, oauth};

/// How often, and how far apart, the own feed is asked for what was published: it may lag behind.
const LOOKS: usize = 3;
const APART: Span = Span::seconds(2);
/// A clock there may be that far behind ours.
const CLOCKS_DIFFER: Span = Span::minutes(5);
/// Begins the id of what XING named no id of: nothing can be said under it from here.
const UNNAMED: &str = "unnamed";
/// The most characters of a status message.
const TEXT_MAX: usize = 420;

fn refused(cx: Cx<'_>, answer: &Response<Bytes>) -> NotDone {
    acting::refused(cx, answer, Xing::diagnose(&cx, Source::Use, answer))
}

/// A call, signed with the moment at which it is made and not with the one at which the act began: whatever else calls with this token
/// meanwhile shows XING later ones.
async fn call(by: Acting<'_>, method: Method, path: &str, query: &[(&str, &str)]) -> Result<Response<Bytes>, NotDone> {
    let Acting { cx, clock, wire, tokens, .. } = by;
    let secret = tokens.token_secret.as_ref().map_or("", Secret::expose);
    let url = format!("{}{path}", Xing::url(&cx, "api"));
    let url = if query.is_empty() { url } else { oauth::with_query(&url, query) };
    let sign = || signed(&Cx { now: clock.now(), ..cx }, method.clone(), &url, tokens.access_token.expose(), secret, &[]);
    let answer = acting::send(cx, wire, sign()).await?;
    if !Xing::came_late(&answer) {
        return Ok(answer);
    }
    // Another call came between, and this one did nothing. With the pause also where the other was made by a clock that is a little ahead.
    wire.pause(APART).await;
    acting::send(cx, wire, sign()).await
}

pub(super) fn measure(app: &App, draft: Draft<'_>) -> Result<Fit, NotDone> {
    if let Draft::Post(post) = draft
        && !post.media.is_empty()
    {
        let words = Words::new("XING takes no pictures or films here.", "XING nimmt hier keine Bilder oder Filme.");
        return Err(NotDone::Invalid { field: "media", words });
    }
    acting::fits("text", draft.text(), draft.text().chars().count(), app.limit("text_max", TEXT_MAX))
}

pub(super) async fn publish(by: Acting<'_>, post: &Post) -> Result<Posted, NotDone> {
    let cx = by.cx;
    let answer = match &post.link {
        Some(link) => call(by, Method::POST, "/users/me/share/link", &[("uri", link), ("text", &post.text)]).await?,
        None => call(by, Method::POST, "/users/me/status_message", &[("message", &post.text)]).await?,
    };
    if !answer.status().is_success() {
        return Err(refused(cx, &answer));
    }
    for look in 0..LOOKS {
        if look > 0 {
            by.wire.pause(APART).await;
        }
        // The same words of last week are another message. A look that fails is no reason to give up: the message is there.
        if let Ok(Some(id)) = find(by, &post.text, cx.now - CLOCKS_DIFFER).await {
            return Ok(Posted { id, url: None });
        }
    }
    Ok(Posted { id: format!("{UNNAMED}-{}", cx.now.as_seconds()), url: None })
}

/// What there is to know of a message whose id never showed.
pub(super) fn standing(post: &str) -> Option<Words> {
    post.starts_with(UNNAMED).then(|| {
        Words::new(
            "XING has taken it, names no id, and does not show it in your feed yet: comments under it have to be written at XING.",
            "XING hat es angenommen, nennt keine Kennung und zeigt es noch nicht in Ihrem Feed: Kommentare darunter sind bei XING zu schreiben.",
        )
    })
}

/// What was published lately stands in the own feed.
pub(super) async fn look(by: Acting<'_>, post: &Post, since: Timestamp) -> Result<Option<Posted>, NotDone> {
    // A shared link stands there in a form of XING's own.
    if post.link.is_some() {
        return Err(acting::cannot_be_asked());
    }
    // Some show in the feed a moment later: what is not there at the first look may have been done all the same.
    for look in 0..LOOKS {
        if look > 0 {
            by.wire.pause(APART).await;
        }
        if let Some(id) = find(by, &post.text, since).await? {
            return Ok(Some(Posted { id, url: None }));
        }
    }
    Ok(None)
}

/// The id of the newest activity with these words, not older than that. The own feed is asked for by one's id: the feed of `me` is only
/// documented for what one's contacts do.
async fn find(by: Acting<'_>, text: &str, since: Timestamp) -> Result<Option<String>, NotDone> {
    let path = format!("/users/{}/feed", oauth::percent(by.target.network_id));
    let answer = call(by, Method::GET, &path, &[]).await?;
    let json: Value = serde_json::from_slice(answer.body()).unwrap_or(Value::Null);
    let activities = json.get("network_activities").and_then(Value::as_array).filter(|_| answer.status().is_success());
    let activities = activities.ok_or_else(|| refused(by.cx, &answer))?;
    let at = |activity: &Value| oauth::text(activity, "created_at").and_then(moment::rfc3339);
    let said = |activity: &&Value| activity.pointer("/objects/0/content").and_then(Value::as_str) == Some(text);
    let late = |activity: &&Value| at(activity).is_some_and(|at| at >= since);
    let id = |activity: &Value| {
        oauth::id(activity, "id")
            .filter(|id| !id.is_empty())
            .or_else(|| activity.pointer("/ids/0").and_then(Value::as_str).map(str::to_owned))
    };
    Ok(activities.iter().filter(said).find(late).and_then(id))
}

pub(super) async fn comment(by: Acting<'_>, post: &str, text: &str) -> Result<Posted, NotDone> {
    if let Some(words) = standing(post) {
        return Err(NotDone::Invalid { field: "post", words });
    }
    let path = format!("/activities/{}/comments", oauth::percent(post));
    let answer = call(by, Method::POST, &path, &[("text", text)]).await?;
    if !answer.status().is_success() {
        return Err(refused(by.cx, &answer));
    }
    let json = oauth::json(&answer).unwrap_or(Value::Null);
    let location = answer.headers().get("location").and_then(|to| to.to_str().ok()).and_then(|to| to.rsplit('/').next()).map(str::to_owned);
    let id = oauth::id(&json, "id").or(location).filter(|id| !id.is_empty());
    Ok(Posted { id: id.unwrap_or_else(|| format!("{UNNAMED}-{}", by.cx.now.as_seconds())), url: None })
}
