//! Never silence: the ladder of readers, reminders, storms, what nobody was told, and what could not be delivered.

use lifecycle::ids::{OrganisationId, UserId};
use lifecycle::permission::Role;
use lifecycle::time::{Span, Timestamp};
use store::events::Actor;
use store::outbox::Letter;
use store::profiles::{self, Filter, Profile};
use store::users::{self, NewUser};
use store::{Store, reminders, teams};

use crate::loops::{T0, connect, organisation};
use crate::news::roles;
use crate::{Fixture, count, each, run};

pub(crate) async fn user(store: &Store, organisation: &OrganisationId, name: &str, role: Role, wants: bool) -> UserId {
    let mut tx = store.write().await.unwrap();
    let email = format!("{name}@example.com");
    let new = NewUser { email: &email, name, role, language: "en", password_hash: None };
    let id = users::insert(&mut tx, organisation, &new, T0).await.unwrap();
    users::set_notifications(&mut tx, &id, wants, wants).await.unwrap();
    tx.commit().await.unwrap();
    id
}

async fn only_profile(store: &Store, organisation: &OrganisationId) -> Profile {
    let mut tx = store.read().await.unwrap();
    profiles::list(&mut tx, organisation, &Filter::default(), 10).await.unwrap().remove(0)
}

fn hour(n: i64) -> Timestamp {
    T0 + Span::hours(n)
}

/// Every mail that is due, taken and sent.
async fn mails(store: &Store, now: Timestamp) -> Vec<Letter> {
    let letters = store.claim_letters(now, 100).await.unwrap();
    for letter in &letters {
        store.letter_sent(letter, now).await.unwrap();
    }
    letters
}

fn to(letters: &[Letter]) -> Vec<&str> {
    let mut to: Vec<&str> = letters.iter().map(|letter| letter.recipient.as_str()).collect();
    to.sort_unstable();
    to
}

#[tokio::test]
async fn promise_4_the_owner_then_the_team_then_the_admins() {
    for Fixture { store, .. } in each().await {
        let (organisation, admin) = organisation(&store).await;
        connect(&store, &organisation, "jana", &["1"], T0).await;
        let profile = only_profile(&store, &organisation).await;
        let owner = user(&store, &organisation, "owner1", Role::StandardUser, false).await;
        let member = user(&store, &organisation, "member", Role::StandardUser, true).await;
        let quiet = user(&store, &organisation, "quiet", Role::StandardUser, false).await;
        let mut tx = store.write().await.unwrap();
        let team = teams::create(&mut tx, &organisation, "Team", T0).await.unwrap();
        teams::set_members(&mut tx, &organisation, &team, &[member.clone(), quiet]).await.unwrap();
        profiles::set_owner_and_teams(&mut tx, &organisation, &profile.id, Some(&owner), &[team]).await.unwrap();
        tx.commit().await.unwrap();

        roles(&store, &["1"], true, hour(1)).await;
        let sent = mails(&store, hour(1)).await;
        assert_eq!(to(&sent), ["member@example.com"], "the owner did not ask for it: {}", store.describe());
        assert_eq!(sent[0].payload["rerouted"]["reason"], "owner_not_opted_in");
        assert_eq!(count(&store, "notification.rerouted").await, 1);

        let set = async |user: &UserId, wants: bool| {
            let mut tx = store.write().await.unwrap();
            users::set_notifications(&mut tx, user, wants, wants).await.unwrap();
            tx.commit().await.unwrap();
        };
        set(&member, false).await;
        roles(&store, &["1"], false, hour(2)).await;
        assert_eq!(to(&mails(&store, hour(2)).await), ["Owner@Example.com"], "the admin who wants it");
        set(&admin, false).await;
        let second = user(&store, &organisation, "second", Role::CompanyAdmin, false).await;
        roles(&store, &["1"], true, hour(3)).await;
        assert_eq!(to(&mails(&store, hour(3)).await), ["Owner@Example.com", "second@example.com"], "nobody wants it: every admin");
        set(&owner, true).await;
        set(&second, true).await;
        roles(&store, &["1"], false, hour(4)).await;
        assert_eq!(to(&mails(&store, hour(4)).await), ["owner1@example.com"]);
    }
}

#[tokio::test]
async fn nf_04_reminders_at_1_3_and_7_days_until_it_is_over_or_somebody_takes_it_on() {
    for Fixture { store, .. } in each().await {
        let (organisation, _) = organisation(&store).await;
        connect(&store, &organisation, "jana", &["1", "2"], T0).await;
        roles(&store, &["1", "2"], true, hour(1)).await;
        assert_eq!(mails(&store, hour(1)).await.len(), 1);
        let mut seen = vec![];
        for n in 2..24 * 12 {
            store.remind(hour(n)).await.unwrap();
            for letter in mails(&store, hour(n)).await {
                assert_eq!((letter.kind.as_str(), letter.payload["profiles"].as_array().unwrap().len()), ("reminder", 2));
                seen.push(((n - 1) / 24, letter.payload["days"].as_i64().unwrap()));
            }
        }
        assert_eq!(seen, [(1, 1), (3, 3), (7, 7)], "{}", store.describe());

        let later = 24 * 20;
        roles(&store, &["1", "2"], false, hour(later)).await;
        roles(&store, &["1", "2"], true, hour(later + 1)).await;
        mails(&store, hour(later + 1)).await;
        let mut tx = store.read().await.unwrap();
        let all = profiles::list(&mut tx, &organisation, &Filter::default(), 10).await.unwrap();
        drop(tx);
        let put_off = async |profile: &Profile, until: Option<Timestamp>| {
            let mut tx = store.write().await.unwrap();
            let done = reminders::put_off(&mut tx, &organisation, &profile.id, until, &Actor::System, hour(later + 2)).await.unwrap();
            tx.commit().await.unwrap();
            done
        };
        assert!(put_off(&all[0], None).await && put_off(&all[1], Some(hour(later + 50))).await);
        assert_eq!(store.remind(hour(later + 49)).await.unwrap(), 0, "taken on, and put off");
        assert_eq!(store.remind(hour(later + 51)).await.unwrap(), 1);
        assert_eq!(mails(&store, hour(later + 51)).await[0].payload["profiles"][0]["name"], "Page 2");
        roles(&store, &["1", "2"], false, hour(later + 52)).await;
        mails(&store, hour(later + 52)).await;
        assert_eq!(store.remind(hour(later + 24 * 30)).await.unwrap(), 0, "it is over");
        assert!(!put_off(&all[0], None).await, "there is nothing to put off");
    }
}

#[tokio::test]
async fn whoever_takes_a_red_profile_over_hears_of_it_and_gets_the_reminders_from_then_on() {
    for Fixture { store, .. } in each().await {
        let (organisation, _) = organisation(&store).await;
        connect(&store, &organisation, "jana", &["1"], T0).await;
        let (first, second) = (
            user(&store, &organisation, "first", Role::StandardUser, true).await,
            user(&store, &organisation, "second", Role::StandardUser, true).await,
        );
        let hand_over = async |to: &UserId, by: &Actor, at: Timestamp| {
            let before = only_profile(&store, &organisation).await;
            let mut tx = store.write().await.unwrap();
            profiles::set_owner_and_teams(&mut tx, &organisation, &before.id, Some(to), &[]).await.unwrap();
            let done = reminders::handed_over(&mut tx, &before, by, at).await.unwrap();
            tx.commit().await.unwrap();
            done
        };
        assert!(!hand_over(&first, &Actor::System, T0).await, "it works: nothing is handed over but the profile");
        roles(&store, &["1"], true, hour(1)).await;
        assert_eq!(to(&mails(&store, hour(1)).await), ["first@example.com"], "{}", store.describe());

        // The first owner takes care of it, which ends the reminders, and then gives it away.
        let profile = only_profile(&store, &organisation).await.id;
        let mut tx = store.write().await.unwrap();
        assert!(reminders::put_off(&mut tx, &organisation, &profile, None, &Actor::System, hour(2)).await.unwrap());
        tx.commit().await.unwrap();
        assert!(hand_over(&second, &Actor::System, hour(3)).await);
        let told = mails(&store, hour(3)).await;
        assert_eq!((to(&told), told[0].kind.as_str()), (vec!["second@example.com"], "no_access_tokens"));
        assert!(!hand_over(&second, &Actor::System, hour(4)).await, "the same owner once more is nothing new");
        assert!(mails(&store, hour(4)).await.is_empty());
        assert_eq!(store.remind(hour(26)).await.unwrap(), 0);
        assert_eq!(store.remind(hour(27)).await.unwrap(), 1, "a day after they took it over");
        assert_eq!(to(&mails(&store, hour(27)).await), ["second@example.com"]);
        assert_eq!(count(&store, "episode.handed_over").await, 1);

        // Who takes it themselves knows it; the reminders are theirs all the same.
        let own = Actor::User { id: first.to_string(), name: "first".into() };
        assert!(hand_over(&first, &own, hour(28)).await);
        assert!(mails(&store, hour(28)).await.is_empty());
        assert_eq!(store.remind(hour(28 + 24)).await.unwrap(), 1);
        assert_eq!(to(&mails(&store, hour(28 + 24)).await), ["first@example.com"]);
    }
}

#[tokio::test]
async fn nf_05_a_storm_is_five_messages_and_one_that_lists_the_rest() {
    for Fixture { store, .. } in each().await {
        let (organisation, _) = organisation(&store).await;
        for n in 0..12 {
            connect(&store, &organisation, &format!("person{n}"), &[&format!("page{n}")], T0).await;
        }
        run(&store, "UPDATE grants SET due_at = $1", &[hour(1).into()]).await;
        let node = store::ids::fresh();
        for held in crate::loops::claim(&store, &node, hour(1)).await {
            let commit = crate::loops::commit_of(&held, &crate::loops::dead(hour(1)), hour(1));
            lifecycle::ledger::Ledger::commit(&store, &commit).await.unwrap();
        }
        assert_eq!(mails(&store, hour(1)).await.len(), 5, "the first come one by one: {}", store.describe());
        let rest = mails(&store, hour(1) + Span::minutes(10)).await;
        assert_eq!((rest.len(), rest[0].kind.as_str()), (1, "storm"));
        let mut names: Vec<&str> =
            rest[0].payload["profiles"].as_array().unwrap().iter().map(|profile| profile["id"].as_str().unwrap()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), 7, "none is lost");
    }
}

#[tokio::test]
async fn what_waits_for_an_approval_is_told_at_once_and_the_rest_together() {
    for Fixture { store, .. } in each().await {
        let (organisation, admin) = organisation(&store).await;
        connect(&store, &organisation, "jana", &["1"], T0).await;
        let profile = only_profile(&store, &organisation).await;
        let ask = async |key: &str, at: Timestamp| {
            let author = store::events::Actor::ApiKey { id: "key_1".into(), name: "Planner".into() };
            let new = store::acts::NewAct {
                organisation: &organisation,
                profile: &profile.id,
                kind: "post",
                author: &author,
                key,
                content: b"secret words",
                approver: Some(&admin),
                ends_at: at + Span::hours(72),
            };
            let mut tx = store.write().await.unwrap();
            let id = store.note_act(&mut tx, &new, lifecycle::waiting::State::Waiting, at).await.unwrap().unwrap();
            let act = store::acts::get(&mut tx, &organisation, &id).await.unwrap().unwrap();
            let told = store::telling::ask_for_approval(&mut tx, &organisation, &admin, &act, "Planner", at).await.unwrap();
            tx.commit().await.unwrap();
            told
        };
        for n in 0..4 {
            assert_eq!(ask(&format!("k{n}"), hour(1)).await, 1);
        }
        let first = mails(&store, hour(1)).await;
        assert_eq!((first.len(), first[0].kind.as_str()), (1, "approval_wanted"), "{}", store.describe());
        let rest = mails(&store, hour(1) + Span::minutes(10)).await;
        assert_eq!((rest.len(), rest[0].kind.as_str()), (1, "approvals_wanted"));
        assert_eq!((rest[0].payload["count"].as_i64(), rest[0].payload["asks"].as_str()), (Some(3), Some("Planner")));
        ask("later", hour(2)).await;
        assert_eq!(mails(&store, hour(2)).await[0].kind, "approval_wanted", "a new occasion");
        run(&store, "UPDATE users SET notify_approvals = 0", &[]).await;
        assert_eq!(ask("unwanted", hour(9)).await, 0, "the reader wants none");
    }
}

#[tokio::test]
async fn nf_07_what_nobody_was_told_is_found_and_told_once() {
    for Fixture { store, .. } in each().await {
        let (organisation, _) = organisation(&store).await;
        connect(&store, &organisation, "jana", &["1"], T0).await;
        let profile = only_profile(&store, &organisation).await;
        let switch = async |on: bool| {
            let mut tx = store.write().await.unwrap();
            profiles::set_enabled(&mut tx, &organisation, &profile.id, on).await.unwrap();
            tx.commit().await.unwrap();
        };
        switch(false).await;
        roles(&store, &["1"], true, hour(1)).await;
        assert_eq!(store.tell_untold(hour(2)).await.unwrap(), 0, "what is switched off is silent");
        switch(true).await;
        assert_eq!(store.tell_untold(hour(2)).await.unwrap(), 1);
        assert_eq!(mails(&store, hour(2)).await[0].kind, "no_access_tokens", "{}", store.describe());
        assert_eq!(store.tell_untold(hour(3)).await.unwrap(), 0, "once");
        assert_eq!(store.remind(hour(27)).await.unwrap(), 1, "and it is called to mind like any other");
    }
}

#[tokio::test]
async fn nf_03_what_cannot_be_delivered_goes_to_the_admins_once() {
    for Fixture { store, .. } in each().await {
        let (organisation, _) = organisation(&store).await;
        connect(&store, &organisation, "jana", &["1"], T0).await;
        let profile = only_profile(&store, &organisation).await;
        let owner = user(&store, &organisation, "bounces", Role::StandardUser, true).await;
        let mut tx = store.write().await.unwrap();
        profiles::set_owner_and_teams(&mut tx, &organisation, &profile.id, Some(&owner), &[]).await.unwrap();
        tx.commit().await.unwrap();
        roles(&store, &["1"], true, hour(1)).await;
        let letter = store.claim_letters(hour(1), 10).await.unwrap().remove(0);
        assert_eq!(letter.recipient, "bounces@example.com");
        store.letter_given_up(&letter, "550 no such user", hour(2)).await.unwrap();
        let second = store.claim_letters(hour(2), 10).await.unwrap().remove(0);
        assert_eq!((second.recipient.as_str(), &second.payload["undelivered"]["to"]), ("Owner@Example.com", &"bounces@example.com".into()));
        store.letter_given_up(&second, "550 neither", hour(3)).await.unwrap();
        assert!(store.claim_letters(hour(3), 10).await.unwrap().is_empty(), "not in circles: {}", store.describe());
        assert_eq!(count(&store, "notification.failed").await, 2);
    }
}

#[tokio::test]
async fn nf_03_what_waits_for_somebody_who_is_removed_goes_to_the_admins() {
    for Fixture { store, .. } in each().await {
        let (organisation, admin) = organisation(&store).await;
        connect(&store, &organisation, "jana", &["1"], T0).await;
        let profile = only_profile(&store, &organisation).await;
        let mut tx = store.write().await.unwrap();
        users::set_notifications(&mut tx, &admin, false, false).await.unwrap();
        tx.commit().await.unwrap();
        for (deleted, at) in [(false, 1), (true, 3)] {
            let owner = user(&store, &organisation, &format!("owner{at}"), Role::StandardUser, true).await;
            let mut tx = store.write().await.unwrap();
            profiles::set_owner_and_teams(&mut tx, &organisation, &profile.id, Some(&owner), &[]).await.unwrap();
            tx.commit().await.unwrap();
            roles(&store, &["1"], true, hour(at)).await;
            let mut tx = store.write().await.unwrap();
            if deleted {
                assert!(users::delete(&mut tx, &organisation, &owner, hour(at)).await.unwrap());
                assert!(!users::delete(&mut tx, &organisation, &owner, hour(at)).await.unwrap(), "once");
            } else {
                let role = Role::StandardUser;
                assert!(users::set_standing(&mut tx, &organisation, &owner, role, Some(hour(at))).await.unwrap());
            }
            tx.commit().await.unwrap();
            let sent = mails(&store, hour(at)).await;
            assert_eq!(to(&sent), ["Owner@Example.com"], "the admin, although not asked for: {}", store.describe());
            assert_eq!(sent[0].payload["undelivered"]["to"], format!("owner{at}@example.com"));
            let after = only_profile(&store, &organisation).await;
            assert_eq!(after.owner.is_none(), deleted, "a deleted owner is none");
            roles(&store, &["1"], false, hour(at + 1)).await;
            mails(&store, hour(at + 1)).await;
        }
    }
}

#[tokio::test]
async fn nobody_counts_as_another_admin_who_cannot_sign_in() {
    for Fixture { store, .. } in each().await {
        let (organisation, admin) = organisation(&store).await;
        let second = user(&store, &organisation, "second", Role::CompanyAdmin, false).await;
        user(&store, &organisation, "standard", Role::StandardUser, false).await;
        let others = async || {
            let mut tx = store.write().await.unwrap();
            let count = users::other_admins(&mut tx, &organisation, &admin).await.unwrap();
            tx.commit().await.unwrap();
            count
        };
        assert_eq!(others().await, 0, "invited only: {}", store.describe());
        let mut tx = store.write().await.unwrap();
        users::set_password(&mut tx, &second, "hash").await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(others().await, 1);
        let mut tx = store.write().await.unwrap();
        users::set_standing(&mut tx, &organisation, &second, Role::CompanyAdmin, Some(T0)).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(others().await, 0, "switched off");
    }
}
