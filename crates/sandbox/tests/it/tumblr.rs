//! Tumblr, as `networks/tumblr` of the knowledge base says.

use http::Method;
use serde_json::json;

use crate::{CALLBACK, DAY, Got, Net, Tokens, code_of, encoded};

const AGENT: (&str, &str) = ("user-agent", "Test");

fn authorize(scope: &str) -> String {
    let query = [("client_id", "sandbox-tumblr"), ("response_type", "code"), ("scope", scope), ("state", "s1"), ("redirect_uri", CALLBACK)];
    format!("/tumblr/oauth2/authorize?{}", encoded(&query))
}

fn token(net: &mut Net, fields: &[(&str, &str)]) -> Got {
    let mut all = vec![("client_id", "sandbox-tumblr"), ("client_secret", "sandbox-tumblr-secret")];
    all.extend(fields);
    net.form("/tumblr/v2/oauth2/token", &[AGENT], &all)
}

fn exchange(net: &mut Net, scope: &str, username: &str) -> Got {
    let code = code_of(&net.consent(&authorize(scope), username));
    token(net, &[("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", CALLBACK)])
}

pub(crate) fn connect(net: &mut Net) -> Tokens {
    Tokens::of(&exchange(net, "basic write offline_access", "jana-lindner"))
}

pub(crate) fn refresh(net: &mut Net, refresh: &str) -> Got {
    token(net, &[("grant_type", "refresh_token"), ("refresh_token", refresh)])
}

pub(crate) fn get(net: &mut Net, path: &str, bearer: &str) -> Got {
    net.send(Method::GET, &format!("/tumblr/v2{path}"), &[AGENT, ("authorization", &format!("Bearer {bearer}"))], "")
}

fn post(net: &mut Net, blog: &str, bearer: &str, body: &serde_json::Value) -> Got {
    let bearer = format!("Bearer {bearer}");
    let headers = [AGENT, ("authorization", bearer.as_str()), ("content-type", "application/json")];
    net.send(Method::POST, &format!("/tumblr/v2/blog/{blog}/posts"), &headers, &body.to_string())
}

#[test]
fn forty_two_minutes_and_forty_two_days() {
    let mut net = Net::new();
    let got = exchange(&mut net, "basic write offline_access", "jana-lindner");
    assert_eq!((&got.json["expires_in"], &got.json["id_token"]), (&json!(2520), &json!(false)));
    let first = Tokens::of(&got);
    net.pass(2519);
    assert_eq!(get(&mut net, "/user/info", &first.access).status, 200);
    net.pass(1);
    let got = get(&mut net, "/user/info", &first.access);
    assert_eq!((got.status, &got.json["meta"]["status"]), (401, &json!(401)));
    let second = Tokens::of(&refresh(&mut net, &first.refresh));
    assert_ne!(second.refresh, first.refresh);
    net.pass(42 * DAY - 1);
    let third = Tokens::of(&refresh(&mut net, &second.refresh));
    net.pass(42 * DAY);
    assert_eq!(refresh(&mut net, &third.refresh).str("error"), "invalid_grant");
    let got = exchange(&mut net, "basic", "jana-lindner");
    assert!(got.json.get("refresh_token").is_none(), "not without offline_access");
    assert_eq!(post(&mut net, "jana-lindner", got.str("access_token"), &json!({})).status, 403, "not without write");
}

#[test]
fn what_was_used_ends_everything() {
    let mut net = Net::new();
    let code = code_of(&net.consent(&authorize("basic offline_access"), "jana-lindner"));
    let fields = [("grant_type", "authorization_code"), ("code", code.as_str()), ("redirect_uri", CALLBACK)];
    for (wrong, value) in [("code", "never-issued"), ("redirect_uri", "http://127.0.0.1:8420/elsewhere")] {
        let fields = fields.map(|(name, good)| if name == wrong { (name, value) } else { (name, good) });
        assert_eq!(token(&mut net, &fields).str("error"), "invalid_grant", "{wrong}");
    }
    let first = Tokens::of(&token(&mut net, &fields));
    assert_eq!(token(&mut net, &fields).str("error"), "invalid_grant", "a code works once");
    let second = Tokens::of(&refresh(&mut net, &first.refresh));
    for spent in [&first.refresh, &second.refresh] {
        assert_eq!((refresh(&mut net, spent).status, refresh(&mut net, spent).str("error")), (400, "invalid_grant"));
    }
    assert_eq!(get(&mut net, "/user/info", &second.access).status, 401);
    let late = code_of(&net.consent(&authorize("basic"), "jana-lindner"));
    net.pass(600);
    let got = token(&mut net, &[("grant_type", "authorization_code"), ("code", &late), ("redirect_uri", CALLBACK)]);
    assert_eq!(got.str("error"), "invalid_grant");
}

#[test]
fn the_door_stays_shut_for_strangers() {
    let mut net = Net::new();
    let good = authorize("basic");
    for wrong in
        [good.replace("sandbox-tumblr", "stranger"), good.replace("response_type=code", "response_type=token"), good.replace("s1", "")]
    {
        assert_eq!(net.try_control("consent", &json!({ "authorize_url": wrong, "username": "jana-lindner" })).status, 400, "{wrong}");
        assert_eq!(net.send(Method::GET, &wrong, &[], "").status, 401, "never redirected");
    }
    let back = net.deny(&good, "jana-lindner");
    assert!(back.contains("error=access_denied") && back.contains("state=s1"), "{back}");
}

#[test]
fn a_thousand_calls_an_hour() {
    let mut net = Net::new();
    let tokens = Tokens::of(&exchange(&mut net, "basic offline_access", "jana-lindner"));
    let got = get(&mut net, "/user/info", &tokens.access);
    assert_eq!((got.header("x-ratelimit-perhour-limit"), got.header("x-ratelimit-perhour-remaining")), ("1000", "999"));
    for _ in 1..1000 {
        get(&mut net, "/user/info", &tokens.access);
    }
    let got = get(&mut net, "/user/info", &tokens.access);
    assert_eq!((got.status, got.header("x-ratelimit-perhour-remaining")), (429, "0"));
    let seconds: i64 = got.header("x-ratelimit-perhour-reset").parse().unwrap();
    net.pass(seconds);
    let tokens = Tokens::of(&refresh(&mut net, &tokens.refresh));
    assert_eq!(get(&mut net, "/user/info", &tokens.access).status, 200);
}

#[test]
fn an_agent_is_demanded() {
    let mut net = Net::new();
    let tokens = Tokens::of(&exchange(&mut net, "basic offline_access", "jana-lindner"));
    let got = net.get("/tumblr/v2/user/info", &tokens.access);
    assert_eq!((got.status, &got.json["meta"]["msg"]), (403, &json!("Forbidden")));
    let got = net.form("/tumblr/v2/oauth2/token", &[AGENT], &[("client_id", "sandbox-tumblr"), ("client_secret", "wrong")]);
    assert_eq!((got.status, got.str("error")), (401, "invalid_client"));
}

#[test]
fn blogs_are_theirs_who_are_members() {
    let mut net = Net::new();
    let tokens = Tokens::of(&exchange(&mut net, "basic write offline_access", "jana-lindner"));
    let got = get(&mut net, "/user/info", &tokens.access);
    let blogs = got.json["response"]["user"]["blogs"].as_array().unwrap();
    let seen: Vec<_> =
        blogs.iter().map(|blog| (blog["name"].as_str().unwrap(), blog["admin"].as_bool(), blog["primary"].as_bool())).collect();
    assert_eq!(seen, [("huts-we-like", None, Some(false)), ("jana-lindner", Some(true), Some(true))]);
    let body = json!({ "content": [{ "type": "text", "text": "x" }], "state": "published" });
    for blog in ["huts-we-like", "huts-we-like.tumblr.com", "t:FwxQ3002", "t%3AFwxQ3002"] {
        let got = post(&mut net, blog, &tokens.access, &body);
        assert!(got.status == 201 && got.json["response"]["id"].is_string(), "{blog}: {}", got.text);
    }
    assert_eq!(post(&mut net, "gipfelguides", &tokens.access, &body).status, 403);
    assert_eq!(post(&mut net, "nobody", &tokens.access, &body).status, 404);
    let got = post(&mut net, "huts-we-like", &tokens.access, &json!({ "content": [{ "type": "poll" }] }));
    assert_eq!((got.status, &got.json["errors"][0]["code"]), (400, &json!(8001)));
    let left = get(&mut net, "/user/limits", &tokens.access);
    assert_eq!(left.json["response"]["user"]["posts"]["remaining"], json!(246));
    let next_day = (net.now / 1_000_000).div_euclid(DAY) * DAY + DAY;
    assert_eq!(left.json["response"]["user"]["posts"]["reset_at"], json!(next_day));
    assert_eq!((left.header("x-ratelimit-perday-limit"), left.header("x-ratelimit-perday-remaining")), ("5000", "4991"));
    assert_eq!(left.header("x-ratelimit-perday-reset"), (next_day - net.now / 1_000_000).to_string());
}

#[test]
fn everybody_has_a_primary_blog_and_keeps_it() {
    let mut net = Net::new();
    net.world.add_person("tumblr", "newcomer", "t:Newcomer1");
    let tokens = Tokens::of(&exchange(&mut net, "basic write offline_access", "newcomer"));
    let primary = |got: &Got| {
        let blogs = got.json["response"]["user"]["blogs"].as_array().unwrap();
        let own = |blog: &&serde_json::Value| blog["primary"] == true && blog["admin"] == true;
        blogs.iter().filter(own).map(|blog| blog["uuid"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(primary(&get(&mut net, "/user/info", &tokens.access)), ["t:Newcomer1"]);
    let body = json!({ "content": [{ "type": "text", "text": "x" }] });
    for blog in ["newcomer", "newcomer.tumblr.com", "t:Newcomer1"] {
        assert_eq!(post(&mut net, blog, &tokens.access, &body).status, 201, "{blog}");
    }
    let jana = Tokens::of(&exchange(&mut net, "basic write offline_access", "jana-lindner"));
    assert_eq!(post(&mut net, "newcomer", &jana.access, &body).status, 403, "of nobody else");
    net.control("roles", &json!({ "page": 3003, "username": "jana-lindner", "role": null }));
    assert_eq!(primary(&get(&mut net, "/user/info", &jana.access)), ["t:FwxQ3003"], "no role is needed for it");
}
