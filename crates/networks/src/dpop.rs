//! Demonstrating proof of possession (RFC 9449) with ES256, and the small writer of signed tokens (RFC 7515) it needs.
//!
//! One key per session: it is made when the person leaves for the network, and kept and lost together with the tokens.

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::Response;
use lifecycle::secret::Secret;
use serde_json::{Value, json};
use url::Url;
use zeroize::{Zeroize, Zeroizing};

use crate::network::Cx;
use crate::oauth;

/// A private key on P-256 in PKCS#8 (RFC 5208, RFC 5915) up to the scalar itself; the public half is computed from it.
const PKCS8_HEAD: [u8; 35] = [
    0x30, 0x41, 0x02, 0x01, 0x00, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x04, 0x27, 0x30, 0x25, 0x02, 0x01, 0x01, 0x04, 0x20,
];
/// The longest nonce that is kept; real ones have about 40 characters.
const NONCE_MAX: usize = 512;

/// A private ES256 key.
pub struct Key {
    pair: EcdsaKeyPair,
    pkcs8: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.thumbprint())
    }
}

impl Key {
    /// A new key, made of 32 bytes of the dice alone.
    pub fn roll(cx: &Cx<'_>) -> Self {
        let mut seed = Zeroizing::new([0; 33]);
        cx.dice.fill(&mut seed[..32]);
        let made = (0..=u8::MAX).find_map(|attempt| {
            seed[32] = attempt;
            let scalar = digest(&SHA256, &seed[..]);
            let mut der = PKCS8_HEAD.to_vec();
            der.extend_from_slice(scalar.as_ref());
            let key = Self::from_der(&der);
            der.zeroize();
            key
        });
        // A hash is no scalar of the curve once in four billion times.
        made.expect("one of 256 hashes is a scalar of the curve")
    }

    /// A key from its DER form: PKCS#8, or the older form of RFC 5915. `None` for anything else, other curves too.
    pub fn from_der(der: &[u8]) -> Option<Self> {
        let pair = EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_FIXED_SIGNING, der).ok()?;
        Some(Self { pair, pkcs8: Zeroizing::new(der.to_vec()) })
    }

    /// A key as [`Key::stored`] gave it away.
    pub fn from_stored(stored: &Secret) -> Option<Self> {
        Self::from_der(&Zeroizing::new(URL_SAFE_NO_PAD.decode(stored.expose()).ok()?))
    }

    /// Every private key of a text: PEM blocks one after another, or one key in plain base64. `None` when one of them
    /// is no key on P-256, or when there is none at all.
    pub fn read_all(text: &Secret) -> Option<Vec<Self>> {
        let text = text.expose().trim();
        let keys: Option<Vec<Self>> = if text.contains("-----BEGIN ") {
            let blocks = text.split("-----BEGIN ").skip(1).filter_map(|block| block.split_once("-----"));
            blocks
                .filter(|(label, _)| label.ends_with("PRIVATE KEY"))
                .map(|(_, rest)| Self::from_base64(rest.split("-----END").next()?))
                .collect()
        } else {
            Self::from_base64(text).map(|key| vec![key])
        };
        keys.filter(|keys| !keys.is_empty())
    }

    fn from_base64(text: &str) -> Option<Self> {
        let compact: Zeroizing<String> = Zeroizing::new(text.chars().filter(|c| !c.is_whitespace()).collect());
        let der = STANDARD.decode(compact.as_bytes()).or_else(|_| URL_SAFE_NO_PAD.decode(compact.as_bytes()));
        Self::from_der(&Zeroizing::new(der.ok()?))
    }

    /// The key in the form in which it is kept with its token set: DER as base64url.
    pub fn stored(&self) -> Secret {
        Secret::new(URL_SAFE_NO_PAD.encode(&*self.pkcs8))
    }

    /// The two coordinates of the public key, base64url.
    fn coordinates(&self) -> (String, String) {
        // Uncompressed point (SEC 1, 2.3.3): one byte 4, then 32 bytes each.
        let (x, y) = self.pair.public_key().as_ref()[1..].split_at(32);
        (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y))
    }

    /// The public key (RFC 7517), with the members of which a thumbprint is made.
    pub fn jwk(&self) -> Value {
        let (x, y) = self.coordinates();
        json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y })
    }

    /// The thumbprint of the public key (RFC 7638): names the key.
    pub fn thumbprint(&self) -> String {
        let (x, y) = self.coordinates();
        let canonical = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
        URL_SAFE_NO_PAD.encode(digest(&SHA256, canonical.as_bytes()))
    }

    /// A signed token in compact form (RFC 7515 section 7.1).
    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        let input = format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims.to_string()));
        // Signing with a good key does not fail; an unsigned token would be refused and called our fault.
        let signature = self.pair.sign(&SystemRandom::new(), input.as_bytes()).map(|signature| URL_SAFE_NO_PAD.encode(signature));
        format!("{input}.{}", signature.unwrap_or_default())
    }

    /// A proof for one request (RFC 9449 section 4.2). `access_token` for calls that present one (section 7).
    pub fn proof(&self, cx: &Cx<'_>, method: &str, url: &str, nonce: Option<&str>, access_token: Option<&Secret>) -> String {
        let header = json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": self.jwk() });
        let mut claims = json!({ "jti": unique(cx), "htm": method, "htu": without_query(url), "iat": cx.now.as_seconds() });
        if let Some(nonce) = nonce {
            claims["nonce"] = nonce.into();
        }
        if let Some(token) = access_token {
            claims["ath"] = URL_SAFE_NO_PAD.encode(digest(&SHA256, token.expose().as_bytes())).into();
        }
        self.sign(&header, &claims)
    }
}

/// A name that is used once: 128 random bits.
pub fn unique(cx: &Cx<'_>) -> String {
    let mut bytes = [0; 16];
    cx.dice.fill(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}

fn without_query(url: &str) -> String {
    let Ok(mut url) = Url::parse(url) else { return url.to_owned() };
    url.set_query(None);
    url.set_fragment(None);
    url.into()
}

/// The server a nonce belongs to: scheme, host and port.
pub fn origin(url: &str) -> String {
    Url::parse(url).map(|url| url.origin().ascii_serialization()).unwrap_or_default()
}

/// The nonce that an answer brings, for the next proof to the same server (RFC 9449 section 8.2).
pub fn nonce(answer: &Response<Bytes>) -> Option<&str> {
    let nonce = answer.headers().get("dpop-nonce")?.to_str().ok()?;
    (1..=NONCE_MAX).contains(&nonce.len()).then_some(nonce)
}

/// Whether the answer wants the same once more with the nonce it brings: said in the body by authorization servers
/// (section 8), in a header by resource servers (section 9).
pub fn wants_nonce(answer: &Response<Bytes>) -> bool {
    let refused = matches!(answer.status().as_u16(), 400 | 401);
    let in_body = || oauth::json(answer).is_some_and(|json| oauth::text(&json, "error") == Some("use_dpop_nonce"));
    refused && nonce(answer).is_some() && (challenge_error(answer) == Some("use_dpop_nonce") || in_body())
}

/// The error of a `WWW-Authenticate` challenge (RFC 6750 section 3, RFC 9449 section 7.1).
pub fn challenge_error(answer: &Response<Bytes>) -> Option<&str> {
    let challenge = answer.headers().get("www-authenticate")?.to_str().ok()?;
    let at =
        challenge.match_indices("error=\"").find(|(at, _)| matches!(challenge.as_bytes().get(at.wrapping_sub(1)), Some(b' ' | b',')))?.0;
    challenge[at + 7..].split('"').next().filter(|error| !error.is_empty())
}
