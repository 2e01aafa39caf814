//! [`Ledger`] in SQL.

use std::collections::BTreeSet;

use lifecycle::breaker::counted_together;
use lifecycle::budget::{AppKey, Booked, Need, Pace};
use lifecycle::diagnosis::Diagnosis;
use lifecycle::facts::Facts;
use lifecycle::grant::{Event, Grant, Happening, State, step};
use lifecycle::ids::{AttemptId, GrantId, NodeId, OrganisationId};
use lifecycle::incident::Seen;
use lifecycle::ledger::{Claim, Commit, Committed, Held, Intent, Lease, Ledger, LedgerError, Phase, kept_for_later};
use lifecycle::time::{Span, Timestamp};
use lifecycle::words::Evidence;
use serde_json::json;

use crate::driver::{Row, StoreError, Tx, again, to_json};
use crate::events::{self, About, Actor};
use crate::grants::{accesses_of, read_grant, token_context, write, write_access};
use crate::seal::{open_tokens, seal_tokens};
use crate::standing::{profiles_of, settle_profiles};
use crate::{Dialect, Store, assets, grants, hold, incidents, new_profiles, rotations};

impl From<StoreError> for LedgerError {
    fn from(error: StoreError) -> Self {
        Self { is_final: error.is_final(), why: Box::new(error) }
    }
}

const CLAIM: &str = "UPDATE grants SET lease_node = $1, lease_until = $2, fence = fence + 1 WHERE id IN (";

impl Store {
    /// Reads claimed rows; one that cannot be unsealed is set aside and does not stop the others.
    async fn claims(&self, tx: &mut Tx, rows: Vec<Row>, now: Timestamp) -> Result<Vec<Claim>, StoreError> {
        // An UPDATE answers in no order; most urgent first.
        let mut rows = rows.into_iter().map(|row| Ok((row.opt_int("due_at")?, row))).collect::<Result<Vec<_>, StoreError>>()?;
        rows.sort_by_key(|(due_at, _)| due_at.unwrap_or(i64::MAX));
        let mut claims = vec![];
        for (_, row) in rows {
            match self.read_claim(tx, &row).await {
                Ok(claim) => claims.push(claim),
                Err(error @ (StoreError::Seal(_) | StoreError::Broken(_))) => set_aside(tx, &row, &error, now).await?,
                Err(other) => return Err(other),
            }
        }
        Ok(claims)
    }

    async fn read_claim(&self, tx: &mut Tx, row: &Row) -> Result<Claim, StoreError> {
        let grant = read_grant(row)?;
        let organisation: OrganisationId = row.parsed("organisation_id")?;
        let sealed = row.opt_bytes("sealed_tokens")?.ok_or_else(|| StoreError::Broken("the tokens are shredded".into()))?;
        let tokens = open_tokens(self.keys(), &token_context(grant.id.as_str(), organisation.as_str(), grant.generation), &sealed)?;
        let person = grants::person(tx, &grant.person).await?.ok_or_else(|| StoreError::Broken("a grant without a person".into()))?;
        let open = "SELECT id FROM attempts WHERE grant_id = $1 AND ended_at IS NULL AND phase = 'sent' ORDER BY sent_at DESC LIMIT 1";
        let open = tx.one(open, &[grant.id.as_str().into()]).await?.map(|row| row.parsed::<AttemptId>("id")).transpose()?;
        let lease =
            Lease { grant: grant.id.clone(), node: row.parsed("lease_node")?, fence: row.int("fence")?, until: row.time("lease_until")? };
        let accesses = accesses_of(tx, &grant.id).await?;
        Ok(Claim {
            lease,
            organisation,
            network: row.text("network")?,
            instance: row.text("instance")?,
            person_network_id: person.network_id,
            grant,
            tokens,
            accesses,
            open,
        })
    }

    async fn try_commit(&self, commit: &Commit) -> Result<Committed, StoreError> {
        let mut tx = self.write().await?;
        let id = &commit.grant.id;
        let lock = tx.dialect().for_update();
        let row = tx
            .one(
                &format!(
                    "SELECT organisation_id, network, state, lease_node, fence, generation, sealed_tokens, missing_scopes, seen_meanwhile \
                     FROM grants WHERE id = $1{lock}"
                ),
                &[id.as_str().into()],
            )
            .await?;
        let Some(row) = row else { return Ok(Committed::Superseded) };
        // The fence alone decides: a lease that ran out while the database was away still belongs to us as long as
        // nobody claimed the grant since.
        let ours = row.int("fence")? == commit.lease.fence && row.opt_text("lease_node")?.as_deref() == Some(commit.lease.node.as_str());
        if !ours || row.int("generation")? != commit.generation_before {
            tx.take_back().await?;
            return Ok(Committed::Superseded);
        }
        if commit.tokens.is_none() && commit.grant.generation != commit.generation_before {
            // The stored token set is sealed for its generation; counted on without a successor it would never open again.
            return Err(StoreError::Broken("a new generation without a new token set".into()));
        }
        let organisation: OrganisationId = row.parsed("organisation_id")?;
        let place = token_context(id.as_str(), organisation.as_str(), commit.grant.generation);
        let sealed = commit.tokens.as_ref().map(|tokens| seal_tokens(self.keys(), &place, tokens));
        write(&mut tx, &commit.grant, sealed, &commit.facts, commit.now).await?;
        if let Some(renewed) = &commit.tokens {
            self.compare_scopes(&mut tx, &organisation, &row, &commit.grant, renewed, commit.now).await?;
        }
        if !commit.keep_lease {
            tx.run("UPDATE grants SET lease_node = NULL, lease_until = NULL, seen_meanwhile = NULL WHERE id = $1", &[id.as_str().into()])
                .await?;
        }
        if let Some((attempt, ending)) = &commit.closes {
            // PREPARED rows of the same grant that a crash left behind are closed with it: nothing was spent by them.
            let sql = "UPDATE attempts SET ended_at = $2, ending = $3 WHERE grant_id = $1 AND ended_at IS NULL AND (id = $4 OR phase = 'prepared')";
            tx.run(sql, &[id.as_str().into(), commit.now.into(), ending.as_str().into(), attempt.as_str().into()]).await?;
        }
        let was_judged = matches!(row.json::<State>("state"), Ok(State::NeedsPerson(_)));
        rotations::count(&mut tx, &row.text("network")?, commit, was_judged).await?;
        record(&mut tx, &organisation, &commit.grant, &commit.happenings, commit.now).await?;
        if let Some(seen) = seen_meanwhile(&row)?.filter(|seen| commit.leaves_open(seen)) {
            let next = step(&commit.grant, &Event::Used(seen), &commit.facts, commit.now);
            write(&mut tx, &next.grant, None, &commit.facts, commit.now).await?;
            record(&mut tx, &organisation, &next.grant, &next.happenings, commit.now).await?;
        }
        record_accesses(&mut tx, &organisation, commit).await?;
        if let Some(listed) = &commit.listed {
            let new = assets::compare(&mut tx, &organisation, &commit.grant, listed, &Actor::Keeper, commit.now).await?;
            new_profiles::appeared(&mut tx, &organisation, &commit.grant, &new, &commit.facts, (commit.now, self.profile_limit)).await?;
        }
        let profiles = profiles_of(&mut tx, id).await?;
        let told = settle_profiles(&mut tx, &profiles, &commit.facts, commit.now, &Actor::Keeper, id.as_str()).await?;
        tx.commit().await?;
        Ok(Committed::Done { told })
    }
}

/// What was seen of the grant while somebody was at it.
pub(crate) fn seen_meanwhile(row: &Row) -> Result<Option<Diagnosis>, StoreError> {
    row.opt_text("seen_meanwhile")?.map(|_| row.json("seen_meanwhile")).transpose()
}

fn about(grant: &Grant) -> About {
    About { grant: Some(grant.id.clone()), person: Some(grant.person.clone()), ..About::default() }
}

/// What a step says happened, in the log.
pub(crate) async fn record(
    tx: &mut Tx,
    organisation: &OrganisationId,
    grant: &Grant,
    happenings: &[(Happening, Option<Evidence>)],
    now: Timestamp,
) -> Result<(), StoreError> {
    for (happening, evidence) in happenings {
        let detail = json!({ "evidence": evidence, "generation": grant.generation });
        events::append(tx, organisation, now, happening.as_str(), &Actor::Keeper, &about(grant), &detail).await?;
    }
    Ok(())
}

async fn record_accesses(tx: &mut Tx, organisation: &OrganisationId, commit: &Commit) -> Result<(), StoreError> {
    for (access, happening) in &commit.accesses {
        write_access(tx, access).await?;
        if let Some(happening) = happening {
            let about = About { profile: Some(access.profile.clone()), ..about(&commit.grant) };
            let detail = json!({ "role": access.role, "state": access.state });
            events::append(tx, organisation, commit.now, happening.as_str(), &Actor::Keeper, &about, &detail).await?;
        }
    }
    Ok(())
}

/// A row that cannot be read is looked at again in an hour; the log says so once per token set.
async fn set_aside(tx: &mut Tx, row: &Row, error: &StoreError, now: Timestamp) -> Result<(), StoreError> {
    let id: GrantId = row.parsed("id")?;
    let organisation: OrganisationId = row.parsed("organisation_id")?;
    tracing::error!(grant = %id, error = %error, "store: a grant cannot be read and is set aside for an hour");
    tx.run(
        "UPDATE grants SET due_at = $2, lease_node = NULL, lease_until = NULL WHERE id = $1",
        &[id.as_str().into(), (now + Span::hours(1)).into()],
    )
    .await?;
    let known = "SELECT id FROM events WHERE grant_id = $1 AND kind = 'grant.unreadable' AND at >= $2 LIMIT 1";
    if tx.one(known, &[id.as_str().into(), row.int("issued_at")?.into()]).await?.is_some() {
        return Ok(());
    }
    let about = About { grant: Some(id), ..About::default() };
    events::append(tx, &organisation, now, "grant.unreadable", &Actor::System, &about, &json!({ "error": error.to_string() })).await
}

/// Each is one transaction; the trait below runs it again when it met another one.
impl Store {
    async fn try_claim_due(&self, node: &NodeId, now: Timestamp, lease: Span, limit: u32) -> Result<Vec<Claim>, StoreError> {
        if limit == 0 {
            return Ok(vec![]);
        }
        let mut tx = self.write().await?;
        let sql = format!(
            "{CLAIM}SELECT id FROM grants WHERE due_at <= $3 AND (lease_until IS NULL OR lease_until <= $3) ORDER BY due_at LIMIT $4{}) RETURNING *",
            tx.dialect().skip_locked()
        );
        let rows = tx.all(&sql, &[node.as_str().into(), (now + lease).into(), now.into(), limit.into()]).await?;
        if rows.is_empty() {
            return Ok(vec![]);
        }
        let claims = self.claims(&mut tx, rows, now).await?;
        tx.commit().await?;
        Ok(claims)
    }

    async fn try_claim(&self, node: &NodeId, grant: &GrantId, now: Timestamp, lease: Span) -> Result<Option<Claim>, StoreError> {
        let mut tx = self.write().await?;
        let sql = format!(
            "{CLAIM}SELECT id FROM grants WHERE id = $4 AND (lease_until IS NULL OR lease_until <= $3){}) RETURNING *",
            tx.dialect().skip_locked()
        );
        let rows = tx.all(&sql, &[node.as_str().into(), (now + lease).into(), now.into(), grant.as_str().into()]).await?;
        let claim = self.claims(&mut tx, rows, now).await?.pop();
        tx.commit().await?;
        Ok(claim)
    }

    async fn try_intend(&self, intent: &Intent) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let lock = tx.dialect().for_update();
        let held = format!(
            "SELECT id FROM grants WHERE id = $1 AND lease_node = $2 AND fence = $3 AND generation = $4 AND lease_until > $5{lock}"
        );
        let lease = &intent.lease;
        let values =
            [lease.grant.as_str().into(), lease.node.as_str().into(), lease.fence.into(), intent.generation.into(), intent.at.into()];
        if tx.one(&held, &values).await?.is_none() {
            return Ok(false);
        }
        let sql = "INSERT INTO attempts (id, grant_id, generation, node, fence, phase, prepared_at, sent_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
                   ON CONFLICT (id) DO UPDATE SET phase = excluded.phase, sent_at = excluded.sent_at";
        let sent_at = (intent.phase == Phase::Sent).then_some(intent.at);
        let values = [
            intent.attempt.as_str().into(),
            lease.grant.as_str().into(),
            intent.generation.into(),
            lease.node.as_str().into(),
            lease.fence.into(),
            intent.phase.as_str().into(),
            intent.at.into(),
            sent_at.into(),
        ];
        tx.run(sql, &values).await?;
        tx.commit().await?;
        Ok(true)
    }

    async fn try_see_evidence(&self, id: &GrantId, diagnosis: &Diagnosis, facts: &Facts, now: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        let sql = format!("SELECT * FROM grants WHERE id = $1{}", tx.dialect().for_update());
        let Some(row) = tx.one(&sql, &[id.as_str().into()]).await? else { return Ok(()) };
        if row.opt_int("lease_until")?.is_some() {
            // Also a lease that ran out is not touched: its holder may still bring a new token set that must not be fenced off for a mere
            // observation.
            let Some(kept) = kept_for_later(seen_meanwhile(&row)?, diagnosis) else { return tx.take_back().await };
            tx.run("UPDATE grants SET seen_meanwhile = $2 WHERE id = $1", &[id.as_str().into(), to_json(&kept)?.into()]).await?;
            return tx.commit().await;
        }
        let organisation: OrganisationId = row.parsed("organisation_id")?;
        let next = step(&read_grant(&row)?, &Event::Used(diagnosis.clone()), facts, now);
        write(&mut tx, &next.grant, None, facts, now).await?;
        record(&mut tx, &organisation, &next.grant, &next.happenings, now).await?;
        let profiles = profiles_of(&mut tx, id).await?;
        settle_profiles(&mut tx, &profiles, facts, now, &Actor::Keeper, id.as_str()).await?;
        tx.commit().await
    }
}

fn count(row: Option<Row>) -> Result<u64, StoreError> {
    let n = row.map(|row| row.int("n")).transpose()?.unwrap_or(0);
    Ok(u64::try_from(n).unwrap_or(0))
}

/// Attempts without an end that nobody works on; of the grants only theirs are read, however many others there are.
pub const UNFINISHED: &str = "SELECT grant_id FROM attempts WHERE ended_at IS NULL AND phase = 'sent' \
     AND EXISTS (SELECT 1 FROM grants WHERE id = attempts.grant_id AND (lease_until IS NULL OR lease_until <= $1))";

impl Ledger for Store {
    async fn claim_due(&self, node: &NodeId, now: Timestamp, lease: Span, limit: u32) -> Result<Vec<Claim>, LedgerError> {
        Ok(again!(self.try_claim_due(node, now, lease, limit).await)?)
    }

    async fn claim(&self, node: &NodeId, grant: &GrantId, now: Timestamp, lease: Span) -> Result<Option<Claim>, LedgerError> {
        Ok(again!(self.try_claim(node, grant, now, lease).await)?)
    }

    async fn held(&self, grant: &GrantId, now: Timestamp) -> Result<Option<Held>, LedgerError> {
        let mut tx = self.read().await?;
        Ok(hold::held(&mut tx, grant, now).await?)
    }

    async fn intend(&self, intent: &Intent) -> Result<bool, LedgerError> {
        Ok(again!(self.try_intend(intent).await)?)
    }

    async fn commit(&self, commit: &Commit) -> Result<Committed, LedgerError> {
        Ok(again!(self.try_commit(commit).await)?)
    }

    async fn release(&self, lease: &Lease, again_at: Option<Timestamp>) -> Result<(), LedgerError> {
        Ok(again!(self.try_release(lease, again_at).await)?)
    }

    async fn extend(&self, lease: &Lease, now: Timestamp, until: Timestamp) -> Result<bool, LedgerError> {
        Ok(again!(self.try_extend(lease, now, until).await)?)
    }

    async fn catch_up(&self, now: Timestamp) -> Result<u32, LedgerError> {
        Ok(again!(self.try_catch_up(now).await)?)
    }

    async fn book_calls(&self, app: &AppKey, pace: &Pace, want: u32, need: Need, now: Timestamp) -> Result<Booked, LedgerError> {
        Ok(again!(self.try_book_calls(app, pace, want, need, now).await)?)
    }

    async fn unfinished(&self, node: &NodeId, now: Timestamp, lease: Span) -> Result<Vec<Claim>, LedgerError> {
        // A cheap look first: nearly always there is nothing.
        let mut look = self.read().await?;
        let open: BTreeSet<GrantId> =
            look.all(UNFINISHED, &[now.into()]).await?.iter().map(|row| row.parsed("grant_id")).collect::<Result<_, StoreError>>()?;
        drop(look);
        let mut claims = vec![];
        for grant in open {
            claims.extend(self.claim(node, &grant, now, lease).await?);
        }
        Ok(claims)
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, LedgerError> {
        let mut tx = self.read().await?;
        let row = tx.one("SELECT MIN(due_at) AS due_at FROM grants WHERE due_at IS NOT NULL AND lease_until IS NULL", &[]).await?;
        Ok(row.map(|row| row.opt_time("due_at")).transpose()?.flatten())
    }

    async fn refused(
        &self,
        organisation: &OrganisationId,
        network: &str,
        instance: &str,
        around: Timestamp,
    ) -> Result<(u64, u64), LedgerError> {
        let mut tx = self.read().await?;
        let of_app = [organisation.as_str().into(), network.into(), instance.into()];
        let all = "SELECT COUNT(*) AS n FROM grants WHERE organisation_id = $1 AND network = $2 AND instance = $3";
        let all = count(tx.one(all, &of_app).await?)?;
        let released_at = incidents::released_at(&mut tx, organisation, network, instance).await?;
        let Some((from, until)) = counted_together(around, released_at) else { return Ok((0, all)) };
        let [organisation, network, instance] = of_app;
        let refused = "SELECT COUNT(*) AS n FROM grants WHERE organisation_id = $1 AND network = $2 AND instance = $3 AND refused_at >= $4 AND refused_at <= $5";
        Ok((count(tx.one(refused, &[organisation, network, instance, from.into(), until.into()]).await?)?, all))
    }

    async fn note_health(&self, claim: &Claim, server: &str, seen: Seen, now: Timestamp) -> Result<bool, LedgerError> {
        Ok(again!(self.try_note_health(claim, server, seen, now).await)?)
    }

    async fn see_evidence(&self, grant: &GrantId, diagnosis: &Diagnosis, facts: &Facts, now: Timestamp) -> Result<(), LedgerError> {
        Ok(again!(self.try_see_evidence(grant, diagnosis, facts, now).await)?)
    }
}

impl Store {
    /// Gives back the leases that earlier lives of this very node left behind (RF-07). On SQLite nobody else can hold any; on
    /// PostgreSQL they are known by the node's name, which the caller keeps in a folder that is locked for this process.
    pub async fn reclaim_leases(&self, node: &NodeId) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        let (sql, values) = match tx.dialect() {
            Dialect::Sqlite => ("UPDATE grants SET lease_node = NULL, lease_until = NULL WHERE lease_node IS NOT NULL", vec![]),
            Dialect::Postgres => {
                ("UPDATE grants SET lease_node = NULL, lease_until = NULL WHERE lease_node = $1", vec![node.as_str().into()])
            }
        };
        tx.run(sql, &values).await?;
        if tx.dialect() == Dialect::Sqlite {
            tx.run("UPDATE outbox SET lease_until = NULL WHERE lease_until IS NOT NULL", &[]).await?;
        }
        tx.commit().await
    }
}
