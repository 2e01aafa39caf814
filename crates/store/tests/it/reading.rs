//! How what the pages show is read: what they count from an index alone, never profile by profile; what they name by its ids, never among all
//! of the organisation's (SQLite says so itself).

use store::profiles::{self, Filter};
use store::{Store, Value, events, people, story};

use crate::loops::{T0, connect, organisation};
use crate::{Fixture, each};

/// How SQLite reads a statement, in its own words.
async fn plan(store: &Store, sql: &str, values: &[Value]) -> String {
    let mut tx = store.read().await.unwrap();
    let rows = tx.all(&format!("EXPLAIN QUERY PLAN {sql}"), values).await.unwrap();
    rows.iter().map(|row| row.text("detail").unwrap()).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn what_pages_count_is_read_from_an_index_alone() {
    for Fixture { store, .. } in each().await {
        let (organisation, _) = organisation(&store).await;
        connect(&store, &organisation, "jana", &["a", "b", "c"], T0).await;
        let mut tx = store.read().await.unwrap();
        let counted: i64 = profiles::counts(&mut tx, &organisation, None).await.unwrap().iter().map(|(_, n)| n).sum();
        assert_eq!(counted, 3);
        assert_eq!(profiles::matching(&mut tx, &organisation, &Filter::default()).await.unwrap(), 3);
        let dateless = profiles::without_deadline(&mut tx, &organisation, None).await.unwrap();
        assert!(dateless <= counted);
        drop(tx);
        if !store.describe().contains("SQLite") {
            continue;
        }
        let ours: Vec<Value> = vec![organisation.as_str().into()];
        for (sql, of) in [
            (profiles::COUNTS, "the dashboard's numbers"),
            (profiles::WITHOUT_DEADLINE, "the forecast's number"),
            ("SELECT id FROM profiles WHERE organisation_id = $1", "the list's count"),
        ] {
            let plan = plan(&store, &sql.replace("{conditions}", "organisation_id = $1"), &ours).await;
            assert!(plan.contains("COVERING INDEX") && !plan.contains("SCAN profiles"), "{of}: {plan}");
        }
    }
}

#[tokio::test]
async fn what_is_named_is_read_by_its_ids_however_many_they_are() {
    for Fixture { store, .. } in each().await {
        let (organisation, _) = organisation(&store).await;
        connect(&store, &organisation, "jana", &["a", "b", "c"], T0).await;
        let mut tx = store.read().await.unwrap();
        let all = profiles::list(&mut tx, &organisation, &Filter::default(), 50).await.unwrap();
        let ids: Vec<_> = all.iter().map(|profile| profile.id.clone()).collect();
        assert_eq!(profiles::by_ids(&mut tx, &organisation, &ids).await.unwrap().len(), 3);
        assert!(profiles::by_ids(&mut tx, &store::ids::fresh(), &ids).await.unwrap().is_empty(), "of nobody else: {}", store.describe());
        drop(tx);
        if !store.describe().contains("SQLite") {
            continue;
        }
        for table in ["profiles", "people"] {
            for count in [1, 60, 500] {
                let mut values: Vec<Value> = vec![organisation.as_str().into()];
                values.extend((0..count).map(|n| Value::from(format!("id {n}"))));
                let plan = plan(&store, &profiles::by_ids_statement(table, count), &values).await;
                assert!(plan.contains("(id=?)"), "{count} {table}: {plan}");
            }
        }
    }
}

/// Every few seconds, on each server, also while nothing is due.
#[tokio::test]
async fn attempts_without_an_end_are_found_without_reading_all_grants() {
    for Fixture { store, folder: _folder } in each().await {
        if store.describe().contains("SQLite") {
            let plan = plan(&store, store::ledger::UNFINISHED, &[T0.into()]).await;
            assert!(plan.contains("attempts_open") && !plan.contains("SCAN grants") && plan.contains("(id=?)"), "{plan}");
        }
    }
}

#[tokio::test]
async fn what_is_told_of_one_is_read_from_what_is_about_them_and_not_from_all_of_the_house() {
    for Fixture { store, .. } in each().await {
        organisation(&store).await;
        if !store.describe().contains("SQLite") {
            continue;
        }
        for (sql, values, through) in [
            (events::OF_PROFILE, 4, &["events_by_profile", "events_by_grant"][..]),
            (people::COULD_TAKE_OVER, 1, &["assets_by_network_id"]),
            (story::CANDIDATES, 5, &["assets_by_network_id"]),
        ] {
            let plan = plan(&store, sql, &vec![Value::from("x"); values]).await;
            assert!(through.iter().all(|index| plan.contains(index)), "{plan}");
            assert!(!plan.contains("events_by_organisation") && !plan.contains("grants_by_app"), "{plan}");
        }
    }
}
