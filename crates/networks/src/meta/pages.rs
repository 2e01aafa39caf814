//! Logins that lead to pages, of Facebook and of Instagram behind Facebook: one login gives a token of the person, and from it one
//! token per page. The person's ends after 60 days, a page's has no end of its own. Facts: `networks/facebook` and `instagram` of the
//! knowledge base.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{Method, Request, Response};
use lifecycle::diagnosis::{Diagnosis, Finding};
use lifecycle::facts::{Facts, RenewalModel};
use lifecycle::grant::Clocks;
use lifecycle::secret::{Secret, TokenSet};
use lifecycle::time::{Span, Timestamp};
use lifecycle::words::{Cause, Evidence, Source};
use serde_json::Value;

use super::standing::Told;
use super::{call, diagnose};
use crate::acting::{NotDone, Target};
use crate::network::{About, Answer, Authorization, Callback, Cx, Failure, Found, Issued, Kind, Renewal, Start};
use crate::oauth;
use crate::wire::Wire;

/// What differs between the two.
pub(crate) struct PageLogin {
    pub(crate) about: &'static About,
    /// What is asked of each page.
    pub(crate) fields: &'static str,
    /// What acts: the pages, or the accounts linked to them.
    pub(crate) kind: Kind,
    /// What a listed page is to us.
    pub(crate) found: fn(&Value) -> Option<Found>,
    /// The id of what acts with the token of a listed page: its own, or that of the account linked to it.
    pub(crate) actor: fn(&Value) -> Option<String>,
    /// The permission without which nothing can be published.
    pub(crate) publishes: &'static str,
}

/// Under which names secrets travel through the chain of an exchange.
const SHORT: &str = "short_lived";
const LONG: &str = "long_lived";
const LONG_LIFE: &str = "long_lived_seconds";
const MISSING: &str = "missing_scopes";
const GRANTED: &str = "granted_scopes";
/// The day on which the person must come again, in seconds since 1970; empty where the network names none.
const HUMAN_UNTIL: &str = "human_until";
const PAGE: &str = "page:";
/// The most listings that are followed.
pub(crate) const PAGES_MAX: usize = 20;

/// Whether one may publish with these tasks; both spellings are in use.
pub(crate) fn may_publish(account: &Value) -> bool {
    let tasks = account.get("tasks").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    tasks.map(|task| task.trim_start_matches("PROFILE_PLUS_")).any(|task| matches!(task, "MANAGE" | "CREATE_CONTENT" | "FULL_CONTROL"))
}

/// The tasks a person has on a page, as the network names them.
pub(crate) fn tasks(account: &Value) -> String {
    let tasks = account.get("tasks").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    tasks.collect::<Vec<_>>().join(", ")
}

pub(super) async fn get(cx: Cx<'_>, wire: &dyn Wire, request: Request<Bytes>) -> Result<Value, Diagnosis> {
    let answer = wire.send(request).await.map_err(|error| oauth::no_answer(cx.now, Source::Discovery, &error))?;
    let json =
        serde_json::from_slice::<Value>(answer.body()).ok().filter(|json| answer.status().is_success() && json.get("error").is_none());
    json.filter(Value::is_object).ok_or_else(|| diagnose(&cx, Source::Discovery, &answer))
}

/// The cursor of the next listing; the address beside it holds a token and is not used.
pub(crate) fn next(listed: &Value) -> Option<String> {
    listed.pointer("/paging/next")?;
    listed.pointer("/paging/cursors/after").and_then(Value::as_str).map(str::to_owned)
}

/// The page's own token; without one, nothing can be done as the page.
pub(crate) fn page_token<'a>(cx: &Cx<'_>, tokens: &'a TokenSet, target: Target<'_>) -> Result<&'a Secret, NotDone> {
    tokens.profile_tokens.get(target.network_id).ok_or_else(|| {
        let words = "there is no token for this page: the person has to log in again and leave the page ticked";
        NotDone::Refused(Diagnosis::misconfigured(Evidence::new(cx.now, Source::Use, None, Some("no_page_token"), words)))
    })
}

/// The person's token ends after 60 days and only a login brings another; page tokens made from it have no end.
pub(crate) fn facts() -> Facts {
    Facts {
        renewal: RenewalModel::ByPerson,
        access_life: None,
        refresh_life: None,
        manual_renewal_every: Some(Span::days(60)),
        ..Facts::unknown()
    }
}

/// There is nothing to renew with; whoever asks all the same is told that this is ours.
pub(crate) fn no_renewal(cx: &Cx<'_>, answer: &Response<Bytes>) -> Renewal {
    Renewal::Failed(Diagnosis::misconfigured(oauth::unreadable(cx.now, Source::Renewal, answer)))
}

impl PageLogin {
    pub(crate) fn graph(&self, cx: &Cx<'_>) -> String {
        cx.endpoint(self.about, "graph").unwrap_or_default()
    }

    pub(super) fn accounts(&self, cx: &Cx<'_>, token: &Secret, after: Option<&str>) -> Request<Bytes> {
        let mut query = vec![("fields", self.fields), ("limit", "100")];
        query.extend(after.map(|after| ("after", after)));
        call(cx, Method::GET, &oauth::with_query(&format!("{}/me/accounts", self.graph(cx)), &query), token, &[])
    }

    pub(crate) fn begin(&self, cx: &Cx<'_>, start: &Start) -> Authorization {
        let scope = cx.scopes(self.about).join(",");
        let mut parameters = vec![
            ("client_id", cx.app.client_id.as_str()),
            ("redirect_uri", &cx.app.redirect_uri),
            ("state", start.state.expose()),
            ("response_type", "code"),
        ];
        match cx.app.options.get("config_id") {
            // Facebook Login for Business: the configuration names the permissions.
            Some(config) => parameters.push(("config_id", config)),
            None => parameters.push(("scope", &scope)),
        }
        if start.expected_person.is_some() {
            // What was declined before is asked for again.
            parameters.push(("auth_type", "rerequest"));
        }
        oauth::further(cx, &mut parameters);
        let url = oauth::with_query(&cx.endpoint(self.about, "authorize").unwrap_or_default(), &parameters);
        Authorization { url, memory: BTreeMap::new(), instance: String::new(), returns_with: start.state.clone(), registered: None }
    }

    pub(crate) fn exchange(&self, cx: &Cx<'_>, callback: &Callback) -> Result<Request<Bytes>, Failure> {
        let code = oauth::callback_code(cx.now, callback, &[])?;
        let form = [
            ("client_id", cx.app.client_id.as_str()),
            ("client_secret", oauth::client_secret(cx)),
            ("redirect_uri", &cx.app.redirect_uri),
            ("code", code),
        ];
        Ok(oauth::post_form(&format!("{}/oauth/access_token", self.graph(cx)), &form))
    }

    /// Five steps: the code's short-lived token, the long-lived one, what the person left ticked, until when the person's data are
    /// shown to us, and only then the pages: their tokens live as long as the person's token they are made from was meant to.
    pub(crate) fn read_exchange(
        &self,
        cx: &Cx<'_>,
        memory: &BTreeMap<String, Secret>,
        answer: &Response<Bytes>,
    ) -> Result<Answer<Issued>, Failure> {
        let json = oauth::json(answer).or_else(|| serde_json::from_slice(answer.body()).ok());
        let json = json.filter(|json| answer.status().is_success() && json.get("error").is_none());
        // What is only asked to know the days better ends no login.
        let is_extra = memory.contains_key(MISSING) && !memory.contains_key(HUMAN_UNTIL);
        let Some(json) = json.or_else(|| is_extra.then_some(Value::Null)) else { return Err(failed(cx, memory, answer)) };
        let again = |request: Request<Bytes>, secrets: BTreeMap<String, Secret>| {
            Ok(Answer::AskAgain { request: Box::new(request), notes: BTreeMap::new(), secrets })
        };
        if let Some(long) = memory.get(LONG).filter(|_| !memory.contains_key(MISSING)) {
            let (granted, missing) = self.permissions(cx, &json);
            let secret = |scopes: Vec<String>| Secret::new(scopes.join(","));
            let secrets = BTreeMap::from([(MISSING.to_owned(), secret(missing)), (GRANTED.to_owned(), secret(granted))]);
            return again(self.debug(cx, long), secrets);
        }
        if let Some(long) = memory.get(LONG).filter(|_| is_extra) {
            let until = human_until(cx, memory, &json).map_or(String::new(), |until| until.as_seconds().to_string());
            return again(self.accounts(cx, long, None), BTreeMap::from([(HUMAN_UNTIL.to_owned(), Secret::new(until))]));
        }
        if let Some(long) = memory.get(LONG) {
            let mut held: BTreeMap<String, Secret> =
                memory.iter().filter(|(name, _)| name.starts_with(PAGE)).map(|(n, s)| (n.clone(), s.clone())).collect();
            for account in json.get("data").and_then(Value::as_array).into_iter().flatten() {
                if let (Some(id), Some(token)) = ((self.actor)(account), oauth::text(account, "access_token")) {
                    held.insert(format!("{PAGE}{id}"), Secret::new(token));
                }
            }
            return match next(&json) {
                Some(after) => again(self.accounts(cx, long, Some(&after)), held),
                None => Ok(Answer::Done(self.issued(cx, long, memory, held))),
            };
        }
        let Some(token) = oauth::text(&json, "access_token") else { return Err(failed(cx, memory, answer)) };
        let token = Secret::new(token);
        if memory.contains_key(SHORT) {
            let life = oauth::seconds(&json, "expires_in").map_or(String::new(), |life| life.as_seconds().to_string());
            let secrets = BTreeMap::from([(LONG.to_owned(), token.clone()), (LONG_LIFE.to_owned(), Secret::new(life))]);
            return again(self.ask_permissions(cx, &token), secrets);
        }
        let form = [
            ("grant_type", "fb_exchange_token"),
            ("client_id", cx.app.client_id.as_str()),
            ("client_secret", oauth::client_secret(cx)),
            ("fb_exchange_token", token.expose()),
        ];
        again(
            oauth::post_form(&format!("{}/oauth/access_token", self.graph(cx)), &form),
            BTreeMap::from([(SHORT.to_owned(), token.clone())]),
        )
    }

    /// Which permissions the person granted, and which not: single boxes can be unticked in the dialog, and nothing in the answers of
    /// the exchange says so. Where a configuration names the permissions instead of us, those that were declined.
    fn permissions(&self, cx: &Cx<'_>, answer: &Value) -> (Vec<String>, Vec<String>) {
        let by_config = cx.app.options.contains_key("config_id");
        let asked = if by_config { vec![] } else { cx.scopes(self.about) };
        let Some(all) = statuses(answer) else { return (asked, vec![]) };
        if by_config {
            let named = |granted: bool| all.iter().filter(move |(_, is)| **is == granted).map(|(name, _)| name.clone()).collect();
            return (named(true), named(false));
        }
        asked.into_iter().partition(|scope| all.get(scope) == Some(&true))
    }

    /// Documented as `true`, seen as an object too; anything else revoked nothing. A token of somebody who removed the app has nothing
    /// left to revoke.
    pub(crate) fn is_revoked(cx: &Cx<'_>, answer: &Response<Bytes>) -> bool {
        let json: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
        if answer.status().is_success() {
            return json == Value::Bool(true) || json.get("success") == Some(&Value::Bool(true));
        }
        matches!(diagnose(cx, Source::Use, answer).finding, Finding::Refused { cause: Cause::RevokedByPerson, .. })
    }

    pub(super) fn ask_permissions(&self, cx: &Cx<'_>, token: &Secret) -> Request<Bytes> {
        let url = oauth::with_query(&format!("{}/me/permissions", self.graph(cx)), &[("limit", "100")]);
        call(cx, Method::GET, &url, token, &[])
    }

    /// Removes the whole app from the person's account: every token of theirs for us.
    pub(crate) fn revoke(&self, cx: &Cx<'_>, tokens: &TokenSet) -> Request<Bytes> {
        call(cx, Method::DELETE, &format!("{}/me/permissions", self.graph(cx)), &tokens.access_token, &[])
    }

    fn issued(&self, cx: &Cx<'_>, long: &Secret, memory: &BTreeMap<String, Secret>, held: BTreeMap<String, Secret>) -> Issued {
        let listed = |name: &str| oauth::scopes(memory.get(name).map_or("", Secret::expose));
        let mut tokens = TokenSet::bearer(long.clone(), None, listed(GRANTED));
        tokens.profile_tokens = held.into_iter().filter_map(|(name, token)| Some((name.strip_prefix(PAGE)?.to_owned(), token))).collect();
        let human_until = number(memory, HUMAN_UNTIL).map(Timestamp::from_seconds);
        // Where pages have tokens of their own, what we act with has no end; the person is still asked to come before theirs does.
        let own_end = number(memory, LONG_LIFE).map(|life| cx.now + Span::seconds(life));
        let access_until = if tokens.profile_tokens.is_empty() { own_end } else { None };
        Issued {
            tokens,
            clocks: Clocks { access_until, refresh_until: None, human_until },
            renewable: false,
            person_network_id: None,
            missing_scopes: listed(MISSING),
        }
    }
}

fn number(memory: &BTreeMap<String, Secret>, name: &str) -> Option<i64> {
    memory.get(name)?.expose().parse().ok()
}

/// The day on which the person must come: when their token ends, or the network stops showing us their data, whichever is first. An
/// end that is not named is none: there are tokens without one.
fn human_until(cx: &Cx<'_>, memory: &BTreeMap<String, Secret>, answer: &Value) -> Option<Timestamp> {
    let told = Told::read(answer);
    let by_answer = number(memory, LONG_LIFE).map(|life| cx.now + Span::seconds(life));
    let data = told.as_ref().and_then(|told| told.data_access_until);
    [told.and_then(|told| told.expires_at).or(by_answer), data].into_iter().flatten().filter(|until| *until > cx.now).min()
}

/// What `/me/permissions` says: each permission, and whether it is granted. `None` where it is no such list.
pub(super) fn statuses(answer: &Value) -> Option<BTreeMap<String, bool>> {
    let listed = answer.get("data").and_then(Value::as_array)?;
    let one = |each: &Value| Some((oauth::text(each, "permission")?.to_owned(), oauth::text(each, "status")? == "granted"));
    Some(listed.iter().filter_map(one).collect())
}

/// Why a step of the exchange failed: only the first one depends on the code.
fn failed(cx: &Cx<'_>, memory: &BTreeMap<String, Secret>, answer: &Response<Bytes>) -> Failure {
    let diagnosis = diagnose(cx, Source::Signal, answer);
    let is_code = oauth::json(answer).and_then(|json| json.pointer("/error/code").and_then(Value::as_i64)) == Some(100);
    match diagnosis.finding {
        _ if is_code && !memory.contains_key(SHORT) => Failure::StaleCode { evidence: diagnosis.evidence },
        Finding::Refused { cause, .. } => Failure::Refused { cause, evidence: diagnosis.evidence },
        Finding::Misconfigured => Failure::Misconfigured { evidence: diagnosis.evidence },
        _ => Failure::Unavailable { evidence: diagnosis.evidence },
    }
}

/// The methods of [`crate::Network`] that are the same for both.
macro_rules! delegate {
    ($login:expr) => {
        fn about(&self) -> &'static About {
            &ABOUT
        }

        fn facts(&self) -> Facts {
            pages::facts()
        }

        fn begin<'a>(&'a self, cx: Cx<'a>, _: &'a dyn Wire, start: &'a Start) -> BoxFuture<'a, Result<Authorization, Failure>> {
            let authorization = $login.begin(&cx, start);
            Box::pin(async move { Ok(authorization) })
        }

        fn exchange(&self, cx: Cx<'_>, _: &BTreeMap<String, Secret>, callback: &Callback) -> Result<Request<Bytes>, Failure> {
            $login.exchange(&cx, callback)
        }

        fn read_exchange(
            &self,
            cx: Cx<'_>,
            memory: &BTreeMap<String, Secret>,
            _: &Callback,
            answer: &Response<Bytes>,
        ) -> Result<Answer<Issued>, Failure> {
            $login.read_exchange(&cx, memory, answer)
        }

        fn renew(&self, _: Cx<'_>, _: &TokenSet) -> Option<Request<Bytes>> {
            None
        }

        fn read_renew(&self, cx: Cx<'_>, _: &TokenSet, answer: &Response<Bytes>) -> Answer<Renewal> {
            Answer::Done(pages::no_renewal(&cx, answer))
        }

        fn probe(&self, cx: Cx<'_>, tokens: &TokenSet) -> Request<Bytes> {
            $login.probe(&cx, tokens)
        }

        fn read_probe(&self, cx: Cx<'_>, tokens: &TokenSet, answer: &Response<Bytes>) -> Answer<Diagnosis> {
            Answer::Done(PageLogin::read_probe(&cx, tokens, answer))
        }

        fn revoke(&self, cx: Cx<'_>, tokens: &TokenSet) -> Option<Request<Bytes>> {
            Some($login.revoke(&cx, tokens))
        }

        fn read_revoke(&self, cx: Cx<'_>, _: &TokenSet, answer: &Response<Bytes>) -> Answer<bool> {
            Answer::Done(PageLogin::is_revoked(&cx, answer))
        }

        fn may_revoke_later(&self, cx: Cx<'_>, answer: &Response<Bytes>) -> bool {
            meta::diagnose(&cx, lifecycle::words::Source::Use, answer).is_harmless()
        }

        fn discover<'a>(&'a self, cx: Cx<'a>, wire: &'a dyn Wire, tokens: &'a TokenSet) -> BoxFuture<'a, Result<Discovery, Diagnosis>> {
            Box::pin($login.discover(cx, wire, tokens))
        }

        fn proven_by(&self, cx: Cx<'_>, token: &Secret) -> Vec<(&'static str, String)> {
            vec![("appsecret_proof", meta::proof(&cx, token))]
        }

        fn steered_by(&self) -> Option<&'static [&'static str]> {
            Some(meta::STEERED_BY)
        }

        fn used_up(&self, headers: &http::HeaderMap) -> Option<u32> {
            meta::used_up(headers)
        }

        fn quiet_for(&self, headers: &http::HeaderMap) -> Option<lifecycle::time::Span> {
            meta::quiet(headers)
        }

        fn refused_through(&self, cx: Cx<'_>, answer: &Response<Bytes>) -> Option<Diagnosis> {
            Some(meta::through(&cx, answer))
        }

        fn receive(&self, cx: Cx<'_>, request: &Request<Bytes>) -> Option<crate::signal::Inbound> {
            Some(meta::receive(&cx, request))
        }

        fn has_roles(&self) -> bool {
            true
        }
    };
}
pub(crate) use delegate;
