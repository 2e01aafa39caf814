//! A disk that fails under a local database. What a failed sync left of the pages it was to write nobody knows, and asking for the sync
//! again may say that all is well although it is not. So nothing is written any more, the process ends, and the next one reads what is
//! really there (RF-43). A database server that is away is something else: it is asked again.

use std::sync::Arc;

use tokio::sync::watch;

use crate::sqlite::is_of_disk;

/// Whether the disk under this database failed in this life of the process.
#[derive(Clone, Default)]
pub(crate) struct DiskFault(Arc<watch::Sender<bool>>);

impl DiskFault {
    /// Looks at an error of the writer.
    pub(crate) fn note(&self, error: &rusqlite::Error) {
        if is_of_disk(error) && !self.0.send_replace(true) {
            tracing::error!(error = %error, "store: the disk under the database failed; nothing is written any more");
        }
    }

    pub(crate) fn is_there(&self) -> bool {
        *self.0.borrow()
    }

    /// Returns when it has failed.
    pub(crate) async fn happened(&self) {
        // The sender lives as long as this.
        let _ = self.0.subscribe().wait_for(|failed| *failed).await;
    }
}
