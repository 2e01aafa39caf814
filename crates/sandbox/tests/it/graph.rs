//! Facebook, Instagram and Threads, as `networks/facebook`, `instagram` and `threads` of the knowledge base say.

use aws_lc_rs::hmac;
use http::Method;
use serde_json::{Value, json};

use crate::{CALLBACK, DAY, Got, HOUR, Net, code_of, encoded};

fn proof(network: &str, token: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, format!("sandbox-{network}-secret").as_bytes());
    hmac::sign(&key, token.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A call of the API, proven.
fn call(net: &mut Net, method: Method, path: &str, token: &str) -> Got {
    let joint = if path.contains('?') { '&' } else { '?' };
    let path = format!("/facebook/v26.0{path}{joint}appsecret_proof={}", proof("facebook", token));
    net.send(method, &path, &[("authorization", &format!("Bearer {token}"))], "")
}

const PERMISSIONS: &str = "public_profile,pages_show_list,pages_read_engagement,pages_manage_posts";

fn short_lived(net: &mut Net, username: &str) -> String {
    let query =
        [("client_id", "sandbox-facebook"), ("redirect_uri", CALLBACK), ("scope", PERMISSIONS), ("state", "s"), ("response_type", "code")];
    let code = code_of(&net.consent(&format!("/facebook/v26.0/dialog/oauth?{}", encoded(&query)), username));
    let client = [("client_id", "sandbox-facebook"), ("client_secret", "sandbox-facebook-secret")];
    let fields = [client[0], client[1], ("redirect_uri", CALLBACK), ("code", code.as_str())];
    let got = net.form("/facebook/v26.0/oauth/access_token", &[], &fields);
    assert_eq!((got.status, &got.json["expires_in"]), (200, &json!(HOUR)), "{}", got.text);
    got.str("access_token").to_owned()
}

fn long_lived(net: &mut Net, short: &str) -> String {
    let client = [("client_id", "sandbox-facebook"), ("client_secret", "sandbox-facebook-secret")];
    let fields = [client[0], client[1], ("grant_type", "fb_exchange_token"), ("fb_exchange_token", short)];
    net.form("/facebook/v26.0/oauth/access_token", &[], &fields).str("access_token").to_owned()
}

fn page_token(net: &mut Net, token: &str) -> String {
    call(net, Method::GET, "/me/accounts", token).json.pointer("/data/0/access_token").and_then(Value::as_str).unwrap().to_owned()
}

#[test]
fn a_page_s_token_lives_as_long_as_the_one_it_is_made_from_was_meant_to() {
    let mut net = Net::new();
    let short = short_lived(&mut net, "jana.lindner");
    let hasty = page_token(&mut net, &short);
    let long = long_lived(&mut net, &short);
    let lasting = page_token(&mut net, &long);
    net.pass(HOUR);
    let over = call(&mut net, Method::GET, "/108001", &hasty);
    assert_eq!((over.status, over.json.pointer("/error/error_subcode")), (400, Some(&json!(463))), "{}", over.text);
    assert_eq!(call(&mut net, Method::GET, "/108001", &lasting).status, 200);
    net.pass(60 * DAY);
    assert_eq!(call(&mut net, Method::GET, "/me", &long).status, 400);
    assert_eq!(call(&mut net, Method::GET, "/108001", &lasting).status, 200, "no end of its own");
    net.pass(30 * DAY);
    let unseen = call(&mut net, Method::GET, "/108001", &lasting);
    assert_eq!((unseen.status, unseen.json.pointer("/error/code")), (400, Some(&json!(10))), "90 days after the login");
}

#[test]
fn every_call_is_proven_and_lists_come_in_pages() {
    let mut net = Net::new();
    let token = short_lived(&mut net, "jana.lindner");
    let bearer = format!("Bearer {token}");
    for wrong in [
        "",
        "?appsecret_proof=",
        &format!("?appsecret_proof={}", "0".repeat(64)),
        &format!("?appsecret_proof={}", proof("threads", &token)),
    ] {
        let got = net.send(Method::GET, &format!("/facebook/v26.0/me{wrong}"), &[("authorization", &bearer)], "");
        assert_eq!((got.status, got.json.pointer("/error/code")), (400, Some(&json!(104))), "{wrong}: {}", got.text);
    }
    let first = call(&mut net, Method::GET, "/me/accounts", &token);
    assert_eq!(first.json["data"].as_array().unwrap().len(), 2);
    assert!(first.json.pointer("/paging/next").is_some_and(Value::is_string), "{}", first.text);
    let after = first.json.pointer("/paging/cursors/after").and_then(Value::as_str).unwrap().to_owned();
    let last = call(&mut net, Method::GET, &format!("/me/accounts?after={after}"), &token);
    assert_eq!((last.json["data"].as_array().unwrap().len(), last.json.pointer("/paging/next")), (1, None));
}

#[test]
fn whoever_removes_the_app_removes_every_token_and_is_answered_true() {
    let mut net = Net::new();
    let (first, second) = (short_lived(&mut net, "jana.lindner"), short_lived(&mut net, "jana.lindner"));
    assert_eq!(call(&mut net, Method::DELETE, "/me/permissions/pages_manage_posts", &second).text, "true");
    let listed = call(&mut net, Method::GET, "/me/permissions", &second);
    let status =
        listed.json["data"].as_array().unwrap().iter().find(|each| each["permission"] == "pages_manage_posts").unwrap()["status"].clone();
    assert_eq!(status, "declined");
    assert_eq!(call(&mut net, Method::DELETE, "/me/permissions", &second).text, "true");
    for token in [&first, &second] {
        let dead = call(&mut net, Method::GET, "/me", token);
        assert_eq!(dead.json.pointer("/error/error_subcode"), Some(&json!(458)), "{}", dead.text);
    }
}

#[test]
fn troubles_are_switched_on_for_so_many_answers() {
    let mut net = Net::new();
    let token = short_lived(&mut net, "jana.lindner");
    net.control("troubles", &json!({ "network": "facebook", "trouble": "page_limit", "requests": 1 }));
    let limited = call(&mut net, Method::GET, "/me", &token);
    assert_eq!((limited.status, limited.json.pointer("/error/code")), (400, Some(&json!(80_001))));
    assert!(limited.header("x-business-use-case-usage").contains("estimated_time_to_regain_access"));
    assert_eq!(call(&mut net, Method::GET, "/me", &token).status, 200);
    net.control("troubles", &json!({ "network": "facebook", "trouble": "action_blocked" }));
    assert_eq!(call(&mut net, Method::GET, "/me", &token).status, 200, "about acts alone");
    assert_eq!(net.try_control("troubles", &json!({ "network": "facebook", "trouble": "gremlins" })).status, 400);
    assert_eq!(net.try_control("troubles", &json!({ "network": "xing", "trouble": "app_limit" })).status, 400);
}

#[test]
fn an_app_scoped_id_is_another_one_and_threads_has_a_type_of_its_own() {
    let mut net = Net::new();
    let query = [
        ("client_id", "sandbox-instagram"),
        ("redirect_uri", CALLBACK),
        ("scope", "instagram_business_basic"),
        ("state", "s"),
        ("response_type", "code"),
    ];
    let code = code_of(&net.consent(&format!("/instagram/oauth/authorize?{}", encoded(&query)), "fernweh.outdoor"));
    let fields = [
        ("client_id", "sandbox-instagram"),
        ("client_secret", "sandbox-instagram-secret"),
        ("grant_type", "authorization_code"),
        ("redirect_uri", CALLBACK),
        ("code", code.trim_end_matches("#_")),
    ];
    let got = net.form("/instagram/oauth/access_token", &[], &fields).json["data"][0].clone();
    let me = net.get("/instagram/v26.0/me", got["access_token"].as_str().unwrap()).json["data"][0].clone();
    assert_eq!((&me["id"], &me["user_id"]), (&got["user_id"], &json!("17841400000000001")));
    assert_ne!(me["id"], me["user_id"]);
    assert_eq!(me["account_type"], "Business");
    let refused = net.get("/threads/v1.0/me", "nobody");
    assert_eq!(refused.json.pointer("/error/type"), Some(&json!("THApiException")), "{}", refused.text);
}

#[test]
fn permissions_that_do_not_exist_are_told_to_whoever_asks_for_them() {
    let mut net = Net::new();
    for (scope, exists) in [("pages_show_list,pages_manage_metadata", true), ("pages_show_list,pages_read_user_engagement", false)] {
        let query =
            [("client_id", "sandbox-facebook"), ("redirect_uri", CALLBACK), ("scope", scope), ("state", "s"), ("response_type", "code")];
        let dialog = format!("/facebook/v26.0/dialog/oauth?{}", encoded(&query));
        let got = net.get(&dialog, "");
        assert_eq!(got.text.contains("Invalid Scopes: pages_read_user_engagement"), !exists, "{}", got.text);
        let body = json!({ "authorize_url": dialog, "username": "jana.lindner" });
        assert_eq!(net.try_control("consent", &body).status == 200, exists, "{scope}");
    }
}

/// Whoever does not ask how much of the day is left is refused once nothing is; a container costs nothing, and a day is the last 24 hours.
#[test]
fn a_used_up_day_is_refused_and_told_beforehand() {
    let mut net = Net::new();
    let scopes = "threads_basic,threads_content_publish,threads_manage_replies";
    let query =
        [("client_id", "sandbox-threads"), ("redirect_uri", CALLBACK), ("scope", scopes), ("state", "s"), ("response_type", "code")];
    let connect = |net: &mut Net| {
        let code = code_of(&net.consent(&format!("/threads/oauth/authorize?{}", encoded(&query)), "fernweh.outdoor"));
        let fields = [
            ("client_id", "sandbox-threads"),
            ("client_secret", "sandbox-threads-secret"),
            ("grant_type", "authorization_code"),
            ("redirect_uri", CALLBACK),
            ("code", code.trim_end_matches("#_")),
        ];
        let issued = net.form("/threads/oauth/access_token", &[], &fields).json;
        (issued["access_token"].as_str().unwrap().to_owned(), format!("/threads/v1.0/{}", issued["user_id"]))
    };
    let (token, base) = connect(&mut net);
    let say = |net: &mut Net, token: &str, more: &[(&str, &str)]| {
        let fields = [&[("media_type", "TEXT"), ("text", "Huts"), ("auto_publish_text", "true")], more].concat();
        net.form(&format!("{base}/threads"), &[("authorization", &format!("Bearer {token}"))], &fields)
    };
    let first = say(&mut net, &token, &[]).str("id").to_owned();
    net.pass(600);
    for _ in 1..250 {
        assert_eq!(say(&mut net, &token, &[]).status, 200);
    }
    let limit = net.get(&format!("{base}/threads_publishing_limit?fields=quota_usage,config"), &token);
    limit.is(200, &json!({ "data": [{ "quota_usage": 250, "config": { "quota_total": 250, "quota_duration": 86_400 } }] }));
    let refused = say(&mut net, &token, &[]);
    let code = |got: &crate::Got| (got.json["error"]["code"].clone(), got.json["error"]["error_subcode"].clone());
    assert_eq!((refused.status, code(&refused)), (400, (json!(9), json!(2_207_042))), "{}", refused.text);
    assert_eq!(say(&mut net, &token, &[("reply_to_id", &first)]).status, 200, "replies are counted on their own");
    net.pass(86_400 - 600);
    // A short-lived token is over by now.
    let (token, _) = connect(&mut net);
    assert_eq!(say(&mut net, &token, &[]).status, 200, "the first is a day old");
    assert_eq!(say(&mut net, &token, &[]).status, 400, "and the others are not");
    let all = net.get(&format!("{base}/threads_publishing_limit"), &token).json;
    assert_eq!((&all["data"][0]["reply_quota_usage"], &all["data"][0]["reply_config"]["quota_total"]), (&json!(1), &json!(1000)));
}
