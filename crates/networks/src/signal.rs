//! What a network tells us by itself: that a person removed our app, asked for deletion, or lost an account. A signal is a
//! suspicion, never a verdict: it is verified, taken once, and confirmed by a call (NT-24).

use bytes::Bytes;
use http::Response;
use lifecycle::words::{Cause, Evidence};

/// Why a signal is refused that was signed with a key which the published set did not hold when it was fetched: it may be newer.
pub const UNKNOWN_KEY: &str = "signed by a key that is not known";

/// Whom a signal is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A person, by network id.
    Person(String),
    /// Everybody who came with a login, by the login's id: where one login stands for several people, theirs are `LOGIN/…`.
    Login(String),
    /// A profile, by network id.
    Profile(String),
}

/// One thing that the network says happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signal {
    /// Names the happening: the same twice is one. Made from the signed content where the network gives no id.
    pub id: String,
    /// Whom it is about.
    pub subject: Subject,
    /// What it suggests.
    pub cause: Cause,
    /// The network's words.
    pub evidence: Evidence,
}

/// What became of a post that the network took before it was done with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// People see it.
    Shown,
    /// It was never published.
    Failed,
    /// It was published, and people do not see it any more.
    Gone,
}

/// What a network tells of a post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfPost {
    /// Names the happening: the same twice is one.
    pub id: String,
    /// As whom it was published, by network id.
    pub profile: String,
    /// The ids under which the network names it, the one that lasts at the end.
    pub known_as: Vec<String>,
    /// What became of it.
    pub fate: Fate,
    /// The network's words.
    pub evidence: Evidence,
}

/// What a request to our door for signals is.
#[derive(Debug)]
pub enum Inbound {
    /// The network proves itself: these happenings, and the answer it wants.
    Signals(Vec<Signal>, Box<Response<Bytes>>),
    /// The network proves itself: a person wants what is stored about them deleted.
    Deletion {
        /// What makes us look at their login.
        signal: Signal,
        /// The code by which they follow the request; it names nobody.
        code: String,
        /// The answer it wants.
        answer: Box<Response<Bytes>>,
    },
    /// The network proves itself, and tells what became of a post; nothing that speaks against a token.
    Post(Box<OfPost>, Box<Response<Bytes>>),
    /// The network tests our door (a challenge): nothing happened, this is the answer.
    Challenge(Box<Response<Bytes>>),
    /// Forged, for another app, too old or not readable: nothing changes. The words are for the log.
    Refused(&'static str),
}
