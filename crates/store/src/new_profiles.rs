//! What turned up at a network after a person had connected: it comes along where everything does (a Pinterest account's
//! boards), and whoever looks after that person's profiles hears of it.

use std::collections::{BTreeMap, BTreeSet};

use lifecycle::departure::Digest;
use lifecycle::facts::Facts;
use lifecycle::grant::Grant;
use lifecycle::ids::{OrganisationId, ProfileId, UserId};
use lifecycle::ledger::Asset;
use lifecycle::permission::Role;
use lifecycle::time::Timestamp;
use serde_json::json;

use crate::connect::{give_access, upsert_profile};
use crate::connections::Discovered;
use crate::driver::{StoreError, Tx};
use crate::grants::{self, Place};
use crate::standing::{profiles_of, settle_profiles};
use crate::users::{self, User};
use crate::{presets, profiles, telling};

/// Takes along what comes along while there is room for it (a limit of 0 is none), and tells of what is new.
pub(crate) async fn appeared(
    tx: &mut Tx,
    organisation: &OrganisationId,
    grant: &Grant,
    new: &[Asset],
    facts: &Facts,
    (now, limit): (Timestamp, u64),
) -> Result<(), StoreError> {
    let reached = profiles_of(tx, &grant.id).await?;
    let Some(some) = reached.first() else { return Ok(()) };
    if new.is_empty() {
        return Ok(());
    }
    let mut owners = vec![];
    for profile in &reached {
        owners.extend(profiles::get(tx, organisation, profile).await?.and_then(|profile| profile.owner));
    }
    let Some(known) = profiles::get(tx, organisation, some).await? else { return Ok(()) };
    let place = Place { network: known.network, instance: known.instance };
    // A board of an account that was given up does not come back by itself.
    let (along, choose): (Vec<&Asset>, Vec<&Asset>) = new.iter().partition(|asset| asset.comes_along);
    let mut added = BTreeMap::new();
    let mut left_out = vec![];
    for asset in along {
        match add(tx, organisation, grant, &place, asset, (now, limit)).await? {
            Came::Along(id) => {
                added.insert(asset.network_id.clone(), id);
            }
            Came::NoRoom => left_out.push(asset),
            Came::NotOurs => {}
        }
    }
    let ids: Vec<ProfileId> = added.values().cloned().collect();
    settle_profiles(tx, &ids, facts, now, &crate::events::Actor::Keeper, grant.id.as_str()).await?;
    let full = !left_out.is_empty();
    let told: Vec<(&Asset, Option<&ProfileId>)> = choose
        .into_iter()
        .chain(left_out)
        .map(|asset| (asset, None))
        .chain(new.iter().filter_map(|asset| Some((asset, Some(added.get(&asset.network_id)?)))))
        .collect();
    if told.is_empty() {
        return Ok(());
    }
    for user in readers(tx, organisation, &owners).await? {
        tell(tx, &user, grant, &place, (&told, full), now).await?;
    }
    Ok(())
}

/// Whether one more fits. What is here already, through somebody else's login, takes no room.
async fn has_room(tx: &mut Tx, organisation: &OrganisationId, place: &Place, asset: &Asset, limit: u64) -> Result<bool, StoreError> {
    if limit == 0 || profiles::is_known(tx, organisation, place, &asset.network_id).await? {
        return Ok(true);
    }
    let have = profiles::count(tx, organisation).await?;
    Ok(u64::try_from(have).is_ok_and(|have| have < limit))
}

/// What became of something that comes along.
enum Came {
    /// It is a profile now.
    Along(ProfileId),
    /// The limit is reached.
    NoRoom,
    /// What it belongs to is not connected.
    NotOurs,
}

/// Makes a profile of it, where what it belongs to is connected and there is room.
async fn add(
    tx: &mut Tx,
    organisation: &OrganisationId,
    grant: &Grant,
    place: &Place,
    asset: &Asset,
    (now, limit): (Timestamp, u64),
) -> Result<Came, StoreError> {
    let sql = "SELECT profiles.id FROM profiles JOIN accesses ON accesses.profile_id = profiles.id WHERE accesses.grant_id = $1 AND profiles.network_id = $2";
    let parent = asset.parent.clone().unwrap_or_default();
    let Some(row) = tx.one(sql, &[grant.id.as_str().into(), parent.into()]).await? else { return Ok(Came::NotOurs) };
    if !has_room(tx, organisation, place, asset, limit).await? {
        return Ok(Came::NoRoom);
    }
    // A board comes along into the team of its account.
    let account = profiles::get(tx, organisation, &row.parsed("id")?).await?;
    let teams = account.map(|account| account.teams).unwrap_or_default();
    let preset = presets::holding(&presets::list(tx, organisation).await?, &place.network, &teams);
    let found = Discovered {
        network_id: asset.network_id.clone(),
        kind: asset.kind.clone(),
        name: asset.name.clone(),
        handle: None,
        avatar: None,
        role: asset.role.clone(),
        parent: asset.parent.clone(),
        unusable: None,
    };
    let id = upsert_profile(tx, organisation, place, &found, &preset, now).await?;
    give_access(tx, &grant.id, &id, &asset.role, now).await?;
    Ok(Came::Along(id))
}

/// The owners who want to hear of it, else the company admins who do. News, not an alarm: nobody is told against their will.
async fn readers(tx: &mut Tx, organisation: &OrganisationId, owners: &[UserId]) -> Result<Vec<User>, StoreError> {
    let hears_news = |user: &User| user.notify_new_profiles && user.wishes.digest != Digest::Off;
    let wants = |user: &User| user.disabled_at.is_none() && user.refused.is_none() && hears_news(user);
    let mut readers = vec![];
    for owner in owners.iter().collect::<BTreeSet<_>>() {
        readers.extend(users::by_id(tx, owner).await?.filter(wants));
    }
    if readers.is_empty() {
        readers.extend(users::with_role(tx, organisation, Role::CompanyAdmin).await?.into_iter().filter(wants));
    }
    Ok(readers)
}

async fn tell(
    tx: &mut Tx,
    user: &User,
    grant: &Grant,
    place: &Place,
    (new, full): (&[(&Asset, Option<&ProfileId>)], bool),
    now: Timestamp,
) -> Result<(), StoreError> {
    let person = grants::person(tx, &grant.person).await?;
    let listed: Vec<_> = new
        .iter()
        .map(|(asset, id)| json!({ "id": id.map(ProfileId::as_str), "name": asset.name, "network": place.network, "kind": asset.kind }))
        .collect();
    let payload = json!({
        "profiles": listed,
        "person": person.map(|person| json!({ "name": person.name, "handle": person.handle })),
        "added": new.iter().all(|(_, id)| id.is_some()),
        "full": full,
    });
    let dedupe = format!("new_profiles:{}:{}:{}", grant.id, now.as_micros(), user.id);
    telling::insert(tx, "new_profiles", user, &payload, &dedupe, now).await?;
    Ok(())
}
