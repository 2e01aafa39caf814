//! Security events of Google's Cross-Account Protection (RISC): signed tokens (RFC 8417) that say what happened to an account.
//! The only way in which Google says why. The project has to be registered for them at Google.
//!
//! Reading a signal asks nobody: Google's keys are handed in as the option `signal_keys`, the document that Google's
//! `.well-known/risc-configuration` names as `jwks_uri` (endpoint `signal_keys`), which the shell fetches. Without keys every event
//! is refused.

use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use lifecycle::words::{Cause, Evidence, Source};
use serde_json::Value;

use crate::network::Cx;
use crate::oauth;
use crate::signal::{Inbound, Signal, Subject, UNKNOWN_KEY};

/// Who signs (option `risc_issuer`).
const ISSUER: &str = "https://accounts.google.com/";
/// The longest event that is read.
const EVENT_MAX: usize = 16 * 1024;
/// How far another clock may be ahead.
const AHEAD: i64 = 600;

pub(crate) fn receive(cx: &Cx<'_>, request: &Request<Bytes>) -> Inbound {
    if request.method() != Method::POST || request.body().len() > EVENT_MAX {
        return Inbound::Refused("no security event");
    }
    let Ok(token) = std::str::from_utf8(request.body()) else { return Inbound::Refused("not readable") };
    match verified(cx, token.trim()) {
        Ok(claims) => read(cx, &claims),
        Err(why) => Inbound::Refused(why),
    }
}

fn part(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

fn json(text: &str) -> Option<Value> {
    serde_json::from_slice::<Value>(&part(text)?).ok().filter(Value::is_object)
}

/// The claims of a token that Google signed for us.
fn verified(cx: &Cx<'_>, token: &str) -> Result<Value, &'static str> {
    let parts: Vec<&str> = token.split('.').collect();
    let [head, payload, signature] = parts.as_slice() else { return Err("not a signed token") };
    let header = json(head).ok_or("not a signed token")?;
    if oauth::text(&header, "alg") != Some("RS256") {
        return Err("signed by another method than RS256");
    }
    let keys: Value = cx
        .app
        .options
        .get("signal_keys")
        .and_then(|keys| serde_json::from_str(keys).ok())
        .ok_or("the keys to check signatures with are not known")?;
    let key_id = oauth::text(&header, "kid").ok_or("names no key")?;
    let keys = keys.get("keys").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let key = keys.iter().find(|key| oauth::text(key, "kid") == Some(key_id)).ok_or(UNKNOWN_KEY)?;
    // Some writers put a zero before the number.
    let number = |name: &str| {
        let bytes = part(oauth::text(key, name)?.trim_end_matches('='))?;
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        Some(bytes[zeros..].to_vec())
    };
    let (Some(n), Some(e)) = (number("n"), number("e")) else { return Err("the key is no RSA key") };
    let signature = part(signature).ok_or("not a signed token")?;
    let signed = format!("{head}.{payload}");
    RsaPublicKeyComponents { n: &n, e: &e }
        .verify(&RSA_PKCS1_2048_8192_SHA256, signed.as_bytes(), &signature)
        .map_err(|_| "the signature does not fit")?;
    let claims = json(payload).ok_or("signed, but not readable")?;
    let issuer = cx.app.options.get("risc_issuer").map_or(ISSUER, String::as_str);
    if oauth::text(&claims, "iss").map(|name| name.trim_end_matches('/')) != Some(issuer.trim_end_matches('/')) {
        return Err("from another issuer");
    }
    let ours = |name: &Value| name.as_str() == Some(cx.app.client_id.as_str());
    let is_ours = claims.get("aud").is_some_and(|aud| ours(aud) || aud.as_array().is_some_and(|all| all.iter().any(ours)));
    if !is_ours || cx.app.client_id.is_empty() {
        return Err("for another app");
    }
    // Events have no end of their own (RFC 8417); one from the future is none.
    if claims.get("iat").and_then(Value::as_i64).is_some_and(|at| at > cx.now.as_seconds() + AHEAD) {
        return Err("from the future");
    }
    Ok(claims)
}

/// Google wants 202 for whatever was understood, also what leads to nothing here.
fn accepted() -> Box<Response<Bytes>> {
    let mut answer = Response::new(Bytes::new());
    *answer.status_mut() = StatusCode::ACCEPTED;
    Box::new(answer)
}

fn read(cx: &Cx<'_>, claims: &Value) -> Inbound {
    let Some(id) = oauth::id(claims, "jti") else { return Inbound::Refused("an event without id") };
    let Some(events) = claims.get("events").and_then(Value::as_object) else { return Inbound::Refused("without events") };
    if events.keys().any(|name| last(name) == "verification") {
        return Inbound::Challenge(accepted());
    }
    let signals = events.iter().filter_map(|(name, event)| signal(cx, &id, last(name), event)).collect();
    Inbound::Signals(signals, accepted())
}

/// The name of an event is an address; its last part is the word.
fn last(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or_default()
}

fn signal(cx: &Cx<'_>, id: &str, kind: &str, event: &Value) -> Option<Signal> {
    // Those beyond token-revoked and account-disabled are unconfirmed.
    let cause = match kind {
        "tokens-revoked" | "token-revoked" => Cause::RevokedByPerson,
        "account-disabled" | "account-purged" => Cause::PersonBlocked,
        "account-credential-change-required" => Cause::PasswordChanged,
        "sessions-revoked" => Cause::Unknown,
        // account-enabled and everything unknown: nothing that speaks against a token.
        _ => return None,
    };
    // A single revoked token may be named by itself instead of by its person; then there is nobody to look after, and the
    // next renewal finds out.
    let person = event.get("subject").and_then(|subject| oauth::id(subject, "sub"))?;
    let reason = oauth::text(event, "reason").unwrap_or(kind);
    let evidence = Evidence::new(cx.now, Source::Signal, None, Some(kind), reason);
    Some(Signal { id: format!("{id}:{kind}"), subject: Subject::Login(person), cause, evidence })
}
