//! What a call must not say beside its method and path, which are what is decided about: who calls, and another method.

use std::fmt;

use axum::http::Method;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

/// Names of what says who calls; it is put onto the call here, and only here.
const CREDENTIALS: [&str; 5] = ["access_token", "client_secret", "oauth_consumer_key", "oauth_signature", "oauth_token"];
/// Google takes whole headers out of a query, the credential among them.
const HEADERS: &str = "$httpheaders";

/// Names under which servers take another method than the one of the request: Meta's Graph API does (`method`), Google (`$httpMethod`), and
/// what is made with Rails, Symfony or Laravel (`_method`).
const METHODS: [&str; 6] = ["$httpmethod", "_method", "http_method", "httpmethod", "method", "x_http_method_override"];

const CREDENTIAL: &str = "the query or body names a credential; it is put onto the call here, and only here";
const OTHER_METHOD: &str =
    "the query or body names another method than the call has; what is decided about is what goes out, so make the call with that method";
const SEVERAL: &str = "the query or body gathers several calls in one; each is decided about by itself, so make them one by one";

/// Why a query, or the form in a body, is not passed on; `None` where it is. Whoever may read must not write by a word in the query.
pub(super) fn why_not(form: &[u8], method: &Method, steered_by: &[&str]) -> Option<&'static str> {
    url::form_urlencoded::parse(form).find_map(|(name, value)| field(&name, Some(&value), method, steered_by))
}

/// Why a JSON body is not passed on. The same name may stand there more than once: servers differ in which of them they take.
pub(super) fn json_why_not(body: &[u8], method: &Method, steered_by: &[&str]) -> Option<&'static str> {
    if body.trim_ascii().is_empty() {
        return None;
    }
    let Ok(Fields(fields)) = serde_json::from_slice(body) else { return Some("the body is said to be JSON, and is no JSON object") };
    fields.iter().find_map(|(name, value)| match value {
        Value::String(text) => field(name, Some(text), method, steered_by),
        Value::Array(_) | Value::Object(_) => field(name, None, method, steered_by),
        other => field(name, Some(&other.to_string()), method, steered_by),
    })
}

/// Why a part of a multipart body is not passed on, whatever its value is, which comes only after its name.
pub(super) fn speaks_against(name: &str, steered_by: &[&str]) -> Option<&'static str> {
    field(name, None, &Method::GET, steered_by)
}

/// `None` for a value that may be anything.
fn field(name: &str, value: Option<&str>, method: &Method, steered_by: &[&str]) -> Option<&'static str> {
    let name = plain(name);
    if CREDENTIALS.contains(&name.as_str()) || name == HEADERS {
        return Some(CREDENTIAL);
    }
    if steered_by.contains(&name.as_str()) {
        return Some(SEVERAL);
    }
    let other = value.is_none_or(|value| is_method(value) && !value.trim().eq_ignore_ascii_case(method.as_str()));
    (METHODS.contains(&name.as_str()) && other).then_some(OTHER_METHOD)
}

/// The fields of a JSON object, all of them, in order; none where it is no object.
struct Fields(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = vec![];
                while let Some(entry) = map.next_entry()? {
                    fields.push(entry);
                }
                Ok(Fields(fields))
            }
        }
        from.deserialize_map(Each)
    }
}

/// A name as lenient servers read it: PHP leaves out white space before it and what follows a bracket or a zero, and takes some signs for
/// underscores.
fn plain(name: &str) -> String {
    let name = name.trim().split(['[', '\0']).next().unwrap_or_default();
    name.replace(['.', ' ', '-'], "_").to_ascii_lowercase()
}

fn is_method(value: &str) -> bool {
    let known = [Method::DELETE, Method::GET, Method::HEAD, Method::OPTIONS, Method::PATCH, Method::POST, Method::PUT];
    known.iter().any(|method| value.trim().eq_ignore_ascii_case(method.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_another_credential_nor_another_method_goes_out() {
        for query in [
            "access_token=x",
            "a=b&%61ccess_token=x",
            "Access_Token=x",
            "%20access_token=x",
            "access_token[]=x",
            "access_token%00=x",
            "oauth.token=x",
            "method=delete",
            "method=POST",
            "fields=id&METHOD=Delete",
            "_method=put",
            "method=%20delete%20",
            "method%5B%5D=delete",
            "X-HTTP-Method-Override=DELETE",
            "$httpMethod=DELETE",
            "$httpHeaders=X-HTTP-Method-Override:DELETE",
            "batch=[]",
            "Batch%5B0%5D%5Bmethod%5D=DELETE",
        ] {
            assert!(why_not(query.as_bytes(), &Method::GET, &["batch"]).is_some(), "{query}");
        }
        assert_eq!(why_not(b"batch=spring", &Method::GET, &[]), None, "where it is a word like any other");
        for query in ["", "method=get", "method=newest", "fields=access_token", "accounting_method=post", "order=delete", "token=x"] {
            assert_eq!(why_not(query.as_bytes(), &Method::GET, &["batch"]), None, "{query}");
        }
    }

    #[test]
    fn a_body_of_json_says_nothing_else_either() {
        let why = |body: &str| json_why_not(body.as_bytes(), &Method::POST, &["batch"]);
        for body in [
            r#"{"method":"delete"}"#,
            r#" { "message": "x", "\u006dethod": "DELETE" } "#,
            r#"{"method":"post","method":"delete"}"#,
            r#"{"_method":["delete"]}"#,
            r#"{"access_token":"x"}"#,
            r#"{"batch":[{"method":"DELETE","relative_url":"1"}]}"#,
            r#"{"batch":"[]"}"#,
            r#"{"method":"delete""#,
            "{'method':'delete'}",
            "method=delete",
            "[1,2]",
        ] {
            assert!(why(body).is_some(), "{body}");
        }
        for body in
            ["", " ", "{}", r#"{"method":"post"}"#, r#"{"method":"newest"}"#, r#"{"method":1}"#, r#"{"a":{"method":"delete","batch":[]}}"#]
        {
            assert_eq!(why(body), None, "{body}");
        }
    }
}
