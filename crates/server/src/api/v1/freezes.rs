//! The emergency brake: /api/v1/freezes

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use lifecycle::permission::{Frozen, NotFreezable};
use serde::Deserialize;
use serde_json::{Value, json};
use store::freezes;

use super::{Answer, Body, json};
use crate::actions::freeze::{self, Cut, Named};
use crate::auth::Caller;
use crate::error::Problem;
use crate::show::rfc3339;
use crate::state::App;

/// How many are listed; those in force come first.
pub(super) const LIST_MAX: u32 = 500;

pub(super) fn shown(one: &freezes::Freeze) -> Value {
    json!({ "id": one.id.as_str(), "target": one.target.to_string(), "reason": one.reason, "by": one.by, "at": rfc3339(one.at), "thawed_at": one.thawed_at.map(rfc3339) })
}

/// GET /api/v1/freezes
pub async fn list(State(app): State<Arc<App>>) -> Answer {
    let mut tx = app.store.read().await?;
    let all = freezes::list(&mut tx, &app.organisation, LIST_MAX).await?;
    json(200, &json!({ "items": all.iter().map(shown).collect::<Vec<Value>>() }))
}

/// What to freeze.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewFreeze {
    target: String,
    #[serde(default)]
    reason: String,
}

/// POST /api/v1/freezes; the answer is the receipt.
pub async fn set(State(app): State<Arc<App>>, caller: Caller, Body(body): Body<NewFreeze>) -> Answer {
    let target: Frozen = body.target.parse().map_err(|error: NotFreezable| Problem::field("target", &error.to_string()))?;
    let receipt = freeze::freeze(&app, &caller, target, &body.reason).await?;
    let named = |keys: &[Named]| keys.iter().map(|key| json!({ "id": key.id.as_str(), "name": key.name })).collect::<Vec<Value>>();
    let Cut { profiles, keys, still_working } = &receipt.cut;
    let names: Vec<&str> = keys.iter().map(|key| key.name.as_str()).collect();
    let cut = json!({ "profiles": profiles, "api_keys": names, "keys": named(keys), "still_working": named(still_working) });
    json(201, &json!({ "id": receipt.id.as_str(), "target": receipt.target.to_string(), "at": rfc3339(receipt.at), "cut": cut }))
}

/// DELETE /api/v1/freezes/{id}: thaws.
pub async fn thaw(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>) -> Answer {
    freeze::thaw(&app, &caller, &id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
