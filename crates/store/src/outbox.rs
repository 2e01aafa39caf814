//! Messages on their way. A row is written in the transaction that made it necessary, claimed with a lease, sent at least
//! once with a stable identity, and given up only after ten tries over three days (NF-01 to NF-03).

use std::collections::{BTreeMap, BTreeSet};

use lifecycle::departure::next_try;
use lifecycle::ids::{OrganisationId, OutboxId, UserId};
use lifecycle::permission::Role;
use lifecycle::time::{Span, Timestamp};
use serde_json::json;
use zeroize::Zeroizing;

use crate::Store;
use crate::driver::{Row, StoreError, Tx, Value, placeholders, to_json};
use crate::events::{self, About, Actor};
use crate::ids::fresh;
use crate::seal::Context;
use crate::{digests, telling, users};

/// How long a claimed message is left alone; longer than any mail server takes.
const LEASE: Span = Span::minutes(5);

/// A message to send.
#[derive(Debug)]
pub struct Letter {
    /// Its id; also its identity at the receiver.
    pub id: OutboxId,
    /// Of which organisation.
    pub organisation: OrganisationId,
    /// Which mail.
    pub kind: String,
    /// By which way: `mail`, or the kind of an endpoint.
    pub channel: String,
    /// To whom: an address, or an endpoint.
    pub recipient: String,
    /// The user it is for, if it is one.
    pub user: Option<UserId>,
    /// In which language.
    pub language: String,
    /// In which zone that user lives now; nobody's: `None`.
    pub zone: Option<String>,
    /// What it says.
    pub payload: serde_json::Value,
    /// A link that must not lie in the clear.
    pub link: Option<Zeroizing<String>>,
    /// How often it was tried, this time included.
    pub tries: i64,
    /// When it became necessary.
    pub created_at: Timestamp,
}

pub(crate) fn context<'a>(id: &'a str, organisation: &'a str) -> Context<'a> {
    Context { table: "outbox", column: "sealed_payload", row: id, organisation, generation: None }
}

impl Store {
    /// Puts a message with a secret link (an invitation, a renewal link) into the outbox.
    #[expect(clippy::too_many_arguments, reason = "one row, written once, in one place")]
    pub async fn send_link(
        &self,
        tx: &mut Tx,
        organisation: &OrganisationId,
        kind: &str,
        recipient: &str,
        language: &str,
        payload: &serde_json::Value,
        link: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let id: OutboxId = fresh();
        let sealed = self.keys().seal(&context(id.as_str(), organisation.as_str()), link.as_bytes());
        let sql = "INSERT INTO outbox (id, organisation_id, kind, dedupe, channel, recipient, language, payload, sealed_payload, created_at, due_at, tries) \
                   VALUES ($1, $2, $3, $4, 'mail', $5, $6, $7, $8, $9, $9, 0)";
        let dedupe = format!("{kind}:{id}");
        let values = [
            id.as_str().into(),
            organisation.as_str().into(),
            kind.into(),
            dedupe.into(),
            recipient.into(),
            language.into(),
            to_json(payload)?.into(),
            sealed.into(),
            now.into(),
        ];
        tx.run(sql, &values).await?;
        Ok(())
    }

    /// Claims mails that are due. The try is counted before it is made (NF-02). A message that cannot be read is given
    /// up, with an event, and does not stop the others.
    pub async fn claim_letters(&self, now: Timestamp, limit: u32) -> Result<Vec<Letter>, StoreError> {
        self.claim(now, limit, "channel = 'mail'", &[]).await
    }

    /// Claims messages to endpoints that are due, apart from the mails: neither waits for the other. Nothing is claimed for
    /// the endpoints named.
    pub async fn claim_deliveries(&self, now: Timestamp, limit: u32, except: &[&str]) -> Result<Vec<Letter>, StoreError> {
        self.claim(now, limit, "channel NOT IN ('mail', 'digest')", except).await
    }

    async fn claim(&self, now: Timestamp, limit: u32, channel: &str, except: &[&str]) -> Result<Vec<Letter>, StoreError> {
        let mut look = self.read().await?;
        let due = format!("SELECT id FROM outbox WHERE due_at <= $1 AND (lease_until IS NULL OR lease_until <= $1) AND {channel}");
        if look.one(&format!("{due} LIMIT 1"), &[now.into()]).await?.is_none() {
            return Ok(vec![]);
        }
        drop(look);
        let mut values: Vec<Value> = vec![now.into(), (now + LEASE).into(), limit.into()];
        values.extend(except.iter().map(|name| Value::from(*name)));
        let others = if except.is_empty() { String::new() } else { format!(" AND recipient NOT IN ({})", placeholders(4, except.len())) };
        let mut tx = self.write().await?;
        let sql = format!(
            "UPDATE outbox SET lease_until = $2, tries = tries + 1, waits_for = NULL WHERE id IN ({due}{others} ORDER BY due_at, id LIMIT $3{}) RETURNING *",
            tx.dialect().skip_locked()
        );
        let mut letters = vec![];
        for row in tx.all(&sql, &values).await? {
            match self.read_letter(&row) {
                Ok(letter) => letters.push(letter),
                Err(error @ (StoreError::Seal(_) | StoreError::Broken(_))) => set_aside(&mut tx, &row, &error, now).await?,
                Err(other) => return Err(other),
            }
        }
        find_zones(&mut tx, &mut letters).await?;
        tx.commit().await?;
        // What was written in one moment leaves in the order of writing, which the ids keep.
        letters.sort_by(|one, other| (one.created_at, &one.id).cmp(&(other.created_at, &other.id)));
        Ok(letters)
    }

    fn read_letter(&self, row: &Row) -> Result<Letter, StoreError> {
        let (id, organisation): (OutboxId, OrganisationId) = (row.parsed("id")?, row.parsed("organisation_id")?);
        let link = match row.opt_bytes("sealed_payload")? {
            Some(sealed) => {
                let plain = self.keys().open(&context(id.as_str(), organisation.as_str()), &sealed)?;
                let text = std::str::from_utf8(&plain).map_err(|_| StoreError::Broken("sealed_payload: not text".into()))?;
                Some(Zeroizing::new(text.to_owned()))
            }
            None => None,
        };
        Ok(Letter { link, ..plain(row)? })
    }

    /// It was taken over by the receiver. A sender whose claim ran out and was taken over by another changes nothing.
    pub async fn letter_sent(&self, letter: &Letter, now: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        let sql = "UPDATE outbox SET sent_at = $3, due_at = NULL, lease_until = NULL, sealed_payload = NULL, last_error = NULL \
                   WHERE id = $1 AND tries = $2 AND due_at IS NOT NULL";
        if tx.run(sql, &[letter.id.as_str().into(), letter.tries.into(), now.into()]).await? == 0 {
            return Ok(());
        }
        // What reached an endpoint stands in the delivery log only: the event that it speaks of is in the history already.
        if letter.channel == "mail" {
            let detail = json!({ "mail": letter.kind, "recipient": letter.recipient, "tries": letter.tries });
            log(&mut tx, letter, "notification.sent", &Actor::Keeper, &detail, now).await?;
        }
        // A relay takes everything and may send it back later: only what its reader asked for to see whether mails arrive says that they do.
        if let Some(user) = letter.user.as_ref().filter(|_| letter.kind == "test_mail") {
            users::reached(&mut tx, user, &letter.recipient).await?;
        }
        if letter.kind == "digest" {
            digests::arrived(&mut tx, &letter.id, now).await?;
        }
        tx.commit().await
    }

    /// It was not; later, or never again.
    pub async fn letter_failed(&self, letter: &Letter, error: &str, now: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        let Some(again) = next_try(letter.tries, now) else {
            give_up(&mut tx, letter, error, now).await?;
            return tx.commit().await;
        };
        let values = [letter.id.as_str().into(), letter.tries.into(), error.into(), again.into()];
        let sql = "UPDATE outbox SET due_at = $4, lease_until = NULL, last_error = $3 WHERE id = $1 AND tries = $2 AND due_at IS NOT NULL";
        tx.run(sql, &values).await?;
        tx.commit().await
    }

    /// The mail server refuses the address for good: the user is passed over until a mail arrives there again, and whoever is next
    /// on the ladder hears at once what matters (NF-03).
    pub async fn letter_refused(&self, letter: &Letter, why: &str, now: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        let known = match &letter.user {
            Some(user) => users::refuse_address(&mut tx, user, &letter.recipient, why, now).await?,
            None => false,
        };
        give_up(&mut tx, letter, why, now).await?;
        if known {
            let detail = json!({ "recipient": letter.recipient, "error": why });
            events::append(&mut tx, &letter.organisation, now, "notification.unreachable", &Actor::Keeper, &About::default(), &detail)
                .await?;
        }
        tx.commit().await
    }

    /// There is no sense in trying again: the receiver is gone, switched off or deleted.
    pub async fn letter_given_up(&self, letter: &Letter, why: &str, now: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        give_up(&mut tx, letter, why, now).await?;
        tx.commit().await
    }
}

/// Somebody was switched off or deleted: what still waits for them is told to the company admins instead (NF-03).
pub(crate) async fn withdraw(tx: &mut Tx, user: &UserId, now: Timestamp) -> Result<(), StoreError> {
    let sql = format!("SELECT * FROM outbox WHERE user_id = $1 AND due_at IS NOT NULL ORDER BY id{}", tx.dialect().for_update());
    for row in tx.all(&sql, &[user.as_str().into()]).await? {
        give_up(tx, &plain(&row)?, "the account was switched off", now).await?;
    }
    Ok(())
}

/// A message that its reader does not want any more; what matters of it is told to the company admins instead.
pub(crate) async fn refuse(tx: &mut Tx, row: &Row, why: &str, now: Timestamp) -> Result<(), StoreError> {
    give_up(tx, &plain(row)?, why, now).await
}

/// In whose time days and hours are told: as its reader lives when it leaves, wherever that was when it was written.
async fn find_zones(tx: &mut Tx, letters: &mut [Letter]) -> Result<(), StoreError> {
    let readers: BTreeSet<UserId> = letters.iter().filter_map(|letter| letter.user.clone()).collect();
    if readers.is_empty() {
        return Ok(());
    }
    let sql = format!("SELECT id, time_zone FROM users WHERE id IN ({})", placeholders(1, readers.len()));
    let ids: Vec<Value> = readers.iter().map(|id| id.as_str().into()).collect();
    let mut zones: BTreeMap<UserId, String> = BTreeMap::new();
    for row in tx.all(&sql, &ids).await? {
        zones.insert(row.parsed("id")?, row.text("time_zone")?);
    }
    for letter in letters {
        letter.zone = letter.user.as_ref().and_then(|user| zones.get(user).cloned());
    }
    Ok(())
}

/// What is not sealed of a message.
pub(crate) fn plain(row: &Row) -> Result<Letter, StoreError> {
    Ok(Letter {
        id: row.parsed("id")?,
        organisation: row.parsed("organisation_id")?,
        kind: row.text("kind")?,
        channel: row.text("channel")?,
        recipient: row.text("recipient")?,
        user: row.opt_parsed("user_id")?,
        language: row.text("language")?,
        zone: None,
        payload: row.json("payload")?,
        tries: row.int("tries")?,
        created_at: row.time("created_at")?,
        link: None,
    })
}

async fn give_up(tx: &mut Tx, letter: &Letter, error: &str, now: Timestamp) -> Result<(), StoreError> {
    let sql = "UPDATE outbox SET gave_up_at = $4, due_at = NULL, lease_until = NULL, sealed_payload = NULL, last_error = $3 \
               WHERE id = $1 AND tries = $2 AND due_at IS NOT NULL";
    let values = [letter.id.as_str().into(), letter.tries.into(), error.into(), now.into()];
    if tx.run(sql, &values).await? == 1 {
        not_delivered(tx, letter, error, &Actor::Keeper, now).await?;
    }
    Ok(())
}

/// What follows when a message does not arrive, as whoever says so found: it stands in the history, what matters of it, or of all that a
/// digest brought, is told to somebody else, and whoever sent it hears of it.
pub(crate) async fn not_delivered(tx: &mut Tx, letter: &Letter, error: &str, by: &Actor, now: Timestamp) -> Result<(), StoreError> {
    let detail = json!({ "mail": letter.kind, "channel": letter.channel, "recipient": letter.recipient, "error": error });
    log(tx, letter, "notification.failed", by, &detail, now).await?;
    escalate(tx, letter, now).await?;
    telling::tell_sender(tx, letter, error, now).await?;
    if letter.kind == "digest" {
        for row in digests::lost(tx, &letter.id, error, now).await? {
            escalate(tx, &plain(&row)?, now).await?;
        }
    }
    Ok(())
}

/// What could not be told to its reader is told to whoever is next on the ladder where the reader's address is refused, and to the
/// company admins otherwise (NF-03), each once; what cannot be told to them either stays in the delivery log.
pub(crate) async fn escalate(tx: &mut Tx, letter: &Letter, now: Timestamp) -> Result<(), StoreError> {
    let matters = ["no_access_tokens", "storm", "reminder", "renew_soon", "last_remaining"].contains(&letter.kind.as_str());
    if !["mail", "digest"].contains(&letter.channel.as_str()) || !matters {
        return Ok(());
    }
    let reader = match &letter.user {
        Some(user) => users::by_id(tx, user).await?,
        None => None,
    };
    let is_refused = reader.is_some_and(|reader| reader.refused.is_some());
    // One rung further for each address that is refused; what fails in another way goes to the company admins and no further.
    let instead = match (is_refused, letter.payload["undelivered"].is_null()) {
        (true, _) => telling::readers_instead(tx, &letter.organisation, &letter.kind, &letter.payload).await?,
        (false, true) => users::with_role(tx, &letter.organisation, Role::CompanyAdmin).await?,
        (false, false) => return Ok(()),
    };
    let first = letter.payload["undelivered"]["of"].as_str().unwrap_or(letter.id.as_str()).to_owned();
    let mut payload = letter.payload.clone();
    payload["undelivered"] = json!({ "to": letter.recipient, "of": first });
    for reader in instead {
        if reader.disabled_at.is_none() && reader.email != letter.recipient && !(is_refused && reader.refused.is_some()) {
            telling::insert(tx, &letter.kind, &reader, &payload, &format!("undelivered:{first}:{}", reader.id), now).await?;
        }
    }
    Ok(())
}

/// A message that cannot be read will never be sent: it is given up at once, loudly.
async fn set_aside(tx: &mut Tx, row: &Row, error: &StoreError, now: Timestamp) -> Result<(), StoreError> {
    let (id, organisation): (String, OrganisationId) = (row.text("id")?, row.parsed("organisation_id")?);
    tracing::error!(message = %id, error = %error, "store: a message cannot be read and is given up");
    let sql = "UPDATE outbox SET gave_up_at = $2, due_at = NULL, lease_until = NULL, sealed_payload = NULL, last_error = $3 WHERE id = $1";
    tx.run(sql, &[id.into(), now.into(), error.to_string().into()]).await?;
    let detail = json!({ "mail": row.text("kind")?, "recipient": row.text("recipient")?, "error": error.to_string() });
    events::append(tx, &organisation, now, "notification.failed", &Actor::System, &About::default(), &detail).await
}

/// In the history of every profile it speaks of; once for the organisation where it speaks of none.
async fn log(tx: &mut Tx, letter: &Letter, kind: &str, by: &Actor, detail: &serde_json::Value, now: Timestamp) -> Result<(), StoreError> {
    let mut about = about_profiles(letter);
    if about.is_empty() {
        about.push(About::default());
    }
    for about in about {
        events::append(tx, &letter.organisation, now, kind, by, &about, detail).await?;
    }
    Ok(())
}

fn about_profiles(letter: &Letter) -> Vec<About> {
    let profiles = letter.payload["profiles"].as_array().into_iter().flatten();
    let ids = profiles.filter_map(|profile| profile["id"].as_str()?.parse().ok());
    ids.map(|id| About { profile: Some(id), ..About::default() }).collect()
}
