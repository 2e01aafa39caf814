//! Giving a profile up: revoked at the network by a durable job, shredded here.

use lifecycle::ids::ProfileId;
use store::events::Actor;

use crate::error::Problem;
use crate::state::App;

/// Deletes a profile; a Pinterest account takes its boards along.
pub async fn disconnect(app: &App, profile: &ProfileId, by: &Actor) -> Result<(), Problem> {
    let mut tx = app.store.write().await?;
    let done = app.store.delete_profile(&mut tx, &app.organisation, profile, by, app.now()).await?;
    tx.commit().await?;
    app.told.notify_one();
    if done { Ok(()) } else { Err(Problem::not_found()) }
}
