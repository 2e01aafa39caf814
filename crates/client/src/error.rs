//! What can go wrong.

use serde::Deserialize;
use serde_json::{Map, Value};

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server refused, and said why.
    #[error(transparent)]
    Problem(#[from] Box<Problem>),
    /// The server could not be reached, or did not answer in time. The act may have been done: repeat it with the same key.
    #[error("the server cannot be reached: {0}")]
    Unreachable(String),
    /// What answered is no Staygreen server, or one of another time.
    #[error("what answers there is no Staygreen server that this client knows")]
    NotStaygreen,
    /// The address is none.
    #[error("\"{0}\" is not the address of a server; write it like https://staygreen.example.com")]
    Address(String),
}

impl Error {
    /// The address is left out: it may hold a name that is nobody's business, and the caller knows it.
    pub(crate) fn from_http(error: reqwest::Error) -> Self {
        let error = error.without_url();
        let mut cause: &dyn std::error::Error = &error;
        while let Some(inner) = cause.source() {
            cause = inner;
        }
        Self::Unreachable(cause.to_string())
    }

    /// The problem's code, where the server gave one: `no_access_tokens_available`, `not_supported_by_network` …
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Problem(problem) => Some(&problem.code),
            _ => None,
        }
    }
}

/// A problem document (RFC 9457).
#[derive(Debug, Clone, PartialEq, Deserialize, thiserror::Error)]
#[error("{detail}")]
pub struct Problem {
    /// The HTTP status.
    pub status: u16,
    /// A stable word for programs.
    pub code: String,
    /// What is wrong and what to do, for people.
    pub detail: String,
    /// The field that is wrong, where it is one.
    #[serde(default)]
    pub field: Option<String>,
    /// After how many seconds to ask again, where the server says so.
    #[serde(default)]
    pub retry_after: Option<u64>,
    /// Whatever else the server said.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}
