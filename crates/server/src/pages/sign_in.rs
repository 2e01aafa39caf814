//! Signing in and out, and choosing a password by a one-time link.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use lifecycle::permission::Role;
use lifecycle::secret::Secret;
use serde::Deserialize;
use store::events::{self, About};
use store::users::{self, NewUser, User};
use store::{Tx, first_admin, sessions};

use super::second_factor::after_password;
use super::view::Options;
use super::{Fields, Message, Page, Shell, for_people, go, show, show_with};
use crate::auth::{Caller, SESSION, own_path};
use crate::error::Problem;
use crate::i18n::Lang;
use crate::start_page;
use crate::state::App;
use crate::time::fresh_secret;
use crate::zones;

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignIn {
    s: Shell,
    email: String,
    next: String,
    error: Option<String>,
}

#[derive(Template)]
#[template(path = "set_password.html")]
struct SetPassword {
    s: Shell,
    intro: String,
    action: String,
    asks_who: bool,
    name: String,
    email: String,
    languages: Options,
    zones: Options,
    error: Option<String>,
}

/// Where to go after signing in.
#[derive(Deserialize)]
pub struct Next {
    #[serde(default)]
    next: String,
}

impl Next {
    /// As it was written; see [`own_path`].
    pub(super) fn path(&self) -> &str {
        &self.next
    }
}

/// GET /sign-in
pub async fn form(caller: Caller, Query(next): Query<Next>) -> Response {
    let page = SignIn { s: Shell::new(&caller, ""), email: String::new(), next: own_path(&next.next).to_owned(), error: None };
    for_people(&caller, show(&page))
}

/// POST /sign-in
pub async fn submit(State(app): State<Arc<App>>, caller: Caller, headers: HeaderMap, fields: Fields) -> Response {
    let page = try_sign_in(&app, &caller, &headers, &fields).await;
    for_people(&caller, page)
}

async fn try_sign_in(app: &App, caller: &Caller, headers: &HeaderMap, fields: &Fields) -> Page {
    let now = app.now();
    let mut tx = app.store.read().await?;
    let user = users::by_email(&mut tx, fields.get("email")).await?;
    drop(tx);
    let locked = user.as_ref().is_some_and(|user| user.locked_until.is_some_and(|until| until > now));
    let password = Secret::new(fields.raw("password"));
    // Unknown addresses, disabled accounts and wrong passwords take as long and are answered alike (NT-23).
    let right = app.passwords.verify(&password, user.as_ref().and_then(|user| user.password_hash.as_deref())).await;
    let error = match &user {
        _ if locked => "sign_in.locked",
        Some(user) if right && user.disabled_at.is_none() => {
            let mut tx = app.store.write().await?;
            users::sign_in_succeeded(&mut tx, &user.id).await?;
            return after_password(app, tx, user, headers, own_path(fields.get("next"))).await;
        }
        Some(user) => {
            let mut tx = app.store.write().await?;
            users::sign_in_failed(&mut tx, &user.id, now).await?;
            tx.commit().await?;
            "sign_in.wrong"
        }
        None => "sign_in.wrong",
    };
    let page = SignIn {
        s: Shell::new(caller, ""),
        email: fields.get("email").into(),
        next: own_path(fields.get("next")).to_owned(),
        error: Some(caller.lang.t(error).to_owned()),
    };
    show_with(StatusCode::UNAUTHORIZED, &page)
}

/// A new session with a new secret, whatever the browser had before (NT-21).
pub(super) async fn open_session(app: &App, mut tx: Tx, user: &User, headers: &HeaderMap, next: &str) -> Page {
    let next = if next == "/" { start_page::path_of(&mut tx, user, app.now()).await? } else { next };
    let secret = fresh_secret(&*app.dice, "");
    let agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    sessions::open(&mut tx, &user.id, &secret, agent, app.now(), app.config.server.session_max.span()).await?;
    tx.commit().await?;
    let cookie = set_cookie(app, SESSION, secret.expose());
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to(next)).into_response())
}

/// A cookie for this site only, out of reach of scripts.
pub fn set_cookie(app: &App, name: &str, value: &str) -> String {
    let secure = if app.public_url.starts_with("https://") { "; Secure" } else { "" };
    format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}")
}

/// POST /sign-out
pub async fn sign_out(State(app): State<Arc<App>>, caller: Caller) -> Response {
    let done = async {
        if let (Some(user), Some(session)) = (&caller.user, &caller.session) {
            let mut tx = app.store.write().await?;
            sessions::end(&mut tx, &user.id, &session.id).await?;
            tx.commit().await?;
        }
        Ok(([(header::SET_COOKIE, set_cookie(&app, SESSION, ""))], Redirect::to("/sign-in")).into_response())
    };
    for_people(&caller, done.await)
}

/// Whose link it is: the first admin's has no user yet.
async fn holder(app: &App, secret: &str) -> Result<Option<(Option<User>, bool)>, Problem> {
    let mut tx = app.store.read().await?;
    let secret = Secret::new(secret);
    if let Some(user) = users::invited(&mut tx, &secret, app.now()).await? {
        return Ok(Some((Some(user), false)));
    }
    let is_setup = first_admin::is(&mut tx, app.store.keys(), &secret).await?;
    Ok(is_setup.then_some((None, true)))
}

fn set_password_page(
    app: &App,
    caller: &Caller,
    action: String,
    user: Option<&User>,
    typed: (&str, &str),
    error: Option<&str>,
) -> SetPassword {
    let lang = caller.lang;
    let intro = match user {
        Some(_) => lang.fill("set_password.invited", &[("organisation", &app.organisation_name)]),
        None => lang.t("set_password.setup").to_owned(),
    };
    SetPassword {
        s: Shell::new(caller, ""),
        intro,
        action,
        asks_who: user.is_none(),
        name: typed.0.to_owned(),
        email: user.map_or(typed.1, |user| &user.email).to_owned(),
        languages: languages(user.map_or(lang, |user| Lang::from_code(&user.language))),
        zones: zones::options(user.map_or("UTC", |user| &user.time_zone)),
        error: error.map(str::to_owned),
    }
}

/// The languages we speak, each in its own words.
pub(super) fn languages(chosen: Lang) -> Options {
    [("en", "English", Lang::En), ("de", "Deutsch", Lang::De)]
        .map(|(code, name, lang)| (code.to_owned(), name.to_owned(), lang == chosen))
        .into()
}

fn dead_link(caller: &Caller) -> Page {
    let page = Message::new(Shell::new(caller, ""), caller.lang.t("renew.expired"), caller.lang.t("renew.ask"))
        .link(caller.lang.t("sign_in.button"), "/sign-in");
    show_with(StatusCode::GONE, &page)
}

/// GET /setup/{secret} and /invitation/{secret}. Looking never consumes (NT-22).
pub async fn password_form(
    State(app): State<Arc<App>>,
    caller: Caller,
    uri: axum::extract::OriginalUri,
    Path(secret): Path<String>,
) -> Response {
    let page = async {
        match holder(&app, &secret).await? {
            Some((user, _)) => show(&set_password_page(&app, &caller, uri.path().to_owned(), user.as_ref(), ("", ""), None)),
            None => dead_link(&caller),
        }
    };
    for_people(&caller, page.await)
}

/// POST of the same.
pub async fn password_submit(
    State(app): State<Arc<App>>,
    caller: Caller,
    uri: axum::extract::OriginalUri,
    headers: HeaderMap,
    Path(secret): Path<String>,
    fields: Fields,
) -> Response {
    let page = take_password(&app, &caller, uri.path(), &headers, &secret, &fields).await;
    for_people(&caller, page)
}

async fn take_password(app: &App, caller: &Caller, path: &str, headers: &HeaderMap, secret: &str, fields: &Fields) -> Page {
    let Some((user, is_setup)) = holder(app, secret).await? else { return dead_link(caller) };
    let again = |error: &str| {
        let page = set_password_page(app, caller, path.to_owned(), user.as_ref(), (fields.get("name"), fields.get("email")), Some(error));
        show_with(StatusCode::UNPROCESSABLE_ENTITY, &page)
    };
    let Ok(hash) = app.passwords.hash(&Secret::new(fields.raw("password"))).await else { return again(caller.lang.t("set_password.weak")) };
    let now = app.now();
    let mut tx = app.store.write().await?;
    // Where somebody lives is chosen here: what they are told next is told in their time.
    let had = user.as_ref().map_or((Lang::from_headers(headers).code(), "UTC"), |user| (&user.language, &user.time_zone));
    let language = if fields.get("language").is_empty() { had.0 } else { Lang::from_code(fields.get("language")).code() };
    let zone = if fields.get("time_zone").is_empty() { Ok(had.1.to_owned()) } else { zones::read(fields.get("time_zone"), had.1) };
    let zone = match zone {
        Ok(zone) => zone,
        Err(wrong) => return again(&caller.lang.problem(&wrong)),
    };
    let user = if is_setup {
        if let Err(problem) = crate::actions::invite::check_email(fields.get("email")) {
            return again(&caller.lang.problem(&problem));
        }
        // Single use: the link goes in the transaction that makes the admin.
        if !first_admin::take(&mut tx, app.store.keys(), &Secret::new(secret)).await? {
            return dead_link(caller);
        }
        let new =
            NewUser { email: fields.get("email"), name: fields.get("name"), role: Role::CompanyAdmin, language, password_hash: Some(hash) };
        let id = users::insert(&mut tx, &app.organisation, &new, now).await?;
        users::by_id(&mut tx, &id).await?
    } else {
        let Some(user) = user.clone() else { return dead_link(caller) };
        if !users::take_invitation(&mut tx, &Secret::new(secret), now).await? {
            return dead_link(caller);
        }
        users::set_password(&mut tx, &user.id, &hash).await?;
        sessions::end_others(&mut tx, &user.id, None).await?;
        Some(user)
    };
    let Some(user) = user else { return go("/sign-in") };
    users::set_place(&mut tx, &user.id, language, &zone).await?;
    let by = events::Actor::User { id: user.id.to_string(), name: user.name.clone() };
    events::append(&mut tx, &app.organisation, now, "user.changed", &by, &About::default(), &serde_json::json!({ "password": "set" }))
        .await?;
    after_password(app, tx, &user, headers, "/").await
}
