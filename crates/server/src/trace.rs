//! Spans for whoever collects traces (OpenTelemetry): our own answers, and what is sent to the outside. They name routes and hosts,
//! as the specification's conventions for HTTP do; paths and queries hold tokens and secrets of links and stay here.

use axum::extract::Request;
use http::{HeaderMap, Method};
use opentelemetry::propagation::Extractor;
use tracing::Span;
use tracing::field::Empty;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
}

/// The span of a request to us; part of the caller's trace where `traceparent` names one.
pub(crate) fn answer(request: &Request, route: &str) -> Span {
    let method = known(request.method());
    let span = tracing::info_span!(
        target: "staygreen::trace",
        "answer",
        otel.name = %format_args!("{method} {route}"),
        otel.kind = "server",
        otel.status_code = Empty,
        http.request.method = method,
        http.route = route,
        http.response.status_code = Empty,
    );
    if !span.is_disabled() {
        let parent = opentelemetry::global::get_text_map_propagator(|known| known.extract(&Headers(request.headers())));
        // Only a disabled span has no parent to set.
        let _ = span.set_parent(parent);
    }
    span
}

/// How we answered.
pub(crate) fn answered(span: &Span, status: u16) {
    span.record("http.response.status_code", i64::from(status));
    if status >= 500 {
        span.record("otel.status_code", "ERROR");
    }
}

/// The span of a request to a network or an endpoint.
pub(crate) fn asks(method: &Method, host: &str) -> Span {
    let method = known(method);
    tracing::info_span!(
        target: "staygreen::trace",
        "ask",
        otel.name = %format_args!("{method} {host}"),
        otel.kind = "client",
        otel.status_code = Empty,
        http.request.method = method,
        server.address = host,
        http.response.status_code = Empty,
    )
}

/// How somebody else answered; `None` when nobody did.
pub(crate) fn was_answered(span: &Span, status: Option<u16>) {
    match status {
        Some(status) => {
            span.record("http.response.status_code", i64::from(status));
        }
        None => {
            span.record("otel.status_code", "ERROR");
        }
    }
}

/// The span of a message that leaves the house.
pub(crate) fn tells(kind: &str, channel: &str) -> Span {
    tracing::info_span!(
        target: "staygreen::trace",
        "tell",
        otel.name = %format_args!("send {channel}"),
        otel.kind = "producer",
        staygreen.message = kind,
        staygreen.channel = channel,
    )
}

/// Whatever a stranger calls a method becomes no name of ours.
pub(crate) fn known(method: &Method) -> &'static str {
    const KNOWN: [Method; 7] = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::HEAD, Method::OPTIONS];
    match KNOWN.iter().position(|one| one == method) {
        Some(0) => "GET",
        Some(1) => "POST",
        Some(2) => "PUT",
        Some(3) => "PATCH",
        Some(4) => "DELETE",
        Some(5) => "HEAD",
        Some(6) => "OPTIONS",
        _ => "_OTHER",
    }
}
