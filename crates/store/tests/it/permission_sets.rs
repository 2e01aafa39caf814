//! Permission sets: given company-wide or for a team, and gone with whatever they hang on.

use lifecycle::permission::{Act, Permission, Role};
use store::permission_sets::{self, Given, PermissionSet, Place};
use store::profiles::{self, Filter, Narrow};
use store::users::{self, NewUser};
use store::{StoreError, Tx, teams};

use crate::loops::{T0, connect, organisation};
use crate::{Fixture, each};

async fn words(tx: &mut Tx, user: &lifecycle::ids::UserId) -> Vec<String> {
    permission_sets::permissions_of(tx, user).await.unwrap().iter().map(Permission::to_string).collect()
}

#[tokio::test]
async fn what_was_given_is_read_back_and_goes_with_set_team_and_user() {
    for Fixture { store, .. } in each().await {
        let (organisation, _) = organisation(&store).await;
        let mut tx = store.write().await.unwrap();
        let new = NewUser { email: "mira@example.com", name: "Mira", role: Role::Viewer, language: "en", password_hash: None };
        let mira = users::insert(&mut tx, &organisation, &new, T0).await.unwrap();
        assert_eq!(users::by_id(&mut tx, &mira).await.unwrap().unwrap().role, Role::Viewer);
        let team = teams::create(&mut tx, &organisation, "Guides", T0).await.unwrap();
        let acts = [Act::SeeProfile, Act::Publish, Act::ManageTeams, Act::SeeAudit];
        let wide = permission_sets::create(&mut tx, &organisation, "All", &acts, T0).await.unwrap();
        let other = permission_sets::create(&mut tx, &organisation, "Audit", &[Act::SeeAudit], T0).await.unwrap();
        let both = [Given { set: wide.clone(), place: Place::Team(team.clone()) }, Given { set: other.clone(), place: Place::Everywhere }];
        permission_sets::give(&mut tx, &organisation, &mira, &both).await.unwrap();
        let mut found = permission_sets::of_user(&mut tx, &mira).await.unwrap();
        found.sort();
        let mut expected = both.to_vec();
        expected.sort();
        assert_eq!(found, expected, "{}", store.describe());
        assert_eq!(permission_sets::given(&mut tx, &organisation).await.unwrap()[&mira].len(), 2);
        // For a team only what can be narrowed to one.
        let mut held = words(&mut tx, &mira).await;
        held.sort();
        let of_team = |word: &str| format!("{word} team={team}");
        assert_eq!(held, ["audit:read".to_owned(), of_team("posts:write"), of_team("profiles:read"), of_team("teams:manage")]);

        // For a tag what is about profiles, once however it is written.
        let of_tag = |text: &str| Given { set: wide.clone(), place: Place::Tag(text.parse().unwrap()) };
        permission_sets::give(&mut tx, &organisation, &mira, &[of_tag("Launch"), of_tag("launch")]).await.unwrap();
        assert_eq!(permission_sets::of_user(&mut tx, &mira).await.unwrap(), [of_tag("LAUNCH")]);
        assert_eq!(words(&mut tx, &mira).await, ["profiles:read tag=Launch", "posts:write tag=Launch"], "{}", store.describe());

        // A set or team of nobody here is left out.
        let elsewhere = [
            Given { set: store::ids::fresh(), place: Place::Everywhere },
            Given { set: other.clone(), place: Place::Team(store::ids::fresh()) },
        ];
        permission_sets::give(&mut tx, &organisation, &mira, &elsewhere).await.unwrap();
        assert!(permission_sets::of_user(&mut tx, &mira).await.unwrap().is_empty());
        permission_sets::give(&mut tx, &organisation, &mira, &both).await.unwrap();

        let renamed = PermissionSet { id: other.clone(), name: "Auditors".into(), acts: vec![Act::SeeAudit, Act::Export] };
        assert!(permission_sets::change(&mut tx, &organisation, &renamed).await.unwrap());
        assert!(words(&mut tx, &mira).await.contains(&"export:read".to_owned()));
        teams::delete(&mut tx, &organisation, &team).await.unwrap();
        assert_eq!(words(&mut tx, &mira).await.len(), 2, "nothing wider is left of what was for the team");
        assert!(permission_sets::delete(&mut tx, &organisation, &other).await.unwrap());
        assert!(!permission_sets::delete(&mut tx, &organisation, &other).await.unwrap());
        assert!(words(&mut tx, &mira).await.is_empty());
        permission_sets::give(&mut tx, &organisation, &mira, &[Given { set: wide, place: Place::Everywhere }]).await.unwrap();
        assert!(users::delete(&mut tx, &organisation, &mira, T0).await.unwrap());
        assert!(permission_sets::given(&mut tx, &organisation).await.unwrap().is_empty());
        tx.commit().await.unwrap();
        let mut tx = store.write().await.unwrap();
        let taken = permission_sets::create(&mut tx, &organisation, "All", &acts, T0).await;
        assert!(taken.is_err_and(|error: StoreError| error.is_duplicate()));
    }
}

#[tokio::test]
async fn a_list_is_narrowed_to_role_and_sets_together() {
    for Fixture { store, .. } in each().await {
        let (organisation, _) = organisation(&store).await;
        connect(&store, &organisation, "jana", &["a", "b", "c", "d"], T0).await;
        let mut tx = store.write().await.unwrap();
        let new = NewUser { email: "mira@example.com", name: "Mira", role: Role::Viewer, language: "en", password_hash: None };
        let mira = users::insert(&mut tx, &organisation, &new, T0).await.unwrap();
        let (own, given) = (
            teams::create(&mut tx, &organisation, "Own", T0).await.unwrap(),
            teams::create(&mut tx, &organisation, "Given", T0).await.unwrap(),
        );
        teams::set_members(&mut tx, &organisation, &own, std::slice::from_ref(&mira)).await.unwrap();
        let all = profiles::list(&mut tx, &organisation, &Filter::default(), 10).await.unwrap();
        let (a, b, c) = (&all[0].id, &all[1].id, &all[2].id);
        profiles::set_owner_and_teams(&mut tx, &organisation, a, Some(&mira), &[]).await.unwrap();
        profiles::set_owner_and_teams(&mut tx, &organisation, b, None, std::slice::from_ref(&own)).await.unwrap();
        profiles::set_owner_and_teams(&mut tx, &organisation, c, None, std::slice::from_ref(&given)).await.unwrap();
        let reach = lifecycle::permission::Reach { teams: vec![given], ..Default::default() };
        let by_sets = Narrow::Reaches(vec![reach]);
        let both = Narrow::Either(vec![Narrow::User(mira.clone()), by_sets.clone()]);
        let repairs = Narrow::Either(vec![Narrow::Owner(mira.clone()), by_sets.clone()]);
        for (narrow, expected) in [
            (both, vec![a, b, c]),
            (repairs, vec![a, c]),
            (by_sets, vec![c]),
            (Narrow::Owner(mira), vec![a]),
            (Narrow::Either(vec![]), vec![]),
        ] {
            let filter = Filter { visible_to: Some(narrow.clone()), ..Filter::default() };
            let found = profiles::list(&mut tx, &organisation, &filter, 10).await.unwrap();
            assert_eq!(found.iter().map(|profile| &profile.id).collect::<Vec<_>>(), expected, "{narrow:?} {}", store.describe());
            assert_eq!(profiles::matching(&mut tx, &organisation, &filter).await.unwrap(), i64::try_from(expected.len()).unwrap());
        }
    }
}
