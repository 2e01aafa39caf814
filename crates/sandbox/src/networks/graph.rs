//! What the twins of Meta's networks share: the error shape, proofs by the app secret, listings in pages, and troubles that can be
//! switched on (knowledge base `facebook`, sections 2, 5, 7 and 9).

pub(super) mod codes;

use aws_lc_rs::hmac;
use http::HeaderValue;
use serde_json::{Value, json};

use super::client_secret;
use crate::request::{Answer, Incoming, json as answer};
use crate::tokens::DAY;
use crate::world::World;

/// Data are shown so long after the person last came, whatever the tokens live.
const DATA_ACCESS: i64 = 90 * DAY * 1_000_000;

pub(super) fn error(status: u16, code: i64, subcode: i64, words: &str) -> Answer {
    let mut error = json!({ "message": words, "type": "OAuthException", "code": code, "fbtrace_id": "AbCdEfGhIjK" });
    if subcode != 0 {
        error["error_subcode"] = subcode.into();
    }
    answer(status, &json!({ "error": error }))
}

/// Hex HMAC-SHA256 of the token by the app's secret.
pub(super) fn is_proven(incoming: &Incoming, network: &str, token: &str) -> bool {
    let key = hmac::Key::new(hmac::HMAC_SHA256, client_secret(network).as_bytes());
    let hex: String = hmac::sign(&key, token.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    incoming.q("appsecret_proof") == hex
}

/// A part of a list, with cursors; the address of the next part holds a token.
pub(super) fn listing(all: Vec<Value>, incoming: &Incoming, size: usize) -> Answer {
    let from: usize = incoming.q("after").strip_prefix("cursor").and_then(|at| at.parse().ok()).unwrap_or(0);
    let size = incoming.q("limit").parse().unwrap_or(size).min(size);
    let to = from.saturating_add(size).min(all.len());
    let is_more = to < all.len();
    let shown: Vec<Value> = all.into_iter().skip(from).take(size).collect();
    let mut body = json!({ "data": shown });
    if !shown.is_empty() {
        body["paging"] = json!({ "cursors": { "before": format!("cursor{from}"), "after": format!("cursor{to}") } });
    }
    if is_more {
        body["paging"]["next"] = format!("https://graph.example/next?access_token={}&after=cursor{to}", incoming.bearer()).into();
    }
    answer(200, &body)
}

/// Until when data are shown: counted from the last login of the person, in µs.
pub(super) fn data_access_until(world: &World, network: &str, username: &str) -> i64 {
    world.vault.last_login(network, username).unwrap_or(0) + DATA_ACCESS
}

/// What can be switched on at all four.
pub(super) const TROUBLES: &[&str] = &[
    "app_busy",
    "app_limit",
    "app_used_up",
    "page_limit",
    "page_used_up",
    "transient",
    "action_blocked",
    "repetitive",
    "restricted",
    "publish_limit",
    "app_blocked",
    "vague_expiry",
    "valid_without_role",
];

fn with_header(mut answer: Answer, name: &'static str, value: &'static str) -> Answer {
    answer.headers_mut().insert(name, HeaderValue::from_static(value));
    answer
}

/// The trouble that was switched on, where it is one of answers; some are about acts alone.
pub(super) fn trouble(world: &mut World, network: &'static str, is_act: bool) -> Option<Answer> {
    let name = super::trouble(world, network)?;
    let refused = match (name.as_str(), is_act) {
        ("app_limit", _) => with_header(
            error(400, 4, 0, "(#4) Application request limit reached"),
            "x-app-usage",
            r#"{"call_count":100,"total_cputime":25,"total_time":25}"#,
        ),
        ("page_limit", _) => with_header(
            error(
                400,
                if network.starts_with("instagram") { 80_002 } else { 80_001 },
                0,
                "There have been too many calls to this account.",
            ),
            "x-business-use-case-usage",
            r#"{"1":[{"type":"pages","call_count":100,"total_cputime":1,"total_time":1,"estimated_time_to_regain_access":12}]}"#,
        ),
        ("transient", _) => {
            let body =
                json!({ "message": "An unexpected error has occurred.", "type": "OAuthException", "code": 190, "is_transient": true });
            answer(500, &json!({ "error": body }))
        }
        ("app_blocked", _) => error(400, 200, 0, "API access blocked."),
        ("action_blocked", true) => error(400, 368, 0, "The action attempted has been deemed abusive or is otherwise disallowed"),
        ("repetitive", true) => error(400, 368, 1_404_082, "It looks like you were misusing this feature by going too fast."),
        ("restricted", true) if network == "threads" => error(400, 10, 4_279_013, "The profile is restricted from publishing"),
        ("restricted", true) => error(400, 25, 2_207_050, "The user account is restricted or inactive"),
        ("publish_limit", true) => error(400, 9, 2_207_042, "The user has reached the maximum number of posts in 24 hours"),
        (code, _) => codes::refusal(code)?,
    };
    super::spend_trouble(world, network);
    Some(refused)
}

/// How much the app has used up stands with good answers too, whoever asks.
pub(super) fn with_usage(world: &World, network: &'static str, answer: Answer) -> Answer {
    let usage = match super::trouble(world, network).as_deref() {
        _ if answer.headers().contains_key("x-app-usage") || !answer.status().is_success() => return answer,
        Some("app_busy") => r#"{"call_count":96,"total_cputime":25,"total_time":31}"#,
        Some("page_used_up") => {
            let of_page =
                r#"{"1":[{"type":"pages","call_count":100,"total_cputime":1,"total_time":1,"estimated_time_to_regain_access":12}]}"#;
            return with_header(answer, "x-business-use-case-usage", of_page);
        }
        Some("app_used_up") => r#"{"call_count":100,"total_cputime":25,"total_time":31}"#,
        _ => r#"{"call_count":3,"total_cputime":1,"total_time":2}"#,
    };
    with_header(answer, "x-app-usage", usage)
}

/// The end of a life, told by a subcode or in a word that says nothing.
pub(super) fn expired(world: &World, network: &str) -> i64 {
    if super::trouble(world, network).as_deref() == Some("vague_expiry") { 0 } else { 463 }
}
