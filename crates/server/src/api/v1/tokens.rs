//! GET /api/v1/profiles/{id}/access-token

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use lifecycle::permission::Act;
use lifecycle::time::Span;
use serde::Deserialize;
use serde_json::json;

use super::{Answer, json};
use crate::actions::act;
use crate::auth::{self, Caller};
use crate::error::Problem;
use crate::show::rfc3339;
use crate::state::App;

/// The longest life that can be asked for: a day.
const MIN_TTL_MAX: i64 = 86_400;

/// What is asked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    #[serde(default = "five_minutes")]
    min_ttl: i64,
}

const fn five_minutes() -> i64 {
    300
}

/// Hands out an access token.
pub async fn lend(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    asked: Result<Query<Asked>, axum::extract::rejection::QueryRejection>,
) -> Answer {
    let Query(asked) = asked.map_err(|_| Problem::field("min_ttl", "is a number of seconds, and the only parameter"))?;
    if !(0..=MIN_TTL_MAX).contains(&asked.min_ttl) {
        return Err(Problem::field("min_ttl", "is a number of seconds, 86400 at most"));
    }
    let profile = auth::profile(&app, &caller, &id, Act::ReadToken).await?;
    let lent = act::lend(&app, &caller, &profile, Span::seconds(asked.min_ttl)).await?;
    json(
        200,
        &json!({
            "access_token": lent.access_token.expose(),
            "token_type": "Bearer",
            "expires_at": lent.until.map(rfc3339),
            "scopes": lent.scopes,
            "person": lent.person,
        }),
    )
}
