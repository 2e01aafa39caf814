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
}

impl Reader {
    fn can_be_told(&self) -> bool {
        self.active && self.opted_in
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
}

/// Chooses who is told.
pub fn route(owner: Option<&Reader>, team: &[Reader], admins: &[Reader]) -> Route {
    let why_not_owner = match owner {
        None => Some(WhyNotOwner::NoOwner),
        Some(owner) if !owner.active => Some(WhyNotOwner::Disabled),
        Some(owner) if !owner.opted_in => Some(WhyNotOwner::NotOptedIn),
        Some(_) => None,
    };
    if let (Some(owner), None) = (owner, why_not_owner) {
        return Route { users: vec![owner.user.clone()], rung: Rung::Owner, why_not_owner };
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
        (Rung::AllAdmins, those(admins, |reader| reader.active)),
    ];
    let found = rungs.into_iter().find(|(_, users)| !users.is_empty());
    let (rung, users) = found.unwrap_or((Rung::Nobody, vec![]));
    Route { users, rung, why_not_owner }
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
        Reader { user: UserId::from_u128(id), active, opted_in }
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
