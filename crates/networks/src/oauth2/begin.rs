//! How a connection begins at a network of the configuration.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{Request, Response};
use lifecycle::secret::Secret;
use lifecycle::words::{Evidence, Source};
use serde_json::Value;

use super::{OAuth2, calls, settings};
use crate::network::{Authorization, Cx, Failure, Start};
use crate::wire::Wire;
use crate::{oauth, pkce};

/// What is remembered of the issuer's metadata: whether it says that it puts no `iss` into its answers.
pub(super) const ISS_NOT_SENT: &str = "iss_not_sent";

fn misconfigured(cx: &Cx<'_>, code: &str, words: &str) -> Failure {
    Failure::Misconfigured { evidence: Evidence::new(cx.now, Source::Signal, None, Some(code), words) }
}

/// The proof key, its challenge, and how the challenge was made of it (RFC 7636 4.2; the hexadecimal form is that of single networks).
fn proof(cx: &Cx<'_>) -> Option<(Secret, String, &'static str)> {
    let (verifier, challenge) = match cx.app.options.get("pkce").map_or("S256", String::as_str) {
        "none" => return None,
        "plain" => {
            let (verifier, _) = pkce::roll(cx);
            let challenge = verifier.expose().to_owned();
            return Some((verifier, challenge, "plain"));
        }
        "hex" => pkce::roll_hex(cx),
        _ => pkce::roll(cx),
    };
    Some((verifier, challenge, "S256"))
}

/// What is asked of the person, as parameters; and what is remembered until they are back.
fn parameters(network: &OAuth2, cx: &Cx<'_>, start: &Start) -> (Vec<(String, String)>, BTreeMap<String, Secret>) {
    let separator = if cx.app.options.get("scope_separator").is_some_and(|word| word == "comma") { "," } else { " " };
    let scopes = cx.scopes(network.about);
    let mut all: Vec<(String, String)> = vec![];
    let mut put = |name: &str, value: &str| all.push((name.to_owned(), value.to_owned()));
    put("response_type", "code");
    put(calls::client_id_name(cx), &cx.app.client_id);
    put("redirect_uri", &cx.app.redirect_uri);
    put("state", start.state.expose());
    if !scopes.is_empty() {
        put("scope", &scopes.join(separator));
    }
    // OpenID servers give a refresh token only to an explicit consent.
    if scopes.iter().any(|scope| scope == "offline_access") && !cx.app.options.contains_key("authorize.prompt") {
        put("prompt", "consent");
    }
    settings::family(&cx.app.options, "authorize.").for_each(|(name, value)| put(name, value));
    let mut memory = BTreeMap::new();
    if let Some((verifier, challenge, method)) = proof(cx) {
        put("code_challenge", &challenge);
        put("code_challenge_method", method);
        memory.insert(pkce::MEMORY.to_owned(), verifier);
    }
    (all, memory)
}

/// The issuer's own metadata (RFC 8414 section 3, or OpenID Connect Discovery): it must name itself as configured. Where it is
/// not offered nothing is learned.
async fn issuer_says(cx: &Cx<'_>, wire: &dyn Wire, issuer: &str) -> Result<Option<Value>, Failure> {
    let Ok(mut inserted) = url::Url::parse(issuer) else { return Ok(None) };
    let path = inserted.path().trim_end_matches('/').to_owned();
    inserted.set_path(&format!("/.well-known/oauth-authorization-server{path}"));
    let appended = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
    for address in [inserted.as_str(), &appended] {
        let Ok(request) = Request::get(address).header("accept", "application/json").body(Bytes::new()) else { continue };
        let Ok(answer) = wire.send(request).await else { continue };
        let Some(json) = oauth::json(&answer).filter(|_| answer.status().is_success()) else { continue };
        if oauth::text(&json, "issuer") != Some(issuer) {
            let words = "the metadata of the issuer names another issuer than the option \"issuer\"";
            return Err(Failure::Misconfigured { evidence: oauth::evidence(cx.now, Source::Signal, &answer, Some("issuer"), words) });
        }
        return Ok(Some(json));
    }
    Ok(None)
}

/// The address that stands for what was pushed (RFC 9126 2.2).
fn pushed(cx: &Cx<'_>, answer: &Response<Bytes>) -> Result<String, Failure> {
    let json = oauth::json(answer).unwrap_or(Value::Null);
    match oauth::text(&json, "request_uri").filter(|_| answer.status().is_success()) {
        Some(address) => Ok(address.to_owned()),
        None => Err(match oauth::failed_exchange(cx.now, answer) {
            Failure::StaleCode { evidence } | Failure::Denied { evidence } => Failure::Misconfigured { evidence },
            other => other,
        }),
    }
}

/// Begins a connection: the address to send the person to.
pub(super) async fn begin(network: &OAuth2, cx: Cx<'_>, wire: &dyn Wire, start: &Start) -> Result<Authorization, Failure> {
    if cx.app.options.get("client_auth").is_some_and(|how| how == "private_key_jwt") && calls::keys(cx.app).is_none() {
        let words = "client_auth is private_key_jwt, but the client secret is no private key on P-256 (PEM)";
        return Err(misconfigured(&cx, "client_auth", words));
    }
    let (parameters, mut memory) = parameters(network, &cx, start);
    if let Some(issuer) = cx.app.options.get("issuer") {
        let sends = |json: &Value| json.get("authorization_response_iss_parameter_supported").and_then(Value::as_bool) == Some(true);
        if issuer_says(&cx, wire, issuer).await?.is_some_and(|json| !sends(&json)) {
            memory.insert(ISS_NOT_SENT.into(), Secret::new("true"));
        }
    }
    let authorize = network.url(&cx, "authorize");
    let all: Vec<(&str, &str)> = parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let url = match cx.endpoint(network.about, "par") {
        None => oauth::with_query(&authorize, &all),
        Some(par) => {
            let request = calls::form(&cx, &network.url(&cx, "token"), &par, &all);
            let answer = wire.send(request).await.map_err(|error| oauth::unavailable(cx.now, &error))?;
            let address = pushed(&cx, &answer)?;
            oauth::with_query(&authorize, &[(calls::client_id_name(&cx), &cx.app.client_id), ("request_uri", &address)])
        }
    };
    Ok(Authorization { url, memory, instance: cx.app.instance.clone(), returns_with: start.state.clone(), registered: None })
}
