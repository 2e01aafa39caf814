//! The delivery log: every message that left the house or wants to, as people read it.

use lifecycle::departure::WaitsFor;
use lifecycle::ids::{EndpointId, OrganisationId, OutboxId};
use lifecycle::time::Timestamp;
use serde_json::Value as Json;

use crate::driver::{Row, StoreError, Tx};
use crate::fan_out;
use crate::webhooks::Endpoint;

/// A message in the log.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Its id; also its identity at the receiver.
    pub id: OutboxId,
    /// What it tells: the name of a mail, or the kind of event.
    pub kind: String,
    /// By which way: `mail`, or the kind of an endpoint.
    pub channel: String,
    /// To whom: an address, or an endpoint.
    pub recipient: String,
    /// What it says.
    pub payload: Json,
    /// When it became necessary.
    pub created_at: Timestamp,
    /// Why it waits, if it is not for another try.
    pub waits_for: Option<WaitsFor>,
    /// It left in that digest.
    pub gathered_in: Option<OutboxId>,
    /// When it is tried next.
    pub due_at: Option<Timestamp>,
    /// How often it was tried.
    pub tries: i64,
    /// When the receiver took it.
    pub sent_at: Option<Timestamp>,
    /// When it was given up.
    pub gave_up_at: Option<Timestamp>,
    /// What went wrong last.
    pub last_error: Option<String>,
}

fn read(row: &Row) -> Result<Delivery, StoreError> {
    Ok(Delivery {
        id: row.parsed("id")?,
        kind: row.text("kind")?,
        channel: row.text("channel")?,
        recipient: row.text("recipient")?,
        // One that cannot be read stays in the log, without what it says.
        payload: row.json("payload").unwrap_or(Json::Null),
        created_at: row.time("created_at")?,
        waits_for: row.opt_text("waits_for")?.as_deref().and_then(WaitsFor::parse),
        gathered_in: row.opt_parsed("gathered_in")?,
        due_at: row.opt_time("due_at")?,
        tries: row.int("tries")?,
        sent_at: row.opt_time("sent_at")?,
        gave_up_at: row.opt_time("gave_up_at")?,
        last_error: row.opt_text("last_error")?,
    })
}

/// Messages of an organisation, newest first; those of one recipient if asked for. `before` is the last one seen.
pub async fn list(
    tx: &mut Tx,
    organisation: &OrganisationId,
    recipient: Option<&str>,
    before: Option<&OutboxId>,
    limit: u32,
) -> Result<Vec<Delivery>, StoreError> {
    let mut sql = String::from("SELECT * FROM outbox WHERE organisation_id = $1");
    let mut values = vec![organisation.as_str().into()];
    if let Some(recipient) = recipient {
        values.push(recipient.into());
        sql.push_str(" AND recipient = $2");
    }
    if let Some(before) = before {
        values.push(before.as_str().into());
        let n = values.len();
        sql.push_str(&format!(" AND (created_at, id) < (SELECT created_at, id FROM outbox WHERE id = ${n})"));
    }
    values.push(limit.into());
    sql.push_str(&format!(" ORDER BY created_at DESC, id DESC LIMIT ${}", values.len()));
    tx.all(&sql, &values).await?.iter().map(read).collect()
}

/// One message.
pub async fn get(tx: &mut Tx, organisation: &OrganisationId, id: &OutboxId) -> Result<Option<Delivery>, StoreError> {
    let sql = "SELECT * FROM outbox WHERE id = $1 AND organisation_id = $2";
    tx.one(sql, &[id.as_str().into(), organisation.as_str().into()]).await?.as_ref().map(read).transpose()
}

/// Sends a message to an endpoint once more, under the same identity: a receiver that has it already ignores it. `false`
/// while it is still on its way, or when it is none of that endpoint's.
pub async fn replay(
    tx: &mut Tx,
    organisation: &OrganisationId,
    endpoint: &EndpointId,
    id: &OutboxId,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let sql = "UPDATE outbox SET due_at = $4, tries = 0, lease_until = NULL, sent_at = NULL, gave_up_at = NULL, last_error = NULL \
               WHERE id = $1 AND organisation_id = $2 AND recipient = $3 AND due_at IS NULL";
    Ok(tx.run(sql, &[id.as_str().into(), organisation.as_str().into(), endpoint.as_str().into(), now.into()]).await? == 1)
}

/// Puts a message into the outbox by which an admin sees whether an endpoint listens.
pub async fn test(tx: &mut Tx, endpoint: &Endpoint, now: Timestamp) -> Result<OutboxId, StoreError> {
    let payload = serde_json::json!({ "type": "endpoint.test", "at": now.as_micros(), "profiles": [] });
    let dedupe = format!("test:{}:{}", endpoint.id, now.as_micros());
    fan_out::write(tx, endpoint, "endpoint.test", &dedupe, &payload, now).await
}
