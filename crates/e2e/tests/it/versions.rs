//! Two tools at the same settings: whoever says by `If-Match` what they have read overwrites nothing that came since.

use serde_json::{Value, json};

use crate::world::{Demo, Running, client};

#[derive(Clone)]
struct Tool {
    url: String,
    key: String,
}

struct Answer {
    status: u16,
    tag: String,
    body: Value,
}

impl Tool {
    async fn ask(&self, method: &str, path: &str, if_match: Option<&str>, body: Option<Value>) -> Answer {
        let mut request = client().request(method.parse().unwrap(), format!("{}/api/v1{path}", self.url)).bearer_auth(&self.key);
        if let Some(tag) = if_match {
            request = request.header("if-match", tag);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        let tag = answer.headers().get("etag").map(|tag| tag.to_str().unwrap().to_owned()).unwrap_or_default();
        Answer { status: answer.status().as_u16(), tag, body: answer.json().await.unwrap_or(Value::Null) }
    }
}

fn id(value: &Value) -> &str {
    value["id"].as_str().unwrap_or_else(|| panic!("no id in {value}"))
}

/// Reads, lets somebody else change, and tries to change by what was read.
async fn overwrites_nothing(tool: &Tool, method: &str, path: &str, theirs: Value, ours: Value) {
    let seen = tool.ask("GET", path, None, None).await;
    assert!(seen.status == 200 && seen.tag.starts_with('"'), "{path}: {} {}", seen.status, seen.tag);
    assert_eq!(tool.ask("GET", path, None, None).await.tag, seen.tag, "{path}: nothing changed");
    let changed = tool.ask(method, path, Some(&seen.tag), Some(theirs)).await;
    assert_eq!(changed.status, 200, "{path}: {}", changed.body);
    assert_ne!(changed.tag, seen.tag, "{path}");
    let refused = tool.ask(method, path, Some(&seen.tag), Some(ours.clone())).await;
    assert_eq!((refused.status, refused.body["code"].as_str()), (412, Some("changed_meanwhile")), "{path}: {}", refused.body);
    let now = tool.ask("GET", path, None, None).await;
    assert_eq!(now.tag, changed.tag, "{path}: nothing was done");
    // Whoever reads again may, and so may whoever does not care.
    let both = format!("\"older\", {}", now.tag);
    assert_eq!(tool.ask(method, path, Some(&both), Some(ours.clone())).await.status, 200, "{path}");
    assert_eq!(tool.ask(method, path, Some("*"), Some(ours.clone())).await.status, 200, "{path}");
    assert_eq!(tool.ask(method, path, None, Some(ours)).await.status, 200, "{path}");
}

#[tokio::test]
async fn over_rest_nobody_overwrites_what_they_have_not_read() {
    let demo = Demo::start();
    let tool = Tool { url: demo.running.url().to_owned(), key: demo.text("api_key") };
    let user = demo.api("POST", "/users", Some(json!({ "email": "nele@fernweh.example" }))).await.1;
    let team = demo.api("POST", "/teams", Some(json!({ "name": "Valley" }))).await.1;
    let profile = demo.profile_named("linkedin", "Fernweh Outdoor").await;
    let hook = json!({ "url": "http://127.0.0.1:9/", "name": "Our tool", "events": ["profile.disconnected"] });
    let hook = demo.api("POST", "/webhook-endpoints", Some(hook)).await.1;
    let of = |kind: &str, thing: &Value| format!("/{kind}/{}", id(thing));
    let (user_path, team_path, hook_path) = (of("users", &user), of("teams", &team), of("webhook-endpoints", &hook));
    overwrites_nothing(&tool, "PATCH", &team_path, json!({ "name": "Valleys" }), json!({ "member_ids": [id(&user)] })).await;
    overwrites_nothing(&tool, "PATCH", &of("profiles", &profile), json!({ "owner_id": id(&user) }), json!({ "team_ids": [id(&team)] }))
        .await;
    overwrites_nothing(&tool, "PATCH", &user_path, json!({ "disabled": true }), json!({ "disabled": false })).await;
    overwrites_nothing(&tool, "PATCH", &hook_path, json!({ "name": "Their tool" }), json!({ "enabled": false })).await;
    // What somebody is told is theirs: the key of a user asks for that user.
    let made = client().post(format!("{}/api/v1/api-keys", tool.url)).header("origin", &tool.url).header("cookie", demo.admin().await);
    let made = made.json(&json!({ "name": "mine", "permissions": ["account:manage"] })).send().await.unwrap();
    let mine = made.json::<Value>().await.unwrap()["api_key"].as_str().unwrap().to_owned();
    let mine = Tool { url: tool.url.clone(), key: mine };
    overwrites_nothing(&mine, "PATCH", "/me/notifications", json!({ "digest": "daily" }), json!({ "renew_soon": false })).await;
    for network in ["default", "discord"] {
        let path = format!("/page-presets/{network}");
        overwrites_nothing(&tool, "PUT", &path, json!({ "owner_id": id(&user) }), json!({ "team_ids": [id(&team)] })).await;
    }
    let owned = demo.api("GET", &of("profiles", &profile), None).await.1;
    assert_eq!((&owned["owner_id"], &owned["team_ids"]), (&user["id"], &json!([id(&team)])), "each left the other's field alone");

    let preset = "/page-presets/discord".to_owned();
    for path in [&hook_path, &preset, &team_path, &user_path] {
        let seen = tool.ask("GET", path, None, None).await;
        assert_eq!(tool.ask("DELETE", path, Some("\"another\""), None).await.status, 412, "{path}");
        assert_eq!(tool.ask("DELETE", path, Some(&format!("W/{}", seen.tag)), None).await.status, 412, "{path}: weak is not the same");
        let wrong = tool.ask("DELETE", path, Some(seen.tag.trim_matches('"')), None).await;
        assert_eq!((wrong.status, wrong.body["field"].as_str()), (422, Some("If-Match")), "{path}: the quotes belong to it");
        assert_eq!(tool.ask("GET", path, None, None).await.tag, seen.tag, "{path}: it is still there");
        assert_eq!(tool.ask("DELETE", path, Some(&seen.tag), None).await.status, 204, "{path}");
    }
}

/// Whoever comes first wins, and only they.
#[tokio::test]
async fn of_many_at_once_with_the_same_version_one_gets_through() {
    let demo = Demo::start();
    let tool = Tool { url: demo.running.url().to_owned(), key: demo.text("api_key") };
    let team = demo.api("POST", "/teams", Some(json!({ "name": "Valley" }))).await.1;
    let path = format!("/teams/{}", id(&team));
    let seen = tool.ask("GET", &path, None, None).await.tag;
    let mut asking = tokio::task::JoinSet::new();
    for n in 0..8 {
        let (tool, path, seen) = (tool.clone(), path.clone(), seen.clone());
        asking.spawn(async move { tool.ask("PATCH", &path, Some(&seen), Some(json!({ "name": format!("Valley {n}") }))).await });
    }
    let answers = asking.join_all().await;
    let won: Vec<&Answer> = answers.iter().filter(|answer| answer.status == 200).collect();
    assert_eq!((won.len(), answers.iter().filter(|answer| answer.status == 412).count()), (1, 7));
    assert_eq!(tool.ask("GET", &path, None, None).await.body, won[0].body);
}

#[tokio::test]
async fn an_operator_may_demand_that_changes_say_what_they_have_read() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("staygreen.toml");
    let data = folder.path().join("data");
    let config = format!("[server]\nlisten = \"127.0.0.1:0\"\ndata_dir = \"{}\"\ndemand_if_match = true\n", data.display());
    std::fs::write(&file, config).unwrap();
    let config = file.to_str().unwrap();
    let mut create = std::process::Command::new(crate::world::binary());
    create.args(["api-key", "create", "--name", "tool", "--permission", "teams:manage", "--config", config]);
    let key = String::from_utf8(create.output().unwrap().stdout).unwrap().trim().to_owned();
    let server = Running::start(&["serve", "--config", config], &[]);
    let tool = Tool { url: server.url().to_owned(), key };
    let made = tool.ask("POST", "/teams", None, Some(json!({ "name": "Brand" }))).await;
    assert_eq!(made.status, 201, "what is new overwrites nothing: {}", made.body);
    let path = format!("/teams/{}", id(&made.body));
    for (method, body) in [("PATCH", Some(json!({ "name": "Brands" }))), ("DELETE", None)] {
        let refused = tool.ask(method, &path, None, body).await;
        assert_eq!((refused.status, refused.body["code"].as_str()), (428, Some("if_match_missing")), "{}", refused.body);
    }
    let changed = tool.ask("PATCH", &path, Some(&made.tag), Some(json!({ "name": "Brands" }))).await;
    assert_eq!((changed.status, changed.body["name"].as_str()), (200, Some("Brands")), "{}", changed.body);
    assert_eq!(tool.ask("DELETE", &path, Some(&changed.tag), None).await.status, 204);
}
