//! Mastodon and its kin: many servers, on each of which we register ourselves. Tokens have no end; relatives that send refresh
//! tokens are renewed like any other. Decided by status: texts are translated. Facts: `networks/mastodon` of the knowledge base.

mod acts;
mod finger;
mod limits;
mod registration;

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use lifecycle::diagnosis::Diagnosis;
use lifecycle::facts::{Facts, RenewalModel, Reuse};
use lifecycle::secret::{Secret, TokenSet};
use lifecycle::time::Timestamp;
use lifecycle::words::{Cause, Confidence, Source};
use serde_json::Value;
use url::{Host, Url};

use crate::acting::{Acting, Comments, Done, Draft, Fit, NotDone, Post, Posted, Target};
use crate::network::{
    Ability, About, Answer, App, Asks, Authorization, Callback, Can, CauseWords, Cx, Discovery, Endpoint, Failure, Found, Issued, Kind,
    Network, PersonSeen, Registration, Renewal, Rule, Start, Words,
};
use crate::wire::{BoxFuture, Wire};
use crate::{moment, oauth};
use limits::Limits;

/// A note: the client that a token was issued to. Its secret is the token set's second one.
const CLIENT: &str = "client_id";

/// The adapter.
pub(crate) struct Mastodon;

static ABOUT: About = About {
    name: "mastodon",
    title: "Mastodon",
    can: Can { connect: Ability::Yes, publish: Ability::Yes, comment: Ability::Yes, read_comments: Ability::Yes, reply: Ability::Yes },
    rules: &[
        Rule {
            en: "Name the server on which the account lives, such as mastodon.social. Servers that speak the same language work too.",
            de: "Nennen Sie den Server, auf dem das Konto liegt, etwa mastodon.social. Server, die dieselbe Sprache sprechen, gehen auch.",
        },
        Rule {
            en: "The connection has no end date. It ends when you remove the app in your settings there, or when the password is reset by mail.",
            de: "Die Verbindung hat kein Enddatum. Sie endet, wenn Sie die App in Ihren Einstellungen dort entfernen oder das Passwort per Mail zurückgesetzt wird.",
        },
    ],
    asks: Asks::Instance,
    registration: Registration::AtInstance,
    scopes: &["read:accounts", "read:statuses", "read:search", "write:statuses", "write:media"],
    endpoints: &[
        Endpoint { key: "apps", url: "https://{instance}/api/v1/apps" },
        Endpoint { key: "authorize", url: "https://{instance}/oauth/authorize" },
        Endpoint { key: "token", url: "https://{instance}/oauth/token" },
        Endpoint { key: "revoke", url: "https://{instance}/oauth/revoke" },
        Endpoint { key: "api", url: "https://{instance}/api" },
        Endpoint { key: "webfinger", url: "https://{instance}/.well-known/webfinger" },
        Endpoint { key: "metadata", url: "https://{instance}/.well-known/oauth-authorization-server" },
    ],
};

impl Mastodon {
    fn url(cx: &Cx<'_>, key: &str) -> String {
        cx.endpoint(&ABOUT, key).unwrap_or_default()
    }

    fn get(cx: &Cx<'_>, path: &str, tokens: &TokenSet) -> Request<Bytes> {
        oauth::get_bearer(&format!("{}{path}", Self::url(cx, "api")), &tokens.access_token)
    }

    fn form(cx: &Cx<'_>, endpoint: &str, parameters: &[(&str, &str)]) -> Request<Bytes> {
        Self::form_of((&cx.app.client_id, oauth::client_secret(cx)), &Self::url(cx, endpoint), parameters)
    }

    fn form_of((id, secret): (&str, &str), url: &str, parameters: &[(&str, &str)]) -> Request<Bytes> {
        let all: Vec<(&str, &str)> = parameters.iter().copied().chain([("client_id", id), ("client_secret", secret)]).collect();
        oauth::post_form(url, &all)
    }

    /// The status decides: texts come in the language of the account. Where they are English they say it more exactly, and the
    /// scopes that were granted tell a missing one from a frozen account in every language.
    fn diagnose(cx: &Cx<'_>, source: Source, tokens: &TokenSet, answer: &Response<Bytes>) -> Diagnosis {
        let json = oauth::json(answer).unwrap_or(Value::Null);
        let Some(words) = oauth::text(&json, "error") else {
            return Diagnosis::transient(oauth::unreadable(cx.now, source, answer), wait(cx.now, answer));
        };
        let status = answer.status().as_u16();
        let seen = oauth::evidence(cx.now, source, answer, Some(&status.to_string()), words);
        let says = |part: &str| words.contains(part);
        match status {
            401 if says("token was revoked") => Diagnosis::refused(Cause::RevokedByPerson, Confidence::Likely, seen),
            // Other software; Mastodon's own have no end.
            401 if says("token expired") => Diagnosis::refused(Cause::Expired, Confidence::Likely, seen),
            401 => Diagnosis::refused(Cause::RevokedByPerson, Confidence::Guess, seen),
            403 if says("outside the authorized scopes") => Diagnosis::refused(Cause::ScopeMissing, Confidence::Likely, seen),
            403 if ["currently disabled", "confirmed e-mail", "pending approval", "two-factor"].into_iter().any(says) => {
                Diagnosis::refused(Cause::PersonBlocked, Confidence::Likely, seen)
            }
            // Policy, or a limited account: this act, not the token.
            403 if source == Source::Use && says("action is not allowed") => Diagnosis::transient(seen, None),
            403 if source != Source::Use && !may_see_account(&tokens.scopes) => {
                Diagnosis::refused(Cause::ScopeMissing, Confidence::Likely, seen)
            }
            // In another language: of an act it may be the act alone, which the look that follows finds out.
            403 => Diagnosis::refused(Cause::PersonBlocked, Confidence::Guess, seen),
            // An app's token where a person's is wanted; of an act it is the act that is not valid.
            422 if source != Source::Use => Diagnosis::misconfigured(seen),
            410 => Diagnosis::refused(Cause::PersonBlocked, Confidence::Likely, seen),
            _ => Diagnosis::transient(seen, wait(cx.now, answer)),
        }
    }

    async fn list(cx: Cx<'_>, wire: &dyn Wire, tokens: &TokenSet) -> Result<Discovery, Diagnosis> {
        let request = Self::get(&cx, "/v1/accounts/verify_credentials", tokens);
        let answer = wire.send(request).await.map_err(|error| oauth::no_answer(cx.now, Source::Discovery, &error))?;
        let json: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
        let Some(id) = oauth::id(&json, "id").filter(|_| answer.status() == StatusCode::OK) else {
            return Err(Self::diagnose(&cx, Source::Discovery, tokens, &answer));
        };
        let domain = domain(cx, wire).await?;
        let handle = oauth::text(&json, "acct").map(|acct| format!("@{acct}@{domain}"));
        let name = oauth::text(&json, "display_name").or(handle.as_deref()).unwrap_or(&id).to_owned();
        let profile = Found {
            network_id: id.clone(),
            kind: Kind::Account,
            name: name.clone(),
            handle: handle.clone(),
            avatar: oauth::text(&json, "avatar").map(str::to_owned),
            role: "owner".into(),
            parent: None,
            unusable: None,
        };
        Ok(Discovery {
            person: PersonSeen { network_id: id, name, handle, across_apps: None },
            profiles: vec![profile],
            all_come_along: false,
        })
    }
}

/// The domain by which accounts of this server are called: where it is not the server's own name, the server says so. Trouble is no
/// answer: a handle does not change for a day because of it.
async fn domain(cx: Cx<'_>, wire: &dyn Wire) -> Result<String, Diagnosis> {
    let answer = wire.send(limits::public(&cx, "v2")).await.map_err(|error| oauth::no_answer(cx.now, Source::Discovery, &error))?;
    if oauth::is_trouble(answer.status()) {
        return Err(Diagnosis::transient(oauth::unreadable(cx.now, Source::Discovery, &answer), wait(cx.now, &answer)));
    }
    let said = oauth::json(&answer).filter(|_| answer.status() == StatusCode::OK);
    let said = said.and_then(|json| host(oauth::text(&json, "domain")?));
    Ok(said.unwrap_or_else(|| cx.app.instance.clone()))
}

/// Whether these scopes let the account be seen, one by one or in the broad form. Where none are known nothing is concluded.
fn may_see_account(scopes: &[String]) -> bool {
    scopes.is_empty() || scopes.iter().any(|scope| matches!(scope.as_str(), "read" | "profile" | "read:accounts"))
}

/// The client that a token was issued to: an instance may have been given another since, which can neither renew nor revoke it.
fn issued_to(cx: &Cx<'_>, tokens: &TokenSet) -> (String, Secret) {
    let noted = tokens.notes.get(CLIENT).cloned().zip(tokens.token_secret.clone());
    noted.unwrap_or_else(|| (cx.app.client_id.clone(), Secret::new(oauth::client_secret(cx))))
}

/// When the window of a rate limit ends: a moment here, not a number of seconds.
fn wait(now: Timestamp, answer: &Response<Bytes>) -> Option<lifecycle::time::Span> {
    let text = |name: &str| answer.headers().get(name)?.to_str().ok();
    let reset = || {
        let reset = moment::rfc3339(text("x-ratelimit-reset")?).filter(|_| answer.status() == StatusCode::TOO_MANY_REQUESTS)?;
        (reset > now).then(|| reset.since(now))
    };
    oauth::retry_after(answer).or_else(reset)
}

/// The host that was meant: `mastodon.social`, `https://mastodon.social/`, `@ana@mastodon.social`, `ana@mastodon.social`.
fn host(typed: &str) -> Option<String> {
    let typed = typed.trim();
    let named = finger::handle(typed).map_or(typed, |(_, domain)| domain);
    let named = if named.contains("://") { named.to_owned() } else { format!("https://{named}") };
    let url = Url::parse(&named)
        .ok()
        .filter(|url| matches!(url.scheme(), "https" | "http") && url.username().is_empty() && url.password().is_none())?;
    let is_name =
        matches!(url.host(), Some(Host::Domain(name)) if name.contains('.') || name == "localhost") || url.host_str() == Some("127.0.0.1");
    let host = url.host_str().filter(|_| is_name && url.query().is_none() && url.fragment().is_none())?;
    Some(url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
}

impl Network for Mastodon {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    /// No end and no refresh token at Mastodon itself; what relatives send is believed, as the strictest.
    fn facts(&self) -> Facts {
        Facts { renewal: RenewalModel::Rotating(Reuse::RevokesFamily), access_life: None, ..Facts::unknown() }
    }

    fn instance(&self, hint: Option<&str>) -> Result<String, Words> {
        host(hint.unwrap_or_default()).ok_or_else(|| {
            Words::new(
                "This is no name of a server. Write it like mastodon.social or @name@mastodon.social.",
                "Das ist kein Name eines Servers. Schreiben Sie ihn wie mastodon.social oder @name@mastodon.social.",
            )
        })
    }

    fn server_of<'a>(&'a self, cx: Cx<'a>, wire: &'a dyn Wire, hint: &'a str) -> BoxFuture<'a, Option<String>> {
        Box::pin(finger::server_of(cx, wire, hint))
    }

    fn learn<'a>(&'a self, cx: Cx<'a>, wire: &'a dyn Wire) -> BoxFuture<'a, BTreeMap<String, String>> {
        Box::pin(limits::learn(cx, wire))
    }

    fn begin<'a>(&'a self, cx: Cx<'a>, wire: &'a dyn Wire, start: &'a Start) -> BoxFuture<'a, Result<Authorization, Failure>> {
        Box::pin(registration::start(cx, wire, start))
    }

    fn exchange(&self, cx: Cx<'_>, memory: &BTreeMap<String, Secret>, callback: &Callback) -> Result<Request<Bytes>, Failure> {
        registration::check_issuer(&cx, memory, callback)?;
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
        let mut read = oauth::read_exchange(cx, answer, &cx.scopes(&ABOUT))?;
        if let Answer::Done(issued) = &mut read {
            issued.tokens.notes.insert(CLIENT.into(), cx.app.client_id.clone());
            issued.tokens.token_secret.clone_from(&cx.app.client_secret);
        }
        Ok(read)
    }

    fn renew(&self, cx: Cx<'_>, tokens: &TokenSet) -> Option<Request<Bytes>> {
        let (id, secret) = issued_to(&cx, tokens);
        Some(Self::form_of((&id, secret.expose()), &Self::url(&cx, "token"), &oauth::refresh_form(tokens)?))
    }

    fn read_renew(&self, cx: Cx<'_>, tokens: &TokenSet, answer: &Response<Bytes>) -> Answer<Renewal> {
        oauth::read_renewal(cx, tokens, answer, |_, _| None)
    }

    fn probe(&self, cx: Cx<'_>, tokens: &TokenSet) -> Request<Bytes> {
        Self::get(&cx, "/v1/accounts/verify_credentials", tokens)
    }

    fn read_probe(&self, cx: Cx<'_>, tokens: &TokenSet, answer: &Response<Bytes>) -> Answer<Diagnosis> {
        let known = oauth::json(answer).filter(|json| answer.status() == StatusCode::OK && oauth::id(json, "id").is_some());
        Answer::Done(match known {
            Some(_) => Diagnosis::works(oauth::evidence(cx.now, Source::Probe, answer, None, "verify_credentials answered")),
            None => Self::diagnose(&cx, Source::Probe, tokens, answer),
        })
    }

    /// A password that is changed in the settings ends nothing there.
    fn words_on(&self, cause: Cause) -> Option<CauseWords> {
        (cause == Cause::RevokedByPerson).then_some(CauseWords {
            happened: Rule {
                en: "The server no longer takes the access of {person}: our app was removed there under authorised apps, or the password was reset by mail.",
                de: "Der Server nimmt den Zugang von {person} nicht mehr an: unsere App wurde dort unter den autorisierten Anwendungen entfernt, oder das Passwort wurde per Mail zurückgesetzt.",
            },
            todo: None,
        })
    }

    /// Mastodon is made with Rails, which takes `_method` out of multipart bodies as well (`Rack::MethodOverride`); Pixelfed, which speaks
    /// the same, with Laravel, which takes it out of JSON too.
    fn steered_by(&self) -> Option<&'static [&'static str]> {
        Some(&[])
    }

    /// Ends this token; the app stays in the person's list of authorised apps there. Relatives want the bearer as well.
    fn revoke(&self, cx: Cx<'_>, tokens: &TokenSet) -> Option<Request<Bytes>> {
        let (id, secret) = issued_to(&cx, tokens);
        let form = [("token", tokens.access_token.expose())];
        let mut request = Self::form_of((&id, secret.expose()), &Self::url(&cx, "revoke"), &form);
        request.headers_mut().insert("authorization", oauth::sensitive(&format!("Bearer {}", tokens.access_token.expose())));
        Some(request)
    }

    fn discover<'a>(&'a self, cx: Cx<'a>, wire: &'a dyn Wire, tokens: &'a TokenSet) -> BoxFuture<'a, Result<Discovery, Diagnosis>> {
        Box::pin(Self::list(cx, wire, tokens))
    }

    fn measure(&self, app: &App, _: Target<'_>, draft: Draft<'_>) -> Result<Fit, NotDone> {
        acts::measure(&Limits::handed(&app.options), draft)
    }

    fn look<'a>(&'a self, by: Acting<'a>, _: &'a Post, since: Timestamp) -> Done<'a, Option<Posted>> {
        Box::pin(async move { acts::look(by, since) })
    }

    fn publish<'a>(&'a self, by: Acting<'a>, post: &'a Post) -> Done<'a, Posted> {
        Box::pin(async move {
            self.check(by.cx.app, by.target, Draft::Post(post))?;
            acts::publish(by, post).await
        })
    }

    fn comments<'a>(&'a self, by: Acting<'a>, post: &'a str) -> Done<'a, Comments> {
        Box::pin(acts::comments(by, post))
    }

    fn comment<'a>(&'a self, by: Acting<'a>, post: &'a str, in_reply_to: Option<&'a str>, text: &'a str) -> Done<'a, Posted> {
        Box::pin(async move {
            self.check(by.cx.app, by.target, Draft::Comment { in_reply_to, text })?;
            acts::comment(by, in_reply_to.unwrap_or(post), text).await
        })
    }
}

#[cfg(test)]
mod tests;
