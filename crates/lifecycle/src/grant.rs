//! The life of a grant: `step(grant, event, facts, now)`. Total: every pair of state and event has an answer; an
//! impossible pair keeps the state and says [`Happening::Surprise`].

mod deadlines;
mod ends;
mod sources;
mod stepper;

use serde::{Deserialize, Serialize};

pub use sources::{ClockSource, ClockSources};

use crate::diagnosis::{Diagnosis, Finding};
use crate::facts::Facts;
use crate::ids::{GrantId, PersonId};
use crate::time::{Span, Timestamp};
use crate::words::{Cause, Confidence, Evidence, Source, word_enum};

/// The three clocks of a grant. They are different things (networks/README).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Clocks {
    /// End of the access token's life.
    pub access_until: Option<Timestamp>,
    /// End of the refresh token's life.
    pub refresh_until: Option<Timestamp>,
    /// The day on which the person must come again.
    pub human_until: Option<Timestamp>,
}

/// What stands against a grant while it is being looked at again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suspicion {
    /// When the first refusal came.
    pub since: Timestamp,
    /// Refusals that count: each at least a second-look distance after the one before.
    pub refusals: u32,
    /// When the last counted refusal came.
    pub last_at: Timestamp,
    /// The access token was refused in an identity call.
    pub identity_refused: bool,
    /// A renewal was refused.
    pub renewal_refused: bool,
    /// The refusal followed a renewal whose answer was lost (RF-29).
    pub after_lost_answer: bool,
    /// The token set was renewed since: what is refused now is not the token.
    #[serde(default)]
    pub was_renewed: bool,
    /// The person's day was brought forward to the end of the access token, which works and cannot be renewed.
    #[serde(default)]
    pub brought_forward: Option<BroughtForward>,
    /// The best explanation so far.
    pub cause: Cause,
    /// How sure it is.
    pub confidence: Confidence,
    /// What it rests on.
    pub evidence: Evidence,
}

/// From which day the person's was brought forward, and to which it goes back when renewals are no longer refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BroughtForward {
    /// The day; `None`: there was none.
    pub from: Option<Timestamp>,
}

/// The verdict: nothing but a person helps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// Since when.
    pub since: Timestamp,
    /// Why.
    pub cause: Cause,
    /// How sure that is.
    pub confidence: Confidence,
    /// In the network's own words.
    pub evidence: Evidence,
    /// The token was lost in rotation: the network renewed it and the answer never arrived (RF-29).
    pub lost_in_rotation: bool,
    /// The person was refused, with a token that is alive: a renewal proves nothing against it, only a look does.
    #[serde(default)]
    pub person_refused: bool,
    /// Good looks in a row since the verdict; two of them lift it (RF-36).
    pub good_looks: u32,
}

/// The stored state of a grant. "Due" and "renewing" are not stored: see [`Grant::phase`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum State {
    /// Nothing stands against it.
    Fresh,
    /// A renewal was sent and its answer never arrived: it may or may not have happened.
    Unsure {
        /// Since when.
        since: Timestamp,
        /// Lost answers in a row.
        tries: u32,
    },
    /// The network refused; a second look decides.
    Suspect(Suspicion),
    /// Dead until a person comes.
    NeedsPerson(Verdict),
}

/// One person's token set at one network app, without the secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Its id.
    pub id: GrantId,
    /// Who granted it.
    pub person: PersonId,
    /// Counts the token sets this grant has had; only grows (I3).
    pub generation: i64,
    /// Where it stands.
    pub state: State,
    /// Its three clocks.
    pub clocks: Clocks,
    /// A token set can be renewed without the person.
    pub renewable: bool,
    /// When the person last authorised.
    pub authorized_at: Timestamp,
    /// When the present token set was issued.
    pub issued_at: Timestamp,
    /// When the network last answered that it works.
    pub verified_at: Option<Timestamp>,
    /// Since when the network cannot be reached, if it cannot.
    pub unreachable_since: Option<Timestamp>,
    /// Failures in a row that spent nothing.
    pub failures: u32,
    /// When to look next.
    pub probe_at: Option<Timestamp>,
    /// When to renew next.
    pub renew_at: Option<Timestamp>,
}

/// What can happen to a grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The person authorised, for the first time or again.
    Authorized {
        /// Who came.
        person: PersonId,
        /// The clocks of the new token set.
        clocks: Clocks,
        /// Whether it can be renewed without the person.
        renewable: bool,
    },
    /// A renewal was answered with a new token set.
    Renewed {
        /// The clocks of the new token set; what the answer leaves out is `None`.
        clocks: Clocks,
    },
    /// A renewal was answered otherwise.
    RenewFailed(Diagnosis),
    /// A renewal was sent and no answer arrived.
    RenewLost(Evidence),
    /// A probe was answered.
    Probed(Diagnosis),
    /// Real use was answered.
    Used(Diagnosis),
    /// Time passed; nothing else. Known deadlines are looked at.
    DeadlineReached,
}

word_enum! {
    /// What a step says happened, for the event log.
    Happening {
        /// The person authorised.
        Authorized = "grant.authorized",
        /// A new token set is stored.
        Renewed = "grant.renewed",
        /// The network refused; a second look is due.
        Suspected = "grant.suspected",
        /// The suspicion was wrong.
        Cleared = "grant.cleared",
        /// A renewal's answer was lost.
        Unsure = "grant.unsure",
        /// Only a person can repair it.
        NeedsPerson = "grant.needs_person",
        /// It works again although nobody authorised (an unblocked account).
        CameBack = "grant.came_back",
        /// The network cannot be reached.
        Unreachable = "network.unreachable",
        /// The network answers again.
        Reachable = "network.reachable",
        /// The network refuses our network app or our request.
        Misconfigured = "network.misconfigured",
        /// A pair of state and event that should not exist.
        Surprise = "grant.surprise",
    }
}

/// The outcome of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The grant as it is now.
    pub grant: Grant,
    /// What is worth recording, with the evidence where there is any.
    pub happenings: Vec<(Happening, Option<Evidence>)>,
}

/// Where a grant stands, in the words of the design page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Works, nothing to do.
    Fresh,
    /// A renewal is due.
    Due,
    /// An answer was lost.
    Unsure,
    /// Being looked at again.
    Suspect,
    /// Needs its person.
    NeedsPerson,
}

impl Grant {
    /// A grant as it is born from a first authorisation.
    pub fn born(id: GrantId, person: PersonId, clocks: Clocks, renewable: bool, facts: &Facts, now: Timestamp) -> Step {
        let unborn = Grant {
            id,
            person: person.clone(),
            generation: 0,
            state: State::Fresh,
            clocks: Clocks::default(),
            renewable,
            authorized_at: now,
            issued_at: now,
            verified_at: None,
            unreachable_since: None,
            failures: 0,
            probe_at: None,
            renew_at: None,
        };
        step(&unborn, &Event::Authorized { person, clocks, renewable }, facts, now)
    }

    /// How long an end that our own clock alone knows is waited for. While nobody can ask, because the network says that the fault is ours
    /// (a proof "too far off") or is not reached, nothing proves that the end has come, and the clock may be the fault: G28 asks for no
    /// early death with a day too many, at the moment from which the end was reckoned and at the one in which it is looked at.
    pub(crate) fn clock_doubt(&self) -> Span {
        if self.failures > 0 { Span::hours(48) } else { Span::ZERO }
    }

    /// Whether a good answer to a probe leaves a doubt standing, because the listing that belongs to the look came to `listing`: some
    /// networks call a token valid whose person they refuse everything (Meta, when data access is over). Until the listing is seen again
    /// there is no all-clear. Where it is our configuration that forbids the listing for good, it is waited for only if it was a listing
    /// that raised the doubt.
    pub fn doubt_outlives(&self, listing: &Finding) -> bool {
        let source = match &self.state {
            State::Fresh | State::Unsure { .. } => return false,
            State::Suspect(suspicion) => suspicion.evidence.source,
            State::NeedsPerson(verdict) => verdict.evidence.source,
        };
        matches!(listing, Finding::Transient { .. }) || (matches!(listing, Finding::Misconfigured) && source == Source::Discovery)
    }

    /// Where it stands at `now`.
    pub fn phase(&self, now: Timestamp) -> Phase {
        match &self.state {
            State::Fresh if self.renew_at.is_some_and(|at| at <= now) => Phase::Due,
            State::Fresh => Phase::Fresh,
            State::Unsure { .. } => Phase::Unsure,
            State::Suspect(_) => Phase::Suspect,
            State::NeedsPerson(_) => Phase::NeedsPerson,
        }
    }

    /// Since when the network refuses it; `None` for what our own clock knows to be over, and for a mere suspicion.
    pub fn refused_since(&self) -> Option<Timestamp> {
        match &self.state {
            State::Suspect(suspicion) if suspicion.refusals > 0 => Some(suspicion.since),
            State::NeedsPerson(verdict) if verdict.evidence.source != Source::Clock => Some(verdict.since),
            _ => None,
        }
    }

    /// The verdict, if there is one.
    pub fn verdict(&self) -> Option<&Verdict> {
        match &self.state {
            State::NeedsPerson(verdict) => Some(verdict),
            _ => None,
        }
    }

    fn access_is_over(&self, now: Timestamp) -> bool {
        self.clocks.access_until.is_some_and(|until| until <= now)
    }
}

/// One step in the life of a grant.
pub fn step(grant: &Grant, event: &Event, facts: &Facts, now: Timestamp) -> Step {
    let mut stepper = stepper::Stepper { grant: grant.clone(), happenings: vec![], facts, now };
    match event {
        Event::Authorized { person, clocks, renewable } => stepper.authorized(person, *clocks, *renewable),
        Event::Renewed { clocks } => stepper.renewed(*clocks),
        Event::RenewFailed(diagnosis) => stepper.renew_failed(diagnosis),
        Event::RenewLost(evidence) => stepper.renew_lost(evidence),
        Event::Probed(diagnosis) => stepper.probed(diagnosis),
        Event::Used(diagnosis) => stepper.used(diagnosis),
        Event::DeadlineReached => stepper.skip_probe(),
    }
    if matches!(event, Event::RenewFailed(_) | Event::RenewLost(_)) {
        stepper.look_no_sooner_than_renewal();
    }
    stepper.check_deadlines();
    stepper.leave_the_dead_alone();
    Step { grant: stepper.grant, happenings: stepper.happenings }
}

#[cfg(test)]
mod clock_tests;
#[cfg(test)]
mod tests;
