//! What Meta's networks share: the error table of the Graph API, app secret proofs, signed requests, and access tokens that are
//! extended instead of renewed. Facts: `networks/facebook`, `instagram` and `threads` of the knowledge base.

pub(crate) mod container;
pub(crate) mod login;
pub(crate) mod media;
pub(crate) mod pages;
mod permissions;
pub(crate) mod quota;
pub(crate) mod standing;

use std::collections::BTreeMap;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{Method, Request, Response};
use lifecycle::diagnosis::{Diagnosis, Finding};
use lifecycle::grant::Clocks;
use lifecycle::secret::{Secret, TokenSet};
use lifecycle::time::Span;
use lifecycle::words::{Cause, Confidence, Evidence, Source};
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::acting::{self, NotDone};
use crate::network::{Cx, Issued};
use crate::oauth;
use crate::signal::{Inbound, Signal, Subject};
use crate::wire::Wire;

/// What the Graph API takes for further calls, each with a method and a path of its own, wherever it is posted to
/// (developers.facebook.com/docs/graph-api/batch-requests); a method is taken out of every kind of body there.
pub(crate) const STEERED_BY: &[&str] = &["batch"];

/// An error of the Graph API: `{"error":{code, error_subcode, message, is_transient}}`; `debug_token` says `subcode`.
pub(crate) fn diagnose(cx: &Cx<'_>, source: Source, answer: &Response<Bytes>) -> Diagnosis {
    let json = oauth::json(answer).unwrap_or(Value::Null);
    // The token endpoints of Instagram and Threads have a shape of their own.
    if let Some(words) = oauth::text(&json, "error_message") {
        let code = oauth::id(&json, "code").or_else(|| oauth::id(&json, "error_code")).unwrap_or_default();
        return own_shape(&code, oauth::evidence(cx.now, source, answer, Some(&code), words), answer);
    }
    match json.get("error").filter(|error| error.is_object()) {
        Some(error) => of_error(cx, source, answer, error),
        None => Diagnosis::transient(oauth::unreadable(cx.now, source, answer), oauth::retry_after(answer)),
    }
}

fn own_shape(code: &str, seen: Evidence, answer: &Response<Bytes>) -> Diagnosis {
    match code {
        "1349026" | "4476002" => Diagnosis::misconfigured(seen),
        _ if oauth::is_trouble(answer.status()) => Diagnosis::transient(seen, oauth::retry_after(answer)),
        "400" => Diagnosis::refused(Cause::Unknown, Confidence::Guess, seen),
        _ => Diagnosis::transient(seen, None),
    }
}

/// One error, wherever it stands.
pub(crate) fn of_error(cx: &Cx<'_>, source: Source, answer: &Response<Bytes>, error: &Value) -> Diagnosis {
    let number = |field: &str| error.get(field).and_then(Value::as_i64);
    let code = number("code").unwrap_or(0);
    let subcode = number("error_subcode").or_else(|| number("subcode")).unwrap_or(0);
    let shown = if subcode == 0 { code.to_string() } else { format!("{code}/{subcode}") };
    let seen = oauth::evidence(cx.now, source, answer, Some(&shown), oauth::text(error, "message").unwrap_or_default());
    // Wins over everything, also where code and words look like a dead token.
    if error.get("is_transient").and_then(Value::as_bool) == Some(true) {
        return Diagnosis::transient(seen, None);
    }
    // The account is a personal one now; no code is made for it.
    if seen.words.to_ascii_lowercase().contains("user is not an instagram business") {
        return Diagnosis::refused(Cause::PermissionLost, Confidence::Likely, seen);
    }
    if passes(code, subcode) {
        return Diagnosis::transient(seen, pause(answer));
    }
    if is_pause(code, subcode) {
        return paused(code, subcode, source, seen, answer);
    }
    of_subcode(code, subcode, &seen).unwrap_or_else(|| of_code(code, seen, answer))
}

/// What a refusal of somebody else's call through us says. A limit of one page or person is theirs to wait out; only the app's own
/// stops everybody.
pub(crate) fn through(cx: &Cx<'_>, answer: &Response<Bytes>) -> Diagnosis {
    let told = diagnose(cx, Source::Use, answer);
    let of_app = matches!(told.evidence.code.as_deref(), Some("4" | "341"));
    if told.is_harmless() && told.finding != Finding::Misconfigured && !of_app { Diagnosis::transient(told.evidence, None) } else { told }
}

/// What is wrong with one post for a moment, whatever code stands before it: Facebook's own two, then Instagram's servers, what took
/// too long to fetch, is not found or not ready yet, and what could not be made.
fn passes(code: i64, subcode: i64) -> bool {
    const PASSING: [i64; 8] = [1_363_047, 1_609_010, 2_207_001, 2_207_003, 2_207_006, 2_207_008, 2_207_032, 2_207_053];
    PASSING.contains(&code) || PASSING.contains(&subcode)
}

/// Something that passes by itself, and leaves the token as it is.
fn is_pause(code: i64, subcode: i64) -> bool {
    matches!(code, 4 | 17 | 32 | 341 | 613 | 80_001 | 80_002)
        || (code == 368 && !matches!(subcode, 4_854_002 | 1_404_006 | 1_404_078))
        || code == 1_390_008
        || matches!(subcode, 1_390_008 | 1_404_082 | 1_404_112 | 2_207_042 | 2_207_051)
}

/// Where acting itself is stopped for a while, people are told that it is the account; a check is never refused for that.
fn paused(code: i64, subcode: i64, source: Source, seen: Evidence, answer: &Response<Bytes>) -> Diagnosis {
    let of_account = (code == 368 || matches!(subcode, 1_404_082 | 1_404_112 | 2_207_051)) && subcode != 2_207_042;
    if of_account && source == Source::Use {
        return Diagnosis::refused(Cause::PersonBlocked, Confidence::Likely, seen);
    }
    // Limits of an hour's window, and blocks of hours or days: calls made meanwhile make them longer.
    let wait = if of_account || subcode == 2_207_042 { Span::hours(6) } else { Span::minutes(30) };
    Diagnosis::transient(seen, Some(pause(answer).unwrap_or(wait)))
}

/// Subcodes also come under code 102, and alone.
fn of_subcode(code: i64, subcode: i64, seen: &Evidence) -> Option<Diagnosis> {
    let (cause, confidence) = match subcode {
        458 | 466 => (Cause::RevokedByPerson, Confidence::Certain),
        460 => (Cause::PasswordChanged, Confidence::Certain),
        452 => (Cause::PasswordChanged, Confidence::Guess),
        459 | 464 | 490 => (Cause::PersonBlocked, Confidence::Certain),
        465 => (Cause::PersonBlocked, Confidence::Guess),
        461..=463 | 467 | 468 => (Cause::Expired, Confidence::Certain),
        492 => (Cause::PermissionLost, Confidence::Certain),
        456 | 457 => (Cause::Unknown, Confidence::Guess),
        // They must open the network themselves, confirm who they are, or get an authorisation; the token is fine.
        2_207_050 | 4_279_013 | 4_854_002 | 1_404_006 | 1_404_078 => (Cause::PersonBlocked, Confidence::Likely),
        // Gone, or not shown to them any more: one word for both.
        33 if code == 100 => (Cause::PermissionLost, Confidence::Guess),
        _ if matches!(code, 190 | 102) => (Cause::Unknown, Confidence::Guess),
        _ => return None,
    };
    Some(Diagnosis::refused(cause, confidence, seen.clone()))
}

fn of_code(code: i64, seen: Evidence, answer: &Response<Bytes>) -> Diagnosis {
    match code {
        // "API access blocked." is said of the app, under a code that is otherwise about permissions.
        200 if seen.words.starts_with("API access blocked") => Diagnosis::misconfigured(seen),
        10 | 200..=299 => Diagnosis::refused(Cause::PermissionLost, Confidence::Likely, seen),
        3 | 100 | 101 | 104 | 1705 => Diagnosis::misconfigured(seen),
        _ => Diagnosis::transient(seen, pause(answer)),
    }
}

/// How long a throttled app or page has to be quiet: calls made meanwhile make it longer. In minutes, one figure per kind of call.
fn pause(answer: &Response<Bytes>) -> Option<Span> {
    regained_in(&use_cases(answer.headers())).or_else(|| oauth::retry_after(answer))
}

/// What a page or account has used up of each kind of call (`X-Business-Use-Case-Usage`).
fn use_cases(headers: &http::HeaderMap) -> Vec<Value> {
    let usage = headers.get("x-business-use-case-usage").and_then(|usage| usage.to_str().ok());
    let usage: Option<BTreeMap<String, Vec<Value>>> = usage.and_then(|usage| serde_json::from_str(usage).ok());
    usage.into_iter().flatten().flat_map(|(_, kinds)| kinds).collect()
}

fn regained_in(kinds: &[Value]) -> Option<Span> {
    let minutes = kinds.iter().filter_map(|kind| kind.get("estimated_time_to_regain_access")?.as_i64()).max();
    // A day is the longest window there is.
    minutes.filter(|minutes| *minutes > 0).map(|minutes| Span::minutes(minutes.min(24 * 60)))
}

/// How long the page or account that was called as has to be quiet: told with good answers too, and whoever calls on makes it longer.
pub(crate) fn quiet(headers: &http::HeaderMap) -> Option<Span> {
    let kinds = use_cases(headers);
    let percent = |kind: &Value| ["call_count", "total_cputime", "total_time"].iter().filter_map(|field| kind.get(field)?.as_u64()).max();
    let is_used_up = kinds.iter().filter_map(percent).any(|percent| percent >= 100);
    is_used_up.then(|| regained_in(&kinds).unwrap_or(Span::minutes(30)))
}

/// `X-App-Usage`: the highest of its percentages; the app is refused at 100, and calls made then make it longer. What single pages and
/// accounts have used up is theirs alone ([`quiet`]).
pub(crate) fn used_up(headers: &http::HeaderMap) -> Option<u32> {
    let usage: BTreeMap<String, Value> = serde_json::from_str(headers.get("x-app-usage")?.to_str().ok()?).ok()?;
    usage.values().filter_map(Value::as_u64).max().map(|percent| u32::try_from(percent).unwrap_or(u32::MAX))
}

/// Hex HMAC-SHA256 of a token by the app secret: proves that a call comes from us.
pub(crate) fn proof(cx: &Cx<'_>, token: &Secret) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, oauth::client_secret(cx).as_bytes());
    hmac::sign(&key, token.expose().as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A call as whoever the token belongs to, with the proof.
pub(crate) fn call(cx: &Cx<'_>, method: Method, url: &str, token: &Secret, form: &[(&str, &str)]) -> Request<Bytes> {
    let proof = proof(cx, token);
    let url = oauth::with_query(url, &[("appsecret_proof", &proof)]);
    let mut request = if method == Method::POST { oauth::post_form(&url, form) } else { oauth::get_bearer(&url, token) };
    *request.method_mut() = method;
    request.headers_mut().insert("authorization", oauth::sensitive(&format!("Bearer {}", token.expose())));
    request
}

/// The answer to an act as JSON, or why there is none.
pub(crate) async fn act(cx: Cx<'_>, wire: &dyn Wire, request: Request<Bytes>) -> Result<Value, NotDone> {
    let answer = acting::send(cx, wire, request).await?;
    let json = serde_json::from_slice::<Value>(answer.body()).ok().filter(Value::is_object);
    match json {
        Some(json) if answer.status().is_success() && json.get("error").is_none() => Ok(json),
        _ => Err(acting::refused(cx, &answer, diagnose(&cx, Source::Use, &answer))),
    }
}

/// What an answer with a long-lived access token says; the token itself is what is extended, so nothing else is needed.
pub(crate) fn extended(cx: &Cx<'_>, json: &Value, scopes: &[String]) -> Option<Issued> {
    let access = Secret::new(oauth::text(json, "access_token")?);
    let life = oauth::seconds(json, "expires_in").or(cx.facts.access_life);
    Some(Issued {
        tokens: TokenSet::bearer(access, None, scopes.to_vec()),
        clocks: Clocks { access_until: life.map(|life| cx.now + life), ..Clocks::default() },
        renewable: true,
        person_network_id: None,
        missing_scopes: vec![],
    })
}

/// Reads `signature.payload`, signed with the app secret by HMAC-SHA256 and nothing else (NT-24).
fn signed_request(cx: &Cx<'_>, text: &str) -> Result<Value, &'static str> {
    let secret = oauth::client_secret(cx);
    if secret.is_empty() {
        return Err("no secret is configured to check signatures with");
    }
    let (signature, payload) = text.split_once('.').ok_or("not a signed request")?;
    let signature = URL_SAFE_NO_PAD.decode(signature.trim_end_matches('=')).map_err(|_| "not a signed request")?;
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    hmac::verify(&key, payload.as_bytes(), &signature).map_err(|_| "the signature does not fit")?;
    let payload = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).map_err(|_| "signed, but not readable")?;
    let json: Value = serde_json::from_slice(&payload).map_err(|_| "signed, but not readable")?;
    if oauth::text(&json, "algorithm") == Some("HMAC-SHA256") { Ok(json) } else { Err("signed by another algorithm") }
}

/// Deauthorize and data deletion callbacks: the same input at two doors, the second one below the first (`/deletion`). Deletion
/// wants an address where the person can see what became of it, and a code.
pub(crate) fn receive(cx: &Cx<'_>, request: &Request<Bytes>) -> Inbound {
    if let Some(told) = permissions::receive(cx, request) {
        return told;
    }
    if request.method() != Method::POST {
        return Inbound::Refused("nothing to read");
    }
    let form: Vec<(String, String)> = form_urlencoded::parse(request.body()).into_owned().collect();
    let Some((_, text)) = form.iter().find(|(name, _)| name == "signed_request") else {
        return Inbound::Refused("without a signed request");
    };
    let payload = match signed_request(cx, text) {
        Ok(payload) => payload,
        Err(why) => return Inbound::Refused(why),
    };
    let Some(person) = oauth::id(&payload, "user_id") else { return Inbound::Refused("signed, but about nobody") };
    let issued_at = oauth::id(&payload, "issued_at").unwrap_or_default();
    let wants_deletion = request.uri().path().ends_with("/deletion");
    let (kind, words) =
        if wants_deletion { ("deletion", "the person asked for deletion") } else { ("deauthorize", "the person removed the app") };
    let evidence = Evidence::new(cx.now, Source::Signal, None, Some(kind), words);
    let id = format!("{kind}:{person}:{issued_at}");
    let signal = Signal { id, subject: Subject::Person(person), cause: Cause::RevokedByPerson, evidence };
    if !wants_deletion {
        return Inbound::Signals(vec![signal], Box::default());
    }
    // Sixteen bytes of a hash over what only Meta can sign: the same request has the same code, and nobody can guess one.
    let hash = digest(&SHA256, text.as_bytes());
    let code: String = hash.as_ref().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let base = cx.app.redirect_uri.split("/oauth/").next().unwrap_or_default();
    let mut answer = Response::new(Bytes::from(json!({ "url": format!("{base}/deletion/{code}"), "confirmation_code": code }).to_string()));
    answer.headers_mut().insert("content-type", http::HeaderValue::from_static("application/json"));
    Inbound::Deletion { signal, code, answer: Box::new(answer) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn cause(code: i64, subcode: i64, more: &Value) -> Option<Cause> {
        let mut error = json!({ "message": "words", "type": "OAuthException", "code": code, "error_subcode": subcode });
        if let (Value::Object(error), Value::Object(more)) = (&mut error, more.clone()) {
            error.extend(more);
        }
        let answer = Response::builder().status(400).body(Bytes::from(json!({ "error": error }).to_string())).expect("an answer");
        testing::with(&[], |cx| match diagnose(&cx, Source::Probe, &answer).finding {
            Finding::Refused { cause, .. } => Some(cause),
            _ => None,
        })
    }

    #[test]
    fn every_documented_subcode_has_its_cause() {
        for (subcode, expected) in [
            (458, Cause::RevokedByPerson),
            (459, Cause::PersonBlocked),
            (460, Cause::PasswordChanged),
            (463, Cause::Expired),
            (464, Cause::PersonBlocked),
            (467, Cause::Expired),
            (490, Cause::PersonBlocked),
            (492, Cause::PermissionLost),
            (0, Cause::Unknown),
        ] {
            assert_eq!(cause(190, subcode, &json!({})), Some(expected), "{subcode}");
            assert_eq!(cause(102, subcode, &json!({})), Some(expected), "102/{subcode}");
        }
        assert_eq!(cause(190, 460, &json!({ "is_transient": true })), None, "a transient error wins over everything");
        for code in [1, 2, 4, 17, 32, 341, 368, 506, 613, 80_001] {
            assert_eq!(cause(code, 0, &json!({})), None, "{code}");
        }
        assert_eq!(cause(10, 0, &json!({})), Some(Cause::PermissionLost));
        assert_eq!(cause(200, 0, &json!({ "message": "API access blocked." })), None, "said of the app");
    }

    #[test]
    fn what_is_used_up_is_the_highest_of_the_percentages() {
        let used = |text: &'static str| {
            used_up(&http::HeaderMap::from_iter([("x-app-usage".parse().expect("a name"), http::HeaderValue::from_static(text))]))
        };
        assert_eq!(used(r#"{"call_count":28,"total_time":91,"total_cputime":3}"#), Some(91));
        assert_eq!((used("{}"), used("[]"), used("x"), used_up(&http::HeaderMap::new())), (None, None, None, None));
        assert_eq!(used(r#"{"call_count":99999999999}"#), Some(u32::MAX));
    }

    #[test]
    fn nt_24_only_our_own_signature_counts() {
        let payload =
            |algorithm: &str| URL_SAFE_NO_PAD.encode(json!({ "algorithm": algorithm, "user_id": "7", "issued_at": 1 }).to_string());
        let sign = |secret: &str, payload: &str| {
            let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
            format!("{}.{payload}", URL_SAFE_NO_PAD.encode(hmac::sign(&key, payload.as_bytes())))
        };
        let at = |door: &str, text: String| {
            let body = form_urlencoded::Serializer::new(String::new()).append_pair("signed_request", &text).finish();
            let request = Request::post(format!("https://s.example/signals/facebook{door}")).body(Bytes::from(body)).expect("a request");
            testing::with(&[], |cx| receive(&cx, &request))
        };
        let inbound = |text: String| at("", text);
        let good = payload("HMAC-SHA256");
        assert!(
            matches!(inbound(sign("secret", &good)), Inbound::Signals(signals, _) if signals[0].subject == Subject::Person("7".into()))
        );
        assert!(matches!(inbound(sign("guess", &good)), Inbound::Refused(_)));
        assert!(matches!(inbound(sign("secret", &payload("none"))), Inbound::Refused(_)));
        assert!(matches!(inbound(format!(".{good}")), Inbound::Refused(_)));
        assert!(matches!(inbound("x".into()), Inbound::Refused(_)));
        assert!(matches!(at("/deletion", sign("guess", &good)), Inbound::Refused(_)));
        let Inbound::Deletion { signal, code, answer } = at("/deletion", sign("secret", &good)) else { panic!("a deletion") };
        let answer: Value = serde_json::from_slice(answer.body()).expect("JSON");
        assert_eq!((signal.subject, answer["confirmation_code"].as_str()), (Subject::Person("7".into()), Some(code.as_str())));
        assert!(answer["url"].as_str().is_some_and(|url| url.ends_with(&format!("/deletion/{code}"))), "{answer}");
    }
}
