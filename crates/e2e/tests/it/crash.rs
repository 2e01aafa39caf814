//! The server is killed in the middle of an act: before the network has it, after it and before its answer came, and after the answer
//! and before that is written down. Nothing is said twice, nothing is passed over, and the audit has every act.

use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc};

use crate::authorised::call;
use crate::world::{Running, binary, client, encoded, free_port};

/// When the server dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// It has sent the call, which does not reach the network.
    Sent,
    /// The network has done it, and its answer is not there yet.
    Done,
    /// The answer is there, and not written down.
    Answered,
}

/// Stands between the server and its networks. Everything goes through, but for one call that it was told to stop.
pub(crate) struct Gate {
    pub(crate) port: u16,
    armed: Arc<Mutex<Option<(&'static str, Moment)>>>,
    happened: mpsc::UnboundedReceiver<()>,
    go_on: Arc<Notify>,
}

impl Gate {
    pub(crate) async fn open(to: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (tell, happened) = mpsc::unbounded_channel();
        let (armed, go_on) = (Arc::new(Mutex::new(None)), Arc::new(Notify::new()));
        let gate = Self { port: listener.local_addr().unwrap().port(), armed: Arc::clone(&armed), happened, go_on: Arc::clone(&go_on) };
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let (armed, tell, go_on) = (Arc::clone(&armed), tell.clone(), Arc::clone(&go_on));
                tokio::spawn(async move {
                    let Some(request) = whole(&mut stream).await else { return };
                    let line = request.split(|byte| *byte == b'\r').next().map(String::from_utf8_lossy).unwrap_or_default().into_owned();
                    let hit = {
                        let mut armed = armed.lock().unwrap();
                        let hit = armed.is_some_and(|(path, _)| line.starts_with("POST ") && line.contains(path));
                        if hit { armed.take() } else { None }
                    };
                    let mut moment = hit.map(|(_, moment)| moment);
                    if moment == Some(Moment::Sent) {
                        tell.send(()).unwrap();
                        return pending().await;
                    }
                    let answer = forwarded(to, &request).await;
                    if hit.is_some() && !answer.starts_with(b"HTTP/1.1 2") {
                        // Refused for now (a proof needs a newer nonce): it comes again.
                        *armed.lock().unwrap() = hit;
                        moment = None;
                    }
                    match moment {
                        Some(Moment::Done) => {
                            tell.send(()).unwrap();
                            return pending().await;
                        }
                        Some(_) => {
                            tell.send(()).unwrap();
                            go_on.notified().await;
                        }
                        None => {}
                    }
                    let _ = stream.write_all(&answer).await;
                    let _ = stream.shutdown().await;
                    // The other side closes when it has read all of it.
                    let _ = stream.read_to_end(&mut vec![]).await;
                    if moment.is_some() {
                        tell.send(()).unwrap();
                    }
                });
            }
        });
        gate
    }

    pub(crate) fn stop(&self, path: &'static str, moment: Moment) {
        *self.armed.lock().unwrap() = Some((path, moment));
    }

    pub(crate) async fn happened(&mut self) {
        self.happened.recv().await.unwrap();
    }
}

/// A request with its body; none when the other side had nothing to say.
async fn whole(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut bytes = vec![];
    loop {
        if let Some(head) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let text = String::from_utf8_lossy(&bytes[..head]).to_lowercase();
            let length =
                text.split("content-length: ").nth(1).and_then(|rest| rest.lines().next()).map_or(0, |n| n.trim().parse().unwrap());
            if bytes.len() >= head + 4 + length {
                return Some(bytes);
            }
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}

/// What the network answers, until it closes.
async fn forwarded(to: u16, request: &[u8]) -> Vec<u8> {
    let head = request.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let mut network = TcpStream::connect(("127.0.0.1", to)).await.unwrap();
    network.write_all(&[&request[..head], b"\r\nconnection: close", &request[head..]].concat()).await.unwrap();
    let mut answer = vec![];
    network.read_to_end(&mut answer).await.unwrap();
    answer
}

/// A server that can be killed alone, behind the gate.
pub(crate) struct House {
    pub(crate) folder: tempfile::TempDir,
    sandbox: Running,
    gate: Gate,
    pub(crate) server: Running,
    pub(crate) key: String,
}

impl House {
    pub(crate) async fn build() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let sandbox = Running::start(&["sandbox", "--port", "0"], &[]);
        let gate = Gate::open(sandbox.url().rsplit(':').next().unwrap().parse().unwrap()).await;
        let network = |name: &str| {
            let at = format!("http://127.0.0.1:{}/{name}", gate.port);
            format!("[networks.{name}]\nclient_id = \"sandbox-{name}\"\nclient_secret = \"sandbox-{name}-secret\"\nbase_url = \"{at}\"\n")
        };
        let (port, data) = (free_port(), folder.path().join("data"));
        let config = format!(
            "[server]\nlisten = \"127.0.0.1:{port}\"\ndata_dir = \"{}\"\n{}{}",
            data.display(),
            network("xing"),
            network("linkedin")
        );
        std::fs::write(folder.path().join("staygreen.toml"), config).unwrap();
        let config = folder.path().join("staygreen.toml").to_str().unwrap().to_owned();
        let mut create = std::process::Command::new(binary());
        create.args(["api-key", "create", "--name", "tool", "--config", &config]);
        for permission in
            ["profiles:read", "profiles:connect", "posts:write", "comments:write", "audit:read", "tokens:read", "api:call POST /users/**"]
        {
            create.args(["--permission", permission]);
        }
        let key = String::from_utf8(create.output().unwrap().stdout).unwrap().trim().to_owned();
        let server = Running::start(&["serve", "--config", &config], &[]);
        Self { folder, sandbox, gate, server, key }
    }

    pub(crate) async fn api(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        call(self.server.url(), &self.key, method, path, body).await
    }

    /// The first profile of somebody at a network.
    pub(crate) async fn connect(&self, network: &str, username: &str) -> String {
        let (_, begun) = self.api("POST", "/connections", Some(json!({ "network": network }))).await;
        let body = json!({ "authorize_url": begun["authorize_url"], "username": username });
        let consent = client().post(format!("{}/control/api/consent", self.sandbox.url())).json(&body).send().await.unwrap();
        let consent: Value = consent.json().await.unwrap();
        client().get(consent["redirect_to"].as_str().unwrap()).send().await.unwrap();
        let path = format!("/connections/{}", begun["id"].as_str().unwrap());
        let (_, connection) = self.api("GET", &path, None).await;
        if connection["status"] == "choose" {
            let usable = connection["discovered"].as_array().unwrap().iter().filter(|found| found["usable"] == true);
            let ids: Vec<&Value> = usable.map(|found| &found["id"]).collect();
            self.api("POST", &format!("{path}/profiles"), Some(json!({ "ids": ids }))).await;
        }
        let (_, list) = self.api("GET", &format!("/profiles?network={network}"), None).await;
        list["items"][0]["id"].as_str().unwrap().to_owned()
    }

    /// How often the network has a text, in its own books.
    async fn times(&self, text: &str) -> usize {
        let state = client().get(format!("{}/control/api/state", self.sandbox.url())).send().await.unwrap();
        let state: Value = state.json().await.unwrap();
        let said = ["posts", "comments"].iter().flat_map(|list| state[list].as_array().unwrap());
        said.filter(|said| said["text"] == text).count()
    }

    async fn rows(&self, act: &str) -> usize {
        self.api("GET", &format!("/audit?act={act}&limit=500"), None).await.1["items"].as_array().unwrap().len()
    }

    /// Until it is given back, nobody writes into the database: the disk under it hangs.
    fn hold(&self) -> rusqlite::Connection {
        let holds = rusqlite::Connection::open(self.folder.path().join("data/staygreen.db")).unwrap();
        holds.busy_timeout(Duration::from_mins(1)).unwrap();
        holds.execute_batch("BEGIN IMMEDIATE").unwrap();
        holds
    }

    /// Asks for something, and kills the server in the middle of it. What the audit's end was meanwhile is still there afterwards.
    pub(crate) async fn killed(&mut self, moment: Moment, at: &'static str, request: reqwest::RequestBuilder) {
        self.gate.stop(at, moment);
        let asking = tokio::spawn(request.send());
        self.gate.happened().await;
        let (_, anchor) = self.api("GET", "/audit/anchor", None).await;
        let mut holds = None;
        if moment == Moment::Answered {
            holds = Some(self.hold());
            self.gate.go_on.notify_one();
            self.gate.happened().await;
        }
        self.server.kill();
        drop(holds);
        assert!(asking.await.unwrap().is_err(), "nobody was answered");
        let config = self.folder.path().join("staygreen.toml");
        self.server = Running::start(&["serve", "--config", config.to_str().unwrap()], &[]);
        let kept = format!("{}:{}", anchor["position"], anchor["hash"].as_str().unwrap());
        let (_, verified) = self.api("GET", &format!("/audit/verify?anchor={kept}"), None).await;
        assert_eq!(verified["whole"], true, "{verified}");
    }

    pub(crate) fn post(&self, path: &str, key: &str, body: &Value) -> reqwest::RequestBuilder {
        let request = client().post(format!("{}/api/v1{path}", self.server.url())).bearer_auth(&self.key);
        request.header("idempotency-key", key.to_owned()).json(body)
    }

    /// The same request with the same key, after the server is back.
    pub(crate) async fn again(&self, path: &str, key: &str, body: &Value) -> (u16, Value) {
        let answer = self.post(path, key, body).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    /// The one act that nobody knows the end of.
    async fn unclear(&self, text: &str) -> String {
        let (_, list) = self.api("GET", "/waiting-acts", None).await;
        let items = list["items"].as_array().unwrap();
        assert!(items.len() == 1 && items[0]["state"] == "unclear" && items[0]["text"] == text, "{list}");
        assert!(items[0]["problem"]["detail"].as_str().unwrap().contains("it may have been done"), "{list}");
        items[0]["id"].as_str().unwrap().to_owned()
    }
}

const MOMENTS: [Moment; 3] = [Moment::Sent, Moment::Done, Moment::Answered];

#[tokio::test]
async fn a_post_that_the_server_died_over_is_looked_for_before_it_is_sent_again() {
    let mut house = House::build().await;
    let xing = house.connect("xing", "karl.voss").await;
    let path = format!("/profiles/{xing}/posts");
    for (n, moment) in MOMENTS.into_iter().enumerate() {
        let (text, key) = (format!("Said and killed: {moment:?}"), format!("k-{n}"));
        let body = json!({ "text": text });
        house.killed(moment, "/status_message", house.post(&path, &key, &body)).await;
        house.unclear(&text).await;
        assert_eq!(house.times(&text).await, usize::from(moment != Moment::Sent), "nothing was repeated by itself: {moment:?}");
        let (status, said) = house.again(&path, &key, &body).await;
        assert!(status == 201 && said["id"].is_string(), "{moment:?}: {said}");
        assert_eq!(house.times(&text).await, 1, "{moment:?}");
        assert_eq!(house.again(&path, &key, &body).await, (status, said));
        // The first attempt, a look, and what was sent again where it was not there.
        let rows = house.rows("posts:write").await;
        assert!(rows >= 2 * (n + 1), "{moment:?}: {rows} rows");
    }
    assert_eq!(house.api("GET", "/waiting-acts", None).await.1["items"], json!([]), "nothing is left open");
}

#[tokio::test]
async fn what_the_network_cannot_be_asked_about_is_never_repeated_by_itself() {
    let mut house = House::build().await;
    let page = house.connect("linkedin", "jana.lindner").await;
    let (_, first) = house.again(&format!("/profiles/{page}/posts"), "k", &json!({ "text": "The new hut is open" })).await;
    let posts = format!("/profiles/{page}/posts");
    let comments = format!("{posts}/{}/comments", encoded(first["id"].as_str().unwrap()));
    for moment in MOMENTS {
        for (at, path) in [("/rest/posts", &posts), ("/comments", &comments)] {
            let (text, key) = (format!("{at} killed: {moment:?}"), format!("{at}-{moment:?}"));
            let body = json!({ "text": text });
            house.killed(moment, at, house.post(path, &key, &body)).await;
            let act = house.unclear(&text).await;
            let (status, problem) = house.again(path, &key, &body).await;
            assert_eq!((status, problem["code"].as_str()), (409, Some("unclear")), "{moment:?}: {problem}");
            // Somebody has looked there.
            assert_eq!(house.api("POST", &format!("/waiting-acts/{act}/withdraw"), Some(json!({}))).await.1["state"], "withdrawn");
            assert_eq!(house.times(&text).await, usize::from(moment != Moment::Sent), "{moment:?}");
        }
    }
}

#[tokio::test]
async fn a_call_that_was_passed_through_is_in_the_audit_and_not_repeated() {
    let mut house = House::build().await;
    let xing = house.connect("xing", "karl.voss").await;
    // At its end nothing is written: the answer is the caller's at once.
    for (n, moment) in [Moment::Sent, Moment::Done].into_iter().enumerate() {
        let text = format!("Passed through: {moment:?}");
        let url = format!("{}/api/v1/profiles/{xing}/proxy/users/me/status_message", house.server.url());
        let request = client().post(url).bearer_auth(&house.key).form(&[("message", &text)]);
        house.killed(moment, "/status_message", request).await;
        assert_eq!(house.rows("api:call").await, n + 1, "{moment:?}");
        assert_eq!(house.times(&text).await, usize::from(moment == Moment::Done), "{moment:?}");
    }
}

/// No row, no act: while the audit cannot be written no token is handed out, nothing is passed through and nothing is said.
#[tokio::test]
async fn nt_33_nothing_leaves_while_the_audit_hangs() {
    let house = House::build().await;
    let (page, xing) = (house.connect("linkedin", "jana.lindner").await, house.connect("xing", "karl.voss").await);
    let token = format!("/profiles/{page}/access-token");
    let lend = || house.api("GET", &token, None);
    let path = format!("/profiles/{page}/posts");
    let say = || async { house.again(&path, "k-1", &json!({ "text": "Without a row" })).await };
    let url = format!("{}/api/v1/profiles/{xing}/proxy/users/me/status_message", house.server.url());
    let call = || async {
        let request = client().post(&url).bearer_auth(&house.key).form(&[("message", "Without a row")]);
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap_or(Value::Null))
    };
    let holds = house.hold();
    let (lent, said, called) = tokio::join!(lend(), say(), call());
    for (status, answer) in [lent, said, called] {
        assert_eq!((status, answer["code"].as_str()), (503, Some("storage_unavailable")), "{answer}");
        assert!(answer.get("access_token").is_none(), "{answer}");
    }
    assert_eq!(house.times("Without a row").await, 0);
    drop(holds);
    // Nothing of it is remembered as done, and everything works again.
    let (lent, said, called) = (lend().await, say().await, call().await);
    assert_eq!((lent.0, said.0, called.0), (200, 201, 201), "{lent:?} {said:?} {called:?}");
    assert_eq!(house.times("Without a row").await, 2);
    assert_eq!([house.rows("tokens:read").await, house.rows("posts:write").await, house.rows("api:call").await], [1, 1, 1]);
}
