//! What is measured of rotations, by network: how many there were, and how many of them lost their token (RF-01).

use std::collections::BTreeMap;

use lifecycle::facts::Rotations;
use lifecycle::ids::AttemptId;
use lifecycle::ledger::{Commit, Ending};

use crate::driver::{StoreError, Tx};

/// One of so many renewals is written down, as so many: a row that every renewal writes would let them wait for each other.
const ONE_OF: i64 = 16;

/// Everything measured so far.
pub async fn all(tx: &mut Tx) -> Result<BTreeMap<String, Rotations>, StoreError> {
    let rows = tx.all("SELECT network, done, lost FROM rotations", &[]).await?;
    rows.iter().map(|row| Ok((row.text("network")?, Rotations { done: row.int("done")?, lost: row.int("lost")? }))).collect()
}

/// Counts what a commit says of a rotation. `was_judged`: the grant had a verdict before.
pub(crate) async fn count(tx: &mut Tx, network: &str, commit: &Commit, was_judged: bool) -> Result<(), StoreError> {
    let is_lost = !was_judged && commit.grant.verdict().is_some_and(|verdict| verdict.lost_in_rotation);
    let is_done = matches!(&commit.closes, Some((attempt, Ending::Renewed)) if is_written_down(attempt));
    if !is_lost && !is_done {
        return Ok(());
    }
    let sql = "INSERT INTO rotations (network, done, lost) VALUES ($1, $2, $3) \
               ON CONFLICT (network) DO UPDATE SET done = rotations.done + excluded.done, lost = rotations.lost + excluded.lost";
    tx.run(sql, &[network.into(), (if is_done { ONE_OF } else { 0 }).into(), i64::from(is_lost).into()]).await?;
    Ok(())
}

/// The end of an id is made of dice.
fn is_written_down(attempt: &AttemptId) -> bool {
    attempt.as_str().ends_with('0')
}
