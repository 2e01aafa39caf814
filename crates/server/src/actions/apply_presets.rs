//! Page presets for profiles that are here already: looked at first, then done.

use axum::http::StatusCode;
use lifecycle::ids::{TeamId, UserId};
use lifecycle::secret::Secret;
use serde_json::json;
use store::events::{self, About};
use store::presets::{self, Preset};
use store::profiles::{self, Profile};
use store::{Tx, reminders, seal};

use super::company::CHANGED_MEANWHILE;
use super::settings::{self, Wanted};
use crate::auth::Caller;
use crate::error::Problem;
use crate::state::App;

/// What the presets change of one profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The owner afterwards, where it becomes another one.
    pub owner: Option<UserId>,
    /// Teams it is put into.
    pub teams: Vec<TeamId>,
    /// *No access tokens available*, where that changes.
    pub no_access: Option<bool>,
    /// Early warnings, where that changes.
    pub renew_soon: Option<bool>,
}

impl Change {
    /// What presets change of a profile. What they leave open stays: without an owner or a team in them nobody loses
    /// one, and no profile is taken out of a team, since that decides who may see it.
    pub fn of(profile: &Profile, preset: &Preset) -> Self {
        Self {
            owner: preset.owner.clone().filter(|owner| profile.owner.as_ref() != Some(owner)),
            teams: preset.teams.iter().filter(|team| !profile.teams.contains(team)).cloned().collect(),
            no_access: Some(preset.notify_no_access).filter(|wanted| *wanted != profile.notify_no_access),
            renew_soon: Some(preset.notify_renew_soon).filter(|wanted| *wanted != profile.notify_renew_soon),
        }
    }

    /// Nothing changes.
    pub fn is_nothing(&self) -> bool {
        self.owner.is_none() && self.teams.is_empty() && self.no_access.is_none() && self.renew_soon.is_none()
    }
}

/// What would change, profile by profile, and a mark by which it is known again.
pub struct Preview {
    /// Each of the profiles with what changes of it.
    pub changes: Vec<(Profile, Change)>,
    /// Differs as soon as anything of it does.
    pub mark: String,
}

/// What the presets of their teams and networks would change of these profiles now.
pub async fn look(tx: &mut Tx, app: &App, chosen: &[Profile]) -> Result<Preview, Problem> {
    let mut changes = vec![];
    let all = presets::list(tx, &app.organisation).await?;
    for profile in chosen {
        // Read again: in the transaction that does it, what is stored counts.
        let profile = profiles::get(tx, &app.organisation, &profile.id).await?.ok_or_else(Problem::not_found)?;
        let preset = presets::holding(&all, &profile.network, &profile.teams);
        let change = Change::of(&profile, &preset);
        changes.push((profile, change));
    }
    let lines = changes.iter().map(|(profile, change)| {
        let owners = (profile.owner.as_ref().map(UserId::as_str), change.owner.as_ref().map(UserId::as_str));
        let teams: Vec<&str> = change.teams.iter().map(TeamId::as_str).collect();
        json!([profile.id.as_str(), owners, teams, change.no_access, change.renew_soon]).to_string()
    });
    let mark = seal::hash(&Secret::new(lines.collect::<Vec<_>>().join("\n")));
    Ok(Preview { changes, mark })
}

/// What a mark is answered with when something else would be done than what was shown.
pub fn changed_meanwhile() -> Problem {
    let words = "What the page presets would change is not what was shown any more. Nothing was changed; preview it again.";
    Problem::new(StatusCode::CONFLICT, CHANGED_MEANWHILE, words).with(json!({ "field": "mark" }))
}

/// Does what was shown, all of it or nothing; `None` when it would be something else by now. How many profiles changed.
pub async fn apply(app: &App, caller: &Caller, chosen: &[Profile], mark: &str) -> Result<Option<usize>, Problem> {
    let mut tx = app.store.write().await?;
    for profile in chosen {
        profiles::get_to_change(&mut tx, &app.organisation, &profile.id).await?;
    }
    let preview = look(&mut tx, app, chosen).await?;
    if preview.mark != mark {
        return Ok(None);
    }
    let mut count = 0;
    for (profile, change) in preview.changes.iter().filter(|(_, change)| !change.is_nothing()) {
        let owner = change.owner.as_ref().or(profile.owner.as_ref());
        let teams: Vec<TeamId> = profile.teams.iter().chain(&change.teams).cloned().collect();
        settings::set(&mut tx, app, caller, profile, &Wanted { owner, teams: &teams, tags: &profile.tags }).await?;
        let (no_access, renew_soon) =
            (change.no_access.unwrap_or(profile.notify_no_access), change.renew_soon.unwrap_or(profile.notify_renew_soon));
        profiles::set_notifications(&mut tx, &app.organisation, &profile.id, no_access, renew_soon).await?;
        reminders::handed_over(&mut tx, profile, &caller.named, app.now()).await?;
        let about = About { profile: Some(profile.id.clone()), ..About::default() };
        let detail = json!({ "page_presets": profile.network });
        events::append(&mut tx, &app.organisation, app.now(), "settings.changed", &caller.named, &about, &detail).await?;
        count += 1;
    }
    tx.commit().await?;
    app.told.notify_one();
    Ok(Some(count))
}
