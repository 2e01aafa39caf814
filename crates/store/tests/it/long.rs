//! Statements that take long on SQLite: carried out where they hold up nobody, in the same transaction.

use std::pin::pin;

use store::{StoreError, Tx};

use crate::{Fixture, each};

/// Reads for a good part of a second, and nothing that is stored.
const LONG: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000) SELECT COUNT(*) AS n FROM n";

/// Reads it, and counts how often something else had its turn on the one thread of this test meanwhile.
async fn read_long(tx: &mut Tx) -> Result<usize, StoreError> {
    let mut others = 0;
    let mut long = pin!(tx.one(LONG, &[]));
    loop {
        tokio::select! {
            biased;
            row = &mut long => {
                assert_eq!(row?.map(|row| row.int("n")).transpose()?, Some(1_000_000));
                return Ok(others);
            }
            () = tokio::task::yield_now() => others += 1,
        }
    }
}

async fn counter(tx: &mut Tx, name: &str) -> Option<i64> {
    let row = tx.one("SELECT value FROM counters WHERE name = $1", &[name.into()]).await.unwrap();
    row.map(|row| row.int("value").unwrap())
}

#[tokio::test]
async fn a_long_read_holds_up_nobody_and_stays_in_its_transaction() {
    let Fixture { store, folder: _folder } = each().await.into_iter().next().expect("SQLite is always here");
    let mut look = store.read().await.unwrap();
    assert_eq!(counter(&mut look, "long").await, None);

    let mut tx = store.write().await.unwrap();
    tx.run("INSERT INTO counters (name, value) VALUES ('long', 7)", &[]).await.unwrap();
    assert!(read_long(&mut tx).await.unwrap() > 0, "it was read in place");
    assert_eq!(counter(&mut tx, "long").await, Some(7), "what was broken off took back nothing");
    tx.commit().await.unwrap();

    assert!(read_long(&mut look).await.unwrap() > 0, "it was read in place");
    assert_eq!(counter(&mut look, "long").await, None, "one look shows one moment");
    drop(look);
    assert_eq!(counter(&mut store.read().await.unwrap(), "long").await, Some(7));
}

#[tokio::test]
async fn whoever_gives_up_a_long_read_takes_their_transaction_back_and_nobody_elses() {
    let Fixture { store, folder: _folder } = each().await.into_iter().next().expect("SQLite is always here");
    let mut tx = store.write().await.unwrap();
    tx.run("INSERT INTO counters (name, value) VALUES ('given up', 1)", &[]).await.unwrap();
    {
        let mut long = pin!(tx.one(LONG, &[]));
        tokio::select! {
            biased;
            _ = &mut long => panic!("it was read in place"),
            () = tokio::task::yield_now() => {}
        }
    }
    assert!(matches!(counter_of(&mut tx).await, Err(StoreError::Over)), "its connection is not there any more");
    drop(tx);
    let mut tx = store.write().await.unwrap();
    assert_eq!(counter(&mut tx, "given up").await, None);
    tx.run("INSERT INTO counters (name, value) VALUES ('kept', 1)", &[]).await.unwrap();
    tx.commit().await.unwrap();
    let mut look = store.read().await.unwrap();
    assert_eq!((counter(&mut look, "given up").await, counter(&mut look, "kept").await), (None, Some(1)));
}

async fn counter_of(tx: &mut Tx) -> Result<usize, StoreError> {
    tx.all("SELECT value FROM counters", &[]).await.map(|rows| rows.len())
}
