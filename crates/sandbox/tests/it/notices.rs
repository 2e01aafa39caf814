//! Networks that tell an app by themselves what happened to a person.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sandbox::Notice;
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::{Net, code_of, tiktok};

const URL: &str = "http://127.0.0.1:9000/signals";

fn register(net: &mut Net, network: &str) {
    net.control("apps", &json!({ "network": network, "notices_url": URL }));
}

fn tag(secret: &str, signed: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), signed).as_ref().to_vec()
}

fn header<'a>(notice: &'a Notice, name: &str) -> &'a str {
    notice.headers.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value)
}

#[test]
fn tiktok_says_why_with_its_own_signature() {
    for (action, reason) in [("revoke", 1), ("delete", 2), ("block", 4)] {
        let mut net = Net::new();
        register(&mut net, "tiktok");
        net.person("tiktok", "fernweh.outdoor", action);
        assert!(net.world.take_notices().is_empty(), "{action}: who granted nothing is nobody's business");
        net.person("tiktok", "fernweh.outdoor", "unblock");
        tiktok::connect(&mut net, "fernweh.outdoor");
        net.person("tiktok", "fernweh.outdoor", action);
        let notices = net.world.take_notices();
        assert_eq!(notices.len(), 1, "{action}");
        let body = std::str::from_utf8(&notices[0].body).unwrap();
        let json: Value = serde_json::from_str(body).unwrap();
        assert_eq!(json["content"], json!({ "reason": reason }).to_string(), "{action}");
        let signature = header(&notices[0], "tiktok-signature");
        let (at, hex) = signature.strip_prefix("t=").and_then(|rest| rest.split_once(",s=")).unwrap();
        let expected: String =
            tag("sandbox-tiktok-secret", format!("{at}.{body}").as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, expected);
        assert_eq!((notices[0].url.as_str(), notices[0].request().unwrap().method().as_str()), (URL, "POST"));
    }
}

#[test]
fn tiktok_gives_each_of_its_reasons() {
    let reasons = |net: &mut Net| -> Vec<i64> {
        let content = |notice: &Notice| serde_json::from_slice::<Value>(&notice.body).unwrap()["content"].as_str().unwrap().to_owned();
        let reason = |content: String| serde_json::from_str::<Value>(&content).unwrap()["reason"].as_i64().unwrap();
        net.world.take_notices().iter().map(|notice| reason(content(notice))).collect()
    };
    for reason in 0..=5 {
        let mut net = Net::new();
        register(&mut net, "tiktok");
        let tokens = tiktok::connect(&mut net, "fernweh.outdoor");
        // Once as an API, once as the page's form sends it.
        if reason % 2 == 0 {
            net.control("people/tiktok/fernweh.outdoor/remove", &json!({ "reason": reason }));
        } else {
            let got = net.form("/control/people/tiktok/fernweh.outdoor/remove", &[], &[("reason", &reason.to_string())]);
            assert_eq!(got.location(), "/control");
        }
        assert_eq!(reasons(&mut net), [reason]);
        assert_eq!(net.get("/tiktok/v2/user/info/?fields=open_id", &tokens.access).status, 401, "dead on arrival: {reason}");
        let state = net.send(http::Method::GET, "/control/api/state", &[], "").json;
        let person = state["people"].as_array().unwrap().iter().find(|person| person["username"] == "fernweh.outdoor").unwrap();
        assert_eq!(person["blocked"], (2..=4).contains(&reason), "whether the account can still sign in: {reason}");
    }
    let mut net = Net::new();
    register(&mut net, "tiktok");
    assert_eq!(net.try_control("people/tiktok/fernweh.outdoor/remove", &json!({ "reason": 6 })).status, 400);
    assert_eq!(net.try_control("people/x/jana_lindner/remove", &json!({ "reason": 1 })).status, 400);
    // The app that gives the access back hears of it, too.
    let tokens = tiktok::connect(&mut net, "fernweh.outdoor");
    let fields = [("client_key", "sandbox-tiktok"), ("client_secret", "sandbox-tiktok-secret"), ("token", tokens.access.as_str())];
    assert_eq!(net.form("/tiktok/v2/oauth/revoke/", &[], &fields).status, 200);
    assert_eq!(reasons(&mut net), [5]);
}

#[test]
fn meta_sends_a_signed_request_for_a_removed_app_and_none_for_a_blocked_account() {
    let mut net = Net::new();
    register(&mut net, "threads");
    let query =
        "client_id=sandbox-threads&redirect_uri=http%3A%2F%2F127.0.0.1%3A8420%2Fcallback&scope=threads_basic&response_type=code&state=s";
    let code = code_of(&net.consent(&format!("/threads/oauth/authorize?{query}"), "fernweh.outdoor"));
    let code = code.trim_end_matches("#_").to_owned();
    let fields = [
        ("client_id", "sandbox-threads"),
        ("client_secret", "sandbox-threads-secret"),
        ("grant_type", "authorization_code"),
        ("redirect_uri", crate::CALLBACK),
        ("code", code.as_str()),
    ];
    assert_eq!(net.form("/threads/oauth/access_token", &[], &fields).status, 200);
    net.person("threads", "fernweh.outdoor", "block");
    net.person("threads", "fernweh.outdoor", "unblock");
    assert!(net.world.take_notices().is_empty());
    net.person("threads", "fernweh.outdoor", "revoke");
    let notice = net.world.take_notices().remove(0);
    let (_, signed) = form_urlencoded::parse(&notice.body).into_owned().find(|(name, _)| name == "signed_request").unwrap();
    let (signature, payload) = signed.split_once('.').unwrap();
    assert_eq!(URL_SAFE_NO_PAD.decode(signature).unwrap(), tag("sandbox-threads-secret", payload.as_bytes()));
    let payload: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
    assert_eq!((&payload["algorithm"], &payload["user_id"]), (&json!("HMAC-SHA256"), &json!("17841400000000001")));
}

#[test]
fn only_networks_that_tell_have_an_address_to_tell_it_to() {
    let mut net = Net::new();
    assert_eq!(net.try_control("apps", &json!({ "network": "xing", "notices_url": URL })).status, 400);
    assert_eq!(net.try_control("apps", &json!({ "network": "x", "notices_url": "nowhere" })).status, 400);
    tiktok::connect(&mut net, "fernweh.outdoor");
    net.person("tiktok", "fernweh.outdoor", "revoke");
    assert!(net.world.take_notices().is_empty(), "no address, no notice");
}
