//! What each event does to a grant.

use super::ends::successors_end;
use super::{Clocks, Grant, Happening, State, Suspicion, Verdict};
use crate::diagnosis::{Diagnosis, Finding};
use crate::facts::{AfterVerdict, Facts, RenewalModel};
use crate::ids::PersonId;
use crate::schedule;
use crate::time::{Span, Timestamp};
use crate::words::{Cause, Confidence, Evidence, Source};

/// One step under way.
pub(super) struct Stepper<'a> {
    pub(super) grant: Grant,
    pub(super) happenings: Vec<(Happening, Option<Evidence>)>,
    pub(super) facts: &'a Facts,
    pub(super) now: Timestamp,
}

impl Suspicion {
    fn is_about_person(&self) -> bool {
        self.cause.outlives_token() && self.confidence != Confidence::Guess
    }

    /// Whether it is too early for a verdict.
    pub(super) fn waits(&self, facts: &Facts, now: Timestamp) -> bool {
        let is_guess = self.confidence == Confidence::Guess && !self.identity_refused;
        is_guess && now.since(self.since) < facts.doubt_for
    }
}

/// Which kind of call was refused.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    Identity,
    Renewal,
}

impl Stepper<'_> {
    fn say(&mut self, happening: Happening, evidence: Option<&Evidence>) {
        self.happenings.push((happening, evidence.cloned()));
    }

    pub(super) fn authorized(&mut self, person: &PersonId, clocks: Clocks, renewable: bool) {
        if *person != self.grant.person {
            // Promise 6: another login never overwrites a token. The shell refuses before; this is the net under it.
            self.say(Happening::Surprise, None);
            return;
        }
        self.grant.authorized_at = self.now;
        self.grant.renewable = renewable;
        self.grant.clocks = Clocks::default();
        self.grant.probe_at = None;
        self.grant.state = State::Fresh;
        self.new_tokens(clocks);
        self.say(Happening::Authorized, None);
    }

    pub(super) fn renewed(&mut self, clocks: Clocks) {
        self.give_day_back();
        // A successor is always kept (RF-09). What it proves depends on what was doubted: a token that renews is alive, but a person
        // who was refused, or a role that is gone, is so with the new token as well. Only a look tells.
        let look_now = match &mut self.grant.state {
            State::NeedsPerson(verdict) if verdict.person_refused => true,
            State::NeedsPerson(_) => {
                self.say(Happening::CameBack, None);
                self.grant.state = State::Fresh;
                false
            }
            State::Suspect(suspicion) if suspicion.identity_refused || suspicion.refusals == 0 => {
                suspicion.was_renewed = true;
                suspicion.identity_refused = false;
                suspicion.renewal_refused = false;
                true
            }
            State::Suspect(_) | State::Unsure { .. } | State::Fresh => {
                self.grant.state = State::Fresh;
                false
            }
        };
        self.new_tokens(clocks);
        self.say(Happening::Renewed, None);
        if look_now {
            self.grant.probe_at = Some(self.now);
        }
        if self.is_judged() {
            self.grant.renew_at = None;
        }
    }

    fn new_tokens(&mut self, clocks: Clocks) {
        let (kept, waited) = (self.grant.clocks, self.now.since(self.grant.issued_at));
        self.grant.generation += 1;
        self.grant.issued_at = self.now;
        let life = |known: Option<Timestamp>, default: Option<Span>| known.or_else(|| default.map(|span| self.now + span));
        // A token without an end, which nobody has to renew, is under no rule about renewing it.
        let endless = !self.grant.renewable && clocks.access_until.is_none() && self.facts.access_life.is_none();
        let by_rule = self.facts.manual_renewal_every.filter(|_| !endless).map(|every| self.grant.authorized_at + every);
        self.grant.clocks = Clocks {
            access_until: life(clocks.access_until, self.facts.access_life),
            refresh_until: if self.grant.renewable {
                // A new refresh token begins a new life; one that stays goes on with its own.
                let by_rule = life(None, self.facts.refresh_life);
                match self.facts.renewal {
                    RenewalModel::Rotating(_) => clocks.refresh_until.or(by_rule).or(successors_end(kept, waited, self.now)),
                    _ => clocks.refresh_until.or(kept.refresh_until).or(by_rule),
                }
            } else {
                None
            },
            human_until: clocks.human_until.or(self.kept_day(kept, clocks)).or(by_rule),
        };
        if !self.grant.renewable {
            // Without a way to renew, the end of the access token is the day the person must come.
            let ends = [self.grant.clocks.human_until, self.grant.clocks.access_until];
            self.grant.clocks.human_until = ends.into_iter().flatten().min();
        }
        let in_vain = self.in_vain(kept, waited);
        let Grant { id, generation, clocks, renewable, .. } = &self.grant;
        self.grant.renew_at = schedule::renew_at(id, *generation, clocks, *renewable, self.facts, self.now, in_vain);
        if in_vain.is_some() {
            self.take_end_for_day();
        }
        self.reached();
        self.grant.verified_at = Some(self.now);
        // A renewal proves the token, not the roles, and not that the account may act (a suspended account still renews at X): the look
        // that is planned, or due, stays so.
        let usual = schedule::probe_at(&self.grant.id, self.grant.generation, self.facts, self.now);
        self.grant.probe_at = Some(self.grant.probe_at.map_or(usual, |at| at.min(usual)));
    }

    fn verified(&mut self) {
        self.grant.verified_at = Some(self.now);
        self.grant.probe_at = Some(schedule::probe_at(&self.grant.id, self.grant.generation, self.facts, self.now));
    }

    fn reached(&mut self) {
        self.grant.failures = 0;
        if self.grant.unreachable_since.take().is_some() {
            self.say(Happening::Reachable, None);
        }
    }

    pub(super) fn renew_failed(&mut self, diagnosis: &Diagnosis) {
        match &diagnosis.finding {
            Finding::Works => self.say(Happening::Surprise, Some(&diagnosis.evidence)),
            Finding::Transient { retry_after } => {
                self.unreachable(&diagnosis.evidence);
                self.renew_later(*retry_after);
            }
            Finding::Misconfigured => {
                self.misconfigured(&diagnosis.evidence);
                self.renew_later(None);
            }
            Finding::Refused { .. } => self.refused(diagnosis, Look::Renewal),
        }
    }

    fn renew_later(&mut self, retry_after: Option<Span>) {
        if self.is_judged() {
            // Nothing is urgent about a grant that waits for its person.
            return self.look_rarely();
        }
        self.grant.renew_at = Some(self.wait(retry_after));
    }

    /// A look that found an access token past its end became a renewal: it waits as long as the next renewal does.
    pub(super) fn look_no_sooner_than_renewal(&mut self) {
        if self.grant.access_is_over(self.now) && !self.is_judged() {
            let renewal = self.grant.renew_at;
            self.grant.probe_at = self.grant.probe_at.map(|at| renewal.map_or(at, |renewal| at.max(renewal)));
        }
    }

    fn is_judged(&self) -> bool {
        matches!(self.grant.state, State::NeedsPerson(_))
    }

    fn wait(&self, retry_after: Option<Span>) -> Timestamp {
        let span = schedule::backoff(self.grant.failures).max(retry_after.unwrap_or(Span::ZERO)).min(Span::hours(24));
        self.now + schedule::jittered(span, &self.grant.id, self.now.as_micros())
    }

    fn unreachable(&mut self, evidence: &Evidence) {
        self.grant.failures = self.grant.failures.saturating_add(1);
        if self.grant.unreachable_since.is_none() {
            self.grant.unreachable_since = Some(self.now);
            self.say(Happening::Unreachable, Some(evidence));
        }
    }

    fn misconfigured(&mut self, evidence: &Evidence) {
        // Whoever says that the fault is ours has been reached.
        let was_away = self.grant.unreachable_since.take().is_some();
        if was_away {
            self.say(Happening::Reachable, None);
        }
        if self.grant.failures == 0 || was_away {
            self.say(Happening::Misconfigured, Some(evidence));
        }
        self.grant.failures = self.grant.failures.saturating_add(1);
    }

    pub(super) fn renew_lost(&mut self, evidence: &Evidence) {
        let (since, tries) = match &self.grant.state {
            // It was only tried whether it came back: the next try tells.
            State::NeedsPerson(_) => return self.look_rarely(),
            State::Unsure { since, tries } => (*since, tries.saturating_add(1)),
            State::Fresh | State::Suspect(_) => (self.now, 1),
        };
        self.give_day_back();
        self.grant.state = State::Unsure { since, tries };
        let rung = usize::try_from(tries).unwrap_or(usize::MAX).min(schedule::LADDER.len()) - 1;
        self.grant.renew_at = Some(self.now + schedule::LADDER[rung]);
        if tries == 1 {
            self.say(Happening::Unsure, Some(evidence));
        }
    }

    pub(super) fn probed(&mut self, diagnosis: &Diagnosis) {
        match &diagnosis.finding {
            Finding::Works => self.probe_works(diagnosis),
            Finding::Transient { retry_after } => {
                self.unreachable(&diagnosis.evidence);
                let soon = self.wait(*retry_after);
                let usual = schedule::probe_at(&self.grant.id, self.grant.generation, self.facts, self.now);
                self.grant.probe_at = Some(soon.min(usual.max(self.now + retry_after.unwrap_or(Span::ZERO))));
            }
            Finding::Misconfigured => {
                self.misconfigured(&diagnosis.evidence);
                self.grant.probe_at = Some(self.wait(None));
            }
            Finding::Refused { .. } => self.refused(diagnosis, Look::Identity),
        }
    }

    fn probe_works(&mut self, diagnosis: &Diagnosis) {
        self.reached();
        self.verified();
        match &mut self.grant.state {
            State::Fresh | State::Unsure { .. } => {}
            State::Suspect(suspicion) if suspicion.renewal_refused => {
                // The access token works but cannot be renewed: working until it ends, and the person should come before.
                suspicion.identity_refused = false;
                if suspicion.refusals >= 2 {
                    self.bring_day_forward();
                }
            }
            State::Suspect(_) => {
                self.grant.state = State::Fresh;
                self.say(Happening::Cleared, Some(&diagnosis.evidence));
            }
            State::NeedsPerson(verdict) => {
                verdict.good_looks += 1;
                if verdict.good_looks >= 2 {
                    self.grant.state = State::Fresh;
                    self.grant.renew_at = schedule::renew_at(
                        &self.grant.id,
                        self.grant.generation,
                        &self.grant.clocks,
                        self.grant.renewable,
                        self.facts,
                        self.now,
                        None,
                    );
                    self.say(Happening::CameBack, Some(&diagnosis.evidence));
                } else {
                    self.grant.probe_at = Some(self.now + self.facts.second_look_after);
                }
            }
        }
    }

    pub(super) fn used(&mut self, diagnosis: &Diagnosis) {
        match (&diagnosis.finding, &self.grant.state) {
            (Finding::Works, State::Fresh) => {
                self.reached();
                self.verified();
            }
            // The network itself says that something happened, and often why: what the look finds is explained by it.
            (Finding::Refused { cause, confidence, .. }, State::Fresh) if diagnosis.evidence.source == Source::Signal => {
                let (cause, confidence) = (*cause, *confidence);
                self.signalled(cause, confidence, &diagnosis.evidence);
            }
            // One refused call in real use is evidence: look at once, judge by the look.
            (Finding::Refused { .. }, State::Fresh | State::Unsure { .. }) => self.grant.probe_at = Some(self.now),
            // A refusal of one target says nothing of the token; it may be the first sign of a role that is lost, which the look lists.
            (Finding::Misconfigured | Finding::Transient { .. }, State::Fresh) if diagnosis.is_about_target() && !self.facts.calls_cost => {
                self.grant.probe_at = Some(self.now);
            }
            _ => {}
        }
    }

    /// A suspicion without a refusal: a look confirms it or clears it (NT-24).
    fn signalled(&mut self, cause: Cause, confidence: Confidence, evidence: &Evidence) {
        self.grant.state = State::Suspect(Suspicion {
            since: self.now,
            refusals: 0,
            last_at: self.now - self.facts.second_look_after,
            identity_refused: false,
            renewal_refused: false,
            after_lost_answer: false,
            was_renewed: false,
            brought_forward: None,
            cause,
            confidence,
            evidence: evidence.clone(),
        });
        self.say(Happening::Suspected, Some(evidence));
        self.grant.probe_at = Some(self.now);
    }

    fn refused(&mut self, diagnosis: &Diagnosis, look: Look) {
        let Finding::Refused { cause, confidence, terminal } = diagnosis.finding else { return };
        self.reached();
        if look == Look::Identity && self.grant.renewable && self.grant.access_is_over(self.now) {
            // An access token at its natural end is refused: nothing to suspect, and no more than before. Whether it can be renewed tells.
            if self.is_trusted() {
                self.grant.renew_at = Some(self.now);
                return self.look_as_usual();
            }
            if confidence == Confidence::Guess && matches!(self.grant.state, State::Suspect(_)) {
                return self.plan_second_look(look);
            }
        }
        let (cause, confidence) = self.by_own_clock(cause, confidence);
        if terminal && !matches!(self.grant.state, State::NeedsPerson(_)) {
            let lost = matches!(self.grant.state, State::Unsure { .. });
            return self.needs_person(cause, confidence, diagnosis.evidence.clone(), lost);
        }
        match self.grant.state.clone() {
            State::NeedsPerson(mut verdict) => {
                verdict.good_looks = 0;
                self.grant.state = State::NeedsPerson(verdict);
                self.look_rarely();
            }
            State::Fresh => self.suspect(cause, confidence, &diagnosis.evidence, look, false),
            State::Unsure { .. } => self.suspect(cause, confidence, &diagnosis.evidence, look, true),
            State::Suspect(suspicion) => self.suspect_more(suspicion, cause, confidence, &diagnosis.evidence, look),
        }
    }

    fn is_trusted(&self) -> bool {
        matches!(self.grant.state, State::Fresh | State::Unsure { .. })
    }

    fn look_as_usual(&mut self) {
        self.grant.probe_at = Some(schedule::probe_at(&self.grant.id, self.grant.generation, self.facts, self.now));
    }

    /// A probe that is due but has nothing to ask with waits for the renewal, and follows it at once: whether the person may still
    /// act is known by a look alone.
    pub(super) fn skip_probe(&mut self) {
        if self.grant.probe_at.is_some_and(|at| at <= self.now) {
            self.look_as_usual();
            if self.grant.access_is_over(self.now) && self.is_trusted() {
                self.grant.probe_at = self.grant.renew_at.filter(|at| *at > self.now).or(self.grant.probe_at);
            }
        }
    }

    /// A refusal after a life we know to be over needs no guessing. Where what acts goes on after the person's day (pages), the day
    /// explains only what nothing else does; and a cause that the network is certain of stays.
    fn by_own_clock(&self, cause: Cause, confidence: Confidence) -> (Cause, Confidence) {
        let over = |clock: Option<Timestamp>| clock.is_some_and(|until| until <= self.now);
        let explains_nothing = matches!(cause, Cause::Unknown | Cause::Expired) || confidence == Confidence::Guess;
        let ends_with_it = self.grant.renewable || over(self.grant.clocks.access_until);
        if !explains_nothing && (!ends_with_it || confidence == Confidence::Certain) {
            (cause, confidence)
        } else if over(self.own_day()) && self.facts.manual_renewal_every.is_some() {
            (Cause::RenewalDue, Confidence::Certain)
        } else if over(self.grant.clocks.refresh_until) || (self.facts.is_extending() && over(self.grant.clocks.access_until)) {
            (Cause::Expired, Confidence::Certain)
        } else {
            (cause, confidence)
        }
    }

    fn suspect(&mut self, cause: Cause, confidence: Confidence, evidence: &Evidence, look: Look, after_lost_answer: bool) {
        self.grant.state = State::Suspect(Suspicion {
            since: self.now,
            refusals: 1,
            last_at: self.now,
            identity_refused: look == Look::Identity,
            renewal_refused: look == Look::Renewal,
            after_lost_answer,
            was_renewed: false,
            brought_forward: None,
            cause,
            confidence,
            evidence: evidence.clone(),
        });
        self.say(Happening::Suspected, Some(evidence));
        self.plan_second_look(look);
    }

    /// What is still missing for a verdict is asked next: the identity call at once, a renewal after the distance. Where the
    /// network says that it is the person and not the token, no renewal is spent on it.
    fn plan_second_look(&mut self, refused: Look) {
        let later = self.now + self.facts.second_look_after;
        let says_person = matches!(&self.grant.state, State::Suspect(suspicion) if suspicion.is_about_person() || suspicion.was_renewed);
        if !self.grant.renewable || (says_person && refused == Look::Identity) {
            self.grant.probe_at = Some(later);
        } else if refused == Look::Renewal {
            self.grant.probe_at = Some(self.now);
            self.grant.renew_at = Some(later);
        } else {
            self.grant.renew_at = Some(later);
            self.grant.probe_at = Some(later + self.facts.second_look_after);
        }
    }

    fn suspect_more(&mut self, mut suspicion: Suspicion, cause: Cause, confidence: Confidence, evidence: &Evidence, look: Look) {
        suspicion.identity_refused |= look == Look::Identity;
        suspicion.renewal_refused |= look == Look::Renewal;
        if self.now.since(suspicion.last_at) >= self.facts.second_look_after {
            suspicion.refusals = suspicion.refusals.saturating_add(1);
            suspicion.last_at = self.now;
        }
        // The more certain explanation wins; among equals the first, which is closer to what happened.
        if confidence < suspicion.confidence || (suspicion.cause == Cause::Unknown && cause != Cause::Unknown) {
            suspicion.cause = cause;
            suspicion.confidence = confidence;
            suspicion.evidence = evidence.clone();
        }
        let identity_gone = suspicion.identity_refused || self.grant.access_is_over(self.now);
        let not_the_token = suspicion.identity_refused && (suspicion.was_renewed || suspicion.is_about_person());
        let renewal_gone = suspicion.renewal_refused || !self.grant.renewable || not_the_token;
        let dead = suspicion.refusals >= 2 && identity_gone && renewal_gone && !suspicion.waits(self.facts, self.now);
        let lost = suspicion.after_lost_answer;
        let settled = suspicion.refusals >= 2 && suspicion.renewal_refused;
        self.grant.state = State::Suspect(suspicion.clone());
        if dead {
            self.needs_person(suspicion.cause, suspicion.confidence, suspicion.evidence, lost);
            if let State::NeedsPerson(verdict) = &mut self.grant.state {
                verdict.person_refused = not_the_token;
            }
            return;
        }
        if settled && self.grant.renewable {
            // Refused twice while the access token still works, or while nobody can be asked: ask again now and then, and look as usual.
            self.grant.renew_at = Some(self.now + Span::hours(1));
            self.grant.probe_at = Some(self.now);
        } else {
            self.plan_second_look(look);
        }
    }

    pub(super) fn needs_person(&mut self, cause: Cause, confidence: Confidence, evidence: Evidence, lost_in_rotation: bool) {
        self.give_day_back();
        let (cause, confidence) = if lost_in_rotation { (cause, confidence) } else { self.by_end_of_login(cause, confidence) };
        self.say(Happening::NeedsPerson, Some(&evidence));
        let person_refused = cause.outlives_token() && confidence != Confidence::Guess;
        self.grant.state =
            State::NeedsPerson(Verdict { since: self.now, cause, confidence, evidence, lost_in_rotation, person_refused, good_looks: 0 });
        self.grant.renew_at = None;
        self.look_rarely();
    }

    /// Where a dead secret must not be sent again, nothing is planned after a verdict, whatever led there. A look that a
    /// person asked for and that went well is finished: the second good one lifts the verdict.
    pub(super) fn leave_the_dead_alone(&mut self) {
        let State::NeedsPerson(verdict) = &self.grant.state else { return };
        if self.facts.after_verdict == AfterVerdict::LeaveAlone && verdict.good_looks == 0 {
            self.grant.probe_at = None;
            self.grant.renew_at = None;
        }
    }

    /// After a verdict the network is asked rarely: an unblocked account comes back by itself.
    fn look_rarely(&mut self) {
        let rare = self.facts.probe_every.times(4, 1).min(Span::hours(24));
        self.grant.probe_at = Some(self.now + schedule::jittered(rare, &self.grant.id, self.now.as_seconds()));
    }
}
