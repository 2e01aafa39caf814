//! The one writer of a SQLite file. Transactions that wait for it share one sync: each runs in a savepoint of its own inside
//! one database transaction, and all are answered after the one commit that makes them durable (group commit).
//!
//! The queue is the mutex, which is fair: who is done queues again behind those who waited meanwhile; the first whose turn comes
//! again commits for all that were done before it. Nobody waits for a timer, and a single writer waits for nobody.
//!
//! Lines of the logs are written for all of them at once: before a transaction asks anything of the connection, and at the end. One that
//! has nothing but lines, and knows what it has to know, asks nothing of it at all.

use std::sync::{Arc, OnceLock};

use rusqlite::Error;
use tokio::sync::{Mutex, Notify, OwnedMutexGuard};

use crate::driver::StoreError;
use crate::fault::DiskFault;
use crate::known::{self, Known};
use crate::lines::Lines;
use crate::sqlite::{self, Conn, Holds, WAIT_MAX};

/// What became of a group.
type Outcome = Result<(), Arc<Error>>;

/// Transactions that are made durable together.
#[derive(Default)]
struct Group {
    outcome: OnceLock<Outcome>,
    ended: Notify,
}

impl Group {
    fn end(&self, outcome: Outcome) {
        let _ = self.outcome.set(outcome);
        self.ended.notify_waiters();
    }
}

/// The connection that writes.
pub(crate) struct Writer {
    conn: Conn,
    /// The open group; `None` while no transaction is open.
    group: Option<Arc<Group>>,
    /// The present transaction has asked something: its savepoint is open.
    asked: bool,
    /// The last transaction was dropped instead of committed: its savepoint is still to be taken back.
    abandoned: bool,
    /// Lines of those in the group that are done.
    lines: Lines,
    /// What is known without reading; `None` where others may change it unseen.
    known: Option<Arc<Known>>,
    /// Whether the group changed something of that.
    changed: bool,
    /// Whether the disk failed.
    fault: DiskFault,
}

impl Writer {
    pub(crate) fn new(conn: Conn, fault: DiskFault, known: Option<Arc<Known>>) -> Arc<Mutex<Self>> {
        let (asked, abandoned, changed) = (false, false, false);
        Arc::new(Mutex::new(Self { conn, group: None, asked, abandoned, lines: Lines::default(), known, changed, fault }))
    }

    fn say(&self, sql: &'static str) -> Result<(), Error> {
        self.conn.say(sql).inspect_err(|error| self.fault.note(error))
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
        self.end(Err(Arc::clone(&error)));
        Err(StoreError::NotDurable(error))
    }

    /// Ends the open group: takes it back where it failed, and tells its members.
    fn end(&mut self, outcome: Outcome) {
        if outcome.is_err() {
            let _ = self.say("ROLLBACK");
        }
        self.lines = Lines::default();
        self.asked = false;
        if std::mem::take(&mut self.changed)
            && let Some(known) = &self.known
        {
            known.changed();
        }
        if let Some(group) = self.group.take() {
            group.end(outcome);
        }
    }

    /// Before the present transaction asks something: what was noted before it is written, and what it does itself can be taken back.
    fn ask(&mut self) -> Result<(), StoreError> {
        if self.group.is_none() || self.conn.is_over() {
            return Err(StoreError::Over);
        }
        if self.asked {
            return Ok(());
        }
        let begun = self.write_lines().and_then(|()| self.say("SAVEPOINT one"));
        self.or_none(begun)?;
        self.asked = true;
        Ok(())
    }

    fn write_lines(&mut self) -> Result<(), Error> {
        if self.lines.is_empty() {
            return Ok(());
        }
        let lines = std::mem::take(&mut self.lines);
        lines.write_now(&mut &self.conn).map_err(|error| {
            let error = if let StoreError::Sqlite(error) = error { error } else { sqlite::no_sense(&error) };
            self.fault.note(&error);
            error
        })
    }

    /// Makes the open group durable: waits for the disk.
    fn flush(&mut self) {
        let _ = self.clean();
        if self.group.is_none() {
            return;
        }
        if self.fault.is_there() {
            // Its pages may never reach the disk, whatever the next sync says.
            return self.end(Err(Arc::new(sqlite::disk_failed())));
        }
        let done = self.write_lines().and_then(|()| self.say("COMMIT"));
        self.end(done.map_err(Arc::new));
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
    queue: Arc<Mutex<Writer>>,
    fault: DiskFault,
    held: Option<Held>,
}

impl Turn {
    /// Waits for the writer and begins.
    pub(crate) async fn begin(queue: &Arc<Mutex<Writer>>) -> Result<Self, StoreError> {
        let waited = tokio::time::timeout(WAIT_MAX, Arc::clone(queue).lock_owned()).await;
        let mut writer = waited.map_err(|_| StoreError::NoTurn)?;
        // A group that fell with the one who left it has been told so; here a new one begins.
        let _ = writer.clean();
        if writer.fault.is_there() {
            return Err(StoreError::DiskFailed);
        }
        if writer.group.is_none() {
            // IMMEDIATE: a transaction that reads first and writes later must not fail half-way.
            writer.say("BEGIN IMMEDIATE")?;
            writer.group = Some(Arc::default());
        }
        let fault = writer.fault.clone();
        Ok(Self { queue: Arc::clone(queue), fault, held: Some(Held(Some(writer))) })
    }

    /// Runs a statement; how many rows it changed.
    pub(crate) fn change(&mut self, sql: &str, values: &[crate::Value]) -> Result<u64, StoreError> {
        let writer = self.ask(sql)?;
        let done = writer.conn.change(sql, values);
        Ok(done.inspect_err(|error| self.fault.note(error))?)
    }

    /// All rows of an answer.
    pub(crate) async fn all(&mut self, sql: &str, values: &[crate::Value]) -> Result<Vec<sqlite::SqliteRow>, StoreError> {
        self.ask(sql)?;
        sqlite::all(&mut self.held, sql, values).await.inspect_err(|error| {
            if let StoreError::Sqlite(error) = error {
                self.fault.note(error);
            }
        })
    }

    fn ask(&mut self, sql: &str) -> Result<&mut Writer, StoreError> {
        let held = self.held.as_mut().and_then(|held| held.0.as_mut()).ok_or(StoreError::Over)?;
        held.ask()?;
        held.changed |= known::is_change(sql);
        Ok(held)
    }

    /// What is known; `None` where the group changed something of it that is not durable yet.
    pub(crate) fn knows(&self) -> Option<&Known> {
        let writer = self.held.as_ref()?.0.as_ref()?;
        writer.known.as_deref().filter(|_| !writer.changed)
    }

    /// Returns when it is durable.
    pub(crate) async fn commit(mut self, lines: Lines) -> Result<(), StoreError> {
        let held = self.held.take().and_then(|mut held| held.0.take());
        let mut writer = held.ok_or(StoreError::Over)?;
        if std::mem::take(&mut writer.asked) {
            let released = writer.say("RELEASE one");
            writer.or_none(released)?;
        }
        writer.lines.append(lines);
        let group = writer.group.clone().ok_or(StoreError::Over)?;
        let ended = group.ended.notified();
        drop(writer);
        tokio::select! {
            biased;
            () = ended => {}
            mut writer = Arc::clone(&self.queue).lock_owned() => {
                if group.outcome.get().is_none() {
                    // To its end, also when nobody waits for it any more.
                    let _ = tokio::task::spawn_blocking(move || writer.flush()).await;
                }
            }
        }
        match group.outcome.get() {
            Some(Ok(())) => Ok(()),
            Some(Err(error)) => Err(StoreError::NotDurable(Arc::clone(error))),
            None => Err(StoreError::Broken("a group of transactions has no end".into())),
        }
    }
}
