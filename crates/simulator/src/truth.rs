//! What is true of grants and profiles: from the sandbox and from what people did, never from what the product believes.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use lifecycle::ids::{GrantId, ProfileId};
use lifecycle::time::{Span, Timestamp};
use serde::Serialize;

use crate::options::Options;
use crate::remaining::Remaining;
use crate::report::Tally;
use crate::run::BEGINNING;

/// What destroyed a new token set before it was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Destroyed {
    /// The network renewed, and its answer was lost or said otherwise.
    AnswerLost,
    /// The answer came after the longest time an answer is waited for, or the request arrived after it.
    TooLate,
    /// The process died between the first byte and the commit.
    ProcessDied,
    /// The process stood still until its lease was over.
    ProcessPaused,
    /// The clock of a node was wrong.
    ClockWrong,
    /// Nothing of this kind: it need not have happened.
    Nothing,
}

/// Why a token set does not work any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The person changed the password.
    PasswordChanged,
    /// The person removed our app.
    Revoked,
    /// The network blocked the person.
    Blocked,
    /// The role on the page is gone.
    RoleLost,
    /// The network's year is over.
    YearOver,
    /// It was lost in rotation.
    Lost,
}

/// A promise that was broken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Broken {
    /// The name of the promise.
    pub promise: &'static str,
    /// The seed of the world in which it happened.
    pub world: u64,
    /// When, in seconds of simulated time since the beginning.
    pub at_seconds: i64,
    /// What happened.
    pub what: String,
    /// What happened to the grant before, where that was kept.
    pub history: Vec<String>,
}

/// What is true of a grant.
#[derive(Debug, Default)]
pub(crate) struct GrantTruth {
    pub(crate) network: &'static str,
    /// When the person logged in last.
    pub(crate) authorized_at: Option<Timestamp>,
    pub(crate) ended: Option<(Why, Timestamp)>,
    pub(crate) year_over: Option<Timestamp>,
    pub(crate) dead: Option<(Why, Timestamp)>,
    pub(crate) alive_since: Option<Timestamp>,
    /// A successor that was issued and is on its way into the ledger, with the job that brings it.
    pub(crate) pending: Option<u64>,
    pub(crate) destroyed: Option<Destroyed>,
    /// A request that nobody waited for any more presented a spent token: strict networks end everything for that.
    pub(crate) late: Option<Destroyed>,
    pub(crate) generation: i64,
    pub(crate) fence: i64,
}

/// What is true of a profile, and what was told of it.
#[derive(Debug, Default)]
pub(crate) struct ProfileTruth {
    pub(crate) network: &'static str,
    pub(crate) dead: Option<(Why, Timestamp)>,
    pub(crate) alive_since: Option<Timestamp>,
    /// When somebody last got the power back to act for it.
    pub(crate) came_back_at: Option<Timestamp>,
    /// It was told that no access tokens are available, and not yet that they are again.
    pub(crate) is_told: bool,
    pub(crate) was_told: bool,
    pub(crate) red_until: Option<Timestamp>,
    /// When the year of the grant that was looked at last is over.
    pub(crate) year_over: Option<Timestamp>,
    /// When the year of each grant that reaches it is over.
    pub(crate) years: BTreeMap<GrantId, Timestamp>,
    /// When somebody last lost or regained the power to act for it.
    pub(crate) changed_at: Option<Timestamp>,
    /// Day, how many days ahead, and when it was told.
    pub(crate) warned: Vec<(Timestamp, i64, Timestamp)>,
}

/// Judges one world.
#[derive(Debug, Default)]
pub(crate) struct Judge {
    pub(crate) world: u64,
    pub(crate) broken: Vec<Broken>,
    pub(crate) probe_every: Span,
    /// The same for each network: where only a rotation can show it, as long as an idle check takes.
    pub(crate) look_every: BTreeMap<&'static str, Span>,
    pub(crate) warn_days: Vec<i64>,
    /// Networks whose end of a login nobody can know ahead.
    pub(crate) unforeseen: BTreeSet<&'static str>,
    /// How wrong a node's clock may be.
    pub(crate) clock_most: Span,
    /// Until when a network was not itself.
    pub(crate) trouble_until: BTreeMap<&'static str, Timestamp>,
    pub(crate) grants: BTreeMap<GrantId, GrantTruth>,
    pub(crate) profiles: BTreeMap<ProfileId, ProfileTruth>,
    /// How often a successor was destroyed outside our hands.
    pub(crate) floor: u64,
    keeps_history: bool,
    histories: BTreeMap<GrantId, VecDeque<String>>,
    reaches: BTreeMap<GrantId, Vec<ProfileId>>,
    /// Profiles that more than one person holds.
    pub(crate) shared: BTreeSet<ProfileId>,
    /// How many of them can act for each of these.
    pub(crate) remaining: BTreeMap<ProfileId, Remaining>,
}

/// How much is kept of what happened to a grant.
const HISTORY_MAX: usize = 40;

/// A look at one grant and its profiles, as the sandbox answers it.
pub(crate) struct Truth {
    pub(crate) works: bool,
    pub(crate) blocked: bool,
    /// Profiles reached, with whether the role is there and who else could act for it (other grants that work).
    pub(crate) profiles: Vec<(ProfileId, bool)>,
}

impl Judge {
    pub(crate) fn new(world: u64, options: &Options, clock_most: Span) -> Self {
        Self {
            world,
            probe_every: options.probe_every,
            warn_days: options.warn_days.clone(),
            clock_most,
            keeps_history: options.history,
            ..Self::default()
        }
    }

    /// Something happened to a grant.
    pub(crate) fn note(&mut self, grant: &GrantId, now: Timestamp, what: impl FnOnce() -> String) {
        if self.keeps_history {
            let history = self.histories.entry(grant.clone()).or_default();
            history.push_back(format!("{:>12} s  {}", now.since(BEGINNING).as_seconds(), what()));
            if history.len() > HISTORY_MAX {
                history.pop_front();
            }
        }
    }

    pub(crate) fn breaks(&mut self, promise: &'static str, now: Timestamp, what: String) {
        // A few of each kind are enough to find the cause.
        if self.broken.iter().filter(|broken| broken.promise == promise).count() < 20 {
            let holds =
                |grant: &GrantId| self.reaches.get(grant).is_some_and(|profiles| profiles.iter().any(|id| what.contains(id.as_str())));
            let named = |grant: &&GrantId| what.contains(grant.as_str()) || holds(grant);
            // Several people may hold a profile: whose token made it what it is shows only beside the others'.
            let named = self.histories.iter().filter(|(grant, _)| named(grant));
            let history = named.flat_map(|(grant, lines)| [grant.to_string()].into_iter().chain(lines.iter().cloned())).collect();
            self.broken.push(Broken { promise, world: self.world, at_seconds: now.since(BEGINNING).as_seconds(), what, history });
        }
    }

    pub(crate) fn trouble(&mut self, network: &'static str, until: Timestamp) {
        let known = self.trouble_until.entry(network).or_insert(until);
        *known = (*known).max(until);
    }

    pub(crate) fn trouble_everywhere(&mut self, until: Timestamp) {
        let networks: BTreeSet<&'static str> = self.grants.values().map(|grant| grant.network).collect();
        for network in networks {
            self.trouble(network, until);
        }
    }

    /// Somebody logged in; `year_over` is the day on which they must come again.
    pub(crate) fn authorized(&mut self, grant: &GrantId, network: &'static str, year_over: Option<Timestamp>, now: Timestamp) {
        let truth = self.grants.entry(grant.clone()).or_default();
        truth.network = network;
        truth.ended = None;
        truth.pending = None;
        truth.destroyed = None;
        truth.late = None;
        truth.authorized_at = Some(now);
        truth.year_over = year_over;
    }

    /// Somebody lost or regained the role on a profile.
    pub(crate) fn role_changed(&mut self, profile: &ProfileId, is_back: bool, now: Timestamp) {
        let profile = self.profiles.entry(profile.clone()).or_default();
        profile.changed_at = Some(now);
        if is_back {
            profile.came_back_at = Some(now);
        }
    }

    pub(crate) fn ended(&mut self, grant: &GrantId, why: Why, now: Timestamp) {
        if let Some(truth) = self.grants.get_mut(grant) {
            truth.ended.get_or_insert((why, now));
        }
    }

    /// Somebody claimed a grant: from now on only writes with this fence count.
    pub(crate) fn claimed(&mut self, grant: &GrantId, fence: i64) {
        if let Some(truth) = self.grants.get_mut(grant) {
            truth.fence = truth.fence.max(fence);
        }
    }

    /// The network issued a successor which is now on its way to us.
    pub(crate) fn issued(&mut self, grant: &GrantId, job: u64) {
        if let Some(truth) = self.grants.get_mut(grant) {
            truth.pending = Some(job);
        }
    }

    pub(crate) fn pending(&self, grant: &GrantId) -> Option<u64> {
        self.grants.get(grant).and_then(|truth| truth.pending)
    }

    /// The successor that this job brought (or any, for `None`) will never arrive.
    pub(crate) fn destroyed(&mut self, grant: &GrantId, job: Option<u64>, by: Destroyed) {
        if let Some(truth) = self.grants.get_mut(grant)
            && (job.is_none() || truth.pending == job)
        {
            truth.pending = None;
            // Once for each token set: what is destroyed afterwards had no successor any more.
            self.floor += u64::from(truth.destroyed.is_none() && by != Destroyed::Nothing);
            truth.destroyed.get_or_insert(by);
        }
    }

    /// A request arrived that nobody waits for any more, with a token that is spent.
    pub(crate) fn came_late(&mut self, grant: &GrantId, by: Destroyed) {
        if let Some(truth) = self.grants.get_mut(grant) {
            truth.late = Some(by);
        }
    }

    /// A new token set is in the ledger.
    pub(crate) fn stored(&mut self, grant: &GrantId) {
        if let Some(truth) = self.grants.get_mut(grant) {
            truth.pending = None;
            truth.destroyed = None;
        }
    }

    /// The truth about a grant and its profiles.
    pub(crate) fn look(&mut self, grant: &GrantId, truth: &Truth, now: Timestamp, tally: &mut Tally) {
        if self.keeps_history {
            self.reaches.insert(grant.clone(), truth.profiles.iter().map(|(profile, _)| profile.clone()).collect());
        }
        let Some(known) = self.grants.get_mut(grant) else { return };
        let was_dead = known.dead.is_some();
        if truth.works {
            known.dead = None;
            known.late = None;
            known.alive_since.get_or_insert(now);
        } else if known.pending.is_some() {
            return;
        } else if known.dead.is_none() {
            known.alive_since = None;
            let over = known.year_over.filter(|over| *over <= now + Span::minutes(2));
            let (why, since) = match (truth.blocked, known.ended, over) {
                (_, Some(ended), _) => ended,
                (true, None, _) => (Why::Blocked, now),
                (false, None, Some(over)) => (Why::YearOver, over),
                (false, None, None) => (Why::Lost, now),
            };
            known.dead = Some((why, since));
            *tally.deaths.entry(why).or_default() += 1;
            if why == Why::Lost {
                let by = known.destroyed.or(known.late).unwrap_or(Destroyed::Nothing);
                self.promise_1_no_avoidable_loss(grant, by, now, tally);
            }
            if why == Why::YearOver {
                self.promise_5_early_warnings_once_each(grant, &truth.profiles, since, now, tally);
            }
        }
        let dead = self.grants.get(grant).and_then(|known| known.dead);
        let (network, year_over) = self.grants.get(grant).map_or(("", None), |known| (known.network, known.year_over));
        for (profile, is_alive) in &truth.profiles {
            let told = self.profiles.entry(profile.clone()).or_default();
            told.year_over = year_over;
            told.years.extend(year_over.map(|over| (grant.clone(), over)));
            if was_dead && dead.is_none() {
                told.came_back_at = Some(now);
            }
            if was_dead != dead.is_some() {
                told.changed_at = Some(now);
            }
            self.look_at_profile(profile, network, *is_alive, dead.unwrap_or((Why::RoleLost, now)), now, tally);
        }
    }

    fn look_at_profile(
        &mut self,
        id: &ProfileId,
        network: &'static str,
        is_alive: bool,
        why: (Why, Timestamp),
        now: Timestamp,
        tally: &mut Tally,
    ) {
        let profile = self.profiles.entry(id.clone()).or_default();
        profile.network = network;
        if is_alive {
            profile.alive_since.get_or_insert(now);
            if profile.dead.is_some() {
                self.promise_4_no_silence(id, now, tally);
            }
            if let Some(profile) = self.profiles.get_mut(id) {
                profile.dead = None;
            }
        } else if profile.dead.is_none() {
            profile.alive_since = None;
            // What died earlier was not yet what made this profile dead.
            profile.dead = Some((why.0, why.1.max(now - Span::minutes(2))));
            profile.was_told = profile.is_told;
        }
    }
}
