//! `staygreen demo`: everything in one process, for trying out.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;
use keeper::ports::Clock;
use lifecycle::secret::Secret;
use lifecycle::time::Timestamp;
use networks::network::Registration;
use sandbox::World;
use sandbox::http::Sandbox;
use sandbox::mailbox::Mailbox;
use serde_json::json;
use server::Server;
use server::config::{Config, Length, NetworkConfig};
use tokio::net::TcpListener;

use super::{seed, stop_on_signal};
use crate::out::{self, put};

/// Try Staygreen out.
#[derive(Args)]
pub(crate) struct Demo {
    /// The port of the pages; the sandbox and the mailbox take the ports 10 and 20 above. 0 takes free ones
    #[arg(long, default_value_t = 8420)]
    port: u16,
    /// Print one line of JSON when ready: {url, sandbox_url, mailbox_url, user, password, api_key}
    #[arg(long)]
    json: bool,
    /// Keep the data in this folder instead of a temporary one
    #[arg(long, value_name = "FOLDER")]
    data: Option<std::path::PathBuf>,
}

/// The sandbox's clock: moving it on the control page moves everything.
struct SandboxClock(Sandbox);

impl Clock for SandboxClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.now())
    }
}

async fn listen(port: u16) -> anyhow::Result<(TcpListener, String)> {
    let listener = TcpListener::bind(("127.0.0.1", port))
        .await
        .with_context(|| format!("port {port} cannot be listened on; is another demo running? Choose another with --port"))?;
    let url = format!("http://{}", listener.local_addr()?);
    Ok((listener, url))
}

fn config(folder: &Path, port: u16, sandbox_url: &str, smtp: &str) -> Config {
    let mut config = Config::default();
    config.server.listen.set_port(port);
    config.server.data_dir = folder.to_owned();
    config.server.organisation = "Fernweh Outdoor".into();
    // The demo's clock is moved by years; nobody should have to sign in again for that.
    config.server.session_idle = Length::hours(24 * 365 * 50);
    config.server.session_max = Length::hours(24 * 365 * 50);
    // A webhook receiver on the same machine can be tried out.
    config.server.allow_private_networks.push("127.0.0.0/8".parse().expect("a range"));
    config.mail.smtp_url = Some(Secret::new(smtp));
    config.mail.from = "Staygreen <staygreen@fernweh.example>".into();
    // A minute of real time must show everything.
    config.keeper.poll_every = Length::seconds(1);
    config.keeper.probe_every = Some(Length::seconds(8));
    config.keeper.idle_check_every = Some(Length::seconds(8));
    config.keeper.doubt_for = Some(Length::seconds(30));
    for network in networks::ALL {
        let name = network.about().name;
        if !sandbox::World::has(name) {
            // Nothing of the demo leaves this machine.
            config.networks.insert(name.into(), NetworkConfig { enabled: Some(false), ..NetworkConfig::default() });
            continue;
        }
        let mut set = NetworkConfig { base_url: Some(format!("{sandbox_url}/{name}")), ..NetworkConfig::default() };
        if network.about().registration == Registration::Metadata {
            // Known by its address, which is this machine's: then http has to be followed to it.
            set.options.insert("allow_http_loopback".into(), "true".into());
        } else {
            set.client_id = Some(format!("sandbox-{name}"));
            set.client_secret = Some(Secret::new(format!("sandbox-{name}-secret")));
        }
        if name == "reddit" {
            set.options.insert("username".into(), "fernweh_outdoor".into());
        }
        if name == "tiktok" {
            set.endpoints.insert("advertisers".into(), format!("{sandbox_url}/tiktok/open_api/v1.3/oauth2/advertiser/get/"));
        }
        config.networks.insert(name.into(), set);
    }
    config
}

impl Demo {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let above = |n: u16| if self.port == 0 { 0 } else { self.port.saturating_add(n) };
        let (sandbox_listener, sandbox_url) = listen(above(10)).await?;
        let (mailbox_listener, mailbox_url) = listen(above(20)).await?;
        let (smtp_listener, smtp_url) = listen(0).await?;
        let temporary = tempfile::Builder::new().prefix("staygreen-demo-").tempdir().context("no temporary folder can be made")?;
        let folder = self.data.clone().unwrap_or_else(|| temporary.path().to_owned());
        let world = Sandbox::new(World::seeded());
        let mailbox = Mailbox::new();
        let stop = stop_on_signal();
        tokio::spawn(mailbox.clone().serve(smtp_listener));
        tokio::spawn(axum::serve(mailbox_listener, mailbox.router()).with_graceful_shutdown(stop.clone().cancelled_owned()).into_future());
        tokio::spawn(axum::serve(sandbox_listener, world.router()).with_graceful_shutdown(stop.clone().cancelled_owned()).into_future());
        let config = config(&folder, self.port, &sandbox_url, &smtp_url.replacen("http", "smtp", 1));
        let server = Server::build(config, Arc::new(SandboxClock(world.clone()))).await?;
        let seeded = seed::seed(&server.app, &world).await.context("the demo could not be seeded")?;
        let url = server.app.public_url.clone();
        for network in World::telling() {
            let told = world.with_world(|world| world.tell_at(network, &format!("{url}/signals/{network}")));
            told.map_err(anyhow::Error::msg)?;
        }
        let told = if self.json {
            let ready = json!({ "url": url, "sandbox_url": sandbox_url, "mailbox_url": mailbox_url, "user": seeded.user, "password": seeded.password, "api_key": seeded.api_key });
            put!("{ready}")
        } else {
            put!(
                "Staygreen demo is ready. Nothing here leaves this machine.\n\n  Pages      {url}\n  Sign in    {}   {}\n  Networks   {sandbox_url}/control   (change a password, remove an admin, move the clock)\n  Mailbox    {mailbox_url}\n  API key    {}\n\nPress Ctrl-C to stop.",
                seeded.user,
                seeded.password,
                seeded.api_key
            )
        };
        out::to_whoever_reads(told)?;
        server.run(stop).await?;
        Ok(())
    }
}
