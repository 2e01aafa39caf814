//! Leases, fences, the journal.

use std::collections::BTreeSet;

use lifecycle::grant::{Clocks, Event};
use lifecycle::ids::NodeId;
use lifecycle::ledger::{Committed, Ending, Intent, Ledger, Phase};
use lifecycle::secret::{Secret, TokenSet};
use lifecycle::time::Span;
use store::ids;

use crate::loops::{T0, claim, commit_of, connect, organisation};
use crate::{Fixture, each};

#[tokio::test]
async fn eight_claimers_never_share_a_grant() {
    for Fixture { store, .. } in each().await {
        let (organisation, _) = organisation(&store).await;
        for person in 0..24 {
            connect(&store, &organisation, &format!("person{person}"), &[&format!("page{person}")], T0).await;
        }
        let later = T0 + Span::days(1);
        let tasks: Vec<_> = (0..8)
            .map(|_| {
                let store = store.clone();
                tokio::spawn(async move { store.claim_due(&ids::fresh(), later, Span::seconds(180), 5).await.unwrap() })
            })
            .collect();
        let mut seen = BTreeSet::new();
        for task in tasks {
            for claim in task.await.unwrap() {
                assert!(seen.insert(claim.grant.id.clone()), "{} was claimed twice on {}", claim.grant.id, store.describe());
            }
        }
        assert_eq!(seen.len(), 24);
    }
}

#[tokio::test]
async fn an_old_fence_writes_nothing() {
    for Fixture { store, .. } in each().await {
        let (organisation, _) = organisation(&store).await;
        connect(&store, &organisation, "jana", &["1"], T0).await;
        let later = T0 + Span::days(1);
        let (first, second): (NodeId, NodeId) = (ids::fresh(), ids::fresh());
        let old = claim(&store, &first, later).await.remove(0);
        assert!(claim(&store, &second, later).await.is_empty(), "leased");
        let after_lease = later + Span::seconds(181);
        let new = claim(&store, &second, after_lease).await.remove(0);
        assert!(new.lease.fence > old.lease.fence);
        let event = Event::Renewed { clocks: Clocks::default() };
        let mut late = commit_of(&old, &event, after_lease);
        late.tokens = Some(TokenSet::bearer(Secret::new("zombie"), None, vec![]));
        assert_eq!(store.commit(&late).await.unwrap(), Committed::Superseded);
        let intent = Intent {
            attempt: ids::fresh(),
            lease: old.lease.clone(),
            generation: old.grant.generation,
            phase: Phase::Prepared,
            at: after_lease,
        };
        assert!(!store.intend(&intent).await.unwrap());
        let mut good = commit_of(&new, &event, after_lease);
        good.tokens = Some(TokenSet::bearer(Secret::new("successor"), None, vec![]));
        assert!(matches!(store.commit(&good).await.unwrap(), Committed::Done { .. }));
        let next = claim(&store, &first, after_lease + Span::days(70)).await.remove(0);
        assert_eq!((next.tokens.access_token.expose(), next.grant.generation), ("successor", 2));
    }
}

#[tokio::test]
async fn nt_07_a_reconnect_wins_over_a_running_renewal() {
    for Fixture { store, .. } in each().await {
        let (organisation, _) = organisation(&store).await;
        connect(&store, &organisation, "jana", &["1"], T0).await;
        let later = T0 + Span::days(1);
        let running = claim(&store, &ids::fresh(), later).await.remove(0);
        connect(&store, &organisation, "jana", &["1"], later).await;
        let mut late = commit_of(&running, &Event::Renewed { clocks: Clocks::default() }, later);
        late.tokens = Some(TokenSet::bearer(Secret::new("old answer"), None, vec![]));
        assert_eq!(store.commit(&late).await.unwrap(), Committed::Superseded);
    }
}

#[tokio::test]
async fn an_attempt_left_sent_is_found_again_and_one_left_prepared_is_harmless() {
    for Fixture { store, .. } in each().await {
        let (organisation, _) = organisation(&store).await;
        connect(&store, &organisation, "jana", &["1"], T0).await;
        let later = T0 + Span::days(1);
        let node: NodeId = ids::fresh();
        let held = claim(&store, &node, later).await.remove(0);
        let mut intent = Intent {
            attempt: ids::fresh(),
            lease: held.lease.clone(),
            generation: held.grant.generation,
            phase: Phase::Prepared,
            at: later,
        };
        assert!(store.intend(&intent).await.unwrap());
        let after = later + Span::seconds(181);
        assert!(store.unfinished(&node, after, Span::seconds(180)).await.unwrap().is_empty(), "prepared is harmless");
        intent.phase = Phase::Sent;
        assert!(store.intend(&intent).await.unwrap());
        let found = store.unfinished(&ids::fresh(), after, Span::seconds(180)).await.unwrap().remove(0);
        assert_eq!(found.open.as_ref(), Some(&intent.attempt));
        let evidence = lifecycle::words::Evidence::by_clock(after, "stopped");
        let mut commit = commit_of(&found, &Event::RenewLost(evidence), after);
        commit.closes = Some((intent.attempt.clone(), Ending::AnswerLost));
        assert!(matches!(store.commit(&commit).await.unwrap(), Committed::Done { .. }));
        assert!(store.unfinished(&node, after + Span::hours(1), Span::seconds(180)).await.unwrap().is_empty(), "closed");
        assert!(store.next_due().await.unwrap().is_some_and(|due| due <= after), "the ladder's first rung is at once");
    }
}
