//! An incident of a network told apart from dead tokens: a breaker that stops asking a network which is away (RF-34), and a
//! hold on verdicts when a whole network turns refused at once (RF-33).

use std::collections::{BTreeMap, VecDeque};

use crate::diagnosis::{Diagnosis, Finding};
use crate::facts::{Facts, RenewalModel};
use crate::schedule::Task;
use crate::time::{Span, Timestamp};
use crate::words::{Evidence, Source};

/// So many failures in a row open the breaker.
const IN_A_ROW: u32 = 5;
/// Of so many recent answers ...
const WINDOW: usize = 20;
/// ... this share opens it, in percent ...
const SHARE: usize = 50;
/// ... when they came within this time.
const WITHIN: Span = Span::seconds(60);
/// The first rest, doubled each time the network still does not answer.
const REST_MIN: Span = Span::seconds(30);
/// How soon is looked in again while a try lasts longer than that.
const LOOK_IN: Span = Span::seconds(5);
/// The longest rest.
pub const REST_MAX: Span = Span::minutes(15);

/// Whether and how a network may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passage {
    /// As usual.
    Open,
    /// One call that cannot cost a token may find out whether it is back: never a renewal that rotates.
    ProbeOnly,
    /// Not before this moment.
    Closed(Timestamp),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Normal,
    Resting {
        until: Timestamp,
        rest: Span,
    },
    /// A probe is under way.
    Trying {
        since: Timestamp,
        rest: Span,
    },
}

/// The breaker of one network app at one instance, on one node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breaker {
    state: State,
    in_a_row: u32,
    recent: VecDeque<(Timestamp, bool)>,
}

impl Default for Breaker {
    fn default() -> Self {
        Self { state: State::Normal, in_a_row: 0, recent: VecDeque::new() }
    }
}

impl Breaker {
    /// Whether the network may be asked now. Asking for a passage while a rest is over begins the one try.
    pub fn passage(&mut self, now: Timestamp) -> Passage {
        match self.state {
            State::Normal => Passage::Open,
            State::Resting { until, .. } if until > now => Passage::Closed(until),
            State::Resting { rest, .. } => {
                self.state = State::Trying { since: now, rest };
                Passage::ProbeOnly
            }
            // A try that never ended (its process was paused) does not close the way for ever.
            State::Trying { since, rest } if now.since(since) > REST_MAX => {
                self.state = State::Trying { since: now, rest };
                Passage::ProbeOnly
            }
            // A try may last longer than the shortest rest: nobody is told to come in the past.
            State::Trying { since, .. } => Passage::Closed((since + REST_MIN).max(now + LOOK_IN)),
        }
    }

    /// Whether the network is taken to be away.
    pub fn is_away(&self) -> bool {
        self.state != State::Normal
    }

    /// The network answered: whatever it said, it is there. `true` when it had been away.
    pub fn answered(&mut self, now: Timestamp) -> bool {
        let was_away = self.state != State::Normal;
        if was_away {
            *self = Self::default();
        }
        self.in_a_row = 0;
        self.note(now, true);
        was_away
    }

    /// No answer, or one of a network in trouble. `true` when this opens the breaker.
    pub fn failed(&mut self, now: Timestamp) -> bool {
        self.in_a_row = self.in_a_row.saturating_add(1);
        self.note(now, false);
        match self.state {
            State::Trying { rest, .. } => {
                let rest = rest.times(2, 1).min(REST_MAX);
                self.state = State::Resting { until: now + rest, rest };
                false
            }
            State::Resting { .. } => false,
            State::Normal if self.is_too_much(now) => {
                self.state = State::Resting { until: now + REST_MIN, rest: REST_MIN };
                true
            }
            State::Normal => false,
        }
    }

    fn note(&mut self, now: Timestamp, good: bool) {
        if self.recent.len() == WINDOW {
            self.recent.pop_front();
        }
        self.recent.push_back((now, good));
    }

    fn is_too_much(&self, now: Timestamp) -> bool {
        let recent: Vec<bool> = self.recent.iter().filter(|(at, _)| now.since(*at) <= WITHIN).map(|(_, good)| *good).collect();
        let bad = recent.iter().filter(|good| !**good).count();
        self.in_a_row >= IN_A_ROW || (recent.len() == WINDOW && bad * 100 >= WINDOW * SHARE)
    }
}

/// What an answer, or none, changed about a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// It does not answer: it is left in peace and asked now and then.
    Away,
    /// It answers again.
    Back,
}

/// The breakers of one node: one per network and server (the instance, or the one that an account lives on), shared by all grants
/// there.
#[derive(Debug, Default)]
pub struct Breakers(BTreeMap<String, BTreeMap<String, Breaker>>);

impl Breakers {
    /// Asked at each call, and nearly always known: names are copied for a new one alone.
    fn of<T>(&mut self, network: &str, server: &str, then: impl FnOnce(&mut Breaker) -> T) -> T {
        match self.0.get_mut(network).and_then(|servers| servers.get_mut(server)) {
            Some(breaker) => then(breaker),
            None => then(self.0.entry(network.to_owned()).or_default().entry(server.to_owned()).or_default()),
        }
    }

    /// Which task may be done now. The first call after a rest never costs a token: a renewal that rotates becomes a probe
    /// (RF-34).
    ///
    /// # Errors
    /// What is known instead of an answer, while the network is left in peace.
    pub fn may(&mut self, network: &str, server: &str, facts: &Facts, task: Task, now: Timestamp) -> Result<Task, Diagnosis> {
        if task == Task::LookAtClock {
            return Ok(task);
        }
        match self.of(network, server, |breaker| breaker.passage(now)) {
            Passage::Open => Ok(task),
            Passage::ProbeOnly if task == Task::Renew && matches!(facts.renewal, RenewalModel::Rotating(_)) => Ok(Task::Probe),
            Passage::ProbeOnly => Ok(task),
            Passage::Closed(until) => {
                let words = "this network does not answer at this moment: it is asked again in a while";
                let evidence = Evidence::new(now, Source::Probe, None, Some("network_away"), words);
                Err(Diagnosis::transient(evidence, Some(until.since(now))))
            }
        }
    }

    /// Whether a server of a network is taken to be away.
    pub fn is_away(&mut self, network: &str, server: &str) -> bool {
        self.of(network, server, |breaker| breaker.is_away())
    }

    /// What an answer, or none, says of the network.
    pub fn heard(&mut self, network: &str, server: &str, trouble: bool, now: Timestamp) -> Option<Turn> {
        self.of(network, server, |breaker| {
            if trouble { breaker.failed(now).then_some(Turn::Away) } else { breaker.answered(now).then_some(Turn::Back) }
        })
    }
}

/// Whether an answer is one of a network in trouble. A rate limit is not: it answers, and says when to come again, with whatever
/// status (Meta: 400).
pub fn is_trouble(diagnosis: &Diagnosis) -> bool {
    let Finding::Transient { retry_after } = diagnosis.finding else { return false };
    let is_limit = |status: u16| status == 429 || (400..500).contains(&status) && retry_after.is_some();
    !diagnosis.evidence.http_status.is_some_and(is_limit)
}

/// What turns refused within this time of each other belongs together.
pub const SYSTEMIC_WITHIN: Span = Span::minutes(15);
/// At most so many refused grants are never a pattern.
const SYSTEMIC_MIN: u64 = 3;
/// More than this share of a network's grants is one, in percent.
const SYSTEMIC_SHARE: u64 = 5;

/// Whether two grants that are refused since these moments turned so together, as far as the clock tells.
pub fn turned_together(one: Timestamp, other: Timestamp) -> bool {
    one.since(other) <= SYSTEMIC_WITHIN && other.since(one) <= SYSTEMIC_WITHIN
}

/// From when to when a grant that is refused since `around` has others to be counted with; `None` when somebody released what was
/// refused by then (RF-33): it stands for itself, and those who turn refused later are not counted with it.
pub fn counted_together(around: Timestamp, released_at: Option<Timestamp>) -> Option<(Timestamp, Timestamp)> {
    let (from, until) = (around - SYSTEMIC_WITHIN, around + SYSTEMIC_WITHIN);
    match released_at {
        Some(released_at) if around <= released_at => None,
        Some(released_at) => Some((from.max(released_at + Span::micros(1)), until)),
        None => Some((from, until)),
    }
}

/// Whether so many refused grants among all of a network app's look like an incident of the network, or a mistake of ours, rather
/// than like so many people: verdicts are held then (RF-33).
pub const fn is_systemic(refused: u64, all: u64) -> bool {
    let share = all * SYSTEMIC_SHARE / 100;
    let limit = if share > SYSTEMIC_MIN { share } else { SYSTEMIC_MIN };
    refused > limit
}

/// A verdict is held back no longer than this, which is a day more than the longest outage we promise to sit out (72 hours,
/// NT-38): owners heard after six hours that it cannot be checked, and then they hear whatever it is. Silence would be worse
/// (promise 4). Sooner it ends by recovery, by a person who logs in, or by a hand ([`counted_together`]).
pub const HELD_AT_MOST: Span = Span::hours(96);

/// Whether a verdict on a grant that is refused since `since` has to wait, given how many of its app's grants turned refused within
/// [`SYSTEMIC_WITHIN`] of that moment and still are, itself included, among how many in all. How long ago that was does not matter:
/// an incident is not over because nobody new is refused.
pub fn is_held(since: Timestamp, refused: u64, all: u64, now: Timestamp) -> bool {
    is_systemic(refused, all) && now.since(since) < HELD_AT_MOST
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const T0: Timestamp = Timestamp::from_seconds(1_700_000_000);

    #[test]
    fn a_limit_is_no_trouble_of_the_network_whatever_its_status() {
        let said = |status, wait: Option<i64>| {
            let seen = Evidence::new(T0, Source::Probe, Some(status), None, "x");
            is_trouble(&Diagnosis::transient(seen, wait.map(Span::seconds)))
        };
        assert!(!said(429, None) && !said(400, Some(720)) && !said(403, Some(9)));
        assert!(said(503, Some(9)) && said(503, None) && said(400, None) && said(200, None));
    }

    #[test]
    fn rf_33_what_was_released_is_counted_with_nobody() {
        let at = |minutes| T0 + Span::minutes(minutes);
        assert_eq!(counted_together(at(0), None), Some((at(-15), at(15))));
        assert_eq!((counted_together(at(0), Some(at(0))), counted_together(at(0), Some(at(10)))), (None, None));
        assert_eq!(counted_together(at(12), Some(at(10))), Some((at(10) + Span::micros(1), at(27))));
        assert_eq!(counted_together(at(60), Some(at(10))), Some((at(45), at(75))), "that is long over");
    }

    #[test]
    fn five_in_a_row_open_it_and_one_answer_closes_it() {
        let mut breaker = Breaker::default();
        for _ in 0..4 {
            assert!(!breaker.failed(T0));
        }
        assert_eq!(breaker.passage(T0), Passage::Open);
        assert!(breaker.failed(T0), "said once");
        assert!(!breaker.failed(T0));
        let until = T0 + Span::seconds(30);
        assert_eq!(breaker.passage(T0), Passage::Closed(until));
        assert_eq!(breaker.passage(until), Passage::ProbeOnly);
        assert!(matches!(breaker.passage(until), Passage::Closed(_)), "one try at a time");
        assert!(breaker.answered(until), "and it is back");
        assert_eq!(breaker.passage(until), Passage::Open);
    }

    #[test]
    fn nobody_is_sent_into_the_past_while_a_try_lasts() {
        let mut breaker = Breaker::default();
        for _ in 0..5 {
            breaker.failed(T0);
        }
        let begun = T0 + Span::seconds(30);
        assert_eq!(breaker.passage(begun), Passage::ProbeOnly);
        for after in [1, 29, 30, 31, 90, 600] {
            let now = begun + Span::seconds(after);
            assert!(matches!(breaker.passage(now), Passage::Closed(until) if until > now), "{after} s");
        }
    }

    #[test]
    fn half_of_the_last_twenty_open_it() {
        let mut breaker = Breaker::default();
        let mut opened = 0;
        for n in 0..20 {
            if n % 2 == 0 {
                breaker.answered(T0);
            } else {
                opened += usize::from(breaker.failed(T0));
            }
        }
        assert_eq!(opened, 1);
        let mut slow = Breaker::default();
        for n in 0..40 {
            let at = T0 + Span::seconds(n * 10);
            assert!(!(n % 2 == 0 && slow.failed(at)), "spread over minutes it is noise");
            slow.answered(at);
        }
    }

    #[test]
    fn one_server_that_is_away_does_not_stop_the_others() {
        let (mut breakers, facts) = (Breakers::default(), Facts::unknown());
        for _ in 0..5 {
            breakers.heard("bluesky", "https://small.example", true, T0);
        }
        assert!(breakers.may("bluesky", "https://small.example", &facts, Task::Probe, T0).is_err());
        assert_eq!(breakers.may("bluesky", "https://large.example", &facts, Task::Renew, T0), Ok(Task::Renew));
        assert_eq!(breakers.may("mastodon", "https://small.example", &facts, Task::Renew, T0), Ok(Task::Renew));
    }

    #[test]
    fn three_people_are_no_pattern_and_a_twentieth_is_the_limit() {
        assert!(!is_systemic(3, 3) && is_systemic(4, 4) && !is_systemic(4, 80) && is_systemic(5, 80));
        assert!(!is_systemic(50, 1000) && is_systemic(51, 1000));
    }

    proptest! {
        /// Whatever happens, a network that stays away is asked at most once per rest, and one that is back is let through.
        #[test]
        fn it_never_closes_for_good(outcomes in proptest::collection::vec(any::<bool>(), 1..200), gap in 1..600_i64) {
            let (mut breaker, mut now) = (Breaker::default(), T0);
            for good in outcomes {
                now = now + Span::seconds(gap);
                match breaker.passage(now) {
                    Passage::Closed(until) => prop_assert!(until > now && until <= now + REST_MAX),
                    _ if good => drop(breaker.answered(now)),
                    _ => drop(breaker.failed(now)),
                }
            }
            let later = now + REST_MAX + REST_MAX;
            prop_assert!(!matches!(breaker.passage(later), Passage::Closed(_)));
            breaker.answered(later);
            prop_assert_eq!(breaker.passage(later), Passage::Open);
        }
    }
}
