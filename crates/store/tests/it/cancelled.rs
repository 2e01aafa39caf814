//! Whoever stops waiting for a transaction leaves none open behind: the connection goes back to the pool, and the next one begins on it.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};
use std::time::Duration;

use store::Store;

use crate::each;

/// Looks at a future so many times, and then drops it.
async fn given_up(future: impl Future, looks: u32) {
    let mut future = pin!(future);
    for _ in 0..looks {
        if future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

async fn writes(store: &Store) -> Result<(), store::StoreError> {
    let mut tx = store.write().await?;
    tx.run("UPDATE users SET name = name", &[]).await?;
    tx.commit().await
}

#[tokio::test]
async fn a_transaction_that_nobody_waits_for_any_more_is_not_open_for_the_next_one() {
    for crate::Fixture { store, .. } in each().await {
        for looks in 1..=6 {
            given_up(store.read(), looks).await;
            given_up(store.write(), looks).await;
            // Until every connection is back in the pool, from which they are taken in turn.
            tokio::time::sleep(Duration::from_millis(50)).await;
            for _ in 0..6 {
                // On PostgreSQL what was left open for reading only would refuse it.
                writes(&store).await.unwrap_or_else(|error| panic!("after {looks} looks, {}: {error}", store.describe()));
            }
        }
    }
}
