//! The one writer of a SQLite file. Transactions that wait for it share one sync: each runs in a savepoint of its own inside
//! one database transaction, and all are answered after the one commit that makes them durable (group commit).
//!
//! Whoever has a turn is alone at the connection, and turns are fair. The first who is done goes to make the group durable, and waits for
//! that behind those who wait for their turn already: they join the group meanwhile. Nobody waits for a timer, and a single writer waits
//! for nobody.
//!
//! Lines of the logs are written for all of them at once: before a transaction asks anything of the connection, and at the end. One that
//! has nothing but lines, and knows what it has to know, asks nothing of it at all, and needs no turn (`noting.rs`).

use std::sync::{Arc, Mutex};

use rusqlite::Error;
use tokio::sync::OwnedMutexGuard;

use crate::driver::StoreError;
use crate::fault::DiskFault;
use crate::known::{self, Known};
use crate::lines::Lines;
use crate::sqlite::queue::{Group, Open, Outcome, Queue, lock};
use crate::sqlite::{self, Conn, Holds, WAIT_MAX};

/// The connection that writes.
pub(crate) struct Writer {
    conn: Conn,
    /// The group that is open.
    open: Arc<Mutex<Open>>,
    /// A database transaction has begun.
    begun: bool,
    /// The present transaction has asked something: its savepoint is open.
    asked: bool,
    /// The last transaction was dropped instead of committed: its savepoint is still to be taken back.
    abandoned: bool,
    /// What is known without reading; `None` where others may change it unseen.
    known: Option<Arc<Known>>,
    /// Whether the disk failed.
    fault: DiskFault,
}

impl Writer {
    pub(crate) fn new(conn: Conn, open: Arc<Mutex<Open>>, fault: DiskFault, known: Option<Arc<Known>>) -> Self {
        Self { conn, open, begun: false, asked: false, abandoned: false, known, fault }
    }

    fn say(&self, sql: &'static str) -> Result<(), Error> {
        self.conn.say(sql).inspect_err(|error| self.fault.note(error))
    }

    /// Begins, unless that was done for somebody of the group before.
    fn begin(&mut self) -> Result<(), Error> {
        if !self.begun {
            // IMMEDIATE: a transaction that reads first and writes later must not fail half-way.
            self.say("BEGIN IMMEDIATE")?;
            self.begun = true;
        }
        Ok(())
    }

    /// Takes back what a dropped transaction left. Some errors (a full disk) take back the whole group by themselves.
    fn clean(&mut self) -> Result<(), StoreError> {
        if !self.abandoned {
            return Ok(());
        }
        let cleaned = self.say("ROLLBACK TO one").and_then(|()| self.say("RELEASE one"));
        self.abandoned = false;
        self.or_none(cleaned)
    }

    /// Passes a success on; after a failure nothing of the group is left, and all its members learn it.
    fn or_none(&mut self, result: Result<(), Error>) -> Result<(), StoreError> {
        let Err(error) = result else { return Ok(()) };
        let error = Arc::new(error);
        let (group, _) = lock(&self.open).close();
        self.end(&group, Err(Arc::clone(&error)));
        Err(StoreError::NotDurable(error))
    }

    /// Ends a group that was closed: takes it back where it failed, and tells its members.
    fn end(&mut self, group: &Group, outcome: Outcome) {
        if outcome.is_err() {
            let _ = self.say("ROLLBACK");
        }
        self.begun = false;
        self.asked = false;
        // In one moment: whoever looks finds a change that is not durable, or one more that is.
        let mut open = lock(&self.open);
        if std::mem::take(&mut open.changed)
            && let Some(known) = &self.known
        {
            known.changed();
        }
        drop(open);
        group.end(outcome);
    }

    /// Before the present transaction asks something: what was noted before it is written, and what it does itself can be taken back.
    fn ask(&mut self, sql: &str) -> Result<(), StoreError> {
        if !self.begun || self.conn.is_over() {
            return Err(StoreError::Over);
        }
        let lines = {
            let mut open = lock(&self.open);
            // From here on nobody takes what is known for what is so.
            open.changed |= known::is_change(sql);
            // What is noted while its savepoint is open waits: it would be taken back with it.
            if self.asked {
                return Ok(());
            }
            std::mem::take(&mut open.lines)
        };
        let begun = self.write_lines(lines).and_then(|()| self.say("SAVEPOINT one"));
        self.or_none(begun)?;
        self.asked = true;
        Ok(())
    }

    fn write_lines(&mut self, lines: Lines) -> Result<(), Error> {
        if lines.is_empty() {
            return Ok(());
        }
        lines.write_now(&mut &self.conn).map_err(|error| {
            let error = if let StoreError::Sqlite(error) = error { error } else { sqlite::no_sense(&error) };
            self.fault.note(&error);
            error
        })
    }

    /// Makes the open group durable: waits for the disk. Who comes meanwhile belongs to the next.
    pub(crate) fn flush(&mut self) {
        let _ = self.clean();
        let (group, lines) = {
            let mut open = lock(&self.open);
            if !self.begun && open.lines.is_empty() {
                return;
            }
            open.close()
        };
        if self.fault.is_there() {
            // Its pages may never reach the disk, whatever the next sync says.
            return self.end(&group, Err(Arc::new(sqlite::disk_failed())));
        }
        let done = self.begin().and_then(|()| self.write_lines(lines)).and_then(|()| self.say("COMMIT"));
        self.end(&group, done.map_err(Arc::new));
    }
}

/// Whose turn it is at the writer.
pub(crate) struct Held(Option<OwnedMutexGuard<Writer>>);

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(writer) = &mut self.0 {
            writer.abandoned = std::mem::take(&mut writer.asked);
        }
    }
}

impl Holds for Held {
    fn conn(&self) -> Option<&Conn> {
        self.0.as_ref().map(|writer| &writer.conn)
    }
}

/// One transaction of the writer. Dropping it takes it back.
pub(crate) struct Turn {
    queue: Arc<Queue>,
    held: Option<Held>,
}

impl Turn {
    /// Waits for the writer and begins.
    pub(crate) async fn begin(queue: &Arc<Queue>) -> Result<Self, StoreError> {
        let waited = tokio::time::timeout(WAIT_MAX, Arc::clone(&queue.writer).lock_owned()).await;
        let mut writer = waited.map_err(|_| StoreError::NoTurn)?;
        // A group that fell with the one who left it has been told so; here a new one begins.
        let _ = writer.clean();
        if queue.fault.is_there() {
            return Err(StoreError::DiskFailed);
        }
        writer.begin()?;
        Ok(Self { queue: Arc::clone(queue), held: Some(Held(Some(writer))) })
    }

    /// What `look` finds in the open group. It is this transaction's turn: nobody else changes what decisions rest on.
    pub(crate) fn at<T>(&self, look: impl FnOnce(&Open) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let writer = self.held.as_ref().and_then(|held| held.0.as_ref()).ok_or(StoreError::Over)?;
        look(&lock(&writer.open))
    }

    /// Runs a statement; how many rows it changed.
    pub(crate) fn change(&mut self, sql: &str, values: &[crate::Value]) -> Result<u64, StoreError> {
        let writer = self.ask(sql)?;
        let done = writer.conn.change(sql, values);
        Ok(done.inspect_err(|error| self.queue.fault.note(error))?)
    }

    /// All rows of an answer.
    pub(crate) async fn all(&mut self, sql: &str, values: &[crate::Value]) -> Result<Vec<sqlite::SqliteRow>, StoreError> {
        self.ask(sql)?;
        sqlite::all(&mut self.held, sql, values).await.inspect_err(|error| {
            if let StoreError::Sqlite(error) = error {
                self.queue.fault.note(error);
            }
        })
    }

    fn ask(&mut self, sql: &str) -> Result<&mut Writer, StoreError> {
        let held = self.held.as_mut().and_then(|held| held.0.as_mut()).ok_or(StoreError::Over)?;
        held.ask(sql)?;
        Ok(held)
    }

    /// What is known; `None` where the group changed something of it that is not durable yet.
    pub(crate) fn knows(&self) -> Option<&Known> {
        let writer = self.held.as_ref()?.0.as_ref()?;
        let changed = lock(&writer.open).changed;
        writer.known.as_deref().filter(|_| !changed)
    }

    /// Returns when it is durable.
    pub(crate) async fn commit(mut self, lines: Lines) -> Result<(), StoreError> {
        let held = self.held.take().and_then(|mut held| held.0.take());
        let mut writer = held.ok_or(StoreError::Over)?;
        if std::mem::take(&mut writer.asked) {
            let released = writer.say("RELEASE one");
            writer.or_none(released)?;
        }
        self.queue.join(lines, writer, |_| Ok(())).await
    }
}
