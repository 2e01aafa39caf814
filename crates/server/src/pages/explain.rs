//! GET /settings/profiles/{id}/explain: one page that says why a profile is not green, and repairs it; or what its green check mark
//! rests on.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use lifecycle::permission::Act;
use lifecycle::repair::{Help, Way};
use lifecycle::status::Status;
use lifecycle::time::Timestamp;
use store::events::Event;
use store::profiles::Profile;
use store::story::Attempt;
use store::users;

use super::view::{Row, line, row, title_of, zone};
use super::{Shell, for_people, show};
use crate::actions::explain::Explanation;
use crate::actions::explanation::{Helper, Story, evidence_of, name_of, tell};
use crate::actions::finish::shown;
use crate::auth::{self, Caller};
use crate::show::When;
use crate::state::App;

/// Something that was seen or tried.
struct Moment {
    text: String,
    /// The network's own words.
    quote: Option<String>,
    /// Of what kind the look was, with code and status.
    source: Option<String>,
    when: When,
}

struct HelperView {
    person: String,
    role: String,
    help: String,
    holds: bool,
    proofs: Vec<(String, When)>,
}

struct OtherView {
    person: String,
    role: String,
    words: String,
}

struct UseView {
    who: String,
    what: String,
    last: When,
}

/// The one button.
struct Button {
    label: String,
    href: String,
    /// Pressing it does something at once.
    posts: bool,
}

#[derive(Template)]
#[template(path = "explain.html")]
struct Explain {
    s: Shell,
    row: Row,
    green: bool,
    words: Explanation,
    todo: String,
    button: Option<Button>,
    /// A second way: somebody else is asked.
    ask: Option<String>,
    sure: Option<(String, String)>,
    evidence: Vec<Moment>,
    tried: Vec<Moment>,
    next_look: Option<When>,
    holders: Vec<HelperView>,
    others: Vec<OtherView>,
    uses: Option<Vec<UseView>>,
    anybody: String,
}

/// GET /settings/profiles/{id}/explain
pub async fn get(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>) -> Response {
    let page = async {
        let profile = auth::profile(&app, &caller, &id, Act::SeeProfile).await?;
        let story = tell(&app, &caller, &profile).await?;
        let users = users::list(&mut app.store.read().await?, &app.organisation).await?;
        show(&page_of(&caller, &profile, story, &users, app.now()))
    };
    for_people(&caller, page.await)
}

fn page_of(caller: &Caller, profile: &Profile, story: Story, users: &[users::User], now: Timestamp) -> Explain {
    let lang = caller.lang;
    let network = title_of(&profile.network);
    let moment = |event: &Event| moment(caller, event, &profile.name, &network, now);
    let mut tried: Vec<(Timestamp, Moment)> = story.tried.iter().map(|event| (event.at, moment(event))).collect();
    tried.extend(story.renewals.iter().map(|attempt| (attempt.at, renewal(caller, attempt, now))));
    tried.sort_by_key(|(at, _)| *at);
    let may_refresh = caller.decide(Act::RefreshConnection, auth::about(profile)).is_yes();
    let ask = format!("/settings/profiles/{}/renewal-link", profile.id);
    let when = |at: Timestamp| When::new(at, now, zone(caller), lang);
    let broken = profile.standing.status != Status::Connected;
    let uses = story.uses.map(|uses| {
        let view = |used: &store::story::Use| UseView {
            who: name_of(lang, &used.actor),
            what: lang.fill(&format!("use.{}", used.act), &[("n", &used.count.to_string())]),
            last: when(used.last_at),
        };
        uses.iter().map(view).collect()
    });
    let other = |other: &store::story::Candidate| OtherView {
        person: shown(&other.person.name, other.person.handle.as_deref()),
        role: other.role.clone(),
        words: lang.t(if other.works { "explain.other_works" } else { "explain.other_dead" }).to_owned(),
    };
    Explain {
        s: Shell::new(caller, "profiles"),
        row: row(caller, profile, users, now),
        green: !broken,
        todo: match story.way {
            Way::Wait => lang.t("explain.wait").to_owned(),
            _ => story.words.todo.clone(),
        },
        button: button(caller, profile, story.way),
        ask: (may_refresh && story.way == Way::LogIn).then_some(ask),
        sure: story.sure.map(|(confidence, why)| (lang.t(&format!("confidence.{confidence}")).to_owned(), why)),
        evidence: story.evidence.iter().map(moment).collect(),
        tried: tried.into_iter().map(|(_, moment)| moment).collect(),
        next_look: story.holders.iter().filter_map(|holder| holder.probe_at).min().filter(|_| broken).map(when),
        holders: story.holders.iter().map(|holder| helper(caller, holder, now)).collect(),
        others: story.others.iter().map(other).collect(),
        uses,
        anybody: lang.fill("explain.anybody", &[("network", &network)]),
        words: story.words,
    }
}

/// The one button that repairs it; none where nothing on a page of ours does, or the reader may not.
fn button(caller: &Caller, profile: &Profile, way: Way) -> Option<Button> {
    let id = &profile.id;
    let (key, href, posts) = match way {
        Way::Nothing | Way::Wait => ("action.check", format!("/settings/profiles/{id}/check"), true),
        Way::LogIn => ("action.refresh", format!("/settings/profiles/{id}/refresh"), false),
        Way::AnotherAdmin => ("explain.ask_admin", format!("/settings/profiles/{id}/renewal-link?to=any"), false),
        Way::Operator => ("nav.network_apps", "/settings/network-apps".to_owned(), false),
    };
    let may = match way {
        Way::Nothing | Way::Wait => caller.decide(Act::CheckProfile, auth::about(profile)).is_yes(),
        Way::LogIn | Way::AnotherAdmin => caller.decide(Act::RefreshConnection, auth::about(profile)).is_yes(),
        Way::Operator => caller.may(Act::ManageNetworkApps),
    };
    may.then(|| Button { label: caller.lang.t(key).to_owned(), href, posts })
}

fn moment(caller: &Caller, event: &Event, name: &str, network: &str, now: Timestamp) -> Moment {
    let lang = caller.lang;
    let line = line(caller, event, Some(name), now);
    let evidence = evidence_of(event);
    let source = evidence.as_ref().map(|evidence| {
        let kind = lang.fill(&format!("evidence.{}", evidence.source), &[("network", network)]);
        let status = evidence.http_status.map(|status| format!("HTTP {status}"));
        let parts: Vec<String> = [Some(kind), status, evidence.code.clone()].into_iter().flatten().collect();
        parts.join(" · ")
    });
    // Each look has its own time: what was seen may be older than what was made of it.
    let when = evidence.map_or(line.when, |evidence| When::new(evidence.at, now, zone(caller), lang));
    Moment { text: line.text, quote: line.evidence, source, when }
}

fn renewal(caller: &Caller, attempt: &Attempt, now: Timestamp) -> Moment {
    let lang = caller.lang;
    let ending = attempt.ending.map_or("under_way", |ending| ending.as_str());
    let ending = if attempt.sent || attempt.ending.is_none() { ending } else { "not_sent" };
    let person = shown(&attempt.person.name, attempt.person.handle.as_deref());
    let text = lang.fill(&format!("attempt.{ending}"), &[("person", &person)]);
    Moment { text, quote: None, source: None, when: When::new(attempt.at, now, zone(caller), lang) }
}

fn helper(caller: &Caller, helper: &Helper, now: Timestamp) -> HelperView {
    let lang = caller.lang;
    let proof = |key: &str, at: Option<Timestamp>| at.map(|at| (lang.t(key).to_owned(), When::new(at, now, zone(caller), lang)));
    let proofs = [
        proof("tokens.verified", helper.verified_at),
        proof("explain.role_seen", helper.seen_at),
        proof("explain.doubted", helper.doubted_since),
        proof("explain.next_look", helper.probe_at),
        proof("tokens.human", helper.human_until),
    ];
    HelperView {
        person: shown(&helper.person.name, helper.person.handle.as_deref()),
        role: helper.role.clone(),
        help: lang.t(&format!("help.{}", helper.help)).to_owned(),
        holds: helper.help == Help::Holds,
        proofs: proofs.into_iter().flatten().collect(),
    }
}
