//! The second factor of a sign-in: setting an authenticator app up, asking for its codes, and what helps when it is lost.

use lifecycle::permission::{Actor, Role};
use lifecycle::secret::Secret;
use lifecycle::time::Timestamp;
use serde_json::{Value, json};
use store::events::{self, About};
use store::second_factors;
use store::users::User;
use store::{StoreError, Tx, sessions};

use crate::auth::{Caller, totp};
use crate::config::SecondFactor;
use crate::error::Problem;
use crate::state::App;

/// Bytes of an app's secret (RFC 4226 4: 160 bits).
const SECRET_BYTES: usize = 20;
/// How many recovery codes somebody gets.
const CODES: usize = 10;
/// Bytes of a recovery code: too many to be guessed, so that a plain hash is enough.
const CODE_BYTES: usize = 10;

/// What became of a code that was typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Typed {
    /// It is right, and works no more.
    Right,
    /// It is wrong, too old, or was used before.
    Wrong,
    /// Too many were wrong: none is looked at before that moment.
    Locked(Timestamp),
}

/// Whether the operator demands a second factor of this user.
pub fn is_demanded(app: &App, user: &User) -> bool {
    match app.config.server.second_factor {
        SecondFactor::Optional => false,
        SecondFactor::Admins => user.role == Role::CompanyAdmin,
        SecondFactor::Everyone => true,
    }
}

async fn note(tx: &mut Tx, app: &App, by: &events::Actor, user: &User, what: &str) -> Result<(), StoreError> {
    let detail: Value = json!({ "user": user.id.as_str(), "second_factor": what });
    events::append(tx, &app.organisation, app.now(), "user.changed", by, &About::default(), &detail).await
}

/// In the user's own name.
fn themselves(user: &User) -> events::Actor {
    events::Actor::User { id: user.id.to_string(), name: user.name.clone() }
}

/// Letters and digits alone, as codes are compared: people type what they see, in groups.
fn plain(typed: &str) -> String {
    typed.chars().filter(|c| !c.is_whitespace() && *c != '-').collect::<String>().to_uppercase()
}

/// A code from the app, or a recovery code. Right ones are used up, wrong ones are counted (RFC 6238 5.2, NT-23).
pub async fn check(tx: &mut Tx, app: &App, user: &User, typed: &str) -> Result<Typed, StoreError> {
    let now = app.now();
    let Some(factor) = app.store.second_factor_to_use(tx, &user.id).await? else { return Ok(Typed::Wrong) };
    if let Some(until) = factor.locked_until.filter(|until| *until > now) {
        return Ok(Typed::Locked(until));
    }
    let typed = plain(typed);
    if let Some(step) = totp::step_of(&factor.secret, &typed, now)
        && second_factors::use_step(tx, &user.id, step).await?
    {
        return Ok(Typed::Right);
    }
    if second_factors::use_recovery_code(tx, &user.id, &Secret::new(typed), now).await? {
        note(tx, app, &themselves(user), user, "recovery_code_used").await?;
        return Ok(Typed::Right);
    }
    match second_factors::failed(tx, &user.id, now).await? {
        Some(until) => {
            note(tx, app, &events::Actor::System, user, "locked").await?;
            Ok(Typed::Locked(until))
        }
        None => Ok(Typed::Wrong),
    }
}

/// Begins to set an app up: a new secret, which does nothing before its first code was typed.
pub async fn begin(app: &App, user: &User) -> Result<(), Problem> {
    let mut bytes = [0; SECRET_BYTES];
    app.dice.fill(&mut bytes);
    let secret = Secret::new(totp::base32(&bytes).as_str());
    let mut tx = app.store.write().await?;
    if !app.store.begin_second_factor(&mut tx, &app.organisation, &user.id, &secret, app.now()).await? {
        return Err(Problem::field("do", "is not possible: there is a second factor already; switch it off first"));
    }
    tx.commit().await?;
    Ok(())
}

fn fresh_codes(app: &App) -> Vec<Secret> {
    let code = |_| {
        let mut bytes = [0; CODE_BYTES];
        app.dice.fill(&mut bytes);
        Secret::new(totp::base32(&bytes).as_str())
    };
    (0..CODES).map(code).collect()
}

/// Recovery codes as people read them.
fn in_groups(codes: &[Secret]) -> Vec<String> {
    let group = |code: &Secret| code.expose().as_bytes().chunks(4).map(String::from_utf8_lossy).collect::<Vec<_>>().join("-");
    codes.iter().map(group).collect()
}

/// The first code shows that the app works: from now on one is asked for. The recovery codes, told this once. Other browsers are
/// signed out: whoever sits there has not shown a code.
pub async fn confirm(app: &App, caller: &Caller, user: &User, typed: &str) -> Result<Result<Vec<String>, Typed>, Problem> {
    let mut tx = app.store.write().await?;
    match check(&mut tx, app, user, typed).await? {
        Typed::Right => {}
        no => {
            tx.commit().await?;
            return Ok(Err(no));
        }
    }
    if !second_factors::switch_on(&mut tx, &user.id, app.now()).await? {
        return Err(Problem::field("do", "is not possible: there is a second factor already; switch it off first"));
    }
    let codes = fresh_codes(app);
    second_factors::set_recovery_codes(&mut tx, &user.id, &codes).await?;
    sessions::end_others(&mut tx, &user.id, caller.session.as_ref().map(|session| &session.id)).await?;
    note(&mut tx, app, &caller.named, user, "on").await?;
    tx.commit().await?;
    Ok(Ok(in_groups(&codes)))
}

/// New recovery codes, told this once; the older ones work no more.
pub async fn renew_codes(app: &App, caller: &Caller, user: &User, typed: &str) -> Result<Result<Vec<String>, Typed>, Problem> {
    let mut tx = app.store.write().await?;
    let found = check(&mut tx, app, user, typed).await?;
    if found != Typed::Right || user.second_factor_at.is_none() {
        tx.commit().await?;
        return Ok(Err(if found == Typed::Right { Typed::Wrong } else { found }));
    }
    let codes = fresh_codes(app);
    second_factors::set_recovery_codes(&mut tx, &user.id, &codes).await?;
    note(&mut tx, app, &caller.named, user, "new_recovery_codes").await?;
    tx.commit().await?;
    Ok(Ok(in_groups(&codes)))
}

/// Switches it off; asks for a code once more, so that a browser left open is not enough.
pub async fn switch_off(app: &App, caller: &Caller, user: &User, typed: &str) -> Result<Typed, Problem> {
    let mut tx = app.store.write().await?;
    let found = check(&mut tx, app, user, typed).await?;
    if found == Typed::Right {
        second_factors::remove(&mut tx, &user.id).await?;
        note(&mut tx, app, &caller.named, user, "off").await?;
    }
    tx.commit().await?;
    Ok(found)
}

/// Somebody lost their phone and their recovery codes: a company admin takes the second factor away, and their sessions with it.
pub async fn reset(app: &App, caller: &Caller, user: &User) -> Result<(), Problem> {
    // A tool that could take it away could help whoever knows a password.
    if matches!(caller.actor, Actor::ApiKey { .. }) {
        return Err(Problem::forbidden("An API key does not reset a second factor; a company admin does, under Settings, Users."));
    }
    if !caller.is_company_admin() {
        return Err(Problem::forbidden("Only a company admin resets a second factor."));
    }
    if caller.user.as_ref().is_some_and(|me| me.id == user.id) {
        return Err(Problem::forbidden("Your own second factor is switched off under Account, with a code."));
    }
    let mut tx = app.store.write().await?;
    if second_factors::remove(&mut tx, &user.id).await? {
        sessions::end_others(&mut tx, &user.id, None).await?;
        note(&mut tx, app, &caller.named, user, "reset").await?;
    }
    tx.commit().await?;
    Ok(())
}
