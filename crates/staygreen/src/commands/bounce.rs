//! `staygreen bounce`: a mail came back. Made for the pipe of a mail server, and for operators.

use std::io::Read as _;

use anyhow::Context as _;
use clap::Args;
use serde_json::{Value, json};

use super::way::Server;

/// The most bytes that are read: what matters of a report comes first.
const MAIL_MAX: u64 = 256 * 1024;

/// `staygreen bounce`
#[derive(Args)]
pub(crate) struct Bounce {
    /// The address that cannot be reached; without it the mail server's report (RFC 3464) is read from stdin
    #[arg(long)]
    address: Option<String>,
    /// Only this mail did not arrive; the address may be good
    #[arg(long, requires = "address")]
    temporary: bool,
    /// Why, as the mail server says it
    #[arg(long, default_value = "", requires = "address")]
    reason: String,
    /// The Message-ID of the mail
    #[arg(long, requires = "address")]
    message_id: Option<String>,
    #[command(flatten)]
    server: Server,
}

fn in_words(answer: &Value) -> String {
    let text = |one: &Value, field: &str| one[field].as_str().unwrap_or_default().to_owned();
    let line = |one: &Value| match text(one, "outcome").as_str() {
        "refused" => format!("{}: refused; it is passed over from now on", text(one, "address")),
        "not_delivered" => format!("{}: this mail did not arrive; the address stays good", text(one, "address")),
        "underway" => format!("{}: arrived, or is tried again; nothing is changed", text(one, "address")),
        _ => format!("{}: nobody here has this address, or no mail of ours went there; nothing is changed", text(one, "address")),
    };
    let lines: Vec<String> = answer["items"].as_array().into_iter().flatten().map(line).collect();
    if lines.is_empty() { "this is no mail server's report about a mail; nothing is changed".into() } else { lines.join("\n") }
}

impl Bounce {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let answer = if let Some(address) = &self.address {
            let kind = if self.temporary { "temporary" } else { "permanent" };
            let mut said = json!({ "address": address, "kind": kind, "reason": self.reason });
            if let Some(id) = &self.message_id {
                said["message_id"] = id.as_str().into();
            }
            self.server.send(reqwest::Method::POST, "/bounces", &[], Some(said)).await?
        } else {
            let mut mail = vec![];
            std::io::stdin().lock().take(MAIL_MAX).read_to_end(&mut mail).context("the report cannot be read from stdin")?;
            self.server.way().await?.report_bounce(mail).await?
        };
        self.server.print(&answer, in_words)?;
        Ok(())
    }
}
