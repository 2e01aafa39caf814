//! Who holds what, what dies when they leave, replacements, one link for everything that is due, and revoking all.

use serde_json::{Value, json};

use crate::browser::Browser;
use crate::explain::use_link;
use crate::story::{accessible, sign_in};
use crate::world::{Demo, client};

async fn person(demo: &Demo, name: &str, network: &str) -> Value {
    let (status, list) = demo.api("GET", &format!("/people?q={}", crate::world::encoded(name)), None).await;
    assert_eq!(status, 200, "{list}");
    let found = list["items"].as_array().unwrap().iter().find(|person| person["network"] == network);
    let id = found.unwrap_or_else(|| panic!("{name} at {network}: {list}"))["id"].as_str().unwrap().to_owned();
    demo.api("GET", &format!("/people/{id}"), None).await.1
}

fn fates(person: &Value) -> Vec<(&str, &str)> {
    let holds = person["holds"].as_array().unwrap().iter();
    holds.map(|held| (held["name"].as_str().unwrap(), held["without_them"].as_str().unwrap())).collect()
}

#[tokio::test]
async fn whoever_leaves_is_replaced_before_they_go() {
    let Some(browser) = Browser::start().await else { return };
    let demo = Demo::start();
    let jana = person(&demo, "jana", "linkedin").await;
    assert!(fates(&jana).contains(&("Fernweh Outdoor", "dies")), "{jana}");
    let dying = fates(&jana).len();
    // Asked of somebody who is admin of one of the pages only: that one is done, the others stay open in the same link.
    sign_in(&browser, &demo).await;
    browser.goto(&format!("{}/settings/people", demo.running.url())).await;
    browser.see("Nobody else holds").await;
    accessible(&browser, "people").await;
    browser.go("Jana Lindner").await;
    browser.see("Has no access tokens without this person.").await;
    accessible(&browser, "person").await;
    // Each clock says from where it is known, in the words of the profile's own page.
    let clocks = "return [...document.querySelector('.clocks').children].map(clock => [clock.querySelector('dt').innerText, \
                  clock.querySelectorAll('dd .small')[1]?.innerText ?? ''])";
    let of_person = browser.run(clocks).await;
    let profile = demo.profile_named("linkedin", "Fernweh Outdoor").await["id"].as_str().unwrap().to_owned();
    let here = browser.url().await;
    browser.goto(&format!("{}/settings/profiles/{profile}/access-tokens", demo.running.url())).await;
    browser.see("Jana Lindner").await;
    assert_eq!(of_person, browser.run(clocks).await);
    let known = [
        ["Access token until", "as LinkedIn said with the token"],
        ["Refresh token until", "as LinkedIn said with the token"],
        ["Person must come by", "the day the refresh token ends"],
        ["Last verified", ""],
    ];
    assert_eq!(of_person, json!(known));
    browser.goto(&here).await;
    browser.fill("Send it to this address (optional)", "tom@example.com").await;
    browser.press("Ask for a replacement").await;
    browser.see("it is shown only once").await;
    let link = browser.run("return document.querySelector('code.copy').textContent").await.as_str().unwrap().to_owned();
    let mail = demo.mail("tom@example.com", "renew the connection").await;
    assert!(mail["text"].as_str().unwrap().contains(&link), "{mail}");
    browser.goto(&link).await;
    browser.see(&format!("0 of {dying} are done.")).await;
    accessible(&browser, "renew-several").await;
    let (status, page) = use_link(&demo, &link, "jana.lindner").await;
    assert!(status == 409 && page.contains("Somebody else is needed"), "the one who leaves is no replacement: {page}");
    let (status, page) = use_link(&demo, &link, "tom.becker").await;
    assert!(matches!(status, 200 | 303), "{page}");
    let after = person(&demo, "jana", "linkedin").await;
    assert!(fates(&after).contains(&("Fernweh Outdoor", "stays")), "{after}");
    let stays = fates(&after).iter().filter(|(_, fate)| *fate == "stays").count();
    browser.goto(&link).await;
    browser.see(&format!("{stays} of {dying} are done.")).await;
    accessible(&browser, "renew-several-begun").await;

    // She goes: what nobody else holds has no access tokens, what Tom holds stays, and the network hears of it.
    let id = after["id"].as_str().unwrap();
    assert_eq!(demo.api("POST", &format!("/people/{id}/give-up"), Some(json!({ "confirm": false }))).await.0, 422);
    browser.goto(&format!("{}/settings/people/{id}", demo.running.url())).await;
    browser.go("Revoke everything").await;
    browser.see("are destroyed here").await;
    accessible(&browser, "person-give-up").await;
    browser.go("Revoke everything").await;
    browser.see("Holds no profile here.").await;
    assert_eq!(demo.profile_named("linkedin", "Fernweh Outdoor").await["status"], "connected");
    for (name, _) in fates(&after).into_iter().filter(|(_, fate)| *fate == "dies") {
        let profile = demo.profile_named("linkedin", name).await;
        assert_eq!((&profile["status"], &profile["cause"]), (&json!("disconnected"), &json!("given_up")), "{profile}");
        let story = demo.api("GET", &format!("/profiles/{}/explanation", profile["id"].as_str().unwrap()), None).await.1;
        assert_eq!((&story["way"], &story["holders"]), (&json!("another_admin"), &json!([])), "{story}");
    }
    let (_, audit) = demo.api("GET", "/audit?act=people:manage", None).await;
    assert_eq!(audit["items"].as_array().unwrap().len(), 1, "{audit}");
    assert_eq!(demo.api("POST", &format!("/people/{id}/give-up"), Some(json!({ "confirm": true }))).await.0, 409, "nothing is left");
}

#[tokio::test]
async fn one_link_leads_through_everything_that_is_due() {
    let Some(browser) = Browser::start().await else { return };
    let demo = Demo::start();
    demo.control("/clock", json!({ "advance_seconds": 300 * 86_400 })).await;
    sign_in(&browser, &demo).await;
    browser.goto(&format!("{}/forecast?by=person", demo.running.url())).await;
    browser.see("One link for all of it").await;
    let (_, coming) = demo.api("GET", "/forecast", None).await;
    let due = |network: &str| {
        let found = coming["items"].as_array().unwrap().iter().find(|item| item["network"] == network);
        found.unwrap_or_else(|| panic!("{coming}")).clone()
    };
    let (linkedin, tiktok) = (due("linkedin"), due("tiktok"));
    let both = json!([linkedin["person"]["id"], tiktok["person"]["id"]]);
    let (status, made) = demo.api("POST", "/renewal-links", Some(json!({ "person_ids": both }))).await;
    assert_eq!(status, 201, "{made}");
    let link = made["link"].as_str().unwrap().to_owned();
    let all = made["profile_ids"].as_array().unwrap().len();
    assert_eq!(all, linkedin["profiles"].as_array().unwrap().len() + tiktok["profiles"].as_array().unwrap().len());
    // Each step wants its own login; another one is refused and uses nothing up.
    let step = async |profile: &Value, username: &str| {
        let http = client();
        let form = [("profile", profile["id"].as_str().unwrap())];
        let answer = http.post(&link).header("origin", demo.running.url()).form(&form).send().await.unwrap();
        assert_eq!(answer.status(), 303);
        let cookies: Vec<&str> = answer.headers().get_all("set-cookie").iter().map(|set| set.to_str().unwrap()).collect();
        let cookies: Vec<&str> = cookies.iter().map(|set| set.split(';').next().unwrap()).collect();
        let back = demo.consent(&json!(answer.headers()["location"].to_str().unwrap()), username).await;
        let answer = http.get(back).header("cookie", cookies.join("; ")).send().await.unwrap();
        let to = answer.headers().get("location").map(|to| to.to_str().unwrap().to_owned());
        (answer.status().as_u16(), to.unwrap_or_default())
    };
    assert_eq!(step(&linkedin["profiles"][0], "tom.becker").await.0, 409);
    let (status, to) = step(&linkedin["profiles"][0], "jana.lindner").await;
    assert!(status == 303 && link.ends_with(&to), "on to the next login: {status} {to}");
    browser.goto(&link).await;
    browser.see(&format!("{} of {all} are done.", linkedin["profiles"].as_array().unwrap().len())).await;
    accessible(&browser, "renew-campaign").await;
    assert_eq!(step(&tiktok["profiles"][0], "fernweh.outdoor").await.0, 200, "done");
    assert_eq!(client().get(&link).send().await.unwrap().status(), 410, "used up");
    assert_eq!(demo.api("GET", "/renewal-links", None).await.1["items"], json!([]));
    let (_, left) = demo.api("GET", "/forecast", None).await;
    let left: Vec<_> = left["items"].as_array().unwrap().iter().map(|item| item["network"].as_str().unwrap()).collect();
    assert!(!left.contains(&"linkedin") && !left.contains(&"tiktok"), "{left:?}");
}

#[tokio::test]
async fn a_link_for_everything_can_be_taken_back() {
    let Some(browser) = Browser::start().await else { return };
    let demo = Demo::start();
    demo.control("/clock", json!({ "advance_seconds": 300 * 86_400 })).await;
    sign_in(&browser, &demo).await;
    browser.goto(&format!("{}/forecast?by=person", demo.running.url())).await;
    browser.press_in("//section[.//h2[normalize-space(.)='Jana Lindner']]//form", "One link for all of it (logins: 1, profiles: 2)").await;
    browser.see("it is shown only once").await;
    let link = browser.run("return document.getElementById('renewal-link').textContent").await.as_str().unwrap().to_owned();
    browser.see("Renewal links that can be used").await;
    browser.see("0 of 2 are done.").await;
    accessible(&browser, "forecast-links").await;
    assert_eq!(client().get(&link).send().await.unwrap().status(), 200);
    browser.see("Made by Lena Arndt").await;
    browser.press("Withdraw: Fernweh Outdoor (+1)").await;
    browser.no_longer_see("Renewal links that can be used").await;
    assert_eq!(client().get(&link).send().await.unwrap().status(), 410);
    assert_eq!(demo.api("GET", "/renewal-links", None).await.1["items"], json!([]));
}

#[tokio::test]
async fn whatever_is_due_now_says_so_and_the_days_of_an_ended_login_count_no_longer() {
    let demo = Demo::start();
    let cookie = demo.admin().await;
    let page = async |path: &str| {
        let request = client().get(format!("{}{path}", demo.running.url())).header("cookie", &cookie);
        request.send().await.unwrap().text().await.unwrap()
    };
    let jana = person(&demo, "jana", "linkedin").await["id"].as_str().unwrap().to_owned();
    let profile = demo.profile_named("linkedin", "Fernweh Outdoor").await["id"].as_str().unwrap().to_owned();
    let (person, tokens) = (format!("/settings/people/{jana}"), format!("/settings/profiles/{profile}/access-tokens"));
    let lists = ["/settings/people", "/settings/profiles?network=linkedin"];
    for path in [&person, &tokens] {
        assert!(!page(path).await.contains("these days count no longer"), "{path}");
    }
    demo.control("/people/linkedin/jana.lindner/revoke", json!({})).await;
    demo.gone("linkedin").await;
    for path in [&person, &tokens] {
        assert!(page(path).await.contains("The login has ended: these days count no longer."), "{path}");
    }
    // Where no day is named, there is none to be taken back.
    demo.control("/people/xing/karl.voss/revoke", json!({})).await;
    demo.gone("xing").await;
    let karl = demo.profile_named("xing", "Karl Voss").await["id"].as_str().unwrap().to_owned();
    let of_karl = page(&format!("/settings/profiles/{karl}/access-tokens")).await;
    assert!(of_karl.contains("no end known") && !of_karl.contains("these days count no longer"), "{of_karl}");
    for path in lists {
        assert!(page(path).await.contains("Renewal due: </span>now"), "{path}");
    }
}

#[tokio::test]
async fn where_one_of_several_people_drops_out_the_owner_hears_that_one_is_left_and_the_page_says_so() {
    let demo = Demo::start();
    let cookie = demo.admin().await;
    demo.connect("linkedin", "tom.becker").await;
    let page = demo.profile_named("linkedin", "Fernweh Outdoor").await["id"].as_str().unwrap().to_owned();
    let tab = format!("{}/settings/profiles/{page}/access-tokens", demo.running.url());
    let shown = async || client().get(&tab).header("cookie", &cookie).send().await.unwrap().text().await.unwrap();
    const ONE_LEFT: &str = "The token of one person alone still works.";
    assert!(!shown().await.contains(ONE_LEFT), "two hold it");
    demo.control("/people/linkedin/tom.becker/revoke", json!({})).await;
    let warned = async || {
        let mails = demo.mails().await;
        mails.into_iter().find(|mail| mail["subject"].as_str().unwrap().starts_with("One access left: Fernweh Outdoor"))
    };
    demo.as_time_passes("the owner hears that one is left", async || {
        demo.api("POST", &format!("/profiles/{page}/check"), None).await;
        warned().await.is_some()
    })
    .await;
    let mail = warned().await.unwrap();
    assert!(mail["text"].as_str().unwrap().contains("The access of Tom Becker"), "{mail}");
    let (_, profile) = demo.api("GET", &format!("/profiles/{page}"), None).await;
    assert_ne!(profile["status"], "disconnected", "{profile}");
    let shown = shown().await;
    assert!(shown.contains(ONE_LEFT) && shown.contains("one is left whose token works"), "{shown}");
    let (_, events) = demo.api("GET", "/events", None).await;
    let told = events["items"].as_array().unwrap().iter().filter(|event| event["kind"] == "profile.last_remaining").count();
    assert_eq!(told, 1, "{events}");
}
