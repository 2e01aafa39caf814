//! The restore hold: /api/v1/hold

use std::sync::Arc;

use axum::extract::State;
use serde_json::{Value, json};
use store::hold;

use super::{Answer, json};
use crate::actions::restore;
use crate::auth::Caller;
use crate::show::rfc3339;
use crate::state::App;

async fn shown(app: &App) -> Answer {
    let mut tx = app.store.read().await?;
    let Some(known) = hold::get(&mut tx).await? else {
        return json(200, &json!({ "held": false, "since": null, "why": null, "released_at": null, "networks": [] }));
    };
    let progress = hold::progress(&mut tx, known.released_at.unwrap_or(known.since)).await?;
    let item = |one: &hold::Progress| json!({ "network": one.network, "instance": one.instance, "grants": one.grants, "renewed": one.renewed, "refused": one.refused });
    let networks: Vec<Value> = progress.iter().map(item).collect();
    json(
        200,
        &json!({ "held": known.released_at.is_none(), "since": rfc3339(known.since), "why": known.why.as_str(), "released_at": known.released_at.map(rfc3339), "networks": networks }),
    )
}

/// GET /api/v1/hold: whether tokens that can be used once are held back, why, and what became of them since the release.
pub async fn get(State(app): State<Arc<App>>) -> Answer {
    shown(&app).await
}

/// POST /api/v1/hold/release: somebody says that the original is stopped.
pub async fn release(State(app): State<Arc<App>>, caller: Caller) -> Answer {
    restore::release(&app, &caller).await?;
    shown(&app).await
}
