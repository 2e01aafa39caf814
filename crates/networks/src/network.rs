//! What a network has to say about itself: the trait behind which every adapter stands, and its vocabulary.

use std::borrow::Cow;
use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use lifecycle::diagnosis::Diagnosis;
use lifecycle::facts::Facts;
use lifecycle::grant::Clocks;
use lifecycle::secret::{Secret, TokenSet};
use lifecycle::time::{Span, Timestamp};
use lifecycle::words::{Cause, Evidence};

pub use crate::about::{Ability, About, Asks, Can, CauseWords, ENDED_IN_SETTINGS, Endpoint, RefreshTokens, Registration, Rule, Words};
use crate::acting::{self, Acting, Comments, Done, Draft, Fit, NotDone, Post, Posted, Target};
pub use crate::found::{Discovery, Found, Kind, PersonSeen};
use crate::media::Takes;
use crate::signal::Inbound;
use crate::wire::{BoxFuture, Dice, Wire};

/// Our registered client at a network, with everything configured about it.
#[derive(Debug, Clone)]
pub struct App {
    /// The client id (TikTok: client key; XING: consumer key; Bluesky: URL of the metadata). Empty where the app is not yet
    /// registered at this instance.
    pub client_id: String,
    /// The client secret; for a client that authenticates by key, its private key.
    pub client_secret: Option<Secret>,
    /// The instance it is registered at, as host with optional port, where the network has many; empty otherwise.
    pub instance: String,
    /// Where the network sends the person back to; one per network, registered there.
    pub redirect_uri: String,
    /// The scopes to ask for; empty: those of [`About`].
    pub scopes: Vec<String>,
    /// Replaces scheme and host of every endpoint, keeping its path (`networks.NAME.base_url`).
    pub base_url: Option<String>,
    /// Replaces single endpoints (`networks.NAME.endpoints.KEY`).
    pub endpoints: BTreeMap<String, String>,
    /// Further settings of one network (`networks.NAME.options.KEY`).
    pub options: BTreeMap<String, String>,
}

/// A limit as the operator sets it (`networks.NAME.options.KEY`). `None`: it is not set; zeros and nonsense set nothing.
pub fn limit_set(options: &BTreeMap<String, String>, key: &str) -> Option<usize> {
    options.get(key)?.trim().parse().ok().filter(|set| *set > 0)
}

impl App {
    /// A limit as the operator sets it, else as the network is known to have it: what a network takes is changed there more often than
    /// anything else, and of some networks no source confirms it.
    pub fn limit(&self, key: &str, usual: usize) -> usize {
        limit_set(&self.options, key).unwrap_or(usual)
    }
}

/// What every call of an adapter is handed.
#[derive(Clone, Copy)]
pub struct Cx<'a> {
    /// The network app.
    pub app: &'a App,
    /// Lifetimes and habits, as configured.
    pub facts: &'a Facts,
    /// The moment.
    pub now: Timestamp,
    /// Random bytes.
    pub dice: &'a dyn Dice,
}

impl Cx<'_> {
    /// The address of an endpoint: an override by key, else the base URL with the real path, else the real address.
    /// `None` when it is off.
    pub fn endpoint(&self, about: &About, key: &str) -> Option<String> {
        if let Some(url) = self.app.endpoints.get(key) {
            return Some(url.replace("{instance}", &self.app.instance)).filter(|url| !url.is_empty());
        }
        let real = about.endpoints.iter().find(|endpoint| endpoint.key == key)?.url;
        let real = if real.contains('{') { Cow::Owned(real.replace("{instance}", &self.app.instance)) } else { Cow::Borrowed(real) };
        if real.is_empty() {
            return None;
        }
        match &self.app.base_url {
            Some(base) => {
                let path = real.split_once("://").and_then(|(_, rest)| rest.split_once('/')).map_or("", |(_, path)| path);
                let base = base.trim_end_matches('/');
                Some(if path.is_empty() { base.to_owned() } else { format!("{base}/{path}") })
            }
            None => Some(real.into_owned()),
        }
    }

    /// The scopes to ask for.
    pub fn scopes(&self, about: &About) -> Vec<String> {
        if self.app.scopes.is_empty() { about.scopes.iter().map(|scope| (*scope).to_owned()).collect() } else { self.app.scopes.clone() }
    }
}

/// How a connection begins.
#[derive(Debug, Clone)]
pub struct Start {
    /// Our one-time state; comes back with the person.
    pub state: Secret,
    /// What the person typed: handle or instance.
    pub hint: Option<String>,
    /// The person at the network who is required, when this is a renewal: networks that can, preselect the login.
    pub expected_person: Option<String>,
}

/// Where to send the person, and what to remember until they come back (sealed by the shell).
#[derive(Debug, Clone)]
pub struct Authorization {
    /// The network's page.
    pub url: String,
    /// PKCE verifier, request token secret, DPoP key, issuer ... by name.
    pub memory: BTreeMap<String, Secret>,
    /// The instance it leads to, where the network has many; empty otherwise.
    pub instance: String,
    /// The state by which the person is recognised when they come back: ours, or the network's request token.
    pub returns_with: Secret,
    /// Our client, where it was registered at this instance just now: kept for everything that follows.
    pub registered: Option<Registered>,
}

/// A client that registered itself at an instance.
#[derive(Debug, Clone)]
pub struct Registered {
    /// The client id it was given.
    pub client_id: String,
    /// The client secret it was given.
    pub client_secret: Secret,
}

/// What the network's redirect brought back: the query, in order.
pub type Callback = [(String, String)];

/// Why a connection did not come about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The person pressed Cancel.
    Denied {
        /// The network's words.
        evidence: Evidence,
    },
    /// The network cannot be reached, or has trouble of its own: try again later.
    Unavailable {
        /// What was seen.
        evidence: Evidence,
    },
    /// The network refuses our network app or our request: an admin has to look.
    Misconfigured {
        /// What was seen.
        evidence: Evidence,
    },
    /// The code was used, is too old or belongs to something else: start again.
    StaleCode {
        /// What was seen.
        evidence: Evidence,
    },
    /// The answer came from another server than the one that was asked (RFC 9207), or breaks the protocol.
    Suspicious {
        /// What was seen.
        evidence: Evidence,
    },
    /// What the person typed leads nowhere.
    BadHint {
        /// What is wrong with it, for people.
        words: Words,
    },
    /// The person's account is refused.
    Refused {
        /// Why.
        cause: Cause,
        /// What was seen.
        evidence: Evidence,
    },
}

/// A token set as it was issued.
#[derive(Debug, Clone)]
pub struct Issued {
    /// The secrets.
    pub tokens: TokenSet,
    /// What the answer said about their lives.
    pub clocks: Clocks,
    /// Whether it can be renewed without the person.
    pub renewable: bool,
    /// The person's id, where the answer names it; must be the same on every renewal (RF-23).
    pub person_network_id: Option<String>,
    /// Scopes that were asked for and not granted.
    pub missing_scopes: Vec<String>,
}

/// The note under which an adapter asks something else on the way, what it is about as its value: the answer may be a success and is no
/// token set of the person's, whatever stands in it. It is never kept as one.
pub const ASIDE: &str = "aside";

/// What an answer asks for.
#[derive(Debug)]
pub enum Answer<T> {
    /// This is the result.
    Done(T),
    /// The network wants the same asked once more in another form (RFC 9449 section 8: a DPoP nonce). Nothing was spent.
    /// The notes are to be kept with the token set.
    AskAgain {
        /// The request to send.
        request: Box<Request<Bytes>>,
        /// Notes that changed (a newer nonce).
        notes: BTreeMap<String, String>,
        /// Secrets learned on the way, added to the memory that the next reading of an exchange is handed (Meta: the
        /// short-lived token that the long-lived one is asked with). Not kept with the token set.
        secrets: BTreeMap<String, Secret>,
    },
}

/// What a renewal's answer says.
#[derive(Debug)]
pub enum Renewal {
    /// A new token set.
    Renewed(Box<Issued>),
    /// Anything else. The diagnosis says whether it speaks against the token.
    Failed(Diagnosis),
    /// It may have been processed although the answer is no success (5xx, cut body): ambiguous.
    Unclear(Evidence),
}

/// A social network. Pure where a token is at stake; `async` over the wire passed in where it is not.
pub trait Network: Send + Sync {
    /// What is fixed about it.
    fn about(&self) -> &'static About;

    /// Lifetimes and habits, before configuration.
    fn facts(&self) -> Facts;

    /// The instance that the typed hint leads to, as host with optional port; empty where the network is one.
    ///
    /// # Errors
    /// What is wrong with the hint.
    fn instance(&self, _hint: Option<&str>) -> Result<String, Words> {
        Ok(String::new())
    }

    /// The instance that a typed handle leads to, where its domain says that the account lives on a server of another name. `None`
    /// where it says nothing, and [`Network::instance`] stays right; the context is that of the instance named there.
    fn server_of<'a>(&'a self, _cx: Cx<'a>, _wire: &'a dyn Wire, _hint: &'a str) -> BoxFuture<'a, Option<String>> {
        Box::pin(async { None })
    }

    /// What an instance says of itself without a token (the length of a text, sizes of pictures): kept by the shell for a while, and
    /// handed back among the options of [`App`], so that [`Network::check`] knows it. Empty where there is nothing to ask or no answer.
    fn learn<'a>(&'a self, _cx: Cx<'a>, _wire: &'a dyn Wire) -> BoxFuture<'a, BTreeMap<String, String>> {
        Box::pin(async { BTreeMap::new() })
    }

    /// Begins a connection: whatever has to be asked first, then the address to send the person to.
    fn begin<'a>(&'a self, cx: Cx<'a>, wire: &'a dyn Wire, start: &'a Start) -> BoxFuture<'a, Result<Authorization, Failure>>;

    /// Whether a connection that begins so needs our app there. Not where what was typed is all that it takes.
    fn needs_app(&self, _cx: Cx<'_>, _start: &Start) -> bool {
        true
    }

    /// The value by which a callback is recognised: the `state` parameter, unless the network has another.
    fn returned_state<'a>(&self, callback: &'a Callback) -> Option<&'a str> {
        value(callback, "state")
    }

    /// Where the network shows the person a PIN for what was begun under this token, when the network app cannot be sent back to: the
    /// person types it here (OAuth 1.0a, `oob`). `None` where the network leads back by itself.
    fn shows_pin(&self, _cx: Cx<'_>, _token: &str) -> Option<String> {
        None
    }

    /// Checks the callback and builds the request that exchanges the code.
    fn exchange(&self, cx: Cx<'_>, memory: &BTreeMap<String, Secret>, callback: &Callback) -> Result<Request<Bytes>, Failure>;

    /// Reads the answer to [`Network::exchange`].
    fn read_exchange(
        &self,
        cx: Cx<'_>,
        memory: &BTreeMap<String, Secret>,
        callback: &Callback,
        answer: &Response<Bytes>,
    ) -> Result<Answer<Issued>, Failure>;

    /// Builds the request that renews; `None` when only the person can.
    fn renew(&self, cx: Cx<'_>, tokens: &TokenSet) -> Option<Request<Bytes>>;

    /// Reads the answer to [`Network::renew`].
    fn read_renew(&self, cx: Cx<'_>, tokens: &TokenSet, answer: &Response<Bytes>) -> Answer<Renewal>;

    /// Builds the cheapest call that proves the token.
    fn probe(&self, cx: Cx<'_>, tokens: &TokenSet) -> Request<Bytes>;

    /// Reads the answer to [`Network::probe`].
    fn read_probe(&self, cx: Cx<'_>, tokens: &TokenSet, answer: &Response<Bytes>) -> Answer<Diagnosis>;

    /// Builds the request that revokes at the network; `None` when it has no such call.
    fn revoke(&self, cx: Cx<'_>, tokens: &TokenSet) -> Option<Request<Bytes>>;

    /// Whether an answer to [`Network::revoke`] means that the token is gone for good.
    fn is_revoked(&self, answer: &Response<Bytes>) -> bool {
        answer.status().is_success()
    }

    /// Reads the answer to [`Network::revoke`]: whether the token is gone for good, or that the same is to be asked again in
    /// another form. Networks with DPoP want a fresh nonce here too, and revoke nothing without it.
    fn read_revoke(&self, _cx: Cx<'_>, _tokens: &TokenSet, answer: &Response<Bytes>) -> Answer<bool> {
        Answer::Done(self.is_revoked(answer))
    }

    /// Whether a refusal to revoke is one that passes, so that the same is tried again later.
    fn may_revoke_later(&self, _cx: Cx<'_>, answer: &Response<Bytes>) -> bool {
        !answer.status().is_client_error() || answer.status() == http::StatusCode::TOO_MANY_REQUESTS
    }

    /// Where people end our access by themselves, where no call of the network does it, or none that can be relied on. `None` where
    /// [`Network::revoke`] does.
    fn ended_by_person(&self) -> Option<Rule> {
        None
    }

    /// Headers that every call of its API must carry, also one that somebody makes through us.
    fn own_headers(&self, _cx: Cx<'_>) -> Vec<(HeaderName, HeaderValue)> {
        vec![]
    }

    /// Headers that every call of its API must carry, and that a call which somebody makes through us may bring along with a value of
    /// its own: those that are missing are put there.
    fn usual_headers(&self, _cx: Cx<'_>) -> Vec<(HeaderName, HeaderValue)> {
        vec![]
    }

    /// Its own words on a cause, where the usual ones would not be true of it.
    fn words_on(&self, _cause: Cause) -> Option<CauseWords> {
        None
    }

    /// Which logins a revocation ends as a whole, beyond the token it names: the name of whoever keeps the consent, and the login in
    /// our id of the person. `None` where it ends that token set alone.
    fn ends_login<'a>(&self, _person: &'a str) -> Option<(&'static str, &'a str)> {
        None
    }

    /// What a login has made at the network, as far as the memory of its exchange tells: where each login makes something of its
    /// own (Discord: a webhook), what is not kept, or takes another's place, has to be taken away again.
    fn made_by_login(&self, _memory: &BTreeMap<String, Secret>) -> Option<TokenSet> {
        None
    }

    /// Lists what the person may act as. A diagnosis instead of a list when the network would not give it.
    fn discover<'a>(&'a self, cx: Cx<'a>, wire: &'a dyn Wire, tokens: &'a TokenSet) -> BoxFuture<'a, Result<Discovery, Diagnosis>>;

    /// Documents about our client that the network fetches from us (AT Protocol: client metadata and public keys), by file
    /// name under `/oauth/`.
    fn documents(&self, _app: &App) -> Vec<(&'static str, serde_json::Value)> {
        vec![]
    }

    /// Whether a draft fits what the network takes of that profile: length by its own counting, pictures, films, links. Needs no token
    /// and sends nothing; [`Network::publish`] and [`Network::comment`] ask the same before they send.
    ///
    /// # Errors
    /// [`NotDone::NotSupported`] or [`NotDone::Invalid`], with what to change.
    fn check(&self, app: &App, target: Target<'_>, draft: Draft<'_>) -> Result<Fit, NotDone> {
        acting::allowed(self.can_as(target.kind), draft)?;
        self.measure(app, target, draft)
    }

    /// The network's own part of [`Network::check`].
    ///
    /// # Errors
    /// With the field and what to change.
    fn measure(&self, _app: &App, _target: Target<'_>, _draft: Draft<'_>) -> Result<Fit, NotDone> {
        Err(acting::not_supported(Ability::Yes))
    }

    /// What pictures and films go with one post, where it takes any. [`Network::check`] goes by it.
    fn takes(&self) -> Option<&'static Takes> {
        None
    }

    /// Publishes a post as a profile.
    fn publish<'a>(&'a self, _by: Acting<'a>, _post: &'a Post) -> Done<'a, Posted> {
        Box::pin(async { Err(acting::not_supported(self.about().can.publish)) })
    }

    /// Lists what was said under a post, oldest first.
    fn comments<'a>(&'a self, _by: Acting<'a>, _post: &'a str) -> Done<'a, Comments> {
        Box::pin(async { Err(acting::not_supported(self.about().can.read_comments)) })
    }

    /// Says something under a post as a profile, or in reply to what somebody else said there.
    fn comment<'a>(&'a self, _by: Acting<'a>, _post: &'a str, in_reply_to: Option<&'a str>, _text: &'a str) -> Done<'a, Posted> {
        let can = self.about().can;
        Box::pin(async move { Err(acting::not_supported(if in_reply_to.is_some() { can.reply } else { can.comment })) })
    }

    /// The origin of the server that this token set leads to, where each account may live on one of its own: what is known of
    /// one server's health says nothing of the others. `None` where the instance says it.
    fn server(&self, _tokens: &TokenSet) -> Option<String> {
        None
    }

    /// Where people see a post of that profile, where its id tells.
    fn address(&self, _target: Target<'_>, _post: &str) -> Option<String> {
        None
    }

    /// Whether a post that may have been published at `since` or later is there: asked before it is sent again. `None` means that it can
    /// be sent again without ever being there twice.
    fn look<'a>(&'a self, _by: Acting<'a>, _post: &'a Post, _since: Timestamp) -> Done<'a, Option<Posted>> {
        Box::pin(async { Err(acting::cannot_be_asked()) })
    }

    /// What people have to know of a post that the network took: it is shown to nobody, still examined, rejected meanwhile. `None`: it
    /// stands as it was meant, or the network has no word on that. Waits a moment where the network needs one.
    fn standing<'a>(&'a self, _by: Acting<'a>, _post: &'a str) -> Done<'a, Option<Words>> {
        Box::pin(async { Ok(None) })
    }

    /// Where the network's API begins, for calls that are passed through: the one host they can reach. `None` where there is none.
    fn api(&self, cx: Cx<'_>, _tokens: &TokenSet) -> Option<String> {
        ["api", "rest", "graph", "v4"].into_iter().find_map(|key| cx.endpoint(self.about(), key))
    }

    /// Where the keys are published with which the network signs what it tells us (a JWK set, RFC 7517): the shell fetches it and
    /// hands it to [`Network::receive`] as the option `signal_keys`. `None` where a shared secret signs, or nothing is told.
    fn signal_keys(&self, _cx: Cx<'_>) -> Option<String> {
        None
    }

    /// What a call that is passed through has to carry in its address beside the credential.
    fn proven_by(&self, _cx: Cx<'_>, _token: &Secret) -> Vec<(&'static str, String)> {
        vec![]
    }

    /// What steers its calls elsewhere than their method and path say, beside names that hold a method (Meta: `batch`, several calls in
    /// one): `Some` where it reads such names out of JSON and multipart bodies too, so that those are looked through before they go out.
    fn steered_by(&self) -> Option<&'static [&'static str]> {
        None
    }

    /// What of our own settings at the network ends on a day that is known, so that the operator is told ahead: when, and what to do
    /// about it, for whoever runs the server. Whatever is set under `networks.NAME.options` counts.
    fn ends(&self, _options: &BTreeMap<String, String>) -> Option<(Timestamp, Words)> {
        None
    }

    /// How much of what our app may do at the network is used up, in percent, as headers of good and bad answers tell; `None` where they
    /// say nothing of the app as a whole.
    fn used_up(&self, _headers: &HeaderMap) -> Option<u32> {
        None
    }

    /// How long nobody may call as the profile that was called as, because what it may do is used up, as headers of good and bad answers
    /// tell; `None` where they say nothing of single profiles.
    fn quiet_for(&self, _headers: &HeaderMap) -> Option<Span> {
        None
    }

    /// What a refusal of a call that was passed through says, at networks where its status alone does not tell; `None` elsewhere.
    fn refused_through(&self, _cx: Cx<'_>, _answer: &Response<Bytes>) -> Option<Diagnosis> {
        None
    }

    /// Whether a call was refused, and nothing was done, only because another one with the same token was signed with a later moment:
    /// signed anew it is made once more.
    fn came_late(&self, _answer: &Response<Bytes>) -> bool {
        false
    }

    /// Reads what the network tells us by itself at `/signals/NAME` (Meta deauthorise, TikTok `authorization.removed`, X
    /// revoke events, Google security events). `None` where it has no such signals.
    fn receive(&self, _cx: Cx<'_>, _request: &Request<Bytes>) -> Option<Inbound> {
        None
    }

    /// What a profile of that kind allows, where it is less than what [`About::can`] says of the network.
    fn can_as(&self, _kind: Kind) -> Can {
        self.about().can
    }

    /// Where refresh tokens are given to some network apps and not to others, and only an answer tells: what people have to
    /// know of either case. `None` where all apps are treated alike.
    fn refresh_tokens(&self) -> Option<&'static RefreshTokens> {
        None
    }

    /// Whether roles can be lost while the token lives, so that a probe has to list them as well.
    fn has_roles(&self) -> bool {
        false
    }
}

/// The first value of that name in a callback.
pub fn value<'a>(callback: &'a Callback, name: &str) -> Option<&'a str> {
    callback.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}
