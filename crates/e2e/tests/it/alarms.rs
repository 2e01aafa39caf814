//! What the server needs of somebody: on the dashboard in the language of whoever can do something about it, for whoever watches in
//! English.

use serde_json::json;

use crate::browser::Browser;
use crate::story::accessible;
use crate::world::{Demo, client, eventually};

#[tokio::test]
async fn an_admin_reads_in_german_what_whoever_watches_reads_in_english() {
    let Some(browser) = Browser::start().await else { return };
    let demo = Demo::start();
    let tobias = demo.named("/users", "Tobias Kern").await;
    let (url, http) = (demo.running.url(), client());
    let patch = http.patch(format!("{url}/api/v1/users/{tobias}")).header("origin", url).header("cookie", demo.admin().await);
    assert_eq!(patch.json(&json!({ "role": "company_admin" })).send().await.unwrap().status(), 200);
    // LinkedIn ends the version that is used on a day that is known: two months ahead it is said.
    demo.control("/clock", json!({ "advance_seconds": 190 * 86_400 })).await;
    let page = demo.profile_named("linkedin", "Fernweh Outdoor").await["id"].as_str().unwrap().to_owned();
    eventually("it is said to whoever watches", async || {
        demo.api("POST", &format!("/profiles/{page}/check"), None).await;
        let said = http.get(format!("{url}/readyz")).send().await.unwrap().text().await.unwrap();
        said.contains("LinkedIn ends version") && said.contains("On 15 Jul 2027: ")
    })
    .await;
    browser.goto(url).await;
    browser.fill("Email", "tobias.kern@fernweh.example").await;
    browser.fill("Password", &demo.text("password")).await;
    browser.press("Sign in").await;
    browser.see("Der Server braucht jemanden").await;
    browser.see("Am 15.07.2027: LinkedIn beendet Version").await;
    assert!(!browser.text().await.contains("ends version"));
    accessible(&browser, "dashboard-alarm").await;
}
