//! The emergency brake: somebody or something is frozen, and from the next request on nothing is done through it.

use std::fmt;
use std::str::FromStr;

use crate::ids::{ApiKeyId, PersonId, ProfileId, UserId};

/// What is frozen. Tokens are kept alive all the same: a freeze stops acts, it does not cost a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frozen {
    /// Every act through every token.
    Everything,
    /// A user: whatever they ask for is refused.
    User(UserId),
    /// An API key: whatever it asks for is refused.
    ApiKey(ApiKeyId),
    /// A person's tokens are not used; another person's may be.
    Person(PersonId),
    /// No act as this profile.
    Profile(ProfileId),
    /// No act at this network.
    Network(String),
}

impl Frozen {
    /// Whether a person's tokens must not be used.
    pub fn stops_person(frozen: &[Self], person: &PersonId) -> bool {
        frozen.iter().any(|one| matches!(one, Self::Person(stopped) if stopped == person))
    }
}

impl fmt::Display for Frozen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everything => f.write_str("everything"),
            Self::User(id) => write!(f, "user {id}"),
            Self::ApiKey(id) => write!(f, "api_key {id}"),
            Self::Person(id) => write!(f, "person {id}"),
            Self::Profile(id) => write!(f, "profile {id}"),
            Self::Network(name) => write!(f, "network {name}"),
        }
    }
}

/// A text does not name what can be frozen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotFreezable;

impl fmt::Display for NotFreezable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("write everything, user ID, api_key ID, person ID, profile ID or network NAME")
    }
}

impl std::error::Error for NotFreezable {}

impl FromStr for Frozen {
    type Err = NotFreezable;

    fn from_str(text: &str) -> Result<Self, NotFreezable> {
        let (kind, subject) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
        let found = match kind {
            "everything" if subject.is_empty() => Some(Self::Everything),
            "user" => subject.parse().ok().map(Self::User),
            "api_key" => subject.parse().ok().map(Self::ApiKey),
            "person" => subject.parse().ok().map(Self::Person),
            "profile" => subject.parse().ok().map(Self::Profile),
            "network" => (!subject.is_empty() && !subject.contains(' ')).then(|| Self::Network(subject.to_owned())),
            _ => None,
        };
        found.ok_or(NotFreezable)
    }
}
