//! What a node does with a claimed grant: the same steps as the keeper, cut where a process can die.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use lifecycle::breaker::is_trouble;
use lifecycle::budget::Need;
use lifecycle::diagnosis::{Diagnosis, Finding};
use lifecycle::grant::Event as Happening;
use lifecycle::ids::{AttemptId, GrantId};
use lifecycle::ledger::{Claim, Commit, Committed, Ending, Ledger};
use lifecycle::plan::{Happened, Looked, held_instead, plan, verdict_since};
use lifecycle::renewal::{Action, End, Outcome, Renewal};
use lifecycle::schedule::{self, Task};
use lifecycle::time::{Span, Timestamp};
use lifecycle::words::{Evidence, Source};
use networks::network::Answer;
use networks::reading;
use networks::wire::WireError;

use crate::faults::Lose;
use crate::options::Break;
use crate::pacing::RENEW_LEASE_EVERY;
use crate::queue::{Came, Event};
use crate::run::{Run, refresh_works};
use crate::town::Client;
use crate::truth::Destroyed;
use crate::wire::at_once;

/// A claimed grant in the hands of a node.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) node: usize,
    pub(crate) claim: Claim,
    /// The server whose health it depends on.
    pub(crate) server: String,
    pub(crate) work: Work,
    /// Its process stood still since the claim.
    pub(crate) was_paused: bool,
}

/// How far a job is. It moves at every step: what is large stays where it is.
#[derive(Debug)]
pub(crate) enum Work {
    Start,
    Renewing(Box<Renewal>),
    Waiting { renewal: Box<Renewal>, flight: u64 },
    Looked(Box<Happened>),
}

/// A renewal's request on its way.
#[derive(Debug)]
pub(crate) struct Flight {
    /// Who waits for the answer.
    pub(crate) job: Option<u64>,
    pub(crate) grant: GrantId,
    pub(crate) request: Request<Bytes>,
    pub(crate) deadline: Timestamp,
    pub(crate) back: Span,
    pub(crate) lose: Lose,
    pub(crate) has_arrived: bool,
    /// Nobody waits any more, and why.
    pub(crate) orphaned: Option<Destroyed>,
}

/// What a commit came to.
enum Stored {
    Done,
    Superseded,
    /// The database did not say.
    Unknown,
}

impl Run {
    /// A job goes on by one action.
    pub(crate) fn go(&mut self, number: u64) {
        let Some(node) = self.jobs.get(&number).map(|job| job.node) else { return };
        let awake = self.nodes[node].paused_until;
        if awake > self.now {
            return self.queue.push(awake, Event::Go(number));
        }
        if self.edge(node) {
            let awake = self.nodes[node].paused_until;
            return self.queue.push(awake.max(self.now), Event::Go(number));
        }
        let Some(mut job) = self.jobs.remove(&number) else { return };
        match std::mem::replace(&mut job.work, Work::Start) {
            Work::Start => self.take_up(number, job),
            Work::Renewing(renewal) => self.renew(number, job, renewal),
            Work::Looked(happened) => {
                // Nothing was spent and nothing is held: what could not be stored is looked at again.
                let _ = self.commit(number, &job, *happened);
            }
            waiting @ Work::Waiting { .. } => {
                job.work = waiting;
                self.jobs.insert(number, job);
            }
        }
    }

    fn go_on(&mut self, number: u64, mut job: Box<Job>, work: Work, after: Span) {
        job.work = work;
        self.jobs.insert(number, job);
        self.queue.push(self.now + after, Event::Go(number));
    }

    fn take_up(&mut self, number: u64, job: Box<Job>) {
        let now = self.now_at(job.node);
        if let Some(attempt) = job.claim.open.clone() {
            let evidence = Evidence::new(now, Source::Renewal, None, None, "the server stopped while it waited for the answer");
            let closes = Some((attempt, Ending::AnswerLost));
            let _ = self.commit(number, &job, Happened { closes, ..Happening::RenewLost(evidence).into() });
            return;
        }
        let Some(facts) = self.client(&job.claim).map(|client| Arc::clone(&client.facts)) else { return };
        let task = schedule::next_task(&job.claim.grant, &facts, now);
        let need = Need::of(&job.claim.grant, &facts, task, now);
        if task != Task::LookAtClock
            && let Err(at) = self.may_call(job.node, &job.claim, &facts.pace, need, now)
        {
            self.judge.note(&job.claim.grant.id, self.now, || format!("job {number}: no call is left until {at:?}"));
            let _ = at_once(self.memory.release(&job.claim.lease, Some(at)));
            return;
        }
        let task = match self.may_ask(&job, &facts, task, now) {
            Ok(task) => task,
            Err(held) => {
                let event = if task == Task::Renew { Happening::RenewFailed(held) } else { Happening::Probed(held) };
                let _ = self.commit(number, &job, event.into());
                return;
            }
        };
        self.count_call(&job.claim, &facts.pace, need, task);
        match task {
            Task::LookAtClock => {
                let _ = self.commit(number, &job, Happening::DeadlineReached.into());
            }
            Task::Probe => {
                let (diagnosis, looked) = self.probe(&job.claim, now);
                self.heard(&job, is_trouble(&diagnosis), now);
                self.count_refusal(job.node, &job.claim, &facts.pace, &diagnosis, now);
                let latency = self.dice.network.between(Span::millis(20), Span::seconds(2));
                let happened = Box::new(Happened { looked, ..Happening::Probed(diagnosis).into() });
                self.go_on(number, job, Work::Looked(happened), latency);
            }
            Task::Renew => {
                let attempt = AttemptId::from_u128(u128::from(self.number()));
                let renewal = Renewal::new(attempt, job.claim.lease.clone(), job.claim.grant.generation, &facts);
                self.go_on(number, job, Work::Renewing(Box::new(renewal)), Span::ZERO);
            }
        }
    }

    fn client(&self, claim: &Claim) -> Option<&Client> {
        self.clients.get(claim.network.as_str())
    }

    fn renew(&mut self, number: u64, job: Box<Job>, mut renewal: Box<Renewal>) {
        let soon = self.dice.process.between(Span::millis(1), Span::millis(5));
        match renewal.next(self.now_at(job.node)) {
            Action::Intend(intent) => {
                if self.dice.process.chance(self.swarm.storage) {
                    // Nothing was sent that this intent was to cover: let go.
                    return;
                }
                let held = at_once(self.memory.intend(&intent)).and_then(Result::ok).unwrap_or(false);
                renewal.apply(if held { Outcome::Intended } else { Outcome::LeaseLost });
                self.go_on(number, job, Work::Renewing(renewal), soon);
            }
            Action::Ask => self.send(number, job, renewal),
            Action::Commit { event, tokens, closes } => {
                let tokens = tokens.map(|tokens| *tokens);
                match self.commit(number, &job, Happened { event, tokens, closes: Some(closes), looked: Looked::default() }) {
                    Stored::Done => renewal.apply(Outcome::Committed),
                    Stored::Superseded => renewal.apply(Outcome::Superseded),
                    Stored::Unknown => {}
                }
                self.go_on(number, job, Work::Renewing(renewal), Span::millis(200));
            }
            Action::Done(End::NotCovered) => {
                // A lease that cannot be given back ends by itself.
                let _ = at_once(self.memory.release(&job.claim.lease, None));
            }
            Action::Done(End::Committed | End::Superseded | End::LeftBehind) => {}
        }
    }

    fn send(&mut self, number: u64, mut job: Box<Job>, mut renewal: Box<Renewal>) {
        let now = self.now_at(job.node);
        let Some(client) = self.client(&job.claim) else { return };
        let timeout = client.facts.answer_timeout;
        let Some(request) = client.network.renew(client.cx(now, &self.adapter_dice), &job.claim.tokens) else {
            renewal.apply(reading::not_renewable(now));
            return self.go_on(number, job, Work::Renewing(renewal), Span::ZERO);
        };
        self.look_at_sender(&job, now);
        self.judge.note(&job.claim.grant.id, self.now, || {
            format!("job {number}: asks for a renewal of generation {}", job.claim.grant.generation)
        });
        let flight = self.fly(Flight {
            job: Some(number),
            grant: job.claim.grant.id.clone(),
            request,
            deadline: self.now + timeout,
            back: Span::ZERO,
            lose: Lose::Nothing,
            has_arrived: false,
            orphaned: None,
        });
        job.work = Work::Waiting { renewal, flight };
        self.jobs.insert(number, job);
        self.queue.push(self.now + RENEW_LEASE_EVERY, Event::Beat(number));
    }

    /// Promise 2, at the moment of sending.
    fn look_at_sender(&mut self, job: &Job, now: Timestamp) {
        let claim = &job.claim;
        let id = &claim.grant.id;
        let books = self.memory.books();
        let Some(row) = books.grants.get(id) else { return };
        let clock_is_wrong = self.nodes.iter().any(|node| node.clock != Span::ZERO);
        // Whose person has just authorised anew holds another token set: the old one may be spent by anybody.
        let holds = row.grant.generation != claim.grant.generation || (row.fence == claim.lease.fence && claim.lease.until > now);
        let waits = |other: &&Job| other.claim.grant.id == *id && matches!(other.work, Work::Waiting { .. }) && !other.was_paused;
        let same = |other: &Job| other.claim.grant.generation == claim.grant.generation;
        let alone = !self.jobs.values().map(Box::as_ref).filter(waits).any(same);
        let is_noted = row.grant.generation != claim.grant.generation || !row.open.is_empty() || row.fence != claim.lease.fence;
        drop(books);
        self.judge.promise_2_sent_implies_journal(id, is_noted, self.now);
        if !clock_is_wrong {
            self.judge.promise_2_one_renewal_at_a_time(id, holds, alone, self.now);
        }
    }

    /// A request reaches its network.
    pub(crate) fn arrive(&mut self, number: u64) {
        let Some(flight) = self.flights.get_mut(&number) else { return };
        flight.has_arrived = true;
        let (grant, job, orphaned) = (flight.grant.clone(), flight.job, flight.orphaned);
        let (back, lose, deadline) = (flight.back, flight.lose, flight.deadline);
        let request = std::mem::take(&mut flight.request);
        let worked = self.refresh_works(&grant);
        let answer = self.wire.arrive(request);
        let spent = worked && !self.refresh_works(&grant);
        match (job, orphaned, self.judge.pending(&grant)) {
            (Some(job), None, _) if spent => self.judge.issued(&grant, job),
            (_, by, _) if spent => self.destroyed(&grant, None, by.unwrap_or(Destroyed::TooLate)),
            (Some(job), None, Some(other)) if other != job && self.is_well(other) && !worked => {
                self.judge.promise_2_no_double_spend(&grant, self.now);
            }
            _ => {}
        }
        self.judge.note(&grant, self.now, || {
            let status = answer.as_ref().map(Response::status);
            format!("job {job:?}: arrives, {status:?}, spent {spent}, lose {lose:?}, back {back}, orphaned {orphaned:?}")
        });
        if job.is_none() {
            self.flights.remove(&number);
            self.look(&grant);
            if !worked {
                self.judge.came_late(&grant, orphaned.unwrap_or(Destroyed::TooLate));
            }
            return;
        }
        let came = match (answer, lose) {
            (None, _) | (_, Lose::Answer) => Came::Cut,
            (Some(_), Lose::Truth) => {
                let mut answer = Response::new(Bytes::from_static(b"{\"message\":\"Internal Server Error\"}"));
                *answer.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
                Came::Answer(answer)
            }
            (Some(answer), _) => Came::Answer(answer),
        };
        if spent && lose != Lose::Nothing {
            self.destroyed(&grant, job, Destroyed::AnswerLost);
        } else if spent && self.now + back > deadline {
            self.destroyed(&grant, job, Destroyed::TooLate);
        }
        if self.now + back <= deadline {
            self.queue.push(self.now + back, Event::Answer(number, came));
        }
    }

    fn is_well(&self, job: u64) -> bool {
        self.jobs.get(&job).is_some_and(|job| !job.was_paused && self.nodes[job.node].clock == Span::ZERO)
    }

    fn refresh_works(&self, grant: &GrantId) -> bool {
        let books = self.memory.books();
        books.grants.get(grant).is_some_and(|row| refresh_works(&self.wire.world(), self.now.as_micros(), row))
    }

    /// An answer reaches the job that waits for it.
    pub(crate) fn answer(&mut self, number: u64, came: Came) {
        let Some(flight) = self.flights.get(&number) else { return };
        let waits = flight
            .job
            .filter(|job| self.jobs.get(job).is_some_and(|job| matches!(&job.work, Work::Waiting { flight, .. } if *flight == number)));
        let Some(waits) = waits else {
            if flight.has_arrived {
                self.flights.remove(&number);
            }
            return;
        };
        let awake = self.jobs.get(&waits).map_or(self.now, |job| self.nodes[job.node].paused_until);
        if awake > self.now {
            return self.queue.push(awake, Event::Answer(number, came));
        }
        let deadline = flight.deadline;
        if let Some(flight) = self.flights.get_mut(&number) {
            flight.job = None;
            flight.orphaned = Some(Destroyed::TooLate);
            if flight.has_arrived {
                self.flights.remove(&number);
            }
        }
        let Some(mut job) = self.jobs.remove(&waits) else { return };
        let Work::Waiting { mut renewal, .. } = std::mem::replace(&mut job.work, Work::Start) else { return };
        match self.read(&job, came) {
            Ok(outcome) => {
                renewal.apply(outcome);
                let soon = self.dice.process.between(Span::ZERO, Span::millis(3));
                self.go_on(waits, job, Work::Renewing(renewal), soon);
            }
            Err((request, notes)) => {
                job.claim.tokens.notes.extend(notes);
                let grant = job.claim.grant.id.clone();
                let flight = Flight {
                    job: Some(waits),
                    grant,
                    request,
                    deadline,
                    back: Span::ZERO,
                    lose: Lose::Nothing,
                    has_arrived: false,
                    orphaned: None,
                };
                let flight = self.fly(flight);
                job.work = Work::Waiting { renewal, flight };
                self.jobs.insert(waits, job);
            }
        }
    }

    /// Reads an answer; `Err` is what to ask next, with the notes that say what it is about.
    fn read(&mut self, job: &Job, came: Came) -> Result<Outcome, (Request<Bytes>, BTreeMap<String, String>)> {
        let now = self.now_at(job.node);
        let claim = &job.claim;
        let answer = match came {
            Came::Answer(answer) => Ok(answer),
            Came::Cut => Err(WireError::Lost("the connection was cut".into())),
            Came::TimeUp => Err(WireError::Lost("the time is up".into())),
            Came::NotSent => Err(WireError::NotSent("the connection was refused".into())),
        };
        let read = match (answer, self.client(claim)) {
            (Ok(answer), Some(client)) => match client.network.read_renew(client.cx(now, &self.adapter_dice), &claim.tokens, &answer) {
                Answer::AskAgain { request, notes, .. } => return Err((*request, notes)),
                Answer::Done(read) => Ok((read, BTreeMap::new())),
            },
            (Err(error), _) => Err(error),
            (Ok(_), None) => Err(WireError::NotSent("there is no such network".into())),
        };
        self.heard(job, reading::is_trouble(&read), now);
        let outcome = reading::renewal_outcome(claim, read, now);
        if let (Outcome::Refused(diagnosis), Some(pace)) = (&outcome, self.client(claim).map(|client| client.facts.pace)) {
            self.count_refusal(job.node, claim, &pace, diagnosis, now);
        }
        Ok(outcome)
    }

    /// A verdict waits while a whole network turns refused at once (RF-33).
    fn unless_held(&self, claim: &Claim, happened: Happened, now: Timestamp) -> Happened {
        let Some(client) = self.client(claim) else { return happened };
        let Some(since) = verdict_since(claim, &client.facts, &happened.event, now) else { return happened };
        let counted = at_once(self.memory.refused(&claim.organisation, &claim.network, &claim.instance, since));
        match held_instead(claim, &happened.event, since, counted.and_then(Result::ok), now) {
            Some(event) => Happened { event, ..happened },
            None => happened,
        }
    }

    fn commit(&mut self, number: u64, job: &Job, happened: Happened) -> Stored {
        let Some(facts) = self.client(&job.claim).map(|client| Arc::clone(&client.facts)) else { return Stored::Superseded };
        let now = self.now_at(job.node);
        let happened = match self.options.breaks {
            Some(Break::NoSecondRefusal) => Happened { event: hasty(&happened.event), ..happened },
            _ => self.unless_held(&job.claim, happened, now),
        };
        let event = if self.options.history { format!("{:?}", happened.event) } else { String::new() };
        let commit = plan(&job.claim, &facts, happened, now);
        let trouble = self.dice.process.chance(self.swarm.storage);
        if trouble && self.dice.process.chance(500_000) {
            return Stored::Unknown;
        }
        let committed = at_once(self.memory.commit(&commit));
        self.judge.note(&commit.grant.id, self.now, || {
            format!(
                "job {number}: {committed:?} {event} -> {:?} renew {:?} probe {:?}",
                commit.grant.state, commit.grant.renew_at, commit.grant.probe_at
            )
        });
        match committed {
            Some(Ok(Committed::Done { .. })) => self.after_commit(job, &commit),
            Some(Ok(Committed::Superseded)) => {
                let by = self.why_superseded(job.was_paused);
                if self.judge.pending(&job.claim.grant.id) == Some(number) {
                    self.destroyed(&job.claim.grant.id, Some(number), by);
                }
                return Stored::Superseded;
            }
            _ => return Stored::Unknown,
        }
        if trouble { Stored::Unknown } else { Stored::Done }
    }

    /// Why somebody else could take a grant over from a living process.
    pub(crate) fn why_superseded(&self, was_paused: bool) -> Destroyed {
        let clock_is_wrong = self.nodes.iter().any(|node| node.clock != Span::ZERO);
        match (was_paused, clock_is_wrong) {
            (true, _) => Destroyed::ProcessPaused,
            (false, true) => Destroyed::ClockWrong,
            (false, false) => Destroyed::Nothing,
        }
    }

    fn after_commit(&mut self, job: &Job, commit: &Commit) {
        let id = &commit.grant.id;
        let new_tokens = commit.tokens.is_some();
        self.judge.invariant_generations_only_grow(id, commit.grant.generation, commit.lease.fence, new_tokens, self.now);
        if new_tokens {
            self.judge.stored(id);
            self.tally.renewals += 1;
            if self.client(&job.claim).is_some_and(Client::rotates) {
                self.tally.idle_rotations += 1;
            }
        }
        if commit.grant.verdict().is_some() && job.claim.grant.verdict().is_none() {
            let works = self.works(id);
            self.judge.promise_3_no_false_death(id, works, self.now, &mut self.tally);
        }
        self.look(id);
        self.read_outbox();
    }
}

/// What a hasty product makes of a refusal: a verdict at once.
fn hasty(event: &Happening) -> Happening {
    let over = |diagnosis: &Diagnosis| match &diagnosis.finding {
        Finding::Refused { cause, confidence, .. } => Diagnosis {
            finding: Finding::Refused { cause: *cause, confidence: *confidence, terminal: true },
            evidence: diagnosis.evidence.clone(),
        },
        _ => diagnosis.clone(),
    };
    match event {
        Happening::RenewFailed(diagnosis) => Happening::RenewFailed(over(diagnosis)),
        Happening::Probed(diagnosis) => Happening::Probed(over(diagnosis)),
        other => other.clone(),
    }
}
