//! The running binary, and what a test asks of it.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use server::api::described;
use server::routes::API;

use crate::canaries::{self, Left};

/// The binary under test: the one that xtask built, or the one of this workspace's last build.
pub(crate) fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("STAYGREEN_BIN") {
        return path.into();
    }
    // target/debug/deps/it-… -> target/debug/staygreen
    let mut here = std::env::current_exe().unwrap();
    here.pop();
    here.pop();
    let path = here.join("staygreen");
    assert!(path.exists(), "{} is missing: run cargo build first, or cargo xtask test", path.display());
    path
}

/// A port that is free now.
pub(crate) fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).unwrap().port()
}

/// One part of a path, whatever is in it.
pub(crate) fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

/// A process that ends with the test.
pub(crate) struct Running {
    child: Child,
    /// The one line of JSON it printed when ready.
    pub(crate) ready: Value,
    left: Left,
}

/// How much every process says: all of ours, since what it says is searched when it has ended.
const LOG: &str = "debug,sqlx=warn,hyper=info,h2=info";

impl Running {
    pub(crate) fn start(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut command = Command::new(binary());
        command.envs(environment.iter().copied());
        Self::ready(command, arguments, None)
    }

    /// With everything it has to say in a file.
    pub(crate) fn start_logging(arguments: &[&str], log: &std::path::Path, environment: &[(&str, &str)]) -> Self {
        let mut command = Command::new(binary());
        command.env("STAYGREEN_LOG", "trace").envs(environment.iter().copied());
        Self::ready(command, arguments, Some(log))
    }

    /// With room for so many open files, as a shell gives it; the process may take more.
    pub(crate) fn start_with_files(files: u32, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut command = Command::new("sh");
        command.envs(environment.iter().copied());
        command.args(["-c", &format!("ulimit -Sn {files}; exec \"$0\" \"$@\"")]).arg(binary());
        Self::ready(command, arguments, None)
    }

    /// With SIGXFSZ ignored: a file that may not grow is an error of the write then, and not the end of the process.
    pub(crate) fn start_deaf_to_file_limits(arguments: &[&str], log: &std::path::Path) -> Self {
        let mut command = Command::new("sh");
        // What it says is a file as well: not more than it has to.
        command.env("STAYGREEN_LOG", "warn");
        command.args(["-c", "trap '' XFSZ; exec \"$@\"", "sh"]).arg(binary());
        Self::ready(command, arguments, Some(log))
    }

    /// Until it has ended by itself, for a minute at most: its exit code.
    pub(crate) async fn wait_for_code(&mut self) -> Option<i32> {
        for _ in 0..600 {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("it does not end by itself");
    }

    fn ready(mut command: Command, arguments: &[&str], log: Option<&std::path::Path>) -> Self {
        let left = Left::new(log);
        if !command.get_envs().any(|(name, _)| name == "STAYGREEN_LOG") {
            command.env("STAYGREEN_LOG", LOG);
        }
        command.env("TMPDIR", left.folder.path()).stderr(left.said());
        command.args(arguments).arg("--json").stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{arguments:?} did not get ready: {line:?} {}", left.warnings()));
        Self { child, ready, left }
    }

    pub(crate) fn url(&self) -> &str {
        self.ready["url"].as_str().unwrap()
    }

    /// In that folder, where the shell allows dumps of the memory, and knows of backtraces; everything it has to say in a file.
    pub(crate) fn start_dumping(folder: &std::path::Path, arguments: &[&str], log: &std::path::Path) -> Self {
        let mut command = Command::new("sh");
        command.current_dir(folder).env("RUST_BACKTRACE", "full");
        command.args(["-c", "ulimit -c \"$(ulimit -Hc)\"; exec \"$0\" \"$@\""]).arg(binary());
        Self::ready(command, arguments, Some(log))
    }

    /// SIGABRT, as a process does to itself when it breaks; how it ended.
    pub(crate) fn abort(&mut self) -> std::process::ExitStatus {
        assert!(Command::new("kill").args(["-ABRT", &self.child.id().to_string()]).status().unwrap().success());
        self.child.wait().unwrap()
    }

    /// SIGKILL, as a power cut would.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Running {
    /// SIGTERM, as an operator or a service manager would.
    pub(crate) fn ask_to_stop(&self) {
        let asked = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(asked.success());
    }

    /// Until it has ended by itself.
    pub(crate) fn wait(&mut self) {
        let _ = self.child.wait();
    }
}

impl Drop for Running {
    /// Nothing that it leaves behind holds a token (NT-15).
    fn drop(&mut self) {
        self.kill();
        let tells = self.left.tells();
        if std::thread::panicking() {
            eprintln!("{}{}", self.left.warnings(), tells.unwrap_or_default());
        } else if let Some(tells) = tells {
            panic!("a token is left behind: {tells}");
        }
    }
}

/// A demo of a test's own.
pub(crate) struct Demo {
    pub(crate) running: Running,
    http: reqwest::Client,
}

/// A client that follows nothing, so that a test sees each answer.
pub(crate) fn client() -> reqwest::Client {
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build().unwrap()
}

impl Demo {
    pub(crate) fn start() -> Self {
        Self { running: Running::start(&["demo", "--port", "0"], &[]), http: client() }
    }

    pub(crate) fn text(&self, field: &str) -> String {
        self.running.ready[field].as_str().unwrap().to_owned()
    }

    pub(crate) async fn api(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let url = format!("{}/api/v1{path}", self.running.url());
        let mut request = self.http.request(method.parse().unwrap(), url).bearer_auth(self.text("api_key"));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        let (status, answer) = (answer.status().as_u16(), answer.json().await.unwrap_or(Value::Null));
        as_described(method, path, status, &answer);
        let may_tell = path.contains("/access-token") || path.contains("/proxy/");
        assert!(may_tell || canaries::found(answer.to_string().as_bytes()).is_none(), "a token is told by {method} {path}");
        (status, answer)
    }

    /// Signs a user of the demo in; the cookie to show from then on.
    pub(crate) async fn sign_in(&self, email: &str) -> String {
        let url = self.running.url();
        let form = [("email", email.to_owned()), ("password", self.text("password"))];
        let answer = self.http.post(format!("{url}/sign-in")).header("origin", url).form(&form).send().await.unwrap();
        assert_eq!(answer.status(), 303, "{email} signs in");
        cookie_of(&answer)
    }

    /// The same for the company admin of the demo.
    pub(crate) async fn admin(&self) -> String {
        self.sign_in(&self.text("user")).await
    }

    /// The id of whatever has that name in a list.
    pub(crate) async fn named(&self, list: &str, name: &str) -> String {
        let all = self.api("GET", list, None).await.1;
        let found = all["items"].as_array().unwrap().iter().find(|one| one["name"] == name);
        found.unwrap_or_else(|| panic!("no {name} in {all}"))["id"].as_str().unwrap().to_owned()
    }

    /// Makes something happen at the simulated networks.
    pub(crate) async fn control(&self, path: &str, body: Value) -> Value {
        let url = format!("{}/control/api{path}", self.text("sandbox_url"));
        let answer = self.http.post(url).json(&body).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path} {body}");
        answer.json().await.unwrap()
    }

    pub(crate) async fn mails(&self) -> Vec<Value> {
        let answer = self.http.get(format!("{}/api/mails", self.text("mailbox_url"))).send().await.unwrap();
        let mails = answer.text().await.unwrap();
        assert_eq!(canaries::found(mails.as_bytes()), None, "a token stands in a mail");
        serde_json::from_str(&mails).unwrap()
    }

    /// Connects new profiles as a tool does: begin, the person consents, choose everything usable.
    pub(crate) async fn connect(&self, network: &str, username: &str) -> Value {
        self.connect_as(json!({ "network": network }), username).await
    }

    /// The same where the person types something first.
    pub(crate) async fn connect_as(&self, asked: Value, username: &str) -> Value {
        let (status, begun) = self.api("POST", "/connections", Some(asked)).await;
        assert_eq!(status, 201, "{begun}");
        let back = self.consent(&begun["authorize_url"], username).await;
        self.http.get(back).send().await.unwrap();
        let path = format!("/connections/{}", begun["id"].as_str().unwrap());
        let (_, connection) = self.api("GET", &path, None).await;
        if connection["status"] == "choose" {
            let usable = connection["discovered"].as_array().unwrap().iter().filter(|found| found["usable"] == true);
            let ids: Vec<&Value> = usable.map(|found| &found["id"]).collect();
            return self.api("POST", &format!("{path}/profiles"), Some(json!({ "ids": ids }))).await.1;
        }
        connection
    }

    /// What the person does in the browser, without one; the address to come back to.
    pub(crate) async fn consent(&self, authorize_url: &Value, username: &str) -> String {
        let answer = self.control("/consent", json!({ "authorize_url": authorize_url, "username": username })).await;
        answer["redirect_to"].as_str().unwrap().to_owned()
    }

    /// Refreshes a profile's connection with a login; status and page of the callback.
    pub(crate) async fn refresh(&self, profile: &str, username: &str) -> (u16, String) {
        let (status, begun) =
            self.api("POST", &format!("/profiles/{profile}/refresh-connection"), Some(json!({ "via": "redirect" }))).await;
        assert_eq!(status, 201, "{begun}");
        let back = self.consent(&begun["authorize_url"], username).await;
        let answer = self.http.get(back).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    /// The profiles of a network, by name.
    pub(crate) async fn profiles(&self, network: &str) -> Vec<Value> {
        let (_, list) = self.api("GET", &format!("/profiles?network={network}"), None).await;
        list["items"].as_array().unwrap().clone()
    }

    pub(crate) async fn profile_named(&self, network: &str, name: &str) -> Value {
        self.profiles(network).await.into_iter().find(|profile| profile["name"] == name).unwrap_or_else(|| panic!("{name} at {network}"))
    }

    /// Waits until all profiles of a network have this status.
    pub(crate) async fn until(&self, network: &str, status: &str) {
        let everyone = |profiles: &[Value]| !profiles.is_empty() && profiles.iter().all(|profile| profile["status"] == status);
        eventually(&format!("{network} {status}"), async || everyone(&self.profiles(network).await)).await;
    }

    /// Waits until all profiles of a network are red. A refusal that does not say who is meant stays in doubt for half a minute of the demo's
    /// clock: that is no reason to sit through it.
    pub(crate) async fn gone(&self, network: &str) {
        let red = |profiles: &[Value]| !profiles.is_empty() && profiles.iter().all(|profile| profile["status"] == "disconnected");
        self.as_time_passes(&format!("{network} disconnected"), async || red(&self.profiles(network).await)).await;
    }

    /// Waits for something that takes its time by the demo's clock, which is put forward meanwhile: by ten seconds at each look, and by a
    /// minute in all, which is what the demo promises. Each look leaves the keeper time to do what is due.
    pub(crate) async fn as_time_passes(&self, what: &str, is_true: impl AsyncFn() -> bool) {
        for _ in 0..6 {
            if within_or_not(Duration::from_millis(1_200), &is_true).await {
                return;
            }
            self.control("/clock", json!({ "advance_seconds": 10 })).await;
        }
        eventually(what, is_true).await;
    }

    /// Waits for a mail whose subject contains these words, and gives it.
    pub(crate) async fn mail(&self, to: &str, words: &str) -> Value {
        let found =
            async || self.mails().await.into_iter().find(|mail| mail["to"] == to && mail["subject"].as_str().unwrap().contains(words));
        eventually(&format!("a mail to {to} with {words}"), async || found().await.is_some()).await;
        found().await.unwrap()
    }
}

/// Every answer that any test sees is one that the description describes.
fn as_described(method: &str, path: &str, status: u16, answer: &Value) {
    let path = format!("/api/v1{}", path.split('?').next().unwrap_or_default());
    let matches = |route: &str| {
        let (route, path): (Vec<&str>, Vec<&str>) = (route.split('/').collect(), path.split('/').collect());
        route.len() == path.len() && route.iter().zip(&path).all(|(route, path)| route.starts_with('{') || route == path)
    };
    let Some(route) = API.iter().find(|route| route.method == method && matches(route.path) && !route.is_proxy()) else { return };
    let shape = if status == route.status { described::of(route.id).and_then(|operation| operation.answer) } else { None };
    if let Some(shape) = shape {
        assert_eq!(shape.check(answer, ""), Ok(()), "{} answered what is not described: {answer}", route.id);
    }
}

/// The cookie that an answer sets.
pub(crate) fn cookie_of(answer: &reqwest::Response) -> String {
    answer.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned()
}

/// Waits up to a minute (the promise of the demo) for something to become true.
pub(crate) async fn eventually(what: &str, is_true: impl AsyncFnMut() -> bool) {
    within(Duration::from_mins(1), what, is_true).await;
}

/// Waits so long at most; whether it became true.
async fn within_or_not(limit: Duration, is_true: &impl AsyncFn() -> bool) -> bool {
    let began = Instant::now();
    loop {
        if is_true().await {
            return true;
        }
        if began.elapsed() >= limit {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Waits so long for something to become true.
pub(crate) async fn within(limit: Duration, what: &str, mut is_true: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !is_true().await {
        assert!(began.elapsed() < limit, "not within {} seconds: {what}", limit.as_secs());
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}
