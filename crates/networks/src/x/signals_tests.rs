use super::*;
use crate::testing::with;

fn signed(body: &str, secret: &str) -> Request<Bytes> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let signature = format!("sha256={}", STANDARD.encode(hmac::sign(&key, body.as_bytes())));
    let request = Request::post("https://staygreen.example/signals/x").header("x-twitter-webhooks-signature", signature);
    request.body(Bytes::copy_from_slice(body.as_bytes())).expect("a request")
}

const REVOKE: &str = r#"{"data":{"event_uuid":"u-1","filter":{},"event_type":"oauth.revoke","payload":{"date_time":"2026-11-23T10:00:00Z","user_id":"42","app_id":"7"}}}"#;

fn heard(options: &[(&str, &str)], request: &Request<Bytes>) -> Result<Vec<Signal>, &'static str> {
    match with(options, |cx| receive(&cx, request)) {
        Inbound::Signals(signals, answer) => {
            assert_eq!(answer.status(), 200);
            Ok(signals)
        }
        Inbound::Refused(why) => Err(why),
        other => panic!("neither signals nor refused: {other:?}"),
    }
}

#[test]
fn a_revocation_is_heard_once_it_is_signed() {
    let signals = heard(&[], &signed(REVOKE, "secret")).expect("signed");
    assert_eq!((signals[0].id.as_str(), &signals[0].subject), ("u-1", &Subject::Person("42".into())));
    assert_eq!(signals[0].cause, Cause::RevokedByPerson);
    let older = r#"{"user_event":{"revoke":{"date_time":"2018-05-24T09:48:12+00:00","target":{"app_id":"13090192"},"source":{"user_id":"63046977"}}}}"#;
    assert_eq!(heard(&[], &signed(older, "secret")).expect("signed")[0].subject, Subject::Person("63046977".into()));
    assert!(heard(&[("webhook_secret", "consumer")], &signed(REVOKE, "consumer")).is_ok());
    assert_eq!(heard(&[], &signed(r#"{"data":{"event_type":"follow.follow"}}"#, "secret")), Ok(vec![]));
}

#[test]
fn what_is_forged_or_for_another_app_is_not_heard() {
    let naked = Request::post("https://staygreen.example/signals/x").body(Bytes::from_static(REVOKE.as_bytes())).expect("a request");
    for (options, request) in [
        (&[][..], signed(REVOKE, "another")),
        (&[("webhook_secret", "consumer")][..], signed(REVOKE, "secret")),
        (&[("webhook_secret", "")][..], signed(REVOKE, "")),
        (&[("app_id", "8")][..], signed(REVOKE, "secret")),
        (&[][..], signed("{", "secret")),
        (&[][..], naked),
    ] {
        assert!(heard(options, &request).is_err(), "{options:?}");
    }
}

#[test]
fn the_challenge_is_answered() {
    let ask = |query: &str| {
        let request = Request::get(format!("https://staygreen.example/signals/x?{query}")).body(Bytes::new()).expect("a request");
        with(&[], |cx| receive(&cx, &request))
    };
    let Inbound::Challenge(answer) = ask("crc_token=foo&nonce=n") else { panic!("no challenge") };
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"secret");
    let expected = json!({ "response_token": format!("sha256={}", STANDARD.encode(hmac::sign(&key, b"foo"))) });
    assert_eq!(serde_json::from_slice::<Value>(answer.body()).ok(), Some(expected));
    assert!(matches!(ask("nothing=here"), Inbound::Refused(_)));
    assert!(matches!(ask("crc_token=%7B%22data%22%3A1%7D"), Inbound::Refused(_)), "nobody gets a notice signed");
}
