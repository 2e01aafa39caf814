//! What X tells by itself over a webhook: that a person removed the app. X Activity API (`oauth.revoke`) and the older
//! Account Activity API (`user_event.revoke`), both signed with HMAC-SHA256; and the challenge X repeats to test the door.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Method, Request, Response};
use lifecycle::words::{Cause, Evidence, Source};
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::network::Cx;
use crate::oauth;
use crate::signal::{Inbound, Signal, Subject};

/// The longest challenge that is answered.
const CHALLENGE_MAX: usize = 1024;

/// The key of the signatures: the app's consumer secret, which is another one than the OAuth 2.0 client secret (option
/// `webhook_secret`); the client secret where none is set (unconfirmed).
fn key(cx: &Cx<'_>) -> Option<hmac::Key> {
    let secret = cx.app.options.get("webhook_secret").map_or_else(|| oauth::client_secret(cx), String::as_str);
    // An empty key would let anybody sign.
    (!secret.is_empty()).then(|| hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()))
}

pub(super) fn receive(cx: &Cx<'_>, request: &Request<Bytes>) -> Inbound {
    let Some(key) = key(cx) else { return Inbound::Refused("no secret is configured to check signatures with") };
    if request.method() == Method::GET {
        return challenge(&key, request);
    }
    let signature = request.headers().get("x-twitter-webhooks-signature").and_then(|value| value.to_str().ok());
    let signature = signature.and_then(|value| value.strip_prefix("sha256=")).and_then(|value| STANDARD.decode(value).ok());
    let Some(signature) = signature else { return Inbound::Refused("without a signature") };
    if hmac::verify(&key, request.body(), &signature).is_err() {
        return Inbound::Refused("the signature does not fit");
    }
    let Ok(json) = serde_json::from_slice::<Value>(request.body()) else { return Inbound::Refused("signed, but not readable") };
    match read(cx, &json) {
        Ok(signals) => Inbound::Signals(signals, Box::default()),
        Err(why) => Inbound::Refused(why),
    }
}

/// X sends a text and wants its signature back.
fn challenge(key: &hmac::Key, request: &Request<Bytes>) -> Inbound {
    let query = form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes());
    let token = query.into_iter().find(|(name, _)| name == "crc_token").map(|(_, value)| value.into_owned());
    let Some(token) = token.filter(|token| !token.is_empty() && token.len() <= CHALLENGE_MAX) else {
        return Inbound::Refused("a challenge without its text");
    };
    // Whoever could have any text signed here could forge a notice: what looks like one is not signed.
    if token.trim_start().starts_with(['{', '[']) {
        return Inbound::Refused("a challenge that looks like a notice");
    }
    let signed = STANDARD.encode(hmac::sign(key, token.as_bytes()));
    let mut answer = Response::new(Bytes::from(json!({ "response_token": format!("sha256={signed}") }).to_string()));
    answer.headers_mut().insert("content-type", http::HeaderValue::from_static("application/json"));
    Inbound::Challenge(Box::new(answer))
}

fn read(cx: &Cx<'_>, json: &Value) -> Result<Vec<Signal>, &'static str> {
    if let Some(data) = json.get("data").filter(|data| data.is_object()) {
        if oauth::text(data, "event_type") != Some("oauth.revoke") {
            return Ok(vec![]);
        }
        let payload = data.get("payload").unwrap_or(&Value::Null);
        let event = Event {
            id: oauth::id(data, "event_uuid"),
            person: oauth::id(payload, "user_id"),
            app: oauth::id(payload, "app_id"),
            at: oauth::id(payload, "date_time"),
        };
        return event.signal(cx, "oauth.revoke");
    }
    if let Some(revoke) = json.pointer("/user_event/revoke") {
        let inner = |path: &str, field: &str| revoke.pointer(path).and_then(|found| oauth::id(found, field));
        let event =
            Event { id: None, person: inner("/source", "user_id"), app: inner("/target", "app_id"), at: oauth::id(revoke, "date_time") };
        return event.signal(cx, "user_event.revoke");
    }
    Ok(vec![])
}

struct Event {
    id: Option<String>,
    person: Option<String>,
    app: Option<String>,
    at: Option<String>,
}

impl Event {
    fn signal(self, cx: &Cx<'_>, kind: &str) -> Result<Vec<Signal>, &'static str> {
        let person = self.person.ok_or("a revocation without its person")?;
        // The numeric app id is another one than the client id: compared where the operator entered it.
        if let (Some(ours), Some(named)) = (cx.app.options.get("app_id"), &self.app)
            && ours != named
        {
            return Err("about another app");
        }
        let at = self.at.unwrap_or_default();
        let evidence = Evidence::new(cx.now, Source::Signal, None, Some(kind), &format!("the person removed the app ({at})"));
        Ok(vec![Signal {
            id: self.id.unwrap_or_else(|| format!("{kind}:{person}:{at}")),
            subject: Subject::Person(person),
            cause: Cause::RevokedByPerson,
            evidence,
        }])
    }
}

#[cfg(test)]
#[path = "signals_tests.rs"]
mod tests;
