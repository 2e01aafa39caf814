//! How many renewals can be made durable, beside what SQLite alone can commit on the same disk.

use std::path::Path;
use std::time::{Duration, Instant};

use lifecycle::facts::Facts;
use lifecycle::grant::{Clocks, Event, step};
use lifecycle::ids::NodeId;
use lifecycle::ledger::{Commit, Ending, Intent, Ledger as _, Phase};
use lifecycle::secret::{Secret, TokenSet};
use lifecycle::time::Span;
use store::{Store, ids};

use crate::house::House;
use crate::load::count;

const LONG: Duration = Duration::from_secs(3);

/// Bare commits and whole renewals, per second.
pub(crate) async fn measure(house: &House, folder: &Path) -> anyhow::Result<(f64, f64)> {
    Ok((bare(folder).await?, renewals(house).await?))
}

/// One small row per transaction, in a database of its own with the same settings.
async fn bare(folder: &Path) -> anyhow::Result<f64> {
    let url = format!("sqlite:{}", folder.join("bare.db").display());
    let store = Store::open(&url, store::seal::Keyring::ephemeral()).await?;
    let (began, mut done) = (Instant::now(), 0);
    while began.elapsed() < LONG {
        let mut tx = store.write().await?;
        tx.run("INSERT INTO counters (name, value) VALUES ($1, 0)", &[format!("n{done}").into()]).await?;
        tx.commit().await?;
        done += 1;
    }
    Ok(count(done) / began.elapsed().as_secs_f64())
}

/// Claim, intent PREPARED, intent SENT, commit: what a renewal writes when the network answers at once.
async fn renewals(house: &House) -> anyhow::Result<f64> {
    let (store, now, facts) = (&house.app.store, house.app.now(), Facts::unknown());
    let node: NodeId = ids::fresh();
    let mut tx = store.read().await?;
    let grants = tx.all("SELECT id FROM grants ORDER BY id", &[]).await?;
    drop(tx);
    let (began, mut done) = (Instant::now(), 0);
    while began.elapsed() < LONG {
        let grant = grants[done % grants.len()].parsed("id")?;
        let Some(claim) = store.claim(&node, &grant, now, Span::seconds(180)).await? else { anyhow::bail!("the grant is held") };
        let intent =
            |phase| Intent { attempt: ids::fresh(), lease: claim.lease.clone(), generation: claim.grant.generation, phase, at: now };
        let prepared = intent(Phase::Prepared);
        store.intend(&prepared).await?;
        store.intend(&Intent { phase: Phase::Sent, ..prepared.clone() }).await?;
        let clocks = Clocks { access_until: Some(now + Span::days(60)), ..Clocks::default() };
        let next = step(&claim.grant, &Event::Renewed { clocks }, &facts, now);
        let tokens = TokenSet::bearer(Secret::new("access"), Some(Secret::new("refresh")), vec![]);
        let commit = Commit {
            lease: claim.lease.clone(),
            generation_before: claim.grant.generation,
            grant: next.grant,
            tokens: Some(tokens),
            accesses: vec![],
            listed: None,
            closes: Some((prepared.attempt, Ending::Renewed)),
            happenings: next.happenings,
            facts: facts.clone(),
            now,
            keep_lease: false,
        };
        store.commit(&commit).await?;
        done += 1;
    }
    Ok(count(done) / began.elapsed().as_secs_f64())
}
