//! The box that says why a profile is not simply green, and the one thing to do.

use crate::kinds::{CauseKind, ConfidenceKind, StatusKind};
use crate::parts::{Evidence, PersonRef, ProfileRef, When};

/// The one thing to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// *Refresh Connection*: the person who must act logs in.
    Refresh,
    /// *Send renewal link*: the person who must act is not the reader.
    SendLink,
    /// A company admin looks at the network app.
    NetworkApp,
    /// Nothing to repair: *Check now* asks the network once more.
    Check,
    /// Nothing this reader may do: tell a company admin or the profile owner.
    TellAdmin,
}

/// Why a profile is not simply green.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// What it shows: anything but connected.
    pub status: StatusKind,
    /// Since when.
    pub since: When,
    /// Why.
    pub cause: Option<CauseKind>,
    /// How sure that is.
    pub confidence: Option<ConfidenceKind>,
    /// What it rests on, newest first.
    pub evidence: Vec<Evidence>,
    /// The persons who can repair it, the one who must act first.
    pub people: Vec<PersonRef>,
    /// The day on which a person must come, if one is known.
    pub deadline: Option<When>,
    /// The one thing to do.
    pub act: Act,
    /// Other profiles that the same login repairs.
    pub also_repairs: Vec<ProfileRef>,
    /// The network renewed the token and its answer never arrived.
    pub lost_in_rotation: bool,
}
