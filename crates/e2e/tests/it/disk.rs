//! A disk that runs full under the database and the spool: nothing is spent, the operator is told, all goes on by itself.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::nodes::{Site, api_key};
use crate::world::{Running, client, eventually, free_port};

/// A file system of a few megabytes, gone with the test.
struct Small(tempfile::TempDir);

impl Small {
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=16m", "tmpfs"]).arg(folder.path()).output();
        mounted.is_ok_and(|output| output.status.success()).then_some(Self(folder))
    }

    fn filler(&self) -> PathBuf {
        self.0.path().join("filler")
    }

    /// Until not one byte more fits.
    fn fill(&self) {
        let mut file = std::fs::File::create(self.filler()).unwrap();
        for size in [4096, 1] {
            while file.write_all(&vec![b'x'; size]).is_ok() {}
        }
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[tokio::test]
async fn a_full_disk_spends_nothing_says_what_to_do_and_heals_by_itself() {
    let Some(small) = Small::mount() else {
        return crate::skipped("the test of a full disk: a tmpfs cannot be mounted here (not root)");
    };
    let sandbox = Running::start(&["sandbox", "--port", "0"], &[]);
    let database = format!("sqlite:{}", small.0.path().join("staygreen.db").display());
    let mut site = Site::new(sandbox, database, Path::new(small.0.path()));
    let port = free_port();
    // The key is made while no server holds the file.
    site.key = api_key(&site.config(port));
    let server = site.serve(port);
    let http = client();
    let lend = format!("{}?min_ttl=86400", site.lends(&http, port).await);
    site.api(&http, "GET", port, &lend, None).await;
    let before = site.renewed(&http).await;
    assert!(before >= 1, "it renews while there is room");

    small.fill();
    let ready = async || http.get(format!("{}/readyz", server.url())).send().await.unwrap();
    eventually("the operator is told", async || {
        let answer = ready().await;
        answer.status() == 503 && answer.text().await.unwrap().contains("disk")
    })
    .await;
    for _ in 0..5 {
        site.api(&http, "GET", port, &lend, None).await;
    }
    assert_eq!(site.renewed(&http).await, before, "nothing was spent while nothing could be stored");

    std::fs::remove_file(small.filler()).unwrap();
    eventually("ready again", async || ready().await.status() == 200).await;
    site.api(&http, "GET", port, &lend, None).await;
    assert!(site.renewed(&http).await > before, "and renews again");
    let listed = site.api(&http, "GET", port, "/profiles", None).await.unwrap();
    assert_eq!(listed["items"][0]["status"], "connected", "{listed}");
}

/// How many rows the audit has of tokens that were handed out, and whether it is whole.
async fn rows(site: &Site, http: &reqwest::Client, port: u16) -> (usize, Value) {
    let url = format!("http://127.0.0.1:{port}/api/v1/audit/export");
    let exported = http.get(url).bearer_auth(&site.key).send().await.unwrap().text().await.unwrap();
    let verified = site.api(http, "GET", port, "/audit/verify", None).await.unwrap();
    (exported.lines().filter(|line| line.contains("\"tokens:read\"")).count(), verified["findings"].clone())
}

/// Asks for a token again and again until it is refused; how many were handed out.
pub(crate) async fn lent_until_refused(site: &Site, http: &reqwest::Client, port: u16, path: &str) -> usize {
    // The journal of the database may have room of its own left, for a few thousand rows at the most.
    for lent in 0..5_000 {
        let answer = site.api(http, "GET", port, path, None).await.unwrap();
        if !answer["access_token"].is_string() {
            assert_eq!((answer["status"].as_u64(), answer["access_token"].as_str()), (Some(503), None), "{answer}");
            assert!(answer["type"].as_str().is_some_and(|kind| kind.ends_with("storage_unavailable")), "{answer}");
            return lent;
        }
    }
    panic!("tokens are handed out although nothing can be stored");
}

#[tokio::test]
async fn on_a_full_disk_no_token_is_handed_out_without_its_row() {
    let Some(small) = Small::mount() else {
        return crate::skipped("the test of handing out on a full disk: a tmpfs cannot be mounted here (not root)");
    };
    let sandbox = Running::start(&["sandbox", "--port", "0"], &[]);
    let mut site = Site::new(sandbox, format!("sqlite:{}", small.0.path().join("staygreen.db").display()), Path::new(small.0.path()));
    let port = free_port();
    site.key = api_key(&site.config(port));
    let _server = site.serve(port);
    let http = client();
    let lend = site.lends(&http, port).await;
    assert!(site.api(&http, "GET", port, &lend, None).await.unwrap()["access_token"].is_string());

    small.fill();
    let lent = 1 + lent_until_refused(&site, &http, port, &lend).await;
    std::fs::remove_file(small.filler()).unwrap();
    eventually("handed out again", async || {
        site.api(&http, "GET", port, &lend, None).await.is_some_and(|lent| lent["access_token"].is_string())
    })
    .await;
    let (rows, findings) = rows(&site, &http, port).await;
    assert_eq!((rows, findings), (lent + 1, serde_json::json!([])), "a row for each token that was handed out, and no other");
}
