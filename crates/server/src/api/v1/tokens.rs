//! GET /api/v1/profiles/{id}/access-token · POST …/access-token/report

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use lifecycle::permission::Act;
use lifecycle::secret::Secret;
use lifecycle::time::Span;
use serde::Deserialize;
use serde_json::json;

use super::{Answer, Body, json};
use crate::actions::act::{self, Wanted};
use crate::actions::evidence::{self, Reported};
use crate::auth::{self, Caller};
use crate::error::Problem;
use crate::show::rfc3339;
use crate::state::App;

/// The longest life that can be asked for: a day.
pub(crate) const MIN_TTL_MAX: i64 = 86_400;

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
    let wanted = Wanted { min_ttl: Span::seconds(asked.min_ttl), scopes: vec![], door: "access_token" };
    let lent = act::lend(&app, &caller, &profile, &wanted).await?;
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

/// A token that did not work.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    access_token: String,
    #[serde(default = "unauthorized")]
    status: u16,
}

const fn unauthorized() -> u16 {
    401
}

/// A tool says that a token does not work: evidence, which starts a look. Meanwhile another person's token is handed out, where there is one.
pub async fn report(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>, Body(report): Body<Report>) -> Answer {
    if !(400..500).contains(&report.status) {
        return Err(Problem::field("status", "is the status with which the network refused, 400 to 499"));
    }
    if matches!(report.status, 408 | 429) {
        return Err(Problem::field("status", "says nothing about the token: the network wants you to wait, and to try again"));
    }
    let profile = auth::profile(&app, &caller, &id, Act::ReadToken).await?;
    let state = match evidence::report(&app, &caller, &profile, &Secret::new(report.access_token), report.status).await? {
        Reported::BeingChecked => "being_checked",
        Reported::NotCurrent => "not_current",
    };
    json(202, &json!({ "state": state }))
}
