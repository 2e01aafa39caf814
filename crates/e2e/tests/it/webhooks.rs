//! NT-25: outgoing Standard Webhooks, as a receiver sees them.

use std::sync::{Arc, Mutex};

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::browser::Browser;
use crate::story::{accessible, sign_in};
use crate::world::{Demo, eventually};

/// One request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Came {
    path: String,
    headers: Vec<(String, String)>,
    body: String,
    pub(crate) bytes: Vec<u8>,
}

impl Came {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// As a receiver does it (Standard Webhooks, "Verifying").
    fn is_signed_with(&self, secret: &str) -> bool {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap());
        let content = format!("{}.{}.{}", self.header("webhook-id"), self.header("webhook-timestamp"), self.body);
        let signatures = self.header("webhook-signature").split(' ').filter_map(|signature| signature.strip_prefix("v1,"));
        signatures.map(|signature| STANDARD.decode(signature).unwrap()).any(|tag| hmac::verify(&key, content.as_bytes(), &tag).is_ok())
    }
}

/// A receiver that answers by the path it is asked at.
#[derive(Clone)]
pub(crate) struct Receiver {
    pub(crate) url: String,
    came: Arc<Mutex<Vec<Came>>>,
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let receiver = Self { url: format!("http://{}", listener.local_addr().unwrap()), came: Arc::default() };
        let came = Arc::clone(&receiver.came);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, Arc::clone(&came)));
            }
        });
        receiver
    }

    pub(crate) fn at(&self, path: &str) -> Vec<Came> {
        self.came.lock().unwrap().iter().filter(|came| came.path == path).cloned().collect()
    }
}

async fn answer(mut stream: tokio::net::TcpStream, came: Arc<Mutex<Vec<Came>>>) {
    let mut bytes = vec![];
    let (head, length) = loop {
        let mut some = [0; 4096];
        let Ok(n @ 1..) = stream.read(&mut some).await else { return };
        bytes.extend_from_slice(&some[..n]);
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
            break (head, end + 4 + length.unwrap_or(0));
        }
    };
    while bytes.len() < length {
        let mut some = [0; 4096];
        let Ok(n @ 1..) = stream.read(&mut some).await else { return };
        bytes.extend_from_slice(&some[..n]);
    }
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let headers = head.lines().skip(1).filter_map(|line| line.split_once(": ")).map(|(k, v)| (k.to_lowercase(), v.to_owned())).collect();
    let body_at = head.len() + 4;
    let body = String::from_utf8_lossy(&bytes[body_at..]).into_owned();
    came.lock().unwrap().push(Came { path: path.clone(), headers, body, bytes: bytes.split_off(body_at) });
    let status = match path.as_str() {
        "/gone" => "410 Gone\r\ncontent-length: 0",
        "/moved" => "302 Found\r\nlocation: /good\r\ncontent-length: 0",
        "/broken" => "500 Oops\r\ncontent-length: 0",
        "/huge" => "200 OK\r\ncontent-length: 1073741824",
        "/hangs" => {
            tokio::time::sleep(std::time::Duration::from_mins(2)).await;
            return;
        }
        _ => "204 No Content",
    };
    let _ = stream.write_all(format!("HTTP/1.1 {status}\r\n\r\n").as_bytes()).await;
    if path == "/huge" {
        while stream.write_all(&[b'x'; 8192]).await.is_ok() {}
    }
}

async fn add(demo: &Demo, body: Value) -> Value {
    let (status, endpoint) = demo.api("POST", "/webhook-endpoints", Some(body)).await;
    assert_eq!(status, 201, "{endpoint}");
    endpoint
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("{name} in {value}"))
}

#[tokio::test]
async fn nt_25_a_death_is_delivered_signed_thin_and_with_one_identity() {
    let demo = Demo::start();
    let receiver = Receiver::start().await;
    let endpoint = add(&demo, json!({ "url": format!("{}/good", receiver.url), "name": "Ours" })).await;
    let (id, secret) = (text(&endpoint, "id").to_owned(), text(&endpoint, "secret").to_owned());
    let chat = json!({ "url": format!("{}/slack", receiver.url), "kind": "slack", "events": ["profile.disconnected"] });
    assert!(add(&demo, chat).await["secret"].is_null(), "a chat channel has nothing to sign with");
    demo.control("/people/xing/karl.voss/revoke", json!({})).await;
    demo.gone("xing").await;
    eventually("a delivery", async || !receiver.at("/good").is_empty() && !receiver.at("/slack").is_empty()).await;
    let came = receiver.at("/good").remove(0);
    assert!(came.is_signed_with(&secret), "{came:?}");
    let body = came.json();
    assert_eq!((text(&body, "type"), text(&body["data"], "network")), ("profile.disconnected", "xing"));
    assert_eq!(text(&body["data"], "cause"), "revoked_by_person");
    assert!(!came.body.contains("Karl"), "thin: {}", came.body);
    assert!(receiver.at("/slack")[0].body.contains("Karl Voss"), "people read names");
    // Sent again by hand: the same id, so that a receiver can leave it be.
    let log = format!("/webhook-endpoints/{id}/deliveries");
    eventually("it is done", async || demo.api("GET", &log, None).await.1["items"][0]["state"] == "delivered").await;
    let (_, list) = demo.api("GET", &log, None).await;
    let (status, _) = demo.api("POST", &format!("{log}/{}/replay", text(&list["items"][0], "id")), Some(json!({}))).await;
    assert_eq!(status, 202);
    eventually("it comes again", async || receiver.at("/good").len() == 2).await;
    assert_eq!(receiver.at("/good")[1].header("webhook-id"), came.header("webhook-id"));
    // A new secret: for a day both sign, so that nothing is refused meanwhile.
    let (_, rotated) = demo.api("POST", &format!("/webhook-endpoints/{id}/rotate-secret"), Some(json!({}))).await;
    let (_, tested) = demo.api("POST", &format!("/webhook-endpoints/{id}/test"), Some(json!({}))).await;
    assert_eq!(tested["state"], "delivered", "{tested}");
    let last = receiver.at("/good").pop().unwrap();
    assert_eq!(last.json()["type"], "endpoint.test");
    assert!(last.is_signed_with(&secret) && last.is_signed_with(text(&rotated, "secret")));
    demo.control("/clock", json!({ "advance_seconds": 25 * 3600 })).await;
    demo.api("POST", &format!("/webhook-endpoints/{id}/test"), Some(json!({}))).await;
    let last = receiver.at("/good").pop().unwrap();
    assert!(!last.is_signed_with(&secret) && last.is_signed_with(text(&rotated, "secret")));
}

#[tokio::test]
async fn nt_25_receivers_that_are_gone_moved_broken_huge_or_hang() {
    let demo = Demo::start();
    let receiver = Receiver::start().await;
    let mut ids = std::collections::BTreeMap::new();
    for path in ["gone", "moved", "broken", "huge", "hangs", "good"] {
        let endpoint = add(&demo, json!({ "url": format!("{}/{path}", receiver.url), "name": path })).await;
        ids.insert(path, text(&endpoint, "id").to_owned());
    }
    let test = async |path: &str| demo.api("POST", &format!("/webhook-endpoints/{}/test", ids[path]), Some(json!({}))).await.1;
    assert_eq!(test("hangs").await["state"], "waiting");
    assert_eq!(test("huge").await["state"], "delivered", "only the status matters; the rest is never read");
    let moved = test("moved").await;
    assert!(text(&moved, "last_error").contains("redirects are not followed"), "{moved}");
    assert!(receiver.at("/good").is_empty(), "nobody followed");
    let broken = test("broken").await;
    assert_eq!((text(&broken, "last_error"), broken["tries"].as_i64()), ("answered 500", Some(1)));
    eventually("five seconds later", async || receiver.at("/broken").len() >= 2).await;
    let tries = receiver.at("/broken");
    assert_eq!(tries[0].header("webhook-id"), tries[1].header("webhook-id"));
    assert_eq!(test("gone").await["state"], "gave_up");
    let (_, gone) = demo.api("GET", &format!("/webhook-endpoints/{}", ids["gone"]), None).await;
    assert_eq!((gone["enabled"].as_bool(), text(&gone, "disabled_why")), (Some(false), "gone"));
    demo.control("/people/xing/karl.voss/change-password", json!({})).await;
    demo.gone("xing").await;
    eventually("the others are served meanwhile", async || !receiver.at("/good").is_empty()).await;
    assert_eq!(receiver.at("/gone").len(), 1, "nothing more to the one that is gone");
}

#[tokio::test]
async fn nt_08_addresses_of_endpoints_are_guarded_and_mistakes_say_what_to_do() {
    let demo = Demo::start();
    for url in
        ["https://169.254.169.254/latest", "http://example.com/", "https://10.0.0.1/", "https://user:pw@example.com/", "file:///etc", "x"]
    {
        let (status, problem) = demo.api("POST", "/webhook-endpoints", Some(json!({ "url": url }))).await;
        assert_eq!((status, text(&problem, "field")), (422, "url"), "{url}: {problem}");
        assert!(!text(&problem, "detail").contains("pw"), "{problem}");
    }
    let url = "https://example.com/hook";
    for (wrong, field) in [(json!({ "url": url, "events": ["profile.nothing"] }), "events"), (json!({ "url": url, "name": "" }), "name")] {
        let (status, problem) = demo.api("POST", "/webhook-endpoints", Some(wrong)).await;
        assert_eq!((status, text(&problem, "field")), (422, field), "{problem}");
    }
    let endpoint = add(&demo, json!({ "url": url, "signature": "ed25519" })).await;
    assert!(text(&endpoint, "public_key").starts_with("whpk_") && endpoint["secret"].is_null(), "a private key stays here");
    let path = format!("/webhook-endpoints/{}", text(&endpoint, "id"));
    let (_, changed) = demo.api("PATCH", &path, Some(json!({ "name": "Theirs", "enabled": false }))).await;
    assert_eq!((text(&changed, "name"), text(&changed, "disabled_why")), ("Theirs", "by_user"));
    assert_eq!(demo.api("DELETE", &path, None).await.0, 204);
    assert_eq!(demo.api("GET", &path, None).await.0, 404);
}

#[tokio::test]
async fn webhooks_in_a_browser() {
    let Some(browser) = Browser::start().await else { return };
    let demo = Demo::start();
    let receiver = Receiver::start().await;
    sign_in(&browser, &demo).await;
    browser.goto(&format!("{}/settings/webhooks", demo.running.url())).await;
    browser.see("Nobody listens yet.").await;
    browser.fill("Name", "Ours").await;
    browser.fill("Address (https://…)", "http://169.254.169.254/latest").await;
    browser.press_in("//form", "Add an endpoint").await;
    browser.see("url: cannot be used").await;
    browser.fill("Address (https://…)", &format!("{}/good", receiver.url)).await;
    browser.press_in("//form", "Add an endpoint").await;
    browser.see("it is shown only once").await;
    let secret = browser.run("return document.getElementById('secret').textContent").await.as_str().unwrap().to_owned();
    browser.press("Send a test").await;
    browser.see("The test arrived.").await;
    accessible(&browser, "webhook").await;
    assert!(receiver.at("/good")[0].is_signed_with(&secret));
    browser.go("Send again").await;
    browser.see("It is sent again, under the same id.").await;
    browser.go("Switch off").await;
    browser.see("switched off").await;
    browser.go("Delete this endpoint").await;
    browser.see("Nobody listens yet.").await;
}
