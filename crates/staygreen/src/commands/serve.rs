//! `staygreen serve`

use std::sync::Arc;

use clap::Args;
use serde_json::json;
use server::Server;
use server::time::SystemClock;

use super::{ConfigArgs, stop_on_signal};
use crate::out::{self, put};

/// Run the server.
#[derive(Args)]
pub(crate) struct Serve {
    #[command(flatten)]
    config: ConfigArgs,
    /// Listen on this port instead of the configured one; 0 takes a free one
    #[arg(long)]
    port: Option<u16>,
    /// Print one line of JSON when ready: {url, pid}
    #[arg(long)]
    json: bool,
}

impl Serve {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let mut config = self.config.load()?;
        if let Some(port) = self.port {
            config.server.listen.set_port(port);
        }
        let server = Server::build(config, Arc::new(SystemClock)).await?;
        let url = server.app.public_url.clone();
        let setup = server.setup_link().await?;
        let told = if self.json {
            put!("{}", json!({ "url": url, "pid": std::process::id(), "setup_url": setup }))
        } else {
            put!("Staygreen is ready: {url} ({})", server.app.store.describe()).and_then(|()| match setup {
                Some(setup) => put!("Nobody can sign in yet. Make the first company admin with this one-time link:\n{setup}"),
                None => Ok(()),
            })
        };
        out::to_whoever_reads(told)?;
        server.run(stop_on_signal()).await?;
        Ok(())
    }
}
