//! Networks that are defined by configuration alone: authorization code with PKCE (RFC 6749, 7636), also pushed (RFC 9126), renewal or
//! extension, revocation (RFC 7009), introspection (RFC 7662) and documents that say who the person is and as what they may act. For
//! networks that are not shipped, and for anything else that speaks OAuth 2.0, also where it has its own way with parameters, tokens and
//! errors. What can be set stands in `docs/own-network.md` and in `settings.rs`.

mod answers;
mod begin;
mod calls;
mod list;
mod settings;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response};
use lifecycle::diagnosis::Diagnosis;
use lifecycle::facts::{Facts, RenewalModel, Reuse};
use lifecycle::secret::{Secret, TokenSet};
use lifecycle::words::{Evidence, Source};
use serde_json::Value;

use crate::network::{
    Ability, About, Answer, App, Asks, Authorization, Callback, Can, Cx, Discovery, ENDED_IN_SETTINGS, Endpoint, Failure, Issued, Network,
    Registration, Renewal, Rule, Start, value,
};
use crate::wire::{BoxFuture, Wire};
use crate::{assertion, oauth};
use answers::{SHORT_REFRESH, SHORT_SCOPES};
use begin::ISS_NOT_SENT;
use settings::Bearer;
pub use settings::check;

/// A note for the second reading of one look, or of one revocation: what was asked last. Never kept with the token set.
const ASKED: &str = "asked";

/// How a network of the configuration is defined, beside its options and endpoints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    /// Its name in configuration and API.
    pub name: String,
    /// What people call it.
    pub title: String,
    /// The scopes to ask for.
    pub scopes: Vec<String>,
    /// What people must know before they leave for it: English and German.
    pub rules: Vec<(String, String)>,
    /// Whether it lists more than the account itself, with roles that can be lost.
    pub has_profiles: bool,
}

/// A network of the configuration.
pub struct OAuth2 {
    about: &'static About,
    /// The file under which the public keys of a client that authenticates by one are published.
    jwks: &'static str,
    defined: Definition,
}

const NOT_KNOWN: Ability = Ability::No {
    en: "This network is defined by configuration: it can be connected, kept alive and lent, not published to.",
    de: "Dieses Netzwerk ist durch Konfiguration beschrieben: es kann verbunden, am Leben gehalten und verliehen werden, nicht bespielt.",
};

const USUAL_RULE: Rule = Rule {
    en: "Log in with the account that is to be connected; one login connects one account.",
    de: "Melden Sie sich mit dem Konto an, das verbunden werden soll; eine Anmeldung verbindet ein Konto.",
};

impl OAuth2 {
    /// A network of that definition. Its texts live as long as the process.
    pub(crate) fn new(defined: Definition) -> Self {
        let keep = |text: &str| -> &'static str { Box::leak(text.to_owned().into_boxed_str()) };
        let scopes: Vec<&'static str> = defined.scopes.iter().map(|scope| keep(scope)).collect();
        let mut rules: Vec<Rule> = defined.rules.iter().map(|(en, de)| Rule { en: keep(en), de: keep(de) }).collect();
        if rules.is_empty() {
            rules.push(USUAL_RULE);
        }
        let about = About {
            name: keep(&defined.name),
            title: keep(&defined.title),
            can: Can { connect: Ability::Yes, publish: NOT_KNOWN, comment: NOT_KNOWN, read_comments: NOT_KNOWN, reply: NOT_KNOWN },
            rules: Box::leak(rules.into_boxed_slice()),
            asks: Asks::Nothing,
            registration: Registration::ByHand,
            scopes: Box::leak(scopes.into_boxed_slice()),
            // Each is off until it is configured.
            endpoints: Box::leak(settings::endpoints().map(|key| Endpoint { key, url: "" }).collect()),
        };
        Self { about: Box::leak(Box::new(about)), jwks: keep(&format!("{}-jwks.json", defined.name)), defined }
    }

    pub(crate) fn is_defined_as(&self, definition: &Definition) -> bool {
        self.defined == *definition
    }

    fn url(&self, cx: &Cx<'_>, key: &str) -> String {
        cx.endpoint(self.about, key).unwrap_or_default()
    }

    fn form(&self, cx: &Cx<'_>, endpoint: &str, parameters: &[(&str, &str)]) -> Request<Bytes> {
        calls::form(cx, &self.url(cx, "token"), &self.url(cx, endpoint), parameters)
    }

    /// A request of the token endpoint, with what the operator adds to each.
    fn token_request(&self, cx: &Cx<'_>, parameters: &[(&str, &str)]) -> Request<Bytes> {
        let all: Vec<(&str, &str)> = parameters.iter().copied().chain(settings::family(&cx.app.options, "token.")).collect();
        self.form(cx, "token", &all)
    }

    /// The cheapest call that shows an access token works.
    fn proof(&self, cx: &Cx<'_>, tokens: &TokenSet) -> Request<Bytes> {
        let key = if cx.endpoint(self.about, "check").is_some() { "check" } else { "userinfo" };
        calls::as_holder(cx, &self.url(cx, key), &tokens.access_token)
    }

    /// What the answer to that says. Errors also come with a good status; a document about somebody has to name them.
    fn read_proof(&self, cx: &Cx<'_>, answer: &Response<Bytes>) -> Diagnosis {
        let Some(json) = oauth::json(answer).filter(|_| answer.status().is_success()) else {
            return answers::diagnose(cx, Source::Probe, answer);
        };
        let code = answers::code_of(cx, &json);
        let seen = oauth::evidence(
            cx.now,
            Source::Probe,
            answer,
            Some(&code).filter(|code| !code.is_empty()).map(String::as_str),
            "the call was answered",
        );
        let names_somebody = answers::text_at(&json, cx.app.options.get("id").map_or("sub", String::as_str)).is_some();
        match answers::by_table(cx, &json, &seen) {
            Some(known) => known,
            None if names_somebody || cx.endpoint(self.about, "check").is_some() => Diagnosis::works(seen),
            None => Diagnosis::transient(oauth::unreadable(cx.now, Source::Probe, answer), None),
        }
    }

    /// The first answer of two, where the network gives the token that lives longer for the one that does not.
    fn ask_for_long_lived(&self, cx: &Cx<'_>, issued: &Issued) -> Option<Answer<Issued>> {
        let url = cx.endpoint(self.about, "long_lived")?;
        let request = Box::new(calls::trade(cx, "long_lived", &url, &issued.tokens.access_token));
        let mut secrets = BTreeMap::from([(SHORT_SCOPES.to_owned(), Secret::new(issued.tokens.scopes.join(" ")))]);
        secrets.extend(issued.tokens.refresh_token.clone().map(|refresh| (SHORT_REFRESH.to_owned(), refresh)));
        Some(Answer::AskAgain { request, notes: BTreeMap::new(), secrets })
    }
}

impl Network for OAuth2 {
    fn about(&self) -> &'static About {
        self.about
    }

    /// Nothing is known: assumed is what is strictest. Lives come from the answers.
    fn facts(&self) -> Facts {
        Facts { renewal: RenewalModel::Rotating(Reuse::RevokesFamily), access_life: None, ..Facts::unknown() }
    }

    fn begin<'a>(&'a self, cx: Cx<'a>, wire: &'a dyn Wire, start: &'a Start) -> BoxFuture<'a, Result<Authorization, Failure>> {
        Box::pin(begin::begin(self, cx, wire, start))
    }

    fn exchange(&self, cx: Cx<'_>, memory: &BTreeMap<String, Secret>, callback: &Callback) -> Result<Request<Bytes>, Failure> {
        if let Some(issuer) = cx.app.options.get("issuer")
            && value(callback, "iss") != Some(issuer)
            // Who says that it sends none, and sends none, is no other than who was asked.
            && !(memory.contains_key(ISS_NOT_SENT) && value(callback, "iss").is_none())
        {
            let words = "the answer names another issuer than the one that was asked";
            return Err(Failure::Suspicious { evidence: Evidence::new(cx.now, Source::Signal, None, Some("iss"), words) });
        }
        let code = oauth::callback_code(cx.now, callback, &[])?;
        Ok(self.token_request(&cx, &oauth::code_form(&cx, memory, code)))
    }

    fn read_exchange(
        &self,
        cx: Cx<'_>,
        memory: &BTreeMap<String, Secret>,
        _: &Callback,
        answer: &Response<Bytes>,
    ) -> Result<Answer<Issued>, Failure> {
        if let Some(kind) = answers::foreign_type(&cx, answer) {
            let words = format!("it issues tokens of the type \"{kind}\"; only bearer tokens can be used here");
            return Err(Failure::Misconfigured { evidence: oauth::evidence(cx.now, Source::Signal, answer, Some("token_type"), &words) });
        }
        let asked = cx.scopes(self.about);
        let issued = answers::granted(cx, answer, &asked).ok_or_else(|| oauth::failed_exchange(cx.now, answer))?;
        if let Some(scopes) = memory.get(SHORT_SCOPES) {
            return Ok(Answer::Done(answers::completed(issued, &asked, scopes.expose(), memory.get(SHORT_REFRESH))));
        }
        Ok(self.ask_for_long_lived(&cx, &issued).unwrap_or(Answer::Done(issued)))
    }

    fn renew(&self, cx: Cx<'_>, tokens: &TokenSet) -> Option<Request<Bytes>> {
        match cx.endpoint(self.about, "extend") {
            Some(url) => Some(calls::trade(&cx, "extend", &url, &tokens.access_token)),
            None => Some(self.token_request(&cx, &oauth::refresh_form(tokens)?)),
        }
    }

    fn read_renew(&self, cx: Cx<'_>, tokens: &TokenSet, answer: &Response<Bytes>) -> Answer<Renewal> {
        Answer::Done(match answers::granted(cx, answer, &tokens.scopes) {
            Some(issued) => Renewal::Renewed(Box::new(issued)),
            None => oauth::failed_renewal(cx.now, answer, |json, seen| answers::by_table(&cx, json, &seen)),
        })
    }

    /// Introspection where the server has it: its own word on a token. Else the cheapest call.
    fn probe(&self, cx: Cx<'_>, tokens: &TokenSet) -> Request<Bytes> {
        match cx.endpoint(self.about, "introspect") {
            Some(_) => self.form(&cx, "introspect", &[("token", tokens.access_token.expose()), ("token_type_hint", "access_token")]),
            None => self.proof(&cx, tokens),
        }
    }

    fn read_probe(&self, cx: Cx<'_>, tokens: &TokenSet, answer: &Response<Bytes>) -> Answer<Diagnosis> {
        if cx.endpoint(self.about, "introspect").is_none() || tokens.notes.contains_key(ASKED) {
            return Answer::Done(self.read_proof(&cx, answer));
        }
        let seen = |words: &str| oauth::evidence(cx.now, Source::Probe, answer, None, words);
        let json = oauth::json(answer).filter(|_| answer.status().is_success());
        Answer::Done(match json.map(|json| json.get("active").and_then(Value::as_bool)) {
            Some(Some(true)) => Diagnosis::works(seen("introspection: active")),
            // RFC 7662 2.2: expired, revoked, unknown to this server, or only not to be seen by us. The resource decides.
            Some(Some(false)) => {
                let notes = BTreeMap::from([(ASKED.to_owned(), "proof".to_owned())]);
                return Answer::AskAgain { request: Box::new(self.proof(&cx, tokens)), notes, secrets: BTreeMap::new() };
            }
            Some(None) => Diagnosis::transient(oauth::unreadable(cx.now, Source::Probe, answer), None),
            // Credentials of ours that are refused say nothing about the person's token.
            None if answer.status() == http::StatusCode::UNAUTHORIZED => Diagnosis::misconfigured(seen("introspection refuses our client")),
            None => answers::diagnose(&cx, Source::Probe, answer),
        })
    }

    fn revoke(&self, cx: Cx<'_>, tokens: &TokenSet) -> Option<Request<Bytes>> {
        cx.endpoint(self.about, "revoke")?;
        let by_access = cx.app.options.get("revoke_token").is_some_and(|which| which == "access");
        let (token, hint) = match tokens.refresh_token.as_ref().filter(|_| !by_access) {
            Some(refresh) => (refresh, "refresh_token"),
            None => (&tokens.access_token, "access_token"),
        };
        Some(self.form(&cx, "revoke", &[("token", token.expose()), ("token_type_hint", hint)]))
    }

    /// RFC 7009 2.2.1: a server may not know how to revoke one of the kinds; the access token is then ended by itself.
    fn read_revoke(&self, cx: Cx<'_>, tokens: &TokenSet, answer: &Response<Bytes>) -> Answer<bool> {
        let json = oauth::json(answer).unwrap_or(Value::Null);
        let unsupported = !answer.status().is_success() && oauth::text(&json, "error") == Some("unsupported_token_type");
        if unsupported && tokens.refresh_token.is_some() && !tokens.notes.contains_key(ASKED) {
            let form = [("token", tokens.access_token.expose()), ("token_type_hint", "access_token")];
            let notes = BTreeMap::from([(ASKED.to_owned(), "access_token".to_owned())]);
            return Answer::AskAgain { request: Box::new(self.form(&cx, "revoke", &form)), notes, secrets: BTreeMap::new() };
        }
        // Some networks say what is wrong with a good status.
        let seen = oauth::evidence(cx.now, Source::Use, answer, None, "revocation");
        Answer::Done(self.is_revoked(answer) && answers::by_table(&cx, &json, &seen).is_none())
    }

    fn ended_by_person(&self) -> Option<Rule> {
        // Whether the operator named a call that revokes stands in the configuration, and nothing promises that it works.
        Some(ENDED_IN_SETTINGS)
    }

    fn own_headers(&self, cx: Cx<'_>) -> Vec<(HeaderName, HeaderValue)> {
        calls::headers(&cx)
    }

    fn discover<'a>(&'a self, cx: Cx<'a>, wire: &'a dyn Wire, tokens: &'a TokenSet) -> BoxFuture<'a, Result<Discovery, Diagnosis>> {
        Box::pin(list::discover(self, cx, wire, tokens))
    }

    fn documents(&self, app: &App) -> Vec<(&'static str, Value)> {
        calls::keys(app).map(|keys| (self.jwks, assertion::jwks(keys))).into_iter().collect()
    }

    /// Calls are passed through with the token in its usual place alone.
    fn api(&self, cx: Cx<'_>, _: &TokenSet) -> Option<String> {
        cx.endpoint(self.about, "api").filter(|_| settings::bearer(&cx.app.options) == Some(Bearer::Usual))
    }

    fn refused_through(&self, cx: Cx<'_>, answer: &Response<Bytes>) -> Option<Diagnosis> {
        let has_table = settings::family(&cx.app.options, "error.").next().is_some();
        has_table.then(|| answers::diagnose(&cx, Source::Use, answer))
    }

    fn has_roles(&self) -> bool {
        self.defined.has_profiles
    }
}
