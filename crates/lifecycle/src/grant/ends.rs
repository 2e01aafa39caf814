//! Where the life of a rotating token ends: each renewal begins a new one, or all of them end on the day that the login fixed. And the
//! person's day, while renewals are refused.

use super::stepper::Stepper;
use super::{BroughtForward, Clocks, State};
use crate::facts::RenewalModel;
use crate::time::{Span, Timestamp};
use crate::words::{Cause, Confidence};

/// Moments that are told in seconds left, or by another clock, are that near where they are the same.
const NEARLY: Span = Span::minutes(1);

/// When a successor ends of which the network says nothing: on its person's day, where the one before did; any other lives as long as the
/// one before was given when it came. That one's own end, kept, would be asked about again and again once it is over.
pub(super) fn successors_end(kept: Clocks, waited: Span, now: Timestamp) -> Option<Timestamp> {
    let until = kept.refresh_until?;
    let ends_with_day = kept.human_until.is_some_and(|day| day <= until);
    Some(if ends_with_day { until } else { until + waited }).filter(|until| *until > now || ends_with_day)
}

/// The day is the refresh token's end.
fn ends_on_its_day(clocks: Clocks) -> bool {
    clocks.human_until.is_some() && clocks.human_until == clocks.refresh_until
}

impl Stepper<'_> {
    /// Whether renewals alone could keep it alive for good.
    fn could_go_on(&self) -> bool {
        let rotates = matches!(self.facts.renewal, RenewalModel::Rotating(_));
        rotates && self.grant.renewable && self.facts.manual_renewal_every.is_none()
    }

    /// The person's day as it was before a renewal with such an answer. One that was only concluded from an end that stayed where it was
    /// is concluded anew where the answer names an end: there are networks that put it off only late in a life.
    pub(super) fn kept_day(&self, kept: Clocks, answered: Clocks) -> Option<Timestamp> {
        let is_concluded = self.could_go_on() && answered.refresh_until.is_some() && ends_on_its_day(kept);
        kept.human_until.filter(|_| !is_concluded)
    }

    /// How long the last renewal was waited for, where it left the end of the refresh token where it was.
    pub(super) fn in_vain(&self, kept: Clocks, waited: Span) -> Option<Span> {
        // What a life restarts with is as much later as was waited. Two renewals within a minute show nothing new.
        let put_off = self.grant.clocks.refresh_until?.since(kept.refresh_until?);
        let stays = if waited > NEARLY { put_off < waited.times(1, 2) } else { ends_on_its_day(kept) && put_off < NEARLY };
        stays.then_some(waited)
    }

    /// A renewal was in vain: on that day the person has to come, as where the network names it.
    pub(super) fn take_end_for_day(&mut self) {
        if self.could_go_on() && self.grant.clocks.human_until.is_none() {
            self.grant.clocks.human_until = self.grant.clocks.refresh_until;
        }
    }

    /// Renewals are refused, and the access token works: the person should come before that one ends.
    pub(super) fn bring_day_forward(&mut self) {
        let State::Suspect(suspicion) = &mut self.grant.state else { return };
        let clocks = &mut self.grant.clocks;
        suspicion.brought_forward.get_or_insert(BroughtForward { from: clocks.human_until });
        clocks.human_until = [clocks.human_until, clocks.access_until].into_iter().flatten().min();
    }

    /// Nothing is suspected any more, or there is a verdict: the person's day is what it was.
    pub(super) fn give_day_back(&mut self) {
        let State::Suspect(suspicion) = &mut self.grant.state else { return };
        if let Some(BroughtForward { from }) = suspicion.brought_forward.take() {
            self.grant.clocks.human_until = from;
        }
    }

    /// The person's day as the network has it, wherever it was brought forward to.
    pub(super) fn own_day(&self) -> Option<Timestamp> {
        match &self.grant.state {
            State::Suspect(suspicion) => suspicion.brought_forward.map_or(self.grant.clocks.human_until, |brought| brought.from),
            _ => self.grant.clocks.human_until,
        }
    }

    /// A verdict for which the network gives no reason, after renewals were refused from the end on that the login had named: where that is
    /// named once, nobody can know whether renewals put it off until one of them is granted behind it.
    pub(super) fn by_end_of_login(&self, cause: Cause, confidence: Confidence) -> (Cause, Confidence) {
        let clocks = self.grant.clocks;
        let explains_nothing = cause == Cause::Unknown || confidence == Confidence::Guess;
        let is_named_once = self.could_go_on() && self.facts.refresh_life.is_none() && !ends_on_its_day(clocks);
        let Some(until) = clocks.refresh_until.filter(|_| explains_nothing && is_named_once) else { return (cause, confidence) };
        // Each successor was taken to live as long as the first token.
        let end = self.grant.authorized_at + until.since(self.grant.issued_at);
        let refused_at = match &self.grant.state {
            State::Suspect(suspicion) => suspicion.since,
            _ => self.now,
        };
        let comes_to_it = self.grant.issued_at < end && end <= refused_at + NEARLY;
        if comes_to_it { (Cause::Expired, Confidence::Likely) } else { (cause, confidence) }
    }
}
