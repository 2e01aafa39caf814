//! Proofs of possession (RFC 9449), checked strictly.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderValue;
use serde_json::{Value, json};

use super::{MICRO, NAME};
use crate::request::{Answer, Incoming};
use crate::world::World;

/// How long a nonce is handed out, in seconds; it is taken for as long again.
const NONCE_LIFE: i64 = 90;
/// How far a proof's moment may be off.
const SKEW: i64 = 60;

const UNVERIFIED: Wrong = Wrong::Proof("Failed to verify DPoP proof");

/// What is wrong with a proof.
pub(super) enum Wrong {
    /// The nonce is missing or too old: nothing happened yet.
    Nonce,
    Proof(&'static str),
}

impl Wrong {
    pub(super) const fn code(&self) -> &'static str {
        match self {
            Self::Nonce => "use_dpop_nonce",
            Self::Proof(_) => "invalid_dpop_proof",
        }
    }

    pub(super) const fn words(&self) -> &'static str {
        match self {
            Self::Nonce => "Server requires nonce in DPoP proof",
            Self::Proof(words) => words,
        }
    }

    /// Asking for a nonce is 400 at the authorization server and 401 at the API; a bad proof is 401 at both.
    pub(super) const fn status(&self, for_nonce: u16) -> u16 {
        match self {
            Self::Nonce => for_nonce,
            Self::Proof(_) => 401,
        }
    }
}

pub(super) fn hash(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, text.as_bytes()))
}

fn nonce(now: i64, back: i64) -> String {
    hash(&format!("nonce {}", now.div_euclid(NONCE_LIFE * MICRO) - back))
}

/// Every answer brings the nonce of the moment.
pub(super) fn with_nonce(now: i64, mut said: Answer) -> Answer {
    said.headers_mut().insert("dpop-nonce", HeaderValue::from_str(&nonce(now, 0)).unwrap_or(HeaderValue::from_static("")));
    said
}

/// A signed token that brings its key along, taken apart.
struct Proof<'a> {
    header: Value,
    claims: Value,
    /// The name of its key.
    key: String,
    /// The public key, as a point.
    point: Vec<u8>,
    signed: &'a str,
    signature: Vec<u8>,
}

impl<'a> Proof<'a> {
    fn read(token: &'a str) -> Option<Self> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let decoded = |part: &str| URL_SAFE_NO_PAD.decode(part).ok();
        let header: Value = serde_json::from_slice(&decoded(header)?).ok()?;
        let jwk = &header["jwk"];
        let coordinate = |name: &str| decoded(jwk[name].as_str()?).filter(|bytes| bytes.len() == 32);
        let point = [vec![4], coordinate("x")?, coordinate("y")?].concat();
        let is_public = jwk["kty"] == "EC" && jwk["crv"] == "P-256" && jwk.get("d").is_none();
        let name = format!(r#"{{"crv":"P-256","kty":"EC","x":{},"y":{}}}"#, jwk["x"], jwk["y"]);
        let claims = serde_json::from_slice(&decoded(claims)?).ok()?;
        is_public.then_some(Self { claims, key: hash(&name), point, signed, signature: decoded(signature)?, header })
    }

    fn is_signed_by_its_key(&self) -> bool {
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &self.point).verify(self.signed.as_bytes(), &self.signature).is_ok()
    }
}

/// Checks the proof of a request, for the access token it presents; gives the name of the key (RFC 7638).
pub(super) fn check(world: &mut World, now: i64, incoming: &Incoming, token: Option<&str>) -> Result<String, Wrong> {
    let proof = incoming.header("dpop").ok_or(Wrong::Proof("DPoP proof required"))?;
    let proof = Proof::read(proof).ok_or(UNVERIFIED)?;
    let (header, claims) = (&proof.header, &proof.claims);
    let is_made_for = |ok: bool, words| if ok { Ok(()) } else { Err(Wrong::Proof(words)) };
    is_made_for(header["typ"] == "dpop+jwt" && header["alg"] == "ES256", "DPoP proof of another type")?;
    is_made_for(claims["htm"] == incoming.method.as_str(), "DPoP \"htm\" mismatch")?;
    let path = incoming.here().split('?').next().unwrap_or_default();
    is_made_for(claims["htu"] == format!("{}{path}", incoming.origin()).as_str(), "DPoP \"htu\" mismatch")?;
    let age = claims["iat"].as_i64().map(|at| (now / MICRO).abs_diff(at));
    is_made_for(age.is_some_and(|age| age <= SKEW.unsigned_abs()), "DPoP \"iat\" is too far off")?;
    is_made_for(claims["ath"] == token.map_or(Value::Null, |token| json!(hash(token))), "DPoP \"ath\" mismatch")?;
    let said = claims["nonce"].as_str().ok_or(Wrong::Nonce)?;
    if said != nonce(now, 0) && said != nonce(now, 1) {
        return Err(Wrong::Nonce);
    }
    // The dearest last: of most proofs a new nonce is asked for first.
    if !proof.is_signed_by_its_key() {
        return Err(UNVERIFIED);
    }
    let jti = claims["jti"].as_str().filter(|jti| !jti.is_empty()).ok_or(Wrong::Proof("DPoP \"jti\" is missing"))?;
    let is_new = world.nonces.insert(format!("{NAME}/{}/{jti}", proof.key), now).is_none();
    is_made_for(is_new, "DPoP proof replayed")?;
    Ok(proof.key)
}
