//! Administration without a server and without the web: what an operator has at hand when nothing else answers.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::world::{Running, binary, client};

/// Runs a command; its exit code, what it printed and what it said.
fn run(config: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(binary()).args(arguments).args(["--config", config]).output().unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
}

/// The same with `--json`, where it is done.
fn done(config: &str, arguments: &[&str]) -> Value {
    let (code, printed, said) = run(config, &[arguments, &["--json"]].concat());
    assert_eq!(code, Some(0), "{arguments:?}: {said}");
    serde_json::from_str(&printed).unwrap_or_else(|_| panic!("{arguments:?}: {printed}"))
}

fn house(folder: &Path) -> String {
    let file = folder.join("staygreen.toml");
    let data = folder.join("data");
    std::fs::write(&file, format!("[server]\nlisten = \"127.0.0.1:0\"\ndata_dir = \"{}\"\n", data.display())).unwrap();
    file.to_str().unwrap().to_owned()
}

#[tokio::test]
async fn users_and_keys_are_managed_from_a_shell() {
    let folder = tempfile::tempdir().unwrap();
    let config = house(folder.path());
    let made = done(&config, &["user", "create", "--email", "ada@example.com", "--name", "Ada", "--role", "company-admin"]);
    assert!(made["link"].as_str().unwrap().contains("/invitation/"), "{made}");
    let (code, _, said) = run(&config, &["user", "create", "--email", "Ada@example.com", "--name", "Ada"]);
    assert!(code == Some(1) && said.contains("there is a user with the address"), "{said}");
    let key = done(&config, &["api-key", "create", "--name", "tool", "--permission", "users:manage", "--permission", "events:read"]);
    let (id, secret) = (key["id"].as_str().unwrap(), key["api_key"].as_str().unwrap());
    let listed = done(&config, &["api-key", "list"]);
    assert_eq!((&listed[0]["id"], &listed[0]["revoked"]), (&key["id"], &json!(false)));
    assert!(!listed.to_string().contains(secret), "printed once");

    let ask = async |path: &str| {
        let server = Running::start(&["serve", "--config", &config], &[]);
        let answer = client().get(format!("{}/api/v1{path}", server.url())).bearer_auth(secret).send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
    };
    assert_eq!(done(&config, &["user", "disable", "ada@example.com"])["disabled"], true);
    assert_eq!(run(&config, &["user", "disable", "nobody@example.com"]).0, Some(1));
    assert_eq!(done(&config, &["user", "list"])[0]["disabled"], true);
    let (status, users) = ask("/users").await;
    assert_eq!((status, &users["items"][0]["state"]), (200, &json!("disabled")), "{users}");
    let (_, events) = ask("/events").await;
    let kinds: Vec<&str> = events["items"].as_array().unwrap().iter().map(|event| event["kind"].as_str().unwrap()).collect();
    assert!(kinds.contains(&"user.invited") && kinds.contains(&"user.changed"), "who did it stands in the history: {kinds:?}");
    assert_eq!(done(&config, &["api-key", "revoke", id])["revoked"], true);
    assert_eq!(run(&config, &["api-key", "revoke", id]).0, Some(1), "only once");
    assert_eq!(done(&config, &["api-key", "list"])[0]["revoked"], true);
    assert_eq!(ask("/users").await.0, 401);
}

#[tokio::test]
async fn a_network_app_that_is_entered_stands_in_the_history_and_the_audit_without_its_secret() {
    let folder = tempfile::tempdir().unwrap();
    let config = house(folder.path());
    let file = folder.path().join("secret");
    std::fs::write(&file, "a client secret that nobody prints\n").unwrap();
    let key = done(&config, &["api-key", "create", "--name", "tool", "--permission", "audit:read", "--permission", "events:read"]);
    let set = ["network-app", "set", "pinterest", "--client-id", "our-client", "--client-secret-file", file.to_str().unwrap()];
    done(&config, &set);
    // What is refused is no change.
    assert_eq!(run(&config, &["network-app", "set", "myspace", "--client-id", "x"]).0, Some(1));
    let server = Running::start(&["serve", "--config", &config], &[]);
    let ask = async |path: &str| -> Value {
        let request = client().get(format!("{}/api/v1{path}", server.url())).bearer_auth(key["api_key"].as_str().unwrap());
        request.send().await.unwrap().json().await.unwrap()
    };
    let (events, audit) = (ask("/events?limit=500").await, ask("/audit?limit=500").await);
    let changed: Vec<&Value> = events["items"].as_array().unwrap().iter().filter(|event| event["kind"] == "settings.changed").collect();
    assert_eq!(changed.len(), 1, "{events}");
    assert_eq!((&changed[0]["detail"]["network_app"], &changed[0]["actor"]["kind"]), (&json!("pinterest"), &json!("system")));
    let rows: Vec<&Value> = audit["items"].as_array().unwrap().iter().filter(|row| row["act"] == "network_apps:manage").collect();
    assert_eq!(rows.len(), 1, "{audit}");
    let expected = json!({ "what": "network app set", "network": "pinterest", "client_id": "our-client" });
    assert_eq!(rows[0]["detail"], expected, "{audit}");
    assert!(!events.to_string().contains("nobody prints") && !audit.to_string().contains("nobody prints"));
    assert_eq!(ask("/audit/verify").await["whole"], true);
}

#[test]
fn network_apps_are_entered_and_keys_are_changed_from_a_shell() {
    let folder = tempfile::tempdir().unwrap();
    let config = house(folder.path());
    let file = folder.path().join("secret");
    std::fs::write(&file, "a client secret that nobody prints\n").unwrap();
    let set = ["network-app", "set", "linkedin", "--client-id", "our-client", "--client-secret-file", file.to_str().unwrap()];
    assert_eq!(done(&config, &set), json!({ "network": "linkedin", "client_id": "our-client" }));
    let (code, _, said) = run(&config, &["network-app", "set", "myspace", "--client-id", "x"]);
    assert!(code == Some(1) && said.contains("the networks are") && said.contains("linkedin"), "{said}");
    let listed = done(&config, &["network-app", "list"]);
    let of = |name: &str| listed.as_array().unwrap().iter().find(|app| app["network"] == name).unwrap()["client_id"].clone();
    assert_eq!((of("linkedin"), of("xing")), (json!("our-client"), Value::Null), "{listed}");
    assert!(!listed.to_string().contains("nobody prints"));

    let before = done(&config, &["key", "status"]);
    let old = before["seals"].as_str().unwrap();
    let count = |status: &Value, key: &str| status["values"][key].as_i64();
    assert!(count(&before, old) > Some(0), "the client's secret is sealed: {before}");
    let prepared = done(&config, &["key", "rotate", "--prepare"]);
    assert_eq!((&prepared["seals"], prepared["prepared"].is_string()), (&before["seals"], true), "{prepared}");
    let rotated = done(&config, &["key", "rotate"]);
    assert_eq!(rotated["seals"], prepared["prepared"], "the one that every server knows by now");
    let after = done(&config, &["key", "status"]);
    assert_eq!((&after["seals"], count(&after, old)), (&rotated["seals"], count(&before, old)), "older values open: {after}");
    assert_eq!(done(&config, &["network-app", "list"]), listed);
}

#[test]
fn a_simulation_says_what_it_kept_and_the_same_seed_says_the_same() {
    let simulate = |seed: &str| {
        let arguments = ["simulate", "--profiles", "6", "--years", "0.05", "--seed", seed, "--json"];
        let output = Command::new(binary()).args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        let mut report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(report["kept"], true, "{report}");
        for of_the_machine in ["real_seconds", "simulated_per_real_second"] {
            report.as_object_mut().unwrap().remove(of_the_machine).unwrap();
        }
        report
    };
    let first = simulate("7");
    assert_eq!(first, simulate("7"));
    assert_ne!(first, simulate("8"));
    let wrong = Command::new(binary()).args(["simulate", "--faults", "nonsense"]).output().unwrap();
    assert_eq!(wrong.status.code(), Some(2));
}
