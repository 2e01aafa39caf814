//! The Bluesky adapter against a real server: PDS and PLC directory, started by hand on loopback, named by
//! `STAYGREEN_TEST_PDS_URL` and `STAYGREEN_TEST_PLC_URL`, with the accounts alice and bob. Skipped, loudly, without them.
//!
//! The whole loop, as people see it, is tested in `e2e`; this one shows in seconds what an edit of the adapter broke.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::SystemTime;

use bytes::Bytes;
use http::{Request, Response};
use lifecycle::diagnosis::Finding;
use lifecycle::facts::Facts;
use lifecycle::secret::{Secret, TokenSet};
use lifecycle::time::Timestamp;
use lifecycle::words::Cause;
use networks::Network;
use networks::acting::{Acting, Media, NotDone, Post, Target};
use networks::network::{Answer, App, Cx, Failure, Issued, Kind, Renewal, Start};
use networks::wire::{BoxFuture, Clock, Dice, Wire, WireError};
use serde_json::{Value, json};
use url::Url;

const REDIRECT: &str = "http://127.0.0.1:8420/connect/bluesky/callback";

struct SystemDice;

impl Dice for SystemDice {
    fn fill(&self, buffer: &mut [u8]) {
        aws_lc_rs::rand::fill(buffer).expect("random bytes");
    }
}

struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "a real server has a real clock")]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
        Timestamp::from_micros(i64::try_from(since.as_micros()).expect("not so late"))
    }
}

/// HTTP/1.0 on plain sockets: one request, one connection, the whole answer.
struct Plain;

fn exchange(request: &Request<Bytes>) -> std::io::Result<Response<Bytes>> {
    let url = Url::parse(&request.uri().to_string()).map_err(std::io::Error::other)?;
    if url.scheme() != "http" || url.host_str() != Some("localhost") {
        return Err(std::io::Error::other("only the servers under test"));
    }
    let mut stream = TcpStream::connect(("localhost", url.port().unwrap_or(80)))?;
    let path = &url[url::Position::BeforePath..url::Position::AfterQuery];
    let mut head =
        format!("{} {path} HTTP/1.0\r\nhost: {}\r\n", request.method(), &url[url::Position::BeforeHost..url::Position::AfterPort]);
    for (name, value) in request.headers() {
        head.push_str(&format!("{name}: {}\r\n", value.to_str().map_err(std::io::Error::other)?));
    }
    head.push_str(&format!("content-length: {}\r\n\r\n", request.body().len()));
    stream.write_all(head.as_bytes())?;
    stream.write_all(request.body())?;
    let mut raw = vec![];
    stream.read_to_end(&mut raw)?;
    let cut = raw.windows(4).position(|four| four == b"\r\n\r\n").ok_or_else(|| std::io::Error::other("no head"))?;
    let head = String::from_utf8_lossy(&raw[..cut]).into_owned();
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).unwrap_or("0");
    let mut answer = Response::builder().status(status);
    for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
        answer = answer.header(name, value);
    }
    answer.body(Bytes::copy_from_slice(&raw[cut + 4..])).map_err(std::io::Error::other)
}

impl Wire for Plain {
    fn send(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, WireError>> {
        Box::pin(async move { exchange(&request).map_err(|error| WireError::NotSent(error.to_string())) })
    }
}

/// A browser that signs in and consents, as the pages of the server do it.
struct Browser {
    page: Url,
    cookies: BTreeMap<String, String>,
}

impl Browser {
    fn open(authorize: &str) -> Self {
        let mut browser = Self { page: Url::parse(authorize).expect("an address"), cookies: BTreeMap::new() };
        let answer = browser.get(authorize, "none");
        assert_eq!(answer.status(), 200, "{}", String::from_utf8_lossy(answer.body()));
        browser
    }

    fn send(&mut self, builder: http::request::Builder, body: Bytes) -> Response<Bytes> {
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = builder.header("cookie", cookies.join("; ")).body(body).expect("a request");
        let answer = exchange(&request).expect("an answer");
        for cookie in answer.headers().get_all("set-cookie") {
            let pair = cookie.to_str().expect("text").split(';').next().and_then(|pair| pair.split_once('='));
            self.cookies.extend(pair.map(|(name, value)| (name.to_owned(), value.to_owned())));
        }
        answer
    }

    fn get(&mut self, url: &str, site: &str) -> Response<Bytes> {
        let builder =
            Request::get(url).header("sec-fetch-site", site).header("sec-fetch-mode", "navigate").header("sec-fetch-dest", "document");
        let builder = if site == "none" { builder } else { builder.header("referer", self.page.as_str()) };
        self.send(builder, Bytes::new())
    }

    fn call(&mut self, name: &str, token: Option<&str>, body: &Value) -> Value {
        let origin = self.page.origin().ascii_serialization();
        let mut builder = Request::post(format!("{origin}/@atproto/oauth-provider/~api{name}"))
            .header("origin", &origin)
            .header("referer", self.page.as_str())
            .header("sec-fetch-mode", "same-origin")
            .header("sec-fetch-site", "same-origin")
            .header("sec-fetch-dest", "empty")
            .header("content-type", "application/json")
            .header("x-csrf-token", self.cookies.get("csrf-token").map_or("", String::as_str));
        if let Some(token) = token {
            builder = builder.header("authorization", format!("Bearer {token}"));
        }
        let answer = self.send(builder, Bytes::from(body.to_string()));
        let text = String::from_utf8_lossy(answer.body()).into_owned();
        assert!(answer.status().is_success(), "{name}: {} {text}", answer.status());
        serde_json::from_str(&text).expect("JSON")
    }

    /// Follows the server's last address to our callback.
    fn finish(&mut self, said: &Value) -> Vec<(String, String)> {
        let answer = self.get(said["url"].as_str().expect("an address"), "same-origin");
        let location = answer.headers().get("location").expect("a redirect").to_str().expect("text");
        assert!(location.starts_with(REDIRECT), "{location}");
        Url::parse(location).expect("an address").query_pairs().into_owned().collect()
    }

    fn consent(&mut self, user: &str) -> Vec<(String, String)> {
        let sign_in = json!({ "username": format!("{user}.test"), "password": format!("{user}-pass"), "locale": "en", "remember": false });
        let signed_in = self.call("/sign-in", None, &sign_in);
        // Version 0.5 calls the account `did`, 0.4 `sub`; neither takes the other's word.
        let word = if signed_in["account"]["did"].is_string() { "did" } else { "sub" };
        let consent = json!({ word: signed_in["account"][word], "scope": "atproto transition:generic" });
        let said = self.call("/consent", signed_in["ephemeralToken"].as_str(), &consent);
        self.finish(&said)
    }

    fn reject(&mut self) -> Vec<(String, String)> {
        let said = self.call("/reject", None, &json!({}));
        self.finish(&said)
    }
}

struct Test {
    app: App,
    facts: Facts,
    network: &'static dyn Network,
}

impl Test {
    fn new() -> Option<Self> {
        let (Ok(pds), Ok(plc)) = (std::env::var("STAYGREEN_TEST_PDS_URL"), std::env::var("STAYGREEN_TEST_PLC_URL")) else {
            // Not by `eprintln!`, which a passing test swallows.
            let _ = writeln!(
                std::io::stderr(),
                "SKIPPED: no real PDS; set STAYGREEN_TEST_PDS_URL and STAYGREEN_TEST_PLC_URL to test against one"
            );
            return None;
        };
        let network = networks::find("bluesky").expect("the adapter");
        let endpoints = [("plc", plc), ("resolver", pds), ("appview", String::new())];
        let app = App {
            client_id: "http://localhost".into(),
            client_secret: None,
            instance: String::new(),
            redirect_uri: REDIRECT.into(),
            scopes: vec![],
            base_url: None,
            endpoints: endpoints.into_iter().map(|(key, url)| (key.to_owned(), url)).collect(),
            options: [("allow_http_loopback".to_owned(), "true".to_owned())].into(),
        };
        Some(Self { app, facts: network.facts(), network })
    }

    fn cx(&self) -> Cx<'_> {
        Cx { app: &self.app, facts: &self.facts, now: SystemClock.now(), dice: &SystemDice }
    }

    async fn begin(&self, hint: &str) -> (Browser, BTreeMap<String, Secret>) {
        let start = Start { state: Secret::new("state-1"), hint: Some(hint.into()), expected_person: None };
        let authorization = self.network.begin(self.cx(), &Plain, &start).await.expect("an authorization");
        (Browser::open(&authorization.url), authorization.memory)
    }

    async fn exchange(&self, memory: &BTreeMap<String, Secret>, callback: &[(String, String)]) -> Result<Issued, Failure> {
        let mut request = self.network.exchange(self.cx(), memory, callback)?;
        loop {
            let answer = Plain.send(request).await.expect("an answer");
            match self.network.read_exchange(self.cx(), memory, callback, &answer)? {
                Answer::Done(issued) => return Ok(issued),
                Answer::AskAgain { request: next, .. } => request = *next,
            }
        }
    }

    async fn connect(&self, user: &str) -> TokenSet {
        let (mut browser, memory) = self.begin(&format!("{user}.test")).await;
        let callback = browser.consent(user);
        let issued = self.exchange(&memory, &callback).await.expect("tokens");
        assert!(issued.renewable && issued.missing_scopes.is_empty(), "{issued:?}");
        assert!(issued.clocks.access_until.is_some() && issued.clocks.human_until.is_some());
        issued.tokens
    }

    async fn renew(&self, tokens: &TokenSet) -> Renewal {
        let mut request = self.network.renew(self.cx(), tokens).expect("a request");
        loop {
            let answer = Plain.send(request).await.expect("an answer");
            match self.network.read_renew(self.cx(), tokens, &answer) {
                Answer::Done(renewal) => return renewal,
                Answer::AskAgain { request: next, .. } => request = *next,
            }
        }
    }

    async fn probe(&self, tokens: &TokenSet) -> Finding {
        let mut tokens = tokens.clone();
        let mut request = self.network.probe(self.cx(), &tokens);
        for _ in 0..4 {
            let answer = Plain.send(request).await.expect("an answer");
            match self.network.read_probe(self.cx(), &tokens, &answer) {
                Answer::Done(diagnosis) => return diagnosis.finding,
                Answer::AskAgain { request: next, notes, .. } => {
                    request = *next;
                    tokens.notes.extend(notes);
                }
            }
        }
        panic!("asked again and again")
    }

    async fn revoke(&self, tokens: &TokenSet) -> bool {
        let mut request = self.network.revoke(self.cx(), tokens).expect("a request");
        loop {
            let answer = Plain.send(request).await.expect("an answer");
            match self.network.read_revoke(self.cx(), tokens, &answer) {
                Answer::Done(gone) => return gone,
                Answer::AskAgain { request: next, .. } => request = *next,
            }
        }
    }
}

fn without_nonces(tokens: &TokenSet) -> TokenSet {
    let mut tokens = tokens.clone();
    tokens.notes.retain(|name, _| !name.starts_with("nonce:"));
    tokens
}

fn is_refused(finding: &Finding, expected: Cause) -> bool {
    matches!(finding, Finding::Refused { cause, terminal: false, .. } if *cause == expected)
}

#[tokio::test]
async fn connect_probe_renew_and_be_revoked_on_a_real_pds() {
    let Some(test) = Test::new() else { return };
    let first = test.connect("alice").await;
    let discovery = test.network.discover(test.cx(), &Plain, &first).await.expect("a profile");
    assert_eq!(discovery.person.handle.as_deref(), Some("alice.test"));
    assert_eq!(discovery.profiles.len(), 1);
    assert_eq!(test.probe(&without_nonces(&first)).await, Finding::Works);

    let Renewal::Renewed(issued) = test.renew(&without_nonces(&first)).await else { panic!("not renewed") };
    assert_eq!(issued.person_network_id.as_deref(), Some(discovery.person.network_id.as_str()));
    let second = issued.tokens.keeping_from(&first);
    assert_eq!(test.probe(&second).await, Finding::Works);
    // The old access token is dead at once.
    assert!(is_refused(&test.probe(&first).await, Cause::Unknown));

    assert!(test.revoke(&without_nonces(&second)).await);
    assert!(is_refused(&test.probe(&second).await, Cause::Unknown));
    match test.renew(&second).await {
        // One word for six ends: which it was is not said.
        Renewal::Failed(diagnosis) => assert!(is_refused(&diagnosis.finding, Cause::Unknown), "{diagnosis:?}"),
        other => panic!("{other:?}"),
    }
}

/// Posts, pictures and replies, checked by the server against its lexicons; the same act twice is one record.
#[tokio::test]
async fn publish_and_reply_on_a_real_pds() {
    let Some(test) = Test::new() else { return };
    let tokens = test.connect("bob").await;
    let did = tokens.notes["did"].clone();
    let target = Target { network_id: &did, kind: Kind::Account, handle: Some("bob.test") };
    let key = format!("act-{}", test.cx().now.as_micros());
    let text = "Grüße von der Hütte https://fernweh.example/ü #wandern";
    let picture = Media {
        url: None,
        content_type: "image/png".into(),
        bytes: Bytes::from_static(&[0x89, b'P', b'N', b'G', 13, 10, 26, 10]),
        alt: Some("a hut".into()),
    };
    let post = Post { text: text.into(), media: vec![picture], key: key.clone(), ..Post::default() };
    let posted = test
        .network
        .publish(Acting { cx: test.cx(), clock: &SystemClock, wire: &Plain, tokens: &without_nonces(&tokens), target }, &post)
        .await
        .expect("published");
    let again = test
        .network
        .publish(Acting { cx: test.cx(), clock: &SystemClock, wire: &Plain, tokens: &tokens, target }, &post)
        .await
        .expect("the same act");
    assert_eq!(posted, again);
    let said = test
        .network
        .comment(Acting { cx: test.cx(), clock: &SystemClock, wire: &Plain, tokens: &tokens, target }, &posted.id, None, "And a reply")
        .await
        .expect("a reply");
    let deeper = test
        .network
        .comment(
            Acting { cx: test.cx(), clock: &SystemClock, wire: &Plain, tokens: &tokens, target },
            &posted.id,
            Some(&said.id),
            "And one to that",
        )
        .await
        .expect("a reply");
    let record = |uri: &str| {
        let rkey = uri.rsplit('/').next().expect("a key").to_owned();
        let base = test.app.endpoints["resolver"].clone();
        let query = format!("repo={did}&collection=app.bsky.feed.post&rkey={rkey}");
        async move {
            let request = Request::get(format!("{base}/xrpc/com.atproto.repo.getRecord?{query}")).body(Bytes::new()).expect("a request");
            let answer = Plain.send(request).await.expect("an answer");
            serde_json::from_slice::<serde_json::Value>(answer.body()).expect("JSON")
        }
    };
    let first = record(&posted.id).await;
    assert_eq!(first["value"]["text"], text);
    assert_eq!(first["value"]["facets"].as_array().map(Vec::len), Some(2), "{first}");
    assert_eq!(first["value"]["embed"]["images"][0]["alt"], "a hut");
    let reply = record(&deeper.id).await;
    assert_eq!((&reply["value"]["reply"]["root"]["uri"], &reply["value"]["reply"]["parent"]["uri"]), (&posted.id.into(), &said.id.into()));
    let long = Post { text: "x".repeat(301), key: "long".into(), ..Post::default() };
    assert!(matches!(
        test.network.publish(Acting { cx: test.cx(), clock: &SystemClock, wire: &Plain, tokens: &tokens, target }, &long).await,
        Err(NotDone::Invalid { field: "text", .. })
    ));
}

#[tokio::test]
async fn a_replayed_refresh_token_ends_the_session_on_a_real_pds() {
    let Some(test) = Test::new() else { return };
    let first = test.connect("bob").await;
    let Renewal::Renewed(issued) = test.renew(&first).await else { panic!("not renewed") };
    let second = issued.tokens.keeping_from(&first);
    let Renewal::Failed(replayed) = test.renew(&first).await else { panic!("a replay went through") };
    assert!(!replayed.is_harmless(), "{replayed:?}");
    assert!(is_refused(&test.probe(&second).await, Cause::Unknown));
}

#[tokio::test]
async fn a_refusal_of_the_person_and_a_code_used_twice_on_a_real_pds() {
    let Some(test) = Test::new() else { return };
    let (mut browser, memory) = test.begin("alice.test").await;
    let denied = browser.reject();
    assert!(matches!(test.exchange(&memory, &denied).await, Err(Failure::Denied { .. })));

    let (mut browser, memory) = test.begin("alice.test").await;
    let callback = browser.consent("alice");
    test.exchange(&memory, &callback).await.expect("tokens");
    let again = test.exchange(&memory, &callback).await;
    assert!(matches!(again, Err(Failure::StaleCode { .. })), "{again:?}");
}

#[tokio::test]
async fn a_login_that_begins_at_a_server_learns_the_account_from_a_real_pds() {
    let Some(test) = Test::new() else { return };
    let server = test.app.endpoints["resolver"].clone();
    let (mut browser, memory) = test.begin(&server).await;
    let callback = browser.consent("bob");
    let tokens = test.exchange(&memory, &callback).await.expect("tokens").tokens;
    let discovery = test.network.discover(test.cx(), &Plain, &tokens).await.expect("a profile");
    assert_eq!(discovery.person.handle.as_deref(), Some("bob.test"));
    assert_eq!(test.probe(&tokens).await, Finding::Works);

    // Another account than the typed one.
    let (mut browser, memory) = test.begin("alice.test").await;
    let callback = browser.consent("bob");
    let wrong = test.exchange(&memory, &callback).await;
    assert!(matches!(wrong, Err(Failure::Refused { cause: Cause::WrongPerson, .. })), "{wrong:?}");
}
