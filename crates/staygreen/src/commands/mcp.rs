//! `staygreen mcp`: tools for agents over stdin and stdout, as the Model Context Protocol has it: one message on each line.

use clap::Args;
use reqwest::Method;
use serde_json::{Value, json};
use server::api::mcp::{Reply, after, reply};

use super::way::{Call, Server, Way};

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
                println!("{answer}");
            }
        }
        Ok(())
    }
}

async fn answer(way: &Way, line: &str) -> Option<Value> {
    let Ok(message) = serde_json::from_str(line) else {
        return Some(json!({ "jsonrpc": "2.0", "id": null, "error": { "code": -32700, "message": "this is not JSON" } }));
    };
    match reply(&message) {
        Reply::None => None,
        Reply::Is(answer) => Some(answer),
        Reply::Asks(id, ask) => {
            let method = Method::from_bytes(ask.method.as_bytes()).unwrap_or(Method::GET);
            let call = Call { method, path: &ask.path, query: &ask.query, body: ask.body, key: ask.key.as_deref() };
            Some(match way.ask(call).await {
                Ok((good, said)) => after(&id, good, &said),
                Err(error) => after(&id, false, &json!({ "code": "unreachable", "detail": error.to_string() })),
            })
        }
    }
}
