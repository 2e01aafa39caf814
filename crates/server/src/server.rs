//! The server as a whole: everything opened, started, and stopped.

use std::sync::Arc;

use keeper::alarms::Alarms;
use keeper::ports::{Clock, Ports};
use keeper::{Keeper, Options};
use networks::wire::Dice;
use store::users;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Config;
use crate::i18n::{Lang, alarms};
use crate::outbox::mail::Mailer;
use crate::start_error::StartError;
use crate::state::{App, NetworkApps, open_store};
use crate::time::SystemDice;
use crate::wire::Ways;
use crate::{actions, auth, disks, high_water, listen, metrics, outbox, routes, spool};

/// A server that listens and is ready to run.
pub struct Server {
    /// What handlers are handed.
    pub app: Arc<App>,
    listener: TcpListener,
    mailer: Option<Mailer>,
}

impl Server {
    /// Opens everything and listens.
    pub async fn build(config: Config, clock: Arc<dyn Clock>) -> Result<Self, StartError> {
        let listen = config.server.listen;
        let listener = TcpListener::bind(listen).await.map_err(|error| StartError::Listen(listen.to_string(), error))?;
        let address = listener.local_addr().map_err(|error| StartError::Listen(listen.to_string(), error))?;
        let store = open_store(&config).await?;
        let (spool, node) = spool::open(&config, &store).await?;
        store.reclaim_leases(&node).await?;
        store.end_begun(clock.now()).await?;
        let mailer = Mailer::from_config(&config.mail).map_err(StartError::Mail)?;
        let public_url = if config.server.public_url.is_empty() {
            format!("http://{address}")
        } else {
            config.server.public_url.trim_end_matches('/').to_owned()
        };
        let mut tx = store.write().await?;
        let (organisation, organisation_name) = users::first_organisation(&mut tx, &config.server.organisation, clock.now()).await?;
        tx.commit().await?;
        let Ways { wire, endpoints, streams } = Ways::open(&config)?;
        let dice: Arc<dyn Dice> = Arc::new(SystemDice::new());
        let directory = Arc::new(NetworkApps::new(config.clone(), store.clone(), public_url.clone()));
        let told = Arc::new(Notify::new());
        let alarms = Arc::new(Alarms::new(alarms::line));
        let fault = CancellationToken::new();
        high_water::compare(&store, &config.spool_dir(), &alarms, clock.now()).await?;
        let ports = Ports {
            ledger: store.clone(),
            wire: Arc::clone(&wire),
            clock: Arc::clone(&clock),
            dice: Arc::clone(&dice),
            directory: directory.clone(),
            attempt_id: store::ids::fresh,
            lease: config.keeper.lease.span(),
            told: Arc::clone(&told),
            wake: Arc::new(Notify::new()),
            spool,
            alarms: Arc::clone(&alarms),
            fault: fault.clone(),
        };
        let options = Options {
            poll_every: config.keeper.poll_every.duration(),
            concurrency: config.keeper.concurrency,
            renew_lease_every: config.keeper.lease.duration() / 6,
            ..Options::default()
        };
        let keeper = Keeper::new(node, ports, options);
        let passwords = tokio::task::spawn_blocking(auth::password::Passwords::new).await.unwrap_or_default();
        let app = App {
            config,
            store,
            keeper,
            wire,
            endpoints,
            streams,
            clock,
            dice,
            directory,
            passwords,
            organisation,
            organisation_name,
            public_url,
            told,
            alarms,
            signal_keys: actions::signal_keys::SignalKeys::default(),
            learned: actions::learned::Learned::default(),
            fault,
            deliver: Notify::new(),
            requests: TaskTracker::new(),
            stopping: CancellationToken::new(),
        };
        Ok(Self { app: Arc::new(app), listener, mailer })
    }

    /// Serves, keeps and sends until the token is cancelled; then waits for what is under way.
    ///
    /// # Errors
    /// When the way in breaks, or when a disk of this machine failed: then the process has to be started anew (RF-43).
    pub async fn run(self, stop: CancellationToken) -> std::io::Result<()> {
        // Before anybody comes: the first requests are counted too.
        metrics::upkeep();
        // What was begun in the life before is told before anybody asks for it again.
        if actions::waiting::settle_overdue(&self.app).await.is_err() {
            tracing::warn!("acts: what was begun and did not end could not be looked at; trying again");
        }
        let router = routes::router(&self.app);
        let (app, ending) = (Arc::clone(&self.app), stop.clone());
        let keeping = tokio::spawn(async move { app.keeper.run(ending).await });
        let sending = tokio::spawn(outbox::run(Arc::clone(&self.app), self.mailer, stop.clone()));
        let hearing = tokio::spawn(Arc::clone(&self.app).hear(stop.clone()));
        let delivering = tokio::spawn(outbox::deliver::run(Arc::clone(&self.app), stop.clone()));
        let releasing = tokio::spawn(actions::waiting::run(Arc::clone(&self.app), stop.clone()));
        let listing = tokio::spawn(actions::set_aside::run(Arc::clone(&self.app), stop.clone()));
        let marking = tokio::spawn(high_water::run(Arc::clone(&self.app), stop.clone()));
        let watching = tokio::spawn(disks::watch(Arc::clone(&self.app), stop.clone()));
        listen::take_all_files();
        listen::serve(self.listener, router, self.app.config.server.slow_after.duration(), stop).await;
        self.app.requests.close();
        self.app.requests.wait().await;
        let _ = tokio::join!(keeping, sending, delivering, releasing, listing, marking, hearing, watching);
        if self.app.fault.is_cancelled() { Err(std::io::Error::other(Lang::En.t("alarm.disk"))) } else { Ok(()) }
    }
}
