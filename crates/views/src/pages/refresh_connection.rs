//! `/settings/profiles/{id}/refresh`

use crate::parts::{PersonRef, ProfileRef, Status};
use crate::samples;
use crate::shell::FormError;
use crate::words::Lang;

/// Before leaving for the network: who has to log in. Posts no fields to `/settings/profiles/{id}/refresh`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshConnection {
    /// The profile.
    pub profile: ProfileRef,
    /// What it shows.
    pub status: Status,
    /// Everybody who can do it, the one required first.
    pub people: Vec<PersonRef>,
    /// Other profiles that the same login repairs.
    pub also_repairs: Vec<ProfileRef>,
    /// A network app is configured, or none is needed.
    pub app_configured: bool,
    /// What was wrong.
    pub error: Option<FormError>,
}

page!(RefreshConnection, "pages/refresh_connection.html");

impl RefreshConnection {
    /// A red profile with two persons.
    pub fn sample(lang: Lang) -> Self {
        Self {
            profile: samples::page(),
            status: samples::red(lang),
            people: vec![samples::miriam(), samples::jonas()],
            also_repairs: vec![samples::member(), samples::script()],
            app_configured: true,
            error: None,
        }
    }

    /// One hostile person, network down.
    pub fn sample_error(lang: Lang) -> Self {
        Self {
            profile: samples::turned(),
            people: vec![samples::mallory()],
            also_repairs: vec![],
            error: Some(FormError::NetworkDown),
            ..Self::sample(lang)
        }
    }

    /// No network app any more.
    pub fn sample_no_app(lang: Lang) -> Self {
        Self { app_configured: false, status: samples::amber(lang), ..Self::sample(lang) }
    }
}
