//! Page presets: what new profiles get, per network.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use store::presets::{self, Preset};
use store::{events, teams, users};

use super::together::{self, Found, Meanwhile, Values, compare};
use super::view::{Options, owners, title_of};
use super::{Fields, Page, Shell, for_people, show_with};
use crate::actions::company;
use crate::actions::connect::network_named;
use crate::auth::Caller;
use crate::state::App;

struct PresetView {
    network: String,
    title: String,
    owners: Options,
    teams: Options,
    no_access: bool,
    renew_soon: bool,
    /// What the form shows, before anything is typed.
    shown: String,
    /// What somebody else changed while it was open.
    meanwhile: Option<String>,
}

#[derive(Template)]
#[template(path = "presets.html")]
struct Presets {
    s: Shell,
    presets: Vec<PresetView>,
}

/// The presets of a network as their form shows them.
fn values_of(preset: &Preset) -> Values {
    let flag = |on: bool| if on { "1".to_owned() } else { String::new() };
    let owner = preset.owner.iter().map(|id| ("owner", id.to_string()));
    let teams = preset.teams.iter().map(|id| ("teams", id.to_string()));
    let flags = [("no_access", flag(preset.notify_no_access)), ("renew_soon", flag(preset.notify_renew_soon))];
    Values::of(owner.chain(teams).chain(flags))
}

async fn page(app: &App, caller: &Caller, flash: Option<String>, mut conflict: Option<(&str, Meanwhile)>) -> Page {
    let mut tx = app.store.read().await?;
    let users = users::list(&mut tx, &app.organisation).await?;
    let all_teams = teams::list(&mut tx, &app.organisation).await?;
    let set = presets::list(&mut tx, &app.organisation).await?;
    drop(tx);
    let status = if conflict.is_some() { StatusCode::CONFLICT } else { StatusCode::OK };
    let names = app.config.offered().map(|network| network.about().name).chain([""]);
    let view = |network: &str| {
        let stored = set.iter().find(|preset| preset.network == network).map_or_else(|| values_of(&Preset::built_in()), values_of);
        let found = conflict.take_if(|(of, _)| *of == network);
        let shown = stored.written();
        let (meanwhile, form) = found.map_or((None, stored), |(_, found)| (Some(found.words), found.merged));
        let is_in = |team: &teams::Team| form.all("teams").any(|id| id == team.id.as_str());
        PresetView {
            network: network.to_owned(),
            title: if network.is_empty() { caller.lang.t("presets.all").to_owned() } else { title_of(network) },
            owners: owners(&users, form.one("owner").parse().ok().as_ref()),
            teams: all_teams.iter().map(|team| (team.id.to_string(), team.name.clone(), is_in(team))).collect(),
            no_access: form.one("no_access") == "1",
            renew_soon: form.one("renew_soon") == "1",
            shown,
            meanwhile,
        }
    };
    let presets = names.map(view).collect();
    show_with(status, &Presets { s: Shell::new(caller, "presets").flash(flash), presets })
}

/// GET /settings/page-presets
pub async fn get(State(app): State<Arc<App>>, caller: Caller) -> Response {
    let page = page(&app, &caller, None, None).await;
    for_people(&caller, page)
}

/// POST /settings/page-presets
pub async fn save(State(app): State<Arc<App>>, caller: Caller, fields: Fields) -> Response {
    let page = try_save(&app, &caller, &fields).await;
    for_people(&caller, page)
}

async fn try_save(app: &App, caller: &Caller, fields: &Fields) -> Page {
    let network = fields.get("network");
    if !network.is_empty() {
        network_named(network)?;
    }
    let preset = Preset {
        network: network.to_owned(),
        owner: fields.get("owner").parse().ok(),
        teams: fields.ids("teams"),
        notify_no_access: fields.ticked("no_access"),
        notify_renew_soon: fields.ticked("renew_soon"),
    };
    let typed = Values::typed(fields, &["owner", "teams", "no_access", "renew_soon"]);
    loop {
        let stored = company::preset_of(&mut app.store.read().await?, app, network).await?;
        if let Found::Changed { fields, merged } = compare(Values::shown(fields).as_ref(), &values_of(&stored), &typed) {
            let meanwhile = meanwhile(app, caller, &stored, &fields, merged).await?;
            return page(app, caller, None, Some((network, meanwhile))).await;
        }
        match company::set_preset(app, caller, &preset, |now| company::unchanged(&stored, &now.own)).await {
            // Between the look and the change: looked at again.
            Err(problem) if problem.code == company::CHANGED_MEANWHILE => {}
            done => {
                done?;
                return page(app, caller, Some(caller.lang.t("account.saved").to_owned()), None).await;
            }
        }
    }
}

async fn meanwhile(
    app: &App,
    caller: &Caller,
    stored: &Preset,
    changed: &[String],
    merged: Values,
) -> Result<Meanwhile, crate::error::Problem> {
    let lang = caller.lang;
    let mut tx = app.store.read().await?;
    let events = events::newest(&mut tx, &app.organisation, 200).await?;
    let users = users::list(&mut tx, &app.organisation).await?;
    let teams = teams::list(&mut tx, &app.organisation).await?;
    let switch = |on: bool| lang.t(if on { "switch.on" } else { "switch.off" }).to_owned();
    let now = |field: &String| match field.as_str() {
        "owner" => {
            let owner = stored.owner.as_ref().and_then(|id| users.iter().find(|user| user.id == *id));
            let name = owner.map_or_else(|| lang.t("profiles.no_owner").to_owned(), |user| user.name.clone());
            (lang.t("profiles.col.owner").to_owned(), name)
        }
        "teams" => {
            let names: Vec<&str> = teams.iter().filter(|team| stored.teams.contains(&team.id)).map(|team| team.name.as_str()).collect();
            (lang.t("nav.teams").to_owned(), if names.is_empty() { "–".to_owned() } else { names.join(", ") })
        }
        "no_access" => (lang.t("notify.no_access").to_owned(), switch(stored.notify_no_access)),
        _ => (lang.t("notify.renew_soon").to_owned(), switch(stored.notify_renew_soon)),
    };
    let now: Vec<(String, String)> = changed.iter().map(now).collect();
    let who = together::who(&events, |event| event.detail["page_presets"] == stored.network.as_str());
    Ok(Meanwhile::new(lang, who.as_deref(), &now, merged))
}
