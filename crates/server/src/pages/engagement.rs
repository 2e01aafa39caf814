//! What was said under the posts that were made here: read, commented, answered; and what a network does not allow, said before one tries.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use lifecycle::permission::Act;
use lifecycle::waiting::State as Standing;
use networks::acting::Comment;
use networks::network::{Ability, Kind};
use serde::Deserialize;
use store::profiles::Profile;

use super::acts::{self, ActLine};
use super::view::{badge_of, title_of, zone};
use super::{Fields, Page, Shell, for_people, show};
use crate::actions::act;
use crate::actions::connect::network_named;
use crate::actions::draft::Content;
use crate::actions::say::{self, Said, WAITS, Wish};
use crate::actions::waiting::{self, Seen};
use crate::auth::{self, Caller};
use crate::error::Problem;
use crate::i18n::Lang;
use crate::show::When;
use crate::state::App;
use crate::time::fresh_secret;

/// How many posts are shown.
const SHOWN: u32 = 50;

struct PostLine {
    id: String,
    network: String,
    badge: String,
    network_title: String,
    name: String,
    text: String,
    when: When,
    url: Option<String>,
    open: bool,
}

struct Remark {
    id: String,
    author: String,
    text: String,
    when: Option<When>,
    answers: bool,
    /// The profile itself said it.
    is_ours: bool,
    /// Where it can be answered: not what one said oneself.
    form: Option<Form>,
}

/// Where something is said. Each has a key of its own: two that are sent at once are two acts.
struct Form {
    key: String,
    /// What was written and not said.
    text: String,
    /// Whether it comes back with what was written.
    is_kept: bool,
}

/// What was written and not said: it stays on the page, whatever came between.
struct Typed {
    in_reply_to: String,
    text: String,
    /// Its key again where it may be under way, or done; empty: a new one.
    key: String,
}

/// What is told of what was sent.
#[derive(Default)]
struct Told {
    notice: Option<String>,
    error: Option<String>,
    typed: Option<Typed>,
}

/// A post with what was said under it.
struct Open {
    post: PostLine,
    comments: Vec<Remark>,
    /// Why they are not all there are.
    note: Option<String>,
    /// Why the comments cannot be read.
    unread: Option<String>,
    /// Why nothing can be said under it.
    no_comment: Option<String>,
    /// Why no comment can be answered.
    no_reply: Option<String>,
    form: Form,
}

#[derive(Template)]
#[template(path = "engagement.html")]
struct Engagement {
    s: Shell,
    posts: Vec<PostLine>,
    open: Option<Open>,
    /// What networks do not allow: the network, and its reasons.
    limits: Vec<(String, Vec<String>)>,
    notice: Option<String>,
    error: Option<String>,
    /// What was written where nothing can be said any more.
    left: Option<String>,
    /// Comments that wait, and what became of them.
    acts: Vec<ActLine>,
    /// Said when something is decided about them, so that it leads back here.
    from: &'static str,
}

/// Which post is open.
#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Asked {
    post: String,
}

/// GET /engagement
pub async fn get(State(app): State<Arc<App>>, caller: Caller, Query(asked): Query<Asked>) -> Response {
    let page = page(&app, &caller, &asked.post, Told::default()).await;
    for_people(&caller, page)
}

/// POST /engagement/{id}: says something under a post, or in reply to what was said there.
pub async fn comment(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>, fields: Fields) -> Response {
    let told = match speak(&app, &caller, &id, &fields).await {
        Ok(said) => {
            let words = if matches!(said, Said::Done { .. }) { "engagement.said" } else { "engagement.waits" };
            Told { notice: Some(caller.lang.t(words).to_owned()), ..Told::default() }
        }
        Err(problem) => {
            // What may be under way or done is not said a second time, however often it is sent from here.
            let key = if matches!(problem.code, "still_running" | "unclear") { fields.get("key") } else { "" };
            let (in_reply_to, text) = (fields.get("in_reply_to").to_owned(), fields.raw("text").to_owned());
            let typed = Some(Typed { in_reply_to, text, key: key.to_owned() });
            Told { error: Some(caller.lang.problem(&problem)), typed, ..Told::default() }
        }
    };
    let page = page(&app, &caller, &id, told).await;
    for_people(&caller, page)
}

async fn speak(app: &App, caller: &Caller, id: &str, fields: &Fields) -> Result<Said, Problem> {
    let seen = waiting::published(app, caller, id).await?;
    let under = seen.act.post.clone().filter(|_| seen.act.kind == "post").ok_or_else(Problem::not_found)?;
    let profile = auth::profile(app, caller, seen.profile.id.as_str(), Act::Comment).await?;
    let in_reply_to = Some(fields.get("in_reply_to").to_owned()).filter(|id| !id.is_empty());
    let content = Content::Comment { under, in_reply_to, text: fields.get("text").replace("\r\n", "\n") };
    let until = app.now() + WAITS;
    let wish = Wish { caller, profile: &profile, content: &content, key: fields.get("key"), hold: true, until };
    say::say(app, &wish).await
}

fn line(caller: &Caller, seen: &Seen, now: lifecycle::time::Timestamp, open: &str) -> PostLine {
    let profile = &seen.profile;
    PostLine {
        id: seen.act.id.to_string(),
        network: profile.network.clone(),
        badge: badge_of(&profile.network),
        network_title: title_of(&profile.network),
        name: profile.name.clone(),
        text: seen.content.text().chars().take(120).collect(),
        when: When::new(seen.act.changed_at, now, zone(caller), caller.lang),
        url: seen.act.url.clone().filter(|url| url.starts_with("https://")),
        open: seen.act.id.as_str() == open,
    }
}

fn why_not(lang: Lang, ability: Ability) -> Option<String> {
    match ability {
        Ability::Yes => None,
        Ability::No { en, de } => Some(lang.pick(en, de).to_owned()),
    }
}

fn kind_of(profile: &Profile) -> Kind {
    Kind::parse(&profile.kind).unwrap_or(Kind::Account)
}

/// What the networks of these posts do not allow, each reason once.
fn limits(lang: Lang, posts: &[Seen]) -> Vec<(String, Vec<String>)> {
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for seen in posts {
        let Some(network) = networks::find(&seen.profile.network) else { continue };
        let can = network.can_as(kind_of(&seen.profile));
        for reason in [can.read_comments, can.comment, can.reply].into_iter().filter_map(|ability| why_not(lang, ability)) {
            let reasons = all.entry(network.about().title.to_owned()).or_default();
            if !reasons.contains(&reason) {
                reasons.push(reason);
            }
        }
    }
    all.into_iter().collect()
}

/// The form that answers that comment; empty: the post. What was written in it before stands in it.
fn form(app: &App, typed: &mut Option<Typed>, to: &str) -> Form {
    let typed = typed.take_if(|typed| typed.in_reply_to == to);
    let is_kept = typed.is_some();
    let (key, text) = typed.map(|typed| (typed.key, typed.text)).unwrap_or_default();
    let key = if key.is_empty() { fresh_secret(&*app.dice, "").expose().to_owned() } else { key };
    Form { key, text, is_kept }
}

/// The post, with what was written under it and not said, as far as there is a place for it.
async fn opened(app: &App, caller: &Caller, id: &str, typed: &mut Option<Typed>) -> Result<Open, Problem> {
    let seen = waiting::published(app, caller, id).await?;
    let post = seen.act.post.clone().filter(|_| seen.act.kind == "post").ok_or_else(Problem::not_found)?;
    let profile = auth::profile(app, caller, seen.profile.id.as_str(), Act::ReadComments).await?;
    let (lang, now) = (caller.lang, app.now());
    let can = network_named(&profile.network)?.can_as(kind_of(&profile));
    let may_not = !caller.decide(Act::Comment, auth::about(&profile)).is_yes();
    let may_not = may_not.then(|| lang.t("engagement.only_read").to_owned());
    let answers = may_not.is_none() && can.reply.is_yes();
    let (mut comments, mut note, mut unread) = (vec![], None, why_not(lang, can.read_comments));
    if unread.is_none() {
        match act::comments(app, caller, &profile, &post).await {
            Ok(said) => {
                let answer = |said: &Comment| {
                    let remark = remark(caller, &profile, said, now);
                    let answers = answers && !remark.is_ours;
                    Remark { form: answers.then(|| form(app, typed, &said.id)), ..remark }
                };
                comments = said.iter().map(answer).collect();
                note = said.note.map(|words| lang.pick(&words.en, &words.de).to_owned());
            }
            Err(problem) => unread = Some(caller.lang.problem(&problem)),
        }
    }
    let no_reply = why_not(lang, can.reply).filter(|_| may_not.is_none());
    let no_comment = may_not.or_else(|| why_not(lang, can.comment));
    let form = if no_comment.is_none() { form(app, typed, "") } else { form(app, &mut None, "") };
    Ok(Open {
        post: line(caller, &seen, now, id),
        comments,
        note,
        unread,
        // Said once: under what was said.
        no_reply,
        no_comment,
        form,
    })
}

fn remark(caller: &Caller, profile: &Profile, said: &Comment, now: lifecycle::time::Timestamp) -> Remark {
    let is_ours = said.is_by(act::target(profile));
    Remark {
        id: said.id.clone(),
        // As the network shows itself it may be no more than an id.
        author: if is_ours { profile.name.clone() } else { said.author.clone() },
        is_ours,
        text: said.text.clone(),
        when: said.at.map(|at| When::new(at, now, zone(caller), caller.lang)),
        answers: said.in_reply_to.is_some(),
        form: None,
    }
}

async fn page(app: &App, caller: &Caller, id: &str, told: Told) -> Page {
    let Told { notice, mut error, mut typed } = told;
    let posts = waiting::list(app, caller, &[Standing::Done], Some("post"), SHOWN).await?;
    let (mut open, mut status) = (None, StatusCode::OK);
    if !id.is_empty() {
        match opened(app, caller, id, &mut typed).await {
            Ok(opened) => open = Some(opened),
            Err(problem) if typed.is_none() => return Err(problem),
            // What was written is not lost with the post that is gone.
            Err(problem) => (status, error) = (problem.status, Some(caller.lang.problem(&problem))),
        }
    }
    // Not every network names what it published: there is nothing to open then. Nor is there where somebody sees profiles without being
    // allowed to read what is said at them.
    let reads = |seen: &&Seen| caller.decide(Act::ReadComments, auth::about(&seen.profile)).is_yes();
    let known = posts.iter().filter(reads).filter(|seen| seen.act.post.as_deref().is_some_and(|id| !id.is_empty()));
    let now = app.now();
    let mut page = show(&Engagement {
        s: Shell::new(caller, "engagement"),
        posts: known.map(|seen| line(caller, seen, now, id)).collect(),
        open,
        limits: limits(caller.lang, &posts),
        notice,
        error,
        left: typed.map(|typed| typed.text).filter(|text| !text.trim().is_empty()),
        acts: acts::lines(app, caller, Some("comment")).await?,
        from: "?from=engagement",
    })?;
    *page.status_mut() = status;
    Ok(page)
}
