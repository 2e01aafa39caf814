//! Every way in, in two tables, each with what it needs: `rest.rs` and `pages.rs`. A route that is not there does not exist; a
//! route there cannot be without a decision.

mod pages;
mod rest;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{MethodRouter, get, post};
use futures_util::FutureExt as _;
use lifecycle::permission::Act;
use tracing::Instrument as _;

use crate::api::described::{self, Operation};
use crate::api::{door, idempotency, mcp, openapi, token_exchange};
use crate::auth::{Caller, Needs, admit, guard};
use crate::error::Problem;
use crate::listen;
use crate::metrics::Measured;
use crate::pages::unsubscribe;
use crate::state::App;

pub use pages::{PAGES, Row};
pub use rest::{API, ApiRoute};
use rest::{FOR_EACH, JOURNALED, handler};

/// The most bytes of a body, where a route says nothing else.
const BODY_MAX: usize = 256 * 1024;
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
        let app = Arc::clone(app);
        // What is passed through flows: the network has its own ways to do a thing once, and the key goes on to it.
        let Some(operation) = described::of(route.id).filter(|_| !route.is_proxy()) else {
            assert!(route.is_proxy(), "{} is not described in api/described", route.id);
            api = api.merge(guarded(&app, route.path, route.needs, handler(route.id)));
            continue;
        };
        let once = (route.id != FOR_EACH).then(|| JOURNALED.contains(&route.id));
        let inside = middleware::from_fn_with_state(Before { app, route, operation, once }, before);
        api = api.merge(Router::new().route(route.path, handler(route.id).layer(inside)));
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
        .layer(middleware::from_fn_with_state(Arc::clone(app), around))
        .with_state(Arc::clone(app))
}

/// What stands before the handler of a route of the API.
#[derive(Clone)]
struct Before {
    app: Arc<App>,
    route: &'static ApiRoute,
    operation: &'static Operation,
    /// Whether an `Idempotency-Key` counts here, and whether acts are journaled.
    once: Option<bool>,
}

/// The decision, what was sent held against what is described, and everything once. In one function: each layer of a router is paid for by
/// every request.
async fn before(State(here): State<Before>, mut request: Request, next: Next) -> Response {
    if let Err(answer) = admit(&here.app, here.route.needs, &mut request).await {
        return answer.into_response();
    }
    match door::enter(here.operation, here.route.path, request).await {
        Err(problem) => problem.into_response(),
        Ok(request) => match here.once {
            Some(journaled) => idempotency::once(&here.app, journaled, request, next).await,
            None => next.run(request).await,
        },
    }
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

/// What is done around every request, in one function for the same reason: it is measured, its body read to a limit and at a pace, a
/// panic caught, and the answer given its form and its headers.
///
/// What has begun is worked to its end, also when nobody waits for the answer any more: the token set that a callback brought,
/// the post that was published, must not get lost because somebody closed the tab.
async fn around(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    DefaultBodyLimit::max(BODY_MAX).apply(&mut request);
    let measured = Measured::begin(&request);
    let span = measured.span.clone();
    let by_api = door::is_ours(request.uri().path());
    let (request, pace) = listen::paced(&app, request);
    let work = async move {
        let answer = AssertUnwindSafe(next.run(request)).catch_unwind().await.unwrap_or_else(|_| panicked());
        let answer = pace.judge(answer);
        let mut answer = if by_api { door::in_form(answer) } else { answer };
        for (name, value) in HEADERS {
            answer.headers_mut().entry(name).or_insert(value);
        }
        measured.end(answer.status());
        answer
    };
    let working = app.requests.spawn(work.instrument(span));
    working.await.unwrap_or_else(|_| Problem::new(StatusCode::SERVICE_UNAVAILABLE, "stopping", "The server is stopping.").into_response())
}

/// A handler that panics is our bug; the caller learns nothing of its inside.
fn panicked() -> Response {
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
