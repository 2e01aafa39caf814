//! When mails leave: quiet hours, digests, and the one click that switches a digest off.

use std::time::SystemTime;

use reqwest::Client;
use serde_json::{Value, json};

use crate::kill::{Apart, connect, first_admin};
use crate::smtp::Smtp;
use crate::world::{Demo, Running, client, eventually};

const LENA: &str = "lena.arndt@fernweh.example";

/// Somebody signed in, who says what they want to be told.
struct Me<'a> {
    http: Client,
    url: &'a str,
    cookie: String,
}

impl Me<'_> {
    async fn wish(&self, wishes: Value) -> (u16, Value) {
        let request = self.http.patch(format!("{}/api/v1/me/notifications", self.url)).header("origin", self.url);
        let answer = request.header("cookie", &self.cookie).json(&wishes).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    async fn page(&self, path: &str) -> String {
        let answer = self.http.get(format!("{}{path}", self.url)).header("cookie", &self.cookie).send().await.unwrap();
        answer.text().await.unwrap()
    }
}

#[expect(clippy::disallowed_methods, reason = "the machine's clock, as the running server reads it")]
fn seconds_of_day() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs() % 86_400
}

fn clock(minutes: u64) -> String {
    format!("{:02}:{:02}", minutes / 60 % 24, minutes % 60)
}

#[tokio::test]
async fn a_death_in_quiet_hours_waits_says_why_and_leaves_when_they_are_over() {
    let demo = Demo::start();
    let me = Me { http: client(), url: demo.running.url(), cookie: demo.admin().await };
    // Quiet for all but one hour of the day, which is far away: Lena lives an hour or two east of Greenwich.
    let now = seconds_of_day() / 60;
    let quiet = json!({ "from": clock(now + 13 * 60), "to": clock(now + 12 * 60) });
    let (status, mine) = me.wish(json!({ "quiet_hours": quiet })).await;
    assert_eq!((status, &mine["quiet_hours"], mine["deaths_in_quiet_hours"].as_str()), (200, &quiet, Some("wait")), "{mine}");
    for (wrong, field) in [
        (json!({ "quiet_hours": { "from": "22:00", "to": "22:00" } }), "quiet_hours.to"),
        (json!({ "quiet_hours": { "from": "late", "to": "22:00" } }), "quiet_hours.from"),
        (json!({ "digest_at": "24:00" }), "digest_at"),
        (json!({ "digest_weekday": "caturday" }), "digest_weekday"),
    ] {
        let (status, problem) = me.wish(wrong).await;
        assert_eq!((status, problem["field"].as_str()), (422, Some(field)), "{problem}");
    }
    assert_eq!(me.wish(json!({ "digest": "hourly" })).await.0, 422);

    demo.control("/people/linkedin/jana.lindner/revoke", json!({})).await;
    demo.gone("linkedin").await;
    let waits = "Waits for the end of the reader&#39;s quiet hours";
    eventually("the delivery log says why", async || me.page("/settings/deliveries").await.contains(waits)).await;
    assert!(!demo.mails().await.iter().any(|mail| mail["to"] == LENA), "it is quiet");
    let (_, mine) = me.wish(json!({ "quiet_hours": null })).await;
    assert_eq!(mine["quiet_hours"], Value::Null);
    demo.mail(LENA, "No access tokens available").await;
    assert!(!me.page("/settings/deliveries").await.contains(waits));
}

#[tokio::test]
async fn the_account_page_keeps_what_is_chosen_and_says_what_was_typed_wrong() {
    let demo = Demo::start();
    let me = Me { http: client(), url: demo.running.url(), cookie: demo.admin().await };
    let save = async |form: &[(&str, &str)]| {
        let request = me.http.post(format!("{}/account/notifications", me.url)).header("origin", me.url);
        let answer = request.header("cookie", &me.cookie).form(form).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let good = [
        ("no_access", "1"),
        ("new_profiles", "1"),
        ("digest", "weekly"),
        ("digest_at", "17:30"),
        ("digest_weekday", "friday"),
        ("quiet", "1"),
        ("quiet_from", "21:15"),
        ("quiet_to", "06:45"),
        ("deaths_at_once", "1"),
    ];
    assert_eq!(save(&good).await.0, 303);
    let page = me.page("/account").await;
    for shown in ["value=\"weekly\" selected", "value=\"17:30\"", "value=\"friday\" selected", "value=\"21:15\"", "value=\"06:45\""] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    let (_, mine) = me.wish(json!({})).await;
    let told = [&mine["no_access_tokens"], &mine["renew_soon"], &mine["new_profiles"], &mine["deaths_in_quiet_hours"]];
    assert_eq!(told, [&json!(true), &json!(false), &json!(true), &json!("at_once")], "{mine}");
    let mut wrong = good;
    wrong[7].1 = "21:15";
    let (status, page) = save(&wrong).await;
    assert!(status == 200 && page.contains("Not saved: times are written like 08:00"), "{status} {page}");
    assert_eq!(me.wish(json!({})).await.1, mine, "nothing was changed");
}

/// A digest through a real SMTP server, and what a mail program does with its headers.
#[tokio::test]
async fn rfc_8058_one_click_switches_the_digest_off_without_cookies() {
    let Some(smtp) = Smtp::start() else { return };
    let port = crate::world::free_port();
    let sandbox = Running::start(&["sandbox", "--port", "0"], &[]);
    let mut apart = Apart { folder: tempfile::tempdir().unwrap(), sandbox, port, smtp, public_url: "" };
    let mut server = apart.serve();
    let http = client();
    let url = format!("http://127.0.0.1:{port}");
    let me = Me { http: http.clone(), url: &url, cookie: first_admin(&http, &server).await };
    connect(&http, &url, &me.cookie, &apart, "linkedin", "jana.lindner").await;
    let (_, mine) = me.wish(json!({ "digest": "daily", "digest_at": clock(seconds_of_day() / 60 + 12 * 60) })).await;
    assert_eq!(mine["time_zone"], "UTC", "{mine}");
    let revoke = format!("{}/control/api/people/linkedin/jana.lindner/revoke", apart.sandbox.url());
    assert_eq!(http.post(revoke).json(&json!({})).send().await.unwrap().status(), 200);
    eventually("the death comes by itself", async || apart.smtp.mails().len() == 1).await;
    connect(&http, &url, &me.cookie, &apart, "linkedin", "jana.lindner").await;
    let log = async || me.page("/settings/deliveries").await;
    eventually("the all-clear waits", async || log().await.contains("Waits for the reader&#39;s digest")).await;
    // Behind a proxy that speaks https, as it is in earnest.
    server.kill();
    apart.public_url = "https://sg.example";
    server = apart.serve();
    // No connection to the server that was killed is used again.
    let me = Me { http: client(), url: &url, cookie: me.cookie.clone() };
    let log = async || me.page("/settings/deliveries").await;
    eventually("some way into a minute", async || (5..50).contains(&(seconds_of_day() % 60))).await;
    me.wish(json!({ "digest_at": clock(seconds_of_day() / 60 + 1) })).await;
    eventually("the digest", async || apart.smtp.mails().len() == 2).await;
    let mails = apart.smtp.mails();
    one_click(&me, &mails[0], &mails[1]).await;
    assert!(log().await.contains("Arrived in a digest"), "the log knows how it went");
    drop(server);
}

fn header<'a>(mail: &'a Value, name: &str) -> Option<&'a str> {
    let headers = mail["headers"].as_array().unwrap();
    headers.iter().find(|header| header[0].as_str().unwrap().eq_ignore_ascii_case(name)).map(|header| header[1].as_str().unwrap())
}

async fn one_click(me: &Me<'_>, death: &Value, digest: &Value) {
    for mail in [death, digest] {
        assert_eq!(header(mail, "Auto-Submitted"), Some("auto-generated"));
        for needed in ["From", "To", "Subject", "Date", "Message-ID", "MIME-Version"] {
            assert!(header(mail, needed).is_some(), "{needed}: {mail}");
        }
        // A relay has nothing to rewrite, so that a signature stays good.
        assert_eq!((&mail["ascii"], &mail["bare_line_ends"]), (&json!(true), &json!(false)), "{mail}");
        assert!(mail["longest_line"].as_u64().unwrap() <= 998, "{mail}");
    }
    assert!(header(death, "List-Unsubscribe").is_none() && header(death, "List-Unsubscribe-Post").is_none(), "digests only");
    assert!(digest["subject"].as_str().unwrap().starts_with("Your connections: "), "{digest}");
    assert_eq!(header(digest, "List-Unsubscribe-Post"), Some("List-Unsubscribe=One-Click"));
    let link = header(digest, "List-Unsubscribe").unwrap().trim_matches(['<', '>']);
    let path = link.strip_prefix("https://sg.example").unwrap_or_else(|| panic!("{link}"));
    assert!(
        path.starts_with("/unsubscribe/sgu_")
            && digest["text"].as_str().unwrap().contains(link)
            && digest["html"].as_str().unwrap().contains(link)
    );
    for _ in 0..3 {
        let page = me.http.get(format!("{}{path}", me.url)).send().await.unwrap();
        assert_eq!((page.status().as_u16(), page.headers()["referrer-policy"].to_str().unwrap()), (200, "same-origin"));
        assert!(page.text().await.unwrap().contains("<form method=\"post\""), "it asks");
    }
    assert_eq!(me.wish(json!({})).await.1["digest"], "daily", "looking changes nothing");
    let click = async |path: &str| {
        let request = me.http.post(format!("{}{path}", me.url)).header("content-type", "application/x-www-form-urlencoded");
        let answer = request.body("List-Unsubscribe=One-Click").send().await.unwrap();
        assert!(!answer.headers().contains_key("set-cookie"));
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    assert_eq!(click("/unsubscribe/sgu_guessed").await.0, 404);
    assert_eq!(me.wish(json!({})).await.1["digest"], "daily");
    for _ in 0..2 {
        let (status, page) = click(path).await;
        assert!(status == 200 && page.contains("The digest is switched off"), "{status} {page}");
    }
    let (_, mine) = me.wish(json!({})).await;
    assert_eq!((&mine["digest"], &mine["no_access_tokens"]), (&json!("off"), &json!(true)), "and nothing else");
}

/// Where the digest was the last that reached somebody, the other admins hear it, and a death takes the ladder.
#[tokio::test]
async fn whoever_is_reached_by_nothing_any_more_is_made_known_to_the_admins() {
    let demo = Demo::start();
    let cookie = demo.sign_in("tobias.kern@fernweh.example").await;
    let tobias = Me { http: client(), url: demo.running.url(), cookie };
    assert_eq!(tobias.wish(json!({ "no_access_tokens": false, "digest": "weekly" })).await.0, 200);
    assert!(!demo.mails().await.iter().any(|mail| mail["to"] == LENA), "the digest is left");
    tobias.wish(json!({ "digest": "off" })).await;
    let mail = demo.mail(LENA, "Tobias Kern gets no mails any more").await;
    assert!(mail["text"].as_str().unwrap().contains("Karl Voss"), "{mail}");
    demo.control("/people/xing/karl.voss/change-password", json!({})).await;
    demo.gone("xing").await;
    demo.mail(LENA, "Karl Voss").await;
    let told =
        async || demo.mails().await.iter().any(|mail| mail["to"] == LENA && mail["subject"].as_str().unwrap().contains("No access tokens"));
    eventually("somebody hears the death", told).await;
    assert!(!demo.mails().await.iter().any(|mail| mail["to"] == "tobias.kern@fernweh.example"));
}

/// A mail server that does not know an address is believed: the next of the ladder hears it at once, and pages say so.
#[tokio::test]
async fn a_refused_address_is_passed_over_and_everybody_can_see_it() {
    let Some(smtp) = Smtp::start() else { return };
    let port = crate::world::free_port();
    let sandbox = Running::start(&["sandbox", "--port", "0"], &[]);
    let apart = Apart { folder: tempfile::tempdir().unwrap(), sandbox, port, smtp, public_url: "" };
    let server = apart.serve();
    let (http, url) = (client(), server.url().to_owned());
    let ada = Me { http: http.clone(), url: &url, cookie: first_admin(&http, &server).await };
    let call = async |method: &str, path: &str, body: Value| -> Value {
        let request = http.request(method.parse().unwrap(), format!("{url}/api/v1{path}")).header("origin", &url);
        request.header("cookie", &ada.cookie).json(&body).send().await.unwrap().json().await.unwrap()
    };
    // Whoever reads why a mail did not go is not whom the link in it was for.
    let blocked = call("POST", "/users", json!({ "email": "blocked@example.com", "name": "Bo Blocked" })).await;
    let key = blocked["invitation"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    eventually("the mail is refused for its link", async || ada.page("/settings/deliveries").await.contains("bad link")).await;
    let log = ada.page("/settings/deliveries").await;
    assert!(!log.contains(&key) && log.contains("/invitation/…"), "{log}");
    let gone = call("POST", "/users", json!({ "email": "gone@example.com", "name": "Gil Gone" })).await;
    let form = [("password", "a-good-long-password"), ("again", "a-good-long-password")];
    let set = http.post(gone["invitation"].as_str().unwrap()).header("origin", &url).form(&form).send().await.unwrap();
    let cookie = set.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let gil = Me { http: http.clone(), url: &url, cookie };
    assert_eq!(gil.wish(json!({ "no_access_tokens": true })).await.0, 200);
    connect(&http, &url, &ada.cookie, &apart, "linkedin", "jana.lindner").await;
    let profiles = call("GET", "/profiles", json!(null)).await;
    for profile in profiles["items"].as_array().unwrap() {
        call("PATCH", &format!("/profiles/{}", profile["id"].as_str().unwrap()), json!({ "owner_id": gone["id"] })).await;
    }
    let revoke = format!("{}/control/api/people/linkedin/jana.lindner/revoke", apart.sandbox.url());
    assert_eq!(http.post(revoke).json(&json!({})).send().await.unwrap().status(), 200);
    let heard = |words: &str| {
        apart.smtp.mails().iter().any(|mail| mail["to"][0] == "ada@example.com" && mail["text"].as_str().unwrap().contains(words))
    };
    eventually("Ada hears it in Gil's place", async || heard("could not be delivered to gone@example.com")).await;
    assert!(heard("invitation"), "and that Gil's invitation, which she sent, did not arrive");
    let id = profiles["items"][0]["id"].as_str().unwrap();
    let page = ada.page(&format!("/settings/profiles/{id}/notifications")).await;
    assert!(page.contains("Mails to the owner are refused.") && page.contains("Ada Admin"), "{page}");
    let page = gil.page("/account").await;
    assert!(page.contains("Mails to gone@example.com are refused since") && page.contains("User unknown"), "{page}");
    // The test mail is the way back; here it is refused as well, and said to nobody else.
    let sent = http.post(format!("{url}/account/test-mail")).header("origin", &url).header("cookie", &gil.cookie).send().await.unwrap();
    assert_eq!(sent.status(), 303);
    eventually("the test mail is refused", async || ada.page("/settings/deliveries").await.matches("Given up after").count() >= 2).await;
    assert!(apart.smtp.mails().iter().all(|mail| mail["subject"] != "Mails from Staygreen reach you"));
}

/// RF-33: an incident of a network is told apart from dead tokens: one message to the admins, none to owners for six hours.
#[tokio::test]
async fn an_outage_is_one_message_to_the_admins_and_none_to_owners_before_six_hours() {
    let demo = Demo::start();
    let me = Me { http: client(), url: demo.running.url(), cookie: demo.admin().await };
    let users = demo.api("GET", "/users", None).await.1;
    let mira = users["items"].as_array().unwrap().iter().find(|user| user["name"] == "Mira Sato").unwrap()["id"].clone();
    for profile in demo.profiles("linkedin").await {
        let path = format!("/profiles/{}", profile["id"].as_str().unwrap());
        assert_eq!(demo.api("PATCH", &path, Some(json!({ "owner_id": mira }))).await.0, 200);
    }
    demo.control("/mood", json!({ "network": "linkedin", "mood": "outage" })).await;
    let subjects = async || -> Vec<(String, String)> {
        let words = |mail: &Value, name: &str| mail[name].as_str().unwrap_or_default().to_owned();
        demo.mails().await.iter().map(|mail| (words(mail, "to"), words(mail, "subject"))).collect()
    };
    let is_told = async |subject: &str| {
        demo.control("/clock", json!({ "advance_seconds": 60 })).await;
        subjects().await.iter().any(|(_, said)| said == subject)
    };
    // The breaker needs five failures; then minutes pass.
    eventually("the admins hear it", async || is_told("LinkedIn does not answer").await).await;
    assert!(!subjects().await.iter().any(|(_, said)| said.starts_with("Cannot be checked")), "owners are spared");
    let log = demo.api("GET", "/events?after=0&limit=500", None).await.1.to_string();
    assert!(log.contains("network.incident_began"), "{log}");
    let page = me.page("/").await;
    assert!(page.contains("Incidents of networks") && page.contains("LinkedIn has not answered since"), "{page}");
    demo.control("/clock", json!({ "advance_seconds": 6 * 3600 })).await;
    eventually("owners hear it", async || subjects().await.iter().any(|(to, said)| to != LENA && said.starts_with("Cannot be checked: ")))
        .await;
    assert!(!subjects().await.iter().any(|(_, said)| said.contains("No access tokens")), "nothing is dead");
    demo.control("/mood", json!({ "network": "linkedin", "mood": "normal" })).await;
    eventually("the all-clear", async || is_told("All clear: LinkedIn answers again").await).await;
    eventually("the owners' all-clear", async || subjects().await.iter().any(|(_, said)| said.starts_with("All clear, can be checked")))
        .await;
    let began = subjects().await.into_iter().filter(|(_, said)| said == "LinkedIn does not answer").map(|(to, _)| to).collect::<Vec<_>>();
    assert_eq!(began, [LENA], "once");
    assert!(!me.page("/").await.contains("LinkedIn has not answered since"));
}
