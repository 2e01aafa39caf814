//! Whether there is room for more profiles: the operator may set a limit.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use store::grants::Place;
use store::{Tx, profiles};

use crate::error::Problem;
use crate::state::App;

/// Refuses what would be more profiles than the operator allows. What is connected here already takes no room: another admin makes it
/// stronger, and a login repairs it, however full it is.
pub(super) async fn room_for(app: &App, tx: &mut Tx, wanted: &[(&Place, &str)]) -> Result<(), Problem> {
    let limit = app.config.server.profile_limit;
    if limit == 0 {
        return Ok(());
    }
    let mut new = BTreeSet::new();
    for (place, id) in wanted {
        if !profiles::is_known(tx, &app.organisation, place, id).await? {
            new.insert((&place.network, &place.instance, *id));
        }
    }
    let have = u64::try_from(profiles::count(tx, &app.organisation).await?).unwrap_or(u64::MAX);
    if !new.is_empty() && have.saturating_add(new.len() as u64) > limit {
        let detail = format!(
            "{have} of {limit} profiles are connected, so these do not fit. Delete profiles you no longer need, or ask your operator to raise server.profile_limit."
        );
        return Err(Problem::new(StatusCode::CONFLICT, "profile_limit", detail));
    }
    Ok(())
}
