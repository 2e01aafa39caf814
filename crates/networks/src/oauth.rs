//! What most networks share: RFC 6749 requests and answers, bounded reading, evidence.

use std::collections::BTreeMap;
use std::time::UNIX_EPOCH;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use lifecycle::diagnosis::Diagnosis;
use lifecycle::grant::Clocks;
use lifecycle::secret::{Secret, TokenSet};
use lifecycle::time::{Span, Timestamp};
use lifecycle::words::{Cause, Confidence, Evidence, Source};
use serde_json::Value;
use url::form_urlencoded;

use crate::network::{Answer, Authorization, Callback, Cx, Failure, Issued, Renewal, Start, value};
use crate::pkce;

/// The most bytes of a token or identity answer that are read (RF-16).
pub const ANSWER_MAX: usize = 64 * 1024;

/// Percent-encoding of RFC 3986 for one part of a path or query: everything but the unreserved characters.
pub fn percent(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// An address with query parameters.
pub fn with_query(url: &str, parameters: &[(&str, &str)]) -> String {
    let query: Vec<String> = parameters.iter().map(|(name, value)| format!("{}={}", percent(name), percent(value))).collect();
    let joint = if url.contains('?') { '&' } else { '?' };
    format!("{url}{joint}{}", query.join("&"))
}

/// The authorization request of RFC 6749 4.1.1, and what a network wants beyond it.
pub fn authorization(cx: &Cx<'_>, url: &str, scope: &str, start: &Start, more: &[(&str, &str)]) -> Authorization {
    let mut parameters = vec![
        ("response_type", "code"),
        ("client_id", cx.app.client_id.as_str()),
        ("redirect_uri", &cx.app.redirect_uri),
        ("state", start.state.expose()),
    ];
    if !scope.is_empty() {
        parameters.push(("scope", scope));
    }
    parameters.extend_from_slice(more);
    further(cx, &mut parameters);
    Authorization {
        url: with_query(url, &parameters),
        memory: BTreeMap::new(),
        instance: cx.app.instance.clone(),
        returns_with: start.state.clone(),
        registered: None,
    }
}

/// Parameters of the login page that are the protocol's own (RFC 6749 4.1.1, 7636 4.3, 9101 5, `OpenID Connect Core` 3.1.2.1), each with
/// what an operator does instead of setting it: on them hangs that an answer is ours, and can be read.
const PROTOCOL: [(&str, &str); 13] = [
    ("client_id", "set client_id"),
    ("client_key", "set client_id"),
    ("redirect_uri", "it follows server.public_url: leave it out, and register the address that is shown under Network apps"),
    ("scope", "set scopes"),
    ("response_type", "leave it out: a code is what can be read"),
    ("response_mode", "leave it out: the code comes in the address"),
    ("state", "leave it out: it is made anew for each login"),
    ("nonce", "leave it out: nothing is read that it would protect"),
    ("code", "leave it out: the network sends it"),
    ("code_challenge", "leave it out: it is made anew for each login"),
    ("code_challenge_method", "leave it out: it follows from what the network knows"),
    ("request", "leave it out: the request is written by Staygreen"),
    ("request_uri", "leave it out: the request is written by Staygreen"),
];

/// What to do instead of setting a parameter of the login page that is Staygreen's own; `None` where it is the operator's to set.
pub fn instead_of(parameter: &str) -> Option<&'static str> {
    PROTOCOL.iter().find(|(name, _)| name.eq_ignore_ascii_case(parameter)).map(|(_, instead)| *instead)
}

/// Adds what the operator sets of the login page (`options."authorize.NAME"`), in place of what is usual: a network knows parameters
/// beside its protocol, such as whether it shows another button. The protocol's own are not theirs to set ([`instead_of`]).
pub fn further<'a>(cx: &Cx<'a>, parameters: &mut Vec<(&'a str, &'a str)>) {
    for (key, value) in &cx.app.options {
        if let Some(name) = key.strip_prefix("authorize.").filter(|name| instead_of(name).is_none()) {
            parameters.retain(|(known, _)| *known != name);
            parameters.push((name, value));
        }
    }
}

/// The same, begun with a proof key (RFC 7636 4.3).
pub fn authorization_with_proof(cx: &Cx<'_>, url: &str, scope: &str, start: &Start, more: &[(&str, &str)]) -> Authorization {
    let (verifier, challenge) = pkce::roll(cx);
    let proof = [("code_challenge", challenge.as_str()), ("code_challenge_method", "S256")];
    let memory = BTreeMap::from([(pkce::MEMORY.to_owned(), verifier)]);
    Authorization { memory, ..authorization(cx, url, scope, start, &[more, &proof].concat()) }
}

/// The form that exchanges a code (RFC 6749 4.1.3), with the proof key where it was begun with one (RFC 7636 4.5).
pub fn code_form<'a>(cx: &Cx<'a>, memory: &'a BTreeMap<String, Secret>, code: &'a str) -> Vec<(&'static str, &'a str)> {
    let redirect_uri = cx.app.redirect_uri.as_str();
    let mut form = vec![("grant_type", "authorization_code"), ("code", code), ("redirect_uri", redirect_uri)];
    form.extend(memory.get(pkce::MEMORY).map(|verifier| ("code_verifier", verifier.expose())));
    form
}

/// The form that renews (RFC 6749 section 6); `None` without a refresh token.
pub fn refresh_form(tokens: &TokenSet) -> Option<Vec<(&'static str, &str)>> {
    let refresh = tokens.refresh_token.as_ref()?;
    Some(vec![("grant_type", "refresh_token"), ("refresh_token", refresh.expose())])
}

/// The client's credentials, for networks that want them in the form (RFC 6749 2.3.1).
pub fn client_form<'a>(cx: &Cx<'a>) -> [(&'static str, &'a str); 2] {
    [("client_id", &cx.app.client_id), ("client_secret", client_secret(cx))]
}

/// A POST of a form. An address that is none gives a request to nowhere, which the wire refuses.
pub fn post_form(url: &str, parameters: &[(&str, &str)]) -> Request<Bytes> {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
    let request = Request::builder()
        .method(Method::POST)
        .uri(url)
        .header("accept", "application/json")
        .header("content-type", "application/x-www-form-urlencoded");
    request.body(Bytes::from(body)).unwrap_or_default()
}

/// A GET with a bearer token.
pub fn get_bearer(url: &str, token: &Secret) -> Request<Bytes> {
    let request = Request::builder()
        .uri(url)
        .header("accept", "application/json")
        .header("authorization", sensitive(&format!("Bearer {}", token.expose())));
    request.body(Bytes::new()).unwrap_or_default()
}

/// A POST of JSON with a bearer token.
pub fn post_json(url: &str, token: &Secret, body: &Value) -> Request<Bytes> {
    let mut request = get_bearer(url, token);
    *request.method_mut() = Method::POST;
    request.headers_mut().insert("content-type", http::HeaderValue::from_static("application/json; charset=UTF-8"));
    *request.body_mut() = Bytes::from(body.to_string());
    request
}

/// Bytes that are written in hexadecimal digits.
pub(crate) fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect())?
}

/// A header value that `Debug` does not show.
pub fn sensitive(text: &str) -> http::HeaderValue {
    let mut value = http::HeaderValue::from_str(text).unwrap_or(http::HeaderValue::from_static("invalid"));
    value.set_sensitive(true);
    value
}

/// HTTP Basic with both parts form-encoded first (RFC 6749 2.3.1).
pub fn basic(client_id: &str, client_secret: &str) -> http::HeaderValue {
    use base64::Engine as _;
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let pair = format!("{}:{}", encode(client_id), encode(client_secret));
    sensitive(&format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair)))
}

/// The answer's JSON object, if it is one and not larger than it may be.
pub fn json(answer: &Response<Bytes>) -> Option<Value> {
    if answer.body().len() > ANSWER_MAX {
        return None;
    }
    // serde_json refuses nesting deeper than 128 by itself.
    serde_json::from_slice::<Value>(answer.body()).ok().filter(Value::is_object)
}

/// A text field that is there and not empty.
pub fn text<'a>(json: &'a Value, field: &str) -> Option<&'a str> {
    json.get(field).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// The rows of a list in an answer.
///
/// # Errors
/// Where they are not there: a list is complete or it is none. One that is missing, or cut short, would look as if everything in
/// it were lost.
pub fn rows<'a>(now: Timestamp, json: &'a Value, field: &str) -> Result<&'a [Value], Diagnosis> {
    let rows = json.get(field).and_then(Value::as_array);
    rows.map(Vec::as_slice).ok_or_else(|| incomplete(now, &format!("a list without {field}")))
}

/// What a listing means that cannot be followed to its end, or holds what cannot be read: nothing.
pub fn incomplete(now: Timestamp, words: &str) -> Diagnosis {
    Diagnosis::transient(Evidence::new(now, Source::Discovery, Some(200), Some("incomplete"), words), None)
}

/// A number of seconds, also where a network writes it as text; negative and absurd ones are none.
pub fn seconds(json: &Value, field: &str) -> Option<Span> {
    let field = json.get(field)?;
    let number = field.as_i64().or_else(|| field.as_str()?.trim().parse().ok())?;
    (0..=10 * 366 * 86_400).contains(&number).then(|| Span::seconds(number))
}

/// An id that a network writes as text or as a number (some exceed 2^53).
pub fn id(json: &Value, field: &str) -> Option<String> {
    match json.get(field)? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Scopes as networks write them: separated by spaces or commas.
pub fn scopes(text: &str) -> Vec<String> {
    text.split([' ', ',']).filter(|scope| !scope.is_empty()).map(str::to_owned).collect()
}

/// Evidence from an answer: status, machine code, the network's words.
pub fn evidence(now: Timestamp, source: Source, answer: &Response<Bytes>, code: Option<&str>, words: &str) -> Evidence {
    Evidence::new(now, source, Some(answer.status().as_u16()), code, words)
}

/// What is said of an answer that makes no sense: its kind, not its content.
pub fn unreadable(now: Timestamp, source: Source, answer: &Response<Bytes>) -> Evidence {
    let kind = answer.headers().get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or("unknown content");
    evidence(now, source, answer, None, &format!("an answer that cannot be read ({kind}, {} bytes)", answer.body().len()))
}

/// The moment at which an answer was made, by the clock of whoever made it (RFC 9110 6.6.1): what a network says of days that it reckons
/// itself holds by its clock, and ours may be wrong. `None` where it says no moment.
pub fn answered_at(answer: &Response<Bytes>) -> Option<Timestamp> {
    let said = httpdate::parse_http_date(answer.headers().get(header::DATE)?.to_str().ok()?).ok()?;
    let since = said.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since.as_secs()).ok().map(Timestamp::from_seconds)
}

/// What the network asks us to wait (RFC 9110 10.2.3, seconds form).
pub fn retry_after(answer: &Response<Bytes>) -> Option<Span> {
    let seconds: i64 = answer.headers().get("retry-after")?.to_str().ok()?.trim().parse().ok()?;
    (0..=86_400).contains(&seconds).then(|| Span::seconds(seconds))
}

/// The longest wait that is believed.
const WAIT_MAX: i64 = 86_400;

/// What the network asks us to wait: `Retry-After`, or the moment at which its limit starts anew, which some write as Unix seconds and
/// some as seconds from now.
pub fn wait(now: Timestamp, answer: &Response<Bytes>) -> Option<Span> {
    let number = |name: &str| -> Option<i64> { answer.headers().get(name)?.to_str().ok()?.trim().parse().ok() };
    let reset = || {
        let reset = ["x-ratelimit-reset", "x-rate-limit-reset", "ratelimit-reset"].into_iter().find_map(number)?;
        let seconds = if reset > 1_000_000_000 { reset.checked_sub(now.as_seconds())? } else { reset };
        (0..=WAIT_MAX).contains(&seconds).then(|| Span::seconds(seconds))
    };
    retry_after(answer).or_else(|| reset().filter(|_| answer.status() == StatusCode::TOO_MANY_REQUESTS))
}

/// 429, 408 and every 5xx say nothing about a token (RF-30).
pub fn is_trouble(status: StatusCode) -> bool {
    status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS || status == StatusCode::REQUEST_TIMEOUT
}

/// An error of a token endpoint in the words of RFC 6749 5.2: code and description.
pub fn token_error(json: &Value) -> Option<(&str, &str)> {
    Some((text(json, "error")?, text(json, "error_description").unwrap_or_default()))
}

/// What an error code of RFC 6749 5.2 says: `invalid_grant` is one word for five conditions and never terminal by itself;
/// the others speak about our client or our request (RF-31). `None`: not one of them.
pub fn diagnose_code(code: &str, evidence: Evidence) -> Option<Diagnosis> {
    match code {
        "invalid_grant" => Some(Diagnosis::refused(Cause::Unknown, Confidence::Guess, evidence)),
        "invalid_client" | "unauthorized_client" | "unsupported_grant_type" | "invalid_scope" | "invalid_request" => {
            Some(Diagnosis::misconfigured(evidence))
        }
        "server_error" | "temporarily_unavailable" | "slow_down" => Some(Diagnosis::transient(evidence, None)),
        _ => None,
    }
}

/// A renewal's answer that is no success, read by RFC 6749 with a network's own table first.
pub fn failed_renewal(now: Timestamp, answer: &Response<Bytes>, own: impl Fn(&Value, Evidence) -> Option<Diagnosis>) -> Renewal {
    let parsed = json(answer);
    let (code, words) = parsed.as_ref().and_then(token_error).unwrap_or_default();
    let seen =
        if code.is_empty() { unreadable(now, Source::Renewal, answer) } else { evidence(now, Source::Renewal, answer, Some(code), words) };
    if answer.status() == StatusCode::TOO_MANY_REQUESTS {
        return Renewal::Failed(Diagnosis::transient(seen, wait(now, answer)));
    }
    // Every 5xx after the request was sent is ambiguous: some servers rotate first and fail afterwards.
    if answer.status().is_server_error() {
        return Renewal::Unclear(seen);
    }
    let known = parsed.as_ref().and_then(|json| own(json, seen.clone())).or_else(|| diagnose_code(code, seen.clone()));
    match known {
        Some(diagnosis) => Renewal::Failed(diagnosis),
        // A success that cannot be read may have renewed; anything else that is unmapped spent nothing (RF-30).
        None if answer.status().is_success() => Renewal::Unclear(seen),
        None => Renewal::Failed(Diagnosis::transient(seen, None)),
    }
}

/// The callback's code, or why there is none. `denied` are the network's words for "the person pressed Cancel".
pub fn callback_code<'a>(now: Timestamp, callback: &'a Callback, denied: &[&str]) -> Result<&'a str, Failure> {
    if let Some(code) = value(callback, "code").filter(|code| !code.is_empty()) {
        return Ok(code);
    }
    let error = value(callback, "error").unwrap_or_default();
    let words = value(callback, "error_description").unwrap_or(error);
    let seen = Evidence::new(now, Source::Signal, None, Some(error), words);
    Err(match error {
        "" => Failure::Suspicious {
            evidence: Evidence::new(now, Source::Signal, None, None, "the network sent the person back without a code"),
        },
        denial if denial == "access_denied" || denied.contains(&denial) => Failure::Denied { evidence: seen },
        "server_error" | "temporarily_unavailable" => Failure::Unavailable { evidence: seen },
        _ => Failure::Misconfigured { evidence: seen },
    })
}

/// An exchange's answer that is no success.
pub fn failed_exchange(now: Timestamp, answer: &Response<Bytes>) -> Failure {
    let parsed = json(answer);
    let (code, words) = parsed.as_ref().and_then(token_error).unwrap_or_default();
    let seen =
        if code.is_empty() { unreadable(now, Source::Signal, answer) } else { evidence(now, Source::Signal, answer, Some(code), words) };
    match code {
        _ if is_trouble(answer.status()) => Failure::Unavailable { evidence: seen },
        "invalid_grant" => Failure::StaleCode { evidence: seen },
        "access_denied" => Failure::Denied { evidence: seen },
        "server_error" | "temporarily_unavailable" => Failure::Unavailable { evidence: seen },
        "" => Failure::Unavailable { evidence: seen },
        _ => Failure::Misconfigured { evidence: seen },
    }
}

/// A token answer of RFC 6749 5.1 with the usual names; `None` when it has no access token.
pub fn issued(cx: Cx<'_>, json: &Value, refresh_life_field: &str, asked: &[String]) -> Option<Issued> {
    let access = Secret::new(text(json, "access_token")?);
    let refresh = text(json, "refresh_token").map(Secret::new);
    let granted = text(json, "scope").map(scopes).unwrap_or_default();
    let missing_scopes = if granted.is_empty() { vec![] } else { asked.iter().filter(|scope| !granted.contains(scope)).cloned().collect() };
    let until = |field| seconds(json, field).map(|life| cx.now + life);
    Some(Issued {
        renewable: refresh.is_some(),
        clocks: Clocks { access_until: until("expires_in"), refresh_until: until(refresh_life_field), human_until: None },
        tokens: TokenSet::bearer(access, refresh, if granted.is_empty() { asked.to_vec() } else { granted }),
        person_network_id: None,
        missing_scopes,
    })
}

/// The token set of a token answer that is a success (RFC 6749 5.1).
pub fn granted(cx: Cx<'_>, answer: &Response<Bytes>, asked: &[String]) -> Option<Issued> {
    let json = json(answer).filter(|json| answer.status().is_success() && json.get("error").is_none_or(Value::is_null))?;
    issued(cx, &json, "refresh_token_expires_in", asked)
}

/// The claims of the id token that came with a token answer. It came from the token endpoint itself over TLS, so its
/// signature adds nothing (OpenID Connect Core 3.1.3.7); what it says of the person is confirmed by the identity call.
pub fn id_claims(json: &Value) -> Option<Value> {
    use base64::Engine as _;
    let payload = text(json, "id_token")?.split('.').nth(1)?;
    let payload = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
    serde_json::from_slice::<Value>(&payload).ok().filter(Value::is_object)
}

/// An exchange's answer where nothing differs from RFC 6749.
///
/// # Errors
/// See [`failed_exchange`].
pub fn read_exchange(cx: Cx<'_>, answer: &Response<Bytes>, asked: &[String]) -> Result<Answer<Issued>, Failure> {
    granted(cx, answer, asked).map(Answer::Done).ok_or_else(|| failed_exchange(cx.now, answer))
}

/// A renewal's answer, with a network's own table of errors first.
pub fn read_renewal(
    cx: Cx<'_>,
    tokens: &TokenSet,
    answer: &Response<Bytes>,
    own: impl Fn(&Value, Evidence) -> Option<Diagnosis>,
) -> Answer<Renewal> {
    Answer::Done(match granted(cx, answer, &tokens.scopes) {
        Some(issued) => Renewal::Renewed(Box::new(issued)),
        None => failed_renewal(cx.now, answer, own),
    })
}

/// The client's secret in the clear, for the one request that carries it.
pub fn client_secret<'a>(cx: &Cx<'a>) -> &'a str {
    cx.app.client_secret.as_ref().map_or("", Secret::expose)
}

/// What a wire that gave no answer means while a person waits.
pub fn unavailable(now: Timestamp, error: &crate::wire::WireError) -> Failure {
    Failure::Unavailable { evidence: Evidence::new(now, Source::Signal, None, None, &error.to_string()) }
}

/// What a wire that gave no answer says about a token: nothing.
pub fn no_answer(now: Timestamp, source: Source, error: &crate::wire::WireError) -> Diagnosis {
    Diagnosis::transient(Evidence::new(now, source, None, None, &error.to_string()), None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn basic_credentials_are_form_encoded_first() {
        let header = basic("a b", "c:d");
        assert_eq!(header.to_str().ok(), Some("Basic YStiOmMlM0Fk"));
        assert!(!format!("{header:?}").contains("YSti"));
    }

    #[test]
    fn a_limit_says_when_it_starts_anew() {
        let now = Timestamp::from_seconds(1_800_000_000);
        let waits = |status: u16, name: &str, value: &str| {
            let answer = Response::builder().status(status).header(name, value).body(Bytes::new()).expect("an answer");
            wait(now, &answer).map(Span::as_seconds)
        };
        assert_eq!(waits(429, "retry-after", "7"), Some(7));
        assert_eq!(waits(429, "x-ratelimit-reset", "1800000060"), Some(60));
        assert_eq!(waits(429, "x-ratelimit-reset", "60"), Some(60));
        assert_eq!(waits(200, "x-ratelimit-reset", "60"), None, "said with every answer");
        for absurd in ["1700000000", "1900000000", "-5", "soon"] {
            assert_eq!(waits(429, "x-ratelimit-reset", absurd), None, "{absurd}");
        }
    }

    #[test]
    fn lives_are_read_from_numbers_and_texts_and_nothing_else() {
        let json: Value = serde_json::json!({ "a": 60, "b": "60", "c": -1, "d": "soon", "e": 1e300, "f": null });
        assert_eq!((seconds(&json, "a"), seconds(&json, "b")), (Some(Span::seconds(60)), Some(Span::seconds(60))));
        for field in ["c", "d", "e", "f", "g"] {
            assert_eq!(seconds(&json, field), None, "{field}");
        }
    }
}
