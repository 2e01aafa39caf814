//! An incident of a network, as people hear of it: one message to the company admins when it lasts, none to owners before it has
//! lasted for hours, one all-clear to whoever heard of it (RF-33, RF-36). Which node saw it does not matter.

use crate::breaker::REST_MAX;
use crate::time::{Span, Timestamp};
use crate::words::word_enum;

word_enum! {
    /// What is the matter.
    IncidentKind {
        /// The network does not answer: its breaker is open (RF-34).
        Away = "away",
        /// It refuses many accounts at once: verdicts are held back (RF-33), and owners hear of it as of a network that is away.
        Refused = "refused",
    }
}

/// What a node saw of a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// It is in trouble.
    Trouble(IncidentKind),
    /// It answered, whatever it said.
    Answer,
}

/// What is remembered of an open incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Incident {
    /// What is the matter.
    pub kind: IncidentKind,
    /// Since when.
    pub began_at: Timestamp,
    /// When it was noticed last.
    pub seen_at: Timestamp,
    /// How often the network answered since it was noticed last.
    pub answers: i64,
    /// When company admins were told.
    pub told_at: Option<Timestamp>,
    /// When owners were told.
    pub owners_told_at: Option<Timestamp>,
    /// When somebody said that what it refused until then is real (RF-33).
    pub released_at: Option<Timestamp>,
}

/// What follows now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Nothing.
    Wait,
    /// Company admins hear that it began.
    TellAdmins,
    /// Owners hear that their profiles cannot be checked.
    TellOwners,
    /// It is over; whoever heard that it began hears that, too.
    End,
    /// Nobody asks there any more: it is closed, and nothing is said, since nothing is known.
    Forget,
}

/// What is over within this time is nobody's business.
pub const TOLD_AFTER: Span = Span::minutes(5);
/// Owners are spared so long.
pub const OWNERS_TOLD_AFTER: Span = Span::hours(6);
/// Good calls that an all-clear needs (RF-36).
const ANSWERS: i64 = 2;
/// No node noticed it for so long: each that does not get through asks again within that time.
const CALM_AFTER: Span = REST_MAX;
/// No verdict was held back for so long: each that is held is looked at again within half of it.
const NO_VERDICT_HELD_FOR: Span = Span::minutes(30);
/// Of what nobody asked for so long nothing is known.
const FORGOTTEN_AFTER: Span = Span::days(2);

/// What follows for an open incident.
pub fn next(incident: &Incident, now: Timestamp) -> Next {
    let (lasts, quiet) = (now.since(incident.began_at), now.since(incident.seen_at));
    let is_over = match incident.kind {
        IncidentKind::Away => incident.answers >= ANSWERS && quiet >= CALM_AFTER,
        IncidentKind::Refused => quiet >= NO_VERDICT_HELD_FOR || incident.released_at >= Some(incident.seen_at),
    };
    if is_over {
        Next::End
    } else if quiet >= FORGOTTEN_AFTER {
        Next::Forget
    } else if incident.answers > 0 {
        // It may be over: nobody is told that it began, a moment before the all-clear.
        Next::Wait
    } else if incident.told_at.is_none() && lasts >= TOLD_AFTER {
        Next::TellAdmins
    } else if incident.owners_told_at.is_none() && lasts >= OWNERS_TOLD_AFTER {
        Next::TellOwners
    } else {
        Next::Wait
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const T0: Timestamp = Timestamp::from_seconds(1_700_000_000);

    fn begun(kind: IncidentKind) -> Incident {
        Incident { kind, began_at: T0, seen_at: T0, answers: 0, told_at: None, owners_told_at: None, released_at: None }
    }

    #[test]
    fn rf_33_admins_after_minutes_owners_after_hours_and_the_end_once() {
        let mut away = begun(IncidentKind::Away);
        assert_eq!(next(&away, T0 + Span::minutes(4)), Next::Wait);
        assert_eq!(next(&away, T0 + TOLD_AFTER), Next::TellAdmins);
        assert_eq!(next(&Incident { answers: 1, ..away }, T0 + TOLD_AFTER), Next::Wait, "it may be over");
        away.told_at = Some(T0 + TOLD_AFTER);
        assert_eq!(next(&away, T0 + Span::hours(5)), Next::Wait);
        assert_eq!(next(&away, T0 + Span::hours(6)), Next::TellOwners);
        away.owners_told_at = Some(T0 + Span::hours(6));
        away.seen_at = T0 + Span::days(3);
        assert_eq!(next(&away, T0 + Span::days(3)), Next::Wait, "once each");
        away.answers = 1;
        assert_eq!(next(&away, T0 + Span::days(3) + CALM_AFTER), Next::Wait, "one good call is no proof");
        away.answers = 2;
        assert_eq!(next(&away, T0 + Span::days(3) + Span::minutes(1)), Next::Wait, "another node may still not get through");
        assert_eq!(next(&away, T0 + Span::days(3) + CALM_AFTER), Next::End);
        let mut refused = begun(IncidentKind::Refused);
        assert_eq!(next(&refused, T0 + Span::minutes(6)), Next::TellAdmins);
        refused.told_at = Some(T0);
        assert_eq!(next(&refused, T0 + Span::minutes(30)), Next::End);
        refused.released_at = Some(T0);
        assert_eq!(next(&refused, T0 + Span::minutes(7)), Next::End, "somebody released it");
        refused.seen_at = T0 + Span::minutes(8);
        assert_eq!(next(&refused, T0 + Span::minutes(9)), Next::Wait, "and now it is another one");
        refused.seen_at = T0 + Span::hours(7);
        assert_eq!(next(&refused, T0 + Span::hours(7)), Next::TellOwners, "not dead: it cannot be checked");
        refused.owners_told_at = Some(T0 + Span::hours(7));
        assert_eq!(next(&refused, T0 + Span::hours(7)), Next::Wait, "once");
    }

    proptest! {
        /// However it is looked at, nobody hears the same twice, owners never before their time, and an end follows good calls.
        #[test]
        fn nobody_hears_it_twice(kind in prop::sample::select(IncidentKind::ALL), looks in prop::collection::vec((1..7_200_i64, 0..3), 1..80)) {
            let (mut incident, mut now, mut admins, mut owners) = (begun(kind), T0, 0, 0);
            for (seconds, seen) in looks {
                now = now + Span::seconds(seconds);
                match seen {
                    0 => (incident.seen_at, incident.answers) = (now, 0),
                    1 if kind == IncidentKind::Away => incident.answers += 1,
                    _ => {}
                }
                match next(&incident, now) {
                    Next::TellAdmins => {
                        admins += 1;
                        incident.told_at = Some(now);
                    }
                    Next::TellOwners => {
                        owners += 1;
                        prop_assert!(incident.told_at.is_some() && now.since(T0) >= OWNERS_TOLD_AFTER);
                        incident.owners_told_at = Some(now);
                    }
                    Next::End | Next::Forget => break,
                    Next::Wait => {}
                }
            }
            prop_assert!(admins <= 1 && owners <= 1);
            let answered = Incident { seen_at: now, answers: ANSWERS, ..incident };
            prop_assert_eq!(next(&answered, now + NO_VERDICT_HELD_FOR), Next::End);
            prop_assert_eq!(next(&Incident { seen_at: now, answers: 0, kind: IncidentKind::Away, ..incident }, now + FORGOTTEN_AFTER), Next::Forget);
        }
    }
}
