//! How a network treats the app that is registered there, as far as it can be changed.

use serde::Serialize;

use crate::networks;
use crate::tokens::DAY;
use crate::world::World;

/// What is set for a network's app.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
pub(crate) struct App {
    /// The network gives it refresh tokens, where it gives them to some apps only (LinkedIn).
    pub(crate) refresh_tokens: bool,
    /// Where the network tells it what happened to a person; empty: nowhere.
    pub(crate) notices_url: String,
    /// The addresses it may send people back to, letter by letter; none: any address is good.
    pub(crate) redirect_uris: Vec<String>,
    /// How many seconds a refresh token is taken again after it was used up, where each works once. No network documents such a grace:
    /// none.
    pub(crate) reuse_grace_seconds: i64,
    /// After how many days everything that came of a login ends, whatever was renewed; 0: never by itself, as at every network that is real.
    pub(crate) session_days: i64,
}

/// What is to change about an app; what is not named stays.
#[derive(Default)]
pub(crate) struct Wish<'a> {
    pub(crate) refresh_tokens: Option<bool>,
    pub(crate) notices_url: Option<&'a str>,
    pub(crate) redirect_uris: Option<Vec<String>>,
    pub(crate) reuse_grace_seconds: Option<i64>,
    pub(crate) session_days: Option<i64>,
}

impl Default for App {
    fn default() -> Self {
        Self { refresh_tokens: true, notices_url: String::new(), redirect_uris: vec![], reuse_grace_seconds: 0, session_days: 0 }
    }
}

impl World {
    /// How the app is treated there.
    pub(crate) fn app(&self, network: &str) -> App {
        self.apps.get(network).cloned().unwrap_or_default()
    }

    /// Changes what is named. `Err` says what is wrong with it.
    pub(crate) fn set_app(&mut self, network: &str, wish: Wish<'_>) -> Result<App, String> {
        let network = networks::find(network).ok_or("network: the name of a network")?;
        if let Some(url) = wish.notices_url {
            self.tell_at(network, url)?;
        }
        if let Some(uris) = &wish.redirect_uris {
            if !networks::has_registered_redirects(network) {
                return Err(format!("redirect_uris: {network} learns them from the app itself"));
            }
            if !uris.iter().all(|uri| networks::is_redirect_uri(uri)) {
                return Err("redirect_uris: a list of absolute http or https addresses".into());
            }
        }
        if wish.refresh_tokens.is_some() && network != "linkedin" {
            return Err(format!("refresh_tokens: {network} treats every app alike"));
        }
        if let Some(seconds) = wish.reuse_grace_seconds {
            if !networks::uses_refresh_tokens_up(network) {
                return Err(format!("reuse_grace_seconds: {network} has no refresh tokens that work once"));
            }
            if !(0..=30 * DAY).contains(&seconds) {
                return Err("reuse_grace_seconds: for how many seconds a used refresh token is taken again (0 to 30 days)".into());
            }
        }
        if let Some(days) = wish.session_days {
            if networks::session_names(network).is_none() {
                return Err(format!("session_days: {network} ends no sessions"));
            }
            if !(0..=3650).contains(&days) {
                return Err("session_days: after how many days a login ends, whatever is renewed (0: never)".into());
            }
        }
        let app = self.apps.entry(network).or_default();
        if let Some(uris) = wish.redirect_uris {
            app.redirect_uris = uris;
        }
        app.refresh_tokens = wish.refresh_tokens.unwrap_or(app.refresh_tokens);
        app.reuse_grace_seconds = wish.reuse_grace_seconds.unwrap_or(app.reuse_grace_seconds);
        app.session_days = wish.session_days.unwrap_or(app.session_days);
        Ok(app.clone())
    }
}
