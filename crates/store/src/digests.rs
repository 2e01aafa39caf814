//! Digests: what waited for one leaves in one mail, taken and written in one transaction, so that nothing is lost or doubled.

use lifecycle::ids::{OutboxId, UserId};
use lifecycle::secret::Secret;
use lifecycle::status::Standing;
use lifecycle::time::{Span, Timestamp};
use serde_json::{Value as Json, json};

use crate::Store;
use crate::driver::{Row, StoreError, Tx, Value, to_json};
use crate::ids::fresh;
use crate::outbox;
use crate::seal::hash;
use crate::users::{self, User};

/// Digests per round.
const BATCH: i64 = 200;
/// An unsubscribe link works as long as anybody may still find the mail.
pub(crate) const LINKS_KEPT: Span = Span::days(400);

/// The one-click link of one digest.
#[derive(Debug)]
pub struct UnsubscribeLink {
    /// What it carries; stored as its hash only.
    pub secret: Secret,
    /// The whole address, with the secret.
    pub address: String,
}

impl Store {
    /// Puts a digest into the outbox for every reader whose items are due. How many digests.
    pub async fn gather_digests(&self, now: Timestamp, link: impl Fn() -> UnsubscribeLink) -> Result<usize, StoreError> {
        let mut look = self.read().await?;
        let due = "SELECT DISTINCT user_id FROM outbox WHERE due_at <= $1 AND channel = 'digest' ORDER BY user_id LIMIT $2";
        let readers: Result<Vec<UserId>, _> =
            look.all(due, &[now.into(), BATCH.into()]).await?.iter().map(|row| row.parsed("user_id")).collect();
        drop(look);
        let mut count = 0;
        for reader in readers? {
            count += usize::from(self.gather_one(&reader, now, link()).await?);
        }
        Ok(count)
    }

    async fn gather_one(&self, reader: &UserId, now: Timestamp, link: UnsubscribeLink) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        // Another node that gathers for the same reader waits here, and then finds nothing left.
        let lock = tx.dialect().for_update();
        let sql = format!("SELECT * FROM outbox WHERE user_id = $1 AND due_at <= $2 AND channel = 'digest' ORDER BY created_at, id{lock}");
        let rows = tx.all(&sql, &[reader.as_str().into(), now.into()]).await?;
        let Some(first) = rows.first() else { return Ok(false) };
        let Some(user) = users::by_id(&mut tx, reader).await? else {
            for row in &rows {
                outbox::refuse(&mut tx, row, "the account is gone", now).await?;
            }
            tx.commit().await?;
            return Ok(false);
        };
        let id: OutboxId = fresh();
        let said = payload(&mut tx, &rows, &user).await?;
        for row in &rows {
            let sql = "UPDATE outbox SET due_at = NULL, waits_for = NULL, gathered_in = $2 WHERE id = $1";
            tx.run(sql, &[row.text("id")?.into(), id.as_str().into()]).await?;
        }
        self.write_digest(&mut tx, &id, &user, first, &said, &link, now).await?;
        let sql = "INSERT INTO unsubscribe_links (secret_hash, user_id, created_at) VALUES ($1, $2, $3)";
        tx.run(sql, &[hash(&link.secret).into(), user.id.as_str().into(), now.into()]).await?;
        tx.commit().await?;
        Ok(true)
    }

    #[expect(clippy::too_many_arguments, reason = "one row, written once, in one place")]
    async fn write_digest(
        &self,
        tx: &mut Tx,
        id: &OutboxId,
        user: &User,
        first: &Row,
        payload: &Json,
        link: &UnsubscribeLink,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let organisation = user.organisation.as_str();
        let sealed = self.keys().seal(&outbox::context(id.as_str(), organisation), link.address.as_bytes());
        let sql = "INSERT INTO outbox (id, organisation_id, kind, dedupe, channel, recipient, user_id, language, payload, sealed_payload, created_at, due_at, tries) \
                   VALUES ($1, $2, 'digest', $3, 'mail', $4, $5, $6, $7, $8, $9, $9, 0)";
        let values: [Value; 9] = [
            id.as_str().into(),
            organisation.into(),
            format!("digest:{}", first.text("id")?).into(),
            user.email.as_str().into(),
            user.id.as_str().into(),
            user.language.as_str().into(),
            to_json(payload)?.into(),
            sealed.into(),
            now.into(),
        ];
        tx.run(sql, &values).await?;
        Ok(())
    }
}

/// Everything that waited, oldest first, and the profiles that it speaks of, each once, with how they stand now.
async fn payload(tx: &mut Tx, rows: &[Row], user: &User) -> Result<Json, StoreError> {
    let (mut items, mut profiles, mut known) = (vec![], vec![], vec![]);
    for row in rows {
        let said: Json = row.json("payload")?;
        for profile in said["profiles"].as_array().into_iter().flatten() {
            if !profiles.contains(profile) {
                profiles.push(profile.clone());
            }
        }
        items.push(json!({ "mail": row.text("kind")?, "at": row.time("created_at")?.as_micros(), "said": said }));
    }
    for profile in &profiles {
        let sql = "SELECT standing FROM profiles WHERE id = $1";
        let Some(row) = tx.one(sql, &[profile["id"].as_str().into()]).await? else { continue };
        let Standing { status, deadline, good, .. } = row.json("standing")?;
        known.push(json!({ "id": profile["id"], "status": status, "deadline": deadline.map(Timestamp::as_micros), "good": good }));
    }
    Ok(json!({ "items": items, "profiles": profiles, "now": known, "zone": user.time_zone, "every": user.wishes.digest }))
}

/// Whose digest a link switches off. Looking changes nothing: mail scanners look at every link.
pub async fn reader_of(tx: &mut Tx, secret: &Secret) -> Result<Option<User>, StoreError> {
    let sql = "SELECT users.* FROM users JOIN unsubscribe_links ON unsubscribe_links.user_id = users.id WHERE secret_hash = $1";
    tx.one(sql, &[hash(secret).into()]).await?.as_ref().map(users::read).transpose()
}

/// A digest arrived: so did all that it brought.
pub(crate) async fn arrived(tx: &mut Tx, digest: &OutboxId, now: Timestamp) -> Result<(), StoreError> {
    tx.run("UPDATE outbox SET sent_at = $2 WHERE gathered_in = $1", &[digest.as_str().into(), now.into()]).await?;
    Ok(())
}

/// A digest was given up: so is all that it brought. The items, so that what matters goes on to the company admins.
pub(crate) async fn lost(tx: &mut Tx, digest: &OutboxId, why: &str, now: Timestamp) -> Result<Vec<Row>, StoreError> {
    let sql = "UPDATE outbox SET gave_up_at = $2, last_error = $3 WHERE gathered_in = $1 RETURNING *";
    tx.all(sql, &[digest.as_str().into(), now.into(), why.into()]).await
}
