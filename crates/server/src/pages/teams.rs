//! Teams: who works with the same profiles.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use store::teams::Team;
use store::{events, users};

use super::together::{self, Found, Meanwhile, Values, compare};
use super::view::Options;
use super::{Fields, Page, Shell, for_people, go, show_with};
use crate::actions::company;
use crate::auth::Caller;
use crate::error::Problem;
use crate::state::App;

struct TeamView {
    id: String,
    title: String,
    name: String,
    members: Options,
    /// What the form shows, before anything is typed.
    shown: String,
    /// What somebody else changed while it was open.
    meanwhile: Option<String>,
}

#[derive(Template)]
#[template(path = "teams.html")]
struct Teams {
    s: Shell,
    teams: Vec<TeamView>,
    /// Whether the caller manages all teams, and so makes and deletes them.
    makes: bool,
    error: Option<String>,
}

/// A team as its form shows it.
fn values_of(team: &Team) -> Values {
    let members = team.members.iter().map(|id| ("members", id.to_string()));
    Values::of(members.chain([("name", team.name.clone())]))
}

async fn page(app: &App, caller: &Caller, error: Option<String>, mut conflict: Option<(&str, Meanwhile)>) -> Page {
    let mut tx = app.store.read().await?;
    let all = company::managed_teams(&mut tx, app, caller).await?;
    let users = users::list(&mut tx, &app.organisation).await?;
    drop(tx);
    let status = if conflict.is_some() { StatusCode::CONFLICT } else { StatusCode::OK };
    let view = |team: &Team| {
        let stored = values_of(team);
        let shown = stored.written();
        let found = conflict.take_if(|(of, _)| *of == team.id.as_str());
        let (meanwhile, form) = found.map_or((None, stored), |(_, found)| (Some(found.words), found.merged));
        let is_in = |user: &users::User| form.all("members").any(|id| id == user.id.as_str());
        TeamView {
            id: team.id.to_string(),
            title: team.name.clone(),
            name: form.one("name").to_owned(),
            members: users.iter().map(|user| (user.id.to_string(), user.name.clone(), is_in(user))).collect(),
            shown,
            meanwhile,
        }
    };
    show_with(
        status,
        &Teams {
            s: Shell::new(caller, "teams"),
            teams: all.iter().map(view).collect(),
            makes: company::manages_all_teams(caller).is_ok(),
            error,
        },
    )
}

/// GET /settings/teams
pub async fn list(State(app): State<Arc<App>>, caller: Caller) -> Response {
    let page = page(&app, &caller, None, None).await;
    for_people(&caller, page)
}

/// POST /settings/teams
pub async fn create(State(app): State<Arc<App>>, caller: Caller, fields: Fields) -> Response {
    let page = async {
        match company::create_team(&app, &caller, fields.get("name"), &[]).await {
            Ok(_) => go("/settings/teams"),
            Err(problem) if problem.code == "name_taken" => page(&app, &caller, Some(caller.lang.t("teams.taken").to_owned()), None).await,
            Err(problem) => Err(problem),
        }
    };
    for_people(&caller, page.await)
}

/// POST /settings/teams/{id}
pub async fn save(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>, fields: Fields) -> Response {
    let page = try_save(&app, &caller, &id, &fields).await;
    for_people(&caller, page)
}

async fn try_save(app: &App, caller: &Caller, id: &str, fields: &Fields) -> Page {
    if fields.ticked("delete") {
        company::delete_team(app, caller, id, |_| Ok(())).await?;
        return go("/settings/teams");
    }
    let typed = Values::typed(fields, &["name", "members"]);
    loop {
        let stored = company::team(&mut app.store.read().await?, app, caller, id).await?;
        if let Found::Changed { fields, merged } = compare(Values::shown(fields).as_ref(), &values_of(&stored), &typed) {
            let meanwhile = meanwhile(app, caller, &stored, &fields, merged).await?;
            return page(app, caller, None, Some((id, meanwhile))).await;
        }
        let still = |now: &Team| company::unchanged(&stored, now);
        match company::change_team(app, caller, id, Some(fields.get("name")), Some(&fields.ids("members")), still).await {
            // Between the look and the change: looked at again.
            Err(problem) if problem.code == company::CHANGED_MEANWHILE => {}
            done => return done.and_then(|()| go("/settings/teams")),
        }
    }
}

async fn meanwhile(app: &App, caller: &Caller, stored: &Team, changed: &[String], merged: Values) -> Result<Meanwhile, Problem> {
    let lang = caller.lang;
    let mut tx = app.store.read().await?;
    let events = events::newest(&mut tx, &app.organisation, 200).await?;
    let users = users::list(&mut tx, &app.organisation).await?;
    let names: Vec<&str> = users.iter().filter(|user| stored.members.contains(&user.id)).map(|user| user.name.as_str()).collect();
    let now = |field: &String| match field.as_str() {
        "name" => (lang.t("field.name").to_owned(), stored.name.clone()),
        _ => (lang.t("teams.members").to_owned(), if names.is_empty() { "–".to_owned() } else { names.join(", ") }),
    };
    let now: Vec<(String, String)> = changed.iter().map(now).collect();
    let who = together::who(&events, |event| event.detail["team"] == stored.id.as_str());
    Ok(Meanwhile::new(lang, who.as_deref(), &now, merged))
}
