//! A tool begins a connection and gets the person back; NT-05: nobody is sent anywhere else.

use serde_json::{Value, json};

use crate::oidc::run;
use crate::world::{Running, client};

#[tokio::test]
async fn nt_05_people_go_back_to_the_tool_and_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("staygreen.toml");
    let sandbox = Running::start(&["sandbox", "--port", "0"], &[]);
    let config = format!(
        "[server]\nlisten = \"127.0.0.1:0\"\ndata_dir = \"{}\"\nreturn_origins = [\"https://tool.example\"]\n\
         [networks.linkedin]\nclient_id = \"sandbox-linkedin\"\nclient_secret = \"sandbox-linkedin-secret\"\nbase_url = \"{}/linkedin\"\n",
        folder.path().join("data").display(),
        sandbox.url(),
    );
    std::fs::write(&file, &config).unwrap();
    let key = run(&file, &["api-key", "create", "--name", "tool", "--json", "--permission", "profiles:connect"]);
    let key: Value = serde_json::from_str(&key).unwrap();
    let key = key["api_key"].as_str().unwrap();
    let server = Running::start(&["serve", "--config", file.to_str().unwrap()], &[]);
    let http = client();
    let begin = async |return_to: &str| {
        let body = json!({ "network": "linkedin", "return_to": return_to });
        let sent = http.post(format!("{}/api/v1/connections", server.url())).bearer_auth(key).json(&body).send().await.unwrap();
        (sent.status().as_u16(), sent.json::<Value>().await.unwrap())
    };
    let consent = async |begun: &Value, deny: bool| {
        let asked = json!({ "authorize_url": begun["authorize_url"], "username": "jana.lindner", "deny": deny });
        let said = http.post(format!("{}/control/api/consent", sandbox.url())).json(&asked).send().await.unwrap();
        let said: Value = said.json().await.unwrap();
        let back = http.get(said["redirect_to"].as_str().unwrap()).send().await.unwrap();
        (back.status().as_u16(), back.headers()["location"].to_str().unwrap().to_owned())
    };

    for elsewhere in [
        "https://tool.example.evil/x",
        "https://tool.example@evil/x",
        "http://tool.example/x",
        "https://tool.example:444/x",
        "//tool.example/x",
        "/\\tool.example",
        "javascript:alert(1)",
        "data:text/html,x",
        "",
    ] {
        let (status, problem) = begin(elsewhere).await;
        assert_eq!((status, &problem["field"]), (422, &"return_to".into()), "{elsewhere:?}: {problem}");
    }
    let (status, begun) = begin("https://tool.example/connected?mine=1").await;
    assert_eq!(status, 201, "{begun}");
    let id = begun["id"].as_str().unwrap();
    let went = consent(&begun, false).await;
    assert_eq!(went, (303, format!("https://tool.example/connected?mine=1&connection={id}&status=choose")));
    let (_, begun) = begin("https://tool.example/connected").await;
    let id = begun["id"].as_str().unwrap();
    let went = consent(&begun, true).await;
    assert_eq!(went, (303, format!("https://tool.example/connected?connection={id}&status=failed&error=denied")));
}
