//! Tags: /api/v1/tags

use std::sync::Arc;

use axum::extract::State;
use lifecycle::permission::Act;
use serde_json::{Value, json};
use store::tags;

use super::{Answer, json};
use crate::auth::Caller;
use crate::state::App;

/// GET /api/v1/tags: those of the profiles that the caller sees, and how many of these have each.
pub async fn list(State(app): State<Arc<App>>, caller: Caller) -> Answer {
    let mut tx = app.store.read().await?;
    let all = tags::list(&mut tx, &app.organisation, caller.narrowed_to(Act::SeeProfile).as_ref()).await?;
    let items: Vec<Value> = all.iter().map(|(tag, n)| json!({ "name": tag.as_str(), "profiles": n })).collect();
    json(200, &json!({ "items": items }))
}
