//! RF-43: a disk that fails under the database while an answer is on its way. The answer is kept beside it, the process ends and says
//! why, and the next one goes on without a second spending.

use std::process::Command;

use serde_json::{Value, json};

use crate::disk::lent_until_refused;
use crate::nodes::{Site, api_key};
use crate::world::{Running, client, eventually, free_port};

/// From now on no file of that process may grow, or be written, beyond so many bytes: the system answers EFBIG, which SQLite reports as
/// a write that failed.
fn fail_writes_beyond(process: &Running, bytes: u64) -> bool {
    let pid = process.ready["pid"].to_string();
    Command::new("prlimit").args(["--pid", &pid, &format!("--fsize={bytes}")]).status().is_ok_and(|status| status.success())
}

#[tokio::test]
async fn rf_43_a_failed_write_ends_the_process_after_the_answer_was_kept_and_the_next_start_brings_it_in() {
    let folder = tempfile::tempdir().unwrap();
    let sandbox = Running::start(&["sandbox", "--port", "0"], &[]);
    let control = sandbox.url().to_owned();
    let mut site = Site::new(sandbox, format!("sqlite:{}", folder.path().join("staygreen.db").display()), folder.path());
    let port = free_port();
    site.key = api_key(&site.config(port));
    let log = folder.path().join("log");
    let mut server = Running::start_deaf_to_file_limits(&["serve", "--config", &site.config(port)], &log);
    let http = client();
    let lend = format!("{}?min_ttl=86400", site.lends(&http, port).await);
    let before = site.renewed(&http).await;
    let mood = async |mood: &str| {
        let body = json!({ "network": "tiktok", "mood": mood });
        let answer = http.post(format!("{control}/control/api/mood")).json(&body).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
    };
    mood("slow").await;
    // The intent is stored; while the network takes its time, the disk goes.
    let asking = site.api(&http, "GET", port, &lend, None);
    let failing = async {
        eventually("the network was asked", async || site.renewed(&http).await > before).await;
        fail_writes_beyond(&server, 20_000)
    };
    let (_, failed) = tokio::join!(asking, failing);
    if !failed {
        return crate::skipped("the test of a failing disk: prlimit is not here");
    }
    let code = server.wait_for_code().await;
    let said = std::fs::read_to_string(&log).unwrap();
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("check the disk"), "{said}");

    mood("normal").await;
    let spent = site.renewed(&http).await;
    let _next = site.serve(port);
    eventually("connected and lent", async || {
        let lent = site.api(&http, "GET", port, lend.split('?').next().unwrap(), None).await;
        lent.is_some_and(|lent| lent["access_token"].is_string())
    })
    .await;
    assert_eq!(site.presented_again(&http).await, 0, "nothing was spent twice");
    assert_eq!(site.renewed(&http).await, spent, "the answer that was on its way is the one that is used");
    let listed: Value = site.api(&http, "GET", port, "/profiles", None).await.unwrap();
    assert_eq!(listed["items"][0]["status"], "connected", "{listed}");
}

#[tokio::test]
async fn on_a_disk_that_takes_no_more_writes_no_token_is_handed_out_and_the_server_ends() {
    let folder = tempfile::tempdir().unwrap();
    let sandbox = Running::start(&["sandbox", "--port", "0"], &[]);
    let mut site = Site::new(sandbox, format!("sqlite:{}", folder.path().join("staygreen.db").display()), folder.path());
    let port = free_port();
    site.key = api_key(&site.config(port));
    let log = folder.path().join("log");
    let mut server = Running::start_deaf_to_file_limits(&["serve", "--config", &site.config(port)], &log);
    let http = client();
    let lend = site.lends(&http, port).await;
    let of_before = site.api(&http, "GET", port, &lend, None).await.unwrap();
    assert!(of_before["access_token"].is_string(), "{of_before}");
    // As a file system that turned read-only under the server: what is there can be read, nothing is written.
    if !fail_writes_beyond(&server, 20_000) {
        return crate::skipped("the test of handing out on a disk that takes no writes: prlimit is not here");
    }
    assert_eq!(lent_until_refused(&site, &http, port, &lend).await, 0);
    let code = server.wait_for_code().await;
    let said = std::fs::read_to_string(&log).unwrap();
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("check the disk"), "{said}");
    let _next = site.serve(port);
    let lent = site.api(&http, "GET", port, &lend, None).await.unwrap();
    assert_eq!(lent["access_token"], of_before["access_token"], "the next start hands out as before");
}
