//! Here alone it is known which database runs; how SQLite is spoken to stands in `sqlite/`.

pub(crate) mod migrations;
mod search;

use std::fs::File;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::MigrateError;
use sqlx::postgres::{PgConnectOptions, PgDatabaseError, PgListener, PgPool, PgPoolOptions, Postgres};
use sqlx::{Connection as _, Executor as _, Transaction};

use crate::driver::{StoreError, Tx};
use crate::fault::DiskFault;
use crate::known::Known;
use crate::sqlite::Conn;
use crate::sqlite::noting::Noting;
use crate::sqlite::queue::Queue;
use crate::sqlite::readers::Readers;
use crate::sqlite::schema::Schema;
use crate::sqlite::writer::Turn;

/// A text anywhere in another, as LIKE takes it with a backslash for its escape.
pub(crate) fn within(text: &str) -> String {
    format!("%{}%", text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_"))
}

/// Rings that come closer together than that are heard as few.
const RINGS_APART: Duration = Duration::from_millis(200);
/// Waiting until the listening connection is made again.
const LISTEN_AGAIN: Duration = Duration::from_secs(2);

/// The storage cannot be opened; each text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The URL is of no known kind.
    #[error("database.url: \"{0}\" is neither sqlite:PATH nor postgres://…")]
    UnknownUrl(String),
    /// The folder or file cannot be written.
    #[error(
        "the database file {path} cannot be opened for writing: {why}. Check that the folder exists and belongs to the user the server runs as"
    )]
    NotWritable {
        /// Which file.
        path: String,
        /// The system's words.
        why: String,
    },
    /// Another process has it.
    #[error("another Staygreen already uses {0}. SQLite serves one server; stop the other one, or use PostgreSQL for several")]
    InUse(String),
    /// Locks and shared memory do not work there (RF-38).
    #[error(
        "the database file {path} lies on a network file system ({kind}), where SQLite can lose data. Put it on a local disk, or use PostgreSQL (database.url)"
    )]
    NetworkFolder {
        /// Which file.
        path: String,
        /// What kind of file system.
        kind: String,
    },
    /// The bundled SQLite can corrupt its file (reliability-security, page one, 7).
    #[error("SQLite {0} can corrupt a database that is written by two connections; 3.51.3 or later is needed (not 3.52.0)")]
    VulnerableSqlite(String),
    /// The server does not answer.
    #[error("PostgreSQL cannot be reached: {0}. Check database.url and that the server runs")]
    Unreachable(String),
    /// A newer Staygreen was here.
    #[error(
        "this database was made by a newer version of Staygreen (it knows migration {0}); run that version, or restore a backup made before the upgrade"
    )]
    Newer(i64),
    /// A migration that was applied is not the one we know.
    #[error("migration {0} of this database differs from ours; it was not made by a released version")]
    Foreign(i64),
    /// There is nothing.
    #[error("there is no database that can be read at {0}; check database.url")]
    Missing(String),
    /// The keys do not open its secrets.
    #[error(
        "the key file does not fit this database: its secrets were sealed with another key. Put the right key file in its place; nothing was changed"
    )]
    WrongKey,
    /// Anything else.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Which database runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// One file, one machine.
    Sqlite,
    /// A server, any number of nodes.
    Postgres,
}

impl Dialect {
    /// Appended to a SELECT that claims rows: others skip them.
    pub(crate) const fn skip_locked(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => " FOR UPDATE SKIP LOCKED",
        }
    }

    /// Appended to a SELECT whose rows this transaction is going to change.
    pub(crate) const fn for_update(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => " FOR UPDATE",
        }
    }

    /// Said inside a transaction, it tells the other nodes when that is durable: something happened, look. Alone on its file
    /// there is nobody to tell.
    pub(crate) const fn ring(self) -> Option<&'static str> {
        match self {
            Self::Sqlite => None,
            Self::Postgres => Some("SELECT pg_notify('staygreen', '')"),
        }
    }

    /// Said inside a transaction, statements are planned for the values they get, each time, and carried out by one process: PostgreSQL
    /// would plan the sixth for any values, and to bring up helpers takes it longer than a page of a list.
    pub(crate) const fn plan_for_values(self) -> Option<&'static str> {
        match self {
            Self::Sqlite => None,
            Self::Postgres => Some(
                "SELECT set_config('plan_cache_mode', 'force_custom_plan', true), \
                 set_config('max_parallel_workers_per_gather', '0', true), set_config('jit', 'off', true)",
            ),
        }
    }

    /// Said inside a transaction with `off`, rows are read from an index that has their order, or from one at least, until it is said with
    /// `on`. PostgreSQL takes two conditions for independent of each other: where it expects three rows and there are thousands, it would
    /// gather and sort them all.
    pub(crate) const fn plan_by_order(self) -> Option<&'static str> {
        match self {
            Self::Sqlite => None,
            Self::Postgres => Some(
                "SELECT set_config('enable_sort', $1, true), set_config('enable_bitmapscan', $1, true), set_config('enable_seqscan', $1, true)",
            ),
        }
    }

    /// The collation that compares bytes.
    pub(crate) const fn binary(self) -> &'static str {
        match self {
            Self::Sqlite => "BINARY",
            Self::Postgres => "\"C\"",
        }
    }
}

/// True for the errors of PostgreSQL that mean: run the same transaction again. Serialization failure, deadlock, and what was prepared
/// before the schema changed.
pub(crate) fn means_try_again(error: &sqlx::Error) -> bool {
    let sqlx::Error::Database(of_server) = error else { return false };
    of_server.code().is_some_and(|code| ["40001", "40P01"].contains(&code.as_ref())) || is_prepared_too_early(error)
}

/// Whether a statement was prepared before another node, of a newer version, gave its table more columns (0A000 alone is any feature that
/// is not supported; the function's name is the same in every language of the server).
fn is_prepared_too_early(error: &sqlx::Error) -> bool {
    let sqlx::Error::Database(error) = error else { return false };
    let routine = error.try_downcast_ref::<PgDatabaseError>().and_then(PgDatabaseError::routine);
    error.code().is_some_and(|code| code == "0A000") && routine == Some("RevalidateCachedQuery")
}

/// The same error; where it would come back for as long as the connection lives, what the connection has prepared is forgotten.
pub(crate) async fn learned_from(tx: &mut Transaction<'static, Postgres>, error: sqlx::Error) -> sqlx::Error {
    if is_prepared_too_early(&error)
        && let Err(lost) = tx.clear_cached_statements().await
    {
        return lost;
    }
    error
}

/// Where a database is.
enum At<'a> {
    File(&'a str),
    Server,
}

impl<'a> At<'a> {
    fn of(url: &'a str) -> Result<Self, OpenError> {
        if let Some(path) = file_of(url) {
            Ok(Self::File(path))
        } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            Ok(Self::Server)
        } else {
            Err(OpenError::UnknownUrl(url.split('@').next_back().unwrap_or_default().to_owned()))
        }
    }
}

/// The file of a database that is one; `None` where a server has it.
pub fn file_of(url: &str) -> Option<&str> {
    url.strip_prefix("sqlite:").map(|path| path.strip_prefix("//").unwrap_or(path))
}

/// One look at everything, as it is at this moment, also while a server works on it: neither its lock nor its schema is touched.
///
/// # Errors
/// There is none, or it does not answer.
pub async fn snapshot(url: &str) -> Result<Tx, OpenError> {
    match At::of(url)? {
        At::File(path) => {
            let missing = || OpenError::Missing(path.to_owned());
            std::fs::metadata(path).map_err(|_| missing())?;
            let readers = Readers::open(path.into()).map_err(|_| missing())?;
            Ok(Tx::reading(readers.begin().await?))
        }
        At::Server => {
            let unreachable = |error: sqlx::Error| OpenError::Unreachable(error.to_string());
            let options = PgConnectOptions::from_str(url).map_err(unreachable)?;
            let pool = PgPoolOptions::new().max_connections(1).connect_with(options).await.map_err(unreachable)?;
            Ok(Tx::postgres(begun(&pool, Some(SNAPSHOT)).await?))
        }
    }
}

impl Dialect {
    /// Name, type and place in the primary key (0: none) of each column of the table `$1`.
    pub(crate) const fn columns(self) -> &'static str {
        match self {
            Self::Sqlite => "SELECT name, type AS kind, pk FROM pragma_table_info($1) ORDER BY cid",
            Self::Postgres => {
                "SELECT a.attname::text AS name, format_type(a.atttypid, a.atttypmod) AS kind, \
                 COALESCE(array_position(i.indkey::int2[], a.attnum), -1)::bigint + 1 AS pk \
                 FROM pg_attribute a LEFT JOIN pg_index i ON i.indrelid = a.attrelid AND i.indisprimary \
                 WHERE a.attrelid = CAST($1 AS text)::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum"
            }
        }
    }
}

/// One snapshot for all that is read together, as on SQLite; and like there, what reads cannot write.
const SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// Begins a transaction to its end, whoever stops waiting for it: sqlx (0.9) takes back only what has begun, so that a connection whose
/// `BEGIN` nobody waits for any more would go back to the pool in an open transaction, and the next one on it would write into one that
/// only reads.
async fn begun(pool: &PgPool, with: Option<&'static str>) -> Result<Transaction<'static, Postgres>, StoreError> {
    let pool = pool.clone();
    let beginning = tokio::spawn(async move {
        match with {
            Some(statement) => pool.begin_with(statement).await,
            None => pool.begin().await,
        }
    });
    Ok(beginning.await.map_err(|_| StoreError::Over)??)
}

#[derive(Clone)]
pub(crate) enum Db {
    Sqlite {
        queue: Arc<Queue>,
        readers: Arc<Readers>,
        about: Arc<str>,
        fault: DiskFault,
        known: Option<Arc<Known>>,
        _lock: Option<Arc<File>>,
    },
    Postgres {
        pool: PgPool,
        about: Arc<str>,
    },
}

impl Db {
    pub(crate) async fn open(url: &str) -> Result<Self, OpenError> {
        Self::open_up_to(url, i64::MAX).await
    }

    /// The same with the schema of that migration at most: what came from an older version is put in first and brought up to
    /// date afterwards.
    pub(crate) async fn open_up_to(url: &str, last: i64) -> Result<Self, OpenError> {
        match At::of(url)? {
            At::File(path) => Self::open_sqlite(path, last).await,
            At::Server => Self::open_postgres(url, last).await,
        }
    }

    async fn open_sqlite(path: &str, last: i64) -> Result<Self, OpenError> {
        if let Some(kind) = network_file_system(Path::new(path)) {
            return Err(OpenError::NetworkFolder { path: path.to_owned(), kind });
        }
        let lock = lock_beside(Path::new(path))?;
        let not_writable = |error: rusqlite::Error| OpenError::NotWritable { path: path.to_owned(), why: error.to_string() };
        if !is_safe_sqlite(Conn::version()) {
            return Err(OpenError::VulnerableSqlite(Conn::version().to_owned()));
        }
        // One connection writes and checkpoints (RF-41).
        let conn = Conn::to_write(Path::new(path)).map_err(not_writable)?;
        let mut schema = Schema::of(&conn);
        let migrated = migrations::up_to(Dialect::Sqlite, last).run_direct(None, &mut schema, false).await;
        if let Some(failure) = schema.failure {
            return Err(failure.into());
        }
        migrated.map_err(migration_error)?;
        let readers = Readers::open(path.into()).map_err(not_writable)?;
        let fault = DiskFault::default();
        // Where nothing keeps others away from the file, nobody knows what they changed.
        let known = lock.is_some().then(Arc::default);
        let queue = Queue::of(conn, fault.clone(), known.clone());
        Ok(Self::Sqlite { queue, readers, about: format!("SQLite {}", Conn::version()).into(), fault, known, _lock: lock })
    }

    async fn open_postgres(url: &str, last: i64) -> Result<Self, OpenError> {
        let unreachable = |error: sqlx::Error| OpenError::Unreachable(error.to_string());
        let options = PgConnectOptions::from_str(url).map_err(unreachable)?;
        let pool = PgPoolOptions::new()
            .max_connections(16)
            .acquire_timeout(Duration::from_secs(10))
            // A node that was paused in the middle of a transaction must not hold up the others with the rows it locked. No
            // transaction of ours ever waits for anything outside.
            .after_connect(|connection, _| {
                Box::pin(async move {
                    connection.execute("SET idle_in_transaction_session_timeout = '10s'").await?;
                    Ok(())
                })
            })
            .connect_with(options)
            .await
            .map_err(unreachable)?;
        let version: String = sqlx::query_scalar("SHOW server_version").fetch_one(&pool).await.map_err(unreachable)?;
        migrations::bring_up_to(&pool, last).await.map_err(migration_error)?;
        Ok(Self::Postgres { pool, about: format!("PostgreSQL {version}").into() })
    }

    pub(crate) async fn begin(&self, writes: bool) -> Result<Tx, StoreError> {
        Ok(match self {
            Self::Sqlite { queue, .. } if writes => Tx::turn(Turn::begin(queue).await?),
            Self::Sqlite { readers, .. } => Tx::reading(readers.begin().await?),
            Self::Postgres { pool, .. } => Tx::postgres(begun(pool, (!writes).then_some(SNAPSHOT)).await?),
        })
    }

    /// What is known, and lines of the logs. With several nodes, or others at the file, nobody can know.
    pub(crate) async fn note(&self) -> Result<Tx, StoreError> {
        match self {
            Self::Sqlite { queue, known: Some(known), .. } => Ok(Tx::noting(Noting::begin(queue, known)?)),
            Self::Sqlite { .. } | Self::Postgres { .. } => self.begin(true).await,
        }
    }

    /// Calls `heard` whenever a node made something durable, this one included; never returns. What was missed while the
    /// connection was away is found by looking: a ring is a hint, not a message.
    pub(crate) async fn listen(&self, heard: impl Fn()) {
        let Self::Postgres { pool, .. } = self else { return std::future::pending().await };
        loop {
            if let Ok(mut listener) = PgListener::connect_with(pool).await
                && listener.listen("staygreen").await.is_ok()
            {
                while listener.recv().await.is_ok() {
                    heard();
                    // Many rings in a row are one reason to look.
                    tokio::time::sleep(RINGS_APART).await;
                }
            }
            tokio::time::sleep(LISTEN_AGAIN).await;
        }
    }

    /// Returns when the disk under a local database has failed; never on a server, whose disk is not ours.
    pub(crate) async fn disk_failed(&self) {
        match self {
            Self::Sqlite { fault, .. } => fault.happened().await,
            Self::Postgres { .. } => std::future::pending().await,
        }
    }

    /// What is known without reading; `None` where others may change it unseen.
    pub(crate) fn known(&self) -> Option<&Known> {
        match self {
            Self::Sqlite { known, .. } => known.as_deref(),
            Self::Postgres { .. } => None,
        }
    }

    pub(crate) fn describe(&self) -> &str {
        match self {
            Self::Sqlite { about, .. } | Self::Postgres { about, .. } => about,
        }
    }
}

fn migration_error(error: MigrateError) -> OpenError {
    match error {
        MigrateError::VersionMissing(version) => OpenError::Newer(version),
        MigrateError::VersionMismatch(version) => OpenError::Foreign(version),
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => OpenError::Store(error.into()),
        other => OpenError::Store(StoreError::Broken(other.to_string())),
    }
}

/// 3.7.0 to 3.51.2 can corrupt a WAL database; 3.52.0 was withdrawn.
fn is_safe_sqlite(version: &str) -> bool {
    let numbers: Vec<u32> = version.split('.').filter_map(|part| part.parse().ok()).collect();
    numbers.as_slice() >= [3, 51, 3].as_slice() && numbers != [3, 52, 0]
}

/// The kind of file system below a path, where it is one of a network. Known on Linux only.
fn network_file_system(path: &Path) -> Option<String> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").ok()?;
    network_kind(&mounts, &folder.canonicalize().ok()?)
}

/// The kind of the innermost mount around a folder, where it is one of [`NETWORK_KINDS`]. Each line of proc_pid_mountinfo(5):
/// numbers, root, mount point, options, a lone hyphen, the kind.
fn network_kind(mounts: &str, folder: &Path) -> Option<String> {
    let mount = |line: &str| {
        let (before, after) = line.split_once(" - ")?;
        let point = before.split(' ').nth(4)?.replace("\\040", " ");
        Some((point, after.split(' ').next()?.to_owned()))
    };
    let around = mounts.lines().filter_map(mount).filter(|(point, _)| folder.starts_with(point));
    // Of two mounts at the same place the later one is seen.
    let (_, kind) = around.max_by_key(|(point, _)| point.len())?;
    NETWORK_KINDS.contains(&kind.as_str()).then_some(kind)
}

const NETWORK_KINDS: [&str; 14] = [
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "smbfs",
    "afs",
    "ceph",
    "fuse.ceph",
    "fuse.glusterfs",
    "fuse.sshfs",
    "fuse.s3fs",
    "fuse.rclone",
    "lustre",
    "gfs2",
];

/// A second process on the same file is refused: the lock is the operating system's and ends with the process.
fn lock_beside(path: &Path) -> Result<Option<Arc<File>>, OpenError> {
    let shown = path.display().to_string();
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path.with_extension("lock"))
        .map_err(|error| OpenError::NotWritable { path: shown.clone(), why: error.to_string() })?;
    match file.try_lock() {
        Ok(()) => Ok(Some(Arc::new(file))),
        Err(std::fs::TryLockError::WouldBlock) => Err(OpenError::InUse(shown)),
        Err(std::fs::TryLockError::Error(error)) => {
            // The database's own locks are left.
            tracing::warn!(path = %shown, error = %error, "store: this file system has no locks; nothing keeps a second server away");
            Ok(None)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{is_safe_sqlite, network_kind};

    #[test]
    fn rf_38_a_network_file_system_is_seen_through_the_mounts_around_it() {
        let mounts = "27 1 8:1 / / rw - ext4 /dev/sda1 rw\n\
                      40 27 0:50 / /srv/share rw shared:5 - nfs4 nas:/vol rw\n\
                      41 40 8:2 / /srv/share/local rw - xfs /dev/sdb rw\n\
                      42 27 0:51 / /mnt/my\\040disk rw - cifs //nas/x rw\n";
        for (folder, kind) in [
            ("/srv/share/staygreen", Some("nfs4")),
            ("/srv/share/local/staygreen", None),
            ("/srv/shared", None),
            ("/var/lib", None),
            ("/mnt/my disk", Some("cifs")),
        ] {
            assert_eq!(network_kind(mounts, Path::new(folder)).as_deref(), kind, "{folder}");
        }
    }

    #[test]
    fn rf_41_vulnerable_versions() {
        for (version, safe) in [("3.51.2", false), ("3.51.3", true), ("3.52.0", false), ("3.52.1", true), ("3.7.0", false), ("4.0.0", true)]
        {
            assert_eq!(is_safe_sqlite(version), safe, "{version}");
        }
    }
}
