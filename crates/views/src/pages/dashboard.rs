//! `/`

use crate::kinds::StatusKind;
use crate::parts::{Counts, HistoryEntry, NetworkRef, PersonRef, ProfileRef, Status, When};
use crate::samples::{
    self, amber, bluesky, green, grey, history, member, miriam, next_week, next_year, page, pinterest, red, script, status, tiktok, today,
    turned, xing,
};
use crate::words::Lang;

/// Something that needs the reader now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// The profile.
    pub profile: ProfileRef,
    /// What it shows.
    pub status: Status,
    /// The person at the network who must act.
    pub person: Option<PersonRef>,
    /// The known day, if there is one.
    pub deadline: Option<When>,
    /// The reader may refresh the connection.
    pub may_refresh: bool,
}

/// The profiles of one network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkGroup {
    /// The network.
    pub network: NetworkRef,
    /// Its profiles, the most needy first; a handful.
    pub profiles: Vec<(ProfileRef, Status)>,
    /// How many more there are.
    pub more: u64,
}

/// A day on which a person must come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deadline {
    /// The profile.
    pub profile: ProfileRef,
    /// Who must come.
    pub person: Option<PersonRef>,
    /// When.
    pub at: When,
}

/// A network that cannot be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incident {
    /// Which.
    pub network: NetworkRef,
    /// Since when.
    pub since: When,
}

/// The first page after signing in. Its lists are links; `POST /settings/profiles/{id}/check` is its only form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dashboard {
    /// How many profiles show what.
    pub counts: Counts,
    /// What needs the reader now, most urgent first.
    pub needs: Vec<Need>,
    /// Networks with trouble of their own.
    pub incidents: Vec<Incident>,
    /// Profiles by network.
    pub networks: Vec<NetworkGroup>,
    /// The next known days.
    pub deadlines: Vec<Deadline>,
    /// What happened lately.
    pub history: Vec<HistoryEntry>,
    /// The reader may add profiles.
    pub may_add: bool,
}

page!(Dashboard, "pages/dashboard.html");

impl Dashboard {
    /// The four numbers with the kind they count.
    pub(crate) fn numbers(&self) -> [(StatusKind, u64); 4] {
        let counts = self.counts;
        [
            (StatusKind::Connected, counts.connected),
            (StatusKind::RenewSoon, counts.renew_soon),
            (StatusKind::Unverified, counts.unverified),
            (StatusKind::Disconnected, counts.disconnected),
        ]
    }

    /// Trouble of every kind.
    pub fn sample(lang: Lang) -> Self {
        let group =
            |name: &str, profiles: Vec<(ProfileRef, Status)>, more: u64| NetworkGroup { network: samples::network(name), profiles, more };
        Self {
            counts: Counts { connected: 14, renew_soon: 2, unverified: 1, disconnected: 1 },
            needs: vec![
                Need { profile: page(), status: red(lang), person: Some(miriam()), deadline: None, may_refresh: true },
                Need {
                    profile: tiktok(),
                    status: amber(lang),
                    person: Some(samples::mallory()),
                    deadline: Some(next_week(lang)),
                    may_refresh: false,
                },
            ],
            incidents: vec![Incident { network: samples::network("xing"), since: today(lang) }],
            networks: vec![
                group("linkedin", vec![(page(), red(lang)), (member(), green(lang)), (script(), green(lang))], 0),
                group("pinterest", vec![(pinterest(), green(lang)), (samples::board("prf_b1", "Winter"), green(lang))], 8),
                group("tiktok", vec![(tiktok(), amber(lang)), (turned(), green(lang))], 0),
                group("xing", vec![(xing(), grey(lang))], 0),
                group("bluesky", vec![(bluesky(), green(lang))], 0),
            ],
            deadlines: vec![
                Deadline { profile: tiktok(), person: Some(samples::jonas()), at: next_week(lang) },
                Deadline { profile: member(), person: Some(miriam()), at: next_year(lang) },
            ],
            history: history(lang, true),
            may_add: true,
        }
    }

    /// All is well.
    pub fn sample_quiet(lang: Lang) -> Self {
        let full = Self::sample(lang);
        let green = |group: NetworkGroup| NetworkGroup {
            profiles: group.profiles.into_iter().map(|(profile, _)| (profile, status(StatusKind::Connected, today(lang), None))).collect(),
            ..group
        };
        Self {
            counts: Counts { connected: 18, ..Counts::default() },
            needs: vec![],
            incidents: vec![],
            networks: full.networks.into_iter().map(green).collect(),
            deadlines: vec![],
            ..full
        }
    }

    /// Nothing there yet.
    pub fn sample_empty(_lang: Lang) -> Self {
        Self {
            counts: Counts::default(),
            needs: vec![],
            incidents: vec![],
            networks: vec![],
            deadlines: vec![],
            history: vec![],
            may_add: true,
        }
    }
}
