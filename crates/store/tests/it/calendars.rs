//! Calendar feeds: a date that moves keeps its identity, one that is over is called off; and what the forecast looks at.

use lifecycle::forecast::of_profile;
use lifecycle::grant::{Clocks, Event};
use lifecycle::ids::UserId;
use lifecycle::ledger::Ledger;
use lifecycle::secret::Secret;
use lifecycle::time::{Span, Timestamp};
use store::calendars::{self, Due, Entry};
use store::profiles::Narrow;
use store::{Store, forecast};

use crate::loops::{T0, claim, commit_of, connect, dead, facts, organisation};
use crate::{Fixture, each, run};

fn due(uid: &str, days: i64) -> Due {
    Due { uid: uid.into(), at: T0 + Span::days(days), summary: "Renew".into(), description: "Jana".into() }
}

async fn refreshed(store: &Store, secret: &str, due: &[Due], now: Timestamp) -> Vec<Entry> {
    let mut tx = store.write().await.unwrap();
    let (feed, _) = calendars::find(&mut tx, &Secret::new(secret)).await.unwrap().unwrap();
    let entries = calendars::refresh(&mut tx, &feed, due, now).await.unwrap().unwrap();
    tx.commit().await.unwrap();
    entries
}

async fn make(store: &Store, user: &UserId, secret: &str) {
    let mut tx = store.write().await.unwrap();
    calendars::create(&mut tx, user, &Secret::new(secret), T0).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_date_counts_up_when_it_moves_and_is_called_off_when_it_is_over() {
    for Fixture { store, .. } in each().await {
        let (_, user) = organisation(&store).await;
        make(&store, &user, "s1").await;
        let shown = |entries: &[Entry]| entries.iter().map(|e| (e.due.uid.clone(), e.sequence, e.cancelled)).collect::<Vec<_>>();
        let first = refreshed(&store, "s1", &[due("a", 10), due("b", 20)], T0).await;
        assert_eq!(shown(&first), [("a".into(), 0, false), ("b".into(), 0, false)]);
        let a_little = Due { at: T0 + Span::days(10) + Span::hours(3), ..due("a", 10) };
        let later = T0 + Span::hours(1);
        assert_eq!(refreshed(&store, "s1", &[a_little, due("b", 20)], later).await, first, "the same day is no change");
        let moved = refreshed(&store, "s1", &[due("a", 12)], later).await;
        assert_eq!(shown(&moved), [("a".into(), 1, false), ("b".into(), 1, true)], "{}", store.describe());
        assert_eq!(shown(&refreshed(&store, "s1", &[due("a", 12)], later).await), shown(&moved), "called off once");
        assert_eq!(shown(&refreshed(&store, "s1", &[due("a", 12), due("b", 20)], later).await)[1], ("b".into(), 2, false));
        refreshed(&store, "s1", &[], later).await;
        store.sweep(later + Span::days(61)).await.unwrap();
        assert!(refreshed(&store, "s1", &[], later).await.is_empty(), "and forgotten after a while");
    }
}

#[tokio::test]
async fn a_new_address_ends_the_one_before_and_no_secret_is_stored() {
    for Fixture { store, .. } in each().await {
        let (_, user) = organisation(&store).await;
        make(&store, &user, "canary-1").await;
        refreshed(&store, "canary-1", &[due("a", 10)], T0).await;
        make(&store, &user, "canary-2").await;
        let mut tx = store.write().await.unwrap();
        let (second, _) = calendars::find(&mut tx, &Secret::new("canary-2")).await.unwrap().unwrap();
        assert!(calendars::find(&mut tx, &Secret::new("canary-1")).await.unwrap().is_none());
        let row = tx.one("SELECT secret_hash FROM calendar_feeds", &[]).await.unwrap().unwrap();
        assert!(!row.text("secret_hash").unwrap().contains("canary"));
        assert!(calendars::revoke(&mut tx, &user).await.unwrap() && !calendars::revoke(&mut tx, &user).await.unwrap());
        assert!(calendars::find(&mut tx, &Secret::new("canary-2")).await.unwrap().is_none(), "{}", store.describe());
        assert!(calendars::of_user(&mut tx, &user).await.unwrap().is_none());
        // Whoever found it a moment before it was ended.
        assert!(calendars::refresh(&mut tx, &second, &[due("a", 10)], T0).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn the_forecast_looks_at_what_ends_before_the_day_and_at_what_is_over() {
    for Fixture { store, .. } in each().await {
        let (organisation, user) = organisation(&store).await;
        connect(&store, &organisation, "jana", &["1", "2"], T0).await;
        connect(&store, &organisation, "piet", &["3"], T0).await;
        let names = async |until: i64, sees: Option<&Narrow>| {
            let mut tx = store.read().await.unwrap();
            let held = forecast::ending(&mut tx, &organisation, sees, T0 + Span::days(until), 50).await.unwrap();
            held.into_iter()
                .map(|held| {
                    let edges: Vec<_> = held.edges.iter().map(|(access, grant)| (access, grant)).collect();
                    (held.profile.name, of_profile(&edges, &facts()).and_then(|need| need.at).map(|at| at.since(T0)))
                })
                .collect::<Vec<_>>()
        };
        assert!(names(40, None).await.is_empty(), "nothing ends: {}", store.describe());
        let held = claim(&store, &store::ids::fresh(), T0 + Span::days(1)).await;
        let jana = held.iter().find(|claim| claim.accesses.len() == 2).unwrap();
        let clocks = Clocks { human_until: Some(T0 + Span::days(30)), ..Clocks::default() };
        let mut renewed = commit_of(jana, &Event::Renewed { clocks }, T0 + Span::days(1));
        renewed.tokens = Some(jana.tokens.clone());
        store.commit(&renewed).await.unwrap();
        let thirty = Some(Span::days(30));
        assert_eq!(names(40, None).await, [("Page 1".to_owned(), thirty), ("Page 2".to_owned(), thirty)]);
        assert!(names(29, None).await.is_empty());
        let later = T0 + Span::days(2);
        run(&store, "UPDATE grants SET due_at = $1", &[later.into()]).await;
        let held = claim(&store, &store::ids::fresh(), later).await;
        let piet = held.iter().find(|claim| claim.accesses.len() == 1).unwrap();
        store.commit(&commit_of(piet, &dead(later), later)).await.unwrap();
        assert_eq!(names(29, None).await, [("Page 3".to_owned(), Some(Span::days(2)))], "what is over needs somebody now");
        assert_eq!(names(40, Some(&Narrow::User(user.clone()))).await.len(), 3, "the owner sees their own");
        assert!(names(40, Some(&Narrow::User(store::ids::fresh()))).await.is_empty(), "and nobody else's");
    }
}
