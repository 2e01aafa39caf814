use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lifecycle::words::Confidence;
use serde_json::json;

use super::*;
use crate::signal::{Inbound, Subject};
use crate::testing::{NOW, with};

fn answer(status: u16, body: &str) -> Response<Bytes> {
    let built = Response::builder().status(status).header("content-type", "application/json");
    built.body(Bytes::copy_from_slice(body.as_bytes())).expect("an answer")
}

#[derive(Debug, PartialEq, Eq)]
enum Says {
    Works,
    Nothing,
    Wait(i64),
    Ours,
    Against(Cause),
}

fn says(diagnosis: &Diagnosis) -> Says {
    match &diagnosis.finding {
        Finding::Works => Says::Works,
        Finding::Transient { retry_after: None } => Says::Nothing,
        Finding::Transient { retry_after: Some(wait) } => Says::Wait(wait.as_seconds()),
        Finding::Misconfigured => Says::Ours,
        Finding::Refused { cause, .. } => Says::Against(*cause),
    }
}

const REFUSED: &str = r#"{"error":"invalid_grant","error_description":"Token has been expired or revoked."}"#;

fn refused(options: &[(&str, &str)], notes: &[(&str, i64)], status: u16, body: &str) -> (Says, Option<Confidence>) {
    let mut tokens = TokenSet::bearer(Secret::new("a"), Some(Secret::new("r")), vec![]);
    tokens.notes.extend(notes.iter().map(|(name, days)| ((*name).to_owned(), (NOW - days * 86_400).to_string())));
    match with(options, |cx| read_renew(cx, &tokens, &answer(status, body))) {
        Answer::Done(Renewal::Failed(diagnosis)) => {
            let confidence = match diagnosis.finding {
                Finding::Refused { confidence, terminal: false, .. } => Some(confidence),
                _ => None,
            };
            (says(&diagnosis), confidence)
        }
        other => panic!("{body}: {other:?}"),
    }
}

#[test]
fn the_cause_that_no_answer_names_is_known_from_what_went_before() {
    let testing = [("publishing_status", "testing")];
    let say = |options: &[(&str, &str)], notes: &[(&str, i64)]| refused(options, notes, 400, REFUSED);
    let expired = (Says::Against(Cause::Expired), Some(Confidence::Likely));
    let revoked = (Says::Against(Cause::RevokedByPerson), Some(Confidence::Guess));
    assert_eq!(say(&testing, &[(AUTHORIZED_AT, 7), (RENEWED_AT, 0)]), expired);
    assert_eq!(say(&testing, &[(AUTHORIZED_AT, 3), (RENEWED_AT, 0)]), revoked);
    assert_eq!(say(&[], &[(AUTHORIZED_AT, 7), (RENEWED_AT, 0)]), revoked);
    assert_eq!(say(&[], &[(AUTHORIZED_AT, 400), (RENEWED_AT, 183)]), expired);
    assert_eq!(say(&[], &[(AUTHORIZED_AT, 400), (RENEWED_AT, 182)]), revoked);
    assert_eq!(say(&[("idle_days", "30")], &[(RENEWED_AT, 31)]), expired);
    assert_eq!(say(&[], &[(AUTHORIZED_AT, 30), (RENEWED_AT, 1), (ALLOWED_UNTIL, 0)]), expired, "allowed until now");
    assert_eq!(say(&[], &[(AUTHORIZED_AT, 29), (RENEWED_AT, 1), (ALLOWED_UNTIL, -1)]), revoked, "allowed until tomorrow");
}

#[test]
fn what_was_not_granted_is_missing_and_long_names_are_the_same_scopes() {
    let about = crate::find("youtube").expect("youtube").about();
    let granted = "openid https://www.googleapis.com/auth/userinfo.email https://www.googleapis.com/auth/userinfo.profile \
                   https://www.googleapis.com/auth/youtube.readonly https://www.googleapis.com/auth/youtube.upload";
    let claims = URL_SAFE_NO_PAD.encode(r#"{"sub":"1175"}"#);
    let body = json!({ "access_token": "a", "expires_in": 3599, "refresh_token": "r", "scope": granted, "token_type": "Bearer", "id_token": format!("h.{claims}.s") });
    let read = |options: &[(&str, &str)], body: &Value| {
        with(options, |cx| read_exchange(cx, about, &answer(200, &body.to_string()))).expect("tokens")
    };
    let issued = read(&[], &body);
    assert_eq!(issued.missing_scopes, ["https://www.googleapis.com/auth/youtube.force-ssl"]);
    assert_eq!((issued.person_network_id.as_deref(), issued.clocks.human_until), (Some("1175"), None));
    let end = |days| Some(Timestamp::from_seconds(NOW) + Span::days(days));
    let testing = read(&[("publishing_status", "Testing")], &body);
    assert_eq!((testing.clocks.refresh_until, testing.clocks.human_until), (end(7), end(7)));
    let mut limited = body;
    limited["refresh_token_expires_in"] = json!(604_800 * 2);
    assert_eq!(read(&[], &limited).clocks.human_until, end(14));
}

#[test]
fn faults_of_our_project_are_not_the_persons() {
    let read = |source, reason: &str| {
        let details =
            if reason.is_empty() { json!([]) } else { json!([{ "@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason }]) };
        let body = json!({ "error": { "code": 403, "message": "no", "status": "PERMISSION_DENIED", "details": details } });
        says(&with(&[], |cx| errors::api(&cx, source, &answer(403, &body.to_string()))))
    };
    for reason in ["CONSUMER_SUSPENDED", "CONSUMER_INVALID", "USER_PROJECT_DENIED", "SERVICE_DISABLED"] {
        assert_eq!(read(Source::Use, reason), Says::Ours, "{reason}");
    }
    for source in [Source::Use, Source::Discovery, Source::Probe] {
        assert_eq!(read(source, "SOMETHING_NEW"), Says::Nothing);
    }
    assert_eq!(read(Source::Use, ""), Says::Against(Cause::PermissionLost), "of the one location that is acted as");
    assert_eq!((read(Source::Discovery, ""), read(Source::Probe, "")), (Says::Nothing, Says::Nothing));
}

#[test]
fn midnight_in_california() {
    let next = |seconds: i64| errors::next_midnight_pacific(Timestamp::from_seconds(seconds)).as_seconds();
    let at = |text: &str| crate::moment::rfc3339(text).expect("a moment").as_seconds();
    for (now, midnight) in [
        ("2026-11-23T21:30:00Z", "2026-11-24T08:00:00Z"),
        ("2026-11-23T07:59:59Z", "2026-11-23T08:00:00Z"),
        ("2026-07-01T07:00:00Z", "2026-07-02T07:00:00Z"),
        // The clocks go forward on 8 March 2026 and back on 1 November 2026.
        ("2026-03-08T09:00:00Z", "2026-03-09T07:00:00Z"),
        ("2026-03-08T07:00:00Z", "2026-03-08T08:00:00Z"),
        ("2026-11-01T08:00:00Z", "2026-11-02T08:00:00Z"),
    ] {
        assert_eq!(next(at(now)), at(midnight), "{now}");
    }
}

/// A key, and the document that holds its public half.
fn key() -> (RsaKeyPair, String) {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).expect("a key");
    // RSAPublicKey (RFC 8017 A.1.1) of 2048 bits: nine bytes, the modulus, two bytes, the exponent 65537.
    let der = pair.public_key().as_ref();
    let (n, e) = (URL_SAFE_NO_PAD.encode(&der[9..265]), URL_SAFE_NO_PAD.encode(&der[267..]));
    (pair, json!({ "keys": [{ "kty": "RSA", "alg": "RS256", "use": "sig", "kid": "k1", "n": n, "e": e }] }).to_string())
}

fn event(pair: &RsaKeyPair, header: &Value, claims: &Value) -> Request<Bytes> {
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims.to_string()));
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).expect("signed");
    let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature));
    Request::post("https://staygreen.example/signals/youtube").body(Bytes::from(token)).expect("a request")
}

fn claims(kind: &str, event: &Value) -> Value {
    let name = format!("https://schemas.openid.net/secevent/risc/event-type/{kind}");
    json!({ "iss": "https://accounts.google.com/", "aud": ["other", "client"], "iat": NOW, "jti": "j1", "events": { name: event } })
}

#[test]
fn security_events_are_heard_when_google_signed_them_for_us() {
    let (pair, keys) = key();
    let header = json!({ "alg": "RS256", "kid": "k1", "typ": "JWT" });
    let subject =
        json!({ "subject": { "subject_type": "iss-sub", "iss": "https://accounts.google.com/", "sub": "1175" }, "reason": "hijacking" });
    let hear = |keys: &str, request: &Request<Bytes>| with(&[("signal_keys", keys)], |cx| risc::receive(&cx, request));
    for (kind, cause) in [
        ("tokens-revoked", Cause::RevokedByPerson),
        ("account-disabled", Cause::PersonBlocked),
        ("account-credential-change-required", Cause::PasswordChanged),
        ("sessions-revoked", Cause::Unknown),
    ] {
        let Inbound::Signals(signals, answer) = hear(&keys, &event(&pair, &header, &claims(kind, &subject))) else { panic!("{kind}") };
        assert_eq!((answer.status().as_u16(), signals.len()), (202, 1));
        assert_eq!((&signals[0].subject, signals[0].cause), (&Subject::Login("1175".into()), cause));
    }
    let one_token = json!({ "subject": { "subject_type": "oauth_token", "token_type": "refresh_token", "token": "1/abc" } });
    for harmless in [claims("account-enabled", &subject), claims("token-revoked", &one_token), claims("something-new", &subject)] {
        assert!(matches!(hear(&keys, &event(&pair, &header, &harmless)), Inbound::Signals(signals, _) if signals.is_empty()));
    }
    let verification = claims("verification", &json!({ "state": "x" }));
    assert!(matches!(hear(&keys, &event(&pair, &header, &verification)), Inbound::Challenge(answer) if answer.status().as_u16() == 202));

    let good = claims("tokens-revoked", &subject);
    let changed = |field: &str, value: Value| {
        let mut claims = good.clone();
        claims[field] = value;
        event(&pair, &header, &claims)
    };
    let (stranger, _) = key();
    let tampered = {
        let text = String::from_utf8(event(&pair, &header, &good).into_body().to_vec()).expect("text");
        let parts: Vec<_> = text.split('.').collect();
        let other = URL_SAFE_NO_PAD.encode(claims("account-disabled", &subject).to_string());
        Request::post("https://x.example/").body(Bytes::from(format!("{}.{other}.{}", parts[0], parts[2]))).expect("a request")
    };
    for (what, request) in [
        ("another key", event(&stranger, &header, &good)),
        ("another content", tampered),
        ("no method", event(&pair, &json!({ "alg": "none", "kid": "k1" }), &good)),
        ("an unknown key", event(&pair, &json!({ "alg": "RS256", "kid": "k2" }), &good)),
        ("another issuer", changed("iss", json!("https://evil.example/"))),
        ("another app", changed("aud", json!("other"))),
        ("the future", changed("iat", json!(NOW + 3600))),
        ("no id", changed("jti", Value::Null)),
        ("nothing", Request::post("https://x.example/").body(Bytes::new()).expect("a request")),
        ("a look", Request::get("https://x.example/").body(Bytes::new()).expect("a request")),
    ] {
        assert!(matches!(hear(&keys, &request), Inbound::Refused(_)), "{what}");
    }
    assert!(matches!(with(&[], |cx| risc::receive(&cx, &event(&pair, &header, &good))), Inbound::Refused(_)), "without keys");
}
