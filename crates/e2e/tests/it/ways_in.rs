//! Ways in beside the usual login: a second app at a network, a webhook that was made by hand, a number typed from the network's page.

use serde_json::{Value, json};

use crate::authorised::call;
use crate::oidc::run;
use crate::world::{Running, client};

/// A server whose networks are the sandbox's, set up in this way.
struct House {
    server: Running,
    sandbox: Running,
    key: String,
    _folder: tempfile::TempDir,
}

impl House {
    fn build(networks: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let sandbox = Running::start(&["sandbox", "--port", "0"], &[]);
        let file = folder.path().join("staygreen.toml");
        let networks = networks.replace("SANDBOX", sandbox.url());
        let data = folder.path().join("data");
        std::fs::write(&file, format!("[server]\nlisten = \"127.0.0.1:0\"\ndata_dir = \"{}\"\n{networks}", data.display())).unwrap();
        let mut create = vec!["api-key", "create", "--name", "tool"];
        for permission in ["networks:read", "profiles:read", "profiles:connect", "posts:write"] {
            create.extend(["--permission", permission]);
        }
        let key = run(&file, &create).trim().to_owned();
        let server = Running::start(&["serve", "--config", file.to_str().unwrap()], &[]);
        Self { server, sandbox, key, _folder: folder }
    }

    async fn api(&self, method: &str, path: &str, body: Option<Value>) -> Value {
        call(self.server.url(), &self.key, method, path, body).await.1
    }

    async fn control(&self, path: &str, body: &Value) -> Value {
        client().post(format!("{}/control/api/{path}", self.sandbox.url())).json(body).send().await.unwrap().json().await.unwrap()
    }

    async fn consent(&self, authorize_url: &str, username: &str) -> String {
        let body = json!({ "authorize_url": authorize_url, "username": username });
        self.control("consent", &body).await["redirect_to"].as_str().unwrap().to_owned()
    }

    /// Everything usable that a connection brought, once the person is back.
    async fn add(&self, begun: &Value) -> Vec<Value> {
        let path = format!("/connections/{}", begun["id"].as_str().unwrap());
        let connection = self.api("GET", &path, None).await;
        if connection["status"] == "choose" {
            let found = connection["discovered"].as_array().unwrap().iter();
            let ids: Vec<&Value> = found.filter(|found| found["usable"] == true).map(|found| &found["id"]).collect();
            self.api("POST", &format!("{path}/profiles"), Some(json!({ "ids": ids }))).await;
        }
        self.api("GET", "/profiles", None).await["items"].as_array().unwrap().clone()
    }
}

#[tokio::test]
async fn a_second_app_at_a_network_lives_beside_the_first() {
    let house = House::build(
        "[networks.linkedin]\nclient_id = \"sandbox-linkedin\"\nclient_secret = \"sandbox-linkedin-secret\"\nbase_url = \"SANDBOX/linkedin\"\n\
         scopes = [\"openid\", \"profile\", \"w_member_social\"]\n\
         [networks.linkedin_pages]\nlike = \"linkedin\"\ntitle = \"LinkedIn pages\"\nclient_id = \"sandbox-linkedin\"\n\
         client_secret = \"sandbox-linkedin-secret\"\nbase_url = \"SANDBOX/linkedin\"\n\
         scopes = [\"r_basicprofile\", \"rw_organization_admin\", \"w_organization_social\"]\n",
    );
    let offered = house.api("GET", "/networks", None).await;
    let shown = offered["items"].as_array().unwrap().iter().find(|network| network["name"] == "linkedin_pages").expect("it is offered");
    assert_eq!(shown["title"], "LinkedIn pages");
    for (network, username) in [("linkedin", "lea.hoffmann"), ("linkedin_pages", "tom.becker")] {
        let begun = house.api("POST", "/connections", Some(json!({ "network": network }))).await;
        let back = house.consent(begun["authorize_url"].as_str().unwrap(), username).await;
        assert!(back.contains(&format!("/oauth/callback/{network}?")), "each has an address of its own: {back}");
        client().get(back).send().await.unwrap();
        house.add(&begun).await;
    }
    let profiles = house.api("GET", "/profiles", None).await["items"].as_array().unwrap().clone();
    let mut all: Vec<(&str, &str)> =
        profiles.iter().map(|profile| (profile["network"].as_str().unwrap(), profile["name"].as_str().unwrap())).collect();
    all.sort_unstable();
    assert_eq!(all, [("linkedin", "Lea Hoffmann"), ("linkedin_pages", "Fernweh Outdoor")]);
    for profile in &profiles {
        let path = format!("/profiles/{}/posts", profile["id"].as_str().unwrap());
        let (status, posted) = call(house.server.url(), &house.key, "POST", &path, Some(json!({ "text": "New huts" }))).await;
        assert_eq!(status, 201, "{posted}");
    }
}

#[tokio::test]
async fn a_webhook_made_by_hand_needs_no_login() {
    let house = House::build(
        "[networks.discord]\nclient_id = \"sandbox-discord\"\nclient_secret = \"sandbox-discord-secret\"\nbase_url = \"SANDBOX/discord\"\n",
    );
    let address = house.control("webhooks", &json!({ "page": 1_100_000_000_000_000_201_u64 })).await["url"].as_str().unwrap().to_owned();
    let wrong =
        house.api("POST", "/connections", Some(json!({ "network": "discord", "handle": "https://evil.example/api/webhooks/1/x" }))).await;
    assert!(wrong["detail"].as_str().is_some_and(|detail| detail.contains("no address of a webhook")), "{wrong}");
    let begun = house.api("POST", "/connections", Some(json!({ "network": "discord", "handle": address }))).await;
    let to = begun["authorize_url"].as_str().unwrap_or_else(|| panic!("{begun}"));
    assert!(
        to.starts_with(house.server.url()) && !to.contains(address.rsplit('/').next().unwrap()),
        "straight back, without the secret: {to}"
    );
    client().get(to).send().await.unwrap();
    let profiles = house.add(&begun).await;
    assert_eq!((profiles.len(), profiles[0]["status"].as_str()), (1, Some("connected")), "{profiles:?}");
    let path = format!("/profiles/{}/posts", profiles[0]["id"].as_str().unwrap());
    let (status, posted) = call(house.server.url(), &house.key, "POST", &path, Some(json!({ "text": "New huts" }))).await;
    assert_eq!(status, 201, "{posted}");
}

/// XING cannot lead back to an address that was not registered years ago: the person types a number.
#[tokio::test]
async fn a_number_from_the_networks_page_connects() {
    let house = House::build(
        "[networks.xing]\nclient_id = \"sandbox-xing\"\nclient_secret = \"sandbox-xing-secret\"\nbase_url = \"SANDBOX/xing\"\noptions = { callback = \"oob\" }\n",
    );
    let begun = house.api("POST", "/connections", Some(json!({ "network": "xing" }))).await;
    let ours = begun["authorize_url"].as_str().unwrap_or_else(|| panic!("{begun}"));
    let read = async |url: &str| {
        let answer = client().get(url).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let (status, page) = read(ours).await;
    let there = page.split("href=\"").find(|link| link.contains("/xing/v1/authorize")).and_then(|link| link.split('"').next()).unwrap();
    assert_eq!(status, 200);
    let token = there.split("oauth_token=").nth(1).unwrap().to_owned();
    let back = house.consent(there, "karl.voss").await;
    let pin = back.split("oauth_verifier=").nth(1).unwrap();
    // What the form on the page sends.
    assert!(page.contains("action=\"/oauth/callback/xing\"") && page.contains("name=\"oauth_verifier\""), "{page}");
    let state = ours.split("state=").nth(1).unwrap();
    client()
        .get(format!("{}/oauth/callback/xing?oauth_token={token}&state={state}&oauth_verifier={pin}", house.server.url()))
        .send()
        .await
        .unwrap();
    assert_eq!(house.add(&begun).await[0]["name"], "Karl Voss");
    // Without what it needs there is no such page, nor at networks that lead back by themselves.
    for path in [
        "/oauth/pin/xing",
        "/oauth/pin/xing?oauth_token=x",
        "/oauth/pin/linkedin?oauth_token=x&state=s",
        "/oauth/pin/myspace?oauth_token=x&state=s",
    ] {
        assert_eq!(read(&format!("{}{path}", house.server.url())).await.0, 404, "{path}");
    }
}
