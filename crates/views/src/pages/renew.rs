//! `/renew/{secret}`: public, for a network admin who has no account.

use crate::failure::Failure;
use crate::parts::{PersonRef, ProfileRef, When};
use crate::samples;
use crate::shell::FormError;
use crate::words::Lang;

/// Where the link stands.
#[expect(clippy::large_enum_variant, reason = "there is one per page")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RenewState {
    /// It can be used.
    Open {
        /// When it ends.
        expires: When,
        /// What was wrong.
        error: Option<FormError>,
    },
    /// It was used. Shown to whoever opens it again.
    Used,
    /// Its time is over.
    Expired,
    /// It was taken back, or never was one.
    Withdrawn,
    /// It is done: green check mark.
    Done {
        /// Who logged in.
        person: PersonRef,
    },
    /// It did not work; the link can be used again when `retry` is set.
    Failed(Failure),
}

/// The page behind a renewal link. Posts no fields to `/renew/{secret}`. Only [`RenewState::Open`], `Done` and `Failed` show names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renew {
    /// The secret of the address.
    pub secret: String,
    /// Where the link stands.
    pub state: RenewState,
    /// Who asks: the organisation.
    pub organisation: String,
    /// Who asks: the user who made the link.
    pub asked_by: String,
    /// The profile.
    pub profile: ProfileRef,
    /// Everybody who can do it, the one required first.
    pub people: Vec<PersonRef>,
}

page!(Renew, "pages/renew.html");

impl Renew {
    /// Open.
    pub fn sample(lang: Lang) -> Self {
        Self {
            secret: "rnw_5pXc0V2m".into(),
            state: RenewState::Open { expires: samples::next_week(lang), error: None },
            organisation: "Alpenblick & Söhne <Reisen>".into(),
            asked_by: "Clara Lindqvist".into(),
            profile: samples::page(),
            people: vec![samples::miriam(), samples::jonas()],
        }
    }

    /// Every other state.
    pub fn samples_other(lang: Lang) -> Vec<(&'static str, Self)> {
        let failure = Failure { retry: Some("/renew/rnw_5pXc0V2m".into()), ..samples::wrong_person(lang) };
        let states = [
            ("error", RenewState::Open { expires: samples::next_week(lang), error: Some(FormError::NetworkDown) }),
            ("used", RenewState::Used),
            ("expired", RenewState::Expired),
            ("withdrawn", RenewState::Withdrawn),
            ("done", RenewState::Done { person: samples::mallory() }),
            ("wrong-person", RenewState::Failed(failure)),
        ];
        states.into_iter().map(|(name, state)| (name, Self { state, profile: samples::script(), ..Self::sample(lang) })).collect()
    }
}
