//! What is known without reading is what would be read.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use lifecycle::ids::{ApiKeyId, OrganisationId};
use lifecycle::permission::Permission;
use lifecycle::secret::Secret;
use serde_json::json;
use store::api_keys::{self, ApiKey, NewApiKey};
use store::audit::{self, Entry};
use store::events::{self, About, Actor};
use store::{Store, StoreError, Tx};

use crate::loops::{T0, organisation};
use crate::{Fixture, each};

async fn key(store: &Store, organisation: &OrganisationId) -> ApiKeyId {
    let mut tx = store.write().await.unwrap();
    let permissions: [Permission; 1] = ["tokens:read".parse().unwrap()];
    let new = NewApiKey { name: "tool", permissions: &permissions, created_by: None, expires_at: None };
    let id = api_keys::create(&mut tx, organisation, &new, &Secret::new("secret"), T0).await.unwrap();
    tx.commit().await.unwrap();
    id
}

/// The key, and how often it was really read.
struct Looked<'a> {
    organisation: &'a OrganisationId,
    id: &'a ApiKeyId,
    reads: AtomicI64,
}

impl Looked<'_> {
    async fn read(&self, tx: &mut Tx) -> Result<Option<ApiKey>, StoreError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        api_keys::by_id(tx, self.organisation, self.id).await
    }

    /// By itself.
    async fn alone(&self, store: &Store) -> ApiKey {
        store.known("key".to_owned(), async |tx| self.read(tx).await).await.unwrap().unwrap()
    }

    /// In a transaction that writes.
    async fn within(&self, tx: &mut Tx) -> ApiKey {
        tx.known("key".to_owned(), async |tx| self.read(tx).await).await.unwrap().unwrap()
    }

    fn reads(&self) -> i64 {
        self.reads.load(Ordering::Relaxed)
    }
}

fn note(store: &Store, tx: &mut Tx, organisation: &OrganisationId) {
    note_of(store, tx, organisation, &json!({}));
}

fn note_of(store: &Store, tx: &mut Tx, organisation: &OrganisationId, detail: &serde_json::Value) {
    let entry = Entry {
        at: T0,
        organisation,
        actor: &Actor::System,
        act: "tokens:read",
        profile: None,
        grant: None,
        under: None,
        detail: json!({}),
    };
    store.audit(tx, entry).into_inner().unwrap();
    events::append(tx, organisation, T0, "act.token.begun", &Actor::System, &About::default(), detail).into_inner().unwrap();
}

#[tokio::test]
async fn what_is_known_is_read_once_until_something_is_changed_and_lines_of_logs_change_nothing() {
    for Fixture { store, folder: _folder } in each().await {
        let (organisation, _) = organisation(&store).await;
        let id = key(&store, &organisation).await;
        let looked = Looked { organisation: &organisation, id: &id, reads: AtomicI64::new(0) };
        for _ in 0..3 {
            looked.alone(&store).await;
            let mut tx = store.write().await.unwrap();
            looked.within(&mut tx).await;
            note(&store, &mut tx, &organisation);
            tx.commit().await.unwrap();
        }
        // With several nodes nobody can know.
        let alone = store.read().await.unwrap().is_alone();
        assert_eq!(looked.reads(), if alone { 1 } else { 6 }, "{}", store.describe());
        let mut tx = store.write().await.unwrap();
        tx.run("UPDATE users SET name = name", &[]).await.unwrap();
        tx.commit().await.unwrap();
        looked.alone(&store).await;
        assert_eq!(looked.reads(), if alone { 2 } else { 7 }, "anything else may be what it rests on");
    }
}

#[tokio::test]
async fn nt_14_a_change_is_known_in_its_own_transaction_to_those_behind_it_and_to_all_once_it_is_durable() {
    for Fixture { store, folder: _folder } in each().await {
        let (organisation, _) = organisation(&store).await;
        let id = key(&store, &organisation).await;
        let looked = Looked { organisation: &organisation, id: &id, reads: AtomicI64::new(0) };
        assert!(looked.alone(&store).await.revoked_at.is_none());
        let mut tx = store.write().await.unwrap();
        assert!(looked.within(&mut tx).await.revoked_at.is_none());
        api_keys::revoke(&mut tx, &organisation, &id, T0).await.unwrap();
        assert!(looked.within(&mut tx).await.revoked_at.is_some(), "its own change, not durable yet");
        assert!(looked.alone(&store).await.revoked_at.is_none(), "nobody else sees it yet: {}", store.describe());
        drop(tx);
        let mut tx = store.write().await.unwrap();
        assert!(looked.within(&mut tx).await.revoked_at.is_none(), "it was taken back");
        api_keys::revoke(&mut tx, &organisation, &id, T0).await.unwrap();
        // Whoever comes behind in the same group: what is not durable yet counts for them, since they become durable together. (A server's
        // transactions do not wait for each other.)
        let behind = async {
            let mut tx = store.write().await.unwrap();
            let seen = looked.within(&mut tx).await.revoked_at.is_some() || !tx.is_alone();
            tx.commit().await.unwrap();
            seen
        };
        let (committed, seen) = tokio::join!(tx.commit(), behind);
        committed.unwrap();
        assert!(seen, "{}", store.describe());
        assert!(looked.alone(&store).await.revoked_at.is_some(), "{}", store.describe());
    }
}

#[tokio::test]
async fn nt_14_lines_are_noted_without_a_turn_only_while_what_they_were_decided_on_stands() {
    for Fixture { store, folder: _folder } in each().await {
        let (organisation, _) = organisation(&store).await;
        let id = key(&store, &organisation).await;
        let looked = Looked { organisation: &organisation, id: &id, reads: AtomicI64::new(0) };
        looked.alone(&store).await;
        let alone = store.read().await.unwrap().is_alone();
        // While somebody else has the turn and has changed nothing yet.
        let mut tx = store.note().await.unwrap();
        looked.within(&mut tx).await;
        note(&store, &mut tx, &organisation);
        let mut turn = store.write().await.unwrap();
        api_keys::by_id(&mut turn, &organisation, &id).await.unwrap();
        let written = async {
            tokio::task::yield_now().await;
            drop(turn);
        };
        let (noted, ()) = tokio::join!(tx.commit(), written);
        noted.unwrap();
        assert_eq!(looked.reads(), if alone { 1 } else { 2 });
        if alone {
            // A change that is not durable, one that was taken back, and one that is durable.
            for fate in ["open", "taken back", "durable"] {
                looked.alone(&store).await;
                let mut begun = vec![];
                for _ in 0..2 {
                    let mut tx = store.note().await.unwrap();
                    assert!(looked.within(&mut tx).await.revoked_at.is_none(), "{fate}");
                    note(&store, &mut tx, &organisation);
                    begun.push(tx);
                }
                let mut turn = store.write().await.unwrap();
                api_keys::revoke(&mut turn, &organisation, &id, T0).await.unwrap();
                let mut kept = None;
                match fate {
                    "open" => kept = Some(turn),
                    "taken back" => drop(turn),
                    _ => turn.commit().await.unwrap(),
                }
                let second = begun.pop().unwrap();
                // It would wait for whoever has the turn, if it were let in.
                let first = tokio::time::timeout(Duration::from_secs(10), begun.pop().unwrap().commit()).await;
                assert!(matches!(first, Ok(Err(StoreError::Stale))), "{fate}: {first:?}");
                drop(kept);
                // The same for one that asks something after it.
                let mut second = second;
                let asked = second.run("SELECT 1", &[]).await;
                if fate == "durable" {
                    assert!(matches!(asked, Err(StoreError::Stale)) && second.is_stale(), "{asked:?}");
                }
            }
            let mut tx = store.note().await.unwrap();
            assert!(looked.within(&mut tx).await.revoked_at.is_some());
        }
        let verified = store.verify_audit(&mut store.read().await.unwrap(), &[]).await.unwrap();
        assert!(verified.findings.is_empty() && verified.rows == 1, "{}: {verified:?}", store.describe());
    }
}

/// Many at once read what others count up; what somebody was told is durable is never unknown to whoever asks afterwards.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_was_answered_as_stored_is_known_from_then_on() {
    for Fixture { store, folder: _folder } in each().await {
        let (organisation, _) = organisation(&store).await;
        let id = key(&store, &organisation).await;
        let (store, stored) = (Arc::new(store), Arc::new(AtomicI64::new(0)));
        let counting = {
            let (store, stored, organisation, id) = (Arc::clone(&store), Arc::clone(&stored), organisation.clone(), id.clone());
            tokio::spawn(async move {
                for n in 1..=200 {
                    let mut tx = store.write().await.unwrap();
                    let name = format!("{n:03}");
                    tx.run("UPDATE api_keys SET name = $2 WHERE id = $1", &[id.as_str().into(), name.into()]).await.unwrap();
                    note_of(&store, &mut tx, &organisation, &json!({ "is": n }));
                    tx.commit().await.unwrap();
                    stored.store(n, Ordering::SeqCst);
                }
            })
        };
        let reading: Vec<_> = (0..8)
            .map(|n| {
                let (store, stored, organisation, id) = (Arc::clone(&store), Arc::clone(&stored), organisation.clone(), id.clone());
                tokio::spawn(async move {
                    let looked = Looked { organisation: &organisation, id: &id, reads: AtomicI64::new(0) };
                    while stored.load(Ordering::SeqCst) < 200 {
                        let least = stored.load(Ordering::SeqCst);
                        let seen = if n % 2 == 0 { number(&looked.alone(&store).await) } else { noted(&store, &looked, n % 4 == 1).await };
                        assert!(seen >= least, "{least} was stored, and {seen} is known");
                        tokio::task::yield_now().await;
                    }
                })
            })
            .collect();
        counting.await.unwrap();
        for task in reading {
            task.await.unwrap();
        }
        let verified = store.verify_audit(&mut store.read().await.unwrap(), &[]).await.unwrap();
        let mut tx = store.read().await.unwrap();
        let written = events::after(&mut tx, &organisation, 0, 1_000_000).await.unwrap();
        assert!(verified.findings.is_empty() && verified.rows >= 200, "{}", store.describe());
        assert_eq!(written.last().map(|event| event.position), Some(verified.rows), "one event for each row: {}", store.describe());
        // On a file the log says it exactly: each line was decided on what the lines before it had made of it.
        let mut is = 0;
        for event in written.iter().filter(|_| tx.is_alone()) {
            match (event.detail["is"].as_i64(), event.detail["saw"].as_i64()) {
                (Some(changed), _) => is = changed,
                (_, saw) => assert_eq!(saw, Some(is), "at {}", event.position),
            }
        }
    }
}

fn number(key: &ApiKey) -> i64 {
    key.name.parse().unwrap_or(0)
}

/// What the key is called, and a line that says so; `turn`: in a turn of its own.
async fn noted(store: &Store, looked: &Looked<'_>, turn: bool) -> i64 {
    let mut turn = turn;
    loop {
        let mut tx = if turn { store.write().await.unwrap() } else { store.note().await.unwrap() };
        let seen = tx.known("key".to_owned(), async |tx| looked.read(tx).await).await;
        if let Ok(seen) = seen {
            let saw = number(&seen.unwrap());
            note_of(store, &mut tx, looked.organisation, &json!({ "saw": saw }));
            match tx.commit().await {
                Err(StoreError::Stale) => {}
                done => return done.map(|()| saw).unwrap(),
            }
        }
        turn = true;
    }
}

#[tokio::test]
async fn lines_of_a_transaction_that_was_taken_back_are_not_written_and_those_who_read_the_logs_see_all_before_them() {
    for Fixture { store, folder: _folder } in each().await {
        let (organisation, _) = organisation(&store).await;
        for n in 1..=20 {
            let mut tx = store.write().await.unwrap();
            note(&store, &mut tx, &organisation);
            drop(tx);
            let mut tx = store.write().await.unwrap();
            note(&store, &mut tx, &organisation);
            let last = events::newest(&mut tx, &organisation, 1).await.unwrap();
            assert_eq!(last.first().map(|event| event.position), Some(n), "its own line: {}", store.describe());
            assert_eq!(audit::anchor(&mut tx).await.unwrap().position, n);
            tx.commit().await.unwrap();
        }
        let verified = store.verify_audit(&mut store.read().await.unwrap(), &[]).await.unwrap();
        assert!(verified.findings.is_empty() && verified.rows == 20, "{}", store.describe());
    }
}
