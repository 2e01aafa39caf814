//! Looking now: every grant behind a profile is asked at its network.

use keeper::Checked;
use store::grants::holders_of;
use store::profiles::{self, Profile};

use crate::error::Problem;
use crate::state::App;

/// Asks the network about every access token of a profile; the profile with fresh status.
pub async fn check(app: &App, profile: &Profile) -> Result<(Profile, bool), Problem> {
    let mut tx = app.store.read().await?;
    let holders = holders_of(&mut tx, &profile.id).await?;
    drop(tx);
    let mut busy = false;
    for holder in holders {
        busy |= app.keeper.check(&holder.grant.id).await? == Checked::Busy;
    }
    let mut tx = app.store.read().await?;
    let fresh = profiles::get(&mut tx, &app.organisation, &profile.id).await?.ok_or_else(Problem::not_found)?;
    Ok((fresh, busy))
}
