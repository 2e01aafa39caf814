//! A disk that runs full under the database and the spool: nothing is spent, the operator is told, all goes on by itself.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

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
    site.connect(&http, port, "tiktok", "fernweh.outdoor").await;
    let listed = site.api(&http, "GET", port, "/profiles", None).await.unwrap();
    let lend = format!("/profiles/{}/access-token?min_ttl=86400", listed["items"][0]["id"].as_str().unwrap());
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
