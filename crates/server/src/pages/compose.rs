//! Writing a post for several profiles: chosen, measured by each network, sent, held or waiting; and what waits.

mod form;

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use lifecycle::permission::Act;
use lifecycle::status::Status;
use lifecycle::time::Span;
use networks::network::Kind;
use serde::Deserialize;
use store::profiles::{self, Filter, Profile};

use self::form::{Sent, Written};
use super::acts::{self, ActLine};
use super::view::{Options, badge_of, title_of};
use super::{Page, Shell, for_people, go, show};
use crate::actions::draft::{self, Content};
use crate::actions::say::{self, PROFILES_MAX, Said, Wish};
use crate::actions::waiting;
use crate::auth::{self, Caller};
use crate::error::Problem;
use crate::show::moment;
use crate::state::App;
use crate::time::fresh_secret;

/// How many profiles are shown at once; the others are found by the search.
const SHOWN: u32 = 60;
/// How long a post may wait, in hours; 0: not at all.
const HOLDS: [&str; 4] = ["72", "24", "168", "0"];

/// A profile to choose.
struct Line {
    id: String,
    network: String,
    badge: String,
    network_title: String,
    name: String,
    status: &'static str,
    chosen: bool,
    /// What would become of a post, where that is not simply to be posted.
    will: String,
    /// How the draft fits; empty when it was not looked at.
    fit: String,
    wrong: bool,
}

/// What became of a post as one profile.
struct Outcome {
    name: String,
    network_title: String,
    words: String,
    wrong: bool,
    url: Option<String>,
}

#[derive(Template)]
#[template(path = "compose.html")]
struct Compose {
    s: Shell,
    key: String,
    written: Written,
    holds: Options,
    networks: Options,
    lines: Vec<Line>,
    /// There are more profiles than are shown.
    more: bool,
    outcomes: Vec<Outcome>,
    error: Option<String>,
    acts: Vec<ActLine>,
    /// Said when something is decided about them, so that it leads back here.
    from: &'static str,
}

/// GET /compose
pub async fn get(State(app): State<Arc<App>>, caller: Caller) -> Response {
    let page = page(&app, &caller, Written::default(), vec![], None, false).await;
    for_people(&caller, page)
}

/// POST /compose: filters, checks or sends.
pub async fn submit(State(app): State<Arc<App>>, caller: Caller, Sent { written, problem }: Sent) -> Response {
    let page = match problem {
        Some(problem) => page(&app, &caller, written, vec![], Some(caller.lang.problem(&problem)), false).await,
        None => match written.wish.as_str() {
            "filter" => page(&app, &caller, written, vec![], None, false).await,
            // Said before anything is measured or sent; what was written and chosen stays.
            _ if written.profiles.len() > PROFILES_MAX => {
                let (most, chosen) = (PROFILES_MAX.to_string(), written.profiles.len().to_string());
                let error = caller.lang.fill("compose.too_many", &[("max", &most), ("n", &chosen)]);
                page(&app, &caller, written, vec![], Some(error), false).await
            }
            "send" if !written.profiles.is_empty() => match hours(&written.hold) {
                Ok(hours) => send(&app, &caller, written, hours).await,
                Err(problem) => page(&app, &caller, written, vec![], Some(caller.lang.problem(&problem)), false).await,
            },
            _ => {
                let error = written.profiles.is_empty().then(|| caller.lang.t("compose.choose_first").to_owned());
                page(&app, &caller, written, vec![], error, true).await
            }
        },
    };
    for_people(&caller, page)
}

/// How long it may wait: only what the page offers.
fn hours(hold: &str) -> Result<i64, Problem> {
    let offered = HOLDS.contains(&hold).then(|| hold.parse().ok()).flatten();
    offered.ok_or_else(|| Problem::field("hold", "is 0, 24, 72 or 168 hours"))
}

async fn send(app: &App, caller: &Caller, written: Written, hours: i64) -> Page {
    let mut outcomes = vec![];
    let (mut left, mut key) = (vec![], String::new());
    for id in &written.profiles {
        let profile = match auth::profile(app, caller, id, Act::Publish).await {
            Ok(profile) => profile,
            Err(problem) => {
                outcomes.push(not_theirs(caller, id, &problem));
                continue;
            }
        };
        let content = Content::Post { key: format!("{}/{}", profile.id, written.key), post: written.post() };
        let until = app.now() + Span::hours(hours.max(1));
        let wish = Wish { caller, profile: &profile, content: &content, key: &written.key, hold: hours > 0, until };
        let said = say::say(app, &wish).await;
        // What may have been done is in the list below, and not to be sent from here again.
        if said.as_ref().is_err_and(|problem| problem.code != "unclear") {
            left.push(id.clone());
        }
        // What is still under way under this key is asked for again, and not sent a second time.
        if said.as_ref().is_err_and(|problem| problem.code == "still_running") {
            key.clone_from(&written.key);
        }
        outcomes.push(outcome(caller, &profile, said));
    }
    let again = if left.is_empty() { Written::default() } else { Written { profiles: left, key, ..written } };
    page(app, caller, again, outcomes, None, false).await
}

/// What was chosen and may not be posted as, or is gone by now: said by what the form named, because nothing else may be told of it.
fn not_theirs(caller: &Caller, id: &str, problem: &Problem) -> Outcome {
    let name = id.chars().take(60).collect();
    Outcome { name, network_title: String::new(), words: caller.lang.problem(problem), wrong: true, url: None }
}

fn outcome(caller: &Caller, profile: &Profile, said: Result<Said, Problem>) -> Outcome {
    let zone = super::view::zone(caller);
    let (lang, date) = (caller.lang, |until| moment(until, zone, caller.lang));
    let (words, url) = match &said {
        Ok(Said::Done { posted, note, .. }) => {
            let note = note.as_ref().map(|words| format!(" {}", lang.pick(&words.en, &words.de))).unwrap_or_default();
            (format!("{}{note}", lang.t("compose.posted")), posted.url.clone().filter(|url| url.starts_with("https://")))
        }
        Ok(Said::Held { until, .. }) => (lang.fill("compose.held", &[("date", &date(*until))]), None),
        Ok(Said::Waiting { until, .. }) => (lang.fill("compose.waiting", &[("date", &date(*until))]), None),
        Err(problem) => (lang.problem(problem), None),
    };
    Outcome { name: profile.name.clone(), network_title: title_of(&profile.network), words, wrong: said.is_err(), url }
}

/// The profiles to choose from: those one may publish with, at networks that take posts; what is chosen stays in sight.
async fn choices(app: &App, caller: &Caller, written: &Written) -> Result<(Vec<Profile>, bool), Problem> {
    let filter = Filter {
        network: Some(written.network.clone()).filter(|network| !network.is_empty()),
        q: Some(written.q.clone()).filter(|q| !q.is_empty()),
        visible_to: caller.narrowed_to(Act::Publish),
        ..Filter::default()
    };
    let mut tx = app.store.read().await?;
    let mut found = profiles::list(&mut tx, &app.organisation, &filter, SHOWN + 1).await?;
    let more = found.len() > SHOWN as usize;
    found.truncate(SHOWN as usize);
    drop(tx);
    for id in &written.profiles {
        if !found.iter().any(|profile| profile.id.as_str() == id)
            && let Ok(profile) = auth::profile_to_check(app, caller, id, Act::Publish).await
        {
            found.push(profile);
        }
    }
    let takes = |profile: &Profile| {
        let (network, kind) = (networks::find(&profile.network), Kind::parse(&profile.kind));
        network.zip(kind).is_some_and(|(network, kind)| network.can_as(kind).publish.is_yes())
    };
    found.retain(|profile| profile.enabled && takes(profile));
    Ok((found, more))
}

async fn line(app: &App, caller: &Caller, written: &Written, profile: &Profile, checked: bool) -> Line {
    let (lang, status) = (caller.lang, profile.standing.status);
    let chosen = written.profiles.iter().any(|id| id == profile.id.as_str());
    let (mut fit, mut wrong) = (String::new(), false);
    if checked && chosen {
        let content = Content::Post { key: String::new(), post: written.post() };
        (fit, wrong) = match draft::check(app, lang, profile, &content).await {
            Ok(fit) => {
                let note = fit.note.map(|words| format!(" {}", lang.pick(&words.en, &words.de))).unwrap_or_default();
                let (counted, max) = (fit.counted.to_string(), fit.max.to_string());
                (format!("{}{note}", lang.fill("compose.fits", &[("n", &counted), ("max", &max)])), false)
            }
            Err(problem) => (lang.problem(&problem), true),
        };
    }
    Line {
        id: profile.id.to_string(),
        network: profile.network.clone(),
        badge: badge_of(&profile.network),
        network_title: title_of(&profile.network),
        name: profile.name.clone(),
        status: status.as_str(),
        chosen,
        will: if status == Status::Disconnected { lang.t("compose.would_hold").to_owned() } else { String::new() },
        fit,
        wrong,
    }
}

async fn page(app: &App, caller: &Caller, mut written: Written, outcomes: Vec<Outcome>, error: Option<String>, checked: bool) -> Page {
    let (found, more) = choices(app, caller, &written).await?;
    let mut lines = vec![];
    for profile in &found {
        lines.push(line(app, caller, &written, profile, checked).await);
    }
    let lang = caller.lang;
    let networks = app.config.offered().filter(|network| network.about().can.publish.is_yes());
    let networks = networks.map(|network| {
        let about = network.about();
        (about.name.to_owned(), about.title.to_owned(), about.name == written.network)
    });
    let holds =
        HOLDS.iter().map(|hours| ((*hours).to_owned(), lang.t(&format!("compose.hold.{hours}")).to_owned(), *hours == written.hold));
    if written.key.is_empty() {
        written.key = fresh_secret(&*app.dice, "").expose().to_owned();
    }
    show(&Compose {
        s: Shell::new(caller, "compose"),
        key: written.key.clone(),
        holds: holds.collect(),
        networks: networks.collect(),
        lines,
        more,
        outcomes,
        error,
        acts: acts::lines(app, caller, None).await?,
        from: "",
        written,
    })
}

/// On which page something is decided.
#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Seen {
    from: String,
}

/// POST /compose/{id}/{what}: approve, decline, withdraw or repeat what waits. Who may is decided by the act itself, as in the API.
pub async fn decide(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path((id, what)): Path<(String, String)>,
    Query(Seen { from }): Query<Seen>,
) -> Response {
    let done = match what.as_str() {
        "approve" => waiting::approve(&app, &caller, &id).await.map(drop),
        "decline" => waiting::decline(&app, &caller, &id).await,
        "withdraw" => waiting::withdraw(&app, &caller, &id).await,
        "repeat" => waiting::repeat(&app, &caller, &id).await.map(drop),
        _ => Err(Problem::not_found()),
    };
    // Back to where it was shown, or to what they may see.
    let back = match (from.as_str(), caller.may(Act::Publish), caller.may(Act::ReadComments)) {
        ("engagement", _, true) | (_, false, true) => "/engagement#acts",
        (_, true, _) => "/compose#acts",
        (_, false, false) => "/",
    };
    let page = match done {
        Ok(()) => go(back),
        Err(problem) => Err(problem),
    };
    for_people(&caller, page)
}
