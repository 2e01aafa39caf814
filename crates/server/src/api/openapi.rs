//! GET /api/v1/openapi.json: made from the table of routes and from what is checked at the door, so that no route is missing and
//! nothing is promised that is not kept.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Json;
use serde_json::{Map, Value, json};

use super::described::{self, PROBLEM};
use super::idempotency;
use super::shape::{Field, Shape, Style};
use super::version;
use crate::auth::Needs;
use crate::routes::{API, ApiRoute};
use crate::state::App;

/// What stands at the top for whoever writes a client.
const ABOUT: &str = "Keeps social media profiles connected. Errors are problem documents (RFC 9457) with a stable `code`, and name the \
                     `field` that is wrong. Times are RFC 3339 in UTC. Ids are opaque. `Idempotency-Key` on every POST makes a retry safe. \
                     Settings are answered with an `ETag`; sent back as `If-Match`, it keeps a change from overwriting somebody else's.";

/// The description, OpenAPI 3.1, for an installation that offers these networks.
pub fn description(networks: &[&'static str]) -> Value {
    let mut paths = Map::new();
    for route in API {
        let operations = paths.entry(route.path.replace("{*", "{")).or_insert_with(|| json!({}));
        operations[route.method.to_lowercase()] = operation(route, networks);
    }
    json!({
        "openapi": "3.1.0",
        "info": { "title": "Staygreen", "version": env!("CARGO_PKG_VERSION"), "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" }, "description": ABOUT },
        "servers": [{ "url": "/" }],
        "paths": paths,
        "components": {
            "securitySchemes": { "apiKey": { "type": "http", "scheme": "bearer", "description": "An API key: sg_…" } },
            "responses": { "Problem": problem("A problem document (RFC 9457)") },
            "schemas": schemas(networks)
        }
    })
}

/// The same for the networks that are shipped, as it is committed.
pub fn shipped() -> String {
    let names: Vec<&'static str> = networks::ALL.iter().map(|network| network.about().name).collect();
    format!("{:#}\n", description(&names))
}

/// Everything that has a name of its own. What is taken as well as answered is exact.
fn schemas(networks: &[&'static str]) -> Map<String, Value> {
    let (mut taken, mut answered) = (vec![], vec![]);
    for operation in described::all() {
        operation.body.iter().for_each(|field| field.shape.names(&mut taken));
        operation.answer.iter().chain(&operation.waits).for_each(|answer| answer.names(&mut answered));
    }
    let named = |found: &[(&'static str, &'static Shape)], closed| -> Vec<(String, Value)> {
        found.iter().map(|(name, shape)| ((*name).to_owned(), shape.schema(Style { networks, closed }))).collect()
    };
    let mut all: Map<String, Value> = named(&answered, false).into_iter().chain(named(&taken, true)).collect();
    all.insert("Problem".into(), PROBLEM.schema(Style { networks, closed: false }));
    all
}

fn problem(words: &str) -> Value {
    json!({ "description": words, "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } } })
}

fn parameter(place: &str, field: &Field, networks: &[&'static str]) -> Value {
    let mut parameter = json!({ "name": field.name, "in": place, "required": field.required, "schema": field.shape.schema(Style { networks, closed: true }) });
    if let Shape::Id(prefix) = field.shape {
        parameter["example"] = format!("{prefix}0198c0ffee000000000000000000cafe").into();
    }
    parameter
}

fn parameters(route: &ApiRoute, networks: &[&'static str]) -> Vec<Value> {
    let names = route.path.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name.trim_start_matches('*'));
    let in_path = names.map(|name| {
        let field = Field { name, shape: described::in_path(route.path, name), required: true };
        parameter("path", &field, networks)
    });
    let asked = described::of(route.id).map_or(&[][..], |operation| operation.query);
    let in_query = asked.iter().map(|field| parameter("query", field, networks));
    let key = (route.method == "POST" && !route.is_proxy()).then(|| {
        let mut key = parameter("header", &idempotency::HEADER, networks);
        key["description"] = "The same key again answers what was answered, and does nothing twice.".into();
        key
    });
    let version = takes_version(route).then(|| {
        let mut version = parameter("header", &version::HEADER, networks);
        version["description"] = "The ETag of what was read: the change is made only while that is still how it is.".into();
        version
    });
    in_path.chain(in_query).chain(key).chain(version).collect()
}

/// Whether it changes settings that have a version already.
fn takes_version(route: &ApiRoute) -> bool {
    matches!(route.method, "PATCH" | "PUT" | "DELETE") && described::of(route.id).is_some_and(|operation| operation.versioned)
}

/// What is passed on as it is; generators of clients want it said.
fn bytes() -> Value {
    json!({ "type": "string", "format": "binary" })
}

fn responses(route: &ApiRoute, networks: &[&'static str]) -> Value {
    if route.is_proxy() {
        let through = |words: &str| json!({ "description": words, "content": { "*/*": { "schema": bytes() } } });
        return json!({ "200": through("What the network answered"), "default": through("What the network answered, or a problem of ours") });
    }
    let answer = described::of(route.id).and_then(|operation| operation.answer);
    let schema = answer.map_or_else(|| json!({ "type": "string" }), |answer| answer.schema(Style { networks, closed: false }));
    let good = if route.status == 204 {
        json!({ "description": "Done" })
    } else {
        let content: Map<String, Value> = route.answers.split(", ").map(|kind| (kind.to_owned(), json!({ "schema": schema }))).collect();
        json!({ "description": route.summary, "content": content })
    };
    let mut all = json!({ route.status.to_string(): good });
    if route.status != 204 && described::of(route.id).is_some_and(|operation| operation.versioned) {
        let words = "The version of these settings, for If-Match";
        all[route.status.to_string()]["headers"] = json!({ "ETag": { "description": words, "schema": { "type": "string" } } });
    }
    if let Some(waits) = described::of(route.id).and_then(|operation| operation.waits) {
        let schema = waits.schema(Style { networks, closed: false });
        all["202"] =
            json!({ "description": "Noted: it waits, and nothing was sent", "content": { "application/json": { "schema": schema } } });
    }
    let mut refused = vec![401, 403, 422, 429, 503];
    if route.path.contains('{') {
        refused.push(404);
    }
    if route.method != "GET" {
        refused.extend([409, 413, 415]);
    }
    if takes_version(route) {
        refused.extend([412, 428]);
    }
    for status in refused.into_iter().map(|status: u16| status.to_string()).chain(["default".to_owned()]) {
        all[status] = json!({ "$ref": "#/components/responses/Problem" });
    }
    all
}

fn operation(route: &ApiRoute, networks: &[&'static str]) -> Value {
    let tag = route.path.trim_start_matches("/api/v1/").split('/').next().unwrap_or_default();
    let mut operation = json!({ "operationId": route.id, "summary": route.summary, "tags": [tag], "parameters": parameters(route, networks), "responses": responses(route, networks) });
    if let Some(described) = described::of(route.id).filter(|described| !described.body.is_empty()) {
        let mut content = json!({ "schema": Shape::Object(described.body).schema(Style { networks, closed: true }) });
        if let Ok(example) = serde_json::from_str::<Value>(described.example) {
            content["example"] = example;
        }
        let raw = described.raw.iter().map(|kind| ((*kind).to_owned(), json!({ "schema": bytes() })));
        let all: Map<String, Value> = raw.chain([("application/json".to_owned(), content)]).collect();
        operation["requestBody"] = json!({ "required": true, "content": all });
    } else if route.is_proxy() && !matches!(route.method, "GET" | "DELETE") {
        operation["requestBody"] = json!({ "description": "Passed on as it is", "content": { "*/*": { "schema": bytes() } } });
    }
    if route.needs != Needs::Nothing {
        operation["security"] = json!([{ "apiKey": [] }]);
    }
    if let Needs::May(act) = route.needs {
        operation["x-permission"] = act.as_str().into();
    }
    operation
}

/// GET /api/v1/openapi.json
pub async fn get(State(app): State<Arc<App>>) -> Json<Value> {
    let networks: Vec<&'static str> = app.config.offered().map(|network| network.about().name).collect();
    Json(description(&networks))
}
