//! Clocks that may be wrong.

use super::*;

/// G28: a machine whose clock is a day ahead is told that its proofs are too far off, and ends nobody early.
#[test]
fn an_end_by_a_clock_that_may_be_wrong_is_waited_for() {
    let facts = facts();
    let born = fresh(&facts, true);
    let end = T0 + Span::days(2);
    let grant = Grant { clocks: Clocks { refresh_until: Some(end), ..born.clocks }, ..born };
    let at_its_end = step(&grant, &Event::DeadlineReached, &facts, end).grant;
    assert!(at_its_end.verdict().is_some(), "nothing speaks against the clock");

    let ours = Event::RenewFailed(Diagnosis::misconfigured(evidence(end)));
    let doubted = step(&grant, &ours, &facts, end).grant;
    assert_eq!((doubted.verdict(), &doubted.state), (None, &State::Fresh));
    assert!(schedule::due_at(&doubted, &facts, end).is_some_and(|at| at > end), "it is not taken up again and again");
    let later = end + Span::hours(24);
    assert_eq!(step(&doubted, &ours, &facts, later - Span::seconds(1)).grant.verdict(), None);
    assert_eq!(step(&doubted, &ours, &facts, later).grant.verdict().map(|verdict| verdict.cause), Some(Cause::Expired));
    // Whom nobody reaches has no fault of ours to doubt the clock for.
    let unreachable = step(&grant, &Event::RenewFailed(Diagnosis::transient(evidence(end), None)), &facts, end).grant;
    assert!(unreachable.verdict().is_some());
}
