//! From what the person typed to the page they are sent to.

use base64::Engine as _;

use super::super::resolve::{Hint, is_did, read_hint};
use super::*;
use crate::network::{Authorization, Failure};

fn begin(house: &House, internet: &Internet, hint: &str) -> Result<Authorization, Failure> {
    now(Bluesky.begin(house.cx(), internet, &start(hint)))
}

fn is_suspicious(got: &Result<Authorization, Failure>, words: &str) -> bool {
    matches!(got, Err(Failure::Suspicious { evidence }) if evidence.words.contains(words))
}

fn is_bad_hint(got: &Result<Authorization, Failure>) -> bool {
    matches!(got, Err(Failure::BadHint { words }) if !words.en.is_empty() && !words.de.is_empty())
}

#[test]
fn what_people_type_is_understood() {
    let mut house = House::public();
    let handle = |text: &str| Some(Hint::Handle(text.into()));
    let server = |text: &str| Some(Hint::Server(text.into()));
    let cases = [
        ("name.bsky.social", handle("name.bsky.social")),
        ("  @Name.Bsky.Social \u{202c}", handle("name.bsky.social")),
        ("at://name.bsky.social", handle("name.bsky.social")),
        ("https://bsky.app/profile/name.bsky.social/post/3k", handle("name.bsky.social")),
        (ALICE, Some(Hint::Did(ALICE.into()))),
        ("did:web:name.example", Some(Hint::Did("did:web:name.example".into()))),
        ("https://pds.example/some/page", server("https://pds.example")),
        ("pds.example:8443", server("https://pds.example:8443")),
        ("name@example.com", None),
        ("http://pds.example", None),
        ("http://localhost:2583", None),
        ("https://user:secret@pds.example", None),
        ("ftp://pds.example", None),
        ("did:key:zabc", None),
        ("did:plc:short", None),
        ("two words", None),
    ];
    for (typed, expected) in cases {
        assert_eq!(read_hint(&house.cx(), typed), expected, "{typed}");
    }
    house.app.options.insert("allow_http_loopback".into(), "true".into());
    assert_eq!(read_hint(&house.cx(), "http://localhost:2583/"), server("http://localhost:2583"));
    assert_eq!(read_hint(&house.cx(), "localhost:2583"), server("http://localhost:2583"));
    assert_eq!(read_hint(&house.cx(), "http://pds.example"), None, "loopback only");
}

#[test]
fn only_dids_of_the_network_are_followed() {
    for good in [ALICE, "did:web:a.example", "did:web:localhost%3A2583"] {
        assert!(is_did(good), "{good}");
    }
    for bad in [
        "did:plc:AAAAAAAAAAAAAAAAAAAAAAAA",
        "did:plc:aaaaaaaaaaaaaaaaaaaaaaa1",
        "did:web:a.example:path",
        "did:web:",
        "did:web:a.example/../b",
        "did:web:@x.example",
    ] {
        assert!(!is_did(bad), "{bad}");
    }
}

#[test]
fn a_login_is_pushed_with_pkce_a_proof_and_after_the_nonce_again() {
    let (house, internet) = (House::public(), Internet::in_order());
    let authorization = begin(&house, &internet, "alice.example").expect("an authorization");
    let query = "client_id=https%3A%2F%2Fstaygreen.example%2Foauth%2Fclient-metadata.json&request_uri=urn%3Aietf%3Aparams%3Aoauth%3Arequest_uri%3Areq-1";
    assert_eq!(authorization.url, format!("https://as.example/oauth/authorize?{query}"));
    assert_eq!(authorization.returns_with.expose(), "state-1");

    let pushed = internet.seen("https://as.example/oauth/par");
    let [first, second] = pushed.as_slice() else { panic!("{} pushes", pushed.len()) };
    let sent = form(second);
    let expected = [
        ("response_type", "code"),
        ("redirect_uri", CALLBACK),
        ("scope", "atproto transition:generic"),
        ("state", "state-1"),
        ("login_hint", "alice.example"),
        ("client_id", METADATA),
        ("code_challenge_method", "S256"),
    ];
    for (name, value) in expected {
        assert_eq!(sent.get(name).map(String::as_str), Some(value), "{name}");
    }
    assert!(!sent.contains_key("client_assertion"));
    let verifier = authorization.memory["verifier"].expose();
    assert_eq!(verifier.len(), 43);
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, verifier.as_bytes());
    assert_eq!(sent["code_challenge"], base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(hash));

    assert_eq!((&proof(first)["htm"], &proof(first)["htu"]), (&json!("POST"), &json!("https://as.example/oauth/par")));
    assert!(proof(first).get("nonce").is_none());
    assert_eq!(proof(second)["nonce"], "n-1");
    assert_ne!(proof(first)["jti"], proof(second)["jti"]);
    assert_eq!(authorization.memory["nonce:https://as.example"].expose(), "n-1");
    assert_eq!(authorization.memory[DID].expose(), ALICE);
}

#[test]
fn the_required_person_is_asked_for_by_id_when_a_connection_is_refreshed() {
    let (house, internet) = (House::public(), Internet::in_order());
    let start = Start { expected_person: Some(ALICE.into()), ..start("old-handle.example") };
    let authorization = now(Bluesky.begin(house.cx(), &internet, &start)).expect("an authorization");
    assert_eq!(form(&internet.seen("https://as.example/oauth/par")[0])["login_hint"], ALICE);
    assert!(!authorization.memory.contains_key("typed_did"), "who came is judged by the caller, who can name both");
}

#[test]
fn handle_and_account_must_name_each_other() {
    let (house, internet) = (House::public(), Internet::in_order());
    internet.put_account(ALICE, "somebody-else.example", "https://pds.example");
    assert!(is_suspicious(&begin(&house, &internet, "alice.example"), "does not name that handle"));
    internet.put(&format!("https://plc.directory/{ALICE}"), &json!({ "id": BOB, "alsoKnownAs": ["at://alice.example"] }));
    assert!(is_bad_hint(&begin(&house, &internet, "alice.example")));
}

#[test]
fn the_domain_of_a_handle_is_asked_before_the_resolver() {
    let (house, internet) = (House::public(), Internet::in_order());
    internet.put_raw("https://bob.example/.well-known/atproto-did", vec![answer(200, &[], &format!("{BOB}\n"))]);
    internet.put_account(BOB, "bob.example", "https://pds.example");
    assert_eq!(begin(&house, &internet, "bob.example").expect("an authorization").memory[DID].expose(), BOB);
    assert!(internet.seen("https://public.api.bsky.app").is_empty());
}

#[test]
fn servers_that_are_not_in_order_are_refused() {
    let house = House::public();
    let resource = "https://pds.example/.well-known/oauth-protected-resource";
    let server = "https://as.example/.well-known/oauth-authorization-server";
    let with = |url: &str, body: Value| {
        let internet = Internet::in_order();
        internet.put(url, &body);
        let got = begin(&house, &internet, "alice.example");
        assert!(internet.seen("https://as.example/oauth/par").is_empty(), "{body}");
        got
    };
    let named = |servers: Value| json!({ "resource": "https://pds.example", "authorization_servers": servers });
    assert!(is_suspicious(&with(resource, named(json!(["https://as.example", "https://evil.example"]))), "authorization server"));
    assert!(is_suspicious(&with(resource, named(json!([]))), "authorization server"));
    assert!(is_suspicious(&with(resource, named(json!(["http://as.example"]))), "authorization server"));
    assert!(is_suspicious(&with(resource, named(json!(["https://as.example/path"]))), "authorization server"));
    assert!(is_suspicious(
        &with(resource, json!({ "resource": "https://other.example", "authorization_servers": ["https://as.example"] })),
        "another server"
    ));
    assert!(is_suspicious(&with(server, metadata("https://evil.example")), "another issuer"));
    for (field, value) in [
        ("token_endpoint", json!("http://as.example/oauth/token")),
        ("pushed_authorization_request_endpoint", Value::Null),
        ("code_challenge_methods_supported", json!(["plain"])),
        ("dpop_signing_alg_values_supported", json!(["RS256"])),
        ("authorization_response_iss_parameter_supported", json!(false)),
        ("scopes_supported", json!(["openid"])),
    ] {
        let mut broken = metadata("https://as.example");
        broken[field] = value;
        assert!(is_suspicious(&with(server, broken), "no authorization server of the AT Protocol"), "{field}");
    }
}

#[test]
fn a_redirect_on_the_way_is_not_followed() {
    let (house, internet) = (House::public(), Internet::in_order());
    let elsewhere = answer(302, &[("location", "https://evil.example/")], "");
    internet.put_raw("https://pds.example/.well-known/oauth-protected-resource", vec![elsewhere]);
    assert!(is_suspicious(&begin(&house, &internet, "alice.example"), "does not name its authorization server"));
    assert!(internet.seen("https://evil.example").is_empty());
}

#[test]
fn trouble_on_the_way_is_trouble_and_a_typing_error_is_one() {
    let house = House::public();
    let internet = Internet::in_order();
    internet.put_raw("https://pds.example/.well-known/oauth-protected-resource", vec![answer(503, &[], "busy")]);
    assert!(matches!(begin(&house, &internet, "alice.example"), Err(Failure::Unavailable { .. })));

    let internet = Internet::in_order();
    let unknown = answer(400, &[], r#"{"error":"HandleNotFound","message":"Unable to resolve handle"}"#);
    internet.put_raw("https://public.api.bsky.app/xrpc/com.atproto.identity.resolveHandle", vec![unknown]);
    assert!(is_bad_hint(&begin(&house, &internet, "alcie.example")));
    assert!(is_bad_hint(&begin(&house, &internet, "alice@example.com")));
    assert!(is_bad_hint(&begin(&house, &internet, "  ")));

    let nowhere = Internet { answers: Mutex::default(), seen: Mutex::default() };
    assert!(matches!(begin(&house, &nowhere, "alice.example"), Err(Failure::Unavailable { .. })));
}

#[test]
fn a_server_may_be_typed_or_configured_and_then_nobody_is_expected() {
    let (house, internet) = (House::public(), Internet::in_order());
    for typed in ["https://pds.example", "https://as.example"] {
        let authorization = begin(&house, &internet, typed).expect(typed);
        assert!(!authorization.memory.contains_key(DID) && !authorization.memory.contains_key(PDS), "{typed}");
        internet.put_as("https://as.example");
    }
    let unknown = answer(400, &[], r#"{"error":"HandleNotFound","message":"Unable to resolve handle"}"#);
    internet.put_raw("https://public.api.bsky.app/xrpc/com.atproto.identity.resolveHandle", vec![unknown]);
    begin(&house, &internet, "pds.example").expect("a server's name without scheme");

    let house = house.with_endpoint("pds", "https://pds.example");
    internet.put_as("https://as.example");
    begin(&house, &internet, "carol.example").expect("a handle that only the configured server knows");
    assert_eq!(form(internet.seen("https://as.example/oauth/par").last().expect("a push"))["login_hint"], "carol.example");
    begin(&house, &internet, "").expect("no handle at all");
}

#[test]
fn a_server_that_refuses_our_client_is_no_fault_of_the_person() {
    let (house, internet) = (House::public(), Internet::in_order());
    let refusal = answer(
        400,
        &[("dpop-nonce", "n")],
        r#"{"error":"invalid_client_metadata","error_description":"Unable to obtain client metadata"}"#,
    );
    internet.put_raw("https://as.example/oauth/par", vec![refusal]);
    assert!(
        matches!(begin(&house, &internet, "alice.example"), Err(Failure::Misconfigured { evidence }) if evidence.code.as_deref() == Some("invalid_client_metadata"))
    );
    internet.put_raw("https://as.example/oauth/par", vec![wants_nonce("never-enough")]);
    assert!(matches!(begin(&house, &internet, "alice.example"), Err(Failure::Unavailable { .. })));
    assert!(internet.seen("https://as.example/oauth/par").len() <= 3, "asked without end");

    let mut house = House::public();
    house.app.client_secret = Some(Secret::new("not a key"));
    assert!(matches!(begin(&house, &Internet::in_order(), "alice.example"), Err(Failure::Misconfigured { .. })));
}
