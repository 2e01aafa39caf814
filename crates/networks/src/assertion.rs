//! Clients that authenticate by a key of theirs instead of a secret (RFC 7523 section 2.2, `private_key_jwt`).

use serde_json::{Value, json};

use crate::dpop::{self, Key};
use crate::network::Cx;

/// RFC 7523 section 2.2.
const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// Life of an assertion in seconds; some servers accept one minute at most.
const LIFE: i64 = 60;

/// The parameters of a request that prove who sends it; made for this one request.
pub(crate) fn parameters(cx: &Cx<'_>, key: &Key, client_id: &str, audience: &str) -> [(&'static str, String); 2] {
    let now = cx.now.as_seconds();
    let header = json!({ "typ": "JWT", "alg": "ES256", "kid": key.thumbprint() });
    let claims = json!({ "iss": client_id, "sub": client_id, "aud": audience, "jti": dpop::unique(cx), "iat": now, "exp": now + LIFE });
    [("client_assertion_type", TYPE.to_owned()), ("client_assertion", key.sign(&header, &claims))]
}

/// The public halves of keys, as they are published (RFC 7517).
pub(crate) fn jwks(keys: Vec<Key>) -> Value {
    let public = keys.into_iter().map(|key| {
        let mut jwk = key.jwk();
        jwk["kid"] = key.thumbprint().into();
        jwk["alg"] = "ES256".into();
        jwk["use"] = "sig".into();
        jwk
    });
    json!({ "keys": public.collect::<Vec<_>>() })
}
