//! What every handler and action is handed: one value instead of a dozen.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use keeper::Keeper;
use keeper::alarms::Alarms;
use keeper::ports::{Clock, Directory, NetworkApp};
use lifecycle::facts::{Facts, Rotations, idle_check_within_budget};
use lifecycle::ids::OrganisationId;
use lifecycle::secret::Secret;
use lifecycle::time::Timestamp;
use networks::Network;
use networks::network::{About, App as NetworkClient, Registration};
use networks::wire::{BoxFuture, Dice, Wires};
use store::seal::Keyring;
use store::{Store, StoreError, network_apps, rotations};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::StartError;
use crate::actions::learned::Learned;
use crate::actions::signal_keys::SignalKeys;
use crate::auth::password::Passwords;
use crate::config::Config;
use crate::wire::stream::StreamWire;
use crate::wire::{EachNetwork, HttpWire};

/// The running server.
pub struct App {
    /// The configuration.
    pub config: Config,
    /// The storage.
    pub store: Store,
    /// The keeper of this node.
    pub keeper: Keeper<Store>,
    /// The ways out to the networks.
    pub wire: Arc<dyn Wires>,
    /// The way out to what users name: webhook endpoints and chat channels.
    pub endpoints: HttpWire,
    /// The way out for calls that are passed through.
    pub streams: EachNetwork<StreamWire>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The dice.
    pub dice: Arc<dyn Dice>,
    /// The network apps.
    pub directory: Arc<NetworkApps>,
    /// Password hashing.
    pub passwords: Passwords,
    /// The organisation of this installation.
    pub organisation: OrganisationId,
    /// Its name.
    pub organisation_name: String,
    /// The address under which browsers and networks reach us, without a trailing slash.
    pub public_url: String,
    /// Wakes the outbox.
    pub told: Arc<Notify>,
    /// What the operator has to know.
    pub alarms: Arc<Alarms>,
    /// The keys with which networks sign what they tell us.
    pub signal_keys: SignalKeys,
    /// What servers say of themselves.
    pub learned: Learned,
    /// A disk of this machine failed: the process ends.
    pub fault: CancellationToken,
    /// Wakes the deliveries to endpoints.
    pub deliver: Notify,
    /// Requests that are being worked on, whether somebody still waits for the answer or not.
    pub requests: TaskTracker,
    /// The server is stopping: whatever stays open for long ends.
    pub stopping: CancellationToken,
}

/// Whether something was ever stored where the configuration points. What looks, or ends something, asks first, and makes nothing.
///
/// # Errors
/// [`StartError::NothingThere`].
pub fn there(config: &Config) -> Result<(), StartError> {
    // The key file is made before anything is stored, and lies here also where the database is elsewhere.
    let url = config.database_url();
    let place = store::file_of(&url).map_or_else(|| config.key_file(), PathBuf::from);
    if place.exists() { Ok(()) } else { Err(StartError::NothingThere(place.display().to_string())) }
}

/// Makes the data folder, for its owner only, and opens the storage.
pub async fn open_store(config: &Config) -> Result<Store, StartError> {
    let folder = &config.server.data_dir;
    let shown = folder.display().to_string();
    std::fs::create_dir_all(folder).map_err(|error| StartError::DataFolder(shown.clone(), error))?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700)).map_err(|error| StartError::DataFolder(shown, error))?;
    }
    let keys = Keyring::open_or_create(&config.key_file())?;
    Ok(Store::open(&config.database_url(), keys).await?.limited_to(config.server.profile_limit))
}

impl App {
    /// The moment.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Wakes what waits here when a node on the same database made something happen, until the server stops.
    pub(crate) async fn hear(self: Arc<Self>, stop: CancellationToken) {
        let heard = || {
            self.keeper.wake();
            self.told.notify_one();
        };
        tokio::select! {
            () = self.store.listen(heard) => {}
            () = stop.cancelled() => self.stopping.cancel(),
        }
    }

    /// The network app of a network.
    pub async fn network_app(&self, network: &'static dyn Network, instance: &str) -> Option<Arc<NetworkApp>> {
        self.directory.find(&self.organisation, network.about().name, instance).await
    }
}

/// Finds network apps: the configuration first, then what an admin entered.
pub struct NetworkApps {
    config: Config,
    store: Store,
    public_url: String,
    /// What was measured of each network's rotations, as last read.
    rotations: RwLock<BTreeMap<String, Rotations>>,
}

impl NetworkApps {
    /// A directory over configuration and storage.
    pub fn new(config: Config, store: Store, public_url: String) -> Self {
        Self { config, store, public_url, rotations: RwLock::default() }
    }

    /// Where a network sends people back to: one address per network, and per instance where we register at each, so that no
    /// server's answer can be taken for another's (RFC 9700 4.4.2).
    pub fn redirect_uri(&self, about: &About, instance: &str) -> String {
        let network = format!("{}/oauth/callback/{}", self.public_url, about.name);
        let own = about.registration == Registration::AtInstance && !instance.is_empty();
        if own { format!("{network}/{instance}") } else { network }
    }

    /// The facts of a network, as configured; how often an idle token is proven follows what was measured, where nobody set it.
    pub fn facts(&self, network: &dyn Network) -> Facts {
        let mut facts = self.config.facts(network);
        if !self.config.sets_idle_checks(network.about().name) {
            facts.idle_check_every = idle_check_within_budget(self.rotations(network).lost_of_a_million());
        }
        facts
    }

    /// What was measured of a network's rotations.
    pub fn rotations(&self, network: &dyn Network) -> Rotations {
        let measured = self.rotations.read().unwrap_or_else(PoisonError::into_inner);
        measured.get(network.about().name).copied().unwrap_or_default()
    }

    /// Reads what was measured.
    ///
    /// # Errors
    /// When the storage cannot be asked; what was known stays.
    pub async fn learn(&self) -> Result<(), StoreError> {
        let measured = rotations::all(&mut self.store.read().await?).await?;
        *self.rotations.write().unwrap_or_else(PoisonError::into_inner) = measured;
        Ok(())
    }

    async fn client(
        &self,
        organisation: &OrganisationId,
        network: &'static dyn Network,
        instance: &str,
    ) -> Result<Option<(String, Option<Secret>)>, StoreError> {
        let about = network.about();
        let set = self.config.networks.get(about.name);
        // What the configuration names is registered at one place: it cannot serve every instance.
        let configured = set.and_then(|set| set.client_id.clone()).filter(|_| about.registration != Registration::AtInstance);
        if let Some(client_id) = configured {
            return Ok(Some((client_id, set.and_then(|set| set.client_secret.clone()))));
        }
        let mut tx = self.store.read().await?;
        if let Some(app) = network_apps::get(&mut tx, self.store.keys(), organisation, about.name, instance).await? {
            return Ok(Some((app.client_id, app.client_secret)));
        }
        // Without https nobody could fetch our metadata: the network's loopback client for development then.
        let metadata = if self.public_url.starts_with("https://") {
            format!("{}/oauth/client-metadata.json", self.public_url)
        } else {
            "http://localhost".into()
        };
        Ok(match about.registration {
            Registration::Metadata => Some((metadata, None)),
            // Not registered there yet: beginning a connection does it.
            Registration::AtInstance => Some((String::new(), None)),
            // What was made there by hand needs no app of ours.
            Registration::ByHand => about.asks.replaces_app().then(|| (String::new(), None)),
        })
    }
}

impl Directory for NetworkApps {
    fn find<'a>(&'a self, organisation: &'a OrganisationId, network: &'a str, instance: &'a str) -> BoxFuture<'a, Option<Arc<NetworkApp>>> {
        Box::pin(async move {
            let network = networks::find(network)?;
            let (client_id, client_secret) = match self.client(organisation, network, instance).await {
                Ok(client) => client?,
                Err(error) => {
                    tracing::error!(network = network.about().name, error = %error, "server: the network app could not be read");
                    return None;
                }
            };
            let set = self.config.networks.get(network.about().name).cloned().unwrap_or_default();
            if set.enabled == Some(false) {
                return None;
            }
            let app = NetworkClient {
                client_id,
                client_secret,
                instance: instance.to_owned(),
                redirect_uri: self.redirect_uri(network.about(), instance),
                scopes: set.scopes,
                base_url: set.base_url,
                endpoints: set.endpoints,
                options: set.options.into_iter().collect::<BTreeMap<_, _>>(),
            };
            Some(Arc::new(NetworkApp { network, app, facts: self.facts(network) }))
        })
    }
}
