//! The audit: append-only, hash-chained. A row is committed before any secret or act leaves the house: no row, no act.
//!
//! - `hash` = SHA-256 over the hash of the row before and the fields, each with its length before it: anybody can check an
//!   export without a key.
//! - `mac` = HMAC-SHA-256 over the hash with a key that lies sealed in the installation: whoever can write the table
//!   without having the key file cannot make a chain that holds.
//! - An [`Anchor`] kept elsewhere finds a tail that was cut off together with its counter.

use std::borrow::Cow;
use std::future::{Ready, ready};
use std::sync::{Arc, LazyLock};

use aws_lc_rs::{digest as sha, hmac, rand};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lifecycle::ids::{GrantId, OrganisationId, ProfileId};
use lifecycle::secret::Secret;
use lifecycle::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::driver::{Row, StoreError, Tx, Value, kept_text, to_json};
use crate::events::Actor;
use crate::lines::{Statement, in_statements, insert_into, number};
use crate::seal::{Context, Keyring, from_text, is_same, to_text};
use crate::{Store, installation};

/// How many rows are read at once.
const PAGE: u32 = 1_000;
/// How many findings are told; one is enough to know.
const FINDINGS_MAX: usize = 100;
/// Columns of a row.
const COLUMNS: usize = 11;
/// Bytes of a fingerprint.
const FINGERPRINT: usize = 16;

/// The key of the macs and fingerprints.
#[derive(Clone)]
pub(crate) struct AuditKey(Arc<hmac::Key>);

impl AuditKey {
    /// Opens the key; makes it when there is none yet.
    pub(crate) async fn open_or_create(tx: &mut Tx, keys: &Keyring) -> Result<Self, StoreError> {
        let context = Context { table: "installation", column: "value", row: "audit_key", organisation: "", generation: None };
        let mut bytes = [0; 32];
        rand::fill(&mut bytes).map_err(|_| StoreError::Broken("no random bytes".into()))?;
        installation::claim(tx, "audit_key", &to_text(&keys.seal(&context, &bytes))).await?;
        let sealed = installation::get(tx, "audit_key").await?.as_deref().and_then(from_text);
        let sealed = sealed.ok_or_else(|| StoreError::Broken("the key of the audit is gone".into()))?;
        Ok(Self(Arc::new(hmac::Key::new(hmac::HMAC_SHA256, &keys.open(&context, &sealed)?))))
    }

    fn mac(&self, kind: &str, text: &str) -> Vec<u8> {
        hmac::sign(&self.0, format!("{kind}\n{text}").as_bytes()).as_ref().to_vec()
    }
}

/// What is written down.
#[derive(Debug, Clone)]
pub struct Entry<'a> {
    /// When.
    pub at: Timestamp,
    /// Of which organisation.
    pub organisation: &'a OrganisationId,
    /// Who.
    pub actor: &'a Actor,
    /// What, as a word of [`lifecycle::permission::Act`].
    pub act: &'a str,
    /// As which profile.
    pub profile: Option<&'a ProfileId>,
    /// Through whose grant.
    pub grant: Option<&'a GrantId>,
    /// Under which permission of a key.
    pub under: Option<String>,
    /// What exactly, and which consent.
    pub detail: serde_json::Value,
}

/// A row of the audit.
#[derive(Debug, Clone, Serialize)]
pub struct Entered {
    /// Its place, from 1 on without gaps.
    pub position: i64,
    /// When, in microseconds since 1970.
    pub at: i64,
    /// Of which organisation.
    pub organisation_id: String,
    /// Who, as JSON text: the text is what was hashed.
    pub actor: String,
    /// What.
    pub act: String,
    /// As which profile.
    pub profile_id: Option<String>,
    /// Through whose grant.
    pub grant_id: Option<String>,
    /// Under which permission.
    pub under: Option<String>,
    /// The rest, as JSON text.
    pub detail: String,
    /// Hash of the chain up to here, base64url.
    pub hash: String,
    /// Its mac, base64url.
    pub mac: String,
}

impl Entered {
    /// A row without a place in the chain.
    fn of(entry: Entry<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            position: 0,
            at: entry.at.as_micros(),
            organisation_id: entry.organisation.to_string(),
            // What is hashed is what is kept.
            actor: kept_text(to_json(entry.actor)?),
            act: entry.act.to_owned(),
            profile_id: entry.profile.map(ToString::to_string),
            grant_id: entry.grant.map(ToString::to_string),
            under: entry.under.map(kept_text),
            detail: kept_text(to_json(&entry.detail)?),
            hash: String::new(),
            mac: String::new(),
        })
    }

    fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            position: row.int("position")?,
            at: row.int("at")?,
            organisation_id: row.text("organisation_id")?,
            actor: row.text("actor")?,
            act: row.text("act")?,
            profile_id: row.opt_text("profile_id")?,
            grant_id: row.opt_text("grant_id")?,
            under: row.opt_text("under")?,
            detail: row.text("detail")?,
            hash: row.text("hash")?,
            mac: row.text("mac")?,
        })
    }

    fn into_values(self) -> [Value; COLUMNS] {
        [
            self.position.into(),
            self.at.into(),
            self.organisation_id.into(),
            self.actor.into(),
            self.act.into(),
            self.profile_id.into(),
            self.grant_id.into(),
            self.under.into(),
            self.detail.into(),
            self.hash.into(),
            self.mac.into(),
        ]
    }

    /// The hash that this row must have after that one. A missing field differs from an empty one, and no two rows give the same bytes.
    pub fn hash_after(&self, before: &str) -> String {
        let (position, at) = (self.position.to_string(), self.at.to_string());
        let fields = [
            Some(before),
            Some(&position),
            Some(&at),
            Some(&self.organisation_id),
            Some(&self.actor),
            Some(&self.act),
            self.profile_id.as_deref(),
            self.grant_id.as_deref(),
            self.under.as_deref(),
            Some(&self.detail),
        ];
        let mut all = sha::Context::new(&sha::SHA256);
        for field in fields {
            match field {
                Some(text) => {
                    all.update(&[1]);
                    all.update(&u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
                    all.update(text.as_bytes());
                }
                None => all.update(&[0]),
            }
        }
        URL_SAFE_NO_PAD.encode(all.finish())
    }
}

/// A place in the chain, to be kept outside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anchor {
    /// How many rows there were.
    pub position: i64,
    /// The hash of the last of them; empty when there was none.
    pub hash: String,
}

/// Something that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Where.
    pub position: i64,
    /// What.
    pub what: &'static str,
}

/// What a verification came to.
#[derive(Debug, Clone, Serialize)]
pub struct Verified {
    /// How many rows were read.
    pub rows: i64,
    /// What is not as it was written; empty: all is.
    pub findings: Vec<Finding>,
    /// Where the clock went back between two rows. The rows are whole; the times are to be read with care.
    pub clock_went_back_at: Vec<i64>,
    /// The present end, to be kept outside.
    pub anchor: Anchor,
}

/// What is looked for.
#[derive(Debug, Clone, Default)]
pub struct Search {
    /// Only before this position; newest first.
    pub before: Option<i64>,
    /// Only of this profile.
    pub profile: Option<String>,
    /// Only this act.
    pub act: Option<String>,
    /// Only with this text in actor, permission or detail.
    pub q: Option<String>,
}

/// A row that has no place in the chain yet.
pub(crate) struct Pending {
    row: Entered,
    key: AuditKey,
}

/// Takes the next positions; the answer is the last of them. From here to the end of the transaction nobody else can write a row.
pub(crate) const NEXT: &str = "INSERT INTO counters (name, value) VALUES ('audit', $1) \
     ON CONFLICT (name) DO UPDATE SET value = counters.value + excluded.value RETURNING value";

/// The hash of a row.
pub(crate) const HASH_AT: &str = "SELECT hash FROM audit WHERE position = $1";

/// The statement that writes so many rows; that for one is made once.
fn insertion(rows: usize) -> Cow<'static, str> {
    const NAMES: &str = "position, at, organisation_id, actor, act, profile_id, grant_id, under, detail, hash, mac";
    static ONE: LazyLock<String> = LazyLock::new(|| insert_into("audit", NAMES, COLUMNS, 1));
    if rows == 1 { ONE.as_str().into() } else { insert_into("audit", NAMES, COLUMNS, rows).into() }
}

/// The position before the first of so many rows.
pub(crate) fn before(last: i64, rows: usize) -> i64 {
    last - number(rows)
}

/// The statements that write rows up to that position, after the row that has this hash, so many with each.
pub(crate) fn insert(noted: Vec<Pending>, last: i64, hash: Option<&Row>, at_once: usize) -> Result<Vec<Statement>, StoreError> {
    let mut position = before(last, noted.len());
    let mut hash = hash.map_or_else(|| Ok(String::new()), |row| row.text("hash"))?;
    let chained = noted.into_iter().map(|Pending { mut row, key }| {
        position += 1;
        row.position = position;
        row.hash = row.hash_after(&hash);
        hash.clone_from(&row.hash);
        row.mac = URL_SAFE_NO_PAD.encode(key.mac("row", &row.hash));
        row.into_values()
    });
    Ok(in_statements(chained, at_once, insertion))
}

async fn last_position(tx: &mut Tx) -> Result<i64, StoreError> {
    tx.one("SELECT value FROM counters WHERE name = 'audit'", &[]).await?.map_or(Ok(0), |row| row.int("value"))
}

async fn hash_at(tx: &mut Tx, position: i64) -> Result<Option<String>, StoreError> {
    tx.one(HASH_AT, &[position.into()]).await?.map(|row| row.text("hash")).transpose()
}

impl Store {
    /// Writes a row when the transaction is committed; that is to be done before the act.
    pub fn audit(&self, tx: &mut Tx, entry: Entry<'_>) -> Ready<Result<(), StoreError>> {
        ready(Entered::of(entry).map(|row| tx.note_audit(Pending { row, key: self.audit_key.clone() })))
    }

    /// A name for a secret by which its hand-outs can be found again, and which is of no use to anybody else.
    pub fn fingerprint(&self, secret: &Secret) -> String {
        URL_SAFE_NO_PAD.encode(&self.audit_key.mac("secret", secret.expose())[..FINGERPRINT])
    }

    /// Reads every row and says what is not as it was written. Anchors that were kept outside find a tail that was cut off.
    pub async fn verify_audit(&self, tx: &mut Tx, anchors: &[Anchor]) -> Result<Verified, StoreError> {
        // Rows that come while this runs are left for the next time.
        let end = last_position(tx).await?;
        let mut found = Findings { anchors, ..Findings::default() };
        let (mut position, mut before, mut clock) = (0, String::new(), i64::MIN);
        loop {
            let sql = "SELECT * FROM audit WHERE position > $1 AND position <= $2 ORDER BY position LIMIT $3";
            let rows = tx.all(sql, &[position.into(), end.into(), PAGE.into()]).await?;
            let Some(_) = rows.last() else { break };
            for row in &rows {
                let row = Entered::read(row)?;
                for missing in (position + 1)..row.position.min(position + 1 + i64::try_from(FINDINGS_MAX).unwrap_or(0)) {
                    found.add(missing, "this row was removed");
                }
                if !is_same(&row.hash, &row.hash_after(&before)) {
                    found.add(row.position, "this row, or the one before it, was changed");
                } else if !is_same(&row.mac, &URL_SAFE_NO_PAD.encode(self.audit_key.mac("row", &row.hash))) {
                    found.add(row.position, "this row was not written by a server with our key");
                }
                if row.at < clock {
                    found.clock.push(row.position);
                }
                found.check_anchors(row.position, &row.hash);
                (position, clock, before) = (row.position, row.at, row.hash);
            }
        }
        if tx.one("SELECT position FROM audit WHERE position < 1 OR position > $1 LIMIT 1", &[end.into()]).await?.is_some()
            && last_position(tx).await? == end
        {
            found.add(end + 1, "a row stands outside the counted ones");
        }
        if position < end {
            found.add(position + 1, "the last rows were cut off");
        }
        for anchor in anchors.iter().filter(|anchor| anchor.position > end) {
            found.add(anchor.position, "an anchor names this row, and it is not there: the last rows were cut off");
        }
        let clock = found.clock.into_iter().take(FINDINGS_MAX).collect();
        Ok(Verified { rows: position, findings: found.list, clock_went_back_at: clock, anchor: Anchor { position, hash: before } })
    }
}

#[derive(Default)]
struct Findings<'a> {
    anchors: &'a [Anchor],
    list: Vec<Finding>,
    clock: Vec<i64>,
}

impl Findings<'_> {
    fn add(&mut self, position: i64, what: &'static str) {
        if self.list.len() < FINDINGS_MAX {
            self.list.push(Finding { position, what });
        }
    }

    fn check_anchors(&mut self, position: i64, hash: &str) {
        if self.anchors.iter().any(|anchor| anchor.position == position && !is_same(&anchor.hash, hash)) {
            self.add(position, "an anchor that was kept outside has another hash for this row");
        }
    }
}

/// The present end of the chain, without reading it all.
pub async fn anchor(tx: &mut Tx) -> Result<Anchor, StoreError> {
    tx.write_lines().await?;
    let position = last_position(tx).await?;
    Ok(Anchor { position, hash: hash_at(tx, position).await?.unwrap_or_default() })
}

/// Rows of an organisation after a position, oldest first.
pub async fn after(tx: &mut Tx, organisation: &OrganisationId, position: i64, limit: u32) -> Result<Vec<Entered>, StoreError> {
    let sql = "SELECT * FROM audit WHERE organisation_id = $1 AND position > $2 ORDER BY position LIMIT $3";
    tx.all(sql, &[organisation.as_str().into(), position.into(), limit.into()]).await?.iter().map(Entered::read).collect()
}

/// Rows of an organisation that fit, newest first.
pub async fn search(tx: &mut Tx, organisation: &OrganisationId, search: &Search, limit: u32) -> Result<Vec<Entered>, StoreError> {
    let mut sql = String::from("SELECT * FROM audit WHERE organisation_id = $1");
    let mut values: Vec<Value> = vec![organisation.as_str().into()];
    let mut add = |condition: &str, value: Value| {
        values.push(value);
        sql.push_str(" AND ");
        sql.push_str(&condition.replace('?', &format!("${}", values.len())));
    };
    if let Some(before) = search.before {
        add("position < ?", before.into());
    }
    if let Some(profile) = &search.profile {
        add("profile_id = ?", profile.into());
    }
    if let Some(act) = &search.act {
        add("act = ?", act.into());
    }
    if let Some(q) = search.q.as_deref().map(str::trim).filter(|q| !q.is_empty()) {
        let escaped = q.to_lowercase().replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
        let any = "(LOWER(actor) LIKE ? ESCAPE '\\' OR LOWER(COALESCE(under, '')) LIKE ? ESCAPE '\\' OR LOWER(detail) LIKE ? ESCAPE '\\')";
        add(any, format!("%{escaped}%").into());
    }
    values.push(limit.into());
    sql.push_str(&format!(" ORDER BY position DESC LIMIT ${}", values.len()));
    tx.all(&sql, &values).await?.iter().map(Entered::read).collect()
}
