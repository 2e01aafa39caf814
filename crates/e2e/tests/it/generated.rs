//! A client that a generator makes of the API's description, used against a running server.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use crate::world::Demo;

const PEERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/peers");

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[tokio::test]
async fn a_generated_client_reads_everything_and_acts() {
    let Some(programs) = std::env::var_os("STAYGREEN_TEST_GENERATOR") else {
        crate::skipped("the generated client: STAYGREEN_TEST_GENERATOR does not name a folder with PyPI's openapi-python-client");
        return;
    };
    let (programs, folder, demo) = (Path::new(&programs), tempfile::tempdir().unwrap(), Demo::start());
    let mut generate = Command::new(programs.join("openapi-python-client"));
    generate.args(["generate", "--fail-on-warning", "--meta", "none", "--path"]);
    generate.arg(format!("{PEERS}/../../../docs/api/openapi.json")).arg("--config").arg(format!("{PEERS}/generated-client.yaml"));
    let made = generate.arg("--output-path").arg(folder.path().join("staygreen_api")).output().unwrap();
    assert!(made.status.success(), "{}", text(&made));

    let mut used = Command::new(programs.join("python"));
    used.arg(format!("{PEERS}/generated_client.py")).arg(folder.path()).env("NO_PROXY", "127.0.0.1");
    let used = used.env("STAYGREEN_URL", demo.running.url()).env("STAYGREEN_API_KEY", demo.text("api_key")).output().unwrap();
    assert!(used.status.success(), "{}", text(&used));
    let seen: Value = serde_json::from_slice(&used.stdout).unwrap();
    assert!(seen["same"] == true && seen["token"] == true && seen["thawed"] == 204 && seen["team"] == "Generated anew", "{seen}");
    assert_eq!(
        (&seen["refused"][0], &seen["refused"][1], &seen["unknown"]),
        (&"invalid_field".into(), &"limit".into(), &"not_found".into())
    );
    let path =
        format!("/profiles/{}/posts/{}/comments", seen["profile"].as_str().unwrap(), crate::world::encoded(seen["post"].as_str().unwrap()));
    let (_, comments) = demo.api("GET", &path, None).await;
    assert_eq!(comments["items"][0]["id"], seen["comment"], "{comments}");

    // Whatever is read without making something first was read, or there is a reason.
    let left: Vec<&str> = seen["left"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    let gets = server::routes::API.iter().filter(|route| route.method == "GET" && !route.is_proxy());
    let unread: Vec<&str> = gets.map(|route| route.id).filter(|id| left.contains(&snake(id).as_str())).collect();
    assert_eq!(
        unread,
        ["getConnection", "getWebhookEndpoint", "listDeliveries", "streamEvents", "getPermissionSet", "getMyNotifications", "streamAudit"],
        "{seen}"
    );
}

/// An operation's name as Python writes it.
fn snake(id: &str) -> String {
    id.chars().flat_map(|c| if c.is_ascii_uppercase() { vec!['_', c.to_ascii_lowercase()] } else { vec![c] }).collect()
}
