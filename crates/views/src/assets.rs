//! Style, script and pictures, embedded. File names are stable; browsers keep them by etag.

use std::sync::LazyLock;

/// A file for browsers.
#[derive(Debug, Clone, Copy)]
pub struct Asset {
    /// The `Content-Type`.
    pub content_type: &'static str,
    /// The content.
    pub bytes: &'static [u8],
    /// The `ETag`, quotes included.
    pub etag: &'static str,
}

const CSS: &str = concat!(
    include_str!("../assets/css/tokens.css"),
    include_str!("../assets/css/base.css"),
    include_str!("../assets/css/frame.css"),
    include_str!("../assets/css/parts.css"),
    include_str!("../assets/css/pages.css"),
);

/// Name, content type, content.
const FILES: &[(&str, &str, &[u8])] = &[
    ("staygreen.css", "text/css; charset=utf-8", CSS.as_bytes()),
    ("staygreen.js", "text/javascript; charset=utf-8", include_bytes!("../assets/staygreen.js")),
    ("icons.svg", "image/svg+xml", include_bytes!("../assets/icons.svg")),
    ("favicon.svg", "image/svg+xml", include_bytes!("../assets/favicon.svg")),
];

static ETAGS: LazyLock<Vec<String>> = LazyLock::new(|| FILES.iter().map(|(_, _, bytes)| format!("\"{:016x}\"", fnv1a(bytes))).collect());

/// FNV-1a, 64 bit: tells versions of our own files apart; nothing secret hangs on it.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// The file of that name: what follows `/assets/` in the address.
pub fn find(path: &str) -> Option<Asset> {
    let place = FILES.iter().position(|(name, _, _)| *name == path)?;
    let (_, content_type, bytes) = FILES[place];
    Some(Asset { content_type, bytes, etag: ETAGS[place].as_str() })
}

/// The names of all files.
pub fn names() -> impl Iterator<Item = &'static str> {
    FILES.iter().map(|(name, _, _)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_by_their_exact_name() {
        for name in names() {
            assert!(!find(name).expect("listed").bytes.is_empty(), "{name}");
        }
        assert!(find("../Cargo.toml").is_none());
        assert!(find("").is_none());
        assert_ne!(find("staygreen.css").expect("css").etag, find("staygreen.js").expect("js").etag);
    }

    #[test]
    fn both_dark_palettes_are_the_same() {
        let blocks: Vec<String> =
            CSS.split("/* dark */").skip(1).map(|part| part.split("/* end */").next().unwrap_or("").split_whitespace().collect()).collect();
        assert_eq!(blocks.len(), 2);
        assert_eq!(blocks[0], blocks[1]);
    }
}
