//! `staygreen sandbox`

use anyhow::Context as _;
use clap::Args;
use sandbox::World;
use serde_json::json;
use tokio::net::TcpListener;

use super::stop_on_signal;
use crate::out::put;

/// Run the simulated networks.
#[derive(Args)]
pub(crate) struct Sandbox {
    /// The port to listen on; 0 takes a free one
    #[arg(long, default_value_t = 8430)]
    port: u16,
    /// Print one line of JSON when ready: {url, pid}
    #[arg(long)]
    json: bool,
}

impl Sandbox {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let listener = TcpListener::bind(("127.0.0.1", self.port))
            .await
            .with_context(|| format!("port {} cannot be listened on; choose another with --port", self.port))?;
        let url = format!("http://{}", listener.local_addr()?);
        if self.json {
            put!("{}", json!({ "url": url, "pid": std::process::id() }))?;
        } else {
            put!(
                "The simulated networks are ready.\n  Control page  {url}/control\n  LinkedIn      {url}/linkedin   (client id sandbox-linkedin, secret sandbox-linkedin-secret; the others alike)"
            )?;
        }
        let sandbox = sandbox::http::Sandbox::new(World::seeded());
        axum::serve(listener, sandbox.router()).with_graceful_shutdown(stop_on_signal().cancelled_owned()).await?;
        Ok(())
    }
}
