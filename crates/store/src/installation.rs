//! What belongs to the installation as a whole: names and values.

use crate::driver::{StoreError, Tx};

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
