//! `GET /metrics`, in the text format of Prometheus. For company admins and keys that carry `metrics:read`: how many profiles at
//! which networks are red is nobody else's business.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use store::numbers;
use tracing::Span;

use crate::error::Problem;
use crate::state::App;

const SECONDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 20.0];

/// One for the process: counters are counted wherever they are, for whoever asks.
fn recorder() -> Option<&'static PrometheusHandle> {
    static RECORDER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
    let install = || PrometheusBuilder::new().set_buckets(&SECONDS).ok()?.install_recorder().ok();
    RECORDER.get_or_init(install).as_ref()
}

/// Begins to count, and puts together what was counted; now and then, or it would pile up unread.
pub(crate) fn upkeep() {
    if let Some(recorder) = recorder() {
        recorder.run_upkeep();
    }
}

/// A request that is worked on, by the route it took.
pub(crate) struct Measured {
    route: Option<MatchedPath>,
    method: &'static str,
    since: Instant,
    /// What is done for it belongs in here.
    pub(crate) span: Span,
}

impl Measured {
    pub(crate) fn begin(request: &Request) -> Self {
        let route = request.extensions().get::<MatchedPath>().cloned();
        let span = crate::trace::answer(request, named(route.as_ref()));
        Self { route, method: crate::trace::known(request.method()), since: Instant::now(), span }
    }

    pub(crate) fn end(self, status: StatusCode) {
        crate::trace::answered(&self.span, status.as_u16());
        let route = named(self.route.as_ref()).to_owned();
        metrics::histogram!("staygreen_http_request_seconds", "route" => route, "method" => self.method, "status" => status.as_u16().to_string())
            .record(self.since.elapsed().as_secs_f64());
    }
}

fn named(route: Option<&MatchedPath>) -> &str {
    route.map_or("none", MatchedPath::as_str)
}

async fn look(app: &App) -> Result<(), Problem> {
    let (mut tx, now) = (app.store.read().await?, app.now());
    let numbers = numbers::count(&mut tx, now).await?;
    drop(tx);
    let whole = |n: i64| f64::from(i32::try_from(n).unwrap_or(i32::MAX));
    for network in app.config.offered() {
        for status in lifecycle::status::Status::ALL {
            // A network without profiles, or a status that nobody has any more, is zero and not the number of before.
            metrics::gauge!("staygreen_profiles", "network" => network.about().name, "status" => status.as_str()).set(0.0);
        }
    }
    for (network, status, n) in numbers.profiles {
        metrics::gauge!("staygreen_profiles", "network" => network, "status" => status).set(whole(n));
    }
    let late = numbers.due_since.map_or(0, |since| now.since(since).as_seconds().max(0));
    metrics::gauge!("staygreen_due_grants").set(whole(numbers.due));
    metrics::gauge!("staygreen_due_longest_seconds").set(whole(late));
    metrics::gauge!("staygreen_open_attempts").set(whole(numbers.open_attempts));
    metrics::gauge!("staygreen_owed_revocations").set(whole(numbers.revocations));
    for channel in ["mail", "webhook"] {
        metrics::gauge!("staygreen_messages_waiting", "channel" => channel).set(0.0);
    }
    for (channel, n) in numbers.waiting {
        metrics::gauge!("staygreen_messages_waiting", "channel" => channel).set(whole(n));
    }
    for (channel, n) in numbers.given_up {
        metrics::gauge!("staygreen_messages_given_up", "channel" => channel).set(whole(n));
    }
    metrics::gauge!("staygreen_alarms").set(whole(i64::try_from(app.alarms.lines().len()).unwrap_or(0)));
    metrics::gauge!("staygreen_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    Ok(())
}

/// GET /metrics
pub(crate) async fn get(State(app): State<Arc<App>>) -> Response {
    let Some(recorder) = recorder() else {
        return Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not_counted", "This process counts for somebody else.").into_response();
    };
    if let Err(problem) = look(&app).await {
        return problem.into_response();
    }
    recorder.run_upkeep();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], recorder.render()).into_response()
}
