//! What is simulated: how many profiles for how long, and which faults. The seed draws how often each of them happens,
//! anew for every world, so that rare mixes are tried as well.

use std::str::FromStr;

use lifecycle::budget::Pace;
use lifecycle::facts::Facts;
use lifecycle::time::Span;

use crate::dice::Generator;

/// A choice of faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Faults {
    /// Nothing goes wrong but what people do.
    None,
    /// Any of the others except `clocks`, in a mix that the seed draws for each world.
    Swarm,
    /// Processes die between two actions of a renewal and start again.
    Crashes,
    /// Requests and answers get lost; answers are 5xx after the network has renewed.
    LostAnswers,
    /// Answers take up to five minutes, on either way.
    SlowAnswers,
    /// Networks are away for up to 72 hours, or answer with HTML.
    Outages,
    /// Networks refuse good tokens at renewals for up to two hours.
    Noise,
    /// Processes stand still and wake up after their leases ended.
    Pauses,
    /// The database does not say whether it stored.
    Storage,
    /// Nodes' clocks are wrong by up to a day.
    Clocks,
    /// All of them together, in every world.
    Everything,
}

impl Faults {
    /// Every choice, with the name it has on the command line.
    pub const ALL: [(Self, &'static str); 11] = [
        (Self::None, "none"),
        (Self::Swarm, "swarm"),
        (Self::Crashes, "crashes"),
        (Self::LostAnswers, "lost-answers"),
        (Self::SlowAnswers, "slow-answers"),
        (Self::Outages, "outages"),
        (Self::Noise, "noise"),
        (Self::Pauses, "pauses"),
        (Self::Storage, "storage"),
        (Self::Clocks, "clocks"),
        (Self::Everything, "everything"),
    ];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(faults, _)| *faults == self).map_or("none", |(_, name)| name)
    }
}

impl FromStr for Faults {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let names: Vec<&str> = Self::ALL.iter().map(|(_, name)| *name).collect();
        let found = Self::ALL.iter().find(|(_, name)| *name == text);
        found.map(|(faults, _)| *faults).ok_or_else(|| format!("faults are one of {}", names.join(", ")))
    }
}

/// A rule that is broken on purpose, to show that the simulation notices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Break {
    /// Writes are taken from whoever held the grant once.
    NoFence,
    /// A grant can be claimed while somebody holds it.
    NoLease,
    /// Intents are not written down.
    NoJournal,
    /// The first refusal is a verdict.
    NoSecondRefusal,
    /// It is forgotten that an episode was told.
    ForgetsEpisodes,
    /// Nobody says that one of several is left.
    ForgetsWhoIsLeft,
    /// Somebody says again and again that one is left where two are.
    SaysOneIsLeft,
    /// It is forgotten that the end of a refresh token is its person's day.
    ForgetsDays,
    /// Nobody counts calls.
    NoBudget,
    /// Every second message never gets into the outbox.
    NoOutboxRow,
    /// A message that is sent again has another identity.
    NoOutboxKey,
    /// A network that does not answer is asked on and on.
    NoBreaker,
    /// What a look came to is remembered whatever happens at the network.
    OldLooks,
}

/// What to simulate.
#[derive(Debug, Clone)]
pub struct Options {
    /// How many profiles, over all networks.
    pub profiles: u32,
    /// For how long.
    pub lasting: Span,
    /// What goes wrong.
    pub faults: Faults,
    /// How often an idle token is looked at.
    pub probe_every: Span,
    /// How long a rotating token that nobody uses goes without proof.
    pub idle_check_every: Span,
    /// How many days ahead a manual renewal is announced.
    pub warn_days: Vec<i64>,
    /// How many people are admins of each page.
    pub admins: u32,
    /// How many worlds are simulated at the same time, each on a thread of its own.
    pub threads: usize,
    /// Keep what happened to each grant of late, for the report of a broken promise.
    pub history: bool,
    /// A rule that is broken on purpose.
    pub breaks: Option<Break>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            profiles: 40,
            lasting: Span::days(400),
            faults: Faults::Swarm,
            probe_every: Span::hours(6),
            idle_check_every: Facts::unknown().idle_check_every,
            warn_days: vec![30, 14, 7, 1],
            admins: 2,
            threads: 1,
            history: false,
            breaks: None,
        }
    }
}

/// How often what goes wrong in one world. Rates are per million.
#[derive(Debug, Clone, Default)]
pub(crate) struct Swarm {
    /// Nodes that share the ledger.
    pub(crate) nodes: usize,
    pub(crate) not_sent: u32,
    pub(crate) lost_on_the_way: u32,
    pub(crate) lost_answer: u32,
    pub(crate) error_after_commit: u32,
    pub(crate) slow: u32,
    pub(crate) crash: u32,
    pub(crate) pause: u32,
    pub(crate) storage: u32,
    /// Mean time between two calls that somebody makes with one login's tokens.
    pub(crate) use_every: Option<Span>,
    /// Mean time between two outages of one network.
    pub(crate) outage_every: Option<Span>,
    pub(crate) outage_longest: Span,
    pub(crate) noise_every: Option<Span>,
    pub(crate) noise_longest: Span,
    /// Mean time between two steps of a node's clock.
    pub(crate) clock_every: Option<Span>,
    pub(crate) clock_most: Span,
    /// After how many days logins end at networks that can do that, whatever is renewed.
    pub(crate) session_days: Option<i64>,
    /// How fast networks may be asked, where that is tighter than usual.
    pub(crate) pace: Option<Pace>,
}

impl Swarm {
    pub(crate) fn draw(faults: Faults, generator: &mut Generator) -> Self {
        let mut swarm = Self { nodes: 1 + usize::from(generator.chance(500_000)), ..Self::default() };
        let (some, all) = (faults == Faults::Swarm, faults == Faults::Everything);
        // In a swarm each kind is there or not, so that no kind hides behind another.
        let mut wants = |kind: Faults| {
            let drawn = generator.chance(500_000);
            all || faults == kind || (some && drawn)
        };
        let (crashes, lost, slow) = (wants(Faults::Crashes), wants(Faults::LostAnswers), wants(Faults::SlowAnswers));
        let (outages, noise, pauses) = (wants(Faults::Outages), wants(Faults::Noise), wants(Faults::Pauses));
        let storage = wants(Faults::Storage);
        let mut rate = |on: bool, most: u64| if on { u32::try_from(1 + generator.below(most)).unwrap_or(1) } else { 0 };
        swarm.crash = rate(crashes, 3_000);
        swarm.not_sent = rate(lost, 30_000);
        swarm.lost_on_the_way = rate(lost, 10_000);
        swarm.lost_answer = rate(lost, 10_000);
        swarm.error_after_commit = rate(lost, 10_000);
        swarm.slow = rate(slow, 30_000);
        swarm.pause = rate(pauses, 5_000);
        swarm.storage = rate(storage, 20_000);
        let day = Span::days(1);
        swarm.outage_every = outages.then(|| generator.between(day.times(20, 1), day.times(120, 1)));
        swarm.outage_longest = generator.between(Span::hours(1), Span::hours(72));
        swarm.noise_every = noise.then(|| generator.between(day.times(20, 1), day.times(120, 1)));
        swarm.noise_longest = generator.between(Span::minutes(1), Span::hours(2));
        let clocks = all || faults == Faults::Clocks;
        swarm.clock_every = clocks.then(|| generator.between(day.times(10, 1), day.times(60, 1)));
        swarm.clock_most = generator.between(Span::seconds(1), day);
        swarm.pace = generator.chance(500_000).then(|| {
            let mut some = |least: u64, most: u64| u32::try_from(least + generator.below(most)).unwrap_or(1);
            Pace { per_minute: some(1, 2), burst: some(1, 2), at_once: some(1, 4), ..Pace::USUAL }
        });
        if pauses || clocks {
            swarm.nodes = 2;
        }
        let used = generator.chance(500_000);
        swarm.use_every = (all || used || faults == Faults::None).then(|| generator.between(Span::hours(6), day.times(20, 1)));
        // Longer than the earliest warning, so that all of them are due.
        swarm.session_days = generator.chance(250_000).then(|| 32 + i64::try_from(generator.below(90)).unwrap_or(0));
        swarm
    }

    /// The same world with everything mended.
    pub(crate) fn healed(&self) -> Self {
        Self { nodes: self.nodes, pace: self.pace, use_every: self.use_every, session_days: self.session_days, ..Self::default() }
    }
}
