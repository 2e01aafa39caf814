//! What the answers of AT Protocol servers say about a token (networks/bluesky.md section 5), by status and machine code.
//!
//! Servers of other makers than the reference one were not examined: what is not in these tables says nothing.

use bytes::Bytes;
use http::{Response, StatusCode};
use lifecycle::diagnosis::Diagnosis;
use lifecycle::time::{Span, Timestamp};
use lifecycle::words::{Cause, Confidence, Evidence, Source};
use serde_json::Value;

use super::resolve;
use super::session::{DID, PDS, Session};
use crate::dpop;
use crate::network::{Cx, Renewal};
use crate::oauth;

/// The longest wait that is believed.
const WAIT_MAX: i64 = 86_400;

/// A renewal that was not granted.
pub(super) fn renewal(now: Timestamp, answer: &Response<Bytes>) -> Renewal {
    if answer.status() == StatusCode::TOO_MANY_REQUESTS {
        let (_, seen) = seen(now, Source::Renewal, answer);
        return Renewal::Failed(Diagnosis::transient(seen, wait(now, answer)));
    }
    oauth::failed_renewal(now, answer, |json, seen| match oauth::text(json, "error")? {
        "invalid_grant" => {
            let (cause, confidence, more) = of_words(oauth::text(json, "error_description").unwrap_or_default());
            let words = if more.is_empty() { seen.words.clone() } else { format!("{} ({more})", seen.words) };
            Some(Diagnosis::refused(cause, confidence, Evidence { words, ..seen }))
        }
        // The server could not read our document, or our clock or proof is off: the session lives on.
        "invalid_client_metadata" | "invalid_dpop_proof" => Some(Diagnosis::misconfigured(seen)),
        _ => None,
    })
}

/// One code for a session that was ended by the person or removed with a taken down account, replayed, too old, or another client's;
/// the reference server tells them apart in words only. Other servers have other words, which say nothing.
fn of_words(description: &str) -> (Cause, Confidence, &'static str) {
    match description {
        "Session expired" | "Refresh token expired" => (Cause::Expired, Confidence::Likely, ""),
        // The client id or its key is another than the session began with: only a new login helps.
        "Token was not issued to this client" => (Cause::AppBlocked, Confidence::Likely, "the client id or its key changed"),
        "Refresh token replayed" => (Cause::Unknown, Confidence::Guess, "an answer to a renewal was lost on its way to us"),
        "DPoP proof does not match the expected JKT" => (Cause::Unknown, Confidence::Guess, "the session's key is another one"),
        _ => (Cause::Unknown, Confidence::Guess, ""),
    }
}

/// The document of an account whose server refused the session with that code: does the account live elsewhere now?
pub(super) fn after_a_move(cx: &Cx<'_>, session: &Session, refused: &str, answer: &Response<Bytes>) -> Diagnosis {
    let (did, before) = (session.get(DID), session.get(PDS));
    let document = oauth::json(answer).filter(|_| answer.status() == StatusCode::OK);
    let account = document.and_then(|json| resolve::read_document(cx, did, &json));
    let seen = |words: &str| Evidence::new(cx.now, Source::Probe, Some(401), Some(refused), words);
    match account {
        Some(account) if dpop::origin(&account.pds) != dpop::origin(before) => {
            let words = format!("the account moved to another server, from {before} to {}: log in there", account.pds);
            Diagnosis::refused(Cause::Unknown, Confidence::Likely, seen(&words))
        }
        _ => Diagnosis::refused(Cause::Unknown, Confidence::Guess, seen("the account's server does not know this session")),
    }
}

/// A call of the API that was not answered as hoped.
pub(super) fn api(now: Timestamp, source: Source, answer: &Response<Bytes>) -> Diagnosis {
    let (code, seen) = seen(now, source, answer);
    match (answer.status().as_u16(), code.as_str()) {
        // Made for saying exactly that.
        (400..=403, "AccountTakedown" | "AccountDeactivated") => Diagnosis::over(Cause::PersonBlocked, seen),
        // The access token or its session has ended: the renewal tells which. The account was deleted or moved away.
        (401, "invalid_token") | (403, "AccountNotFound") => Diagnosis::refused(Cause::Unknown, Confidence::Guess, seen),
        (403, "ScopeMissingError") => Diagnosis::refused(Cause::ScopeMissing, Confidence::Certain, seen),
        // Said of the sessions of the older kind only.
        (400 | 401, "ExpiredToken" | "InvalidToken") => Diagnosis::refused(Cause::Expired, Confidence::Guess, seen),
        (400 | 401, "invalid_dpop_proof") => Diagnosis::misconfigured(seen),
        _ => Diagnosis::transient(seen, wait(now, answer)),
    }
}

/// An answer of `com.atproto.server.getSession` for that account.
pub(super) fn session(now: Timestamp, source: Source, did: &str, answer: &Response<Bytes>) -> Diagnosis {
    let json = oauth::json(answer).filter(|json| answer.status() == StatusCode::OK && json.get("did").and_then(Value::as_str) == Some(did));
    let Some(json) = json else { return api(now, source, answer) };
    let status = oauth::text(&json, "status");
    let seen = |words: &str| oauth::evidence(now, source, answer, status, words);
    match (json.get("active").and_then(Value::as_bool), status) {
        // Older servers do not say; a session they answer for is one of an active account.
        (Some(true) | None, _) => Diagnosis::works(seen("getSession answered")),
        // The words of the specification for an account that cannot act.
        (Some(false), Some("takendown" | "suspended" | "deactivated")) => {
            Diagnosis::over(Cause::PersonBlocked, seen(&format!("the account is {}", status.unwrap_or_default())))
        }
        (Some(false), _) => Diagnosis::refused(Cause::PersonBlocked, Confidence::Likely, seen("the account is not active")),
    }
}

/// The machine code of an answer and the evidence it makes. The API says `{"error","message"}`, or names the error in its
/// challenge.
fn seen(now: Timestamp, source: Source, answer: &Response<Bytes>) -> (String, Evidence) {
    let json = oauth::json(answer).unwrap_or(Value::Null);
    let in_body = oauth::text(&json, "error");
    let Some(code) = in_body.or_else(|| dpop::challenge_error(answer)) else {
        return (String::new(), oauth::unreadable(now, source, answer));
    };
    let words = oauth::text(&json, "message").or_else(|| oauth::text(&json, "error_description")).unwrap_or_default();
    (code.to_owned(), oauth::evidence(now, source, answer, Some(code), words))
}

/// What the server asks us to wait: `Retry-After`, or the moment at which its limit starts anew (Unix seconds).
fn wait(now: Timestamp, answer: &Response<Bytes>) -> Option<Span> {
    let until_reset = || {
        let reset: i64 = answer.headers().get("ratelimit-reset")?.to_str().ok()?.trim().parse().ok()?;
        let seconds = reset.checked_sub(now.as_seconds())?;
        (answer.status() == StatusCode::TOO_MANY_REQUESTS && (0..=WAIT_MAX).contains(&seconds)).then(|| Span::seconds(seconds))
    };
    oauth::retry_after(answer).or_else(until_reset)
}
