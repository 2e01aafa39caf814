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
    /// The network's own words as [`foreign`] leaves them. Hostile text: escape where shown.
    pub words: String,
}

impl Evidence {
    /// Evidence with the network's words made safe to keep ([`foreign`]), 300 characters at most.
    pub fn new(at: Timestamp, source: Source, http_status: Option<u16>, code: Option<&str>, words: &str) -> Self {
        let kept = |said: &str| foreign(said, WORDS_MAX);
        Self { at, source, http_status, code: code.map(kept), words: kept(words) }
    }

    /// What our own clock knows.
    pub fn by_clock(at: Timestamp, words: &str) -> Self {
        Self::new(at, Source::Clock, None, None, words)
    }
}

/// Text of strangers, fit to be kept and shown: control characters become spaces, what turns the direction of writing or cannot
/// be seen is left out (NT-26), and 300 characters are the most. It still has to be escaped where it is shown.
pub fn clean(text: &str) -> String {
    cleaned(text, WORDS_MAX)
}

fn cleaned(text: &str, most: usize) -> String {
    // Nearly all of it is short and plain already.
    if text.len() <= most && text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
        return text.trim().to_owned();
    }
    let seen = text.chars().filter(|c| !is_trick(*c)).map(|c| if c.is_control() { ' ' } else { c });
    seen.take(most).collect::<String>().trim().to_owned()
}

/// Paths of ours whose last part is a key: whoever knows such an address may do what it is for. A test of the server compares them
/// with its routes.
pub const DOORS: &[&str] = &["/calendar/", "/invitation/", "/renew/", "/setup/", "/unsubscribe/"];

/// What stands in the place of something left out.
const LEFT_OUT: char = '…';
/// The fewest characters of a run that can be a key: networks' shortest tokens have 20.
const KEY_MIN: usize = 20;
/// The characters of a key of ours, without a prefix: 256 bits.
const OURS: usize = 43;
/// From so many characters on, a run in both cases is no word, even without a digit.
const NO_WORD_MIN: usize = 40;
/// How much more than is kept is read, so that what is left out does not cost what follows it.
const AHEAD: usize = 4_000;

/// What strangers answer where something went wrong (networks, mail servers, whoever reports for one), fit to be kept and shown, `most`
/// characters of it. As [`clean`] does, and nothing that opens a door is left: they may quote what they were sent, a link or a token,
/// and whoever reads why it did not arrive is not whom it was for. Left out is whatever follows one of [`DOORS`], and every long run of
/// characters that looks made by dice and not by people.
pub fn foreign(text: &str, most: usize) -> String {
    let text = cleaned(text, most.saturating_add(AHEAD));
    cleaned(&without_keys(&behind_no_door(&text)), most)
}

/// Without what follows a path of ours, up to where a link ends, and on the next line where too little stands on the first.
fn behind_no_door(text: &str) -> String {
    let ends = |c: char| c.is_whitespace() || "<>\"'()[]{}|".contains(c);
    let (mut kept, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(key) = DOORS.iter().filter_map(|door| rest.find(door).map(|at| at + door.len())).min() {
        let (before, after) = rest.split_at(key);
        kept.push_str(before);
        kept.push(LEFT_OUT);
        let (first, after) = after.split_at(after.find(ends).unwrap_or(after.len()));
        let next = after.trim_start();
        let more = next.find(|c| !is_of_key(c)).unwrap_or(next.len());
        rest = if first.len() < OURS && first.len() + more >= OURS { &next[more..] } else { after };
    }
    kept + rest
}

/// Characters of keys; "=5F" and "%5F" are how some write one of them.
const fn is_of_key(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '~' | '=' | '%')
}

fn without_keys(text: &str) -> String {
    let (mut kept, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(begins) = rest.find(is_of_key) {
        let (before, run) = rest.split_at(begins);
        let (run, after) = run.split_at(run.find(|c| !is_of_key(c)).unwrap_or(run.len()));
        kept.push_str(before);
        if looks_random(run) && !is_id(run, &kept) {
            kept.push(LEFT_OUT);
        } else {
            kept.push_str(run);
        }
        rest = after;
    }
    kept + rest
}

/// What names something whose value is no id, whatever it looks like.
const SECRETS: &[&str] =
    &["assertion", "authoriz", "bearer", "code", "credential", "key", "oauth", "passw", "secret", "session", "ticket", "token"];
/// How much of what stands before a value is looked at for such a name.
const NAMED_WITHIN: usize = 40;

/// Ids by which people find what is meant, their post or their account, and which no key of ours can be taken for: a UUID (RFC 9562)
/// and an account at AT Protocol. Some issuers have UUIDs for tokens too: one that is said to be a secret is none of these.
fn is_id(run: &str, before: &str) -> bool {
    let (name, value) = run.rsplit_once('=').unwrap_or(("", run));
    if name.is_empty() && before.ends_with("did:plc:") {
        return value.len() == 24 && value.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'2'..=b'7'));
    }
    let parts: Vec<&str> = value.split('-').collect();
    let is_uuid = value.len() == 36
        && parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12])
        && parts.concat().bytes().all(|byte| byte.is_ascii_hexdigit());
    let nearby: String = before.chars().rev().take(NAMED_WITHIN).collect::<Vec<_>>().into_iter().rev().chain(name.chars()).collect();
    let nearby = nearby.to_ascii_lowercase();
    is_uuid && !looks_random(name) && !SECRETS.iter().any(|secret| nearby.contains(secret))
}

/// 43 characters of dice have a digit among letters, but for one in a thousand, and those have both cases.
fn looks_random(run: &str) -> bool {
    let has = |of: fn(&u8) -> bool| run.as_bytes().iter().any(of);
    let (upper, lower) = (has(u8::is_ascii_uppercase), has(u8::is_ascii_lowercase));
    (run.len() >= KEY_MIN && (upper || lower) && has(u8::is_ascii_digit)) || (run.len() >= NO_WORD_MIN && upper && lower)
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
    fn what_mail_servers_and_networks_say_stays_readable() {
        for said in [
            "permanent error (550): 5.1.1 <nobody@mx-eu-central.example.com>: Recipient address rejected: User unknown",
            "550-5.1.1 The email account that you tried to reach does not exist. https://support.google.com/mail/?p=NoSuchUser - gsmtp",
            "Error validating access token: Session has expired on Tuesday, 05-Nov-24 08:00:00 PST. The current time is 190, 463.",
            "Object with ID '105837262637483' does not exist, see https://developers.facebook.com/docs/graph-api/reference/v19.0/page",
            "InsufficientPermissionsException urn:li:organization:12345678 REQUESTED_ENTITY_ALREADY_DELETED_OR_UNAVAILABLE",
            "redirect_uri https://sg.example/oauth/callback/linkedin is not registered",
        ] {
            assert_eq!(foreign(said, 500), said);
        }
    }

    #[test]
    fn keys_of_every_network_are_left_out_of_what_it_says() {
        for (said, kept) in [
            ("token EAABwzLixnjYBO7ZC9rXw is bad", "token … is bad"),
            ("GET /me?access_token=EAABwzLixnjYBO7ZC9rXw&fields=id", "GET /me?…&fields=id"),
            ("eyJhbGciOiJFUzI1NiIsInR5cCI6.eyJzdWIiOiJkaWQ6cGxjOnRo.c2lnbmF0dXJlc2lnbmF0dXJl1 expired", "….….… expired"),
            ("oauth_token 0123456789abcdef0123", "oauth_token …"),
            (
                "see https://sg.example/renew/short, or (https://sg.example/setup/short) now",
                "see https://sg.example/renew/… or (https://sg.example/setup/…) now",
            ),
            ("<sg.example/invitation/a/b?c=d> and /calendar/x.ics.", "<sg.example/invitation/…> and /calendar/…"),
        ] {
            assert_eq!(foreign(said, 500), kept);
        }
    }

    #[test]
    fn ids_by_which_people_find_something_stay() {
        for said in [
            "Could not find root for at://did:plc:ewvi7nxzyoun6zhxrhs64oiz/app.bsky.feed.post/3l7xyzabc2d2k",
            "Profile not found: did:plc:ewvi7nxzyoun6zhxrhs64oiz",
            "no post 0190F3A2-7c11-7b4e-9d0a-3f1c2b4d5e6f here; request_id=0190f3a2-7c11-7b4e-9d0a-3f1c2b4d5e6f",
        ] {
            assert_eq!(foreign(said, 500), said);
        }
        for (said, kept) in [
            ("access_token=0190f3a2-7c11-7b4e-9d0a-3f1c2b4d5e6f expired", "… expired"),
            ("The token \"0190f3a2-7c11-7b4e-9d0a-3f1c2b4d5e6f\" expired", "The token \"…\" expired"),
            ("Bearer 0190f3a2-7c11-7b4e-9d0a-3f1c2b4d5e6f", "Bearer …"),
            ("no post 0190f3a27c117b4e9d0a3f1c2b4d5e6f here", "no post … here"),
            ("no post 0190f3a2-7c11-7b4e-9d0a-3f1c2b4d5e6f0 here", "no post … here"),
            ("did:plc:ewvi7nxzyoun6zhxrhs64oiz2 and did:web:ewvi7nxzyoun6zhxrhs64oiz", "did:plc:… and did:web:…"),
            ("https://sg.example/renew/0190f3a2-7c11-7b4e-9d0a-3f1c2b4d5e6f", "https://sg.example/renew/…"),
        ] {
            assert_eq!(foreign(said, 500), kept);
        }
    }

    proptest::proptest! {
        #[test]
        fn no_key_of_ours_survives_however_it_is_quoted(
            bytes in proptest::strategy::Strategy::no_shrink(proptest::array::uniform32(proptest::num::u8::ANY)),
            door in 0..DOORS.len(),
            how in 0..12_usize,
            cut in 1..60_usize,
            before in "[ -~\\n]{0,700}",
            after in "([ .,;<>\"'&\\n][ -~]{0,40})?",
            most in 1..600_usize,
        ) {
            let key = base64url(&bytes);
            let link = format!("https://sg.example{}{key}", DOORS[door]);
            let encoded: String = link.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_string() } else { format!("%{:02X}", c as u32) }).collect();
            let quoted = match how {
                0 => key.clone(),
                1 => format!("sg_{key}"),
                2 => link,
                3 => encoded,
                4 => encoded.replace('%', "="),
                // As a gateway rewrites links, and as lines are broken.
                5 => format!("https://urldefense.example/v2/url?u={}&d=x", encoded.replace('%', "-")),
                6 => link.chars().flat_map(|c| [c, '\u{200b}']).collect(),
                // As if they were ids.
                7 => format!("did:plc:{key}"),
                8 => format!("did:plc:sg_{key}"),
                9 => format!("id={key}"),
                10 => format!("0190f3a2-7c11-7b4e-9d0a-3f1c2b4d5e6f-{key}"),
                _ => { let (one, two) = link.split_at(cut.min(link.len())); format!("{one}\r\n {two}") }
            };
            let said = foreign(&format!("{before}{quoted}{after}"), most);
            proptest::prop_assert!(said.chars().count() <= most);
            // As somebody would put it together again. Twelve characters less are 72 bits to guess.
            let joined: String = said.chars().filter(|c| !c.is_whitespace()).collect();
            let is_left = (0..=key.len() - 31).any(|at| joined.contains(&key[at..at + 31]));
            proptest::prop_assert!(!is_left, "{said}");
        }
    }

    fn base64url(bytes: &[u8]) -> String {
        const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let bits: Vec<bool> = bytes.iter().flat_map(|byte| (0..8).rev().map(move |n| byte >> n & 1 == 1)).collect();
        let six = |bits: &[bool]| (0..6).fold(0, |n, at| n * 2 + usize::from(bits.get(at).copied().unwrap_or(false)));
        bits.chunks(6).map(|bits| char::from(ALPHABET[six(bits)])).collect()
    }

    #[test]
    fn nt_26_names_cannot_turn_the_writing_or_hide() {
        assert_eq!(clean("Fern\u{202e}weh\u{200b} \u{1b}[31mOutdoor\u{feff}\n"), "Fernweh  [31mOutdoor");
        assert_eq!(clean("👩\u{200d}🔧 می\u{200c}خواهم"), "👩\u{200d}🔧 می\u{200c}خواهم", "joiners are part of words");
    }
}
