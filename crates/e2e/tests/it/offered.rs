//! What pages offer is never refused: whoever may do less is shown less.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::world::{Demo, client};

/// What stands between two words, each time.
fn between<'a>(page: &'a str, from: &'a str, to: &'a str) -> impl Iterator<Item = &'a str> {
    page.split(from).skip(1).filter_map(move |rest| rest.split(to).next())
}

fn plain(text: &str) -> String {
    text.replace("&#38;", "&").replace("&amp;", "&").replace("&#39;", "'").replace("&#34;", "\"")
}

/// Our own addresses that a page leads to; the same list in another order is no other page.
fn links(page: &str) -> Vec<String> {
    let ours = between(page, "href=\"", "\"").map(plain).filter(|to| to.starts_with('/') && !to.starts_with("/static/"));
    ours.map(|to| to.split('#').next().unwrap_or_default().to_owned()).filter(|to| !to.contains("sort=")).collect()
}

/// The forms that a page sends, with what they carry unasked.
fn forms(page: &str) -> Vec<(String, Vec<(String, String)>)> {
    let value = |tag: &str, name: &str| between(tag, &format!(" {name}=\""), "\"").next().map(plain);
    let form = |rest: &str| {
        let tag = rest.split('>').next().unwrap_or_default();
        let hidden = between(rest, "<input type=\"hidden\"", ">").filter_map(|input| Some((value(input, "name")?, value(input, "value")?)));
        // Without a button there is nothing to press: what only shows how things are set.
        (tag.contains("method=\"post\"") && rest.contains("<button")).then(|| (value(tag, "action").unwrap_or_default(), hidden.collect()))
    };
    between(page, "<form", "</form>").filter_map(form).collect()
}

/// Walks through everything that is offered to somebody, and presses every button but the one that ends the walk; the pages seen, and
/// what was refused.
async fn walk(demo: &Demo, email: &str) -> (BTreeSet<String>, Vec<String>) {
    let url = demo.running.url();
    let cookie = demo.sign_in(email).await;
    let (mut seen, mut open, mut posts, mut refused) = (BTreeSet::new(), vec!["/".to_owned()], BTreeMap::new(), vec![]);
    while let Some(path) = open.pop() {
        if !seen.insert(path.clone()) {
            continue;
        }
        let answer = client().get(format!("{url}{path}")).header("cookie", &cookie).send().await.unwrap();
        let status = answer.status().as_u16();
        if status >= 400 {
            refused.push(format!("GET {path}: {status}"));
        }
        let page = answer.text().await.unwrap();
        open.extend(links(&page));
        posts.extend(forms(&page).into_iter().filter(|(to, _)| to != "/sign-out" && !to.starts_with("/account/sessions/")));
    }
    for (path, fields) in posts {
        let request = client().post(format!("{url}{path}")).header("origin", url).header("cookie", &cookie);
        let status = request.form(&fields).send().await.unwrap().status().as_u16();
        if [401, 403, 404, 500].contains(&status) {
            refused.push(format!("POST {path}: {status}"));
        }
    }
    (seen, refused)
}

async fn becomes(demo: &Demo, name: &str, what: Value) {
    let path = format!("/users/{}", demo.named("/users", name).await);
    let (status, answer) = demo.api("PATCH", &path, Some(what)).await;
    assert_eq!(status, 200, "{answer}");
}

#[tokio::test]
async fn nothing_that_a_viewer_is_offered_is_refused() {
    let demo = Demo::start();
    becomes(&demo, "Tobias Kern", json!({ "role": "viewer" })).await;
    let (seen, refused) = walk(&demo, "tobias.kern@fernweh.example").await;
    assert!(refused.is_empty(), "{refused:#?}");
    for path in ["/settings/profiles", "/forecast", "/account", "/forecast?weeks=13&by=person", "/forecast?weeks=13&by=day"] {
        assert!(seen.contains(path), "{path} was not reached: {seen:#?}");
    }
    let theirs = |of: &str| seen.iter().filter(|path| path.ends_with(of)).count();
    assert!(theirs("/explain") > 2 && theirs("/renewal-link") > 0, "what is theirs they repair: {seen:#?}");
    // Their team has LinkedIn's profiles as well, which are somebody else's.
    let of_others = demo.profile_named("linkedin", "Fernweh Outdoor").await["id"].as_str().unwrap().to_owned();
    assert!(seen.contains(&format!("/settings/profiles/{of_others}")), "{seen:#?}");
    assert!(!seen.contains(&format!("/settings/profiles/{of_others}/renewal-link")), "{seen:#?}");
}

#[tokio::test]
async fn nothing_that_somebody_with_a_permission_set_is_offered_is_refused() {
    let demo = Demo::start();
    let page = demo.profile_named("linkedin", "Fernweh Outdoor").await["id"].clone();
    let body = json!({ "profiles": [page], "text": "The new hut is open" });
    let (_, posted) = demo.api("POST", "/posts", Some(body)).await;
    assert_eq!(posted["items"][0]["result"], "posted", "{posted}");
    let set = json!({ "name": "Readers", "permissions": ["comments:read", "presets:manage"] });
    let set = demo.api("POST", "/permission-sets", Some(set)).await.1["id"].clone();
    let teams = demo.api("GET", "/teams", None).await.1;
    let brand = teams["items"].as_array().unwrap().iter().find(|team| team["name"] == "Brand").unwrap()["id"].clone();
    becomes(&demo, "Tobias Kern", json!({ "role": "viewer", "permission_sets": [{ "id": set, "team_id": brand }] })).await;
    let (seen, refused) = walk(&demo, "tobias.kern@fernweh.example").await;
    assert!(refused.is_empty(), "{refused:#?}");
    let post = format!("/engagement?post={}", posted["items"][0]["act"].as_str().unwrap());
    assert!(seen.contains(&post), "what may be read is found: {seen:#?}");
    assert!(seen.contains("/settings/page-presets") && !seen.contains("/compose") && !seen.contains("/settings/teams"), "{seen:#?}");
}

#[tokio::test]
async fn whoever_has_no_profiles_yet_is_told_what_comes_next_and_offered_only_what_they_may() {
    let demo = Demo::start();
    let url = demo.running.url();
    for (role, words) in [("viewer", "A company admin puts you into a team"), ("standard_user", "Choose a network, read its rules")] {
        let email = format!("new.{}@fernweh.example", role.replace('_', "."));
        let (status, new) = demo.api("POST", "/users", Some(json!({ "email": email, "role": role }))).await;
        assert_eq!(status, 201, "{new}");
        let request = client().post(new["invitation"].as_str().unwrap()).header("origin", url);
        assert_eq!(request.form(&[("password", demo.text("password"))]).send().await.unwrap().status(), 303);
        let cookie = demo.sign_in(&email).await;
        let page = client().get(url).header("cookie", &cookie).send().await.unwrap().text().await.unwrap();
        assert!(page.contains(words) && !page.contains("Every profile is connected"), "{role}: {page}");
    }
    let (seen, refused) = walk(&demo, "new.viewer@fernweh.example").await;
    assert!(refused.is_empty() && !seen.contains("/settings/profiles/add"), "{refused:#?}");
}
