//! Demonstrating proof of possession (RFC 9449) with ES256, and the small writer of signed tokens (RFC 7515) it needs.
//!
//! One key per session: it is made when the person leaves for the network, and kept and lost together with the tokens.

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
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
        // Both alphabets, with padding or without: keys are pasted from everywhere.
        let plain = text.chars().filter(|c| !c.is_whitespace() && *c != '=').map(|c| match c {
            '+' => '-',
            '/' => '_',
            other => other,
        });
        let plain: Zeroizing<String> = Zeroizing::new(plain.collect());
        Self::from_der(&Zeroizing::new(URL_SAFE_NO_PAD.decode(plain.as_bytes()).ok()?))
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
        thumbprint(&x, &y)
    }

    /// A signed token in compact form (RFC 7515 section 7.1).
    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        let part = |said: &Value| URL_SAFE_NO_PAD.encode(serde_json::to_vec(said).unwrap_or_default());
        let input = format!("{}.{}", part(header), part(claims));
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

/// RFC 7638 section 3: the hash over the members in the order of their names.
fn thumbprint(x: &str, y: &str) -> String {
    let canonical = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
    URL_SAFE_NO_PAD.encode(digest(&SHA256, canonical.as_bytes()))
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

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED_SIGNING, UnparsedPublicKey};
    use base64::engine::general_purpose::STANDARD;

    use super::*;
    use crate::network::App;
    use crate::wire::Dice;

    struct Counting(std::sync::atomic::AtomicU8);

    impl Dice for Counting {
        fn fill(&self, buffer: &mut [u8]) {
            buffer.fill(self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        }
    }

    fn with_cx<T>(test: impl FnOnce(&Cx<'_>) -> T) -> T {
        let app = App {
            client_id: String::new(),
            client_secret: None,
            instance: String::new(),
            redirect_uri: String::new(),
            scopes: vec![],
            base_url: None,
            endpoints: std::collections::BTreeMap::new(),
            options: std::collections::BTreeMap::new(),
        };
        let facts = lifecycle::facts::Facts::unknown();
        let dice = Counting(std::sync::atomic::AtomicU8::new(0));
        test(&Cx { app: &app, facts: &facts, now: lifecycle::time::Timestamp::from_seconds(1_700_000_000), dice: &dice })
    }

    /// Reads a token with nothing of the code above but base64: the signature is checked with the key it brings.
    fn read(token: &str) -> (Value, Value) {
        let parts: Vec<Vec<u8>> = token.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).expect("base64url")).collect();
        let [header, claims, signature] = parts.as_slice() else { panic!("three parts") };
        let header: Value = serde_json::from_slice(header).expect("a header");
        let coordinate = |name: &str| URL_SAFE_NO_PAD.decode(header["jwk"][name].as_str().expect("a coordinate")).expect("base64url");
        let point = [vec![4], coordinate("x"), coordinate("y")].concat();
        let input = token.rsplit_once('.').expect("a signature").0;
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(input.as_bytes(), signature).expect("a good signature");
        (header, serde_json::from_slice(claims).expect("claims"))
    }

    #[test]
    fn a_proof_is_signed_by_the_key_it_names_and_says_what_it_is_for() {
        with_cx(|cx| {
            let key = Key::roll(cx);
            // RFC 9449 section 7.1: this token has that hash.
            let token = Secret::new("Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU");
            let (header, claims) = read(&key.proof(cx, "GET", "https://pds.example:8443/xrpc/a?b=c#d", Some("n-1"), Some(&token)));
            assert_eq!((header["typ"].as_str(), header["alg"].as_str()), (Some("dpop+jwt"), Some("ES256")));
            assert_eq!(header["jwk"].as_object().map(serde_json::Map::len), Some(4), "the private part stays at home");
            assert_eq!(claims["htu"], "https://pds.example:8443/xrpc/a");
            assert_eq!((&claims["htm"], &claims["nonce"], &claims["iat"]), (&json!("GET"), &json!("n-1"), &json!(1_700_000_000)));
            assert_eq!(claims["ath"], "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo");
            let (_, next) = read(&key.proof(cx, "POST", "https://as.example/token", None, None));
            assert_ne!(claims["jti"], next["jti"]);
            assert!(next.get("nonce").is_none() && next.get("ath").is_none());
        });
    }

    /// RFC 9449 sections 4.1 and 6.1: this key has that thumbprint.
    #[test]
    fn the_thumbprint_of_the_rfc() {
        let got = thumbprint("l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs", "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA");
        assert_eq!(got, "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
    }

    #[test]
    fn a_key_is_read_back_in_every_form_and_never_shown() {
        with_cx(|cx| {
            let (one, two) = (Key::roll(cx), Key::roll(cx));
            assert_ne!(one.thumbprint(), two.thumbprint());
            let back = Key::from_stored(&one.stored()).expect("a key");
            assert_eq!(back.thumbprint(), one.thumbprint());
            let older_form = Key::from_der(&one.pkcs8[28..]).expect("RFC 5915");
            assert_eq!(older_form.thumbprint(), one.thumbprint());
            let pem = |key: &Key| format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(&*key.pkcs8));
            let parameters = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";
            let both = Key::read_all(&Secret::new(format!("{parameters}{}{}", pem(&one), pem(&two)))).expect("two keys");
            assert_eq!(both.iter().map(Key::thumbprint).collect::<Vec<_>>(), [one.thumbprint(), two.thumbprint()]);
            assert_eq!(Key::read_all(&one.stored()).map(|keys| keys.len()), Some(1));
            assert!(!format!("{one:?}").contains(one.stored().expose()));
        });
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let other_curve =
            EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).and_then(|pair| pair.to_pkcs8v1()).expect("a key on P-384");
        let other_curve = STANDARD.encode(other_curve.as_ref());
        let certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----";
        for text in ["", "secret", "-----BEGIN PRIVATE KEY-----", certificate, &other_curve] {
            assert!(Key::read_all(&Secret::new(text)).is_none(), "{text}");
        }
    }

    fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Response<Bytes> {
        let builder = headers.iter().fold(Response::builder().status(status), |builder, (name, value)| builder.header(*name, *value));
        builder.body(Bytes::copy_from_slice(body.as_bytes())).expect("an answer")
    }

    #[test]
    fn a_nonce_is_wanted_in_the_body_or_in_the_challenge_and_only_with_a_nonce() {
        let body = r#"{"error":"use_dpop_nonce","error_description":"Authorization server requires nonce in DPoP proof"}"#;
        let challenge = r#"DPoP algs="ES256", error="use_dpop_nonce", error_description="Resource server requires nonce""#;
        assert!(wants_nonce(&answer(400, &[("dpop-nonce", "n")], body)));
        assert!(wants_nonce(&answer(401, &[("dpop-nonce", "n"), ("www-authenticate", challenge)], "")));
        assert!(!wants_nonce(&answer(400, &[], body)), "there is nothing to repeat it with");
        assert!(!wants_nonce(&answer(200, &[("dpop-nonce", "n")], body)));
        assert!(!wants_nonce(&answer(401, &[("dpop-nonce", "n"), ("www-authenticate", r#"DPoP error="invalid_token""#)], "")));
        assert_eq!(nonce(&answer(200, &[("dpop-nonce", &"n".repeat(NONCE_MAX + 1))], "")), None);
        assert_eq!(challenge_error(&answer(401, &[("www-authenticate", r#"DPoP x_error="a""#)], "")), None);
    }

    #[test]
    fn a_nonce_belongs_to_scheme_host_and_port() {
        assert_eq!(origin("https://pds.example/xrpc/a?b"), "https://pds.example");
        assert_eq!(origin("http://localhost:2583/oauth/token"), "http://localhost:2583");
        assert_ne!(origin("https://pds.example:8443/"), origin("https://pds.example/"));
    }
}
