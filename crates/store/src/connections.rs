//! Attempts to connect: from the first click to the chosen profiles. The one-time state is stored as a hash, what must be
//! remembered (PKCE verifier and kin) is sealed, and both are used once.

use std::collections::BTreeMap;

use lifecycle::ids::{ConnectionId, OrganisationId, PersonId, ProfileId};
use lifecycle::secret::Secret;
use lifecycle::time::{Span, Timestamp};
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::driver::{Row, StoreError, Tx, to_json};
use crate::events::Actor;
use crate::grants::Place;
use crate::seal::{Context, hash, open_secrets, seal_secrets};

/// Where a connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The person is at the network.
    Pending,
    /// They came back; the code is being exchanged.
    Exchanging,
    /// Profiles were found and wait to be chosen.
    Choose,
    /// Done.
    Complete,
    /// It did not come about.
    Failed,
}

impl Stage {
    /// The word of the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Exchanging => "exchanging",
            Self::Choose => "choose",
            Self::Complete => "complete",
            Self::Failed => "failed",
        }
    }

    /// The word for those who only want to know whether it came about: while the code is exchanged it is pending.
    pub const fn shown(self) -> &'static str {
        match self {
            Self::Exchanging => Self::Pending.as_str(),
            other => other.as_str(),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Pending, Self::Exchanging, Self::Choose, Self::Complete, Self::Failed].into_iter().find(|stage| stage.as_str() == text)
    }
}

/// Who began it, and how they are recognised when they come back.
#[derive(Debug, Clone)]
pub struct Begun {
    /// For the log.
    pub by: Actor,
    /// Hash of the cookie of the browser; `None` when a tool began (RFC 9700 4.7.1).
    pub browser_hash: Option<String>,
    /// Network ids of the people who are accepted; empty: anybody.
    pub expected_people: Vec<String>,
    /// The profile that is being refreshed.
    pub profile: Option<ProfileId>,
    /// Where to go afterwards: a path of our own.
    pub return_to: Option<String>,
}

/// A profile that was discovered, as it waits to be chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Discovered {
    /// Its id at the network.
    pub network_id: String,
    /// What it is.
    pub kind: String,
    /// Its name. Hostile text.
    pub name: String,
    /// Its handle.
    pub handle: Option<String>,
    /// Its picture.
    pub avatar: Option<String>,
    /// The role.
    pub role: String,
    /// Network id of the profile it belongs to.
    pub parent: Option<String>,
    /// Why it cannot be connected, in English and German; `None` when it can.
    pub unusable: Option<(String, String)>,
}

/// Why it did not come about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    /// One word (`denied`, `wrong_person`, `expired` …).
    pub code: String,
    /// The network's words, where there are any.
    pub evidence: Option<lifecycle::words::Evidence>,
    /// Who was expected, for people.
    pub expected: Vec<String>,
    /// Who came, for people.
    pub came: Option<String>,
    /// What else there is to say, in English and German.
    pub words: Option<(String, String)>,
}

/// A stored connection.
#[derive(Debug, Clone)]
pub struct Connection {
    /// Which.
    pub id: ConnectionId,
    /// Of which organisation.
    pub organisation: OrganisationId,
    /// Where it leads.
    pub place: Place,
    /// Where it stands.
    pub stage: Stage,
    /// Who began it.
    pub begun: Begun,
    /// When it ends.
    pub expires_at: Timestamp,
    /// Who came.
    pub person: Option<PersonId>,
    /// What was found.
    pub discovered: Vec<Discovered>,
    /// What was added.
    pub added: Vec<ProfileId>,
    /// Names of profiles that were connected through this login before, and were not among what the person allowed this time.
    pub left_out: Vec<String>,
    /// Why it failed.
    pub failure: Option<Failed>,
}

/// What became of a state that came back.
#[derive(Debug)]
pub enum Taken {
    /// It is ours, for the first time: here is what was remembered.
    Ours(Box<Connection>, BTreeMap<String, Secret>),
    /// Nobody began this.
    Foreign,
    /// It was used before.
    Used(Box<Connection>),
    /// It came too late.
    Expired(Box<Connection>),
    /// It came back in another browser than the one that began.
    OtherBrowser(Box<Connection>),
}

fn context<'a>(id: &'a str, organisation: &'a str) -> Context<'a> {
    Context { table: "connections", column: "sealed_memory", row: id, organisation, generation: None }
}

pub(crate) fn read(row: &Row) -> Result<Connection, StoreError> {
    let list = |column: &str| row.opt_text(column).map(|text| text.unwrap_or_else(|| "[]".into()));
    let broken = |error: serde_json::Error| StoreError::Broken(error.to_string());
    Ok(Connection {
        id: row.parsed("id")?,
        organisation: row.parsed("organisation_id")?,
        place: Place { network: row.text("network")?, instance: row.text("instance")? },
        stage: Stage::parse(&row.text("status")?).ok_or_else(|| StoreError::Broken("status".into()))?,
        begun: Begun {
            by: row.json("begun_by")?,
            browser_hash: row.opt_text("browser_hash")?,
            expected_people: row.json("expected_people")?,
            profile: row.opt_parsed("profile_id")?,
            return_to: row.opt_text("return_to")?,
        },
        expires_at: row.time("expires_at")?,
        person: row.opt_parsed("person_id")?,
        discovered: serde_json::from_str(&list("discovered")?).map_err(broken)?,
        added: serde_json::from_str(&list("added")?).map_err(broken)?,
        left_out: serde_json::from_str(&list("left_out")?).map_err(broken)?,
        failure: row.opt_text("failure")?.map(|text| serde_json::from_str(&text)).transpose().map_err(broken)?,
    })
}

impl Store {
    /// Notes a connection before the person leaves for the network.
    #[expect(clippy::too_many_arguments, reason = "one row, written once, in one place")]
    pub async fn open_connection(
        &self,
        tx: &mut Tx,
        id: &ConnectionId,
        organisation: &OrganisationId,
        place: &Place,
        begun: &Begun,
        state: &Secret,
        memory: &BTreeMap<String, Secret>,
        now: Timestamp,
        life: Span,
    ) -> Result<(), StoreError> {
        let sealed = seal_secrets(self.keys(), &context(id.as_str(), organisation.as_str()), memory);
        let sql = "INSERT INTO connections (id, organisation_id, network, instance, status, state_hash, sealed_memory, browser_hash, begun_by, expected_people, profile_id, return_to, \
                   created_at, expires_at) VALUES ($1, $2, $3, $4, 'pending', $5, $6, $7, $8, $9, $10, $11, $12, $13)";
        let values = [
            id.as_str().into(),
            organisation.as_str().into(),
            place.network.as_str().into(),
            place.instance.as_str().into(),
            hash(state).into(),
            sealed.into(),
            begun.browser_hash.clone().into(),
            to_json(&begun.by)?.into(),
            to_json(&begun.expected_people)?.into(),
            begun.profile.as_ref().map(ProfileId::as_str).into(),
            begun.return_to.clone().into(),
            now.into(),
            (now + life).into(),
        ];
        tx.run(sql, &values).await?;
        Ok(())
    }

    /// Uses a state: single use, also under a hundred parallel callbacks (NT-01), and it is used up whatever happens next.
    pub async fn take_connection(
        &self,
        tx: &mut Tx,
        network: &str,
        state: &Secret,
        browser_hash: Option<&str>,
        now: Timestamp,
    ) -> Result<Taken, StoreError> {
        let sql = format!("SELECT * FROM connections WHERE state_hash = $1{}", tx.dialect().for_update());
        let Some(row) = tx.one(&sql, &[hash(state).into()]).await? else { return Ok(Taken::Foreign) };
        let connection = Box::new(read(&row)?);
        if connection.place.network != network {
            // Network A's callback with network B's state: mix-up (NT-03). Nothing of B is touched.
            return Ok(Taken::Foreign);
        }
        if row.opt_int("used_at")?.is_some() {
            return Ok(Taken::Used(connection));
        }
        if connection.begun.browser_hash.is_some() && connection.begun.browser_hash.as_deref() != browser_hash {
            return Ok(Taken::OtherBrowser(connection));
        }
        if connection.expires_at <= now {
            return Ok(Taken::Expired(connection));
        }
        let sealed = row.opt_bytes("sealed_memory")?.ok_or_else(|| StoreError::Broken("nothing was remembered".into()))?;
        let memory = open_secrets(self.keys(), &context(connection.id.as_str(), connection.organisation.as_str()), &sealed)?;
        let sql = "UPDATE connections SET used_at = $2, status = 'exchanging', sealed_memory = NULL WHERE id = $1";
        tx.run(sql, &[connection.id.as_str().into(), now.into()]).await?;
        Ok(Taken::Ours(connection, memory))
    }
}

/// One connection of an organisation.
pub async fn get(tx: &mut Tx, organisation: &OrganisationId, id: &ConnectionId) -> Result<Option<Connection>, StoreError> {
    tx.one("SELECT * FROM connections WHERE id = $1 AND organisation_id = $2", &[id.as_str().into(), organisation.as_str().into()])
        .await?
        .as_ref()
        .map(read)
        .transpose()
}

/// Notes what was found, and what is missing that was there before; the person chooses next.
pub(crate) async fn set_discovered(
    tx: &mut Tx,
    id: &ConnectionId,
    person: &PersonId,
    discovered: &[Discovered],
    left_out: &[String],
) -> Result<(), StoreError> {
    let sql = "UPDATE connections SET status = 'choose', person_id = $2, discovered = $3, left_out = $4, failure = NULL, sealed_memory = NULL, \
               sealed_login = NULL, login = NULL, list_at = NULL WHERE id = $1";
    tx.run(sql, &[id.as_str().into(), person.as_str().into(), to_json(&discovered)?.into(), to_json(&left_out)?.into()]).await?;
    Ok(())
}

/// Notes that it is done. Adding more later is possible: the list grows.
pub(crate) async fn set_complete(tx: &mut Tx, id: &ConnectionId, added: &[ProfileId]) -> Result<(), StoreError> {
    tx.run("UPDATE connections SET status = 'complete', added = $2 WHERE id = $1", &[id.as_str().into(), to_json(&added)?.into()]).await?;
    Ok(())
}

/// Notes why it did not come about.
pub async fn set_failed(tx: &mut Tx, id: &ConnectionId, failure: &Failed) -> Result<(), StoreError> {
    tx.run(
        "UPDATE connections SET status = 'failed', failure = $2, sealed_memory = NULL, sealed_login = NULL, login = NULL, list_at = NULL WHERE id = $1",
        &[id.as_str().into(), to_json(failure)?.into()],
    )
    .await?;
    Ok(())
}

/// Notes something that people should know although it came about (scopes that were not granted).
pub async fn set_warning(tx: &mut Tx, id: &ConnectionId, warning: &Failed) -> Result<(), StoreError> {
    tx.run("UPDATE connections SET failure = $2 WHERE id = $1", &[id.as_str().into(), to_json(warning)?.into()]).await?;
    Ok(())
}
