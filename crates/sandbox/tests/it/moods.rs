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
        assert_eq!(any(&mut net, network).status, 503);
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
        assert_eq!(statuses.iter().filter(|status| **status == 503).count(), requests, "{statuses:?}");
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
