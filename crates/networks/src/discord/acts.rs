//! Posting into the webhook's channel. There is no key that would make an act safe to repeat.

use http::Method;
use lifecycle::words::Source;
use serde_json::{Value, json};

use super::{Discord, GUILD, code, note};
use crate::acting::{self, Acting, Draft, Fit, NotDone, Post, Posted};
use crate::network::{App, Words};
use crate::oauth;

const TEXT_MAX: usize = 2000;
/// The longest title of a thread (unconfirmed).
const THREAD_MAX: usize = 100;
/// A forum's channel takes no message outside a thread (unconfirmed).
const WANTS_THREAD: i64 = 220_001;

/// No channel, and so no thread, of that id.
const UNKNOWN_CHANNEL: i64 = 10_003;

pub(super) fn measure(app: &App, draft: Draft<'_>) -> Result<Fit, NotDone> {
    let post = match draft {
        Draft::Comment { text, .. } => return acting::fits("text", text, text.chars().count(), app.limit("text_max", TEXT_MAX)),
        Draft::Post(post) => post,
    };
    if !post.media.is_empty() {
        let words = Words::new(
            "Pictures and films can't be posted to Discord through this connection. Add their address as the link instead.",
            "Bilder und Filme können über diese Verbindung nicht auf Discord veröffentlicht werden. Geben Sie stattdessen ihre Adresse als Link an.",
        );
        return Err(NotDone::Invalid { field: "media", words });
    }
    let text = acting::with_link(post);
    acting::fits("text", &text, text.chars().count(), app.limit("text_max", TEXT_MAX))
}

pub(super) async fn publish(by: Acting<'_>, post: &Post) -> Result<Posted, NotDone> {
    let text = acting::with_link(post);
    // Words in a post are words: nobody is called by an @ that stands in them.
    let body = json!({ "content": text, "allowed_mentions": { "parse": [] } });
    let refused = match send(by, None, &body).await {
        Err(Refused { code: Some(WANTS_THREAD), .. }) => {
            let title = post.title.as_deref().map(str::trim).filter(|title| !title.is_empty());
            let Some(title) = title else {
                let words = Words::new(
                    "This channel is a forum: give the post a title.",
                    "Dieser Kanal ist ein Forum: geben Sie dem Beitrag einen Titel.",
                );
                return Err(NotDone::Invalid { field: "title", words });
            };
            acting::fits("title", title, title.chars().count(), by.cx.app.limit("title_max", THREAD_MAX))?;
            let body = json!({ "content": text, "thread_name": title, "allowed_mentions": { "parse": [] } });
            send(by, None, &body).await
        }
        other => other,
    };
    refused.map_err(|refused| refused.why)
}

/// Into the thread under a post, which has the post's own id.
pub(super) async fn comment(by: Acting<'_>, post: &str, text: &str) -> Result<Posted, NotDone> {
    let body = json!({ "content": text, "allowed_mentions": { "parse": [] } });
    send(by, Some(post), &body).await.map_err(|refused| match refused.code {
        Some(UNKNOWN_CHANNEL) => {
            let words = Words::new(
                "This message has no thread yet. Open one under it at Discord; then it can be commented on from here.",
                "Diese Nachricht hat noch keinen Thread. Öffnen Sie bei Discord einen darunter; dann lässt sie sich von hier kommentieren.",
            );
            NotDone::Invalid { field: "post", words }
        }
        _ => refused.why,
    })
}

struct Refused {
    code: Option<i64>,
    why: NotDone,
}

/// `wait=true`: otherwise the answer is empty and a message that could not be kept is not reported.
async fn send(Acting { cx, wire, tokens, target, .. }: Acting<'_>, thread: Option<&str>, body: &Value) -> Result<Posted, Refused> {
    let thread = thread.map(|thread| format!("&thread_id={}", oauth::percent(thread))).unwrap_or_default();
    let request = Discord::webhook(&cx, tokens, Method::POST, &format!("?wait=true{thread}"), Some(body));
    let answer = acting::send(cx, wire, request).await.map_err(|why| Refused { code: None, why })?;
    let json = oauth::json(&answer).unwrap_or(Value::Null);
    let Some(id) = oauth::id(&json, "id").filter(|_| answer.status().is_success()) else {
        let diagnosis = Discord::diagnose(&cx, Source::Use, &answer);
        return Err(Refused { code: code(&json), why: acting::refused(cx, &answer, diagnosis) });
    };
    // In a forum the message stands in a thread of its own.
    let channel = oauth::id(&json, "channel_id").unwrap_or_else(|| target.network_id.to_owned());
    let guild = Some(note(tokens, GUILD)).filter(|guild| !guild.is_empty());
    let url = guild.map(|guild| {
        format!("https://discord.com/channels/{}/{}/{}", oauth::percent(guild), oauth::percent(&channel), oauth::percent(&id))
    });
    Ok(Posted { id, url })
}
