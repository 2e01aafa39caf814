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
