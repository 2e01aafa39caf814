//! Google Business Profile: one login reaches every location that the person may manage. Facts: `networks/google-business` of
//! the knowledge base; OAuth as at YouTube (`google`).

mod acts;
mod list;

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{Request, Response};
use lifecycle::diagnosis::Diagnosis;
use lifecycle::facts::Facts;
use lifecycle::secret::{Secret, TokenSet};
use lifecycle::time::Timestamp;
use lifecycle::words::Cause;

use crate::acting::{Acting, Comments, Done, Draft, Fit, NotDone, Post, Posted, Target};
use crate::network::{
    Ability, About, Answer, App, Asks, Authorization, Callback, Can, CauseWords, Cx, Discovery, Endpoint, Failure, Issued, Network,
    Registration, Renewal, Rule, Start, Words,
};
use crate::signal::Inbound;
use crate::wire::{BoxFuture, Wire};
use crate::{google, oauth};

/// The adapter. Options, beside those of `google`: `language` (of posts, `en`), `action` (of a post's button, `LEARN_MORE`).
pub(crate) struct GoogleBusiness;

const NO_COMMENTS: Ability = Ability::No {
    en: "Posts on Google Business Profile have no comments. What people say there are reviews of the location.",
    de: "Beiträge im Google-Unternehmensprofil haben keine Kommentare. Was Menschen dort sagen, sind Rezensionen des Standorts.",
};

static ABOUT: About = About {
    name: "google_business",
    title: "Google Business Profile",
    // What is read and answered are the reviews of a location.
    can: Can { connect: Ability::Yes, publish: Ability::Yes, comment: NO_COMMENTS, read_comments: Ability::Yes, reply: Ability::Yes },
    rules: &[
        Rule {
            en: "You can connect every location that you own or manage in Google Business Profile.",
            de: "Sie können jeden Standort verbinden, dessen Inhaber oder Administrator Sie im Google-Unternehmensprofil sind.",
        },
        Rule {
            en: "Google must have approved the app for these interfaces. Until then every call is refused, as if too many were made.",
            de: "Google muss die App für diese Schnittstellen freigegeben haben. Bis dahin wird jeder Aufruf abgelehnt, als wären es zu viele.",
        },
        Rule {
            en: "Leave all boxes ticked: without a permission the connection is not complete.",
            de: "Lassen Sie alle Häkchen gesetzt: ohne eine Berechtigung ist die Verbindung nicht vollständig.",
        },
        Rule {
            en: "Posts have no comments. Reviews of a location are read and answered instead; a location has one answer for each review.",
            de: "Beiträge haben keine Kommentare. Gelesen und beantwortet werden stattdessen Rezensionen; je Rezension gibt es eine Antwort.",
        },
        Rule {
            en: "Google takes ten changes a minute for each location, and checks posts after they were sent.",
            de: "Google nimmt je Standort zehn Änderungen pro Minute und prüft Beiträge nach dem Absenden.",
        },
        Rule {
            en: "An app in Google's status Testing has to be connected again every 7 days, and admits only the test users entered there.",
            de: "Eine App in Googles Status Testing muss alle 7 Tage neu verbunden werden und lässt nur die dort eingetragenen Testnutzer zu.",
        },
    ],
    asks: Asks::Nothing,
    registration: Registration::ByHand,
    scopes: &["openid", "profile", "email", "https://www.googleapis.com/auth/business.manage"],
    endpoints: &[
        google::AUTHORIZE,
        google::TOKEN,
        google::REVOKE,
        google::USERINFO,
        google::SIGNAL_KEYS,
        Endpoint { key: "accounts", url: "https://mybusinessaccountmanagement.googleapis.com/v1" },
        Endpoint { key: "information", url: "https://mybusinessbusinessinformation.googleapis.com/v1" },
        // Posts and reviews live in the older API.
        Endpoint { key: "v4", url: "https://mybusiness.googleapis.com/v4" },
    ],
};

impl Network for GoogleBusiness {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn facts(&self) -> Facts {
        google::facts()
    }

    fn begin<'a>(&'a self, cx: Cx<'a>, _: &'a dyn Wire, start: &'a Start) -> BoxFuture<'a, Result<Authorization, Failure>> {
        let authorization = google::begin(cx, &ABOUT, start);
        Box::pin(async move { Ok(authorization) })
    }

    fn exchange(&self, cx: Cx<'_>, memory: &BTreeMap<String, Secret>, callback: &Callback) -> Result<Request<Bytes>, Failure> {
        google::exchange(cx, &ABOUT, memory, callback)
    }

    fn read_exchange(
        &self,
        cx: Cx<'_>,
        _: &BTreeMap<String, Secret>,
        _: &Callback,
        answer: &Response<Bytes>,
    ) -> Result<Answer<Issued>, Failure> {
        google::read_exchange(cx, &ABOUT, answer).map(Answer::Done)
    }

    fn renew(&self, cx: Cx<'_>, tokens: &TokenSet) -> Option<Request<Bytes>> {
        google::renew(cx, &ABOUT, tokens)
    }

    fn read_renew(&self, cx: Cx<'_>, tokens: &TokenSet, answer: &Response<Bytes>) -> Answer<Renewal> {
        google::read_renew(cx, tokens, answer)
    }

    /// Who the person is: costs no quota, so that a project that was not approved does not hide whether the token works.
    fn probe(&self, cx: Cx<'_>, tokens: &TokenSet) -> Request<Bytes> {
        oauth::get_bearer(&google::url(&cx, &ABOUT, "userinfo"), &tokens.access_token)
    }

    fn read_probe(&self, cx: Cx<'_>, _: &TokenSet, answer: &Response<Bytes>) -> Answer<Diagnosis> {
        Answer::Done(google::read_probe(cx, answer, |json| oauth::text(json, "sub").is_some()))
    }

    fn revoke(&self, cx: Cx<'_>, tokens: &TokenSet) -> Option<Request<Bytes>> {
        google::revoke(cx, &ABOUT, tokens)
    }

    fn is_revoked(&self, answer: &Response<Bytes>) -> bool {
        google::is_revoked(answer)
    }

    fn words_on(&self, cause: Cause) -> Option<CauseWords> {
        google::words_on(cause)
    }

    /// Google ends all that a person allowed our client, whichever token is named.
    fn ends_login<'a>(&self, person: &'a str) -> Option<(&'static str, &'a str)> {
        Some((google::KEEPS_CONSENTS, person))
    }

    fn discover<'a>(&'a self, cx: Cx<'a>, wire: &'a dyn Wire, tokens: &'a TokenSet) -> BoxFuture<'a, Result<Discovery, Diagnosis>> {
        Box::pin(list::discover(cx, wire, tokens))
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

    fn standing<'a>(&'a self, by: Acting<'a>, post: &'a str) -> Done<'a, Option<Words>> {
        Box::pin(acts::standing(by, post))
    }

    /// The reviews of the location: `post` is the location itself. A post has no comments.
    fn comments<'a>(&'a self, by: Acting<'a>, post: &'a str) -> Done<'a, Comments> {
        Box::pin(acts::reviews(by, post))
    }

    /// Answers a review. Answering it again replaces the answer.
    fn comment<'a>(&'a self, by: Acting<'a>, _: &'a str, in_reply_to: Option<&'a str>, text: &'a str) -> Done<'a, Posted> {
        Box::pin(async move {
            self.check(by.cx.app, by.target, Draft::Comment { in_reply_to, text })?;
            acts::answer(by, in_reply_to, text).await
        })
    }

    fn receive(&self, cx: Cx<'_>, request: &Request<Bytes>) -> Option<Inbound> {
        Some(google::risc::receive(&cx, request))
    }

    fn signal_keys(&self, cx: Cx<'_>) -> Option<String> {
        cx.endpoint(&ABOUT, google::SIGNAL_KEYS.key)
    }

    /// A manager can lose a location while the login lives on.
    fn has_roles(&self) -> bool {
        true
    }
}
