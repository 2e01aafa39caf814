//! A fixed set of seeds, the same history for the same seed, and proof that the simulation can fail.

use lifecycle::time::Span;
use simulator::{Break, Faults, Options, Report, Why, simulate};

fn run(options: &Options, seed: u64) -> Report {
    simulate(options, seed, &|_, _| {})
}

/// A world small enough for a debug build, with every network in it.
fn small(faults: Faults) -> Options {
    Options { profiles: 34, lasting: Span::days(60), faults, probe_every: Span::hours(12), ..Options::default() }
}

fn assert_kept(options: &Options, seed: u64) -> Report {
    let report = run(options, seed);
    assert!(report.is_good(), "seed {seed}, {}: {:#?}\n{report}", options.faults.name(), report.broken);
    report
}

#[test]
fn without_faults_nothing_is_lost_and_everybody_is_told() {
    let report = assert_kept(&Options { lasting: Span::days(380), ..small(Faults::None) }, 1);
    assert!(report.renewals > 300, "{report}");
    assert!(report.told_no_access_tokens > 0 && report.told_recovered > 0 && report.told_renew_soon > 0, "{report}");
    assert!(report.told_last_remaining > 0, "{report}");
    // Once in 3.65 days, whatever ends a session on a fixed day.
    assert!(report.rotations_per_idle_account_year < 100.0, "{report}");
    assert!(report.losses_unavoidable.is_empty());
    assert_eq!(report.surprises, 0);
    assert!(report.never_connected.is_empty(), "everybody can connect: {:?}", report.never_connected);
    assert!(report.uses > 100 && report.uses_refused > 0, "{report}");
}

#[test]
fn every_kind_of_fault_leaves_the_promises_whole() {
    for (seed, (faults, _)) in (1..).zip(Faults::ALL) {
        assert_kept(&small(faults), seed);
    }
}

/// G2. A loss for each answer that was destroyed after the network had spent the token, and next to none beside them.
#[test]
fn as_little_is_lost_as_answers_are_destroyed() {
    let options = Options { idle_check_every: Span::hours(2), lasting: Span::days(120), profiles: 48, ..small(Faults::LostAnswers) };
    let report = assert_kept(&options, 3);
    assert!(report.losses_floor > 10, "{report}");
    assert!(report.losses_for_each_of_the_floor > 0.5 && report.losses_for_each_of_the_floor <= 1.02, "{report}");
}

#[test]
fn mixed_faults_leave_the_promises_whole() {
    for seed in [1, 2, 3] {
        assert_kept(&small(Faults::Swarm), seed);
    }
}

/// Worlds in which some networks end each login on a fixed day, whatever is renewed: told ahead where they say it, and as expired in any case.
#[test]
fn logins_that_end_on_their_day_are_told() {
    for seed in [2, 6, 8] {
        let report = assert_kept(&Options { lasting: Span::days(160), ..small(Faults::None) }, seed);
        assert!(report.deaths.get(&Why::YearOver).is_some_and(|count| *count > 0), "{report}");
    }
}

#[test]
fn when_days_on_which_logins_end_are_forgotten_it_is_noticed() {
    assert!(is_noticed(Break::ForgetsDays, Faults::None, "promise_5_early_warnings_once_each"));
}

#[test]
fn the_same_seed_gives_the_same_report_on_any_number_of_threads() {
    let options = Options { profiles: 100, lasting: Span::days(9), ..small(Faults::Swarm) };
    let one = run(&options, 7);
    assert_eq!(one, run(&Options { threads: 3, ..options.clone() }, 7));
    assert_ne!(one, run(&options, 8));
}

/// Whether such a promise breaks when a rule is broken on purpose, in one of a few seeds.
fn is_noticed(breaks: Break, faults: Faults, promise: &str) -> bool {
    let mut options = Options { breaks: Some(breaks), lasting: Span::days(250), profiles: 17, ..small(faults) };
    if breaks == Break::NoLease {
        // Everybody works on everything: a few days are more than enough.
        options.lasting = Span::days(40);
    }
    if breaks == Break::NoBudget {
        // Many logins at few networks, and all come back at once after an outage.
        (options.profiles, options.admins, options.lasting) = (48, 12, Span::days(60));
    }
    if breaks == Break::NoBreaker {
        // Every network, and renewals often enough to meet an outage.
        (options.profiles, options.lasting, options.idle_check_every) = (48, Span::days(30), Span::hours(4));
    }
    if breaks == Break::NoOutboxKey {
        // Nobody else holds what somebody loses: much to tell.
        (options.profiles, options.admins, options.lasting) = (48, 1, Span::days(90));
    }
    if faults == Faults::Noise {
        // Renewals often enough to meet a spell of noise.
        (options.idle_check_every, options.probe_every) = (Span::days(1), Span::hours(2));
    }
    (1..12).any(|seed| run(&options, seed).broken.iter().any(|broken| broken.promise.starts_with(promise)))
}

#[test]
fn without_fences_a_late_writer_is_noticed() {
    assert!(is_noticed(Break::NoFence, Faults::Pauses, "invariant_generations_only_grow"));
}

#[test]
fn without_leases_two_renewals_at_once_are_noticed() {
    assert!(is_noticed(Break::NoLease, Faults::None, "promise_2_one_renewal_at_a_time"));
}

#[test]
fn without_a_journal_a_request_without_a_note_is_noticed() {
    assert!(is_noticed(Break::NoJournal, Faults::None, "promise_2_sent_implies_journal"));
}

#[test]
fn without_a_second_refusal_a_false_death_is_noticed() {
    assert!(is_noticed(Break::NoSecondRefusal, Faults::Noise, "promise_3_no_false_death"));
}

#[test]
fn without_memory_of_episodes_a_second_alarm_is_noticed() {
    assert!(is_noticed(Break::ForgetsEpisodes, Faults::None, "promise_4_told_once"));
}

#[test]
fn when_nobody_says_that_one_is_left_it_is_noticed() {
    assert!(is_noticed(Break::ForgetsWhoIsLeft, Faults::None, "promise_5_last_remaining_told"));
}

#[test]
fn when_somebody_says_that_one_of_two_is_left_it_is_noticed() {
    for promise in ["promise_5_last_remaining_is_true", "promise_5_last_remaining_told_once"] {
        assert!(is_noticed(Break::SaysOneIsLeft, Faults::None, promise), "{promise}");
    }
}

#[test]
fn without_a_budget_too_many_calls_at_once_are_noticed() {
    assert!(is_noticed(Break::NoBudget, Faults::Outages, "invariant_calls_within_budget"));
}

#[test]
fn without_a_breaker_a_token_spent_on_silence_is_noticed() {
    assert!(is_noticed(Break::NoBreaker, Faults::Outages, "promise_2_nothing_spent_on_silence"));
}

#[test]
fn without_a_key_in_the_outbox_a_second_message_is_noticed() {
    assert!(is_noticed(Break::NoOutboxKey, Faults::LostAnswers, "promise_4_known_again"));
}

#[test]
fn without_its_row_in_the_outbox_a_silence_is_noticed() {
    assert!(is_noticed(Break::NoOutboxRow, Faults::None, "promise_4"));
}

#[test]
fn a_look_that_is_remembered_too_long_is_noticed() {
    assert!(is_noticed(Break::OldLooks, Faults::None, "invariant_what_is_remembered_is_true"));
}
