//! After a change of the app the same human comes under another id; what is known of them stays theirs.

use std::collections::BTreeMap;

use lifecycle::grant::Clocks;
use lifecycle::ids::{OrganisationId, ProfileId};
use lifecycle::secret::{Secret, TokenSet};
use lifecycle::time::{Span, Timestamp};
use store::connect::Authorized;
use store::connections::{self, Begun, Discovered, Taken};
use store::events::Actor;
use store::grants::{self, Place};
use store::{Store, across_apps, ids, profiles};

use crate::each;
use crate::loops::{T0, facts, found, organisation};

fn place() -> Place {
    Place { network: "tiktok".into(), instance: String::new() }
}

/// Somebody logs in, under that id, with that id across apps, and connects the account of the same id.
async fn log_in(store: &Store, organisation: &OrganisationId, id: &str, across: Option<&str>, now: Timestamp) -> Vec<ProfileId> {
    let begun = Begun { by: Actor::System, browser_hash: None, expected_people: vec![], profile: None, return_to: None };
    let (connection, state) = (ids::fresh(), Secret::new(format!("state-{id}-{now:?}")));
    let mut tx = store.write().await.unwrap();
    let memory = BTreeMap::new();
    store.open_connection(&mut tx, &connection, organisation, &place(), &begun, &state, &memory, now, Span::minutes(30)).await.unwrap();
    let Taken::Ours(connection, _) = store.take_connection(&mut tx, "tiktok", &state, None, now).await.unwrap() else { panic!("ours") };
    let discovered = [Discovered { kind: "account".into(), name: "Fernweh".into(), role: "owner".into(), ..found(id) }];
    let tokens = TokenSet::bearer(Secret::new("canary-access"), Some(Secret::new("canary-refresh")), vec![]);
    let authorized = Authorized {
        tokens: &tokens,
        clocks: Clocks::default(),
        renewable: true,
        person_network_id: id,
        person_name: "Fern",
        person_handle: None,
        person_across_apps: across,
        discovered: &discovered,
        comes_along: false,
    };
    store.authorized(&mut tx, &connection, &authorized, &facts(), now).await.unwrap();
    let connection = connections::get(&mut tx, organisation, &connection.id).await.unwrap().unwrap();
    let added = store.add_profiles(&mut tx, &connection, [id.to_owned()].as_slice().into(), &facts(), &Actor::System, now).await.unwrap();
    tx.commit().await.unwrap();
    added
}

async fn known_as(store: &Store, organisation: &OrganisationId, profile: &ProfileId) -> (String, Vec<String>) {
    let mut tx = store.read().await.unwrap();
    let network_id = profiles::get(&mut tx, organisation, profile).await.unwrap().unwrap().network_id;
    let holders = grants::holders_of(&mut tx, profile).await.unwrap();
    (network_id, holders.into_iter().map(|holder| holder.person.network_id).collect())
}

#[tokio::test]
async fn the_same_human_keeps_what_they_had_under_another_id() {
    for fixture in each().await {
        let store = &fixture.store;
        let (organisation, _) = organisation(store).await;
        let first = log_in(store, &organisation, "open-1", Some("union-1"), T0).await;
        let other = log_in(store, &organisation, "open-2", Some("union-2"), T0).await;
        assert_ne!(first, other);
        let later = T0 + Span::days(1);
        let again = log_in(store, &organisation, "anew-1", Some("union-1"), later).await;
        assert_eq!(again, first, "{}: the profile is the same", store.describe());
        assert_eq!(known_as(store, &organisation, &first[0]).await, ("anew-1".into(), vec!["anew-1".into()]));
        assert_eq!(known_as(store, &organisation, &other[0]).await, ("open-2".into(), vec!["open-2".into()]), "nobody else is touched");
        let mut tx = store.read().await.unwrap();
        for table in ["people", "grants", "profiles", "assets"] {
            let rows = tx.one(&format!("SELECT COUNT(*) AS n FROM {table}"), &[]).await.unwrap().unwrap().int("n").unwrap();
            assert_eq!(rows, 2, "{table}: known anew, and not twice");
        }
        for (across, ids, is) in [
            ("union-1", vec!["anew-1"], true),
            ("union-1", vec!["open-2"], false),
            ("union-2", vec!["x", "open-2"], true),
            ("union-1", vec![], false),
        ] {
            let ids: Vec<String> = ids.into_iter().map(str::to_owned).collect();
            assert_eq!(across_apps::is_one_of(&mut tx, &organisation, &place(), across, &ids).await.unwrap(), is, "{across} {ids:?}");
        }
    }
}

#[tokio::test]
async fn without_the_networks_word_another_id_is_another_human() {
    for fixture in each().await {
        let store = &fixture.store;
        let (organisation, _) = organisation(store).await;
        let first = log_in(store, &organisation, "open-1", Some("union-1"), T0).await;
        let stranger = log_in(store, &organisation, "anew-1", None, T0).await;
        assert_ne!(first, stranger, "{}", store.describe());
        // Whoever was connected under both ids before the network told so stays as they are.
        let told = log_in(store, &organisation, "anew-1", Some("union-1"), T0 + Span::days(1)).await;
        assert_eq!(told, stranger);
        assert_eq!(known_as(store, &organisation, &first[0]).await.0, "open-1");
    }
}
