//! The emergency brake: freeze and thaw. In force from the commit on, on every node: each decision reads what is frozen, and each
//! act decides once more in the transaction that writes it down.

use std::collections::BTreeSet;

use lifecycle::ids::{ApiKeyId, FreezeId, ProfileId, UserId};
use lifecycle::permission::{Act, Actor, Frozen, Permission, Reach};
use lifecycle::time::Timestamp;
use serde_json::json;
use store::api_keys::ApiKey;
use store::events::{self, About};
use store::profiles::{Filter, Narrow};
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
    /// What it cost.
    pub cut: Cut,
}

/// What a freeze cut.
pub struct Cut {
    /// How many profiles nobody acts as any more.
    pub profiles: i64,
    /// The API keys that lost something they could do.
    pub keys: Vec<Named>,
    /// The API keys that a frozen user made, alone or with another key: they are the organisation's, and still work.
    pub still_working: Vec<Named>,
}

/// An API key in a receipt.
pub struct Named {
    /// Which.
    pub id: ApiKeyId,
    /// What people call it.
    pub name: String,
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
    let cut = cut(app, &mut tx, &target).await?;
    let names: Vec<&str> = cut.keys.iter().map(|key| key.name.as_str()).collect();
    let about = about(&target);
    let detail =
        json!({ "freeze": id.as_str(), "target": target.to_string(), "reason": reason, "profiles": cut.profiles, "api_keys": names });
    events::append(&mut tx, &app.organisation, now, "freeze.set", &caller.named, &about, &detail).await?;
    audited::note(&mut tx, app, &caller.named, Act::Freeze, json!({ "what": "set", "freeze": id.as_str(), "target": target.to_string() }))
        .await?;
    tx.commit().await?;
    Ok(Receipt { id, target, at: now, cut })
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

/// A key in a receipt.
fn named(key: &ApiKey) -> Named {
    Named { id: key.id.clone(), name: key.name.clone() }
}

/// Whether a key lost something that it could do: it carries a deed, and there is a profile to do it with, or can be.
async fn is_cut(tx: &mut Tx, app: &App, target: &Frozen, held: &[ProfileId], key: &ApiKey) -> Result<bool, Problem> {
    match target {
        Frozen::ApiKey(id) => return Ok(key.id == *id),
        Frozen::User(_) => return Ok(false),
        _ => {}
    }
    let alive = |carried: &&Permission| carried.act.is_deed() && carried.until.is_none_or(|until| until > app.now());
    for reach in key.permissions.iter().filter(alive).map(|carried| &carried.reach) {
        let of_network = |name: &String| reach.networks.is_empty() || reach.networks.contains(name);
        let named = match target {
            // With nothing named but networks it reaches also what is connected there later.
            Frozen::Network(name) if !of_network(name) => continue,
            Frozen::Network(_) | Frozen::Everything if is_wide(reach) => return Ok(true),
            Frozen::Person(_) => held,
            Frozen::Profile(id) => std::slice::from_ref(id),
            _ => &[],
        };
        if reaches(tx, app, target, named, reach).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether it names no single profiles, teams or tags.
fn is_wide(reach: &Reach) -> bool {
    Reach { networks: vec![], ..reach.clone() }.is_everything()
}

/// Whether there is a profile of those that are frozen within that reach. `named`: the frozen ones, where they are known one by one.
async fn reaches(tx: &mut Tx, app: &App, target: &Frozen, named: &[ProfileId], reach: &Reach) -> Result<bool, Problem> {
    for id in named {
        let found = profiles::get(tx, &app.organisation, id).await?;
        if found.is_some_and(|it| reach.covers(&it.id, &it.network, &it.teams, &it.tags)) {
            return Ok(true);
        }
    }
    let network = match target {
        Frozen::Network(name) => Some(name.clone()),
        Frozen::Everything => None,
        _ => return Ok(false),
    };
    let filter = Filter { network, visible_to: Some(Narrow::Reaches(vec![reach.clone()])), ..Filter::default() };
    Ok(!profiles::list(tx, &app.organisation, &filter, 1).await?.is_empty())
}

/// How many profiles are concerned, which keys could act as them, and which go on working although their maker is stopped.
async fn cut(app: &App, tx: &mut Tx, target: &Frozen) -> Result<Cut, Problem> {
    let profiles = freezes::profiles_of(tx, &app.organisation, target).await?;
    let held = match target {
        Frozen::Person(id) => freezes::held_by(tx, &app.organisation, id).await?,
        _ => vec![],
    };
    let frozen = freezes::in_force(tx, &app.organisation).await?;
    let stopped = |key: &ApiKey| frozen.iter().any(|one| matches!(one, Frozen::ApiKey(id) if *id == key.id && one != target));
    let all = api_keys::list(tx, &app.organisation).await?;
    let is_alive = |key: &ApiKey| key.revoked_at.is_none() && key.expires_at.is_none_or(|at| at > app.now()) && !stopped(key);
    let mut keys = vec![];
    for key in all.iter().filter(|key| is_alive(key)) {
        if is_cut(tx, app, target, &held, key).await? {
            keys.push(named(key));
        }
    }
    let made = match target {
        Frozen::User(id) => made_by(id, &all),
        _ => vec![],
    };
    Ok(Cut { profiles, keys, still_working: made.into_iter().filter(|key| is_alive(key)).map(named).collect() })
}

/// The keys that a user made, and those that were made with one of these, and so on.
fn made_by<'a>(user: &UserId, all: &'a [ApiKey]) -> Vec<&'a ApiKey> {
    let mut makers = BTreeSet::from([user.as_str()]);
    loop {
        let by_them = |key: &&ApiKey| key.created_by.as_deref().is_some_and(|by| makers.contains(by));
        let made: Vec<&ApiKey> = all.iter().filter(by_them).collect();
        let known = makers.len();
        makers.extend(made.iter().map(|key| key.id.as_str()));
        if makers.len() == known {
            return made;
        }
    }
}

#[cfg(test)]
mod tests {
    use lifecycle::time::Timestamp;

    use super::*;

    #[test]
    fn whoever_makes_a_key_made_also_what_is_made_with_it() {
        let id = |n: u8| format!("key_{n:032}");
        let key = |n: u8, by: Option<String>| ApiKey {
            id: id(n).parse().unwrap(),
            organisation: "org_00000000000000000000000000000001".parse().unwrap(),
            name: n.to_string(),
            permissions: [].into(),
            created_by: by,
            created_at: Timestamp::from_micros(0),
            expires_at: None,
            used_at: None,
            revoked_at: None,
        };
        let user: UserId = "usr_00000000000000000000000000000001".parse().unwrap();
        let by_user = Some(user.to_string());
        // Newest first, as they are listed.
        let all = [key(4, None), key(3, Some(id(2))), key(2, Some(id(1))), key(1, by_user)];
        let names: Vec<&str> = made_by(&user, &all).iter().map(|key| key.name.as_str()).collect();
        assert_eq!(names, ["3", "2", "1"]);
    }
}
