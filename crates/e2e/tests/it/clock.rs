//! G28: the clock of the machine is set by a day while the real binary runs.

use crate::pds::MovedClock;
use crate::world::{Running, client, eventually};

#[tokio::test]
async fn g28_a_clock_set_by_a_day_is_said_at_readyz_until_it_is_right() {
    let clock = MovedClock::new("the clock that is set while the server runs");
    if clock.library.is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("staygreen.toml");
    let data = folder.path().join("data");
    let text = format!("[server]\nlisten = \"127.0.0.1:0\"\ndata_dir = \"{}\"\n[keeper]\npoll_every = \"500 ms\"\n", data.display());
    std::fs::write(&file, text).unwrap();
    let environment = clock.environment();
    let environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let server = Running::start(&["serve", "--config", file.to_str().unwrap()], &environment);
    let http = client();
    let says = async |status: u16, words: &str| {
        let answer = http.get(format!("{}/readyz", server.url())).send().await.unwrap();
        answer.status() == status && answer.text().await.unwrap().contains(words)
    };
    eventually("ready", async || says(200, "").await).await;
    for (offset, words) in [("+1d", "set forward by 2"), ("-1d", "set back by 2")] {
        clock.set(offset);
        eventually(words, async || says(503, words).await).await;
        clock.set("+0");
        eventually("ready again", async || says(200, "").await).await;
    }
}
