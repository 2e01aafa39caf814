//! What is known of a network's tokens, as a value: rules never ask which network it is.

use crate::budget::Pace;
use crate::time::Span;

/// What the network does with a refresh token that was already used (reliability-security 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reuse {
    /// SF: reuse revokes the whole family. Assumed of every network not tested live.
    RevokesFamily,
    /// S: the old one is refused, nothing else happens.
    Refused,
    /// G: accepted again for that long.
    Grace(Span),
    /// R: accepted again until its successor is used.
    UntilUsed,
}

/// How an access token gets a longer life without the person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RenewalModel {
    /// Each renewal answers with a new refresh token.
    Rotating(Reuse),
    /// N: the refresh token stays the same.
    Stable,
    /// X: the access token itself is extended, not earlier than this after it was issued.
    Extending(Span),
    /// Only the person can renew, by logging in again.
    ByPerson,
}

/// What happens to a token after a verdict, while the person has not come yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterVerdict {
    /// It is looked at now and then, four times as rarely as before and daily at the least: an unblocked account comes
    /// back by itself.
    LookRarely,
    /// It is never sent again by itself: the network takes calls with a dead secret for an attack (Discord bans the
    /// address that repeats them), and nothing brings the secret back.
    LeaveAlone,
}

/// Lifetimes, deadlines and habits of one network. Lives in an answer win over these; every field can be set by
/// the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// How tokens are renewed.
    pub renewal: RenewalModel,
    /// Life of an access token where the answer does not say; `None`: no end is known.
    pub access_life: Option<Span>,
    /// Life of a refresh token where the answer does not say.
    pub refresh_life: Option<Span>,
    /// The network demands a manual renewal that long after the person authorised (LinkedIn, TikTok: 365 days).
    pub manual_renewal_every: Option<Span>,
    /// How long an answer to a renewal is waited for (RF-15).
    pub answer_timeout: Span,
    /// How long a lease lasts; longer than the answer is waited for (RF-07).
    pub lease: Span,
    /// How often a token that nobody uses is looked at.
    pub probe_every: Span,
    /// The network charges for each call (X): a wish to look more often that was not said of this network alone does not count.
    pub calls_cost: bool,
    /// The longest that a rotating token nobody uses goes without proof: its access token has ended, and only a renewal could
    /// prove it, which is a rotation, and each rotation can go wrong (RF-01). See [`idle_check_within_budget`].
    pub idle_check_every: Span,
    /// What happens to a token after a verdict.
    pub after_verdict: AfterVerdict,
    /// Time between a refusal and the second look (RF-32: 30 s at least).
    pub second_look_after: Span,
    /// How long a mere guess has to last where nobody can be asked about the person any more. Networks have answered trouble of their
    /// own with refused renewals for an hour or two (RF-33, NT-38), and an idle token whose access token is over can only be asked
    /// by renewals. A lost answer before it makes a loss likelier, and not certain: the same trouble may have eaten the answer.
    pub doubt_for: Span,
    /// How long the network has to be out of reach until the owner hears of it: an outage of days is nobody's to mend, a server that
    /// is gone for good is.
    pub unreachable_after: Span,
    /// How many days ahead a manual renewal is announced, longest first.
    pub warn_days: Vec<i64>,
    /// How fast our network app may ask (RF-05).
    pub pace: Pace,
}

impl Facts {
    /// Whether the access token is all there is, and can be made to live longer only while it lives: its end is the end.
    pub const fn is_extending(&self) -> bool {
        matches!(self.renewal, RenewalModel::Extending(_))
    }

    /// What is assumed of a network of which nothing is known: strict, looked at every six hours.
    pub fn unknown() -> Self {
        Self {
            renewal: RenewalModel::Rotating(Reuse::RevokesFamily),
            access_life: Some(Span::hours(1)),
            refresh_life: None,
            manual_renewal_every: None,
            answer_timeout: Span::seconds(90),
            lease: Span::seconds(180),
            probe_every: Span::hours(6),
            calls_cost: false,
            idle_check_every: idle_check_within_budget(Rotations::default().lost_of_a_million()),
            after_verdict: AfterVerdict::LookRarely,
            second_look_after: Span::seconds(30),
            doubt_for: Span::hours(3),
            unreachable_after: Span::days(14),
            warn_days: vec![30, 14, 7, 1],
            pace: Pace::USUAL,
        }
    }
}

/// What was measured of a network's rotations: how many there were, and after how many the token was lost, because the answer never
/// came and the network then refused the old token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rotations {
    /// Renewals that were answered with a new token set.
    pub done: i64,
    /// Token sets that were lost in rotation.
    pub lost: i64,
}

/// What is assumed weighs as much as so many rotations, of which one was lost: 50 of a million.
const ASSUMED: Rotations = Rotations { done: 20_000, lost: 1 };

impl Rotations {
    /// How many of a million rotations lose their token, as far as is known; what was assumed fades as more is measured (RF-01).
    pub const fn lost_of_a_million(self) -> i64 {
        (self.lost + ASSUMED.lost).saturating_mul(1_000_000) / (self.done + self.lost + ASSUMED.done)
    }

    /// How many of a thousand idle accounts are lost in a year, when each is proven so often.
    pub const fn lost_of_a_thousand_in_a_year(self, every: Span) -> i64 {
        let each = if every.as_micros() > 0 { every.as_micros() } else { 1 };
        let year = Span::days(365).as_micros();
        (year / each).saturating_mul(self.lost_of_a_million()) / 1_000
    }
}

/// How much of an account may be lost by rotations nobody asked for, in millionths a year: half a per cent.
const BUDGET: i64 = 5_000;

/// How far apart the rotations of an idle account have to be, so that it costs no more than the budget: 365 days times the share of
/// rotations that get lost, over what may be lost in a year; one day at least and a week at most (RF-01).
pub const fn idle_check_within_budget(lost_of_a_million: i64) -> Span {
    let micros = 365 * 86_400 * 1_000_000 / BUDGET * lost_of_a_million;
    let (day, week) = (Span::days(1).as_micros(), Span::days(7).as_micros());
    Span::micros(if micros < day {
        day
    } else if micros > week {
        week
    } else {
        micros
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// However much was measured, and whatever: an idle account is proven once a day at most and once a week at least, and at that
        /// distance it is lost no more often than the budget says, unless a week is not enough for it.
        #[test]
        fn rf_01_the_idle_check_keeps_the_budget(done in 0..1_000_000_000_i64, lost in 0..1_000_000_i64) {
            let measured = Rotations { done, lost };
            let q = measured.lost_of_a_million();
            let every = idle_check_within_budget(q);
            prop_assert!(every >= Span::days(1) && every <= Span::days(7));
            prop_assert!(measured.lost_of_a_thousand_in_a_year(every) <= 5 || every == Span::days(7));
            let worse = Rotations { done, lost: lost + 1 };
            prop_assert!(idle_check_within_budget(worse.lost_of_a_million()) >= every, "what loses more is rotated less");
        }
    }

    #[test]
    fn what_is_assumed_fades_as_more_is_measured() {
        assert_eq!(Rotations::default().lost_of_a_million(), 50);
        assert_eq!(Rotations { done: 20_000, lost: 0 }.lost_of_a_million(), 25);
        assert_eq!(Rotations { done: 2_000_000, lost: 400 }.lost_of_a_million(), 198);
        let usual = idle_check_within_budget(50);
        assert_eq!(Rotations::default().lost_of_a_thousand_in_a_year(usual), 5);
        assert_eq!(Rotations::default().lost_of_a_thousand_in_a_year(Span::hours(2)), 219);
    }

    #[test]
    fn the_budget_of_the_requirement() {
        assert_eq!(idle_check_within_budget(50), Span::minutes(5_256), "3.65 days");
        assert_eq!((idle_check_within_budget(1), idle_check_within_budget(1_000)), (Span::days(1), Span::days(7)));
    }
}
