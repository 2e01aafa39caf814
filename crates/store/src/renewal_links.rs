//! Single-use links by which a network admin without an account renews a profile's connection.

use lifecycle::ids::{OrganisationId, ProfileId};
use lifecycle::secret::Secret;
use lifecycle::time::{Span, Timestamp};

use crate::driver::{StoreError, Tx, to_json};
use crate::events::Actor;
use crate::seal::hash;

/// Where a link stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkState {
    /// It can be used.
    Open,
    /// It was used.
    Used,
    /// Its time is over.
    Expired,
    /// It was taken back.
    Withdrawn,
}

/// A link, without its secret.
#[derive(Debug, Clone)]
pub struct RenewalLink {
    /// Of which organisation.
    pub organisation: OrganisationId,
    /// Which profile it renews.
    pub profile: ProfileId,
    /// Who made it.
    pub created_by: Actor,
    /// When it ends.
    pub expires_at: Timestamp,
    /// Where it stands.
    pub state: LinkState,
}

/// Makes a link.
pub async fn create(
    tx: &mut Tx,
    organisation: &OrganisationId,
    profile: &ProfileId,
    secret: &Secret,
    by: &Actor,
    email: Option<&str>,
    now: Timestamp,
    life: Span,
) -> Result<Timestamp, StoreError> {
    let expires_at = now + life;
    let sql = "INSERT INTO renewal_links (secret_hash, organisation_id, profile_id, created_by, email, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let values = [
        hash(secret).into(),
        organisation.as_str().into(),
        profile.as_str().into(),
        to_json(by)?.into(),
        email.into(),
        now.into(),
        expires_at.into(),
    ];
    tx.run(sql, &values).await?;
    Ok(expires_at)
}

/// Looks a link up; looking never consumes it (NT-22).
pub async fn find(tx: &mut Tx, secret: &Secret, now: Timestamp) -> Result<Option<RenewalLink>, StoreError> {
    let Some(row) = tx.one("SELECT * FROM renewal_links WHERE secret_hash = $1", &[hash(secret).into()]).await? else { return Ok(None) };
    let expires_at = row.time("expires_at")?;
    let state = if row.opt_int("withdrawn_at")?.is_some() {
        LinkState::Withdrawn
    } else if row.opt_int("used_at")?.is_some() {
        LinkState::Used
    } else if expires_at <= now {
        LinkState::Expired
    } else {
        LinkState::Open
    };
    Ok(Some(RenewalLink {
        organisation: row.parsed("organisation_id")?,
        profile: row.parsed("profile_id")?,
        created_by: row.json("created_by")?,
        expires_at,
        state,
    }))
}

/// Uses a link up once its profile is renewed through it; `false` when it was used or taken back before. It is named by its
/// hash ([`crate::seal::hash`]): the connection that was begun with it does not know its secret.
pub async fn used(tx: &mut Tx, secret_hash: &str, now: Timestamp) -> Result<bool, StoreError> {
    let sql = "UPDATE renewal_links SET used_at = $2 WHERE secret_hash = $1 AND used_at IS NULL AND withdrawn_at IS NULL";
    Ok(tx.run(sql, &[secret_hash.into(), now.into()]).await? == 1)
}

/// How many links of a profile can be used.
pub async fn open(tx: &mut Tx, organisation: &OrganisationId, profile: &ProfileId, now: Timestamp) -> Result<i64, StoreError> {
    let sql = "SELECT COUNT(*) AS n FROM renewal_links WHERE profile_id = $1 AND organisation_id = $2 AND used_at IS NULL AND withdrawn_at IS NULL AND expires_at > $3";
    let row = tx.one(sql, &[profile.as_str().into(), organisation.as_str().into(), now.into()]).await?;
    row.map_or(Ok(0), |row| row.int("n"))
}

/// Takes back every link of a profile that was not used; how many.
pub async fn withdraw(tx: &mut Tx, organisation: &OrganisationId, profile: &ProfileId, now: Timestamp) -> Result<u64, StoreError> {
    let sql = "UPDATE renewal_links SET withdrawn_at = $3 WHERE profile_id = $1 AND organisation_id = $2 AND used_at IS NULL AND withdrawn_at IS NULL";
    tx.run(sql, &[profile.as_str().into(), organisation.as_str().into(), now.into()]).await
}
