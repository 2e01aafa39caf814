//! The storage: one SQL text for SQLite and PostgreSQL, and the sealing of every secret.
//!
//! A transaction is a [`Tx`]; the files below hold plain functions on it, one file per family of tables. There is no
//! repository trait: the one storage trait of the project is [`lifecycle::ledger::Ledger`], see [`ledger`].

pub mod across_apps;
pub mod acts;
pub mod api_keys;
pub mod assets;
pub mod audit;
pub mod backup;
pub mod bounces;
pub mod calendars;
pub mod connect;
pub mod connections;
pub mod deletions;
pub mod deliveries;
mod dialect;
pub mod digests;
pub mod driver;
pub mod events;
mod fan_out;
mod fault;
pub mod first_admin;
pub mod forecast;
pub mod freezes;
pub mod grants;
pub mod hold;
pub mod idempotency;
pub mod ids;
pub mod incidents;
pub mod installation;
mod known;
pub mod ledger;
mod lines;
pub mod network_apps;
mod new_profiles;
pub mod numbers;
pub mod outbox;
mod pacing;
pub mod pauses;
pub mod people;
pub mod permission_sets;
pub mod presets;
pub mod profiles;
pub mod rekey;
pub mod reminders;
pub mod renewal_links;
pub mod renewed;
pub mod revocations;
pub mod rotations;
pub mod scopes;
pub mod seal;
pub mod second_factors;
pub mod sessions;
pub mod set_aside;
pub mod signals;
pub mod sorting;
mod sqlite;
pub mod standing;
pub mod story;
mod sweep;
pub mod tags;
pub mod teams;
pub mod telling;
pub mod users;
pub mod webhooks;
pub mod wishes;

use std::sync::Arc;

pub use dialect::{Dialect, OpenError, file_of, snapshot};
pub use driver::{Row, StoreError, Tx, Value};

use crate::seal::Keyring;

/// The opened storage. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    db: dialect::Db,
    keys: Arc<Keyring>,
    audit_key: audit::AuditKey,
    /// The most profiles that can be connected; 0: no limit.
    profile_limit: u64,
}

impl Store {
    /// Opens the database at `url` (`sqlite:PATH` or `postgres://…`), brings its schema up to date and checks that the
    /// keys are the ones its secrets were sealed with.
    pub async fn open(url: &str, keys: Keyring) -> Result<Self, OpenError> {
        let db = dialect::Db::open(url).await?;
        installation::check_keys(&db, &keys).await?;
        let mut tx = db.begin(true).await?;
        let audit_key = audit::AuditKey::open_or_create(&mut tx, &keys).await?;
        tx.commit().await?;
        Ok(Self { db, keys: Arc::new(keys), audit_key, profile_limit: 0 })
    }

    /// The same with a limit: what turns up at a network by itself is added to so many profiles at most. 0: no limit.
    #[must_use]
    pub fn limited_to(self, profile_limit: u64) -> Self {
        Self { profile_limit, ..self }
    }

    /// Begins a transaction that will write. On SQLite there is one writer; the others wait here.
    pub async fn write(&self) -> Result<Tx, StoreError> {
        self.db.begin(true).await
    }

    /// Begins a transaction that only reads.
    pub async fn read(&self) -> Result<Tx, StoreError> {
        self.db.begin(false).await
    }

    /// Returns when the disk under a local database has failed: nothing is written any more, and the process has to end (RF-43).
    pub async fn disk_failed(&self) {
        self.db.disk_failed().await;
    }

    /// Calls `heard` whenever a node on the same database made something happen; never returns. Alone on its file there is
    /// nobody to hear.
    pub async fn listen(&self, heard: impl Fn()) {
        self.db.listen(heard).await;
    }

    /// The keys.
    pub fn keys(&self) -> &Keyring {
        &self.keys
    }

    /// Which database runs, with its version, for people.
    pub fn describe(&self) -> &str {
        self.db.describe()
    }

    /// Whether the storage can be read and written at this moment. A write that changes nothing is made durable, so a full
    /// disk shows.
    pub async fn health(&self) -> Result<(), StoreError> {
        let mut tx = self.read().await?;
        tx.one("SELECT value FROM installation WHERE name = 'key_check'", &[]).await?;
        drop(tx);
        let mut tx = self.write().await?;
        match tx.run("UPDATE installation SET value = value WHERE name = 'key_check'", &[]).await? {
            1 => tx.commit().await,
            _ => Err(StoreError::Broken("the installation's key check is gone".into())),
        }
    }
}
