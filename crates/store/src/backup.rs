//! A whole database as lines of JSON, the same from SQLite and PostgreSQL, and back into either. Secrets stay sealed: without the
//! key file, which is not in it, nobody can use what it holds.
//!
//! First a line that says what it is, then for each table a line with its columns and one line per row, last a line with the
//! number of rows and the hash of all lines before.

use std::io::{BufRead, Write};

use aws_lc_rs::digest::{Context as Hasher, SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use lifecycle::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::dialect::{self, Db, OpenError, migrations};
use crate::driver::{Row, StoreError, Tx, Value, placeholders};
use crate::hold::{self, Mark, Why};

/// The format that is written, and the only one that is read.
const FORMAT: u32 = 1;
/// Rows that are read at once.
const PAGE: u32 = 1000;
/// The most characters of a line that is read.
const LINE_MAX: u64 = 256 << 20;

/// A backup cannot be made, or not be put back; each text says what to do. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The database.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The database, while it was read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file.
    #[error("the backup file cannot be read or written: {0}")]
    File(#[from] std::io::Error),
    /// It is something else.
    #[error("this is no backup of Staygreen")]
    NotOurs,
    /// It is in a format of the future.
    #[error("this backup has format {0}, which this version does not know; restore it with the version that made it, or a newer one")]
    Format(u32),
    /// It was made by a newer version.
    #[error("this backup was made by Staygreen {0}, which is newer than this one; restore it with that version")]
    Newer(String),
    /// It ends too early or was changed.
    #[error("the backup is damaged ({0}); take another one")]
    Damaged(String),
    /// There is something already.
    #[error("the database is not empty: a backup is only put into an empty one. Name another database.url, or move the old one away")]
    NotEmpty,
}

/// The first line.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Head {
    /// The format.
    pub staygreen_backup: u32,
    /// The version that made it.
    pub version: String,
    /// When, in µs since 1970.
    pub made_at: i64,
    /// The last migration of its schema.
    pub schema: i64,
    /// How far the database was.
    pub mark: Mark,
}

#[derive(Debug, Serialize, Deserialize)]
struct Table {
    table: String,
    columns: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct End {
    rows: u64,
    sha256: String,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Int,
    Text,
    Bytes,
}

struct Column {
    name: String,
    kind: Kind,
    /// Its place in the primary key; 0 when it is not in it.
    key: i64,
}

/// Writes lines, counts the rows and hashes everything.
struct Lines<'a> {
    out: &'a mut dyn Write,
    hash: Hasher,
    rows: u64,
}

impl Lines<'_> {
    fn put(&mut self, line: &impl Serialize) -> Result<(), BackupError> {
        let mut text = serde_json::to_vec(line).map_err(|error| StoreError::Broken(error.to_string()))?;
        text.push(b'\n');
        self.hash.update(&text);
        Ok(self.out.write_all(&text)?)
    }
}

/// How many rows are done.
pub type Progress<'a> = &'a mut (dyn FnMut(u64) + Send);

/// Writes everything, as it is at this moment, also while a server works on the database. Gives the number of rows.
///
/// # Errors
/// The database cannot be read, or the file not be written.
pub async fn write(url: &str, out: &mut (dyn Write + Send), now: Timestamp, progress: Progress<'_>) -> Result<u64, BackupError> {
    let mut tx = dialect::snapshot(url).await?;
    let schema = tx.one("SELECT MAX(version) AS version FROM _sqlx_migrations", &[]).await?.ok_or(BackupError::NotOurs)?.int("version")?;
    if schema > migrations::newest() {
        return Err(OpenError::Newer(schema).into());
    }
    // A database that was never marked gets its name when it is put back.
    let mark = hold::known_mark(&mut tx).await?;
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let mut lines = Lines { out: &mut *out, hash: Hasher::new(&SHA256), rows: 0 };
    lines.put(&Head { staygreen_backup: FORMAT, version, made_at: now.as_micros(), schema, mark })?;
    for table in migrations::tables(schema) {
        write_table(&mut tx, table, &mut lines, progress).await?;
    }
    let (rows, hash) = (lines.rows, lines.hash.finish());
    let end = json!({ "end": End { rows, sha256: hex(hash.as_ref()) } });
    out.write_all(format!("{end}\n").as_bytes())?;
    out.flush()?;
    Ok(rows)
}

async fn write_table(tx: &mut Tx, table: &'static str, lines: &mut Lines<'_>, progress: Progress<'_>) -> Result<(), BackupError> {
    let columns = columns(tx, table).await?;
    lines.put(&Table { table: table.into(), columns: columns.iter().map(|column| column.name.clone()).collect() })?;
    let mut keys: Vec<&Column> = columns.iter().filter(|column| column.key > 0).collect();
    keys.sort_by_key(|column| column.key);
    let names = keys.iter().map(|column| column.name.as_str()).collect::<Vec<_>>().join(", ");
    let mut last: Vec<Value> = vec![];
    loop {
        // Page after page by the primary key, which every table has.
        let after = if last.is_empty() { String::new() } else { format!(" WHERE ({names}) > ({})", placeholders(1, last.len())) };
        let rows = tx.all(&format!("SELECT * FROM {table}{after} ORDER BY {names} LIMIT {PAGE}"), &last).await?;
        for row in &rows {
            let cells: Vec<Json> = columns.iter().map(|column| cell(row, column)).collect::<Result<_, StoreError>>()?;
            lines.put(&cells)?;
            lines.rows += 1;
        }
        progress(lines.rows);
        let Some(row) = rows.last().filter(|_| rows.len() == PAGE as usize) else { return Ok(()) };
        last = keys.iter().map(|column| key_of(row, column)).collect::<Result<_, StoreError>>()?;
    }
}

async fn columns(tx: &mut Tx, table: &str) -> Result<Vec<Column>, StoreError> {
    let sql = tx.dialect().columns();
    let rows = tx.all(sql, &[table.into()]).await?;
    let read = |row: &Row| {
        let kind = match row.text("kind")?.to_ascii_lowercase().as_str() {
            "bigint" => Kind::Int,
            "text" => Kind::Text,
            "bytea" => Kind::Bytes,
            other => return Err(StoreError::Broken(format!("a column of type {other} in {table}"))),
        };
        Ok(Column { name: row.text("name")?, kind, key: row.int("pk")? })
    };
    rows.iter().map(read).collect()
}

fn cell(row: &Row, column: &Column) -> Result<Json, StoreError> {
    Ok(match column.kind {
        Kind::Int => row.opt_int(&column.name)?.map_or(Json::Null, Json::from),
        Kind::Text => row.opt_text(&column.name)?.map_or(Json::Null, Json::from),
        Kind::Bytes => row.opt_bytes(&column.name)?.map_or(Json::Null, |bytes| Json::from(STANDARD_NO_PAD.encode(bytes))),
    })
}

fn key_of(row: &Row, column: &Column) -> Result<Value, StoreError> {
    Ok(match column.kind {
        Kind::Int => row.int(&column.name)?.into(),
        Kind::Text => row.text(&column.name)?.into(),
        Kind::Bytes => row.bytes(&column.name)?.into(),
    })
}

/// Reads a backup from beginning to end: whether it is whole, and what it says of itself.
///
/// # Errors
/// It is no backup, of a newer version, damaged or cut off.
pub fn check(file: &mut dyn BufRead) -> Result<Head, BackupError> {
    let mut hash = Hasher::new(&SHA256);
    let mut line = String::new();
    if !next(file, &mut line)? {
        return Err(BackupError::NotOurs);
    }
    let head = serde_json::from_str::<Head>(&line).map_err(|_| BackupError::NotOurs)?;
    if head.staygreen_backup != FORMAT {
        return Err(BackupError::Format(head.staygreen_backup));
    }
    if head.schema > migrations::newest() {
        return Err(BackupError::Newer(head.version));
    }
    let mut rows = 0;
    loop {
        hash.update(line.as_bytes());
        if !next(file, &mut line)? {
            return Err(BackupError::Damaged("its end is missing".into()));
        }
        if let Some(end) = line.strip_prefix("{\"end\":").and_then(|rest| rest.strip_suffix("}\n")) {
            let end: End = serde_json::from_str(end).map_err(|error| BackupError::Damaged(error.to_string()))?;
            let same = end.rows == rows && end.sha256 == hex(hash.finish().as_ref());
            return if same { Ok(head) } else { Err(BackupError::Damaged("it was changed after it was made".into())) };
        }
        rows += u64::from(line.starts_with('['));
    }
}

fn next(file: &mut dyn BufRead, line: &mut String) -> Result<bool, BackupError> {
    line.clear();
    let read = std::io::Read::take(file, LINE_MAX).read_line(line);
    let read = read.map_err(|error| match error.kind() {
        std::io::ErrorKind::InvalidData => BackupError::NotOurs,
        _ => error.into(),
    })?;
    Ok(read > 0)
}

/// Puts a backup that was checked into an empty database, all of it or nothing. `hold`: why the tokens that can be used once are
/// not spent in it, until somebody says that the original is stopped; `None` where the original is known to be.
///
/// # Errors
/// The database is not empty, or does not take it.
pub async fn read(
    url: &str,
    file: &mut (dyn BufRead + Send),
    hold: Option<Why>,
    now: Timestamp,
    progress: Progress<'_>,
) -> Result<u64, BackupError> {
    let mut line = String::new();
    next(file, &mut line)?;
    let head: Head = serde_json::from_str(&line).map_err(|_| BackupError::NotOurs)?;
    let db = Db::open_up_to(url, head.schema).await?;
    let mut tx = db.begin(true).await?;
    if tx.one("SELECT id FROM organisations LIMIT 1", &[]).await?.is_some() {
        return Err(BackupError::NotEmpty);
    }
    for table in migrations::tables(head.schema).iter().rev() {
        tx.run(&format!("DELETE FROM {table}"), &[]).await?;
    }
    let (mut rows, mut into) = (0, None);
    while next(file, &mut line)? && !line.starts_with("{\"end\":") {
        if line.starts_with('{') {
            into = Some(Into::of(&mut tx, &line, head.schema).await?);
            continue;
        }
        let table = into.as_ref().ok_or_else(|| BackupError::Damaged("a row without its table".into()))?;
        tx.run(&table.insert, &table.values(&line)?).await?;
        rows += 1;
        if rows % u64::from(PAGE) == 0 {
            progress(rows);
        }
    }
    // Whoever held something was a process of the original.
    tx.run("UPDATE grants SET lease_node = NULL, lease_until = NULL", &[]).await?;
    tx.run("DELETE FROM sessions", &[]).await?;
    hold::unmarked(&mut tx).await?;
    if let Some(why) = hold {
        hold::begin(&mut tx, why, now).await?;
    }
    tx.commit().await?;
    progress(rows);
    Ok(rows)
}

/// A table that rows are put into.
struct Into {
    insert: String,
    kinds: Vec<Kind>,
}

impl Into {
    async fn of(tx: &mut Tx, line: &str, schema: i64) -> Result<Self, BackupError> {
        let damaged = |what: &str| BackupError::Damaged(what.to_owned());
        let table: Table = serde_json::from_str(line).map_err(|error| BackupError::Damaged(error.to_string()))?;
        // Names go into statements: only those of our own schema.
        let known =
            migrations::tables(schema).into_iter().find(|known| *known == table.table).ok_or_else(|| damaged("an unknown table"))?;
        let here = columns(tx, known).await?;
        let kind = |name: &String| here.iter().find(|column| column.name == *name).map(|column| column.kind);
        let kinds: Option<Vec<Kind>> = table.columns.iter().map(kind).collect();
        let kinds = kinds.filter(|kinds| !kinds.is_empty()).ok_or_else(|| damaged("an unknown column"))?;
        let insert = format!("INSERT INTO {known} ({}) VALUES ({})", table.columns.join(", "), placeholders(1, kinds.len()));
        Ok(Self { insert, kinds })
    }

    fn values(&self, line: &str) -> Result<Vec<Value>, BackupError> {
        let damaged = || BackupError::Damaged("a row that does not fit its table".into());
        let cells: Vec<Json> = serde_json::from_str(line).map_err(|_| damaged())?;
        if cells.len() != self.kinds.len() {
            return Err(damaged());
        }
        let value = |(kind, cell): (&Kind, &Json)| match (kind, cell) {
            (Kind::Int, Json::Null) => Some(Value::Int(None)),
            (Kind::Text, Json::Null) => Some(Value::Text(None)),
            (Kind::Bytes, Json::Null) => Some(Value::Bytes(None)),
            (Kind::Int, cell) => cell.as_i64().map(Value::from),
            (Kind::Text, cell) => cell.as_str().map(Value::from),
            (Kind::Bytes, cell) => cell.as_str().and_then(|text| STANDARD_NO_PAD.decode(text).ok()).map(Value::from),
        };
        self.kinds.iter().zip(&cells).map(value).collect::<Option<Vec<_>>>().ok_or_else(damaged)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
