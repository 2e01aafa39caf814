//! The main flow with JavaScript switched off in the browser.

use crate::browser::Browser;
use crate::world::Demo;

#[tokio::test]
async fn the_main_flow_works_without_javascript() {
    let Some(browser) = Browser::start().await else { return };
    let demo = Demo::start();
    browser.forbid_scripts().await;
    browser.goto("data:text/html,<body>plain<script>document.body.textContent='a script ran'</script>").await;
    browser.see("plain").await;
    assert!(!browser.text().await.contains("a script ran"), "scripts are off");

    browser.goto(demo.running.url()).await;
    browser.fill("Email", "lena.arndt@fernweh.example").await;
    browser.fill("Password", &demo.text("password")).await;
    browser.press("Sign in").await;
    browser.see("Your connections").await;
    // A list, narrowed by a filter and a search, both in the address.
    browser.press("Profiles").await;
    browser.see("Company Profiles").await;
    browser.fill("Search", "Travel").await;
    // By keyboard: on a wide window the filters lie open in a <details> that is closed, which the driver takes for hidden.
    browser.keys("\u{e004}L").await;
    browser.press("Filter").await;
    browser.see("Show all").await;
    assert!(!browser.text().await.contains("Fernweh Outdoor"), "the filter narrows: {}", browser.text().await);
    let address = browser.url().await;
    assert!(address.contains("network=linkedin") && address.contains("q=Travel"), "{address}");
    // The three-dot menu leads to a renewal, through the network and back.
    browser.press("Actions: Fernweh Travel").await;
    browser.press("Refresh Connection").await;
    browser.see("Log in as the required profile").await;
    browser.press("Continue to LinkedIn").await;
    browser.see("Sign in to").await;
    browser.fill("User name", "jana.lindner").await;
    browser.fill("Password", "sandbox").await;
    browser.press("Sign in").await;
    browser.see("Connected").await;
    // Settings of a profile are saved.
    browser.goto(&address).await;
    browser.press("Actions: Fernweh Travel").await;
    browser.press("Profile Settings").await;
    browser.choose("Profile owner", "Mira Sato").await;
    browser.press("Save").await;
    browser.see("Saved.").await;
    assert_eq!(browser.chosen("Profile owner").await, "Mira Sato");
    // And out again.
    browser.press("Your account menu").await;
    browser.press("Sign out").await;
    browser.see("Sign in to Staygreen").await;
    browser.goto(&address).await;
    browser.see("Sign in to Staygreen").await;
}
