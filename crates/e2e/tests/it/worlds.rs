//! What a network does differently from app to app is said where people read it.

use serde_json::json;

use crate::world::{Demo, client};

/// A page as somebody who is signed in reads it.
async fn page(demo: &Demo, path: &str) -> String {
    let url = demo.running.url();
    let form = [("email", "lena.arndt@fernweh.example".to_owned()), ("password", demo.text("password"))];
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let kind = "application/x-www-form-urlencoded";
    let signed =
        client().post(format!("{url}/sign-in")).header("origin", url).header("content-type", kind).body(body).send().await.unwrap();
    let cookie = signed.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    client().get(format!("{url}{path}")).header("cookie", cookie).send().await.unwrap().text().await.unwrap()
}

#[tokio::test]
async fn linkedin_says_whether_this_app_gets_refresh_tokens() {
    const RULES: &str = "/settings/profiles/add/linkedin";
    let demo = Demo::start();
    demo.connect("linkedin", "jana.lindner").await;
    assert!(page(&demo, RULES).await.contains("gives this network app refresh tokens"));
    let id = demo.profiles("linkedin").await[0]["id"].as_str().unwrap().to_owned();
    let tab = page(&demo, &format!("/settings/profiles/{id}/access-tokens")).await;
    assert!(tab.contains("gives this network app refresh tokens") && tab.contains("the day the refresh token ends"), "{tab}");

    demo.control("/apps", json!({ "network": "linkedin", "refresh_tokens": false })).await;
    assert!(page(&demo, RULES).await.contains("gives this network app refresh tokens"), "known from answers alone");
    demo.connect("linkedin", "jana.lindner").await;
    assert!(page(&demo, RULES).await.contains("no refresh tokens: you log in again every 60 days"));
    let tab = page(&demo, &format!("/settings/profiles/{id}/access-tokens")).await;
    assert!(tab.contains("there is no refresh token"), "{tab}");
}
