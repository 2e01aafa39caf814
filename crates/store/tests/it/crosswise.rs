//! Several at once: two admins of the same pages, two nodes that start together. Nobody waits for the other crosswise.

use lifecycle::access::{AccessHappening, AccessState};
use lifecycle::diagnosis::Diagnosis;
use lifecycle::grant::Event;
use lifecycle::ids::OrganisationId;
use lifecycle::ledger::{Committed, Ledger};
use lifecycle::time::{Span, Timestamp};
use lifecycle::words::{Cause, Confidence, Evidence};
use store::events::Actor;
use store::profiles::{self, Filter};
use store::seal::Keyring;
use store::{Store, ids, users};

use crate::loops::{T0, commit_of, connect, organisation};
use crate::{Fixture, cluster, each};

const PAGES: [&str; 6] = ["1", "2", "3", "4", "5", "6"];

/// PostgreSQL counts deadlocks; a retry would hide them.
async fn deadlocks(store: &Store) -> i64 {
    let mut tx = store.read().await.unwrap();
    let sql = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    tx.one(sql, &[]).await.unwrap().unwrap().int("deadlocks").unwrap()
}

async fn no_deadlocks(store: &Store) {
    if store.describe().starts_with("PostgreSQL") {
        // The server publishes its counters with a delay of a second.
        tokio::time::sleep(std::time::Duration::from_millis(1500)).await;
        assert_eq!(deadlocks(store).await, 0);
    }
}

/// Takes one person's grant so many steps further: every page lost, every page regained, with and without other events.
async fn keep(store: &Store, person: &str, rounds: i64) {
    let id = {
        let mut tx = store.read().await.unwrap();
        let sql = "SELECT id FROM grants WHERE person_id = (SELECT id FROM people WHERE network_id = $1)";
        tx.one(sql, &[person.into()]).await.unwrap().unwrap().parsed("id").unwrap()
    };
    for round in 0..rounds {
        let now = T0 + Span::hours(round);
        let held = store.claim(&ids::fresh(), &id, now, Span::seconds(180)).await.unwrap().expect("nobody else holds it");
        let event = match round % 3 {
            0 => Event::DeadlineReached,
            1 => Event::Probed(Diagnosis::transient(Evidence::by_clock(now, "time-out"), None)),
            _ => Event::Probed(Diagnosis::works(Evidence::by_clock(now, "200"))),
        };
        let mut commit = commit_of(&held, &event, now);
        for mut access in held.accesses {
            let (state, happening) = if round % 2 == 0 {
                let evidence = Evidence::by_clock(now, "not in the list");
                let lost = AccessState::Lost { since: now, cause: Cause::PermissionLost, confidence: Confidence::Certain, evidence };
                (lost, AccessHappening::Lost)
            } else {
                (AccessState::Working, AccessHappening::Regained)
            };
            access.state = state;
            commit.accesses.push((access, Some(happening)));
        }
        assert!(matches!(store.commit(&commit).await.unwrap(), Committed::Done { .. }));
    }
}

async fn whole(store: &Store) {
    let mut tx = store.read().await.unwrap();
    let row = tx.one("SELECT COUNT(*) AS n, MIN(position) AS low, MAX(position) AS high FROM events", &[]).await.unwrap().unwrap();
    let (n, low, high) = (row.int("n").unwrap(), row.int("low").unwrap(), row.int("high").unwrap());
    assert_eq!((low, high), (1, n), "positions have no gaps");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn grants_that_share_profiles_are_kept_at_the_same_moment() {
    for Fixture { store, .. } in each().await {
        let (organisation, _) = organisation(&store).await;
        let people = ["a", "b", "c", "d"];
        for person in people {
            connect(&store, &organisation, person, &PAGES, T0).await;
        }
        let tasks = people.map(|person| {
            let store = store.clone();
            tokio::spawn(async move { keep(&store, person, 24).await })
        });
        for task in tasks {
            task.await.unwrap();
        }
        whole(&store).await;
        no_deadlocks(&store).await;
    }
}

async fn connect_and_delete(store: Store, organisation: OrganisationId, person: String, reversed: bool) {
    for round in 0..6 {
        let mut pages = PAGES;
        if reversed {
            pages.reverse();
        }
        let now: Timestamp = T0 + Span::minutes(round);
        connect(&store, &organisation, &person, &pages, now).await;
        let mut tx = store.write().await.unwrap();
        let all = profiles::list(&mut tx, &organisation, &Filter::default(), 10).await.unwrap();
        drop(tx);
        if let Some(one) = all.first() {
            let mut tx = store.write().await.unwrap();
            store.delete_profile(&mut tx, &organisation, &one.id, &Actor::System, now).await.unwrap();
            tx.commit().await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_people_connect_the_same_pages_at_the_same_moment() {
    for Fixture { store, .. } in each().await {
        let (organisation, _) = organisation(&store).await;
        let tasks: Vec<_> = [("a", false), ("b", true)]
            .into_iter()
            .map(|(person, reversed)| {
                let (store, organisation) = (store.clone(), organisation.clone());
                tokio::spawn(async move {
                    connect(&store, &organisation, person, &if reversed { ["3", "2", "1"] } else { ["1", "2", "3"] }, T0).await
                })
            })
            .collect();
        for task in tasks {
            assert_eq!(task.await.unwrap().added.len(), 3);
        }
        let mut tx = store.read().await.unwrap();
        assert_eq!(
            profiles::list(&mut tx, &organisation, &Filter::default(), 10).await.unwrap().len(),
            3,
            "one row each: {}",
            store.describe()
        );
        drop(tx);
        let tasks: Vec<_> =
            (0..4).map(|n| tokio::spawn(connect_and_delete(store.clone(), organisation.clone(), format!("p{n}"), n % 2 == 0))).collect();
        for task in tasks {
            task.await.unwrap();
        }
        whole(&store).await;
        no_deadlocks(&store).await;
    }
}

#[tokio::test]
async fn two_nodes_that_start_together_on_an_empty_database_agree() {
    let Some(cluster) = cluster() else { return };
    let url = cluster.new_database();
    let folder = tempfile::tempdir().unwrap();
    let keys = || Keyring::open_or_create(&folder.path().join("keys")).unwrap();
    let (first, second) = (keys(), keys());
    let (one, two) = tokio::join!(Store::open(&url, first), Store::open(&url, second));
    let (one, two) = (one.unwrap(), two.unwrap());
    let found = |store: Store| async move {
        let mut tx = store.write().await.unwrap();
        let found = users::first_organisation(&mut tx, "Test", T0).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        tx.commit().await.unwrap();
        found.0
    };
    let (a, b) = tokio::join!(found(one), found(two));
    assert_eq!(a, b);
}
