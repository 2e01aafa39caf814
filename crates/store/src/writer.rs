//! The one writer of a SQLite file. Transactions that wait for it share one sync: each runs in a savepoint of its own inside
//! one database transaction, and all are answered after the one commit that makes them durable (group commit).
//!
//! The queue is the mutex, which is fair: who is done queues again behind those who waited meanwhile; the first whose turn comes
//! again commits for all that were done before it. Nobody waits for a timer, and a single writer waits for nobody.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::sqlite::{Sqlite, SqliteConnection};
use sqlx::{AssertSqlSafe, Executor as _};
use tokio::sync::{Mutex, Notify, OwnedMutexGuard};

use crate::driver::StoreError;
use crate::fault::DiskFault;

/// How long somebody waits for the writer until that is taken for a fault.
const WAIT_MAX: Duration = Duration::from_secs(30);

/// What became of a group.
type Outcome = Result<(), Arc<sqlx::Error>>;

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
    connection: PoolConnection<Sqlite>,
    /// The open group; `None` while no transaction is open.
    group: Option<Arc<Group>>,
    /// The last transaction was dropped instead of committed: its savepoint is still to be taken back.
    abandoned: bool,
    /// Whether the disk failed.
    fault: DiskFault,
}

impl Writer {
    pub(crate) fn new(connection: PoolConnection<Sqlite>, fault: DiskFault) -> Arc<Mutex<Self>> {
        Arc::new(Mutex::new(Self { connection, group: None, abandoned: false, fault }))
    }

    async fn say(&mut self, sql: &'static str) -> Result<(), sqlx::Error> {
        self.connection.execute(AssertSqlSafe(sql)).await.map(drop).inspect_err(|error| self.fault.note(error))
    }

    /// Takes back what a dropped transaction left. Some errors (a full disk) take back the whole group by themselves.
    async fn clean(&mut self) -> Result<(), sqlx::Error> {
        if !self.abandoned {
            return Ok(());
        }
        let cleaned = match self.say("ROLLBACK TO one").await {
            Ok(()) => self.say("RELEASE one").await,
            failed => failed,
        };
        self.abandoned = false;
        self.or_none(cleaned).await
    }

    /// Passes a success on; after a failure nothing of the group is left, and all its members learn it.
    async fn or_none(&mut self, result: Result<(), sqlx::Error>) -> Result<(), sqlx::Error> {
        let Err(error) = result else { return Ok(()) };
        let _ = self.say("ROLLBACK").await;
        let told = error.to_string();
        if let Some(group) = self.group.take() {
            group.end(Err(Arc::new(error)));
        }
        Err(sqlx::Error::Protocol(told))
    }

    /// Makes the open group durable.
    async fn flush(&mut self) {
        let _ = self.clean().await;
        let Some(group) = self.group.take() else { return };
        if self.fault.is_there() {
            // Its pages may never reach the disk, whatever the next sync says.
            let _ = self.say("ROLLBACK").await;
            return group.end(Err(Arc::new(sqlx::Error::WorkerCrashed)));
        }
        match self.say("COMMIT").await {
            Ok(()) => group.end(Ok(())),
            Err(error) => {
                let _ = self.say("ROLLBACK").await;
                group.end(Err(Arc::new(error)));
            }
        }
    }
}

/// One transaction of the writer. Dropping it takes it back.
pub(crate) struct Turn {
    queue: Arc<Mutex<Writer>>,
    writer: Option<OwnedMutexGuard<Writer>>,
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(writer) = &mut self.writer {
            writer.abandoned = true;
        }
    }
}

impl Turn {
    /// Waits for the writer and begins.
    pub(crate) async fn begin(queue: &Arc<Mutex<Writer>>) -> Result<Self, StoreError> {
        let waited = tokio::time::timeout(WAIT_MAX, Arc::clone(queue).lock_owned()).await;
        let mut writer = waited.map_err(|_| sqlx::Error::PoolTimedOut)?;
        // A group that fell with the one who left it has been told so; here a new one begins.
        let _ = writer.clean().await;
        if writer.fault.is_there() {
            return Err(StoreError::DiskFailed);
        }
        if writer.group.is_none() {
            // IMMEDIATE: a transaction that reads first and writes later must not fail half-way.
            writer.say("BEGIN IMMEDIATE").await?;
            writer.group = Some(Arc::default());
        }
        let begun = writer.say("SAVEPOINT one").await;
        writer.or_none(begun).await?;
        Ok(Self { queue: Arc::clone(queue), writer: Some(writer) })
    }

    pub(crate) fn connection(&mut self) -> Result<&mut SqliteConnection, StoreError> {
        let writer = self.writer.as_mut().ok_or(sqlx::Error::PoolClosed)?;
        Ok(&mut *writer.connection)
    }

    /// An error of a statement is looked at before it is passed on.
    pub(crate) fn noting<T>(&self, result: Result<T, sqlx::Error>) -> Result<T, sqlx::Error> {
        result.inspect_err(|error| {
            if let Some(writer) = &self.writer {
                writer.fault.note(error);
            }
        })
    }

    /// Returns when it is durable.
    pub(crate) async fn commit(mut self) -> Result<(), StoreError> {
        let Some(mut writer) = self.writer.take() else { return Err(sqlx::Error::PoolClosed.into()) };
        let released = writer.say("RELEASE one").await;
        writer.or_none(released).await?;
        let Some(group) = writer.group.clone() else { return Err(sqlx::Error::PoolClosed.into()) };
        let ended = group.ended.notified();
        drop(writer);
        tokio::select! {
            biased;
            () = ended => {}
            mut writer = Arc::clone(&self.queue).lock_owned() => {
                if group.outcome.get().is_none() {
                    // To its end, also when nobody waits for it any more.
                    let _ = tokio::spawn(async move { writer.flush().await }).await;
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
