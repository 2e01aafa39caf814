//! Discord's webhook events: that a person removed our app. Signed with the application's Ed25519 key; the public half is shown
//! on the application's page and configured as option `public_key`, in hex.

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use lifecycle::words::{Cause, Evidence, Source};
use serde_json::Value;

use crate::network::Cx;
use crate::oauth;
use crate::signal::{Inbound, Signal, Subject};

/// How far the sender's clock may be from ours, in seconds.
const AGE_MAX: i64 = 300;

fn bytes_of(hex: &str) -> Option<Vec<u8>> {
    let hex = hex.trim();
    let pairs = hex.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok().filter(|_| pair.len() == 2 && pair[0] != b'+')).collect()
}

fn thanks() -> Box<Response<Bytes>> {
    let mut answer = Response::new(Bytes::new());
    *answer.status_mut() = StatusCode::NO_CONTENT;
    answer.headers_mut().insert("content-type", http::HeaderValue::from_static("application/json"));
    Box::new(answer)
}

/// The header names and what is signed are those of Discord's interactions (unconfirmed for events in the fact file).
pub(super) fn receive(cx: &Cx<'_>, request: &Request<Bytes>) -> Inbound {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    let Some(key) = cx.app.options.get("public_key").and_then(|key| bytes_of(key)).filter(|key| key.len() == 32) else {
        return Inbound::Refused("no public key of the application is configured (option public_key)");
    };
    let (Some(signature), Some(at)) = (header("x-signature-ed25519").and_then(bytes_of), header("x-signature-timestamp")) else {
        return Inbound::Refused("no signature");
    };
    let signed = [at.as_bytes(), request.body()].concat();
    if UnparsedPublicKey::new(&ED25519, &key).verify(&signed, &signature).is_err() {
        return Inbound::Refused("the signature does not fit");
    }
    // An old event that is sent again is somebody else's.
    let age = at.parse::<i64>().ok().map(|at| cx.now.as_seconds().abs_diff(at));
    if age.is_none_or(|age| age > AGE_MAX.unsigned_abs()) {
        return Inbound::Refused("too old, or from the future");
    }
    let Some(body) = serde_json::from_slice::<Value>(request.body()).ok().filter(Value::is_object) else {
        return Inbound::Refused("not readable");
    };
    if oauth::id(&body, "application_id").is_some_and(|id| id != cx.app.client_id) {
        return Inbound::Refused("for another application");
    }
    match body.get("type").and_then(Value::as_i64) {
        Some(0) => Inbound::Challenge(thanks()),
        Some(1) => Inbound::Signals(deauthorized(cx, &body).into_iter().collect(), thanks()),
        _ => Inbound::Refused("of no known type"),
    }
}

/// Whether the webhook survives is not said (unconfirmed): a look at it decides.
fn deauthorized(cx: &Cx<'_>, body: &Value) -> Option<Signal> {
    let event = body.get("event")?;
    let kind = oauth::text(event, "type").filter(|kind| *kind == "APPLICATION_DEAUTHORIZED")?;
    let person = oauth::id(event.pointer("/data/user")?, "id")?;
    let at = oauth::text(event, "timestamp").unwrap_or_default();
    Some(Signal {
        id: format!("{kind}:{person}:{at}"),
        // One user may have logged in for several channels.
        subject: Subject::Login(person),
        cause: Cause::RevokedByPerson,
        evidence: Evidence::new(cx.now, Source::Signal, None, Some(kind), "the person removed the app"),
    })
}
