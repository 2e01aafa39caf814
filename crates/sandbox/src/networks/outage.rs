//! How each network answers while it is down, for the mood of that name: in its own body where its documentation or its published
//! description has one, plainly otherwise. Never with a word about the token.

use http::HeaderValue;
use serde_json::json;

use super::{graph, meta};
use crate::request::{Answer, html, json as answer};

/// What no documentation describes: the words of whatever stands before the network.
fn plain() -> Answer {
    answer(503, &json!({ "message": "Service Unavailable" }))
}

/// A page for people, as networks show it that are named for it in the knowledge base (X, Reddit, XING).
fn page() -> Answer {
    html(503, "<html><head><title>503 Service Unavailable</title></head><body><h1>Over capacity</h1></body></html>".into())
}

/// Either field may be missing from what LinkedIn answers; no code of its own is documented for this.
fn linkedin() -> Answer {
    answer(503, &json!({ "status": 503, "serviceErrorCode": 0, "message": "Service Unavailable" }))
}

/// The token endpoint speaks OAuth, with a status that is not documented; the API has its envelope.
fn tiktok(about: &str, path: &str) -> Answer {
    let log = "202611230000000000";
    match about {
        "api" if path.starts_with("/v2/") => {
            let error = json!({ "code": "internal_error", "message": "Something is wrong. Please try again later.", "log_id": log });
            answer(500, &json!({ "data": {}, "error": error }))
        }
        "api" => plain(),
        _ => {
            let words = "The server is temporarily unavailable. Please try again later.";
            answer(200, &json!({ "error": "temporarily_unavailable", "error_description": words, "log_id": log }))
        }
    }
}

fn pinterest() -> Answer {
    let words = "The endpoint has been ramped down and is currently not accepting any traffic.";
    answer(503, &json!({ "code": 4197, "message": words }))
}

fn x() -> Answer {
    let kind = "https://api.x.com/2/problems/internal-error";
    let body = json!({ "title": "Internal Error", "type": kind, "status": 503, "detail": "Something is broken on our side." });
    let mut refused = answer(503, &body);
    refused.headers_mut().insert("content-type", HeaderValue::from_static("application/problem+json"));
    refused
}

/// The older interfaces have reasons, in a list.
fn youtube() -> Answer {
    let errors = json!([{ "domain": "global", "reason": "backendError", "message": "Backend Error" }]);
    answer(503, &json!({ "error": { "code": 503, "message": "Backend Error", "errors": errors, "status": "UNAVAILABLE" } }))
}

fn google_business() -> Answer {
    let words = "The service is currently unavailable.";
    answer(503, &json!({ "error": { "code": 503, "message": words, "status": "UNAVAILABLE" } }))
}

fn tumblr() -> Answer {
    answer(503, &json!({ "meta": { "status": 503, "msg": "Service Unavailable" }, "response": [] }))
}

fn mastodon() -> Answer {
    answer(503, &json!({ "error": "There was a temporary problem serving your request, please try again" }))
}

/// By code 2, temporarily down, or 1, unknown: no status is documented for either. Where a code is exchanged first, errors have
/// another shape, and no such code.
fn of_meta(network: &str, about: &str, path: &str) -> Answer {
    let (code, words) = match about {
        "renewal" => (1, "An unknown error has occurred."),
        _ => (2, "Service temporarily unavailable"),
    };
    match network {
        "instagram" | "threads" if path == "/oauth/access_token" => plain(),
        "threads" => meta::error(&meta::THREADS, 500, code, 0, words),
        _ => graph::error(500, code, 0, words),
    }
}

pub(super) fn answer_of(network: &str, about: &str, path: &str) -> Answer {
    let is_api = about == "api";
    match network {
        "linkedin" if is_api && !path.starts_with("/oauth/") => linkedin(),
        "tiktok" => tiktok(about, path),
        "pinterest" if is_api => pinterest(),
        "xing" | "reddit" => page(),
        "x" if is_api => x(),
        "x" => page(),
        "youtube" if path.starts_with("/youtube/") || path.starts_with("/upload/") => youtube(),
        "google_business" if path.starts_with("/v1/") || path.starts_with("/v4/") => google_business(),
        "tumblr" => tumblr(),
        "mastodon" if path.starts_with("/api/") => mastodon(),
        "facebook" | "instagram" | "instagram_page" | "threads" => of_meta(network, about, path),
        _ => plain(),
    }
}
