//! Tags: what a profile has, what there are, and that they are no teams.

use lifecycle::ids::{OrganisationId, ProfileId, TeamId};
use lifecycle::permission::Reach;
use lifecycle::tag::Tag;
use store::events::Actor;
use store::profiles::{self, Filter, Narrow, Profile};
use store::{Store, Tx, tags, teams};

use crate::loops::{T0, connect, organisation};
use crate::{Fixture, each};

fn some(words: &[&str]) -> Vec<Tag> {
    words.iter().map(|word| word.parse().unwrap()).collect()
}

/// An organisation with three profiles, in the order of their ids at the network.
async fn house(store: &Store) -> (OrganisationId, Vec<ProfileId>) {
    let (organisation, _) = organisation(store).await;
    connect(store, &organisation, "jana", &["a", "b", "c"], T0).await;
    let mut tx = store.read().await.unwrap();
    let mut all = profiles::list(&mut tx, &organisation, &Filter::default(), 10).await.unwrap();
    all.sort_by(|one, other| one.network_id.cmp(&other.network_id));
    (organisation, all.into_iter().map(|profile| profile.id).collect())
}

async fn shown(tx: &mut Tx, organisation: &OrganisationId, id: &ProfileId) -> Vec<String> {
    let profile: Profile = profiles::get(tx, organisation, id).await.unwrap().unwrap();
    profile.tags.iter().map(Tag::to_string).collect()
}

async fn all(tx: &mut Tx, organisation: &OrganisationId, visible_to: Option<&Narrow>) -> Vec<(String, i64)> {
    let all = tags::list(tx, organisation, visible_to).await.unwrap();
    let names: Vec<Tag> = tags::suggestions(tx, organisation, visible_to).await.unwrap();
    assert!(!names.is_empty() || visible_to.is_some() || !tags::any(tx, organisation).await.unwrap());
    assert_eq!(all.iter().map(|(tag, _)| tag.clone()).collect::<Vec<_>>(), names);
    all.into_iter().map(|(tag, n)| (tag.to_string(), n)).collect()
}

fn counted(all: &[(&str, i64)]) -> Vec<(String, i64)> {
    all.iter().map(|(name, n)| ((*name).to_owned(), *n)).collect()
}

#[tokio::test]
async fn a_tag_is_there_while_a_profile_has_it_and_shown_as_first_written() {
    for Fixture { store, .. } in each().await {
        let (ours, ids) = house(&store).await;
        let mut tx = store.write().await.unwrap();
        tags::set(&mut tx, &ours, &ids[0], &some(&["Launch", "q4"]), T0).await.unwrap();
        tags::set(&mut tx, &ours, &ids[1], &some(&["LAUNCH"]), T0).await.unwrap();
        assert_eq!(shown(&mut tx, &ours, &ids[1]).await, ["Launch"], "{}", store.describe());
        assert_eq!(shown(&mut tx, &ours, &ids[0]).await, ["Launch", "q4"]);
        assert_eq!(all(&mut tx, &ours, None).await, counted(&[("Launch", 2), ("q4", 1)]));
        // Whoever has it alone writes it anew.
        tags::set(&mut tx, &ours, &ids[0], &some(&["Q4"]), T0).await.unwrap();
        assert_eq!(shown(&mut tx, &ours, &ids[0]).await, ["Q4"]);
        tags::set(&mut tx, &ours, &ids[1], &some(&["launch"]), T0).await.unwrap();
        assert_eq!(all(&mut tx, &ours, None).await, counted(&[("launch", 1), ("Q4", 1)]));
        assert_eq!(tags::missing(&mut tx, &ours, &some(&["LAUNCH", "gone"])).await.unwrap(), some(&["gone"]).pop());
        tags::set(&mut tx, &ours, &ids[0], &[], T0).await.unwrap();
        assert_eq!(all(&mut tx, &ours, None).await, counted(&[("launch", 1)]));
        assert_eq!(tags::missing(&mut tx, &ours, &some(&["q4"])).await.unwrap(), some(&["q4"]).pop());
        // A deleted profile takes its tags along.
        assert!(store.delete_profile(&mut tx, &ours, &ids[1], &Actor::System, T0).await.unwrap());
        assert_eq!(all(&mut tx, &ours, None).await, []);
        let left = tx.one("SELECT COUNT(*) AS n FROM teams", &[]).await.unwrap().unwrap().int("n").unwrap();
        assert_eq!(left, 0, "no row of it stays: {}", store.describe());
    }
}

#[tokio::test]
async fn tags_are_no_teams_and_teams_no_tags() {
    for Fixture { store, .. } in each().await {
        let (ours, ids) = house(&store).await;
        let mut tx = store.write().await.unwrap();
        let team: TeamId = teams::create(&mut tx, &ours, "launch", T0).await.unwrap();
        tags::set(&mut tx, &ours, &ids[0], &some(&["launch"]), T0).await.unwrap();
        teams::create(&mut tx, &ours, "q4", T0).await.unwrap();
        tags::set(&mut tx, &ours, &ids[1], &some(&["q4"]), T0).await.unwrap();
        profiles::set_owner_and_teams(&mut tx, &ours, &ids[0], None, std::slice::from_ref(&team)).await.unwrap();
        let profile = profiles::get(&mut tx, &ours, &ids[0]).await.unwrap().unwrap();
        assert_eq!((profile.teams, profile.tags), (vec![team.clone()], some(&["launch"])), "each stays as the other is set");
        let names: Vec<String> = teams::list(&mut tx, &ours).await.unwrap().into_iter().map(|team| team.name).collect();
        assert_eq!(names, ["launch", "q4"]);
        assert!(teams::delete(&mut tx, &ours, &team).await.unwrap());
        assert_eq!(shown(&mut tx, &ours, &ids[0]).await, ["launch"]);
        let other = OrganisationId::from_u128(7);
        tx.run("INSERT INTO organisations (id, name, created_at) VALUES ($1, 'Other', 0)", &[other.as_str().into()]).await.unwrap();
        tags::set(&mut tx, &other, &ids[2], &some(&["launch"]), T0).await.unwrap();
        assert_eq!(all(&mut tx, &other, None).await, [], "what is not theirs they do not tag");
        assert_eq!(shown(&mut tx, &ours, &ids[2]).await, [""; 0]);
        assert_eq!(tags::missing(&mut tx, &other, &some(&["launch"])).await.unwrap(), some(&["launch"]).pop());
    }
}

#[tokio::test]
async fn of_tags_somebody_knows_those_of_what_they_see() {
    for Fixture { store, .. } in each().await {
        let (ours, ids) = house(&store).await;
        let mut tx = store.write().await.unwrap();
        for (id, words) in ids.iter().zip([&["beta", "Alpha"][..], &["beta"], &["secret"]]) {
            tags::set(&mut tx, &ours, id, &some(words), T0).await.unwrap();
        }
        assert_eq!(all(&mut tx, &ours, None).await, counted(&[("Alpha", 1), ("beta", 2), ("secret", 1)]));
        let first = Narrow::Reaches(vec![Reach { profiles: ids[..1].to_vec(), ..Reach::default() }]);
        assert_eq!(all(&mut tx, &ours, Some(&first)).await, counted(&[("Alpha", 1), ("beta", 1)]));
        let tagged = Narrow::Reaches(vec![Reach { tags: some(&["BETA"]), ..Reach::default() }]);
        assert_eq!(all(&mut tx, &ours, Some(&tagged)).await, counted(&[("Alpha", 1), ("beta", 2)]), "{}", store.describe());
        assert_eq!(all(&mut tx, &ours, Some(&Narrow::Reaches(vec![]))).await, []);
    }
}

/// Whoever decides about a profile of the forecast or the dashboard knows its teams and tags.
#[tokio::test]
async fn what_is_coming_is_known_with_teams_and_tags() {
    for Fixture { store, .. } in each().await {
        let (ours, ids) = house(&store).await;
        let mut tx = store.write().await.unwrap();
        let team: TeamId = teams::create(&mut tx, &ours, "Guides", T0).await.unwrap();
        profiles::set_owner_and_teams(&mut tx, &ours, &ids[0], None, std::slice::from_ref(&team)).await.unwrap();
        tags::set(&mut tx, &ours, &ids[0], &some(&["launch"]), T0).await.unwrap();
        tx.run("UPDATE profiles SET status = 'disconnected', deadline = 5 WHERE id = $1", &[ids[0].as_str().into()]).await.unwrap();
        let held = store::forecast::ending(&mut tx, &ours, None, T0, 10).await.unwrap();
        let due = profiles::deadlines(&mut tx, &ours, None, T0, 10).await.unwrap();
        for profile in [&held.iter().find(|held| held.profile.id == ids[0]).unwrap().profile, &due[0]] {
            assert_eq!((&profile.teams, &profile.tags), (&vec![team.clone()], &some(&["launch"])), "{}", store.describe());
        }
    }
}

/// Several who change tags of several profiles each, in any order, wait for each other, and none of them forever.
#[tokio::test(flavor = "multi_thread")]
async fn who_changes_many_at_once_meets_others_without_harm() {
    for Fixture { store, .. } in each().await {
        let (ours, _) = organisation(&store).await;
        connect(&store, &ours, "jana", &["a", "b", "c", "d", "e", "f"], T0).await;
        let mut tx = store.read().await.unwrap();
        let all_of_them = profiles::list(&mut tx, &ours, &Filter::default(), 10).await.unwrap();
        drop(tx);
        let mut ids: Vec<ProfileId> = all_of_them.into_iter().map(|profile| profile.id).collect();
        ids.sort();
        let words = some(&["a", "b", "c", "d"]);
        // Each has two profiles of its own: what they meet at is tags alone, which they take up in every order.
        let change = async |who: usize, turn: usize| {
            let mine = &ids[who * 2..who * 2 + 2];
            let mut tx = store.write().await.unwrap();
            for id in mine {
                profiles::get_to_change(&mut tx, &ours, id).await.unwrap();
            }
            for (at, id) in mine.iter().enumerate() {
                let its: Vec<Tag> =
                    (0..4).filter(|word| (turn * 5 + who * 3 + at * 9) >> word & 1 == 1).map(|word| words[word].clone()).collect();
                tags::set(&mut tx, &ours, id, &its, T0).await.unwrap();
            }
            tx.commit().await.unwrap();
        };
        for turn in 0..16 {
            tokio::join!(change(0, turn), change(1, turn), change(2, turn));
        }
        let mut tx = store.read().await.unwrap();
        let mut seen = std::collections::BTreeSet::new();
        for id in &ids {
            seen.extend(shown(&mut tx, &ours, id).await);
        }
        let there = all(&mut tx, &ours, None).await.into_iter().map(|(name, _)| name).collect();
        assert_eq!(seen, there, "a tag is there while a profile has it: {}", store.describe());
    }
}

/// Two who exchange the last use of two tags wait for each other, and none of them forever; each tag is there afterwards.
#[tokio::test]
async fn who_takes_and_who_gives_the_same_tags_meet_without_harm() {
    for Fixture { store, .. } in each().await {
        let (ours, ids) = house(&store).await;
        let mut tx = store.write().await.unwrap();
        tags::set(&mut tx, &ours, &ids[0], &some(&["a"]), T0).await.unwrap();
        tags::set(&mut tx, &ours, &ids[1], &some(&["b"]), T0).await.unwrap();
        tx.commit().await.unwrap();
        let change = async |id: &ProfileId, to: &'static str| {
            let mut tx = store.write().await.unwrap();
            tags::set(&mut tx, &ours, id, &some(&[to]), T0).await.unwrap();
            tx.commit().await.unwrap();
        };
        for (one, other) in [("b", "a"), ("a", "b"), ("b", "a")] {
            tokio::join!(change(&ids[0], one), change(&ids[1], other));
            let mut tx = store.read().await.unwrap();
            assert_eq!(all(&mut tx, &ours, None).await, counted(&[("a", 1), ("b", 1)]), "{}", store.describe());
            assert_eq!(shown(&mut tx, &ours, &ids[0]).await, [one]);
        }
    }
}
