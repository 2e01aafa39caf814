//! The day on which the person has to come, while renewals are refused and after that.

use super::*;

/// Nine days later, as the login named it.
const DAY: Timestamp = Timestamp::from_seconds(1_700_000_000 + 9 * 86_400);

/// Renewals were refused twice, and the access token works: the person should come before it ends.
fn brought_forward(facts: &Facts, day: Option<Timestamp>) -> (Grant, Timestamp) {
    let mut grant = fresh(facts, true);
    grant.clocks.human_until = day;
    let mut now = T0;
    for _ in 0..2 {
        grant = step(&grant, &Event::RenewFailed(refusal(now)), facts, now).grant;
        grant = step(&grant, &Event::Probed(Diagnosis::works(evidence(now))), facts, now).grant;
        now = now + Span::seconds(30);
    }
    assert_eq!(grant.clocks.human_until, grant.clocks.access_until);
    (grant, now)
}

/// As a network does that refused by mistake: its next answer is a token set, and names no day.
#[test]
fn a_renewal_gives_the_person_s_day_back() {
    let facts = facts();
    for day in [None, Some(DAY)] {
        let (grant, now) = brought_forward(&facts, day);
        let works = step(&grant, &Event::Probed(Diagnosis::works(evidence(now))), &facts, now).grant;
        let renewed = step(&works, &Event::Renewed { clocks: Clocks::default() }, &facts, now).grant;
        assert_eq!((&renewed.state, renewed.clocks.human_until), (&State::Fresh, day));
    }
}

#[test]
fn a_verdict_gives_it_back_for_whoever_comes_back_by_itself() {
    let facts = facts();
    for day in [None, Some(DAY)] {
        let (grant, _) = brought_forward(&facts, day);
        let end = T0 + Span::hours(2);
        let dead = step(&grant, &Event::DeadlineReached, &facts, end).grant;
        assert_eq!((dead.verdict().map(|verdict| verdict.cause), dead.clocks.human_until), (Some(Cause::RevokedByPerson), day));
        let back = step(&dead, &Event::Renewed { clocks: Clocks::default() }, &facts, end + Span::hours(1)).grant;
        assert_eq!(back.clocks.human_until, day);
    }
}

#[test]
fn a_lost_answer_gives_it_back() {
    let facts = facts();
    let (grant, now) = brought_forward(&facts, Some(DAY));
    let unsure = step(&grant, &Event::RenewLost(evidence(now)), &facts, now).grant;
    assert_eq!(unsure.clocks.human_until, Some(DAY));
}

/// The end of the access token is no day on which the network demands a renewal by hand.
#[test]
fn a_day_that_was_brought_forward_is_not_taken_for_the_network_s() {
    let facts = Facts { manual_renewal_every: Some(Span::days(365)), ..facts() };
    let guess = |at| Diagnosis::refused(Cause::Unknown, Confidence::Guess, evidence(at));
    let mut grant = fresh(&facts, true);
    for at in [T0, T0 + Span::seconds(30)] {
        grant = step(&grant, &Event::RenewFailed(guess(at)), &facts, at).grant;
        grant = step(&grant, &Event::Probed(Diagnosis::works(evidence(at))), &facts, at).grant;
    }
    assert_eq!(grant.clocks.human_until, Some(T0 + Span::hours(2)));
    let over = step(&grant, &Event::DeadlineReached, &facts, T0 + Span::hours(2)).grant;
    assert_ne!(over.verdict().map(|verdict| verdict.cause), Some(Cause::RenewalDue));
}
