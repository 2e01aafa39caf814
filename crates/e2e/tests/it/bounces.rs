//! Mails that come back: reported by a mail server's pipe, by a gateway, by the operator.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::authorised::key;
use crate::world::{Demo, client};

const LENA: &str = "lena.arndt@fernweh.example";
const TOBIAS: &str = "tobias.kern@fernweh.example";

/// As Postfix writes it (RFC 3464): the boundary, and the report without the mail around it.
const BOUNDARY: &str = "9B095B5ADA.1/mx.fernweh.example";

fn report(address: &str, message_id: &str, status: &str) -> String {
    let lines = format!(
        "This is a MIME-encapsulated message.\n\n--{BOUNDARY}\nContent-Type: text/plain; charset=us-ascii\n\nI'm sorry to have to inform you\n\n\
         --{BOUNDARY}\nContent-Description: Delivery report\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.fernweh.example\n\n\
         Final-Recipient: rfc822; {address}\nOriginal-Recipient: rfc822;{address}\nAction: failed\nStatus: {status}\n\
         Diagnostic-Code: smtp; 550 {status} <{address}>: Recipient address rejected:\n    User unknown in local recipient table\n\n\
         --{BOUNDARY}\nContent-Type: message/rfc822\n\nFrom: staygreen@fernweh.example\nTo: {address}\nMessage-ID: <{message_id}>\n\n\
         Hello\n\n--{BOUNDARY}--\n"
    );
    lines.replace('\n', "\r\n")
}

/// The mail that a mail server delivers it in.
fn mail(report: &str) -> String {
    format!(
        "Return-Path: <>\r\nFrom: MAILER-DAEMON@mx.fernweh.example\r\nSubject: Undelivered Mail Returned to Sender\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary=\"{BOUNDARY}\"\r\n\r\n{report}"
    )
}

async fn post(demo: &Demo, key: &str, kind: &str, body: String) -> (u16, Value) {
    let request = client().post(format!("{}/api/v1/bounces", demo.running.url())).bearer_auth(key).header("content-type", kind);
    let answer = request.body(body).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

/// `staygreen bounce`, as the pipe of a mail server runs it.
fn bounce(demo: &Demo, key: &str, arguments: &[&str], stdin: &str) -> (Option<i32>, String, String) {
    let mut command = Command::new(crate::world::binary());
    command.arg("bounce").args(arguments).args(["--url", demo.running.url()]).env("STAYGREEN_API_KEY", key);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A command that reads nothing closes it.
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    let done = child.wait_with_output().unwrap();
    (done.status.code(), String::from_utf8(done.stdout).unwrap(), String::from_utf8(done.stderr).unwrap())
}

async fn page(demo: &Demo, cookie: &str, path: &str) -> String {
    client().get(format!("{}{path}", demo.running.url())).header("cookie", cookie).send().await.unwrap().text().await.unwrap()
}

/// Karl Voss, whose owner is Tobias, has no access tokens, and Tobias's mail is out.
async fn dead(demo: &Demo) -> Value {
    demo.control("/people/xing/karl.voss/revoke", json!({})).await;
    demo.gone("xing").await;
    demo.mail(TOBIAS, "Karl Voss").await
}

#[tokio::test]
async fn nf_03_a_mail_that_comes_back_goes_to_the_next_and_everybody_can_see_it() {
    let demo = Demo::start();
    let told = dead(&demo).await;
    let to_lena =
        async || demo.mails().await.iter().any(|mail| mail["to"] == LENA && mail["subject"].as_str().unwrap().contains("Karl Voss"));
    assert!(!to_lena().await, "the owner heard it");
    let (_, may) = key(&demo, &["bounces:report"]).await;
    let came_back = mail(&report(TOBIAS, told["message_id"].as_str().unwrap(), "5.1.1"));

    // By keys that may not, and about mails that were never sent: nothing.
    assert_eq!(post(&demo, &key(&demo, &["users:manage"]).await.1, "message/rfc822", came_back.clone()).await.0, 403);
    assert_eq!(client().post(format!("{}/api/v1/bounces", demo.running.url())).body("x").send().await.unwrap().status(), 401);
    let forged = mail(&report(TOBIAS, "msg_00000000000000000000000000000001@fernweh.example", "5.1.1"));
    let (status, answer) = post(&demo, &may, "message/rfc822", forged).await;
    assert_eq!(
        (status, &answer["items"]),
        (200, &json!([{ "address": TOBIAS, "outcome": "unknown", "user_id": null, "message_id": null }]))
    );
    let of_another = mail(&report(LENA, told["message_id"].as_str().unwrap(), "5.1.1"));
    assert_eq!(post(&demo, &may, "message/rfc822", of_another).await.1["items"][0]["outcome"], "unknown");
    let away = "From: tobias.kern@fernweh.example\r\nSubject: Out of office\r\nContent-Type: text/plain\r\n\r\nI am away.".to_owned();
    assert_eq!(post(&demo, &may, "message/rfc822", away.clone()).await, (200, json!({ "items": [] })));
    assert!(bounce(&demo, &may, &[], &away).1.contains("no mail server's report"));
    assert!(!to_lena().await);

    // The pipe of a mail server.
    let (code, words, error) = bounce(&demo, &may, &[], &came_back);
    assert_eq!((code, words.trim()), (Some(0), &*format!("{TOBIAS}: refused; it is passed over from now on")), "{error}");
    let mail = demo.mail(LENA, "Karl Voss").await;
    assert!(mail["text"].as_str().unwrap().contains(&format!("could not be delivered to {TOBIAS}")), "{mail}");
    let admin = demo.admin().await;
    let log = page(&demo, &admin, "/settings/deliveries").await;
    assert!(log.contains("and it came back: 550 5.1.1") && log.contains("User unknown in local recipient table"), "{log}");
    let karl = demo.profile_named("xing", "Karl Voss").await["id"].as_str().unwrap().to_owned();
    let hears = page(&demo, &admin, &format!("/settings/profiles/{karl}/notifications")).await;
    assert!(hears.contains("Mails to the owner are refused."), "{hears}");
    let tobias = demo.sign_in(TOBIAS).await;
    let users = page(&demo, &admin, "/settings/users").await;
    assert_eq!(users.matches("Mails to this address do not arrive").count(), 1, "{users}");
    // He reads German.
    let account = page(&demo, &tobias, "/account").await;
    assert!(account.contains(&format!("Mails an {TOBIAS} werden seit")) && account.contains("User unknown"), "{account}");
    // Who said so stands in the history.
    let events = demo.api("GET", &format!("/events?profile={karl}&limit=500"), None).await.1;
    let failed = events["items"].as_array().unwrap().iter().find(|event| event["kind"] == "notification.failed").unwrap();
    assert_eq!(failed["actor"]["kind"], "api_key", "{failed}");
    // Again, as the report alone: the same answer, nothing new.
    let kind = format!("multipart/report; report-type=delivery-status; boundary=\"{BOUNDARY}\"");
    let (status, answer) = post(&demo, &may, &kind, report(TOBIAS, told["message_id"].as_str().unwrap(), "5.1.1")).await;
    assert_eq!((status, &answer["items"][0]["outcome"]), (200, &json!("refused")), "{answer}");
    let count =
        demo.mails().await.iter().filter(|mail| mail["to"] == LENA && mail["subject"].as_str().unwrap().contains("Karl Voss")).count();
    assert_eq!(count, 1, "told once");
}

#[tokio::test]
async fn a_gateway_says_an_address_and_gets_a_plain_answer() {
    let demo = Demo::start();
    dead(&demo).await;
    let (_, may) = key(&demo, &["bounces:report"]).await;
    let said = async |body: Value| post(&demo, &may, "application/json", body.to_string()).await;
    let (status, answer) = said(json!({ "address": "nobody@fernweh.example", "kind": "permanent" })).await;
    assert_eq!((status, &answer["items"][0]["outcome"]), (200, &json!("unknown")), "{answer}");
    let (status, answer) = said(json!({ "address": TOBIAS, "kind": "temporary", "reason": "mailbox full" })).await;
    assert_eq!((status, &answer["items"][0]["outcome"]), (200, &json!("not_delivered")), "{answer}");
    for (wrong, field) in [
        (json!({ "kind": "permanent" }), "address"),
        (json!({ "address": "nobody", "kind": "permanent" }), "address"),
        (json!({ "address": TOBIAS }), "kind"),
        (json!({ "address": TOBIAS, "kind": "hard" }), "kind"),
        (json!({ "address": TOBIAS, "kind": "permanent", "message_id": "<8a7b@relay.example>" }), "message_id"),
    ] {
        let (status, problem) = said(wrong).await;
        assert_eq!((status, problem["field"].as_str()), (422, Some(field)), "{problem}");
    }
    assert_eq!(post(&demo, &may, "text/plain", "x".into()).await.0, 415);
    assert_eq!(post(&demo, &may, "message/rfc822", "x".repeat(300_000)).await.0, 413);
    assert!(!demo.mails().await.iter().any(|mail| mail["to"] == LENA && mail["subject"].as_str().unwrap().contains("Karl Voss")));

    // The operator, with an address alone: what matters still goes on.
    let (code, words, error) = bounce(&demo, &may, &["--address", &TOBIAS.to_uppercase(), "--reason", "550 5.1.1 User unknown"], "");
    assert!(code == Some(0) && words.contains("passed over from now on"), "{words}{error}");
    demo.mail(LENA, "Karl Voss").await;
    assert_eq!(bounce(&demo, "sg_wrong", &["--address", TOBIAS], "").0, Some(1));
    assert_eq!(bounce(&demo, &may, &["--temporary"], "").0, Some(2), "wrong usage");
}

async fn send(demo: &Demo, cookie: &str, path: &str, form: &[(&str, &str)]) -> u16 {
    let url = demo.running.url();
    let request = client().post(format!("{url}{path}")).header("cookie", cookie).header("origin", url).form(form);
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn nf_03_who_sent_a_link_to_an_address_that_does_not_exist_is_told() {
    let demo = Demo::start();
    let tobias = demo.sign_in(TOBIAS).await;
    let karl = demo.profile_named("xing", "Karl Voss").await["id"].as_str().unwrap().to_owned();
    let (nobody, newcomer) = ("karl.voss@fernweh.invalid", "newcomer@fernweh.invalid");
    assert_eq!(send(&demo, &tobias, &format!("/settings/profiles/{karl}/renewal-link"), &[("email", nobody)]).await, 200);
    let link = demo.mail(nobody, "Karl Voss").await;
    let (_, may) = key(&demo, &["bounces:report"]).await;
    // The server quotes the link that it does not like.
    let at = link["text"].as_str().unwrap().split_whitespace().find(|word| word.contains("/renew/")).unwrap();
    let key = at.rsplit('/').next().unwrap();
    let quoting = format!("local recipient table\n    of mails with <{at}> or {}\n    {}", &at[..at.len() - 40], &at[at.len() - 40..]);
    let came_back =
        report(nobody, link["message_id"].as_str().unwrap(), "5.1.1").replace("local recipient table", &quoting.replace('\n', "\r\n"));
    assert_eq!(post(&demo, &may, "message/rfc822", mail(&came_back)).await.1["items"][0]["outcome"], "refused");
    // He reads German.
    let told = demo.mail(TOBIAS, "nicht angekommen").await;
    let text = told["text"].as_str().unwrap();
    assert!(text.contains(nobody) && text.contains("Karl Voss") && text.contains("User unknown"), "{text}");
    assert!(text.contains(&format!("/settings/profiles/{karl}/renewal-link")) && !text.contains("/renew/"), "{text}");
    let forecast = page(&demo, &tobias, "/forecast?weeks=13&by=person").await;
    assert!(forecast.contains("Die Mail ist nicht angekommen: ") && forecast.contains("User unknown"), "{forecast}");
    let links = demo.api("GET", "/renewal-links", None).await.1;
    assert!(links["items"][0]["not_arrived"].as_str().unwrap().contains("User unknown"), "{links}");
    let log = page(&demo, &demo.admin().await, "/settings/deliveries").await;
    assert!(log.contains("of mails with") && log.contains("/renew/…"), "{log}");
    let history = demo.api("GET", &format!("/events?profile={karl}&limit=500"), None).await.1.to_string();
    assert!(history.contains("of mails with <"), "{history}");
    for shown in [&text.to_owned(), &forecast, &links.to_string(), &log, &history] {
        assert!(!shown.contains(key) && !shown.contains(&key[key.len() - 40..]), "{shown}");
    }

    // A gateway names the address alone.
    let admin = demo.admin().await;
    let form = [("email", newcomer), ("name", "Newcomer"), ("role", "standard_user"), ("language", "en")];
    assert_eq!(send(&demo, &admin, "/settings/users", &form).await, 200);
    demo.mail(newcomer, "invited").await;
    let said = json!({ "address": newcomer, "kind": "permanent", "reason": "550 5.1.1 No such user" }).to_string();
    assert_eq!(post(&demo, &may, "application/json", said).await.1["items"][0]["outcome"], "refused");
    let told = demo.mail(LENA, &format!("Your invitation to {newcomer} did not arrive")).await;
    assert!(told["text"].as_str().unwrap().contains("550 5.1.1 No such user"), "{told}");
}
