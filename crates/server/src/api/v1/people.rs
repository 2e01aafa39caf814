//! People at networks: who holds what, what dies without them, replacements, giving up.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use lifecycle::ids::ProfileId;
use lifecycle::time::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use store::people::{self, Listed};

use super::explanation::person;
use super::{Answer, Body, json};
use crate::actions::people::{Holding, Leaving, ask_replacement, give_up, look};
use crate::auth::Caller;
use crate::error::Problem;
use crate::show::rfc3339;
use crate::state::App;

/// What `GET /people` takes.
#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Asked {
    q: String,
    cursor: Option<String>,
    limit: Option<u32>,
}

fn at(moment: Option<Timestamp>) -> Value {
    moment.map(rfc3339).into()
}

fn brief(listed: &Listed) -> Value {
    let mut body = person(&listed.person);
    body["network"] = json!(listed.place.network);
    body["instance"] = json!(listed.place.instance);
    body["login_works"] = json!(listed.works);
    body["profiles"] = json!(listed.holds);
    body["held_alone"] = json!(listed.alone);
    body["deadline"] = at(listed.human_until);
    body
}

fn holding(holding: &Holding) -> Value {
    json!({
        "id": holding.profile.id.as_str(),
        "name": holding.profile.name,
        "status": holding.profile.standing.status,
        "role": holding.role,
        "without_them": holding.fate,
        "others": holding.others.iter().map(person).collect::<Vec<_>>(),
        "could_take_over": holding.could.iter().map(person).collect::<Vec<_>>(),
    })
}

fn whole(leaving: &Leaving) -> Value {
    let mut body = brief(&leaving.listed);
    let clocks = leaving.grant.as_ref().map(|grant| grant.clocks);
    body["deadlines"] = json!({
        "access": at(clocks.and_then(|clocks| clocks.access_until)),
        "refresh": at(clocks.and_then(|clocks| clocks.refresh_until)),
        "human": at(clocks.and_then(|clocks| clocks.human_until)),
    });
    body["frozen"] = json!(leaving.frozen);
    body["holds"] = leaving.holdings.iter().map(holding).collect();
    body
}

/// GET /api/v1/people
pub async fn list(State(app): State<Arc<App>>, Query(asked): Query<Asked>) -> Answer {
    // Checked at the door.
    let limit = asked.limit.unwrap_or(50);
    let after = asked.cursor.as_deref().and_then(|cursor| cursor.split_once('~')).map(|(id, name)| (name, id));
    let mut tx = app.store.read().await?;
    let mut found = people::list(&mut tx, &app.organisation, &asked.q, after, limit + 1).await?;
    let more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let next = found.last().filter(|_| more).map(|last| format!("{}~{}", last.person.id, last.person.name));
    json(200, &json!({ "items": found.iter().map(brief).collect::<Vec<_>>(), "next_cursor": next }))
}

/// GET /api/v1/people/{id}
pub async fn get(State(app): State<Arc<App>>, Path(id): Path<String>) -> Answer {
    json(200, &whole(&look(&app, &id).await?))
}

/// What `POST /people/{id}/replacements` takes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Replacement {
    email: Option<String>,
    profile_ids: Option<Vec<ProfileId>>,
}

/// POST /api/v1/people/{id}/replacements
pub async fn replace(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>, Body(body): Body<Replacement>) -> Answer {
    let asked = ask_replacement(&app, &caller, &id, body.profile_ids.as_deref(), body.email.as_deref()).await?;
    let ids: Vec<&str> = asked.profiles.iter().map(ProfileId::as_str).collect();
    json(201, &json!({ "link": asked.link, "expires_at": rfc3339(asked.expires_at), "profile_ids": ids }))
}

/// What `POST /people/{id}/give-up` takes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Confirmed {
    confirm: bool,
}

/// POST /api/v1/people/{id}/give-up
pub async fn revoke(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>, Body(body): Body<Confirmed>) -> Answer {
    if !body.confirm {
        return Err(Problem::field("confirm", "must be true: what is given up comes back only when the person logs in again"));
    }
    let gone = give_up(&app, &caller, &id).await?;
    let lost: Vec<&str> = gone.dying().map(|holding| holding.profile.id.as_str()).collect();
    json(200, &json!({ "profiles": gone.holdings.len(), "lost_profile_ids": lost }))
}
