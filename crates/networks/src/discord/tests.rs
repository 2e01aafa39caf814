//! What a login gives; signed events.

use std::collections::BTreeMap;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use bytes::Bytes;
use http::{Request, Response};
use lifecycle::secret::Secret;
use lifecycle::words::Cause;
use serde_json::{Value, json};

use super::Discord;
use crate::network::{Answer, Network};
use crate::signal::{Inbound, Subject};
use crate::testing;

fn answer(status: u16, body: &str) -> Response<Bytes> {
    Response::builder()
        .status(status)
        .header("content-type", "application/json")
        .body(Bytes::copy_from_slice(body.as_bytes()))
        .expect("an answer")
}

#[test]
fn a_webhook_is_what_counts() {
    let read = |memory: &BTreeMap<String, Secret>, answer: &Response<Bytes>| {
        testing::with(&[], |cx| Discord.read_exchange(cx, memory, &[], answer))
    };
    let none = BTreeMap::new();
    let webhook = json!({ "id": "1", "token": "secret", "channel_id": "2", "guild_id": "3", "name": "Huts" });
    let body = json!({ "access_token": "A", "refresh_token": "R", "scope": "webhook.incoming identify", "webhook": webhook });
    let Ok(Answer::AskAgain { secrets, request, .. }) = read(&none, &answer(200, &body.to_string())) else { panic!("does not ask") };
    assert!(request.uri().path().ends_with("/oauth2/@me"));
    // The webhook is made: who made it is asked three times, and one whom nobody can name is taken away again.
    let mut memory = secrets.clone();
    for _ in 0..2 {
        let again = read(&memory, &answer(500, ""));
        let Ok(Answer::AskAgain { secrets, request, .. }) = again else { panic!("{again:?}") };
        assert!(request.uri().path().ends_with("/oauth2/@me"));
        memory.extend(secrets);
    }
    assert!(matches!(read(&memory, &answer(500, "")), Err(crate::network::Failure::Unavailable { .. })));
    let left = Discord.made_by_login(&memory).expect("made");
    let delete = testing::with(&[], |cx| Discord.revoke(cx, &left)).expect("deletes");
    assert_eq!((delete.method().as_str(), delete.uri().path()), ("DELETE", "/api/v10/webhooks/1/secret"));
    assert!(Discord.made_by_login(&none).is_none());
    let named = r#"{"user":{"id":"7","global_name":"Jana"}}"#;
    let Ok(Answer::Done(issued)) = read(&memory, &answer(200, named)) else { panic!("lost") };
    assert_eq!(issued.person_network_id.as_deref(), Some("7/2"), "the user and the channel");
    assert_eq!(issued.tokens.access_token.expose(), "secret");
    assert!(issued.tokens.refresh_token.is_none() && !issued.renewable && issued.missing_scopes.is_empty());
    assert!(!issued.tokens.notes.values().any(|note| note.contains("secret")), "notes are no place for secrets");
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn sent(body: &Value, at: i64, forge: bool) -> Inbound {
    let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("a key");
    let key = hex(pair.public_key().as_ref());
    let body = body.to_string();
    let signature = hex(pair.sign(format!("{at}{body}").as_bytes()).as_ref());
    let body = if forge { body.replace('1', "2") } else { body };
    let request = Request::post("https://staygreen.example/signals/discord")
        .header("x-signature-ed25519", signature)
        .header("x-signature-timestamp", at.to_string())
        .body(Bytes::from(body))
        .expect("a request");
    testing::with(&[("public_key", &key)], |cx| Discord.receive(cx, &request)).expect("a door")
}

#[test]
fn a_removed_app_is_told_by_a_signed_event() {
    let event = json!({ "type": "APPLICATION_DEAUTHORIZED", "timestamp": "2027-01-15T08:00:00", "data": { "user": { "id": "111" } } });
    let body = json!({ "version": 1, "application_id": "client", "type": 1, "event": event });
    match sent(&body, testing::NOW, false) {
        Inbound::Signals(signals, answer) => {
            assert_eq!((signals.len(), answer.status().as_u16()), (1, 204));
            assert_eq!((&signals[0].subject, signals[0].cause), (&Subject::Login("111".into()), Cause::RevokedByPerson));
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(sent(&json!({ "application_id": "client", "type": 0 }), testing::NOW, false), Inbound::Challenge(_)));
    for (body, at, forge) in [
        (body.clone(), testing::NOW, true),
        (body.clone(), testing::NOW - 301, false),
        (body.clone(), testing::NOW + 301, false),
        (json!({ "application_id": "another", "type": 1, "event": body["event"] }), testing::NOW, false),
        (json!({ "application_id": "client", "type": 7 }), testing::NOW, false),
    ] {
        assert!(matches!(sent(&body, at, forge), Inbound::Refused(_)), "{body} {at} {forge}");
    }
    // Without a key nothing is believed.
    let request = Request::post("https://staygreen.example/signals/discord").body(Bytes::new()).expect("a request");
    assert!(matches!(testing::with(&[], |cx| Discord.receive(cx, &request)), Some(Inbound::Refused(_))));
}
