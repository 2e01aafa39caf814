//! The one-time link that makes the first admin of an installation. Its secret lies sealed among the installation's values, so that every
//! server on the database prints the same link, and a restart prints it again, until it was used.

use lifecycle::permission::Role;
use lifecycle::secret::Secret;

use crate::driver::{StoreError, Tx};
use crate::installation;
use crate::seal::{Context, Keyring, from_text, hash, is_same, to_text};

/// The name under which it stands among the installation's values.
pub(crate) const NAME: &str = "setup_secret";

const CONTEXT: Context<'_> = Context { table: "installation", column: "value", row: NAME, organisation: "", generation: None };

/// The secret of the link; `fresh` becomes it where there is none yet. `None` once there is a company admin, whoever made them.
///
/// # Errors
/// The database cannot be asked, or the secret does not open.
pub async fn secret(tx: &mut Tx, keys: &Keyring, fresh: &Secret) -> Result<Option<Secret>, StoreError> {
    alone(tx).await?;
    if is_there(tx).await? {
        return Ok(None);
    }
    installation::claim(tx, NAME, &to_text(&keys.seal(&CONTEXT, fresh.expose().as_bytes()))).await?;
    kept(tx, keys).await
}

/// Whether that is the secret of a link that can be used. Nothing is used by asking (NT-22).
///
/// # Errors
/// The database cannot be asked, or the secret does not open.
pub async fn is(tx: &mut Tx, keys: &Keyring, shown: &Secret) -> Result<bool, StoreError> {
    if is_there(tx).await? {
        return Ok(false);
    }
    Ok(kept(tx, keys).await?.is_some_and(|secret| is_same(&hash(&secret), &hash(shown))))
}

/// Uses the link up, in the transaction that makes the admin; `false` when it cannot be used (any more): then nobody may be made.
///
/// # Errors
/// The database cannot be asked, or the secret does not open.
pub async fn take(tx: &mut Tx, keys: &Keyring, shown: &Secret) -> Result<bool, StoreError> {
    alone(tx).await?;
    Ok(is(tx, keys, shown).await? && installation::take(tx, NAME).await?)
}

/// Waits for whoever just prints or uses a link on another server, and sees what they did: no link is printed over an admin who was made
/// in that moment.
async fn alone(tx: &mut Tx) -> Result<(), StoreError> {
    tx.run("UPDATE installation SET value = value WHERE name = 'key_check'", &[]).await?;
    Ok(())
}

async fn is_there(tx: &mut Tx) -> Result<bool, StoreError> {
    Ok(tx.one("SELECT id FROM users WHERE role = $1 LIMIT 1", &[Role::CompanyAdmin.as_str().into()]).await?.is_some())
}

async fn kept(tx: &mut Tx, keys: &Keyring) -> Result<Option<Secret>, StoreError> {
    let Some(text) = installation::get(tx, NAME).await? else { return Ok(None) };
    let broken = || StoreError::Broken("the secret of the set-up link is no sealed text".into());
    let opened = keys.open(&CONTEXT, &from_text(&text).ok_or_else(broken)?)?;
    Ok(Some(Secret::new(std::str::from_utf8(&opened).map_err(|_| broken())?)))
}
