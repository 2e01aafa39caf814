//! Reddit, as `networks/reddit` of the knowledge base says.

use http::Method;
use serde_json::json;

use crate::{CALLBACK, DAY, Got, Net, Tokens, code_of, encoded, parameter};

const AGENT: (&str, &str) = ("user-agent", "web:staygreen-test:v1 (by /u/fernweh_outdoor)");
const BASIC: (&str, &str) = ("authorization", "Basic c2FuZGJveC1yZWRkaXQ6c2FuZGJveC1yZWRkaXQtc2VjcmV0");
const SCOPES: &str = "identity mysubreddits read submit";

fn authorize(more: &[(&str, &str)]) -> String {
    let mut query = vec![
        ("client_id", "sandbox-reddit"),
        ("response_type", "code"),
        ("state", "s1"),
        ("redirect_uri", CALLBACK),
        ("duration", "permanent"),
        ("scope", SCOPES),
    ];
    for &(name, value) in more {
        query.retain(|(known, _)| *known != name);
        query.push((name, value));
    }
    format!("/reddit/api/v1/authorize?{}", encoded(&query))
}

fn token(net: &mut Net, fields: &[(&str, &str)]) -> Got {
    net.form("/reddit/api/v1/access_token", &[AGENT, BASIC], fields)
}

fn exchange(net: &mut Net, code: &str) -> Got {
    token(net, &[("grant_type", "authorization_code"), ("code", code), ("redirect_uri", CALLBACK)])
}

fn refresh(net: &mut Net, refresh: &str) -> Got {
    token(net, &[("grant_type", "refresh_token"), ("refresh_token", refresh)])
}

fn connect(net: &mut Net, username: &str) -> Tokens {
    let code = code_of(&net.consent(&authorize(&[]), username));
    Tokens::of(&exchange(net, &code))
}

fn get(net: &mut Net, path: &str, bearer: &str) -> Got {
    net.send(Method::GET, &format!("/reddit{path}"), &[AGENT, ("authorization", &format!("Bearer {bearer}"))], "")
}

#[test]
fn the_refresh_token_stays_and_has_no_end() {
    let mut net = Net::new();
    let first = connect(&mut net, "jana_lindner");
    assert_eq!(get(&mut net, "/api/v1/me", &first.access).str("name"), "jana_lindner");
    net.pass(3650 * DAY);
    let got = get(&mut net, "/api/v1/me", &first.access);
    assert_eq!((got.status, got.header("www-authenticate")), (401, "Bearer realm=\"reddit\", error=\"invalid_token\""));
    let second = Tokens::of(&refresh(&mut net, &first.refresh));
    assert_eq!(second.refresh, first.refresh);
    assert_eq!(refresh(&mut net, &first.refresh).status, 200, "as often as wanted");
}

#[test]
fn errors_come_inside_a_success() {
    let mut net = Net::new();
    let code = code_of(&net.consent(&authorize(&[]), "jana_lindner"));
    assert_eq!(exchange(&mut net, &code).status, 200);
    exchange(&mut net, &code).is(200, &json!({ "error": "invalid_grant" }));
    token(&mut net, &[("grant_type", "password")]).is(200, &json!({ "error": "unsupported_grant_type" }));
    let late = code_of(&net.consent(&authorize(&[]), "jana_lindner"));
    net.pass(600);
    exchange(&mut net, &late).is(200, &json!({ "error": "invalid_grant" }));
}

#[test]
fn without_duration_there_is_no_refresh_token() {
    let mut net = Net::new();
    let code = code_of(&net.consent(&authorize(&[("duration", "temporary")]), "jana_lindner"));
    assert!(exchange(&mut net, &code).json.get("refresh_token").is_none());
    for (wrong, error) in [(("response_type", "token"), "unsupported_response_type"), (("scope", "everything"), "invalid_scope")] {
        assert_eq!(parameter(&net.consent(&authorize(&[wrong]), "jana_lindner"), "error").as_deref(), Some(error));
    }
    let body = json!({ "authorize_url": authorize(&[("state", "")]), "username": "jana_lindner" });
    assert_eq!(net.try_control("consent", &body).status, 400, "the state is required");
}

#[test]
fn clients_and_agents_are_checked() {
    let mut net = Net::new();
    let tokens = connect(&mut net, "jana_lindner");
    let form = [("grant_type", "refresh_token"), ("refresh_token", tokens.refresh.as_str())];
    let got = net.form("/reddit/api/v1/access_token", &[AGENT, ("authorization", "Basic eDp5")], &form);
    got.is(401, &json!({ "message": "Unauthorized", "error": 401 }));
    for agent in ["", "curl/8.5.0", "python-requests/2.32", "Mozilla/5.0 (X11; a:b:c)"] {
        let got = net.form("/reddit/api/v1/access_token", &[("user-agent", agent), BASIC], &form);
        assert_eq!((got.status, &got.json), (403, &json!(null)), "{agent}");
    }
    assert_eq!(refresh(&mut net, &tokens.refresh).status, 200);
}

#[test]
fn what_ends_a_consent() {
    for action in ["revoke", "change-password", "block"] {
        let mut net = Net::new();
        let tokens = connect(&mut net, "jana_lindner");
        net.person("reddit", "jana_lindner", action);
        assert_eq!(get(&mut net, "/api/v1/me", &tokens.access).status, 401, "{action}");
        refresh(&mut net, &tokens.refresh).is(400, &json!({ "message": "Bad Request", "error": 400 }));
        if action == "block" {
            net.person("reddit", "jana_lindner", "unblock");
            assert_eq!(refresh(&mut net, &tokens.refresh).status, 400, "revoked, not asleep");
        }
    }
    let mut net = Net::new();
    let tokens = connect(&mut net, "jana_lindner");
    for token in [tokens.refresh.as_str(), tokens.refresh.as_str(), "never-issued"] {
        let got = net.form("/reddit/api/v1/revoke_token", &[AGENT, BASIC], &[("token", token), ("token_type_hint", "refresh_token")]);
        assert_eq!((got.status, got.text.as_str()), (204, ""));
    }
    assert_eq!(get(&mut net, "/api/v1/me", &tokens.access).status, 401);
}

#[test]
fn scopes_and_communities() {
    let mut net = Net::new();
    let code = code_of(&net.consent(&authorize(&[("scope", "identity")]), "fernweh_outdoor"));
    let access = exchange(&mut net, &code).str("access_token").to_owned();
    let got = get(&mut net, "/subreddits/mine/subscriber", &access);
    assert_eq!((got.status, got.header("www-authenticate")), (403, "Bearer realm=\"reddit\", error=\"insufficient_scope\""));
    let tokens = connect(&mut net, "fernweh_outdoor");
    let first = get(&mut net, "/subreddits/mine/subscriber?limit=3", &tokens.access);
    let after = first.json["data"]["after"].as_str().unwrap().to_owned();
    let second = get(&mut net, &format!("/subreddits/mine/subscriber?limit=3&after={after}"), &tokens.access);
    assert_eq!(second.json["data"]["children"].as_array().unwrap().len(), 3);
    assert_eq!(second.json["data"]["after"], json!(null));
    let got = get(&mut net, "/r/fernweh_team/about", &tokens.access);
    got.is(403, &json!({ "message": "Forbidden", "error": 403, "reason": "private" }));
    let bearer = format!("Bearer {}", tokens.access);
    let mut submit = |fields: &[(&str, &str)]| net.form("/reddit/api/submit", &[AGENT, ("authorization", &bearer)], fields);
    for (sr, title, code) in [
        ("u_tom_becker", "x", "SUBREDDIT_NOTALLOWED"),
        ("nowhere", "x", "SUBREDDIT_NOEXIST"),
        ("hiking", "", "NO_TEXT"),
        ("gearswap", "x", "BANNED_FROM_SUBREDDIT"),
        ("mountainhuts", "x", "SUBMIT_VALIDATION_FLAIR_REQUIRED"),
    ] {
        let got = submit(&[("sr", sr), ("kind", "self"), ("title", title), ("text", "x"), ("api_type", "json")]);
        assert_eq!((got.status, &got.json["json"]["errors"][0][0]), (200, &json!(code)));
    }
    let own = [("sr", "u_fernweh_outdoor"), ("kind", "self"), ("title", "x"), ("api_type", "json")];
    let got = submit(&own[..3]);
    assert!(got.status == 200 && got.json["jquery"].is_array() && got.json.get("json").is_none(), "only who asks for JSON gets it");
    assert!(submit(&own).json["json"]["data"]["name"].is_string());
}

#[test]
fn other_scopes_are_known_phones_have_a_page_and_a_tree_is_as_large_as_asked_for() {
    let mut net = Net::new();
    let wider = authorize(&[("scope", "identity read submit vote subscribe privatemessages")]);
    let code = code_of(&net.consent(&wider, "fernweh_outdoor"));
    let got = exchange(&mut net, &code);
    assert_eq!(got.str("scope"), "identity read submit vote subscribe privatemessages");
    let bearer = format!("Bearer {}", got.str("access_token"));
    let phone = authorize(&[]).replace("/authorize?", "/authorize.compact?");
    assert_eq!(net.send(Method::GET, &phone, &[], "").status, 200);
    let post = [("sr", "hiking"), ("kind", "self"), ("title", "Huts"), ("api_type", "json")];
    let headers = [AGENT, ("authorization", bearer.as_str())];
    let post = net.form("/reddit/api/submit", &headers, &post).json["json"]["data"]["name"].as_str().unwrap().to_owned();
    for n in 0..4 {
        let said = [("thing_id", post.as_str()), ("text", &format!("Comment {n}")), ("api_type", "json")];
        assert_eq!(net.form("/reddit/api/comment", &headers, &said).json["json"]["errors"], json!([]));
    }
    let path = format!("/reddit/comments/{}?limit=3", post.trim_start_matches("t3_"));
    let got = net.send(Method::GET, &path, &headers, "");
    let kinds: Vec<&str> = got.json[1]["data"]["children"].as_array().unwrap().iter().map(|one| one["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["t1", "t1", "t1", "more"]);
}

#[test]
fn an_installed_app_has_an_empty_password_and_tokens_of_its_own() {
    let mut net = Net::new();
    // "sandbox-reddit-installed:"
    let installed = ("authorization", "Basic c2FuZGJveC1yZWRkaXQtaW5zdGFsbGVkOg==");
    let code = code_of(&net.consent(&authorize(&[("client_id", "sandbox-reddit-installed")]), "jana_lindner"));
    exchange(&mut net, &code).is(200, &json!({ "error": "invalid_grant" }));
    let code = code_of(&net.consent(&authorize(&[("client_id", "sandbox-reddit-installed")]), "jana_lindner"));
    let form = [("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", CALLBACK)];
    let got = net.form("/reddit/api/v1/access_token", &[AGENT, installed], &form);
    assert_eq!(got.str("scope"), SCOPES);
    let tokens = Tokens::of(&got);
    assert_eq!(refresh(&mut net, &tokens.refresh).status, 400, "another app's");
    let form = [("token", tokens.refresh.as_str()), ("token_type_hint", "refresh_token")];
    assert_eq!(net.form("/reddit/api/v1/revoke_token", &[AGENT, BASIC], &form).status, 204);
    assert_eq!(get(&mut net, "/api/v1/me", &tokens.access).status, 200, "and revoked by its own app alone");
    assert_eq!(net.form("/reddit/api/v1/revoke_token", &[AGENT, installed], &form).status, 204);
    assert_eq!(get(&mut net, "/api/v1/me", &tokens.access).status, 401);
}
