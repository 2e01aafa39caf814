//! The audit, for admins: search, verify, download.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use lifecycle::ids::ProfileId;
use lifecycle::permission::Act;
use lifecycle::time::Timestamp;
use serde::Deserialize;
use store::audit::{self, Entered, Search};
use store::events::Actor;
use store::{Tx, profiles};

use super::view::zone;
use super::{Shell, for_people, show};
use crate::auth::Caller;
use crate::error::Problem;
use crate::show::When;
use crate::state::App;

/// How many rows a page shows.
const SHOWN: u32 = 100;

struct RowView {
    position: i64,
    at: When,
    who: String,
    act: String,
    /// Id and name.
    profile: Option<(String, String)>,
    under: Option<String>,
    detail: String,
}

#[derive(Template)]
#[template(path = "audit.html")]
struct Audit {
    s: Shell,
    rows: Vec<RowView>,
    q: String,
    /// Word, chosen.
    acts: Vec<(&'static str, bool)>,
    next: Option<i64>,
    verdict: Option<(bool, String)>,
}

/// What is looked for; `verify` when the button was pressed.
#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Asked {
    q: String,
    act: String,
    before: Option<i64>,
    verify: String,
}

fn who(actor: &str) -> String {
    match serde_json::from_str(actor) {
        Ok(Actor::User { name, .. } | Actor::ApiKey { name, .. }) => name,
        Ok(other) => format!("{other:?}"),
        Err(_) => actor.to_owned(),
    }
}

/// The names of the profiles that some rows are about, by id; what was deleted since has none.
async fn names(tx: &mut Tx, app: &App, rows: &[Entered]) -> Result<BTreeMap<String, String>, Problem> {
    let mut names = BTreeMap::new();
    for id in rows.iter().filter_map(|row| row.profile_id.as_ref()) {
        if let (false, Ok(profile)) = (names.contains_key(id), id.parse::<ProfileId>())
            && let Some(profile) = profiles::get(tx, &app.organisation, &profile).await?
        {
            names.insert(id.clone(), profile.name);
        }
    }
    Ok(names)
}

/// GET /audit
pub async fn get(State(app): State<Arc<App>>, caller: Caller, Query(asked): Query<Asked>) -> Response {
    let page = async {
        let act = Act::parse(&asked.act).map(|act| act.as_str().to_owned());
        let mut tx = app.store.read().await?;
        let search = Search { before: asked.before, profile: None, act, q: Some(asked.q.clone()) };
        let rows = audit::search(&mut tx, &app.organisation, &search, SHOWN).await?;
        let verdict = if asked.verify.is_empty() {
            None
        } else {
            let found = app.store.verify_audit(&mut tx, &[]).await?;
            let at = found.findings.first().map(|finding| finding.position.to_string()).unwrap_or_default();
            let (rows, hash) = (found.rows.to_string(), found.anchor.hash.clone());
            let key = if found.findings.is_empty() { "audit.whole" } else { "audit.broken" };
            Some((found.findings.is_empty(), caller.lang.fill(key, &[("rows", &rows), ("at", &at), ("hash", &hash)])))
        };
        let names = names(&mut tx, &app, &rows).await?;
        let full = u32::try_from(rows.len()).is_ok_and(|count| count == SHOWN);
        let next = rows.last().map(|row| row.position).filter(|_| full);
        let view = |row: Entered| RowView {
            position: row.position,
            at: When::new(Timestamp::from_micros(row.at), app.now(), zone(&caller), caller.lang),
            who: who(&row.actor),
            act: row.act,
            profile: row.profile_id.map(|id| (id.clone(), names.get(&id).cloned().unwrap_or(id))),
            under: row.under,
            detail: row.detail,
        };
        show(&Audit {
            s: Shell::new(&caller, "audit"),
            rows: rows.into_iter().map(view).collect(),
            q: asked.q.clone(),
            acts: Act::ALL.iter().map(|act| (act.as_str(), act.as_str() == asked.act)).collect(),
            next,
            verdict,
        })
    };
    for_people(&caller, page.await)
}
