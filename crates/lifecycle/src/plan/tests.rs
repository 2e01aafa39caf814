use super::*;
use crate::breaker::{HELD_AT_MOST, turned_together};
use crate::grant::Clocks;
use crate::ids::{GrantId, NodeId, OrganisationId, PersonId};
use crate::ledger::Lease;
use crate::secret::Secret;
use crate::words::{Cause, Confidence};

const T0: Timestamp = Timestamp::from_seconds(1_700_000_000);

fn born(number: u128, clocks: Clocks) -> Grant {
    Grant::born(GrantId::from_u128(number), PersonId::from_u128(number), clocks, true, &Facts::unknown(), T0).grant
}

/// RF-33: a renewal that is refused twice while the token works calls the person, and so has to be counted first.
#[test]
fn a_day_that_is_brought_forward_calls_the_person_as_a_verdict_does() {
    let facts = Facts::unknown();
    let mut grant = born(1, Clocks { access_until: Some(T0 + Span::days(30)), ..Clocks::default() });
    let seen = |at, source| Evidence::new(at, source, Some(401), Some("2"), "Authentication failed.");
    let refused = |at| Event::RenewFailed(Diagnosis::refused(Cause::Unknown, Confidence::Guess, seen(at, Source::Renewal)));
    let works = |at| Event::Probed(Diagnosis::works(seen(at, Source::Probe)));
    let mut called = vec![];
    for (seconds, is_look) in [(0, false), (1, true), (40, false), (41, true), (42, true)] {
        let at = T0 + Span::seconds(seconds);
        let after = grant::step(&grant, &if is_look { works(at) } else { refused(at) }, &facts, at).grant;
        called.push(calls_person(&grant, &after));
        grant = after;
    }
    assert_eq!(called, [false, false, false, true, false], "once, by the good look after the second refusal");
}

/// The grants of one network app, at which the network is asked whenever the rules say so.
struct App {
    grants: Vec<Grant>,
    /// How many verdicts were held back.
    held: usize,
}

impl App {
    fn new(size: u128) -> Self {
        Self { grants: (1..=size).map(|number| born(number, Clocks::default())).collect(), held: 0 }
    }

    fn counted(&self, since: Timestamp) -> (u64, u64) {
        let refused = self.grants.iter().filter_map(Grant::refused_since).filter(|at| turned_together(since, *at)).count();
        (refused as u64, self.grants.len() as u64)
    }

    /// Every grant is looked at, one a second, and `says` what the network answers about which.
    fn look(&mut self, now: Timestamp, says: impl Fn(usize, Timestamp) -> Diagnosis) {
        let facts = Facts::unknown();
        for who in 0..self.grants.len() {
            let at = now + Span::seconds(i64::try_from(who).unwrap());
            let claim = claim(self.grants[who].clone(), at);
            let mut event = Event::Probed(says(who, at));
            if self.grants[who].refused_since().is_some() && matches!(&event, Event::Probed(said) if !said.is_harmless()) {
                // What is doubted is renewed before the person is called.
                event = Event::RenewFailed(says(who, at));
            }
            if let Some(since) = verdict_since(&claim, &facts, &event, at)
                && let Some(instead) = held_instead(&claim, &event, since, Some(self.counted(since)), at)
            {
                self.held += 1;
                event = instead;
            }
            self.grants[who] = plan(&claim, &facts, event.into(), at).grant;
        }
    }

    fn judged(&self) -> Vec<usize> {
        (0..self.grants.len()).filter(|who| self.grants[*who].verdict().is_some()).collect()
    }
}

fn claim(grant: Grant, now: Timestamp) -> Claim {
    let lease = Lease { grant: grant.id.clone(), node: NodeId::from_u128(1), fence: 1, until: now + Span::minutes(3) };
    Claim {
        lease,
        organisation: OrganisationId::from_u128(1),
        network: "somewhere".into(),
        instance: String::new(),
        person_network_id: String::new(),
        grant,
        tokens: TokenSet::bearer(Secret::new("token"), None, vec![]),
        accesses: vec![],
        open: None,
    }
}

fn seen(at: Timestamp, status: u16) -> Evidence {
    Evidence::new(at, Source::Probe, Some(status), Some("invalid_grant"), "no longer valid")
}

fn refused(_: usize, at: Timestamp) -> Diagnosis {
    Diagnosis::refused(Cause::RevokedByPerson, Confidence::Likely, seen(at, 400))
}

fn over(_: usize, at: Timestamp) -> Diagnosis {
    Diagnosis::over(Cause::RevokedByPerson, seen(at, 400))
}

/// RF-33, NT-38: a network that refuses everybody for three days, after one burst in the first minute, ends nobody; when it is well
/// again only who is really over gets a verdict.
#[test]
fn rf_33_a_network_that_refuses_everybody_for_three_days_ends_nobody() {
    let as_ever: fn(usize, Timestamp) -> Diagnosis = refused;
    // A final word is believed as long as no more are refused than ever happens by chance.
    for (says, believed) in [(as_ever, 0), (over, 3)] {
        let mut app = App::new(10);
        let mut now = T0;
        while now.since(T0) < Span::hours(72) {
            app.look(now, says);
            assert_eq!(app.judged().len(), believed, "after {}", now.since(T0));
            now = now + Span::minutes(10);
        }
        assert!(app.held > 1000, "{}", app.held);
        for _ in 0..4 {
            app.look(now, |who, at| if who == 9 { says(who, at) } else { Diagnosis::works(seen(at, 200)) });
            now = now + Span::minutes(1);
        }
        assert_eq!(app.judged(), [9], "the others work, and nobody holds the verdict on this one back");
    }
}

#[test]
fn a_verdict_on_many_is_not_held_back_for_ever_and_one_on_few_not_at_all() {
    let mut few = App::new(100);
    let mut many = App::new(10);
    let mut now = T0;
    let four = |who, at| if who < 4 { refused(who, at) } else { Diagnosis::works(seen(at, 200)) };
    while many.judged().is_empty() {
        assert!(now.since(T0) <= HELD_AT_MOST, "silence");
        few.look(now, four);
        many.look(now, four);
        now = now + Span::minutes(10);
    }
    assert_eq!((few.judged().len(), few.held), (4, 0), "four of a hundred are four people");
    assert!(now.since(T0) > Span::hours(72));
}
