//! Looking after profiles that are not green: finding them by cause, taking one on, putting it off, handing it over, and deleting one.

use serde_json::{Value, json};

use crate::browser::Browser;
use crate::explain::use_link;
use crate::story::{accessible, sign_in};
use crate::webhooks::Receiver;
use crate::world::{Demo, client, eventually};

const TOBIAS: &str = "tobias.kern@fernweh.example";
const MIRA: &str = "mira.sato@fernweh.example";
const DAY: u64 = 86_400;

/// A page as the company admin reads it.
async fn page(demo: &Demo, cookie: &str, path: &str) -> String {
    let answer = client().get(format!("{}{path}", demo.running.url())).header("cookie", cookie).send().await.unwrap();
    assert_eq!(answer.status(), 200, "{path}");
    answer.text().await.unwrap()
}

async fn post(demo: &Demo, cookie: &str, path: &str, form: &[(&str, &str)]) -> u16 {
    let url = demo.running.url();
    let request = client().post(format!("{url}{path}")).header("origin", url).header("cookie", cookie);
    request.form(form).send().await.unwrap().status().as_u16()
}

fn id_of(profile: &Value) -> String {
    profile["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn profiles_are_found_by_what_ended_their_access_on_the_page_and_over_rest() {
    let demo = Demo::start();
    let cookie = demo.admin().await;
    demo.control("/people/xing/karl.voss/revoke", json!({})).await;
    demo.control("/roles", json!({ "network": "linkedin", "page": 1002, "username": "jana.lindner", "role": null })).await;
    let red = async |network: &str, name: &str| demo.profile_named(network, name).await["status"] == "disconnected";
    demo.as_time_passes("both are red", async || red("xing", "Karl Voss").await && red("linkedin", "Fernweh Travel").await).await;
    let names = |list: &Value| {
        let mut names: Vec<String> =
            list["items"].as_array().unwrap().iter().map(|profile| profile["name"].as_str().unwrap().to_owned()).collect();
        names.sort();
        names
    };
    for (cause, expected, other) in
        [("revoked_by_person", "Karl Voss", "Fernweh Travel"), ("permission_lost", "Fernweh Travel", "Karl Voss")]
    {
        let (status, found) = demo.api("GET", &format!("/profiles?cause={cause}"), None).await;
        assert_eq!((status, names(&found)), (200, vec![expected.to_owned()]), "{found}");
        let shown = page(&demo, &cookie, &format!("/settings/profiles?cause={cause}")).await;
        assert!(shown.contains(&format!("<option value=\"{cause}\" selected>")), "the filter says what it shows: {shown}");
        assert!(shown.contains("One profile") && shown.contains(expected) && !shown.contains(other), "{shown}");
    }
    // With another filter both hold, and a cause that nothing has is said to fit nothing.
    let (_, both) = demo.api("GET", "/profiles?cause=revoked_by_person&network=linkedin", None).await;
    assert_eq!(names(&both), Vec::<String>::new());
    assert!(page(&demo, &cookie, "/settings/profiles?cause=app_blocked").await.contains("No profile is like that."));
    let (status, problem) = demo.api("GET", "/profiles?cause=bad_luck", None).await;
    assert!(status == 422 && problem["field"] == "cause", "{problem}");
}

/// The mails to somebody about a profile: their subjects, oldest first.
async fn mails(demo: &Demo, to: &str) -> Vec<String> {
    let about = |mail: &Value| mail["to"] == to && mail["subject"].as_str().unwrap().contains("Karl Voss");
    demo.mails().await.iter().filter(|mail| about(mail)).map(|mail| mail["subject"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_problem_is_put_off_handed_over_and_taken_on_and_reminders_follow() {
    let demo = Demo::start();
    let cookie = demo.admin().await;
    let karl = id_of(&demo.profile_named("xing", "Karl Voss").await);
    let general = format!("/settings/profiles/{karl}");
    let reminders = format!("{general}/reminders");
    let told = async |to: &str| mails(&demo, to).await.len();
    let goes_by = async |seconds: u64| demo.control("/clock", json!({ "advance_seconds": seconds })).await;
    demo.control("/people/xing/karl.voss/revoke", json!({})).await;
    demo.as_time_passes("the owner hears it", async || told(TOBIAS).await == 1).await;
    let tab = async || page(&demo, &cookie, &format!("{general}/notifications")).await;
    assert!(tab().await.contains("The next reminder comes"), "{}", tab().await);

    // Put off for three days: the reminder of the first day does not come, the next one after them does.
    assert_eq!(post(&demo, &cookie, &reminders, &[("do", "snooze")]).await, 200);
    goes_by(2 * DAY).await;
    let checked = async || demo.api("POST", &format!("/profiles/{karl}/check"), None).await.1["status"] == "disconnected";
    assert!(checked().await);
    tokio::time::sleep(std::time::Duration::from_secs(6)).await;
    assert_eq!(told(TOBIAS).await, 1, "{:?}", mails(&demo, TOBIAS).await);
    goes_by(DAY + 60).await;
    eventually("a reminder after three days", async || told(TOBIAS).await == 2).await;

    // Handed over as any owner is changed: the new one hears of it at once, and only they are reminded.
    let mira = demo.named("/users", "Mira Sato").await;
    assert_eq!(post(&demo, &cookie, &general, &[("owner", &mira), ("enabled", "1")]).await, 200);
    eventually("whoever takes it over hears it", async || told(MIRA).await == 1).await;
    assert!(mails(&demo, MIRA).await[0].contains("No access tokens available"), "{:?}", mails(&demo, MIRA).await);
    goes_by(DAY + 60).await;
    eventually("a reminder to the new owner", async || told(MIRA).await == 2).await;
    assert_eq!(told(TOBIAS).await, 2, "{:?}", mails(&demo, TOBIAS).await);

    // Taken on: nobody is reminded any more, and the profile's story says who did what.
    assert_eq!(post(&demo, &cookie, &reminders, &[("do", "acknowledge")]).await, 200);
    assert!(tab().await.contains("No further reminder comes."));
    goes_by(5 * DAY).await;
    tokio::time::sleep(std::time::Duration::from_secs(6)).await;
    assert_eq!((told(TOBIAS).await, told(MIRA).await), (2, 2));
    let story = page(&demo, &cookie, &format!("{general}/explain")).await;
    for words in ["Reminders were put off", "Another owner looks after it now", "Somebody took it on"] {
        assert!(story.contains(words), "{words}: {story}");
    }
}

/// NT-25: over more than three days, then given up, said so, and sent again by hand.
#[tokio::test]
async fn nt_25_an_endpoint_that_is_down_over_a_weekend_is_told_all_the_same_and_given_up_after_75_hours() {
    let Some(browser) = Browser::start().await else { return };
    let demo = Demo::start();
    let receiver = Receiver::start().await;
    let new = json!({ "url": format!("{}/broken", receiver.url), "name": "Ours", "events": ["profile.disconnected"] });
    let endpoint = id_of(&demo.api("POST", "/webhook-endpoints", Some(new)).await.1);
    demo.control("/people/xing/karl.voss/revoke", json!({})).await;
    demo.gone("xing").await;
    let log = format!("/webhook-endpoints/{endpoint}/deliveries");
    let last = async || demo.api("GET", &log, None).await.1["items"][0].clone();
    for (n, wait) in [5, 60, 300, 1_800, 7_200, 21_600, 43_200, 79_200, 115_200].into_iter().enumerate() {
        eventually("a try", async || last().await["tries"] == n + 1 && last().await["state"] == "waiting").await;
        // A minute before nothing comes, where the wait is long enough to tell.
        if wait > 300 {
            demo.control("/clock", json!({ "advance_seconds": wait - 60 })).await;
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            assert_eq!(receiver.at("/broken").len(), n + 1, "too early after {n}");
        }
        demo.control("/clock", json!({ "advance_seconds": if wait > 300 { 61 } else { wait } })).await;
    }
    eventually("it is given up", async || last().await["state"] == "gave_up").await;
    let tries = receiver.at("/broken");
    assert_eq!(tries.len(), 10);
    assert!(tries.iter().all(|came| came.header("webhook-id") == tries[0].header("webhook-id")), "one message");
    let stamp = |n: usize| tries[n].header("webhook-timestamp").parse::<i64>().unwrap();
    let hours = (stamp(9) - stamp(0)) / 3600;
    assert!((74..=75).contains(&hours), "{hours} hours");

    sign_in(&browser, &demo).await;
    browser.goto(&format!("{}/settings/webhooks/{endpoint}", demo.running.url())).await;
    browser.see("Given up after 10 tries").await;
    accessible(&browser, "webhook-given-up").await;
    browser.press("Send again").await;
    browser.see("It is sent again, under the same id.").await;
    eventually("by hand", async || receiver.at("/broken").len() == 11).await;
    assert_eq!(receiver.at("/broken")[10].header("webhook-id"), tries[0].header("webhook-id"));
}

/// The three clocks of an access token, and from where each is known.
#[tokio::test]
async fn each_clock_says_from_where_it_is_known() {
    let demo = Demo::start();
    let cookie = demo.admin().await;
    let clocks = async |network: &str| -> Vec<String> {
        let id = id_of(&demo.profiles(network).await[0]);
        let tab = page(&demo, &cookie, &format!("/settings/profiles/{id}/access-tokens")).await;
        let clocks = tab.split("<dl class=\"clocks\">").nth(1).unwrap().split("</dl>").next().unwrap().to_owned();
        clocks.split("<dt>").skip(1).map(str::to_owned).collect()
    };
    let none = "neither the answers nor the documents of XING name one";
    let (network_said, documented) = ("said with the token", "documents");
    let with_source = |clock: &str| clock.contains(network_said) || clock.contains(documented);
    for (network, refresh, human) in [
        ("linkedin", None, "the day the refresh token ends"),
        ("tiktok", None, "the day the refresh token ends"),
        ("pinterest", None, "it is renewed without the person"),
        ("xing", Some("XING gave no refresh token"), none),
    ] {
        let shown = clocks(network).await;
        assert_eq!(shown.len(), 4, "{network}: {shown:?}");
        for (clock, name) in shown.iter().zip(["Access token until", "Refresh token until", "Person must come by", "Last verified"]) {
            assert!(clock.starts_with(name), "{network}: {clock}");
        }
        if network == "xing" {
            assert!(shown[0].contains(none), "{shown:?}");
        } else {
            assert!(with_source(&shown[0]) && shown[0].contains("<time"), "{network}: {shown:?}");
        }
        assert!(refresh.map_or_else(|| with_source(&shown[1]), |words| shown[1].contains(words)), "{network}: {shown:?}");
        assert_eq!(shown[1].contains("there is none"), refresh.is_some(), "{network}: {shown:?}");
        assert!(shown[2].contains(human), "{network}: {shown:?}");
    }
}

async fn ledger(demo: &Demo, network: &str) -> Vec<String> {
    let url = format!("{}/control/api/ledger?network={network}", demo.text("sandbox_url"));
    let ledger: Value = client().get(url).send().await.unwrap().json().await.unwrap();
    ledger["seen"].as_array().unwrap().iter().map(|seen| format!("{} {}", seen["request"], seen["status"])).collect()
}

#[tokio::test]
async fn before_it_is_deleted_a_profile_says_what_is_lost_and_then_its_network_hears_of_it() {
    let demo = Demo::start();
    let cookie = demo.admin().await;
    let tiktok = id_of(&demo.profiles("tiktok").await[0]);
    let delete = |id: &str| format!("/settings/profiles/{id}/delete");
    let words = page(&demo, &cookie, &delete(&tiktok)).await;
    for said in [
        "the profile with its owner, teams and notification choices",
        "What happened stays in the audit.",
        "is revoked at TikTok and destroyed here",
        "somebody has to log in at TikTok",
    ] {
        assert!(words.contains(said), "{said}: {words}");
    }
    assert!(!words.contains("boards of the account"), "{words}");
    assert!(demo.profiles("tiktok").await.len() == 1, "asking deletes nothing");
    let revoked = async || ledger(&demo, "tiktok").await.iter().filter(|line| line.contains("revoke") && line.ends_with("200")).count();
    assert_eq!(revoked().await, 0);
    assert_eq!(post(&demo, &cookie, &delete(&tiktok), &[]).await, 303);
    assert!(demo.profiles("tiktok").await.is_empty());
    eventually("TikTok hears of it", async || revoked().await == 1).await;
    assert_eq!(demo.api("GET", &format!("/profiles/{tiktok}"), None).await.0, 404);

    // An account takes its boards along, by name; a network without such a call is said to have none, and is not asked for it.
    let account = id_of(&demo.profile_named("pinterest", "Fernweh Outdoor").await);
    let words = page(&demo, &cookie, &delete(&account)).await;
    for said in ["These 6 boards of the account are removed with it:", "Trail food", "At Pinterest itself, only the person who logged in"] {
        assert!(words.contains(said), "{said}: {words}");
    }
    assert_eq!(post(&demo, &cookie, &delete(&account), &[]).await, 303);
    assert!(demo.profiles("pinterest").await.is_empty());
}

/// A wrong address leaves nobody standing: whoever is signed in keeps the way on, and a stranger learns nothing.
#[tokio::test]
async fn a_page_that_is_not_there_keeps_the_way_on() {
    let demo = Demo::start();
    let cookie = demo.admin().await;
    let ask = async |cookie: &str| {
        let answer = client().get(format!("{}/settings/nothing", demo.running.url())).header("cookie", cookie).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let (status, page) = ask(&cookie).await;
    assert!(status == 404 && page.contains("Not found") && page.contains("href=\"/settings/profiles\""), "{status} {page}");
    let (status, page) = ask("").await;
    assert!(status == 404 && page.contains("Not found") && !page.contains("href=\"/settings/profiles\""), "{status} {page}");
    // The forecast does not say that nobody is needed while somebody is.
    let forecast = async || client().get(format!("{}/forecast", demo.running.url())).header("cookie", &cookie).send().await.unwrap();
    let words = "nobody has to log in within";
    assert!(forecast().await.text().await.unwrap().contains(&format!("As far as is known, {words}")));
    demo.control("/people/xing/karl.voss/revoke", json!({})).await;
    demo.gone("xing").await;
    assert!(forecast().await.text().await.unwrap().contains(&format!("Beside what needs somebody now, {words}")));
}

/// Somebody logged in, and the network does not say what that leads to: the page says so, and goes on by itself once it does.
#[tokio::test]
async fn a_page_that_waits_for_a_network_goes_on_by_itself() {
    let Some(browser) = Browser::start().await else { return };
    let demo = Demo::start();
    let (url, cookie) = (demo.running.url().to_owned(), demo.admin().await);
    let leave = client().post(format!("{url}/settings/profiles/add/linkedin")).header("origin", &url).header("cookie", &cookie);
    let left = leave.form(&[("hint", "")]).send().await.unwrap();
    let bound = left.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let back = demo.consent(&json!(left.headers()["location"].to_str().unwrap()), "jana.lindner").await;
    demo.control("/mood", json!({ "network": "linkedin", "mood": "rate_limited" })).await;
    let came = client().get(back).header("cookie", format!("{cookie}; {bound}")).send().await.unwrap();
    let waits = came.headers()["location"].to_str().unwrap().to_owned();
    sign_in(&browser, &demo).await;
    browser.goto(&format!("{url}{waits}")).await;
    browser.see("Logged in, but LinkedIn does not answer").await;
    accessible(&browser, "connection-waits").await;
    demo.control("/mood", json!({ "network": "linkedin", "mood": "normal" })).await;
    demo.control("/clock", json!({ "advance_seconds": 60 })).await;
    browser.see("Choose profiles").await;
    assert!(browser.url().await.ends_with(&waits), "the same address");
    // What is here already says so, and what is not does not.
    let line = |name: &str| {
        format!("return [...document.querySelectorAll('ul.rows li')].find(line => line.innerText.includes('{name}')).innerText")
    };
    let says = async |name: &str| browser.run(&line(name)).await.as_str().unwrap().contains("connected already");
    assert_eq!((says("Fernweh Outdoor").await, says("Jana Lindner").await), (true, false));
}

/// A renewal link that was used tells the owner and whoever sent it, also before anything was red; the all-clear stands for it.
#[tokio::test]
async fn whoever_waits_for_a_renewal_hears_that_it_is_done() {
    let demo = Demo::start();
    let tobias = demo.sign_in(TOBIAS).await;
    let tiktok = id_of(&demo.profiles("tiktok").await[0]);
    let made = async || {
        let url = demo.running.url();
        let request = client().post(format!("{url}/api/v1/profiles/{tiktok}/refresh-connection")).header("origin", url);
        let answer = request.header("cookie", &tobias).json(&json!({ "via": "link" })).send().await.unwrap();
        answer.json::<Value>().await.unwrap()["link"].as_str().unwrap().to_owned()
    };
    // Another owner than whoever sends the link.
    let mira = demo.named("/users", "Mira Sato").await;
    let teams = demo.profiles("tiktok").await[0]["team_ids"].clone();
    assert_eq!(demo.api("PATCH", &format!("/profiles/{tiktok}"), Some(json!({ "owner_id": mira, "team_ids": teams }))).await.0, 200);
    let link = made().await;
    let (status, page) = use_link(&demo, &link, "fernweh.outdoor").await;
    assert!(status == 200 && page.contains("The connection is green again"), "{status} {page}");
    for to in [TOBIAS, MIRA] {
        let mail = demo.mail(to, "Fernweh Outdoor (TikTok)").await;
        let subject = mail["subject"].as_str().unwrap();
        assert!(subject.starts_with(if to == TOBIAS { "Erneuert: " } else { "Renewed: " }), "{mail}");
    }
    assert_eq!(demo.mails().await.len(), 2, "{:?}", demo.mails().await);
    // Used up: nothing is told twice. And what was red is told once, as the all-clear.
    assert_eq!(use_link(&demo, &link, "fernweh.outdoor").await.0, 410);
    demo.control("/people/tiktok/fernweh.outdoor/revoke", json!({})).await;
    demo.gone("tiktok").await;
    demo.mail(MIRA, "No access tokens available").await;
    let link = made().await;
    assert_eq!(use_link(&demo, &link, "fernweh.outdoor").await.0, 200);
    demo.mail(MIRA, "All clear").await;
    let told = async |to: &str, words: &str| {
        let fits = |mail: &&Value| mail["to"] == to && mail["subject"].as_str().unwrap().starts_with(words);
        demo.mails().await.iter().filter(fits).count()
    };
    eventually("whoever sent it", async || told(TOBIAS, "Erneuert").await == 2).await;
    assert_eq!(told(MIRA, "Renewed").await, 1, "the all-clear said it");
}

/// A green check mark is true: what nobody could prove for so long, because the network says that the fault is ours, is not green.
#[tokio::test]
async fn a_network_that_says_that_the_fault_is_ours_leaves_no_green_check_mark_and_calls_nobody() {
    let demo = Demo::start();
    // As if this server's clock were behind: every call is refused for its time.
    demo.control("/troubles", json!({ "network": "xing", "trouble": "overtaken" })).await;
    let now = async || demo.profile_named("xing", "Karl Voss").await;
    eventually("it is seen", async || demo.api("GET", "/events?limit=500", None).await.1.to_string().contains("network.misconfigured"))
        .await;
    assert_eq!(now().await["status"], "connected", "proven a moment ago");
    demo.control("/clock", json!({ "advance_seconds": 1_200 })).await;
    eventually("nobody could prove it", async || now().await["status"] == "unverified").await;
    let profile = now().await;
    assert_eq!(profile["cause"], "app_blocked", "{profile}");
    let (_, story) = demo.api("GET", &format!("/profiles/{}/explanation", id_of(&profile)), None).await;
    assert_eq!(story["way"], "operator", "{story}");
    let cookie = demo.admin().await;
    let text = page(&demo, &cookie, &format!("/settings/profiles/{}", id_of(&profile))).await;
    assert!(text.contains("The network refuses our app") && text.contains("Cannot be checked"), "{text}");
    let told = demo.mails().await;
    assert!(!told.iter().any(|mail| mail["subject"].as_str().unwrap().contains("Karl Voss")), "nobody has to log in: {told:?}");
    demo.control("/troubles", json!({ "network": "xing", "trouble": "" })).await;
    demo.as_time_passes("it is proven again", async || now().await["status"] == "connected").await;
}
