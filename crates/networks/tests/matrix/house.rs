//! An adapter and its simulated twin, without sockets.

use std::collections::BTreeMap;
use std::sync::Mutex;

use bytes::Bytes;
use http::{Request, Response};
use lifecycle::diagnosis::Finding;
use lifecycle::facts::{Facts, RenewalModel};
use lifecycle::secret::{Secret, TokenSet};
use lifecycle::time::{Span, Timestamp};
use lifecycle::words::{Cause, Confidence};
use networks::Network;
use networks::network::{Answer, App, Asks, Cx, Discovery, Failure, Issued, Registration, Renewal, Start};
use networks::wire::{BoxFuture, Clock, Dice, Wire, WireError};
use sandbox::{Fate, World};
use serde_json::{Value, json};
use url::Url;

use crate::Death;

/// This machine, as far as the adapters can tell: there are networks that follow http nowhere else.
const BASE: &str = "http://localhost:8430";
/// The moment at which every world begins.
const BEGIN: i64 = 1_790_000_000;

/// A PNG of one pixel.
pub(crate) fn pixel() -> Bytes {
    use base64::Engine as _;
    let text = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
    base64::engine::general_purpose::STANDARD.decode(text).unwrap().into()
}

/// What a person's consent gave.
pub(crate) struct Held {
    pub(crate) issued: Issued,
    pub(crate) discovery: Discovery,
}

/// What a look says, as the keeper would put it together.
#[derive(Debug)]
pub(crate) enum Outcome {
    Works,
    Harmless,
    Refused { cause: Cause, confidence: Confidence },
}

pub(crate) struct House {
    network: &'static dyn Network,
    world: Mutex<World>,
    now: Mutex<i64>,
    /// Ours, and where it registers itself, the one that was registered last.
    app: Mutex<&'static App>,
    facts: Facts,
    rolls: Mutex<u64>,
}

impl Dice for House {
    fn fill(&self, buffer: &mut [u8]) {
        // Never the same twice: there are networks that refuse what they saw before.
        let mut rolls = self.rolls.lock().unwrap();
        for byte in buffer {
            *rolls = rolls.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (*rolls ^ (*rolls >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            *byte = mixed.to_be_bytes()[1];
        }
    }
}

impl Wire for House {
    fn send(&self, mut request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, WireError>> {
        // As the shell's wire does: whoever has no name of their own is Staygreen.
        request.headers_mut().entry("user-agent").or_insert(http::HeaderValue::from_static(networks::wire::AGENT));
        assert!(request.uri().to_string().starts_with(BASE), "a request leaves for {}", request.uri());
        let answer = self.world.lock().unwrap().handle(*self.now.lock().unwrap(), &request);
        let lost = answer.extensions().get::<Fate>() == Some(&Fate::CloseWithoutAnswer);
        Box::pin(async move { if lost { Err(WireError::Lost("closed".into())) } else { Ok(answer) } })
    }

    fn pause(&self, span: Span) -> BoxFuture<'_, ()> {
        self.pass(span);
        Box::pin(async {})
    }
}

impl Clock for House {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(*self.now.lock().unwrap())
    }
}

impl House {
    pub(crate) fn new(network: &'static dyn Network) -> Self {
        let name = network.about().name;
        let is_document = network.about().registration == Registration::Metadata;
        let document = "https://staygreen.example/oauth/client-metadata.json";
        let app = App {
            client_id: if is_document { document.to_owned() } else { format!("sandbox-{name}") },
            client_secret: (!is_document).then(|| Secret::new(format!("sandbox-{name}-secret"))),
            instance: String::new(),
            redirect_uri: format!("https://staygreen.example/oauth/callback/{name}"),
            scopes: vec![],
            base_url: Some(format!("{BASE}/{name}")),
            endpoints: BTreeMap::new(),
            options: BTreeMap::from(
                [("allow_http_loopback", "true"), ("username", "fernweh_outdoor")].map(|(name, value)| (name.to_owned(), value.to_owned())),
            ),
        };
        let app = Mutex::new(&*Box::leak(Box::new(app)));
        Self {
            network,
            world: Mutex::new(World::seeded()),
            now: Mutex::new(BEGIN * 1_000_000),
            app,
            facts: network.facts(),
            rolls: Mutex::new(1),
        }
    }

    pub(crate) fn cx(&self) -> Cx<'_> {
        Cx { app: *self.app.lock().unwrap(), facts: &self.facts, now: Timestamp::from_micros(*self.now.lock().unwrap()), dice: self }
    }

    pub(crate) fn pass(&self, span: Span) {
        *self.now.lock().unwrap() += span.as_micros();
    }

    fn ask_world(&self, method: &str, path: &str, body: &Value) -> Value {
        let request = Request::builder()
            .method(method)
            .uri(format!("{BASE}/control/api{path}"))
            .header("content-type", "application/json")
            .body(Bytes::from(body.to_string()))
            .unwrap();
        let answer = self.world.lock().unwrap().handle(*self.now.lock().unwrap(), &request);
        let said: Value = serde_json::from_slice(answer.body()).unwrap();
        assert!(answer.status().is_success(), "{path} {body}: {said}");
        said
    }

    pub(crate) fn control(&self, path: &str, body: &Value) -> Value {
        self.ask_world("POST", path, body)
    }

    pub(crate) fn state(&self) -> Value {
        self.ask_world("GET", "/state", &Value::Null)
    }

    /// How long a renewal may be put off while everything still lives; extending networks want some age first.
    pub(crate) fn before_renewal(&self) -> Span {
        match self.facts.renewal {
            RenewalModel::Extending(after) => after + Span::hours(1),
            _ => self.facts.access_life.map_or(Span::minutes(30), |life| life.times(1, 2)),
        }
    }

    pub(crate) async fn connect(&self, username: &str) -> Result<Held, Failure> {
        let about = self.network.about();
        let hint = match about.asks {
            Asks::Nothing | Asks::Webhook => None,
            Asks::Handle => Some(username.to_owned()),
            Asks::Instance => Some("social.example".to_owned()),
        };
        let mut app = (*self.app.lock().unwrap()).clone();
        if about.asks == Asks::Instance && app.instance.is_empty() {
            app.instance = self.network.instance(hint.as_deref()).unwrap();
            app.client_id = String::new();
            app.client_secret = None;
        }
        let start = Start { state: Secret::new("state-1"), hint, expected_person: None };
        let began = self.network.begin(Cx { app: &app, ..self.cx() }, self, &start).await?;
        if let Some(made) = &began.registered {
            app.client_id.clone_from(&made.client_id);
            app.client_secret = Some(made.client_secret.clone());
        }
        *self.app.lock().unwrap() = Box::leak(Box::new(app.clone()));
        let cx = || Cx { app: &app, ..self.cx() };
        let said = self.control("/consent", &json!({ "authorize_url": began.url, "username": username }));
        let back = Url::parse(said["redirect_to"].as_str().unwrap()).unwrap();
        let callback: Vec<(String, String)> = back.query_pairs().into_owned().collect();
        assert_eq!(self.network.returned_state(&callback), Some(began.returns_with.expose()), "{}: the state comes back", about.name);
        let mut memory = began.memory.clone();
        let mut request = self.network.exchange(cx(), &memory, &callback)?;
        for _ in 0..9 {
            let answer = self.send(request).await.map_err(|error| networks::oauth::unavailable(self.cx().now, &error))?;
            match self.network.read_exchange(cx(), &memory, &callback, &answer)? {
                Answer::Done(issued) => {
                    let discovery = self.network.discover(cx(), self, &issued.tokens).await;
                    let discovery = discovery.unwrap_or_else(|diagnosis| panic!("{}: no list: {diagnosis:?}", about.name));
                    assert!(
                        issued.person_network_id.as_ref().is_none_or(|id| *id == discovery.person.network_id),
                        "{}: one person",
                        about.name
                    );
                    return Ok(Held { issued, discovery });
                }
                Answer::AskAgain { request: next, notes, secrets } => {
                    request = *next;
                    memory.extend(notes.into_iter().map(|(name, value)| (name, Secret::new(value))));
                    memory.extend(secrets);
                }
            }
        }
        panic!("{}: the exchange does not end", about.name)
    }

    pub(crate) async fn probe(&self, tokens: &TokenSet) -> Outcome {
        let mut tokens = tokens.clone();
        let mut request = self.network.probe(self.cx(), &tokens);
        for _ in 0..3 {
            let answer = self.send(request).await.unwrap();
            match self.network.read_probe(self.cx(), &tokens, &answer) {
                Answer::Done(diagnosis) => {
                    return match diagnosis.finding {
                        Finding::Works => Outcome::Works,
                        Finding::Refused { cause, confidence, .. } => Outcome::Refused { cause, confidence },
                        _ => Outcome::Harmless,
                    };
                }
                Answer::AskAgain { request: next, notes, .. } => {
                    request = *next;
                    tokens.notes.extend(notes);
                }
            }
        }
        panic!("the probe does not end")
    }

    pub(crate) async fn renew(&self, tokens: &TokenSet) -> Option<Renewal> {
        let mut tokens = tokens.clone();
        let mut request = self.network.renew(self.cx(), &tokens)?;
        for _ in 0..3 {
            let answer = self.send(request).await.unwrap();
            match self.network.read_renew(self.cx(), &tokens, &answer) {
                Answer::Done(renewal) => return Some(renewal),
                Answer::AskAgain { request: next, notes, .. } => {
                    request = *next;
                    tokens.notes.extend(notes);
                }
            }
        }
        panic!("the renewal does not end")
    }

    pub(crate) async fn revoke(&self, tokens: &TokenSet) -> Option<bool> {
        let mut tokens = tokens.clone();
        let mut request = self.network.revoke(self.cx(), &tokens)?;
        for _ in 0..3 {
            let answer = self.send(request).await.unwrap();
            match self.network.read_revoke(self.cx(), &tokens, &answer) {
                Answer::Done(gone) => return Some(gone),
                Answer::AskAgain { request: next, notes, .. } => {
                    request = *next;
                    tokens.notes.extend(notes);
                }
            }
        }
        panic!("the revocation does not end")
    }

    /// What the keeper would find out: its own clock first, then the check; where that says nothing against the token, the roles and, for a token
    /// whose life is over, its renewal.
    pub(crate) async fn look(&self, held: &Held) -> Outcome {
        let mut tokens = held.issued.tokens.clone();
        if held.issued.renewable && held.issued.clocks.human_until.is_some_and(|until| until <= self.cx().now) {
            return Outcome::Refused { cause: Cause::RenewalDue, confidence: Confidence::Certain };
        }
        let over = held.issued.clocks.access_until.is_some_and(|until| until <= self.cx().now);
        if over {
            match self.renew(&tokens).await {
                Some(Renewal::Renewed(issued)) => tokens = issued.tokens.keeping_from(&tokens),
                Some(Renewal::Failed(diagnosis)) => {
                    return match diagnosis.finding {
                        Finding::Refused { cause, confidence, .. } => Outcome::Refused { cause, confidence },
                        _ => Outcome::Harmless,
                    };
                }
                Some(Renewal::Unclear(_)) => return Outcome::Harmless,
                None => {}
            }
        }
        match self.probe(&tokens).await {
            Outcome::Works if self.network.has_roles() => {}
            other => return other,
        }
        match self.network.discover(self.cx(), self, &tokens).await {
            Ok(now) => {
                let usable = |id: &str| now.profiles.iter().any(|found| found.network_id == id && found.unusable.is_none());
                let lost = held.discovery.profiles.iter().any(|found| found.unusable.is_none() && !usable(&found.network_id));
                if lost { Outcome::Refused { cause: Cause::PermissionLost, confidence: Confidence::Certain } } else { Outcome::Works }
            }
            Err(diagnosis) => match diagnosis.finding {
                Finding::Refused { cause, confidence, .. } => Outcome::Refused { cause, confidence },
                _ => Outcome::Harmless,
            },
        }
    }

    /// Makes it happen; the truth, or `None` where it cannot happen at this network.
    pub(crate) fn kill(&self, held: &Held, username: &str, death: Death) -> Option<Cause> {
        let name = self.network.about().name;
        let person = |action: &str| self.control(&format!("/people/{name}/{username}/{action}"), &json!({}));
        match death {
            Death::PasswordChanged => {
                person("change-password");
                Some(Cause::PasswordChanged)
            }
            Death::Revoked => {
                person("revoke");
                Some(Cause::RevokedByPerson)
            }
            Death::Blocked => {
                person("block");
                Some(Cause::PersonBlocked)
            }
            Death::RoleLost => {
                let state = self.state();
                let mine =
                    |page: &&Value| page["network"] == name && page["roles"].as_array().unwrap().iter().any(|role| role[0] == username);
                let usable = |page: &&Value| {
                    let id = page["id"].to_string();
                    held.discovery.profiles.iter().any(|found| found.unusable.is_none() && found.network_id.contains(&id))
                };
                let page = state["pages"].as_array().unwrap().iter().filter(mine).find(usable)?;
                self.control("/roles", &json!({ "network": name, "page": page["id"], "username": username, "role": null }));
                Some(Cause::PermissionLost)
            }
            // Where somebody must come anyhow, nothing is left whose loss could be noticed late.
            Death::RoleLostLate if held.issued.clocks.access_until.is_some() => None,
            Death::RoleLostLate => {
                self.pass(self.facts.manual_renewal_every? + Span::days(1));
                self.kill(held, username, Death::RoleLost)
            }
            Death::Due => {
                let life = self.facts.manual_renewal_every?;
                self.pass(life + Span::days(1));
                Some(Cause::RenewalDue)
            }
        }
    }

    /// The sandbox's own word: whether this person has a consent that is not over.
    pub(crate) fn is_alive(&self, network: &str, username: &str) -> bool {
        let state = self.state();
        state["people"]
            .as_array()
            .unwrap()
            .iter()
            .any(|person| person["network"] == network && person["username"] == username && person["consents"].as_u64().unwrap_or(0) > 0)
    }

    pub(crate) fn bring_back(&self, username: &str, death: Death) {
        let name = self.network.about().name;
        match death {
            Death::Blocked => drop(self.control(&format!("/people/{name}/{username}/unblock"), &json!({}))),
            Death::RoleLost | Death::RoleLostLate => {
                // As it was in the beginning.
                let before = World::seeded();
                let mut fresh = House::new(self.network);
                fresh.world = Mutex::new(before);
                let pages = fresh.state()["pages"].clone();
                for page in pages.as_array().unwrap().iter().filter(|page| page["network"] == name) {
                    for role in page["roles"].as_array().unwrap().iter().filter(|role| role[0] == username) {
                        self.control("/roles", &json!({ "network": name, "page": page["id"], "username": username, "role": role[1] }));
                    }
                }
            }
            _ => {}
        }
    }
}
