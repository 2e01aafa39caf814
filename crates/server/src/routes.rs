//! Every way in, in two tables, each with what it needs: `rest.rs` and `pages.rs`. A route that is not there does not exist; a
//! route there cannot be without a decision.

mod pages;
mod rest;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{MethodRouter, get, post};
use lifecycle::permission::Act;
use tower_http::catch_panic::CatchPanicLayer;

use crate::api::{described, door, idempotency, mcp, openapi, token_exchange};
use crate::auth::{Caller, Needs, guard};
use crate::error::Problem;
use crate::pages::unsubscribe;
use crate::state::App;

pub use pages::{PAGES, Row};
pub use rest::{API, ApiRoute};
use rest::{FOR_EACH, JOURNALED, handler};

/// The most bytes of a signal that are read.
const SIGNAL_MAX: usize = 64 * 1024;

/// The whole server as a router.
pub fn router(app: &Arc<App>) -> Router {
    let mut router = Router::new();
    for (path, needs, make) in PAGES {
        router = router.merge(guarded(app, path, *needs, make()));
    }
    let mut api = Router::new();
    for route in API {
        let journaled = JOURNALED.contains(&route.id);
        let once = middleware::from_fn_with_state((Arc::clone(app), journaled), idempotency::once);
        // What is passed through flows: the network has its own ways to do a thing once, and the key goes on to it.
        let handler = match described::of(route.id) {
            _ if route.is_proxy() => handler(route.id),
            Some(operation) => {
                let enter = middleware::from_fn(move |request: Request, next: Next| door::enter(operation, route.path, request, next));
                let handler = handler(route.id);
                let handler = if route.id == FOR_EACH { handler } else { handler.layer(once) };
                handler.layer(enter)
            }
            None => unreachable!("{} is not described in api/described", route.id),
        };
        api = api.merge(guarded(app, route.path, route.needs, handler));
    }
    let inside = mcp::http::Inside { app: Arc::clone(app), api: api.clone().with_state(Arc::clone(app)) };
    router
        .merge(api)
        .route("/mcp", post(mcp::http::post).with_state(inside))
        .merge(guarded(app, "/metrics", Needs::May(Act::SeeMetrics), get(crate::metrics::get)))
        .route("/healthz", get(|| async { "alive\n" }))
        .route("/readyz", get(ready))
        .route("/api/v1/openapi.json", get(openapi::get))
        .route("/oauth/token", post(token_exchange::exchange))
        .route("/oauth/{document}", get(client_document))
        // Networks sign what they send: there is no session here whose origin could be checked.
        .route("/signals/{network}", get(signal).post(signal))
        .route("/signals/{network}/deletion", post(signal))
        // Mail programs click for their user (RFC 8058): no cookie, no origin; the secret in the path is all there is.
        .route("/unsubscribe/{secret}", get(unsubscribe::get).post(unsubscribe::post))
        .route("/static/{file}", get(crate::assets::get))
        .fallback(get(not_found).layer(middleware::from_fn_with_state((Arc::clone(app), Needs::Nothing), guard)))
        .layer(DefaultBodyLimit::max(256 * 1024))
        .layer(middleware::from_fn(door::in_form))
        .layer(middleware::from_fn_with_state(Arc::clone(app), crate::listen::paced))
        .layer(middleware::from_fn(security_headers))
        .layer(middleware::from_fn(crate::metrics::measure))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn_with_state(Arc::clone(app), to_its_end))
        .with_state(Arc::clone(app))
}

fn guarded(app: &Arc<App>, path: &str, needs: Needs, handler: MethodRouter<Arc<App>>) -> Router<Arc<App>> {
    Router::new().route(path, handler.layer(middleware::from_fn_with_state((Arc::clone(app), needs), guard)))
}

/// Whoever is signed in finds the way on from here too.
async fn not_found(caller: Caller, request: Request) -> Response {
    if request.uri().path().starts_with("/api/") {
        return Problem::not_found().into_response();
    }
    crate::pages::problem(&caller, Problem::not_found())
}

/// What has begun is worked to its end, also when nobody waits for the answer any more: the token set that a callback brought,
/// the post that was published, must not get lost because somebody closed the tab.
async fn to_its_end(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let working = app.requests.spawn(next.run(request));
    working.await.unwrap_or_else(|_| Problem::new(StatusCode::SERVICE_UNAVAILABLE, "stopping", "The server is stopping.").into_response())
}

/// A handler that panics is our bug; the caller learns nothing of its inside.
fn panicked(_: Box<dyn std::any::Any + Send>) -> Response {
    tracing::error!("server: a handler panicked");
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Something of ours failed. Nothing was changed.").into_response()
}

/// What networks without registration fetch about our client. Public by nature.
async fn client_document(State(app): State<Arc<App>>, Path(name): Path<String>) -> Response {
    for network in app.config.offered() {
        let Some(client) = app.network_app(network, "").await else { continue };
        if let Some((_, document)) = network.documents(&client.app).into_iter().find(|(file, _)| *file == name) {
            return Json(document).into_response();
        }
    }
    Problem::not_found().into_response()
}

/// What a network tells us by itself.
async fn signal(State(app): State<Arc<App>>, Path(network): Path<String>, request: Request) -> Response {
    let Some(network) = app.config.offered().find(|offered| offered.about().name == network) else {
        return Problem::not_found().into_response();
    };
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, SIGNAL_MAX).await else {
        return Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "A signal may have 64 KiB at most.").into_response();
    };
    match crate::actions::signal::receive(&app, network, Request::from_parts(parts, body)).await {
        Ok(answer) => {
            let (parts, body) = answer.into_parts();
            Response::from_parts(parts, body.into())
        }
        Err(problem) => problem.into_response(),
    }
}

/// Ready only while the storage answers and nothing waits for the operator; otherwise one line each says what to do.
async fn ready(State(app): State<Arc<App>>) -> Response {
    if let Err(error) = app.store.read().await {
        return Problem::from(error).into_response();
    }
    let lines = app.alarms.lines();
    if lines.is_empty() {
        return (StatusCode::OK, "ready\n").into_response();
    }
    let said: String = lines.iter().map(|line| format!("{line}\n")).collect();
    (StatusCode::SERVICE_UNAVAILABLE, said).into_response()
}

const HEADERS: [(HeaderName, HeaderValue); 5] = [
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'",
        ),
    ),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    // Secrets stand in some of our paths (renewal links): no other site learns them.
    (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
];

async fn security_headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    for (name, value) in HEADERS {
        response.headers_mut().entry(name).or_insert(value);
    }
    response
}
