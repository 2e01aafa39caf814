//! Renewal links through several profiles.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use lifecycle::ids::{PersonId, ProfileId};
use lifecycle::permission::Act;
use lifecycle::time::Span;
use serde::Deserialize;
use serde_json::{Value, json};
use store::renewal_links::{Accepts, OpenLink};

use super::forecast::moment;
use super::{Answer, Body, json};
use crate::actions::forecast::FURTHEST;
use crate::actions::renewal_links::{self, for_people, for_profiles};
use crate::auth::Caller;
use crate::error::Problem;
use crate::show::rfc3339;
use crate::state::App;

fn item(link: &OpenLink) -> Value {
    json!({
        "id": link.hash,
        "created_by": link.created_by,
        "email": link.email,
        "not_arrived": link.not_arrived,
        "created_at": rfc3339(link.created_at),
        "expires_at": rfc3339(link.expires_at),
        "profiles": link.steps,
        "done": link.done,
    })
}

/// GET /api/v1/renewal-links
pub async fn list(State(app): State<Arc<App>>, caller: Caller) -> Answer {
    let open = renewal_links::open(&app, &caller).await?;
    json(200, &json!({ "items": open.iter().map(item).collect::<Vec<_>>() }))
}

/// What `POST /renewal-links` takes: profiles, or people with a day.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct New {
    profile_ids: Option<Vec<ProfileId>>,
    person_ids: Option<Vec<PersonId>>,
    until: Option<String>,
    email: Option<String>,
    #[serde(default)]
    any_admin: bool,
}

/// POST /api/v1/renewal-links
pub async fn create(State(app): State<Arc<App>>, caller: Caller, Body(new): Body<New>) -> Answer {
    if new.any_admin && !caller.may(Act::Connect) {
        return Err(Problem::forbidden("A link for any admin connects somebody new: that needs profiles:connect too."));
    }
    let email = new.email.as_deref();
    let made = match (&new.profile_ids, &new.person_ids) {
        (Some(ids), None) => {
            let accepts = if new.any_admin { Accepts::AnyAdmin { instead_of: None } } else { Accepts::Holders };
            for_profiles(&app, &caller, ids, &accepts, email).await?
        }
        (None, Some(people)) if !new.any_admin => {
            let until = new.until.as_deref().map(|text| moment(text).ok_or_else(|| Problem::field("until", "is a day or a moment")));
            let until = until.transpose()?.unwrap_or_else(|| app.now() + Span::days(90));
            for_people(&app, &caller, people, until.min(app.now() + FURTHEST), email).await?
        }
        _ => return Err(Problem::field("profile_ids", "or person_ids is needed, one of the two; any_admin goes with profile_ids")),
    };
    let ids: Vec<&str> = made.profiles.iter().map(ProfileId::as_str).collect();
    json(201, &json!({ "link": made.link, "expires_at": rfc3339(made.expires_at), "profile_ids": ids }))
}

/// DELETE /api/v1/renewal-links/{id}
pub async fn withdraw(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>) -> Answer {
    renewal_links::withdraw(&app, &caller, &id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
