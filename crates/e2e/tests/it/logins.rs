//! One login and what it stands for: several channels of one user, a webhook that another login replaces, a consent that several
//! access tokens stand on, and servers that must not be taken for one another.

use serde_json::{Value, json};

use crate::world::{Demo, Running, client, eventually};

async fn ledger(demo: &Demo, network: &str) -> Vec<String> {
    let url = format!("{}/control/api/ledger?network={network}", demo.text("sandbox_url"));
    let ledger: Value = client().get(url).send().await.unwrap().json().await.unwrap();
    ledger["seen"].as_array().unwrap().iter().map(|seen| seen["request"].as_str().unwrap().to_owned()).collect()
}

/// Connects what a person picked at the network's own page.
async fn connect(demo: &Demo, network: &str, username: &str, page: Option<u64>) -> Value {
    let (status, begun) = demo.api("POST", "/connections", Some(json!({ "network": network }))).await;
    assert_eq!(status, 201, "{begun}");
    let asked = json!({ "authorize_url": begun["authorize_url"], "username": username, "page": page });
    let back = demo.control("/consent", asked).await["redirect_to"].as_str().unwrap().to_owned();
    let page = client().get(back).send().await.unwrap().text().await.unwrap();
    let path = format!("/connections/{}", begun["id"].as_str().unwrap());
    let connection = demo.api("GET", &path, None).await.1;
    if connection["status"] == "choose" {
        let ids: Vec<&Value> =
            connection["discovered"].as_array().unwrap().iter().filter(|found| found["usable"] == true).map(|found| &found["id"]).collect();
        return demo.api("POST", &format!("{path}/profiles"), Some(json!({ "ids": ids }))).await.1;
    }
    assert_eq!(connection["status"], "complete", "{connection} {page}");
    connection
}

async fn outcomes(demo: &Demo) -> Vec<String> {
    let (mut after, mut outcomes) = (0, vec![]);
    loop {
        let (_, events) = demo.api("GET", &format!("/events?after={after}"), None).await;
        let events = events["items"].as_array().unwrap();
        let Some(last) = events.last() else { return outcomes };
        after = last["position"].as_i64().unwrap();
        let ended = events.iter().filter(|event| event["kind"] == "revocation.ended");
        outcomes.extend(ended.map(|event| event["detail"]["outcome"].as_str().unwrap_or_default().to_owned()));
    }
}

const NEWS: u64 = 1_100_000_000_000_000_201;
const FORUM: u64 = 1_100_000_000_000_000_202;

#[tokio::test]
async fn two_channels_of_one_discord_user_stay_and_a_login_replaces_its_own_webhook_alone() {
    let demo = Demo::start();
    connect(&demo, "discord", "jana.lindner", Some(NEWS)).await;
    connect(&demo, "discord", "jana.lindner", Some(FORUM)).await;
    let ids = |profiles: &[Value]| profiles.iter().map(|profile| profile["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    let profiles = demo.profiles("discord").await;
    assert_eq!(profiles.len(), 2, "{profiles:?}");
    for id in ids(&profiles) {
        let (status, posted) = demo.api("POST", &format!("/profiles/{id}/posts"), Some(json!({ "text": "Huts", "title": "Huts" }))).await;
        assert_eq!(status, 201, "each with a webhook of its own: {posted}");
    }
    let deleted = async || ledger(&demo, "discord").await.iter().filter(|request| request.starts_with("DELETE")).count();
    assert_eq!(deleted().await, 0);
    connect(&demo, "discord", "jana.lindner", Some(NEWS)).await;
    eventually("the webhook before is deleted", async || deleted().await == 1).await;
    for id in ids(&demo.profiles("discord").await) {
        let (status, shown) = demo.api("POST", &format!("/profiles/{id}/check"), None).await;
        assert!(status == 200 && shown["status"] == "connected", "{shown}");
    }
    // A login that comes to nothing leaves nothing behind: the channel that was picked is another one than the profile's.
    let forum = demo.profiles("discord").await.into_iter().map(|profile| profile["id"].as_str().unwrap().to_owned()).next().unwrap();
    let (_, begun) = demo.api("POST", &format!("/profiles/{forum}/refresh-connection"), Some(json!({ "via": "redirect" }))).await;
    let back = demo.control("/consent", json!({ "authorize_url": begun["authorize_url"], "username": "tom.becker", "page": NEWS })).await;
    let page = client().get(back["redirect_to"].as_str().unwrap()).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("Expected"), "{page}");
    eventually("what nobody keeps is deleted", async || deleted().await == 2).await;
}

#[tokio::test]
async fn giving_up_one_channel_of_a_google_account_leaves_its_others_alone() {
    let demo = Demo::start();
    let state: Value = client().get(format!("{}/control/api/state", demo.text("sandbox_url"))).send().await.unwrap().json().await.unwrap();
    let of = |page: &&Value| page["network"] == "youtube" && page["roles"].as_array().unwrap().iter().any(|role| role[0] == "jana.lindner");
    let channels: Vec<u64> = state["pages"].as_array().unwrap().iter().filter(of).map(|page| page["id"].as_u64().unwrap()).collect();
    assert!(channels.len() >= 2, "{channels:?}");
    for channel in &channels[..2] {
        connect(&demo, "youtube", "jana.lindner", Some(*channel)).await;
    }
    let profiles = demo.profiles("youtube").await;
    let id = |profile: &Value| profile["id"].as_str().unwrap().to_owned();
    assert!(profiles.len() >= 2, "{profiles:?}");
    let (status, _) = demo.api("DELETE", &format!("/profiles/{}", id(&profiles[0])), None).await;
    assert_eq!(status, 204);
    eventually("the revocation waits for nobody", async || outcomes(&demo).await == ["kept_for_others"]).await;
    let (_, shown) = demo.api("POST", &format!("/profiles/{}/check", id(&profiles[1])), None).await;
    assert_eq!(shown["status"], "connected", "{shown}");
    for profile in &profiles[1..] {
        demo.api("DELETE", &format!("/profiles/{}", id(profile)), None).await;
    }
    eventually("the last one takes all along", async || outcomes(&demo).await.contains(&"revoked".to_owned())).await;
}

#[tokio::test]
async fn nt_03_one_mastodon_server_s_answer_is_not_taken_for_another_s() {
    let demo = Demo::start();
    let asked = |instance: &str| json!({ "network": "mastodon", "instance": instance });
    let begin = async |instance: &str| {
        let (status, begun) = demo.api("POST", "/connections", Some(asked(instance))).await;
        assert_eq!(status, 201, "{begun}");
        begun
    };
    let begun = begin("social.example").await;
    let back = demo.consent(&begun["authorize_url"], "fernweh.outdoor").await;
    assert!(back.contains("/oauth/callback/mastodon/social.example?"), "{back}");
    for other in ["/oauth/callback/mastodon/evil.example?", "/oauth/callback/mastodon?"] {
        let begun = begin("social.example").await;
        let back = demo.consent(&begun["authorize_url"], "fernweh.outdoor").await;
        let mixed = back.replace("/oauth/callback/mastodon/social.example?", other);
        client().get(mixed).send().await.unwrap();
        let (_, connection) = demo.api("GET", &format!("/connections/{}", begun["id"].as_str().unwrap()), None).await;
        assert_eq!((&connection["status"], &connection["error"]["code"]), (&json!("failed"), &json!("suspicious")), "{connection}");
    }
    client().get(back).send().await.unwrap();
    let (_, connection) = demo.api("GET", &format!("/connections/{}", begun["id"].as_str().unwrap()), None).await;
    assert_eq!(connection["status"], "choose", "{connection}");
    // Registered once for all of them, and anew where the server has lost us.
    let registered =
        async || ledger(&demo, "mastodon").await.iter().filter(|request| request.contains("POST") && request.contains("/apps")).count();
    let before = registered().await;
    begin("social.example").await;
    assert_eq!(registered().await, before);
    demo.control("/registrations", json!({ "network": "mastodon" })).await;
    demo.connect_as(asked("social.example"), "jana.lindner").await;
    assert_eq!(registered().await, before + 1);
    demo.profile_named("mastodon", "Jana Lindner").await;
}

#[tokio::test]
async fn a_mastodon_handle_leads_to_the_server_of_its_domain_and_that_server_s_limits_count() {
    let demo = Demo::start();
    let asked = json!({ "network": "mastodon", "instance": "@jana_lindner@fernweh.example" });
    let (status, begun) = demo.api("POST", "/connections", Some(asked.clone())).await;
    assert_eq!(status, 201, "{begun}");
    let back = demo.consent(&begun["authorize_url"], "jana.lindner").await;
    assert!(back.contains("/oauth/callback/mastodon/social.example?"), "{back}");
    demo.connect_as(asked, "jana.lindner").await;
    let profile = demo.profile_named("mastodon", "Jana Lindner").await;
    assert_eq!(profile["handle"], "@jana_lindner@fernweh.example", "{profile}");
    let checked = async |length: usize| {
        let post = json!({ "profiles": [profile["id"]], "text": "x".repeat(length) });
        let (status, checked) = demo.api("POST", "/posts/check", Some(post)).await;
        assert_eq!(status, 200, "{checked}");
        checked["items"][0].clone()
    };
    let fits = checked(1000).await;
    assert_eq!((&fits["fits"], &fits["max"], &fits["note"]), (&json!(true), &json!(1000), &json!(null)), "{fits}");
    let too_long = checked(1001).await;
    assert_eq!((&too_long["fits"], &too_long["problem"]["field"]), (&json!(false), &json!("text")), "{too_long}");
    let asks = async || ledger(&demo, "mastodon").await.iter().filter(|request| request.contains("/v2/instance")).count();
    let before = asks().await;
    checked(7).await;
    assert_eq!(asks().await, before, "asked once for a while, not for every look");
}

#[tokio::test]
async fn promise_1_a_login_whose_list_does_not_come_is_kept_until_it_does() {
    let demo = Demo::start();
    demo.connect("x", "jana_lindner").await;
    let profile = demo.profiles("x").await[0]["id"].as_str().unwrap().to_owned();
    // A second login of the same person at X ends the tokens of the first: what it brought must not be lost.
    let (_, begun) = demo.api("POST", "/connections", Some(json!({ "network": "x" }))).await;
    let back = demo.consent(&begun["authorize_url"], "jana_lindner").await;
    demo.control("/mood", json!({ "network": "x", "mood": "rate_limited" })).await;
    let page = client().get(back).send().await.unwrap();
    assert_eq!(page.status(), 202);
    assert!(page.text().await.unwrap().contains("does not answer"));
    let path = format!("/connections/{}", begun["id"].as_str().unwrap());
    let (_, waits) = demo.api("GET", &path, None).await;
    assert_eq!((&waits["status"], &waits["error"]["code"]), (&json!("pending"), &json!("network_unavailable")), "{waits}");
    demo.control("/mood", json!({ "network": "x", "mood": "normal" })).await;
    demo.control("/clock", json!({ "advance_seconds": 60 })).await;
    eventually("the list comes", async || demo.api("GET", &path, None).await.1["status"] == "choose").await;
    let (_, came) = demo.api("GET", &path, None).await;
    assert!(came["person"]["handle"].to_string().contains("jana_lindner") && came["error"].is_null(), "{came}");
    let (status, shown) = demo.api("POST", &format!("/profiles/{profile}/check"), None).await;
    assert!(status == 200 && shown["status"] == "connected", "the newer tokens are those that are kept: {shown}");
}

#[tokio::test]
async fn a_network_that_is_away_still_keeps_no_other_network_s_login_waiting() {
    let demo = Demo::start();
    let mut paths = vec![];
    for (network, person) in [("x", "jana_lindner"), ("linkedin", "jana.lindner")] {
        let (_, begun) = demo.api("POST", "/connections", Some(json!({ "network": network }))).await;
        let back = demo.consent(&begun["authorize_url"], person).await;
        demo.control("/mood", json!({ "network": network, "mood": "rate_limited" })).await;
        assert_eq!(client().get(back).send().await.unwrap().status(), 202, "{network}");
        paths.push(format!("/connections/{}", begun["id"].as_str().unwrap()));
    }
    // X, whose turn comes first, answers nothing at all now; LinkedIn is well again.
    demo.control("/mood", json!({ "network": "x", "mood": "lost_answer" })).await;
    demo.control("/mood", json!({ "network": "linkedin", "mood": "normal" })).await;
    demo.control("/clock", json!({ "advance_seconds": 60 })).await;
    eventually("LinkedIn's list comes", async || demo.api("GET", &paths[1], None).await.1["status"] == "choose").await;
    assert_eq!(demo.api("GET", &paths[0], None).await.1["status"], "pending", "X's login waits on");
    demo.control("/mood", json!({ "network": "x", "mood": "normal" })).await;
    demo.control("/clock", json!({ "advance_seconds": 600 })).await;
    eventually("X's list comes too", async || demo.api("GET", &paths[0], None).await.1["status"] == "choose").await;
}

/// A webhook that was made by hand is connected by its address alone; only who wants to log in needs our app there.
#[tokio::test]
async fn a_webhook_made_by_hand_needs_no_app_of_ours() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("staygreen.toml");
    let sandbox = Running::start(&["sandbox", "--port", "0"], &[]);
    let config = format!(
        "[server]\nlisten = \"127.0.0.1:0\"\ndata_dir = \"{}\"\n[networks.discord]\nbase_url = \"{}/discord\"\n",
        folder.path().join("data").display(),
        sandbox.url(),
    );
    std::fs::write(&file, config).unwrap();
    let mut create = vec!["api-key", "create", "--name", "test", "--json"];
    for permission in ["networks:read", "profiles:read", "profiles:connect", "profiles:refresh", "profiles:check", "posts:write"] {
        create.extend(["--permission", permission]);
    }
    let key: Value = serde_json::from_str(&crate::oidc::run(&file, &create)).unwrap();
    let server = Running::start(&["serve", "--config", file.to_str().unwrap()], &[]);
    let http = client();
    let api = async |method: &str, path: &str, body: Value| -> (u16, Value) {
        let request = http.request(method.parse().unwrap(), format!("{}/api/v1{path}", server.url()));
        let request = request.bearer_auth(key["api_key"].as_str().unwrap());
        let sent = if body.is_null() { request } else { request.json(&body) }.send().await.unwrap();
        (sent.status().as_u16(), sent.json().await.unwrap_or(Value::Null))
    };
    let networks = api("GET", "/networks", Value::Null).await.1;
    let discord = networks["items"].as_array().unwrap().iter().find(|network| network["name"] == "discord").unwrap();
    assert_eq!(discord["network_app_configured"], false);
    let (status, refused) = api("POST", "/connections", json!({ "network": "discord" })).await;
    assert_eq!((status, &refused["code"]), (409, &json!("network_app_missing")), "nobody can log in: {refused}");

    let made = http.post(format!("{}/control/api/webhooks", sandbox.url())).json(&json!({ "page": NEWS })).send().await.unwrap();
    let made: Value = made.json().await.unwrap();
    let (status, begun) = api("POST", "/connections", json!({ "network": "discord", "handle": made["url"] })).await;
    assert_eq!(status, 201, "{begun}");
    let page = http.get(begun["authorize_url"].as_str().unwrap()).send().await.unwrap().text().await.unwrap();
    let path = format!("/connections/{}", begun["id"].as_str().unwrap());
    let connection = api("GET", &path, Value::Null).await.1;
    assert_eq!(connection["status"], "complete", "{connection} {page}");
    let profile = connection["profiles"][0].as_str().unwrap().to_owned();
    assert_eq!(api("GET", &format!("/profiles/{profile}"), Value::Null).await.1["status"], "connected");
    let (status, posted) = api("POST", &format!("/profiles/{profile}/posts"), json!({ "text": "New huts" })).await;
    assert_eq!(status, 201, "{posted}");
    let (status, again) = api("POST", &format!("/profiles/{profile}/refresh-connection"), json!({ "via": "redirect" })).await;
    assert_ne!(status, 201, "nobody logged in for it: {again}");
}

/// An app that was registered anew sees other ids of the same people: the network's own word across apps tells who came back, and nobody
/// else takes their place.
#[tokio::test]
async fn after_a_change_of_the_app_the_same_human_is_known_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("staygreen.toml");
    let sandbox = Running::start(&["sandbox", "--port", "0"], &[]);
    let configure = |app: &str| {
        let config = format!(
            "[server]\nlisten = \"127.0.0.1:0\"\ndata_dir = \"{}\"\n\
             [networks.tiktok]\nclient_id = \"{app}\"\nclient_secret = \"{app}-secret\"\nbase_url = \"{}/tiktok\"\n",
            folder.path().join("data").display(),
            sandbox.url(),
        );
        std::fs::write(&file, config).unwrap();
    };
    configure("sandbox-tiktok");
    let mut create = vec!["api-key", "create", "--name", "test", "--json"];
    for permission in ["profiles:read", "profiles:connect", "profiles:refresh", "profiles:check"] {
        create.extend(["--permission", permission]);
    }
    let key: Value = serde_json::from_str(&crate::oidc::run(&file, &create)).unwrap();
    let http = client();
    let api = async |server: &Running, method: &str, path: &str, body: Value| -> Value {
        let request = http.request(method.parse().unwrap(), format!("{}/api/v1{path}", server.url()));
        let request = request.bearer_auth(key["api_key"].as_str().unwrap());
        let sent = if body.is_null() { request } else { request.json(&body) }.send().await.unwrap();
        sent.json().await.unwrap_or(Value::Null)
    };
    let consent = async |begun: &Value, username: &str| {
        let asked = json!({ "authorize_url": begun["authorize_url"], "username": username });
        let said = http.post(format!("{}/control/api/consent", sandbox.url())).json(&asked).send().await.unwrap();
        let said: Value = said.json().await.unwrap();
        http.get(said["redirect_to"].as_str().unwrap()).send().await.unwrap().text().await.unwrap()
    };
    let server = Running::start(&["serve", "--config", file.to_str().unwrap()], &[]);
    let begun = api(&server, "POST", "/connections", json!({ "network": "tiktok" })).await;
    consent(&begun, "fernweh.outdoor").await;
    let path = format!("/connections/{}", begun["id"].as_str().unwrap());
    let found = api(&server, "GET", &path, Value::Null).await;
    let before = found["discovered"][0]["id"].clone();
    let added = api(&server, "POST", &format!("{path}/profiles"), json!({ "ids": [before] })).await;
    let profile = added["profiles"][0]["id"].as_str().or(added["profiles"][0].as_str()).unwrap_or_else(|| panic!("{added}")).to_owned();
    server.ask_to_stop();
    drop(server);

    configure("sandbox-tiktok-2");
    let server = Running::start(&["serve", "--config", file.to_str().unwrap()], &[]);
    let refresh = async |username: &str| {
        let begun = api(&server, "POST", &format!("/profiles/{profile}/refresh-connection"), json!({ "via": "redirect" })).await;
        consent(&begun, username).await
    };
    let page = refresh("gipfel.guides").await;
    assert!(page.contains("Fernweh Outdoor") && page.contains("Gipfel Guides"), "somebody else is refused: {page}");
    refresh("fernweh.outdoor").await;
    let shown = api(&server, "GET", &format!("/profiles/{profile}"), Value::Null).await;
    assert_eq!((&shown["status"], &shown["name"]), (&json!("connected"), &json!("Fernweh Outdoor")), "{shown}");
    assert_ne!(shown["network_id"], before, "known by what the new app is shown");
    let all = api(&server, "GET", "/profiles", Value::Null).await;
    assert_eq!(all["items"].as_array().map(Vec::len), Some(1), "no second one: {all}");
    api(&server, "POST", &format!("/profiles/{profile}/check"), json!({})).await;
    let green = async || api(&server, "GET", &format!("/profiles/{profile}"), Value::Null).await["status"] == "connected";
    eventually("the new app's token is proven", green).await;
}
