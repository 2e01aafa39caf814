//! What the user who asks wants to be told: /api/v1/me/notifications. An API key asks for the user who made it.

use std::sync::Arc;

use axum::extract::State;
use lifecycle::permission::Actor;
use serde::Deserialize;
use serde_json::json;
use store::users::User;
use store::{api_keys, users};

use super::{Answer, Body, json};
use crate::actions::company;
use crate::auth::Caller;
use crate::error::Problem;
use crate::state::App;

async fn me(app: &App, caller: &Caller) -> Result<User, Problem> {
    if let Some(user) = &caller.user {
        return company::user(app, user.id.as_str()).await;
    }
    let nobody = || Problem::forbidden("This API key was not made by a user: it has no notifications of its own.");
    let Actor::ApiKey { id, .. } = &caller.actor else { return Err(nobody()) };
    let mut tx = app.store.read().await?;
    let maker = api_keys::by_id(&mut tx, &app.organisation, id).await?.and_then(|key| key.created_by);
    drop(tx);
    company::user(app, &maker.unwrap_or_default()).await.map_err(|_| nobody())
}

fn shown(user: &User) -> serde_json::Value {
    json!({ "user_id": user.id.as_str(), "email": user.email, "no_access_tokens": user.notify_no_access, "renew_soon": user.notify_renew_soon, "new_profiles": user.notify_new_profiles })
}

/// GET /api/v1/me/notifications
pub async fn notifications(State(app): State<Arc<App>>, caller: Caller) -> Answer {
    json(200, &shown(&me(&app, &caller).await?))
}

/// What `PATCH /me/notifications` takes; what is left out stays.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    no_access_tokens: Option<bool>,
    renew_soon: Option<bool>,
    new_profiles: Option<bool>,
}

/// PATCH /api/v1/me/notifications
pub async fn change(State(app): State<Arc<App>>, caller: Caller, Body(change): Body<Change>) -> Answer {
    let user = me(&app, &caller).await?;
    let mut tx = app.store.write().await?;
    let no_access = change.no_access_tokens.unwrap_or(user.notify_no_access);
    let renew_soon = change.renew_soon.unwrap_or(user.notify_renew_soon);
    users::set_notifications(&mut tx, &user.id, no_access, renew_soon).await?;
    users::set_notify_new_profiles(&mut tx, &user.id, change.new_profiles.unwrap_or(user.notify_new_profiles)).await?;
    tx.commit().await?;
    json(200, &shown(&me(&app, &caller).await?))
}
