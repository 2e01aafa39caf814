//! The high-water mark of this node (RF-37): how far the database was when this node last looked, in a file beside the spool. A
//! database that is found behind it was rolled back, and spends nothing until somebody says that the original is stopped.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use keeper::alarms::{Alarm, Alarms};
use lifecycle::time::Timestamp;
use store::hold::{self, Found, Mark};
use store::{Store, StoreError};
use tokio_util::sync::CancellationToken;

use crate::state::App;

/// How often the mark is brought up to date: what is lost of it with a crash is what a rollback could hide.
const EVERY: Duration = Duration::from_secs(1);

fn file(folder: &Path) -> PathBuf {
    folder.join("high-water")
}

fn kept(folder: &Path) -> Option<Mark> {
    let text = std::fs::read_to_string(file(folder)).ok()?;
    serde_json::from_str(&text).ok()
}

/// In one step: a power cut leaves the old mark or the new one.
fn keep(folder: &Path, mark: &Mark) -> std::io::Result<()> {
    let fresh = folder.join("high-water.new");
    let mut out = std::fs::File::create(&fresh)?;
    out.write_all(serde_json::to_string(mark)?.as_bytes())?;
    out.sync_data()?;
    std::fs::rename(fresh, file(folder))
}

/// Compares the database with the mark of this node, before anything is sent. Begins a hold where they do not fit.
pub(crate) async fn compare(store: &Store, folder: &Path, alarms: &Alarms, now: Timestamp) -> Result<(), StoreError> {
    let (kept, mut tx) = (kept(folder), store.write().await?);
    let alone = tx.is_alone();
    if let Found::Doubtful(why) = hold::compare(&mut tx, kept.as_ref(), alone).await? {
        hold::begin(&mut tx, why, now).await?;
    }
    let mark = hold::mark(&mut tx).await?;
    hold::marked(&mut tx).await?;
    // The hold is durable before the mark is.
    tx.commit().await?;
    if let Err(error) = keep(folder, &mark) {
        tracing::warn!(error = %error, "server: the high-water mark could not be written beside the spool");
    }
    look(store, alarms).await
}

/// Raises the alarm while the hold lasts.
pub(crate) async fn look(store: &Store, alarms: &Alarms) -> Result<(), StoreError> {
    let mut tx = store.read().await?;
    match hold::get(&mut tx).await?.filter(|hold| hold.released_at.is_none()) {
        Some(hold) => alarms.raise(Alarm::Held(hold.why.as_str())),
        None => alarms.clear("hold"),
    }
    Ok(())
}

/// Keeps the mark up to date until the token is cancelled.
pub(crate) async fn run(app: Arc<App>, stop: CancellationToken) {
    let folder = app.config.spool_dir();
    let mut last = kept(&folder);
    loop {
        let stopping = tokio::select! {
            () = stop.cancelled() => true,
            () = tokio::time::sleep(EVERY) => false,
        };
        let looked = async {
            let mut tx = app.store.read().await?;
            let mark = hold::known_mark(&mut tx).await?;
            drop(tx);
            look(&app.store, &app.alarms).await?;
            Ok::<_, StoreError>(mark)
        };
        // A database that is away has moved nowhere.
        if let Ok(mark) = looked.await
            && last.as_ref() != Some(&mark)
        {
            match keep(&folder, &mark) {
                Ok(()) => last = Some(mark),
                Err(error) => tracing::warn!(error = %error, "server: the high-water mark could not be written beside the spool"),
            }
        }
        if stopping {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_is_kept_whole() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(kept(folder.path()), None);
        let mark = Mark { installation: "org_1".into(), epoch: 2, position: 77 };
        keep(folder.path(), &mark).expect("it is written");
        keep(folder.path(), &mark).expect("and again");
        assert_eq!(kept(folder.path()), Some(mark));
        std::fs::write(file(folder.path()), "half").expect("written");
        assert_eq!(kept(folder.path()), None, "what cannot be read is no mark");
    }
}
