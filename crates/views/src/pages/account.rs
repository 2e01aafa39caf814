//! `/account`

use crate::parts::{Choice, When};
use crate::samples;
use crate::shell::{FormError, Theme};
use crate::words::Lang;

/// A place where the reader is signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its id, sent back as `end_session`.
    pub id: String,
    /// Browser and system in words; hostile text.
    pub device: String,
    /// When it began.
    pub began: When,
    /// When it was last used.
    pub seen: When,
    /// This is the one that is reading.
    pub is_current: bool,
}

/// Which form was filled in wrongly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountError {
    /// Name, language, time zone, colours.
    Details(FormError),
    /// The password.
    Password(FormError),
}

/// The reader's account. Posts to `/account`: `name`, `language`, `time_zone`, `theme` with the button `save=details`; `no_access_tokens`,
/// `renew_soon` (present when ticked) with `save=notifications`; `password`, `new_password`, `new_password_again` with
/// `save=password`; the button `end_session` with a session's id; the button `end_other_sessions`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The name.
    pub name: String,
    /// The mail address; cannot be changed here.
    pub email: String,
    /// The language.
    pub language: Lang,
    /// Time zones; the own one chosen.
    pub time_zones: Vec<Choice>,
    /// The colours.
    pub theme: Theme,
    /// *Receive notifications when there are no more access tokens*.
    pub no_access_tokens: bool,
    /// Early warnings.
    pub renew_soon: bool,
    /// Where the reader is signed in, this one first.
    pub sessions: Vec<Session>,
    /// What was wrong.
    pub error: Option<AccountError>,
}

page!(Account, "pages/account.html");

impl Account {
    /// Languages to choose from.
    pub(crate) fn languages(&self) -> &'static [Lang] {
        Lang::ALL
    }

    /// Themes to choose from.
    pub(crate) fn themes(&self) -> &'static [Theme] {
        Theme::ALL
    }

    /// Two sessions.
    pub fn sample(lang: Lang) -> Self {
        let session = |id: &str, device: &str, is_current: bool| Session {
            id: id.into(),
            device: device.into(),
            began: samples::earlier(lang),
            seen: samples::just_now(lang),
            is_current,
        };
        Self {
            name: "Clara Lindqvist".into(),
            email: "clara@alpenblick.example".into(),
            language: lang,
            time_zones: samples::choices(&[("Europe/Berlin", "Europe/Berlin"), ("Europe/London", "Europe/London"), ("UTC", "UTC")], &[0]),
            theme: Theme::Auto,
            no_access_tokens: true,
            renew_soon: false,
            sessions: vec![session("ses_1", "Firefox 145, Linux", true), session("ses_2", "<script>Safari</script>", false)],
            error: None,
        }
    }

    /// The present password was wrong.
    pub fn sample_error(lang: Lang) -> Self {
        Self {
            error: Some(AccountError::Password(FormError::PasswordWrong)),
            name: "<script>".into(),
            no_access_tokens: false,
            ..Self::sample(lang)
        }
    }

    /// No name.
    pub fn sample_details_error(lang: Lang) -> Self {
        Self { error: Some(AccountError::Details(FormError::Missing)), name: String::new(), theme: Theme::Dark, ..Self::sample(lang) }
    }
}
