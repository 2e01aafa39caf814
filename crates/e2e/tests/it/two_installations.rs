//! Two installations, each with a database of its own, share one network app: each keeps its own login of the same person.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};
use store::Store;
use store::seal::Keyring;

use crate::nodes::{Site, api_key};
use crate::world::{Running, client, eventually, free_port};

const PEOPLE: [(&str, &str); 2] = [("tiktok", "fernweh.outdoor"), ("x", "fernwehoutdoor")];

struct Installation {
    site: Site,
    port: u16,
    profiles: Vec<String>,
    server: Running,
}

impl Installation {
    async fn start(sandbox: &Arc<Running>, folder: &Path, http: &reqwest::Client) -> Self {
        let mut site = Site::new(Arc::clone(sandbox), format!("sqlite:{}", folder.join("one.db").display()), folder);
        let port = free_port();
        site.key = api_key(&site.config(port));
        let server = site.serve(port);
        for (network, username) in PEOPLE {
            site.connect(http, port, network, username).await;
        }
        let listed = site.api(http, "GET", port, "/profiles", None).await.unwrap();
        let profiles: Vec<String> =
            listed["items"].as_array().unwrap().iter().map(|profile| profile["id"].as_str().unwrap().to_owned()).collect();
        assert_eq!(profiles.len(), PEOPLE.len(), "{listed}");
        Self { site, port, profiles, server }
    }

    async fn ask(&self, http: &reqwest::Client, path: &str) -> Value {
        self.site.api(http, "GET", self.port, path, None).await.unwrap_or_default()
    }

    /// Every token is renewed: none lives that long.
    async fn renew(&self, http: &reqwest::Client) {
        for profile in &self.profiles {
            let lent = self.ask(http, &format!("/profiles/{profile}/access-token?min_ttl=86400")).await;
            assert!(lent["access_token"].is_string() || lent["code"].is_string(), "{lent}");
        }
    }

    async fn is_green(&self, http: &reqwest::Client) -> bool {
        let listed = self.ask(http, "/profiles?status=connected").await;
        listed["items"].as_array().is_some_and(|items| items.len() == PEOPLE.len())
    }

    /// How many mails were written that a token died; asked when the server has stopped.
    async fn told_of_deaths(mut self) -> usize {
        self.server.kill();
        let keys = Keyring::open_or_create(&self.site.folder.join("keys.toml")).unwrap();
        let store = Store::open(&self.site.database, keys).await.unwrap();
        let mut tx = store.read().await.unwrap();
        tx.all("SELECT id FROM outbox WHERE kind = 'no_access_tokens'", &[]).await.unwrap().len()
    }
}

#[tokio::test]
async fn two_installations_with_one_network_app_keep_the_same_person_s_logins_apart() {
    let (one, other, http) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), client());
    let sandbox = Arc::new(Running::start(&["sandbox", "--port", "0"], &[]));
    let one = Installation::start(&sandbox, one.path(), &http).await;
    let other = Installation::start(&sandbox, other.path(), &http).await;
    let before = one.site.renewed(&http).await;
    for _ in 0..4 {
        tokio::join!(one.renew(&http), other.renew(&http));
    }
    eventually("both have renewed", async || one.site.renewed(&http).await >= before + 8).await;
    // The network says the app has asked enough: both wait, and nobody's token is called dead for it.
    let mood = async |mood: &str| {
        let body = json!({ "network": "tiktok", "mood": mood });
        assert!(http.post(format!("{}/control/api/mood", sandbox.url())).json(&body).send().await.unwrap().status().is_success());
    };
    mood("rate_limited").await;
    tokio::join!(one.renew(&http), other.renew(&http));
    mood("normal").await;
    assert_eq!(one.site.presented_again(&http).await, 0, "no token was shown twice");
    for installation in [one, other] {
        eventually("every profile is connected", async || installation.is_green(&http).await).await;
        assert_eq!(installation.told_of_deaths().await, 0);
    }
}
