//! `staygreen user`, `api-key`, `network-app`: administration without the web, of a server that runs (`--url` and an API key) or of the
//! installation on this machine. There a SQLite file serves one process: while a server works on it, that server is asked.

pub(super) mod here;
mod there;

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Subcommand, ValueEnum};
use keeper::ports::Clock as _;
use lifecycle::permission::{Act, Permission, Role};
use lifecycle::secret::Secret;
use serde_json::{Value, json};
use server::config::Length;
use server::time::SystemClock;
use store::network_apps;

use self::here::{ASK_IT, Here, WhereNone};
use self::there::There;
use super::ConfigArgs;
use super::way::Server;
use crate::out::put;

/// What is said where a key cannot be revoked.
const NO_KEY: &str = "there is no such key, or it is revoked already";
/// What to do with network apps while a server works on the SQLite file.
const ON_THE_PAGE: &str = "a server works on this installation: enter network apps on its page Settings, Network apps, or stop it first";

/// What the commands about network apps take.
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

impl From<RoleArg> for Role {
    fn from(role: RoleArg) -> Self {
        match role {
            RoleArg::CompanyAdmin => Self::CompanyAdmin,
            RoleArg::StandardUser => Self::StandardUser,
            RoleArg::Viewer => Self::Viewer,
        }
    }
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
        server: Server,
    },
    /// List users
    List {
        #[command(flatten)]
        server: Server,
    },
    /// Take a user's second factor away and end their sessions: for an admin who lost phone and recovery codes
    ResetSecondFactor {
        /// Mail address
        email: String,
        #[command(flatten)]
        server: Server,
    },
    /// Disable a user and end their sessions
    Disable {
        /// Mail address
        email: String,
        #[command(flatten)]
        server: Server,
    },
}

/// A key to make.
#[derive(Args)]
pub(crate) struct NewKey {
    /// What to call it
    #[arg(long)]
    name: String,
    /// What it may do, several times: posts:write, or narrowed as in "posts:write network=NAME rate=10/1h until=2027-01-01"
    #[arg(long = "permission", required = true, value_parser = |text: &str| text.parse::<Permission>())]
    permissions: Vec<Permission>,
    /// When the key ends, as in 30d; for good when left out
    #[arg(long, value_parser = |text: &str| Length::try_from(text.to_owned()))]
    expires_in: Option<Length>,
}

/// `staygreen api-key`
#[derive(Subcommand)]
pub(crate) enum ApiKey {
    /// Create a key; it is printed once
    Create {
        #[command(flatten)]
        key: NewKey,
        #[command(flatten)]
        server: Server,
    },
    /// List keys
    List {
        #[command(flatten)]
        server: Server,
    },
    /// Revoke a key
    Revoke {
        /// Its id
        id: String,
        #[command(flatten)]
        server: Server,
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
    fn print(&self, value: &Value, words: impl FnOnce() -> String) -> anyhow::Result<()> {
        if self.json { put!("{value}") } else { put!("{}", words()) }
    }
}

/// Whom a command is about.
enum At {
    There(There),
    Here(Here),
}

/// Asks the one or the other.
macro_rules! ask {
    ($at:expr, $what:ident($($with:expr),*)) => {
        match $at {
            At::There(there) => there.$what($($with),*).await?,
            At::Here(here) => here.$what($($with),*).await?,
        }
    };
}

async fn at(server: &Server, none: WhereNone) -> anyhow::Result<At> {
    Ok(match server.client()? {
        Some(client) => At::There(There(client)),
        None => At::Here(Here::open(server.config(), none, ASK_IT).await?),
    })
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}

/// A line for each of a list.
fn each(list: &Value, line: impl Fn(&Value) -> String) -> String {
    list.as_array().into_iter().flatten().map(line).collect::<Vec<_>>().join("\n")
}

impl User {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Create { email, name, role, server } => {
                let made = ask!(at(&server, WhereNone::Begin).await?, create_user(&email, &name, role.into()));
                server.print(&made, |made| format!("{name} chooses a password here (once, within 72 hours):\n{}", text(made, "link")))
            }
            Self::List { server } => {
                let all = ask!(at(&server, WhereNone::Refuse).await?, list_users());
                server.print(&all, |all| {
                    each(all, |user| {
                        let disabled = if user["disabled"] == true { " (disabled)" } else { "" };
                        format!("{:<36} {:<14} {}{disabled}", text(user, "email"), text(user, "role"), text(user, "name"))
                    })
                })
            }
            Self::ResetSecondFactor { email, server } => {
                let done = ask!(at(&server, WhereNone::Refuse).await?, reset_second_factor(&email));
                server.print(&done, |done| {
                    format!("{} signs in with the password alone until a new second factor is set up", text(done, "email"))
                })
            }
            Self::Disable { email, server } => {
                let done = ask!(at(&server, WhereNone::Refuse).await?, disable_user(&email));
                server.print(&done, |done| format!("{} is disabled", text(done, "email")))
            }
        }
    }
}

impl ApiKey {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Create { key, server } => {
                let made = ask!(at(&server, WhereNone::Begin).await?, create_key(&key));
                server.print(&made, |made| text(made, "api_key").to_owned())
            }
            Self::List { server } => {
                let all = ask!(at(&server, WhereNone::Refuse).await?, list_keys());
                server.print(&all, |all| {
                    each(all, |key| {
                        format!("{}  {}{}", text(key, "id"), text(key, "name"), if key["revoked"] == true { " (revoked)" } else { "" })
                    })
                })
            }
            Self::Revoke { id, server } => {
                ask!(at(&server, WhereNone::Refuse).await?, revoke_key(&id));
                server.print(&json!({ "id": id, "revoked": true }), |_| format!("{id} is revoked"))
            }
        }
    }
}

impl NetworkApp {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Set { network, client_id, client_secret_file, common } => {
                // The configuration may define networks of its own.
                common.config.load()?;
                super::known_network(&network)?;
                let secret = match &client_secret_file {
                    Some(path) => Some(Secret::new(
                        std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?.trim(),
                    )),
                    None => None,
                };
                let here = Here::open(&common.config, WhereNone::Begin, ON_THE_PAGE).await?;
                let keys = here.store.keys();
                let mut tx = here.store.write().await?;
                network_apps::set(&mut tx, keys, &here.organisation, &network, "", &client_id, secret.as_ref(), SystemClock.now()).await?;
                let detail = json!({ "what": "network app set", "network": network, "client_id": client_id });
                here.note(&mut tx, "settings.changed", &json!({ "network_app": network }), Act::ManageNetworkApps, detail).await?;
                tx.commit().await?;
                common.print(&json!({ "network": network, "client_id": client_id }), || match secret {
                    Some(_) => format!("{network}: the network app is stored, its secret sealed"),
                    None => format!("{network}: the network app is stored, without a client secret; where the network gave one, say --client-secret-file FILE"),
                })
            }
            Self::List { common } => {
                let here = Here::open(&common.config, WhereNone::Refuse, ON_THE_PAGE).await?;
                let mut tx = here.store.read().await?;
                let mut rows = vec![];
                for network in networks::all() {
                    let about = network.about();
                    let stored = network_apps::get(&mut tx, here.store.keys(), &here.organisation, about.name, "").await?;
                    rows.push((about.name, stored.map(|app| app.client_id)));
                }
                let json: Vec<_> = rows.iter().map(|(name, client_id)| json!({ "network": name, "client_id": client_id })).collect();
                common.print(&json!(json), || {
                    rows.iter()
                        .map(|(name, id)| format!("{name:<12} {}", id.as_deref().unwrap_or("not set")))
                        .collect::<Vec<_>>()
                        .join("\n")
                })
            }
        }
    }
}
