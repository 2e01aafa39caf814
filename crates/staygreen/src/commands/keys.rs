//! `staygreen key`: the keys that seal every token.

use clap::{Args, Subcommand};
use lifecycle::permission::Act;
use serde_json::json;
use store::rekey;
use store::seal::key_file::Changed;
use store::seal::{Keyring, key_file};

use super::ConfigArgs;
use super::admin::here::{ASK_IT, Here, WhereNone};
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
            Self::Rotate { prepare, common } => rotate(prepare, &common).await,
            Self::Status { common } => status(&common).await,
        }
    }
}

/// Changes the key file, and writes it down. Where a server works on the SQLite file, or the database is away, the server writes down that
/// it seals anew, after its next start.
async fn change(prepare: bool, common: &Common) -> anyhow::Result<Changed> {
    let path = common.config.load_existing()?.key_file();
    let here = Here::open(&common.config, WhereNone::Refuse, ASK_IT).await.ok();
    let changed = if prepare { key_file::prepare(&path)? } else { key_file::rotate(&path)? };
    if let Some(here) = here {
        let (what, key) = match &changed.prepared {
            Some(prepared) => ("sealing key prepared", prepared),
            None => ("sealing key rotated", &changed.seals),
        };
        let mut tx = here.store.write().await?;
        let (event, detail) = (json!({ "sealing_key": key }), json!({ "what": what, "sealing_key": key }));
        here.note(&mut tx, "settings.changed", &event, Act::ManageApiKeys, detail).await?;
        tx.commit().await?;
    }
    Ok(changed)
}

async fn rotate(prepare: bool, common: &Common) -> anyhow::Result<()> {
    let changed = change(prepare, common).await?;
    let path = common.config.load()?.key_file();
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
