//! What a simulation found: the ledger that `simulate` prints.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use serde::Serialize;

use crate::truth::{Broken, Destroyed, Why};

/// Counts of one world, or of all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) profiles: u64,
    pub(crate) grants: u64,
    pub(crate) grant_seconds: u64,
    pub(crate) idle_rotations: u64,
    pub(crate) rotating_seconds: u64,
    pub(crate) renewals: u64,
    pub(crate) requests: u64,
    pub(crate) events: u64,
    pub(crate) consents: u64,
    pub(crate) uses: u64,
    pub(crate) uses_refused: u64,
    pub(crate) crashes: u64,
    pub(crate) pauses: u64,
    pub(crate) outages: u64,
    pub(crate) noises: u64,
    pub(crate) superseded: u64,
    pub(crate) surprises: u64,
    pub(crate) floor: u64,
    pub(crate) false_deaths: u64,
    pub(crate) false_alarms: u64,
    pub(crate) missed: u64,
    pub(crate) doubled: u64,
    pub(crate) repeated: u64,
    pub(crate) told_no_access: u64,
    pub(crate) told_recovered: u64,
    pub(crate) told_renew_soon: u64,
    pub(crate) told_last_remaining: u64,
    pub(crate) never_connected: BTreeMap<&'static str, u64>,
    pub(crate) losses: BTreeMap<Destroyed, u64>,
    pub(crate) deaths: BTreeMap<Why, u64>,
    pub(crate) delays: BTreeMap<Why, Vec<i64>>,
}

impl Tally {
    pub(crate) fn add(&mut self, other: &Self) {
        let pairs = [
            (&mut self.profiles, other.profiles),
            (&mut self.grants, other.grants),
            (&mut self.grant_seconds, other.grant_seconds),
            (&mut self.idle_rotations, other.idle_rotations),
            (&mut self.rotating_seconds, other.rotating_seconds),
            (&mut self.renewals, other.renewals),
            (&mut self.requests, other.requests),
            (&mut self.events, other.events),
            (&mut self.consents, other.consents),
            (&mut self.uses, other.uses),
            (&mut self.uses_refused, other.uses_refused),
            (&mut self.crashes, other.crashes),
            (&mut self.pauses, other.pauses),
            (&mut self.outages, other.outages),
            (&mut self.noises, other.noises),
            (&mut self.superseded, other.superseded),
            (&mut self.surprises, other.surprises),
            (&mut self.floor, other.floor),
            (&mut self.false_deaths, other.false_deaths),
            (&mut self.false_alarms, other.false_alarms),
            (&mut self.missed, other.missed),
            (&mut self.doubled, other.doubled),
            (&mut self.repeated, other.repeated),
            (&mut self.told_no_access, other.told_no_access),
            (&mut self.told_recovered, other.told_recovered),
            (&mut self.told_renew_soon, other.told_renew_soon),
            (&mut self.told_last_remaining, other.told_last_remaining),
        ];
        for (sum, more) in pairs {
            *sum += more;
        }
        for (network, count) in &other.never_connected {
            *self.never_connected.entry(network).or_default() += count;
        }
        for (by, count) in &other.losses {
            *self.losses.entry(*by).or_default() += count;
        }
        for (why, count) in &other.deaths {
            *self.deaths.entry(*why).or_default() += count;
        }
        for (why, delays) in &other.delays {
            self.delays.entry(*why).or_default().extend(delays);
        }
    }
}

/// How long it took to tell, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Delay {
    /// How often it was told.
    pub count: usize,
    /// Half of them were told sooner.
    pub median_seconds: i64,
    /// Ninety-nine of a hundred were told sooner.
    pub p99_seconds: i64,
    /// The longest.
    pub most_seconds: i64,
}

/// The outcome of a simulation. The same options and seed give the same report.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// How many separate worlds it took.
    pub worlds: u64,
    /// Simulated profiles.
    pub profiles: u64,
    /// Simulated logins.
    pub accounts: u64,
    /// People whose logins never led to a profile, by network.
    pub never_connected: BTreeMap<&'static str, u64>,
    /// How long each world lasted, faults and healing, in seconds.
    pub simulated_seconds: i64,
    /// Years that tokens were kept, over all logins.
    pub account_years: f64,
    /// Token sets stored by renewals.
    pub renewals: u64,
    /// Requests that the networks have seen.
    pub requests: u64,
    /// Events of the simulation.
    pub events: u64,
    /// Logins and consents of people.
    pub consents: u64,
    /// Calls that people and tools made with the tokens.
    pub uses: u64,
    /// Those that the network refused, each of which starts a look.
    pub uses_refused: u64,
    /// Faults: processes that died, processes that stood still, outages, spells of noise.
    pub crashes: u64,
    /// Processes that stood still.
    pub pauses: u64,
    /// Outages of networks.
    pub outages: u64,
    /// Spells of a network refusing good tokens.
    pub noises: u64,
    /// Writes that came too late and changed nothing.
    pub superseded: u64,
    /// Pairs of state and event that should not exist.
    pub surprises: u64,
    /// Token sets lost although nothing destroyed their successor.
    pub losses_avoidable: u64,
    /// Token sets lost with the answer, or with the process, by what destroyed them.
    pub losses_unavoidable: BTreeMap<Destroyed, u64>,
    /// How often a network had spent a token and its answer was destroyed outside our hands: what is lost at least, whoever keeps.
    pub losses_floor: u64,
    /// All losses for each of those; more than 1 where something was lost that need not have been.
    pub losses_for_each_of_the_floor: f64,
    /// Token sets declared dead that worked.
    pub false_deaths: u64,
    /// Profiles reported without access tokens that had one.
    pub false_alarms: u64,
    /// Messages that were never sent.
    pub notifications_missed: u64,
    /// Messages that were sent twice.
    pub notifications_doubled: u64,
    /// Messages that arrived again and were known as the same one: what happens when an answer of a mail server gets lost.
    pub notifications_repeated: u64,
    /// Messages by kind.
    pub told_no_access_tokens: u64,
    /// All-clears.
    pub told_recovered: u64,
    /// Early warnings.
    pub told_renew_soon: u64,
    /// How often of several people who held a profile one was left.
    pub told_last_remaining: u64,
    /// What ended token sets.
    pub deaths: BTreeMap<Why, u64>,
    /// How long it took to tell, by cause.
    pub detection: BTreeMap<Why, Delay>,
    /// Renewals of rotating tokens that nobody uses, for each account-year.
    pub rotations_per_idle_account_year: f64,
    /// Promises that broke.
    pub broken: Vec<Broken>,
}

const YEAR: f64 = 365.0 * 86_400.0;

#[expect(clippy::cast_precision_loss, reason = "a ratio for people")]
fn ratio(one: u64, other: u64, times: f64) -> f64 {
    if other == 0 { 0.0 } else { one as f64 / other as f64 * times }
}

impl Report {
    pub(crate) fn new(seed: u64, worlds: u64, simulated_seconds: i64, tally: Tally, broken: Vec<Broken>) -> Self {
        let mut losses = tally.losses;
        let all_losses = losses.values().sum();
        let detection = tally.delays.into_iter().map(|(why, delays)| (why, delay(delays))).collect();
        Self {
            seed,
            worlds,
            profiles: tally.profiles,
            accounts: tally.grants,
            never_connected: tally.never_connected,
            simulated_seconds,
            account_years: ratio(tally.grant_seconds, 1, 1.0) / YEAR,
            renewals: tally.renewals,
            requests: tally.requests,
            events: tally.events,
            consents: tally.consents,
            uses: tally.uses,
            uses_refused: tally.uses_refused,
            crashes: tally.crashes,
            pauses: tally.pauses,
            outages: tally.outages,
            noises: tally.noises,
            superseded: tally.superseded,
            surprises: tally.surprises,
            losses_avoidable: losses.remove(&Destroyed::Nothing).unwrap_or(0),
            losses_unavoidable: losses,
            losses_floor: tally.floor,
            losses_for_each_of_the_floor: ratio(all_losses, tally.floor, 1.0),
            false_deaths: tally.false_deaths,
            false_alarms: tally.false_alarms,
            notifications_missed: tally.missed,
            notifications_doubled: tally.doubled,
            notifications_repeated: tally.repeated,
            told_no_access_tokens: tally.told_no_access,
            told_recovered: tally.told_recovered,
            told_renew_soon: tally.told_renew_soon,
            told_last_remaining: tally.told_last_remaining,
            deaths: tally.deaths,
            detection,
            rotations_per_idle_account_year: ratio(tally.idle_rotations, tally.rotating_seconds, YEAR),
            broken,
        }
    }

    /// Whether every promise held.
    pub fn is_good(&self) -> bool {
        self.broken.is_empty()
    }
}

fn delay(mut delays: Vec<i64>) -> Delay {
    delays.sort_unstable();
    let at = |per_cent: usize| delays.get(delays.len().saturating_sub(1) * per_cent / 100).copied().unwrap_or(0);
    Delay { count: delays.len(), median_seconds: at(50), p99_seconds: at(99), most_seconds: at(100) }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unavoidable: u64 = self.losses_unavoidable.values().sum();
        let rows = [
            ("profiles", self.profiles.to_string()),
            ("logins", self.accounts.to_string()),
            ("people who never connected", format!("{} {}", self.never_connected.values().sum::<u64>(), list(&self.never_connected))),
            ("account-years", format!("{:.1}", self.account_years)),
            ("renewals", self.renewals.to_string()),
            ("requests to networks", self.requests.to_string()),
            ("events", self.events.to_string()),
            ("rotations per idle account-year", format!("{:.1}", self.rotations_per_idle_account_year)),
            ("logins of people", self.consents.to_string()),
            ("calls in real use, refused", format!("{}, {}", self.uses, self.uses_refused)),
            ("crashes, pauses", format!("{}, {}", self.crashes, self.pauses)),
            ("outages, spells of noise", format!("{}, {}", self.outages, self.noises)),
            ("writes that came too late", self.superseded.to_string()),
            ("losses, avoidable", self.losses_avoidable.to_string()),
            ("losses, unavoidable", format!("{unavoidable} {}", list(&self.losses_unavoidable))),
            ("losses, of the floor", format!("{:.2} of {}", self.losses_for_each_of_the_floor, self.losses_floor)),
            ("false deaths", self.false_deaths.to_string()),
            ("false alarms", self.false_alarms.to_string()),
            ("notifications missed", self.notifications_missed.to_string()),
            ("notifications doubled", self.notifications_doubled.to_string()),
            ("notifications known as repeated", self.notifications_repeated.to_string()),
            ("told: no access tokens", self.told_no_access_tokens.to_string()),
            ("told: all-clear", self.told_recovered.to_string()),
            ("told: renew soon", self.told_renew_soon.to_string()),
            ("told: one is left", self.told_last_remaining.to_string()),
        ];
        for (name, value) in rows {
            writeln!(f, "{name:<34} {}", value.trim_end())?;
        }
        for (why, delay) in &self.detection {
            let name = format!("told after, {}", word(why));
            writeln!(
                f,
                "{name:<34} median {}, 99 % within {}, longest {} ({} times)",
                span(delay.median_seconds),
                span(delay.p99_seconds),
                span(delay.most_seconds),
                delay.count
            )?;
        }
        Ok(())
    }
}

fn word<T: Serialize>(value: &T) -> String {
    serde_json::to_value(value).ok().and_then(|word| word.as_str().map(|word| word.replace('_', " "))).unwrap_or_default()
}

fn list<T: Serialize>(counts: &BTreeMap<T, u64>) -> String {
    let mut text = String::new();
    for (name, count) in counts {
        let _ = write!(text, "{}{} {count}", if text.is_empty() { "(" } else { ", " }, word(name));
    }
    if text.is_empty() { text } else { text + ")" }
}

fn span(seconds: i64) -> String {
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7_199 => format!("{} min", seconds / 60),
        7_200..=172_799 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}
