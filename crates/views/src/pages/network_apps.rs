//! `/settings/network-apps`

use crate::parts::{NetworkRef, When};
use crate::samples;
use crate::shell::FormError;
use crate::words::Lang;

/// How our client is known at a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Registration {
    /// An admin registers it by hand.
    ByHand,
    /// No registration is needed: the client id is the address of our own metadata.
    Metadata {
        /// That address.
        url: String,
    },
    /// It is set in the configuration file and cannot be changed here.
    Configured,
}

/// Our client at one network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkApp {
    /// The network.
    pub network: NetworkRef,
    /// How it is known there.
    pub registration: Registration,
    /// The client id.
    pub client_id: String,
    /// A secret is stored; it is never shown.
    pub secret_set: bool,
    /// The address to register at the network.
    pub redirect_uri: String,
    /// The permissions to ask for at the network.
    pub scopes: Vec<String>,
    /// When it was last changed.
    pub updated: Option<When>,
    /// What was wrong.
    pub error: Option<FormError>,
}

impl NetworkApp {
    /// Whether profiles of the network can be connected.
    pub(crate) fn ready(&self) -> bool {
        match self.registration {
            Registration::Metadata { .. } => true,
            _ => !self.client_id.is_empty() && self.secret_set,
        }
    }
}

/// The registered clients at networks. Each posts `client_id`, `client_secret` (empty keeps the stored one) and the button `network`, whose
/// value is the network's name, to `/settings/network-apps`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkApps {
    /// One per network.
    pub apps: Vec<NetworkApp>,
}

page!(NetworkApps, "pages/network_apps.html");

impl NetworkApps {
    /// One of each kind.
    pub fn sample(lang: Lang) -> Self {
        let app = |name: &str, registration: Registration, client_id: &str| NetworkApp {
            network: samples::network(name),
            registration,
            client_id: client_id.into(),
            secret_set: !client_id.is_empty(),
            redirect_uri: format!("https://staygreen.example/oauth/callback/{name}"),
            scopes: vec!["openid".into(), "w_member_social".into()],
            updated: (!client_id.is_empty()).then(|| samples::earlier(lang)),
            error: None,
        };
        let bluesky = Registration::Metadata { url: "https://staygreen.example/oauth/client-metadata.json".into() };
        Self {
            apps: vec![
                app("linkedin", Registration::ByHand, "86\"vzq<1tkq0x"),
                NetworkApp { error: Some(FormError::Missing), ..app("tiktok", Registration::ByHand, "") },
                app("pinterest", Registration::Configured, "1487213"),
                app("bluesky", bluesky, ""),
            ],
        }
    }
}
