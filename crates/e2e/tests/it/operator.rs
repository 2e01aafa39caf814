//! The operator's shell: what it leaves behind, what it makes, whom it asks, and what it says when something is wrong.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::world::{Demo, Running, binary, free_port};

fn shell(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command.current_dir(folder).args(arguments).stdin(Stdio::null());
    for name in ["STAYGREEN_URL", "STAYGREEN_API_KEY", "STAYGREEN_API_KEY_FILE", "STAYGREEN_CONFIG"] {
        command.env_remove(name);
    }
    command
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    shell(folder, arguments).output().unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// What a command that is done prints.
fn done(folder: &Path, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", said(&output));
    String::from_utf8(output.stdout).unwrap()
}

fn told(folder: &Path, arguments: &[&str]) -> Value {
    serde_json::from_str(&done(folder, &[arguments, &["--json"]].concat())).unwrap()
}

/// What a command says that fails.
fn failed(folder: &Path, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", said(&output));
    String::from_utf8(output.stderr).unwrap()
}

fn rows(folder: &Path, arguments: &[&str]) -> Vec<Value> {
    done(folder, arguments).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The audit, who did what.
fn acted(folder: &Path) -> Vec<Value> {
    let mut rows = rows(folder, &["audit", "export"]);
    for row in &mut rows {
        for text in ["actor", "detail"] {
            row[text] = serde_json::from_str(row[text].as_str().unwrap()).unwrap();
        }
    }
    rows
}

/// An installation in the folder itself, as one begins without a configuration.
fn house() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    done(folder.path(), &["user", "create", "--email", "ada@example.com", "--name", "Ada", "--role", "company-admin"]);
    folder
}

#[test]
fn a_command_on_this_machine_leaves_no_key_behind() {
    let folder = house();
    let at = folder.path();
    for command in [&["export"][..], &["audit", "anchor"], &["audit", "verify"], &["freeze", "list"], &["profile", "list"]] {
        done(at, command);
    }
    // Also where it comes to a bad end.
    failed(at, &["profile", "show", "prf_nobody"]);
    assert_eq!(told(at, &["api-key", "list"]), json!([]));
    // Not only in no list: of two tables that follow each other in a backup the first has no row.
    done(at, &["backup", "everything"]);
    let backup = std::fs::read_to_string(at.join("everything")).unwrap();
    let keys = backup.lines().position(|line| line.starts_with("{\"table\":\"api_keys\"")).unwrap();
    assert!(backup.lines().nth(keys + 1).unwrap().starts_with("{\"table\":"), "nothing of it is stored");
    let lines = rows(at, &["export"]);
    assert!(!lines.iter().any(|line| line["type"] == "api_key"), "nor while it runs: {lines:?}");
    let acted = acted(at);
    let by = |row: &Value| row["actor"]["name"] == "command line" && row["act"] == "export:read";
    assert!(acted.iter().any(by), "who exported is written down all the same: {acted:?}");

    // An export of a version that still listed them.
    let mut lines = lines;
    let old = json!({ "type": "api_key", "data": { "id": "key_0", "name": "command line", "created_by": null } });
    let tool = json!({ "type": "api_key", "data": { "id": "key_1", "name": "newsroom", "created_by": null } });
    let end = lines.len() - 1;
    lines.splice(end..end, [old, tool]);
    let count = lines.len();
    lines.last_mut().unwrap()["data"]["lines"] = count.into();
    let file = at.join("export.jsonl");
    std::fs::write(&file, lines.iter().map(|line| format!("{line}\n")).collect::<String>()).unwrap();
    let moved = told(at, &["import", "--from", "staygreen", file.to_str().unwrap()]);
    assert_eq!(moved["moved"]["anew"], json!(["API key newsroom"]), "{moved}");
}

#[test]
fn what_only_reads_makes_no_installation() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    for command in [
        &["profile", "list"][..],
        &["mcp"],
        &["export"],
        &["audit", "verify"],
        &["freeze", "list"],
        &["hold", "status"],
        &["user", "list"],
        &["user", "disable", "ada@example.com"],
        &["api-key", "list"],
        &["api-key", "revoke", "key_00000000000000000000000000000000"],
        &["network-app", "list"],
        &["key", "status"],
        &["key", "rotate"],
        &["migrate-to", "sqlite:elsewhere.db"],
    ] {
        let why = failed(at, command);
        assert!(
            why.contains("there is no Staygreen here") && why.contains("STAYGREEN_URL") && why.contains("--config"),
            "{command:?}: {why}"
        );
        assert_eq!(std::fs::read_dir(at).unwrap().count(), 0, "{command:?} makes nothing");
    }
    let looked = said(&run(at, &["doctor"]));
    assert!(looked.contains("note  database") && looked.contains("there is none yet"), "{looked}");
    assert_eq!(std::fs::read_dir(at).unwrap().count(), 0, "looking makes nothing");
    let file = at.join("tokens.csv");
    std::fs::write(&file, "network,access_token\nlinkedin,x\n").unwrap();
    failed(at, &["import", "--from", "csv", "--dry-run", file.to_str().unwrap()]);
    assert_eq!(std::fs::read_dir(at).unwrap().count(), 1, "a dry run leaves nothing");
    done(at, &["user", "create", "--email", "ada@example.com", "--name", "Ada"]);
    assert_eq!(told(at, &["profile", "list"]), json!([]), "and now there is one");
}

#[test]
fn a_server_that_runs_is_administered_through_its_api() {
    let folder = house();
    let at = folder.path();
    let permissions = ["--permission", "users:manage", "--permission", "api_keys:manage", "--permission", "profiles:read"];
    let key = told(at, &[&["api-key", "create", "--name", "operator"], &permissions[..]].concat())["api_key"].as_str().unwrap().to_owned();
    let data = at.join("staygreen-data");
    let server = Running::start(&["serve", "--port", "0"], &[("STAYGREEN_SERVER__DATA_DIR", data.to_str().unwrap())]);
    for command in [&["user", "list"][..], &["api-key", "list"]] {
        let why = failed(at, command);
        assert!(why.contains("another Staygreen already uses") && why.contains("--url") && why.contains("STAYGREEN_API_KEY"), "{why}");
    }
    let why = failed(at, &["network-app", "list"]);
    assert!(why.contains("Settings, Network apps"), "{why}");

    let ask = |arguments: &[&str]| -> (Option<i32>, String, String) {
        let output = shell(at, arguments).args(["--url", server.url(), "--json"]).env("STAYGREEN_API_KEY", &key).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let answer = |arguments: &[&str]| -> Value {
        let (code, printed, why) = ask(arguments);
        assert_eq!(code, Some(0), "{arguments:?}: {why}");
        serde_json::from_str(&printed).unwrap()
    };
    let made = answer(&["user", "create", "--email", "tom@example.com", "--name", "Tom", "--role", "viewer"]);
    assert!(made["link"].as_str().unwrap().contains("/invitation/"), "{made}");
    let of = |list: &Value, field: &str, value: &str| list.as_array().unwrap().iter().find(|one| one[field] == value).unwrap().clone();
    let tom = of(&answer(&["user", "list"]), "email", "tom@example.com");
    assert_eq!((&tom["id"], &tom["role"], &tom["disabled"]), (&made["id"], &json!("viewer"), &json!(false)));
    assert_eq!(answer(&["user", "disable", "Tom@example.com"])["disabled"], true);
    assert_eq!(of(&answer(&["user", "list"]), "email", "tom@example.com")["disabled"], true);
    let (code, _, why) = ask(&["user", "reset-second-factor", "ada@example.com"]);
    assert!(code == Some(1) && why.matches("a company admin does").count() == 1, "no key takes a second factor away: {why}");
    let (code, _, why) = ask(&["user", "disable", "nobody@example.com"]);
    assert!(code == Some(1) && why.contains("there is no user with the address"), "{why}");

    let tool = answer(&["api-key", "create", "--name", "tool", "--permission", "profiles:read", "--expires-in", "30d"]);
    assert!(tool["api_key"].as_str().unwrap().starts_with("sg_"), "{tool}");
    let id = tool["id"].as_str().unwrap();
    assert_eq!(of(&answer(&["api-key", "list"]), "id", id)["revoked"], false);
    assert_eq!(answer(&["api-key", "revoke", id])["revoked"], true);
    assert_eq!(of(&answer(&["api-key", "list"]), "id", id)["revoked"], true);
    let (code, _, why) = ask(&["api-key", "revoke", id]);
    assert!(code == Some(1) && why.contains("revoked already"), "{why}");
    let (code, _, why) = ask(&["api-key", "create", "--name", "more", "--permission", "audit:read"]);
    assert!(code == Some(1) && why.contains("only what it has"), "as whom the key says: {why}");
}

#[test]
fn the_doctor_finds_a_running_server_well_and_a_network_out_of_reach() {
    let folder = house();
    let at = folder.path();
    let sandbox = Running::start(&["sandbox", "--port", "0"], &[]);
    let port = free_port().to_string();
    let network =
        |name: &str, url: &str| format!("[networks.{name}]\nbase_url = \"{url}/{name}\"\nclient_id = \"a\"\nclient_secret = \"b\"\n");
    let config = format!(
        "[server]\nlisten = \"127.0.0.1:{port}\"\ndata_dir = \"staygreen-data\"\n{}{}",
        network("tiktok", "http://127.0.0.1:1"),
        network("xing", sandbox.url())
    );
    let file = at.join("staygreen.toml");
    std::fs::write(&file, config.replace("\"staygreen-data\"", &format!("{:?}", at.join("staygreen-data")))).unwrap();
    let doctor = || {
        let output = run(at, &["doctor", "--config", file.to_str().unwrap()]);
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let lines = |said: &str, title: &str| -> Vec<String> {
        said.lines().filter(|line| line.get(6..).is_some_and(|line| line.starts_with(title))).map(str::to_owned).collect()
    };
    let check_networks = |said: &str| {
        let (tiktok, xing) = (lines(said, "TikTok"), lines(said, "XING"));
        let cut_off = tiktok.iter().any(|line| line.starts_with("FAIL") && line.contains("http://127.0.0.1:1 cannot be reached"));
        assert!(cut_off && tiktok[1].contains("networks.tiktok.base_url"), "{said}");
        assert!(xing.len() == 2 && xing[1].starts_with("ok") && xing[1].contains("can be reached"), "{said}");
    };
    let (code, said) = doctor();
    assert!(code == Some(1) && lines(&said, "database")[0].starts_with("ok"), "{said}");
    check_networks(&said);

    let server = Running::start(&["serve", "--config", file.to_str().unwrap()], &[]);
    let (_, said) = doctor();
    let database = lines(&said, "database")[0].clone();
    assert!(database.starts_with("ok") && database.contains("in use by a running Staygreen") && database.contains(&port), "{said}");
    check_networks(&said);
    drop(server);

    // Whoever holds the file and does not answer is no healthy server.
    let elsewhere = Running::start(&["serve", "--port", "0", "--config", file.to_str().unwrap()], &[]);
    let (_, said) = doctor();
    assert!(lines(&said, "database")[0].starts_with("FAIL") && said.contains("does not answer"), "{said}");
    drop(elsewhere);
}

#[test]
fn who_closes_the_pipe_has_seen_enough() {
    let folder = house();
    let commands: [&[&str]; 7] = [
        &["simulate", "--profiles", "6", "--years", "0.02", "--json"],
        &["api-key", "list"],
        &["user", "list"],
        &["profile", "list"],
        &["export"],
        &["network-app", "list"],
        &["sandbox", "--port", "0"],
    ];
    for command in commands.into_iter().chain([&["doctor"][..]]) {
        let mut child = shell(folder.path(), command).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), said(&output)), (Some(0), String::new()), "{command:?}");
    }
    assert_eq!(told(folder.path(), &["api-key", "list"]), json!([]), "and no key is left");
}

#[tokio::test]
async fn what_comes_to_nothing_is_said() {
    let folder = house();
    let at = folder.path();
    let file = |name: &str, text: &str| {
        std::fs::write(at.join(name), text).unwrap();
        name.to_owned()
    };
    let head = "network,network_id,name,access_token\n";
    let none = failed(at, &["import", "--from", "csv", &file("none.csv", &format!("{head}myspace,1,Old,x\n"))]);
    assert!(none.contains("none of the 1 rows works"), "{none}");
    let empty = failed(at, &["import", "--from", "csv", &file("empty.csv", head), "--json"]);
    assert!(empty.contains("row"), "{empty}");

    let unknown = failed(at, &["profile", "list", "--network", "nonsense"]);
    assert!(unknown.contains("is one of") && unknown.contains("linkedin"), "{unknown}");
    let stored = done(at, &["network-app", "set", "xing", "--client-id", "abc"]);
    assert!(stored.contains("without a client secret") && !stored.contains("sealed"), "{stored}");
    let secret = file("secret", "a secret");
    assert!(done(at, &["network-app", "set", "xing", "--client-id", "abc", "--client-secret-file", &secret]).contains("sealed"));

    let demo = Demo::start();
    let (status, problem) = demo.api("GET", "/profiles?network=nonsense", None).await;
    assert_eq!((status, &problem["field"]), (422, &json!("network")), "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("linkedin"), "{problem}");
}

#[test]
fn what_the_operator_does_stands_in_the_audit() {
    let folder = house();
    let at = folder.path();
    let key = told(at, &["api-key", "create", "--name", "tool", "--permission", "profiles:read"]);
    done(at, &["api-key", "revoke", key["id"].as_str().unwrap()]);
    done(at, &["network-app", "set", "xing", "--client-id", "abc"]);
    done(at, &["user", "reset-second-factor", "ada@example.com"]);
    done(at, &["user", "disable", "ada@example.com"]);
    failed(at, &["user", "disable", "nobody@example.com"]);
    done(at, &["key", "rotate", "--prepare"]);
    done(at, &["key", "rotate"]);
    let told = |rows: &[Value]| -> Vec<(String, String)> {
        let by_operator = rows.iter().filter(|row| row["actor"]["kind"] == "system");
        by_operator.map(|row| (row["act"].as_str().unwrap().into(), row["detail"]["what"].as_str().unwrap().into())).collect()
    };
    let expected = [
        ("users:manage", "user invited"),
        ("api_keys:manage", "created"),
        ("api_keys:manage", "revoked"),
        ("network_apps:manage", "network app set"),
        ("users:manage", "second factor reset"),
        ("users:manage", "user changed"),
        ("api_keys:manage", "sealing key prepared"),
        ("api_keys:manage", "sealing key rotated"),
    ];
    let acted = acted(at);
    assert_eq!(told(&acted), expected.map(|(act, what)| (act.to_owned(), what.to_owned())), "{acted:?}");
    assert_eq!(done(at, &["audit", "verify"]).lines().count(), 1, "and it is whole");
}
