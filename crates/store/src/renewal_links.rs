//! Links by which a network admin without an account renews the connection of one profile or of several; each profile once.

use lifecycle::ids::{OrganisationId, PersonId, ProfileId};
use lifecycle::secret::Secret;
use lifecycle::time::{Span, Timestamp};

use crate::driver::{Row, StoreError, Tx, to_json};
use crate::events::Actor;
use crate::seal::hash;
use crate::telling;

/// Where a link stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkState {
    /// It can be used.
    Open,
    /// It was used.
    Used,
    /// Its time is over.
    Expired,
    /// It was taken back.
    Withdrawn,
}

/// Whose login a link accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accepts {
    /// Of the people who hold the profile: another login is refused.
    Holders,
    /// Of any admin of the profile at the network, so that another person holds it too.
    AnyAdmin {
        /// Not of this one, whose place is taken.
        instead_of: Option<PersonId>,
    },
}

/// A profile that a link leads through.
#[derive(Debug, Clone)]
pub struct Step {
    /// Which.
    pub profile: ProfileId,
    /// When it was renewed through the link.
    pub done_at: Option<Timestamp>,
}

/// A link, without its secret.
#[derive(Debug, Clone)]
pub struct RenewalLink {
    /// Of which organisation.
    pub organisation: OrganisationId,
    /// The profiles it leads through.
    pub steps: Vec<Step>,
    /// Who made it.
    pub created_by: Actor,
    /// Whom it accepts.
    pub accepts: Accepts,
    /// When it ends.
    pub expires_at: Timestamp,
    /// Where it stands.
    pub state: LinkState,
}

/// What a link is made of.
#[derive(Debug, Clone, Copy)]
pub struct NewLink<'a> {
    /// The profiles it leads through; one at least.
    pub profiles: &'a [ProfileId],
    /// What makes it openable.
    pub secret: &'a Secret,
    /// Who makes it.
    pub by: &'a Actor,
    /// Where it was sent.
    pub email: Option<&'a str>,
    /// Whom it accepts.
    pub accepts: &'a Accepts,
    /// For how long it can be used.
    pub life: Span,
}

/// Makes a link; until when it can be used.
pub async fn create(tx: &mut Tx, organisation: &OrganisationId, link: NewLink<'_>, now: Timestamp) -> Result<Timestamp, StoreError> {
    let expires_at = now + link.life;
    let first = link.profiles.first().ok_or_else(|| StoreError::Broken("a renewal link without a profile".into()))?;
    let sql = "INSERT INTO renewal_links (secret_hash, organisation_id, profile_id, created_by, email, created_at, expires_at, any_admin, instead_of) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    let (any_admin, instead_of) = match link.accepts {
        Accepts::Holders => (false, None),
        Accepts::AnyAdmin { instead_of } => (true, instead_of.as_ref()),
    };
    let values = [
        hash(link.secret).into(),
        organisation.as_str().into(),
        first.as_str().into(),
        to_json(link.by)?.into(),
        link.email.into(),
        now.into(),
        expires_at.into(),
        any_admin.into(),
        instead_of.map(PersonId::as_str).into(),
    ];
    tx.run(sql, &values).await?;
    for profile in link.profiles {
        let sql = "INSERT INTO renewal_link_profiles (secret_hash, profile_id) VALUES ($1, $2) ON CONFLICT DO NOTHING";
        tx.run(sql, &[hash(link.secret).into(), profile.as_str().into()]).await?;
    }
    Ok(expires_at)
}

/// Looks a link up; looking never consumes it (NT-22).
pub async fn find(tx: &mut Tx, secret: &Secret, now: Timestamp) -> Result<Option<RenewalLink>, StoreError> {
    by_hash(tx, &hash(secret), now).await
}

/// The same by the hash of its secret: the connection that was begun with a link does not know the secret.
pub async fn by_hash(tx: &mut Tx, secret_hash: &str, now: Timestamp) -> Result<Option<RenewalLink>, StoreError> {
    let Some(row) = tx.one("SELECT * FROM renewal_links WHERE secret_hash = $1", &[secret_hash.into()]).await? else { return Ok(None) };
    let expires_at = row.time("expires_at")?;
    let steps = "SELECT profile_id, done_at FROM renewal_link_profiles WHERE secret_hash = $1 ORDER BY profile_id";
    let read =
        |row: &Row| -> Result<Step, StoreError> { Ok(Step { profile: row.parsed("profile_id")?, done_at: row.opt_time("done_at")? }) };
    let steps = tx.all(steps, &[secret_hash.into()]).await?.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let state = if row.opt_int("withdrawn_at")?.is_some() {
        LinkState::Withdrawn
    } else if steps.iter().all(|step| step.done_at.is_some()) {
        LinkState::Used
    } else if expires_at <= now {
        LinkState::Expired
    } else {
        LinkState::Open
    };
    Ok(Some(RenewalLink {
        organisation: row.parsed("organisation_id")?,
        steps,
        created_by: row.json("created_by")?,
        accepts: if row.flag("any_admin")? { Accepts::AnyAdmin { instead_of: row.opt_parsed("instead_of")? } } else { Accepts::Holders },
        expires_at,
        state,
    }))
}

/// Notes which of its profiles were renewed through a link; a link whose last one is done is used up. `false` when none of them was
/// open: done before, or the link was taken back. It is named by its hash ([`crate::seal::hash`]): the connection that was begun
/// with it does not know its secret.
pub async fn done(tx: &mut Tx, secret_hash: &str, profiles: &[ProfileId], now: Timestamp) -> Result<bool, StoreError> {
    let mut any = 0;
    for profile in profiles {
        let sql = "UPDATE renewal_link_profiles SET done_at = $3 WHERE secret_hash = $1 AND profile_id = $2 AND done_at IS NULL \
                   AND secret_hash IN (SELECT secret_hash FROM renewal_links WHERE withdrawn_at IS NULL)";
        any += tx.run(sql, &[secret_hash.into(), profile.as_str().into(), now.into()]).await?;
    }
    let sql = "UPDATE renewal_links SET used_at = $2 WHERE secret_hash = $1 AND used_at IS NULL AND withdrawn_at IS NULL \
               AND NOT EXISTS (SELECT profile_id FROM renewal_link_profiles WHERE secret_hash = $1 AND done_at IS NULL)";
    tx.run(sql, &[secret_hash.into(), now.into()]).await?;
    Ok(any > 0)
}

/// The links in which a profile still has to be renewed.
const OPEN: &str = "organisation_id = $2 AND used_at IS NULL AND withdrawn_at IS NULL \
                    AND secret_hash IN (SELECT secret_hash FROM renewal_link_profiles WHERE profile_id = $1 AND done_at IS NULL)";

/// A link that can be used, without its secret.
#[derive(Debug, Clone)]
pub struct OpenLink {
    /// The hash of its secret; its name for whoever manages it.
    pub hash: String,
    /// Who made it.
    pub created_by: Actor,
    /// Where it was sent.
    pub email: Option<String>,
    /// Why that mail did not arrive.
    pub not_arrived: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Until when it can be used.
    pub expires_at: Timestamp,
    /// The name of the first profile it leads through.
    pub first: String,
    /// How many profiles it leads through.
    pub steps: i64,
    /// How many of these are done.
    pub done: i64,
}

/// The links of an organisation that can be used, newest first; only those that somebody made where `by` names them.
pub async fn all_open(
    tx: &mut Tx,
    organisation: &OrganisationId,
    by: Option<&Actor>,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<OpenLink>, StoreError> {
    let steps = "SELECT COUNT(*) FROM renewal_link_profiles WHERE renewal_link_profiles.secret_hash = renewal_links.secret_hash";
    let mail = "SELECT MAX(last_error) FROM outbox WHERE outbox.recipient = renewal_links.email AND outbox.created_at = renewal_links.created_at \
                AND outbox.organisation_id = renewal_links.organisation_id AND kind = 'renewal_link' AND gave_up_at IS NOT NULL";
    let mut sql = format!(
        "SELECT renewal_links.*, profiles.name AS first_profile, ({mail}) AS not_arrived, ({steps}) AS steps, ({steps} AND done_at IS NOT NULL) AS done FROM renewal_links \
         JOIN profiles ON profiles.id = renewal_links.profile_id \
         WHERE renewal_links.organisation_id = $1 AND used_at IS NULL AND withdrawn_at IS NULL AND expires_at > $2"
    );
    let mut values = vec![organisation.as_str().into(), now.into(), limit.into()];
    if let Some(by) = by {
        sql.push_str(" AND renewal_links.created_by = $4");
        values.push(to_json(by)?.into());
    }
    sql.push_str(" ORDER BY renewal_links.created_at DESC, secret_hash LIMIT $3");
    let read = |row: &Row| -> Result<OpenLink, StoreError> {
        Ok(OpenLink {
            hash: row.text("secret_hash")?,
            created_by: row.json("created_by")?,
            email: row.opt_text("email")?,
            not_arrived: row.opt_text("not_arrived")?.as_deref().map(telling::without_links),
            created_at: row.time("created_at")?,
            expires_at: row.time("expires_at")?,
            first: row.text("first_profile")?,
            steps: row.int("steps")?,
            done: row.int("done")?,
        })
    };
    tx.all(&sql, &values).await?.iter().map(read).collect()
}

/// Takes back one link with every step that is left; the profiles it leads through. Empty when it cannot be used anyway, or somebody
/// else than `by` made it.
pub async fn withdraw_one(
    tx: &mut Tx,
    organisation: &OrganisationId,
    secret_hash: &str,
    by: Option<&Actor>,
    now: Timestamp,
) -> Result<Vec<ProfileId>, StoreError> {
    let mut sql = String::from(
        "UPDATE renewal_links SET withdrawn_at = $3 WHERE secret_hash = $1 AND organisation_id = $2 AND used_at IS NULL AND withdrawn_at IS NULL",
    );
    let mut values = vec![secret_hash.into(), organisation.as_str().into(), now.into()];
    if let Some(by) = by {
        sql.push_str(" AND created_by = $4");
        values.push(to_json(by)?.into());
    }
    if tx.run(&sql, &values).await? == 0 {
        return Ok(vec![]);
    }
    let sql = "SELECT profile_id FROM renewal_link_profiles WHERE secret_hash = $1 ORDER BY profile_id";
    tx.all(sql, &[secret_hash.into()]).await?.iter().map(|row| row.parsed("profile_id")).collect()
}

/// How many links of a profile can be used.
pub async fn open(tx: &mut Tx, organisation: &OrganisationId, profile: &ProfileId, now: Timestamp) -> Result<i64, StoreError> {
    let sql = format!("SELECT COUNT(*) AS n FROM renewal_links WHERE {OPEN} AND expires_at > $3");
    let row = tx.one(&sql, &[profile.as_str().into(), organisation.as_str().into(), now.into()]).await?;
    row.map_or(Ok(0), |row| row.int("n"))
}

/// Takes back every link in which a profile still has to be renewed, with all its other steps; how many.
pub async fn withdraw(tx: &mut Tx, organisation: &OrganisationId, profile: &ProfileId, now: Timestamp) -> Result<u64, StoreError> {
    let sql = format!("UPDATE renewal_links SET withdrawn_at = $3 WHERE {OPEN}");
    tx.run(&sql, &[profile.as_str().into(), organisation.as_str().into(), now.into()]).await
}

/// A profile that is going to be deleted is no step of any link; a link without steps goes.
pub(crate) async fn forget_profile(tx: &mut Tx, profile: &ProfileId) -> Result<(), StoreError> {
    for sql in [
        "DELETE FROM renewal_link_profiles WHERE profile_id = $1",
        "UPDATE renewal_links SET profile_id = (SELECT MIN(profile_id) FROM renewal_link_profiles WHERE secret_hash = renewal_links.secret_hash) \
         WHERE profile_id = $1 AND secret_hash IN (SELECT secret_hash FROM renewal_link_profiles)",
        "DELETE FROM renewal_links WHERE profile_id = $1",
    ] {
        tx.run(sql, &[profile.as_str().into()]).await?;
    }
    Ok(())
}
