//! One typed id per kind. An id is opaque text to the outside; its prefix shows the kind to people
//! (`prf_0198c0…`). Ids are made by the shell from a time-ordered UUID; nothing here rolls dice.

use std::fmt;
use std::str::FromStr;

/// The text is not an id of the kind asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotAnId {
    /// The prefix that was expected.
    pub expected: &'static str,
}

impl fmt::Display for NotAnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not an id of this kind: it starts with \"{}\"", self.expected)
    }
}

impl std::error::Error for NotAnId {}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl TryFrom<String> for $name {
            type Error = NotAnId;

            fn try_from(text: String) -> Result<Self, NotAnId> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }

        impl $name {
            /// What every id of this kind starts with.
            pub const PREFIX: &'static str = $prefix;

            /// Makes an id from the 128 bits of a UUID.
            pub fn from_u128(value: u128) -> Self {
                Self(format!("{}{value:032x}", $prefix))
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<Self, NotAnId> {
                let rest = text.strip_prefix($prefix).ok_or(NotAnId { expected: $prefix })?;
                let plain = rest.len() == 32 && rest.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
                if plain { Ok(Self(text.to_owned())) } else { Err(NotAnId { expected: $prefix }) }
            }
        }
    )*};
}

ids! {
    /// A tenant: everything belongs to exactly one organisation.
    OrganisationId = "org_";
    /// Who works in Staygreen.
    UserId = "usr_";
    /// A group of users that works with the same profiles.
    TeamId = "tem_";
    /// A named set of permissions that users are given.
    PermissionSetId = "pms_";
    /// A key with which a tool speaks to the REST API.
    ApiKeyId = "key_";
    /// A login at a network: the human who authorises.
    PersonId = "per_";
    /// The stored token set of one person at one network app.
    GrantId = "grt_";
    /// What is acted as: a member, page, channel, board.
    ProfileId = "prf_";
    /// The edge from a grant to a profile.
    AccessId = "acc_";
    /// One attempt to connect, from the first click to the chosen profiles.
    ConnectionId = "con_";
    /// One line of the append-only event log.
    EventId = "evt_";
    /// Where an organisation wants to hear of what happens: a server or a chat channel.
    EndpointId = "whe_";
    /// A user's calendar feed.
    FeedId = "cal_";
    /// One message on its way to one recipient.
    OutboxId = "msg_";
    /// One attempt to renew a grant, as the journal knows it.
    AttemptId = "att_";
    /// A signed-in browser.
    SessionId = "ses_";
    /// One post or comment made through us.
    ActId = "act_";
    /// One freeze of somebody or something.
    FreezeId = "frz_";
    /// One running server process.
    NodeId = "nod_";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_back() {
        let id = ProfileId::from_u128(0x0198_c0ff_ee00);
        assert_eq!(id.as_str().parse::<ProfileId>(), Ok(id.clone()));
        assert!(id.as_str().parse::<GrantId>().is_err());
        assert!("prf_".parse::<ProfileId>().is_err());
        assert!("prf_0000000000000000000000000000000G".parse::<ProfileId>().is_err());
    }
}
