//! The names of the parts of a multipart body, while it flows through: whatever may be read as one is looked at before it goes out.

use super::asked;

/// The most bytes of a line that may name a part.
const LINE_MAX: usize = 8 * 1024;
/// What stands before the name of a part; Rack takes it anywhere in a line, and the second where the first is missing.
const NAMING: [&[u8]; 2] = [b"content-disposition", b"content-id"];
const TOO_LONG: &str = "the body has a part whose head is too long to be read";

/// Reads lines and knows nothing of boundaries: servers differ in where they see one, so that a line which looks like the head of a part
/// is taken for one wherever it stands.
#[derive(Default)]
pub(super) struct Parts {
    line: Vec<u8>,
    /// A line of a head that names a part, until the next line tells whether it goes on there.
    head: Vec<u8>,
}

impl Parts {
    /// Why a piece does not go out; then nothing after it does either.
    pub(super) fn why_not(&mut self, piece: &[u8], steered_by: &[&str]) -> Option<&'static str> {
        for whole in piece.split_inclusive(|byte| *byte == b'\n') {
            for some in whole.chunks(LINE_MAX / 2) {
                self.line.extend_from_slice(some);
                if self.line.len() > LINE_MAX {
                    if !self.head.is_empty() || is_naming(&self.line) {
                        return Some(TOO_LONG);
                    }
                    // A picture. What may have begun to name a part stays.
                    self.line.drain(..self.line.len() - NAMING[0].len());
                }
            }
            if whole.ends_with(b"\n") {
                let why = self.ended(steered_by);
                self.line.clear();
                if why.is_some() {
                    return why;
                }
            }
        }
        None
    }

    /// A line is over.
    fn ended(&mut self, steered_by: &[&str]) -> Option<&'static str> {
        let goes_on = matches!(self.line.first(), Some(b' ' | b'\t'));
        if !self.head.is_empty() && !goes_on {
            let why = named(&std::mem::take(&mut self.head), steered_by);
            if why.is_some() {
                return why;
            }
        }
        if is_naming(&self.line) || !self.head.is_empty() {
            if self.head.len() + self.line.len() > LINE_MAX {
                return Some(TOO_LONG);
            }
            self.head.extend_from_slice(&self.line);
        }
        None
    }
}

fn is_naming(line: &[u8]) -> bool {
    NAMING.iter().any(|name| line.windows(name.len()).any(|window| window.eq_ignore_ascii_case(name)))
}

/// What speaks against a part of that head.
fn named(head: &[u8], steered_by: &[&str]) -> Option<&'static str> {
    let head = String::from_utf8_lossy(head);
    let lower = head.to_ascii_lowercase();
    if let Some((_, id)) = lower.split_once("content-id").and_then(|(_, rest)| rest.split_once(':'))
        && let Some(why) = asked::speaks_against(id.trim(), steered_by)
    {
        return Some(why);
    }
    for (at, _) in lower.match_indices("name") {
        // The name of a file is none of the part.
        if lower[..at].ends_with(|before: char| before.is_ascii_alphanumeric() || matches!(before, '-' | '_')) {
            continue;
        }
        let rest = lower[at + "name".len()..].trim_start();
        if rest.starts_with('*') {
            return Some("the body has a part whose name is written as RFC 7578 section 4.2 forbids it (name*)");
        }
        let Some(value) = rest.strip_prefix('=').map(str::trim_start) else { continue };
        if let Some(why) = asked::speaks_against(&unquoted(value), steered_by) {
            return Some(why);
        }
    }
    None
}

/// A value as it stands after the sign, without its quotation marks.
fn unquoted(value: &str) -> String {
    let Some(mark) = value.chars().next().filter(|first| matches!(first, '"' | '\'')) else {
        return value.split([';', '\r', '\n']).next().unwrap_or_default().trim().to_owned();
    };
    let mut signs = value.chars().skip(1);
    let mut name = String::new();
    while let Some(sign) = signs.next().filter(|sign| *sign != mark) {
        name.push(if sign == '\\' { signs.next().unwrap_or(sign) } else { sign });
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why_not(body: &str, pieces: usize) -> Option<&'static str> {
        let mut parts = Parts::default();
        body.as_bytes().chunks(pieces.max(1)).find_map(|piece| parts.why_not(piece, &["batch"]))
    }

    const STEERING: [&str; 17] = [
        "Content-Disposition: form-data; name=\"method\"",
        "Content-Disposition: form-data; name=\"_method\"",
        "Content-Disposition: form-data; name=\"batch\"",
        "Content-Disposition: form-data; name=\"access_token\"",
        "content-disposition:form-data;name=method",
        "CONTENT-DISPOSITION: form-data; filename=\"a.txt\"; NAME=\"Method\"",
        "Content-Disposition: form-data;\r\n\tname=\"method\"",
        "Content-Disposition: form-data; name = \"method\"",
        "Content-Disposition: form-data; name='method'",
        "Content-Disposition: form-data; name=\"method[]\"",
        "Content-Disposition: form-data; name=\"me\\thod\"",
        "Content-Disposition: form-data; name=\" method\"",
        "Content-Disposition: form-data; name*=utf-8''method",
        "Content-Disposition: form-data; name*0=met; name*1=hod",
        "X-Rest: Content-Disposition: form-data; name=\"_method\"",
        "Content-ID: _method",
        "Content-Type: text/plain\r\nContent-Disposition: form-data; name=\"method\"",
    ];

    #[test]
    fn a_part_that_steers_a_call_elsewhere_is_found_wherever_the_body_is_cut() {
        for head in STEERING {
            for end in ["\r\n", "\n"] {
                let body = format!(
                    "--b\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\nhello\r\n--b\r\n{head}\r\n\r\ndelete\r\n--b--\r\n"
                )
                .replace("\r\n", end);
                for pieces in [1, 2, 7, body.len()] {
                    assert!(why_not(&body, pieces).is_some(), "{head} in pieces of {pieces}");
                }
                // Its value never leaves.
                let mut parts = Parts::default();
                let (before, _) = body.rsplit_once("delete").expect("a value");
                assert!(parts.why_not(before.as_bytes(), &["batch"]).is_some(), "{head}");
            }
        }
        let long = format!("Content-Disposition: form-data; a=\"{}\"; name=\"method\"\r\n\r\ndelete\r\n", "x".repeat(2 * LINE_MAX));
        assert!(why_not(&long, 1000).is_some());
    }

    #[test]
    fn what_only_looks_like_it_goes_through() {
        for head in [
            "Content-Disposition: form-data; name=\"source\"; filename=\"method\"",
            "Content-Disposition: form-data; name=\"payment_method\"",
            "Content-Disposition: form-data; name=\"message\"\r\nContent-Type: text/plain; name=plain",
            "Content-ID: <1@example.org>",
        ] {
            let body = format!("--b\r\n{head}\r\n\r\nmethod=delete\r\nname=\"method\"\r\n--b--\r\n");
            for pieces in [1, 5, body.len()] {
                assert_eq!(why_not(&body, pieces), None, "{head}");
            }
        }
    }

    #[test]
    fn no_picture_before_it_hides_a_part() {
        let mut dice = 88_172_645_463_325_252_u64;
        let mut roll = |below: usize| {
            dice ^= dice << 13;
            dice ^= dice >> 7;
            dice ^= dice << 17;
            usize::try_from(dice >> 32).unwrap_or_default() % below
        };
        for round in 0..300 {
            let mut body = b"--b\r\nContent-Disposition: form-data; name=\"source\"; filename=\"a.jpg\"\r\n\r\n".to_vec();
            let signs = if round % 2 == 0 { 256 } else { 9 };
            let length = roll(30_000);
            body.extend((0..length).map(|_| u8::try_from(roll(signs)).unwrap_or_default()));
            let head = STEERING[roll(STEERING.len())];
            // Right behind it, also: Rack takes the name from anywhere in a line.
            let before = if round % 3 == 0 && !head.starts_with("Content-Type") { "" } else { "\r\n--b\r\n" };
            body.extend_from_slice(format!("{before}{head}\r\n\r\ndelete\r\n--b--\r\n").as_bytes());
            let (mut parts, piece) = (Parts::default(), 1 + roll(5_000));
            assert!(body.chunks(piece).any(|piece| parts.why_not(piece, &["batch"]).is_some()), "round {round}: {head}");
        }
    }
}
