//! What must become true together when a person has authorised, and when a profile is given up: each one transaction.

use lifecycle::access::{self, AccessState};
use lifecycle::facts::Facts;
use lifecycle::grant::{Clocks, Event, Grant, Happening, State, step};
use lifecycle::ids::{AccessId, GrantId, OrganisationId, ProfileId, TeamId};
use lifecycle::ledger::Asset;
use lifecycle::secret::TokenSet;
use lifecycle::status::Standing;
use lifecycle::time::Timestamp;
use serde_json::json;

use crate::connections::{Connection, Discovered, set_complete, set_discovered};
use crate::driver::{StoreError, Tx, Value, placeholders, to_json};
use crate::events::{self, About, Actor};
use crate::grants::{self, Place, fence_off, insert_blank, of_person, token_context, upsert_person};
use crate::ids::fresh;
use crate::seal::{open_tokens, seal_tokens};
use crate::standing::{profiles_of, settle_profiles};
use crate::{Store, across_apps, assets, ledger, new_profiles, presets, profiles, renewal_links, revocations, tags, teams};

/// The note of a token set with the id under which the network speaks of the person by itself, where that is another one.
pub const ALSO_KNOWN_AS: &str = "also_known_as";

/// What a person's authorisation brought.
#[derive(Debug)]
pub struct Authorized<'a> {
    /// The token set.
    pub tokens: &'a TokenSet,
    /// Its clocks.
    pub clocks: Clocks,
    /// Whether it can be renewed without the person.
    pub renewable: bool,
    /// The person's id at the network.
    pub person_network_id: &'a str,
    /// Their name.
    pub person_name: &'a str,
    /// Their handle.
    pub person_handle: Option<&'a str>,
    /// The id that is the same in all apps of one developer, where the network has one beside the id that it shows to each app.
    pub person_across_apps: Option<&'a str>,
    /// What they may act as.
    pub discovered: &'a [Discovered],
    /// Everything that can be connected comes along at this network, instead of being chosen.
    pub comes_along: bool,
}

fn asset(found: &Discovered, comes_along: bool) -> Asset {
    Asset {
        network_id: found.network_id.clone(),
        kind: found.kind.clone(),
        name: found.name.clone(),
        role: found.role.clone(),
        usable: found.unusable.is_none(),
        parent: found.parent.clone(),
        comes_along,
    }
}

/// Every access this grant already has is as good as the fresh listing says: what is not in it was given up, or left out at the
/// network's consent page. Returns the names of what was left out.
async fn look_at_accesses(
    tx: &mut Tx,
    connection: &Connection,
    grant: &Grant,
    discovered: &[Discovered],
    facts: &Facts,
    now: Timestamp,
) -> Result<Vec<String>, StoreError> {
    let mut left_out = vec![];
    for access in grants::accesses_of(tx, &grant.id).await? {
        let found = discovered.iter().find(|found| found.network_id == access.network_id);
        let listed = found.map(|found| (found.role.as_str(), found.unusable.as_ref().map(|(why, _)| why.as_str())));
        let (access, happening) = access::at_login(&access, &access::seen_at_login(listed, now), facts, now);
        grants::write_access(tx, &access).await?;
        if found.is_none() {
            left_out.extend(profiles::get(tx, &connection.organisation, &access.profile).await?.map(|profile| profile.name));
        }
        if let Some(happening) = happening {
            let about = About {
                grant: Some(grant.id.clone()),
                person: Some(grant.person.clone()),
                profile: Some(access.profile.clone()),
                connection: Some(connection.id.clone()),
            };
            let detail = json!({ "role": access.role, "state": access.state });
            events::append(tx, &connection.organisation, now, happening.as_str(), &connection.begun.by, &about, &detail).await?;
        }
    }
    Ok(left_out)
}

/// The profiles that somebody chose, by their ids at the network.
#[derive(Debug, Clone, Copy)]
pub struct Chosen<'a> {
    /// Which.
    pub ids: &'a [String],
    /// For which team; `None`: for those of whoever connects.
    pub team: Option<&'a TeamId>,
}

impl<'a> From<&'a [String]> for Chosen<'a> {
    fn from(ids: &'a [String]) -> Self {
        Self { ids, team: None }
    }
}

/// What new profiles of a connection get. Those that are connected for a team are in it in any case.
pub async fn preset_of(tx: &mut Tx, connection: &Connection, team: Option<&TeamId>) -> Result<presets::Preset, StoreError> {
    let teams = match (team, &connection.begun.by) {
        (Some(team), _) => vec![team.clone()],
        (None, Actor::User { id, .. }) => match id.parse() {
            Ok(user) => teams::of_user(tx, &user).await?,
            Err(_) => vec![],
        },
        (None, _) => vec![],
    };
    let all = presets::list(tx, &connection.organisation).await?;
    let mut preset = presets::holding(&all, &connection.place.network, &teams);
    if let Some(team) = team.filter(|team| !preset.teams.contains(team)) {
        preset.teams.push(team.clone());
    }
    Ok(preset)
}

impl Store {
    /// Stores what a person authorised: the token set first of all, then every profile that already hangs on this
    /// person is repaired. The same login is always the same grant; a renewal that is running loses its fence.
    pub async fn authorized(
        &self,
        tx: &mut Tx,
        connection: &Connection,
        authorized: &Authorized<'_>,
        facts: &Facts,
        now: Timestamp,
    ) -> Result<Vec<ProfileId>, StoreError> {
        let organisation = &connection.organisation;
        let a = authorized;
        let known_anew = across_apps::come_back(tx, connection, a.person_network_id, a.person_across_apps).await?;
        let person = upsert_person(tx, organisation, &connection.place, a.person_network_id, a.person_name, a.person_handle, now).await?;
        across_apps::note(tx, &person, a.person_across_apps).await?;
        if let Some(other) = a.tokens.notes.get(ALSO_KNOWN_AS) {
            let sql = "UPDATE people SET also_known_as = $2 WHERE id = $1";
            tx.run(sql, &[person.as_str().into(), other.as_str().into()]).await?;
        }
        let known = of_person(tx, &person).await?;
        let (before, id) = match known {
            Some(grant) => (grant.clone(), grant.id),
            None => {
                let id = insert_blank(tx, organisation, &connection.place, &person, now).await?;
                let blank =
                    Grant { state: State::Fresh, ..Grant::born(id.clone(), person.clone(), a.clocks, a.renewable, facts, now).grant };
                (Grant { generation: 0, clocks: Clocks::default(), verified_at: None, ..blank }, id)
            }
        };
        fence_off(tx, &id, now).await?;
        let next = step(&before, &Event::Authorized { person: person.clone(), clocks: a.clocks, renewable: a.renewable }, facts, now);
        let (next, mut happenings) = (next.grant, next.happenings);
        let sealed = seal_tokens(self.keys(), &token_context(id.as_str(), organisation.as_str(), next.generation), a.tokens);
        grants::write(tx, &next, Some(sealed), facts, now).await?;
        let about =
            About { grant: Some(id.clone()), person: Some(person.clone()), connection: Some(connection.id.clone()), ..About::default() };
        let mut detail = json!({ "person": a.person_name, "generation": next.generation, "scopes": a.tokens.scopes });
        if known_anew {
            detail["known_across_apps"] = json!(true);
        }
        events::append(tx, organisation, now, "grant.authorized", &connection.begun.by, &about, &detail).await?;
        // The login itself was just said, by whom and how. What else comes with it: that the network can be reached again.
        happenings.retain(|(happening, _)| *happening != Happening::Authorized);
        ledger::record(tx, organisation, &next, &happenings, now).await?;
        let left_out = look_at_accesses(tx, connection, &next, a.discovered, facts, now).await?;
        let listed: Vec<Asset> = a.discovered.iter().map(|found| asset(found, a.comes_along)).collect();
        let new = assets::compare(tx, organisation, &next, &listed, &connection.begun.by, now).await?;
        if connection.begun.profile.is_some() {
            // Whoever connects is shown what is new, and chooses; whoever refreshes is not asked.
            new_profiles::appeared(tx, organisation, &next, &new, facts, (now, self.profile_limit)).await?;
        }
        set_discovered(tx, &connection.id, &person, a.discovered, &left_out).await?;
        let reached = profiles_of(tx, &id).await?;
        settle_profiles(tx, &reached, facts, now, &connection.begun.by, id.as_str()).await?;
        Ok(reached)
    }

    /// Adds the chosen profiles with the page presets' owner, teams and notification choices; those that exist keep
    /// their settings and gain an access. Profiles that cannot be used or were not discovered are refused by not being
    /// in the answer.
    pub async fn add_profiles(
        &self,
        tx: &mut Tx,
        connection: &Connection,
        chosen: Chosen<'_>,
        facts: &Facts,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Vec<ProfileId>, StoreError> {
        let person = connection.person.as_ref().ok_or_else(|| StoreError::Broken("a connection without a person".into()))?;
        let grant = of_person(tx, person).await?.ok_or_else(|| StoreError::Broken("a person without a grant".into()))?;
        let preset = preset_of(tx, connection, chosen.team).await?;
        let mut added = connection.added.clone();
        let mut found: Vec<&Discovered> =
            connection.discovered.iter().filter(|found| found.unusable.is_none() && chosen.ids.contains(&found.network_id)).collect();
        // Parents first, so that a board finds its account; beyond that always in the same order, so that two people who
        // connect the same profiles at the same moment do not wait for each other crosswise.
        found.sort_by_key(|found| (found.parent.is_some(), found.network_id.as_str()));
        lock_known(tx, connection, &found).await?;
        for item in found {
            let id = upsert_profile(tx, &connection.organisation, &connection.place, item, &preset, now).await?;
            give_access(tx, &grant.id, &id, &item.role, now).await?;
            if !added.contains(&id) {
                added.push(id);
            }
        }
        settle_profiles(tx, &added, facts, now, actor, grant.id.as_str()).await?;
        set_complete(tx, &connection.id, &added).await?;
        let about = About { connection: Some(connection.id.clone()), person: Some(person.clone()), ..About::default() };
        events::append(tx, &connection.organisation, now, "connection.completed", actor, &about, &json!({ "profiles": added.len() }))
            .await?;
        Ok(added)
    }

    /// Gives a profile up. A grant that reaches nothing any more is owed a revocation at its network, durably, and its
    /// tokens are moved there under a seal of their own (RF-39).
    pub async fn delete_profile(
        &self,
        tx: &mut Tx,
        organisation: &OrganisationId,
        id: &ProfileId,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        if profiles::get(tx, organisation, id).await?.is_none() {
            return Ok(false);
        }
        let lock = tx.dialect().for_update();
        // Grants before profiles, each in id order: the order in which every other transaction takes them.
        let family = "(SELECT id FROM profiles WHERE id = $1 OR parent_id = $1)";
        let reaching = format!("SELECT DISTINCT grant_id FROM accesses WHERE profile_id IN {family} ORDER BY grant_id");
        for row in tx.all(&reaching, &[id.as_str().into()]).await? {
            tx.one(&format!("SELECT id FROM grants WHERE id = $1{lock}"), &[row.text("grant_id")?.into()]).await?;
        }
        let rows = tx
            .all(
                &format!("SELECT id, name, network FROM profiles WHERE id = $1 OR parent_id = $1 ORDER BY id{lock}"),
                &[id.as_str().into()],
            )
            .await?;
        let touched = tx.all(&reaching, &[id.as_str().into()]).await?;
        for row in rows {
            let each: ProfileId = row.parsed("id")?;
            renewal_links::forget_profile(tx, &each).await?;
            tags::set(tx, organisation, &each, &[], now).await?;
            for table in ["accesses", "profile_teams", "acts"] {
                tx.run(&format!("DELETE FROM {table} WHERE profile_id = $1"), &[each.as_str().into()]).await?;
            }
            tx.run("DELETE FROM profiles WHERE id = $1", &[each.as_str().into()]).await?;
            let about = About { profile: Some(each), ..About::default() };
            let detail = json!({ "name": row.text("name")?, "network": row.text("network")? });
            events::append(tx, organisation, now, "profile.deleted", actor, &about, &detail).await?;
        }
        for row in touched {
            let grant: GrantId = row.parsed("grant_id")?;
            if profiles_of(tx, &grant).await?.is_empty() {
                self.give_up_grant(tx, organisation, &grant, now).await?;
            }
        }
        Ok(true)
    }

    pub(crate) async fn give_up_grant(
        &self,
        tx: &mut Tx,
        organisation: &OrganisationId,
        id: &GrantId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let Some(row) = tx.one("SELECT * FROM grants WHERE id = $1", &[id.as_str().into()]).await? else { return Ok(()) };
        let place = Place { network: row.text("network")?, instance: row.text("instance")? };
        let person = tx.one("SELECT network_id FROM people WHERE id = $1", &[row.text("person_id")?.into()]).await?;
        let person = person.map(|person| person.text("network_id")).transpose()?;
        if let Some(sealed) = row.opt_bytes("sealed_tokens")? {
            match open_tokens(self.keys(), &token_context(id.as_str(), organisation.as_str(), row.int("generation")?), &sealed) {
                Ok(tokens) => revocations::owe(tx, self.keys(), organisation, &place, person.as_deref(), &tokens, now).await?,
                // What cannot be opened cannot be revoked; the profile can be given up all the same.
                Err(error) => {
                    tracing::error!(grant = %id, error = %error, "store: the tokens of a deleted profile cannot be opened, so they cannot be revoked");
                    let detail = json!({ "network": place.network, "outcome": format!("unreadable: {error}"), "tries": 0 });
                    let about = About { grant: Some(id.clone()), ..About::default() };
                    events::append(tx, organisation, now, "revocation.ended", &Actor::System, &about, &detail).await?;
                }
            }
        }
        tx.run("DELETE FROM attempts WHERE grant_id = $1", &[id.as_str().into()]).await?;
        tx.run("DELETE FROM assets WHERE grant_id = $1", &[id.as_str().into()]).await?;
        tx.run("DELETE FROM grants WHERE id = $1", &[id.as_str().into()]).await?;
        Ok(())
    }
}

/// The edge from a grant to a profile, which works as of now.
pub(crate) async fn give_access(tx: &mut Tx, grant: &GrantId, profile: &ProfileId, role: &str, now: Timestamp) -> Result<(), StoreError> {
    let sql = "INSERT INTO accesses (id, grant_id, profile_id, role, state, seen_at, created_at) VALUES ($1, $2, $3, $4, $5, $6, $6) \
               ON CONFLICT (grant_id, profile_id) DO UPDATE SET role = excluded.role, state = excluded.state, seen_at = excluded.seen_at";
    let values = [
        fresh::<AccessId>().as_str().into(),
        grant.as_str().into(),
        profile.as_str().into(),
        role.into(),
        to_json(&AccessState::Working)?.into(),
        now.into(),
    ];
    tx.run(sql, &values).await?;
    Ok(())
}

const BY_PLACE: &str = "organisation_id = $1 AND network = $2 AND instance = $3";

fn place_values(organisation: &OrganisationId, place: &Place) -> Vec<Value> {
    vec![organisation.as_str().into(), place.network.as_str().into(), place.instance.as_str().into()]
}

/// Locks those of the found profiles that are here already, in id order, as the keeper does.
async fn lock_known(tx: &mut Tx, connection: &Connection, found: &[&Discovered]) -> Result<(), StoreError> {
    let lock = tx.dialect().for_update();
    if lock.is_empty() {
        return Ok(());
    }
    let mut ids = std::collections::BTreeSet::new();
    for some in found.chunks(500) {
        let mut values = place_values(&connection.organisation, &connection.place);
        values.extend(some.iter().map(|found| Value::from(found.network_id.as_str())));
        let sql = format!("SELECT id FROM profiles WHERE {BY_PLACE} AND network_id IN ({})", placeholders(4, some.len()));
        for row in tx.all(&sql, &values).await? {
            ids.insert(row.text("id")?);
        }
    }
    for id in ids {
        tx.one(&format!("SELECT id FROM profiles WHERE id = $1{lock}"), &[id.into()]).await?;
    }
    Ok(())
}

/// The profile with that id at the network: made with the page presets, or, where it is here already, only brought up to
/// date in what the network says of it.
pub(crate) async fn upsert_profile(
    tx: &mut Tx,
    organisation: &OrganisationId,
    place: &Place,
    found: &Discovered,
    preset: &presets::Preset,
    now: Timestamp,
) -> Result<ProfileId, StoreError> {
    let by_network_id = format!("SELECT id FROM profiles WHERE {BY_PLACE} AND network_id = $4");
    let key = |network_id: &str| {
        let mut values = place_values(organisation, place);
        values.push(network_id.into());
        values
    };
    let parent = match &found.parent {
        Some(parent) => tx.one(&by_network_id, &key(parent)).await?.map(|row| row.text("id")).transpose()?,
        None => None,
    };
    let id: ProfileId = fresh();
    let standing = Standing::unborn(now);
    // Somebody else may be adding the same profile at this moment: the second one waits here and then finds it.
    let sql = "INSERT INTO profiles (id, organisation_id, network, instance, network_id, kind, name, handle, avatar, parent_id, owner_id, notify_no_access, notify_renew_soon, enabled, \
               status, status_since, standing, sort_key, created_at) \
               VALUES ($5, $1, $2, $3, $4, $6, $7, $8, $9, $10, (SELECT id FROM users WHERE id = $11 AND organisation_id = $1 AND disabled_at IS NULL), $12, $13, 1, $14, $15, $16, $17, $15) \
               ON CONFLICT (organisation_id, network, instance, network_id) DO NOTHING";
    let mut values = key(&found.network_id);
    values.extend([
        id.as_str().into(),
        found.kind.as_str().into(),
        found.name.as_str().into(),
        found.handle.clone().into(),
        found.avatar.clone().into(),
        parent.clone().into(),
        preset.owner.as_ref().map(lifecycle::ids::UserId::as_str).into(),
        preset.notify_no_access.into(),
        preset.notify_renew_soon.into(),
        standing.status.as_str().into(),
        now.into(),
        to_json(&standing)?.into(),
        profiles::sort_key(&found.name).into(),
    ]);
    if tx.run(sql, &values).await? == 0 {
        // Where the name was not read, the id stands in for it: what is known of the profile stays.
        let shown = if found.name == found.network_id {
            "name = COALESCE(name, $5), handle = COALESCE($6, handle), avatar = COALESCE($7, avatar), sort_key = COALESCE(sort_key, $8)"
        } else {
            "name = $5, handle = $6, avatar = $7, sort_key = $8"
        };
        let sql =
            format!("UPDATE profiles SET {shown}, parent_id = COALESCE($9, parent_id) WHERE {BY_PLACE} AND network_id = $4 RETURNING id");
        let mut values = key(&found.network_id);
        values.extend([
            found.name.as_str().into(),
            found.handle.clone().into(),
            found.avatar.clone().into(),
            profiles::sort_key(&found.name).into(),
            parent.into(),
        ]);
        return tx.one(&sql, &values).await?.ok_or_else(|| StoreError::Broken("a profile that is and is not there".into()))?.parsed("id");
    }
    profiles::put_in_teams(tx, organisation, &id, &preset.teams).await?;
    Ok(id)
}
