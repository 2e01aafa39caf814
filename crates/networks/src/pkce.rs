//! Proof key for code exchange (RFC 7636), method S256.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lifecycle::secret::Secret;
use zeroize::Zeroizing;

use crate::network::Cx;

/// The name under which a verifier is remembered until the person comes back.
pub(crate) const MEMORY: &str = "code_verifier";

/// A new verifier of 32 random bytes, and its challenge.
pub(crate) fn roll(cx: &Cx<'_>) -> (Secret, String) {
    let mut random = Zeroizing::new([0; 32]);
    cx.dice.fill(&mut random[..]);
    let verifier = Secret::new(URL_SAFE_NO_PAD.encode(&random[..]));
    let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.expose().as_bytes()));
    (verifier, challenge)
}

/// The same for a network that wants the hash in lower-case hexadecimal digits instead (TikTok).
pub(crate) fn roll_hex(cx: &Cx<'_>) -> (Secret, String) {
    let (verifier, _) = roll(cx);
    let hash = digest(&SHA256, verifier.expose().as_bytes());
    let challenge = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    (verifier, challenge)
}
