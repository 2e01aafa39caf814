//! The main pages: beside the name where there is room, else in a menu on the same line.

use crate::browser::Browser;
use crate::story::sign_in;
use crate::world::{Demo, client, eventually};

/// The header's height, whether links beside the name are seen and on how many lines, whether the menu's button is seen.
const HEADER: &str = "const seen = at => at.getClientRects().length > 0; \
    const beside = [...document.querySelectorAll('.top > nav a')].filter(seen); \
    return { high: document.querySelector('header.top').getBoundingClientRect().height, \
             beside: beside.length, lines: new Set(beside.map(at => at.getBoundingClientRect().top)).size, \
             menu: seen(document.querySelector('.main-fold summary')), \
             wide: document.documentElement.scrollWidth - document.documentElement.clientWidth, \
             main: document.querySelector('main').getBoundingClientRect().top }";

async fn speak(demo: &Demo, cookie: &str, language: &str) {
    let form = [("name", "Lena Arndt"), ("language", language), ("time_zone", "Europe/Berlin"), ("theme", "auto")];
    let url = demo.running.url();
    let sent = client().post(format!("{url}/account")).header("origin", url).header("cookie", cookie).form(&form).send().await;
    assert_eq!(sent.unwrap().status(), 303);
}

#[tokio::test]
async fn the_main_pages_are_one_line_or_a_menu_that_moves_nothing() {
    let Some(browser) = Browser::start().await else { return };
    let demo = Demo::start();
    let cookie = demo.admin().await;
    let url = demo.running.url().to_owned();
    sign_in(&browser, &demo).await;
    for (language, menu, last) in [("en", "Menu", "Forecast"), ("de", "Menü", "Vorschau")] {
        speak(&demo, &cookie, language).await;
        for width in [1280, 1089, 1024, 897, 896, 833, 721, 720, 390, 320] {
            browser.resize(width, 844).await;
            browser.goto(&format!("{url}/settings/profiles")).await;
            let found = browser.run(HEADER).await;
            let (folded, beside) = (found["menu"] == true, found["beside"].as_i64().unwrap());
            assert!(found["high"].as_f64().unwrap() < 68.0 && found["wide"].as_i64().unwrap() <= 1, "{language} {width}: {found}");
            assert!(folded == (width <= 720) && (folded || (beside == 5 && found["lines"] == 1)), "{language} {width}: {found}");
        }
        for dark in [false, true] {
            browser.resize(390, 844).await;
            browser.look(dark, language).await;
            browser.goto(&format!("{url}/settings/profiles")).await;
            let before = browser.run(HEADER).await;
            // By keyboard alone: the button, Enter, the pages one by one, Escape leads back.
            browser.tab_to(menu).await;
            browser.keys("\u{e007}").await;
            browser.see(last).await;
            assert_eq!(browser.run(HEADER).await["main"], before["main"], "opening it moves nothing");
            let here = browser.run("return document.querySelector('.main-fold [aria-current=page]').innerText").await;
            assert_eq!(here, if language == "en" { "Profiles" } else { "Profile" });
            let name = format!("menu-{language}-{}", if dark { "dark" } else { "light" });
            browser.picture(&name).await;
            if let Some(found) = browser.axe().await {
                assert!(found.is_empty(), "{name}: {found:#?}");
            }
            browser.keys("\u{e00c}").await;
            assert_eq!(browser.focused().await, menu);
            assert_eq!(browser.run("return document.querySelectorAll('details[open].menu').length").await, 0);
            browser.keys("\u{e007}").await;
            browser.tab_to(last).await;
            browser.keys("\u{e007}").await;
            eventually("the page opens", async || browser.url().await.ends_with("/forecast")).await;
        }
    }
}

#[tokio::test]
async fn the_menu_opens_without_scripts_and_one_closes_the_other() {
    let Some(browser) = Browser::start().await else { return };
    let demo = Demo::start();
    sign_in(&browser, &demo).await;
    browser.forbid_scripts().await;
    browser.resize(390, 844).await;
    browser.goto(demo.running.url()).await;
    browser.press("Menu").await;
    browser.press("Your account menu").await;
    browser.press("Menu").await;
    browser.go_in("//nav[@class='list']", "Compose").await;
    assert!(browser.url().await.ends_with("/compose"));
}

/// On how many lines the tabs stand, by how much they are wider than their line, how high that is and whether it scrolls downwards.
const TABS: &str = "const line = document.querySelector('nav.tabs'), tabs = [...line.children]; \
    return { lines: new Set(tabs.map(at => at.getBoundingClientRect().top)).size, over: line.scrollWidth - line.clientWidth, \
             high: line.clientHeight, down: line.scrollHeight - line.clientHeight, \
             seen: tabs.every(at => at.innerText.trim().length > 3), \
             wide: document.documentElement.scrollWidth - document.documentElement.clientWidth }";

#[tokio::test]
async fn the_tabs_of_a_profile_are_one_line_on_a_phone() {
    let Some(browser) = Browser::start().await else { return };
    let demo = Demo::start();
    let cookie = demo.admin().await;
    let profile = demo.profile_named("linkedin", "Fernweh Outdoor").await["id"].as_str().unwrap().to_owned();
    sign_in(&browser, &demo).await;
    for language in ["en", "de"] {
        speak(&demo, &cookie, language).await;
        for tab in ["", "/notifications", "/access-tokens"] {
            for width in [1280, 600, 390, 360, 320] {
                browser.resize(width, 844).await;
                browser.goto(&format!("{}/settings/profiles/{profile}{tab}", demo.running.url())).await;
                let found = browser.run(TABS).await;
                assert!(found["lines"] == 1 && found["seen"] == true, "{language}{tab} {width}: {found}");
                assert!(width > 480 || found["down"] == 0, "nothing scrolls downwards: {language}{tab} {width}: {found}");
                assert!(found["wide"].as_i64().unwrap() <= 1 && found["high"].as_f64().unwrap() < 56.0, "{language}{tab} {width}: {found}");
                assert_eq!(found["over"], 0, "nothing is hidden: {language}{tab} {width}: {found}");
                if width == 390 {
                    browser.picture(&format!("tabs-{language}{}", tab.replace('/', "-"))).await;
                }
            }
        }
    }
}
