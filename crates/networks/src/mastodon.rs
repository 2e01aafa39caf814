//! Mastodon and its kin: many servers, on each of which we register ourselves. Tokens have no end; relatives that send refresh
//! tokens are renewed like any other. Decided by status: texts are translated. Facts: `networks/mastodon` of the knowledge base.

mod acts;

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

use crate::acting::{Acting, Comment, Done, Post, Posted};
use crate::network::{
    Ability, About, Answer, App, Asks, Authorization, Callback, Can, Cx, Discovery, Endpoint, Failure, Found, Issued, Kind, Network,
    PersonSeen, Registered, Registration, Renewal, Rule, Start, Words,
};
use crate::wire::{BoxFuture, Wire};
use crate::{moment, oauth};

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
    scopes: &["read:accounts", "read:statuses", "write:statuses", "write:media"],
    endpoints: &[
        Endpoint { key: "apps", url: "https://{instance}/api/v1/apps" },
        Endpoint { key: "authorize", url: "https://{instance}/oauth/authorize" },
        Endpoint { key: "token", url: "https://{instance}/oauth/token" },
        Endpoint { key: "revoke", url: "https://{instance}/oauth/revoke" },
        Endpoint { key: "api", url: "https://{instance}/api" },
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
        let client = [("client_id", cx.app.client_id.as_str()), ("client_secret", oauth::client_secret(cx))];
        let all: Vec<(&str, &str)> = parameters.iter().copied().chain(client).collect();
        oauth::post_form(&Self::url(cx, endpoint), &all)
    }

    /// Status alone: one text for removed, reset and never there, in the language of the account.
    fn diagnose(cx: &Cx<'_>, source: Source, answer: &Response<Bytes>) -> Diagnosis {
        let json = oauth::json(answer).unwrap_or(Value::Null);
        let Some(words) = oauth::text(&json, "error") else {
            return Diagnosis::transient(oauth::unreadable(cx.now, source, answer), wait(cx.now, answer));
        };
        let status = answer.status().as_u16();
        let seen = oauth::evidence(cx.now, source, answer, Some(&status.to_string()), words);
        match status {
            401 => Diagnosis::refused(Cause::RevokedByPerson, Confidence::Guess, seen),
            // Frozen, not yet confirmed, or a scope that is missing: the stored scopes tell the last apart.
            403 if source != Source::Use => Diagnosis::refused(Cause::PersonBlocked, Confidence::Guess, seen),
            // An app's token where a person's is wanted; of an act it is the act that is not valid.
            422 if source != Source::Use => Diagnosis::misconfigured(seen),
            410 => Diagnosis::refused(Cause::PersonBlocked, Confidence::Likely, seen),
            _ => Diagnosis::transient(seen, wait(cx.now, answer)),
        }
    }

    /// Registers us at the instance: once, not per login (registration is throttled there).
    async fn register(cx: Cx<'_>, wire: &dyn Wire) -> Result<Registered, Failure> {
        let name = cx.app.options.get("client_name").map_or("Staygreen", String::as_str);
        let scopes = cx.scopes(&ABOUT).join(" ");
        // As form with line breaks: the one spelling that every server understands.
        let form = [("client_name", name), ("redirect_uris", cx.app.redirect_uri.as_str()), ("scopes", &scopes)];
        let request = oauth::post_form(&Self::url(&cx, "apps"), &form);
        let answer = wire.send(request).await.map_err(|error| oauth::unavailable(cx.now, &error))?;
        let json = oauth::json(&answer).filter(|_| answer.status().is_success()).unwrap_or(Value::Null);
        match (oauth::text(&json, "client_id"), oauth::text(&json, "client_secret")) {
            (Some(id), Some(secret)) => Ok(Registered { client_id: id.to_owned(), client_secret: Secret::new(secret) }),
            _ if oauth::is_trouble(answer.status()) => {
                Err(Failure::Unavailable { evidence: oauth::unreadable(cx.now, Source::Signal, &answer) })
            }
            _ => {
                let words = Words::new(
                    format!("{} does not answer like a Mastodon server. Check the name of the server.", cx.app.instance),
                    format!("{} antwortet nicht wie ein Mastodon-Server. Prüfen Sie den Namen des Servers.", cx.app.instance),
                );
                Err(Failure::BadHint { words })
            }
        }
    }

    /// Whether the instance still knows us: servers have swept registered apps away. Trouble is no answer, and changes nothing.
    async fn is_known(cx: Cx<'_>, wire: &dyn Wire) -> bool {
        let scopes = cx.scopes(&ABOUT).join(" ");
        let form = [("grant_type", "client_credentials"), ("redirect_uri", cx.app.redirect_uri.as_str()), ("scope", &scopes)];
        let request = Self::form(&cx, "token", &form);
        let Ok(answer) = wire.send(request).await else { return true };
        let json = oauth::json(&answer).unwrap_or(Value::Null);
        !(answer.status() == StatusCode::UNAUTHORIZED && oauth::text(&json, "error") == Some("invalid_client"))
    }

    async fn start(cx: Cx<'_>, wire: &dyn Wire, start: &Start) -> Result<Authorization, Failure> {
        let registered =
            if cx.app.client_id.is_empty() || !Self::is_known(cx, wire).await { Some(Self::register(cx, wire).await?) } else { None };
        let app = registered.as_ref().map(|made| App { client_id: made.client_id.clone(), ..cx.app.clone() });
        let cx = Cx { app: app.as_ref().unwrap_or(cx.app), ..cx };
        // The right account has to be chosen, whoever the browser is signed in as.
        let more: &[_] = if start.expected_person.is_some() { &[("force_login", "true")] } else { &[] };
        let scope = cx.scopes(&ABOUT).join(" ");
        let authorization = oauth::authorization_with_proof(&cx, &Self::url(&cx, "authorize"), &scope, start, more);
        Ok(Authorization { registered, ..authorization })
    }

    async fn list(cx: Cx<'_>, wire: &dyn Wire, tokens: &TokenSet) -> Result<Discovery, Diagnosis> {
        let request = Self::get(&cx, "/v1/accounts/verify_credentials", tokens);
        let answer = wire.send(request).await.map_err(|error| oauth::no_answer(cx.now, Source::Discovery, &error))?;
        let json: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
        let Some(id) = oauth::id(&json, "id").filter(|_| answer.status() == StatusCode::OK) else {
            return Err(Self::diagnose(&cx, Source::Discovery, &answer));
        };
        let handle = oauth::text(&json, "acct").map(|acct| format!("@{acct}@{}", cx.app.instance));
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
        Ok(Discovery { person: PersonSeen { network_id: id, name, handle }, profiles: vec![profile], all_come_along: false })
    }
}

/// When the window of a rate limit ends: a moment here, not a number of seconds.
fn wait(now: Timestamp, answer: &Response<Bytes>) -> Option<lifecycle::time::Span> {
    let text = |name: &str| answer.headers().get(name)?.to_str().ok();
    let reset = moment::rfc3339(text("x-ratelimit-reset")?).filter(|_| answer.status() == StatusCode::TOO_MANY_REQUESTS)?;
    oauth::retry_after(answer).or_else(|| (reset > now).then(|| reset.since(now)))
}

/// The host that was meant: `mastodon.social`, `https://mastodon.social/`, `@ana@mastodon.social`.
fn host(typed: &str) -> Option<String> {
    let typed = typed.trim();
    let named = typed.strip_prefix('@').and_then(|handle| handle.split_once('@')).map_or(typed, |(_, host)| host);
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

    fn begin<'a>(&'a self, cx: Cx<'a>, wire: &'a dyn Wire, start: &'a Start) -> BoxFuture<'a, Result<Authorization, Failure>> {
        Box::pin(Self::start(cx, wire, start))
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
        Self::get(&cx, "/v1/accounts/verify_credentials", tokens)
    }

    fn read_probe(&self, cx: Cx<'_>, _: &TokenSet, answer: &Response<Bytes>) -> Answer<Diagnosis> {
        let known = oauth::json(answer).filter(|json| answer.status() == StatusCode::OK && oauth::id(json, "id").is_some());
        Answer::Done(match known {
            Some(_) => Diagnosis::works(oauth::evidence(cx.now, Source::Probe, answer, None, "verify_credentials answered")),
            None => Self::diagnose(&cx, Source::Probe, answer),
        })
    }

    /// Ends this token; the app stays in the person's list of authorised apps there. Relatives want the bearer as well.
    fn revoke(&self, cx: Cx<'_>, tokens: &TokenSet) -> Option<Request<Bytes>> {
        let mut request = Self::form(&cx, "revoke", &[("token", tokens.access_token.expose())]);
        request.headers_mut().insert("authorization", oauth::sensitive(&format!("Bearer {}", tokens.access_token.expose())));
        Some(request)
    }

    fn discover<'a>(&'a self, cx: Cx<'a>, wire: &'a dyn Wire, tokens: &'a TokenSet) -> BoxFuture<'a, Result<Discovery, Diagnosis>> {
        Box::pin(Self::list(cx, wire, tokens))
    }

    fn publish<'a>(&'a self, by: Acting<'a>, post: &'a Post) -> Done<'a, Posted> {
        Box::pin(acts::publish(by, post))
    }

    fn comments<'a>(&'a self, by: Acting<'a>, post: &'a str) -> Done<'a, Vec<Comment>> {
        Box::pin(acts::comments(by, post))
    }

    fn comment<'a>(&'a self, by: Acting<'a>, post: &'a str, in_reply_to: Option<&'a str>, text: &'a str) -> Done<'a, Posted> {
        Box::pin(acts::comment(by, in_reply_to.unwrap_or(post), text))
    }
}

#[cfg(test)]
mod tests {
    use super::host;

    #[test]
    fn servers_are_named_in_many_ways() {
        for typed in
            ["mastodon.social", " https://mastodon.social/ ", "@ana@mastodon.social", "Mastodon.Social", "https://mastodon.social/@ana"]
        {
            assert_eq!(host(typed).as_deref(), Some("mastodon.social"), "{typed}");
        }
        assert_eq!(host("social.example:8443").as_deref(), Some("social.example:8443"));
        assert_eq!(host("münchen.social").as_deref(), Some("xn--mnchen-3ya.social"));
        for wrong in
            ["", "mastodon", "ana@x@y", "https://user:pw@mastodon.social", "ftp://mastodon.social", "[::1]", "10.0.0.1", "a.b?c", "a b.c"]
        {
            assert_eq!(host(wrong), None, "{wrong}");
        }
    }
}
