//! How many renewals can be made durable, beside what SQLite alone can commit on the same disk.

use std::path::Path;
use std::time::{Duration, Instant};

use lifecycle::facts::Facts;
use lifecycle::grant::{Clocks, Event, step};
use lifecycle::ids::{GrantId, NodeId};
use lifecycle::ledger::{Commit, Ending, Intent, Ledger as _, Phase};
use lifecycle::secret::{Secret, TokenSet};
use lifecycle::time::{Span, Timestamp};
use store::{Store, ids};

use crate::house::House;
use crate::load::count;

const LONG: Duration = Duration::from_secs(3);

/// How many renewals the keeper works on at once, unless it is told otherwise.
const AT_ONCE: usize = 16;

/// What was measured, each per second.
pub(crate) struct Durable {
    /// Bare commits, one after the other.
    pub(crate) bare: f64,
    /// Whole renewals, one after the other.
    pub(crate) alone: f64,
    /// Whole renewals, as many at once as the keeper works on.
    pub(crate) together: f64,
}

/// Measures all three.
pub(crate) async fn measure(house: &House, folder: &Path) -> anyhow::Result<Durable> {
    Ok(Durable { bare: bare(folder).await?, alone: renewals(house, 1).await?, together: renewals(house, AT_ONCE).await? })
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

/// So many renewals at once, each of grants of its own.
async fn renewals(house: &House, at_once: usize) -> anyhow::Result<f64> {
    let mut tx = house.app.store.read().await?;
    let rows = tx.all("SELECT id FROM grants ORDER BY id", &[]).await?;
    drop(tx);
    let grants = rows.iter().map(|row| row.parsed("id")).collect::<Result<Vec<GrantId>, _>>()?;
    let began = Instant::now();
    let mut workers = tokio::task::JoinSet::new();
    for worker in 0..at_once {
        let (store, now) = (house.app.store.clone(), house.app.now());
        let grants: Vec<GrantId> = grants.iter().skip(worker).step_by(at_once).cloned().collect();
        workers.spawn(async move {
            let (node, mut done) = (ids::fresh(), 0);
            while began.elapsed() < LONG {
                renew(&store, &node, &grants[done % grants.len()], now).await?;
                done += 1;
            }
            anyhow::Ok(done)
        });
    }
    let mut done = 0;
    while let Some(worker) = workers.join_next().await {
        done += worker??;
    }
    Ok(count(done) / began.elapsed().as_secs_f64())
}

/// Claim, intent PREPARED, intent SENT, commit: what a renewal writes when the network answers at once.
async fn renew(store: &Store, node: &NodeId, grant: &GrantId, now: Timestamp) -> anyhow::Result<()> {
    let facts = Facts::unknown();
    let Some(claim) = store.claim(node, grant, now, Span::seconds(180)).await? else { anyhow::bail!("the grant is held") };
    let intent = |phase| Intent { attempt: ids::fresh(), lease: claim.lease.clone(), generation: claim.grant.generation, phase, at: now };
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
    Ok(())
}
