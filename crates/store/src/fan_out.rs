//! From events to outgoing messages: whatever is written into the log is written into the outbox for every endpoint that
//! wants to hear of it, in the same transaction (NF-01).

use std::collections::BTreeMap;

use lifecycle::ids::{OrganisationId, OutboxId, PersonId, ProfileId};
use lifecycle::time::Timestamp;
use serde_json::{Value as Json, json};

use crate::driver::{StoreError, Tx, to_json};
use crate::grants;
use crate::ids::fresh;
use crate::webhooks::{self, Endpoint, EndpointKind, SUBSCRIBABLE};

/// An event that somebody may have subscribed to.
#[derive(Debug, Clone)]
pub(crate) struct Happened {
    pub(crate) event: String,
    pub(crate) organisation: OrganisationId,
    pub(crate) at: Timestamp,
    pub(crate) kind: String,
    pub(crate) profile: Option<ProfileId>,
    pub(crate) person: Option<PersonId>,
    pub(crate) detail: Json,
}

/// Whether an event of that kind leaves the house.
pub(crate) fn is_told(kind: &str) -> bool {
    SUBSCRIBABLE.contains(&kind)
}

/// Writes one message per event for each server, and one per kind of event for each chat channel: a login that ends two
/// hundred pages is one line in a chat, not two hundred.
pub(crate) async fn fan_out(tx: &mut Tx, happened: &[Happened]) -> Result<(), StoreError> {
    let mut by_organisation: BTreeMap<&OrganisationId, Vec<&Happened>> = BTreeMap::new();
    for event in happened {
        by_organisation.entry(&event.organisation).or_default().push(event);
    }
    for (organisation, events) in by_organisation {
        let endpoints = webhooks::list(tx, organisation).await?;
        for endpoint in endpoints.iter().filter(|endpoint| endpoint.disabled_at.is_none()) {
            let mut groups: BTreeMap<&str, Vec<&Happened>> = BTreeMap::new();
            for event in events.iter().filter(|event| endpoint.events.contains(&event.kind)) {
                let group = if endpoint.kind == EndpointKind::Webhook { &event.event } else { &event.kind };
                groups.entry(group).or_default().push(event);
            }
            for group in groups.into_values() {
                put(tx, endpoint, &group).await?;
            }
        }
    }
    Ok(())
}

async fn put(tx: &mut Tx, endpoint: &Endpoint, events: &[&Happened]) -> Result<(), StoreError> {
    let Some(first) = events.first() else { return Ok(()) };
    let payload = payload(tx, first, events).await?;
    write(tx, endpoint, &first.kind, &format!("{}:{}", first.event, endpoint.id), &payload, first.at).await?;
    Ok(())
}

/// Writes one message for an endpoint.
pub(crate) async fn write(
    tx: &mut Tx,
    endpoint: &Endpoint,
    kind: &str,
    dedupe: &str,
    payload: &Json,
    now: Timestamp,
) -> Result<OutboxId, StoreError> {
    let id: OutboxId = fresh();
    let sql = "INSERT INTO outbox (id, organisation_id, kind, dedupe, channel, recipient, language, payload, created_at, due_at, tries) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, 0) ON CONFLICT (dedupe) DO NOTHING";
    let values = [
        id.as_str().into(),
        endpoint.organisation.as_str().into(),
        kind.into(),
        dedupe.into(),
        endpoint.kind.as_str().into(),
        endpoint.id.as_str().into(),
        endpoint.language.as_str().into(),
        to_json(payload)?.into(),
        now.into(),
    ];
    tx.run(sql, &values).await?;
    Ok(id)
}

async fn payload(tx: &mut Tx, first: &Happened, events: &[&Happened]) -> Result<Json, StoreError> {
    let mut profiles = vec![];
    for event in events.iter().filter(|event| event.profile.is_some()) {
        profiles.push(profile(tx, event).await?);
    }
    let person = match &first.person {
        Some(id) => grants::person(tx, id).await?,
        None => None,
    };
    let mut payload = first.detail.clone();
    payload["type"] = first.kind.as_str().into();
    payload["at"] = first.at.as_micros().into();
    payload["profiles"] = profiles.into();
    payload["person"] = person.map(|person| json!({ "name": person.name, "handle": person.handle })).into();
    Ok(payload)
}

/// A deleted profile is known by what its event says.
async fn profile(tx: &mut Tx, event: &Happened) -> Result<Json, StoreError> {
    let Some(id) = &event.profile else { return Ok(Json::Null) };
    let sql = "SELECT name, network, kind FROM profiles WHERE id = $1";
    Ok(match tx.one(sql, &[id.as_str().into()]).await? {
        Some(row) => {
            json!({ "id": id.as_str(), "name": row.text("name")?, "network": row.text("network")?, "kind": row.text("kind")? })
        }
        None => json!({ "id": id.as_str(), "name": event.detail["name"], "network": event.detail["network"] }),
    })
}
