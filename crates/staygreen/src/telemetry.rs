//! What the process says of itself: the log on stderr, and spans to an OpenTelemetry collector where the environment names one.

use std::io::IsTerminal as _;

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, Registry};

/// The names under which the environment says where spans go (OpenTelemetry's specification of the OTLP exporter).
const ENDPOINTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];

/// The target of every span that is for a collector. What libraries say under targets of their own stays here.
const SPANS: &str = "staygreen::trace";

/// What was begun; spans that are still here leave when it is dropped.
pub(crate) struct Telemetry(Option<SdkTracerProvider>);

impl Drop for Telemetry {
    fn drop(&mut self) {
        if let Some(provider) = &self.0
            && let Err(error) = provider.shutdown()
        {
            tracing::warn!(error = %error, "telemetry: the last spans could not be sent");
        }
    }
}

/// Begins the log on stderr: `STAYGREEN_LOG` says how much of it, `STAYGREEN_LOG_FORMAT` in which form. Begins to send spans when
/// `OTEL_EXPORTER_OTLP_ENDPOINT` is set; docs/monitoring.md names the other variables of OpenTelemetry that are read.
///
/// # Errors
/// In words, when one of these cannot be understood.
pub(crate) fn begin() -> Result<Telemetry, String> {
    let filter = match std::env::var("STAYGREEN_LOG") {
        Ok(text) => EnvFilter::try_new(&text)
            .map_err(|error| format!("STAYGREEN_LOG: {error}; write warn, info, debug, trace, or MODULE=LEVEL,..."))?,
        Err(_) => EnvFilter::new("warn"),
    };
    let log = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let log = match std::env::var("STAYGREEN_LOG_FORMAT").as_deref() {
        Err(_) | Ok("text") => log.with_ansi(std::io::stderr().is_terminal()).with_filter(filter).boxed(),
        Ok("json") => log.json().flatten_event(true).with_filter(filter).boxed(),
        Ok(other) => return Err(format!("STAYGREEN_LOG_FORMAT: \"{other}\" is neither text nor json")),
    };
    let provider = spans()?;
    let spans = provider.as_ref().map(|provider| {
        tracing_opentelemetry::layer()
            .with_tracer(provider.tracer("staygreen"))
            // Where a span was written in our code, and by which thread it went, is no question of an operator's.
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_filter(Targets::new().with_target(SPANS, LevelFilter::INFO))
    });
    Registry::default().with(log).with(spans).init();
    Ok(Telemetry(provider))
}

fn spans() -> Result<Option<SdkTracerProvider>, String> {
    let is_set = |name: &&str| std::env::var(name).is_ok_and(|value| !value.trim().is_empty());
    let Some(named) = ENDPOINTS.iter().find(|name| is_set(name)) else { return Ok(None) };
    if let Ok(other) = std::env::var("OTEL_EXPORTER_OTLP_PROTOCOL")
        && other != "http/protobuf"
    {
        return Err(format!("OTEL_EXPORTER_OTLP_PROTOCOL: \"{other}\" is not spoken here; collectors take http/protobuf on port 4318"));
    }
    let exporter = opentelemetry_otlp::SpanExporter::builder().with_http().build();
    let exporter = exporter.map_err(|error| format!("{named}: {error}; write it like http://127.0.0.1:4318"))?;
    opentelemetry::global::set_text_map_propagator(TraceContextPropagator::new());
    let resource = Resource::builder().with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
    let resource = if std::env::var_os("OTEL_SERVICE_NAME").is_some() { resource } else { resource.with_service_name("staygreen") };
    Ok(Some(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource.build()).build()))
}
