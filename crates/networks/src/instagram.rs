//! Instagram with Instagram's own login: one login is one professional account; the token is extended every few weeks. Facts:
//! `networks/instagram` of the knowledge base, flavour A.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{Method, Request, Response};
use lifecycle::diagnosis::Diagnosis;
use lifecycle::facts::Facts;
use lifecycle::secret::{Secret, TokenSet};
use lifecycle::words::{Evidence, Source};
use serde_json::Value;

use crate::acting::{self, Acting, Comment, Done, NotDone, Post, Posted};
use crate::meta::login::{self, Login};
use crate::network::{
    Ability, About, Answer, Asks, Authorization, Callback, Can, Cx, Discovery, Endpoint, Failure, Issued, Network, Registration, Renewal,
    Rule, Start, Words,
};
use crate::wire::{BoxFuture, Wire};
use crate::{meta, moment, oauth};

/// The adapter.
pub(crate) struct Instagram;

static ABOUT: About = About {
    name: "instagram",
    title: "Instagram",
    can: Can { connect: Ability::Yes, publish: Ability::Yes, comment: Ability::Yes, read_comments: Ability::Yes, reply: Ability::Yes },
    rules: &[
        Rule {
            en: "The account must be a professional one (business or creator). Personal accounts can't be connected: Instagram allows no tool to act for them.",
            de: "Das Konto muss ein professionelles sein (Unternehmen oder Creator). Persönliche Konten können nicht verbunden werden: Instagram erlaubt dort keinem Werkzeug zu handeln.",
        },
        Rule {
            en: "There are no posts without a picture. We extend the connection by ourselves; a changed password ends it.",
            de: "Beiträge ohne Bild gibt es nicht. Wir verlängern die Verbindung selbst; ein geändertes Passwort beendet sie.",
        },
    ],
    asks: Asks::Nothing,
    registration: Registration::ByHand,
    scopes: &["instagram_business_basic", "instagram_business_content_publish", "instagram_business_manage_comments"],
    endpoints: &[
        Endpoint { key: "authorize", url: "https://www.instagram.com/oauth/authorize" },
        Endpoint { key: "token", url: "https://api.instagram.com/oauth/access_token" },
        Endpoint { key: "long_lived", url: "https://graph.instagram.com/access_token" },
        Endpoint { key: "extend", url: "https://graph.instagram.com/refresh_access_token" },
        Endpoint { key: "graph", url: "https://graph.instagram.com/v26.0" },
    ],
};

static LOGIN: Login = Login {
    about: &ABOUT,
    prefix: "ig",
    fields: "user_id,username,name,account_type,profile_picture_url",
    // The id of the login is another one than the account's.
    id: "user_id",
    picture: "profile_picture_url",
};

const CAPTION_MAX: usize = 2_200;
const COMMENT_MAX: usize = 2_200;
/// How often a picture that is still being fetched is asked for.
const LOOKS: usize = 10;
const PAGES_MAX: usize = 10;

fn graph(cx: &Cx<'_>, path: &str) -> String {
    format!("{}/{path}", LOGIN.url(cx, "graph"))
}

fn no_id(cx: Cx<'_>) -> NotDone {
    NotDone::Unclear(Evidence::new(cx.now, Source::Use, Some(200), None, "done, but no id came"))
}

/// Three steps: a container, until it is ready, then it is published.
async fn post(Acting { cx, wire, tokens, target }: Acting<'_>, post: &Post) -> Result<Posted, NotDone> {
    let (token, own) = (&tokens.access_token, oauth::percent(target.network_id));
    let url = match post.media.as_slice() {
        [picture] if picture.content_type.starts_with("image/") => picture.url.as_deref(),
        _ => None,
    };
    let Some(url) = url else {
        let words = Words::new("Instagram needs one picture, by its address.", "Instagram braucht ein Bild, über seine Adresse.");
        return Err(NotDone::Invalid { field: "media", words });
    };
    acting::fits("text", &post.text, post.text.chars().count(), CAPTION_MAX)?;
    let form = [("image_url", url), ("caption", post.text.as_str())];
    let made = meta::act(cx, wire, meta::call(&cx, Method::POST, &graph(&cx, &format!("{own}/media")), token, &form)).await?;
    let container = oauth::id(&made, "id").ok_or_else(|| no_id(cx))?;
    let status = oauth::with_query(&graph(&cx, &oauth::percent(&container)), &[("fields", "status_code,status")]);
    for _ in 0..LOOKS {
        let look = meta::act(cx, wire, meta::call(&cx, Method::GET, &status, token, &[])).await?;
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
    let done = meta::act(cx, wire, meta::call(&cx, Method::POST, &graph(&cx, &format!("{own}/media_publish")), token, &publish)).await?;
    let id = oauth::id(&done, "id").ok_or_else(|| no_id(cx))?;
    let shown = oauth::with_query(&graph(&cx, &oauth::percent(&id)), &[("fields", "permalink")]);
    let shown = meta::act(cx, wire, meta::call(&cx, Method::GET, &shown, token, &[])).await.ok();
    Ok(Posted { url: shown.and_then(|shown| oauth::text(&shown, "permalink").map(str::to_owned)), id })
}

async fn read_comments(Acting { cx, wire, tokens, .. }: Acting<'_>, post: &str) -> Result<Vec<Comment>, NotDone> {
    let url = graph(&cx, &format!("{}/comments", oauth::percent(post)));
    let (mut all, mut after): (Vec<Comment>, Option<String>) = (vec![], None);
    for _ in 0..PAGES_MAX {
        let mut query = vec![("fields", "id,text,username,timestamp,replies{id,text,username,timestamp}")];
        query.extend(after.as_deref().map(|after| ("after", after)));
        let listed = meta::act(cx, wire, meta::call(&cx, Method::GET, &oauth::with_query(&url, &query), &tokens.access_token, &[])).await?;
        for said in listed.get("data").and_then(Value::as_array).into_iter().flatten() {
            let Some(comment) = comment_of(said, None) else { continue };
            let replies = said.pointer("/replies/data").and_then(Value::as_array).into_iter().flatten();
            let replies: Vec<Comment> = replies.filter_map(|reply| comment_of(reply, Some(comment.id.clone()))).collect();
            all.push(comment);
            all.extend(replies);
        }
        after =
            listed.pointer("/paging/next").and_then(|_| listed.pointer("/paging/cursors/after")).and_then(Value::as_str).map(str::to_owned);
        if after.is_none() {
            break;
        }
    }
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

async fn say(Acting { cx, wire, tokens, .. }: Acting<'_>, post: &str, in_reply_to: Option<&str>, text: &str) -> Result<Posted, NotDone> {
    acting::fits("text", text, text.chars().count(), COMMENT_MAX)?;
    let path = match in_reply_to {
        Some(comment) => format!("{}/replies", oauth::percent(comment)),
        None => format!("{}/comments", oauth::percent(post)),
    };
    let done = meta::act(cx, wire, meta::call(&cx, Method::POST, &graph(&cx, &path), &tokens.access_token, &[("message", text)])).await?;
    Ok(Posted { id: oauth::id(&done, "id").ok_or_else(|| no_id(cx))?, url: None })
}

impl Network for Instagram {
    login::delegate!(LOGIN);
}
