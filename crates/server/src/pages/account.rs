//! The own account: name, language, notifications, password, sessions.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use lifecycle::secret::Secret;
use store::users::User;
use store::{sessions, users};

use super::view::Options;
use super::{Fields, Page, Shell, for_people, go, show};
use crate::auth::Caller;
use crate::error::Problem;
use crate::show::When;
use crate::state::App;

struct SessionView {
    id: String,
    agent: String,
    when: When,
    this: bool,
}

#[derive(Template)]
#[template(path = "account.html")]
struct Account {
    s: Shell,
    error: Option<String>,
    name: String,
    language: String,
    time_zone: String,
    themes: Options,
    no_access: bool,
    renew_soon: bool,
    new_profiles: bool,
    sessions: Vec<SessionView>,
}

fn me(caller: &Caller) -> Result<&User, Problem> {
    caller.user.as_ref().ok_or_else(|| Problem::forbidden("This page is for users; an API key has no account."))
}

async fn build(app: &App, caller: &Caller, error: Option<String>) -> Page {
    let user = me(caller)?;
    let mut tx = app.store.read().await?;
    // Read again: the form that was just saved shows what is stored.
    let user = users::by_id(&mut tx, &user.id).await?.ok_or_else(Problem::not_found)?;
    let open = sessions::of_user(&mut tx, &user.id).await?;
    let this = caller.session.as_ref().map(|session| session.id.clone());
    let view = |session: &sessions::Session| SessionView {
        id: session.id.to_string(),
        agent: session.user_agent.clone(),
        when: When::new(session.seen_at, app.now(), &user.time_zone, caller.lang),
        this: this.as_ref() == Some(&session.id),
    };
    let themes =
        ["auto", "light", "dark"].map(|theme| (theme.to_owned(), caller.lang.t(&format!("theme.{theme}")).to_owned(), user.theme == theme));
    show(&Account {
        s: Shell::new(caller, "account"),
        error,
        name: user.name.clone(),
        language: user.language.clone(),
        time_zone: user.time_zone.clone(),
        themes: themes.into(),
        no_access: user.notify_no_access,
        renew_soon: user.notify_renew_soon,
        new_profiles: user.notify_new_profiles,
        sessions: open.iter().map(view).collect(),
    })
}

/// GET /account
pub async fn get(State(app): State<Arc<App>>, caller: Caller) -> Response {
    let page = build(&app, &caller, None).await;
    for_people(&caller, page)
}

/// POST /account
pub async fn save(State(app): State<Arc<App>>, caller: Caller, fields: Fields) -> Response {
    let page = async {
        let user = me(&caller)?;
        let language = if fields.get("language") == "de" { "de" } else { "en" };
        let theme = ["auto", "light", "dark"].into_iter().find(|theme| *theme == fields.get("theme")).unwrap_or("auto");
        let zone = fields.get("time_zone");
        if jiff::tz::TimeZone::get(zone).is_err() {
            return Err(Problem::field("time_zone", "is not a time zone; write it like Europe/Berlin"));
        }
        if fields.get("name").is_empty() {
            return Err(Problem::field("name", "is missing"));
        }
        let mut tx = app.store.write().await?;
        users::set_account(&mut tx, &user.id, fields.get("name"), language, zone, theme).await?;
        tx.commit().await?;
        go("/account")
    };
    for_people(&caller, page.await)
}

/// POST /account/notifications
pub async fn save_notifications(State(app): State<Arc<App>>, caller: Caller, fields: Fields) -> Response {
    let page = async {
        let user = me(&caller)?;
        let mut tx = app.store.write().await?;
        users::set_notifications(&mut tx, &user.id, fields.ticked("no_access"), fields.ticked("renew_soon")).await?;
        users::set_notify_new_profiles(&mut tx, &user.id, fields.ticked("new_profiles")).await?;
        tx.commit().await?;
        go("/account")
    };
    for_people(&caller, page.await)
}

/// POST /account/password: every other session ends.
pub async fn save_password(State(app): State<Arc<App>>, caller: Caller, fields: Fields) -> Response {
    let page = async {
        let user = me(&caller)?;
        if !app.passwords.verify(&Secret::new(fields.raw("old")), user.password_hash.as_deref()).await {
            return build(&app, &caller, Some(caller.lang.t("account.wrong_password").to_owned())).await;
        }
        let Ok(hash) = app.passwords.hash(&Secret::new(fields.raw("new"))).await else {
            return build(&app, &caller, Some(caller.lang.t("set_password.weak").to_owned())).await;
        };
        let mut tx = app.store.write().await?;
        users::set_password(&mut tx, &user.id, &hash).await?;
        sessions::end_others(&mut tx, &user.id, caller.session.as_ref().map(|session| &session.id)).await?;
        tx.commit().await?;
        go("/account")
    };
    for_people(&caller, page.await)
}

/// POST /account/sessions/{id}/end
pub async fn end_session(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>) -> Response {
    let page = async {
        let user = me(&caller)?;
        let id = id.parse().map_err(|_| Problem::not_found())?;
        let mut tx = app.store.write().await?;
        sessions::end(&mut tx, &user.id, &id).await?;
        tx.commit().await?;
        go("/account")
    };
    for_people(&caller, page.await)
}
