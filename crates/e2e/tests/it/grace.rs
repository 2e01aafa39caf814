//! A network that takes a used refresh token again for a while: an answer that was lost on its way costs nobody a login.

use serde_json::json;

use crate::world::{Demo, client, eventually};

/// How many seconds the network is asked to be lenient.
const GRACE: i64 = 3600;

/// What Tumblr saw and did, in its own words.
async fn seen(demo: &Demo) -> String {
    let url = format!("{}/control/api/ledger?network=tumblr", demo.text("sandbox_url"));
    client().get(url).send().await.unwrap().text().await.unwrap()
}

/// A renewal that is carried out and whose answer never comes, and the network well again; how the profile then stands.
async fn after_a_lost_renewal(grace: i64) -> (Demo, String) {
    let demo = Demo::start();
    demo.control("/apps", json!({ "network": "tumblr", "reuse_grace_seconds": grace })).await;
    let profile = demo.connect("tumblr", "jana-lindner").await["profiles"][0].as_str().unwrap().to_owned();
    demo.control("/mood", json!({ "network": "tumblr", "mood": "lost_answer" })).await;
    // The access token lives 42 minutes.
    demo.control("/clock", json!({ "advance_seconds": 45 * 60 })).await;
    demo.api("POST", &format!("/profiles/{profile}/check"), None).await;
    let said = if grace > 0 { "taken again within its grace" } else { "presented again after it was spent" };
    eventually("it is asked again with the same token", async || {
        let seen = seen(&demo).await;
        seen.contains("refresh token of jana-lindner spent") && seen.contains(said)
    })
    .await;
    demo.control("/mood", json!({ "network": "tumblr", "mood": "normal" })).await;
    (demo, profile)
}

#[tokio::test]
async fn within_a_grace_a_lost_answer_is_had_again_and_nobody_has_to_log_in() {
    let (demo, profile) = after_a_lost_renewal(GRACE).await;
    let path = format!("/profiles/{profile}");
    let issued = async || seen(&demo).await.matches("access token issued").count();
    eventually("renewed", async || {
        let (status, shown) = demo.api("POST", &format!("{path}/check"), None).await;
        status == 200 && shown["status"] == "connected"
    })
    .await;
    let (status, posted) = demo.api("POST", &format!("{path}/posts"), Some(json!({ "text": "A new hut" }))).await;
    assert_eq!(status, 201, "{posted}");
    // And what is kept leads on, beyond the grace: the used one is never shown again.
    let before = issued().await;
    demo.control("/clock", json!({ "advance_seconds": 2 * GRACE })).await;
    eventually("renewed by the newest", async || {
        demo.api("POST", &format!("{path}/check"), None).await;
        issued().await > before
    })
    .await;
    assert_eq!(demo.api("GET", &path, None).await.1["status"], "connected");
    assert!(!seen(&demo).await.contains("presented again after it was spent"));
    assert!(demo.mails().await.is_empty(), "nobody is bothered");
}

/// What the grace saves: where there is none, the same story ends with a login.
#[tokio::test]
async fn without_a_grace_the_same_loss_needs_a_login() {
    let (demo, _) = after_a_lost_renewal(0).await;
    for _ in 0..4 {
        demo.control("/clock", json!({ "advance_seconds": 3600 })).await;
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    }
    demo.gone("tumblr").await;
}
