//! Users, teams, page presets and one's own notifications over REST, as on the pages.

use serde_json::{Value, json};

use crate::authorised::call;
use crate::world::{Demo, client};

fn id(value: &Value) -> String {
    value["id"].as_str().unwrap_or_else(|| panic!("no id in {value}")).to_owned()
}

#[tokio::test]
async fn users_are_invited_changed_and_deleted_and_one_admin_stays() {
    let demo = Demo::start();
    let url = demo.running.url();
    let (status, user) = demo.api("POST", "/users", Some(json!({ "email": "nele@fernweh.example", "name": "Nele Ruhr" }))).await;
    assert_eq!((status, user["state"].as_str(), user["role"].as_str()), (201, Some("invited"), Some("standard_user")), "{user}");
    assert!(user["invitation"].as_str().unwrap().starts_with(&format!("{url}/invitation/")), "{user}");
    let nele = id(&user);
    let again = demo.api("POST", "/users", Some(json!({ "email": "NELE@fernweh.example" }))).await;
    assert_eq!((again.0, again.1["field"].as_str()), (422, Some("email")), "one address, one user");
    for (body, field) in [
        (json!({ "email": "nobody" }), "email"),
        (json!({ "email": "a@b.example", "role": "king" }), "role"),
        (json!({ "email": "a@b.example", "name": "x".repeat(81) }), "name"),
        (json!({ "email": "a@b.example", "name": "two\nlines" }), "name"),
    ] {
        let (status, problem) = demo.api("POST", "/users", Some(body)).await;
        assert_eq!((status, problem["field"].as_str()), (422, Some(field)), "{problem}");
    }
    let long = format!("{}@{}.example", "a".repeat(60), "b".repeat(60));
    let (status, unnamed) = demo.api("POST", "/users", Some(json!({ "email": long }))).await;
    assert_eq!((status, &unnamed["name"]), (201, &json!(long)), "by the address until there is a name: {unnamed}");
    // The second link works, and with it the first one is over once a password is set.
    let (_, second) = demo.api("POST", &format!("/users/{nele}/invitation"), None).await;
    let form = [("password", "a-good-long-password"), ("again", "a-good-long-password")];
    let set = client().post(second["invitation"].as_str().unwrap()).header("origin", url).form(&form).send().await.unwrap();
    assert_eq!(set.status(), 303, "{}", set.text().await.unwrap());
    let first = client().get(user["invitation"].as_str().unwrap()).send().await.unwrap();
    assert_ne!(first.status(), 200, "one link sets one password");
    assert_eq!(demo.api("GET", &format!("/users/{nele}"), None).await.1["state"], "active");
    // A key does not become somebody by a new password, nor makes admins.
    assert_eq!(demo.api("POST", &format!("/users/{nele}/invitation"), None).await.0, 403);
    assert_eq!(demo.api("PATCH", &format!("/users/{nele}"), Some(json!({ "role": "company_admin" }))).await.0, 403);

    let profile = demo.profile_named("linkedin", "Fernweh Outdoor").await;
    let path = format!("/profiles/{}", id(&profile));
    assert_eq!(demo.api("PATCH", &path, Some(json!({ "owner_id": nele }))).await.0, 200);
    let (_, disabled) = demo.api("PATCH", &format!("/users/{nele}"), Some(json!({ "disabled": true }))).await;
    assert_eq!(disabled["state"], "disabled", "{disabled}");
    assert_eq!(demo.api("DELETE", &format!("/users/{nele}"), None).await.0, 204);
    assert_eq!(demo.api("GET", &format!("/users/{nele}"), None).await.0, 404);
    assert_eq!(demo.api("GET", &path, None).await.1["owner_id"], Value::Null, "nobody's profile, still connected");
    let (_, events) = demo.api("GET", "/events?after=0", None).await;
    assert!(events.to_string().contains("user.deleted"));

    // On the page, by an admin: the last one who can sign in cannot be taken away.
    let cookie = demo.admin().await;
    let (_, list) = demo.api("GET", "/users", None).await;
    let admins: Vec<&Value> = list["items"].as_array().unwrap().iter().filter(|user| user["role"] == "company_admin").collect();
    let me = admins.iter().find(|admin| admin["email"] == demo.text("user")).unwrap();
    let post = async |who: &Value, form: &[(&str, &str)]| {
        let path = format!("{url}/settings/users/{}", id(who));
        client().post(path).header("origin", url).header("cookie", &cookie).form(form).send().await.unwrap().status().as_u16()
    };
    assert_eq!(post(me, &[("do", "delete")]).await, 403, "not oneself");
    for other in admins.iter().filter(|admin| admin["id"] != me["id"]) {
        assert_eq!(post(other, &[("do", "delete")]).await, 303);
    }
    let (_, left) = demo.api("GET", "/users", None).await;
    assert!(left["items"].as_array().unwrap().iter().any(|user| user["id"] == me["id"]));
}

#[tokio::test]
async fn teams_and_presets_are_kept_over_rest() {
    let demo = Demo::start();
    let (_, users) = demo.api("GET", "/users", None).await;
    let somebody = id(&users["items"][0]);
    let (status, team) = demo.api("POST", "/teams", Some(json!({ "name": "Alpen", "member_ids": [somebody] }))).await;
    assert_eq!((status, &team["member_ids"]), (201, &json!([somebody])), "{team}");
    let team_id = id(&team);
    assert_eq!(demo.api("POST", "/teams", Some(json!({ "name": "Alpen" }))).await.0, 409, "the name is taken");
    let unknown = json!({ "member_ids": ["usr_00000000000000000000000000000001"] });
    assert_eq!(demo.api("PATCH", &format!("/teams/{team_id}"), Some(unknown)).await.1["field"], "member_ids");
    let (_, renamed) = demo.api("PATCH", &format!("/teams/{team_id}"), Some(json!({ "name": "Berge" }))).await;
    assert_eq!((&renamed["name"], &renamed["member_ids"]), (&json!("Berge"), &json!([somebody])), "what is left out stays");

    let wanted = json!({ "owner_id": somebody, "team_ids": [team_id], "notifications": { "no_access_tokens": true, "renew_soon": false } });
    let (status, preset) = demo.api("PUT", "/page-presets/tiktok", Some(wanted.clone())).await;
    assert_eq!((status, &preset["team_ids"]), (200, &json!([team_id])), "{preset}");
    assert_eq!(demo.api("PUT", "/page-presets/nowhere", Some(wanted)).await.0, 404);
    let stranger = json!({ "owner_id": "usr_00000000000000000000000000000001" });
    assert_eq!(demo.api("PUT", "/page-presets/default", Some(stranger)).await.1["field"], "owner_id");
    // New profiles get it.
    let added = demo.connect("tiktok", "gipfel.guides").await;
    let added = added["profiles"][0].as_str().unwrap_or_else(|| panic!("{added}"));
    let (_, profile) = demo.api("GET", &format!("/profiles/{added}"), None).await;
    assert_eq!((&profile["owner_id"], &profile["team_ids"]), (&json!(somebody), &json!([team_id])), "{profile}");

    assert_eq!(demo.api("DELETE", &format!("/teams/{team_id}"), None).await.0, 204);
    assert_eq!(demo.api("GET", &format!("/teams/{team_id}"), None).await.0, 404);
    assert_eq!(demo.api("GET", &format!("/profiles/{added}"), None).await.1["team_ids"], json!([]));
    let (_, preset) = demo.api("GET", "/page-presets/tiktok", None).await;
    assert_eq!((&preset["team_ids"], &preset["owner_id"]), (&json!([]), &json!(somebody)), "the preset forgets the team only");
    assert_eq!(demo.api("DELETE", "/page-presets/tiktok", None).await.0, 204);
    assert_eq!(demo.api("DELETE", "/page-presets/tiktok", None).await.0, 404);
}

#[tokio::test]
async fn a_key_asks_for_the_notifications_of_whoever_made_it() {
    let demo = Demo::start();
    let url = demo.running.url();
    // The operator's key belongs to no user.
    let (status, problem) = demo.api("GET", "/me/notifications", None).await;
    assert_eq!(status, 403, "{problem}");
    let cookie = demo.admin().await;
    let ask = async |method: &str, body: Value| {
        let request = client().request(method.parse().unwrap(), format!("{url}/api/v1/me/notifications"));
        let answer = request.header("origin", url).header("cookie", &cookie).json(&body).send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
    };
    let (status, mine) = ask("GET", json!({})).await;
    assert_eq!((status, &mine["email"]), (200, &json!(demo.text("user"))), "{mine}");
    let (_, changed) = ask("PATCH", json!({ "renew_soon": mine["renew_soon"] == false })).await;
    assert_eq!(changed["no_access_tokens"], mine["no_access_tokens"]);
    assert_ne!(changed["renew_soon"], mine["renew_soon"]);
    assert_eq!(ask("PATCH", json!({ "renew_sooner": true })).await.0, 422);
    // A key that the user made asks for that user; without the permission, for nobody.
    let make = async |permission: &str| {
        let request = client().post(format!("{url}/api/v1/api-keys")).header("origin", url).header("cookie", &cookie);
        let answer = request.json(&json!({ "name": "mine", "permissions": [permission] })).send().await.unwrap();
        answer.json::<Value>().await.unwrap()["api_key"].as_str().unwrap().to_owned()
    };
    let (status, told) = call(url, &make("account:manage").await, "GET", "/me/notifications", None).await;
    assert_eq!((status, &told), (200, &changed), "what was changed holds for the same user");
    assert_eq!(call(url, &make("profiles:read").await, "GET", "/me/notifications", None).await.0, 403);
}

/// Two admins at the same form: the second sees what the first changed, and nothing of either is lost.
#[tokio::test]
async fn two_admins_at_the_same_settings_lose_nothing() {
    let demo = Demo::start();
    let (http, cookie, url) = (client(), demo.admin().await, demo.running.url());
    let get = async |path: &str| http.get(format!("{url}{path}")).header("cookie", &cookie).send().await.unwrap().text().await.unwrap();
    let post = async |path: &str, form: &[(&str, &str)]| {
        let request = http.post(format!("{url}{path}")).header("origin", url).header("cookie", &cookie);
        let answer = request.form(form).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    // What the form before the given words carries.
    let shown = |page: &str, of: &str| {
        let form = page.split("<form").find(|form| form.contains(of)).unwrap_or_else(|| panic!("no form with {of}: {page}"));
        let value = form.split("name=\"shown\" value=\"").nth(1).unwrap().split('"').next().unwrap();
        value.replace("&amp;", "&").replace("&#38;", "&")
    };
    let users = demo.api("GET", "/users", None).await.1;
    let named = |name: &str| id(users["items"].as_array().unwrap().iter().find(|user| user["name"] == name).unwrap());
    let (lena, mira, tobias) = (named("Lena Arndt"), named("Mira Sato"), named("Tobias Kern"));
    let teams = demo.api("GET", "/teams", None).await.1;
    let team = |name: &str| id(teams["items"].as_array().unwrap().iter().find(|team| team["name"] == name).unwrap());
    let (brand, guides) = (team("Brand"), team("Trail guides"));

    let profile = id(&demo.profile_named("linkedin", "Fernweh Outdoor").await);
    let path = format!("/settings/profiles/{profile}");
    let before = shown(&get(&path).await, "id=\"owner\"");
    let first = [("shown", before.as_str()), ("owner", &lena), ("teams", &brand), ("teams", &guides), ("enabled", "1")];
    assert_eq!(post(&path, &first).await.0, 200);
    let second = [("shown", before.as_str()), ("owner", &mira), ("teams", &brand), ("enabled", "1")];
    let (status, page) = post(&path, &second).await;
    assert!(status == 409 && page.contains("Lena Arndt changed: Teams: Brand, Trail guides."), "{status} {page}");
    assert_eq!(demo.api("GET", &format!("/profiles/{profile}"), None).await.1["owner_id"], lena.as_str(), "nothing was saved");
    assert!(page.contains(&format!("value=\"{mira}\" selected")), "their own entry is kept: {page}");
    assert!(page.contains(&format!("value=\"{guides}\" checked")), "and what the other one chose is there: {page}");
    let again = shown(&page, "id=\"owner\"");
    let merged = [("shown", again.as_str()), ("owner", &mira), ("teams", &brand), ("teams", &guides), ("enabled", "1")];
    assert_eq!(post(&path, &merged).await.0, 200);
    let now = demo.api("GET", &format!("/profiles/{profile}"), None).await.1;
    assert_eq!((&now["owner_id"], now["team_ids"].as_array().map(Vec::len)), (&json!(mira), Some(2)), "{now}");

    // What says nothing of its own is folded: the page of sixteen networks is read in one go.
    let page = get("/settings/page-presets").await;
    let card = |network: &str| {
        let card = page.split("<form class=\"card\"").find(|card| card.contains(&format!("name=\"network\" value=\"{network}\""))).unwrap();
        card.split("</form>").next().unwrap().to_owned()
    };
    assert!(!card("tiktok").contains("<details") && !card("").contains("<details"), "{page}");
    assert!(card("bluesky").contains("<details><summary>") && card("bluesky").contains("Nothing is set here"), "{page}");
    let before = shown(&page, "value=\"tiktok\"");
    let first =
        [("shown", before.as_str()), ("network", "tiktok"), ("owner", &lena), ("teams", &brand), ("no_access", "1"), ("renew_soon", "1")];
    assert_eq!(post("/settings/page-presets", &first).await.0, 200);
    let second = [("shown", before.as_str()), ("network", "tiktok"), ("owner", &tobias), ("teams", &brand), ("no_access", "1")];
    let (status, page) = post("/settings/page-presets", &second).await;
    assert!(status == 409 && page.contains("Lena Arndt changed: Profile owner: Lena Arndt."), "{status} {page}");

    let path = format!("/settings/teams/{brand}");
    let before = shown(&get("/settings/teams").await, &path);
    assert_eq!(post(&path, &[("shown", &before), ("name", "Brand"), ("members", &lena)]).await.0, 303);
    let (status, page) = post(&path, &[("shown", &before), ("name", "Brands"), ("members", &lena), ("members", &tobias)]).await;
    assert!(
        status == 409 && page.contains("Lena Arndt changed: Members: Lena Arndt.") && page.contains("value=\"Brands\""),
        "{status} {page}"
    );
    // Who changes what nobody else touched is not bothered.
    let before = shown(&get("/settings/teams").await, &path);
    assert_eq!(post(&path, &[("shown", &before), ("name", "Brands"), ("members", &lena)]).await.0, 303);
}
