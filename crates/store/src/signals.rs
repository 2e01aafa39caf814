//! What networks told us by themselves: taken once, and led to the grants it is about.

use lifecycle::ids::{GrantId, OrganisationId};
use lifecycle::time::Timestamp;

use crate::driver::{Row, StoreError, Tx};
use crate::seal;

/// Ids come from outside, of any length: what is kept is a hash.
fn key(network: &str, id: &str) -> String {
    format!("{network}/{}", seal::digest(id.as_bytes()))
}

/// Whether a happening was taken before.
pub async fn is_taken(tx: &mut Tx, network: &str, id: &str) -> Result<bool, StoreError> {
    Ok(tx.one("SELECT id FROM signals WHERE id = $1", &[key(network, id).into()]).await?.is_some())
}

/// Takes a happening; `false` when it was taken before.
pub async fn take(tx: &mut Tx, organisation: &OrganisationId, network: &str, id: &str, now: Timestamp) -> Result<bool, StoreError> {
    let id = key(network, id);
    let sql = "INSERT INTO signals (id, organisation_id, network, received_at) VALUES ($1, $2, $3, $4) ON CONFLICT (id) DO NOTHING";
    Ok(tx.run(sql, &[id.into(), organisation.as_str().into(), network.into(), now.into()]).await? == 1)
}

fn grants(rows: &[Row]) -> Result<Vec<GrantId>, StoreError> {
    rows.iter().map(|row| row.parsed("id")).collect()
}

/// The grants of a person, by network id, or by the other one under which the network speaks of them.
pub async fn grants_of_person(
    tx: &mut Tx,
    organisation: &OrganisationId,
    network: &str,
    network_id: &str,
) -> Result<Vec<GrantId>, StoreError> {
    let sql = "SELECT grants.id FROM grants JOIN people ON people.id = grants.person_id WHERE people.organisation_id = $1 AND people.network = $2 \
               AND (people.network_id = $3 OR people.also_known_as = $3) ORDER BY grants.id";
    grants(&tx.all(sql, &[organisation.as_str().into(), network.into(), network_id.into()]).await?)
}

/// The grants of everybody who came with a login, by the login's id at the network: theirs is that id, or begins with it and a
/// slash.
pub async fn grants_of_login(tx: &mut Tx, organisation: &OrganisationId, network: &str, login: &str) -> Result<Vec<GrantId>, StoreError> {
    let sql = "SELECT grants.id FROM grants JOIN people ON people.id = grants.person_id WHERE people.organisation_id = $1 AND people.network = $2 \
               AND (people.network_id = $3 OR people.network_id LIKE $4 ESCAPE '\\') ORDER BY grants.id";
    let escaped = login.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    let values = [organisation.as_str().into(), network.into(), login.into(), format!("{escaped}/%").into()];
    grants(&tx.all(sql, &values).await?)
}

/// The grants through which a profile is held, by network id.
pub async fn grants_of_profile(
    tx: &mut Tx,
    organisation: &OrganisationId,
    network: &str,
    network_id: &str,
) -> Result<Vec<GrantId>, StoreError> {
    let sql = "SELECT accesses.grant_id AS id FROM accesses JOIN profiles ON profiles.id = accesses.profile_id WHERE profiles.organisation_id = $1 AND profiles.network = $2 AND profiles.network_id = $3 ORDER BY accesses.grant_id";
    grants(&tx.all(sql, &[organisation.as_str().into(), network.into(), network_id.into()]).await?)
}
