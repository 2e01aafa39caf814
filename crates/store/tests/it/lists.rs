//! Lists of profiles, whatever they are narrowed to and however they are sorted: the same from every index, and none is sorted that has one.

use lifecycle::ids::{ApiKeyId, OrganisationId, ProfileId, TeamId, UserId};
use lifecycle::permission::{About, Act, Actor, Permission, Question, Reach, Role, decide};
use lifecycle::status::Status;
use lifecycle::tag::Tag;
use lifecycle::words::Cause;
use store::profiles::{self, Filter, Narrow, Profile};
use store::sorting::{Column, Sort};
use store::{Store, Tx, tags, teams, users};

use crate::loops::{T0, connect, organisation};
use crate::routing::user;
use crate::{Fixture, each, run};

/// What is in the lists.
struct House {
    organisation: OrganisationId,
    owners: Vec<UserId>,
    teams: Vec<TeamId>,
    tags: Vec<Tag>,
}

/// Sixty profiles of two networks, in every status, of two owners or none, in one of two teams, both or none,
/// and with tags across all of these.
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
    let both_tags: Vec<Tag> = ["Launch", "Q4"].map(|text| text.parse().unwrap()).into();
    for profile in profiles::list(&mut tx, &organisation, &Filter::default(), 100).await.unwrap() {
        let n: usize = profile.network_id.parse().unwrap();
        let of: Vec<TeamId> =
            both.iter().zip([n.is_multiple_of(2), n % 5 < 2]).filter(|(_, is_in)| *is_in).map(|(team, _)| team.clone()).collect();
        profiles::set_owner_and_teams(&mut tx, &organisation, &profile.id, owners.get(n % 3), &of).await.unwrap();
        let with: Vec<Tag> =
            both_tags.iter().zip([n % 7 < 4, n % 4 == 2 || n == 1]).filter(|(_, has)| *has).map(|(tag, _)| tag.clone()).collect();
        tags::set(&mut tx, &organisation, &profile.id, &with, T0).await.unwrap();
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
    House { organisation, owners: owners.into(), teams: both.into(), tags: both_tags }
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
        tags: vec![],
    };
    let (launch, q4) = (&house.tags[0], &house.tags[1]);
    let mut all: Vec<(&'static str, Filter, Lets<'a>)> = vec![
        ("nothing", nothing(), Box::new(|_| true)),
        ("network", Filter { network: Some("xing".into()), ..nothing() }, Box::new(|profile| profile.network == "xing")),
        ("owner", Filter { owner: Some(mira.clone()), ..nothing() }, Box::new(|profile| profile.owner.as_ref() == Some(mira))),
        ("team", Filter { team: Some(two.clone()), ..nothing() }, Box::new(|profile| profile.teams.contains(two))),
        ("tag", Filter { tag: Some(launch.clone()), ..nothing() }, Box::new(|profile| profile.tags.contains(launch))),
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
    let by_both = Reach { tags: vec![launch.clone()], ..reach(&["xing"], &[one, two], &[]) };
    let tagged = vec![Reach { tags: vec![q4.clone()], ..Reach::default() }, by_both];
    sees(Narrow::Reaches(tagged.clone()), Box::new(move |profile| reads(&tagged, profile)));
    all
}

/// Whether a key with these reaches may see a profile, as the one place says that decides.
fn reads(reaches: &[Reach], profile: &Profile) -> bool {
    let permissions = reaches.iter().map(|reach| Permission { reach: reach.clone(), ..Act::SeeProfile.into() });
    let actor = Actor::ApiKey { id: ApiKeyId::from_u128(1), permissions: permissions.collect(), until: None };
    let Profile { id, network, owner, teams, tags, .. } = profile;
    let about = About::Profile { id, network, owner: owner.as_ref(), teams, tags };
    decide(&actor, &Question { act: Act::SeeProfile, about, call: None, now: T0, frozen: &[] }).is_yes()
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

/// A list, page by page and each way it may be read, and how many it counts, against a plain scan of everything. With none taken for few,
/// everything is read in order; with all, what is left is gathered and sorted.
async fn is_as_all_say(tx: &mut Tx, house: &House, filter: &Filter, lets: &[&Lets<'_>], names: &[users::User], everything: &[Profile]) {
    let owner = |profile: &Profile| names.iter().find(|user| Some(&user.id) == profile.owner.as_ref()).map_or("", |user| &user.name);
    let mut expected: Vec<&Profile> = everything.iter().filter(|profile| lets.iter().all(|lets| lets(profile))).collect();
    expected.sort_by_key(|profile| filter.sort.place(profile, owner(profile)));
    if filter.sort.descending {
        expected.reverse();
    }
    let expected: Vec<ProfileId> = expected.into_iter().map(|profile| profile.id.clone()).collect();
    for few in [0, 2_000] {
        assert_eq!(paged(tx, house, filter, few, names).await, expected, "{few}: {filter:?}");
    }
    let counted = profiles::matching(tx, &house.organisation, filter).await.unwrap();
    assert_eq!(usize::try_from(counted), Ok(expected.len()), "{filter:?}");
}

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
                    let filter = Filter { sort: Sort { by, descending: at % 2 == 1 }, ..one.with(other) };
                    is_as_all_say(&mut tx, &house, &filter, &[lets, also], &names, &everything).await;
                }
            }
        }
    }
}

/// Whatever a key's reaches name, it sees what the one place decides that it may see.
#[tokio::test]
async fn whatever_reaches_name_a_list_shows_what_is_decided() {
    for Fixture { store, .. } in each().await {
        let house = fill(&store).await;
        let mut tx = store.read().await.unwrap();
        let names = users::list(&mut tx, &house.organisation).await.unwrap();
        let everything = profiles::list(&mut tx, &house.organisation, &Filter::default(), 100).await.unwrap();
        let some: Vec<ProfileId> = everything.iter().step_by(2).map(|profile| profile.id.clone()).collect();
        let mut reaches = vec![];
        for profiles in [vec![], some] {
            for teams in [0, 1, 2] {
                for tags in [0, 1, 2] {
                    for networks in [vec![], vec!["xing".to_owned()]] {
                        let (teams, tags) = (house.teams[..teams].to_vec(), house.tags[2 - tags..].to_vec());
                        reaches.push(Reach { profiles: profiles.clone(), teams, networks, tags });
                    }
                }
            }
        }
        for (at, one) in reaches.iter().enumerate() {
            for both in [vec![one.clone()], vec![one.clone(), reaches[(at + 7) % reaches.len()].clone()]] {
                let lets: Lets<'_> = Box::new(|profile| reads(&both, profile));
                let sort = Sort { by: Column::ALL[at % 4], descending: at % 3 == 0 };
                let filter = Filter { visible_to: Some(Narrow::Reaches(both.clone())), sort, ..Filter::default() };
                is_as_all_say(&mut tx, &house, &filter, &[&lets], &names, &everything).await;
            }
        }
    }
}

/// What of a team is read from the team's own rows, also by somebody who sees it through that team or another.
#[tokio::test]
async fn each_two_filters_of_a_team_let_the_same_through_whoever_sees_it() {
    for Fixture { store, .. } in each().await {
        let house = fill(&store).await;
        let mut tx = store.read().await.unwrap();
        let names = users::list(&mut tx, &house.organisation).await.unwrap();
        let everything = profiles::list(&mut tx, &house.organisation, &Filter::default(), 100).await.unwrap();
        let one_sees = Narrow::Reaches(vec![Reach { teams: house.teams.clone(), ..Reach::default() }]);
        let one_sees = Filter { visible_to: Some(one_sees), ..Filter::default() };
        let both_teams: Lets<'_> = Box::new(|profile| !profile.teams.is_empty());
        let all = filters(&house);
        let seen = all.iter().filter(|(kind, ..)| ["team", "sight"].contains(kind)).map(|(_, filter, lets)| (filter, lets));
        for (at, (team, in_team)) in seen.chain([(&one_sees, &both_teams)]).enumerate() {
            let others: Vec<_> = all.iter().filter(|(kind, ..)| !["team", "sight"].contains(kind)).collect();
            for (from, (kind, one, lets)) in others.iter().enumerate() {
                for (_, other, also) in others[from..].iter().filter(|(other, ..)| kind != other) {
                    for by in Column::ALL {
                        let sort = Sort { by, descending: (at + from) % 2 == 1 };
                        let filter = Filter { sort, ..team.with(one).with(other) };
                        is_as_all_say(&mut tx, &house, &filter, &[in_team, lets, also], &names, &everything).await;
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn what_lists_are_read_from_follows_every_change() {
    let differ = "SELECT COUNT(*) AS n FROM profiles WHERE owner_name <> COALESCE((SELECT name FROM users WHERE users.id = owner_id), '')";
    let in_teams = "SELECT COUNT(*) AS n FROM profile_teams JOIN profiles ON profiles.id = profile_id WHERE";
    let teams_differ = format!(
        "{in_teams} sorted_as <> sort_key OR its_network <> network OR its_status <> status OR its_cause IS DISTINCT FROM cause OR \
         its_owner IS DISTINCT FROM owner_id OR its_owner_name <> owner_name OR its_day <> COALESCE(deadline, {})",
        i64::MAX
    );
    let new = "INSERT INTO profiles (id, organisation_id, network, instance, network_id, kind, name, owner_id, notify_no_access, notify_renew_soon, \
               enabled, status, status_since, standing, sort_key, created_at) SELECT 'new', organisation_id, network, instance, '100', kind, name, $1, \
               1, 1, 1, status, 0, standing, sort_key, 0 FROM profiles WHERE network_id = '20'";
    let in_team = "INSERT INTO profile_teams (profile_id, team_id) SELECT 'new', team_id FROM profile_teams LIMIT 1";
    for Fixture { store, .. } in each().await {
        let house = fill(&store).await;
        for (what, of, then) in [
            ("UPDATE users SET name = 'Zoë' WHERE id = $1", true, "its_owner_name = 'Zoë' AND owner_name = 'Zoë'"),
            ("UPDATE profiles SET name = 'Aal', sort_key = 'aal' WHERE network_id = '10'", false, "sorted_as = 'aal'"),
            ("UPDATE profiles SET owner_id = NULL WHERE network_id = '12'", false, "network_id = '12' AND its_owner IS NULL"),
            ("UPDATE profiles SET owner_id = $1 WHERE network_id = '20'", true, "network_id = '20' AND its_owner_name = 'Zoë'"),
            ("UPDATE profiles SET owner_id = $1 WHERE network_id = '16'", true, "network_id = '16' AND its_owner_name = 'Zoë'"),
            (new, true, "its_owner_name = 'Zoë'"),
            (in_team, false, "network_id = '100' AND its_owner_name = 'Zoë'"),
            ("UPDATE profiles SET owner_id = NULL WHERE network_id = '100'", false, "network_id = '100' AND its_owner_name = ''"),
            ("UPDATE profiles SET owner_id = $1, deadline = 3 WHERE network_id = '100'", true, "its_day = 3 AND its_owner_name = 'Zoë'"),
            ("UPDATE users SET name = 'Ada' WHERE id = $1", true, "network_id = '100' AND its_owner_name = 'Ada'"),
            ("UPDATE profiles SET network = 'x' WHERE network_id = '20'", false, "its_network = 'x'"),
            ("UPDATE profiles SET status = 'renew_soon' WHERE network_id = '22'", false, "network_id = '22' AND its_status = 'renew_soon'"),
            ("UPDATE profiles SET cause = 'app_blocked' WHERE network_id = '22'", false, "its_cause = 'app_blocked'"),
            ("UPDATE profiles SET cause = NULL WHERE network_id = '22'", false, "network_id = '22' AND its_cause IS NULL"),
            ("UPDATE profiles SET deadline = 5 WHERE network_id = '22'", false, "its_day = 5"),
            (
                "UPDATE profiles SET deadline = NULL, status = 'unverified' WHERE network_id = '24'",
                false,
                "network_id = '24' AND its_status = 'unverified'",
            ),
        ] {
            let values = if of { vec![house.owners[0].as_str().into()] } else { vec![] };
            run(&store, what, &values).await;
            let mut tx = store.read().await.unwrap();
            for (sql, is_none) in [(differ, true), (&teams_differ, true), (&format!("{in_teams} {then}"), false)] {
                let n = tx.one(sql, &[]).await.unwrap().unwrap().int("n").unwrap();
                assert_eq!(n == 0, is_none, "{what}: {sql}: {n}: {}", store.describe());
            }
        }
    }
}

/// The index that a list of a team is read from.
fn of_team(filter: &Filter) -> &'static str {
    let by = filter.sort.by;
    match (filter.cause.is_some() || filter.status.is_some_and(|status| status != Status::Connected), by, &filter.owner, &filter.network) {
        (true, Column::Deadline, ..) => "profile_teams_ailing_by_day (team_id=?)",
        (true, _, Some(_), _) => "profile_teams_ailing_by_owner_name (team_id=? AND its_owner_name=?)",
        (true, Column::Owner, ..) => "profile_teams_ailing_by_owner_name (team_id=?)",
        (true, ..) => "profile_teams_ailing_by_name (team_id=?)",
        (_, Column::Deadline, _, Some(_)) => "profile_teams_by_network_and_day (team_id=? AND its_network=?)",
        (_, Column::Deadline, ..) => "profile_teams_by_day (team_id=?)",
        (_, _, Some(_), _) => "profile_teams_by_owner_name (team_id=? AND its_owner_name=?)",
        (_, Column::Owner, ..) => "profile_teams_by_owner_name (team_id=?)",
        _ => "profile_teams_by_name (team_id=?)",
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
                    let filter = Filter { sort: Sort { by, descending: false }, ..one.with(other) };
                    let (sql, values) = profiles::ordered_statement(&tx, &house.organisation, &filter, 50);
                    if sqlite {
                        let rows = tx.all(&format!("EXPLAIN QUERY PLAN {sql}"), &values).await.unwrap();
                        let plan = rows.iter().map(|row| row.text("detail").unwrap()).collect::<Vec<_>>().join("\n");
                        assert!(plan.contains("SEARCH profiles USING INDEX") && !plan.contains("TEMP B-TREE"), "{filter:?}: {plan}");
                        let index = if filter.team.is_some() || filter.tag.is_some() { of_team(&filter) } else { first(&filter) };
                        let named = by == Column::Name || filter.team.is_some() || filter.tag.is_some();
                        assert!(!named || plan.contains(index), "not from what it is narrowed to: {filter:?}: {plan}");
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
