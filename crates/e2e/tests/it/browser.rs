//! Headless Chromium through chromedriver's own protocol (W3C WebDriver: plain HTTP and JSON).

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use serde_json::{Value, json};

use crate::world::client;

/// How long a busy machine may take for anything.
const LONG: Duration = Duration::from_mins(1);

const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

pub(crate) struct Browser {
    driver: Child,
    session: String,
    http: reqwest::Client,
    /// Everything it writes: its profile, and what it takes for the machine's temporary folder.
    folder: Option<tempfile::TempDir>,
}

impl Drop for Browser {
    /// Nothing of it is left, neither a process nor a file.
    fn drop(&mut self) {
        let _ = Command::new("pkill").args(["-P", &self.driver.id().to_string()]).status();
        let _ = self.driver.kill();
        let _ = self.driver.wait();
        let Some(folder) = self.folder.take().map(tempfile::TempDir::keep) else { return };
        // Its processes end one after another, and write until then.
        let began = Instant::now();
        while folder.exists() && std::fs::remove_dir_all(&folder).is_err() && began.elapsed() < LONG {
            std::thread::sleep(Duration::from_millis(50));
        }
        assert!(!folder.exists() || std::thread::panicking(), "{} cannot be removed", folder.display());
    }
}

impl Browser {
    /// A fresh browser; `None`, loudly, when there is none here.
    pub(crate) async fn start() -> Option<Self> {
        let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).unwrap().port();
        let folder = tempfile::tempdir().unwrap();
        let temporary = folder.path().join("tmp");
        std::fs::create_dir(&temporary).unwrap();
        let spawned = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .env("TMPDIR", &temporary)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let Ok(driver) = spawned else {
            crate::skipped("the browser tests: chromedriver is not installed (Debian: chromium-driver)");
            return None;
        };
        let http = client();
        let base = format!("http://127.0.0.1:{port}");
        let data = format!("--user-data-dir={}", folder.path().join("profile").display());
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            // As on a phone: bars that take room would be cut out of pictures.
            "--hide-scrollbars",
            "--window-size=1280,900",
            "--accept-lang=en",
            &data,
        ];
        let wanted = json!({ "capabilities": { "alwaysMatch": { "goog:chromeOptions": { "args": arguments } } } });
        let began = Instant::now();
        loop {
            if let Ok(answer) = http.post(format!("{base}/session")).json(&wanted).send().await {
                let answer: Value = answer.json().await.unwrap();
                let id = answer["value"]["sessionId"].as_str().unwrap_or_else(|| panic!("no browser: {answer}"));
                return Some(Self { driver, session: format!("{base}/session/{id}"), http, folder: Some(folder) });
            }
            assert!(began.elapsed() < LONG, "chromedriver does not answer");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn post(&self, path: &str, body: Value) -> Result<Value, String> {
        let answer = self.http.post(format!("{}/{path}", self.session)).json(&body).send().await.unwrap();
        let good = answer.status().is_success();
        let value: Value = answer.json().await.unwrap();
        if good { Ok(value["value"].clone()) } else { Err(value["value"]["message"].as_str().unwrap_or_default().to_owned()) }
    }

    async fn get(&self, path: &str) -> Value {
        let answer: Value = self.http.get(format!("{}/{path}", self.session)).send().await.unwrap().json().await.unwrap();
        answer["value"].clone()
    }

    pub(crate) async fn goto(&self, url: &str) {
        self.post("url", json!({ "url": url })).await.unwrap();
    }

    pub(crate) async fn url(&self) -> String {
        self.get("url").await.as_str().unwrap().to_owned()
    }

    /// What a person reads; nothing while one page goes and the next one comes.
    pub(crate) async fn text(&self) -> String {
        let read = json!({ "script": "return document.body?.innerText", "args": [] });
        let read = self.post("execute/sync", read).await.unwrap_or_default();
        read.as_str().unwrap_or_default().to_owned()
    }

    pub(crate) async fn run(&self, script: &str) -> Value {
        self.post("execute/sync", json!({ "script": script, "args": [] })).await.unwrap()
    }

    async fn find(&self, xpath: &str) -> String {
        let began = Instant::now();
        loop {
            match self.post("element", json!({ "using": "xpath", "value": xpath })).await {
                Ok(found) => return found[ELEMENT].as_str().unwrap().to_owned(),
                Err(why) if began.elapsed() > LONG => {
                    panic!("{xpath} is not on {}: {why}\n{}", self.url().await, self.text().await)
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    }

    /// Presses a link, button or menu by the words on it.
    pub(crate) async fn press(&self, words: &str) {
        self.press_in("", words).await;
    }

    /// The same within the part of the page that an XPath names.
    pub(crate) async fn press_in(&self, part: &str, words: &str) {
        let xpath = format!(
            "({part}//*[self::a or self::button or self::summary][normalize-space(.)='{words}' or @aria-label='{words}' or .//*[normalize-space(.)='{words}']])[1]"
        );
        self.click(&xpath).await;
    }

    /// Presses what leads to another page, and waits for that page: also where it says the same as the one before.
    pub(crate) async fn go(&self, words: &str) {
        self.go_in("", words).await;
    }

    /// The same within the part of the page that an XPath names.
    pub(crate) async fn go_in(&self, part: &str, words: &str) {
        self.run("window.before = true").await;
        self.press_in(part, words).await;
        self.wait_for(&format!("\"{words}\" leads to no other page"), "return !window.before && document.readyState === 'complete'").await;
    }

    /// Waits until a script says yes; between two pages none runs.
    async fn wait_for(&self, otherwise: &str, script: &str) {
        let began = Instant::now();
        while self.post("execute/sync", json!({ "script": script, "args": [] })).await != Ok(json!(true)) {
            assert!(began.elapsed() < LONG, "{otherwise}: {}\n{}", self.url().await, self.text().await);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Clicks on what an XPath names. What a page replaces between finding and clicking, as live parts do, is found again.
    async fn click(&self, xpath: &str) {
        let began = Instant::now();
        loop {
            let element = self.find(xpath).await;
            match self.post(&format!("element/{element}/click"), json!({})).await {
                Ok(_) => return,
                Err(why) => {
                    let is_replaced = why.contains("stale element") || why.contains("does not belong to the document");
                    assert!(is_replaced && began.elapsed() < LONG, "{xpath} cannot be clicked: {why}");
                }
            }
        }
    }

    /// Types into the field with that label.
    pub(crate) async fn fill(&self, label: &str, text: &str) {
        let element = self.find(&format!("//*[@id=//label[normalize-space(.)='{label}']/@for]")).await;
        self.post(&format!("element/{element}/clear"), json!({})).await.unwrap();
        self.post(&format!("element/{element}/value"), json!({ "text": text })).await.unwrap();
    }

    /// Chooses an option of the list with that label, by its words.
    pub(crate) async fn choose(&self, label: &str, option: &str) {
        let list = format!("//select[@id=//label[normalize-space(.)='{label}']/@for]");
        self.click(&format!("{list}/option[normalize-space(.)='{option}']")).await;
    }

    /// The words of what is chosen in the list with that label.
    pub(crate) async fn chosen(&self, label: &str) -> String {
        let element = self.find(&format!("//select[@id=//label[normalize-space(.)='{label}']/@for]/option[@selected]")).await;
        self.get(&format!("element/{element}/text")).await.as_str().unwrap_or_default().to_owned()
    }

    /// Pages run no scripts any more, as somebody has it who switched them off.
    pub(crate) async fn forbid_scripts(&self) {
        self.command("Emulation.setScriptExecutionDisabled", json!({ "value": true })).await;
    }

    /// Keys, as a person without a mouse presses them; `\u{e004}` is Tab, `\u{e007}` Enter (W3C WebDriver 17.4.2).
    pub(crate) async fn keys(&self, keys: &str) {
        let actions: Vec<Value> = keys
            .chars()
            .flat_map(|key| [json!({ "type": "keyDown", "value": key.to_string() }), json!({ "type": "keyUp", "value": key.to_string() })])
            .collect();
        self.post("actions", json!({ "actions": [{ "type": "key", "id": "keyboard", "actions": actions }] })).await.unwrap();
    }

    /// The words on what has the focus.
    pub(crate) async fn focused(&self) -> String {
        let script = "const at = document.activeElement; return at.getAttribute('aria-label') || at.innerText || ''";
        self.run(script).await.as_str().unwrap_or_default().trim().to_owned()
    }

    /// Presses Tab until what has the focus says this.
    pub(crate) async fn tab_to(&self, words: &str) {
        for _ in 0..80 {
            self.keys("\u{e004}").await;
            if self.focused().await == words {
                return;
            }
        }
        panic!("\"{words}\" cannot be reached by keyboard on {}:\n{}", self.url().await, self.text().await);
    }

    /// Waits until a person reads these words.
    pub(crate) async fn see(&self, words: &str) {
        let began = Instant::now();
        while !self.text().await.contains(words) {
            assert!(began.elapsed() < LONG, "\"{words}\" is not on {}:\n{}", self.url().await, self.text().await);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Waits until there is a page on which nobody reads these words.
    pub(crate) async fn no_longer_see(&self, words: &str) {
        let began = Instant::now();
        loop {
            let text = self.text().await;
            if !text.is_empty() && !text.contains(words) {
                return;
            }
            assert!(began.elapsed() < LONG, "\"{words}\" is still on {}:\n{}", self.url().await, self.text().await);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// A picture of the page, for people, in `target/screenshots`.
    pub(crate) async fn picture(&self, name: &str) {
        let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("screenshots");
        std::fs::create_dir_all(&folder).unwrap();
        let began = Instant::now();
        let picture = loop {
            let picture = self.get("screenshot").await;
            if let Some(picture) = picture.as_str() {
                break picture.to_owned();
            }
            // A machine with much to do does not always draw in time.
            assert!(began.elapsed() < LONG, "no picture of {name}: {picture}");
        };
        let bytes = base64::engine::general_purpose::STANDARD.decode(picture).unwrap();
        std::fs::write(folder.join(format!("{name}.png")), bytes).unwrap();
    }

    /// A command of the browser's own protocol (CDP), where WebDriver has none.
    async fn command(&self, command: &str, parameters: Value) -> Value {
        self.post("goog/cdp/execute", json!({ "cmd": command, "params": parameters })).await.unwrap()
    }

    /// Prefers light or dark, and a language, as the system's settings would.
    pub(crate) async fn look(&self, dark: bool, language: &str) {
        let shade = if dark { "dark" } else { "light" };
        let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": shade }] });
        self.command("Emulation.setEmulatedMedia", media).await;
        let agent = self.run("return navigator.userAgent").await;
        self.command("Emulation.setUserAgentOverride", json!({ "userAgent": agent, "acceptLanguage": language })).await;
    }

    /// A picture of the whole page, as far as it scrolls; PNG.
    pub(crate) async fn whole_picture(&self) -> Vec<u8> {
        let taken = self.command("Page.captureScreenshot", json!({ "format": "png", "captureBeyondViewport": true })).await;
        base64::engine::general_purpose::STANDARD.decode(taken["data"].as_str().unwrap()).unwrap()
    }

    /// Forgets a cookie, as a private window would never have had it.
    pub(crate) async fn forget(&self, cookie: &str) {
        let answer = self.http.delete(format!("{}/cookie/{cookie}", self.session)).send().await.unwrap();
        assert!(answer.status().is_success());
    }

    /// Gives the window another size, and waits until the page has it.
    pub(crate) async fn resize(&self, width: u32, height: u32) {
        self.post("window/rect", json!({ "width": width, "height": height })).await.unwrap();
        self.wait_for(&format!("the page is not {width} px wide"), &format!("return innerWidth === {width}")).await;
    }

    /// Serious and critical findings of axe on this page, in words; `None` when axe is not here.
    pub(crate) async fn axe(&self) -> Option<Vec<String>> {
        let script = std::fs::read_to_string(std::env::var_os("STAYGREEN_TEST_AXE")?).ok()?;
        self.run(&script).await;
        let wait = "const done = arguments[arguments.length - 1]; axe.run().then(r => done(r.violations.filter(v => v.impact === 'serious' || v.impact === 'critical').map(v => v.id + ': ' + v.nodes.map(n => n.html + ' ' + n.failureSummary).join(' | '))))";
        let found = self.post("execute/async", json!({ "script": wait, "args": [] })).await.unwrap();
        Some(found.as_array().unwrap().iter().map(|item| item.as_str().unwrap().to_owned()).collect())
    }
}

/// Live parts of a page are replaced whenever something happened: also between two steps of whoever presses them.
#[tokio::test]
async fn what_is_replaced_meanwhile_can_be_pressed() {
    let Some(browser) = Browser::start().await else { return };
    let page = "<p id=at></p><p id=said></p><script>const pressed = () => document.getElementById('said').textContent = 'It was pressed'; \
                const replace = () => document.getElementById('at').innerHTML = '<button onclick=\"pressed()\">Press</button>'; \
                replace(); const often = setInterval(replace, 1); setTimeout(() => clearInterval(often), 1500)</script>";
    browser.goto(&format!("data:text/html,{page}")).await;
    browser.press("Press").await;
    browser.see("It was pressed").await;
}
