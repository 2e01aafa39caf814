//! Keys with which tools speak to the REST API. Only the hash is stored.

use std::sync::Arc;

use lifecycle::ids::{ApiKeyId, OrganisationId};
use lifecycle::permission::{Permission, Rate};
use lifecycle::secret::Secret;
use lifecycle::time::{Span, Timestamp};

use crate::driver::{Row, StoreError, Tx, to_json};
use crate::ids::{fresh, fresh_lent, is_lent};
use crate::seal::{hash, is_same};

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
    pub permissions: Arc<[Permission]>,
    /// The user or key that gave these permissions; `None`: the operator, on the command line.
    pub created_by: Option<String>,
    /// Since when.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    pub used_at: Option<Timestamp>,
    /// Since when it is revoked.
    pub revoked_at: Option<Timestamp>,
}

/// Who gave what a key may do, where it was made in a shell: as the audit names the operator there ([`crate::events::Actor::System`]).
pub const OPERATOR: &str = "system";

impl ApiKey {
    /// The user or key that gave these permissions, or [`OPERATOR`].
    pub fn given_by(&self) -> &str {
        self.created_by.as_deref().unwrap_or(OPERATOR)
    }
}

/// A key to be stored.
#[derive(Debug, Clone)]
pub struct NewApiKey<'a> {
    /// What people call it.
    pub name: &'a str,
    /// What it may do.
    pub permissions: &'a [Permission],
    /// The user or key that gives these permissions; `None`: the operator, on the command line.
    pub created_by: Option<&'a str>,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
}

fn read(row: &Row) -> Result<ApiKey, StoreError> {
    let words: Vec<String> = row.json("permissions")?;
    Ok(ApiKey {
        id: row.parsed("id")?,
        organisation: row.parsed("organisation_id")?,
        name: row.text("name")?,
        // What this version cannot read is not given.
        permissions: words.iter().filter_map(|word| word.parse().ok()).collect(),
        created_by: row.opt_text("created_by")?,
        created_at: row.time("created_at")?,
        expires_at: row.opt_time("expires_at")?,
        used_at: row.opt_time("used_at")?,
        revoked_at: row.opt_time("revoked_at")?,
    })
}

/// Stores a new key.
pub async fn create(
    tx: &mut Tx,
    organisation: &OrganisationId,
    key: &NewApiKey<'_>,
    secret: &Secret,
    now: Timestamp,
) -> Result<ApiKeyId, StoreError> {
    let id: ApiKeyId = fresh();
    insert(tx, organisation, &id, key, secret, now).await?;
    Ok(id)
}

async fn insert(
    tx: &mut Tx,
    organisation: &OrganisationId,
    id: &ApiKeyId,
    key: &NewApiKey<'_>,
    secret: &Secret,
    now: Timestamp,
) -> Result<(), StoreError> {
    let words: Vec<String> = key.permissions.iter().map(Permission::to_string).collect();
    let sql = "INSERT INTO api_keys (id, organisation_id, name, secret_hash, permissions, created_by, created_at, expires_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    let values = [
        id.as_str().into(),
        organisation.as_str().into(),
        key.name.into(),
        hash(secret).into(),
        to_json(&words)?.into(),
        key.created_by.into(),
        now.into(),
        key.expires_at.into(),
    ];
    tx.run(sql, &values).await?;
    Ok(())
}

/// The key with that secret, unless it is revoked. Whether it has ended is for the decision to say.
pub async fn find(tx: &mut Tx, organisation: &OrganisationId, secret: &Secret) -> Result<Option<ApiKey>, StoreError> {
    let hash = hash(secret);
    let sql = "SELECT * FROM api_keys WHERE secret_hash = $1 AND organisation_id = $2 AND revoked_at IS NULL";
    let Some(row) = tx.one(sql, &[hash.as_str().into(), organisation.as_str().into()]).await? else { return Ok(None) };
    // Looked up by hash, compared in constant time (NT-19).
    if !is_same(&row.text("secret_hash")?, &hash) {
        return Ok(None);
    }
    read(&row).map(Some)
}

/// A key by its id, revoked or not.
pub async fn by_id(tx: &mut Tx, organisation: &OrganisationId, id: &ApiKeyId) -> Result<Option<ApiKey>, StoreError> {
    let sql = "SELECT * FROM api_keys WHERE id = $1 AND organisation_id = $2";
    tx.one(sql, &[id.as_str().into(), organisation.as_str().into()]).await?.as_ref().map(read).transpose()
}

/// Notes that it was used.
pub async fn touch(tx: &mut Tx, id: &ApiKeyId, now: Timestamp) -> Result<(), StoreError> {
    tx.run("UPDATE api_keys SET used_at = $2 WHERE id = $1", &[id.as_str().into(), now.into()]).await?;
    Ok(())
}

/// All keys, newest first; not the ones that are lent to a command of the operator's for its time.
pub async fn list(tx: &mut Tx, organisation: &OrganisationId) -> Result<Vec<ApiKey>, StoreError> {
    Ok(all(tx, organisation).await?.into_iter().filter(|key| !is_lent(&key.id)).collect())
}

async fn all(tx: &mut Tx, organisation: &OrganisationId) -> Result<Vec<ApiKey>, StoreError> {
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

/// Counts one use of a permission in its present window. `false` when it is used up: take the transaction back then.
pub async fn count_use(tx: &mut Tx, key: &ApiKeyId, permission: &Permission, rate: Rate, now: Timestamp) -> Result<bool, StoreError> {
    let (window, _) = rate.window(now);
    let sql = "INSERT INTO permission_uses (api_key_id, permission, window_at, count) VALUES ($1, $2, $3, 1) \
               ON CONFLICT (api_key_id, permission) DO UPDATE SET \
               count = CASE WHEN permission_uses.window_at = excluded.window_at THEN permission_uses.count + 1 ELSE 1 END, \
               window_at = excluded.window_at RETURNING count";
    let row = tx.one(sql, &[key.as_str().into(), permission.to_string().into(), window.into()]).await?;
    let count = row.ok_or_else(|| StoreError::Broken("no count".into()))?.int("count")?;
    Ok(count <= i64::from(rate.count))
}

/// The operator's own key, for as long as a command runs: no list shows it, and [`take_back`] ends it. What a command that was killed has
/// left is cleared away by the next.
pub async fn lend_to_operator(
    tx: &mut Tx,
    organisation: &OrganisationId,
    name: &str,
    permissions: &[Permission],
    secret: &Secret,
    now: Timestamp,
    life: Span,
) -> Result<ApiKeyId, StoreError> {
    for key in all(tx, organisation).await? {
        let is_over = key.expires_at.is_some_and(|at| at <= now);
        // Before they had ids of their own they were kept, under this name.
        let was_lent = is_lent(&key.id) || (key.created_by.is_none() && key.name == name && *key.permissions == *permissions);
        if is_over && was_lent {
            take_back(tx, &key.id).await?;
        }
    }
    let new = NewApiKey { name, permissions, created_by: None, expires_at: Some(now + life) };
    let id = fresh_lent();
    insert(tx, organisation, &id, &new, secret, now).await?;
    Ok(id)
}

/// The lent key lives on until its end is another one, also where it was cleared away meanwhile because it was over.
pub async fn lend_on(
    tx: &mut Tx,
    organisation: &OrganisationId,
    id: &ApiKeyId,
    key: &NewApiKey<'_>,
    secret: &Secret,
    now: Timestamp,
) -> Result<(), StoreError> {
    let prolonged = tx.run("UPDATE api_keys SET expires_at = $2 WHERE id = $1", &[id.as_str().into(), key.expires_at.into()]).await?;
    if prolonged == 0 { insert(tx, organisation, id, key, secret, now).await } else { Ok(()) }
}

/// Ends a lent key: nothing of it stays but its id and name in what was written down.
pub async fn take_back(tx: &mut Tx, id: &ApiKeyId) -> Result<(), StoreError> {
    tx.run("DELETE FROM permission_uses WHERE api_key_id = $1", &[id.as_str().into()]).await?;
    tx.run("DELETE FROM api_keys WHERE id = $1", &[id.as_str().into()]).await?;
    Ok(())
}
