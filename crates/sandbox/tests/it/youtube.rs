//! YouTube and Google's own part of it, as `networks/youtube` of the knowledge base says.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Method;
use serde_json::{Value, json};

use crate::{CALLBACK, DAY, Got, HOUR, Net, Tokens, code_of, encoded, parameter};

const VERIFIER: &str = "a-verifier-of-at-least-forty-three-characters-x";
const READ: &str = "https://www.googleapis.com/auth/youtube.readonly";
const FORCE_SSL: &str = "https://www.googleapis.com/auth/youtube.force-ssl";

/// The consent page of one of Google's networks.
pub(crate) fn authorize_at(network: &str, scope: &str, more: &[(&str, &str)]) -> String {
    let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, VERIFIER.as_bytes()));
    let client = format!("sandbox-{network}");
    let mut query = vec![
        ("client_id", client.as_str()),
        ("redirect_uri", CALLBACK),
        ("response_type", "code"),
        ("scope", scope),
        ("state", "s1"),
        ("access_type", "offline"),
        ("prompt", "consent"),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ];
    query.retain(|(name, _)| !more.iter().any(|(other, _)| other == name));
    query.extend(more.iter().filter(|(_, value)| !value.is_empty()));
    format!("/{network}/o/oauth2/v2/auth?{}", encoded(&query))
}

/// A call of the token endpoint of one of Google's networks.
pub(crate) fn token_at(net: &mut Net, network: &str, fields: &[(&str, &str)]) -> Got {
    let (client, secret) = (format!("sandbox-{network}"), format!("sandbox-{network}-secret"));
    let mut all = vec![("client_id", client.as_str()), ("client_secret", secret.as_str()), ("redirect_uri", CALLBACK)];
    all.extend(fields);
    net.form(&format!("/{network}/token"), &[], &all)
}

/// Exchanges what a consent gave.
pub(crate) fn exchange_at(net: &mut Net, network: &str, code: &str) -> Got {
    token_at(net, network, &[("grant_type", "authorization_code"), ("code", code), ("code_verifier", VERIFIER)])
}

fn scopes() -> String {
    format!("openid email {READ} {FORCE_SSL}")
}

fn connect(net: &mut Net, username: &str) -> Tokens {
    let code = code_of(&net.consent(&authorize_at("youtube", &scopes(), &[]), username));
    Tokens::of(&exchange_at(net, "youtube", &code))
}

fn refresh(net: &mut Net, token: &str) -> Got {
    token_at(net, "youtube", &[("grant_type", "refresh_token"), ("refresh_token", token)])
}

fn channels(net: &mut Net, bearer: &str) -> Got {
    net.get("/youtube/youtube/v3/channels?part=id,snippet&mine=true", bearer)
}

fn reason(got: &Got, status: u16) -> &str {
    assert_eq!((u64::from(got.status), got.json["error"]["code"].as_u64()), (u64::from(status), Some(u64::from(status))), "{}", got.text);
    got.json["error"]["errors"][0]["reason"].as_str().unwrap()
}

fn post(net: &mut Net, path: &str, bearer: &str, body: &Value) -> Got {
    let bearer = format!("Bearer {bearer}");
    net.send(Method::POST, path, &[("authorization", &bearer), ("content-type", "application/json")], &body.to_string())
}

#[test]
fn codes_and_refresh_tokens_belong_to_the_client_they_were_given_to() {
    let mut net = Net::new();
    let code = code_of(&net.consent(&authorize_at("youtube", &scopes(), &[]), "tom.becker"));
    let mut other = |fields: &[(&str, &str)]| {
        let client = [("client_id", "sandbox-youtube-testing"), ("client_secret", "sandbox-youtube-secret"), ("redirect_uri", CALLBACK)];
        let all: Vec<_> = client.iter().chain(fields).copied().collect();
        net.form("/youtube/token", &[], &all)
    };
    let got = other(&[("grant_type", "authorization_code"), ("code", &code), ("code_verifier", VERIFIER)]);
    assert_eq!((got.status, got.str("error")), (400, "invalid_grant"));
    let tokens = connect(&mut net, "tom.becker");
    let mut other = |fields: &[(&str, &str)]| {
        let client = [("client_id", "sandbox-youtube-testing"), ("client_secret", "sandbox-youtube-secret")];
        let all: Vec<_> = client.iter().chain(fields).copied().collect();
        net.form("/youtube/token", &[], &all)
    };
    let got = other(&[("grant_type", "refresh_token"), ("refresh_token", &tokens.refresh)]);
    assert_eq!((got.status, got.str("error")), (400, "invalid_grant"));
    assert_eq!(refresh(&mut net, &tokens.refresh).status, 200);
}

#[test]
fn what_is_wrong_on_the_way_is_shown_and_a_refusal_comes_back() {
    let mut net = Net::new();
    for (name, value) in [("client_id", "7"), ("redirect_uri", "nowhere"), ("response_type", "token"), ("scope", "everything")] {
        assert_eq!(net.send(Method::GET, &authorize_at("youtube", &scopes(), &[(name, value)]), &[], "").status, 401, "{name}");
    }
    let back = net.deny(&authorize_at("youtube", &scopes(), &[]), "tom.becker");
    assert_eq!((parameter(&back, "error").as_deref(), parameter(&back, "state").as_deref()), (Some("access_denied"), Some("s1")));
}

#[test]
fn tokens_are_as_documented_and_the_refresh_token_stays() {
    let mut net = Net::new();
    let back = net.consent(&authorize_at("youtube", &scopes(), &[]), "tom.becker");
    let got = exchange_at(&mut net, "youtube", &code_of(&back));
    let granted = format!("openid https://www.googleapis.com/auth/userinfo.email {READ} {FORCE_SSL}");
    assert_eq!((got.str("scope"), got.str("token_type"), &got.json["expires_in"]), (granted.as_str(), "Bearer", &json!(3599)));
    let claims = URL_SAFE_NO_PAD.decode(got.str("id_token").split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!((claims["sub"].as_str(), claims["aud"].as_str()), (Some("117563210987654321002"), Some("sandbox-youtube")));
    let tokens = Tokens::of(&got);
    let got = refresh(&mut net, &tokens.refresh);
    assert!(got.status == 200 && got.json.get("refresh_token").is_none() && got.json.get("id_token").is_none(), "{}", got.text);
    assert_eq!(refresh(&mut net, &tokens.refresh).status, 200, "as often as one likes");
    net.pass(3_599);
    assert_eq!(reason(&channels(&mut net, &tokens.access), 401), "authError");
    assert_eq!(net.get(&format!("/youtube/tokeninfo?access_token={}", tokens.access), "").str("error"), "invalid_token");
    // Each use restarts the six months.
    for _ in 0..4 {
        net.pass(182 * DAY);
        assert_eq!(refresh(&mut net, &tokens.refresh).status, 200);
    }
    net.pass(183 * DAY);
    refresh(&mut net, &tokens.refresh)
        .is(400, &json!({ "error": "invalid_grant", "error_description": "Token has been expired or revoked." }));
}

#[test]
fn a_refresh_token_comes_only_when_it_is_asked_for() {
    let mut net = Net::new();
    let mut connect = |more: &[(&str, &str)]| {
        let code = code_of(&net.consent(&authorize_at("youtube", &scopes(), more), "tom.becker"));
        let got = exchange_at(&mut net, "youtube", &code);
        assert_eq!(got.status, 200, "{}", got.text);
        got.json.get("refresh_token").is_some()
    };
    assert!(!connect(&[("access_type", "online")]), "not offline");
    assert!(!connect(&[("prompt", "")]), "consented before");
    assert!(connect(&[]));
}

#[test]
fn client_code_and_verifier_have_to_fit() {
    let mut net = Net::new();
    let code = code_of(&net.consent(&authorize_at("youtube", &scopes(), &[]), "tom.becker"));
    let fields =
        [("grant_type", "authorization_code"), ("code", code.as_str()), ("redirect_uri", CALLBACK), ("client_id", "sandbox-youtube")];
    assert_eq!(net.form("/youtube/token", &[], &fields).str("error"), "invalid_client", "without its secret");
    let got = token_at(&mut net, "youtube", &[("grant_type", "authorization_code"), ("code", &code), ("code_verifier", "another")]);
    assert_eq!((got.status, got.str("error")), (400, "invalid_grant"));
    let code = code_of(&net.consent(&authorize_at("youtube", &scopes(), &[]), "tom.becker"));
    assert_eq!(exchange_at(&mut net, "youtube", &code).status, 200);
    assert_eq!(exchange_at(&mut net, "youtube", &code).str("error_description"), "Bad Request", "used");
    assert_eq!(token_at(&mut net, "youtube", &[("grant_type", "refresh_token")]).str("error"), "invalid_request");
    assert_eq!(token_at(&mut net, "youtube", &[("grant_type", "password")]).str("error"), "unsupported_grant_type");
}

#[test]
fn in_the_browser_the_channel_is_picked() {
    let mut net = Net::new();
    let authorize = authorize_at("youtube", &scopes(), &[]);
    let got = net.form(&authorize, &[], &[("step", "sign_in"), ("username", "jana.lindner"), ("password", "sandbox")]);
    let cookie = got.header("set-cookie").split(';').next().unwrap().to_owned();
    let ticked = [("step", "allow"), ("scope", "openid"), ("scope", READ)];
    let got = net.form(&authorize, &[("cookie", &cookie)], &ticked);
    assert!(got.status == 200 && got.text.contains("Jana unterwegs") && got.text.contains("Fernweh Outdoor"), "{}", got.text);
    assert!(!got.text.contains("Fernweh Workshops"), "not hers");
    let mut picked = ticked.to_vec();
    picked.push(("picked", "9102"));
    let got = net.form(&authorize, &[("cookie", &cookie)], &picked);
    let tokens = Tokens::of(&exchange_at(&mut net, "youtube", &code_of(got.location())));
    assert_eq!(channels(&mut net, &tokens.access).json["items"][0]["snippet"]["title"], "Jana unterwegs");
}

#[test]
fn a_lost_channel_and_no_channel_are_two_things() {
    let mut net = Net::new();
    let tokens = connect(&mut net, "tom.becker");
    net.control("roles", &json!({ "page": 9101, "username": "tom.becker", "role": null }));
    assert_eq!(reason(&channels(&mut net, &tokens.access), 403), "authenticatedUserNotChannel");
    assert_eq!(refresh(&mut net, &tokens.refresh).status, 200, "the token lives");
    let none = connect(&mut net, "lea.hoffmann");
    let got = channels(&mut net, &none.access);
    assert!(got.status == 200 && got.json.get("items").is_none(), "{}", got.text);
    let body = json!({ "snippet": { "videoId": "v", "topLevelComment": { "snippet": { "textOriginal": "x" } } } });
    let got = post(&mut net, "/youtube/youtube/v3/commentThreads?part=snippet", &none.access, &body);
    assert_eq!(reason(&got, 401), "youtubeSignupRequired");
    let upload = json!({ "snippet": { "title": "x" } });
    let got = post(&mut net, "/youtube/upload/youtube/v3/videos?uploadType=resumable&part=snippet", &tokens.access, &upload);
    assert_eq!(reason(&got, 403), "authenticatedUserNotChannel");
}

#[test]
fn a_scope_that_was_not_ticked_is_missed_by_name() {
    let mut net = Net::new();
    let authorize = authorize_at("youtube", &format!("openid {READ}"), &[]);
    let tokens = {
        let code = code_of(&net.consent(&authorize, "tom.becker"));
        Tokens::of(&exchange_at(&mut net, "youtube", &code))
    };
    let body = json!({ "snippet": { "videoId": "v", "topLevelComment": { "snippet": { "textOriginal": "x" } } } });
    let got = post(&mut net, "/youtube/youtube/v3/commentThreads?part=snippet", &tokens.access, &body);
    assert_eq!(reason(&got, 403), "insufficientPermissions");
    for path in ["commentThreads?part=snippet&videoId=v", "comments?part=snippet&parentId=c"] {
        let got = net.get(&format!("/youtube/youtube/v3/{path}"), &tokens.access);
        assert_eq!(reason(&got, 403), "insufficientPermissions", "reading what is said takes more than reading channels");
    }
    assert_eq!(got.json["error"]["details"][0]["reason"], "ACCESS_TOKEN_SCOPE_INSUFFICIENT");
}

#[test]
fn a_password_is_changed_and_nothing_ends_a_revocation_ends_all() {
    let mut net = Net::new();
    let (first, second) = (connect(&mut net, "tom.becker"), connect(&mut net, "tom.becker"));
    net.person("youtube", "tom.becker", "change-password");
    assert_eq!(refresh(&mut net, &first.refresh).status, 200);
    net.pass(HOUR);
    let got = net.form("/youtube/revoke", &[], &[("token", &first.refresh)]);
    assert_eq!(got.status, 200);
    assert_eq!(refresh(&mut net, &second.refresh).str("error"), "invalid_grant", "the whole grant of the person");
    let got = net.form("/youtube/revoke", &[], &[("token", &first.refresh)]);
    assert_eq!((got.status, got.str("error")), (400, "invalid_token"));
}

/// A film of that description, uploaded in one go.
fn upload(net: &mut Net, bearer: &str, description: &str) -> String {
    let about = json!({ "snippet": { "title": "Huts", "description": description }, "status": { "privacyStatus": "private" } });
    let bearer = format!("Bearer {bearer}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json"), ("x-upload-content-length", "4")];
    let address = "/youtube/upload/youtube/v3/videos?uploadType=resumable&part=snippet,status";
    let begun = net.send(Method::POST, address, &headers, &about.to_string());
    let address = begun.header("location").split_once("8430").unwrap().1.to_owned();
    net.send(Method::PUT, &address, &[("authorization", &bearer)], "film").str("id").to_owned()
}

#[test]
fn threads_come_page_by_page_and_some_films_have_none() {
    let mut net = Net::new();
    let code = code_of(&net.consent(&authorize_at("youtube", &scopes(), &[]), "tom.becker"));
    let access = exchange_at(&mut net, "youtube", &code).str("access_token").to_owned();
    let film = upload(&mut net, &access, "From hut to hut");
    let say = |video: &str| json!({ "snippet": { "videoId": video, "topLevelComment": { "snippet": { "textOriginal": "Hello" } } } });
    let threads = "/youtube/youtube/v3/commentThreads";
    assert_eq!(reason(&post(&mut net, threads, &access, &say(&film)), 400), "missingRequiredParameter", "part");
    let thread = post(&mut net, &format!("{threads}?part=snippet"), &access, &say(&film)).str("id").to_owned();
    for _ in 0..3 {
        let body = json!({ "snippet": { "parentId": thread, "textOriginal": "Hello back" } });
        assert_eq!(post(&mut net, "/youtube/youtube/v3/comments?part=snippet", &access, &body).status, 200);
    }
    let replies = format!("/youtube/youtube/v3/comments?part=snippet&parentId={thread}&maxResults=2");
    let first = net.get(&replies, &access);
    assert_eq!((first.json["items"].as_array().unwrap().len(), first.str("nextPageToken")), (2, "2"));
    let second = net.get(&format!("{replies}&pageToken=2"), &access);
    assert_eq!((second.json["items"].as_array().unwrap().len(), second.json.get("nextPageToken")), (1, None));
    assert_eq!(reason(&net.get("/youtube/youtube/v3/comments?part=snippet", &access), 400), "missingRequiredParameter");
    assert_eq!(reason(&net.get(&format!("{threads}?videoId={film}"), &access), 400), "missingRequiredParameter");
    let silent = upload(&mut net, &access, "comments are off");
    assert_eq!(reason(&post(&mut net, &format!("{threads}?part=snippet"), &access, &say(&silent)), 403), "commentsDisabled");
    assert_eq!(reason(&net.get(&format!("{threads}?part=snippet&videoId={silent}"), &access), 403), "commentsDisabled");
}

fn claims(token: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

#[test]
fn what_google_says_of_a_token_follows_its_client_and_scopes() {
    let mut net = Net::new();
    let mut connect = |client: &str, scope: &str, more: &[(&str, &str)]| {
        let more: Vec<_> = [("client_id", client)].into_iter().chain(more.iter().copied()).collect();
        let code = code_of(&net.consent(&authorize_at("youtube", scope, &more), "tom.becker"));
        let fields = [
            ("client_id", client),
            ("client_secret", "sandbox-youtube-secret"),
            ("redirect_uri", CALLBACK),
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("code_verifier", VERIFIER),
        ];
        let got = net.form("/youtube/token", &[], &fields);
        let said = net.get(&format!("/youtube/tokeninfo?access_token={}", got.str("access_token")), "");
        (got, said)
    };
    let testing = "sandbox-youtube-testing";
    let (got, said) = connect(testing, &format!("openid email profile {READ}"), &[]);
    let token = claims(got.str("id_token"));
    assert_eq!((&token["aud"], &token["azp"], &token["email"]), (&json!(testing), &json!(testing), &json!("tom.becker@fernweh.example")));
    assert_eq!((said.str("aud"), said.str("access_type"), said.str("email_verified")), (testing, "offline", "true"));
    // One grant grows with each consent that asks for it, and with no other.
    let (got, said) = connect("sandbox-youtube", READ, &[("access_type", "online")]);
    assert_eq!((got.str("scope"), said.str("access_type"), said.json.get("sub"), said.json.get("email")), (READ, "online", None, None));
    let (got, _) = connect("sandbox-youtube", FORCE_SSL, &[]);
    assert_eq!(got.str("scope"), FORCE_SSL);
    let (got, _) = connect("sandbox-youtube", "openid", &[("include_granted_scopes", "true")]);
    assert_eq!(got.str("scope"), format!("openid {FORCE_SSL} {READ}"), "of this client alone");
    let got = net.send(Method::GET, "/youtube/.well-known/openid-configuration", &[], "");
    assert_eq!((got.str("issuer"), got.str("jwks_uri")), ("https://accounts.google.com", "http://127.0.0.1:8430/youtube/oauth2/v3/certs"));
}
