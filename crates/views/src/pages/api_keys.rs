//! `/settings/api-keys`

use crate::kinds::PermissionKind;
use crate::parts::When;
use crate::samples;
use crate::shell::FormError;
use crate::words::Lang;

/// A key, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKeyRow {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What it may do.
    pub permissions: Vec<PermissionKind>,
    /// Who made it.
    pub created_by: Option<String>,
    /// When it was made.
    pub created: When,
    /// When it was last used.
    pub used: Option<When>,
    /// When it was revoked.
    pub revoked: Option<When>,
}

/// A key that was just made; shown once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewKey {
    /// Its name.
    pub name: String,
    /// The key itself.
    pub key: String,
}

/// API keys. Posts to `/settings/api-keys`: `name`, `permissions` (repeated) with the button `create`; or the button `revoke` with a key's id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKeys {
    /// The keys.
    pub keys: Vec<ApiKeyRow>,
    /// What the reader may give, and what was ticked before.
    pub permissions: Vec<(PermissionKind, bool)>,
    /// The name that was typed before.
    pub name: String,
    /// A key that was just made.
    pub created: Option<NewKey>,
    /// What was wrong.
    pub error: Option<FormError>,
}

page!(ApiKeys, "pages/api_keys.html");

impl ApiKeys {
    /// Two keys.
    pub fn sample(lang: Lang) -> Self {
        let row = |id: &str, name: &str, permissions: &[PermissionKind]| ApiKeyRow {
            id: id.into(),
            name: name.into(),
            permissions: permissions.to_vec(),
            created_by: Some("Clara Lindqvist".into()),
            created: samples::earlier(lang),
            used: Some(samples::just_now(lang)),
            revoked: None,
        };
        Self {
            keys: vec![
                row(
                    "key_1",
                    "Publisher <script>",
                    &[PermissionKind::SeeProfile, PermissionKind::CheckProfile, PermissionKind::RefreshConnection],
                ),
                ApiKeyRow { revoked: Some(samples::today(lang)), used: None, ..row("key_2", "Reporting", &[PermissionKind::SeeEvents]) },
            ],
            permissions: PermissionKind::ALL.iter().map(|kind| (*kind, *kind == PermissionKind::SeeProfile)).collect(),
            name: String::new(),
            created: None,
            error: None,
        }
    }

    /// Just made.
    pub fn sample_created(lang: Lang) -> Self {
        Self {
            created: Some(NewKey { name: "Publisher <script>".into(), key: "sg_5pXc0V2mYt8wLq3kZ9bN7hRj4sDg1fAe".into() }),
            ..Self::sample(lang)
        }
    }

    /// None yet, nothing was ticked.
    pub fn sample_empty(lang: Lang) -> Self {
        Self { keys: vec![], name: "Reporting".into(), error: Some(FormError::NothingChosen), ..Self::sample(lang) }
    }
}
