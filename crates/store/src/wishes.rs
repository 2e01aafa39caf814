//! When a mail to a user leaves: what they wish ([`lifecycle::departure`]) and where they live.

use jiff::tz::TimeZone;
use lifecycle::departure::{Departure, Digest, Quiet, Urgency, WaitsFor, Wishes, Zone, departure};
use lifecycle::ids::UserId;
use lifecycle::time::{Span, Timestamp};
use serde_json::Value as Json;

use crate::driver::{Row, StoreError, Tx};
use crate::outbox;
use crate::telling::STORM_WINDOW;
use crate::users::{self, User};

pub(crate) fn read(row: &Row) -> Result<Wishes, StoreError> {
    let quiet = row.opt_int("quiet_from")?.zip(row.opt_int("quiet_to")?);
    Ok(Wishes {
        digest: Digest::parse(&row.text("digest")?).ok_or_else(|| StoreError::Broken("digest".into()))?,
        digest_at: row.int("digest_at")?,
        digest_weekday: row.int("digest_weekday")?,
        quiet: quiet.and_then(|(from, to)| Quiet::new(from, to)),
        deaths_wait: row.flag("deaths_wait")?,
    })
}

/// Stores what a user wishes. What waits already leaves as they wish it now.
pub async fn set(tx: &mut Tx, user: &UserId, wishes: &Wishes, now: Timestamp) -> Result<(), StoreError> {
    let sql =
        "UPDATE users SET digest = $2, digest_at = $3, digest_weekday = $4, quiet_from = $5, quiet_to = $6, deaths_wait = $7 WHERE id = $1";
    let values = [
        user.as_str().into(),
        wishes.digest.as_str().into(),
        wishes.digest_at.into(),
        wishes.digest_weekday.into(),
        wishes.quiet.map(|quiet| quiet.from).into(),
        wishes.quiet.map(|quiet| quiet.to).into(),
        wishes.deaths_wait.into(),
    ];
    tx.run(sql, &values).await?;
    retime(tx, user, now).await
}

struct Place(TimeZone);

impl Zone for Place {
    fn offset(&self, at: Timestamp) -> Span {
        let stamp = jiff::Timestamp::from_microsecond(at.as_micros()).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        Span::seconds(i64::from(self.0.to_offset(stamp).seconds()))
    }
}

/// How a kind of mail may wait.
fn urgency_of(mail: &str, payload: &Json) -> Urgency {
    match (mail, payload["deadline"].as_i64()) {
        ("renew_soon", Some(day)) => Urgency::Before(Timestamp::from_micros(day)),
        ("renew_soon" | "last_remaining" | "renewed" | "recovered" | "reminder" | "new_profiles", _) => Urgency::News,
        ("test_mail", _) => Urgency::Asked,
        _ => Urgency::Urgent,
    }
}

/// Whether more of its kind may join such a mail until it leaves.
fn is_gathered(mail: &str) -> bool {
    matches!(mail, "storm" | "approvals_wanted")
}

/// When a mail to a user leaves that is written now.
pub(crate) fn leaves(user: &User, mail: &str, payload: &Json, now: Timestamp) -> Departure {
    // A zone that this machine does not know any more is not worth losing a mail for.
    let place = Place(TimeZone::get(&user.time_zone).unwrap_or(TimeZone::UTC));
    if !is_gathered(mail) {
        return departure(urgency_of(mail, payload), &user.wishes, &place, now);
    }
    let gathered = now + STORM_WINDOW;
    let found = departure(Urgency::Urgent, &user.wishes, &place, gathered);
    Departure { waits_for: found.waits_for.or(Some(WaitsFor::Storm)), ..found }
}

/// The channel of a mail that leaves like this: items of a digest are gathered before they are sent.
pub(crate) fn channel(departure: &Departure) -> &'static str {
    if departure.waits_for == Some(WaitsFor::Digest) { "digest" } else { "mail" }
}

/// What waits for a user's digest or quiet hours leaves as they are now. Whoever wants no digest any more does not get what
/// waited for it; what matters of it goes on to the company admins.
pub(crate) async fn retime(tx: &mut Tx, user: &UserId, now: Timestamp) -> Result<(), StoreError> {
    let Some(user) = users::by_id(tx, user).await? else { return Ok(()) };
    let lock = tx.dialect().for_update();
    let sql = format!("SELECT * FROM outbox WHERE user_id = $1 AND due_at > $2 AND waits_for IS NOT NULL AND tries = 0 ORDER BY id{lock}");
    for row in tx.all(&sql, &[user.id.as_str().into(), now.into()]).await? {
        if user.wishes.digest == Digest::Off && row.text("channel")? == "digest" {
            outbox::refuse(tx, &row, "the reader switched the digest off", now).await?;
            continue;
        }
        let (mail, payload) = (row.text("kind")?, row.json("payload")?);
        let written = if is_gathered(&mail) { row.time("created_at")? } else { now };
        let found = leaves(&user, &mail, &payload, written);
        let sql = "UPDATE outbox SET due_at = $2, waits_for = $3, channel = $4 WHERE id = $1";
        let waits_for = found.waits_for.map(WaitsFor::as_str);
        tx.run(sql, &[row.text("id")?.into(), found.at.into(), waits_for.into(), channel(&found).into()]).await?;
    }
    Ok(())
}
