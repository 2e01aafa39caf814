//! Sealing of secrets: AES-256-GCM with a fresh data key per record, itself sealed with a key-encryption key of the key
//! file. The ciphertext is bound to format, key id, table, column, row, organisation and generation: moved anywhere else it
//! does not open (NT-16, NT-17). The only place where a token becomes bytes or bytes a token.

pub mod key_file;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

use aws_lc_rs::aead::{AES_256_GCM, Aad, RandomizedNonceKey};
use aws_lc_rs::{constant_time, digest as sha, rand};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lifecycle::secret::{Secret, TokenSet, TokenType};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// Layout: format (1), length of key id (1), key id, nonce+sealed data key+tag (12+32+16), nonce+ciphertext+tag.
const FORMAT: u8 = 1;
const KEY_LEN: usize = 32;
const SEALED_KEY_LEN: usize = 12 + KEY_LEN + 16;

/// A sealed value does not open.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Not in our layout.
    #[error("not a sealed value")]
    Malformed,
    /// Sealed with a key that is not in the key file.
    #[error("sealed with a key that is not in the key file")]
    UnknownKey,
    /// Changed, or moved from another row.
    #[error("changed, or moved from another row")]
    Forged,
}

/// The key file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// It cannot be read or made.
    #[error("the key file {path} cannot be used: {why}")]
    Unusable {
        /// Which file.
        path: String,
        /// The system's words.
        why: String,
    },
    /// Others can read it.
    #[error("the key file {0} can be read by others; run: chmod 600 {0}")]
    TooOpen(String),
    /// Its content is not a key file.
    #[error("the key file {path} is damaged: {why}. Restore it from your backup; without it the stored tokens cannot be opened")]
    Damaged {
        /// Which file.
        path: String,
        /// What is wrong.
        why: String,
    },
}

/// Where a sealed value lives.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The table.
    pub table: &'static str,
    /// The column.
    pub column: &'static str,
    /// The row's id.
    pub row: &'a str,
    /// The tenant.
    pub organisation: &'a str,
    /// Which token set of a grant; `None` where a row has one value only. An older token set put back in place of the
    /// present one does not open.
    pub generation: Option<i64>,
}

impl Context<'_> {
    /// Lengths before the parts: no two contexts give the same bytes.
    fn bytes(&self, key_id: &str) -> Vec<u8> {
        let mut bytes = vec![FORMAT];
        for part in [key_id, self.table, self.column, self.row, self.organisation] {
            bytes.extend(u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
            bytes.extend(part.as_bytes());
        }
        bytes.extend(self.generation.iter().flat_map(|generation| generation.to_be_bytes()));
        bytes
    }
}

struct Key {
    id: String,
    key: RandomizedNonceKey,
}

/// The key-encryption keys: the first seals, all open.
pub struct Keyring(Vec<Key>);

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(|key| &key.id)).finish()
    }
}

#[derive(Serialize, Deserialize)]
struct KeyLine {
    id: String,
    secret: Zeroizing<String>,
}

const KEY_FILE_HEAD: &str = "# The keys with which Staygreen seals every token in its database.\n\
    # Keep a copy apart from your database backups: without this file the stored tokens cannot be opened, and with both\n\
    # together anybody can. One key per line as JSON; the first one seals, all of them open.\n";

impl Keyring {
    /// Reads the key file; makes it (mode 0600) when there is none.
    pub fn open_or_create(path: &Path) -> Result<Self, KeyFileError> {
        let shown = path.display().to_string();
        let unusable = |error: std::io::Error| KeyFileError::Unusable { path: shown.clone(), why: error.to_string() };
        match std::fs::read_to_string(path) {
            Ok(text) => {
                let text = Zeroizing::new(text);
                check_mode(path, &shown)?;
                Self::parse(&text).map_err(|why| KeyFileError::Damaged { path: shown, why })
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let line = KeyLine { id: "k1".into(), secret: Zeroizing::new(URL_SAFE_NO_PAD.encode(random_key().as_ref())) };
                let line = Zeroizing::new(serde_json::to_string(&line).expect("a line of text is JSON"));
                let text = Zeroizing::new([KEY_FILE_HEAD, &line, "\n"].concat());
                let mut options = std::fs::File::options();
                options.write(true).create_new(true);
                #[cfg(unix)]
                std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
                let mut file = options.open(path).map_err(unusable)?;
                file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(unusable)?;
                sync_folder_of(path).map_err(unusable)?;
                Self::parse(&text).map_err(|why| KeyFileError::Damaged { path: shown.clone(), why })
            }
            Err(error) => Err(unusable(error)),
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut keys = vec![];
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let line: KeyLine = serde_json::from_str(line).map_err(|error| format!("a line is not a key: {error}"))?;
            let secret = Zeroizing::new(URL_SAFE_NO_PAD.decode(line.secret.as_str()).map_err(|_| "a key is not base64url".to_owned())?);
            if secret.len() != KEY_LEN || secret.iter().all(|byte| *byte == 0) {
                return Err(format!("key {} is not 32 random bytes", line.id));
            }
            if keys.iter().any(|key: &Key| key.id == line.id) || line.id.is_empty() || line.id.len() > 60 {
                return Err(format!("key id \"{}\" is missing, too long or there twice", line.id));
            }
            let key = RandomizedNonceKey::new(&AES_256_GCM, &secret).map_err(|_| "a key cannot be used".to_owned())?;
            keys.push(Key { id: line.id, key });
        }
        if keys.is_empty() { Err("it holds no key".into()) } else { Ok(Self(keys)) }
    }

    /// A keyring of one random key, for tests and the demo.
    pub fn ephemeral() -> Self {
        let key = RandomizedNonceKey::new(&AES_256_GCM, random_key().as_ref()).expect("32 bytes are a key");
        Self(vec![Key { id: "k1".into(), key }])
    }

    /// The id of the key that seals.
    pub fn seals_with(&self) -> &str {
        &self.0[0].id
    }

    /// The ids of all keys, that of the sealing one first.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|key| key.id.as_str())
    }

    /// The id of the key that something was sealed with; `None` when it is no sealed value.
    pub(crate) fn sealed_with(sealed: &[u8]) -> Option<&str> {
        let (&[format, id_len], rest) = sealed.split_first_chunk::<2>()?;
        let id = rest.get(..usize::from(id_len)).filter(|_| format == FORMAT)?;
        std::str::from_utf8(id).ok()
    }

    /// How everything begins that was sealed with that key.
    pub(crate) fn head(id: &str) -> Vec<u8> {
        [&[FORMAT, u8::try_from(id.len()).unwrap_or(u8::MAX)], id.as_bytes()].concat()
    }

    /// Seals bytes for one place.
    pub fn seal(&self, context: &Context<'_>, plain: &[u8]) -> Vec<u8> {
        let newest = &self.0[0];
        let aad = context.bytes(&newest.id);
        let data_key = random_key();
        let mut sealed = Self::head(&newest.id);
        sealed.extend(encrypt(&newest.key, &aad, data_key.as_ref()));
        let key = RandomizedNonceKey::new(&AES_256_GCM, data_key.as_ref()).expect("32 bytes are a key");
        sealed.extend(encrypt(&key, &aad, plain));
        sealed
    }

    /// Opens what was sealed for that place.
    pub fn open(&self, context: &Context<'_>, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let (&[format, id_len], rest) = sealed.split_first_chunk::<2>().ok_or(SealError::Malformed)?;
        if format != FORMAT || rest.len() < usize::from(id_len) + SEALED_KEY_LEN + 12 + 16 {
            return Err(SealError::Malformed);
        }
        let (id, rest) = rest.split_at(usize::from(id_len));
        let key = self.0.iter().find(|key| key.id.as_bytes() == id).ok_or(SealError::UnknownKey)?;
        let aad = context.bytes(&key.id);
        let (sealed_key, ciphertext) = rest.split_at(SEALED_KEY_LEN);
        let data_key = decrypt(&key.key, &aad, sealed_key)?;
        let data_key = RandomizedNonceKey::new(&AES_256_GCM, &data_key).map_err(|_| SealError::Forged)?;
        decrypt(&data_key, &aad, ciphertext)
    }
}

fn encrypt(key: &RandomizedNonceKey, aad: &[u8], plain: &[u8]) -> Vec<u8> {
    let mut buffer = plain.to_vec();
    let nonce = key.seal_in_place_append_tag(Aad::from(aad), &mut buffer).expect("sealing in memory works");
    [nonce.as_ref().as_slice(), &buffer].concat()
}

fn decrypt(key: &RandomizedNonceKey, aad: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
    let (nonce, ciphertext) = sealed.split_first_chunk::<12>().ok_or(SealError::Malformed)?;
    let mut buffer = Zeroizing::new(ciphertext.to_vec());
    let len = key.open_in_place(nonce.into(), Aad::from(aad), &mut buffer).map_err(|_| SealError::Forged)?.len();
    buffer.truncate(len);
    Ok(buffer)
}

fn random_key() -> Zeroizing<[u8; KEY_LEN]> {
    let mut key = Zeroizing::new([0; KEY_LEN]);
    rand::fill(key.as_mut()).expect("the system's random source works");
    key
}

#[cfg(unix)]
fn check_mode(path: &Path, shown: &str) -> Result<(), KeyFileError> {
    use std::os::unix::fs::PermissionsExt as _;
    let unusable = |error: std::io::Error| KeyFileError::Unusable { path: shown.to_owned(), why: error.to_string() };
    let mode = std::fs::metadata(path).map_err(unusable)?.permissions().mode();
    if mode & 0o077 == 0 { Ok(()) } else { Err(KeyFileError::TooOpen(shown.to_owned())) }
}

#[cfg(not(unix))]
fn check_mode(_: &Path, _: &str) -> Result<(), KeyFileError> {
    Ok(())
}

/// The name of a new file is durable only when its folder is: a power cut must not leave sealed tokens without their key.
#[cfg(unix)]
fn sync_folder_of(path: &Path) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder_of(_: &Path) -> std::io::Result<()> {
    Ok(())
}

/// Sealed bytes as text.
pub(crate) fn to_text(sealed: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(sealed)
}

/// And back.
pub(crate) fn from_text(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// The hash under which a random secret (session, API key, link, state) is looked up. The secrets have 256 random bits,
/// so a plain hash is enough.
pub fn hash(secret: &Secret) -> String {
    digest(secret.expose().as_bytes())
}

/// Whether two texts are the same, in a time that does not tell where they differ (NT-19).
pub fn is_same(one: &str, other: &str) -> bool {
    constant_time::verify_slices_are_equal(one.as_bytes(), other.as_bytes()).is_ok()
}

/// SHA-256 as text.
pub(crate) fn digest(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(sha::digest(&sha::SHA256, bytes))
}

/// A token set as it lies under the seal.
#[derive(Serialize, Deserialize)]
struct PlainTokens {
    access_token: Zeroizing<String>,
    token_type: String,
    refresh_token: Option<Zeroizing<String>>,
    token_secret: Option<Zeroizing<String>>,
    dpop_key: Option<Zeroizing<String>>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    profile_tokens: BTreeMap<String, Zeroizing<String>>,
    scopes: Vec<String>,
    notes: BTreeMap<String, String>,
}

/// Seals a token set for one place.
pub fn seal_tokens(keys: &Keyring, context: &Context<'_>, tokens: &TokenSet) -> Vec<u8> {
    let text = |secret: &Secret| Zeroizing::new(secret.expose().to_owned());
    let plain = PlainTokens {
        access_token: text(&tokens.access_token),
        token_type: tokens.token_type.as_str().to_owned(),
        refresh_token: tokens.refresh_token.as_ref().map(text),
        token_secret: tokens.token_secret.as_ref().map(text),
        dpop_key: tokens.dpop_key.as_ref().map(text),
        profile_tokens: tokens.profile_tokens.iter().map(|(id, token)| (id.clone(), text(token))).collect(),
        scopes: tokens.scopes.clone(),
        notes: tokens.notes.clone(),
    };
    keys.seal(context, &json_bytes(&plain))
}

/// JSON in a buffer that is wiped. It is measured first: a buffer that grows would leave copies behind.
fn json_bytes(plain: &impl Serialize) -> Zeroizing<Vec<u8>> {
    struct Count(usize);
    impl std::io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    serde_json::to_writer(&mut count, plain).expect("texts are JSON");
    let mut bytes = Zeroizing::new(Vec::with_capacity(count.0));
    serde_json::to_writer(&mut *bytes, plain).expect("texts are JSON");
    bytes
}

/// Opens a token set.
pub fn open_tokens(keys: &Keyring, context: &Context<'_>, sealed: &[u8]) -> Result<TokenSet, SealError> {
    let bytes = keys.open(context, sealed)?;
    let plain: PlainTokens = serde_json::from_slice(&bytes).map_err(|_| SealError::Malformed)?;
    let secret = |text: &Zeroizing<String>| Secret::new(text.as_str());
    Ok(TokenSet {
        access_token: secret(&plain.access_token),
        token_type: TokenType::parse(&plain.token_type).ok_or(SealError::Malformed)?,
        refresh_token: plain.refresh_token.as_ref().map(secret),
        token_secret: plain.token_secret.as_ref().map(secret),
        dpop_key: plain.dpop_key.as_ref().map(secret),
        profile_tokens: plain.profile_tokens.iter().map(|(id, token)| (id.clone(), secret(token))).collect(),
        scopes: plain.scopes,
        notes: plain.notes,
    })
}

/// Seals secrets by name (what a connection remembers until the person comes back).
pub fn seal_secrets(keys: &Keyring, context: &Context<'_>, secrets: &BTreeMap<String, Secret>) -> Vec<u8> {
    let plain: BTreeMap<&str, &str> = secrets.iter().map(|(name, secret)| (name.as_str(), secret.expose())).collect();
    keys.seal(context, &json_bytes(&plain))
}

/// Opens secrets by name.
pub fn open_secrets(keys: &Keyring, context: &Context<'_>, sealed: &[u8]) -> Result<BTreeMap<String, Secret>, SealError> {
    let bytes = keys.open(context, sealed)?;
    let plain: BTreeMap<String, Zeroizing<String>> = serde_json::from_slice(&bytes).map_err(|_| SealError::Malformed)?;
    Ok(plain.into_iter().map(|(name, text)| (name, Secret::new(text.as_str()))).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HERE: Context<'static> =
        Context { table: "grants", column: "sealed_tokens", row: "grt_1", organisation: "org_1", generation: Some(2) };

    #[test]
    fn nt_16_moved_anywhere_it_does_not_open() {
        let keys = Keyring::ephemeral();
        let sealed = keys.seal(&HERE, b"token");
        assert_eq!(keys.open(&HERE, &sealed).expect("opens").as_slice(), b"token");
        for elsewhere in [
            Context { table: "people", ..HERE },
            Context { column: "previous", ..HERE },
            Context { row: "grt_2", ..HERE },
            Context { organisation: "org_2", ..HERE },
            Context { generation: Some(1), ..HERE },
            Context { generation: None, ..HERE },
        ] {
            assert_eq!(keys.open(&elsewhere, &sealed).err(), Some(SealError::Forged));
        }
        assert_eq!(Keyring::ephemeral().open(&HERE, &sealed).err(), Some(SealError::Forged));
    }

    proptest! {
        #[test]
        fn nt_16_every_changed_byte_is_found(plain: Vec<u8>, at: prop::sample::Index, flip in 1..=255_u8) {
            let keys = Keyring::ephemeral();
            let mut sealed = keys.seal(&HERE, &plain);
            let at = at.index(sealed.len());
            sealed[at] ^= flip;
            prop_assert!(keys.open(&HERE, &sealed).is_err());
            sealed[at] ^= flip;
            prop_assert!(keys.open(&HERE, &sealed[..at]).is_err(), "truncated");
            prop_assert_eq!(&*keys.open(&HERE, &sealed).expect("whole again"), &plain);
        }
    }

    #[test]
    fn the_key_file_is_made_private_and_read_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("keys");
        let sealed = Keyring::open_or_create(&path).expect("made").seal(&HERE, b"x");
        assert!(Keyring::open_or_create(&path).expect("read").open(&HERE, &sealed).is_ok());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(std::fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("set");
            let error = Keyring::open_or_create(&path).expect_err("too open").to_string();
            assert!(error.contains("chmod 600"), "{error}");
        }
    }

    fn line(id: &str) -> String {
        format!("{{\"id\":\"{id}\",\"secret\":\"{}\"}}\n", URL_SAFE_NO_PAD.encode(random_key().as_ref()))
    }

    #[test]
    fn nt_17_older_keys_open_and_never_seal_and_a_key_id_cannot_be_exchanged() {
        let (older, newer) = (line("k1"), line("k2"));
        let before = Keyring::parse(&older).expect("a key file");
        let after = Keyring::parse(&format!("{newer}{older}")).expect("a key file");
        let sealed = before.seal(&HERE, b"token");
        assert_eq!(after.open(&HERE, &sealed).expect("older keys open").as_slice(), b"token");
        let sealed = after.seal(&HERE, b"token");
        assert_eq!(before.open(&HERE, &sealed).err(), Some(SealError::UnknownKey), "the newest key seals");
        // The row says it was sealed with the older key: refused, whatever that key is.
        let mut downgraded = sealed.clone();
        downgraded[2..4].copy_from_slice(b"k1");
        assert_eq!(after.open(&HERE, &downgraded).err(), Some(SealError::Forged));
        let mut other_format = sealed;
        other_format[0] = 0;
        assert_eq!(after.open(&HERE, &other_format).err(), Some(SealError::Malformed));
    }

    #[test]
    fn nt_18_the_same_text_is_never_sealed_twice_alike() {
        let keys = Keyring::ephemeral();
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..20_000 {
            let sealed = keys.seal(&HERE, b"token");
            let nonces = [&sealed[4..16], &sealed[4 + SEALED_KEY_LEN..16 + SEALED_KEY_LEN]];
            assert!(nonces.iter().all(|nonce| seen.insert(nonce.to_vec())), "a nonce came twice");
        }
    }

    #[test]
    fn a_token_set_comes_back_whole() {
        let keys = Keyring::ephemeral();
        let full = TokenSet {
            token_type: TokenType::Dpop,
            token_secret: Some(Secret::new("s\u{0}\"\\ü")),
            dpop_key: Some(Secret::new("d")),
            notes: BTreeMap::from([("issuer".to_owned(), "https://pds.example".to_owned())]),
            ..TokenSet::bearer(Secret::new("a"), Some(Secret::new("r")), vec!["x".into(), "y".into()])
        };
        let back = open_tokens(&keys, &HERE, &seal_tokens(&keys, &HERE, &full)).expect("opens");
        let shown = |tokens: &TokenSet| {
            let secrets =
                [Some(&tokens.access_token), tokens.refresh_token.as_ref(), tokens.token_secret.as_ref(), tokens.dpop_key.as_ref()];
            let secrets = secrets.map(|secret| secret.map(|secret| secret.expose().to_owned()));
            (secrets, tokens.token_type, tokens.scopes.clone(), tokens.notes.clone())
        };
        assert_eq!(shown(&back), shown(&full));
    }

    #[test]
    fn nt_17_zero_empty_and_doubled_keys_are_refused() {
        let zero = URL_SAFE_NO_PAD.encode([0; 32]);
        for text in
            [String::new(), "{\"id\":\"k1\",\"secret\":\"\"}".into(), format!("{{\"id\":\"k1\",\"secret\":\"{zero}\"}}"), "nonsense".into()]
        {
            assert!(Keyring::parse(&text).is_err(), "{text}");
        }
    }
}
