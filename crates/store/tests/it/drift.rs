//! What a person can act as changes at the network: new, gone, demoted and renamed assets are told once each.

use lifecycle::diagnosis::Diagnosis;
use lifecycle::grant::{Clocks, Event};
use lifecycle::ids::{NodeId, OrganisationId};
use lifecycle::ledger::{Asset, Commit, Committed, Ledger};
use lifecycle::secret::{Secret, TokenSet};
use lifecycle::status::Status;
use lifecycle::time::{Span, Timestamp};
use lifecycle::words::{Evidence, Source};
use store::deletions::Outcome;
use store::grants::{Place, is_held_by};
use store::network_apps::{self, Client};
use store::profiles::{self, Filter};
use store::{Store, deletions, grants, ids, signals};

use crate::loops::{T0, claim, commit_of, connect, organisation};
use crate::{count, each, run};

pub(crate) fn asset(id: &str, name: &str, role: &str) -> Asset {
    Asset {
        network_id: id.into(),
        kind: "page".into(),
        name: name.into(),
        role: role.into(),
        usable: role == "ADMINISTRATOR",
        parent: None,
        comes_along: false,
    }
}

pub(crate) async fn list(store: &Store, now: Timestamp, listed: &[Asset]) {
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
        // A name that could not be read, where the id stands in for it, is no new name.
        list(store, day(4), &[asset("1", "1", "ADMINISTRATOR"), asset("2", "2", "ANALYST"), new.clone()]).await;
        assert_eq!(counted().await, [1, 0, 1, 1], "nothing changed");
        let mut tx = store.read().await.unwrap();
        let names: Vec<_> =
            profiles::list(&mut tx, &organisation, &Filter::default(), 10).await.unwrap().into_iter().map(|profile| profile.name).collect();
        assert_eq!(names, ["Page 2", "Renamed"], "the name that is known stays");
        drop(tx);
        list(store, day(5), std::slice::from_ref(&new)).await;
        assert_eq!(counted().await, [1, 2, 1, 1]);
        list(store, day(6), &[new, two]).await;
        assert_eq!(counted().await, [2, 2, 1, 1], "what comes back is new again");
    }
}

/// The mails that wait about what is new: their payloads.
async fn told(store: &Store) -> Vec<serde_json::Value> {
    let mut tx = store.read().await.unwrap();
    let rows = tx.all("SELECT payload FROM outbox WHERE kind = 'new_profiles' ORDER BY created_at, id", &[]).await.unwrap();
    rows.iter().map(|row| row.json("payload").unwrap()).collect()
}

#[tokio::test]
async fn whoever_looks_after_a_persons_profiles_hears_of_new_ones() {
    for fixture in each().await {
        let store = &fixture.store;
        let (organisation, _) = organisation(store).await;
        connect(store, &organisation, "p1", &["1"], T0).await;
        let (one, new) = (asset("1", "Page 1", "ADMINISTRATOR"), asset("2", "Page 2", "ADMINISTRATOR"));
        let day = |days| T0 + Span::days(days);
        list(store, day(1), &[one.clone(), asset("3", "Page 3", "ANALYST")]).await;
        assert_eq!(told(store).await.len(), 0, "what can't be connected is no news for people");
        for at in [2, 3] {
            list(store, day(at), &[one.clone(), new.clone(), asset("3", "Page 3", "ANALYST")]).await;
        }
        let mails = told(store).await;
        assert_eq!(mails.len(), 1, "once: {mails:?}");
        assert_eq!((&mails[0]["profiles"][0]["name"], &mails[0]["added"]), (&"Page 2".into(), &false.into()), "{mails:?}");
        let mut tx = store.read().await.unwrap();
        assert_eq!(profiles::list(&mut tx, &organisation, &Filter::default(), 10).await.unwrap().len(), 1, "nobody chose it");
        drop(tx);
        run(store, "UPDATE users SET notify_new_profiles = 0", &[]).await;
        list(store, day(4), &[one, new, asset("4", "Page 4", "ADMINISTRATOR")]).await;
        assert_eq!(told(store).await.len(), 1, "nobody wants to hear of it");
    }
}

fn board(id: &str, parent: &str) -> Asset {
    Asset { kind: "board".into(), parent: Some(parent.into()), comes_along: true, ..asset(id, &format!("Board {id}"), "ADMINISTRATOR") }
}

#[tokio::test]
async fn new_boards_of_a_connected_account_come_along() {
    for fixture in each().await {
        let store = &fixture.store;
        let (organisation, _) = organisation(store).await;
        connect(store, &organisation, "p1", &["1"], T0).await;
        let account = asset("1", "Account", "ADMINISTRATOR");
        list(store, T0 + Span::days(1), &[account, board("b1", "1"), board("b2", "gone")]).await;
        let mut tx = store.read().await.unwrap();
        let all = profiles::list(&mut tx, &organisation, &Filter::default(), 10).await.unwrap();
        let new = all.iter().find(|profile| profile.network_id == "b1").unwrap();
        let parent = all.iter().find(|profile| profile.network_id == "1").unwrap();
        assert_eq!(
            (new.standing.status, new.parent.as_ref(), all.len()),
            (Status::Connected, Some(&parent.id), 2),
            "not a board of what was given up"
        );
        drop(tx);
        let mails = told(store).await;
        assert_eq!((mails.len(), &mails[0]["added"], &mails[0]["profiles"][0]["id"]), (1, &true.into(), &new.id.as_str().into()));
    }
}

#[tokio::test]
async fn a_new_board_stays_outside_a_full_house_and_its_owner_hears_why() {
    for fixture in each().await {
        let store = fixture.store.limited_to(2);
        let (organisation, _) = organisation(&store).await;
        connect(&store, &organisation, "p1", &["1"], T0).await;
        let account = asset("1", "Account", "ADMINISTRATOR");
        let all = [account, board("b1", "1"), board("b2", "1"), board("b3", "gone")];
        list(&store, T0 + Span::days(1), &all).await;
        let mut tx = store.read().await.unwrap();
        let found = profiles::list(&mut tx, &organisation, &Filter::default(), 10).await.unwrap();
        let ids: Vec<&str> = found.iter().map(|profile| profile.network_id.as_str()).collect();
        assert_eq!(ids, ["1", "b1"], "one more fits: {}", store.describe());
        drop(tx);
        let mails = told(&store).await;
        let names: Vec<&str> = mails[0]["profiles"].as_array().unwrap().iter().map(|profile| profile["name"].as_str().unwrap()).collect();
        assert_eq!((mails.len(), names, &mails[0]["full"]), (1, vec!["Board b2", "Board b1"], &true.into()), "{mails:?}");
        assert_eq!((&mails[0]["added"], &mails[0]["profiles"][0]["id"]), (&false.into(), &serde_json::Value::Null));
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
        assert_eq!(signals::grants_of_person(&mut tx, &organisation, "linkedin", "scoped-p1").await.unwrap().len(), 1, "the other id");
        let place = |network: &str| Place { network: network.into(), instance: String::new() };
        assert!(is_held_by(&mut tx, &organisation, &place("linkedin"), "p1").await.unwrap());
        assert!(!is_held_by(&mut tx, &organisation, &place("linkedin"), "p2").await.unwrap());
        assert!(!is_held_by(&mut tx, &organisation, &place("tiktok"), "p1").await.unwrap());
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

#[tokio::test]
async fn what_is_stored_about_a_person_goes_when_a_look_confirmed_it() {
    for fixture in each().await {
        let store = &fixture.store;
        let (organisation, _) = organisation(store).await;
        connect(store, &organisation, "jana", &["jana", "2"], T0).await;
        let ask = async |code: &str, person: &str, at: Timestamp| {
            let mut tx = store.write().await.unwrap();
            deletions::ask(&mut tx, &organisation, "linkedin", person, code, at).await.unwrap();
            deletions::ask(&mut tx, &organisation, "linkedin", person, code, at).await.unwrap();
            tx.commit().await.unwrap();
        };
        let settle = async |now: Timestamp| {
            let mut tx = store.read().await.unwrap();
            let open = deletions::open(&mut tx, 10).await.unwrap();
            drop(tx);
            let mut ended = vec![];
            for request in open {
                ended.extend(store.settle_deletion(&request, &lifecycle::facts::Facts::unknown(), now).await.unwrap());
            }
            ended
        };
        let names = async || {
            let mut tx = store.read().await.unwrap();
            let all = ["SELECT detail AS text FROM events", "SELECT payload AS text FROM outbox", "SELECT name AS text FROM people"];
            let mut found = 0;
            for sql in all {
                for row in tx.all(sql, &[]).await.unwrap() {
                    let text = row.text("text").unwrap();
                    found += usize::from(text == "jana" || text.contains("\"jana\""));
                }
            }
            found
        };
        assert!(names().await > 0);
        ask("stranger", "nobody-here", T0).await;
        ask("c1", "jana", T0).await;
        assert_eq!(settle(T0 + Span::hours(1)).await, [Outcome::NothingStored], "hers waits for a look");
        list(store, T0 + Span::days(1), &[]).await;
        assert_eq!(settle(T0 + Span::days(1)).await, [Outcome::StillConnected], "the network says that it stands");
        ask("c2", "jana", T0 + Span::days(2)).await;
        assert_eq!(settle(T0 + Span::days(3)).await, []);
        assert_eq!(settle(T0 + Span::days(31)).await, [Outcome::Deleted], "within a month, whatever the network says");
        assert_eq!(names().await, 0);
        let mut tx = store.read().await.unwrap();
        let left = profiles::list(&mut tx, &organisation, &Filter::default(), 10).await.unwrap();
        let left: Vec<_> = left.iter().map(|profile| (profile.network_id.as_str(), profile.standing.status)).collect();
        assert_eq!(left, [("2", Status::Disconnected)], "she herself is gone, the page stays");
        assert_eq!(deletions::find(&mut tx, "c2").await.unwrap().unwrap().ended.map(|(outcome, _)| outcome), Some(Outcome::Deleted));
        assert!(deletions::find(&mut tx, "c3").await.unwrap().is_none());
        drop(tx);
        for table in ["grants", "accesses"] {
            let mut tx = store.read().await.unwrap();
            assert!(tx.one(&format!("SELECT id FROM {table} LIMIT 1"), &[]).await.unwrap().is_none(), "{table}");
        }
    }
}
