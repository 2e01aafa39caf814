//! Whether a token lives. Introspection is LinkedIn's own word on it, and what it leaves open is asked at once: one token that is
//! over does not end a grant whose refresh token lives, and a 401 speaks of our credentials or of the member.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{Request, Response};
use lifecycle::diagnosis::{Diagnosis, Finding};
use lifecycle::secret::{Secret, TokenSet};
use lifecycle::words::{Cause, Confidence, Evidence, Source};
use serde_json::Value;

use super::{LinkedIn, list};
use crate::network::{Answer, Cx};
use crate::oauth;

/// The note of what was asked second; only while a look lasts.
const SECOND: &str = "second_look";
/// Its value where the refresh token was asked about; otherwise it is the code with which introspection was refused.
const REFRESH_TOKEN: &str = "refresh_token";
/// The word of the draft specification for a member who may not act.
const RESTRICTED: &str = "member_restricted";

pub(super) fn introspect(cx: &Cx<'_>, token: &Secret) -> Request<Bytes> {
    let form = [&oauth::client_form(cx)[..], &[("token", token.expose())]].concat();
    oauth::post_form(&LinkedIn::url(cx, "introspect"), &form)
}

/// What introspection says of a token.
enum Word {
    Active,
    Expired,
    Revoked,
    /// Inactive, and nothing more: the token of another client.
    NotOurs,
    /// Inactive in a word that is not documented.
    Inactive,
    /// Refused, with this code: our credentials, or the member.
    Refused(String),
    Nothing,
}

fn word(cx: &Cx<'_>, answer: &Response<Bytes>) -> (Word, Evidence) {
    let json = oauth::json(answer).unwrap_or(Value::Null);
    let (status, error) = (oauth::text(&json, "status"), oauth::text(&json, "error"));
    let description = oauth::text(&json, "error_description");
    let words = description.or(status).or(error).unwrap_or_default();
    let seen = oauth::evidence(cx.now, Source::Probe, answer, status.or(error), words);
    let word = match (answer.status().as_u16(), json.get("active").and_then(Value::as_bool), status) {
        (200, Some(true), _) => Word::Active,
        (200, Some(false), Some("expired")) => Word::Expired,
        (200, Some(false), Some("revoked")) => Word::Revoked,
        (200, Some(false), None) => Word::NotOurs,
        (200, Some(false), Some(_)) => Word::Inactive,
        (400 | 401, _, _) => match error {
            Some(_) if words.contains(RESTRICTED) => Word::Refused(RESTRICTED.into()),
            Some(code) => Word::Refused(code.to_owned()),
            None => Word::Nothing,
        },
        _ => Word::Nothing,
    };
    (word, seen)
}

fn ask_next(request: Request<Bytes>, second: &str) -> Answer<Diagnosis> {
    let notes = BTreeMap::from([(SECOND.to_owned(), second.to_owned())]);
    Answer::AskAgain { request: Box::new(request), notes, secrets: BTreeMap::new() }
}

/// LinkedIn does not tell a removed app from a changed password; both come as "revoked".
fn revoked(seen: Evidence, terminal: bool) -> Diagnosis {
    Diagnosis { finding: Finding::Refused { cause: Cause::RevokedByPerson, confidence: Confidence::Guess, terminal }, evidence: seen }
}

fn not_ours(mut seen: Evidence) -> Diagnosis {
    seen.words = "LinkedIn says that this token was issued to another client: was the network app's client id changed?".into();
    Diagnosis::misconfigured(seen)
}

pub(super) fn read(cx: &Cx<'_>, tokens: &TokenSet, answer: &Response<Bytes>) -> Answer<Diagnosis> {
    match tokens.notes.get(SECOND).map(String::as_str) {
        Some(REFRESH_TOKEN) => Answer::Done(of_refresh_token(cx, answer)),
        Some(code) => Answer::Done(of_member(cx, code, answer)),
        None => of_access_token(cx, tokens, answer),
    }
}

fn of_access_token(cx: &Cx<'_>, tokens: &TokenSet, answer: &Response<Bytes>) -> Answer<Diagnosis> {
    let (word, seen) = word(cx, answer);
    Answer::Done(match (word, &tokens.refresh_token) {
        (Word::Active, _) => Diagnosis::works(seen),
        // What can be renewed is renewed before anybody is called.
        (Word::Expired, Some(_)) => Diagnosis::refused(Cause::Expired, Confidence::Certain, seen),
        (Word::Expired, None) => Diagnosis::over(Cause::Expired, seen),
        (Word::Revoked, Some(refresh)) => return ask_next(introspect(cx, refresh), REFRESH_TOKEN),
        (Word::Revoked, None) => revoked(seen, true),
        (Word::NotOurs, _) => not_ours(seen),
        (Word::Inactive, _) => Diagnosis::refused(Cause::Unknown, Confidence::Guess, seen),
        // A call that needs none of our credentials tells whose fault it is.
        (Word::Refused(code), _) if answer.status() == http::StatusCode::UNAUTHORIZED => {
            return ask_next(list::who_is_it(cx, tokens), &code);
        }
        (Word::Refused(_), _) => Diagnosis::misconfigured(seen),
        (Word::Nothing, _) => Diagnosis::transient(oauth::unreadable(cx.now, Source::Probe, answer), oauth::retry_after(answer)),
    })
}

/// The access token is withdrawn; what of the refresh token?
fn of_refresh_token(cx: &Cx<'_>, answer: &Response<Bytes>) -> Diagnosis {
    let (word, mut seen) = word(cx, answer);
    match word {
        Word::Revoked => revoked(seen, true),
        Word::Expired => Diagnosis::over(Cause::Expired, seen),
        Word::NotOurs => not_ours(seen),
        // Withdrawn is the access token alone, as far as is known: the renewal tells.
        Word::Active | Word::Inactive | Word::Refused(_) | Word::Nothing => {
            seen.words = "the access token is revoked; of the refresh token LinkedIn does not say so".into();
            revoked(seen, false)
        }
    }
}

/// Introspection was refused with that code. A token that works speaks for the member and against our credentials.
fn of_member(cx: &Cx<'_>, code: &str, answer: &Response<Bytes>) -> Diagnosis {
    let json = oauth::json(answer).unwrap_or(Value::Null);
    let refused = LinkedIn::diagnose(cx, Source::Probe, answer);
    let is_shown = answer.status().is_success() && (oauth::text(&json, "sub").is_some() || oauth::text(&json, "id").is_some());
    // 403/100 is a product that is missing, for a token that is alive.
    let lives = is_shown || (answer.status() == http::StatusCode::FORBIDDEN && refused.finding == Finding::Misconfigured);
    let seen = |words: &str| Evidence::new(cx.now, Source::Probe, Some(401), Some(code), words);
    match (lives, code) {
        (true, RESTRICTED) => Diagnosis::works(seen("introspection calls the member restricted, but the token works")),
        (true, _) => Diagnosis::misconfigured(seen("introspection refuses our credentials, and the token works: check the client secret")),
        // From a draft of LinkedIn's specification: never more than likely.
        (false, RESTRICTED) if !refused.is_harmless() => {
            Diagnosis::refused(Cause::PersonBlocked, Confidence::Likely, seen("LinkedIn says that the member is restricted"))
        }
        (false, _) => refused,
    }
}
