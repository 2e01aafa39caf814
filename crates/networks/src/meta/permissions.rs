//! Meta's webhook for the object `permissions`: a person granted or withdrew a single permission. Facts: `networks/facebook` of the
//! knowledge base, section 5; the shape as Meta's reference of webhooks shows it.

use std::collections::BTreeMap;

use aws_lc_rs::hmac;
use bytes::Bytes;
use http::{Method, Request, Response};
use lifecycle::words::{Cause, Evidence, Source};
use serde_json::Value;
use url::form_urlencoded;

use crate::network::Cx;
use crate::oauth;
use crate::signal::{Inbound, Signal, Subject};

/// Hex HMAC-SHA256 of the body by the app's secret.
const SIGNATURE: &str = "x-hub-signature-256";

/// A request of the webhook; `None` where it is something else.
pub(super) fn receive(cx: &Cx<'_>, request: &Request<Bytes>) -> Option<Inbound> {
    if request.method() == Method::GET {
        return challenged(cx, request);
    }
    let signature = request.headers().get(SIGNATURE)?.to_str().unwrap_or_default();
    Some(match verified(cx, request, signature) {
        Ok(json) => Inbound::Signals(signals(cx, &json), Box::default()),
        Err(why) => Inbound::Refused(why),
    })
}

/// The test of the address when it is registered: it answers to whoever knows the word that the operator chose
/// (`networks.NAME.options.verify_token`).
fn challenged(cx: &Cx<'_>, request: &Request<Bytes>) -> Option<Inbound> {
    let query: BTreeMap<String, String> =
        form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes()).into_owned().collect();
    let challenge = query.get("hub.challenge")?;
    let known = cx.app.options.get("verify_token").filter(|word| !word.is_empty());
    if query.get("hub.mode").map(String::as_str) != Some("subscribe") || known.is_none() || known != query.get("hub.verify_token") {
        return Some(Inbound::Refused("not the word of networks.NAME.options.verify_token"));
    }
    let mut answer = Response::new(Bytes::from(challenge.clone()));
    answer.headers_mut().insert("content-type", http::HeaderValue::from_static("text/plain"));
    Some(Inbound::Challenge(Box::new(answer)))
}

fn verified(cx: &Cx<'_>, request: &Request<Bytes>, signature: &str) -> Result<Value, &'static str> {
    let secret = oauth::client_secret(cx);
    if secret.is_empty() {
        return Err("no secret is configured to check signatures with");
    }
    let signature = signature.strip_prefix("sha256=").and_then(oauth::unhex).ok_or("without a signature")?;
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    hmac::verify(&key, request.body(), &signature).map_err(|_| "the signature does not fit")?;
    serde_json::from_slice(request.body()).map_err(|_| "signed, but not readable")
}

/// One happening for each person who withdrew something. What was granted makes nobody suspect; other objects are not about people.
fn signals(cx: &Cx<'_>, json: &Value) -> Vec<Signal> {
    if oauth::text(json, "object") != Some("permissions") {
        return vec![];
    }
    let entries = json.get("entry").and_then(Value::as_array).into_iter().flatten();
    entries.filter_map(|entry| signal(cx, entry)).collect()
}

fn signal(cx: &Cx<'_>, entry: &Value) -> Option<Signal> {
    let person = oauth::id(entry, "id").filter(|id| id != "0").or_else(|| oauth::id(entry, "uid"))?;
    let changes = entry.get("changes").and_then(Value::as_array).into_iter().flatten();
    let is_granted = |change: &&Value| change.pointer("/value/verb").and_then(Value::as_str).is_some_and(|verb| verb.starts_with("grant"));
    let withdrawn = changes.filter(|change| !is_granted(change));
    let mut names: Vec<&str> = withdrawn.filter_map(|change| oauth::text(change, "field")).collect();
    // Without the values, only that something changed is told.
    names.extend(entry.get("changed_fields").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str));
    if names.is_empty() {
        return None;
    }
    let (names, at) = (names.join(", "), oauth::id(entry, "time").unwrap_or_default());
    let words = format!("the person changed permissions: {names}");
    let evidence = Evidence::new(cx.now, Source::Signal, None, Some("permissions"), &words);
    Some(Signal {
        id: format!("permissions:{person}:{at}:{names}"),
        subject: Subject::Person(person),
        cause: Cause::ScopeMissing,
        evidence,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing;

    fn told(body: &str, secret: &str) -> Option<Inbound> {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        let tag: String = hmac::sign(&key, body.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        let request = Request::post("https://staygreen.example/signals/facebook").header(SIGNATURE, format!("sha256={tag}"));
        let request = request.body(Bytes::from(body.to_owned())).expect("a request");
        testing::with(&[], |cx| receive(&cx, &request))
    }

    #[test]
    fn nt_24_a_withdrawn_permission_is_told_by_metas_own_signature() {
        let body = |verb: &str| {
            let change = json!({ "field": "pages_manage_posts", "value": { "verb": verb, "target_ids": ["108001"] } });
            json!({ "object": "permissions", "entry": [{ "id": "7", "time": 1_800_000_000, "changes": [change] }] }).to_string()
        };
        let Some(Inbound::Signals(signals, _)) = told(&body("revoked"), "secret") else { panic!("refused") };
        assert_eq!((signals.len(), signals[0].cause, &signals[0].subject), (1, Cause::ScopeMissing, &Subject::Person("7".into())));
        assert!(signals[0].evidence.words.contains("pages_manage_posts"));
        assert!(matches!(told(&body("granted"), "secret"), Some(Inbound::Signals(signals, _)) if signals.is_empty()));
        assert!(matches!(told(&body("revoked"), "guess"), Some(Inbound::Refused(_))));
        let older =
            json!({ "object": "permissions", "entry": [{ "uid": 7, "id": "0", "time": 1, "changed_fields": ["email"] }] }).to_string();
        assert!(matches!(told(&older, "secret"), Some(Inbound::Signals(signals, _)) if signals.len() == 1));
        let other = json!({ "object": "page", "entry": [{ "id": "7", "changes": [{ "field": "feed" }] }] }).to_string();
        assert!(matches!(told(&other, "secret"), Some(Inbound::Signals(signals, _)) if signals.is_empty()));
    }

    #[test]
    fn the_address_answers_to_whoever_knows_the_word() {
        let asked = |options: &[(&str, &str)], query: &str| {
            let request =
                Request::get(format!("https://staygreen.example/signals/facebook?{query}")).body(Bytes::new()).expect("a request");
            testing::with(options, |cx| receive(&cx, &request))
        };
        let good = "hub.mode=subscribe&hub.challenge=115&hub.verify_token=word";
        let Some(Inbound::Challenge(answer)) = asked(&[("verify_token", "word")], good) else { panic!("not answered") };
        assert_eq!(answer.body().as_ref(), b"115");
        for (options, query) in [
            (&[("verify_token", "other")][..], good),
            (&[], good),
            (&[("verify_token", "")], "hub.mode=subscribe&hub.challenge=115&hub.verify_token="),
        ] {
            assert!(matches!(asked(options, query), Some(Inbound::Refused(_))), "{query}");
        }
        assert!(asked(&[], "").is_none());
    }
}
