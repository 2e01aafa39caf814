//! Backlogs that are spread, buckets of calls that nodes share, leases that last longer.

use lifecycle::budget::{AppKey, Need, Pace};
use lifecycle::diagnosis::Diagnosis;
use lifecycle::facts::Rotations;
use lifecycle::grant::{Clocks, Event};
use lifecycle::ids::AttemptId;
use lifecycle::ids::NodeId;
use lifecycle::ledger::{Ending, Lease, Ledger};
use lifecycle::schedule::BACKLOG_MIN;
use lifecycle::secret::{Secret, TokenSet};
use lifecycle::time::{Span, Timestamp};
use lifecycle::words::{Cause, Confidence, Evidence, Source};
use store::{Store, ids, rotations};

use crate::loops::{T0, commit_of, connect, organisation};
use crate::{Fixture, each, run};

const PEOPLE: i64 = 40;

/// So many people, each due a minute later than the one before, and the later the more urgent.
async fn crowd(store: &Store) {
    let (organisation, _) = organisation(store).await;
    for person in 0..PEOPLE {
        let name = format!("person{person:02}");
        connect(store, &organisation, &name, &[&format!("page{person}")], T0).await;
        let sql = "UPDATE grants SET due_at = $1, lost_at = $2 WHERE person_id = (SELECT id FROM people WHERE network_id = $3)";
        // The last one has no end that is known.
        let lost_at = (person < PEOPLE - 1).then(|| T0 + Span::days(60 - person));
        run(store, sql, &[(T0 + Span::minutes(person)).into(), lost_at.into(), name.as_str().into()]).await;
    }
}

/// Who is due when, in that order.
async fn due(store: &Store) -> Vec<(Timestamp, String)> {
    let mut tx = store.read().await.unwrap();
    let sql = "SELECT due_at, people.network_id AS who FROM grants JOIN people ON people.id = grants.person_id ORDER BY due_at";
    let rows = tx.all(sql, &[]).await.unwrap();
    rows.iter().map(|row| (row.time("due_at").unwrap(), row.text("who").unwrap())).collect()
}

#[tokio::test]
async fn rf_04_a_backlog_is_spread_over_ten_minutes_the_most_urgent_first() {
    for Fixture { store, .. } in each().await {
        crowd(&store).await;
        let now = T0 + Span::days(3);
        let held = store.claim_due(&ids::fresh(), now, Span::seconds(180), 1).await.unwrap().remove(0);
        assert_eq!(store.catch_up(now).await.unwrap(), 39, "whoever is being worked on stays");
        store.release(&held.lease, Some(now - Span::minutes(1))).await.unwrap();
        let due = due(&store).await;
        assert_eq!(due[0].0, now - Span::minutes(1));
        let places = &due[1..];
        assert_eq!((places[0].0, places[0].1.as_str()), (now, "person38"), "at once, whose time is nearly over");
        assert_eq!(places[38].1, "person39", "last, who can always be saved");
        assert!(places.windows(2).all(|pair| pair[0].0 < pair[1].0), "each at a moment of its own: {places:?}");
        assert!(places[38].0 >= now + Span::minutes(9) && places[38].0 <= now + Span::minutes(10));
        assert_eq!(store.catch_up(now + Span::seconds(1)).await.unwrap(), 0, "another node finds nothing to spread");
        let claimed = store.claim_due(&ids::fresh(), now + Span::minutes(1), Span::seconds(180), 100).await.unwrap();
        assert!(claimed.len() < 7, "not all at once: {}", claimed.len());
    }
}

#[tokio::test]
async fn rf_04_a_few_that_are_late_and_many_that_are_not_are_no_backlog() {
    for Fixture { store, .. } in each().await {
        crowd(&store).await;
        let few = T0 + Span::minutes(5) + Span::minutes(i64::from(BACKLOG_MIN) - 1) + Span::seconds(1);
        let before = due(&store).await;
        assert_eq!(store.catch_up(few).await.unwrap(), 0);
        assert_eq!(store.catch_up(T0).await.unwrap(), 0);
        assert_eq!(due(&store).await, before);
        assert_eq!(store.catch_up(few + Span::minutes(1)).await.unwrap(), BACKLOG_MIN + 1);
    }
}

#[tokio::test]
async fn rf_05_nodes_that_ask_at_once_share_one_bucket() {
    for Fixture { store, .. } in each().await {
        let (organisation, _) = organisation(&store).await;
        let key = |network: &str| AppKey { organisation: organisation.clone(), network: network.into(), instance: String::new() };
        let pace = Pace { per_minute: 60, burst: 20, ..Pace::USUAL };
        let nodes: Vec<_> = (0..8)
            .map(|_| {
                let (store, key) = (store.clone(), key("x"));
                tokio::spawn(async move { store.book_calls(&key, &pace, 5, Need::Renewal, T0).await.unwrap() })
            })
            .collect();
        let mut calls = 0;
        for node in nodes {
            calls += node.await.unwrap().calls;
        }
        assert_eq!(calls, 20, "one full bucket for all of them, on {}", store.describe());
        let later = store.book_calls(&key("x"), &pace, 5, Need::Renewal, T0).await.unwrap();
        assert_eq!((later.calls, later.again_at), (0, T0 + Span::seconds(1)));
        assert_eq!(store.book_calls(&key("x"), &pace, 5, Need::Renewal, T0 + Span::seconds(3)).await.unwrap().calls, 3);
        assert_eq!(store.book_calls(&key("tiktok"), &pace, 5, Need::Look, T0).await.unwrap().calls, 5, "another app has its own");
    }
}

#[tokio::test]
async fn rf_07_a_lease_is_renewed_by_its_holder_and_by_nobody_else() {
    for Fixture { store, .. } in each().await {
        let (organisation, _) = organisation(&store).await;
        connect(&store, &organisation, "jana", &["1"], T0).await;
        let (mine, other): (NodeId, NodeId) = (ids::fresh(), ids::fresh());
        let (now, lease) = (T0 + Span::days(1), Span::seconds(180));
        let claim = store.claim_due(&mine, now, lease, 1).await.unwrap().remove(0);
        let minute = now + Span::minutes(1);
        assert!(store.extend(&claim.lease, minute, minute + lease).await.unwrap());
        let after_the_first = now + Span::seconds(181);
        assert!(store.claim(&other, &claim.grant.id, after_the_first, lease).await.unwrap().is_none(), "still held");
        let wrong_node = Lease { node: other.clone(), ..claim.lease.clone() };
        assert!(!store.extend(&wrong_node, after_the_first, now + Span::days(1)).await.unwrap());
        let over = minute + lease;
        assert!(!store.extend(&claim.lease, over, over + lease).await.unwrap(), "what is over is not brought back");
        let taken = store.claim(&other, &claim.grant.id, over, lease).await.unwrap().unwrap();
        assert!(!store.extend(&claim.lease, over, over + lease).await.unwrap(), "somebody else's");
        assert!(store.extend(&taken.lease, over, over + lease).await.unwrap());
    }
}

#[tokio::test]
async fn rf_01_rotations_and_the_tokens_lost_in_them_are_counted_once() {
    for Fixture { store, .. } in each().await {
        let (organisation, _) = organisation(&store).await;
        connect(&store, &organisation, "jana", &["1"], T0).await;
        let mut now = T0 + Span::days(1);
        let mut id = None;
        for attempt in 0..64 {
            now = now + Span::days(1);
            let claim = store.claim_due(&ids::fresh(), now + Span::days(400), Span::seconds(180), 1).await.unwrap().remove(0);
            id = Some(claim.grant.id.clone());
            let mut commit = commit_of(&claim, &Event::Renewed { clocks: Clocks::default() }, now);
            commit.tokens = Some(TokenSet::bearer(Secret::new("access"), Some(Secret::new("refresh")), vec![]));
            commit.closes = Some((AttemptId::from_u128(attempt), Ending::Renewed));
            store.commit(&commit).await.unwrap();
        }
        let measured = async || rotations::all(&mut store.read().await.unwrap()).await.unwrap();
        assert_eq!(measured().await["linkedin"], Rotations { done: 64, lost: 0 }, "four are written down, as sixteen each");
        // An answer is lost, and from then on every renewal is refused, and every look.
        for look in 0..12 {
            now = now + Span::hours(1);
            let claim = store.claim(&ids::fresh(), id.as_ref().unwrap(), now, Span::seconds(180)).await.unwrap().unwrap();
            let evidence = Evidence::new(now, Source::Renewal, Some(400), Some("invalid_grant"), "words");
            let refused = Diagnosis::refused(Cause::Unknown, Confidence::Guess, evidence.clone());
            let event = match look {
                0 => Event::RenewLost(evidence),
                _ if look % 2 == 0 => Event::Probed(refused),
                _ => Event::RenewFailed(refused),
            };
            store.commit(&commit_of(&claim, &event, now)).await.unwrap();
        }
        let row = store.claim(&ids::fresh(), id.as_ref().unwrap(), now, Span::seconds(180)).await.unwrap().unwrap();
        assert!(row.grant.verdict().is_some_and(|verdict| verdict.lost_in_rotation), "{:?}", row.grant.state);
        assert_eq!(measured().await["linkedin"], Rotations { done: 64, lost: 1 }, "once, however often it is looked at afterwards");
    }
}
