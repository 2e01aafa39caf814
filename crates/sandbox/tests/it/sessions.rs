//! Logins that end on a fixed day, whatever is renewed.

use serde_json::json;

use crate::{DAY, Net, Tokens, pinterest, x};

#[test]
fn whatever_is_renewed_the_login_ends_on_its_day_and_each_answer_says_so() {
    let mut net = Net::new();
    net.control("apps", &json!({ "network": "pinterest", "session_days": 40 }));
    let mut last = pinterest::connect(&mut net, "fernwehoutdoor");
    for left in [30, 20, 10] {
        net.pass(10 * DAY);
        let got = pinterest::refresh(&mut net, &last.refresh);
        assert_eq!(got.json["refresh_token_expires_in"], json!(left * DAY));
        assert_eq!(got.json["expires_in"], json!(left * DAY));
        last = Tokens::of(&got);
    }
    net.pass(10 * DAY - 1);
    assert_eq!(net.get("/pinterest/v5/user_account", &last.access).status, 200);
    net.pass(1);
    assert_eq!(net.get("/pinterest/v5/user_account", &last.access).status, 401);
    assert_eq!(pinterest::refresh(&mut net, &last.refresh).status, 401);
}

#[test]
fn x_says_it_at_the_login_alone() {
    let mut net = Net::new();
    let endless = x::connect(&mut net, "jana_lindner");
    assert!(x::refresh(&mut net, &endless.refresh).json.get("refresh_token_expires_in").is_none());
    net.control("apps", &json!({ "network": "x", "session_days": "3" }));
    let first = x::connect(&mut net, "jana_lindner");
    net.pass(3 * DAY - 60);
    let got = x::refresh(&mut net, &first.refresh);
    assert_eq!((got.json.get("refresh_token_expires_in"), &got.json["expires_in"]), (None, &json!(60)));
    let second = Tokens::of(&got);
    net.pass(60);
    assert_eq!(net.get("/x/2/users/me", &second.access).status, 401);
    assert_eq!(x::refresh(&mut net, &second.refresh).status, 400);
}

#[test]
fn other_networks_end_no_logins() {
    let mut net = Net::new();
    for (network, days) in [("linkedin", json!(3)), ("x", json!(-1)), ("x", json!("soon"))] {
        assert_eq!(net.try_control("apps", &json!({ "network": network, "session_days": days })).status, 400, "{network} {days}");
    }
    net.control("apps", &json!({ "network": "x", "session_days": 7 }));
    let page = net.send(http::Method::GET, "/control", &[], "").text;
    assert!(page.matches("name=\"session_days\"").count() == 2 && page.contains("value=\"7\""), "on the page too");
}
