//! Monitoring, and that no token shows anywhere: every token of a working house is looked for in everything it leaves behind.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use lifecycle::ledger::Ledger as _;
use lifecycle::time::{Span, Timestamp};
use serde_json::Value;
use store::Store;
use store::seal::Keyring;

use crate::nodes::{Site, api_key};
use crate::traces::spans;
use crate::webhooks::Receiver;
use crate::world::{Demo, Running, client, encoded, eventually, free_port};

const PEOPLE: [(&str, &str); 3] = [("tiktok", "fernweh.outdoor"), ("tiktok", "gipfel.guides"), ("x", "fernwehoutdoor")];

async fn metrics(url: &str, key: &str) -> (u16, String) {
    let request = client().get(format!("{url}/metrics"));
    let request = if key.is_empty() { request } else { request.bearer_auth(key) };
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

/// The value of a line.
fn value(text: &str, name: &str) -> Option<f64> {
    let line = text.lines().find(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(' ')))?;
    line.rsplit(' ').next()?.parse().ok()
}

#[tokio::test]
async fn metrics_say_how_many_and_never_who_and_not_to_everybody() {
    let demo = Demo::start();
    let (url, key) = (demo.text("url"), demo.text("api_key"));
    let (status, refused) = metrics(&url, "").await;
    assert!(status == 401 && refused.contains("\"type\""), "{status} {refused}");
    let narrow = serde_json::json!({ "name": "narrow", "permissions": ["profiles:read"] });
    let (_, made) = demo.api("POST", "/api-keys", Some(narrow)).await;
    assert_eq!(metrics(&url, made["api_key"].as_str().unwrap()).await.0, 403);

    let connected = demo.profiles("linkedin").await.iter().filter(|profile| profile["status"] == "connected").count();
    let (status, text) = metrics(&url, &key).await;
    assert_eq!(status, 200, "{text}");
    let seen = value(&text, "staygreen_profiles{network=\"linkedin\",status=\"connected\"}");
    let connected = f64::from(u32::try_from(connected).unwrap());
    assert!(seen.is_some_and(|seen| (seen - connected).abs() < 0.5) && connected > 0.5, "{seen:?} of {connected}");
    for name in ["staygreen_due_grants", "staygreen_open_attempts", "staygreen_alarms", "staygreen_messages_waiting{channel=\"mail\"}"] {
        assert!(value(&text, name).is_some(), "{name} in {text}");
    }
    for profile in demo.profiles("linkedin").await {
        assert!(!text.contains(profile["name"].as_str().unwrap()) && !text.contains(profile["id"].as_str().unwrap()), "{text}");
    }
    demo.api("POST", &format!("/profiles/{}/check", demo.profiles("linkedin").await[0]["id"].as_str().unwrap()), None).await;
    let (_, text) = metrics(&url, &key).await;
    assert!(value(&text, "staygreen_checks_total{network=\"linkedin\",outcome=\"works\"}").is_some_and(|n| n >= 1.0), "{text}");
    assert!(text.contains("route=\"/api/v1/profiles/{id}/check\""), "routes, not addresses: {text}");
}

/// A process that breaks off leaves no copy of its memory, whatever the shell it was started from allows.
#[test]
fn nt_15_no_memory_is_left_behind_by_a_crash() {
    use std::os::unix::process::ExitStatusExt as _;
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let config = folder.path().join("staygreen.toml");
    std::fs::write(&config, format!("[server]\nlisten = \"127.0.0.1:0\"\ndata_dir = \"{}\"\n", data.display())).unwrap();
    let arguments = ["serve", "--config", config.to_str().unwrap()];
    let mut server = Running::start_dumping(folder.path(), &arguments, &folder.path().join("log"));
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", server.ready["pid"])).unwrap();
    let cores = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(cores.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"], "{cores}");
    let ended = server.abort();
    assert_eq!((ended.signal(), ended.core_dumped()), (Some(6), false), "{ended}");
    let left: Vec<String> =
        std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert!(!left.iter().any(|name| name.starts_with("core")), "{left:?}");
}

/// In how many ways a secret can stand in a text: whole, encoded, and in part.
fn forms(secret: &str) -> Vec<Vec<u8>> {
    let mut forms = vec![encoded(secret), STANDARD_NO_PAD.encode(secret), URL_SAFE_NO_PAD.encode(secret)];
    forms.push(serde_json::to_string(secret).unwrap().trim_matches('"').to_owned());
    let bytes = secret.as_bytes();
    // What many tokens begin with alike says nothing; the middle and the end do.
    let parts = [bytes.len() / 2, bytes.len() - 12].map(|from| bytes[from..from + 12].to_vec());
    forms.into_iter().map(String::into_bytes).chain(parts).collect()
}

fn holds(hay: &[u8], needle: &[u8]) -> bool {
    hay.windows(needle.len()).any(|window| window == needle)
}

fn files(folder: &Path, found: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push((path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(&path).unwrap()));
        }
    }
}

#[tokio::test]
async fn nt_15_no_token_stands_in_log_database_spool_backup_metrics_history_traces_or_page() {
    let (folder, http) = (tempfile::tempdir().unwrap(), client());
    let sandbox = Running::start(&["sandbox", "--port", "0"], &[]);
    let database = format!("sqlite:{}", folder.path().join("one.db").display());
    let mut site = Site::new(sandbox, database.clone(), folder.path());
    let port = free_port();
    let config = site.config(port);
    site.key = api_key(&config);
    let log = folder.path().join("server.log");
    let collector = Receiver::start().await;
    let told = [("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url.as_str()), ("OTEL_BSP_SCHEDULE_DELAY", "100")];
    let mut server = Running::start_logging(&["serve", "--config", &config], &log, &told);
    for (network, username) in PEOPLE {
        site.connect(&http, port, network, username).await;
    }
    let listed = site.api(&http, "GET", port, "/profiles", None).await.unwrap();
    let mut secrets = vec![site.key.clone()];
    for life in ["0", "86400", "86400"] {
        for profile in listed["items"].as_array().unwrap() {
            let path = format!("/profiles/{}/access-token?min_ttl={life}", profile["id"].as_str().unwrap());
            let lent: Value = site.api(&http, "GET", port, &path, None).await.unwrap();
            secrets.extend(lent["access_token"].as_str().map(str::to_owned));
        }
    }
    let bad = http.get(format!("{}/api/v1/profiles", server.url())).bearer_auth(format!("{}x", site.key)).send().await.unwrap();
    assert_eq!(bad.status(), 401);
    let mut shown = vec![("bad key".to_owned(), bad.bytes().await.unwrap().to_vec())];
    for path in ["/profiles", "/events", "/hold"] {
        let answer = site.api(&http, "GET", port, path, None).await.unwrap();
        shown.push((path.into(), answer.to_string().into_bytes()));
    }
    let backup = folder.path().join("all.backup");
    let taken = std::process::Command::new(crate::world::binary()).args(["backup", backup.to_str().unwrap(), "--config", &config]).output();
    assert!(taken.unwrap().status.success());
    eventually("spans arrive", async || spans(&collector).len() > 20).await;
    server.kill();
    shown.extend(collector.at("/v1/traces").into_iter().map(|came| ("traces".to_owned(), came.bytes)));

    // What nobody is ever handed: the refresh tokens.
    let store = Store::open(&database, Keyring::open_or_create(&folder.path().join("keys.toml")).unwrap()).await.unwrap();
    let far = Timestamp::from_seconds(4_000_000_000);
    for claim in store.claim_due(&store::ids::fresh(), far, Span::hours(1), 100).await.unwrap() {
        secrets.push(claim.tokens.access_token.expose().to_owned());
        secrets.extend(claim.tokens.refresh_token.iter().map(|token| token.expose().to_owned()));
    }
    drop(store);
    assert!(secrets.len() >= 7 && secrets.iter().all(|secret| secret.len() > 20), "{} secrets", secrets.len());

    let mut left = vec![];
    files(folder.path(), &mut left);
    left.extend(shown);
    assert!(left.iter().any(|(name, bytes)| name == "server.log" && bytes.len() > 1000), "the log says a lot");
    assert!(left.iter().any(|(name, _)| name == "all.backup") && left.iter().any(|(name, _)| name.starts_with("slot-")));
    for (name, bytes) in &left {
        for secret in &secrets {
            for form in forms(secret) {
                assert!(!holds(bytes, &form), "{name} holds a secret in some form");
            }
        }
    }
}
