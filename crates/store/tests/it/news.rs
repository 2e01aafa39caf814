//! Who is told what, and how often.

use lifecycle::access::{AccessHappening, AccessState};
use lifecycle::grant::{Clocks, Event};
use lifecycle::ids::{OrganisationId, UserId};
use lifecycle::ledger::{Committed, Ledger};
use lifecycle::time::{Span, Timestamp};
use lifecycle::words::{Cause, Confidence, Evidence, Source};
use store::outbox::Letter;
use store::profiles::{self, Filter};
use store::{Store, events, ids, users};

use crate::loops::{T0, claim, commit_of, connect, dead, organisation};
use crate::{Fixture, each, run};

/// Loses (or regains) roles on pages, in one commit. How many messages.
pub(crate) async fn roles(store: &Store, pages: &[&str], lost: bool, now: Timestamp) -> usize {
    run(store, "UPDATE grants SET due_at = $1", &[now.into()]).await;
    let held = claim(store, &ids::fresh(), now).await.remove(0);
    let mut commit = commit_of(&held, &Event::DeadlineReached, now);
    for access in held.accesses.iter().filter(|access| pages.contains(&access.network_id.as_str())) {
        let mut access = access.clone();
        access.state = if lost {
            let evidence = Evidence::new(now, Source::Discovery, Some(200), None, "not in the list");
            AccessState::Lost { since: now, cause: Cause::PermissionLost, confidence: Confidence::Certain, evidence }
        } else {
            AccessState::Working
        };
        commit.accesses.push((access, Some(if lost { AccessHappening::Lost } else { AccessHappening::Regained })));
    }
    match store.commit(&commit).await.unwrap() {
        Committed::Done { told } => told,
        Committed::Superseded => panic!("superseded"),
    }
}

async fn letters(store: &Store, now: Timestamp) -> Vec<Letter> {
    let letters = store.claim_letters(now, 50).await.unwrap();
    for letter in &letters {
        store.letter_sent(letter, now).await.unwrap();
    }
    letters
}

fn told(letters: &[Letter]) -> Vec<(String, usize)> {
    letters.iter().map(|letter| (letter.kind.clone(), letter.payload["profiles"].as_array().map_or(0, Vec::len))).collect()
}

fn hour(n: i64) -> Timestamp {
    T0 + Span::hours(n)
}

#[tokio::test]
async fn one_login_that_ends_two_episodes_is_one_all_clear() {
    for Fixture { store, .. } in each().await {
        let (organisation, _) = organisation(&store).await;
        connect(&store, &organisation, "jana", &["1", "2"], T0).await;
        assert_eq!(roles(&store, &["1"], true, hour(1)).await, 1);
        assert_eq!(roles(&store, &["2"], true, hour(2)).await, 1);
        let red = letters(&store, hour(2)).await;
        assert_eq!(told(&red), [("no_access_tokens".to_owned(), 1), ("no_access_tokens".to_owned(), 1)]);
        assert_eq!(red[0].payload["cause"], "permission_lost");
        assert_eq!(red[0].payload["evidence"]["words"], "not in the list");
        assert_eq!(red[0].payload["person"]["name"], "jana");
        assert_eq!(red[0].payload["profiles"][0]["name"], "Page 1");
        connect(&store, &organisation, "jana", &["1", "2"], hour(3)).await;
        assert_eq!(told(&letters(&store, hour(3)).await), [("recovered".to_owned(), 2)], "{}", store.describe());
    }
}

#[tokio::test]
async fn two_profiles_that_recover_one_after_the_other_are_both_told() {
    for Fixture { store, .. } in each().await {
        let (organisation, _) = organisation(&store).await;
        connect(&store, &organisation, "jana", &["1", "2"], T0).await;
        assert_eq!(roles(&store, &["1", "2"], true, hour(1)).await, 1, "one episode, one message");
        assert_eq!(told(&letters(&store, hour(1)).await), [("no_access_tokens".to_owned(), 2)]);
        assert_eq!(roles(&store, &["1"], false, hour(2)).await, 1);
        assert_eq!(roles(&store, &["2"], false, hour(3)).await, 1, "the same episode is not the same news: {}", store.describe());
        assert_eq!(told(&letters(&store, hour(3)).await), [("recovered".to_owned(), 1), ("recovered".to_owned(), 1)]);
    }
}

#[tokio::test]
async fn a_second_admin_keeps_a_profile_green_and_the_owner_hears_that_nobody_else_is_left() {
    for Fixture { store, .. } in each().await {
        let (organisation, _) = organisation(&store).await;
        connect(&store, &organisation, "jana", &["1"], T0).await;
        connect(&store, &organisation, "piet", &["1"], T0).await;
        run(&store, "UPDATE grants SET due_at = $1 WHERE person_id = (SELECT id FROM people WHERE network_id = 'jana')", &[hour(1).into()])
            .await;
        let held = claim(&store, &ids::fresh(), hour(1)).await.remove(0);
        assert_eq!(store.commit(&commit_of(&held, &dead(hour(1)), hour(1))).await.unwrap(), Committed::Done { told: 1 });
        let warned = letters(&store, hour(1)).await;
        assert_eq!(told(&warned), [("last_remaining".to_owned(), 1)], "{}", store.describe());
        let said = &warned[0].payload;
        assert_eq!(
            (said["person"]["name"].as_str(), said["cause"].is_string(), said["status"].as_str()),
            (Some("jana"), true, Some("connected"))
        );
        let mut tx = store.read().await.unwrap();
        let events = events::newest(&mut tx, &organisation, 50).await.unwrap();
        assert!(events.iter().any(|event| event.kind == "profile.last_remaining"), "the history says so");
        let profile = profiles::list(&mut tx, &organisation, &Filter::default(), 10).await.unwrap().remove(0);
        assert_eq!(profile.standing.status.as_str(), "connected", "{}", store.describe());
    }
}

#[tokio::test]
async fn a_manual_renewal_is_announced_30_14_7_and_1_days_ahead_once_each() {
    for Fixture { store, .. } in each().await {
        let (organisation, _) = organisation(&store).await;
        connect(&store, &organisation, "jana", &["1", "2"], T0).await;
        let deadline = T0 + Span::days(40);
        let held = claim(&store, &ids::fresh(), T0 + Span::days(1)).await.remove(0);
        let clocks = Clocks { human_until: Some(deadline), access_until: Some(deadline + Span::days(60)), ..Clocks::default() };
        let mut renewed = commit_of(&held, &Event::Renewed { clocks }, T0 + Span::days(1));
        renewed.tokens = Some(held.tokens.clone());
        assert_eq!(store.commit(&renewed).await.unwrap(), Committed::Done { told: 0 });
        let mut days = vec![];
        for half_day in 4..80 {
            let now = T0 + Span::hours(12 * half_day);
            run(&store, "UPDATE grants SET due_at = $1", &[now.into()]).await;
            let held = claim(&store, &ids::fresh(), now).await.remove(0);
            store.commit(&commit_of(&held, &Event::DeadlineReached, now)).await.unwrap();
            for letter in letters(&store, now).await {
                assert_eq!(told(std::slice::from_ref(&letter)), [("renew_soon".to_owned(), 2)], "both profiles in one message");
                days.push(letter.payload["days"].as_i64().unwrap());
            }
        }
        assert_eq!(days, [30, 14, 7, 1], "{}", store.describe());
    }
}

async fn reasons(store: &Store, organisation: &OrganisationId) -> Vec<String> {
    let mut tx = store.read().await.unwrap();
    let log = events::after(&mut tx, organisation, 0, 500).await.unwrap();
    log.into_iter()
        .filter(|event| event.kind == "notification.nobody")
        .map(|event| event.detail["reason"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn nobody_reached_is_recorded_with_its_reason_and_a_switched_off_board_is_silent() {
    for Fixture { store, .. } in each().await {
        let (organisation, user) = organisation(&store).await;
        connect(&store, &organisation, "jana", &["1", "2", "3", "4"], T0).await;
        let mut tx = store.write().await.unwrap();
        let found = profiles::list(&mut tx, &organisation, &Filter::default(), 10).await.unwrap();
        profiles::set_owner_and_teams(&mut tx, &organisation, &found[0].id, None::<&UserId>, &[]).await.unwrap();
        profiles::set_notifications(&mut tx, &organisation, &found[1].id, false, true).await.unwrap();
        profiles::set_enabled(&mut tx, &organisation, &found[2].id, false).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(roles(&store, &["1", "2", "3", "4"], true, hour(1)).await, 1);
        let sent = letters(&store, hour(1)).await;
        assert_eq!(told(&sent), [("no_access_tokens".to_owned(), 2)], "the owner's, and as company admin the one without an owner");
        assert_eq!(sent[0].payload["profiles"][0]["name"], "Page 1");
        assert_eq!(sent[0].payload["profiles"][1]["name"], "Page 4");
        assert_eq!(reasons(&store, &organisation).await, ["profile_not_opted_in"], "{}", store.describe());

        let mut tx = store.write().await.unwrap();
        let role = users::by_id(&mut tx, &user).await.unwrap().unwrap().role;
        users::set_standing(&mut tx, &organisation, &user, role, Some(hour(2))).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(roles(&store, &["4"], false, hour(3)).await, 0, "there is no other admin");
        assert!(reasons(&store, &organisation).await.contains(&"owner_disabled".to_owned()));
    }
}
