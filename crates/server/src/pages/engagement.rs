//! What was said under the posts that were made here: read, commented, answered; and what a network does not allow, said before one tries.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
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
    /// Whether comments are answered here.
    answers: bool,
    key: String,
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
    let page = page(&app, &caller, &asked.post, None, None).await;
    for_people(&caller, page)
}

/// POST /engagement/{id}: says something under a post, or in reply to what was said there.
pub async fn comment(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>, fields: Fields) -> Response {
    let said = speak(&app, &caller, &id, &fields).await;
    let lang = caller.lang;
    let page = match said {
        Ok(Said::Done { .. }) => page(&app, &caller, &id, Some(lang.t("engagement.said").to_owned()), None).await,
        Ok(_) => page(&app, &caller, &id, Some(lang.t("engagement.waits").to_owned()), None).await,
        Err(problem) if problem.status.as_u16() == 404 => Err(problem),
        Err(problem) => page(&app, &caller, &id, None, Some(caller.lang.problem(&problem))).await,
    };
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

async fn opened(app: &App, caller: &Caller, id: &str) -> Result<Open, Problem> {
    let seen = waiting::published(app, caller, id).await?;
    let post = seen.act.post.clone().filter(|_| seen.act.kind == "post").ok_or_else(Problem::not_found)?;
    let profile = auth::profile(app, caller, seen.profile.id.as_str(), Act::ReadComments).await?;
    let (lang, now) = (caller.lang, app.now());
    let can = network_named(&profile.network)?.can_as(kind_of(&profile));
    let (mut comments, mut note, mut unread) = (vec![], None, why_not(lang, can.read_comments));
    if unread.is_none() {
        match act::comments(app, caller, &profile, &post).await {
            Ok(said) => {
                comments = said.iter().map(|said| remark(caller, said, now)).collect();
                note = said.note.map(|words| lang.pick(&words.en, &words.de).to_owned());
            }
            Err(problem) => unread = Some(caller.lang.problem(&problem)),
        }
    }
    let may_not = !caller.decide(Act::Comment, auth::about(&profile)).is_yes();
    let may_not = may_not.then(|| lang.t("engagement.only_read").to_owned());
    Ok(Open {
        post: line(caller, &seen, now, id),
        comments,
        note,
        unread,
        // Said once: under what was said.
        no_reply: why_not(lang, can.reply).filter(|_| may_not.is_none()),
        answers: may_not.is_none() && can.reply.is_yes(),
        no_comment: may_not.or_else(|| why_not(lang, can.comment)),
        key: fresh_secret(&*app.dice, "").expose().to_owned(),
    })
}

fn remark(caller: &Caller, said: &Comment, now: lifecycle::time::Timestamp) -> Remark {
    Remark {
        id: said.id.clone(),
        author: said.author.clone(),
        text: said.text.clone(),
        when: said.at.map(|at| When::new(at, now, zone(caller), caller.lang)),
        answers: said.in_reply_to.is_some(),
    }
}

async fn page(app: &App, caller: &Caller, id: &str, notice: Option<String>, error: Option<String>) -> Page {
    let posts = waiting::list(app, caller, &[Standing::Done], Some("post"), SHOWN).await?;
    let open = if id.is_empty() { None } else { Some(opened(app, caller, id).await?) };
    // Not every network names what it published: there is nothing to open then. Nor is there where somebody sees profiles without being
    // allowed to read what is said at them.
    let reads = |seen: &&Seen| caller.decide(Act::ReadComments, auth::about(&seen.profile)).is_yes();
    let known = posts.iter().filter(reads).filter(|seen| seen.act.post.as_deref().is_some_and(|id| !id.is_empty()));
    let now = app.now();
    show(&Engagement {
        s: Shell::new(caller, "engagement"),
        posts: known.map(|seen| line(caller, seen, now, id)).collect(),
        open,
        limits: limits(caller.lang, &posts),
        notice,
        error,
        acts: acts::lines(app, caller, Some("comment")).await?,
        from: "?from=engagement",
    })
}
