//! API keys: made and revoked, from the pages and over REST alike. Nobody gives what they do not have.

use lifecycle::ids::ApiKeyId;
use lifecycle::permission::{Act, Actor, Permission};
use lifecycle::secret::Secret;
use lifecycle::time::Timestamp;
use serde_json::json;
use store::api_keys::{self, NewApiKey};
use store::events::{self, About};
use store::{Tx, profiles, tags, teams, users};

use super::audited;
use crate::auth::Caller;
use crate::error::Problem;
use crate::state::App;
use crate::time::fresh_secret;

/// The most characters of a key's name.
const NAME_MAX: usize = 80;

/// Reads permissions as they were typed.
pub fn read(words: &[String]) -> Result<Vec<Permission>, Problem> {
    let all: Result<Vec<Permission>, _> = words.iter().map(|word| word.parse()).collect();
    let all = all.map_err(|error: lifecycle::permission::NotAPermission| Problem::field("permissions", &error.to_string()))?;
    if all.is_empty() { Err(Problem::field("permissions", "choose one at least")) } else { Ok(all) }
}

/// Makes a key; its secret is told this once.
pub async fn create(
    app: &App,
    caller: &Caller,
    name: &str,
    permissions: &[Permission],
    expires_at: Option<Timestamp>,
) -> Result<(ApiKeyId, Secret), Problem> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > NAME_MAX {
        return Err(Problem::field("name", "has 1 to 80 characters"));
    }
    let now = app.now();
    if expires_at.is_some_and(|at| at <= now) {
        return Err(Problem::field("expires_at", "is over already"));
    }
    if let Actor::ApiKey { until: Some(until), .. } = &caller.actor
        && expires_at.is_none_or(|at| at > *until)
    {
        return Err(Problem::field("expires_at", "cannot be later than the end of the key that asks"));
    }
    if let Some(over) = permissions.iter().find(|wanted| wanted.until.is_some_and(|until| until <= now)) {
        return Err(Problem::field("permissions", &format!("\"{over}\" is over already: its until lies in the past")));
    }
    if let Some(too_much) = permissions.iter().find(|wanted| !caller.actor.may_give(&wanted.ending(expires_at))) {
        if matches!(caller.actor, Actor::ApiKey { .. }) {
            return Err(Problem::forbidden(format!("a key gives only what it has without a rate: \"{too_much}\" is not")));
        }
        return Err(Problem::forbidden(format!("You give only what your permission sets hold: \"{too_much}\" is not among it.")));
    }
    let by = match &caller.named {
        events::Actor::User { id, .. } | events::Actor::ApiKey { id, .. } => Some(id.as_str()),
        _ => None,
    };
    let secret = fresh_secret(&*app.dice, "sg_");
    let mut tx = app.store.write().await?;
    are_there(&mut tx, app, permissions).await?;
    let new = NewApiKey { name, permissions, created_by: by, expires_at };
    let id = api_keys::create(&mut tx, &app.organisation, &new, &secret, now).await?;
    let words: Vec<String> = permissions.iter().map(Permission::to_string).collect();
    let detail = json!({ "key": id.as_str(), "name": name, "permissions": words });
    events::append(&mut tx, &app.organisation, now, "api_key.created", &caller.named, &About::default(), &detail).await?;
    audited::note(&mut tx, app, &caller.named, Act::ManageApiKeys, json!({ "what": "created", "key": id.as_str(), "permissions": words }))
        .await?;
    tx.commit().await?;
    Ok((id, secret))
}

/// What a permission names has to be there: mistyped, it would allow nothing, and nobody would see why.
async fn are_there(tx: &mut Tx, app: &App, permissions: &[Permission]) -> Result<(), Problem> {
    let teams = teams::list(tx, &app.organisation).await?;
    for permission in permissions {
        let reach = &permission.reach;
        let mut missing: Option<String> = reach.networks.iter().find(|name| networks::find(name).is_none()).cloned();
        missing = missing.or(reach.teams.iter().find(|id| !teams.iter().any(|team| team.id == **id)).map(ToString::to_string));
        missing = missing.or(tags::missing(tx, &app.organisation, &reach.tags).await?.map(|tag| tag.to_string()));
        for id in &reach.profiles {
            if profiles::get(tx, &app.organisation, id).await?.is_none() {
                missing = missing.or(Some(id.to_string()));
            }
        }
        if let Some(approver) = &permission.approval {
            let user = users::by_id(tx, approver).await?;
            if user.is_none_or(|user| user.disabled_at.is_some() || user.organisation != app.organisation) {
                missing = missing.or(Some(approver.to_string()));
            }
        }
        if let Some(missing) = missing {
            let missing: String = missing.chars().take(80).collect();
            return Err(Problem::field("permissions", &format!("\"{missing}\" names nothing that is here")));
        }
    }
    Ok(())
}

/// Revokes a key; effective at the next request.
pub async fn revoke(app: &App, caller: &Caller, id: &str) -> Result<(), Problem> {
    let id: ApiKeyId = id.parse().map_err(|_| Problem::not_found())?;
    let mut tx = app.store.write().await?;
    if !api_keys::revoke(&mut tx, &app.organisation, &id, app.now()).await? {
        return Err(Problem::not_found());
    }
    let detail = json!({ "key": id.as_str() });
    events::append(&mut tx, &app.organisation, app.now(), "api_key.revoked", &caller.named, &About::default(), &detail).await?;
    audited::note(&mut tx, app, &caller.named, Act::ManageApiKeys, json!({ "what": "revoked", "key": id.as_str() })).await?;
    Ok(tx.commit().await?)
}
