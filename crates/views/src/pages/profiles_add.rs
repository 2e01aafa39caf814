//! `/settings/profiles/add`

use crate::parts::{Ability, NetworkRef};
use crate::samples;
use crate::words::Lang;

/// A network to choose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkCard {
    /// Which.
    pub network: NetworkRef,
    /// What it can.
    pub abilities: Vec<Ability>,
    /// Its rules, in the reader's language.
    pub rules: Vec<String>,
    /// A network app is configured, or none is needed.
    pub app_configured: bool,
    /// How many of its profiles the organisation has.
    pub connected: u64,
}

/// Choosing a network. Links to `/settings/profiles/add/{network}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfilesAdd {
    /// Networks, in order.
    pub networks: Vec<NetworkCard>,
    /// The operator's limit, when it is reached.
    pub limit_reached: Option<u64>,
}

page!(ProfilesAdd, "pages/profiles_add.html");

impl ProfilesAdd {
    /// Five networks, one without network app.
    pub fn sample(lang: Lang) -> Self {
        let card = |(i, name): (usize, &str)| NetworkCard {
            network: samples::network(name),
            abilities: samples::abilities(lang, name),
            rules: samples::rules(lang, name),
            app_configured: name != "bluesky",
            connected: [3, 10, 2, 1, 0][i],
        };
        Self {
            networks: ["linkedin", "pinterest", "tiktok", "xing", "bluesky"].into_iter().enumerate().map(card).collect(),
            limit_reached: None,
        }
    }

    /// The limit is reached.
    pub fn sample_limit(lang: Lang) -> Self {
        Self { limit_reached: Some(25), ..Self::sample(lang) }
    }
}
