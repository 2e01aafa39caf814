//! Networks in a bad mood: what is answered, and what was carried out although nobody heard of it.

use http::Method;
use sandbox::Fate;
use serde_json::json;

use crate::{CALLBACK, DAY, Got, Net, Tokens, code_of, linkedin, pinterest, tiktok};

fn mood(net: &mut Net, network: &str, mood: &str) {
    net.control("mood", &json!({ "network": network, "mood": mood }));
}

const NETWORKS: [&str; 4] = ["linkedin", "tiktok", "pinterest", "xing"];

/// Some call of a network's API.
fn any(net: &mut Net, network: &str) -> Got {
    let path = match network {
        "linkedin" => "/linkedin/v2/userinfo",
        "tiktok" => "/tiktok/v2/user/info/",
        "pinterest" => "/pinterest/v5/user_account",
        _ => "/xing/v1/users/me",
    };
    net.get(path, "nonsense")
}

#[test]
fn each_mood_is_one_networks_own() {
    let mut net = Net::new();
    for network in NETWORKS {
        let normal = any(&mut net, network);
        assert_eq!((normal.status, normal.fate), (401, None));
        mood(&mut net, network, "outage");
        assert!(any(&mut net, network).status >= 500, "{network}");
        for other in NETWORKS.into_iter().filter(|other| *other != network) {
            assert_eq!(any(&mut net, other).status, 401, "{other} is well");
        }
        mood(&mut net, network, "html");
        let got = any(&mut net, network);
        assert!(got.status == 200 && got.header("content-type").starts_with("text/html") && got.text.contains("<html"));
        mood(&mut net, network, "slow");
        let got = any(&mut net, network);
        assert_eq!((got.status, got.fate), (401, Some(Fate::Delay(3000))));
        mood(&mut net, network, "lost_answer");
        assert_eq!(any(&mut net, network).fate, Some(Fate::CloseWithoutAnswer));
        mood(&mut net, network, "error_after_commit");
        let got = any(&mut net, network);
        assert_eq!((got.status, got.fate), (500, None));
        mood(&mut net, network, "normal");
        let got = any(&mut net, network);
        assert_eq!((got.status, got.fate), (401, None));
    }
}

#[test]
fn a_mood_can_last_some_requests() {
    let mut net = Net::new();
    for requests in [1, 3] {
        net.control("mood", &json!({ "network": "tiktok", "mood": "outage", "requests": requests }));
        let statuses: Vec<_> = (0..requests + 2).map(|_| any(&mut net, "tiktok").status).collect();
        assert_eq!(statuses.iter().filter(|status| **status == 500).count(), requests, "{statuses:?}");
        assert_eq!(statuses[requests], 401);
    }
    net.control("mood", &json!({ "network": "tiktok", "mood": "outage", "requests": 0 }));
    assert_eq!(any(&mut net, "tiktok").status, 401, "none is none");
}

#[test]
fn an_outage_carries_nothing_out() {
    for name in ["outage", "html"] {
        let mut net = Net::new();
        let tokens = tiktok::connect(&mut net, "fernweh.outdoor");
        mood(&mut net, "tiktok", name);
        assert!(tiktok::refresh(&mut net, &tokens.refresh).json.get("access_token").is_none());
        mood(&mut net, "tiktok", "normal");
        assert_eq!(tiktok::refresh(&mut net, &tokens.refresh).status, 200, "{name}");
    }
}

#[test]
fn a_lost_answer_has_spent_the_token() {
    for name in ["lost_answer", "error_after_commit"] {
        let mut net = Net::new();
        let tokens = tiktok::connect(&mut net, "fernweh.outdoor");
        mood(&mut net, "tiktok", name);
        let got = tiktok::refresh(&mut net, &tokens.refresh);
        assert_eq!(got.fate, (name == "lost_answer").then_some(Fate::CloseWithoutAnswer));
        assert_eq!(got.status == 500, name == "error_after_commit");
        mood(&mut net, "tiktok", "normal");
        assert_eq!(tiktok::refresh(&mut net, &tokens.refresh).str("error"), "invalid_grant", "{name}");
        assert_eq!(net.get("/tiktok/v2/user/info/?fields=open_id", &tokens.access).status, 200, "the access token still has its day");

        let code = code_of(&net.consent(&linkedin::authorize(linkedin::SCOPES), "jana.lindner"));
        mood(&mut net, "linkedin", name);
        linkedin::exchange(&mut net, &code, CALLBACK);
        mood(&mut net, "linkedin", "normal");
        assert_eq!(linkedin::exchange(&mut net, &code, CALLBACK).status, 401, "{name}: the code is used");
    }
}

#[test]
fn a_slow_answer_is_a_good_one() {
    let mut net = Net::new();
    let tokens = pinterest::connect(&mut net, "fernwehoutdoor");
    mood(&mut net, "pinterest", "slow");
    let got = pinterest::refresh(&mut net, &tokens.refresh);
    assert_eq!(got.fate, Some(Fate::Delay(3000)));
    Tokens::of(&got);
}

/// Refused without reason, in the network's own words, and nothing is spent.
#[test]
fn noise_refuses_renewals_only() {
    let mut net = Net::new();
    let jana = linkedin::connect(&mut net, "jana.lindner");
    let ours = tiktok::connect(&mut net, "fernweh.outdoor");
    let boards = pinterest::connect(&mut net, "fernwehoutdoor");
    for network in ["linkedin", "tiktok", "pinterest"] {
        mood(&mut net, network, "invalid_grant_noise");
    }
    let noise = [
        linkedin::refresh(&mut net, &jana.refresh),
        tiktok::refresh(&mut net, &ours.refresh),
        pinterest::refresh(&mut net, &boards.refresh),
    ];
    let true_words = {
        let mut net = Net::new();
        [linkedin::refresh(&mut net, "dead"), tiktok::refresh(&mut net, "dead"), pinterest::refresh(&mut net, "dead")]
    };
    for (noise, truth) in noise.iter().zip(&true_words) {
        assert_eq!((noise.status, &noise.json), (truth.status, &truth.json), "a client cannot tell it from the truth");
    }
    for (path, bearer) in [
        ("/linkedin/v2/userinfo", &jana.access),
        ("/tiktok/v2/user/info/?fields=open_id", &ours.access),
        ("/pinterest/v5/user_account", &boards.access),
    ] {
        assert_eq!(net.get(path, bearer).status, 200, "{path}");
    }
    let code = code_of(&net.consent(&linkedin::authorize(linkedin::SCOPES), "tom.becker"));
    assert_eq!(linkedin::exchange(&mut net, &code, CALLBACK).status, 200, "codes are exchanged");
    for network in ["linkedin", "tiktok", "pinterest"] {
        mood(&mut net, network, "normal");
    }
    assert_eq!(linkedin::refresh(&mut net, &jana.refresh).status, 200);
    assert_eq!(tiktok::refresh(&mut net, &ours.refresh).status, 200);
    assert_eq!(pinterest::refresh(&mut net, &boards.refresh).status, 200);
}

#[test]
fn counted_noise_waits_for_renewals() {
    let mut net = Net::new();
    let ours = tiktok::connect(&mut net, "fernweh.outdoor");
    net.control("mood", &json!({ "network": "tiktok", "mood": "invalid_grant_noise", "requests": 1 }));
    for _ in 0..3 {
        assert_eq!(net.get("/tiktok/v2/user/info/?fields=open_id", &ours.access).status, 200);
    }
    assert_eq!(tiktok::refresh(&mut net, &ours.refresh).str("error"), "invalid_grant");
    assert_eq!(tiktok::refresh(&mut net, &ours.refresh).status, 200);
}

/// People can always consent; a mood is about what the product hears.
#[test]
fn consent_pages_have_no_mood() {
    let mut net = Net::new();
    for name in ["outage", "slow", "lost_answer", "error_after_commit", "html"] {
        mood(&mut net, "linkedin", name);
        let got = net.send(Method::GET, &linkedin::authorize(linkedin::SCOPES), &[], "");
        assert_eq!((got.status, got.fate), (200, None), "{name}");
        assert!(got.text.contains("Sign in to LinkedIn"));
        net.consent(&linkedin::authorize(linkedin::SCOPES), "jana.lindner");
    }
}

#[test]
fn a_mood_does_not_stop_time() {
    let mut net = Net::new();
    let tokens = tiktok::connect(&mut net, "fernweh.outdoor");
    mood(&mut net, "tiktok", "outage");
    net.pass(365 * DAY);
    mood(&mut net, "tiktok", "normal");
    assert_eq!(tiktok::refresh(&mut net, &tokens.refresh).str("error"), "invalid_grant");
}

/// What a client cannot read was carried out all the same, and the ledger says so.
#[test]
fn a_cut_body_has_spent_the_token_and_the_ledger_knows() {
    let mut net = Net::new();
    let tokens = tiktok::connect(&mut net, "fernweh.outdoor");
    mood(&mut net, "tiktok", "cut_body");
    let got = tiktok::refresh(&mut net, &tokens.refresh);
    assert!(got.status == 200 && got.json.is_null() && !got.text.is_empty(), "{}", got.text);
    mood(&mut net, "tiktok", "normal");
    assert_eq!(tiktok::refresh(&mut net, &tokens.refresh).str("error"), "invalid_grant");
    let effects: Vec<_> = net.world.ledger().map(|seen| seen.effects.join(", ")).collect();
    let [.., cut, again] = effects.as_slice() else { panic!("{effects:?}") };
    assert!(cut.contains("refresh token of fernweh.outdoor spent") && cut.contains("access token issued"), "{cut}");
    assert!(again.contains("presented again after it was spent"), "{again}");
    assert!(!effects.concat().contains(&tokens.refresh), "without a secret");
}

/// A network whose clock is ahead hands out tokens that seem to live longer, and takes ours for old.
#[test]
fn a_clock_that_is_ahead() {
    let mut net = Net::new();
    let tokens = tiktok::connect(&mut net, "fernweh.outdoor");
    net.pass(DAY - 300);
    assert_eq!(net.get("/tiktok/v2/user/info/?fields=open_id", &tokens.access).status, 200);
    mood(&mut net, "tiktok", "clock_skew");
    assert_eq!(net.get("/tiktok/v2/user/info/?fields=open_id", &tokens.access).status, 401, "over, by its clock");
}

/// What comes too often is refused by each network in its own words: a client cannot tell the mood from the limit.
#[test]
fn each_network_refuses_what_comes_too_often_as_it_does_in_truth() {
    let mut net = Net::new();
    let end = (net.now / 1_000_000 + 60).to_string();
    for (network, path, status, at, code, header) in [
        ("linkedin", "/v2/userinfo", 429, "/code", json!("TOO_MANY_REQUESTS"), ("", "")),
        ("tiktok", "/v2/user/info/", 429, "/error/code", json!("rate_limit_exceeded"), ("", "")),
        ("pinterest", "/v5/user_account", 429, "/code", json!(8), ("x-ratelimit-remaining", "0")),
        ("bluesky", "/xrpc/com.atproto.server.getSession", 429, "/error", json!("RateLimitExceeded"), ("ratelimit-reset", end.as_str())),
        ("x", "/2/users/me", 429, "/title", json!("Too Many Requests"), ("x-rate-limit-reset", end.as_str())),
        ("youtube", "/youtube/v3/channels", 403, "/error/errors/0/reason", json!("rateLimitExceeded"), ("", "")),
        ("google_business", "/v1/accounts", 429, "/error/status", json!("RESOURCE_EXHAUSTED"), ("", "")),
        ("tumblr", "/v2/user/info", 429, "/meta/status", json!(429), ("x-ratelimit-perhour-remaining", "0")),
        (
            "mastodon",
            "/api/v1/accounts/verify_credentials",
            429,
            "/error",
            json!("Too many requests"),
            ("x-ratelimit-reset", "2026-09-21T14:14:20.000Z"),
        ),
        ("facebook", "/v26.0/me", 400, "/error/code", json!(32), ("", "")),
        ("instagram", "/v26.0/me", 400, "/error/code", json!(80_002), ("", "")),
        ("instagram_page", "/v26.0/me", 400, "/error/code", json!(80_002), ("", "")),
        ("threads", "/v1.0/me", 400, "/error/code", json!(4), ("", "")),
        ("reddit", "/api/v1/me", 429, "/error", json!(429), ("x-ratelimit-reset", "60")),
        ("discord", "/api/v10/webhooks/1/x", 429, "/retry_after", json!(60.0), ("retry-after", "60")),
    ] {
        mood(&mut net, network, "rate_limited");
        let at_root = network == "bluesky" && path.starts_with("/xrpc/");
        let got = net.get(&if at_root { path.to_owned() } else { format!("/{network}{path}") }, "nonsense");
        assert_eq!((got.status, got.json.pointer(at)), (status, Some(&code)), "{network}: {}", got.text);
        assert!(header.0.is_empty() || got.header(header.0) == header.1, "{network}: {:?}", got.headers);
    }
    // Where the sandbox counts, the limit that is reached says the same as the mood.
    let mut net = Net::new();
    let x = crate::x::connect(&mut net, "jana_lindner").access;
    let reached = (0..80).map(|_| net.get("/x/2/users/me", &x)).find(|got| got.status == 429).expect("a limit");
    mood(&mut net, "x", "rate_limited");
    let in_mood = net.get("/x/2/users/me", &x);
    assert_eq!((&reached.json, reached.header("content-type")), (&in_mood.json, in_mood.header("content-type")));
}

/// A network that is down says so in its own words, where any are documented: the API, and the token endpoint.
#[test]
fn each_network_is_down_in_its_own_way() {
    let mut net = Net::new();
    let (none, html) = (json!(null), "text/html");
    for (network, path, status, at, code) in [
        ("linkedin", "/v2/userinfo", 503, "/serviceErrorCode", json!(0)),
        ("tiktok", "/v2/user/info/", 500, "/error/code", json!("internal_error")),
        ("pinterest", "/v5/user_account", 503, "/code", json!(4197)),
        ("x", "/2/users/me", 503, "/type", json!("https://api.x.com/2/problems/internal-error")),
        ("youtube", "/youtube/v3/channels", 503, "/error/errors/0/reason", json!("backendError")),
        ("youtube", "/youtube/v3/channels", 503, "/error/status", json!("UNAVAILABLE")),
        ("google_business", "/v1/accounts", 503, "/error/status", json!("UNAVAILABLE")),
        ("tumblr", "/v2/user/info", 503, "/meta/status", json!(503)),
        (
            "mastodon",
            "/api/v1/accounts/verify_credentials",
            503,
            "/error",
            json!("There was a temporary problem serving your request, please try again"),
        ),
        ("facebook", "/v26.0/me", 500, "/error/code", json!(2)),
        ("instagram", "/v26.0/me", 500, "/error/code", json!(2)),
        ("instagram", "/refresh_access_token", 500, "/error/code", json!(1)),
        ("instagram_page", "/v26.0/me", 500, "/error/code", json!(2)),
        ("threads", "/v1.0/me", 500, "/error/type", json!("THApiException")),
        ("discord", "/api/v10/webhooks/1/x", 503, "/message", json!("Service Unavailable")),
        ("bluesky", "/xrpc/com.atproto.server.getSession", 503, "/message", json!("Service Unavailable")),
        // Nothing but a page.
        ("xing", "/v1/users/me", 503, "", none.clone()),
        ("reddit", "/api/v1/me", 503, "", none.clone()),
        ("x", "/2/oauth2/token", 503, "", none.clone()),
    ] {
        mood(&mut net, network, "outage");
        let at_root = network == "bluesky";
        let got = net.get(&if at_root { path.to_owned() } else { format!("/{network}{path}") }, "nonsense");
        if at.is_empty() {
            assert!(got.status == status && got.header("content-type").starts_with(html), "{network}: {}", got.text);
        } else {
            assert_eq!((got.status, got.json.pointer(at)), (status, Some(&code)), "{network}: {}", got.text);
        }
    }
    // The status of TikTok's token errors is not documented: its word counts.
    let got = tiktok::refresh(&mut net, "whatever");
    assert_eq!(got.str("error"), "temporarily_unavailable");
}
