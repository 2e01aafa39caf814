//! A server that stands still for five minutes, with the leases of the product, while others work on: no token is lost or spent twice,
//! nothing is said or told twice. Longer than anybody waits for a test: `cargo xtask soak` runs it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::{Duration, Instant};

use sandbox::mailbox::Mailbox;
use serde_json::{Value, json};

use crate::crash::Moment;
use crate::kill::first_admin;
use crate::nodes::signal;
use crate::nodes_posting::{Nodes, Set};
use crate::postgres::Cluster;
use crate::world::{eventually, within};

/// How long the server stands still: longer than its lease and than anybody waits for it.
const PAUSE: Duration = Duration::from_mins(5);
/// Whoever is left alone with what it held takes over before that.
const TAKEN_OVER: Duration = Duration::from_mins(4);
const NETWORKS: [&str; 4] = ["tiktok", "x", "linkedin", "pinterest"];
const TEXT: &str = "A film of the new hut";

impl Nodes {
    /// Asks for a token that has to be renewed for it: none lives that long.
    async fn renew(&self, port: u16, profile: &str) {
        self.site.api(&self.http, "GET", port, &format!("/profiles/{profile}/access-token?min_ttl=86400"), None).await;
    }

    async fn ledger(&self, network: &str) -> Value {
        let url = format!("{}/control/api/ledger?network={network}", self.site.sandbox.url());
        self.http.get(url).send().await.unwrap().json().await.unwrap()
    }

    async fn renewals(&self, network: &str) -> usize {
        let ledger = self.ledger(network).await;
        ledger["seen"].as_array().unwrap().iter().filter(|seen| seen["about"] == "renewal" && seen["status"] == 200).count()
    }

    /// Renewals of a profile's tokens that the network refused: there was nothing to spend any more.
    async fn refused_renewals(&self, profile: &str) -> usize {
        let sql = "SELECT id FROM attempts WHERE phase = 'sent' AND ending = 'nothing_spent' \
                   AND grant_id IN (SELECT grant_id FROM accesses WHERE profile_id = $1)";
        self.store.read().await.unwrap().all(sql, &[profile.into()]).await.unwrap().len()
    }
}

/// What a server is in the middle of when it stops: a renewal that never reaches its network, and a post whose film the network has and
/// works on, so that only the post itself is missing.
async fn busy(nodes: &mut Nodes, port: u16, tiktok: &str, linkedin: &str) {
    nodes.gate.stop("/v2/oauth/token", Moment::Sent);
    let (http, key) = (nodes.http.clone(), nodes.site.key.clone());
    let url = format!("http://127.0.0.1:{port}/api/v1/profiles/{tiktok}/access-token?min_ttl=86400");
    tokio::spawn(async move { http.get(url).bearer_auth(key).send().await });
    nodes.gate.happened().await;
    let film = json!({ "text": TEXT, "media": [{ "content_type": "video/mp4", "data": "bm90IHJlYWxseSBhIGZpbG0=" }] });
    tokio::spawn(nodes.posting(port, linkedin, "film", &film).send());
    eventually("the network works on the film", async || nodes.ledger("linkedin").await.to_string().contains("GET /rest/videos/")).await;
}

/// The author looks there, finds nothing, and sends it anew.
async fn sent_anew(nodes: &Nodes, port: u16, linkedin: &str) {
    within(TAKEN_OVER, "nobody knows what became of the post", async || {
        let listed = nodes.api("GET", port, "/waiting-acts?state=unclear", None).await;
        listed["items"].as_array().is_some_and(|items| items.len() == 1)
    })
    .await;
    let act = nodes.unclear(port, TEXT).await;
    assert_eq!(nodes.times(TEXT).await, 0);
    let put_away = nodes.api("POST", port, &format!("/waiting-acts/{act}/withdraw"), Some(json!({}))).await;
    assert_eq!(put_away["state"], "withdrawn", "{put_away}");
    assert_eq!(nodes.post(port, linkedin, "anew", &json!({ "text": TEXT })).await.0, 201);
}

#[tokio::test]
#[ignore = "it takes six minutes: cargo xtask soak"]
async fn a_server_that_stands_still_for_five_minutes_loses_and_doubles_nothing() {
    let Some(cluster) = Cluster::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (mailbox, listener) = (Mailbox::new(), tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap());
    let smtp_port = listener.local_addr().unwrap().port();
    tokio::spawn(mailbox.clone().serve(listener));
    let set = Set { networks: &NETWORKS, keeper: "poll_every = \"1 s\"\nprobe_every = \"2 s\"\n", smtp_port };
    let mut nodes = Nodes::start(&cluster, folder.path(), set).await;
    let [asleep, one, other] = nodes.ports;
    // Each server that starts before there is anybody makes a new link.
    first_admin(&nodes.http, &nodes.nodes[&other]).await;
    let held = nodes.connect("tiktok", "fernweh.outdoor").await;
    let busy_with = nodes.connect("linkedin", "jana.lindner").await;
    let dies = nodes.connect("pinterest", "fernwehoutdoor").await;
    let rotating = [held.clone(), nodes.connect("x", "fernwehoutdoor").await];

    busy(&mut nodes, asleep, &held, &busy_with).await;
    signal(&nodes.nodes[&asleep], "-STOP");
    let stopped_at = Instant::now();
    let before = [nodes.renewals("tiktok").await, nodes.renewals("x").await];
    nodes.control("/people/pinterest/fernwehoutdoor/revoke", json!({})).await;
    let (nodes, stop) = (Arc::new(nodes), Arc::new(AtomicBool::new(false)));
    let callers = [one, other].map(|port| {
        let (nodes, stop, rotating) = (Arc::clone(&nodes), Arc::clone(&stop), rotating.clone());
        tokio::spawn(async move {
            while !stop.load(SeqCst) {
                for profile in &rotating {
                    nodes.renew(port, profile).await;
                }
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        })
    });
    let told = || mailbox.mails().iter().map(|mail| (mail.to.clone(), mail.subject.clone())).collect::<Vec<_>>();
    eventually("the owner hears of what died meanwhile", async || !told().is_empty()).await;
    sent_anew(&nodes, one, &busy_with).await;
    within(TAKEN_OVER, "what it held is renewed by others", async || nodes.renewals("tiktok").await > before[0]).await;
    assert!(nodes.renewals("x").await > before[1], "they worked on meanwhile");
    let told_meanwhile = told();
    tokio::time::sleep(PAUSE.saturating_sub(stopped_at.elapsed())).await;

    signal(&nodes.nodes[&asleep], "-CONT");
    // It works on what it was in the middle of, and with the others.
    for _ in 0..30 {
        nodes.renew(asleep, &rotating[0]).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    stop.store(true, SeqCst);
    for caller in callers {
        caller.await.unwrap();
    }
    for network in ["tiktok", "x"] {
        let ledger = nodes.ledger(network).await.to_string();
        assert!(!ledger.contains("presented again"), "{network}: a token was shown twice");
    }
    assert_eq!(nodes.times(TEXT).await, 1, "said once");
    assert_eq!(told(), told_meanwhile, "told once");
    for profile in &rotating {
        let shown = nodes.api("GET", asleep, &format!("/profiles/{profile}"), None).await;
        assert_eq!(shown["status"], "connected", "{shown}");
        assert_eq!(nodes.refused_renewals(profile).await, 0, "none of its tokens was spent twice: {shown}");
    }
    let events = nodes.api("GET", one, &format!("/events?profile={dies}&limit=500"), None).await;
    let deaths = events["items"].as_array().unwrap().iter().filter(|event| event["kind"] == "profile.disconnected").count();
    assert_eq!(deaths, 1, "{events}");
    let ready = nodes.http.get(format!("http://127.0.0.1:{asleep}/readyz")).send().await.unwrap();
    assert_eq!(ready.status(), 200, "{}", ready.text().await.unwrap());
    nodes.audit_is_whole(asleep).await;
}
