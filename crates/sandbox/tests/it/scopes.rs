//! A scope that does not exist, or that is written otherwise than the network reads it, is refused by every twin as its network does.

use std::collections::BTreeSet;

use http::Method;
use serde_json::json;

use crate::{CALLBACK, Net, encoded, parameter};

/// Where a scope that there is not leads.
#[derive(Clone, Copy)]
enum Refused {
    /// Back to the app, with that error.
    Back(&'static str),
    /// Nowhere: the network's own page says so.
    Page,
}
use Refused::{Back, Page};

/// The consent page of each, two scopes that an app may ask for, what stands between them, and how others are refused. Mastodon and
/// Bluesky have a registration and a pushed request before it, and XING has no scopes.
const DOORS: [(&str, &str, [&str; 2], &str, Refused); 13] = [
    ("linkedin", "/oauth/v2/authorization", ["openid", "profile"], " ", Back("unauthorized_scope_error")),
    ("tiktok", "/v2/auth/authorize/", ["user.info.basic", "video.publish"], ",", Back("invalid_scope")),
    ("pinterest", "/oauth/", ["boards:read", "pins:read"], ",", Back("invalid_scope")),
    ("x", "/i/oauth2/authorize", ["tweet.read", "users.read"], " ", Page),
    ("youtube", "/o/oauth2/v2/auth", ["openid", "https://www.googleapis.com/auth/youtube.readonly"], " ", Page),
    ("google_business", "/o/oauth2/v2/auth", ["openid", "https://www.googleapis.com/auth/business.manage"], " ", Page),
    ("tumblr", "/oauth2/authorize", ["basic", "write"], " ", Back("invalid_scope")),
    ("facebook", "/v26.0/dialog/oauth", ["public_profile", "pages_show_list"], ",", Page),
    ("instagram", "/oauth/authorize", ["instagram_business_basic", "instagram_business_content_publish"], ",", Back("invalid_scope")),
    ("instagram_page", "/v26.0/dialog/oauth", ["public_profile", "instagram_basic"], ",", Page),
    ("threads", "/oauth/authorize", ["threads_basic", "threads_content_publish"], ",", Back("invalid_scope")),
    ("reddit", "/api/v1/authorize", ["identity", "submit"], " ", Back("invalid_scope")),
    ("discord", "/oauth2/authorize", ["webhook.incoming", "identify"], " ", Page),
];

fn address(network: &str, path: &str, client: &str, scope: &str) -> String {
    let query = [
        ("client_id", client),
        ("client_key", client),
        ("redirect_uri", CALLBACK),
        ("response_type", "code"),
        ("state", "s1"),
        ("scope", scope),
        ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
        ("code_challenge_method", "S256"),
        ("access_type", "offline"),
    ];
    format!("/{network}{path}?{}", encoded(&query))
}

/// How a request for consent ends, in the browser and without one: the way back, or nothing where there is none.
fn ends(net: &mut Net, network: &str, address: &str) -> (Option<String>, u16) {
    let state = net.send(Method::GET, "/control/api/state", &[], "").json;
    let person = state["people"].as_array().unwrap().iter().find(|person| person["network"] == network).unwrap().clone();
    let asked = json!({ "authorize_url": format!("http://127.0.0.1:8430{address}"), "username": person["username"] });
    let without = net.try_control("consent", &asked);
    let in_browser = net.send(Method::GET, address, &[], "");
    let back = without.json["redirect_to"].as_str().map(str::to_owned);
    if in_browser.status == 303 {
        assert_eq!(Some(in_browser.location()), back.as_deref(), "{network}: the same without a browser");
    }
    (back, in_browser.status)
}

#[test]
fn no_twin_takes_a_scope_that_there_is_not() {
    let mut net = Net::new();
    for (network, path, [one, two], between, refused) in DOORS {
        let client = format!("sandbox-{network}");
        let good = format!("{one}{between}{two}");
        let (back, status) = ends(&mut net, network, &address(network, path, &client, &good));
        assert!(back.is_some_and(|back| back.contains("code=")) && status == 200, "{network}: {good}");
        for wrong in [
            format!("{good}{between}no_such_scope"),
            format!("{one}{between}{}", two.to_ascii_uppercase()),
            format!("{one};{two}"),
            format!("\"{one}\""),
            format!("{good}\u{7}"),
        ] {
            let (back, status) = ends(&mut net, network, &address(network, path, &client, &wrong));
            match (refused, back) {
                (Back(error), Some(back)) => {
                    assert_eq!(status, 303, "{network}: {wrong}");
                    let said = [parameter(&back, "error"), parameter(&back, "state"), parameter(&back, "code")];
                    assert_eq!(said, [Some(error.into()), Some("s1".into()), None], "{network}: {wrong}");
                }
                (Page, None) => assert!(status >= 400, "{network}: {wrong}: {status}"),
                (_, back) => panic!("{network}: {wrong}: {back:?}"),
            }
        }
    }
}

/// Where the network needs to be told what is wanted, nothing is wanted in vain.
#[test]
fn an_app_that_asks_for_nothing_gets_nothing() {
    let mut net = Net::new();
    for (network, path, _, _, refused) in DOORS {
        // LinkedIn takes what the app may ask for, and Facebook a name and a picture, where nothing is said.
        if matches!(network, "linkedin" | "facebook" | "instagram_page") {
            continue;
        }
        let (back, status) = ends(&mut net, network, &address(network, path, &format!("sandbox-{network}"), ""));
        let error = back.as_deref().and_then(|back| parameter(back, "error"));
        assert!(error.is_some() == matches!(refused, Back(_)) && status != 200, "{network}: {back:?}");
    }
}

#[test]
fn registered_and_pushed_scopes_are_looked_at_too() {
    let mut net = Net::new();
    let fields = [("client_name", "S"), ("redirect_uris", CALLBACK), ("scopes", "profile no_such_scope")];
    let got = net.form("/mastodon/api/v1/apps", &[], &fields);
    assert_eq!(got.status, 422, "{}", got.text);
    let got = net.form("/mastodon/api/v1/apps", &[], &[fields[0], fields[1], ("scopes", "read:accounts")]);
    let client = got.str("client_id").to_owned();
    for (scope, shown) in [("read:accounts", 200), ("read:accounts no_such_scope", 401), ("read:accounts write:statuses", 401)] {
        let (back, status) = ends(&mut net, "mastodon", &address("mastodon", "/oauth/authorize", &client, scope));
        assert_eq!((status, back.is_some()), (shown, shown == 200), "{scope}: the page of the instance says it");
    }
}

/// No twin is forgotten.
#[test]
fn every_network_is_asked() {
    let state = Net::new().send(Method::GET, "/control/api/state", &[], "").json;
    let all: BTreeSet<&str> = state["people"].as_array().unwrap().iter().map(|person| person["network"].as_str().unwrap()).collect();
    // Bluesky's pushed scopes: `bluesky::scopes_and_limits`.
    let asked: BTreeSet<&str> = DOORS.iter().map(|door| door.0).chain(["mastodon", "bluesky", "xing"]).collect();
    assert_eq!(all, asked, "say in DOORS, above, how each network refuses a scope");
}
