//! Page presets: /api/v1/page-presets, and applying them to profiles that are here already. What holds for all networks that have none of
//! their own is called `default`.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use lifecycle::ids::{TeamId, UserId};
use lifecycle::permission::Act;
use serde::Deserialize;
use serde_json::{Value, json};
use store::presets::{self, Preset};
use store::profiles::Profile;

use super::{Answer, Body, Notifications, json};
use crate::actions::apply_presets::{self, Change};
use crate::actions::company;
use crate::api::version::{IfMatch, versioned};
use crate::auth::{self, Caller};
use crate::error::Problem;
use crate::state::App;

/// The name of what holds for all others.
const DEFAULT: &str = "default";

pub(super) fn shown(preset: &Preset) -> Value {
    json!({
        "team_id": preset.team.as_ref().map(TeamId::as_str),
        "network": if preset.network.is_empty() { DEFAULT } else { &preset.network },
        "owner_id": preset.owner.as_ref().map(UserId::as_str),
        "team_ids": preset.teams.iter().map(TeamId::as_str).collect::<Vec<_>>(),
        "notifications": { "no_access_tokens": preset.notify_no_access, "renew_soon": preset.notify_renew_soon },
    })
}

fn stored_name(app: &App, network: &str) -> Result<String, Problem> {
    if network == DEFAULT {
        return Ok(String::new());
    }
    app.config.offered().find(|offered| offered.about().name == network).map(|_| network.to_owned()).ok_or_else(Problem::not_found)
}

/// Whose presets are meant.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Whose {
    team_id: Option<TeamId>,
}

/// GET /api/v1/page-presets: those that were set, and that the caller may set.
pub async fn list(State(app): State<Arc<App>>, caller: Caller) -> Answer {
    let mut tx = app.store.read().await?;
    let mut all = presets::list(&mut tx, &app.organisation).await?;
    all.retain(|preset| company::sets_presets(&caller, preset.team.as_ref()).is_ok());
    json(200, &json!({ "items": all.iter().map(shown).collect::<Vec<_>>() }))
}

/// GET /api/v1/page-presets/{network}: what a new profile of it gets, set for it or for all, for the team or for the company.
pub async fn get(State(app): State<Arc<App>>, caller: Caller, Path(network): Path<String>, Query(whose): Query<Whose>) -> Answer {
    company::sets_presets(&caller, whose.team_id.as_ref())?;
    let network = stored_name(&app, &network)?;
    let mut tx = app.store.read().await?;
    let preset = shown(&company::preset_of(&mut tx, &app, whose.team_id.as_ref(), &network).await?.holds);
    versioned(200, &preset, &preset)
}

/// What `PUT /page-presets/{network}` takes; what is left out is nobody, no team, and told.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    owner_id: Option<UserId>,
    #[serde(default)]
    team_ids: Vec<TeamId>,
    notifications: Option<Notifications>,
}

/// PUT /api/v1/page-presets/{network}
pub async fn set(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(network): Path<String>,
    Query(whose): Query<Whose>,
    seen: IfMatch,
    Body(wanted): Body<Wanted>,
) -> Answer {
    let told = wanted.notifications.unwrap_or(Notifications { no_access_tokens: true, renew_soon: true });
    let preset = Preset {
        team: whose.team_id,
        network: stored_name(&app, &network)?,
        owner: wanted.owner_id,
        teams: wanted.team_ids,
        notify_no_access: told.no_access_tokens,
        notify_renew_soon: told.renew_soon,
    };
    let preset = shown(&company::set_preset(&app, &caller, &preset, |now| seen.holds(&shown(&now.holds))).await?);
    versioned(200, &preset, &preset)
}

/// DELETE /api/v1/page-presets/{network}
pub async fn remove(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(network): Path<String>,
    Query(whose): Query<Whose>,
    seen: IfMatch,
) -> Answer {
    let network = stored_name(&app, &network)?;
    company::remove_preset(&app, &caller, whose.team_id.as_ref(), &network, |now| seen.holds(&shown(&now.holds))).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// What the presets change of one profile.
fn becomes((profile, change): &(Profile, Change)) -> Value {
    let owner = change.owner.as_ref().map(|to| json!({ "from": profile.owner.as_ref().map(UserId::as_str), "to": to.as_str() }));
    json!({
        "profile_id": profile.id.as_str(),
        "changes": !change.is_nothing(),
        "owner_id": owner,
        "added_team_ids": change.teams.iter().map(TeamId::as_str).collect::<Vec<_>>(),
        "notifications": { "no_access_tokens": change.no_access, "renew_soon": change.renew_soon },
    })
}

/// Profiles that are here already.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Existing {
    profile_ids: Vec<String>,
}

/// POST /api/v1/page-presets/preview: what they would change of existing profiles; nothing is done.
pub async fn preview(State(app): State<Arc<App>>, caller: Caller, Body(existing): Body<Existing>) -> Answer {
    let chosen = auth::several(&app, &caller, "profile_ids", &existing.profile_ids, Act::ManageProfile).await?;
    let preview = apply_presets::look(&mut app.store.read().await?, &app, &chosen).await?;
    json(200, &json!({ "items": preview.changes.iter().map(becomes).collect::<Vec<_>>(), "mark": preview.mark }))
}

/// The same profiles, and the mark of what was shown of them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Confirmed {
    profile_ids: Vec<String>,
    mark: String,
}

/// POST /api/v1/page-presets/apply: does what a preview showed, all of it or nothing.
pub async fn apply(State(app): State<Arc<App>>, caller: Caller, Body(confirmed): Body<Confirmed>) -> Answer {
    let chosen = auth::several(&app, &caller, "profile_ids", &confirmed.profile_ids, Act::ManageProfile).await?;
    let changed = apply_presets::apply(&app, &caller, &chosen, &confirmed.mark).await?;
    json(200, &json!({ "changed": changed.ok_or_else(apply_presets::changed_meanwhile)? }))
}
