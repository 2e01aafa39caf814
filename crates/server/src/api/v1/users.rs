//! Users: /api/v1/users

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use lifecycle::permission::Role;
use serde::Deserialize;
use serde_json::{Value, json};
use store::permission_sets::{self as sets, Given};
use store::users::{self, User};

use super::permission_sets::{Wanted, given, shown_given};
use super::{Answer, Body, json};
use crate::actions::company::{self, Becomes, Invited, Member};
use crate::actions::second_factor;
use crate::api::version::{IfMatch, versioned};
use crate::auth::Caller;
use crate::error::Problem;
use crate::i18n::Lang;
use crate::show::rfc3339;
use crate::state::App;

fn of(member: &Member) -> Value {
    shown(&member.user, &member.given)
}

pub(super) fn shown(user: &User, given: &[Given]) -> Value {
    let state = match user {
        User { disabled_at: Some(_), .. } => "disabled",
        User { password_hash: None, .. } => "invited",
        _ => "active",
    };
    json!({
        "id": user.id.as_str(),
        "email": user.email,
        "name": user.name,
        "role": user.role,
        "permission_sets": shown_given(given),
        "state": state,
        "language": user.language,
        "time_zone": user.time_zone,
        "start_page": user.start_page,
        "second_factor": user.second_factor_at.is_some(),
        "disabled_at": user.disabled_at.map(rfc3339),
        "notifications": { "no_access_tokens": user.notify_no_access, "renew_soon": user.notify_renew_soon },
    })
}

fn role(word: &str) -> Result<Role, Problem> {
    Role::parse(word).ok_or_else(|| Problem::field("role", "is company_admin, standard_user or viewer"))
}

/// GET /api/v1/users
pub async fn list(State(app): State<Arc<App>>) -> Answer {
    let mut tx = app.store.read().await?;
    let all = users::list(&mut tx, &app.organisation).await?;
    let given = sets::given(&mut tx, &app.organisation).await?;
    let items: Vec<Value> = all.iter().map(|user| shown(user, given.get(&user.id).map_or(&[], Vec::as_slice))).collect();
    json(200, &json!({ "items": items }))
}

/// What `POST /users` takes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct New {
    email: String,
    #[serde(default)]
    name: String,
    role: Option<String>,
    #[serde(default)]
    permission_sets: Vec<Wanted>,
    language: Option<String>,
    time_zone: Option<String>,
}

/// POST /api/v1/users: invites; the link goes by mail and stands in the answer, this once.
pub async fn invite(State(app): State<Arc<App>>, caller: Caller, Body(new): Body<New>) -> Answer {
    let role = new.role.as_deref().map_or(Ok(Role::StandardUser), role)?;
    let given = given(new.permission_sets)?;
    let (language, time_zone) = (new.language.as_deref().map(Lang::from_code), new.time_zone.as_deref());
    let invited = Invited { email: new.email.trim(), name: &new.name, role, given: &given, language, time_zone };
    let (id, link) = company::invite_user(&app, &caller, &invited).await?;
    let mut body = of(&company::member(&app, id.as_str()).await?);
    let settings = body.clone();
    body["invitation"] = link.into();
    versioned(201, &body, &settings)
}

/// GET /api/v1/users/{id}
pub async fn get(State(app): State<Arc<App>>, Path(id): Path<String>) -> Answer {
    one(&app, &id).await
}

async fn one(app: &App, id: &str) -> Answer {
    let user = of(&company::member(app, id).await?);
    versioned(200, &user, &user)
}

/// What `PATCH /users/{id}` takes; what is left out stays.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    role: Option<String>,
    disabled: Option<bool>,
    permission_sets: Option<Vec<Wanted>>,
}

/// PATCH /api/v1/users/{id}
pub async fn change(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    seen: IfMatch,
    Body(change): Body<Change>,
) -> Answer {
    let user = company::user(&app, &id).await?;
    let to = |now: &Member| {
        seen.holds(&of(now))?;
        let role = change.role.as_deref().map_or(Ok(now.user.role), role)?;
        let disabled = change.disabled.unwrap_or(now.user.disabled_at.is_some());
        Ok(Becomes { role, disabled, given: change.permission_sets.map(given).transpose()? })
    };
    company::change_user(&app, &caller, &user.id, to).await?;
    one(&app, &id).await
}

/// DELETE /api/v1/users/{id}
pub async fn delete(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>, seen: IfMatch) -> Answer {
    let user = company::user(&app, &id).await?;
    company::delete_user(&app, &caller, &user.id, |now| seen.holds(&of(now))).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// POST /api/v1/users/{id}/invitation: a new link for somebody who did not take up theirs.
pub async fn invite_again(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>) -> Answer {
    let user = company::user(&app, &id).await?;
    let (link, expires_at) = company::invite_again(&app, &caller, &user).await?;
    json(201, &json!({ "invitation": link, "expires_at": rfc3339(expires_at) }))
}

/// DELETE /api/v1/users/{id}/second-factor: for somebody who lost their phone and their recovery codes.
pub async fn reset_second_factor(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>) -> Answer {
    let user = company::user(&app, &id).await?;
    second_factor::reset(&app, &caller, &user).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
