mod days;
mod doubts;
mod rotations;

use proptest::prelude::*;

use super::*;
use crate::facts::{AfterVerdict, RenewalModel, Reuse};
use crate::schedule;

const T0: Timestamp = Timestamp::from_seconds(1_700_000_000);

fn facts() -> Facts {
    Facts { access_life: Some(Span::hours(2)), ..Facts::unknown() }
}

fn fresh(facts: &Facts, renewable: bool) -> Grant {
    let clocks = Clocks { access_until: facts.access_life.map(|life| T0 + life), ..Clocks::default() };
    Grant::born(GrantId::from_u128(1), PersonId::from_u128(2), clocks, renewable, facts, T0).grant
}

fn evidence(at: Timestamp) -> Evidence {
    Evidence::new(at, Source::Probe, Some(401), Some("invalid"), "no longer valid")
}

fn refusal(at: Timestamp) -> Diagnosis {
    Diagnosis::refused(Cause::RevokedByPerson, Confidence::Likely, evidence(at))
}

fn says(step: &Step, happening: Happening) -> bool {
    step.happenings.iter().any(|(said, _)| *said == happening)
}

#[test]
fn one_refusal_is_evidence_two_are_a_verdict() {
    let facts = facts();
    let grant = fresh(&facts, true);
    let one = step(&grant, &Event::Probed(refusal(T0)), &facts, T0);
    assert!(matches!(one.grant.state, State::Suspect(_)) && says(&one, Happening::Suspected));
    assert_eq!(one.grant.renew_at, Some(T0 + Span::seconds(30)), "the second look is a renewal, half a minute later");
    let later = T0 + Span::seconds(30);
    let two = step(&one.grant, &Event::RenewFailed(refusal(later)), &facts, later);
    assert_eq!(two.grant.verdict().map(|v| v.cause), Some(Cause::RevokedByPerson));
    assert!(says(&two, Happening::NeedsPerson));
}

#[test]
fn a_refused_target_is_looked_into_at_once_and_says_nothing_of_the_token() {
    let facts = facts();
    let grant = fresh(&facts, true);
    let used =
        |status: u16, source| Event::Used(Diagnosis::transient(Evidence::new(T0, source, Some(status), None, "no such board"), None));
    for status in [401, 403, 404] {
        let after = step(&grant, &used(status, Source::Use), &facts, T0).grant;
        assert_eq!((after.probe_at, &after.state), (Some(T0), &State::Fresh), "{status}");
    }
    for other in [used(429, Source::Use), used(503, Source::Use), used(403, Source::Signal)] {
        assert_eq!(step(&grant, &other, &facts, T0).grant, grant);
    }
}

#[test]
fn a_refusal_too_soon_after_the_first_does_not_count() {
    let facts = facts();
    let one = step(&fresh(&facts, true), &Event::Probed(refusal(T0)), &facts, T0).grant;
    let soon = T0 + Span::seconds(29);
    let two = step(&one, &Event::RenewFailed(refusal(soon)), &facts, soon).grant;
    assert!(matches!(two.state, State::Suspect(_)));
}

/// NT-24: a signal alone changes nothing but the moment of the next look; what the look finds is explained by it.
#[test]
fn a_signal_is_confirmed_by_a_look_or_cleared() {
    let facts = facts();
    let told = Evidence::new(T0, Source::Signal, None, Some("deauthorize"), "the person removed the app");
    let signal = Event::Used(Diagnosis::refused(Cause::RevokedByPerson, Confidence::Likely, told));
    let told = step(&fresh(&facts, true), &signal, &facts, T0).grant;
    assert!(told.verdict().is_none() && told.probe_at == Some(T0));
    let again = step(&told, &signal, &facts, T0).grant;
    assert_eq!(again, told, "the same signal twice is one");
    let cleared = step(&told, &Event::Probed(Diagnosis::works(evidence(T0))), &facts, T0);
    assert!(cleared.grant.state == State::Fresh && says(&cleared, Happening::Cleared), "a forged one is cleared by the look");

    let vague = |at| Diagnosis::refused(Cause::Unknown, Confidence::Guess, evidence(at));
    let one = step(&told, &Event::Probed(vague(T0)), &facts, T0).grant;
    assert!(one.verdict().is_none(), "a signal is no refusal: one look is not enough");
    let later = T0 + Span::seconds(30);
    let two = step(&one, &Event::RenewFailed(vague(later)), &facts, later).grant;
    assert_eq!(two.verdict().map(|verdict| (verdict.cause, verdict.confidence)), Some((Cause::RevokedByPerson, Confidence::Likely)));
}

/// Roles can be lost while the token lives: renewals that come more often than looks must not put the looks off for ever.
#[test]
fn a_renewal_does_not_put_off_the_look_at_roles() {
    let facts = Facts { probe_every: Span::hours(6), access_life: Some(Span::hours(1)), ..facts() };
    let mut grant = fresh(&facts, true);
    let planned = grant.probe_at.unwrap();
    let mut now = T0;
    while now < planned - Span::hours(1) {
        now = now + Span::minutes(50);
        grant = step(&grant, &Event::Renewed { clocks: Clocks::default() }, &facts, now).grant;
        assert_eq!(grant.probe_at, Some(planned));
    }
}

/// A look that finds the access token past its end is a renewal where that is free, and the look itself follows at once; where it
/// rotates, nothing is spent on a mere look, but a doubt is worth it.
#[test]
fn rf_01_an_idle_token_is_rotated_for_a_doubt_and_not_for_a_look() {
    let facts = Facts { access_life: Some(Span::hours(1)), ..facts() };
    let stable = Facts { renewal: RenewalModel::Stable, ..facts.clone() };
    let rotating = Facts { renewal: RenewalModel::Rotating(Reuse::RevokesFamily), ..facts };
    let grant = fresh(&rotating, true);
    let look = grant.probe_at.unwrap();
    assert_eq!(schedule::next_task(&grant, &rotating, look), schedule::Task::LookAtClock);
    let told = Diagnosis { evidence: Evidence { source: Source::Signal, ..evidence(look) }, ..refusal(look) };
    let doubted = step(&grant, &Event::Used(told), &rotating, look).grant;
    assert_eq!(schedule::next_task(&doubted, &rotating, look), schedule::Task::Renew);

    let grant = fresh(&stable, true);
    assert_eq!(schedule::next_task(&grant, &stable, look), schedule::Task::Renew);
    let renewed = step(&grant, &Event::Renewed { clocks: Clocks::default() }, &stable, look).grant;
    assert_eq!(schedule::next_task(&renewed, &stable, look), schedule::Task::Probe);
    let failed = Event::RenewFailed(Diagnosis::transient(evidence(look), None));
    let later = step(&grant, &failed, &stable, look).grant;
    assert_eq!(schedule::next_task(&later, &stable, look), schedule::Task::LookAtClock, "not again at the same moment");
}

/// A person who is blocked keeps tokens that renew. That clears no doubt: two refused looks are a verdict, without a rotation spent
/// where the network says that it is the person, and a renewal afterwards does not bring anybody back.
#[test]
fn a_token_that_renews_does_not_clear_a_person_who_is_refused() {
    let facts = facts();
    let refused = |cause, confidence, now| {
        Event::Probed(Diagnosis { finding: Finding::Refused { cause, confidence, terminal: false }, evidence: evidence(now) })
    };
    let mut now = T0 + Span::hours(1);
    let mut grant = step(&fresh(&facts, true), &refused(Cause::PersonBlocked, Confidence::Likely, now), &facts, now).grant;
    now = now + Span::seconds(30);
    assert_eq!(schedule::next_task(&grant, &facts, now), schedule::Task::Probe, "nothing is spent on it");
    grant = step(&grant, &refused(Cause::PersonBlocked, Confidence::Likely, now), &facts, now).grant;
    assert_eq!(grant.verdict().map(|verdict| verdict.cause), Some(Cause::PersonBlocked));
    grant = step(&grant, &Event::Renewed { clocks: Clocks::default() }, &facts, now).grant;
    assert!(grant.verdict().is_some() && grant.probe_at == Some(now) && grant.renew_at.is_none());

    // Where the network is vague, the token is tried; refused with the new one as well, it is the person.
    let mut now = T0 + Span::hours(1);
    let mut grant = step(&fresh(&facts, true), &refused(Cause::Unknown, Confidence::Guess, now), &facts, now).grant;
    now = now + Span::seconds(30);
    assert_eq!(schedule::next_task(&grant, &facts, now), schedule::Task::Renew);
    grant = step(&grant, &Event::Renewed { clocks: Clocks::default() }, &facts, now).grant;
    assert_eq!(schedule::next_task(&grant, &facts, now), schedule::Task::Probe);
    grant = step(&grant, &refused(Cause::Unknown, Confidence::Guess, now), &facts, now).grant;
    assert!(grant.verdict().is_some(), "{grant:?}");
}

/// NT-38: renewals refused by a mere guess, while the access token is over and nobody can be asked about the person, are no verdict
/// for three hours; then they are.
#[test]
fn nt_38_a_vague_refusal_of_an_idle_token_waits() {
    let facts = Facts { access_life: Some(Span::hours(1)), ..facts() };
    let mut grant = fresh(&facts, true);
    let begun = grant.renew_at.unwrap();
    let (mut now, mut renewals) = (begun, 0);
    while grant.verdict().is_none() {
        let event = match schedule::next_task(&grant, &facts, now) {
            schedule::Task::LookAtClock => Event::DeadlineReached,
            schedule::Task::Probe => panic!("an access token that is over says nothing"),
            schedule::Task::Renew => {
                renewals += 1;
                Event::RenewFailed(Diagnosis::refused(Cause::RevokedByPerson, Confidence::Guess, evidence(now)))
            }
        };
        grant = step(&grant, &event, &facts, now).grant;
        assert!(renewals < 8 && (grant.verdict().is_none() || now.since(begun) >= Span::hours(3)), "{grant:?}");
        now = now.max(schedule::due_at(&grant, &facts, now).unwrap());
    }
    assert!(now.since(begun) < Span::hours(30));
}

/// A rotating network's refresh token begins its life anew with each renewal, also where the answer does not say how long it is.
#[test]
fn a_new_refresh_token_has_a_new_life() {
    let facts = Facts { refresh_life: Some(Span::days(60)), ..facts() };
    let grant = fresh(&facts, true);
    let later = T0 + Span::days(50);
    let renewed = step(&grant, &Event::Renewed { clocks: Clocks::default() }, &facts, later).grant;
    assert_eq!(renewed.clocks.refresh_until, Some(later + Span::days(60)));
    let stable = Facts { renewal: RenewalModel::Stable, ..facts };
    let renewed = step(&fresh(&stable, true), &Event::Renewed { clocks: Clocks::default() }, &stable, later).grant;
    assert_eq!(renewed.clocks.refresh_until, Some(T0 + Span::days(60)), "one that stays goes on");
}

#[test]
fn a_suspicion_is_cleared_by_a_good_look_and_a_refused_renewal_by_a_good_one() {
    let facts = facts();
    let one = step(&fresh(&facts, true), &Event::Probed(refusal(T0)), &facts, T0).grant;
    let renewed = step(&one, &Event::Renewed { clocks: Clocks::default() }, &facts, T0 + Span::seconds(30));
    assert_eq!((renewed.grant.generation, renewed.grant.probe_at), (2, Some(T0 + Span::seconds(30))), "kept, and looked at with it");
    let cleared = step(&renewed.grant, &Event::Probed(Diagnosis::works(evidence(T0))), &facts, T0 + Span::seconds(30));
    assert!(says(&cleared, Happening::Cleared) && cleared.grant.state == State::Fresh);
    let unrenewed = step(&fresh(&facts, true), &Event::RenewFailed(refusal(T0)), &facts, T0).grant;
    let renewed = step(&unrenewed, &Event::Renewed { clocks: Clocks::default() }, &facts, T0 + Span::seconds(30));
    assert_eq!(renewed.grant.state, State::Fresh);
    let looked = step(&one, &Event::Probed(Diagnosis::works(evidence(T0))), &facts, T0 + Span::seconds(30));
    assert!(says(&looked, Happening::Cleared));
}

#[test]
fn renewal_refused_twice_while_the_token_works_is_announced_not_declared_dead() {
    let facts = facts();
    let mut grant = fresh(&facts, true);
    let mut now = T0;
    for _ in 0..2 {
        grant = step(&grant, &Event::RenewFailed(refusal(now)), &facts, now).grant;
        grant = step(&grant, &Event::Probed(Diagnosis::works(evidence(now))), &facts, now).grant;
        now = now + Span::seconds(30);
    }
    assert!(matches!(grant.state, State::Suspect(_)), "{:?}", grant.state);
    assert_eq!(grant.clocks.human_until, Some(T0 + Span::hours(2)), "working until its end is known");
    let end = T0 + Span::hours(2);
    let over = step(&grant, &Event::DeadlineReached, &facts, end);
    assert!(over.grant.verdict().is_some());
}

#[test]
fn an_access_token_at_its_natural_end_is_renewed_not_suspected() {
    let facts = facts();
    let end = T0 + Span::hours(2);
    let next = step(&fresh(&facts, true), &Event::Probed(refusal(end)), &facts, end);
    assert_eq!(next.grant.state, State::Fresh);
    assert_eq!(next.grant.renew_at, Some(end));
}

/// NT-38: a look that was answered in the moment in which the token ended by itself confirms nothing.
#[test]
fn an_access_token_at_its_natural_end_is_no_second_witness() {
    let facts = facts();
    let vague = |at| Diagnosis::refused(Cause::Unknown, Confidence::Guess, evidence(at));
    let end = T0 + Span::hours(2);
    let mut grant = fresh(&facts, true);
    for before in [90, 30] {
        let now = end - Span::seconds(before);
        grant = step(&grant, &Event::RenewFailed(vague(now)), &facts, now).grant;
        grant = step(&grant, &Event::Probed(Diagnosis::works(evidence(now))), &facts, now).grant;
    }
    let doubted = step(&grant, &Event::Probed(vague(end)), &facts, end).grant;
    assert_eq!((doubted.verdict(), &doubted.state), (None, &grant.state), "it is asked for a renewal, for as long as one waits");
    assert_eq!(doubted.renew_at, Some(end + facts.second_look_after));
}

#[test]
fn the_365th_day_needs_no_refusal() {
    let facts = Facts { manual_renewal_every: Some(Span::days(365)), ..facts() };
    let grant = fresh(&facts, true);
    let day = T0 + Span::days(365);
    let renewed = step(&grant, &Event::Renewed { clocks: Clocks::default() }, &facts, T0 + Span::days(200)).grant;
    assert_eq!(renewed.clocks.human_until, Some(day), "renewing does not move the person's day");
    let due = step(&renewed, &Event::DeadlineReached, &facts, day);
    assert_eq!(due.grant.verdict().map(|v| (v.cause, v.confidence)), Some((Cause::RenewalDue, Confidence::Certain)));
    let again = Event::Authorized { person: PersonId::from_u128(2), clocks: Clocks::default(), renewable: true };
    let back = step(&due.grant, &again, &facts, day);
    assert_eq!((back.grant.state, back.grant.clocks.human_until), (State::Fresh, Some(day + Span::days(365))));
}

#[test]
fn somebody_else_never_overwrites() {
    let facts = facts();
    let grant = fresh(&facts, true);
    let other = Event::Authorized { person: PersonId::from_u128(99), clocks: Clocks::default(), renewable: true };
    let next = step(&grant, &other, &facts, T0);
    assert_eq!(next.grant, grant);
    assert!(says(&next, Happening::Surprise));
}

#[test]
fn a_lost_answer_is_asked_again_and_a_refusal_then_is_lost_in_rotation() {
    let facts = facts();
    let lost = step(&fresh(&facts, true), &Event::RenewLost(evidence(T0)), &facts, T0).grant;
    assert_eq!(lost.renew_at, Some(T0), "the first rung of the ladder is at once");
    let end = T0 + Span::hours(2);
    let one = step(&lost, &Event::RenewFailed(refusal(end)), &facts, end).grant;
    let later = end + Span::seconds(30);
    let dead = step(&one, &Event::RenewFailed(refusal(later)), &facts, later).grant;
    assert_eq!(dead.verdict().map(|v| v.lost_in_rotation), Some(true));
}

#[test]
fn two_good_looks_lift_a_verdict() {
    let facts = facts();
    let over = Diagnosis::over(Cause::PersonBlocked, evidence(T0));
    let dead = step(&fresh(&facts, true), &Event::Probed(over), &facts, T0).grant;
    assert!(dead.verdict().is_some(), "the network's own word needs no second look");
    let good = Event::Probed(Diagnosis::works(evidence(T0)));
    let one = step(&dead, &good, &facts, T0 + Span::hours(1)).grant;
    assert!(one.verdict().is_some());
    let two = step(&one, &good, &facts, T0 + Span::hours(1) + Span::seconds(30));
    assert!(says(&two, Happening::CameBack) && two.grant.state == State::Fresh);
}

#[test]
fn an_account_unblocked_after_its_access_token_ended_comes_back() {
    let facts = facts();
    let over = Diagnosis::over(Cause::PersonBlocked, evidence(T0));
    let dead = step(&fresh(&facts, true), &Event::Probed(over), &facts, T0).grant;
    let later = dead.probe_at.expect("it is looked at now and then");
    assert!(later > T0 + Span::hours(2), "the access token is over");
    assert_eq!(schedule::next_task(&dead, &facts, later), schedule::Task::Renew);
    let still = step(&dead, &Event::RenewFailed(refusal(later)), &facts, later).grant;
    assert!(still.verdict().is_some() && still.probe_at > Some(later));
    let lost = step(&still, &Event::RenewLost(evidence(later)), &facts, later).grant;
    assert!(lost.verdict().is_some() && lost.renew_at.is_none());
    let away = step(&lost, &Event::RenewFailed(Diagnosis::transient(evidence(later), None)), &facts, later).grant;
    assert!(away.verdict().is_some() && away.renew_at.is_none() && away.probe_at > Some(later));
    let mut now = later + Span::days(1);
    let mut back = step(&away, &Event::Renewed { clocks: Clocks::default() }, &facts, now);
    assert!(back.grant.verdict().is_some(), "a blocked person's token renews as well");
    for _ in 0..2 {
        assert_eq!(schedule::next_task(&back.grant, &facts, now), schedule::Task::Probe);
        back = step(&back.grant, &Event::Probed(Diagnosis::works(evidence(now))), &facts, now);
        now = back.grant.probe_at.expect("it is looked at again");
    }
    assert!(says(&back, Happening::CameBack) && back.grant.state == State::Fresh);
}

/// Discord: whoever goes on calling a webhook that is gone is banned by address.
#[test]
fn a_dead_secret_that_must_not_be_sent_again_is_left_alone() {
    let facts = Facts { after_verdict: AfterVerdict::LeaveAlone, access_life: None, renewal: RenewalModel::ByPerson, ..Facts::unknown() };
    let grant = fresh(&facts, false);
    let (usual, verdict) = (grant.probe_at, Diagnosis::over(Cause::RevokedByPerson, evidence(T0)));
    assert!(usual.is_some(), "while it lives it is looked at");
    let dead = step(&grant, &Event::Probed(verdict), &facts, T0).grant;
    assert_eq!(schedule::due_at(&dead, &facts, T0), None);
    // A person may ask by hand; whatever is found, nothing more follows by itself unless the token is alive after all.
    for finding in [Finding::Transient { retry_after: None }, Finding::Misconfigured, refusal(T0).finding] {
        let asked = step(&dead, &Event::Probed(Diagnosis { finding, evidence: evidence(T0) }), &facts, T0).grant;
        assert_eq!(schedule::due_at(&asked, &facts, T0), None);
    }
    let good = Event::Probed(Diagnosis::works(evidence(T0)));
    let one = step(&dead, &good, &facts, T0).grant;
    assert_eq!(schedule::due_at(&one, &facts, T0), Some(T0 + facts.second_look_after));
    assert_eq!(step(&one, &good, &facts, T0 + facts.second_look_after).grant.state, State::Fresh);
    let renewed = Event::Authorized { person: dead.person.clone(), clocks: Clocks::default(), renewable: false };
    assert!(step(&dead, &renewed, &facts, T0).grant.probe_at.is_some(), "the person came: it is looked at again");
}

fn any_finding() -> impl Strategy<Value = Finding> {
    prop_oneof![
        Just(Finding::Works),
        Just(Finding::Transient { retry_after: None }),
        Just(Finding::Transient { retry_after: Some(Span::minutes(5)) }),
        Just(Finding::Misconfigured),
        Just(Finding::Refused { cause: Cause::Unknown, confidence: Confidence::Guess, terminal: false }),
        Just(Finding::Refused { cause: Cause::PersonBlocked, confidence: Confidence::Certain, terminal: true }),
    ]
}

fn any_event() -> impl Strategy<Value = Event> {
    let diagnosis = || any_finding().prop_map(|finding| Diagnosis { finding, evidence: evidence(T0) });
    let person = prop_oneof![4 => Just(2_u128), 1 => Just(99_u128)].prop_map(PersonId::from_u128);
    prop_oneof![
        (person, any::<bool>()).prop_map(|(person, renewable)| Event::Authorized { person, clocks: Clocks::default(), renewable }),
        Just(Event::Renewed { clocks: Clocks::default() }),
        diagnosis().prop_map(Event::RenewFailed),
        Just(Event::RenewLost(evidence(T0))),
        diagnosis().prop_map(Event::Probed),
        diagnosis().prop_map(Event::Used),
        Just(Event::DeadlineReached),
    ]
}

fn any_facts() -> impl Strategy<Value = Facts> {
    let model = prop_oneof![
        Just(RenewalModel::Rotating(Reuse::RevokesFamily)),
        Just(RenewalModel::Stable),
        Just(RenewalModel::Extending(Span::days(1))),
        Just(RenewalModel::ByPerson),
    ];
    let after = prop_oneof![Just(AfterVerdict::LookRarely), Just(AfterVerdict::LeaveAlone)];
    (model, any::<bool>(), any::<bool>(), after).prop_map(|(renewal, ends, manual, after_verdict)| Facts {
        renewal,
        after_verdict,
        access_life: ends.then_some(Span::hours(2)),
        manual_renewal_every: manual.then_some(Span::days(365)),
        ..Facts::unknown()
    })
}

proptest! {
    /// Total; the generation only grows (I3); the person never changes; a living grant is always taken up again.
    #[test]
    fn any_history_keeps_the_invariants(facts in any_facts(), events in proptest::collection::vec((any_event(), 0..100_000_i64), 1..60)) {
        let mut grant = fresh(&facts, facts.renewal != RenewalModel::ByPerson);
        let mut now = T0;
        for (event, wait) in events {
            now = now + Span::seconds(wait);
            let next = step(&grant, &event, &facts, now).grant;
            prop_assert!(next.generation >= grant.generation);
            prop_assert_eq!(&next.person, &grant.person);
            let grows = matches!(event, Event::Renewed { .. } | Event::Authorized { .. });
            prop_assert!(grows || next.generation == grant.generation);
            let left = next.verdict().is_some_and(|verdict| verdict.good_looks == 0) && facts.after_verdict == AfterVerdict::LeaveAlone;
            prop_assert_eq!(schedule::due_at(&next, &facts, now).is_none(), left, "is {:?} ever looked at again?", next);
            grant = next;
        }
    }

    /// Promise 3: an outage, a rate limit, our own mistake never kills; only clocks that are over do (RF-35).
    #[test]
    fn promise_3_no_false_alarm(findings in proptest::collection::vec((any_finding(), any::<bool>(), 0..4000_i64), 1..80)) {
        let facts = Facts { access_life: None, ..Facts::unknown() };
        let mut grant = fresh(&facts, true);
        let mut now = T0;
        for (finding, renewal, wait) in findings {
            now = now + Span::seconds(wait);
            let diagnosis = Diagnosis { finding, evidence: evidence(now) };
            if !diagnosis.is_harmless() { continue; }
            let event = if renewal { Event::RenewFailed(diagnosis) } else { Event::Probed(diagnosis) };
            grant = step(&grant, &event, &facts, now).grant;
            prop_assert_eq!(&grant.state, &State::Fresh);
        }
    }

    /// RF-32: without the network's own terminal word, a verdict needs two refusals half a minute apart.
    #[test]
    fn no_verdict_without_two_refusals(looks in proptest::collection::vec((any::<bool>(), any::<bool>(), 0..20_i64), 1..40)) {
        let facts = Facts { access_life: None, ..Facts::unknown() };
        let mut grant = fresh(&facts, true);
        let mut now = T0;
        let mut first: Option<Timestamp> = None;
        for (renewal, refused, wait) in looks {
            now = now + Span::seconds(wait);
            let diagnosis = if refused { refusal(now) } else { Diagnosis::transient(evidence(now), None) };
            if refused && first.is_none() { first = Some(now); }
            let event = if renewal { Event::RenewFailed(diagnosis) } else { Event::Probed(diagnosis) };
            grant = step(&grant, &event, &facts, now).grant;
            if grant.verdict().is_some() {
                prop_assert!(first.is_some_and(|first| now.since(first) >= Span::seconds(30)));
                break;
            }
        }
    }
}

/// What the keeper meets when it does the due task: a fault of the network, or the truth.
fn answer(task: schedule::Task, fault: u8, alive: bool, now: Timestamp) -> Event {
    let diagnosis = match (fault, alive) {
        (0, _) => Diagnosis::transient(evidence(now), None),
        (1, _) => Diagnosis::misconfigured(evidence(now)),
        (_, true) => Diagnosis::works(evidence(now)),
        (_, false) => refusal(now),
    };
    match task {
        schedule::Task::LookAtClock => Event::DeadlineReached,
        schedule::Task::Probe => Event::Probed(diagnosis),
        schedule::Task::Renew if fault == 2 => Event::RenewLost(evidence(now)),
        schedule::Task::Renew if diagnosis.finding == Finding::Works => Event::Renewed { clocks: Clocks::default() },
        schedule::Task::Renew => Event::RenewFailed(diagnosis),
    }
}

proptest! {
    /// The keeper never spins: six days of doing whatever is due, with any faults, is a bounded number of actions, and
    /// each of them happens at a later moment than the one before, bursts of a lost answer apart.
    #[test]
    fn days_of_work_are_bounded(facts in any_facts(), alive: bool, faults in proptest::collection::vec(0..6_u8, 400)) {
        let mut grant = fresh(&facts, facts.renewal != RenewalModel::ByPerson);
        let mut now = T0;
        let mut actions = 0;
        let end = T0 + Span::days(6);
        for fault in faults.iter().cycle() {
            let Some(due) = schedule::due_at(&grant, &facts, now) else { break };
            now = now.max(due);
            if now >= end { break; }
            grant = step(&grant, &answer(schedule::next_task(&grant, &facts, now), *fault, alive, now), &facts, now).grant;
            actions += 1;
            prop_assert!(actions < 8000, "spinning at {:?}: {:?}", now, grant);
        }
    }

    /// A token that is dead at the network is found dead within a day, or where only a rotation could show it, within a day of its
    /// idle check; whatever faults lie between.
    #[test]
    fn promise_4_a_dead_token_is_noticed(facts in any_facts(), faults in proptest::collection::vec(0..6_u8, 400)) {
        let mut grant = fresh(&facts, facts.renewal != RenewalModel::ByPerson);
        let mut now = T0;
        for fault in faults.iter().cycle() {
            if grant.verdict().is_some() { break; }
            now = now.max(schedule::due_at(&grant, &facts, now).unwrap_or(T0 + Span::days(9)));
            prop_assert!(now < T0 + facts.idle_check_every + Span::days(3), "still undecided: {:?}", grant);
            grant = step(&grant, &answer(schedule::next_task(&grant, &facts, now), *fault, false, now), &facts, now).grant;
        }
    }
}
