//! Acts that wait and their journal: once per key, from one state into the next once, sealed.

use lifecycle::ids::{OrganisationId, ProfileId, UserId};
use lifecycle::time::{Span, Timestamp};
use lifecycle::waiting::State;
use store::acts::{self, Act, Change, Filter, NewAct, Of};
use store::events::Actor;
use store::profiles;
use store::{Store, ids};

use crate::loops::{T0, connect, organisation};
use crate::{Fixture, each, run};

fn tool(id: &str) -> Actor {
    Actor::ApiKey { id: id.into(), name: "tool".into() }
}

async fn profile_of(store: &Store, organisation: &OrganisationId) -> ProfileId {
    connect(store, organisation, "jana", &["a"], T0).await;
    let mut tx = store.read().await.unwrap();
    profiles::list(&mut tx, organisation, &profiles::Filter::default(), 1).await.unwrap().remove(0).id
}

struct House<'a> {
    store: &'a Store,
    organisation: &'a OrganisationId,
    profile: &'a ProfileId,
}

impl House<'_> {
    async fn note(&self, author: &Actor, key: &str, content: &str, state: State, approver: Option<&UserId>) -> Option<Act> {
        let new = NewAct {
            organisation: self.organisation,
            profile: self.profile,
            kind: "post",
            author,
            key,
            content: content.as_bytes(),
            approver,
            ends_at: T0 + Span::hours(72),
        };
        let mut tx = self.store.write().await.unwrap();
        let id = self.store.note_act(&mut tx, &new, state, T0).await.unwrap()?;
        tx.commit().await.unwrap();
        Some(self.get(&id).await)
    }

    async fn get(&self, id: &lifecycle::ids::ActId) -> Act {
        let mut tx = self.store.read().await.unwrap();
        acts::get(&mut tx, self.organisation, id).await.unwrap().unwrap()
    }

    async fn becomes(&self, act: &Act, state: State, now: Timestamp) -> bool {
        let mut tx = self.store.write().await.unwrap();
        let moved = self.store.move_act(&mut tx, self.organisation, act, state, Change::default(), now).await.unwrap();
        tx.commit().await.unwrap();
        moved
    }

    async fn claimed(&self, now: Timestamp) -> Vec<Act> {
        let mut tx = self.store.write().await.unwrap();
        let found = acts::claim_held(&mut tx, self.organisation, now, 10).await.unwrap();
        tx.commit().await.unwrap();
        found
    }
}

#[tokio::test]
async fn a_key_is_one_act_and_each_step_is_taken_once() {
    for Fixture { store, .. } in each().await {
        let (organisation, _) = organisation(&store).await;
        let profile = profile_of(&store, &organisation).await;
        let house = House { store: &store, organisation: &organisation, profile: &profile };
        let act = house.note(&tool("key_1"), "k", "canary of words", State::Begun, None).await.unwrap();
        assert!(house.note(&tool("key_1"), "k", "canary of words", State::Begun, None).await.is_none(), "the same key");
        assert!(house.note(&tool("key_2"), "k", "canary of words", State::Begun, None).await.is_some(), "another author's is another");
        assert!(act.says(b"canary of words") && !act.says(b"other words"));
        let mut tx = store.read().await.unwrap();
        let known = acts::by_key(&mut tx, &organisation, &tool("key_1"), &profile, "k").await.unwrap().unwrap();
        assert_eq!((known.id.clone(), known.state), (act.id.clone(), State::Begun));
        assert_eq!(&**store.act_content(&mut tx, &organisation, &act.id).await.unwrap(), b"canary of words");
        let row = tx.one("SELECT sealed_content FROM acts WHERE id = $1", &[act.id.as_str().into()]).await.unwrap().unwrap();
        assert!(!row.bytes("sealed_content").unwrap().windows(6).any(|window| window == b"canary"), "sealed");
        let other = ids::fresh();
        assert!(acts::get(&mut tx, &other, &act.id).await.unwrap().is_none(), "another tenant has no such act");
        drop(tx);
        // Of two who take the same step one is too late, and no step leads back.
        assert!(house.becomes(&act, State::Done, T0).await);
        assert!(!house.becomes(&act, State::Refused, T0).await, "it is done by now");
        let done = house.get(&act.id).await;
        for state in State::ALL {
            assert!(!house.becomes(&done, *state, T0).await, "{state}");
        }
    }
}

#[tokio::test]
async fn held_acts_are_claimed_once_and_only_where_there_may_be_a_token() {
    for Fixture { store, .. } in each().await {
        let (organisation, _) = organisation(&store).await;
        let profile = profile_of(&store, &organisation).await;
        let house = House { store: &store, organisation: &organisation, profile: &profile };
        let held = house.note(&tool("key_1"), "k", "x", State::Held, None).await.unwrap();
        run(&store, "UPDATE profiles SET status = 'disconnected'", &[]).await;
        assert!(house.claimed(T0).await.is_empty(), "no token there");
        run(&store, "UPDATE profiles SET status = 'connected'", &[]).await;
        let all = futures_util::future::join_all((0..5).map(|_| house.claimed(T0))).await.concat();
        assert_eq!(all.iter().map(|act| &act.id).collect::<Vec<_>>(), [&held.id], "once: {}", store.describe());
        assert_eq!(house.claimed(T0 + Span::minutes(1)).await.len(), 1, "and again after a while");
        assert!(house.claimed(T0 + Span::hours(72)).await.is_empty(), "not when its time is over");
        let begun = house.note(&tool("key_1"), "b", "x", State::Begun, None).await.unwrap();
        let overdue = async |now| {
            let mut tx = store.read().await.unwrap();
            acts::overdue(&mut tx, &organisation, now, 10).await.unwrap().into_iter().map(|act| act.id).collect::<Vec<_>>()
        };
        assert!(overdue(T0 + Span::seconds(179)).await.is_empty());
        assert_eq!(overdue(T0 + acts::ABANDONED_AFTER).await.iter().collect::<Vec<_>>(), [&begun.id], "its process died over it");
        // A long film: whoever sends it says so, and has as long again.
        assert!(store.still_begun(&organisation, &begun.id, T0, T0 + Span::minutes(2)).await.unwrap());
        assert!(overdue(T0 + Span::seconds(299)).await.is_empty());
        assert_eq!(overdue(T0 + Span::minutes(5)).await.iter().collect::<Vec<_>>(), [&begun.id], "and it died later");
        assert!(!store.still_begun(&organisation, &held.id, T0, T0 + Span::hours(9)).await.unwrap(), "nobody works on it");
        assert_eq!(overdue(T0 + Span::hours(72)).await.len(), 2);
        assert!(house.becomes(&held, State::Withdrawn, T0).await);
        assert_eq!(overdue(T0 + Span::hours(72)).await, std::slice::from_ref(&begun.id));
        // Whoever was taken for dead over it is told so when they come back, also where somebody else works on it by then.
        let (unclear, again) = (T0 + Span::minutes(6), T0 + Span::minutes(7));
        assert!(house.becomes(&begun, State::Unclear, unclear).await);
        assert!(!store.still_begun(&organisation, &begun.id, T0, again).await.unwrap());
        assert!(house.becomes(&house.get(&begun.id).await, State::Begun, again).await);
        assert!(!store.still_begun(&organisation, &begun.id, T0, T0 + Span::hours(9)).await.unwrap(), "it is another's");
        assert!(store.still_begun(&organisation, &begun.id, again, again + Span::minutes(1)).await.unwrap());
    }
}

#[tokio::test]
async fn a_list_shows_everybody_what_is_theirs() {
    for Fixture { store, .. } in each().await {
        let (organisation, owner) = organisation(&store).await;
        let profile = profile_of(&store, &organisation).await;
        let house = House { store: &store, organisation: &organisation, profile: &profile };
        let (approver, stranger): (UserId, UserId) = (ids::fresh(), ids::fresh());
        house.note(&tool("key_1"), "1", "x", State::Held, None).await.unwrap();
        house.note(&tool("key_2"), "2", "x", State::Waiting, Some(&approver)).await.unwrap();
        let count = async |of: Option<Of<'_>>, states: &[State]| {
            let mut tx = store.read().await.unwrap();
            acts::list(&mut tx, &organisation, &Filter { states, kind: Some("post"), of }, 10).await.unwrap().len()
        };
        assert_eq!((count(None, &[]).await, count(None, &[State::Held]).await), (2, 1));
        assert_eq!(count(Some(Of::Key("key_1")), &[]).await, 1);
        assert_eq!(count(Some(Of::User(&approver)), &[]).await, 1, "what this user has to approve");
        assert_eq!(count(Some(Of::User(&owner)), &[]).await, 2, "what is done as their profile");
        assert_eq!(count(Some(Of::User(&stranger)), &[]).await, 0);
        let mut tx = store.write().await.unwrap();
        let by = Actor::System;
        store.delete_profile(&mut tx, &organisation, &profile, &by, T0).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(count(None, &[]).await, 0, "with the profile goes what waits for it");
    }
}

#[tokio::test]
async fn what_a_network_says_of_a_post_is_noted_where_it_was_done() {
    for Fixture { store, .. } in each().await {
        let (organisation, _) = organisation(&store).await;
        let profile = profile_of(&store, &organisation).await;
        let house = House { store: &store, organisation: &organisation, profile: &profile };
        let act = house.note(&tool("key_1"), "k", "x", State::Begun, None).await.unwrap();
        let words = serde_json::json!({ "en": "private", "de": "privat" });
        let note = async |id| {
            let mut tx = store.write().await.unwrap();
            store.note_standing(&mut tx, &organisation, id, &words).await.unwrap();
            tx.commit().await.unwrap();
        };
        note(&act.id).await;
        assert_eq!(house.get(&act.id).await.note, None, "nobody has it yet");
        assert!(house.becomes(&act, State::Done, T0).await);
        note(&act.id).await;
        assert_eq!(house.get(&act.id).await.note, Some(words.clone()), "{}", store.describe());
    }
}
