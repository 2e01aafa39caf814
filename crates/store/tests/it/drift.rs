//! What a person can act as changes at the network: new, gone, demoted and renamed assets are told once each.

use lifecycle::diagnosis::Diagnosis;
use lifecycle::grant::{Clocks, Event};
use lifecycle::ids::{NodeId, OrganisationId};
use lifecycle::ledger::{Asset, Commit, Committed, Ledger};
use lifecycle::secret::{Secret, TokenSet};
use lifecycle::status::Status;
use lifecycle::time::{Span, Timestamp};
use lifecycle::words::{Evidence, Source};
use store::network_apps::{self, Client};
use store::profiles::{self, Filter};
use store::{Store, grants, ids, signals};

use crate::loops::{T0, claim, commit_of, connect, organisation};
use crate::{count, each, run};

fn asset(id: &str, name: &str, role: &str) -> Asset {
    Asset { network_id: id.into(), kind: "page".into(), name: name.into(), role: role.into(), usable: role == "ADMINISTRATOR" }
}

async fn list(store: &Store, now: Timestamp, listed: &[Asset]) {
    let node: NodeId = ids::fresh();
    let mut grants = store.claim_due(&node, now, Span::seconds(60), 10).await.unwrap();
    let claim = grants.pop().unwrap();
    let seen = Event::Probed(Diagnosis::works(Evidence::new(now, Source::Probe, Some(200), None, "fine")));
    let commit = Commit { listed: Some(listed.to_vec()), ..commit_of(&claim, &seen, now) };
    assert!(matches!(store.commit(&commit).await.unwrap(), Committed::Done { .. }));
}

#[tokio::test]
async fn drift_is_told_once_each() {
    for fixture in each().await {
        let store = &fixture.store;
        let (organisation, _) = organisation(store).await;
        connect(store, &organisation, "p1", &["1", "2"], T0).await;
        let kinds = ["asset.appeared", "asset.vanished", "asset.role_changed", "asset.renamed"];
        let counted = async || {
            let mut all = vec![];
            for kind in kinds {
                all.push(count(store, kind).await);
            }
            all
        };
        assert_eq!(counted().await, [0, 0, 0, 0], "the first listing is not news");
        let (one, two) = (asset("1", "Page 1", "ADMINISTRATOR"), asset("2", "Page 2", "ADMINISTRATOR"));
        let day = |days| T0 + Span::days(days);
        list(store, day(1), &[one.clone(), two.clone()]).await;
        assert_eq!(counted().await, [0, 0, 0, 0], "nothing changed");
        let new = asset("3", "Page 3", "ANALYST");
        for at in [2, 3] {
            list(store, day(at), &[asset("1", "Renamed", "ADMINISTRATOR"), asset("2", "Page 2", "ANALYST"), new.clone()]).await;
            assert_eq!(counted().await, [1, 0, 1, 1], "once, also when seen again");
        }
        let mut tx = store.read().await.unwrap();
        let names: Vec<_> =
            profiles::list(&mut tx, &organisation, &Filter::default(), 10).await.unwrap().into_iter().map(|profile| profile.name).collect();
        assert_eq!(names, ["Page 2", "Renamed"], "the profile is called what the network calls it");
        drop(tx);
        list(store, day(4), std::slice::from_ref(&new)).await;
        assert_eq!(counted().await, [1, 2, 1, 1]);
        list(store, day(5), &[new, two]).await;
        assert_eq!(counted().await, [2, 2, 1, 1], "what comes back is new again");
    }
}

#[tokio::test]
async fn nt_24_a_signal_is_taken_once() {
    for fixture in each().await {
        let store = &fixture.store;
        let (organisation, _) = organisation(store).await;
        connect(store, &organisation, "p1", &["1"], T0).await;
        let mut tx = store.write().await.unwrap();
        assert!(signals::take(&mut tx, &organisation, "linkedin", "happening", T0).await.unwrap());
        assert!(!signals::take(&mut tx, &organisation, "linkedin", "happening", T0).await.unwrap());
        assert!(signals::take(&mut tx, &organisation, "tiktok", "happening", T0).await.unwrap(), "another network's is another one");
        assert_eq!(signals::grants_of_person(&mut tx, &organisation, "linkedin", "p1").await.unwrap().len(), 1);
        assert_eq!(signals::grants_of_profile(&mut tx, &organisation, "linkedin", "1").await.unwrap().len(), 1);
        assert!(signals::grants_of_person(&mut tx, &organisation, "tiktok", "p1").await.unwrap().is_empty());
        assert_eq!(signals::grants_of_login(&mut tx, &organisation, "linkedin", "p1").await.unwrap().len(), 1);
        tx.commit().await.unwrap();
        let kept = store.sweep(T0 + Span::days(80)).await.unwrap();
        let swept = store.sweep(T0 + Span::days(91)).await.unwrap();
        assert!(swept > kept, "and forgotten after three months");
    }
}

#[tokio::test]
async fn a_login_that_stands_for_several_people_is_all_of_them() {
    for fixture in each().await {
        let store = &fixture.store;
        let (organisation, _) = organisation(store).await;
        for (person, page) in [("117/UC1", "1"), ("117/UC2", "2"), ("1175/UC3", "3"), ("11_/UC4", "4")] {
            connect(store, &organisation, person, &[page], T0).await;
        }
        let mut tx = store.read().await.unwrap();
        let mut of = async |login| signals::grants_of_login(&mut tx, &organisation, "linkedin", login).await.unwrap().len();
        assert_eq!([of("117").await, of("1175").await, of("11").await, of("11_").await, of("%").await], [2, 1, 0, 1, 0]);
    }
}

#[tokio::test]
async fn whether_an_app_gets_refresh_tokens_is_remembered_by_client() {
    for fixture in each().await {
        let store = &fixture.store;
        let (organisation, _) = organisation(store).await;
        let client = |client_id| Client { network: "linkedin", instance: "", client_id };
        let mut tx = store.write().await.unwrap();
        assert_eq!(network_apps::gets_refresh_tokens(&mut tx, &organisation, client("a")).await.unwrap(), None);
        for given in [false, true] {
            network_apps::saw_refresh_token(&mut tx, &organisation, client("a"), given, T0).await.unwrap();
            assert_eq!(network_apps::gets_refresh_tokens(&mut tx, &organisation, client("a")).await.unwrap(), Some(given));
        }
        assert_eq!(network_apps::gets_refresh_tokens(&mut tx, &organisation, client("b")).await.unwrap(), None, "another app");
    }
}

/// Renews with these scopes in the answer; what the grant then lacks.
async fn renew(store: &Store, organisation: &OrganisationId, scopes: &[&str], now: Timestamp) -> Vec<String> {
    run(store, "UPDATE grants SET due_at = $1", &[now.into()]).await;
    let claim = claim(store, &ids::fresh(), now).await.remove(0);
    let granted = scopes.iter().map(|scope| (*scope).to_owned()).collect();
    let tokens = TokenSet::bearer(Secret::new("canary-next"), Some(Secret::new("canary-next-refresh")), granted);
    let commit = Commit { tokens: Some(tokens), ..commit_of(&claim, &Event::Renewed { clocks: Clocks::default() }, now) };
    assert!(matches!(store.commit(&commit).await.unwrap(), Committed::Done { .. }));
    let mut tx = store.read().await.unwrap();
    let profile = profiles::list(&mut tx, organisation, &Filter::default(), 10).await.unwrap().remove(0);
    assert_eq!(profile.standing.status, Status::Connected, "a narrower scope is no death");
    grants::holders_of(&mut tx, &profile.id).await.unwrap().remove(0).missing_scopes
}

#[tokio::test]
async fn rf_24_a_narrower_scope_is_told_once_and_flagged_until_it_is_back() {
    for fixture in each().await {
        let store = &fixture.store;
        let (organisation, _) = organisation(store).await;
        connect(store, &organisation, "p1", &["1"], T0).await;
        let hour = |hours| T0 + Span::hours(hours);
        assert!(renew(store, &organisation, &["a", "b", "c"], hour(1)).await.is_empty(), "more than before");
        for at in [2, 3] {
            assert_eq!(renew(store, &organisation, &["c"], hour(at)).await, ["a", "b"]);
            assert_eq!(count(store, "grant.scopes_lost").await, 1, "once, also when it stays so");
        }
        assert_eq!(renew(store, &organisation, &["c", "a"], hour(4)).await, ["b"]);
        assert_eq!(renew(store, &organisation, &[], hour(5)).await, ["b"], "an answer that names none changes none");
        assert_eq!((count(store, "grant.scopes_lost").await, count(store, "grant.scopes_regained").await), (1, 1));
    }
}
