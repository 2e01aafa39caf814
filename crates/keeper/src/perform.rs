//! Turns one task into I/O and its result into a commit.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
use lifecycle::breaker::is_trouble;
use lifecycle::budget::Need;
use lifecycle::diagnosis::{Diagnosis, Finding};
use lifecycle::facts::{Facts, RenewalModel};
use lifecycle::grant::Event;
use lifecycle::ids::AttemptId;
use lifecycle::incident::{IncidentKind, Seen};
use lifecycle::ledger::{Claim, Commit, Committed, Ending, Held, Lease, Ledger};
use lifecycle::plan::{Happened, Looked, held_instead, plan, verdict_since};
use lifecycle::renewal::{Action, End, Outcome, Renewal};
use lifecycle::schedule::{self, Task};
use lifecycle::secret::TokenSet;
use lifecycle::time::{Span, Timestamp};
use lifecycle::words::{Evidence, Source};
use networks::network::{ASIDE, Answer};
use networks::reading;
use networks::wire::{Wire, WireError};
use tracing::Instrument as _;

use crate::alarms::Alarm;
use crate::calls::{Calls, Wait};
use crate::health::Health;
use crate::leases::Leases;
use crate::measure;
use crate::ports::{NetworkApp, Ports};
use crate::sends::Sends;
use crate::settle::looks_like_tokens;
use crate::spool::{Kept, Slot, Ticket};

/// How often a network may ask for the same once more (a DPoP nonce), or leave something to be asked second (a document that says
/// where an account lives, a refresh token).
const ASK_AGAIN_MAX: usize = 3;

/// How long ahead the operator is told of what ends.
const ENDS_SOON: Span = Span::days(60);

/// Does the work on claimed grants.
pub struct Worker<L> {
    /// The ways out.
    pub ports: Ports<L>,
    /// What this node knows of each network's health.
    pub(crate) health: Health,
    /// The renewals under way in this process.
    pub(crate) sends: Sends,
    /// How many calls may be made.
    pub(crate) calls: Calls,
    /// The leases that were renewed.
    pub(crate) leases: Leases,
    /// How often a lease is renewed.
    pub(crate) renew_lease_every: Duration,
}

/// Where the answer to a renewal is captured before anybody reads it.
struct Capture {
    ticket: Ticket,
    slot: Slot,
    /// Its lease has to cover the time that an answer may take, whenever something is sent (RF-08).
    lease: Lease,
    answer_timeout: Span,
}

impl<L: Ledger> Worker<L> {
    /// Does the one thing that is due for a claimed grant.
    pub(crate) async fn take_up(&self, claim: Claim) {
        self.sends.wait(&claim.grant.id).await;
        if let Some(kept) = self.ports.spool.kept(&claim.grant.id) {
            return self.settle(claim, kept).await;
        }
        if let Some(attempt) = claim.open.clone() {
            return self.lost_in_a_crash(&claim, attempt).await;
        }
        self.perform(claim, None).await;
    }

    /// A process died between the first byte and the answer: it may have happened. The ladder begins (RF-27).
    pub(crate) async fn lost_in_a_crash(&self, claim: &Claim, attempt: AttemptId) {
        let words = "the server stopped while it waited for the answer";
        let evidence = Evidence::new(self.ports.clock.now(), Source::Renewal, None, None, words);
        let closes = Some((attempt, Ending::AnswerLost));
        self.commit(claim, Happened { closes, ..Event::RenewLost(evidence).into() }).await;
    }

    /// Does one task for a claimed grant, or what is due for it, and makes the outcome durable.
    pub async fn perform(&self, claim: Claim, task: Option<Task>) {
        let asked_for = task.is_some();
        let app = self.ports.directory.find(&claim.organisation, &claim.network, &claim.instance).await;
        let facts = app.as_ref().map_or_else(Facts::unknown, |app| app.facts.clone());
        let task = task.unwrap_or_else(|| schedule::next_task(&claim.grant, &facts, self.ports.clock.now()));
        let Some(app) = app else {
            let evidence = Evidence::new(
                self.ports.clock.now(),
                Source::Clock,
                None,
                Some("no_network_app"),
                "no network app is configured for this network",
            );
            let diagnosis = Diagnosis::misconfigured(evidence);
            let event = if task == Task::Renew { Event::RenewFailed(diagnosis) } else { Event::Probed(diagnosis) };
            return self.commit_with(&claim, &facts, event.into()).await;
        };
        let now = self.ports.clock.now();
        let need = if asked_for { Need::Now } else { Need::of(&claim.grant, &app.facts, task, now) };
        let _going = match task {
            Task::LookAtClock => None,
            Task::Renew | Task::Probe => match self.may_call(&claim, &app, need).await {
                Ok(going) => Some(going),
                Err(wait) => return self.come_again(&claim, wait).await,
            },
        };
        let task = match self.health.may(&claim, &app.facts, task, self.ports.clock.now()) {
            Ok(task) => task,
            Err(held) => {
                let event = if task == Task::Renew { Event::RenewFailed(held) } else { Event::Probed(held) };
                return self.commit_with(&claim, &app.facts, event.into()).await;
            }
        };
        match task {
            Task::Renew if self.waits(&claim, &app).await => {}
            Task::Renew => {
                let span = measure::span("renew", &claim);
                self.renew(claim, &app).instrument(span).await;
            }
            Task::Probe => {
                let span = measure::span("check", &claim);
                self.probe(claim, &app).instrument(span).await;
            }
            Task::LookAtClock => self.commit_with(&claim, &app.facts, Event::DeadlineReached.into()).await,
        }
    }

    /// Nothing is wrong and nothing was asked: the grant comes again when there is a call for it.
    async fn come_again(&self, claim: &Claim, wait: Wait) {
        let again_at = match wait {
            Wait::Until(at) => Some(at),
            Wait::NotAsked(error) => {
                tracing::error!(grant = %claim.grant.id, error = %error, "keeper: the ledger could not be asked; nothing was sent");
                None
            }
        };
        self.give_back(&claim.lease, again_at).await;
    }

    /// A token that can be used once is not spent while the database may be an old copy (RF-37); true when it has to wait.
    async fn waits(&self, claim: &Claim, app: &NetworkApp) -> bool {
        if !matches!(app.facts.renewal, RenewalModel::Rotating(_)) {
            return false;
        }
        let now = self.ports.clock.now();
        match self.ports.ledger.held(&claim.grant.id, now).await {
            Ok(None) => false,
            Ok(Some(Held { until, words })) => {
                let evidence = Evidence::new(now, Source::Renewal, None, Some("restore_hold"), words);
                let held = Diagnosis::transient(evidence, Some(until.since(now)));
                self.commit_with(claim, &app.facts, Event::RenewFailed(held).into()).await;
                true
            }
            Err(error) => {
                tracing::error!(grant = %claim.grant.id, error = %error, "keeper: the ledger could not be asked; nothing was sent");
                self.let_go(claim).await;
                true
            }
        }
    }

    async fn renew(&self, claim: Claim, app: &NetworkApp) {
        // The disk is found full before anything is spent, not after (RF-13).
        let mut slot = match self.ports.spool.reserve().await {
            Ok(slot) => Some(slot),
            Err(error) => return self.no_room(&claim, app, &error).await,
        };
        self.ports.alarms.clear("spool.room");
        let attempt = (self.ports.attempt_id)();
        let mut renewal = Renewal::new(attempt.clone(), claim.lease.clone(), claim.grant.generation, &app.facts);
        let _sending = self.sends.enter(&claim.grant.id);
        loop {
            renewal.held_until(self.leases.until(&claim.lease));
            let outcome = match renewal.next(self.ports.clock.now()) {
                Action::Intend(intent) => match self.ports.ledger.intend(&intent).await {
                    Ok(true) => Outcome::Intended,
                    Ok(false) => Outcome::LeaseLost,
                    // Nothing was sent that this intent was to cover: let go, the row is taken up again.
                    Err(error) => {
                        tracing::error!(grant = %claim.grant.id, error = %error, "keeper: the intent could not be written; nothing was sent");
                        return self.leases.owe(&claim.lease, None);
                    }
                },
                Action::Ask => {
                    let ticket = Ticket::of(&claim, &attempt, self.ports.clock.now());
                    self.ask_for_renewal(
                        &claim,
                        app,
                        slot.take().map(|slot| Capture {
                            ticket,
                            slot,
                            lease: claim.lease.clone(),
                            answer_timeout: app.facts.answer_timeout,
                        }),
                    )
                    .await
                }
                Action::Commit { event, tokens, closes } => {
                    let tokens = tokens.map(|tokens| *tokens);
                    let lost = matches!(event, Event::RenewLost(_));
                    let happened = Happened { event, tokens, closes: Some(closes), looked: Looked::default() };
                    let outcome = self.commit_renewal(&claim, app, happened).await;
                    self.after_capture(&claim, &attempt, &outcome, lost).await;
                    outcome
                }
                Action::Done(End::Committed) => return,
                Action::Done(End::Superseded) => {
                    return tracing::info!(grant = %claim.grant.id, "keeper: somebody else took the grant over");
                }
                Action::Done(End::LeftBehind) => {
                    return tracing::error!(grant = %claim.grant.id, "keeper: the disk under the database failed; the next start goes on from what lies in the spool");
                }
                Action::Done(End::NotCovered) => {
                    tracing::warn!(grant = %claim.grant.id, "keeper: was paused too long to send safely; the grant is taken up again");
                    return self.let_go(&claim).await;
                }
            };
            renewal.apply(outcome);
        }
    }

    /// Nothing was sent: there is no room for the answer.
    async fn no_room(&self, claim: &Claim, app: &NetworkApp, error: &std::io::Error) {
        self.ports.alarms.raise(Alarm::NoRoom(error.to_string()));
        let words = "there is no room for the answer on the server's disk; nothing was sent";
        let evidence = Evidence::new(self.ports.clock.now(), Source::Renewal, None, Some("no_room"), words);
        let held = Diagnosis::transient(evidence, Some(Span::minutes(1)));
        self.commit_with(claim, &app.facts, Event::RenewFailed(held).into()).await;
    }

    /// What becomes of a captured answer once its outcome is stored, or somebody else has the grant.
    async fn after_capture(&self, claim: &Claim, attempt: &AttemptId, outcome: &Outcome, lost: bool) {
        let Some(kept) = self.ports.spool.kept(&claim.grant.id).filter(|kept| kept.ticket.attempt == *attempt) else { return };
        match outcome {
            Outcome::Committed if lost && looks_like_tokens(&kept) => {
                tracing::error!(grant = %claim.grant.id, network = claim.network, "keeper: an answer was not understood; it is kept and read again after the next start");
                self.ports.spool.set_aside(attempt).await;
            }
            Outcome::Committed => self.ports.spool.done(attempt).await,
            _ => self.ports.spool.let_loose(attempt),
        }
        if self.ports.spool.has_failed() {
            // What the answer was written into may not be on the disk. It is stored now, or kept in another file.
            self.ports.fault.cancel();
        }
    }

    /// Gives a claim back without a change.
    pub(crate) async fn let_go(&self, claim: &Claim) {
        self.give_back(&claim.lease, None).await;
    }

    /// Commits the outcome of a renewal. While a new token set is held it is tried again without end: nothing else may
    /// happen to this grant until it is stored (RF-19).
    pub(crate) async fn commit_renewal(&self, claim: &Claim, app: &NetworkApp, happened: Happened) -> Outcome {
        let mut waited = 0;
        loop {
            let happened = self.unless_held(claim, &app.facts, happened.clone()).await;
            let event = happened.event.clone();
            let commit = plan(claim, &app.facts, happened, self.ports.clock.now());
            match self.ports.ledger.commit(&commit).await {
                Ok(Committed::Done { told }) => {
                    measure::stored(&claim.network, &event);
                    self.after_commit(told);
                    self.ports.alarms.clear("commit");
                    return Outcome::Committed;
                }
                Ok(Committed::Superseded) => return Outcome::Superseded,
                Err(error) if error.is_final && self.is_left_behind(&commit).await => return Outcome::LeftBehind,
                Err(error) => {
                    tracing::error!(grant = %claim.grant.id, error = %error, holds_new_tokens = commit.tokens.is_some(), "keeper: the outcome of a renewal could not be stored; trying again");
                    if commit.tokens.is_some() {
                        self.ports.alarms.raise(Alarm::NotStored);
                    }
                }
            }
            waited = (waited * 2).clamp(200, 5_000);
            tokio::time::sleep(std::time::Duration::from_millis(waited)).await;
        }
    }

    /// The disk under the ledger failed for good: whether what came of a renewal is safe without this process (RF-43).
    async fn is_left_behind(&self, commit: &Commit) -> bool {
        self.ports.fault.cancel();
        let Some((attempt, _)) = commit.closes.as_ref().filter(|_| commit.tokens.is_some()) else { return true };
        match self.ports.spool.keep_again(attempt).await {
            Ok(()) => true,
            Err(error) => {
                tracing::error!(grant = %commit.grant.id, error = %error, "keeper: a renewed token set is in memory alone: neither the database nor the spool takes it");
                false
            }
        }
    }

    async fn ask_for_renewal(&self, claim: &Claim, app: &NetworkApp, capture: Option<Capture>) -> Outcome {
        let Some(request) = app.network.renew(app.cx(self.ports.clock.now(), &*self.ports.dice), &claim.tokens) else {
            return reading::not_renewable(self.ports.clock.now());
        };
        let read = |tokens: &TokenSet, answer: &Response<Bytes>| {
            app.network.read_renew(app.cx(self.ports.clock.now(), &*self.ports.dice), tokens, answer)
        };
        let since = Instant::now();
        let asked = self.ask(self.ports.wire.of(&claim.network), request, &claim.tokens, capture, read).await;
        measure::answered(&claim.network, "renewal", since);
        let now = self.ports.clock.now();
        self.hear(claim, reading::is_trouble(&asked), now).await;
        let outcome = reading::renewal_outcome(claim, asked, now);
        if let Outcome::Refused(diagnosis) = &outcome {
            self.count_refusal(claim, app, diagnosis.evidence.http_status);
        }
        outcome
    }

    /// Makes a success durable before it is read (RF-16). A disk that does not take it leaves it in memory, and the commit that
    /// follows at once.
    async fn capture(&self, capture: Capture, answer: &Response<Bytes>, notes: &BTreeMap<String, String>) {
        let kept = Kept { ticket: capture.ticket, answer: answer.clone(), notes: notes.clone() };
        match self.ports.spool.keep(capture.slot, kept).await {
            Ok(()) => self.ports.alarms.clear("spool.write"),
            Err(error) => self.ports.alarms.raise(Alarm::NotKept(error.to_string())),
        }
    }

    /// Sends a request and lets the adapter read the answer; asks once more in the form the network wants. With what was read
    /// come the notes that changed on the way.
    async fn ask<T>(
        &self,
        wire: &dyn Wire,
        request: Request<Bytes>,
        tokens: &TokenSet,
        mut capture: Option<Capture>,
        read: impl Fn(&TokenSet, &Response<Bytes>) -> Answer<T>,
    ) -> Result<(T, BTreeMap<String, String>), WireError> {
        let mut request = request;
        let mut tokens = tokens.clone();
        let mut newer = BTreeMap::new();
        for _ in 0..=ASK_AGAIN_MAX {
            let is_covered = |capture: &Capture| self.leases.until(&capture.lease).since(self.ports.clock.now()) >= capture.answer_timeout;
            if !capture.as_ref().is_none_or(is_covered) {
                return Err(WireError::NotSent("the network took so long to ask again that the lease is nearly over".into()));
            }
            let answer = wire.send(request).await?;
            if answer.status().is_success()
                && !tokens.notes.contains_key(ASIDE)
                && let Some(capture) = capture.take()
            {
                self.capture(capture, &answer, &newer).await;
            }
            match read(&tokens, &answer) {
                Answer::Done(result) => return Ok((result, newer)),
                Answer::AskAgain { request: next, notes, .. } => {
                    request = *next;
                    tokens.notes.extend(notes.clone());
                    newer.extend(notes);
                }
            }
        }
        Err(WireError::NotSent("the network asked for the same again and again".into()))
    }

    async fn probe(&self, claim: Claim, app: &NetworkApp) {
        let now = self.ports.clock.now();
        let request = app.network.probe(app.cx(now, &*self.ports.dice), &claim.tokens);
        let since = Instant::now();
        let asked = self
            .ask(self.ports.wire.of(&claim.network), request, &claim.tokens, None, |tokens, answer| {
                self.count_use(&claim, app, answer.headers());
                app.network.read_probe(app.cx(self.ports.clock.now(), &*self.ports.dice), tokens, answer)
            })
            .await;
        measure::answered(&claim.network, "check", since);
        let mut tokens = claim.tokens.clone();
        let asked = asked.map(|(diagnosis, notes)| {
            tokens.notes.extend(notes);
            diagnosis
        });
        let mut diagnosis = reading::probe_finding(asked, now);
        self.hear(&claim, is_trouble(&diagnosis), now).await;
        self.count_refusal(&claim, app, diagnosis.evidence.http_status);
        self.mind_ending(app, now);
        let mut looked = Looked::default();
        if app.network.has_roles() && reading::wants_listing(&diagnosis) {
            let listing = app.discover(self.ports.clock.now(), &*self.ports.dice, self.ports.wire.of(&claim.network), &tokens).await;
            self.heard_listing(&claim, app, listing.as_ref().err());
            (diagnosis, looked) = reading::listing_after_probe(
                &claim,
                listing.as_ref().map_err(Diagnosis::clone),
                &app.facts,
                diagnosis,
                self.ports.clock.now(),
            );
        }
        self.commit_with(&claim, &app.facts, Happened { looked, ..Event::Probed(diagnosis).into() }).await;
    }

    /// What of our settings at a network ends soon, or has ended: told ahead, because nobody's login repairs it.
    fn mind_ending(&self, app: &NetworkApp, now: Timestamp) {
        let network = app.network.about().name.to_owned();
        match app.network.ends(&app.app.options).filter(|(at, _)| at.since(now) < ENDS_SOON) {
            Some((at, words)) => self.ports.alarms.raise(Alarm::Ending { network, at, words }),
            None => self.ports.alarms.clear(&format!("ending.{network}")),
        }
    }

    /// The token works and the roles cannot be listed. Where that is our configuration (a version of the API that is over, a product that
    /// is missing) it stays so until somebody repairs it, and meanwhile no lost role is seen.
    fn heard_listing(&self, claim: &Claim, app: &NetworkApp, trouble: Option<&Diagnosis>) {
        let about = app.network.about();
        match trouble {
            None => self.ports.alarms.clear(&format!("listing.{}", about.name)),
            Some(Diagnosis { finding: Finding::Misconfigured, evidence }) => self.ports.alarms.raise(Alarm::Unlisted {
                network: about.name.to_owned(),
                title: about.title.to_owned(),
                said: evidence.words.clone(),
            }),
            Some(trouble) => {
                tracing::debug!(grant = %claim.grant.id, trouble = %trouble.evidence.words, "keeper: roles could not be listed");
            }
        }
    }

    /// Commits what happened where no network app is needed.
    pub(crate) async fn commit(&self, claim: &Claim, happened: Happened) {
        let app = self.ports.directory.find(&claim.organisation, &claim.network, &claim.instance).await;
        let facts = app.map_or_else(Facts::unknown, |app| app.facts.clone());
        self.commit_with(claim, &facts, happened).await;
    }

    async fn commit_with(&self, claim: &Claim, facts: &Facts, happened: Happened) {
        let happened = self.unless_held(claim, facts, happened).await;
        let event = happened.event.clone();
        match self.ports.ledger.commit(&plan(claim, facts, happened, self.ports.clock.now())).await {
            Ok(Committed::Done { told }) => {
                measure::stored(&claim.network, &event);
                self.after_commit(told);
            }
            Ok(Committed::Superseded) => tracing::info!(grant = %claim.grant.id, "keeper: somebody else took the grant over"),
            // Nothing was spent and nothing is held: the grant is taken up again.
            Err(error) => {
                tracing::error!(grant = %claim.grant.id, error = %error, "keeper: the outcome could not be stored");
                self.leases.owe(&claim.lease, None);
            }
        }
    }

    /// A verdict waits while a whole network turns refused at once: that is an incident, or our mistake (RF-33).
    async fn unless_held(&self, claim: &Claim, facts: &Facts, happened: Happened) -> Happened {
        let now = self.ports.clock.now();
        let Some(since) = verdict_since(claim, facts, &happened.event, now) else { return happened };
        let counted = self.ports.ledger.refused(&claim.organisation, &claim.network, &claim.instance, since).await;
        let Some(event) = held_instead(claim, &happened.event, since, counted.ok(), now) else { return happened };
        tracing::warn!(grant = %claim.grant.id, network = claim.network, "keeper: a verdict is held back: many accounts are refused at once");
        self.note_health(claim, &claim.instance, Seen::Trouble(IncidentKind::Refused), now).await;
        Happened { event, ..happened }
    }

    fn after_commit(&self, told: usize) {
        if told > 0 {
            self.ports.told.notify_one();
        }
    }
}
