//! What was read for a decision, known for as long as it stands.
//!
//! On SQLite every change goes through the one writer of this process, and no other process is let at the file while it runs. So whoever
//! counts the changes that were made durable knows whether what was read before is what would be read now. Lines of the two logs are no
//! changes in this sense: no decision rests on them, and they are what deciding itself leaves behind. With several nodes on PostgreSQL
//! nobody can know, and everything is read each time (`docs/decisions/0010`).
//!
//! What is kept is as it lies in the database: secrets stay sealed, and times are held against the clock anew by each decision.

use std::any::Any;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::Store;
use crate::driver::{StoreError, Tx};

/// So many answers are kept, before all are forgotten.
const KEPT_MAX: usize = 4_096;

/// Statements that change nothing a decision rests on. Whatever begins in another way is taken for a change.
const NO_CHANGES: [&str; 4] = ["SELECT ", "INSERT INTO audit ", "INSERT INTO events ", "INSERT INTO counters "];

/// Whether a decision could rest on what a statement writes.
pub(crate) fn is_change(sql: &str) -> bool {
    !NO_CHANGES.iter().any(|start| sql.starts_with(start))
}

/// What is known of one file.
#[derive(Default)]
pub(crate) struct Known(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    changes: u64,
    answers: HashMap<String, Box<dyn Any + Send>>,
}

impl Known {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many changes were made durable. Asked before something is read, it says of what state that is at least.
    pub(crate) fn changes(&self) -> u64 {
        self.kept().changes
    }

    /// Something else may be read from now on. Said before whoever changed it is told that it is durable.
    pub(crate) fn changed(&self) {
        let mut kept = self.kept();
        kept.changes += 1;
        kept.answers.clear();
    }

    /// What is known under a name.
    pub(crate) fn get<T: Clone + 'static>(&self, name: &str) -> Option<T> {
        self.kept().answers.get(name)?.downcast_ref().cloned()
    }

    /// The same, where nothing was changed since so many changes were durable.
    pub(crate) fn get_since<T: Clone + 'static>(&self, changes: u64, name: &str) -> Option<T> {
        let kept = self.kept();
        if kept.changes == changes { kept.answers.get(name)?.downcast_ref().cloned() } else { None }
    }

    /// Keeps what was read when so many changes were durable, unless there were more meanwhile.
    pub(crate) fn keep<T: Clone + Send + 'static>(&self, changes: u64, name: String, answer: T) {
        let mut kept = self.kept();
        if kept.changes != changes {
            return;
        }
        if kept.answers.len() >= KEPT_MAX {
            kept.answers.clear();
        }
        kept.answers.insert(name, Box::new(answer));
    }
}

impl Store {
    /// Begins a transaction that decides on what is known and leaves nothing but lines in the logs. On SQLite many do so at the same time, and
    /// none waits for its turn to write. Where what it was decided on was changed meanwhile, its commit, or whatever it asks, fails with
    /// [`StoreError::Stale`], and nothing of it is stored: then it is to be decided anew, in a turn of its own ([`Store::write`]).
    pub async fn note(&self) -> Result<Tx, StoreError> {
        self.db.note().await
    }

    /// What `read` finds under that name, in a transaction of its own: known without reading where nothing was changed since it was read
    /// last. Each name stands for one thing of one type. That there is nothing is not kept: guesses would push out what is known.
    pub async fn known<T: Clone + Send + 'static>(
        &self,
        name: String,
        read: impl AsyncFnOnce(&mut Tx) -> Result<Option<T>, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        let known = self.db.known();
        if let Some(found) = known.and_then(|known| known.get(&name)) {
            return Ok(Some(found));
        }
        let changes = known.map(Known::changes);
        let mut tx = self.read().await?;
        let found = read(&mut tx).await?;
        if let (Some(known), Some(changes), Some(found)) = (known, changes, &found) {
            known.keep(changes, name, found.clone());
        }
        Ok(found)
    }
}
