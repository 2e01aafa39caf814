//! Many accounts refused at once: verdicts wait (RF-33), until somebody says that the refusals are real.

use serde_json::{Value, json};

use crate::world::{Demo, binary, client, eventually};

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

/// A key that carries so much.
async fn key(demo: &Demo, permissions: &[&str]) -> String {
    let (status, made) = demo.api("POST", "/api-keys", Some(json!({ "name": "shell", "permissions": permissions }))).await;
    assert_eq!(status, 201, "{made}");
    made["api_key"].as_str().unwrap().to_owned()
}

/// `staygreen incident ...` with a key: its exit code, what it printed and what it said.
fn incident(demo: &Demo, key: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = std::process::Command::new(binary());
    command.arg("incident").args(arguments).args(["--url", demo.running.url()]).env("STAYGREEN_API_KEY", key);
    let output = command.output().unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
}

#[tokio::test]
async fn from_a_shell_incidents_are_listed_and_refusals_declared_real_and_users_see_it() {
    let demo = Demo::start();
    let (looks, acts) = (key(&demo, &["networks:read"]).await, key(&demo, &["networks:read", "freezes:manage"]).await);
    let (code, words, said) = incident(&demo, &looks, &["list"]);
    assert_eq!((code, words.trim()), (Some(0), "no network is in trouble"), "{said}");
    everybody_refused(&demo).await;
    as_minutes_pass(&demo, "the incident is told", async || incidents(&demo).await.iter().any(|one| one["kind"] == "refused")).await;
    let before = red(&demo).await;
    let page = async |cookie: &str| {
        let url = demo.running.url();
        client().get(format!("{url}/")).header("cookie", cookie).send().await.unwrap().text().await.unwrap()
    };
    let (lena, mira) = (demo.admin().await, demo.sign_in("mira.sato@fernweh.example").await);
    for cookie in [&lena, &mira] {
        assert!(page(cookie).await.contains("LinkedIn has been refusing many accounts at once"));
    }
    let (code, words, said) = incident(&demo, &looks, &["list"]);
    assert_eq!((code, words.lines().count()), (Some(0), 1), "{words}{said}");
    assert!(words.starts_with("linkedin ") && words.contains("refuses many accounts at once; verdicts wait since "), "{words}");
    let listed: Value = serde_json::from_str(&incident(&demo, &looks, &["list", "--json"]).1).unwrap();
    assert_eq!(listed["items"], json!(incidents(&demo).await), "the same as over REST");

    // Who may only look, another network, another server of it, a key that is none: nothing is released.
    for (key, arguments, why) in [
        (looks.as_str(), vec!["release", "linkedin"], "does not have the permission"),
        (&acts, vec!["release", "xing"], "No verdicts are held back there"),
        (&acts, vec!["release", "linkedin", "--instance", "elsewhere.example"], "No verdicts are held back there"),
        ("sg_wrong", vec!["release", "linkedin"], ""),
    ] {
        let (code, words, said) = incident(&demo, key, &arguments);
        assert!(code == Some(1) && words.is_empty() && said.contains(why), "{arguments:?}: {words}{said}");
    }
    assert_eq!(incident(&demo, &acts, &["release"]).0, Some(2), "which network?");
    assert_eq!((red(&demo).await, incidents(&demo).await.len()), (before, 1), "nothing changed");

    let (code, words, said) = incident(&demo, &acts, &["release", "linkedin"]);
    assert_eq!((code, words.trim()), (Some(0), "no network is in trouble"), "{said}");
    for cookie in [&lena, &mira] {
        assert!(!page(cookie).await.contains("LinkedIn has been refusing many accounts at once"), "the dashboard is calm at once");
    }
    assert_eq!(incident(&demo, &acts, &["release", "linkedin"]).0, Some(1), "once");
    as_minutes_pass(&demo, "every profile that is refused is red", async || {
        let profiles = demo.profiles("linkedin").await;
        profiles.iter().all(|profile| profile["status"] == RED)
    })
    .await;
    let subject = |mail: &Value| mail["subject"].as_str().unwrap_or_default().contains("No access tokens available");
    eventually("the owner hears it", async || demo.mails().await.iter().any(subject)).await;
    // By whom, in the history and the audit.
    let events = demo.api("GET", "/events?after=0&limit=500", None).await.1;
    let event = events["items"].as_array().unwrap().iter().find(|event| event["kind"] == "network.incident_released").unwrap();
    assert_eq!((&event["actor"]["kind"], &event["actor"]["name"]), (&json!("api_key"), &json!("shell")), "{event}");
    let audit = demo.api("GET", "/audit?limit=500", None).await.1;
    let row = audit["items"].as_array().unwrap().iter().find(|row| row["detail"]["what"] == "incident released").unwrap();
    assert_eq!((&row["actor"]["name"], &row["detail"]["network"]), (&json!("shell"), &json!("linkedin")), "{row}");
}
