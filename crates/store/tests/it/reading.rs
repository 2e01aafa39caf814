//! How what the pages count is read: from an index alone, never profile by profile (SQLite says so itself).

use store::profiles::{self, Filter};
use store::{Store, Value};

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
