//! A disk of this machine that failed (RF-43).

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::state::App;

/// What the operator is told.
pub(crate) const FAILED: &str = "the disk under the database or under keeper.spool_dir failed, and the server ends so that nothing goes on that may not be on the disk: check the disk (dmesg, smartctl), then start the server again. A renewed token set waits, sealed, in keeper.spool_dir; do not delete that folder";

/// Stops the server when a disk of this machine failed: nothing may go on from memory that is not on the disk (RF-43).
pub(crate) async fn watch(app: Arc<App>, stop: CancellationToken) {
    tokio::select! {
        () = app.store.disk_failed() => app.fault.cancel(),
        () = app.fault.cancelled() => {}
        () = stop.cancelled() => return,
    }
    app.alarms.raise("disk", FAILED);
    stop.cancel();
}
