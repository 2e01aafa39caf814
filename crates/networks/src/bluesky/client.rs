//! How our client is known to AT Protocol servers. There is no registration: the client id is the address of a document
//! that we publish. Three kinds: confidential (a key signs for it), public, and local development on loopback.

use serde_json::{Value, json};
use url::Url;

use super::ABOUT;
use crate::dpop::Key;
use crate::network::{App, Cx};
use crate::{assertion, oauth};

/// The name shown to the person, unless the option `client_name` says otherwise.
const CLIENT_NAME: &str = "Staygreen";
/// Options of the network app that are shown to the person with the consent.
const SHOWN: [&str; 3] = ["logo_uri", "policy_uri", "tos_uri"];

/// True for the client ids of local development: no document is fetched for them, and they are always public.
pub(super) fn is_loopback(client_id: &str) -> bool {
    client_id.strip_prefix("http://localhost").is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']))
}

/// The client id for local development: it carries the redirect address (which must name 127.0.0.1 or `[::1]`, not
/// localhost) and the scopes in itself. Sessions are public: two weeks at most.
pub fn loopback_client_id(redirect_uri: &str, scopes: &[String]) -> String {
    oauth::with_query("http://localhost", &[("redirect_uri", redirect_uri), ("scope", &scopes.join(" "))])
}

/// The client id of a new session. A bare `http://localhost` is completed to [`loopback_client_id`].
pub(super) fn client_id(cx: &Cx<'_>) -> String {
    let configured = &cx.app.client_id;
    if is_loopback(configured) && !configured.contains('?') {
        loopback_client_id(&cx.app.redirect_uri, &cx.scopes(&ABOUT))
    } else {
        configured.clone()
    }
}

/// The keys of a confidential client, the one for new sessions first; older ones stay for the sessions that began with
/// them (RF-26). Empty for a public client; `None` when the configured secret is no such key.
fn keys(app: &App) -> Option<Vec<Key>> {
    match &app.client_secret {
        Some(secret) if !secret.is_empty() && !is_loopback(&app.client_id) => Key::read_all(secret),
        _ => Some(vec![]),
    }
}

/// How a session shows that it is ours.
pub(super) enum Authentication {
    /// By its client id alone.
    Public,
    /// By a key.
    Confidential(Box<Key>),
}

impl Authentication {
    /// For a new session. `None` when the configured key cannot be read.
    pub(super) fn new_session(app: &App) -> Option<Self> {
        Some(keys(app)?.into_iter().next().map_or(Self::Public, |key| Self::Confidential(Box::new(key))))
    }

    /// For a session that began with that client id and key. `None` when that key is not configured any more: asking with
    /// another one would end the session at the network, so nothing must be sent.
    pub(super) fn of_session(cx: &Cx<'_>, client_id: &str, kid: Option<&str>) -> Option<Self> {
        let keys = keys(cx.app)?;
        match kid {
            Some(kid) => keys.into_iter().find(|key| key.thumbprint() == kid).map(|key| Self::Confidential(Box::new(key))),
            // A session may move from public to confidential with its client, and must: the document now asks for the key.
            None if client_id == self::client_id(cx) => Self::new_session(cx.app),
            None => Some(Self::Public),
        }
    }

    /// The name of the key.
    pub(super) fn kid(&self) -> Option<String> {
        match self {
            Self::Public => None,
            Self::Confidential(key) => Some(key.thumbprint()),
        }
    }

    /// The method's name in the metadata of client and server.
    pub(super) const fn method(&self) -> &'static str {
        match self {
            Self::Public => "none",
            Self::Confidential(_) => "private_key_jwt",
        }
    }

    /// The parameters of a request that authenticate it; the assertion is made for this one request.
    pub(super) fn parameters(&self, cx: &Cx<'_>, client_id: &str, issuer: &str) -> Vec<(&'static str, String)> {
        let mut parameters = vec![("client_id", client_id.to_owned())];
        if let Self::Confidential(key) = self {
            parameters.extend(assertion::parameters(cx, key, client_id, issuer));
        }
        parameters
    }
}

/// The document to publish at the client id, `application/json`, without redirects. `None` when the client id is no https
/// address, or when the configured key cannot be read.
pub fn client_metadata(app: &App) -> Option<Value> {
    let id = Url::parse(&app.client_id).ok().filter(|id| id.scheme() == "https")?;
    let scopes = if app.scopes.is_empty() { ABOUT.scopes.join(" ") } else { app.scopes.join(" ") };
    let authentication = Authentication::new_session(app)?;
    let mut document = json!({
        "client_id": app.client_id,
        "client_name": app.options.get("client_name").map_or(CLIENT_NAME, String::as_str),
        "client_uri": id.origin().ascii_serialization(),
        "application_type": "web",
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "scope": scopes,
        "redirect_uris": [app.redirect_uri],
        "dpop_bound_access_tokens": true,
        "token_endpoint_auth_method": authentication.method(),
    });
    for shown in SHOWN {
        if let Some(uri) = app.options.get(shown) {
            document[shown] = uri.as_str().into();
        }
    }
    if authentication.kid().is_some() {
        document["token_endpoint_auth_signing_alg"] = "ES256".into();
        document["jwks_uri"] = id.join("jwks.json").ok()?.as_str().into();
    }
    Some(document)
}

/// The public keys to publish as `jwks.json` beside the document: also older ones, as long as they are configured, because
/// removing a key ends the sessions that began with it. `None` when the configured key cannot be read.
pub fn jwks(app: &App) -> Option<Value> {
    keys(app).map(assertion::jwks)
}
