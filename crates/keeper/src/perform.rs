//! Turns one task into I/O and its result into a commit.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{Request, Response};
use lifecycle::access::{self, Access, AccessHappening, Seen};
use lifecycle::breaker::{SYSTEMIC_WITHIN, is_held};
use lifecycle::diagnosis::{Diagnosis, Finding};
use lifecycle::facts::Facts;
use lifecycle::grant::{self, Event};
use lifecycle::ids::AttemptId;
use lifecycle::ledger::{Asset, Claim, Commit, Committed, Ending, Ledger};
use lifecycle::renewal::{Action, End, Outcome, Renewal};
use lifecycle::schedule::{self, Task};
use lifecycle::secret::TokenSet;
use lifecycle::time::{Span, Timestamp};
use lifecycle::words::{Cause, Evidence, Source};
use networks::network::{Answer, Discovery, Found};
use networks::wire::WireError;

use crate::health::{Health, is_trouble};
use crate::ports::{NetworkApp, Ports};

/// How often a network may ask for the same once more (a DPoP nonce of the authorization server).
const ASK_AGAIN_MAX: usize = 2;

/// How long a held verdict waits for the next look.
const LOOK_AGAIN: Span = Span::minutes(5);

/// An access with what a look at it says happened.
pub(crate) type SeenAccess = (Access, Option<AccessHappening>);

/// What a listing of the network showed.
#[derive(Default)]
pub(crate) struct Looked {
    accesses: Vec<SeenAccess>,
    listed: Option<Vec<Asset>>,
}

/// Does the work on claimed grants.
pub struct Worker<L> {
    /// The ways out.
    pub ports: Ports<L>,
    /// What this node knows of each network's health.
    pub(crate) health: Health,
}

/// The answer of the network, read by its adapter, or why there is none.
enum Asked<T> {
    Answered(T),
    Failed(WireError),
}

impl<L: Ledger> Worker<L> {
    /// Does the one thing that is due for a claimed grant.
    pub(crate) async fn take_up(&self, claim: Claim) {
        if let Some(attempt) = claim.open.clone() {
            // A process died between the first byte and the answer: it may have happened. The ladder begins (RF-27).
            let evidence =
                Evidence::new(self.ports.clock.now(), Source::Renewal, None, None, "the server stopped while it waited for the answer");
            return self.commit(&claim, Event::RenewLost(evidence), None, Some((attempt, Ending::AnswerLost))).await;
        }
        let task = schedule::next_task(&claim.grant, self.ports.clock.now());
        self.perform(claim, task).await;
    }

    /// Does one task for a claimed grant and makes its outcome durable.
    pub async fn perform(&self, claim: Claim, task: Task) {
        let Some(app) = self.ports.directory.find(&claim.organisation, &claim.network, &claim.instance).await else {
            let evidence = Evidence::new(
                self.ports.clock.now(),
                Source::Clock,
                None,
                Some("no_network_app"),
                "no network app is configured for this network",
            );
            let diagnosis = Diagnosis::misconfigured(evidence);
            let event = if task == Task::Renew { Event::RenewFailed(diagnosis) } else { Event::Probed(diagnosis) };
            return self.commit(&claim, event, None, None).await;
        };
        let task = match self.health.may(&claim, &app, task, self.ports.clock.now()) {
            Ok(task) => task,
            Err(held) => {
                let event = if task == Task::Renew { Event::RenewFailed(held) } else { Event::Probed(held) };
                return self.commit_with(&claim, &app.facts, event, None, None, Looked::default()).await;
            }
        };
        match task {
            Task::Renew => self.renew(claim, &app).await,
            Task::Probe => self.probe(claim, &app).await,
            Task::LookAtClock => self.commit_with(&claim, &app.facts, Event::DeadlineReached, None, None, Looked::default()).await,
        }
    }

    async fn renew(&self, claim: Claim, app: &NetworkApp) {
        let mut renewal = Renewal::new((self.ports.attempt_id)(), claim.lease.clone(), claim.grant.generation, app.facts.clone());
        loop {
            let outcome = match renewal.next(self.ports.clock.now()) {
                Action::Intend(intent) => match self.ports.ledger.intend(&intent).await {
                    Ok(true) => Outcome::Intended,
                    Ok(false) => Outcome::LeaseLost,
                    // Nothing was sent that this intent was to cover: let go, the row is taken up again.
                    Err(error) => {
                        return tracing::error!(grant = %claim.grant.id, error = %error, "keeper: the intent could not be written; nothing was sent");
                    }
                },
                Action::Ask => self.ask_for_renewal(&claim, app).await,
                Action::Commit { event, tokens, closes } => {
                    self.commit_renewal(&claim, app, event, tokens.map(|tokens| *tokens), closes).await
                }
                Action::Done(End::Committed) => return,
                Action::Done(End::Superseded) => {
                    return tracing::info!(grant = %claim.grant.id, "keeper: somebody else took the grant over");
                }
                Action::Done(End::NotCovered) => {
                    tracing::warn!(grant = %claim.grant.id, "keeper: was paused too long to send safely; the grant is taken up again");
                    return self.let_go(&claim).await;
                }
            };
            renewal.apply(outcome);
        }
    }

    /// Gives a claim back without a change.
    pub(crate) async fn let_go(&self, claim: &Claim) {
        if let Err(error) = self.ports.ledger.release(&claim.lease).await {
            tracing::warn!(error = %error, "keeper: the lease could not be given back; it ends by itself");
        }
    }

    /// Commits the outcome of a renewal. While a new token set is held it is tried again without end: nothing else may
    /// happen to this grant until it is stored (RF-19).
    async fn commit_renewal(
        &self,
        claim: &Claim,
        app: &NetworkApp,
        event: Event,
        tokens: Option<TokenSet>,
        closes: (AttemptId, Ending),
    ) -> Outcome {
        let mut waited = 0;
        loop {
            let event = self.unless_held(claim, &app.facts, event.clone()).await;
            let commit = self.plan(claim, &app.facts, &event, tokens.clone(), Some(closes.clone()), Looked::default());
            match self.ports.ledger.commit(&commit).await {
                Ok(Committed::Done { told }) => {
                    self.after_commit(told);
                    return Outcome::Committed;
                }
                Ok(Committed::Superseded) => return Outcome::Superseded,
                Err(error) => {
                    tracing::error!(grant = %claim.grant.id, error = %error, holds_new_tokens = tokens.is_some(), "keeper: the outcome of a renewal could not be stored; trying again");
                }
            }
            waited = (waited * 2).clamp(200, 5_000);
            tokio::time::sleep(std::time::Duration::from_millis(waited)).await;
        }
    }

    async fn ask_for_renewal(&self, claim: &Claim, app: &NetworkApp) -> Outcome {
        use networks::network::Renewal as Read;
        let Some(request) = app.network.renew(app.cx(self.ports.clock.now(), &*self.ports.dice), &claim.tokens) else {
            let evidence = Evidence::new(
                self.ports.clock.now(),
                Source::Renewal,
                None,
                Some("not_renewable"),
                "this token set cannot be renewed without the person",
            );
            return Outcome::Refused(Diagnosis::misconfigured(evidence));
        };
        let asked = self
            .ask(request, &claim.tokens, |tokens, answer| {
                app.network.read_renew(app.cx(self.ports.clock.now(), &*self.ports.dice), tokens, answer)
            })
            .await;
        let trouble = match &asked {
            Asked::Answered((Read::Failed(diagnosis), _)) => is_trouble(diagnosis),
            Asked::Answered((Read::Unclear(_), _)) | Asked::Failed(_) => true,
            Asked::Answered((Read::Renewed(_), _)) => false,
        };
        self.health.heard(claim, trouble, self.ports.clock.now());
        match asked {
            Asked::Answered((Read::Renewed(issued), notes)) => {
                if issued.person_network_id.as_ref().is_some_and(|came| *came != claim.person_network_id) {
                    // RF-23: another account's token set is never stored over this person's.
                    let evidence = Evidence::new(
                        self.ports.clock.now(),
                        Source::Renewal,
                        Some(200),
                        None,
                        "the network answered with another person's token",
                    );
                    return Outcome::Refused(Diagnosis::over(Cause::WrongPerson, evidence));
                }
                let mut tokens = issued.tokens;
                tokens.notes.extend(notes);
                Outcome::Answered { tokens: Box::new(tokens.keeping_from(&claim.tokens)), clocks: issued.clocks }
            }
            Asked::Answered((Read::Failed(diagnosis), _)) => Outcome::Refused(diagnosis),
            Asked::Answered((Read::Unclear(evidence), _)) => Outcome::Lost(evidence),
            Asked::Failed(error @ WireError::Lost(_)) => Outcome::Lost(self.no_answer(Source::Renewal, &error)),
            Asked::Failed(error) => Outcome::NotSent(self.no_answer(Source::Renewal, &error)),
        }
    }

    fn no_answer(&self, source: Source, error: &WireError) -> Evidence {
        Evidence::new(self.ports.clock.now(), source, None, None, &error.to_string())
    }

    /// Sends a request and lets the adapter read the answer; asks once more in the form the network wants.
    async fn ask<T>(
        &self,
        request: Request<Bytes>,
        tokens: &TokenSet,
        read: impl Fn(&TokenSet, &Response<Bytes>) -> Answer<T>,
    ) -> Asked<(T, BTreeMap<String, String>)> {
        let mut request = request;
        let mut tokens = tokens.clone();
        let mut newer = BTreeMap::new();
        for _ in 0..=ASK_AGAIN_MAX {
            let answer = match self.ports.wire.send(request).await {
                Ok(answer) => answer,
                Err(error) => return Asked::Failed(error),
            };
            match read(&tokens, &answer) {
                Answer::Done(result) => return Asked::Answered((result, newer)),
                Answer::AskAgain { request: next, notes, .. } => {
                    request = *next;
                    tokens.notes.extend(notes.clone());
                    newer.extend(notes);
                }
            }
        }
        Asked::Failed(WireError::NotSent("the network asked for the same again and again".into()))
    }

    async fn probe(&self, claim: Claim, app: &NetworkApp) {
        let now = self.ports.clock.now();
        let request = app.network.probe(app.cx(now, &*self.ports.dice), &claim.tokens);
        let asked = self
            .ask(request, &claim.tokens, |tokens, answer| {
                app.network.read_probe(app.cx(self.ports.clock.now(), &*self.ports.dice), tokens, answer)
            })
            .await;
        let (mut diagnosis, notes) = match asked {
            Asked::Answered((diagnosis, notes)) => (diagnosis, notes),
            Asked::Failed(error) => (Diagnosis::transient(self.no_answer(Source::Probe, &error), None), BTreeMap::new()),
        };
        self.health.heard(&claim, is_trouble(&diagnosis), now);
        let mut looked = Looked::default();
        if diagnosis.finding == Finding::Works && app.network.has_roles() {
            let mut tokens = claim.tokens.clone();
            tokens.notes.extend(notes);
            match app.discover(self.ports.clock.now(), &*self.ports.dice, &*self.ports.wire, &tokens).await {
                Ok(discovery) => looked = look_at(&claim.accesses, &discovery, &app.facts, self.ports.clock.now()),
                // A listing that fails says nothing about roles; one that is refused speaks about the token.
                Err(refused) if !refused.is_harmless() => diagnosis = refused,
                Err(trouble) => {
                    tracing::debug!(grant = %claim.grant.id, trouble = %trouble.evidence.words, "keeper: roles could not be listed");
                }
            }
        }
        self.commit_with(&claim, &app.facts, Event::Probed(diagnosis), None, None, looked).await;
    }

    /// Commits an event for which no network app is needed.
    pub(crate) async fn commit(&self, claim: &Claim, event: Event, tokens: Option<TokenSet>, closes: Option<(AttemptId, Ending)>) {
        let app = self.ports.directory.find(&claim.organisation, &claim.network, &claim.instance).await;
        let facts = app.map_or_else(Facts::unknown, |app| app.facts.clone());
        self.commit_with(claim, &facts, event, tokens, closes, Looked::default()).await;
    }

    async fn commit_with(
        &self,
        claim: &Claim,
        facts: &Facts,
        event: Event,
        tokens: Option<TokenSet>,
        closes: Option<(AttemptId, Ending)>,
        looked: Looked,
    ) {
        let event = self.unless_held(claim, facts, event).await;
        let commit = self.plan(claim, facts, &event, tokens, closes, looked);
        match self.ports.ledger.commit(&commit).await {
            Ok(Committed::Done { told }) => self.after_commit(told),
            Ok(Committed::Superseded) => tracing::info!(grant = %claim.grant.id, "keeper: somebody else took the grant over"),
            // Nothing was spent and nothing is held: the lease ends and the grant is taken up again.
            Err(error) => tracing::error!(grant = %claim.grant.id, error = %error, "keeper: the outcome could not be stored"),
        }
    }

    /// A verdict waits while a whole network turns refused at once: that is an incident, or our mistake (RF-33).
    async fn unless_held(&self, claim: &Claim, facts: &Facts, event: Event) -> Event {
        let now = self.ports.clock.now();
        let after = grant::step(&claim.grant, &event, facts, now).grant;
        let Some(since) = after.refused_since().filter(|_| after.verdict().is_some() && claim.grant.verdict().is_none()) else {
            return event;
        };
        let since = claim.grant.refused_since().unwrap_or(since);
        let recent = now - SYSTEMIC_WITHIN;
        let counted = self.ports.ledger.refused(&claim.organisation, &claim.network, &claim.instance, recent).await;
        // Who cannot count does not judge either.
        let held = counted.as_ref().map_or(true, |(refused, all)| is_held(since, *refused, *all, now));
        if !held {
            return event;
        }
        tracing::warn!(grant = %claim.grant.id, network = claim.network, "keeper: a verdict is held back: many accounts are refused at once");
        let words = "many accounts of this network are refused at once: looked at as an incident of the network";
        let evidence = Evidence::new(now, Source::Probe, None, Some("held"), words);
        let held = Diagnosis::transient(evidence, Some(LOOK_AGAIN));
        match event {
            Event::RenewFailed(_) => Event::RenewFailed(held),
            _ => Event::Probed(held),
        }
    }

    /// The step of the rules, as one commit.
    fn plan(
        &self,
        claim: &Claim,
        facts: &Facts,
        event: &Event,
        tokens: Option<TokenSet>,
        closes: Option<(AttemptId, Ending)>,
        looked: Looked,
    ) -> Commit {
        let now = self.ports.clock.now();
        let mut step = grant::step(&claim.grant, event, facts, now);
        let seen: Vec<Access> = looked.accesses.iter().map(|(access, _)| access.clone()).collect();
        if let Some(look) = access::second_look_at(&seen, facts) {
            step.grant.probe_at = Some(step.grant.probe_at.map_or(look, |at| at.min(look)));
        }
        Commit {
            lease: claim.lease.clone(),
            generation_before: claim.grant.generation,
            grant: step.grant,
            tokens,
            accesses: looked.accesses,
            listed: looked.listed,
            closes,
            happenings: step.happenings,
            facts: facts.clone(),
            now,
            keep_lease: false,
        }
    }

    fn after_commit(&self, told: usize) {
        if told > 0 {
            self.ports.told.notify_one();
        }
    }
}

/// Compares the accesses of a grant with a fresh, complete listing.
fn look_at(accesses: &[Access], discovery: &Discovery, facts: &Facts, now: Timestamp) -> Looked {
    let seen = |access: &Access| {
        let found = discovery.profiles.iter().find(|found| found.network_id == access.network_id);
        access::step(access, &seen_as(found, now), facts, now)
    };
    let asset = |found: &Found| Asset {
        network_id: found.network_id.clone(),
        kind: found.kind.as_str().to_owned(),
        name: found.name.clone(),
        role: found.role.clone(),
        usable: found.unusable.is_none(),
    };
    Looked { accesses: accesses.iter().map(seen).collect(), listed: Some(discovery.profiles.iter().map(asset).collect()) }
}

fn seen_as(found: Option<&Found>, now: Timestamp) -> Seen {
    match found {
        None => Seen::Missing {
            evidence: Evidence::new(
                now,
                Source::Discovery,
                Some(200),
                None,
                "the network's complete list does not have this profile any more",
            ),
        },
        Some(Found { unusable: None, role, .. }) => Seen::Usable { role: role.clone() },
        Some(Found { unusable: Some(why), role, .. }) => {
            let words = format!("the role is now {role}: {}", why.en);
            Seen::NotUsable { role: role.clone(), evidence: Evidence::new(now, Source::Discovery, Some(200), Some(role), &words) }
        }
    }
}
