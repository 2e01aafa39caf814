//! Tags: set, listed, filtered by; what keys and permission sets reach by them; and the pages.

use serde_json::{Value, json};

use crate::authorised::{call, key};
use crate::browser::Browser;
use crate::story::{accessible, sign_in};
use crate::world::{Demo, client};

fn id(value: &Value) -> String {
    value["id"].as_str().unwrap_or_else(|| panic!("no id in {value}")).to_owned()
}

async fn tag(demo: &Demo, profile: &str, tags: Value) -> (u16, Value) {
    demo.api("PATCH", &format!("/profiles/{profile}"), Some(json!({ "tags": tags }))).await
}

fn names(list: &Value) -> Vec<&str> {
    list["items"].as_array().unwrap_or_else(|| panic!("{list}")).iter().filter_map(|item| item["name"].as_str()).collect()
}

#[tokio::test]
async fn profiles_are_tagged_listed_and_found_by_their_tags() {
    let demo = Demo::start();
    let outdoor = demo.profile_named("linkedin", "Fernweh Outdoor").await;
    let (linkedin, tiktok) = (id(&outdoor), id(&demo.profile_named("tiktok", "Fernweh Outdoor").await));
    assert_eq!(outdoor["tags"], json!([]));
    let (status, profile) = tag(&demo, &linkedin, json!(["Launch", "q4", "LAUNCH"])).await;
    assert_eq!((status, &profile["tags"], &profile["team_ids"]), (200, &json!(["Launch", "q4"]), &outdoor["team_ids"]), "{profile}");
    let (_, profile) = tag(&demo, &tiktok, json!(["launch"])).await;
    assert_eq!(profile["tags"], json!(["Launch"]), "shown as first written");
    let (_, history) = demo.api("GET", &format!("/events?profile={linkedin}"), None).await;
    assert!(history.to_string().contains(r#""added":["Launch","q4"]"#), "{history}");

    let list = async |query: &str| demo.api("GET", &format!("/profiles?{query}"), None).await;
    for (query, n) in
        [("tag=LAUNCH", 2), ("tag=launch&network=tiktok", 1), ("tag=q4&q=fernweh", 1), ("tag=nobody", 0), ("tag=q4&network=x", 0)]
    {
        let (status, found) = list(query).await;
        assert_eq!((status, names(&found).len()), (200, n), "{query}: {found}");
    }
    let (_, first) = list("tag=launch&limit=1").await;
    let (_, next) = list(&format!("tag=launch&limit=1&cursor={}", first["next_cursor"].as_str().unwrap().replace(' ', "%20"))).await;
    assert_ne!(first["items"][0]["id"], next["items"][0]["id"], "page by page");
    let (status, all) = demo.api("GET", "/tags", None).await;
    assert_eq!((status, &all["items"]), (200, &json!([{ "name": "Launch", "profiles": 2 }, { "name": "q4", "profiles": 1 }])));
    let (_, tool) = key(&demo, &["profiles:read network=tiktok"]).await;
    let (_, seen) = call(demo.running.url(), &tool, "GET", "/tags", None).await;
    assert_eq!(seen["items"], json!([{ "name": "Launch", "profiles": 1 }]), "those of what it sees");

    let many: Vec<String> = (0..21).map(|n| format!("t{n}")).collect();
    for wrong in [json!(["two words"]), json!([""]), json!(["a,b"]), json!([7]), json!("launch"), json!(many), json!(["x".repeat(41)])] {
        let (status, problem) = tag(&demo, &linkedin, wrong.clone()).await;
        assert_eq!(status, 422, "{wrong}: {problem}");
        assert!(problem["field"].as_str().unwrap().starts_with("tags"), "{problem}");
    }
    assert_eq!(list("tag=two%20words").await.0, 422);
    // Settings that say nothing of tags leave them, and a tag that nobody has is gone.
    demo.api("PATCH", &format!("/profiles/{linkedin}"), Some(json!({ "owner_id": null }))).await;
    assert_eq!(demo.api("GET", &format!("/profiles/{linkedin}"), None).await.1["tags"], json!(["Launch", "q4"]));
    tag(&demo, &linkedin, json!([])).await;
    assert_eq!(names(&demo.api("GET", "/tags", None).await.1), ["Launch"]);
    let teams = demo.api("GET", "/teams", None).await.1;
    assert_eq!(names(&teams), ["Brand", "Trail guides"], "tags are no teams");
}

/// A tag extends what reaches a profile by it: nobody sets one beyond what they could give.
#[tokio::test]
async fn nt_14_nobody_widens_a_key_by_a_tag_beyond_what_they_could_give() {
    let demo = Demo::start();
    let url = demo.running.url();
    let (launched, other) =
        (id(&demo.profile_named("linkedin", "Fernweh Outdoor").await), id(&demo.profile_named("tiktok", "Fernweh Outdoor").await));
    let (status, problem) = demo.api("POST", "/api-keys", Some(json!({ "name": "x", "permissions": ["tokens:read tag=launch"] }))).await;
    assert_eq!((status, problem["field"].as_str()), (422, Some("permissions")), "no such tag yet: {problem}");
    assert_eq!(tag(&demo, &launched, json!(["Launch"])).await.0, 200);
    let (_, reader) = key(&demo, &["profiles:read", "profiles:manage", "tokens:read tag=launch"]).await;
    let token = async |profile: &str| call(url, &reader, "GET", &format!("/profiles/{profile}/access-token"), None).await;
    assert_eq!((token(&launched).await.0, token(&other).await.0), (200, 403));
    let dry = json!({ "permission": "tokens:read", "profile": launched });
    assert_eq!(call(url, &reader, "POST", "/permissions/check", Some(dry)).await.1["allowed"], true);

    // Neither its own reach nor another key's.
    let set = async |key: &str, tags: Value| call(url, key, "PATCH", &format!("/profiles/{other}"), Some(json!({ "tags": tags }))).await;
    let (_, manager) = key(&demo, &["profiles:read", "profiles:manage"]).await;
    for tool in [&reader, &manager] {
        let (status, problem) = set(tool, json!(["LAUNCH"])).await;
        assert_eq!((status, problem["field"].as_str()), (403, Some("tags")), "{problem}");
        assert_eq!(set(tool, json!(["harmless"])).await.0, 200, "a tag by which nothing reaches");
    }
    assert_eq!(token(&other).await.0, 403);
    let (_, broker) = key(&demo, &["profiles:read", "profiles:manage", "tokens:read network=tiktok"]).await;
    assert_eq!(set(&broker, json!(["launch"])).await.0, 200, "what it reads itself it may let others read");
    assert_eq!(token(&other).await.0, 200);
    assert_eq!(set(&manager, json!([])).await.0, 200, "narrower is always allowed");
    assert_eq!(token(&other).await.0, 403);

    // The same by permission sets, and for standard users, on the page too.
    let made = json!({ "name": "Publishers", "permissions": ["posts:write"] });
    let publishers = id(&demo.api("POST", "/permission-sets", Some(made)).await.1);
    let lena = demo.named("/users", "Tobias Kern").await;
    let place = json!([{ "id": publishers, "tag": "launch" }]);
    let (status, user) = demo.api("PATCH", &format!("/users/{lena}"), Some(json!({ "permission_sets": place }))).await;
    assert_eq!((status, &user["permission_sets"][0]["tag"]), (200, &json!("launch")), "{user}");
    for wrong in [json!([{ "id": publishers, "tag": "nobody" }]), json!([{ "id": publishers, "tag": "a b" }])] {
        assert_eq!(demo.api("PATCH", &format!("/users/{lena}"), Some(json!({ "permission_sets": wrong }))).await.0, 422, "{wrong}");
    }
    let cookie = demo.sign_in("tobias.kern@fernweh.example").await;
    let (_, mine) = demo.api("GET", &format!("/profiles?owner={lena}"), None).await;
    let mine = id(&mine["items"][0]);
    let form = [("owner", lena.as_str()), ("tags", "launch, mine"), ("enabled", "1"), ("shown", "")];
    let save = client().post(format!("{url}/settings/profiles/{mine}")).header("origin", url).header("cookie", &cookie).form(&form);
    let answer = save.send().await.unwrap();
    assert_eq!(answer.status(), 403);
    let page = answer.text().await.unwrap();
    assert!(page.contains("launch, mine") && page.contains("Ein Company Admin kann ihn setzen."), "what was typed is kept: {page}");
}

#[tokio::test]
async fn tags_are_set_seen_and_filtered_by_on_the_pages() {
    let Some(browser) = Browser::start().await else { return };
    let demo = Demo::start();
    let url = demo.running.url().to_owned();
    sign_in(&browser, &demo).await;
    browser.goto(&format!("{url}/settings/profiles")).await;
    assert_eq!(browser.run("return document.getElementById('tag')").await, Value::Null, "no filter where there are no tags");
    let page = demo.profile_named("linkedin", "Fernweh Outdoor").await;
    browser.goto(&format!("{url}/settings/profiles/{}", id(&page))).await;
    browser.fill("Tags", "two words, wrong/one").await;
    browser.go("Save").await;
    browser.see("is not a tag").await;
    assert_eq!(browser.run("return document.getElementById('tags').value").await, "two words, wrong/one");
    browser.fill("Tags", "Launch, q4").await;
    browser.go("Save").await;
    browser.see("Launch").await;
    let shown = "return [...document.querySelectorAll('.tags .pill')].map(tag => tag.innerText)";
    assert_eq!(browser.run(shown).await, json!(["Launch", "q4"]));
    accessible(&browser, "tagged").await;

    browser.goto(&format!("{url}/settings/profiles?network=pinterest")).await;
    let boards = demo.profiles("pinterest").await.len();
    browser.run("document.querySelectorAll('#profiles input[name=ids]').forEach(box => box.click());").await;
    browser.fill("Add tags", "launch autumn").await;
    browser.go("Change all chosen").await;
    browser.see(&format!("{boards} profiles were changed.")).await;
    accessible(&browser, "tags").await;
    browser.goto(&format!("{url}/settings/profiles?tag=autumn")).await;
    browser.see(&format!("{boards} profiles")).await;
    assert_eq!(browser.run("return document.getElementById('tag').value").await, "autumn");
    assert_eq!(demo.api("GET", "/tags", None).await.1["items"][1], json!({ "name": "Launch", "profiles": boards + 1 }));
    browser.run("document.querySelectorAll('#profiles input[name=ids]').forEach(box => box.click());").await;
    browser.fill("Remove tags", "AUTUMN").await;
    browser.go("Change all chosen").await;
    browser.see("profiles were changed.").await;
    assert_eq!(demo.api("GET", "/tags", None).await.1["items"].as_array().map(Vec::len), Some(2), "the last one took it along");
}
