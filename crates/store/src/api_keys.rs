//! Keys with which tools speak to the REST API. Only the hash is stored.

use lifecycle::ids::{ApiKeyId, OrganisationId};
use lifecycle::permission::Act;
use lifecycle::secret::Secret;
use lifecycle::time::Timestamp;

use crate::driver::{Row, StoreError, Tx, to_json};
use crate::ids::fresh;
use crate::seal::hash;

/// A key, without its secret.
#[derive(Debug, Clone)]
pub struct ApiKey {
    /// Which.
    pub id: ApiKeyId,
    /// Of which organisation.
    pub organisation: OrganisationId,
    /// What people call it.
    pub name: String,
    /// What it may do.
    pub may: Vec<Act>,
    /// Since when.
    pub created_at: Timestamp,
    /// When it was last used, to the minute.
    pub used_at: Option<Timestamp>,
    /// Since when it is revoked.
    pub revoked_at: Option<Timestamp>,
}

fn read(row: &Row) -> Result<ApiKey, StoreError> {
    let words: Vec<String> = row.json("permissions")?;
    Ok(ApiKey {
        id: row.parsed("id")?,
        organisation: row.parsed("organisation_id")?,
        name: row.text("name")?,
        may: words.iter().filter_map(|word| Act::parse(word)).collect(),
        created_at: row.time("created_at")?,
        used_at: row.opt_time("used_at")?,
        revoked_at: row.opt_time("revoked_at")?,
    })
}

/// Stores a new key.
pub async fn create(
    tx: &mut Tx,
    organisation: &OrganisationId,
    name: &str,
    may: &[Act],
    secret: &Secret,
    now: Timestamp,
) -> Result<ApiKeyId, StoreError> {
    let id: ApiKeyId = fresh();
    let sql = "INSERT INTO api_keys (id, organisation_id, name, secret_hash, permissions, created_at) VALUES ($1, $2, $3, $4, $5, $6)";
    let values = [id.as_str().into(), organisation.as_str().into(), name.into(), hash(secret).into(), to_json(&may)?.into(), now.into()];
    tx.run(sql, &values).await?;
    Ok(id)
}

/// The key with that secret, unless it is revoked.
pub async fn find(tx: &mut Tx, secret: &Secret) -> Result<Option<ApiKey>, StoreError> {
    tx.one("SELECT * FROM api_keys WHERE secret_hash = $1 AND revoked_at IS NULL", &[hash(secret).into()])
        .await?
        .as_ref()
        .map(read)
        .transpose()
}

/// Notes that it was used.
pub async fn touch(tx: &mut Tx, id: &ApiKeyId, now: Timestamp) -> Result<(), StoreError> {
    tx.run("UPDATE api_keys SET used_at = $2 WHERE id = $1", &[id.as_str().into(), now.into()]).await?;
    Ok(())
}

/// All keys, newest first.
pub async fn list(tx: &mut Tx, organisation: &OrganisationId) -> Result<Vec<ApiKey>, StoreError> {
    tx.all("SELECT * FROM api_keys WHERE organisation_id = $1 ORDER BY created_at DESC, id", &[organisation.as_str().into()])
        .await?
        .iter()
        .map(read)
        .collect()
}

/// Revokes a key; effective at the next request.
pub async fn revoke(tx: &mut Tx, organisation: &OrganisationId, id: &ApiKeyId, now: Timestamp) -> Result<bool, StoreError> {
    let sql = "UPDATE api_keys SET revoked_at = $3 WHERE id = $1 AND organisation_id = $2 AND revoked_at IS NULL";
    Ok(tx.run(sql, &[id.as_str().into(), organisation.as_str().into(), now.into()]).await? == 1)
}
