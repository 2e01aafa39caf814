//! Permission sets: made, changed and given, from the pages and over REST alike. Nobody gives what they do not have.

use axum::http::StatusCode;
use lifecycle::ids::{PermissionSetId, UserId};
use lifecycle::permission::{Act, Permission};
use serde_json::{Value, json};
use store::permission_sets::{self, Given, PermissionSet, Place};
use store::{StoreError, Tx, tags, teams};

use super::audited;
use super::company::{name_of, note};
use crate::auth::Caller;
use crate::error::Problem;
use crate::state::App;

/// One set.
pub async fn set(tx: &mut Tx, app: &App, id: &str) -> Result<PermissionSet, Problem> {
    let id: PermissionSetId = id.parse().map_err(|_| Problem::not_found())?;
    permission_sets::list(tx, &app.organisation).await?.into_iter().find(|set| set.id == id).ok_or_else(Problem::not_found)
}

/// Reads permissions as they were named, each once and in the order of the list. Whoever may do something with profiles sees them.
pub fn read(words: &[String]) -> Result<Vec<Act>, Problem> {
    let mut wanted = vec![];
    for word in words {
        let act = Act::parse(word).filter(|act| act.can_be_given());
        wanted.push(act.ok_or_else(|| Problem::field("permissions", &format!("\"{word}\" cannot be in a permission set")))?);
    }
    let sees = wanted.iter().any(|act| act.is_about_profiles());
    let all: Vec<Act> = Act::ALL.iter().copied().filter(|act| wanted.contains(act) || (sees && *act == Act::SeeProfile)).collect();
    if all.is_empty() { Err(Problem::field("permissions", "choose one at least")) } else { Ok(all) }
}

/// Whoever could give more than they have could give it to a friend, and have it given back (NT-14).
fn may_give(caller: &Caller, permissions: &[Permission]) -> Result<(), Problem> {
    match permissions.iter().find(|permission| !caller.actor.may_give(permission)) {
        Some(too_much) => Err(Problem::forbidden(format!(
            "You cannot give what you do not have yourself, nor for longer than you have it: \"{too_much}\"."
        ))),
        None => Ok(()),
    }
}

fn taken(error: StoreError) -> Problem {
    if !error.is_duplicate() {
        return error.into();
    }
    Problem::new(StatusCode::CONFLICT, "name_taken", "name: there is a permission set of that name already")
        .with(json!({ "field": "name" }))
}

async fn written(tx: &mut Tx, app: &App, caller: &Caller, what: &str, set: &PermissionSet) -> Result<(), Problem> {
    let words: Vec<&str> = set.acts.iter().map(|act| act.as_str()).collect();
    note(tx, app, caller, "settings.changed", json!({ "permission_set": set.id.as_str(), "name": set.name })).await?;
    let detail = json!({ "what": what, "permission_set": set.id.as_str(), "name": set.name, "permissions": words });
    Ok(audited::note(tx, app, &caller.named, Act::ManageUsers, detail).await?)
}

/// Makes a set.
pub async fn create(app: &App, caller: &Caller, name: &str, acts: Vec<Act>) -> Result<PermissionSetId, Problem> {
    let name = name_of(name)?.to_owned();
    let mut tx = app.store.write().await?;
    let id = permission_sets::create(&mut tx, &app.organisation, &name, &acts, app.now()).await.map_err(taken)?;
    let set = PermissionSet { id, name, acts };
    may_give(caller, &set.permissions(&Place::Everywhere))?;
    written(&mut tx, app, caller, "permission_set_created", &set).await?;
    tx.commit().await?;
    Ok(set.id)
}

/// Changes a set for everybody who has it, where it `still` is what was expected; what is `None` stays.
pub async fn change(
    app: &App,
    caller: &Caller,
    id: &str,
    name: Option<&str>,
    acts: Option<Vec<Act>>,
    still: impl FnOnce(&PermissionSet) -> Result<(), Problem>,
) -> Result<(), Problem> {
    let mut tx = app.store.write().await?;
    permission_sets::keep(&mut tx, &app.organisation).await?;
    let before = set(&mut tx, app, id).await?;
    still(&before)?;
    let name = name.map_or(Ok(before.name.as_str()), name_of)?.to_owned();
    let acts = acts.unwrap_or_else(|| before.acts.clone());
    let added = PermissionSet {
        id: before.id.clone(),
        name: name.clone(),
        acts: acts.iter().filter(|act| !before.acts.contains(act)).copied().collect(),
    };
    may_give(caller, &added.permissions(&Place::Everywhere))?;
    let set = PermissionSet { id: before.id, name, acts };
    permission_sets::change(&mut tx, &app.organisation, &set).await.map_err(taken)?;
    written(&mut tx, app, caller, "permission_set_changed", &set).await?;
    Ok(tx.commit().await?)
}

/// Deletes a set that `still` is what was expected; whoever had it has it no more.
pub async fn delete(
    app: &App,
    caller: &Caller,
    id: &str,
    still: impl FnOnce(&PermissionSet) -> Result<(), Problem>,
) -> Result<(), Problem> {
    let mut tx = app.store.write().await?;
    permission_sets::keep(&mut tx, &app.organisation).await?;
    let set = set(&mut tx, app, id).await?;
    still(&set)?;
    permission_sets::delete(&mut tx, &app.organisation, &set.id).await?;
    written(&mut tx, app, caller, "permission_set_deleted", &set).await?;
    Ok(tx.commit().await?)
}

/// What was given, as the API writes it.
pub fn shown_given(one: &Given) -> Value {
    let set = one.set.as_str();
    match &one.place {
        Place::Everywhere => json!({ "id": set, "team_id": null }),
        Place::Team(team) => json!({ "id": set, "team_id": team.as_str() }),
        Place::Tag(tag) => json!({ "id": set, "team_id": null, "tag": tag.as_str() }),
    }
}

/// Gives a user exactly these sets. What they have already may stay, whoever asks.
pub(super) async fn give(tx: &mut Tx, app: &App, caller: &Caller, user: &UserId, wanted: &[Given]) -> Result<(), Problem> {
    permission_sets::keep(tx, &app.organisation).await?;
    let had = permission_sets::of_user(tx, user).await?;
    let sets = permission_sets::list(tx, &app.organisation).await?;
    let teams = teams::list(tx, &app.organisation).await?;
    let wrong = |what: String| Problem::field("permission_sets", &what);
    for one in wanted {
        let set = sets.iter().find(|set| set.id == one.set).ok_or_else(|| wrong(format!("there is no permission set {}", one.set)))?;
        match &one.place {
            Place::Team(id) if !teams.iter().any(|team| team.id == *id) => return Err(wrong(format!("there is no team {id}"))),
            // One that nobody has any more may stay with whoever was given a set for it.
            Place::Tag(tag) if !had.contains(one) && tags::missing(tx, &app.organisation, std::slice::from_ref(tag)).await?.is_some() => {
                return Err(wrong(format!("there is no tag {tag}")));
            }
            _ => {}
        }
        let permissions = set.permissions(&one.place);
        if permissions.is_empty() {
            return Err(wrong(format!("\"{}\" holds only what is company-wide", set.name)));
        }
        if !had.contains(one) {
            may_give(caller, &permissions)?;
        }
    }
    if wanted.len() == had.len() && wanted.iter().all(|one| had.contains(one)) {
        return Ok(());
    }
    permission_sets::give(tx, &app.organisation, user, wanted).await?;
    let words: Vec<_> = wanted.iter().map(shown_given).collect();
    let detail = json!({ "what": "permission_sets_given", "user": user.as_str(), "permission_sets": words });
    Ok(audited::note(tx, app, &caller.named, Act::ManageUsers, detail).await?)
}
