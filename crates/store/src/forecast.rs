//! What the forecast looks at: the profiles whose accesses end before a day, with those accesses.

use std::collections::BTreeMap;

use lifecycle::access::Access;
use lifecycle::grant::Grant;
use lifecycle::ids::{OrganisationId, PersonId, ProfileId};
use lifecycle::time::Timestamp;

use crate::driver::{StoreError, Tx, Value};
use crate::grants::{Person, read_person};
use crate::profiles::{self, Narrow, Profile};
use crate::standing::edges_of;

/// A profile with everything that makes it work.
#[derive(Debug)]
pub struct Held {
    /// The profile.
    pub profile: Profile,
    /// Its accesses with their grants.
    pub edges: Vec<(Access, Grant)>,
}

/// The profiles that have no access token, or of which one ends before that day; `limit` at most, soonest first.
pub async fn ending(
    tx: &mut Tx,
    organisation: &OrganisationId,
    visible_to: Option<&Narrow>,
    until: Timestamp,
    limit: u32,
) -> Result<Vec<Held>, StoreError> {
    let profiles = profiles::ending(tx, organisation, visible_to, until, limit).await?;
    let ids: Vec<ProfileId> = profiles.iter().map(|profile| profile.id.clone()).collect();
    let mut edges: BTreeMap<ProfileId, Vec<(Access, Grant)>> = BTreeMap::new();
    for some in ids.chunks(500) {
        edges.extend(edges_of(tx, &some.iter().collect::<Vec<_>>()).await?);
    }
    let held = |profile: Profile| Held { edges: edges.remove(&profile.id).unwrap_or_default(), profile };
    Ok(profiles.into_iter().map(held).collect())
}

/// People by their ids.
pub async fn people(tx: &mut Tx, organisation: &OrganisationId, ids: &[PersonId]) -> Result<BTreeMap<PersonId, Person>, StoreError> {
    let mut people = BTreeMap::new();
    for some in ids.chunks(500) {
        let mut values: Vec<Value> = vec![organisation.as_str().into()];
        values.extend(some.iter().map(|id| Value::from(id.as_str())));
        let sql = profiles::by_ids_statement("people", some.len());
        for row in tx.all(&sql, &values).await? {
            let person = read_person(&row)?;
            people.insert(person.id.clone(), person);
        }
    }
    Ok(people)
}
