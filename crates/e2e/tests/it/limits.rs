//! What the operator limits: how many profiles there are, how long a renewal link is valid. And what ends by itself: an invitation.

use serde_json::{Value, json};

use crate::authorised::call;
use crate::kill::first_admin;
use crate::world::{Demo, Running, binary, client, eventually, free_port};

/// A server with limits, at the sandbox's LinkedIn and Pinterest.
struct Limited {
    _folder: tempfile::TempDir,
    sandbox: Running,
    server: Running,
    key: String,
}

impl Limited {
    fn start(limits: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let sandbox = Running::start(&["sandbox", "--port", "0"], &[]);
        let network = |name: &str| {
            let at = format!("{}/{name}", sandbox.url());
            format!("[networks.{name}]\nclient_id = \"sandbox-{name}\"\nclient_secret = \"sandbox-{name}-secret\"\nbase_url = \"{at}\"\n")
        };
        let (port, data) = (free_port(), folder.path().join("data"));
        let server = format!("[server]\nlisten = \"127.0.0.1:{port}\"\ndata_dir = \"{}\"\n{limits}\n", data.display());
        std::fs::write(folder.path().join("staygreen.toml"), server + &network("linkedin") + &network("pinterest")).unwrap();
        let config = folder.path().join("staygreen.toml").to_str().unwrap().to_owned();
        let mut create = std::process::Command::new(binary());
        create.args(["api-key", "create", "--name", "tool", "--config", &config]);
        for permission in ["profiles:read", "profiles:connect", "profiles:refresh", "profiles:check"] {
            create.args(["--permission", permission]);
        }
        let key = String::from_utf8(create.output().unwrap().stdout).unwrap().trim().to_owned();
        let server = Running::start(&["serve", "--config", &config], &[]);
        Self { _folder: folder, sandbox, server, key }
    }

    async fn api(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        call(self.server.url(), &self.key, method, path, body).await
    }

    /// Somebody logs in: the connection, and the page they come back to.
    async fn log_in(&self, network: &str, username: &str) -> (String, String) {
        let (status, begun) = self.api("POST", "/connections", Some(json!({ "network": network }))).await;
        assert_eq!(status, 201, "{begun}");
        let body = json!({ "authorize_url": begun["authorize_url"], "username": username });
        let consent = client().post(format!("{}/control/api/consent", self.sandbox.url())).json(&body).send().await.unwrap();
        let consent: Value = consent.json().await.unwrap();
        let page = client().get(consent["redirect_to"].as_str().unwrap()).send().await.unwrap();
        (format!("/connections/{}", begun["id"].as_str().unwrap()), page.text().await.unwrap())
    }

    async fn choose(&self, connection: &str, ids: &[&str]) -> (u16, Value) {
        self.api("POST", &format!("{connection}/profiles"), Some(json!({ "ids": ids }))).await
    }

    async fn profiles(&self) -> Vec<Value> {
        self.api("GET", "/profiles", None).await.1["items"].as_array().unwrap().clone()
    }
}

const OUTDOOR: &str = "urn:li:organization:1001";
const TRAVEL: &str = "urn:li:organization:1002";

#[tokio::test]
async fn a_full_house_takes_no_more_profiles_and_still_repairs_and_strengthens_those_it_has() {
    let house = Limited::start("profile_limit = 2");
    let (jana, _) = house.log_in("linkedin", "jana.lindner").await;
    let found = house.api("GET", &jana, None).await.1["discovered"].clone();
    let usable: Vec<&str> =
        found.as_array().unwrap().iter().filter(|found| found["usable"] == true).map(|found| found["id"].as_str().unwrap()).collect();
    assert!(usable.len() > 2 && usable.contains(&OUTDOOR) && usable.contains(&TRAVEL), "{found}");
    let (status, problem) = house.choose(&jana, &usable).await;
    assert_eq!((status, problem["code"].as_str()), (409, Some("profile_limit")), "{problem}");
    assert!(problem["detail"].as_str().unwrap().starts_with("0 of 2 profiles are connected"), "{problem}");
    assert!(house.profiles().await.is_empty(), "all of them or none");
    assert_eq!(house.choose(&jana, &[OUTDOOR, TRAVEL]).await.0, 200);

    // What comes along by itself finds no room either, and the page says so.
    let (boards, page) = house.log_in("pinterest", "fernwehoutdoor").await;
    assert!(page.contains("The profile limit is reached") && page.contains("No profile was added"), "{page}");
    let (_, connection) = house.api("GET", &boards, None).await;
    assert_eq!(
        (connection["status"].as_str(), connection["error"]["code"].as_str()),
        (Some("failed"), Some("profile_limit")),
        "{connection}"
    );

    // Another admin of a page that is here takes no room, nor does whoever connects it once more.
    let (tom, _) = house.log_in("linkedin", "tom.becker").await;
    let (status, added) = house.choose(&tom, &[OUTDOOR]).await;
    assert_eq!(status, 200, "{added}");
    let outdoor = house.api("GET", &format!("/profiles/{}", added["profiles"][0].as_str().unwrap()), None).await.1;
    assert_eq!(outdoor["accesses"].as_array().unwrap().len(), 2, "{outdoor}");
    let (jana, _) = house.log_in("linkedin", "jana.lindner").await;
    assert_eq!(house.choose(&jana, &[OUTDOOR, TRAVEL]).await.0, 200);
    let own = usable.iter().find(|id| ![OUTDOOR, TRAVEL].contains(id)).unwrap();
    let (status, problem) = house.choose(&jana, &[OUTDOOR, own]).await;
    assert!(status == 409 && problem["detail"].as_str().unwrap().starts_with("2 of 2"), "{problem}");
    assert_eq!(house.profiles().await.len(), 2);
}

/// A network where everything comes along has more than there is room for: what is here is repaired, as much as fits is added, and what
/// stays outside is named.
#[tokio::test]
async fn a_login_that_brings_more_than_fits_reconnects_what_is_here_and_says_what_is_left_out() {
    let house = Limited::start("profile_limit = 4");
    let (first, page) = house.log_in("pinterest", "fernwehoutdoor").await;
    let (_, connection) = house.api("GET", &first, None).await;
    assert_eq!((connection["status"].as_str(), connection["profiles"].as_array().unwrap().len()), (Some("complete"), 4), "{connection}");
    let found = connection["discovered"].as_array().unwrap().len();
    let names: Vec<String> = house.profiles().await.iter().map(|profile| profile["name"].as_str().unwrap().to_owned()).collect();
    assert!(names.contains(&"Fernweh Outdoor".to_owned()), "the account first, which its boards need: {names:?}");
    let left_out: Vec<&str> = connection["discovered"]
        .as_array()
        .unwrap()
        .iter()
        .map(|found| found["name"].as_str().unwrap())
        .filter(|name| !names.iter().any(|known| known == name))
        .collect();
    assert_eq!(left_out.len(), found - 4);
    let words = connection["error"]["words"].as_str().unwrap_or_default().to_owned();
    assert_eq!(connection["error"]["code"], "profile_limit", "{connection}");
    for name in &left_out {
        assert!(words.contains(name) && page.contains(name), "{name}: {words} {page}");
    }
    assert!(words.contains("At most 4 profiles") && words.contains("whoever operates this server"), "{words}");

    // The person takes the access back and logs in again: all four work again, although nothing more fits.
    let before: Vec<Value> = house.profiles().await;
    let url = format!("{}/control/api/people/pinterest/fernwehoutdoor/revoke", house.sandbox.url());
    assert_eq!(client().post(url).json(&json!({})).send().await.unwrap().status(), 200);
    let id = before[0]["id"].as_str().unwrap();
    assert_eq!(house.api("POST", &format!("/profiles/{id}/check"), None).await.0, 200);
    eventually("they are red", async || house.profiles().await.iter().all(|profile| profile["status"] == "disconnected")).await;
    let (again, page) = house.log_in("pinterest", "fernwehoutdoor").await;
    let (_, connection) = house.api("GET", &again, None).await;
    assert_eq!((connection["status"].as_str(), connection["profiles"].as_array().unwrap().len()), (Some("complete"), 4), "{connection}");
    assert!(page.contains("No room was left for"), "{page}");
    let after = house.profiles().await;
    assert!(after.len() == 4 && after.iter().all(|profile| profile["status"] == "connected"), "{after:?}");
    let ids = |all: &[Value]| all.iter().map(|profile| profile["id"].clone()).collect::<Vec<_>>();
    assert_eq!(ids(&before), ids(&after), "the same ones");
}

/// Where profiles are chosen the page says for how many there is room, and proposes no more than that.
#[tokio::test]
async fn whoever_chooses_sees_how_much_room_there_is() {
    let house = Limited::start("profile_limit = 1");
    let cookie = first_admin(&client(), &house.server).await;
    let page = async |connection: &str| {
        let address = format!("{}/settings/profiles{connection}", house.server.url());
        let answer = client().get(address).header("cookie", &cookie).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        answer.text().await.unwrap()
    };
    let (jana, _) = house.log_in("linkedin", "jana.lindner").await;
    let shown = page(&jana).await;
    assert!(shown.contains("There is room for one more profile: 0 of 1 are connected."), "{shown}");
    assert_eq!((shown.matches(" checked>").count(), shown.matches("connected already").count()), (1, 0), "{shown}");
    assert_eq!(house.choose(&jana, &[OUTDOOR]).await.0, 200);
    let (again, _) = house.log_in("linkedin", "jana.lindner").await;
    let shown = page(&again).await;
    assert!(shown.contains("There is room for 0 more profiles: 1 of 1 are connected."), "{shown}");
    assert!(shown.contains(&format!("value=\"{OUTDOOR}\" checked>")) && shown.matches(" checked>").count() == 1, "{shown}");
    assert_eq!(shown.matches("connected already").count(), 1, "{shown}");
}

#[tokio::test]
async fn a_renewal_link_is_valid_as_long_as_the_operator_wants() {
    let house = Limited::start("renewal_link_max = \"2 h\"");
    let (jana, _) = house.log_in("linkedin", "jana.lindner").await;
    let added = house.choose(&jana, &[OUTDOOR]).await.1;
    let path = format!("/profiles/{}/refresh-connection", added["profiles"][0].as_str().unwrap());
    let (status, made) = house.api("POST", &path, Some(json!({ "via": "link" }))).await;
    assert_eq!(status, 201, "{made}");
    let listed = house.api("GET", "/renewal-links", None).await.1["items"][0].clone();
    let at = |name: &str| lifecycle::moment::rfc3339(listed[name].as_str().unwrap()).unwrap().as_seconds();
    assert_eq!(at("expires_at") - at("created_at"), 2 * 3600, "{listed}");
    assert_eq!(made["expires_at"], listed["expires_at"]);
}

#[tokio::test]
async fn an_invitation_ends_after_72_hours_and_a_new_one_takes_its_place() {
    let demo = Demo::start();
    let url = demo.running.url();
    let (status, nele) = demo.api("POST", "/users", Some(json!({ "email": "nele@fernweh.example", "name": "Nele Ruhr" }))).await;
    assert_eq!(status, 201, "{nele}");
    let link = nele["invitation"].as_str().unwrap().to_owned();
    let look = async |link: &str| client().get(link).send().await.unwrap().status().as_u16();
    let choose = async |link: &str| {
        let request = client().post(link).header("origin", url).form(&[("password", "a-good-long-password")]);
        request.send().await.unwrap().status().as_u16()
    };
    demo.control("/clock", json!({ "advance_seconds": 71 * 3600 })).await;
    assert_eq!(look(&link).await, 200, "an hour before");
    demo.control("/clock", json!({ "advance_seconds": 3601 })).await;
    assert_eq!((look(&link).await, choose(&link).await), (410, 410), "three days and a second later");
    let again = format!("/users/{}/invitation", nele["id"].as_str().unwrap());
    let (status, again) = demo.api("POST", &again, None).await;
    assert_eq!(status, 201, "{again}");
    let new = again["invitation"].as_str().unwrap();
    assert_eq!((look(&link).await, look(new).await, choose(new).await, choose(new).await), (410, 200, 303, 410), "once");
}
