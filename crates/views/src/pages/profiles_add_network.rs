//! `/settings/profiles/add/{network}`

use crate::parts::{Ability, NetworkRef};
use crate::samples;
use crate::shell::FormError;
use crate::words::Lang;

/// What has to be typed before leaving.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asks {
    /// Nothing.
    Nothing,
    /// A handle; the field is `handle`.
    Handle,
    /// The host name of an instance; the field is `instance`.
    Instance,
}

/// The rules, read before leaving for the network. Posts `handle` or `instance` (as [`Asks`] says, else no fields) to
/// `/settings/profiles/add/{network}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfilesAddNetwork {
    /// The network.
    pub network: NetworkRef,
    /// Its rules, in the reader's language.
    pub rules: Vec<String>,
    /// What it can.
    pub abilities: Vec<Ability>,
    /// What has to be typed.
    pub asks: Asks,
    /// What was typed before.
    pub hint: String,
    /// The permissions that will be asked for, as the network names them.
    pub scopes: Vec<String>,
    /// A network app is configured, or none is needed.
    pub app_configured: bool,
    /// What was wrong.
    pub error: Option<FormError>,
    /// Why what was typed leads nowhere, in the reader's language; stands beside `error`.
    pub error_detail: Option<String>,
}

page!(ProfilesAddNetwork, "pages/profiles_add_network.html");

impl ProfilesAddNetwork {
    /// LinkedIn.
    pub fn sample(lang: Lang) -> Self {
        Self {
            network: samples::network("linkedin"),
            rules: samples::rules(lang, "linkedin"),
            abilities: samples::abilities(lang, "linkedin"),
            asks: Asks::Nothing,
            hint: String::new(),
            scopes: ["openid", "profile", "w_member_social", "rw_organization_admin"].map(Into::into).to_vec(),
            app_configured: true,
            error: None,
            error_detail: None,
        }
    }

    /// Bluesky, the handle leads nowhere.
    pub fn sample_handle(lang: Lang) -> Self {
        Self {
            network: samples::network("bluesky"),
            rules: samples::rules(lang, "bluesky"),
            asks: Asks::Handle,
            hint: "alice\"><script>".into(),
            error: Some(FormError::Hint),
            error_detail: Some(samples::say(lang, "No account has this handle.", "Kein Konto hat dieses Handle.")),
            ..Self::sample(lang)
        }
    }

    /// No network app.
    pub fn sample_no_app(lang: Lang) -> Self {
        Self {
            network: samples::network("xing"),
            abilities: samples::abilities(lang, "xing"),
            app_configured: false,
            asks: Asks::Instance,
            ..Self::sample(lang)
        }
    }
}
