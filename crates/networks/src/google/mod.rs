//! What the networks of one Google account share: OAuth 2.0 at Google, the person's identity, the errors, security events.
//! Facts: `networks/youtube` of the knowledge base, sections 2, 4, 5 and 6.

pub(crate) mod errors;
pub(crate) mod risc;

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{Method, Request, Response};
use lifecycle::diagnosis::{Diagnosis, Finding};
use lifecycle::facts::{Facts, RenewalModel};
use lifecycle::secret::{Secret, TokenSet};
use lifecycle::time::{Span, Timestamp};
use lifecycle::words::{Cause, Evidence, Source};
use serde_json::Value;

use crate::acting::NotDone;
use crate::network::{About, Answer, Authorization, Callback, CauseWords, Cx, Endpoint, Failure, Issued, Renewal, Rule, Start, value};
use crate::oauth;
use crate::wire::{Wire, WireError};

pub(crate) const AUTHORIZE: Endpoint = Endpoint { key: "authorize", url: "https://accounts.google.com/o/oauth2/v2/auth" };
pub(crate) const TOKEN: Endpoint = Endpoint { key: "token", url: "https://oauth2.googleapis.com/token" };
pub(crate) const REVOKE: Endpoint = Endpoint { key: "revoke", url: "https://oauth2.googleapis.com/revoke" };
/// The keys of security events: what `.well-known/risc-configuration` names as `jwks_uri`.
pub(crate) const SIGNAL_KEYS: Endpoint = Endpoint { key: "signal_keys", url: "https://www.googleapis.com/oauth2/v3/certs" };
/// Who the person is. Instead of tokeninfo, which Google calls a debugging aid and throttles, and which takes the token in
/// the query.
pub(crate) const USERINFO: Endpoint = Endpoint { key: "userinfo", url: "https://openidconnect.googleapis.com/v1/userinfo" };

/// Who keeps the consents of YouTube and Google Business Profile: one of a person for each client.
pub(crate) const KEEPS_CONSENTS: &str = "google";

/// What Google's refusals mean: a changed password ends nothing here, and some ends have no answer of their own.
pub(crate) fn words_on(cause: Cause) -> Option<CauseWords> {
    let happened = match cause {
        Cause::RevokedByPerson => Rule {
            en: "{network} no longer takes the access of {person} and does not say why. Usual reasons: our app was removed in the Google account, or many newer logins pushed this one out.",
            de: "{network} nimmt den Zugang von {person} nicht mehr an und sagt nicht, warum. Übliche Gründe: unsere App wurde im Google-Konto entfernt, oder viele neuere Anmeldungen haben diese verdrängt.",
        },
        Cause::Expired => Rule {
            en: "The access of {person} at {network} has run out: the time it was given for is over, or our app is in Google's status Testing (7 days), or nobody used it for half a year.",
            de: "Der Zugang von {person} bei {network} ist abgelaufen: die gewährte Zeit ist um, oder unsere App ist in Googles Status Testing (7 Tage), oder er wurde ein halbes Jahr nicht genutzt.",
        },
        _ => return None,
    };
    Some(CauseWords { happened, todo: None })
}

/// When the person authorised, in seconds since 1970: kept with the token set, for a cause that no answer names.
const AUTHORIZED_AT: &str = "authorized_at";
/// When the refresh token was last used.
const RENEWED_AT: &str = "renewed_at";
/// Until when the person allowed it, or the app's status lets it live, as the network said.
const ALLOWED_UNTIL: &str = "allowed_until";
/// How long a refresh token lives whose app is in the status Testing.
const TESTING_LIFE: Span = Span::days(7);

/// Access about an hour; the refresh token stays the same and has no fixed end, unless an answer names one. Each use restarts
/// the six months after which an unused one dies, so no clock of ours ends it. In the status Testing it dies after seven
/// days: said two days before.
pub(crate) fn facts() -> Facts {
    Facts {
        renewal: RenewalModel::Stable,
        access_life: Some(Span::seconds(3_599)),
        refresh_life: None,
        manual_renewal_every: None,
        warn_days: vec![30, 14, 7, 2, 1],
        ..Facts::unknown()
    }
}

pub(crate) fn url(cx: &Cx<'_>, about: &About, key: &str) -> String {
    cx.endpoint(about, key).unwrap_or_default()
}

/// Whether the app is in Google's publishing status Testing (option `publishing_status` = `testing`).
fn is_testing(cx: &Cx<'_>) -> bool {
    cx.app.options.get("publishing_status").is_some_and(|status| status.eq_ignore_ascii_case("testing"))
}

pub(crate) fn begin(cx: Cx<'_>, about: &About, start: &Start) -> Authorization {
    // Without the first there is no refresh token; without the second there is none on a repeated login (option `prompt`, as
    // in `consent select_account`).
    let prompt = cx.app.options.get("prompt").map_or("consent", String::as_str);
    let mut more = vec![("access_type", "offline"), ("prompt", prompt)];
    // Merges the grants of everything that shares this client, and the end of one is then the end of all: only when asked for.
    if cx.app.options.get("include_granted_scopes").is_some_and(|merged| merged == "true") {
        more.push(("include_granted_scopes", "true"));
    }
    // Our id of a person may say more than Google's; Google's comes first.
    if let Some(person) = start.expected_person.as_deref().and_then(|person| person.split('/').next()) {
        more.push(("login_hint", person));
    }
    oauth::authorization_with_proof(&cx, &url(&cx, about, "authorize"), &cx.scopes(about).join(" "), start, &more)
}

pub(crate) fn exchange(
    cx: Cx<'_>,
    about: &About,
    memory: &BTreeMap<String, Secret>,
    callback: &Callback,
) -> Result<Request<Bytes>, Failure> {
    // The administrator of the person's organisation does not allow the app or the service.
    if let Some(error @ "admin_policy_enforced") = value(callback, "error") {
        let evidence = Evidence::new(cx.now, Source::Signal, None, Some(error), value(callback, "error_description").unwrap_or(error));
        return Err(Failure::Refused { cause: Cause::PermissionLost, evidence });
    }
    let code = oauth::callback_code(cx.now, callback, &[])?;
    let form = [&oauth::code_form(&cx, memory, code)[..], &oauth::client_form(&cx)].concat();
    Ok(oauth::post_form(&url(&cx, about, "token"), &form))
}

/// A scope as it was asked for: Google answers with the long names of two of them.
fn plain_scope(scope: &str) -> String {
    match scope {
        "https://www.googleapis.com/auth/userinfo.email" => "email".into(),
        "https://www.googleapis.com/auth/userinfo.profile" => "profile".into(),
        other => other.to_owned(),
    }
}

fn issued(cx: Cx<'_>, json: &Value, asked: &[String]) -> Option<Issued> {
    let mut issued = oauth::issued(cx, json, "refresh_token_expires_in", asked)?;
    // People can untick single scopes.
    issued.tokens.scopes = issued.tokens.scopes.iter().map(|scope| plain_scope(scope)).collect();
    issued.missing_scopes = asked.iter().filter(|scope| !issued.tokens.scopes.contains(scope)).cloned().collect();
    issued.tokens.notes.insert(RENEWED_AT.into(), cx.now.as_seconds().to_string());
    // A consent that the person gave for a limited time, or an app in Testing: that day the person has to come again.
    issued.clocks.human_until = issued.clocks.refresh_until;
    if let Some(until) = issued.clocks.refresh_until {
        issued.tokens.notes.insert(ALLOWED_UNTIL.into(), until.as_seconds().to_string());
    }
    Some(issued)
}

pub(crate) fn read_exchange(cx: Cx<'_>, about: &About, answer: &Response<Bytes>) -> Result<Issued, Failure> {
    let json = oauth::json(answer).filter(|_| answer.status().is_success());
    let Some(mut issued) = json.as_ref().and_then(|json| issued(cx, json, &cx.scopes(about))) else {
        return Err(errors::exchange(&cx, answer));
    };
    issued.tokens.notes.insert(AUTHORIZED_AT.into(), cx.now.as_seconds().to_string());
    if issued.renewable && issued.clocks.refresh_until.is_none() && is_testing(&cx) {
        issued.clocks.refresh_until = Some(cx.now + TESTING_LIFE);
        issued.clocks.human_until = issued.clocks.refresh_until;
    }
    issued.person_network_id = json.as_ref().and_then(subject);
    Ok(issued)
}

/// The person in the id token.
fn subject(json: &Value) -> Option<String> {
    oauth::text(&oauth::id_claims(json)?, "sub").map(str::to_owned)
}

pub(crate) fn renew(cx: Cx<'_>, about: &About, tokens: &TokenSet) -> Option<Request<Bytes>> {
    let form = [&oauth::refresh_form(tokens)?[..], &oauth::client_form(&cx)].concat();
    Some(oauth::post_form(&url(&cx, about, "token"), &form))
}

pub(crate) fn read_renew(cx: Cx<'_>, tokens: &TokenSet, answer: &Response<Bytes>) -> Answer<Renewal> {
    let json = oauth::json(answer).filter(|_| answer.status().is_success());
    Answer::Done(match json.and_then(|json| issued(cx, &json, &tokens.scopes)) {
        Some(issued) => Renewal::Renewed(Box::new(issued)),
        None => errors::renewal(&cx, &history(&cx, tokens), answer),
    })
}

/// What we know of a refresh token by ourselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct History {
    authorized_at: Option<Timestamp>,
    renewed_at: Option<Timestamp>,
    allowed_until: Option<Timestamp>,
    is_testing: bool,
}

fn history(cx: &Cx<'_>, tokens: &TokenSet) -> History {
    let moment = |name: &str| tokens.notes.get(name).and_then(|seconds| seconds.parse().ok()).map(Timestamp::from_seconds);
    History {
        authorized_at: moment(AUTHORIZED_AT),
        renewed_at: moment(RENEWED_AT),
        allowed_until: moment(ALLOWED_UNTIL),
        is_testing: is_testing(cx),
    }
}

/// Ends the whole grant of the person for the project, whichever token is named (unconfirmed for every case).
pub(crate) fn revoke(cx: Cx<'_>, about: &About, tokens: &TokenSet) -> Option<Request<Bytes>> {
    let token = tokens.refresh_token.as_ref().unwrap_or(&tokens.access_token);
    Some(oauth::post_form(&cx.endpoint(about, "revoke")?, &[("token", token.expose())]))
}

/// A token that Google does not know any more is gone as well.
pub(crate) fn is_revoked(answer: &Response<Bytes>) -> bool {
    let json = oauth::json(answer).unwrap_or(Value::Null);
    answer.status().is_success() || (answer.status().as_u16() == 400 && oauth::text(&json, "error") == Some("invalid_token"))
}

/// The person behind a token.
pub(crate) struct Person {
    pub(crate) sub: String,
    pub(crate) name: String,
    /// The address people know the login by; never an id, it can change.
    pub(crate) email: Option<String>,
}

pub(crate) async fn person(cx: Cx<'_>, about: &About, wire: &dyn Wire, tokens: &TokenSet) -> Result<Person, Diagnosis> {
    let json = look(cx, wire, oauth::get_bearer(&url(&cx, about, "userinfo"), &tokens.access_token)).await?;
    let Some(sub) = oauth::text(&json, "sub") else {
        return Err(Diagnosis::transient(Evidence::new(cx.now, Source::Discovery, Some(200), None, "userinfo without sub"), None));
    };
    let email = oauth::text(&json, "email").map(str::to_owned);
    let name = oauth::text(&json, "name").or(email.as_deref()).unwrap_or(sub).to_owned();
    Ok(Person { sub: sub.to_owned(), name, email })
}

/// What an answer of success holds: an object, of whatever length the wire lets through.
pub(crate) fn object(answer: &Response<Bytes>) -> Option<Value> {
    serde_json::from_slice::<Value>(answer.body()).ok().filter(|json| json.is_object() && answer.status().is_success())
}

/// Asks while listing.
pub(crate) async fn look(cx: Cx<'_>, wire: &dyn Wire, request: Request<Bytes>) -> Result<Value, Diagnosis> {
    let answer = wire.send(request).await.map_err(|error| oauth::no_answer(cx.now, Source::Discovery, &error))?;
    object(&answer).ok_or_else(|| errors::api(&cx, Source::Discovery, &answer))
}

/// Asks, in an act, what changes nothing.
pub(crate) async fn ask(cx: Cx<'_>, wire: &dyn Wire, request: Request<Bytes>) -> Result<Value, NotDone> {
    let lost = |error: WireError| NotDone::Refused(oauth::no_answer(cx.now, Source::Use, &error));
    let answer = wire.send(request).await.map_err(lost)?;
    object(&answer).ok_or_else(|| NotDone::Refused(errors::act(&cx, &answer)))
}

/// A request with a body of JSON.
pub(crate) fn send_json(method: Method, url: &str, token: &Secret, body: &Value) -> Request<Bytes> {
    let mut request = oauth::get_bearer(url, token);
    *request.method_mut() = method;
    request.headers_mut().insert("content-type", http::HeaderValue::from_static("application/json"));
    *request.body_mut() = Bytes::from(body.to_string());
    request
}

/// Whether a probe's answer shows a living token, or what it says instead.
pub(crate) fn read_probe(cx: Cx<'_>, answer: &Response<Bytes>, proves: impl Fn(&Value) -> bool) -> Diagnosis {
    match object(answer) {
        Some(json) if proves(&json) => Diagnosis::works(oauth::evidence(cx.now, Source::Probe, answer, None, "")),
        _ => {
            let diagnosis = errors::api(&cx, Source::Probe, answer);
            // A success without what was asked for proves nothing.
            let is_empty = diagnosis.finding == Finding::Works;
            if is_empty { Diagnosis::transient(oauth::unreadable(cx.now, Source::Probe, answer), None) } else { diagnosis }
        }
    }
}

#[cfg(test)]
mod tests;
