//! Calendar feeds. The secret in a feed's address is stored as its hash only; making a new one ends the one before.

use lifecycle::ids::{FeedId, UserId};
use lifecycle::secret::Secret;
use lifecycle::time::{Span, Timestamp};

use crate::driver::{StoreError, Tx};
use crate::ids::fresh;
use crate::seal::hash;

/// A calendar forgets what was called off after that long.
pub const CANCELLED_KEPT: Span = Span::days(60);

/// Dates that differ by less are the same date: networks say how many seconds are left, and each reading differs a little.
const SAME_DATE: Span = Span::hours(12);

/// What a feed should say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// Its identity, the same as long as it speaks of the same occasion.
    pub uid: String,
    /// When.
    pub at: Timestamp,
    /// One line.
    pub summary: String,
    /// The rest.
    pub description: String,
}

/// What a feed says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What and when.
    pub due: Due,
    /// Grows with every change that matters.
    pub sequence: i64,
    /// When it changed last.
    pub changed_at: Timestamp,
    /// Called off.
    pub cancelled: bool,
}

/// Makes a user's feed; the one before it, if any, ends.
pub async fn create(tx: &mut Tx, user: &UserId, secret: &Secret, now: Timestamp) -> Result<FeedId, StoreError> {
    revoke(tx, user).await?;
    let id: FeedId = fresh();
    let sql = "INSERT INTO calendar_feeds (id, user_id, secret_hash, created_at) VALUES ($1, $2, $3, $4)";
    tx.run(sql, &[id.as_str().into(), user.as_str().into(), hash(secret).into(), now.into()]).await?;
    Ok(id)
}

/// Ends a user's feed; `false` when there is none.
pub async fn revoke(tx: &mut Tx, user: &UserId) -> Result<bool, StoreError> {
    // Whoever brings it up to date at this moment is waited for: their entries go with it.
    let lock = format!("SELECT id FROM calendar_feeds WHERE user_id = $1{}", tx.dialect().for_update());
    tx.all(&lock, &[user.as_str().into()]).await?;
    let entries = "DELETE FROM calendar_entries WHERE feed_id IN (SELECT id FROM calendar_feeds WHERE user_id = $1)";
    tx.run(entries, &[user.as_str().into()]).await?;
    Ok(tx.run("DELETE FROM calendar_feeds WHERE user_id = $1", &[user.as_str().into()]).await? == 1)
}

/// Since when a user has a feed.
pub async fn of_user(tx: &mut Tx, user: &UserId) -> Result<Option<Timestamp>, StoreError> {
    let row = tx.one("SELECT created_at FROM calendar_feeds WHERE user_id = $1", &[user.as_str().into()]).await?;
    row.map(|row| row.time("created_at")).transpose()
}

/// Whose feed has that secret.
pub async fn find(tx: &mut Tx, secret: &Secret) -> Result<Option<(FeedId, UserId)>, StoreError> {
    let row = tx.one("SELECT id, user_id FROM calendar_feeds WHERE secret_hash = $1", &[hash(secret).into()]).await?;
    row.map(|row| Ok((row.parsed("id")?, row.parsed("user_id")?))).transpose()
}

/// Brings what a feed says up to date and gives all of it, soonest first: a date that moved keeps its identity and counts
/// up, one that is over is called off and stays for a while, so that every calendar hears of it. `None`: the feed was ended meanwhile.
pub async fn refresh(tx: &mut Tx, feed: &FeedId, due: &[Due], now: Timestamp) -> Result<Option<Vec<Entry>>, StoreError> {
    // First, so that whoever ends the feed comes before this or waits for it.
    if tx.run("UPDATE calendar_feeds SET used_at = $2 WHERE id = $1", &[feed.as_str().into(), now.into()]).await? == 0 {
        return Ok(None);
    }
    let known = entries(tx, feed).await?;
    for due in due {
        match known.iter().find(|entry| entry.due.uid == due.uid) {
            Some(entry) if !entry.cancelled && is_same(&entry.due, due) => {}
            Some(entry) => write(tx, feed, due, entry.sequence + 1, now).await?,
            None => write(tx, feed, due, 0, now).await?,
        }
    }
    for entry in known.iter().filter(|entry| !entry.cancelled && due.iter().all(|due| due.uid != entry.due.uid)) {
        let sql = "UPDATE calendar_entries SET sequence = sequence + 1, cancelled_at = $3, changed_at = $3 WHERE feed_id = $1 AND uid = $2";
        tx.run(sql, &[feed.as_str().into(), entry.due.uid.as_str().into(), now.into()]).await?;
    }
    entries(tx, feed).await.map(Some)
}

fn is_same(told: &Due, due: &Due) -> bool {
    let apart = told.at.since(due.at).max(due.at.since(told.at));
    apart < SAME_DATE && told.summary == due.summary && told.description == due.description
}

async fn entries(tx: &mut Tx, feed: &FeedId) -> Result<Vec<Entry>, StoreError> {
    let sql = "SELECT * FROM calendar_entries WHERE feed_id = $1 ORDER BY at, uid";
    let read = |row: &crate::Row| {
        Ok(Entry {
            due: Due { uid: row.text("uid")?, at: row.time("at")?, summary: row.text("summary")?, description: row.text("description")? },
            sequence: row.int("sequence")?,
            changed_at: row.time("changed_at")?,
            cancelled: row.opt_time("cancelled_at")?.is_some(),
        })
    };
    tx.all(sql, &[feed.as_str().into()]).await?.iter().map(read).collect()
}

async fn write(tx: &mut Tx, feed: &FeedId, due: &Due, sequence: i64, now: Timestamp) -> Result<(), StoreError> {
    let sql = "INSERT INTO calendar_entries (feed_id, uid, sequence, at, summary, description, changed_at) VALUES ($1, $2, $3, $4, $5, $6, $7) \
               ON CONFLICT (feed_id, uid) DO UPDATE SET sequence = excluded.sequence, at = excluded.at, summary = excluded.summary, \
               description = excluded.description, changed_at = excluded.changed_at, cancelled_at = NULL";
    let values = [
        feed.as_str().into(),
        due.uid.as_str().into(),
        sequence.into(),
        due.at.into(),
        due.summary.as_str().into(),
        due.description.as_str().into(),
        now.into(),
    ];
    tx.run(sql, &values).await?;
    Ok(())
}
