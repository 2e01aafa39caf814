//! Tags of a profile: read as they are typed, and set. A tag extends what API keys and permission sets reach that name it, so whoever sets
//! one needs to be able to give that (NT-14).

use lifecycle::ids::TeamId;
use lifecycle::permission::Permission;
use lifecycle::tag::{NotATag, Tag};
use serde_json::{Value, json};
use store::profiles::Profile;
use store::{Tx, api_keys, permission_sets, tags};

use crate::auth::{self, Caller};
use crate::error::Problem;
use crate::state::App;

/// What is wrong with tags, by the field that has them.
pub fn wrong(field: &str, error: &NotATag) -> Problem {
    Problem::field(field, &error.to_string())
}

/// Reads tags as they are typed, between commas.
pub fn read(field: &str, typed: &str) -> Result<Vec<Tag>, Problem> {
    Tag::read_all(typed).map_err(|error| wrong(field, &error))
}

/// Reads a list of tags, each once.
pub fn read_list(field: &str, words: &[String]) -> Result<Vec<Tag>, Problem> {
    let all: Result<Vec<Tag>, NotATag> = words.iter().map(|word| word.parse()).collect();
    all.and_then(Tag::some).map_err(|error| wrong(field, &error))
}

/// Tags as the API and forms write them.
pub fn written(tags: &[Tag]) -> Vec<&str> {
    tags.iter().map(Tag::as_str).collect()
}

/// Sets the tags of a profile that is kept from others until the transaction ends. `teams`: those it is in afterwards. Gives what the
/// history says of it; `None` where nothing changed.
pub async fn set(
    tx: &mut Tx,
    app: &App,
    caller: &Caller,
    profile: &Profile,
    teams: &[TeamId],
    wanted: &[Tag],
) -> Result<Option<Value>, Problem> {
    let without = |all: &[Tag], others: &[Tag]| all.iter().filter(|tag| !others.contains(tag)).cloned().collect::<Vec<_>>();
    let (added, removed) = (without(wanted, &profile.tags), without(&profile.tags, wanted));
    if added.is_empty() && removed.is_empty() && written(wanted) == written(&profile.tags) {
        return Ok(None);
    }
    if let Some(tag) = beyond(tx, app, caller, profile, teams, &added, wanted).await? {
        return Err(Problem::forbidden(format!(
            "The tag \"{tag}\" decides what an API key or a permission set reaches, and for this profile you could not give that yourself. A company admin can set it."
        ))
        .with(json!({ "field": "tags" })));
    }
    tags::set(tx, &app.organisation, &profile.id, wanted, app.now()).await?;
    // Written in another way only, it is the same tag.
    let changed = !added.is_empty() || !removed.is_empty();
    Ok(changed.then(|| json!({ "tags": { "added": written(&added), "removed": written(&removed) } })))
}

/// The first of the added tags by which something would reach the profile that the caller could not give for it.
async fn beyond(
    tx: &mut Tx,
    app: &App,
    caller: &Caller,
    profile: &Profile,
    teams: &[TeamId],
    added: &[Tag],
    wanted: &[Tag],
) -> Result<Option<Tag>, Problem> {
    if added.is_empty() || caller.is_company_admin() {
        return Ok(None);
    }
    for permission in carried(tx, app).await? {
        let reach = &permission.reach;
        let Some(tag) = added.iter().find(|tag| reach.tags.contains(tag)) else { continue };
        let reached = |teams: &[TeamId], tags: &[Tag]| reach.covers(&profile.id, &profile.network, teams, tags);
        let reaches_anew = reached(teams, wanted) && !reached(&profile.teams, &profile.tags);
        if reaches_anew && !caller.actor.may_widen(&permission, auth::about(profile)) {
            return Ok(Some(tag.clone()));
        }
    }
    Ok(None)
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
