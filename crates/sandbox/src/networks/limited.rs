//! How each network refuses what comes too often, with a minute to wait, for the mood of that name: in its own body, with its own
//! headers (section 9 of each network in the knowledge base).

use http::HeaderValue;
use serde_json::{Value, json};

use super::{graph, linkedin, moment, pinterest, tiktok, xing};
use crate::limits;
use crate::request::{Answer, json as answer};

const MICRO: i64 = 1_000_000;
/// How long is to be waited, in seconds.
const WAIT: i64 = 60;

fn with(status: u16, body: &Value, headers: &[(&'static str, String)]) -> Answer {
    let mut refused = answer(status, body);
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_str(value) {
            refused.headers_mut().insert(*name, value);
        }
    }
    refused
}

fn x(end: i64) -> Answer {
    let body = json!({ "title": "Too Many Requests", "type": "about:blank", "status": 429, "detail": "Too Many Requests" });
    let numbers =
        [("x-rate-limit-limit", "75".to_owned()), ("x-rate-limit-remaining", "0".to_owned()), ("x-rate-limit-reset", end.to_string())];
    let mut refused = with(429, &body, &numbers);
    refused.headers_mut().insert("content-type", HeaderValue::from_static("application/problem+json"));
    refused
}

fn bluesky(end: i64) -> Answer {
    let headers = [
        ("ratelimit-limit", "3000".to_owned()),
        ("ratelimit-remaining", "0".to_owned()),
        ("ratelimit-reset", end.to_string()),
        ("ratelimit-policy", "3000;w=300".to_owned()),
        ("retry-after", WAIT.to_string()),
    ];
    with(429, &json!({ "error": "RateLimitExceeded", "message": "Rate Limit Exceeded" }), &headers)
}

/// Said in a reason, and nowhere how long.
fn youtube() -> Answer {
    let words = "The request cannot be completed because you have exceeded your rate limit.";
    let errors = json!([{ "domain": "usageLimits", "reason": "rateLimitExceeded", "message": words }]);
    with(403, &json!({ "error": { "code": 403, "message": words, "errors": errors, "status": "PERMISSION_DENIED" } }), &[])
}

fn google_business() -> Answer {
    let words = "Quota exceeded for quota metric 'Requests' and limit 'Requests per minute'.";
    let metadata = json!({ "quota_limit_value": "300", "consumer": "projects/420042" });
    let detail = json!({ "@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "RATE_LIMIT_EXCEEDED", "metadata": metadata });
    with(429, &json!({ "error": { "code": 429, "message": words, "status": "RESOURCE_EXHAUSTED", "details": [detail] } }), &[])
}

fn tumblr() -> Answer {
    let headers = [
        ("x-ratelimit-perhour-limit", "1000".to_owned()),
        ("x-ratelimit-perhour-remaining", "0".to_owned()),
        ("x-ratelimit-perhour-reset", WAIT.to_string()),
    ];
    with(429, &json!({ "meta": { "status": 429, "msg": "Limit Exceeded" }, "response": [] }), &headers)
}

fn mastodon(now: i64) -> Answer {
    let headers = [
        ("x-ratelimit-limit", "300".to_owned()),
        ("x-ratelimit-remaining", "0".to_owned()),
        ("x-ratelimit-reset", moment::rfc3339(now + WAIT * MICRO)),
    ];
    with(429, &json!({ "error": "Too many requests" }), &headers)
}

fn reddit() -> Answer {
    let headers =
        [("x-ratelimit-used", "1001".to_owned()), ("x-ratelimit-remaining", "0.0".to_owned()), ("x-ratelimit-reset", WAIT.to_string())];
    with(429, &json!({ "message": "Too Many Requests", "error": 429 }), &headers)
}

fn discord(end: i64) -> Answer {
    let headers = [
        ("retry-after", WAIT.to_string()),
        ("x-ratelimit-limit", "5".to_owned()),
        ("x-ratelimit-remaining", "0".to_owned()),
        ("x-ratelimit-reset", end.to_string()),
        ("x-ratelimit-reset-after", WAIT.to_string()),
        ("x-ratelimit-bucket", "webhook".to_owned()),
        ("x-ratelimit-scope", "user".to_owned()),
    ];
    with(429, &json!({ "message": "You are being rate limited.", "retry_after": 60.0, "global": false }), &headers)
}

/// By a code, in an answer that has the status of any other error.
fn meta(network: &str) -> Answer {
    let (code, words) = match network {
        "facebook" => (32, "(#32) Page request limit reached"),
        "threads" => (4, "(#4) Application request limit reached"),
        _ => (80_002, "(#80002) There have been too many calls to this Instagram account."),
    };
    graph::error(400, code, 0, words)
}

pub(super) fn refusal(network: &str, now: i64) -> Answer {
    let end = now / MICRO + WAIT;
    match network {
        "linkedin" => linkedin::too_many(),
        "tiktok" => tiktok::too_many(now, WAIT),
        "pinterest" => pinterest::too_many(0, WAIT),
        "xing" => xing::too_many(),
        "bluesky" => bluesky(end),
        "x" => x(end),
        "youtube" => youtube(),
        "google_business" => google_business(),
        "tumblr" => tumblr(),
        "mastodon" => mastodon(now),
        "facebook" | "instagram" | "instagram_page" | "threads" => meta(network),
        "reddit" => reddit(),
        "discord" => discord(end),
        _ => limits::plain(),
    }
}
