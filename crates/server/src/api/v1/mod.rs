//! Version 1: one file per resource.

pub mod api_keys;
pub mod audit;
pub mod audit_stream;
pub mod bounces;
pub mod connections;
pub mod event_stream;
pub mod events;
pub mod explanation;
pub mod export;
pub mod forecast;
pub mod freezes;
pub mod hold;
pub mod incidents;
pub mod me;
pub mod networks;
pub mod page_presets;
pub mod people;
pub mod permission_sets;
pub mod posts;
pub mod profiles;
pub mod renewal_links;
pub mod tags;
pub mod teams;
pub mod tokens;
pub mod users;
pub mod waiting_acts;
pub mod webhooks;

use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::api::door::{self, Entered};
use crate::error::Problem;

/// What a handler gives back.
pub type Answer = Result<Response, Problem>;

/// Which mails about a profile are wanted.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notifications {
    no_access_tokens: bool,
    renew_soon: bool,
}

/// JSON with a status.
pub fn json(status: u16, body: &serde_json::Value) -> Answer {
    Ok((StatusCode::from_u16(status).unwrap_or(StatusCode::OK), [("cache-control", "no-store")], Json(body)).into_response())
}

/// A JSON body; what is wrong with it is said by field. A simple content type is refused (NT-04).
pub struct Body<T>(pub T);

/// The same for bodies that may hold pictures.
pub struct Large<T>(pub T);

/// The most bytes of a body.
const MAX: usize = 256 * 1024;
/// The most bytes of a body that may hold pictures.
pub(crate) const LARGE_MAX: usize = 24 * 1024 * 1024;

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        Ok(Self(read(request, MAX).await?))
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Large<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        Ok(Self(read(request, LARGE_MAX).await?))
    }
}

async fn read<T: DeserializeOwned>(request: Request, max: usize) -> Result<T, Problem> {
    let kind = request.headers().get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !kind.starts_with("application/json") {
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_json", "Send the body as application/json.")
            .with(serde_json::json!({ "field": "Content-Type" })));
    }
    let entered = request.extensions().get::<Entered>().copied();
    let bytes = axum::body::to_bytes(request.into_body(), max).await.map_err(|_| too_large(max))?;
    door::read(entered, &bytes)
}

/// The body is larger than it may be.
pub(crate) fn too_large(max: usize) -> Problem {
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", format!("The body may have {} KiB at most.", max / 1024))
        .with(serde_json::json!({ "field": "body" }))
}
