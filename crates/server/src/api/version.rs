//! Two tools, or a tool and a person, at the same settings: each answer says by `ETag` which version it shows, and a change that names
//! one by `If-Match` is made only while nobody else has changed them (RFC 9110, 13.1.1). The pages have `pages/together.rs` for that.

use std::sync::Arc;

use aws_lc_rs::digest;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use serde_json::Value;

use super::shape::{Field, Shape, may};
use super::v1::{Answer, json};
use crate::error::Problem;
use crate::state::App;

/// The header, as it is described.
pub const HEADER: Field = may(
    "If-Match",
    Shape::Pattern {
        pattern: r#"^\s*(\*|(W/)?"[^"\s]*"(\s*,\s*(W/)?"[^"\s]*")*)\s*$"#,
        max: 1000,
        fits: |text| read(text).is_some(),
        what: "is * or an ETag as it came, with its quotes",
    },
);

/// Bytes of a digest that are shown: two versions that look the same are not to be expected.
const SHOWN_BYTES: usize = 16;

/// Which versions a change may meet.
#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    /// Whichever there is.
    Any,
    /// One of these.
    One(Vec<String>),
}

/// What the caller has seen before the change: the header `If-Match`. Without it a change meets whatever there is.
#[derive(Debug)]
pub struct IfMatch(Option<Wanted>);

/// `None` where it is no such header. A weak tag is read, and is never the same as a version (RFC 9110, 8.8.3.2).
fn read(text: &str) -> Option<Wanted> {
    if text.trim() == "*" {
        return Some(Wanted::Any);
    }
    let is_tag = |tag: &str| {
        let quoted = tag.strip_prefix("W/").unwrap_or(tag);
        let inner = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        inner.is_some_and(|inner| !inner.contains(|c: char| c == '"' || c.is_whitespace()))
    };
    let tags: Vec<String> = text.split(',').map(|tag| tag.trim().to_owned()).collect();
    tags.iter().all(|tag| is_tag(tag)).then_some(Wanted::One(tags))
}

/// The version of settings: the same as long as what can be changed and is shown is the same.
fn tag(settings: &Value) -> String {
    let digest = digest::digest(&digest::SHA256, settings.to_string().as_bytes());
    let short: String = digest.as_ref().iter().take(SHOWN_BYTES).map(|byte| format!("{byte:02x}")).collect();
    format!("\"{short}\"")
}

impl IfMatch {
    /// Whether what is stored now is what the caller has seen.
    ///
    /// # Errors
    /// 412: somebody else has changed it.
    pub fn holds(&self, settings: &Value) -> Result<(), Problem> {
        match &self.0 {
            Some(Wanted::One(tags)) if !tags.contains(&tag(settings)) => Err(Problem::new(
                StatusCode::PRECONDITION_FAILED,
                "changed_meanwhile",
                "Somebody else changed this since you read it, and nothing was done. Read it again, and send its new ETag as If-Match.",
            )
            .with(serde_json::json!({ "field": HEADER.name }))),
            _ => Ok(()),
        }
    }
}

impl FromRequestParts<Arc<App>> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let lines: Vec<_> = parts.headers.get_all(header::IF_MATCH).iter().map(|line| line.to_str().unwrap_or_default()).collect();
        if lines.is_empty() {
            return if app.config.server.demand_if_match { Err(missing()) } else { Ok(Self(None)) };
        }
        let text = lines.join(", ");
        HEADER.shape.check_text(&text).map_err(|what| Problem::field(HEADER.name, &what))?;
        Ok(Self(read(&text)))
    }
}

/// The operator wants nobody to change what they have not read (RFC 6585, 3).
fn missing() -> Problem {
    let words = "This installation takes changes of settings with If-Match only: read them, and send their ETag as If-Match.";
    Problem::new(StatusCode::PRECONDITION_REQUIRED, "if_match_missing", words).with(serde_json::json!({ "field": HEADER.name }))
}

/// JSON that says which version of the settings it shows.
pub fn versioned(status: u16, body: &Value, settings: &Value) -> Answer {
    let mut answer = json(status, body)?;
    if let Ok(tag) = HeaderValue::from_str(&tag(settings)) {
        answer.headers_mut().insert(header::ETAG, tag);
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{IfMatch, Wanted, read, tag};

    #[test]
    fn the_header_is_read_as_rfc_9110_has_it() {
        assert_eq!(read(" * "), Some(Wanted::Any));
        assert_eq!(read("\"a\",W/\"b\" , \"\""), Some(Wanted::One(vec!["\"a\"".into(), "W/\"b\"".into(), "\"\"".into()])));
        for text in ["", "a", "\"a", "\"a\" \"b\"", "\"a\",", "*, \"a\"", "w/\"a\"", "'a'"] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn only_what_was_seen_may_be_changed() {
        let (seen, other) = (json!({ "name": "Brand" }), json!({ "name": "Brands" }));
        let asked = |text: &str| IfMatch(read(text));
        assert!(asked(&tag(&seen)).holds(&seen).is_ok() && asked(&format!("\"x\", {}", tag(&seen))).holds(&seen).is_ok());
        assert!(asked("*").holds(&seen).is_ok() && IfMatch(None).holds(&seen).is_ok());
        let refused = asked(&tag(&other)).holds(&seen).map_err(|problem| (problem.status.as_u16(), problem.code));
        assert_eq!(refused, Err((412, "changed_meanwhile")));
        assert!(asked(&format!("W/{}", tag(&seen))).holds(&seen).is_err(), "a weak tag is no version");
    }
}
