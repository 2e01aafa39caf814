//! The list of profiles: filters in the address, and changing several at once.

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
    browser.press("Change all chosen").await;
    browser.see(&format!("{boards} profiles were changed.")).await;
    assert!(browser.url().await.contains("network=pinterest"), "the list comes back as it was");
    accessible(&browser, "bulk").await;
    for profile in demo.profiles("pinterest").await {
        assert_ne!(profile["owner_id"], before, "{profile}");
    }
    browser.press("Change all chosen").await;
    browser.see("choose 1 to 200 profiles").await;
}

#[tokio::test]
async fn a_renewal_link_that_was_sent_can_be_withdrawn() {
    let Some(browser) = Browser::start().await else { return };
    let demo = Demo::start();
    sign_in(&browser, &demo).await;
    let page = demo.profile_named("linkedin", "Fernweh Outdoor").await;
    browser.goto(&format!("{}/settings/profiles/{}/renewal-link", demo.running.url(), page["id"].as_str().unwrap())).await;
    browser.press("Create link").await;
    browser.see("Links that can still be used: 1.").await;
    accessible(&browser, "renewal-link").await;
    let link = browser.run("return document.querySelector('code.copy').textContent").await.as_str().unwrap().to_owned();
    let status = async || client().get(&link).send().await.unwrap().status().as_u16();
    assert_eq!(status().await, 200);
    browser.press("Withdraw them").await;
    browser.see("The links were withdrawn").await;
    assert_eq!(status().await, 410);
}
