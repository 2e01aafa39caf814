//! What known ends say, and what they must not say.

use super::*;
use crate::facts::RenewalModel;
use crate::schedule;
use crate::time::Span;

const T0: Timestamp = Timestamp::from_seconds(1_700_000_000);

/// Pages of a person: what acts has no end, the person's own token has.
fn by_person() -> Facts {
    Facts { renewal: RenewalModel::ByPerson, access_life: None, manual_renewal_every: Some(Span::days(60)), ..Facts::unknown() }
}

fn extending() -> Facts {
    Facts { renewal: RenewalModel::Extending(Span::days(1)), access_life: Some(Span::days(60)), ..Facts::unknown() }
}

fn born(facts: &Facts, clocks: Clocks, renewable: bool) -> Grant {
    Grant::born(GrantId::from_u128(1), PersonId::from_u128(2), clocks, renewable, facts, T0).grant
}

fn refused(grant: &Grant, facts: &Facts, cause: Cause, confidence: Confidence, at: Timestamp) -> Option<Cause> {
    let refusal = |at| Event::Probed(Diagnosis::refused(cause, confidence, Evidence::new(at, Source::Probe, Some(400), None, "no")));
    let later = at + Span::hours(4);
    let one = step(grant, &refusal(at), facts, at).grant;
    step(&one, &refusal(later), facts, later).grant.verdict().map(|verdict| verdict.cause)
}

#[test]
fn a_day_that_is_over_explains_only_what_nothing_else_does() {
    let facts = by_person();
    let grant = born(&facts, Clocks { human_until: Some(T0 + Span::days(60)), ..Clocks::default() }, false);
    let at = T0 + Span::days(70);
    for (cause, confidence, expected) in [
        (Cause::PasswordChanged, Confidence::Certain, Cause::PasswordChanged),
        (Cause::RevokedByPerson, Confidence::Certain, Cause::RevokedByPerson),
        (Cause::PersonBlocked, Confidence::Likely, Cause::PersonBlocked),
        (Cause::PermissionLost, Confidence::Likely, Cause::PermissionLost),
        (Cause::PasswordChanged, Confidence::Guess, Cause::RenewalDue),
        (Cause::Unknown, Confidence::Guess, Cause::RenewalDue),
        (Cause::Expired, Confidence::Certain, Cause::RenewalDue),
    ] {
        assert_eq!(refused(&grant, &facts, cause, confidence, at), Some(expected), "{cause} {confidence}");
    }
}

#[test]
fn a_token_without_an_end_has_no_day() {
    let facts = by_person();
    assert_eq!(born(&facts, Clocks::default(), false).clocks.human_until, None);
    let ends = Clocks { access_until: Some(T0 + Span::days(60)), ..Clocks::default() };
    assert_eq!(born(&facts, ends, false).clocks.human_until, Some(T0 + Span::days(60)));
}

#[test]
fn what_is_extended_is_over_at_its_end() {
    let facts = extending();
    let end = T0 + Span::days(60);
    let mut grant = born(&facts, Clocks::default(), true);
    assert_eq!(grant.clocks.access_until, Some(end));
    // Nothing was reached all the while.
    grant.renew_at = Some(end + Span::days(1));
    grant.probe_at = Some(end + Span::days(1));
    assert_eq!(schedule::due_at(&grant, &facts, T0), Some(end), "the end itself is looked at");
    assert!(step(&grant, &Event::DeadlineReached, &facts, end - Span::seconds(1)).grant.verdict().is_none());
    assert_eq!(step(&grant, &Event::DeadlineReached, &facts, end).grant.verdict().map(|verdict| verdict.cause), Some(Cause::Expired));
    let vague = Diagnosis::refused(Cause::Unknown, Confidence::Guess, Evidence::new(end, Source::Renewal, Some(400), Some("190"), "no"));
    assert_eq!(step(&grant, &Event::RenewFailed(vague), &facts, end).grant.verdict().map(|verdict| verdict.cause), Some(Cause::Expired));
}

#[test]
fn a_renewal_puts_off_no_look() {
    let free = Facts { access_life: Some(Span::hours(2)), ..Facts::unknown() };
    let paid = Facts { calls_cost: true, ..free.clone() };
    let renewed = Event::Renewed { clocks: Clocks::default() };
    // At X a suspended account renews on and on, often: a look that each renewal put off would never come.
    for facts in [&free, &paid] {
        let grant = born(facts, Clocks::default(), true);
        let due = grant.probe_at.expect("a look is planned");
        let before = due - Span::seconds(1);
        let after = step(&grant, &renewed, facts, before).grant;
        assert!(after.probe_at <= Some(due), "{:?}", after.probe_at);
    }
    let told = Evidence::new(T0, Source::Signal, None, None, "removed");
    let doubt = Event::Used(Diagnosis::refused(Cause::RevokedByPerson, Confidence::Likely, told));
    let doubted = step(&born(&paid, Clocks::default(), true), &doubt, &paid, T0).grant;
    assert_eq!(step(&doubted, &renewed, &paid, T0).grant.probe_at, Some(T0), "a doubt is looked at");
}
