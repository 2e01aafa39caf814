//! API keys: list, create, revoke, and the dry run "may this key do that, and why not".

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use lifecycle::permission::{Act, Decision};
use serde::Deserialize;
use store::api_keys::{self, ApiKey};
use store::profiles::{self, Filter};
use store::{StoreError, Tx, users};

use super::sets::words_of;
use super::view::zone;
use super::{Fields, Page, Shell, for_people, go, show};
use crate::actions::may::Verdict;
use crate::actions::{keys, may};
use crate::auth::{self, Caller};
use crate::error::Problem;
use crate::i18n::Lang;
use crate::show::{When, day_begins};
use crate::state::App;

/// How many profiles the dry run offers.
const OFFERED: u32 = 500;

struct KeyView {
    id: String,
    name: String,
    /// What it may, in words and as the API writes it.
    may: Vec<(&'static str, String)>,
    revoked: bool,
    until: Option<When>,
    /// By whom, in words.
    by: String,
    made: When,
    used: Option<When>,
}

impl KeyView {
    fn of(app: &App, caller: &Caller, key: &ApiKey, makers: &Makers) -> Self {
        let when = |at| When::new(at, app.now(), zone(caller), caller.lang);
        Self {
            id: key.id.to_string(),
            name: key.name.clone(),
            may: key.permissions.iter().map(|one| (words_of(caller.lang, one.act), one.to_string())).collect(),
            revoked: key.revoked_at.is_some(),
            until: key.expires_at.map(when),
            by: makers.name_of(caller.lang, key),
            made: when(key.created_at),
            used: key.used_at.map(when),
        }
    }
}

/// Whoever may have made a key, by id.
struct Makers {
    users: BTreeMap<String, String>,
    keys: BTreeMap<String, String>,
}

impl Makers {
    async fn of(tx: &mut Tx, app: &App, keys: &[ApiKey]) -> Result<Self, StoreError> {
        let users = users::list(tx, &app.organisation).await?;
        Ok(Self {
            users: users.into_iter().map(|user| (user.id.to_string(), user.name)).collect(),
            keys: keys.iter().map(|key| (key.id.to_string(), key.name.clone())).collect(),
        })
    }

    /// Who made a key; by the id where nobody knows the name any more.
    fn name_of(&self, lang: Lang, key: &ApiKey) -> String {
        let Some(by) = &key.created_by else { return lang.t("keys.operator").to_owned() };
        let by_key = || self.keys.get(by).map(|name| lang.fill("actor.api_key", &[("name", name)]));
        self.users.get(by).cloned().or_else(by_key).unwrap_or_else(|| by.clone())
    }
}

#[derive(Template)]
#[template(path = "api_keys.html")]
struct Keys {
    s: Shell,
    keys: Vec<KeyView>,
    /// Word, what it is in words, chosen.
    all: Vec<(&'static str, &'static str, bool)>,
    secret: Option<String>,
    error: Option<String>,
    typed: Typed,
}

/// What was typed for a key that could not be made.
#[derive(Default)]
struct Typed {
    name: String,
    permissions: Vec<String>,
    narrowed: String,
    expires_at: String,
}

impl Typed {
    fn of(fields: &Fields) -> Self {
        Self {
            name: fields.get("name").to_owned(),
            permissions: fields.all("permissions"),
            narrowed: fields.get("narrowed").to_owned(),
            expires_at: fields.get("expires_at").to_owned(),
        }
    }
}

#[derive(Template)]
#[template(path = "api_key.html")]
struct Key {
    s: Shell,
    key: KeyView,
    /// Word, what it is in words, chosen.
    acts: Vec<(&'static str, &'static str, bool)>,
    /// Id, name, chosen.
    profiles: Vec<(String, String, bool)>,
    method: String,
    path: String,
    verdict: Option<(bool, String)>,
}

async fn page(app: &App, caller: &Caller, secret: Option<String>, error: Option<String>, typed: Typed) -> Page {
    let mut tx = app.store.read().await?;
    let keys = api_keys::list(&mut tx, &app.organisation).await?;
    let makers = Makers::of(&mut tx, app, &keys).await?;
    drop(tx);
    show(&Keys {
        s: Shell::new(caller, "keys"),
        keys: keys.iter().map(|key| KeyView::of(app, caller, key, &makers)).collect(),
        all: Act::ALL
            .iter()
            .map(|act| (act.as_str(), words_of(caller.lang, *act), typed.permissions.iter().any(|word| word == act.as_str())))
            .collect(),
        secret,
        error,
        typed,
    })
}

/// GET /settings/api-keys
pub async fn list(State(app): State<Arc<App>>, caller: Caller) -> Response {
    let page = page(&app, &caller, None, None, Typed::default()).await;
    for_people(&caller, page)
}

/// POST /settings/api-keys
pub async fn create(State(app): State<Arc<App>>, caller: Caller, fields: Fields) -> Response {
    let made = async {
        let mut words = fields.all("permissions");
        words.extend(fields.get("narrowed").lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned));
        let until = fields.get("expires_at");
        let until = if until.is_empty() { None } else { Some(day_begins(until, zone(&caller))) };
        let until = until.map(|at| at.ok_or_else(|| Problem::field("expires_at", "is a day, as in 2027-01-01"))).transpose()?;
        keys::create(&app, &caller, fields.get("name"), &keys::read(&words)?, until).await
    };
    let page = match made.await {
        Ok((_, secret)) => page(&app, &caller, Some(secret.expose().to_owned()), None, Typed::default()).await,
        Err(problem) if problem.status.is_server_error() => Err(problem),
        Err(problem) => page(&app, &caller, None, Some(caller.lang.problem(&problem)), Typed::of(&fields)).await,
    };
    for_people(&caller, page)
}

/// POST /settings/api-keys/{id}/revoke
pub async fn revoke(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>) -> Response {
    let page = async {
        keys::revoke(&app, &caller, &id).await?;
        go("/settings/api-keys")
    };
    for_people(&caller, page.await)
}

/// What is asked on a key's page.
#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Asked {
    act: String,
    profile: String,
    method: String,
    path: String,
}

/// The decision in words.
fn verdict(lang: Lang, verdict: &Verdict) -> String {
    let no = |why: &str| lang.fill("keys.no", &[("why", &lang.problem(&Problem::forbidden(why)))]);
    match (&verdict.decision, &verdict.but) {
        (Decision::Allow(_), Some(but)) => lang.fill("keys.no", &[("why", &but.words(lang))]),
        (Decision::Allow(Some(under)), None) => lang.fill("keys.yes_under", &[("permission", &under.to_string())]),
        (Decision::Allow(None), None) => lang.t("keys.yes").to_owned(),
        (Decision::Hidden | Decision::SignIn, _) => lang.t("keys.hidden").to_owned(),
        (Decision::Deny(why), _) => no(why.words()),
    }
}

/// GET /settings/api-keys/{id}
pub async fn one(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>, Query(asked): Query<Asked>) -> Response {
    let page = async {
        let id = id.parse().map_err(|_| Problem::not_found())?;
        let mut tx = app.store.read().await?;
        let key = api_keys::by_id(&mut tx, &app.organisation, &id).await?.ok_or_else(Problem::not_found)?;
        let filter = Filter { visible_to: caller.narrowed_to(Act::SeeProfile), ..Filter::default() };
        let offered = profiles::list(&mut tx, &app.organisation, &filter, OFFERED).await?;
        let all = api_keys::list(&mut tx, &app.organisation).await?;
        let makers = Makers::of(&mut tx, &app, &all).await?;
        drop(tx);
        let view = KeyView::of(&app, &caller, &key, &makers);
        let method = asked.method.trim().to_ascii_uppercase();
        let verdict = match Act::parse(&asked.act) {
            Some(act) => {
                let profile = if asked.profile.is_empty() {
                    None
                } else {
                    Some(auth::profile(&app, &caller, &asked.profile, Act::SeeProfile).await?)
                };
                let call = (act == Act::CallApi && !asked.path.is_empty()).then_some((method.as_str(), asked.path.as_str()));
                let dry = may::Asked { act, profile: profile.as_ref(), call };
                let found = may::may(&app, &may::actor_of(key), &dry).await?;
                let revoked = view.revoked.then(|| (false, caller.lang.t("keys.revoked").to_owned()));
                Some(revoked.unwrap_or_else(|| (found.is_yes(), verdict(caller.lang, &found))))
            }
            None => None,
        };
        show(&Key {
            s: Shell::new(&caller, "keys"),
            key: view,
            acts: Act::ALL.iter().map(|act| (act.as_str(), words_of(caller.lang, *act), act.as_str() == asked.act)).collect(),
            profiles: offered
                .iter()
                .map(|profile| {
                    let label = format!("{} ({})", profile.name, super::view::title_of(&profile.network));
                    (profile.id.to_string(), label, profile.id.as_str() == asked.profile)
                })
                .collect(),
            method: if method.is_empty() { "GET".into() } else { method },
            path: asked.path.clone(),
            verdict,
        })
    };
    for_people(&caller, page.await)
}
