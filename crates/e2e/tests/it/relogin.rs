//! A login that we throw away must not cost anybody a connection: there are networks at which the second login ends the first.

use serde_json::{Value, json};

use crate::world::Demo;

async fn works(demo: &Demo, profile: &str) -> Value {
    let (status, checked) = demo.api("POST", &format!("/profiles/{profile}/check"), Some(json!({}))).await;
    assert_eq!(status, 200, "{checked}");
    demo.api("GET", &format!("/profiles/{profile}"), None).await.1["status"].clone()
}

#[tokio::test]
async fn promise_1_whoever_logs_in_by_mistake_keeps_their_own_connection() {
    let demo = Demo::start();
    demo.connect("x", "fernwehoutdoor").await;
    demo.connect("x", "gipfelguides").await;
    let asked = demo.profile_named("x", "Fernweh Outdoor").await["id"].as_str().unwrap().to_owned();
    let other = demo.profile_named("x", "Gipfel Guides").await["id"].as_str().unwrap().to_owned();
    let (status, page) = demo.refresh(&asked, "gipfelguides").await;
    assert_eq!(status, 409, "{page}");
    assert!(page.contains("Expected:"));
    // Their login ended the tokens that were stored; the new ones were kept for them.
    assert_eq!(works(&demo, &other).await, "connected");
    let (_, events) = demo.api("GET", "/events", None).await;
    let doubts = events["items"].as_array().unwrap().iter().filter(|event| event["kind"] == "grant.suspected").count();
    assert_eq!(doubts, 0, "{events}");
    assert_eq!(works(&demo, &asked).await, "connected");
}

#[tokio::test]
async fn a_moment_of_trouble_after_a_login_is_waited_out() {
    let demo = Demo::start();
    demo.control("/troubles", json!({ "network": "x", "trouble": "usage_capped", "requests": 1 })).await;
    let connected = demo.connect("x", "fernwehoutdoor").await;
    assert_eq!(connected["status"], "complete", "{connected}");
}
