//! Three servers on one PostgreSQL, killed and paused while tokens are renewed without a break: nothing is lost, nothing is spent
//! twice. And two servers on one SQLite file: the second is refused.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use store::Store;
use store::seal::Keyring;

use crate::postgres::Cluster;
use crate::world::{Running, binary, client, eventually, free_port};

/// What outlives the servers.
pub(crate) struct Site {
    pub(crate) folder: PathBuf,
    pub(crate) sandbox: Arc<Running>,
    pub(crate) database: String,
    pub(crate) key: String,
    /// Which networks are set.
    pub(crate) networks: &'static [&'static str],
    /// Where they are reached.
    pub(crate) networks_at: String,
    /// What the keeper is told.
    pub(crate) keeper: &'static str,
    /// What is told of each network besides.
    pub(crate) each: &'static str,
}

const NETWORKS: [&str; 2] = ["tiktok", "x"];
/// So quick that a test sees it, with a lease of seconds.
const QUICK: &str = "poll_every = \"1 s\"\nprobe_every = \"2 s\"\nlease = \"6 s\"\n";
const PEOPLE: [(&str, &str); 3] = [("tiktok", "fernweh.outdoor"), ("tiktok", "gipfel.guides"), ("x", "fernwehoutdoor")];

impl Site {
    pub(crate) fn new(sandbox: impl Into<Arc<Running>>, database: String, folder: &Path) -> Self {
        let sandbox = sandbox.into();
        let networks_at = sandbox.url().to_owned();
        Self { folder: folder.to_owned(), sandbox, database, key: String::new(), networks: &NETWORKS, networks_at, keeper: QUICK, each: "" }
    }

    pub(crate) fn config(&self, node: u16) -> String {
        let folder = &self.folder;
        let file = folder.join(format!("node-{node}.toml"));
        let networks = self.networks.iter().map(|name| {
            let client = match *name {
                // Known by its address, which is this machine's.
                "bluesky" => "options = { allow_http_loopback = \"true\" }".to_owned(),
                name => format!("client_id = \"sandbox-{name}\"\nclient_secret = \"sandbox-{name}-secret\""),
            };
            format!("[networks.{name}]\n{client}\nbase_url = \"{}/{name}\"\n{}", self.networks_at, self.each)
        });
        let text = format!(
            "[server]\nlisten = \"127.0.0.1:{node}\"\nrenew_on_demand_after = \"0 s\"\ndata_dir = \"{}\"\n[database]\nurl = \"{}\"\n[keys]\nfile = \"{}\"\n[keeper]\n{}{}",
            folder.join(format!("node-{node}")).display(),
            self.database,
            folder.join("keys.toml").display(),
            self.keeper,
            networks.collect::<String>()
        );
        std::fs::write(&file, text).unwrap();
        file.to_str().unwrap().to_owned()
    }

    pub(crate) fn serve(&self, node: u16) -> Running {
        Running::start(&["serve", "--config", &self.config(node)], &[])
    }

    pub(crate) async fn api(&self, http: &reqwest::Client, method: &str, node: u16, path: &str, body: Option<Value>) -> Option<Value> {
        let url = format!("http://127.0.0.1:{node}/api/v1{path}");
        let mut request = http.request(method.parse().unwrap(), url).bearer_auth(&self.key).timeout(Duration::from_secs(5));
        if let Some(body) = body {
            request = request.json(&body);
        }
        request.send().await.ok()?.json().await.ok()
    }

    pub(crate) async fn connect(&self, http: &reqwest::Client, node: u16, network: &str, username: &str) {
        let mut asked = json!({ "network": network });
        match network {
            "bluesky" => asked["handle"] = username.into(),
            "mastodon" => asked["instance"] = "social.example".into(),
            _ => {}
        }
        let begun = self.api(http, "POST", node, "/connections", Some(asked)).await.unwrap();
        let body = json!({ "authorize_url": begun["authorize_url"], "username": username });
        let consent: Value =
            http.post(format!("{}/control/api/consent", self.sandbox.url())).json(&body).send().await.unwrap().json().await.unwrap();
        http.get(consent["redirect_to"].as_str().unwrap()).send().await.unwrap();
        let path = format!("/connections/{}", begun["id"].as_str().unwrap());
        let connection = self.api(http, "GET", node, &path, None).await.unwrap();
        if connection["status"] == "choose" {
            let usable = connection["discovered"].as_array().unwrap().iter().filter(|found| found["usable"] == true);
            let ids: Vec<&Value> = usable.map(|found| &found["id"]).collect();
            self.api(http, "POST", node, &format!("{path}/profiles"), Some(json!({ "ids": ids }))).await.unwrap();
        }
    }

    /// Connects a TikTok profile; where its token is read.
    pub(crate) async fn lends(&self, http: &reqwest::Client, node: u16) -> String {
        self.connect(http, node, "tiktok", "fernweh.outdoor").await;
        let listed = self.api(http, "GET", node, "/profiles", None).await.unwrap();
        format!("/profiles/{}/access-token", listed["items"][0]["id"].as_str().unwrap())
    }

    /// Renewals that the networks answered with new tokens.
    pub(crate) async fn renewed(&self, http: &reqwest::Client) -> usize {
        let ledger: Value = http.get(format!("{}/control/api/ledger", self.sandbox.url())).send().await.unwrap().json().await.unwrap();
        ledger["seen"].as_array().unwrap().iter().filter(|seen| seen["about"] == "renewal" && seen["status"] == 200).count()
    }
}

impl Site {
    /// How often a network was shown a token that was spent before.
    pub(crate) async fn presented_again(&self, http: &reqwest::Client) -> usize {
        let ledger: Value = http.get(format!("{}/control/api/ledger", self.sandbox.url())).send().await.unwrap().json().await.unwrap();
        let effects = ledger["seen"].as_array().unwrap().iter().flat_map(|seen| seen["effects"].as_array().unwrap());
        effects.filter(|effect| effect.as_str().unwrap().contains("presented again")).count()
    }
}

pub(crate) fn signal(process: &Running, name: &str) {
    let pid = process.ready["pid"].to_string();
    assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
}

#[tokio::test]
async fn three_servers_killed_and_paused_spend_no_token_twice_and_lose_nothing() {
    let Some(cluster) = Cluster::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let sandbox = Running::start(&["sandbox", "--port", "0"], &[]);
    let mut site = Site::new(sandbox, cluster.new_database(), folder.path());
    let ports = [free_port(), free_port(), free_port()];
    let mut nodes: BTreeMap<u16, Running> = BTreeMap::from([(ports[0], site.serve(ports[0]))]);
    site.key = api_key(&site.config(ports[0]));
    nodes.extend(ports[1..].iter().map(|port| (*port, site.serve(*port))));
    let http = client();
    for (network, username) in PEOPLE {
        site.connect(&http, ports[0], network, username).await;
    }
    let listed = site.api(&http, "GET", ports[1], "/profiles", None).await.unwrap();
    let profiles: Vec<String> =
        listed["items"].as_array().unwrap().iter().map(|profile| profile["id"].as_str().unwrap().to_owned()).collect();
    assert!(profiles.len() == PEOPLE.len(), "{listed}");

    let site = Arc::new(site);
    let stop = Arc::new(AtomicBool::new(false));
    let lends = Arc::new(Mutex::new(0_u32));
    let callers: Vec<_> = ports
        .into_iter()
        .map(|port| {
            let (site, stop, lends, profiles, http) =
                (Arc::clone(&site), Arc::clone(&stop), Arc::clone(&lends), profiles.clone(), http.clone());
            tokio::spawn(async move {
                while !stop.load(SeqCst) {
                    for profile in &profiles {
                        // No token lives that long: each call renews.
                        let path = format!("/profiles/{profile}/access-token?min_ttl=86400");
                        if site.api(&http, "GET", port, &path, None).await.is_some() {
                            *lends.lock().unwrap() += 1;
                        }
                    }
                    tokio::time::sleep(Duration::from_millis(60)).await;
                }
            })
        })
        .collect();
    for round in 0..6_u64 {
        let (killed, paused) = (ports[usize::try_from(round % 3).unwrap()], ports[usize::try_from((round + 1) % 3).unwrap()]);
        tokio::time::sleep(Duration::from_millis(300 + round * 131)).await;
        if round % 2 == 0 {
            // Longer than its lease: another node takes over, and the sleeper must notice.
            signal(&nodes[&paused], "-STOP");
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        nodes.get_mut(&killed).unwrap().kill();
        nodes.insert(killed, site.serve(killed));
        if round % 2 == 0 {
            tokio::time::sleep(Duration::from_secs(7)).await;
            signal(&nodes[&paused], "-CONT");
        }
    }
    stop.store(true, SeqCst);
    for caller in callers {
        caller.await.unwrap();
    }
    let renewed = site.renewed(&http).await;
    assert!(renewed > 30, "{renewed} renewals in {} calls", lends.lock().unwrap());
    // A process that dies or sleeps between the first byte and the answer leaves a question open, and the network is asked again:
    // the one thing that cannot be had without it. A token that is refused without such a question was spent twice.
    let store = Store::open(&site.database, Keyring::open_or_create(&site.folder.join("keys.toml")).unwrap()).await.unwrap();
    let open = "SELECT b.id FROM attempts b WHERE b.grant_id = a.grant_id AND b.ending = 'answer_lost' AND b.sent_at <= a.sent_at";
    let twice = format!("SELECT a.id FROM attempts a WHERE a.phase = 'sent' AND a.ending = 'nothing_spent' AND NOT EXISTS ({open})");
    let unclear = "SELECT DISTINCT grant_id FROM attempts WHERE ending = 'answer_lost'";
    let mut tx = store.read().await.unwrap();
    let twice = tx.all(&twice, &[]).await.unwrap().len();
    let unclear = tx.all(unclear, &[]).await.unwrap().len();
    drop(tx);
    assert_eq!(twice, 0, "spent twice, of {renewed} renewals");
    let connected = async || {
        let list = site.api(&http, "GET", ports[0], "/profiles", None).await.unwrap();
        list["items"].as_array().unwrap().iter().filter(|profile| profile["status"] == "connected").count()
    };
    eventually("every profile connected whose answers were never destroyed", async || connected().await >= PEOPLE.len() - unclear).await;
}

pub(crate) fn api_key(config: &str) -> String {
    api_key_for(config, &["profiles:read", "profiles:check", "profiles:connect", "tokens:read", "freezes:manage", "audit:read"])
}

pub(crate) fn api_key_for(config: &str, permissions: &[&str]) -> String {
    let mut command = Command::new(binary());
    command.args(["api-key", "create", "--config", config, "--name", "test", "--json"]);
    for act in permissions {
        command.args(["--permission", act]);
    }
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    let at = text.find("sg_").unwrap_or_else(|| panic!("no key: {text}"));
    text[at..].chars().take_while(|letter| letter.is_ascii_alphanumeric() || "_-".contains(*letter)).collect()
}

#[test]
fn rf_38_a_second_server_on_the_same_file_or_spool_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| {
        let file = folder.path().join(name);
        std::fs::write(&file, text).unwrap();
        file.to_str().unwrap().to_owned()
    };
    let data = folder.path().join("data").display().to_string();
    let first = write("one.toml", format!("[server]\nlisten = \"127.0.0.1:0\"\ndata_dir = \"{data}\"\n"));
    let _running = Running::start(&["serve", "--config", &first], &[]);
    let refused = |file: &str| {
        let output = Command::new(binary()).args(["serve", "--config", file]).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    };
    let said = refused(&first);
    assert!(said.contains("another Staygreen already uses") && said.contains("PostgreSQL"), "{said}");
    let other = folder.path().join("other").display().to_string();
    let spool = format!("[server]\nlisten = \"127.0.0.1:0\"\ndata_dir = \"{other}\"\n[keeper]\nspool_dir = \"{data}/spool\"\n");
    let said = refused(&write("two.toml", spool));
    assert!(said.contains("keeper.spool_dir"), "{said}");
}
