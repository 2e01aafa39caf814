//! The same code, without sandbox, on a network server that nobody here wrote: a real Bluesky PDS.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use reqwest::Url;
use serde_json::{Value, json};

use crate::authorised::call;
use crate::smtp::Smtp;
use crate::world::{Running, binary, client, eventually, free_port};

/// A PDS and its PLC directory on loopback, with the accounts alice and bob.
struct Pds {
    child: Child,
    ready: Value,
    _data: tempfile::TempDir,
}

impl Drop for Pds {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

/// A clock that a test can move, for processes that are started with it (Debian's libfaketime).
pub(crate) struct MovedClock {
    file: tempfile::NamedTempFile,
    pub(crate) library: Option<std::ffi::OsString>,
}

impl MovedClock {
    pub(crate) fn new(what: &str) -> Self {
        let library = std::env::var_os("STAYGREEN_TEST_FAKETIME");
        if library.is_none() {
            crate::skipped(&format!("{what}: STAYGREEN_TEST_FAKETIME does not name libfaketime"));
        }
        let clock = Self { file: tempfile::NamedTempFile::new().unwrap(), library };
        clock.set("+0");
        clock
    }

    /// For whoever does not move it.
    fn still() -> Self {
        Self { file: tempfile::NamedTempFile::new().unwrap(), library: None }
    }

    pub(crate) fn set(&self, offset: &str) {
        std::fs::write(self.file.path(), format!("{offset}\n")).unwrap();
    }

    /// What a process has to be started with.
    pub(crate) fn environment(&self) -> Vec<(&'static str, String)> {
        let Some(library) = &self.library else { return vec![] };
        vec![
            ("LD_PRELOAD", library.to_str().unwrap().to_owned()),
            ("FAKETIME_TIMESTAMP_FILE", self.file.path().display().to_string()),
            ("FAKETIME_NO_CACHE", "1".to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ]
    }
}

impl Pds {
    /// Starts one; `None`, loudly, when it is not installed.
    fn start(clock: &MovedClock) -> Option<Self> {
        let Some(cache) = std::env::var_os("STAYGREEN_TEST_PDS") else {
            crate::skipped("the test against a real Bluesky PDS: STAYGREEN_TEST_PDS does not name where it is installed");
            return None;
        };
        let data = tempfile::tempdir().unwrap();
        let mut child = Command::new("bash")
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/peers/bluesky-pds.sh"))
            .env("PEER_CACHE", cache)
            .env("PEER_DATA", data.path())
            .envs(clock.environment())
            .env("PDS_PORT", free_port().to_string())
            .env("PLC_PORT", free_port().to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready = serde_json::from_str(&line).unwrap_or_else(|_| panic!("the PDS did not get ready: {line:?}"));
        Some(Self { child, ready, _data: data })
    }

    fn text(&self, field: &str) -> &str {
        self.ready[field].as_str().unwrap()
    }

    /// What the person does on the server's own pages; the address to come back to.
    async fn consent(&self, authorize_url: &str, name: &str) -> String {
        let mut visit = Visit { http: client(), page: Url::parse(authorize_url).unwrap(), cookies: BTreeMap::new() };
        visit.open(authorize_url, "none").await;
        let who = json!({ "username": format!("{name}.test"), "password": format!("{name}-pass"), "locale": "en", "remember": false });
        let signed_in = visit.call("/sign-in", None, &who).await;
        let consent = json!({ "did": signed_in["account"]["did"], "scope": "atproto transition:generic" });
        let said = visit.call("/consent", signed_in["ephemeralToken"].as_str(), &consent).await;
        let answer = visit.open(said["url"].as_str().unwrap(), "same-origin").await;
        answer.headers()["location"].to_str().unwrap().to_owned()
    }

    /// The person signs in on the server's account page and ends every app's session; how many there were.
    async fn sign_apps_out(&self, name: &str) -> usize {
        let account = format!("{}/account", self.text("pds"));
        let mut visit = Visit { http: client(), page: Url::parse(&account).unwrap(), cookies: BTreeMap::new() };
        visit.open(&account, "none").await;
        let who = json!({ "username": format!("{name}.test"), "password": format!("{name}-pass"), "locale": "en", "remember": false });
        let signed_in = visit.call("/sign-in", None, &who).await;
        let (did, token) = (signed_in["account"]["did"].as_str().unwrap(), signed_in["ephemeralToken"].as_str());
        let sessions = visit.ask(&format!("/oauth-sessions?did={did}"), token).await;
        let sessions = sessions.as_array().unwrap();
        for session in sessions {
            visit.call("/revoke-oauth-session", token, &json!({ "did": did, "tokenId": session["tokenId"] })).await;
        }
        sessions.len()
    }

    /// The operator takes an account down, or puts it back: its tokens are gone.
    async fn take_down(&self, name: &str, applied: bool) {
        let account =
            self.ready["accounts"].as_array().unwrap().iter().find(|account| account["handle"] == format!("{name}.test")).unwrap();
        let body =
            json!({ "subject": { "$type": "com.atproto.admin.defs#repoRef", "did": account["did"] }, "takedown": { "applied": applied } });
        let url = format!("{}/xrpc/com.atproto.admin.updateSubjectStatus", self.text("pds"));
        let answer = client().post(url).basic_auth("admin", Some(self.text("adminPassword"))).json(&body).send().await.unwrap();
        assert_eq!(answer.status(), 200);
    }
}

/// A browser without pages: cookies, and the headers that the server wants to see.
struct Visit {
    http: reqwest::Client,
    page: Url,
    cookies: BTreeMap<String, String>,
}

impl Visit {
    async fn send(&mut self, request: reqwest::RequestBuilder) -> reqwest::Response {
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let answer = request.header("cookie", cookies.join("; ")).send().await.unwrap();
        for cookie in answer.headers().get_all("set-cookie") {
            let pair = cookie.to_str().unwrap().split(';').next().and_then(|pair| pair.split_once('='));
            self.cookies.extend(pair.map(|(name, value)| (name.to_owned(), value.to_owned())));
        }
        answer
    }

    async fn open(&mut self, url: &str, site: &str) -> reqwest::Response {
        let request =
            self.http.get(url).header("sec-fetch-site", site).header("sec-fetch-mode", "navigate").header("sec-fetch-dest", "document");
        let request = if site == "none" { request } else { request.header("referer", self.page.as_str()) };
        self.send(request).await
    }

    async fn call(&mut self, name: &str, token: Option<&str>, body: &Value) -> Value {
        let request = self.http.post(self.address(name)).json(body);
        self.fetch(name, token, request).await
    }

    async fn ask(&mut self, name: &str, token: Option<&str>) -> Value {
        let request = self.http.get(self.address(name));
        self.fetch(name, token, request).await
    }

    fn address(&self, name: &str) -> String {
        format!("{}/@atproto/oauth-provider/~api{name}", self.page.origin().ascii_serialization())
    }

    async fn fetch(&mut self, name: &str, token: Option<&str>, request: reqwest::RequestBuilder) -> Value {
        let origin = self.page.origin().ascii_serialization();
        let csrf = self.cookies.get("csrf-token").cloned().unwrap_or_default();
        let mut request = request
            .header("origin", &origin)
            .header("referer", self.page.as_str())
            .header("sec-fetch-mode", "same-origin")
            .header("sec-fetch-site", "same-origin")
            .header("sec-fetch-dest", "empty")
            .header("x-csrf-token", csrf);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let answer = self.send(request).await;
        assert!(answer.status().is_success(), "{name}: {}", answer.status());
        answer.json().await.unwrap()
    }
}

fn mail(smtp: &Smtp) -> String {
    format!(
        "[mail]\nsmtp_url = \"smtp+starttls://staygreen:smtp-pass@localhost:{}\"\nca_file = \"{}\"\nfrom = \"Staygreen <staygreen@example.com>\"\n",
        smtp.port,
        smtp.ca_file.display()
    )
}

fn config(folder: &std::path::Path, pds: &Pds, mail: &str) -> String {
    format!(
        "[server]\nlisten = \"127.0.0.1:0\"\ndata_dir = \"{}\"\nsession_idle = \"23 h\"\nallow_private_networks = [\"127.0.0.0/8\", \"::1/128\"]\n\
         {mail}[keeper]\npoll_every = \"500 ms\"\nprobe_every = \"3 s\"\nidle_check_every = \"3 s\"\ndoubt_for = \"3 s\"\n\
         [networks.bluesky]\noptions = {{ allow_http_loopback = \"true\" }}\nendpoints = {{ plc = \"{}\", resolver = \"{}\", appview = \"\" }}\n",
        folder.join("data").display(),
        pds.text("plc"),
        pds.text("pds"),
    )
}

/// Somebody signed in, with their cookie.
struct Admin {
    http: reqwest::Client,
    url: String,
    cookie: String,
}

impl Admin {
    async fn of(server: &Running) -> Self {
        let http = client();
        let form = [("name", "Ada Admin"), ("email", "ada@example.com"), ("password", "a sentence is a good password")];
        let answer =
            http.post(server.ready["setup_url"].as_str().unwrap()).header("origin", server.url()).form(&form).send().await.unwrap();
        let cookie = answer.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
        Self { http, url: server.url().to_owned(), cookie }
    }

    async fn page(&self, path: &str) -> String {
        self.http.get(format!("{}{path}", self.url)).header("cookie", &self.cookie).send().await.unwrap().text().await.unwrap()
    }

    async fn post(&self, path: &str, form: &[(&str, &str)]) -> reqwest::Response {
        self.http
            .post(format!("{}{path}", self.url))
            .header("cookie", &self.cookie)
            .header("origin", &self.url)
            .form(form)
            .send()
            .await
            .unwrap()
    }

    /// Leaves for the network, consents there as that account, comes back; where the browser stands then.
    async fn go_through(&self, pds: &Pds, path: &str, form: &[(&str, &str)], name: &str) -> String {
        let answer = self.post(path, form).await;
        assert_eq!(answer.status(), 303, "{}", answer.text().await.unwrap());
        let bound = answer.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
        let to = answer.headers()["location"].to_str().unwrap().to_owned();
        let back = pds.consent(&to, name).await;
        let answer = self.http.get(back).header("cookie", format!("{}; {bound}", self.cookie)).send().await.unwrap();
        answer.headers()["location"].to_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn alice_is_connected_renewed_lost_told_and_reconnected_on_a_real_pds() {
    let clock = MovedClock::new("the renewal on a real PDS after the token's hour");
    let (Some(pds), Some(smtp)) = (Pds::start(&clock), Smtp::start()) else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("staygreen.toml");
    std::fs::write(&file, config(folder.path(), &pds, &mail(&smtp))).unwrap();
    let environment = clock.environment();
    let environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let server = Running::start(&["serve", "--config", file.to_str().unwrap()], &environment);
    let admin = Admin::of(&server).await;
    let presets = admin.page("/settings/page-presets").await;
    let ada = format!("usr_{}", presets.split("value=\"usr_").nth(1).unwrap().split('"').next().unwrap());
    admin.post("/settings/page-presets", &[("network", "bluesky"), ("owner", &ada), ("no_access", "1"), ("renew_soon", "1")]).await;

    let choose = admin.go_through(&pds, "/settings/profiles/add/bluesky", &[("hint", "alice.test")], "alice").await;
    let page = admin.page(&choose).await;
    let did = page.split("name=\"ids\" value=\"").nth(1).unwrap_or_else(|| panic!("{page}")).split('"').next().unwrap().to_owned();
    assert!(did.starts_with("did:plc:"), "{did}");
    assert_eq!(admin.post(&choose, &[("ids", &did)]).await.status(), 303);
    let list = admin.page("/settings/profiles").await;
    let profile = list.split("data-id=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let status =
        async |wanted: &str| admin.page(&format!("/settings/profiles/{profile}")).await.contains(&format!("class=\"status {wanted}\""));
    eventually("a green check mark", async || status("connected").await).await;

    // Somebody else's login is refused; the right one is the same grant again.
    let refused = admin.go_through(&pds, &format!("/settings/profiles/{profile}/refresh"), &[], "bob").await;
    let page = admin.page(&refused).await;
    assert!(page.contains("Expected:") && page.contains("alice.test") && page.contains("bob.test"), "{page}");
    assert!(status("connected").await);

    if clock.library.is_some() {
        // The access token lives an hour: two hours later it has been renewed, and the check mark is still green.
        clock.set("+2h");
        let renewed = async || admin.page(&format!("/settings/profiles/{profile}/access-tokens")).await.contains("Token renewed");
        eventually("renewed", renewed).await;
        assert!(status("connected").await);
        // Alice signs the app out on her server. The access token that is out outlives that there; its renewal is refused.
        assert_eq!(pds.sign_apps_out("alice").await, 1);
        clock.set("+4h");
    } else {
        pds.take_down("alice", true).await;
    }
    eventually("red", async || status("disconnected").await).await;
    eventually("a mail through the real SMTP server", async || !smtp.mails().is_empty()).await;
    let mail = &smtp.mails()[0];
    assert_eq!((mail["tls"].as_bool(), mail["authenticated"].as_bool()), (Some(true), Some(true)));
    assert_eq!(mail["to"], json!(["ada@example.com"]));
    assert!(mail["subject"].as_str().unwrap().contains("No access tokens available: alice.test"), "{mail}");
    assert!(mail["text"].as_str().unwrap().contains(&format!("/settings/profiles/{profile}/refresh")));
    assert!(mail["html"].as_str().unwrap().contains("Refresh Connection"));

    if clock.library.is_none() {
        pds.take_down("alice", false).await;
    }
    let done = admin.go_through(&pds, &format!("/settings/profiles/{profile}/refresh"), &[], "alice").await;
    assert!(admin.page(&done).await.contains("Connected"));
    eventually("green again", async || status("connected").await).await;
    eventually("the all-clear", async || smtp.mails().len() >= 2).await;
    assert!(smtp.mails()[1]["subject"].as_str().unwrap().contains("All clear"));

    // The operator of her server takes the account down: another episode, told once more.
    pds.take_down("alice", true).await;
    eventually("red again", async || status("disconnected").await).await;
    eventually("the second episode's mail", async || smtp.mails().len() == 3).await;
    pds.take_down("alice", false).await;
    admin.go_through(&pds, &format!("/settings/profiles/{profile}/refresh"), &[], "alice").await;
    eventually("green for good", async || status("connected").await).await;
}

/// Acting through the real thing: a post, and the server's own API called with proofs and its nonce by a tool that sees no token.
#[tokio::test]
async fn alice_posts_and_a_tool_calls_her_server_on_a_real_pds() {
    let Some(pds) = Pds::start(&MovedClock::still()) else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("staygreen.toml");
    std::fs::write(&file, config(folder.path(), &pds, "")).unwrap();
    let mut create = Command::new(binary());
    create.args(["api-key", "create", "--name", "tool", "--config", file.to_str().unwrap()]);
    for permission in ["profiles:read", "profiles:connect", "posts:write", "tokens:read", "audit:read"] {
        create.args(["--permission", permission]);
    }
    for path in ["GET /com.atproto.repo.listRecords", "GET /com.atproto.server.getSession", "POST /com.atproto.repo.createRecord"] {
        create.args(["--permission", &format!("api:call {path}")]);
    }
    let key = String::from_utf8(create.output().unwrap().stdout).unwrap().trim().to_owned();
    let server = Running::start(&["serve", "--config", file.to_str().unwrap()], &[]);
    let ask = async |method: &str, path: &str, body: Option<Value>| call(server.url(), &key, method, path, body).await;
    let (_, begun) = ask("POST", "/connections", Some(json!({ "network": "bluesky", "handle": "alice.test" }))).await;
    client().get(pds.consent(begun["authorize_url"].as_str().unwrap(), "alice").await).send().await.unwrap();
    let connection = format!("/connections/{}", begun["id"].as_str().unwrap());
    let (_, found) = ask("GET", &connection, None).await;
    let did = found["discovered"][0]["id"].as_str().unwrap_or_else(|| panic!("{found}"));
    ask("POST", &format!("{connection}/profiles"), Some(json!({ "ids": [did] }))).await;
    let (_, list) = ask("GET", "/profiles", None).await;
    let profile = list["items"][0]["id"].as_str().unwrap();

    let post = client().post(format!("{}/api/v1/profiles/{profile}/posts", server.url())).bearer_auth(&key);
    let posted = post.header("idempotency-key", "k-1").json(&json!({ "text": "The new hut is open" })).send().await.unwrap();
    assert_eq!(posted.status(), 201);
    let posted: Value = posted.json().await.unwrap();
    let proxy = format!("/profiles/{profile}/proxy");
    let records = async || {
        let path = format!("{proxy}/com.atproto.repo.listRecords?repo={did}&collection=app.bsky.feed.post&reverse=true");
        let (status, list) = ask("GET", &path, None).await;
        assert_eq!(status, 200, "{list}");
        list["records"].as_array().unwrap().clone()
    };
    let said = records().await;
    assert_eq!((said.len(), &said[0]["uri"], &said[0]["value"]["text"]), (1, &posted["id"], &json!("The new hut is open")), "{said:?}");
    // Only her own session may do these, and only with a proof that carries the server's nonce.
    let (status, session) = ask("GET", &format!("{proxy}/com.atproto.server.getSession"), None).await;
    assert_eq!((status, session["handle"].as_str()), (200, Some("alice.test")), "{session}");
    let record = json!({ "$type": "app.bsky.feed.post", "text": "By a tool", "createdAt": "2026-01-01T00:00:00Z" });
    let body = json!({ "repo": did, "collection": "app.bsky.feed.post", "record": record });
    let (status, made) = ask("POST", &format!("{proxy}/com.atproto.repo.createRecord"), Some(body)).await;
    assert_eq!(status, 200, "{made}");
    assert!(records().await.iter().any(|one| one["uri"] == made["uri"] && one["value"]["text"] == "By a tool"));
    // What the key does not carry stays here, and a token that is bound is handed to nobody.
    assert_eq!(ask("POST", &format!("{proxy}/com.atproto.repo.deleteRecord"), Some(json!({}))).await.0, 403);
    let (status, problem) = ask("GET", &format!("/profiles/{profile}/access-token"), None).await;
    assert_eq!((status, problem["code"].as_str()), (409, Some("token_is_bound")), "{problem}");
    let (_, verified) = ask("GET", "/audit/verify", None).await;
    assert_eq!(verified["whole"], true, "{verified}");
}
