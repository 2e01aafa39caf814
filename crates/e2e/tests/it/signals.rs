//! NT-24: what a network tells us by itself is verified, taken once, and confirmed by a call. A forged one changes nothing.

use aws_lc_rs::hmac;
use base64::Engine as _;
use serde_json::{Value, json};

use crate::world::{Demo, client, eventually};

/// A removal of the app as X tells it.
fn removal(person: &str, id: &str) -> String {
    let payload = json!({ "user_id": person, "app_id": "1", "date_time": "2026-11-23T10:00:00Z" });
    json!({ "data": { "event_type": "oauth.revoke", "event_uuid": id, "payload": payload } }).to_string()
}

fn signature(secret: &str, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    format!("sha256={}", base64::engine::general_purpose::STANDARD.encode(hmac::sign(&key, body.as_bytes())))
}

async fn send(demo: &Demo, body: &str, signature: Option<&str>) -> u16 {
    let mut request = client().post(format!("{}/signals/x", demo.running.url())).body(body.to_owned());
    if let Some(signature) = signature {
        request = request.header("x-twitter-webhooks-signature", signature);
    }
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn nt_24_signals_are_verified_taken_once_and_confirmed() {
    let demo = Demo::start();
    let state: Value = client().get(format!("{}/control/api/state", demo.text("sandbox_url"))).send().await.unwrap().json().await.unwrap();
    let person = state["people"].as_array().unwrap().iter().find(|person| person["network"] == "x").unwrap().clone();
    let username = person["username"].as_str().unwrap();
    let connected = demo.connect("x", username).await;
    assert_eq!(connected["status"], "complete", "{connected}");
    let profile = demo.profiles("x").await[0]["id"].as_str().unwrap().to_owned();
    let events = async |kind: &str| {
        let (_, list) = demo.api("GET", "/events", None).await;
        list["items"].as_array().unwrap().iter().filter(|event| event["kind"] == kind).count()
    };
    let id = person["id"].as_str().unwrap();
    let body = removal(id, "happening-1");

    // Forged, unsigned, signed for other words, at a network that has no signals: refused, nothing changes.
    assert_eq!(send(&demo, &body, None).await, 401);
    assert_eq!(send(&demo, &body, Some(&signature("guessed", &body))).await, 401);
    assert_eq!(send(&demo, &body, Some(&signature("sandbox-x-secret", "other words"))).await, 401);
    assert_eq!(client().post(format!("{}/signals/xing", demo.running.url())).body(body.clone()).send().await.unwrap().status(), 404);
    assert_eq!(client().post(format!("{}/signals/myspace", demo.running.url())).body(body.clone()).send().await.unwrap().status(), 404);
    assert_eq!(events("signal.received").await, 0);

    // Signed, but it did not happen: looked at, and cleared.
    let good = signature("sandbox-x-secret", &body);
    assert_eq!(send(&demo, &body, Some(&good)).await, 200);
    eventually("looked at and cleared", async || events("grant.cleared").await == 1).await;
    assert_eq!(demo.profiles("x").await[0]["status"], "connected", "a signal is no verdict");
    assert_eq!(send(&demo, &body, Some(&good)).await, 200, "told again, as networks do");
    assert_eq!(events("signal.received").await, 1, "and taken once");
    let stranger = removal("0000000", "happening-2");
    assert_eq!(send(&demo, &stranger, Some(&signature("sandbox-x-secret", &stranger))).await, 200, "about somebody we do not know");

    // It happened: red at once, with the cause that only the signal knew.
    demo.control(&format!("/people/x/{username}/revoke"), json!({})).await;
    let body = removal(id, "happening-3");
    assert_eq!(send(&demo, &body, Some(&signature("sandbox-x-secret", &body))).await, 200);
    demo.gone("x").await;
    let (_, whole) = demo.api("GET", &format!("/profiles/{profile}"), None).await;
    assert_eq!(whole["cause"], "revoked_by_person", "{whole}");
}

#[tokio::test]
async fn nt_24_a_network_that_tells_why_is_believed_after_a_look() {
    let demo = Demo::start();
    demo.connect("tiktok", "gipfel.guides").await;
    let find = async || demo.profile_named("tiktok", "Gipfel Guides").await;
    demo.control("/people/tiktok/gipfel.guides/delete", json!({})).await;
    let heard = async || demo.api("GET", "/events", None).await.1.to_string().contains("signal.received");
    eventually("the notice arrived", heard).await;
    demo.as_time_passes("red", async || find().await["status"] == "disconnected").await;
    let id = find().await["id"].as_str().unwrap().to_owned();
    let (_, whole) = demo.api("GET", &format!("/profiles/{id}"), None).await;
    assert_eq!(whole["cause"], "person_blocked", "{whole}");
}

/// What TikTok calls "the developer revoked" is our own disconnect: it arrives, and is nobody's death.
#[tokio::test]
async fn our_own_disconnect_comes_back_as_a_signal_and_alarms_nobody() {
    let demo = Demo::start();
    demo.connect("tiktok", "gipfel.guides").await;
    let profile = demo.profile_named("tiktok", "Gipfel Guides").await["id"].as_str().unwrap().to_owned();
    let (status, gone) = demo.api("DELETE", &format!("/profiles/{profile}"), None).await;
    assert_eq!(status, 204, "{gone}");
    let taken = async || {
        let ledger = client().get(format!("{}/control/api/ledger?network=tiktok", demo.text("sandbox_url"))).send().await.unwrap();
        let ledger: Value = ledger.json().await.unwrap();
        ledger["seen"].as_array().unwrap().iter().any(|seen| seen["about"] == "notice" && seen["status"] == 200)
    };
    eventually("TikTok told of it", taken).await;
    let (_, list) = demo.api("GET", "/events?limit=500", None).await;
    let is_alarm = |event: &&Value| event["kind"] == "profile.disconnected" && event.to_string().contains(&profile);
    assert_eq!(list["items"].as_array().unwrap().iter().find(is_alarm), None, "nobody lost an access that was given back");
}

/// The codes of requests for deletion that ended, as the log says.
async fn ended(demo: &Demo) -> Vec<String> {
    let (_, list) = demo.api("GET", "/events?limit=500", None).await;
    let all = list["items"].as_array().unwrap().clone();
    let codes =
        all.iter().filter(|event| event["kind"] == "deletion.ended").map(|event| event["detail"]["code"].as_str().unwrap().to_owned());
    codes.collect()
}

#[tokio::test]
async fn a_request_for_deletion_is_confirmed_carried_out_and_can_be_followed() {
    let demo = Demo::start();
    demo.connect("facebook", "tom.becker").await;
    let named = async || demo.api("GET", "/events?limit=500", None).await.1.to_string().contains("Tom Becker");
    assert!(named().await);
    demo.control("/people/facebook/tom.becker/request-deletion", json!({})).await;
    demo.as_time_passes("carried out", async || !ended(&demo).await.is_empty()).await;
    let page = demo.profile_named("facebook", "Fernweh Outdoor").await;
    assert_eq!(page["status"], "disconnected", "the page is the company's and stays: {page}");
    let (_, whole) = demo.api("GET", &format!("/profiles/{}", page["id"].as_str().unwrap()), None).await;
    assert_eq!((whole["cause"].as_str(), whole["accesses"].as_array().unwrap().len()), (Some("revoked_by_person"), 0), "{whole}");
    assert!(!whole.to_string().contains("Tom Becker") && !named().await, "{whole}");

    // The person's own page: no sign-in, no name, in their language.
    let code = ended(&demo).await.remove(0);
    let followed = client().get(format!("{}/deletion/{code}", demo.running.url())).header("accept-language", "de").send().await.unwrap();
    assert_eq!(followed.status(), 200);
    let words = followed.text().await.unwrap();
    assert!(words.contains("wurde gel\u{f6}scht") && words.contains("Facebook") && !words.contains("Becker"), "{words}");
    assert_eq!(client().get(format!("{}/deletion/{}", demo.running.url(), "0".repeat(32))).send().await.unwrap().status(), 404);

    // An account that is a profile of its own goes as a whole.
    demo.connect("threads", "gipfel.guides").await;
    demo.control("/people/threads/gipfel.guides/request-deletion", json!({})).await;
    demo.as_time_passes("carried out", async || ended(&demo).await.len() == 2).await;
    assert!(demo.profiles("threads").await.is_empty());
}

#[tokio::test]
async fn googles_events_are_checked_with_the_keys_it_publishes() {
    let demo = Demo::start();
    demo.connect("youtube", "jana.lindner").await;
    let signals = async || demo.api("GET", "/events?limit=500", None).await.1.to_string().matches("signal.received").count();
    let forged = "eyJhbGciOiJSUzI1NiIsImtpZCI6Im5ld2VyIn0.e30.AAAA";
    let sent = client().post(format!("{}/signals/youtube", demo.running.url())).body(forged).send().await.unwrap();
    assert_eq!((sent.status().as_u16(), signals().await), (401, 0), "NT-24");
    demo.control("/people/youtube/jana.lindner/revoke", json!({})).await;
    eventually("the event arrived", async || signals().await == 1).await;
    demo.gone("youtube").await;
    let profile = demo.profiles("youtube").await[0]["id"].as_str().unwrap().to_owned();
    let (_, whole) = demo.api("GET", &format!("/profiles/{profile}"), None).await;
    assert_eq!(whole["cause"], "revoked_by_person", "{whole}");
}

#[tokio::test]
async fn what_a_network_tells_of_a_post_stands_with_the_post() {
    let demo = Demo::start();
    let profile = demo.profile_named("tiktok", "Fernweh Outdoor").await["id"].as_str().unwrap().to_owned();
    let film = json!({ "text": "A hut", "media": [{ "url": "https://films.example/hut.mp4", "content_type": "video/mp4" }] });
    let (status, posted) = demo.api("POST", &format!("/profiles/{profile}/posts"), Some(film)).await;
    assert_eq!(status, 201, "{posted}");
    let address = posted["url"].as_str().unwrap().to_owned();
    let state: Value = client().get(format!("{}/control/api/state", demo.text("sandbox_url"))).send().await.unwrap().json().await.unwrap();
    let post = state["posts"].as_array().unwrap().iter().find(|post| post["network"] == "tiktok").unwrap()["id"].clone();
    let act = async || demo.api("GET", &format!("/waiting-acts/{}", posted["act"].as_str().unwrap()), None).await.1;
    let told = async |kind: &str| demo.api("GET", &format!("/events?profile={profile}&limit=500"), None).await.1.to_string().contains(kind);
    for (action, kind, problem) in [("hide", "act.post.gone", json!("gone")), ("show", "act.post.shown", Value::Null)] {
        demo.control("/posts", json!({ "post": post, "action": action })).await;
        eventually(kind, async || told(kind).await).await;
        let act = act().await;
        assert_eq!(
            (act["state"].as_str(), &act["problem"]["code"], act["url"].as_str()),
            (Some("done"), &problem, Some(address.as_str())),
            "{act}"
        );
    }
    assert_eq!(demo.profile_named("tiktok", "Fernweh Outdoor").await["status"], "connected", "nothing of it speaks against the token");
}
