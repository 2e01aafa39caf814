//! The spool of this server: its folder, and the seal of what lies in it.

use std::io;
use std::path::Path;
use std::sync::Arc;

use keeper::ports::Sealer;
use keeper::spool::disk::Folder;
use keeper::spool::{Spool, Ticket};
use lifecycle::ids::NodeId;
use store::Store;
use store::seal::Context;
use zeroize::Zeroizing;

use crate::StartError;
use crate::config::Config;

struct Keys(Store);

fn context(ticket: &Ticket) -> Context<'_> {
    Context {
        table: "spool",
        column: "answer",
        row: ticket.attempt.as_str(),
        organisation: ticket.organisation.as_str(),
        generation: Some(ticket.generation),
    }
}

impl Sealer for Keys {
    fn seal(&self, ticket: &Ticket, plain: &[u8]) -> Vec<u8> {
        self.0.keys().seal(&context(ticket), plain)
    }

    fn open(&self, ticket: &Ticket, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        self.0.keys().open(&context(ticket), sealed).ok()
    }
}

/// The name of this node, kept beside its spool: whoever holds that folder's lock is this node, in its next life.
fn node(folder: &Path) -> io::Result<NodeId> {
    let file = folder.join("node");
    if let Some(known) = std::fs::read_to_string(&file).ok().and_then(|text| text.trim().parse().ok()) {
        return Ok(known);
    }
    let fresh: NodeId = store::ids::fresh();
    std::fs::write(&file, format!("{fresh}\n"))?;
    Ok(fresh)
}

/// Opens the spool of this configuration, with a slot for every renewal that can be under way, and tells this node's name.
pub(crate) async fn open(config: &Config, store: &Store) -> Result<(Arc<Spool>, NodeId), StartError> {
    let (folder, slots, keys) = (config.spool_dir(), config.keeper.concurrency, Keys(store.clone()));
    let shown = folder.display().to_string();
    let open = move || {
        let disk = Arc::new(Folder::open(&folder)?);
        Ok((Spool::open(disk, Arc::new(keys), slots)?, node(&folder)?))
    };
    let opened = tokio::task::spawn_blocking(open).await;
    opened.unwrap_or_else(|error| Err(io::Error::other(error))).map_err(|error| match error.kind() {
        io::ErrorKind::ResourceBusy => StartError::SpoolInUse(shown),
        _ => StartError::Spool(shown, error),
    })
}
