//! Codes that change every half minute (TOTP, RFC 6238), as every authenticator app makes them: HMAC-SHA-1, six digits, 30 seconds.

use std::fmt::Write as _;

use aws_lc_rs::hmac;
use lifecycle::secret::Secret;
use lifecycle::time::Timestamp;
use qrcode::{Color, EcLevel, QrCode};
use zeroize::Zeroizing;

/// Seconds for which a code is shown.
const STEP: i64 = 30;
/// So many steps a phone's clock may be ahead or behind (RFC 6238 5.2).
const SKEW: i64 = 1;
/// Letters of base32 (RFC 4648 6), which apps want the secret in.
const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/// Modules of white around a QR code (ISO/IEC 18004).
const QUIET: usize = 4;

/// Bytes as base32, without padding.
pub fn base32(bytes: &[u8]) -> Zeroizing<String> {
    let (mut text, mut held, mut bits) = (Zeroizing::new(String::new()), 0_u32, 0);
    for byte in bytes {
        held = (held << 8) | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.push(letter(held >> bits));
        }
    }
    if bits > 0 {
        text.push(letter(held << (5 - bits)));
    }
    text
}

fn letter(value: u32) -> char {
    char::from(LETTERS[(value & 31) as usize])
}

fn unbase32(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let (mut bytes, mut held, mut bits) = (Zeroizing::new(vec![]), 0_u32, 0);
    for letter in text.bytes() {
        let value = LETTERS.iter().position(|known| *known == letter)?;
        held = (held << 5) | u32::try_from(value).ok()?;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from((held >> bits) & 0xff).ok()?);
        }
    }
    Some(bytes)
}

/// The code of one step (RFC 4226 5.3).
fn code(key: &[u8], step: i64) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key);
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let tag = tag.as_ref();
    let from = usize::from(tag.last().copied().unwrap_or_default() & 15);
    let number = tag[from..from + 4].iter().fold(0_u32, |number, byte| (number << 8) | u32::from(*byte)) & 0x7fff_ffff;
    format!("{:06}", number % 1_000_000)
}

/// The code that an app with this secret (base32) shows at that moment.
pub fn code_at(secret: &Secret, at: Timestamp) -> Option<String> {
    unbase32(secret.expose()).map(|key| code(&key, at.as_seconds().div_euclid(STEP)))
}

/// The step whose code was typed, if it is one of now: the newest where two show the same.
pub fn step_of(secret: &Secret, typed: &str, now: Timestamp) -> Option<i64> {
    let key = unbase32(secret.expose())?;
    let this = now.as_seconds().div_euclid(STEP);
    (this - SKEW..=this + SKEW).rev().find(|step| store::seal::is_same(&code(&key, *step), typed))
}

/// What an app reads from a QR code (Google Authenticator's Key Uri Format, which all follow).
pub fn address(secret: &Secret, issuer: &str, account: &str) -> Zeroizing<String> {
    let encoded = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20");
    let (issuer, account) = (encoded(issuer), encoded(account));
    Zeroizing::new(format!("otpauth://totp/{issuer}:{account}?secret={}&issuer={issuer}", secret.expose()))
}

/// A QR code as the path of an SVG, and the width of its view box. `None` for a text too long for one.
pub fn qr(text: &str) -> Option<(usize, String)> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
    let (width, mut path) = (code.width(), String::new());
    for (at, color) in code.to_colors().into_iter().enumerate() {
        if color == Color::Dark {
            let _ = write!(path, "M{} {}h1v1h-1z", at % width + QUIET, at / width + QUIET);
        }
    }
    Some((width + 2 * QUIET, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rfc() -> Secret {
        Secret::new(base32(b"12345678901234567890").as_str())
    }

    /// RFC 6238 appendix B, the SHA-1 column, its last six digits.
    #[test]
    fn the_codes_are_those_of_the_standard() {
        for (at, expected) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(code_at(&rfc(), Timestamp::from_seconds(at)).as_deref(), Some(expected), "at {at}");
        }
    }

    #[test]
    fn a_clock_may_be_half_a_minute_wrong_and_no_more() {
        let now = Timestamp::from_seconds(1_111_111_111);
        let this = 1_111_111_111 / STEP;
        for off in -3..=3 {
            let shown = code_at(&rfc(), Timestamp::from_seconds((this + off) * STEP)).expect("base32");
            assert_eq!(step_of(&rfc(), &shown, now), (off.abs() <= SKEW).then_some(this + off), "{off}");
        }
        for wrong in ["", "05047", "0504711", "50471", "\u{0660}50471"] {
            assert_eq!(step_of(&rfc(), wrong, now), None, "{wrong}");
        }
    }

    #[test]
    fn base32_as_in_rfc_4648() {
        for (plain, text) in [("f", "MY"), ("fo", "MZXQ"), ("foo", "MZXW6"), ("foob", "MZXW6YQ"), ("fooba", "MZXW6YTB")] {
            assert_eq!(base32(plain.as_bytes()).as_str(), text);
            assert_eq!(unbase32(text).expect("base32").as_slice(), plain.as_bytes());
        }
        assert!(unbase32("M1").is_none() && unbase32("my").is_none());
    }

    #[test]
    fn names_cannot_break_out_of_the_address() {
        let address = address(&rfc(), "A & B?", "x y@z.example");
        assert!(address.starts_with("otpauth://totp/A%20%26%20B%3F:x%20y%40z.example?secret=GEZD"), "{}", address.as_str());
        let (width, path) = qr(&address).expect("short enough");
        assert!(width > 2 * QUIET && path.starts_with("M4 4h1"), "the first corner of the first finder pattern");
    }
}
