//! Everybody who ever logged in, page by page, for whoever leaves.

use lifecycle::grant::Grant;
use lifecycle::ids::{OrganisationId, PersonId};

use crate::driver::{StoreError, Tx};
use crate::grants::{Person, Place, read_grant, read_person};

/// A person with the place they log in at, and the grant they gave, if it is still there.
#[derive(Debug, Clone)]
pub struct Login {
    /// Who.
    pub person: Person,
    /// Where.
    pub place: Place,
    /// What they granted, without the secrets.
    pub grant: Option<Grant>,
}

/// People of an organisation in the order of their ids, after one of them.
pub async fn after(tx: &mut Tx, organisation: &OrganisationId, last: Option<&PersonId>, limit: u32) -> Result<Vec<Login>, StoreError> {
    let sql = "SELECT * FROM people WHERE organisation_id = $1 AND id > $2 ORDER BY id LIMIT $3";
    let values = [organisation.as_str().into(), last.map_or("", PersonId::as_str).into(), limit.into()];
    let mut logins = vec![];
    for row in tx.all(sql, &values).await? {
        let person = read_person(&row)?;
        let place = Place { network: row.text("network")?, instance: row.text("instance")? };
        let grant = tx.one("SELECT * FROM grants WHERE person_id = $1", &[person.id.as_str().into()]).await?;
        let grant = grant.as_ref().map(read_grant).transpose()?;
        logins.push(Login { person, place, grant });
    }
    Ok(logins)
}

/// Who has that id at a network.
pub async fn at(tx: &mut Tx, organisation: &OrganisationId, place: &Place, network_id: &str) -> Result<Option<Person>, StoreError> {
    let sql = "SELECT * FROM people WHERE organisation_id = $1 AND network = $2 AND instance = $3 AND network_id = $4";
    let values = [organisation.as_str().into(), place.network.as_str().into(), place.instance.as_str().into(), network_id.into()];
    tx.one(sql, &values).await?.as_ref().map(read_person).transpose()
}
