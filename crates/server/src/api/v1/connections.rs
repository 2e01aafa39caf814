//! Beginning a connection and following it.

use std::sync::Arc;

use axum::extract::{Path, State};
use lifecycle::ids::TeamId;
use serde::Deserialize;
use serde_json::{Value, json};
use store::connect::Chosen;
use store::connections::{self, Connection, Failed};
use store::grants;

use super::{Answer, Body, json};
use crate::actions::connect::{self, By, network_named};
use crate::actions::{finish, return_to};
use crate::auth::{self, Caller};
use crate::error::Problem;
use crate::show::{evidence, rfc3339};
use crate::state::App;

/// What `POST /connections` takes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Begin {
    network: String,
    instance: Option<String>,
    handle: Option<String>,
    return_to: Option<String>,
}

/// POST /api/v1/connections
pub async fn begin(State(app): State<Arc<App>>, caller: Caller, Body(body): Body<Begin>) -> Answer {
    let network = network_named(&body.network)?;
    let return_to = body.return_to.as_deref().map(|address| return_to::allowed(&app, address)).transpose()?;
    let by = By { actor: caller.named.clone(), browser: None, lang: caller.lang };
    let started = connect::begin(&app, network, body.handle.or(body.instance), by, return_to).await?;
    json(201, &json!({ "id": started.id.as_str(), "authorize_url": started.authorize_url, "expires_at": rfc3339(started.expires_at) }))
}

async fn show(app: &App, caller: &Caller, connection: &Connection) -> Result<Value, Problem> {
    let mut tx = app.store.read().await?;
    let person = match &connection.person {
        Some(id) => grants::person(&mut tx, id)
            .await?
            .map(|person| json!({ "id": person.id.as_str(), "name": person.name, "handle": person.handle })),
        None => None,
    };
    let found = |found: &connections::Discovered| {
        let why = found.unusable.as_ref().map(|(en, de)| caller.lang.pick(en, de));
        json!({ "id": found.network_id, "kind": found.kind, "name": found.name, "handle": found.handle, "role": found.role, "parent": found.parent, "usable": why.is_none(), "reason": why })
    };
    Ok(json!({
        "id": connection.id.as_str(),
        "network": connection.place.network,
        "status": connection.stage.shown(),
        "person": person,
        "discovered": connection.discovered.iter().map(found).collect::<Vec<_>>(),
        "profiles": connection.added.iter().map(lifecycle::ids::ProfileId::as_str).collect::<Vec<_>>(),
        "left_out": connection.left_out,
        "error": connection.failure.as_ref().map(|failed| failure(caller, failed)),
        "expires_at": rfc3339(connection.expires_at),
    }))
}

fn failure(caller: &Caller, failed: &Failed) -> Value {
    json!({
        "code": failed.code,
        "evidence": failed.evidence.as_ref().map(evidence),
        "expected": failed.expected,
        "came": failed.came,
        "words": failed.words.as_ref().map(|(en, de)| caller.lang.pick(en, de)),
    })
}

/// GET /api/v1/connections/{id}
pub async fn get(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>) -> Answer {
    let connection = auth::connection(&app, &caller, &id).await?;
    json(200, &show(&app, &caller, &connection).await?)
}

/// What `POST /connections/{id}/profiles` takes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Choose {
    ids: Vec<String>,
    #[serde(default)]
    team_id: Option<TeamId>,
}

/// POST /api/v1/connections/{id}/profiles
pub async fn choose(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>, Body(body): Body<Choose>) -> Answer {
    let connection = auth::connection(&app, &caller, &id).await?;
    if connection.person.is_none() {
        return Err(Problem::new(axum::http::StatusCode::CONFLICT, "not_ready", "The person has not come back from the network yet."));
    }
    finish::check_team(&app, &caller, body.team_id.as_ref()).await?;
    finish::choose(&app, &connection, Chosen { ids: &body.ids, team: body.team_id.as_ref() }, &caller.named).await?;
    let connection = auth::connection(&app, &caller, &id).await?;
    json(200, &show(&app, &caller, &connection).await?)
}
