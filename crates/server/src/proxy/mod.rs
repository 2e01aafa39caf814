//! `/api/v1/profiles/{id}/proxy/{path}`: the network's API, called with a token the caller never sees. Bodies flow through as they come;
//! what the caller sends of its own about who it is does not, and what the network sends back of the credential does not either.

mod asked;
mod headers;
mod parts;
mod payload;
mod redact;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _};
use lifecycle::diagnosis::Finding;
use lifecycle::permission::Act;
use lifecycle::secret::{Secret, TokenSet, TokenType};
use lifecycle::time::{Span, Timestamp};
use lifecycle::words::{Cause, Confidence};
use networks::proxied::{self, Call};
use networks::wire::WireError;
use serde_json::json;
use store::profiles::Profile;
use store::{Tx, pauses};

use self::payload::{Payload, Stopped};
use self::redact::Redactor;
use crate::actions::act::{self, Deed, Ready};
use crate::actions::{audited, evidence};
use crate::auth::{self, Caller};
use crate::error::Problem;
use crate::state::App;
use crate::wire::Line;
use crate::wire::stream::NoAnswer;

const MIB: usize = 1024 * 1024;
/// The most bytes of a refusal that are looked at.
const REFUSAL_MAX: usize = 64 * 1024;
/// The longest silence of whoever sends (NT-31).
pub(crate) const IDLE: Duration = Duration::from_secs(30);
/// The longest call.
pub(crate) const WHOLE: Duration = Duration::from_mins(10);
/// A network that says nothing more than "too many" is left alone that long; the longest time that is believed.
const PAUSE: (Span, Span) = (Span::seconds(60), Span::hours(1));
/// How long nobody asks, where an answer says that everything is used up: half of the hour that is counted.
const USED_UP: Span = Span::minutes(30);

/// Marks an answer as the network's own.
const FROM: &str = "staygreen-answer-from";

/// What is to be passed on.
struct Passed {
    method: Method,
    path: String,
    query: Option<String>,
    headers: HeaderMap,
    payload: Payload,
    /// Why the body broke off, where it was we who ended it.
    stopped: Stopped,
}

/// Handles every method.
pub(crate) async fn call(State(app): State<Arc<App>>, caller: Caller, Path((id, _)): Path<(String, String)>, request: Request) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let problem = match pass(&app, &caller, &id, request).await {
        Ok(answer) => return answer,
        Err(problem) => problem,
    };
    // What steers past what was decided about is written down as a refusal is.
    if problem.code == MALFORMED
        && let Err(error) = audited::refused(&app, &caller, Act::CallApi, &method, &path, MALFORMED).await
    {
        return Problem::from(error).into_response();
    }
    problem.into_response()
}

/// The code of a call that is none.
const MALFORMED: &str = "malformed_call";

fn malformed(why: &str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, MALFORMED, why)
}

async fn pass(app: &App, caller: &Caller, id: &str, request: Request) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path();
    // As it was sent, never decoded: what is decided about is what goes out.
    let path = path.split_once(&format!("/{id}/proxy")).map_or("", |(_, path)| path).to_owned();
    let profile = auth::profile_for_call(app, caller, id, (parts.method.as_str(), &path)).await?;
    let query = parts.uri.query().map(str::to_owned);
    let steered_by = networks::find(&profile.network).and_then(networks::Network::steered_by);
    if let Some(why) = query.as_deref().and_then(|query| asked::why_not(query.as_bytes(), &parts.method, steered_by.unwrap_or_default())) {
        return Err(malformed(why));
    }
    let ready = act::ready(app, caller, &profile, act::SPARE).await?;
    paused(app, &profile, &server_of(&profile, &ready.tokens)).await?;
    let kind = payload::Kind { held: ready.tokens.token_type != TokenType::Bearer, most: body_max(app), steered_by };
    let (payload, stopped) = payload::of(&parts.method, &parts.headers, body, kind).await?;
    let passed = Passed { method: parts.method, path, query, headers: headers::sent(&parts.headers), payload, stopped };
    through(app, caller, &profile, ready, passed).await
}

/// The most bytes of a request, and of an answer: a film goes through, a runaway does not.
fn body_max(app: &App) -> usize {
    usize::try_from(app.config.server.proxy_mib_max.get()).unwrap_or(usize::MAX).saturating_mul(MIB)
}

/// The server whose wishes count: the account's own where each may live on another, else the instance.
fn server_of(profile: &Profile, tokens: &TokenSet) -> String {
    let own = networks::find(&profile.network).and_then(|network| network.server(tokens));
    own.unwrap_or_else(|| profile.instance.clone())
}

/// Under which name a profile waits by itself, where a network counts what each of them does.
fn alone(profile: &Profile) -> String {
    format!("profile {}", profile.network_id)
}

/// The network told one of our apps, or this profile, to wait: nobody asks before.
async fn paused(app: &App, profile: &Profile, server: &str) -> Result<(), Problem> {
    let (now, network, alone) = (app.now(), &profile.network, alone(profile));
    // Known also where there is none: whoever gets here was let in.
    let read = async |tx: &mut Tx| pauses::longest(tx, &app.organisation, network, [server, &alone], now).await.map(Some);
    let longest = app.store.known(format!("pause of {network} at {server}, {alone}"), read).await?.flatten();
    let Some(pause) = longest.filter(|pause| pause.until > now) else { return Ok(()) };
    let seconds = pause.until.since(now).as_seconds().max(1);
    let who = if pause.instance == alone { "calls of this profile" } else { "this app" };
    let words = format!("The network asked {who} to wait. Try again in {seconds} seconds.");
    Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited_by_network", words).with(json!({ "retry_after": seconds })))
}

async fn through(app: &App, caller: &Caller, profile: &Profile, mut ready: Ready, mut passed: Passed) -> Result<Response, Problem> {
    let (mut renewed, mut nonce, mut late) = (false, None, false);
    let again = !matches!(passed.payload, Payload::Flows(_));
    let mut line = if again && passed.method.is_safe() { Line::Kept } else { Line::Own };
    loop {
        let cx = ready.client.cx(app.now(), &*app.dice);
        let base = ready.client.network.api(cx, &ready.tokens).ok_or_else(|| {
            Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "not_supported_by_network",
                "Calls of this network's API are not passed through.",
            )
        })?;
        let url = proxied::address(&base, &passed.path, passed.query.as_deref()).map_err(malformed)?;
        let proofs = ready.client.network.proven_by(cx, proxied::token(&ready.tokens, &profile.network_id));
        let url = with_proofs(url, &proofs);
        let form = form_of(&passed);
        let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let call = Call { method: passed.method.as_str(), url: &url, form: &form, nonce: nonce.as_deref() };
        let credential = proxied::credential(&cx, &ready.tokens, &profile.network_id, call).ok_or_else(|| act::unavailable(profile))?;
        // Each time a credential leaves there is a row before.
        act::begin(app, &deed(app, caller, profile, &passed), &ready).await?;
        let mut secrets = secrets(&ready, profile, &credential);
        secrets.extend(proofs.into_iter().map(|(_, proof)| Secret::new(proof)));
        for (name, value) in ready.client.network.usual_headers(cx) {
            passed.headers.entry(name).or_insert(value);
        }
        let headers = credential.into_iter().chain(ready.client.network.own_headers(cx)).collect();
        let sent = send(app, &profile.network, line, &mut passed, &url, headers).await?;
        if let Some(problem) = payload::why(&passed.stopped) {
            return Err(problem);
        }
        let answer = match sent {
            Ok(answer) => answer,
            Err(no) if no.hung_up => {
                line = Line::Own;
                continue;
            }
            Err(no) => return Err(unanswered(&no.why)),
        };
        heed(app, profile, &ready, &answer).await?;
        if !matches!(answer.status(), StatusCode::UNAUTHORIZED | StatusCode::BAD_REQUEST) {
            return Ok(returned(answer, Redactor::new(&texts(&secrets)), body_max(app)));
        }
        let refusal = refusal(answer).await?;
        if let Some(wanted) = proxied::nonce_wanted(&ready.tokens, &refusal).filter(|_| again && nonce.is_none()) {
            nonce = Some(wanted);
            continue;
        }
        if ready.client.network.came_late(&refusal) {
            // Another call with this token overtook it, as the keeper's look does: that says nothing of the token.
            if again && !late {
                late = true;
                continue;
            }
        } else if is_refused(app, profile, &ready, &refusal).await? {
            let next =
                if renewed || !passed.method.is_safe() { None } else { evidence::after_refusal(app, caller, profile, &ready).await? };
            if let Some(next) = next {
                (ready, renewed, nonce) = (next, true, None);
                continue;
            }
        }
        return Ok(held(refusal, Redactor::new(&texts(&secrets))));
    }
}

/// Remembers how long the network wants quiet, where its answer says so.
async fn heed(app: &App, profile: &Profile, ready: &Ready, answer: &reqwest::Response) -> Result<(), Problem> {
    if answer.status() == StatusCode::TOO_MANY_REQUESTS {
        pause(app, profile, &server_of(profile, &ready.tokens), answer.headers()).await?;
    }
    if ready.client.network.used_up(answer.headers()).is_some_and(|percent| percent >= 100) {
        // The next one would be refused, and make it longer.
        quiet(app, profile, &server_of(profile, &ready.tokens), app.now() + USED_UP).await?;
    }
    if let Some(span) = ready.client.network.quiet_for(answer.headers()) {
        quiet(app, profile, &alone(profile), app.now() + span).await?;
    }
    Ok(())
}

/// What the network wants beside the credential; at the end, so that nobody's own stands after it.
fn with_proofs(url: String, proofs: &[(&'static str, String)]) -> String {
    let proofs: Vec<(&str, &str)> = proofs.iter().map(|(name, proof)| (*name, proof.as_str())).collect();
    if proofs.is_empty() { url } else { networks::oauth::with_query(&url, &proofs) }
}

/// Whether a refusal speaks against the token: then it is evidence. At networks that say so with the same status as everything else,
/// their adapter reads it, and a limit found there is waited out.
async fn is_refused(app: &App, profile: &Profile, ready: &Ready, refusal: &axum::http::Response<Bytes>) -> Result<bool, Problem> {
    let Some(told) = ready.client.network.refused_through(ready.client.cx(app.now(), &*app.dice), refusal) else {
        let refused = refusal.status() == StatusCode::UNAUTHORIZED;
        if refused {
            evidence::refused_in_use(app, profile, ready).await?;
        }
        return Ok(refused);
    };
    match told.finding {
        // A permission that this one call needs says nothing of the token.
        Finding::Refused { cause: Cause::PermissionLost, confidence, .. } if confidence != Confidence::Certain => Ok(false),
        Finding::Refused { .. } => evidence::told_in_use(app, profile, ready, &told).await.map(|()| true),
        Finding::Transient { retry_after: Some(wait) } => {
            quiet(app, profile, &server_of(profile, &ready.tokens), app.now() + wait).await.map(|()| false)
        }
        _ => Ok(false),
    }
}

/// The fields of a form; whatever else is held is none.
fn form_of(passed: &Passed) -> Vec<(String, String)> {
    let kind = passed.headers.get(header::CONTENT_TYPE).map(|kind| kind.as_bytes().to_ascii_lowercase()).unwrap_or_default();
    match &passed.payload {
        Payload::Held(body) if kind.trim_ascii_start().starts_with(b"application/x-www-form-urlencoded") => {
            url::form_urlencoded::parse(body).into_owned().collect()
        }
        _ => vec![],
    }
}

/// What is written down. Values of a query may be anything, also secrets: only their names stand there, and a name for the whole.
fn deed<'a>(app: &App, caller: &'a Caller, profile: &'a Profile, passed: &Passed) -> Deed<'a> {
    let query = passed.query.as_deref().unwrap_or_default();
    let names: Vec<String> = url::form_urlencoded::parse(query.as_bytes()).map(|(name, _)| name.into_owned()).collect();
    let detail = json!({ "method": passed.method.as_str(), "path": passed.path, "query": names, "query_fingerprint": app.store.fingerprint(&Secret::new(query)) });
    let call = Some((passed.method.as_str().to_owned(), passed.path.clone()));
    Deed { act: Act::CallApi, kind: "call", call, in_history: false, caller, profile, detail, approved_by: None }
}

/// Everything of the credential that an answer could echo.
fn secrets(ready: &Ready, profile: &Profile, credential: &[(header::HeaderName, header::HeaderValue)]) -> Vec<Secret> {
    let mut secrets = vec![ready.tokens.access_token.clone(), proxied::token(&ready.tokens, &profile.network_id).clone()];
    secrets.extend(ready.tokens.token_secret.clone());
    let sent = credential.iter().filter_map(|(_, value)| value.to_str().ok()).filter(|_| ready.tokens.token_type != TokenType::Bearer);
    secrets.extend(sent.map(Secret::new));
    secrets
}

fn texts(secrets: &[Secret]) -> Vec<&str> {
    secrets.iter().map(Secret::expose).collect()
}

async fn send(
    app: &App,
    network: &str,
    line: Line,
    passed: &mut Passed,
    url: &str,
    headers: Vec<(header::HeaderName, header::HeaderValue)>,
) -> Result<Result<reqwest::Response, NoAnswer>, Problem> {
    let body = match &mut passed.payload {
        Payload::Nothing => reqwest::Body::from(""),
        Payload::Held(bytes) => reqwest::Body::from(bytes.clone()),
        Payload::Flows(body) => reqwest::Body::wrap_stream(std::mem::take(body).into_data_stream()),
    };
    let mut request = axum::http::Request::builder()
        .method(passed.method.clone())
        .uri(url)
        .body(body)
        .map_err(|_| malformed("the address cannot be read"))?;
    *request.headers_mut() = passed.headers.clone();
    for (name, value) in headers {
        // In place of whatever stood there: exactly once.
        request.headers_mut().insert(name, value);
    }
    Ok(app.streams.of(network).send(line, request).await)
}

fn unanswered(error: &WireError) -> Problem {
    let (code, status) = match error {
        WireError::NotSent(_) | WireError::Forbidden(_) => ("network_unreachable", StatusCode::BAD_GATEWAY),
        WireError::Lost(_) => ("unclear", StatusCode::BAD_GATEWAY),
    };
    Problem::new(status, code, format!("{error}. What was sent may have been done only where this says \"unclear\"."))
}

async fn refusal(mut answer: reqwest::Response) -> Result<axum::http::Response<Bytes>, Problem> {
    let mut body = bytes::BytesMut::new();
    while let Ok(Some(piece)) = answer.chunk().await {
        if body.len() + piece.len() > REFUSAL_MAX {
            break;
        }
        body.extend_from_slice(&piece);
    }
    let mut refusal = axum::http::Response::new(body.freeze());
    *refusal.status_mut() = answer.status();
    *refusal.headers_mut() = std::mem::take(answer.headers_mut());
    Ok(refusal)
}

fn encoded(headers: &HeaderMap) -> bool {
    headers.get_all(header::CONTENT_ENCODING).iter().any(|kind| kind != "identity")
}

fn unreadable() -> Response {
    let words = "The network sent an encoded answer that was not asked for; it cannot be looked through and is not passed on.";
    Problem::new(StatusCode::BAD_GATEWAY, "encoded_answer", words).into_response()
}

fn held(answer: axum::http::Response<Bytes>, mut redactor: Redactor) -> Response {
    if encoded(answer.headers()) {
        return unreadable();
    }
    let headers = headers::returned(answer.headers(), &redactor);
    let mut body = redactor.push(answer.body()).to_vec();
    body.extend_from_slice(&redactor.finish());
    finished(answer.status(), headers, Body::from(body))
}

fn finished(status: StatusCode, headers: HeaderMap, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response.headers_mut().insert(FROM, header::HeaderValue::from_static("network"));
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(header::HeaderValue::from_static("no-store"));
    response
}

fn returned(answer: reqwest::Response, redactor: Redactor, most: usize) -> Response {
    if encoded(answer.headers()) {
        return unreadable();
    }
    let (status, headers) = (answer.status(), headers::returned(answer.headers(), &redactor));
    let mut left = most;
    let pieces = answer.bytes_stream().map_err(|_| std::io::Error::other("the network's answer broke off"));
    let pieces = pieces.map(Some).chain(futures_util::stream::iter([None]));
    let clean = pieces.scan(redactor, move |redactor, piece| {
        let piece = match piece {
            Some(Ok(piece)) => match left.checked_sub(piece.len()) {
                Some(rest) => {
                    left = rest;
                    Ok(redactor.push(&piece))
                }
                None => Err(std::io::Error::other("the network's answer is too large")),
            },
            Some(Err(error)) => Err(error),
            None => Ok(redactor.finish()),
        };
        std::future::ready(Some(piece))
    });
    finished(status, headers, Body::from_stream(clean.try_filter(|piece| std::future::ready(!piece.is_empty()))))
}

/// Remembers that the network wants quiet, for every node.
async fn pause(app: &App, profile: &Profile, server: &str, headers: &HeaderMap) -> Result<(), Problem> {
    let now = app.now();
    quiet(app, profile, server, quiet_until(headers, now).unwrap_or(now + PAUSE.0)).await
}

/// Nobody asks before; not longer than is believed.
async fn quiet(app: &App, profile: &Profile, server: &str, until: Timestamp) -> Result<(), Problem> {
    let mut tx = app.store.write().await?;
    pauses::set(&mut tx, &app.organisation, &profile.network, server, until.min(app.now() + PAUSE.1)).await?;
    Ok(tx.commit().await?)
}

/// Until when a network wants quiet: some write how long it takes, with a fraction or without, some the moment as a number of
/// seconds, some as a date (Mastodon).
fn quiet_until(headers: &HeaderMap, now: Timestamp) -> Option<Timestamp> {
    let moment = |name: &str| {
        let text = headers.get(name)?.to_str().ok()?.trim();
        let number = text.split('.').next()?.parse::<i64>().ok();
        let at = |number: i64| if number > 1_000_000_000 { Timestamp::from_seconds(number) } else { now + Span::seconds(number) };
        number.map(at).or_else(|| lifecycle::moment::rfc3339(text))
    };
    ["retry-after", "x-rate-limit-reset", "x-ratelimit-reset", "ratelimit-reset"].into_iter().find_map(moment)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_says_in_many_ways_how_long_it_wants_quiet() {
        let now = Timestamp::from_seconds(1_800_000_000);
        let until = |name: &'static str, text: &str| {
            let headers = HeaderMap::from_iter([(header::HeaderName::from_static(name), text.parse().expect("a value"))]);
            quiet_until(&headers, now).map(|until| until.since(now).as_seconds())
        };
        assert_eq!(until("retry-after", "30"), Some(30));
        assert_eq!(until("x-ratelimit-reset", "2027-01-15T08:05:00.000000Z"), Some(300), "as Mastodon writes it");
        assert_eq!(until("x-ratelimit-reset", "212.0"), Some(212), "as Reddit writes it");
        assert_eq!(until("x-rate-limit-reset", "1800000060"), Some(60));
        assert_eq!(until("x-ratelimit-reset", "soon"), None);
    }
}
