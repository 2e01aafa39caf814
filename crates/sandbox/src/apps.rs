//! How a network treats the app that is registered there, as far as it can be changed.

use serde::Serialize;

use crate::networks;
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
}

impl Default for App {
    fn default() -> Self {
        Self { refresh_tokens: true, notices_url: String::new(), redirect_uris: vec![] }
    }
}

impl World {
    /// How the app is treated there.
    pub(crate) fn app(&self, network: &str) -> App {
        self.apps.get(network).cloned().unwrap_or_default()
    }

    /// Changes what is named. `Err` says what is wrong with it.
    pub(crate) fn set_app(
        &mut self,
        network: &str,
        refresh_tokens: Option<bool>,
        notices_url: Option<&str>,
        redirect_uris: Option<Vec<String>>,
    ) -> Result<App, String> {
        let network = networks::find(network).ok_or("network: the name of a network")?;
        if let Some(url) = notices_url {
            self.tell_at(network, url)?;
        }
        if let Some(uris) = &redirect_uris {
            if !networks::has_registered_redirects(network) {
                return Err(format!("redirect_uris: {network} learns them from the app itself"));
            }
            if !uris.iter().all(|uri| networks::is_redirect_uri(uri)) {
                return Err("redirect_uris: a list of absolute http or https addresses".into());
            }
        }
        let app = self.apps.entry(network).or_default();
        if let Some(uris) = redirect_uris {
            app.redirect_uris = uris;
        }
        if let Some(given) = refresh_tokens {
            if network != "linkedin" {
                return Err(format!("refresh_tokens: {network} treats every app alike"));
            }
            app.refresh_tokens = given;
        }
        Ok(app.clone())
    }
}
