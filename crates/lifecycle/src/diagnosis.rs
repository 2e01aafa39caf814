//! What one answer of a network says about a token. Each network turns (endpoint, status, body) into a
//! [`Diagnosis`]; one refused call is evidence, not a verdict (see [`crate::grant`]).

use serde::{Deserialize, Serialize};

use crate::time::Span;
use crate::words::{Cause, Confidence, Evidence, Source};

/// What was found (RF-30). Whatever a network's table does not know is `Transient`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Finding {
    /// The token works.
    Works,
    /// Outage, rate limit, time-out, an answer that makes no sense: says nothing about the token.
    Transient {
        /// What the network asked us to wait, where it did.
        retry_after: Option<Span>,
    },
    /// Our client, our request, our clock: never touches a grant (RF-31).
    Misconfigured,
    /// The network refused this token.
    Refused {
        /// Why, as far as the answer tells.
        cause: Cause,
        /// How sure that is.
        confidence: Confidence,
        /// The network's own word that this token is over (an introspection saying "revoked"); no second look is needed.
        terminal: bool,
    },
}

/// A finding with the evidence it rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnosis {
    /// What was found.
    pub finding: Finding,
    /// In the network's own words.
    pub evidence: Evidence,
}

impl Diagnosis {
    /// The token works.
    pub fn works(evidence: Evidence) -> Self {
        Self { finding: Finding::Works, evidence }
    }

    /// Says nothing about the token.
    pub fn transient(evidence: Evidence, retry_after: Option<Span>) -> Self {
        Self { finding: Finding::Transient { retry_after }, evidence }
    }

    /// Our side is at fault.
    pub fn misconfigured(evidence: Evidence) -> Self {
        Self { finding: Finding::Misconfigured, evidence }
    }

    /// Refused; a second look decides.
    pub fn refused(cause: Cause, confidence: Confidence, evidence: Evidence) -> Self {
        Self { finding: Finding::Refused { cause, confidence, terminal: false }, evidence }
    }

    /// Refused in a word of the network made for saying exactly that.
    pub fn over(cause: Cause, evidence: Evidence) -> Self {
        Self { finding: Finding::Refused { cause, confidence: Confidence::Certain, terminal: true }, evidence }
    }

    /// Whether a call was refused for what it was about (a page, a board, a post), as far as the status tells.
    pub fn is_about_target(&self) -> bool {
        self.is_harmless() && self.evidence.source == Source::Use && matches!(self.evidence.http_status, Some(401 | 403 | 404))
    }

    /// True unless the finding speaks against the token.
    pub fn is_harmless(&self) -> bool {
        !matches!(self.finding, Finding::Refused { .. })
    }
}
