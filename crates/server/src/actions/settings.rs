//! What people set of a profile: who owns it, in which teams it is, its tags. API keys and permission sets that name a team or a tag reach
//! every profile of it, so whoever puts one there has to be able to give that, or does it with the profile by their role already (NT-14).

use lifecycle::ids::{TeamId, UserId};
use lifecycle::permission::Permission;
use lifecycle::tag::Tag;
use serde_json::{Value, json};
use store::profiles::{self, Profile};
use store::{Tx, api_keys, permission_sets, tags, teams};

use super::tagging::written;
use crate::auth::{self, Caller};
use crate::error::Problem;
use crate::state::App;

/// What a profile is to have.
pub struct Wanted<'a> {
    /// Who owns it.
    pub owner: Option<&'a UserId>,
    /// In which teams it is.
    pub teams: &'a [TeamId],
    /// Its tags.
    pub tags: &'a [Tag],
}

/// Sets what is wanted of a profile that is kept from others until the transaction ends. Gives what the history says of it.
pub async fn set(tx: &mut Tx, app: &App, caller: &Caller, profile: &Profile, wanted: &Wanted<'_>) -> Result<Value, Problem> {
    if let Some(refused) = beyond(tx, app, caller, profile, wanted).await? {
        return Err(refused);
    }
    profiles::set_owner_and_teams(tx, &app.organisation, &profile.id, wanted.owner, wanted.teams).await?;
    if written(wanted.tags) == written(&profile.tags) {
        return Ok(json!({}));
    }
    tags::set(tx, &app.organisation, &profile.id, wanted.tags, app.now()).await?;
    let (added, removed) = (without(wanted.tags, &profile.tags), without(&profile.tags, wanted.tags));
    // Written in another way only, it is the same tag.
    let same = added.is_empty() && removed.is_empty();
    Ok(if same { json!({}) } else { json!({ "tags": { "added": written(&added), "removed": written(&removed) } }) })
}

/// Those of some that are not among the others.
fn without<T: PartialEq + Clone>(all: &[T], others: &[T]) -> Vec<T> {
    all.iter().filter(|one| !others.contains(one)).cloned().collect()
}

/// The refusal, where something would reach the profile by a team or a tag that is new to it, and the caller can neither give nor do that.
async fn beyond(tx: &mut Tx, app: &App, caller: &Caller, profile: &Profile, wanted: &Wanted<'_>) -> Result<Option<Problem>, Problem> {
    let (teams, tags) = (without(wanted.teams, &profile.teams), without(wanted.tags, &profile.tags));
    if caller.is_company_admin() || (teams.is_empty() && tags.is_empty()) {
        return Ok(None);
    }
    for permission in carried(tx, app).await?.into_iter().filter(|permission| permission.act.is_about_profiles()) {
        let reach = &permission.reach;
        let reached = |teams: &[TeamId], tags: &[Tag]| reach.covers(&profile.id, &profile.network, teams, tags);
        let anew = reached(wanted.teams, wanted.tags) && !reached(&profile.teams, &profile.tags);
        if !anew || caller.actor.may_widen(&permission, auth::about(profile)) {
            continue;
        }
        let had = profile.tags.iter().any(|tag| reach.tags.contains(tag));
        return Ok(Some(match tags.iter().find(|tag| !had && reach.tags.contains(tag)) {
            Some(tag) => by_tag(tag, profile),
            None => by_team(tx, app, teams.iter().find(|team| reach.teams.contains(team)), profile).await?,
        }));
    }
    Ok(None)
}

fn by_tag(tag: &Tag, profile: &Profile) -> Problem {
    Problem::forbidden(format!(
        "The tag \"{tag}\" decides what an API key or a permission set reaches, and for \"{}\" you could not give that yourself. A company admin can set it.",
        profile.name
    ))
    .with(json!({ "field": "tags" }))
}

async fn by_team(tx: &mut Tx, app: &App, team: Option<&TeamId>, profile: &Profile) -> Result<Problem, Problem> {
    let all = teams::list(tx, &app.organisation).await?;
    let name = all.iter().find(|one| Some(&one.id) == team).map(|team| team.name.as_str()).unwrap_or_default();
    Ok(Problem::forbidden(format!(
        "The team \"{name}\" decides what an API key or a permission set reaches, and for \"{}\" you could not give that yourself. A company admin can set it.",
        profile.name
    ))
    .with(json!({ "field": "team_ids" })))
}

/// Everything that is carried by an API key that is alive, or by a user's permission sets.
async fn carried(tx: &mut Tx, app: &App) -> Result<Vec<Permission>, Problem> {
    let now = app.now();
    let mut all = vec![];
    for key in api_keys::list(tx, &app.organisation).await? {
        if key.revoked_at.is_none() && key.expires_at.is_none_or(|at| at > now) {
            all.extend(key.permissions.iter().map(|permission| permission.ending(key.expires_at)));
        }
    }
    let sets = permission_sets::list(tx, &app.organisation).await?;
    for given in permission_sets::given(tx, &app.organisation).await?.into_values().flatten() {
        if let Some(set) = sets.iter().find(|set| set.id == given.set) {
            all.extend(set.permissions(&given.place));
        }
    }
    all.retain(|permission| permission.until.is_none_or(|until| until > now));
    Ok(all)
}
