//! Where a person goes after a connection that a tool began: back to the tool, at an origin that the operator allows
//! (`server.return_origins`), and nowhere else (RFC 9700 4.11.1, NT-05).

use axum::http::StatusCode;
use store::connections::{Connection, Stage};
use url::Url;

use crate::error::Problem;
use crate::state::App;

/// The address, when its origin is one of those allowed.
pub fn allowed(app: &App, address: &str) -> Result<String, Problem> {
    let refuse = |why: &str| Err(Problem::field("return_to", why));
    let Ok(url) = Url::parse(address) else { return refuse("must be a whole address, like https://tool.example/connected") };
    if !matches!(url.scheme(), "http" | "https") || !url.username().is_empty() || url.password().is_some() {
        return refuse("must be an http or https address without user and password");
    }
    let origin = url.origin().ascii_serialization();
    if !app.config.server.return_origins.contains(&origin) {
        return Err(Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "return_to_not_allowed",
            format!("People may not be sent to {origin} from here. The operator adds it to server.return_origins."),
        )
        .with(serde_json::json!({ "field": "return_to" })));
    }
    Ok(url.into())
}

/// Where the person goes now: the tool's address with the connection, where it stands, and why it failed where it did.
pub fn address(connection: &Connection) -> Option<String> {
    let mut url = Url::parse(connection.begun.return_to.as_deref()?).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    let error = connection.failure.as_ref().filter(|_| connection.stage == Stage::Failed).map(|failure| failure.code.as_str());
    url.query_pairs_mut().append_pair("connection", connection.id.as_str()).append_pair("status", connection.stage.shown());
    if let Some(error) = error {
        url.query_pairs_mut().append_pair("error", error);
    }
    Some(url.into())
}
