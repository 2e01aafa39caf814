//! The adapter against an internet of its own: a few servers as values, and every request that reached them.

mod begin;
mod client;
mod tokens;

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{Request, Response};
use lifecycle::facts::Facts;
use lifecycle::secret::{Secret, TokenSet, TokenType};
use lifecycle::time::Timestamp;
use serde_json::{Value, json};

use super::session::{CLIENT_ID, DID, ISSUER, PDS, REVOCATION_ENDPOINT, TOKEN_ENDPOINT};
use super::{ABOUT, Bluesky};
use crate::dpop::Key;
use crate::network::{App, Cx, Network, Start};
use crate::wire::{BoxFuture, Dice, Wire, WireError};

const ALICE: &str = "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa";
const BOB: &str = "did:plc:bbbbbbbbbbbbbbbbbbbbbbbb";
const METADATA: &str = "https://staygreen.example/oauth/client-metadata.json";
const CALLBACK: &str = "https://staygreen.example/connect/bluesky/callback";
const NOW: i64 = 1_780_000_000;

/// Dice that never show the same twice.
struct Counting(AtomicU8);

impl Dice for Counting {
    fn fill(&self, buffer: &mut [u8]) {
        buffer.fill(self.0.fetch_add(1, Ordering::Relaxed));
    }
}

/// An installation: network app, facts, dice.
struct House {
    app: App,
    facts: Facts,
    dice: Counting,
}

impl House {
    /// A public client, known by its document.
    fn public() -> Self {
        let app = App {
            client_id: METADATA.into(),
            client_secret: None,
            instance: String::new(),
            redirect_uri: CALLBACK.into(),
            scopes: vec![],
            base_url: None,
            endpoints: BTreeMap::new(),
            options: BTreeMap::new(),
        };
        Self { app, facts: Bluesky.facts(), dice: Counting(AtomicU8::new(1)) }
    }

    /// A confidential client.
    fn confidential() -> Self {
        let mut house = Self::public();
        house.app.client_secret = Some(Key::roll(&house.cx()).stored());
        house
    }

    fn with_endpoint(mut self, key: &str, url: &str) -> Self {
        self.app.endpoints.insert(key.into(), url.into());
        self
    }

    fn cx(&self) -> Cx<'_> {
        Cx { app: &self.app, facts: &self.facts, now: Timestamp::from_seconds(NOW), dice: &self.dice }
    }

    /// Tokens of alice as they stand after a while.
    fn tokens(&self) -> TokenSet {
        let mut tokens = TokenSet::bearer(
            Secret::new("canary-access"),
            Some(Secret::new("canary-refresh")),
            ABOUT.scopes.iter().map(|s| (*s).into()).collect(),
        );
        tokens.token_type = TokenType::Dpop;
        tokens.dpop_key = Some(Key::roll(&self.cx()).stored());
        let notes = [
            (ISSUER, "https://as.example"),
            (TOKEN_ENDPOINT, "https://as.example/oauth/token"),
            (REVOCATION_ENDPOINT, "https://as.example/oauth/revoke"),
            (CLIENT_ID, self.app.client_id.as_str()),
            (DID, ALICE),
            (PDS, "https://pds.example"),
        ];
        tokens.notes = notes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        tokens
    }
}

/// The answers of the internet by address (without query), used up from the front while there is more than one. What is
/// not listed cannot be reached.
struct Internet {
    answers: Mutex<BTreeMap<String, Vec<Response<Bytes>>>>,
    seen: Mutex<Vec<Request<Bytes>>>,
}

impl Internet {
    /// Alice's account with everything around it in order.
    fn in_order() -> Self {
        let internet = Self { answers: Mutex::default(), seen: Mutex::default() };
        internet.put("https://public.api.bsky.app/xrpc/com.atproto.identity.resolveHandle", &json!({ "did": ALICE }));
        internet.put_account(ALICE, "alice.example", "https://pds.example");
        internet.put_pds("https://pds.example", "https://as.example");
        internet.put_as("https://as.example");
        internet
    }

    fn put(&self, url: &str, body: &Value) {
        self.put_raw(url, vec![answer(200, &[], &body.to_string())]);
    }

    fn put_raw(&self, url: &str, answers: Vec<Response<Bytes>>) {
        self.answers.lock().expect("a lock").insert(url.into(), answers);
    }

    fn put_account(&self, did: &str, handle: &str, pds: &str) {
        let service = json!([{ "id": "#atproto_pds", "type": "AtprotoPersonalDataServer", "serviceEndpoint": pds }]);
        self.put(
            &format!("https://plc.directory/{did}"),
            &json!({ "id": did, "alsoKnownAs": [format!("at://{handle}")], "service": service }),
        );
    }

    fn put_pds(&self, pds: &str, issuer: &str) {
        self.put(&format!("{pds}/.well-known/oauth-protected-resource"), &json!({ "resource": pds, "authorization_servers": [issuer] }));
    }

    fn put_as(&self, issuer: &str) {
        self.put(&format!("{issuer}/.well-known/oauth-authorization-server"), &metadata(issuer));
        let par = answer(201, &[], r#"{"request_uri":"urn:ietf:params:oauth:request_uri:req-1","expires_in":300}"#);
        self.put_raw(&format!("{issuer}/.well-known/oauth-protected-resource"), vec![answer(404, &[], "Not Found")]);
        self.put_raw(&format!("{issuer}/oauth/par"), vec![wants_nonce("n-1"), par]);
    }

    /// The requests whose address begins like that.
    fn seen(&self, begins: &str) -> Vec<Request<Bytes>> {
        self.seen.lock().expect("a lock").iter().filter(|request| request.uri().to_string().starts_with(begins)).cloned().collect()
    }
}

impl Wire for Internet {
    fn send(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, WireError>> {
        let url = request.uri().to_string();
        let url = url.split('?').next().unwrap_or_default().to_owned();
        self.seen.lock().expect("a lock").push(request);
        let mut answers = self.answers.lock().expect("a lock");
        let found = answers.get_mut(&url).map(|list| if list.len() > 1 { list.remove(0) } else { list[0].clone() });
        Box::pin(async move { found.ok_or_else(|| WireError::NotSent(format!("nobody is there: {url}"))) })
    }
}

fn metadata(issuer: &str) -> Value {
    json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/oauth/authorize"),
        "token_endpoint": format!("{issuer}/oauth/token"),
        "pushed_authorization_request_endpoint": format!("{issuer}/oauth/par"),
        "revocation_endpoint": format!("{issuer}/oauth/revoke"),
        "require_pushed_authorization_requests": true,
        "dpop_signing_alg_values_supported": ["ES256", "ES256K"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["none", "private_key_jwt"],
        "scopes_supported": ["atproto", "transition:generic"],
        "authorization_response_iss_parameter_supported": true,
        "client_id_metadata_document_supported": true,
    })
}

fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Response<Bytes> {
    let builder = headers.iter().fold(Response::builder().status(status), |builder, (name, value)| builder.header(*name, *value));
    builder.body(Bytes::copy_from_slice(body.as_bytes())).expect("an answer")
}

fn wants_nonce(nonce: &str) -> Response<Bytes> {
    answer(
        400,
        &[("dpop-nonce", nonce)],
        r#"{"error":"use_dpop_nonce","error_description":"Authorization server requires nonce in DPoP proof"}"#,
    )
}

/// The form of a request.
fn form(request: &Request<Bytes>) -> BTreeMap<String, String> {
    url::form_urlencoded::parse(request.body()).into_owned().collect()
}

/// The claims of a compact token, unchecked: signatures are the tests' business of `dpop`.
fn claims(token: &str) -> Value {
    part(token, 1)
}

fn part(token: &str, index: usize) -> Value {
    use base64::Engine as _;
    let part = token.split('.').nth(index).expect("three parts");
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part).expect("base64url");
    serde_json::from_slice(&bytes).expect("JSON")
}

/// The proof of a request: its claims.
fn proof(request: &Request<Bytes>) -> Value {
    claims(request.headers()["dpop"].to_str().expect("text"))
}

fn start(hint: &str) -> Start {
    Start { state: Secret::new("state-1"), hint: Some(hint.into()), expected_person: None }
}

/// This internet answers at once: a future that waits is a fault of the test.
fn now<T>(future: impl Future<Output = T>) -> T {
    let mut future = Box::pin(future);
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => panic!("nothing here waits"),
    }
}

fn callback(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}
