//! Looks at tokens, by the real adapter at the simulated network. Most of them are the same as the one before: nobody has logged in,
//! renewed, left or been in trouble since, and no token has ended. What such a look came to is remembered instead of asked for again;
//! that it still is what would be answered is tried every now and then, and a difference is a broken promise.

use std::collections::BTreeMap;
use std::sync::Arc;

use lifecycle::diagnosis::{Diagnosis, Finding};
use lifecycle::ids::GrantId;
use lifecycle::ledger::Claim;
use lifecycle::plan::Looked;
use lifecycle::secret::TokenType;
use lifecycle::time::{Span, Timestamp};
use networks::network::{Answer, Discovery};
use networks::reading;
use networks::wire::{Wire, WireError};
use sandbox::World;

use crate::options::Break;
use crate::run::Run;
use crate::wire::at_once;

/// One in so many remembered looks is asked for all the same.
const TRIED_EVERY: u32 = if cfg!(debug_assertions) { 4 } else { 32 };

/// What looks came to the last time, where all was well.
pub(crate) type Looks = BTreeMap<GrantId, Look>;

/// A look that found everything in order.
#[derive(Debug)]
pub(crate) struct Look {
    shown: Shown,
    /// How many calls it took.
    calls: u64,
    /// How far the adapter's dice rolled.
    rolled: u64,
    /// What was noted with the tokens, where proofs of possession show numbers of the network.
    notes: Option<BTreeMap<String, String>>,
    read: Read,
    remembered: u32,
}

/// What a look depends on: what has happened at the network, by which clock its answers are read, what was granted, and which of the tokens
/// have not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Shown {
    changes: u64,
    /// How far the clock of whoever looks is ahead.
    ahead: Span,
    scopes: Vec<String>,
    working: Vec<bool>,
}

/// What was read: a diagnosis, and the listing where one was asked for.
#[derive(Debug, Clone, PartialEq)]
struct Read {
    diagnosis: Diagnosis,
    listing: Option<Result<Arc<Discovery>, Diagnosis>>,
}

impl Read {
    fn is_well(&self) -> bool {
        self.diagnosis.finding == Finding::Works && self.listing.as_ref().is_none_or(Result::is_ok)
    }

    /// The same, seen at another moment.
    fn seen_at(mut self, now: Timestamp) -> Self {
        self.diagnosis.evidence.at = now;
        self
    }
}

impl Run {
    /// A look at what is claimed, with the listing where one is wanted.
    pub(crate) fn probe(&mut self, claim: &Claim, now: Timestamp) -> (Diagnosis, Looked) {
        let read = match self.remembered(claim, now) {
            Some(read) => read,
            None => self.look_anew(claim, now),
        };
        match (read.listing, self.clients.get(claim.network.as_str())) {
            (Some(listing), Some(client)) => {
                let listing = listing.as_ref().map(Arc::as_ref).map_err(Diagnosis::clone);
                reading::listing_after_probe(claim, listing, &client.facts, read.diagnosis, now)
            }
            _ => (read.diagnosis, Looked::default()),
        }
    }

    /// What the look would come to, where nothing has happened since the last one.
    fn remembered(&mut self, claim: &Claim, now: Timestamp) -> Option<Read> {
        let look = self.looks.get(&claim.grant.id)?;
        if !self.is_as_shown(&look.shown, claim, now) || look.notes.as_ref().is_some_and(|notes| *notes != claim.tokens.notes) {
            self.looks.remove(&claim.grant.id);
            return None;
        }
        let look = self.looks.get_mut(&claim.grant.id)?;
        look.remembered += 1;
        if look.remembered.is_multiple_of(TRIED_EVERY) {
            return Some(self.try_remembered(claim, now));
        }
        if !self.wire.pass(look.calls) {
            return None;
        }
        self.adapter_dice.roll_on(look.rolled);
        Some(look.read.clone().seen_at(now))
    }

    /// Asks all the same, and compares.
    fn try_remembered(&mut self, claim: &Claim, now: Timestamp) -> Read {
        let before = (self.wire.failed(), self.wire.calls());
        let read = self.ask(claim, now);
        if let Some(look) = self.looks.get(&claim.grant.id).filter(|_| self.wire.failed() == before.0) {
            let (calls, expected) = (self.wire.calls() - before.1, look.read.clone().seen_at(now));
            if read != expected || calls != look.calls {
                let what = format!("{}: a look came to {read:?} by {calls} calls, not to {expected:?} by {}", claim.grant.id, look.calls);
                self.judge.breaks("invariant_what_is_remembered_is_true", self.now, what);
            }
        }
        read
    }

    fn look_anew(&mut self, claim: &Claim, now: Timestamp) -> Read {
        let (failed, dice, calls) = (self.wire.failed(), self.adapter_dice.state(), self.wire.calls());
        let shown = self.shown(claim, now);
        let read = self.ask(claim, now);
        let (calls, rolled) = (self.wire.calls() - calls, self.adapter_dice.state().wrapping_sub(dice));
        // The numbers that proofs show are the network's, are noted and grow old: only a look that had to fetch a new one is what all
        // later looks with the same notes are.
        let proves = claim.tokens.dpop_key.is_some();
        // Where calls are signed with moments, none may be earlier than one before it, whoever made them and by whichever clock: that lasts
        // only where no clock is ever wrong.
        let is_in_order = claim.tokens.token_type != TokenType::OAuth1 || self.judge.clock_most == Span::ZERO;
        let is_lasting = is_in_order && (!proves || calls > 1);
        if read.is_well() && is_lasting && failed == self.wire.failed() {
            let notes = proves.then(|| claim.tokens.notes.clone());
            self.looks.insert(claim.grant.id.clone(), Look { shown, calls, rolled, notes, read: read.clone(), remembered: 0 });
        }
        read
    }

    fn shown(&self, claim: &Claim, now: Timestamp) -> Shown {
        let world = self.wire.world();
        let working = working(&world, [self.now, now], claim).collect();
        let (changes, ahead) = (world.changes(&claim.network), now.since(self.now));
        Shown { changes, ahead, scopes: claim.tokens.scopes.clone(), working }
    }

    fn is_as_shown(&self, shown: &Shown, claim: &Claim, now: Timestamp) -> bool {
        let world = self.wire.world();
        (world.changes(&claim.network) == shown.changes || self.options.breaks == Some(Break::OldLooks))
            && now.since(self.now) == shown.ahead
            && claim.tokens.scopes == shown.scopes
            && working(&world, [self.now, now], claim).eq(shown.working.iter().copied())
    }

    /// Asks the network.
    fn ask(&self, claim: &Claim, now: Timestamp) -> Read {
        let nobody = || {
            let error = WireError::NotSent("there is no such network".into());
            Read { diagnosis: reading::probe_finding(Err(error), now), listing: None }
        };
        let Some(client) = self.clients.get(claim.network.as_str()) else { return nobody() };
        let cx = client.cx(now, &self.adapter_dice);
        let mut tokens = claim.tokens.clone();
        let mut request = client.network.probe(cx, &tokens);
        let read = loop {
            match at_once(Wire::send(&self.wire, request)) {
                Some(Ok(answer)) => match client.network.read_probe(cx, &tokens, &answer) {
                    Answer::Done(diagnosis) => break Ok(diagnosis),
                    Answer::AskAgain { request: again, notes, .. } => {
                        request = *again;
                        tokens.notes.extend(notes);
                    }
                },
                Some(Err(error)) => break Err(error),
                None => return nobody(),
            }
        };
        let diagnosis = reading::probe_finding(read, now);
        if !client.network.has_roles() || !reading::wants_listing(&diagnosis) {
            return Read { diagnosis, listing: None };
        }
        let listing = at_once(client.network.discover(cx, &self.wire, &tokens));
        Read { diagnosis, listing: listing.map(|listing| listing.map(|listing| Arc::new(listing.cleaned()))) }
    }
}

/// Which tokens the network would take, one after the other: at the moment that it is, and at the one by the clock of whoever reads its
/// answers, who knows some ends too.
fn working(world: &World, moments: [Timestamp; 2], claim: &Claim) -> impl Iterator<Item = bool> {
    let [is, believed] = moments;
    let tokens = [&claim.tokens.access_token].into_iter().chain(claim.tokens.profile_tokens.values());
    tokens.flat_map(move |token| {
        let works = move |at: Timestamp| world.access_works(at.as_micros(), &claim.network, token.expose());
        let works_now = works(is);
        [works_now, if believed == is { works_now } else { works(believed) }]
    })
}
