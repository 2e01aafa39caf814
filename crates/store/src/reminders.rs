//! What is said about an open episode after the first message: reminders, and what was not said and should have been.

use lifecycle::ids::{OrganisationId, ProfileId, UserId};
use lifecycle::routing::next_reminder;
use lifecycle::status::{News, Standing, Status};
use lifecycle::time::{Span, Timestamp};
use serde_json::json;

use crate::Store;
use crate::driver::{Row, StoreError, Tx};
use crate::events::{self, About, Actor};
use crate::profiles::Profile;
use crate::telling::{Told, tell};

/// Profiles per round.
const BATCH: i64 = 500;

/// Younger episodes are still being told.
const UNTOLD_AFTER: Span = Span::minutes(15);

fn open_episode(row: &Row) -> Result<Option<(Standing, Timestamp)>, StoreError> {
    let standing: Standing = row.json("standing")?;
    let open = standing.episode.filter(|_| standing.status == Status::Disconnected);
    let enabled = row.flag("enabled")?;
    Ok(open.filter(|_| enabled).map(|episode| (standing, episode)))
}

impl Store {
    /// Calls open episodes to mind that are due for it (NF-04): one message per reader, whatever it lists. How many messages.
    pub async fn remind(&self, now: Timestamp) -> Result<usize, StoreError> {
        let mut look = self.read().await?;
        if look.one("SELECT id FROM profiles WHERE remind_at <= $1 LIMIT 1", &[now.into()]).await?.is_none() {
            return Ok(0);
        }
        drop(look);
        let mut tx = self.write().await?;
        let lock = tx.dialect().for_update();
        let sql = format!("SELECT * FROM profiles WHERE remind_at <= $1 ORDER BY id LIMIT $2{lock}");
        let rows = tx.all(&sql, &[now.into(), BATCH.into()]).await?;
        let mut told = vec![];
        for row in &rows {
            let open = open_episode(row)?;
            let next = open.as_ref().and_then(|(_, episode)| next_reminder(*episode, now));
            tx.run("UPDATE profiles SET remind_at = $2 WHERE id = $1", &[row.text("id")?.into(), next.into()]).await?;
            let Some((standing, episode)) = open else { continue };
            let Some(mut item) = Told::of_news(row, &standing, &News::NoAccessTokens { episode })? else { continue };
            item.mail = "reminder";
            item.occasion = format!("{}:{}", item.occasion, row.time("remind_at")?.as_micros());
            item.detail["days"] = (now.since(episode).as_seconds() / 86_400).into();
            told.push(item);
        }
        let count = tell(&mut tx, told, now, "reminder").await?;
        tx.commit().await?;
        Ok(count)
    }

    /// Looks for episodes of which nobody was told, and tells them (NF-07): a board that died while it was switched off, or a
    /// mistake of ours. How many profiles.
    pub async fn tell_untold(&self, now: Timestamp) -> Result<usize, StoreError> {
        let mut tx = self.write().await?;
        let lock = tx.dialect().for_update();
        let sql = format!(
            "SELECT * FROM profiles WHERE status = 'disconnected' AND told_at IS NULL AND status_since <= $1 AND enabled = 1 ORDER BY id LIMIT $2{lock}"
        );
        let rows = tx.all(&sql, &[(now - UNTOLD_AFTER).into(), BATCH.into()]).await?;
        let mut told = vec![];
        for row in &rows {
            let Some((standing, episode)) = open_episode(row)? else { continue };
            told.extend(Told::of_news(row, &standing, &News::NoAccessTokens { episode })?);
            let id = row.text("id")?;
            tracing::warn!(profile = %id, "store: nobody was told of an open episode; telling now");
            let remind_at = next_reminder(episode.max(now), now);
            tx.run("UPDATE profiles SET remind_at = $2 WHERE id = $1", &[id.into(), remind_at.into()]).await?;
        }
        let count = told.len();
        tell(&mut tx, told, now, "reconciler").await?;
        tx.commit().await?;
        Ok(count)
    }
}

/// Somebody takes an open episode upon themselves: no reminders any more, or the next one on a day (`None`: never). `false` when
/// there is no open episode.
pub async fn put_off(
    tx: &mut Tx,
    organisation: &OrganisationId,
    profile: &ProfileId,
    until: Option<Timestamp>,
    by: &Actor,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let sql = "UPDATE profiles SET remind_at = $3 WHERE id = $1 AND organisation_id = $2 AND status = 'disconnected'";
    if tx.run(sql, &[profile.as_str().into(), organisation.as_str().into(), until.into()]).await? == 0 {
        return Ok(false);
    }
    let kind = if until.is_some() { "episode.snoozed" } else { "episode.acknowledged" };
    let about = About { profile: Some(profile.clone()), ..About::default() };
    events::append(tx, organisation, now, kind, by, &about, &json!({ "until": until })).await?;
    Ok(true)
}

/// A profile got another owner while it has no access tokens: the new one hears of it at once, unless they took it themselves, and is
/// reminded from now on, also where the one before had put that off. `before` is how the profile was; `false` where nothing of the
/// kind happened.
pub async fn handed_over(tx: &mut Tx, before: &Profile, by: &Actor, now: Timestamp) -> Result<bool, StoreError> {
    let row = tx.one("SELECT * FROM profiles WHERE id = $1", &[before.id.as_str().into()]).await?;
    let Some(row) = row else { return Ok(false) };
    let owner: Option<UserId> = row.opt_parsed("owner_id")?;
    let Some((standing, episode)) = open_episode(&row)?.filter(|_| owner.is_some() && owner != before.owner) else { return Ok(false) };
    let organisation: OrganisationId = row.parsed("organisation_id")?;
    let remind_at = next_reminder(now, now);
    tx.run("UPDATE profiles SET remind_at = $2 WHERE id = $1", &[before.id.as_str().into(), remind_at.into()]).await?;
    let about = About { profile: Some(before.id.clone()), ..About::default() };
    events::append(tx, &organisation, now, "episode.handed_over", by, &about, &json!({ "from": before.owner, "to": owner })).await?;
    let took_it = matches!(by, Actor::User { id, .. } if owner.as_ref().is_some_and(|owner| owner.as_str() == id));
    if !took_it {
        let told = Told::of_news(&row, &standing, &News::NoAccessTokens { episode })?;
        tell(tx, told.into_iter().collect(), now, "handed_over").await?;
    }
    Ok(true)
}

/// When a profile is called to mind next.
pub async fn next(tx: &mut Tx, profile: &ProfileId) -> Result<Option<Timestamp>, StoreError> {
    let row = tx.one("SELECT remind_at FROM profiles WHERE id = $1", &[profile.as_str().into()]).await?;
    row.map_or(Ok(None), |row| row.opt_time("remind_at"))
}
