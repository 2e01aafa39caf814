//! What adapters ask and what their twins answer, held against descriptions of the networks' APIs that were not written here:
//! X's, Pinterest's and Google's own, the community's of Mastodon's. They are not part of this repository: where they are not beside it,
//! nothing is checked, and that is said. A description is not the whole truth either; what fits it need not work.

mod google;
mod mastodon;
mod pinterest;
mod x;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::Path;

use http::{Method, Request};
use regex::Regex;
use serde_json::{Value, json};

use crate::{Bench, Exchanged};

/// A small reader of `OpenAPI`: what these descriptions use, and nothing more.
struct Description {
    json: Value,
    /// What stands before the description's paths in the sandbox.
    prefix: &'static str,
}

impl Description {
    /// The description in that file; `None`, and said loudly, where it is not there.
    fn open(file: &str, prefix: &'static str) -> Option<Self> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/openapi").join(file);
        let Ok(text) = std::fs::read_to_string(&path) else {
            // Not by the macro: what it prints is shown only of tests that fail.
            let at = path.display();
            let words = format!("SKIPPED: there is no API description at {at}; NOTHING WAS CHECKED AGAINST IT\n");
            std::io::stderr().write_all(words.as_bytes()).unwrap();
            return None;
        };
        Some(Self { json: serde_json::from_str(&text).expect("JSON"), prefix })
    }

    fn find<'a>(&'a self, schema: &'a Value) -> &'a Value {
        match schema["$ref"].as_str() {
            Some(path) => self.find(self.json.pointer(path.trim_start_matches('#')).unwrap_or_else(|| panic!("no {path}"))),
            None => schema,
        }
    }

    /// The schema that a field of the value itself names, where there are several.
    fn named<'a>(&'a self, schema: &'a Value, value: &Value) -> &'a Value {
        let schema = self.find(schema);
        let names = &schema["discriminator"];
        let name = names["propertyName"].as_str().and_then(|field| value[field].as_str());
        let path = name.and_then(|name| names["mapping"][name].as_str());
        path.map_or(schema, |path| self.json.pointer(path.trim_start_matches('#')).unwrap_or_else(|| panic!("no {path}")))
    }

    /// The properties of an object and those that must be there, also where it is put together of several.
    fn shape<'a>(&'a self, schema: &'a Value) -> (BTreeMap<&'a str, &'a Value>, BTreeSet<&'a str>) {
        let schema = self.find(schema);
        let (mut properties, mut required) = (BTreeMap::new(), BTreeSet::new());
        for part in schema["allOf"].as_array().into_iter().flatten() {
            let (more, needed) = self.shape(part);
            properties.extend(more);
            required.extend(needed);
        }
        properties.extend(schema["properties"].as_object().into_iter().flatten().map(|(name, schema)| (name.as_str(), schema)));
        required.extend(schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str));
        (properties, required)
    }

    /// Everything that does not fit, with where it is: also properties the description does not know.
    fn misfits(&self, schema: &Value, value: &Value, at: &str) -> Vec<String> {
        let schema = self.named(schema, value);
        if value.is_null() && schema["nullable"] == true {
            return vec![];
        }
        if let Some(choices) = schema["oneOf"].as_array().or(schema["anyOf"].as_array()) {
            let tried = choices.iter().map(|choice| self.misfits(choice, value, at));
            return tried.min_by_key(Vec::len).unwrap_or_default();
        }
        let kinds = match &schema["type"] {
            Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
            kind => kind.as_str().into_iter().collect::<Vec<_>>(),
        };
        if !kinds.is_empty() && !kinds.iter().any(|kind| is_of(kind, value)) {
            return vec![format!("{at}: {value} is no {}", kinds.join(" or "))];
        }
        let mut wrong = vec![];
        if let Some(known) = schema["enum"].as_array().filter(|known| !known.contains(value)) {
            wrong.push(format!("{at}: {value} is none of {known:?}"));
        }
        match value {
            Value::Object(object) => wrong.extend(self.object(schema, object, at)),
            Value::Array(items) => {
                if !is_long_enough(schema, "Items", items.len()) {
                    wrong.push(format!("{at}: {} items", items.len()));
                }
                wrong.extend(items.iter().enumerate().flat_map(|(n, item)| self.misfits(&schema["items"], item, &format!("{at}[{n}]"))));
            }
            _ => wrong.extend(schema["allOf"].as_array().into_iter().flatten().flat_map(|part| self.misfits(part, value, at))),
        }
        if let Some(text) = value.as_str() {
            // A pattern of another dialect is not checked.
            let pattern = schema["pattern"].as_str().and_then(|pattern| Regex::new(pattern).ok());
            if !is_long_enough(schema, "Length", text.chars().count()) || pattern.is_some_and(|pattern| !pattern.is_match(text)) {
                wrong.push(format!("{at}: {text:?} is not of the form it has to have"));
            }
        }
        wrong
    }

    fn object(&self, schema: &Value, object: &serde_json::Map<String, Value>, at: &str) -> Vec<String> {
        let (properties, required) = self.shape(schema);
        let missing = required.iter().filter(|name| !object.contains_key(**name));
        let mut wrong: Vec<String> = missing.map(|name| format!("{at}: {name} is missing")).collect();
        for (name, value) in object {
            match properties.get(name.as_str()) {
                Some(schema) => wrong.extend(self.misfits(schema, value, &format!("{at}.{name}"))),
                None if schema["additionalProperties"] == false || !properties.is_empty() => wrong.push(format!("{at}: {name} is unknown")),
                None => {}
            }
        }
        wrong
    }

    /// The description's own path of a request; names in braces stand for anything, and the fewer of them, the better.
    fn path(&self, request: &Request<bytes::Bytes>) -> String {
        let path = request.uri().path().strip_prefix(self.prefix).unwrap_or_else(|| panic!("{} goes elsewhere", request.uri()));
        let fits = |known: &&String| {
            let (known, asked): (Vec<&str>, Vec<&str>) = (known.split('/').collect(), path.split('/').collect());
            known.len() == asked.len() && known.iter().zip(&asked).all(|(known, asked)| known == asked || known.starts_with('{'))
        };
        let known = self.json["paths"].as_object().expect("paths").keys().filter(fits).min_by_key(|known| known.matches('{').count());
        known.cloned().unwrap_or_else(|| path.to_owned())
    }

    /// The same where the request goes anywhere.
    fn paths_of(&self, request: &Request<bytes::Bytes>) -> Option<&Value> {
        let is_here = request.uri().path().starts_with(self.prefix);
        is_here.then(|| self.operation(request)).filter(|operation| !operation.is_null())
    }

    fn operation(&self, request: &Request<bytes::Bytes>) -> &Value {
        &self.json["paths"][self.path(request)][request.method().as_str().to_ascii_lowercase()]
    }

    fn check(&self, (request, answer): &Exchanged) -> Vec<String> {
        let (operation, at) = (self.operation(request), format!("{} {}", request.method(), self.path(request)));
        if operation.is_null() {
            return vec![format!("{at}: there is no such call")];
        }
        let mut wrong = self.parameters(operation, request, &at);
        if matches!(*request.method(), Method::POST | Method::PUT) {
            wrong.extend(self.sent(operation, request, &at));
        }
        let status = answer.status();
        let responses = &operation["responses"];
        let described = match responses.get(status.as_str()) {
            None if !status.is_success() => &responses["default"],
            exactly => exactly.unwrap_or(&Value::Null),
        };
        if described.is_null() {
            wrong.push(format!("{at}: {} is not described", status.as_u16()));
        }
        let content = &self.find(described)["content"];
        let kind = answer.headers().get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default();
        match (content.as_object(), content.get(kind)) {
            (Some(_), None) => wrong.push(format!("{at}: {} {kind} is not described", status.as_u16())),
            (_, Some(described)) => {
                let body: Value = serde_json::from_slice(answer.body()).unwrap();
                wrong.extend(self.misfits(&described["schema"], &body, &format!("{at} {}", status.as_u16())));
            }
            (None, None) => {}
        }
        wrong
    }

    fn parameters(&self, operation: &Value, request: &Request<bytes::Bytes>, at: &str) -> Vec<String> {
        let known: Vec<&Value> = operation["parameters"].as_array().into_iter().flatten().map(|parameter| self.find(parameter)).collect();
        let sent: BTreeMap<String, String> =
            url::form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes()).into_owned().collect();
        let mut wrong = vec![];
        for parameter in known.iter().filter(|parameter| parameter["required"] == true) {
            let name = parameter["name"].as_str().unwrap();
            let is_there = match parameter["in"].as_str() {
                Some("query") => sent.contains_key(name),
                Some("header") => request.headers().contains_key(name),
                _ => true,
            };
            if !is_there {
                wrong.push(format!("{at}: {name} is missing"));
            }
        }
        for (name, text) in &sent {
            match known.iter().find(|parameter| parameter["name"] == name.as_str() && parameter["in"] == "query") {
                None => wrong.push(format!("{at}: {name} is unknown")),
                Some(parameter) => {
                    let schema = self.find(&parameter["schema"]);
                    wrong.extend(self.misfits(schema, &self.meant(schema, text), &format!("{at} {name}")));
                }
            }
        }
        wrong
    }

    /// What a text of a form or query stands for.
    fn meant(&self, schema: &Value, text: &str) -> Value {
        match self.find(schema)["type"].as_str() {
            Some("array") => json!(text.split(',').collect::<Vec<_>>()),
            Some("integer" | "number" | "boolean") => serde_json::from_str(text).unwrap_or(Value::Null),
            _ => json!(text),
        }
    }

    fn sent(&self, operation: &Value, request: &Request<bytes::Bytes>, at: &str) -> Vec<String> {
        let content = &self.find(&operation["requestBody"])["content"];
        let kind = request.headers()["content-type"].to_str().unwrap().split(';').next().unwrap_or_default();
        // There are documentations that speak of forms where the description has JSON: the fields are the same.
        let schema = content.get(kind).unwrap_or(&content["application/json"])["schema"].clone();
        let body = match kind {
            "application/json" => serde_json::from_slice(request.body()).unwrap(),
            "application/x-www-form-urlencoded" => {
                let fields: Value = url::form_urlencoded::parse(request.body())
                    .map(|(name, text)| (name.into_owned(), Value::from(text.into_owned())))
                    .collect::<serde_json::Map<_, _>>()
                    .into();
                let (properties, _) = self.shape(self.named(&schema, &fields));
                let meant = |(name, text): (&String, &Value)| {
                    let schema = properties.get(name.as_str()).copied().unwrap_or(&Value::Null);
                    (name.clone(), self.meant(schema, text.as_str().unwrap_or_default()))
                };
                Value::Object(fields.as_object().into_iter().flatten().map(meant).collect())
            }
            _ => {
                // A form of parts: which parts there are.
                let text = String::from_utf8_lossy(request.body()).into_owned();
                let parts = text.split("name=\"").skip(1).filter_map(|part| part.split_once('"'));
                json!(parts.map(|(name, _)| (name, "")).collect::<BTreeMap<&str, &str>>())
            }
        };
        self.misfits(&schema, &body, &format!("{at} body"))
    }

    /// Everything of the API that was said on this bench, checked: what does not fit, and which calls there were.
    fn held_against(&self, bench: &Bench, is_known: impl Fn(&str) -> bool) -> BTreeSet<String> {
        let said = bench.said.lock().unwrap();
        let api = said.iter().filter(|(request, _)| request.uri().path().starts_with(self.prefix)).collect::<Vec<_>>();
        let wrong: BTreeSet<String> = api.iter().flat_map(|said| self.check(said)).filter(|wrong| !is_known(wrong)).collect();
        assert_eq!(wrong, BTreeSet::new());
        let call = |(request, answer): &&Exchanged| format!("{} {} {}", request.method(), self.path(request), answer.status().as_u16());
        api.iter().map(call).collect()
    }
}

fn is_of(kind: &str, value: &Value) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("there is no type {other}"),
    }
}

fn is_long_enough(schema: &Value, of: &str, length: usize) -> bool {
    let limit = |end: &str| schema[format!("{end}{of}")].as_u64().and_then(|limit| usize::try_from(limit).ok());
    limit("min").is_none_or(|min| length >= min) && limit("max").is_none_or(|max| length <= max)
}

/// The reader finds what does not fit: without this, everything might fit.
#[test]
fn what_does_not_fit_is_found() {
    let schema = json!({
        "allOf": [{ "type": "object", "required": ["id"], "properties": { "id": { "type": "string", "pattern": "^\\d+$" } } }],
        "properties": { "tags": { "type": "array", "maxItems": 1, "items": { "enum": ["a"] } }, "none": { "type": "string", "nullable": true } }
    });
    let description = Description { json: json!({ "paths": {} }), prefix: "" };
    let misfits = |value: Value| description.misfits(&schema, &value, "it").len();
    assert_eq!(misfits(json!({ "id": "7", "tags": ["a"], "none": null })), 0);
    for wrong in [json!({}), json!({ "id": 7 }), json!({ "id": "x" }), json!({ "id": "7", "more": 1 }), json!({ "id": "7", "tags": ["b"] })]
    {
        assert_eq!(misfits(wrong.clone()), 1, "{wrong}");
    }
    assert_eq!(misfits(json!({ "id": "7", "tags": ["a", "a"], "none": 1 })), 2);
}
