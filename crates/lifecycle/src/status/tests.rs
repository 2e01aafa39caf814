use proptest::prelude::*;

use super::*;
use crate::grant::{Clocks, Verdict};
use crate::ids::{AccessId, GrantId, ProfileId};
use crate::words::Source;

const T0: Timestamp = Timestamp::from_seconds(1_700_000_000);

fn grant(n: u128) -> Grant {
    Grant::born(GrantId::from_u128(n), PersonId::from_u128(n), Clocks::default(), true, &facts(), T0).grant
}

fn facts() -> Facts {
    Facts { access_life: None, ..Facts::unknown() }
}

fn access(n: u128) -> Access {
    Access {
        id: AccessId::from_u128(n),
        grant: GrantId::from_u128(n),
        profile: ProfileId::from_u128(0),
        network_id: "page".into(),
        role: "ADMINISTRATOR".into(),
        state: AccessState::Working,
        seen_at: Some(T0),
    }
}

fn dead(n: u128, cause: Cause) -> Grant {
    let evidence = Evidence::new(T0, Source::Probe, Some(401), None, "gone");
    let verdict = Verdict {
        since: T0,
        cause,
        confidence: Confidence::Certain,
        evidence,
        lost_in_rotation: false,
        person_refused: false,
        good_looks: 0,
    };
    Grant { state: State::NeedsPerson(verdict), ..grant(n) }
}

#[test]
fn one_good_access_is_enough() {
    let (one, two) = (access(1), access(2));
    let (bad, good) = (dead(1, Cause::PasswordChanged), grant(2));
    let (after, news) = settle(&Standing::unborn(T0), &[(&one, &bad), (&two, &good)], &facts(), T0);
    assert_eq!(after.status, Status::Connected);
    assert_eq!(news, [News::Connected]);
}

#[test]
fn the_last_of_several_is_a_warning_of_its_own_and_says_who_dropped_out_and_why() {
    let (one, two, three) = (access(1), access(2), access(3));
    let (all, news) = settle(&Standing::unborn(T0), &[(&one, &grant(1)), (&two, &grant(2)), (&three, &grant(3))], &facts(), T0);
    assert_eq!((all.good, all.ended, news.len()), (3, 0, 1));
    let first = dead(1, Cause::PasswordChanged);
    let (two_left, news) = settle(&all, &[(&one, &first), (&two, &grant(2)), (&three, &grant(3))], &facts(), T0);
    assert_eq!(news, [], "two are left");
    let later = T0 + Span::hours(1);
    let lost = Access {
        state: AccessState::Lost {
            since: later,
            cause: Cause::PermissionLost,
            confidence: Confidence::Certain,
            evidence: Evidence::new(later, Source::Discovery, Some(200), None, "not in the list"),
        },
        ..access(2)
    };
    let accesses = [(&one, &first), (&lost, &grant(2)), (&three, &grant(3))];
    let (left, news) = settle(&two_left, &accesses, &facts(), later);
    assert_eq!(news, [News::LastRemaining { since: later, person: PersonId::from_u128(2), cause: Cause::PermissionLost }]);
    assert_eq!((left.status, left.cause, left.person.clone()), (Status::Connected, None, Some(PersonId::from_u128(3))));
    // Given up here on purpose: whoever did it knows.
    let (_, news) = settle(&two_left, &[(&one, &first), (&three, &grant(3))], &facts(), later);
    assert_eq!(news, []);
    // All at once is another story.
    let (_, news) = settle(&all, &[(&one, &first), (&two, &dead(2, Cause::Unknown)), (&three, &dead(3, Cause::Unknown))], &facts(), later);
    assert_eq!(news, [News::NoAccessTokens { episode: later }]);
}

#[test]
fn an_episode_is_told_once_and_closed_once() {
    let one = access(1);
    let (green, _) = settle(&Standing::unborn(T0), &[(&one, &grant(1))], &facts(), T0);
    let bad = dead(1, Cause::PasswordChanged);
    let (red, news) = settle(&green, &[(&one, &bad)], &facts(), T0);
    assert_eq!(news, [News::NoAccessTokens { episode: T0 }]);
    assert_eq!(red.cause, Some(Cause::PasswordChanged));
    let (still, news) = settle(&red, &[(&one, &bad)], &facts(), T0 + Span::hours(5));
    assert_eq!((still.since, news), (T0, vec![]));
    let (back, news) = settle(&still, &[(&one, &grant(1))], &facts(), T0 + Span::hours(6));
    assert_eq!((back.status, news), (Status::Connected, vec![News::Recovered { episode: T0 }]));
}

#[test]
fn each_warning_once_and_a_jump_tells_the_nearest_only() {
    let one = access(1);
    let mut live = grant(1);
    live.clocks.human_until = Some(T0 + Span::days(365));
    let mut standing = Standing::unborn(T0);
    let mut told = vec![];
    for day in 0..365 {
        let (next, news) = settle(&standing, &[(&one, &live)], &facts(), T0 + Span::days(day));
        told.extend(news.into_iter().filter_map(|item| if let News::RenewSoon { days, .. } = item { Some(days) } else { None }));
        standing = next;
    }
    assert_eq!(told, [30, 14, 7, 1]);
    let (_, news) =
        settle(&Standing { status: Status::Connected, ..Standing::unborn(T0) }, &[(&one, &live)], &facts(), T0 + Span::days(360));
    assert!(matches!(news[..], [News::Connected | News::RenewSoon { .. }, ..]));
    assert_eq!(news.iter().filter(|item| matches!(item, News::RenewSoon { .. })).count(), 1);
}

#[test]
fn a_day_read_anew_at_each_renewal_is_not_announced_anew() {
    let one = access(1);
    let mut standing = Standing::unborn(T0);
    let mut told = vec![];
    for day in 0..365 {
        let mut live = grant(1);
        // "Seconds left", rounded by the network and read a moment later: never twice the same microsecond.
        live.clocks.human_until = Some(T0 + Span::days(365) + Span::millis(day * 7919 % 1700));
        let (next, news) = settle(&standing, &[(&one, &live)], &facts(), T0 + Span::days(day) + Span::hours(1));
        told.extend(news.into_iter().filter_map(|item| if let News::RenewSoon { days, .. } = item { Some(days) } else { None }));
        standing = next;
    }
    assert_eq!(told.len(), 4, "{told:?}");
    let mut renewed = grant(1);
    renewed.clocks.human_until = Some(T0 + Span::days(394));
    let (_, news) = settle(&standing, &[(&one, &renewed)], &facts(), T0 + Span::days(365));
    assert_eq!(news.len(), 1, "another day is announced: {news:?}");
}

#[test]
fn a_second_admin_without_a_deadline_makes_warnings_needless() {
    let (one, two) = (access(1), access(2));
    let mut ending = grant(1);
    ending.clocks.human_until = Some(T0 + Span::days(3));
    let (after, news) = settle(&Standing::unborn(T0), &[(&one, &ending), (&two, &grant(2))], &facts(), T0);
    assert_eq!((after.status, news), (Status::Connected, vec![News::Connected]));
}

#[test]
fn a_failed_call_of_one_admin_does_not_announce_the_other_ones_day() {
    let (one, two) = (access(1), access(2));
    let (mut sooner, mut later) = (grant(1), grant(2));
    sooner.clocks.human_until = Some(T0 + Span::days(3));
    later.clocks.human_until = Some(T0 + Span::days(6));
    let (told, news) = settle(&Standing::unborn(T0), &[(&one, &sooner), (&two, &later)], &facts(), T0);
    assert!(news.contains(&News::RenewSoon { days: 7, deadline: T0 + Span::days(6) }));
    let away = Grant { unreachable_since: Some(T0), ..later.clone() };
    let (still, news) = settle(&told, &[(&one, &sooner), (&two, &away)], &facts(), T0 + Span::hours(1));
    assert_eq!((still.status, news), (Status::RenewSoon, vec![]));
    let (_, news) = settle(&still, &[(&one, &sooner), (&two, &later)], &facts(), T0 + Span::hours(2));
    assert!(news.is_empty());
}

#[test]
fn what_is_refused_as_our_fault_is_unverified_never_green_for_ever_never_red() {
    let ours = Grant { failures: 3, verified_at: Some(T0), ..grant(1) };
    let at = |grant: &Grant, before: &Standing, now| settle(before, &[(&access(1), grant)], &facts(), now);
    let limit = unverified_after(&facts());
    let (fresh, _) = at(&ours, &Standing::unborn(T0), T0 + limit);
    assert_eq!((fresh.status, fresh.cause), (Status::Connected, None), "proven a moment ago");
    let (after, news) = at(&ours, &fresh, T0 + facts().unreachable_after + Span::days(1));
    assert_eq!((after.status, after.cause, after.confidence), (Status::Unverified, Some(Cause::AppBlocked), Some(Confidence::Likely)));
    assert!(
        !news.iter().any(|news| matches!(news, News::NoAccessTokens { .. } | News::OutOfReach { .. })),
        "nobody has to log in: {news:?}"
    );
    let proven = Grant { failures: 0, verified_at: Some(T0 + Span::days(9)), ..ours };
    let (back, _) = at(&proven, &after, T0 + Span::days(9));
    assert_eq!((back.status, back.cause), (Status::Connected, None));
}

#[test]
fn out_of_reach_is_unverified_never_red() {
    let one = access(1);
    let mut away = grant(1);
    away.unreachable_since = Some(T0);
    let late = T0 + Span::days(3);
    let (after, news) = settle(&Standing::unborn(T0), &[(&one, &away)], &facts(), late);
    assert_eq!(after.status, Status::Unverified);
    assert!(!news.iter().any(|item| matches!(item, News::NoAccessTokens { .. })));
}

proptest! {
    /// Settling is idempotent, red means no good access, and episodes alternate.
    #[test]
    fn promise_4_exactly_once_per_episode(history in proptest::collection::vec((any::<bool>(), any::<bool>(), 0..100_000_i64), 1..60)) {
        let (one, two) = (access(1), access(2));
        let mut standing = Standing::unborn(T0);
        let mut now = T0;
        let (mut open, mut both) = (false, false);
        for (first_works, second_works, wait) in history {
            now = now + Span::seconds(wait);
            let pick = |works, n| if works { grant(n) } else { dead(n, Cause::Unknown) };
            let (a, b) = (pick(first_works, 1), pick(second_works, 2));
            let accesses = [(&one, &a), (&two, &b)];
            let (after, news) = settle(&standing, &accesses, &facts(), now);
            let (again, nothing) = settle(&after, &accesses, &facts(), now);
            prop_assert_eq!(&again, &after);
            prop_assert!(nothing.is_empty());
            prop_assert_eq!(after.status == Status::Disconnected, !first_works && !second_works);
            for item in &news {
                match item {
                    News::NoAccessTokens { .. } => { prop_assert!(!open); open = true; }
                    News::Recovered { .. } => { prop_assert!(open); open = false; }
                    _ => {}
                }
            }
            prop_assert_eq!(open, after.status == Status::Disconnected);
            let one_left = news.iter().filter(|item| matches!(item, News::LastRemaining { .. })).count();
            prop_assert_eq!(one_left, usize::from(both && (first_works != second_works)), "told when one of two ends, once");
            both = first_works && second_works;
            standing = after;
        }
    }
}

#[test]
fn a_server_that_is_gone_for_good_is_told_once_and_again_only_after_it_came_back() {
    let one = access(1);
    let away = Grant { unreachable_since: Some(T0), verified_at: Some(T0), ..grant(1) };
    let here = Grant { unreachable_since: None, ..away.clone() };
    let limit = facts().unreachable_after;
    let connected = settle(&Standing::unborn(T0), &[(&one, &here)], &facts(), T0).0;
    let told = |news: &[News]| news.iter().filter(|news| matches!(news, News::OutOfReach { .. })).count();
    let (days, news) = settle(&connected, &[(&one, &away)], &facts(), T0 + limit);
    assert_eq!((days.status, told(&news)), (Status::Unverified, 0), "an outage of days is nobody's to mend");
    let (gone, news) = settle(&days, &[(&one, &away)], &facts(), T0 + limit + Span::hours(1));
    assert_eq!(news, [News::OutOfReach { since: T0 }]);
    let (gone, news) = settle(&gone, &[(&one, &away)], &facts(), T0 + limit + Span::days(100));
    assert_eq!(told(&news), 0, "once");
    let back_at = T0 + limit + Span::days(101);
    let back = Grant { verified_at: Some(back_at), ..here };
    let (back, news) = settle(&gone, &[(&one, &back)], &facts(), back_at);
    assert_eq!((back.status, told(&news), back.told_out_of_reach), (Status::Connected, 0, false));
    let again = Grant { unreachable_since: Some(back_at), verified_at: Some(back_at), ..away };
    let (_, news) = settle(&back, &[(&one, &again)], &facts(), back_at + limit + Span::hours(1));
    assert_eq!(told(&news), 1);
}
