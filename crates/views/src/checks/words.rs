//! Both languages have the same keys and placeholders; what templates and code say exists; what exists is said.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::kinds::{
    AbilityKind, CauseKind, ClockKind, ClockSourceKind, ConfidenceKind, HistoryKind, PermissionKind, ProfileKind, RoleKind, SourceKind,
    StatusKind, TokenStateKind,
};
use crate::words::{Lang, words};

fn placeholders(text: &str) -> BTreeSet<&str> {
    text.split('{').skip(1).filter_map(|part| part.split_once('}')).map(|(name, _)| name).collect()
}

#[test]
fn both_languages_have_the_same_keys_and_placeholders() {
    let (en, de) = (words(Lang::En), words(Lang::De));
    let keys = |words: crate::words::Words| words.keys().collect::<BTreeSet<_>>();
    assert_eq!(keys(en).difference(&keys(de)).collect::<Vec<_>>(), Vec::<&&str>::new(), "missing in German");
    assert_eq!(keys(de).difference(&keys(en)).collect::<Vec<_>>(), Vec::<&&str>::new(), "missing in English");
    for key in en.keys() {
        assert_eq!(placeholders(en.get(key)), placeholders(de.get(key)), "{key}");
        for text in [en.get(key), de.get(key)] {
            assert!(!text.trim().is_empty() && text == text.trim(), "{key}: {text:?}");
            assert!(!text.contains('<') && !text.contains("  "), "{key}: {text:?}");
        }
    }
}

/// Keys that come from kinds.
fn from_kinds() -> BTreeSet<String> {
    let mut keys: BTreeSet<String> = BTreeSet::new();
    keys.extend(StatusKind::ALL.iter().map(|kind| kind.key().to_owned()));
    keys.extend(ConfidenceKind::ALL.iter().map(|kind| kind.key().to_owned()));
    keys.extend(SourceKind::ALL.iter().map(|kind| kind.key().to_owned()));
    keys.extend(ProfileKind::ALL.iter().map(|kind| kind.key().to_owned()));
    keys.extend(AbilityKind::ALL.iter().map(|kind| kind.key().to_owned()));
    keys.extend(ClockSourceKind::ALL.iter().map(|kind| kind.key().to_owned()));
    keys.extend(RoleKind::ALL.iter().map(|kind| kind.key().to_owned()));
    keys.extend(PermissionKind::ALL.iter().map(|kind| kind.key().to_owned()));
    keys.extend(HistoryKind::ALL.iter().map(|kind| kind.key().to_owned()));
    for kind in CauseKind::ALL {
        keys.extend(["title", "what", "todo"].map(|part| format!("cause.{}.{part}", kind.as_str())));
    }
    keys.extend(TokenStateKind::ALL.iter().flat_map(|kind| ["title", "text"].map(|part| format!("token_state.{}.{part}", kind.as_str()))));
    keys.extend(ClockKind::ALL.iter().flat_map(|kind| ["title", "text"].map(|part| format!("clock.{}.{part}", kind.as_str()))));
    keys
}

/// Everything in quotes in templates and code that has the form of a key.
fn quoted(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).expect("a folder of this crate") {
        let path = entry.expect("an entry").path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "checks" && name != "snapshots") {
            quoted(&path, found);
        } else if path.is_file() {
            let text = fs::read_to_string(&path).expect("a text file");
            let pieces = text
                .split('"')
                .filter(|piece| piece.contains('.') && piece.bytes().all(|b| b.is_ascii_lowercase() || matches!(b, b'.' | b'_')));
            found.extend(pieces.map(str::to_owned));
        }
    }
}

#[test]
fn what_is_said_exists_and_what_exists_is_said() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut said = BTreeSet::new();
    quoted(&root.join("templates"), &mut said);
    quoted(&root.join("src"), &mut said);
    let kinds = from_kinds();
    let exists: BTreeSet<&str> = words(Lang::En).keys().collect();
    for key in &kinds {
        assert!(exists.contains(key.as_str()), "a kind has no words: {key}");
    }
    let sections: BTreeSet<&str> = exists.iter().filter_map(|key| key.split('.').next()).collect();
    let events: BTreeSet<&str> = HistoryKind::ALL.iter().map(|kind| kind.as_str()).collect();
    for key in &said {
        let one_of_ours = key.split('.').next().is_some_and(|section| sections.contains(section));
        let by_number = exists.contains(format!("{key}.one").as_str()) && exists.contains(format!("{key}.other").as_str());
        let no_key = events.contains(key.as_str()) || key == "profile.something_new" || key.ends_with(".html");
        assert!(!one_of_ours || exists.contains(key.as_str()) || by_number || no_key, "no words for {key}");
    }
    for key in exists {
        let base = key.strip_suffix(".one").or_else(|| key.strip_suffix(".other"));
        assert!(said.contains(key) || kinds.contains(key) || base.is_some_and(|base| said.contains(base)), "nobody says {key}");
    }
}
