//! Leases, fences, the journal.

use std::collections::BTreeSet;

use lifecycle::diagnosis::Diagnosis;
use lifecycle::grant::{Clocks, Event};
use lifecycle::ids::NodeId;
use lifecycle::ledger::{Committed, Ending, Intent, Ledger, Phase};
use lifecycle::secret::{Secret, TokenSet};
use lifecycle::time::Span;
use lifecycle::words::Source;
use store::ids;

use crate::loops::{T0, claim, commit_of, connect, facts, organisation};
use crate::{Fixture, count, each, run};

#[tokio::test]
async fn eight_claimers_never_share_a_grant() {
    for Fixture { store, .. } in each().await {
        let (organisation, _) = organisation(&store).await;
        for person in 0..24 {
            connect(&store, &organisation, &format!("person{person}"), &[&format!("page{person}")], T0).await;
        }
        let later = T0 + Span::days(1);
        let tasks: Vec<_> = (0..8)
            .map(|_| {
                let store = store.clone();
                tokio::spawn(async move { store.claim_due(&ids::fresh(), later, Span::seconds(180), 5).await.unwrap() })
            })
            .collect();
        let mut seen = BTreeSet::new();
        for task in tasks {
            for claim in task.await.unwrap() {
                assert!(seen.insert(claim.grant.id.clone()), "{} was claimed twice on {}", claim.grant.id, store.describe());
            }
        }
        assert_eq!(seen.len(), 24);
    }
}

#[tokio::test]
async fn an_old_fence_writes_nothing() {
    for Fixture { store, .. } in each().await {
        let (organisation, _) = organisation(&store).await;
        connect(&store, &organisation, "jana", &["1"], T0).await;
        let later = T0 + Span::days(1);
        let (first, second): (NodeId, NodeId) = (ids::fresh(), ids::fresh());
        let old = claim(&store, &first, later).await.remove(0);
        assert!(claim(&store, &second, later).await.is_empty(), "leased");
        let after_lease = later + Span::seconds(181);
        let new = claim(&store, &second, after_lease).await.remove(0);
        assert!(new.lease.fence > old.lease.fence);
        let event = Event::Renewed { clocks: Clocks::default() };
        let mut late = commit_of(&old, &event, after_lease);
        late.tokens = Some(TokenSet::bearer(Secret::new("zombie"), None, vec![]));
        assert_eq!(store.commit(&late).await.unwrap(), Committed::Superseded);
        let intent = Intent {
            attempt: ids::fresh(),
            lease: old.lease.clone(),
            generation: old.grant.generation,
            phase: Phase::Prepared,
            at: after_lease,
        };
        assert!(!store.intend(&intent).await.unwrap());
        let mut good = commit_of(&new, &event, after_lease);
        good.tokens = Some(TokenSet::bearer(Secret::new("successor"), None, vec![]));
        assert!(matches!(store.commit(&good).await.unwrap(), Committed::Done { .. }));
        let next = claim(&store, &first, after_lease + Span::days(70)).await.remove(0);
        assert_eq!((next.tokens.access_token.expose(), next.grant.generation), ("successor", 2));
    }
}

#[tokio::test]
async fn nt_07_a_reconnect_wins_over_a_running_renewal() {
    for Fixture { store, .. } in each().await {
        let (organisation, _) = organisation(&store).await;
        connect(&store, &organisation, "jana", &["1"], T0).await;
        let later = T0 + Span::days(1);
        let running = claim(&store, &ids::fresh(), later).await.remove(0);
        connect(&store, &organisation, "jana", &["1"], later).await;
        let mut late = commit_of(&running, &Event::Renewed { clocks: Clocks::default() }, later);
        late.tokens = Some(TokenSet::bearer(Secret::new("old answer"), None, vec![]));
        assert_eq!(store.commit(&late).await.unwrap(), Committed::Superseded);
    }
}

#[tokio::test]
async fn an_attempt_left_sent_is_found_again_and_one_left_prepared_is_harmless() {
    for Fixture { store, .. } in each().await {
        let (organisation, _) = organisation(&store).await;
        connect(&store, &organisation, "jana", &["1"], T0).await;
        let later = T0 + Span::days(1);
        let node: NodeId = ids::fresh();
        let held = claim(&store, &node, later).await.remove(0);
        let mut intent = Intent {
            attempt: ids::fresh(),
            lease: held.lease.clone(),
            generation: held.grant.generation,
            phase: Phase::Prepared,
            at: later,
        };
        assert!(store.intend(&intent).await.unwrap());
        let after = later + Span::seconds(181);
        assert!(store.unfinished(&node, after, Span::seconds(180)).await.unwrap().is_empty(), "prepared is harmless");
        intent.phase = Phase::Sent;
        assert!(store.intend(&intent).await.unwrap());
        let found = store.unfinished(&ids::fresh(), after, Span::seconds(180)).await.unwrap().remove(0);
        assert_eq!(found.open.as_ref(), Some(&intent.attempt));
        let evidence = lifecycle::words::Evidence::by_clock(after, "stopped");
        let mut commit = commit_of(&found, &Event::RenewLost(evidence), after);
        commit.closes = Some((intent.attempt.clone(), Ending::AnswerLost));
        assert!(matches!(store.commit(&commit).await.unwrap(), Committed::Done { .. }));
        assert!(store.unfinished(&node, after + Span::hours(1), Span::seconds(180)).await.unwrap().is_empty(), "closed");
        assert!(store.next_due().await.unwrap().is_some_and(|due| due <= after), "the ladder's first rung is at once");
    }
}

#[tokio::test]
async fn most_urgent_comes_first() {
    for Fixture { store, .. } in each().await {
        let (organisation, _) = organisation(&store).await;
        for (person, due) in [("c", 3), ("a", 1), ("d", 4), ("b", 2)] {
            connect(&store, &organisation, person, &[person], T0).await;
            let sql = "UPDATE grants SET due_at = $1 WHERE person_id = (SELECT id FROM people WHERE network_id = $2)";
            run(&store, sql, &[(T0 + Span::minutes(due)).into(), person.into()]).await;
        }
        let claims = store.claim_due(&ids::fresh(), T0 + Span::hours(1), Span::seconds(180), 3).await.unwrap();
        let order: Vec<_> = claims.iter().map(|claim| claim.person_network_id.as_str()).collect();
        assert_eq!(order, ["a", "b", "c"], "{}", store.describe());
    }
}

#[tokio::test]
async fn rf_17_the_token_set_before_is_kept_for_a_day_and_cannot_be_put_back() {
    for Fixture { store, .. } in each().await {
        let (organisation, _) = organisation(&store).await;
        connect(&store, &organisation, "jana", &["1"], T0).await;
        let now = T0 + Span::days(1);
        let held = claim(&store, &ids::fresh(), now).await.remove(0);
        let mut commit = commit_of(&held, &Event::Renewed { clocks: Clocks::default() }, now);
        commit.tokens = Some(TokenSet::bearer(Secret::new("second"), None, vec![]));
        store.commit(&commit).await.unwrap();
        let kept = "UPDATE grants SET failures = 0 WHERE previous_sealed_tokens IS NOT NULL";
        assert_eq!(run(&store, kept, &[]).await, 1);

        // Somebody with write access to the database puts the spent token set back: found, not used.
        run(&store, "UPDATE grants SET sealed_tokens = previous_sealed_tokens, previous_sealed_tokens = sealed_tokens, due_at = 0", &[])
            .await;
        assert!(claim(&store, &ids::fresh(), now + Span::hours(1)).await.is_empty(), "{}", store.describe());
        run(&store, "UPDATE grants SET sealed_tokens = previous_sealed_tokens, previous_sealed_tokens = sealed_tokens, due_at = 0", &[])
            .await;
        let held = claim(&store, &ids::fresh(), now + Span::hours(1)).await.remove(0);
        assert_eq!(held.tokens.access_token.expose(), "second");
        store.release(&held.lease, None).await.unwrap();

        store.sweep(now + Span::hours(23)).await.unwrap();
        assert_eq!(run(&store, kept, &[]).await, 1);
        store.sweep(now + Span::hours(24)).await.unwrap();
        assert_eq!(run(&store, kept, &[]).await, 0, "shredded after a day: {}", store.describe());
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_looked_at_hourly_and_said_once() {
    for Fixture { store, .. } in each().await {
        let (organisation, _) = organisation(&store).await;
        connect(&store, &organisation, "jana", &["1"], T0).await;
        run(&store, "UPDATE grants SET state = 'not json', due_at = $1", &[T0.into()]).await;
        for hour in 0..4 {
            let now = T0 + Span::hours(hour);
            assert!(claim(&store, &ids::fresh(), now).await.is_empty());
            assert!(claim(&store, &ids::fresh(), now + Span::minutes(59)).await.is_empty());
            assert_eq!(store.next_due().await.unwrap(), Some(now + Span::hours(1)), "{}", store.describe());
        }
        assert_eq!(count(&store, "grant.unreadable").await, 1);
    }
}

#[tokio::test]
async fn evidence_from_use_makes_due_at_once_unless_somebody_is_at_it() {
    for Fixture { store, .. } in each().await {
        let (organisation, _) = organisation(&store).await;
        connect(&store, &organisation, "jana", &["1"], T0).await;
        let now = T0 + Span::minutes(10);
        let evidence = lifecycle::words::Evidence::new(now, lifecycle::words::Source::Use, Some(401), None, "no");
        let refused = Diagnosis::refused(lifecycle::words::Cause::Unknown, lifecycle::words::Confidence::Guess, evidence);
        assert!(claim(&store, &ids::fresh(), now).await.is_empty(), "not due by itself");
        let id = {
            let mut tx = store.read().await.unwrap();
            tx.one("SELECT id FROM grants", &[]).await.unwrap().unwrap().parsed("id").unwrap()
        };
        store.see_evidence(&id, &refused, &facts(), now).await.unwrap();
        let held = claim(&store, &ids::fresh(), now).await.remove(0);

        // Held, even past its lease: a mere observation does not fence off whoever may bring a new token set.
        let late = now + Span::hours(1);
        store.see_evidence(&id, &refused, &facts(), late).await.unwrap();
        let mut commit = commit_of(&held, &Event::Renewed { clocks: Clocks::default() }, late);
        commit.tokens = Some(TokenSet::bearer(Secret::new("late but good"), None, vec![]));
        assert!(matches!(store.commit(&commit).await.unwrap(), Committed::Done { .. }), "{}", store.describe());

        // A network that is out of reach is in reach again: the profile shows it and the log has it.
        run(&store, "UPDATE grants SET due_at = $1", &[late.into()]).await;
        let held = claim(&store, &ids::fresh(), late).await.remove(0);
        let outage = Diagnosis::transient(lifecycle::words::Evidence::by_clock(late, "time-out"), None);
        store.commit(&commit_of(&held, &Event::Probed(outage), late)).await.unwrap();
        let works = Diagnosis::works(lifecycle::words::Evidence::by_clock(late, "200"));
        store.see_evidence(&id, &works, &facts(), late + Span::minutes(1)).await.unwrap();
        assert_eq!((count(&store, "network.unreachable").await, count(&store, "network.reachable").await), (1, 1));
    }
}

#[tokio::test]
async fn what_is_seen_while_a_look_is_under_way_is_looked_at_once_more_and_of_an_old_token_only_the_networks_word_counts() {
    for Fixture { store, .. } in each().await {
        let (organisation, _) = organisation(&store).await;
        connect(&store, &organisation, "jana", &["1"], T0).await;
        let now = T0 + Span::minutes(10);
        let refused = |source| {
            let evidence = lifecycle::words::Evidence::new(now, source, Some(401), None, "no");
            Diagnosis::refused(lifecycle::words::Cause::Unknown, lifecycle::words::Confidence::Guess, evidence)
        };
        let works = Event::Probed(Diagnosis::works(lifecycle::words::Evidence::by_clock(now, "200")));
        let next = async || {
            run(&store, "UPDATE grants SET due_at = $1", &[now.into()]).await;
            claim(&store, &ids::fresh(), now).await.remove(0)
        };
        // The look began before the refusal in real use, and was answered from before.
        let held = next().await;
        store.see_evidence(&held.grant.id, &refused(Source::Use), &facts(), now).await.unwrap();
        store.commit(&commit_of(&held, &works, now)).await.unwrap();
        assert_eq!(claim(&store, &ids::fresh(), now).await.len(), 1, "it is looked at again at once: {}", store.describe());
        run(&store, "UPDATE grants SET lease_node = NULL, lease_until = NULL", &[]).await;
        // The second look is whole: nothing is left of it.
        store.commit(&commit_of(&next().await, &works, now)).await.unwrap();
        assert!(claim(&store, &ids::fresh(), now).await.is_empty());
        // Whoever held it did nothing: what was seen waits for no regular turn, but where there is no call before a moment, for that.
        for (again_at, found) in [(None, 1), (Some(now + Span::minutes(1)), 0)] {
            let held = next().await;
            run(&store, "UPDATE grants SET due_at = $1", &[(now + Span::days(1)).into()]).await;
            store.see_evidence(&held.grant.id, &refused(Source::Use), &facts(), now).await.unwrap();
            store.release(&held.lease, again_at).await.unwrap();
            let claims = claim(&store, &ids::fresh(), now).await;
            assert_eq!(claims.len(), found, "{again_at:?}: {}", store.describe());
            run(&store, "UPDATE grants SET lease_node = NULL, lease_until = NULL, seen_meanwhile = NULL", &[]).await;
        }
        // The refused token was replaced meanwhile.
        let renewed = async |held: &lifecycle::ledger::Claim| {
            let mut commit = commit_of(held, &Event::Renewed { clocks: Clocks::default() }, now);
            commit.tokens = Some(TokenSet::bearer(Secret::new("new"), None, vec![]));
            store.commit(&commit).await.unwrap();
        };
        let held = next().await;
        store.see_evidence(&held.grant.id, &refused(Source::Use), &facts(), now).await.unwrap();
        renewed(&held).await;
        assert!(claim(&store, &ids::fresh(), now).await.is_empty());
        // The network itself says that something happened: with whichever token. What a call met afterwards does not cover it up.
        let held = next().await;
        store.see_evidence(&held.grant.id, &refused(Source::Signal), &facts(), now).await.unwrap();
        store.see_evidence(&held.grant.id, &refused(Source::Use), &facts(), now).await.unwrap();
        renewed(&held).await;
        assert_eq!((claim(&store, &ids::fresh(), now).await.len(), count(&store, "grant.suspected").await), (1, 1));
    }
}

#[tokio::test]
async fn a_generation_without_its_token_set_is_refused_and_nothing_is_written() {
    for Fixture { store, .. } in each().await {
        let (organisation, _) = organisation(&store).await;
        connect(&store, &organisation, "jana", &["1"], T0).await;
        let now = T0 + Span::days(1);
        let held = claim(&store, &ids::fresh(), now).await.remove(0);
        let mut commit = commit_of(&held, &Event::Renewed { clocks: Clocks::default() }, now);
        assert!(store.commit(&commit).await.is_err(), "{}", store.describe());
        assert_eq!(count(&store, "grant.renewed").await, 0);
        // The lease is still held: the same renewal, told whole, goes through.
        commit.tokens = Some(TokenSet::bearer(Secret::new("successor"), None, vec![]));
        assert!(matches!(store.commit(&commit).await.unwrap(), Committed::Done { .. }));
        let next = claim(&store, &ids::fresh(), now + Span::days(90)).await.remove(0);
        assert_eq!((next.tokens.access_token.expose(), next.grant.generation), ("successor", 2));
    }
}
