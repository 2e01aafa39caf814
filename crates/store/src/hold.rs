//! The restore hold and the high-water mark (RF-37). The tokens in a backup that can be used once are stale: spending one shows
//! the network a token that was spent before, and where reuse is taken for theft the whole grant dies, in the original too. A
//! database that was rolled back is therefore known by a mark kept outside it, and spends nothing until somebody says that the
//! original is stopped. Then one grant per network app goes first, and the others one after another.

use lifecycle::ids::{GrantId, OrganisationId};
use lifecycle::ledger::Held;
use lifecycle::time::{Span, Timestamp};
use lifecycle::words::word_enum;
use serde::{Deserialize, Serialize};

use crate::driver::{StoreError, Tx, to_json};
use crate::{ids, installation};

/// The name under which it stands among the installation's values.
const NAME: &str = "hold";
/// How long the first of a network app goes before the others.
const ALONE: Span = Span::minutes(1);
/// How far the others are apart on average.
const APART: Span = Span::seconds(2);
/// The longest all of them take.
const LONGEST: Span = Span::hours(12);
/// When a held renewal asks again.
const ASK_AGAIN: Span = Span::minutes(1);

word_enum! {
    /// Why nothing is spent.
    Why {
        /// The database came from a backup, by our own command.
        Restored = "restored",
        /// The database is older than the mark beside it: somebody put an old one back.
        RolledBack = "rolled_back",
        /// The database came without the mark that was kept beside it: it may be a copy.
        Moved = "moved",
        /// Everything went to another database, which keeps the tokens now.
        Left = "left",
    }
}

/// A hold, in force or released.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Since when.
    pub since: Timestamp,
    /// Why.
    pub why: Why,
    /// When somebody said that the original is stopped.
    pub released_at: Option<Timestamp>,
}

/// What became of the grants of one network app since the release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// The network's name.
    pub network: String,
    /// The instance; empty where the network has one.
    pub instance: String,
    /// How many grants there are.
    pub grants: i64,
    /// How many have a token set that is newer than the release.
    pub renewed: i64,
    /// How many the network refuses.
    pub refused: i64,
}

/// How far a database has come, to be kept outside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Which installation.
    pub installation: String,
    /// How often a hold began.
    pub epoch: i64,
    /// The last position of the event log; every renewal adds to it.
    pub position: i64,
}

/// What a mark beside the database says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// It goes on where it stopped.
    Same,
    /// It must not spend anything.
    Doubtful(Why),
}

/// The hold, in force or released; `None` when there never was one.
pub async fn get(tx: &mut Tx) -> Result<Option<Hold>, StoreError> {
    let Some(text) = installation::get(tx, NAME).await? else { return Ok(None) };
    Ok(Some(serde_json::from_str(&text).map_err(|error| StoreError::Broken(format!("the hold: {error}")))?))
}

async fn set(tx: &mut Tx, hold: &Hold) -> Result<(), StoreError> {
    installation::set(tx, NAME, &to_json(hold)?).await
}

/// Begins a hold, and with it another epoch: what the marks of other nodes say is over.
pub async fn begin(tx: &mut Tx, why: Why, now: Timestamp) -> Result<(), StoreError> {
    let epoch = mark(tx).await?.epoch + 1;
    installation::set(tx, "restore_epoch", &epoch.to_string()).await?;
    set(tx, &Hold { since: now, why, released_at: None }).await
}

/// Somebody says that the original is stopped. `false` when nothing is held.
pub async fn release(tx: &mut Tx, now: Timestamp) -> Result<bool, StoreError> {
    let Some(hold) = get(tx).await?.filter(|hold| hold.released_at.is_none()) else { return Ok(false) };
    set(tx, &Hold { released_at: Some(now), ..hold }).await?;
    Ok(true)
}

/// How far this database has come. The installation gets its name the first time.
pub async fn mark(tx: &mut Tx) -> Result<Mark, StoreError> {
    if installation::get(tx, "id").await?.is_none() {
        let fresh: OrganisationId = ids::fresh();
        installation::claim(tx, "id", fresh.as_str()).await?;
    }
    known_mark(tx).await
}

/// The same without writing anything; an installation without a name has the empty one.
pub async fn known_mark(tx: &mut Tx) -> Result<Mark, StoreError> {
    let installation = installation::get(tx, "id").await?.unwrap_or_default();
    let epoch = installation::get(tx, "restore_epoch").await?.and_then(|text| text.parse().ok()).unwrap_or(0);
    let position = tx.one("SELECT value FROM counters WHERE name = 'events'", &[]).await?.map(|row| row.int("value")).transpose()?;
    Ok(Mark { installation, epoch, position: position.unwrap_or(0) })
}

/// Compares what was kept outside with the database. `alone`: nobody else works on this database, so that a missing mark is a
/// missing mark and not another node.
pub async fn compare(tx: &mut Tx, kept: Option<&Mark>, alone: bool) -> Result<Found, StoreError> {
    let here = known_mark(tx).await?;
    let is_marked = installation::get(tx, "marked").await?.is_some();
    let is_held = get(tx).await?.is_some_and(|hold| hold.released_at.is_none());
    if is_held || tx.one("SELECT id FROM grants LIMIT 1", &[]).await?.is_none() {
        return Ok(Found::Same);
    }
    Ok(match kept {
        Some(kept) if kept.installation != here.installation => Found::Doubtful(Why::Moved),
        Some(kept) if (kept.epoch, kept.position) > (here.epoch, here.position) => Found::Doubtful(Why::RolledBack),
        None if alone && is_marked => Found::Doubtful(Why::Moved),
        _ => Found::Same,
    })
}

/// From now on a mark is kept beside this database.
pub async fn marked(tx: &mut Tx) -> Result<(), StoreError> {
    installation::set(tx, "marked", "1").await
}

/// The mark of another place says nothing here.
pub(crate) async fn unmarked(tx: &mut Tx) -> Result<(), StoreError> {
    installation::take(tx, "marked").await?;
    Ok(())
}

/// Until when a grant whose token can be used once has to wait, and why; `None` when it may go.
pub(crate) async fn held(tx: &mut Tx, grant: &GrantId, now: Timestamp) -> Result<Option<Held>, StoreError> {
    let Some(hold) = get(tx).await? else { return Ok(None) };
    let Some(released_at) = hold.released_at else {
        return Ok(Some(Held { until: now + ASK_AGAIN, words: "this database is not known to be the only one; nothing was sent" }));
    };
    if now.since(released_at) > LONGEST + ALONE {
        return Ok(None);
    }
    let of_app = "SELECT COUNT(*) AS n, MIN(id) AS first FROM grants WHERE sealed_tokens IS NOT NULL AND network = (SELECT network FROM grants WHERE id = $1) \
                  AND instance = (SELECT instance FROM grants WHERE id = $1)";
    let row = tx.one(of_app, &[grant.as_str().into()]).await?;
    let (count, first) = row.map(|row| Ok::<_, StoreError>((row.int("n")?, row.opt_text("first")?))).transpose()?.unwrap_or((0, None));
    let turn = released_at + turn(grant, first.as_deref() == Some(grant.as_str()), count);
    let wait = Held { until: turn, words: "its turn after the restore has not come; nothing was sent" };
    Ok((now < turn).then_some(wait))
}

/// How long after the release a grant's turn comes.
fn turn(grant: &GrantId, is_first: bool, count: i64) -> Span {
    if is_first {
        return Span::ZERO;
    }
    // Spread by the id alone: every node comes to the same, and none has to remember.
    let hash = grant.as_str().bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let seconds = u64::try_from(APART.times(count.max(1), 1).min(LONGEST).as_seconds()).unwrap_or(1);
    ALONE + Span::seconds(i64::try_from(hash % seconds.max(1)).unwrap_or(0))
}

/// What became of each network app since that moment.
pub async fn progress(tx: &mut Tx, since: Timestamp) -> Result<Vec<Progress>, StoreError> {
    let sql = "SELECT network, instance, COUNT(*) AS grants, SUM(CASE WHEN issued_at >= $1 THEN 1 ELSE 0 END) AS renewed, \
               SUM(CASE WHEN refused_at IS NOT NULL THEN 1 ELSE 0 END) AS refused FROM grants WHERE sealed_tokens IS NOT NULL \
               GROUP BY network, instance ORDER BY network, instance";
    let rows = tx.all(sql, &[since.into()]).await?;
    let read = |row: &crate::Row| {
        Ok(Progress {
            network: row.text("network")?,
            instance: row.text("instance")?,
            grants: row.int("grants")?,
            renewed: row.int("renewed")?,
            refused: row.int("refused")?,
        })
    };
    rows.iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_spread_and_one_goes_first() {
        let grants: Vec<GrantId> = (0..500).map(GrantId::from_u128).collect();
        let turns: Vec<Span> = grants.iter().map(|grant| turn(grant, false, 500)).collect();
        assert!(turns.iter().all(|turn| *turn >= ALONE && *turn < ALONE + APART.times(500, 1)));
        let half = ALONE + APART.times(250, 1);
        let early = turns.iter().filter(|turn| **turn < half).count();
        assert!((150..350).contains(&early), "{early} of 500 in the first half");
        assert_eq!(turn(&grants[0], true, 500), Span::ZERO);
        assert!(turns.iter().all(|turn| *turn <= LONGEST + ALONE));
    }
}
