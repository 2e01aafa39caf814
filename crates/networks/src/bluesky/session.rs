//! What one login is tied to from its first request to its last: issuer, endpoints, client, DPoP key, nonces (RF-25).
//! Before there are tokens it lives in the memory of the connection, afterwards in the token set.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response};
use lifecycle::secret::{Secret, TokenSet};

use super::client::Authentication;
use crate::dpop::{self, Key};
use crate::network::Cx;
use crate::oauth;

/// The authorization server, exactly as it names itself.
pub(super) const ISSUER: &str = "issuer";
/// Its token endpoint.
pub(super) const TOKEN_ENDPOINT: &str = "token_endpoint";
/// Its revocation endpoint, where it has one.
pub(super) const REVOCATION_ENDPOINT: &str = "revocation_endpoint";
/// The server where the account lives; absent until the account is known.
pub(super) const PDS: &str = "pds";
/// The account.
pub(super) const DID: &str = "did";
/// The client id with which the session began: it stays, also when the configured one changes.
pub(super) const CLIENT_ID: &str = "client_id";
/// Names the client key to which the session is tied; absent for public clients.
const CLIENT_KID: &str = "client_kid";
const NONCE: &str = "nonce:";

/// Only in memory: the DPoP key, which later is a field of the token set.
pub(super) const DPOP_KEY: &str = "dpop_key";
/// Only in memory: the PKCE verifier.
pub(super) const VERIFIER: &str = "verifier";
/// Only in memory: the account the person typed, which must be the one that comes back.
pub(super) const TYPED_DID: &str = "typed_did";
const ONLY_IN_MEMORY: [&str; 3] = [DPOP_KEY, VERIFIER, TYPED_DID];

/// A session with its key.
pub(super) struct Session {
    /// What is not secret, by name; kept as the notes of the token set.
    pub(super) notes: BTreeMap<String, String>,
    /// The DPoP key.
    key: Kept,
}

/// A key as it is kept with the tokens. It is read where the first proof is made: that computes its public half, and who only reads
/// an answer proves nothing.
struct Kept {
    stored: Secret,
    read: OnceLock<Option<Key>>,
}

impl Kept {
    fn of(stored: &Secret) -> Self {
        Self { stored: stored.clone(), read: OnceLock::new() }
    }

    /// `None` where it is no key.
    fn key(&self) -> Option<&Key> {
        self.read.get_or_init(|| Key::from_stored(&self.stored)).as_ref()
    }
}

impl Session {
    /// A new one, with a key of its own.
    pub(super) fn begin(cx: &Cx<'_>) -> Self {
        Self { notes: BTreeMap::new(), key: Kept::of(&Key::roll(cx).stored()) }
    }

    /// As it was remembered when the person left for the network.
    pub(super) fn remembered(memory: &BTreeMap<String, Secret>) -> Option<Self> {
        let notes = memory.iter().filter(|(name, _)| !ONLY_IN_MEMORY.contains(&name.as_str()));
        Some(Self {
            key: Kept::of(memory.get(DPOP_KEY)?),
            notes: notes.map(|(name, value)| (name.clone(), value.expose().to_owned())).collect(),
        })
    }

    /// As it is kept with the tokens.
    pub(super) fn of(tokens: &TokenSet) -> Option<Self> {
        Some(Self { key: Kept::of(tokens.dpop_key.as_ref()?), notes: tokens.notes.clone() })
    }

    /// What has to be remembered until the person comes back.
    pub(super) fn memory(&self) -> BTreeMap<String, Secret> {
        let mut memory: BTreeMap<String, Secret> = self.notes.iter().map(|(name, value)| (name.clone(), Secret::new(value))).collect();
        memory.insert(DPOP_KEY.into(), self.stored_key());
        memory
    }

    /// The key as it is kept with the tokens.
    pub(super) fn stored_key(&self) -> Secret {
        self.key.stored.clone()
    }

    /// One of the notes; empty when it is missing.
    pub(super) fn get(&self, name: &str) -> &str {
        self.notes.get(name).map_or("", String::as_str)
    }

    pub(super) fn set(&mut self, name: &str, value: &str) {
        self.notes.insert(name.to_owned(), value.to_owned());
    }

    /// Notes how the session shows that it is ours.
    pub(super) fn bind(&mut self, authentication: &Authentication) {
        if let Some(kid) = authentication.kid() {
            self.notes.insert(CLIENT_KID.into(), kid);
        }
    }

    /// How the session shows that it is ours; `None` when its client key is gone.
    pub(super) fn authentication(&self, cx: &Cx<'_>) -> Option<Authentication> {
        Authentication::of_session(cx, self.get(CLIENT_ID), self.notes.get(CLIENT_KID).map(String::as_str))
    }

    /// Whether the session is tied to a client key; such sessions live longer.
    pub(super) fn is_confidential(&self) -> bool {
        self.notes.contains_key(CLIENT_KID)
    }

    fn nonce(&self, url: &str) -> Option<&str> {
        self.notes.get(&format!("{NONCE}{}", dpop::origin(url))).map(String::as_str)
    }

    /// Keeps the newest nonce of the server that answered; returned as what changed.
    pub(super) fn learn(&mut self, url: &str, answer: &Response<Bytes>) -> BTreeMap<String, String> {
        let newest = dpop::nonce(answer).map(|nonce| (format!("{NONCE}{}", dpop::origin(url)), nonce.to_owned()));
        let changed: BTreeMap<String, String> = newest.into_iter().collect();
        self.notes.extend(changed.clone());
        changed
    }

    /// A form to the authorization server, authenticated and with a proof. `None` when the client key is gone, or the session's is none.
    pub(super) fn post(&self, cx: &Cx<'_>, url: &str, form: &[(&str, &str)]) -> Option<Request<Bytes>> {
        let client = self.authentication(cx)?.parameters(cx, self.get(CLIENT_ID), self.get(ISSUER));
        let client = client.iter().map(|(name, value)| (*name, value.as_str()));
        let form: Vec<(&str, &str)> = form.iter().copied().chain(client).collect();
        let mut request = oauth::post_form(url, &form);
        self.prove(cx, &mut request, url, None)?;
        Some(request)
    }

    /// A GET to the account's server with the access token and a proof bound to it.
    pub(super) fn get_as(&self, cx: &Cx<'_>, url: &str, token: &Secret) -> Request<Bytes> {
        self.call_as(cx, Method::GET, url, token)
    }

    /// A call to the account's server with the access token and a proof bound to it; one to nowhere, which the wire refuses, where the
    /// session's key is none.
    pub(super) fn call_as(&self, cx: &Cx<'_>, method: Method, url: &str, token: &Secret) -> Request<Bytes> {
        let authorization = oauth::sensitive(&format!("DPoP {}", token.expose()));
        let request =
            Request::builder().method(method).uri(url).header("accept", "application/json").header("authorization", authorization);
        let mut request = request.body(Bytes::new()).unwrap_or_default();
        self.prove(cx, &mut request, url, Some(token)).map(|()| request).unwrap_or_default()
    }

    fn prove(&self, cx: &Cx<'_>, request: &mut Request<Bytes>, url: &str, token: Option<&Secret>) -> Option<()> {
        let proof = self.key.key()?.proof(cx, request.method().as_str(), url, self.nonce(url), token);
        if let Ok(proof) = HeaderValue::from_str(&proof) {
            request.headers_mut().insert("dpop", proof);
        }
        Some(())
    }
}
