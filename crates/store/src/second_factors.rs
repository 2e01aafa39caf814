//! The second factor of a sign-in: an app's secret, sealed; recovery codes, as hashes; and sign-ins that wait for a code.

use lifecycle::ids::{OrganisationId, UserId};
use lifecycle::secret::Secret;
use lifecycle::time::{Span, Timestamp};

use crate::Store;
use crate::driver::{Row, StoreError, Tx};
use crate::seal::{Context, Keyring, hash};

/// So many wrong codes in a row are forgiven; then each costs twice the time of the one before.
const FAILURES_MAX: i64 = 5;
const LOCKED_FOR: Span = Span::minutes(15);
const LOCKED_AT_MOST: Span = Span::hours(24);
/// How long somebody may look for their phone.
const SIGN_IN_MAX: Span = Span::minutes(10);

/// What is known of a user's app.
#[derive(Debug)]
pub struct Factor {
    /// What the app and we know, base32.
    pub secret: Secret,
    /// Codes of this half minute and those before work no more.
    pub last_step: i64,
    /// No code is looked at before that.
    pub locked_until: Option<Timestamp>,
}

fn context<'a>(user: &'a str, organisation: &'a str) -> Context<'a> {
    Context { table: "second_factors", column: "sealed_secret", row: user, organisation, generation: None }
}

fn read(keys: &Keyring, row: &Row) -> Result<Factor, StoreError> {
    let plain = keys.open(&context(&row.text("id")?, &row.text("organisation_id")?), &row.bytes("sealed_secret")?)?;
    let secret = std::str::from_utf8(&plain).map_err(|_| StoreError::Broken("second_factors.sealed_secret: not text".into()))?;
    Ok(Factor { secret: Secret::new(secret), last_step: row.int("last_step")?, locked_until: row.opt_time("locked_until")? })
}

impl Store {
    /// A user's app, if there is one or one is being set up.
    pub async fn second_factor(&self, tx: &mut Tx, user: &UserId) -> Result<Option<Factor>, StoreError> {
        let row = tx.one("SELECT * FROM second_factors WHERE id = $1", &[user.as_str().into()]).await?;
        row.as_ref().map(|row| read(self.keys(), row)).transpose()
    }

    /// The same, kept from others until the transaction ends, so that many tries at once are counted one after the other.
    pub async fn second_factor_to_use(&self, tx: &mut Tx, user: &UserId) -> Result<Option<Factor>, StoreError> {
        let lock = tx.dialect().for_update();
        let row = tx.one(&format!("SELECT * FROM second_factors WHERE id = $1{lock}"), &[user.as_str().into()]).await?;
        row.as_ref().map(|row| read(self.keys(), row)).transpose()
    }

    /// Begins to set an app up, anew where that was begun before. `false` when one is in use.
    pub async fn begin_second_factor(
        &self,
        tx: &mut Tx,
        organisation: &OrganisationId,
        user: &UserId,
        secret: &Secret,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let in_use = "SELECT id FROM users WHERE id = $1 AND second_factor_at IS NOT NULL";
        if tx.one(in_use, &[user.as_str().into()]).await?.is_some() {
            return Ok(false);
        }
        let sealed = self.keys().seal(&context(user.as_str(), organisation.as_str()), secret.expose().as_bytes());
        let sql = "INSERT INTO second_factors (id, organisation_id, sealed_secret, created_at, last_step, failures) VALUES ($1, $2, $3, $4, 0, 0) \
                   ON CONFLICT (id) DO UPDATE SET sealed_secret = excluded.sealed_secret, created_at = excluded.created_at, last_step = 0, \
                   failures = 0, locked_until = NULL";
        tx.run(sql, &[user.as_str().into(), organisation.as_str().into(), sealed.into(), now.into()]).await?;
        Ok(true)
    }
}

/// From now on a code is asked for. `false` when it was already.
pub async fn switch_on(tx: &mut Tx, user: &UserId, now: Timestamp) -> Result<bool, StoreError> {
    let sql = "UPDATE users SET second_factor_at = $2 WHERE id = $1 AND second_factor_at IS NULL";
    Ok(tx.run(sql, &[user.as_str().into(), now.into()]).await? == 1)
}

/// The app and the recovery codes are forgotten, and no code is asked for any more. `false` when none was.
pub async fn remove(tx: &mut Tx, user: &UserId) -> Result<bool, StoreError> {
    let off = "UPDATE users SET second_factor_at = NULL WHERE id = $1 AND second_factor_at IS NOT NULL";
    let was_on = tx.run(off, &[user.as_str().into()]).await? == 1;
    forget(tx, user).await?;
    Ok(was_on)
}

/// Everything but the user's own row.
pub(crate) async fn forget(tx: &mut Tx, user: &UserId) -> Result<(), StoreError> {
    for sql in [
        "DELETE FROM second_factors WHERE id = $1",
        "DELETE FROM recovery_codes WHERE user_id = $1",
        "DELETE FROM sign_ins_begun WHERE user_id = $1",
    ] {
        tx.run(sql, &[user.as_str().into()]).await?;
    }
    Ok(())
}

/// Uses the code of a half minute. `false` when it, or a newer one, was used before.
pub async fn use_step(tx: &mut Tx, user: &UserId, step: i64) -> Result<bool, StoreError> {
    let sql = "UPDATE second_factors SET last_step = $2, failures = 0, locked_until = NULL WHERE id = $1 AND last_step < $2";
    Ok(tx.run(sql, &[user.as_str().into(), step.into()]).await? == 1)
}

/// New recovery codes; the older ones work no more.
pub async fn set_recovery_codes(tx: &mut Tx, user: &UserId, codes: &[Secret]) -> Result<(), StoreError> {
    tx.run("DELETE FROM recovery_codes WHERE user_id = $1", &[user.as_str().into()]).await?;
    for code in codes {
        let sql = "INSERT INTO recovery_codes (user_id, code_hash) VALUES ($1, $2)";
        tx.run(sql, &[user.as_str().into(), hash(code).into()]).await?;
    }
    Ok(())
}

/// Uses a recovery code. `false` when it is none of theirs, or was used before.
pub async fn use_recovery_code(tx: &mut Tx, user: &UserId, code: &Secret, now: Timestamp) -> Result<bool, StoreError> {
    let sql = "UPDATE recovery_codes SET used_at = $3 WHERE user_id = $1 AND code_hash = $2 AND used_at IS NULL";
    if tx.run(sql, &[user.as_str().into(), hash(code).into(), now.into()]).await? == 0 {
        return Ok(false);
    }
    tx.run("UPDATE second_factors SET failures = 0, locked_until = NULL WHERE id = $1", &[user.as_str().into()]).await?;
    Ok(true)
}

/// How many recovery codes were not used yet.
pub async fn recovery_codes_left(tx: &mut Tx, user: &UserId) -> Result<i64, StoreError> {
    let sql = "SELECT COUNT(*) AS n FROM recovery_codes WHERE user_id = $1 AND used_at IS NULL";
    tx.one(sql, &[user.as_str().into()]).await?.map_or(Ok(0), |row| row.int("n"))
}

/// Counts a wrong code; until when no other is looked at, if it was one too many.
pub async fn failed(tx: &mut Tx, user: &UserId, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
    let sql = "UPDATE second_factors SET failures = failures + 1 WHERE id = $1 RETURNING failures";
    let Some(row) = tx.one(sql, &[user.as_str().into()]).await? else { return Ok(None) };
    let Some(locked_for) = locked_for(row.int("failures")?) else { return Ok(None) };
    tx.run("UPDATE second_factors SET locked_until = $2 WHERE id = $1", &[user.as_str().into(), (now + locked_for).into()]).await?;
    Ok(Some(now + locked_for))
}

fn locked_for(failures: i64) -> Option<Span> {
    let doublings = u32::try_from((failures - FAILURES_MAX).min(20)).ok()?;
    Some(LOCKED_FOR.times(1_i64 << doublings, 1).min(LOCKED_AT_MOST))
}

/// The right password was given: the browser with this secret may give the code.
pub async fn begin_sign_in(tx: &mut Tx, user: &UserId, secret: &Secret, now: Timestamp) -> Result<(), StoreError> {
    let sql = "INSERT INTO sign_ins_begun (secret_hash, user_id, expires_at) VALUES ($1, $2, $3)";
    tx.run(sql, &[hash(secret).into(), user.as_str().into(), (now + SIGN_IN_MAX).into()]).await?;
    Ok(())
}

/// Who gave the right password in that browser, a short while ago.
pub async fn sign_in_begun(tx: &mut Tx, secret: &Secret, now: Timestamp) -> Result<Option<UserId>, StoreError> {
    let sql = "SELECT user_id FROM sign_ins_begun WHERE secret_hash = $1 AND expires_at > $2";
    tx.one(sql, &[hash(secret).into(), now.into()]).await?.map(|row| row.parsed("user_id")).transpose()
}

/// It is used up.
pub async fn end_sign_in(tx: &mut Tx, secret: &Secret) -> Result<(), StoreError> {
    tx.run("DELETE FROM sign_ins_begun WHERE secret_hash = $1", &[hash(secret).into()]).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guessing_gets_slower_and_slower() {
        assert_eq!((locked_for(1), locked_for(4)), (None, None));
        assert_eq!(locked_for(5), Some(Span::minutes(15)));
        assert_eq!(locked_for(6), Some(Span::minutes(30)));
        assert_eq!((locked_for(12), locked_for(i64::MAX)), (Some(Span::hours(24)), Some(Span::hours(24))));
    }
}
