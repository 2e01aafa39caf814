//! `staygreen key`: the keys that seal every token.

use clap::{Args, Subcommand};
use serde_json::json;
use store::rekey;
use store::seal::{Keyring, key_file};

use super::ConfigArgs;
use crate::out::put;

/// What both commands take.
#[derive(Args)]
pub(crate) struct Common {
    #[command(flatten)]
    config: ConfigArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// `staygreen key`
#[derive(Subcommand)]
pub(crate) enum Key {
    /// Put a new key first in the key file; after its next start the server seals everything anew with it, beside its work
    Rotate {
        /// Only add the key, so that every one of several servers knows it before one of them seals with it
        #[arg(long)]
        prepare: bool,
        #[command(flatten)]
        common: Common,
    },
    /// How many stored values each key has sealed: how far a rotation is, and which key nothing needs any more
    Status {
        #[command(flatten)]
        common: Common,
    },
}

impl Key {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Rotate { prepare, common } => rotate(prepare, &common),
            Self::Status { common } => status(&common).await,
        }
    }
}

fn rotate(prepare: bool, common: &Common) -> anyhow::Result<()> {
    let path = common.config.load_existing()?.key_file();
    let changed = if prepare { key_file::prepare(&path)? } else { key_file::rotate(&path)? };
    let shown = path.display();
    if common.json {
        put!("{}", json!({ "seals": changed.seals, "prepared": changed.prepared }))?;
    } else if let Some(prepared) = changed.prepared {
        put!("{shown}: {prepared} is there and only opens. Copy the file to every server, restart each, then run: staygreen key rotate")?;
    } else {
        put!(
            "{shown}: {} seals from the next start on, the older keys go on opening. Copy the file to your backup of it, restart the server, and see with: staygreen key status",
            changed.seals
        )?;
    }
    Ok(())
}

async fn status(common: &Common) -> anyhow::Result<()> {
    let config = common.config.load_existing()?;
    let keys = Keyring::open_or_create(&config.key_file())?;
    let counts = rekey::counts(&config.database_url(), &keys).await?;
    if common.json {
        put!("{}", json!({ "seals": keys.seals_with(), "values": counts }))?;
        return Ok(());
    }
    for (id, count) in &counts {
        let about = match (id.as_str(), *count) {
            ("?", _) => "sealed with a key that is not in the key file: put it back, or these values are lost",
            (id, _) if id == keys.seals_with() => "seals",
            (_, 0) => "nothing in the database needs it; keep it as long as a backup does",
            _ => "opens; what lasts is sealed anew beside the server's work, the rest ends within days",
        };
        put!("{id:<6} {count:>9} values  {about}")?;
    }
    Ok(())
}
