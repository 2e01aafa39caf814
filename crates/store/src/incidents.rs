//! Incidents of networks: seen by any node, told once for all of them ([`lifecycle::incident`]).

use lifecycle::ids::{OrganisationId, UserId};
use lifecycle::incident::{Incident, IncidentKind, Next, Seen, next};
use lifecycle::ledger::Claim;
use lifecycle::permission::Role;
use lifecycle::routing::{Reader, route};
use lifecycle::time::Timestamp;
use serde_json::{Value as Json, json};

use crate::Store;
use crate::driver::{Row, StoreError, Tx, Value};
use crate::events::{self, About, Actor};
use crate::telling;
use crate::users::{self, User};

/// So many profiles are named in a message; the rest is counted.
const NAMED: i64 = 50;

/// An incident at one place.
#[derive(Debug, Clone)]
pub struct AtPlace {
    /// At which network.
    pub network: String,
    /// At which instance of it; empty where it has one.
    pub instance: String,
    /// Which server: the instance, or the one that an account lives on.
    pub server: String,
    /// What is known of it.
    pub incident: Incident,
}

fn read(row: &Row) -> Result<AtPlace, StoreError> {
    let incident = Incident {
        kind: IncidentKind::parse(&row.text("kind")?).ok_or_else(|| StoreError::Broken("incidents.kind".into()))?,
        began_at: row.time("began_at")?,
        seen_at: row.time("seen_at")?,
        answers: row.int("answers")?,
        told_at: row.opt_time("told_at")?,
        owners_told_at: row.opt_time("owners_told_at")?,
        released_at: row.opt_time("released_at")?,
    };
    Ok(AtPlace { network: row.text("network")?, instance: row.text("instance")?, server: row.text("server")?, incident })
}

const PLACE: &str = "organisation_id = $1 AND network = $2 AND instance = $3 AND server = $4 AND kind = $5";

fn place(organisation: &OrganisationId, network: &str, instance: &str, server: &str, kind: IncidentKind) -> [Value; 5] {
    [organisation.as_str().into(), network.into(), instance.into(), server.into(), kind.as_str().into()]
}

/// The open incidents of which people were told, oldest first. One that somebody released is over, whenever that is looked at.
pub async fn open(tx: &mut Tx, organisation: &OrganisationId) -> Result<Vec<AtPlace>, StoreError> {
    let sql = "SELECT * FROM incidents WHERE organisation_id = $1 AND ended_at IS NULL AND told_at IS NOT NULL \
               AND (released_at IS NULL OR released_at < seen_at) ORDER BY began_at, network, server";
    tx.all(sql, &[organisation.as_str().into()]).await?.iter().map(read).collect()
}

/// When somebody released what a network refused last; `None` when nobody ever did.
pub(crate) async fn released_at(
    tx: &mut Tx,
    organisation: &OrganisationId,
    network: &str,
    instance: &str,
) -> Result<Option<Timestamp>, StoreError> {
    let sql = "SELECT MAX(released_at) AS at FROM incidents WHERE organisation_id = $1 AND network = $2 AND instance = $3";
    let row = tx.one(sql, &[organisation.as_str().into(), network.into(), instance.into()]).await?;
    row.map_or(Ok(None), |row| row.opt_time("at"))
}

/// Somebody says that what a network refuses is real (RF-33): verdicts wait no longer, and the incident is over. Who is refused hears it
/// as soon as the network says so once more, within a quarter of an hour. `false` when nothing is held back there.
pub async fn release(
    tx: &mut Tx,
    organisation: &OrganisationId,
    network: &str,
    instance: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let sql = "UPDATE incidents SET released_at = $5 WHERE organisation_id = $1 AND network = $2 AND instance = $3 AND kind = $4 \
               AND ended_at IS NULL AND (released_at IS NULL OR released_at < seen_at)";
    let refused = IncidentKind::Refused.as_str();
    Ok(tx.run(sql, &[organisation.as_str().into(), network.into(), instance.into(), refused.into(), now.into()]).await? > 0)
}

/// What of the profiles there is touched by it.
fn touched(kind: IncidentKind) -> String {
    let column = match kind {
        IncidentKind::Away => "unreachable_since",
        IncidentKind::Refused => "refused_at",
    };
    format!(
        "profiles.organisation_id = $1 AND profiles.network = $2 AND profiles.instance = $3 AND profiles.enabled = 1 AND profiles.id IN \
         (SELECT accesses.profile_id FROM accesses JOIN grants ON grants.id = accesses.grant_id WHERE grants.organisation_id = $1 \
         AND grants.network = $2 AND grants.instance = $3 AND grants.{column} IS NOT NULL)"
    )
}

/// How many profiles it touches so far: those that could not be checked, or are refused.
pub async fn profiles_touched(tx: &mut Tx, organisation: &OrganisationId, at: &AtPlace) -> Result<i64, StoreError> {
    let sql = format!("SELECT COUNT(*) AS n FROM profiles WHERE {}", touched(at.incident.kind));
    let row = tx.one(&sql, &[organisation.as_str().into(), at.network.as_str().into(), at.instance.as_str().into()]).await?;
    row.map_or(Ok(0), |row| row.int("n"))
}

impl Store {
    /// Notes what a node saw: an incident begins, goes on, or may be over. One per place and kind, whichever node sees it. Whether
    /// there is an open one.
    pub(crate) async fn try_note_health(&self, claim: &Claim, server: &str, seen: Seen, now: Timestamp) -> Result<bool, StoreError> {
        let at = |kind| place(&claim.organisation, &claim.network, &claim.instance, server, kind);
        let Seen::Trouble(kind) = seen else {
            let open = format!("SELECT kind FROM incidents WHERE {PLACE} AND ended_at IS NULL");
            // A cheap look first: nearly always there is nothing.
            if self.read().await?.one(&open, &at(IncidentKind::Away)).await?.is_none() {
                return Ok(false);
            }
            let mut tx = self.write().await?;
            let sql = format!("UPDATE incidents SET answers = answers + 1 WHERE {PLACE} AND ended_at IS NULL");
            let is_open = tx.run(&sql, &at(IncidentKind::Away)).await? > 0;
            tx.commit().await?;
            return Ok(is_open);
        };
        let sql = "INSERT INTO incidents (organisation_id, network, instance, server, kind, began_at, seen_at, answers) \
                   VALUES ($1, $2, $3, $4, $5, $6, $6, 0) \
                   ON CONFLICT (organisation_id, network, instance, server, kind) DO UPDATE SET seen_at = excluded.seen_at, answers = 0, ended_at = NULL, \
                   began_at = CASE WHEN incidents.ended_at IS NULL THEN incidents.began_at ELSE excluded.began_at END, \
                   told_at = CASE WHEN incidents.ended_at IS NULL THEN incidents.told_at ELSE NULL END, \
                   owners_told_at = CASE WHEN incidents.ended_at IS NULL THEN incidents.owners_told_at ELSE NULL END";
        let [organisation, network, instance, server, kind] = at(kind);
        let mut tx = self.write().await?;
        tx.run(sql, &[organisation, network, instance, server, kind, now.into()]).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Does what follows for every open incident. How many messages.
    pub async fn watch_incidents(&self, now: Timestamp) -> Result<usize, StoreError> {
        // A cheap look first: nearly always there is nothing.
        if self.read().await?.one("SELECT kind FROM incidents WHERE ended_at IS NULL LIMIT 1", &[]).await?.is_none() {
            return Ok(0);
        }
        let mut tx = self.write().await?;
        let lock = tx.dialect().for_update();
        let sql = format!("SELECT * FROM incidents WHERE ended_at IS NULL ORDER BY organisation_id, network, instance, server, kind{lock}");
        let mut count = 0;
        for row in tx.all(&sql, &[]).await? {
            count += step(&mut tx, &row.parsed("organisation_id")?, &read(&row)?, now).await?;
        }
        tx.commit().await?;
        Ok(count)
    }
}

async fn step(tx: &mut Tx, organisation: &OrganisationId, at: &AtPlace, now: Timestamp) -> Result<usize, StoreError> {
    match next(&at.incident, now) {
        Next::Wait => Ok(0),
        Next::TellAdmins => {
            set(tx, organisation, at, "told_at", now).await?;
            tell_admins(tx, organisation, at, "began", now).await
        }
        Next::TellOwners => {
            set(tx, organisation, at, "owners_told_at", now).await?;
            tell_owners(tx, organisation, at, now).await
        }
        Next::Forget => {
            set(tx, organisation, at, "ended_at", now).await?;
            Ok(0)
        }
        Next::End => {
            set(tx, organisation, at, "ended_at", now).await?;
            if at.incident.told_at.is_none() {
                return Ok(0);
            }
            Ok(tell_admins(tx, organisation, at, "ended", now).await? + clear_owners(tx, organisation, at, now).await?)
        }
    }
}

async fn set(tx: &mut Tx, organisation: &OrganisationId, at: &AtPlace, column: &str, now: Timestamp) -> Result<(), StoreError> {
    let [organisation, network, instance, server, kind] = place(organisation, &at.network, &at.instance, &at.server, at.incident.kind);
    let sql = format!("UPDATE incidents SET {column} = $6 WHERE {PLACE}");
    tx.run(&sql, &[organisation, network, instance, server, kind, now.into()]).await?;
    Ok(())
}

fn payload(at: &AtPlace, count: i64) -> Json {
    let incident = &at.incident;
    json!({ "network": at.network, "server": at.server, "incident": incident.kind, "since": incident.began_at, "count": count, "profiles": [] })
}

/// What tells one message of one incident from all others, on whichever node it is written (NF-01).
fn dedupe(at: &AtPlace, what: &str, user: &UserId) -> String {
    let incident = &at.incident;
    format!("incident:{}:{}:{}:{}:{what}:{user}", at.network, at.server, incident.kind, incident.began_at.as_micros())
}

/// The company admins who want such mails, else all of them: somebody hears it.
async fn operators(tx: &mut Tx, organisation: &OrganisationId) -> Result<Vec<User>, StoreError> {
    let admins = users::with_role(tx, organisation, Role::CompanyAdmin).await?;
    let readers: Vec<Reader> = admins
        .iter()
        .map(|user| Reader {
            user: user.id.clone(),
            active: user.disabled_at.is_none(),
            opted_in: user.notify_no_access,
            reachable: user.refused.is_none(),
        })
        .collect();
    let chosen = route(None, &[], &readers).users;
    Ok(admins.into_iter().filter(|admin| chosen.contains(&admin.id)).collect())
}

/// To company admins, and to whoever subscribed.
async fn tell_admins(tx: &mut Tx, organisation: &OrganisationId, at: &AtPlace, what: &str, now: Timestamp) -> Result<usize, StoreError> {
    let payload = payload(at, profiles_touched(tx, organisation, at).await?);
    let event = format!("network.incident_{what}");
    events::append(tx, organisation, now, &event, &Actor::Keeper, &About::default(), &payload).await?;
    let mut count = 0;
    for admin in operators(tx, organisation).await? {
        let mail = format!("incident_{what}");
        count += usize::from(telling::insert(tx, &mail, &admin, &payload, &dedupe(at, what, &admin.id), now).await?);
    }
    Ok(count)
}

/// Profiles of which nothing else is known: not those that were told to be dead, nor those that somebody else's token proves.
const NOT_KNOWN: &str = " AND profiles.status <> 'disconnected' AND profiles.id NOT IN (SELECT accesses.profile_id FROM accesses \
    JOIN grants ON grants.id = accesses.grant_id WHERE grants.organisation_id = $1 AND grants.refused_at IS NULL)";

/// To every owner of profiles it touches who hears of deaths: not dead, but not to be checked. Who was told as a company admin knows it.
async fn tell_owners(tx: &mut Tx, organisation: &OrganisationId, at: &AtPlace, now: Timestamp) -> Result<usize, StoreError> {
    let known = if at.incident.kind == IncidentKind::Refused { NOT_KNOWN } else { "" };
    let there = format!("{} AND profiles.notify_no_access = 1{known}", touched(at.incident.kind));
    let of: [Value; 3] = [organisation.as_str().into(), at.network.as_str().into(), at.instance.as_str().into()];
    let sql =
        format!("SELECT owner_id, COUNT(*) AS n FROM profiles WHERE {there} AND owner_id IS NOT NULL GROUP BY owner_id ORDER BY owner_id");
    let knows = operators(tx, organisation).await?;
    let mut count = 0;
    for row in tx.all(&sql, &of).await? {
        let owner: UserId = row.parsed("owner_id")?;
        let Some(user) = users::by_id(tx, &owner).await? else { continue };
        if user.disabled_at.is_some() || !user.notify_no_access || knows.iter().any(|admin| admin.id == owner) {
            continue;
        }
        let mut named = vec![];
        let sql = format!("SELECT id, name, network, kind FROM profiles WHERE {there} AND owner_id = $4 ORDER BY sort_key, id LIMIT $5");
        let [organisation, network, instance] = of.clone();
        for row in tx.all(&sql, &[organisation, network, instance, owner.as_str().into(), NAMED.into()]).await? {
            named.push(
                json!({ "id": row.text("id")?, "name": row.text("name")?, "network": row.text("network")?, "kind": row.text("kind")? }),
            );
        }
        let mut said = payload(at, row.int("n")?);
        said["profiles"] = named.into();
        count += usize::from(telling::insert(tx, "cannot_be_checked", &user, &said, &dedupe(at, "owners", &owner), now).await?);
    }
    Ok(count)
}

/// The owners who were told hear that it is over.
async fn clear_owners(tx: &mut Tx, organisation: &OrganisationId, at: &AtPlace, now: Timestamp) -> Result<usize, StoreError> {
    let Some(told_at) = at.incident.owners_told_at else { return Ok(0) };
    let sql = "SELECT dedupe, user_id, payload FROM outbox WHERE organisation_id = $1 AND kind = 'cannot_be_checked' AND created_at = $2 ORDER BY id";
    let mut count = 0;
    for row in tx.all(sql, &[organisation.as_str().into(), told_at.into()]).await? {
        let Some(owner) = row.opt_parsed::<UserId>("user_id")? else { continue };
        if row.text("dedupe")? != dedupe(at, "owners", &owner) {
            continue;
        }
        let Some(user) = users::by_id(tx, &owner).await?.filter(|user| user.disabled_at.is_none()) else { continue };
        let payload: Json = row.json("payload")?;
        count += usize::from(telling::insert(tx, "checked_again", &user, &payload, &dedupe(at, "owners_ended", &owner), now).await?);
    }
    Ok(count)
}
