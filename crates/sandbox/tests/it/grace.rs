//! Refresh tokens that work once, with a grace: for so many seconds a used one is taken again, because its answer may have been lost.
//! No network documents one, so there is none until it is set; it can be set at every network whose refresh tokens are used up.

use http::Method;
use serde_json::json;

use crate::{DAY, Got, Net, Tokens, pinterest, tiktok, tumblr, x};

type Connect = fn(&mut Net) -> Tokens;
type Refresh = fn(&mut Net, &str) -> Got;
type Works = fn(&mut Net, &str) -> bool;

/// Networks with what connects, renews, and shows that an access token works; and whether reuse ends the family.
const TWINS: [(&str, Connect, Refresh, Works, bool); 4] = [
    (
        "tiktok",
        |net| tiktok::connect(net, "fernweh.outdoor"),
        tiktok::refresh,
        |net, bearer| works(net, "/tiktok/v2/user/info/?fields=open_id", bearer),
        false,
    ),
    (
        "pinterest",
        |net| pinterest::connect(net, "fernwehoutdoor"),
        pinterest::refresh,
        |net, bearer| works(net, "/pinterest/v5/user_account", bearer),
        true,
    ),
    ("x", |net| x::connect(net, "jana_lindner"), x::refresh, |net, bearer| works(net, "/x/2/users/me", bearer), true),
    ("tumblr", tumblr::connect, tumblr::refresh, |net, bearer| tumblr::get(net, "/user/info", bearer).status == 200, true),
];

fn works(net: &mut Net, path: &str, bearer: &str) -> bool {
    net.get(path, bearer).status == 200
}

fn is_refused(got: &Got) -> bool {
    got.json.get("access_token").is_none()
}

fn set(net: &mut Net, network: &str, seconds: i64) {
    let said = net.control("apps", &json!({ "network": network, "reuse_grace_seconds": seconds }));
    assert_eq!(said["reuse_grace_seconds"], json!(seconds));
}

#[test]
fn within_the_grace_a_used_token_is_taken_again_and_after_it_the_family_ends() {
    for (network, connect, refresh, works, ends_family) in TWINS {
        let mut net = Net::new();
        set(&mut net, network, 60);
        let first = connect(&mut net);
        let second = Tokens::of(&refresh(&mut net, &first.refresh));
        net.pass(59);
        let again = Tokens::of(&refresh(&mut net, &first.refresh));
        assert_ne!(again.refresh, second.refresh, "{network}");
        for tokens in [&second, &again] {
            assert!(works(&mut net, &tokens.access), "{network}: both answers are good");
        }
        assert!(!is_refused(&refresh(&mut net, &second.refresh)), "{network}: and both lead on");
        net.pass(1);
        assert!(is_refused(&refresh(&mut net, &first.refresh)), "{network}: taken again does not begin another grace");
        assert_eq!(works(&mut net, &again.access), !ends_family, "{network}: reuse after the grace");
        assert_eq!(is_refused(&refresh(&mut net, &again.refresh)), ends_family, "{network}");
        let seen = net.send(Method::GET, &format!("/control/api/ledger?network={network}"), &[], "").text;
        // X speaks no words of its own into the ledger.
        assert!(network == "x" || (seen.contains("taken again within its grace") && seen.contains("after it was spent")), "{seen}");
    }
}

#[test]
fn without_a_grace_there_is_none_and_it_can_be_taken_back() {
    for (network, connect, refresh, ..) in TWINS {
        let mut net = Net::new();
        let first = connect(&mut net);
        Tokens::of(&refresh(&mut net, &first.refresh));
        assert!(is_refused(&refresh(&mut net, &first.refresh)), "{network}");
        set(&mut net, network, 60);
        let first = connect(&mut net);
        Tokens::of(&refresh(&mut net, &first.refresh));
        set(&mut net, network, 0);
        assert!(is_refused(&refresh(&mut net, &first.refresh)), "{network}");
    }
}

/// What the grace is for: the answer that was carried out and lost is had again.
#[test]
fn a_lost_answer_is_had_again() {
    for (network, connect, refresh, works, _) in TWINS {
        let mut net = Net::new();
        set(&mut net, network, 30);
        let first = connect(&mut net);
        net.control("mood", &json!({ "network": network, "mood": "lost_answer", "requests": 1 }));
        assert!(refresh(&mut net, &first.refresh).fate.is_some(), "{network}");
        net.pass(20);
        let again = Tokens::of(&refresh(&mut net, &first.refresh));
        assert!(works(&mut net, &again.access), "{network}");
    }
}

#[test]
fn what_cannot_be_is_refused() {
    let mut net = Net::new();
    let refused = |net: &mut Net, body: serde_json::Value| net.try_control("apps", &body).status == 400;
    for network in
        ["linkedin", "youtube", "google_business", "xing", "mastodon", "facebook", "instagram", "instagram_page", "threads", "reddit"]
    {
        assert!(refused(&mut net, json!({ "network": network, "reuse_grace_seconds": 60 })), "{network}");
    }
    for seconds in [json!(-1), json!(31 * DAY), json!("soon")] {
        assert!(refused(&mut net, json!({ "network": "x", "reuse_grace_seconds": seconds })), "{seconds}");
    }
    for network in ["tiktok", "pinterest", "bluesky", "x", "tumblr", "discord"] {
        net.control("apps", &json!({ "network": network, "reuse_grace_seconds": "60" }));
    }
    let page = net.send(Method::GET, "/control", &[], "").text;
    assert!(page.matches("name=\"reuse_grace_seconds\"").count() >= 6 && page.contains("value=\"60\""), "on the page too");
}
