//! Renewal links through several profiles: for those named, or for everything of some people that is due until a day.

use lifecycle::ids::{PersonId, ProfileId};
use lifecycle::permission::Act;
use lifecycle::time::Timestamp;
use serde_json::json;
use store::events::{self, About, Actor};
use store::renewal_links::{self, Accepts, OpenLink};

use super::{forecast, invite};
use crate::auth::{self, Caller};
use crate::error::Problem;
use crate::state::App;

/// The most open links that are listed.
const LISTED: u32 = 200;

/// A link that was just made.
pub struct Made {
    /// The link; told this once.
    pub link: String,
    /// Until when it can be used.
    pub expires_at: Timestamp,
    /// The profiles it leads through.
    pub profiles: Vec<ProfileId>,
}

/// Makes a link through these profiles; each is decided before it is made.
pub async fn for_profiles(app: &App, caller: &Caller, ids: &[ProfileId], accepts: &Accepts, email: Option<&str>) -> Result<Made, Problem> {
    if ids.len() > invite::LINK_MAX {
        return Err(Problem::field("profile_ids", &format!("names 1 to {} profiles", invite::LINK_MAX)));
    }
    let mut profiles = vec![];
    for id in ids {
        profiles.push(auth::profile(app, caller, id.as_str(), Act::RefreshConnection).await?);
    }
    let (link, expires_at) = invite::renewal_link(app, &profiles, accepts, email, caller.lang, &caller.named).await?;
    Ok(Made { link, expires_at, profiles: ids.to_vec() })
}

/// Makes one link through everything of these people that is due until a day: what they log in for in one sitting.
pub async fn for_people(app: &App, caller: &Caller, people: &[PersonId], until: Timestamp, email: Option<&str>) -> Result<Made, Problem> {
    let narrowed = caller.narrowed_to(Act::RefreshConnection);
    let outlook = forecast::look(app, narrowed.as_ref(), until).await?;
    let theirs = outlook.appointments.iter().filter(|appointment| people.contains(&appointment.person));
    let ids: Vec<ProfileId> = theirs.flat_map(|appointment| &appointment.profiles).map(|profile| profile.id.clone()).collect();
    if ids.is_empty() && narrowed.is_some() {
        // Whether there is such a person, and something due of them, is not told to whoever may not see it (NT-20).
        return Err(Problem::not_found());
    }
    if ids.is_empty() {
        return Err(Problem::field("person_ids", "names nobody of whom something is due until that day"));
    }
    // Who has more to do than one link holds begins with what is due first.
    let first = &ids[..ids.len().min(invite::LINK_MAX)];
    for_profiles(app, caller, first, &Accepts::Holders, email).await
}

/// Whose links somebody manages: company admins everybody's, others their own.
fn managed(caller: &Caller) -> Option<&Actor> {
    caller.narrowed_to(Act::RefreshConnection).map(|_| &caller.named)
}

/// The links that can be used.
pub async fn open(app: &App, caller: &Caller) -> Result<Vec<OpenLink>, Problem> {
    let mut tx = app.store.read().await?;
    Ok(renewal_links::all_open(&mut tx, &app.organisation, managed(caller), app.now(), LISTED).await?)
}

/// Takes a link back.
pub async fn withdraw(app: &App, caller: &Caller, hash: &str) -> Result<(), Problem> {
    let now = app.now();
    let mut tx = app.store.write().await?;
    let profiles = renewal_links::withdraw_one(&mut tx, &app.organisation, hash, managed(caller), now).await?;
    if profiles.is_empty() {
        return Err(Problem::not_found());
    }
    for profile in profiles {
        let about = About { profile: Some(profile), ..About::default() };
        events::append(&mut tx, &app.organisation, now, "renewal_link.withdrawn", &caller.named, &about, &json!({ "count": 1 })).await?;
    }
    Ok(tx.commit().await?)
}
