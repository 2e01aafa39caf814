//! Secrets that cannot be printed, compared or serialised by accident, and the token set made of them.

use std::collections::BTreeMap;
use std::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

/// A secret text. `Debug` shows nothing of it, there is no `Display`, no `PartialEq`, no `Serialize`; it is
/// wiped from memory when dropped. The one way in is [`Secret::expose`], which a reader can search for.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Secret(String);

impl Secret {
    /// Takes a text as a secret from here on.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text in the clear. Only for sending it to where it belongs, or for sealing it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// An empty secret is no secret: networks send `""` for "none" (RF-22).
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// How an access token is presented to the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenType {
    /// RFC 6750: whoever bears it may use it.
    Bearer,
    /// RFC 9449: bound to the DPoP key of the same token set.
    Dpop,
    /// RFC 5849: requests are signed with the token's secret.
    OAuth1,
}

impl TokenType {
    /// The word used in the API (`token_type`).
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bearer => "Bearer",
            Self::Dpop => "DPoP",
            Self::OAuth1 => "OAuth1",
        }
    }

    /// Reads the word back.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "Bearer" => Some(Self::Bearer),
            "DPoP" => Some(Self::Dpop),
            "OAuth1" => Some(Self::OAuth1),
            _ => None,
        }
    }
}

/// Everything secret that a person's consent gave us, and what must change together with it (RF-25).
#[derive(Debug, Clone)]
pub struct TokenSet {
    /// The access token; for OAuth 1.0a the token.
    pub access_token: Secret,
    /// How it is presented.
    pub token_type: TokenType,
    /// The refresh token, where the network gives one. Never empty (RF-22).
    pub refresh_token: Option<Secret>,
    /// The token secret of OAuth 1.0a.
    pub token_secret: Option<Secret>,
    /// The private DPoP key (PKCS#8, base64url), one per session, lost with the session.
    pub dpop_key: Option<Secret>,
    /// The profiles' own tokens by network id, where the network issues such (Facebook's page tokens).
    pub profile_tokens: BTreeMap<String, Secret>,
    /// What was granted, as the network named it.
    pub scopes: Vec<String>,
    /// What else belongs to this session and is not secret: issuer, service address, DPoP nonces by origin.
    pub notes: BTreeMap<String, String>,
}

impl TokenSet {
    /// A plain bearer token set.
    pub fn bearer(access_token: Secret, refresh_token: Option<Secret>, scopes: Vec<String>) -> Self {
        Self {
            access_token,
            token_type: TokenType::Bearer,
            refresh_token: refresh_token.filter(|token| !token.is_empty()),
            token_secret: None,
            dpop_key: None,
            profile_tokens: BTreeMap::new(),
            scopes,
            notes: BTreeMap::new(),
        }
    }

    /// What is stored after a renewal: whatever the answer left out stays as it was (RFC 6749 section 6, RF-22).
    #[must_use]
    pub fn keeping_from(mut self, older: &TokenSet) -> Self {
        if self.refresh_token.as_ref().is_none_or(Secret::is_empty) {
            self.refresh_token.clone_from(&older.refresh_token);
        }
        if self.dpop_key.is_none() {
            self.dpop_key.clone_from(&older.dpop_key);
        }
        if self.token_secret.is_none() {
            self.token_secret.clone_from(&older.token_secret);
        }
        if self.profile_tokens.is_empty() {
            self.profile_tokens.clone_from(&older.profile_tokens);
        }
        if self.scopes.is_empty() {
            self.scopes.clone_from(&older.scopes);
        }
        for (name, value) in &older.notes {
            self.notes.entry(name.clone()).or_insert_with(|| value.clone());
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_show() {
        let set = TokenSet::bearer(Secret::new("canary-access"), Some(Secret::new("canary-refresh")), vec![]);
        let shown = format!("{set:?}");
        assert!(!shown.contains("canary"), "{shown}");
    }

    #[test]
    fn an_empty_refresh_token_never_overwrites() {
        let old = TokenSet::bearer(Secret::new("a"), Some(Secret::new("r1")), vec!["s".into()]);
        let new = TokenSet::bearer(Secret::new("b"), Some(Secret::new("")), vec![]).keeping_from(&old);
        assert_eq!(new.refresh_token.as_ref().map(Secret::expose), Some("r1"));
        assert_eq!(new.scopes, ["s"]);
    }
}
