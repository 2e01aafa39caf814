//! Organisations, users, and the one-time links by which a password is set.

use lifecycle::departure::Wishes;
use lifecycle::ids::{OrganisationId, ProfileId, UserId};
use lifecycle::permission::Role;
use lifecycle::secret::Secret;
use lifecycle::time::{Span, Timestamp};

use crate::driver::{Row, StoreError, Tx};
use crate::ids::fresh;
use crate::installation;
use crate::outbox;
use crate::seal::hash;
use crate::second_factors;
use crate::wishes;

/// A wrong password so many times in a row locks the sign-in for a while (NT-23).
const FAILURES_MAX: i64 = 10;
const LOCKED_FOR: Span = Span::minutes(15);

/// Who works in Staygreen.
#[derive(Debug, Clone)]
pub struct User {
    /// Who.
    pub id: UserId,
    /// Of which organisation.
    pub organisation: OrganisationId,
    /// Mail address, as typed.
    pub email: String,
    /// Name.
    pub name: String,
    /// What they are here.
    pub role: Role,
    /// `en` or `de`.
    pub language: String,
    /// IANA time zone.
    pub time_zone: String,
    /// `auto`, `light` or `dark`.
    pub theme: String,
    /// Which page opens after signing in, as a word.
    pub start_page: String,
    /// Since when a second factor is asked for at sign-in.
    pub second_factor_at: Option<Timestamp>,
    /// Hash of the password; none until the invitation is taken up.
    pub password_hash: Option<String>,
    /// *Receive notifications when there are no more access tokens.*
    pub notify_no_access: bool,
    /// Early warnings.
    pub notify_renew_soon: bool,
    /// Wants to hear of pages and boards that turn up at the networks.
    pub notify_new_profiles: bool,
    /// Wants to hear of posts and comments that wait for their approval.
    pub notify_approvals: bool,
    /// A mail server refuses the address: since when, and in whose words.
    pub refused: Option<(Timestamp, String)>,
    /// When mails leave.
    pub wishes: Wishes,
    /// Since when the account is switched off.
    pub disabled_at: Option<Timestamp>,
    /// Until when signing in is refused.
    pub locked_until: Option<Timestamp>,
}

/// What a new user is made of.
#[derive(Debug, Clone)]
pub struct NewUser<'a> {
    /// Mail address.
    pub email: &'a str,
    /// Name.
    pub name: &'a str,
    /// Role.
    pub role: Role,
    /// Language.
    pub language: &'a str,
    /// Hash of the password, if there is one yet.
    pub password_hash: Option<String>,
}

/// A refused address says nothing about another one that was entered since.
fn refused(row: &Row) -> Result<Option<(Timestamp, String)>, StoreError> {
    if row.opt_text("refused_address")? != Some(row.text("email")?) {
        return Ok(None);
    }
    Ok(row.opt_time("refused_at")?.zip(row.opt_text("refused_why")?))
}

pub(crate) fn read(row: &Row) -> Result<User, StoreError> {
    Ok(User {
        id: row.parsed("id")?,
        organisation: row.parsed("organisation_id")?,
        email: row.text("email")?,
        name: row.text("name")?,
        role: Role::parse(&row.text("role")?).ok_or_else(|| StoreError::Broken("role".into()))?,
        language: row.text("language")?,
        time_zone: row.text("time_zone")?,
        theme: row.text("theme")?,
        start_page: row.text("start_page")?,
        second_factor_at: row.opt_time("second_factor_at")?,
        password_hash: row.opt_text("password_hash")?,
        notify_no_access: row.flag("notify_no_access")?,
        notify_renew_soon: row.flag("notify_renew_soon")?,
        notify_new_profiles: row.flag("notify_new_profiles")?,
        notify_approvals: row.flag("notify_approvals")?,
        refused: refused(row)?,
        wishes: wishes::read(row)?,
        disabled_at: row.opt_time("disabled_at")?,
        locked_until: row.opt_time("locked_until")?,
    })
}

/// The form in which addresses are compared.
pub fn email_key(email: &str) -> String {
    email.trim().to_lowercase()
}

/// The organisation of this installation, made when there is none. Two nodes that start at the same moment on an empty
/// database get the same one: the second waits for the first at the row of the installation.
pub async fn first_organisation(tx: &mut Tx, name: &str, now: Timestamp) -> Result<(OrganisationId, String), StoreError> {
    let first = "SELECT id, name FROM organisations ORDER BY created_at, id LIMIT 1";
    if let Some(row) = tx.one(first, &[]).await? {
        return Ok((row.parsed("id")?, row.text("name")?));
    }
    let id: OrganisationId = fresh();
    if !installation::claim(tx, "first_organisation", id.as_str()).await? {
        let row = tx.one(first, &[]).await?.ok_or_else(|| StoreError::Broken("the first organisation is gone".into()))?;
        return Ok((row.parsed("id")?, row.text("name")?));
    }
    tx.run("INSERT INTO organisations (id, name, created_at) VALUES ($1, $2, $3)", &[id.as_str().into(), name.into(), now.into()]).await?;
    Ok((id, name.to_owned()))
}

/// Adds a user; a duplicate address is [`StoreError::is_duplicate`]. Mail is opt-in: nobody is told anything unless they
/// switch it on, company admins excepted, who start with it.
pub async fn insert(tx: &mut Tx, organisation: &OrganisationId, user: &NewUser<'_>, now: Timestamp) -> Result<UserId, StoreError> {
    let id: UserId = fresh();
    let told = user.role == Role::CompanyAdmin;
    let sql = "INSERT INTO users (id, organisation_id, email, email_key, name, role, language, time_zone, theme, password_hash, notify_no_access, notify_renew_soon, created_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, 'UTC', 'auto', $8, $9, $9, $10)";
    let values = [
        id.as_str().into(),
        organisation.as_str().into(),
        user.email.trim().into(),
        email_key(user.email).into(),
        user.name.into(),
        user.role.as_str().into(),
        user.language.into(),
        user.password_hash.clone().into(),
        told.into(),
        now.into(),
    ];
    tx.run(sql, &values).await?;
    Ok(id)
}

/// One user.
pub async fn by_id(tx: &mut Tx, id: &UserId) -> Result<Option<User>, StoreError> {
    tx.one("SELECT * FROM users WHERE id = $1", &[id.as_str().into()]).await?.as_ref().map(read).transpose()
}

/// The same, kept from others until the transaction ends.
pub async fn to_change(tx: &mut Tx, id: &UserId) -> Result<Option<User>, StoreError> {
    let sql = format!("SELECT * FROM users WHERE id = $1{}", tx.dialect().for_update());
    tx.one(&sql, &[id.as_str().into()]).await?.as_ref().map(read).transpose()
}

/// Keeps others from changing anybody until the transaction ends; by id, as whoever else takes several does.
pub async fn keep(tx: &mut Tx, organisation: &OrganisationId) -> Result<(), StoreError> {
    let sql = format!("SELECT id FROM users WHERE organisation_id = $1 ORDER BY id{}", tx.dialect().for_update());
    tx.all(&sql, &[organisation.as_str().into()]).await?;
    Ok(())
}

/// The user with that address.
pub async fn by_email(tx: &mut Tx, email: &str) -> Result<Option<User>, StoreError> {
    tx.one("SELECT * FROM users WHERE email_key = $1", &[email_key(email).into()]).await?.as_ref().map(read).transpose()
}

/// Everybody, by name.
pub async fn list(tx: &mut Tx, organisation: &OrganisationId) -> Result<Vec<User>, StoreError> {
    tx.all("SELECT * FROM users WHERE organisation_id = $1 ORDER BY name, id", &[organisation.as_str().into()])
        .await?
        .iter()
        .map(read)
        .collect()
}

/// Everybody of that role, by id.
pub(crate) async fn with_role(tx: &mut Tx, organisation: &OrganisationId, role: Role) -> Result<Vec<User>, StoreError> {
    let sql = "SELECT * FROM users WHERE organisation_id = $1 AND role = $2 ORDER BY id";
    tx.all(sql, &[organisation.as_str().into(), role.as_str().into()]).await?.iter().map(read).collect()
}

/// The members of a profile's teams, by id.
pub(crate) async fn of_profiles_teams(tx: &mut Tx, organisation: &OrganisationId, profile: &ProfileId) -> Result<Vec<User>, StoreError> {
    let sql = "SELECT * FROM users WHERE organisation_id = $1 AND id IN (SELECT team_members.user_id FROM team_members \
               JOIN profile_teams ON profile_teams.team_id = team_members.team_id WHERE profile_teams.profile_id = $2) ORDER BY id";
    tx.all(sql, &[organisation.as_str().into(), profile.as_str().into()]).await?.iter().map(read).collect()
}

/// Stores a new password and lifts a lock.
pub async fn set_password(tx: &mut Tx, id: &UserId, password_hash: &str) -> Result<(), StoreError> {
    tx.run(
        "UPDATE users SET password_hash = $2, failed_sign_ins = 0, locked_until = NULL WHERE id = $1",
        &[id.as_str().into(), password_hash.into()],
    )
    .await?;
    Ok(())
}

/// What users say about themselves.
#[derive(Debug, Clone, Copy)]
pub struct Account<'a> {
    /// Name.
    pub name: &'a str,
    /// `en` or `de`.
    pub language: &'a str,
    /// IANA time zone.
    pub time_zone: &'a str,
    /// `auto`, `light` or `dark`.
    pub theme: &'a str,
    /// Which page opens after signing in, as a word.
    pub start_page: &'a str,
}

/// Name, language, time zone, theme, start page. Where somebody lives decides when what waits for them leaves.
pub async fn set_account(tx: &mut Tx, id: &UserId, account: &Account<'_>, now: Timestamp) -> Result<(), StoreError> {
    let sql = "UPDATE users SET name = $2, language = $3, time_zone = $4, theme = $5, start_page = $6 WHERE id = $1";
    let values = [
        id.as_str().into(),
        account.name.into(),
        account.language.into(),
        account.time_zone.into(),
        account.theme.into(),
        account.start_page.into(),
    ];
    tx.run(sql, &values).await?;
    wishes::retime(tx, id, now).await
}

/// Language and time zone of somebody who is new: nothing waits for them yet.
pub async fn set_place(tx: &mut Tx, id: &UserId, language: &str, time_zone: &str) -> Result<(), StoreError> {
    let sql = "UPDATE users SET language = $2, time_zone = $3 WHERE id = $1";
    tx.run(sql, &[id.as_str().into(), language.into(), time_zone.into()]).await?;
    Ok(())
}

/// Sets whether a user hears of what turns up at the networks.
pub async fn set_notify_new_profiles(tx: &mut Tx, id: &UserId, wanted: bool) -> Result<(), StoreError> {
    tx.run("UPDATE users SET notify_new_profiles = $2 WHERE id = $1", &[id.as_str().into(), wanted.into()]).await?;
    Ok(())
}

/// Sets whether a user hears of what waits for their approval.
pub async fn set_notify_approvals(tx: &mut Tx, id: &UserId, wanted: bool) -> Result<(), StoreError> {
    tx.run("UPDATE users SET notify_approvals = $2 WHERE id = $1", &[id.as_str().into(), wanted.into()]).await?;
    Ok(())
}

/// What the user wants to be told by mail.
pub async fn set_notifications(tx: &mut Tx, id: &UserId, no_access: bool, renew_soon: bool) -> Result<(), StoreError> {
    let sql = "UPDATE users SET notify_no_access = $2, notify_renew_soon = $3 WHERE id = $1";
    tx.run(sql, &[id.as_str().into(), no_access.into(), renew_soon.into()]).await?;
    Ok(())
}

/// Notes that a mail server refuses a user's address. `false` when it was not theirs any more.
pub(crate) async fn refuse_address(tx: &mut Tx, id: &UserId, address: &str, why: &str, now: Timestamp) -> Result<bool, StoreError> {
    let sql = "UPDATE users SET refused_address = email, refused_at = $3, refused_why = $4 WHERE id = $1 AND email = $2";
    Ok(tx.run(sql, &[id.as_str().into(), address.into(), now.into(), why.into()]).await? == 1)
}

/// A mail was taken there that its reader asked for: the address counts as good.
pub(crate) async fn reached(tx: &mut Tx, id: &UserId, address: &str) -> Result<(), StoreError> {
    let sql = "UPDATE users SET refused_address = NULL, refused_at = NULL, refused_why = NULL WHERE id = $1 AND refused_address = $2";
    tx.run(sql, &[id.as_str().into(), address.into()]).await?;
    Ok(())
}

/// Switches an account off, with its sessions, or on; role changes take effect at the next request. What still waits to be told
/// to somebody who is switched off goes to the company admins. `false` when there is no such user here.
pub async fn set_standing(
    tx: &mut Tx,
    organisation: &OrganisationId,
    id: &UserId,
    role: Role,
    disabled_at: Option<Timestamp>,
) -> Result<bool, StoreError> {
    let sql = "UPDATE users SET role = $3, disabled_at = $4 WHERE id = $1 AND organisation_id = $2";
    if tx.run(sql, &[id.as_str().into(), organisation.as_str().into(), role.as_str().into(), disabled_at.into()]).await? == 0 {
        return Ok(false);
    }
    if let Some(at) = disabled_at {
        tx.run("DELETE FROM sessions WHERE user_id = $1", &[id.as_str().into()]).await?;
        outbox::withdraw(tx, id, at).await?;
    }
    Ok(true)
}

/// How many other company admins can sign in. Their rows are kept from others until the transaction ends, so that two admins who
/// remove each other at once cannot leave nobody.
pub async fn other_admins(tx: &mut Tx, organisation: &OrganisationId, than: &UserId) -> Result<usize, StoreError> {
    let lock = tx.dialect().for_update();
    let sql = format!(
        "SELECT id FROM users WHERE organisation_id = $1 AND role = $2 AND disabled_at IS NULL AND password_hash IS NOT NULL ORDER BY id{lock}"
    );
    let rows = tx.all(&sql, &[organisation.as_str().into(), Role::CompanyAdmin.as_str().into()]).await?;
    let ids: Result<Vec<UserId>, StoreError> = rows.iter().map(|row| row.parsed("id")).collect();
    Ok(ids?.iter().filter(|id| *id != than).count())
}

/// Deletes a user with their sessions, invitations, memberships and calendar feed. Profiles and presets that were theirs have no
/// owner then; what is written in the history stays. `false` when there is no such user here.
pub async fn delete(tx: &mut Tx, organisation: &OrganisationId, id: &UserId, now: Timestamp) -> Result<bool, StoreError> {
    let found = "SELECT id FROM users WHERE id = $1 AND organisation_id = $2";
    if tx.one(found, &[id.as_str().into(), organisation.as_str().into()]).await?.is_none() {
        return Ok(false);
    }
    outbox::withdraw(tx, id, now).await?;
    second_factors::forget(tx, id).await?;
    for sql in [
        "UPDATE profiles SET owner_id = NULL WHERE owner_id = $1",
        "UPDATE page_presets SET owner_id = NULL WHERE owner_id = $1",
        "UPDATE team_presets SET owner_id = NULL WHERE owner_id = $1",
        "DELETE FROM team_members WHERE user_id = $1",
        "DELETE FROM given_sets WHERE user_id = $1",
        "DELETE FROM sessions WHERE user_id = $1",
        "DELETE FROM invitations WHERE user_id = $1",
        "DELETE FROM unsubscribe_links WHERE user_id = $1",
        "DELETE FROM calendar_entries WHERE feed_id IN (SELECT id FROM calendar_feeds WHERE user_id = $1)",
        "DELETE FROM calendar_feeds WHERE user_id = $1",
        "DELETE FROM users WHERE id = $1",
    ] {
        tx.run(sql, &[id.as_str().into()]).await?;
    }
    Ok(true)
}

/// Counts a wrong password; the tenth in a row locks for a quarter of an hour.
pub async fn sign_in_failed(tx: &mut Tx, id: &UserId, now: Timestamp) -> Result<(), StoreError> {
    let sql = "UPDATE users SET failed_sign_ins = failed_sign_ins + 1, locked_until = CASE WHEN failed_sign_ins + 1 >= $2 THEN $3 ELSE locked_until END WHERE id = $1";
    tx.run(sql, &[id.as_str().into(), FAILURES_MAX.into(), (now + LOCKED_FOR).into()]).await?;
    Ok(())
}

/// A right password forgets the wrong ones.
pub async fn sign_in_succeeded(tx: &mut Tx, id: &UserId) -> Result<(), StoreError> {
    tx.run("UPDATE users SET failed_sign_ins = 0, locked_until = NULL WHERE id = $1", &[id.as_str().into()]).await?;
    Ok(())
}

/// Notes a one-time link by which a user sets a password.
pub async fn invite(tx: &mut Tx, user: &UserId, secret: &Secret, now: Timestamp, life: Span) -> Result<(), StoreError> {
    let sql = "INSERT INTO invitations (secret_hash, user_id, created_at, expires_at) VALUES ($1, $2, $3, $4)";
    tx.run(sql, &[hash(secret).into(), user.as_str().into(), now.into(), (now + life).into()]).await?;
    Ok(())
}

/// Whose invitation this is, while it can be used. Looking never consumes it (NT-22).
pub async fn invited(tx: &mut Tx, secret: &Secret, now: Timestamp) -> Result<Option<User>, StoreError> {
    let sql = "SELECT users.* FROM users JOIN invitations ON invitations.user_id = users.id \
               WHERE secret_hash = $1 AND used_at IS NULL AND expires_at > $2 AND users.disabled_at IS NULL";
    tx.one(sql, &[hash(secret).into(), now.into()]).await?.as_ref().map(read).transpose()
}

/// Uses the invitation; `false` when somebody else was quicker. Whatever else was sent to the same user is used up with it:
/// one link sets one password.
pub async fn take_invitation(tx: &mut Tx, secret: &Secret, now: Timestamp) -> Result<bool, StoreError> {
    let sql = "UPDATE invitations SET used_at = $2 WHERE secret_hash = $1 AND used_at IS NULL AND expires_at > $2 RETURNING user_id";
    let Some(row) = tx.one(sql, &[hash(secret).into(), now.into()]).await? else { return Ok(false) };
    let others = "UPDATE invitations SET used_at = $2 WHERE user_id = $1 AND used_at IS NULL";
    tx.run(others, &[row.text("user_id")?.into(), now.into()]).await?;
    Ok(true)
}
