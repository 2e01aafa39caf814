//! The audit: whatever is done to it afterwards is found.

use std::collections::BTreeSet;

use lifecycle::ids::{OrganisationId, ProfileId};
use lifecycle::secret::Secret;
use lifecycle::time::{Span, Timestamp};
use serde_json::json;
use store::audit::{self, Anchor, Entry, Search, Verified};
use store::events::Actor;
use store::{Store, Tx, Value};

use crate::loops::{T0, organisation};
use crate::{Fixture, each};

async fn write(store: &Store, organisation: &OrganisationId, n: i64, at: Timestamp) {
    let profile = ProfileId::from_u128(u128::try_from(n % 3).unwrap());
    let actor = Actor::ApiKey { id: format!("key_{}", n % 2), name: "tool\0".into() };
    let under = (n % 4 != 0).then(|| "posts:write".to_owned());
    let entry = Entry {
        at,
        organisation,
        actor: &actor,
        act: "posts:write",
        profile: Some(&profile),
        grant: None,
        under,
        detail: json!({ "n": n, "odd": "\0" }),
    };
    let mut tx = store.write().await.unwrap();
    store.audit(&mut tx, entry).await.unwrap();
    tx.commit().await.unwrap();
}

async fn fill(store: &Store, rows: i64) -> OrganisationId {
    let (organisation, _) = organisation(store).await;
    for n in 0..rows {
        write(store, &organisation, n, T0 + Span::seconds(n)).await;
    }
    organisation
}

async fn verified(store: &Store, anchors: &[Anchor]) -> Verified {
    store.verify_audit(&mut store.read().await.unwrap(), anchors).await.unwrap()
}

/// A small generator of a fixed row, so that a failure comes again.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: i64) -> i64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i64::try_from(self.0 >> 33).unwrap() % n
    }
}

#[tokio::test]
async fn what_is_written_is_whole_and_found_again() {
    for Fixture { store, .. } in each().await {
        let empty = verified(&store, &[]).await;
        assert!(empty.findings.is_empty() && empty.anchor == Anchor { position: 0, hash: String::new() });
        let organisation = fill(&store, 12).await;
        let whole = verified(&store, std::slice::from_ref(&empty.anchor)).await;
        assert_eq!((whole.rows, whole.findings.len(), whole.clock_went_back_at.len()), (12, 0, 0), "{}", store.describe());
        let mut tx = store.read().await.unwrap();
        assert_eq!(audit::anchor(&mut tx).await.unwrap(), whole.anchor);
        let all = audit::after(&mut tx, &organisation, 0, 100).await.unwrap();
        assert!(all.iter().zip(1..).all(|(row, position)| row.position == position));
        // Anybody can check the chain of an export, without a key.
        let hashes = all.iter().scan(String::new(), |before, row| Some(std::mem::replace(before, row.hash.clone())));
        assert!(all.iter().zip(hashes).all(|(row, before)| row.hash == row.hash_after(&before)));
        let found = audit::search(&mut tx, &organisation, &Search { q: Some("KEY_1".into()), before: Some(9), ..Search::default() }, 2)
            .await
            .unwrap();
        assert_eq!(found.iter().map(|row| row.position).collect::<Vec<_>>(), [8, 6]);
        assert!(audit::after(&mut tx, &store::ids::fresh(), 0, 10).await.unwrap().is_empty(), "another tenant sees nothing");
        drop(tx);
        // A clock that was set back is told; the rows are whole.
        write(&store, &organisation, 12, T0).await;
        let told = verified(&store, &[whole.anchor]).await;
        assert_eq!((told.findings.len(), told.clock_went_back_at), (0, vec![13]));
        let (one, two) = (store.fingerprint(&Secret::new("a")), store.fingerprint(&Secret::new("b")));
        assert!(one != two && one == store.fingerprint(&Secret::new("a")) && one.len() == 22);
    }
}

#[tokio::test]
async fn rows_from_many_at_once_make_one_chain() {
    for Fixture { store, .. } in each().await {
        let (organisation, _) = organisation(&store).await;
        futures_util::future::join_all((0..200).map(|n| write(&store, &organisation, n, T0))).await;
        let rows = audit::after(&mut store.read().await.unwrap(), &organisation, 0, 1_000).await.unwrap();
        assert_eq!(rows.iter().map(|row| row.position).collect::<Vec<_>>(), (1..=200).collect::<Vec<_>>());
        let each: BTreeSet<&str> = rows.iter().map(|row| row.detail.as_str()).collect();
        assert_eq!(each.len(), 200, "each row once");
        assert!(verified(&store, &[]).await.findings.is_empty(), "{}", store.describe());
    }
}

/// One way to falsify, in words.
async fn tamper(tx: &mut Tx, dice: &mut Dice, rows: i64) -> String {
    let columns = ["at", "organisation_id", "actor", "act", "profile_id", "grant_id", "under", "detail", "hash", "mac"];
    let (position, other) = (1 + dice.below(rows), 1 + dice.below(rows));
    match dice.below(6) {
        0 | 1 => {
            let column = columns[usize::try_from(dice.below(10)).unwrap()];
            let change = if column == "at" { "at + 1".to_owned() } else { format!("COALESCE({column}, '') || 'x'") };
            tx.run(&format!("UPDATE audit SET {column} = {change} WHERE position = $1"), &[position.into()]).await.unwrap();
            format!("{column} of {position} changed")
        }
        2 => {
            tx.run("DELETE FROM audit WHERE position = $1", &[position.into()]).await.unwrap();
            format!("{position} removed")
        }
        3 if position != other => {
            // Two rows change places.
            for (from, to) in [(position, -1), (other, position), (-1, other)] {
                tx.run("UPDATE audit SET position = $2 WHERE position = $1", &[from.into(), to.into()]).await.unwrap();
            }
            format!("{position} and {other} swapped")
        }
        4 => {
            // The tail is cut off together with its counter: only an anchor can tell.
            tx.run("DELETE FROM audit WHERE position >= $1", &[position.into()]).await.unwrap();
            tx.run("UPDATE counters SET value = $1 WHERE name = 'audit'", &[(position - 1).into()]).await.unwrap();
            format!("cut off from {position}")
        }
        _ => {
            // A chain made anew, with right hashes, by somebody without the key.
            let all = tx.all("SELECT organisation_id FROM audit WHERE position = 1", &[]).await.unwrap();
            let organisation: OrganisationId = all[0].parsed("organisation_id").unwrap();
            let mut all = audit::after(tx, &organisation, 0, 100).await.unwrap();
            let at = usize::try_from(position - 1).unwrap();
            all[at].detail = "{\"n\":0}".into();
            all[at].act = "forged".into();
            for n in at..all.len() {
                let before = if n == 0 { String::new() } else { all[n - 1].hash.clone() };
                all[n].hash = all[n].hash_after(&before);
                let values: [Value; 4] = [all[n].position.into(), (&all[n].hash).into(), (&all[n].detail).into(), (&all[n].act).into()];
                tx.run("UPDATE audit SET hash = $2, detail = $3, act = $4 WHERE position = $1", &values).await.unwrap();
            }
            format!("rewritten from {position}")
        }
    }
}

/// NT-33: ten thousand random falsifications on SQLite, a thousand on PostgreSQL: every single one is found.
#[tokio::test]
async fn nt_33_every_tampering_is_found() {
    const ROWS: i64 = 12;
    for (Fixture { store, .. }, rounds) in each().await.into_iter().zip([10_000, 1_000]) {
        fill(&store, ROWS).await;
        let anchor = verified(&store, &[]).await.anchor;
        let mut dice = Dice(33);
        for round in 0..rounds {
            // Looked at from inside, and taken back with the transaction.
            let mut tx = store.write().await.unwrap();
            let done = tamper(&mut tx, &mut dice, ROWS).await;
            let verified = store.verify_audit(&mut tx, std::slice::from_ref(&anchor)).await.unwrap();
            assert!(!verified.findings.is_empty(), "round {round} on {}: {done}", store.describe());
        }
        assert!(verified(&store, &[anchor]).await.findings.is_empty(), "taken back, all is whole");
    }
}
