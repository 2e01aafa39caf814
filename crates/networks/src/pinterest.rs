//! Pinterest: one login is one account, and all its boards come along. Facts: `networks/pinterest` of the knowledge base;
//! API v5 (OpenAPI 5.23).

mod acts;
mod boards;
mod media;

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use lifecycle::diagnosis::Diagnosis;
use lifecycle::facts::{Facts, RenewalModel, Reuse};
use lifecycle::secret::{Secret, TokenSet};
use lifecycle::time::Span;
use lifecycle::words::{Cause, Confidence, Evidence, Source};
use serde_json::Value;

use crate::acting::{Acting, Done, Draft, Fit, NotDone, Post, Posted, Target};
use crate::network::{
    ASIDE, Ability, About, Answer, App, Asks, Authorization, Callback, Can, Cx, Discovery, ENDED_IN_SETTINGS, Endpoint, Failure, Issued,
    Network, Registration, Renewal, Rule, Start,
};
use crate::oauth;
use crate::wire::{BoxFuture, Wire};

/// The adapter.
pub(crate) struct Pinterest;

const NO_COMMENTS: Ability =
    Ability::No { en: "Pinterest has no comments in its API.", de: "Pinterest hat keine Kommentare in seiner Schnittstelle." };
/// What is asked about aside.
const CREDENTIALS: &str = "credentials";
/// The ad account for whose owner everybody acts (option; business access).
const AD_ACCOUNT: &str = "ad_account_id";

static ABOUT: About = About {
    name: "pinterest",
    title: "Pinterest",
    can: Can { connect: Ability::Yes, publish: Ability::Yes, comment: NO_COMMENTS, read_comments: NO_COMMENTS, reply: NO_COMMENTS },
    rules: &[
        Rule {
            en: "All boards of the account come along, also group boards. Afterwards each board can be switched off, and has its own owner and teams.",
            de: "Alle Pinnwände des Kontos kommen mit, auch Gruppenpinnwände. Danach kann jede Pinnwand abgeschaltet werden und hat eigene Verantwortliche und Teams.",
        },
        Rule {
            en: "Changing the password or user name at Pinterest ends the connection: please refresh it afterwards.",
            de: "Wer bei Pinterest Passwort oder Benutzernamen ändert, beendet die Verbindung: bitte danach erneuern.",
        },
        Rule {
            en: "While the network app has Pinterest's trial access only, what it publishes is visible to nobody but the account itself.",
            de: "Solange die Netzwerk-App bei Pinterest nur Trial-Zugang hat, sieht das Veröffentlichte nur das Konto selbst.",
        },
        Rule {
            en: "Pinterest does not say why a connection ended. Its Token Debugger may: developers.pinterest.com/docs/developer-tools/token-debugger/",
            de: "Pinterest sagt nicht, warum eine Verbindung endete. Sein Token Debugger weiß es vielleicht: developers.pinterest.com/docs/developer-tools/token-debugger/",
        },
    ],
    asks: Asks::Nothing,
    registration: Registration::ByHand,
    scopes: &[
        "user_accounts:read",
        "boards:read",
        "boards:read_secret",
        "boards:write",
        "boards:write_secret",
        "pins:read",
        "pins:write",
        "pins:write_secret",
    ],
    endpoints: &[
        Endpoint { key: "authorize", url: "https://www.pinterest.com/oauth/" },
        Endpoint { key: "token", url: "https://api.pinterest.com/v5/oauth/token" },
        Endpoint { key: "api", url: "https://api.pinterest.com/v5" },
    ],
};

impl Pinterest {
    fn url(cx: &Cx<'_>, key: &str) -> String {
        cx.endpoint(&ABOUT, key).unwrap_or_default()
    }

    fn token_request(cx: &Cx<'_>, form: &[(&str, &str)]) -> Request<Bytes> {
        let mut request = oauth::post_form(&Self::url(cx, "token"), form);
        request.headers_mut().insert("authorization", oauth::basic(&cx.app.client_id, oauth::client_secret(cx)));
        request
    }

    /// Whether Pinterest takes our credentials: 401/2 is said of them and of a dead token alike, and this asks without any token. It is
    /// answered with a token of the app's own owner, which is thrown away.
    fn ask_for_credentials<T>(cx: &Cx<'_>) -> Answer<T> {
        let form = [("grant_type", "client_credentials"), ("scope", "user_accounts:read")];
        let notes = BTreeMap::from([(ASIDE.to_owned(), CREDENTIALS.to_owned())]);
        Answer::AskAgain { request: Box::new(Self::token_request(cx, &form)), notes, secrets: BTreeMap::new() }
    }

    /// What the answer to that says of the token that was refused before.
    fn of_credentials(cx: &Cx<'_>, source: Source, answer: &Response<Bytes>) -> Diagnosis {
        let (code, mut seen) = Self::seen(cx, source, answer);
        let is_token = oauth::json(answer).is_some_and(|json| oauth::text(&json, "access_token").is_some());
        match (answer.status().as_u16(), code) {
            (401, 2) => {
                seen.words = "Pinterest refuses our credentials themselves: check client_id and client_secret of the network app".into();
                Diagnosis::misconfigured(seen)
            }
            // What arrives broken says nothing, and neither does a network in trouble.
            (_, 0) if !is_token => Diagnosis::transient(seen, oauth::wait(cx.now, answer)),
            _ if oauth::is_trouble(answer.status()) => Diagnosis::transient(seen, oauth::wait(cx.now, answer)),
            // They are taken, or may not be asked about: what was refused was the token.
            _ => {
                let seen = Evidence::new(cx.now, source, Some(401), Some("2"), "Authentication failed.");
                Diagnosis::refused(Cause::Unknown, Confidence::Guess, seen)
            }
        }
    }

    fn is_aside(tokens: &TokenSet) -> bool {
        tokens.notes.get(ASIDE).is_some_and(|about| about == CREDENTIALS)
    }

    /// The word for a dead token and for credentials that are refused.
    fn is_refused(answer: &Response<Bytes>) -> bool {
        let code = oauth::json(answer).and_then(|json| json.get("code").and_then(Value::as_i64));
        answer.status() == StatusCode::UNAUTHORIZED && code == Some(2)
    }

    fn get(cx: &Cx<'_>, path: &str, tokens: &TokenSet) -> Request<Bytes> {
        oauth::get_bearer(&format!("{}{path}", Self::url(cx, "api")), &tokens.access_token)
    }

    /// The ad account whose owner is acted for instead of whoever logged in: up to 18 digits.
    fn ad_account<'a>(cx: &Cx<'a>) -> Option<&'a str> {
        cx.app.options.get(AD_ACCOUNT).map(|id| id.trim()).filter(|id| !id.is_empty())
    }

    /// A path on behalf of whom is acted for.
    fn on_behalf(cx: &Cx<'_>, path: &str) -> String {
        match Self::ad_account(cx) {
            Some(id) => format!("{path}{}{AD_ACCOUNT}={}", if path.contains('?') { '&' } else { '?' }, oauth::percent(id)),
            None => path.to_owned(),
        }
    }

    /// `{"code","message"}`: status first, then code; messages change.
    fn seen(cx: &Cx<'_>, source: Source, answer: &Response<Bytes>) -> (i64, Evidence) {
        let json = oauth::json(answer).unwrap_or(Value::Null);
        // Pinterest's own support asks for it.
        let rid = answer.headers().get("x-pinterest-rid").and_then(|rid| rid.to_str().ok()).filter(|rid| !rid.is_empty());
        let rid = rid.map(|rid| format!(" (x-pinterest-rid {rid})")).unwrap_or_default();
        match json.get("code").and_then(Value::as_i64) {
            Some(code) => {
                let words = format!("{}{rid}", oauth::text(&json, "message").unwrap_or_default());
                (code, oauth::evidence(cx.now, source, answer, Some(&code.to_string()), &words))
            }
            None => (0, oauth::unreadable(cx.now, source, answer)),
        }
    }

    fn diagnose(cx: &Cx<'_>, source: Source, answer: &Response<Bytes>) -> Diagnosis {
        let (code, seen) = Self::seen(cx, source, answer);
        match (answer.status().as_u16(), code) {
            // One code for expired, revoked and changed password: the network does not tell them apart.
            (401, 2) => Diagnosis::refused(Cause::Unknown, Confidence::Guess, seen),
            (401, 3) => Diagnosis::refused(Cause::ScopeMissing, Confidence::Certain, seen),
            // Documented of merchants' calls alone.
            (403, 2625 | 2626) => Diagnosis::refused(Cause::PersonBlocked, Confidence::Likely, seen),
            (401 | 403, 29) => Diagnosis::misconfigured(seen),
            _ => Diagnosis::transient(seen, oauth::wait(cx.now, answer)),
        }
    }
}

impl Network for Pinterest {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    /// Access 30 days; refresh 60 days, renewed by each renewal; what becomes of the old refresh token is not documented,
    /// so it is taken as strict.
    fn facts(&self) -> Facts {
        Facts {
            renewal: RenewalModel::Rotating(Reuse::RevokesFamily),
            access_life: Some(Span::days(30)),
            refresh_life: Some(Span::days(60)),
            ..Facts::unknown()
        }
    }

    fn begin<'a>(&'a self, cx: Cx<'a>, _: &'a dyn Wire, start: &'a Start) -> BoxFuture<'a, Result<Authorization, Failure>> {
        let scope = cx.scopes(&ABOUT).join(",");
        let authorization = oauth::authorization(&cx, &Self::url(&cx, "authorize"), &scope, start, &[]);
        Box::pin(async move { Ok(authorization) })
    }

    fn exchange(&self, cx: Cx<'_>, memory: &BTreeMap<String, Secret>, callback: &Callback) -> Result<Request<Bytes>, Failure> {
        let code = oauth::callback_code(cx.now, callback, &[])?;
        // Apps made before 25 September 2025 must ask for continuous refresh; newer ones ignore it.
        let form = [&oauth::code_form(&cx, memory, code)[..], &[("continuous_refresh", "true")]].concat();
        Ok(Self::token_request(&cx, &form))
    }

    fn read_exchange(
        &self,
        cx: Cx<'_>,
        _: &BTreeMap<String, Secret>,
        _: &Callback,
        answer: &Response<Bytes>,
    ) -> Result<Answer<Issued>, Failure> {
        if let Some(issued) = oauth::granted(cx, answer, &cx.scopes(&ABOUT)) {
            return Ok(Answer::Done(issued));
        }
        let (code, evidence) = Self::seen(&cx, Source::Signal, answer);
        Err(match (answer.status().as_u16(), code) {
            (401, 2) => Failure::Misconfigured { evidence },
            (400, _) => Failure::StaleCode { evidence },
            _ => oauth::failed_exchange(cx.now, answer),
        })
    }

    fn renew(&self, cx: Cx<'_>, tokens: &TokenSet) -> Option<Request<Bytes>> {
        Some(Self::token_request(&cx, &oauth::refresh_form(tokens)?))
    }

    fn read_renew(&self, cx: Cx<'_>, tokens: &TokenSet, answer: &Response<Bytes>) -> Answer<Renewal> {
        if Self::is_aside(tokens) {
            return Answer::Done(Renewal::Failed(Self::of_credentials(&cx, Source::Renewal, answer)));
        }
        if Self::is_refused(answer) {
            return Self::ask_for_credentials(&cx);
        }
        let (_, seen) = Self::seen(&cx, Source::Renewal, answer);
        oauth::read_renewal(cx, tokens, answer, |json, _| match (answer.status().as_u16(), json.get("code").and_then(Value::as_i64)?) {
            (400 | 401, _) => Some(Diagnosis::refused(Cause::Unknown, Confidence::Guess, seen.clone())),
            (403, 29) => Some(Diagnosis::misconfigured(seen.clone())),
            _ => None,
        })
    }

    fn probe(&self, cx: Cx<'_>, tokens: &TokenSet) -> Request<Bytes> {
        Self::get(&cx, "/user_account", tokens)
    }

    /// Where our credentials are refused, the token could not be renewed before it ended: that is ours, and no login helps.
    fn read_probe(&self, cx: Cx<'_>, tokens: &TokenSet, answer: &Response<Bytes>) -> Answer<Diagnosis> {
        if Self::is_aside(tokens) {
            return Answer::Done(Self::of_credentials(&cx, Source::Probe, answer));
        }
        if Self::is_refused(answer) && tokens.refresh_token.is_some() {
            return Self::ask_for_credentials(&cx);
        }
        let known = oauth::json(answer).filter(|json| answer.status() == StatusCode::OK && oauth::text(json, "username").is_some());
        Answer::Done(match known {
            Some(_) => Diagnosis::works(oauth::evidence(cx.now, Source::Probe, answer, None, "user_account answered")),
            None => Self::diagnose(&cx, Source::Probe, answer),
        })
    }

    /// Only tokens of system users can be revoked (403 code 29 for ordinary people): the person removes the app.
    fn revoke(&self, _: Cx<'_>, _: &TokenSet) -> Option<Request<Bytes>> {
        None
    }

    fn ended_by_person(&self) -> Option<Rule> {
        Some(ENDED_IN_SETTINGS)
    }

    fn discover<'a>(&'a self, cx: Cx<'a>, wire: &'a dyn Wire, tokens: &'a TokenSet) -> BoxFuture<'a, Result<Discovery, Diagnosis>> {
        Box::pin(boards::list(cx, wire, tokens))
    }

    fn measure(&self, app: &App, target: Target<'_>, draft: Draft<'_>) -> Result<Fit, NotDone> {
        acts::measure(app, target, draft)
    }

    fn takes(&self) -> Option<&'static crate::media::Takes> {
        Some(&media::TAKES)
    }

    fn publish<'a>(&'a self, by: Acting<'a>, post: &'a Post) -> Done<'a, Posted> {
        Box::pin(async move {
            self.check(by.cx.app, by.target, Draft::Post(post))?;
            acts::publish(by, post).await
        })
    }

    fn has_roles(&self) -> bool {
        true
    }
}
