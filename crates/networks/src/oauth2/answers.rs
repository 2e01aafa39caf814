//! What a strict reading of RFC 6749, 6750 and 9110 makes of an answer, and what the operator's own table says of it before that.

use bytes::Bytes;
use http::Response;
use lifecycle::diagnosis::Diagnosis;
use lifecycle::secret::{Secret, TokenSet};
use lifecycle::time::Span;
use lifecycle::words::{Cause, Confidence, Evidence, Source};
use serde_json::Value;

use super::settings;
use crate::network::{Cx, Issued};
use crate::oauth;

/// How long an access token that can be renewed is taken to live where neither the answer nor the configuration says it: whoever
/// borrows one later is given a fresh one.
const ACCESS_LIFE: Span = Span::hours(1);
/// The longest wait that is believed.
const WAIT_MAX: i64 = 86_400;

/// The value that a JSON pointer leads to; the name of a field stands for the pointer to it.
pub(super) fn at<'a>(json: &'a Value, pointer: &str) -> Option<&'a Value> {
    if pointer.is_empty() || pointer.starts_with('/') { json.pointer(pointer) } else { json.get(pointer) }
}

/// The text, or number as text, that a pointer leads to.
pub(super) fn text_at(json: &Value, pointer: &str) -> Option<String> {
    match at(json, pointer)? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Where the token set stands in a token answer that is a success.
fn token_set(cx: &Cx<'_>, answer: &Response<Bytes>) -> Option<Value> {
    let json = oauth::json(answer).filter(|_| answer.status().is_success())?;
    let told = json.get("error").is_some_and(|error| error.as_str().is_some_and(|error| !error.is_empty()));
    let set = at(&json, cx.app.options.get("token_at").map_or("", String::as_str))?.clone();
    (!told && oauth::text(&set, "access_token").is_some()).then_some(set)
}

/// The type of an issued token, where it is one that cannot be used as a bearer token (RFC 6749 7.1: then it must not be used).
pub(super) fn foreign_type(cx: &Cx<'_>, answer: &Response<Bytes>) -> Option<String> {
    let set = token_set(cx, answer)?;
    oauth::text(&set, "token_type").filter(|kind| !kind.eq_ignore_ascii_case("bearer")).map(str::to_owned)
}

/// A token answer that is a success. Scopes are separated by spaces and by nothing else (RFC 6749 3.3), unless the operator says so.
pub(super) fn granted(cx: Cx<'_>, answer: &Response<Bytes>, asked: &[String]) -> Option<Issued> {
    let set = token_set(&cx, answer)?;
    let refresh_life = cx.app.options.get("refresh_life_name").map_or("refresh_token_expires_in", String::as_str);
    let mut issued = oauth::issued(cx, &set, refresh_life, asked)?;
    if let Some(scope) = oauth::text(&set, "scope") {
        let separator = if cx.app.options.get("scope_separator").is_some_and(|word| word == "comma") { ',' } else { ' ' };
        issued.tokens.scopes = scope.split(separator).filter(|scope| !scope.is_empty()).map(str::to_owned).collect();
        issued.missing_scopes = asked.iter().filter(|scope| !issued.tokens.scopes.contains(scope)).cloned().collect();
    }
    // What is extended needs nothing else.
    issued.renewable |= cx.facts.is_extending();
    if issued.renewable && issued.clocks.access_until.is_none() && cx.facts.access_life.is_none() {
        issued.clocks.access_until = Some(cx.now + ACCESS_LIFE);
    }
    Some(issued)
}

/// The names under which the first of two tokens is remembered until the one that lives longer has come.
pub(super) const SHORT_SCOPES: &str = "short_scopes";
pub(super) const SHORT_REFRESH: &str = "short_refresh";

/// The token that lives longer, with what came with the first one and is not told again.
pub(super) fn completed(mut issued: Issued, asked: &[String], scopes: &str, refresh: Option<&Secret>) -> Issued {
    let TokenSet { scopes: granted, refresh_token, .. } = &mut issued.tokens;
    if *granted == asked {
        *granted = scopes.split(' ').filter(|scope| !scope.is_empty()).map(str::to_owned).collect();
        issued.missing_scopes = asked.iter().filter(|scope| !granted.contains(scope)).cloned().collect();
    }
    if refresh_token.is_none() && refresh.is_some() {
        *refresh_token = refresh.cloned();
        issued.renewable = true;
    }
    issued
}

/// What the challenges of a refusal say (RFC 9110 11.6.1): the error that one for tokens names, and whether there are only others.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Challenge {
    pub(super) error: Option<String>,
    pub(super) is_foreign: bool,
}

pub(super) fn challenge(answer: &Response<Bytes>) -> Challenge {
    let mut said = answer.headers().get_all("www-authenticate").iter().filter_map(|value| value.to_str().ok()).peekable();
    let (mut error, mut for_tokens) = (None, said.peek().is_none());
    for header in said {
        let scheme = |name: &str| header.to_ascii_lowercase().split(|c: char| c == ',' || c.is_whitespace()).any(|word| word == name);
        for_tokens = for_tokens || scheme("bearer") || scheme("dpop");
        let parameter = header.split([',', ' ', '\t']).find_map(|part| part.trim().strip_prefix("error="));
        error = error.or_else(|| parameter.map(|error| error.trim_matches('"').to_owned()).filter(|error| !error.is_empty()));
    }
    Challenge { error, is_foreign: !for_tokens }
}

/// The machine-readable word of an error: where the operator says it stands, else where most networks have it.
pub(super) fn code_of(cx: &Cx<'_>, json: &Value) -> String {
    let usual = ["/error/code", "/error", "/code", "/error_code", "/errors/0/code"];
    let found = match cx.app.options.get("error_code") {
        Some(pointer) => text_at(json, pointer),
        None => usual.iter().find_map(|pointer| text_at(json, pointer)),
    };
    found.unwrap_or_default()
}

fn words_of(json: &Value) -> Option<String> {
    ["/error_description", "/error/message", "/message", "/errors/0/message"].iter().find_map(|pointer| text_at(json, pointer))
}

/// What is asked to be waited: by the usual headers, or by one that the operator names, in seconds from now or since 1970.
fn wait(cx: &Cx<'_>, answer: &Response<Bytes>) -> Option<Span> {
    let named = || {
        let name = cx.app.options.get("limit_reset_header").filter(|_| answer.status().as_u16() == 429)?;
        let number: i64 = answer.headers().get(name.as_str())?.to_str().ok()?.trim().parse().ok()?;
        let seconds = if number > 1_000_000_000 { number.checked_sub(cx.now.as_seconds())? } else { number };
        (0..=WAIT_MAX).contains(&seconds).then(|| Span::seconds(seconds))
    };
    named().or_else(|| oauth::wait(cx.now, answer))
}

/// What the operator's table says of an answer. Trouble of the network's own never speaks against a token, whatever stands in a table.
pub(super) fn by_table(cx: &Cx<'_>, json: &Value, evidence: &Evidence) -> Option<Diagnosis> {
    let is_trouble = matches!(evidence.http_status, Some(408 | 429 | 500..));
    settings::meaning(&cx.app.options, evidence, &code_of(cx, json)).filter(|_| !is_trouble)
}

/// RFC 6750 section 3: the header is the server's word on the token, whatever the body is. `invalid_token` is said of expired,
/// revoked and malformed tokens alike, and a 401 without a word means the same; one that asks for another scheme alone (a proxy's
/// password) does not speak of the token.
pub(super) fn diagnose(cx: &Cx<'_>, source: Source, answer: &Response<Bytes>) -> Diagnosis {
    let challenge = challenge(answer);
    let json = oauth::json(answer).unwrap_or(Value::Null);
    let code = challenge.error.unwrap_or_else(|| code_of(cx, &json));
    let words = words_of(&json);
    let seen = oauth::evidence(cx.now, source, answer, Some(&code), words.as_deref().unwrap_or(&code));
    if let Some(known) = by_table(cx, &json, &seen) {
        return known;
    }
    match (answer.status().as_u16(), code.as_str()) {
        (400 | 401 | 403, "invalid_token") => Diagnosis::refused(Cause::Unknown, Confidence::Guess, seen),
        (401, _) if !challenge.is_foreign => Diagnosis::refused(Cause::Unknown, Confidence::Guess, seen),
        (403, "insufficient_scope") => Diagnosis::refused(Cause::ScopeMissing, Confidence::Certain, seen),
        (400, "invalid_request") => Diagnosis::misconfigured(seen),
        _ => Diagnosis::transient(seen, wait(cx, answer)),
    }
}
