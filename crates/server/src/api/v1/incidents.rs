//! Incidents of networks, apart from dead tokens: /api/v1/incidents

use std::sync::Arc;

use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};
use store::incidents;

use super::{Answer, Body, json};
use crate::actions;
use crate::auth::Caller;
use crate::show::rfc3339;
use crate::state::App;

/// GET /api/v1/incidents: those that are open, oldest first.
pub async fn list(State(app): State<Arc<App>>) -> Answer {
    let mut tx = app.store.read().await?;
    let mut items: Vec<Value> = vec![];
    for at in incidents::open(&mut tx, &app.organisation).await? {
        let profiles = incidents::profiles_touched(&mut tx, &app.organisation, &at).await?;
        items.push(json!({
            "network": at.network,
            "instance": at.instance,
            "server": at.server,
            "kind": at.incident.kind.as_str(),
            "since": rfc3339(at.incident.began_at),
            "owners_told_at": at.incident.owners_told_at.map(rfc3339),
            "profiles": profiles,
        }));
    }
    json(200, &json!({ "items": items }))
}

/// Where.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    network: String,
    #[serde(default)]
    instance: String,
}

/// POST /api/v1/incidents/release: what the network refuses is real.
pub async fn release(State(app): State<Arc<App>>, caller: Caller, Body(place): Body<Place>) -> Answer {
    actions::incidents::release(&app, &caller, &place.network, &place.instance).await?;
    list(State(app)).await
}
