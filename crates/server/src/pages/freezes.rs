//! The emergency brake, for admins.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use lifecycle::permission::{Frozen, NotFreezable};
use serde::Deserialize;
use store::{Tx, api_keys, freezes, grants, hold, profiles, users};

use super::view::{title_of, zone};
use super::{Fields, Page, Shell, for_people, go, show};
use crate::actions::explanation::name_of;
use crate::actions::freeze::{Named, Receipt};
use crate::actions::{freeze, restore};
use crate::auth::Caller;
use crate::error::Problem;
use crate::i18n::Lang;
use crate::show::moment;
use crate::state::App;

/// How many past ones are shown after those in force.
const SHOWN: u32 = 50;

struct FreezeView {
    id: String,
    target: String,
    reason: String,
    at: String,
    by: String,
    in_force: bool,
}

/// What was cut, for whoever froze it. Keys by id and name.
struct ReceiptView {
    words: String,
    keys: Vec<(String, String)>,
    still_working: Vec<(String, String)>,
}

impl ReceiptView {
    fn of(lang: Lang, receipt: &Receipt) -> Self {
        let named = |keys: &[Named]| keys.iter().map(|key| (key.id.to_string(), key.name.clone())).collect();
        let values = [("id", receipt.id.as_str()), ("profiles", &receipt.cut.profiles.to_string())];
        Self {
            words: lang.fill("freezes.receipt", &values),
            keys: named(&receipt.cut.keys),
            still_working: named(&receipt.cut.still_working),
        }
    }
}

#[derive(Template)]
#[template(path = "freezes.html")]
struct Freezes {
    s: Shell,
    /// Why a restored database holds tokens back.
    held: Option<String>,
    freezes: Vec<FreezeView>,
    /// Value, label, chosen.
    targets: Vec<(String, String, bool)>,
    receipt: Option<ReceiptView>,
    error: Option<String>,
    /// The reason, where it could not be frozen.
    reason: String,
}

/// What is frozen, by its name; by what names it where that is gone.
async fn label(tx: &mut Tx, app: &App, lang: Lang, target: &Frozen) -> Result<String, Problem> {
    let under = |heading: &str, name: String| format!("{}: {name}", lang.t(heading));
    let found = match target {
        Frozen::Everything => Some(lang.t("freezes.everything").to_owned()),
        Frozen::Network(name) => Some(title_of(name)),
        Frozen::ApiKey(id) => api_keys::by_id(tx, &app.organisation, id).await?.map(|key| under("nav.api_keys", key.name)),
        Frozen::User(id) => {
            let user = users::by_id(tx, id).await?.filter(|user| user.organisation == app.organisation);
            user.map(|user| under("nav.users", user.name))
        }
        Frozen::Profile(id) => profiles::get(tx, &app.organisation, id).await?.map(|profile| profile.name),
        Frozen::Person(id) if freezes::knows_person(tx, &app.organisation, id).await? => {
            grants::person(tx, id).await?.map(|person| person.name)
        }
        Frozen::Person(_) => None,
    };
    Ok(found.unwrap_or_else(|| target.to_string()))
}

async fn page(app: &App, caller: &Caller, (chosen, reason): (&str, &str), receipt: Option<&Receipt>, error: Option<String>) -> Page {
    let mut tx = app.store.read().await?;
    let all = freezes::list(&mut tx, &app.organisation, SHOWN).await?;
    let held = hold::get(&mut tx).await?.filter(|hold| hold.released_at.is_none());
    let held = held.map(|hold| caller.lang.t(&format!("hold.{}", hold.why)).to_owned());
    let lang = caller.lang;
    let named = |heading: &str, name: &str| format!("{}: {name}", lang.t(heading));
    let mut targets = vec![("everything".to_owned(), lang.t("freezes.everything").to_owned())];
    targets.extend(app.config.offered().map(|network| (format!("network {}", network.about().name), network.about().title.to_owned())));
    let keys = api_keys::list(&mut tx, &app.organisation).await?;
    let keys = keys.iter().filter(|key| key.revoked_at.is_none());
    targets.extend(keys.map(|key| (format!("api_key {}", key.id), named("nav.api_keys", &key.name))));
    let users = users::list(&mut tx, &app.organisation).await?;
    targets.extend(users.iter().map(|user| (format!("user {}", user.id), named("nav.users", &user.name))));
    // A profile or person comes with a link from its own page.
    if !targets.iter().any(|(value, _)| value == chosen)
        && let Ok(target) = chosen.parse::<Frozen>()
    {
        targets.push((chosen.to_owned(), label(&mut tx, app, lang, &target).await?));
    }
    let mut freezes = vec![];
    for one in &all {
        freezes.push(FreezeView {
            id: one.id.to_string(),
            target: label(&mut tx, app, lang, &one.target).await?,
            reason: one.reason.clone(),
            at: moment(one.at, zone(caller), caller.lang),
            by: name_of(caller.lang, &one.by),
            in_force: one.thawed_at.is_none(),
        });
    }
    let targets = targets.into_iter().map(|(value, label)| {
        let is_chosen = value == chosen;
        (value, label, is_chosen)
    });
    show(&Freezes {
        s: Shell::new(caller, "freezes"),
        held,
        freezes,
        targets: targets.collect(),
        receipt: receipt.map(|receipt| ReceiptView::of(lang, receipt)),
        error,
        reason: reason.to_owned(),
    })
}

/// What a link to this page names.
#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Asked {
    target: String,
}

/// GET /settings/freezes
pub async fn list(State(app): State<Arc<App>>, caller: Caller, Query(asked): Query<Asked>) -> Response {
    let page = page(&app, &caller, (&asked.target, ""), None, None).await;
    for_people(&caller, page)
}

/// POST /settings/freezes
pub async fn set(State(app): State<Arc<App>>, mut caller: Caller, fields: Fields) -> Response {
    let target = fields.get("target").parse().map_err(|error: NotFreezable| Problem::field("target", &error.to_string()));
    let frozen = match target {
        Ok(target) => freeze::freeze(&app, &caller, target, fields.get("reason")).await,
        Err(problem) => Err(problem),
    };
    let page = match frozen {
        Ok(receipt) => {
            if receipt.target == Frozen::Everything {
                // This page too says what holds from now on.
                let (id, target, by) = (receipt.id.clone(), receipt.target.clone(), caller.named.clone());
                let reason = fields.get("reason").to_owned();
                caller.brake = Some(freezes::Freeze { id, target, reason, by, at: receipt.at, thawed_at: None });
            }
            page(&app, &caller, ("", ""), Some(&receipt), None).await
        }
        Err(problem) if problem.status.is_server_error() => Err(problem),
        Err(problem) => page(&app, &caller, (fields.get("target"), fields.get("reason")), None, Some(caller.lang.problem(&problem))).await,
    };
    for_people(&caller, page)
}

/// POST /settings/freezes/hold/release
pub async fn release(State(app): State<Arc<App>>, caller: Caller) -> Response {
    let page = async {
        restore::release(&app, &caller).await?;
        go("/settings/freezes")
    };
    for_people(&caller, page.await)
}

/// POST /settings/freezes/{id}/thaw
pub async fn thaw(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>) -> Response {
    let page = async {
        freeze::thaw(&app, &caller, &id).await?;
        go("/settings/freezes")
    };
    for_people(&caller, page.await)
}
