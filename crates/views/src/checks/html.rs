//! A reader for the HTML we write: tags and texts in order. It fails on anything that is not closed as it was opened.

/// A piece of a document.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// An opening tag with its attributes.
    Open { name: String, attributes: Vec<(String, String)>, inside: Vec<String> },
    /// Text between tags, as it stands in the document.
    Text { text: String, inside: Vec<String> },
}

impl Piece {
    /// The value of an attribute of an opening tag.
    pub(super) fn attribute(&self, wanted: &str) -> Option<&str> {
        let Self::Open { attributes, .. } = self else { return None };
        attributes.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str())
    }

    /// Whether it opens an element of that name.
    pub(super) fn is(&self, wanted: &str) -> bool {
        matches!(self, Self::Open { name, .. } if name == wanted)
    }
}

/// Elements that are never closed.
const VOID: &[&str] = &["meta", "link", "input", "img", "br", "hr"];

/// Reads a document. Panics, naming the place, where it is not well formed.
pub(super) fn read(name: &str, html: &str) -> Vec<Piece> {
    let mut pieces = vec![];
    let mut open: Vec<String> = vec![];
    let mut rest = html.trim_start_matches("<!doctype html>");
    while let Some((text, tail)) = rest.split_once('<') {
        if !text.trim().is_empty() {
            pieces.push(Piece::Text { text: text.trim().to_owned(), inside: open.clone() });
        }
        let end = end_of_tag(tail).unwrap_or_else(|| panic!("{name}: a tag is not closed at {tail:.60}"));
        let tag = &tail[..end];
        rest = &tail[end + 1..];
        if let Some(closed) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(closed), "{name}: </{closed}> closes something else, inside {open:?}");
            continue;
        }
        let (tag, itself) = tag.strip_suffix('/').map_or((tag, false), |tag| (tag, true));
        let (element, attributes) = tag.split_once(char::is_whitespace).unwrap_or((tag, ""));
        pieces.push(Piece::Open { name: element.to_owned(), attributes: attributes_of(name, attributes), inside: open.clone() });
        if !itself && !VOID.contains(&element) {
            open.push(element.to_owned());
        }
    }
    assert!(open.is_empty(), "{name}: not closed: {open:?}");
    pieces
}

fn end_of_tag(text: &str) -> Option<usize> {
    let mut quoted = false;
    text.char_indices().find_map(|(place, c)| {
        quoted ^= c == '"';
        (c == '>' && !quoted).then_some(place)
    })
}

fn attributes_of(name: &str, text: &str) -> Vec<(String, String)> {
    let mut found = vec![];
    let mut rest = text.trim();
    while !rest.is_empty() {
        let end = rest.find(|c: char| c == '=' || c.is_whitespace()).unwrap_or(rest.len());
        let key = rest[..end].to_owned();
        rest = rest[end..].trim_start();
        let mut value = String::new();
        if let Some(tail) = rest.strip_prefix("=\"") {
            let (inner, after) = tail.split_once('"').unwrap_or_else(|| panic!("{name}: attribute {key} is not closed"));
            value.push_str(inner);
            rest = after.trim_start();
        }
        assert!(!found.iter().any(|(known, _)| *known == key), "{name}: attribute {key} stands twice in {text}");
        found.push((key, value));
    }
    found
}
