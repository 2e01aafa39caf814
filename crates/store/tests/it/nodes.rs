//! Several nodes on one database: rings, and leases of an earlier life.

use std::time::Duration;

use lifecycle::ids::NodeId;
use lifecycle::ledger::Ledger as _;
use lifecycle::time::Span;
use store::ids;
use tokio::sync::Notify;

use crate::loops::{T0, connect, organisation};
use crate::{Fixture, each};

#[tokio::test]
async fn rf_07_a_node_gets_its_own_leases_back_and_nobody_elses() {
    for Fixture { store, .. } in each().await {
        let (organisation, _) = organisation(&store).await;
        connect(&store, &organisation, "jana", &["1"], T0).await;
        let (mine, other): (NodeId, NodeId) = (ids::fresh(), ids::fresh());
        let later = T0 + Span::days(1);
        let claims = store.claim_due(&mine, later, Span::seconds(180), 1).await.unwrap();
        let grant = claims[0].grant.id.clone();
        let alone = store.describe().starts_with("SQLite");
        store.reclaim_leases(&other).await.unwrap();
        let taken = store.claim(&other, &grant, later, Span::seconds(180)).await.unwrap();
        assert_eq!(taken.is_some(), alone, "on its own file a node knows that nobody else is there");
        if !alone {
            store.reclaim_leases(&mine).await.unwrap();
            assert!(store.claim(&mine, &grant, later, Span::seconds(180)).await.unwrap().is_some(), "at once, not after 180 s");
        }
    }
}

#[tokio::test]
async fn what_one_node_makes_happen_rings_at_the_others() {
    for Fixture { store, .. } in each().await {
        if store.describe().starts_with("SQLite") {
            continue;
        }
        let (organisation, _) = organisation(&store).await;
        let heard = Notify::new();
        let listening = store.listen(|| heard.notify_one());
        let ringing = async {
            // Until the listening connection stands, a ring is missed: looking is the net. So it is rung again.
            for n in 0..100 {
                connect(&store, &organisation, &format!("jana{n}"), &["1"], T0).await;
                if tokio::time::timeout(Duration::from_millis(200), heard.notified()).await.is_ok() {
                    return true;
                }
            }
            false
        };
        tokio::select! {
            () = listening => unreachable!("it never returns"),
            heard = ringing => assert!(heard),
        }
    }
}
