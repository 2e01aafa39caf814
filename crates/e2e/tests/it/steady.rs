//! Nothing on a page moves while it loads: no layout shift (web.dev calls up to 0.1 good), measured by Chromium itself.

use crate::browser::Browser;
use crate::story::sign_in;
use crate::world::Demo;

/// Everything that has moved on this page so far without anybody's doing, once three more frames were drawn.
const SHIFTED: &str = "return new Promise(done => { let sum = 0; \
    const add = entries => entries.forEach(entry => { if (!entry.hadRecentInput) sum += entry.value; }); \
    const seen = new PerformanceObserver(list => add(list.getEntries())); seen.observe({ type: 'layout-shift', buffered: true }); \
    let frames = 3; const next = () => frames-- > 0 ? requestAnimationFrame(next) : setTimeout(() => { add(seen.takeRecords()); done(sum); }, 0); \
    next(); })";

#[tokio::test]
async fn nothing_on_a_page_moves_while_it_loads() {
    let Some(browser) = Browser::start().await else { return };
    let demo = Demo::start();
    sign_in(&browser, &demo).await;
    let profile = demo.profile_named("linkedin", "Fernweh Outdoor").await["id"].as_str().unwrap().to_owned();
    let of_profile =
        ["", "/notifications", "/access-tokens", "/explain", "/renewal-link"].map(|of| format!("/settings/profiles/{profile}{of}"));
    let pages =
        ["/", "/settings/profiles", "/settings/page-presets", "/settings/people", "/settings/webhooks", "/settings/api-keys", "/audit"];
    let more = ["/forecast?weeks=53", "/forecast?weeks=53&by=day", "/compose", "/engagement", "/account"];
    for width in [1280, 390] {
        browser.resize(width, 844).await;
        for page in pages.into_iter().chain(more).map(str::to_owned).chain(of_profile.clone()) {
            browser.goto(&format!("{}{page}", demo.running.url())).await;
            let shifted = browser.run(SHIFTED).await.as_f64().unwrap();
            assert!(shifted < 0.1, "{page} at {width} px moves by {shifted}");
        }
    }
    // What moves is seen: something that comes late pushes the page down.
    let late = "const late = document.createElement('p'); late.style.height = '300px'; document.querySelector('main').prepend(late);";
    browser.run(late).await;
    let shifted = browser.run(SHIFTED).await.as_f64().unwrap();
    assert!(shifted > 0.1, "300 px that came late are {shifted}");
}
