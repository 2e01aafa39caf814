//! Spans to an OpenTelemetry collector, read as the protocol's own messages.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use tempfile::tempdir;

use crate::nodes::{Site, api_key};
use crate::webhooks::Receiver;
use crate::world::{Running, client, eventually, free_port};

/// What a collector was sent.
pub(crate) fn spans(collector: &Receiver) -> Vec<Span> {
    let requests = collector.at("/v1/traces").into_iter().map(|came| ExportTraceServiceRequest::decode(came.bytes.as_slice()).unwrap());
    let resources = requests.flat_map(|request| request.resource_spans);
    resources.flat_map(|resource| resource.scope_spans).flat_map(|scope| scope.spans).collect()
}

fn attribute(span: &Span, name: &str) -> Option<String> {
    let value = span.attributes.iter().find(|attribute| attribute.key == name)?.value.clone()?.value?;
    match value {
        Value::StringValue(text) => Some(text),
        Value::IntValue(number) => Some(number.to_string()),
        other => panic!("{name}: {other:?}"),
    }
}

#[tokio::test]
async fn a_request_is_followed_through_the_check_to_the_network() {
    let (folder, http, collector) = (tempdir().unwrap(), client(), Receiver::start().await);
    let sandbox = Running::start(&["sandbox", "--port", "0"], &[]);
    let mut site = Site::new(sandbox, format!("sqlite:{}", folder.path().join("one.db").display()), folder.path());
    let port = free_port();
    let config = site.config(port);
    site.key = api_key(&config);
    let told = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url.as_str()),
        ("OTEL_BSP_SCHEDULE_DELAY", "100"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=fernweh"),
        // Only what a caller asks to be traced.
        ("OTEL_TRACES_SAMPLER", "parentbased_always_off"),
    ];
    let _server = Running::start(&["serve", "--config", &config], &told);
    site.connect(&http, port, "tiktok", "fernweh.outdoor").await;
    let listed = site.api(&http, "GET", port, "/profiles", None).await.unwrap();
    let id = listed["items"][0]["id"].as_str().unwrap();

    // A caller who traces finds us in the same trace.
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let url = format!("http://127.0.0.1:{port}/api/v1/profiles/{id}/check");
    let request =
        http.post(url).bearer_auth(&site.key).header("traceparent", format!("00-{trace}-00f067aa0ba902b7-01")).json(&serde_json::json!({}));
    assert_eq!(request.send().await.unwrap().status(), 200);
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let in_trace = || -> Vec<Span> { spans(&collector).into_iter().filter(|span| hex(&span.trace_id) == trace).collect() };
    let answers = "POST /api/v1/profiles/{id}/check";
    eventually("the spans arrive", async || in_trace().iter().any(|span| span.name == answers)).await;
    eventually("the check's too", async || in_trace().iter().any(|span| span.name == "check tiktok")).await;
    let found = in_trace();
    let one = |name: &str| found.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("{name}: {found:#?}"));
    let (answer, check) = (one(answers), one("check tiktok"));
    let asked = found.iter().find(|span| span.kind == 3).unwrap();
    assert_eq!((attribute(answer, "http.response.status_code").as_deref(), answer.kind), (Some("200"), 2));
    assert_eq!((&check.parent_span_id, &asked.parent_span_id), (&answer.span_id, &check.span_id));
    assert_eq!(attribute(check, "staygreen.outcome").as_deref(), Some("works"));
    assert_eq!((attribute(asked, "http.response.status_code").as_deref(), asked.name.ends_with(" 127.0.0.1")), (Some("200"), true));
    assert!(collector.at("/v1/traces").iter().all(|came| came.header("x-tenant") == "fernweh"));
    // Routes and hosts; no path, no query, no name.
    for span in spans(&collector) {
        assert_eq!(hex(&span.trace_id), trace, "nothing but what was asked to be traced: {span:?}");
        let text = format!("{span:?}");
        assert!(!text.contains("127.0.0.1:") && !text.contains(id) && !text.contains('?') && !text.contains("Fernweh"), "{text}");
    }
}

#[test]
fn what_cannot_be_spoken_is_said_at_the_start() {
    let refused = |name: &str, value: &str| {
        let mut command = std::process::Command::new(crate::world::binary());
        let told = [("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318"), (name, value)];
        let done = command.args(["sandbox", "--port", "0"]).envs(told).output().unwrap();
        (done.status.code(), String::from_utf8(done.stderr).unwrap())
    };
    let (code, words) = refused("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
    assert!(code == Some(2) && words.contains("http/protobuf"), "{words}");
    let (code, words) = refused("OTEL_EXPORTER_OTLP_ENDPOINT", "not an address");
    assert!(code == Some(2) && words.contains("OTEL_EXPORTER_OTLP_ENDPOINT"), "{words}");
}
