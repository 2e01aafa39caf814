//! What waits to leave the house: messages and revocations. One bad row stops nobody, and a late sender changes nothing.

use lifecycle::ledger::Ledger as _;
use lifecycle::secret::{Secret, TokenSet};
use lifecycle::time::{Span, Timestamp};
use serde_json::json;
use store::events::Actor;
use store::grants::Place;
use store::ids;
use store::network_apps::{self, RegisteredWith};
use store::profiles::{self, Filter};

use crate::loops::{T0, claim, commit_of, connect, dead, organisation};
use crate::{Fixture, count, each, run};

async fn send(store: &store::Store, organisation: &lifecycle::ids::OrganisationId, to: &str) {
    let mut tx = store.write().await.unwrap();
    store.send_link(&mut tx, organisation, "invitation", to, "en", &json!({}), "https://canary.example/x", T0).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_message_that_cannot_be_read_is_given_up_and_stops_nobody() {
    for Fixture { store, .. } in each().await {
        let (organisation, _) = organisation(&store).await;
        for to in ["a@example.com", "b@example.com", "c@example.com"] {
            send(&store, &organisation, to).await;
        }
        let moved = "UPDATE outbox SET sealed_payload = (SELECT sealed_payload FROM outbox WHERE recipient = 'b@example.com') WHERE recipient = 'a@example.com'";
        run(&store, moved, &[]).await;
        run(&store, "UPDATE outbox SET payload = 'not json' WHERE recipient = 'c@example.com'", &[]).await;
        let letters = store.claim_letters(T0, 10).await.unwrap();
        let to: Vec<_> = letters.iter().map(|letter| letter.recipient.as_str()).collect();
        assert_eq!(to, ["b@example.com"], "{}", store.describe());
        assert_eq!(letters[0].link.as_ref().map(|link| link.as_str()), Some("https://canary.example/x"));
        assert_eq!(count(&store, "notification.failed").await, 2);
        store.letter_sent(&letters[0], T0).await.unwrap();
        assert!(store.claim_letters(T0 + Span::days(9), 10).await.unwrap().is_empty(), "given up once and for all");
        assert_eq!(count(&store, "notification.failed").await, 2);
    }
}

#[tokio::test]
async fn a_sender_whose_claim_ran_out_changes_nothing() {
    for Fixture { store, .. } in each().await {
        let (organisation, _) = organisation(&store).await;
        send(&store, &organisation, "a@example.com").await;
        let slow = store.claim_letters(T0, 10).await.unwrap().remove(0);
        let later = T0 + Span::minutes(6);
        let quick = store.claim_letters(later, 10).await.unwrap().remove(0);
        store.letter_failed(&slow, "time-out", later).await.unwrap();
        assert!(store.claim_letters(later + Span::minutes(1), 10).await.unwrap().is_empty(), "the second sender's claim stands");
        store.letter_sent(&quick, later).await.unwrap();
        store.letter_sent(&slow, later).await.unwrap();
        store.letter_failed(&slow, "time-out", later).await.unwrap();
        assert_eq!(count(&store, "notification.sent").await, 1, "{}", store.describe());
        assert!(store.claim_letters(later + Span::days(9), 10).await.unwrap().is_empty());
    }
}

async fn next_due(store: &store::Store, table: &str) -> Option<Timestamp> {
    let mut tx = store.read().await.unwrap();
    tx.one(&format!("SELECT MAX(due_at) AS due_at FROM {table}"), &[]).await.unwrap().unwrap().opt_time("due_at").unwrap()
}

#[tokio::test]
async fn nf_03_ten_tries_over_three_days_then_given_up_aloud() {
    for Fixture { store, .. } in each().await {
        let (organisation, _) = organisation(&store).await;
        send(&store, &organisation, "a@example.com").await;
        let (mut now, mut tries) = (T0, 0);
        while let Some(due) = next_due(&store, "outbox").await {
            now = due;
            let letter = store.claim_letters(now, 10).await.unwrap().remove(0);
            tries += 1;
            assert_eq!(letter.tries, tries);
            store.letter_failed(&letter, "550 no", now).await.unwrap();
        }
        assert_eq!(tries, 10);
        let hours = now.since(T0).as_seconds() / 3600;
        assert!((70..=76).contains(&hours), "{hours} h");
        assert_eq!(count(&store, "notification.failed").await, 1);
        assert_eq!(run(&store, "UPDATE outbox SET tries = tries WHERE sealed_payload IS NOT NULL", &[]).await, 0, "the link is shredded");
    }
}

#[tokio::test]
async fn rf_39_revocations_are_owed_until_they_end_and_then_the_tokens_are_gone() {
    for Fixture { store, .. } in each().await {
        let (organisation, _) = organisation(&store).await;
        for person in ["a", "b", "c"] {
            connect(&store, &organisation, person, &[person], T0).await;
        }
        // One person's tokens cannot be opened: their profile can be deleted all the same.
        run(
            &store,
            "UPDATE grants SET sealed_tokens = $1 WHERE person_id = (SELECT id FROM people WHERE network_id = 'c')",
            &[vec![1_u8, 2, 3].into()],
        )
        .await;
        let mut tx = store.write().await.unwrap();
        for profile in profiles::list(&mut tx, &organisation, &Filter::default(), 10).await.unwrap() {
            assert!(store.delete_profile(&mut tx, &organisation, &profile.id, &Actor::System, T0).await.unwrap());
        }
        tx.commit().await.unwrap();
        assert_eq!(count(&store, "revocation.ended").await, 1, "what cannot be opened cannot be revoked, and the log says so");
        assert_eq!(run(&store, "UPDATE grants SET failures = 0", &[]).await, 0, "no grant is left");

        // One of the two rows is spoilt: the other goes on.
        run(&store, "UPDATE revocations SET sealed_tokens = $1 WHERE id = (SELECT MIN(id) FROM revocations)", &[vec![0_u8; 200].into()])
            .await;
        let owed = store.claim_revocations(T0, 10).await.unwrap();
        assert_eq!(owed.len(), 1, "{}", store.describe());
        assert!(store.claim_revocations(T0 + Span::minutes(1), 10).await.unwrap().is_empty(), "claimed");
        store.put_off_revocation(&owed[0], "status 503", T0).await.unwrap();
        let mut tries = owed[0].tries;
        while let Some(due) = next_due(&store, "revocations").await {
            let again = store.claim_revocations(due, 10).await.unwrap().remove(0);
            assert_eq!(again.tokens.access_token.expose(), "canary-access");
            tries = again.tries;
            store.put_off_revocation(&again, "status 503", due).await.unwrap();
        }
        assert_eq!(tries, 12);
        assert_eq!(run(&store, "UPDATE revocations SET tries = tries WHERE sealed_tokens IS NOT NULL", &[]).await, 0, "shredded");
        assert_eq!(count(&store, "revocation.ended").await, 3);
    }
}

#[tokio::test]
async fn a_webhook_that_is_replaced_or_not_kept_is_owed_its_end() {
    for Fixture { store, .. } in each().await {
        let (organisation, _) = organisation(&store).await;
        connect(&store, &organisation, "a/1", &["1"], T0).await;
        connect(&store, &organisation, "b/1", &["2"], T0).await;
        let place = Place { network: "linkedin".into(), instance: String::new() };
        let claims = claim(&store, &ids::fresh(), T0 + Span::days(1)).await;
        let dead_one = claims.iter().find(|claim| claim.accesses.iter().any(|access| access.network_id == "2")).expect("claimed");
        store.commit(&commit_of(dead_one, &dead(T0 + Span::days(1)), T0 + Span::days(1))).await.unwrap();
        let mut tx = store.write().await.unwrap();
        for person in ["a/1", "b/1", "nobody"] {
            store.owe_replaced(&mut tx, &organisation, &place, person, T0).await.unwrap();
        }
        let left = TokenSet::bearer(Secret::new("made and not kept"), None, vec![]);
        store.owe_revocation(&mut tx, &organisation, &place, &left, T0).await.unwrap();
        tx.commit().await.unwrap();
        let owed = store.claim_revocations(T0, 10).await.unwrap();
        let mut shown: Vec<_> = owed.iter().map(|owed| (owed.person.as_deref(), owed.tokens.access_token.expose())).collect();
        shown.sort_unstable();
        assert_eq!(shown, [(None, "made and not kept"), (Some("a/1"), "canary-access")], "what is known to be dead is left alone");
    }
}

#[tokio::test]
async fn what_a_client_was_registered_with_is_known() {
    for Fixture { store, .. } in each().await {
        let (organisation, _) = organisation(&store).await;
        let with = RegisteredWith { redirect_uri: "https://sg.example/oauth/callback/mastodon/x".into(), scopes: "read".into() };
        let mut tx = store.write().await.unwrap();
        network_apps::set(&mut tx, store.keys(), &organisation, "mastodon", "x", "id", None, T0).await.unwrap();
        assert_eq!(network_apps::registered_with(&mut tx, &organisation, "mastodon", "x").await.unwrap(), None);
        network_apps::set_registered_with(&mut tx, &organisation, "mastodon", "x", &with).await.unwrap();
        assert_eq!(network_apps::registered_with(&mut tx, &organisation, "mastodon", "x").await.unwrap(), Some(with));
        assert_eq!(network_apps::registered_with(&mut tx, &organisation, "mastodon", "y").await.unwrap(), None);
        tx.commit().await.unwrap();
    }
}
