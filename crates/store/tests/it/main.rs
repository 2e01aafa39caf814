//! The suite runs once per database: SQLite always, PostgreSQL where its server's binaries are found.
#![expect(clippy::unwrap_used, reason = "tests")]

mod across_apps;
mod acts;
mod audit;
mod authorisation;
mod backup;
mod bounces;
mod calendars;
mod cancelled;
mod crosswise;
mod departures;
mod differential;
mod drift;
mod families;
mod first_admin;
mod group;
mod incidents;
mod known;
mod ledger;
mod lists;
mod long;
mod loops;
mod news;
mod nodes;
mod pacing;
mod permission_sets;
mod postgres;
mod queues;
mod reading;
mod rekey;
mod routing;
mod sealed;
mod searching;
mod set_aside;
mod simulated;
mod sorting;
mod tags;
mod webhooks;

use std::sync::OnceLock;

use store::Store;
use store::seal::Keyring;

/// A store of a test's own, on one of the databases.
pub(crate) struct Fixture {
    pub(crate) store: Store,
    pub(crate) folder: tempfile::TempDir,
}

/// The PostgreSQL cluster of this run, where its binaries are found.
pub(crate) fn cluster() -> Option<&'static postgres::Cluster> {
    static CLUSTER: OnceLock<Option<postgres::Cluster>> = OnceLock::new();
    CLUSTER.get_or_init(postgres::Cluster::start).as_ref()
}

/// Every database that is here.
pub(crate) async fn each() -> Vec<Fixture> {
    let mut all = vec![];
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("test.db").display());
    all.push(Fixture { store: Store::open(&url, Keyring::ephemeral()).await.unwrap(), folder });
    if let Some(cluster) = cluster() {
        let store = Store::open(&cluster.new_database(), Keyring::ephemeral()).await.unwrap();
        all.push(Fixture { store, folder: tempfile::tempdir().unwrap() });
    }
    all
}

/// How many events of that kind the log holds.
pub(crate) async fn count(store: &Store, kind: &str) -> i64 {
    let mut tx = store.read().await.unwrap();
    tx.one("SELECT COUNT(*) AS n FROM events WHERE kind = $1", &[kind.into()]).await.unwrap().unwrap().int("n").unwrap()
}

/// Runs one statement.
pub(crate) async fn run(store: &Store, sql: &str, values: &[store::Value]) -> u64 {
    let mut tx = store.write().await.unwrap();
    let changed = tx.run(sql, values).await.unwrap();
    tx.commit().await.unwrap();
    changed
}
