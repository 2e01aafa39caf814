//! Everything out of either database and into either, byte by byte.

use lifecycle::time::Span;
use store::Store;
use store::backup::{self, BackupError};
use store::hold::{self, Why};
use store::seal::Keyring;

use crate::cluster;
use crate::loops::{T0, connect, organisation};

fn places(folder: &std::path::Path, name: &str) -> Vec<String> {
    let file = format!("sqlite:{}", folder.join(name).display());
    cluster().map(crate::postgres::Cluster::new_database).into_iter().chain([file]).collect()
}

async fn written(url: &str) -> Vec<u8> {
    let mut out = vec![];
    backup::write(url, &mut out, T0, &mut |_| {}).await.unwrap();
    out
}

/// Without the first line and the last, which say when and how much.
fn rows(backup: &[u8]) -> Vec<String> {
    let text = std::str::from_utf8(backup).unwrap();
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines[1..lines.len() - 1].to_vec()
}

#[tokio::test]
async fn a_backup_of_either_database_is_put_back_into_either() {
    let folder = tempfile::tempdir().unwrap();
    for (n, from) in places(folder.path(), "from.db").into_iter().enumerate() {
        let keys = Keyring::open_or_create(&folder.path().join(format!("keys-{n}"))).unwrap();
        let store = Store::open(&from, keys).await.unwrap();
        let (of, _) = organisation(&store).await;
        for person in 0..30 {
            connect(&store, &of, &format!("person {person} \u{1f331} \"'\n"), &["page"], T0 + Span::minutes(person)).await;
        }
        let whole = written(&from).await;
        let head = backup::check(&mut whole.as_slice()).unwrap();
        assert!(head.schema >= 9 && head.mark.position > 0);
        assert!(!String::from_utf8_lossy(&whole).contains("canary"), "secrets stay sealed");
        drop(store);
        for into in places(folder.path(), &format!("into-{n}.db")) {
            backup::read(&into, &mut whole.as_slice(), None, T0, &mut |_| {}).await.unwrap();
            assert_eq!(rows(&written(&into).await), rows(&whole), "{from} into {into}");
            let again = backup::read(&into, &mut whole.as_slice(), None, T0, &mut |_| {}).await;
            assert!(matches!(again, Err(BackupError::NotEmpty)));
            let keys = Keyring::open_or_create(&folder.path().join(format!("keys-{n}"))).unwrap();
            let opened = Store::open(&into, keys).await.unwrap();
            let node = store::ids::fresh();
            assert_eq!(crate::loops::claim(&opened, &node, T0 + Span::days(900)).await.len(), 30, "every token set opens");
        }
    }
}

#[tokio::test]
async fn nt_33_a_changed_or_shortened_backup_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("a.db").display());
    let store = Store::open(&url, Keyring::ephemeral()).await.unwrap();
    let (of, _) = organisation(&store).await;
    connect(&store, &of, "p", &["page"], T0).await;
    let whole = written(&url).await;
    backup::check(&mut whole.as_slice()).unwrap();
    for at in (0..whole.len()).step_by(97) {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        assert!(backup::check(&mut changed.as_slice()).is_err(), "byte {at}");
        assert!(backup::check(&mut &whole[..at]).is_err(), "cut at {at}");
    }
}

#[tokio::test]
async fn rf_37_a_hold_begins_is_released_once_and_counts_its_epochs() {
    for crate::Fixture { store, .. } in crate::each().await {
        let mut tx = store.write().await.unwrap();
        assert_eq!(hold::get(&mut tx).await.unwrap(), None);
        assert!(!hold::release(&mut tx, T0).await.unwrap());
        hold::begin(&mut tx, Why::Restored, T0).await.unwrap();
        let first = hold::mark(&mut tx).await.unwrap();
        assert_eq!(first.epoch, 1);
        assert!(hold::release(&mut tx, T0 + Span::hours(1)).await.unwrap());
        assert!(!hold::release(&mut tx, T0 + Span::hours(2)).await.unwrap());
        let kept = hold::get(&mut tx).await.unwrap().unwrap();
        assert_eq!((kept.since, kept.why, kept.released_at), (T0, Why::Restored, Some(T0 + Span::hours(1))));
        hold::begin(&mut tx, Why::RolledBack, T0).await.unwrap();
        assert_eq!(hold::mark(&mut tx).await.unwrap().epoch, 2);
        assert_eq!(hold::mark(&mut tx).await.unwrap().installation, first.installation);
        tx.commit().await.unwrap();
    }
}
