//! Deciding without a turn at the writer: on what is known, for those who leave nothing but lines in the logs. Many decide at the same time,
//! also while the disk is waited for; lines are taken in a moment that no change can come into.

use std::sync::Arc;

use crate::driver::StoreError;
use crate::known::Known;
use crate::lines::Lines;
use crate::sqlite::queue::{Open, Queue};
use crate::sqlite::writer::Turn;

/// A transaction that has no turn.
pub(crate) struct Noting {
    queue: Arc<Queue>,
    known: Arc<Known>,
    /// How many changes were durable when it began.
    changes: u64,
    /// Whether it took something that was known.
    relies: bool,
    stale: bool,
}

impl Noting {
    pub(crate) fn begin(queue: &Arc<Queue>, known: &Arc<Known>) -> Result<Self, StoreError> {
        if queue.fault.is_there() {
            return Err(StoreError::DiskFailed);
        }
        let (queue, known) = (Arc::clone(queue), Arc::clone(known));
        let changes = known.changes();
        Ok(Self { queue, known, changes, relies: false, stale: false })
    }

    pub(crate) fn is_stale(&self) -> bool {
        self.stale
    }

    /// What is known under a name, where nothing was changed since this began.
    pub(crate) fn known<T: Clone + 'static>(&mut self, name: &str) -> Option<T> {
        let found = self.known.get_since(self.changes, name);
        self.relies |= found.is_some();
        found
    }

    /// Whether what it took stands, and nothing is about to change it.
    fn check(&self, open: &Open) -> Result<(), StoreError> {
        let stands = !self.relies || (!open.changed && self.known.changes() == self.changes);
        if stands { Ok(()) } else { Err(StoreError::Stale) }
    }

    /// Waits for a turn, and goes on there.
    pub(crate) async fn turn(&mut self) -> Result<Turn, StoreError> {
        let turn = Turn::begin(&self.queue).await?;
        turn.at(|open| self.check(open)).inspect_err(|_| self.stale = true)?;
        Ok(turn)
    }

    /// Returns when it is durable.
    pub(crate) async fn commit(self, lines: Lines) -> Result<(), StoreError> {
        if lines.is_empty() {
            return Ok(());
        }
        self.queue.join(lines, (), |open| self.check(open)).await
    }
}
