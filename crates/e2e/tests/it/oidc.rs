//! A network that is defined by configuration alone, on a certified authorization server that is hard on clients.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use reqwest::Url;
use serde_json::{Value, json};

use crate::world::{Running, client, eventually, free_port};

struct Provider {
    child: Child,
    issuer: String,
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Provider {
    /// Starts one for a client at that address, which authenticates by the keys at the other; `None`, loudly, when it is not installed.
    fn start(redirect: &str, jwks: Option<&str>) -> Option<Self> {
        let Some(cache) = std::env::var_os("STAYGREEN_TEST_OIDC") else {
            crate::skipped("the test against oidc-provider: STAYGREEN_TEST_OIDC does not name where it is installed");
            return None;
        };
        let mut command = Command::new("bash");
        command.envs(jwks.map(|jwks| ("CLIENT_JWKS", jwks)));
        let mut child = command
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/peers/oidc-provider.sh"))
            .env("PEER_CACHE", cache)
            .env("OP_PORT", free_port().to_string())
            .env("REDIRECT", redirect)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("oidc-provider did not get ready: {line:?}"));
        Some(Self { child, issuer: ready["issuer"].as_str().unwrap().to_owned() })
    }

    /// What a person does there: signs in, consents; the address to come back to.
    async fn consent(&self, authorize_url: &str, login: &str) -> String {
        let http = client();
        let mut cookies: Vec<(String, String)> = vec![];
        let mut request = http.get(authorize_url);
        for _ in 0..12 {
            let sent: Vec<String> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let answer = request.header("cookie", sent.join("; ")).send().await.unwrap();
            for cookie in answer.headers().get_all("set-cookie") {
                let (name, value) = cookie.to_str().unwrap().split(';').next().unwrap().split_once('=').unwrap();
                cookies.retain(|(known, _)| known != name);
                cookies.push((name.to_owned(), value.to_owned()));
            }
            if let Some(to) = answer.headers().get("location").map(|to| to.to_str().unwrap().to_owned()) {
                let to = Url::parse(&self.issuer).unwrap().join(&to).unwrap();
                if !to.as_str().starts_with(&self.issuer) {
                    return to.into();
                }
                request = http.get(to);
                continue;
            }
            let page = answer.text().await.unwrap();
            let action = page.split("action=\"").nth(1).unwrap_or_else(|| panic!("{page}")).split('"').next().unwrap().to_owned();
            let form = if page.contains("value=\"login\"") {
                vec![("prompt", "login"), ("login", login), ("password", "x")]
            } else {
                vec![("prompt", "consent")]
            };
            request = http.post(action).form(&form);
        }
        panic!("the login at {} does not end", self.issuer);
    }
}

/// Runs a command of the same installation.
pub(crate) fn run(file: &std::path::Path, arguments: &[&str]) -> String {
    let output = Command::new(crate::world::binary()).args(arguments).args(["--config", file.to_str().unwrap()]).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn a_network_of_the_configuration_lives_on_a_strict_authorization_server() {
    whole_life(false).await;
}

/// The same with pushed requests (RFC 9126) and a key instead of a secret (RFC 7523), whose public half the server fetches from us.
#[tokio::test]
async fn a_network_of_the_configuration_pushes_its_requests_and_authenticates_by_a_key() {
    whole_life(true).await;
}

/// A new key on P-256, as the server's own tools make one.
fn new_key(file: &std::path::Path) {
    let make = "process.stdout.write(crypto.generateKeyPairSync('ec',{namedCurve:'P-256'}).privateKey.export({type:'pkcs8',format:'pem'}))";
    let made = Command::new("node").args(["-e", make]).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    std::fs::write(file, made.stdout).unwrap();
}

async fn whole_life(by_key: bool) {
    let port = free_port();
    let ours = format!("http://127.0.0.1:{port}/oauth");
    let jwks = format!("{ours}/intranet-jwks.json");
    let Some(provider) = Provider::start(&format!("{ours}/callback/intranet"), by_key.then_some(jwks.as_str())) else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("staygreen.toml");
    let op = &provider.issuer;
    let key_file = folder.path().join("client.pem");
    let (secret, auth, par) = if by_key {
        new_key(&key_file);
        let secret = format!("client_secret_file = \"{}\"", key_file.display());
        (secret, ", client_auth = \"private_key_jwt\"", format!(", par = \"{op}/request\""))
    } else {
        ("client_secret = \"a secret/+:%\"".to_owned(), "", String::new())
    };
    let config = format!(
        "[server]\nlisten = \"127.0.0.1:{port}\"\ndata_dir = \"{}\"\nallow_private_networks = [\"127.0.0.0/8\"]\n\
         [keeper]\npoll_every = \"500 ms\"\nprobe_every = \"2 s\"\nidle_check_every = \"2 s\"\n\
         [networks.intranet]\nkind = \"oauth2\"\ntitle = \"Intranet\"\nclient_id = \"staygreen\"\n{secret}\nsecond_look_after = \"1 s\"\n\
         scopes = [\"openid\", \"offline_access\", \"profile\"]\noptions = {{ issuer = \"{op}\"{auth} }}\n\
         endpoints = {{ authorize = \"{op}/auth\", token = \"{op}/token\", userinfo = \"{op}/me\", introspect = \"{op}/token/introspection\", revoke = \"{op}/token/revocation\"{par} }}\n",
        folder.path().join("data").display(),
    );
    std::fs::write(&file, config).unwrap();
    let mut create = vec!["api-key", "create", "--name", "test", "--json"];
    for permission in ["networks:read", "profiles:read", "profiles:connect", "profiles:refresh", "profiles:delete", "events:read"] {
        create.extend(["--permission", permission]);
    }
    let key: Value = serde_json::from_str(&run(&file, &create)).unwrap();
    let server = Running::start(&["serve", "--config", file.to_str().unwrap()], &[]);
    let key = key["api_key"].as_str().unwrap().to_owned();
    let http = client();
    let api = async |method: &str, path: &str, body: Value| -> Value {
        let request = http.request(method.parse().unwrap(), format!("{}/api/v1{path}", server.url())).bearer_auth(&key);
        let request = if body.is_null() { request } else { request.json(&body) };
        request.send().await.unwrap().json().await.unwrap_or(Value::Null)
    };
    let networks = api("GET", "/networks", Value::Null).await;
    let shown = networks["items"].as_array().unwrap().iter().find(|network| network["name"] == "intranet").unwrap();
    assert_eq!(shown["title"], "Intranet");

    let begun = api("POST", "/connections", json!({ "network": "intranet" })).await;
    let back = provider.consent(begun["authorize_url"].as_str().unwrap(), "ana").await;
    let page = http.get(&back).send().await.unwrap().text().await.unwrap();
    let id = begun["id"].as_str().unwrap();
    let connection = api("GET", &format!("/connections/{id}"), Value::Null).await;
    assert_eq!(connection["status"], "choose", "{connection} {page}");
    let added = api("POST", &format!("/connections/{id}/profiles"), json!({ "ids": ["ana"] })).await;
    let profile = added["profiles"][0]["id"].as_str().or(added["profiles"][0].as_str()).unwrap_or_else(|| panic!("{added}")).to_owned();
    let show = async || api("GET", &format!("/profiles/{profile}"), Value::Null).await;
    eventually("green", async || show().await["status"] == "connected").await;

    // Access tokens live 20 s there, refresh tokens are good for one use each.
    let renewals = async || {
        let events = api("GET", &format!("/events?profile={profile}"), Value::Null).await;
        events["items"].as_array().unwrap().iter().filter(|event| event["kind"] == "grant.renewed").count()
    };
    eventually("renewed twice", async || renewals().await >= 2).await;
    assert_eq!(show().await["status"], "connected");

    let wrong = api("POST", &format!("/profiles/{profile}/refresh-connection"), json!({ "via": "redirect" })).await;
    let back = provider.consent(wrong["authorize_url"].as_str().unwrap(), "ben").await;
    let page = http.get(back).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("Expected: Name of ana") && page.contains("Name of ben"), "{page}");
    assert_eq!(show().await["status"], "connected");

    // Deleting the profile revokes there: the job survives until the server has said so.
    let deleted = http.delete(format!("{}/api/v1/profiles/{profile}", server.url())).bearer_auth(&key).send().await.unwrap();
    assert_eq!(deleted.status(), 204);
    let events = async || api("GET", "/events", Value::Null).await;
    eventually("revoked at the network", async || events().await.to_string().contains("revocation.ended")).await;
}
