//! `staygreen user`, `api-key`, `network-app`: administration without the web. On SQLite the server must not run at the
//! same time; it says so.

use std::path::PathBuf;

use anyhow::{Context as _, anyhow};
use clap::{Args, Subcommand, ValueEnum};
use keeper::ports::Clock as _;
use lifecycle::ids::OrganisationId;
use lifecycle::permission::{Act, Permission, Role};
use lifecycle::secret::Secret;
use lifecycle::time::Span;
use serde_json::{Value, json};
use server::config::{Config, Length};
use server::time::{SystemClock, SystemDice, fresh_secret};
use store::api_keys::NewApiKey;
use store::audit::Entry;
use store::events::{self, About, Actor};
use store::users::NewUser;
use store::{Store, StoreError, Tx, api_keys, network_apps, second_factors, sessions, users};

use super::ConfigArgs;
use crate::out::put;

#[derive(Args)]
pub(crate) struct Common {
    #[command(flatten)]
    config: ConfigArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum RoleArg {
    CompanyAdmin,
    StandardUser,
    Viewer,
}

/// `staygreen user`
#[derive(Subcommand)]
pub(crate) enum User {
    /// Create a user; prints a one-time link to choose a password
    Create {
        /// Mail address
        #[arg(long)]
        email: String,
        /// Name
        #[arg(long)]
        name: String,
        /// Role
        #[arg(long, value_enum, default_value = "standard-user")]
        role: RoleArg,
        #[command(flatten)]
        common: Common,
    },
    /// List users
    List {
        #[command(flatten)]
        common: Common,
    },
    /// Take a user's second factor away and end their sessions: for an admin who lost phone and recovery codes
    ResetSecondFactor {
        /// Mail address
        email: String,
        #[command(flatten)]
        common: Common,
    },
    /// Disable a user and end their sessions
    Disable {
        /// Mail address
        email: String,
        #[command(flatten)]
        common: Common,
    },
}

/// `staygreen api-key`
#[derive(Subcommand)]
pub(crate) enum ApiKey {
    /// Create a key; it is printed once
    Create {
        /// What to call it
        #[arg(long)]
        name: String,
        /// What it may do, several times: posts:write, or narrowed as in "posts:write network=NAME rate=10/1h until=2027-01-01"
        #[arg(long = "permission", required = true, value_parser = |text: &str| text.parse::<Permission>())]
        permissions: Vec<Permission>,
        /// When the key ends, as in 30d; for good when left out
        #[arg(long, value_parser = |text: &str| Length::try_from(text.to_owned()))]
        expires_in: Option<Length>,
        #[command(flatten)]
        common: Common,
    },
    /// List keys
    List {
        #[command(flatten)]
        common: Common,
    },
    /// Revoke a key
    Revoke {
        /// Its id
        id: String,
        #[command(flatten)]
        common: Common,
    },
}

/// `staygreen network-app`
#[derive(Subcommand)]
pub(crate) enum NetworkApp {
    /// Enter our registered client at a network
    Set {
        /// The network's name
        network: String,
        /// The client id
        #[arg(long)]
        client_id: String,
        /// A file that holds the client secret
        #[arg(long)]
        client_secret_file: Option<PathBuf>,
        #[command(flatten)]
        common: Common,
    },
    /// List networks and whether a client is there
    List {
        #[command(flatten)]
        common: Common,
    },
}

impl Common {
    /// The installation, begun where there is none.
    async fn open(&self) -> anyhow::Result<(Store, OrganisationId, String)> {
        Self::open_as(self.config.load()?).await
    }

    /// The installation, where there is one.
    async fn open_existing(&self) -> anyhow::Result<(Store, OrganisationId, String)> {
        Self::open_as(self.config.load_existing()?).await
    }

    async fn open_as(config: Config) -> anyhow::Result<(Store, OrganisationId, String)> {
        let store = server::open_store(&config).await?;
        let mut tx = store.write().await?;
        let (organisation, _) = users::first_organisation(&mut tx, &config.server.organisation, SystemClock.now()).await?;
        tx.commit().await?;
        let url = if config.server.public_url.is_empty() {
            format!("http://{}", config.server.listen)
        } else {
            config.server.public_url.trim_end_matches('/').to_owned()
        };
        Ok((store, organisation, url))
    }

    fn print(&self, value: &Value, words: impl FnOnce() -> String) -> anyhow::Result<()> {
        if self.json { put!("{value}") } else { put!("{}", words()) }
    }
}

impl User {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Create { email, name, role, common } => {
                let (store, organisation, url) = common.open().await?;
                let role = match role {
                    RoleArg::CompanyAdmin => Role::CompanyAdmin,
                    RoleArg::StandardUser => Role::StandardUser,
                    RoleArg::Viewer => Role::Viewer,
                };
                let secret = fresh_secret(&SystemDice::new(), "");
                let mut tx = store.write().await?;
                let new = NewUser { email: &email, name: &name, role, language: "en", password_hash: None };
                let inserted = users::insert(&mut tx, &organisation, &new, SystemClock.now()).await;
                let id = inserted.map_err(|error| {
                    if error.is_duplicate() { anyhow!("there is a user with the address {email} already") } else { error.into() }
                })?;
                users::invite(&mut tx, &id, &secret, SystemClock.now(), Span::hours(72)).await?;
                note(&mut tx, &organisation, "user.invited", &json!({ "user": id.as_str(), "role": role })).await?;
                tx.commit().await?;
                let link = format!("{url}/invitation/{}", secret.expose());
                common.print(&json!({ "id": id.as_str(), "link": link }), || {
                    format!("{name} chooses a password here (once, within 72 hours):\n{link}")
                })?;
            }
            Self::List { common } => {
                let (store, organisation, _) = common.open_existing().await?;
                let mut tx = store.read().await?;
                let all = users::list(&mut tx, &organisation).await?;
                let rows: Vec<_> = all.iter().map(|user| json!({ "id": user.id.as_str(), "email": user.email, "name": user.name, "role": user.role, "disabled": user.disabled_at.is_some() })).collect();
                common.print(&json!(rows), || {
                    all.iter()
                        .map(|user| {
                            format!(
                                "{:<36} {:<14} {}{}",
                                user.email,
                                user.role.as_str(),
                                user.name,
                                if user.disabled_at.is_some() { " (disabled)" } else { "" }
                            )
                        })
                        .collect::<Vec<_>>()
                        .join("\n")
                })?;
            }
            Self::ResetSecondFactor { email, common } => {
                let (store, organisation, _) = common.open_existing().await?;
                let mut tx = store.write().await?;
                let user = users::by_email(&mut tx, &email).await?.ok_or_else(|| anyhow!("there is no user with the address {email}"))?;
                let was_on = second_factors::remove(&mut tx, &user.id).await?;
                sessions::end_others(&mut tx, &user.id, None).await?;
                let detail = json!({ "user": user.id.as_str(), "second_factor": "reset" });
                note(&mut tx, &organisation, "user.changed", &detail).await?;
                tx.commit().await?;
                common.print(&json!({ "id": user.id.as_str(), "second_factor": false, "was_on": was_on }), || {
                    format!("{} signs in with the password alone until a new second factor is set up", user.email)
                })?;
            }
            Self::Disable { email, common } => {
                let (store, organisation, _) = common.open_existing().await?;
                let mut tx = store.write().await?;
                let user = users::by_email(&mut tx, &email).await?.ok_or_else(|| anyhow!("there is no user with the address {email}"))?;
                users::set_standing(&mut tx, &organisation, &user.id, user.role, Some(SystemClock.now())).await?;
                let detail = json!({ "user": user.id.as_str(), "role": user.role, "disabled": true });
                note(&mut tx, &organisation, "user.changed", &detail).await?;
                tx.commit().await?;
                common.print(&json!({ "id": user.id.as_str(), "disabled": true }), || format!("{} is disabled", user.email))?;
            }
        }
        Ok(())
    }
}

/// What the operator does to users stands in the history, as what is done on the pages does.
async fn note(tx: &mut Tx, organisation: &OrganisationId, kind: &str, detail: &Value) -> Result<(), StoreError> {
    events::append(tx, organisation, SystemClock.now(), kind, &Actor::System, &About::default(), detail).await
}

/// What the operator does to keys and network apps goes into the audit too.
fn by_operator(organisation: &OrganisationId, act: Act, detail: Value) -> Entry<'_> {
    let act = act.as_str();
    Entry { at: SystemClock.now(), organisation, actor: &Actor::System, act, profile: None, grant: None, under: None, detail }
}

impl ApiKey {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Create { name, permissions, expires_in, common } => {
                let (store, organisation, _) = common.open().await?;
                let secret = fresh_secret(&SystemDice::new(), "sg_");
                let mut tx = store.write().await?;
                let now = SystemClock.now();
                let expires_at = expires_in.map(|length| now + length.span());
                let new = NewApiKey { name: &name, permissions: &permissions, created_by: None, expires_at };
                let id = api_keys::create(&mut tx, &organisation, &new, &secret, now).await?;
                let words: Vec<String> = permissions.iter().map(Permission::to_string).collect();
                let detail = json!({ "key": id.as_str(), "name": name, "permissions": words });
                note(&mut tx, &organisation, "api_key.created", &detail).await?;
                let detail = json!({ "what": "created", "key": id.as_str(), "permissions": words });
                store.audit(&mut tx, by_operator(&organisation, Act::ManageApiKeys, detail)).await?;
                tx.commit().await?;
                common.print(&json!({ "id": id.as_str(), "api_key": secret.expose() }), || secret.expose().to_owned())?;
            }
            Self::List { common } => {
                let (store, organisation, _) = common.open_existing().await?;
                let mut tx = store.read().await?;
                let all = api_keys::list(&mut tx, &organisation).await?;
                let rows: Vec<_> = all.iter().map(|key| json!({ "id": key.id.as_str(), "name": key.name, "permissions": key.permissions.iter().map(Permission::to_string).collect::<Vec<_>>(), "revoked": key.revoked_at.is_some() })).collect();
                common.print(&json!(rows), || {
                    all.iter()
                        .map(|key| format!("{}  {}{}", key.id, key.name, if key.revoked_at.is_some() { " (revoked)" } else { "" }))
                        .collect::<Vec<_>>()
                        .join("\n")
                })?;
            }
            Self::Revoke { id, common } => {
                let (store, organisation, _) = common.open_existing().await?;
                let id = id.parse().map_err(|error| anyhow!("{error}"))?;
                let mut tx = store.write().await?;
                if !api_keys::revoke(&mut tx, &organisation, &id, SystemClock.now()).await? {
                    return Err(anyhow!("there is no such key, or it is revoked already"));
                }
                note(&mut tx, &organisation, "api_key.revoked", &json!({ "key": id })).await?;
                let detail = json!({ "what": "revoked", "key": id });
                store.audit(&mut tx, by_operator(&organisation, Act::ManageApiKeys, detail)).await?;
                tx.commit().await?;
                common.print(&json!({ "id": id.as_str(), "revoked": true }), || format!("{id} is revoked"))?;
            }
        }
        Ok(())
    }
}

impl NetworkApp {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Set { network, client_id, client_secret_file, common } => {
                let known: Vec<_> = networks::all().iter().map(|network| network.about().name).collect();
                networks::find(&network)
                    .ok_or_else(|| anyhow!("there is no network \"{network}\"; the networks are {}", known.join(", ")))?;
                let secret = match &client_secret_file {
                    Some(path) => Some(Secret::new(
                        std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?.trim(),
                    )),
                    None => None,
                };
                let (store, organisation, _) = common.open().await?;
                let mut tx = store.write().await?;
                network_apps::set(&mut tx, store.keys(), &organisation, &network, "", &client_id, secret.as_ref(), SystemClock.now())
                    .await?;
                note(&mut tx, &organisation, "settings.changed", &json!({ "network_app": network })).await?;
                let detail = json!({ "what": "network app set", "network": network, "client_id": client_id });
                store.audit(&mut tx, by_operator(&organisation, Act::ManageNetworkApps, detail)).await?;
                tx.commit().await?;
                common.print(&json!({ "network": network, "client_id": client_id }), || {
                    format!("{network}: the network app is stored, its secret sealed")
                })?;
            }
            Self::List { common } => {
                let (store, organisation, _) = common.open_existing().await?;
                let mut tx = store.read().await?;
                let mut rows = vec![];
                for network in networks::all() {
                    let about = network.about();
                    let stored = network_apps::get(&mut tx, store.keys(), &organisation, about.name, "").await?;
                    rows.push((about.name, stored.map(|app| app.client_id)));
                }
                let json: Vec<_> = rows.iter().map(|(name, client_id)| json!({ "network": name, "client_id": client_id })).collect();
                common.print(&json!(json), || {
                    rows.iter()
                        .map(|(name, id)| format!("{name:<12} {}", id.as_deref().unwrap_or("not set")))
                        .collect::<Vec<_>>()
                        .join("\n")
                })?;
            }
        }
        Ok(())
    }
}
