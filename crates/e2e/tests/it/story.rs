//! The whole story, as a newcomer lives it in a browser: green, connect, dies, hears why, refreshed, green again, announced.

use serde_json::json;

use crate::browser::Browser;
use crate::world::Demo;

const LENA: &str = "lena.arndt@fernweh.example";
const TOBIAS: &str = "tobias.kern@fernweh.example";
const MIRA: &str = "mira.sato@fernweh.example";

pub(crate) async fn sign_in(browser: &Browser, demo: &Demo) {
    browser.goto(demo.running.url()).await;
    browser.see("Sign in to Staygreen").await;
    accessible(browser, "sign-in").await;
    browser.fill("Email", LENA).await;
    browser.fill("Password", "not the password").await;
    browser.press("Sign in").await;
    browser.see("Email or password is not right.").await;
    browser.fill("Email", LENA).await;
    browser.fill("Password", &demo.text("password")).await;
    browser.press("Sign in").await;
    browser.see("Your connections").await;
}

/// A picture, and no serious finding of axe, wide and narrow.
pub(crate) async fn accessible(browser: &Browser, name: &str) {
    browser.picture(name).await;
    match browser.axe().await {
        Some(findings) => assert!(findings.is_empty(), "{name}: {findings:#?}"),
        None => crate::skipped("axe: STAYGREEN_TEST_AXE does not name its script"),
    }
    browser.resize(390, 844).await;
    browser.picture(&format!("{name}-narrow")).await;
    let overflow = browser.run("return document.documentElement.scrollWidth - document.documentElement.clientWidth").await;
    assert!(overflow.as_i64().unwrap() <= 1, "{name} scrolls sideways by {overflow} px on a phone");
    browser.resize(1280, 900).await;
}

/// At a simulated network's pages.
async fn log_in_at_network(browser: &Browser, username: &str) {
    browser.see("Sign in to").await;
    browser.fill("User name", username).await;
    browser.fill("Password", "sandbox").await;
    browser.press("Sign in").await;
}

#[tokio::test]
async fn the_whole_story_in_a_browser() {
    let Some(browser) = Browser::start().await else { return };
    let demo = Demo::start();
    let url = demo.running.url().to_owned();
    // 1. A believable team, green check marks.
    sign_in(&browser, &demo).await;
    browser.see("Nothing needs you. Every profile is connected.").await;
    accessible(&browser, "dashboard").await;
    // 2. The cog, Profiles, Add Profiles, the rules before leaving, consent, choose, green with its owner.
    browser.press("Settings").await;
    browser.see("Company Profiles").await;
    accessible(&browser, "profiles").await;
    browser.go("Add Profiles").await;
    accessible(&browser, "add").await;
    browser.press("LinkedIn").await;
    browser.see("every company page on which you are Super admin").await;
    accessible(&browser, "add-linkedin").await;
    browser.press("Continue to LinkedIn").await;
    // LinkedIn skips the consent of somebody who gave the same before and whose token lives.
    log_in_at_network(&browser, "jana.lindner").await;
    browser.see("Choose profiles").await;
    browser.see("your role is Content admin").await;
    accessible(&browser, "choose").await;
    browser.go("Add profiles").await;
    browser.see("Jana Lindner").await;
    browser.see("Lena Arndt").await;
    accessible(&browser, "connected").await;
    tiktok_and_xing_say_what_they_cannot(&browser, &demo).await;
    boards_are_managed_on_their_own(&browser, &demo).await;
    // 3. The person removes our app; nobody clicks.
    demo.control("/people/linkedin/jana.lindner/revoke", json!({})).await;
    demo.until("linkedin", "disconnected").await;
    let mail = demo.mail(LENA, "No access tokens available").await;
    let text = mail["text"].as_str().unwrap();
    // In the network's own words: of the introspection, or of the call that was under way at that moment.
    let said = text.lines().find(|line| line.contains("LinkedIn said:")).unwrap_or_default();
    assert!(text.contains("Jana Lindner") && said.contains("revoked"), "{text}");
    let link = text.split_whitespace().find(|word| word.contains("/refresh")).unwrap().to_owned();
    browser.goto(&format!("{url}/settings/profiles?network=linkedin")).await;
    browser.see("No access tokens").await;
    browser.go("Fernweh Outdoor").await;
    browser.see("Access withdrawn").await;
    browser.see("Jana Lindner refreshes the connection").await;
    accessible(&browser, "red").await;
    browser.go("Access tokens").await;
    browser.see("Only a person can repair the token").await;
    accessible(&browser, "tokens").await;
    // 4. The three-dot menu, without a mouse.
    browser.goto(&format!("{url}/settings/profiles?network=linkedin&q=Travel")).await;
    browser.tab_to("Actions: Fernweh Travel").await;
    browser.keys("\u{e007}").await;
    browser.tab_to("Refresh Connection").await;
    browser.picture("three-dot-menu").await;
    browser.keys("\u{e007}").await;
    browser.see("Log in as the required profile").await;
    // The mail's link. The wrong login is refused and changes nothing; the right one repairs everything.
    browser.goto(&link).await;
    browser.see("Log in as the required profile").await;
    accessible(&browser, "refresh").await;
    browser.press("Continue to LinkedIn").await;
    browser.press("Use another account").await;
    log_in_at_network(&browser, "tom.becker").await;
    browser.press("Allow").await;
    browser.see("Expected: Jana Lindner. Logged in: Tom Becker.").await;
    browser.see("private window").await;
    accessible(&browser, "wrong-person").await;
    demo.until("linkedin", "disconnected").await;
    // As advised: a private window, in which nobody is signed in at LinkedIn.
    browser.forget("sandbox_linkedin").await;
    browser.press("Start again").await;
    browser.press("Continue to LinkedIn").await;
    log_in_at_network(&browser, "jana.lindner").await;
    browser.press("Allow").await;
    browser.see("Connected").await;
    demo.until("linkedin", "connected").await;
    demo.mail(LENA, "All clear").await;
    announced_once_each(&demo).await;
    for page in ["page-presets", "teams", "users", "network-apps", "api-keys", "webhooks", "deliveries"] {
        browser.goto(&format!("{url}/settings/{page}")).await;
        accessible(&browser, page).await;
    }
    browser.goto(&format!("{url}/account")).await;
    accessible(&browser, "account").await;
    in_german_and_dark(&browser, &url).await;
}

async fn tiktok_and_xing_say_what_they_cannot(browser: &Browser, demo: &Demo) {
    let url = demo.running.url();
    browser.goto(&format!("{url}/settings/profiles/add/xing")).await;
    browser.see("incoming comments can't be answered here").await;
    browser.goto(&format!("{url}/settings/profiles/add/tiktok")).await;
    browser.see("Ad accounts can't be connected.").await;
    browser.press("Continue to TikTok").await;
    log_in_at_network(browser, "fernweh.outdoor").await;
    browser.see("wants to act for you").await;
    browser.picture("consent").await;
    browser.press("Allow").await;
    browser.see("Fernweh Ads EU").await;
    browser.see("TikTok ad accounts can't be connected").await;
    browser.go("Add profiles").await;
    browser.see("Connected").await;
}

async fn boards_are_managed_on_their_own(browser: &Browser, demo: &Demo) {
    let board = demo.profile_named("pinterest", "Trail food").await;
    let url = format!("{}/settings/profiles/{}", demo.running.url(), board["id"].as_str().unwrap());
    browser.goto(&url).await;
    browser.see("This board is switched on").await;
    browser.run("document.querySelector('input[name=enabled]').click()").await;
    browser.press("Save").await;
    browser.see("Saved.").await;
    accessible(browser, "board").await;
    assert_eq!(demo.profile_named("pinterest", "Trail food").await["enabled"], false);
}

/// 5. 30, 14, 7 and 1 days ahead, once each.
async fn announced_once_each(demo: &Demo) {
    let mut moved = 0;
    for days in [30, 14, 7, 1] {
        demo.control("/clock", json!({ "advance_seconds": (365 - days - moved) * 86_400 })).await;
        moved = 365 - days;
        let (english, german) =
            if days == 1 { ("one day".into(), "einem Tag".into()) } else { (format!("{days} days"), format!("{days} Tagen")) };
        demo.mail(LENA, &format!("Renew within {english}")).await;
        demo.mail(TOBIAS, &format!("Binnen {german} erneuern")).await;
    }
    let mails = demo.mails().await;
    for (to, words) in [(LENA, "Renew within"), (TOBIAS, "Binnen")] {
        let count = mails.iter().filter(|mail| mail["to"] == to && mail["subject"].as_str().unwrap().contains(words)).count();
        assert_eq!(count, 4, "{to}: {words}");
    }
}

async fn in_german_and_dark(browser: &Browser, url: &str) {
    browser.run("document.getElementById('language').value='de';document.getElementById('theme').value='dark'").await;
    browser.press_in("//form[@action='/account']", "Save").await;
    browser.see("Mein Konto").await;
    accessible(browser, "account-german-dark").await;
    for (page, name) in [("/", "dashboard-german-dark"), ("/settings/profiles", "profiles-german-dark")] {
        browser.goto(&format!("{url}{page}")).await;
        accessible(browser, name).await;
    }
}

/// The other networks' deaths, without a browser: cause, one mail per owner, repaired by one login.
#[tokio::test]
async fn every_network_dies_is_told_once_and_comes_back() {
    let demo = Demo::start();
    for (network, username) in [("tiktok", "fernweh.outdoor"), ("pinterest", "fernwehoutdoor"), ("xing", "karl.voss")] {
        demo.control(&format!("/people/{network}/{username}/change-password"), json!({})).await;
    }
    // A lost role and a board that is gone end one access each; the person's other profiles stay green.
    demo.control("/roles", json!({ "network": "linkedin", "page": 1002, "username": "jana.lindner", "role": null })).await;
    for network in ["tiktok", "pinterest", "xing"] {
        demo.until(network, "disconnected").await;
    }
    demo.mail(MIRA, "Fernweh Outdoor (Pinterest) and 6 more").await;
    demo.mail(TOBIAS, "Fernweh Outdoor (TikTok)").await;
    demo.mail(TOBIAS, "Karl Voss (XING)").await;
    demo.mail(LENA, "Fernweh Travel (LinkedIn)").await;
    let travel = demo.profile_named("linkedin", "Fernweh Travel").await;
    assert_eq!((travel["status"].as_str(), travel["cause"].as_str()), (Some("disconnected"), Some("permission_lost")));
    assert_eq!(demo.profile_named("linkedin", "Fernweh Outdoor").await["status"], "connected");
    for (network, wrong, right) in [
        ("tiktok", "gipfel.guides", "fernweh.outdoor"),
        ("pinterest", "gipfelguides", "fernwehoutdoor"),
        ("xing", "jana.lindner", "karl.voss"),
    ] {
        let before = demo.profiles(network).await;
        let id = before[0]["id"].as_str().unwrap();
        let (status, page) = demo.refresh(id, wrong).await;
        assert_eq!(status, 409, "{page}");
        assert!(page.contains("Expected:") && page.contains("private window"));
        assert_eq!(demo.profiles(network).await, before, "nothing stored has changed");
        assert_eq!(demo.refresh(id, right).await.0, 200);
        demo.until(network, "connected").await;
    }
    demo.mail(MIRA, "All clear").await;
    let mails = demo.mails().await;
    let told = mails.iter().filter(|mail| {
        mail["subject"].as_str().unwrap().contains("Access Tokens") || mail["subject"].as_str().unwrap().contains("access tokens")
    });
    assert_eq!(told.count(), 4, "one per owner and occasion: {mails:#?}");
}

/// Promise 3 at full length: a network that is away or lies turns nothing red.
#[tokio::test]
async fn promise_3_an_outage_turns_nothing_red() {
    let demo = Demo::start();
    for (network, mood) in [("linkedin", "outage"), ("tiktok", "html"), ("pinterest", "error_after_commit"), ("xing", "lost_answer")] {
        demo.control("/mood", json!({ "network": network, "mood": mood })).await;
    }
    // A minute of the demo's clock: longer than a refusal stays in doubt.
    for _ in 0..8 {
        tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;
        demo.control("/clock", json!({ "advance_seconds": 6 })).await;
    }
    for network in ["linkedin", "tiktok", "pinterest", "xing"] {
        for profile in demo.profiles(network).await {
            assert_ne!(profile["status"], "disconnected", "{profile}");
        }
        demo.control("/mood", json!({ "network": network, "mood": "normal" })).await;
    }
    assert!(demo.mails().await.is_empty(), "and nobody is told");
    for network in ["linkedin", "tiktok", "pinterest", "xing"] {
        demo.until(network, "connected").await;
    }
}
