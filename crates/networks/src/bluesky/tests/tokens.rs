//! From the code to the tokens, and what becomes of them.

use lifecycle::diagnosis::Finding;
use lifecycle::time::Span;
use lifecycle::words::{Cause, Confidence};

use super::super::client::Authentication;
use super::super::session::Session;
use super::*;
use crate::network::{Answer, Failure, Issued, Renewal};

const RETURNED: [(&str, &str); 3] = [("code", "cod-1"), ("state", "state-1"), ("iss", "https://as.example")];

fn memory(house: &House, start: &Start) -> BTreeMap<String, Secret> {
    now(Bluesky.begin(house.cx(), &Internet::in_order(), start)).expect("an authorization").memory
}

fn granted(sub: &str) -> Value {
    json!({ "access_token": "canary-a2", "refresh_token": "canary-r2", "token_type": "DPoP", "expires_in": 3599, "scope": "atproto transition:generic", "sub": sub })
}

fn read(house: &House, memory: &BTreeMap<String, Secret>, body: &Value) -> Result<Issued, Failure> {
    let answer = answer(200, &[("dpop-nonce", "n-9")], &body.to_string());
    match Bluesky.read_exchange(house.cx(), memory, &callback(&RETURNED), &answer)? {
        Answer::Done(issued) => Ok(issued),
        Answer::AskAgain { .. } => panic!("asked again"),
    }
}

#[test]
fn an_answer_from_another_server_is_refused_errors_too() {
    let house = House::public();
    let memory = memory(&house, &start("alice.example"));
    let exchange = |pairs: &[(&str, &str)]| Bluesky.exchange(house.cx(), &memory, &callback(pairs));
    let suspicious = |pairs: &[(&str, &str)]| matches!(exchange(pairs), Err(Failure::Suspicious { .. }));
    assert!(suspicious(&[("code", "cod-1")]));
    assert!(suspicious(&[("code", "cod-1"), ("iss", "https://evil.example")]));
    assert!(suspicious(&[("code", "cod-1"), ("iss", "https://as.example/")]), "by simple comparison");
    assert!(suspicious(&[("error", "access_denied"), ("iss", "https://evil.example")]));
    assert!(suspicious(&[("iss", "https://as.example")]));
    assert!(matches!(exchange(&[("error", "access_denied"), ("iss", "https://as.example")]), Err(Failure::Denied { .. })));

    let request = exchange(&RETURNED).expect("a request");
    let sent = form(&request);
    assert_eq!(
        (sent["code"].as_str(), sent["grant_type"].as_str(), sent["redirect_uri"].as_str()),
        ("cod-1", "authorization_code", CALLBACK)
    );
    assert_eq!(sent["code_verifier"], memory["verifier"].expose());
    assert_eq!((&proof(&request)["htu"], &proof(&request)["nonce"]), (&json!("https://as.example/oauth/token"), &json!("n-1")));
}

#[test]
fn a_stale_nonce_is_asked_again_with_a_fresh_proof_of_the_same_key() {
    let house = House::public();
    let memory = memory(&house, &start("alice.example"));
    let first = Bluesky.exchange(house.cx(), &memory, &callback(&RETURNED)).expect("a request");
    let again = Bluesky.read_exchange(house.cx(), &memory, &callback(&RETURNED), &wants_nonce("n-2")).expect("no failure");
    let Answer::AskAgain { request, notes, .. } = again else { panic!("not asked again") };
    assert_eq!(notes, BTreeMap::from([("nonce:https://as.example".into(), "n-2".into())]));
    assert_eq!(proof(&request)["nonce"], "n-2");
    assert_ne!(proof(&request)["jti"], proof(&first)["jti"]);
    let key = |request: &Request<Bytes>| part(request.headers()["dpop"].to_str().expect("text"), 0)["jwk"].clone();
    assert_eq!(key(&request), key(&first));
    assert_eq!(form(&request), form(&first));
}

#[test]
fn what_was_granted_is_kept_with_all_that_belongs_to_it() {
    let house = House::public();
    let memory = memory(&house, &start("alice.example"));
    let issued = read(&house, &memory, &granted(ALICE)).expect("tokens");
    assert_eq!(issued.person_network_id.as_deref(), Some(ALICE));
    assert!(issued.renewable && issued.missing_scopes.is_empty());
    assert_eq!(issued.tokens.token_type, TokenType::Dpop);
    assert_eq!(issued.tokens.dpop_key.as_ref().map(Secret::expose), Some(memory["dpop_key"].expose()));
    let notes = &issued.tokens.notes;
    assert_eq!((notes[ISSUER].as_str(), notes[DID].as_str(), notes[PDS].as_str()), ("https://as.example", ALICE, "https://pds.example"));
    assert_eq!(notes["nonce:https://as.example"], "n-9");
    assert!(!notes.contains_key("verifier") && !notes.contains_key("dpop_key"));
    let at = Timestamp::from_seconds(NOW);
    assert_eq!(issued.clocks.access_until, Some(at + Span::seconds(3599)));
    assert_eq!((issued.clocks.refresh_until, issued.clocks.human_until), (Some(at + Span::days(14)), Some(at + Span::days(14))));

    let mut less = granted(ALICE);
    less["scope"] = json!("atproto");
    assert_eq!(read(&house, &memory, &less).expect("tokens").missing_scopes, ["transition:generic"]);
}

#[test]
fn the_life_of_a_session_depends_on_the_client_and_on_nothing_but_configuration_else() {
    let mut house = House::confidential();
    let memory = memory(&house, &start("alice.example"));
    let issued = read(&house, &memory, &granted(ALICE)).expect("tokens");
    let at = |days| Some(Timestamp::from_seconds(NOW) + Span::days(days));
    assert_eq!((issued.clocks.refresh_until, issued.clocks.human_until), (at(90), at(730)), "the reference server's session is over then");
    house.facts.refresh_life = Some(Span::days(180));
    house.facts.manual_renewal_every = Some(Span::days(365));
    let issued = read(&house, &memory, &granted(ALICE)).expect("tokens");
    assert_eq!((issued.clocks.refresh_until, issued.clocks.human_until), (at(180), at(365)));
}

#[test]
fn a_first_token_set_that_is_not_what_was_asked_for_is_thrown_away() {
    let house = House::public();
    let memory = memory(&house, &start("alice.example"));
    for (field, value) in
        [("token_type", json!("Bearer")), ("sub", Value::Null), ("sub", json!("alice")), ("scope", json!("transition:generic"))]
    {
        let mut body = granted(ALICE);
        body[field] = value;
        let got = read(&house, &memory, &body);
        assert!(matches!(got, Err(Failure::Suspicious { .. })), "{field}: {got:?}");
    }
    let wrong = read(&house, &memory, &granted(BOB));
    assert!(
        matches!(&wrong, Err(Failure::Refused { cause: Cause::WrongPerson, evidence }) if evidence.words.contains(ALICE) && evidence.words.contains(BOB)),
        "{wrong:?}"
    );
}

#[test]
fn whoever_comes_to_refresh_is_named_to_the_caller_and_their_server_is_looked_up() {
    let house = House::public();
    let memory = memory(&house, &Start { expected_person: Some(ALICE.into()), ..start("") });
    let issued = read(&house, &memory, &granted(BOB)).expect("tokens");
    assert_eq!(issued.person_network_id.as_deref(), Some(BOB));
    assert!(!issued.tokens.notes.contains_key(PDS), "the server that was found is alice's");

    let internet = Internet::in_order();
    internet.put_account(BOB, "bob.example", "https://other-pds.example");
    let request = Bluesky.probe(house.cx(), &issued.tokens);
    assert_eq!(request.uri().to_string(), format!("https://plc.directory/{BOB}"));
    assert!(!request.headers().contains_key("authorization"));
    let document = now(internet.send(request)).expect("a document");
    let Answer::AskAgain { request, notes, .. } = Bluesky.read_probe(house.cx(), &issued.tokens, &document) else {
        panic!("not asked again")
    };
    assert_eq!(request.uri(), "https://other-pds.example/xrpc/com.atproto.server.getSession");
    assert_eq!(notes[PDS], "https://other-pds.example");
}

#[test]
fn the_session_keeps_its_client_whatever_is_configured_later() {
    let mut house = House::public();
    let tokens = house.tokens();
    house.app.client_id = "https://new.example/oauth/client-metadata.json".into();
    let request = Bluesky.renew(house.cx(), &tokens).expect("a request");
    let sent = form(&request);
    assert_eq!(
        (sent["client_id"].as_str(), sent["refresh_token"].as_str(), sent["grant_type"].as_str()),
        (METADATA, "canary-refresh", "refresh_token")
    );
}

#[test]
fn nothing_is_sent_without_the_client_key_of_the_session() {
    let mut house = House::confidential();
    let mut tokens = house.tokens();
    let kid = Authentication::new_session(&house.app).and_then(|it| it.kid()).expect("a key");
    tokens.notes.insert("client_kid".into(), kid.clone());
    let request = Bluesky.renew(house.cx(), &tokens).expect("a request");
    assert_eq!(part(&form(&request)["client_assertion"], 0)["kid"], kid);

    let old = house.app.client_secret.clone().expect("a key");
    let new = Key::roll(&house.cx());
    assert_ne!(new.thumbprint(), kid);
    house.app.client_secret = Some(new.stored());
    assert!(Bluesky.renew(house.cx(), &tokens).is_none(), "asking with another key would end the session");
    assert!(Bluesky.revoke(house.cx(), &tokens).is_none());

    // Both keys configured: new sessions use the first, this one goes on with its own.
    let pem = |key: &Secret| {
        format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", key.expose().replace('-', "+").replace('_', "/"))
    };
    house.app.client_secret = Some(Secret::new(format!("{}{}", pem(&new.stored()), pem(&old))));
    let request = Bluesky.renew(house.cx(), &tokens).expect("a request");
    assert_eq!(part(&form(&request)["client_assertion"], 0)["kid"], kid);
    assert_eq!(Authentication::new_session(&house.app).and_then(|it| it.kid()), Some(new.thumbprint()));
}

#[test]
fn a_public_session_moves_on_with_a_client_that_becomes_confidential() {
    let house = House::confidential();
    let tokens = house.tokens();
    let request = Bluesky.renew(house.cx(), &tokens).expect("a request");
    assert!(form(&request).contains_key("client_assertion"));
    let answer = answer(200, &[], &granted(ALICE).to_string());
    let Answer::Done(Renewal::Renewed(issued)) = Bluesky.read_renew(house.cx(), &tokens, &answer) else { panic!("not renewed") };
    assert!(issued.tokens.notes.contains_key("client_kid"));
    assert_eq!(issued.clocks.refresh_until, Some(Timestamp::from_seconds(NOW) + Span::days(90)));
}

#[test]
fn a_renewal_asks_again_with_the_nonce_and_keeps_the_newest() {
    let house = House::public();
    let tokens = house.tokens();
    let Answer::AskAgain { request, notes, .. } = Bluesky.read_renew(house.cx(), &tokens, &wants_nonce("n-5")) else {
        panic!("not asked again")
    };
    assert_eq!((&proof(&request)["nonce"], notes["nonce:https://as.example"].as_str()), (&json!("n-5"), "n-5"));
    assert_eq!(form(&request)["refresh_token"], "canary-refresh");
    let answer = answer(200, &[("dpop-nonce", "n-6")], &granted(ALICE).to_string());
    let Answer::Done(Renewal::Renewed(issued)) = Bluesky.read_renew(house.cx(), &tokens, &answer) else { panic!("not renewed") };
    let kept = issued.tokens.clone().keeping_from(&tokens);
    assert_eq!((kept.notes["nonce:https://as.example"].as_str(), kept.notes[PDS].as_str()), ("n-6", "https://pds.example"));
    assert_eq!((issued.clocks.refresh_until, issued.clocks.human_until), (None, None), "a public session does not grow longer");
    assert_eq!(issued.person_network_id.as_deref(), Some(ALICE));
}

#[test]
fn a_renewal_that_leaves_the_refresh_token_out_keeps_the_old_one() {
    let house = House::public();
    let tokens = house.tokens();
    let mut body = granted(ALICE);
    body["refresh_token"] = json!("");
    let Answer::Done(Renewal::Renewed(issued)) = Bluesky.read_renew(house.cx(), &tokens, &answer(200, &[], &body.to_string())) else {
        panic!("not renewed")
    };
    assert_eq!(issued.tokens.keeping_from(&tokens).refresh_token.as_ref().map(Secret::expose), Some("canary-refresh"));
}

#[test]
fn a_probe_binds_its_proof_to_the_token_and_keeps_nonces_of_servers_apart() {
    let house = House::public();
    let mut tokens = house.tokens();
    tokens.notes.insert("nonce:https://as.example".into(), "of-the-other-server".into());
    let request = Bluesky.probe(house.cx(), &tokens);
    assert_eq!(request.headers()["authorization"], "DPoP canary-access");
    assert!(!format!("{request:?}").contains("canary"));
    assert!(proof(&request).get("nonce").is_none() && proof(&request).get("ath").is_some());
    let challenge = answer(
        401,
        &[("dpop-nonce", "p-1"), ("www-authenticate", r#"DPoP algs="ES256", error="use_dpop_nonce""#)],
        r#"{"error":"use_dpop_nonce","message":"x"}"#,
    );
    let Answer::AskAgain { request, notes, .. } = Bluesky.read_probe(house.cx(), &tokens, &challenge) else { panic!("not asked again") };
    assert_eq!(proof(&request)["nonce"], "p-1");
    assert_eq!(notes, BTreeMap::from([("nonce:https://pds.example".into(), "p-1".into())]));
}

#[test]
fn a_server_that_does_not_know_the_account_is_not_believed_before_its_document_was_read() {
    let house = House::public();
    let mut tokens = house.tokens();
    assert_eq!(Bluesky.server(&tokens).as_deref(), Some("https://pds.example"));
    let unknown = answer(403, &[], r#"{"error":"AccountNotFound","message":"Account not found"}"#);
    let Answer::AskAgain { request, notes, .. } = Bluesky.read_probe(house.cx(), &tokens, &unknown) else { panic!("not asked again") };
    assert_eq!(request.uri().to_string(), format!("https://plc.directory/{ALICE}"));
    assert!(!request.headers().contains_key("authorization"), "no token for the directory");
    tokens.notes.extend(notes);
    let read = |pds: &str| {
        let internet = Internet::in_order();
        internet.put_account(ALICE, "alice.example", pds);
        let document = now(internet.send((*request).clone())).expect("a document");
        match Bluesky.read_probe(house.cx(), &tokens, &document) {
            Answer::Done(diagnosis) => diagnosis,
            Answer::AskAgain { .. } => panic!("asked again"),
        }
    };
    let moved = read("https://new.example");
    assert!(
        matches!(moved.finding, Finding::Refused { cause: Cause::Unknown, confidence: Confidence::Likely, terminal: false }),
        "{moved:?}"
    );
    assert!(moved.evidence.words.contains("moved to another server") && moved.evidence.words.contains("https://new.example"), "{moved:?}");
    let gone = read("https://pds.example");
    assert!(matches!(gone.finding, Finding::Refused { cause: Cause::Unknown, confidence: Confidence::Guess, .. }), "{gone:?}");
    assert!(!gone.evidence.words.contains("moved"), "{gone:?}");
}

#[test]
fn revoking_ends_the_session_and_without_nonce_is_asked_again() {
    let house = House::public();
    let tokens = house.tokens();
    let request = Bluesky.revoke(house.cx(), &tokens).expect("a request");
    assert_eq!(request.uri(), "https://as.example/oauth/revoke");
    assert_eq!(form(&request)["token"], "canary-refresh");
    let Answer::AskAgain { request, .. } = Bluesky.read_revoke(house.cx(), &tokens, &wants_nonce("n-7")) else { panic!("not asked again") };
    assert_eq!(proof(&request)["nonce"], "n-7");
    assert!(matches!(Bluesky.read_revoke(house.cx(), &tokens, &answer(200, &[], "{}")), Answer::Done(true)));
    assert!(matches!(Bluesky.read_revoke(house.cx(), &tokens, &answer(503, &[], "")), Answer::Done(false)));
}

#[test]
fn no_token_is_shown_to_a_server_before_the_account_itself_confirms_it() {
    let house = House::public();
    let tokens = house.tokens();
    let internet = Internet::in_order();
    internet.put_raw(
        "https://pds.example/xrpc/com.atproto.server.getSession",
        vec![answer(200, &[], &json!({ "did": ALICE, "handle": "alice.example", "active": true }).to_string())],
    );
    let discovery = now(Bluesky.discover(house.cx(), &internet, &tokens)).expect("a profile");
    assert_eq!((discovery.person.network_id.as_str(), discovery.profiles[0].name.as_str()), (ALICE, "alice.example"));
    internet.put(
        "https://public.api.bsky.app/xrpc/app.bsky.actor.getProfile",
        &json!({ "displayName": "Alice", "avatar": "https://cdn.example/a.jpg" }),
    );
    let discovery = now(Bluesky.discover(house.cx(), &internet, &tokens)).expect("a profile");
    assert_eq!(
        (discovery.profiles[0].name.as_str(), discovery.profiles[0].avatar.as_deref()),
        ("Alice", Some("https://cdn.example/a.jpg"))
    );

    // A token in alice's name from a server that her account does not know.
    for (pds, issuer) in [("https://pds.example", "https://another.example"), ("https://moved.example", "https://another.example")] {
        let internet = Internet::in_order();
        internet.put_account(ALICE, "alice.example", pds);
        internet.put_pds(pds, issuer);
        internet.put_as(issuer);
        let refused = now(Bluesky.discover(house.cx(), &internet, &tokens)).expect_err("a mix-up");
        assert!(matches!(refused.finding, Finding::Refused { confidence: Confidence::Certain, .. }), "{refused:?}");
        assert_eq!(refused.evidence.code.as_deref(), Some("issuer_mismatch"));
        assert!(internet.seen("https://").iter().all(|request| !request.headers().contains_key("authorization")));
    }
    let nowhere = Internet { answers: Mutex::default(), seen: Mutex::default() };
    assert!(now(Bluesky.discover(house.cx(), &nowhere, &tokens)).expect_err("nobody there").is_harmless());
}

#[test]
fn a_token_set_without_its_key_is_our_fault_and_never_sent() {
    let house = House::public();
    let mut tokens = house.tokens();
    tokens.dpop_key = None;
    assert!(Session::of(&tokens).is_none());
    assert!(Bluesky.renew(house.cx(), &tokens).is_none());
    assert!(!Bluesky.probe(house.cx(), &tokens).headers().contains_key("authorization"));
    assert!(
        matches!(Bluesky.read_probe(house.cx(), &tokens, &answer(401, &[], "")), Answer::Done(diagnosis) if diagnosis.finding == Finding::Misconfigured)
    );
}
