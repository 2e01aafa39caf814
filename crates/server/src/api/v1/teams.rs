//! Teams: /api/v1/teams

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use lifecycle::ids::UserId;
use serde::Deserialize;
use serde_json::{Value, json};
use store::teams::Team;

use super::{Answer, Body, json};
use crate::actions::company;
use crate::api::version::{IfMatch, versioned};
use crate::auth::Caller;
use crate::state::App;

pub(super) fn shown(team: &Team) -> Value {
    json!({ "id": team.id.as_str(), "name": team.name, "member_ids": team.members.iter().map(UserId::as_str).collect::<Vec<_>>() })
}

async fn one(app: &App, caller: &Caller, id: &str) -> Answer {
    let mut tx = app.store.read().await?;
    let team = shown(&company::team(&mut tx, app, caller, id).await?);
    versioned(200, &team, &team)
}

/// GET /api/v1/teams
pub async fn list(State(app): State<Arc<App>>, caller: Caller) -> Answer {
    let mut tx = app.store.read().await?;
    let all = company::managed_teams(&mut tx, &app, &caller).await?;
    json(200, &json!({ "items": all.iter().map(shown).collect::<Vec<_>>() }))
}

/// What `POST /teams` takes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct New {
    name: String,
    #[serde(default)]
    member_ids: Vec<UserId>,
}

/// POST /api/v1/teams
pub async fn create(State(app): State<Arc<App>>, caller: Caller, Body(new): Body<New>) -> Answer {
    let id = company::create_team(&app, &caller, &new.name, &new.member_ids).await?;
    let mut tx = app.store.read().await?;
    let team = shown(&company::team(&mut tx, &app, &caller, id.as_str()).await?);
    versioned(201, &team, &team)
}

/// GET /api/v1/teams/{id}
pub async fn get(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>) -> Answer {
    one(&app, &caller, &id).await
}

/// What `PATCH /teams/{id}` takes; what is left out stays.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    name: Option<String>,
    member_ids: Option<Vec<UserId>>,
}

/// PATCH /api/v1/teams/{id}
pub async fn change(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    seen: IfMatch,
    Body(change): Body<Change>,
) -> Answer {
    let still = |team: &Team| seen.holds(&shown(team));
    company::change_team(&app, &caller, &id, change.name.as_deref(), change.member_ids.as_deref(), still).await?;
    one(&app, &caller, &id).await
}

/// DELETE /api/v1/teams/{id}
pub async fn delete(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>, seen: IfMatch) -> Answer {
    company::delete_team(&app, &caller, &id, |team| seen.holds(&shown(team))).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
