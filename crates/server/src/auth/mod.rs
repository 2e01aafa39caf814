//! Who asks, and whether they may: the one place where every route's decision is made.

pub mod password;
pub mod totp;

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use lifecycle::ids::ProfileId;
use lifecycle::permission::{self, About, Act, Actor, Decision, Frozen, Permission, Question, Reach, Role, decide};
use lifecycle::secret::Secret;
use lifecycle::time::{Span, Timestamp};
use serde_json::json;
use store::connections::{self, Connection};
use store::profiles::{self, Narrow, Profile};
use store::sessions::{self, Session};
use store::users::{self, User};
use store::{StoreError, Tx, api_keys, events, freezes, permission_sets, teams};

use crate::actions::{audited, second_factor};
use crate::error::Problem;
use crate::i18n::Lang;
use crate::state::App;

/// Under which name is known what is frozen.
const FROZEN: &str = "frozen";

/// The session cookie's name; `__Host-` where the connection is secure.
pub const SESSION: &str = "staygreen_session";

/// Where a second factor is set up.
const SECOND_FACTOR: &str = "/account/second-factor";

/// What a route needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Nothing: signing in, health, the callback of networks.
    Nothing,
    /// Somebody who is known, whatever they may.
    SomebodyKnown,
    /// The same, where they are neither frozen nor over: what is theirs, which the handler decides.
    Theirs,
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
    /// When they asked.
    pub at: Timestamp,
    /// What was frozen then.
    pub frozen: Vec<Frozen>,
    /// The freeze of everything, where there was one: told to users on every page.
    pub brake: Option<freezes::Freeze>,
}

impl Caller {
    fn stranger(lang: Lang, at: Timestamp) -> Self {
        Self { actor: Actor::Stranger, named: events::Actor::System, user: None, session: None, lang, at, frozen: vec![], brake: None }
    }

    /// The decision, as things stood when they asked.
    pub fn decide(&self, act: Act, about: About<'_>) -> Decision {
        decide(&self.actor, &Question { act, about, call: None, now: self.at, frozen: &self.frozen })
    }

    /// Somebody who did not go through a guard: a path that does not exist.
    pub fn of_nobody(headers: &HeaderMap) -> Self {
        Self::stranger(Lang::from_headers(headers), Timestamp::from_micros(0))
    }

    /// Whether this may be done in the organisation, for showing or hiding a button.
    pub fn may(&self, act: Act) -> bool {
        self.decide(act, any(act)).is_yes()
    }

    /// Whether they are a company admin, and no tool.
    pub fn is_company_admin(&self) -> bool {
        matches!(self.actor, Actor::User { role: Role::CompanyAdmin, .. })
    }

    /// Which profiles a list shows; `None`: all.
    pub fn narrowed_to(&self, act: Act) -> Option<Narrow> {
        narrow(&self.actor, act, self.at)
    }
}

/// With which profiles somebody may do something; `None`: with all.
pub fn narrow(actor: &Actor, act: Act, at: Timestamp) -> Option<Narrow> {
    let reached = |permissions: &[Permission]| {
        let alive = |carried: &&Permission| carried.act == act && carried.until.is_none_or(|until| until > at);
        let reaches: Vec<Reach> = permissions.iter().filter(alive).map(|carried| carried.reach.clone()).collect();
        (!reaches.iter().any(Reach::is_everything)).then_some(reaches)
    };
    match actor {
        Actor::User { role: Role::CompanyAdmin, .. } => None,
        Actor::User { id, role, given, .. } => {
            let by_role = match (role, act) {
                (Role::Viewer, Act::RefreshConnection | Act::CheckProfile) => Some(Narrow::Owner(id.clone())),
                (Role::Viewer, Act::SeeProfile | Act::SeeEvents) | (Role::StandardUser, _) => Some(Narrow::User(id.clone())),
                _ => None,
            };
            let reaches = reached(given)?;
            let by_sets = (!reaches.is_empty()).then_some(Narrow::Reaches(reaches));
            Some(match (by_role, by_sets) {
                (Some(one), Some(other)) => Narrow::Either(vec![one, other]),
                (one, other) => one.or(other).unwrap_or(Narrow::Reaches(vec![])),
            })
        }
        Actor::ApiKey { permissions, .. } => reached(permissions).map(Narrow::Reaches),
        Actor::Stranger | Actor::RenewalLink { .. } => Some(Narrow::Reaches(vec![])),
    }
}

/// Asks whether there can be anything with which this may be done.
pub const fn any(act: Act) -> About<'static> {
    if act.is_about_profiles() {
        About::Profiles
    } else if act.is_about_teams() {
        About::Teams
    } else {
        About::Organisation
    }
}

/// A user as an actor, with what is stored of their teams and permission sets.
pub async fn actor_of(tx: &mut Tx, user: &User) -> Result<Actor, StoreError> {
    let teams = teams::of_user(tx, &user.id).await?;
    // Nothing is added to what company admins may.
    let given = if user.role == Role::CompanyAdmin { vec![] } else { permission_sets::permissions_of(tx, &user.id).await? };
    Ok(Actor::User { id: user.id.clone(), role: user.role, teams, given: given.into() })
}

/// A profile, as decisions see it.
pub fn about(profile: &Profile) -> About<'_> {
    About::Profile { id: &profile.id, network: &profile.network, owner: profile.owner.as_ref(), teams: &profile.teams, tags: &profile.tags }
}

/// What a no is answered with.
pub fn refused(decision: &Decision) -> Problem {
    match decision {
        Decision::Allow(_) | Decision::Hidden => Problem::not_found(),
        Decision::SignIn => Problem::sign_in(),
        Decision::Deny(why) => Problem::forbidden(why.words()).with(json!({ "reason": why })),
    }
}

/// As things stand when an act is written down.
pub struct Standing {
    /// The permission of an API key under which it is done; `None`: by somebody's role.
    pub under: Option<Permission>,
    /// The user or key that gave it, or the operator ([`api_keys::OPERATOR`]); `None`: it is somebody's role.
    pub given_by: Option<String>,
    /// What is frozen.
    pub frozen: Vec<Frozen>,
}

/// Decides anew, from what is stored in this very moment: asked in the transaction that writes an act down, so that a key that was
/// revoked, a role that was lost and a freeze that came meanwhile stop it (NT-14).
pub async fn anew(
    tx: &mut Tx,
    app: &App,
    caller: &Caller,
    profile: &Profile,
    act: Act,
    call: Option<(&str, &str)>,
) -> Result<Standing, Problem> {
    let mut given_by = None;
    let actor = match &caller.actor {
        Actor::ApiKey { id, .. } => {
            let key = tx.known(format!("key {id}"), async |tx| api_keys::by_id(tx, &app.organisation, id).await).await?;
            let key = key.filter(|key| key.revoked_at.is_none()).ok_or_else(Problem::sign_in)?;
            given_by = Some(key.given_by().to_owned());
            Actor::ApiKey { id: key.id, permissions: key.permissions, until: key.expires_at }
        }
        Actor::User { id, .. } => {
            let user = users::by_id(tx, id).await?.filter(|user| user.disabled_at.is_none()).ok_or_else(Problem::sign_in)?;
            actor_of(tx, &user).await?
        }
        other => other.clone(),
    };
    let frozen = tx.known(FROZEN.to_owned(), async |tx| frozen(tx, app).await).await?.unwrap_or_default();
    match decide(&actor, &Question { act, about: about(profile), call, now: app.now(), frozen: &frozen }) {
        Decision::Allow(under) => Ok(Standing { under: under.map(|under| *under), given_by, frozen }),
        no => Err(refused(&no)),
    }
}

/// The same for whoever only asks whether it could be done: a no is no refusal that is written down.
pub async fn profile_to_check(app: &App, caller: &Caller, id: &str, act: Act) -> Result<Profile, Problem> {
    let found = known(app, &id.parse().map_err(|_| Problem::not_found())?).await?;
    match caller.decide(act, about(&found)) {
        Decision::Allow(_) => Ok(found),
        no => Err(refused(&no)),
    }
}

/// A profile, if the caller may do this with it.
pub async fn profile(app: &App, caller: &Caller, id: &str, act: Act) -> Result<Profile, Problem> {
    let id: ProfileId = id.parse().map_err(|_| Problem::not_found())?;
    let found = known(app, &id).await?;
    match caller.decide(act, about(&found)) {
        Decision::Allow(_) => Ok(found),
        no => {
            audited::refused_as(app, caller, act, &found.id, None, audited::word(&no)).await?;
            Err(refused(&no))
        }
    }
}

/// A profile of the organisation.
async fn known(app: &App, id: &ProfileId) -> Result<Profile, Problem> {
    let found = app.store.known(format!("profile {id}"), async |tx| profiles::get(tx, &app.organisation, id).await).await?;
    found.ok_or_else(Problem::not_found)
}

async fn frozen(tx: &mut Tx, app: &App) -> Result<Option<Vec<Frozen>>, StoreError> {
    freezes::in_force(tx, &app.organisation).await.map(Some)
}

/// The most profiles that are changed at once.
pub const AT_ONCE: usize = 200;

/// Several profiles, each once, if the caller may do this with each of them: all of them or none. `field` named them.
pub async fn several(app: &App, caller: &Caller, field: &str, ids: &[String], act: Act) -> Result<Vec<Profile>, Problem> {
    let ids: BTreeSet<&String> = ids.iter().collect();
    if ids.is_empty() || ids.len() > AT_ONCE {
        return Err(Problem::field(field, &format!("choose 1 to {AT_ONCE} profiles")));
    }
    let mut chosen = vec![];
    for id in ids {
        chosen.push(profile(app, caller, id, act).await?);
    }
    Ok(chosen)
}

/// A profile whose network's API is to be called, if the caller may call exactly that. A refused call is written down.
pub async fn profile_for_call(app: &App, caller: &Caller, id: &str, call: (&str, &str)) -> Result<Profile, Problem> {
    let id: ProfileId = id.parse().map_err(|_| Problem::not_found())?;
    let found = known(app, &id).await?;
    let question = Question { act: Act::CallApi, about: about(&found), call: Some(call), now: caller.at, frozen: &caller.frozen };
    let no = match decide(&caller.actor, &question) {
        Decision::Allow(_) => return Ok(found),
        no => no,
    };
    audited::refused_as(app, caller, Act::CallApi, &found.id, Some(call), audited::word(&no)).await?;
    Err(refused(&no))
}

/// A connection: it belongs to whoever began it, and company admins see all.
pub async fn connection(app: &App, caller: &Caller, id: &str) -> Result<Connection, Problem> {
    let id = id.parse().map_err(|_| Problem::not_found())?;
    let mut tx = app.store.read().await?;
    let connection = connections::get(&mut tx, &app.organisation, &id).await?.ok_or_else(Problem::not_found)?;
    if caller.is_company_admin() || connection.begun.by == caller.named { Ok(connection) } else { Err(Problem::not_found()) }
}

/// Whether the caller may see a profile.
pub fn may_see(caller: &Caller, profile: &Profile) -> bool {
    caller.decide(Act::SeeProfile, about(profile)).is_yes()
}

/// The value of a cookie.
pub fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)
}

/// What stands in `Authorization` behind that scheme, whose name is the same in either case (RFC 9110 section 11.1).
pub(crate) fn credentials<'a>(headers: &'a HeaderMap, scheme: &str) -> Option<&'a str> {
    let (named, secret) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    named.eq_ignore_ascii_case(scheme).then(|| secret.trim())
}

/// Who sends these headers, as things stand now.
pub(crate) async fn identify(app: &App, headers: &HeaderMap) -> Result<Caller, StoreError> {
    let (lang, now) = (Lang::from_headers(headers), app.now());
    if let Some(secret) = credentials(headers, "Bearer") {
        return identify_key(app, secret, lang).await;
    }
    let Some(secret) = cookie(headers, SESSION).filter(|secret| !secret.is_empty()) else { return Ok(Caller::stranger(lang, now)) };
    let mut tx = app.store.read().await?;
    let Some(session) = sessions::find(&mut tx, &Secret::new(secret), now, app.config.server.session_idle.span()).await? else {
        return Ok(Caller::stranger(lang, now));
    };
    // Read anew at every request: a changed role or a disabled account takes effect at once (NT-21).
    let Some(user) =
        users::by_id(&mut tx, &session.user).await?.filter(|user| user.disabled_at.is_none() && user.organisation == app.organisation)
    else {
        return Ok(Caller::stranger(lang, now));
    };
    let actor = actor_of(&mut tx, &user).await?;
    let frozen = freezes::in_force(&mut tx, &app.organisation).await?;
    let brake = if frozen.contains(&Frozen::Everything) { freezes::of_everything(&mut tx, &app.organisation).await? } else { None };
    drop(tx);
    if now.since(session.seen_at) > Span::minutes(1) {
        let mut tx = app.store.write().await?;
        sessions::touch(&mut tx, &session.id, now).await?;
        tx.commit().await?;
    }
    Ok(Caller {
        actor,
        named: events::Actor::User { id: user.id.to_string(), name: user.name.clone() },
        lang: Lang::from_code(&user.language),
        user: Some(user),
        session: Some(session),
        at: now,
        frozen,
        brake,
    })
}

/// Whoever has this API key; a stranger when nobody has.
pub async fn caller_by_key(app: &App, secret: &Secret, headers: &HeaderMap) -> Result<Caller, StoreError> {
    identify_key(app, secret.expose(), Lang::from_headers(headers)).await
}

async fn identify_key(app: &App, secret: &str, lang: Lang) -> Result<Caller, StoreError> {
    let now = app.now();
    let secret = Secret::new(secret);
    let name = format!("key with {}", store::seal::hash(&secret));
    let found = app.store.known(name, async |tx| api_keys::find(tx, &app.organisation, &secret).await).await?;
    let Some(key) = found else { return Ok(Caller::stranger(lang, now)) };
    let frozen = app.store.known(FROZEN.to_owned(), async |tx| frozen(tx, app).await).await?.unwrap_or_default();
    if key.used_at.is_none_or(|at| now.since(at) > Span::minutes(1)) {
        let mut tx = app.store.write().await?;
        api_keys::touch(&mut tx, &key.id, now).await?;
        tx.commit().await?;
    }
    let named = events::Actor::ApiKey { id: key.id.to_string(), name: key.name };
    let actor = Actor::ApiKey { id: key.id, permissions: key.permissions, until: key.expires_at };
    Ok(Caller { actor, named, user: None, session: None, lang, at: now, frozen, brake: None })
}

/// Lets a request go on to its handler, or answers it.
pub async fn guard(State((app, needs)): State<(Arc<App>, Needs)>, mut request: Request, next: Next) -> Response {
    match admit(&app, needs, &mut request).await {
        Ok(()) => next.run(request).await,
        Err(answer) => answer.into_response(),
    }
}

/// An answer in the place of a handler's.
pub struct TurnedAway(Box<Response>);

impl TurnedAway {
    fn with(answer: impl IntoResponse) -> Self {
        Self(Box::new(answer.into_response()))
    }
}

impl IntoResponse for TurnedAway {
    fn into_response(self) -> Response {
        *self.0
    }
}

/// The decision before every handler, which finds the caller in the request. Pages send strangers to the sign-in page and back; the API
/// answers 401.
pub async fn admit(app: &App, needs: Needs, request: &mut Request) -> Result<(), TurnedAway> {
    let is_api = request.uri().path().starts_with("/api/") || request.uri().path() == "/metrics";
    let caller = identify(app, request.headers()).await.map_err(|error| TurnedAway::with(Problem::from(error)))?;
    if is_api && caller.actor == Actor::Stranger && needs != Needs::Nothing {
        return Err(TurnedAway::with(Problem::sign_in()));
    }
    let by_key = matches!(caller.actor, Actor::ApiKey { .. });
    if !by_key && !is_same_origin(app, request.method(), request.headers()) {
        let words = "This request did not come from our own pages (cross-site). Open Staygreen and try again there.";
        return Err(refuse(&caller, is_api, Problem::forbidden(words)));
    }
    if let Some(user) = &caller.user
        && needs != Needs::Nothing
        && user.second_factor_at.is_none()
        && second_factor::is_demanded(app, user)
        && request.uri().path() != SECOND_FACTOR
    {
        return Err(TurnedAway::with(lacks_second_factor(is_api)));
    }
    let decision = match needs {
        Needs::Nothing => Decision::Allow(None),
        Needs::SomebodyKnown if caller.actor == Actor::Stranger => Decision::SignIn,
        Needs::SomebodyKnown => Decision::Allow(None),
        Needs::Theirs => permission::admit(&caller.actor, caller.at, &caller.frozen),
        // Which profiles or teams is decided, or narrowed, one by one by the handler.
        Needs::May(act) => caller.decide(act, any(act)),
    };
    if let Needs::May(act) = needs {
        let (method, path) = (request.method(), request.uri().path());
        let noted = match &decision {
            Decision::Allow(_) => audited::asked(app, &caller, act, method, path).await,
            no => audited::refused(app, &caller, act, method, path, audited::word(no)).await,
        };
        noted.map_err(|error| TurnedAway::with(Problem::from(error)))?;
    }
    match decision {
        Decision::Allow(_) => {
            request.extensions_mut().insert(caller);
            Ok(())
        }
        Decision::SignIn if !is_api => {
            let back = request.uri().path_and_query().map_or("/", |path| path.as_str());
            let back = if request.method() == Method::GET { back } else { "/" };
            Err(TurnedAway::with(Redirect::to(&networks::oauth::with_query("/sign-in", &[("next", back)]))))
        }
        Decision::SignIn => Err(TurnedAway::with(Problem::sign_in())),
        no => Err(refuse(&caller, is_api, refused(&no))),
    }
}

/// The operator demands a second factor of somebody who has none: they set one up before anything else.
fn lacks_second_factor(is_api: bool) -> Response {
    if is_api {
        let words = "The operator demands a second factor of this user: set one up under Account, Second factor.";
        return Problem::forbidden(words).with(json!({ "reason": "second_factor_missing" })).into_response();
    }
    Redirect::to(SECOND_FACTOR).into_response()
}

fn refuse(caller: &Caller, is_api: bool, problem: Problem) -> TurnedAway {
    if is_api { TurnedAway::with(problem) } else { TurnedAway::with(crate::pages::problem(caller, problem)) }
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
