//! Discord's webhooks, as `networks/discord` of the knowledge base says.

use http::Method;
use serde_json::{Value, json};

use crate::{CALLBACK, DAY, Got, Net, code_of, encoded, parameter};

const AGENT: (&str, &str) = ("user-agent", "DiscordBot (https://staygreen.example, 1.0)");
const CLIENT: [(&str, &str); 2] = [("client_id", "sandbox-discord"), ("client_secret", "sandbox-discord-secret")];

fn authorize() -> String {
    let query = [
        ("client_id", "sandbox-discord"),
        ("response_type", "code"),
        ("scope", "webhook.incoming identify"),
        ("redirect_uri", CALLBACK),
        ("state", "s1"),
    ];
    format!("/discord/oauth2/authorize?{}", encoded(&query))
}

fn token(net: &mut Net, fields: &[(&str, &str)]) -> Got {
    let all: Vec<_> = CLIENT.iter().chain(fields).copied().collect();
    net.form("/discord/api/oauth2/token", &[AGENT], &all)
}

fn connect(net: &mut Net, username: &str) -> Value {
    let back = net.consent(&authorize(), username);
    assert!(parameter(&back, "guild_id").is_some());
    let got = token(net, &[("grant_type", "authorization_code"), ("code", &code_of(&back)), ("redirect_uri", CALLBACK)]);
    assert_eq!((got.status, &got.json["expires_in"]), (200, &json!(7 * DAY)), "{}", got.text);
    got.json
}

fn path(tokens: &Value) -> String {
    format!("/discord/api/v10/webhooks/{}/{}", tokens["webhook"]["id"].as_str().unwrap(), tokens["webhook"]["token"].as_str().unwrap())
}

fn call(net: &mut Net, method: Method, path: &str, body: &Value) -> Got {
    net.send(method, path, &[AGENT, ("content-type", "application/json")], &body.to_string())
}

#[test]
fn a_login_makes_a_webhook_that_outlives_the_login() {
    let mut net = Net::new();
    let tokens = connect(&mut net, "jana.lindner");
    let got = call(&mut net, Method::GET, &path(&tokens), &Value::Null);
    assert_eq!((got.status, got.json.get("user")), (200, None), "without a header, without the person");
    let me = net.send(
        Method::GET,
        "/discord/api/v10/oauth2/@me",
        &[AGENT, ("authorization", &format!("Bearer {}", tokens["access_token"].as_str().unwrap()))],
        "",
    );
    assert_eq!(me.json["user"]["global_name"], json!("Jana Lindner"));
    net.pass(30 * DAY);
    let form = [("token", tokens["refresh_token"].as_str().unwrap())];
    let all: Vec<_> = CLIENT.iter().chain(&form).copied().collect();
    assert_eq!(net.form("/discord/api/oauth2/token/revoke", &[AGENT], &all).status, 200);
    net.person("discord", "jana.lindner", "change-password");
    assert_eq!(call(&mut net, Method::GET, &path(&tokens), &Value::Null).status, 200);
    let wrong = format!("{}x", path(&tokens));
    call(&mut net, Method::GET, &wrong, &Value::Null).is(401, &json!({ "message": "Invalid Webhook Token", "code": 50027 }));
    assert_eq!(call(&mut net, Method::DELETE, &path(&tokens), &Value::Null).status, 204);
    call(&mut net, Method::GET, &path(&tokens), &Value::Null).is(404, &json!({ "message": "Unknown Webhook", "code": 10015 }));
}

#[test]
fn messages() {
    let mut net = Net::new();
    let tokens = connect(&mut net, "jana.lindner");
    let (to, body) = (path(&tokens), json!({ "content": "Huts" }));
    let got = call(&mut net, Method::POST, &to, &body);
    assert_eq!((got.status, got.text.as_str()), (204, ""), "nothing is told without wait=true");
    let to = format!("{to}?wait=true");
    let got = call(&mut net, Method::POST, &to, &body);
    assert_eq!((got.str("content"), got.header("x-ratelimit-remaining")), ("Huts", "3"));
    for (body, code) in [(json!({ "content": "" }), 50006), (json!({ "content": "x".repeat(2001) }), 50035)] {
        assert_eq!(call(&mut net, Method::POST, &to, &body).json["code"], json!(code));
    }
    assert_eq!(call(&mut net, Method::POST, &to, &body).status, 200);
    let got = call(&mut net, Method::POST, &to, &body);
    assert!(got.status == 429 && got.json["retry_after"].is_number() && got.header("retry-after") == "2", "{}", got.text);
}

#[test]
fn a_webhook_touches_its_own_messages_and_whoever_calls_dead_ones_is_turned_away() {
    let mut net = Net::new();
    let (first, second) = (connect(&mut net, "jana.lindner"), connect(&mut net, "tom.becker"));
    let sent = call(&mut net, Method::POST, &format!("{}?wait=true", path(&first)), &json!({ "content": "Huts" }));
    let message = format!("messages/{}", sent.str("id"));
    call(&mut net, Method::GET, &format!("{}/{message}", path(&second)), &Value::Null)
        .is(404, &json!({ "message": "Unknown Message", "code": 10008 }));
    assert_eq!(call(&mut net, Method::GET, &format!("{}/{message}", path(&first)), &Value::Null).status, 200);
    assert_eq!(call(&mut net, Method::DELETE, &path(&first), &Value::Null).status, 204);
    for _ in 0..11 {
        assert_eq!(call(&mut net, Method::GET, &path(&first), &Value::Null).status, 404);
    }
    assert_eq!(call(&mut net, Method::GET, &path(&second), &Value::Null).status, 429, "a good one is turned away as well");
    net.pass(600);
    assert_eq!(call(&mut net, Method::GET, &path(&second), &Value::Null).status, 200);
}

#[test]
fn agents_clients_and_permissions() {
    let mut net = Net::new();
    let tokens = connect(&mut net, "tom.becker");
    let got = net.send(Method::GET, &path(&tokens), &[("user-agent", "curl/8.5.0")], "");
    assert_eq!((got.status, got.text.as_str()), (403, "error code: 1010"));
    let got = net.form("/discord/api/oauth2/token", &[AGENT], &[("client_id", "sandbox-discord"), ("client_secret", "wrong")]);
    assert_eq!((got.status, got.str("error")), (401, "invalid_client"));
    let body = json!({ "authorize_url": authorize(), "username": "lea.hoffmann" });
    assert_eq!(net.try_control("consent", &body).status, 400, "she manages no webhooks");
}
