//! Networks that end each login on a fixed day, whatever is renewed: in some worlds those do that can.

use std::collections::BTreeMap;

use lifecycle::time::{Span, Timestamp};
use sandbox::World;
use serde_json::json;

use crate::town::{Client, control};

/// The networks that end logins in this world, with whether each answer names the end, and how long a login lasts.
pub(crate) struct Sessions {
    names: BTreeMap<&'static str, bool>,
    last: Span,
}

impl Sessions {
    /// Sets it at all networks that can; without days there are none.
    pub(crate) fn begin(world: &mut World, clients: &BTreeMap<&'static str, Client>, days: Option<i64>) -> Self {
        let can = clients.keys().filter_map(|network| World::session_names(network).map(|names| (*network, names)));
        let names: BTreeMap<&'static str, bool> = can.filter(|_| days.is_some()).collect();
        for network in names.keys() {
            control(world, "apps", &json!({ "network": network, "session_days": days }));
        }
        Self { names, last: Span::days(days.unwrap_or(0)) }
    }

    /// Whether that network ends logins.
    pub(crate) fn ends(&self, network: &str) -> bool {
        self.names.contains_key(network)
    }

    /// When a login of this moment ends by itself.
    pub(crate) fn end_of(&self, network: &str, now: Timestamp) -> Option<Timestamp> {
        self.ends(network).then(|| now + self.last)
    }

    /// Those that say it at the login alone: whether a renewal puts the end off cannot be known before.
    pub(crate) fn unforeseen(&self) -> impl Iterator<Item = &'static str> {
        self.names.iter().filter(|(_, names)| !**names).map(|(network, _)| *network)
    }
}
