//! From what happened to what is committed: the same for the keeper and for the simulator.

use crate::access::{self, Access, AccessHappening};
use crate::breaker::is_held;
use crate::diagnosis::Diagnosis;
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
    let seen: Vec<Access> = looked.accesses.iter().map(|(access, _)| access.clone()).collect();
    if let Some(look) = access::second_look_at(&seen, facts) {
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
/// (RF-33). `None` when the verdict stands. `counted` is how many grants of the app are refused, of how many; who could not count
/// does not judge either.
pub fn held_instead(event: &Event, since: Timestamp, counted: Option<(u64, u64)>, now: Timestamp) -> Option<Event> {
    if counted.is_some_and(|(refused, all)| !is_held(since, refused, all, now)) {
        return None;
    }
    let words = "many accounts of this network are refused at once: looked at as an incident of the network";
    let held = Diagnosis::transient(Evidence::new(now, Source::Probe, None, Some("held"), words), Some(LOOK_AGAIN));
    Some(match event {
        Event::RenewFailed(_) => Event::RenewFailed(held),
        _ => Event::Probed(held),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grant::Clocks;
    use crate::ids::{GrantId, PersonId};
    use crate::words::{Cause, Confidence};

    /// RF-33: a renewal that is refused twice while the token works calls the person, and so has to be counted first.
    #[test]
    fn a_day_that_is_brought_forward_calls_the_person_as_a_verdict_does() {
        let (facts, t0) = (Facts::unknown(), Timestamp::from_seconds(1_700_000_000));
        let clocks = Clocks { access_until: Some(t0 + Span::days(30)), ..Clocks::default() };
        let mut grant = Grant::born(GrantId::from_u128(1), PersonId::from_u128(2), clocks, true, &facts, t0).grant;
        let seen = |at, source| Evidence::new(at, source, Some(401), Some("2"), "Authentication failed.");
        let refused = |at| Event::RenewFailed(Diagnosis::refused(Cause::Unknown, Confidence::Guess, seen(at, Source::Renewal)));
        let works = |at| Event::Probed(Diagnosis::works(seen(at, Source::Probe)));
        let mut called = vec![];
        for (seconds, is_look) in [(0, false), (1, true), (40, false), (41, true), (42, true)] {
            let at = t0 + Span::seconds(seconds);
            let after = grant::step(&grant, &if is_look { works(at) } else { refused(at) }, &facts, at).grant;
            called.push(calls_person(&grant, &after));
            grant = after;
        }
        assert_eq!(called, [false, false, false, true, false], "once, by the good look after the second refusal");
    }
}
