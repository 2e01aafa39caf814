//! A clock that was set far away from where it was: what is due by it is not believed at once. A day forward would renew everything
//! and call people whose day has not come; and who set it by mistake sets it back.

use lifecycle::time::{Span, Timestamp};

/// By so much a clock may be set before nothing is done by it: less moves no deadline by a day.
const FAR: Span = Span::hours(6);
/// Who leaves it there for so long means it.
const MEANT_AFTER: Span = Span::hours(1);

/// Compares the clock with a counter of the machine that nobody sets.
#[derive(Debug, Clone, Default)]
pub(crate) struct Steady {
    /// How far the clock is from the counter when all is well.
    usual: Option<Span>,
    /// The counter when the clock was found far away, and how far.
    doubted: Option<(Timestamp, Span)>,
}

impl Steady {
    /// By how much the clock was set, where that is not believed yet. `counter` is the moment by a counter that nobody sets.
    pub(crate) fn set_by(&mut self, clock: Timestamp, counter: Option<Timestamp>) -> Option<Span> {
        let counter = counter?;
        let away = clock.since(counter);
        let usual = *self.usual.get_or_insert(away);
        if is_near(away, usual) {
            // Small corrections add up over the years.
            (self.usual, self.doubted) = (Some(away), None);
            return None;
        }
        let since = match self.doubted {
            Some((since, was)) if is_near(away, was) => since,
            _ => counter,
        };
        self.doubted = Some((since, away));
        if counter.since(since) >= MEANT_AFTER {
            (self.usual, self.doubted) = (Some(away), None);
            return None;
        }
        Some(away - usual)
    }
}

fn is_near(one: Span, other: Span) -> bool {
    (one - other).max(other - one) < FAR
}

#[cfg(test)]
mod tests {
    use super::*;

    const T0: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn counter(seconds: i64) -> Option<Timestamp> {
        Some(Timestamp::from_seconds(seconds))
    }

    #[test]
    fn a_day_is_doubted_for_an_hour_or_until_it_is_taken_back() {
        for day in [Span::days(1), Span::ZERO - Span::days(1)] {
            let mut steady = Steady::default();
            let mut look = |seconds, set| steady.set_by(T0 + Span::seconds(seconds) + set, counter(seconds));
            assert_eq!(look(0, Span::ZERO), None, "the first look has nothing to compare with");
            assert_eq!(look(10, day), Some(day));
            assert_eq!(look(20, Span::ZERO), None, "taken back");
            assert_eq!(look(30, day), Some(day));
            assert_eq!(look(30 + 3_599, day), Some(day));
            assert_eq!(look(30 + 3_600, day), None, "meant");
            assert_eq!(look(30 + 3_700, Span::ZERO), Some(Span::ZERO - day), "and doubted the other way");
        }
    }

    #[test]
    fn who_sets_it_again_has_an_hour_of_his_own() {
        let mut steady = Steady::default();
        steady.set_by(T0, counter(0));
        assert!(steady.set_by(T0 + Span::days(1), counter(0)).is_some());
        assert!(steady.set_by(T0 + Span::days(3), counter(3_500)).is_some());
        assert!(steady.set_by(T0 + Span::days(3), counter(3_700)).is_some(), "the hour of the first day is none of the third's");
    }

    #[test]
    fn small_corrections_are_nothing_however_many() {
        let mut steady = Steady::default();
        for hour in 0..100 {
            let at = T0 + Span::hours(hour) + Span::minutes(20 * hour);
            assert_eq!(steady.set_by(at, counter(hour * 3_600)), None);
        }
        assert_eq!(steady.set_by(T0, None), None, "where there is no counter nothing is doubted");
        assert_eq!(Steady::default().set_by(T0, None), None);
    }
}
