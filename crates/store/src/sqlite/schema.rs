//! Migrations of a SQLite file, for sqlx's migrator: it knows which are missing, foreign or changed; here they are carried out. The
//! table is the one it keeps in PostgreSQL too.

use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use rusqlite::Error;
use sqlx::migrate::{AppliedMigration, Migrate, MigrateError, Migration};

use crate::driver::{StoreError, Value};
use crate::sqlite::{Conn, SqliteRow};

/// The file whose schema is brought up to date.
pub(crate) struct Schema<'a> {
    conn: &'a Conn,
    /// What SQLite said, where a step failed: the migrator has no words of it.
    pub(crate) failure: Option<StoreError>,
}

impl<'a> Schema<'a> {
    pub(crate) fn of(conn: &'a Conn) -> Self {
        Self { conn, failure: None }
    }

    fn noted<T>(&mut self, result: Result<T, StoreError>) -> Result<T, MigrateError> {
        result.map_err(|error| {
            self.failure = Some(error);
            MigrateError::Execute(sqlx::Error::WorkerCrashed)
        })
    }

    fn applied(&self, table: &str) -> Result<Vec<AppliedMigration>, StoreError> {
        let rows = self.conn.answer(&format!("SELECT version, checksum FROM {table} ORDER BY version"))?;
        let read =
            |row: &SqliteRow| Ok(AppliedMigration { version: row.get("version")?, checksum: row.get::<Vec<u8>>("checksum")?.into() });
        rows.iter().map(read).collect()
    }

    /// The script and the row that says it was carried out, or neither.
    fn carry_out(&self, table: &str, migration: &Migration) -> Result<Duration, StoreError> {
        let began = Instant::now();
        self.conn.say("BEGIN IMMEDIATE")?;
        let done = self.script(table, migration, began).and_then(|()| self.conn.say("COMMIT"));
        if done.is_err() {
            let _ = self.conn.say("ROLLBACK");
        }
        Ok(done.map(|()| began.elapsed())?)
    }

    fn script(&self, table: &str, migration: &Migration, began: Instant) -> Result<(), Error> {
        self.conn.say(migration.sql.as_str())?;
        let took = i64::try_from(began.elapsed().as_nanos()).unwrap_or(i64::MAX);
        let sql = format!("INSERT INTO {table} (version, description, success, checksum, execution_time) VALUES ($1, $2, TRUE, $3, $4)");
        let values: [Value; 4] =
            [migration.version.into(), (&*migration.description).into(), migration.checksum.to_vec().into(), took.into()];
        self.conn.change(&sql, &values).map(drop)
    }
}

/// An answer that is there.
fn ready<'e, T: Send + 'e>(result: Result<T, MigrateError>) -> BoxFuture<'e, Result<T, MigrateError>> {
    Box::pin(std::future::ready(result))
}

impl Migrate for Schema<'_> {
    fn create_schema_if_not_exists<'e>(&'e mut self, name: &'e str) -> BoxFuture<'e, Result<(), MigrateError>> {
        ready(Err(MigrateError::CreateSchemasNotSupported(name.to_owned())))
    }

    fn ensure_migrations_table<'e>(&'e mut self, table: &'e str) -> BoxFuture<'e, Result<(), MigrateError>> {
        let sql = format!(
            "CREATE TABLE IF NOT EXISTS {table} (version BIGINT PRIMARY KEY, description TEXT NOT NULL, \
             installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, success BOOLEAN NOT NULL, checksum BLOB NOT NULL, \
             execution_time BIGINT NOT NULL)"
        );
        let made = self.conn.say(&sql).map_err(StoreError::from);
        ready(self.noted(made))
    }

    fn dirty_version<'e>(&'e mut self, _: &'e str) -> BoxFuture<'e, Result<Option<i64>, MigrateError>> {
        // Each is carried out whole or not at all.
        ready(Ok(None))
    }

    fn list_applied_migrations<'e>(&'e mut self, table: &'e str) -> BoxFuture<'e, Result<Vec<AppliedMigration>, MigrateError>> {
        let applied = self.applied(table);
        ready(self.noted(applied))
    }

    fn lock(&mut self) -> BoxFuture<'_, Result<(), MigrateError>> {
        // The file is ours alone: the lock beside it is held.
        ready(Ok(()))
    }

    fn unlock(&mut self) -> BoxFuture<'_, Result<(), MigrateError>> {
        ready(Ok(()))
    }

    fn apply<'e>(&'e mut self, table: &'e str, migration: &'e Migration) -> BoxFuture<'e, Result<Duration, MigrateError>> {
        let took = self.carry_out(table, migration);
        ready(self.noted(took))
    }

    fn revert<'e>(&'e mut self, _: &'e str, migration: &'e Migration) -> BoxFuture<'e, Result<Duration, MigrateError>> {
        // Forward only.
        ready(Err(MigrateError::VersionMissing(migration.version)))
    }
}
