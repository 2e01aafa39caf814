//! What came of connecting or refreshing: shown on `/settings/profiles/connections/{id}` once it is over.

use crate::failure::{Failure, FailureKind};
use crate::kinds::CauseKind;
use crate::parts::{NetworkRef, PersonRef, ProfileRef};
use crate::samples;
use crate::words::Lang;

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// New profiles.
    Connected {
        /// The network.
        network: NetworkRef,
        /// Who logged in.
        person: PersonRef,
        /// What was added, or got a further access.
        added: Vec<ProfileRef>,
        /// The owner they got.
        owner: Option<String>,
        /// The teams they got.
        teams: Vec<String>,
    },
    /// A refreshed profile.
    Refreshed {
        /// Which.
        profile: ProfileRef,
        /// Who logged in.
        person: PersonRef,
        /// What the same login repaired besides.
        also: Vec<ProfileRef>,
    },
    /// It did not work.
    Failed(Failure),
}

/// What came of connecting or refreshing. No forms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionResult {
    /// What came of it.
    pub outcome: Outcome,
}

page!(ConnectionResult, "pages/connection_result.html");

impl ConnectionResult {
    /// Connected.
    pub fn sample(_lang: Lang) -> Self {
        Self {
            outcome: Outcome::Connected {
                network: samples::network("linkedin"),
                person: samples::miriam(),
                added: vec![samples::page(), samples::script()],
                owner: Some("Clara Lindqvist".into()),
                teams: vec!["Social Media".into()],
            },
        }
    }

    /// Connected, without owner and team.
    pub fn sample_ownerless(_lang: Lang) -> Self {
        let added = vec![samples::pinterest(), samples::board("prf_b1", "Winter"), samples::board("prf_b2", "Sommer")];
        Self {
            outcome: Outcome::Connected {
                network: samples::network("pinterest"),
                person: samples::mallory(),
                added,
                owner: None,
                teams: vec![],
            },
        }
    }

    /// Refreshed.
    pub fn sample_refreshed(_lang: Lang) -> Self {
        Self {
            outcome: Outcome::Refreshed {
                profile: samples::page(),
                person: samples::miriam(),
                also: vec![samples::member(), samples::script()],
            },
        }
    }

    /// The wrong person came.
    pub fn sample_wrong_person(lang: Lang) -> Self {
        Self { outcome: Outcome::Failed(samples::wrong_person(lang)) }
    }

    /// Every other failure.
    pub fn samples_failed(lang: Lang) -> Vec<(&'static str, Self)> {
        let kinds = [
            ("denied", FailureKind::Denied),
            ("expired", FailureKind::Expired),
            ("used", FailureKind::UsedOrForeign),
            ("foreign-browser", FailureKind::ForeignBrowser),
            ("scopes", FailureKind::ScopesMissing { scopes: vec!["boards:read".into(), "<b>pins:write</b>".into()] }),
            ("network-down", FailureKind::NetworkDown),
            ("app-refused", FailureKind::AppRefused),
            ("suspicious", FailureKind::Suspicious),
            ("person-refused", FailureKind::PersonRefused { cause: CauseKind::PersonBlocked }),
            ("nothing", FailureKind::NothingToConnect),
            ("other-organisation", FailureKind::OtherOrganisation),
            ("limit", FailureKind::ProfileLimit { limit: 25 }),
            ("no-access", FailureKind::NoAccess),
            (
                "bad-hint",
                FailureKind::BadHint { reason: samples::say(lang, "No account has this handle.", "Kein Konto hat dieses Handle.") },
            ),
            ("internal", FailureKind::Internal),
        ];
        let page = |kind: FailureKind| Self {
            outcome: Outcome::Failed(Failure {
                kind,
                profile: None,
                retry: Some("/settings/profiles/add/linkedin".into()),
                ..samples::wrong_person(lang)
            }),
        };
        kinds.into_iter().map(|(name, kind)| (name, page(kind))).collect()
    }
}
