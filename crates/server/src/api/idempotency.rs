//! `Idempotency-Key` on every POST of the API: the same key again answers what was answered, and does nothing twice. An act that waited then
//! is answered by what became of it.

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use store::events::Actor;
use store::idempotency::{self, Key, Seen};
use store::{StoreError, acts};

use super::shape::{Field, Shape, may};
use super::v1::{LARGE_MAX, too_large};
use crate::auth::Caller;
use crate::error::Problem;
use crate::state::App;

/// The header, as it is described.
pub const HEADER: Field = may(
    "Idempotency-Key",
    Shape::Pattern { pattern: "^[!-~]{1,255}$", max: 255, fits: is_key, what: "has 1 to 255 printable characters without spaces" },
);

fn is_key(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Says that nothing was done for this answer.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// The most bytes of an answer that is kept; none of ours is nearly as long.
const ANSWER_MAX: usize = 1024 * 1024;

/// Between the decision and the handler of every API route. Acts are `journaled`: whether one was done is known there.
pub async fn once(app: &App, journaled: bool, request: Request, next: Next) -> Response {
    if request.method() != Method::POST {
        return next.run(request).await;
    }
    let Some(key) = request.headers().get("idempotency-key") else { return next.run(request).await };
    let key = key.to_str().unwrap_or_default().to_owned();
    if let Err(what) = HEADER.shape.check_text(&key) {
        return Problem::field(HEADER.name, &what).into_response();
    }
    let caller = request.extensions().get::<Caller>().map(|caller| caller.named.clone());
    let Some(Actor::User { id: actor, .. } | Actor::ApiKey { id: actor, .. }) = caller else { return Problem::sign_in().into_response() };
    match keyed(app, &actor, &key, journaled, request, next).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    }
}

async fn keyed(app: &App, actor: &str, key: &str, journaled: bool, request: Request, next: Next) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, LARGE_MAX).await.map_err(|_| too_large(LARGE_MAX))?;
    let mut same = format!("{} {}\n", parts.method, parts.uri).into_bytes();
    same.extend_from_slice(&body);
    let key = Key { organisation: &app.organisation, actor, key };
    let mut tx = app.store.write().await?;
    // Whether an act is still under way its own row says, and it is asked as soon as that may be over.
    let over_after = if journaled { acts::ABANDONED_AFTER } else { idempotency::ABANDONED_AFTER };
    let seen = app.store.begin_request(&mut tx, key, &same, over_after, app.now()).await?;
    tx.commit().await?;
    let mut replayed = false;
    match seen {
        Seen::New => {}
        Seen::Abandoned if journaled => {}
        // It waited then: its own row says what became of it, and that nothing is done twice.
        Seen::Answered { status: 202, .. } if journaled => replayed = true,
        Seen::Answered { status, body } => return Ok(again(status, body.to_vec())),
        Seen::Running => {
            let words = "The same request is being worked on at this moment. Ask again in a few seconds.";
            return Err(Problem::new(StatusCode::CONFLICT, "still_running", words));
        }
        Seen::Abandoned => {
            let words = "The server stopped while it worked on this request: it may have been done. Look there, and repeat it with a new key only if it was not.";
            return Err(Problem::new(StatusCode::CONFLICT, "unclear", words));
        }
        Seen::OtherRequest => {
            let words = "This Idempotency-Key was sent with another request. Use a new one.";
            return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused", words));
        }
    }
    let answer = next.run(Request::from_parts(parts, body.into())).await;
    let (parts, body) = answer.into_parts();
    let body = axum::body::to_bytes(body, ANSWER_MAX).await.unwrap_or_default();
    // The work is done: an answer that cannot be kept is still the answer. The key then stands for "may have been done".
    if let Err(error) = keep(app, key, journaled, parts.status, &body).await {
        tracing::error!(error = %error, "idempotency: an answer could not be kept");
    }
    let mut answer = Response::from_parts(parts, body.into());
    if replayed && answer.status() == StatusCode::ACCEPTED {
        answer.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(answer)
}

async fn keep(app: &App, key: Key<'_>, journaled: bool, status: StatusCode, body: &[u8]) -> Result<(), StoreError> {
    let mut tx = app.store.write().await?;
    // What failed on our side, or was refused before anything was done, may be tried again; what may have been done is not.
    if status.is_success() || (!journaled && is_unclear(body)) {
        app.store.end_request(&mut tx, key, status.as_u16(), body).await?;
    } else {
        app.store.forget_request(&mut tx, key).await?;
    }
    tx.commit().await
}

/// An act that may have been done: repeating it blindly could do it twice.
fn is_unclear(body: &[u8]) -> bool {
    serde_json::from_slice::<serde_json::Value>(body).is_ok_and(|problem| problem["code"] == "unclear")
}

fn again(status: u16, body: Vec<u8>) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    let kind = if status.is_success() { "application/json" } else { "application/problem+json" };
    let mut response = (status, body).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    response
}
