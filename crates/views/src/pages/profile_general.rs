//! `/settings/profiles/{id}`, and the head that the three tabs share.

use crate::explanation::Explanation;
use crate::parts::{Choice, ProfileRef, Status, When};
use crate::samples;
use crate::shell::FormError;
use crate::words::Lang;

/// What the three tabs of a profile share: heading, status, explanation, tabs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileHead {
    /// The profile.
    pub profile: ProfileRef,
    /// What it shows.
    pub status: Status,
    /// Why, unless it is simply connected.
    pub explanation: Option<Explanation>,
    /// The network's last proof.
    pub verified: Option<When>,
    /// The reader may refresh, change and delete it.
    pub may_manage: bool,
}

impl ProfileHead {
    /// A green profile.
    pub fn sample(lang: Lang) -> Self {
        Self {
            profile: samples::page(),
            status: samples::green(lang),
            explanation: None,
            verified: Some(samples::just_now(lang)),
            may_manage: true,
        }
    }

    /// A red one.
    pub fn sample_red(lang: Lang) -> Self {
        Self { profile: samples::script(), status: samples::red(lang), explanation: Some(samples::explanation(lang)), ..Self::sample(lang) }
    }

    /// An amber one.
    pub fn sample_amber(lang: Lang) -> Self {
        Self {
            profile: samples::tiktok(),
            status: samples::amber(lang),
            explanation: Some(samples::explanation_amber(lang)),
            ..Self::sample(lang)
        }
    }

    /// A grey one.
    pub fn sample_grey(lang: Lang) -> Self {
        Self {
            profile: samples::xing(),
            status: samples::grey(lang),
            explanation: Some(samples::explanation_grey(lang)),
            ..Self::sample(lang)
        }
    }
}

/// General settings of a profile. Posts `owner` (a user id or empty), `teams` (repeated) and, for a board, `enabled` (present
/// when ticked) to `/settings/profiles/{id}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileGeneral {
    /// What the tabs share.
    pub head: ProfileHead,
    /// Users; the owner chosen.
    pub owners: Vec<Choice>,
    /// Teams; those of the profile chosen.
    pub teams: Vec<Choice>,
    /// Switched on or off: `None` where that cannot be chosen (only boards can be switched off).
    pub enabled: Option<bool>,
    /// What was wrong.
    pub error: Option<FormError>,
}

page!(ProfileGeneral, "pages/profile_general.html");

impl ProfileGeneral {
    /// Which tab this is.
    pub(crate) fn tab(&self) -> &'static str {
        "general"
    }

    /// A red profile.
    pub fn sample(lang: Lang) -> Self {
        Self { head: ProfileHead::sample_red(lang), owners: samples::users(0), teams: samples::teams(&[0, 2]), enabled: None, error: None }
    }

    /// A green board without owner and team.
    pub fn sample_board(lang: Lang) -> Self {
        let head = ProfileHead { profile: samples::board("prf_b1", "Winter"), ..ProfileHead::sample(lang) };
        Self { head, owners: samples::users(9), teams: samples::teams(&[]), enabled: Some(true), error: Some(FormError::Gone) }
    }

    /// Grey, and not the reader's to change.
    pub fn sample_grey(lang: Lang) -> Self {
        let head = ProfileHead { may_manage: false, ..ProfileHead::sample_grey(lang) };
        Self { head, ..Self::sample(lang) }
    }
}
