//! What an operator sets of a shipped network, without a build: in the file and by the environment, seen where people and tools see it.

use std::process::Command;

use serde_json::{Value, json};

use crate::world::{Running, binary, client};

#[tokio::test]
async fn what_is_known_of_a_network_is_set_by_the_file_and_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("staygreen.toml");
    let config = format!(
        "[server]\nlisten = \"127.0.0.1:0\"\ndata_dir = \"{}\"\n\
         [networks.linkedin]\naccess_life = \"10 d\"\nmanual_renewal_every = \"90 d\"\noptions = {{ pictures_max = 3 }}\n\
         [networks.tumblr]\nclient_id = \"ours\"\nclient_secret = \"secret\"\nscopes = [\"basic\"]\n\
         options = {{ \"authorize.lang\" = \"de\" }}\n\
         [networks.tumblr.endpoints]\nauthorize = \"https://login.moved.example/oauth\"\n",
        folder.path().join("data").display(),
    );
    std::fs::write(&file, config).unwrap();
    let mut create = vec!["api-key", "create", "--name", "test", "--json"];
    for permission in ["networks:read", "profiles:read", "profiles:connect"] {
        create.extend(["--permission", permission]);
    }
    let key: Value = serde_json::from_str(&crate::oidc::run(&file, &create)).unwrap();
    let set = [("STAYGREEN_NETWORKS__LINKEDIN__REFRESH_LIFE", "80 d"), ("STAYGREEN_NETWORKS__THREADS__OPTIONS__PICTURES_MAX", "5")];
    let server = Running::start(&["serve", "--config", file.to_str().unwrap()], &set);
    let http = client();
    let api = async |method: &str, path: &str, body: Value| -> Value {
        let request = http.request(method.parse().unwrap(), format!("{}/api/v1{path}", server.url()));
        let request = request.bearer_auth(key["api_key"].as_str().unwrap());
        let sent = if body.is_null() { request } else { request.json(&body) }.send().await.unwrap();
        sent.json().await.unwrap()
    };
    let networks = api("GET", "/networks", Value::Null).await;
    let of = |name: &str| networks["items"].as_array().unwrap().iter().find(|network| network["name"] == name).unwrap().clone();
    let linkedin = of("linkedin");
    let days = |days: i64| json!(days * 86_400);
    let lives = json!({ "access_seconds": days(10), "refresh_seconds": days(80), "manual_renewal_seconds": days(90) });
    assert_eq!(linkedin["lifetimes"], lives);
    assert_eq!(linkedin["media"]["pictures"], 3);
    assert!(linkedin["media"]["words"].as_str().unwrap().contains("up to 3 pictures"), "{linkedin}");
    assert_eq!((&of("threads")["media"]["pictures"], &of("facebook")["media"]["pictures"]), (&json!(5), &json!(10)));
    let begun = api("POST", "/connections", json!({ "network": "tumblr" })).await;
    let address = begun["authorize_url"].as_str().unwrap();
    assert!(address.starts_with("https://login.moved.example/oauth?") && address.contains("scope=basic&"), "{address}");
    assert!(address.ends_with("&lang=de"), "{address}");
    drop(server);
    // A mistyped key is no setting that does nothing, and neither is a parameter that the protocol needs for itself.
    let good = std::fs::read_to_string(&file).unwrap();
    let refused = |from: &str, to: &str| {
        assert!(good.contains(from));
        std::fs::write(&file, good.replace(from, to)).unwrap();
        let refused = Command::new(binary()).args(["serve", "--config", file.to_str().unwrap()]).output().unwrap();
        assert!(!refused.status.success(), "{to}");
        String::from_utf8_lossy(&refused.stderr).into_owned()
    };
    let said = refused("authorize = \"https", "authorise = \"https");
    assert!(said.contains("endpoints.authorise") && said.contains("authorize, token"), "{said}");
    let said = refused("\"authorize.lang\" = \"de\"", "\"authorize.redirect_uri\" = \"https://other.example\"");
    assert!(said.contains("line 8") && said.contains("authorize.redirect_uri") && said.contains("server.public_url"), "{said}");
}
