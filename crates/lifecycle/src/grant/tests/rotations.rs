//! How often a rotating token that nobody uses is spent, by what each rotation does to its end; who is warned of it, and why it is said
//! to be over then.

use super::*;
use crate::access::{Access, AccessState};
use crate::ids::{AccessId, ProfileId};
use crate::status::{News, Standing, settle};

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

/// What the rules do by themselves.
#[derive(Default)]
struct Lived {
    /// When the token set was renewed.
    renewals: Vec<Timestamp>,
    /// The verdict.
    verdict: Option<Verdict>,
    /// What its person was told ahead: how many days ahead, and of which day.
    warned: Vec<(i64, Timestamp)>,
    /// Whether a day stands in the end.
    day: Option<Timestamp>,
}

impl Lived {
    fn ended(&self) -> Option<Timestamp> {
        self.verdict.as_ref().map(|verdict| verdict.since)
    }
}

fn lived(network: &Ends, facts: &Facts, id: u128, until: Timestamp) -> Lived {
    let (mut begun, mut end, mut access_until) = (T0, T0 + network.life, T0 + network.access);
    let clocks = Clocks { access_until: Some(access_until), refresh_until: Some(end), human_until: None };
    let mut grant = Grant::born(GrantId::from_u128(id), PersonId::from_u128(2), clocks, true, facts, T0).grant;
    let access = Access {
        id: AccessId::from_u128(1),
        grant: grant.id.clone(),
        profile: ProfileId::from_u128(1),
        network_id: "1".into(),
        role: "ADMIN".into(),
        state: AccessState::Working,
        seen_at: None,
    };
    let mut standing = Standing::unborn(T0);
    let (mut now, mut lived) = (T0, Lived::default());
    for _ in 0..100_000 {
        let (after, news) = settle(&standing, &[(&access, &grant)], facts, now);
        standing = after;
        lived.warned.extend(news.into_iter().filter_map(|news| match news {
            News::RenewSoon { days, deadline } => Some((days, deadline)),
            _ => None,
        }));
        let Some(due) = schedule::due_at(&grant, facts, now).filter(|due| *due <= until) else { break };
        now = due.max(now + Span::millis(1));
        let event = match schedule::next_task(&grant, facts, now) {
            schedule::Task::Renew if now < end => {
                lived.renewals.push(now);
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
        lived.verdict = grant.verdict().cloned();
        if lived.verdict.is_some() {
            break;
        }
    }
    lived.day = grant.clocks.human_until;
    lived
}

/// Rotations of an idle account in a year at a network whose sessions last so many days, whatever is done.
fn in_a_year(days: i64) -> usize {
    let network = Ends { access: Span::hours(2), life: Span::days(days), anew_from: None, says: true };
    let life = lived(&network, &Facts::unknown(), 7, T0 + Span::days(400));
    assert!(life.verdict.is_some());
    life.renewals.len() * 365 / usize::try_from(days).unwrap_or(1)
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
        let lived = lived(&network, &facts, id, T0 + Span::days(500));
        let (renewals, ended) = (&lived.renewals, lived.ended());
        let waits: Vec<Span> = [T0].iter().chain(renewals).zip(renewals).map(|(before, at)| at.since(*before)).collect();
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
        let lived = lived(&network, &Facts::unknown(), id, T0 + lasting);
        prop_assert!(lived.verdict.is_none(), "lost at {:?} after {} renewals", lived.ended(), lived.renewals.len());
    }

    /// A network that says an end only at the login, and begins a new life each time: it is spent as seldom as any, and never lost.
    #[test]
    fn rf_01_an_end_that_was_said_once_is_that_of_the_first_token_alone(id: u128, access in 60..9_000_000_i64, life in 86_400..8_000_000_i64) {
        let network = Ends { access: Span::seconds(access), life: Span::seconds(life), anew_from: Some(0), says: false };
        let lived = lived(&network, &Facts::unknown(), id, T0 + Span::days(365));
        prop_assert!(lived.verdict.is_none() && lived.warned.is_empty());
        let renewals = &lived.renewals;
        let every = network.life.times(1, 3).min(Facts::unknown().idle_check_every.times(10, 11)).times(9, 10).as_seconds();
        prop_assert!(i64::try_from(renewals.len()).is_ok_and(|count| count <= 365 * 86_400 / every + 1), "{} in a year", renewals.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// An end that each answer names and no rotation puts off is told ahead as a day that the network names is: on every announced day, once,
    /// and of the right day.
    #[test]
    fn an_end_that_no_rotation_puts_off_is_told_ahead(id: u128, access in 60..3_000_000_i64, days in 32..300_i64) {
        let (facts, life) = (Facts::unknown(), Span::days(days));
        let network = Ends { access: Span::seconds(access), life, anew_from: None, says: true };
        let lived = lived(&network, &facts, id, T0 + Span::days(400));
        let told: Vec<i64> = lived.warned.iter().map(|(days, _)| *days).collect();
        prop_assert_eq!(&told, &facts.warn_days);
        prop_assert!(lived.warned.iter().all(|(_, day)| day.since(T0 + life).as_seconds().abs() <= 1), "{:?}", lived.warned);
        prop_assert_eq!(lived.verdict.map(|verdict| (verdict.cause, verdict.confidence)), Some((Cause::Expired, Confidence::Certain)));
    }

    /// Where each renewal begins a new life nobody is warned of anything, whatever the answers say and however soon renewals follow each other.
    #[test]
    fn a_life_that_begins_anew_is_nobodys_day(id: u128, access in 60..3_000_000_i64, life in 3_600..8_000_000_i64, says: bool) {
        let network = Ends { access: Span::seconds(access), life: Span::seconds(life), anew_from: Some(0), says };
        let lived = lived(&network, &Facts::unknown(), id, T0 + Span::days(60).min(network.life.times(200, 1)));
        prop_assert!(lived.warned.is_empty() && lived.day.is_none(), "{:?} {:?}", lived.warned, lived.day);
    }

    /// An end that the login alone names, and that turns out to hold for every successor, explains the refusals from then on.
    #[test]
    fn an_end_that_the_login_named_explains_the_refusals_behind_it(id: u128, access in 60..200_000_i64, days in 8..300_i64) {
        let network = Ends { access: Span::seconds(access), life: Span::days(days), anew_from: None, says: false };
        let lived = lived(&network, &Facts::unknown(), id, T0 + Span::days(400));
        let verdict = lived.verdict.expect("it ends");
        prop_assert_eq!((verdict.cause, verdict.confidence), (Cause::Expired, Confidence::Likely));
        prop_assert_eq!(verdict.evidence.words.as_str(), "no longer valid", "in the network's own words");
    }
}

fn renewed(grant: &Grant, left: Span, facts: &Facts, now: Timestamp) -> Grant {
    let clocks = Clocks { access_until: Some(now + Span::hours(1)), refresh_until: Some(now + left), human_until: None };
    step(grant, &Event::Renewed { clocks }, facts, now).grant
}

/// The day goes again where the network puts the end off after all; two renewals within a minute show nothing.
#[test]
fn a_day_that_was_concluded_goes_with_what_it_was_concluded_from() {
    let (facts, life) = (Facts::unknown(), Span::days(20));
    let clocks = Clocks { access_until: Some(T0 + Span::hours(1)), refresh_until: Some(T0 + life), human_until: None };
    let born = Grant::born(GrantId::from_u128(1), PersonId::from_u128(2), clocks, true, &facts, T0).grant;
    let soon = renewed(&born, life, &facts, T0 + Span::seconds(1));
    assert_eq!(soon.clocks.human_until, None);
    let stays = renewed(&born, life - Span::days(3), &facts, T0 + Span::days(3));
    assert_eq!(stays.clocks.human_until, Some(T0 + life));
    let at_once = renewed(&stays, life - Span::days(3), &facts, T0 + Span::days(3) + Span::seconds(1));
    assert_eq!(at_once.clocks.human_until, Some(T0 + life + Span::seconds(1)), "still the same day");
    let put_off = renewed(&stays, life, &facts, T0 + Span::days(6));
    assert_eq!((put_off.clocks.human_until, put_off.clocks.refresh_until), (None, Some(T0 + Span::days(26))));
}

/// What the network says for certain, and what was refused before that end, is not explained by it; nor is what is renewed behind it.
#[test]
fn an_end_of_a_login_explains_only_what_nothing_else_does() {
    let facts = Facts::unknown();
    let clocks = Clocks { access_until: Some(T0 + Span::hours(1)), refresh_until: Some(T0 + Span::days(20)), human_until: None };
    let born = Grant::born(GrantId::from_u128(1), PersonId::from_u128(2), clocks, true, &facts, T0).grant;
    let silent = Clocks { access_until: None, refresh_until: None, human_until: None };
    let renewed = |days| step(&born, &Event::Renewed { clocks: silent }, &facts, T0 + Span::days(days)).grant;
    let over = |cause, confidence, days| {
        let now = T0 + Span::days(days);
        let terminal = Diagnosis { finding: Finding::Refused { cause, confidence, terminal: true }, evidence: evidence(now) };
        let verdict = step(&renewed(days - 3), &Event::RenewFailed(terminal), &facts, now).grant.verdict().cloned();
        verdict.map(|verdict| (verdict.cause, verdict.confidence))
    };
    assert_eq!(over(Cause::Unknown, Confidence::Guess, 21), Some((Cause::Expired, Confidence::Likely)));
    assert_eq!(over(Cause::RevokedByPerson, Confidence::Certain, 21), Some((Cause::RevokedByPerson, Confidence::Certain)));
    assert_eq!(over(Cause::Unknown, Confidence::Guess, 19), Some((Cause::Unknown, Confidence::Guess)), "before it");
    assert_eq!(over(Cause::Unknown, Confidence::Guess, 24), Some((Cause::Unknown, Confidence::Guess)), "it was renewed behind it");
}
