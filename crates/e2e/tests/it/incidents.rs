//! Many accounts refused at once: verdicts wait (RF-33), until somebody says that the refusals are real.

use serde_json::{Value, json};

use crate::world::{Demo, client, eventually};

const RED: &str = "disconnected";

/// Everybody at LinkedIn takes the permission back, six people, and each of their profiles is looked at.
async fn everybody_refused(demo: &Demo) {
    for (username, id) in [("ines.roth", "aa11bb22cc"), ("omar.diaz", "dd33ee44ff"), ("yuki.mori", "gg55hh66ii")] {
        demo.control("/people", json!({ "network": "linkedin", "username": username, "id": id })).await;
    }
    let people = ["jana.lindner", "tom.becker", "lea.hoffmann", "ines.roth", "omar.diaz", "yuki.mori"];
    for username in people {
        demo.connect("linkedin", username).await;
    }
    for username in people {
        demo.control(&format!("/people/linkedin/{username}/revoke"), json!({})).await;
    }
    for profile in demo.profiles("linkedin").await {
        let (status, answer) = demo.api("POST", &format!("/profiles/{}/check", profile["id"].as_str().unwrap()), None).await;
        assert_eq!(status, 200, "{answer}");
    }
}

async fn incidents(demo: &Demo) -> Vec<Value> {
    demo.api("GET", "/incidents", None).await.1["items"].as_array().unwrap().clone()
}

/// Waits for something, a minute of the demo's clock at each look.
async fn as_minutes_pass(demo: &Demo, what: &str, is_true: impl AsyncFn() -> bool) {
    eventually(what, async || {
        demo.control("/clock", json!({ "advance_seconds": 60 })).await;
        is_true().await
    })
    .await;
}

async fn red(demo: &Demo) -> usize {
    demo.profiles("linkedin").await.iter().filter(|profile| profile["status"] == RED).count()
}

#[tokio::test]
async fn verdicts_wait_while_many_are_refused_and_end_by_hand() {
    let demo = Demo::start();
    everybody_refused(&demo).await;
    as_minutes_pass(&demo, "the incident is told", async || incidents(&demo).await.iter().any(|one| one["kind"] == "refused")).await;
    // The first three are no pattern yet.
    let before = red(&demo).await;
    let waiting = demo.profiles("linkedin").await.len() - before;
    assert!(waiting > 0, "no verdict on the others while it may be the network's fault");
    let cookie = demo.admin().await;
    let page = async || {
        let url = demo.running.url();
        client().get(format!("{url}/")).header("cookie", &cookie).send().await.unwrap().text().await.unwrap()
    };
    assert!(page().await.contains("The refusals of LinkedIn are real"));

    // Only who may stop things may end it, and only where something waits.
    let release = async |cookie: &str, network: &str| {
        let url = demo.running.url();
        let form = [("network", network), ("instance", "")];
        let request = client().post(format!("{url}/incidents/release")).header("origin", url).header("cookie", cookie);
        request.form(&form).send().await.unwrap().status().as_u16()
    };
    let mira = demo.sign_in("mira.sato@fernweh.example").await;
    assert_eq!(release(&mira, "linkedin").await, 403);
    assert_eq!(release(&cookie, "xing").await, 409);
    assert_eq!(red(&demo).await, before, "nothing changed");
    assert_eq!(release(&cookie, "linkedin").await, 303);
    assert!(incidents(&demo).await.is_empty() && !page().await.contains("The refusals of LinkedIn are real"), "at once");
    let (status, problem) = demo.api("POST", "/incidents/release", Some(json!({ "network": "linkedin" }))).await;
    assert_eq!((status, problem["type"].as_str().map(|kind| kind.ends_with("not_held"))), (409, Some(true)), "once: {problem}");

    as_minutes_pass(&demo, "every profile that is refused is red", async || {
        let profiles = demo.profiles("linkedin").await;
        profiles.iter().all(|profile| profile["status"] == RED)
    })
    .await;
    let log = demo.api("GET", "/events?after=0&limit=500", None).await.1.to_string();
    assert!(log.contains("network.incident_released"), "{log}");
    let audit = demo.api("GET", "/audit?limit=500", None).await.1.to_string();
    assert!(audit.contains("incident released"), "who said so stands in the audit: {audit}");
    eventually("the owner hears it", async || {
        demo.mails().await.iter().any(|mail| mail["subject"].as_str().unwrap_or_default().contains("No access tokens available"))
    })
    .await;
}
