//! `POST /oauth/token`: the standard door to a profile's access token (RFC 8693). The subject is the profile, the client an API key, and
//! whatever `GET …/access-token` would refuse is refused here.

use std::sync::Arc;

use axum::Form;
use axum::extract::State;
use axum::extract::rejection::FormRejection;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lifecycle::permission::{About, Act};
use lifecycle::secret::Secret;
use lifecycle::time::Span;
use serde::Deserialize;
use serde_json::json;

use crate::actions::act::{self, Wanted};
use crate::auth::{self, Caller};
use crate::error::Problem;
use crate::state::App;

const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
/// What names a profile as the subject.
const PROFILE: &str = "urn:staygreen:params:oauth:token-type:profile";

/// The parameters of RFC 8693 section 2.1 that mean something here. Others are refused, not ignored: an `actor_token` that nobody looks
/// at would promise too much.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    #[serde(default)]
    grant_type: String,
    #[serde(default)]
    subject_token: String,
    #[serde(default)]
    subject_token_type: String,
    #[serde(default)]
    requested_token_type: Option<String>,
    #[serde(default)]
    scope: Option<String>,
    #[serde(default)]
    audience: Option<String>,
    /// Of no meaning: the secret alone names the key.
    #[serde(default)]
    #[expect(dead_code, reason = "clients with client_secret_post send it")]
    client_id: Option<String>,
    #[serde(default)]
    client_secret: Option<FormSecret>,
}

/// A secret that came in a form.
#[derive(Deserialize)]
#[serde(from = "String")]
struct FormSecret(Secret);

impl From<String> for FormSecret {
    fn from(text: String) -> Self {
        Self(Secret::new(text))
    }
}

fn refuse(status: StatusCode, error: &str, why: &str) -> Response {
    let mut answer =
        (status, [(header::CACHE_CONTROL, "no-store")], Json(json!({ "error": error, "error_description": why }))).into_response();
    if status == StatusCode::UNAUTHORIZED {
        answer.headers_mut().insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Basic realm=\"Staygreen\""));
    }
    answer
}

/// RFC 6749 section 5.2 has few words; the problem's own code and reason go into the description.
fn told(problem: &Problem) -> Response {
    let (status, error) = match problem.status {
        StatusCode::UNAUTHORIZED => (StatusCode::UNAUTHORIZED, "invalid_client"),
        StatusCode::FORBIDDEN => (StatusCode::BAD_REQUEST, "unauthorized_client"),
        StatusCode::NOT_FOUND => (StatusCode::BAD_REQUEST, "invalid_grant"),
        StatusCode::UNPROCESSABLE_ENTITY if problem.code == "invalid_scope" => (StatusCode::BAD_REQUEST, "invalid_scope"),
        StatusCode::CONFLICT => (StatusCode::BAD_REQUEST, "invalid_target"),
        status => (status, "temporarily_unavailable"),
    };
    let mut answer = refuse(status, error, &format!("{}: {}", problem.code, problem.detail));
    if let Some(seconds) = problem.more["retry_after"].as_i64() {
        answer.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    answer
}

/// The API key: as bearer, with HTTP Basic, or in the form.
fn secret_of(headers: &HeaderMap, form: &Exchange) -> Option<Secret> {
    if !headers.contains_key(header::AUTHORIZATION) {
        return form.client_secret.as_ref().map(|secret| secret.0.clone());
    }
    if let Some(bearer) = auth::credentials(headers, "Bearer") {
        return Some(Secret::new(bearer));
    }
    let pair = STANDARD.decode(auth::credentials(headers, "Basic")?).ok()?;
    let pair = String::from_utf8(pair).ok()?;
    pair.split_once(':').map(|(_, secret)| Secret::new(secret))
}

/// Exchanges.
pub async fn exchange(State(app): State<Arc<App>>, headers: HeaderMap, form: Result<Form<Exchange>, FormRejection>) -> Response {
    let form = match form {
        Ok(Form(form)) => form,
        Err(error) => return refuse(StatusCode::BAD_REQUEST, "invalid_request", &error.body_text()),
    };
    if form.grant_type != GRANT {
        return refuse(StatusCode::BAD_REQUEST, "unsupported_grant_type", "only token exchange (RFC 8693) is offered here");
    }
    if form.subject_token_type != PROFILE {
        return refuse(StatusCode::BAD_REQUEST, "invalid_request", &format!("subject_token_type is {PROFILE}: the id of a profile"));
    }
    if form.subject_token.is_empty() {
        return refuse(StatusCode::BAD_REQUEST, "invalid_request", "subject_token is missing: the id of a profile");
    }
    if form.requested_token_type.as_deref().is_some_and(|kind| kind != ACCESS_TOKEN) {
        return refuse(StatusCode::BAD_REQUEST, "invalid_request", &format!("requested_token_type can only be {ACCESS_TOKEN}"));
    }
    let Some(secret) = secret_of(&headers, &form) else {
        return refuse(StatusCode::UNAUTHORIZED, "invalid_client", "send an API key as bearer token, or as the secret of HTTP Basic");
    };
    let caller = match auth::caller_by_key(&app, &secret, &headers).await {
        Ok(caller) => caller,
        Err(error) => return told(&Problem::from(error)),
    };
    match lent(&app, &caller, &form).await {
        Ok(answer) => answer,
        Err(problem) => told(&problem),
    }
}

async fn lent(app: &App, caller: &Caller, form: &Exchange) -> Result<Response, Problem> {
    let decision = caller.decide(Act::ReadToken, About::Profiles);
    if !decision.is_yes() {
        return Err(auth::refused(&decision));
    }
    let profile = auth::profile(app, caller, &form.subject_token, Act::ReadToken).await?;
    if form.audience.as_deref().is_some_and(|audience| audience != profile.network) {
        return Ok(refuse(StatusCode::BAD_REQUEST, "invalid_target", "the profile is of another network than the audience"));
    }
    let scopes = form.scope.as_deref().unwrap_or_default().split_whitespace().map(str::to_owned).collect();
    let lent = act::lend(app, caller, &profile, &Wanted { min_ttl: Span::minutes(5), scopes, door: "token_exchange" }).await?;
    let answer = json!({
        "access_token": lent.access_token.expose(),
        "issued_token_type": ACCESS_TOKEN,
        "token_type": "Bearer",
        "expires_in": lent.until.map(|until| until.since(app.now()).as_seconds()),
        // What the token carries: networks hand out no narrower one, so nobody is told less than it can do.
        "scope": lent.scopes.join(" "),
    });
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(answer)).into_response())
}
