//! What lies in the file.

use lifecycle::time::Span;
use store::seal::Keyring;
use store::{OpenError, Store, ids};

use crate::loops::{T0, claim, connect, organisation};
use crate::{Fixture, each};

#[tokio::test]
async fn nt_15_no_secret_lies_in_the_database_in_the_clear() {
    let Fixture { store, folder } = each().await.remove(0);
    let (organisation, _) = organisation(&store).await;
    connect(&store, &organisation, "jana", &["1"], T0).await;
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        assert!(!bytes.windows(6).any(|window| window == b"canary"), "{}", path.display());
    }
}

#[tokio::test]
async fn nt_16_a_ciphertext_moved_to_another_row_is_set_aside_alone() {
    for Fixture { store, .. } in each().await {
        let (organisation, _) = organisation(&store).await;
        for person in ["a", "b", "c"] {
            connect(&store, &organisation, person, &[person], T0).await;
        }
        let mut tx = store.write().await.unwrap();
        let rows = tx.all("SELECT id, sealed_tokens FROM grants ORDER BY id", &[]).await.unwrap();
        let (victim, other) = (rows[0].text("id").unwrap(), rows[1].bytes("sealed_tokens").unwrap());
        tx.run("UPDATE grants SET sealed_tokens = $2 WHERE id = $1", &[victim.as_str().into(), other.into()]).await.unwrap();
        tx.commit().await.unwrap();
        let claims = claim(&store, &ids::fresh(), T0 + Span::days(1)).await;
        assert_eq!(claims.len(), 2, "the others go on");
        assert!(claims.iter().all(|claim| claim.grant.id.as_str() != victim));
    }
}

#[tokio::test]
async fn a_wrong_key_a_newer_database_and_a_second_server_are_refused_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.db");
    let url = format!("sqlite:{}", path.display());
    let keys = folder.path().join("keys");
    let store = Store::open(&url, Keyring::open_or_create(&keys).unwrap()).await.unwrap();
    let second = Store::open(&url, Keyring::open_or_create(&keys).unwrap()).await.err().unwrap();
    assert!(matches!(second, OpenError::InUse(_)), "{second}");
    let mut tx = store.write().await.unwrap();
    let newer = "INSERT INTO _sqlx_migrations (version, description, installed_on, success, checksum, execution_time) SELECT 99, 'x', installed_on, success, checksum, 0 FROM _sqlx_migrations WHERE version = 1";
    tx.run(newer, &[]).await.unwrap();
    tx.commit().await.unwrap();
    drop(store);
    let newer = Store::open(&url, Keyring::open_or_create(&keys).unwrap()).await.err().unwrap();
    assert!(matches!(newer, OpenError::Newer(99)), "{newer}");

    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("test.db").display());
    drop(Store::open(&url, Keyring::ephemeral()).await.unwrap());
    let wrong = Store::open(&url, Keyring::ephemeral()).await.err().unwrap();
    assert!(matches!(wrong, OpenError::WrongKey), "{wrong}");
    let unwritable = Store::open("sqlite:/proc/nowhere/x.db", Keyring::ephemeral()).await.err().unwrap();
    assert!(matches!(unwritable, OpenError::NotWritable { .. }), "{unwritable}");
}
