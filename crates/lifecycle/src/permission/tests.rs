use proptest::prelude::*;

use super::*;
use crate::ids::PersonId;
use crate::time::Span;

const T0: Timestamp = Timestamp::from_seconds(1_800_000_000);

fn user(role: Role, teams: Vec<TeamId>) -> Actor {
    with_sets(role, teams, &[])
}

fn with_sets(role: Role, teams: Vec<TeamId>, given: &[&str]) -> Actor {
    Actor::User { id: UserId::from_u128(1), role, teams, given: given.iter().copied().map(carried).collect() }
}

fn key(permissions: Vec<Permission>) -> Actor {
    Actor::ApiKey { id: ApiKeyId::from_u128(1), permissions: permissions.into(), until: None }
}

fn carried(text: &str) -> Permission {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn ask(act: Act, about: About<'_>) -> Question<'_> {
    let call = (act == Act::CallApi && matches!(about, About::Profile { .. })).then_some(("GET", "/me"));
    Question { act, about, call, now: T0, frozen: &[] }
}

fn allowed(actor: &Actor, act: Act, about: About<'_>) -> bool {
    decide(actor, &ask(act, about)).is_yes()
}

#[test]
fn strangers_may_nothing() {
    for act in Act::ALL {
        assert_eq!(decide(&Actor::Stranger, &ask(*act, About::Organisation)), Decision::SignIn, "{act}");
    }
}

#[test]
fn a_key_may_what_it_carries_and_no_more() {
    let key = key(vec![Act::SeeProfile.into()]);
    for act in Act::ALL {
        assert_eq!(allowed(&key, *act, About::Organisation), *act == Act::SeeProfile, "{act}");
    }
}

#[test]
fn a_standard_user_sees_own_and_team_profiles_only() {
    let (team, other) = (TeamId::from_u128(1), TeamId::from_u128(2));
    let me = UserId::from_u128(1);
    let actor = user(Role::StandardUser, vec![team.clone()]);
    let id = ProfileId::from_u128(9);
    let of = |owner, teams| About::Profile { id: &id, network: "threads", owner, teams, tags: &[] };
    let decided = |act, about| decide(&actor, &ask(act, about));
    assert!(decided(Act::SeeProfile, of(None, std::slice::from_ref(&team))).is_yes());
    assert!(decided(Act::SeeProfile, of(Some(&me), &[])).is_yes());
    assert_eq!(decided(Act::SeeProfile, of(None, std::slice::from_ref(&other))), Decision::Hidden);
    assert_eq!(decided(Act::RefreshConnection, of(None, &[])), Decision::Hidden);
    assert_eq!(decided(Act::ManageUsers, About::Organisation), Decision::Deny(Why::NotCompanyAdmin));
    assert_eq!(decided(Act::DeleteProfile, of(None, std::slice::from_ref(&team))), Decision::Deny(Why::NotOwner));
    assert_eq!(decided(Act::ReadToken, of(Some(&me), &[])), Decision::Deny(Why::NotCompanyAdmin));
    assert_eq!(decided(Act::ReadToken, of(None, &[])), Decision::Hidden, "and nothing is said of what is not theirs");
}

#[test]
fn a_viewer_looks_at_team_and_own_profiles_and_repairs_their_own() {
    let (team, me, id) = (TeamId::from_u128(1), UserId::from_u128(1), ProfileId::from_u128(9));
    let actor = user(Role::Viewer, vec![team.clone()]);
    let of = |owner, teams| About::Profile { id: &id, network: "threads", owner, teams, tags: &[] };
    for act in Act::ALL {
        let looks = matches!(act, Act::SeeProfile | Act::SeeEvents);
        let repairs = matches!(act, Act::RefreshConnection | Act::CheckProfile);
        assert_eq!(allowed(&actor, *act, of(Some(&me), &[])), looks || repairs, "own: {act}");
        assert_eq!(allowed(&actor, *act, of(None, std::slice::from_ref(&team))), looks, "the team's: {act}");
        assert_eq!(allowed(&actor, *act, About::Organisation), matches!(act, Act::SeeNetworks | Act::ManageOwnAccount), "{act}");
        let hidden = if *act == Act::CallApi { Decision::Deny(Why::OnlyByApiKey) } else { Decision::Hidden };
        assert_eq!(decide(&actor, &ask(*act, of(None, &[]))), hidden, "nobody's: {act}");
    }
    assert_eq!(decide(&actor, &ask(Act::Publish, of(Some(&me), &[]))), Decision::Deny(Why::NotGiven));
    assert_eq!(decide(&actor, &ask(Act::Connect, About::Organisation)), Decision::Deny(Why::NotGiven));
}

#[test]
fn permission_sets_add_what_they_say_where_they_say_it() {
    let (mine, other, third) = (TeamId::from_u128(1), TeamId::from_u128(2), TeamId::from_u128(3));
    let id = ProfileId::from_u128(9);
    let of = |team| About::Profile { id: &id, network: "threads", owner: None, teams: std::slice::from_ref(team), tags: &[] };
    let there = [format!("profiles:read team={other}"), format!("posts:write team={other}")];
    let there: Vec<&str> = there.iter().map(String::as_str).collect();
    for role in [Role::StandardUser, Role::Viewer] {
        let actor = with_sets(role, vec![mine.clone()], &there);
        assert!(allowed(&actor, Act::Publish, of(&other)) && allowed(&actor, Act::SeeProfile, of(&other)));
        assert_eq!(allowed(&actor, Act::Publish, of(&mine)), role == Role::StandardUser, "{role}");
        assert_eq!(decide(&actor, &ask(Act::Comment, of(&other))), Decision::Deny(Why::NotGiven), "seen, but not that");
        assert_eq!(decide(&actor, &ask(Act::Publish, of(&third))), Decision::Hidden);
        assert!(!allowed(&actor, Act::ManageUsers, About::Organisation));
        let everywhere = with_sets(role, vec![], &["users:manage", "profiles:delete"]);
        assert!(allowed(&everywhere, Act::ManageUsers, About::Organisation) && allowed(&everywhere, Act::DeleteProfile, of(&mine)));
        assert!(!allowed(&everywhere, Act::ManageApiKeys, About::Organisation));
    }
}

#[test]
fn a_team_admin_manages_their_team_only() {
    let (theirs, other) = (TeamId::from_u128(1), TeamId::from_u128(2));
    let permission = format!("teams:manage team={theirs}");
    for actor in [with_sets(Role::StandardUser, vec![], &[&permission]), key(vec![carried(&permission)])] {
        assert!(allowed(&actor, Act::ManageTeams, About::Teams) && allowed(&actor, Act::ManageTeams, About::Team(&theirs)));
        assert_eq!(decide(&actor, &ask(Act::ManageTeams, About::Team(&other))), Decision::Hidden);
        assert!(!allowed(&actor, Act::ManageTeams, About::Organisation), "and makes no new ones");
    }
    let nobody = user(Role::StandardUser, vec![theirs.clone()]);
    assert_eq!(decide(&nobody, &ask(Act::ManageTeams, About::Team(&theirs))), Decision::Hidden);
    assert!(!allowed(&nobody, Act::ManageTeams, About::Teams));
    assert!(allowed(&user(Role::CompanyAdmin, vec![]), Act::ManageTeams, About::Team(&other)));
}

#[test]
fn nobody_gives_what_they_do_not_have() {
    let team = TeamId::from_u128(1);
    let (wide, narrow) = (carried("posts:write"), carried(&format!("posts:write team={team}")));
    assert!(user(Role::CompanyAdmin, vec![]).may_give(&wide));
    assert!(!user(Role::StandardUser, vec![team.clone()]).may_give(&narrow), "a member's rights are not theirs to give");
    let holder = with_sets(Role::StandardUser, vec![], &[&narrow.to_string()]);
    assert!(holder.may_give(&narrow) && !holder.may_give(&wide) && !holder.may_give(&carried("users:manage")));
    assert!(key(vec![wide.clone()]).may_give(&narrow) && !key(vec![narrow]).may_give(&wide));
    assert!(!Actor::Stranger.may_give(&wide));
    let tagged = key(vec![carried("posts:write tag=Launch,q4")]);
    assert!(tagged.may_give(&carried("posts:write tag=LAUNCH")) && key(vec![wide.clone()]).may_give(&carried("posts:write tag=launch")));
    assert!(!tagged.may_give(&wide) && !tagged.may_give(&carried("posts:write tag=launch,other")));
    let ending = Actor::ApiKey { id: ApiKeyId::from_u128(1), permissions: vec![wide.clone()].into(), until: Some(T0 + Span::days(1)) };
    let until = |days| wide.ending(Some(T0 + Span::days(days)));
    assert!(ending.may_give(&until(1)) && !ending.may_give(&until(2)) && !ending.may_give(&wide), "nor for longer than it is itself");
}

/// Who puts a tag on a profile lets whatever names that tag reach it.
#[test]
fn nobody_widens_beyond_what_they_could_give() {
    let (id, team) = (ProfileId::from_u128(9), TeamId::from_u128(3));
    let about = About::Profile { id: &id, network: "threads", owner: None, teams: std::slice::from_ref(&team), tags: &[] };
    let by_tag = carried("tokens:read tag=launch");
    assert!(user(Role::CompanyAdmin, vec![]).may_widen(&by_tag, about));
    let member = user(Role::StandardUser, vec![team.clone()]);
    assert!(!member.may_widen(&by_tag, about), "a member reads no tokens");
    let (posts, deletes) = (carried("posts:write tag=launch"), carried("profiles:delete tag=launch"));
    assert!(member.may_widen(&posts, about), "what their role lets them do themselves they may share");
    assert!(!member.may_widen(&deletes, about), "only the owner may");
    assert!(!user(Role::Viewer, vec![team.clone()]).may_widen(&posts, about) && !user(Role::StandardUser, vec![]).may_widen(&posts, about));
    let of = |text: &str| key(vec![carried("profiles:manage"), carried(text)]);
    let there = [format!("tokens:read team={team}"), format!("tokens:read profile={id}"), "tokens:read network=threads".into()];
    assert!(there.iter().map(String::as_str).chain(["tokens:read"]).all(|own| of(own).may_widen(&by_tag, about)));
    for own in ["tokens:read tag=launch", "tokens:read network=x", "tokens:read rate=1/1h", "tokens:read until=2099-01-01", "posts:write"] {
        assert!(!of(own).may_widen(&by_tag, about), "{own}");
    }
    assert!(of("tokens:read until=2099-01-01").may_widen(&carried("tokens:read tag=launch until=2098-01-01"), about));
    let ends = |seconds| Some(T0 + Span::seconds(seconds));
    let short = Actor::ApiKey { id: ApiKeyId::from_u128(1), permissions: [carried("tokens:read")].into(), until: ends(9) };
    assert!(!short.may_widen(&by_tag, about), "nor for longer than it lives itself");
    assert!(short.may_widen(&by_tag.ending(ends(9)), about) && !short.may_widen(&by_tag.ending(ends(10)), about));
    assert!(!of("tokens:read").may_widen(&by_tag, About::Profiles) && !Actor::Stranger.may_widen(&by_tag, about));
}

#[test]
fn a_company_admin_may_everything_but_call_the_network_by_hand() {
    let id = ProfileId::from_u128(9);
    for act in Act::ALL {
        let about = About::Profile { id: &id, network: "threads", owner: None, teams: &[], tags: &[] };
        assert_eq!(allowed(&user(Role::CompanyAdmin, vec![]), *act, about), *act != Act::CallApi, "{act}");
    }
}

#[test]
fn a_renewal_link_is_for_its_own_connection() {
    let (own, other) = (ProfileId::from_u128(1), ProfileId::from_u128(2));
    let link = Actor::RenewalLink { profile: own.clone() };
    let of = |id| About::Profile { id, network: "threads", owner: None, teams: &[], tags: &[] };
    for act in Act::ALL {
        assert_eq!(allowed(&link, *act, of(&own)), *act == Act::RefreshConnection, "{act}");
        assert_eq!(decide(&link, &ask(*act, of(&other))), Decision::Hidden, "{act}");
        assert!(!allowed(&link, *act, About::Organisation) && !allowed(&link, *act, About::Profiles), "{act}");
    }
}

#[test]
fn each_no_has_its_reason() {
    let (mine, other, team) = (ProfileId::from_u128(1), ProfileId::from_u128(2), TeamId::from_u128(3));
    let of = |id| About::Profile { id, network: "threads", owner: None, teams: std::slice::from_ref(&team), tags: &[] };
    let narrow = key(vec![carried(&format!("posts:write profile={mine}"))]);
    assert!(allowed(&narrow, Act::Publish, of(&mine)) && allowed(&narrow, Act::Publish, About::Profiles));
    assert_eq!(decide(&narrow, &ask(Act::Publish, of(&other))), Decision::Hidden);
    assert_eq!(decide(&narrow, &ask(Act::Publish, About::Organisation)), Decision::Deny(Why::OtherProfiles));
    assert_eq!(decide(&narrow, &ask(Act::Comment, of(&mine))), Decision::Deny(Why::NoPermission));
    let both = key(vec![carried(&format!("posts:write profile={mine}")), Act::SeeProfile.into()]);
    assert_eq!(decide(&both, &ask(Act::Publish, of(&other))), Decision::Deny(Why::OtherProfiles));
    let teams = key(vec![carried(&format!("posts:write team={team} network=threads"))]);
    assert!(allowed(&teams, Act::Publish, of(&other)));
    assert!(!allowed(
        &teams,
        Act::Publish,
        About::Profile { id: &other, network: "x", owner: None, teams: std::slice::from_ref(&team), tags: &[] }
    ));

    let ends = key(vec![carried("posts:write until=2027-01-15T08:00:01Z")]);
    assert!(allowed(&ends, Act::Publish, of(&mine)), "T0 is one second before");
    let later = Question { now: T0 + Span::seconds(1), ..ask(Act::Publish, of(&mine)) };
    assert_eq!(decide(&ends, &later), Decision::Deny(Why::PermissionEnded));
    let over = Actor::ApiKey { id: ApiKeyId::from_u128(1), permissions: [Act::Publish.into()].into(), until: Some(T0) };
    assert_eq!(decide(&over, &ask(Act::Publish, of(&mine))), Decision::Deny(Why::KeyEnded));

    let calls = key(vec![carried("api:call GET,POST /rest/posts/*")]);
    let call = |method, path| decide(&calls, &Question { call: Some((method, path)), ..ask(Act::CallApi, of(&mine)) });
    assert!(call("GET", "/rest/posts/1").is_yes() && call("POST", "/rest/posts/a%3Ab").is_yes());
    for (method, path) in [
        ("DELETE", "/rest/posts/1"),
        ("GET", "/rest/posts"),
        ("GET", "/rest/posts/"),
        ("GET", "/rest/posts/1/2"),
        ("GET", "/REST/posts/1"),
        ("TRACE", "/rest/posts/1"),
    ] {
        assert_eq!(call(method, path), Decision::Deny(Why::OtherCalls), "{method} {path}");
    }
}

#[test]
fn where_several_permissions_allow_it_the_one_that_asks_for_least_is_used() {
    let approver = UserId::from_u128(7);
    let (slow, quick, asked) =
        (carried("posts:write rate=1/1h"), carried("posts:write rate=9/1h"), carried(&format!("posts:write approval={approver}")));
    let under = |all: Vec<&Permission>| match decide(&key(all.into_iter().cloned().collect()), &ask(Act::Publish, About::Profiles)) {
        Decision::Allow(Some(under)) => *under,
        other => panic!("{other:?}"),
    };
    assert_eq!(under(vec![&slow, &asked, &quick]), quick);
    assert_eq!(under(vec![&asked, &slow]), slow);
    let free = Permission::from(Act::Publish);
    assert_eq!(under(vec![&asked, &quick, &free]), free);
}

#[test]
fn what_is_wrong_with_a_permission_is_said() {
    for (text, words) in [
        ("", "is not one of the permissions"),
        ("posts:read", "is not one of the permissions"),
        ("api:call", "names methods and a path"),
        ("api:call CONNECT /x", "is not one of the methods"),
        ("api:call GET rest", "is not a path pattern"),
        ("api:call GET /a/../b", "is not a path pattern"),
        ("api:call GET /a/**/b", "is not a path pattern"),
        ("posts:write network", "name=value"),
        ("posts:write colour=red", "is not one of profile, team"),
        ("posts:write profile=1", "prf_"),
        ("posts:write until=soon", "2027-01-01"),
        ("posts:write rate=0/1h", "10/1h"),
        ("posts:write rate=5/1y", "10/1h"),
        ("users:manage network=x", "not about single profiles"),
        ("profiles:read rate=1/1h", "is not counted"),
        ("tokens:read approval=usr_00000000000000000000000000000001", "cannot wait"),
    ] {
        let said = text.parse::<Permission>().expect_err(text).to_string();
        assert!(said.contains(words), "{text}: {said}");
    }
    assert_eq!(carried("posts:write until=2027-01-01").until, Some(Timestamp::from_seconds(1_798_761_600)));
}

#[test]
fn a_rate_is_written_in_its_largest_whole_unit() {
    for (typed, written) in
        [("1h", "1h"), ("3600s", "1h"), ("90m", "90m"), ("120m", "2h"), ("61s", "61s"), ("24h", "1d"), ("7d", "7d"), ("h", "1h")]
    {
        assert_eq!(carried(&format!("posts:write rate=2/{typed}")).to_string(), format!("posts:write rate=2/{written}"));
    }
}

fn tag(text: &str) -> Tag {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}

/// Few, so that they meet, and one of them in two ways to write it.
fn any_tag() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(vec!["launch", "Launch", "ärger"])
}

fn any_permission() -> impl Strategy<Value = Permission> {
    let parts = (
        proptest::sample::select(Act::ALL),
        proptest::collection::vec(0_u128..4, 0..3),
        proptest::collection::vec(0_u128..3, 0..3),
        proptest::collection::vec(proptest::sample::select(vec!["threads", "x"]), 0..2),
        proptest::option::of(-3_i64..3),
        proptest::option::of((1_u32..50, 1_i64..5000)),
        any::<bool>(),
        proptest::sample::select(vec!["GET /a/*", "ANY /**", "POST,PUT /b", "GET /a/**"]),
    );
    (parts, proptest::collection::vec(any_tag(), 0..2)).prop_map(
        |((act, profiles, teams, networks, until, rate, approval, calls), tags)| {
            let mut made = if act == Act::CallApi { carried(&format!("api:call {calls}")) } else { act.into() };
            if act.is_about_profiles() || act.is_about_teams() {
                made.reach.teams = teams.into_iter().map(TeamId::from_u128).collect();
            }
            if act.is_about_profiles() {
                made.reach.profiles = profiles.into_iter().map(ProfileId::from_u128).collect();
                made.reach.networks = networks.into_iter().map(str::to_owned).collect();
                made.reach.tags = tags.into_iter().map(tag).collect();
            }
            made.until = until.map(|seconds| T0 + Span::seconds(seconds));
            made.rate = rate.filter(|_| act.is_deed()).map(|(count, per)| Rate { count, per: Span::seconds(per) });
            made.approval = (approval && act.can_wait()).then(|| UserId::from_u128(7));
            made
        },
    )
}

fn any_frozen() -> impl Strategy<Value = Frozen> {
    let id = 0_u128..4;
    prop_oneof![
        Just(Frozen::Everything),
        id.clone().prop_map(|id| Frozen::User(UserId::from_u128(id))),
        id.clone().prop_map(|id| Frozen::ApiKey(ApiKeyId::from_u128(id))),
        id.clone().prop_map(|id| Frozen::Person(PersonId::from_u128(id))),
        id.prop_map(|id| Frozen::Profile(ProfileId::from_u128(id))),
        proptest::sample::select(vec!["threads", "x"]).prop_map(|name| Frozen::Network(name.to_owned())),
    ]
}

fn any_actor() -> impl Strategy<Value = Actor> {
    let permissions = proptest::collection::vec(any_permission(), 0..5);
    let teams = proptest::collection::vec((0_u128..3).prop_map(TeamId::from_u128), 0..3);
    let given = proptest::collection::vec(any_permission(), 0..3);
    prop_oneof![
        Just(Actor::Stranger),
        (0_u128..4, proptest::sample::select(Role::ALL), teams, given).prop_map(|(id, role, teams, given)| Actor::User {
            id: UserId::from_u128(id),
            role,
            teams,
            given: given.into()
        }),
        (0_u128..4, permissions, proptest::option::of(-2_i64..9)).prop_map(|(id, permissions, until)| Actor::ApiKey {
            id: ApiKeyId::from_u128(id),
            permissions: permissions.into(),
            until: until.map(|seconds| T0 + Span::seconds(seconds))
        }),
        (0_u128..4).prop_map(|id| Actor::RenewalLink { profile: ProfileId::from_u128(id) }),
    ]
}

/// A profile, asked about: id, network, owner, teams, tags.
type Some = (u128, &'static str, Option<u128>, Vec<u128>, Vec<&'static str>);

fn any_profile() -> impl Strategy<Value = Some> {
    let (teams, tags) = (proptest::collection::vec(0_u128..3, 0..3), proptest::collection::vec(any_tag(), 0..2));
    (0_u128..4, proptest::sample::select(vec!["threads", "x"]), proptest::option::of(0_u128..4), teams, tags)
}

fn with_profile<T>((id, network, owner, teams, tags): &Some, use_it: impl FnOnce(About<'_>) -> T) -> T {
    let (id, owner) = (ProfileId::from_u128(*id), owner.map(UserId::from_u128));
    let teams: Vec<TeamId> = teams.iter().copied().map(TeamId::from_u128).collect();
    let tags: Vec<Tag> = tags.iter().copied().map(tag).collect();
    use_it(About::Profile { id: &id, network, owner: owner.as_ref(), teams: &teams, tags: &tags })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// What a key may is what one of its permissions says in full, and the one it is told is that one.
    #[test]
    fn deny_by_default(permissions in proptest::collection::vec(any_permission(), 0..5), act in proptest::sample::select(Act::ALL), profile in any_profile(), path in proptest::sample::select(vec!["/a/1", "/b", "/a/1/2"])) {
        let decided = with_profile(&profile, |about| {
            let call = (act == Act::CallApi).then_some(("GET", path));
            decide(&key(permissions.clone()), &Question { call, ..ask(act, about) })
        });
        let teams: Vec<TeamId> = profile.3.iter().copied().map(TeamId::from_u128).collect();
        let tags: Vec<Tag> = profile.4.iter().copied().map(tag).collect();
        let fits = |one: &Permission| one.act == act
            && one.until.is_none_or(|until| until > T0)
            && (one.reach.profiles.is_empty() || one.reach.profiles.contains(&ProfileId::from_u128(profile.0)))
            && (one.reach.networks.is_empty() || one.reach.networks.iter().any(|name| name == profile.1))
            && (one.reach.teams.is_empty() || one.reach.teams.iter().any(|team| teams.contains(team)))
            && (one.reach.tags.is_empty() || one.reach.tags.iter().any(|one| tags.iter().any(|other| one.key() == other.key())))
            && (act != Act::CallApi || one.calls.as_ref().is_some_and(|calls| calls.covers("GET", path)));
        // Organisation-wide acts are never asked about a profile without one that is about profiles: hidden then.
        let visible = permissions.iter().any(|one| one.act.is_about_profiles() && one.reach.covers(&ProfileId::from_u128(profile.0), profile.1, &teams, &tags));
        prop_assert_eq!(decided.is_yes(), visible && permissions.iter().any(fits));
        if let Decision::Allow(under) = decided {
            prop_assert!(under.as_deref().is_some_and(fits));
        }
    }

    /// A freeze never allows what was refused, and with everything frozen nobody acts through a token.
    #[test]
    fn a_freeze_only_takes_away(actor in any_actor(), act in proptest::sample::select(Act::ALL), profile in any_profile(), frozen in proptest::collection::vec(any_frozen(), 0..4), more in any_frozen()) {
        with_profile(&profile, |about| {
            let decided = |frozen: &[Frozen]| decide(&actor, &Question { frozen, ..ask(act, about) }).is_yes();
            let before = decided(&frozen);
            let mut wider = frozen.clone();
            wider.push(more);
            let after = decided(&wider);
            prop_assert!(before || !after);
            wider.push(Frozen::Everything);
            prop_assert!(!act.is_deed() || !decided(&wider));
            Ok(())
        })?;
    }

    /// More permissions never take anything away, and time never gives anything back.
    #[test]
    fn permissions_add_up_and_time_runs_out(permissions in proptest::collection::vec(any_permission(), 0..4), more in any_permission(), act in proptest::sample::select(Act::ALL), profile in any_profile(), later in 0_i64..9) {
        with_profile(&profile, |about| {
            let question = ask(act, about);
            let before = decide(&key(permissions.clone()), &question).is_yes();
            let after = decide(&key(permissions.clone()), &Question { now: T0 + Span::seconds(later), ..question }).is_yes();
            prop_assert!(before || !after);
            let mut wider = permissions.clone();
            wider.push(more);
            prop_assert!(decide(&key(wider), &question).is_yes() || !before);
            Ok(())
        })?;
    }

    /// A user may what their role says or one of their sets; a set never takes anything away, and shows nothing it is not about.
    #[test]
    fn a_set_adds_exactly_what_it_says(role in proptest::sample::select(Role::ALL), teams in proptest::collection::vec((0_u128..3).prop_map(TeamId::from_u128), 0..3), given in proptest::collection::vec(any_permission(), 0..4), act in proptest::sample::select(Act::ALL), profile in any_profile()) {
        with_profile(&profile, |about| {
            let question = ask(act, about);
            let of = |given: Vec<Permission>| Actor::User { id: UserId::from_u128(1), role, teams: teams.clone(), given: given.into() };
            let (bare, added, full) = (decide(&of(vec![]), &question), decide(&key(given.clone()), &question), decide(&of(given), &question));
            let by_hand = act != Act::CallApi;
            prop_assert_eq!(full.is_yes(), by_hand && (bare.is_yes() || added.is_yes()));
            prop_assert_eq!(full == Decision::Hidden, bare == Decision::Hidden && added == Decision::Hidden);
            Ok(())
        })?;
    }

    /// Whatever somebody lets reach a profile they could have done with it themselves, and could have given.
    #[test]
    fn nothing_is_widened_that_was_not_had(own in proptest::collection::vec(any_permission(), 0..4), wide in any_permission(), profile in any_profile()) {
        with_profile(&profile, |about| {
            let there = Permission { reach: Reach { profiles: vec![ProfileId::from_u128(profile.0)], ..Reach::default() }, ..wide.clone() };
            let call = (wide.act == Act::CallApi).then_some(("GET", "/a/1"));
            let may = |permissions: Vec<Permission>| decide(&key(permissions), &Question { call, ..ask(wide.act, about) }).is_yes();
            if wide.act.is_about_profiles() && key(own.clone()).may_widen(&wide, about) {
                prop_assert!(may(own) || !may(vec![there]));
            }
            Ok(())
        })?;
    }

    /// What is given on is never more than what was had.
    #[test]
    fn nothing_is_given_that_was_not_had(had in any_permission(), given in any_permission(), profile in any_profile(), path in proptest::sample::select(vec!["/a/1", "/b", "/a/1/2", "/a/"]), method in proptest::sample::select(vec!["GET", "POST", "DELETE"])) {
        let shorter = Permission { until: Some(T0 + Span::seconds(1)), ..had.clone() };
        let untagged = Permission { reach: Reach { tags: vec![], ..had.reach.clone() }, ..had.clone() };
        for given in [given, had.clone(), shorter, untagged] {
            if had.includes(&given) {
                with_profile(&profile, |about| {
                    let call = (given.act == Act::CallApi).then_some((method, path));
                    let question = Question { call, ..ask(given.act, about) };
                    let yes = |permission: &Permission| decide(&key(vec![permission.clone()]), &question).is_yes();
                    prop_assert!(yes(&had) || !yes(&given));
                    Ok(())
                })?;
            }
        }
    }

    /// The one text form loses nothing.
    #[test]
    fn a_permission_is_read_back_as_it_was_written(permission in any_permission()) {
        prop_assert_eq!(permission.to_string().parse::<Permission>(), Ok(permission));
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,60}") {
        if let Ok(permission) = text.parse::<Permission>() {
            prop_assert_eq!(permission.to_string().parse::<Permission>(), Ok(permission));
        }
        let _ = text.parse::<Frozen>();
    }

    #[test]
    fn what_is_frozen_is_read_back(frozen in any_frozen()) {
        prop_assert_eq!(frozen.to_string().parse::<Frozen>(), Ok(frozen));
    }
}
