//! `/settings/page-presets`

use crate::parts::{Choice, NetworkRef};
use crate::samples;
use crate::shell::FormError;
use crate::words::Lang;

/// The defaults of one network, or of all that have none of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preset {
    /// `None`: all networks without their own.
    pub network: Option<NetworkRef>,
    /// Users; the owner chosen.
    pub owners: Vec<Choice>,
    /// Teams.
    pub teams: Vec<Choice>,
    /// *No access tokens available*.
    pub no_access_tokens: bool,
    /// Early warnings.
    pub renew_soon: bool,
    /// It was set for this network; otherwise the defaults are shown.
    pub own: bool,
    /// What was wrong.
    pub error: Option<FormError>,
}

impl Preset {
    /// The word that is sent and that makes field ids unique.
    pub(crate) fn word(&self) -> &str {
        self.network.as_ref().map_or("all", |network| network.name.as_str())
    }

    /// The chosen owner's name.
    pub(crate) fn owner_name(&self) -> Option<&str> {
        self.owners.iter().find(|choice| choice.chosen).map(|choice| choice.label.as_str())
    }

    /// The chosen teams' names.
    pub(crate) fn team_names(&self) -> String {
        self.teams.iter().filter(|choice| choice.chosen).map(|choice| choice.label.as_str()).collect::<Vec<_>>().join(", ")
    }
}

/// What a new profile gets. Each network posts `owner` (a user id or empty), `teams` (repeated), `no_access_tokens`, `renew_soon` (present
/// when ticked) and one of the buttons `save`, `reset`, whose value is the network's name, or `all`, to `/settings/page-presets`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PagePresets {
    /// The one for all networks first.
    pub presets: Vec<Preset>,
}

page!(PagePresets, "pages/page_presets.html");

impl PagePresets {
    /// Three presets.
    pub fn sample(_lang: Lang) -> Self {
        let preset = |network: Option<&str>, own: bool, chosen: usize| Preset {
            network: network.map(samples::network),
            owners: samples::users(chosen),
            teams: samples::teams(&[chosen]),
            no_access_tokens: true,
            renew_soon: !own,
            own,
            error: None,
        };
        Self {
            presets: vec![
                preset(None, true, 0),
                preset(Some("linkedin"), true, 1),
                Preset { error: Some(FormError::Gone), ..preset(Some("tiktok"), false, 9) },
            ],
        }
    }
}
