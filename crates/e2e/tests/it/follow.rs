//! The audit on its way to whoever collects logs.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use crate::crash::{House, Moment};
use crate::world::{binary, client, eventually};

/// A program that follows the audit, and the rows it printed.
struct Follower {
    child: std::process::Child,
    rows: Arc<Mutex<Vec<Value>>>,
    reads: Option<std::thread::JoinHandle<()>>,
}

impl Follower {
    fn start(house: &House, state: &std::path::Path) -> Self {
        let mut command = std::process::Command::new(binary());
        command.args(["audit", "follow", "--after", "0", "--state", state.to_str().unwrap(), "--url", house.server.url()]);
        let mut child = command.env("STAYGREEN_API_KEY", &house.key).stdout(std::process::Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let rows = Arc::new(Mutex::new(vec![]));
        let seen = Arc::clone(&rows);
        let reads = std::thread::spawn(move || {
            // Only the last line may be cut, by its end.
            for row in lines.map_while(Result::ok).map_while(|line| serde_json::from_str(&line).ok()) {
                seen.lock().unwrap().push(row);
            }
        });
        Self { child, rows, reads: Some(reads) }
    }

    /// Until it has printed an act of that kind so many times.
    async fn until(&self, act: &str, times: usize) {
        eventually(act, async || self.rows.lock().unwrap().iter().filter(|row: &&Value| row["act"] == act).count() == times).await;
    }

    /// Killed, and all that it has printed: in order.
    fn killed(mut self) -> Vec<Value> {
        self.child.kill().unwrap();
        self.reads.take().unwrap().join().unwrap();
        let rows = self.rows.lock().unwrap().clone();
        assert!(rows.is_sorted_by(|one, next| one["position"].as_i64() < next["position"].as_i64()), "{rows:?}");
        rows
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A SIEM's way in: every row in order, over a killed server and a killed follower.
#[tokio::test]
async fn the_audit_is_followed_over_breaks_and_no_row_is_missed() {
    let mut house = House::build().await;
    let page = house.connect("linkedin", "jana.lindner").await;
    let path = format!("/profiles/{page}/posts");
    let state = house.folder.path().join("followed");
    let follower = Follower::start(&house, &state);
    assert_eq!(house.again(&path, "k-0", &json!({ "text": "One" })).await.0, 201);
    follower.until("posts:write", 1).await;
    // The server dies in the middle of an act, and is back; so is the line.
    house.killed(Moment::Done, "/rest/posts", house.post(&path, "k-1", &json!({ "text": "Two" }))).await;
    assert_eq!(house.again(&path, "k-2", &json!({ "text": "Three" })).await.0, 201);
    follower.until("posts:write", 3).await;
    let seen = follower.killed();
    // What happens while nobody follows is told to whoever goes on; what was printed last, and not remembered yet, comes again.
    assert_eq!(house.again(&path, "k-3", &json!({ "text": "Four" })).await.0, 201);
    let follower = Follower::start(&house, &state);
    let four = async || follower.rows.lock().unwrap().iter().any(|row: &Value| row["act"] == "posts:write" && !seen.contains(row));
    eventually("the fourth", four).await;
    let more = follower.killed();
    let first = seen.iter().find(|row| row["act"] == "posts:write").unwrap();
    assert!(!more.contains(first), "it began after what was remembered: {more:?}");
    let by_position =
        |rows: Vec<Value>| -> BTreeMap<i64, Value> { rows.into_iter().map(|row| (row["position"].as_i64().unwrap(), row)).collect() };
    let followed = by_position([seen, more].concat());
    let (_, listed) = house.api("GET", "/audit?limit=500", None).await;
    let mut listed = by_position(listed["items"].as_array().unwrap().clone());
    listed.retain(|position, _| followed.last_key_value().is_some_and(|(last, _)| position <= last));
    assert_eq!(followed, listed, "every row, as it is listed");

    // A quiet line is alive.
    let url = format!("{}/api/v1/audit/stream", house.server.url());
    let mut line = client().get(&url).bearer_auth(&house.key).send().await.unwrap();
    let mut came = String::new();
    eventually("an empty line", async || {
        let piece = tokio::time::timeout(Duration::from_secs(1), line.chunk()).await;
        came.extend(piece.map(|piece| String::from_utf8(piece.unwrap().unwrap().to_vec()).unwrap()));
        came.ends_with("}\n\n") || came == "\n"
    })
    .await;

    // Whoever may not is told so, and the program ends.
    let mut command = std::process::Command::new(binary());
    command.args(["audit", "follow", "--url", house.server.url()]).env("STAYGREEN_API_KEY", "sg_wrong");
    let refused = command.output().unwrap();
    assert!(refused.status.code() == Some(1) && refused.stdout.is_empty(), "{refused:?}");
}
