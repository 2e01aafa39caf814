//! NT-20: every way in x every role. A route that is not listed here fails the test: list it, and say what it is about.

use std::collections::BTreeSet;

use lifecycle::permission::Act;
use serde_json::{Value, json};
use server::auth::Needs;
use server::routes::{API, PAGES};

use crate::authorised::key;
use crate::world::{Demo, client};

/// Asked with the id of a profile that the role may not see.
const OF_ONE_PROFILE: [&str; 18] = [
    "getProfile",
    "explainProfile",
    "changeProfile",
    "deleteProfile",
    "refreshConnection",
    "checkProfile",
    "getAccessToken",
    "reportAccessToken",
    "publishPost",
    "listComments",
    "writeComment",
    "proxyGet",
    "proxyPost",
    "proxyPut",
    "proxyPatch",
    "proxyDelete",
    "listEvents",
    "streamEvents",
];
/// For whoever began it, and company admins.
const OF_ONE_CONNECTION: [&str; 2] = ["getConnection", "addProfiles"];
/// For whoever made it, and company admins.
const OF_ONE_RENEWAL_LINK: [&str; 1] = ["withdrawRenewalLink"];
/// Of the organisation: for company admins, and keys that carry it.
const OF_THE_ORGANISATION: [&str; 51] = [
    "listWebhookEndpoints",
    "createWebhookEndpoint",
    "getWebhookEndpoint",
    "changeWebhookEndpoint",
    "deleteWebhookEndpoint",
    "testWebhookEndpoint",
    "rotateWebhookSecret",
    "listDeliveries",
    "replayDelivery",
    "listApiKeys",
    "createApiKey",
    "getApiKey",
    "revokeApiKey",
    "listUsers",
    "inviteUser",
    "getUser",
    "changeUser",
    "deleteUser",
    "inviteUserAgain",
    "resetSecondFactor",
    "listPermissionSets",
    "createPermissionSet",
    "getPermissionSet",
    "changePermissionSet",
    "deletePermissionSet",
    "listPeople",
    "getPerson",
    "askReplacement",
    "giveUpPerson",
    "listTeams",
    "createTeam",
    "getTeam",
    "changeTeam",
    "deleteTeam",
    "listPagePresets",
    "getPagePreset",
    "setPagePreset",
    "removePagePreset",
    "listFreezes",
    "freeze",
    "thaw",
    "getHold",
    "releaseHold",
    "releaseIncident",
    "reportBounce",
    "listAudit",
    "verifyAudit",
    "getAuditAnchor",
    "exportAudit",
    "streamAudit",
    "export",
];
/// Narrowed, or nobody's secret, or one's own.
const FOR_EVERYBODY_KNOWN: [&str; 16] = [
    "listNetworks",
    "listTags",
    "listIncidents",
    "beginConnection",
    "listProfiles",
    "getForecast",
    "checkPermission",
    "getMyNotifications",
    "changeMyNotifications",
    "listRenewalLinks",
    "createRenewalLink",
    "publishPosts",
    "checkPosts",
    "listWaitingActs",
    "previewPagePresets",
    "applyPagePresets",
];
/// For whoever wanted it, was named to approve it, or may do the same as that profile.
const OF_ONE_ACT: [&str; 5] = ["getWaitingAct", "approveWaitingAct", "declineWaitingAct", "withdrawWaitingAct", "repeatWaitingAct"];
/// Pages about one profile or connection; the others are the organisation's, the user's own, or need nothing.
const PAGES_OF_ONE: &str = "/settings/profiles/{id}";

const NOBODYS: &str = "prf_00000000000000000000000000000001";

fn body_of(id: &str) -> &'static str {
    match id {
        "refreshConnection" => r#"{"via":"redirect"}"#,
        "reportAccessToken" => r#"{"access_token":"x"}"#,
        "addProfiles" => r#"{"ids":[]}"#,
        "publishPost" | "writeComment" => r#"{"text":"x"}"#,
        "publishPosts" | "checkPosts" => r#"{"profiles":["prf_00000000000000000000000000000001"],"text":"x"}"#,
        "previewPagePresets" => r#"{"profile_ids":["prf_00000000000000000000000000000001"]}"#,
        "applyPagePresets" => r#"{"profile_ids":["prf_00000000000000000000000000000001"],"mark":"x"}"#,
        "inviteUser" => r#"{"email":"x@example.com"}"#,
        "createPermissionSet" => r#"{"name":"x","permissions":["profiles:read"]}"#,
        "createTeam" => r#"{"name":"x"}"#,
        "createApiKey" => r#"{"name":"x","permissions":["profiles:read"]}"#,
        "freeze" => r#"{"target":"everything"}"#,
        "createWebhookEndpoint" => r#"{"url":"https://hooks.example/x"}"#,
        "checkPermission" => r#"{"permission":"profiles:read"}"#,
        _ => "{}",
    }
}

/// Everything a permission set can hold for a team's profiles.
const SETS: [&str; 9] = [
    "profiles:read",
    "profiles:refresh",
    "profiles:check",
    "profiles:manage",
    "profiles:delete",
    "posts:write",
    "comments:read",
    "comments:write",
    "events:read",
];

/// Somebody: a header with which they come.
struct Somebody {
    name: &'static str,
    header: (&'static str, String),
}

struct House {
    demo: Demo,
    profile: String,
    connection: String,
    link: String,
    act: String,
}

impl House {
    async fn ask(&self, who: &Somebody, method: &str, path: &str, body: Option<&'static str>) -> (u16, String) {
        let url = self.demo.running.url();
        let request = client().request(method.parse().unwrap(), format!("{url}{path}")).header("origin", url);
        let request = request.header(who.header.0, &who.header.1);
        // Pages take forms; the one about several profiles is told which.
        let kind = if body.is_some() { "application/json" } else { "application/x-www-form-urlencoded" };
        let body = body.map_or_else(|| format!("ids={}", self.profile), str::to_owned);
        let answer = request.header("content-type", kind).body(body).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    fn filled(path: &str, id: &str) -> String {
        path.replace("{id}", id)
            .replace("{post}", "1")
            .replace("{message}", "msg_1")
            .replace("{*path}", "users/me")
            .replace("{network}", "linkedin")
    }

    /// Somebody new in that role, with a permission set for a team of nobody else.
    async fn arrives(&self, role: &str, permissions: &[&str]) -> String {
        let team = self.demo.api("POST", "/teams", Some(json!({ "name": format!("A team with a {role}") }))).await.1;
        let mut sets = vec![];
        if !permissions.is_empty() {
            let set = json!({ "name": "Everything there", "permissions": permissions });
            let (status, set) = self.demo.api("POST", "/permission-sets", Some(set)).await;
            assert_eq!(status, 201, "{set}");
            sets.push(json!({ "id": set["id"], "team_id": team["id"] }));
        }
        let new = json!({ "email": format!("{role}@fernweh.example"), "role": role, "permission_sets": sets });
        let (status, user) = self.demo.api("POST", "/users", Some(new)).await;
        assert_eq!(status, 201, "{user}");
        let request = client().post(user["invitation"].as_str().unwrap()).header("origin", self.demo.running.url());
        let answer = request.form(&[("password", "a-good-long-password")]).send().await.unwrap();
        answer.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned()
    }

    async fn session(&self, email: &str) -> String {
        let url = self.demo.running.url();
        let form = [("email", email.to_owned()), ("password", self.demo.text("password"))];
        let answer = client().post(format!("{url}/sign-in")).header("origin", url).form(&form).send().await.unwrap();
        assert_eq!(answer.status(), 303, "{email} signs in");
        answer.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned()
    }
}

#[test]
fn nt_20_every_route_is_listed() {
    let lists: [&[&str]; 6] =
        [&OF_ONE_PROFILE, &OF_ONE_CONNECTION, &OF_ONE_RENEWAL_LINK, &OF_ONE_ACT, &OF_THE_ORGANISATION, &FOR_EVERYBODY_KNOWN];
    let listed: Vec<&str> = lists.concat();
    let known: BTreeSet<&str> = API.iter().map(|route| route.id).collect();
    assert_eq!(listed.iter().copied().collect::<BTreeSet<_>>(), known, "list what is new in this file, and say what it is about");
    assert_eq!(listed.len(), known.len(), "each once");
    let acts: BTreeSet<&str> = API.iter().map(|route| route.path).collect();
    assert!(acts.iter().all(|path| path.starts_with("/api/v1/")));
    for route in API {
        assert_ne!(route.needs, Needs::Nothing, "{}", route.id);
    }
}

#[tokio::test]
async fn nt_20_every_route_is_closed_to_every_role_it_is_not_for() {
    let demo = Demo::start();
    let profile = demo.profile_named("linkedin", "Fernweh Outdoor").await["id"].as_str().unwrap().to_owned();
    let other = demo.profile_named("xing", "Karl Voss").await["id"].as_str().unwrap().to_owned();
    let begun = demo.api("POST", "/connections", Some(json!({ "network": "tiktok" }))).await.1;
    let about_profiles = Act::ALL.iter().filter(|act| act.is_about_profiles());
    let narrowed: Vec<String> = about_profiles
        .map(|act| if *act == Act::CallApi { format!("api:call ANY /** profile={other}") } else { format!("{act} profile={other}") })
        .chain(["profiles:connect".to_owned()])
        .collect();
    let (_, elsewhere) = key(&demo, &narrowed.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let (_, nothing) = key(&demo, &["networks:read"]).await;
    let made = demo.api("POST", "/renewal-links", Some(json!({ "profile_ids": [profile] }))).await;
    assert_eq!(made.0, 201, "{}", made.1);
    let link = demo.api("GET", "/renewal-links", None).await.1["items"][0]["id"].as_str().unwrap().to_owned();
    let posted = demo.api("POST", &format!("/profiles/{profile}/posts"), Some(json!({ "text": "Somebody's" }))).await.1;
    let (connection, act) = (begun["id"].as_str().unwrap().to_owned(), posted["act"].as_str().unwrap().to_owned());
    let house = House { demo, profile, connection, link, act };
    let outsider = house.session("mira.sato@fernweh.example").await;
    let (viewer, elsewhere_by_sets) = (house.arrives("viewer", &[]).await, house.arrives("standard_user", &SETS).await);
    let everybody = [
        Somebody { name: "a stranger", header: ("x-nobody", String::new()) },
        Somebody { name: "a key without permissions", header: ("authorization", format!("Bearer {nothing}")) },
        Somebody { name: "a key for another profile", header: ("authorization", format!("Bearer {elsewhere}")) },
        Somebody { name: "a standard user outside the team", header: ("cookie", outsider) },
        Somebody { name: "a viewer outside the team", header: ("cookie", viewer) },
        Somebody { name: "a standard user with permission sets for another team", header: ("cookie", elsewhere_by_sets) },
    ];
    let before = state(&house).await;
    for who in &everybody {
        for route in API {
            let (closed, theirs, unknown) = match route.id {
                id if OF_ONE_PROFILE.contains(&id) => (true, house.profile.as_str(), NOBODYS),
                id if OF_ONE_CONNECTION.contains(&id) => (true, house.connection.as_str(), "con_00000000000000000000000000000001"),
                id if OF_ONE_RENEWAL_LINK.contains(&id) => (true, house.link.as_str(), "0000"),
                id if OF_ONE_ACT.contains(&id) => (true, house.act.as_str(), "act_00000000000000000000000000000001"),
                id if OF_THE_ORGANISATION.contains(&id) => {
                    (true, "key_00000000000000000000000000000001", "frz_00000000000000000000000000000001")
                }
                _ => (false, "", ""),
            };
            let query = |id: &str| if matches!(route.id, "listEvents" | "streamEvents") { format!("?profile={id}") } else { String::new() };
            let path = |id: &str| House::filled(route.path, id) + &query(id);
            let (status, said) = house.ask(who, route.method, &path(theirs), Some(body_of(route.id))).await;
            let what = format!("{} {} by {}: {status} {said}", route.method, route.path, who.name);
            assert_ne!(status, 500, "{what}");
            assert!(!closed || matches!(status, 401 | 403 | 404), "{what}");
            assert!(who.name != "a stranger" || status == 401, "{what}");
            // Whether it exists is not told: an id of nobody's is answered with the very same words.
            if closed {
                assert_eq!(house.ask(who, route.method, &path(unknown), Some(body_of(route.id))).await, (status, said), "{what}");
            }
        }
        for (path, needs, _) in PAGES {
            let own = matches!(needs, Needs::Nothing | Needs::May(Act::ManageOwnAccount | Act::Connect));
            if own
                || !(path.starts_with(PAGES_OF_ONE) || path.starts_with("/audit"))
                    && matches!(needs, Needs::May(Act::SeeProfile | Act::Publish | Act::ReadComments | Act::Comment))
            {
                continue;
            }
            for method in ["GET", "POST"] {
                let (status, _) = house.ask(who, method, &House::filled(path, &house.profile), None).await;
                let closed = if who.name == "a stranger" { matches!(status, 303 | 401 | 405) } else { matches!(status, 403..=405) };
                assert!(closed, "{method} {path} by {}: {status}", who.name);
            }
        }
    }
    for (before, after) in before.iter().zip(state(&house).await) {
        let (was, is) = (before["items"].as_array().unwrap(), after["items"].as_array().unwrap());
        let new: Vec<_> = is.iter().filter(|item| !was.contains(item)).collect();
        assert_eq!((is.len(), new), (was.len(), vec![]), "and nothing was changed");
    }
}

/// What nobody of them may have changed.
async fn state(house: &House) -> Vec<Value> {
    let mut all = vec![];
    for path in [
        "/profiles?limit=200",
        "/api-keys",
        "/users",
        "/teams",
        "/page-presets",
        "/renewal-links",
        "/freezes",
        "/audit?act=posts:write&limit=500",
        "/audit?act=tokens:read&limit=500",
    ] {
        let (_, mut answer) = house.demo.api("GET", path, None).await;
        // A refusal is written down, and changes nothing.
        if let Some(items) = answer["items"].as_array_mut() {
            items.retain(|item| item["detail"]["refused"].is_null());
        }
        for item in answer["items"].as_array_mut().into_iter().flatten() {
            // When a key was last used is no change, nor what the keeper sees meanwhile.
            for moving in ["used_at", "verified_at", "deadline"] {
                item.as_object_mut().map(|item| item.remove(moving));
            }
        }
        all.push(answer);
    }
    all
}
