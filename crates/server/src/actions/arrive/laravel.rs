//! What Laravel's `Crypt::encryptString` seals: AES-256-CBC under HMAC-SHA256 with the app key of the installation
//! (`Illuminate\Encryption\Encrypter`). Read only, for whoever comes from Mixpost.

use aws_lc_rs::cipher::{AES_256, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey};
use aws_lc_rs::hmac;
use aws_lc_rs::iv::FixedLength;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lifecycle::secret::Secret;
use serde_json::Value;

/// The app key of an installation.
pub struct AppKey(Vec<u8>);

impl AppKey {
    /// Reads `APP_KEY` as it stands in the installation's environment file: `base64:…`, 32 bytes.
    pub fn read(text: &str) -> Option<Self> {
        let text = text.trim().trim_start_matches("APP_KEY=").trim_matches(['"', '\'']);
        let bytes = STANDARD.decode(text.strip_prefix("base64:")?).ok()?;
        (bytes.len() == 32).then_some(Self(bytes))
    }

    /// Opens a sealed text; `None` when it was not sealed with this key, or was changed since.
    pub fn open(&self, sealed: &str) -> Option<Secret> {
        let payload: Value = serde_json::from_slice(&STANDARD.decode(sealed.trim()).ok()?).ok()?;
        let (iv, value, mac) = (payload["iv"].as_str()?, payload["value"].as_str()?, payload["mac"].as_str()?);
        // The code is over the texts as they stand there.
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.0);
        hmac::verify(&key, format!("{iv}{value}").as_bytes(), &from_hex(mac)?).ok()?;
        let iv: [u8; 16] = STANDARD.decode(iv).ok()?.try_into().ok()?;
        let mut bytes = STANDARD.decode(value).ok()?;
        let key = PaddedBlockDecryptingKey::cbc_pkcs7(UnboundCipherKey::new(&AES_256, &self.0).ok()?).ok()?;
        let plain = key.decrypt(&mut bytes, DecryptionContext::Iv128(FixedLength::from(iv))).ok()?;
        String::from_utf8(plain.to_vec()).ok().map(Secret::new)
    }
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.is_ascii() {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}
