//! Google Business Profile, as `networks/google-business` of the knowledge base says.

use http::Method;
use serde_json::{Value, json};

use crate::youtube::{authorize_at, exchange_at, token_at};
use crate::{Got, Net, Tokens, code_of};

const NAME: &str = "google_business";
const MANAGE: &str = "https://www.googleapis.com/auth/business.manage";
const MASK: &str = "readMask=name,title,storefrontAddress,metadata";

fn connect_with(net: &mut Net, username: &str, scope: &str) -> Tokens {
    let code = code_of(&net.consent(&authorize_at(NAME, scope, &[]), username));
    Tokens::of(&exchange_at(net, NAME, &code))
}

fn connect(net: &mut Net, username: &str) -> Tokens {
    connect_with(net, username, &format!("openid {MANAGE}"))
}

fn get(net: &mut Net, path: &str, tokens: &Tokens) -> Got {
    net.get(&format!("/{NAME}{path}"), &tokens.access)
}

fn send(net: &mut Net, method: Method, path: &str, tokens: &Tokens, body: &Value) -> Got {
    let bearer = format!("Bearer {}", tokens.access);
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    net.send(method, &format!("/{NAME}{path}"), &headers, &body.to_string())
}

fn status(got: &Got, code: u16) -> &str {
    assert_eq!((u64::from(got.status), got.json["error"]["code"].as_u64()), (u64::from(code), Some(u64::from(code))), "{}", got.text);
    got.json["error"]["status"].as_str().unwrap()
}

fn post(text: &str) -> Value {
    json!({ "languageCode": "en", "summary": text, "topicType": "STANDARD" })
}

#[test]
fn accounts_and_their_locations() {
    let mut net = Net::new();
    let tokens = connect(&mut net, "jana.lindner");
    let got = get(&mut net, "/v1/accounts?pageSize=1", &tokens);
    assert_eq!((got.json["accounts"][0]["type"].as_str(), got.json["nextPageToken"].as_str()), (Some("PERSONAL"), Some("1")));
    let got = get(&mut net, "/v1/accounts?pageToken=1", &tokens);
    assert_eq!((got.json["accounts"][0]["name"].as_str(), got.json["nextPageToken"].as_str()), (Some("accounts/20001"), None));
    let own = get(&mut net, &format!("/v1/accounts/10001/locations?{MASK}"), &tokens);
    let group = get(&mut net, &format!("/v1/accounts/20001/locations?{MASK}"), &tokens);
    let names = |got: &Got| {
        got.json["locations"].as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(
        (names(&own), names(&group)),
        (vec!["locations/9201".into(), "locations/9203".into()], vec!["locations/9201".into(), "locations/9202".into()])
    );
    assert_eq!(own.json["locations"][1]["metadata"]["canOperateLocalPost"], false);
    assert_eq!(status(&get(&mut net, "/v1/accounts/20001/locations", &tokens), 400), "INVALID_ARGUMENT", "readMask is mandatory");
    assert_eq!(status(&get(&mut net, &format!("/v1/accounts/10002/locations?{MASK}"), &tokens), 403), "PERMISSION_DENIED");
    let nothing = connect(&mut net, "lea.hoffmann");
    let got = get(&mut net, &format!("/v1/accounts/10003/locations?{MASK}"), &nothing);
    got.is(200, &json!({ "totalSize": 0 }));
}

#[test]
fn a_role_is_lost_on_one_location_alone() {
    let mut net = Net::new();
    let tokens = connect(&mut net, "tom.becker");
    net.control("roles", &json!({ "page": 9201, "username": "tom.becker", "role": null }));
    let got = get(&mut net, "/v1/locations/9201?readMask=name,title", &tokens);
    assert_eq!(status(&got, 403), "PERMISSION_DENIED");
    assert_eq!(get(&mut net, "/v1/locations/9202?readMask=name,title", &tokens).json["name"], "locations/9202");
    assert_eq!(status(&get(&mut net, "/v1/locations/4711?readMask=name", &tokens), 404), "NOT_FOUND");
    let got = send(&mut net, Method::POST, "/v4/accounts/20001/locations/9201/localPosts", &tokens, &post("x"));
    assert_eq!(status(&got, 403), "PERMISSION_DENIED");
}

#[test]
fn posts_are_kept_checked_and_limited_to_ten_edits_a_minute() {
    let mut net = Net::new();
    let tokens = connect(&mut net, "jana.lindner");
    let place = "/v4/accounts/20001/locations/9202/localPosts";
    let got = send(&mut net, Method::POST, place, &tokens, &post("New huts"));
    assert_eq!((got.status, got.str("state")), (200, "PROCESSING"), "{}", got.text);
    let name = got.str("name").to_owned();
    net.pass(3);
    assert_eq!(get(&mut net, &format!("/v4/{name}"), &tokens).str("state"), "LIVE", "examined by now");
    assert_eq!(get(&mut net, &format!("/v4/{name}"), &tokens).str("summary"), "New huts");
    assert_eq!(get(&mut net, place, &tokens).json["localPosts"][0]["name"], name.as_str());
    for wrong in [post(""), post(&"x".repeat(1501)), json!({ "summary": "x" })] {
        assert_eq!(status(&send(&mut net, Method::POST, place, &tokens, &wrong), 400), "INVALID_ARGUMENT");
    }
    let closed = send(&mut net, Method::POST, "/v4/accounts/10001/locations/9203/localPosts", &tokens, &post("x"));
    assert_eq!(status(&closed, 400), "INVALID_ARGUMENT", "no posts there");
    for _ in 0..6 {
        send(&mut net, Method::POST, place, &tokens, &post("again"));
    }
    let got = send(&mut net, Method::POST, place, &tokens, &post("too many"));
    assert_eq!(status(&got, 429), "RESOURCE_EXHAUSTED");
    net.pass(60);
    assert_eq!(send(&mut net, Method::DELETE, &format!("/v4/{name}"), &tokens, &json!({})).json, json!({}));
    assert_eq!(status(&get(&mut net, &format!("/v4/{name}"), &tokens), 404), "NOT_FOUND");
}

#[test]
fn a_review_has_one_answer() {
    let mut net = Net::new();
    let tokens = connect(&mut net, "tom.becker");
    let list = "/v4/accounts/20001/locations/9201/reviews?pageSize=50";
    let name = get(&mut net, list, &tokens).json["reviews"][0]["name"].as_str().unwrap().to_owned();
    for text in ["Danke", "Vielen Dank"] {
        let got = send(&mut net, Method::PUT, &format!("/v4/{name}/reply"), &tokens, &json!({ "comment": text }));
        assert_eq!((got.status, got.str("comment")), (200, text));
    }
    let got = get(&mut net, list, &tokens);
    assert_eq!(
        (got.json["reviews"][0]["reviewReply"]["comment"].as_str(), &got.json["totalReviewCount"]),
        (Some("Vielen Dank"), &json!(1))
    );
    let got = send(&mut net, Method::PUT, "/v4/accounts/20001/locations/9201/reviews/none/reply", &tokens, &json!({ "comment": "x" }));
    assert_eq!(status(&got, 404), "NOT_FOUND");
}

#[test]
fn a_missing_scope_a_dead_token_and_too_many_calls_are_told_apart() {
    let mut net = Net::new();
    let poor = connect_with(&mut net, "tom.becker", "openid");
    let got = get(&mut net, "/v1/accounts", &poor);
    assert_eq!(
        (status(&got, 403), got.json["error"]["details"][0]["reason"].as_str()),
        ("PERMISSION_DENIED", Some("ACCESS_TOKEN_SCOPE_INSUFFICIENT"))
    );
    let tokens = connect(&mut net, "tom.becker");
    for _ in 0..300 {
        get(&mut net, "/v1/accounts", &tokens);
    }
    let got = get(&mut net, "/v1/accounts", &tokens);
    assert_eq!(
        (status(&got, 429), got.json["error"]["details"][0]["reason"].as_str()),
        ("RESOURCE_EXHAUSTED", Some("RATE_LIMIT_EXCEEDED"))
    );
    net.person(NAME, "tom.becker", "revoke");
    assert_eq!(status(&get(&mut net, "/v1/accounts", &tokens), 401), "UNAUTHENTICATED");
    let got = token_at(&mut net, NAME, &[("grant_type", "refresh_token"), ("refresh_token", &tokens.refresh)]);
    assert_eq!(got.str("error"), "invalid_grant");
}

#[test]
fn masks_are_checked_and_posts_come_back_as_they_were_written() {
    let mut net = Net::new();
    let tokens = connect(&mut net, "jana.lindner");
    for (mask, code) in [("name,title,openInfo.status", 200), ("name,colour", 400), ("*", 400)] {
        let got = get(&mut net, &format!("/v1/locations/9201?readMask={mask}"), &tokens);
        assert_eq!(got.status, code, "{mask}: {}", got.text);
    }
    let mut body = post("Neue Hütten");
    body["languageCode"] = json!("de");
    body["media"] = json!([{ "mediaFormat": "PHOTO", "sourceUrl": "https://pictures.example/hut.jpg" }]);
    let made = send(&mut net, Method::POST, "/v4/accounts/20001/locations/9201/localPosts", &tokens, &body);
    assert_eq!((made.str("languageCode"), made.json["media"][0]["mediaFormat"].as_str()), ("de", Some("PHOTO")));
    let again = get(&mut net, &format!("/v4/{}", made.str("name")), &tokens);
    assert_eq!((again.str("languageCode"), &again.json["media"]), ("de", &made.json["media"]));
}
