//! Bluesky, as `networks/bluesky` of the knowledge base and the reference server's answers say.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Method;
use serde_json::{Value, json};

mod repo;

use crate::{CALLBACK, DAY, Got, HOUR, Net, code_of, encoded, parameter};

const ORIGIN: &str = "http://127.0.0.1:8430";
const VERIFIER: &str = "a-verifier-of-forty-three-characters-and-more-~";
const FERNWEH: &str = "did:plc:fernwehoutdoorfernwehout";

fn hash(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, text.as_bytes()))
}

/// A client with a key of its own and the newest nonce.
struct Client {
    pair: EcdsaKeyPair,
    nonce: String,
    proofs: u32,
}

/// What a proof says, before it is signed.
struct Proof {
    header: Value,
    claims: Value,
}

impl Client {
    fn new() -> Self {
        Self { pair: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap(), nonce: String::new(), proofs: 0 }
    }

    fn id() -> String {
        format!("http://localhost?{}", encoded(&[("redirect_uri", CALLBACK), ("scope", "atproto transition:generic")]))
    }

    fn proof(&mut self, net: &Net, method: &str, path: &str, token: &str) -> Proof {
        self.proofs += 1;
        let (x, y) = self.pair.public_key().as_ref()[1..].split_at(32);
        let jwk = json!({ "kty": "EC", "crv": "P-256", "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y) });
        let url = format!("{ORIGIN}{}", path.split('?').next().unwrap());
        let mut claims = json!({ "jti": format!("j{}", self.proofs), "htm": method, "htu": url, "iat": net.now / 1_000_000 });
        if !self.nonce.is_empty() {
            claims["nonce"] = json!(self.nonce);
        }
        if !token.is_empty() {
            claims["ath"] = json!(hash(token));
        }
        Proof { header: json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": jwk }), claims }
    }

    fn signed(&self, proof: &Proof) -> String {
        let input = format!("{}.{}", URL_SAFE_NO_PAD.encode(proof.header.to_string()), URL_SAFE_NO_PAD.encode(proof.claims.to_string()));
        let signature = self.pair.sign(&SystemRandom::new(), input.as_bytes()).unwrap();
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// A form to the authorization server; asked for a nonce, it comes again with it.
    fn form(&mut self, net: &mut Net, path: &str, fields: &[(&str, &str)]) -> Got {
        let id = Self::id();
        let mut all = fields.to_vec();
        if !fields.iter().any(|(name, _)| *name == "client_id") {
            all.push(("client_id", &id));
        }
        loop {
            let proof = self.proof(net, "POST", path, "");
            let got = net.form(path, &[("dpop", &self.signed(&proof))], &all);
            got.header("dpop-nonce").clone_into(&mut self.nonce);
            if got.json["error"] != "use_dpop_nonce" {
                return got;
            }
            assert_eq!(got.status, 400, "a nonce is asked for with 400 here");
        }
    }

    fn call(&mut self, net: &mut Net, method: Method, path: &str, token: &str, body: &Value) -> Got {
        loop {
            let proof = self.proof(net, method.as_str(), path, token);
            let got = self.present(net, method.clone(), path, token, &self.signed(&proof), body);
            got.header("dpop-nonce").clone_into(&mut self.nonce);
            if got.json["error"] != "use_dpop_nonce" {
                return got;
            }
            assert!(got.status == 401 && got.header("www-authenticate").contains("error=\"use_dpop_nonce\""), "{}", got.text);
        }
    }

    fn present(&self, net: &mut Net, method: Method, path: &str, token: &str, proof: &str, body: &Value) -> Got {
        let headers = [("authorization", format!("DPoP {token}")), ("dpop", proof.to_owned()), ("content-type", "application/json".into())];
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let body = if body.is_null() { String::new() } else { body.to_string() };
        net.send(method, path, &headers, &body)
    }

    fn par(&mut self, net: &mut Net, more: &[(&str, &str)]) -> Got {
        let challenge = hash(VERIFIER);
        let mut fields = vec![
            ("response_type", "code"),
            ("redirect_uri", CALLBACK),
            ("scope", "atproto transition:generic"),
            ("state", "s1"),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
            ("login_hint", "fernweh.test"),
        ];
        for (name, value) in more {
            fields.retain(|(known, _)| known != name);
            fields.push((name, value));
        }
        self.form(net, "/oauth/par", &fields)
    }

    /// Where the person is sent.
    fn page(&mut self, net: &mut Net) -> String {
        let got = self.par(net, &[]);
        assert_eq!((got.status, &got.json["expires_in"]), (201, &json!(300)), "{}", got.text);
        format!("/oauth/authorize?{}", encoded(&[("client_id", &Self::id()), ("request_uri", got.str("request_uri"))]))
    }

    fn exchange(&mut self, net: &mut Net, code: &str, verifier: &str) -> Got {
        let fields = [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", CALLBACK), ("code_verifier", verifier)];
        self.form(net, "/oauth/token", &fields)
    }

    /// Access and refresh token.
    fn connect(&mut self, net: &mut Net) -> (String, String) {
        let page = self.page(net);
        let code = code_of(&net.consent(&page, "fernweh.test"));
        let got = self.exchange(net, &code, VERIFIER);
        assert_eq!((got.str("token_type"), got.str("sub"), got.str("scope")), ("DPoP", FERNWEH, "atproto transition:generic"));
        (got.str("access_token").into(), got.str("refresh_token").into())
    }

    fn refresh(&mut self, net: &mut Net, token: &str) -> Got {
        self.form(net, "/oauth/token", &[("grant_type", "refresh_token"), ("refresh_token", token)])
    }

    fn session(&mut self, net: &mut Net, token: &str) -> Got {
        self.call(net, Method::GET, "/xrpc/com.atproto.server.getSession", token, &Value::Null)
    }

    fn post(&mut self, net: &mut Net, token: &str, rkey: &str, record: &Value) -> Got {
        let body = json!({ "repo": FERNWEH, "collection": "app.bsky.feed.post", "rkey": rkey, "record": record });
        self.call(net, Method::POST, "/xrpc/com.atproto.repo.createRecord", token, &body)
    }
}

fn is_refused(got: &Got, words: &str) {
    got.is(400, &json!({ "error": "invalid_grant", "error_description": words }));
}

#[test]
fn from_a_handle_to_the_server() {
    let mut net = Net::new();
    let got = net.send(Method::GET, "/bluesky/xrpc/com.atproto.identity.resolveHandle?handle=fernweh.test", &[], "");
    got.is(200, &json!({ "did": FERNWEH }));
    assert_eq!(net.send(Method::GET, "/bluesky/xrpc/com.atproto.identity.resolveHandle?handle=nobody.test", &[], "").status, 400);
    let got = net.send(Method::GET, &format!("/bluesky/{FERNWEH}"), &[], "");
    assert_eq!((&got.json["alsoKnownAs"][0], &got.json["service"][0]["serviceEndpoint"]), (&json!("at://fernweh.test"), &json!(ORIGIN)));
    assert_eq!(net.send(Method::GET, "/bluesky/did:plc:nobodynobodynobodynobody", &[], "").status, 404);
    let got = net.send(Method::GET, "/.well-known/oauth-protected-resource", &[], "");
    assert_eq!(got.json["authorization_servers"], json!([ORIGIN]));
    let got = net.send(Method::GET, "/.well-known/oauth-authorization-server", &[], "");
    assert_eq!((got.str("issuer"), &got.json["require_pushed_authorization_requests"]), (ORIGIN, &json!(true)));
}

#[test]
fn the_whole_chain_and_the_issuer_on_the_way_back() {
    let mut net = Net::new();
    let mut client = Client::new();
    let page = client.page(&mut net);
    let back = net.deny(&page, "fernweh.test");
    assert_eq!((parameter(&back, "error").as_deref(), parameter(&back, "iss").as_deref()), (Some("access_denied"), Some(ORIGIN)));
    let back = net.consent(&page, "fernweh.test");
    assert_eq!((parameter(&back, "state").as_deref(), parameter(&back, "iss").as_deref()), (Some("s1"), Some(ORIGIN)));
    assert_eq!(net.send(Method::GET, &page, &[], "").status, 401, "a pushed request is used once");
    let access = client.exchange(&mut net, &code_of(&back), VERIFIER).str("access_token").to_owned();
    client.session(&mut net, &access).is(200, &json!({ "handle": "fernweh.test", "did": FERNWEH, "active": true }));
    let late = client.page(&mut net);
    net.pass(300);
    assert_eq!(net.send(Method::GET, &late, &[], "").status, 401, "after five minutes it is gone");
    for bare in ["/oauth/authorize?response_type=code&client_id=x", "/oauth/authorize"] {
        assert_eq!(net.send(Method::GET, bare, &[], "").status, 401, "nothing but pushed requests");
    }
}

#[test]
fn what_a_pushed_request_must_be() {
    let mut net = Net::new();
    let mut client = Client::new();
    assert_eq!(net.form("/oauth/par", &[], &[]).str("error"), "invalid_dpop_proof");
    for (more, error) in [
        (("code_challenge_method", "plain"), "invalid_request"),
        (("code_challenge", ""), "invalid_request"),
        (("redirect_uri", "http://localhost:8420/callback"), "invalid_request"),
        (("redirect_uri", "http://127.0.0.1:8420/elsewhere"), "invalid_request"),
        (("redirect_uri", "https://evil.example/callback"), "invalid_request"),
        (("client_id", "https://staygreen.example/"), "invalid_request"),
        (("scope", "transition:generic"), "invalid_scope"),
        (("scope", "atproto transition:chat.bsky"), "invalid_scope"),
        (("response_type", "token"), "unsupported_response_type"),
        (("client_assertion", "x.y.z"), "invalid_client"),
        (("login_hint", "nobody.test"), "invalid_request"),
    ] {
        let got = client.par(&mut net, &[more]);
        assert_eq!((got.status, got.str("error")), (400, error), "{more:?}");
    }
    assert_eq!(client.par(&mut net, &[("redirect_uri", "http://127.0.0.1:9999/callback")]).status, 201, "the port does not count");
}

#[test]
fn proofs_are_checked_to_the_letter() {
    let mut net = Net::new();
    let mut client = Client::new();
    let (access, _) = client.connect(&mut net);
    client.session(&mut net, &access);
    let path = "/xrpc/com.atproto.server.getSession";
    type Change = fn(&mut Proof);
    let wrong: [(&str, Change); 7] = [
        ("htm", |proof| proof.claims["htm"] = json!("POST")),
        ("htu", |proof| proof.claims["htu"] = json!("http://127.0.0.1:8430/xrpc/other")),
        ("too old", |proof| proof.claims["iat"] = json!(proof.claims["iat"].as_i64().unwrap() - 300)),
        ("from the future", |proof| proof.claims["iat"] = json!(proof.claims["iat"].as_i64().unwrap() + 300)),
        ("ath", |proof| proof.claims["ath"] = json!(hash("another token"))),
        ("typ", |proof| proof.header["typ"] = json!("JWT")),
        ("jti", |proof| proof.claims["jti"] = json!("")),
    ];
    for (what, change) in wrong {
        let mut proof = client.proof(&net, "GET", path, &access);
        change(&mut proof);
        let got = client.present(&mut net, Method::GET, path, &access, &client.signed(&proof), &Value::Null);
        assert_eq!((got.status, got.str("error")), (401, "invalid_dpop_proof"), "{what}");
    }
    let proof = client.proof(&net, "GET", path, &access);
    let signed = client.signed(&proof);
    assert_eq!(client.present(&mut net, Method::GET, path, &access, &signed, &Value::Null).status, 200);
    let again = client.present(&mut net, Method::GET, path, &access, &signed, &Value::Null);
    assert_eq!((again.status, again.str("message")), (401, "DPoP proof replayed"));
    // Signed with another key than the one it shows, and honestly with another key than the token's.
    let mut thief = Client::new();
    let proof = client.proof(&net, "GET", path, &access);
    let forged = thief.signed(&proof);
    assert_eq!(client.present(&mut net, Method::GET, path, &access, &forged, &Value::Null).str("error"), "invalid_dpop_proof");
    let got = thief.session(&mut net, &access);
    assert_eq!((got.status, got.str("error")), (401, "invalid_token"), "a stolen token is worth nothing");
    assert_eq!(net.get(path, &access).status, 400, "nor as a bearer token");
    net.pass(200);
    let proof = client.proof(&net, "GET", path, &access);
    let old = client.present(&mut net, Method::GET, path, &access, &client.signed(&proof), &Value::Null);
    assert_eq!(old.str("error"), "use_dpop_nonce", "a nonce lives three minutes");
}

#[test]
fn a_refresh_token_works_once_and_the_old_access_token_dies_with_it() {
    let mut net = Net::new();
    let mut client = Client::new();
    let (access, refresh) = client.connect(&mut net);
    net.pass(HOUR);
    let got = client.session(&mut net, &access);
    assert!(got.status == 401 && got.header("www-authenticate").contains("error=\"invalid_token\""), "{}", got.text);
    let second = client.refresh(&mut net, &refresh);
    assert_eq!(second.json["expires_in"], json!(3599));
    let third = client.refresh(&mut net, second.str("refresh_token"));
    assert_eq!(client.session(&mut net, second.str("access_token")).status, 401, "dead at once");
    assert_eq!(client.session(&mut net, third.str("access_token")).status, 200);
    is_refused(&client.refresh(&mut net, &refresh), "Refresh token replayed");
    is_refused(&client.refresh(&mut net, third.str("refresh_token")), "Invalid refresh token");
    assert_eq!(client.session(&mut net, third.str("access_token")).status, 401, "the replay ended the session");
}

/// No grace is documented; where one is set, a used token leads on within it and ends the session after it, as a replay does.
#[test]
fn with_a_grace_a_replay_ends_the_session_later() {
    let mut net = Net::new();
    let mut client = Client::new();
    net.control("apps", &json!({ "network": "bluesky", "reuse_grace_seconds": 60 }));
    let (_, refresh) = client.connect(&mut net);
    let second = client.refresh(&mut net, &refresh);
    net.pass(59);
    let again = client.refresh(&mut net, &refresh);
    assert_eq!(client.session(&mut net, again.str("access_token")).status, 200);
    let third = client.refresh(&mut net, second.str("refresh_token"));
    assert_eq!(client.session(&mut net, third.str("access_token")).status, 200, "both answers lead on");
    net.pass(1);
    is_refused(&client.refresh(&mut net, &refresh), "Refresh token replayed");
    assert_eq!(client.session(&mut net, third.str("access_token")).status, 401, "the replay ended the session");
}

#[test]
fn a_nonce_that_is_asked_for_spends_nothing_and_everything_after_it_ends_the_session() {
    let mut net = Net::new();
    let mut client = Client::new();
    let (_, refresh) = client.connect(&mut net);
    net.pass(HOUR);
    // The form asks twice: the first time the nonce is too old.
    let refresh = client.refresh(&mut net, &refresh).str("refresh_token").to_owned();
    is_refused(&Client::new().refresh(&mut net, &refresh), "DPoP proof does not match the expected JKT");
    is_refused(&client.refresh(&mut net, &refresh), "Invalid refresh token");
    let (_, refresh) = client.connect(&mut net);
    let other = [("grant_type", "refresh_token"), ("refresh_token", refresh.as_str()), ("client_id", "http://localhost")];
    is_refused(&client.form(&mut net, "/oauth/token", &other), "Token was not issued to this client");
    is_refused(&client.refresh(&mut net, &refresh), "Invalid refresh token");
    let (_, refresh) = client.connect(&mut net);
    net.pass(14 * DAY);
    is_refused(&client.refresh(&mut net, &refresh), "Session expired");
}

#[test]
fn a_code_works_once_with_its_key_and_verifier() {
    let mut net = Net::new();
    let mut client = Client::new();
    let page = client.page(&mut net);
    let code = code_of(&net.consent(&page, "fernweh.test"));
    assert_eq!(client.exchange(&mut net, &code, "another-verifier").status, 400);
    assert_eq!(Client::new().exchange(&mut net, &code, VERIFIER).status, 400, "another key than that of the pushed request");
    let access = client.exchange(&mut net, &code, VERIFIER).str("access_token").to_owned();
    is_refused(&client.exchange(&mut net, &code, VERIFIER), "Code replayed");
    assert_eq!(client.session(&mut net, &access).status, 401, "a code that comes twice ends what came of it");
    let page = client.page(&mut net);
    let late = code_of(&net.consent(&page, "fernweh.test"));
    net.pass(300);
    is_refused(&client.exchange(&mut net, &late, VERIFIER), "Code expired");
}

#[test]
fn what_ends_a_session() {
    let mut net = Net::new();
    let mut client = Client::new();
    let (access, _) = client.connect(&mut net);
    for action in ["change-password", "reset-password"] {
        net.person("bluesky", "fernweh.test", action);
        assert_eq!(client.session(&mut net, &access).status, 200, "{action}: sessions of apps survive");
    }
    net.person("bluesky", "fernweh.test", "block");
    let got = client.session(&mut net, &access);
    assert_eq!((got.status, got.str("error")), (401, "AccountTakedown"));
    net.person("bluesky", "fernweh.test", "unblock");
    assert_eq!(client.session(&mut net, &access).str("error"), "invalid_token", "the take-down removed the tokens");
    let (access, refresh) = client.connect(&mut net);
    client.form(&mut net, "/oauth/revoke", &[("token", "never-issued")]).is(200, &json!({}));
    assert_eq!(client.session(&mut net, &access).status, 200);
    client.form(&mut net, "/oauth/revoke", &[("token", &refresh)]).is(200, &json!({}));
    assert_eq!(client.session(&mut net, &access).status, 401);
    let (_, refresh) = client.connect(&mut net);
    net.person("bluesky", "fernweh.test", "revoke");
    is_refused(&client.refresh(&mut net, &refresh), "Invalid refresh token");
}

#[test]
fn records_are_kept_once_and_must_fit() {
    let mut net = Net::new();
    let mut client = Client::new();
    let (access, _) = client.connect(&mut net);
    let record = json!({ "$type": "app.bsky.feed.post", "text": "Huts", "createdAt": "2026-11-23T10:00:00.000Z" });
    let made = client.post(&mut net, &access, "3kabcdefghij2", &record);
    let uri = format!("at://{FERNWEH}/app.bsky.feed.post/3kabcdefghij2");
    assert_eq!((made.str("uri"), made.str("validationStatus")), (uri.as_str(), "valid"));
    let again = client.post(&mut net, &access, "3kabcdefghij2", &record);
    assert_eq!((again.status, again.str("error")), (500, "InternalServerError"), "refused, and not posted twice");
    let with = |field: &str, value: Value| {
        let mut changed = record.clone();
        changed[field] = value;
        changed
    };
    let outside =
        json!([{ "index": { "byteStart": 2, "byteEnd": 99 }, "features": [{ "$type": "app.bsky.richtext.facet#tag", "tag": "x" }] }]);
    for wrong in [
        with("text", json!("x".repeat(301))),
        with("text", json!("👨‍👩‍👧‍👦".repeat(200))),
        with("text", Value::Null),
        with("createdAt", json!("yesterday")),
        with("$type", json!("app.bsky.feed.like")),
        with("facets", outside),
        with("reply", json!({ "root": { "uri": uri } })),
        with("embed", json!({ "images": [{ "alt": "", "image": { "ref": { "$link": "never-uploaded" } } }] })),
    ] {
        let got = client.post(&mut net, &access, "3kabcdefghij3", &wrong);
        assert_eq!((got.status, got.str("error")), (400, "InvalidRequest"), "{wrong}");
    }
    let body = json!({ "repo": "did:plc:janalindnerjanalindnerja", "collection": "app.bsky.feed.post", "record": record });
    assert_eq!(client.call(&mut net, Method::POST, "/xrpc/com.atproto.repo.createRecord", &access, &body).status, 401);
    let reference = json!({ "uri": uri, "cid": made.str("cid") });
    let reply = with("reply", json!({ "root": reference, "parent": reference }));
    assert_eq!(client.post(&mut net, &access, "3kabcdefghij4", &reply).status, 200);
    net.control("comments", &json!({ "network": "bluesky", "post": uri, "text": "Where?" }));
    let got = net.send(Method::GET, &format!("/bluesky/xrpc/app.bsky.feed.getPostThread?{}", encoded(&[("uri", &uri)])), &[], "");
    let replies = got.json["thread"]["replies"].as_array().unwrap();
    let texts: Vec<&str> = replies.iter().map(|reply| reply["post"]["record"]["text"].as_str().unwrap()).collect();
    assert_eq!(texts, ["Huts", "Where?"]);
    assert_eq!(net.send(Method::GET, "/bluesky/xrpc/app.bsky.feed.getPostThread?uri=at://x", &[], "").str("error"), "NotFound");
}

#[test]
fn scopes_and_limits() {
    let mut net = Net::new();
    let mut client = Client::new();
    let page = client.par(&mut net, &[("scope", "atproto")]);
    let page = format!("/oauth/authorize?{}", encoded(&[("client_id", &Client::id()), ("request_uri", page.str("request_uri"))]));
    let code = code_of(&net.consent(&page, "fernweh.test"));
    let access = client.exchange(&mut net, &code, VERIFIER).str("access_token").to_owned();
    let got = client.post(&mut net, &access, "3kabcdefghij2", &json!({}));
    assert_eq!((got.status, got.str("error")), (403, "ScopeMissingError"));
    let got = client.session(&mut net, &access);
    assert_eq!((got.header("ratelimit-limit"), got.header("ratelimit-remaining")), ("3000", "2998"));
    let reset: i64 = got.header("ratelimit-reset").parse().unwrap();
    assert!(reset > net.now / 1_000_000 && reset <= net.now / 1_000_000 + 300);
}

#[test]
fn an_account_that_is_switched_off_has_sessions_and_writes_nothing() {
    let mut net = Net::new();
    let mut client = Client::new();
    let (access, _) = client.connect(&mut net);
    let record = json!({ "$type": "app.bsky.feed.post", "text": "Huts", "createdAt": "2026-09-01T12:00:00Z" });
    assert_eq!(client.session(&mut net, &access).json["active"], json!(true));
    net.person("bluesky", "fernweh.test", "deactivate");
    let got = client.session(&mut net, &access);
    assert_eq!((got.status, &got.json["active"], got.str("status")), (200, &json!(false), "deactivated"));
    let got = client.post(&mut net, &access, "3kabcdefghij2", &record);
    assert_eq!((got.status, got.str("error")), (401, "AccountDeactivated"));
    net.person("bluesky", "fernweh.test", "activate");
    assert_eq!(client.session(&mut net, &access).json["active"], json!(true));
    assert_eq!(client.post(&mut net, &access, "3kabcdefghij2", &record).status, 200);
}

#[test]
fn records_cost_points_by_the_hour() {
    let mut net = Net::new();
    let mut client = Client::new();
    let (access, _) = client.connect(&mut net);
    let record = json!({ "$type": "app.bsky.feed.post", "text": "Huts", "createdAt": "2026-09-01T12:00:00Z" });
    for n in 0..1_666 {
        let got = client.post(&mut net, &access, &format!("3k{n:011}"), &record);
        assert_eq!((got.status, got.header("ratelimit-policy")), (200, "3000;w=300"), "{n}: {}", got.text);
    }
    let got = client.post(&mut net, &access, "3kzzzzzzzzzzz", &record);
    assert_eq!((got.status, got.str("error"), got.header("ratelimit-policy")), (429, "RateLimitExceeded", "5000;w=3600"));
    assert_eq!(got.header("ratelimit-remaining"), "2");
    let reset: i64 = got.header("ratelimit-reset").parse().unwrap();
    let wait = reset - net.now / 1_000_000;
    assert!((1..=HOUR).contains(&wait), "{wait}");
    assert_eq!(client.session(&mut net, &access).status, 200, "reading costs none");
}
