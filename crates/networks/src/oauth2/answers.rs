//! What a strict reading of RFC 6749, 6750 and 9110 makes of an answer.

use bytes::Bytes;
use http::Response;
use lifecycle::diagnosis::Diagnosis;
use lifecycle::time::Span;
use lifecycle::words::{Cause, Confidence, Source};
use serde_json::Value;

use crate::network::{Cx, Issued};
use crate::oauth;

/// How long an access token that can be renewed is taken to live where neither the answer nor the configuration says it: whoever
/// borrows one later is given a fresh one.
const ACCESS_LIFE: Span = Span::hours(1);

/// The type of an issued token, where it is one that cannot be used as a bearer token (RFC 6749 7.1: then it must not be used).
pub(super) fn foreign_type(answer: &Response<Bytes>) -> Option<String> {
    let json = oauth::json(answer).filter(|json| answer.status().is_success() && oauth::text(json, "access_token").is_some())?;
    oauth::text(&json, "token_type").filter(|kind| !kind.eq_ignore_ascii_case("bearer")).map(str::to_owned)
}

/// A token answer that is a success. Scopes are separated by spaces and by nothing else (RFC 6749 3.3).
pub(super) fn granted(cx: Cx<'_>, answer: &Response<Bytes>, asked: &[String]) -> Option<Issued> {
    let mut issued = oauth::granted(cx, answer, asked)?;
    let json = oauth::json(answer)?;
    if let Some(scope) = oauth::text(&json, "scope") {
        issued.tokens.scopes = scope.split(' ').filter(|scope| !scope.is_empty()).map(str::to_owned).collect();
        issued.missing_scopes = asked.iter().filter(|scope| !issued.tokens.scopes.contains(scope)).cloned().collect();
    }
    if issued.renewable && issued.clocks.access_until.is_none() && cx.facts.access_life.is_none() {
        issued.clocks.access_until = Some(cx.now + ACCESS_LIFE);
    }
    Some(issued)
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

/// RFC 6750 section 3: the header is the server's word on the token, whatever the body is. `invalid_token` is said of expired,
/// revoked and malformed tokens alike, and a 401 without a word means the same; one that asks for another scheme alone (a proxy's
/// password) does not speak of the token.
pub(super) fn diagnose(cx: &Cx<'_>, source: Source, answer: &Response<Bytes>) -> Diagnosis {
    let challenge = challenge(answer);
    let json = oauth::json(answer).unwrap_or(Value::Null);
    let code = challenge.error.or_else(|| oauth::text(&json, "error").map(str::to_owned)).unwrap_or_default();
    let words = oauth::text(&json, "error_description").unwrap_or(&code);
    let seen = oauth::evidence(cx.now, source, answer, Some(&code), words);
    match (answer.status().as_u16(), code.as_str()) {
        (400 | 401 | 403, "invalid_token") => Diagnosis::refused(Cause::Unknown, Confidence::Guess, seen),
        (401, _) if !challenge.is_foreign => Diagnosis::refused(Cause::Unknown, Confidence::Guess, seen),
        (403, "insufficient_scope") => Diagnosis::refused(Cause::ScopeMissing, Confidence::Certain, seen),
        (400, "invalid_request") => Diagnosis::misconfigured(seen),
        _ => Diagnosis::transient(seen, oauth::retry_after(answer)),
    }
}
