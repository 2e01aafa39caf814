//! Why something does not work: cause, evidence, confidence.

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// Declares an enum whose variants are words that are stored, sent and read back.
#[macro_export]
macro_rules! word_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $text)] $variant,)* }

        impl $name {
            /// Every word of this kind, in the order of the design page.
            pub const ALL: &'static [$name] = &[$($name::$variant,)*];

            /// The word as it stands in tables, API and events.
            pub const fn as_str(self) -> &'static str {
                match self { $($name::$variant => $text,)* }
            }

            /// Reads the word back.
            pub fn parse(text: &str) -> Option<Self> {
                match text { $($text => Some($name::$variant),)* _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}
pub use word_enum;

word_enum! {
    /// Why an access does not work.
    Cause {
        /// A life known beforehand is over.
        Expired = "expired",
        /// The network demands a manual renewal and its day has come.
        RenewalDue = "renewal_due",
        /// The person changed the password.
        PasswordChanged = "password_changed",
        /// The person lost the role on the page, board or channel.
        PermissionLost = "permission_lost",
        /// The network blocked, banned or removed the person's account.
        PersonBlocked = "person_blocked",
        /// The person removed our app at the network.
        RevokedByPerson = "revoked_by_person",
        /// The network refuses our network app; no person can repair that by logging in.
        AppBlocked = "app_blocked",
        /// The person did not grant a scope that is needed.
        ScopeMissing = "scope_missing",
        /// Somebody else logged in than the one required.
        WrongPerson = "wrong_person",
        /// It was revoked here, and nobody else holds the profile.
        GivenUp = "given_up",
        /// The network does not say.
        Unknown = "unknown",
    }
}

impl Cause {
    /// Whether this is about the person or a role, and not about the token: a new token would be refused as well.
    pub const fn outlives_token(self) -> bool {
        matches!(self, Self::PermissionLost | Self::PersonBlocked)
    }
}

word_enum! {
    /// How sure a cause is.
    Confidence {
        /// The network said so in a code made for it, or our own clock knows.
        Certain = "certain",
        /// The network's answer has this as its usual meaning.
        Likely = "likely",
        /// One of several meanings the network does not tell apart.
        Guess = "guess",
    }
}

word_enum! {
    /// Where a piece of evidence comes from.
    Source {
        /// A renewal was answered.
        Renewal = "renewal",
        /// A probe (the network's cheap validity check) was answered.
        Probe = "probe",
        /// The list of what the person may act as was read.
        Discovery = "discovery",
        /// Real use: the proxy, a publish, a comment.
        Use = "use",
        /// The network told us by itself.
        Signal = "signal",
        /// Our own clock: a known deadline passed.
        Clock = "clock",
    }
}

/// The most characters of a network's own words that are kept.
const WORDS_MAX: usize = 300;

/// What was seen, in the network's own words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// When it was seen.
    pub at: Timestamp,
    /// What kind of look it was.
    pub source: Source,
    /// The HTTP status, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_status: Option<u16>,
    /// The machine-readable error code, where the network has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The network's own words, cleaned of control characters, shortened. Hostile text: escape where shown.
    pub words: String,
}

impl Evidence {
    /// Evidence with the network's words made safe to keep: control characters become spaces, 300 characters at most.
    pub fn new(at: Timestamp, source: Source, http_status: Option<u16>, code: Option<&str>, words: &str) -> Self {
        Self { at, source, http_status, code: code.map(clean), words: clean(words) }
    }

    /// What our own clock knows.
    pub fn by_clock(at: Timestamp, words: &str) -> Self {
        Self::new(at, Source::Clock, None, None, words)
    }
}

/// Text of strangers, fit to be kept and shown: control characters become spaces, what turns the direction of writing or cannot
/// be seen is left out (NT-26), and 300 characters are the most. It still has to be escaped where it is shown.
pub fn clean(text: &str) -> String {
    // Nearly all of it is short and plain already.
    if text.len() <= WORDS_MAX && text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
        return text.trim().to_owned();
    }
    let seen = text.chars().filter(|c| !is_trick(*c)).map(|c| if c.is_control() { ' ' } else { c });
    seen.take(WORDS_MAX).collect::<String>().trim().to_owned()
}

/// Unicode's direction controls, and characters without width that no script and no emoji needs (joiners are needed).
const fn is_trick(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_round_trip() {
        for cause in Cause::ALL {
            assert_eq!(Cause::parse(cause.as_str()), Some(*cause));
        }
        assert_eq!(Cause::parse("dead"), None);
    }

    #[test]
    fn evidence_is_cleaned_and_bounded() {
        let evidence = Evidence::new(Timestamp::from_micros(0), Source::Probe, None, None, &"a\r\n".repeat(500));
        assert!(evidence.words.chars().count() <= 300);
        assert!(!evidence.words.contains('\n'));
    }

    #[test]
    fn nt_26_names_cannot_turn_the_writing_or_hide() {
        assert_eq!(clean("Fern\u{202e}weh\u{200b} \u{1b}[31mOutdoor\u{feff}\n"), "Fernweh  [31mOutdoor");
        assert_eq!(clean("👩\u{200d}🔧 می\u{200c}خواهم"), "👩\u{200d}🔧 می\u{200c}خواهم", "joiners are part of words");
    }
}
