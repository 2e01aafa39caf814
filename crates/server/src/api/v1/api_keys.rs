//! API keys and what they may: /api/v1/api-keys, /api/v1/permissions/check

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use lifecycle::moment;
use lifecycle::permission::{Act, Permission};
use serde::Deserialize;
use serde_json::{Value, json};
use store::api_keys::{self, ApiKey};

use super::{Answer, Body, json};
use crate::actions::{keys, may};
use crate::auth::{self, Caller};
use crate::error::Problem;
use crate::show::rfc3339;
use crate::state::App;

pub(super) fn shown(key: &ApiKey) -> Value {
    json!({
        "id": key.id.as_str(),
        "name": key.name,
        "permissions": key.permissions.iter().map(Permission::to_string).collect::<Vec<_>>(),
        "created_by": key.created_by,
        "created_at": rfc3339(key.created_at),
        "expires_at": key.expires_at.map(rfc3339),
        "used_at": key.used_at.map(rfc3339),
        "revoked_at": key.revoked_at.map(rfc3339),
    })
}

async fn load(app: &App, id: &str) -> Result<ApiKey, Problem> {
    let id = id.parse().map_err(|_| Problem::not_found())?;
    let mut tx = app.store.read().await?;
    api_keys::by_id(&mut tx, &app.organisation, &id).await?.ok_or_else(Problem::not_found)
}

/// GET /api/v1/api-keys
pub async fn list(State(app): State<Arc<App>>) -> Answer {
    let mut tx = app.store.read().await?;
    let all = api_keys::list(&mut tx, &app.organisation).await?;
    json(200, &json!({ "items": all.iter().map(shown).collect::<Vec<_>>() }))
}

/// GET /api/v1/api-keys/{id}
pub async fn get(State(app): State<Arc<App>>, Path(id): Path<String>) -> Answer {
    json(200, &shown(&load(&app, &id).await?))
}

/// A key to make.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewKey {
    name: String,
    permissions: Vec<String>,
    #[serde(default)]
    expires_at: Option<String>,
}

/// POST /api/v1/api-keys. The key itself is told this once.
pub async fn create(State(app): State<Arc<App>>, caller: Caller, Body(body): Body<NewKey>) -> Answer {
    let ends = body
        .expires_at
        .as_deref()
        .map(|at| moment::rfc3339(at).ok_or_else(|| Problem::field("expires_at", "is written as 2027-01-01T00:00:00Z")));
    let permissions = keys::read(&body.permissions)?;
    let (id, secret) = keys::create(&app, &caller, &body.name, &permissions, ends.transpose()?).await?;
    let mut answer = shown(&load(&app, id.as_str()).await?);
    answer["api_key"] = secret.expose().into();
    json(201, &answer)
}

/// DELETE /api/v1/api-keys/{id}: revokes it, effective at the next request.
pub async fn revoke(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>) -> Answer {
    keys::revoke(&app, &caller, &id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// What would be done.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    permission: String,
    #[serde(default)]
    api_key: Option<String>,
    #[serde(default)]
    profile: Option<String>,
    #[serde(default)]
    method: Option<String>,
    #[serde(default)]
    path: Option<String>,
}

/// POST /api/v1/permissions/check: whether it may be done, and why not. About the caller, or about a key by its id, for those who
/// manage keys. Nothing is done.
pub async fn check(State(app): State<Arc<App>>, caller: Caller, Body(body): Body<Check>) -> Answer {
    let words: Vec<_> = Act::ALL.iter().map(|act| act.as_str()).collect();
    let act = Act::parse(&body.permission).ok_or_else(|| Problem::field("permission", &format!("is one of {}", words.join(", "))))?;
    let actor = match &body.api_key {
        Some(_) if !caller.may(Act::ManageApiKeys) => return Err(Problem::forbidden("asking about another key needs api_keys:manage")),
        Some(id) => may::actor_of(load(&app, id).await?),
        None => caller.actor.clone(),
    };
    let profile = match &body.profile {
        Some(id) => Some(auth::profile(&app, &caller, id, Act::SeeProfile).await?),
        None => None,
    };
    let call = match (act, body.method.as_deref(), body.path.as_deref()) {
        (Act::CallApi, Some(method), Some(path)) => Some((method, path)),
        (Act::CallApi, None, None) => None,
        (Act::CallApi, ..) => return Err(Problem::field("path", "method and path go together")),
        (_, None, None) => None,
        _ => return Err(Problem::field("method", "method and path are for api:call only")),
    };
    let verdict = may::may(&app, &actor, &may::Asked { act, profile: profile.as_ref(), call }).await?;
    let under = verdict.under();
    json(
        200,
        &json!({
            "allowed": verdict.is_yes(),
            "reason": verdict.reason(),
            "words": verdict.words(),
            "given_by": verdict.given_by,
            "under": under.map(ToString::to_string),
            "rate": under.and_then(|under| under.rate).map(|rate| json!({ "count": rate.count, "seconds": rate.per.as_seconds() })),
            "needs_approval_by": under.and_then(|under| under.approval.as_ref()).map(lifecycle::ids::UserId::as_str),
        }),
    )
}
