//! NT-15 over the whole suite: whatever any test starts, nothing it leaves behind or answers holds a token of a simulated network.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use tempfile::TempDir;

/// Digits of a token that are looked for together.
const PART: usize = 16;
/// No test has a simulated network make more.
const TOKENS_MAX: usize = 20_000;

/// Each half of each token that a simulated network makes.
static PARTS: LazyLock<HashSet<Vec<u8>>> = LazyLock::new(|| {
    let tokens = sandbox::World::canaries().take(TOKENS_MAX).map(String::into_bytes);
    tokens.flat_map(|token| token.chunks(PART).map(<[u8]>::to_vec).collect::<Vec<_>>()).collect()
});

/// Where a part of a token stands, if one does.
pub(crate) fn found(bytes: &[u8]) -> Option<usize> {
    let mut digits = 0;
    for (at, byte) in bytes.iter().enumerate() {
        digits = if matches!(byte, b'0'..=b'9' | b'a'..=b'f') { digits + 1 } else { 0 };
        if digits >= PART && PARTS.contains(&bytes[at + 1 - PART..=at]) {
            return Some(at + 1 - PART);
        }
    }
    None
}

/// What a process leaves behind: what it said, and its temporary files (a demo's database, spool and keys among them).
pub(crate) struct Left {
    pub(crate) folder: TempDir,
    said: PathBuf,
}

impl Left {
    /// By a process that says what it has to say in a file of its own, or in one here.
    pub(crate) fn new(own: Option<&Path>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let said = own.map_or_else(|| folder.path().join("said"), Path::to_owned);
        Self { folder, said }
    }

    /// The file for what it says.
    pub(crate) fn said(&self) -> std::fs::File {
        std::fs::File::create(&self.said).unwrap()
    }

    /// Its warnings and errors, for whoever wonders why a test failed.
    pub(crate) fn warnings(&self) -> String {
        let said = std::fs::read(&self.said).unwrap_or_default();
        let said = String::from_utf8_lossy(&said);
        let loud = |line: &&str| !["INFO", "DEBUG", "TRACE"].iter().any(|level| line.contains(level));
        said.lines().filter(loud).map(|line| format!("{line}\n")).collect()
    }

    /// Which file holds a part of a token.
    pub(crate) fn tells(&self) -> Option<String> {
        let mut waiting = vec![self.folder.path().to_owned()];
        let mut files = vec![self.said.clone()];
        while let Some(folder) = waiting.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                if entry.path().is_dir() { waiting.push(entry.path()) } else { files.push(entry.path()) }
            }
        }
        files.into_iter().find_map(|file| {
            let bytes = std::fs::read(&file).unwrap_or_default();
            let at = found(&bytes)?;
            let around = String::from_utf8_lossy(&bytes[at.saturating_sub(120)..(at + 60).min(bytes.len())]).into_owned();
            Some(format!("{}: …{around}…", file.display()))
        })
    }
}

#[test]
fn a_token_is_found_wherever_it_stands_and_nothing_else_is() {
    let token = sandbox::World::canaries().nth(41).unwrap();
    for text in [
        format!("act.{token}"),
        format!("\"AQ{token}\""),
        format!("%22{token}%22"),
        format!("{}…", &token[..16]),
        format!("…{}", &token[16..]),
    ] {
        assert!(found(text.as_bytes()).is_some(), "{text}");
    }
    for text in [token[..15].to_owned(), "0123456789abcdef".repeat(4), "prf_01a22460785e733c9e80d3671b82e759".into()] {
        assert_eq!(found(text.as_bytes()), None, "{text}");
    }
    let left = Left::new(None);
    std::fs::create_dir(left.folder.path().join("data")).unwrap();
    std::fs::write(left.folder.path().join("data/one.db"), [b"\0\x01".as_slice(), token.as_bytes()].concat()).unwrap();
    assert!(left.tells().is_some_and(|told| told.contains("one.db")));
}
