//! Signed-in browsers. Only the hash of the cookie is stored.

use lifecycle::ids::{SessionId, UserId};
use lifecycle::secret::Secret;
use lifecycle::time::{Span, Timestamp};

use crate::driver::{StoreError, Tx};
use crate::ids::fresh;
use crate::seal::hash;

/// A signed-in browser.
#[derive(Debug, Clone)]
pub struct Session {
    /// Which.
    pub id: SessionId,
    /// Whose.
    pub user: UserId,
    /// Since when.
    pub created_at: Timestamp,
    /// When it was last used.
    pub seen_at: Timestamp,
    /// What the browser calls itself. Hostile text.
    pub user_agent: String,
}

/// Opens a session.
pub async fn open(
    tx: &mut Tx,
    user: &UserId,
    secret: &Secret,
    user_agent: &str,
    now: Timestamp,
    life: Span,
) -> Result<SessionId, StoreError> {
    let id: SessionId = fresh();
    let agent: String = user_agent.chars().filter(|c| !c.is_control()).take(200).collect();
    let sql =
        "INSERT INTO sessions (id, secret_hash, user_id, created_at, seen_at, expires_at, user_agent) VALUES ($1, $2, $3, $4, $4, $5, $6)";
    tx.run(sql, &[id.as_str().into(), hash(secret).into(), user.as_str().into(), now.into(), (now + life).into(), agent.into()]).await?;
    Ok(id)
}

/// The session of a cookie, while it is neither over nor idle too long.
pub async fn find(tx: &mut Tx, secret: &Secret, now: Timestamp, idle: Span) -> Result<Option<Session>, StoreError> {
    let sql = "SELECT * FROM sessions WHERE secret_hash = $1 AND expires_at > $2 AND seen_at > $3";
    let row = tx.one(sql, &[hash(secret).into(), now.into(), (now - idle).into()]).await?;
    row.map(|row| read(&row)).transpose()
}

fn read(row: &crate::Row) -> Result<Session, StoreError> {
    Ok(Session {
        id: row.parsed("id")?,
        user: row.parsed("user_id")?,
        created_at: row.time("created_at")?,
        seen_at: row.time("seen_at")?,
        user_agent: row.text("user_agent")?,
    })
}

/// Notes that it was used.
pub async fn touch(tx: &mut Tx, id: &SessionId, now: Timestamp) -> Result<(), StoreError> {
    tx.run("UPDATE sessions SET seen_at = $2 WHERE id = $1", &[id.as_str().into(), now.into()]).await?;
    Ok(())
}

/// The user's sessions, last used first.
pub async fn of_user(tx: &mut Tx, user: &UserId) -> Result<Vec<Session>, StoreError> {
    tx.all("SELECT * FROM sessions WHERE user_id = $1 ORDER BY seen_at DESC", &[user.as_str().into()]).await?.iter().map(read).collect()
}

/// Ends one session of a user.
pub async fn end(tx: &mut Tx, user: &UserId, id: &SessionId) -> Result<(), StoreError> {
    tx.run("DELETE FROM sessions WHERE id = $1 AND user_id = $2", &[id.as_str().into(), user.as_str().into()]).await?;
    Ok(())
}

/// Ends all sessions of a user but one (after a new password).
pub async fn end_others(tx: &mut Tx, user: &UserId, keep: Option<&SessionId>) -> Result<(), StoreError> {
    tx.run("DELETE FROM sessions WHERE user_id = $1 AND id <> $2", &[user.as_str().into(), keep.map_or("", SessionId::as_str).into()])
        .await?;
    Ok(())
}

/// Forgets sessions that are over.
pub async fn sweep(tx: &mut Tx, now: Timestamp) -> Result<u64, StoreError> {
    tx.run("DELETE FROM sessions WHERE expires_at <= $1", &[now.into()]).await
}
