//! Values, rows and transactions, the same for both databases.

use std::fmt;

use lifecycle::time::Timestamp;
use sqlx::postgres::{PgRow, Postgres};
use sqlx::{Row as _, Transaction};

use crate::dialect::{self, Dialect};
use crate::fan_out::Happened;
use crate::known::Known;
use crate::lines::{Asked, Lines};
use crate::sqlite::noting::Noting;
use crate::sqlite::readers::Reader;
use crate::sqlite::writer::Turn;
use crate::sqlite::{self, SqliteRow};
use crate::{audit, events};

/// The storage could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// PostgreSQL.
    #[error("the database: {0}")]
    Postgres(#[from] sqlx::Error),
    /// SQLite.
    #[error("the database: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// The disk under the database did not take it; nothing of it is stored.
    #[error("the database could not make it durable: {0}")]
    NotDurable(std::sync::Arc<rusqlite::Error>),
    /// Half a minute in the queue.
    #[error("the database gave no turn within 30 seconds: more is asked of it than it can do")]
    NoTurn,
    /// What it was decided on is not known to be so any more: it is to be decided anew, in a turn of its own.
    #[error("what this was decided on was changed meanwhile")]
    Stale,
    /// The transaction is over, or the process ends.
    #[error("the transaction was broken off")]
    Over,
    /// The disk under a local database failed: this process writes nothing any more (RF-43).
    #[error("the disk under the database failed; the server has to be started anew")]
    DiskFailed,
    /// What is stored cannot be read.
    #[error("the stored data cannot be read: {0}")]
    Broken(String),
    /// A sealed value does not open: wrong row, changed bytes, unknown key.
    #[error("a sealed value does not open: {0}")]
    Seal(#[from] crate::seal::SealError),
}

impl StoreError {
    /// True when a unique constraint refused the row.
    pub fn is_duplicate(&self) -> bool {
        match self {
            Self::Postgres(sqlx::Error::Database(error)) => error.is_unique_violation(),
            Self::Sqlite(error) => sqlite::is_duplicate(error),
            _ => false,
        }
    }

    /// True when the same transaction, run again from its beginning, may go through: it met another one (RF-42). Nothing
    /// of it was written.
    pub fn is_conflict(&self) -> bool {
        match self {
            Self::Postgres(error) => dialect::means_try_again(error),
            Self::Sqlite(error) => sqlite::is_busy(error),
            Self::NotDurable(error) => sqlite::is_busy(error),
            _ => false,
        }
    }

    /// True when nothing is written by this process any more.
    pub fn is_final(&self) -> bool {
        match self {
            Self::DiskFailed => true,
            Self::Sqlite(error) => sqlite::is_of_disk(error),
            Self::NotDurable(error) => sqlite::is_of_disk(error),
            _ => false,
        }
    }
}

/// A value on its way into a statement.
#[derive(Clone)]
pub enum Value {
    /// BIGINT.
    Int(Option<i64>),
    /// TEXT.
    Text(Option<String>),
    /// BYTEA.
    Bytes(Option<Vec<u8>>),
}

/// PostgreSQL refuses a zero character, which hostile names may hold; neither database keeps it.
pub(crate) fn kept_text(text: String) -> String {
    if text.contains('\0') { text.replace('\0', "") } else { text }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Value(…)")
    }
}

macro_rules! values {
    ($($from:ty => |$it:ident| $make:expr;)*) => {$(
        impl From<$from> for Value {
            fn from($it: $from) -> Self { $make }
        }
    )*};
}

values! {
    i64 => |it| Self::Int(Some(it));
    Option<i64> => |it| Self::Int(it);
    u32 => |it| Self::Int(Some(i64::from(it)));
    bool => |it| Self::Int(Some(i64::from(it)));
    Timestamp => |it| Self::Int(Some(it.as_micros()));
    Option<Timestamp> => |it| Self::Int(it.map(Timestamp::as_micros));
    &str => |it| Self::Text(Some(kept_text(it.to_owned())));
    String => |it| Self::Text(Some(kept_text(it)));
    &String => |it| Self::Text(Some(kept_text(it.clone())));
    Option<&str> => |it| Self::Text(it.map(|text| kept_text(text.to_owned())));
    Option<String> => |it| Self::Text(it.map(kept_text));
    Vec<u8> => |it| Self::Bytes(Some(it));
    Option<Vec<u8>> => |it| Self::Bytes(it);
}

/// One row of an answer.
pub enum Row {
    /// Of SQLite.
    Sqlite(SqliteRow),
    /// Of PostgreSQL.
    Postgres(PgRow),
}

macro_rules! getters {
    ($($(#[$doc:meta])* $name:ident -> $type:ty;)*) => {$(
        $(#[$doc])*
        pub fn $name(&self, column: &str) -> Result<$type, StoreError> {
            Ok(match self {
                Self::Sqlite(row) => row.get::<$type>(column)?,
                Self::Postgres(row) => row.try_get::<$type, _>(column)?,
            })
        }
    )*};
}

impl Row {
    getters! {
        /// A text.
        text -> String;
        /// A text or nothing.
        opt_text -> Option<String>;
        /// A number.
        int -> i64;
        /// A number or nothing.
        opt_int -> Option<i64>;
        /// Bytes.
        bytes -> Vec<u8>;
        /// Bytes or nothing.
        opt_bytes -> Option<Vec<u8>>;
    }

    /// A moment.
    pub fn time(&self, column: &str) -> Result<Timestamp, StoreError> {
        Ok(Timestamp::from_micros(self.int(column)?))
    }

    /// A moment or nothing.
    pub fn opt_time(&self, column: &str) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.opt_int(column)?.map(Timestamp::from_micros))
    }

    /// A yes or no.
    pub fn flag(&self, column: &str) -> Result<bool, StoreError> {
        Ok(self.int(column)? != 0)
    }

    /// An id, or anything else that reads itself from text.
    pub fn parsed<T: std::str::FromStr<Err: fmt::Display>>(&self, column: &str) -> Result<T, StoreError> {
        self.text(column)?.parse().map_err(|error: T::Err| StoreError::Broken(format!("{column}: {error}")))
    }

    /// The same, or nothing.
    pub fn opt_parsed<T: std::str::FromStr<Err: fmt::Display>>(&self, column: &str) -> Result<Option<T>, StoreError> {
        self.opt_text(column)?
            .map(|text| text.parse().map_err(|error: T::Err| StoreError::Broken(format!("{column}: {error}"))))
            .transpose()
    }

    /// A value stored as JSON.
    pub fn json<T: serde::de::DeserializeOwned>(&self, column: &str) -> Result<T, StoreError> {
        serde_json::from_str(&self.text(column)?).map_err(|error| StoreError::Broken(format!("{column}: {error}")))
    }
}

/// JSON on its way into a TEXT column.
pub fn to_json(value: &impl serde::Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Broken(error.to_string()))
}

enum Inner {
    /// Reads. Empty while a long answer is read elsewhere.
    Sqlite(Option<Reader>),
    /// Writes, in its turn.
    Turn(Turn),
    /// Notes lines on what is known, and has no turn.
    Noting(Noting),
    Postgres(Transaction<'static, Postgres>),
}

/// A transaction. Dropping it takes everything back.
pub struct Tx {
    inner: Inner,
    lines: Lines,
    /// What those who subscribed to it are to be told of the lines.
    told: Vec<Happened>,
}

/// Runs a transaction again when it met another one (RF-42). The expression must begin its own.
macro_rules! again {
    ($attempt:expr) => {{
        let mut tries = 0_u32;
        loop {
            match $attempt {
                Err(error) if error.is_conflict() && tries < $crate::driver::TRIES_MAX => {
                    tries += 1;
                    tokio::time::sleep(std::time::Duration::from_millis(u64::from(tries) * 20)).await;
                }
                other => break other,
            }
        }
    }};
}
pub(crate) use again;

/// How often a transaction that met another one is run again before its caller is told.
pub(crate) const TRIES_MAX: u32 = 10;

/// A statement for PostgreSQL. The one place where text becomes a statement: every text comes from this crate's own constants, with
/// dialect suffixes and generated placeholders, never from outside.
fn bound<'q>(sql: &str, values: &[Value]) -> sqlx::query::Query<'q, Postgres, sqlx::postgres::PgArguments> {
    let mut query = sqlx::query::<Postgres>(sqlx::AssertSqlSafe(sql.to_owned()));
    for value in values {
        query = match value.clone() {
            Value::Int(v) => query.bind(v),
            Value::Text(v) => query.bind(v),
            Value::Bytes(v) => query.bind(v),
        };
    }
    query
}

impl Tx {
    fn of(inner: Inner) -> Self {
        Self { inner, lines: Lines::default(), told: vec![] }
    }

    pub(crate) fn reading(reader: Reader) -> Self {
        Self::of(Inner::Sqlite(Some(reader)))
    }

    pub(crate) fn turn(turn: Turn) -> Self {
        Self::of(Inner::Turn(turn))
    }

    pub(crate) fn noting(noting: Noting) -> Self {
        Self::of(Inner::Noting(noting))
    }

    pub(crate) fn postgres(tx: Transaction<'static, Postgres>) -> Self {
        Self::of(Inner::Postgres(tx))
    }

    /// Whether no other node can work on this database: it is a file.
    pub fn is_alone(&self) -> bool {
        self.dialect() == Dialect::Sqlite
    }

    pub(crate) fn dialect(&self) -> Dialect {
        match self.inner {
            Inner::Sqlite(_) | Inner::Turn(_) | Inner::Noting(_) => Dialect::Sqlite,
            Inner::Postgres(_) => Dialect::Postgres,
        }
    }

    /// Runs a statement; how many rows it changed.
    pub async fn run(&mut self, sql: &str, values: &[Value]) -> Result<u64, StoreError> {
        // What is carried out in place never waits: others must have their turn all the same.
        tokio::task::coop::consume_budget().await;
        self.take_turn().await?;
        Ok(match &mut self.inner {
            Inner::Noting(_) => return Err(StoreError::Over),
            Inner::Sqlite(reader) => {
                sqlite::all(reader, sql, values).await?;
                0
            }
            Inner::Turn(turn) => turn.change(sql, values)?,
            Inner::Postgres(tx) => match bound(sql, values).execute(&mut **tx).await {
                Ok(done) => done.rows_affected(),
                Err(error) => return Err(dialect::learned_from(tx, error).await.into()),
            },
        })
    }

    /// All rows of an answer.
    pub async fn all(&mut self, sql: &str, values: &[Value]) -> Result<Vec<Row>, StoreError> {
        tokio::task::coop::consume_budget().await;
        self.take_turn().await?;
        Ok(match &mut self.inner {
            Inner::Noting(_) => return Err(StoreError::Over),
            Inner::Sqlite(reader) => sqlite::all(reader, sql, values).await?.into_iter().map(Row::Sqlite).collect(),
            Inner::Turn(turn) => turn.all(sql, values).await?.into_iter().map(Row::Sqlite).collect(),
            Inner::Postgres(tx) => match bound(sql, values).fetch_all(&mut **tx).await {
                Ok(rows) => rows.into_iter().map(Row::Postgres).collect(),
                Err(error) => return Err(dialect::learned_from(tx, error).await.into()),
            },
        })
    }

    /// The first row, if there is one.
    pub async fn one(&mut self, sql: &str, values: &[Value]) -> Result<Option<Row>, StoreError> {
        Ok(self.all(sql, values).await?.into_iter().next())
    }

    /// Whoever noted lines only, and asks something now, waits for its turn like everybody else.
    async fn take_turn(&mut self) -> Result<(), StoreError> {
        if let Inner::Noting(noting) = &mut self.inner {
            self.inner = Inner::Turn(noting.turn().await?);
        }
        Ok(())
    }

    /// Whether it has to be decided anew, in a transaction that has its turn ([`Store::write`](crate::Store::write)): what it was decided
    /// on was changed meanwhile.
    pub fn is_stale(&self) -> bool {
        if let Inner::Noting(noting) = &self.inner { noting.is_stale() } else { false }
    }

    /// Notes an event; it is written when the transaction is committed, or before the log is read in it.
    pub(crate) fn note(&mut self, event: events::Pending, told: Option<Happened>) {
        self.lines.events.push(event);
        self.told.extend(told);
    }

    /// The same with a row of the audit.
    pub(crate) fn note_audit(&mut self, row: audit::Pending) {
        self.lines.audit.push(row);
    }

    /// What happened that is to be told and was not yet.
    pub(crate) fn take_told(&mut self) -> Vec<Happened> {
        std::mem::take(&mut self.told)
    }

    /// Writes the lines that were noted, for those who are going to read them in this transaction.
    pub(crate) async fn write_lines(&mut self) -> Result<(), StoreError> {
        let lines = std::mem::take(&mut self.lines);
        let rings = !lines.events.is_empty();
        lines.write(self).await?;
        match self.dialect().ring() {
            Some(ring) if rings => self.run(ring, &[]).await.map(drop),
            _ => Ok(()),
        }
    }

    /// The same as [`Store::known`](crate::Store::known), in this transaction.
    pub async fn known<T: Clone + Send + 'static>(
        &mut self,
        name: String,
        read: impl AsyncFnOnce(&mut Self) -> Result<Option<T>, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        let found = match &mut self.inner {
            Inner::Noting(noting) => noting.known(&name),
            _ => self.knows().and_then(|known| known.get(&name)),
        };
        if found.is_some() {
            return Ok(found);
        }
        let found = read(self).await?;
        if let (Some(known), Some(found)) = (self.knows(), &found) {
            // It is this transaction's turn: nothing can have been changed since it was read.
            known.keep(known.changes(), name, found.clone());
        }
        Ok(found)
    }

    /// What is known, where this transaction would read nothing else: it has its turn, and nothing was changed that is not durable yet.
    fn knows(&self) -> Option<&Known> {
        if let Inner::Turn(turn) = &self.inner { turn.knows() } else { None }
    }

    /// Takes everything back, and returns when nobody waits for its rows any more. Dropped, PostgreSQL hears of it a moment later only,
    /// and whoever skips locked rows meanwhile misses them.
    pub(crate) async fn take_back(self) -> Result<(), StoreError> {
        match self.inner {
            Inner::Postgres(tx) => Ok(tx.rollback().await?),
            Inner::Sqlite(_) | Inner::Turn(_) | Inner::Noting(_) => Ok(()),
        }
    }

    /// Makes it durable.
    pub async fn commit(mut self) -> Result<(), StoreError> {
        if let Inner::Turn(_) | Inner::Noting(_) = self.inner {
            events::tell(&mut self).await?;
        } else {
            events::write_noted(&mut self).await?;
        }
        match self.inner {
            Inner::Noting(noting) => noting.commit(self.lines).await?,
            Inner::Sqlite(reader) => drop(reader),
            Inner::Turn(turn) => turn.commit(self.lines).await?,
            Inner::Postgres(tx) => tx.commit().await?,
        }
        Ok(())
    }
}

impl Asked for Tx {
    fn at_once(&self) -> usize {
        match self.dialect() {
            Dialect::Sqlite => 1,
            Dialect::Postgres => LINES_AT_ONCE,
        }
    }

    async fn one(&mut self, sql: &str, values: &[Value]) -> Result<Option<Row>, StoreError> {
        Self::one(self, sql, values).await
    }

    async fn run(&mut self, sql: &str, values: &[Value]) -> Result<(), StoreError> {
        Self::run(self, sql, values).await.map(drop)
    }
}

/// So many lines are written with one statement to a server at the most.
const LINES_AT_ONCE: usize = 64;

/// `$3, $4, $5`: placeholders for a list of so many values, from that number on.
pub(crate) fn placeholders(from: usize, count: usize) -> String {
    (from..from + count).map(|n| format!("${n}")).collect::<Vec<_>>().join(", ")
}
