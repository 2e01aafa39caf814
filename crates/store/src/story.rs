//! What the explanation of a profile is told from: renewals that were tried, who used it, and who else could hold it.

use lifecycle::grant::State;
use lifecycle::ids::{OrganisationId, ProfileId};
use lifecycle::ledger::Ending;
use lifecycle::time::Timestamp;

use crate::driver::{Row, StoreError, Tx};
use crate::events::Actor;
use crate::grants::{Person, read_person};
use crate::profiles::Profile;

/// A renewal as it stands in the intent journal.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// When it was written down.
    pub at: Timestamp,
    /// Whether it left the house.
    pub sent: bool,
    /// How it ended; `None` while it is under way.
    pub ending: Option<Ending>,
    /// Whose token was to be renewed.
    pub person: Person,
}

/// The renewals behind a profile since a moment, newest first.
pub async fn attempts(tx: &mut Tx, profile: &ProfileId, since: Timestamp, limit: u32) -> Result<Vec<Attempt>, StoreError> {
    let sql = "SELECT attempts.prepared_at, attempts.sent_at, attempts.ending, people.id, people.network_id, people.name, people.handle \
               FROM accesses JOIN attempts ON attempts.grant_id = accesses.grant_id \
               JOIN grants ON grants.id = accesses.grant_id JOIN people ON people.id = grants.person_id \
               WHERE accesses.profile_id = $1 AND attempts.prepared_at >= $2 ORDER BY attempts.prepared_at DESC, attempts.id LIMIT $3";
    let rows = tx.all(sql, &[profile.as_str().into(), since.into(), limit.into()]).await?;
    let read = |row: &Row| -> Result<Attempt, StoreError> {
        Ok(Attempt {
            at: row.time("prepared_at")?,
            sent: row.opt_time("sent_at")?.is_some(),
            ending: row.opt_text("ending")?.and_then(|word| Ending::parse(&word)),
            person: read_person(row)?,
        })
    };
    rows.iter().map(read).collect()
}

/// How somebody used a profile.
#[derive(Debug, Clone)]
pub struct Use {
    /// Who.
    pub actor: Actor,
    /// What, as a word of [`lifecycle::permission::Act`].
    pub act: String,
    /// How often.
    pub count: i64,
    /// The last time.
    pub last_at: Timestamp,
}

/// The most rows of the audit that are counted for one profile.
const COUNTED: u32 = 2_000;

/// Who used a profile since a moment, last one first: from the audit's last 2,000 rows about it.
pub async fn uses(tx: &mut Tx, organisation: &OrganisationId, profile: &ProfileId, since: Timestamp) -> Result<Vec<Use>, StoreError> {
    let sql = "SELECT actor, act, COUNT(*) AS n, MAX(at) AS last_at FROM \
               (SELECT actor, act, at FROM audit WHERE profile_id = $1 AND organisation_id = $2 ORDER BY position DESC LIMIT $3) AS recent \
               WHERE at >= $4 GROUP BY actor, act ORDER BY last_at DESC, actor, act";
    let values = [profile.as_str().into(), organisation.as_str().into(), COUNTED.into(), since.into()];
    let read = |row: &Row| -> Result<Use, StoreError> {
        Ok(Use { actor: row.json("actor")?, act: row.text("act")?, count: row.int("n")?, last_at: row.time("last_at")? })
    };
    tx.all(sql, &values).await?.iter().map(read).collect()
}

/// Somebody known here who does not hold a profile and could.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// Who.
    pub person: Person,
    /// The role that the network last listed for them.
    pub role: String,
    /// Their own login works at this moment.
    pub works: bool,
}

/// The statement of [`candidates`]: begins with what the listings name, and not with everybody of the network.
pub const CANDIDATES: &str = "SELECT people.id, people.network_id, people.name, people.handle, assets.role, grants.state \
     FROM assets JOIN grants ON grants.id = assets.grant_id JOIN people ON people.id = grants.person_id \
     WHERE assets.network_id = $1 AND assets.usable = 1 AND assets.vanished_at IS NULL AND grants.organisation_id || '' = $2 \
     AND grants.network || '' = $3 AND grants.instance || '' = $4 AND grants.id NOT IN (SELECT grant_id FROM accesses WHERE profile_id = $5) \
     ORDER BY people.name, people.id";

/// Who else could hold a profile: people whose last complete listing names it as usable.
pub async fn candidates(tx: &mut Tx, profile: &Profile) -> Result<Vec<Candidate>, StoreError> {
    let values = [
        profile.network_id.as_str().into(),
        profile.organisation.as_str().into(),
        profile.network.as_str().into(),
        profile.instance.as_str().into(),
        profile.id.as_str().into(),
    ];
    let read = |row: &Row| -> Result<Candidate, StoreError> {
        let state: State = row.json("state")?;
        Ok(Candidate { person: read_person(row)?, role: row.text("role")?, works: !matches!(state, State::NeedsPerson(_)) })
    };
    tx.all(CANDIDATES, &values).await?.iter().map(read).collect()
}
