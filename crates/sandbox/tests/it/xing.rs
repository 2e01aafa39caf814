//! XING, as `networks/xing` of the knowledge base and RFC 5849 say.

use http::Method;
use serde_json::json;
use url::form_urlencoded;

use crate::oauth1::{Call, Place, hmac_sha1};
use crate::{CALLBACK, DAY, Got, HOUR, Net, parameter};

const REQUEST_TOKEN: &str = "/xing/v1/request_token";
const ACCESS_TOKEN: &str = "/xing/v1/access_token";
const ME: &str = "/xing/v1/users/me";

/// A token and its secret.
type Pair = (String, String);

/// A value of a form-encoded answer.
fn field(got: &Got, name: &str) -> String {
    let pair = form_urlencoded::parse(got.text.as_bytes()).find(|(key, _)| key == name);
    pair.unwrap_or_else(|| panic!("no {name} in {}", got.text)).1.into_owned()
}

fn pair(got: &Got) -> Pair {
    assert!(matches!(got.status, 200 | 201), "{}", got.text);
    (field(got, "oauth_token"), field(got, "oauth_token_secret"))
}

fn refused(got: &Got, name: &str) {
    assert_eq!((got.status, got.str("error_name")), (401, name), "{}", got.text);
    assert!(!got.str("message").is_empty());
}

fn request_token(net: &mut Net, nonce: &str) -> Pair {
    let got = Call::new(net, Method::POST, REQUEST_TOKEN, nonce).with("oauth_callback", CALLBACK).send(net);
    assert_eq!(field(&got, "oauth_callback_confirmed"), "true");
    pair(&got)
}

pub(crate) fn authorize(net: &mut Net, nonce: &str) -> (String, Pair) {
    let temporary = request_token(net, nonce);
    (format!("/xing/v1/authorize?oauth_token={}", temporary.0), temporary)
}

fn access_token(net: &Net, nonce: &str, temporary: &Pair, verifier: &str) -> Call {
    Call::new(net, Method::POST, ACCESS_TOKEN, nonce).token(&temporary.0, &temporary.1).with("oauth_verifier", verifier)
}

/// The whole handshake. `tag` makes the nonces differ.
fn connect(net: &mut Net, username: &str, tag: &str) -> Pair {
    let (address, temporary) = authorize(net, &format!("{tag}-1"));
    let back = net.consent(&address, username);
    assert_eq!(parameter(&back, "oauth_token").as_deref(), Some(temporary.0.as_str()));
    let verifier = parameter(&back, "oauth_verifier").unwrap();
    pair(&access_token(net, &format!("{tag}-2"), &temporary, &verifier).send(net))
}

fn me(net: &mut Net, token: &Pair, nonce: &str) -> Got {
    Call::new(net, Method::GET, ME, nonce).token(&token.0, &token.1).send(net)
}

#[test]
fn from_handshake_to_the_first_call() {
    let mut net = Net::new();
    let (address, temporary) = authorize(&mut net, "n1");
    let back = net.consent(&address, "karl.voss");
    assert!(back.starts_with(&format!("{CALLBACK}?")), "{back}");
    let got = access_token(&net, "n2", &temporary, &parameter(&back, "oauth_verifier").unwrap()).send(&mut net);
    let token = pair(&got);
    let user = field(&got, "user_id");
    assert!(token.0 != temporary.0 && token.1 != temporary.1);
    let got = me(&mut net, &token, "n3");
    let page =
        json!({ "id": user, "display_name": "Karl Voss", "page_name": "karl_voss", "permalink": "https://www.xing.com/profile/karl_voss" });
    let whole = got.json["users"][0].as_object().unwrap();
    assert!(page.as_object().unwrap().iter().all(|(name, value)| whole.get(name) == Some(value)), "{}", got.text);
    assert!(whole["photo_urls"]["size_96x96"].as_str().unwrap().starts_with("https://") && whole.contains_key("professional_experience"));
    // Whoever asks for some fields gets these and no others.
    let path = format!("{ME}?fields=id,display_name,page_name,permalink");
    let got = Call::new(&net, Method::GET, &path, "n5").token(&token.0, &token.1).send(&mut net);
    got.is(200, &json!({ "users": [page] }));
    let got = Call::new(&net, Method::GET, "/xing/v1/users/me/id_card", "n4").token(&token.0, &token.1).send(&mut net);
    assert_eq!((got.status, &got.json["id_card"]["id"]), (200, &json!(user)));
}

#[test]
fn the_callback_keeps_its_own_query() {
    let mut net = Net::new();
    let callback = format!("{CALLBACK}?state=a%20b");
    let got = Call::new(&net, Method::POST, REQUEST_TOKEN, "n1").with("oauth_callback", &callback).send(&mut net);
    let back = net.consent(&format!("/xing/v1/authorize?oauth_token={}", pair(&got).0), "karl.voss");
    assert_eq!(parameter(&back, "state").as_deref(), Some("a b"), "{back}");
    assert!(parameter(&back, "oauth_verifier").is_some());
}

#[test]
fn both_signatures_in_all_three_places() {
    let mut net = Net::new();
    let token = connect(&mut net, "karl.voss", "c");
    let mut n = 0;
    for method in ["HMAC-SHA1", "PLAINTEXT"] {
        for place in [Place::Header, Place::Body, Place::Query] {
            n += 1;
            let call = Call::new(&net, Method::POST, REQUEST_TOKEN, &format!("r{n}")).with("oauth_callback", CALLBACK);
            let got = call.with("oauth_signature_method", method).at(place).send(&mut net);
            assert_eq!(got.status, 201, "{method} {place:?}: {}", got.text);
            if place != Place::Body {
                let call = Call::new(&net, Method::GET, ME, &format!("m{n}")).token(&token.0, &token.1);
                let got = call.with("oauth_signature_method", method).at(place).send(&mut net);
                assert_eq!(got.status, 200, "{method} {place:?}: {}", got.text);
            }
            let call = Call::new(&net, Method::POST, REQUEST_TOKEN, &format!("w{n}")).with("oauth_callback", CALLBACK);
            let wrong = Call { consumer_secret: "wrong".into(), ..call.with("oauth_signature_method", method).at(place) };
            refused(&wrong.send(&mut net), "INVALID_OAUTH_SIGNATURE");
        }
    }
}

/// The parameters of the RFC's example, and the base string written out by hand: neither side's code made it.
#[test]
fn the_base_string_is_the_rfcs() {
    let mut net = Net::new();
    let stamp = net.now / 1_000_000;
    let base = format!(
        "POST&http%3A%2F%2Fexample.com%2Fxing%2Fv1%2Frequest_token&a2%3Dr%2520b%26a3%3D2%2520q%26a3%3Da%26b5%3D%253D%25253D%26c%2540%3D%26c2%3D\
         %26oauth_callback%3Doob%26oauth_consumer_key%3Dsandbox-xing%26oauth_nonce%3D7d8f3e4a%26oauth_signature_method%3DHMAC-SHA1\
         %26oauth_timestamp%3D{stamp}%26oauth_version%3D1.0"
    );
    let signature = crate::oauth1::percent(&hmac_sha1(&base, "sandbox-xing-secret", ""));
    let header = format!(
        "OAuth realm=\"Example\", oauth_callback=\"oob\", oauth_consumer_key=\"sandbox-xing\", oauth_signature_method=\"HMAC-SHA1\", \
         oauth_timestamp=\"{stamp}\", oauth_nonce=\"7d8f3e4a\", oauth_version=\"1.0\", oauth_signature=\"{signature}\""
    );
    let request = http::Request::post("/xing/v1/request_token?b5=%3D%253D&a3=a&c%40=&a2=r%20b")
        .header("host", "EXAMPLE.COM:80")
        .header("content-type", "application/x-www-form-urlencoded")
        .header("authorization", header)
        .body(bytes::Bytes::from_static(b"c2&a3=2+q"))
        .unwrap();
    let answer = net.world.handle(net.now, &request);
    assert_eq!(answer.status(), 201, "{:?}", answer.body());
}

/// `a` sorts before `a1` and `a-b` although `a=` sorts behind them: the order is by name, not by line.
#[test]
fn parameters_are_sorted_by_name() {
    let mut net = Net::new();
    let token = connect(&mut net, "karl.voss", "c");
    let got = Call::new(&net, Method::GET, &format!("{ME}?a1=x&a=y&a-b=z&a=b&%C3%A4=%2B"), "n").token(&token.0, &token.1).send(&mut net);
    assert_eq!(got.status, 200, "{}", got.text);
}

#[test]
fn a_signature_covers_everything() {
    let mut net = Net::new();
    let token = connect(&mut net, "karl.voss", "c");
    let good = |net: &Net, nonce: &str| Call::new(net, Method::GET, ME, nonce).token(&token.0, &token.1);
    let signed = good(&net, "s").signature();
    let moved = |call: Call| Call { signature: Some(signed.clone()), ..call };
    for spoilt in [
        moved(good(&net, "another nonce")),
        moved(good(&net, "s").with("oauth_timestamp", &(net.now / 1_000_000 - 1).to_string())),
        moved(Call { path: "/xing/v1/users/me/id_card".into(), ..good(&net, "s") }),
        moved(Call { path: format!("{ME}?fields=id"), ..good(&net, "s") }),
        Call { token_secret: "wrong".into(), ..good(&net, "s") },
        Call { consumer_secret: "wrong".into(), ..good(&net, "s") },
        Call { signature: Some(String::new()), ..good(&net, "s") },
        Call { signature: Some("sandbox-xing-secret&".into()), ..good(&net, "s") },
    ] {
        refused(&spoilt.send(&mut net), "INVALID_OAUTH_SIGNATURE");
    }
    assert_eq!(good(&net, "s").send(&mut net).status, 200, "a refused signature uses up no nonce");
}

#[test]
fn each_parameter_is_checked() {
    let mut net = Net::new();
    let stamp = net.now / 1_000_000;
    let call = |nonce: &str| Call::new(&Net::new(), Method::POST, REQUEST_TOKEN, nonce).with("oauth_callback", CALLBACK);
    for (n, (spoilt, name)) in [
        (call("x").with("oauth_consumer_key", "sandbox-tiktok"), "INVALID_OAUTH_CONSUMER"),
        (call("x").without("oauth_consumer_key"), "INVALID_OAUTH_CONSUMER"),
        (call("x").with("oauth_version", "2.0"), "INVALID_OAUTH_VERSION"),
        (call("x").without("oauth_version"), "INVALID_OAUTH_VERSION"),
        (call("x").with("oauth_signature_method", "RSA-SHA1"), "INVALID_OAUTH_SIGNATURE_METHOD"),
        (call("x").with("oauth_timestamp", "0"), "INVALID_TIMESTAMP"),
        (call("x").with("oauth_timestamp", "-5"), "INVALID_TIMESTAMP"),
        (call("x").with("oauth_timestamp", "now"), "INVALID_TIMESTAMP"),
        (call("x").without("oauth_timestamp"), "INVALID_TIMESTAMP"),
        (call("x").with("oauth_timestamp", &(stamp - DAY - 1).to_string()), "TIMESTAMP_EXPIRED"),
        (call("x").without("oauth_nonce"), "NONCE_MISSING"),
        (call("x").with("oauth_nonce", ""), "NONCE_MISSING"),
        (call("n1").without("oauth_callback"), "REQUIRED_PARAMETER_MISSING"),
        (call("n2").with("oauth_callback", "nowhere"), "REQUIRED_PARAMETER_MISSING"),
    ]
    .into_iter()
    .enumerate()
    {
        let got = spoilt.send(&mut net);
        assert_eq!((got.status, got.str("error_name")), (401, name), "{n}: {}", got.text);
    }
    let got = call("y").with("oauth_timestamp", &(stamp - DAY + 1).to_string()).send(&mut net);
    assert_eq!(got.status, 201, "a day is allowed");
}

#[test]
fn a_nonce_works_once_within_a_day() {
    let mut net = Net::new();
    let token = connect(&mut net, "karl.voss", "c");
    assert_eq!(me(&mut net, &token, "again").status, 200);
    refused(&me(&mut net, &token, "again"), "NONCE_ALREADY_USED");
    net.pass(DAY - 1);
    refused(&me(&mut net, &token, "again"), "NONCE_ALREADY_USED");
    net.pass(2 * DAY);
    assert_eq!(me(&mut net, &token, "again").status, 200);
    let call = Call::new(&net, Method::GET, ME, "last").token(&token.0, &token.1);
    assert_eq!(call.clone().send(&mut net).status, 200);
    refused(&call.clone().send(&mut net), "NONCE_ALREADY_USED");
    net.pass(DAY + 1);
    refused(&call.send(&mut net), "TIMESTAMP_EXPIRED");
}

/// Somebody else's call with the same token came first, with a later second: for so many calls, and once it is signed again it is taken.
#[test]
fn a_call_is_overtaken_by_another_when_that_is_wanted() {
    let mut net = Net::new();
    let token = connect(&mut net, "karl.voss", "c");
    net.control("troubles", &json!({ "network": "xing", "trouble": "overtaken", "requests": 1 }));
    refused(&me(&mut net, &token, "first"), "INVALID_TIMESTAMP");
    assert_eq!(me(&mut net, &token, "second").status, 200);
}

#[test]
fn a_request_token_works_once_in_time_with_its_verifier() {
    let mut net = Net::new();
    let (_, temporary) = authorize(&mut net, "a1");
    refused(&access_token(&net, "a2", &temporary, "").send(&mut net), "INVALID_OAUTH_TOKEN");

    let (address, temporary) = authorize(&mut net, "b1");
    let verifier = parameter(&net.consent(&address, "karl.voss"), "oauth_verifier").unwrap();
    let wrong = (temporary.0.clone(), "wrong".to_owned());
    refused(&access_token(&net, "b2", &wrong, &verifier).send(&mut net), "INVALID_OAUTH_SIGNATURE");
    assert_eq!(access_token(&net, "b3", &temporary, &verifier).send(&mut net).status, 201);
    refused(&access_token(&net, "b4", &temporary, &verifier).send(&mut net), "INVALID_OAUTH_TOKEN");
    refused(&me(&mut net, &temporary, "b5"), "INVALID_OAUTH_TOKEN");

    let (address, temporary) = authorize(&mut net, "c1");
    let verifier = parameter(&net.consent(&address, "karl.voss"), "oauth_verifier").unwrap();
    refused(&access_token(&net, "c2", &temporary, "00000000").send(&mut net), "INVALID_OAUTH_TOKEN");

    let (address, temporary) = authorize(&mut net, "d1");
    net.pass(HOUR);
    let body = json!({ "authorize_url": address, "username": "karl.voss" });
    assert_eq!(net.try_control("consent", &body).status, 400, "too old to be allowed");
    refused(&access_token(&net, "d2", &temporary, &verifier).send(&mut net), "INVALID_OAUTH_TOKEN");
    let body = json!({ "authorize_url": "/xing/v1/authorize?oauth_token=nonsense", "username": "karl.voss" });
    assert_eq!(net.try_control("consent", &body).status, 400);

    for (n, action) in ["change-password", "revoke", "block"].into_iter().enumerate() {
        let (address, temporary) = authorize(&mut net, &format!("e{n}"));
        let verifier = parameter(&net.consent(&address, "karl.voss"), "oauth_verifier").unwrap();
        net.person("xing", "karl.voss", action);
        refused(&access_token(&net, &format!("f{n}"), &temporary, &verifier).send(&mut net), "INVALID_OAUTH_TOKEN");
    }
}

#[test]
fn nothing_ends_by_itself() {
    let mut net = Net::new();
    let token = connect(&mut net, "karl.voss", "c");
    for year in 1..=10 {
        net.pass(365 * DAY);
        assert_eq!(me(&mut net, &token, &format!("y{year}")).status, 200, "year {year}");
    }
}

#[test]
fn one_answer_for_every_end() {
    for action in ["change-password", "revoke", "block"] {
        let mut net = Net::new();
        let (karl, jana) = (connect(&mut net, "karl.voss", "k"), connect(&mut net, "jana.lindner", "j"));
        net.person("xing", "karl.voss", action);
        let got = me(&mut net, &karl, "n1");
        got.is(401, &json!({ "error_name": "INVALID_OAUTH_TOKEN", "message": "Invalid OAuth token" }));
        assert_eq!(me(&mut net, &jana, "n2").status, 200);
        if action == "block" {
            net.person("xing", "karl.voss", "unblock");
            assert_eq!(me(&mut net, &karl, "n3").status, 200);
        } else {
            let again = connect(&mut net, "karl.voss", "again");
            assert_eq!(me(&mut net, &again, "n4").status, 200);
            refused(&me(&mut net, &karl, "n5"), "INVALID_OAUTH_TOKEN");
        }
    }
    refused(&me(&mut Net::new(), &("nonsense".into(), "nonsense".into()), "n"), "INVALID_OAUTH_TOKEN");
}

#[test]
fn a_refusal_comes_back_without_a_verifier() {
    let mut net = Net::new();
    let (address, temporary) = authorize(&mut net, "n1");
    let back = net.deny(&address, "karl.voss");
    assert_eq!(parameter(&back, "oauth_verifier"), None);
    assert_eq!(parameter(&back, "oauth_token").as_deref(), Some(temporary.0.as_str()));
    refused(&access_token(&net, "n2", &temporary, "").send(&mut net), "INVALID_OAUTH_TOKEN");
}
