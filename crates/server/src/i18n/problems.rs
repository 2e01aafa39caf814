//! What goes wrong, in the language of whoever reads the page. The code says it in English, as tools read it; here stands the same for
//! people who read German.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::Lang;
use crate::error::Problem;

static DE: LazyLock<BTreeMap<String, String>> = LazyLock::new(|| toml::from_str(include_str!("problems.de.toml")).unwrap_or_default());

impl Lang {
    /// What a problem says to people. What has no words in this language is said in English.
    pub fn problem(self, problem: &Problem) -> String {
        let said = problem.detail.as_str();
        let translated = match self {
            Self::En => None,
            Self::De => DE.get(said).cloned().or_else(|| closest(said)),
        };
        translated.unwrap_or_else(|| sentence(problem).to_owned())
    }
}

/// Tools read the name of a field before what is wrong with it. Before a whole sentence, people have no use for it.
fn sentence(problem: &Problem) -> &str {
    let said = problem.detail.as_str();
    let after = problem.more["field"].as_str().and_then(|field| said.strip_prefix(field)?.strip_prefix(": "));
    after.filter(|rest| rest.starts_with(char::is_uppercase)).unwrap_or(said)
}

/// The sentence with holes that says most of it: of two that fit, the longer one.
fn closest(said: &str) -> Option<String> {
    let fits = DE.iter().filter_map(|(pattern, german)| Some((pattern.len(), german, filling(pattern, said)?)));
    let (_, german, filling) = fits.max_by_key(|(length, ..)| *length)?;
    Some(filling.into_iter().fold(german.clone(), |text, value| text.replacen("{}", value, 1)))
}

/// What stands in the holes of a sentence; `None` where it is another sentence.
fn filling<'a>(pattern: &str, said: &'a str) -> Option<Vec<&'a str>> {
    let mut parts = pattern.split("{}");
    let mut rest = said.strip_prefix(parts.next()?)?;
    let mut found = vec![];
    let mut parts = parts.peekable();
    while let Some(part) = parts.next() {
        // The last words stand at the end, and before that the nearest ones count.
        let at = if parts.peek().is_none() { rest.len().checked_sub(part.len())? } else { rest.find(part)? };
        if !rest.is_char_boundary(at) || &rest[at..at + part.len()] != part {
            return None;
        }
        found.push(&rest[..at]);
        rest = &rest[at + part.len()..];
    }
    rest.is_empty().then_some(found)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn problems_are_said_in_german_with_what_differs_in_its_place() {
        let said = |detail: &str| Lang::De.problem(&Problem::forbidden(detail));
        assert_eq!(said("ids: choose 1 to 200 profiles"), "Wählen Sie 1 bis 200 Profile.");
        assert_eq!(said("Example refused it: no: not {} you"), "Example hat es abgelehnt: no: not {} you");
        assert_eq!(
            said(
                "url: cannot be used: a.example leads to a private or reserved address; an operator can allow it in server.allow_private_networks"
            ),
            "Die Adresse kann nicht benutzt werden: a.example führt zu einer privaten oder vorbehaltenen Adresse; ein Betreiber kann sie in \
             server.allow_private_networks erlauben."
        );
        assert_eq!(said("something that nobody translated"), "something that nobody translated");
        let about = |words: &str| Lang::En.problem(&Problem::field("media", words));
        assert_eq!(about("Net needs one film."), "Net needs one film.", "a whole sentence stands alone");
        assert_eq!(about("give url or data"), "media: give url or data");
        assert_eq!(Lang::En.problem(&Problem::not_found()), Problem::not_found().detail);
        assert_ne!(Lang::De.problem(&Problem::not_found()), Problem::not_found().detail);
    }

    fn code(folder: &Path, all: &mut String) {
        for entry in std::fs::read_dir(folder).expect("our own code").flatten() {
            let path = entry.path();
            if path.is_dir() {
                code(&path, all);
            } else if path.extension().is_some_and(|ending| ending == "rs") && !path.ends_with("i18n/problems.rs") {
                all.push_str(&std::fs::read_to_string(path).expect("text"));
            }
        }
    }

    /// Words that were changed in the code would be said in English again, and nobody would notice.
    #[test]
    fn each_of_them_stands_in_the_code() {
        let mut all = String::new();
        for folder in ["src", "../lifecycle/src"] {
            code(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut all);
        }
        let all = all.replace("\\\"", "\"");
        assert!(DE.len() > 40, "{}", DE.len());
        for (english, german) in &*DE {
            assert!(german.matches("{}").count() <= english.matches("{}").count(), "{english}");
            let what = english.split_once(": ").map_or(english.as_str(), |(_, what)| what);
            let whole = english.split("{}").all(|part| all.contains(part));
            assert!(whole || what.split("{}").all(|part| all.contains(part)), "not in the code: {english}");
        }
    }
}
