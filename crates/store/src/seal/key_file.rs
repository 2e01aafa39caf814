//! The key file while it changes: a new key is put into it in one step, and no key is ever taken out by us.

use std::io::Write as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use super::{KeyFileError, KeyLine, Keyring, random_key, sync_folder_of};

/// What a change of the key file came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// The key that seals from now on.
    pub seals: String,
    /// A key that only opens as yet, put in by [`prepare`].
    pub prepared: Option<String>,
}

/// A key line with its number: our keys are called `k1`, `k2` …
struct Known<'a> {
    line: &'a str,
    id: String,
}

fn known(text: &str) -> Vec<Known<'_>> {
    let lines = text.lines().filter(|line| !line.trim().is_empty() && !line.trim().starts_with('#'));
    lines.filter_map(|line| Some(Known { line, id: serde_json::from_str::<KeyLine>(line).ok()?.id })).collect()
}

fn number(id: &str) -> u32 {
    id.strip_prefix('k').and_then(|number| number.parse().ok()).unwrap_or(0)
}

fn fresh(keys: &[Known<'_>]) -> (String, Zeroizing<String>) {
    let id = format!("k{}", keys.iter().map(|key| number(&key.id)).max().unwrap_or(0) + 1);
    let line = KeyLine { id: id.clone(), secret: Zeroizing::new(URL_SAFE_NO_PAD.encode(random_key().as_ref())) };
    (id, Zeroizing::new(serde_json::to_string(&line).expect("a line of text is JSON")))
}

/// Adds a key that opens and does not seal yet: for several servers, which all have to know it before one of them seals with it.
///
/// # Errors
/// The key file cannot be used.
pub fn prepare(path: &Path) -> Result<Changed, KeyFileError> {
    change(path, |keys| {
        if let Some(waiting) = waiting(keys) {
            let prepared = Some(keys[waiting].id.clone());
            return (keys.iter().map(|key| Zeroizing::new(key.line.to_owned())).collect(), prepared);
        }
        let (id, line) = fresh(keys);
        let lines = keys.iter().map(|key| Zeroizing::new(key.line.to_owned())).chain([line]);
        (lines.collect(), Some(id))
    })
}

/// Puts a new key first, or the one that was prepared: from the next start it seals, and the others only open.
///
/// # Errors
/// The key file cannot be used.
pub fn rotate(path: &Path) -> Result<Changed, KeyFileError> {
    change(path, |keys| {
        let kept = |skip: Option<usize>| {
            let others = keys.iter().enumerate().filter(move |(n, _)| Some(*n) != skip);
            others.map(|(_, key)| Zeroizing::new(key.line.to_owned()))
        };
        let lines = match waiting(keys) {
            Some(n) => [Zeroizing::new(keys[n].line.to_owned())].into_iter().chain(kept(Some(n))).collect(),
            None => [fresh(keys).1].into_iter().chain(kept(None)).collect(),
        };
        (lines, None)
    })
}

/// Which key is newer than the one that seals.
fn waiting(keys: &[Known<'_>]) -> Option<usize> {
    let seals = keys.first().map_or(0, |key| number(&key.id));
    let newer = keys.iter().enumerate().filter(|(_, key)| number(&key.id) > seals);
    newer.max_by_key(|(_, key)| number(&key.id)).map(|(n, _)| n)
}

type Lines = Vec<Zeroizing<String>>;

fn change(path: &Path, decide: impl FnOnce(&[Known<'_>]) -> (Lines, Option<String>)) -> Result<Changed, KeyFileError> {
    // Whatever is wrong with it is said as it would be at a start.
    Keyring::open_or_create(path)?;
    let shown = path.display().to_string();
    let unusable = |error: std::io::Error| KeyFileError::Unusable { path: shown.clone(), why: error.to_string() };
    let text = Zeroizing::new(std::fs::read_to_string(path).map_err(unusable)?);
    let (lines, prepared) = decide(&known(&text));
    let comments = text.lines().filter(|line| line.trim().starts_with('#'));
    let mut fresh = Zeroizing::new(comments.map(|line| format!("{line}\n")).collect::<String>());
    for line in &lines {
        fresh.push_str(line);
        fresh.push('\n');
    }
    let seals = Keyring::parse(&fresh).map_err(|why| KeyFileError::Damaged { path: shown.clone(), why })?.seals_with().to_owned();
    let beside = path.with_extension("new");
    let mut options = std::fs::File::options();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&beside).map_err(unusable)?;
    file.write_all(fresh.as_bytes()).and_then(|()| file.sync_all()).map_err(unusable)?;
    // The old file or the new one, whenever the power goes.
    std::fs::rename(&beside, path).map_err(unusable)?;
    sync_folder_of(path).map_err(unusable)?;
    Ok(Changed { seals, prepared })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::{Context, SealError};

    const HERE: Context<'static> = Context { table: "grants", column: "sealed_tokens", row: "1", organisation: "o", generation: None };

    #[test]
    fn a_new_key_seals_and_the_old_ones_still_open() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("keys.toml");
        let first = Keyring::open_or_create(&path).expect("made");
        let sealed = first.seal(&HERE, b"x");
        assert_eq!(rotate(&path).expect("rotated"), Changed { seals: "k2".into(), prepared: None });
        let second = Keyring::open_or_create(&path).expect("read");
        assert_eq!((second.seals_with(), second.open(&HERE, &sealed).is_ok()), ("k2", true));
        assert_eq!(first.open(&HERE, &second.seal(&HERE, b"y")).err(), Some(SealError::UnknownKey));
        assert!(std::fs::read_to_string(&path).expect("text").starts_with("# "), "the words at its head stay");

        // Several servers: first all of them learn the key, then it seals.
        let prepared = prepare(&path).expect("prepared");
        assert_eq!(prepared, Changed { seals: "k2".into(), prepared: Some("k3".into()) });
        assert_eq!(prepare(&path).expect("once"), prepared);
        let told = Keyring::open_or_create(&path).expect("read");
        assert_eq!(rotate(&path).expect("rotated").seals, "k3");
        let third = Keyring::open_or_create(&path).expect("read");
        assert!(told.open(&HERE, &third.seal(&HERE, b"z")).is_ok(), "who knew it beforehand opens what it seals");
        assert!(third.open(&HERE, &sealed).is_ok());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(std::fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
        }
    }
}
