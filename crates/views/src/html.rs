//! Text made safe: escaping, and names from networks cleaned for places that cannot hold markup.

use std::fmt;

/// HTML that is already safe: templates print it as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Html(pub(crate) String);

impl fmt::Display for Html {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl askama::filters::HtmlSafe for Html {}

/// Escapes text for element content and quoted attributes, with the same entities as the templates.
pub(crate) fn escape_into(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '<' => out.push_str("&#60;"),
            '>' => out.push_str("&#62;"),
            '&' => out.push_str("&#38;"),
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
}

/// Escaped text.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    escape_into(&mut out, text);
    out
}

/// Text for places without markup (titles, attributes, mail subjects, plain text): control characters become spaces, the
/// characters that change the direction of what follows are dropped.
pub(crate) fn plain(text: &str) -> String {
    let kept =
        text.chars().filter(|c| !matches!(c, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'));
    kept.map(|c| if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') { ' ' } else { c }).collect()
}

/// The first letters of the first two words, for a picture that is missing.
pub(crate) fn initials(name: &str) -> String {
    let letters = plain(name);
    let words = letters.split_whitespace().filter_map(|word| word.chars().find(|c| c.is_alphanumeric()));
    let initials: String = words.take(2).flat_map(char::to_uppercase).collect();
    if initials.is_empty() { "?".to_owned() } else { initials }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn initials_of_anything() {
        assert_eq!(initials("Alpenblick Reisen GmbH"), "AR");
        assert_eq!(initials("  <script> "), "S");
        assert_eq!(initials("\u{202e}"), "?");
        assert_eq!(initials("ßeta"), "SS");
    }

    #[test]
    fn plain_text_is_one_line_and_runs_one_way() {
        assert_eq!(plain("a\u{202e}b\r\nc\u{2028}d"), "ab  c d");
    }
}
