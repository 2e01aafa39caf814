//! Webhook endpoints and chat channels.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use lifecycle::secret::Secret;
use serde::Deserialize;
use serde_json::{Value, json};
use store::deliveries::{self, Delivery};
use store::webhooks::{self, Endpoint, EndpointKind, SUBSCRIBABLE, Signature};

use super::{Answer, Body, json};
use crate::actions::webhooks::{self as action, Change, Wanted};
use crate::api::version::{IfMatch, versioned};
use crate::auth::Caller;
use crate::error::Problem;
use crate::show::rfc3339;
use crate::state::App;

pub(super) fn shown(endpoint: &Endpoint) -> Value {
    json!({
        "id": endpoint.id.as_str(),
        "kind": endpoint.kind,
        "name": endpoint.name,
        "host": endpoint.host,
        "events": endpoint.events,
        "language": endpoint.language,
        "signature": endpoint.signature,
        "public_key": endpoint.public_key,
        "previous_secret_until": endpoint.previous_until.map(rfc3339),
        "created_at": rfc3339(endpoint.created_at),
        "enabled": endpoint.disabled_at.is_none(),
        "disabled_at": endpoint.disabled_at.map(rfc3339),
        "disabled_why": endpoint.disabled_why,
    })
}

fn delivery(delivery: &Delivery) -> Value {
    let state = match delivery {
        Delivery { sent_at: Some(_), .. } => "delivered",
        Delivery { gave_up_at: Some(_), .. } => "gave_up",
        _ => "waiting",
    };
    json!({
        "id": delivery.id.as_str(),
        "type": delivery.kind,
        "state": state,
        "created_at": rfc3339(delivery.created_at),
        "tries": delivery.tries,
        "waits_for": delivery.waits_for,
        "next_try_at": delivery.due_at.map(rfc3339),
        "delivered_at": delivery.sent_at.map(rfc3339),
        "last_error": delivery.last_error,
    })
}

fn with_secret(endpoint: &Endpoint, secret: Option<&Secret>) -> Value {
    let mut body = shown(endpoint);
    body["secret"] = secret.map(Secret::expose).into();
    body
}

/// GET /api/v1/webhook-endpoints
pub async fn list(State(app): State<Arc<App>>) -> Answer {
    let mut tx = app.store.read().await?;
    let all = webhooks::list(&mut tx, &app.organisation).await?;
    json(200, &json!({ "items": all.iter().map(shown).collect::<Vec<_>>() }))
}

/// What `POST /webhook-endpoints` takes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct New {
    url: String,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    kind: Option<EndpointKind>,
    #[serde(default)]
    events: Option<Vec<String>>,
    #[serde(default)]
    language: Option<String>,
    #[serde(default)]
    signature: Option<Signature>,
    #[serde(default)]
    token: Option<String>,
}

/// POST /api/v1/webhook-endpoints
pub async fn create(State(app): State<Arc<App>>, caller: Caller, Body(new): Body<New>) -> Answer {
    let kind = new.kind.unwrap_or(EndpointKind::Webhook);
    let wanted = Wanted {
        kind,
        name: new.name.unwrap_or_else(|| kind.as_str().to_owned()),
        url: new.url,
        events: new.events.unwrap_or_else(|| SUBSCRIBABLE.map(str::to_owned).to_vec()),
        language: new.language.unwrap_or_default(),
        signature: new.signature.unwrap_or(Signature::Hmac),
        token: new.token.map(Secret::new),
    };
    let (endpoint, secret) = action::create(&app, wanted, &caller.named).await?;
    versioned(201, &with_secret(&endpoint, secret.as_ref()), &shown(&endpoint))
}

/// GET /api/v1/webhook-endpoints/{id}
pub async fn get(State(app): State<Arc<App>>, Path(id): Path<String>) -> Answer {
    let endpoint = shown(&action::find(&app, &id).await?);
    versioned(200, &endpoint, &endpoint)
}

/// What `PATCH /webhook-endpoints/{id}` takes; what is left out stays.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Changed {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    url: Option<String>,
    #[serde(default)]
    events: Option<Vec<String>>,
    #[serde(default)]
    enabled: Option<bool>,
}

/// PATCH /api/v1/webhook-endpoints/{id}
pub async fn change(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    seen: IfMatch,
    Body(changed): Body<Changed>,
) -> Answer {
    let change = Change { name: changed.name, url: changed.url, events: changed.events, enabled: changed.enabled };
    let endpoint = shown(&action::change(&app, &id, change, &caller.named, |now| seen.holds(&shown(now))).await?);
    versioned(200, &endpoint, &endpoint)
}

/// DELETE /api/v1/webhook-endpoints/{id}
pub async fn delete(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>, seen: IfMatch) -> Answer {
    action::delete(&app, &id, &caller.named, |now| seen.holds(&shown(now))).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// POST /api/v1/webhook-endpoints/{id}/test
pub async fn test(State(app): State<Arc<App>>, Path(id): Path<String>) -> Answer {
    json(200, &delivery(&action::test(&app, &id).await?))
}

/// POST /api/v1/webhook-endpoints/{id}/rotate-secret
pub async fn rotate(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>) -> Answer {
    let (endpoint, secret) = action::rotate(&app, &id, &caller.named).await?;
    versioned(200, &with_secret(&endpoint, secret.as_ref()), &shown(&endpoint))
}

/// What `GET /webhook-endpoints/{id}/deliveries` takes.
#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Asked {
    cursor: Option<String>,
    limit: Option<u32>,
}

/// GET /api/v1/webhook-endpoints/{id}/deliveries
pub async fn log(State(app): State<Arc<App>>, Path(id): Path<String>, Query(asked): Query<Asked>) -> Answer {
    let endpoint = action::find(&app, &id).await?;
    let limit = asked.limit.unwrap_or(50);
    if !(1..=200).contains(&limit) {
        return Err(Problem::field("limit", "is 1 to 200"));
    }
    let before = asked.cursor.map(|cursor| cursor.parse().map_err(|_| Problem::field("cursor", "is not one of ours"))).transpose()?;
    let mut tx = app.store.read().await?;
    let mut found = deliveries::list(&mut tx, &app.organisation, Some(endpoint.id.as_str()), before.as_ref(), limit + 1).await?;
    let more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let next = found.last().filter(|_| more).map(|last| last.id.to_string());
    json(200, &json!({ "items": found.iter().map(delivery).collect::<Vec<_>>(), "next_cursor": next }))
}

/// POST /api/v1/webhook-endpoints/{id}/deliveries/{message}/replay
pub async fn replay(State(app): State<Arc<App>>, Path((id, message)): Path<(String, String)>) -> Answer {
    action::replay(&app, &id, &message).await?;
    json(202, &json!({ "id": message }))
}
