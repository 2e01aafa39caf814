//! Tools for agents: the protocol's own client over both ways, and what no agent gets.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::authorised::key;
use crate::waiting::{as_user, session, texts_at};
use crate::world::{Demo, client};

/// Runs the protocol's own client; what it saw.
fn agent(python: &Path, arguments: &[&str], url: &str, key: &str) -> Value {
    let mut command = Command::new(python);
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/peers/mcp_client.py")).args(arguments);
    command.env("STAYGREEN_URL", url).env("STAYGREEN_API_KEY", key).env("NO_PROXY", "127.0.0.1");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test]
async fn an_agent_sees_and_acts_over_both_ways() {
    let Some(python) = std::env::var_os("STAYGREEN_TEST_MCP_PYTHON") else {
        crate::skipped(
            "the tests with an agent: STAYGREEN_TEST_MCP_PYTHON does not name a Python with the Model Context Protocol's client",
        );
        return;
    };
    let demo = Demo::start();
    let (url, program) = (demo.running.url().to_owned(), crate::world::binary());
    let (_, all) = key(&demo, &["profiles:read", "posts:write", "comments:read", "comments:write"]).await;
    let (_, reads) = key(&demo, &["profiles:read"]).await;
    let ways: [&[&str]; 2] = [&["http", &format!("{url}/mcp")], &["stdio", program.to_str().unwrap(), "mcp"]];
    for way in ways {
        let seen = agent(Path::new(&python), way, &url, &all);
        assert_eq!(seen["server"], "staygreen");
        let names =
            json!(["list_profiles", "explain_profile", "publish_post", "explain_act", "list_comments", "write_comment", "forecast"]);
        assert_eq!(seen["tools"], names);
        assert_eq!(seen["reads"], json!(["list_profiles", "explain_profile", "explain_act", "list_comments", "forecast"]));
        assert!(seen["post"]["id"].is_string() && seen["same"] == true && seen["comment"]["id"].is_string(), "{seen}");
        assert_eq!(seen["comments"]["items"][0]["text"], "And a comment");
        assert!(seen["forecast"] == true && seen["unknown"]["error"].as_str().unwrap().starts_with("not_found"), "{seen}");
        // Exactly what the key may: another one reads, and does nothing.
        let seen = agent(Path::new(&python), way, &url, &reads);
        assert!(seen["explained"].is_string() && seen["post"]["error"].as_str().unwrap().starts_with("forbidden"), "{seen}");
    }
    // What was done stands in the audit under the agent's key.
    let (_, audit) = demo.api("GET", "/audit?act=posts:write", None).await;
    let (refused, rows): (Vec<_>, Vec<_>) = audit["items"].as_array().unwrap().iter().partition(|row| row["detail"]["refused"].is_string());
    assert_eq!(refused.len(), 4, "both ways, and tried again: {audit}");
    assert!(rows.len() >= 2 && rows.iter().all(|row| row["actor"]["kind"] == "api_key" && row["under"] == "posts:write"), "{audit}");
}

#[tokio::test]
async fn nobody_else_gets_in_and_nothing_is_guessed() {
    let demo = Demo::start();
    let url = format!("{}/mcp", demo.running.url());
    let post = async |key: Option<String>, header: (&'static str, &'static str), body: &str| {
        let mut request = client().post(&url).header(header.0, header.1).header("content-type", "application/json").body(body.to_owned());
        if let Some(key) = key {
            request = request.bearer_auth(key);
        }
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap_or_default())
    };
    let ping = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" }).to_string();
    let (none, all) = (("x-nothing", ""), Some(demo.text("api_key")));
    assert_eq!(post(None, none, &ping).await.0, 401);
    assert_eq!(post(Some("sg_wrong".into()), none, &ping).await.0, 401);
    assert_eq!(post(all.clone(), ("origin", "https://evil.example"), &ping).await.0, 403);
    assert_eq!(post(all.clone(), ("mcp-protocol-version", "1999-01-01"), &ping).await.0, 400);
    assert_eq!(post(all.clone(), none, &ping).await, (200, json!({ "jsonrpc": "2.0", "id": 1, "result": {} })));
    let told = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }).to_string();
    assert_eq!(post(all.clone(), none, &told).await, (202, Value::Null));
    // Several at once, as revision 2025-03-26 has it: what is only told is not answered.
    let batch = format!(r#"[{ping},{told},{{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{{"name":"list_profiles"}}}}]"#);
    let (status, answers) = post(all.clone(), none, &batch).await;
    assert_eq!(
        (status, answers.as_array().unwrap().len(), &answers[0]["id"], &answers[1]["id"]),
        (200, 2, &json!(1), &json!(2)),
        "{answers}"
    );
    assert_eq!(answers[1]["result"]["isError"], false, "{answers}");
    assert_eq!(post(all.clone(), none, &format!("[{told}]")).await, (202, Value::Null));
    for (message, code) in [
        ("{".to_owned(), -32700),
        ("[]".to_owned(), -32600),
        (format!("[{}]", vec![ping.as_str(); 51].join(",")), -32600),
        (json!({ "id": 1 }).to_string(), -32600),
        (json!({ "jsonrpc": "2.0", "id": 1, "method": "resources/list" }).to_string(), -32601),
        (json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "delete_everything" } }).to_string(), -32602),
        (json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "explain_profile", "arguments": { "profile": 1 } } }).to_string(), -32602),
        (json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "forecast", "arguments": { "untill": "x" } } }).to_string(), -32602),
    ] {
        assert_eq!(post(all.clone(), none, &message).await.1["error"]["code"], code, "{message}");
    }
    assert_eq!(client().get(&url).send().await.unwrap().status(), 405, "there is nothing to listen to");
}

/// Some networks take no post without a picture or a film.
#[tokio::test]
async fn an_agent_posts_with_a_film() {
    let demo = Demo::start();
    let profile = demo.profile_named("tiktok", "Fernweh Outdoor").await["id"].as_str().unwrap().to_owned();
    let (_, agent) = key(&demo, &["profiles:read", "posts:write network=tiktok"]).await;
    let publish = async |media: Value| {
        let arguments = json!({ "profile": profile, "text": "A hut", "media": media });
        let message =
            json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "publish_post", "arguments": arguments } });
        let asked = client().post(format!("{}/mcp", demo.running.url())).bearer_auth(&agent).json(&message).send().await.unwrap();
        asked.json::<Value>().await.unwrap()
    };
    let film = json!({ "url": "https://films.example/hut.mp4", "content_type": "video/mp4" });
    let wrong = publish(film.clone()).await;
    assert_eq!((&wrong["error"]["code"], &wrong["error"]["message"]), (&json!(-32602), &json!("media: is missing, or is no list")));
    for media in [json!([]), json!([{ "url": "films.example", "content_type": "video/mp4" }]), json!([{ "adress": "x" }])] {
        let told = publish(media.clone()).await["result"].clone();
        assert!(told["isError"] == true && told.to_string().contains("media"), "{media}: {told}");
    }
    let told = publish(json!([film])).await["result"].clone();
    assert!(told["isError"] == false && told["structuredContent"]["id"].is_string(), "{told}");
}

/// What needs an approval is as little an agent's own decision as anybody else's: it is told that it waits, and for whom.
#[tokio::test]
async fn what_an_agent_wants_to_say_waits_for_the_named_user() {
    let demo = Demo::start();
    let page = demo.profile_named("linkedin", "Fernweh Outdoor").await["id"].as_str().unwrap().to_owned();
    let (_, users) = demo.api("GET", "/users", None).await;
    let mira = users["items"].as_array().unwrap().iter().find(|user| user["email"] == "mira.sato@fernweh.example").unwrap();
    let mira = mira["id"].as_str().unwrap();
    let (_, agent) = key(&demo, &["profiles:read", &format!("posts:write network=linkedin approval={mira}")]).await;
    let arguments = json!({ "profile": page, "text": "By an agent", "idempotency_key": "agent-1" });
    let message =
        json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "publish_post", "arguments": arguments } });
    let publish = async || {
        let asked = client().post(format!("{}/mcp", demo.running.url())).bearer_auth(&agent).json(&message).send().await.unwrap();
        asked.json::<Value>().await.unwrap()["result"].clone()
    };
    let told = publish().await;
    let waits = &told["structuredContent"];
    assert_eq!((&waits["result"], &waits["approval_by"]), (&json!("waiting"), &json!(mira)), "{told}");
    assert_eq!(publish().await["structuredContent"]["act"], waits["act"], "asked again, it is the same one");
    assert!(texts_at(&demo, "linkedin").await.is_empty(), "nothing is sent before");
    let cookie = session(&demo, "mira.sato@fernweh.example").await;
    let path = format!("/waiting-acts/{}/approve", waits["act"].as_str().unwrap());
    assert_eq!(as_user(&demo, &cookie, "POST", &path).await.1["result"], "posted");
    assert_eq!(texts_at(&demo, "linkedin").await, ["By an agent"]);
    // The agent sees what became of it.
    let asked = json!({ "name": "explain_act", "arguments": { "act": waits["act"] } });
    let message = json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": asked });
    let told = client().post(format!("{}/mcp", demo.running.url())).bearer_auth(&agent).json(&message).send().await.unwrap();
    let told = told.json::<Value>().await.unwrap()["result"].clone();
    assert_eq!((&told["structuredContent"]["state"], &told["isError"]), (&json!("done"), &json!(false)), "{told}");
}
