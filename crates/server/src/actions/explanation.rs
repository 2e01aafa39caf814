//! Why a profile is not green, who can repair it and what was at stake; or what its green check mark rests on.

use lifecycle::access::Access;
use lifecycle::grant::{Grant, State};
use lifecycle::permission::Act;
use lifecycle::repair::{Help, Way, help_of, way};
use lifecycle::status::{Standing, Status};
use lifecycle::time::{Span, Timestamp};
use lifecycle::words::{Confidence, Evidence, Source};
use store::events::{self, Actor, Event};
use store::grants::{Holder, Person, holders_of};
use store::profiles::Profile;
use store::story::{self, Attempt, Candidate, Use};

use super::explain::{Explanation, explain};
use super::finish::shown;
use crate::auth::{self, Caller};
use crate::error::Problem;
use crate::i18n::Lang;
use crate::pages::view::title_of;
use crate::state::App;

/// How far back "recently used" reaches.
const RECENT: Span = Span::days(30);
/// The most events that are looked through.
const EVENTS: u32 = 400;
/// The most renewals that are listed.
const ATTEMPTS: u32 = 50;

/// Events that say what was seen; the others say what was done about it.
const SEEN: [&str; 15] = [
    "access.lost",
    "access.regained",
    "access.role_changed",
    "grant.came_back",
    "grant.cleared",
    "grant.needs_person",
    "grant.scopes_lost",
    "grant.scopes_regained",
    "grant.suspected",
    "grant.unsure",
    "network.misconfigured",
    "network.reachable",
    "network.unreachable",
    "profile.disconnected",
    "signal.received",
];

/// What was tried, beside the renewals of the journal.
const TRIED: [&str; 13] = [
    "connection.begun",
    "connection.completed",
    "connection.failed",
    "connection.refused",
    "episode.acknowledged",
    "episode.handed_over",
    "episode.snoozed",
    "grant.authorized",
    "notification.failed",
    "notification.nobody",
    "notification.sent",
    "renewal_link.created",
    "renewal_link.withdrawn",
];

/// Somebody who holds the profile.
#[derive(Debug, Clone)]
pub struct Helper {
    /// Who.
    pub person: Person,
    /// Their role there.
    pub role: String,
    /// What they can do.
    pub help: Help,
    /// When the network last answered that their token works.
    pub verified_at: Option<Timestamp>,
    /// When the network last showed the role.
    pub seen_at: Option<Timestamp>,
    /// When we look next.
    pub probe_at: Option<Timestamp>,
    /// The day on which they must come.
    pub human_until: Option<Timestamp>,
    /// Since when something speaks against them that a second look decides.
    pub doubted_since: Option<Timestamp>,
}

/// The whole story.
pub struct Story {
    /// What happened and the one thing to do, in words.
    pub words: Explanation,
    /// What repairs it.
    pub way: Way,
    /// Who must act, where it is somebody in particular.
    pub person: Option<String>,
    /// How sure the cause is, and why, in words.
    pub sure: Option<(Confidence, String)>,
    /// What was seen, oldest first.
    pub evidence: Vec<Event>,
    /// What was done about it, oldest first.
    pub tried: Vec<Event>,
    /// Renewals, oldest first.
    pub renewals: Vec<Attempt>,
    /// Who holds it.
    pub holders: Vec<Helper>,
    /// Who else could.
    pub others: Vec<Candidate>,
    /// Who used it in the last 30 days; `None` where the caller may not know.
    pub uses: Option<Vec<Use>>,
}

/// Tells the story of a profile, in the caller's language.
pub async fn tell(app: &App, caller: &Caller, profile: &Profile) -> Result<Story, Problem> {
    let (now, lang) = (app.now(), caller.lang);
    let standing = &profile.standing;
    let began = began(standing);
    let mut tx = app.store.read().await?;
    let holders = holders_of(&mut tx, &profile.id).await?;
    let others = story::candidates(&mut tx, profile).await?;
    let history = events::of_profile(&mut tx, &app.organisation, &profile.id, None, EVENTS).await?;
    let mut renewals = story::attempts(&mut tx, &profile.id, began, ATTEMPTS).await?;
    renewals.reverse();
    let uses = if caller.decide(Act::SeeEvents, auth::about(profile)).is_yes() {
        Some(story::uses(&mut tx, &app.organisation, &profile.id, now - RECENT).await?)
    } else {
        None
    };
    drop(tx);
    let is_broken = standing.status != Status::Connected;
    let since = |kinds: &[&str]| {
        let found = history.iter().rev().filter(|event| is_broken && event.at >= began && kinds.contains(&event.kind.as_str()));
        found.cloned().collect::<Vec<Event>>()
    };
    let (evidence, tried) = (since(&SEEN), since(&TRIED));
    let pairs: Vec<(&Access, &Grant)> = holders.iter().map(|holder| (&holder.access, &holder.grant)).collect();
    let person = standing.person.as_ref().and_then(|id| holders.iter().find(|holder| holder.person.id == *id));
    let person = person.map(|holder| shown(&holder.person.name, holder.person.handle.as_deref()));
    let title = title_of(&profile.network);
    Ok(Story {
        words: explain(lang, standing, person.as_deref(), &title),
        way: way(standing, &pairs),
        sure: sure(lang, standing, &title, &evidence),
        person,
        evidence,
        tried,
        renewals,
        holders: holders.iter().map(helper).collect(),
        others,
        uses,
    })
}

/// From which moment on the story is told: from the last proof that all was well, or the first thing that speaks against it.
fn began(standing: &Standing) -> Timestamp {
    let first = standing.evidence.as_ref().map_or(standing.since, |evidence| evidence.at.min(standing.since));
    standing.verified_at.map_or(first, |proof| proof.min(first))
}

fn helper(holder: &Holder) -> Helper {
    let doubted_since = match &holder.grant.state {
        State::Suspect(suspicion) => Some(suspicion.since),
        State::Unsure { since, .. } => Some(*since),
        _ => None,
    };
    Helper {
        person: holder.person.clone(),
        role: holder.access.role.clone(),
        help: help_of(&holder.access, &holder.grant),
        verified_at: holder.grant.verified_at,
        seen_at: holder.access.seen_at,
        probe_at: holder.grant.probe_at,
        human_until: holder.grant.clocks.human_until,
        doubted_since,
    }
}

/// How sure the cause is, and why.
fn sure(lang: Lang, standing: &Standing, network: &str, evidence: &[Event]) -> Option<(Confidence, String)> {
    let confidence = standing.confidence.filter(|_| standing.status != Status::Connected)?;
    let source = standing.evidence.as_ref().map(|evidence| evidence.source);
    let by_clock = source == Some(Source::Clock) || source.is_none();
    let key = if by_clock && confidence == Confidence::Certain { "sure.clock".to_owned() } else { format!("sure.{confidence}") };
    let mut words = vec![lang.fill(&key, &[("network", network)])];
    words.extend(source.map(|source| lang.fill(&format!("sure.source.{source}"), &[("network", network)])));
    let refusals = evidence.iter().filter(|event| ["grant.suspected", "grant.needs_person", "access.lost"].contains(&event.kind.as_str()));
    let refusals = refusals.count();
    if refusals > 1 {
        words.push(lang.fill("sure.looks", &[("n", &refusals.to_string())]));
    }
    Some((confidence, words.join(" ")))
}

/// What an event rests on, in the network's own words.
pub fn evidence_of(event: &Event) -> Option<Evidence> {
    let from = |value: &serde_json::Value| serde_json::from_value::<Evidence>(value.clone()).ok();
    from(&event.detail["evidence"]).or_else(|| from(&event.detail["state"]["evidence"]))
}

/// Somebody's name, as it was when they did it.
pub fn name_of(lang: Lang, actor: &Actor) -> String {
    match actor {
        Actor::User { name, .. } => name.clone(),
        Actor::ApiKey { name, .. } => lang.fill("actor.api_key", &[("name", name)]),
        Actor::Keeper | Actor::System => lang.t("actor.staygreen").to_owned(),
        Actor::RenewalLink => lang.t("actor.renewal_link").to_owned(),
    }
}
