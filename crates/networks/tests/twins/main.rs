//! Adapters against their twins in the sandbox, from connecting to revoking: what the matrix, which treats all alike, cannot
//! ask. Nothing here knows an address: the adapters are given the sandbox's base URL and nothing else.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod bluesky;
mod codes;
mod configured;
mod discord;
mod facebook;
mod google_business;
mod instagram;
mod instagram_page;
mod lexicons;
mod linkedin;
mod mastodon;
mod openapi;
mod pinterest;
mod quota;
mod reddit;
mod threads;
mod tiktok;
mod tumblr;
mod x;
mod x_weight;
mod xing;
mod youtube;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http::{Request, Response};
use lifecycle::diagnosis::{Diagnosis, Finding};
use lifecycle::facts::Facts;
use lifecycle::secret::{Secret, TokenSet};
use lifecycle::time::{Span, Timestamp};
use lifecycle::words::Cause;
use networks::Network;
use networks::acting::{Acting, Media, Target};
use networks::network::{Answer, App, Authorization, Cx, Discovery, Failure, Found, Issued, Renewal, Start};
use networks::wire::{BoxFuture, Clock, Dice, Wire, WireError};
use sandbox::World;
use serde_json::{Value, json};

pub(crate) const DAY: i64 = 86_400;

/// Dice that never show the same twice: there are networks that refuse what they saw before.
struct Counting(AtomicU64);

impl Dice for Counting {
    fn fill(&self, buffer: &mut [u8]) {
        for part in buffer.chunks_mut(8) {
            let next = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed).to_be_bytes();
            part.copy_from_slice(&next[..part.len()]);
        }
    }
}

/// A request and its answer.
pub(crate) type Exchanged = (Request<Bytes>, Response<Bytes>);

/// One network in its world, and our app there.
pub(crate) struct Bench {
    pub(crate) network: &'static dyn Network,
    /// The name of its twin in the sandbox.
    twin: String,
    pub(crate) app: App,
    /// What the person types before leaving.
    pub(crate) hint: Option<String>,
    pub(crate) facts: Facts,
    dice: Counting,
    world: Mutex<World>,
    now: Mutex<i64>,
    /// Answers that are thrown away: the request is carried out.
    pub(crate) lose: Mutex<usize>,
    /// Answers that arrive before the first is thrown away.
    pub(crate) spare: Mutex<usize>,
    /// What was asked: method and path.
    pub(crate) asked: Mutex<Vec<String>>,
    /// What was asked and what was answered.
    pub(crate) said: Mutex<Vec<Exchanged>>,
}

impl Wire for Bench {
    fn send(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, WireError>> {
        self.asked.lock().unwrap().push(format!("{} {}", request.method(), request.uri().path()));
        let answer = self.handle(&request);
        let (mut lose, mut spare) = (self.lose.lock().unwrap(), self.spare.lock().unwrap());
        let lost = *lose > 0 && *spare == 0;
        if lost {
            *lose -= 1;
        }
        *spare = spare.saturating_sub(1);
        Box::pin(async move { if lost { Err(WireError::Lost("the answer was lost".into())) } else { Ok(answer) } })
    }

    fn pause(&self, span: Span) -> BoxFuture<'_, ()> {
        self.pass(span.as_seconds());
        Box::pin(async {})
    }
}

impl Clock for Bench {
    fn now(&self) -> Timestamp {
        Timestamp::from_seconds(*self.now.lock().unwrap())
    }
}

impl Bench {
    pub(crate) fn new(name: &str) -> Self {
        Self::of(networks::find(name).expect("a network"), name)
    }

    /// Some network, at a twin of that name.
    pub(crate) fn of(network: &'static dyn Network, name: &str) -> Self {
        let app = App {
            client_id: format!("sandbox-{name}"),
            client_secret: Some(Secret::new(format!("sandbox-{name}-secret"))),
            instance: String::new(),
            redirect_uri: format!("https://staygreen.example/oauth/callback/{name}"),
            scopes: vec![],
            base_url: Some(format!("http://sandbox.test/{name}")),
            endpoints: BTreeMap::new(),
            options: BTreeMap::from([("username".to_owned(), "fernweh_outdoor".to_owned())]),
        };
        Self {
            network,
            twin: name.to_owned(),
            app,
            hint: None,
            facts: network.facts(),
            dice: Counting(AtomicU64::new(1)),
            world: Mutex::new(World::seeded()),
            now: Mutex::new(1_790_000_000),
            lose: Mutex::new(0),
            spare: Mutex::new(0),
            asked: Mutex::new(vec![]),
            said: Mutex::new(vec![]),
        }
    }

    pub(crate) fn cx(&self) -> Cx<'_> {
        Cx { app: &self.app, facts: &self.facts, now: Timestamp::from_seconds(*self.now.lock().unwrap()), dice: &self.dice }
    }

    pub(crate) fn acting<'a>(&'a self, tokens: &'a TokenSet, target: Target<'a>) -> Acting<'a> {
        Acting { cx: self.cx(), clock: self, wire: self, tokens, target }
    }

    pub(crate) fn pass(&self, seconds: i64) {
        *self.now.lock().unwrap() += seconds;
    }

    pub(crate) fn handle(&self, request: &Request<Bytes>) -> Response<Bytes> {
        let now = *self.now.lock().unwrap() * 1_000_000;
        // As the shell's wire does: whoever has no name of their own is Staygreen.
        let mut request = request.clone();
        request.headers_mut().entry("user-agent").or_insert(http::HeaderValue::from_static(networks::wire::AGENT));
        let answer = self.world.lock().unwrap().handle(now, &request);
        self.said.lock().unwrap().push((request, answer.clone()));
        answer
    }

    /// A call of the control API that must work.
    pub(crate) fn control(&self, call: &str, body: &Value) -> Value {
        let request = Request::post(format!("http://sandbox.test/control/api/{call}")).body(Bytes::from(body.to_string())).unwrap();
        let answer = self.handle(&request);
        let text = String::from_utf8_lossy(answer.body()).into_owned();
        assert_eq!(answer.status(), 200, "{call}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    pub(crate) fn happen(&self, username: &str, action: &str) {
        self.control(&format!("people/{}/{username}/{action}", self.twin), &json!({}));
    }

    /// What the network is about to tell us by itself.
    pub(crate) fn take_notices(&self) -> Vec<sandbox::Notice> {
        self.world.lock().unwrap().take_notices()
    }

    /// A person who lives there.
    pub(crate) fn somebody(&self) -> String {
        let request = Request::get("http://sandbox.test/control/api/state").body(Bytes::new()).unwrap();
        let state: Value = serde_json::from_slice(self.handle(&request).body()).unwrap();
        let people = state["people"].as_array().unwrap();
        let person = people.iter().find(|person| person["network"] == self.twin.as_str()).unwrap();
        person["username"].as_str().unwrap().to_owned()
    }

    /// A trouble of the network's own, until it is told otherwise; empty: none.
    pub(crate) fn trouble(&self, trouble: &str) {
        self.control("troubles", &json!({ "network": self.twin, "trouble": trouble }));
    }

    /// The troubles that the network can be switched into, by name.
    pub(crate) fn troubles_known(&self) -> Vec<String> {
        let body = json!({ "network": self.twin, "trouble": "there is no such trouble" }).to_string();
        let answer = self.handle(&Request::post("http://sandbox.test/control/api/troubles").body(Bytes::from(body)).unwrap());
        let told: Value = serde_json::from_slice(answer.body()).unwrap();
        let listed = told["error"].as_str().unwrap().split_once("one of ").unwrap().1.split_once(';').unwrap().0;
        listed.split(", ").map(str::to_owned).collect()
    }

    pub(crate) fn mood(&self, mood: &str) {
        self.control("mood", &json!({ "network": self.twin, "mood": mood }));
    }

    pub(crate) async fn begin(&self) -> Result<Authorization, Failure> {
        let start = Start { state: Secret::new("the-state"), hint: self.hint.clone(), expected_person: None };
        self.network.begin(self.cx(), self, &start).await
    }

    /// What comes back from the network's pages; `more` goes to the sandbox's consent.
    pub(crate) fn consent(&self, authorize_url: &str, username: &str, more: &Value) -> Vec<(String, String)> {
        let mut body = json!({ "authorize_url": authorize_url, "username": username });
        body.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
        let back = self.control("consent", &body)["redirect_to"].as_str().unwrap().to_owned();
        let callback: Vec<(String, String)> = url::Url::parse(&back).unwrap().query_pairs().into_owned().collect();
        assert_eq!(self.network.returned_state(&callback), Some("the-state"));
        callback
    }

    pub(crate) fn exchange(&self, begun: &Authorization, callback: &[(String, String)]) -> Result<Issued, Failure> {
        let mut memory = begun.memory.clone();
        let mut request = self.network.exchange(self.cx(), &memory, callback)?;
        for _ in 0..9 {
            match self.network.read_exchange(self.cx(), &memory, callback, &self.handle(&request))? {
                Answer::Done(issued) => return Ok(issued),
                Answer::AskAgain { request: next, secrets, notes } => {
                    request = *next;
                    memory.extend(notes.into_iter().map(|(name, value)| (name, Secret::new(value))));
                    memory.extend(secrets);
                }
            }
        }
        panic!("asks again and again")
    }

    /// From the first click to the tokens.
    pub(crate) async fn try_connect(&self, username: &str, more: Value) -> Result<Issued, Failure> {
        let begun = self.begin().await?;
        let callback = self.consent(&begun.url, username, &more);
        self.exchange(&begun, &callback)
    }

    pub(crate) async fn connect(&self, username: &str) -> TokenSet {
        self.try_connect(username, json!({})).await.expect("connects").tokens
    }

    pub(crate) async fn discover(&self, tokens: &TokenSet) -> Result<Discovery, Diagnosis> {
        self.network.discover(self.cx(), self, tokens).await
    }

    pub(crate) fn probe(&self, tokens: &TokenSet) -> Diagnosis {
        let mut tokens = tokens.clone();
        let mut request = self.network.probe(self.cx(), &tokens);
        for _ in 0..3 {
            match self.network.read_probe(self.cx(), &tokens, &self.handle(&request)) {
                Answer::Done(diagnosis) => return diagnosis,
                Answer::AskAgain { request: next, notes, .. } => {
                    request = *next;
                    tokens.notes.extend(notes);
                }
            }
        }
        panic!("the probe does not end")
    }

    pub(crate) fn renew(&self, tokens: &TokenSet) -> Renewal {
        let mut tokens = tokens.clone();
        let mut request = self.network.renew(self.cx(), &tokens).expect("renewable");
        for _ in 0..2 {
            match self.network.read_renew(self.cx(), &tokens, &self.handle(&request)) {
                Answer::Done(renewal) => return renewal,
                Answer::AskAgain { request: next, notes, .. } => {
                    request = *next;
                    tokens.notes.extend(notes);
                }
            }
        }
        panic!("the renewal does not end")
    }

    /// The paths of all requests since the person was connected that were about tokens.
    pub(crate) fn asked_of_tokens(&self) -> Vec<String> {
        let said = self.said.lock().unwrap();
        let paths = said.iter().map(|(request, _)| request.uri().path().split_once(self.twin.as_str()).map_or("", |(_, path)| path));
        paths.filter(|path| path.contains("/oauth/")).skip(1).map(str::to_owned).collect()
    }

    /// What was published there, oldest first.
    pub(crate) fn posts(&self) -> Vec<Value> {
        let request = Request::get("http://sandbox.test/control/api/state").body(Bytes::new()).unwrap();
        let state: Value = serde_json::from_slice(self.handle(&request).body()).unwrap();
        let posts = state["posts"].as_array().unwrap().iter();
        posts.filter(|post| post["network"] == self.twin.as_str()).cloned().collect()
    }

    /// How many consents of that person the network knows.
    pub(crate) fn consents(&self, username: &str) -> u64 {
        let request = Request::get("http://sandbox.test/control/api/state").body(Bytes::new()).unwrap();
        let state: Value = serde_json::from_slice(self.handle(&request).body()).unwrap();
        let people = state["people"].as_array().unwrap();
        let person = people.iter().find(|person| person["network"] == self.twin.as_str() && person["username"] == username).unwrap();
        person["consents"].as_u64().unwrap()
    }

    /// A renewal that works, kept as the shell keeps it.
    pub(crate) fn renewed(&self, tokens: &TokenSet) -> TokenSet {
        match self.renew(tokens) {
            Renewal::Renewed(issued) => issued.tokens.keeping_from(tokens),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn refused_renewal(&self, tokens: &TokenSet) -> Diagnosis {
        match self.renew(tokens) {
            Renewal::Failed(diagnosis) => diagnosis,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn revoke(&self, tokens: &TokenSet) -> bool {
        let mut tokens = tokens.clone();
        let mut request = self.network.revoke(self.cx(), &tokens).expect("revocable");
        for _ in 0..3 {
            match self.network.read_revoke(self.cx(), &tokens, &self.handle(&request)) {
                Answer::Done(gone) => return gone,
                Answer::AskAgain { request: next, notes, .. } => {
                    request = *next;
                    tokens.notes.extend(notes);
                }
            }
        }
        panic!("the revocation does not end")
    }

    /// Trouble of the network never speaks against a token.
    pub(crate) fn moods_are_harmless(&self, tokens: &TokenSet) {
        for mood in ["outage", "html", "error_after_commit"] {
            self.mood(mood);
            let diagnosis = self.probe(tokens);
            assert!(matches!(diagnosis.finding, Finding::Transient { .. }), "{mood}: {diagnosis:?}");
        }
        self.mood("normal");
    }
}

/// What a diagnosis says against the token.
pub(crate) fn cause(diagnosis: &Diagnosis) -> Option<Cause> {
    match diagnosis.finding {
        Finding::Refused { cause, .. } => Some(cause),
        _ => None,
    }
}

pub(crate) fn target(found: &Found) -> Target<'_> {
    Target { network_id: &found.network_id, kind: found.kind, handle: found.handle.as_deref() }
}

/// A picture that the network fetches by itself.
pub(crate) fn picture() -> Media {
    Media { url: Some("https://pictures.example/hut.jpg".into()), ..media("image/jpeg", b"") }
}

pub(crate) fn media(content_type: &str, bytes: &'static [u8]) -> Media {
    Media { url: None, content_type: content_type.into(), bytes: Bytes::from_static(bytes), alt: Some("A hut at dawn".into()) }
}
