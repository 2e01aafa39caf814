//! Permission sets: what each holds, in words, and who has it.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use lifecycle::permission::Act;
use store::permission_sets::{self, PermissionSet};
use store::{events, users};

use super::together::{self, Found, Meanwhile, Values, compare};
use super::{Fields, Page, Shell, for_people, go, show_with};
use crate::actions::{company, sets};
use crate::auth::Caller;
use crate::error::Problem;
use crate::i18n::Lang;
use crate::state::App;

/// A permission to choose.
struct Choice {
    /// Its word in the API.
    word: &'static str,
    /// What it is in words.
    words: &'static str,
    chosen: bool,
}

struct SetView {
    id: String,
    title: String,
    name: String,
    choices: Vec<Choice>,
    /// Who has it.
    holders: String,
    /// What the form shows, before anything is typed.
    shown: String,
    /// What somebody else changed while it was open.
    meanwhile: Option<String>,
}

#[derive(Template)]
#[template(path = "permission_sets.html")]
struct Sets {
    s: Shell,
    sets: Vec<SetView>,
    all: Vec<Choice>,
    error: Option<String>,
}

/// A permission in words.
pub fn words_of(lang: Lang, act: Act) -> &'static str {
    lang.t(&format!("act.{act}"))
}

fn choices(lang: Lang, chosen: impl Fn(Act) -> bool) -> Vec<Choice> {
    let givable = Act::ALL.iter().copied().filter(|act| act.can_be_given());
    givable.map(|act| Choice { word: act.as_str(), words: words_of(lang, act), chosen: chosen(act) }).collect()
}

/// A set as its form shows it.
fn values_of(set: &PermissionSet) -> Values {
    let acts = set.acts.iter().map(|act| ("permissions", act.to_string()));
    Values::of(acts.chain([("name", set.name.clone())]))
}

async fn page(app: &App, caller: &Caller, error: Option<String>, mut conflict: Option<(&str, Meanwhile)>) -> Page {
    let lang = caller.lang;
    let mut tx = app.store.read().await?;
    let all = permission_sets::list(&mut tx, &app.organisation).await?;
    let given = permission_sets::given(&mut tx, &app.organisation).await?;
    let users = users::list(&mut tx, &app.organisation).await?;
    drop(tx);
    let status = if conflict.is_some() { StatusCode::CONFLICT } else { StatusCode::OK };
    let view = |set: &PermissionSet| {
        let stored = values_of(set);
        let shown = stored.written();
        let found = conflict.take_if(|(of, _)| *of == set.id.as_str());
        let (meanwhile, form) = found.map_or((None, stored), |(_, found)| (Some(found.words), found.merged));
        let has = |user: &&users::User| given.get(&user.id).is_some_and(|of| of.iter().any(|one| one.set == set.id));
        let holders: Vec<&str> = users.iter().filter(has).map(|user| user.name.as_str()).collect();
        SetView {
            id: set.id.to_string(),
            title: set.name.clone(),
            name: form.one("name").to_owned(),
            choices: choices(lang, |act| form.all("permissions").any(|word| word == act.as_str())),
            holders: if holders.is_empty() { lang.t("sets.nobody").to_owned() } else { holders.join(", ") },
            shown,
            meanwhile,
        }
    };
    let sets = all.iter().map(view).collect();
    show_with(status, &Sets { s: Shell::new(caller, "sets"), sets, all: choices(lang, |_| false), error })
}

/// GET /settings/permission-sets
pub async fn list(State(app): State<Arc<App>>, caller: Caller) -> Response {
    let page = page(&app, &caller, None, None).await;
    for_people(&caller, page)
}

/// What can be put right in the form is said there.
async fn saved(app: &App, caller: &Caller, done: Result<(), Problem>) -> Page {
    match done {
        Ok(()) => go("/settings/permission-sets"),
        Err(problem) if matches!(problem.code, "name_taken" | "invalid_field") => {
            page(app, caller, Some(caller.lang.problem(&problem)), None).await
        }
        Err(problem) => Err(problem),
    }
}

/// POST /settings/permission-sets
pub async fn create(State(app): State<Arc<App>>, caller: Caller, fields: Fields) -> Response {
    let made = async { sets::create(&app, &caller, fields.get("name"), sets::read(&fields.all("permissions"))?).await.map(drop) };
    let page = saved(&app, &caller, made.await).await;
    for_people(&caller, page)
}

/// POST /settings/permission-sets/{id}
pub async fn save(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>, fields: Fields) -> Response {
    let page = try_save(&app, &caller, &id, &fields).await;
    for_people(&caller, page)
}

async fn try_save(app: &App, caller: &Caller, id: &str, fields: &Fields) -> Page {
    if fields.ticked("delete") {
        let done = sets::delete(app, caller, id, |_| Ok(())).await;
        return saved(app, caller, done).await;
    }
    let typed = Values::typed(fields, &["name", "permissions"]);
    loop {
        let stored = sets::set(&mut app.store.read().await?, app, id).await?;
        if let Found::Changed { fields, merged } = compare(Values::shown(fields).as_ref(), &values_of(&stored), &typed) {
            let meanwhile = meanwhile(app, caller, &stored, &fields, merged).await?;
            return page(app, caller, None, Some((id, meanwhile))).await;
        }
        let still = |now: &PermissionSet| company::unchanged(&stored, now);
        let done = match sets::read(&fields.all("permissions")) {
            Ok(acts) => sets::change(app, caller, id, Some(fields.get("name")), Some(acts), still).await,
            Err(wrong) => Err(wrong),
        };
        match done {
            // Between the look and the change: looked at again.
            Err(problem) if problem.code == company::CHANGED_MEANWHILE => {}
            done => return saved(app, caller, done).await,
        }
    }
}

async fn meanwhile(app: &App, caller: &Caller, stored: &PermissionSet, changed: &[String], merged: Values) -> Result<Meanwhile, Problem> {
    let lang = caller.lang;
    let events = events::newest(&mut app.store.read().await?, &app.organisation, 200).await?;
    let words: Vec<&str> = stored.acts.iter().map(|act| words_of(lang, *act)).collect();
    let now = |field: &String| match field.as_str() {
        "name" => (lang.t("field.name").to_owned(), stored.name.clone()),
        _ => (lang.t("keys.may").to_owned(), words.join(", ")),
    };
    let now: Vec<(String, String)> = changed.iter().map(now).collect();
    let who = together::who(&events, |event| event.detail["permission_set"] == stored.id.as_str());
    Ok(Meanwhile::new(lang, who.as_deref(), &now, merged))
}
