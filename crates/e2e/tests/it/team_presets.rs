//! Page presets of a team: before the network's, before the company's; for new profiles and, after a look, for existing ones.

use serde_json::{Value, json};

use crate::authorised::{call, key};
use crate::world::{Demo, client};

/// A person without any page connects their own profile; what the new profile got.
async fn connect_lea(demo: &Demo, team: Option<&str>) -> (u16, Value) {
    let begun = demo.api("POST", "/connections", Some(json!({ "network": "linkedin" }))).await.1;
    let back = demo.consent(&begun["authorize_url"], "lea.hoffmann").await;
    client().get(back).send().await.unwrap();
    let path = format!("/connections/{}", begun["id"].as_str().unwrap());
    let ids: Vec<Value> =
        demo.api("GET", &path, None).await.1["discovered"].as_array().unwrap().iter().map(|found| found["id"].clone()).collect();
    let (status, chosen) = demo.api("POST", &format!("{path}/profiles"), Some(json!({ "ids": ids, "team_id": team }))).await;
    if status != 200 {
        return (status, chosen);
    }
    demo.api("GET", &format!("/profiles/{}", chosen["profiles"][0].as_str().unwrap()), None).await
}

#[tokio::test]
async fn a_teams_presets_come_before_the_networks_and_the_companys() {
    let demo = Demo::start();
    let (brand, guides) = (demo.named("/teams", "Brand").await, demo.named("/teams", "Trail guides").await);
    let (lena, mira, tobias) =
        (demo.named("/users", "Lena Arndt").await, demo.named("/users", "Mira Sato").await, demo.named("/users", "Tobias Kern").await);
    let set = async |network: &str, owner: &str| {
        let wanted = json!({ "owner_id": owner, "team_ids": [], "notifications": { "no_access_tokens": true, "renew_soon": false } });
        demo.api("PUT", &format!("/page-presets/{network}?team_id={guides}"), Some(wanted)).await
    };
    let holds = async |team: &str| demo.api("GET", &format!("/page-presets/linkedin?team_id={team}"), None).await.1["owner_id"].clone();
    assert_eq!(holds(&guides).await, json!(lena), "the network's, while the team has none");
    let (status, preset) = set("default", &tobias).await;
    assert_eq!(
        (status, &preset["team_id"], &preset["team_ids"]),
        (200, &json!(guides), &json!([guides])),
        "its profiles are in it: {preset}"
    );
    assert_eq!(holds(&guides).await, json!(tobias), "the team's for all networks comes before the network's");
    assert_eq!(set("linkedin", &mira).await.0, 200);
    assert_eq!((holds(&guides).await, holds(&brand).await), (json!(mira), json!(lena)), "its own for the network comes first");
    let nowhere = "/page-presets/linkedin?team_id=tem_00000000000000000000000000000001";
    assert_eq!(demo.api("PUT", nowhere, Some(json!({}))).await.0, 404);

    let (status, wrong) = connect_lea(&demo, Some("tem_00000000000000000000000000000001")).await;
    assert_eq!((status, wrong["field"].as_str()), (422, Some("team_id")), "{wrong}");
    let (_, profile) = connect_lea(&demo, Some(&guides)).await;
    let got = (&profile["owner_id"], &profile["team_ids"], &profile["notifications"]["renew_soon"]);
    assert_eq!(got, (&json!(mira), &json!([guides]), &json!(false)), "{profile}");

    // Existing ones: shown first, then done; what holds now is the team's.
    let (http, cookie, url) = (client(), demo.admin().await, demo.running.url());
    let id = profile["id"].as_str().unwrap();
    let settings = async || {
        let request = http.get(format!("{url}/settings/profiles/{id}")).header("cookie", &cookie);
        request.send().await.unwrap().text().await.unwrap()
    };
    let page = settings().await;
    assert!(page.contains("Set as the page presets that hold here say: Trail guides, LinkedIn."), "where it comes from: {page}");
    assert_eq!(set("linkedin", &tobias).await.0, 200);
    let page = settings().await;
    assert!(
        page.contains("hold here (Trail guides, LinkedIn)") && page.contains("<li>Profile owner: Mira Sato → Tobias Kern</li>"),
        "{page}"
    );
    let post = async |form: &[(&str, &str)]| {
        let request = http.post(format!("{url}/settings/profiles/bulk")).header("origin", url).header("cookie", &cookie);
        let answer = request.form(form).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let (status, page) = post(&[("ids", id), ("do", "presets")]).await;
    assert!(status == 200 && page.contains("Profile owner: Mira Sato → Tobias Kern"), "{status} {page}");
    let mark = page.split("name=\"mark\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    assert_eq!(post(&[("ids", id), ("do", "presets"), ("mark", mark)]).await.0, 303);
    assert_eq!(demo.api("GET", &format!("/profiles/{id}"), None).await.1["owner_id"], json!(tobias));

    // Taken back, and gone with the team.
    let own = format!("/page-presets/linkedin?team_id={guides}");
    assert_eq!((demo.api("DELETE", &own, None).await.0, demo.api("DELETE", &own, None).await.0), (204, 404));
    assert_eq!(demo.api("DELETE", &format!("/teams/{guides}"), None).await.0, 204);
    let left = demo.api("GET", "/page-presets", None).await.1;
    assert!(left["items"].as_array().unwrap().iter().all(|preset| preset["team_id"].is_null()), "{left}");
}

#[tokio::test]
async fn a_team_admin_sets_the_presets_of_their_team_on_the_page() {
    let demo = Demo::start();
    let (brand, guides) = (demo.named("/teams", "Brand").await, demo.named("/teams", "Trail guides").await);
    let mira = demo.named("/users", "Mira Sato").await;
    let set = json!({ "name": "Team admins", "permissions": ["presets:manage"] });
    let set = demo.api("POST", "/permission-sets", Some(set)).await.1["id"].clone();
    let given = json!({ "permission_sets": [{ "id": set, "team_id": guides }] });
    assert_eq!(demo.api("PATCH", &format!("/users/{mira}"), Some(given)).await.0, 200);
    let (http, url) = (client(), demo.running.url());
    let cookie = demo.sign_in("mira.sato@fernweh.example").await;
    let get = async |path: &str| {
        let answer = http.get(format!("{url}{path}")).header("cookie", &cookie).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let post = async |form: &[(&str, &str)]| {
        let request = http.post(format!("{url}/settings/page-presets")).header("origin", url).header("cookie", &cookie);
        let answer = request.form(form).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let (status, page) = get("/settings/page-presets").await;
    assert!(status == 200 && page.contains("A team&#39;s preset comes before the network&#39;s"), "the page says what counts: {page}");
    assert!(
        page.contains("Nothing is set here. What holds: Company, LinkedIn.") && page.contains(&format!("name=\"team\" value=\"{guides}\"")),
        "{page}"
    );
    assert_eq!(get(&format!("/settings/page-presets?team={brand}")).await.0, 404, "another team's are hidden");
    let (status, page) = post(&[("team", &guides), ("network", "linkedin"), ("owner", &mira), ("no_access", "1")]).await;
    assert!(status == 200 && page.contains("Remove preset: LinkedIn"), "{page}");
    assert_eq!(post(&[("team", &brand), ("network", "linkedin"), ("owner", &mira)]).await.0, 404);
    let into_brand = [("team", guides.as_str()), ("network", "linkedin"), ("owner", &mira), ("teams", &brand)];
    let (status, page) = post(&into_brand).await;
    assert!(status == 422 && page.contains("whose page presets are not yours to set"), "{status} {page}");
    let (_, page) = get("/settings/page-presets").await;
    let form = page.split("<form").find(|form| form.contains("name=\"network\" value=\"linkedin\"")).unwrap();
    assert!(!form.contains(&brand), "and it is not offered: {form}");
    assert_eq!(post(&[("team", ""), ("network", "linkedin"), ("owner", &mira)]).await.0, 403, "the company's are not theirs");
    let (status, page) = post(&[("team", &guides), ("network", "linkedin"), ("do", "remove")]).await;
    assert!(status == 200 && !page.contains("Remove preset: LinkedIn"), "{page}");
}

/// Over REST as on the page: shown first, then exactly that or nothing; for whoever may manage each of the profiles.
#[tokio::test]
async fn a_tool_previews_page_presets_and_applies_what_it_saw() {
    let demo = Demo::start();
    let (brand, mira, tobias) =
        (demo.named("/teams", "Brand").await, demo.named("/users", "Mira Sato").await, demo.named("/users", "Tobias Kern").await);
    let id = async |network: &str, name: &str| demo.profile_named(network, name).await["id"].as_str().unwrap().to_owned();
    let (differs, same) = (id("tiktok", "Fernweh Outdoor").await, id("xing", "Karl Voss").await);
    let owned_by = async |owner: &str| {
        let other = json!({ "owner_id": owner, "team_ids": [], "notifications": { "no_access_tokens": false, "renew_soon": true } });
        assert_eq!(demo.api("PATCH", &format!("/profiles/{differs}"), Some(other)).await.0, 200);
    };
    owned_by(&mira).await;
    let ids = json!({ "profile_ids": [differs, same, differs] });
    let (status, seen) = demo.api("POST", "/page-presets/preview", Some(ids.clone())).await;
    let of = |seen: &Value, profile: &str| {
        let mut items = seen["items"].as_array().unwrap().iter().filter(|item| item["profile_id"] == profile);
        (items.next().unwrap().clone(), items.next().is_none())
    };
    let expected = json!({
        "profile_id": differs, "changes": true, "owner_id": { "from": mira, "to": tobias }, "added_team_ids": [brand],
        "notifications": { "no_access_tokens": true, "renew_soon": null },
    });
    assert_eq!((status, of(&seen, &differs)), (200, (expected, true)), "named twice is shown once: {seen}");
    let nothing = json!({
        "profile_id": same, "changes": false, "owner_id": null, "added_team_ids": [],
        "notifications": { "no_access_tokens": null, "renew_soon": null },
    });
    assert_eq!(of(&seen, &same).0, nothing, "{seen}");
    let owner = async || demo.api("GET", &format!("/profiles/{differs}"), None).await.1["owner_id"].clone();
    assert_eq!(owner().await, json!(mira), "a preview changes nothing");

    // What would come out differently by now is not done.
    let apply = |seen: &Value| json!({ "profile_ids": [same, differs], "mark": seen["mark"] });
    let lena = demo.named("/users", "Lena Arndt").await;
    owned_by(&lena).await;
    let (status, problem) = demo.api("POST", "/page-presets/apply", Some(apply(&seen))).await;
    assert_eq!((status, problem["code"].as_str(), problem["field"].as_str()), (409, Some("changed_meanwhile"), Some("mark")), "{problem}");
    assert_eq!(owner().await, json!(lena));

    // Whoever may not manage one of them does nothing with any.
    let narrow = key(&demo, &["profiles:read", &format!("profiles:manage profile={differs}")]).await.1;
    let url = demo.running.url();
    for (path, body) in [("/page-presets/preview", ids.clone()), ("/page-presets/apply", apply(&seen))] {
        assert_eq!(call(url, &narrow, "POST", path, Some(body)).await.0, 403, "{path}");
    }
    let (_, seen) = demo.api("POST", "/page-presets/preview", Some(ids.clone())).await;
    assert_eq!(of(&seen, &differs).0["owner_id"], json!({ "from": lena, "to": tobias }));
    let other_choice = json!({ "profile_ids": [differs], "mark": seen["mark"] });
    assert_eq!(demo.api("POST", "/page-presets/apply", Some(other_choice)).await.0, 409, "the mark is of these profiles");
    assert_eq!(owner().await, json!(lena), "nothing was done so far");
    let (status, done) = demo.api("POST", "/page-presets/apply", Some(apply(&seen))).await;
    assert_eq!((status, &done), (200, &json!({ "changed": 1 })));
    let after = demo.api("GET", &format!("/profiles/{differs}"), None).await.1;
    let got = (&after["owner_id"], &after["team_ids"], &after["notifications"]["no_access_tokens"]);
    assert_eq!(got, (&json!(tobias), &json!([brand]), &json!(true)), "{after}");
    let (_, seen) = demo.api("POST", "/page-presets/preview", Some(ids)).await;
    assert!(seen["items"].as_array().unwrap().iter().all(|item| item["changes"] == false), "{seen}");

    for none in [json!([]), json!(["prf_00000000000000000000000000000001"])] {
        let (status, problem) = demo.api("POST", "/page-presets/preview", Some(json!({ "profile_ids": none }))).await;
        assert!(matches!(status, 404 | 422), "{problem}");
    }
}
