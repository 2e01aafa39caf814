//! Standard Webhooks 1.0.0: what is signed, how, and with which keys. `webhook-id` is the message, the same over all tries;
//! the content signed is `id.timestamp.body`.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use aws_lc_rs::{hmac, signature};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lifecycle::secret::Secret;
use lifecycle::time::Timestamp;
use networks::wire::Dice;
use store::webhooks::{EndpointSecrets, Signature};

/// A fresh signing secret, and the public key where there is one.
pub fn fresh(signature: Signature, dice: &dyn Dice) -> (Secret, Option<String>) {
    let mut seed = zeroize::Zeroizing::new([0; 32]);
    dice.fill(seed.as_mut());
    let prefix = match signature {
        Signature::Hmac => "whsec_",
        Signature::Ed25519 => "whsk_",
    };
    let secret = Secret::new(format!("{prefix}{}", STANDARD.encode(seed.as_ref())));
    let public = match signature {
        Signature::Hmac => None,
        Signature::Ed25519 => key_pair(&secret).map(|pair| format!("whpk_{}", STANDARD.encode(pair.public_key()))),
    };
    (secret, public)
}

fn key_pair(secret: &Secret) -> Option<Ed25519KeyPair> {
    let seed = zeroize::Zeroizing::new(STANDARD.decode(secret.expose().strip_prefix("whsk_")?).ok()?);
    Ed25519KeyPair::from_seed_unchecked(&seed).ok()
}

fn one(secret: &Secret, content: &[u8]) -> Option<String> {
    if let Some(encoded) = secret.expose().strip_prefix("whsec_") {
        let key = zeroize::Zeroizing::new(STANDARD.decode(encoded).ok()?);
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), content);
        return Some(format!("v1,{}", STANDARD.encode(tag)));
    }
    let signed: signature::Signature = key_pair(secret)?.sign(content);
    Some(format!("v1a,{}", STANDARD.encode(signed)))
}

/// The value of `webhook-signature`: one signature, or two while a secret is being replaced.
pub fn sign(secrets: &EndpointSecrets, previous_until: Option<Timestamp>, id: &str, now: Timestamp, body: &str) -> String {
    let content = format!("{id}.{}.{body}", now.as_seconds());
    let previous = secrets.previous.as_ref().filter(|_| previous_until.is_some_and(|until| now < until));
    let keys = secrets.signing.iter().chain(previous);
    keys.filter_map(|key| one(key, content.as_bytes())).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
    use lifecycle::time::Span;

    use super::*;
    use crate::time::SystemDice;

    const NOW: Timestamp = Timestamp::from_seconds(1_614_265_330);

    fn secrets(signing: Secret, previous: Option<Secret>) -> EndpointSecrets {
        EndpointSecrets { url: Secret::new("https://example.com/"), signing: Some(signing), previous, token: None }
    }

    #[test]
    fn the_example_of_the_specification() {
        // Standard Webhooks' own test vector (its libraries' tests): msg_p5jXN8AQM9LWM0D4loKWxJek.
        let known = secrets(Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), None);
        let signed = sign(&known, None, "msg_p5jXN8AQM9LWM0D4loKWxJek", NOW, r#"{"test": 2432232314}"#);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn an_ed25519_signature_is_verified_by_the_public_key() {
        let (secret, public) = fresh(Signature::Ed25519, &SystemDice::new());
        let signed = sign(&secrets(secret, None), None, "msg_1", NOW, "{}");
        let signature = STANDARD.decode(signed.strip_prefix("v1a,").expect("its version")).expect("base64");
        let key = STANDARD.decode(public.expect("a public key").strip_prefix("whpk_").expect("its prefix")).expect("base64");
        let key = UnparsedPublicKey::new(&ED25519, key);
        let content = format!("msg_1.{}.{{}}", NOW.as_seconds());
        key.verify(content.as_bytes(), &signature).expect("the signature holds");
        assert!(key.verify(b"msg_2", &signature).is_err());
    }

    #[test]
    fn nt_25_while_a_secret_is_replaced_both_sign() {
        let dice = SystemDice::new();
        let ((new, _), (old, _)) = (fresh(Signature::Hmac, &dice), fresh(Signature::Hmac, &dice));
        let both = secrets(new.clone(), Some(old.clone()));
        let until = Some(NOW + Span::hours(24));
        let signed = sign(&both, until, "msg_1", NOW, "{}");
        let alone = |secret: &Secret| sign(&secrets(secret.clone(), None), None, "msg_1", NOW, "{}");
        assert_eq!(signed, format!("{} {}", alone(&new), alone(&old)));
        let later = NOW + Span::hours(24);
        assert_eq!(sign(&both, until, "msg_1", later, "{}").split(' ').count(), 1, "the old one is over");
    }
}
