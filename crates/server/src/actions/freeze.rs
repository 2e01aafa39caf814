//! The emergency brake: freeze and thaw. In force from the commit on, on every node: each decision reads what is frozen, and each
//! act decides once more in the transaction that writes it down.

use lifecycle::ids::FreezeId;
use lifecycle::permission::{Act, Actor, Frozen, Permission};
use lifecycle::time::Timestamp;
use serde_json::json;
use store::events::{self, About};
use store::{Tx, api_keys, freezes, profiles, users};

use super::audited;
use crate::auth::Caller;
use crate::error::Problem;
use crate::state::App;

/// What was cut.
pub struct Receipt {
    /// The freeze.
    pub id: FreezeId,
    /// What is frozen.
    pub target: Frozen,
    /// Since when.
    pub at: Timestamp,
    /// How many profiles nobody acts as any more.
    pub profiles: i64,
    /// The names of the API keys that lost something they could do.
    pub api_keys: Vec<String>,
}

/// Freezes.
pub async fn freeze(app: &App, caller: &Caller, target: Frozen, reason: &str) -> Result<Receipt, Problem> {
    let myself = match (&caller.actor, &target) {
        (Actor::User { id, .. }, Frozen::User(frozen)) => id == frozen,
        (Actor::ApiKey { id, .. }, Frozen::ApiKey(frozen)) => id == frozen,
        _ => false,
    };
    if myself {
        return Err(Problem::field("target", "is yourself: you could not thaw it again"));
    }
    let (now, mut tx) = (app.now(), app.store.write().await?);
    if !exists(app, &mut tx, &target).await? {
        return Err(Problem::field("target", "names nothing that is here"));
    }
    let reason: String = reason.trim().chars().take(500).collect();
    let id = freezes::set(&mut tx, &app.organisation, &target, &reason, &caller.named, now).await?;
    let Some(id) = id else {
        return Err(Problem::new(axum::http::StatusCode::CONFLICT, "frozen_already", "This is frozen already."));
    };
    let (profiles, api_keys) = cut(app, &mut tx, &target).await?;
    let about = about(&target);
    let detail =
        json!({ "freeze": id.as_str(), "target": target.to_string(), "reason": reason, "profiles": profiles, "api_keys": api_keys });
    events::append(&mut tx, &app.organisation, now, "freeze.set", &caller.named, &about, &detail).await?;
    audited::note(&mut tx, app, &caller.named, Act::Freeze, json!({ "what": "set", "freeze": id.as_str(), "target": target.to_string() }))
        .await?;
    tx.commit().await?;
    Ok(Receipt { id, target, at: now, profiles, api_keys })
}

/// Thaws.
pub async fn thaw(app: &App, caller: &Caller, id: &str) -> Result<(), Problem> {
    let id: FreezeId = id.parse().map_err(|_| Problem::not_found())?;
    let mut tx = app.store.write().await?;
    let target = freezes::thaw(&mut tx, &app.organisation, &id, &caller.named, app.now()).await?.ok_or_else(Problem::not_found)?;
    let detail = json!({ "freeze": id.as_str(), "target": target.to_string() });
    events::append(&mut tx, &app.organisation, app.now(), "freeze.thawed", &caller.named, &about(&target), &detail).await?;
    audited::note(
        &mut tx,
        app,
        &caller.named,
        Act::Freeze,
        json!({ "what": "thawed", "freeze": id.as_str(), "target": target.to_string() }),
    )
    .await?;
    Ok(tx.commit().await?)
}

fn about(target: &Frozen) -> About {
    match target {
        Frozen::Profile(id) => About { profile: Some(id.clone()), ..About::default() },
        Frozen::Person(id) => About { person: Some(id.clone()), ..About::default() },
        _ => About::default(),
    }
}

async fn exists(app: &App, tx: &mut Tx, target: &Frozen) -> Result<bool, Problem> {
    Ok(match target {
        Frozen::Everything => true,
        Frozen::User(id) => users::by_id(tx, id).await?.is_some_and(|user| user.organisation == app.organisation),
        Frozen::ApiKey(id) => api_keys::by_id(tx, &app.organisation, id).await?.is_some(),
        Frozen::Person(id) => freezes::knows_person(tx, &app.organisation, id).await?,
        Frozen::Profile(id) => profiles::get(tx, &app.organisation, id).await?.is_some(),
        Frozen::Network(name) => app.config.offered().any(|network| network.about().name == name),
    })
}

/// How many profiles are concerned, and which keys could act as them.
async fn cut(app: &App, tx: &mut Tx, target: &Frozen) -> Result<(i64, Vec<String>), Problem> {
    let profiles = freezes::profiles_of(tx, &app.organisation, target).await?;
    let profile = match target {
        Frozen::Profile(id) => profiles::get(tx, &app.organisation, id).await?,
        _ => None,
    };
    let concerned = |key: &api_keys::ApiKey, carried: &Permission| match target {
        Frozen::ApiKey(id) => key.id == *id,
        Frozen::User(_) => false,
        Frozen::Everything | Frozen::Person(_) => true,
        Frozen::Network(name) => carried.reach.networks.is_empty() || carried.reach.networks.contains(name),
        Frozen::Profile(_) => profile.as_ref().is_some_and(|it| carried.reach.covers(&it.id, &it.network, &it.teams, &it.tags)),
    };
    let acts = |key: &api_keys::ApiKey| key.permissions.iter().any(|carried| Act::is_deed(carried.act) && concerned(key, carried));
    let alive = api_keys::list(tx, &app.organisation).await?.into_iter().filter(|key| key.revoked_at.is_none());
    Ok((profiles, alive.filter(acts).map(|key| key.name).collect()))
}
