//! What a user wants to be told and when: from the account page, over REST, and by the one-click link of a digest.

use lifecycle::departure::{Digest, Quiet, Wishes};
use lifecycle::ids::UserId;
use lifecycle::secret::Secret;
use store::users::{self, User};
use store::{Tx, digests, telling, wishes};

use crate::error::Problem;
use crate::state::App;

/// The days of the week, Monday first.
pub const WEEKDAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// All that a user can choose about mails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chosen {
    /// *Receive notifications when there are no more access tokens.*
    pub no_access: bool,
    /// Early warnings.
    pub renew_soon: bool,
    /// What turns up at the networks.
    pub new_profiles: bool,
    /// What waits for their approval.
    pub approvals: bool,
    /// When mails leave.
    pub wishes: Wishes,
}

impl Chosen {
    /// What a user chose.
    pub fn of(user: &User) -> Self {
        Self {
            no_access: user.notify_no_access,
            renew_soon: user.notify_renew_soon,
            new_profiles: user.notify_new_profiles,
            approvals: user.notify_approvals,
            wishes: user.wishes,
        }
    }
}

/// A time of the day as it is typed, in minutes since midnight.
pub fn minute_of(text: &str) -> Option<i64> {
    let (hours, minutes) = text.trim().split_once(':')?;
    let number =
        |text: &str| text.parse::<i64>().ok().filter(|_| (1..=2).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit()));
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    (hours < 24 && minutes < 60).then_some(hours * 60 + minutes)
}

/// The same written.
pub fn clock(minute: i64) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

/// Quiet hours from two times of the day.
///
/// # Errors
/// They are no times, or the same one.
pub fn quiet(from: &str, to: &str) -> Result<Quiet, Problem> {
    let typed = |field: &str, text: &str| minute_of(text).ok_or_else(|| Problem::field(field, "is a time of the day, like 22:00"));
    let (from, to) = (typed("quiet_hours.from", from)?, typed("quiet_hours.to", to)?);
    Quiet::new(from, to).ok_or_else(|| Problem::field("quiet_hours.to", "is another time than the beginning"))
}

/// Stores what a user chose: `choice` makes it of the user as they are stored. If nothing reaches them any more, the company admins
/// hear which profiles that is about.
pub async fn choose(app: &App, user: &UserId, choice: impl FnOnce(&User) -> Result<Chosen, Problem>) -> Result<(), Problem> {
    let mut tx = app.store.write().await?;
    let before = users::to_change(&mut tx, user).await?.ok_or_else(Problem::not_found)?;
    store_chosen(app, &mut tx, &before, choice(&before)?).await?;
    tx.commit().await?;
    app.told.notify_one();
    Ok(())
}

async fn store_chosen(app: &App, tx: &mut Tx, before: &User, chosen: Chosen) -> Result<(), Problem> {
    let user = &before.id;
    users::set_notifications(tx, user, chosen.no_access, chosen.renew_soon).await?;
    users::set_notify_new_profiles(tx, user, chosen.new_profiles).await?;
    users::set_notify_approvals(tx, user, chosen.approvals).await?;
    wishes::set(tx, user, &chosen.wishes, app.now()).await?;
    let after = users::by_id(tx, user).await?.ok_or_else(Problem::not_found)?;
    if telling::is_reached(before) && !telling::is_reached(&after) {
        telling::warn_of_unreached(tx, &after, app.now()).await?;
    }
    Ok(())
}

/// Sends a user a mail that says nothing but that mails arrive. At most one a minute, whoever clicks how often.
pub async fn test_mail(app: &App, user: &UserId) -> Result<(), Problem> {
    let mut tx = app.store.write().await?;
    telling::test_mail(&mut tx, user, app.now()).await?;
    tx.commit().await?;
    app.told.notify_one();
    Ok(())
}

/// Whose digest a one-click link switches off; `None` when there is no such link. Looking changes nothing.
pub async fn reader_of(app: &App, secret: &str) -> Result<Option<User>, Problem> {
    let mut tx = app.store.read().await?;
    let found = digests::reader_of(&mut tx, &Secret::new(secret)).await?;
    Ok(found.filter(|user| user.organisation == app.organisation))
}

/// Whether switching the digest off leaves a user without any mail about profiles.
pub fn is_last_channel(user: &User) -> bool {
    let without = User { wishes: Wishes { digest: Digest::Off, ..user.wishes }, ..user.clone() };
    !telling::is_reached(&without)
}

/// Switches the digest off for whoever the link was sent to; as they are afterwards. A second click changes nothing.
pub async fn unsubscribe(app: &App, secret: &str) -> Result<Option<User>, Problem> {
    let Some(user) = reader_of(app, secret).await? else { return Ok(None) };
    if user.wishes.digest != Digest::Off {
        let without = |user: &User| {
            let chosen = Chosen::of(user);
            Ok(Chosen { wishes: Wishes { digest: Digest::Off, ..chosen.wishes }, ..chosen })
        };
        choose(app, &user.id, without).await?;
    }
    reader_of(app, secret).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_the_day_are_read_and_written() {
        for (text, minute) in [("00:00", 0), ("8:05", 485), ("23:59", 1439), (" 07:30 ", 450)] {
            assert_eq!(minute_of(text), Some(minute), "{text}");
        }
        for text in ["", "24:00", "12:60", "12", "12:", ":30", "-1:00", "+1:00", "1:2:3", "012:00", "noon"] {
            assert_eq!(minute_of(text), None, "{text}");
        }
        assert_eq!((clock(0), clock(485)), ("00:00".to_owned(), "08:05".to_owned()));
        assert!(quiet("22:00", "22:00").is_err() && quiet("22:00", "x").is_err() && quiet("22:00", "07:00").is_ok());
    }
}
