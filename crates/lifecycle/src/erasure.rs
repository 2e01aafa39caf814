//! When what is stored about a person goes because they asked their network for it (GDPR Art. 17; Meta's data deletion
//! callback). A network's word is verified, and confirmed by a look, before anything is deleted (NT-24).

use crate::grant::{Grant, State};
use crate::time::{Span, Timestamp};

/// A request that could not be confirmed by then is carried out all the same: the law gives a month (GDPR Art. 12(3)).
pub const DEADLINE: Span = Span::days(28);

/// What becomes of a request now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Erasure {
    /// It is not known yet whether the login is over.
    Wait,
    /// The login is over: what is stored about the person goes.
    Erase,
    /// The network says that the person's login still stands, or they logged in again since.
    StillConnected,
}

/// Decides about a request from what is known of the person's grants; no grant: nothing stands in the way.
pub fn decide(grants: &[Grant], asked_at: Timestamp, now: Timestamp) -> Erasure {
    let works = |grant: &Grant| matches!(grant.state, State::Fresh) && grant.verified_at.is_some_and(|at| at > asked_at);
    if grants.iter().any(|grant| grant.authorized_at > asked_at || works(grant)) {
        Erasure::StillConnected
    } else if grants.iter().all(|grant| grant.verdict().is_some()) || now.since(asked_at) >= DEADLINE {
        Erasure::Erase
    } else {
        Erasure::Wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::Diagnosis;
    use crate::facts::Facts;
    use crate::grant::{Clocks, Event, step};
    use crate::ids::{GrantId, PersonId};
    use crate::words::{Cause, Evidence, Source};

    const T0: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

    fn seen(at: Timestamp) -> Evidence {
        Evidence::new(at, Source::Probe, Some(400), Some("190/458"), "words")
    }

    #[test]
    fn a_request_waits_for_a_look_and_no_longer_than_a_month() {
        let facts = Facts { access_life: None, ..Facts::unknown() };
        let born = Grant::born(GrantId::from_u128(1), PersonId::from_u128(2), Clocks::default(), false, &facts, T0).grant;
        let (asked, look) = (T0 + Span::hours(1), T0 + Span::hours(2));
        assert_eq!(decide(&[], asked, asked), Erasure::Erase, "nobody is left to ask about");
        assert_eq!(decide(std::slice::from_ref(&born), asked, asked), Erasure::Wait, "what was proven before says nothing");
        let works = step(&born, &Event::Probed(Diagnosis::works(seen(look))), &facts, look).grant;
        assert_eq!(decide(&[works], asked, look), Erasure::StillConnected);
        let refused = Diagnosis::over(Cause::RevokedByPerson, seen(look));
        let dead = step(&born, &Event::Probed(refused), &facts, look).grant;
        assert_eq!(decide(std::slice::from_ref(&dead), asked, look), Erasure::Erase);
        assert_eq!(decide(&[dead, born.clone()], asked, look), Erasure::Wait, "every login of theirs");
        assert_eq!(decide(std::slice::from_ref(&born), asked, asked + DEADLINE), Erasure::Erase);
        let again = Event::Authorized { person: PersonId::from_u128(2), clocks: Clocks::default(), renewable: false };
        let again = step(&born, &again, &facts, look).grant;
        assert_eq!(decide(&[again], asked, asked + DEADLINE), Erasure::StillConnected, "they came back");
    }
}
