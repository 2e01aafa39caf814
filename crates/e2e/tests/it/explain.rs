//! Why a profile is not green, what its green check mark rests on, and the one button that repairs it.

use serde_json::{Value, json};

use crate::browser::Browser;
use crate::story::{accessible, sign_in};
use crate::world::{Demo, client};

/// Opens a renewal link and logs in at the network with that user name; status and page of the callback.
pub(crate) async fn use_link(demo: &Demo, link: &str, username: &str) -> (u16, String) {
    let http = client();
    let answer = http.post(link).header("origin", demo.running.url()).send().await.unwrap();
    let status = answer.status().as_u16();
    if status != 303 {
        return (status, answer.text().await.unwrap());
    }
    let cookie = answer.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let to = answer.headers()["location"].to_str().unwrap();
    let back = demo.consent(&json!(to), username).await;
    let answer = http.get(back).header("cookie", cookie).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

async fn explanation(demo: &Demo, profile: &Value) -> Value {
    let (status, story) = demo.api("GET", &format!("/profiles/{}/explanation", profile["id"].as_str().unwrap()), None).await;
    assert_eq!(status, 200, "{story}");
    story
}

#[tokio::test]
async fn a_red_profile_tells_its_whole_story() {
    let Some(browser) = Browser::start().await else { return };
    let demo = Demo::start();
    let outdoor = demo.profile_named("linkedin", "Fernweh Outdoor").await;
    let id = outdoor["id"].as_str().unwrap().to_owned();
    assert_eq!(demo.api("POST", &format!("/profiles/{id}/posts"), Some(json!({ "text": "Hello" }))).await.0, 201);
    let green = explanation(&demo, &outdoor).await;
    assert_eq!((&green["way"], &green["confidence"], &green["evidence"]), (&json!("nothing"), &Value::Null, &json!([])), "{green}");
    let proof = &green["holders"][0];
    assert_eq!((proof["person"]["name"].as_str(), proof["help"].as_str()), (Some("Jana Lindner"), Some("holds")), "{green}");
    assert!(proof["verified_at"].is_string(), "a green check mark rests on a proof: {green}");
    sign_in(&browser, &demo).await;
    browser.goto(&format!("{}/settings/profiles/{id}", demo.running.url())).await;
    browser.press("What the green check mark rests on").await;
    browser.see("Their login works for this profile.").await;
    browser.see("Posts published: 1").await;
    accessible(&browser, "explain-green").await;

    demo.control("/people/linkedin/jana.lindner/revoke", json!({})).await;
    demo.gone("linkedin").await;
    let red = explanation(&demo, &outdoor).await;
    let now = demo.api("GET", &format!("/profiles/{id}"), None).await.1;
    assert_eq!((&red["way"], &red["confidence"]), (&json!("log_in"), &now["confidence"]), "{red}");
    assert!(red["confidence_explained"].as_str().unwrap().contains("LinkedIn"), "{red}");
    let seen = red["evidence"].as_array().unwrap();
    let times: Vec<&str> = seen.iter().map(|event| event["at"].as_str().unwrap()).collect();
    assert!(times.is_sorted() && times.len() > 1, "{red}");
    assert!(seen.iter().any(|event| event["evidence"]["words"].as_str().is_some_and(|words| words.contains("revoked"))), "{red}");
    assert_eq!(red["holders"][0]["help"], "logs_in");
    let used: Vec<_> = red["used_by"].as_array().unwrap().iter().map(|used| (used["act"].as_str(), used["count"].as_i64())).collect();
    assert!(used.contains(&(Some("posts:write"), Some(1))), "{red}");
    assert_eq!(red["used_by"][0]["actor"]["name"], "Demo");
    // The mail goes out a moment after.
    crate::world::eventually("the story says that the owner was told", async || {
        explanation(&demo, &outdoor).await["tried"].as_array().unwrap().iter().any(|event| event["event"] == "notification.sent")
    })
    .await;
    browser.goto(&format!("{}/settings/profiles?network=linkedin", demo.running.url())).await;
    accessible(&browser, "profiles-red").await;
    browser.press("Why? Fernweh Outdoor").await;
    browser.see("How sure this is").await;
    browser.see("Repairs it by logging in again.").await;
    browser.see("API key Demo").await;
    accessible(&browser, "explain").await;
    browser.press("Refresh Connection").await;
    browser.see("Log in as the required profile").await;
    // Repaired: how long it took stands on the dashboard.
    browser.goto(demo.running.url()).await;
    assert!(!browser.text().await.contains("Half of the repairs"), "nothing was repaired yet");
    assert_eq!(demo.refresh(&id, "jana.lindner").await.0, 200);
    demo.until("linkedin", "connected").await;
    browser.goto(demo.running.url()).await;
    browser.see("Half of the repairs").await;
    accessible(&browser, "dashboard-repaired").await;
}

#[tokio::test]
async fn another_admin_takes_over_by_a_link_where_a_role_was_lost() {
    let Some(browser) = Browser::start().await else { return };
    let demo = Demo::start();
    let role = async |username: &str, role: Value| {
        demo.control("/roles", json!({ "network": "linkedin", "page": 1002, "username": username, "role": role })).await
    };
    role("jana.lindner", Value::Null).await;
    let status = async || demo.profile_named("linkedin", "Fernweh Travel").await["status"].clone();
    demo.as_time_passes("the lost role is noticed", async || status().await == "disconnected").await;
    let travel = demo.profile_named("linkedin", "Fernweh Travel").await;
    let red = explanation(&demo, &travel).await;
    assert_eq!((red["way"].as_str(), red["holders"][0]["help"].as_str()), (Some("another_admin"), Some("needs_role")), "{red}");
    let path = format!("/profiles/{}/refresh-connection", travel["id"].as_str().unwrap());
    let link = async |any_admin: bool| {
        let (status, made) = demo.api("POST", &path, Some(json!({ "via": "link", "any_admin": any_admin }))).await;
        assert_eq!(status, 201, "{made}");
        made["link"].as_str().unwrap().to_owned()
    };
    role("tom.becker", json!("ADMINISTRATOR")).await;
    let (refused, page) = use_link(&demo, &link(false).await, "tom.becker").await;
    assert!(refused == 409 && page.contains("Expected: Jana Lindner"), "a link for those who hold it takes nobody else: {page}");
    assert_eq!(status().await, "disconnected");
    // The page's one button makes the other kind of link.
    sign_in(&browser, &demo).await;
    browser.goto(&format!("{}/settings/profiles/{}/explain", demo.running.url(), travel["id"].as_str().unwrap())).await;
    browser.see("Needs the role on the profile back first.").await;
    accessible(&browser, "explain-role-lost").await;
    browser.press("Send a link to another admin").await;
    browser.see("Whose login it accepts").await;
    accessible(&browser, "link-any-admin").await;
    browser.press("Create link").await;
    browser.see("it is shown only once").await;
    let made = browser.run("return document.querySelector('code.copy').textContent").await.as_str().unwrap().to_owned();
    let (done, page) = use_link(&demo, &made, "tom.becker").await;
    assert_eq!(done, 200, "{page}");
    assert_eq!(status().await, "connected");
    let (used_up, _) = use_link(&demo, &made, "tom.becker").await;
    assert_eq!(used_up, 410, "once");
    let green = explanation(&demo, &travel).await;
    let helps: Vec<_> =
        green["holders"].as_array().unwrap().iter().map(|one| (one["person"]["name"].clone(), one["help"].clone())).collect();
    assert!(helps.contains(&(json!("Tom Becker"), json!("holds"))) && helps.len() == 2, "nothing was replaced: {green}");
    // Tom is known now: where the network lists another profile of ours for him, he is named as somebody who could hold it.
    let outdoor = explanation(&demo, &demo.profile_named("linkedin", "Fernweh Outdoor").await).await;
    assert_eq!(
        (&outdoor["others"][0]["person"]["name"], &outdoor["others"][0]["login_works"]),
        (&json!("Tom Becker"), &json!(true)),
        "{outdoor}"
    );
}
