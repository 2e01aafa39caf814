//! The ledger in memory: leases with fences, the journal of attempts, the outbox with its dedupe key. It answers as
//! `store` does in SQL; where the two differ, one of them is wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use lifecycle::access::{Access, at_login, seen_at_login};
use lifecycle::budget::AppKey;
use lifecycle::diagnosis::Diagnosis;
use lifecycle::facts::Facts;
use lifecycle::grant::{Event, Grant, Happening, step};
use lifecycle::ids::{AttemptId, GrantId, NodeId, OrganisationId, ProfileId};
use lifecycle::ledger::{Claim, Commit, Committed, Intent, Lease, Phase};
use lifecycle::schedule;
use lifecycle::secret::TokenSet;
use lifecycle::status::{News, Standing, settle};
use lifecycle::time::{Span, Timestamp};
use lifecycle::words::Cause;

use crate::options::Break;
use crate::script::{Asked, Known, Login, Step};
use crate::town::is_of_page;

/// A row of the table of grants.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) grant: Grant,
    pub(crate) tokens: TokenSet,
    pub(crate) network: &'static str,
    pub(crate) person_network_id: String,
    pub(crate) lease: Option<(NodeId, Timestamp)>,
    pub(crate) fence: i64,
    pub(crate) due_at: Option<Timestamp>,
    /// From when on only a person helps.
    pub(crate) lost_at: Option<Timestamp>,
    pub(crate) accesses: Vec<Access>,
    /// Attempts without an end, oldest first.
    pub(crate) open: Vec<(AttemptId, Phase)>,
    /// What was seen of it while somebody was at it.
    pub(crate) seen_meanwhile: Option<Diagnosis>,
    /// Where the row stands in the index of what can be claimed.
    claimable_at: Option<Timestamp>,
}

/// A row of the table of profiles.
#[derive(Debug)]
pub(crate) struct ProfileRow {
    pub(crate) standing: Standing,
    pub(crate) grants: BTreeSet<GrantId>,
}

/// A row of the outbox: one message about one or several profiles.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    /// What it is known by, however often it is sent.
    pub(crate) key: String,
    pub(crate) told: Vec<(ProfileId, News)>,
}

/// All tables.
#[derive(Debug, Default)]
pub(crate) struct Books {
    pub(crate) grants: BTreeMap<GrantId, Row>,
    pub(crate) profiles: BTreeMap<ProfileId, ProfileRow>,
    pub(crate) happenings: BTreeMap<&'static str, u64>,
    /// Writes that an older fence or generation kept out.
    pub(crate) superseded: u64,
    /// What was asked, where that is wanted.
    pub(crate) script: Option<Vec<Step>>,
    /// What was put into the outbox, where that is wanted.
    pub(crate) told: BTreeSet<Known>,
    claimable: BTreeSet<(Timestamp, GrantId)>,
    /// The calls that network apps have made of late.
    pub(crate) buckets: BTreeMap<AppKey, Timestamp>,
    outbox: Vec<Message>,
    keys: BTreeSet<String>,
    organisation: Option<OrganisationId>,
    breaks: Option<Break>,
}

/// The ledger.
#[derive(Debug, Default)]
pub(crate) struct Memory(Mutex<Books>);

impl Memory {
    pub(crate) fn new(breaks: Option<Break>) -> Self {
        Self(Mutex::new(Books { breaks, ..Books::default() }))
    }

    pub(crate) fn into_books(self) -> Books {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn books(&self) -> MutexGuard<'_, Books> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Row {
    /// From when on somebody may claim it.
    fn claimable(&self) -> Option<Timestamp> {
        let unfinished = self.open.iter().any(|(_, phase)| *phase == Phase::Sent);
        match (&self.lease, unfinished, self.due_at) {
            (None, true, _) => Some(Timestamp::from_micros(0)),
            (None, false, due) => due,
            (Some((_, until)), true, _) => Some(*until),
            (Some((_, until)), false, due) => due.map(|due| due.max(*until)),
        }
    }

    fn claim(&self, organisation: OrganisationId, node: &NodeId, until: Timestamp) -> Claim {
        Claim {
            lease: Lease { grant: self.grant.id.clone(), node: node.clone(), fence: self.fence, until },
            organisation,
            network: self.network.into(),
            instance: String::new(),
            person_network_id: self.person_network_id.clone(),
            grant: self.grant.clone(),
            tokens: self.tokens.clone(),
            accesses: self.accesses.clone(),
            open: self.open.iter().rev().find(|(_, phase)| *phase == Phase::Sent).map(|(attempt, _)| attempt.clone()),
        }
    }

    pub(crate) fn is_free(&self, now: Timestamp) -> bool {
        self.lease.as_ref().is_none_or(|(_, until)| *until <= now)
    }
}

impl Books {
    pub(crate) fn index(&mut self, id: &GrantId) {
        let Some(row) = self.grants.get_mut(id) else { return };
        let after = row.claimable();
        if row.claimable_at == after {
            return;
        }
        if let Some(before) = std::mem::replace(&mut row.claimable_at, after) {
            self.claimable.remove(&(before, id.clone()));
        }
        if let Some(after) = after {
            self.claimable.insert((after, id.clone()));
        }
    }

    /// The profiles that a grant reaches and that are this page.
    pub(crate) fn profiles_of(&self, grant: &GrantId, page: u64) -> Vec<ProfileId> {
        let row = self.grants.get(grant);
        let accesses = row.into_iter().flat_map(|row| &row.accesses).filter(|access| is_of_page(&access.network_id, page));
        accesses.map(|access| access.profile.clone()).collect()
    }

    /// When somebody can claim something next.
    pub(crate) fn next_claimable(&self) -> Option<Timestamp> {
        self.claimable.first().map(|(at, _)| *at)
    }

    /// The messages put into the outbox since last asked.
    pub(crate) fn take_outbox(&mut self) -> Vec<Message> {
        std::mem::take(&mut self.outbox)
    }

    pub(crate) fn take(&mut self, node: &NodeId, id: &GrantId, now: Timestamp, lease: Span) -> Option<Claim> {
        let organisation = self.organisation.get_or_insert_with(|| OrganisationId::from_u128(1)).clone();
        let no_lease = self.breaks == Some(Break::NoLease);
        let row = self.grants.get_mut(id)?;
        if !row.is_free(now) && !no_lease {
            return None;
        }
        row.fence += 1;
        row.lease = Some((node.clone(), if no_lease { now } else { now + lease }));
        let claim = row.claim(organisation, node, now + lease);
        self.index(id);
        Some(claim)
    }

    /// Those of them that are free.
    pub(crate) fn take_all(&mut self, node: &NodeId, ids: &[GrantId], now: Timestamp, lease: Span) -> Vec<Claim> {
        // Mostly none or one, and they are large: room for more is not asked for.
        let mut claims = Vec::with_capacity(ids.len());
        claims.extend(ids.iter().filter_map(|id| self.take(node, id, now, lease)));
        claims
    }

    /// What is kept at this moment, without claiming it: how whoever acts reads it.
    pub(crate) fn read(&self, id: &GrantId) -> Option<Claim> {
        let row = self.grants.get(id)?;
        Some(row.claim(self.organisation.clone()?, &NodeId::from_u128(0), Timestamp::from_micros(0)))
    }

    pub(crate) fn due(&self, now: Timestamp, limit: usize) -> Vec<GrantId> {
        let first = self.claimable.iter().take_while(|(at, _)| *at <= now).map(|(_, id)| id);
        let is_due = |id: &&GrantId| self.grants.get(*id).is_some_and(|row| row.due_at.is_some_and(|due| due <= now) && row.is_free(now));
        let mut ids: Vec<_> = first.filter(is_due).take(limit).collect();
        ids.sort_by_key(|id| self.grants.get(*id).and_then(|row| row.due_at));
        ids.into_iter().cloned().collect()
    }

    pub(crate) fn unfinished(&self, now: Timestamp) -> Vec<GrantId> {
        let first = self.claimable.iter().take_while(|(at, _)| *at <= now).map(|(_, id)| id);
        let is_open = |id: &&GrantId| {
            self.grants.get(*id).is_some_and(|row| row.is_free(now) && row.open.iter().any(|(_, phase)| *phase == Phase::Sent))
        };
        first.filter(is_open).cloned().collect()
    }

    pub(crate) fn intend(&mut self, intent: &Intent) -> bool {
        let breaks = self.breaks;
        let Some(row) = self.grants.get_mut(&intent.lease.grant) else { return false };
        let held = row.lease.as_ref().is_some_and(|(node, until)| *node == intent.lease.node && *until > intent.at);
        let ours = held && row.fence == intent.lease.fence && row.grant.generation == intent.generation;
        if breaks == Some(Break::NoJournal) {
            return ours;
        }
        if !ours && !matches!(breaks, Some(Break::NoFence | Break::NoLease)) {
            return false;
        }
        match row.open.iter_mut().find(|(attempt, _)| *attempt == intent.attempt) {
            Some((_, phase)) => *phase = intent.phase,
            None => row.open.push((intent.attempt.clone(), intent.phase)),
        }
        self.index(&intent.lease.grant);
        true
    }

    pub(crate) fn write(row: &mut Row, grant: Grant, tokens: Option<TokenSet>, facts: &Facts, now: Timestamp) {
        row.due_at = schedule::due_at(&grant, facts, now);
        row.lost_at = schedule::irrecoverable_at(&grant, facts);
        row.grant = grant;
        if let Some(tokens) = tokens {
            row.tokens = tokens;
        }
    }

    pub(crate) fn commit(&mut self, commit: &Commit) -> Committed {
        let id = &commit.grant.id;
        let breaks = self.breaks;
        let Some(row) = self.grants.get_mut(id) else { return Committed::Superseded };
        let ours = row.fence == commit.lease.fence && row.lease.as_ref().is_some_and(|(node, _)| *node == commit.lease.node);
        if (!ours || row.grant.generation != commit.generation_before) && breaks != Some(Break::NoFence) {
            self.superseded += 1;
            return Committed::Superseded;
        }
        let mut grant = commit.grant.clone();
        let until = grant.clocks.refresh_until;
        grant.clocks.human_until.take_if(|day| breaks == Some(Break::ForgetsDays) && until == Some(*day));
        Self::write(row, grant, commit.tokens.clone(), &commit.facts, commit.now);
        let seen = row.seen_meanwhile.take_if(|_| !commit.keep_lease).filter(|seen| commit.leaves_open(seen));
        let later = seen.map(|seen| step(&row.grant, &Event::Used(seen), &commit.facts, commit.now));
        if let Some(next) = &later {
            Self::write(row, next.grant.clone(), None, &commit.facts, commit.now);
        }
        if !commit.keep_lease {
            row.lease = None;
        }
        if let Some((closed, _)) = &commit.closes {
            row.open.retain(|(attempt, phase)| attempt != closed && *phase != Phase::Prepared);
        }
        for (access, happening) in &commit.accesses {
            if let Some(kept) = row.accesses.iter_mut().find(|kept| kept.id == access.id) {
                write_over(kept, access);
            }
            if let Some(happening) = happening {
                *self.happenings.entry(happening.as_str()).or_default() += 1;
            }
        }
        self.record(&commit.happenings);
        self.record(later.as_ref().map_or(&[], |next| &next.happenings));
        self.index(id);
        Committed::Done { told: self.settle_profiles(id, &commit.facts, commit.now) }
    }

    pub(crate) fn record(&mut self, happenings: &[(Happening, Option<lifecycle::words::Evidence>)]) {
        for (happening, _) in happenings {
            *self.happenings.entry(happening.as_str()).or_default() += 1;
        }
    }

    /// Derives the standing of every profile the grant reaches, and puts what is news into the outbox.
    pub(crate) fn settle_profiles(&mut self, grant: &GrantId, facts: &Facts, now: Timestamp) -> usize {
        let Some(row) = self.grants.get(grant) else { return 0 };
        let mut ids: Vec<ProfileId> = row.accesses.iter().map(|access| access.profile.clone()).collect();
        ids.sort();
        let mut letters: BTreeMap<(&'static str, String), Vec<(ProfileId, News)>> = BTreeMap::new();
        for id in ids {
            for news in self.settle_one(&id, facts, now) {
                let Some((mail, occasion)) = news.occasion() else { continue };
                let day = if mail == "renew_soon" { occasion } else { String::new() };
                letters.entry((mail, day)).or_default().push((id.clone(), news));
            }
        }
        letters.into_iter().map(|((mail, _), told)| usize::from(self.put(mail, grant, told))).sum()
    }

    fn settle_one(&mut self, id: &ProfileId, facts: &Facts, now: Timestamp) -> Vec<News> {
        let Some(profile) = self.profiles.get(id) else { return vec![] };
        let rows = profile.grants.iter().filter_map(|grant| self.grants.get(grant));
        let mut edges: Vec<(&Access, &Grant)> =
            rows.flat_map(|row| row.accesses.iter().filter(|access| access.profile == *id).map(|access| (access, &row.grant))).collect();
        edges.sort_by(|one, other| one.0.id.cmp(&other.0.id));
        let (after, mut news) = match self.breaks {
            Some(Break::ForgetsEpisodes) => settle(&Standing { episode: None, ..profile.standing.clone() }, &edges, facts, now),
            _ => settle(&profile.standing, &edges, facts, now),
        };
        match self.breaks {
            Some(Break::ForgetsWhoIsLeft) => news.retain(|item| !matches!(item, News::LastRemaining { .. })),
            Some(Break::SaysOneIsLeft) if after.good == 2 => {
                news.extend(after.person.clone().map(|person| News::LastRemaining { since: now, person, cause: Cause::Unknown }));
            }
            _ => {}
        }
        if after == profile.standing && news.is_empty() {
            return vec![];
        }
        if let Some(profile) = self.profiles.get_mut(id) {
            profile.standing = after;
        }
        news
    }

    /// Into the outbox, unless the same was told before.
    fn put(&mut self, mail: &str, grant: &GrantId, told: Vec<(ProfileId, News)>) -> bool {
        let mut lines: Vec<String> =
            told.iter().filter_map(|(profile, news)| news.occasion().map(|(_, occasion)| format!("{profile}={occasion}"))).collect();
        lines.sort();
        let key = format!("{mail}:{grant}:{}", lines.join(","));
        let is_new = self.keys.insert(key.clone());
        let dropped = self.breaks == Some(Break::NoOutboxRow) && self.keys.len().is_multiple_of(2);
        if is_new && !dropped {
            let message = Message { key, told };
            self.note_message(mail, grant, &message);
            self.outbox.push(message);
        }
        is_new
    }

    /// A person authorised, for the first time or again: whoever works on the grant loses it.
    pub(crate) fn authorized(&mut self, new: &Login) {
        if let Some((grant, accesses)) = new.born.clone() {
            self.insert(new.network, &new.person_network_id, grant, new.tokens.clone(), accesses);
        }
        let (id, facts, now) = (&new.grant, &new.facts, new.now);
        let Some(row) = self.grants.get_mut(id) else { return };
        row.fence += 1;
        row.lease = None;
        row.seen_meanwhile = None;
        row.open.clear();
        let person = row.grant.person.clone();
        let next = step(&row.grant, &Event::Authorized { person, clocks: new.clocks, renewable: new.renewable }, facts, now);
        Self::write(row, next.grant, Some(new.tokens.clone()), facts, now);
        for access in &mut row.accesses {
            let found = new.found.iter().find(|found| found.network_id == access.network_id);
            let listed = found.map(|found| (found.role.as_str(), found.unusable.as_ref().map(|why| why.en.as_str())));
            let (looked, happening) = at_login(access, &seen_at_login(listed, now), facts, now);
            *access = looked;
            if let Some(happening) = happening {
                *self.happenings.entry(happening.as_str()).or_default() += 1;
            }
        }
        self.record(&next.happenings);
        self.index(id);
        self.settle_profiles(id, facts, now);
        self.write_down(Some(std::slice::from_ref(id)), || (Asked::Authorized(Box::new(new.clone())), String::new()));
    }

    /// A grant with what hangs on it, written for the first time.
    fn insert(&mut self, network: &'static str, person_network_id: &str, grant: Grant, tokens: TokenSet, accesses: Vec<Access>) {
        for access in &accesses {
            let unborn = || ProfileRow { standing: Standing::unborn(grant.issued_at), grants: BTreeSet::new() };
            self.profiles.entry(access.profile.clone()).or_insert_with(unborn).grants.insert(grant.id.clone());
        }
        let row = Row {
            tokens,
            network,
            person_network_id: person_network_id.into(),
            lease: None,
            fence: 0,
            due_at: None,
            lost_at: None,
            accesses,
            open: vec![],
            seen_meanwhile: None,
            claimable_at: None,
            grant,
        };
        self.grants.insert(row.grant.id.clone(), row);
    }

    /// A node alone on its database takes back what its earlier lives held.
    pub(crate) fn reclaim_leases(&mut self, node: &NodeId) {
        let held: Vec<GrantId> = self.grants.iter().filter(|(_, row)| row.lease.is_some()).map(|(id, _)| id.clone()).collect();
        for id in held {
            if let Some(row) = self.grants.get_mut(&id) {
                row.lease = None;
            }
            self.index(&id);
        }
        self.write_down(None, || (Asked::Reclaim(node.clone()), String::new()));
    }
}

/// A row written over: what is as it was, which is nearly all, takes no new room.
fn write_over(kept: &mut Access, access: &Access) {
    let Access { id, grant, profile, network_id, role, state, seen_at } = access;
    (kept.id, kept.grant, kept.profile) = (id.clone(), grant.clone(), profile.clone());
    kept.network_id.clone_from(network_id);
    kept.role.clone_from(role);
    kept.state.clone_from(state);
    kept.seen_at = *seen_at;
}
