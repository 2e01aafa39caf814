//! Threads: one login is one profile; the token is extended every few weeks. Facts: `networks/threads` of the knowledge base.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{Method, Request, Response};
use lifecycle::diagnosis::Diagnosis;
use lifecycle::facts::Facts;
use lifecycle::secret::{Secret, TokenSet};
use serde_json::Value;

use crate::acting::{self, Acting, Comment, Comments, Done, Draft, Fit, NotDone, Post, Posted};
use crate::media::{By, Takes};
use crate::meta::container::{self, Door, Habits};
use crate::meta::login::{self, Login};
use crate::meta::quota;
use crate::network::{
    Ability, About, Answer, App, Asks, Authorization, Callback, Can, Cx, Discovery, Endpoint, Failure, Issued, Network, Registration,
    Renewal, Rule, Start, Words,
};
use crate::wire::{BoxFuture, Wire};
use crate::{meta, moment, oauth};

/// The adapter.
pub(crate) struct Threads;

static ABOUT: About = About {
    name: "threads",
    title: "Threads",
    can: Can { connect: Ability::Yes, publish: Ability::Yes, comment: Ability::Yes, read_comments: Ability::Yes, reply: Ability::Yes },
    rules: &[
        Rule {
            en: "Log in at Threads with the profile that is to be connected; one login connects one profile.",
            de: "Melden Sie sich bei Threads mit dem Profil an, das verbunden werden soll; eine Anmeldung verbindet ein Profil.",
        },
        Rule {
            en: "We extend the connection by ourselves. Private profiles have to log in again every 90 days.",
            de: "Wir verlängern die Verbindung selbst. Private Profile müssen sich alle 90 Tage neu anmelden.",
        },
    ],
    asks: Asks::Nothing,
    registration: Registration::ByHand,
    scopes: &["threads_basic", "threads_content_publish", "threads_manage_replies", "threads_read_replies"],
    endpoints: &[
        Endpoint { key: "authorize", url: "https://threads.com/oauth/authorize" },
        Endpoint { key: "token", url: "https://graph.threads.com/oauth/access_token" },
        Endpoint { key: "long_lived", url: "https://graph.threads.com/access_token" },
        Endpoint { key: "extend", url: "https://graph.threads.com/refresh_access_token" },
        Endpoint { key: "graph", url: "https://graph.threads.com/v1.0" },
    ],
};

static LOGIN: Login = Login {
    about: &ABOUT,
    prefix: "th",
    fields: "id,username,name,threads_profile_picture_url",
    id: "id",
    picture: "threads_profile_picture_url",
};

/// What a post may hold; emoji count as their bytes.
const TEXT_MAX: usize = 500;
const PAGES_MAX: usize = 10;

/// Letters of every script count one, emoji by the bytes of their UTF-8.
fn length(text: &str) -> usize {
    text.chars().map(|c| if is_emoji(c) { c.len_utf8() } else { 1 }).sum()
}

/// Symbols that are shown as pictures, and what joins and colours them.
fn is_emoji(c: char) -> bool {
    matches!(u32::from(c), 0x200d | 0x203c | 0x2049 | 0x20e3 | 0x2600..=0x27bf | 0x2b00..=0x2bff | 0xfe0f | 0x1f000..=0x1faff)
}

/// Up to twenty, each fetched by its address.
static TAKES: Takes =
    Takes { needed: false, pictures: 20, pictures_by: By::Address, films: 20, films_by: By::Address, mixed: true, film_bytes: None };

static HABITS: Habits = Habits {
    title: "Threads",
    edges: ("threads", "threads_publish"),
    limit: "threads_publishing_limit",
    text: "text",
    status: ("status", "error_message"),
    film: "VIDEO",
    picture: Some("IMAGE"),
    film_alt: true,
    takes: TAKES,
};

fn door<'a>(by: &Acting<'a>) -> Door<'a> {
    Door { graph: LOGIN.url(&by.cx, "graph"), token: &by.tokens.access_token }
}

/// The words that are sent: a link has a place of its own only where there is nothing to see.
fn words(post: &Post) -> String {
    if post.media.is_empty() { post.text.clone() } else { acting::with_link(post) }
}

fn measure(app: &App, draft: Draft<'_>) -> Result<Fit, NotDone> {
    let post = match draft {
        Draft::Comment { text, .. } => {
            return acting::fits("text", text, length(text), app.limit("comment_max", app.limit("text_max", TEXT_MAX)));
        }
        Draft::Post(post) => post,
    };
    HABITS.takes.as_set(&app.options).check(HABITS.title, post)?;
    let text = words(post);
    container::words(post, &text, length(&text), app.limit("text_max", TEXT_MAX))
}

async fn post(by: Acting<'_>, post: &Post) -> Result<Posted, NotDone> {
    let door = door(&by);
    if post.media.is_empty() {
        let mut form = vec![("media_type", "TEXT"), ("text", post.text.as_str())];
        form.extend(post.link.as_deref().filter(|link| !link.is_empty()).map(|link| ("link_attachment", link)));
        return container::say(by, &door, &HABITS, &form).await;
    }
    container::post(by, &door, &HABITS, post, &words(post)).await
}

async fn left(by: Acting<'_>) -> Option<Words> {
    quota::standing(by, &door(&by), &HABITS).await
}

async fn read_comments(Acting { cx, wire, tokens, .. }: Acting<'_>, post: &str) -> Result<Comments, NotDone> {
    let url = format!("{}/{}/conversation", LOGIN.url(&cx, "graph"), oauth::percent(post));
    let (mut all, mut after): (Vec<Comment>, Option<String>) = (vec![], None);
    for _ in 0..PAGES_MAX {
        let mut query = vec![("fields", "id,text,username,timestamp,replied_to"), ("reverse", "false")];
        query.extend(after.as_deref().map(|after| ("after", after)));
        let listed = meta::act(cx, wire, meta::call(&cx, Method::GET, &oauth::with_query(&url, &query), &tokens.access_token, &[])).await?;
        all.extend(listed.get("data").and_then(Value::as_array).into_iter().flatten().filter_map(|said| {
            Some(Comment {
                id: oauth::id(said, "id")?,
                author: oauth::text(said, "username").unwrap_or_default().to_owned(),
                by: oauth::text(said, "username").map(str::to_owned),
                text: oauth::text(said, "text").unwrap_or_default().to_owned(),
                at: oauth::text(said, "timestamp").and_then(moment::rfc3339),
                in_reply_to: said.get("replied_to").and_then(|to| oauth::id(to, "id")).filter(|to| to != post),
            })
        }));
        after =
            listed.pointer("/paging/next").and_then(|_| listed.pointer("/paging/cursors/after")).and_then(Value::as_str).map(str::to_owned);
        if after.is_none() {
            break;
        }
    }
    Ok(Comments::read(all, after.is_some()))
}

async fn say(by: Acting<'_>, post: &str, in_reply_to: Option<&str>, text: &str) -> Result<Posted, NotDone> {
    let form = [("media_type", "TEXT"), ("text", text), ("reply_to_id", in_reply_to.unwrap_or(post))];
    container::say(by, &door(&by), &HABITS, &form).await
}

impl Network for Threads {
    login::delegate!(LOGIN);
}

#[cfg(test)]
mod tests {
    use super::length;

    #[test]
    fn emoji_count_as_their_bytes_and_letters_of_every_script_one() {
        assert_eq!((length("Grüße"), length("日本語"), length("한국어"), length("→ “x”")), (5, 3, 3, 5));
        assert_eq!((length("🏔"), length("a🏔b"), length("☀")), (4, 6, 3));
    }
}
