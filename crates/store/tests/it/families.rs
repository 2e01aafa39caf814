//! The smaller families of tables.

use lifecycle::ids::{OrganisationId, ProfileId, UserId};
use lifecycle::permission::Role;
use lifecycle::secret::Secret;
use lifecycle::status::Status;
use lifecycle::time::Span;
use lifecycle::words::Cause;
use store::events::Actor;
use store::idempotency::{self, Key, Seen};
use store::profiles::{self, Filter};
use store::renewal_links::{self, Accepts, LinkState, NewLink};
use store::seal::hash;
use store::users::{self, NewUser};
use store::{Store, ids, installation, people, sessions, teams};

use crate::loops::{T0, connect, facts, organisation};
use crate::{Fixture, each, run};

async fn seen(store: &Store, key: Key<'_>, request: &[u8], minutes: i64) -> Seen {
    let mut tx = store.write().await.unwrap();
    let seen = store.begin_request(&mut tx, key, request, idempotency::ABANDONED_AFTER, T0 + Span::minutes(minutes)).await.unwrap();
    tx.commit().await.unwrap();
    seen
}

#[tokio::test]
async fn an_idempotency_key_does_the_work_once() {
    for Fixture { store, .. } in each().await {
        let (organisation, _) = organisation(&store).await;
        let key = Key { organisation: &organisation, actor: "key_1", key: "k" };
        assert_eq!(seen(&store, key, b"POST /x", 0).await, Seen::New);
        assert_eq!(seen(&store, key, b"POST /x", 1).await, Seen::Running);
        assert_eq!(seen(&store, key, b"POST /y", 1).await, Seen::OtherRequest);
        assert_eq!(seen(&store, Key { actor: "key_2", ..key }, b"POST /x", 1).await, Seen::New, "another actor's key is another key");
        let mut tx = store.write().await.unwrap();
        store.end_request(&mut tx, key, 201, b"canary-link").await.unwrap();
        tx.commit().await.unwrap();
        let answered = Seen::Answered { status: 201, body: zeroize::Zeroizing::new(b"canary-link".to_vec()) };
        assert_eq!(seen(&store, key, b"POST /x", 60).await, answered, "{}", store.describe());
        assert_eq!(seen(&store, key, b"POST /y", 60).await, Seen::OtherRequest);
        let mut tx = store.read().await.unwrap();
        let sealed =
            tx.one("SELECT answer FROM idempotency_keys WHERE actor = 'key_1'", &[]).await.unwrap().unwrap().bytes("answer").unwrap();
        assert!(!sealed.windows(6).any(|window| window == b"canary"), "answers are sealed");
        drop(tx);
        assert_eq!(seen(&store, key, b"POST /y", 24 * 60).await, Seen::New, "kept for a day");
        assert_eq!(seen(&store, key, b"POST /y", 24 * 60 + 4).await, Seen::Running);
        assert_eq!(seen(&store, key, b"POST /y", 24 * 60 + 5).await, Seen::Abandoned, "its process died: it may have been done");
        let mut tx = store.write().await.unwrap();
        store.forget_request(&mut tx, key).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(seen(&store, key, b"POST /z", 24 * 60 + 6).await, Seen::New);
    }
}

async fn second_organisation(store: &Store) -> (OrganisationId, UserId) {
    let id: OrganisationId = ids::fresh();
    run(store, "INSERT INTO organisations (id, name, created_at) VALUES ($1, 'Other', $2)", &[id.as_str().into(), T0.into()]).await;
    let mut tx = store.write().await.unwrap();
    let new = NewUser { email: "other@example.com", name: "Other", role: Role::StandardUser, language: "en", password_hash: None };
    let user = users::insert(&mut tx, &id, &new, T0).await.unwrap();
    tx.commit().await.unwrap();
    (id, user)
}

#[tokio::test]
async fn nt_20_one_organisation_reaches_nothing_of_another() {
    for Fixture { store, .. } in each().await {
        let (ours, owner) = organisation(&store).await;
        let (theirs, other) = second_organisation(&store).await;
        connect(&store, &ours, "jana", &["1"], T0).await;
        let mut tx = store.write().await.unwrap();
        let profile = profiles::list(&mut tx, &ours, &Filter::default(), 10).await.unwrap().remove(0);
        let our_team = teams::create(&mut tx, &ours, "Team", T0).await.unwrap();
        let their_team = teams::create(&mut tx, &theirs, "Team", T0).await.unwrap();
        profiles::set_owner_and_teams(&mut tx, &ours, &profile.id, Some(&other), &[our_team.clone(), their_team.clone()]).await.unwrap();
        let after = profiles::get(&mut tx, &ours, &profile.id).await.unwrap().unwrap();
        assert_eq!((after.owner, after.teams), (None, vec![our_team.clone()]), "{}", store.describe());
        profiles::set_owner_and_teams(&mut tx, &ours, &profile.id, Some(&owner), std::slice::from_ref(&our_team)).await.unwrap();

        // From the other side: nothing changes, nothing is seen.
        profiles::set_owner_and_teams(&mut tx, &theirs, &profile.id, Some(&other), &[their_team]).await.unwrap();
        profiles::set_enabled(&mut tx, &theirs, &profile.id, false).await.unwrap();
        assert!(!store.delete_profile(&mut tx, &theirs, &profile.id, &Actor::System, T0).await.unwrap());
        assert_eq!(renewal_links::withdraw(&mut tx, &theirs, &profile.id, T0).await.unwrap(), 0);
        assert!(profiles::get(&mut tx, &theirs, &profile.id).await.unwrap().is_none());
        assert!(profiles::list(&mut tx, &theirs, &Filter::default(), 10).await.unwrap().is_empty());
        let after = profiles::get(&mut tx, &ours, &profile.id).await.unwrap().unwrap();
        assert_eq!((after.owner, after.teams, after.enabled), (Some(owner.clone()), vec![our_team], true), "{}", store.describe());
        let secret = Secret::new("cookie");
        sessions::open(&mut tx, &owner, &secret, "Browser", T0, Span::days(1)).await.unwrap();
        assert!(!users::set_standing(&mut tx, &theirs, &owner, Role::StandardUser, Some(T0)).await.unwrap());
        assert!(sessions::find(&mut tx, &secret, T0, Span::hours(1)).await.unwrap().is_some(), "{}", store.describe());
    }
}

#[tokio::test]
async fn nt_22_one_link_sets_one_password() {
    for Fixture { store, .. } in each().await {
        let (_, user) = organisation(&store).await;
        let mut tx = store.write().await.unwrap();
        let (first, second) = (Secret::new("first"), Secret::new("second"));
        users::invite(&mut tx, &user, &first, T0, Span::days(3)).await.unwrap();
        users::invite(&mut tx, &user, &second, T0, Span::days(3)).await.unwrap();
        assert!(users::invited(&mut tx, &first, T0).await.unwrap().is_some());
        assert!(users::take_invitation(&mut tx, &second, T0).await.unwrap());
        assert!(!users::take_invitation(&mut tx, &second, T0).await.unwrap());
        assert!(!users::take_invitation(&mut tx, &first, T0).await.unwrap(), "used up with the other: {}", store.describe());
        assert!(users::invited(&mut tx, &first, T0).await.unwrap().is_none());
    }
}

async fn link(tx: &mut store::Tx, organisation: &OrganisationId, profiles: &[ProfileId], secret: &Secret) {
    let by = &Actor::System;
    let new = NewLink { profiles, secret, by, email: None, accepts: &Accepts::Holders, life: Span::days(7) };
    renewal_links::create(tx, organisation, new, T0).await.unwrap();
}

#[tokio::test]
async fn a_renewal_link_is_used_once_or_taken_back() {
    for Fixture { store, .. } in each().await {
        let (organisation, _) = organisation(&store).await;
        let profile = connect(&store, &organisation, "jana", &["1"], T0).await.added.remove(0);
        let mut tx = store.write().await.unwrap();
        let (used, open) = (Secret::new("used"), Secret::new("open"));
        let one = std::slice::from_ref(&profile);
        for secret in [&used, &open] {
            link(&mut tx, &organisation, one, secret).await;
        }
        assert_eq!(renewal_links::open(&mut tx, &organisation, &profile, T0).await.unwrap(), 2);
        assert!(renewal_links::done(&mut tx, &hash(&used), one, T0).await.unwrap());
        assert!(!renewal_links::done(&mut tx, &hash(&used), one, T0).await.unwrap());
        assert_eq!(renewal_links::open(&mut tx, &organisation, &profile, T0).await.unwrap(), 1);
        assert_eq!(renewal_links::find(&mut tx, &open, T0 + Span::days(7)).await.unwrap().unwrap().state, LinkState::Expired);
        assert_eq!(renewal_links::withdraw(&mut tx, &organisation, &profile, T0).await.unwrap(), 1);
        assert!(!renewal_links::done(&mut tx, &hash(&open), one, T0).await.unwrap(), "{}", store.describe());
        assert_eq!(renewal_links::find(&mut tx, &open, T0).await.unwrap().unwrap().state, LinkState::Withdrawn);
        assert_eq!(renewal_links::find(&mut tx, &used, T0).await.unwrap().unwrap().state, LinkState::Used);
    }
}

/// A link through several profiles ends with the last of them, each is done once, and a deleted profile is no step any more.
#[tokio::test]
async fn a_link_through_several_profiles_is_used_step_by_step() {
    for Fixture { store, .. } in each().await {
        let (organisation, _) = organisation(&store).await;
        let added = connect(&store, &organisation, "jana", &["1", "2", "3"], T0).await.added;
        let secret = Secret::new("several");
        let mut tx = store.write().await.unwrap();
        link(&mut tx, &organisation, &added, &secret).await;
        let hash = hash(&secret);
        let left = async |tx: &mut store::Tx| {
            let link = renewal_links::find(tx, &secret, T0).await.unwrap().unwrap();
            (link.state, link.steps.iter().filter(|step| step.done_at.is_none()).count())
        };
        assert_eq!(left(&mut tx).await, (LinkState::Open, 3));
        assert!(renewal_links::done(&mut tx, &hash, &added[..1], T0).await.unwrap());
        assert!(!renewal_links::done(&mut tx, &hash, &added[..1], T0).await.unwrap(), "once: {}", store.describe());
        assert_eq!(left(&mut tx).await, (LinkState::Open, 2));
        assert!(store.delete_profile(&mut tx, &organisation, &added[0], &Actor::System, T0).await.unwrap());
        assert!(store.delete_profile(&mut tx, &organisation, &added[1], &Actor::System, T0).await.unwrap());
        assert_eq!(left(&mut tx).await, (LinkState::Open, 1));
        assert!(renewal_links::done(&mut tx, &hash, &added[2..], T0).await.unwrap());
        assert_eq!(left(&mut tx).await, (LinkState::Used, 0));
        tx.commit().await.unwrap();
        assert!(store.sweep(T0 + Span::days(98)).await.unwrap() >= 2);
        assert!(renewal_links::find(&mut store.read().await.unwrap(), &secret, T0).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn both_databases_sort_alike_and_take_hostile_names() {
    let mut orders = vec![];
    for Fixture { store, .. } in each().await {
        let (organisation, _) = organisation(&store).await;
        let names = ["Äpfel", "apple", "Zebra", "_under", "a b", "ab", "nul\0inside", "Z'; DROP TABLE profiles; --"];
        connect(&store, &organisation, "jana", &names, T0).await;
        let mut tx = store.read().await.unwrap();
        let listed = profiles::list(&mut tx, &organisation, &Filter::default(), 20).await.unwrap();
        orders.push(listed.into_iter().map(|profile| profile.name).collect::<Vec<_>>());
    }
    let mut expected = orders[0].clone();
    assert_eq!(expected.len(), 8);
    expected.sort_by_key(|name| profiles::sort_key(name));
    assert!(orders.iter().all(|order| *order == expected), "{orders:?}");
    assert!(expected.contains(&"Page nulinside".to_owned()));
}

#[tokio::test]
async fn boards_come_with_their_account_and_go_with_it() {
    for Fixture { store, .. } in each().await {
        let (organisation, _) = organisation(&store).await;
        connect(&store, &organisation, "jana", &["account", "b1", "b2", "elsewhere"], T0).await;
        let parent =
            "UPDATE profiles SET parent_id = (SELECT id FROM profiles WHERE network_id = 'account') WHERE network_id IN ('b1', 'b2')";
        run(&store, parent, &[]).await;
        let mut tx = store.write().await.unwrap();
        let account =
            profiles::list(&mut tx, &organisation, &Filter { q: Some("account".into()), ..Filter::default() }, 5).await.unwrap().remove(0);
        let boards = profiles::children(&mut tx, &organisation, &account.id).await.unwrap();
        assert_eq!(boards.iter().map(|board| board.network_id.as_str()).collect::<Vec<_>>(), ["b1", "b2"]);
        assert!(store.delete_profile(&mut tx, &organisation, &account.id, &Actor::System, T0).await.unwrap());
        tx.commit().await.unwrap();
        let mut tx = store.read().await.unwrap();
        let left = profiles::list(&mut tx, &organisation, &Filter::default(), 5).await.unwrap();
        assert_eq!(left.iter().map(|profile| profile.network_id.as_str()).collect::<Vec<_>>(), ["elsewhere"], "{}", store.describe());
        let gone = tx.all("SELECT detail FROM events WHERE kind = 'profile.deleted' ORDER BY detail", &[]).await.unwrap();
        let names: Vec<_> =
            gone.iter().map(|row| row.json::<serde_json::Value>("detail").unwrap()["name"].as_str().unwrap().to_owned()).collect();
        assert_eq!(names, ["Page account", "Page b1", "Page b2"], "each tombstone has its own name");
        assert!(store.claim_revocations(T0, 5).await.unwrap().is_empty(), "the grant still reaches a profile");
    }
}

#[tokio::test]
async fn reading_never_writes_and_health_does() {
    for Fixture { store, .. } in each().await {
        let mut tx = store.read().await.unwrap();
        assert!(installation::set(&mut tx, "x", "y").await.is_err(), "{}", store.describe());
        drop(tx);
        store.health().await.unwrap();
        let mut tx = store.write().await.unwrap();
        assert!(installation::claim(&mut tx, "x", "1").await.unwrap() && !installation::claim(&mut tx, "x", "2").await.unwrap());
        assert_eq!(installation::get(&mut tx, "x").await.unwrap().as_deref(), Some("1"));
        assert!(installation::take(&mut tx, "x").await.unwrap() && !installation::take(&mut tx, "x").await.unwrap());
        assert!(installation::take(&mut tx, "key_check").await.unwrap());
        tx.commit().await.unwrap();
        assert!(store.health().await.is_err(), "a database that lost its key check is not healthy: {}", store.describe());
    }
}

#[tokio::test]
async fn a_sweep_forgets_what_is_over_and_nothing_else() {
    for Fixture { store, .. } in each().await {
        let (organisation, user) = organisation(&store).await;
        let mut tx = store.write().await.unwrap();
        sessions::open(&mut tx, &user, &Secret::new("over"), "", T0, Span::days(1)).await.unwrap();
        sessions::open(&mut tx, &user, &Secret::new("open"), "", T0, Span::days(3)).await.unwrap();
        users::invite(&mut tx, &user, &Secret::new("invited"), T0, Span::days(1)).await.unwrap();
        tx.commit().await.unwrap();
        crate::loops::open(&store, &organisation, "never came back").await;
        let key = Key { organisation: &organisation, actor: "key_1", key: "k" };
        assert_eq!(seen(&store, key, b"x", 0).await, Seen::New);
        assert_eq!(store.sweep(T0).await.unwrap(), 0);
        assert_eq!(store.sweep(T0 + Span::days(2)).await.unwrap(), 3, "a session, a memory, an answer: {}", store.describe());
        let mut tx = store.read().await.unwrap();
        assert!(sessions::find(&mut tx, &Secret::new("open"), T0 + Span::days(2), Span::days(9)).await.unwrap().is_some());
        drop(tx);
        assert_eq!(store.sweep(T0 + Span::days(92)).await.unwrap(), 2, "the other session and the old invitation");
    }
}

/// What a person granted is revoked and shredded; what somebody else holds stays green, the rest says why it is red.
#[tokio::test]
async fn giving_up_a_person_ends_what_nobody_else_holds() {
    for Fixture { store, .. } in each().await {
        let (organisation, _) = organisation(&store).await;
        let theirs = connect(&store, &organisation, "jana", &["1", "2"], T0).await;
        connect(&store, &organisation, "tom", &["2"], T0).await;
        let person = theirs.person.unwrap();
        let mut tx = store.write().await.unwrap();
        let all = people::list(&mut tx, &organisation, "", None, 10).await.unwrap();
        let counted: Vec<_> = all.iter().map(|one| (one.person.name.as_str(), one.works, one.holds, one.alone)).collect();
        assert_eq!(counted, [("jana", Some(true), 2, 1), ("tom", Some(true), 1, 0)], "{}", store.describe());
        let after_jana = people::list(&mut tx, &organisation, "", Some(("jana", person.as_str())), 10).await.unwrap();
        assert_eq!(after_jana.len(), 1);
        let could = people::could_take_over(&mut tx, &person).await.unwrap();
        assert!(could.is_empty(), "tom was never listed with page 1: {could:?}");
        let done = store.give_up_person(&mut tx, &organisation, &person, &facts(), &Actor::System, T0).await.unwrap();
        assert_eq!(done.map(|done| done.profiles), Some(2));
        assert!(store.give_up_person(&mut tx, &organisation, &person, &facts(), &Actor::System, T0).await.unwrap().is_none(), "once");
        let left = profiles::list(&mut tx, &organisation, &Filter::default(), 10).await.unwrap();
        let left: Vec<_> =
            left.iter().map(|profile| (profile.network_id.as_str(), profile.standing.status, profile.standing.cause)).collect();
        assert_eq!(left, [("1", Status::Disconnected, Some(Cause::GivenUp)), ("2", Status::Connected, None)]);
        let owed = tx.one("SELECT COUNT(*) AS n FROM revocations WHERE due_at IS NOT NULL", &[]).await.unwrap().unwrap();
        assert_eq!(owed.int("n").unwrap(), 1, "the network is going to hear of it");
        let gone = people::get(&mut tx, &organisation, &person).await.unwrap().unwrap();
        assert_eq!((gone.works, gone.holds), (None, 0));
    }
}
