//! `staygreen profile`, `token`, `freeze`, `hold`, `audit`: the REST calls of that name, from a shell.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use serde_json::Value;
use server::config::Length;

use super::way::Server;

/// `staygreen profile`
#[derive(Subcommand)]
pub(crate) enum Profile {
    /// List profiles with their status
    List {
        /// Only of this network
        #[arg(long)]
        network: Option<String>,
        /// Only with this status: connected, renew_soon, unverified, disconnected
        #[arg(long)]
        status: Option<String>,
        /// Only for this cause: expired, renewal_due, password_changed, permission_lost, person_blocked, revoked_by_person and others
        #[arg(long)]
        cause: Option<String>,
        /// Only with this tag
        #[arg(long)]
        tag: Option<String>,
        /// Only with this in the name or handle
        #[arg(long)]
        q: Option<String>,
        #[command(flatten)]
        server: Server,
    },
    /// Show one profile: what happened, who must act, what to do
    Show {
        /// The profile's id
        profile: String,
        #[command(flatten)]
        server: Server,
    },
    /// Ask the network now
    Check {
        /// The profile's id
        profile: String,
        #[command(flatten)]
        server: Server,
    },
}

/// `staygreen freeze`
#[derive(Subcommand)]
pub(crate) enum Freeze {
    /// Freeze; prints the receipt
    Set {
        /// everything, "user ID", "api_key ID", "person ID", "profile ID" or "network NAME"
        target: String,
        /// Why
        #[arg(long, default_value = "")]
        reason: String,
        #[command(flatten)]
        server: Server,
    },
    /// List what is frozen and was
    List {
        #[command(flatten)]
        server: Server,
    },
    /// Thaw
    Thaw {
        /// The freeze's id
        id: String,
        #[command(flatten)]
        server: Server,
    },
}

/// `staygreen hold`
#[derive(Subcommand)]
pub(crate) enum Hold {
    /// Whether tokens that can be used once are held back, why, and what became of them since the release
    Status {
        #[command(flatten)]
        server: Server,
    },
    /// The original is stopped for good: renew again, one per network first, then the others slowly
    Release {
        #[command(flatten)]
        server: Server,
    },
}

/// `staygreen incident`
#[derive(Subcommand)]
pub(crate) enum Incident {
    /// The networks that are in trouble, apart from dead tokens
    List {
        #[command(flatten)]
        server: Server,
    },
    /// What a network refuses of many accounts at once is real: verdicts wait no longer, and owners are told
    Release {
        /// The network, as in `incident list`
        network: String,
        /// Which instance of it
        #[arg(long, default_value = "")]
        instance: String,
        #[command(flatten)]
        server: Server,
    },
}

/// `staygreen audit`
#[derive(Subcommand)]
pub(crate) enum Audit {
    /// Read every row; exit code 1 when one is not as it was written
    Verify {
        /// A file with an anchor that was printed before: finds a tail that was cut off
        #[arg(long, value_name = "FILE")]
        anchor: Option<PathBuf>,
        #[command(flatten)]
        server: Server,
    },
    /// Print every row as a line of JSON, oldest first
    Export {
        #[command(flatten)]
        server: Server,
    },
    /// Print every row as a line of JSON when it is written, until stopped: for whoever collects logs
    Follow {
        /// Begin after this position; otherwise with what comes from now on
        #[arg(long, value_name = "POSITION")]
        after: Option<i64>,
        /// Remember the last row in this file, and go on after it
        #[arg(long, value_name = "FILE")]
        state: Option<PathBuf>,
        #[command(flatten)]
        server: Server,
    },
    /// Print the present end of the chain, to be kept elsewhere
    Anchor {
        #[command(flatten)]
        server: Server,
    },
}

/// `staygreen token`
#[derive(Args)]
pub(crate) struct Token {
    /// The profile's id
    profile: String,
    /// How long it has to live at least
    #[arg(long, default_value = "5m", value_parser = |text: &str| Length::try_from(text.to_owned()))]
    min_ttl: Length,
    #[command(flatten)]
    server: Server,
}

/// One segment of a path, whatever was typed.
fn segment(text: &str) -> String {
    networks::oauth::percent(text)
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or("-")
}

fn line(profile: &Value) -> String {
    let cause = profile["cause"].as_str().map(|cause| format!(" ({cause})")).unwrap_or_default();
    format!("{}  {:<12} {}{cause}  {}", text(profile, "id"), text(profile, "network"), text(profile, "status"), text(profile, "name"))
}

fn whole(profile: &Value) -> String {
    let words = &profile["explanation"];
    let mut lines = vec![line(profile), text(words, "happened").to_owned()];
    if let Some(todo) = words["what_to_do"].as_str().filter(|todo| !todo.is_empty()) {
        lines.push(todo.to_owned());
    }
    for access in profile["accesses"].as_array().into_iter().flatten() {
        let name = access["person"]["name"].as_str().unwrap_or("-");
        lines.push(format!("  {name}: {} ({})", text(access, "state"), text(access, "role")));
    }
    lines.join("\n")
}

impl Profile {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::List { network, status, cause, tag, q, server } => {
                let mut items = vec![];
                let mut cursor: Option<String> = None;
                loop {
                    let mut query = vec![("limit", "200".to_owned())];
                    let given =
                        [("network", &network), ("status", &status), ("cause", &cause), ("tag", &tag), ("q", &q), ("cursor", &cursor)];
                    query.extend(given.into_iter().filter_map(|(name, value)| value.clone().map(|value| (name, value))));
                    let page = server.call(reqwest::Method::GET, "/profiles", &query).await?;
                    items.extend(page["items"].as_array().cloned().unwrap_or_default());
                    cursor = page["next_cursor"].as_str().map(str::to_owned);
                    if cursor.is_none() {
                        break;
                    }
                }
                let lines: Vec<String> = items.iter().map(line).collect();
                server.print(&Value::Array(items), |_| lines.join("\n"))?;
            }
            Self::Show { profile, server } => {
                let found = server.call(reqwest::Method::GET, &format!("/profiles/{}", segment(&profile)), &[]).await?;
                server.print(&found, whole)?;
            }
            Self::Check { profile, server } => {
                let found = server.call(reqwest::Method::POST, &format!("/profiles/{}/check", segment(&profile)), &[]).await?;
                server.print(&found, whole)?;
            }
        }
        Ok(())
    }
}

impl Freeze {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Set { target, reason, server } => {
                let body = serde_json::json!({ "target": target, "reason": reason });
                let receipt = server.send(reqwest::Method::POST, "/freezes", &[], Some(body)).await?;
                server.print(&receipt, |receipt| {
                    let keys: Vec<&str> = receipt["cut"]["api_keys"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
                    let (id, at, profiles) = (text(receipt, "id"), text(receipt, "at"), &receipt["cut"]["profiles"]);
                    format!("{id}  frozen at {at}: {profiles} profiles, API keys: {}", keys.join(", "))
                })?;
            }
            Self::List { server } => {
                let all = server.call(reqwest::Method::GET, "/freezes", &[]).await?;
                server.print(&all["items"], |items| {
                    let line = |one: &Value| {
                        let thawed = one["thawed_at"].as_str().map(|at| format!(" (thawed {at})")).unwrap_or_default();
                        format!("{}  {}  {}{thawed}  {}", text(one, "id"), text(one, "at"), text(one, "target"), text(one, "reason"))
                    };
                    items.as_array().into_iter().flatten().map(line).collect::<Vec<_>>().join("\n")
                })?;
            }
            Self::Thaw { id, server } => {
                server.call(reqwest::Method::DELETE, &format!("/freezes/{}", segment(&id)), &[]).await?;
                server.print(&serde_json::json!({ "id": id, "thawed": true }), |_| format!("{id} is thawed"))?;
            }
        }
        Ok(())
    }
}

fn hold_in_words(hold: &Value) -> String {
    let Some(why) = hold["why"].as_str() else { return "nothing is held back, and nothing ever was".into() };
    let mut lines = vec![match hold["released_at"].as_str() {
        None => format!("held back since {} ({why}); when the original is stopped for good: staygreen hold release", text(hold, "since")),
        Some(at) => format!("held back from {} ({why}) to {at}; since then:", text(hold, "since")),
    }];
    for one in hold["networks"].as_array().into_iter().flatten() {
        let name = format!("{} {}", text(one, "network"), one["instance"].as_str().unwrap_or_default());
        lines.push(format!("  {name:<24} {} grants, {} renewed, {} refused", one["grants"], one["renewed"], one["refused"]));
    }
    lines.join("\n")
}

impl Hold {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let (method, path, server) = match self {
            Self::Status { server } => (reqwest::Method::GET, "/hold", server),
            Self::Release { server } => (reqwest::Method::POST, "/hold/release", server),
        };
        let hold = server.call(method, path, &[]).await?;
        server.print(&hold, hold_in_words)?;
        Ok(())
    }
}

fn incidents_in_words(found: &Value) -> String {
    let line = |one: &Value| {
        let name = format!("{} {}", text(one, "network"), text(one, "server"));
        let what = if one["kind"] == "refused" { "refuses many accounts at once; verdicts wait" } else { "does not answer" };
        format!("{name:<24} {what} since {}, {} profiles", text(one, "since"), one["profiles"])
    };
    let lines: Vec<String> = found["items"].as_array().into_iter().flatten().map(line).collect();
    if lines.is_empty() { "no network is in trouble".into() } else { lines.join("\n") }
}

impl Incident {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let (found, server) = match self {
            Self::List { server } => (server.call(reqwest::Method::GET, "/incidents", &[]).await?, server),
            Self::Release { network, instance, server } => {
                let place = serde_json::json!({ "network": network, "instance": instance });
                (server.send(reqwest::Method::POST, "/incidents/release", &[], Some(place)).await?, server)
            }
        };
        server.print(&found, incidents_in_words)?;
        Ok(())
    }
}

impl Audit {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Verify { anchor, server } => {
                let mut query = vec![];
                if let Some(path) = anchor {
                    let kept = std::fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))?;
                    let kept: Value = serde_json::from_str(&kept).with_context(|| format!("{} is no anchor", path.display()))?;
                    query.push(("anchor", format!("{}:{}", kept["position"], text(&kept, "hash"))));
                }
                let found = server.call(reqwest::Method::GET, "/audit/verify", &query).await?;
                let shown = server.print(&found, |found| format!("{} rows read", found["rows"]));
                if found["whole"] != true {
                    let first = &found["findings"][0];
                    bail!("row {}: {}", first["position"], text(first, "what"));
                }
                shown?;
            }
            Self::Export { server } => server.copy("/audit/export", &[]).await?,
            Self::Follow { after, state, server } => super::follow::follow(&server, after, state).await?,
            Self::Anchor { server } => {
                let anchor = server.call(reqwest::Method::GET, "/audit/anchor", &[]).await?;
                server.print(&anchor, Value::to_string)?;
            }
        }
        Ok(())
    }
}

impl Token {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let query = [("min_ttl", self.min_ttl.span().as_seconds().to_string())];
        let lent = self.server.call(reqwest::Method::GET, &format!("/profiles/{}/access-token", segment(&self.profile)), &query).await?;
        self.server.print(&lent, |lent| text(lent, "access_token").to_owned())?;
        Ok(())
    }
}
