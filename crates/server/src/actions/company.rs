//! Users, teams and page presets: changed from the pages and over REST alike.

use axum::http::StatusCode;
use lifecycle::ids::{TeamId, UserId};
use lifecycle::permission::{self, Act, Actor, Decision, Role};
use lifecycle::time::Timestamp;
use serde_json::{Value, json};
use store::events::{self, About};
use store::permission_sets::{self, Given};
use store::presets::{self, Preset};
use store::teams::{self, Team};
use store::users::{self, User};
use store::{StoreError, Tx};

use super::{invite, sets};
use crate::auth::{Caller, refused};
use crate::error::Problem;
use crate::i18n::Lang;
use crate::state::App;
use crate::zones;

/// The code of a change that met another one.
pub const CHANGED_MEANWHILE: &str = "changed_meanwhile";

/// The most characters of a name.
const NAME_MAX: usize = 80;

pub(super) async fn note(tx: &mut Tx, app: &App, caller: &Caller, kind: &str, detail: Value) -> Result<(), StoreError> {
    events::append(tx, &app.organisation, app.now(), kind, &caller.named, &About::default(), &detail).await
}

pub(super) fn name_of(typed: &str) -> Result<&str, Problem> {
    let name = typed.trim();
    if name.is_empty() || name.chars().count() > NAME_MAX || name.chars().any(char::is_control) {
        return Err(Problem::field("name", "has 1 to 80 characters"));
    }
    Ok(name)
}

/// Company admins may do everything: only they make, change and remove them, so that neither an API key nor a permission set grows
/// beyond itself (NT-14).
fn may_touch(caller: &Caller, role: Role) -> Result<(), Problem> {
    match (&caller.actor, role) {
        (Actor::ApiKey { .. }, Role::CompanyAdmin) => Err(Problem::forbidden(
            "An API key does not make, change or remove company admins; a company admin does, under Settings, Users.",
        )),
        (_, Role::CompanyAdmin) if !caller.is_company_admin() => {
            Err(Problem::forbidden("Only a company admin makes, changes or removes company admins."))
        }
        _ => Ok(()),
    }
}

/// A user, and the permission sets they were given.
pub struct Member {
    /// Who.
    pub user: User,
    /// Which sets, and where.
    pub given: Vec<Given>,
}

/// What becomes of a user.
pub struct Becomes {
    /// What they are then.
    pub role: Role,
    /// Whether the account is switched off then.
    pub disabled: bool,
    /// Exactly these permission sets; `None`: those they have.
    pub given: Option<Vec<Given>>,
}

/// One user of ours.
pub async fn user(app: &App, id: &str) -> Result<User, Problem> {
    let id: UserId = id.parse().map_err(|_| Problem::not_found())?;
    let mut tx = app.store.read().await?;
    users::by_id(&mut tx, &id).await?.filter(|user| user.organisation == app.organisation).ok_or_else(Problem::not_found)
}

/// The same with the permission sets they were given.
pub async fn member(app: &App, id: &str) -> Result<Member, Problem> {
    let user = user(app, id).await?;
    let given = permission_sets::of_user(&mut app.store.read().await?, &user.id).await?;
    Ok(Member { user, given })
}

/// Whoever is to be invited.
pub struct Invited<'a> {
    /// Mail address.
    pub email: &'a str,
    /// Name; empty until they say it themselves.
    pub name: &'a str,
    /// What they are here.
    pub role: Role,
    /// The permission sets they are given.
    pub given: &'a [Given],
    /// In which language they are written to; `None`: that of whoever invites.
    pub language: Option<Lang>,
    /// Where they live; `None`: where whoever invites does.
    pub time_zone: Option<&'a str>,
}

/// Invites a user; the link is told once.
pub async fn invite_user(app: &App, caller: &Caller, invited: &Invited<'_>) -> Result<(UserId, String), Problem> {
    may_touch(caller, invited.role)?;
    // Until they say how they are called, users go by their address, which may be longer than a name.
    let name = if invited.name.trim().is_empty() { invited.email } else { name_of(invited.name)? };
    let lang = invited.language.unwrap_or(caller.lang);
    let zone = caller.user.as_ref().map_or("UTC", |user| &user.time_zone);
    let zone = invited.time_zone.map_or_else(|| Ok(zone.to_owned()), |typed| zones::read(typed, zone))?;
    let mut tx = app.store.write().await?;
    let (id, link) = invite::invite_user(&mut tx, app, invited.email, name, invited.role, lang, &caller.named).await?;
    users::set_place(&mut tx, &id, lang.code(), &zone).await?;
    sets::give(&mut tx, app, caller, &id, invited.given).await?;
    tx.commit().await?;
    app.told.notify_one();
    Ok((id, link))
}

/// Somebody who did not take up the invitation, or forgot the password, gets a new link.
pub async fn invite_again(app: &App, caller: &Caller, user: &User) -> Result<(String, Timestamp), Problem> {
    may_touch(caller, user.role)?;
    if user.disabled_at.is_some() {
        return Err(Problem::field("id", "the account is switched off; switch it on first"));
    }
    // A tool that could reset a password could become that person.
    if user.password_hash.is_some() && matches!(caller.actor, Actor::ApiKey { .. }) {
        return Err(Problem::forbidden("An API key does not reset passwords; a company admin does, under Settings, Users."));
    }
    if user.password_hash.is_some() && !caller.is_company_admin() {
        return Err(Problem::forbidden("Only a company admin resets passwords."));
    }
    invite::invite_again(app, user, &caller.named).await
}

/// A user as they are, whom nobody else changes until the transaction ends.
async fn member_to_change(tx: &mut Tx, app: &App, id: &UserId) -> Result<Member, Problem> {
    users::keep(tx, &app.organisation).await?;
    let user = users::by_id(tx, id).await?.filter(|user| user.organisation == app.organisation).ok_or_else(Problem::not_found)?;
    Ok(Member { given: permission_sets::of_user(tx, id).await?, user })
}

/// Changes what a user is, and whether they may come in: `to` says what becomes of them as they are stored, or that this is not what was
/// expected. Nobody does this to themselves, and one admin is always left.
pub async fn change_user(
    app: &App,
    caller: &Caller,
    id: &UserId,
    to: impl FnOnce(&Member) -> Result<Becomes, Problem>,
) -> Result<(), Problem> {
    not_oneself(caller, id)?;
    let mut tx = app.store.write().await?;
    let member = member_to_change(&mut tx, app, id).await?;
    let user = &member.user;
    may_touch(caller, user.role)?;
    let Becomes { role, disabled, given } = to(&member)?;
    may_touch(caller, role)?;
    let disabled_at = disabled.then(|| user.disabled_at.unwrap_or_else(|| app.now()));
    if disabled || role != Role::CompanyAdmin {
        keep_an_admin(&mut tx, app, user).await?;
    }
    if !users::set_standing(&mut tx, &app.organisation, &user.id, role, disabled_at).await? {
        return Err(Problem::not_found());
    }
    if let Some(given) = &given {
        sets::give(&mut tx, app, caller, &user.id, given).await?;
    }
    note(&mut tx, app, caller, "user.changed", json!({ "user": user.id.as_str(), "role": role, "disabled": disabled })).await?;
    tx.commit().await?;
    app.told.notify_one();
    Ok(())
}

/// Deletes a user who `still` is what was expected; what was theirs has no owner then, and what waits to be told to them goes to the
/// company admins.
pub async fn delete_user(
    app: &App,
    caller: &Caller,
    id: &UserId,
    still: impl FnOnce(&Member) -> Result<(), Problem>,
) -> Result<(), Problem> {
    not_oneself(caller, id)?;
    let mut tx = app.store.write().await?;
    let member = member_to_change(&mut tx, app, id).await?;
    let user = &member.user;
    may_touch(caller, user.role)?;
    still(&member)?;
    keep_an_admin(&mut tx, app, user).await?;
    if !users::delete(&mut tx, &app.organisation, &user.id, app.now()).await? {
        return Err(Problem::not_found());
    }
    note(&mut tx, app, caller, "user.deleted", json!({ "user": user.id.as_str(), "name": user.name })).await?;
    tx.commit().await?;
    app.told.notify_one();
    Ok(())
}

fn not_oneself(caller: &Caller, id: &UserId) -> Result<(), Problem> {
    if caller.user.as_ref().is_some_and(|me| me.id == *id) {
        return Err(Problem::forbidden("You cannot change your own role, disable or delete yourself; ask another company admin."));
    }
    Ok(())
}

async fn keep_an_admin(tx: &mut Tx, app: &App, user: &User) -> Result<(), Problem> {
    if user.role == Role::CompanyAdmin && users::other_admins(tx, &app.organisation, &user.id).await? == 0 {
        return Err(Problem::forbidden("This is the last company admin who can sign in; make somebody else company admin first."));
    }
    Ok(())
}

/// One team, if the caller may manage it.
pub async fn team(tx: &mut Tx, app: &App, caller: &Caller, id: &str) -> Result<Team, Problem> {
    let id: TeamId = id.parse().map_err(|_| Problem::not_found())?;
    let team = teams::list(tx, &app.organisation).await?.into_iter().find(|team| team.id == id).ok_or_else(Problem::not_found)?;
    match caller.decide(Act::ManageTeams, permission::About::Team(&team.id)) {
        Decision::Allow(_) => Ok(team),
        no => Err(refused(&no)),
    }
}

/// The teams that the caller may manage, by name.
pub async fn managed_teams(tx: &mut Tx, app: &App, caller: &Caller) -> Result<Vec<Team>, Problem> {
    let mut all = teams::list(tx, &app.organisation).await?;
    all.retain(|team| caller.decide(Act::ManageTeams, permission::About::Team(&team.id)).is_yes());
    Ok(all)
}

/// Making and deleting teams is for whoever manages all of them.
pub fn manages_all_teams(caller: &Caller) -> Result<(), Problem> {
    match caller.decide(Act::ManageTeams, permission::About::Organisation) {
        Decision::Allow(_) => Ok(()),
        no => Err(refused(&no)),
    }
}

fn taken(error: StoreError) -> Problem {
    if !error.is_duplicate() {
        return error.into();
    }
    Problem::new(StatusCode::CONFLICT, "name_taken", "name: there is a team of that name already").with(json!({ "field": "name" }))
}

/// Makes a team.
pub async fn create_team(app: &App, caller: &Caller, name: &str, members: &[UserId]) -> Result<TeamId, Problem> {
    manages_all_teams(caller)?;
    let name = name_of(name)?;
    let mut tx = app.store.write().await?;
    let id = teams::create(&mut tx, &app.organisation, name, app.now()).await.map_err(taken)?;
    set_members(&mut tx, app, &id, members).await?;
    note(&mut tx, app, caller, "settings.changed", json!({ "team": id.as_str(), "name": name })).await?;
    tx.commit().await?;
    Ok(id)
}

/// Changes a team's name and members, where it `still` is what was expected; what is `None` stays.
pub async fn change_team(
    app: &App,
    caller: &Caller,
    id: &str,
    name: Option<&str>,
    members: Option<&[UserId]>,
    still: impl FnOnce(&Team) -> Result<(), Problem>,
) -> Result<(), Problem> {
    let mut tx = app.store.write().await?;
    teams::keep(&mut tx, &app.organisation).await?;
    let team = team(&mut tx, app, caller, id).await?;
    still(&team)?;
    if let Some(name) = name {
        teams::rename(&mut tx, &app.organisation, &team.id, name_of(name)?).await.map_err(taken)?;
    }
    if let Some(members) = members {
        set_members(&mut tx, app, &team.id, members).await?;
    }
    note(&mut tx, app, caller, "settings.changed", json!({ "team": id, "name": name.unwrap_or(&team.name) })).await?;
    tx.commit().await?;
    Ok(())
}

async fn set_members(tx: &mut Tx, app: &App, team: &TeamId, members: &[UserId]) -> Result<(), Problem> {
    let known = users::list(tx, &app.organisation).await?;
    if let Some(unknown) = members.iter().find(|id| !known.iter().any(|user| user.id == **id)) {
        return Err(Problem::field("member_ids", &format!("there is no user {unknown}")));
    }
    teams::set_members(tx, &app.organisation, team, members).await?;
    Ok(())
}

/// Deletes a team that `still` is what was expected; its profiles and users stay.
pub async fn delete_team(app: &App, caller: &Caller, id: &str, still: impl FnOnce(&Team) -> Result<(), Problem>) -> Result<(), Problem> {
    let mut tx = app.store.write().await?;
    teams::keep(&mut tx, &app.organisation).await?;
    let team = team(&mut tx, app, caller, id).await?;
    manages_all_teams(caller)?;
    still(&team)?;
    teams::delete(&mut tx, &app.organisation, &team.id).await?;
    note(&mut tx, app, caller, "settings.changed", json!({ "team": id, "name": team.name, "deleted": true })).await?;
    tx.commit().await?;
    Ok(())
}

/// Somebody else was quicker, where what is stored is not what is expected any more.
pub fn unchanged<T: PartialEq>(expected: &T, stored: &T) -> Result<(), Problem> {
    let quicker = || Problem::new(StatusCode::CONFLICT, CHANGED_MEANWHILE, "Somebody else changed this meanwhile; look again.");
    (expected == stored).then_some(()).ok_or_else(quicker)
}

/// Whether the caller may set presets: those of a team, or the company's.
pub fn sets_presets(caller: &Caller, team: Option<&TeamId>) -> Result<(), Problem> {
    let about = team.map_or(permission::About::Organisation, permission::About::Team);
    match caller.decide(Act::ManagePresets, about) {
        Decision::Allow(_) => Ok(()),
        no => Err(refused(&no)),
    }
}

/// What is stored of presets while somebody changes them.
pub struct StoredPreset {
    /// What is set for exactly this team and network.
    pub own: Option<Preset>,
    /// What holds there, own or not.
    pub holds: Preset,
}

/// The presets of a network, of a team or the company.
pub async fn preset_of(tx: &mut Tx, app: &App, team: Option<&TeamId>, network: &str) -> Result<StoredPreset, Problem> {
    let all = presets::list(tx, &app.organisation).await?;
    let own = all.iter().find(|preset| preset.team.as_ref() == team && preset.network == network).cloned();
    Ok(StoredPreset { own, holds: presets::holding(&all, network, team.map_or(&[], std::slice::from_ref)) })
}

async fn preset_to_change(tx: &mut Tx, app: &App, caller: &Caller, team: Option<&TeamId>, network: &str) -> Result<StoredPreset, Problem> {
    if let Some(id) = team {
        let all = teams::list(tx, &app.organisation).await?;
        all.iter().find(|team| team.id == *id).ok_or_else(Problem::not_found)?;
    }
    sets_presets(caller, team)?;
    presets::keep(tx, &app.organisation).await?;
    preset_of(tx, app, team, network).await
}

/// Whoever gets a team's presets is in that team.
fn in_their_team(mut preset: Preset) -> Preset {
    preset.teams.extend(preset.team.clone().filter(|team| !preset.teams.contains(team)));
    preset
}

/// Sets what new profiles of a network get, where it `still` is what was expected; gives what was set.
pub async fn set_preset(
    app: &App,
    caller: &Caller,
    preset: &Preset,
    still: impl FnOnce(&StoredPreset) -> Result<(), Problem>,
) -> Result<Preset, Problem> {
    let mut tx = app.store.write().await?;
    let stored = preset_to_change(&mut tx, app, caller, preset.team.as_ref(), &preset.network).await?;
    still(&stored)?;
    if let Some(owner) = &preset.owner {
        let known = users::by_id(&mut tx, owner).await?.filter(|user| user.organisation == app.organisation);
        known.ok_or_else(|| Problem::field("owner_id", "there is no such user"))?;
    }
    let all = teams::list(&mut tx, &app.organisation).await?;
    if let Some(unknown) = preset.teams.iter().find(|id| !all.iter().any(|team| team.id == **id)) {
        return Err(Problem::field("team_ids", &format!("there is no team {unknown}")));
    }
    // Into another team goes only what somebody may decide for it as well, or what is set already.
    let had = &stored.own.as_ref().unwrap_or(&stored.holds).teams;
    let new = preset.teams.iter().filter(|team| !had.contains(team));
    if new.into_iter().any(|team| sets_presets(caller, Some(team)).is_err()) {
        return Err(Problem::field("team_ids", "names a team whose page presets are not yours to set"));
    }
    let preset = in_their_team(preset.clone());
    presets::set(&mut tx, &app.organisation, &preset, app.now()).await?;
    note(&mut tx, app, caller, "settings.changed", json!({ "page_presets": preset.network, "team_presets": preset.team })).await?;
    tx.commit().await?;
    Ok(preset)
}

/// Takes them back, where they `still` are what was expected: what comes after them holds again.
pub async fn remove_preset(
    app: &App,
    caller: &Caller,
    team: Option<&TeamId>,
    network: &str,
    still: impl FnOnce(&StoredPreset) -> Result<(), Problem>,
) -> Result<(), Problem> {
    let mut tx = app.store.write().await?;
    still(&preset_to_change(&mut tx, app, caller, team, network).await?)?;
    if !presets::remove(&mut tx, &app.organisation, team, network).await? {
        return Err(Problem::not_found());
    }
    note(&mut tx, app, caller, "settings.changed", json!({ "page_presets": network, "team_presets": team, "removed": true })).await?;
    tx.commit().await?;
    Ok(())
}
