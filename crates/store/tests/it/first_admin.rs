//! The link that makes the first admin: one for all servers, used once, and no second admin by it.

use std::time::Duration;

use lifecycle::ids::OrganisationId;
use lifecycle::permission::Role;
use lifecycle::secret::Secret;
use store::users::{self, NewUser};
use store::{Store, Tx, first_admin};

use crate::loops::T0;
use crate::{Fixture, each};

async fn make(tx: &mut Tx, of: &OrganisationId, email: &str, role: Role) {
    let new = NewUser { email, name: "Ada", role, language: "en", password_hash: None };
    users::insert(tx, of, &new, T0).await.unwrap();
}

/// An organisation without users.
async fn nobody(store: &Store) -> OrganisationId {
    let mut tx = store.write().await.unwrap();
    let (of, _) = users::first_organisation(&mut tx, "Test", T0).await.unwrap();
    tx.commit().await.unwrap();
    of
}

/// What a server prints that would choose this secret.
async fn printed(store: &Store, fresh: &str) -> Option<String> {
    let mut tx = store.write().await.unwrap();
    let secret = first_admin::secret(&mut tx, store.keys(), &Secret::new(fresh)).await.unwrap();
    tx.commit().await.unwrap();
    secret.map(|secret| secret.expose().to_owned())
}

async fn opens(store: &Store, shown: &str) -> bool {
    let mut tx = store.read().await.unwrap();
    first_admin::is(&mut tx, store.keys(), &Secret::new(shown)).await.unwrap()
}

async fn taken(tx: &mut Tx, store: &Store, shown: &str) -> bool {
    first_admin::take(tx, store.keys(), &Secret::new(shown)).await.unwrap()
}

#[tokio::test]
async fn every_server_prints_the_same_link_until_it_was_used() {
    for Fixture { store, .. } in each().await {
        let of = nobody(&store).await;
        assert!(!opens(&store, "secret one").await, "none was printed yet");
        assert_eq!(printed(&store, "secret one").await.as_deref(), Some("secret one"));
        assert_eq!(printed(&store, "secret two").await.as_deref(), Some("secret one"));
        assert!(opens(&store, "secret one").await && opens(&store, "secret one").await && !opens(&store, "secret two").await);
        let row = store.read().await.unwrap().all("SELECT value FROM installation", &[]).await.unwrap();
        assert!(row.iter().all(|row| !row.text("value").unwrap().contains("secret one")), "sealed");

        // Whoever breaks off has used nothing; a link that was never printed uses nothing.
        let mut tx = store.write().await.unwrap();
        assert!(!taken(&mut tx, &store, "secret two").await);
        assert!(taken(&mut tx, &store, "secret one").await);
        drop(tx);
        assert!(opens(&store, "secret one").await);
        // Who is no admin ends no link.
        let mut tx = store.write().await.unwrap();
        make(&mut tx, &of, "viewer@example.com", Role::Viewer).await;
        tx.commit().await.unwrap();
        assert!(opens(&store, "secret one").await);

        // In the moment in which one uses it, another server starts, and somebody else wants to use it.
        let mut tx = store.write().await.unwrap();
        assert!(taken(&mut tx, &store, "secret one").await);
        make(&mut tx, &of, "ada@example.com", Role::CompanyAdmin).await;
        let (starts, uses) = (store.clone(), store.clone());
        let starts = tokio::spawn(async move { printed(&starts, "secret three").await });
        let uses = tokio::spawn(async move {
            let mut tx = uses.write().await.unwrap();
            taken(&mut tx, &uses, "secret one").await
        });
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert!(!starts.is_finished() && !uses.is_finished(), "they wait");
        tx.commit().await.unwrap();
        assert_eq!((starts.await.unwrap(), uses.await.unwrap()), (None, false));
        assert!(!opens(&store, "secret one").await && !opens(&store, "secret three").await);
    }
}

#[tokio::test]
async fn an_admin_who_was_made_otherwise_ends_the_link() {
    for Fixture { store, .. } in each().await {
        let of = nobody(&store).await;
        assert_eq!(printed(&store, "secret one").await.as_deref(), Some("secret one"));
        let mut tx = store.write().await.unwrap();
        make(&mut tx, &of, "ada@example.com", Role::CompanyAdmin).await;
        tx.commit().await.unwrap();
        assert!(!opens(&store, "secret one").await);
        let mut tx = store.write().await.unwrap();
        assert!(!taken(&mut tx, &store, "secret one").await);
        drop(tx);
        assert_eq!(printed(&store, "secret two").await, None);
    }
}
