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
use lifecycle::time::Span;
use lifecycle::words::{Cause, Confidence, Evidence, Source};
use serde_json::Value;

use super::{call, diagnose, of_error};
use crate::acting::{NotDone, Target};
use crate::network::{About, Answer, Authorization, Callback, Cx, Discovery, Failure, Found, Issued, Kind, PersonSeen, Renewal, Start};
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
}

/// Under which names secrets travel through the chain of an exchange.
const SHORT: &str = "short_lived";
const LONG: &str = "long_lived";
const LONG_LIFE: &str = "long_lived_seconds";
const MISSING: &str = "missing_scopes";
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

async fn get(cx: Cx<'_>, wire: &dyn Wire, request: Request<Bytes>) -> Result<Value, Diagnosis> {
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

    fn accounts(&self, cx: &Cx<'_>, token: &Secret, after: Option<&str>) -> Request<Bytes> {
        let mut query = vec![("fields", self.fields), ("limit", "100")];
        query.extend(after.map(|after| ("after", after)));
        call(cx, Method::GET, &oauth::with_query(&format!("{}/me/accounts", self.graph(cx)), &query), token, &[])
    }

    async fn list(&self, cx: Cx<'_>, wire: &dyn Wire, tokens: &TokenSet) -> Result<Discovery, Diagnosis> {
        let me = oauth::with_query(&format!("{}/me", self.graph(&cx)), &[("fields", "id,name")]);
        let me = get(cx, wire, call(&cx, Method::GET, &me, &tokens.access_token, &[])).await?;
        let Some(id) = oauth::id(&me, "id") else {
            return Err(Diagnosis::transient(Evidence::new(cx.now, Source::Discovery, Some(200), None, "a person without id"), None));
        };
        let name = oauth::text(&me, "name").unwrap_or(&id).to_owned();
        let (mut profiles, mut after) = (vec![], None);
        for _ in 0..PAGES_MAX {
            let listed = get(cx, wire, self.accounts(&cx, &tokens.access_token, after.as_deref())).await?;
            profiles.extend(listed.get("data").and_then(Value::as_array).into_iter().flatten().filter_map(self.found));
            after = next(&listed);
            if after.is_none() {
                break;
            }
        }
        Ok(Discovery { person: PersonSeen { network_id: id, name, handle: None }, profiles, all_come_along: false })
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

    /// Four steps: the code's short-lived token, the long-lived one, what the person left ticked, and only then the pages: their
    /// tokens live as long as the person's token they are made from was meant to.
    pub(crate) fn read_exchange(
        &self,
        cx: &Cx<'_>,
        memory: &BTreeMap<String, Secret>,
        answer: &Response<Bytes>,
    ) -> Result<Answer<Issued>, Failure> {
        let json = oauth::json(answer).or_else(|| serde_json::from_slice(answer.body()).ok());
        let json = json.filter(|json| answer.status().is_success() && json.get("error").is_none());
        let Some(json) = json else { return Err(failed(cx, memory, answer)) };
        let again = |request: Request<Bytes>, secrets: BTreeMap<String, Secret>| {
            Ok(Answer::AskAgain { request: Box::new(request), notes: BTreeMap::new(), secrets })
        };
        if let Some(long) = memory.get(LONG).filter(|_| !memory.contains_key(MISSING)) {
            let missing = self.missing(cx, &json).join(",");
            return again(self.accounts(cx, long, None), BTreeMap::from([(MISSING.to_owned(), Secret::new(missing))]));
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
            let permissions = format!("{}/me/permissions", self.graph(cx));
            return again(call(cx, Method::GET, &oauth::with_query(&permissions, &[("limit", "100")]), &token, &[]), secrets);
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

    /// Which permissions the person did not grant: single boxes can be unticked in the dialog, and nothing in the answers of the
    /// exchange says so. Where a configuration names the permissions instead of us, those that were declined.
    fn missing(&self, cx: &Cx<'_>, answer: &Value) -> Vec<String> {
        let Some(listed) = answer.get("data").and_then(Value::as_array) else { return vec![] };
        let all: Vec<(&str, &str)> =
            listed.iter().filter_map(|each| Some((oauth::text(each, "permission")?, oauth::text(each, "status")?))).collect();
        let granted = |scope: &str| all.iter().any(|(permission, status)| *permission == scope && *status == "granted");
        if cx.app.options.contains_key("config_id") {
            return all.iter().filter(|(_, status)| *status != "granted").map(|(permission, _)| (*permission).to_owned()).collect();
        }
        cx.scopes(self.about).into_iter().filter(|scope| !granted(scope)).collect()
    }

    /// `debug_token` says of itself why a token is dead. Asked about a page's token where there is one: that is what acts.
    pub(crate) fn probe(&self, cx: &Cx<'_>, tokens: &TokenSet) -> Request<Bytes> {
        let token = tokens.profile_tokens.values().next().unwrap_or(&tokens.access_token);
        let app = Secret::new(format!("{}|{}", cx.app.client_id, oauth::client_secret(cx)));
        let mut request =
            oauth::post_form(&format!("{}/debug_token", self.graph(cx)), &[("input_token", token.expose()), ("method", "get")]);
        request.headers_mut().insert("authorization", oauth::sensitive(&format!("Bearer {}", app.expose())));
        request
    }

    /// One page's role that is gone says nothing of the person's other pages: the listing after it tells which are left.
    pub(crate) fn read_probe(cx: &Cx<'_>, tokens: &TokenSet, answer: &Response<Bytes>) -> Diagnosis {
        let json = oauth::json(answer).filter(|_| answer.status().is_success()).unwrap_or(Value::Null);
        let data = json.get("data").filter(|data| data.is_object());
        match data.map(|data| (data, data.get("is_valid").and_then(Value::as_bool))) {
            Some((_, Some(true))) => Diagnosis::works(oauth::evidence(cx.now, Source::Probe, answer, None, "debug_token: valid")),
            Some((data, Some(false))) => {
                let error = data.get("error").cloned().unwrap_or_default();
                let seen = of_error(cx, Source::Probe, answer, &error);
                let of_page = matches!(seen.finding, Finding::Refused { cause: Cause::PermissionLost, .. });
                if of_page && tokens.profile_tokens.len() > 1 { Diagnosis::works(seen.evidence) } else { seen }
            }
            // An error beside the data is about our app's own credentials, never about the token that is asked about.
            _ => {
                let seen = diagnose(cx, Source::Probe, answer);
                if seen.is_harmless() { seen } else { Diagnosis::misconfigured(seen.evidence) }
            }
        }
    }

    /// Removes the whole app from the person's account: every token of theirs for us.
    pub(crate) fn revoke(&self, cx: &Cx<'_>, tokens: &TokenSet) -> Request<Bytes> {
        call(cx, Method::DELETE, &format!("{}/me/permissions", self.graph(cx)), &tokens.access_token, &[])
    }

    pub(crate) async fn discover(&self, cx: Cx<'_>, wire: &dyn Wire, tokens: &TokenSet) -> Result<Discovery, Diagnosis> {
        match self.list(cx, wire, tokens).await {
            // The person's own token is over by time; the pages' tokens are not, and each can say whether it still serves.
            Err(Diagnosis { finding: Finding::Refused { cause: Cause::Expired, .. }, .. }) if !tokens.profile_tokens.is_empty() => {
                self.ask_each(cx, wire, tokens).await
            }
            other => other,
        }
    }

    /// Which pages are left, asked with the token of each: one on which the role is lost says so. Tasks are shown to the person's token
    /// alone, so the roles that are left are not known (empty), and a page that is new is not seen.
    async fn ask_each(&self, cx: Cx<'_>, wire: &dyn Wire, tokens: &TokenSet) -> Result<Discovery, Diagnosis> {
        let mut profiles = vec![];
        for (id, token) in &tokens.profile_tokens {
            let url = oauth::with_query(&format!("{}/{}", self.graph(&cx), oauth::percent(id)), &[("fields", "id,name,username")]);
            match get(cx, wire, call(&cx, Method::GET, &url, token, &[])).await {
                Ok(shown) => profiles.push(Found {
                    network_id: id.clone(),
                    kind: self.kind,
                    name: oauth::text(&shown, "name").unwrap_or_default().to_owned(),
                    handle: oauth::text(&shown, "username").map(str::to_owned),
                    avatar: None,
                    role: String::new(),
                    parent: None,
                    unusable: None,
                }),
                Err(refused) if is_role_lost(&refused) => {}
                Err(other) => return Err(other),
            }
        }
        // Nobody is asked who they are: it is not the person's token that answers.
        let person = PersonSeen { network_id: String::new(), name: String::new(), handle: None };
        Ok(Discovery { person, profiles, all_come_along: false })
    }

    fn issued(&self, cx: &Cx<'_>, long: &Secret, memory: &BTreeMap<String, Secret>, held: BTreeMap<String, Secret>) -> Issued {
        let missing_scopes: Vec<String> = memory
            .get(MISSING)
            .map(|missing| missing.expose().split(',').filter(|scope| !scope.is_empty()).map(str::to_owned).collect())
            .unwrap_or_default();
        let granted = cx.scopes(self.about).into_iter().filter(|scope| !missing_scopes.contains(scope)).collect();
        let mut tokens = TokenSet::bearer(long.clone(), None, granted);
        tokens.profile_tokens = held.into_iter().filter_map(|(name, token)| Some((name.strip_prefix(PAGE)?.to_owned(), token))).collect();
        let seconds: Option<i64> = memory.get(LONG_LIFE).and_then(|life| life.expose().parse().ok());
        let human_until = seconds.map(|seconds| cx.now + Span::seconds(seconds));
        // Where pages have tokens of their own, what we act with has no end; the person is still asked to come before theirs does.
        let access_until = if tokens.profile_tokens.is_empty() { human_until } else { None };
        Issued {
            tokens,
            clocks: Clocks { access_until, refresh_until: None, human_until },
            renewable: false,
            person_network_id: None,
            missing_scopes,
        }
    }
}

/// Whether the network says of one page that the person may not act as it any more. A guess is none: a page that can't be shown may
/// be hidden for a while.
fn is_role_lost(refused: &Diagnosis) -> bool {
    matches!(refused.finding, Finding::Refused { cause: Cause::PermissionLost, confidence, .. } if confidence != Confidence::Guess)
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

        fn discover<'a>(&'a self, cx: Cx<'a>, wire: &'a dyn Wire, tokens: &'a TokenSet) -> BoxFuture<'a, Result<Discovery, Diagnosis>> {
            Box::pin($login.discover(cx, wire, tokens))
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
