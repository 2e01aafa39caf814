//! Every documented answer of every network, and what it is read as: one table per network in `fixtures/`.
//!
//! ```text
//! # What follows, and where it is from.
//! + www-authenticate: Bearer error="invalid_token"
//! probe 401 {"message":"Unauthorized"} => refused unknown guess
//! ```
//!
//! A line is the call, the status, the body to the end, and the reading; lines with a plus before it are its headers. The calls and
//! the readings stand in `given.rs`.

use std::path::Path;

use bytes::Bytes;
use http::Response;
use serde_json::{Value, json};

use crate::given::Given;

struct Row {
    line: usize,
    call: String,
    answer: Response<Bytes>,
    reading: String,
}

fn rows(file: &Path) -> Vec<Row> {
    let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let (mut rows, mut headers) = (vec![], vec![]);
    for (line, row) in text.lines().enumerate().map(|(n, row)| (n + 1, row.trim())) {
        if let Some(header) = row.strip_prefix("+ ") {
            headers.push(header.split_once(": ").unwrap_or_else(|| panic!("{}:{line}: no header", file.display())));
            continue;
        }
        if row.is_empty() || row.starts_with('#') {
            continue;
        }
        let read = || -> Option<Row> {
            let (asked, reading) = row.rsplit_once(" => ")?;
            let mut parts = asked.splitn(3, ' ');
            let (call, status, body) = (parts.next()?, parts.next()?, parts.next().unwrap_or_default());
            let kind = if body.starts_with('{') || body.starts_with('[') { "application/json" } else { "text/html" };
            let mut answer = Response::builder().status(status.parse::<u16>().ok()?).header("content-type", kind);
            for (name, value) in &headers {
                answer = answer.header(*name, *value);
            }
            let answer = answer.body(Bytes::copy_from_slice(body.as_bytes())).ok()?;
            Some(Row { line, call: call.to_owned(), answer, reading: reading.to_owned() })
        };
        rows.push(read().unwrap_or_else(|| panic!("{}:{line}: not of the form \"call status body => reading\"", file.display())));
        headers.clear();
    }
    rows
}

/// Every network that has a table, with what stands in it.
fn tables() -> Vec<(Given, Vec<Row>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let mut tables = vec![];
    for network in networks::ALL.iter().copied() {
        let name = network.about().name;
        let file = folder.join(format!("{name}.txt"));
        assert!(file.exists(), "{name}: write the table of its answers into {}", file.display());
        tables.push((Given::at(network), rows(&file)));
    }
    tables
}

#[tokio::test]
async fn every_documented_answer_is_read_as_it_is_meant() {
    let mut wrong = vec![];
    for (given, rows) in tables() {
        let name = given.network.about().name;
        assert!(rows.len() >= 10, "{name}: only {} answers", rows.len());
        for row in rows {
            let reading = given.read(&row.call, &row.answer).await;
            if reading != row.reading {
                wrong.push(format!("{name}.txt:{}: {} is read as {reading}, not {}", row.line, row.call, row.reading));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

fn with_body(row: &Row, body: Vec<u8>) -> Response<Bytes> {
    let mut answer = row.answer.clone();
    // The challenge of a refusal would say it all by itself.
    answer.headers_mut().remove("www-authenticate");
    *answer.body_mut() = body.into();
    answer
}

/// What arrives broken: cut, too large, in another encoding, nested without end.
fn broken(row: &Row) -> Vec<(&'static str, Vec<u8>)> {
    let body = row.answer.body();
    let text = String::from_utf8_lossy(body);
    let mut broken: Vec<(&str, Vec<u8>)> = (0..8).map(|eighth| ("cut", body[..body.len() * eighth / 8].to_vec())).collect();
    let huge = format!("{}{}", &text[..1], " ".repeat(networks::oauth::ANSWER_MAX));
    broken.push(("too large", [huge.as_bytes(), &body[1..]].concat()));
    broken.push(("in UTF-16", text.encode_utf16().flat_map(u16::to_le_bytes).collect()));
    // A letter of Latin-1 in a text.
    let quote = body.iter().position(|byte| *byte == b'"').unwrap_or(0) + 1;
    broken.push(("in Latin-1", [&body[..quote], b"\xfc", &body[quote..]].concat()));
    broken.push(("too deep", format!("{}{text}{}", "{\"a\":".repeat(200), "}".repeat(200)).into_bytes()));
    broken
}

/// What was documented and arrives broken is trouble, never a refusal and never a success (RF-30, NT-30).
#[tokio::test]
async fn a_refusal_that_arrives_broken_is_none() {
    let mut seen = 0;
    for (given, rows) in tables() {
        // Some answers have no body to break.
        for row in rows.iter().filter(|row| row.call != "revoke" && row.answer.body().starts_with(b"{")) {
            // Lists of boards and comments may be large: the wire bounds them.
            let is_bounded = matches!(row.call.trim_end_matches("_aside"), "probe" | "renew" | "exchange");
            for (how, body) in broken(row).into_iter().filter(|(how, _)| is_bounded || *how != "too large") {
                let reading = given.read(&row.call, &with_body(row, body)).await;
                let at = format!("{}.txt:{}, {how}", given.network.about().name, row.line);
                let taken = ["works", "renewed", "issued", "listed", "done", "read", "read in part"];
                assert!(!reading.starts_with("refused") && !taken.contains(&reading.as_str()), "{at}: {reading}");
                seen += 1;
            }
        }
    }
    assert!(seen > 1_000, "only {seen}");
}

/// The same with every value of another kind than it should be.
fn twisted(value: &Value) -> Value {
    match value {
        Value::Null => json!({}),
        Value::Bool(yes) => json!(yes.to_string()),
        Value::Number(number) => json!([number]),
        Value::String(text) => json!({ text: 1 }),
        Value::Array(items) => items.first().map_or(Value::Null, twisted),
        Value::Object(fields) => {
            json!(fields.iter().map(|(name, value)| (name.clone(), twisted(value))).collect::<serde_json::Map<_, _>>())
        }
    }
}

/// Values of the wrong kind crash nothing, prove nothing, and end nothing for good, whatever was called.
#[tokio::test]
async fn values_of_the_wrong_kind_prove_nothing() {
    for (given, rows) in tables() {
        for row in &rows {
            let Ok(value) = serde_json::from_slice::<Value>(row.answer.body()) else { continue };
            let reading = given.read(&row.call, &with_body(row, twisted(&value).to_string().into_bytes())).await;
            let at = format!("{}.txt:{}", given.network.about().name, row.line);
            assert!(!reading.contains("terminal") && !reading.contains("certain"), "{at}: {reading}");
            assert!(!["works", "renewed", "issued", "listed"].contains(&reading.as_str()), "{at}: {reading}");
        }
    }
}
