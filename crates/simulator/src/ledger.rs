//! The ledger in memory as the keeper's rules ask it; what is asked is written down where a script is wanted.

use std::future::{Future, ready};

use lifecycle::breaker::turned_together;
use lifecycle::budget::{self, AppKey, Booked, Need, Pace};
use lifecycle::diagnosis::Diagnosis;
use lifecycle::facts::Facts;
use lifecycle::grant::{Event, step};
use lifecycle::ids::{GrantId, NodeId, OrganisationId};
use lifecycle::ledger::{Claim, Commit, Committed, Intent, Lease, Ledger, LedgerError, kept_for_later};
use lifecycle::time::{Span, Timestamp};

use crate::memory::{Books, Memory, Row};
use crate::script::{Asked, of_claims};

impl Ledger for Memory {
    fn claim_due(
        &self,
        node: &NodeId,
        now: Timestamp,
        lease: Span,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<Claim>, LedgerError>> + Send {
        let mut books = self.books();
        let ids = books.due(now, usize::try_from(limit).unwrap_or(usize::MAX));
        let claims = books.take_all(node, &ids, now, lease);
        books.write_down_claims(&claims, || (Asked::ClaimDue(node.clone(), now, lease, limit), of_claims(&claims)));
        ready(Ok(claims))
    }

    fn claim(
        &self,
        node: &NodeId,
        grant: &GrantId,
        now: Timestamp,
        lease: Span,
    ) -> impl Future<Output = Result<Option<Claim>, LedgerError>> + Send {
        ready(Ok(self.books().take(node, grant, now, lease)))
    }

    fn intend(&self, intent: &Intent) -> impl Future<Output = Result<bool, LedgerError>> + Send {
        let mut books = self.books();
        let held = books.intend(intent);
        books.write_down(Some(std::slice::from_ref(&intent.lease.grant)), || (Asked::Intend(intent.clone()), format!("{held:?}")));
        ready(Ok(held))
    }

    fn commit(&self, commit: &Commit) -> impl Future<Output = Result<Committed, LedgerError>> + Send {
        let mut books = self.books();
        let committed = books.commit(commit);
        let asked = || (Asked::Commit(Box::new(commit.clone())), format!("{committed:?}"));
        books.write_down(Some(std::slice::from_ref(&commit.grant.id)), asked);
        ready(Ok(committed))
    }

    fn release(&self, lease: &Lease, again_at: Option<Timestamp>) -> impl Future<Output = Result<(), LedgerError>> + Send {
        let mut books = self.books();
        if let Some(row) = books.grants.get_mut(&lease.grant)
            && row.fence == lease.fence
            && row.lease.as_ref().is_some_and(|(node, _)| *node == lease.node)
        {
            row.lease = None;
            let seen_at = row.seen_meanwhile.as_ref().filter(|_| again_at.is_none()).map(|seen| seen.evidence.at);
            row.due_at = [again_at.or(row.due_at), seen_at].into_iter().flatten().min();
        }
        books.index(&lease.grant);
        books.write_down(Some(std::slice::from_ref(&lease.grant)), || (Asked::Release(lease.clone(), again_at), String::new()));
        ready(Ok(()))
    }

    fn extend(&self, lease: &Lease, now: Timestamp, until: Timestamp) -> impl Future<Output = Result<bool, LedgerError>> + Send {
        let mut books = self.books();
        let held = books.extend(lease, now, until);
        books.write_down(Some(std::slice::from_ref(&lease.grant)), || (Asked::Extend(lease.clone(), now, until), format!("{held:?}")));
        ready(Ok(held))
    }

    fn catch_up(&self, now: Timestamp) -> impl Future<Output = Result<u32, LedgerError>> + Send {
        let mut books = self.books();
        let missed = books.catch_up(now);
        books.write_down((missed == 0).then_some(&[]), || (Asked::CatchUp(now), format!("{missed:?}")));
        ready(Ok(missed))
    }

    fn book_calls(
        &self,
        app: &AppKey,
        pace: &Pace,
        want: u32,
        need: Need,
        now: Timestamp,
    ) -> impl Future<Output = Result<Booked, LedgerError>> + Send {
        let mut books = self.books();
        let bucket = books.buckets.get_mut(app);
        let booked = budget::book(bucket.as_deref().copied().unwrap_or(now), want, need, pace, now);
        match bucket {
            Some(bucket) => *bucket = booked.spent_until,
            None => drop(books.buckets.insert(app.clone(), booked.spent_until)),
        }
        books.write_down(Some(&[]), || (Asked::BookCalls(app.clone(), *pace, want, need, now), format!("{booked:?}")));
        ready(Ok(booked))
    }

    fn unfinished(&self, node: &NodeId, now: Timestamp, lease: Span) -> impl Future<Output = Result<Vec<Claim>, LedgerError>> + Send {
        let mut books = self.books();
        let ids = books.unfinished(now);
        let claims = books.take_all(node, &ids, now, lease);
        books.write_down_claims(&claims, || (Asked::Unfinished(node.clone(), now, lease), of_claims(&claims)));
        ready(Ok(claims))
    }

    fn next_due(&self) -> impl Future<Output = Result<Option<Timestamp>, LedgerError>> + Send {
        ready(Ok(self.books().grants.values().filter(|row| row.lease.is_none()).filter_map(|row| row.due_at).min()))
    }

    fn refused(
        &self,
        organisation: &OrganisationId,
        network: &str,
        _instance: &str,
        around: Timestamp,
    ) -> impl Future<Output = Result<(u64, u64), LedgerError>> + Send {
        let mut books = self.books();
        let rows = books.grants.values().filter(|row| row.network == network);
        let is_refused = |row: &Row| row.grant.refused_since().is_some_and(|at| turned_together(around, at));
        let counted = rows.fold((0, 0), |(refused, all), row| (refused + u64::from(is_refused(row)), all + 1));
        books.write_down(Some(&[]), || (Asked::Refused(organisation.clone(), network.to_owned(), around), format!("{counted:?}")));
        ready(Ok(counted))
    }

    fn see_evidence(
        &self,
        grant: &GrantId,
        diagnosis: &Diagnosis,
        facts: &Facts,
        now: Timestamp,
    ) -> impl Future<Output = Result<(), LedgerError>> + Send {
        let mut books = self.books();
        let Some(row) = books.grants.get_mut(grant) else { return ready(Ok(())) };
        if row.lease.is_some() {
            row.seen_meanwhile = kept_for_later(row.seen_meanwhile.take(), diagnosis);
        } else {
            let next = step(&row.grant, &Event::Used(diagnosis.clone()), facts, now);
            Books::write(row, next.grant, None, facts, now);
            books.record(&next.happenings);
            books.index(grant);
            books.settle_profiles(grant, facts, now);
        }
        let asked = || (Asked::SeeEvidence(grant.clone(), diagnosis.clone(), Box::new(facts.clone()), now), String::new());
        books.write_down(Some(std::slice::from_ref(grant)), asked);
        ready(Ok(()))
    }
}
