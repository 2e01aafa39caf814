//! Messages on their way. A row is written in the transaction that made it necessary, claimed with a lease, sent at least
//! once with a stable identity, and given up only after ten tries over three days (NF-01 to NF-03).

use lifecycle::ids::{OrganisationId, OutboxId};
use lifecycle::time::{Span, Timestamp};
use serde_json::json;
use zeroize::Zeroizing;

use crate::Store;
use crate::driver::{StoreError, Tx, to_json};
use crate::events::{self, About, Actor};
use crate::ids::fresh;
use crate::seal::Context;

/// How long a claimed message is left alone; longer than any mail server takes.
const LEASE: Span = Span::minutes(5);

/// Waiting after the first, second … failure: ten attempts over about 75 hours.
const LADDER: [Span; 9] = [
    Span::seconds(5),
    Span::minutes(1),
    Span::minutes(5),
    Span::minutes(30),
    Span::hours(2),
    Span::hours(6),
    Span::hours(12),
    Span::hours(22),
    Span::hours(32),
];

/// A message to send.
#[derive(Debug)]
pub struct Letter {
    /// Its id; also its identity at the receiver.
    pub id: OutboxId,
    /// Of which organisation.
    pub organisation: OrganisationId,
    /// Which mail.
    pub kind: String,
    /// To whom.
    pub recipient: String,
    /// In which language.
    pub language: String,
    /// What it says.
    pub payload: serde_json::Value,
    /// A link that must not lie in the clear.
    pub link: Option<Zeroizing<String>>,
    /// How often it was tried, this time included.
    pub tries: i64,
    /// When it became necessary.
    pub created_at: Timestamp,
}

fn context<'a>(id: &'a str, organisation: &'a str) -> Context<'a> {
    Context { table: "outbox", column: "sealed_payload", row: id, organisation }
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

    /// Claims messages that are due. The try is counted before it is made (NF-02).
    pub async fn claim_letters(&self, now: Timestamp, limit: u32) -> Result<Vec<Letter>, StoreError> {
        let mut look = self.read().await?;
        let due = "SELECT id FROM outbox WHERE due_at <= $1 AND (lease_until IS NULL OR lease_until <= $1)";
        if look.one(&format!("{due} LIMIT 1"), &[now.into()]).await?.is_none() {
            return Ok(vec![]);
        }
        drop(look);
        let mut tx = self.write().await?;
        let sql = format!(
            "UPDATE outbox SET lease_until = $2, tries = tries + 1 WHERE id IN ({due} ORDER BY due_at LIMIT $3{}) RETURNING *",
            tx.dialect().skip_locked()
        );
        let mut letters = vec![];
        for row in tx.all(&sql, &[now.into(), (now + LEASE).into(), limit.into()]).await? {
            let (id, organisation): (OutboxId, OrganisationId) = (row.parsed("id")?, row.parsed("organisation_id")?);
            let link = match row.opt_bytes("sealed_payload")? {
                Some(sealed) => Some(Zeroizing::new(
                    String::from_utf8_lossy(&self.keys().open(&context(id.as_str(), organisation.as_str()), &sealed)?).into_owned(),
                )),
                None => None,
            };
            letters.push(Letter {
                kind: row.text("kind")?,
                recipient: row.text("recipient")?,
                language: row.text("language")?,
                payload: row.json("payload")?,
                tries: row.int("tries")?,
                created_at: row.time("created_at")?,
                id,
                organisation,
                link,
            });
        }
        tx.commit().await?;
        Ok(letters)
    }

    /// It was taken over by the receiver.
    pub async fn letter_sent(&self, letter: &Letter, now: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        tx.run(
            "UPDATE outbox SET sent_at = $2, due_at = NULL, lease_until = NULL, sealed_payload = NULL, last_error = NULL WHERE id = $1",
            &[letter.id.as_str().into(), now.into()],
        )
        .await?;
        let detail = json!({ "mail": letter.kind, "recipient": letter.recipient, "tries": letter.tries });
        for about in about_profiles(letter) {
            events::append(&mut tx, &letter.organisation, now, "notification.sent", &Actor::Keeper, &about, &detail).await?;
        }
        tx.commit().await
    }

    /// It was not; later, or never again.
    pub async fn letter_failed(&self, letter: &Letter, error: &str, now: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        let rung = usize::try_from(letter.tries.max(1) - 1).unwrap_or(usize::MAX);
        let Some(wait) = LADDER.get(rung) else {
            tx.run("UPDATE outbox SET gave_up_at = $2, due_at = NULL, lease_until = NULL, sealed_payload = NULL, last_error = $3 WHERE id = $1", &[letter.id.as_str().into(), now.into(), error.into()]).await?;
            let detail = json!({ "mail": letter.kind, "recipient": letter.recipient, "error": error });
            for about in about_profiles(letter) {
                events::append(&mut tx, &letter.organisation, now, "notification.failed", &Actor::Keeper, &about, &detail).await?;
            }
            return tx.commit().await;
        };
        tx.run(
            "UPDATE outbox SET due_at = $2, lease_until = NULL, last_error = $3 WHERE id = $1",
            &[letter.id.as_str().into(), (now + *wait).into(), error.into()],
        )
        .await?;
        tx.commit().await
    }
}

fn about_profiles(letter: &Letter) -> Vec<About> {
    let profiles = letter.payload["profiles"].as_array().into_iter().flatten();
    let ids = profiles.filter_map(|profile| profile["id"].as_str()?.parse().ok());
    ids.map(|id| About { profile: Some(id), ..About::default() }).collect()
}
