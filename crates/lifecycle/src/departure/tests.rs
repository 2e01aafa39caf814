use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::*;

/// Northern and southern summer time, half hours, a zone that skipped a day, and none at all.
const ZONES: [&str; 9] = [
    "Europe/Berlin",
    "America/New_York",
    "America/St_Johns",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Pacific/Chatham",
    "Africa/Casablanca",
    "UTC",
];

fn zone(name: &str) -> impl Zone + use<> {
    let zone = TimeZone::get(name).unwrap();
    move |at: Timestamp| Span::seconds(i64::from(zone.to_offset(stamp(at)).seconds()))
}

fn stamp(at: Timestamp) -> jiff::Timestamp {
    jiff::Timestamp::from_microsecond(at.as_micros()).unwrap()
}

/// A moment, written as it stands on the wall in Berlin.
fn berlin(text: &str) -> Timestamp {
    let local: jiff::civil::DateTime = text.parse().unwrap();
    let at = TimeZone::get("Europe/Berlin").unwrap().to_ambiguous_zoned_datetime(local).earlier().unwrap();
    Timestamp::from_micros(at.timestamp().as_microsecond())
}

fn wishes(digest: Digest, quiet: Option<(i64, i64)>) -> Wishes {
    Wishes { digest, quiet: quiet.and_then(|(from, to)| Quiet::new(from, to)), ..Wishes::default() }
}

fn leaves(urgency: Urgency, wishes: &Wishes, now: &str) -> (Timestamp, Option<WaitsFor>) {
    let departure = departure(urgency, wishes, &zone("Europe/Berlin"), berlin(now));
    (departure.at, departure.waits_for)
}

const NIGHT: Option<(i64, i64)> = Some((22 * 60, 7 * 60));

#[test]
fn at_once_unless_it_is_quiet() {
    let quiet = wishes(Digest::Immediate, NIGHT);
    assert_eq!(leaves(Urgency::News, &quiet, "2026-05-04T21:59"), (berlin("2026-05-04T21:59"), None));
    assert_eq!(leaves(Urgency::News, &quiet, "2026-05-04T22:00"), (berlin("2026-05-05T07:00"), Some(WaitsFor::QuietHours)));
    assert_eq!(leaves(Urgency::Urgent, &quiet, "2026-05-05T06:59:59"), (berlin("2026-05-05T07:00"), Some(WaitsFor::QuietHours)));
    assert_eq!(leaves(Urgency::Urgent, &quiet, "2026-05-05T07:00"), (berlin("2026-05-05T07:00"), None));
    let woken = Wishes { deaths_wait: false, ..quiet };
    assert_eq!(leaves(Urgency::Urgent, &woken, "2026-05-05T03:00"), (berlin("2026-05-05T03:00"), None), "they said so");
    assert_eq!(leaves(Urgency::News, &woken, "2026-05-05T03:00").0, berlin("2026-05-05T07:00"), "of deaths only");
    assert_eq!(leaves(Urgency::Asked, &quiet, "2026-05-05T03:00"), (berlin("2026-05-05T03:00"), None), "somebody waits for it");
    assert_eq!(Quiet::new(60, 60), None);
    assert_eq!(Quiet::new(0, 1440), None);
}

#[test]
fn a_night_is_as_long_as_it_is_when_the_clock_is_put_on_or_back() {
    let quiet = wishes(Digest::Immediate, NIGHT);
    for (evening, morning, hours) in [("2026-03-28T23:00", "2026-03-29T07:00", 7), ("2026-10-24T23:00", "2026-10-25T07:00", 9)] {
        assert_eq!(leaves(Urgency::News, &quiet, evening).0, berlin(morning));
        assert_eq!(berlin(morning).since(berlin(evening)), Span::hours(hours));
    }
    let odd = wishes(Digest::Immediate, Some((60, 150)));
    assert_eq!(leaves(Urgency::News, &odd, "2026-03-29T01:30").0, berlin("2026-03-29T03:00"), "half past two never comes");
    assert_eq!(leaves(Urgency::News, &odd, "2026-10-25T01:30").0, berlin("2026-10-25T02:30"), "the first of the two");
}

#[test]
fn digests_leave_at_their_hour_and_deaths_without_them() {
    let daily = wishes(Digest::Daily, None);
    let digest = Some(WaitsFor::Digest);
    assert_eq!(leaves(Urgency::News, &daily, "2026-05-04T07:59"), (berlin("2026-05-04T08:00"), digest));
    assert_eq!(leaves(Urgency::News, &daily, "2026-05-04T08:00"), (berlin("2026-05-05T08:00"), digest));
    assert_eq!(leaves(Urgency::Urgent, &daily, "2026-05-04T08:00"), (berlin("2026-05-04T08:00"), None));
    // The fourth of May 2026 is a Monday.
    let weekly = wishes(Digest::Weekly, None);
    assert_eq!(leaves(Urgency::News, &weekly, "2026-05-04T08:00"), (berlin("2026-05-11T08:00"), digest));
    assert_eq!(leaves(Urgency::News, &weekly, "2026-05-10T23:59"), (berlin("2026-05-11T08:00"), digest));
    let asleep = wishes(Digest::Daily, Some((22 * 60, 9 * 60 + 30)));
    assert_eq!(leaves(Urgency::News, &asleep, "2026-05-04T12:00"), (berlin("2026-05-05T09:30"), digest), "not into quiet hours");
    let skipped = Wishes { digest_at: 150, ..daily };
    assert_eq!(leaves(Urgency::News, &skipped, "2026-03-28T12:00").0, berlin("2026-03-29T03:30"));
    assert_eq!(leaves(Urgency::News, &wishes(Digest::Off, None), "2026-05-04T12:00").1, None, "whoever is told all the same");
}

#[test]
fn a_warning_waits_for_a_digest_only_while_there_is_time_to_act() {
    let weekly = wishes(Digest::Weekly, None);
    for (day, waits) in [("2026-05-14T08:00", true), ("2026-05-13T08:00", true), ("2026-05-13T07:59", false), ("2026-05-12T08:00", false)] {
        let found = leaves(Urgency::Before(berlin(day)), &weekly, "2026-05-05T12:00");
        assert_eq!(found.1 == Some(WaitsFor::Digest), waits, "{day}");
        assert_eq!(found.0, berlin(if waits { "2026-05-11T08:00" } else { "2026-05-05T12:00" }), "{day}");
    }
}

prop_compose! {
    fn any_wishes()(digest in prop::sample::select(Digest::ALL), digest_at in 0..DAY, digest_weekday in 1..=7_i64, from in 0..DAY, to in 0..DAY, is_quiet in any::<bool>(), deaths_wait in any::<bool>()) -> Wishes {
        Wishes { digest, digest_at, digest_weekday, quiet: Quiet::new(from, to).filter(|_| is_quiet), deaths_wait }
    }
}

fn any_moment() -> impl Strategy<Value = Timestamp> {
    // 2011 (Apia skipped a day) to 2037.
    (1_293_840_000_i64..2_114_380_800).prop_map(Timestamp::from_seconds)
}

proptest! {
    /// Nothing is lost and nothing leaves while it is quiet: whatever is wished, a mail leaves within the longest wait.
    #[test]
    fn every_mail_leaves_and_none_while_it_is_quiet(name in prop::sample::select(&ZONES[..]), wishes in any_wishes(), now in any_moment(), days in 0..40_i64) {
        let zone = zone(name);
        for urgency in [Urgency::Urgent, Urgency::News, Urgency::Before(now + Span::days(days))] {
            let found = departure(urgency, &wishes, &zone, now);
            prop_assert!(found.at >= now);
            prop_assert_eq!(found.at > now, found.waits_for.is_some());
            let may_wake = urgency == Urgency::Urgent && !wishes.deaths_wait;
            prop_assert!(may_wake || !is_quiet(&wishes, &zone, found.at));
            prop_assert!(!may_wake || found.at == now);
            let longest = match (found.waits_for, wishes.digest) {
                (Some(WaitsFor::Digest), Digest::Weekly) => Span::days(10),
                (Some(WaitsFor::Digest), _) => Span::days(4),
                _ => Span::days(2),
            };
            prop_assert!(found.at.since(now) <= longest, "{:?} {:?}", found, wishes);
            if let (Urgency::Before(day), Some(WaitsFor::Digest)) = (urgency, found.waits_for) {
                prop_assert!(found.at <= day - LEFT_TO_ACT);
            }
        }
    }

    /// What waits in quiet hours leaves at the first minute that is not quiet: every minute before it is.
    #[test]
    fn quiet_hours_end_when_they_end(name in prop::sample::select(&ZONES[..]), wishes in any_wishes(), now in any_moment()) {
        let zone = zone(name);
        let found = departure(Urgency::Urgent, &Wishes { deaths_wait: true, ..wishes }, &zone, now);
        let mut at = now;
        while at < found.at {
            prop_assert!(is_quiet(&wishes, &zone, at), "{} {:?}", stamp(at), wishes);
            at = at + Span::minutes(1);
        }
    }

    /// A digest gathers: whatever happens between now and its departure leaves with it, and what comes after does not.
    #[test]
    fn what_happens_before_a_digest_leaves_with_it(name in prop::sample::select(&ZONES[..]), wishes in any_wishes(), now in any_moment(), share in 0..1000_i64) {
        let zone = zone(name);
        let wishes = Wishes { quiet: None, digest: if wishes.digest == Digest::Weekly { Digest::Weekly } else { Digest::Daily }, ..wishes };
        let first = departure(Urgency::News, &wishes, &zone, now).at;
        let between = now + (first.since(now) - Span::micros(1)).times(share, 1000);
        prop_assert_eq!(departure(Urgency::News, &wishes, &zone, between).at, first);
        let next = departure(Urgency::News, &wishes, &zone, first).at;
        prop_assert!(next > first);
    }

    /// The hour is the one on the wall, as jiff reads it, whatever the clock did on the way.
    #[test]
    fn a_digest_leaves_at_its_hour_on_the_wall(name in prop::sample::select(&ZONES[..]), wishes in any_wishes(), now in any_moment()) {
        let wishes = Wishes { quiet: None, digest: Digest::Daily, ..wishes };
        let at = departure(Urgency::News, &wishes, &zone(name), now).at;
        let place = TimeZone::get(name).unwrap();
        let shown = place.to_datetime(stamp(at));
        let wanted = jiff::civil::time(i8::try_from(wishes.digest_at / 60).unwrap(), i8::try_from(wishes.digest_at % 60).unwrap(), 0, 0);
        let is_gap = place.to_ambiguous_zoned_datetime(shown.date().to_datetime(wanted)).is_ambiguous();
        prop_assert!(shown.time() == wanted || is_gap, "{} in {}: {}", wishes.digest_at, name, shown);
    }
}

/// Every moment at which a message is tried whose tries fail at once, or only after a while.
fn tries(began: Timestamp, takes: Span) -> Vec<Timestamp> {
    let mut at = vec![began];
    while let Some(next) = next_try(i64::try_from(at.len()).unwrap(), at[at.len() - 1] + takes) {
        at.push(next);
    }
    at
}

#[test]
fn ten_tries_over_75_hours_and_then_never_again() {
    let began = Timestamp::from_seconds(1_000_000);
    let at = tries(began, Span::seconds(0));
    let seconds: Vec<i64> = at.iter().map(|at| at.since(began).as_seconds()).collect();
    assert_eq!(seconds, [0, 5, 65, 365, 2_165, 9_365, 30_965, 74_165, 153_365, 268_565]);
    assert_eq!(seconds[9] / 3600, 74, "and 36 minutes");
    for gone in [10, 11, 1_000, i64::MAX] {
        assert_eq!(next_try(gone, began), None, "{gone}");
    }
}

proptest! {
    /// However long each try takes (15 seconds at most) and whatever stood in the row: always later, waits only grow, and the last try
    /// comes about 75 hours after the first.
    #[test]
    fn each_wait_is_longer_than_the_one_before(began in 0_i64..4_000_000_000, takes in 0_i64..=15, row in any::<i64>()) {
        let began = Timestamp::from_seconds(began);
        let at = tries(began, Span::seconds(takes));
        prop_assert_eq!(at.len(), 10);
        let waits: Vec<i64> = at.windows(2).map(|two| two[1].since(two[0]).as_seconds() - takes).collect();
        prop_assert!(waits[0] > 0 && waits.windows(2).all(|two| two[0] < two[1]), "{:?}", waits);
        let hours = at[9].since(began).as_seconds() / 3600;
        prop_assert!((74..=75).contains(&hours), "{}", hours);
        prop_assert!(next_try(row, began).is_none_or(|at| at > began && row < 10));
    }
}
