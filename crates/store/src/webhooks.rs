//! Where organisations want to hear of what happens: servers of their own (Standard Webhooks) and chat channels. Address
//! and signing secrets are sealed: the address of a chat channel is a secret by itself.

use std::collections::BTreeMap;

use lifecycle::ids::{EndpointId, OrganisationId};
use lifecycle::secret::Secret;
use lifecycle::time::Timestamp;
use lifecycle::word_enum;

use crate::driver::{Row, StoreError, Tx, to_json};
use crate::ids::fresh;
use crate::seal::{Context, Keyring, open_secrets, seal_secrets};

word_enum! {
    /// What listens there.
    EndpointKind {
        /// A server that speaks Standard Webhooks.
        Webhook = "webhook",
        /// A Slack channel's incoming webhook.
        Slack = "slack",
        /// A Microsoft Teams channel's workflow.
        Teams = "teams",
        /// A Mattermost channel's incoming webhook.
        Mattermost = "mattermost",
        /// A Discord channel's webhook.
        Discord = "discord",
        /// A topic of an ntfy server.
        Ntfy = "ntfy",
    }
}

word_enum! {
    /// How deliveries are signed (Standard Webhooks 1.0.0, "Signature scheme").
    Signature {
        /// HMAC-SHA256 with a shared secret `whsec_…`; version `v1`.
        Hmac = "hmac",
        /// Ed25519; the receiver holds the public key `whpk_…`; version `v1a`.
        Ed25519 = "ed25519",
    }
}

/// The events that can be subscribed to.
pub const SUBSCRIBABLE: [&str; 9] = [
    "profile.connected",
    "profile.renew_soon",
    "profile.last_remaining",
    "profile.disconnected",
    "profile.recovered",
    "profile.deleted",
    "profile.out_of_reach",
    "network.incident_began",
    "network.incident_ended",
];

/// The most endpoints of an organisation: each event is written once for each of them.
pub const ENDPOINTS_MAX: usize = 50;

/// An endpoint, without its secrets.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Which.
    pub id: EndpointId,
    /// Of which organisation.
    pub organisation: OrganisationId,
    /// What listens there.
    pub kind: EndpointKind,
    /// What people call it.
    pub name: String,
    /// The host of its address.
    pub host: String,
    /// What it wants to hear of.
    pub events: Vec<String>,
    /// The language of chat messages.
    pub language: String,
    /// How deliveries are signed; `None` for chat channels.
    pub signature: Option<Signature>,
    /// The public key, where the signature has one.
    pub public_key: Option<String>,
    /// Until when the secret before the present one signs too.
    pub previous_until: Option<Timestamp>,
    /// Since when.
    pub created_at: Timestamp,
    /// Since when nothing is sent there.
    pub disabled_at: Option<Timestamp>,
    /// Why: `gone` or `by_user`.
    pub disabled_why: Option<String>,
}

/// What an endpoint is made of.
pub struct NewEndpoint<'a> {
    /// What listens there.
    pub kind: EndpointKind,
    /// What people call it.
    pub name: &'a str,
    /// The host of its address.
    pub host: &'a str,
    /// What it wants to hear of.
    pub events: &'a [String],
    /// The language of chat messages.
    pub language: &'a str,
    /// How deliveries are signed.
    pub signature: Option<Signature>,
    /// The public key, where the signature has one.
    pub public_key: Option<&'a str>,
    /// Its secrets.
    pub secrets: &'a EndpointSecrets,
}

/// What is sealed of an endpoint.
#[derive(Debug, Clone)]
pub struct EndpointSecrets {
    /// The address.
    pub url: Secret,
    /// With what deliveries are signed: `whsec_…` or `whsk_…`.
    pub signing: Option<Secret>,
    /// The one before it, which signs too for a while.
    pub previous: Option<Secret>,
    /// An access token that the receiver wants (ntfy).
    pub token: Option<Secret>,
}

impl EndpointSecrets {
    fn seal(&self, keys: &Keyring, id: &EndpointId, organisation: &OrganisationId) -> Vec<u8> {
        let named = [("signing", &self.signing), ("previous", &self.previous), ("token", &self.token)];
        let mut all: BTreeMap<String, Secret> =
            named.into_iter().filter_map(|(name, secret)| Some((name.to_owned(), secret.clone()?))).collect();
        all.insert("url".into(), self.url.clone());
        seal_secrets(keys, &context(id, organisation), &all)
    }
}

fn context<'a>(id: &'a EndpointId, organisation: &'a OrganisationId) -> Context<'a> {
    Context {
        table: "webhook_endpoints",
        column: "sealed_secrets",
        row: id.as_str(),
        organisation: organisation.as_str(),
        generation: None,
    }
}

fn read(row: &Row) -> Result<Endpoint, StoreError> {
    let signature = row.opt_text("signature")?;
    Ok(Endpoint {
        id: row.parsed("id")?,
        organisation: row.parsed("organisation_id")?,
        kind: EndpointKind::parse(&row.text("kind")?).ok_or_else(|| StoreError::Broken("kind of endpoint".into()))?,
        name: row.text("name")?,
        host: row.text("host")?,
        events: row.json("events")?,
        language: row.text("language")?,
        signature: signature.as_deref().and_then(Signature::parse),
        public_key: row.opt_text("public_key")?,
        previous_until: row.opt_time("previous_until")?,
        created_at: row.time("created_at")?,
        disabled_at: row.opt_time("disabled_at")?,
        disabled_why: row.opt_text("disabled_why")?,
    })
}

/// Stores an endpoint.
pub async fn create(
    tx: &mut Tx,
    keys: &Keyring,
    organisation: &OrganisationId,
    new: &NewEndpoint<'_>,
    now: Timestamp,
) -> Result<EndpointId, StoreError> {
    let id: EndpointId = fresh();
    let sql = "INSERT INTO webhook_endpoints (id, organisation_id, kind, name, host, events, language, signature, public_key, sealed_secrets, created_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    let values = [
        id.as_str().into(),
        organisation.as_str().into(),
        new.kind.as_str().into(),
        new.name.into(),
        new.host.into(),
        to_json(&new.events)?.into(),
        new.language.into(),
        new.signature.map(Signature::as_str).into(),
        new.public_key.into(),
        new.secrets.seal(keys, &id, organisation).into(),
        now.into(),
    ];
    tx.run(sql, &values).await?;
    Ok(id)
}

/// Every endpoint of an organisation, oldest first.
pub async fn list(tx: &mut Tx, organisation: &OrganisationId) -> Result<Vec<Endpoint>, StoreError> {
    let sql = "SELECT * FROM webhook_endpoints WHERE organisation_id = $1 ORDER BY created_at, id";
    tx.all(sql, &[organisation.as_str().into()]).await?.iter().map(read).collect()
}

/// One endpoint of an organisation.
pub async fn get(tx: &mut Tx, organisation: &OrganisationId, id: &EndpointId) -> Result<Option<Endpoint>, StoreError> {
    let sql = "SELECT * FROM webhook_endpoints WHERE id = $1 AND organisation_id = $2";
    tx.one(sql, &[id.as_str().into(), organisation.as_str().into()]).await?.as_ref().map(read).transpose()
}

/// The same, kept from others until the transaction ends.
pub async fn to_change(tx: &mut Tx, organisation: &OrganisationId, id: &EndpointId) -> Result<Option<Endpoint>, StoreError> {
    let sql = format!("SELECT * FROM webhook_endpoints WHERE id = $1 AND organisation_id = $2{}", tx.dialect().for_update());
    tx.one(&sql, &[id.as_str().into(), organisation.as_str().into()]).await?.as_ref().map(read).transpose()
}

/// An endpoint with its secrets, for sending.
pub async fn with_secrets(
    tx: &mut Tx,
    keys: &Keyring,
    organisation: &OrganisationId,
    id: &EndpointId,
) -> Result<Option<(Endpoint, EndpointSecrets)>, StoreError> {
    let sql = "SELECT * FROM webhook_endpoints WHERE id = $1 AND organisation_id = $2";
    let Some(row) = tx.one(sql, &[id.as_str().into(), organisation.as_str().into()]).await? else { return Ok(None) };
    let sealed = row.opt_bytes("sealed_secrets")?.unwrap_or_default();
    let mut all = open_secrets(keys, &context(id, organisation), &sealed)?;
    let url = all.remove("url").ok_or_else(|| StoreError::Broken("an endpoint without an address".into()))?;
    let secrets = EndpointSecrets { url, signing: all.remove("signing"), previous: all.remove("previous"), token: all.remove("token") };
    Ok(Some((read(&row)?, secrets)))
}

/// Name, events and language.
pub async fn set(tx: &mut Tx, endpoint: &Endpoint) -> Result<(), StoreError> {
    let sql = "UPDATE webhook_endpoints SET name = $3, events = $4, language = $5, host = $6 WHERE id = $1 AND organisation_id = $2";
    let values = [
        endpoint.id.as_str().into(),
        endpoint.organisation.as_str().into(),
        endpoint.name.as_str().into(),
        to_json(&endpoint.events)?.into(),
        endpoint.language.as_str().into(),
        endpoint.host.as_str().into(),
    ];
    tx.run(sql, &values).await?;
    Ok(())
}

/// Stores changed secrets: another address, or a new signing secret whose predecessor signs too until then.
pub async fn set_secrets(
    tx: &mut Tx,
    keys: &Keyring,
    endpoint: &Endpoint,
    secrets: &EndpointSecrets,
    public_key: Option<&str>,
    previous_until: Option<Timestamp>,
) -> Result<(), StoreError> {
    let sql =
        "UPDATE webhook_endpoints SET sealed_secrets = $3, public_key = $4, previous_until = $5 WHERE id = $1 AND organisation_id = $2";
    let values = [
        endpoint.id.as_str().into(),
        endpoint.organisation.as_str().into(),
        secrets.seal(keys, &endpoint.id, &endpoint.organisation).into(),
        public_key.into(),
        previous_until.into(),
    ];
    tx.run(sql, &values).await?;
    Ok(())
}

/// Switches an endpoint off, with the reason (`gone`, `by_user`), or on. What was off for the same reason before stays.
pub async fn set_disabled(
    tx: &mut Tx,
    organisation: &OrganisationId,
    id: &EndpointId,
    why: Option<&str>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let at = why.map(|_| now);
    let sql = "UPDATE webhook_endpoints SET disabled_at = $3, disabled_why = $4 WHERE id = $1 AND organisation_id = $2 \
               AND COALESCE(disabled_why, '') <> COALESCE($4, '')";
    Ok(tx.run(sql, &[id.as_str().into(), organisation.as_str().into(), at.into(), why.into()]).await? == 1)
}

/// Deletes an endpoint. What waits for it is given up when its turn comes.
pub async fn delete(tx: &mut Tx, organisation: &OrganisationId, id: &EndpointId) -> Result<bool, StoreError> {
    let sql = "DELETE FROM webhook_endpoints WHERE id = $1 AND organisation_id = $2";
    Ok(tx.run(sql, &[id.as_str().into(), organisation.as_str().into()]).await? == 1)
}
