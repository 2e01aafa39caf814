//! How often a rotating token that nobody uses is spent, by what each rotation does to its end.

use super::*;

/// A network whose refresh token ends; nobody uses it.
struct Ends {
    /// How long an access token lives.
    access: Span,
    /// How long a refresh token lives.
    life: Span,
    /// From which share of its life on a rotation begins a new one, in per cent; `None`: never, it ends on a fixed day.
    anew_from: Option<i64>,
    /// What the answers say of its end: the seconds that are left, a moment before they arrive, or nothing after the login.
    says: bool,
}

/// What the rules do by themselves: when the token set was renewed, and when the verdict came.
fn lived(network: &Ends, facts: &Facts, id: u128, until: Timestamp) -> (Vec<Timestamp>, Option<Timestamp>) {
    let (mut begun, mut end, mut access_until) = (T0, T0 + network.life, T0 + network.access);
    let clocks = Clocks { access_until: Some(access_until), refresh_until: Some(end), human_until: None };
    let mut grant = Grant::born(GrantId::from_u128(id), PersonId::from_u128(2), clocks, true, facts, T0).grant;
    let (mut now, mut renewals) = (T0, vec![]);
    for _ in 0..100_000 {
        let Some(due) = schedule::due_at(&grant, facts, now).filter(|due| *due <= until) else { break };
        now = due.max(now + Span::millis(1));
        let event = match schedule::next_task(&grant, facts, now) {
            schedule::Task::Renew if now < end => {
                renewals.push(now);
                if network.anew_from.is_some_and(|share| now.since(begun) >= network.life.times(share, 100)) {
                    (begun, end) = (now, now + network.life);
                }
                access_until = now + network.access;
                let left = Span::seconds(end.since(now).as_seconds() + 1);
                Event::Renewed {
                    clocks: Clocks { access_until: Some(access_until), refresh_until: network.says.then(|| now + left), human_until: None },
                }
            }
            schedule::Task::Renew => Event::RenewFailed(Diagnosis::refused(Cause::Unknown, Confidence::Guess, evidence(now))),
            schedule::Task::Probe if now < access_until => Event::Probed(Diagnosis::works(evidence(now))),
            schedule::Task::Probe => Event::Probed(refusal(now)),
            schedule::Task::LookAtClock => Event::DeadlineReached,
        };
        grant = step(&grant, &event, facts, now).grant;
        if grant.verdict().is_some() {
            return (renewals, Some(now));
        }
    }
    (renewals, None)
}

/// Rotations of an idle account in a year at a network whose sessions last so many days, whatever is done.
fn in_a_year(days: i64) -> usize {
    let network = Ends { access: Span::hours(2), life: Span::days(days), anew_from: None, says: true };
    let (renewals, ended) = lived(&network, &Facts::unknown(), 7, T0 + Span::days(400));
    assert!(ended.is_some());
    renewals.len() * 365 / usize::try_from(days).unwrap_or(1)
}

#[test]
fn rf_01_a_session_of_a_fixed_length_costs_little_more_than_one_that_goes_on() {
    let rotations = [7, 14, 30, 90, 365].map(in_a_year);
    // Three times in a life that is shorter than three idle checks.
    assert!(rotations[0] <= 3 * 365 / 7 && rotations[1..].iter().all(|count| *count <= 115), "{rotations:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// A day that no rotation puts off is not rotated towards ever faster, and no verdict comes before it.
    #[test]
    fn rf_01_an_end_that_no_rotation_puts_off_makes_none_of_them_come_sooner(
        id: u128, access in 60..3_000_000_i64, life in 3_600..20_000_000_i64, says: bool,
    ) {
        let (facts, life) = (Facts::unknown(), Span::seconds(life));
        let network = Ends { access: Span::seconds(access), life, anew_from: None, says };
        let (renewals, ended) = lived(&network, &facts, id, T0 + Span::days(500));
        let waits: Vec<Span> = [T0].iter().chain(&renewals).zip(&renewals).map(|(before, at)| at.since(*before)).collect();
        let first = life.times(1, 3).min(facts.idle_check_every.times(8, 10)).times(9, 10);
        prop_assert!(waits.iter().all(|wait| *wait >= first), "{:?} in a life of {:?}", waits, life);
        prop_assert!(ended.is_none_or(|at| at >= T0 + life), "{:?}", ended);
        prop_assert!(ended.is_some() || life + Span::seconds(access) + Span::days(8) > Span::days(500));
    }

    /// A network that begins a new life only late in the old one is asked late enough, and nobody is lost.
    #[test]
    fn rf_10_a_life_that_begins_anew_only_late_does_begin_anew(id: u128, access in 60..3_000_000_i64, life in 3_600..8_000_000_i64, share in 0..60_i64) {
        let network = Ends { access: Span::seconds(access), life: Span::seconds(life), anew_from: Some(share), says: true };
        let lasting = Span::days(60).min(network.life.times(400, 1));
        let (renewals, ended) = lived(&network, &Facts::unknown(), id, T0 + lasting);
        prop_assert!(ended.is_none(), "lost at {:?} after {} renewals", ended, renewals.len());
    }

    /// A network that says an end only at the login, and begins a new life each time: it is spent as seldom as any, and never lost.
    #[test]
    fn rf_01_an_end_that_was_said_once_is_that_of_the_first_token_alone(id: u128, access in 60..9_000_000_i64, life in 86_400..8_000_000_i64) {
        let network = Ends { access: Span::seconds(access), life: Span::seconds(life), anew_from: Some(0), says: false };
        let (renewals, ended) = lived(&network, &Facts::unknown(), id, T0 + Span::days(365));
        prop_assert!(ended.is_none());
        let every = network.life.times(1, 3).min(Facts::unknown().idle_check_every.times(10, 11)).times(9, 10).as_seconds();
        prop_assert!(i64::try_from(renewals.len()).is_ok_and(|count| count <= 365 * 86_400 / every + 1), "{} in a year", renewals.len());
    }
}
