//! Google's own descriptions of YouTube's API and of Business Profile's two newer ones, as PyPI's google-api-python-client brings them
//! along. Its older API for posts and reviews has none.

use std::collections::BTreeSet;
use std::io::Write as _;

use lifecycle::secret::{Secret, TokenSet};
use networks::acting::Post;
use serde_json::{Map, Value, json};

use super::Description;
use crate::{Bench, media, target};

/// What Google calls discovery documents, put together as one description; `None`, loudly, without the package.
fn describe(names: &[&str], prefix: &'static str) -> Option<Description> {
    let Some(folder) = std::env::var_os("STAYGREEN_TEST_GOOGLE") else {
        let words =
            "SKIPPED: STAYGREEN_TEST_GOOGLE does not name where Google's discovery documents are; NOTHING WAS CHECKED AGAINST THEM\n";
        std::io::stderr().write_all(words.as_bytes()).unwrap();
        return None;
    };
    let (mut paths, mut schemas) = (Map::new(), Map::new());
    for name in names {
        let text = std::fs::read_to_string(std::path::Path::new(&folder).join(format!("{name}.json"))).expect("a discovery document");
        let document: Value = serde_json::from_str(&text).expect("JSON");
        let own = |schema: &Value| pointed(schema, name);
        let of = document["schemas"].as_object().into_iter().flatten().map(|(known, schema)| (known.clone(), own(schema)));
        schemas.insert((*name).to_owned(), Value::Object(of.collect()));
        for method in methods(&document) {
            let operation = operation(&document, method, &own);
            let path = method["flatPath"].as_str().or(method["path"].as_str()).expect("a path");
            let verb = method["httpMethod"].as_str().expect("a verb").to_ascii_lowercase();
            let mut at = |path: String, verb: &str| paths.entry(path).or_insert_with(|| json!({}))[verb] = operation.clone();
            at(format!("/{path}"), &verb);
            // Where files go, begun by one verb and sent by another.
            if let Some(upload) = method.pointer("/mediaUpload/protocols/simple/path").and_then(Value::as_str) {
                at(upload.to_owned(), &verb);
                at(upload.to_owned(), "put");
            }
        }
    }
    Some(Description { json: json!({ "paths": paths, "schemas": schemas }), prefix })
}

/// All methods, however deep.
fn methods(resource: &Value) -> Vec<&Value> {
    let own = resource["methods"].as_object().into_iter().flatten().map(|(_, method)| method);
    let below = resource["resources"].as_object().into_iter().flatten().flat_map(|(_, resource)| methods(resource));
    own.chain(below).collect()
}

/// A schema whose references lead into the one description, and whose `any` is any.
fn pointed(schema: &Value, document: &str) -> Value {
    match schema {
        Value::Object(fields) => {
            let kept = fields.iter().filter(|(name, value)| !(*name == "type" && **value == "any"));
            let each = kept.map(|(name, value)| match value.as_str() {
                Some(to) if name == "$ref" => (name.clone(), json!(format!("#/schemas/{document}/{to}"))),
                _ => (name.clone(), pointed(value, document)),
            });
            Value::Object(each.collect())
        }
        Value::Array(items) => items.iter().map(|item| pointed(item, document)).collect(),
        other => other.clone(),
    }
}

fn operation(document: &Value, method: &Value, own: &dyn Fn(&Value) -> Value) -> Value {
    let all = document["parameters"].as_object().into_iter().chain(method["parameters"].as_object()).flatten();
    let parameters: Vec<Value> = all
        .filter(|(_, parameter)| parameter["location"] == "query")
        .map(|(name, parameter)| {
            let mut one = parameter.clone();
            if let Some(one) = one.as_object_mut() {
                one.retain(|field, _| matches!(field.as_str(), "type" | "enum" | "pattern"));
            }
            let schema = if parameter["repeated"] == true { json!({ "type": "array", "items": one }) } else { one };
            json!({ "name": name, "in": "query", "required": parameter["required"], "schema": schema })
        })
        .collect();
    let content = |schema: &Value| if schema.is_null() { json!({}) } else { json!({ "application/json": { "schema": own(schema) } }) };
    json!({
        "parameters": parameters, "scopes": method["scopes"], "requestBody": { "content": content(&method["request"]) },
        // Errors, and the steps of an upload, are described in words alone.
        "responses": { "200": { "content": content(&method["response"]) }, "default": { "content": { "application/json": { "schema": {} } } } }
    })
}

/// What belongs to the login, which is described elsewhere, and the address of an upload, which is Google's own from its beginning on.
fn is_known(wrong: &str) -> bool {
    let is_login = ["POST /token", "GET /v1/userinfo"].iter().any(|call| wrong.starts_with(call));
    let of_upload = ["upload_id is unknown", "part is missing"].map(|what| format!("PUT /upload/youtube/v3/videos: {what}"));
    (is_login && wrong.ends_with("there is no such call")) || of_upload.iter().any(|known| known == wrong)
}

fn api(calls: &BTreeSet<String>) -> Vec<&str> {
    calls
        .iter()
        .map(String::as_str)
        .filter(|call| call.contains("/v3/") || call.contains("accounts") || call.contains("locations"))
        .collect()
}

/// Each call's scopes, one of which is enough, are among those that were granted.
fn scopes_fit(description: &Description, bench: &Bench, granted: &[&str]) {
    for (request, answer) in bench.said.lock().unwrap().iter() {
        let operation = description.paths_of(request);
        let Some(needed) = operation.and_then(|operation| operation["scopes"].as_array()).filter(|_| answer.status().is_success()) else {
            continue;
        };
        let is_granted = needed.iter().filter_map(Value::as_str).any(|scope| granted.contains(&scope));
        assert!(is_granted, "{} was answered without any of {needed:?}", request.uri());
    }
}

/// Everything the adapter ever asks of YouTube, once.
async fn youtube() -> Bench {
    let bench = Bench::new("youtube");
    let tokens = bench.connect("tom.becker").await;
    let found = bench.discover(&tokens).await.expect("listed");
    bench.probe(&tokens);
    let (by, network) = (bench.acting(&tokens, target(&found.profiles[0])), bench.network);
    let film = media("video/mp4", b"not really a film");
    let post = Post { title: Some("Huts".into()), text: "From hut to hut".into(), media: vec![film], ..Post::default() };
    let posted = network.publish(by, &post).await.expect("published");
    let said = network.comment(by, &posted.id, None, "Questions?").await.expect("said");
    for n in 0..6 {
        network.comment(by, &posted.id, Some(&said.id), &format!("Answer {n}")).await.expect("answered");
    }
    assert_eq!(network.comments(by, &posted.id).await.expect("read").len(), 7);
    network.comments(by, "no-such-film").await.expect_err("not there");
    bench.probe(&TokenSet::bearer(Secret::new("dead"), None, vec![]));
    bench
}

#[tokio::test]
async fn youtube_fits_googles_description() {
    let Some(description) = describe(&["youtube.v3"], "/youtube") else { return };
    let bench = youtube().await;
    let calls = description.held_against(&bench, is_known);
    let expected = [
        "GET /youtube/v3/channels 200",
        "GET /youtube/v3/channels 401",
        "GET /youtube/v3/commentThreads 200",
        "GET /youtube/v3/commentThreads 404",
        "GET /youtube/v3/comments 200",
        "POST /upload/youtube/v3/videos 200",
        "POST /youtube/v3/commentThreads 200",
        "POST /youtube/v3/comments 200",
        "PUT /upload/youtube/v3/videos 200",
    ];
    assert_eq!(api(&calls), expected);
    scopes_fit(&description, &bench, bench.network.about().scopes);
}

#[tokio::test]
async fn google_business_fits_googles_descriptions() {
    let names = ["mybusinessaccountmanagement.v1", "mybusinessbusinessinformation.v1"];
    let Some(description) = describe(&names, "/google_business") else { return };
    let bench = Bench::new("google_business");
    let tokens = bench.connect("jana.lindner").await;
    bench.discover(&tokens).await.expect("listed");
    bench.probe(&tokens);
    let calls = description.held_against(&bench, is_known);
    assert_eq!(api(&calls), ["GET /v1/accounts 200", "GET /v1/accounts/{accountsId}/locations 200"]);
}

/// The reading of these documents, with a small one of the same kind: without it, everything might fit.
#[test]
fn references_and_uploads_are_read() {
    let document = json!({ "resources": { "films": { "methods": { "insert": {
        "path": "v1/films", "httpMethod": "POST", "request": { "$ref": "Film" }, "response": { "$ref": "Film" }, "scopes": ["s"],
        "parameters": { "part": { "location": "query", "type": "string", "repeated": true, "required": true } }
    } } } } });
    let found = methods(&document);
    let read = operation(&document, found[0], &|schema| pointed(schema, "films.v1"));
    assert_eq!(read["requestBody"]["content"]["application/json"]["schema"]["$ref"], "#/schemas/films.v1/Film");
    assert_eq!((&read["parameters"][0]["required"], &read["parameters"][0]["schema"]["type"]), (&json!(true), &json!("array")));
    assert_eq!(pointed(&json!({ "type": "any", "items": { "type": "string" } }), "x"), json!({ "items": { "type": "string" } }));
}
