//! The database goes away in the middle of renewals: cut off from one server, or restarted again and again. No token is lost and
//! none is spent twice.

use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use store::Store;
use store::seal::Keyring;
use tokio::net::{TcpListener, UnixStream};
use tokio::task::JoinSet;

use crate::nodes::{Site, api_key};
use crate::postgres::{Cluster, as_nobody};
use crate::world::{Running, client, free_port, within};

/// Longer than all that happens here: whoever holds a grant keeps it, however slow the machine is.
const LEASE: (&str, &str) = ("STAYGREEN_KEEPER__LEASE", "5 min");
/// Nothing here is about how quick it is: what was interrupted is taken up again, also on a machine that has much else to do.
const PATIENCE: Duration = Duration::from_mins(6);
const PEOPLE: [(&str, &str); 2] = [("tiktok", "fernweh.outdoor"), ("x", "fernwehoutdoor")];

/// The way from a server to the database, which can be cut.
struct Way {
    port: u16,
    open: Arc<AtomicBool>,
    streams: Arc<Mutex<JoinSet<()>>>,
}

impl Way {
    async fn new(cluster: &Cluster) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let way = Self { port, open: Arc::new(AtomicBool::new(true)), streams: Arc::new(Mutex::new(JoinSet::new())) };
        let (open, streams, socket) = (Arc::clone(&way.open), Arc::clone(&way.streams), cluster.socket.join(".s.PGSQL.5432"));
        tokio::spawn(async move {
            loop {
                let Ok((mut server, _)) = listener.accept().await else { return };
                let socket = socket.clone();
                let mut streams = streams.lock().unwrap();
                if open.load(SeqCst) {
                    streams.spawn(async move {
                        let Ok(mut database) = UnixStream::connect(socket).await else { return };
                        let _ = tokio::io::copy_bidirectional(&mut server, &mut database).await;
                    });
                }
            }
        });
        way
    }

    /// Every connection there is dies, and no new one comes through.
    fn cut(&self) {
        let mut streams = self.streams.lock().unwrap();
        self.open.store(false, SeqCst);
        streams.abort_all();
    }

    fn mend(&self) {
        self.open.store(true, SeqCst);
    }
}

/// How many token sets have been stored, and how many renewals have no end yet.
async fn stored(site: &Site) -> (usize, usize) {
    let store = Store::open(&site.database, Keyring::open_or_create(&site.folder.join("keys.toml")).unwrap()).await.unwrap();
    let mut tx = store.read().await.unwrap();
    let generations = tx.one("SELECT CAST(SUM(generation) AS BIGINT) AS n FROM grants", &[]).await.unwrap().unwrap().int("n").unwrap();
    let open = tx.all("SELECT id FROM attempts WHERE phase = 'sent' AND ended_at IS NULL", &[]).await.unwrap().len();
    (usize::try_from(generations).unwrap(), open)
}

/// Everything that the networks renewed is stored, each once; no token was shown twice, every profile is connected, and nobody was
/// told otherwise. `logins` are the token sets that no renewal brought.
async fn assert_nothing_lost_or_doubled(site: &Site, http: &reqwest::Client, port: u16, logins: usize) {
    within(PATIENCE, "as many token sets are stored as the networks gave out", async || {
        stored(site).await == (logins + site.renewed(http).await, 0)
    })
    .await;
    assert_eq!(site.presented_again(http).await, 0);
    within(PATIENCE, "every profile is connected", async || {
        let listed = site.api(http, "GET", port, "/profiles?status=connected", None).await.unwrap_or_default();
        listed["items"].as_array().is_some_and(|items| items.len() == PEOPLE.len())
    })
    .await;
    let store = Store::open(&site.database, Keyring::open_or_create(&site.folder.join("keys.toml")).unwrap()).await.unwrap();
    let mut tx = store.read().await.unwrap();
    assert!(tx.all("SELECT id FROM outbox WHERE kind = 'no_access_tokens'", &[]).await.unwrap().is_empty());
}

/// A site on PostgreSQL, with people connected through one server.
async fn connected(
    cluster: &Cluster,
    folder: &std::path::Path,
    http: &reqwest::Client,
    set: &[(&str, &str)],
) -> (Site, u16, Running, Vec<String>) {
    let sandbox = Running::start(&["sandbox", "--port", "0"], &[]);
    let mut site = Site::new(sandbox, cluster.new_database(), folder);
    let port = free_port();
    let server = Running::start(&["serve", "--config", &site.config(port)], set);
    site.key = api_key(&site.config(port));
    for (network, username) in PEOPLE {
        site.connect(http, port, network, username).await;
    }
    let listed = site.api(http, "GET", port, "/profiles", None).await.unwrap();
    let ids = listed["items"].as_array().unwrap().iter().map(|profile| profile["id"].as_str().unwrap().to_owned()).collect();
    (site, port, server, ids)
}

/// Asks for a token that has to be renewed for it: none lives that long.
async fn renew(site: &Site, http: &reqwest::Client, port: u16, profile: &str) -> Option<Value> {
    site.api(http, "GET", port, &format!("/profiles/{profile}/access-token?min_ttl=86400"), None).await
}

// The way to the database works while this waits for a server to get ready.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_cut_off_from_the_database_while_the_network_answers_loses_nothing() {
    let Some(cluster) = Cluster::start() else { return };
    let (folder, http) = (tempfile::tempdir().unwrap(), client());
    let (site, port, _other, profiles) = connected(&cluster, folder.path(), &http, &[LEASE]).await;
    let way = Way::new(&cluster).await;
    let name = site.database.split('?').next().unwrap().rsplit('/').next().unwrap().to_owned();
    let behind = format!("postgres://staygreen@127.0.0.1:{}/{name}", way.port);
    let cut_off = free_port();
    let _behind = Running::start(&["serve", "--config", &site.config(cut_off)], &[LEASE, ("STAYGREEN_DATABASE__URL", &behind)]);
    let mood = async |mood: &str| {
        for network in ["tiktok", "x"] {
            let url = format!("{}/control/api/mood", site.sandbox.url());
            let answer = http.post(url).json(&json!({ "network": network, "mood": mood })).send().await.unwrap();
            assert!(answer.status().is_success());
        }
    };
    let logins = stored(&site).await.0 - site.renewed(&http).await;
    let mut caught = false;
    // On a machine that stands still for seconds the answers may be stored before the cut: once more, then.
    for _ in 0..5 {
        // The answer is on its way for three seconds.
        mood("slow").await;
        let before = site.renewed(&http).await;
        let asked = async { tokio::join!(renew(&site, &http, cut_off, &profiles[0]), renew(&site, &http, cut_off, &profiles[1])) };
        let cut = async {
            within(PATIENCE, "a network has renewed", async || site.renewed(&http).await > before).await;
            way.cut();
            // The answers arrive; nobody can store them. The other server does not touch what is not its own.
            tokio::time::sleep(Duration::from_secs(6)).await;
            caught |= stored(&site).await.1 > 0;
            way.mend();
        };
        let _ = tokio::join!(asked, cut);
        mood("normal").await;
        assert_nothing_lost_or_doubled(&site, &http, port, logins).await;
        if caught {
            break;
        }
    }
    assert!(caught, "no cut came before the answers were stored");
}

#[tokio::test]
async fn a_database_restarted_every_second_loses_no_token() {
    let Some(cluster) = Cluster::start() else { return };
    let (folder, http) = (tempfile::tempdir().unwrap(), client());
    let (site, port, _server, profiles) = connected(&cluster, folder.path(), &http, &[]).await;
    let logins = stored(&site).await.0 - site.renewed(&http).await;
    let (site, stop) = (Arc::new(site), Arc::new(AtomicBool::new(false)));
    let callers: Vec<_> = profiles
        .into_iter()
        .map(|profile| {
            let (site, http, stop) = (Arc::clone(&site), http.clone(), Arc::clone(&stop));
            tokio::spawn(async move {
                while !stop.load(SeqCst) {
                    renew(&site, &http, port, &profile).await;
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            })
        })
        .collect();
    let before = site.renewed(&http).await;
    for _ in 0..8 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let mut restart = as_nobody(&cluster.bin.join("pg_ctl"));
        restart.args(["-w", "-m", "immediate", "-l"]).arg(cluster.socket.join("log"));
        restart.arg("-D").arg(cluster.socket.join("data")).arg("restart");
        assert!(restart.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success());
    }
    // What could not be given back when the database went away is free again when its lease ends.
    within(PATIENCE, "a token is renewed", async || site.renewed(&http).await > before).await;
    stop.store(true, SeqCst);
    for caller in callers {
        caller.await.unwrap();
    }
    assert_nothing_lost_or_doubled(&site, &http, port, logins).await;
}
