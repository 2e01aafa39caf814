//! How long a network told one of our apps to wait; the same for every node.

use lifecycle::ids::OrganisationId;
use lifecycle::time::Timestamp;

use crate::driver::{Row, StoreError, Tx};

/// Somebody who is to wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause {
    /// The server, or the profile.
    pub instance: String,
    /// Until when.
    pub until: Timestamp,
}

/// Who of these two is to wait longest; `None`: neither, ask.
pub async fn longest(
    tx: &mut Tx,
    organisation: &OrganisationId,
    network: &str,
    instances: [&str; 2],
    now: Timestamp,
) -> Result<Option<Pause>, StoreError> {
    let sql = "SELECT instance, until FROM network_pauses WHERE organisation_id = $1 AND network = $2 AND instance IN ($3, $4) AND until > $5 \
               ORDER BY until DESC LIMIT 1";
    let [server, alone] = instances;
    let values = [organisation.as_str().into(), network.into(), server.into(), alone.into(), now.into()];
    let pause = |row: &Row| Ok(Pause { instance: row.text("instance")?, until: row.time("until")? });
    tx.one(sql, &values).await?.as_ref().map(pause).transpose()
}

/// Remembers that a network wants quiet.
pub async fn set(tx: &mut Tx, organisation: &OrganisationId, network: &str, instance: &str, until: Timestamp) -> Result<(), StoreError> {
    let sql = "INSERT INTO network_pauses (organisation_id, network, instance, until) VALUES ($1, $2, $3, $4) \
               ON CONFLICT (organisation_id, network, instance) DO UPDATE SET until = excluded.until";
    tx.run(sql, &[organisation.as_str().into(), network.into(), instance.into(), until.into()]).await?;
    Ok(())
}
