//! The key with which Google's networks sign what they tell: made once per process, published as a JWK set (RFC 7517).

use std::sync::LazyLock;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

static KEY: LazyLock<Option<RsaKeyPair>> = LazyLock::new(|| RsaKeyPair::generate(KeySize::Rsa2048).ok());

/// The name of the key.
const KEY_ID: &str = "sandbox-1";

/// A signed token with these claims.
pub(crate) fn token(claims: &Value) -> Option<String> {
    let key = KEY.as_ref()?;
    let header = json!({ "alg": "RS256", "typ": "secevent+jwt", "kid": KEY_ID });
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims.to_string()));
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).ok()?;
    Some(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

/// The set with the public key.
pub(crate) fn key_set() -> Value {
    // RSAPublicKey (RFC 8017 A.1.1) of 2048 bits: nine bytes, the modulus, two bytes, the exponent 65537.
    let key = KEY.as_ref().map(|key| key.public_key().as_ref().to_vec()).unwrap_or_default();
    let part = |from: usize, to: usize| URL_SAFE_NO_PAD.encode(key.get(from..to).unwrap_or_default());
    let (n, e) = (part(9, key.len().saturating_sub(5)), part(key.len().saturating_sub(3), key.len()));
    json!({ "keys": [{ "kty": "RSA", "alg": "RS256", "use": "sig", "kid": KEY_ID, "n": n, "e": e }] })
}
