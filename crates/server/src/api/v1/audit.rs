//! The audit: /api/v1/audit, …/verify, …/anchor, …/export

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use lifecycle::permission::Act;
use lifecycle::time::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use store::audit::{self, Anchor, Entered, Search};

use super::{Answer, json};
use crate::actions::audited;
use crate::auth::Caller;
use crate::error::Problem;
use crate::show::rfc3339;
use crate::state::App;

/// What is looked for.
#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
pub struct Asked {
    before: Option<i64>,
    profile: Option<String>,
    act: Option<String>,
    q: Option<String>,
    limit: Option<u32>,
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| text.into())
}

pub(super) fn shown(row: &Entered) -> Value {
    json!({ "position": row.position, "at": rfc3339(Timestamp::from_micros(row.at)), "actor": parsed(&row.actor), "act": row.act, "profile": row.profile_id, "grant": row.grant_id, "under": row.under, "detail": parsed(&row.detail), "hash": row.hash })
}

/// GET /api/v1/audit: newest first.
pub async fn list(State(app): State<Arc<App>>, asked: Result<Query<Asked>, axum::extract::rejection::QueryRejection>) -> Answer {
    let Query(asked) = asked.map_err(|error| Problem::field("query", &error.body_text()))?;
    let limit = asked.limit.unwrap_or(50);
    if !(1..=500).contains(&limit) {
        return Err(Problem::field("limit", "is 1 to 500"));
    }
    if asked.act.as_deref().is_some_and(|act| Act::parse(act).is_none()) {
        return Err(Problem::field("act", "is one of the words that permissions begin with, such as tokens:read"));
    }
    let search = Search { before: asked.before, profile: asked.profile, act: asked.act, q: asked.q };
    let mut tx = app.store.read().await?;
    let rows = audit::search(&mut tx, &app.organisation, &search, limit).await?;
    let next = rows.last().map(|row| row.position).filter(|position| *position > 1);
    json(200, &json!({ "items": rows.iter().map(shown).collect::<Vec<_>>(), "next_before": next }))
}

/// An anchor that was kept outside.
#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
pub struct Kept {
    anchor: Option<String>,
}

/// An anchor as it is written: `POSITION:HASH`.
pub(crate) fn anchor_of(text: &str) -> Option<Anchor> {
    let (position, hash) = text.trim().split_once(':')?;
    Some(Anchor { position: position.parse().ok()?, hash: hash.to_owned() })
}

/// GET /api/v1/audit/verify: reads every row; `anchor=POSITION:HASH` finds a tail that was cut off.
pub async fn verify(State(app): State<Arc<App>>, kept: Result<Query<Kept>, axum::extract::rejection::QueryRejection>) -> Answer {
    let Query(kept) = kept.map_err(|error| Problem::field("query", &error.body_text()))?;
    let wrong = || Problem::field("anchor", "is of the form POSITION:HASH");
    let anchors = kept.anchor.as_deref().map(|text| anchor_of(text).ok_or_else(wrong)).transpose()?;
    let mut tx = app.store.read().await?;
    let found = app.store.verify_audit(&mut tx, anchors.as_slice()).await?;
    json(
        200,
        &json!({ "whole": found.findings.is_empty(), "rows": found.rows, "findings": found.findings, "clock_went_back_at": found.clock_went_back_at, "anchor": found.anchor }),
    )
}

/// GET /api/v1/audit/anchor: the present end of the chain, to be kept elsewhere.
pub async fn anchor(State(app): State<Arc<App>>) -> Answer {
    let mut tx = app.store.read().await?;
    let anchor = audit::anchor(&mut tx).await?;
    json(200, &json!({ "position": anchor.position, "hash": anchor.hash, "at": rfc3339(app.now()) }))
}

/// GET /api/v1/audit/export and the page's download: JSON lines, oldest first. The export itself is a row, written before.
pub async fn export(State(app): State<Arc<App>>, caller: Caller) -> Response {
    match audited::export(app, &caller).await {
        Ok(lines) => {
            let kind = [
                (header::CONTENT_TYPE, "application/x-ndjson"),
                (header::CONTENT_DISPOSITION, "attachment; filename=\"audit.jsonl\""),
                (header::CACHE_CONTROL, "no-store"),
            ];
            (kind, Body::from_stream(lines)).into_response()
        }
        Err(problem) => problem.into_response(),
    }
}
