//! Tags: short words of an organisation's own on its profiles. A tag exists while a profile has it.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// The most characters of a tag.
pub const TAG_MAX: usize = 40;
/// The most tags of a profile.
pub const TAGS_MAX: usize = 20;

/// A tag: 1 to 40 letters and digits of any language, `-`, `_` and `.`; shown as it was written, compared without case.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Tag {
    shown: String,
    key: String,
}

impl Tag {
    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.shown
    }

    /// What it is compared by: the same for every way to write it.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Reads tags as people type them, between commas or spaces, each once and in their order.
    ///
    /// # Errors
    /// The first of them that is no tag, or that there are more than a profile may have.
    pub fn read_all(typed: &str) -> Result<Vec<Self>, NotATag> {
        let words = typed.split(|c: char| c == ',' || c.is_whitespace()).filter(|word| !word.is_empty());
        Self::some(words.map(str::parse).collect::<Result<_, _>>()?)
    }

    /// As many as a profile may have, each once and in their order.
    ///
    /// # Errors
    /// There are more.
    pub fn some(mut tags: Vec<Self>) -> Result<Vec<Self>, NotATag> {
        tags.sort();
        tags.dedup();
        if tags.len() > TAGS_MAX { Err(NotATag::TooMany) } else { Ok(tags) }
    }
}

impl PartialEq for Tag {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for Tag {}

impl Hash for Tag {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key.hash(state);
    }
}

impl Ord for Tag {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key.cmp(&other.key)
    }
}

impl PartialOrd for Tag {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl FromStr for Tag {
    type Err = NotATag;

    fn from_str(text: &str) -> Result<Self, NotATag> {
        // Composed: the same letter comes from one keyboard as one character and from another one as two.
        let shown: String = text.nfc().collect();
        // Marks belong to the letters of many scripts, and stand behind them.
        let belongs = |c: char| c.is_alphanumeric() || is_combining_mark(c) || matches!(c, '-' | '_' | '.');
        let fits = shown.chars().all(|c| belongs(c) && !is_unseen(c)) && !shown.starts_with(is_combining_mark);
        if !fits || !(1..=TAG_MAX).contains(&shown.chars().count()) {
            return Err(NotATag::Text(text.chars().take(TAG_MAX).collect()));
        }
        let key = shown.to_lowercase().nfc().collect();
        Ok(Self { shown, key })
    }
}

/// Letters and marks that nobody sees, so that two tags would look the same (Unicode's `Default_Ignorable_Code_Point`).
const fn is_unseen(c: char) -> bool {
    matches!(c, '\u{34f}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{ffa0}' | '\u{e0000}'..='\u{e0fff}')
}

impl TryFrom<String> for Tag {
    type Error = NotATag;

    fn try_from(text: String) -> Result<Self, NotATag> {
        text.parse()
    }
}

impl From<Tag> for String {
    fn from(tag: Tag) -> Self {
        tag.shown
    }
}

/// Why something is no tag, or too much of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotATag {
    /// This text, cut, is not one.
    Text(String),
    /// A profile has fewer.
    TooMany,
}

impl fmt::Display for NotATag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "\"{text}\" is not a tag: 1 to {TAG_MAX} letters and digits, \"-\", \"_\" and \".\""),
            Self::TooMany => write!(f, "a profile has {TAGS_MAX} tags at most"),
        }
    }
}

impl std::error::Error for NotATag {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tag(text: &str) -> Tag {
        text.parse().unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn a_tag_is_a_word_of_any_language() {
        for word in ["launch", "Q4-2026", "v1.2_b", "Frühling", "हिन्दी", "日本語", "ｗｉｄｅ", "-", &"ü".repeat(40)] {
            assert_eq!(tag(word).as_str(), word);
        }
        for wrong in [
            "",
            "two words",
            "a,b",
            "a=b",
            "a/b",
            "<b>",
            "a\u{0}",
            "a\u{200b}b",
            "a\u{fe0f}",
            "\u{3164}",
            "a\u{e0100}",
            "\u{308}a",
            "🙂",
            "#a",
            &"x".repeat(41),
        ] {
            assert!(wrong.parse::<Tag>().is_err(), "{wrong:?}");
        }
        let decomposed = "Fru\u{308}hling".repeat(5);
        assert_eq!(tag(&decomposed).as_str().chars().count(), 40, "counted as it is seen");
    }

    #[test]
    fn case_and_composition_make_no_other_tag() {
        assert_eq!(tag("Ärger"), tag("ÄRGER"));
        assert_eq!(tag("A\u{308}rger"), tag("ärger"));
        assert_ne!(tag("arger"), tag("ärger"));
        let all = Tag::read_all(" Beta, alpha  BETA,,").map(|tags| tags.iter().map(Tag::to_string).collect::<Vec<_>>());
        assert_eq!(all, Ok(vec!["alpha".to_owned(), "Beta".to_owned()]), "as first written");
        let many: Vec<String> = (0..=TAGS_MAX).map(|n| format!("t{n}")).collect();
        assert_eq!(Tag::read_all(&many.join(",")), Err(NotATag::TooMany));
        assert!(Tag::read_all(&many[1..].join(" ")).is_ok());
    }

    proptest! {
        #[test]
        fn what_is_read_is_read_again(text in "\\PC{0,45}") {
            if let Ok(tag) = text.parse::<Tag>() {
                let again: Tag = tag.to_string().parse()?;
                prop_assert_eq!((again.as_str(), again.key()), (tag.as_str(), tag.key()));
                let of_key = tag.key().parse::<Tag>();
                prop_assert!(tag.key().chars().count() > TAG_MAX || of_key == Ok(tag));
            }
        }
    }
}
