//! Lists of profiles in every order, page by page.

use lifecycle::permission::Role;
use lifecycle::time::Span;
use store::profiles::{self, Filter};
use store::sorting::{Column, Sort};
use store::users;

use crate::loops::{T0, connect, organisation};
use crate::routing::user;
use crate::{Fixture, each, run};

#[tokio::test]
async fn every_order_brings_each_profile_once_whatever_the_size_of_a_page() {
    for Fixture { store, .. } in each().await {
        let (organisation, _) = organisation(&store).await;
        let pages: Vec<String> = (1..=12).map(|n| n.to_string()).collect();
        connect(&store, &organisation, "jana", &pages.iter().map(String::as_str).collect::<Vec<_>>(), T0).await;
        let mira = user(&store, &organisation, "Ömer ~ Mira", Role::StandardUser, true).await;
        run(&store, "UPDATE profiles SET owner_id = NULL WHERE network_id IN ('3', '7')", &[]).await;
        run(&store, "UPDATE profiles SET owner_id = $1 WHERE network_id IN ('1', '2', '11')", &[mira.as_str().into()]).await;
        // Two with the same name.
        run(&store, "UPDATE profiles SET name = 'Page 5', sort_key = 'page 5' WHERE network_id = '6'", &[]).await;
        for (id, status) in [("4", "disconnected"), ("9", "disconnected"), ("2", "renew_soon"), ("12", "unverified")] {
            let sql = "UPDATE profiles SET status = $2, standing = REPLACE(standing, '\"status\":\"connected\"', $3) WHERE network_id = $1";
            run(&store, sql, &[id.into(), status.into(), format!("\"status\":\"{status}\"").into()]).await;
        }
        for (id, days) in [("8", 3), ("1", 9)] {
            let day = (T0 + Span::days(days)).as_micros();
            let sql = "UPDATE profiles SET deadline = $2, standing = REPLACE(standing, '\"deadline\":null', $3) WHERE network_id = $1";
            run(&store, sql, &[id.into(), day.into(), format!("\"deadline\":{day}").into()]).await;
        }
        let mut tx = store.read().await.unwrap();
        let users = users::list(&mut tx, &organisation).await.unwrap();
        let all = Filter::default();
        for by in Column::ALL {
            for descending in [false, true] {
                let sort = Sort { by, descending };
                let whole: Vec<String> = profiles::list(&mut tx, &organisation, &Filter { sort, ..all.clone() }, 100)
                    .await
                    .unwrap()
                    .into_iter()
                    .map(|profile| profile.network_id)
                    .collect();
                assert_eq!(whole.len(), 12);
                for size in [1, 2, 5, 12] {
                    let (mut seen, mut after) = (vec![], None);
                    loop {
                        let filter = Filter { sort, after, ..all.clone() };
                        let page = profiles::list(&mut tx, &organisation, &filter, size).await.unwrap();
                        let Some(last) = page.last() else { break };
                        let owner = users.iter().find(|user| Some(&user.id) == last.owner.as_ref()).map_or("", |user| user.name.as_str());
                        after = sort.read_place(&sort.place(last, owner).written());
                        assert!(after.is_some());
                        seen.extend(page.into_iter().map(|profile| profile.network_id));
                    }
                    assert_eq!(seen, whole, "{sort:?} by {size}: {}", store.describe());
                }
            }
        }
        let first = async |tx: &mut store::Tx, by, descending| {
            let filter = Filter { sort: Sort { by, descending }, ..Filter::default() };
            let found = profiles::list(tx, &organisation, &filter, 3).await.unwrap();
            found.into_iter().map(|profile| profile.network_id).collect::<Vec<_>>()
        };
        assert_eq!(first(&mut tx, Column::Status, false).await, ["4", "9", "2"], "the worst first");
        assert_eq!(first(&mut tx, Column::Deadline, false).await[..2], ["8", "1"], "the next day first");
        assert_eq!(first(&mut tx, Column::Owner, false).await[..2], ["3", "7"], "nobody's first");
    }
}
