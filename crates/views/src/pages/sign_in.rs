//! `/sign-in`

use crate::words::Lang;

/// Why a sign-in was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignInError {
    /// Address or password is wrong, or the account is disabled: which one is not told.
    Refused,
    /// Too many attempts.
    Locked {
        /// Minutes to wait.
        minutes: u64,
    },
}

/// Signing in. Posts `email`, `password` to `/sign-in`, with `?return_to=` kept in the address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignIn {
    /// What was typed before.
    pub email: String,
    /// Why it was refused.
    pub error: Option<SignInError>,
    /// The page to return to: a path of ours.
    pub return_to: Option<String>,
}

page!(SignIn, "pages/sign_in.html");

impl SignIn {
    /// A fresh form.
    pub fn sample(_lang: Lang) -> Self {
        Self { email: String::new(), error: None, return_to: Some("/settings/profiles?status=disconnected&q=a b".into()) }
    }

    /// Refused.
    pub fn sample_refused(_lang: Lang) -> Self {
        Self { email: "clara\"><script>@alpenblick.example".into(), error: Some(SignInError::Refused), return_to: None }
    }

    /// Locked.
    pub fn sample_locked(_lang: Lang) -> Self {
        Self { email: "clara@alpenblick.example".into(), error: Some(SignInError::Locked { minutes: 15 }), return_to: None }
    }
}
