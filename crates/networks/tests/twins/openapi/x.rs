//! What the adapter asks and what the sandbox answers, held against X's own published description of its API. The description
//! is not part of this repository: where it is not beside it, nothing is checked, and that is said.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::sync::Mutex;

use bytes::Bytes;
use http::{Method, Request, Response};
use lifecycle::secret::{Secret, TokenSet};
use lifecycle::time::Timestamp;
use networks::acting::{Acting, Media, Post, Target};
use networks::network::{Answer, App, Cx, Kind, Start};
use networks::wire::{BoxFuture, Dice, Wire, WireError};
use sandbox::World;
use serde_json::{Value, json};

struct Sevens;

impl Dice for Sevens {
    fn fill(&self, buffer: &mut [u8]) {
        buffer.fill(7);
    }
}

type Exchanged = (Request<Bytes>, Response<Bytes>);

/// The sandbox, and everything that was said with it.
struct Recorder {
    world: Mutex<World>,
    said: Mutex<Vec<Exchanged>>,
}

impl Recorder {
    fn handle(&self, request: Request<Bytes>) -> Response<Bytes> {
        let answer = self.world.lock().unwrap().handle(1_790_000_000_000_000, &request);
        self.said.lock().unwrap().push((request, answer.clone()));
        answer
    }

    fn control(&self, call: &str, body: &Value) -> Value {
        let request = Request::post(format!("http://sandbox.test/control/api/{call}")).body(Bytes::from(body.to_string())).unwrap();
        let answer = self.world.lock().unwrap().handle(1_790_000_000_000_000, &request);
        serde_json::from_slice(answer.body()).unwrap()
    }
}

impl Wire for Recorder {
    fn send(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, WireError>> {
        let answer = self.handle(request);
        Box::pin(async move { Ok(answer) })
    }
}

/// Everything the adapter ever asks of the API, once.
async fn everything() -> Vec<Exchanged> {
    let network = networks::find("x").expect("x");
    let app = App {
        client_id: "sandbox-x".into(),
        client_secret: Some(Secret::new("sandbox-x-secret")),
        instance: String::new(),
        redirect_uri: "https://staygreen.example/callback".into(),
        scopes: vec![],
        base_url: Some("http://sandbox.test/x".into()),
        endpoints: BTreeMap::new(),
        options: BTreeMap::new(),
    };
    let facts = network.facts();
    let cx = Cx { app: &app, facts: &facts, now: Timestamp::from_seconds(1_790_000_000), dice: &Sevens };
    let wire = Recorder { world: Mutex::new(World::seeded()), said: Mutex::new(vec![]) };
    let start = Start { state: Secret::new("s"), hint: None, expected_person: None };
    let begun = network.begin(cx, &wire, &start).await.expect("begins");
    let back = wire.control("consent", &json!({ "authorize_url": begun.url, "username": "fernwehoutdoor" }));
    let callback: Vec<_> = url::Url::parse(back["redirect_to"].as_str().unwrap()).unwrap().query_pairs().into_owned().collect();
    let answer = wire.handle(network.exchange(cx, &begun.memory, &callback).expect("a request"));
    let Ok(Answer::Done(issued)) = network.read_exchange(cx, &begun.memory, &callback, &answer) else { panic!("no tokens") };
    let tokens = issued.tokens;
    network.discover(cx, &wire, &tokens).await.expect("listed");
    wire.handle(network.probe(cx, &tokens));
    let target = Target { network_id: "1512345678901234567", kind: Kind::Account, handle: None };
    let by = Acting { cx, wire: &wire, tokens: &tokens, target };
    let picture = Media { url: None, content_type: "image/png".into(), bytes: Bytes::from_static(b"png"), alt: Some("A hut".into()) };
    let post = Post { text: "Huts".into(), media: vec![picture], ..Post::default() };
    let posted = network.publish(by, &post).await.expect("published");
    network.comment(by, &posted.id, None, "Open").await.expect("said");
    network.comments(by, &posted.id).await.expect("read");
    network.comments(by, "1").await.expect("read: nothing was said");
    let dead = TokenSet::bearer(Secret::new("dead"), None, vec![]);
    wire.handle(network.probe(cx, &dead));
    network.publish(Acting { tokens: &dead, ..by }, &Post { text: "x".into(), ..Post::default() }).await.expect_err("dead");
    network.comment(by, "404404", None, "x").await.expect_err("no such post");
    wire.said.into_inner().unwrap()
}

/// A small reader of JSON Schema: what the description uses, and nothing more.
struct Description(Value);

impl Description {
    fn find<'a>(&'a self, schema: &'a Value) -> &'a Value {
        match schema["$ref"].as_str() {
            Some(path) => self.find(self.0.pointer(path.trim_start_matches('#')).unwrap_or_else(|| panic!("no {path}"))),
            None => schema,
        }
    }

    /// Everything that does not fit, with where it is. `strict`: also properties the description does not know.
    fn misfits(&self, schema: &Value, value: &Value, at: &str, strict: bool) -> Vec<String> {
        let schema = self.find(schema);
        if let Some(choices) = schema["oneOf"].as_array().or(schema["anyOf"].as_array()) {
            let fits = choices.iter().any(|choice| self.misfits(choice, value, at, strict).is_empty());
            return if fits { vec![] } else { vec![format!("{at}: none of the choices fits {value}")] };
        }
        let mut wrong = vec![];
        let is_type = match schema["type"].as_str() {
            Some("object") => value.is_object(),
            Some("array") => value.is_array(),
            Some("string") => value.is_string(),
            Some("integer") => value.is_i64() || value.is_u64(),
            Some("number") => value.is_number(),
            Some("boolean") => value.is_boolean(),
            _ => true,
        };
        if !is_type {
            return vec![format!("{at}: {value} is no {}", schema["type"])];
        }
        if let Some(known) = schema["enum"].as_array().filter(|known| !known.contains(value)) {
            wrong.push(format!("{at}: {value} is none of {known:?}"));
        }
        // The one pattern the description has for what we send and read.
        if let (Some("^[0-9]{1,19}$"), Some(text)) = (schema["pattern"].as_str(), value.as_str())
            && !((1..=19).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit()))
        {
            wrong.push(format!("{at}: {text} is no id"));
        }
        let length = |name: &str| schema[name].as_u64().and_then(|length| usize::try_from(length).ok());
        if let Some(items) = value.as_array() {
            if length("minItems").is_some_and(|min| items.len() < min) || length("maxItems").is_some_and(|max| items.len() > max) {
                wrong.push(format!("{at}: {} items", items.len()));
            }
            wrong
                .extend(items.iter().enumerate().flat_map(|(n, item)| self.misfits(&schema["items"], item, &format!("{at}[{n}]"), strict)));
        }
        if let Some(object) = value.as_object() {
            for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                if !object.contains_key(name) {
                    wrong.push(format!("{at}: {name} is missing"));
                }
            }
            let properties = &schema["properties"];
            for (name, value) in object {
                match properties.get(name) {
                    Some(schema) => wrong.extend(self.misfits(schema, value, &format!("{at}.{name}"), strict)),
                    None if schema["additionalProperties"] == false || (strict && properties.is_object()) => {
                        wrong.push(format!("{at}: {name} is unknown"));
                    }
                    None => {}
                }
            }
        }
        wrong
    }

    fn operation(&self, method: &Method, path: &str) -> &Value {
        &self.0["paths"][path][method.as_str().to_ascii_lowercase()]
    }

    fn check(&self, (request, answer): &Exchanged) -> Vec<String> {
        let path = request.uri().path().strip_prefix("/x").unwrap();
        let operation = self.operation(request.method(), path);
        let at = format!("{} {path}", request.method());
        if operation.is_null() {
            return vec![format!("{at}: there is no such call")];
        }
        let mut wrong = self.query(operation, request, &at);
        if request.method() == Method::POST {
            let body: Value = serde_json::from_slice(request.body()).unwrap();
            wrong.extend(self.misfits(
                &operation["requestBody"]["content"]["application/json"]["schema"],
                &body,
                &format!("{at} body"),
                true,
            ));
            assert_eq!(request.headers()["content-type"], "application/json");
        }
        let status = answer.status();
        let status = status.as_str();
        let kind = answer.headers()["content-type"].to_str().unwrap();
        let described = &operation["responses"][if answer.status().is_success() { status } else { "default" }]["content"];
        let body: Value = serde_json::from_slice(answer.body()).unwrap();
        // Refusals of type about:blank stand in X's pages and not in the description.
        if described.is_null() || described[kind].is_null() {
            wrong.push(format!("{at}: {status} {kind} is not described"));
        } else if body["type"] != "about:blank" {
            wrong.extend(self.misfits(&described[kind]["schema"], &body, &format!("{at} {status}"), true));
        }
        wrong
    }

    fn query(&self, operation: &Value, request: &Request<Bytes>, at: &str) -> Vec<String> {
        let known: Vec<&Value> = operation["parameters"].as_array().into_iter().flatten().map(|parameter| self.find(parameter)).collect();
        let sent: BTreeMap<String, String> =
            url::form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes()).into_owned().collect();
        let mut wrong = vec![];
        for parameter in known.iter().filter(|parameter| parameter["in"] == "query" && parameter["required"] == true) {
            if !sent.contains_key(parameter["name"].as_str().unwrap()) {
                wrong.push(format!("{at}: {} is missing", parameter["name"]));
            }
        }
        for (name, text) in &sent {
            let Some(parameter) = known.iter().find(|parameter| parameter["name"] == name.as_str()) else {
                wrong.push(format!("{at}: {name} is unknown"));
                continue;
            };
            let schema = self.find(&parameter["schema"]);
            let value = match schema["type"].as_str() {
                Some("array") => json!(text.split(',').collect::<Vec<_>>()),
                Some("integer") => text.parse::<i64>().map_or(Value::Null, Value::from),
                _ => json!(text),
            };
            wrong.extend(self.misfits(schema, &value, &format!("{at} {name}"), true));
        }
        wrong
    }
}

#[tokio::test]
async fn requests_and_answers_fit_the_published_description() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/openapi/x-v2.json");
    let Ok(text) = std::fs::read_to_string(&file) else {
        // Not by the macro: what it prints is shown only of tests that fail.
        let at = file.display();
        writeln!(std::io::stderr(), "SKIPPED: X's published API description is not at {at}; NOTHING WAS CHECKED AGAINST IT").unwrap();
        return;
    };
    let description = Description(serde_json::from_str(&text).expect("JSON"));
    let said = everything().await;
    let api: Vec<&Exchanged> = said.iter().filter(|(request, _)| !request.uri().path().contains("/oauth2/")).collect();
    let wrong: Vec<String> = api.iter().flat_map(|exchanged| description.check(exchanged)).collect();
    assert_eq!(wrong, Vec::<String>::new());
    let mut calls: Vec<String> =
        api.iter().map(|(request, answer)| format!("{} {} {}", request.method(), request.uri().path(), answer.status().as_u16())).collect();
    calls.sort();
    calls.dedup();
    assert_eq!(
        calls,
        [
            "GET /x/2/tweets/search/recent 200",
            "GET /x/2/users/me 200",
            "GET /x/2/users/me 401",
            "POST /x/2/media/metadata 200",
            "POST /x/2/media/upload 200",
            "POST /x/2/tweets 201",
            "POST /x/2/tweets 400",
            "POST /x/2/tweets 401",
        ]
    );
    // The scopes asked for are among the described ones, and each call's are among those asked for.
    let flow = &description.0["components"]["securitySchemes"]["OAuth2UserToken"]["flows"]["authorizationCode"];
    let asked = networks::find("x").unwrap().about().scopes;
    assert!(asked.iter().all(|scope| flow["scopes"].get(*scope).is_some()), "{asked:?}");
    for (request, _) in &api {
        let operation = description.operation(request.method(), request.uri().path().strip_prefix("/x").unwrap());
        let needed = operation["security"].as_array().into_iter().flatten().find_map(|way| way.get("OAuth2UserToken"));
        for scope in needed.and_then(Value::as_array).into_iter().flatten() {
            assert!(asked.contains(&scope.as_str().unwrap()), "{} needs {scope}", request.uri());
        }
    }
    let token = networks::find("x").unwrap().about().endpoints.iter().find(|endpoint| endpoint.key == "token").unwrap().url;
    assert_eq!(flow["tokenUrl"], token);
}
