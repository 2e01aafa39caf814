//! Three servers on one PostgreSQL, of which one is killed while it posts: the network has it, or will never get it, and the others find
//! out which. Nothing is said twice and nothing is passed over; where a network cannot be asked, the author is told so.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};
use store::Store;
use store::seal::Keyring;

use crate::crash::{Gate, Moment};
use crate::nodes::{Site, api_key_for};
use crate::postgres::Cluster;
use crate::world::{Running, client, eventually, free_port};

const PERMISSIONS: [&str; 8] =
    ["profiles:read", "profiles:check", "profiles:connect", "profiles:refresh", "posts:write", "audit:read", "tokens:read", "events:read"];
const NETWORKS: [&str; 4] = ["mastodon", "bluesky", "xing", "linkedin"];
/// Network, person, and what a post is there.
const PEOPLE: [(&str, &str, &str); 4] = [
    ("mastodon", "jana.lindner", "/api/v1/statuses"),
    ("bluesky", "fernweh.test", "com.atproto.repo.createRecord"),
    ("xing", "karl.voss", "/status_message"),
    ("linkedin", "jana.lindner", "/rest/posts"),
];
/// How long a server is not missed, in microseconds.
const NOT_MISSED: i64 = store::acts::ABANDONED_AFTER.as_micros();

/// What servers are told.
#[derive(Clone, Copy)]
pub(crate) struct Set {
    pub(crate) networks: &'static [&'static str],
    pub(crate) keeper: &'static str,
    /// Where mail is taken; 0: nowhere.
    pub(crate) smtp_port: u16,
}

/// Several servers, all reached under the first one's name, behind one gate.
pub(crate) struct Nodes {
    pub(crate) site: Site,
    pub(crate) gate: Gate,
    pub(crate) ports: [u16; 3],
    pub(crate) nodes: BTreeMap<u16, Running>,
    pub(crate) store: Store,
    pub(crate) http: reqwest::Client,
    set: Set,
}

impl Nodes {
    pub(crate) async fn start(cluster: &Cluster, folder: &Path, set: Set) -> Self {
        let sandbox = Running::start(&["sandbox", "--port", "0"], &[]);
        let gate = Gate::open(sandbox.url().rsplit(':').next().unwrap().parse().unwrap()).await;
        let mut site = Site::new(sandbox, cluster.new_database(), folder);
        site.networks = set.networks;
        site.networks_at = format!("http://127.0.0.1:{}", gate.port);
        site.keeper = set.keeper;
        site.each = "second_look_after = \"2 s\"\n";
        let ports = [free_port(), free_port(), free_port()];
        let mut nodes = BTreeMap::from([(ports[0], serve(&site, set, ports, ports[0]))]);
        site.key = api_key_for(&site.config(ports[0]), &PERMISSIONS);
        nodes.extend(ports[1..].iter().map(|port| (*port, serve(&site, set, ports, *port))));
        let store = Store::open(&site.database, Keyring::open_or_create(&folder.join("keys.toml")).unwrap()).await.unwrap();
        Self { site, gate, ports, nodes, store, http: client(), set }
    }

    pub(crate) fn kill(&mut self, port: u16) {
        self.nodes.get_mut(&port).unwrap().kill();
    }

    pub(crate) fn start_again(&mut self, port: u16) {
        self.nodes.insert(port, serve(&self.site, self.set, self.ports, port));
    }

    pub(crate) async fn api(&self, method: &str, port: u16, path: &str, body: Option<Value>) -> Value {
        self.site.api(&self.http, method, port, path, body).await.unwrap()
    }

    /// Connects somebody; the first profile they have there.
    pub(crate) async fn connect(&self, network: &str, username: &str) -> String {
        self.site.connect(&self.http, self.ports[0], network, username).await;
        let listed = self.api("GET", self.ports[0], &format!("/profiles?network={network}"), None).await;
        listed["items"][0]["id"].as_str().unwrap_or_else(|| panic!("{network}: {listed}")).to_owned()
    }

    pub(crate) fn posting(&self, port: u16, profile: &str, key: &str, body: &Value) -> reqwest::RequestBuilder {
        let url = format!("http://127.0.0.1:{port}/api/v1/profiles/{profile}/posts");
        self.http.post(url).bearer_auth(&self.site.key).header("idempotency-key", key.to_owned()).json(body)
    }

    pub(crate) async fn post(&self, port: u16, profile: &str, key: &str, body: &Value) -> (u16, Value) {
        let answer = self.posting(port, profile, key, body).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    pub(crate) async fn control(&self, path: &str, body: Value) {
        let url = format!("{}/control/api{path}", self.site.sandbox.url());
        assert_eq!(self.http.post(url).json(&body).send().await.unwrap().status(), 200, "{path}");
    }

    /// How often the networks have a text, in their own books.
    pub(crate) async fn times(&self, text: &str) -> usize {
        let state = self.http.get(format!("{}/control/api/state", self.site.sandbox.url())).send().await.unwrap();
        let state: Value = state.json().await.unwrap();
        state["posts"].as_array().unwrap().iter().filter(|post| post["text"] == text).count()
    }

    /// Three minutes go by in which nobody says that the act is under way.
    async fn three_minutes_later(&self) {
        let mut tx = self.store.write().await.unwrap();
        let begun = tx.run("UPDATE acts SET try_at = try_at - $1 WHERE state = 'begun'", &[NOT_MISSED.into()]).await.unwrap();
        tx.run("UPDATE idempotency_keys SET created_at = created_at - $1 WHERE status IS NULL", &[NOT_MISSED.into()]).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(begun, 1, "one act was under way");
    }

    /// A server says by itself that nobody knows what became of a post.
    pub(crate) async fn unclear(&self, port: u16, text: &str) -> String {
        let listed = async || self.api("GET", port, "/waiting-acts?state=unclear", None).await;
        eventually("the author is told", async || listed().await["items"].as_array().unwrap().len() == 1).await;
        let act = listed().await["items"][0].clone();
        assert_eq!(act["text"], text, "{act}");
        assert!(act["problem"]["detail"].as_str().unwrap().contains("it may have been done"), "{act}");
        act["id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn audit_is_whole(&self, port: u16) {
        let verified = self.api("GET", port, "/audit/verify", None).await;
        assert_eq!(verified["whole"], true, "{verified}");
    }
}

fn serve(site: &Site, set: Set, ports: [u16; 3], port: u16) -> Running {
    let public = format!("http://127.0.0.1:{}", ports[0]);
    let smtp = format!("smtp://127.0.0.1:{}", set.smtp_port);
    let mail = [("STAYGREEN_MAIL__SMTP_URL", smtp.as_str())];
    let mail = if set.smtp_port == 0 { &[] } else { mail.as_slice() };
    Running::start(&["serve", "--config", &site.config(port)], &[&[("STAYGREEN_SERVER__PUBLIC_URL", public.as_str())], mail].concat())
}

/// What survivors do with a post that one of them died over, once it is missed: those networks that know it again, or can be asked, have it
/// once in the end; of the other the author is told, looks there, and decides.
async fn settled_by(nodes: &Nodes, survivor: u16, (network, profile): (&str, &str), (key, body): (&str, &Value), moment: Moment) {
    let text = body["text"].as_str().unwrap();
    let is_there = usize::from(moment == Moment::Done);
    let (status, problem) = nodes.post(survivor, profile, key, body).await;
    assert_eq!((status, problem["code"].as_str()), (409, Some("still_running")), "{network} {moment:?}: nobody knows that it is dead");
    nodes.three_minutes_later().await;
    let act = nodes.unclear(survivor, text).await;
    assert_eq!(nodes.times(text).await, is_there, "{network} {moment:?}: nothing was repeated by itself");
    let (status, said) = nodes.post(survivor, profile, key, body).await;
    if network == "linkedin" {
        assert_eq!((status, said["code"].as_str()), (409, Some("unclear")), "{moment:?}: {said}");
        assert_eq!(nodes.times(text).await, is_there, "LinkedIn cannot be asked, and nothing is repeated");
        // The author looks there, and sends it anew where it is missing.
        let put_away = nodes.api("POST", survivor, &format!("/waiting-acts/{act}/withdraw"), Some(json!({}))).await;
        assert_eq!(put_away["state"], "withdrawn", "{put_away}");
        if moment == Moment::Sent {
            assert_eq!(nodes.post(survivor, profile, &format!("{key}-anew"), body).await.0, 201);
        }
    } else {
        assert!(status == 201 && said["id"].is_string(), "{network} {moment:?}: {said}");
        assert_eq!(nodes.post(survivor, profile, key, body).await, (status, said), "{network} {moment:?}");
    }
    assert_eq!(nodes.times(text).await, 1, "{network} {moment:?}: once");
}

#[tokio::test]
async fn what_a_killed_server_was_posting_the_others_find_out_and_say_once() {
    let Some(cluster) = Cluster::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let set = Set { networks: &NETWORKS, keeper: "poll_every = \"1 s\"\n", smtp_port: 0 };
    let mut nodes = Nodes::start(&cluster, folder.path(), set).await;
    let mut round = 0;
    for (network, username, at) in PEOPLE {
        let profile = nodes.connect(network, username).await;
        for moment in [Moment::Sent, Moment::Done] {
            let (killed, survivor) = (nodes.ports[round % 3], nodes.ports[(round + 1) % 3]);
            round += 1;
            let (key, body) = (format!("k-{round}"), json!({ "text": format!("Killed at {network}, {moment:?}") }));
            nodes.gate.stop(at, moment);
            let asking = tokio::spawn(nodes.posting(killed, &profile, &key, &body).send());
            nodes.gate.happened().await;
            nodes.kill(killed);
            assert!(asking.await.unwrap().is_err(), "nobody was answered");
            settled_by(&nodes, survivor, (network, &profile), (&key, &body), moment).await;
            nodes.start_again(killed);
        }
        let events = nodes.api("GET", nodes.ports[0], &format!("/events?profile={profile}&limit=500"), None).await;
        let unclear = events["items"].as_array().unwrap().iter().filter(|event| event["kind"] == "act.post.unclear").count();
        assert_eq!(unclear, 2, "{network}: of several who notice one says so: {events}");
    }
    nodes.audit_is_whole(nodes.ports[0]).await;
}

#[tokio::test]
async fn a_held_post_whose_sender_is_killed_over_it_is_said_once() {
    let Some(cluster) = Cluster::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let set = Set { networks: &["mastodon"], keeper: "poll_every = \"1 s\"\nprobe_every = \"2 s\"\n", smtp_port: 0 };
    let mut nodes = Nodes::start(&cluster, folder.path(), set).await;
    let [first, survivor, third] = nodes.ports;
    let mastodon = nodes.connect("mastodon", "jana.lindner").await;
    for moment in [Moment::Sent, Moment::Done] {
        nodes.control("/people/mastodon/jana.lindner/revoke", json!({})).await;
        let status = async || nodes.api("GET", survivor, &format!("/profiles/{mastodon}"), None).await["status"].clone();
        eventually("disconnected", async || status().await == "disconnected").await;
        let (key, text) = (format!("held-{moment:?}"), format!("Held and killed: {moment:?}"));
        let held = nodes.post(first, &mastodon, &key, &json!({ "text": text, "when_disconnected": "hold" })).await;
        assert_eq!((held.0, held.1["result"].as_str()), (202, Some("held")), "{held:?}");
        // Whoever is there sends it: that is to be the one that is killed.
        nodes.kill(survivor);
        nodes.kill(third);
        nodes.gate.stop("/api/v1/statuses", moment);
        let path = format!("/profiles/{mastodon}/refresh-connection");
        let begun = nodes.api("POST", first, &path, Some(json!({ "via": "redirect" }))).await;
        let asked = json!({ "authorize_url": begun["authorize_url"], "username": "jana.lindner" });
        let url = format!("{}/control/api/consent", nodes.site.sandbox.url());
        let back: Value = nodes.http.post(url).json(&asked).send().await.unwrap().json().await.unwrap();
        let back = back["redirect_to"].as_str().unwrap_or_else(|| panic!("{begun} {back}"));
        assert_eq!(nodes.http.get(back).send().await.unwrap().status(), 200);
        nodes.gate.happened().await;
        nodes.kill(first);
        nodes.start_again(survivor);
        nodes.start_again(third);
        nodes.three_minutes_later().await;
        let act = nodes.unclear(survivor, &text).await;
        assert_eq!(nodes.times(&text).await, usize::from(moment == Moment::Done), "nothing was repeated by itself");
        let said = nodes.api("POST", survivor, &format!("/waiting-acts/{act}/repeat"), Some(json!({}))).await;
        let events = nodes.api("GET", survivor, &format!("/events?profile={mastodon}"), None).await;
        assert_eq!(said["result"], "posted", "{moment:?}: {said} {events}");
        nodes.start_again(first);
        let known = nodes.api("GET", first, &format!("/waiting-acts/{act}"), None).await;
        assert_eq!(known["state"], "done", "{moment:?}: {known}");
        assert_eq!(nodes.times(&text).await, 1, "{moment:?}: once");
    }
}
