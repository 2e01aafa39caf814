//! What is known of a network's tokens, as a value: rules never ask which network it is.

use crate::time::Span;

/// What the network does with a refresh token that was already used (reliability-security 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reuse {
    /// SF: reuse revokes the whole family. Assumed of every network not tested live.
    RevokesFamily,
    /// S: the old one is refused, nothing else happens.
    Refused,
    /// G: accepted again for that long.
    Grace(Span),
    /// R: accepted again until its successor is used.
    UntilUsed,
}

/// How an access token gets a longer life without the person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RenewalModel {
    /// Each renewal answers with a new refresh token.
    Rotating(Reuse),
    /// N: the refresh token stays the same.
    Stable,
    /// X: the access token itself is extended, not earlier than this after it was issued.
    Extending(Span),
    /// Only the person can renew, by logging in again.
    ByPerson,
}

/// What happens to a token after a verdict, while the person has not come yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterVerdict {
    /// It is looked at now and then, four times as rarely as before and daily at the least: an unblocked account comes
    /// back by itself.
    LookRarely,
    /// It is never sent again by itself: the network takes calls with a dead secret for an attack (Discord bans the
    /// address that repeats them), and nothing brings the secret back.
    LeaveAlone,
}

/// Lifetimes, deadlines and habits of one network. Lives in an answer win over these; every field can be set by
/// the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// How tokens are renewed.
    pub renewal: RenewalModel,
    /// Life of an access token where the answer does not say; `None`: no end is known.
    pub access_life: Option<Span>,
    /// Life of a refresh token where the answer does not say.
    pub refresh_life: Option<Span>,
    /// The network demands a manual renewal that long after the person authorised (LinkedIn, TikTok: 365 days).
    pub manual_renewal_every: Option<Span>,
    /// How long an answer to a renewal is waited for (RF-15).
    pub answer_timeout: Span,
    /// How long a lease lasts; longer than the answer is waited for (RF-07).
    pub lease: Span,
    /// How often a token that nobody uses is looked at.
    pub probe_every: Span,
    /// What happens to a token after a verdict.
    pub after_verdict: AfterVerdict,
    /// Time between a refusal and the second look (RF-32: 30 s at least).
    pub second_look_after: Span,
    /// How many days ahead a manual renewal is announced, longest first.
    pub warn_days: Vec<i64>,
}

impl Facts {
    /// What is assumed of a network of which nothing is known: strict, looked at every six hours.
    pub fn unknown() -> Self {
        Self {
            renewal: RenewalModel::Rotating(Reuse::RevokesFamily),
            access_life: Some(Span::hours(1)),
            refresh_life: None,
            manual_renewal_every: None,
            answer_timeout: Span::seconds(90),
            lease: Span::seconds(180),
            probe_every: Span::hours(6),
            after_verdict: AfterVerdict::LookRarely,
            second_look_after: Span::seconds(30),
            warn_days: vec![30, 14, 7, 1],
        }
    }
}
