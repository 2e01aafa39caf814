//! Names of servers, what refusals say, and answers of servers that were not asked.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::Response;
use lifecycle::diagnosis::Finding;
use lifecycle::secret::{Secret, TokenSet};
use lifecycle::time::Span;
use lifecycle::words::{Cause, Confidence, Source};

use super::{Mastodon, host};
use crate::network::{Answer, Failure, Network};
use crate::testing;

#[test]
fn servers_are_named_in_many_ways() {
    for typed in
        ["mastodon.social", " https://mastodon.social/ ", "@ana@mastodon.social", "Mastodon.Social", "https://mastodon.social/@ana"]
    {
        assert_eq!(host(typed).as_deref(), Some("mastodon.social"), "{typed}");
    }
    assert_eq!(host("social.example:8443").as_deref(), Some("social.example:8443"));
    assert_eq!(host("münchen.social").as_deref(), Some("xn--mnchen-3ya.social"));
    for wrong in
        ["", "mastodon", "ana@x@y", "https://user:pw@mastodon.social", "ftp://mastodon.social", "[::1]", "10.0.0.1", "a.b?c", "a b.c"]
    {
        assert_eq!(host(wrong), None, "{wrong}");
    }
}

fn says(source: Source, scopes: &[&str], status: u16, words: &str) -> Option<(Cause, Confidence)> {
    let tokens = TokenSet::bearer(Secret::new("a"), None, scopes.iter().map(|scope| (*scope).to_owned()).collect());
    let body = serde_json::json!({ "error": words }).to_string();
    let answer = Response::builder().status(status).body(Bytes::from(body)).expect("an answer");
    match testing::with(&[], |cx| Mastodon::diagnose(&cx, source, &tokens, &answer)).finding {
        Finding::Refused { cause, confidence, .. } => Some((cause, confidence)),
        _ => None,
    }
}

#[test]
fn a_refusal_is_read_by_its_text_where_it_is_english_and_by_the_granted_scopes_where_it_is_not() {
    let all = ["read:accounts", "write:statuses"];
    let german = "Diese Aktion liegt außerhalb der autorisierten Bereiche";
    assert_eq!(says(Source::Probe, &["write:statuses"], 403, german), Some((Cause::ScopeMissing, Confidence::Likely)));
    assert_eq!(says(Source::Probe, &all, 403, german), Some((Cause::PersonBlocked, Confidence::Guess)));
    assert_eq!(
        says(Source::Use, &all, 403, "This action is outside the authorized scopes"),
        Some((Cause::ScopeMissing, Confidence::Likely))
    );
    assert_eq!(says(Source::Use, &all, 403, "Your login is currently disabled"), Some((Cause::PersonBlocked, Confidence::Likely)));
    // Of an act it may be the act: a look follows, and decides.
    assert_eq!(says(Source::Use, &all, 403, "Deine Anmeldung ist derzeit deaktiviert"), Some((Cause::PersonBlocked, Confidence::Guess)));
    assert_eq!(says(Source::Use, &all, 403, "This action is not allowed"), None);
}

#[test]
fn what_is_asked_to_wait_needs_no_second_header() {
    let answer =
        Response::builder().status(429).header("retry-after", "17").body(Bytes::from(r#"{"error":"Throttled"}"#)).expect("an answer");
    let tokens = TokenSet::bearer(Secret::new("a"), None, vec![]);
    let said = testing::with(&[], |cx| Mastodon::diagnose(&cx, Source::Probe, &tokens, &answer));
    assert_eq!(said.finding, Finding::Transient { retry_after: Some(Span::seconds(17)) });
}

#[test]
fn an_answer_of_another_server_is_refused_where_the_right_one_would_have_named_itself() {
    let memory = BTreeMap::from([("issuer".to_owned(), Secret::new("https://social.example"))]);
    let back = |iss: Option<&str>| -> Vec<(String, String)> {
        iss.iter().map(|iss| ("iss".to_owned(), (*iss).to_owned())).chain([("code".to_owned(), "c".to_owned())]).collect()
    };
    testing::with(&[], |cx| {
        for iss in [None, Some("https://evil.example")] {
            assert!(matches!(Mastodon.exchange(cx, &memory, &back(iss)), Err(Failure::Suspicious { .. })), "{iss:?}");
        }
        assert!(Mastodon.exchange(cx, &memory, &back(Some("https://social.example"))).is_ok());
        assert!(Mastodon.exchange(cx, &BTreeMap::new(), &back(None)).is_ok(), "one that promised nothing");
    });
}

#[test]
fn a_token_is_renewed_and_revoked_by_the_client_it_was_issued_to() {
    let body = r#"{"access_token":"a","refresh_token":"r","token_type":"Bearer","scope":"read"}"#;
    let answer = Response::builder().status(200).body(Bytes::from(body)).expect("an answer");
    let Ok(Answer::Done(issued)) = testing::with(&[], |cx| Mastodon.read_exchange(cx, &BTreeMap::new(), &[], &answer)) else {
        panic!("not taken")
    };
    testing::with(&[], |cx| {
        // The instance lost us meanwhile, and knows another client of ours.
        let mut app = cx.app.clone();
        (app.client_id, app.client_secret) = ("newer".into(), Some(Secret::new("newer")));
        app.instance = "mastodon.example".into();
        let cx = crate::network::Cx { app: &app, ..cx };
        for request in [Mastodon.renew(cx, &issued.tokens), Mastodon.revoke(cx, &issued.tokens)] {
            let body = String::from_utf8_lossy(request.expect("a request").body()).into_owned();
            assert!(body.contains("client_id=client&client_secret=secret"), "{body}");
        }
    });
}
