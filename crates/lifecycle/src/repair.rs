//! What repairs a profile, and who can do it: derived from its standing and its accesses, as the status is.

use crate::access::{Access, AccessState};
use crate::facts::Facts;
use crate::grant::Grant;
use crate::ids::PersonId;
use crate::status::{Standing, Status, settle};
use crate::time::{Span, Timestamp};
use crate::words::{Cause, word_enum};

word_enum! {
    /// What repairs a profile.
    Way {
        /// Nothing is broken.
        Nothing = "nothing",
        /// No person can do anything: the network is out of reach, or is going to be asked again.
        Wait = "wait",
        /// One of the people who hold the profile logs in.
        LogIn = "log_in",
        /// Another admin of the profile connects it: whoever holds it lost the role, or is blocked.
        AnotherAdmin = "another_admin",
        /// The operator repairs the network app; no login helps.
        Operator = "operator",
    }
}

word_enum! {
    /// What a person who holds a profile can do for it.
    Help {
        /// Their token works for it at this moment.
        Holds = "holds",
        /// Logging in again repairs it.
        LogsIn = "logs_in",
        /// They need the role back first.
        NeedsRole = "needs_role",
        /// The network has to let them in again first.
        Blocked = "blocked",
        /// Nothing: the network refuses our network app.
        Nothing = "nothing",
    }
}

word_enum! {
    /// What becomes of a profile when a person leaves.
    Fate {
        /// Somebody else's access keeps it.
        Stays = "stays",
        /// It has no access tokens then.
        Dies = "dies",
        /// It has none already.
        Dead = "dead",
    }
}

/// What becomes of a profile without one person: its status, derived from what is left.
pub fn fate_without(person: &PersonId, standing: &Standing, accesses: &[(&Access, &Grant)], facts: &Facts, now: Timestamp) -> Fate {
    let without = |leaves: Option<&PersonId>| {
        let left: Vec<_> = accesses.iter().copied().filter(|(_, grant)| Some(&grant.person) != leaves).collect();
        settle(standing, &left, facts, now).0.status == Status::Disconnected
    };
    match (without(None), without(Some(person))) {
        (true, _) => Fate::Dead,
        (false, true) => Fate::Dies,
        (false, false) => Fate::Stays,
    }
}

/// What one person can do for a profile.
pub fn help_of(access: &Access, grant: &Grant) -> Help {
    let cause = match (&access.state, grant.verdict()) {
        // Whoever lost the role and the token needs the role all the same.
        (AccessState::Lost { cause, .. }, _) => *cause,
        (_, Some(verdict)) => verdict.cause,
        (_, None) => return Help::Holds,
    };
    match cause {
        Cause::AppBlocked => Help::Nothing,
        Cause::PersonBlocked => Help::Blocked,
        Cause::PermissionLost => Help::NeedsRole,
        _ => Help::LogsIn,
    }
}

/// What repairs a profile. A known day is kept by logging in before it.
pub fn way(standing: &Standing, accesses: &[(&Access, &Grant)]) -> Way {
    match standing.status {
        Status::Connected => Way::Nothing,
        Status::Unverified if standing.cause == Some(Cause::AppBlocked) => Way::Operator,
        Status::Unverified => Way::Wait,
        Status::RenewSoon => Way::LogIn,
        Status::Disconnected => {
            let has = |wanted: Help| accesses.iter().any(|(access, grant)| help_of(access, grant) == wanted);
            if has(Help::LogsIn) {
                Way::LogIn
            } else if has(Help::Nothing) {
                Way::Operator
            } else {
                Way::AnotherAdmin
            }
        }
    }
}

/// How long repairs took: half of them no longer than that. Of an even number the shorter one of the middle.
pub fn median(mut spans: Vec<Span>) -> Option<Span> {
    spans.sort_unstable();
    spans.get(spans.len().checked_sub(1)? / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grant::{Clocks, State, Verdict};
    use crate::ids::{AccessId, GrantId, ProfileId};
    use crate::words::{Confidence, Evidence, Source};

    const NOW: Timestamp = Timestamp::from_seconds(1_000_000);

    fn evidence() -> Evidence {
        Evidence::new(NOW, Source::Probe, Some(401), None, "no")
    }

    fn edge(role_lost: Option<Cause>, dead: Option<Cause>) -> (Access, Grant) {
        let facts = Facts::unknown();
        let mut grant = Grant::born(GrantId::from_u128(1), PersonId::from_u128(2), Clocks::default(), true, &facts, NOW).grant;
        if let Some(cause) = dead {
            grant.state = State::NeedsPerson(Verdict {
                since: NOW,
                cause,
                confidence: Confidence::Certain,
                evidence: evidence(),
                lost_in_rotation: false,
                person_refused: false,
                good_looks: 0,
            });
        }
        let lost = |cause| AccessState::Lost { since: NOW, cause, confidence: Confidence::Certain, evidence: evidence() };
        let access = Access {
            id: AccessId::from_u128(3),
            grant: grant.id.clone(),
            profile: ProfileId::from_u128(4),
            network_id: "1".into(),
            role: "ADMINISTRATOR".into(),
            state: role_lost.map_or(AccessState::Working, lost),
            seen_at: None,
        };
        (access, grant)
    }

    fn way_of(edges: &[(Access, Grant)]) -> Way {
        let pairs: Vec<_> = edges.iter().map(|(access, grant)| (access, grant)).collect();
        way(&settle(&Standing::unborn(NOW), &pairs, &Facts::unknown(), NOW).0, &pairs)
    }

    #[test]
    fn every_cause_has_its_way() {
        for cause in Cause::ALL {
            let expected = match cause {
                Cause::AppBlocked => Way::Operator,
                Cause::PersonBlocked | Cause::PermissionLost => Way::AnotherAdmin,
                _ => Way::LogIn,
            };
            assert_eq!(way_of(&[edge(None, Some(*cause))]), expected, "{cause}");
        }
        assert_eq!(way_of(&[edge(None, None)]), Way::Nothing);
        assert_eq!(way_of(&[]), Way::AnotherAdmin, "nobody holds it");
    }

    #[test]
    fn one_who_can_log_in_is_enough_and_a_role_comes_before_a_token() {
        let demoted = edge(Some(Cause::PermissionLost), Some(Cause::Expired));
        assert_eq!(help_of(&demoted.0, &demoted.1), Help::NeedsRole);
        assert_eq!(way_of(std::slice::from_ref(&demoted)), Way::AnotherAdmin);
        assert_eq!(way_of(&[demoted, edge(None, Some(Cause::PasswordChanged))]), Way::LogIn);
    }

    /// The page never offers a repair for what is not broken, and never nothing for what is.
    #[test]
    fn a_way_is_offered_exactly_when_something_is_wrong() {
        let states: Vec<Option<Cause>> = Cause::ALL.iter().copied().map(Some).chain([None]).collect();
        for role in &states {
            for first in &states {
                for second in &states {
                    let edges = [edge(*role, *first), edge(None, *second)];
                    let pairs: Vec<_> = edges.iter().map(|(access, grant)| (access, grant)).collect();
                    let standing = settle(&Standing::unborn(NOW), &pairs, &Facts::unknown(), NOW).0;
                    let holds = pairs.iter().any(|(access, grant)| help_of(access, grant) == Help::Holds);
                    assert_eq!(standing.status == Status::Connected, holds, "{role:?} {first:?} {second:?}");
                    assert_eq!(way(&standing, &pairs) == Way::Nothing, holds, "{role:?} {first:?} {second:?}");
                }
            }
        }
    }

    #[test]
    fn a_profile_dies_with_the_last_person_whose_token_works() {
        let facts = Facts::unknown();
        let of = |n: u128, mut edge: (Access, Grant)| {
            edge.1.person = PersonId::from_u128(n);
            edge
        };
        let fate = |leaves: u128, edges: &[(Access, Grant)]| {
            let pairs: Vec<_> = edges.iter().map(|(access, grant)| (access, grant)).collect();
            let standing = settle(&Standing::unborn(NOW), &pairs, &facts, NOW).0;
            fate_without(&PersonId::from_u128(leaves), &standing, &pairs, &facts, NOW)
        };
        let (good, dead) = (edge(None, None), edge(None, Some(Cause::Expired)));
        assert_eq!(fate(1, &[of(1, good.clone())]), Fate::Dies);
        assert_eq!(fate(9, &[of(1, good.clone())]), Fate::Stays, "somebody who does not hold it");
        assert_eq!(fate(1, &[of(1, good.clone()), of(2, good.clone())]), Fate::Stays);
        assert_eq!(fate(1, &[of(1, good.clone()), of(2, dead.clone())]), Fate::Dies, "a dead token keeps nothing");
        assert_eq!(fate(1, &[of(1, dead.clone()), of(2, good.clone())]), Fate::Stays);
        assert_eq!(fate(1, &[of(1, dead.clone())]), Fate::Dead);
        assert_eq!(fate(1, &[of(1, edge(Some(Cause::PermissionLost), None)), of(2, good)]), Fate::Stays);
    }

    #[test]
    fn half_of_the_repairs_took_no_longer_than_the_median() {
        let of = |hours: &[i64]| median(hours.iter().map(|n| Span::hours(*n)).collect());
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[7]), Some(Span::hours(7)));
        assert_eq!(of(&[9, 1]), Some(Span::hours(1)));
        assert_eq!(of(&[100, 2, 1]), Some(Span::hours(2)), "one that took long does not move it");
        assert_eq!(of(&[4, 3, 2, 1]), Some(Span::hours(2)));
    }

    #[test]
    fn what_was_given_up_says_so_once_nobody_is_left() {
        let edge = edge(None, Some(Cause::Expired));
        let held = settle(&Standing::unborn(NOW), &[(&edge.0, &edge.1)], &Facts::unknown(), NOW).0;
        assert_eq!(held.cause, Some(Cause::Expired));
        let (left, _) = settle(&held, &[], &Facts::unknown(), NOW);
        assert_eq!((left.status, left.cause, left.evidence), (Status::Disconnected, Some(Cause::GivenUp), None));
        assert_eq!(settle(&Standing::unborn(NOW), &[], &Facts::unknown(), NOW).0.cause, Some(Cause::Unknown));
    }
}
