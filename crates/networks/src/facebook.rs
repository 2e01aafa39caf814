//! Facebook pages: one login gives a token of the person, and from it one token per page. The person's ends after 60 days, a page's
//! has no end of its own. Facts: `networks/facebook` of the knowledge base.

mod refusals;

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{Method, Request, Response};
use lifecycle::diagnosis::Diagnosis;
use lifecycle::facts::Facts;
use lifecycle::secret::{Secret, TokenSet};
use lifecycle::time::Timestamp;
use lifecycle::words::{Evidence, Source};
use serde_json::{Value, json};

use crate::acting::{self, Acting, Comment, Comments, Done, Draft, Fit, Media, NotDone, Post, Posted, Target};
use crate::media::{By, Takes, is_film};
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

/// Ten pictures are what clients send (no figure is documented); each is fetched by its address.
static TAKES: Takes =
    Takes { needed: false, pictures: 10, pictures_by: By::Address, films: 1, films_by: By::Address, mixed: false, film_bytes: None };

fn measure(app: &App, draft: Draft<'_>) -> Result<Fit, NotDone> {
    let post = match draft {
        Draft::Comment { text, .. } => return acting::fits("text", text, text.chars().count(), app.limit("comment_max", COMMENT_MAX)),
        Draft::Post(post) => post,
    };
    TAKES.as_set(&app.options).check(ABOUT.title, post)?;
    let max = app.limit("text_max", TEXT_MAX);
    let text = words(post);
    match text.as_str() {
        "" if !post.media.is_empty() || post.link.is_some() => Ok(Fit { max, ..Fit::default() }),
        text => acting::fits("text", text, text.chars().count(), max),
    }
}

/// The words that are sent: a link has a place of its own only where there is nothing to see.
fn words(post: &Post) -> String {
    if post.media.is_empty() { post.text.clone() } else { acting::with_link(post) }
}

/// What goes to which edge of the page.
type Parts<'a> = (&'static str, Vec<(String, &'a str)>);

/// What is said of one picture.
fn picture(picture: &Media) -> Vec<(String, &str)> {
    let mut form = vec![("url".to_owned(), picture.url.as_deref().unwrap_or_default())];
    form.extend(picture.alt.as_deref().map(|alt| ("alt_text_custom".to_owned(), alt)));
    form
}

/// Everything but several pictures is one call.
fn at_once<'a>(post: &'a Post, text: &'a str) -> Option<Parts<'a>> {
    match post.media.as_slice() {
        [] => {
            let mut form = vec![("message".to_owned(), text)];
            form.extend(post.link.as_deref().filter(|link| !link.is_empty()).map(|link| ("link".to_owned(), link)));
            Some(("feed", form))
        }
        [film] if is_film(film) => {
            let mut form = vec![("file_url".to_owned(), film.url.as_deref().unwrap_or_default()), ("description".to_owned(), text)];
            form.extend(post.title.as_deref().map(|title| ("title".to_owned(), title)));
            Some(("videos", form))
        }
        [one] => {
            let mut form = picture(one);
            form.push(("caption".to_owned(), text));
            Some(("photos", form))
        }
        _ => None,
    }
}

async fn ask(by: Acting<'_>, edge: &str, form: &[(String, &str)]) -> Result<Value, NotDone> {
    let Acting { cx, wire, tokens, target, .. } = by;
    let token = pages::page_token(&cx, tokens, target)?;
    let url = format!("{}/{}/{edge}", LOGIN.graph(&cx), oauth::percent(target.network_id));
    let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    meta::act(cx, wire, meta::call(&cx, Method::POST, &url, token, &form)).await.map_err(refusals::in_words)
}

/// Several pictures are put there unseen, each by itself, and then shown by one post.
async fn several(by: Acting<'_>, post: &Post, text: &str) -> Result<Value, NotDone> {
    let no_id = || NotDone::Unclear(Evidence::new(by.cx.now, Source::Use, Some(200), None, "a picture without an id"));
    let mut attached = vec![];
    for one in &post.media {
        let mut form = picture(one);
        form.push(("published".to_owned(), "false"));
        let made = acting::prepared(ask(by, "photos", &form).await.and_then(|made| oauth::id(&made, "id").ok_or_else(no_id)))?;
        attached.push(json!({ "media_fbid": made }).to_string());
    }
    let mut form = vec![("message".to_owned(), text)];
    form.extend(attached.iter().enumerate().map(|(n, one)| (format!("attached_media[{n}]"), one.as_str())));
    ask(by, "feed", &form).await
}

async fn post(by: Acting<'_>, post: &Post) -> Result<Posted, NotDone> {
    let text = words(post);
    let made = match at_once(post, &text) {
        Some((edge, form)) => ask(by, edge, &form).await?,
        None => several(by, post, &text).await?,
    };
    let id = oauth::id(&made, "post_id").or_else(|| oauth::id(&made, "id"));
    let id = id.ok_or_else(|| NotDone::Unclear(Evidence::new(by.cx.now, Source::Use, Some(200), None, "published, but no id came")))?;
    Ok(Posted { url: Some(format!("https://www.facebook.com/{id}")), id })
}

/// What was published stands among the page's own posts, the newest first (more to be relied on than its feed). Words tell them apart,
/// so that what has none cannot be asked about.
async fn find(Acting { cx, wire, tokens, target, .. }: Acting<'_>, post: &Post, since: Timestamp) -> Result<Option<Posted>, NotDone> {
    let text = words(post);
    if text.trim().is_empty() {
        return Err(acting::cannot_be_asked());
    }
    let token = pages::page_token(&cx, tokens, target)?;
    let url = format!("{}/{}/published_posts", LOGIN.graph(&cx), oauth::percent(target.network_id));
    let url = oauth::with_query(&url, &[("fields", "id,message,created_time,permalink_url"), ("limit", "100")]);
    let listed = meta::act(cx, wire, meta::call(&cx, Method::GET, &url, token, &[])).await?;
    let Some(posts) = listed.get("data").and_then(Value::as_array) else {
        let seen = Evidence::new(cx.now, Source::Use, Some(200), None, "a list of posts that cannot be read");
        return Err(NotDone::Refused(Diagnosis::transient(seen, None)));
    };
    let is_it = |shown: &&Value| {
        let at = oauth::text(shown, "created_time").and_then(moment::rfc3339);
        oauth::text(shown, "message").is_some_and(|said| said.trim() == text.trim()) && at.is_some_and(|at| at >= since)
    };
    Ok(posts
        .iter()
        .find(is_it)
        .and_then(|shown| Some(Posted { id: oauth::id(shown, "id")?, url: oauth::text(shown, "permalink_url").map(str::to_owned) })))
}

async fn read_comments(Acting { cx, wire, tokens, target, .. }: Acting<'_>, post: &str) -> Result<Comments, NotDone> {
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
                by: said.get("from").and_then(|from| oauth::id(from, "id")),
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
    Ok(Comments::read(all, after.is_some()))
}

async fn say(Acting { cx, wire, tokens, target, .. }: Acting<'_>, under: &str, text: &str) -> Result<Posted, NotDone> {
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

    fn measure(&self, app: &App, _: Target<'_>, draft: Draft<'_>) -> Result<Fit, NotDone> {
        measure(app, draft)
    }

    fn takes(&self) -> Option<&'static Takes> {
        Some(&TAKES)
    }

    fn publish<'a>(&'a self, by: Acting<'a>, wanted: &'a Post) -> Done<'a, Posted> {
        Box::pin(async move {
            self.check(by.cx.app, by.target, Draft::Post(wanted))?;
            post(by, wanted).await
        })
    }

    fn look<'a>(&'a self, by: Acting<'a>, post: &'a Post, since: Timestamp) -> Done<'a, Option<Posted>> {
        Box::pin(find(by, post, since))
    }

    fn comments<'a>(&'a self, by: Acting<'a>, post: &'a str) -> Done<'a, Comments> {
        Box::pin(read_comments(by, post))
    }

    fn comment<'a>(&'a self, by: Acting<'a>, post: &'a str, in_reply_to: Option<&'a str>, text: &'a str) -> Done<'a, Posted> {
        Box::pin(async move {
            self.check(by.cx.app, by.target, Draft::Comment { in_reply_to, text })?;
            say(by, in_reply_to.unwrap_or(post), text).await
        })
    }
}
