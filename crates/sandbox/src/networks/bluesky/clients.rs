//! Clients that authenticate by a key of their own (RFC 7523). The real server fetches their documents; the sandbox is handed them.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::{MICRO, NAME, error};
use crate::request::{Answer, Incoming};
use crate::world::World;

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// How old an assertion may be, in seconds.
const AGE_MAX: i64 = 60;

/// Takes what a client publishes: its document, and its public keys where it has some.
pub(crate) fn publish(world: &mut World, document: &Value, keys: &Value) -> Result<(), String> {
    let id =
        document["client_id"].as_str().filter(|id| id.starts_with("https://")).ok_or("metadata: a document with an https client_id")?;
    let is_by_key = document["token_endpoint_auth_method"] == "private_key_jwt";
    if is_by_key && keys["keys"].as_array().is_none_or(Vec::is_empty) {
        return Err("jwks: the public keys of a client that authenticates by one".into());
    }
    world.kept.insert((NAME, format!("client/{id}")), json!({ "by_key": is_by_key, "keys": keys["keys"] }));
    Ok(())
}

/// Who asks: the name of the client's key, nothing for a public client. Asked before any session is looked at: what fails here spends
/// nothing.
pub(super) fn authenticate(world: &mut World, now: i64, incoming: &Incoming) -> Result<Value, Answer> {
    let refused = |words| error(400, "invalid_client", words);
    let (id, assertion) = (incoming.f("client_id"), incoming.f("client_assertion"));
    let known = world.kept.get(&(NAME, format!("client/{id}"))).cloned().unwrap_or_default();
    if known["by_key"] != json!(true) {
        let fits = assertion.is_empty();
        return if fits { Ok(Value::Null) } else { Err(refused("The client's document names no key: come as a public client")) };
    }
    if incoming.f("client_assertion_type") != ASSERTION_TYPE {
        return Err(refused("client_assertion of type jwt-bearer is required"));
    }
    let (header, claims) =
        read(assertion, &known["keys"]).ok_or_else(|| refused("The client assertion is not signed by a key of the client"))?;
    let age = claims["iat"].as_i64().map(|at| (now / MICRO).abs_diff(at));
    let is_fresh = age.is_some_and(|age| age <= AGE_MAX.unsigned_abs());
    if claims["iss"] != id || claims["sub"] != id || claims["aud"] != incoming.origin().as_str() || !is_fresh {
        return Err(refused("The client assertion was made for somebody else, or too long ago"));
    }
    let is_new = claims["jti"].as_str().is_some_and(|jti| world.nonces.insert(format!("{NAME} assertion {id}/{jti}"), now).is_none());
    if is_new { Ok(header["kid"].clone()) } else { Err(refused("The client assertion was used before")) }
}

/// Header and claims of an assertion, where one of these keys signed it.
fn read(assertion: &str, keys: &Value) -> Option<(Value, Value)> {
    let parts: Vec<Vec<u8>> = assertion.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).ok()).collect::<Option<_>>()?;
    let [header, claims, signature] = parts.as_slice() else { return None };
    let header: Value = serde_json::from_slice(header).ok()?;
    let key = keys.as_array()?.iter().find(|key| key["kid"].is_string() && key["kid"] == header["kid"])?;
    let coordinate = |name: &str| URL_SAFE_NO_PAD.decode(key[name].as_str()?).ok().filter(|bytes| bytes.len() == 32);
    let point = [vec![4], coordinate("x")?, coordinate("y")?].concat();
    let signed = assertion.rsplit_once('.')?.0;
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(signed.as_bytes(), signature).ok()?;
    (header["alg"] == "ES256").then_some((header, serde_json::from_slice(claims).ok()?))
}
