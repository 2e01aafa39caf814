//! Networks that are defined by configuration alone: authorization code with PKCE (RFC 6749, 7636), renewal, revocation
//! (RFC 7009), introspection (RFC 7662) and a document that says who the person is. For networks that are not shipped, and
//! for anything else that speaks plain OAuth 2.0.
//!
//! Options (`networks.NAME.options`): `client_auth` = `basic`, `post` or `none`; `issuer`, whose own metadata (RFC 8414) must
//! agree and which is compared with the callback's `iss` (RFC 9207); `id`, `name`, `handle`: JSON pointers or field names in the
//! userinfo document.

mod answers;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{Request, Response};
use lifecycle::diagnosis::Diagnosis;
use lifecycle::facts::{Facts, RenewalModel, Reuse};
use lifecycle::secret::{Secret, TokenSet};
use lifecycle::words::{Evidence, Source};
use serde_json::Value;

use crate::network::{
    Ability, About, Answer, Asks, Authorization, Callback, Can, Cx, Discovery, ENDED_IN_SETTINGS, Endpoint, Failure, Found, Issued, Kind,
    Network, PersonSeen, Registration, Renewal, Rule, Start, value,
};
use crate::oauth;
use crate::wire::{BoxFuture, Wire};

/// What is remembered of the issuer's metadata: whether it says that it puts no `iss` into its answers.
const ISS_NOT_SENT: &str = "iss_not_sent";
/// A note for the second reading of one look, or of one revocation: what was asked last. Never kept with the token set.
const ASKED: &str = "asked";

/// A network of the configuration.
pub struct OAuth2 {
    about: &'static About,
}

const NOT_KNOWN: Ability = Ability::No {
    en: "This network is defined by configuration: it can be connected, kept alive and lent, not published to.",
    de: "Dieses Netzwerk ist durch Konfiguration beschrieben: es kann verbunden, am Leben gehalten und verliehen werden, nicht bespielt.",
};

const OFF: [Endpoint; 5] = [
    Endpoint { key: "authorize", url: "" },
    Endpoint { key: "token", url: "" },
    Endpoint { key: "userinfo", url: "" },
    Endpoint { key: "introspect", url: "" },
    Endpoint { key: "revoke", url: "" },
];

/// The endpoints without which a network of the configuration cannot be connected.
pub const NEEDED: [&str; 3] = ["authorize", "token", "userinfo"];

impl OAuth2 {
    /// A network of that name. Its texts live as long as the process.
    pub(crate) fn new(name: &str, title: &str, scopes: &[String]) -> Self {
        let keep = |text: &str| -> &'static str { Box::leak(text.to_owned().into_boxed_str()) };
        let scopes: Vec<&'static str> = scopes.iter().map(|scope| keep(scope)).collect();
        let about = About {
            name: keep(name),
            title: keep(title),
            can: Can { connect: Ability::Yes, publish: NOT_KNOWN, comment: NOT_KNOWN, read_comments: NOT_KNOWN, reply: NOT_KNOWN },
            rules: &[Rule {
                en: "Log in with the account that is to be connected; one login connects one account.",
                de: "Melden Sie sich mit dem Konto an, das verbunden werden soll; eine Anmeldung verbindet ein Konto.",
            }],
            asks: Asks::Nothing,
            registration: Registration::ByHand,
            scopes: Box::leak(scopes.into_boxed_slice()),
            endpoints: &OFF,
        };
        Self { about: Box::leak(Box::new(about)) }
    }

    pub(crate) fn is_defined_as(&self, title: &str, scopes: &[String]) -> bool {
        self.about.title == title && self.about.scopes.iter().eq(scopes.iter())
    }

    fn url(&self, cx: &Cx<'_>, key: &str) -> String {
        cx.endpoint(self.about, key).unwrap_or_default()
    }

    /// A form that says who we are, in the way the server wants to hear it (RFC 6749 2.3.1).
    fn form(&self, cx: &Cx<'_>, endpoint: &str, parameters: &[(&str, &str)]) -> Request<Bytes> {
        let url = self.url(cx, endpoint);
        let mut all = parameters.to_vec();
        let auth = cx.app.options.get("client_auth").map_or("basic", String::as_str);
        if auth != "basic" {
            all.push(("client_id", &cx.app.client_id));
        }
        if auth == "post" {
            all.push(("client_secret", oauth::client_secret(cx)));
        }
        let mut request = oauth::post_form(&url, &all);
        if auth == "basic" {
            request.headers_mut().insert("authorization", oauth::basic(&cx.app.client_id, oauth::client_secret(cx)));
        }
        request
    }

    fn userinfo(&self, cx: &Cx<'_>, tokens: &TokenSet) -> Request<Bytes> {
        oauth::get_bearer(&self.url(cx, "userinfo"), &tokens.access_token)
    }

    /// The issuer's own metadata (RFC 8414 section 3, or OpenID Connect Discovery): it must name itself as configured. Where it is
    /// not offered nothing is learned.
    async fn issuer_says(cx: &Cx<'_>, wire: &dyn Wire, issuer: &str) -> Result<Option<Value>, Failure> {
        let Ok(mut inserted) = url::Url::parse(issuer) else { return Ok(None) };
        let path = inserted.path().trim_end_matches('/').to_owned();
        inserted.set_path(&format!("/.well-known/oauth-authorization-server{path}"));
        let appended = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        for address in [inserted.as_str(), &appended] {
            let Ok(request) = Request::get(address).header("accept", "application/json").body(Bytes::new()) else { continue };
            let Ok(answer) = wire.send(request).await else { continue };
            let Some(json) = oauth::json(&answer).filter(|_| answer.status().is_success()) else { continue };
            if oauth::text(&json, "issuer") != Some(issuer) {
                let words = "the metadata of the issuer names another issuer than the option \"issuer\"";
                return Err(Failure::Misconfigured { evidence: oauth::evidence(cx.now, Source::Signal, &answer, Some("issuer"), words) });
            }
            return Ok(Some(json));
        }
        Ok(None)
    }

    async fn list(&self, cx: Cx<'_>, wire: &dyn Wire, tokens: &TokenSet) -> Result<Discovery, Diagnosis> {
        let answer = wire.send(self.userinfo(&cx, tokens)).await.map_err(|error| oauth::no_answer(cx.now, Source::Discovery, &error))?;
        let json = oauth::json(&answer).filter(|_| answer.status().is_success());
        let field = |name: &str, usual: &str| {
            let pointer = cx.app.options.get(name).map_or(usual, String::as_str);
            let pointer = if pointer.starts_with('/') { pointer.to_owned() } else { format!("/{pointer}") };
            match json.as_ref().and_then(|json| json.pointer(&pointer)) {
                Some(Value::String(text)) if !text.is_empty() => Some(text.clone()),
                Some(Value::Number(number)) => Some(number.to_string()),
                _ => None,
            }
        };
        let Some(id) = field("id", "sub") else { return Err(answers::diagnose(&cx, Source::Discovery, &answer)) };
        let (name, handle) = (field("name", "name").unwrap_or_else(|| id.clone()), field("handle", "preferred_username"));
        let profile = Found {
            network_id: id.clone(),
            kind: Kind::Account,
            name: name.clone(),
            handle: handle.clone(),
            avatar: field("picture", "picture"),
            role: "owner".into(),
            parent: None,
            unusable: None,
        };
        Ok(Discovery { person: PersonSeen { network_id: id, name, handle }, profiles: vec![profile], all_come_along: false })
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
        let scope = cx.scopes(self.about).join(" ");
        // OpenID servers give a refresh token only to an explicit consent.
        let more: &[_] = if scope.split(' ').any(|scope| scope == "offline_access") { &[("prompt", "consent")] } else { &[] };
        let mut authorization = oauth::authorization_with_proof(&cx, &self.url(&cx, "authorize"), &scope, start, more);
        Box::pin(async move {
            let Some(issuer) = cx.app.options.get("issuer") else { return Ok(authorization) };
            let metadata = Self::issuer_says(&cx, wire, issuer).await?;
            let sends = |json: &Value| json.get("authorization_response_iss_parameter_supported").and_then(Value::as_bool) == Some(true);
            if metadata.is_some_and(|json| !sends(&json)) {
                authorization.memory.insert(ISS_NOT_SENT.into(), Secret::new("true"));
            }
            Ok(authorization)
        })
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
        Ok(self.form(&cx, "token", &oauth::code_form(&cx, memory, code)))
    }

    fn read_exchange(
        &self,
        cx: Cx<'_>,
        _: &BTreeMap<String, Secret>,
        _: &Callback,
        answer: &Response<Bytes>,
    ) -> Result<Answer<Issued>, Failure> {
        if let Some(kind) = answers::foreign_type(answer) {
            let words = format!("it issues tokens of the type \"{kind}\"; only bearer tokens can be used here");
            return Err(Failure::Misconfigured { evidence: oauth::evidence(cx.now, Source::Signal, answer, Some("token_type"), &words) });
        }
        let asked = cx.scopes(self.about);
        let issued = answers::granted(cx, answer, &asked).map(Answer::Done);
        issued.ok_or_else(|| oauth::failed_exchange(cx.now, answer))
    }

    fn renew(&self, cx: Cx<'_>, tokens: &TokenSet) -> Option<Request<Bytes>> {
        Some(self.form(&cx, "token", &oauth::refresh_form(tokens)?))
    }

    fn read_renew(&self, cx: Cx<'_>, tokens: &TokenSet, answer: &Response<Bytes>) -> Answer<Renewal> {
        Answer::Done(match answers::granted(cx, answer, &tokens.scopes) {
            Some(issued) => Renewal::Renewed(Box::new(issued)),
            None => oauth::failed_renewal(cx.now, answer, |_, _| None),
        })
    }

    /// Introspection where the server has it: its own word on a token. Else the document about the person.
    fn probe(&self, cx: Cx<'_>, tokens: &TokenSet) -> Request<Bytes> {
        match cx.endpoint(self.about, "introspect") {
            Some(_) => self.form(&cx, "introspect", &[("token", tokens.access_token.expose()), ("token_type_hint", "access_token")]),
            None => self.userinfo(&cx, tokens),
        }
    }

    fn read_probe(&self, cx: Cx<'_>, tokens: &TokenSet, answer: &Response<Bytes>) -> Answer<Diagnosis> {
        let json = oauth::json(answer).filter(|_| answer.status().is_success());
        let seen = |words: &str| oauth::evidence(cx.now, Source::Probe, answer, None, words);
        let asked_introspection = cx.endpoint(self.about, "introspect").is_some() && !tokens.notes.contains_key(ASKED);
        Answer::Done(match json {
            Some(json) if asked_introspection => match json.get("active").and_then(Value::as_bool) {
                Some(true) => Diagnosis::works(seen("introspection: active")),
                // RFC 7662 2.2: expired, revoked, unknown to this server, or only not to be seen by us. The resource decides.
                Some(false) => {
                    let notes = BTreeMap::from([(ASKED.to_owned(), "userinfo".to_owned())]);
                    return Answer::AskAgain { request: Box::new(self.userinfo(&cx, tokens)), notes, secrets: BTreeMap::new() };
                }
                None => Diagnosis::transient(oauth::unreadable(cx.now, Source::Probe, answer), None),
            },
            Some(_) => Diagnosis::works(seen("the document about the person was given")),
            // Credentials of ours that are refused say nothing about the person's token.
            None if asked_introspection && answer.status() == http::StatusCode::UNAUTHORIZED => {
                Diagnosis::misconfigured(seen("introspection refuses our client"))
            }
            None => answers::diagnose(&cx, Source::Probe, answer),
        })
    }

    fn revoke(&self, cx: Cx<'_>, tokens: &TokenSet) -> Option<Request<Bytes>> {
        cx.endpoint(self.about, "revoke")?;
        let (token, hint) = match &tokens.refresh_token {
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
        Answer::Done(self.is_revoked(answer))
    }

    fn ended_by_person(&self) -> Option<Rule> {
        // Whether the operator named a call that revokes stands in the configuration, and nothing promises that it works.
        Some(ENDED_IN_SETTINGS)
    }

    fn discover<'a>(&'a self, cx: Cx<'a>, wire: &'a dyn Wire, tokens: &'a TokenSet) -> BoxFuture<'a, Result<Discovery, Diagnosis>> {
        Box::pin(self.list(cx, wire, tokens))
    }
}
