//! Posts and comments that wait, and what became of them: /api/v1/waiting-acts

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use lifecycle::waiting::State as Standing;
use serde::Deserialize;
use serde_json::{Value, json};

use super::posts::result;
use super::{Answer, json};
use crate::actions::waiting;
use crate::auth::Caller;
use crate::error::Problem;
use crate::state::App;

/// How many are listed.
const LIST_MAX: u32 = 200;

/// Which are wanted.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    state: Option<String>,
}

/// GET /api/v1/waiting-acts: what waits or is unclear; with `state`, those that stand so.
pub async fn list(State(app): State<Arc<App>>, caller: Caller, Query(asked): Query<Asked>) -> Answer {
    let states: Vec<Standing> = match asked.state.as_deref() {
        None => Standing::ALL.iter().copied().filter(|state| state.is_open()).collect(),
        Some(word) => {
            let known = || Standing::ALL.iter().map(|state| state.as_str()).collect::<Vec<_>>().join(", ");
            vec![Standing::parse(word).ok_or_else(|| Problem::field("state", &format!("is one of {}", known())))?]
        }
    };
    let seen = waiting::list(&app, &caller, &states, None, LIST_MAX).await?;
    json(200, &json!({ "items": seen.iter().map(|seen| waiting::shown(caller.lang, seen)).collect::<Vec<Value>>() }))
}

/// GET /api/v1/waiting-acts/{id}
pub async fn get(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>) -> Answer {
    json(200, &waiting::shown(caller.lang, &waiting::one(&app, &caller, &id).await?))
}

/// POST /api/v1/waiting-acts/{id}/approve
pub async fn approve(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>) -> Answer {
    json(200, &result(caller.lang, &waiting::approve(&app, &caller, &id).await?))
}

/// POST /api/v1/waiting-acts/{id}/decline
pub async fn decline(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>) -> Answer {
    waiting::decline(&app, &caller, &id).await?;
    json(200, &waiting::shown(caller.lang, &waiting::one(&app, &caller, &id).await?))
}

/// POST /api/v1/waiting-acts/{id}/withdraw
pub async fn withdraw(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>) -> Answer {
    waiting::withdraw(&app, &caller, &id).await?;
    json(200, &waiting::shown(caller.lang, &waiting::one(&app, &caller, &id).await?))
}

/// POST /api/v1/waiting-acts/{id}/repeat: the network is asked first.
pub async fn repeat(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>) -> Answer {
    json(200, &result(caller.lang, &waiting::repeat(&app, &caller, &id).await?))
}
