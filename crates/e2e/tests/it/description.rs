//! The API's description, held against the running server: by PyPI's schemathesis, and by wrong input made from the table of routes.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use server::api::described;
use server::api::shape::{Field, Shape};
use server::routes::{API, ApiRoute};

use crate::world::{Demo, client};

/// Nothing goes to an address that somebody made up.
const ADDRESS: &str = "https://hooks.example/staygreen";

/// What there is to ask about, by the beginning of its id.
async fn things(demo: &Demo) -> Vec<(&'static str, String)> {
    let made = async |path: &str, body: Value| {
        let (status, made) = demo.api("POST", path, Some(body)).await;
        assert_eq!(status, 201, "{path}: {made}");
        made["id"].as_str().unwrap().to_owned()
    };
    let (_, people) = demo.api("GET", "/people?limit=1", None).await;
    vec![
        ("per_", people["items"][0]["id"].as_str().unwrap().to_owned()),
        ("prf_", demo.profile_named("linkedin", "Fernweh Outdoor").await["id"].as_str().unwrap().to_owned()),
        ("con_", made("/connections", json!({ "network": "tiktok" })).await),
        ("whe_", made("/webhook-endpoints", json!({ "url": ADDRESS })).await),
        ("key_", made("/api-keys", json!({ "name": "A tool", "permissions": ["networks:read"] })).await),
        ("usr_", made("/users", json!({ "email": "somebody@example.com" })).await),
        ("tem_", made("/teams", json!({ "name": "Valley" })).await),
    ]
}

/// The description with what is really there in place of any id, so that more is asked about than what does not exist.
fn at_home(mut description: Value, things: &[(&str, String)]) -> Value {
    fn settle(value: &mut Value, things: &[(&str, String)]) {
        let pattern = value["pattern"].as_str().map(str::to_owned).unwrap_or_default();
        if let Some((_, id)) = things.iter().find(|(prefix, _)| pattern.starts_with(&format!("^{prefix}[0-9a-f]{{32}}$"))) {
            let or_nobody = value["type"].is_array();
            *value = if or_nobody { json!({ "enum": [id, null] }) } else { json!({ "type": "string", "enum": [id] }) };
        } else if value["format"] == "uri" {
            *value = json!({ "type": value["type"], "enum": [ADDRESS] });
        } else if let Value::Object(fields) = value {
            fields.values_mut().for_each(|value| settle(value, things));
        } else if let Value::Array(items) = value {
            for value in items.iter_mut() {
                settle(value, things);
            }
        }
    }
    for operation in description["paths"].as_object_mut().unwrap().values_mut().flat_map(|path| path.as_object_mut().unwrap().values_mut())
    {
        let id = operation["operationId"].as_str().unwrap().to_owned();
        let parameters = operation["parameters"].as_array_mut().unwrap();
        // A key that was used for something else is refused, so that elsewhere the keys would hide what they name.
        parameters.retain(|parameter| parameter["in"] != "header" || id == "createTeam");
        for parameter in parameters {
            parameter.as_object_mut().unwrap().remove("example");
            settle(&mut parameter["schema"], things);
        }
        let content = operation.pointer_mut("/requestBody/content/application~1json");
        if let Some(content) = content.filter(|_| id == "beginConnection") {
            content["example"] = json!({ "network": "linkedin" });
        }
        if let Some(body) = operation.pointer_mut("/requestBody/content/application~1json/schema/properties") {
            if id == "beginConnection" {
                // Networks that ask for the name of a server would be asked at one that somebody made up.
                body["network"]["enum"] = json!(["linkedin", "tiktok", "pinterest", "xing", "x"]);
                body.as_object_mut().unwrap().retain(|name, _| name == "network");
            }
            settle(body, things);
        }
    }
    settle(&mut description["components"]["schemas"]["Media"], things);
    description
}

/// Runs it over these operations; what it found, if anything.
fn schemathesis(program: &Path, demo: &Demo, file: &Path, time: &str, choose: &[&str]) -> Result<(), String> {
    let mut command = Command::new(program);
    command.arg("--config-file").arg(concat!(env!("CARGO_MANIFEST_DIR"), "/peers/schemathesis.toml"));
    command.arg("run").arg(file).args(["--url", demo.running.url()]).args(choose);
    command.args(["--phases", "examples,coverage,fuzzing", "--max-examples", "12", "--max-time", time, "--no-color"]);
    // What it writes down goes where the description lies, and nothing goes through a proxy.
    command.current_dir(file.parent().unwrap()).env("NO_PROXY", "127.0.0.1").env("STAYGREEN_API_KEY", demo.text("api_key"));
    let output = command.output().unwrap();
    if output.status.success() {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr))
    }
}

#[tokio::test]
async fn schemathesis_finds_nothing() {
    let Some(program) = std::env::var_os("STAYGREEN_TEST_SCHEMATHESIS") else {
        crate::skipped("the API's description against the running server: STAYGREEN_TEST_SCHEMATHESIS does not name PyPI's schemathesis");
        return;
    };
    let demo = Demo::start();
    let http = client();
    let url = format!("{}/api/v1/openapi.json", demo.running.url());
    let description: Value = http.get(url).send().await.unwrap().json().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("openapi.json");
    std::fs::write(&file, at_home(description, &things(&demo).await).to_string()).unwrap();
    let program = Path::new(&program);
    // The streams have no end; what is passed through is the network's; what is deleted, given up or frozen answers
    // nothing any more, so that comes last.
    let most = ["--exclude-operation-id-regex", "^(stream.*|proxy.*|deleteProfile|giveUpPerson|freeze)$"];
    for (seconds, choose) in [("120", &most[..]), ("20", &["--include-operation-id-regex", "^(deleteProfile|giveUpPerson|freeze)$"])] {
        if let Err(found) = schemathesis(program, &demo, &file, seconds, choose) {
            panic!("{found}");
        }
    }
}

/// A value of a type that is not the field's.
fn of_another_type(shape: &Shape) -> Value {
    match shape {
        Shape::Maybe(shape) | Shape::Named(_, shape) => of_another_type(shape),
        Shape::Object(_) | Shape::Plus(..) | Shape::Open => json!("text"),
        _ => json!({ "an": "object" }),
    }
}

/// A value that is larger than the field may be, where that fits into a request.
fn oversized(shape: &Shape) -> Option<Value> {
    let long = |max: usize| (max < 200_000).then(|| Value::from("x".repeat(max + 1)));
    match shape {
        Shape::Maybe(shape) | Shape::Named(_, shape) => oversized(shape),
        Shape::Text { max, .. } | Shape::Format { max, .. } | Shape::Pattern { max, .. } => long(*max),
        Shape::Id(_) | Shape::Word(_) | Shape::Network => long(100),
        Shape::Int { max, .. } => max.checked_add(1).map(Value::from),
        Shape::List { of, max } => Some(Value::Array(vec![of_another_type(of); max + 1])),
        _ => None,
    }
}

/// Where the fields inside a field stand, and these: `notifications`, `media[0]`.
fn inside(name: &str, shape: &Shape) -> Option<(String, Vec<Field>)> {
    match shape {
        Shape::Maybe(shape) | Shape::Named(_, shape) => inside(name, shape),
        Shape::List { of, .. } => Some((format!("{name}[0]"), of.fields())),
        shape => Some((name.to_owned(), shape.fields())),
    }
    .filter(|(_, fields)| !fields.is_empty())
}

struct Asking<'a> {
    demo: &'a Demo,
    route: &'static ApiRoute,
}

impl Asking<'_> {
    async fn ask(&self, query: &str, kind: &'static str, body: String) -> (u16, Value) {
        let path = self.route.path.replace("{id}", "prf_00000000000000000000000000000001").replace("{network}", "linkedin");
        let path = path.replace("{post}", "1").replace("{message}", "msg_1");
        let url = format!("{}{path}{query}", self.demo.running.url());
        let request = client().request(self.route.method.parse().unwrap(), url).bearer_auth(self.demo.text("api_key"));
        let answer = request.header("content-type", kind).body(body).send().await.unwrap();
        let status = answer.status().as_u16();
        assert_eq!(answer.headers()["content-type"], "application/problem+json", "{} {query}: {status}", self.route.id);
        (status, answer.json().await.unwrap())
    }

    async fn refused(&self, query: &str, body: &Value, field: &str) {
        let (status, problem) = self.ask(query, "application/json", body.to_string()).await;
        let named = problem["field"].as_str().unwrap_or_default();
        let what = format!("{} {query} {body:.200}: {status} {problem}", self.route.id);
        assert!(status == 422 && (named == field || named.starts_with(&format!("{field}."))), "{what}");
        assert!(problem["detail"].as_str().unwrap().contains(field), "{what}");
    }
}

#[tokio::test]
async fn whatever_is_missing_mistyped_oversized_or_unknown_is_named() {
    let demo = Demo::start();
    for route in API.iter().filter(|route| !route.is_proxy()) {
        let operation = described::of(route.id).unwrap();
        let asking = Asking { demo: &demo, route };
        asking.refused("?nonsense=1", &json!({}), "nonsense").await;
        for field in operation.query {
            let given = |value: &str| format!("?{}={value}", field.name);
            match field.shape {
                Shape::Text { max, .. } => asking.refused(&given(&"x".repeat(max + 1)), &json!({}), field.name).await,
                _ => asking.refused(&given("%00no!"), &json!({}), field.name).await,
            }
            if let Shape::Text { .. } = field.shape {
                asking.refused(&format!("{}&{}=b", given("a"), field.name), &json!({}), field.name).await;
            }
        }
        if operation.body.is_empty() {
            continue;
        }
        let example: Value = serde_json::from_str(operation.example).unwrap();
        let with = |name: &str, value: Value| {
            let mut body = example.clone();
            body[name] = value;
            body
        };
        asking.refused("", &with("nonsense", json!(1)), "nonsense").await;
        for field in operation.body {
            asking.refused("", &with(field.name, of_another_type(&field.shape)), field.name).await;
            if let Some(value) = oversized(&field.shape) {
                asking.refused("", &with(field.name, value), field.name).await;
            }
            if let Some((at, fields)) = inside(field.name, &field.shape) {
                let first = example[field.name].as_array().map_or(&example[field.name], |items| &items[0]);
                let but = |name: &str, value: Value| {
                    let mut inner = if first.is_object() { first.clone() } else { json!({}) };
                    inner[name] = value;
                    with(field.name, if at.ends_with(']') { json!([inner]) } else { inner })
                };
                asking.refused("", &but("nonsense", json!(1)), &format!("{at}.nonsense")).await;
                for inner in fields {
                    asking.refused("", &but(inner.name, of_another_type(&inner.shape)), &at).await;
                }
            }
            if field.required {
                let mut body = example.clone();
                body.as_object_mut().unwrap().remove(field.name);
                asking.refused("", &body, field.name).await;
            }
        }
        asking.refused("", &json!([]), "body").await;
        for (kind, body, status, field) in [
            ("application/json", "{".to_owned(), 422, "body"),
            ("text/plain", example.to_string(), 415, "Content-Type"),
            ("application/json", format!("\"{}\"", "x".repeat(257 * 1024)), 413, "body"),
        ] {
            // Where pictures are taken, more is too much: the answer may come before all of it is sent.
            if status == 413 && operation.body.iter().any(|field| field.name == "media") {
                continue;
            }
            let (answered, problem) = asking.ask("", kind, body).await;
            assert_eq!((answered, problem["field"].as_str()), (status, Some(field)), "{}", route.id);
        }
    }
}

/// The same way out for what goes wrong before any handler.
#[tokio::test]
async fn a_wrong_method_or_path_is_a_problem_document_too() {
    let demo = Demo::start();
    let ask = async |method: &str, path: &str| {
        let url = format!("{}/api/v1{path}", demo.running.url());
        let answer = client().request(method.parse().unwrap(), url).bearer_auth(demo.text("api_key")).send().await.unwrap();
        let allow = answer.headers().get("allow").map(|allow| allow.to_str().unwrap().to_owned());
        let status = answer.status().as_u16();
        (status, allow, answer.json::<Value>().await.unwrap())
    };
    let (status, allow, problem) = ask("PUT", "/teams").await;
    assert_eq!((status, problem["code"].as_str()), (405, Some("method_not_allowed")));
    assert!(allow.is_some_and(|allow| allow.contains("GET") && allow.contains("POST")));
    let (status, _, problem) = ask("GET", "/profiles/%ff").await;
    assert_eq!((status, problem["field"].as_str()), (422, Some("path")));
    let (status, _, problem) = ask("GET", "/nothing").await;
    assert_eq!((status, problem["code"].as_str()), (404, Some("not_found")));
}

/// Whoever writes a client reads the description without running a server. `cargo xtask generate` writes it.
#[test]
fn the_committed_description_is_up_to_date() {
    let (now, path) = (server::api::openapi::shipped(), concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/api/openapi.json"));
    if std::env::var_os("STAYGREEN_GENERATE").is_some() {
        return std::fs::write(path, now).unwrap();
    }
    assert!(std::fs::read_to_string(path).unwrap_or_default() == now, "docs/api/openapi.json is not up to date: cargo xtask generate");
}
