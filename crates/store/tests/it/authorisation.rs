//! API keys with what they carry: read back whole, counted exactly, and lists narrowed to what the rules say.

use lifecycle::ids::{ApiKeyId, TeamId};
use lifecycle::permission::{Act, Permission, Rate, Reach};
use lifecycle::secret::Secret;
use lifecycle::time::Span;
use store::api_keys::{self, NewApiKey};
use store::events::Actor;
use store::profiles::{self, Filter, Narrow};
use store::{Store, Tx, acts, teams};

use crate::loops::{T0, connect, organisation};
use crate::{Fixture, each};

async fn key(store: &Store, organisation: &lifecycle::ids::OrganisationId, permissions: &[Permission]) -> lifecycle::ids::ApiKeyId {
    let mut tx = store.write().await.unwrap();
    let new = NewApiKey { name: "tool", permissions, created_by: Some("usr_1"), expires_at: Some(T0 + Span::days(1)) };
    let id = api_keys::create(&mut tx, organisation, &new, &Secret::new("sg_canary"), T0).await.unwrap();
    tx.commit().await.unwrap();
    id
}

#[tokio::test]
async fn a_key_is_read_back_with_all_it_carries_and_only_in_its_organisation() {
    for Fixture { store, .. } in each().await {
        let (organisation, _) = organisation(&store).await;
        let permissions: Vec<Permission> =
            vec![Act::SeeProfile.into(), "api:call GET /rest/** network=threads rate=5/1h until=2030-01-01".parse().unwrap()];
        let id = key(&store, &organisation, &permissions).await;
        let mut tx = store.write().await.unwrap();
        let found = api_keys::find(&mut tx, &organisation, &Secret::new("sg_canary")).await.unwrap().unwrap();
        assert_eq!((found.id.clone(), found.permissions, found.expires_at), (id.clone(), permissions.into(), Some(T0 + Span::days(1))));
        assert_eq!(found.created_by.as_deref(), Some("usr_1"));
        let other = store::ids::fresh();
        assert!(api_keys::find(&mut tx, &other, &Secret::new("sg_canary")).await.unwrap().is_none(), "another tenant has no such key");
        assert!(api_keys::by_id(&mut tx, &other, &id).await.unwrap().is_none());
        assert!(!api_keys::revoke(&mut tx, &other, &id, T0).await.unwrap());
        assert!(api_keys::revoke(&mut tx, &organisation, &id, T0).await.unwrap());
        assert!(api_keys::find(&mut tx, &organisation, &Secret::new("sg_canary")).await.unwrap().is_none());
    }
}

/// As many at once as want: never more than the rate says go through, and the next window is a new one.
#[tokio::test]
async fn a_rate_is_counted_exactly() {
    for Fixture { store, .. } in each().await {
        let (organisation, _) = organisation(&store).await;
        let permission: Permission = "posts:write rate=7/1h".parse().unwrap();
        let id = key(&store, &organisation, std::slice::from_ref(&permission)).await;
        let use_once = async |at| {
            let mut tx = store.write().await.unwrap();
            let rate: Rate = permission.rate.unwrap();
            let fits = api_keys::count_use(&mut tx, &id, &permission, rate, at).await.unwrap();
            if fits {
                tx.commit().await.unwrap();
            }
            fits
        };
        let all = futures_util::future::join_all((0..20).map(|n| use_once(T0 + Span::seconds(n)))).await;
        assert_eq!(all.into_iter().filter(|fits| *fits).count(), 7, "{}", store.describe());
        let (_, next) = permission.rate.unwrap().window(T0);
        assert!(!use_once(next - Span::micros(1)).await);
        assert!(use_once(next).await);
    }
}

#[tokio::test]
async fn lists_are_narrowed_to_what_a_reach_covers() {
    for Fixture { store, .. } in each().await {
        let (organisation, _) = organisation(&store).await;
        connect(&store, &organisation, "jana", &["a", "b", "c"], T0).await;
        let mut tx = store.write().await.unwrap();
        let team: TeamId = teams::create(&mut tx, &organisation, "Guides", T0).await.unwrap();
        let all = profiles::list(&mut tx, &organisation, &Filter::default(), 10).await.unwrap();
        profiles::set_owner_and_teams(&mut tx, &organisation, &all[1].id, None, std::slice::from_ref(&team)).await.unwrap();
        let all = profiles::list(&mut tx, &organisation, &Filter::default(), 10).await.unwrap();
        let network = all[0].network.clone();
        let reaches = [
            Reach::default(),
            Reach { profiles: vec![all[0].id.clone(), all[2].id.clone()], ..Reach::default() },
            Reach { teams: vec![team.clone()], ..Reach::default() },
            Reach { networks: vec!["elsewhere".into()], ..Reach::default() },
            Reach { profiles: vec![all[0].id.clone()], teams: vec![team.clone()], networks: vec![network], tags: vec![] },
        ];
        for some in [vec![], vec![0], vec![1], vec![2], vec![3], vec![4], vec![1, 2], vec![3, 4]] {
            let chosen: Vec<Reach> = some.iter().map(|at: &usize| reaches[*at].clone()).collect();
            let covered = |profile: &&profiles::Profile| {
                chosen.iter().any(|reach| reach.covers(&profile.id, &profile.network, &profile.teams, &profile.tags))
            };
            let expected: Vec<_> = all.iter().filter(covered).map(|profile| profile.id.clone()).collect();
            let filter = Filter { visible_to: Some(Narrow::Reaches(chosen.clone())), ..Filter::default() };
            let found = profiles::list(&mut tx, &organisation, &filter, 10).await.unwrap();
            assert_eq!(found.into_iter().map(|profile| profile.id).collect::<Vec<_>>(), expected, "{some:?}");
        }
    }
}

/// A team of a few is read from its members, a large one in the order of the list; on each page stand the same profiles.
#[tokio::test]
async fn a_team_is_listed_alike_however_large_it_is() {
    for Fixture { store, .. } in each().await {
        let (organisation, _) = organisation(&store).await;
        let mut tx = store.write().await.unwrap();
        let few = teams::create(&mut tx, &organisation, "Few", T0).await.unwrap();
        let many = teams::create(&mut tx, &organisation, "Many", T0).await.unwrap();
        for n in 0..2_200 {
            let both = [many.clone(), few.clone()];
            let (id, name) = (n.to_string(), format!("Page {n:04}"));
            let expected = profiles::Expected {
                network: "linkedin",
                instance: "",
                network_id: &id,
                kind: "page",
                name: &name,
                handle: None,
                owner: None,
                teams: if n % 100 == 0 { &both } else { &both[..1] },
                notify_no_access: true,
                notify_renew_soon: true,
            };
            assert!(profiles::expect(&mut tx, &organisation, &expected, T0).await.unwrap().is_some());
        }
        let named = |n: usize| format!("Page {n:04}");
        let of = |team: &TeamId| Filter { team: Some(team.clone()), ..Filter::default() };
        let list = async |tx: &mut store::Tx, filter: &Filter| {
            let found = profiles::list(tx, &organisation, filter, 5).await.unwrap();
            found.into_iter().map(|profile| profile.name).collect::<Vec<_>>()
        };
        assert_eq!(list(&mut tx, &of(&few)).await, [0, 100, 200, 300, 400].map(named), "{}", store.describe());
        assert_eq!(list(&mut tx, &of(&many)).await, [0, 1, 2, 3, 4].map(named));
        let counted = async |tx: &mut store::Tx, team| profiles::matching(tx, &organisation, &of(team)).await.unwrap();
        assert_eq!((counted(&mut tx, &few).await, counted(&mut tx, &many).await), (22, 2_200));
    }
}

fn sources(folder: &std::path::Path, found: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push((path.display().to_string(), std::fs::read_to_string(&path).unwrap()));
        }
    }
}

/// NT-19, by structure: a secret is never compared as it is, and is looked up by its hash only. What no line does, no clock can tell.
#[test]
fn nt_19_secrets_are_looked_up_by_hash_and_never_compared_as_they_are() {
    let crates = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut found = vec![];
    for name in ["lifecycle", "networks", "store", "keeper", "server", "staygreen"] {
        sources(&crates.join(name).join("src"), &mut found);
    }
    assert!(found.len() > 100);
    let mut lookups = 0;
    for (path, text) in found {
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for line in code.lines() {
            for wrong in [".expose() ==", ".expose() !=", "== secret.expose()", "!= secret.expose()", "== token.expose()"] {
                assert!(!line.contains(wrong), "{path}: {line}");
            }
        }
        // Each file that looks something up by `secret_hash` hashes what it was given.
        if code.contains("secret_hash = $") {
            lookups += 1;
            assert!(code.contains("hash("), "{path} looks up a secret that it does not hash");
        }
    }
    assert!(lookups >= 3, "the look-ups were found: {lookups}");
}

#[tokio::test]
async fn a_key_that_is_lent_to_the_operator_is_in_no_list_and_gone_when_it_is_taken_back() {
    for Fixture { store, .. } in each().await {
        let (organisation, _) = organisation(&store).await;
        let mut tx = store.write().await.unwrap();
        let everything: [Permission; 2] = ["users:manage".parse().unwrap(), "tokens:read".parse().unwrap()];
        let (secret, life) = (Secret::new("sg_lent"), Span::minutes(10));
        let lend = async |tx: &mut Tx, secret: &Secret, now| {
            api_keys::lend_to_operator(tx, &organisation, "command line", &everything, secret, now, life).await.unwrap()
        };
        // As they were kept before.
        let ended = NewApiKey { name: "command line", permissions: &everything, created_by: None, expires_at: Some(T0) };
        api_keys::create(&mut tx, &organisation, &ended, &Secret::new("sg_before"), T0 - life).await.unwrap();
        let tool = NewApiKey { name: "command line", permissions: &everything[..1], ..ended };
        let kept = api_keys::create(&mut tx, &organisation, &tool, &Secret::new("sg_tool"), T0).await.unwrap();
        let id = lend(&mut tx, &secret, T0).await;
        let listed = api_keys::list(&mut tx, &organisation).await.unwrap();
        assert_eq!(listed.iter().map(|key| &key.id).collect::<Vec<_>>(), [&kept], "nobody else's is cleared away");
        let found = api_keys::find(&mut tx, &organisation, &secret).await.unwrap().unwrap();
        assert_eq!((&found.id, found.expires_at), (&id, Some(T0 + life)));
        let lent_on = |until| NewApiKey { name: "command line", permissions: &everything, created_by: None, expires_at: Some(until) };
        api_keys::lend_on(&mut tx, &organisation, &id, &lent_on(T0 + life + life), &secret, T0).await.unwrap();
        assert_eq!(api_keys::by_id(&mut tx, &organisation, &id).await.unwrap().unwrap().expires_at, Some(T0 + life + life));
        // A command that was killed left it; another is at work.
        let other = lend(&mut tx, &Secret::new("sg_other"), T0 + life).await;
        lend(&mut tx, &Secret::new("sg_next"), T0 + life + life).await;
        assert!(api_keys::by_id(&mut tx, &organisation, &id).await.unwrap().is_none(), "the next command clears it away");
        assert!(api_keys::by_id(&mut tx, &organisation, &other).await.unwrap().is_none());
        // One that was only quiet for so long goes on.
        api_keys::lend_on(&mut tx, &organisation, &id, &lent_on(T0 + life.times(4, 1)), &secret, T0 + life.times(3, 1)).await.unwrap();
        assert_eq!(api_keys::find(&mut tx, &organisation, &secret).await.unwrap().unwrap().id, id);
        let acting = |id: &ApiKeyId| Actor::ApiKey { id: id.to_string(), name: "command line".into() };
        assert_eq!(acts::id_of(&acting(&id)), acts::id_of(&acting(&other)), "what one command did is not done again by the next");
        assert_ne!(acts::id_of(&acting(&kept)), acts::id_of(&acting(&id)));
        api_keys::take_back(&mut tx, &id).await.unwrap();
        assert!(api_keys::find(&mut tx, &organisation, &secret).await.unwrap().is_none());
    }
}
