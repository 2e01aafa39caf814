//! The end of a systemic hold by hand (RF-33).

use axum::http::StatusCode;
use lifecycle::permission::Act;
use serde_json::json;
use store::events::{self, About};
use store::incidents;

use super::audited;
use crate::auth::Caller;
use crate::error::Problem;
use crate::state::App;

/// Somebody looked and says that what a network refuses is real: verdicts wait no longer. Each comes with the network's next refusal, within
/// a quarter of an hour.
///
/// # Errors
/// `409 not_held` when no verdict is held back there.
pub async fn release(app: &App, caller: &Caller, network: &str, instance: &str) -> Result<(), Problem> {
    let (now, mut tx) = (app.now(), app.store.write().await?);
    if !incidents::release(&mut tx, &app.organisation, network, instance, now).await? {
        let said = "No verdicts are held back there. GET /api/v1/incidents lists where they are.";
        return Err(Problem::new(StatusCode::CONFLICT, "not_held", said));
    }
    let what = json!({ "network": network, "instance": instance });
    events::append(&mut tx, &app.organisation, now, "network.incident_released", &caller.named, &About::default(), &what).await?;
    let noted = json!({ "what": "incident released", "network": network, "instance": instance });
    audited::note(&mut tx, app, &caller.named, Act::Freeze, noted).await?;
    tx.commit().await?;
    Ok(())
}
