//! Networks that are defined by configuration alone: authorization code with PKCE (RFC 6749, 7636), renewal, revocation
//! (RFC 7009), introspection (RFC 7662) and a document that says who the person is. For networks that are not shipped, and
//! for anything else that speaks plain OAuth 2.0.
//!
//! Options (`networks.NAME.options`): `client_auth` = `basic`, `post` or `none`; `issuer`, compared with the callback's
//! `iss` (RFC 9207); `id`, `name`, `handle`: JSON pointers or field names in the userinfo document.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{Request, Response};
use lifecycle::diagnosis::Diagnosis;
use lifecycle::facts::{Facts, RenewalModel, Reuse};
use lifecycle::secret::{Secret, TokenSet};
use lifecycle::words::{Cause, Confidence, Evidence, Source};
use serde_json::Value;

use crate::network::{
    Ability, About, Answer, Asks, Authorization, Callback, Can, Cx, Discovery, ENDED_IN_SETTINGS, Endpoint, Failure, Found, Issued, Kind,
    Network, PersonSeen, Registration, Renewal, Rule, Start, value,
};
use crate::oauth;
use crate::wire::{BoxFuture, Wire};

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

    /// RFC 6750 3.1: 401 `invalid_token` is said of expired, revoked and malformed tokens alike.
    fn diagnose(cx: &Cx<'_>, source: Source, answer: &Response<Bytes>) -> Diagnosis {
        let header = answer.headers().get("www-authenticate").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let json = oauth::json(answer).unwrap_or(Value::Null);
        let code = oauth::text(&json, "error")
            .map(str::to_owned)
            .or_else(|| header.split("error=\"").nth(1).and_then(|rest| rest.split('"').next()).map(str::to_owned))
            .unwrap_or_default();
        let words = oauth::text(&json, "error_description").unwrap_or(&code);
        let seen = oauth::evidence(cx.now, source, answer, Some(&code), words);
        match (answer.status().as_u16(), code.as_str()) {
            (401, "" | "invalid_token") => Diagnosis::refused(Cause::Unknown, Confidence::Guess, seen),
            (403, "insufficient_scope") => Diagnosis::refused(Cause::ScopeMissing, Confidence::Certain, seen),
            (400, "invalid_request") => Diagnosis::misconfigured(seen),
            _ => Diagnosis::transient(seen, oauth::retry_after(answer)),
        }
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
        let Some(id) = field("id", "sub") else { return Err(Self::diagnose(&cx, Source::Discovery, &answer)) };
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

    fn begin<'a>(&'a self, cx: Cx<'a>, _: &'a dyn Wire, start: &'a Start) -> BoxFuture<'a, Result<Authorization, Failure>> {
        let scope = cx.scopes(self.about).join(" ");
        // OpenID servers give a refresh token only to an explicit consent.
        let more: &[_] = if scope.split(' ').any(|scope| scope == "offline_access") { &[("prompt", "consent")] } else { &[] };
        let authorization = oauth::authorization_with_proof(&cx, &self.url(&cx, "authorize"), &scope, start, more);
        Box::pin(async move { Ok(authorization) })
    }

    fn exchange(&self, cx: Cx<'_>, memory: &BTreeMap<String, Secret>, callback: &Callback) -> Result<Request<Bytes>, Failure> {
        if let Some(issuer) = cx.app.options.get("issuer")
            && value(callback, "iss") != Some(issuer)
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
        oauth::read_exchange(cx, answer, &cx.scopes(self.about))
    }

    fn renew(&self, cx: Cx<'_>, tokens: &TokenSet) -> Option<Request<Bytes>> {
        Some(self.form(&cx, "token", &oauth::refresh_form(tokens)?))
    }

    fn read_renew(&self, cx: Cx<'_>, tokens: &TokenSet, answer: &Response<Bytes>) -> Answer<Renewal> {
        oauth::read_renewal(cx, tokens, answer, |_, _| None)
    }

    /// Introspection where the server has it: its own word on a token. Else the document about the person.
    fn probe(&self, cx: Cx<'_>, tokens: &TokenSet) -> Request<Bytes> {
        match cx.endpoint(self.about, "introspect") {
            Some(_) => self.form(&cx, "introspect", &[("token", tokens.access_token.expose()), ("token_type_hint", "access_token")]),
            None => self.userinfo(&cx, tokens),
        }
    }

    fn read_probe(&self, cx: Cx<'_>, _: &TokenSet, answer: &Response<Bytes>) -> Answer<Diagnosis> {
        let json = oauth::json(answer).filter(|_| answer.status().is_success());
        let seen = |words: &str| oauth::evidence(cx.now, Source::Probe, answer, None, words);
        let asked_introspection = cx.endpoint(self.about, "introspect").is_some();
        Answer::Done(match json {
            Some(json) if asked_introspection => match json.get("active").and_then(Value::as_bool) {
                Some(true) => Diagnosis::works(seen("introspection: active")),
                // RFC 7662 2.2: expired, revoked, unknown to this server, or not to be seen by us.
                Some(false) => Diagnosis::refused(Cause::Unknown, Confidence::Guess, seen("introspection: not active")),
                None => Diagnosis::transient(oauth::unreadable(cx.now, Source::Probe, answer), None),
            },
            Some(_) => Diagnosis::works(seen("the document about the person was given")),
            // Credentials of ours that are refused say nothing about the person's token.
            None if asked_introspection && answer.status() == http::StatusCode::UNAUTHORIZED => {
                Diagnosis::misconfigured(seen("introspection refuses our client"))
            }
            None => Self::diagnose(&cx, Source::Probe, answer),
        })
    }

    fn revoke(&self, cx: Cx<'_>, tokens: &TokenSet) -> Option<Request<Bytes>> {
        cx.endpoint(self.about, "revoke")?;
        let token = tokens.refresh_token.as_ref().unwrap_or(&tokens.access_token);
        Some(self.form(&cx, "revoke", &[("token", token.expose())]))
    }

    fn ended_by_person(&self) -> Option<Rule> {
        // Whether the operator named a call that revokes stands in the configuration, and nothing promises that it works.
        Some(ENDED_IN_SETTINGS)
    }

    fn discover<'a>(&'a self, cx: Cx<'a>, wire: &'a dyn Wire, tokens: &'a TokenSet) -> BoxFuture<'a, Result<Discovery, Diagnosis>> {
        Box::pin(self.list(cx, wire, tokens))
    }
}
