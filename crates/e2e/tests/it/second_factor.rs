//! The second factor of a sign-in: set up in a browser, asked for after the password, and everything that can be typed wrong.

use lifecycle::secret::Secret;
use lifecycle::time::{Span, Timestamp};
use reqwest::{Client, Response};
use serde_json::{Value, json};
use server::auth::totp::code_at;

use crate::browser::Browser;
use crate::story::accessible;
use crate::world::{Demo, Running, client};

const PAGE: &str = "/account/second-factor";

/// Somebody at a browser that keeps cookies, without one.
struct Visitor {
    http: Client,
    url: String,
    cookie: String,
}

impl Visitor {
    fn new(url: &str) -> Self {
        Self { http: client(), url: url.to_owned(), cookie: String::new() }
    }

    async fn get(&self, path: &str) -> Response {
        self.http.get(format!("{}{path}", self.url)).header("cookie", &self.cookie).send().await.unwrap()
    }

    async fn post(&self, path: &str, form: &[(&str, &str)]) -> Response {
        let request = self.http.post(format!("{}{path}", self.url)).header("origin", &self.url).header("cookie", &self.cookie);
        request.form(form).send().await.unwrap()
    }

    /// Takes the cookie of an answer.
    fn keep(&mut self, answer: &Response) {
        self.cookie = answer.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    }

    /// With the password alone; where that leads.
    async fn password(&mut self, email: &str, password: &str) -> String {
        let answer = self.post("/sign-in", &[("email", email), ("password", password), ("next", "/forecast")]).await;
        assert_eq!(answer.status(), 303);
        self.keep(&answer);
        answer.headers()["location"].to_str().unwrap().to_owned()
    }

    /// The second step: status, and the page where it was not taken.
    async fn code(&mut self, code: &str) -> (u16, String) {
        let answer = self.post("/sign-in/code", &[("code", code), ("next", "/forecast")]).await;
        let status = answer.status().as_u16();
        if status == 303 && answer.headers().contains_key("set-cookie") {
            self.keep(&answer);
        }
        (status, answer.text().await.unwrap())
    }

    async fn is_in(&self) -> bool {
        self.get("/account").await.status() == 200
    }
}

/// What the demo's clock says: it goes with the simulated networks'.
async fn now(demo: &Demo, ahead: i64) -> Timestamp {
    let moved = demo.control("/clock", json!({ "advance_seconds": ahead })).await;
    let at = &moved["now"];
    at.as_i64().map(Timestamp::from_seconds).unwrap_or_else(|| panic!("no time in {moved}"))
}

fn between<'a>(page: &'a str, before: &str, after: &str) -> &'a str {
    page.split_once(before).and_then(|(_, rest)| rest.split_once(after)).unwrap_or_else(|| panic!("no {before} in {page}")).0
}

/// The key that the page shows.
fn key(page: &str) -> Secret {
    Secret::new(between(page, "<code class=\"copy\">", "</code>").replace(' ', ""))
}

fn recovery_codes(page: &str) -> Vec<String> {
    between(page, "<ul class=\"codes\">", "</ul>").split("<code>").skip(1).map(|rest| rest.split('<').next().unwrap().to_owned()).collect()
}

/// Sets it up; the key, the recovery codes, and when the code was shown that proved it.
async fn set_up(demo: &Demo, lena: &Visitor) -> (Secret, Vec<String>, Timestamp) {
    let password = demo.text("password");
    assert_eq!(lena.post(PAGE, &[("do", "begin"), ("password", &password)]).await.status(), 303);
    let secret = key(&lena.get(PAGE).await.text().await.unwrap());
    let at = now(demo, 0).await;
    let page = lena.post(PAGE, &[("do", "confirm"), ("code", &code_at(&secret, at).unwrap())]).await;
    assert_eq!(page.status(), 200);
    let codes = recovery_codes(&page.text().await.unwrap());
    (secret, codes, at)
}

#[tokio::test]
async fn a_second_factor_is_set_up_in_a_browser_and_asked_for_afterwards() {
    let Some(browser) = Browser::start().await else { return };
    let demo = Demo::start();
    let url = demo.running.url();
    crate::story::sign_in(&browser, &demo).await;
    browser.goto(&format!("{url}/account")).await;
    browser.go("Set up a second factor").await;
    browser.fill("Password", "not the password").await;
    browser.go("Set up a second factor").await;
    browser.see("is not right").await;
    browser.fill("Password", &demo.text("password")).await;
    browser.go("Set up a second factor").await;
    browser.see("1. Scan with your app").await;
    // The QR code is drawn under our own Content-Security-Policy, square, black on white whatever the theme.
    let drawn = browser.run("const r = document.querySelector('svg.qr').getBoundingClientRect(); return [r.width, r.height, getComputedStyle(document.querySelector('svg.qr rect')).fill]").await;
    assert_eq!(drawn, json!([232, 232, "rgb(255, 255, 255)"]));
    accessible(&browser, "second-factor-scan").await;
    let shown = browser.run("return document.querySelector('code.copy').innerText").await;
    let secret = Secret::new(shown.as_str().unwrap().replace(' ', ""));
    browser.fill("Code from your app", &code_at(&secret, now(&demo, 0).await).unwrap()).await;
    browser.press("Switch on").await;
    browser.see("Your recovery codes").await;
    accessible(&browser, "second-factor-codes").await;
    let codes = browser.run("return [...document.querySelectorAll('ul.codes code')].map(code => code.innerText)").await;
    assert_eq!(codes.as_array().unwrap().len(), 10);
    browser.go("I have kept them").await;
    browser.press("LA").await;
    browser.press("Sign out").await;
    browser.fill("Email", "lena.arndt@fernweh.example").await;
    browser.fill("Password", &demo.text("password")).await;
    browser.press("Sign in").await;
    browser.see("Your code").await;
    accessible(&browser, "sign-in-code").await;
    browser.fill("Code from your app, or a recovery code", "000 000").await;
    browser.press("Sign in").await;
    browser.see("That code is wrong").await;
    browser.fill("Code from your app, or a recovery code", &codes[0].as_str().unwrap().to_lowercase()).await;
    browser.press("Sign in").await;
    browser.see("Your connections").await;
    browser.goto(&format!("{url}{PAGE}")).await;
    browser.see("Recovery codes left: 9").await;
}

#[tokio::test]
async fn a_code_works_once_a_recovery_code_works_once_and_the_password_alone_never() {
    let demo = Demo::start();
    let (url, password) = (demo.running.url(), demo.text("password"));
    let mut lena = Visitor::new(url);
    lena.cookie = demo.admin().await;
    let mut elsewhere = Visitor::new(url);
    elsewhere.cookie = demo.admin().await;
    assert_eq!(lena.post(PAGE, &[("do", "begin"), ("password", "wrong")]).await.status(), 422);
    assert_eq!(lena.post(PAGE, &[("do", "confirm"), ("code", "123456")]).await.status(), 422, "nothing was begun");
    let (secret, codes, proved_at) = set_up(&demo, &lena).await;
    assert!(codes.len() == 10 && codes.iter().all(|code| code.len() == 19), "{codes:?}");
    assert!(lena.is_in().await && !elsewhere.is_in().await, "a browser that never showed a code is signed out");
    assert_eq!(lena.post(PAGE, &[("do", "begin"), ("password", &password)]).await.status(), 422, "not overwritten");
    // Tools are not asked.
    assert_eq!(demo.api("GET", "/profiles", None).await.0, 200);

    let email = demo.text("user");
    let mut mallory = Visitor::new(url);
    assert_eq!(mallory.password(&email, &password).await, "/sign-in/code?next=%2Fforecast");
    assert!(!mallory.is_in().await, "the password alone opens nothing");
    assert_eq!(mallory.get("/api/v1/me/notifications").await.status(), 401);
    let used = code_at(&secret, proved_at).unwrap();
    assert_eq!(mallory.code(&used).await.0, 401, "that code was used");
    let far = code_at(&secret, proved_at + Span::minutes(5)).unwrap();
    assert_eq!(mallory.code(&far).await.0, 401, "a clock that is minutes wrong");
    assert!(!mallory.is_in().await);

    // A phone that is half a minute ahead.
    let ahead = code_at(&secret, now(&demo, 60).await + Span::seconds(30)).unwrap();
    let mut lena = Visitor::new(url);
    lena.password(&email, &password).await;
    assert_eq!(lena.code(&format!(" {} {}", &ahead[..3], &ahead[3..])).await.0, 303);
    assert!(lena.is_in().await);
    mallory.password(&email, &password).await;
    assert_eq!(mallory.code(&ahead).await.0, 401, "seen over a shoulder, and too late");
    let step = mallory.cookie.clone();
    assert_eq!(mallory.code(&codes[3]).await.0, 303, "whoever has a recovery code comes in, once");
    mallory.cookie = step;
    assert_eq!(mallory.get("/sign-in/code").await.headers()["location"], "/sign-in", "the step is used up");
    mallory.password(&email, &password).await;
    assert_eq!(mallory.code(&codes[3]).await.0, 401);
    let log = demo.api("GET", "/events?after=0&limit=500", None).await.1.to_string();
    for what in ["\"second_factor\":\"on\"", "\"second_factor\":\"recovery_code_used\""] {
        assert!(log.contains(what), "{what}: {log}");
    }
    for secret in codes.iter().map(|code| code.replace('-', "")).chain([secret.expose().to_owned()]) {
        assert!(!log.contains(&secret));
    }
}

#[tokio::test]
async fn guessing_locks_and_an_admin_helps_whoever_lost_everything() {
    let demo = Demo::start();
    let (url, password, email) = (demo.running.url(), demo.text("password"), demo.text("user"));
    let mut lena = Visitor::new(url);
    lena.cookie = demo.admin().await;
    let (secret, codes, _) = set_up(&demo, &lena).await;
    let mut mallory = Visitor::new(url);
    for _ in 0..4 {
        // A new sign-in forgets nothing.
        mallory.password(&email, &password).await;
        let (status, page) = mallory.code("000000").await;
        assert!(status == 401 && page.contains("That code is wrong"), "{status} {page}");
    }
    assert!(mallory.code("000000").await.1.contains("Too many wrong codes"));
    let right = code_at(&secret, now(&demo, 60).await).unwrap();
    assert!(mallory.code(&right).await.1.contains("Too many wrong codes"), "nor is a right one looked at");
    assert!(mallory.code(&codes[0]).await.1.contains("Too many wrong codes"));
    assert!(lena.is_in().await, "who is in stays in");
    now(&demo, 16 * 60).await;
    mallory.password(&email, &password).await;
    let right = code_at(&secret, now(&demo, 0).await).unwrap();
    assert_eq!(mallory.code(&right).await.0, 303, "after a quarter of an hour it is");

    // Nobody resets their own, no tool resets anybody's, another admin does.
    let users = demo.api("GET", "/users", None).await.1;
    let of = |email: &str| users["items"].as_array().unwrap().iter().find(|user| user["email"] == email).cloned().unwrap();
    assert_eq!(of(&email)["second_factor"], true);
    let id = of(&email)["id"].as_str().unwrap().to_owned();
    assert_eq!(demo.api("DELETE", &format!("/users/{id}/second-factor"), None).await.0, 403);
    assert_eq!(lena.post(&format!("/settings/users/{id}"), &[("do", "reset_second_factor")]).await.status(), 403);
    let (_, invited) = demo.api("POST", "/users", Some(json!({ "email": "nora@fernweh.example", "name": "Nora Admin" }))).await;
    let nora_id = invited["id"].as_str().unwrap().to_owned();
    let mut nora = Visitor::new(url);
    let link = invited["invitation"].as_str().unwrap().strip_prefix(url).unwrap().to_owned();
    let answer = nora.post(&link, &[("password", "a-good-long-password")]).await;
    nora.keep(&answer);
    assert_eq!(nora.post(&format!("/settings/users/{id}"), &[("do", "reset_second_factor")]).await.status(), 403, "not an admin");
    let made = lena.post(&format!("/settings/users/{nora_id}"), &[("role", "company_admin"), ("disabled", "")]).await;
    assert_eq!(made.status(), 303);
    let page = nora.get("/settings/users").await.text().await.unwrap();
    assert!(page.contains("Reset second factor: Lena Arndt"), "{page}");
    assert_eq!(nora.post(&format!("/settings/users/{id}"), &[("do", "reset_second_factor")]).await.status(), 303);
    assert!(!lena.is_in().await, "her sessions are over");
    assert_eq!(lena.password(&email, &password).await, "/forecast", "and the password is enough again");
    assert!(demo.api("GET", "/events?after=0&limit=500", None).await.1.to_string().contains("\"second_factor\":\"reset\""));
}

#[tokio::test]
async fn what_the_operator_demands_of_admins_comes_before_everything_else() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("staygreen.toml");
    let config = format!(
        "[server]\nlisten = \"127.0.0.1:0\"\ndata_dir = \"{}\"\nsecond_factor = \"admins\"\n",
        folder.path().join("data").display()
    );
    std::fs::write(&file, config).unwrap();
    let server = Running::start(&["serve", "--config", file.to_str().unwrap()], &[]);
    let mut ada = Visitor::new(server.url());
    let password = "a sentence is a good password";
    let setup = server.ready["setup_url"].as_str().unwrap().strip_prefix(server.url()).unwrap().to_owned();
    let answer = ada.post(&setup, &[("name", "Ada Admin"), ("email", "ada@example.com"), ("password", password)]).await;
    ada.keep(&answer);
    for path in ["/", "/settings/users", "/account"] {
        assert_eq!(ada.get(path).await.headers()["location"], PAGE, "{path}");
    }
    let refused = ada.get("/api/v1/users").await;
    assert_eq!(refused.status(), 403);
    assert_eq!(refused.json::<Value>().await.unwrap()["reason"], "second_factor_missing");
    assert!(ada.get(PAGE).await.text().await.unwrap().contains("demands a second factor of you"));
    assert_eq!(ada.post(PAGE, &[("do", "begin"), ("password", password)]).await.status(), 303);
    let secret = key(&ada.get(PAGE).await.text().await.unwrap());
    let shown = code_at(&secret, machine_time() + Span::seconds(30)).unwrap();
    assert_eq!(ada.post(PAGE, &[("do", "confirm"), ("code", &shown)]).await.status(), 200);
    assert_eq!(ada.get("/").await.status(), 200);
    assert_eq!(ada.post("/sign-out", &[]).await.status(), 303, "the way out is always open");
}

/// The only admin lost phone and recovery codes: whoever has a shell on the server helps. SQLite serves one process, so the server is
/// stopped for that moment.
#[tokio::test]
async fn the_operator_takes_a_lost_second_factor_away_from_the_command_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("staygreen.toml");
    let data = folder.path().join("data");
    std::fs::write(&file, format!("[server]\nlisten = \"127.0.0.1:0\"\ndata_dir = \"{}\"\n", data.display())).unwrap();
    let config = file.to_str().unwrap();
    let mut server = Running::start(&["serve", "--config", config], &[]);
    let (email, password) = ("ada@example.com", "a sentence is a good password");
    let mut ada = Visitor::new(server.url());
    let setup = server.ready["setup_url"].as_str().unwrap().strip_prefix(server.url()).unwrap().to_owned();
    let answer = ada.post(&setup, &[("name", "Ada Admin"), ("email", email), ("password", password)]).await;
    ada.keep(&answer);
    assert_eq!(ada.post(PAGE, &[("do", "begin"), ("password", password)]).await.status(), 303);
    let secret = key(&ada.get(PAGE).await.text().await.unwrap());
    let shown = code_at(&secret, machine_time()).unwrap();
    let codes = recovery_codes(&ada.post(PAGE, &[("do", "confirm"), ("code", &shown)]).await.text().await.unwrap());
    let mut elsewhere = Visitor::new(server.url());
    assert_eq!(elsewhere.password(email, password).await, "/sign-in/code?next=%2Fforecast");

    let reset = |who: &str| {
        let mut command = std::process::Command::new(crate::world::binary());
        let output = command.args(["user", "reset-second-factor", who, "--config", config, "--json"]).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    server.ask_to_stop();
    server.wait();
    let (code, said, why) = reset("eve@example.com");
    assert!(code == Some(1) && said.is_empty() && why.contains("no user with the address eve@example.com"), "{code:?} {said} {why}");
    let (code, said, why) = reset("ADA@example.com");
    let said: Value = serde_json::from_str(&said).unwrap_or_else(|_| panic!("{said} {why}"));
    assert_eq!((code, &said["second_factor"], &said["was_on"]), (Some(0), &json!(false), &json!(true)), "{said}");
    assert!(!reset(email).1.contains("\"was_on\":true"), "there is none any more");
    let server = Running::start(&["serve", "--config", config], &[]);
    (ada.url, elsewhere.url) = (server.url().to_owned(), server.url().to_owned());
    assert!(!ada.is_in().await, "her sessions are over");
    assert_eq!(elsewhere.get("/sign-in/code").await.headers()["location"], "/sign-in", "so is a sign-in that waits for a code");
    assert_eq!(ada.password(email, password).await, "/forecast", "the password is enough");
    let page = ada.get(PAGE).await.text().await.unwrap();
    assert!(page.contains("name=\"password\"") && !page.contains("Recovery codes left"), "it can be set up anew: {page}");
    assert_eq!(ada.post(PAGE, &[("do", "codes"), ("code", &codes[0])]).await.status(), 422, "the old recovery codes are gone");
}

#[expect(clippy::disallowed_methods, reason = "the machine's clock, as the running server reads it")]
fn machine_time() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap();
    Timestamp::from_seconds(i64::try_from(since.as_secs()).unwrap())
}
