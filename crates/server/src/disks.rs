//! A disk of this machine that failed (RF-43).

use std::sync::Arc;

use keeper::alarms::Alarm;
use tokio_util::sync::CancellationToken;

use crate::state::App;

/// Stops the server when a disk of this machine failed: nothing may go on from memory that is not on the disk (RF-43).
pub(crate) async fn watch(app: Arc<App>, stop: CancellationToken) {
    tokio::select! {
        () = app.store.disk_failed() => app.fault.cancel(),
        () = app.fault.cancelled() => {}
        () = stop.cancelled() => return,
    }
    app.alarms.raise(Alarm::DiskFailed);
    stop.cancel();
}
