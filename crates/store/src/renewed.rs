//! Somebody came by a renewal link and renewed what it asks for: the owners hear of it, and whoever made the link. Who hears an all-clear
//! of it anyway hears nothing else.

use std::collections::BTreeMap;

use lifecycle::departure::Digest;
use lifecycle::ids::{PersonId, ProfileId, UserId};
use lifecycle::time::{Span, Timestamp};
use serde_json::{Value as Json, json};

use crate::driver::{StoreError, Tx};
use crate::events::Actor;
use crate::renewal_links::{self, LinkState};
use crate::seal::digest;
use crate::users::{self, User};
use crate::{grants, telling};

/// An all-clear of the last minute came of the same login.
const SAME_LOGIN: Span = Span::minutes(1);

/// Tells of the profiles whose step in a link is done by this login: before it is noted as done, which tells it from a step that was
/// done earlier. Good news: nobody is told against their wishes, and nobody else instead. How many messages.
pub async fn tell(
    tx: &mut Tx,
    secret_hash: &str,
    person: Option<&PersonId>,
    profiles: &[ProfileId],
    now: Timestamp,
) -> Result<usize, StoreError> {
    let Some(link) = renewal_links::by_hash(tx, secret_hash, now).await?.filter(|link| link.state != LinkState::Withdrawn) else {
        return Ok(0);
    };
    let maker: Option<UserId> = match link.created_by {
        Actor::User { id, .. } => id.parse().ok(),
        _ => None,
    };
    let is_open = |profile: &&ProfileId| link.steps.iter().any(|step| step.profile == **profile && step.done_at.is_none());
    let mut told: BTreeMap<UserId, Vec<Json>> = BTreeMap::new();
    for profile in profiles.iter().filter(is_open) {
        let Some((owner, named)) = named(tx, profile).await? else { continue };
        for user in [owner, maker.clone()].into_iter().flatten() {
            let all = told.entry(user).or_default();
            if !all.contains(&named) {
                all.push(named.clone());
            }
        }
    }
    let person = match person {
        Some(id) => grants::person(tx, id).await?.map(|person| json!({ "name": person.name, "handle": person.handle })),
        None => None,
    };
    let mut count = 0;
    for (user, named) in told {
        let Some(user) = users::by_id(tx, &user).await?.filter(wants) else { continue };
        let clear = all_clears(tx, &user, now).await?;
        let named: Vec<Json> = named.into_iter().filter(|profile| !clear.contains(&profile["id"])).collect();
        if named.is_empty() {
            continue;
        }
        let dedupe = format!("renewed:{}:{}", user.id, digest(format!("{secret_hash}{}", json!(named)).as_bytes()));
        let payload = json!({ "profiles": named, "person": person });
        count += usize::from(telling::insert(tx, "renewed", &user, &payload, &dedupe, now).await?);
    }
    Ok(count)
}

/// Of which profiles somebody hears an all-clear of the same login.
async fn all_clears(tx: &mut Tx, user: &User, now: Timestamp) -> Result<Vec<Json>, StoreError> {
    let sql = "SELECT payload FROM outbox WHERE user_id = $1 AND kind = 'recovered' AND created_at > $2";
    let mut ids = vec![];
    for row in tx.all(sql, &[user.id.as_str().into(), (now - SAME_LOGIN).into()]).await? {
        let payload: Json = row.json("payload")?;
        ids.extend(payload["profiles"].as_array().into_iter().flatten().map(|profile| profile["id"].clone()));
    }
    Ok(ids)
}

/// The owner and the name of a profile; `None` where nobody wants early warnings of it, and so no such news either.
async fn named(tx: &mut Tx, profile: &ProfileId) -> Result<Option<(Option<UserId>, Json)>, StoreError> {
    let sql = "SELECT id, name, network, kind, owner_id FROM profiles WHERE id = $1 AND notify_renew_soon = 1";
    let Some(row) = tx.one(sql, &[profile.as_str().into()]).await? else { return Ok(None) };
    let named = json!({ "id": row.text("id")?, "name": row.text("name")?, "network": row.text("network")?, "kind": row.text("kind")? });
    Ok(Some((row.opt_parsed("owner_id")?, named)))
}

fn wants(user: &User) -> bool {
    user.disabled_at.is_none() && user.refused.is_none() && user.notify_renew_soon && user.wishes.digest != Digest::Off
}
