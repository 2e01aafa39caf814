//! `staygreen mcp`: tools for agents over stdin and stdout, as the Model Context Protocol has it: one message on each line.

use clap::Args;
use reqwest::Method;
use serde_json::{Value, json};
use server::api::mcp::{self, Ask, Asked, not_json};

use super::way::{Call, Server, Way};
use crate::out::put;

/// `staygreen mcp`
#[derive(Args)]
pub(crate) struct Mcp {
    #[command(flatten)]
    server: Server,
}

impl Mcp {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let way = self.server.way().await?;
        let mut lines = std::io::stdin().lines();
        // Nothing else happens in this process while the agent thinks.
        while let Some(line) = tokio::task::block_in_place(|| lines.next()) {
            let line = line?;
            if line.trim().is_empty() {
                continue;
            }
            if let Some(answer) = answer(&way, &line).await {
                put!("{answer}")?;
            }
        }
        Ok(())
    }
}

async fn answer(way: &Way, line: &str) -> Option<Value> {
    let Ok(message) = serde_json::from_str(line) else {
        return Some(not_json());
    };
    mcp::answer(&message, way).await
}

impl Asked for Way {
    async fn ask(&self, ask: Ask) -> (bool, Value) {
        let method = Method::from_bytes(ask.method.as_bytes()).unwrap_or(Method::GET);
        let call = Call { method, path: &ask.path, query: &ask.query, body: ask.body, key: ask.key.as_deref() };
        Self::ask(self, call).await.unwrap_or_else(|error| (false, json!({ "code": "unreachable", "detail": error.to_string() })))
    }
}
