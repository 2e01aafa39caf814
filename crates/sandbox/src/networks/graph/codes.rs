//! Every code and subcode that the error tables of Meta's networks name, so that each can be answered with (knowledge base `facebook`,
//! sections 5 and 8, `instagram` 5 and 8, `threads` 5): `CODE` or `CODE/SUBCODE`; a subcode without a code begins with the slash.

use serde_json::json;

use super::error;
use crate::request::{Answer, json as answer};

/// What every call may be refused with. The subcodes of dead tokens also come under 102, and alone.
const OF_TOKENS: &[&str] = &[
    "190", "190/452", "190/456", "190/457", "190/458", "190/459", "190/460", "190/461", "190/462", "190/463", "190/464", "190/465",
    "190/466", "190/467", "190/468", "190/490", "190/492", "102", "102/452", "102/456", "102/457", "102/458", "102/459", "102/460",
    "102/461", "102/462", "102/463", "102/464", "102/465", "102/466", "102/467", "102/468", "102/490", "102/492", "/452", "/456", "/457",
    "/458", "/459", "/460", "/461", "/462", "/463", "/464", "/465", "/466", "/467", "/468", "/490", "/492",
];
const OF_CALLS: &[&str] = &[
    "1",
    "2",
    "3",
    "4",
    "10",
    "17",
    "32",
    "100",
    "100/33",
    "100/36007",
    "100/36008",
    "100/36009",
    "101",
    "104",
    "200",
    "210",
    "299",
    "341",
    "368",
    "368/4854002",
    "368/1404082",
    "506",
    "613",
    "1705",
    "1609005",
    "80001",
    "80002",
];
/// What publishing at Facebook may be refused with beside these.
const OF_PAGES: &[&str] = &[
    "100/1366046",
    "100/1390008",
    "100/1346003",
    "100/1404102",
    "368/1404006",
    "368/1404078",
    "368/1404112",
    "100/1363047",
    "100/1609010",
    "100/1366051",
    "100/1609008",
    "100/2061006",
    "100/1349125",
];
/// What publishing at Instagram may be refused with beside these.
const OF_MEDIA: &[&str] = &[
    "25/2207050",
    "4/2207051",
    "9/2207042",
    "-1/2207001",
    "-1/2207053",
    "-2/2207003",
    "36000/2207004",
    "24/2207006",
    "24/2207008",
    "36003/2207009",
    "36004/2207010",
    "24/2207020",
    "352/2207023",
    "352/2207026",
    "100/2207028",
    "100/2207032",
    "9004/2207052",
    "100/2207057",
    "36001",
    "36003",
];
const OF_THREADS: &[&str] = &["10/4279013", "4/2207051", "1349026", "4476002"];

/// The codes that a network is documented to answer with.
pub(in crate::networks) fn of(network: &str) -> Vec<&'static str> {
    let own: &[&[&str]] = match network {
        "facebook" => &[OF_PAGES],
        "instagram" | "instagram_page" => &[OF_MEDIA],
        "threads" => &[OF_THREADS],
        _ => return vec![],
    };
    [OF_TOKENS, OF_CALLS].iter().chain(own).flat_map(|codes| codes.iter().copied()).collect()
}

/// A refusal by such a code; `None` where the text is none.
pub(super) fn refusal(text: &str) -> Option<Answer> {
    let (code, subcode) = text.split_once('/').unwrap_or((text, "0"));
    let code = if code.is_empty() { None } else { Some(code.parse::<i64>().ok()?) };
    let subcode = subcode.parse().ok()?;
    // Threads' own shape, where it does not know the app.
    if let Some(unknown @ (1_349_026 | 4_476_002)) = code {
        let words = "No application data was given. Please check the client_id parameter.";
        return Some(answer(400, &json!({ "error_message": words, "error_code": unknown })));
    }
    let status = match code {
        Some(10 | 200..=299) => 403,
        Some(1 | 2) => 500,
        _ => 400,
    };
    let mut said = error(status, code.unwrap_or(0), subcode, "(#0) A refusal as the sandbox was told to give it.");
    if code.is_none() {
        let mut body: serde_json::Value = serde_json::from_slice(said.body()).unwrap_or_default();
        if let Some(error) = body["error"].as_object_mut() {
            error.remove("code");
        }
        *said.body_mut() = bytes::Bytes::from(body.to_string());
    }
    Some(said)
}
