//! A connection to a SQLite file. Statements are carried out in place, on the thread that asks: most of them take a few
//! microseconds, and handing them to another thread and back would take ten times that. What takes longer than a moment is broken
//! off and carried out again on a thread that may wait.

pub(crate) mod noting;
pub(crate) mod queue;
pub(crate) mod readers;
pub(crate) mod schema;
pub(crate) mod writer;

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::types::{Value as Kept, ValueRef};
use rusqlite::{CachedStatement, Connection, Error, OpenFlags, ffi};

use crate::driver::{Row, StoreError, Value};
use crate::lines::Asked;

/// So many steps of SQLite's machine are taken between two looks at how long a statement has run.
const STEPS: i32 = 1_000;
/// After so many looks a statement that reads is broken off: one or two milliseconds.
const MOMENT: u32 = 100;
/// It may take what it takes.
const UNLIMITED: u32 = u32::MAX;
/// How many prepared statements a connection keeps: the lists' filters make many texts.
const PREPARED: usize = 256;
/// Of so many texts it knows what there is to know, before it forgets them all.
const NAMED: usize = 4 * PREPARED;
/// A statement that takes longer is told of.
const SLOW: Duration = Duration::from_secs(1);
/// How long somebody waits for a turn until that is taken for a fault.
const WAIT_MAX: Duration = Duration::from_secs(30);
/// How long a lock of somebody else on the file is waited for.
const BUSY: Duration = Duration::from_secs(10);

/// A connection. It is used by one transaction at a time.
pub(crate) struct Conn {
    db: Connection,
    /// How many looks the present statement has left.
    left: Arc<AtomicU32>,
    /// What is known of statements. Boxed, since a connection moves with its transaction.
    shapes: Box<RefCell<HashMap<String, Arc<Shape>>>>,
}

/// What SQLite would spell out each time a statement is carried out.
struct Shape {
    /// What the columns of its answers are called: each row needs it.
    columns: Arc<[String]>,
    /// Which value each of its parameters takes, from 0 on. To SQLite `$2` is a name, and counted where it first stands.
    parameters: Vec<usize>,
}

impl Shape {
    fn of(statement: &CachedStatement<'_>) -> Option<Self> {
        let number = |at| statement.parameter_name(at)?.get(1..)?.parse::<usize>().ok()?.checked_sub(1);
        let parameters = (1..=statement.parameter_count()).map(number).collect::<Option<_>>()?;
        Some(Self { columns: statement.column_names().into_iter().map(str::to_owned).collect(), parameters })
    }
}

impl Conn {
    /// Opens a file for reading and writing, or makes it. FULL: a spent one-time token must survive a power cut (RF-17).
    pub(crate) fn to_write(path: &Path) -> Result<Self, Error> {
        let conn = Self::open(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
        conn.db.pragma_update(None, "journal_mode", "WAL")?;
        conn.db.pragma_update(None, "synchronous", "FULL")?;
        Ok(conn)
    }

    /// Opens a file that is there for reading only.
    pub(crate) fn to_read(path: &Path) -> Result<Self, Error> {
        Self::open(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
    }

    fn open(path: &Path, flags: OpenFlags) -> Result<Self, Error> {
        let db = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        db.busy_timeout(BUSY)?;
        // What a savepoint may have to take back is kept in memory, not in a file that is made and removed each time.
        db.pragma_update(None, "temp_store", "MEMORY")?;
        // A prepared statement stays prepared, whatever values it gets.
        db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        db.pragma_update(None, "foreign_keys", true)?;
        db.set_prepared_statement_cache_capacity(PREPARED);
        let left = Arc::new(AtomicU32::new(UNLIMITED));
        let looks = Arc::clone(&left);
        db.progress_handler(
            STEPS,
            Some(move || {
                let left = looks.load(Ordering::Relaxed);
                if left != UNLIMITED {
                    looks.store(left.saturating_sub(1), Ordering::Relaxed);
                }
                left == 0
            }),
        )?;
        Ok(Self { db, left, shapes: Box::default() })
    }

    /// Which SQLite this is.
    pub(crate) fn version() -> &'static str {
        rusqlite::version()
    }

    /// Whether no transaction is open: some errors (a full disk) take it back by themselves.
    pub(crate) fn is_over(&self) -> bool {
        self.db.is_autocommit()
    }

    /// Says something that has neither values nor an answer, also several statements at once.
    pub(crate) fn say(&self, sql: &str) -> Result<(), Error> {
        self.left.store(UNLIMITED, Ordering::Relaxed);
        // The few words of transactions are said again and again.
        if sql.contains(';') { self.db.execute_batch(sql) } else { self.change(sql, &[]).map(drop) }
    }

    /// Runs a statement; how many rows it changed.
    pub(crate) fn change(&self, sql: &str, values: &[Value]) -> Result<u64, Error> {
        let _told = Told::of(sql);
        let (mut statement, _) = self.prepared(sql, values, UNLIMITED)?;
        let reads = statement.readonly();
        let mut rows = statement.raw_query();
        while rows.next()?.is_some() {}
        Ok(if reads { 0 } else { self.db.changes() })
    }

    /// All rows of an answer, however long it takes.
    pub(crate) fn answer(&self, sql: &str) -> Result<Vec<SqliteRow>, Error> {
        self.rows(sql, &[], UNLIMITED).map(Option::unwrap_or_default)
    }

    /// All rows of an answer; `None` when a statement that only reads took longer than a moment.
    fn rows(&self, sql: &str, values: &[Value], looks: u32) -> Result<Option<Vec<SqliteRow>>, Error> {
        let _told = Told::of(sql);
        let (mut statement, shape) = self.prepared(sql, values, looks)?;
        let columns = &shape.columns;
        let (mut rows, mut all) = (statement.raw_query(), vec![]);
        loop {
            match rows.next() {
                Ok(Some(row)) => {
                    let values = (0..columns.len()).map(|at| row.get_ref(at).and_then(kept)).collect::<Result<_, _>>()?;
                    all.push(SqliteRow { columns: Arc::clone(columns), values });
                }
                Ok(None) => return Ok(Some(all)),
                Err(error) if code(&error) == Some(ffi::SQLITE_INTERRUPT) => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }

    fn shape_of(&self, sql: &str, statement: &CachedStatement<'_>) -> Option<Arc<Shape>> {
        let mut known = self.shapes.borrow_mut();
        // A table that got a column meanwhile answers `*` with one more.
        if let Some(shape) = known.get(sql).filter(|shape| shape.columns.len() == statement.column_count()) {
            return Some(Arc::clone(shape));
        }
        if known.len() >= NAMED {
            known.clear();
        }
        let shape = Arc::new(Shape::of(statement)?);
        known.insert(sql.to_owned(), Arc::clone(&shape));
        Some(shape)
    }

    fn prepared(&self, sql: &str, values: &[Value], looks: u32) -> Result<(CachedStatement<'_>, Arc<Shape>), Error> {
        let mut statement = self.db.prepare_cached(sql)?;
        let count = statement.parameter_count();
        let shape = self.shape_of(sql, &statement).ok_or(Error::InvalidParameterCount(values.len(), count))?;
        for (at, number) in (1..).zip(&shape.parameters) {
            match values.get(*number).ok_or(Error::InvalidParameterCount(values.len(), at))? {
                Value::Int(value) => statement.raw_bind_parameter(at, value)?,
                Value::Text(value) => statement.raw_bind_parameter(at, value)?,
                Value::Bytes(value) => statement.raw_bind_parameter(at, value)?,
            }
        }
        self.left.store(if statement.readonly() { looks } else { UNLIMITED }, Ordering::Relaxed);
        Ok((statement, shape))
    }
}

/// Tells how long a statement took when it is over: those that are slow in every log, all in the most detailed one. Values are never told.
struct Told<'a> {
    sql: &'a str,
    began: Instant,
}

impl<'a> Told<'a> {
    fn of(sql: &'a str) -> Self {
        Self { sql, began: Instant::now() }
    }
}

impl Drop for Told<'_> {
    fn drop(&mut self) {
        let (sql, micros) = (self.sql, self.began.elapsed().as_micros());
        if self.began.elapsed() >= SLOW {
            tracing::warn!(sql, micros, "store: a statement took long");
        } else {
            tracing::trace!(sql, micros, "store: statement");
        }
    }
}

/// Whoever holds a connection for the length of a transaction. Dropped, it takes the transaction back.
pub(crate) trait Holds: Send + 'static {
    /// The connection; `None` once it was given back.
    fn conn(&self) -> Option<&Conn>;
}

/// All rows of an answer. While a long one is read on a thread of its own, its holder is there too.
pub(crate) async fn all<H: Holds>(holder: &mut Option<H>, sql: &str, values: &[Value]) -> Result<Vec<SqliteRow>, StoreError> {
    let conn = holder.as_ref().and_then(Holds::conn).ok_or(StoreError::Over)?;
    if let Some(rows) = conn.rows(sql, values, MOMENT)? {
        return Ok(rows);
    }
    let held = holder.take();
    let (sql, values) = (sql.to_owned(), values.to_vec());
    let long = tokio::task::spawn_blocking(move || {
        let conn = held.as_ref().and_then(Holds::conn).ok_or(StoreError::Over);
        let rows = conn.and_then(|conn| Ok(conn.rows(&sql, &values, UNLIMITED)?));
        (held, rows)
    });
    let (held, rows) = long.await.map_err(|_| StoreError::Over)?;
    *holder = held;
    Ok(rows?.unwrap_or_default())
}

/// One row of an answer.
pub struct SqliteRow {
    columns: Arc<[String]>,
    values: Vec<Kept>,
}

impl SqliteRow {
    pub(crate) fn get<T: FromKept>(&self, column: &str) -> Result<T, StoreError> {
        let at = self.columns.iter().position(|name| name == column);
        let value =
            at.and_then(|at| self.values.get(at)).ok_or_else(|| StoreError::Broken(format!("{column}: there is no such column")))?;
        T::from_kept(value).ok_or_else(|| StoreError::Broken(format!("{column}: another type than is asked for")))
    }
}

/// A value as SQLite kept it, in our three types.
pub(crate) trait FromKept: Sized {
    /// `None` where it is of another type.
    fn from_kept(value: &Kept) -> Option<Self>;
}

impl FromKept for i64 {
    fn from_kept(value: &Kept) -> Option<Self> {
        if let Kept::Integer(number) = value { Some(*number) } else { None }
    }
}

impl FromKept for String {
    fn from_kept(value: &Kept) -> Option<Self> {
        if let Kept::Text(text) = value { Some(text.clone()) } else { None }
    }
}

impl FromKept for Vec<u8> {
    fn from_kept(value: &Kept) -> Option<Self> {
        if let Kept::Blob(bytes) = value { Some(bytes.clone()) } else { None }
    }
}

impl<T: FromKept> FromKept for Option<T> {
    fn from_kept(value: &Kept) -> Option<Self> {
        if *value == Kept::Null { Some(None) } else { T::from_kept(value).map(Some) }
    }
}

fn kept(value: ValueRef<'_>) -> Result<Kept, Error> {
    Ok(match value {
        ValueRef::Null => Kept::Null,
        ValueRef::Integer(number) => Kept::Integer(number),
        ValueRef::Real(number) => Kept::Real(number),
        ValueRef::Text(text) => Kept::Text(std::str::from_utf8(text).map_err(|error| Error::Utf8Error(0, error))?.to_owned()),
        ValueRef::Blob(bytes) => Kept::Blob(bytes.to_vec()),
    })
}

/// The extended result code (<https://www.sqlite.org/rescode.html>), where it is an error of SQLite itself.
pub(crate) fn code(error: &Error) -> Option<i32> {
    error.sqlite_error().map(|error| error.extended_code)
}

/// A unique index or a primary key refused the row.
pub(crate) fn is_duplicate(error: &Error) -> bool {
    matches!(code(error), Some(ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY))
}

/// Somebody else has the lock: the same again may go through.
pub(crate) fn is_busy(error: &Error) -> bool {
    code(error).is_some_and(|code| code & 0xff == ffi::SQLITE_BUSY)
}

/// Reads, writes and syncs that failed. A full disk is an error of its own, and so is a lack of memory, which is an I/O error by
/// number only.
pub(crate) fn is_of_disk(error: &Error) -> bool {
    code(error).is_some_and(|code| code & 0xff == ffi::SQLITE_IOERR && code != ffi::SQLITE_IOERR_NOMEM)
}

impl Asked for &Conn {
    /// Carried out in place: a longer statement saves nothing.
    fn at_once(&self) -> usize {
        1
    }

    async fn one(&mut self, sql: &str, values: &[Value]) -> Result<Option<Row>, StoreError> {
        let rows = self.rows(sql, values, UNLIMITED)?.unwrap_or_default();
        Ok(rows.into_iter().next().map(Row::Sqlite))
    }

    async fn run(&mut self, sql: &str, values: &[Value]) -> Result<(), StoreError> {
        Ok(self.change(sql, values).map(drop)?)
    }
}

/// What was asked of SQLite makes no sense to us.
pub(crate) fn no_sense(error: &StoreError) -> Error {
    Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_ERROR), Some(error.to_string()))
}

/// What is said to those who still wait when the disk has failed.
pub(crate) fn disk_failed() -> Error {
    Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_IOERR), Some("the disk under the database failed before".to_owned()))
}
