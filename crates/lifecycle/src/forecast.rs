//! What will need a person, and when: the same rules run forward. Nothing here guesses: a day is known, follows from a
//! network's rule, or cannot be predicted.

use crate::access::{Access, AccessState};
use crate::facts::{Facts, RenewalModel};
use crate::grant::{Grant, State};
use crate::ids::PersonId;
use crate::time::Timestamp;
use crate::words::{Cause, word_enum};

word_enum! {
    /// What a day rests on.
    Basis {
        /// The network named the day in an answer, or it is over already.
        KnownDate = "known_date",
        /// The day follows from a rule that the network publishes.
        NetworkRule = "network_rule",
        /// No day is known: it works until somebody changes something.
        Unpredictable = "unpredictable",
    }
}

/// When a grant, or a profile, needs a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// Who.
    pub person: PersonId,
    /// By when; in the past where it is over already, `None` where nothing is known.
    pub at: Option<Timestamp>,
    /// What that rests on.
    pub basis: Basis,
    /// Why a person is needed then; `None` where nothing is known.
    pub cause: Option<Cause>,
}

/// When a grant needs its person, if everything goes as the network says.
pub fn of_grant(grant: &Grant, facts: &Facts) -> Need {
    let need = |at, basis, cause| Need { person: grant.person.clone(), at, basis, cause };
    if let State::NeedsPerson(verdict) = &grant.state {
        return need(Some(verdict.since), Basis::KnownDate, Some(verdict.cause));
    }
    let clocks = grant.clocks;
    // A refresh token that each renewal replaces begins a new life each time; every other one ends on its day.
    let renewed_with_it = matches!(facts.renewal, RenewalModel::Rotating(_));
    let refresh_end = clocks.refresh_until.filter(|_| grant.renewable && !renewed_with_it);
    let by_rule = |at: Timestamp, life: Option<crate::time::Span>| life.is_some_and(|life| at == grant.authorized_at + life);
    let basis = |rule: bool| if rule { Basis::NetworkRule } else { Basis::KnownDate };
    match (clocks.human_until, refresh_end) {
        (Some(at), refresh) if refresh.is_none_or(|refresh| at <= refresh) => {
            let (cause, life) = match facts.manual_renewal_every {
                Some(every) => (Cause::RenewalDue, Some(every)),
                None => (Cause::Expired, facts.access_life),
            };
            need(Some(at), basis(by_rule(at, life)), Some(cause))
        }
        (_, Some(at)) => need(Some(at), basis(by_rule(at, facts.refresh_life)), Some(Cause::Expired)),
        _ => need(None, Basis::Unpredictable, None),
    }
}

/// When a profile needs a person: once the last of its accesses does. `None` without any access.
pub fn of_profile(accesses: &[(&Access, &Grant)], facts: &Facts) -> Option<Need> {
    let works = |(access, grant): &&(&Access, &Grant)| {
        !matches!(access.state, AccessState::Lost { .. }) && !matches!(grant.state, State::NeedsPerson(_))
    };
    let good: Vec<Need> = accesses.iter().filter(works).map(|(_, grant)| of_grant(grant, facts)).collect();
    if !good.is_empty() {
        // No day at all holds longest.
        return good.into_iter().max_by_key(|need| need.at.unwrap_or(Timestamp::from_micros(i64::MAX)));
    }
    let over = accesses.iter().map(|(access, grant)| match &access.state {
        AccessState::Lost { since, cause, .. } => {
            Need { person: grant.person.clone(), at: Some(*since), basis: Basis::KnownDate, cause: Some(*cause) }
        }
        _ => of_grant(grant, facts),
    });
    over.max_by_key(|need| need.at)
}

/// A levelled campaign. Each person comes once, in a week no later than their `latest` (0 is this week); no week has more people than it
/// must, and within that everybody comes as late as they can, since a renewed life begins on the day of the login. In which week each comes.
pub fn levelled(latest: &[usize]) -> Vec<usize> {
    let due_by = |week: usize| latest.iter().filter(|latest| **latest <= week).count();
    let weeks = latest.iter().max().map_or(0, |last| last + 1);
    let room = (0..weeks).map(|week| due_by(week).div_ceil(week + 1)).max().unwrap_or(0);
    // From the last week backwards, whoever could have come latest first: nobody comes much earlier than they must.
    let mut order: Vec<usize> = (0..latest.len()).collect();
    order.sort_by_key(|person| (std::cmp::Reverse(latest[*person]), *person));
    let mut comes = vec![0; latest.len()];
    let (mut week, mut taken) = (weeks.saturating_sub(1), 0);
    for person in order {
        let free = if taken == room { week.saturating_sub(1) } else { week }.min(latest[person]);
        if free < week {
            (week, taken) = (free, 0);
        }
        comes[person] = week;
        taken += 1;
    }
    comes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::facts::Reuse;
    use crate::grant::{Clocks, Event, step};
    use crate::ids::{AccessId, GrantId, ProfileId};
    use crate::schedule::{Task, due_at, next_task};
    use crate::time::Span;
    use crate::words::Evidence;

    const T0: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn born(facts: &Facts, clocks: Clocks, renewable: bool) -> Grant {
        Grant::born(GrantId::from_u128(1), PersonId::from_u128(2), clocks, renewable, facts, T0).grant
    }

    fn access(state: AccessState) -> Access {
        Access {
            id: AccessId::from_u128(1),
            grant: GrantId::from_u128(1),
            profile: ProfileId::from_u128(1),
            network_id: "1".into(),
            role: "ADMIN".into(),
            state,
            seen_at: None,
        }
    }

    /// The rules, run forward against a network that grants every renewal and finds every probe good.
    fn lived(grant: &Grant, facts: &Facts, until: Timestamp) -> Option<Timestamp> {
        let mut grant = grant.clone();
        let mut now = T0;
        for _ in 0..20_000 {
            now = due_at(&grant, facts, now)?.max(now + Span::seconds(1));
            if now > until {
                return None;
            }
            let over = grant.clocks.refresh_until.is_some_and(|until| until <= now);
            let event = match next_task(&grant, facts, now) {
                Task::Renew if over => {
                    Event::RenewFailed(crate::diagnosis::Diagnosis::over(Cause::Expired, Evidence::by_clock(now, "over")))
                }
                Task::Renew => Event::Renewed { clocks: Clocks::default() },
                Task::Probe => Event::Probed(crate::diagnosis::Diagnosis::works(Evidence::by_clock(now, "works"))),
                Task::LookAtClock => Event::DeadlineReached,
            };
            grant = step(&grant, &event, facts, now).grant;
            if let State::NeedsPerson(verdict) = &grant.state {
                return Some(verdict.since);
            }
        }
        None
    }

    #[test]
    fn a_campaign_is_spread_over_the_weeks_that_are_left() {
        assert_eq!(levelled(&[]), [] as [usize; 0]);
        assert_eq!(levelled(&[5]), [5], "alone: as late as it can be");
        assert_eq!(levelled(&[3, 3, 3, 3]), [3, 2, 1, 0], "all due in one week: one in each before");
        assert_eq!(levelled(&[0, 0, 0, 9]), [0, 0, 0, 9], "what cannot wait is not spread");
        assert_eq!(levelled(&[1, 1, 1, 8, 8]), [1, 1, 0, 8, 8]);
    }

    proptest! {
        /// Nobody comes too late, no week has more people than the fullest one must have, and nobody could come a week later.
        #[test]
        fn a_levelled_campaign_is_the_flattest_there_is(latest in prop::collection::vec(0..20_usize, 0..60)) {
            let comes = levelled(&latest);
            let in_week = |week: usize| comes.iter().filter(|come| **come == week).count();
            let fullest = (0..20).map(in_week).max().unwrap_or(0);
            let must = (0..20).map(|week| latest.iter().filter(|latest| **latest <= week).count().div_ceil(week + 1)).max().unwrap_or(0);
            prop_assert!(fullest <= must, "{comes:?}");
            for (come, latest) in comes.iter().zip(&latest) {
                prop_assert!(come <= latest);
                prop_assert!(come == latest || in_week(come + 1) == must, "{comes:?}: somebody could come in week {}", come + 1);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]

        #[test]
        fn the_forecast_is_what_the_rules_do(
            model in prop_oneof![
                Just(RenewalModel::Rotating(Reuse::RevokesFamily)), Just(RenewalModel::Stable), Just(RenewalModel::Extending(Span::hours(20))), Just(RenewalModel::ByPerson)
            ],
            access_days in 1_i64..70,
            refresh_days in proptest::option::of(71_i64..300),
            manual_days in proptest::option::of(60_i64..370),
        ) {
            let facts = Facts {
                renewal: model,
                access_life: Some(Span::days(access_days)),
                refresh_life: refresh_days.map(Span::days),
                manual_renewal_every: manual_days.map(Span::days),
                probe_every: Span::days(2),
                ..Facts::unknown()
            };
            let grant = born(&facts, Clocks::default(), model != RenewalModel::ByPerson);
            let until = T0 + Span::days(400);
            let need = of_grant(&grant, &facts);
            match (need.at, lived(&grant, &facts, until)) {
                (None, died) => prop_assert_eq!(died, None, "nothing was foretold"),
                (Some(at), Some(died)) => {
                    // The token renewed last outlives the end of its refresh token; nothing ends before the day foretold.
                    prop_assert!(died >= at, "foretold {:?}, died {:?}", at, died);
                    prop_assert!(died.since(at) <= Span::days(access_days) + Span::days(1), "{:?} {:?}", at, died);
                }
                (Some(at), None) => prop_assert!(at + Span::days(access_days) >= until, "foretold {:?}, still alive", at),
            }
        }
    }

    #[test]
    fn a_day_is_known_follows_from_a_rule_or_is_not_there() {
        let yearly = Facts { manual_renewal_every: Some(Span::days(365)), ..Facts::unknown() };
        let by_rule = of_grant(&born(&yearly, Clocks::default(), true), &yearly);
        assert_eq!((by_rule.at, by_rule.basis), (Some(T0 + Span::days(365)), Basis::NetworkRule));
        let named = Clocks { human_until: Some(T0 + Span::days(300)), ..Clocks::default() };
        let known = of_grant(&born(&yearly, named, true), &yearly);
        assert_eq!((known.at, known.basis, known.cause), (Some(T0 + Span::days(300)), Basis::KnownDate, Some(Cause::RenewalDue)));
        let kept_alive = of_grant(&born(&Facts::unknown(), Clocks::default(), true), &Facts::unknown());
        assert_eq!((kept_alive.at, kept_alive.basis), (None, Basis::Unpredictable));
    }

    #[test]
    fn a_profile_needs_a_person_once_its_last_access_does() {
        let facts = Facts { manual_renewal_every: Some(Span::days(365)), ..Facts::unknown() };
        let until = |days| Clocks { human_until: Some(T0 + Span::days(days)), ..Clocks::default() };
        let (soon, late) = (born(&facts, until(10), true), born(&facts, until(200), true));
        let works = access(AccessState::Working);
        let need = of_profile(&[(&works, &soon), (&works, &late)], &facts).expect("there are accesses");
        assert_eq!(need.at, Some(T0 + Span::days(200)));
        let lost = access(AccessState::Lost {
            since: T0,
            cause: Cause::PermissionLost,
            confidence: crate::words::Confidence::Certain,
            evidence: Evidence::by_clock(T0, "gone"),
        });
        let need = of_profile(&[(&works, &soon), (&lost, &late)], &facts).expect("there are accesses");
        assert_eq!(need.at, Some(T0 + Span::days(10)));
        let need = of_profile(&[(&lost, &late)], &facts).expect("there is one");
        assert_eq!((need.at, need.cause), (Some(T0), Some(Cause::PermissionLost)));
        assert_eq!(of_profile(&[], &facts), None);
    }
}
