//! `POST /oauth/token`: the standard door to a profile's access token (RFC 8693). The subject is the profile, the client an API key, and
//! whatever `GET …/access-token` would refuse is refused here.

use std::collections::BTreeSet;
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
use serde_json::json;

use crate::actions::act::{self, Wanted};
use crate::api::v1::tokens::MIN_TTL_MAX;
use crate::auth::{self, Caller};
use crate::error::Problem;
use crate::state::App;

const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
/// What names a profile as the subject.
const PROFILE: &str = "urn:staygreen:params:oauth:token-type:profile";

/// The parameters of RFC 8693 section 2.1 that mean something here, and how long the token is to live at least.
#[derive(Default)]
struct Exchange {
    grant_type: String,
    subject_token: String,
    subject_token_type: String,
    requested_token_type: Option<String>,
    scope: Option<String>,
    audiences: Vec<String>,
    client_secret: Option<Secret>,
    min_ttl: Option<String>,
}

impl Exchange {
    /// Reads a form. What is not known is ignored, and only an audience comes more than once (RFC 6749 section 3.2, RFC 8693 section 2.1).
    /// What would promise too much is refused instead.
    fn read(form: Vec<(String, String)>) -> Result<Self, (&'static str, String)> {
        let (mut read, mut seen) = (Self::default(), BTreeSet::new());
        for (name, value) in form.into_iter().filter(|(_, value)| !value.is_empty()) {
            if name == "audience" {
                read.audiences.push(value);
                continue;
            }
            if !seen.insert(name.clone()) {
                return Err(("invalid_request", format!("{name} is given twice")));
            }
            match name.as_str() {
                "grant_type" => read.grant_type = value,
                "subject_token" => read.subject_token = value,
                "subject_token_type" => read.subject_token_type = value,
                "requested_token_type" => read.requested_token_type = Some(value),
                "scope" => read.scope = Some(value),
                "client_secret" => read.client_secret = Some(Secret::new(value)),
                "min_ttl" => read.min_ttl = Some(value),
                "actor_token" | "actor_token_type" => {
                    return Err((
                        "invalid_request",
                        format!("{name}: nobody acts in the place of somebody else here; the API key is who acts"),
                    ));
                }
                "resource" => return Err(("invalid_target", "resource: name the network by audience instead".into())),
                _ => {}
            }
        }
        Ok(read)
    }

    fn min_ttl(&self) -> Result<Span, (&'static str, String)> {
        let Some(text) = &self.min_ttl else { return Ok(Span::minutes(5)) };
        let seconds = text.parse().ok().filter(|seconds| (0..=MIN_TTL_MAX).contains(seconds));
        seconds.map(Span::seconds).ok_or_else(|| ("invalid_request", format!("min_ttl is a number of seconds, {MIN_TTL_MAX} at most")))
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
        return form.client_secret.clone();
    }
    if let Some(bearer) = auth::credentials(headers, "Bearer") {
        return Some(Secret::new(bearer));
    }
    let pair = STANDARD.decode(auth::credentials(headers, "Basic")?).ok()?;
    let pair = String::from_utf8(pair).ok()?;
    pair.split_once(':').map(|(_, secret)| Secret::new(secret))
}

/// Exchanges.
pub async fn exchange(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    form: Result<Form<Vec<(String, String)>>, FormRejection>,
) -> Response {
    let Ok(Form(form)) = form else {
        let words = "the parameters come as a form: application/x-www-form-urlencoded";
        return refuse(StatusCode::BAD_REQUEST, "invalid_request", words);
    };
    let form = match Exchange::read(form) {
        Ok(form) => form,
        Err((error, why)) => return refuse(StatusCode::BAD_REQUEST, error, &why),
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
    let min_ttl = match form.min_ttl() {
        Ok(min_ttl) => min_ttl,
        Err((error, why)) => return refuse(StatusCode::BAD_REQUEST, error, &why),
    };
    match lent(&app, &caller, &form, min_ttl).await {
        Ok(answer) => answer,
        Err(problem) => told(&problem),
    }
}

async fn lent(app: &App, caller: &Caller, form: &Exchange, min_ttl: Span) -> Result<Response, Problem> {
    let decision = caller.decide(Act::ReadToken, About::Profiles);
    if !decision.is_yes() {
        return Err(auth::refused(&decision));
    }
    let profile = auth::profile(app, caller, &form.subject_token, Act::ReadToken).await?;
    if form.audiences.iter().any(|audience| *audience != profile.network) {
        return Ok(refuse(StatusCode::BAD_REQUEST, "invalid_target", "the profile is of another network than the audience"));
    }
    let scopes = form.scope.as_deref().unwrap_or_default().split_whitespace().map(str::to_owned).collect();
    let lent = act::lend(app, caller, &profile, &Wanted { min_ttl, scopes, door: "token_exchange" }).await?;
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
