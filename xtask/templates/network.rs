//! Skeleton Network: one login is one account.
//
// The recipe is in docs/adding-a-network.md. Everything below is plain OAuth 2.0 with PKCE: change what Skeleton Network does otherwise,
// and write down where each fact stands (the network's page, or "(unconfirmed)" and an option).

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{Request, Response};
use lifecycle::diagnosis::Diagnosis;
use lifecycle::facts::{Facts, RenewalModel, Reuse};
use lifecycle::secret::{Secret, TokenSet};
use lifecycle::time::Span;
use lifecycle::words::{Cause, Confidence, Source};
use serde_json::Value;

use crate::network::{
    Ability, About, Answer, Asks, Authorization, Callback, Can, Cx, Discovery, Endpoint, Failure, Found, Issued, Kind, Network, PersonSeen,
    Registration, Renewal, Rule, Start,
};
use crate::oauth;
use crate::wire::{BoxFuture, Wire};

/// The adapter.
pub(crate) struct Skeleton;

/// What is not built yet is refused honestly; replace each by `Ability::Yes` together with its call.
const NOT_YET: Ability =
    Ability::No { en: "Not possible through Skeleton Network here.", de: "Über Skeleton Network hier nicht möglich." };

static ABOUT: About = About {
    name: "skeleton",
    title: "Skeleton Network",
    can: Can { connect: Ability::Yes, publish: NOT_YET, comment: NOT_YET, read_comments: NOT_YET, reply: NOT_YET },
    rules: &[Rule {
        en: "Log in at Skeleton Network with the account that is to be connected; one login connects one account.",
        de: "Melden Sie sich bei Skeleton Network mit dem Konto an, das verbunden werden soll; eine Anmeldung verbindet ein Konto.",
    }],
    asks: Asks::Nothing,
    registration: Registration::ByHand,
    scopes: &["profile"],
    endpoints: &[
        Endpoint { key: "authorize", url: "https://skeleton.example/oauth/authorize" },
        Endpoint { key: "token", url: "https://skeleton.example/oauth/token" },
        Endpoint { key: "revoke", url: "https://skeleton.example/oauth/revoke" },
        Endpoint { key: "me", url: "https://skeleton.example/api/me" },
    ],
};

impl Skeleton {
    fn url(cx: &Cx<'_>, key: &str) -> String {
        cx.endpoint(&ABOUT, key).unwrap_or_default()
    }

    fn form(cx: &Cx<'_>, endpoint: &str, parameters: &[(&str, &str)]) -> Request<Bytes> {
        let mut request = oauth::post_form(&Self::url(cx, endpoint), parameters);
        request.headers_mut().insert("authorization", oauth::basic(&cx.app.client_id, oauth::client_secret(cx)));
        request
    }

    /// The API's errors: (status, code) to what they say of the token. What is not in this table is transient.
    fn diagnose(cx: &Cx<'_>, source: Source, answer: &Response<Bytes>) -> Diagnosis {
        let json = oauth::json(answer).unwrap_or(Value::Null);
        let code = oauth::text(&json, "error").unwrap_or_default();
        let seen = oauth::evidence(cx.now, source, answer, Some(code), oauth::text(&json, "error_description").unwrap_or(code));
        match (answer.status().as_u16(), code) {
            (401, "invalid_token") => Diagnosis::refused(Cause::Unknown, Confidence::Guess, seen),
            (403, "insufficient_scope") => Diagnosis::refused(Cause::ScopeMissing, Confidence::Certain, seen),
            _ => Diagnosis::transient(seen, oauth::retry_after(answer)),
        }
    }

    async fn list(cx: Cx<'_>, wire: &dyn Wire, tokens: &TokenSet) -> Result<Discovery, Diagnosis> {
        let request = oauth::get_bearer(&Self::url(&cx, "me"), &tokens.access_token);
        let answer = wire.send(request).await.map_err(|error| oauth::no_answer(cx.now, Source::Discovery, &error))?;
        let json = oauth::json(&answer).filter(|_| answer.status().is_success()).unwrap_or(Value::Null);
        let Some(id) = oauth::id(&json, "id") else { return Err(Self::diagnose(&cx, Source::Discovery, &answer)) };
        let name = oauth::text(&json, "name").unwrap_or(&id).to_owned();
        let profile = Found {
            network_id: id.clone(),
            kind: Kind::Account,
            name: name.clone(),
            handle: None,
            avatar: None,
            role: "owner".into(),
            parent: None,
            unusable: None,
        };
        Ok(Discovery {
            person: PersonSeen { network_id: id, name, handle: None, across_apps: None },
            profiles: vec![profile],
            all_come_along: false,
        })
    }
}

impl Network for Skeleton {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn facts(&self) -> Facts {
        Facts { renewal: RenewalModel::Rotating(Reuse::RevokesFamily), access_life: Some(Span::hours(1)), ..Facts::unknown() }
    }

    fn begin<'a>(&'a self, cx: Cx<'a>, _: &'a dyn Wire, start: &'a Start) -> BoxFuture<'a, Result<Authorization, Failure>> {
        let scope = cx.scopes(&ABOUT).join(" ");
        let authorization = oauth::authorization_with_proof(&cx, &Self::url(&cx, "authorize"), &scope, start, &[]);
        Box::pin(async move { Ok(authorization) })
    }

    fn exchange(&self, cx: Cx<'_>, memory: &BTreeMap<String, Secret>, callback: &Callback) -> Result<Request<Bytes>, Failure> {
        let code = oauth::callback_code(cx.now, callback, &[])?;
        Ok(Self::form(&cx, "token", &oauth::code_form(&cx, memory, code)))
    }

    fn read_exchange(
        &self,
        cx: Cx<'_>,
        _: &BTreeMap<String, Secret>,
        _: &Callback,
        answer: &Response<Bytes>,
    ) -> Result<Answer<Issued>, Failure> {
        oauth::read_exchange(cx, answer, &cx.scopes(&ABOUT))
    }

    fn renew(&self, cx: Cx<'_>, tokens: &TokenSet) -> Option<Request<Bytes>> {
        Some(Self::form(&cx, "token", &oauth::refresh_form(tokens)?))
    }

    fn read_renew(&self, cx: Cx<'_>, tokens: &TokenSet, answer: &Response<Bytes>) -> Answer<Renewal> {
        oauth::read_renewal(cx, tokens, answer, |_, _| None)
    }

    fn probe(&self, cx: Cx<'_>, tokens: &TokenSet) -> Request<Bytes> {
        oauth::get_bearer(&Self::url(&cx, "me"), &tokens.access_token)
    }

    fn read_probe(&self, cx: Cx<'_>, _: &TokenSet, answer: &Response<Bytes>) -> Answer<Diagnosis> {
        let known = oauth::json(answer).filter(|json| answer.status().is_success() && oauth::id(json, "id").is_some());
        Answer::Done(match known {
            Some(_) => Diagnosis::works(oauth::evidence(cx.now, Source::Probe, answer, None, "me answered")),
            None => Self::diagnose(&cx, Source::Probe, answer),
        })
    }

    fn revoke(&self, cx: Cx<'_>, tokens: &TokenSet) -> Option<Request<Bytes>> {
        let token = tokens.refresh_token.as_ref().unwrap_or(&tokens.access_token);
        Some(Self::form(&cx, "revoke", &[("token", token.expose())]))
    }

    fn discover<'a>(&'a self, cx: Cx<'a>, wire: &'a dyn Wire, tokens: &'a TokenSet) -> BoxFuture<'a, Result<Discovery, Diagnosis>> {
        Box::pin(Self::list(cx, wire, tokens))
    }
}
