//! The kinds of client and the documents by which servers know them.

use super::super::{client_metadata, jwks, loopback_client_id};
use super::*;

#[test]
fn the_document_of_a_public_client() {
    let document = client_metadata(&House::public().app).expect("a document");
    assert_eq!(document["client_id"], METADATA);
    assert_eq!(document["client_uri"], "https://staygreen.example");
    assert_eq!(document["redirect_uris"], json!([CALLBACK]));
    assert_eq!(document["scope"], "atproto transition:generic");
    assert_eq!(document["dpop_bound_access_tokens"], true);
    assert_eq!(document["token_endpoint_auth_method"], "none");
    assert_eq!(
        (document["grant_types"].clone(), document["response_types"].clone()),
        (json!(["authorization_code", "refresh_token"]), json!(["code"]))
    );
    assert!(document.get("jwks_uri").is_none() && document.get("token_endpoint_auth_signing_alg").is_none());
    assert_eq!(jwks(&House::public().app), Some(json!({ "keys": [] })));
}

#[test]
fn the_document_of_a_confidential_client_leads_to_its_public_keys() {
    let mut house = House::confidential();
    house.app.options.insert("client_name".into(), "Fernweh".into());
    house.app.options.insert("logo_uri".into(), "https://staygreen.example/logo.png".into());
    let document = client_metadata(&house.app).expect("a document");
    assert_eq!(document["token_endpoint_auth_method"], "private_key_jwt");
    assert_eq!(document["token_endpoint_auth_signing_alg"], "ES256");
    assert_eq!(document["jwks_uri"], "https://staygreen.example/oauth/jwks.json");
    assert_eq!((&document["client_name"], &document["logo_uri"]), (&json!("Fernweh"), &json!("https://staygreen.example/logo.png")));
    let keys = jwks(&house.app).expect("keys");
    let key = &keys["keys"][0];
    assert_eq!((&key["alg"], &key["use"], &key["kty"]), (&json!("ES256"), &json!("sig"), &json!("EC")));
    assert!(key.get("d").is_none(), "the private part stays at home");
    house.app.client_secret = Some(Secret::new("not a key"));
    assert_eq!((client_metadata(&house.app), jwks(&house.app)), (None, None));
}

#[test]
fn a_client_of_local_development_needs_no_document() {
    let scopes = ["atproto".to_owned(), "transition:generic".to_owned()];
    let id = loopback_client_id("http://127.0.0.1:8420/cb", &scopes);
    assert_eq!(id, "http://localhost?redirect_uri=http%3A%2F%2F127.0.0.1%3A8420%2Fcb&scope=atproto%20transition%3Ageneric");
    let mut house = House::confidential();
    house.app.client_id = "http://localhost".into();
    house.app.redirect_uri = "http://127.0.0.1:8420/cb".into();
    assert_eq!(client_metadata(&house.app), None);
    let internet = Internet::in_order();
    let authorization = now(Bluesky.begin(house.cx(), &internet, &start("alice.example"))).expect("an authorization");
    let sent = form(&internet.seen("https://as.example/oauth/par")[0]);
    assert_eq!(sent["client_id"], id);
    assert!(!sent.contains_key("client_assertion"), "such clients are always public");
    assert_eq!(authorization.memory[CLIENT_ID].expose(), id);
}

#[test]
fn an_assertion_is_for_one_server_and_one_request() {
    let (house, internet) = (House::confidential(), Internet::in_order());
    now(Bluesky.begin(house.cx(), &internet, &start("alice.example"))).expect("an authorization");
    let pushed = internet.seen("https://as.example/oauth/par");
    let assertions: Vec<String> = pushed.iter().map(|request| form(request)["client_assertion"].clone()).collect();
    assert_eq!(form(&pushed[0])["client_assertion_type"], "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
    let said = claims(&assertions[1]);
    assert_eq!((&said["iss"], &said["sub"], &said["aud"]), (&json!(METADATA), &json!(METADATA), &json!("https://as.example")));
    assert_eq!((&said["iat"], &said["exp"]), (&json!(NOW), &json!(NOW + 60)));
    assert_ne!(claims(&assertions[0])["jti"], said["jti"], "the repeated request has an assertion of its own");
    let published = jwks(&house.app).expect("keys");
    assert_eq!(part(&assertions[1], 0)["kid"], published["keys"][0]["kid"]);
}

#[test]
fn a_server_without_our_way_to_authenticate_is_said_so() {
    let (house, internet) = (House::confidential(), Internet::in_order());
    let mut only_public = metadata("https://as.example");
    only_public["token_endpoint_auth_methods_supported"] = json!(["none"]);
    internet.put("https://as.example/.well-known/oauth-authorization-server", &only_public);
    let got = now(Bluesky.begin(house.cx(), &internet, &start("alice.example")));
    assert!(matches!(got, Err(crate::network::Failure::Misconfigured { .. })));
}
