//! One file per command.

mod admin;
mod bounce;
mod demo;
mod doctor;
mod follow;
mod keys;
mod leaving;
mod mcp;
mod moving;
mod remote;
mod sandbox;
mod seed;
mod serve;
mod simulate;
mod way;

use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use clap::{Args, Subcommand};
use server::config::Config;
use tokio_util::sync::CancellationToken;

/// What can be done.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Try Staygreen out: server, simulated networks and a mailbox in one process, with a seeded team
    Demo(demo::Demo),
    /// Run the server: pages, REST API, keeper, mail
    Serve(serve::Serve),
    /// Run only the simulated networks, for testing any client
    Sandbox(sandbox::Sandbox),
    /// Simulate years of keeping, with faults, and check every promise
    Simulate(simulate::Simulate),
    /// Check configuration, keys, clock, database, mail, network apps, and whether the networks can be reached
    Doctor(doctor::Doctor),
    /// Create, list and disable users
    #[command(subcommand)]
    User(admin::User),
    /// Create, list and revoke API keys
    #[command(subcommand)]
    ApiKey(admin::ApiKey),
    /// Enter and list the registered clients at networks
    #[command(subcommand)]
    NetworkApp(admin::NetworkApp),
    /// List, show and check profiles
    #[command(subcommand)]
    Profile(remote::Profile),
    /// Write everything into a file, also while the server runs
    Backup(moving::Backup),
    /// Put a backup into an empty database; tokens that can be used once are held back until the original is stopped
    Restore(moving::Restore),
    /// Move everything into another database, SQLite or PostgreSQL
    MigrateTo(moving::MigrateTo),
    /// Change the key that seals every token, and see how far that is
    #[command(subcommand)]
    Key(keys::Key),
    /// Show and end the hold of a restored database
    #[command(subcommand)]
    Hold(remote::Hold),
    /// Show the networks that are in trouble, and say that what one refuses is real
    #[command(subcommand)]
    Incident(remote::Incident),
    /// Freeze somebody or something at once, list what is frozen, thaw
    #[command(subcommand)]
    Freeze(remote::Freeze),
    /// Verify the audit, export it, follow it, print its anchor
    #[command(subcommand)]
    Audit(remote::Audit),
    /// Report a mail that came back: reads the mail server's report from stdin, or takes an address
    Bounce(bounce::Bounce),
    /// Serve tools for agents over stdin and stdout (Model Context Protocol)
    Mcp(mcp::Mcp),
    /// Print everything but secrets as JSON lines, or one list as CSV
    Export(leaving::Export),
    /// Bring token sets along from another tool, or users and profiles from another Staygreen
    Import(leaving::Import),
    /// Print an access token of a profile that lives long enough; the server writes down who asked
    Token(remote::Token),
}

/// Where the configuration is.
#[derive(Args)]
pub(crate) struct ConfigArgs {
    /// The configuration file; every key can also be set as STAYGREEN_SECTION__KEY
    #[arg(long, value_name = "FILE", env = "STAYGREEN_CONFIG")]
    pub(crate) config: Option<PathBuf>,
}

impl ConfigArgs {
    pub(crate) fn load(&self) -> anyhow::Result<Config> {
        Config::load(self.config.as_deref()).context("the configuration cannot be used")
    }

    /// The same for whoever looks at, or ends, what is there: where nothing is, nothing is made.
    pub(crate) fn load_existing(&self) -> anyhow::Result<Config> {
        let config = self.load()?;
        server::there(&config)?;
        Ok(config)
    }
}

impl Command {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Demo(demo) => demo.run().await,
            Self::Serve(serve) => serve.run().await,
            Self::Sandbox(sandbox) => sandbox.run().await,
            Self::Simulate(simulate) => simulate.run().await,
            Self::Doctor(doctor) => doctor.run().await,
            Self::User(user) => user.run().await,
            Self::ApiKey(key) => key.run().await,
            Self::NetworkApp(app) => app.run().await,
            Self::Profile(profile) => profile.run().await,
            Self::Backup(backup) => backup.run().await,
            Self::Restore(restore) => restore.run().await,
            Self::MigrateTo(migrate) => migrate.run().await,
            Self::Key(key) => key.run().await,
            Self::Hold(hold) => hold.run().await,
            Self::Incident(incident) => incident.run().await,
            Self::Freeze(freeze) => freeze.run().await,
            Self::Audit(audit) => audit.run().await,
            Self::Bounce(bounce) => bounce.run().await,
            Self::Mcp(mcp) => mcp.run().await,
            Self::Export(export) => export.run().await,
            Self::Import(import) => import.run().await,
            Self::Token(token) => token.run().await,
        }
    }
}

/// A network by its name.
///
/// # Errors
/// Which names there are.
fn known_network(name: &str) -> anyhow::Result<()> {
    let known: Vec<_> = networks::all().iter().map(|network| network.about().name).collect();
    ensure!(networks::find(name).is_some(), "there is no network \"{name}\"; the networks are {}", known.join(", "));
    Ok(())
}

/// Cancelled by Ctrl-C or SIGTERM.
pub(crate) fn stop_on_signal() -> CancellationToken {
    let stop = CancellationToken::new();
    let cancelled = stop.clone();
    tokio::spawn(async move {
        #[cfg(unix)]
        {
            let Ok(mut terminate) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) else { return };
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
        }
        #[cfg(not(unix))]
        let _ = tokio::signal::ctrl_c().await;
        cancelled.cancel();
    });
    stop
}
