//! What belongs to the installation as a whole: names and values.

use crate::OpenError;
use crate::dialect::Db;
use crate::driver::{StoreError, Tx};
use crate::seal::{Context, Keyring, from_text, to_text};

/// A value; `None` when it was never set.
pub async fn get(tx: &mut Tx, name: &str) -> Result<Option<String>, StoreError> {
    tx.one("SELECT value FROM installation WHERE name = $1", &[name.into()]).await?.map(|row| row.text("value")).transpose()
}

/// Sets a value.
pub async fn set(tx: &mut Tx, name: &str, value: &str) -> Result<(), StoreError> {
    let sql = "INSERT INTO installation (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    tx.run(sql, &[name.into(), value.into()]).await?;
    Ok(())
}

/// Sets a value that nobody set before; `false` when somebody did. Another transaction that is just doing so is waited for.
pub async fn claim(tx: &mut Tx, name: &str, value: &str) -> Result<bool, StoreError> {
    let sql = "INSERT INTO installation (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";
    Ok(tx.run(sql, &[name.into(), value.into()]).await? == 1)
}

/// Takes a value away; `false` when there was none.
pub async fn take(tx: &mut Tx, name: &str) -> Result<bool, StoreError> {
    Ok(tx.run("DELETE FROM installation WHERE name = $1", &[name.into()]).await? == 1)
}

/// A sealed word under a known name tells a wrong key file before anything else is read.
pub(crate) async fn check_keys(db: &Db, keys: &Keyring) -> Result<(), OpenError> {
    let context = Context { table: "installation", column: "value", row: "key_check", organisation: "", generation: None };
    let mut tx = db.begin(true).await?;
    let sealed = to_text(&keys.seal(&context, b"staygreen"));
    // Of two nodes that start at the same moment on an empty database one is first, and the other is checked by it.
    if claim(&mut tx, "key_check", &sealed).await? {
        tx.commit().await?;
        return Ok(());
    }
    let known = get(&mut tx, "key_check").await?.unwrap_or_default();
    let sealed = from_text(&known).ok_or(OpenError::WrongKey)?;
    keys.open(&context, &sealed).map_err(|_| OpenError::WrongKey)?;
    Ok(())
}
