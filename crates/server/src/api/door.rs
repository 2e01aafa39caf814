//! Before every handler: what was sent is held against what is described, and whatever is missing, of the wrong type, too large
//! or unknown is answered with the name of the field.

use std::collections::BTreeSet;

use axum::extract::{FromRequestParts as _, RawPathParams, Request};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::form_urlencoded;

use super::described::{self, Operation};
use super::shape::Shape;
use crate::error::Problem;

/// The operation that a request is for, as its handler and the reader of its body find it.
#[derive(Clone, Copy)]
pub struct Entered(&'static Operation);

/// Checks path and query, and tells the reader of the body what is expected there.
pub async fn enter(operation: &'static Operation, path: &'static str, request: Request) -> Result<Request, Problem> {
    let (mut parts, body) = request.into_parts();
    // What cannot be read as text is answered by the handler's own reading of the path.
    let given = RawPathParams::from_request_parts(&mut parts, &()).await.ok();
    given.iter().flatten().try_for_each(|(name, value)| check_in_path(path, name, value))?;
    check_query(operation, parts.uri.query().unwrap_or_default())?;
    parts.extensions.insert(Entered(operation));
    Ok(Request::from_parts(parts, body))
}

/// An id that is none names nothing that is here, which the handler says; a text of the network's may be too long.
fn check_in_path(path: &str, name: &str, value: &str) -> Result<(), Problem> {
    match described::in_path(path, name) {
        shape @ Shape::Text { .. } => shape.check_text(value).map_err(|what| Problem::field(name, &what)),
        _ => Ok(()),
    }
}

fn check_query(operation: &Operation, query: &str) -> Result<(), Problem> {
    let mut seen = BTreeSet::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let Some(field) = operation.query.iter().find(|field| field.name == name) else {
            let known: Vec<&str> = operation.query.iter().map(|field| field.name).collect();
            let known = if known.is_empty() { "there are none".to_owned() } else { format!("the parameters are {}", known.join(", ")) };
            return Err(Problem::field(&name, &format!("is not a parameter here; {known}")));
        };
        if !seen.insert(field.name) {
            return Err(Problem::field(field.name, "is given twice"));
        }
        field.shape.check_text(&value).map_err(|what| Problem::field(field.name, &what))?;
    }
    Ok(())
}

/// Reads a body as what is described, and as what its handler wants.
pub fn read<T: DeserializeOwned>(entered: Option<Entered>, bytes: &[u8]) -> Result<T, Problem> {
    let broken = |error: serde_json::Error| Problem::field("body", &format!("is not the JSON that is wanted here: {error}"));
    if let Some(Entered(operation)) = entered {
        let value: Value = serde_json::from_slice(bytes).map_err(broken)?;
        Shape::Object(operation.body).check(&value, "").map_err(|wrong| Problem::field(&wrong.field, &wrong.what))?;
    }
    // From the bytes once more: a field that is there twice is refused too.
    serde_json::from_slice(bytes).map_err(broken)
}

/// Whether a request is one to a network, which goes through us: `/api/v1/profiles/{id}/proxy/…`.
pub(crate) fn is_passed_through(path: &str) -> bool {
    path.starts_with("/api/") && path.split('/').nth(5) == Some("proxy")
}

/// Whether the API itself answers on this path.
pub(crate) fn is_ours(path: &str) -> bool {
    path.starts_with("/api/") && !is_passed_through(path)
}

/// Whatever goes wrong before a handler of the API (a path that is no text, a method that is not there) is answered in its own form.
pub(crate) fn in_form(answer: Response) -> Response {
    if !(answer.status().is_client_error() || answer.status().is_server_error()) {
        return answer;
    }
    let kind = answer.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if kind.starts_with("application/problem+json") {
        return answer;
    }
    let allow = answer.headers().get(header::ALLOW).cloned();
    let problem = match answer.status() {
        StatusCode::METHOD_NOT_ALLOWED => {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "This cannot be done here; see the header Allow.")
        }
        StatusCode::BAD_REQUEST => Problem::field("path", "is not text that can be read"),
        status => Problem::new(status, "refused", "The request cannot be worked on."),
    };
    let mut answer = problem.into_response();
    if let Some(allow) = allow {
        answer.headers_mut().insert(header::ALLOW, allow);
    }
    answer
}
