//! Lines of the two logs, the history and the audit, on their way. A transaction notes them, and they get their positions when it is
//! committed: the counters that everybody needs are then held for a moment only, and never while a transaction still waits for other
//! rows. On SQLite those of all transactions that are made durable together are written together.

use std::borrow::Cow;

use futures_util::FutureExt as _;

use crate::audit;
use crate::driver::{Row, StoreError, Value, placeholders};
use crate::events;

/// Lines that have no positions yet, in their order.
#[derive(Default)]
pub(crate) struct Lines {
    pub(crate) events: Vec<events::Pending>,
    pub(crate) audit: Vec<audit::Pending>,
}

/// A statement with its values.
pub(crate) type Statement = (Cow<'static, str>, Vec<Value>);

impl Lines {
    pub(crate) fn is_empty(&self) -> bool {
        self.events.is_empty() && self.audit.is_empty()
    }

    /// Puts those of a transaction behind those of the ones before it.
    pub(crate) fn append(&mut self, mut later: Self) {
        self.events.append(&mut later.events);
        self.audit.append(&mut later.audit);
    }

    /// Writes them all.
    pub(crate) async fn write(self, to: &mut impl Asked) -> Result<(), StoreError> {
        if !self.events.is_empty() {
            let last = position(to.one(events::NEXT, &[number(self.events.len()).into()]).await?.as_ref())?;
            for (sql, values) in events::insert(self.events, last, to.at_once()) {
                to.run(&sql, &values).await?;
            }
        }
        if !self.audit.is_empty() {
            let last = position(to.one(audit::NEXT, &[number(self.audit.len()).into()]).await?.as_ref())?;
            let before = to.one(audit::HASH_AT, &[audit::before(last, self.audit.len()).into()]).await?;
            for (sql, values) in audit::insert(self.audit, last, before.as_ref(), to.at_once())? {
                to.run(&sql, &values).await?;
            }
        }
        Ok(())
    }

    /// The same on a connection that answers at once.
    pub(crate) fn write_now(self, to: &mut impl Asked) -> Result<(), StoreError> {
        self.write(to).now_or_never().unwrap_or(Err(StoreError::Over))
    }
}

/// Whom lines are written to.
pub(crate) trait Asked {
    /// How many rows one statement writes at the most.
    fn at_once(&self) -> usize;
    /// The first row of an answer.
    async fn one(&mut self, sql: &str, values: &[Value]) -> Result<Option<Row>, StoreError>;
    /// Runs a statement.
    async fn run(&mut self, sql: &str, values: &[Value]) -> Result<(), StoreError>;
}

/// The text of a statement that writes so many rows.
pub(crate) fn insert_into(table: &str, names: &str, columns: usize, rows: usize) -> String {
    let places: Vec<String> = (0..rows).map(|row| format!("({})", placeholders(row * columns + 1, columns))).collect();
    format!("INSERT INTO {table} ({names}) VALUES {}", places.join(", "))
}

/// Rows in statements of so many at the most.
pub(crate) fn in_statements<const COLUMNS: usize>(
    rows: impl Iterator<Item = [Value; COLUMNS]>,
    at_once: usize,
    text: impl Fn(usize) -> Cow<'static, str>,
) -> Vec<Statement> {
    let (mut rows, mut statements) = (rows.peekable(), vec![]);
    while rows.peek().is_some() {
        let values: Vec<Value> = rows.by_ref().take(at_once).flatten().collect();
        statements.push((text(values.len() / COLUMNS), values));
    }
    statements
}

/// A number of lines.
pub(crate) fn number(lines: usize) -> i64 {
    i64::try_from(lines).unwrap_or(i64::MAX)
}

fn position(row: Option<&Row>) -> Result<i64, StoreError> {
    row.ok_or_else(|| StoreError::Broken("no position".into()))?.int("value")
}
