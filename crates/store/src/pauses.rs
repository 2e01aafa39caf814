//! How long a network told one of our apps to wait; the same for every node.

use lifecycle::ids::OrganisationId;
use lifecycle::time::Timestamp;

use crate::driver::{StoreError, Tx};

/// Until when nothing is to be asked there; `None`: go on.
pub async fn until(
    tx: &mut Tx,
    organisation: &OrganisationId,
    network: &str,
    instance: &str,
    now: Timestamp,
) -> Result<Option<Timestamp>, StoreError> {
    let sql = "SELECT until FROM network_pauses WHERE organisation_id = $1 AND network = $2 AND instance = $3 AND until > $4";
    let values = [organisation.as_str().into(), network.into(), instance.into(), now.into()];
    tx.one(sql, &values).await?.map(|row| row.time("until")).transpose()
}

/// Remembers that a network wants quiet.
pub async fn set(tx: &mut Tx, organisation: &OrganisationId, network: &str, instance: &str, until: Timestamp) -> Result<(), StoreError> {
    let sql = "INSERT INTO network_pauses (organisation_id, network, instance, until) VALUES ($1, $2, $3, $4) \
               ON CONFLICT (organisation_id, network, instance) DO UPDATE SET until = excluded.until";
    tx.run(sql, &[organisation.as_str().into(), network.into(), instance.into(), until.into()]).await?;
    Ok(())
}
