//! Mails: subject, plain text and HTML from one letter, so that both parts say the same.

mod invitation;
mod letter;
mod no_access_tokens;
mod recovered;
mod renew_soon;
mod renewal_link;

pub use invitation::Invitation;
pub use no_access_tokens::NoAccessTokens;
pub use recovered::Recovered;
pub use renew_soon::RenewSoon;
pub use renewal_link::RenewalLink;

/// A mail, ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// The subject: one line, without control characters.
    pub subject: String,
    /// The plain-text part.
    pub text: String,
    /// The HTML part.
    pub html: String,
}
