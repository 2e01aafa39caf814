//! How many calls a network app may make now (RF-05). One bucket per app, shared by all nodes through the ledger, so that a
//! thousand things that are due at once reach a network as a stream; places at once, per node; and a budget of refused calls, per
//! node too, because networks that ban for them ban the address they come from.

use std::collections::BTreeMap;

use crate::facts::Facts;
use crate::grant::{Grant, State};
use crate::ids::OrganisationId;
use crate::ledger::Claim;
use crate::schedule::{Task, irrecoverable_at};
use crate::time::{Span, Timestamp};

/// Within this time refused calls are counted.
pub const BAD_WITHIN: Span = Span::minutes(10);
/// Calls that a node booked and did not need are given up after this time: they may have been meant for a herd that is over.
const KEPT: Span = Span::seconds(60);
/// Of how many parts of the bucket a node books one at a time: few enough to be fair, enough to cost few writes.
const PARTS: u32 = 8;
/// A fourth of the bucket is kept for renewals: looks can wait.
const SPARE: u32 = 4;
/// A renewal does not wait when its token set cannot be saved any more so soon.
const SOON: Span = Span::hours(1);
/// Whoever finds no place comes again no sooner than this.
const COME_AGAIN: Span = Span::seconds(2);

/// How fast a network app may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Calls in a minute, over all nodes, in the long run.
    pub per_minute: u32,
    /// So many may come at once when there were few before.
    pub burst: u32,
    /// So many are under way at the same time, on each node.
    pub at_once: u32,
    /// So many refused calls in ten minutes, on each node, and the network is left in peace (Discord bans an address for 10,000).
    pub refused_in_10_minutes: u32,
}

impl Pace {
    /// What is assumed of a network that says nothing: far more than idle looks at a hundred thousand accounts need.
    pub const USUAL: Self = Self { per_minute: 600, burst: 200, at_once: 12, refused_in_10_minutes: 500 };

    /// Time that one call stands for.
    pub fn every(&self) -> Span {
        Span::micros((60_000_000 / i64::from(self.per_minute.max(1))).max(1))
    }

    fn full(&self) -> Span {
        self.every().times(i64::from(self.burst.max(1)), 1)
    }

    /// So many calls a node books at one time.
    pub fn share(&self) -> u32 {
        (self.burst / PARTS).max(1)
    }
}

/// How much of what a network lets an app do may be used up before looks are spread further, and for how long each: in percent. What a
/// network refuses for a limit it counts all the same, so that the last percents are left to renewals and to what people wait for.
const BREATHERS: [(u32, Span); 3] = [(95, Span::minutes(30)), (85, Span::minutes(10)), (70, Span::minutes(2))];

/// For how long looks wait, where so many percent of what an app may do are used up.
pub fn breather(percent: u32) -> Option<Span> {
    BREATHERS.iter().find(|(from, _)| percent >= *from).map(|(_, span)| *span)
}

/// A network app: whose, where.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct AppKey {
    /// Whose app.
    pub organisation: OrganisationId,
    /// The network's name.
    pub network: String,
    /// The instance, where there are many.
    pub instance: String,
}

impl AppKey {
    /// The app of a claimed grant.
    pub fn of(claim: &Claim) -> Self {
        Self { organisation: claim.organisation.clone(), network: claim.network.clone(), instance: claim.instance.clone() }
    }
}

/// How much a call is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Somebody waits for it, or an answer was lost and the network forgives for seconds only: counted, never held back.
    Now,
    /// A renewal that is due.
    Renewal,
    /// A look that is due.
    Look,
}

impl Need {
    /// How much this task is needed by itself. What would be lost by waiting does not wait.
    pub fn of(grant: &Grant, facts: &Facts, task: Task, now: Timestamp) -> Self {
        let ends_soon = irrecoverable_at(grant, facts).is_some_and(|end| end.since(now) < SOON);
        match (task, &grant.state) {
            (Task::Renew, State::Unsure { .. }) => Self::Now,
            (Task::Renew, _) if ends_soon => Self::Now,
            (Task::Renew, _) => Self::Renewal,
            _ => Self::Look,
        }
    }
}

/// What a node got of an app's bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Booked {
    /// So many calls; none when the bucket is empty.
    pub calls: u32,
    /// The bucket from now on: until when calls are spoken for.
    pub spent_until: Timestamp,
    /// When to ask again, where there was none.
    pub again_at: Timestamp,
}

/// Takes up to `want` calls out of a bucket. A bucket is one moment: every call moves it on by its share of a minute, and it may lie
/// ahead of now by a full bucket. One that lies further ahead was moved by a clock that is wrong, and counts as just empty.
pub fn book(spent_until: Timestamp, want: u32, need: Need, pace: &Pace, now: Timestamp) -> Booked {
    let (every, full) = (pace.every(), pace.full());
    let spent = spent_until.clamp(now, now + full);
    let left = (now + full).since(spent).as_micros() / every.as_micros();
    let left = u32::try_from(left).unwrap_or(u32::MAX);
    let spare = if need == Need::Look { pace.burst / SPARE } else { 0 };
    let calls = if need == Need::Now { want } else { want.min(left.saturating_sub(spare)) };
    let moved = (spent + every.times(i64::from(calls), 1)).min(now + full);
    let again_at = if calls > 0 { now } else { spent + every.times(i64::from(spare) + 1, 1) - full };
    Booked { calls, spent_until: moved, again_at: again_at.max(now) }
}

/// Whether a call may be made now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passage {
    /// Go.
    Go,
    /// Ask the ledger for so many calls first.
    Book(u32),
    /// Come again at this moment; nothing is wrong.
    Later(Timestamp),
}

#[derive(Debug, Default)]
struct App {
    left: u32,
    kept_until: Option<Timestamp>,
    /// The place of the last one who was told to come again: everybody gets a place of their own, or all would come at once.
    last_place: Option<Timestamp>,
}

/// What one node knows of the budgets.
#[derive(Debug, Default)]
pub struct Budgets {
    apps: BTreeMap<AppKey, App>,
    /// By network and instance: until when refused calls are spoken for.
    refused: BTreeMap<String, BTreeMap<String, Timestamp>>,
    /// Until when looks wait, because the network said how much is used up.
    busy: BTreeMap<AppKey, Timestamp>,
}

impl Budgets {
    /// Whether a call may be made now, while so many of the same app are under way on this node.
    pub fn may(&mut self, key: &AppKey, pace: &Pace, need: Need, going: u32, now: Timestamp) -> Passage {
        if need != Need::Now {
            if let Some(until) = self.is_refused_too_often(key, pace, now) {
                return Passage::Later(self.place(key, pace, until));
            }
            if need == Need::Look
                && let Some(until) = self.busy.get(key).copied().filter(|until| *until > now)
            {
                return Passage::Later(self.place(key, pace, until));
            }
            if going >= pace.at_once.max(1) {
                return Passage::Later(self.place(key, pace, now + COME_AGAIN));
            }
        }
        self.of_app(key, |app| {
            if app.kept_until.is_none_or(|until| until <= now) {
                app.left = 0;
            }
            if app.left > 0 {
                app.left -= 1;
                return Passage::Go;
            }
            Passage::Book(if need == Need::Now { 1 } else { pace.share() })
        })
    }

    /// What the ledger gave for a [`Passage::Book`].
    pub fn booked(&mut self, key: &AppKey, pace: &Pace, booked: Booked, now: Timestamp) -> Passage {
        if booked.calls == 0 {
            return Passage::Later(self.place(key, pace, booked.again_at.max(now + COME_AGAIN)));
        }
        self.of_app(key, |app| {
            app.left = booked.calls - 1;
            app.kept_until = Some(now + KEPT);
            Passage::Go
        })
    }

    /// Asked at each call, and nearly always known: the key is copied for a new app alone.
    fn of_app<T>(&mut self, key: &AppKey, then: impl FnOnce(&mut App) -> T) -> T {
        match self.apps.get_mut(key) {
            Some(app) => then(app),
            None => then(self.apps.entry(key.clone()).or_default()),
        }
    }

    fn place(&mut self, key: &AppKey, pace: &Pace, earliest: Timestamp) -> Timestamp {
        self.of_app(key, |app| {
            let place = app.last_place.map_or(earliest, |last| earliest.max(last + pace.every()));
            // A queue of a day is longer than any herd: who stands behind it comes early and asks again.
            let place = place.min(earliest + Span::days(1));
            app.last_place = Some(place);
            place
        })
    }

    fn refused_full(pace: &Pace) -> i64 {
        BAD_WITHIN.as_micros() / i64::from(pace.refused_in_10_minutes.max(1))
    }

    fn is_refused_too_often(&self, key: &AppKey, pace: &Pace, now: Timestamp) -> Option<Timestamp> {
        let spent = self.refused.get(&key.network)?.get(&key.instance)?;
        let over = spent.since(now).as_micros() + Self::refused_full(pace) > BAD_WITHIN.as_micros();
        over.then(|| *spent + Span::micros(Self::refused_full(pace)) - BAD_WITHIN)
    }

    /// What a call came to. `true` when this refusal was the last one that this network is asked to forgive for a while.
    pub fn heard(&mut self, key: &AppKey, pace: &Pace, is_refused: bool, now: Timestamp) -> bool {
        if !is_refused || self.is_refused_too_often(key, pace, now).is_some() {
            return false;
        }
        let of_network = self.refused.entry(key.network.clone()).or_default();
        let spent = of_network.entry(key.instance.clone()).or_insert(now);
        *spent = (*spent).clamp(now, now + BAD_WITHIN) + Span::micros(Self::refused_full(pace));
        self.is_refused_too_often(key, pace, now).is_some()
    }

    /// What an answer said of how much of what the app may do is used up, in percent.
    pub fn used(&mut self, key: &AppKey, percent: u32, now: Timestamp) {
        match breather(percent) {
            Some(span) => {
                self.busy.insert(key.clone(), now + span);
            }
            None => {
                self.busy.remove(key);
            }
        }
    }

    /// Whether this network is left in peace because it refused too much.
    pub fn is_quiet(&self, key: &AppKey, facts: &Facts, now: Timestamp) -> bool {
        self.is_refused_too_often(key, &facts.pace, now).is_some()
    }
}

/// Whether an answer counts as a bad call: the network refused, or asked for quiet.
pub fn is_bad(http_status: Option<u16>) -> bool {
    matches!(http_status, Some(400 | 401 | 403 | 429))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const T0: Timestamp = Timestamp::from_seconds(1_700_000_000);

    fn key() -> AppKey {
        AppKey { organisation: OrganisationId::from_u128(1), network: "x".into(), instance: String::new() }
    }

    fn pace(per_minute: u32, burst: u32) -> Pace {
        Pace { per_minute, burst, ..Pace::USUAL }
    }

    proptest! {
        /// However many nodes ask, whenever, no stretch of time sees more calls than the rate and one full bucket.
        #[test]
        fn rf_05_no_stretch_of_time_sees_more_than_rate_and_burst(
            per_minute in 1..2_000_u32, burst in 1..300_u32,
            asked in prop::collection::vec((0..5_000_000_i64, 1..40_u32, any::<bool>()), 1..200),
        ) {
            let pace = pace(per_minute, burst);
            let (mut now, mut spent, mut calls) = (T0, T0, vec![]);
            for (gap, want, looks) in asked {
                now = now + Span::micros(gap);
                let need = if looks { Need::Look } else { Need::Renewal };
                let booked = book(spent, want, need, &pace, now);
                prop_assert!(booked.calls <= want && booked.again_at >= now);
                spent = booked.spent_until;
                calls.push((now, i64::from(booked.calls)));
            }
            for (from, (since, _)) in calls.iter().enumerate() {
                let mut sum = 0;
                for (until, n) in &calls[from..] {
                    sum += n;
                    let rate = until.since(*since).as_micros() / pace.every().as_micros();
                    prop_assert!(sum <= rate + i64::from(burst) + 1, "{sum} calls in {}", until.since(*since));
                }
            }
        }

        /// Whoever is told to come again gets something then, if nobody else came.
        #[test]
        fn rf_05_again_at_keeps_its_word(per_minute in 1..2_000_u32, burst in 1..300_u32, ahead in 0..900_000_000_i64, look: bool) {
            let (pace, need) = (pace(per_minute, burst), if look { Need::Look } else { Need::Renewal });
            let first = book(T0 + Span::micros(ahead), 1, need, &pace, T0);
            if first.calls == 0 {
                prop_assert_eq!(book(first.spent_until, 1, need, &pace, first.again_at).calls, 1);
            }
        }

        /// A herd of any size is spread: nobody gets another's place, and no place is lost in the past.
        #[test]
        fn rf_05_everybody_gets_a_place_of_their_own(herd in 2..400_usize, per_minute in 1..2_000_u32) {
            let (mut budgets, pace) = (Budgets::default(), pace(per_minute, 8));
            let empty = Booked { calls: 0, spent_until: T0, again_at: T0 + Span::seconds(1) };
            let mut last = T0;
            for _ in 0..herd {
                let Passage::Later(at) = budgets.booked(&key(), &pace, empty, T0) else { return Err(TestCaseError::fail("none was left")) };
                prop_assert!(at > last || at == T0 + COME_AGAIN + Span::days(1));
                last = at;
            }
        }

        /// Refused calls: never more than the budget in ten minutes, and a quiet network is asked again.
        #[test]
        fn rf_05_a_network_is_not_made_to_refuse_without_end(limit in 1..200_u32, gaps in prop::collection::vec(0..20_000_000_i64, 1..600)) {
            let (mut budgets, pace, mut now) = (Budgets::default(), Pace { refused_in_10_minutes: limit, at_once: 1000, ..Pace::USUAL }, T0);
            let mut refused: Vec<Timestamp> = vec![];
            for gap in gaps {
                now = now + Span::micros(gap);
                match budgets.may(&key(), &pace, Need::Look, 0, now) {
                    Passage::Later(at) => prop_assert!(at > now && at <= now + BAD_WITHIN + Span::days(1)),
                    _ => {
                        budgets.heard(&key(), &pace, true, now);
                        refused.push(now);
                    }
                }
                let within = refused.iter().filter(|at| now.since(**at) < BAD_WITHIN).count();
                prop_assert!(within <= 2 * limit as usize, "a full budget and what came back meanwhile");
            }
            prop_assert!(!matches!(budgets.may(&key(), &pace, Need::Look, 0, now + BAD_WITHIN), Passage::Later(_)));
        }
    }

    #[test]
    fn looks_leave_a_quarter_for_renewals_and_who_waits_is_never_held_back() {
        let pace = pace(60, 8);
        let looks = book(T0, 100, Need::Look, &pace, T0);
        assert_eq!(looks.calls, 6);
        let renewals = book(looks.spent_until, 100, Need::Renewal, &pace, T0);
        assert_eq!(renewals.calls, 2);
        let now = book(renewals.spent_until, 1, Need::Now, &pace, T0);
        assert_eq!((now.calls, now.spent_until), (1, renewals.spent_until), "and no debt grows from it");
        assert_eq!(book(now.spent_until, 1, Need::Renewal, &pace, T0).again_at, T0 + Span::seconds(1));
    }

    #[test]
    fn looks_wait_while_a_network_says_that_much_is_used_up() {
        let (mut budgets, pace) = (Budgets::default(), Pace::USUAL);
        let look = |budgets: &mut Budgets, at| budgets.may(&key(), &pace, Need::Look, 0, at);
        budgets.used(&key(), 96, T0);
        assert!(matches!(look(&mut budgets, T0), Passage::Later(at) if at >= T0 + Span::minutes(30)));
        assert!(matches!(budgets.may(&key(), &pace, Need::Renewal, 0, T0), Passage::Book(_)), "renewals do not wait");
        assert!(matches!(look(&mut budgets, T0 + Span::minutes(30)), Passage::Book(_)), "nor anything for ever");
        budgets.used(&key(), 96, T0);
        budgets.used(&key(), 12, T0 + Span::minutes(1));
        assert!(matches!(look(&mut budgets, T0 + Span::minutes(1)), Passage::Book(_)), "less is used up again");
        assert_eq!(
            [69, 70, 85, 95, 400].map(|percent| breather(percent).map(Span::as_seconds)),
            [None, Some(120), Some(600), Some(1800), Some(1800)]
        );
    }

    #[test]
    fn a_node_books_a_share_and_gives_up_what_it_does_not_need() {
        let (mut budgets, pace) = (Budgets::default(), pace(60, 16));
        assert_eq!(budgets.may(&key(), &pace, Need::Look, 0, T0), Passage::Book(2));
        let two = Booked { calls: 2, spent_until: T0, again_at: T0 };
        assert_eq!(budgets.booked(&key(), &pace, two, T0), Passage::Go);
        assert_eq!(budgets.may(&key(), &pace, Need::Look, 1, T0), Passage::Go);
        assert_eq!(budgets.may(&key(), &pace, Need::Look, 1, T0), Passage::Book(2));
        assert_eq!(budgets.booked(&key(), &pace, two, T0), Passage::Go);
        assert_eq!(budgets.may(&key(), &pace, Need::Look, 1, T0 + KEPT), Passage::Book(2), "too old");
    }

    #[test]
    fn places_at_once_are_for_what_is_due_and_not_for_who_waits() {
        let (mut budgets, pace) = (Budgets::default(), Pace { at_once: 2, ..Pace::USUAL });
        assert!(matches!(budgets.may(&key(), &pace, Need::Renewal, 2, T0), Passage::Later(at) if at > T0));
        assert_eq!(budgets.may(&key(), &pace, Need::Now, 2, T0), Passage::Book(1));
    }
}
