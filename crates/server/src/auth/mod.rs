//! Who asks, and whether they may: the one place where every route's decision is made.

pub mod password;

use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use lifecycle::ids::ProfileId;
use lifecycle::permission::{About, Act, Actor, Decision, Role, decide};
use lifecycle::secret::Secret;
use lifecycle::time::Span;
use store::events;
use store::profiles::{self, Profile};
use store::sessions::{self, Session};
use store::users::{self, User};
use store::{StoreError, api_keys, teams};

use crate::error::Problem;
use crate::i18n::Lang;
use crate::state::App;

/// The session cookie's name; `__Host-` where the connection is secure.
pub const SESSION: &str = "staygreen_session";

/// What a route needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Nothing: signing in, health, the callback of networks.
    Nothing,
    /// Somebody who may do this in the organisation; what it is done to is decided by [`profile`].
    May(Act),
}

/// Who asks.
#[derive(Debug, Clone)]
pub struct Caller {
    /// For decisions.
    pub actor: Actor,
    /// For the event log.
    pub named: events::Actor,
    /// The user, when it is one.
    pub user: Option<User>,
    /// Their session.
    pub session: Option<Session>,
    /// In which language to answer.
    pub lang: Lang,
}

impl Caller {
    fn stranger(lang: Lang) -> Self {
        Self { actor: Actor::Stranger, named: events::Actor::System, user: None, session: None, lang }
    }

    /// Somebody who did not go through a guard: a path that does not exist.
    pub fn of_nobody(headers: &HeaderMap) -> Self {
        Self::stranger(Lang::from_headers(headers))
    }

    /// Whether this may be done in the organisation, for showing or hiding a button.
    pub fn may(&self, act: Act) -> bool {
        decide(&self.actor, act, About::Organisation) == Decision::Allow
    }

    /// Whose profiles a list shows; `None`: all.
    pub fn narrowed_to(&self) -> Option<lifecycle::ids::UserId> {
        match &self.actor {
            Actor::User { id, role: Role::StandardUser, .. } => Some(id.clone()),
            _ => None,
        }
    }
}

/// A profile, if the caller may do this with it.
pub async fn profile(app: &App, caller: &Caller, id: &str, act: Act) -> Result<Profile, Problem> {
    let id: ProfileId = id.parse().map_err(|_| Problem::not_found())?;
    let mut tx = app.store.read().await?;
    let found = profiles::get(&mut tx, &app.organisation, &id).await?.ok_or_else(Problem::not_found)?;
    let about = About::Profile { owner: found.owner.as_ref(), teams: &found.teams };
    match decide(&caller.actor, act, about) {
        Decision::Allow => Ok(found),
        Decision::SignIn => Err(Problem::sign_in()),
        Decision::Hidden => Err(Problem::not_found()),
        Decision::Deny(why) => Err(Problem::forbidden(why)),
    }
}

/// Whether the caller may see a profile.
pub fn may_see(caller: &Caller, profile: &Profile) -> bool {
    let about = About::Profile { owner: profile.owner.as_ref(), teams: &profile.teams };
    decide(&caller.actor, Act::SeeProfile, about) == Decision::Allow
}

/// The value of a cookie.
pub fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)
}

async fn identify(app: &App, headers: &HeaderMap) -> Result<Caller, StoreError> {
    let lang = Lang::from_headers(headers);
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(|value| value.strip_prefix("Bearer "));
    if let Some(secret) = bearer {
        return identify_key(app, secret, lang).await;
    }
    let Some(secret) = cookie(headers, SESSION).filter(|secret| !secret.is_empty()) else { return Ok(Caller::stranger(lang)) };
    let now = app.now();
    let mut tx = app.store.read().await?;
    let Some(session) = sessions::find(&mut tx, &Secret::new(secret), now, app.config.server.session_idle.span()).await? else {
        return Ok(Caller::stranger(lang));
    };
    // Read anew at every request: a changed role or a disabled account takes effect at once (NT-21).
    let Some(user) = users::by_id(&mut tx, &session.user).await?.filter(|user| user.disabled_at.is_none()) else {
        return Ok(Caller::stranger(lang));
    };
    let teams = teams::of_user(&mut tx, &user.id).await?;
    drop(tx);
    if now.since(session.seen_at) > Span::minutes(1) {
        let mut tx = app.store.write().await?;
        sessions::touch(&mut tx, &session.id, now).await?;
        tx.commit().await?;
    }
    Ok(Caller {
        actor: Actor::User { id: user.id.clone(), role: user.role, teams },
        named: events::Actor::User { id: user.id.to_string(), name: user.name.clone() },
        lang: Lang::from_code(&user.language),
        user: Some(user),
        session: Some(session),
    })
}

async fn identify_key(app: &App, secret: &str, lang: Lang) -> Result<Caller, StoreError> {
    let mut tx = app.store.read().await?;
    let Some(key) = api_keys::find(&mut tx, &Secret::new(secret)).await? else { return Ok(Caller::stranger(lang)) };
    drop(tx);
    let now = app.now();
    if key.used_at.is_none_or(|at| now.since(at) > Span::minutes(1)) {
        let mut tx = app.store.write().await?;
        api_keys::touch(&mut tx, &key.id, now).await?;
        tx.commit().await?;
    }
    let named = events::Actor::ApiKey { id: key.id.to_string(), name: key.name };
    Ok(Caller { actor: Actor::ApiKey { id: key.id, may: key.may }, named, user: None, session: None, lang })
}

/// The decision before every handler. Pages send strangers to the sign-in page and back; the API answers 401.
pub async fn guard(State((app, needs)): State<(Arc<App>, Needs)>, mut request: Request, next: Next) -> Response {
    let is_api = request.uri().path().starts_with("/api/");
    let caller = match identify(&app, request.headers()).await {
        Ok(caller) => caller,
        Err(error) => return Problem::from(error).into_response(),
    };
    let by_key = matches!(caller.actor, Actor::ApiKey { .. });
    if !by_key && !is_same_origin(&app, request.method(), request.headers()) {
        return refuse(
            &caller,
            is_api,
            Problem::forbidden("This request did not come from our own pages (cross-site). Open Staygreen and try again there."),
        );
    }
    let decision = match needs {
        Needs::Nothing => Decision::Allow,
        Needs::May(act) => match decide(&caller.actor, act, About::Organisation) {
            // A standard user has no organisation-wide right to single profiles; the profile itself decides later.
            Decision::Deny(_) if is_about_profiles(act) && matches!(caller.actor, Actor::User { .. }) => Decision::Allow,
            decision => decision,
        },
    };
    match decision {
        Decision::Allow => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Decision::SignIn if !is_api => {
            let back = request.uri().path_and_query().map_or("/", |path| path.as_str());
            let back = if request.method() == Method::GET { back } else { "/" };
            Redirect::to(&networks::oauth::with_query("/sign-in", &[("next", back)])).into_response()
        }
        Decision::SignIn => Problem::sign_in().into_response(),
        Decision::Hidden => refuse(&caller, is_api, Problem::not_found()),
        Decision::Deny(why) => refuse(&caller, is_api, Problem::forbidden(why)),
    }
}

const fn is_about_profiles(act: Act) -> bool {
    matches!(
        act,
        Act::RefreshConnection
            | Act::CheckProfile
            | Act::ManageProfile
            | Act::DeleteProfile
            | Act::Publish
            | Act::ReadComments
            | Act::Comment
    )
}

fn refuse(caller: &Caller, is_api: bool, problem: Problem) -> Response {
    if is_api { problem.into_response() } else { crate::pages::problem(caller, problem) }
}

/// Changing requests come from our own pages: the browser says so itself (NT-04). Neither header: refused.
fn is_same_origin(app: &App, method: &Method, headers: &HeaderMap) -> bool {
    if method.is_safe() {
        return true;
    }
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text("sec-fetch-site") {
        return matches!(site, "same-origin" | "none");
    }
    let origin = text("origin").unwrap_or_default();
    let own = text("host").map(|host| format!("://{host}"));
    origin == app.public_url || own.is_some_and(|own| origin.ends_with(&own))
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        // Set by the guard; a route without one has no caller and therefore no way in.
        parts.extensions.get::<Self>().cloned().ok_or_else(Problem::sign_in)
    }
}

/// A path of our own to go back to, or the dashboard: never another site (NT-05).
pub fn own_path(next: &str) -> &str {
    let plain = next.starts_with('/') && !next.starts_with("//") && !next.chars().any(|c| c.is_control() || c == '\\');
    if plain { next } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::own_path;

    #[test]
    fn nt_05_only_own_paths() {
        assert_eq!(own_path("/settings/profiles?q=a"), "/settings/profiles?q=a");
        for evil in ["//evil", "\\\\evil", "https:evil", "https://evil", "/\\evil", "/a\r\nb", "", "@evil"] {
            assert_eq!(own_path(evil), "/", "{evil}");
        }
    }
}
