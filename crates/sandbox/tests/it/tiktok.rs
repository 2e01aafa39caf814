//! TikTok, as `networks/tiktok` of the knowledge base says (world A).

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use http::Method;
use serde_json::{Value, json};

use crate::{CALLBACK, DAY, Got, Net, Tokens, code_of, encoded, parameter};

pub(crate) const SCOPES: &str = "user.info.basic,user.info.profile,video.publish,video.upload";
const CLIENT: [(&str, &str); 2] = [("client_key", "sandbox-tiktok"), ("client_secret", "sandbox-tiktok-secret")];

pub(crate) fn authorize_with(more: &[(&str, &str)]) -> String {
    let mut query =
        vec![("client_key", "sandbox-tiktok"), ("scope", SCOPES), ("response_type", "code"), ("redirect_uri", CALLBACK), ("state", "s1")];
    query.extend(more);
    format!("/tiktok/v2/auth/authorize/?{}", encoded(&query))
}

fn call(net: &mut Net, path: &str, fields: &[(&str, &str)]) -> Got {
    let all: Vec<_> = CLIENT.iter().chain(fields).copied().collect();
    net.form(&format!("/tiktok/v2/oauth/{path}/"), &[], &all)
}

fn exchange(net: &mut Net, code: &str, more: &[(&str, &str)]) -> Got {
    let mut fields = vec![("grant_type", "authorization_code"), ("code", code), ("redirect_uri", CALLBACK)];
    fields.extend(more);
    call(net, "token", &fields)
}

pub(crate) fn refresh(net: &mut Net, token: &str) -> Got {
    call(net, "token", &[("grant_type", "refresh_token"), ("refresh_token", token)])
}

pub(crate) fn connect(net: &mut Net, username: &str) -> Tokens {
    let code = code_of(&net.consent(&authorize_with(&[]), username));
    Tokens::of(&exchange(net, &code, &[]))
}

fn user(net: &mut Net, bearer: &str) -> Got {
    net.get("/tiktok/v2/user/info/?fields=open_id,display_name,username", bearer)
}

fn api_error(got: &Got, status: u16, code: &str) {
    assert_eq!((got.status, &got.json["error"]["code"], &got.json["data"]), (status, &json!(code), &json!({})), "{}", got.text);
    assert!(got.json["error"]["log_id"].is_string());
}

/// The status of token errors is not documented: the body counts.
fn token_error(got: &Got, code: &str) {
    assert_eq!(got.str("error"), code, "{}", got.text);
    assert!(!got.str("error_description").is_empty() && !got.str("log_id").is_empty());
    assert!(got.json.get("access_token").is_none());
}

fn dead(net: &mut Net, tokens: &Tokens) {
    api_error(&user(net, &tokens.access), 401, "access_token_invalid");
    token_error(&refresh(net, &tokens.refresh), "invalid_grant");
}

#[test]
fn from_consent_to_the_first_call() {
    let mut net = Net::new();
    let back = net.consent(&authorize_with(&[]), "fernweh.outdoor");
    assert_eq!((parameter(&back, "state").as_deref(), parameter(&back, "scopes").as_deref()), (Some("s1"), Some(SCOPES)));
    let got = exchange(&mut net, &code_of(&back), &[]);
    let Tokens { access, refresh } = Tokens::of(&got);
    assert!(access.starts_with("act.") && refresh.starts_with("rft."));
    let open_id = got.str("open_id").to_owned();
    assert!(open_id.contains('-'));
    got.is(
        200,
        &json!({
            "open_id": open_id, "scope": SCOPES, "access_token": access, "expires_in": 86_400, "refresh_token": refresh,
            "refresh_expires_in": 31_536_000, "token_type": "Bearer"
        }),
    );
    let got = user(&mut net, &access);
    assert_eq!(got.json["error"]["code"], "ok");
    assert_eq!(got.json["data"]["user"], json!({ "open_id": open_id, "display_name": "Fernweh Outdoor", "username": "fernweh.outdoor" }));
}

#[test]
fn a_refresh_token_works_once_and_the_year_is_never_extended() {
    let mut net = Net::new();
    let first = connect(&mut net, "fernweh.outdoor");
    net.pass(DAY - 1);
    assert_eq!(user(&mut net, &first.access).status, 200);
    net.pass(1);
    api_error(&user(&mut net, &first.access), 401, "access_token_invalid");
    let got = refresh(&mut net, &first.refresh);
    let second = Tokens::of(&got);
    assert_eq!((&got.json["expires_in"], &got.json["refresh_expires_in"]), (&json!(DAY), &json!(364 * DAY)));
    assert!(second.refresh != first.refresh && second.access != first.access);
    token_error(&refresh(&mut net, &first.refresh), "invalid_grant");
    assert_eq!(user(&mut net, &second.access).status, 200, "the old one presented again takes nothing with it");
    let mut last = second;
    for _ in 0..363 {
        net.pass(DAY);
        last = Tokens::of(&refresh(&mut net, &last.refresh));
    }
    net.pass(DAY - 1);
    let got = refresh(&mut net, &last.refresh);
    assert_eq!(got.json["refresh_expires_in"], 1);
    net.pass(1);
    token_error(&refresh(&mut net, &Tokens::of(&got).refresh), "invalid_grant");
}

#[test]
fn a_code_works_once_in_time_and_for_its_address() {
    let mut net = Net::new();
    let code = code_of(&net.consent(&authorize_with(&[]), "fernweh.outdoor"));
    let elsewhere = [("grant_type", "authorization_code"), ("code", code.as_str()), ("redirect_uri", "http://127.0.0.1:8420/other")];
    token_error(&call(&mut net, "token", &elsewhere), "invalid_grant");
    assert_eq!(exchange(&mut net, &code, &[]).status, 200);
    token_error(&exchange(&mut net, &code, &[]), "invalid_grant");
    let late = code_of(&net.consent(&authorize_with(&[]), "fernweh.outdoor"));
    net.pass(DAY);
    token_error(&exchange(&mut net, &late, &[]), "invalid_grant");
    let foreign = code_of(&net.consent(&crate::linkedin::authorize(crate::linkedin::SCOPES), "jana.lindner"));
    token_error(&exchange(&mut net, &foreign, &[]), "invalid_grant");
    token_error(&call(&mut net, "token", &[("grant_type", "password")]), "unsupported_grant_type");
    for action in ["change-password", "revoke", "block"] {
        let code = code_of(&net.consent(&authorize_with(&[]), "gipfel.guides"));
        net.person("tiktok", "gipfel.guides", action);
        token_error(&exchange(&mut net, &code, &[]), "invalid_grant");
    }
}

#[test]
fn the_client_is_called_client_key() {
    let mut net = Net::new();
    let tokens = connect(&mut net, "fernweh.outdoor");
    let wrong: [&[(&str, &str)]; 3] = [
        &[("client_id", "sandbox-tiktok"), ("client_secret", "sandbox-tiktok-secret")],
        &[("client_key", "sandbox-tiktok"), ("client_secret", "wrong")],
        &[("client_key", "sandbox-linkedin"), ("client_secret", "sandbox-linkedin-secret")],
    ];
    for client in wrong {
        let renewal: Vec<_> = client.iter().copied().chain([("grant_type", "refresh_token"), ("refresh_token", &tokens.refresh)]).collect();
        token_error(&net.form("/tiktok/v2/oauth/token/", &[], &renewal), "invalid_client");
        let revocation: Vec<_> = client.iter().copied().chain([("token", tokens.access.as_str())]).collect();
        token_error(&net.form("/tiktok/v2/oauth/revoke/", &[], &revocation), "invalid_client");
    }
    assert_eq!(user(&mut net, &tokens.access).status, 200);
    assert_eq!(refresh(&mut net, &tokens.refresh).status, 200, "nothing was spent");
}

#[test]
fn the_challenge_is_hex() {
    let verifier = "a-verifier-of-forty-three-characters-and-more-~";
    let hash = digest(&SHA256, verifier.as_bytes());
    let hex: String = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let base64url = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(hash.as_ref());
    let mut net = Net::new();
    let begin = |net: &mut Net, challenge: &str| {
        let authorize = authorize_with(&[("code_challenge", challenge), ("code_challenge_method", "S256")]);
        code_of(&net.consent(&authorize, "fernweh.outdoor"))
    };
    let code = begin(&mut net, &hex);
    assert_eq!(exchange(&mut net, &code, &[("code_verifier", verifier)]).status, 200);
    for (challenge, verifier) in [(&hex, ""), (&hex, "another-verifier-of-forty-three-characters-and"), (&base64url, verifier)] {
        let code = begin(&mut net, challenge);
        let got = exchange(&mut net, &code, &[("code_verifier", verifier)]);
        token_error(&got, "invalid_request");
        assert_eq!(got.str("error_description"), "Code verifier or code challenge is invalid.");
    }
}

#[test]
fn scopes_can_be_left_out() {
    let mut net = Net::new();
    let body = json!({ "authorize_url": authorize_with(&[]), "username": "fernweh.outdoor", "drop_scopes": ["user.info.profile", "video.publish"] });
    let back = net.control("consent", &body)["redirect_to"].as_str().unwrap().to_owned();
    assert_eq!(parameter(&back, "scopes").as_deref(), Some("user.info.basic,video.upload"));
    let got = exchange(&mut net, &code_of(&back), &[]);
    assert_eq!(got.str("scope"), "user.info.basic,video.upload");
    let tokens = Tokens::of(&got);
    api_error(&user(&mut net, &tokens.access), 401, "scope_not_authorized");
    let got = net.get("/tiktok/v2/user/info/?fields=open_id,union_id,display_name", &tokens.access);
    assert_eq!(got.json["data"]["user"]["display_name"], "Fernweh Outdoor");
    assert_eq!(got.json["data"]["user"]["username"], Value::Null);
    let got = refresh(&mut net, &tokens.refresh);
    assert_eq!(got.str("scope"), "user.info.basic,video.upload", "a renewal brings no scope back");
}

#[test]
fn withdrawn_means_dead() {
    for action in ["change-password", "revoke"] {
        let mut net = Net::new();
        let (ours, other) = (connect(&mut net, "fernweh.outdoor"), connect(&mut net, "gipfel.guides"));
        net.person("tiktok", "fernweh.outdoor", action);
        dead(&mut net, &ours);
        assert_eq!(user(&mut net, &other.access).status, 200);
        let again = connect(&mut net, "fernweh.outdoor");
        assert_eq!(user(&mut net, &again.access).status, 200);
        dead(&mut net, &ours);
    }
}

#[test]
fn a_banned_account_does_not_get_its_grant_back() {
    let mut net = Net::new();
    let tokens = connect(&mut net, "fernweh.outdoor");
    net.person("tiktok", "fernweh.outdoor", "block");
    dead(&mut net, &tokens);
    net.person("tiktok", "fernweh.outdoor", "unblock");
    dead(&mut net, &tokens);
    let again = connect(&mut net, "fernweh.outdoor");
    assert_eq!(user(&mut net, &again.access).status, 200);
}

#[test]
fn our_own_revocation_ends_the_grant() {
    let mut net = Net::new();
    let tokens = connect(&mut net, "fernweh.outdoor");
    let got = call(&mut net, "revoke", &[("token", &tokens.refresh)]);
    token_error(&got, "invalid_grant");
    assert_eq!(got.status, 200, "the body counts");
    call(&mut net, "revoke", &[("token", &tokens.access)]).is(200, &json!({}));
    dead(&mut net, &tokens);
    let late = connect(&mut net, "fernweh.outdoor");
    net.pass(DAY);
    token_error(&call(&mut net, "revoke", &[("token", &late.access)]), "invalid_grant");
    assert_eq!(refresh(&mut net, &late.refresh).status, 200, "the grant lives on");
}

#[test]
fn every_kind_of_call_has_its_limit_for_each_token() {
    let mut net = Net::new();
    let (ours, guides) = (connect(&mut net, "fernweh.outdoor"), connect(&mut net, "gipfel.guides"));
    let ask = |net: &mut Net, token: &str| {
        let bearer = format!("Bearer {token}");
        net.send(Method::POST, "/tiktok/v2/post/publish/creator_info/query/", &[("authorization", &bearer)], "{}")
    };
    for _ in 0..20 {
        assert_eq!(ask(&mut net, &ours.access).status, 200);
    }
    let got = ask(&mut net, &ours.access);
    api_error(&got, 429, "rate_limit_exceeded");
    let reset: i64 = got.header("x-ratelimit-reset").parse().unwrap();
    assert!((1..=60).contains(&(reset - net.now / 1_000_000)));
    assert_eq!(ask(&mut net, &guides.access).status, 200, "everybody has their own");
    net.pass(60);
    assert_eq!(ask(&mut net, &ours.access).status, 200);
}

#[test]
fn ad_accounts_are_listed() {
    let mut net = Net::new();
    let path = "/tiktok/open_api/v1.3/oauth2/advertiser/get/";
    let (ours, guides) = (connect(&mut net, "fernweh.outdoor"), connect(&mut net, "gipfel.guides"));
    let got = net.get(path, &ours.access);
    assert_eq!((got.status, &got.json["code"]), (200, &json!(0)));
    let list = got.json["data"]["list"].as_array().unwrap();
    assert_eq!((list.len(), &list[0]["advertiser_name"]), (1, &json!("Fernweh Ads EU")));
    assert!(list[0]["advertiser_id"].is_string());
    let got = net.send(Method::GET, path, &[("access-token", &ours.access)], "");
    assert_eq!(got.json["code"], 0, "the ads API names its header Access-Token");
    assert_eq!(net.get(path, &guides.access).json["data"]["list"], json!([]));
    net.person("tiktok", "fernweh.outdoor", "revoke");
    let got = net.get(path, &ours.access);
    assert_eq!((got.status, &got.json["code"]), (200, &json!(40_105)));
}

#[test]
fn a_refusal_comes_back_as_tiktok_says_it() {
    let mut net = Net::new();
    let back = net.deny(&authorize_with(&[]), "fernweh.outdoor");
    assert_eq!((parameter(&back, "error").as_deref(), parameter(&back, "state").as_deref()), (Some("access_denied"), Some("s1")));
    assert_eq!(parameter(&back, "code"), None);
}

#[test]
fn each_app_of_a_developer_sees_an_id_of_its_own() {
    let mut net = Net::new();
    let first = connect(&mut net, "fernweh.outdoor");
    let begin = authorize_with(&[]).replace("sandbox-tiktok", "sandbox-tiktok-2");
    let code = code_of(&net.consent(&begin, "fernweh.outdoor"));
    let as_app = |net: &mut Net, app: &str, more: &[(&str, &str)]| {
        let secret = format!("{app}-secret");
        let mut form = vec![("client_key", app), ("client_secret", secret.as_str())];
        form.extend(more);
        net.form("/tiktok/v2/oauth/token/", &[], &form)
    };
    let fields = [("grant_type", "authorization_code"), ("code", code.as_str()), ("redirect_uri", CALLBACK)];
    token_error(&as_app(&mut net, "sandbox-tiktok", &fields), "invalid_grant");
    token_error(&as_app(&mut net, "sandbox-tiktok-3", &fields), "invalid_client");
    let got = as_app(&mut net, "sandbox-tiktok-2", &fields);
    let second = Tokens::of(&got);
    let shown = |net: &mut Net, access: &str| {
        let got = net.get("/tiktok/v2/user/info/?fields=open_id,union_id", access);
        let of = |field: &str| got.json["data"]["user"][field].as_str().unwrap().to_owned();
        (of("open_id"), of("union_id"))
    };
    let (ours, theirs) = (shown(&mut net, &first.access), shown(&mut net, &second.access));
    assert_eq!(got.str("open_id"), theirs.0);
    assert!(ours.0 != theirs.0 && ours.1 == theirs.1 && theirs.0.contains('-'), "{ours:?} {theirs:?}");
    let renewal = [("grant_type", "refresh_token"), ("refresh_token", second.refresh.as_str())];
    token_error(&as_app(&mut net, "sandbox-tiktok", &renewal), "invalid_grant");
    assert_eq!(as_app(&mut net, "sandbox-tiktok-2", &renewal).str("open_id"), theirs.0, "another app spends nothing");
}

/// A removal is told to each app that was allowed, in its own name, by its own secret and with the id that it is shown.
#[test]
fn what_is_told_names_the_app_that_was_allowed() {
    let mut net = Net::new();
    net.control("apps", &json!({ "network": "tiktok", "notices_url": "http://127.0.0.1:9000/signals" }));
    let second = |net: &mut Net| {
        let begin = authorize_with(&[]).replace("sandbox-tiktok", "sandbox-tiktok-2");
        let code = code_of(&net.consent(&begin, "fernweh.outdoor"));
        let app = [("client_key", "sandbox-tiktok-2"), ("client_secret", "sandbox-tiktok-2-secret")];
        let grant = [("grant_type", "authorization_code"), ("code", code.as_str()), ("redirect_uri", CALLBACK)];
        let got = net.form("/tiktok/v2/oauth/token/", &[], &[&app[..], &grant[..]].concat());
        (got.str("open_id").to_owned(), got.str("access_token").to_owned())
    };
    let told = |net: &mut Net| -> Vec<(String, String, String)> {
        let read = |notice: &sandbox::Notice| {
            let body = std::str::from_utf8(&notice.body).unwrap();
            let json: Value = serde_json::from_str(body).unwrap();
            let of = |field: &str| json[field].as_str().unwrap().to_owned();
            let secret = format!("{}-secret", of("client_key"));
            let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret.as_bytes());
            let (_, signature) = notice.headers.iter().find(|(name, _)| *name == "tiktok-signature").unwrap();
            let (at, hex) = signature.strip_prefix("t=").and_then(|rest| rest.split_once(",s=")).unwrap();
            let tag = aws_lc_rs::hmac::sign(&key, format!("{at}.{body}").as_bytes());
            let expected: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(hex, expected, "signed by its own secret");
            (of("client_key"), of("user_openid"), of("event"))
        };
        net.world.take_notices().iter().map(read).collect()
    };
    let (theirs, access) = second(&mut net);
    // A post is told of to the app that sent it.
    let body = json!({ "post_info": { "privacy_level": "SELF_ONLY" }, "source_info": { "source": "PULL_FROM_URL", "video_url": "https://films.example/a.mp4" } });
    let made =
        net.send(Method::POST, "/tiktok/v2/post/publish/video/init/", &[("authorization", &format!("Bearer {access}"))], &body.to_string());
    let post = made.json["data"]["publish_id"].clone();
    net.control("posts", &json!({ "post": post, "action": "show" }));
    let removed = |app: &str, id: &str| (app.to_owned(), id.to_owned(), "authorization.removed".to_owned());
    assert_eq!(told(&mut net), [("sandbox-tiktok-2".to_owned(), theirs.clone(), "post.publish.publicly_available".to_owned())]);
    net.person("tiktok", "fernweh.outdoor", "revoke");
    assert_eq!(told(&mut net), [removed("sandbox-tiktok-2", &theirs)]);
    let ours = connect(&mut net, "fernweh.outdoor");
    second(&mut net);
    let got = user(&mut net, &ours.access);
    let ours = got.json["data"]["user"]["open_id"].as_str().unwrap().to_owned();
    net.person("tiktok", "fernweh.outdoor", "revoke");
    assert_eq!(told(&mut net), [removed("sandbox-tiktok", &ours), removed("sandbox-tiktok-2", &theirs)]);
}
