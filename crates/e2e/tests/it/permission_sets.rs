//! Permission sets: what they add to a role, for whom, where; that nobody gives what they do not have; and the page for it.

use serde_json::{Value, json};

use crate::authorised::{call, key};
use crate::browser::Browser;
use crate::story::{self, accessible};
use crate::world::{Demo, client, cookie_of};

/// Somebody who is signed in.
struct Somebody<'a> {
    demo: &'a Demo,
    cookie: String,
}

impl<'a> Somebody<'a> {
    async fn sign_in(demo: &'a Demo, email: &str) -> Self {
        Self { demo, cookie: demo.sign_in(email).await }
    }

    /// Whoever was invited chooses a password.
    async fn arrive(demo: &'a Demo, invitation: &Value) -> Self {
        let form = [("password", "a-good-long-password")];
        let request = client().post(invitation.as_str().unwrap()).header("origin", demo.running.url());
        let answer = request.form(&form).send().await.unwrap();
        assert_eq!(answer.status(), 303);
        Self { demo, cookie: cookie_of(&answer) }
    }

    async fn ask(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let url = self.demo.running.url();
        let request = client().request(method.parse().unwrap(), format!("{url}/api/v1{path}"));
        let mut request = request.header("origin", url).header("cookie", &self.cookie);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap_or(Value::Null))
    }

    async fn page(&self, path: &str) -> (u16, String) {
        let request = client().get(format!("{}{path}", self.demo.running.url())).header("cookie", &self.cookie);
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }
}

fn id(value: &Value) -> String {
    value["id"].as_str().unwrap_or_else(|| panic!("no id in {value}")).to_owned()
}

async fn make(demo: &Demo, name: &str, permissions: &[&str]) -> String {
    let (status, set) = demo.api("POST", "/permission-sets", Some(json!({ "name": name, "permissions": permissions }))).await;
    assert_eq!(status, 201, "{set}");
    id(&set)
}

#[tokio::test]
async fn a_set_adds_to_a_role_where_it_is_given_and_holds_at_once() {
    let demo = Demo::start();
    let brand = demo.named("/teams", "Brand").await;
    let (ours, theirs) = (
        id(&demo.profile_named("linkedin", "Fernweh Outdoor").await),
        id(&demo.profiles("pinterest").await.into_iter().find(|one| one["team_ids"] != json!([brand])).unwrap()),
    );
    let set = make(&demo, "Publishers", &["posts:write", "comments:read"]).await;
    let (_, shown) = demo.api("GET", &format!("/permission-sets/{set}"), None).await;
    assert_eq!(shown["permissions"], json!(["profiles:read", "posts:write", "comments:read"]), "who publishes sees");
    let again = json!({ "name": "Publishers", "permissions": ["profiles:read"] });
    assert_eq!(demo.api("POST", "/permission-sets", Some(again)).await.0, 409);
    for wrong in [json!(["tokens:read"]), json!(["api:call"]), json!(["everything"]), json!([])] {
        assert_eq!(demo.api("POST", "/permission-sets", Some(json!({ "name": "x", "permissions": wrong }))).await.0, 422, "{wrong}");
    }

    // A viewer is invited with it, for one team.
    let place = json!([{ "id": set, "team_id": brand }]);
    let new = json!({ "email": "nele@fernweh.example", "name": "Nele Ruhr", "role": "viewer", "permission_sets": place });
    let (status, user) = demo.api("POST", "/users", Some(new)).await;
    assert_eq!((status, &user["role"], &user["permission_sets"]), (201, &json!("viewer"), &place), "{user}");
    let nele = Somebody::arrive(&demo, &user["invitation"]).await;
    let (_, seen) = nele.ask("GET", "/profiles?limit=200", None).await;
    let seen = seen["items"].as_array().unwrap();
    assert!(!seen.is_empty() && seen.iter().all(|profile| profile["team_ids"].as_array().unwrap().contains(&json!(brand))), "{seen:?}");
    assert_eq!(nele.ask("GET", &format!("/profiles/{theirs}"), None).await.0, 404, "another team's does not exist for her");
    let publish = async || nele.ask("POST", &format!("/profiles/{ours}/posts"), Some(json!({ "text": "From the hut" }))).await;
    assert_eq!(publish().await.0, 201);
    let (status, refused) = nele.ask("PATCH", &format!("/profiles/{ours}"), Some(json!({ "owner_id": null }))).await;
    assert_eq!((status, refused["reason"].as_str()), (403, Some("not_given")), "{refused}");
    assert_eq!(nele.ask("GET", "/users", None).await.0, 403);
    assert_eq!(nele.page("/").await.0, 200, "the dashboard is everybody's");
    assert_eq!(nele.page("/settings/permission-sets").await.0, 403);
    let (_, may) = nele.ask("POST", "/permissions/check", Some(json!({ "permission": "posts:write", "profile": ours }))).await;
    assert_eq!(may["allowed"], true, "the dry run says the same: {may}");

    // What changes in the set changes for her at the next request; with the set goes what it showed.
    let less = json!({ "permissions": ["profiles:read"] });
    assert_eq!(demo.api("PATCH", &format!("/permission-sets/{set}"), Some(less)).await.0, 200);
    assert_eq!(publish().await.0, 403);
    assert_eq!(demo.api("DELETE", &format!("/permission-sets/{set}"), None).await.0, 204);
    assert_eq!(nele.ask("GET", &format!("/profiles/{ours}"), None).await.0, 404);
    assert_eq!(demo.api("GET", &format!("/users/{}", id(&user)), None).await.1["permission_sets"], json!([]));
    let (_, audit) = demo.api("GET", "/audit?act=users:manage", None).await;
    for what in ["permission_set_created", "permission_sets_given", "permission_set_changed", "permission_set_deleted"] {
        assert!(audit.to_string().contains(what), "{what} is in the audit: {audit}");
    }
}

#[tokio::test]
async fn a_team_admin_manages_their_team_and_nobody_gives_what_they_do_not_have() {
    let demo = Demo::start();
    let (brand, guides) = (demo.named("/teams", "Brand").await, demo.named("/teams", "Trail guides").await);
    let (lena, mira, tobias) =
        (demo.named("/users", "Lena Arndt").await, demo.named("/users", "Mira Sato").await, demo.named("/users", "Tobias Kern").await);
    let give = async |user: &str, sets: Value| demo.api("PATCH", &format!("/users/{user}"), Some(json!({ "permission_sets": sets }))).await;
    let team_admins = make(&demo, "Team admins", &["teams:manage"]).await;
    assert_eq!(give(&mira, json!([{ "id": team_admins, "team_id": guides }])).await.0, 200);
    let their = Somebody::sign_in(&demo, "mira.sato@fernweh.example").await;
    let (_, teams) = their.ask("GET", "/teams", None).await;
    assert_eq!(teams["items"].as_array().map(Vec::len), Some(1), "{teams}");
    let members = json!({ "member_ids": [mira, tobias] });
    assert_eq!(
        their.ask("PATCH", &format!("/teams/{guides}"), Some(members.clone())).await.1["member_ids"].as_array().map(Vec::len),
        Some(2)
    );
    assert_eq!(their.ask("PATCH", &format!("/teams/{brand}"), Some(members)).await.0, 404, "the other team is hidden");
    assert_eq!(their.ask("POST", "/teams", Some(json!({ "name": "Mine" }))).await.0, 403);
    assert_eq!(their.ask("DELETE", &format!("/teams/{guides}"), None).await.0, 403);
    let (status, page) = their.page("/settings/teams").await;
    assert!(status == 200 && page.contains(&guides) && !page.contains(&brand) && !page.contains("New team"), "{page}");

    // Company-wide only: it cannot be given for a team.
    let managers = make(&demo, "User managers", &["users:manage"]).await;
    let (status, problem) = give(&tobias, json!([{ "id": managers, "team_id": brand }])).await;
    assert_eq!((status, problem["field"].as_str()), (422, Some("permission_sets")), "{problem}");
    assert_eq!(give(&tobias, json!([{ "id": managers }])).await.0, 200);
    let manager = Somebody::sign_in(&demo, "tobias.kern@fernweh.example").await;
    let set = |name: &str, word: &str| Some(json!({ "name": name, "permissions": [word] }));
    assert_eq!(manager.ask("POST", "/permission-sets", set("Auditors", "audit:read")).await.0, 403, "he has none to give");
    assert_eq!(manager.ask("POST", "/permission-sets", set("Helpers", "users:manage")).await.0, 201);
    let widened = Some(json!({ "permissions": ["users:manage", "audit:read"] }));
    assert_eq!(manager.ask("PATCH", &format!("/permission-sets/{managers}"), widened).await.0, 403, "nor into what he has himself");
    let patch = async |user: &str, body: Value| manager.ask("PATCH", &format!("/users/{user}"), Some(body)).await.0;
    assert_eq!(patch(&mira, json!({ "permission_sets": [{ "id": managers }] })).await, 200);
    assert_eq!(patch(&mira, json!({ "permission_sets": [{ "id": team_admins }] })).await, 403);
    assert_eq!(patch(&mira, json!({ "role": "company_admin" })).await, 403);
    assert_eq!(patch(&lena, json!({ "disabled": true })).await, 403, "company admins are out of his reach");
    assert_eq!(patch(&tobias, json!({ "permission_sets": [] })).await, 403, "and so is he himself");
    assert_eq!(manager.ask("POST", &format!("/users/{mira}/invitation"), None).await.0, 403, "a reset password would make him her");
    assert_eq!(manager.ask("DELETE", &format!("/users/{mira}/second-factor"), None).await.0, 403);
    assert_eq!(manager.ask("POST", "/users", Some(json!({ "email": "new@fernweh.example" }))).await.0, 201);
    let (status, page) = manager.page("/settings/users").await;
    assert!(status == 200 && !page.contains("value=\"company_admin\""), "what he cannot give is not offered: {page}");

    let (_, tool) = key(&demo, &["users:manage"]).await;
    let url = demo.running.url();
    assert_eq!(call(url, &tool, "POST", "/permission-sets", set("Tools", "posts:write")).await.0, 403);
    assert_eq!(call(url, &tool, "POST", "/permission-sets", set("Tools", "users:manage")).await.0, 201);
    let keys = make(&demo, "Key makers", &["api_keys:manage"]).await;
    assert_eq!(give(&tobias, json!([{ "id": keys }])).await.0, 200);
    assert_eq!(manager.ask("GET", "/users", None).await.0, 403, "taken away at the next request");
    let wanted = Some(json!({ "name": "mine", "permissions": ["tokens:read"] }));
    assert_eq!(manager.ask("POST", "/api-keys", wanted).await.0, 403, "no key beyond oneself");
}

#[tokio::test]
async fn permission_sets_are_made_and_given_on_their_pages() {
    let Some(browser) = Browser::start().await else { return };
    let demo = Demo::start();
    let url = demo.running.url().to_owned();
    story::sign_in(&browser, &demo).await;
    browser.goto(&format!("{url}/settings/permission-sets")).await;
    browser.fill("Name", "Publishers").await;
    browser.run("document.querySelector('form.card:last-of-type input[value=\"posts:write\"]').click()").await;
    browser.go("Create").await;
    browser.see("Given to: nobody").await;
    accessible(&browser, "permission-sets").await;
    browser.goto(&format!("{url}/settings/users")).await;
    browser.press("Change: Mira Sato").await;
    accessible(&browser, "users").await;
    browser.go("Give permission set: Mira Sato").await;
    browser.see("Publishers: company-wide").await;
    browser.goto(&format!("{url}/settings/permission-sets")).await;
    browser.see("Given to: Mira Sato").await;
    browser.goto(&format!("{url}/settings/users")).await;
    browser.press("Change: Mira Sato").await;
    browser.go("Take away: Publishers: company-wide, Mira Sato").await;
    browser.no_longer_see("Publishers: company-wide").await;
    browser.goto(&format!("{url}/settings/permission-sets")).await;
    browser.see("Given to: nobody").await;
}
