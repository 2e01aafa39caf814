//! XING: OAuth 1.0a without an expiry date. The network discontinued its API support: connecting, posts and comments
//! work for existing apps, replying in engagement does not. Facts: `networks/xing` of the knowledge base.

mod acts;

use std::collections::BTreeMap;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use bytes::Bytes;
use http::{Method, Request, Response};
use lifecycle::diagnosis::Diagnosis;
use lifecycle::facts::{Facts, RenewalModel};
use lifecycle::grant::Clocks;
use lifecycle::secret::{Secret, TokenSet, TokenType};
use lifecycle::time::Timestamp;
use lifecycle::words::{Cause, Confidence, Evidence, Source};
use serde_json::Value;
use url::form_urlencoded;

use crate::acting::{Acting, Done, Draft, Fit, NotDone, Post, Posted, Target};
use crate::network::{
    Ability, About, Answer, App, Asks, Authorization, Callback, Can, Cx, Discovery, ENDED_IN_SETTINGS, Endpoint, Failure, Found, Issued,
    Kind, Network, PersonSeen, Registration, Renewal, Rule, Start, Words, value,
};
use crate::oauth1::signed;
use crate::wire::{BoxFuture, Wire};
use crate::{oauth, wire};

/// The adapter.
pub(crate) struct Xing;

/// The callback of an app that cannot be sent back to (OAuth 1.0a).
const OUT_OF_BAND: &str = "oob";

/// Noted where the same is asked once more with the present moment.
const AGAIN: &str = "again";

/// What is asked of the person; a name that XING does not know is refused.
const FIELDS: &str = "id,display_name,permalink,page_name";

const NO_ENGAGEMENT: Ability = Ability::No {
    en: "XING discontinued its API support: incoming comments can't be read or answered here.",
    de: "XING hat die Unterstützung seiner Schnittstelle eingestellt: eingehende Kommentare können hier nicht gelesen oder beantwortet werden.",
};

static ABOUT: About = About {
    name: "xing",
    title: "XING",
    can: Can { connect: Ability::Yes, publish: Ability::Yes, comment: Ability::Yes, read_comments: NO_ENGAGEMENT, reply: NO_ENGAGEMENT },
    rules: &[
        Rule {
            en: "XING discontinued its API support. Profiles can still be connected, status posts and comments can be published; incoming comments can't be answered here.",
            de: "XING hat die Unterstützung seiner Schnittstelle eingestellt. Profile können weiter verbunden, Statusmeldungen und Kommentare veröffentlicht werden; eingehende Kommentare können hier nicht beantwortet werden.",
        },
        Rule {
            en: "The connection has no end date; it ends when you change your password or remove the app at XING.",
            de: "Die Verbindung hat kein Enddatum; sie endet, wenn Sie Ihr Passwort ändern oder die App bei XING entfernen.",
        },
    ],
    asks: Asks::Nothing,
    registration: Registration::ByHand,
    scopes: &[],
    endpoints: &[
        Endpoint { key: "request_token", url: "https://api.xing.com/v1/request_token" },
        Endpoint { key: "authorize", url: "https://api.xing.com/v1/authorize" },
        Endpoint { key: "access_token", url: "https://api.xing.com/v1/access_token" },
        Endpoint { key: "api", url: "https://api.xing.com/v1" },
        Endpoint { key: "me", url: "https://api.xing.com/v1/users/me" },
    ],
};

impl Xing {
    fn url(cx: &Cx<'_>, key: &str) -> String {
        cx.endpoint(&ABOUT, key).unwrap_or_default()
    }

    /// The callback's domain was fixed when the app was registered, and nobody changes it any more: everywhere else the person types a
    /// PIN (option `callback`, `oob`).
    fn by_pin(cx: &Cx<'_>) -> bool {
        cx.app.options.get("callback").is_some_and(|callback| callback == OUT_OF_BAND)
    }

    fn at_xing(cx: &Cx<'_>, token: &str) -> String {
        oauth::with_query(&Self::url(cx, "authorize"), &[("oauth_token", token)])
    }

    fn form(answer: &Response<Bytes>) -> BTreeMap<String, String> {
        if answer.body().len() > oauth::ANSWER_MAX { BTreeMap::new() } else { form_urlencoded::parse(answer.body()).into_owned().collect() }
    }

    fn me(cx: &Cx<'_>, tokens: &TokenSet, fields: &str) -> Request<Bytes> {
        let secret = tokens.token_secret.as_ref().map_or("", Secret::expose);
        let url = oauth::with_query(&Self::url(cx, "me"), &[("fields", fields)]);
        signed(cx, Method::GET, &url, tokens.access_token.expose(), secret, &[])
    }

    /// Whether a call was refused, undone, because another one with this token was signed with a later second: with the present one it
    /// is taken. If not, our clock is behind.
    fn came_late(answer: &Response<Bytes>) -> bool {
        answer.status() == 401 && oauth::json(answer).is_some_and(|json| oauth::text(&json, "error_name") == Some("INVALID_TIMESTAMP"))
    }

    /// `{"error_name","message"}`. One word for expired, revoked and changed password.
    fn diagnose(cx: &Cx<'_>, source: Source, answer: &Response<Bytes>) -> Diagnosis {
        let json = oauth::json(answer).unwrap_or(Value::Null);
        let name = oauth::text(&json, "error_name").unwrap_or_default();
        let seen = oauth::evidence(cx.now, source, answer, Some(name), oauth::text(&json, "message").unwrap_or(name));
        match (answer.status().as_u16(), name) {
            (401, "INVALID_OAUTH_TOKEN") => Diagnosis::refused(Cause::RevokedByPerson, Confidence::Guess, seen),
            (_, "CONSUMER_DISABLED" | "INVALID_OAUTH_CONSUMER" | "CONSUMER_MISMATCH" | "TIMESTAMP_EXPIRED" | "INVALID_TIMESTAMP") => {
                Diagnosis::misconfigured(seen)
            }
            (
                401,
                "INVALID_OAUTH_SIGNATURE"
                | "INVALID_OAUTH_SIGNATURE_METHOD"
                | "INVALID_OAUTH_VERSION"
                | "REQUIRED_PARAMETER_MISSING"
                | "NONCE_MISSING",
            ) => Diagnosis::misconfigured(seen),
            // Whatever stands in the body: the API itself is gone, and no login brings it back.
            (410, _) => {
                let words = "XING answers that this part of its API is gone (410): it may have closed it for this app";
                Diagnosis::misconfigured(oauth::evidence(cx.now, source, answer, Some(name).filter(|name| !name.is_empty()), words))
            }
            // The person's own address, and no word on it: the whole API is gone (unconfirmed). Of a post it would be the post.
            (404, "") if source != Source::Use => {
                let words = "XING does not know this address of its API any more (404): it may have closed it";
                Diagnosis::misconfigured(oauth::evidence(cx.now, source, answer, None, words))
            }
            (_, "") => Diagnosis::transient(oauth::unreadable(cx.now, source, answer), oauth::retry_after(answer)),
            _ => Diagnosis::transient(seen, oauth::retry_after(answer)),
        }
    }

    fn failure(cx: &Cx<'_>, answer: &Response<Bytes>) -> Failure {
        let diagnosis = Self::diagnose(cx, Source::Signal, answer);
        match diagnosis.finding {
            lifecycle::diagnosis::Finding::Misconfigured => Failure::Misconfigured { evidence: diagnosis.evidence },
            lifecycle::diagnosis::Finding::Refused { .. } => Failure::StaleCode { evidence: diagnosis.evidence },
            _ => Failure::Unavailable { evidence: diagnosis.evidence },
        }
    }

    async fn start(cx: Cx<'_>, wire: &dyn Wire, start: &Start) -> Result<Authorization, Failure> {
        // OAuth 1.0a has no state parameter: ours travels in the callback address, beside the network's request token.
        let back = oauth::with_query(&cx.app.redirect_uri, &[("state", start.state.expose())]);
        let callback: &str = if Self::by_pin(&cx) { OUT_OF_BAND } else { &back };
        let request = signed(&cx, Method::POST, &Self::url(&cx, "request_token"), "", "", &[("oauth_callback", callback)]);
        let answer = wire.send(request).await.map_err(|error: wire::WireError| oauth::unavailable(cx.now, &error))?;
        let form = Self::form(&answer);
        let (Some(token), Some(secret), Some("true")) =
            (form.get("oauth_token"), form.get("oauth_token_secret"), form.get("oauth_callback_confirmed").map(String::as_str))
        else {
            return Err(Self::failure(&cx, &answer));
        };
        let memory =
            BTreeMap::from([("request_token".to_owned(), Secret::new(token)), ("request_token_secret".to_owned(), Secret::new(secret))]);
        let url = if Self::by_pin(&cx) {
            // A page of ours shows the way there, and takes the number that is shown at its end.
            let ours = cx.app.redirect_uri.replacen("/oauth/callback/", "/oauth/pin/", 1);
            oauth::with_query(&ours, &[("oauth_token", token), ("state", start.state.expose())])
        } else {
            Self::at_xing(&cx, token)
        };
        Ok(Authorization { url, memory, instance: String::new(), returns_with: start.state.clone(), registered: None })
    }

    async fn list(cx: Cx<'_>, wire: &dyn Wire, tokens: &TokenSet) -> Result<Discovery, Diagnosis> {
        let answer = wire
            .send(Self::me(&cx, tokens, &format!("{FIELDS},photo_urls")))
            .await
            .map_err(|error| oauth::no_answer(cx.now, Source::Discovery, &error))?;
        let json = oauth::json(&answer).unwrap_or(Value::Null);
        let user = json.pointer("/users/0").cloned().unwrap_or(Value::Null);
        let Some(id) = oauth::text(&user, "id").filter(|_| answer.status().is_success()) else {
            return Err(Self::diagnose(&cx, Source::Discovery, &answer));
        };
        let name = oauth::text(&user, "display_name").unwrap_or(id).to_owned();
        let handle = oauth::text(&user, "page_name").map(str::to_owned);
        let profile = Found {
            network_id: id.to_owned(),
            kind: Kind::Member,
            name: name.clone(),
            handle: handle.clone(),
            avatar: picture(&user),
            role: "member".into(),
            parent: None,
            unusable: None,
        };
        Ok(Discovery {
            person: PersonSeen { network_id: id.to_owned(), name, handle, across_apps: None },
            profiles: vec![profile],
            all_come_along: false,
        })
    }
}

/// The picture of the size that is shown here; the names of other sizes are unconfirmed.
fn picture(user: &Value) -> Option<String> {
    user.pointer("/photo_urls/size_96x96").and_then(Value::as_str).filter(|url| !url.is_empty()).map(str::to_owned)
}

impl Network for Xing {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    /// "Until it becomes invalid": no expiry, no refresh; renewal is the whole handshake again.
    fn facts(&self) -> Facts {
        Facts { renewal: RenewalModel::ByPerson, access_life: None, refresh_life: None, ..Facts::unknown() }
    }

    fn begin<'a>(&'a self, cx: Cx<'a>, wire: &'a dyn Wire, start: &'a Start) -> BoxFuture<'a, Result<Authorization, Failure>> {
        Box::pin(Self::start(cx, wire, start))
    }

    fn shows_pin(&self, cx: Cx<'_>, token: &str) -> Option<String> {
        Self::by_pin(&cx).then(|| Self::at_xing(&cx, token))
    }

    fn exchange(&self, cx: Cx<'_>, memory: &BTreeMap<String, Secret>, callback: &Callback) -> Result<Request<Bytes>, Failure> {
        let (Some(token), Some(secret)) = (memory.get("request_token"), memory.get("request_token_secret")) else {
            return Err(Failure::Suspicious {
                evidence: Evidence::new(cx.now, Source::Signal, None, None, "no request token is remembered"),
            });
        };
        // Typed numbers are typed with blanks around them.
        let verifier = value(callback, "oauth_verifier").map(str::trim).filter(|verifier| !verifier.is_empty());
        match (value(callback, "oauth_token"), verifier) {
            (Some(came), Some(verifier)) if verify_slices_are_equal(came.as_bytes(), token.expose().as_bytes()).is_ok() => Ok(signed(
                &cx,
                Method::POST,
                &Self::url(&cx, "access_token"),
                token.expose(),
                secret.expose(),
                &[("oauth_verifier", verifier)],
            )),
            (_, None) => Err(Failure::Denied {
                evidence: Evidence::new(
                    cx.now,
                    Source::Signal,
                    None,
                    value(callback, "error"),
                    "XING sent the person back without a verifier",
                ),
            }),
            _ => Err(Failure::Suspicious {
                evidence: Evidence::new(cx.now, Source::Signal, None, None, "another request token came back than was sent"),
            }),
        }
    }

    fn read_exchange(
        &self,
        cx: Cx<'_>,
        _: &BTreeMap<String, Secret>,
        _: &Callback,
        answer: &Response<Bytes>,
    ) -> Result<Answer<Issued>, Failure> {
        let form = Self::form(answer);
        let (Some(token), Some(secret)) = (form.get("oauth_token"), form.get("oauth_token_secret")) else {
            return Err(Self::failure(&cx, answer));
        };
        let mut tokens = TokenSet::bearer(Secret::new(token), None, vec![]);
        tokens.token_type = TokenType::OAuth1;
        tokens.token_secret = Some(Secret::new(secret));
        Ok(Answer::Done(Issued {
            tokens,
            clocks: Clocks::default(),
            renewable: false,
            person_network_id: form.get("user_id").cloned(),
            missing_scopes: vec![],
        }))
    }

    fn renew(&self, _: Cx<'_>, _: &TokenSet) -> Option<Request<Bytes>> {
        None
    }

    fn read_renew(&self, cx: Cx<'_>, _: &TokenSet, answer: &Response<Bytes>) -> Answer<Renewal> {
        Answer::Done(Renewal::Failed(Diagnosis::misconfigured(oauth::unreadable(cx.now, Source::Renewal, answer))))
    }

    fn probe(&self, cx: Cx<'_>, tokens: &TokenSet) -> Request<Bytes> {
        Self::me(&cx, tokens, FIELDS)
    }

    fn read_probe(&self, cx: Cx<'_>, tokens: &TokenSet, answer: &Response<Bytes>) -> Answer<Diagnosis> {
        if Self::came_late(answer) && !tokens.notes.contains_key(AGAIN) {
            let (request, notes) = (Box::new(self.probe(cx, tokens)), BTreeMap::from([(AGAIN.to_owned(), String::new())]));
            return Answer::AskAgain { request, notes, secrets: BTreeMap::new() };
        }
        let known = oauth::json(answer).filter(|json| answer.status().is_success() && json.pointer("/users/0/id").is_some());
        Answer::Done(match known {
            Some(_) => Diagnosis::works(oauth::evidence(cx.now, Source::Probe, answer, None, "users/me answered")),
            None => Self::diagnose(&cx, Source::Probe, answer),
        })
    }

    fn revoke(&self, _: Cx<'_>, _: &TokenSet) -> Option<Request<Bytes>> {
        None
    }

    fn came_late(&self, answer: &Response<Bytes>) -> bool {
        Self::came_late(answer)
    }

    fn ended_by_person(&self) -> Option<Rule> {
        Some(ENDED_IN_SETTINGS)
    }

    fn discover<'a>(&'a self, cx: Cx<'a>, wire: &'a dyn Wire, tokens: &'a TokenSet) -> BoxFuture<'a, Result<Discovery, Diagnosis>> {
        Box::pin(Self::list(cx, wire, tokens))
    }

    fn measure(&self, app: &App, _: Target<'_>, draft: Draft<'_>) -> Result<Fit, NotDone> {
        acts::measure(app, draft)
    }

    fn look<'a>(&'a self, by: Acting<'a>, post: &'a Post, since: Timestamp) -> Done<'a, Option<Posted>> {
        Box::pin(acts::look(by, post, since))
    }

    fn publish<'a>(&'a self, by: Acting<'a>, post: &'a Post) -> Done<'a, Posted> {
        Box::pin(async move {
            self.check(by.cx.app, by.target, Draft::Post(post))?;
            acts::publish(by, post).await
        })
    }

    fn standing<'a>(&'a self, _: Acting<'a>, post: &'a str) -> Done<'a, Option<Words>> {
        Box::pin(async move { Ok(acts::standing(post)) })
    }

    fn comment<'a>(&'a self, by: Acting<'a>, post: &'a str, in_reply_to: Option<&'a str>, text: &'a str) -> Done<'a, Posted> {
        Box::pin(async move {
            self.check(by.cx.app, by.target, Draft::Comment { in_reply_to, text })?;
            acts::comment(by, post, text).await
        })
    }
}
