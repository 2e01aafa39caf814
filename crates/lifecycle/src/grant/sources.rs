//! From where each of a grant's three clocks is known.

use super::Grant;
use crate::facts::Facts;
use crate::time::{Span, Timestamp};
use crate::words::word_enum;

word_enum! {
    /// From where an end is known.
    ClockSource {
        /// The network said so together with the token.
        Answered = "answered",
        /// It is the life that the network documents, counted from the day the token was issued.
        Documented = "documented",
        /// The day on which the refresh token ends: then only the person can renew.
        WithRefreshToken = "with_refresh_token",
        /// The day on which the access token ends: there is no other way to renew it than the person.
        WithAccessToken = "with_access_token",
    }
}

/// The sources of the three clocks; `None` where no end is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockSources {
    /// Of the access token's end.
    pub access: Option<ClockSource>,
    /// Of the refresh token's end.
    pub refresh: Option<ClockSource>,
    /// Of the day on which the person must come.
    pub human: Option<ClockSource>,
}

impl Grant {
    /// From where each clock is known. Where a network says what it documents, both are true and the documents are named.
    pub fn clock_sources(&self, facts: &Facts) -> ClockSources {
        let clocks = self.clocks;
        let is = |until: Timestamp, since: Timestamp, life: Option<Span>| life.is_some_and(|life| until == since + life);
        let told = |documented: bool| if documented { ClockSource::Documented } else { ClockSource::Answered };
        let access = clocks.access_until.map(|until| told(is(until, self.issued_at, facts.access_life)));
        let refresh = clocks
            .refresh_until
            .map(|until| told([self.issued_at, self.authorized_at].into_iter().any(|since| is(until, since, facts.refresh_life))));
        let human = clocks.human_until.map(|until| {
            if !self.renewable && clocks.access_until == Some(until) {
                ClockSource::WithAccessToken
            } else if clocks.refresh_until == Some(until) {
                ClockSource::WithRefreshToken
            } else {
                told(is(until, self.authorized_at, facts.manual_renewal_every))
            }
        });
        ClockSources { access, refresh, human }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::RenewalModel;
    use crate::grant::Clocks;
    use crate::ids::{GrantId, PersonId};

    const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

    fn facts() -> Facts {
        Facts {
            renewal: RenewalModel::Stable,
            access_life: Some(Span::days(60)),
            refresh_life: Some(Span::days(365)),
            manual_renewal_every: Some(Span::days(365)),
            ..Facts::unknown()
        }
    }

    fn sources(clocks: Clocks, renewable: bool) -> ClockSources {
        Grant::born(GrantId::from_u128(1), PersonId::from_u128(2), clocks, renewable, &facts(), NOW).grant.clock_sources(&facts())
    }

    #[test]
    fn each_clock_says_from_where_it_is_known() {
        use ClockSource::{Answered, Documented, WithAccessToken, WithRefreshToken};
        let silent = sources(Clocks::default(), true);
        assert_eq!((silent.access, silent.refresh), (Some(Documented), Some(Documented)));
        assert_eq!(silent.human, Some(WithRefreshToken), "the day is the refresh token's end");

        let cut = Clocks { access_until: Some(NOW + Span::days(5)), refresh_until: Some(NOW + Span::days(20)), human_until: None };
        let told = sources(cut, true);
        assert_eq!((told.access, told.refresh, told.human), (Some(Answered), Some(Answered), Some(Documented)));

        let without = sources(Clocks::default(), false);
        assert_eq!((without.access, without.refresh, without.human), (Some(Documented), None, Some(WithAccessToken)));
    }
}
