//! NF-06: the dead-man signal, as whoever watches sees it.

use std::process::Command;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::world::{Running, binary, eventually};

/// Answers everything with an error, and notes what was asked: a watcher in trouble stops nothing.
async fn watcher() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (url, asked) = (format!("http://{}/ping/canary-0f1e", listener.local_addr().unwrap()), Arc::new(Mutex::new(vec![])));
    let seen = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut buffer = [0; 4096];
            let read = stream.read(&mut buffer).await.unwrap_or(0);
            if read > 0 {
                let line = String::from_utf8_lossy(&buffer[..read]).lines().next().unwrap_or_default().to_owned();
                seen.lock().unwrap().push(line);
                let _ = stream.write_all(b"HTTP/1.1 500 Oops\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await;
            }
        }
    });
    (url, asked)
}

#[tokio::test]
async fn nf_06_a_full_pass_is_told_to_whoever_watches_and_a_failure_stops_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (url, asked) = watcher().await;
    let file = folder.path().join("staygreen.toml");
    let text = format!(
        "[server]\nlisten = \"127.0.0.1:0\"\ndata_dir = \"{}\"\n[keeper]\npoll_every = \"100 ms\"\n[monitoring]\nping_url = \"{url}\"\n",
        folder.path().join("data").display()
    );
    std::fs::write(&file, text).unwrap();
    let config = file.to_str().unwrap();
    let log = folder.path().join("log");
    let server = Running::start_logging(&["serve", "--config", config], &log, &[]);
    let pings = || asked.lock().unwrap().clone();
    eventually("a ping", async || !pings().is_empty()).await;
    assert_eq!(pings()[0], "GET /ping/canary-0f1e HTTP/1.1");
    let said = || std::fs::read_to_string(&log).unwrap();
    eventually("the failure is in the log", async || said().contains("answered 500")).await;
    assert!(!said().contains("canary-0f1e"), "the address is a secret");
    let alive = crate::world::client().get(format!("{}/readyz", server.url())).send().await.unwrap();
    assert_eq!(alive.status(), 200, "and nothing else is the matter");
    assert_eq!(pings().len(), 1, "at most one a minute, though the keeper passes ten times a second");
    drop(server);

    let doctor = |config: &str| {
        let output = Command::new(binary()).args(["doctor", "--config", config]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let said = doctor(config);
    assert!(said.contains("dead-man ping") && said.contains("127.0.0.1 can be reached") && !said.contains("canary-0f1e"), "{said}");
    assert_eq!(pings().len(), 1, "looking is no ping");
    let gone = folder.path().join("gone.toml");
    let text = std::fs::read_to_string(&file).unwrap().replace(&url, "http://127.0.0.1:1/ping");
    std::fs::write(&gone, text).unwrap();
    let said = doctor(gone.to_str().unwrap());
    assert!(said.contains("FAIL  dead-man ping") && said.contains("monitoring.ping_url"), "{said}");
}

#[test]
fn the_doctor_says_when_the_version_of_an_api_has_ended() {
    let folder = tempfile::tempdir().unwrap();
    let doctor = |ends: &str| {
        let file = folder.path().join("staygreen.toml");
        let text = format!(
            "[server]\nlisten = \"127.0.0.1:0\"\ndata_dir = \"{}\"\n[networks.linkedin]\nclient_id = \"a\"\nclient_secret = \"b\"\noptions = {{ version_ends = \"{ends}\" }}\n",
            folder.path().join("data").display()
        );
        std::fs::write(&file, text).unwrap();
        let output = Command::new(binary()).args(["doctor", "--config", file.to_str().unwrap()]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let line = |said: &str| said.lines().find(|line| line.contains("options.version")).unwrap_or_else(|| panic!("{said}")).to_owned();
    let over = line(&doctor("2026-01-15"));
    assert!(over.starts_with("FAIL  LinkedIn") && over.contains("on 2026-01-15"), "{over}");
    let ahead = line(&doctor("2999-01-15"));
    assert!(ahead.starts_with("note  LinkedIn") && ahead.contains("on 2999-01-15"), "{ahead}");
}
