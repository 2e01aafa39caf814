//! Page presets: what new profiles get, per network, of the company or of a team.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use lifecycle::ids::TeamId;
use serde::Deserialize;
use store::events;
use store::presets::{self, Preset};
use store::profiles::Profile;
use store::teams::{self, Team};
use store::users::{self, User};

use super::bulk::Names;
use super::together::{self, Found, Meanwhile, Values, compare};
use super::view::{Options, owners, title_of};
use super::{Fields, Page, Shell, for_people, show_with};
use crate::actions::apply_presets::Change;
use crate::actions::company::{self, StoredPreset};
use crate::actions::connect::network_named;
use crate::auth::Caller;
use crate::error::Problem;
use crate::i18n::Lang;
use crate::state::App;

struct PresetView {
    network: String,
    title: String,
    owners: Options,
    teams: Options,
    no_access: bool,
    renew_soon: bool,
    /// Set for exactly this team and network.
    own: bool,
    /// Where nothing is set: what holds instead.
    instead: String,
    /// What the form shows, before anything is typed.
    shown: String,
    /// What somebody else changed while it was open.
    meanwhile: Option<String>,
}

#[derive(Template)]
#[template(path = "presets.html")]
struct Presets {
    s: Shell,
    /// The team whose presets these are; empty: the company's.
    team: String,
    /// Address, name, open.
    tabs: Options,
    presets: Vec<PresetView>,
}

/// Whose presets are looked at.
#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Whose {
    team: String,
}

/// The presets of a network as their form shows them.
fn values_of(preset: &Preset) -> Values {
    let flag = |on: bool| if on { "1".to_owned() } else { String::new() };
    let owner = preset.owner.iter().map(|id| ("owner", id.to_string()));
    // A team's own presets put into that team by themselves.
    let teams = preset.teams.iter().filter(|id| Some(*id) != preset.team.as_ref()).map(|id| ("teams", id.to_string()));
    let flags = [("no_access", flag(preset.notify_no_access)), ("renew_soon", flag(preset.notify_renew_soon))];
    Values::of(owner.chain(teams).chain(flags))
}

/// A network's title; all networks have the empty name.
fn title(lang: Lang, network: &str) -> String {
    if network.is_empty() { lang.t("presets.all").to_owned() } else { title_of(network) }
}

/// Words that name the presets which hold; those under `key.nothing` where nobody set any.
fn named(lang: Lang, key: &str, holds: &Preset, teams: &[Team]) -> String {
    if *holds == Preset::built_in() {
        return lang.t(&format!("{key}.nothing")).to_owned();
    }
    let team = holds.team.as_ref().and_then(|id| teams.iter().find(|team| team.id == *id));
    let whose = team.map_or(lang.t("presets.company"), |team| &team.name);
    lang.fill(key, &[("whose", whose), ("network", &title(lang, &holds.network))])
}

/// Which presets hold for a profile, and where it is set otherwise.
pub(super) struct Here {
    pub(super) words: String,
    /// What applying them would change.
    pub(super) differs: Vec<String>,
    /// Where they are set, for whoever may set them.
    pub(super) link: Option<String>,
}

/// Where the settings of a profile come from.
pub(super) fn here(caller: &Caller, profile: &Profile, set: &[Preset], names: &Names<'_>) -> Here {
    let holds = presets::holding(set, &profile.network, &profile.teams);
    // Where nobody set any there is nothing to differ from.
    let differs = if holds == Preset::built_in() { vec![] } else { names.words(caller.lang, profile, &Change::of(profile, &holds)) };
    let key = if differs.is_empty() { "presets.here" } else { "presets.differs" };
    let path = |team: &TeamId| format!("/settings/page-presets?team={team}");
    let link = company::sets_presets(caller, holds.team.as_ref()).is_ok();
    let link = link.then(|| holds.team.as_ref().map_or_else(|| "/settings/page-presets".to_owned(), path));
    Here { words: named(caller.lang, key, &holds, names.teams), differs, link }
}

/// What the page is built from.
struct House {
    users: Vec<User>,
    teams: Vec<Team>,
    set: Vec<Preset>,
}

impl House {
    async fn read(app: &App) -> Result<Self, Problem> {
        let mut tx = app.store.read().await?;
        Ok(Self {
            users: users::list(&mut tx, &app.organisation).await?,
            teams: teams::list(&mut tx, &app.organisation).await?,
            set: presets::list(&mut tx, &app.organisation).await?,
        })
    }

    /// The company and the teams whose presets the caller sets.
    fn tabs(&self, caller: &Caller, open: Option<&TeamId>) -> Options {
        let company = company::sets_presets(caller, None).is_ok();
        let company = company.then(|| ("/settings/page-presets".to_owned(), caller.lang.t("presets.company").to_owned(), open.is_none()));
        let theirs = self.teams.iter().filter(|team| company::sets_presets(caller, Some(&team.id)).is_ok());
        let tab = |team: &Team| (format!("/settings/page-presets?team={}", team.id), team.name.clone(), Some(&team.id) == open);
        company.into_iter().chain(theirs.map(tab)).collect()
    }

    fn view(&self, caller: &Caller, team: Option<&TeamId>, network: &str, found: Option<Meanwhile>) -> PresetView {
        let lang = caller.lang;
        let own = self.set.iter().find(|preset| preset.team.as_ref() == team && preset.network == network);
        let holds = presets::holding(&self.set, network, team.map_or(&[], std::slice::from_ref));
        let stored = values_of(own.unwrap_or(&holds));
        let shown = stored.written();
        let (meanwhile, form) = found.map_or((None, stored), |found| (Some(found.words), found.merged));
        let is_in = |team: &Team| form.all("teams").any(|id| id == team.id.as_str());
        // Into another team goes only what somebody may decide for it as well, or what is set already.
        let offered = |other: &&Team| Some(&other.id) != team && (is_in(other) || company::sets_presets(caller, Some(&other.id)).is_ok());
        let others = self.teams.iter().filter(offered);
        PresetView {
            network: network.to_owned(),
            title: title(lang, network),
            owners: owners(&self.users, form.one("owner").parse().ok().as_ref()),
            teams: others.map(|team| (team.id.to_string(), team.name.clone(), is_in(team))).collect(),
            no_access: form.one("no_access") == "1",
            renew_soon: form.one("renew_soon") == "1",
            own: own.is_some(),
            instead: named(lang, "presets.instead", &holds, &self.teams),
            shown,
            meanwhile,
        }
    }
}

/// What somebody else changed meanwhile, and of which network.
type Conflict<'a> = Option<(&'a str, Meanwhile)>;

async fn page(app: &App, caller: &Caller, team: Option<&TeamId>, flash: Option<String>, mut conflict: Conflict<'_>) -> Page {
    let house = House::read(app).await?;
    if let Some(id) = team {
        house.teams.iter().find(|team| team.id == *id).ok_or_else(Problem::not_found)?;
    }
    company::sets_presets(caller, team)?;
    let status = if conflict.is_some() { StatusCode::CONFLICT } else { StatusCode::OK };
    let names = app.config.offered().map(|network| network.about().name).chain([""]);
    let view = |network| house.view(caller, team, network, conflict.take_if(|(of, _)| *of == network).map(|(_, found)| found));
    let presets = names.map(view).collect();
    let tabs = house.tabs(caller, team);
    let team = team.map(ToString::to_string).unwrap_or_default();
    show_with(status, &Presets { s: Shell::new(caller, "presets").flash(flash), team, tabs, presets })
}

/// GET /settings/page-presets
pub async fn get(State(app): State<Arc<App>>, caller: Caller, Query(whose): Query<Whose>) -> Response {
    let page = async {
        let mut team: Option<TeamId> = whose.team.parse().ok();
        if team.is_none() && company::sets_presets(&caller, None).is_err() {
            // Whoever sets those of a team only begins with the first.
            let all = teams::list(&mut app.store.read().await?, &app.organisation).await?;
            team = all.into_iter().map(|team| team.id).find(|id| company::sets_presets(&caller, Some(id)).is_ok());
        }
        page(&app, &caller, team.as_ref(), None, None).await
    };
    for_people(&caller, page.await)
}

/// POST /settings/page-presets
pub async fn save(State(app): State<Arc<App>>, caller: Caller, fields: Fields) -> Response {
    let page = try_save(&app, &caller, &fields).await;
    for_people(&caller, page)
}

async fn try_save(app: &App, caller: &Caller, fields: &Fields) -> Page {
    let (network, team): (&str, Option<TeamId>) = (fields.get("network"), fields.get("team").parse().ok());
    let team = team.as_ref();
    if !network.is_empty() {
        network_named(network)?;
    }
    let saved = || Some(caller.lang.t("account.saved").to_owned());
    if fields.get("do") == "remove" {
        company::remove_preset(app, caller, team, network, |_| Ok(())).await?;
        return page(app, caller, team, saved(), None).await;
    }
    let preset = Preset {
        team: team.cloned(),
        network: network.to_owned(),
        owner: fields.get("owner").parse().ok(),
        teams: fields.ids("teams"),
        notify_no_access: fields.ticked("no_access"),
        notify_renew_soon: fields.ticked("renew_soon"),
    };
    let typed = Values::typed(fields, &["owner", "teams", "no_access", "renew_soon"]);
    loop {
        let stored = company::preset_of(&mut app.store.read().await?, app, team, network).await?;
        let stored = stored.own.unwrap_or(stored.holds);
        if let Found::Changed { fields, merged } = compare(Values::shown(fields).as_ref(), &values_of(&stored), &typed) {
            let meanwhile = meanwhile(app, caller, (team, network), &stored, &fields, merged).await?;
            return page(app, caller, team, None, Some((network, meanwhile))).await;
        }
        let still = |now: &StoredPreset| company::unchanged(&stored, now.own.as_ref().unwrap_or(&now.holds));
        match company::set_preset(app, caller, &preset, still).await {
            // Between the look and the change: looked at again.
            Err(problem) if problem.code == company::CHANGED_MEANWHILE => {}
            done => {
                done?;
                return page(app, caller, team, saved(), None).await;
            }
        }
    }
}

async fn meanwhile(
    app: &App,
    caller: &Caller,
    (team, network): (Option<&TeamId>, &str),
    stored: &Preset,
    changed: &[String],
    merged: Values,
) -> Result<Meanwhile, Problem> {
    let lang = caller.lang;
    let events = events::newest(&mut app.store.read().await?, &app.organisation, 200).await?;
    let house = House::read(app).await?;
    let switch = |on: bool| lang.t(if on { "switch.on" } else { "switch.off" }).to_owned();
    let now = |field: &String| match field.as_str() {
        "owner" => {
            let owner = stored.owner.as_ref().and_then(|id| house.users.iter().find(|user| user.id == *id));
            let name = owner.map_or_else(|| lang.t("profiles.no_owner").to_owned(), |user| user.name.clone());
            (lang.t("profiles.col.owner").to_owned(), name)
        }
        "teams" => {
            let is_in = |team: &&Team| stored.teams.contains(&team.id);
            let names: Vec<&str> = house.teams.iter().filter(is_in).map(|team| team.name.as_str()).collect();
            (lang.t("nav.teams").to_owned(), if names.is_empty() { "–".to_owned() } else { names.join(", ") })
        }
        "no_access" => (lang.t("notify.no_access").to_owned(), switch(stored.notify_no_access)),
        _ => (lang.t("notify.renew_soon").to_owned(), switch(stored.notify_renew_soon)),
    };
    let now: Vec<(String, String)> = changed.iter().map(now).collect();
    let team = team.map(TeamId::as_str);
    let who = together::who(&events, |event| event.detail["page_presets"] == network && event.detail["team_presets"].as_str() == team);
    Ok(Meanwhile::new(lang, who.as_deref(), &now, merged))
}
