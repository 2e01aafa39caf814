//! X, as `networks/x` of the knowledge base says.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::Method;
use serde_json::json;

use crate::{CALLBACK, DAY, Got, Net, Tokens, code_of, encoded, parameter};

const SCOPES: &str = "tweet.read users.read tweet.write offline.access";
const VERIFIER: &str = "a-verifier-of-at-least-forty-three-characters-x";

fn authorize_with(scopes: &str, more: &[(&str, &str)]) -> String {
    let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, VERIFIER.as_bytes()));
    let mut query = vec![
        ("response_type", "code"),
        ("client_id", "sandbox-x"),
        ("redirect_uri", CALLBACK),
        ("scope", scopes),
        ("state", "s1"),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ];
    query.retain(|(name, _)| !more.iter().any(|(other, _)| other == name));
    query.extend(more);
    format!("/x/i/oauth2/authorize?{}", encoded(&query))
}

fn basic(secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("sandbox-x:{secret}")))
}

fn call(net: &mut Net, path: &str, fields: &[(&str, &str)]) -> Got {
    net.form(&format!("/x/2/oauth2/{path}"), &[("authorization", &basic("sandbox-x-secret"))], fields)
}

fn exchange(net: &mut Net, code: &str, verifier: &str) -> Got {
    let fields = [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", CALLBACK), ("code_verifier", verifier)];
    call(net, "token", &fields)
}

pub(crate) fn connect(net: &mut Net, username: &str) -> Tokens {
    let code = code_of(&net.consent(&authorize_with(SCOPES, &[]), username));
    Tokens::of(&exchange(net, &code, VERIFIER))
}

pub(crate) fn refresh(net: &mut Net, token: &str) -> Got {
    call(net, "token", &[("grant_type", "refresh_token"), ("refresh_token", token)])
}

fn spent(got: &Got) {
    got.is(400, &json!({ "error": "invalid_request", "error_description": "Value passed for the token was invalid." }));
}

fn post(net: &mut Net, bearer: &str, body: &serde_json::Value) -> Got {
    let headers = [("authorization", format!("Bearer {bearer}")), ("content-type", "application/json".to_owned())];
    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    net.send(Method::POST, "/x/2/tweets", &headers, &body.to_string())
}

#[test]
fn the_consent_page_wants_pkce_and_a_state() {
    let mut net = Net::new();
    for (name, value) in [
        ("code_challenge", ""),
        ("code_challenge_method", "S512"),
        ("state", ""),
        ("client_id", "7"),
        ("redirect_uri", "nowhere"),
        ("scope", "everything"),
        ("response_type", "token"),
    ] {
        let got = net.send(Method::GET, &authorize_with(SCOPES, &[(name, value)]), &[], "");
        assert_eq!(got.status, 401, "{name}");
    }
    let got = net.send(Method::GET, &authorize_with(SCOPES, &[("state", &"s".repeat(501))]), &[], "");
    assert_eq!(got.status, 401);
    let back = net.deny(&authorize_with(SCOPES, &[]), "fernwehoutdoor");
    assert_eq!((parameter(&back, "error").as_deref(), parameter(&back, "state").as_deref()), (Some("access_denied"), Some("s1")));
}

#[test]
fn the_client_names_itself_by_http_basic_alone() {
    let mut net = Net::new();
    let code = code_of(&net.consent(&authorize_with(SCOPES, &[]), "fernwehoutdoor"));
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
        ("client_id", "sandbox-x"),
        ("client_secret", "sandbox-x-secret"),
    ];
    for headers in [vec![], vec![("authorization", basic("wrong"))], vec![("authorization", basic("sandbox-x-secret"))]] {
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let got = net.form("/x/2/oauth2/token", &headers, &fields);
        assert_eq!((got.status, got.str("error")), (401, "unauthorized_client"), "the secret in the body is rejected");
    }
    let got = exchange(&mut net, &code, VERIFIER);
    let Tokens { access, refresh } = Tokens::of(&got);
    let body = json!({ "token_type": "bearer", "expires_in": 7200, "access_token": access, "scope": SCOPES, "refresh_token": refresh });
    got.is(200, &body);
}

#[test]
fn a_code_lives_thirty_seconds_and_works_once() {
    let mut net = Net::new();
    let stale = |got: &Got| {
        got.is(400, &json!({ "error": "invalid_request", "error_description": "Value passed for the authorization code was invalid." }));
    };
    let code = code_of(&net.consent(&authorize_with(SCOPES, &[]), "fernwehoutdoor"));
    net.pass(30);
    stale(&exchange(&mut net, &code, VERIFIER));
    let code = code_of(&net.consent(&authorize_with(SCOPES, &[]), "fernwehoutdoor"));
    net.pass(29);
    assert_eq!(exchange(&mut net, &code, VERIFIER).status, 200);
    stale(&exchange(&mut net, &code, VERIFIER));
    let code = code_of(&net.consent(&authorize_with(SCOPES, &[]), "fernwehoutdoor"));
    let got = exchange(&mut net, &code, "another");
    assert_eq!((got.status, got.str("error")), (400, "invalid_request"));
}

#[test]
fn without_offline_access_there_is_no_refresh_token() {
    let mut net = Net::new();
    let code = code_of(&net.consent(&authorize_with("tweet.read users.read", &[]), "jana_lindner"));
    let got = exchange(&mut net, &code, VERIFIER);
    assert!(got.json.get("refresh_token").is_none(), "{}", got.text);
    let access = got.str("access_token").to_owned();
    let got = post(&mut net, &access, &json!({ "text": "x" }));
    assert_eq!((got.status, got.str("type")), (403, "about:blank"), "without tweet.write");
}

#[test]
fn a_refresh_token_works_once_and_a_spent_one_ends_the_family() {
    let mut net = Net::new();
    let first = connect(&mut net, "fernwehoutdoor");
    let second = Tokens::of(&refresh(&mut net, &first.refresh));
    assert_eq!(net.get("/x/2/users/me", &first.access).status, 200, "until its own end");
    spent(&refresh(&mut net, &first.refresh));
    spent(&refresh(&mut net, &second.refresh));
    assert_eq!(net.get("/x/2/users/me", &second.access).status, 401);
    spent(&refresh(&mut net, "never-seen"));
    let got = call(&mut net, "token", &[("grant_type", "refresh_token")]);
    assert_eq!(got.str("error_description"), "Missing required parameter [refresh_token].");
    let idle = connect(&mut net, "fernwehoutdoor");
    net.pass(184 * DAY);
    spent(&refresh(&mut net, &idle.refresh));
}

#[test]
fn the_window_of_calls_is_in_the_headers() {
    let mut net = Net::new();
    let tokens = connect(&mut net, "fernwehoutdoor");
    let got = net.get("/x/2/users/me?user.fields=verified", &tokens.access);
    assert_eq!(
        got.json["data"],
        json!({ "id": "1512345678901234567", "name": "Fernweh Outdoor", "username": "fernwehoutdoor", "verified": true })
    );
    assert_eq!((got.header("x-rate-limit-limit"), got.header("x-rate-limit-remaining")), ("75", "74"));
    let reset: i64 = got.header("x-rate-limit-reset").parse().unwrap();
    assert!(reset > net.now / 1_000_000 && reset <= net.now / 1_000_000 + 900);
    for _ in 0..74 {
        net.get("/x/2/users/me", &tokens.access);
    }
    assert_eq!(net.get("/x/2/users/me", &tokens.access).status, 429);
}

#[test]
fn what_is_posted_is_kept_and_can_be_deleted_by_its_author_alone() {
    let mut net = Net::new();
    let (ours, other) = (connect(&mut net, "fernwehoutdoor"), connect(&mut net, "gipfelguides"));
    let got = post(&mut net, &ours.access, &json!({ "text": "Hello" }));
    assert_eq!((got.status, got.json["data"]["text"].as_str()), (201, Some("Hello")));
    let id = got.json["data"]["id"].as_str().unwrap().to_owned();
    assert_eq!(post(&mut net, &ours.access, &json!({ "text": "Hello" })).status, 403, "said before");
    assert_eq!(post(&mut net, &ours.access, &json!({ "text": "x", "colour": "red" })).status, 400);
    assert_eq!(post(&mut net, &ours.access, &json!({ "text": "y".repeat(281) })).status, 400);
    let reply = json!({ "text": "Hi", "reply": { "in_reply_to_tweet_id": id } });
    assert_eq!(post(&mut net, &other.access, &reply).status, 403, "nobody summoned them");
    let state = net.send(Method::GET, "/control/api/state", &[], "");
    assert_eq!(state.json["posts"][0]["text"], "Hello");
    for (bearer, status) in [(&other.access, 403), (&ours.access, 200)] {
        let headers = [("authorization", format!("Bearer {bearer}"))];
        let got = net.send(Method::DELETE, &format!("/x/2/tweets/{id}"), &[(headers[0].0, &headers[0].1)], "");
        assert_eq!(got.status, status, "{}", got.text);
    }
}

#[test]
fn a_suspended_account_cannot_sign_in_and_still_renews() {
    let mut net = Net::new();
    let body = json!({ "authorize_url": format!("http://127.0.0.1:8430{}", authorize_with(SCOPES, &[])), "username": "fernwehsale" });
    assert_eq!(net.try_control("consent", &body).status, 400);
    let tokens = connect(&mut net, "jana_lindner");
    net.person("x", "jana_lindner", "block");
    let got = net.get("/x/2/users/me", &tokens.access);
    assert_eq!((got.status, got.str("type")), (403, "https://api.x.com/2/problems/user-suspended"));
    assert_eq!(refresh(&mut net, &tokens.refresh).status, 200);
}
