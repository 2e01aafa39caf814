//! `/settings/profiles/{id}/notifications`

use crate::pages::profile_general::ProfileHead;
use crate::words::Lang;

/// Who would be reached when the profile has no access tokens available.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// These, by mail.
    These(Vec<String>),
    /// Nobody: the profile has no owner.
    NoOwner,
    /// Nobody: the owner does not want these mails in their account.
    OwnerOptedOut {
        /// The owner.
        owner: String,
        /// The owner is the reader.
        is_reader: bool,
    },
    /// Nobody: the owner's account is disabled.
    OwnerDisabled {
        /// The owner.
        owner: String,
    },
    /// Nobody: switched off for this profile, below.
    SwitchedOff,
    /// Nobody: the operator has not configured mail.
    MailOff,
}

/// Email Notifications of a profile. Posts `no_access_tokens`, `renew_soon` (present when ticked) to
/// `/settings/profiles/{id}/notifications`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileNotifications {
    /// What the tabs share.
    pub head: ProfileHead,
    /// *No access tokens available*.
    pub no_access_tokens: bool,
    /// Early warnings.
    pub renew_soon: bool,
    /// Who would be reached.
    pub reach: Reach,
}

page!(ProfileNotifications, "pages/profile_notifications.html");

impl ProfileNotifications {
    /// Which tab this is.
    pub(crate) fn tab(&self) -> &'static str {
        "notifications"
    }

    /// The owner is reached.
    pub fn sample(lang: Lang) -> Self {
        Self {
            head: ProfileHead::sample(lang),
            no_access_tokens: true,
            renew_soon: true,
            reach: Reach::These(vec!["Clara Lindqvist".into(), "Tobias <Brandt>".into()]),
        }
    }

    /// Nobody is reached, for every reason.
    pub fn samples_nobody(lang: Lang) -> Vec<(&'static str, Self)> {
        let owner = || "Tobias <Brandt>".to_owned();
        let reasons = [
            ("no-owner", Reach::NoOwner),
            ("opted-out", Reach::OwnerOptedOut { owner: owner(), is_reader: false }),
            ("opted-out-self", Reach::OwnerOptedOut { owner: owner(), is_reader: true }),
            ("disabled", Reach::OwnerDisabled { owner: owner() }),
            ("switched-off", Reach::SwitchedOff),
            ("mail-off", Reach::MailOff),
        ];
        let page = |reach| Self { reach, no_access_tokens: false, ..Self::sample(lang) };
        reasons.into_iter().map(|(name, reach)| (name, page(reach))).collect()
    }
}
