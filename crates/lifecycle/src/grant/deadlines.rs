//! What the passing of time alone does to a grant.

use super::State;
use super::stepper::Stepper;
use crate::time::Timestamp;
use crate::words::{Cause, Confidence, Evidence};

impl Stepper<'_> {
    /// Whether a life is over also by a clock that may be wrong.
    fn is_long_over(&self, until: Option<Timestamp>) -> bool {
        until.is_some_and(|until| until + self.grant.clock_doubt() <= self.now)
    }

    /// Whether nobody has asked at the end of a refresh token's life: the clock by which it has come may be wrong, and one question tells.
    fn is_to_be_asked(&self) -> bool {
        matches!(self.grant.state, State::Fresh) && self.grant.failures == 0
    }

    /// Known ends need no refusal: a clock that is over is a verdict by itself, once nobody can be asked any more or asking proved nothing.
    pub(super) fn check_deadlines(&mut self) {
        if matches!(self.grant.state, State::NeedsPerson(_)) {
            return;
        }
        let over = |clock: Option<Timestamp>| clock.is_some_and(|until| until <= self.now);
        let clocks = self.grant.clocks;
        let access_over = clocks.access_until.is_none() || over(clocks.access_until);
        let refused = match &self.grant.state {
            // A guess ripens by what the network says, not by the mere passing of time: whom only our own mistake or an outage kept from
            // asking again is asked first.
            State::Suspect(suspicion)
                if suspicion.renewal_refused && suspicion.refusals >= 2 && !suspicion.waits(self.facts, suspicion.last_at) =>
            {
                Some(suspicion.clone())
            }
            _ => None,
        };
        if let Some(suspicion) = refused.filter(|_| over(clocks.access_until)) {
            self.needs_person(suspicion.cause, suspicion.confidence, suspicion.evidence, suspicion.after_lost_answer);
        } else if over(self.own_day()) && self.facts.manual_renewal_every.is_some() && self.grant.renewable {
            self.needs_person(
                Cause::RenewalDue,
                Confidence::Certain,
                Evidence::by_clock(self.now, "the network demands a manual renewal and its day has come"),
                false,
            );
        } else if self.is_long_over(clocks.refresh_until) && access_over && self.is_to_be_asked() {
            self.grant.renew_at = Some(self.now);
        } else if self.is_long_over(clocks.refresh_until) && access_over {
            self.needs_person(Cause::Expired, Confidence::Certain, Evidence::by_clock(self.now, "the refresh token's life is over"), false);
        } else if (!self.grant.renewable || self.facts.is_extending()) && self.is_long_over(clocks.access_until) {
            self.needs_person(
                Cause::Expired,
                Confidence::Certain,
                Evidence::by_clock(self.now, "the access token's life is over and it cannot be renewed"),
                false,
            );
        }
    }
}
