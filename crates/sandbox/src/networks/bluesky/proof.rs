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

/// Header, claims and key of a signed token that brings its key along.
fn read(token: &str) -> Option<(Value, Value, String)> {
    let parts: Vec<Vec<u8>> = token.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).ok()).collect::<Option<_>>()?;
    let [header, claims, signature] = parts.as_slice() else { return None };
    let header: Value = serde_json::from_slice(header).ok()?;
    let jwk = &header["jwk"];
    let coordinate = |name: &str| URL_SAFE_NO_PAD.decode(jwk[name].as_str()?).ok().filter(|bytes| bytes.len() == 32);
    let point = [vec![4], coordinate("x")?, coordinate("y")?].concat();
    let signed = token.rsplit_once('.')?.0;
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(signed.as_bytes(), signature).ok()?;
    let is_public = jwk["kty"] == "EC" && jwk["crv"] == "P-256" && jwk.get("d").is_none();
    let name = format!(r#"{{"crv":"P-256","kty":"EC","x":{},"y":{}}}"#, jwk["x"], jwk["y"]);
    is_public.then_some((header, serde_json::from_slice(claims).ok()?, hash(&name)))
}

/// Checks the proof of a request, for the access token it presents; gives the name of the key (RFC 7638).
pub(super) fn check(world: &mut World, now: i64, incoming: &Incoming, token: Option<&str>) -> Result<String, Wrong> {
    let proof = incoming.header("dpop").ok_or(Wrong::Proof("DPoP proof required"))?;
    let (header, claims, key) = read(proof).ok_or(Wrong::Proof("Failed to verify DPoP proof"))?;
    let is_made_for = |ok: bool, words| if ok { Ok(()) } else { Err(Wrong::Proof(words)) };
    is_made_for(header["typ"] == "dpop+jwt" && header["alg"] == "ES256", "DPoP proof of another type")?;
    is_made_for(claims["htm"] == incoming.method.as_str(), "DPoP \"htm\" mismatch")?;
    let path = incoming.here.split('?').next().unwrap_or_default();
    is_made_for(claims["htu"] == format!("{}{path}", incoming.origin).as_str(), "DPoP \"htu\" mismatch")?;
    let age = claims["iat"].as_i64().map(|at| (now / MICRO).abs_diff(at));
    is_made_for(age.is_some_and(|age| age <= SKEW.unsigned_abs()), "DPoP \"iat\" is too far off")?;
    is_made_for(claims["ath"] == token.map_or(Value::Null, |token| json!(hash(token))), "DPoP \"ath\" mismatch")?;
    let said = claims["nonce"].as_str().ok_or(Wrong::Nonce)?;
    if said != nonce(now, 0) && said != nonce(now, 1) {
        return Err(Wrong::Nonce);
    }
    let jti = claims["jti"].as_str().filter(|jti| !jti.is_empty()).ok_or(Wrong::Proof("DPoP \"jti\" is missing"))?;
    let is_new = world.nonces.insert(format!("{NAME}/{key}/{jti}"), now).is_none();
    is_made_for(is_new, "DPoP proof replayed")?;
    Ok(key)
}
