//! GET /api/v1/events

use std::sync::Arc;

use axum::extract::{Query, State};
use lifecycle::permission::Act;
use serde::Deserialize;
use serde_json::{Value, json};
use store::events;

use super::{Answer, json};
use crate::auth::{self, Caller};
use crate::error::Problem;
use crate::show::{rfc3339, told};
use crate::state::App;

/// What `GET /events` takes.
#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Asked {
    pub(super) after: Option<i64>,
    pub(super) profile: Option<String>,
    limit: Option<u32>,
}

/// One event, as tools read it.
pub(super) fn shown(event: &events::Event) -> Value {
    json!({ "id": event.id, "position": event.position, "at": rfc3339(event.at), "kind": event.kind, "actor": event.actor, "profile": event.profile, "detail": told(&event.detail) })
}

/// The log: everything after a position, or the history of one profile, newest first. Users who may not see everything
/// ask by profile.
pub async fn list(State(app): State<Arc<App>>, caller: Caller, Query(asked): Query<Asked>) -> Answer {
    // Checked at the door.
    let limit = asked.limit.unwrap_or(200);
    let found = match &asked.profile {
        Some(id) => {
            let profile = auth::profile(&app, &caller, id, Act::SeeEvents).await?;
            let mut tx = app.store.read().await?;
            events::of_profile(&mut tx, &app.organisation, &profile.id, None, limit).await?
        }
        None if caller.narrowed_to(Act::SeeEvents).is_some() => {
            return Err(Problem::field("profile", "is needed: you may see the history of single profiles"));
        }
        None => {
            let mut tx = app.store.read().await?;
            events::after(&mut tx, &app.organisation, asked.after.unwrap_or(0), limit).await?
        }
    };
    let next = found.last().filter(|_| asked.profile.is_none()).map(|event| event.position);
    json(200, &json!({ "items": found.iter().map(shown).collect::<Vec<_>>(), "next_after": next }))
}
