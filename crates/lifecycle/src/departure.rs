//! When a mail leaves: at once, with the next digest, or when quiet hours are over. Nothing here decides whether it leaves:
//! what waits has a moment at which it goes.

use serde::{Deserialize, Serialize};

use crate::time::{Span, Timestamp};
use crate::words::word_enum;

word_enum! {
    /// How a user hears of what is not urgent: early warnings, all-clears, reminders, new profiles.
    Digest {
        /// One by one, as it happens.
        Immediate = "immediate",
        /// Together, once a day.
        Daily = "daily",
        /// Together, once a week.
        Weekly = "weekly",
        /// Not at all; whoever is next on the ladder hears what must not be lost.
        Off = "off",
    }
}

word_enum! {
    /// Why a mail waits.
    WaitsFor {
        /// It is quiet where the reader lives.
        QuietHours = "quiet_hours",
        /// It leaves together with others.
        Digest = "digest",
        /// Many of its kind come together: deaths, or what waits for an approval.
        Storm = "storm",
    }
}

/// How a mail may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Urgency {
    /// No access tokens, an incident: never in a digest, and in quiet hours it waits only where the reader lets it.
    Urgent,
    /// Somebody waits for it at this moment.
    Asked,
    /// What can wait for the digest.
    News,
    /// What can wait for the digest as long as it is read in time before this day.
    Before(Timestamp),
}

/// A span of local time, in minutes since midnight; may go over midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quiet {
    /// The first quiet minute, 0 to 1439.
    pub from: i64,
    /// The first minute that is not quiet any more, 0 to 1439, another one than `from`.
    pub to: i64,
}

impl Quiet {
    /// Quiet hours, if that is a span at all.
    pub fn new(from: i64, to: i64) -> Option<Self> {
        let of_a_day = |minute: i64| (0..DAY).contains(&minute);
        (of_a_day(from) && of_a_day(to) && from != to).then_some(Self { from, to })
    }

    fn holds(self, minute: i64) -> bool {
        if self.from < self.to { (self.from..self.to).contains(&minute) } else { minute >= self.from || minute < self.to }
    }
}

/// What a user wishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wishes {
    /// How they hear of what is not urgent.
    pub digest: Digest,
    /// At which local minute of the day a digest leaves, 0 to 1439.
    pub digest_at: i64,
    /// On which day a weekly digest leaves: 1 is Monday, 7 Sunday.
    pub digest_weekday: i64,
    /// When mails wait.
    pub quiet: Option<Quiet>,
    /// A death waits in quiet hours like everything else.
    pub deaths_wait: bool,
}

impl Default for Wishes {
    fn default() -> Self {
        Self { digest: Digest::Immediate, digest_at: 8 * 60, digest_weekday: 1, quiet: None, deaths_wait: true }
    }
}

/// When a mail leaves, and why not now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Departure {
    /// When.
    pub at: Timestamp,
    /// Why not now; `Digest` also says that it leaves in one.
    pub waits_for: Option<WaitsFor>,
}

/// Where somebody lives: how far local time is ahead of UTC at a moment.
pub trait Zone {
    /// Local time minus UTC.
    fn offset(&self, at: Timestamp) -> Span;
}

impl<F: Fn(Timestamp) -> Span> Zone for F {
    fn offset(&self, at: Timestamp) -> Span {
        self(at)
    }
}

/// Minutes of a day.
const DAY: i64 = 24 * 60;
/// A digest brings an early warning only if so much time is left to act upon it.
pub const LEFT_TO_ACT: Span = Span::days(2);

/// When a mail that is written `now` leaves.
pub fn departure(urgency: Urgency, wishes: &Wishes, zone: &impl Zone, now: Timestamp) -> Departure {
    if urgency == Urgency::Asked {
        return Departure { at: now, waits_for: None };
    }
    if let (Digest::Daily | Digest::Weekly, Urgency::News | Urgency::Before(_)) = (wishes.digest, urgency) {
        let at = after_quiet(wishes.quiet, zone, next_digest(wishes, zone, now));
        let in_time = match urgency {
            Urgency::Before(day) => at <= day - LEFT_TO_ACT,
            Urgency::News | Urgency::Urgent | Urgency::Asked => true,
        };
        if in_time {
            return Departure { at, waits_for: Some(WaitsFor::Digest) };
        }
    }
    let waits = urgency != Urgency::Urgent || wishes.deaths_wait;
    let at = if waits { after_quiet(wishes.quiet, zone, now) } else { now };
    Departure { at, waits_for: (at > now).then_some(WaitsFor::QuietHours) }
}

/// Whether it is quiet at that moment.
pub fn is_quiet(wishes: &Wishes, zone: &impl Zone, at: Timestamp) -> bool {
    wishes.quiet.is_some_and(|quiet| quiet.holds(local(zone, at).rem_euclid(DAY)))
}

/// Local minutes since 1970 began there.
fn local(zone: &impl Zone, at: Timestamp) -> i64 {
    (at.as_seconds() + zone.offset(at).as_seconds()).div_euclid(60)
}

/// The first minute from then on that is not quiet. Minute by minute, because the clock on the wall may jump on the way.
fn after_quiet(quiet: Option<Quiet>, zone: &impl Zone, from: Timestamp) -> Timestamp {
    let Some(quiet) = quiet else { return from };
    let mut at = from;
    // A zone that skips a whole day is longer quiet than a day; nothing waits for longer than two.
    for _ in 0..2 * DAY {
        if !quiet.holds(local(zone, at).rem_euclid(DAY)) {
            break;
        }
        at = Timestamp::from_seconds((at.as_seconds().div_euclid(60) + 1) * 60);
    }
    at
}

/// The next moment at which a digest leaves. The same for everything that happens before it: what is gathered leaves together.
fn next_digest(wishes: &Wishes, zone: &impl Zone, now: Timestamp) -> Timestamp {
    let today = local(zone, now).div_euclid(DAY);
    // 1970 began on a Thursday.
    let is_wanted = |day: i64| wishes.digest != Digest::Weekly || (day + 3).rem_euclid(7) + 1 == wishes.digest_weekday;
    let slots = (today..=today + 8).filter(|day| is_wanted(*day)).map(|day| moment(zone, day * DAY + wishes.digest_at));
    slots.into_iter().find(|slot| *slot > now).unwrap_or(now)
}

/// The moment at which the clock on the wall shows that minute: the first of two when it is put back, and as much later as it
/// is put forward when it never shows it.
fn moment(zone: &impl Zone, minute: i64) -> Timestamp {
    let naive = Timestamp::from_seconds(minute * 60);
    let (before, after) = (naive - zone.offset(naive - Span::days(1)), naive - zone.offset(naive + Span::days(1)));
    let first = before.min(after);
    if local(zone, first) == minute {
        first
    } else if local(zone, after) == minute {
        after
    } else {
        before
    }
}

/// How long is waited after the first, second … try that failed, before the next: ten tries over about 75 hours, for mails and for
/// deliveries to endpoints alike. A receiver that is down over a weekend is not given up (NF-03, NT-25).
pub const RETRIES: [Span; 9] = [
    Span::seconds(5),
    Span::minutes(1),
    Span::minutes(5),
    Span::minutes(30),
    Span::hours(2),
    Span::hours(6),
    Span::hours(12),
    Span::hours(22),
    Span::hours(32),
];

/// When a message is tried again after so many tries that failed, the last one at `failed_at`; `None`: it is given up.
pub fn next_try(tries: i64, failed_at: Timestamp) -> Option<Timestamp> {
    let rung = usize::try_from(tries.max(1) - 1).ok()?;
    RETRIES.get(rung).map(|wait| failed_at + *wait)
}

#[cfg(test)]
mod tests;
