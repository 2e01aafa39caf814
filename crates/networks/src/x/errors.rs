//! X's errors: token endpoint, and problem JSON of the API.

use bytes::Bytes;
use http::Response;
use lifecycle::diagnosis::Diagnosis;
use lifecycle::time::{Span, Timestamp};
use lifecycle::words::{Cause, Confidence, Evidence, Source};
use serde_json::Value;

use crate::network::{Cx, Failure, Renewal};
use crate::oauth;

/// X has no code of its own for a refresh token that is spent, revoked or unknown: `invalid_request` also says that a
/// parameter is missing, and only this constant text tells the two apart (option `spent_token_words` where X changes it).
/// Any other text is our own mistake, which touches no grant.
const SPENT_TOKEN: &str = "Value passed for the token was invalid.";
/// What X says of a code that is older than 30 seconds or was used.
const SPENT_CODE: &str = "Value passed for the authorization code was invalid.";
/// The longest wait that is believed.
const WAIT_MAX: i64 = 86_400;

/// A renewal's answer that is no success.
pub(super) fn renewal(cx: &Cx<'_>, answer: &Response<Bytes>) -> Renewal {
    let spent = cx.app.options.get("spent_token_words").map_or(SPENT_TOKEN, String::as_str);
    let failed = oauth::failed_renewal(cx.now, answer, |json, seen| {
        let is_spent = oauth::token_error(json) == Some(("invalid_request", spent));
        // A removed app, a used token and a lost answer look the same here.
        is_spent.then(|| Diagnosis::refused(Cause::Unknown, Confidence::Guess, seen))
    });
    match failed {
        Renewal::Failed(diagnosis) if answer.status().as_u16() == 429 => {
            Renewal::Failed(Diagnosis::transient(diagnosis.evidence, wait(cx.now, answer)))
        }
        // The token endpoint also answers in problem JSON where the app itself is refused (not enrolled, no credit).
        Renewal::Failed(_) if oauth::json(answer).is_some_and(|json| json.get("error").is_none()) => {
            Renewal::Failed(speaks_not_of_the_token(api(cx, Source::Renewal, answer)))
        }
        other => other,
    }
}

/// A problem at the token endpoint speaks of our client at most.
fn speaks_not_of_the_token(diagnosis: Diagnosis) -> Diagnosis {
    if diagnosis.is_harmless() && diagnosis.finding != lifecycle::diagnosis::Finding::Works {
        return diagnosis;
    }
    Diagnosis::transient(diagnosis.evidence, None)
}

/// An exchange's answer that is no success.
pub(super) fn exchange(cx: &Cx<'_>, answer: &Response<Bytes>) -> Failure {
    let json = oauth::json(answer).unwrap_or(Value::Null);
    match oauth::failed_exchange(cx.now, answer) {
        // As above: no code of its own. Both lead to "start again", which is right for either.
        Failure::Misconfigured { evidence } if oauth::token_error(&json).is_some_and(|error| error == ("invalid_request", SPENT_CODE)) => {
            Failure::StaleCode { evidence }
        }
        Failure::Unavailable { evidence } if matches!(code(&json), "client-forbidden" | "CreditsDepleted") => {
            Failure::Misconfigured { evidence }
        }
        other => other,
    }
}

/// The machine-readable word: the last part of the problem's `type` (the part before it names either of two hosts), the
/// title where there is no type, or the number of the older error list.
fn code(json: &Value) -> &str {
    let kind = oauth::text(json, "type").unwrap_or("about:blank");
    match kind.rsplit('/').next() {
        Some("about:blank" | "") | None => oauth::text(json, "title").unwrap_or_default(),
        Some(last) => last,
    }
}

fn number(json: &Value) -> i64 {
    let first = json.pointer("/errors/0/code").or_else(|| json.get("code"));
    first.and_then(Value::as_i64).unwrap_or(0)
}

/// What an answer of the API says.
pub(super) fn api(cx: &Cx<'_>, source: Source, answer: &Response<Bytes>) -> Diagnosis {
    let Some(json) = oauth::json(answer) else {
        return Diagnosis::transient(oauth::unreadable(cx.now, source, answer), wait(cx.now, answer));
    };
    let status = answer.status().as_u16();
    if answer.status().is_success() && json.get("data").is_some_and(|data| data.is_object() || data.is_array()) {
        return Diagnosis::works(oauth::evidence(cx.now, source, answer, None, ""));
    }
    // A 200 may carry problems instead of data; they are read like the one that stands alone.
    let problem = if answer.status().is_success() { json.pointer("/errors/0").unwrap_or(&json) } else { &json };
    let number = number(&json);
    let shown = if number == 0 { code(problem).to_owned() } else { number.to_string() };
    let words = ["detail", "message", "title"].into_iter().find_map(|field| oauth::text(problem, field));
    let words = words.or_else(|| json.pointer("/errors/0/message").and_then(Value::as_str)).unwrap_or_default();
    let seen: Evidence = oauth::evidence(cx.now, source, answer, Some(&shown), words);
    if status >= 500 {
        return Diagnosis::transient(seen, oauth::retry_after(answer));
    }
    let is_known = !shown.is_empty();
    match (status, code(problem), number) {
        (200 | 401 | 403, "user-suspended", _) | (401 | 403, _, 64) => Diagnosis::refused(Cause::PersonBlocked, Confidence::Certain, seen),
        // Locked until the person acts; the address to do so may come with it.
        (403, _, 326) => Diagnosis::refused(Cause::PersonBlocked, Confidence::Certain, seen),
        (403, _, _) if json.get("bounce_location").is_some() || json.pointer("/errors/0/bounce_location").is_some() => {
            Diagnosis::refused(Cause::PersonBlocked, Confidence::Certain, seen)
        }
        // The same in a problem without a type: only the words tell it from what is refused of one post.
        (401 | 403, "Unauthorized" | "Forbidden", 0) if speaks_of_account(&seen.words) => {
            Diagnosis::refused(Cause::PersonBlocked, Confidence::Likely, seen)
        }
        (403 | 429, "usage-capped", _) => Diagnosis::transient(seen, Some(wait(cx.now, answer).unwrap_or(Span::seconds(WAIT_MAX)))),
        (429, ..) | (_, "rate-limit-exceeded", _) | (_, _, 88) => Diagnosis::transient(seen, wait(cx.now, answer)),
        // Prepaid credit is gone, or the app is in no project: about our app, never about the person.
        (402, ..) | (_, "client-forbidden" | "unsupported-authentication", _) => Diagnosis::misconfigured(seen),
        (401, ..) if is_known => Diagnosis::refused(Cause::Unknown, Confidence::Guess, seen),
        _ => Diagnosis::transient(seen, oauth::retry_after(answer)),
    }
}

fn speaks_of_account(words: &str) -> bool {
    let words = words.to_ascii_lowercase();
    words.contains("account") && (words.contains("suspended") || words.contains("locked"))
}

/// What an answer to an act says: a bare 403 speaks against the token only where the scope it needs was not granted;
/// otherwise it is about this post (said before, or a reply that nobody asked for).
pub(super) fn act(cx: &Cx<'_>, answer: &Response<Bytes>, granted: &[String], needed: &str) -> Diagnosis {
    let diagnosis = api(cx, Source::Use, answer);
    let lacks = !granted.is_empty() && !granted.iter().any(|scope| scope == needed);
    let is_open = matches!(diagnosis.finding, lifecycle::diagnosis::Finding::Transient { .. });
    // A page in between says nothing, whatever scopes there are.
    if answer.status().as_u16() == 403 && is_open && lacks && oauth::json(answer).is_some() {
        return Diagnosis::refused(Cause::ScopeMissing, Confidence::Likely, diagnosis.evidence);
    }
    diagnosis
}

/// How long until the window of calls begins anew.
fn wait(now: Timestamp, answer: &Response<Bytes>) -> Option<Span> {
    let reset: Option<i64> = answer.headers().get("x-rate-limit-reset").and_then(|reset| reset.to_str().ok()?.trim().parse().ok());
    let left = reset.map(|reset| reset.saturating_sub(now.as_seconds())).filter(|left| (0..=WAIT_MAX).contains(left));
    left.map(|left| Span::seconds(left + 1)).or_else(|| oauth::retry_after(answer))
}

#[cfg(test)]
#[path = "errors_tests.rs"]
mod tests;
