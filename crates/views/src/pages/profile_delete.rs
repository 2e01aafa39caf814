//! `/settings/profiles/{id}/delete`

use crate::parts::{PersonRef, ProfileRef, Status};
use crate::samples;
use crate::words::Lang;

/// Deleting a profile, to be confirmed. Posts no fields to `/settings/profiles/{id}/delete`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileDelete {
    /// The profile.
    pub profile: ProfileRef,
    /// What it shows.
    pub status: Status,
    /// Its boards, which go with it.
    pub boards: u64,
    /// Persons whose access token ends because nothing else hangs on it; it is revoked at the network.
    pub revoked: Vec<PersonRef>,
    /// Persons whose access token stays because other profiles hang on it.
    pub kept: Vec<PersonRef>,
}

page!(ProfileDelete, "pages/profile_delete.html");

impl ProfileDelete {
    /// A profile with both kinds of access tokens.
    pub fn sample(lang: Lang) -> Self {
        Self {
            profile: samples::script(),
            status: samples::green(lang),
            boards: 0,
            revoked: vec![samples::miriam()],
            kept: vec![samples::mallory()],
        }
    }

    /// An account with boards.
    pub fn sample_boards(lang: Lang) -> Self {
        Self { profile: samples::pinterest(), status: samples::red(lang), boards: 12, revoked: vec![samples::jonas()], kept: vec![] }
    }
}
