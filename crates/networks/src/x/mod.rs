//! X (formerly Twitter), API v2 with OAuth 2.0: one grant is one account. Facts: `networks/x` of the knowledge base; X's own
//! published description of its API. Calls cost the operator money, so nothing is asked that need not be.

mod acts;
mod errors;
mod signals;
mod weight;

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{Request, Response};
use lifecycle::diagnosis::{Diagnosis, Finding};
use lifecycle::facts::{Facts, RenewalModel, Reuse};
use lifecycle::secret::{Secret, TokenSet};
use lifecycle::time::Span;
use lifecycle::words::{Evidence, Source};
use serde_json::Value;

use crate::acting::{Acting, Comments, Done, Draft, Fit, NotDone, Post, Posted, Target};
use crate::network::{
    Ability, About, Answer, App, Asks, Authorization, Callback, Can, Cx, Discovery, Endpoint, Failure, Found, Issued, Kind, Network,
    PersonSeen, Registration, Renewal, Rule, Start,
};
use crate::oauth;
use crate::signal::Inbound;
use crate::wire::{BoxFuture, Wire};

/// The adapter. Options: `client_type` = `public` (no secret is sent), `spent_token_words` (see `errors`), `app_id` and
/// `webhook_secret` (see `signals`), `fields` = `tweet` for the older names of the API's fields, `max_weight` (25000 for
/// premium accounts).
pub(crate) struct X;

static ABOUT: About = About {
    name: "x",
    title: "X",
    can: Can { connect: Ability::Yes, publish: Ability::Yes, comment: Ability::Yes, read_comments: Ability::Yes, reply: Ability::Yes },
    rules: &[
        Rule {
            en: "X connects the account that is signed in at x.com in this browser. Check there first which one that is, or use a private window.",
            de: "X verbindet das Konto, das in diesem Browser bei x.com angemeldet ist. Prüfen Sie dort zuerst, welches das ist, oder nutzen Sie ein privates Fenster.",
        },
        Rule {
            en: "X keeps one login per account and app: connecting the same account again ends the earlier connection, also one made by another installation with the same app.",
            de: "X behält je Konto und App nur eine Anmeldung: wird dasselbe Konto erneut verbunden, endet die frühere Verbindung, auch die einer anderen Installation mit derselben App.",
        },
        Rule {
            en: "X charges whoever runs the app for each call; a post with an address in it costs many times more than one without.",
            de: "X berechnet dem Betreiber der App jeden Aufruf; ein Beitrag mit einer Internetadresse kostet ein Vielfaches eines Beitrags ohne.",
        },
        Rule {
            en: "X lets tools reply only where the author mentioned or quoted the account. Replies under other posts are refused by X.",
            de: "X lässt Werkzeuge nur dort antworten, wo das Konto erwähnt oder zitiert wurde. Andere Antworten lehnt X ab.",
        },
        Rule {
            en: "Accounts that were handed to you to manage (delegated accounts) can't be connected: log in as the account itself.",
            de: "Konten, die Ihnen zur Verwaltung übertragen wurden (delegierte Konten), können nicht verbunden werden: melden Sie sich als das Konto selbst an.",
        },
    ],
    asks: Asks::Nothing,
    registration: Registration::ByHand,
    scopes: &["tweet.read", "users.read", "tweet.write", "media.write", "offline.access"],
    endpoints: &[
        // X's API description names https://api.x.com/2/oauth2/authorize.
        Endpoint { key: "authorize", url: "https://x.com/i/oauth2/authorize" },
        Endpoint { key: "token", url: "https://api.x.com/2/oauth2/token" },
        Endpoint { key: "revoke", url: "https://api.x.com/2/oauth2/revoke" },
        Endpoint { key: "me", url: "https://api.x.com/2/users/me" },
        Endpoint { key: "posts", url: "https://api.x.com/2/tweets" },
        Endpoint { key: "search", url: "https://api.x.com/2/tweets/search/recent" },
        Endpoint { key: "media", url: "https://api.x.com/2/media/upload" },
        Endpoint { key: "media_metadata", url: "https://api.x.com/2/media/metadata" },
    ],
};

impl X {
    fn url(cx: &Cx<'_>, key: &str) -> String {
        cx.endpoint(&ABOUT, key).unwrap_or_default()
    }

    /// A form for the token endpoints. Confidential clients use HTTP Basic and X rejects the secret in the body; public ones
    /// name themselves in the body.
    fn form(cx: &Cx<'_>, key: &str, parameters: &[(&str, &str)]) -> Request<Bytes> {
        let secret = oauth::client_secret(cx);
        let is_public = secret.is_empty() || cx.app.options.get("client_type").is_some_and(|kind| kind == "public");
        if is_public {
            let all: Vec<_> = parameters.iter().copied().chain([("client_id", cx.app.client_id.as_str())]).collect();
            return oauth::post_form(&Self::url(cx, key), &all);
        }
        let mut request = oauth::post_form(&Self::url(cx, key), parameters);
        request.headers_mut().insert("authorization", oauth::basic(&cx.app.client_id, secret));
        request
    }

    fn issued(cx: Cx<'_>, answer: &Response<Bytes>, asked: &[String]) -> Option<Issued> {
        let mut issued = oauth::granted(cx, answer, asked)?;
        // X names no end of a refresh token (about six months unused is reported, unconfirmed): where the operator set one,
        // each new refresh token begins its own.
        if issued.renewable && issued.clocks.refresh_until.is_none() {
            issued.clocks.refresh_until = cx.facts.refresh_life.map(|life| cx.now + life);
        }
        Some(issued)
    }

    async fn list(cx: Cx<'_>, wire: &dyn Wire, tokens: &TokenSet) -> Result<Discovery, Diagnosis> {
        let fields = [("user.fields", "id,name,username,profile_image_url,verified,protected")];
        let request = oauth::get_bearer(&oauth::with_query(&Self::url(&cx, "me"), &fields), &tokens.access_token);
        let answer = wire.send(request).await.map_err(|error| oauth::no_answer(cx.now, Source::Discovery, &error))?;
        let diagnosis = errors::api(&cx, Source::Discovery, &answer);
        if diagnosis.finding != Finding::Works {
            return Err(diagnosis);
        }
        let json = oauth::json(&answer).unwrap_or(Value::Null);
        let Some((user, id)) = json.get("data").and_then(|user| Some((user, oauth::id(user, "id")?))) else {
            return Err(Diagnosis::transient(Evidence::new(cx.now, Source::Discovery, Some(200), None, "an account without id"), None));
        };
        let handle = oauth::text(user, "username").map(str::to_owned);
        let name = oauth::text(user, "name").or(handle.as_deref()).unwrap_or(&id).to_owned();
        let account = Found {
            network_id: id.clone(),
            kind: Kind::Account,
            name: name.clone(),
            handle: handle.clone(),
            avatar: oauth::text(user, "profile_image_url").map(str::to_owned),
            role: "owner".into(),
            parent: None,
            unusable: None,
        };
        Ok(Discovery {
            person: PersonSeen { network_id: id, name, handle, across_apps: None },
            profiles: vec![account],
            all_come_along: false,
        })
    }
}

impl Network for X {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    /// Access 2 h; each renewal spends the refresh token, and presenting a spent one is reported to end the whole family
    /// (unconfirmed officially). Renewing is free, but a suspended account's token usually still renews: only the paid probe
    /// shows that, once a day.
    fn facts(&self) -> Facts {
        Facts {
            renewal: RenewalModel::Rotating(Reuse::RevokesFamily),
            access_life: Some(Span::hours(2)),
            refresh_life: None,
            probe_every: Span::hours(24),
            calls_cost: true,
            ..Facts::unknown()
        }
    }

    fn begin<'a>(&'a self, cx: Cx<'a>, _: &'a dyn Wire, start: &'a Start) -> BoxFuture<'a, Result<Authorization, Failure>> {
        let scope = cx.scopes(&ABOUT).join(" ");
        let authorization = oauth::authorization_with_proof(&cx, &Self::url(&cx, "authorize"), &scope, start, &[]);
        Box::pin(async move { Ok(authorization) })
    }

    /// The code lives 30 seconds: the caller sends this within the callback.
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
        Self::issued(cx, answer, &cx.scopes(&ABOUT)).map(Answer::Done).ok_or_else(|| errors::exchange(&cx, answer))
    }

    fn renew(&self, cx: Cx<'_>, tokens: &TokenSet) -> Option<Request<Bytes>> {
        Some(Self::form(&cx, "token", &oauth::refresh_form(tokens)?))
    }

    fn read_renew(&self, cx: Cx<'_>, tokens: &TokenSet, answer: &Response<Bytes>) -> Answer<Renewal> {
        Answer::Done(match Self::issued(cx, answer, &tokens.scopes) {
            Some(issued) => Renewal::Renewed(Box::new(issued)),
            None => errors::renewal(&cx, answer),
        })
    }

    /// A user read, charged once per account and UTC day: no cheaper call proves the token, except renewing it.
    fn api(&self, cx: Cx<'_>, _tokens: &TokenSet) -> Option<String> {
        cx.endpoint(&ABOUT, "posts")?.strip_suffix("/tweets").map(str::to_owned)
    }

    fn probe(&self, cx: Cx<'_>, tokens: &TokenSet) -> Request<Bytes> {
        oauth::get_bearer(&Self::url(&cx, "me"), &tokens.access_token)
    }

    fn read_probe(&self, cx: Cx<'_>, _: &TokenSet, answer: &Response<Bytes>) -> Answer<Diagnosis> {
        let read = errors::api(&cx, Source::Probe, answer);
        let is_somebody = oauth::json(answer).is_some_and(|json| json.pointer("/data/id").is_some_and(Value::is_string));
        if read.finding == Finding::Works && !is_somebody {
            return Answer::Done(Diagnosis::transient(oauth::unreadable(cx.now, Source::Probe, answer), None));
        }
        Answer::Done(read)
    }

    fn revoke(&self, cx: Cx<'_>, tokens: &TokenSet) -> Option<Request<Bytes>> {
        // The one that lives longer; the other ends within two hours in any case.
        let token = tokens.refresh_token.as_ref().unwrap_or(&tokens.access_token);
        Some(Self::form(&cx, "revoke", &[("token", token.expose())]))
    }

    fn discover<'a>(&'a self, cx: Cx<'a>, wire: &'a dyn Wire, tokens: &'a TokenSet) -> BoxFuture<'a, Result<Discovery, Diagnosis>> {
        Box::pin(Self::list(cx, wire, tokens))
    }

    fn measure(&self, app: &App, _: Target<'_>, draft: Draft<'_>) -> Result<Fit, NotDone> {
        acts::measure(app, draft)
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
            acts::reply(by, in_reply_to.unwrap_or(post), text).await
        })
    }

    fn receive(&self, cx: Cx<'_>, request: &Request<Bytes>) -> Option<Inbound> {
        Some(signals::receive(&cx, request))
    }
}
