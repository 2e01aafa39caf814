//! Lists of profiles, whatever they are narrowed to and however they are sorted: the same from every index, and none is sorted that has one.

use lifecycle::ids::{OrganisationId, ProfileId, TeamId, UserId};
use lifecycle::permission::{Reach, Role};
use lifecycle::status::Status;
use lifecycle::words::Cause;
use store::profiles::{self, Filter, Narrow, Profile};
use store::sorting::{Column, Sort};
use store::{Store, Tx, teams, users};

use crate::loops::{T0, connect, organisation};
use crate::routing::user;
use crate::{Fixture, each, run};

/// What is in the lists.
struct House {
    organisation: OrganisationId,
    owners: Vec<UserId>,
    teams: Vec<TeamId>,
}

/// Sixty profiles of two networks, in every status, of two owners or none, in one of two teams, both or none.
async fn fill(store: &Store) -> House {
    let (organisation, _) = organisation(store).await;
    let ids: Vec<String> = (0..60).map(|n| n.to_string()).collect();
    connect(store, &organisation, "jana", &ids.iter().map(String::as_str).collect::<Vec<_>>(), T0).await;
    let owners = [
        user(store, &organisation, "Mira", Role::StandardUser, true).await,
        user(store, &organisation, "Ärne", Role::StandardUser, true).await,
    ];
    let mut tx = store.write().await.unwrap();
    let both =
        [teams::create(&mut tx, &organisation, "One", T0).await.unwrap(), teams::create(&mut tx, &organisation, "Two", T0).await.unwrap()];
    teams::set_members(&mut tx, &organisation, &both[0], &owners[..1]).await.unwrap();
    for profile in profiles::list(&mut tx, &organisation, &Filter::default(), 100).await.unwrap() {
        let n: usize = profile.network_id.parse().unwrap();
        let of: Vec<TeamId> =
            both.iter().zip([n.is_multiple_of(2), n % 5 < 2]).filter(|(_, is_in)| *is_in).map(|(team, _)| team.clone()).collect();
        profiles::set_owner_and_teams(&mut tx, &organisation, &profile.id, owners.get(n % 3), &of).await.unwrap();
        let status = [Status::Connected, Status::Disconnected, Status::RenewSoon, Status::Unverified, Status::Connected][n * 7 / 4 % 5];
        let cause = match status {
            Status::Disconnected => Some(if n.is_multiple_of(4) { Cause::Expired } else { Cause::PasswordChanged }),
            Status::RenewSoon => Some(Cause::RenewalDue),
            Status::Connected | Status::Unverified => None,
        };
        let mut standing = profile.standing.clone();
        (standing.status, standing.cause) = (status, cause);
        standing.deadline = (n % 4 > 1).then(|| T0 + lifecycle::time::Span::days(i64::try_from(n % 7).unwrap()));
        let name = format!("Page {}", (n * 17) % 25);
        let values = [
            profile.id.as_str().into(),
            status.as_str().into(),
            cause.map(Cause::as_str).into(),
            standing.deadline.into(),
            serde_json::to_string(&standing).unwrap().into(),
            name.as_str().into(),
            profiles::sort_key(&name).into(),
            (if n % 4 == 1 { "xing" } else { profile.network.as_str() }).into(),
        ];
        let sql = "UPDATE profiles SET status = $2, cause = $3, deadline = $4, standing = $5, name = $6, sort_key = $7, network = $8 WHERE id = $1";
        tx.run(sql, &values).await.unwrap();
    }
    tx.commit().await.unwrap();
    House { organisation, owners: owners.into(), teams: both.into() }
}

/// Whether a filter lets a profile through.
type Lets<'a> = Box<dyn Fn(&Profile) -> bool + 'a>;

/// Each filter alone, with the profiles it lets through.
fn filters<'a>(house: &'a House) -> Vec<(&'static str, Filter, Lets<'a>)> {
    let nothing = Filter::default;
    let (mira, one, two) = (&house.owners[0], &house.teams[0], &house.teams[1]);
    let reach = |networks: &[&str], teams: &[&TeamId], ids: &[ProfileId]| Reach {
        networks: networks.iter().map(|network| (*network).to_owned()).collect(),
        teams: teams.iter().map(|team| (*team).clone()).collect(),
        profiles: ids.to_vec(),
    };
    let mut all: Vec<(&'static str, Filter, Lets<'a>)> = vec![
        ("nothing", nothing(), Box::new(|_| true)),
        ("network", Filter { network: Some("xing".into()), ..nothing() }, Box::new(|profile| profile.network == "xing")),
        ("owner", Filter { owner: Some(mira.clone()), ..nothing() }, Box::new(|profile| profile.owner.as_ref() == Some(mira))),
        ("team", Filter { team: Some(two.clone()), ..nothing() }, Box::new(|profile| profile.teams.contains(two))),
        ("text", Filter { q: Some("E 1".into()), ..nothing() }, Box::new(|profile| profile.name.contains("e 1"))),
    ];
    for status in Status::ALL.iter().copied() {
        all.push(("status", Filter { status: Some(status), ..nothing() }, Box::new(move |profile| profile.standing.status == status)));
    }
    for cause in [Cause::Expired, Cause::RenewalDue] {
        all.push(("cause", Filter { cause: Some(cause), ..nothing() }, Box::new(move |profile| profile.standing.cause == Some(cause))));
    }
    let mut sees = |narrow, lets: Lets<'a>| all.push(("sight", Filter { visible_to: Some(narrow), ..nothing() }, lets));
    sees(Narrow::User(mira.clone()), Box::new(|profile| profile.owner.as_ref() == Some(mira) || profile.teams.contains(one)));
    sees(Narrow::Owner(mira.clone()), Box::new(|profile| profile.owner.as_ref() == Some(mira)));
    sees(Narrow::Reaches(vec![]), Box::new(|_| false));
    let reaches = vec![reach(&["xing"], &[one], &[]), reach(&[], &[two], &[])];
    let covers = |profile: &Profile| profile.teams.contains(two) || (profile.network == "xing" && profile.teams.contains(one));
    sees(Narrow::Reaches(reaches.clone()), Box::new(covers));
    let own = Narrow::Owner(house.owners[1].clone());
    let other = &house.owners[1];
    sees(
        Narrow::Either(vec![own, Narrow::Reaches(reaches)]),
        Box::new(move |profile| profile.owner.as_ref() == Some(other) || covers(profile)),
    );
    all
}

fn both(one: &Filter, other: &Filter) -> Filter {
    Filter {
        network: one.network.clone().or_else(|| other.network.clone()),
        status: one.status.or(other.status),
        cause: one.cause.or(other.cause),
        owner: one.owner.clone().or_else(|| other.owner.clone()),
        team: one.team.clone().or_else(|| other.team.clone()),
        q: one.q.clone().or_else(|| other.q.clone()),
        visible_to: one.visible_to.clone().or_else(|| other.visible_to.clone()),
        ..Filter::default()
    }
}

/// What the index of a list by name has before the names.
fn first(filter: &Filter) -> &'static str {
    match (filter.cause, &filter.owner, &filter.network) {
        (Some(_), _, _) => "cause=?",
        (None, Some(_), _) => "owner_id=?",
        (None, None, Some(_)) => "network=?",
        (None, None, None) => "organisation_id=?",
    }
}

/// All of a list, page by page, where `few` are looked up one by one.
async fn paged(tx: &mut Tx, house: &House, filter: &Filter, few: i64, names: &[users::User]) -> Vec<ProfileId> {
    let (mut seen, mut after) = (vec![], None);
    loop {
        let page = profiles::list_from(tx, &house.organisation, &Filter { after, ..filter.clone() }, 7, few).await.unwrap();
        let Some(last) = page.last() else { break seen };
        let owner = names.iter().find(|user| Some(&user.id) == last.owner.as_ref()).map_or("", |user| user.name.as_str());
        after = Some(filter.sort.place(last, owner));
        seen.extend(page.into_iter().map(|profile| profile.id));
        assert!(seen.len() <= 60, "it does not end: {filter:?}");
    }
}

/// With none taken for few, everything is read in order; with all, everything is gathered and sorted.
#[tokio::test]
async fn each_two_filters_let_the_same_through_in_the_same_order_whichever_way_they_are_read() {
    for Fixture { store, .. } in each().await {
        let house = fill(&store).await;
        let mut tx = store.read().await.unwrap();
        let names = users::list(&mut tx, &house.organisation).await.unwrap();
        let everything = profiles::list(&mut tx, &house.organisation, &Filter::default(), 100).await.unwrap();
        assert_eq!(everything.len(), 60);
        let all = filters(&house);
        for (at, (kind, one, lets)) in all.iter().enumerate() {
            for (_, other, also) in all[at..].iter().filter(|(other, ..)| kind != other || *kind == "nothing") {
                for by in Column::ALL {
                    let descending = at % 2 == 1;
                    let sort = Sort { by, descending };
                    let filter = Filter { sort, ..both(one, other) };
                    let owner = |profile: &Profile| {
                        names.iter().find(|user| Some(&user.id) == profile.owner.as_ref()).map_or("", |user| &user.name)
                    };
                    let mut expected: Vec<&Profile> = everything.iter().filter(|profile| lets(profile) && also(profile)).collect();
                    expected.sort_by_key(|profile| sort.place(profile, owner(profile)));
                    if descending {
                        expected.reverse();
                    }
                    let expected: Vec<ProfileId> = expected.into_iter().map(|profile| profile.id.clone()).collect();
                    for few in [0, 2_000] {
                        let found = paged(&mut tx, &house, &filter, few, &names).await;
                        assert_eq!(found, expected, "{few}, {}: {filter:?}", store.describe());
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn what_lists_are_sorted_by_follows_every_name() {
    for Fixture { store, .. } in each().await {
        let house = fill(&store).await;
        run(&store, "UPDATE users SET name = 'Zoë' WHERE id = $1", &[house.owners[0].as_str().into()]).await;
        run(&store, "UPDATE profiles SET name = 'Aal', sort_key = 'aal' WHERE network_id = '10'", &[]).await;
        run(&store, "UPDATE profiles SET owner_id = NULL WHERE network_id = '12'", &[]).await;
        let differ =
            "SELECT COUNT(*) AS n FROM profiles WHERE owner_name <> COALESCE((SELECT name FROM users WHERE users.id = owner_id), '')";
        let teams_differ = "SELECT COUNT(*) AS n FROM profile_teams JOIN profiles ON profiles.id = profile_id WHERE sorted_as <> sort_key";
        let renamed = "SELECT COUNT(*) AS n FROM profiles WHERE owner_name = 'Zoë' OR id IN (SELECT profile_id FROM profile_teams WHERE sorted_as = 'aal')";
        let mut tx = store.read().await.unwrap();
        for (sql, expected) in [(differ, 0), (teams_differ, 0), (renamed, 20)] {
            let n = tx.one(sql, &[]).await.unwrap().unwrap().int("n").unwrap();
            assert_eq!(n, expected, "{sql}: {}", store.describe());
        }
    }
}

/// What is read in order is neither gathered nor sorted.
#[tokio::test]
async fn lists_in_order_are_read_from_an_index_that_has_it() {
    for Fixture { store, .. } in each().await {
        let house = fill(&store).await;
        let sqlite = store.describe().contains("SQLite");
        let mut tx = store.read().await.unwrap();
        let all = filters(&house);
        for (_, one, _) in all.iter().filter(|(kind, ..)| *kind != "sight") {
            for (_, other, _) in all.iter().filter(|(kind, ..)| *kind != "sight") {
                for by in [Column::Name, Column::Owner, Column::Deadline] {
                    let filter = Filter { sort: Sort { by, descending: false }, ..both(one, other) };
                    let (sql, values) = profiles::ordered_statement(&tx, &house.organisation, &filter, 50);
                    if sqlite {
                        let rows = tx.all(&format!("EXPLAIN QUERY PLAN {sql}"), &values).await.unwrap();
                        let plan = rows.iter().map(|row| row.text("detail").unwrap()).collect::<Vec<_>>().join("\n");
                        assert!(plan.contains("SEARCH profiles USING INDEX") && !plan.contains("TEMP B-TREE"), "{filter:?}: {plan}");
                        assert!(by != Column::Name || plan.contains(first(&filter)), "not from what it is narrowed to: {filter:?}: {plan}");
                    } else {
                        for other in ["enable_sort", "enable_bitmapscan", "enable_seqscan"] {
                            tx.run(&format!("SET LOCAL {other} = off"), &[]).await.unwrap();
                        }
                        let rows = tx.all(&format!("EXPLAIN {sql}"), &values).await.unwrap();
                        let plan = rows.iter().map(|row| row.text("QUERY PLAN").unwrap()).collect::<Vec<_>>().join("\n");
                        assert!(plan.contains("Index Scan") && !plan.contains("Sort Key"), "{filter:?}: {plan}");
                    }
                }
            }
        }
    }
}
