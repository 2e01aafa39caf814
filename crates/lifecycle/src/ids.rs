//! One typed id per kind. An id is opaque text to the outside; its prefix shows the kind to people
//! (`prf_0198c0…`). Ids are made by the shell from a time-ordered UUID; nothing here rolls dice.

use std::cmp::Ordering;
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
        write!(f, "not an id of this kind: it is {} and {DIGITS} of the digits 0-9 and a-f, as lists show it", self.expected)
    }
}

impl std::error::Error for NotAnId {}

/// How many digits follow the prefix.
const DIGITS: usize = 32;

/// The digits of a number, filled up with zeros.
fn write_hex(value: u128, digits: &mut [u8]) {
    for (digit, byte) in digits.chunks_mut(2).zip(value.to_be_bytes()) {
        digit.copy_from_slice(&[b"0123456789abcdef"[usize::from(byte >> 4)], b"0123456789abcdef"[usize::from(byte & 15)]]);
    }
}

/// The digits as two numbers, which are in the same order as the text: every id of a kind begins alike.
#[inline]
fn halves(digits: &[u8]) -> (u128, u128) {
    let (halves, _) = digits.as_chunks::<{ DIGITS / 2 }>();
    let number = |half: usize| halves.get(half).map_or(0, |half| u128::from_be_bytes(*half));
    (number(0), number(1))
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name([u8; $prefix.len() + DIGITS]);

        impl Ord for $name {
            #[inline]
            fn cmp(&self, other: &Self) -> Ordering {
                halves(&self.0[$prefix.len()..]).cmp(&halves(&other.0[$prefix.len()..]))
            }
        }

        impl PartialOrd for $name {
            #[inline]
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        }

        impl TryFrom<String> for $name {
            type Error = NotAnId;

            fn try_from(text: String) -> Result<Self, NotAnId> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.as_str().to_owned()
            }
        }

        impl $name {
            /// What every id of this kind starts with.
            pub const PREFIX: &'static str = $prefix;

            /// Makes an id from the 128 bits of a UUID.
            pub fn from_u128(value: u128) -> Self {
                let mut text = [0; $prefix.len() + DIGITS];
                let (prefix, digits) = text.split_at_mut($prefix.len());
                prefix.copy_from_slice($prefix.as_bytes());
                write_hex(value, digits);
                Self(text)
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                // Whoever made it wrote the prefix and digits.
                std::str::from_utf8(&self.0).unwrap_or_default()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple(stringify!($name)).field(&self.as_str()).finish()
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<Self, NotAnId> {
                let rest = text.strip_prefix($prefix).ok_or(NotAnId { expected: $prefix })?;
                let plain = rest.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
                // Exactly as many digits, or it does not fit.
                let text = text.as_bytes().try_into().ok().filter(|_| plain);
                text.map(Self).ok_or(NotAnId { expected: $prefix })
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
        let told = "prf_".parse::<ProfileId>().unwrap_err().to_string();
        assert_eq!(told, "not an id of this kind: it is prf_ and 32 of the digits 0-9 and a-f, as lists show it");
        assert!("prf_0000000000000000000000000000000G".parse::<ProfileId>().is_err());
        assert!("prf_0000000000000000000000000000000".parse::<ProfileId>().is_err());
        assert!("prf_000000000000000000000000000000000".parse::<ProfileId>().is_err());
        let digits = "prf_fedcba98765432100123456789abcdef";
        assert_eq!(ProfileId::from_u128(0xfedc_ba98_7654_3210_0123_4567_89ab_cdef).to_string(), digits);
        let ordered = [1, 2, 0xf_0000_0000_0000_0000, u128::MAX].map(ProfileId::from_u128);
        assert!(ordered.is_sorted() && ordered.is_sorted_by_key(|id| id.as_str().to_owned()), "as their texts");
        assert_eq!(format!("{:?}", ProfileId::from_u128(1)), "ProfileId(\"prf_00000000000000000000000000000001\")");
    }
}
