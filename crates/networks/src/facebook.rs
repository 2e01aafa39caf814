//! Facebook pages: one login gives a token of the person, and from it one token per page. The person's ends after 60 days, a page's
//! has no end of its own. Facts: `networks/facebook` of the knowledge base.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{Method, Request, Response};
use lifecycle::diagnosis::Diagnosis;
use lifecycle::facts::Facts;
use lifecycle::secret::{Secret, TokenSet};
use lifecycle::words::{Evidence, Source};
use serde_json::Value;

use crate::acting::{self, Acting, Comment, Done, Draft, Fit, Media, NotDone, Post, Posted, Target};
use crate::meta::pages::{self, PageLogin};
use crate::network::{
    Ability, About, Answer, App, Asks, Authorization, Callback, Can, Cx, Discovery, Endpoint, Failure, Found, Issued, Kind, Network,
    Registration, Renewal, Rule, Start, Words,
};
use crate::wire::{BoxFuture, Wire};
use crate::{meta, moment, oauth};

/// The adapter.
pub(crate) struct Facebook;

static ABOUT: About = About {
    name: "facebook",
    title: "Facebook",
    can: Can { connect: Ability::Yes, publish: Ability::Yes, comment: Ability::Yes, read_comments: Ability::Yes, reply: Ability::Yes },
    rules: &[
        Rule {
            en: "You can connect pages on which you may create content. A personal profile can't be connected: Facebook lets no tool publish to it.",
            de: "Sie können Seiten verbinden, auf denen Sie Inhalte erstellen dürfen. Ein persönliches Profil kann nicht verbunden werden: Facebook lässt dort kein Werkzeug veröffentlichen.",
        },
        Rule {
            en: "Leave every page ticked in Facebook's dialog that you want to connect, also those connected before: pages you untick are lost to us.",
            de: "Lassen Sie im Dialog von Facebook jede Seite angehakt, die verbunden sein soll, auch schon verbundene: abgewählte Seiten verlieren wir.",
        },
        Rule {
            en: "Log in again every 60 days, so that Facebook goes on showing us your roles and pages. We remind you 30, 14, 7 and 1 days ahead. Publishing goes on at first, and ends 90 days after your last login.",
            de: "Melden Sie sich alle 60 Tage neu an, damit Facebook uns Ihre Rollen und Seiten weiter zeigt. Wir erinnern 30, 14, 7 und 1 Tag vorher. Veröffentlichen geht zunächst weiter und endet 90 Tage nach Ihrer letzten Anmeldung.",
        },
    ],
    asks: Asks::Nothing,
    registration: Registration::ByHand,
    scopes: &[
        "public_profile",
        "pages_show_list",
        "business_management",
        "pages_read_engagement",
        "pages_manage_posts",
        "pages_read_user_content",
        "pages_manage_engagement",
    ],
    // A version is retired about two years after its release: both are set together.
    endpoints: &[
        Endpoint { key: "authorize", url: "https://www.facebook.com/v26.0/dialog/oauth" },
        Endpoint { key: "graph", url: "https://graph.facebook.com/v26.0" },
    ],
};

/// The most characters of a post (folk value).
const TEXT_MAX: usize = 63_206;
/// The most characters of a comment (folk value).
const COMMENT_MAX: usize = 8_000;

static LOGIN: PageLogin = PageLogin {
    about: &ABOUT,
    fields: "id,name,username,access_token,tasks,picture",
    kind: Kind::Page,
    found: page,
    actor: |account| oauth::id(account, "id"),
    publishes: "pages_manage_posts",
};

fn page(account: &Value) -> Option<Found> {
    let why = || {
        Words::new(
            "You may not create content on this page. Ask an admin of the page to give you that task, or to connect it.",
            "Sie dürfen auf dieser Seite keine Inhalte erstellen. Bitten Sie einen Admin der Seite um diese Aufgabe oder darum, sie zu verbinden.",
        )
    };
    Some(Found {
        network_id: oauth::id(account, "id")?,
        kind: Kind::Page,
        name: oauth::text(account, "name").unwrap_or_default().to_owned(),
        handle: oauth::text(account, "username").map(str::to_owned),
        avatar: account.pointer("/picture/data/url").and_then(Value::as_str).map(str::to_owned),
        role: pages::tasks(account),
        parent: None,
        unusable: (!pages::may_publish(account)).then(why),
    })
}

fn measure(draft: Draft<'_>) -> Result<Fit, NotDone> {
    let post = match draft {
        Draft::Comment { text, .. } => return acting::fits("text", text, text.chars().count(), COMMENT_MAX),
        Draft::Post(post) => post,
    };
    let is_picture = |picture: &Media| picture.content_type.starts_with("image/") && picture.url.is_some();
    if post.media.len() > 1 || !post.media.iter().all(is_picture) {
        let words = Words::new("Facebook takes one picture here, by its address.", "Facebook nimmt hier ein Bild, über seine Adresse.");
        return Err(NotDone::Invalid { field: "media", words });
    }
    match post.text.as_str() {
        "" if !post.media.is_empty() || post.link.is_some() => Ok(Fit { max: TEXT_MAX, ..Fit::default() }),
        text => acting::fits("text", text, text.chars().count(), TEXT_MAX),
    }
}

async fn post(Acting { cx, wire, tokens, target }: Acting<'_>, post: &Post) -> Result<Posted, NotDone> {
    let token = pages::page_token(&cx, tokens, target)?;
    let base = format!("{}/{}", LOGIN.graph(&cx), oauth::percent(target.network_id));
    let request = match post.media.first() {
        None => {
            let mut form = vec![("message", post.text.as_str())];
            form.extend(post.link.as_deref().map(|link| ("link", link)));
            meta::call(&cx, Method::POST, &format!("{base}/feed"), token, &form)
        }
        Some(picture) => {
            let url = picture.url.as_deref().unwrap_or_default();
            meta::call(&cx, Method::POST, &format!("{base}/photos"), token, &[("url", url), ("caption", &post.text)])
        }
    };
    let made = meta::act(cx, wire, request).await?;
    let id = oauth::id(&made, "post_id").or_else(|| oauth::id(&made, "id"));
    let id = id.ok_or_else(|| NotDone::Unclear(Evidence::new(cx.now, Source::Use, Some(200), None, "published, but no id came")))?;
    Ok(Posted { url: Some(format!("https://www.facebook.com/{id}")), id })
}

async fn read_comments(Acting { cx, wire, tokens, target }: Acting<'_>, post: &str) -> Result<Vec<Comment>, NotDone> {
    let token = pages::page_token(&cx, tokens, target)?;
    let url = format!("{}/{}/comments", LOGIN.graph(&cx), oauth::percent(post));
    let (mut all, mut after): (Vec<Comment>, Option<String>) = (vec![], None);
    for _ in 0..pages::PAGES_MAX {
        let mut query = vec![("filter", "stream"), ("fields", "id,from,message,created_time,parent"), ("limit", "100")];
        query.extend(after.as_deref().map(|after| ("after", after)));
        let listed = meta::act(cx, wire, meta::call(&cx, Method::GET, &oauth::with_query(&url, &query), token, &[])).await?;
        all.extend(listed.get("data").and_then(Value::as_array).into_iter().flatten().filter_map(|said| {
            Some(Comment {
                id: oauth::id(said, "id")?,
                author: said.pointer("/from/name").and_then(Value::as_str).unwrap_or_default().to_owned(),
                text: oauth::text(said, "message").unwrap_or_default().to_owned(),
                at: oauth::text(said, "created_time").and_then(moment::rfc3339),
                in_reply_to: said.get("parent").and_then(|parent| oauth::id(parent, "id")),
            })
        }));
        after = pages::next(&listed);
        if after.is_none() {
            break;
        }
    }
    Ok(all)
}

async fn say(Acting { cx, wire, tokens, target }: Acting<'_>, under: &str, text: &str) -> Result<Posted, NotDone> {
    let token = pages::page_token(&cx, tokens, target)?;
    let url = format!("{}/{}/comments", LOGIN.graph(&cx), oauth::percent(under));
    let made = meta::act(cx, wire, meta::call(&cx, Method::POST, &url, token, &[("message", text)])).await?;
    let id = oauth::id(&made, "id");
    Ok(Posted {
        id: id.ok_or_else(|| NotDone::Unclear(Evidence::new(cx.now, Source::Use, Some(200), None, "said, but no id came")))?,
        url: None,
    })
}

impl Network for Facebook {
    pages::delegate!(LOGIN);

    fn measure(&self, _: &App, _: Target<'_>, draft: Draft<'_>) -> Result<Fit, NotDone> {
        measure(draft)
    }

    fn publish<'a>(&'a self, by: Acting<'a>, wanted: &'a Post) -> Done<'a, Posted> {
        Box::pin(async move {
            self.check(by.cx.app, by.target, Draft::Post(wanted))?;
            post(by, wanted).await
        })
    }

    fn comments<'a>(&'a self, by: Acting<'a>, post: &'a str) -> Done<'a, Vec<Comment>> {
        Box::pin(read_comments(by, post))
    }

    fn comment<'a>(&'a self, by: Acting<'a>, post: &'a str, in_reply_to: Option<&'a str>, text: &'a str) -> Done<'a, Posted> {
        Box::pin(async move {
            self.check(by.cx.app, by.target, Draft::Comment { in_reply_to, text })?;
            say(by, in_reply_to.unwrap_or(post), text).await
        })
    }
}
