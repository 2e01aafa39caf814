//! What the ledger in memory does about leases that last longer and about backlogs, as `store` does it in SQL.

use lifecycle::ids::GrantId;
use lifecycle::ledger::Lease;
use lifecycle::schedule::{BACKLOG_MIN, LATE, place_in_backlog};
use lifecycle::time::Timestamp;

use crate::memory::Books;

impl Books {
    pub(crate) fn extend(&mut self, lease: &Lease, now: Timestamp, until: Timestamp) -> bool {
        let Some(row) = self.grants.get_mut(&lease.grant).filter(|row| row.fence == lease.fence) else { return false };
        let Some((_, end)) = row.lease.as_mut().filter(|(node, end)| *node == lease.node && *end > now) else { return false };
        *end = until;
        self.index(&lease.grant);
        true
    }

    pub(crate) fn catch_up(&mut self, now: Timestamp) -> u32 {
        let missed_before = now - LATE;
        if self.next_claimable().is_none_or(|at| at >= missed_before) {
            return 0;
        }
        let missed = self.grants.iter().filter(|(_, row)| row.is_free(now) && row.due_at.is_some_and(|due| due < missed_before));
        let mut missed: Vec<_> = missed.map(|(id, row)| (row.lost_at.is_none(), row.lost_at, row.due_at, id.clone())).collect();
        missed.sort();
        let backlog = u32::try_from(missed.len()).unwrap_or(u32::MAX);
        if backlog <= BACKLOG_MIN {
            return 0;
        }
        let ids: Vec<GrantId> = missed.into_iter().map(|(.., id)| id).collect();
        for (place, id) in (0..).zip(ids) {
            if let Some(row) = self.grants.get_mut(&id) {
                row.due_at = Some(place_in_backlog(place, backlog, now));
            }
            self.index(&id);
        }
        backlog
    }
}
