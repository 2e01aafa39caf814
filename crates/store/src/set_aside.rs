//! Logins whose tokens came and whose list of profiles did not: nothing of them is thrown away. The token set waits, sealed, with its
//! connection, until the network says what it leads to.

use std::collections::BTreeMap;

use lifecycle::grant::Clocks;
use lifecycle::ids::OrganisationId;
use lifecycle::secret::{Secret, TokenSet};
use lifecycle::time::{Span, Timestamp};
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::connections::{self, Connection, Failed};
use crate::driver::{StoreError, Tx, to_json};
use crate::seal::{Context, open_secrets, open_tokens, seal_secrets, seal_tokens};

/// How long a login waits for its list.
const LIFE: Span = Span::hours(24);
/// How soon the list is asked for again, at first and in the end.
const AGAIN: (Span, Span) = (Span::seconds(15), Span::minutes(10));

/// What a login brought, while it is not known what it leads to.
#[derive(Debug)]
pub struct Login {
    /// The secrets.
    pub tokens: TokenSet,
    /// What the answer said about their lives.
    pub clocks: Clocks,
    /// Whether it can be renewed without the person.
    pub renewable: bool,
    /// The person's id, where the answer named it.
    pub person_network_id: Option<String>,
    /// Scopes that were asked for and not granted.
    pub missing_scopes: Vec<String>,
    /// What was remembered while the person was away, and learned since.
    pub memory: BTreeMap<String, Secret>,
}

/// What of a login is no secret.
#[derive(Serialize, Deserialize)]
struct Plain {
    access_until: Option<Timestamp>,
    refresh_until: Option<Timestamp>,
    human_until: Option<Timestamp>,
    renewable: bool,
    person_network_id: Option<String>,
    missing_scopes: Vec<String>,
}

fn context<'a>(connection: &'a Connection, column: &'static str) -> Context<'a> {
    Context { table: "connections", column, row: connection.id.as_str(), organisation: connection.organisation.as_str(), generation: None }
}

impl Store {
    /// Keeps a login with its connection; `why` says what the network answered instead of a list.
    pub async fn set_aside(
        &self,
        tx: &mut Tx,
        connection: &Connection,
        login: &Login,
        why: &Failed,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let plain = Plain {
            access_until: login.clocks.access_until,
            refresh_until: login.clocks.refresh_until,
            human_until: login.clocks.human_until,
            renewable: login.renewable,
            person_network_id: login.person_network_id.clone(),
            missing_scopes: login.missing_scopes.clone(),
        };
        let sql = "UPDATE connections SET sealed_login = $2, login = $3, sealed_memory = $4, failure = $5, list_at = $6, expires_at = $7 \
                   WHERE id = $1 AND status = 'exchanging'";
        let values = [
            connection.id.as_str().into(),
            seal_tokens(self.keys(), &context(connection, "sealed_login"), &login.tokens).into(),
            to_json(&plain)?.into(),
            seal_secrets(self.keys(), &context(connection, "sealed_memory"), &login.memory).into(),
            to_json(why)?.into(),
            (now + AGAIN.0).into(),
            (now + LIFE).into(),
        ];
        tx.run(sql, &values).await.map(drop)
    }

    /// Logins whose list is to be asked for again, each claimed: nobody else gets it for a while, a longer one each time. One that does
    /// not open any more is passed over, so that it is in nobody's way.
    pub async fn claim_set_aside(
        &self,
        tx: &mut Tx,
        organisation: &OrganisationId,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<(Connection, Login)>, StoreError> {
        let sql = "SELECT * FROM connections WHERE organisation_id = $1 AND list_at <= $2 ORDER BY list_at, id LIMIT $3";
        let rows = tx.all(sql, &[organisation.as_str().into(), now.into(), limit.into()]).await?;
        let mut claimed = vec![];
        for row in rows {
            let connection = connections::read(&row)?;
            let waited = now.since(row.time("used_at")?);
            let next = now + waited.clamp(AGAIN.0, AGAIN.1);
            let sql = "UPDATE connections SET list_at = $3 WHERE id = $1 AND list_at = $2";
            let values = [connection.id.as_str().into(), row.time("list_at")?.into(), next.into()];
            if tx.run(sql, &values).await? == 0 {
                continue;
            }
            match self.open_login(&connection, &row) {
                Ok(Some(login)) => claimed.push((connection, login)),
                Ok(None) => {}
                Err(error) => tracing::error!(connection = %connection.id, error = %error, "store: a login that waits does not open"),
            }
        }
        Ok(claimed)
    }

    fn open_login(&self, connection: &Connection, row: &crate::driver::Row) -> Result<Option<Login>, StoreError> {
        let (Some(tokens), Some(memory)) = (row.opt_bytes("sealed_login")?, row.opt_bytes("sealed_memory")?) else { return Ok(None) };
        let plain: Plain = row.json("login")?;
        Ok(Some(Login {
            tokens: open_tokens(self.keys(), &context(connection, "sealed_login"), &tokens)?,
            clocks: Clocks { access_until: plain.access_until, refresh_until: plain.refresh_until, human_until: plain.human_until },
            renewable: plain.renewable,
            person_network_id: plain.person_network_id,
            missing_scopes: plain.missing_scopes,
            memory: open_secrets(self.keys(), &context(connection, "sealed_memory"), &memory)?,
        }))
    }
}

/// Whether there is anything to claim: asked first, because reading costs nobody anything.
pub async fn is_due(tx: &mut Tx, organisation: &OrganisationId, now: Timestamp) -> Result<bool, StoreError> {
    let sql = "SELECT id FROM connections WHERE organisation_id = $1 AND list_at <= $2 LIMIT 1";
    Ok(tx.one(sql, &[organisation.as_str().into(), now.into()]).await?.is_some())
}
