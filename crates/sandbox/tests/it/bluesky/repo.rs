//! Records, files, and the scopes that allow them.

use http::Method;
use serde_json::{Value, json};

use super::{Client, FERNWEH, VERIFIER};
use crate::{CALLBACK, Got, Net, code_of, encoded};

#[test]
fn what_is_deleted_is_gone_and_may_be_deleted_again() {
    let mut net = Net::new();
    let mut client = Client::new();
    let (access, _) = client.connect(&mut net);
    let record = json!({ "$type": "app.bsky.feed.post", "text": "Huts", "createdAt": "2026-09-01T12:00:00Z" });
    let uri = client.post(&mut net, &access, "3kabcdefghij2", &record).str("uri").to_owned();
    let mut delete = |net: &mut Net, did: &str| {
        let body = json!({ "repo": did, "collection": "app.bsky.feed.post", "rkey": "3kabcdefghij2" });
        client.call(net, Method::POST, "/xrpc/com.atproto.repo.deleteRecord", &access, &body)
    };
    assert_eq!(delete(&mut net, "did:plc:janalindnerjanalindnerja").status, 401, "of nobody else");
    let gone = delete(&mut net, FERNWEH);
    assert!(gone.status == 200 && gone.json["commit"]["cid"].is_string(), "{}", gone.text);
    delete(&mut net, FERNWEH).is(200, &json!({}));
    let thread = format!("/bluesky/xrpc/app.bsky.feed.getPostThread?{}", encoded(&[("uri", &uri)]));
    assert_eq!(net.send(Method::GET, &thread, &[], "").str("error"), "NotFound");
}

#[test]
fn granular_scopes_allow_what_they_name() {
    let mut net = Net::new();
    let mut client = Client::new();
    let record = json!({ "$type": "app.bsky.feed.post", "text": "Huts", "createdAt": "2026-09-01T12:00:00Z" });
    let mut key = 0;
    for (scope, creates, deletes, uploads) in [
        ("atproto repo:app.bsky.feed.post?action=create blob:image/*", true, false, true),
        ("atproto repo:app.bsky.feed.post", true, true, false),
        ("atproto repo:*?action=delete blob:*/*", false, true, true),
        ("atproto repo:app.bsky.feed.like", false, false, false),
        ("atproto include:app.bsky.authCreatePosts", true, false, false),
    ] {
        let id = format!("http://localhost?{}", encoded(&[("redirect_uri", CALLBACK), ("scope", scope)]));
        let pushed = client.par(&mut net, &[("client_id", &id), ("scope", scope)]);
        assert_eq!(pushed.status, 201, "{scope}: {}", pushed.text);
        let page = format!("/oauth/authorize?{}", encoded(&[("client_id", &id), ("request_uri", pushed.str("request_uri"))]));
        let code = code_of(&net.consent(&page, "fernweh.test"));
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("redirect_uri", CALLBACK),
            ("code_verifier", VERIFIER),
            ("client_id", &id),
        ];
        let got = client.form(&mut net, "/oauth/token", &fields);
        assert_eq!(got.str("scope"), scope);
        let access = got.str("access_token").to_owned();
        let is_let = |got: &Got, missing: &str| {
            let words = format!("Missing required scope \"{missing}\"");
            assert!(got.status == 200 || (got.status == 403 && got.str("message") == words), "{scope}: {}", got.text);
            got.status == 200
        };
        key += 1;
        let rkey = format!("3kabcdefghij{key}");
        let made = client.post(&mut net, &access, &rkey, &record);
        assert_eq!(is_let(&made, "repo:app.bsky.feed.post?action=create"), creates, "{scope}");
        let body = json!({ "repo": FERNWEH, "collection": "app.bsky.feed.post", "rkey": rkey });
        let gone = client.call(&mut net, Method::POST, "/xrpc/com.atproto.repo.deleteRecord", &access, &body);
        assert_eq!(is_let(&gone, "repo:app.bsky.feed.post?action=delete"), deletes, "{scope}");
        assert_eq!(is_let(&picture(&mut net, &mut client, &access, "picture"), "blob:image/png"), uploads, "{scope}");
        assert_eq!(client.session(&mut net, &access).status, 200, "any scope will do");
    }
    let unknown = client.par(&mut net, &[("scope", "atproto everything"), ("client_id", "http://localhost?scope=atproto+everything")]);
    assert_eq!(unknown.status, 400);
}

/// Puts a picture there.
fn picture(net: &mut Net, client: &mut Client, access: &str, bytes: &str) -> Got {
    let path = "/xrpc/com.atproto.repo.uploadBlob";
    loop {
        let proof = client.proof(net, "POST", path, access);
        let proof = client.signed(&proof);
        let headers = [("authorization", format!("DPoP {access}")), ("dpop", proof), ("content-type", "image/png".into())];
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let got = net.send(Method::POST, path, &headers, bytes);
        got.header("dpop-nonce").clone_into(&mut client.nonce);
        if got.json["error"] != "use_dpop_nonce" {
            return got;
        }
    }
}

#[test]
fn pictures_have_a_size_and_a_number() {
    let mut net = Net::new();
    let mut client = Client::new();
    let (access, _) = client.connect(&mut net);
    let (fits, large) = ("x".repeat(2_000_000), "x".repeat(2_000_001));
    let (fits, large) = (picture(&mut net, &mut client, &access, &fits), picture(&mut net, &mut client, &access, &large));
    let record = |blobs: &[&Got]| {
        let images: Vec<Value> = blobs.iter().map(|blob| json!({ "alt": "", "image": blob.json["blob"] })).collect();
        json!({
            "$type": "app.bsky.feed.post", "text": "Huts", "createdAt": "2026-09-01T12:00:00Z",
            "embed": { "$type": "app.bsky.embed.images", "images": images }
        })
    };
    for (n, (blobs, error)) in
        [(vec![&fits; 4], ""), (vec![&fits; 5], "InvalidRequest"), (vec![&fits, &large], "BlobTooLarge")].into_iter().enumerate()
    {
        let got = client.post(&mut net, &access, &format!("3kabcdefghij{n}"), &record(&blobs));
        assert_eq!((got.status, got.json["error"].as_str().unwrap_or_default()), (if error.is_empty() { 200 } else { 400 }, error));
    }
    let got = net.send(Method::GET, &format!("/bluesky/xrpc/app.bsky.actor.getProfile?actor={FERNWEH}"), &[], "");
    assert!(got.str("avatar").starts_with("https://"));
}
