//! The end of a restore hold (RF-37).

use lifecycle::permission::Act;
use serde_json::json;
use store::events::{self, About};
use store::hold;

use super::audited;
use crate::auth::Caller;
use crate::error::Problem;
use crate::state::App;

/// Somebody says that the original is stopped for good: one grant per network app goes first, then the others, slowly.
pub async fn release(app: &App, caller: &Caller) -> Result<(), Problem> {
    let (now, mut tx) = (app.now(), app.store.write().await?);
    if !hold::release(&mut tx, now).await? {
        return Err(Problem::new(axum::http::StatusCode::CONFLICT, "not_held", "Nothing is held back by a restore."));
    }
    events::append(&mut tx, &app.organisation, now, "hold.released", &caller.named, &About::default(), &json!({})).await?;
    audited::note(&mut tx, app, &caller.named, Act::Freeze, json!({ "what": "hold released" })).await?;
    tx.commit().await?;
    crate::high_water::look(&app.store, &app.alarms).await?;
    app.keeper.wake();
    Ok(())
}
