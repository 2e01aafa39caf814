//! Our registered clients at networks, as entered by an admin. The secret is sealed.

use lifecycle::ids::OrganisationId;
use lifecycle::secret::Secret;
use lifecycle::time::Timestamp;

use crate::driver::{StoreError, Tx};
use crate::seal::{Context, Keyring};

/// A registered client.
#[derive(Debug, Clone)]
pub struct StoredApp {
    /// The client id.
    pub client_id: String,
    /// The client secret.
    pub client_secret: Option<Secret>,
    /// When it was entered.
    pub updated_at: Timestamp,
}

fn context<'a>(organisation: &'a OrganisationId, row: &'a str) -> Context<'a> {
    Context { table: "network_apps", column: "sealed_secret", row, organisation: organisation.as_str(), generation: None }
}

/// Stores a client; the one that was there is replaced.
pub async fn set(
    tx: &mut Tx,
    keys: &Keyring,
    organisation: &OrganisationId,
    network: &str,
    instance: &str,
    client_id: &str,
    secret: Option<&Secret>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let row = format!("{organisation}/{network}/{instance}");
    let sealed = secret.map(|secret| keys.seal(&context(organisation, &row), secret.expose().as_bytes()));
    let sql = "INSERT INTO network_apps (id, organisation_id, network, instance, client_id, sealed_secret, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7) \
               ON CONFLICT (id) DO UPDATE SET client_id = excluded.client_id, sealed_secret = excluded.sealed_secret, updated_at = excluded.updated_at";
    tx.run(
        sql,
        &[row.clone().into(), organisation.as_str().into(), network.into(), instance.into(), client_id.into(), sealed.into(), now.into()],
    )
    .await?;
    Ok(())
}

/// Every client that was entered: network, instance, client id. The secrets stay where they are.
pub async fn list(tx: &mut Tx, organisation: &OrganisationId) -> Result<Vec<(String, String, String)>, StoreError> {
    let sql = "SELECT network, instance, client_id FROM network_apps WHERE organisation_id = $1 ORDER BY network, instance";
    let rows = tx.all(sql, &[organisation.as_str().into()]).await?;
    rows.iter().map(|row| Ok((row.text("network")?, row.text("instance")?, row.text("client_id")?))).collect()
}

/// The client at a network.
pub async fn get(
    tx: &mut Tx,
    keys: &Keyring,
    organisation: &OrganisationId,
    network: &str,
    instance: &str,
) -> Result<Option<StoredApp>, StoreError> {
    let id = format!("{organisation}/{network}/{instance}");
    let Some(row) = tx.one("SELECT * FROM network_apps WHERE id = $1", &[id.clone().into()]).await? else { return Ok(None) };
    let client_secret = match row.opt_bytes("sealed_secret")? {
        Some(sealed) => {
            let plain = keys.open(&context(organisation, &id), &sealed)?;
            Some(Secret::new(String::from_utf8_lossy(&plain)))
        }
        None => None,
    };
    Ok(Some(StoredApp { client_id: row.text("client_id")?, client_secret, updated_at: row.time("updated_at")? }))
}

/// What a client was registered with at an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisteredWith {
    /// The redirect address.
    pub redirect_uri: String,
    /// The scopes, separated by spaces.
    pub scopes: String,
}

/// Notes what the client there was registered with.
pub async fn set_registered_with(
    tx: &mut Tx,
    organisation: &OrganisationId,
    network: &str,
    instance: &str,
    with: &RegisteredWith,
) -> Result<(), StoreError> {
    let id = format!("{organisation}/{network}/{instance}");
    let sql = "UPDATE network_apps SET redirect_uri = $2, scopes = $3 WHERE id = $1";
    tx.run(sql, &[id.into(), with.redirect_uri.as_str().into(), with.scopes.as_str().into()]).await?;
    Ok(())
}

/// What the client there was registered with; `None` where that is not known, or none is registered.
pub async fn registered_with(
    tx: &mut Tx,
    organisation: &OrganisationId,
    network: &str,
    instance: &str,
) -> Result<Option<RegisteredWith>, StoreError> {
    let id = format!("{organisation}/{network}/{instance}");
    let Some(row) = tx.one("SELECT redirect_uri, scopes FROM network_apps WHERE id = $1", &[id.into()]).await? else { return Ok(None) };
    let (redirect_uri, scopes) = (row.opt_text("redirect_uri")?, row.opt_text("scopes")?);
    Ok(redirect_uri.zip(scopes).map(|(redirect_uri, scopes)| RegisteredWith { redirect_uri, scopes }))
}

/// A client of ours, by where it is registered and under which id.
#[derive(Debug, Clone, Copy)]
pub struct Client<'a> {
    /// The network.
    pub network: &'a str,
    /// The instance; empty where there is one only.
    pub instance: &'a str,
    /// The client id.
    pub client_id: &'a str,
}

/// Notes whether the network gave this client a refresh token.
pub async fn saw_refresh_token(
    tx: &mut Tx,
    organisation: &OrganisationId,
    client: Client<'_>,
    given: bool,
    now: Timestamp,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO app_habits (organisation_id, network, instance, client_id, refresh_tokens, seen_at) VALUES ($1, $2, $3, $4, $5, $6) \
               ON CONFLICT (organisation_id, network, instance, client_id) DO UPDATE SET refresh_tokens = excluded.refresh_tokens, seen_at = excluded.seen_at";
    let values =
        [organisation.as_str().into(), client.network.into(), client.instance.into(), client.client_id.into(), given.into(), now.into()];
    tx.run(sql, &values).await?;
    Ok(())
}

/// Whether the network gives this client refresh tokens, as its last answer to a login showed; `None` before the first.
pub async fn gets_refresh_tokens(tx: &mut Tx, organisation: &OrganisationId, client: Client<'_>) -> Result<Option<bool>, StoreError> {
    let sql = "SELECT refresh_tokens FROM app_habits WHERE organisation_id = $1 AND network = $2 AND instance = $3 AND client_id = $4";
    let values = [organisation.as_str().into(), client.network.into(), client.instance.into(), client.client_id.into()];
    tx.one(sql, &values).await?.map(|row| row.flag("refresh_tokens")).transpose()
}
