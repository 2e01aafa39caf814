//! The log as it happens, and pages that stay true while they are open.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::authorised::key;
use crate::browser::Browser;
use crate::story::{accessible, sign_in};
use crate::world::{Demo, client};

/// An open line: what came over it so far.
struct Line {
    answer: reqwest::Response,
    text: String,
}

impl Line {
    async fn open(demo: &Demo, key: &str, query: &str, last: Option<&str>) -> Self {
        let mut request = client().get(format!("{}/api/v1/events/stream{query}", demo.running.url())).bearer_auth(key);
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        Self { answer, text: String::new() }
    }

    /// Reads on until these words came; `false` when the line ended, or nothing came for that long.
    async fn until(&mut self, words: &str, patience: Duration) -> bool {
        let began = Instant::now();
        while !self.text.contains(words) {
            let left = patience.saturating_sub(began.elapsed());
            let Ok(Ok(Some(more))) = tokio::time::timeout(left, self.answer.chunk()).await else { return false };
            self.text.push_str(std::str::from_utf8(&more).unwrap());
        }
        true
    }

    /// Whether it has ended, within that time.
    async fn ends(&mut self, patience: Duration) -> bool {
        let until_the_end = async { while let Ok(Some(_)) = self.answer.chunk().await {} };
        tokio::time::timeout(patience, until_the_end).await.is_ok()
    }
}

const SOON: Duration = Duration::from_secs(10);

#[tokio::test]
async fn events_come_as_they_happen_and_only_to_whoever_may_read_them() {
    let demo = Demo::start();
    let mine = demo.profile_named("linkedin", "Fernweh Outdoor").await["id"].as_str().unwrap().to_owned();
    let other = demo.profile_named("xing", "Karl Voss").await["id"].as_str().unwrap().to_owned();
    let (_, narrow) = key(&demo, &[&format!("events:read profile={mine}")]).await;
    let (wide_id, wide) = key(&demo, &["events:read"]).await;
    let delete = async |profile: &str| {
        let (status, _) = demo.api("DELETE", &format!("/profiles/{profile}"), None).await;
        assert_eq!(status, 204);
    };
    let mut all = Line::open(&demo, &wide, "", None).await;
    let mut some = Line::open(&demo, &narrow, "", None).await;
    delete(&other).await;
    assert!(all.until(&other, SOON).await, "{}", all.text);
    assert_eq!(demo.api("POST", "/freezes", Some(json!({ "target": "network tiktok" }))).await.0, 201);
    assert!(all.until("freeze.set", SOON).await, "{}", all.text);
    let refresh = json!({ "via": "link" });
    assert_eq!(demo.api("POST", &format!("/profiles/{mine}/refresh-connection"), Some(refresh)).await.0, 201);
    assert!(some.until("renewal_link.created", SOON).await, "{}", some.text);
    assert!(!some.text.contains(&other) && !some.text.contains("freeze.set"), "somebody else's: {}", some.text);

    // Whoever lost the line goes on where it broke.
    let ids: Vec<&str> = all.text.lines().filter_map(|line| line.strip_prefix("id: ").or_else(|| line.strip_prefix("id:"))).collect();
    let first = ids.first().unwrap().trim();
    let mut again = Line::open(&demo, &wide, "", Some(first)).await;
    assert!(again.until("freeze.set", SOON).await, "{}", again.text);
    assert!(!again.text.contains(&format!("id: {first}\n")), "what was read is not told again: {}", again.text);
    let mut of_one = Line::open(&demo, &wide, &format!("?after=0&profile={mine}"), None).await;
    assert!(of_one.until("renewal_link.created", SOON).await, "{}", of_one.text);
    for line in of_one.text.lines().filter_map(|line| line.strip_prefix("data: ")) {
        assert_eq!(serde_json::from_str::<Value>(line).unwrap()["profile"], mine, "{line}");
    }

    // A revoked key's line ends before anything more comes over it.
    assert_eq!(demo.api("DELETE", &format!("/api-keys/{wide_id}"), None).await.0, 204);
    assert!(all.ends(SOON).await);
    // An open line does not keep the server from stopping.
    let began = Instant::now();
    demo.running.ask_to_stop();
    assert!(some.ends(SOON).await);
    assert!(began.elapsed() < SOON);
}

#[tokio::test]
async fn an_open_page_turns_red_by_itself_and_keeps_the_focus() {
    let Some(browser) = Browser::start().await else { return };
    let demo = Demo::start();
    sign_in(&browser, &demo).await;
    let page = demo.profile_named("linkedin", "Fernweh Outdoor").await;
    browser.goto(&format!("{}/settings/profiles/{}", demo.running.url(), page["id"].as_str().unwrap())).await;
    // Without its timer, the page's first one: what changes comes over the line.
    browser.run("window.sameDocument = true; clearInterval(1); document.getElementById('owner').focus();").await;
    demo.control("/people/linkedin/jana.lindner/revoke", json!({})).await;
    demo.gone("linkedin").await;
    browser.see("Refresh Connection").await;
    let kept = browser.run("return window.sameDocument === true && document.activeElement.id === 'owner'").await;
    assert_eq!(kept, true, "neither loaded anew nor the focus moved");
}

#[tokio::test]
async fn a_pressed_button_says_that_it_works_and_works_once_and_nothing_moves() {
    let Some(browser) = Browser::start().await else { return };
    let demo = Demo::start();
    sign_in(&browser, &demo).await;
    let profile = demo.profile_named("xing", "Karl Voss").await["id"].as_str().unwrap().to_owned();
    browser.goto(&format!("{}/settings/profiles?network=xing", demo.running.url())).await;
    // Held back behind the page's own script, so that the page stays as it is while somebody waits.
    let pressed = browser
        .run(
            r#"window.sent = 0;
            addEventListener('submit', (event) => { if (!event.defaultPrevented) window.sent++; event.preventDefault(); });
            document.querySelector('#profiles details.menu').open = true;
            const button = document.querySelector('form[action$="/check"] button');
            const place = () => JSON.stringify([button.getBoundingClientRect(), document.documentElement.scrollHeight]);
            const before = place();
            button.click();
            button.click();
            return [button.getAttribute('aria-busy'), before === place(), window.sent, document.getElementById('busy').innerText];"#,
        )
        .await;
    assert_eq!(pressed, json!(["true", true, 1, ""]), "busy at once, unmoved, sent once, and silent while it is quick");
    browser.see("Working … this can take a few seconds.").await;
    let findings = browser.axe().await.unwrap_or_default();
    assert!(findings.is_empty(), "{findings:#?}");
    browser.picture("busy").await;
    // Back with the browser's own button: everything can be pressed again.
    let back = r#"dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }));
        const button = document.querySelector('form[action$="/check"] button');
        button.click();
        return [window.sent, button.getAttribute('aria-busy')];"#;
    assert_eq!(browser.run(back).await, json!([2, "true"]));

    // In earnest, at a network that takes its time: the answer says that it was looked.
    browser.goto(&format!("{}/settings/profiles?network=xing", demo.running.url())).await;
    browser.press("Actions: Karl Voss").await;
    browser.press("Check now").await;
    browser.see("Checked just now.").await;
    assert!(browser.url().await.ends_with(&format!("/settings/profiles/{profile}/access-tokens?checked=done")));
}

/// Moments in details are written like all others, in the log as in the export.
#[tokio::test]
async fn moments_in_the_details_of_events_are_written_like_all_others() {
    fn micros(value: &Value) -> bool {
        match value {
            Value::Object(fields) => fields.values().any(micros),
            Value::Array(items) => items.iter().any(micros),
            other => other.as_i64().is_some_and(|number| number > 100_000_000_000_000),
        }
    }
    let demo = Demo::start();
    let (_, events) = demo.api("GET", "/events?limit=500", None).await;
    let details: Vec<&Value> = events["items"].as_array().unwrap().iter().map(|event| &event["detail"]).collect();
    let deadlines: Vec<&str> = details.iter().filter_map(|detail| detail["deadline"].as_str()).collect();
    assert!(!deadlines.is_empty() && deadlines.iter().all(|at| at.starts_with("20") && at.ends_with('Z')), "{events}");
    assert!(!details.iter().any(|detail| micros(detail)), "{events}");
    let url = format!("{}/api/v1/export", demo.running.url());
    let export = client().get(url).bearer_auth(demo.text("api_key")).send().await.unwrap().text().await.unwrap();
    let lines: Vec<Value> = export.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let events: Vec<&Value> = lines.iter().filter(|line| line["type"] == "event").collect();
    assert!(!events.is_empty() && !events.iter().any(|event| micros(&event["data"])), "{export}");
}

/// What every page says while everything is frozen is heard, read in the dark and on a phone, and nothing jumps when it comes.
#[tokio::test]
async fn what_is_said_while_everything_is_frozen_is_accessible() {
    let Some(browser) = Browser::start().await else { return };
    let demo = Demo::start();
    sign_in(&browser, &demo).await;
    let reason = format!("Somebody posts: {}", "x".repeat(200));
    assert_eq!(demo.api("POST", "/freezes", Some(json!({ "target": "everything", "reason": reason }))).await.0, 201);
    for (dark, language, words) in [(false, "en", "Everything is frozen"), (true, "en", "Open the page Freeze")] {
        browser.look(dark, language).await;
        browser.goto(&format!("{}/", demo.running.url())).await;
        browser.see(words).await;
        accessible(&browser, if dark { "frozen-dark" } else { "frozen" }).await;
    }
    let moved = "return performance.getEntriesByType('layout-shift').reduce((sum, one) => sum + one.value, 0)";
    assert!(browser.run(moved).await.as_f64().unwrap_or_default() < 0.01, "nothing jumps");
    browser.go_in("//*[@id='brake']", "Open the page Freeze").await;
    browser.see("The emergency brake").await;
}
