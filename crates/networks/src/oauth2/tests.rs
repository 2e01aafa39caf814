//! Answers of servers that read the standards in their own way.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;

use bytes::Bytes;
use http::{Request, Response};
use lifecycle::diagnosis::{Diagnosis, Finding};
use lifecycle::secret::{Secret, TokenSet};
use lifecycle::time::{Span, Timestamp};
use lifecycle::words::Cause;
use serde_json::{Value, json};

use super::{Definition, OAuth2};
use crate::network::{Answer, App, Cx, Failure, Network, Renewal, Start};
use crate::testing;
use crate::wire::{BoxFuture, Wire, WireError};

/// Answers by what the address ends with, and remembers what was asked.
struct Server(BTreeMap<&'static str, Value>, Mutex<VecDeque<String>>);

impl Wire for Server {
    fn send(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, WireError>> {
        let url = request.uri().to_string();
        let found = self.0.iter().find(|(end, _)| url.ends_with(**end)).map(|(_, json)| answer(200, &[], &json.to_string()));
        self.1.lock().expect("not poisoned").push_back(url);
        Box::pin(async move { Ok(found.unwrap_or_else(|| answer(404, &[], ""))) })
    }
}

fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Response<Bytes> {
    let builder = headers.iter().fold(Response::builder().status(status), |builder, (name, value)| builder.header(*name, *value));
    builder.body(Bytes::copy_from_slice(body.as_bytes())).expect("an answer")
}

fn tokens(refresh: Option<&str>) -> TokenSet {
    TokenSet::bearer(Secret::new("access"), refresh.map(Secret::new), vec![])
}

fn intranet(scopes: &[&str]) -> OAuth2 {
    let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
    OAuth2::new(Definition { name: "intranet".into(), title: "Intranet".into(), scopes, rules: vec![], has_profiles: false })
}

/// Runs at a server with introspection.
fn with<T>(options: &[(&str, &str)], run: impl FnOnce(&OAuth2, Cx<'_>) -> T) -> T {
    let network = intranet(&["read", "write"]);
    testing::with(options, |cx| {
        let endpoints = ["authorize", "token", "userinfo", "introspect", "revoke"];
        let endpoints = endpoints.map(|key| (key.to_owned(), format!("https://op.example/{key}")));
        let app = App { endpoints: BTreeMap::from(endpoints), ..cx.app.clone() };
        let facts = network.facts();
        run(&network, Cx { app: &app, facts: &facts, ..cx })
    })
}

fn done(answer: Answer<Diagnosis>) -> Diagnosis {
    match answer {
        Answer::Done(diagnosis) => diagnosis,
        other @ Answer::AskAgain { .. } => panic!("{other:?}"),
    }
}

fn refused(diagnosis: &Diagnosis) -> Option<Cause> {
    match diagnosis.finding {
        Finding::Refused { cause, .. } => Some(cause),
        _ => None,
    }
}

#[test]
fn not_active_may_mean_not_to_be_seen_by_us_so_the_resource_decides() {
    let says = |second: &Response<Bytes>| {
        with(&[], |network, cx| {
            let mut tokens = tokens(None);
            assert!(network.probe(cx, &tokens).uri().path().ends_with("introspect"));
            let first = network.read_probe(cx, &tokens, &answer(200, &[], r#"{"active":false}"#));
            let Answer::AskAgain { request, notes, .. } = first else { panic!("{first:?}") };
            assert!(request.uri().path().ends_with("userinfo"));
            tokens.notes.extend(notes);
            done(network.read_probe(cx, &tokens, second))
        })
    };
    assert_eq!(says(&answer(200, &[], r#"{"sub":"ana"}"#)).finding, Finding::Works);
    let gone = answer(401, &[("www-authenticate", "Bearer error=\"invalid_token\"")], "");
    assert_eq!(refused(&says(&gone)), Some(Cause::Unknown));
    // Our client's credentials are not what the second one refuses.
    assert_eq!(refused(&says(&answer(401, &[], ""))), Some(Cause::Unknown));
    assert!(matches!(says(&answer(503, &[], "")).finding, Finding::Transient { .. }));
    let client = with(&[], |network, cx| done(network.read_probe(cx, &tokens(None), &answer(401, &[], ""))));
    assert_eq!(client.finding, Finding::Misconfigured);
}

#[test]
fn the_header_speaks_before_the_body() {
    let read = |answer: &Response<Bytes>| {
        with(&[], |network, cx| {
            let mut tokens = tokens(None);
            tokens.notes.insert("asked".into(), "userinfo".into());
            done(network.read_probe(cx, &tokens, answer))
        })
    };
    let invalid = ("www-authenticate", r#"Bearer realm="x", error="invalid_token", error_description="expired""#);
    for body in ["", "<html>no</html>", r#"{"error":"unauthorized"}"#, r#"{"message":"Unauthorized"}"#] {
        assert_eq!(refused(&read(&answer(401, &[invalid], body))), Some(Cause::Unknown), "{body}");
        assert_eq!(refused(&read(&answer(401, &[], body))), Some(Cause::Unknown), "{body}");
    }
    assert_eq!(refused(&read(&answer(401, &[("www-authenticate", "DPoP error=invalid_token")], ""))), Some(Cause::Unknown));
    let both = [("www-authenticate", "Basic realm=\"x\""), ("www-authenticate", "Bearer realm=\"x\"")];
    assert_eq!(refused(&read(&answer(401, &both, ""))), Some(Cause::Unknown));
    // A proxy that wants a password of its own.
    assert!(matches!(read(&answer(401, &both[..1], "")).finding, Finding::Transient { .. }));
    let scope = ("www-authenticate", "Bearer error=\"insufficient_scope\", scope=\"x\"");
    assert_eq!(refused(&read(&answer(403, &[scope], r#"{"error":"forbidden"}"#))), Some(Cause::ScopeMissing));
    assert!(matches!(read(&answer(403, &[], "")).finding, Finding::Transient { .. }));
}

#[test]
fn tokens_of_another_type_are_not_taken_scopes_are_split_at_spaces_and_a_life_is_assumed() {
    let issued =
        |body: Value| with(&[], |network, cx| network.read_exchange(cx, &BTreeMap::new(), &[], &answer(200, &[], &body.to_string())));
    let foreign = issued(json!({ "access_token": "A", "token_type": "mac" }));
    assert!(matches!(foreign, Err(Failure::Misconfigured { evidence }) if evidence.words.contains("mac")));
    let scope = "read urn:x:a,b";
    let Ok(Answer::Done(plain)) = issued(json!({ "access_token": "A", "refresh_token": "R", "token_type": "BEARER", "scope": scope }))
    else {
        panic!("not taken")
    };
    assert_eq!(plain.tokens.scopes, ["read", "urn:x:a,b"]);
    assert_eq!(plain.missing_scopes, ["write"]);
    let hour = Timestamp::from_seconds(testing::NOW) + Span::hours(1);
    assert_eq!(plain.clocks.access_until, Some(hour));
    let Ok(Answer::Done(endless)) = issued(json!({ "access_token": "A", "token_type": "bearer" })) else { panic!("not taken") };
    assert_eq!(endless.clocks.access_until, None, "one that cannot be renewed is not called over by a guess");
    let renewed = with(&[], |network, cx| {
        let body = json!({ "access_token": "B", "refresh_token": "S", "token_type": "bearer", "scope": "read,write" }).to_string();
        network.read_renew(cx, &tokens(Some("R")), &answer(200, &[], &body))
    });
    let Answer::Done(Renewal::Renewed(renewed)) = renewed else { panic!("{renewed:?}") };
    assert_eq!(renewed.tokens.scopes, ["read,write"]);
}

#[test]
fn where_refresh_tokens_cannot_be_revoked_the_access_token_is() {
    with(&[], |network, cx| {
        let mut held = tokens(Some("R"));
        let unsupported = answer(400, &[], r#"{"error":"unsupported_token_type"}"#);
        let first = network.read_revoke(cx, &held, &unsupported);
        let Answer::AskAgain { request, notes, .. } = first else { panic!("{first:?}") };
        assert_eq!(&request.body()[..], b"token=access&token_type_hint=access_token");
        held.notes.extend(notes);
        assert!(matches!(network.read_revoke(cx, &held, &answer(200, &[], "")), Answer::Done(true)));
        assert!(matches!(network.read_revoke(cx, &held, &unsupported), Answer::Done(false)));
    });
}

async fn begun(network: &OAuth2, cx: Cx<'_>, wire: &Server) -> Result<BTreeMap<String, Secret>, Failure> {
    let start = Start { state: Secret::new("s"), hint: None, expected_person: None };
    network.begin(cx, wire, &start).await.map(|authorization| authorization.memory)
}

#[tokio::test]
async fn the_issuer_s_own_metadata_is_read_and_must_agree() {
    let issuer = "https://op.example/tenant";
    let network = intranet(&[]);
    let app = testing::with(&[("issuer", issuer)], |cx| cx.app.clone());
    let (facts, dice) = (network.facts(), testing::Sevens);
    let cx = Cx { app: &app, facts: &facts, now: Timestamp::from_seconds(testing::NOW), dice: &dice };
    let at = |place: &'static str, json: Value| Server(BTreeMap::from([(place, json)]), Mutex::default());
    let back = |iss: Option<&str>| -> Vec<(String, String)> {
        iss.iter().map(|iss| ("iss".to_owned(), (*iss).to_owned())).chain([("code".to_owned(), "c".to_owned())]).collect()
    };
    for place in ["/.well-known/oauth-authorization-server/tenant", "/tenant/.well-known/openid-configuration"] {
        let other = begun(&network, cx, &at(place, json!({ "issuer": "https://evil.example" }))).await;
        assert!(matches!(other, Err(Failure::Misconfigured { .. })), "{place}");
        let silent = begun(&network, cx, &at(place, json!({ "issuer": issuer }))).await.expect("begins");
        assert!(network.exchange(cx, &silent, &back(None)).is_ok(), "{place}: it never said that it would name itself");
        assert!(matches!(network.exchange(cx, &silent, &back(Some("https://evil.example"))), Err(Failure::Suspicious { .. })));
        let says = json!({ "issuer": issuer, "authorization_response_iss_parameter_supported": true });
        let strict = begun(&network, cx, &at(place, says)).await.expect("begins");
        assert!(matches!(network.exchange(cx, &strict, &back(None)), Err(Failure::Suspicious { .. })), "{place}");
        assert!(network.exchange(cx, &strict, &back(Some(issuer))).is_ok());
    }
    // Where no metadata is to be had, what is configured is demanded.
    let unknown = begun(&network, cx, &at("/nothing", Value::Null)).await.expect("begins");
    assert!(matches!(network.exchange(cx, &unknown, &back(None)), Err(Failure::Suspicious { .. })));
}
