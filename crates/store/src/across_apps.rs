//! One human under several apps of ours: a network that shows another id of a person to each app (TikTok) also says which of these ids
//! belong together, in all apps of one developer. Whoever logs in after the app was changed is the person who is known already, and so
//! is the profile.

use lifecycle::ids::{OrganisationId, PersonId};

use crate::connections::Connection;
use crate::driver::{StoreError, Tx, Value, placeholders};
use crate::grants::{Place, of_person};

fn at(organisation: &OrganisationId, place: &Place) -> Vec<Value> {
    vec![organisation.as_str().into(), place.network.as_str().into(), place.instance.as_str().into()]
}

const AT: &str = "organisation_id = $1 AND network = $2 AND instance = $3";

/// Whether one of these people, by the ids under which they are known here, is the human whom the network names so across apps.
///
/// # Errors
/// When the storage cannot be asked.
pub async fn is_one_of(
    tx: &mut Tx,
    organisation: &OrganisationId,
    place: &Place,
    across_apps: &str,
    network_ids: &[String],
) -> Result<bool, StoreError> {
    for some in network_ids.chunks(500) {
        let mut values = at(organisation, place);
        values.push(across_apps.into());
        values.extend(some.iter().map(|id| Value::from(id.as_str())));
        let sql = format!("SELECT id FROM people WHERE {AT} AND across_apps = $4 AND network_id IN ({})", placeholders(5, some.len()));
        if tx.one(&sql, &values).await?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Somebody logs in under an id that is not known here. Where the network says that it is somebody who is known by another, the person
/// and what they are known to act as get the new ids: those of the app of before lead nowhere any more. Whether it was so.
pub(crate) async fn come_back(
    tx: &mut Tx,
    connection: &Connection,
    network_id: &str,
    across_apps: Option<&str>,
) -> Result<bool, StoreError> {
    let (organisation, place) = (&connection.organisation, &connection.place);
    let Some(across_apps) = across_apps else { return Ok(false) };
    let with = |more: &[&str]| at(organisation, place).into_iter().chain(more.iter().map(|text| Value::from(*text))).collect::<Vec<_>>();
    if tx.one(&format!("SELECT id FROM people WHERE {AT} AND network_id = $4"), &with(&[network_id])).await?.is_some() {
        return Ok(false);
    }
    let sql = format!("SELECT id, network_id FROM people WHERE {AT} AND across_apps = $4 ORDER BY updated_at DESC, id LIMIT 1");
    let Some(known) = tx.one(&sql, &with(&[across_apps])).await? else { return Ok(false) };
    let (person, before): (PersonId, String) = (known.parsed("id")?, known.text("network_id")?);
    // Grants before profiles, as everywhere.
    let grant = of_person(tx, &person).await?;
    tx.run("UPDATE people SET network_id = $2 WHERE id = $1", &[person.as_str().into(), network_id.into()]).await?;
    let sql = format!(
        "UPDATE profiles SET network_id = $5 WHERE {AT} AND network_id = $4 \
         AND NOT EXISTS (SELECT 1 FROM profiles other WHERE other.organisation_id = $1 AND other.network = $2 AND other.instance = $3 AND other.network_id = $5)"
    );
    tx.run(&sql, &with(&[&before, network_id])).await?;
    if let Some(grant) = grant {
        let sql = "UPDATE assets SET network_id = $3 WHERE grant_id = $1 AND network_id = $2 \
                   AND NOT EXISTS (SELECT 1 FROM assets other WHERE other.grant_id = $1 AND other.network_id = $3)";
        tx.run(sql, &[grant.id.as_str().into(), before.into(), network_id.into()]).await?;
    }
    Ok(true)
}

/// Keeps the id that a person has across apps. One that was not read leaves the one that is known.
pub(crate) async fn note(tx: &mut Tx, person: &PersonId, across_apps: Option<&str>) -> Result<(), StoreError> {
    let Some(across_apps) = across_apps else { return Ok(()) };
    tx.run("UPDATE people SET across_apps = $2 WHERE id = $1", &[person.as_str().into(), across_apps.into()]).await?;
    Ok(())
}
