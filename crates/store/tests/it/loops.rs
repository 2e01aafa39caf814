//! The life of a connection in the tables: connected, green, dead, told once, repaired, deleted.

use std::collections::BTreeMap;

use lifecycle::diagnosis::Diagnosis;
use lifecycle::facts::Facts;
use lifecycle::grant::{self, Clocks, Event};
use lifecycle::ids::{NodeId, OrganisationId, UserId};
use lifecycle::ledger::{Claim, Commit, Committed, Ledger};
use lifecycle::permission::Role;
use lifecycle::secret::{Secret, TokenSet};
use lifecycle::status::Status;
use lifecycle::time::{Span, Timestamp};
use lifecycle::words::{Cause, Evidence, Source};
use store::connect::Authorized;
use store::connections::{self, Begun, Connection, Discovered, Taken};
use store::events::{self, Actor};
use store::grants::Place;
use store::presets::{self, Preset};
use store::profiles::{self, Filter, Narrow};
use store::users::{self, NewUser};
use store::{Store, ids};

use crate::{Fixture, each};

pub(crate) const T0: Timestamp = Timestamp::from_seconds(1_800_000_000);

pub(crate) fn facts() -> Facts {
    Facts { access_life: Some(Span::days(60)), ..Facts::unknown() }
}

pub(crate) async fn organisation(store: &Store) -> (OrganisationId, UserId) {
    let mut tx = store.write().await.unwrap();
    let (organisation, _) = users::first_organisation(&mut tx, "Test", T0).await.unwrap();
    let new = NewUser { email: "Owner@Example.com", name: "Owner", role: Role::CompanyAdmin, language: "de", password_hash: None };
    let user = match users::by_email(&mut tx, "owner@example.com").await.unwrap() {
        Some(user) => user.id,
        None => users::insert(&mut tx, &organisation, &new, T0).await.unwrap(),
    };
    let preset = Preset { owner: Some(user.clone()), ..Preset::built_in() };
    presets::set(&mut tx, &organisation, &preset, T0).await.unwrap();
    tx.commit().await.unwrap();
    (organisation, user)
}

pub(crate) fn found(id: &str) -> Discovered {
    Discovered {
        network_id: id.into(),
        kind: "page".into(),
        name: format!("Page {id}"),
        handle: None,
        avatar: None,
        role: "ADMINISTRATOR".into(),
        parent: None,
        unusable: None,
    }
}

pub(crate) async fn open(store: &Store, organisation: &OrganisationId, state: &str) -> connections_id::Id {
    let place = Place { network: "linkedin".into(), instance: String::new() };
    let begun = Begun { by: Actor::System, browser_hash: None, expected_people: vec![], profile: None, return_to: None };
    let id = ids::fresh();
    let memory = BTreeMap::from([("verifier".to_owned(), Secret::new("canary-verifier"))]);
    let mut tx = store.write().await.unwrap();
    store.open_connection(&mut tx, &id, organisation, &place, &begun, &Secret::new(state), &memory, T0, Span::minutes(30)).await.unwrap();
    tx.commit().await.unwrap();
    id
}

mod connections_id {
    pub(crate) type Id = lifecycle::ids::ConnectionId;
}

pub(crate) async fn take(store: &Store, network: &str, state: &str, now: Timestamp) -> Taken {
    let mut tx = store.write().await.unwrap();
    let taken = store.take_connection(&mut tx, network, &Secret::new(state), None, now).await.unwrap();
    tx.commit().await.unwrap();
    taken
}

/// Connects one person with so many pages.
pub(crate) async fn connect(store: &Store, organisation: &OrganisationId, person: &str, pages: &[&str], now: Timestamp) -> Connection {
    let state = format!("state-{}", ids::fresh::<lifecycle::ids::EventId>());
    open(store, organisation, &state).await;
    let Taken::Ours(connection, _) = take(store, "linkedin", &state, T0).await else { panic!("ours") };
    let discovered: Vec<_> = pages.iter().map(|page| found(page)).collect();
    let mut tokens = TokenSet::bearer(Secret::new("canary-access"), Some(Secret::new("canary-refresh")), vec!["a".into()]);
    tokens.notes.insert(store::connect::ALSO_KNOWN_AS.into(), format!("scoped-{person}"));
    let authorized = Authorized {
        tokens: &tokens,
        clocks: Clocks::default(),
        renewable: true,
        person_network_id: person,
        person_name: person,
        person_handle: None,
        person_across_apps: None,
        discovered: &discovered,
        comes_along: false,
    };
    let mut tx = store.write().await.unwrap();
    store.authorized(&mut tx, &connection, &authorized, &facts(), now).await.unwrap();
    let connection = connections::get(&mut tx, organisation, &connection.id).await.unwrap().unwrap();
    let chosen: Vec<String> = pages.iter().map(|page| (*page).to_owned()).collect();
    store.add_profiles(&mut tx, &connection, chosen.as_slice().into(), &facts(), &Actor::System, now).await.unwrap();
    let connection = connections::get(&mut tx, organisation, &connection.id).await.unwrap().unwrap();
    tx.commit().await.unwrap();
    connection
}

pub(crate) fn commit_of(claim: &Claim, event: &Event, now: Timestamp) -> Commit {
    let step = grant::step(&claim.grant, event, &facts(), now);
    Commit {
        lease: claim.lease.clone(),
        generation_before: claim.grant.generation,
        grant: step.grant,
        tokens: None,
        accesses: vec![],
        listed: None,
        closes: None,
        happenings: step.happenings,
        facts: facts(),
        now,
        keep_lease: false,
    }
}

pub(crate) async fn claim(store: &Store, node: &NodeId, now: Timestamp) -> Vec<Claim> {
    store.claim_due(node, now, Span::seconds(180), 100).await.unwrap()
}

pub(crate) fn dead(now: Timestamp) -> Event {
    Event::Probed(Diagnosis::over(Cause::PasswordChanged, Evidence::new(now, Source::Probe, Some(200), None, "revoked")))
}

#[tokio::test]
async fn connected_dead_told_once_repaired_deleted() {
    for Fixture { store, .. } in each().await {
        let (organisation, _) = organisation(&store).await;
        let connection = connect(&store, &organisation, "jana", &["1", "2"], T0).await;
        assert_eq!(connection.added.len(), 2, "{}", store.describe());
        let all = |status: Option<Status>| {
            let (store, organisation) = (store.clone(), organisation.clone());
            async move {
                let mut tx = store.read().await.unwrap();
                profiles::list(&mut tx, &organisation, &Filter { status, ..Filter::default() }, 10).await.unwrap()
            }
        };
        assert_eq!(all(Some(Status::Connected)).await.len(), 2);
        assert!(store.claim_letters(T0, 10).await.unwrap().is_empty(), "connecting is no news for mail");

        let later = T0 + Span::days(1);
        let node = ids::fresh();
        let claims = claim(&store, &node, later).await;
        assert_eq!(claims[0].tokens.refresh_token.as_ref().map(Secret::expose), Some("canary-refresh"));
        let commit = commit_of(&claims[0], &dead(later), later);
        assert_eq!(store.commit(&commit).await.unwrap(), Committed::Done { told: 1 });
        assert_eq!(all(Some(Status::Disconnected)).await.len(), 2);
        assert_eq!(store.commit(&commit).await.unwrap(), Committed::Superseded, "the lease was given back");

        let letters = store.claim_letters(later, 10).await.unwrap();
        assert_eq!(letters.len(), 1, "two profiles, one owner, one mail");
        assert_eq!(
            (letters[0].recipient.as_str(), letters[0].language.as_str(), letters[0].kind.as_str()),
            ("Owner@Example.com", "de", "no_access_tokens")
        );
        assert_eq!(letters[0].payload["profiles"].as_array().map(Vec::len), Some(2));
        assert!(store.claim_letters(later, 10).await.unwrap().is_empty(), "leased");
        store.letter_sent(&letters[0], later).await.unwrap();

        connect(&store, &organisation, "jana", &["1", "2"], later + Span::hours(1)).await;
        assert_eq!(all(Some(Status::Connected)).await.len(), 2);
        let cleared = store.claim_letters(later + Span::hours(1), 10).await.unwrap();
        assert_eq!(cleared.iter().map(|letter| letter.kind.as_str()).collect::<Vec<_>>(), ["recovered"]);

        for profile in all(None).await {
            let mut tx = store.write().await.unwrap();
            assert!(store.delete_profile(&mut tx, &organisation, &profile.id, &Actor::System, later).await.unwrap());
            tx.commit().await.unwrap();
        }
        let owed = store.claim_revocations(later, 10).await.unwrap();
        assert_eq!(owed.len(), 1, "one person, one revocation");
        assert_eq!(owed[0].tokens.access_token.expose(), "canary-access");
        let mut tx = store.read().await.unwrap();
        let kinds: Vec<String> = events::after(&mut tx, &organisation, 0, 200).await.unwrap().into_iter().map(|event| event.kind).collect();
        for kind in [
            "grant.authorized",
            "profile.connected",
            "grant.needs_person",
            "profile.disconnected",
            "notification.sent",
            "profile.recovered",
            "profile.deleted",
        ] {
            assert!(kinds.iter().any(|seen| seen == kind), "{kind} is missing in {kinds:?}");
        }
    }
}

#[tokio::test]
async fn nt_01_a_state_is_ours_once_in_time_and_for_its_network() {
    for Fixture { store, .. } in each().await {
        let (organisation, _) = organisation(&store).await;
        open(&store, &organisation, "s1").await;
        assert!(matches!(take(&store, "linkedin", "other", T0).await, Taken::Foreign));
        assert!(matches!(take(&store, "tiktok", "s1", T0).await, Taken::Foreign), "mix-up: another network's callback");
        let tasks: Vec<_> = (0..20)
            .map(|_| {
                let store = store.clone();
                tokio::spawn(async move { matches!(take(&store, "linkedin", "s1", T0).await, Taken::Ours(..)) })
            })
            .collect();
        let mut ours = 0;
        for task in tasks {
            ours += usize::from(task.await.unwrap());
        }
        assert_eq!(ours, 1, "{}", store.describe());
        open(&store, &organisation, "s2").await;
        assert!(matches!(take(&store, "linkedin", "s2", T0 + Span::hours(1)).await, Taken::Expired(_)));
    }
}

#[tokio::test]
async fn nobody_to_tell_is_recorded_not_silent() {
    for Fixture { store, .. } in each().await {
        let (organisation, user) = organisation(&store).await;
        connect(&store, &organisation, "jana", &["1"], T0).await;
        let mut tx = store.write().await.unwrap();
        // The only one there is, gone: whoever merely did not ask for mails is told all the same (see routing.rs).
        users::set_standing(&mut tx, &organisation, &user, Role::CompanyAdmin, Some(T0)).await.unwrap();
        tx.commit().await.unwrap();
        let later = T0 + Span::days(1);
        let claims = claim(&store, &ids::fresh(), later).await;
        assert_eq!(store.commit(&commit_of(&claims[0], &dead(later), later)).await.unwrap(), Committed::Done { told: 0 });
        let mut tx = store.read().await.unwrap();
        let log = events::after(&mut tx, &organisation, 0, 200).await.unwrap();
        let nobody = log.iter().find(|event| event.kind == "notification.nobody").expect("recorded");
        assert_eq!(nobody.detail["reason"], "owner_disabled");
        assert!(log.windows(2).all(|pair| pair[1].position == pair[0].position + 1), "positions have no gaps");
    }
}

#[tokio::test]
async fn lists_page_by_cursor_and_show_a_standard_user_only_theirs() {
    for Fixture { store, .. } in each().await {
        let (organisation, _) = organisation(&store).await;
        let pages: Vec<String> = (0..7).map(|n| format!("p{n}")).collect();
        connect(&store, &organisation, "jana", &pages.iter().map(String::as_str).collect::<Vec<_>>(), T0).await;
        let mut tx = store.write().await.unwrap();
        let new = NewUser { email: "s@example.com", name: "S", role: Role::StandardUser, language: "en", password_hash: None };
        let standard = users::insert(&mut tx, &organisation, &new, T0).await.unwrap();
        let mut seen = vec![];
        let mut after = None;
        loop {
            let page = profiles::list(&mut tx, &organisation, &Filter { after: after.clone(), ..Filter::default() }, 3).await.unwrap();
            let Some(last) = page.last() else { break };
            after = Some(store::sorting::Place::by_name(profiles::sort_key(&last.name), last.id.to_string()));
            seen.extend(page.into_iter().map(|profile| profile.name));
        }
        assert_eq!(seen, (0..7).map(|n| format!("Page p{n}")).collect::<Vec<_>>());
        let mine = Filter { visible_to: Some(Narrow::User(standard.clone())), ..Filter::default() };
        assert!(profiles::list(&mut tx, &organisation, &mine, 10).await.unwrap().is_empty());
        let one = profiles::list(&mut tx, &organisation, &Filter { q: Some("P3".into()), ..Filter::default() }, 10).await.unwrap();
        assert_eq!(one.len(), 1, "search ignores case");
        profiles::set_owner_and_teams(&mut tx, &organisation, &one[0].id, Some(&standard), &[]).await.unwrap();
        assert_eq!(profiles::list(&mut tx, &organisation, &mine, 10).await.unwrap().len(), 1);
        assert!(
            profiles::list(&mut tx, &organisation, &Filter { q: Some("100%_".into()), ..Filter::default() }, 10).await.unwrap().is_empty(),
            "wildcards are plain"
        );
    }
}
