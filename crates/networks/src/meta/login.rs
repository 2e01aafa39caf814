//! Logins of Instagram and Threads: one account, a short-lived token that is exchanged at once for a long-lived one, which is
//! extended from its first day on and has nothing beside it.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{Request, Response};
use lifecycle::diagnosis::{Diagnosis, Finding};
use lifecycle::facts::{Facts, RenewalModel};
use lifecycle::secret::{Secret, TokenSet};
use lifecycle::time::Span;
use lifecycle::words::{Cause, Confidence, Evidence, Source};
use serde_json::Value;

use super::{diagnose, extended};
use crate::network::{
    About, Answer, Authorization, Callback, Cx, Discovery, Failure, Found, Issued, Kind, PersonSeen, Renewal, Start, Words,
};
use crate::oauth;
use crate::wire::Wire;

/// What differs between the two.
pub(crate) struct Login {
    pub(crate) about: &'static About,
    /// `ig` or `th`, as in `ig_exchange_token`.
    pub(crate) prefix: &'static str,
    /// What is asked of `/me`.
    pub(crate) fields: &'static str,
    /// The field with the id that acts.
    pub(crate) id: &'static str,
    /// The field with the address of the picture.
    pub(crate) picture: &'static str,
}

/// The short-lived token on its way, and whose it is.
const SHORT: &str = "short_lived";
const PERSON: &str = "person";
/// The note by which signals find the person.
const ALSO_KNOWN_AS: &str = "also_known_as";
/// What the person granted, where the answer says so (Instagram: as a list, or in one text with commas).
const GRANTED: &str = "granted";

fn granted(json: &Value) -> String {
    match json.get("permissions") {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(","),
        _ => String::new(),
    }
}

/// Sixty days, extended from a day on; what is over cannot be extended.
pub(crate) fn facts() -> Facts {
    Facts { renewal: RenewalModel::Extending(Span::days(1)), access_life: Some(Span::days(60)), ..Facts::unknown() }
}

impl Login {
    pub(crate) fn url(&self, cx: &Cx<'_>, key: &str) -> String {
        cx.endpoint(self.about, key).unwrap_or_default()
    }

    pub(crate) fn begin(&self, cx: &Cx<'_>, start: &Start) -> Authorization {
        let scope = cx.scopes(self.about).join(",");
        oauth::authorization(cx, &self.url(cx, "authorize"), &scope, start, &[])
    }

    pub(crate) fn exchange(&self, cx: &Cx<'_>, callback: &Callback) -> Result<Request<Bytes>, Failure> {
        // The redirect ends in "#_"; some libraries keep it.
        let code = oauth::callback_code(cx.now, callback, &[])?.trim_end_matches("#_");
        let form = [
            ("client_id", cx.app.client_id.as_str()),
            ("client_secret", oauth::client_secret(cx)),
            ("grant_type", "authorization_code"),
            ("redirect_uri", &cx.app.redirect_uri),
            ("code", code),
        ];
        Ok(oauth::post_form(&self.url(cx, "token"), &form))
    }

    pub(crate) fn read_exchange(
        &self,
        cx: &Cx<'_>,
        memory: &BTreeMap<String, Secret>,
        answer: &Response<Bytes>,
    ) -> Result<Answer<Issued>, Failure> {
        let json = oauth::json(answer).filter(|json| answer.status().is_success() && json.get("error").is_none());
        // Documented as a list of one, seen flat.
        let json = json.map(|json| json.pointer("/data/0").cloned().unwrap_or(json));
        let Some(token) = json.as_ref().and_then(|json| oauth::text(json, "access_token")) else { return Err(failed(cx, memory, answer)) };
        let json = json.as_ref().unwrap_or(&Value::Null);
        if memory.contains_key(SHORT) {
            let (mut scopes, mut missing) = (cx.scopes(self.about), vec![]);
            if let Some(granted) = memory.get(GRANTED).map(Secret::expose).filter(|granted| !granted.is_empty()) {
                (scopes, missing) = scopes.into_iter().partition(|scope| granted.split(',').any(|each| each.trim() == scope));
            }
            let mut issued = extended(cx, json, &scopes).ok_or_else(|| failed(cx, memory, answer))?;
            issued.missing_scopes = missing;
            // What Instagram tells by itself names people by this id, its API by the account's.
            if let Some(id) = memory.get(PERSON).map(Secret::expose).filter(|id| !id.is_empty() && self.id != "id") {
                issued.tokens.notes.insert(ALSO_KNOWN_AS.to_owned(), id.to_owned());
            }
            issued.person_network_id = memory.get(PERSON).map(|id| id.expose().to_owned()).filter(|id| !id.is_empty() && self.id == "id");
            return Ok(Answer::Done(issued));
        }
        let grant = format!("{}_exchange_token", self.prefix);
        let query = [("grant_type", grant.as_str()), ("client_secret", oauth::client_secret(cx)), ("access_token", token)];
        let request = Request::builder().uri(oauth::with_query(&self.url(cx, "long_lived"), &query)).header("accept", "application/json");
        let secrets = BTreeMap::from([
            (SHORT.to_owned(), Secret::new(token)),
            (PERSON.to_owned(), Secret::new(oauth::id(json, "user_id").unwrap_or_default())),
            (GRANTED.to_owned(), Secret::new(granted(json))),
        ]);
        let request = Box::new(request.body(Bytes::new()).unwrap_or_default());
        Ok(Answer::AskAgain { request, notes: BTreeMap::new(), secrets })
    }

    pub(crate) fn renew(&self, cx: &Cx<'_>, tokens: &TokenSet) -> Request<Bytes> {
        let grant = format!("{}_refresh_token", self.prefix);
        let query = [("grant_type", grant.as_str()), ("access_token", tokens.access_token.expose())];
        let request = Request::builder().uri(oauth::with_query(&self.url(cx, "extend"), &query)).header("accept", "application/json");
        request.body(Bytes::new()).unwrap_or_default()
    }

    pub(crate) fn read_renew(&self, cx: &Cx<'_>, tokens: &TokenSet, answer: &Response<Bytes>) -> Renewal {
        let json = oauth::json(answer).filter(|json| answer.status().is_success() && json.get("error").is_none());
        if let Some(issued) = json.and_then(|json| extended(cx, &json, &tokens.scopes)) {
            return Renewal::Renewed(Box::new(issued));
        }
        if answer.status().is_server_error() || answer.status().is_success() {
            return Renewal::Unclear(oauth::unreadable(cx.now, Source::Renewal, answer));
        }
        match oauth::json(answer).and_then(|json| oauth::token_error(&json).map(|(code, _)| code.to_owned())) {
            Some(code) => oauth::failed_renewal(cx.now, answer, |_, seen| oauth::diagnose_code(&code, seen)),
            None if is_other_kind(answer) => {
                // Another kind of token than can be extended: no later try helps, a login does.
                let seen = oauth::evidence(cx.now, Source::Renewal, answer, Some("100"), "Unsupported request");
                Renewal::Failed(Diagnosis::refused(Cause::Unknown, Confidence::Guess, seen))
            }
            None => Renewal::Failed(diagnose(cx, Source::Renewal, answer)),
        }
    }

    pub(crate) fn me(&self, cx: &Cx<'_>, tokens: &TokenSet) -> Request<Bytes> {
        oauth::get_bearer(&oauth::with_query(&format!("{}/me", self.url(cx, "graph")), &[("fields", self.fields)]), &tokens.access_token)
    }

    /// Documented as a list of one, seen flat.
    fn account(answer: &Response<Bytes>) -> Option<Value> {
        let json = oauth::json(answer).filter(|json| answer.status().is_success() && json.get("error").is_none())?;
        let account = json.pointer("/data/0").cloned().unwrap_or(json);
        oauth::text(&account, "username")?;
        Some(account)
    }

    pub(crate) fn read_probe(cx: &Cx<'_>, answer: &Response<Bytes>) -> Diagnosis {
        match Self::account(answer) {
            Some(account) if is_personal(&account) => {
                let words = "the account is a personal one now";
                let seen = oauth::evidence(cx.now, Source::Probe, answer, Some("personal"), words);
                Diagnosis::refused(Cause::PermissionLost, Confidence::Likely, seen)
            }
            Some(_) => Diagnosis::works(oauth::evidence(cx.now, Source::Probe, answer, None, "me answered")),
            None => diagnose(cx, Source::Probe, answer),
        }
    }

    pub(crate) async fn list(&self, cx: Cx<'_>, wire: &dyn Wire, tokens: &TokenSet) -> Result<Discovery, Diagnosis> {
        let answer = wire.send(self.me(&cx, tokens)).await.map_err(|error| oauth::no_answer(cx.now, Source::Discovery, &error))?;
        let Some(account) = Self::account(&answer) else { return Err(diagnose(&cx, Source::Discovery, &answer)) };
        let Some(id) = oauth::id(&account, self.id) else {
            return Err(Diagnosis::transient(Evidence::new(cx.now, Source::Discovery, Some(200), None, "an account without id"), None));
        };
        let handle = oauth::text(&account, "username").map(str::to_owned);
        let name = oauth::text(&account, "name").or(handle.as_deref()).unwrap_or(&id).to_owned();
        let profile = Found {
            network_id: id.clone(),
            kind: Kind::Account,
            name: name.clone(),
            handle: handle.clone(),
            avatar: oauth::text(&account, self.picture).map(str::to_owned),
            role: "owner".into(),
            parent: None,
            unusable: is_personal(&account).then(personal),
        };
        Ok(Discovery {
            person: PersonSeen { network_id: id, name, handle, across_apps: None },
            profiles: vec![profile],
            all_come_along: false,
        })
    }
}

/// Only professional accounts can be acted for; the spelling varies.
fn is_personal(account: &Value) -> bool {
    oauth::text(account, "account_type").is_some_and(|kind| kind.eq_ignore_ascii_case("personal"))
}

fn personal() -> Words {
    Words::new(
        "This is a personal account. Switch it to a professional one (business or creator) in the app's settings, then log in again.",
        "Dies ist ein persönliches Konto. Stellen Sie es in den Einstellungen der App auf ein professionelles um (Unternehmen oder Creator) und melden Sie sich dann neu an.",
    )
}

/// Said at an extension of a token that was never one to extend (short-lived, or of the older product). The code is the one of every
/// bad parameter: the words tell.
fn is_other_kind(answer: &Response<Bytes>) -> bool {
    let json = oauth::json(answer).unwrap_or_default();
    let is_parameter = json.pointer("/error/code").and_then(Value::as_i64) == Some(100);
    let words = json.pointer("/error/message").and_then(Value::as_str).unwrap_or_default();
    is_parameter && words.starts_with("Unsupported request") && json.pointer("/error/error_subcode").is_none()
}

fn failed(cx: &Cx<'_>, memory: &BTreeMap<String, Secret>, answer: &Response<Bytes>) -> Failure {
    let diagnosis = diagnose(cx, Source::Signal, answer);
    match diagnosis.finding {
        Finding::Refused { .. } if !memory.contains_key(SHORT) => Failure::StaleCode { evidence: diagnosis.evidence },
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
            login::facts()
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

        fn renew(&self, cx: Cx<'_>, tokens: &TokenSet) -> Option<Request<Bytes>> {
            Some($login.renew(&cx, tokens))
        }

        fn read_renew(&self, cx: Cx<'_>, tokens: &TokenSet, answer: &Response<Bytes>) -> Answer<Renewal> {
            Answer::Done($login.read_renew(&cx, tokens, answer))
        }

        fn probe(&self, cx: Cx<'_>, tokens: &TokenSet) -> Request<Bytes> {
            $login.me(&cx, tokens)
        }

        fn read_probe(&self, cx: Cx<'_>, _: &TokenSet, answer: &Response<Bytes>) -> Answer<Diagnosis> {
            Answer::Done(Login::read_probe(&cx, answer))
        }

        /// None is documented: the person removes the app in the settings there.
        fn revoke(&self, _: Cx<'_>, _: &TokenSet) -> Option<Request<Bytes>> {
            None
        }

        fn ended_by_person(&self) -> Option<crate::network::Rule> {
            Some(crate::network::ENDED_IN_SETTINGS)
        }

        fn discover<'a>(&'a self, cx: Cx<'a>, wire: &'a dyn Wire, tokens: &'a TokenSet) -> BoxFuture<'a, Result<Discovery, Diagnosis>> {
            Box::pin($login.list(cx, wire, tokens))
        }

        fn measure(
            &self,
            app: &crate::network::App,
            _: crate::acting::Target<'_>,
            draft: crate::acting::Draft<'_>,
        ) -> Result<crate::acting::Fit, crate::acting::NotDone> {
            measure(app, draft)
        }

        fn takes(&self) -> Option<&'static crate::media::Takes> {
            Some(&TAKES)
        }

        fn publish<'a>(&'a self, by: Acting<'a>, wanted: &'a Post) -> Done<'a, Posted> {
            Box::pin(async move {
                self.check(by.cx.app, by.target, crate::acting::Draft::Post(wanted))?;
                post(by, wanted).await
            })
        }

        fn standing<'a>(&'a self, by: Acting<'a>, _: &'a str) -> Done<'a, Option<crate::network::Words>> {
            Box::pin(async move { Ok(left(by).await) })
        }

        fn comments<'a>(&'a self, by: Acting<'a>, post: &'a str) -> Done<'a, Comments> {
            Box::pin(read_comments(by, post))
        }

        fn comment<'a>(&'a self, by: Acting<'a>, post: &'a str, in_reply_to: Option<&'a str>, text: &'a str) -> Done<'a, Posted> {
            Box::pin(async move {
                self.check(by.cx.app, by.target, crate::acting::Draft::Comment { in_reply_to, text })?;
                say(by, post, in_reply_to, text).await
            })
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
    };
}
pub(crate) use delegate;
