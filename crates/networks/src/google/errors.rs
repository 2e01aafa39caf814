//! Google's errors: the token endpoint's one word for many conditions, and the reasons of its APIs.

use bytes::Bytes;
use http::Response;
use lifecycle::diagnosis::{Diagnosis, Finding};
use lifecycle::time::{Span, Timestamp};
use lifecycle::words::{Cause, Confidence, Source};
use serde_json::Value;

use super::{History, TESTING_LIFE};
use crate::network::{Cx, Failure, Renewal};
use crate::{moment, oauth};

/// An unused refresh token dies after six months (option `idle_days`).
const IDLE_DAYS: i64 = 183;

/// A renewal's answer that is no success.
pub(super) fn renewal(cx: &Cx<'_>, history: &History, answer: &Response<Bytes>) -> Renewal {
    oauth::failed_renewal(cx.now, answer, |json, seen| match oauth::text(json, "error")? {
        "invalid_grant" => {
            let (cause, confidence) = cause(cx, history, json);
            Some(Diagnosis::refused(cause, confidence, seen))
        }
        // The organisation's administrator took the service away.
        "admin_policy_enforced" => Some(Diagnosis::refused(Cause::PermissionLost, Confidence::Likely, seen)),
        // The second is unconfirmed.
        "org_internal" | "deleted_client" | "disabled_client" => Some(Diagnosis::misconfigured(seen)),
        _ => None,
    })
}

/// Why a refresh token is refused. Google says the same of a removed app, an unused token, the oldest of a hundred and one,
/// and one of an app in Testing or of a consent for a limited time: what we know ourselves tells them apart, where it can.
fn cause(cx: &Cx<'_>, history: &History, json: &Value) -> (Cause, Confidence) {
    let is_past = |from: Option<Timestamp>, life: Span| from.is_some_and(|from| cx.now.since(from) >= life);
    let idle = cx.app.options.get("idle_days").and_then(|days| days.parse().ok()).unwrap_or(IDLE_DAYS);
    let words = oauth::text(json, "error_description").unwrap_or_default();
    let is_over = history.is_testing && is_past(history.authorized_at, TESTING_LIFE - Span::hours(12))
        // The time that the person allowed it for, as the answers said.
        || history.allowed_until.is_some_and(|until| until <= cx.now);
    let is_idle = is_past(history.renewed_at.or(history.authorized_at), Span::days(idle));
    if oauth::text(json, "error_subtype") == Some("invalid_rapt") {
        // Session control of the organisation.
        (Cause::Expired, Confidence::Certain)
    } else if is_over || is_idle {
        (Cause::Expired, Confidence::Likely)
    } else if words == "Account has been deleted" {
        // (unconfirmed) That it is refused is said by the code; this colours the cause only.
        (Cause::PersonBlocked, Confidence::Guess)
    } else {
        (Cause::RevokedByPerson, Confidence::Guess)
    }
}

/// An exchange's answer that is no success.
pub(super) fn exchange(cx: &Cx<'_>, answer: &Response<Bytes>) -> Failure {
    let json = oauth::json(answer).unwrap_or(Value::Null);
    match oauth::failed_exchange(cx.now, answer) {
        Failure::Misconfigured { evidence } if oauth::text(&json, "error") == Some("admin_policy_enforced") => {
            Failure::Refused { cause: Cause::PermissionLost, evidence }
        }
        other => other,
    }
}

/// Reason, status and the words of an error, most telling first.
struct Told<'a> {
    reason: &'a str,
    status: &'a str,
    words: &'a str,
    quota: &'a str,
}

impl<'a> Told<'a> {
    fn read(json: &'a Value) -> Option<Self> {
        let error = json.get("error")?;
        // The identity endpoint answers in the form of RFC 6750.
        if let Some(code) = error.as_str() {
            return Some(Self { reason: code, status: "", words: oauth::text(json, "error_description").unwrap_or(code), quota: "" });
        }
        let error = error.as_object().map(|_| error)?;
        let first = error.pointer("/errors/0/reason").and_then(Value::as_str);
        let details = error.get("details").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let detail = details.iter().find(|detail| oauth::text(detail, "reason").is_some());
        Some(Self {
            reason: first.or_else(|| oauth::text(detail?, "reason")).unwrap_or_default(),
            status: oauth::text(error, "status").unwrap_or_default(),
            words: oauth::text(error, "message").unwrap_or_default(),
            quota: detail.and_then(|detail| detail.pointer("/metadata/quota_limit_value")?.as_str()).unwrap_or_default(),
        })
    }

    fn detail_reason(json: &'a Value) -> &'a str {
        let details = json.pointer("/error/details").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        details.iter().find_map(|detail| oauth::text(detail, "reason")).unwrap_or_default()
    }
}

/// What an answer of an API says.
pub(crate) fn api(cx: &Cx<'_>, source: Source, answer: &Response<Bytes>) -> Diagnosis {
    let json = oauth::json(answer).unwrap_or(Value::Null);
    if answer.status().is_success() && json.is_object() && json.get("error").is_none() {
        return Diagnosis::works(oauth::evidence(cx.now, source, answer, None, ""));
    }
    let wait = oauth::retry_after(answer);
    let Some(told) = Told::read(&json) else {
        return Diagnosis::transient(oauth::unreadable(cx.now, source, answer), wait);
    };
    let code = if told.reason.is_empty() { told.status } else { told.reason };
    let seen = oauth::evidence(cx.now, source, answer, Some(code), told.words);
    let refused = |cause, confidence| Diagnosis::refused(cause, confidence, seen.clone());
    let status = answer.status().as_u16();
    if status >= 500 {
        return Diagnosis::transient(seen, wait);
    }
    match (status, told.reason) {
        (401 | 403, "youtubeSignupRequired") => refused(Cause::PermissionLost, Confidence::Certain),
        // The older name of the reason comes first in the answer, the newer one among the details.
        (403, "insufficientPermissions" | "ACCESS_TOKEN_SCOPE_INSUFFICIENT" | "insufficient_scope") => {
            refused(Cause::ScopeMissing, Confidence::Certain)
        }
        (403, _) if Told::detail_reason(&json) == "ACCESS_TOKEN_SCOPE_INSUFFICIENT" => refused(Cause::ScopeMissing, Confidence::Certain),
        (401 | 403, "authenticatedUserAccountSuspended" | "authenticatedUserAccountClosed" | "channelSuspended" | "channelClosed") => {
            refused(Cause::PersonBlocked, Confidence::Certain)
        }
        (401 | 403, "accountDelegationForbidden" | "authenticatedUserNotChannel") => refused(Cause::PermissionLost, Confidence::Likely),
        (403, "quotaExceeded" | "dailyLimitExceeded") => Diagnosis::transient(seen, Some(next_midnight_pacific(cx.now).since(cx.now))),
        (403 | 429, "rateLimitExceeded" | "userRateLimitExceeded") => Diagnosis::transient(seen, wait),
        (400 | 403, "uploadLimitExceeded") => Diagnosis::transient(seen, Some(Span::hours(24))),
        // The API is not switched on in our project.
        (403, "accessNotConfigured" | "SERVICE_DISABLED" | "CONSUMER_INVALID" | "CONSUMER_SUSPENDED" | "USER_PROJECT_DENIED") => {
            Diagnosis::misconfigured(seen)
        }
        (403, _) if Told::detail_reason(&json) == "SERVICE_DISABLED" => Diagnosis::misconfigured(seen),
        (403, "commentsDisabled") => Diagnosis::transient(seen, None),
        // A project that was not approved has a quota of none (how the limit is written is unconfirmed): waiting is no help.
        (429, _) if told.quota == "0" => Diagnosis::misconfigured(seen),
        (429, _) => Diagnosis::transient(seen, wait),
        // authError, authorizationRequired, UNAUTHENTICATED: renewing decides.
        (401, _) if !code.is_empty() => refused(Cause::Unknown, Confidence::Guess),
        (403, "forbidden") => refused(Cause::PermissionLost, Confidence::Guess),
        // Without a reason, of one location that is acted as: the role there is lost. With one that is not known it may speak of
        // our project as well, and of a list it says nothing about the person.
        (403, "") if told.status == "PERMISSION_DENIED" && source == Source::Use => refused(Cause::PermissionLost, Confidence::Likely),
        _ => Diagnosis::transient(seen, wait),
    }
}

/// What an answer to an act says; a success that cannot be read proves nothing.
pub(crate) fn act(cx: &Cx<'_>, answer: &Response<Bytes>) -> Diagnosis {
    let diagnosis = api(cx, Source::Use, answer);
    if diagnosis.finding == Finding::Works { Diagnosis::transient(diagnosis.evidence, None) } else { diagnosis }
}

/// Daily quotas begin anew at midnight in California.
pub(super) fn next_midnight_pacific(now: Timestamp) -> Timestamp {
    let seconds = now.as_seconds();
    let standard = 8 * 3600;
    let offset = if is_summer_in_california(seconds) { standard - 3600 } else { standard };
    let local = seconds - offset;
    let next = (local.div_euclid(86_400) + 1) * 86_400;
    // The night in which the clocks change is an hour longer or shorter.
    let offset = if is_summer_in_california(next + offset) { standard - 3600 } else { standard };
    Timestamp::from_seconds(next + offset)
}

/// Summer time: from the second Sunday of March, 2:00, to the first Sunday of November, 2:00.
fn is_summer_in_california(seconds: i64) -> bool {
    let day = seconds.div_euclid(86_400);
    let mut year = 1970 + day.div_euclid(366);
    while moment::days(year + 1, 1, 1) <= day {
        year += 1;
    }
    // 1970 began on a Thursday.
    let first_sunday = |month| {
        let first = moment::days(year, month, 1);
        first + (7 - (first + 4).rem_euclid(7)).rem_euclid(7)
    };
    let begins = (first_sunday(3) + 7) * 86_400 + 10 * 3600;
    let ends = first_sunday(11) * 86_400 + 9 * 3600;
    (begins..ends).contains(&seconds)
}
