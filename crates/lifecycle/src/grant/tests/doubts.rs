//! Clocks that may be wrong, and guesses that may be.

use super::*;

/// G28: a machine whose clock is a day ahead is told that its proofs are too far off, and ends nobody early.
#[test]
fn an_end_by_a_clock_that_may_be_wrong_is_waited_for() {
    let facts = facts();
    let born = fresh(&facts, true);
    let end = T0 + Span::days(2);
    let grant = Grant { clocks: Clocks { refresh_until: Some(end), ..born.clocks }, ..born };
    let at_its_end = step(&grant, &Event::DeadlineReached, &facts, end).grant;
    assert_eq!((at_its_end.verdict(), at_its_end.renew_at), (None, Some(end)), "the network is asked before the clock is believed");
    let refused = |at| Event::RenewFailed(Diagnosis::refused(Cause::Unknown, Confidence::Guess, evidence(at)));
    let soon = end + facts.second_look_after;
    let asked = step(&step(&at_its_end, &refused(end), &facts, end).grant, &refused(soon), &facts, soon).grant;
    assert_eq!(asked.verdict().map(|verdict| (verdict.cause, verdict.confidence)), Some((Cause::Expired, Confidence::Certain)));

    let ours = Event::RenewFailed(Diagnosis::misconfigured(evidence(end)));
    let doubted = step(&grant, &ours, &facts, end).grant;
    assert_eq!((doubted.verdict(), &doubted.state), (None, &State::Fresh));
    assert!(schedule::due_at(&doubted, &facts, end).is_some_and(|at| at > end), "it is not taken up again and again");
    let later = end + Span::hours(48);
    assert_eq!(step(&doubted, &ours, &facts, later - Span::seconds(1)).grant.verdict(), None);
    assert_eq!(step(&doubted, &ours, &facts, later).grant.verdict().map(|verdict| verdict.cause), Some(Cause::Expired));
    // An outage in between proves the clock no better.
    let away = |at| Event::RenewFailed(Diagnosis::transient(evidence(at), None));
    let unreachable = step(&doubted, &away(later), &facts, later - Span::seconds(1)).grant;
    assert_eq!(unreachable.verdict(), None);
    assert!(step(&unreachable, &away(later), &facts, later).grant.verdict().is_some());
}

/// What is guessed to be dead ripens by what the network says, not by time: whom our own mistake kept from asking again is not ended.
#[test]
fn a_guess_ripens_by_a_refusal_and_not_by_time_alone() {
    let facts = facts();
    let born = fresh(&facts, true);
    let end = T0 + Span::hours(1);
    let grant = Grant { clocks: Clocks { access_until: Some(end), ..born.clocks }, ..born };
    let vague = |at| Event::RenewFailed(Diagnosis::refused(Cause::Unknown, Confidence::Guess, evidence(at)));
    let ours = |at| Event::RenewFailed(Diagnosis::misconfigured(evidence(at)));
    let once = step(&grant, &vague(end), &facts, end).grant;
    let soon = end + facts.second_look_after;
    let twice = step(&once, &vague(soon), &facts, soon).grant;
    assert_eq!(twice.verdict(), None, "it is too early");
    let later = end + facts.doubt_for;
    let kept = step(&twice, &ours(later), &facts, later).grant;
    assert_eq!(kept.verdict(), None, "nobody refused it since");
    let kept = step(&kept, &Event::DeadlineReached, &facts, later + Span::hours(1)).grant;
    assert_eq!(kept.verdict(), None, "nor since then");
    let at_last = later + Span::hours(2);
    assert!(step(&kept, &vague(at_last), &facts, at_last).grant.verdict().is_some(), "now it was");
}
