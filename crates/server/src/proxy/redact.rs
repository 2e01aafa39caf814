//! Takes the credential out of what a network sends back (NT-13): an answer that echoes it must not hand it out.

use axum::http::HeaderValue;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use networks::oauth::percent;

/// What stands in its place.
const INSTEAD: &[u8] = b"[redacted]";
/// A secret shorter than this would be found everywhere by chance; none of ours is.
const SECRET_MIN: usize = 8;

/// Replaces secrets in a stream, also where a secret is spread over two pieces.
pub(super) struct Redactor {
    needles: Vec<Vec<u8>>,
    begins: [bool; 256],
    kept: Vec<u8>,
}

impl Redactor {
    /// For these secrets, as they are, percent-encoded, escaped as in JSON, and as Base64 alone or after their scheme.
    pub(super) fn new(secrets: &[&str]) -> Self {
        let mut needles = vec![];
        for secret in secrets.iter().filter(|secret| secret.len() >= SECRET_MIN) {
            let json = serde_json::to_string(secret).unwrap_or_default();
            needles.extend([(*secret).to_owned(), percent(secret), json.trim_matches('"').to_owned(), secret.replace('/', "\\/")]);
            for before in ["", "Bearer ", "DPoP "] {
                let text = format!("{before}{secret}");
                // The last characters depend on what follows.
                let whole = text.len() / 3 * 3;
                needles.extend([STANDARD_NO_PAD.encode(&text[..whole.min(text.len())]), URL_SAFE_NO_PAD.encode(&text[..whole])]);
            }
        }
        let mut needles: Vec<Vec<u8>> = needles.into_iter().map(String::into_bytes).collect();
        // The longest first: what contains another is replaced as a whole.
        needles.sort_by_key(|needle| std::cmp::Reverse(needle.len()));
        needles.dedup();
        let mut begins = [false; 256];
        for needle in &needles {
            begins[usize::from(needle[0])] = true;
        }
        Self { needles, begins, kept: vec![] }
    }

    /// What of a piece can go on now.
    pub(super) fn push(&mut self, piece: &[u8]) -> Bytes {
        let mut all = std::mem::take(&mut self.kept);
        all.extend_from_slice(piece);
        let (out, used) = self.scan(&all, false);
        self.kept = all.split_off(used);
        out
    }

    /// The rest.
    pub(super) fn finish(&mut self) -> Bytes {
        let all = std::mem::take(&mut self.kept);
        self.scan(&all, true).0
    }

    fn scan(&self, all: &[u8], last: bool) -> (Bytes, usize) {
        let mut out = Vec::with_capacity(all.len());
        let mut at = 0;
        while at < all.len() {
            let rest = &all[at..];
            if self.begins[usize::from(rest[0])] {
                if let Some(found) = self.needles.iter().find(|needle| rest.starts_with(needle)) {
                    out.extend_from_slice(INSTEAD);
                    at += found.len();
                    continue;
                }
                if !last && self.needles.iter().any(|needle| needle.starts_with(rest)) {
                    break;
                }
            }
            out.push(rest[0]);
            at += 1;
        }
        (out.into(), at)
    }

    /// A header's value without them.
    pub(super) fn header(&self, value: &HeaderValue) -> Option<HeaderValue> {
        HeaderValue::from_bytes(&self.scan(value.as_bytes(), true).0).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nt_13_no_form_of_the_credential_comes_back_however_it_is_cut() {
        let secret = "canary/+token=0123456789";
        let forms = [
            secret.to_owned(),
            percent(secret),
            secret.replace('/', "\\/"),
            STANDARD_NO_PAD.encode(secret),
            URL_SAFE_NO_PAD.encode(format!("Bearer {secret}")),
        ];
        for form in &forms {
            let text = format!("before {form}{form} canary/+tok after");
            for size in 1..text.len() {
                let mut redactor = Redactor::new(&[secret]);
                let mut out = vec![];
                for piece in text.as_bytes().chunks(size) {
                    out.extend_from_slice(&redactor.push(piece));
                }
                out.extend_from_slice(&redactor.finish());
                let out = String::from_utf8(out).expect("text");
                assert!(out.starts_with("before [redacted]") && out.ends_with(" canary/+tok after"), "{size}: {out}");
                assert!(!out.contains(&form[..12]), "{size}: {out}");
            }
        }
        let mut redactor = Redactor::new(&["", "short"]);
        assert_eq!(redactor.push(b"short"), "short");
    }
}
