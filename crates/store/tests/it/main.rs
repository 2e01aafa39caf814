//! The suite runs once per database: SQLite always, PostgreSQL where its server's binaries are found.
#![expect(clippy::unwrap_used, reason = "tests")]

mod ledger;
mod loops;
mod postgres;
mod sealed;

use std::sync::OnceLock;

use store::Store;
use store::seal::Keyring;

/// A store of a test's own, on one of the databases.
pub(crate) struct Fixture {
    pub(crate) store: Store,
    pub(crate) folder: tempfile::TempDir,
}

/// Every database that is here.
pub(crate) async fn each() -> Vec<Fixture> {
    let mut all = vec![];
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("test.db").display());
    all.push(Fixture { store: Store::open(&url, Keyring::ephemeral()).await.unwrap(), folder });
    static CLUSTER: OnceLock<Option<postgres::Cluster>> = OnceLock::new();
    if let Some(cluster) = CLUSTER.get_or_init(postgres::Cluster::start) {
        let store = Store::open(&cluster.new_database(), Keyring::ephemeral()).await.unwrap();
        all.push(Fixture { store, folder: tempfile::tempdir().unwrap() });
    }
    all
}
