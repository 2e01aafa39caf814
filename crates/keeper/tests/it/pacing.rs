//! Leases that are renewed while a network is slow.

use std::sync::atomic::Ordering;

use lifecycle::ids::NodeId;
use lifecycle::ledger::Ledger;
use lifecycle::time::Span;
use store::ids;

use crate::house::{House, T0, eventually};

/// Until when the grant is held, by the table.
async fn lease_until(house: &House) -> Option<lifecycle::time::Timestamp> {
    let mut tx = house.store.read().await.unwrap();
    tx.one("SELECT lease_until FROM grants", &[]).await.unwrap().unwrap().opt_time("lease_until").unwrap()
}

#[tokio::test]
async fn rf_07_while_an_answer_is_waited_for_nobody_else_takes_over() {
    let house = House::new().await;
    house.network.slow.store(true, Ordering::SeqCst);
    let life = house.start().await;
    eventually("a renewal is under way", async || house.network.seen().0 == 1).await;
    let began = T0 + Span::hours(1);
    for minutes in [2, 4, 6] {
        house.pass(Span::minutes(2));
        let renewed = began + Span::minutes(minutes) + Span::seconds(180);
        eventually("the lease is renewed", async || lease_until(&house).await == Some(renewed)).await;
        let now = began + Span::minutes(minutes);
        let other = house.store.claim(&ids::fresh::<NodeId>(), &house.grant, now, Span::seconds(180)).await.unwrap();
        assert!(other.is_none(), "{minutes} minutes after the claim it is still held");
    }
    house.network.slow.store(false, Ordering::SeqCst);
    house.network.open.notify_waiters();
    eventually("the answer is stored", async || house.stored().await.1 == house.network.current()).await;
    eventually("the lease is given back", async || lease_until(&house).await.is_none()).await;
    assert_eq!(house.network.seen(), (1, 0));
    life.die().await;
}
