//! The second factor: set up under the account, asked for after the password.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use lifecycle::secret::Secret;
use store::users::{self, User};
use store::{Tx, second_factors};

use super::sign_in::{Next, open_session, set_cookie};
use super::{Fields, Page, Shell, for_people, go, show, show_with};
use crate::actions::second_factor::{self, Typed};
use crate::auth::{Caller, cookie, own_path, totp};
use crate::error::Problem;
use crate::show::When;
use crate::state::App;
use crate::time::fresh_secret;

/// The cookie of a sign-in that waits for its code.
const BEGUN: &str = "staygreen_sign_in";

/// An app that is being set up.
struct SettingUp {
    /// The secret in groups, for whoever types it.
    key: String,
    /// Width of the QR code's view box, and its path.
    qr: Option<(usize, String)>,
}

#[derive(Template)]
#[template(path = "second_factor.html")]
struct SecondFactorPage {
    s: Shell,
    error: Option<String>,
    demanded: bool,
    since: Option<When>,
    left: i64,
    setting_up: Option<SettingUp>,
    /// Recovery codes, shown this once.
    codes: Vec<String>,
}

#[derive(Template)]
#[template(path = "sign_in_code.html")]
struct SignInCode {
    s: Shell,
    next: String,
    error: Option<String>,
}

fn me(caller: &Caller) -> Result<&User, Problem> {
    caller.user.as_ref().ok_or_else(|| Problem::forbidden("This page is for users; an API key has no account."))
}

/// Why a code was not taken, in words.
fn words(caller: &Caller, typed: Typed, now: lifecycle::time::Timestamp) -> Option<String> {
    match typed {
        Typed::Right => None,
        Typed::Wrong => Some(caller.lang.t("second_factor.wrong").to_owned()),
        Typed::Locked(until) => {
            let when = When::new(until, now, super::view::zone(caller), caller.lang).relative;
            Some(caller.lang.fill("second_factor.locked", &[("when", &when)]))
        }
    }
}

async fn build(app: &App, caller: &Caller, error: Option<String>, codes: Vec<String>) -> Page {
    let mut tx = app.store.read().await?;
    // Read again: what was just done shows.
    let user = users::by_id(&mut tx, &me(caller)?.id).await?.ok_or_else(Problem::not_found)?;
    let left = second_factors::recovery_codes_left(&mut tx, &user.id).await?;
    let factor = if user.second_factor_at.is_none() { app.store.second_factor(&mut tx, &user.id).await? } else { None };
    drop(tx);
    let setting_up = factor.map(|factor| setting_up(app, &user, &factor.secret));
    let status = if error.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let page = SecondFactorPage {
        s: Shell::new(caller, "account"),
        error,
        demanded: second_factor::is_demanded(app, &user) && user.second_factor_at.is_none(),
        since: user.second_factor_at.map(|at| When::new(at, app.now(), &user.time_zone, caller.lang)),
        left,
        setting_up,
        codes,
    };
    show_with(status, &page)
}

fn setting_up(app: &App, user: &User, secret: &Secret) -> SettingUp {
    let issuer = format!("Staygreen ({})", app.organisation_name.chars().take(40).collect::<String>());
    let address = totp::address(secret, &issuer, &user.email);
    let key = secret.expose().as_bytes().chunks(4).map(String::from_utf8_lossy).collect::<Vec<_>>().join(" ");
    SettingUp { key, qr: totp::qr(&address) }
}

/// GET /account/second-factor
pub async fn get(State(app): State<Arc<App>>, caller: Caller) -> Response {
    let page = build(&app, &caller, None, vec![]).await;
    for_people(&caller, page)
}

/// POST /account/second-factor: `do` says what.
pub async fn post(State(app): State<Arc<App>>, caller: Caller, fields: Fields) -> Response {
    let page = change(&app, &caller, &fields).await;
    for_people(&caller, page)
}

async fn change(app: &App, caller: &Caller, fields: &Fields) -> Page {
    let (user, code) = (me(caller)?, fields.get("code"));
    let told = match fields.get("do") {
        "begin" => {
            if !app.passwords.verify(&Secret::new(fields.raw("password")), user.password_hash.as_deref()).await {
                return build(app, caller, Some(caller.lang.t("account.wrong_password").to_owned()), vec![]).await;
            }
            second_factor::begin(app, user).await?;
            return go("/account/second-factor");
        }
        "confirm" => second_factor::confirm(app, caller, user, code).await?,
        "codes" => second_factor::renew_codes(app, caller, user, code).await?,
        "off" => match second_factor::switch_off(app, caller, user, code).await? {
            Typed::Right => return go("/account/second-factor"),
            no => Err(no),
        },
        _ => return Err(Problem::field("do", "is begin, confirm, codes or off")),
    };
    match told {
        Ok(codes) => build(app, caller, None, codes).await,
        Err(no) => build(app, caller, words(caller, no, app.now()), vec![]).await,
    }
}

/// The right password was given, or a new one chosen: in, or on to the code.
pub(super) async fn after_password(app: &App, mut tx: Tx, user: &User, headers: &HeaderMap, next: &str) -> Page {
    if user.second_factor_at.is_none() {
        return open_session(app, tx, user, headers, next).await;
    }
    let secret = fresh_secret(&*app.dice, "");
    second_factors::begin_sign_in(&mut tx, &user.id, &secret, app.now()).await?;
    tx.commit().await?;
    let to = networks::oauth::with_query("/sign-in/code", &[("next", next)]);
    Ok(([(header::SET_COOKIE, set_cookie(app, BEGUN, secret.expose()))], Redirect::to(&to)).into_response())
}

/// Whoever gave the right password in this browser, while they may still come in.
async fn begun(app: &App, tx: &mut Tx, headers: &HeaderMap) -> Result<Option<(Secret, User)>, Problem> {
    let Some(secret) = cookie(headers, BEGUN).filter(|secret| !secret.is_empty()).map(Secret::new) else { return Ok(None) };
    let Some(id) = second_factors::sign_in_begun(tx, &secret, app.now()).await? else { return Ok(None) };
    let user = users::by_id(tx, &id).await?.filter(|user| user.disabled_at.is_none() && user.organisation == app.organisation);
    Ok(user.map(|user| (secret, user)))
}

/// GET /sign-in/code
pub async fn code_form(State(app): State<Arc<App>>, caller: Caller, headers: HeaderMap, Query(next): Query<Next>) -> Response {
    let page = async {
        let mut tx = app.store.read().await?;
        if begun(&app, &mut tx, &headers).await?.is_none() {
            return go("/sign-in");
        }
        show(&SignInCode { s: Shell::new(&caller, ""), next: own_path(next.path()).to_owned(), error: None })
    };
    for_people(&caller, page.await)
}

/// POST /sign-in/code
pub async fn code_submit(State(app): State<Arc<App>>, caller: Caller, headers: HeaderMap, fields: Fields) -> Response {
    let page = take_code(&app, &caller, &headers, &fields).await;
    for_people(&caller, page)
}

async fn take_code(app: &App, caller: &Caller, headers: &HeaderMap, fields: &Fields) -> Page {
    let next = own_path(fields.get("next"));
    let mut tx = app.store.write().await?;
    let Some((secret, user)) = begun(app, &mut tx, headers).await? else { return go("/sign-in") };
    // Taken away by an admin meanwhile: nothing is left to ask for, and the password was right.
    let found =
        if user.second_factor_at.is_none() { Typed::Right } else { second_factor::check(&mut tx, app, &user, fields.get("code")).await? };
    if found != Typed::Right {
        tx.commit().await?;
        let page = SignInCode { s: Shell::new(caller, ""), next: next.to_owned(), error: words(caller, found, app.now()) };
        return show_with(StatusCode::UNAUTHORIZED, &page);
    }
    second_factors::end_sign_in(&mut tx, &secret).await?;
    let mut answer = open_session(app, tx, &user, headers, next).await?;
    if let Ok(gone) = HeaderValue::from_str(&format!("{}; Max-Age=0", set_cookie(app, BEGUN, ""))) {
        answer.headers_mut().append(header::SET_COOKIE, gone);
    }
    Ok(answer)
}
