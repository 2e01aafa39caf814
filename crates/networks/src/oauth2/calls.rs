//! Requests to a network of the configuration, each in the form that the operator described.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request};
use lifecycle::secret::Secret;

use super::settings::{self, Bearer, CLIENT, TOKEN};
use crate::dpop::Key;
use crate::network::{App, Cx};
use crate::{assertion, oauth};

/// The headers that every call carries.
pub(super) fn headers(cx: &Cx<'_>) -> Vec<(HeaderName, HeaderValue)> {
    let each = settings::family(&cx.app.options, "header.");
    each.filter_map(|(name, value)| Some((HeaderName::try_from(name).ok()?, HeaderValue::try_from(value).ok()?))).collect()
}

fn with_headers(cx: &Cx<'_>, mut request: Request<Bytes>) -> Request<Bytes> {
    request.headers_mut().extend(headers(cx));
    request
}

/// An option as it is configured, or as it usually is.
pub(super) fn option<'a>(cx: &Cx<'a>, name: &str, usual: &'a str) -> &'a str {
    cx.app.options.get(name).map_or(usual, String::as_str)
}

/// What the client id is called there.
pub(super) fn client_id_name<'a>(cx: &Cx<'a>) -> &'a str {
    option(cx, "client_id_name", "client_id")
}

/// The keys of a client that authenticates by one, the one in use first. `None` where it does not, or the secret is no such key.
pub(super) fn keys(app: &App) -> Option<Vec<Key>> {
    let by_key = app.options.get("client_auth").is_some_and(|how| how == "private_key_jwt");
    app.client_secret.as_ref().filter(|_| by_key).and_then(Key::read_all)
}

/// A form for the token endpoints that says who we are, in the way the server wants to hear it (RFC 6749 2.3.1, RFC 7523 2.2).
pub(super) fn form(cx: &Cx<'_>, token_url: &str, url: &str, parameters: &[(&str, &str)]) -> Request<Bytes> {
    let mut all: Vec<(&str, String)> = parameters.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    let auth = option(cx, "client_auth", "basic");
    if auth != "basic" && !parameters.iter().any(|(name, _)| *name == client_id_name(cx)) {
        all.push((client_id_name(cx), cx.app.client_id.clone()));
    }
    if auth == "post" {
        all.push(("client_secret", oauth::client_secret(cx).to_owned()));
    }
    if let Some(key) = keys(cx.app).and_then(|keys| keys.into_iter().next()) {
        // The server as a whole where it is named, else the endpoint (RFC 7523 section 3).
        all.extend(assertion::parameters(cx, &key, &cx.app.client_id, option(cx, "issuer", token_url)));
    }
    let all: Vec<(&str, &str)> = all.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let mut request = oauth::post_form(url, &all);
    if auth == "basic" {
        request.headers_mut().insert("authorization", oauth::basic(&cx.app.client_id, oauth::client_secret(cx)));
    }
    with_headers(cx, request)
}

/// A GET as the holder of an access token.
pub(super) fn as_holder(cx: &Cx<'_>, url: &str, token: &Secret) -> Request<Bytes> {
    let request = match settings::bearer(&cx.app.options).unwrap_or(Bearer::Usual) {
        Bearer::Usual => oauth::get_bearer(url, token),
        Bearer::Query(name) => plain(&oauth::with_query(url, &[(name, token.expose())])),
        Bearer::Header(name) => {
            let mut request = plain(url);
            if let Ok(name) = HeaderName::try_from(name) {
                request.headers_mut().insert(name, oauth::sensitive(token.expose()));
            }
            request
        }
    };
    with_headers(cx, request)
}

fn plain(url: &str) -> Request<Bytes> {
    Request::builder().uri(url).header("accept", "application/json").body(Bytes::new()).unwrap_or_default()
}

/// An access token is shown and another one wanted: one that lives longer (`long_lived`), or the same with a longer life (`extend`).
pub(super) fn trade(cx: &Cx<'_>, kind: &str, url: &str, token: &Secret) -> Request<Bytes> {
    let filled = |value: &str| match value {
        TOKEN => token.expose().to_owned(),
        value if value == CLIENT[0] => cx.app.client_id.clone(),
        value if value == CLIENT[1] => oauth::client_secret(cx).to_owned(),
        value => value.to_owned(),
    };
    let family = format!("{kind}.");
    let all: Vec<(&str, String)> = settings::family(&cx.app.options, &family).map(|(name, value)| (name, filled(value))).collect();
    let all: Vec<(&str, &str)> = all.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let by_post = option(cx, &format!("{kind}_method"), "get") == "post";
    let mut request = if by_post { oauth::post_form(url, &all) } else { plain(&oauth::with_query(url, &all)) };
    *request.method_mut() = if by_post { Method::POST } else { Method::GET };
    with_headers(cx, request)
}
