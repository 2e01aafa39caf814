//! Endpoints, what is written for them with each event, and the delivery log.

use lifecycle::ids::{EndpointId, OrganisationId};
use lifecycle::secret::Secret;
use lifecycle::time::{Span, Timestamp};
use store::events::Actor;
use store::profiles::{self, Filter};
use store::webhooks::{self, EndpointKind, EndpointSecrets, NewEndpoint, SUBSCRIBABLE, Signature};
use store::{Store, deliveries};

use crate::loops::{T0, connect, organisation};
use crate::news::roles;
use crate::{Fixture, count, each, run};

async fn endpoint(store: &Store, organisation: &OrganisationId, kind: EndpointKind, events: &[&str]) -> EndpointId {
    let events: Vec<String> = events.iter().map(|event| (*event).to_owned()).collect();
    let secrets = EndpointSecrets {
        url: Secret::new("https://hooks.example/canary-url"),
        signing: Some(Secret::new("whsec_canary")),
        previous: None,
        token: None,
    };
    let new = NewEndpoint {
        kind,
        name: "Ours",
        host: "hooks.example",
        events: &events,
        language: "en",
        signature: Some(Signature::Hmac),
        public_key: None,
        secrets: &secrets,
    };
    let mut tx = store.write().await.unwrap();
    let id = webhooks::create(&mut tx, store.keys(), organisation, &new, T0).await.unwrap();
    tx.commit().await.unwrap();
    id
}

fn hour(n: i64) -> Timestamp {
    T0 + Span::hours(n)
}

#[tokio::test]
async fn nf_01_each_event_is_one_message_per_server_and_one_line_per_chat() {
    for Fixture { store, .. } in each().await {
        let (organisation, _) = organisation(&store).await;
        let server = endpoint(&store, &organisation, EndpointKind::Webhook, &SUBSCRIBABLE).await;
        let chat = endpoint(&store, &organisation, EndpointKind::Slack, &["profile.disconnected"]).await;
        let off = endpoint(&store, &organisation, EndpointKind::Webhook, &SUBSCRIBABLE).await;
        let mut tx = store.write().await.unwrap();
        assert!(webhooks::set_disabled(&mut tx, &organisation, &off, Some("by_user"), T0).await.unwrap());
        tx.commit().await.unwrap();
        connect(&store, &organisation, "jana", &["1", "2"], T0).await;
        roles(&store, &["1", "2"], true, hour(1)).await;
        let due = store.claim_deliveries(hour(1), 50, &[]).await.unwrap();
        let of = |id: &EndpointId, kind: &str| {
            let mine = due.iter().filter(|letter| letter.recipient == id.as_str() && letter.kind == kind);
            mine.map(|letter| letter.payload["profiles"].as_array().unwrap().len()).collect::<Vec<_>>()
        };
        assert_eq!(of(&server, "profile.connected"), [1, 1], "{}", store.describe());
        assert_eq!(of(&server, "profile.disconnected"), [1, 1]);
        assert_eq!(of(&chat, "profile.disconnected"), [2], "two pages of one login are one line");
        assert_eq!(due.len(), 5, "nothing else, and nothing for the one that is off");
        assert!(due.iter().all(|letter| letter.payload["profiles"][0]["name"].as_str().unwrap().starts_with("Page ")));
        assert_eq!(due[4].payload["cause"], "permission_lost");
        assert!(store.claim_deliveries(hour(2), 50, &[server.as_str(), chat.as_str()]).await.unwrap().is_empty(), "they are busy");
        // The mail to the owner does not wait with them.
        assert_eq!(store.claim_letters(hour(1), 50).await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_deleted_profile_is_told_by_its_name() {
    for Fixture { store, .. } in each().await {
        let (organisation, _) = organisation(&store).await;
        connect(&store, &organisation, "jana", &["1"], T0).await;
        endpoint(&store, &organisation, EndpointKind::Webhook, &["profile.deleted"]).await;
        let mut tx = store.write().await.unwrap();
        let profile = profiles::list(&mut tx, &organisation, &Filter::default(), 10).await.unwrap().remove(0);
        assert!(store.delete_profile(&mut tx, &organisation, &profile.id, &Actor::System, hour(1)).await.unwrap());
        tx.commit().await.unwrap();
        let due = store.claim_deliveries(hour(1), 50, &[]).await.unwrap();
        let told: Vec<_> = due.iter().map(|letter| (letter.kind.as_str(), letter.payload["profiles"][0]["name"].as_str())).collect();
        assert_eq!(told, [("profile.deleted", Some("Page 1"))], "{}", store.describe());
    }
}

#[tokio::test]
async fn secrets_of_endpoints_are_sealed_and_come_back() {
    for Fixture { store, .. } in each().await {
        let (organisation, _) = organisation(&store).await;
        let id = endpoint(&store, &organisation, EndpointKind::Webhook, &SUBSCRIBABLE).await;
        let mut tx = store.read().await.unwrap();
        let (found, secrets) = webhooks::with_secrets(&mut tx, store.keys(), &organisation, &id).await.unwrap().unwrap();
        assert_eq!((secrets.url.expose(), found.host.as_str()), ("https://hooks.example/canary-url", "hooks.example"));
        let row = tx.one("SELECT sealed_secrets FROM webhook_endpoints", &[]).await.unwrap().unwrap();
        let sealed = row.opt_bytes("sealed_secrets").unwrap().unwrap();
        assert!(!sealed.windows(6).any(|part| part == b"canary"), "{}", store.describe());
        let other: OrganisationId = store::ids::fresh();
        assert!(webhooks::get(&mut tx, &other, &id).await.unwrap().is_none(), "nobody else's");
    }
}

#[tokio::test]
async fn nt_25_a_message_is_sent_again_under_the_same_id_once_it_has_ended() {
    for Fixture { store, .. } in each().await {
        let (organisation, _) = organisation(&store).await;
        let id = endpoint(&store, &organisation, EndpointKind::Webhook, &["profile.connected"]).await;
        connect(&store, &organisation, "jana", &["1"], T0).await;
        let first = store.claim_deliveries(T0, 10, &[]).await.unwrap().remove(0);
        let replay = async |to: &EndpointId| {
            let mut tx = store.write().await.unwrap();
            let done = deliveries::replay(&mut tx, &organisation, to, &first.id, hour(1)).await.unwrap();
            tx.commit().await.unwrap();
            done
        };
        assert!(!replay(&id).await, "it is on its way");
        store.letter_given_up(&first, "answered 410: gone", T0).await.unwrap();
        assert_eq!(count(&store, "notification.failed").await, 1);
        assert!(!replay(&store::ids::fresh()).await, "another endpoint's");
        assert!(replay(&id).await, "{}", store.describe());
        let again = store.claim_deliveries(hour(1), 10, &[]).await.unwrap().remove(0);
        assert_eq!((&again.id, again.tries), (&first.id, 1));
        store.letter_sent(&again, hour(1)).await.unwrap();
        assert_eq!(count(&store, "notification.sent").await, 0, "deliveries stand in their own log");
        let mut tx = store.read().await.unwrap();
        let log = deliveries::list(&mut tx, &organisation, Some(id.as_str()), None, 10).await.unwrap();
        assert_eq!((log.len(), log[0].sent_at), (1, Some(hour(1))));
    }
}

#[tokio::test]
async fn nt_25_an_endpoint_that_stays_broken_is_tried_ten_times_over_75_hours_then_given_up_and_sent_again_by_hand() {
    for Fixture { store, .. } in each().await {
        let (organisation, _) = organisation(&store).await;
        let id = endpoint(&store, &organisation, EndpointKind::Webhook, &["profile.connected"]).await;
        connect(&store, &organisation, "jana", &["1"], T0).await;
        let (mut tried, mut message) = (vec![], None);
        // By the minute for the first hours, by the hour afterwards: nothing comes early.
        let moments = (0..180).map(|n| T0 + Span::minutes(n)).chain((3..120).map(hour));
        for now in moments {
            for letter in store.claim_deliveries(now, 10, &[]).await.unwrap() {
                assert_eq!(message.get_or_insert_with(|| letter.id.clone()), &letter.id, "one message, whatever the try");
                store.letter_failed(&letter, "answered 500", now).await.unwrap();
                tried.push(now.since(T0).as_seconds() / 3600);
            }
        }
        assert_eq!(tried, [0, 0, 0, 0, 0, 2, 9, 21, 43, 75], "{}", store.describe());
        let message = message.unwrap();
        let log = async || {
            let mut tx = store.read().await.unwrap();
            deliveries::list(&mut tx, &organisation, Some(id.as_str()), None, 10).await.unwrap().remove(0)
        };
        let given_up = log().await;
        assert_eq!((given_up.tries, given_up.gave_up_at), (10, Some(hour(75))));
        assert_eq!(given_up.last_error.as_deref(), Some("answered 500"));
        assert_eq!(count(&store, "notification.failed").await, 1, "it is said once");

        let mut tx = store.write().await.unwrap();
        assert!(deliveries::replay(&mut tx, &organisation, &id, &message, hour(120)).await.unwrap());
        tx.commit().await.unwrap();
        let again = store.claim_deliveries(hour(120), 10, &[]).await.unwrap().remove(0);
        assert_eq!((&again.id, again.tries), (&message, 1), "the whole ladder anew, under the same id");
        store.letter_failed(&again, "answered 500", hour(120)).await.unwrap();
        assert_eq!(store.claim_deliveries(hour(120) + Span::seconds(5), 10, &[]).await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn the_delivery_log_is_paged_and_forgets_what_is_long_over() {
    for Fixture { store, .. } in each().await {
        let (organisation, _) = organisation(&store).await;
        endpoint(&store, &organisation, EndpointKind::Webhook, &["profile.connected"]).await;
        connect(&store, &organisation, "jana", &["1", "2", "3"], T0).await;
        let mut seen = vec![];
        let mut tx = store.read().await.unwrap();
        loop {
            let page = deliveries::list(&mut tx, &organisation, None, seen.last(), 2).await.unwrap();
            if page.is_empty() {
                break;
            }
            seen.extend(page.into_iter().map(|item| item.id));
        }
        drop(tx);
        let mut unique = seen.clone();
        unique.sort();
        unique.dedup();
        assert_eq!((seen.len(), unique.len()), (3, 3), "{}", store.describe());
        for letter in store.claim_deliveries(T0, 10, &[]).await.unwrap().iter().take(2) {
            store.letter_sent(letter, T0).await.unwrap();
        }
        store.sweep(T0 + Span::days(401)).await.unwrap();
        let left = run(&store, "UPDATE outbox SET tries = tries", &[]).await;
        assert_eq!(left, 1, "what still waits is not forgotten");
    }
}
