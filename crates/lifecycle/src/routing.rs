//! Who hears it, and when again. The owner; where they cannot be told, the teams; where nobody there can, the company admins,
//! asked for or not: never nobody (promise 4).

use crate::ids::UserId;
use crate::time::{Span, Timestamp};
use crate::words::word_enum;

/// Somebody who might be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reader {
    /// Who.
    pub user: UserId,
    /// The account is not disabled.
    pub active: bool,
    /// They want this kind of message.
    pub opted_in: bool,
    /// Their mail server takes mails for them.
    pub reachable: bool,
}

impl Reader {
    fn can_be_told(&self) -> bool {
        self.active && self.opted_in && self.reachable
    }
}

word_enum! {
    /// How far down the ladder it went.
    Rung {
        /// The profile owner.
        Owner = "owner",
        /// The members of the profile's teams who want it.
        Team = "team",
        /// The company admins who want it.
        Admins = "admins",
        /// Every company admin, whether they want it or not: the alternative is silence.
        AllAdmins = "all_admins",
        /// There is nobody at all.
        Nobody = "nobody",
    }
}

word_enum! {
    /// Why not the owner.
    WhyNotOwner {
        /// There is none.
        NoOwner = "no_owner",
        /// Their account is disabled.
        Disabled = "owner_disabled",
        /// They do not want such messages.
        NotOptedIn = "owner_not_opted_in",
        /// A mail server refuses their address.
        Unreachable = "owner_unreachable",
    }
}

/// Who is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Whom.
    pub users: Vec<UserId>,
    /// How far down the ladder that is.
    pub rung: Rung,
    /// Why it is not the owner.
    pub why_not_owner: Option<WhyNotOwner>,
    /// A message would arrive at one of them, as far as is known.
    pub arrives: bool,
}

/// Chooses who is told.
pub fn route(owner: Option<&Reader>, team: &[Reader], admins: &[Reader]) -> Route {
    let why_not_owner = match owner {
        None => Some(WhyNotOwner::NoOwner),
        Some(owner) if !owner.active => Some(WhyNotOwner::Disabled),
        Some(owner) if !owner.opted_in => Some(WhyNotOwner::NotOptedIn),
        Some(owner) if !owner.reachable => Some(WhyNotOwner::Unreachable),
        Some(_) => None,
    };
    if let (Some(owner), None) = (owner, why_not_owner) {
        return Route { users: vec![owner.user.clone()], rung: Rung::Owner, why_not_owner, arrives: true };
    }
    let those = |readers: &[Reader], may: fn(&Reader) -> bool| {
        let mut users: Vec<UserId> = readers.iter().filter(|reader| may(reader)).map(|reader| reader.user.clone()).collect();
        users.sort();
        users.dedup();
        users
    };
    let rungs = [
        (Rung::Team, those(team, Reader::can_be_told)),
        (Rung::Admins, those(admins, Reader::can_be_told)),
        (Rung::AllAdmins, those(admins, |reader| reader.active && reader.reachable)),
    ];
    let found = rungs.into_iter().find(|(_, users)| !users.is_empty());
    if let Some((rung, users)) = found {
        return Route { users, rung, why_not_owner, arrives: true };
    }
    // An address that was refused yesterday may be good today; not to try at all would be silence for sure.
    let users = those(admins, |reader| reader.active);
    let rung = if users.is_empty() { Rung::Nobody } else { Rung::AllAdmins };
    Route { users, rung, why_not_owner, arrives: false }
}

/// Reminders come so many days after an episode began, while it is open (NF-04).
pub const REMINDERS: [i64; 3] = [1, 3, 7];

/// When an open episode is called to mind next; `None` after the last reminder.
pub fn next_reminder(episode: Timestamp, now: Timestamp) -> Option<Timestamp> {
    REMINDERS.iter().map(|days| episode + Span::days(*days)).find(|at| *at > now)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(id: u128, active: bool, opted_in: bool) -> Reader {
        Reader { user: UserId::from_u128(id), active, opted_in, reachable: true }
    }

    fn ids(route: &Route) -> Vec<UserId> {
        route.users.clone()
    }

    #[test]
    fn the_owner_then_the_team_then_the_admins_and_never_nobody() {
        let (team, admins) = ([reader(2, true, true), reader(3, true, false)], [reader(4, true, true), reader(5, true, false)]);
        let owner = reader(1, true, true);
        assert_eq!(ids(&route(Some(&owner), &team, &admins)), [UserId::from_u128(1)]);
        for (owner, why) in [
            (None, WhyNotOwner::NoOwner),
            (Some(reader(1, false, true)), WhyNotOwner::Disabled),
            (Some(reader(1, true, false)), WhyNotOwner::NotOptedIn),
        ] {
            let found = route(owner.as_ref(), &team, &admins);
            assert_eq!((ids(&found), found.rung, found.why_not_owner), (vec![UserId::from_u128(2)], Rung::Team, Some(why)));
        }
        assert_eq!(route(None, &[reader(2, true, false)], &admins).rung, Rung::Admins);
        let forced = route(None, &[], &[reader(4, false, true), reader(5, true, false)]);
        assert_eq!((ids(&forced), forced.rung), (vec![UserId::from_u128(5)], Rung::AllAdmins));
        assert_eq!(route(None, &[], &[]).rung, Rung::Nobody);
    }

    #[test]
    fn whoever_cannot_be_reached_is_passed_over_until_nobody_else_is_left() {
        let refused = |id| Reader { reachable: false, ..reader(id, true, true) };
        let (owner, team) = (refused(1), [refused(2), reader(3, true, true)]);
        let found = route(Some(&owner), &team, &[reader(4, true, true)]);
        assert_eq!((ids(&found), found.why_not_owner), (vec![UserId::from_u128(3)], Some(WhyNotOwner::Unreachable)));
        let found = route(Some(&owner), &[refused(2)], &[refused(4), reader(5, true, false)]);
        assert_eq!((ids(&found), found.rung, found.arrives), (vec![UserId::from_u128(5)], Rung::AllAdmins, true));
        let found = route(Some(&owner), &[refused(2)], &[refused(4), reader(5, false, true)]);
        assert_eq!((ids(&found), found.rung, found.arrives), (vec![UserId::from_u128(4)], Rung::AllAdmins, false), "tried all the same");
        assert!(!route(None, &[], &[]).arrives);
    }

    proptest::proptest! {
        /// While there is an active admin somebody is told, and never somebody who is switched off.
        #[test]
        fn never_nobody(owner in proptest::option::of(any_reader()), team in proptest::collection::vec(any_reader(), 0..4), admins in proptest::collection::vec(any_reader(), 0..4)) {
            let found = route(owner.as_ref(), &team, &admins);
            let everybody: Vec<&Reader> = owner.iter().chain(&team).chain(&admins).collect();
            proptest::prop_assert!(!found.users.is_empty() || !admins.iter().any(|admin| admin.active));
            for user in &found.users {
                proptest::prop_assert!(everybody.iter().any(|reader| reader.user == *user && reader.active));
            }
            let reached = found.users.iter().any(|user| everybody.iter().any(|reader| reader.user == *user && reader.active && reader.reachable));
            proptest::prop_assert_eq!(found.arrives, reached && !found.users.is_empty());
        }
    }

    fn any_reader() -> impl proptest::strategy::Strategy<Value = Reader> {
        use proptest::prelude::*;
        static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
        (any::<bool>(), any::<bool>(), any::<bool>()).prop_map(|(active, opted_in, reachable)| {
            let id = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            Reader { user: UserId::from_u128(id.into()), active, opted_in, reachable }
        })
    }

    #[test]
    fn nf_04_reminders_after_1_3_and_7_days() {
        let began = Timestamp::from_seconds(1000);
        let mut now = began;
        let mut days = vec![];
        while let Some(at) = next_reminder(began, now) {
            days.push(at.since(began).as_seconds() / 86_400);
            now = at;
        }
        assert_eq!(days, REMINDERS);
    }
}
