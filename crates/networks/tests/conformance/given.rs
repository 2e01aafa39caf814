//! An installation with an account at a network, and what the adapter reads an answer as, in words.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{Request, Response};
use lifecycle::diagnosis::{Diagnosis, Finding};
use lifecycle::facts::Facts;
use lifecycle::secret::{Secret, TokenSet, TokenType};
use lifecycle::time::Timestamp;
use networks::Network;
use networks::acting::{Acting, Draft, Media, NotDone, Post, Target};
use networks::dpop::Key;
use networks::network::{ASIDE, Answer, App, Cx, Failure, Kind, Registration, Renewal};
use networks::wire::{BoxFuture, Clock, Dice, Wire, WireError};

/// The moment at which everything is read, in seconds since 1970: 2027-01-15T08:00:00Z.
pub(crate) const NOW: i64 = 1_800_000_000;

pub(crate) struct Sevens;

impl Dice for Sevens {
    fn fill(&self, buffer: &mut [u8]) {
        buffer.fill(7);
    }
}

/// A clock that stands still.
pub(crate) struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::from_seconds(NOW)
    }
}

/// Answers everything the same way.
pub(crate) struct Parrot(pub(crate) Response<Bytes>);

impl Wire for Parrot {
    fn send(&self, _: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, WireError>> {
        let answer = self.0.clone();
        Box::pin(async move { Ok(answer) })
    }
}

pub(crate) struct Given {
    pub(crate) network: &'static dyn Network,
    pub(crate) app: App,
    facts: Facts,
}

impl Given {
    pub(crate) fn at(network: &'static dyn Network) -> Self {
        let is_document = network.about().registration == Registration::Metadata;
        let app = App {
            client_id: if is_document { "https://staygreen.example/oauth/client-metadata.json" } else { "canary-client" }.into(),
            client_secret: (!is_document).then(|| Secret::new("canary-secret")),
            instance: String::new(),
            redirect_uri: "https://staygreen.example/oauth/callback/x?fixed=1".into(),
            scopes: vec![],
            base_url: None,
            endpoints: BTreeMap::new(),
            options: BTreeMap::from([("username".to_owned(), "canary_user".to_owned())]),
        };
        Self { network, app, facts: network.facts() }
    }

    pub(crate) fn cx(&self) -> Cx<'_> {
        Cx { app: &self.app, facts: &self.facts, now: Timestamp::from_seconds(NOW), dice: &Sevens }
    }

    /// Tokens as they stand after a while; with a key and the addresses of a session where the network is one of proofs.
    pub(crate) fn tokens(&self) -> TokenSet {
        // Granted was what is asked for.
        let scopes = self.cx().scopes(self.network.about());
        let mut tokens = TokenSet::bearer(Secret::new("canary-access"), Some(Secret::new("canary-refresh")), scopes);
        tokens.token_secret = Some(Secret::new("canary-token-secret"));
        // Of whatever is acted as, where profiles have tokens of their own.
        tokens.profile_tokens.insert("1".into(), Secret::new("canary-profile"));
        if self.app.client_secret.is_none() {
            tokens.token_type = TokenType::Dpop;
            tokens.dpop_key = Some(Key::roll(&self.cx()).stored());
            let notes = [
                ("issuer", "https://as.example"),
                ("token_endpoint", "https://as.example/oauth/token"),
                ("revocation_endpoint", "https://as.example/oauth/revoke"),
                ("client_id", self.app.client_id.as_str()),
                ("did", "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa"),
                ("pds", "https://pds.example"),
            ];
            tokens.notes = notes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        }
        tokens
    }

    /// What is remembered while a person is at the network.
    pub(crate) fn memory(&self) -> BTreeMap<String, Secret> {
        let tokens = self.tokens();
        let notes = tokens.notes.into_iter().map(|(name, value)| (name, Secret::new(value)));
        notes.chain(tokens.dpop_key.map(|key| ("dpop_key".to_owned(), key))).collect()
    }

    /// What an answer to that call is read as.
    pub(crate) async fn read(&self, call: &str, answer: &Response<Bytes>) -> String {
        let (cx, mut tokens, wire) = (self.cx(), self.tokens(), Parrot(answer.clone()));
        let (call, is_aside) = call.strip_suffix("_aside").map_or((call, false), |call| (call, true));
        if is_aside {
            // Our credentials were asked about in between.
            tokens.notes.insert(ASIDE.to_owned(), "credentials".to_owned());
        }
        match call {
            "exchange" => {
                let callback = [("code", "c"), ("state", "s"), ("iss", "https://as.example")];
                let callback = callback.map(|(name, value)| (name.to_owned(), value.to_owned()));
                match self.network.read_exchange(cx, &self.memory(), &callback, answer) {
                    Ok(Answer::Done(_)) => "issued".into(),
                    Ok(Answer::AskAgain { .. }) => "ask again".into(),
                    Err(failure) => failed(&failure),
                }
            }
            "renew" => match self.network.read_renew(cx, &tokens, answer) {
                Answer::AskAgain { .. } => "ask again".into(),
                Answer::Done(Renewal::Renewed(_)) => "renewed".into(),
                Answer::Done(Renewal::Unclear(_)) => "unclear".into(),
                Answer::Done(Renewal::Failed(diagnosis)) => found(&diagnosis),
            },
            "probe" => match self.network.read_probe(cx, &tokens, answer) {
                Answer::AskAgain { .. } => "ask again".into(),
                Answer::Done(diagnosis) => found(&diagnosis),
            },
            "revoke" => match self.network.read_revoke(cx, &tokens, answer) {
                Answer::AskAgain { .. } => "ask again".into(),
                Answer::Done(gone) => if gone { "gone" } else { "not gone" }.into(),
            },
            "discover" => match self.network.discover(cx, &wire, &tokens).await {
                Ok(_) => "listed".into(),
                Err(diagnosis) => found(&diagnosis),
            },
            "comments" => {
                let target = Target { network_id: "1", kind: Kind::Account, handle: Some("h") };
                match self.network.comments(Acting { cx, clock: &Still, wire: &wire, tokens: &tokens, target }, "1").await {
                    Ok(read) => if read.note.is_some() { "read in part" } else { "read" }.into(),
                    not_done => done(not_done),
                }
            }
            "comment" => {
                let target = Target { network_id: "1", kind: Kind::Account, handle: Some("h") };
                done(self.network.comment(Acting { cx, clock: &Still, wire: &wire, tokens: &tokens, target }, "1", None, "words").await)
            }
            "publish" => self.publish(&wire).await,
            other => panic!("{other} is no call"),
        }
    }

    /// As whatever the network has that can publish, whatever it wants to have published.
    async fn publish(&self, wire: &Parrot) -> String {
        let media = |kind: &str, url: &str| Media {
            url: Some(url.into()),
            content_type: kind.into(),
            bytes: Bytes::from_static(b"media"),
            alt: None,
        };
        let post = |media| Post { text: "words".into(), link: None, title: Some("t".into()), media, key: "k".into() };
        let posts = [
            post(vec![]),
            post(vec![media("image/png", "https://p.example/p.png")]),
            post(vec![media("video/mp4", "https://p.example/f.mp4")]),
        ];
        for kind in [Kind::Page, Kind::Account, Kind::Board, Kind::Location] {
            for post in &posts {
                let target = Target { network_id: "1", kind, handle: Some("h") };
                let tokens = self.tokens();
                let by = Acting { cx: self.cx(), clock: &Still, wire, tokens: &tokens, target };
                // What fits beforehand and is refused all the same was refused by the answer.
                let fits = self.network.check(&self.app, target, Draft::Post(post)).is_ok();
                match self.network.publish(by, post).await {
                    Err(NotDone::Invalid { .. } | NotDone::NotSupported(_)) if !fits => {}
                    other => return done(other),
                }
            }
        }
        "nothing can be published".into()
    }
}

fn found(diagnosis: &Diagnosis) -> String {
    match &diagnosis.finding {
        Finding::Works => "works".into(),
        Finding::Transient { retry_after: None } => "transient".into(),
        Finding::Transient { retry_after: Some(wait) } => format!("transient, wait {}", wait.as_seconds()),
        Finding::Misconfigured => "misconfigured".into(),
        Finding::Refused { cause, confidence, terminal } => {
            format!("refused {cause} {confidence}{}", if *terminal { " terminal" } else { "" })
        }
    }
}

fn failed(failure: &Failure) -> String {
    match failure {
        Failure::Denied { .. } => "denied".into(),
        Failure::Unavailable { .. } => "unavailable".into(),
        Failure::Misconfigured { .. } => "misconfigured".into(),
        Failure::StaleCode { .. } => "stale code".into(),
        Failure::Suspicious { .. } => "suspicious".into(),
        Failure::BadHint { .. } => "bad hint".into(),
        Failure::Refused { cause, .. } => format!("refused {cause}"),
    }
}

fn done<T>(done: Result<T, NotDone>) -> String {
    match done {
        Ok(_) => "done".into(),
        Err(NotDone::NotSupported(_)) => "not supported".into(),
        Err(NotDone::Invalid { field, .. }) => format!("invalid {field}"),
        Err(NotDone::Unclear(_)) => "unclear".into(),
        Err(NotDone::Refused(diagnosis)) => found(&diagnosis),
    }
}
