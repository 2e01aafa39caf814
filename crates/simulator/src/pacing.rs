//! The budgets of calls, asked as the keeper asks them and judged by what was really sent; and leases that are renewed.

use std::collections::{BTreeMap, VecDeque};

use lifecycle::budget::{AppKey, Need, Pace, Passage, is_bad};
use lifecycle::diagnosis::Diagnosis;
use lifecycle::ledger::{Claim, Ledger};
use lifecycle::schedule::Task;
use lifecycle::time::{Span, Timestamp};

use crate::options::Break;
use crate::queue::Event;
use crate::run::{LEASE, Run};
use crate::wire::at_once;
use crate::work::Work;

/// How often a lease is renewed while an answer is waited for.
pub(crate) const RENEW_LEASE_EVERY: Span = Span::seconds(30);
/// Over so long calls are counted.
const WINDOW: Span = Span::minutes(1);

/// The calls of late, by network.
pub(crate) type Calls = BTreeMap<String, VecDeque<Timestamp>>;

impl Run {
    /// Whoever still waits for an answer renews the lease meanwhile (RF-07).
    pub(crate) fn beat(&mut self, number: u64) {
        let Some(node) = self.jobs.get(&number).map(|job| job.node) else { return };
        let awake = self.nodes[node].paused_until;
        if awake > self.now {
            return self.queue.push(awake, Event::Beat(number));
        }
        let now = self.now_at(node);
        let Some(job) = self.jobs.get_mut(&number) else { return };
        let Work::Waiting { renewal, .. } = &mut job.work else { return };
        if at_once(self.memory.extend(&job.claim.lease, now, now + LEASE)).is_some_and(|held| held.unwrap_or(false)) {
            job.claim.lease.until = now + LEASE;
            renewal.held_until(now + LEASE);
            self.queue.push(self.now + RENEW_LEASE_EVERY, Event::Beat(number));
        }
    }

    /// Whether a job may make its call now; if not, when it comes again.
    pub(crate) fn may_call(&mut self, node: usize, claim: &Claim, pace: &Pace, need: Need, now: Timestamp) -> Result<(), Timestamp> {
        if self.options.breaks == Some(Break::NoBudget) {
            return Ok(());
        }
        let key = AppKey::of(claim);
        let is_call = |work: &Work| !matches!(work, Work::Start);
        let of_app = self.jobs.values().filter(|job| job.node == node && job.claim.network == claim.network && is_call(&job.work));
        let going = u32::try_from(of_app.count()).unwrap_or(u32::MAX);
        let passage = match self.nodes[node].budgets.may(&key, pace, need, going, now) {
            Passage::Book(want) => match at_once(self.memory.book_calls(&key, pace, want, need, now)).and_then(Result::ok) {
                Some(booked) => self.nodes[node].budgets.booked(&key, pace, booked, now),
                None => Passage::Later(now + Span::seconds(1)),
            },
            known => known,
        };
        match passage {
            Passage::Later(at) => Err(at),
            Passage::Go | Passage::Book(_) => Ok(()),
        }
    }

    pub(crate) fn count_refusal(&mut self, node: usize, claim: &Claim, pace: &Pace, diagnosis: &Diagnosis, now: Timestamp) {
        if is_bad(diagnosis.evidence.http_status) {
            self.nodes[node].budgets.heard(&AppKey::of(claim), pace, true, now);
        }
    }

    /// Notes a call that was due, and looks whether there were too many of late.
    pub(crate) fn count_call(&mut self, claim: &Claim, pace: &Pace, need: Need, task: Task) {
        if need == Need::Now || task == Task::LookAtClock || self.nodes.iter().any(|node| node.clock != Span::ZERO) {
            return;
        }
        let calls = self.calls.entry(claim.network.clone()).or_default();
        calls.push_back(self.now);
        while calls.front().is_some_and(|at| self.now.since(*at) >= WINDOW) {
            calls.pop_front();
        }
        // What a node booked together with a call it made is made within the next minute.
        let booked = self.nodes.len() * usize::try_from(pace.share() - 1).unwrap_or(0);
        let most = usize::try_from(pace.per_minute + pace.burst).unwrap_or(usize::MAX).saturating_add(booked);
        if calls.len() > most {
            let (network, count) = (&claim.network, calls.len());
            let what = format!("{network}: {count} calls within a minute, where {most} are allowed");
            self.judge.breaks("invariant_calls_within_budget", self.now, what);
        }
    }
}
