//! Backups taken while the server works, and what a restored one must not do: spend a token that its original has spent since.

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use serde_json::{Value, json};

use crate::nodes::{Site, api_key};
use crate::postgres::Cluster;
use crate::world::{Running, binary, client, eventually, free_port};

const PEOPLE: [(&str, &str); 3] = [("tiktok", "fernweh.outdoor"), ("tiktok", "gipfel.guides"), ("x", "fernwehoutdoor")];

fn command(arguments: &[&str]) -> Output {
    Command::new(binary()).args(arguments).output().unwrap()
}

/// Runs a command that has to end well; what it printed.
fn done(arguments: &[&str]) -> String {
    let output = command(arguments);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

/// Runs a command that has to fail; what it said.
fn refused(arguments: &[&str]) -> String {
    let output = command(arguments);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}");
    String::from_utf8(output.stderr).unwrap()
}

async fn profiles(site: &Site, http: &reqwest::Client, port: u16) -> Vec<Value> {
    let listed = site.api(http, "GET", port, "/profiles", None).await.unwrap();
    listed["items"].as_array().unwrap().clone()
}

/// Asks for a token that lives longer than any: each call renews.
async fn renew_all(site: &Site, http: &reqwest::Client, port: u16) {
    for profile in profiles(site, http, port).await {
        let path = format!("/profiles/{}/access-token?min_ttl=86400", profile["id"].as_str().unwrap());
        site.api(http, "GET", port, &path, None).await;
    }
}

async fn ready(http: &reqwest::Client, server: &Running) -> (u16, String) {
    let answer = http.get(format!("{}/readyz", server.url())).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

/// A site with a server that keeps three grants whose tokens can be used once.
async fn original(folder: &Path, http: &reqwest::Client) -> (Site, u16, Running) {
    let sandbox = Running::start(&["sandbox", "--port", "0"], &[]);
    let mut site = Site::new(sandbox, format!("sqlite:{}", folder.join("one.db").display()), folder);
    let port = free_port();
    site.key = api_key(&site.config(port));
    let server = site.serve(port);
    for (network, username) in PEOPLE {
        site.connect(http, port, network, username).await;
    }
    renew_all(&site, http, port).await;
    (site, port, server)
}

#[tokio::test]
async fn nt_32_a_backup_restored_beside_its_running_original_spends_nothing() {
    let (folder, http) = (tempfile::tempdir().unwrap(), client());
    let (mut site, port, mut server) = original(folder.path(), &http).await;
    let file = folder.path().join("all.backup");
    let file = file.to_str().unwrap();
    let said = done(&["backup", file, "--config", &site.config(port)]);
    assert!(said.contains("rows") && said.contains("key file"), "{said}");
    assert!(refused(&["restore", file, "--config", &site.config(port)]).contains("another Staygreen already uses"), "the server runs");
    renew_all(&site, &http, port).await;
    let (spent, again) = (site.renewed(&http).await, site.presented_again(&http).await);
    assert!(spent >= 2 * PEOPLE.len() && again == 0, "{spent} renewals, {again} presented again");

    // The original goes on; the old copy of it wakes up beside it.
    let copy = free_port();
    site.database = format!("sqlite:{}", folder.path().join("two.db").display());
    let said = done(&["restore", file, "--config", &site.config(copy)]);
    assert!(said.contains("staygreen hold release"), "{said}");
    let restored = site.serve(copy);
    assert_eq!(profiles(&site, &http, copy).await.len(), PEOPLE.len(), "everything is there");
    let (status, line) = ready(&http, &restored).await;
    assert!(status == 503 && line.contains("restored from a backup") && line.contains("staygreen hold release"), "{status} {line}");
    let page = http.get(restored.url()).bearer_auth(&site.key).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("role=\"alert\"") && page.contains("href=\"/settings/freezes\""), "the dashboard says so: {page}");
    for _ in 0..3 {
        renew_all(&site, &http, copy).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(site.presented_again(&http).await, 0, "nothing that was spent is presented again");
    assert_eq!(site.renewed(&http).await, spent, "and nothing that was not");
    let hold = site.api(&http, "GET", copy, "/hold", None).await.unwrap();
    assert!(hold["held"] == true && hold["why"] == "restored", "{hold}");
    renew_all(&site, &http, port).await;
    assert!(profiles(&site, &http, port).await.iter().all(|profile| profile["status"] == "connected"), "the original is unharmed");

    // A backup of its last moment, and the word that it is stopped: everything goes on.
    done(&["backup", file, "--config", &{
        site.database = format!("sqlite:{}", folder.path().join("one.db").display());
        site.config(port)
    }]);
    server.kill();
    let last = free_port();
    site.database = format!("sqlite:{}", folder.path().join("three.db").display());
    done(&["restore", file, "--original-is-stopped", "--config", &site.config(last)]);
    let third = site.serve(last);
    assert_eq!(ready(&http, &third).await.0, 200);
    let before = site.renewed(&http).await;
    eventually("the first of each network is renewed", async || {
        renew_all(&site, &http, last).await;
        site.renewed(&http).await >= before + 2
    })
    .await;
    assert_eq!(site.presented_again(&http).await, 0);
}

#[tokio::test]
async fn nt_32_a_database_file_that_was_put_back_is_known_by_the_mark_beside_it() {
    let (folder, http) = (tempfile::tempdir().unwrap(), client());
    let (site, port, server) = original(folder.path(), &http).await;
    let stop = |mut server: Running| {
        done_signal(&server);
        server.wait();
    };
    stop(server);
    // The database is a file and what was written to it last.
    let copy = |from: &str, to: &str| {
        for end in ["", "-wal"] {
            let (from, to) = (folder.path().join(format!("{from}{end}")), folder.path().join(format!("{to}{end}")));
            let _ = std::fs::remove_file(&to);
            if from.exists() {
                std::fs::copy(from, to).unwrap();
            }
        }
    };
    copy("one.db", "old.db");
    let (server, http) = (site.serve(port), client());
    assert_eq!(ready(&http, &server).await.0, 200, "a database that goes on where it stopped is not held");
    renew_all(&site, &http, port).await;
    let spent = site.renewed(&http).await;
    stop(server);
    copy("old.db", "one.db");
    let _ = std::fs::remove_file(folder.path().join("one.db-shm"));
    let (server, http) = (site.serve(port), client());
    let (status, line) = ready(&http, &server).await;
    assert!(status == 503 && line.contains("older than it was"), "{status} {line}");
    renew_all(&site, &http, port).await;
    assert_eq!((site.renewed(&http).await, site.presented_again(&http).await), (spent, 0));

    let released = site.api(&http, "POST", port, "/hold/release", None).await.unwrap();
    assert!(released["held"] == false && released["networks"].as_array().unwrap().len() == 2, "{released}");
    assert_eq!(ready(&http, &server).await.0, 200);
    eventually("the first of each network goes", async || {
        renew_all(&site, &http, port).await;
        site.presented_again(&http).await >= 2
    })
    .await;
    let again = site.api(&http, "POST", port, "/hold/release", None).await.unwrap();
    assert_eq!(again["status"], 409, "once: {again}");
}

#[tokio::test]
async fn everything_moves_to_postgresql_and_what_is_left_behind_spends_nothing() {
    let Some(cluster) = Cluster::start() else { return };
    let (folder, http) = (tempfile::tempdir().unwrap(), client());
    let (mut site, port, server) = original(folder.path(), &http).await;
    let (old, new) = (site.database.clone(), cluster.new_database());
    assert!(refused(&["migrate-to", &new, "--config", &site.config(port)]).contains("another Staygreen already uses"));
    let before = profiles(&site, &http, port).await;
    let mut server = server;
    done_signal(&server);
    server.wait();
    let said = done(&["migrate-to", &new, "--config", &site.config(port)]);
    assert!(said.contains("rows moved"), "{said}");
    assert!(refused(&["migrate-to", &new, "--config", &site.config(port)]).contains("not empty"));

    site.database = new;
    let there = free_port();
    let moved = site.serve(there);
    let ids = |listed: &[Value]| listed.iter().map(|profile| json!([profile["id"], profile["name"]])).collect::<Vec<_>>();
    assert_eq!(ids(&profiles(&site, &http, there).await), ids(&before));
    assert_eq!(ready(&http, &moved).await.0, 200);
    let renewed = site.renewed(&http).await;
    renew_all(&site, &http, there).await;
    assert!(site.renewed(&http).await >= renewed + PEOPLE.len(), "the tokens came along");

    site.database = old;
    let (behind, http) = (site.serve(port), client());
    let (status, line) = ready(&http, &behind).await;
    assert!(status == 503 && line.contains("another database"), "{status} {line}");
    renew_all(&site, &http, port).await;
    assert_eq!(site.presented_again(&http).await, 0);
}

#[test]
fn what_is_no_whole_backup_is_refused_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("staygreen.toml");
    std::fs::write(&config, format!("[server]\ndata_dir = \"{}\"\n", folder.path().join("data").display())).unwrap();
    let config = config.to_str().unwrap();
    let file = folder.path().join("some.backup");
    let at = file.to_str().unwrap();
    let restore = || refused(&["restore", at, "--config", config]);
    assert!(refused(&["backup", at, "--config", config]).contains("no database"), "nothing is there yet");
    done(&["user", "create", "--email", "jana@example.com", "--name", "Jana", "--config", config]);
    done(&["backup", at, "--config", config]);
    let whole = std::fs::read_to_string(&file).unwrap();
    assert!(whole.contains("jana@example.com"));
    assert!(restore().contains("not empty"));

    std::fs::remove_file(folder.path().join("data/staygreen.db")).unwrap();
    let mut cut: Vec<&str> = whole.lines().collect();
    cut.pop();
    for (broken, words) in [
        (String::new(), "no backup"),
        ("SQLite format 3\u{0}".into(), "no backup"),
        (cut.join("\n"), "damaged"),
        (whole.replace("jana@example.com", "eve@example.com"), "damaged"),
        (whole.replace("\"staygreen_backup\":1", "\"staygreen_backup\":9"), "format 9"),
    ] {
        std::fs::write(&file, broken).unwrap();
        let said = restore();
        assert!(said.contains(words), "{words}: {said}");
    }
    std::fs::write(&file, &whole).unwrap();
    done(&["restore", at, "--config", config]);
    assert!(done(&["user", "list", "--config", config]).contains("jana@example.com"));

    // With another key file nothing opens, and it says so before anything is sent.
    std::fs::remove_file(folder.path().join("data/staygreen.db")).unwrap();
    std::fs::remove_file(folder.path().join("data/keys.toml")).unwrap();
    assert!(restore().contains("key file"));
}

fn done_signal(server: &Running) {
    let pid = server.ready["pid"].to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
}
