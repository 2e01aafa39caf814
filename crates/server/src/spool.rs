//! The spool of this server: its folder, and the seal of what lies in it.

use std::sync::Arc;

use keeper::ports::Sealer;
use keeper::spool::disk::Folder;
use keeper::spool::{Spool, Ticket};
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

/// Opens the spool of this configuration, with a slot for every renewal that can be under way.
pub(crate) async fn open(config: &Config, store: &Store) -> Result<Arc<Spool>, StartError> {
    let (folder, slots, keys) = (config.spool_dir(), config.keeper.concurrency, Keys(store.clone()));
    let shown = folder.display().to_string();
    let opened = tokio::task::spawn_blocking(move || Spool::open(Arc::new(Folder::open(&folder)?), Arc::new(keys), slots)).await;
    opened.unwrap_or_else(|error| Err(std::io::Error::other(error))).map_err(|error| match error.kind() {
        std::io::ErrorKind::ResourceBusy => StartError::SpoolInUse(shown),
        _ => StartError::Spool(shown, error),
    })
}
