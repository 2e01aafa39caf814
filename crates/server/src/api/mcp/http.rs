//! `/mcp`: the Model Context Protocol over streamable HTTP, without sessions: each message is answered where it was posted.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use lifecycle::permission::Actor;
use lifecycle::secret::Secret;
use serde_json::{Value, json};
use tower::ServiceExt as _;
use url::form_urlencoded;

use crate::api::mcp::{Ask, Asked, VERSIONS, answer, not_json};
use crate::auth;
use crate::error::Problem;
use crate::state::App;

/// The most bytes of a message.
const MESSAGE_MAX: usize = 256 * 1024;
/// The most bytes of an answer of the API.
const ANSWER_MAX: usize = 8 * 1024 * 1024;

/// What the door needs: who asks, and where the tools' calls go.
#[derive(Clone)]
pub(crate) struct Inside {
    /// What handlers are handed.
    pub(crate) app: Arc<App>,
    /// The REST API.
    pub(crate) api: Router,
}

/// Browsers say where a page comes from that posts: only our own may (a page elsewhere could reach a server on this machine).
fn is_foreign(app: &App, headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return false };
    origin.to_str().map_or(true, |origin| origin != app.public_url)
}

fn bearer(headers: &HeaderMap) -> Option<Secret> {
    auth::credentials(headers, "Bearer").map(Secret::new)
}

/// POST /mcp: a message, or several.
pub(crate) async fn post(State(inside): State<Inside>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    if is_foreign(&inside.app, &parts.headers) {
        return Problem::forbidden("This request comes from another site's page.").into_response();
    }
    let Some(key) = bearer(&parts.headers) else { return Problem::sign_in().into_response() };
    match auth::caller_by_key(&inside.app, &key, &parts.headers).await {
        Ok(caller) if caller.actor != Actor::Stranger => {}
        Ok(_) => return Problem::sign_in().into_response(),
        Err(error) => return Problem::from(error).into_response(),
    }
    let version = parts.headers.get("mcp-protocol-version").map(|version| version.to_str().unwrap_or_default());
    if version.is_some_and(|version| !VERSIONS.contains(&version)) {
        let words = format!("MCP-Protocol-Version is one of {}", VERSIONS.join(", "));
        return Problem::new(StatusCode::BAD_REQUEST, "unknown_version", words).into_response();
    }
    let Ok(bytes) = axum::body::to_bytes(body, MESSAGE_MAX).await else { return crate::api::v1::too_large(MESSAGE_MAX).into_response() };
    let Ok(message) = serde_json::from_slice::<Value>(&bytes) else {
        return (StatusCode::BAD_REQUEST, Json(not_json())).into_response();
    };
    match answer(&message, &As { inside: &inside, headers: &parts.headers }).await {
        None => StatusCode::ACCEPTED.into_response(),
        Some(answer) => Json(answer).into_response(),
    }
}

/// The API, asked as the one who asks here.
struct As<'a> {
    inside: &'a Inside,
    headers: &'a HeaderMap,
}

impl Asked for As<'_> {
    async fn ask(&self, ask: Ask) -> (bool, Value) {
        let query: String = form_urlencoded::Serializer::new(String::new()).extend_pairs(&ask.query).finish();
        let mut request = Request::builder().method(ask.method).uri(format!("/api/v1{}?{query}", ask.path));
        for name in [header::AUTHORIZATION, header::ACCEPT_LANGUAGE] {
            if let Some(value) = self.headers.get(&name) {
                request = request.header(name, value);
            }
        }
        if let Some(key) = &ask.key {
            request = request.header("idempotency-key", key);
        }
        let body = ask.body.as_ref().map_or_else(Body::empty, |body| Body::from(body.to_string()));
        let Ok(request) = request.header(header::CONTENT_TYPE, "application/json").body(body) else {
            return (false, json!({ "code": "invalid_field", "detail": "what was given does not fit into a request" }));
        };
        let answer = match self.inside.api.clone().oneshot(request).await {
            Ok(answer) => answer,
            Err(never) => match never {},
        };
        let good = answer.status().is_success();
        let bytes = axum::body::to_bytes(answer.into_body(), ANSWER_MAX).await.unwrap_or_default();
        (good, serde_json::from_slice(&bytes).unwrap_or_default())
    }
}
