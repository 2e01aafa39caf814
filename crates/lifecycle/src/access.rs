//! The edge from a grant to a profile, with the role the person holds there. A lost role ends one edge; the
//! person's other profiles stay as they are.

use serde::{Deserialize, Serialize};

use crate::facts::Facts;
use crate::ids::{AccessId, GrantId, ProfileId};
use crate::time::Timestamp;
use crate::words::{Cause, Confidence, Evidence, Source, word_enum};

/// Whether the edge holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum AccessState {
    /// The role was there when last looked.
    Working,
    /// It was missing once; a second look decides.
    Doubtful {
        /// Since when.
        since: Timestamp,
    },
    /// The role is gone.
    Lost {
        /// Since when.
        since: Timestamp,
        /// Why.
        cause: Cause,
        /// How sure that is.
        confidence: Confidence,
        /// In the network's own words.
        evidence: Evidence,
    },
}

/// One person's way to act as one profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// Its id.
    pub id: AccessId,
    /// Whose token set carries it.
    pub grant: GrantId,
    /// What is acted as.
    pub profile: ProfileId,
    /// The profile's id at the network; how a listing is matched.
    pub network_id: String,
    /// The role as the network names it.
    pub role: String,
    /// Whether it holds.
    pub state: AccessState,
    /// When the network last showed the role.
    pub seen_at: Option<Timestamp>,
}

/// What a listing of the network said about one profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// It is there and may be acted as.
    Usable {
        /// The role now.
        role: String,
    },
    /// It is there but the role is not enough any more.
    NotUsable {
        /// The role now.
        role: String,
        /// Why that is not enough, as the adapter read it.
        evidence: Evidence,
    },
    /// The complete listing does not have it.
    Missing {
        /// The listing's own words.
        evidence: Evidence,
    },
}

word_enum! {
    /// What a look at an access says happened, for the event log.
    AccessHappening {
        /// A role was given up or taken away.
        Lost = "access.lost",
        /// It is back.
        Regained = "access.regained",
        /// The role is another one now.
        RoleChanged = "access.role_changed",
    }
}

/// One look at an access. Two looks, a second-look distance apart, make a loss.
pub fn step(access: &Access, seen: &Seen, facts: &Facts, now: Timestamp) -> (Access, Option<AccessHappening>) {
    let mut next = access.clone();
    let happening = match seen {
        Seen::Usable { role } => {
            let was_lost = matches!(access.state, AccessState::Lost { .. });
            let changed = access.role != *role;
            next.state = AccessState::Working;
            next.role.clone_from(role);
            next.seen_at = Some(now);
            if was_lost {
                Some(AccessHappening::Regained)
            } else if changed {
                Some(AccessHappening::RoleChanged)
            } else {
                None
            }
        }
        Seen::NotUsable { evidence, .. } | Seen::Missing { evidence } => match &access.state {
            AccessState::Working => {
                next.state = AccessState::Doubtful { since: now };
                None
            }
            AccessState::Doubtful { since } if now.since(*since) < facts.second_look_after => None,
            AccessState::Doubtful { .. } => {
                if let Seen::NotUsable { role, .. } = seen {
                    next.role.clone_from(role);
                }
                next.state = AccessState::Lost {
                    since: now,
                    cause: Cause::PermissionLost,
                    confidence: Confidence::Certain,
                    evidence: evidence.clone(),
                };
                Some(AccessHappening::Lost)
            }
            AccessState::Lost { .. } => None,
        },
    };
    (next, happening)
}

/// What the listing that a person's login just brought says of one profile: the role held there and, where that is not enough, why;
/// `None` where it is not in the list.
pub fn seen_at_login(found: Option<(&str, Option<&str>)>, now: Timestamp) -> Seen {
    let evidence = |role: Option<&str>, words: &str| Evidence::new(now, Source::Discovery, Some(200), role, words);
    match found {
        None => Seen::Missing { evidence: evidence(None, "not among what the person allowed at the login") },
        Some((role, None)) => Seen::Usable { role: role.to_owned() },
        Some((role, Some(why))) => {
            Seen::NotUsable { role: role.to_owned(), evidence: evidence(Some(role), &format!("the role is now {role}: {why}")) }
        }
    }
}

/// What the listing that a person's login just brought makes of an access. The person stands before it and has just chosen: what is
/// not there was given up or left out, and no second look is needed to say so.
pub fn at_login(access: &Access, seen: &Seen, facts: &Facts, now: Timestamp) -> (Access, Option<AccessHappening>) {
    let doubtful = Access { state: AccessState::Doubtful { since: now - facts.second_look_after }, ..access.clone() };
    let is_lost = matches!(access.state, AccessState::Lost { .. });
    if is_lost || matches!(seen, Seen::Usable { .. }) { step(access, seen, facts, now) } else { step(&doubtful, seen, facts, now) }
}

/// When a doubtful access wants its second look; `None` when none is in doubt.
pub fn second_look_at<'a>(accesses: impl IntoIterator<Item = &'a Access>, facts: &Facts) -> Option<Timestamp> {
    let doubts = accesses.into_iter().filter_map(|access| match access.state {
        AccessState::Doubtful { since } => Some(since + facts.second_look_after),
        _ => None,
    });
    doubts.min()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Span;

    fn access() -> Access {
        Access {
            id: AccessId::from_u128(1),
            grant: GrantId::from_u128(2),
            profile: ProfileId::from_u128(3),
            network_id: "urn:li:organization:1001".into(),
            role: "ADMINISTRATOR".into(),
            state: AccessState::Working,
            seen_at: None,
        }
    }

    fn missing(now: Timestamp) -> Seen {
        Seen::Missing { evidence: Evidence::new(now, Source::Discovery, Some(200), None, "not in the list") }
    }

    #[test]
    fn one_missing_row_is_no_loss_but_two_are() {
        let facts = Facts::unknown();
        let t0 = Timestamp::from_seconds(1000);
        let (doubtful, said) = step(&access(), &missing(t0), &facts, t0);
        assert!(matches!(doubtful.state, AccessState::Doubtful { .. }) && said.is_none());
        let early = t0 + Span::seconds(29);
        let (still, said) = step(&doubtful, &missing(early), &facts, early);
        assert!(matches!(still.state, AccessState::Doubtful { .. }) && said.is_none());
        let late = t0 + Span::seconds(30);
        let (lost, said) = step(&still, &missing(late), &facts, late);
        assert!(matches!(lost.state, AccessState::Lost { cause: Cause::PermissionLost, .. }));
        assert_eq!(said, Some(AccessHappening::Lost));
        let (back, said) = step(&lost, &Seen::Usable { role: "ADMINISTRATOR".into() }, &facts, late);
        assert_eq!((back.state, said), (AccessState::Working, Some(AccessHappening::Regained)));
    }

    #[test]
    fn a_login_shows_a_role_another_that_is_not_enough_or_nothing() {
        let now = Timestamp::from_seconds(1000);
        assert_eq!(seen_at_login(Some(("ADMINISTRATOR", None)), now), Seen::Usable { role: "ADMINISTRATOR".into() });
        let Seen::NotUsable { role, evidence } = seen_at_login(Some(("ANALYST", Some("may not publish"))), now) else { panic!() };
        assert_eq!((role.as_str(), evidence.code.as_deref()), ("ANALYST", Some("ANALYST")));
        assert_eq!(evidence.words, "the role is now ANALYST: may not publish");
        let Seen::Missing { evidence } = seen_at_login(None, now) else { panic!() };
        assert_eq!((evidence.source, evidence.at), (Source::Discovery, now));
    }

    #[test]
    fn what_a_login_does_not_bring_is_gone_at_once() {
        let facts = Facts::unknown();
        let now = Timestamp::from_seconds(1000);
        let (lost, said) = at_login(&access(), &missing(now), &facts, now);
        assert!(matches!(lost.state, AccessState::Lost { since, .. } if since == now));
        assert_eq!(said, Some(AccessHappening::Lost));
        let (still, said) = at_login(&lost, &missing(now), &facts, now + Span::seconds(9));
        assert_eq!((still, said), (lost.clone(), None), "said once");
        let (back, said) = at_login(&lost, &Seen::Usable { role: "ADMINISTRATOR".into() }, &facts, now);
        assert_eq!((back.state, said), (AccessState::Working, Some(AccessHappening::Regained)));
    }
}
