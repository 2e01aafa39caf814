//! Who is made durable together (group commit).

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use rusqlite::Error;
use tokio::sync::{Mutex as Turns, Notify};

use crate::driver::StoreError;
use crate::fault::DiskFault;
use crate::known::Known;
use crate::lines::Lines;
use crate::sqlite::Conn;
use crate::sqlite::writer::Writer;

/// What became of a group.
pub(crate) type Outcome = Result<(), Arc<Error>>;

/// Transactions that are made durable together.
#[derive(Default)]
pub(crate) struct Group {
    outcome: OnceLock<Outcome>,
    ended: Notify,
}

impl Group {
    pub(crate) fn end(&self, outcome: Outcome) {
        let _ = self.outcome.set(outcome);
        self.ended.notify_waiters();
    }

    /// Returns when it is durable, or is known not to be.
    async fn durable(&self) -> Result<(), StoreError> {
        loop {
            let ended = self.ended.notified();
            match self.outcome.get() {
                Some(Ok(())) => return Ok(()),
                Some(Err(error)) => return Err(StoreError::NotDurable(Arc::clone(error))),
                None => ended.await,
            }
        }
    }
}

/// The group that is open: whoever is done joins it.
#[derive(Default)]
pub(crate) struct Open {
    pub(crate) group: Arc<Group>,
    /// Lines of those in it, not written yet.
    pub(crate) lines: Lines,
    /// Whether something that decisions rest on was changed and is not durable yet.
    pub(crate) changed: bool,
    /// Whether somebody is on the way to make it durable.
    led: bool,
}

/// The one writer of a file, and those who wait for it.
pub(crate) struct Queue {
    /// Whose turn it is; fair.
    pub(crate) writer: Arc<Turns<Writer>>,
    open: Arc<Mutex<Open>>,
    pub(crate) fault: DiskFault,
}

impl Queue {
    pub(crate) fn of(conn: Conn, fault: DiskFault, known: Option<Arc<Known>>) -> Arc<Self> {
        let open = Arc::default();
        let writer = Arc::new(Turns::new(Writer::new(conn, Arc::clone(&open), fault.clone(), known)));
        Arc::new(Self { writer, open, fault })
    }

    /// Joins the open group with these lines, unless `may` finds that they may not be written any more, and returns when that is durable.
    /// What holds the writer is let go in between.
    pub(crate) async fn join(
        &self,
        lines: Lines,
        holds: impl Send,
        may: impl FnOnce(&Open) -> Result<(), StoreError> + Send,
    ) -> Result<(), StoreError> {
        let (group, leads) = {
            let mut open = lock(&self.open);
            may(&open)?;
            open.lines.append(lines);
            (Arc::clone(&open.group), !std::mem::replace(&mut open.led, true))
        };
        drop(holds);
        if leads {
            let (writer, group) = (Arc::clone(&self.writer), Arc::clone(&group));
            // To its end, also when nobody waits for it any more. Behind those who wait for their turn now: they join meanwhile.
            tokio::task::spawn_blocking(move || {
                let mut writer = writer.blocking_lock();
                if group.outcome.get().is_none() {
                    writer.flush();
                }
            });
        }
        group.durable().await
    }
}

pub(crate) fn lock(open: &Mutex<Open>) -> MutexGuard<'_, Open> {
    open.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Open {
    /// Closes the group: what comes now belongs to the next.
    pub(crate) fn close(&mut self) -> (Arc<Group>, Lines) {
        self.led = false;
        (std::mem::take(&mut self.group), std::mem::take(&mut self.lines))
    }
}
