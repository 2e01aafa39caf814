//! Mails that came back: /api/v1/bounces

use std::sync::Arc;

use axum::extract::{FromRequest as _, Request, State};
use axum::http::header;
use lifecycle::ids::OutboxId;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Answer, Body, MAX, json, too_large};
use crate::actions::bounces::{Taken, of_address, of_mail};
use crate::auth::Caller;
use crate::state::App;

/// As mail servers send it: the mail with the report, or the report alone.
pub(crate) const RAW: &[&str] = &["message/rfc822", "multipart/report"];

/// As gateways say it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    address: String,
    kind: String,
    #[serde(default)]
    reason: String,
    message_id: Option<String>,
}

/// POST /api/v1/bounces
pub async fn report(State(app): State<Arc<App>>, caller: Caller, request: Request) -> Answer {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default().to_owned();
    let plain = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let taken = if RAW.contains(&plain.as_str()) {
        let body = axum::body::to_bytes(request.into_body(), MAX).await.map_err(|_| too_large(MAX))?;
        // A report alone has its boundary in the header of the request.
        let head = if plain == "multipart/report" { format!("Content-Type: {kind}\r\n\r\n") } else { String::new() };
        of_mail(&app, &caller, &[head.as_bytes(), &body[..]].concat()).await?
    } else {
        let Body(said) = Body::<Said>::from_request(request, &()).await?;
        let message = said.message_id.as_deref().and_then(message_of);
        vec![of_address(&app, &caller, said.address.trim(), said.kind == "permanent", &said.reason, message).await?]
    };
    json(200, &json!({ "items": taken.iter().map(shown).collect::<Vec<Value>>() }))
}

/// The Message-ID of a mail of ours begins with the id of the message; either will do.
pub(crate) fn message_of(id: &str) -> Option<OutboxId> {
    id.trim_start_matches('<').split('@').next()?.parse().ok()
}

fn shown(taken: &Taken) -> Value {
    json!({
        "address": taken.address,
        "outcome": taken.outcome.as_str(),
        "user_id": taken.user.as_ref().map(ToString::to_string),
        "message_id": taken.message.as_ref().map(ToString::to_string),
    })
}
