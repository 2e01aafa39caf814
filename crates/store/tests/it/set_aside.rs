//! Logins that wait for their list: sealed, claimed once at a time, later each time, and gone with their end.

use std::collections::BTreeMap;

use lifecycle::grant::Clocks;
use lifecycle::ids::{ConnectionId, OrganisationId};
use lifecycle::secret::{Secret, TokenSet};
use lifecycle::time::Span;
use store::connections::{self, Begun, Failed, Taken};
use store::events::Actor;
use store::grants::Place;
use store::set_aside::{self, Login};
use store::{Store, ids};

use crate::Fixture;
use crate::each;
use crate::loops::{T0, organisation};

fn login() -> Login {
    Login {
        tokens: TokenSet::bearer(Secret::new("canary-access"), Some(Secret::new("canary-refresh")), vec!["read".into()]),
        clocks: Clocks { access_until: Some(T0 + Span::hours(2)), ..Clocks::default() },
        renewable: true,
        person_network_id: Some("7".into()),
        missing_scopes: vec!["write".into()],
        memory: BTreeMap::from([("verifier".to_owned(), Secret::new("canary-memory"))]),
    }
}

fn failed(code: &str) -> Failed {
    Failed { code: code.into(), evidence: None, expected: vec![], came: None, words: None }
}

/// A login at a network whose list does not come.
async fn set_one_aside(store: &Store, organisation: &OrganisationId, network: &str) -> ConnectionId {
    let place = Place { network: network.into(), instance: String::new() };
    let begun = Begun { by: Actor::System, browser_hash: None, expected_people: vec![], profile: None, return_to: None };
    let (id, state) = (ids::fresh(), Secret::new(format!("the-state-at-{network}").as_str()));
    let mut tx = store.write().await.unwrap();
    store.open_connection(&mut tx, &id, organisation, &place, &begun, &state, &BTreeMap::new(), T0, Span::minutes(30)).await.unwrap();
    let taken = store.take_connection(&mut tx, network, &state, None, T0).await.unwrap();
    let Taken::Ours(connection, _) = taken else { panic!("{taken:?}") };
    store.set_aside(&mut tx, &connection, &login(), &failed("network_unavailable"), T0).await.unwrap();
    tx.commit().await.unwrap();
    id
}

/// One of many that cannot be opened (its key is lost, a disk turned a bit) stops nobody else's.
#[tokio::test]
async fn a_login_that_does_not_open_is_in_nobody_s_way() {
    for Fixture { store, .. } in each().await {
        let (organisation, _) = organisation(&store).await;
        let broken = set_one_aside(&store, &organisation, "x").await;
        let mut tx = store.write().await.unwrap();
        let sql = "UPDATE connections SET sealed_login = $2, list_at = $3 WHERE id = $1";
        tx.run(sql, &[broken.as_str().into(), b"no seal".to_vec().into(), T0.into()]).await.unwrap();
        tx.commit().await.unwrap();
        let whole = set_one_aside(&store, &organisation, "pinterest").await;
        let mut tx = store.write().await.unwrap();
        let claimed = store.claim_set_aside(&mut tx, &organisation, T0 + Span::seconds(15), 10).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(claimed.iter().map(|(connection, _)| &connection.id).collect::<Vec<_>>(), [&whole]);
        let mut tx = store.read().await.unwrap();
        assert!(!set_aside::is_due(&mut tx, &organisation, T0 + Span::seconds(16)).await.unwrap(), "and it is not asked for all the time");
    }
}

#[tokio::test]
async fn a_login_waits_sealed_for_its_list_and_is_asked_about_by_one_at_a_time() {
    for Fixture { store, .. } in each().await {
        let (organisation, _) = organisation(&store).await;
        let id = set_one_aside(&store, &organisation, "x").await;
        let mut tx = store.read().await.unwrap();
        let row = tx.one("SELECT * FROM connections WHERE id = $1", &[id.as_str().into()]).await.unwrap().unwrap();
        for column in ["sealed_login", "sealed_memory"] {
            assert!(!row.bytes(column).unwrap().windows(6).any(|window| window == b"canary"), "{column}");
        }
        assert!(!row.text("login").unwrap().contains("canary"));
        drop(tx);
        let claim = async |seconds| {
            let mut tx = store.write().await.unwrap();
            let claimed = store.claim_set_aside(&mut tx, &organisation, T0 + Span::seconds(seconds), 10).await.unwrap();
            tx.commit().await.unwrap();
            claimed
        };
        assert!(claim(10).await.is_empty(), "not at once");
        let (seen, kept) = claim(15).await.pop().expect("due");
        assert_eq!((&seen.id, seen.failure.map(|failed| failed.code)), (&id, Some("network_unavailable".to_owned())));
        assert_eq!((kept.tokens.access_token.expose(), kept.memory["verifier"].expose()), ("canary-access", "canary-memory"));
        assert_eq!((kept.clocks.access_until, kept.renewable, kept.missing_scopes.len()), (Some(T0 + Span::hours(2)), true, 1));
        assert!(claim(16).await.is_empty(), "somebody is at it");
        assert_eq!(claim(30).await.len(), 1);
        assert!(claim(50).await.is_empty(), "each time later");
        // Whatever ends it takes the secrets along.
        let mut tx = store.write().await.unwrap();
        assert!(set_aside::is_due(&mut tx, &organisation, T0 + Span::hours(1)).await.unwrap());
        connections::set_failed(&mut tx, &id, &failed("person_refused")).await.unwrap();
        assert!(!set_aside::is_due(&mut tx, &organisation, T0 + Span::hours(1)).await.unwrap());
        let row = tx.one("SELECT * FROM connections WHERE id = $1", &[id.as_str().into()]).await.unwrap().unwrap();
        assert!(row.opt_bytes("sealed_login").unwrap().is_none() && row.opt_bytes("sealed_memory").unwrap().is_none());
    }
}
