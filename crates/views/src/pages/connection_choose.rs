//! `/settings/profiles/connections/{id}`

use crate::parts::{NetworkRef, PersonRef, ProfileRef};
use crate::samples;
use crate::shell::FormError;
use crate::words::Lang;

/// Whether a discovered profile can be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Usable {
    /// It can; ticked or not.
    Yes {
        /// Ticked.
        ticked: bool,
    },
    /// It is connected already; connecting again adds this person's access.
    Already {
        /// Ticked.
        ticked: bool,
    },
    /// It cannot, and why, in the reader's language.
    No {
        /// Why.
        reason: String,
    },
}

/// Something the person may act as, or may not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discovered {
    /// What is sent in `ids`: its id at the network.
    pub value: String,
    /// How it looks.
    pub profile: ProfileRef,
    /// The person's role, as the network names it.
    pub role: String,
    /// Whether it can be added.
    pub usable: Usable,
}

/// Choosing among what was discovered. Posts `ids` (repeated) to `/settings/profiles/connections/{id}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionChoose {
    /// The connection.
    pub id: String,
    /// The network.
    pub network: NetworkRef,
    /// Who logged in.
    pub person: PersonRef,
    /// What was found.
    pub discovered: Vec<Discovered>,
    /// The boards of an account come along with it.
    pub all_come_along: bool,
    /// The owner that the page presets will give.
    pub owner: Option<String>,
    /// The teams that they will give.
    pub teams: Vec<String>,
    /// What was wrong.
    pub error: Option<FormError>,
}

page!(ConnectionChoose, "pages/connection_choose.html");

impl ConnectionChoose {
    /// Whether anything can be added.
    pub(crate) fn any_usable(&self) -> bool {
        self.discovered.iter().any(|found| !matches!(found.usable, Usable::No { .. }))
    }

    /// LinkedIn pages, one without the role.
    pub fn sample(lang: Lang) -> Self {
        let found = |value: &str, profile: ProfileRef, role: &str, usable: Usable| Discovered {
            value: value.into(),
            profile,
            role: role.into(),
            usable,
        };
        let reason = samples::say(
            lang,
            "You are not Super admin of this page (your role: CONTENT_ADMINISTRATOR).",
            "Sie sind nicht Super-Admin dieser Seite (Ihre Rolle: CONTENT_ADMINISTRATOR).",
        );
        Self {
            id: "con_4u".into(),
            network: samples::network("linkedin"),
            person: samples::miriam(),
            discovered: vec![
                found("urn:li:organization:1", samples::page(), "ADMINISTRATOR", Usable::Yes { ticked: true }),
                found("urn:li:organization:2", samples::script(), "ADMINISTRATOR", Usable::Yes { ticked: true }),
                found("urn:li:person:\"x", samples::member(), "MEMBER", Usable::Already { ticked: false }),
                found("urn:li:organization:3", samples::unusable_page(), "CONTENT_ADMINISTRATOR", Usable::No { reason }),
            ],
            all_come_along: false,
            owner: Some("Clara Lindqvist".into()),
            teams: vec!["Social Media".into()],
            error: None,
        }
    }

    /// Pinterest, where all boards come along; nothing was ticked.
    pub fn sample_boards(lang: Lang) -> Self {
        let found = |value: &str, profile: ProfileRef| Discovered {
            value: value.into(),
            profile,
            role: "owner".into(),
            usable: Usable::Yes { ticked: true },
        };
        Self {
            network: samples::network("pinterest"),
            discovered: vec![
                found("1", samples::pinterest()),
                found("2", samples::board("", "Winter")),
                found("3", samples::board("", "<Archiv> 2019")),
            ],
            all_come_along: true,
            owner: None,
            teams: vec![],
            error: Some(FormError::NothingChosen),
            ..Self::sample(lang)
        }
    }
}
