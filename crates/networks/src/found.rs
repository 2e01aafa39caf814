//! What a token leads to: the person, and what they may act as.

use lifecycle::words::clean;

use crate::about::Words;

lifecycle::word_enum! {
    /// What a profile is.
    Kind {
        /// A human's own profile.
        Member = "member",
        /// A company, organisation or fan page.
        Page = "page",
        /// An account that is not a human's own profile (TikTok, Pinterest, Bluesky).
        Account = "account",
        /// A board of an account.
        Board = "board",
        /// A channel.
        Channel = "channel",
        /// A community in which an account posts (Reddit).
        Community = "community",
        /// A business location.
        Location = "location",
        /// An advertising account; never connectable.
        AdAccount = "ad_account",
    }
}

/// What the person may act as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its id at the network.
    pub network_id: String,
    /// What it is.
    pub kind: Kind,
    /// Its name there; its id where the name was not read, and then a name that is known stays. Hostile text.
    pub name: String,
    /// Its handle or address there, where it has one. Hostile text.
    pub handle: Option<String>,
    /// Address of its picture, where it has one. Never fetched by the server, shown only when https.
    pub avatar: Option<String>,
    /// The role the person holds there, as the network names it; empty where only its being left could be asked, not which it is.
    pub role: String,
    /// The network id of the profile it belongs to (a board's account).
    pub parent: Option<String>,
    /// Why it cannot be connected; `None` when it can.
    pub unusable: Option<Words>,
}

/// The person, as the network shows them to us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonSeen {
    /// Their id there; never reassigned.
    pub network_id: String,
    /// Their name there. Hostile text.
    pub name: String,
    /// Their handle there, where they have one.
    pub handle: Option<String>,
    /// An id that is the same in all apps of one developer, where `network_id` is another one in each: what tells that somebody came
    /// back after the app was changed. Never shown.
    pub across_apps: Option<String>,
}

/// What a token leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discovery {
    /// Who authorised.
    pub person: PersonSeen,
    /// What they may act as, usable or not; the complete list.
    pub profiles: Vec<Found>,
    /// All usable profiles are connected together (Pinterest: every board), instead of being chosen one by one.
    pub all_come_along: bool,
}

impl Discovery {
    /// The same with every text of strangers fit to be kept (NT-26). See the shell's `NetworkApp::discover`.
    #[must_use]
    pub fn cleaned(mut self) -> Self {
        let named = |name: &str, handle: Option<&str>, id: &str| {
            [clean(name), handle.map(clean).unwrap_or_default()].into_iter().find(|name| !name.is_empty()).unwrap_or_else(|| clean(id))
        };
        let handle = |handle: Option<&str>| handle.map(clean).filter(|handle| !handle.is_empty());
        let person = &mut self.person;
        person.name = named(&person.name, person.handle.as_deref(), &person.network_id);
        person.handle = handle(person.handle.as_deref());
        for found in &mut self.profiles {
            found.name = named(&found.name, found.handle.as_deref(), &found.network_id);
            found.handle = handle(found.handle.as_deref());
            found.role = clean(&found.role);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nt_26_what_strangers_write_is_cleaned_and_never_empty() {
        let found = Found {
            network_id: "page-1".into(),
            kind: Kind::Page,
            name: "\u{202e}\u{200b}".into(),
            handle: Some("fern\u{1b}[2Jweh".into()),
            avatar: None,
            role: "admin\n".into(),
            parent: None,
            unusable: None,
        };
        let person = PersonSeen { network_id: "7".into(), name: "\u{feff}".into(), handle: Some("\u{200b}".into()), across_apps: None };
        let cleaned = Discovery { person, profiles: vec![found], all_come_along: false }.cleaned();
        assert_eq!((cleaned.person.name.as_str(), cleaned.person.handle), ("7", None));
        let found = &cleaned.profiles[0];
        assert_eq!((found.name.as_str(), found.handle.as_deref(), found.role.as_str()), ("fern [2Jweh", Some("fern [2Jweh"), "admin"));
    }
}
