//! GET /api/v1/openapi.json: made from the table of routes, so that no route is missing.

use axum::response::Json;
use serde_json::{Map, Value, json};

use crate::auth::Needs;
use crate::routes::{API, ApiRoute};

/// The description, OpenAPI 3.1.
pub fn description() -> Value {
    let mut paths = Map::new();
    for route in API {
        let operations = paths.entry(route.path.replace("{*", "{")).or_insert_with(|| json!({}));
        operations[route.method.to_lowercase()] = operation(route);
    }
    json!({
        "openapi": "3.1.0",
        "info": { "title": "Staygreen", "version": env!("CARGO_PKG_VERSION"), "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" }, "description": "Keeps social media profiles connected." },
        "servers": [{ "url": "/" }],
        "paths": paths,
        "components": {
            "securitySchemes": { "apiKey": { "type": "http", "scheme": "bearer", "description": "An API key: sg_…" } },
            "schemas": {
                "Problem": {
                    "type": "object",
                    "description": "RFC 9457",
                    "required": ["type", "status", "code", "detail"],
                    "properties": { "type": { "type": "string" }, "title": { "type": "string" }, "status": { "type": "integer" }, "code": { "type": "string" }, "detail": { "type": "string" }, "field": { "type": "string" } }
                }
            }
        }
    })
}

fn operation(route: &ApiRoute) -> Value {
    let names = route.path.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name.trim_start_matches('*'));
    let in_path = names.map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }));
    let in_query = route.query.iter().map(|name| json!({ "name": name, "in": "query", "required": false, "schema": { "type": "string" } }));
    let parameters: Vec<Value> = in_path.chain(in_query).collect();
    let problem = json!({ "description": "A problem", "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } } });
    let schema = if route.answers == "application/json" { json!({ "type": "object" }) } else { json!({ "type": "string" }) };
    let good = if route.status == 204 {
        json!({ "description": "Done" })
    } else {
        json!({ "description": route.summary, "content": { route.answers: { "schema": schema } } })
    };
    let mut operation = json!({ "operationId": route.id, "summary": route.summary, "parameters": parameters, "responses": { route.status.to_string(): good, "default": problem } });
    if !route.body.is_empty() {
        let properties: Map<String, Value> =
            route.body.iter().map(|(name, kind, _)| ((*name).to_owned(), json!({ "type": kind }))).collect();
        let required: Vec<&str> = route.body.iter().filter(|(.., required)| *required).map(|(name, ..)| *name).collect();
        let schema = json!({ "type": "object", "additionalProperties": false, "properties": properties, "required": required });
        operation["requestBody"] = json!({ "required": true, "content": { "application/json": { "schema": schema } } });
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
pub async fn get() -> Json<Value> {
    Json(description())
}
