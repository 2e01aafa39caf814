//! `/setup/{secret}` (the first admin) and `/invitation/{secret}` (everybody else).

use crate::parts::When;
use crate::samples::in_an_hour;
use crate::shell::FormError;
use crate::words::Lang;

/// What the password is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purpose {
    /// The first company admin of a new installation: asks for `organisation`, `name`, `email` too.
    FirstAdmin,
    /// An invitation: asks for `name` too.
    Invitation {
        /// Who invited.
        invited_by: String,
    },
    /// A forgotten password.
    Reset,
}

/// Whether the link can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkState {
    /// It can.
    Open,
    /// It was used.
    Used,
    /// Its time is over, or it never was one.
    Expired,
}

/// Setting the first password. Posts `password`, `password_again` (and what [`Purpose`] says) to `action`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetPassword {
    /// What for.
    pub purpose: Purpose,
    /// Whether the link can be used.
    pub state: LinkState,
    /// The page's own path.
    pub action: String,
    /// The organisation; for a first admin, what was typed.
    pub organisation: String,
    /// The name; what was typed or what the inviter gave.
    pub name: String,
    /// The mail address.
    pub email: String,
    /// When the link ends.
    pub expires_at: Option<When>,
    /// What was wrong.
    pub error: Option<FormError>,
}

page!(SetPassword, "pages/set_password.html");

impl SetPassword {
    /// Whether it is the first admin.
    pub(crate) fn first(&self) -> bool {
        self.purpose == Purpose::FirstAdmin
    }

    /// The first admin.
    pub fn sample(lang: Lang) -> Self {
        Self {
            purpose: Purpose::FirstAdmin,
            state: LinkState::Open,
            action: "/setup/s3cret".into(),
            organisation: String::new(),
            name: String::new(),
            email: String::new(),
            expires_at: Some(in_an_hour(lang)),
            error: None,
        }
    }

    /// An invitation, passwords differ.
    pub fn sample_invitation(lang: Lang) -> Self {
        Self {
            purpose: Purpose::Invitation { invited_by: "Clara <Lindqvist>".into() },
            action: "/invitation/s3cret".into(),
            organisation: "Alpenblick & Söhne".into(),
            name: "Aylin Demir".into(),
            email: "aylin@alpenblick.example".into(),
            error: Some(FormError::PasswordsDiffer),
            ..Self::sample(lang)
        }
    }

    /// Too late.
    pub fn sample_expired(lang: Lang) -> Self {
        Self { state: LinkState::Expired, ..Self::sample_invitation(lang) }
    }

    /// Used before.
    pub fn sample_used(lang: Lang) -> Self {
        Self { state: LinkState::Used, purpose: Purpose::Reset, ..Self::sample_invitation(lang) }
    }
}
