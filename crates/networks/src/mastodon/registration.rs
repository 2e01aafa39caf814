//! Our client at an instance: registered once, kept alive, registered anew when it is not what it was; and whether an answer came
//! from the server that was asked.

use std::collections::BTreeMap;

use http::{Request, StatusCode};
use lifecycle::secret::Secret;
use lifecycle::words::{Evidence, Source};
use serde_json::Value;

use super::{ABOUT, Mastodon};
use crate::network::{App, Authorization, Callback, Cx, Failure, Registered, Start, Words, value};
use crate::oauth;
use crate::wire::Wire;

/// What is remembered of the instance's metadata: its name in answers, where it promises one (RFC 9207).
const ISSUER: &str = "issuer";

/// Registers us at the instance: once, not per login (registration is throttled there).
async fn register(cx: Cx<'_>, wire: &dyn Wire) -> Result<Registered, Failure> {
    let name = cx.app.options.get("client_name").map_or("Staygreen", String::as_str);
    let scopes = cx.scopes(&ABOUT).join(" ");
    // As form with line breaks: the one spelling that every server understands.
    let form = [("client_name", name), ("redirect_uris", cx.app.redirect_uri.as_str()), ("scopes", &scopes)];
    let request = oauth::post_form(&Mastodon::url(&cx, "apps"), &form);
    let answer = wire.send(request).await.map_err(|error| oauth::unavailable(cx.now, &error))?;
    let json = oauth::json(&answer).filter(|_| answer.status().is_success()).unwrap_or(Value::Null);
    match (oauth::text(&json, "client_id"), oauth::text(&json, "client_secret")) {
        (Some(id), Some(secret)) => Ok(Registered { client_id: id.to_owned(), client_secret: Secret::new(secret) }),
        _ if oauth::is_trouble(answer.status()) => {
            Err(Failure::Unavailable { evidence: oauth::unreadable(cx.now, Source::Signal, &answer) })
        }
        _ => {
            let words = Words::new(
                format!("{} does not answer like a Mastodon server. Check the name of the server.", cx.app.instance),
                format!("{} antwortet nicht wie ein Mastodon-Server. Prüfen Sie den Namen des Servers.", cx.app.instance),
            );
            Err(Failure::BadHint { words })
        }
    }
}

/// Takes a token of the app itself: servers have swept away apps that had none, and it shows whether the instance still knows us,
/// with these scopes. Trouble is no answer, and changes nothing.
async fn is_known(cx: Cx<'_>, wire: &dyn Wire) -> bool {
    let scopes = cx.scopes(&ABOUT).join(" ");
    let form = [("grant_type", "client_credentials"), ("redirect_uri", cx.app.redirect_uri.as_str()), ("scope", &scopes)];
    let request = Mastodon::form(&cx, "token", &form);
    let Ok(answer) = wire.send(request).await else { return true };
    let json = oauth::json(&answer).unwrap_or(Value::Null);
    let (status, error) = (answer.status(), oauth::text(&json, "error").unwrap_or_default());
    let is_refused = status == StatusCode::UNAUTHORIZED && error == "invalid_client";
    let is_too_narrow = status == StatusCode::BAD_REQUEST && error == "invalid_scope";
    !is_refused && !is_too_narrow
}

/// The name that the instance puts into its answers, if it says that it does.
async fn issuer(cx: Cx<'_>, wire: &dyn Wire) -> Option<String> {
    let request = Request::get(Mastodon::url(&cx, "metadata")).header("accept", "application/json").body(bytes::Bytes::new()).ok()?;
    let answer = wire.send(request).await.ok().filter(|answer| answer.status().is_success())?;
    let json = oauth::json(&answer)?;
    let promised = json.get("authorization_response_iss_parameter_supported").and_then(Value::as_bool) == Some(true);
    oauth::text(&json, "issuer").filter(|_| promised).map(str::to_owned)
}

pub(super) async fn start(cx: Cx<'_>, wire: &dyn Wire, start: &Start) -> Result<Authorization, Failure> {
    let is_new = cx.app.client_id.is_empty() || !is_known(cx, wire).await;
    let registered = if is_new { Some(register(cx, wire).await?) } else { None };
    let app = registered.as_ref().map(|made| App {
        client_id: made.client_id.clone(),
        client_secret: Some(made.client_secret.clone()),
        ..cx.app.clone()
    });
    let cx = Cx { app: app.as_ref().unwrap_or(cx.app), ..cx };
    if is_new {
        is_known(cx, wire).await;
    }
    // The right account has to be chosen, whoever the browser is signed in as.
    let more: &[_] = if start.expected_person.is_some() { &[("force_login", "true")] } else { &[] };
    let scope = cx.scopes(&ABOUT).join(" ");
    let mut authorization = oauth::authorization_with_proof(&cx, &Mastodon::url(&cx, "authorize"), &scope, start, more);
    authorization.memory.extend(issuer(cx, wire).await.map(|issuer| (ISSUER.to_owned(), Secret::new(issuer))));
    Ok(Authorization { registered, ..authorization })
}

/// RFC 9207: a server that promised its name in the answer, and another name or none, is not who was asked.
pub(super) fn check_issuer(cx: &Cx<'_>, memory: &BTreeMap<String, Secret>, callback: &Callback) -> Result<(), Failure> {
    match memory.get(ISSUER) {
        Some(issuer) if value(callback, "iss") != Some(issuer.expose()) => {
            let words = "the answer names another server than the one that was asked";
            Err(Failure::Suspicious { evidence: Evidence::new(cx.now, Source::Signal, None, Some("iss"), words) })
        }
        _ => Ok(()),
    }
}
