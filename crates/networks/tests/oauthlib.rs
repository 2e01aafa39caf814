//! OAuth 1.0a against a server that nobody here wrote: PyPI's oauthlib checks every signature. Needs
//! `STAYGREEN_TEST_OAUTHLIB_PYTHON`, which `cargo xtask test` sets.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};

use bytes::Bytes;
use http::{Request, Response};
use lifecycle::diagnosis::Finding;
use lifecycle::secret::Secret;
use lifecycle::time::Timestamp;
use networks::network::{Answer, App, Cx, Start};
use networks::oauth1::signed;
use networks::wire::{BoxFuture, Dice, Wire, WireError};
use url::Url;

struct Counting(AtomicU8);

impl Dice for Counting {
    fn fill(&self, buffer: &mut [u8]) {
        buffer.fill_with(|| self.0.fetch_add(1, Ordering::Relaxed).wrapping_mul(97));
    }
}

struct Peer {
    child: Child,
    url: String,
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Peer {
    fn start() -> Option<Self> {
        let Some(python) = std::env::var_os("STAYGREEN_TEST_OAUTHLIB_PYTHON") else {
            eprintln!("SKIPPED: OAuth 1.0a against oauthlib: STAYGREEN_TEST_OAUTHLIB_PYTHON is not set");
            if let Some(file) = std::env::var_os("STAYGREEN_TEST_SKIPS") {
                let mut file = std::fs::File::options().append(true).create(true).open(file).expect("the file of skips");
                writeln!(file, "OAuth 1.0a against oauthlib: STAYGREEN_TEST_OAUTHLIB_PYTHON is not set").expect("written");
            }
            return None;
        };
        let mut child = Command::new(python)
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../e2e/peers/oauth1.py"))
            .stdout(Stdio::piped())
            .spawn()
            .expect("the peer starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("its output")).read_line(&mut line).expect("a line");
        let ready: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        Some(Self { child, url: ready["url"].as_str().expect("an address").to_owned() })
    }

    fn ask(request: &Request<Bytes>) -> Response<Bytes> {
        let url = Url::parse(&request.uri().to_string()).expect("an address");
        let mut stream = TcpStream::connect((url.host_str().expect("a host"), url.port().expect("a port"))).expect("a connection");
        let mut head = format!("{} {}", request.method(), url.path());
        url.query().iter().for_each(|query| head.push_str(&format!("?{query}")));
        head.push_str(&format!(" HTTP/1.0\r\nHost: {}\r\nContent-Length: {}\r\n", url.authority(), request.body().len()));
        for (name, value) in request.headers() {
            head.push_str(&format!("{name}: {}\r\n", value.to_str().expect("text")));
        }
        stream.write_all(format!("{head}\r\n").as_bytes()).expect("sent");
        stream.write_all(request.body()).expect("sent");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("an answer");
        let (head, body) = text.split_once("\r\n\r\n").expect("an answer");
        let mut answer = Response::builder().status(head.split(' ').nth(1).expect("a status"));
        for line in head.lines().skip(1) {
            let (name, value) = line.split_once(':').expect("a header");
            answer = answer.header(name.trim(), value.trim());
        }
        answer.body(Bytes::from(body.to_owned())).expect("an answer")
    }
}

impl Wire for Peer {
    fn send(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, WireError>> {
        Box::pin(async move { Ok(Self::ask(&request)) })
    }
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "a real server has a real clock")]
async fn xing_connects_and_acts_under_oauthlibs_eyes() {
    let Some(peer) = Peer::start() else { return };
    let network = networks::find("xing").expect("shipped");
    let app = App {
        client_id: "staygreenconsumer".into(),
        client_secret: Some(Secret::new("a secret/+:%")),
        instance: String::new(),
        redirect_uri: "http://127.0.0.1:8420/oauth/callback/xing?a=1&ü=ß".into(),
        scopes: vec![],
        base_url: Some(peer.url.clone()),
        endpoints: BTreeMap::new(),
        options: BTreeMap::new(),
    };
    let (facts, dice) = (network.facts(), Counting(AtomicU8::new(1)));
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs();
    let now = Timestamp::from_seconds(i64::try_from(now).expect("before the end of time"));
    let cx = || Cx { app: &app, facts: &facts, now, dice: &dice };
    let start = Start { state: Secret::new("state & more"), hint: None, expected_person: None };
    let begun = network.begin(cx(), &peer, &start).await.expect("begins");
    let consent = Peer::ask(&Request::get(&begun.url).body(Bytes::new()).expect("a request"));
    let back = Url::parse(consent.headers()["location"].to_str().expect("text")).expect("an address");
    let callback: Vec<(String, String)> = back.query_pairs().into_owned().collect();
    assert_eq!(network.returned_state(&callback), Some("state & more"));
    let request = network.exchange(cx(), &begun.memory, &callback).expect("an exchange");
    let answer = Peer::ask(&request);
    let Ok(Answer::Done(issued)) = network.read_exchange(cx(), &begun.memory, &callback, &answer) else { panic!("{answer:?}") };
    let found = network.discover(cx(), &peer, &issued.tokens).await.expect("a list");
    assert_eq!(found.person.name, "Jana Lindner");

    // Parameters in query and form whose names and values sort differently once encoded (RFC 5849 3.4.1.3.2).
    let secret = issued.tokens.token_secret.as_ref().map_or("", Secret::expose);
    let odd = [("a", "2 q"), ("a-", "1"), ("a1", "ü"), ("z", "%&=+"), ("empty", "")];
    let query = networks::oauth::with_query(&format!("{}/v1/echo", peer.url), &odd);
    let answer = Peer::ask(&signed(&cx(), http::Method::GET, &query, issued.tokens.access_token.expose(), secret, &[]));
    assert_eq!(answer.status(), 200, "oauthlib refuses the signature of {query}");

    let probe = |tokens| Peer::ask(&network.probe(cx(), tokens));
    let read = |answer| match network.read_probe(cx(), &issued.tokens, &answer) {
        Answer::Done(diagnosis) => diagnosis.finding,
        Answer::AskAgain { .. } => panic!("asked again"),
    };
    assert_eq!(read(probe(&issued.tokens)), Finding::Works);
    Peer::ask(&Request::get(format!("{}/revoke-all", peer.url)).body(Bytes::new()).expect("a request"));
    assert!(matches!(read(probe(&issued.tokens)), Finding::Refused { terminal: false, .. }));
}
