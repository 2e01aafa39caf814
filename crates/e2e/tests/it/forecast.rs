//! What is coming, on the page, over the API, and as a calendar feed.

use serde_json::json;

use crate::browser::Browser;
use crate::story::{accessible, sign_in};
use crate::world::{Demo, client};

/// The entries of a feed: unfolded lines between BEGIN:VEVENT and END:VEVENT.
fn entries(feed: &str) -> Vec<Vec<String>> {
    let unfolded = feed.replace("\r\n ", "");
    let events = unfolded.split("BEGIN:VEVENT\r\n").skip(1);
    events.map(|event| event.lines().take_while(|line| *line != "END:VEVENT").map(str::to_owned).collect()).collect()
}

fn value<'a>(entry: &'a [String], name: &str) -> &'a str {
    entry.iter().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("{name} in {entry:?}"))
}

#[tokio::test]
async fn what_is_coming_is_shown_and_subscribed_to() {
    let Some(browser) = Browser::start().await else { return };
    let demo = Demo::start();
    let (_, soon) = demo.api("GET", "/forecast", None).await;
    assert_eq!(soon["items"], json!([]), "a year is far away: {soon}");
    assert!(soon["unpredictable"].as_i64().unwrap() > 0, "{soon}");
    demo.control("/clock", json!({ "advance_seconds": 300 * 86_400 })).await;
    sign_in(&browser, &demo).await;
    browser.go("Forecast").await;
    browser.see("Jana Lindner").await;
    browser.see("Logins per week").await;
    accessible(&browser, "forecast").await;
    browser.go_in("//nav[@class='tabs']", "Calendar").await;
    browser.see("Jana Lindner").await;
    // She stands on the day that the list names, as it falls in the reader's zone.
    let (_, coming) = demo.api("GET", "/forecast", None).await;
    let due = coming["items"].as_array().unwrap().iter().find(|item| item["network"] == "linkedin").unwrap()["at"].clone();
    let users = demo.api("GET", "/users", None).await.1;
    let lena = users["items"].as_array().unwrap().iter().find(|user| user["email"] == demo.text("user")).unwrap()["time_zone"].clone();
    let script = format!(
        "const day = new Date({due}).toLocaleDateString('en', {{ timeZone: {lena}, day: 'numeric' }}); \
         return [...document.querySelectorAll('.month td')].some(td => td.innerText.includes('Jana Lindner') && td.innerText.split('\\n')[0].trim() === day)"
    );
    assert_eq!(browser.run(&script).await, true, "{due} {lena}: {}", browser.text().await);
    accessible(&browser, "forecast-calendar").await;
    browser.go("By person").await;
    browser.see("One login renews everything").await;
    browser.see("Ask in the week of").await;
    accessible(&browser, "forecast-by-person").await;
    let (_, coming) = demo.api("GET", "/forecast", None).await;
    let items = coming["items"].as_array().unwrap();
    let jana = items.iter().find(|item| item["network"] == "linkedin").unwrap_or_else(|| panic!("{coming}"));
    assert_eq!((jana["person"]["name"].as_str(), jana["cause"].as_str()), (Some("Jana Lindner"), Some("renewal_due")));
    assert!(jana["profiles"].as_array().unwrap().len() > 1, "one login, all her pages: {jana}");
    assert_eq!(demo.api("GET", "/forecast?until=tomorrow", None).await.0, 422);

    browser.press("Make a new calendar address").await;
    browser.see("It is shown only once").await;
    let link = browser.run("return document.getElementById('calendar-link').textContent").await.as_str().unwrap().to_owned();
    let feed = async || client().get(&link).send().await.unwrap();
    let answer = feed().await;
    assert_eq!(answer.headers()["content-type"], "text/calendar; charset=utf-8");
    let text = answer.text().await.unwrap();
    assert!(text.lines().all(|line| line.len() <= 76), "{text}");
    let before = entries(&text).into_iter().find(|entry| value(entry, "SUMMARY:").contains("LinkedIn: Jana Lindner")).unwrap();
    assert_eq!((value(&before, "SEQUENCE:"), value(&before, "STATUS:")), ("0", "CONFIRMED"));
    // She came: the old date is called off, the next one is another entry.
    let page = demo.profile_named("linkedin", "Fernweh Outdoor").await;
    assert_eq!(demo.refresh(page["id"].as_str().unwrap(), "jana.lindner").await.0, 200);
    let after = entries(&feed().await.text().await.unwrap());
    let uid = value(&before, "UID:");
    let old = after.iter().find(|entry| value(entry, "UID:") == uid).unwrap();
    assert_eq!((value(old, "SEQUENCE:"), value(old, "STATUS:")), ("1", "CANCELLED"));
    let new =
        after.iter().find(|entry| value(entry, "SUMMARY:").contains("LinkedIn: Jana Lindner") && value(entry, "UID:") != uid).unwrap();
    assert_eq!(value(new, "STATUS:"), "CONFIRMED");
    browser.press("End the calendar address").await;
    browser.no_longer_see("End the calendar address").await;
    assert_eq!(feed().await.status(), 404);
}
