//! What goes wrong, said to people and tools: RFC 9457 in the API, a page for people; internals stay in the log.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use store::StoreError;

/// A problem, with a stable code and words that say what to do.
#[derive(Debug)]
pub struct Problem {
    /// HTTP status.
    pub status: StatusCode,
    /// Stable code.
    pub code: &'static str,
    /// What is wrong and what to do, in English.
    pub detail: String,
    /// Further members of the problem document.
    pub more: Value,
}

impl Problem {
    /// A problem of that status and code.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into(), more: Value::Null }
    }

    /// It does not exist, or not for this caller: the two look alike (NT-20).
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "There is nothing here, or you may not see it.")
    }

    /// The caller must sign in.
    pub fn sign_in() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", "Sign in, or send an API key as \"Authorization: Bearer sg_…\".")
    }

    /// The caller may not do this.
    pub fn forbidden(why: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", why)
    }

    /// A field is wrong.
    pub fn field(field: &str, what: &str) -> Self {
        Self { more: json!({ "field": field }), ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_field", format!("{field}: {what}")) }
    }

    /// The same with further members.
    #[must_use]
    pub fn with(mut self, more: Value) -> Self {
        self.more = more;
        self
    }
}

impl From<StoreError> for Problem {
    /// The border where the chain is logged; outside only that something of ours failed is told.
    fn from(error: StoreError) -> Self {
        tracing::error!(error = %error, "server: the storage failed");
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "storage_unavailable",
            "Our storage cannot be reached at this moment. Nothing was changed; try again shortly.",
        )
    }
}

impl From<lifecycle::ledger::LedgerError> for Problem {
    fn from(error: lifecycle::ledger::LedgerError) -> Self {
        tracing::error!(error = %error, "server: the ledger failed");
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "storage_unavailable",
            "Our storage cannot be reached at this moment. Nothing was changed; try again shortly.",
        )
    }
}

impl Problem {
    /// The problem document (RFC 9457).
    pub fn document(&self) -> Value {
        let mut body = json!({ "type": format!("urn:staygreen:problem:{}", self.code), "title": self.status.canonical_reason(), "status": self.status.as_u16(), "code": self.code, "detail": self.detail });
        if let (Value::Object(body), Value::Object(more)) = (&mut body, &self.more) {
            body.extend(more.clone());
        }
        body
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = self.document();
        let retry_after = body["retry_after"].as_i64();
        let mut answer =
            (self.status, [(header::CONTENT_TYPE, "application/problem+json"), (header::CACHE_CONTROL, "no-store")], body.to_string())
                .into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            answer.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"Staygreen\""));
        }
        if let Some(seconds) = retry_after {
            answer.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        answer
    }
}
