//! Why connecting or refreshing did not work, for people.

use crate::kinds::CauseKind;
use crate::parts::{Evidence, NetworkRef, PersonRef, ProfileRef};
use crate::words::{Lang, words};

/// Why connecting or refreshing did not work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FailureKind {
    /// The person pressed Cancel at the network.
    Denied,
    /// It took too long; the state or code is too old.
    Expired,
    /// The callback was used before, or is not one of ours.
    UsedOrForeign,
    /// Begun in another browser or by another user.
    ForeignBrowser,
    /// Somebody else logged in than the one required. Nothing was changed.
    WrongPerson {
        /// Who could have come.
        expected: Vec<PersonRef>,
        /// Who came.
        came: PersonRef,
    },
    /// Some permissions were not granted.
    ScopesMissing {
        /// Which, as the network names them.
        scopes: Vec<String>,
    },
    /// The network cannot be reached, or has trouble of its own.
    NetworkDown,
    /// The network refuses our network app; an admin has to look.
    AppRefused,
    /// The answer came from elsewhere, or breaks the protocol.
    Suspicious,
    /// The network refuses the person's account.
    PersonRefused {
        /// Why.
        cause: CauseKind,
    },
    /// There is nothing that this person could connect.
    NothingToConnect,
    /// Another organisation of this installation has the profile.
    OtherOrganisation,
    /// The operator's limit of profiles is reached.
    ProfileLimit {
        /// The limit.
        limit: u64,
    },
    /// The login worked, but this person cannot act as the profile.
    NoAccess,
    /// The handle or instance leads nowhere.
    BadHint {
        /// Why, in the reader's language.
        reason: String,
    },
    /// Something of ours went wrong.
    Internal,
}

impl FailureKind {
    /// Keys of title, what happened, what to do.
    pub(crate) const fn keys(&self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Denied => ("failure.denied.title", "failure.denied.what", "failure.denied.todo"),
            Self::Expired => ("failure.expired.title", "failure.expired.what", "failure.expired.todo"),
            Self::UsedOrForeign => ("failure.used.title", "failure.used.what", "failure.used.todo"),
            Self::ForeignBrowser => ("failure.foreign_browser.title", "failure.foreign_browser.what", "failure.foreign_browser.todo"),
            Self::WrongPerson { .. } => ("failure.wrong_person.title", "failure.wrong_person.what", "failure.wrong_person.todo"),
            Self::ScopesMissing { .. } => ("failure.scopes.title", "failure.scopes.what", "failure.scopes.todo"),
            Self::NetworkDown => ("failure.network_down.title", "failure.network_down.what", "failure.network_down.todo"),
            Self::AppRefused => ("failure.app_refused.title", "failure.app_refused.what", "failure.app_refused.todo"),
            Self::Suspicious => ("failure.suspicious.title", "failure.suspicious.what", "failure.suspicious.todo"),
            Self::PersonRefused { .. } => ("failure.person_refused.title", "failure.person_refused.what", "failure.person_refused.todo"),
            Self::NothingToConnect => ("failure.nothing.title", "failure.nothing.what", "failure.nothing.todo"),
            Self::OtherOrganisation => {
                ("failure.other_organisation.title", "failure.other_organisation.what", "failure.other_organisation.todo")
            }
            Self::ProfileLimit { .. } => ("failure.limit.title", "failure.limit.what", "failure.limit.todo"),
            Self::NoAccess => ("failure.no_access.title", "failure.no_access.what", "failure.no_access.todo"),
            Self::BadHint { .. } => ("failure.bad_hint.title", "failure.bad_hint.what", "failure.bad_hint.todo"),
            Self::Internal => ("failure.internal.title", "failure.internal.what", "failure.internal.todo"),
        }
    }

    /// Whether a private window helps: another account is signed in at the network.
    pub(crate) const fn private_window_helps(&self) -> bool {
        matches!(self, Self::WrongPerson { .. } | Self::NothingToConnect | Self::NoAccess)
    }

    /// The title, for the API and for mails.
    pub fn title(&self, lang: Lang) -> &'static str {
        words(lang).get(self.keys().0)
    }
}

/// A connection that failed, with what surrounds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Why.
    pub kind: FailureKind,
    /// The network.
    pub network: NetworkRef,
    /// The profile that was to be refreshed, when it was one.
    pub profile: Option<ProfileRef>,
    /// What was seen, in the network's own words.
    pub evidence: Option<Evidence>,
    /// Where to try again; `None` when trying again is of no use.
    pub retry: Option<String>,
}
