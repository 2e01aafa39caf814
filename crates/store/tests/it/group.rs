//! Group commit on SQLite: shared syncs, separate fates.

use std::collections::BTreeSet;
use std::sync::Arc;

use store::Store;

use crate::{Fixture, each, run};

async fn names(store: &Store) -> BTreeSet<String> {
    let mut tx = store.read().await.unwrap();
    let rows = tx.all("SELECT name FROM counters WHERE name LIKE 'n%'", &[]).await.unwrap();
    rows.iter().map(|row| row.text("name").unwrap()).collect()
}

async fn insert(store: &Store, name: String, end: End) -> Result<(), store::StoreError> {
    let mut tx = store.write().await?;
    tx.run("INSERT INTO counters (name, value) VALUES ($1, 0)", &[name.into()]).await?;
    match end {
        End::Commit => tx.commit().await,
        End::Drop => Ok(()),
        End::Fail => tx.run("INSERT INTO counters (name, value) VALUES ('taken', 0)", &[]).await.map(drop),
    }
}

#[derive(Clone, Copy)]
enum End {
    Commit,
    Drop,
    Fail,
}

#[tokio::test]
async fn everyone_has_a_fate_of_its_own() {
    for Fixture { store, folder: _folder } in each().await {
        run(&store, "INSERT INTO counters (name, value) VALUES ('taken', 0)", &[]).await;
        let store = Arc::new(store);
        let tasks: Vec<_> = (0..300)
            .map(|n| {
                let store = Arc::clone(&store);
                let end = [End::Commit, End::Drop, End::Commit, End::Fail][n % 4];
                tokio::spawn(async move { (n, insert(&store, format!("n{n}"), end).await.is_ok()) })
            })
            .collect();
        for task in tasks {
            let (n, fine) = task.await.unwrap();
            assert_eq!(fine, n % 4 != 3, "{n}");
        }
        let expected = (0..300).filter(|n| n % 2 == 0).map(|n| format!("n{n}")).collect();
        assert_eq!(names(&store).await, expected, "{}", store.describe());
    }
}

#[tokio::test]
async fn what_was_answered_as_stored_is_stored_when_the_disk_runs_full() {
    let Fixture { store, folder } = each().await.into_iter().next().unwrap();
    let mut tx = store.write().await.unwrap();
    let pages = tx.one("PRAGMA page_count", &[]).await.unwrap().unwrap().int("page_count").unwrap();
    tx.one(&format!("PRAGMA max_page_count = {}", pages + 10), &[]).await.unwrap();
    tx.commit().await.unwrap();
    let store = Arc::new(store);
    let tasks: Vec<_> = (0..64)
        .map(|n| {
            let store = Arc::clone(&store);
            // Some need no new page and fit; most do not.
            let name = format!("n{n}{}", "x".repeat(if n % 8 == 0 { 10 } else { 6000 }));
            tokio::spawn(async move { (name.clone(), insert(&store, name, End::Commit).await.is_ok()) })
        })
        .collect();
    let mut stored = BTreeSet::new();
    let mut refused = 0;
    for task in tasks {
        let (name, fine) = task.await.unwrap();
        if fine {
            stored.insert(name);
        } else {
            refused += 1;
        }
    }
    assert!(refused > 0, "the disk was to run full");
    assert_eq!(names(&store).await, stored);
    // Not only in this process's view: somebody who opens the file afterwards sees the same.
    drop(store);
    let url = format!("sqlite:{}", folder.path().join("test.db").display());
    let opened = store::Store::open(&url, store::seal::Keyring::ephemeral()).await;
    assert!(matches!(opened, Err(store::OpenError::WrongKey)), "it opens, with a key of its own");
}

#[tokio::test]
async fn a_transaction_that_nobody_ends_holds_up_nobody() {
    let Fixture { store, folder: _folder } = each().await.into_iter().next().unwrap();
    for n in 0..5 {
        insert(&store, format!("n{n}"), End::Drop).await.unwrap();
        assert!(names(&store).await.is_empty());
    }
    insert(&store, "n9".into(), End::Commit).await.unwrap();
    assert_eq!(names(&store).await, BTreeSet::from(["n9".to_owned()]));
}
