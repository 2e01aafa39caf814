//! Mails that came back after the mail server had taken them: what a report says is done as if the address had been refused at once (NF-03).

use lifecycle::ids::{OrganisationId, OutboxId, UserId};
use lifecycle::time::{Span, Timestamp};
use serde_json::json;

use crate::Store;
use crate::driver::{Row, StoreError, Tx, Value, placeholders};
use crate::events::{self, About, Actor};
use crate::outbox::{self, Letter};
use crate::telling;
use crate::users::{self, User, email_key};

/// Mail servers try for five days at most (RFC 5321 4.5.4.1): what is older has arrived, or was told again.
const TRIED_FOR: Span = Span::days(5);

/// What a report says of one address.
#[derive(Debug)]
pub struct Report<'a> {
    /// The address, in every way the report writes it.
    pub addresses: &'a [String],
    /// Which mail it may be about, most likely first. Only one that went to that address counts.
    pub messages: &'a [OutboxId],
    /// The address is refused for good; otherwise only this mail did not arrive.
    pub refused: bool,
    /// Why, in the mail server's words.
    pub why: &'a str,
    /// Whether whoever reports answers for it: then an address is believed without a mail that went there.
    pub vouched: bool,
}

/// What was done about it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Bounced {
    /// The mail of ours that came back.
    pub message: Option<OutboxId>,
    /// Whose address it is now.
    pub user: Option<UserId>,
}

impl Store {
    /// Takes a report: the mail counts as come back, what matters of it is told to whoever is next, and a refused address is passed over
    /// from now on. Saying it again changes nothing more. Nothing in the answer: neither the address nor the mail is known.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn mail_came_back(
        &self,
        organisation: &OrganisationId,
        report: &Report<'_>,
        by: &Actor,
        now: Timestamp,
    ) -> Result<Bounced, StoreError> {
        let mut tx = self.write().await?;
        let letter = letter(&mut tx, organisation, report).await?;
        if letter.is_none() && !report.vouched {
            return Ok(Bounced::default());
        }
        let user = reader(&mut tx, organisation, report).await?;
        let newly = match &user {
            // What is known keeps its day and its reason.
            Some(user) if report.refused && user.refused.is_none() => refuse(&mut tx, user, report.why, by, now).await?,
            _ => false,
        };
        if let Some(letter) = &letter {
            came_back(&mut tx, letter, report.why, by, now).await?;
        } else {
            if let Some(user) = user.as_ref().filter(|_| newly) {
                for row in told_lately(&mut tx, user, now).await? {
                    outbox::escalate(&mut tx, &outbox::plain(&row)?, now).await?;
                }
            }
            for row in links_lately(&mut tx, organisation, report.addresses, now).await? {
                telling::tell_sender(&mut tx, &outbox::plain(&row)?, report.why, now).await?;
            }
        }
        tx.commit().await?;
        Ok(Bounced { message: letter.map(|letter| letter.id), user: user.map(|user| user.id) })
    }
}

/// The mail that a report is about: it went to that very address.
async fn letter(tx: &mut Tx, organisation: &OrganisationId, report: &Report<'_>) -> Result<Option<Letter>, StoreError> {
    let lock = tx.dialect().for_update();
    for id in report.messages {
        let sql = format!("SELECT * FROM outbox WHERE id = $1 AND organisation_id = $2 AND channel = 'mail'{lock}");
        let Some(row) = tx.one(&sql, &[id.as_str().into(), organisation.as_str().into()]).await? else { continue };
        let letter = outbox::plain(&row)?;
        let to = email_key(&letter.recipient);
        if report.addresses.iter().any(|address| email_key(address) == to) {
            return Ok(Some(letter));
        }
    }
    Ok(None)
}

/// Whose address it is now.
async fn reader(tx: &mut Tx, organisation: &OrganisationId, report: &Report<'_>) -> Result<Option<User>, StoreError> {
    for address in report.addresses {
        if let Some(user) = users::by_email(tx, address).await?.filter(|user| user.organisation == *organisation) {
            return Ok(Some(user));
        }
    }
    Ok(None)
}

async fn refuse(tx: &mut Tx, user: &User, why: &str, by: &Actor, now: Timestamp) -> Result<bool, StoreError> {
    if !users::refuse_address(tx, &user.id, &user.email, why, now).await? {
        return Ok(false);
    }
    let detail = json!({ "recipient": user.email, "error": why });
    events::append(tx, &user.organisation, now, "notification.unreachable", by, &About::default(), &detail).await?;
    Ok(true)
}

/// It was sent and is given up: both moments stand in the delivery log.
async fn came_back(tx: &mut Tx, letter: &Letter, why: &str, by: &Actor, now: Timestamp) -> Result<(), StoreError> {
    let sql = "UPDATE outbox SET gave_up_at = $2, due_at = NULL, lease_until = NULL, sealed_payload = NULL, last_error = $3 \
               WHERE id = $1 AND gave_up_at IS NULL";
    if tx.run(sql, &[letter.id.as_str().into(), now.into(), why.into()]).await? == 0 {
        return Ok(());
    }
    outbox::not_delivered(tx, letter, why, by, now).await
}

/// Where no mail is named, every link that went there these days may have come back.
async fn links_lately(tx: &mut Tx, organisation: &OrganisationId, addresses: &[String], now: Timestamp) -> Result<Vec<Row>, StoreError> {
    let sql = "SELECT * FROM outbox WHERE recipient = $1 AND organisation_id = $2 AND kind IN ('invitation', 'renewal_link') \
               AND created_at >= $3 AND sent_at IS NOT NULL AND gave_up_at IS NULL ORDER BY id";
    let mut found = vec![];
    for address in addresses {
        found.extend(tx.all(sql, &[address.as_str().into(), organisation.as_str().into(), (now - TRIED_FOR).into()]).await?);
    }
    Ok(found)
}

/// Where no mail is named, every one of these days may have come back: those that matter still, one by one or out of digests.
async fn told_lately(tx: &mut Tx, user: &User, now: Timestamp) -> Result<Vec<Row>, StoreError> {
    let sql = "SELECT * FROM outbox WHERE user_id = $1 AND channel IN ('mail', 'digest') AND recipient = $2 AND sent_at >= $3 \
               AND gave_up_at IS NULL ORDER BY id";
    let values = [user.id.as_str().into(), user.email.as_str().into(), (now - TRIED_FOR).into()];
    let mut found = vec![];
    for row in tx.all(sql, &values).await? {
        let said: serde_json::Value = row.json("payload")?;
        let profiles = said["profiles"].as_array().into_iter().flatten();
        let ids: Vec<Value> = profiles.filter_map(|profile| profile["id"].as_str().map(Value::from)).collect();
        if ids.is_empty() {
            continue;
        }
        let open = format!(
            "SELECT id FROM profiles WHERE id IN ({}) AND status IN ('disconnected', 'renew_soon') LIMIT 1",
            placeholders(1, ids.len())
        );
        if tx.one(&open, &ids).await?.is_some() {
            found.push(row);
        }
    }
    Ok(found)
}
