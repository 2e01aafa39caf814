//! The connections that read a SQLite file, each for one transaction at a time: one look at everything as it is at that moment.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::driver::StoreError;
use crate::sqlite::{Conn, Holds, WAIT_MAX};

/// How many transactions read at once.
const AT_ONCE: usize = 8;

/// The connections of one file.
pub(crate) struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Conn>>,
    permits: Arc<Semaphore>,
}

impl Readers {
    /// Connections are opened when they are needed, the first at once: what cannot be read is known at the start.
    pub(crate) fn open(path: PathBuf) -> Result<Arc<Self>, rusqlite::Error> {
        let first = Conn::to_read(&path)?;
        Ok(Arc::new(Self { path, idle: Mutex::new(vec![first]), permits: Arc::new(Semaphore::new(AT_ONCE)) }))
    }

    /// Begins a transaction.
    pub(crate) async fn begin(self: &Arc<Self>) -> Result<Reader, StoreError> {
        let permit = tokio::time::timeout(WAIT_MAX, Arc::clone(&self.permits).acquire_owned()).await;
        let permit = permit.map_err(|_| StoreError::NoTurn)?.map_err(|_| StoreError::Over)?;
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let conn = idle.map_or_else(|| Conn::to_read(&self.path), Ok)?;
        conn.say("BEGIN")?;
        Ok(Reader { conn: Some(conn), home: Arc::clone(self), _permit: permit })
    }
}

/// A transaction that reads.
pub(crate) struct Reader {
    /// There until it is dropped.
    conn: Option<Conn>,
    home: Arc<Readers>,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Reader {
    fn drop(&mut self) {
        let Some(conn) = self.conn.take() else { return };
        // One that cannot end its transaction is closed instead.
        if conn.say("ROLLBACK").is_ok() {
            self.home.idle.lock().unwrap_or_else(PoisonError::into_inner).push(conn);
        }
    }
}

impl Holds for Reader {
    fn conn(&self) -> Option<&Conn> {
        self.conn.as_ref()
    }
}
