//! Passwords: argon2id (OWASP ASVS 5.0 appendix C: t=1, m=46 MiB, p=1), a few at a time.

use std::sync::Arc;

use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use lifecycle::secret::Secret;
use tokio::sync::Semaphore;

/// The fewest characters of a password (SP 800-63B-4: 15 without a second factor).
pub const LENGTH_MIN: usize = 15;
const LENGTH_MAX: usize = 256;

/// The password cannot be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WeakPassword {
    /// Fewer than [`LENGTH_MIN`] characters.
    TooShort,
    /// More than 256 characters.
    TooLong,
    /// One character over and over, or a row on the keyboard.
    TooSimple,
}

/// Hashes and checks passwords without blocking the server or filling its memory.
#[derive(Clone)]
pub struct Passwords {
    places: Arc<Semaphore>,
    /// A hash nobody's password has: unknown addresses take as long as known ones (NT-23).
    nobody: Arc<str>,
}

impl Passwords {
    /// Two at a time: 46 MiB each.
    pub fn new() -> Self {
        let nobody = hash_now("there is no such user").unwrap_or_default();
        Self { places: Arc::new(Semaphore::new(2)), nobody: nobody.into() }
    }

    /// Hashes a new password.
    pub async fn hash(&self, password: &Secret) -> Result<String, WeakPassword> {
        judge(password.expose())?;
        let password = password.clone();
        Ok(self.run(move || hash_now(password.expose())).await.unwrap_or_default())
    }

    /// Checks a password against a stored hash; `None` (no such user, no password yet) takes as long and is false.
    pub async fn verify(&self, password: &Secret, stored: Option<&str>) -> bool {
        let known = stored.is_some();
        let hash = stored.map_or_else(|| self.nobody.to_string(), str::to_owned);
        let password = password.clone();
        let matches = self.run(move || Some(verify_now(password.expose(), &hash))).await.unwrap_or(false);
        known && matches
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> Option<T> + Send + 'static) -> Option<T> {
        let _place = self.places.acquire().await.ok()?;
        tokio::task::spawn_blocking(work).await.ok().flatten()
    }
}

impl Default for Passwords {
    fn default() -> Self {
        Self::new()
    }
}

fn argon() -> Argon2<'static> {
    let params = Params::new(46 * 1024, 1, 1, None).unwrap_or_default();
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

fn hash_now(password: &str) -> Option<String> {
    argon().hash_password(password.as_bytes()).ok().map(|hash| hash.to_string())
}

fn verify_now(password: &str, hash: &str) -> bool {
    password.len() <= LENGTH_MAX * 4 && PasswordVerifier::<str>::verify_password(&argon(), password.as_bytes(), hash).is_ok()
}

fn judge(password: &str) -> Result<(), WeakPassword> {
    let length = password.chars().count();
    if length < LENGTH_MIN {
        return Err(WeakPassword::TooShort);
    }
    if length > LENGTH_MAX {
        return Err(WeakPassword::TooLong);
    }
    let distinct: std::collections::BTreeSet<char> = password.chars().collect();
    if distinct.len() < 5 { Err(WeakPassword::TooSimple) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn right_wrong_and_nobody() {
        let passwords = Passwords::new();
        let right = Secret::new("correct horse battery");
        let hash = passwords.hash(&right).await.expect("strong enough");
        assert!(hash.starts_with("$argon2id$v=19$m=47104,t=1,p=1$"), "{hash}");
        assert!(passwords.verify(&right, Some(&hash)).await);
        assert!(!passwords.verify(&Secret::new("correct horse batterie"), Some(&hash)).await);
        assert!(!passwords.verify(&Secret::new("there is no such user"), None).await);
    }

    #[tokio::test]
    async fn weak_ones_are_refused() {
        let passwords = Passwords::new();
        for (weak, why) in [("short", WeakPassword::TooShort), ("aaaaaaaaaaaaaaaaaa", WeakPassword::TooSimple)] {
            assert_eq!(passwords.hash(&Secret::new(weak)).await, Err(why));
        }
    }
}
