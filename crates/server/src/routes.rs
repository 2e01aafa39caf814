//! Every way in, in one table, each with what it needs. A route that is not here does not exist; a route here cannot be
//! without a decision.

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{MethodRouter, delete, get, patch, post, put};
use lifecycle::permission::Act;
use tower_http::catch_panic::CatchPanicLayer;

use crate::api::{idempotency, openapi, token_exchange, v1};
use crate::auth::{Caller, Needs, guard};
use crate::error::Problem;
use crate::pages::{
    account, add, audit, calendar, dashboard, forecast, freezes, keys, profile, profiles, renew, settings, sign_in, webhooks,
};
use crate::proxy;
use crate::state::App;

/// One operation of the REST API, for its description.
pub struct ApiRoute {
    /// Method, upper case.
    pub method: &'static str,
    /// Path with `{names}`.
    pub path: &'static str,
    /// Its name.
    pub id: &'static str,
    /// One line.
    pub summary: &'static str,
    /// What it needs.
    pub needs: Needs,
    /// Query parameters.
    pub query: &'static [&'static str],
    /// Fields of the body: name, JSON type, required.
    pub body: &'static [(&'static str, &'static str, bool)],
    /// Status of success.
    pub status: u16,
}

const fn api(method: &'static str, path: &'static str, id: &'static str, act: Act, status: u16, summary: &'static str) -> ApiRoute {
    ApiRoute { method, path, id, summary, needs: Needs::May(act), query: &[], body: &[], status }
}

/// What is passed through; the path is the network's.
const PROXY: &str = "/api/v1/profiles/{id}/proxy/{*path}";

/// The REST API.
pub const API: &[ApiRoute] = &[
    api("GET", "/api/v1/networks", "listNetworks", Act::SeeNetworks, 200, "Every network with what it can, its rules and lifetimes"),
    ApiRoute {
        body: &[("network", "string", true), ("instance", "string", false), ("handle", "string", false), ("return_to", "string", false)],
        ..api("POST", "/api/v1/connections", "beginConnection", Act::Connect, 201, "Begin connecting")
    },
    api("GET", "/api/v1/connections/{id}", "getConnection", Act::Connect, 200, "Where a connection stands"),
    ApiRoute {
        body: &[("ids", "array", true)],
        ..api("POST", "/api/v1/connections/{id}/profiles", "addProfiles", Act::Connect, 200, "Add the chosen profiles")
    },
    ApiRoute {
        query: &["network", "status", "owner", "team", "q", "cursor", "limit"],
        ..api("GET", "/api/v1/profiles", "listProfiles", Act::SeeProfile, 200, "Profiles by name")
    },
    api("GET", "/api/v1/profiles/{id}", "getProfile", Act::SeeProfile, 200, "One profile with its explanation and accesses"),
    ApiRoute {
        body: &[("owner_id", "string", false), ("team_ids", "array", false), ("notifications", "object", false)],
        ..api("PATCH", "/api/v1/profiles/{id}", "changeProfile", Act::ManageProfile, 200, "Owner, teams, notifications")
    },
    api("DELETE", "/api/v1/profiles/{id}", "deleteProfile", Act::DeleteProfile, 204, "Disconnect: revoke at the network and shred"),
    ApiRoute {
        body: &[("via", "string", true), ("email", "string", false)],
        ..api(
            "POST",
            "/api/v1/profiles/{id}/refresh-connection",
            "refreshConnection",
            Act::RefreshConnection,
            201,
            "Begin a renewal, or make a renewal link",
        )
    },
    api("POST", "/api/v1/profiles/{id}/check", "checkProfile", Act::CheckProfile, 200, "Look now"),
    ApiRoute {
        query: &["min_ttl"],
        ..api("GET", "/api/v1/profiles/{id}/access-token", "getAccessToken", Act::ReadToken, 200, "An access token that lives long enough")
    },
    ApiRoute {
        body: &[("text", "string", true), ("link", "string", false), ("title", "string", false), ("media", "array", false)],
        ..api("POST", "/api/v1/profiles/{id}/posts", "publishPost", Act::Publish, 201, "Publish a post as the profile")
    },
    api(
        "GET",
        "/api/v1/profiles/{id}/posts/{post}/comments",
        "listComments",
        Act::ReadComments,
        200,
        "What was said under a post, oldest first",
    ),
    ApiRoute {
        body: &[("text", "string", true), ("in_reply_to", "string", false)],
        ..api(
            "POST",
            "/api/v1/profiles/{id}/posts/{post}/comments",
            "writeComment",
            Act::Comment,
            201,
            "Comment under a post, or reply to a comment",
        )
    },
    ApiRoute {
        query: &["until"],
        ..api("GET", "/api/v1/forecast", "getForecast", Act::SeeProfile, 200, "What will need a person, when, who")
    },
    api("GET", "/api/v1/webhook-endpoints", "listWebhookEndpoints", Act::ManageWebhooks, 200, "Every webhook endpoint and chat channel"),
    ApiRoute {
        body: &[
            ("url", "string", true),
            ("name", "string", false),
            ("kind", "string", false),
            ("events", "array", false),
            ("language", "string", false),
            ("signature", "string", false),
            ("token", "string", false),
        ],
        ..api(
            "POST",
            "/api/v1/webhook-endpoints",
            "createWebhookEndpoint",
            Act::ManageWebhooks,
            201,
            "Add an endpoint; its signing secret is shown once",
        )
    },
    api("GET", "/api/v1/webhook-endpoints/{id}", "getWebhookEndpoint", Act::ManageWebhooks, 200, "One endpoint"),
    ApiRoute {
        body: &[("name", "string", false), ("url", "string", false), ("events", "array", false), ("enabled", "boolean", false)],
        ..api("PATCH", "/api/v1/webhook-endpoints/{id}", "changeWebhookEndpoint", Act::ManageWebhooks, 200, "Change an endpoint")
    },
    api("DELETE", "/api/v1/webhook-endpoints/{id}", "deleteWebhookEndpoint", Act::ManageWebhooks, 204, "Delete an endpoint"),
    api("POST", "/api/v1/webhook-endpoints/{id}/test", "testWebhookEndpoint", Act::ManageWebhooks, 200, "Send a test and say how it went"),
    api(
        "POST",
        "/api/v1/webhook-endpoints/{id}/rotate-secret",
        "rotateWebhookSecret",
        Act::ManageWebhooks,
        200,
        "A new signing secret; the one before it signs too for 24 hours",
    ),
    ApiRoute {
        query: &["cursor", "limit"],
        ..api(
            "GET",
            "/api/v1/webhook-endpoints/{id}/deliveries",
            "listDeliveries",
            Act::ManageWebhooks,
            200,
            "How each delivery went, newest first",
        )
    },
    api(
        "POST",
        "/api/v1/webhook-endpoints/{id}/deliveries/{message}/replay",
        "replayDelivery",
        Act::ManageWebhooks,
        202,
        "Send a delivery once more, under the same id",
    ),
    ApiRoute {
        body: &[("access_token", "string", true), ("status", "integer", false)],
        ..api(
            "POST",
            "/api/v1/profiles/{id}/access-token/report",
            "reportAccessToken",
            Act::ReadToken,
            202,
            "Say that a token does not work",
        )
    },
    api("GET", PROXY, "proxyGet", Act::CallApi, 200, "Call the network's API with a token the caller never sees"),
    api("POST", PROXY, "proxyPost", Act::CallApi, 200, "The same with POST"),
    api("PUT", PROXY, "proxyPut", Act::CallApi, 200, "The same with PUT"),
    api("PATCH", PROXY, "proxyPatch", Act::CallApi, 200, "The same with PATCH"),
    api("DELETE", PROXY, "proxyDelete", Act::CallApi, 200, "The same with DELETE"),
    ApiRoute { query: &["after", "profile"], ..api("GET", "/api/v1/events", "listEvents", Act::SeeEvents, 200, "The event log") },
    api("GET", "/api/v1/api-keys", "listApiKeys", Act::ManageApiKeys, 200, "API keys with what they may"),
    ApiRoute {
        body: &[("name", "string", true), ("permissions", "array", true), ("expires_at", "string", false)],
        ..api("POST", "/api/v1/api-keys", "createApiKey", Act::ManageApiKeys, 201, "Make an API key; it is told this once")
    },
    api("GET", "/api/v1/api-keys/{id}", "getApiKey", Act::ManageApiKeys, 200, "One API key"),
    api("DELETE", "/api/v1/api-keys/{id}", "revokeApiKey", Act::ManageApiKeys, 204, "Revoke an API key, effective at the next request"),
    ApiRoute {
        needs: Needs::SomebodyKnown,
        body: &[
            ("permission", "string", true),
            ("api_key", "string", false),
            ("profile", "string", false),
            ("method", "string", false),
            ("path", "string", false),
        ],
        ..api("POST", "/api/v1/permissions/check", "checkPermission", Act::SeeProfile, 200, "May it be done, and why not; nothing is done")
    },
    api("GET", "/api/v1/freezes", "listFreezes", Act::Freeze, 200, "What is frozen and was"),
    ApiRoute {
        body: &[("target", "string", true), ("reason", "string", false)],
        ..api("POST", "/api/v1/freezes", "freeze", Act::Freeze, 201, "Freeze somebody or something, effective at the next request")
    },
    api("DELETE", "/api/v1/freezes/{id}", "thaw", Act::Freeze, 204, "Thaw"),
    api("GET", "/api/v1/hold", "getHold", Act::Freeze, 200, "Whether a restored database holds tokens back, and how far it is"),
    api("POST", "/api/v1/hold/release", "releaseHold", Act::Freeze, 200, "The original is stopped: renew again, slowly"),
    ApiRoute {
        query: &["before", "profile", "act", "q", "limit"],
        ..api("GET", "/api/v1/audit", "listAudit", Act::SeeAudit, 200, "The audit, newest first")
    },
    ApiRoute {
        query: &["anchor"],
        ..api("GET", "/api/v1/audit/verify", "verifyAudit", Act::SeeAudit, 200, "Whether every row is as it was written")
    },
    api("GET", "/api/v1/audit/anchor", "getAuditAnchor", Act::SeeAudit, 200, "The present end of the chain, to be kept elsewhere"),
    api("GET", "/api/v1/audit/export", "exportAudit", Act::SeeAudit, 200, "The whole audit as JSON lines"),
];

fn handler(id: &str) -> MethodRouter<Arc<App>> {
    match id {
        "listNetworks" => get(v1::networks::list),
        "beginConnection" => post(v1::connections::begin),
        "getConnection" => get(v1::connections::get),
        "addProfiles" => post(v1::connections::choose),
        "listProfiles" => get(v1::profiles::list),
        "getProfile" => get(v1::profiles::get),
        "changeProfile" => patch(v1::profiles::change),
        "deleteProfile" => delete(v1::profiles::delete),
        "refreshConnection" => post(v1::profiles::refresh),
        "checkProfile" => post(v1::profiles::check_now),
        "getAccessToken" => get(v1::tokens::lend),
        "publishPost" => post(v1::posts::publish).layer(DefaultBodyLimit::max(v1::LARGE_MAX)),
        "listComments" => get(v1::posts::comments),
        "writeComment" => post(v1::posts::comment),
        "getForecast" => get(v1::forecast::get),
        "listWebhookEndpoints" => get(v1::webhooks::list),
        "createWebhookEndpoint" => post(v1::webhooks::create),
        "getWebhookEndpoint" => get(v1::webhooks::get),
        "changeWebhookEndpoint" => patch(v1::webhooks::change),
        "deleteWebhookEndpoint" => delete(v1::webhooks::delete),
        "testWebhookEndpoint" => post(v1::webhooks::test),
        "rotateWebhookSecret" => post(v1::webhooks::rotate),
        "listDeliveries" => get(v1::webhooks::log),
        "replayDelivery" => post(v1::webhooks::replay),
        "reportAccessToken" => post(v1::tokens::report),
        "proxyGet" => get(proxy::call),
        "proxyPost" => post(proxy::call),
        "proxyPut" => put(proxy::call),
        "proxyPatch" => patch(proxy::call),
        "proxyDelete" => delete(proxy::call),
        "listEvents" => get(v1::events::list),
        "listApiKeys" => get(v1::api_keys::list),
        "createApiKey" => post(v1::api_keys::create),
        "getApiKey" => get(v1::api_keys::get),
        "revokeApiKey" => delete(v1::api_keys::revoke),
        "checkPermission" => post(v1::api_keys::check),
        "listFreezes" => get(v1::freezes::list),
        "freeze" => post(v1::freezes::set),
        "thaw" => delete(v1::freezes::thaw),
        "getHold" => get(v1::hold::get),
        "releaseHold" => post(v1::hold::release),
        "listAudit" => get(v1::audit::list),
        "verifyAudit" => get(v1::audit::verify),
        "getAuditAnchor" => get(v1::audit::anchor),
        "exportAudit" => get(v1::audit::export),
        other => unreachable!("the table names an operation without a handler: {other}"),
    }
}

type Row = (&'static str, Needs, fn() -> MethodRouter<Arc<App>>);

/// The pages. `Needs::Nothing` only where somebody cannot have signed in yet, or comes back from a network.
pub const PAGES: &[Row] = &[
    ("/", Needs::May(Act::SeeProfile), || get(dashboard::get)),
    ("/sign-in", Needs::Nothing, || get(sign_in::form).post(sign_in::submit)),
    ("/sign-out", Needs::Nothing, || post(sign_in::sign_out)),
    ("/setup/{secret}", Needs::Nothing, || get(sign_in::password_form).post(sign_in::password_submit)),
    ("/invitation/{secret}", Needs::Nothing, || get(sign_in::password_form).post(sign_in::password_submit)),
    ("/renew/{secret}", Needs::Nothing, || get(renew::get).post(renew::post)),
    ("/oauth/callback/{network}", Needs::Nothing, || get(add::callback)),
    ("/settings/profiles", Needs::May(Act::SeeProfile), || get(profiles::get)),
    ("/settings/profiles/bulk", Needs::May(Act::ManageProfile), || post(profiles::bulk)),
    ("/settings/profiles/add", Needs::May(Act::Connect), || get(add::list)),
    ("/settings/profiles/add/{network}", Needs::May(Act::Connect), || get(add::rules).post(add::leave)),
    ("/settings/profiles/connections/{id}", Needs::May(Act::Connect), || get(add::connection).post(add::choose)),
    ("/settings/profiles/{id}", Needs::May(Act::SeeProfile), || get(profile::general).post(profile::save)),
    ("/settings/profiles/{id}/notifications", Needs::May(Act::SeeProfile), || {
        get(profile::notifications).post(profile::save_notifications)
    }),
    ("/settings/profiles/{id}/reminders", Needs::May(Act::ManageProfile), || post(profile::put_off)),
    ("/settings/profiles/{id}/access-tokens", Needs::May(Act::SeeProfile), || get(profile::tokens)),
    ("/settings/profiles/{id}/refresh", Needs::May(Act::RefreshConnection), || get(profile::refresh_form).post(profile::refresh)),
    ("/settings/profiles/{id}/check", Needs::May(Act::CheckProfile), || post(profile::check_now)),
    ("/settings/profiles/{id}/renewal-link", Needs::May(Act::RefreshConnection), || get(profile::link_form).post(profile::link)),
    ("/settings/profiles/{id}/renewal-link/withdraw", Needs::May(Act::RefreshConnection), || post(profile::withdraw)),
    ("/settings/profiles/{id}/delete", Needs::May(Act::DeleteProfile), || get(profile::delete_form).post(profile::delete)),
    ("/settings/page-presets", Needs::May(Act::ManagePresets), || get(settings::presets).post(settings::save_preset)),
    ("/settings/teams", Needs::May(Act::ManageTeams), || get(settings::teams_list).post(settings::create_team)),
    ("/settings/teams/{id}", Needs::May(Act::ManageTeams), || post(settings::save_team)),
    ("/settings/users", Needs::May(Act::ManageUsers), || get(settings::users_list).post(settings::invite_user)),
    ("/settings/users/{id}", Needs::May(Act::ManageUsers), || post(settings::save_user)),
    ("/settings/network-apps", Needs::May(Act::ManageNetworkApps), || get(settings::apps).post(settings::save_app)),
    ("/settings/api-keys", Needs::May(Act::ManageApiKeys), || get(keys::list).post(keys::create)),
    ("/settings/api-keys/{id}", Needs::May(Act::ManageApiKeys), || get(keys::one)),
    ("/settings/api-keys/{id}/revoke", Needs::May(Act::ManageApiKeys), || post(keys::revoke)),
    ("/settings/freezes", Needs::May(Act::Freeze), || get(freezes::list).post(freezes::set)),
    ("/settings/freezes/hold/release", Needs::May(Act::Freeze), || post(freezes::release)),
    ("/settings/freezes/{id}/thaw", Needs::May(Act::Freeze), || post(freezes::thaw)),
    ("/audit", Needs::May(Act::SeeAudit), || get(audit::get)),
    ("/audit/export", Needs::May(Act::SeeAudit), || get(v1::audit::export)),
    ("/forecast", Needs::May(Act::SeeProfile), || get(forecast::get)),
    ("/forecast/calendar", Needs::May(Act::ManageOwnAccount), || post(forecast::calendar)),
    ("/forecast/calendar/revoke", Needs::May(Act::ManageOwnAccount), || post(forecast::revoke)),
    // Calendar programs cannot sign in: the address is the key. The second one is where the REST API has its paths.
    ("/calendar/{secret}", Needs::Nothing, || get(calendar::get)),
    ("/api/v1/calendar/{secret}", Needs::Nothing, || get(calendar::get)),
    ("/settings/deliveries", Needs::May(Act::ManageWebhooks), || get(webhooks::deliveries)),
    ("/settings/webhooks", Needs::May(Act::ManageWebhooks), || get(webhooks::list).post(webhooks::create)),
    ("/settings/webhooks/{id}", Needs::May(Act::ManageWebhooks), || get(webhooks::get).post(webhooks::save)),
    ("/settings/webhooks/{id}/test", Needs::May(Act::ManageWebhooks), || post(webhooks::test)),
    ("/settings/webhooks/{id}/rotate", Needs::May(Act::ManageWebhooks), || post(webhooks::rotate)),
    ("/settings/webhooks/{id}/replay", Needs::May(Act::ManageWebhooks), || post(webhooks::replay)),
    ("/settings/webhooks/{id}/delete", Needs::May(Act::ManageWebhooks), || post(webhooks::delete)),
    ("/account", Needs::May(Act::ManageOwnAccount), || get(account::get).post(account::save)),
    ("/account/notifications", Needs::May(Act::ManageOwnAccount), || post(account::save_notifications)),
    ("/account/password", Needs::May(Act::ManageOwnAccount), || post(account::save_password)),
    ("/account/sessions/{id}/end", Needs::May(Act::ManageOwnAccount), || post(account::end_session)),
];

/// The most bytes of a signal that are read.
const SIGNAL_MAX: usize = 64 * 1024;

/// The whole server as a router.
pub fn router(app: &Arc<App>) -> Router {
    let mut router = Router::new();
    for (path, needs, make) in PAGES {
        router = router.merge(guarded(app, path, *needs, make()));
    }
    for route in API {
        let once = middleware::from_fn_with_state(Arc::clone(app), idempotency::once);
        // What is passed through flows: the network has its own ways to do a thing once, and the key goes on to it.
        let handler = if route.path == PROXY { handler(route.id) } else { handler(route.id).layer(once) };
        router = router.merge(guarded(app, route.path, route.needs, handler));
    }
    router
        .merge(guarded(app, "/metrics", Needs::May(Act::SeeMetrics), get(crate::metrics::get)))
        .route("/healthz", get(|| async { "alive\n" }))
        .route("/readyz", get(ready))
        .route("/api/v1/openapi.json", get(openapi::get))
        .route("/oauth/token", post(token_exchange::exchange))
        .route("/oauth/{document}", get(client_document))
        // Networks sign what they send: there is no session here whose origin could be checked.
        .route("/signals/{network}", get(signal).post(signal))
        .route("/static/{file}", get(crate::assets::get))
        .fallback(get(not_found))
        .layer(DefaultBodyLimit::max(256 * 1024))
        .layer(middleware::from_fn(security_headers))
        .layer(middleware::from_fn(crate::metrics::measure))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn_with_state(Arc::clone(app), to_its_end))
        .with_state(Arc::clone(app))
}

fn guarded(app: &Arc<App>, path: &str, needs: Needs, handler: MethodRouter<Arc<App>>) -> Router<Arc<App>> {
    Router::new().route(path, handler.layer(middleware::from_fn_with_state((Arc::clone(app), needs), guard)))
}

async fn not_found(request: Request) -> Response {
    if request.uri().path().starts_with("/api/") {
        return Problem::not_found().into_response();
    }
    crate::pages::problem(&Caller::of_nobody(request.headers()), Problem::not_found())
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
