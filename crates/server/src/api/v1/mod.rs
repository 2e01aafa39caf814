//! Version 1: one file per resource.

pub mod connections;
pub mod events;
pub mod networks;
pub mod profiles;

use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use serde::de::DeserializeOwned;

use crate::error::Problem;

/// What a handler gives back.
pub type Answer = Result<Response, Problem>;

/// JSON with a status.
pub fn json(status: u16, body: &serde_json::Value) -> Answer {
    Ok((StatusCode::from_u16(status).unwrap_or(StatusCode::OK), [("cache-control", "no-store")], Json(body)).into_response())
}

/// A JSON body; what is wrong with it is said by field. A simple content type is refused (NT-04).
pub struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let kind = request.headers().get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if !kind.starts_with("application/json") {
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_json", "Send the body as application/json."));
        }
        let bytes = axum::body::to_bytes(request.into_body(), 256 * 1024)
            .await
            .map_err(|_| Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "The body may have 256 KiB at most."))?;
        let body = serde_json::from_slice(&bytes)
            .map_err(|error| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_body", error.to_string()))?;
        Ok(Self(body))
    }
}
