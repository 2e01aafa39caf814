//! Permission sets: /api/v1/permission-sets

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use lifecycle::ids::{PermissionSetId, TeamId};
use lifecycle::tag::Tag;
use serde::Deserialize;
use serde_json::{Value, json};
use store::permission_sets::{self, Given, PermissionSet, Place};

use super::{Answer, Body, json};
use crate::actions::sets;
use crate::api::version::{IfMatch, versioned};
use crate::auth::Caller;
use crate::error::Problem;
use crate::state::App;

pub(super) fn shown(set: &PermissionSet) -> Value {
    json!({ "id": set.id.as_str(), "name": set.name, "permissions": set.acts.iter().map(|act| act.as_str()).collect::<Vec<_>>() })
}

/// A set that a user was given; without a team and a tag: company-wide.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    id: PermissionSetId,
    #[serde(default)]
    team_id: Option<TeamId>,
    #[serde(default)]
    tag: Option<Tag>,
}

pub(super) fn given(places: Vec<Wanted>) -> Result<Vec<Given>, Problem> {
    let one = |wanted: Wanted| match (wanted.team_id, wanted.tag) {
        (None, None) => Ok(Given { set: wanted.id, place: Place::Everywhere }),
        (Some(team), None) => Ok(Given { set: wanted.id, place: Place::Team(team) }),
        (None, Some(tag)) => Ok(Given { set: wanted.id, place: Place::Tag(tag) }),
        (Some(_), Some(_)) => Err(Problem::field("permission_sets", "names a team or a tag, not both")),
    };
    places.into_iter().map(one).collect()
}

pub(super) fn shown_given(given: &[Given]) -> Vec<Value> {
    given.iter().map(sets::shown_given).collect()
}

async fn one(app: &App, status: u16, id: &str) -> Answer {
    let set = shown(&sets::set(&mut app.store.read().await?, app, id).await?);
    versioned(status, &set, &set)
}

/// GET /api/v1/permission-sets
pub async fn list(State(app): State<Arc<App>>) -> Answer {
    let all = permission_sets::list(&mut app.store.read().await?, &app.organisation).await?;
    json(200, &json!({ "items": all.iter().map(shown).collect::<Vec<_>>() }))
}

/// What `POST /permission-sets` takes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct New {
    name: String,
    permissions: Vec<String>,
}

/// POST /api/v1/permission-sets
pub async fn create(State(app): State<Arc<App>>, caller: Caller, Body(new): Body<New>) -> Answer {
    let id = sets::create(&app, &caller, &new.name, sets::read(&new.permissions)?).await?;
    one(&app, 201, id.as_str()).await
}

/// GET /api/v1/permission-sets/{id}
pub async fn get(State(app): State<Arc<App>>, Path(id): Path<String>) -> Answer {
    one(&app, 200, &id).await
}

/// What `PATCH /permission-sets/{id}` takes; what is left out stays.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    name: Option<String>,
    permissions: Option<Vec<String>>,
}

/// PATCH /api/v1/permission-sets/{id}
pub async fn change(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    seen: IfMatch,
    Body(change): Body<Change>,
) -> Answer {
    let acts = change.permissions.as_deref().map(sets::read).transpose()?;
    sets::change(&app, &caller, &id, change.name.as_deref(), acts, |set| seen.holds(&shown(set))).await?;
    one(&app, 200, &id).await
}

/// DELETE /api/v1/permission-sets/{id}
pub async fn delete(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>, seen: IfMatch) -> Answer {
    sets::delete(&app, &caller, &id, |set| seen.holds(&shown(set))).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
