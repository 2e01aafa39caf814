//! What is fixed about a network, as data: its names, rules in words for people, abilities, scopes, endpoints.

/// A sentence for people, in both languages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// English.
    pub en: String,
    /// German.
    pub de: String,
}

impl Words {
    /// The same sentence in both languages.
    pub fn new(en: impl Into<String>, de: impl Into<String>) -> Self {
        Self { en: en.into(), de: de.into() }
    }
}

/// One thing a network may allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ability {
    /// The network allows it.
    Yes,
    /// It does not, and why, in both languages.
    No {
        /// Why, in English.
        en: &'static str,
        /// Why, in German.
        de: &'static str,
    },
}

impl Ability {
    /// Whether it is allowed.
    pub const fn is_yes(self) -> bool {
        matches!(self, Self::Yes)
    }
}

/// What can be done through a network once it is connected (facelift.md; the network's own pages).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Can {
    /// Connect profiles.
    pub connect: Ability,
    /// Publish posts.
    pub publish: Ability,
    /// Write comments under own posts.
    pub comment: Ability,
    /// Read comments.
    pub read_comments: Ability,
    /// Reply to incoming comments in engagement.
    pub reply: Ability,
}

/// What the person has to type before leaving for the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asks {
    /// Nothing: there is one network.
    Nothing,
    /// A handle or account name (Bluesky).
    Handle,
    /// The host name of an instance (Mastodon).
    Instance,
    /// Nothing has to be; the address of a webhook that was made there by hand may be (Discord).
    Webhook,
}

impl Asks {
    /// Whether nobody can leave without having typed it.
    pub const fn is_needed(self) -> bool {
        matches!(self, Self::Handle | Self::Instance)
    }

    /// Whether somebody can connect by it alone, where we have no app at the network.
    pub const fn replaces_app(self) -> bool {
        matches!(self, Self::Webhook)
    }
}

/// How our client is known at the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registration {
    /// An admin registers it by hand and enters client id and secret.
    ByHand,
    /// It needs no registration: the client id is the address of our own metadata.
    Metadata,
    /// It registers itself at each instance when it is first needed there (Mastodon).
    AtInstance,
}

/// An endpoint of the network that configuration can override (`networks.NAME.endpoints.KEY`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Endpoint {
    /// Its key in the configuration.
    pub key: &'static str,
    /// Its address at the real network; empty when it is off unless configured. `{instance}` stands for the instance's host.
    pub url: &'static str,
}

/// A rule that people must know before they leave for the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// In English.
    pub en: &'static str,
    /// In German.
    pub de: &'static str,
}

/// How people end our access by themselves at networks that have no call for it.
pub const ENDED_IN_SETTINGS: Rule = Rule {
    en: "To end it there as well, remove the app in the settings of that account, among the apps that have access.",
    de: "Um ihn auch dort zu beenden, entfernen Sie die App in den Einstellungen des Kontos, unter den Apps mit Zugriff.",
};

/// What a cause means at one network, where the usual words for it would not be true there. `{person}` and `{network}` stand for
/// who must act and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CauseWords {
    /// What happened.
    pub happened: Rule,
    /// The one thing to do; `None`: the usual.
    pub todo: Option<Rule>,
}

/// What people have to know of a network that gives refresh tokens to some network apps and not to others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefreshTokens {
    /// Our network app is given them.
    pub given: Rule,
    /// Our network app is not given them.
    pub not_given: Rule,
    /// No answer has told yet.
    pub unknown: Rule,
}

impl RefreshTokens {
    /// The words for what is known.
    #[must_use]
    pub const fn rule(&self, given: Option<bool>) -> Rule {
        match given {
            Some(true) => self.given,
            Some(false) => self.not_given,
            None => self.unknown,
        }
    }
}

/// What is fixed about a network.
#[derive(Debug, Clone, Copy)]
pub struct About {
    /// Its name in code, configuration and API: lower case.
    pub name: &'static str,
    /// Its name as people write it.
    pub title: &'static str,
    /// What it allows.
    pub can: Can,
    /// What people must know before connecting.
    pub rules: &'static [Rule],
    /// What the person has to type first.
    pub asks: Asks,
    /// How our client is known there.
    pub registration: Registration,
    /// The scopes asked for, unless configured otherwise: one fixed set per app.
    pub scopes: &'static [&'static str],
    /// Its endpoints.
    pub endpoints: &'static [Endpoint],
}

impl About {
    /// Whether its tokens are of no use without a key or signature of ours: a client known by its metadata (`AT Protocol`) proves each call
    /// by `DPoP`, one with request tokens (`OAuth` 1.0a) signs it.
    #[must_use]
    pub fn binds_tokens(&self) -> bool {
        self.registration == Registration::Metadata || self.endpoints.iter().any(|endpoint| endpoint.key == "request_token")
    }

    /// Whether an operator can add parameters to the login page's address (`options."authorize.NAME"`). Where the request for consent was
    /// made before, by a request token (`OAuth` 1.0a) or pushed as a client known by its metadata (`AT Protocol`), the page is asked for by
    /// its name alone.
    #[must_use]
    pub fn takes_login_parameters(&self) -> bool {
        self.registration != Registration::Metadata && !self.endpoints.iter().any(|endpoint| endpoint.key == "request_token")
    }
}
