//! A second app of ours at a network that is shipped, under a name of its own: where one app can't hold everything. LinkedIn gives what
//! pages need to apps without any other product only, so that two client ids are the rule there.
//!
//! To the rest of the house it is a network like any other, with its own credentials, scopes, callback, people and profiles: a network
//! may know the same human by another id in each app.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use lifecycle::diagnosis::Diagnosis;
use lifecycle::facts::Facts;
use lifecycle::secret::{Secret, TokenSet};
use lifecycle::time::{Span, Timestamp};
use lifecycle::words::Cause;

use crate::acting::{Acting, Comments, Done, Draft, Fit, NotDone, Post, Posted, Target};
use crate::media::Takes;
use crate::network::{
    About, Answer, App, Authorization, Callback, Can, CauseWords, Cx, Discovery, Failure, Issued, Kind, Network, RefreshTokens, Renewal,
    Rule, Start, Words,
};
use crate::signal::Inbound;
use crate::wire::{BoxFuture, Wire};

/// The same network under another name.
pub(crate) struct Another {
    like: &'static dyn Network,
    about: &'static About,
}

impl Another {
    /// `name` and `title` live as long as the process: a configuration is read once.
    pub(crate) fn new(name: &str, title: &str, like: &'static dyn Network) -> Self {
        let about =
            Box::leak(Box::new(About { name: String::leak(name.to_owned()), title: String::leak(title.to_owned()), ..*like.about() }));
        Self { like, about }
    }

    /// Whether it was defined by these words.
    pub(crate) fn is_defined_as(&self, title: &str, like: &str) -> bool {
        self.about.title == title && self.like.about().name == like
    }
}

impl Network for Another {
    fn about(&self) -> &'static About {
        self.about
    }

    fn facts(&self) -> Facts {
        self.like.facts()
    }

    fn instance(&self, hint: Option<&str>) -> Result<String, Words> {
        self.like.instance(hint)
    }

    fn server_of<'a>(&'a self, cx: Cx<'a>, wire: &'a dyn Wire, hint: &'a str) -> BoxFuture<'a, Option<String>> {
        self.like.server_of(cx, wire, hint)
    }

    fn learn<'a>(&'a self, cx: Cx<'a>, wire: &'a dyn Wire) -> BoxFuture<'a, BTreeMap<String, String>> {
        self.like.learn(cx, wire)
    }

    fn begin<'a>(&'a self, cx: Cx<'a>, wire: &'a dyn Wire, start: &'a Start) -> BoxFuture<'a, Result<Authorization, Failure>> {
        self.like.begin(cx, wire, start)
    }

    fn needs_app(&self, cx: Cx<'_>, start: &Start) -> bool {
        self.like.needs_app(cx, start)
    }

    fn returned_state<'a>(&self, callback: &'a Callback) -> Option<&'a str> {
        self.like.returned_state(callback)
    }

    fn shows_pin(&self, cx: Cx<'_>, token: &str) -> Option<String> {
        self.like.shows_pin(cx, token)
    }

    fn exchange(&self, cx: Cx<'_>, memory: &BTreeMap<String, Secret>, callback: &Callback) -> Result<Request<Bytes>, Failure> {
        self.like.exchange(cx, memory, callback)
    }

    fn read_exchange(
        &self,
        cx: Cx<'_>,
        memory: &BTreeMap<String, Secret>,
        callback: &Callback,
        answer: &Response<Bytes>,
    ) -> Result<Answer<Issued>, Failure> {
        self.like.read_exchange(cx, memory, callback, answer)
    }

    fn renew(&self, cx: Cx<'_>, tokens: &TokenSet) -> Option<Request<Bytes>> {
        self.like.renew(cx, tokens)
    }

    fn read_renew(&self, cx: Cx<'_>, tokens: &TokenSet, answer: &Response<Bytes>) -> Answer<Renewal> {
        self.like.read_renew(cx, tokens, answer)
    }

    fn probe(&self, cx: Cx<'_>, tokens: &TokenSet) -> Request<Bytes> {
        self.like.probe(cx, tokens)
    }

    fn read_probe(&self, cx: Cx<'_>, tokens: &TokenSet, answer: &Response<Bytes>) -> Answer<Diagnosis> {
        self.like.read_probe(cx, tokens, answer)
    }

    fn revoke(&self, cx: Cx<'_>, tokens: &TokenSet) -> Option<Request<Bytes>> {
        self.like.revoke(cx, tokens)
    }

    fn is_revoked(&self, answer: &Response<Bytes>) -> bool {
        self.like.is_revoked(answer)
    }

    fn read_revoke(&self, cx: Cx<'_>, tokens: &TokenSet, answer: &Response<Bytes>) -> Answer<bool> {
        self.like.read_revoke(cx, tokens, answer)
    }

    fn may_revoke_later(&self, cx: Cx<'_>, answer: &Response<Bytes>) -> bool {
        self.like.may_revoke_later(cx, answer)
    }

    fn ended_by_person(&self) -> Option<Rule> {
        self.like.ended_by_person()
    }

    fn own_headers(&self, cx: Cx<'_>) -> Vec<(HeaderName, HeaderValue)> {
        self.like.own_headers(cx)
    }

    fn usual_headers(&self, cx: Cx<'_>) -> Vec<(HeaderName, HeaderValue)> {
        self.like.usual_headers(cx)
    }

    fn words_on(&self, cause: Cause) -> Option<CauseWords> {
        self.like.words_on(cause)
    }

    fn ends_login<'a>(&self, person: &'a str) -> Option<(&'static str, &'a str)> {
        self.like.ends_login(person)
    }

    fn made_by_login(&self, memory: &BTreeMap<String, Secret>) -> Option<TokenSet> {
        self.like.made_by_login(memory)
    }

    fn discover<'a>(&'a self, cx: Cx<'a>, wire: &'a dyn Wire, tokens: &'a TokenSet) -> BoxFuture<'a, Result<Discovery, Diagnosis>> {
        self.like.discover(cx, wire, tokens)
    }

    fn documents(&self, app: &App) -> Vec<(&'static str, serde_json::Value)> {
        self.like.documents(app)
    }

    fn check(&self, app: &App, target: Target<'_>, draft: Draft<'_>) -> Result<Fit, NotDone> {
        self.like.check(app, target, draft)
    }

    fn measure(&self, app: &App, target: Target<'_>, draft: Draft<'_>) -> Result<Fit, NotDone> {
        self.like.measure(app, target, draft)
    }

    fn takes(&self) -> Option<&'static Takes> {
        self.like.takes()
    }

    fn publish<'a>(&'a self, by: Acting<'a>, post: &'a Post) -> Done<'a, Posted> {
        self.like.publish(by, post)
    }

    fn comments<'a>(&'a self, by: Acting<'a>, post: &'a str) -> Done<'a, Comments> {
        self.like.comments(by, post)
    }

    fn comment<'a>(&'a self, by: Acting<'a>, post: &'a str, in_reply_to: Option<&'a str>, text: &'a str) -> Done<'a, Posted> {
        self.like.comment(by, post, in_reply_to, text)
    }

    fn server(&self, tokens: &TokenSet) -> Option<String> {
        self.like.server(tokens)
    }

    fn address(&self, target: Target<'_>, post: &str) -> Option<String> {
        self.like.address(target, post)
    }

    fn look<'a>(&'a self, by: Acting<'a>, post: &'a Post, since: Timestamp) -> Done<'a, Option<Posted>> {
        self.like.look(by, post, since)
    }

    fn standing<'a>(&'a self, by: Acting<'a>, post: &'a str) -> Done<'a, Option<Words>> {
        self.like.standing(by, post)
    }

    fn api(&self, cx: Cx<'_>, tokens: &TokenSet) -> Option<String> {
        self.like.api(cx, tokens)
    }

    fn signal_keys(&self, cx: Cx<'_>) -> Option<String> {
        self.like.signal_keys(cx)
    }

    fn proven_by(&self, cx: Cx<'_>, token: &Secret) -> Vec<(&'static str, String)> {
        self.like.proven_by(cx, token)
    }

    fn ends(&self, options: &BTreeMap<String, String>) -> Option<(Timestamp, Words)> {
        // The setting to change is that of this app.
        let (named, ours) = (format!("networks.{}.", self.like.about().name), format!("networks.{}.", self.about.name));
        self.like.ends(options).map(|(at, words)| (at, Words::new(words.en.replace(&named, &ours), words.de.replace(&named, &ours))))
    }

    fn steered_by(&self) -> Option<&'static [&'static str]> {
        self.like.steered_by()
    }

    fn used_up(&self, headers: &HeaderMap) -> Option<u32> {
        self.like.used_up(headers)
    }

    fn quiet_for(&self, headers: &HeaderMap) -> Option<Span> {
        self.like.quiet_for(headers)
    }

    fn refused_through(&self, cx: Cx<'_>, answer: &Response<Bytes>) -> Option<Diagnosis> {
        self.like.refused_through(cx, answer)
    }

    fn came_late(&self, answer: &Response<Bytes>) -> bool {
        self.like.came_late(answer)
    }

    fn receive(&self, cx: Cx<'_>, request: &Request<Bytes>) -> Option<Inbound> {
        self.like.receive(cx, request)
    }

    fn can_as(&self, kind: Kind) -> Can {
        self.like.can_as(kind)
    }

    fn refresh_tokens(&self) -> Option<&'static RefreshTokens> {
        self.like.refresh_tokens()
    }

    fn has_roles(&self) -> bool {
        self.like.has_roles()
    }
}
