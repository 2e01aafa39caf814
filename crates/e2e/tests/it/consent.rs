//! What a person leaves unticked at the network is noticed and said: single permissions, and pages that were connected before.

use serde_json::{Value, json};

use crate::world::{Demo, client};

/// Refreshes a profile; the person leaves these boxes unticked. The connection as it then stands.
async fn refresh_without(demo: &Demo, profile: &Value, unticked: &[&str]) -> Value {
    let path = format!("/profiles/{}/refresh-connection", profile["id"].as_str().unwrap());
    let (status, begun) = demo.api("POST", &path, Some(json!({ "via": "redirect" }))).await;
    assert_eq!(status, 201, "{begun}");
    let asked = json!({ "authorize_url": begun["authorize_url"], "username": "jana.lindner", "drop_scopes": unticked });
    let answer = demo.control("/consent", asked).await;
    let back = client().get(answer["redirect_to"].as_str().unwrap()).send().await.unwrap();
    assert_eq!(back.status(), 200);
    let (_, list) = demo.api("GET", "/events?limit=500", None).await;
    let all = list["items"].as_array().unwrap().clone();
    all.into_iter().rfind(|event| event["kind"] == "connection.completed").unwrap()
}

#[tokio::test]
async fn pages_and_permissions_that_were_left_unticked_are_noticed() {
    let demo = Demo::start();
    let connected = demo.connect("facebook", "jana.lindner").await;
    assert_eq!((connected["status"].as_str(), connected["error"].clone()), (Some("complete"), Value::Null), "{connected}");
    let outdoor = demo.profile_named("facebook", "Fernweh Outdoor").await;
    refresh_without(&demo, &outdoor, &["page:108002", "pages_manage_engagement"]).await;
    let (_, whole) = demo.api("GET", &format!("/profiles/{}", outdoor["id"].as_str().unwrap()), None).await;
    assert_eq!(whole["accesses"][0]["missing_scopes"], json!(["pages_manage_engagement"]), "{whole}");
    let huetten = demo.profile_named("facebook", "Fernweh H\u{fc}tten").await;
    assert_eq!((huetten["status"].as_str(), huetten["cause"].as_str()), (Some("disconnected"), Some("permission_lost")), "{huetten}");

    // With all boxes ticked again, both are whole.
    refresh_without(&demo, &outdoor, &[]).await;
    assert_eq!(demo.profile_named("facebook", "Fernweh H\u{fc}tten").await["status"], "connected");
}

/// Whoever comes back from a first login, for a tool, is not told that something is green again.
#[tokio::test]
async fn a_first_login_for_a_tool_is_told_as_what_it_is() {
    let demo = Demo::start();
    let back = async |network: &str, username: &str| {
        let begun = demo.api("POST", "/connections", Some(json!({ "network": network }))).await.1;
        let back = demo.consent(&begun["authorize_url"], username).await;
        let answer = client().get(back).header("accept-language", "en").send().await.unwrap();
        let (_, connection) = demo.api("GET", &format!("/connections/{}", begun["id"].as_str().unwrap()), None).await;
        (connection["status"].as_str().unwrap().to_owned(), answer.text().await.unwrap())
    };
    let (status, page) = back("linkedin", "jana.lindner").await;
    assert_eq!(status, "choose");
    assert!(page.contains("The login at LinkedIn worked.") && page.contains("No profile is added yet"), "{page}");
    let (status, page) = back("pinterest", "fernwehoutdoor").await;
    assert_eq!(status, "complete");
    assert!(page.contains("Pinterest is connected.") && !page.contains("No profile is added yet"), "{page}");
    // A renewal is one.
    let profile = demo.profile_named("linkedin", "Fernweh Outdoor").await["id"].as_str().unwrap().to_owned();
    let (status, page) = demo.refresh(&profile, "jana.lindner").await;
    assert!(status == 200 && page.contains("The connection is green again."), "{page}");
}
