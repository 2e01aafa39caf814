//! The list of profiles: filters in the address, and changing several at once.

use serde_json::json;

use crate::browser::Browser;
use crate::story::{accessible, sign_in};
use crate::world::{Demo, client};

#[tokio::test]
async fn profiles_are_filtered_and_changed_together() {
    let Some(browser) = Browser::start().await else { return };
    let demo = Demo::start();
    sign_in(&browser, &demo).await;
    let list = format!("{}/settings/profiles?network=pinterest", demo.running.url());
    browser.goto(&list).await;
    let boards = demo.profiles("pinterest").await.len();
    browser.see(&format!("{boards} profiles")).await;
    let before = demo.profile_named("pinterest", "Trail food").await["owner_id"].clone();
    let tick = "document.querySelectorAll('#profiles input[name=ids]').forEach(box => box.click());";
    let other = "const owner = document.getElementById('bulk-owner'); owner.value = [...owner.options].find(option => option.text === 'Lena Arndt').value;";
    browser.run(&format!("{tick}{other}")).await;
    browser.go("Change all chosen").await;
    browser.see(&format!("{boards} profiles were changed.")).await;
    assert!(browser.url().await.contains("network=pinterest"), "the list comes back as it was");
    accessible(&browser, "bulk").await;
    for profile in demo.profiles("pinterest").await {
        assert_ne!(profile["owner_id"], before, "{profile}");
    }
    browser.go("Change all chosen").await;
    browser.see("choose 1 to 200 profiles").await;
}

#[tokio::test]
async fn a_renewal_link_that_was_sent_can_be_withdrawn() {
    let Some(browser) = Browser::start().await else { return };
    let demo = Demo::start();
    sign_in(&browser, &demo).await;
    let page = demo.profile_named("linkedin", "Fernweh Outdoor").await;
    // Whoever comes from a mail and is not the one who has to log in sends a link from there.
    browser.goto(&format!("{}/settings/profiles/{}/refresh", demo.running.url(), page["id"].as_str().unwrap())).await;
    browser.see("Is that somebody else?").await;
    accessible(&browser, "refresh").await;
    browser.go("Send renewal link").await;
    browser.fill("Send it to this address (optional)", "jana@example.com").await;
    browser.go("Create link").await;
    browser.see("One link can still be used.").await;
    browser.see("It works once, until ").await;
    browser.see("It goes to jana@example.com by mail.").await;
    accessible(&browser, "renewal-link").await;
    let link = browser.run("return document.querySelector('code.copy').textContent").await.as_str().unwrap().to_owned();
    let status = async || client().get(&link).send().await.unwrap().status().as_u16();
    assert_eq!(status().await, 200);
    browser.go("Withdraw it").await;
    browser.see("The link was withdrawn").await;
    assert_eq!(status().await, 410);
}

#[tokio::test]
async fn the_list_is_sorted_by_each_column_and_the_address_keeps_it() {
    let Some(browser) = Browser::start().await else { return };
    let demo = Demo::start();
    sign_in(&browser, &demo).await;
    demo.control("/people/xing/karl.voss/revoke", json!({})).await;
    demo.gone("xing").await;
    browser.goto(&format!("{}/settings/profiles", demo.running.url())).await;
    let first = "return document.querySelector('#profiles tbody tr td a bdi').innerText";
    browser.go("Access token").await;
    browser.see("Karl Voss").await;
    assert_eq!(browser.run(first).await, "Karl Voss", "the worst first");
    assert!(browser.url().await.contains("sort=status"), "{}", browser.url().await);
    browser.go("Access token").await;
    assert_ne!(browser.run(first).await, "Karl Voss");
    assert!(browser.url().await.ends_with("sort=status&order=desc"), "{}", browser.url().await);
    let sorted = "return [...document.querySelectorAll('th[aria-sort]')].map(head => head.innerText + head.getAttribute('aria-sort'))";
    assert_eq!(browser.run(sorted).await, json!(["Access tokendescending"]));
    // A filter keeps the order.
    browser.fill("Search", "a").await;
    browser.go("Filter").await;
    browser.see("profiles").await;
    assert!(browser.url().await.contains("sort=status&order=desc"), "{}", browser.url().await);
    for head in ["Profile owner", "Renewal due", "Profile"] {
        browser.go_in("//table[@id='profiles']", head).await;
        assert_eq!(browser.run(sorted).await, json!([format!("{head}ascending")]));
    }
    accessible(&browser, "sorted").await;
}

/// What the list's form for several profiles answers.
async fn bulk(demo: &Demo, cookie: &str, form: &[(&str, &str)]) -> (u16, String) {
    let url = demo.running.url();
    let request = client().post(format!("{url}/settings/profiles/bulk")).header("origin", url).header("cookie", cookie);
    let answer = request.form(form).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

#[tokio::test]
async fn page_presets_are_applied_after_a_look_at_what_they_change() {
    let demo = Demo::start();
    let cookie = demo.admin().await;
    let post = async |form: &[(&str, &str)]| bulk(&demo, &cookie, form).await;
    let users = demo.api("GET", "/users", None).await.1;
    let named = |name: &str| users["items"].as_array().unwrap().iter().find(|user| user["name"] == name).unwrap()["id"].clone();
    let profiles = demo.profiles("tiktok").await.into_iter().chain(demo.profiles("xing").await).collect::<Vec<_>>();
    let ids: Vec<String> = profiles.iter().map(|profile| profile["id"].as_str().unwrap().to_owned()).collect();
    let (changed, same) = (&ids[0], ids.len() - 1);
    let path = format!("/profiles/{changed}");
    let other =
        json!({ "owner_id": named("Mira Sato"), "team_ids": [], "notifications": { "no_access_tokens": false, "renew_soon": true } });
    assert_eq!(demo.api("PATCH", &path, Some(other)).await.0, 200);
    let mut form: Vec<(&str, &str)> = ids.iter().map(|id| ("ids", id.as_str())).collect();
    form.extend([("do", "presets"), ("back", "/settings/profiles?q=x")]);
    let (status, page) = post(&form).await;
    assert_eq!(status, 200, "{page}");
    for words in [
        "Profile owner: Mira Sato → Tobias Kern",
        "Teams: + Brand",
        "No access tokens available: off → on",
        &format!("{same} more stay as they are"),
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    let before = demo.api("GET", &path, None).await.1;
    assert_eq!(before["owner_id"], named("Mira Sato"), "a look changes nothing");
    // Somebody changes it in between: nothing is done, and how it is now is shown.
    let mark = page.split("name=\"mark\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    assert_eq!(demo.api("PATCH", &path, Some(json!({ "owner_id": named("Lena Arndt") }))).await.0, 200);
    let confirmed =
        |mark: String| form.iter().map(|(name, value)| (*name, (*value).to_owned())).chain([("mark", mark)]).collect::<Vec<_>>();
    let send = async |mark: String| {
        let form = confirmed(mark);
        post(&form.iter().map(|(name, value)| (*name, value.as_str())).collect::<Vec<_>>()).await
    };
    let (status, page) = send(mark).await;
    assert!(status == 409 && page.contains("Profile owner: Lena Arndt → Tobias Kern"), "{status} {page}");
    assert_eq!(demo.api("GET", &path, None).await.1["owner_id"], named("Lena Arndt"));
    let mark = page.split("name=\"mark\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    assert_eq!(send(mark).await.0, 303);
    let after = demo.api("GET", &path, None).await.1;
    assert_eq!(after["owner_id"], named("Tobias Kern"), "{after}");
    let (_, page) = post(&form).await;
    assert!(page.contains("Nothing would change"), "{page}");
}

#[tokio::test]
async fn renewal_links_for_many_profiles_are_one_for_each_person() {
    let demo = Demo::start();
    let cookie = demo.admin().await;
    let post = async |form: &[(&str, &str)]| bulk(&demo, &cookie, form).await;
    let profiles = demo.profiles("pinterest").await.into_iter().chain(demo.profiles("linkedin").await).collect::<Vec<_>>();
    let ids: Vec<String> = profiles.iter().map(|profile| profile["id"].as_str().unwrap().to_owned()).collect();
    let mut form: Vec<(&str, &str)> = ids.iter().map(|id| ("ids", id.as_str())).collect();
    form.push(("do", "links"));
    let (status, page) = post(&form).await;
    let people: Vec<&str> = page.split("name=\"email-").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert_eq!((status, people.len()), (200, 2), "two people hold them: {page}");
    let fields: Vec<String> = people.iter().map(|person| format!("email-{person}")).collect();
    form.push(("confirmed", "1"));
    form.push((&fields[0], "jana@example.com"));
    form.push((&fields[1], "nobody"));
    let (status, page) = post(&form).await;
    assert!(status == 422 && page.contains("nobody is not a mail address") && page.contains("jana@example.com"), "{status} {page}");
    assert_eq!(demo.api("GET", "/renewal-links", None).await.1["items"], json!([]), "no link was made yet");
    form.pop();
    let (status, page) = post(&form).await;
    assert_eq!((status, page.matches("<code class=\"copy\">").count()), (200, 2), "{page}");
    demo.mail("jana@example.com", "").await;
    let links = demo.api("GET", "/renewal-links", None).await.1;
    let through: u64 = links["items"].as_array().unwrap().iter().map(|link| link["profiles"].as_u64().unwrap()).sum();
    assert_eq!(through, ids.len() as u64, "{links}");
}

#[tokio::test]
async fn on_a_phone_the_list_comes_first_and_its_filters_are_folded() {
    let Some(browser) = Browser::start().await else { return };
    let demo = Demo::start();
    sign_in(&browser, &demo).await;
    let list = format!("{}/settings/profiles", demo.running.url());
    let seen = async |what: &str| browser.run(&format!("return document.querySelector('{what}').checkVisibility()")).await;
    browser.goto(&list).await;
    let (filter, menu) = ("details.more > summary", ".side-fold > summary");
    assert_eq!(
        (seen("#network").await, seen(filter).await, seen("#sort").await, seen(menu).await),
        (json!(true), json!(false), json!(false), json!(false))
    );

    browser.resize(390, 844).await;
    browser.goto(&list).await;
    assert_eq!(
        (seen("#q").await, seen("#network").await, seen(filter).await, seen(menu).await),
        (json!(true), json!(false), json!(true), json!(true))
    );
    let first = browser.run("return document.querySelector('#profiles tbody tr').getBoundingClientRect().top").await;
    assert!(first.as_f64().unwrap() < 844.0, "the first profile is on the first screen: {first}");
    browser.press("Filters").await;
    browser.run("document.getElementById('network').value = 'xing'; document.querySelector('[name=order]').checked = true").await;
    browser.go("Filter").await;
    browser.see("One profile").await;
    let at = browser.url().await;
    assert!(at.contains("network=xing") && at.contains("order=desc"), "{at}");
    accessible(&browser, "profiles-filtered").await;
    browser.resize(390, 844).await;
    browser.press("Filters (1 active)").await;
    assert_eq!(seen("#network").await, true);
    browser.go("Show all").await;
    browser.see("11 profiles").await;
    browser.press("Settings: Profiles").await;
    browser.go_in("//details[contains(@class,'side-fold')]", "Teams").await;
    browser.see("Trail guides").await;
}
