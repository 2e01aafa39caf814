//! Words for people in English and German. One file per language; a test keeps the two in step.

pub mod alarms;
mod problems;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use axum::http::{HeaderMap, header};

/// A language we speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lang {
    /// English.
    En,
    /// German.
    De,
}

/// Stands where words are missing; no page of a test may show it.
pub const MISSING: &str = "[no words]";

type Words = BTreeMap<String, String>;

static EN: LazyLock<Words> = LazyLock::new(|| read(include_str!("en.toml")));
static DE: LazyLock<Words> = LazyLock::new(|| read(include_str!("de.toml")));

fn read(text: &str) -> Words {
    toml::from_str(text).unwrap_or_default()
}

impl Lang {
    /// The language of a code; English for everything we do not speak.
    pub fn from_code(code: &str) -> Self {
        if code.to_ascii_lowercase().starts_with("de") { Self::De } else { Self::En }
    }

    /// The language a browser prefers.
    pub fn from_headers(headers: &HeaderMap) -> Self {
        let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        Self::from_code(accepted.split(',').next().unwrap_or_default().trim())
    }

    /// `en` or `de`.
    pub const fn code(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::De => "de",
        }
    }

    /// The words under a key; [`MISSING`] when there are none.
    pub fn t(self, key: &str) -> &'static str {
        let words = match self {
            Self::En => &*EN,
            Self::De => &*DE,
        };
        words.get(key).map_or(MISSING, String::as_str)
    }

    /// The same with `{name}` filled in.
    pub fn fill(self, key: &str, values: &[(&str, &str)]) -> String {
        filled(self.t(key), values)
    }

    /// The same about a number of things, `{n}`: where there is a sentence for one (`key.one`), it is said of one.
    pub fn count(self, key: &str, n: usize, values: &[(&str, &str)]) -> String {
        let of_one = format!("{key}.one");
        let key = if n == 1 && self.t(&of_one) != MISSING { &of_one } else { key };
        let number = n.to_string();
        let all: Vec<(&str, &str)> = values.iter().copied().chain([("n", number.as_str())]).collect();
        self.fill(key, &all)
    }

    /// Picks the sentence in this language.
    pub fn pick<'a>(self, en: &'a str, de: &'a str) -> &'a str {
        match self {
            Self::En => en,
            Self::De => de,
        }
    }
}

/// A sentence with its holes filled.
pub fn filled(sentence: &str, values: &[(&str, &str)]) -> String {
    values.iter().fold(sentence.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holes(text: &str) -> Vec<&str> {
        let mut found: Vec<&str> = text.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name).collect();
        found.sort_unstable();
        found
    }

    #[test]
    fn both_languages_say_the_same_things() {
        assert!(
            EN.len() > 100 && EN.keys().eq(DE.keys()),
            "keys differ: {:?}",
            EN.keys().filter(|key| !DE.contains_key(*key)).chain(DE.keys().filter(|key| !EN.contains_key(*key))).collect::<Vec<_>>()
        );
        for (key, en) in &*EN {
            assert_eq!(holes(en), holes(&DE[key]), "{key}");
        }
    }

    #[test]
    fn every_permission_and_role_has_words() {
        for act in lifecycle::permission::Act::ALL {
            assert!(EN.contains_key(&format!("act.{act}")), "{act}");
        }
        for role in lifecycle::permission::Role::ALL {
            assert!(EN.contains_key(&format!("role.{role}")), "{role}");
        }
    }

    #[test]
    fn every_cause_and_status_has_words() {
        for cause in lifecycle::words::Cause::ALL {
            for part in ["title", "happened", "todo"] {
                let key = format!("cause.{cause}.{part}");
                assert!(EN.contains_key(&key), "{key}");
            }
        }
        for status in lifecycle::status::Status::ALL {
            assert!(EN.contains_key(&format!("status.{status}")), "{status}");
        }
    }
}
