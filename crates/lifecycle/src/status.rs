//! A profile's status: computed from its accesses, nothing else decides it; and the news that follow from a change.

use serde::{Deserialize, Serialize};

use crate::access::{Access, AccessState};
use crate::facts::Facts;
use crate::grant::{Grant, State};
use crate::ids::PersonId;
use crate::time::{Span, Timestamp};
use crate::words::{Cause, Confidence, Evidence, word_enum};

word_enum! {
    /// What a profile shows.
    Status {
        /// Green check mark: somebody's access token for it works.
        Connected = "connected",
        /// It works, and a person must come before a known day.
        RenewSoon = "renew_soon",
        /// The network cannot be reached, refuses our network app, or refuses to renew without saying why; what was true stays true until it
        /// is known.
        Unverified = "unverified",
        /// No access tokens available.
        Disconnected = "disconnected",
    }
}

/// A profile's standing as it is stored: the derived status with what it rests on, and the memory that keeps news
/// from being told twice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// What it shows.
    pub status: Status,
    /// Since when it shows that.
    pub since: Timestamp,
    /// Why it is not simply connected.
    pub cause: Option<Cause>,
    /// How sure the cause is.
    pub confidence: Option<Confidence>,
    /// What it rests on.
    pub evidence: Option<Evidence>,
    /// Who must act.
    pub person: Option<PersonId>,
    /// The day on which a person must come, if one is known.
    pub deadline: Option<Timestamp>,
    /// When the network last proved it.
    pub verified_at: Option<Timestamp>,
    /// The token behind it was lost in rotation (RF-29).
    #[serde(default)]
    pub lost_in_rotation: bool,
    /// The open episode of having no access tokens: since when.
    pub episode: Option<Timestamp>,
    /// The deadline that was announced last.
    pub warned_deadline: Option<Timestamp>,
    /// How many days ahead it was announced.
    pub warned_days: Option<i64>,
    /// That the network is out of reach was told, and it still is.
    #[serde(default)]
    pub told_out_of_reach: bool,
    /// Of how many people the access works.
    #[serde(default)]
    pub good: usize,
    /// Of how many it has ended.
    #[serde(default)]
    pub ended: usize,
}

impl Standing {
    /// A profile that was just discovered: nothing is known yet.
    pub fn unborn(now: Timestamp) -> Self {
        Self {
            status: Status::Disconnected,
            since: now,
            cause: None,
            confidence: None,
            evidence: None,
            person: None,
            deadline: None,
            verified_at: None,
            lost_in_rotation: false,
            episode: None,
            warned_deadline: None,
            warned_days: None,
            told_out_of_reach: false,
            good: 0,
            ended: 0,
        }
    }
}

/// What people and tools are told when a standing changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// Somebody's access token works now, for the first time.
    Connected,
    /// No access tokens available. Told once per episode; the episode's name is its beginning.
    NoAccessTokens {
        /// When the episode began.
        episode: Timestamp,
    },
    /// The episode is over.
    Recovered {
        /// When the episode began.
        episode: Timestamp,
    },
    /// A person must come before a known day.
    RenewSoon {
        /// The announced step: 30, 14, 7 or 1 days ahead.
        days: i64,
        /// The day itself.
        deadline: Timestamp,
    },
    /// The access of one of several people ended, and one is left: the profile stays connected, and the next end is its own.
    LastRemaining {
        /// When it ended.
        since: Timestamp,
        /// Whose.
        person: PersonId,
        /// Why.
        cause: Cause,
    },
    /// The network has been out of reach for so long that it may be gone for good. Told once, until there is proof again.
    OutOfReach {
        /// The last proof.
        since: Timestamp,
    },
}

impl News {
    /// The name of the message, and what tells one occasion of it from the next; `None` where nobody is written to.
    pub fn occasion(&self) -> Option<(&'static str, String)> {
        match self {
            Self::Connected => None,
            Self::NoAccessTokens { episode } => Some(("no_access_tokens", episode.as_micros().to_string())),
            Self::Recovered { episode } => Some(("recovered", episode.as_micros().to_string())),
            Self::RenewSoon { days, deadline } => Some(("renew_soon", format!("{}:{days}", deadline.as_micros()))),
            Self::LastRemaining { since, .. } => Some(("last_remaining", since.as_micros().to_string())),
            Self::OutOfReach { since } => Some(("out_of_reach", since.as_micros().to_string())),
        }
    }

    /// The name of the outgoing event (contract: webhook endpoints).
    pub const fn event_name(&self) -> &'static str {
        match self {
            Self::Connected => "profile.connected",
            Self::NoAccessTokens { .. } => "profile.disconnected",
            Self::Recovered { .. } => "profile.recovered",
            Self::RenewSoon { .. } => "profile.renew_soon",
            Self::LastRemaining { .. } => "profile.last_remaining",
            Self::OutOfReach { .. } => "profile.out_of_reach",
        }
    }
}

/// A status is `unverified` once nothing has proven it for so long since the last proof, because the network is out of reach or says that
/// the fault is ours.
pub fn unverified_after(facts: &Facts) -> Span {
    facts.probe_every.times(2, 1).max(Span::minutes(15))
}

/// Derives a profile's standing from its accesses and says what is news. One good access is enough. Pure: the same
/// accesses at the same moment give the same standing, and settling twice says nothing new.
pub fn settle(before: &Standing, accesses: &[(&Access, &Grant)], facts: &Facts, now: Timestamp) -> (Standing, Vec<News>) {
    let good: Vec<&Grant> = accesses.iter().filter(|(access, grant)| is_good(access, grant)).map(|(_, grant)| *grant).collect();
    // The longest is the one that holds longest without a person; no deadline is longest of all. One call that failed must
    // not hand the deadline to somebody else and back, which would announce both days twice.
    let holds = |grant: &Grant| (grant.clocks.human_until.unwrap_or(Timestamp::from_micros(i64::MAX)), grant.verified_at);
    let longest = good.iter().copied().max_by_key(|grant| holds(grant));
    let proven = good.iter().copied().max_by_key(|grant| (!fails(grant), holds(grant)));
    let mut after = before.clone();
    (after.good, after.ended) = (good.len(), accesses.len() - good.len());
    match longest.zip(proven) {
        Some((longest, proven)) => show_good(&mut after, longest, proven, facts, now),
        None => show_dead(&mut after, accesses),
    }
    if after.status != before.status {
        after.since = now;
    }
    let mut news = tell(before, &mut after, facts, now);
    news.extend(last_remaining(before, &after, accesses));
    (after, news)
}

fn is_good(access: &Access, grant: &Grant) -> bool {
    !matches!(access.state, AccessState::Lost { .. }) && !matches!(grant.state, State::NeedsPerson(_))
}

/// Whether the last attempts came to nothing that says anything of the token.
const fn fails(grant: &Grant) -> bool {
    grant.failures > 0 || grant.unreachable_since.is_some()
}

fn show_good(after: &mut Standing, grant: &Grant, proven: &Grant, facts: &Facts, now: Timestamp) {
    let horizon = Span::days(facts.warn_days.iter().copied().max().unwrap_or(0));
    let soon = grant.clocks.human_until.filter(|deadline| deadline.since(now) <= horizon);
    let last_proof = proven.verified_at.unwrap_or(proven.issued_at);
    let unproven = fails(proven) && now.since(last_proof) > unverified_after(facts);
    // Reached, and told again and again that the fault is ours: a client secret that ended, a product that was taken away.
    let app_refused = unproven && proven.unreachable_since.is_none();
    // Refused again and again while nobody can be asked about the person: no verdict yet, and no green check mark either.
    let doubted = match &grant.state {
        State::Suspect(suspicion) if suspicion.refusals >= 2 && grant.clocks.access_until.is_some_and(|until| until <= now) => {
            Some(suspicion)
        }
        _ => None,
    };
    after.status = match (unproven || doubted.is_some(), soon) {
        (true, _) => Status::Unverified,
        (false, Some(_)) => Status::RenewSoon,
        (false, None) => Status::Connected,
    };
    let refused = match &grant.state {
        State::Suspect(suspicion) if suspicion.renewal_refused && (soon.is_some() || doubted.is_some()) => Some(suspicion),
        _ => None,
    };
    let ours = app_refused.then_some((Cause::AppBlocked, Confidence::Likely));
    let known = refused.map(|s| (s.cause, s.confidence)).or(ours).or(soon.map(|_| (Cause::RenewalDue, Confidence::Certain)));
    (after.cause, after.confidence) = known.unzip();
    after.evidence = refused.map(|s| s.evidence.clone());
    after.person = Some(grant.person.clone());
    after.deadline = grant.clocks.human_until;
    after.verified_at = proven.verified_at;
    after.lost_in_rotation = false;
}

/// One is left of several, and an end made it so: whoever was given up here on purpose is nobody's news.
fn last_remaining(before: &Standing, after: &Standing, accesses: &[(&Access, &Grant)]) -> Option<News> {
    let is_news = after.good == 1 && before.good > 1 && after.ended > before.ended;
    let story = latest_story(accesses).filter(|_| is_news)?;
    Some(News::LastRemaining { since: story.since, person: story.person, cause: story.cause })
}

/// The access that ended last.
fn latest_story(accesses: &[(&Access, &Grant)]) -> Option<Story> {
    accesses.iter().filter_map(|(access, grant)| story(access, grant)).max_by_key(|story| story.since)
}

fn show_dead(after: &mut Standing, accesses: &[(&Access, &Grant)]) {
    after.status = Status::Disconnected;
    after.deadline = None;
    // The access that died last is the one that made the profile red; an older story explains nothing.
    match latest_story(accesses) {
        Some(story) => {
            after.cause = Some(story.cause);
            after.confidence = Some(story.confidence);
            after.evidence = Some(story.evidence);
            after.person = Some(story.person);
            after.lost_in_rotation = story.lost_in_rotation;
            after.verified_at = story.verified_at;
        }
        // Somebody held it, and their access was given up here: whatever was known of it explains nothing any more.
        None if accesses.is_empty() && after.person.is_some() => {
            after.cause = Some(Cause::GivenUp);
            after.confidence = Some(Confidence::Certain);
            after.evidence = None;
            after.lost_in_rotation = false;
        }
        None => after.cause = after.cause.or(Some(Cause::Unknown)),
    }
}

struct Story {
    since: Timestamp,
    cause: Cause,
    confidence: Confidence,
    evidence: Evidence,
    person: PersonId,
    lost_in_rotation: bool,
    verified_at: Option<Timestamp>,
}

fn story(access: &Access, grant: &Grant) -> Option<Story> {
    let person = grant.person.clone();
    let verified_at = grant.verified_at;
    if let AccessState::Lost { since, cause, confidence, evidence } = &access.state {
        return Some(Story {
            since: *since,
            cause: *cause,
            confidence: *confidence,
            evidence: evidence.clone(),
            person,
            lost_in_rotation: false,
            verified_at,
        });
    }
    grant.verdict().map(|verdict| Story {
        since: verdict.since,
        cause: verdict.cause,
        confidence: verdict.confidence,
        evidence: verdict.evidence.clone(),
        person,
        lost_in_rotation: verdict.lost_in_rotation,
        verified_at,
    })
}

/// Networks say how many seconds are left: read anew at each renewal, the same day comes out a little different, and is
/// no other day for that.
const SAME_DAY: Span = Span::hours(12);

fn is_another_day(told: Option<Timestamp>, deadline: Option<Timestamp>) -> bool {
    match (told, deadline) {
        (Some(told), Some(deadline)) => told.since(deadline).max(deadline.since(told)) > SAME_DAY,
        (told, deadline) => told != deadline,
    }
}

fn tell(before: &Standing, after: &mut Standing, facts: &Facts, now: Timestamp) -> Vec<News> {
    let mut news = vec![];
    let dead = after.status == Status::Disconnected;
    match (before.episode, dead) {
        (None, true) => {
            after.episode = Some(now);
            news.push(News::NoAccessTokens { episode: now });
        }
        (Some(episode), false) => {
            after.episode = None;
            news.push(News::Recovered { episode });
        }
        (None, false) if before.status == Status::Disconnected => news.push(News::Connected),
        _ => {}
    }
    // Refused again and again is another story, and has evidence.
    let out_of_reach = after.status == Status::Unverified && after.evidence.is_none() && after.cause != Some(Cause::AppBlocked);
    let since = after.verified_at.unwrap_or(after.since);
    if out_of_reach && !after.told_out_of_reach && now.since(since) > facts.unreachable_after {
        after.told_out_of_reach = true;
        news.push(News::OutOfReach { since });
    }
    after.told_out_of_reach &= out_of_reach;
    if is_another_day(after.warned_deadline, after.deadline) && !dead {
        after.warned_deadline = after.deadline;
        after.warned_days = None;
    }
    if let (Some(deadline), false) = (after.deadline, dead) {
        let left = deadline.since(now);
        let step = facts.warn_days.iter().copied().filter(|days| left <= Span::days(*days)).min();
        if let Some(days) = step.filter(|days| left > Span::ZERO && after.warned_days.is_none_or(|told| *days < told)) {
            after.warned_days = Some(days);
            news.push(News::RenewSoon { days, deadline });
        }
    }
    news
}

#[cfg(test)]
mod tests;
