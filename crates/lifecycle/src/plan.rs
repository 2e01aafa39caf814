//! From what happened to what is committed: the same for the keeper and for the simulator.

use crate::access::{self, Access, AccessHappening};
use crate::breaker::is_held;
use crate::diagnosis::{Diagnosis, Finding};
use crate::facts::Facts;
use crate::grant::{self, Event, Grant};
use crate::ids::AttemptId;
use crate::ledger::{Asset, Claim, Commit, Ending};
use crate::secret::TokenSet;
use crate::time::{Span, Timestamp};
use crate::words::{Evidence, Source};

/// How long a held verdict waits for the next look.
const LOOK_AGAIN: Span = Span::minutes(5);

/// An access with what a look at it says happened.
pub type SeenAccess = (Access, Option<AccessHappening>);

/// What a complete listing of the network showed.
#[derive(Debug, Clone, Default)]
pub struct Looked {
    /// The accesses of the grant, looked at.
    pub accesses: Vec<SeenAccess>,
    /// Everything that was listed; `None` where nobody asked.
    pub listed: Option<Vec<Asset>>,
}

/// What happened to a claimed grant, before the rules have spoken.
#[derive(Debug, Clone)]
pub struct Happened {
    /// The event.
    pub event: Event,
    /// The new token set, when there is one.
    pub tokens: Option<TokenSet>,
    /// The journal row that this closes.
    pub closes: Option<(AttemptId, Ending)>,
    /// What was listed on the way.
    pub looked: Looked,
}

impl From<Event> for Happened {
    fn from(event: Event) -> Self {
        Self { event, tokens: None, closes: None, looked: Looked::default() }
    }
}

/// The step of the rules, as one commit.
pub fn plan(claim: &Claim, facts: &Facts, happened: Happened, now: Timestamp) -> Commit {
    let Happened { event, tokens, closes, looked } = happened;
    let mut step = grant::step(&claim.grant, &event, facts, now);
    if let Some(look) = access::second_look_at(looked.accesses.iter().map(|(access, _)| access), facts) {
        step.grant.probe_at = Some(step.grant.probe_at.map_or(look, |at| at.min(look)));
    }
    Commit {
        lease: claim.lease.clone(),
        generation_before: claim.grant.generation,
        grant: step.grant,
        tokens,
        accesses: looked.accesses,
        listed: looked.listed,
        closes,
        happenings: step.happenings,
        facts: facts.clone(),
        now,
        keep_lease: false,
    }
}

/// Whether a step calls the person: by a verdict, or by bringing their day forward because a token that works is not renewed any more.
/// Either may be a mistake of ours that meets everybody at once, as a wrong client secret does (RF-33).
fn calls_person(before: &Grant, after: &Grant) -> bool {
    let is_judged = after.verdict().is_some() && before.verdict().is_none();
    let day = |grant: &Grant| grant.clocks.human_until;
    let is_sooner = day(after).is_some_and(|end| day(before).is_none_or(|was| end < was));
    is_judged || (is_sooner && after.generation == before.generation)
}

/// Since when the grant is refused, where this event would call the person who was not called before. Only then does it have to
/// be counted who else is refused.
pub fn verdict_since(claim: &Claim, facts: &Facts, event: &Event, now: Timestamp) -> Option<Timestamp> {
    let after = grant::step(&claim.grant, event, facts, now).grant;
    let since = after.refused_since().filter(|_| calls_person(&claim.grant, &after))?;
    Some(claim.grant.refused_since().unwrap_or(since))
}

/// The event instead of a verdict that has to wait: a whole network turns refused at once, which is an incident or our mistake
/// (RF-33). `None` when the verdict stands. `counted` is how many grants of the app are refused since about then, of how many; who
/// could not count does not judge either. The network's final word becomes a first refusal, so that it is counted with the others.
pub fn held_instead(claim: &Claim, event: &Event, since: Timestamp, counted: Option<(u64, u64)>, now: Timestamp) -> Option<Event> {
    let is_first = claim.grant.refused_since().is_none();
    if counted.is_some_and(|(refused, all)| !is_held(since, refused + u64::from(is_first), all, now)) {
        return None;
    }
    if is_first && let Some(doubted) = as_first_refusal(event) {
        return Some(doubted);
    }
    let words = "many accounts of this network are refused at once: looked at as an incident of the network";
    let held = Diagnosis::transient(Evidence::new(now, Source::Probe, None, Some("held"), words), Some(LOOK_AGAIN));
    Some(match event {
        Event::RenewFailed(_) => Event::RenewFailed(held),
        _ => Event::Probed(held),
    })
}

/// The same refusal, not taken as the last word; `None` where nothing was refused.
fn as_first_refusal(event: &Event) -> Option<Event> {
    let doubted = |diagnosis: &Diagnosis| match &diagnosis.finding {
        Finding::Refused { cause, confidence, .. } => Some(Diagnosis::refused(*cause, *confidence, diagnosis.evidence.clone())),
        _ => None,
    };
    match event {
        Event::RenewFailed(diagnosis) => doubted(diagnosis).map(Event::RenewFailed),
        Event::Probed(diagnosis) => doubted(diagnosis).map(Event::Probed),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
