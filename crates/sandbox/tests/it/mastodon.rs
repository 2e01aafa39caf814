//! Mastodon, as `networks/mastodon` of the knowledge base says.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use http::Method;
use serde_json::{Value, json};

use crate::{CALLBACK, DAY, Got, Net, code_of, encoded, parameter};

const VERIFIER: &str = "a-verifier-of-forty-three-characters-and-more-~";
const SCOPES: &str = "profile read:statuses write:statuses write:media";

/// A registered client: id and secret.
struct Client(String, String);

fn register(net: &mut Net, scopes: &str) -> Client {
    let got = net.form("/mastodon/api/v1/apps", &[], &[("client_name", "Staygreen"), ("redirect_uris", CALLBACK), ("scopes", scopes)]);
    assert_eq!(got.status, 200, "{}", got.text);
    assert_eq!((&got.json["client_secret_expires_at"], &got.json["redirect_uris"]), (&json!(0), &json!([CALLBACK])));
    Client(got.str("client_id").into(), got.str("client_secret").into())
}

fn authorize(client: &Client, scopes: &str) -> String {
    let hash = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(digest(&SHA256, VERIFIER.as_bytes()));
    let query = [
        ("response_type", "code"),
        ("client_id", client.0.as_str()),
        ("redirect_uri", CALLBACK),
        ("scope", scopes),
        ("state", "s1"),
        ("code_challenge", &hash),
        ("code_challenge_method", "S256"),
    ];
    format!("/mastodon/oauth/authorize?{}", encoded(&query))
}

fn token(net: &mut Net, client: &Client, fields: &[(&str, &str)]) -> Got {
    let mut all = vec![("client_id", client.0.as_str()), ("client_secret", client.1.as_str())];
    all.extend(fields);
    net.form("/mastodon/oauth/token", &[], &all)
}

fn exchange(net: &mut Net, client: &Client, code: &str, verifier: &str) -> Got {
    let fields = [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", CALLBACK), ("code_verifier", verifier)];
    token(net, client, &fields)
}

fn connect(net: &mut Net, client: &Client, username: &str) -> String {
    let code = code_of(&net.consent(&authorize(client, SCOPES), username));
    exchange(net, client, &code, VERIFIER).str("access_token").to_owned()
}

fn me(net: &mut Net, bearer: &str) -> Got {
    net.get("/mastodon/api/v1/accounts/verify_credentials", bearer)
}

fn post(net: &mut Net, bearer: &str, key: &str, body: &Value) -> Got {
    let bearer = format!("Bearer {bearer}");
    let mut headers = vec![("authorization", bearer.as_str()), ("content-type", "application/json")];
    headers.extend(Some(("idempotency-key", key)).filter(|(_, key)| !key.is_empty()));
    net.send(Method::POST, "/mastodon/api/v1/statuses", &headers, &body.to_string())
}

#[test]
fn a_token_has_no_end_and_no_successor() {
    let mut net = Net::new();
    let client = register(&mut net, SCOPES);
    let back = net.consent(&authorize(&client, SCOPES), "jana.lindner");
    assert_eq!(parameter(&back, "state").as_deref(), Some("s1"));
    let got = exchange(&mut net, &client, &code_of(&back), VERIFIER);
    let access = got.str("access_token").to_owned();
    got.is(200, &json!({ "access_token": access, "token_type": "Bearer", "scope": SCOPES, "created_at": net.now / 1_000_000 }));
    net.pass(3650 * DAY);
    let got = me(&mut net, &access);
    assert_eq!((got.str("username"), got.str("acct")), ("jana_lindner", "jana_lindner"), "no host for accounts of this server");
    assert!(got.header("x-ratelimit-reset").ends_with('Z'), "a moment, not seconds");
}

#[test]
fn registered_scopes_are_the_ceiling_and_addresses_are_exact() {
    let mut net = Net::new();
    let client = register(&mut net, "profile");
    let body = json!({ "authorize_url": authorize(&client, SCOPES), "username": "jana.lindner" });
    assert_eq!(net.try_control("consent", &body).status, 400);
    let elsewhere = authorize(&client, "profile").replace("callback", "elsewhere");
    assert_eq!(net.try_control("consent", &json!({ "authorize_url": elsewhere, "username": "jana.lindner" })).status, 400);
    let got = token(&mut net, &client, &[("grant_type", "client_credentials"), ("scope", "write:statuses")]);
    assert_eq!((got.status, got.str("error")), (400, "invalid_scope"));
    for wrong in [[("client_name", ""), ("redirect_uris", CALLBACK)], [("client_name", "x"), ("redirect_uris", "not an address")]] {
        assert_eq!(net.form("/mastodon/api/v1/apps", &[], &wrong).status, 422);
    }
}

#[test]
fn a_code_works_once_in_time_for_its_client_and_verifier() {
    let mut net = Net::new();
    let (client, other) = (register(&mut net, SCOPES), register(&mut net, SCOPES));
    let invalid = |got: &Got| assert_eq!((got.status, got.str("error")), (400, "invalid_grant"), "{}", got.text);
    let code = code_of(&net.consent(&authorize(&client, SCOPES), "jana.lindner"));
    invalid(&exchange(&mut net, &other, &code, VERIFIER));
    assert_eq!(exchange(&mut net, &client, &code, VERIFIER).status, 200);
    invalid(&exchange(&mut net, &client, &code, VERIFIER));
    let code = code_of(&net.consent(&authorize(&client, SCOPES), "jana.lindner"));
    invalid(&exchange(&mut net, &client, &code, "another-verifier"));
    let code = code_of(&net.consent(&authorize(&client, SCOPES), "jana.lindner"));
    net.pass(600);
    invalid(&exchange(&mut net, &client, &code, VERIFIER));
    let swept = Client("swept-away".into(), "x".into());
    let got = exchange(&mut net, &swept, &code, VERIFIER);
    assert_eq!((got.status, got.str("error")), (401, "invalid_client"));
}

#[test]
fn what_ends_tokens() {
    let mut net = Net::new();
    let client = register(&mut net, SCOPES);
    let access = connect(&mut net, &client, "jana.lindner");
    net.person("mastodon", "jana.lindner", "change-password");
    assert_eq!(me(&mut net, &access).status, 200, "a change in the settings ends browser sessions only");
    net.person("mastodon", "jana.lindner", "block");
    me(&mut net, &access).is(403, &json!({ "error": "Your login is currently disabled" }));
    net.person("mastodon", "jana.lindner", "unblock");
    for action in ["reset-password", "revoke"] {
        let access = connect(&mut net, &client, "jana.lindner");
        net.person("mastodon", "jana.lindner", action);
        me(&mut net, &access).is(401, &json!({ "error": "The access token was revoked" }));
    }
    me(&mut net, "never-issued").is(401, &json!({ "error": "The access token is invalid" }));
    let access = connect(&mut net, &client, "tom.becker");
    net.person("mastodon", "tom.becker", "revoke");
    me(&mut net, &access).is(401, &json!({ "error": "Der Zugriffstoken wurde widerrufen" }));
}

#[test]
fn what_is_left_of_tokens_accounts_and_registrations() {
    let mut net = Net::new();
    let client = register(&mut net, SCOPES);
    let access = connect(&mut net, &client, "jana.lindner");
    net.person("mastodon", "jana.lindner", "revoke");
    me(&mut net, &access).is(401, &json!({ "error": "The access token was revoked" }));
    net.pass(8 * DAY);
    me(&mut net, &access).is(401, &json!({ "error": "The access token is invalid" }));
    let access = connect(&mut net, &client, "jana.lindner");
    net.person("mastodon", "jana.lindner", "delete");
    me(&mut net, &access).is(410, &json!({ "error": "Gone" }));
    net.control("registrations", &json!({ "network": "mastodon" }));
    let got = token(&mut net, &client, &[("grant_type", "client_credentials"), ("scope", SCOPES)]);
    assert_eq!((got.status, got.str("error")), (401, "invalid_client"));
}

#[test]
fn our_own_revocation_ends_one_token() {
    let mut net = Net::new();
    let (client, other) = (register(&mut net, SCOPES), register(&mut net, SCOPES));
    let (first, second) = (connect(&mut net, &client, "jana.lindner"), connect(&mut net, &client, "jana.lindner"));
    let form = |client: &Client| vec![("client_id", client.0.clone()), ("client_secret", client.1.clone()), ("token", first.clone())];
    let mut revoke = |client: &Client| {
        let form = form(client);
        let form: Vec<_> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        net.form("/mastodon/oauth/revoke", &[], &form).status
    };
    assert_eq!(revoke(&other), 403);
    assert_eq!(revoke(&client), 200);
    assert_eq!((me(&mut net, &first).status, me(&mut net, &second).status), (401, 200));
}

#[test]
fn an_app_token_is_no_persons() {
    let mut net = Net::new();
    let client = register(&mut net, SCOPES);
    let app = token(&mut net, &client, &[("grant_type", "client_credentials"), ("scope", SCOPES)]).str("access_token").to_owned();
    let got = net.get("/mastodon/api/v1/apps/verify_credentials", &app);
    assert_eq!((got.status, got.str("name")), (200, "Staygreen"));
    assert_eq!(me(&mut net, &app).status, 422);
}

#[test]
fn a_key_makes_an_act_one_for_an_hour() {
    let mut net = Net::new();
    let client = register(&mut net, SCOPES);
    let access = connect(&mut net, &client, "jana.lindner");
    let body = json!({ "status": "Huts <b>", "visibility": "unlisted" });
    let first = post(&mut net, &access, "k1", &body);
    assert_eq!((first.str("content"), first.str("visibility")), ("<p>Huts &lt;b&gt;</p>", "unlisted"));
    assert_eq!(post(&mut net, &access, "k1", &body).str("id"), first.str("id"));
    assert_ne!(post(&mut net, &access, "k2", &body).str("id"), first.str("id"));
    net.pass(3600);
    assert_ne!(post(&mut net, &access, "k1", &body).str("id"), first.str("id"));
    for wrong in [json!({ "status": "" }), json!({ "status": "x".repeat(1001) }), json!({ "status": "x", "visibility": "secret" })] {
        assert_eq!(post(&mut net, &access, "", &wrong).status, 422, "{wrong}");
    }
    assert_eq!(post(&mut net, &access, "", &json!({ "status": "x", "in_reply_to_id": "404404" })).status, 404);
    assert_eq!(net.get("/mastodon/api/v1/statuses/404404/context", &access).status, 404);
}

#[test]
fn a_domain_of_its_own_leads_to_the_server() {
    let mut net = Net::new();
    let ask = |net: &mut Net, resource: &str| net.get(&format!("/mastodon/.well-known/webfinger?resource={resource}"), "");
    let sent_on = ask(&mut net, "acct:jana_lindner@fernweh.example");
    assert_eq!(sent_on.status, 301);
    let said = ask(&mut net, "acct:jana_lindner@social.example");
    assert_eq!((said.status, said.str("subject")), (200, "acct:jana_lindner@fernweh.example"));
    assert_eq!(ask(&mut net, "acct:nobody@social.example").status, 404);
    assert_eq!(ask(&mut net, "acct:jana_lindner@other.example").status, 400);
}

#[test]
fn a_text_is_counted_as_people_see_it() {
    let mut net = Net::new();
    let client = register(&mut net, SCOPES);
    let access = connect(&mut net, &client, "jana.lindner");
    for (text, counts) in [
        ("http://a.de", 23),
        ("https://a.de/a/path/that/is/longer/than/twenty-three/characters", 23),
        ("\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}", 1),
        ("e\u{301}", 1),
        ("@karl_voss@elsewhere.example", 10),
        ("@karl_voss", 10),
        ("@", 1),
        ("httpsomething", 13),
    ] {
        for (more, status) in [(0, 200), (1, 422)] {
            let body = json!({ "status": format!("{} {text}", "x".repeat(999 - counts + more)) });
            assert_eq!(post(&mut net, &access, "", &body).status, status, "{text}");
        }
    }
}

#[test]
fn a_status_shows_what_was_said_with_it_and_what_it_answers() {
    let mut net = Net::new();
    let client = register(&mut net, SCOPES);
    let access = connect(&mut net, &client, "jana.lindner");
    let first = post(&mut net, &access, "", &json!({ "status": "Hütte", "spoiler_text": "Berge", "sensitive": true, "language": "fr" }));
    assert_eq!(
        (first.str("spoiler_text"), &first.json["sensitive"], first.str("language"), first.str("visibility")),
        ("Berge", &json!(true), "fr", "public")
    );
    let mut ids = vec![first.str("id").to_owned()];
    for text in ["How much?", "30"] {
        let got = post(&mut net, &access, "", &json!({ "status": text, "in_reply_to_id": ids.last() }));
        ids.push(got.str("id").to_owned());
    }
    let got = net.get(&format!("/mastodon/api/v1/statuses/{}/context", ids[2]), &access);
    let above: Vec<&str> = got.json["ancestors"].as_array().unwrap().iter().map(|status| status["id"].as_str().unwrap()).collect();
    assert_eq!((above, got.json["descendants"].as_array().unwrap().len()), (vec![ids[0].as_str(), &ids[1]], 0));
    let bearer = format!("Bearer {access}");
    let got = net.send(Method::DELETE, &format!("/mastodon/api/v1/statuses/{}", ids[0]), &[("authorization", &bearer)], "");
    assert_eq!((got.status, got.str("text"), got.header("x-ratelimit-limit")), (200, "Hütte", "30"));
    let boundary = [("authorization", bearer.as_str()), ("content-type", "multipart/form-data; boundary=b")];
    let file = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\nContent-Type: image/png\r\n\r\nx\r\n--b--\r\n";
    for _ in 0..30 {
        assert_eq!(net.send(Method::POST, "/mastodon/api/v2/media", &boundary, file).status, 200);
    }
    let full = net.send(Method::POST, "/mastodon/api/v2/media", &boundary, file);
    assert_eq!((full.status, full.header("x-ratelimit-limit"), full.header("x-ratelimit-remaining")), (429, "30", "0"));
    assert_eq!(me(&mut net, &access).status, 200, "a limit of its own");
    net.pass(1_800);
    let picture = net.send(Method::POST, "/mastodon/api/v2/media", &boundary, file);
    let got = post(&mut net, &access, "", &json!({ "status": "", "media_ids": [picture.str("id")] }));
    assert_eq!(got.json["media_attachments"][0]["id"], picture.json["id"]);
}

#[test]
fn whoever_has_no_address_is_shown_the_code() {
    const OOB: &str = "urn:ietf:wg:oauth:2.0:oob";
    let mut net = Net::new();
    // What many clients ask for.
    let fields = [("client_name", "Tool"), ("redirect_uris", OOB), ("scopes", "read write follow push")];
    let got = net.form("/mastodon/api/v1/apps", &[], &fields);
    let client = Client(got.str("client_id").into(), got.str("client_secret").into());
    let query = [("response_type", "code"), ("client_id", &client.0), ("redirect_uri", OOB), ("scope", "read write follow push")];
    let address = format!("/mastodon/oauth/authorize?{}", encoded(&query));
    let page = net.send(Method::GET, &address, &[], "");
    assert_eq!(page.status, 200);
    let entered = [("step", "sign_in"), ("username", "jana.lindner"), ("password", "sandbox")];
    let cookie = net.form(&address, &[], &entered).header("set-cookie").split(';').next().unwrap().to_owned();
    let allowed = net.form(&address, &[("cookie", &cookie)], &[("step", "allow")]).location().to_owned();
    let shown = net.send(Method::GET, &allowed, &[], "");
    let code = shown.text.split("<code>").nth(1).and_then(|rest| rest.split("</code>").next()).unwrap_or_else(|| panic!("{}", shown.text));
    let fields = [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", OOB)];
    assert_eq!(token(&mut net, &client, &fields).str("scope"), "read write follow push");
}

#[test]
fn what_is_scheduled_waits_for_its_moment() {
    let mut net = Net::new();
    let client = register(&mut net, SCOPES);
    let access = connect(&mut net, &client, "jana.lindner");
    // 2026-09-21T14:13:20Z is the moment at which the tests begin.
    let in_an_hour = "2026-09-21T15:13:20Z";
    assert_eq!(net.now, 1_790_000_000_000_000);
    let posts = |net: &mut Net| -> Vec<String> {
        let state = net.send(Method::GET, "/control/api/state", &[], "").json;
        let posts = state["posts"].as_array().unwrap().iter().filter(|post| post["network"] == "mastodon");
        posts.map(|post| post["text"].as_str().unwrap().to_owned()).collect()
    };
    for (at, error) in [
        ("2026-09-21T14:17:00Z", "Validation failed: Scheduled at The scheduled date must be in the future"),
        ("2026-09-21T16:18:20+02:00", "Validation failed: Scheduled at The scheduled date must be in the future"),
        ("soon", "Record invalid"),
    ] {
        let got = post(&mut net, &access, "", &json!({ "status": "Too soon", "scheduled_at": at }));
        assert_eq!((got.status, got.str("error")), (422, error), "{at}");
    }
    let got = post(&mut net, &access, "", &json!({ "status": "Late", "scheduled_at": "2026-09-21T10:00:00Z" }));
    assert!(got.status == 200 && got.str("content").contains("Late"), "a moment that is over is none: {}", got.text);
    let got = post(&mut net, &access, "", &json!({ "status": "Later", "scheduled_at": in_an_hour, "visibility": "unlisted" }));
    assert_eq!((got.status, got.str("scheduled_at")), (200, "2026-09-21T15:13:20.000Z"));
    assert_eq!((&got.json["params"]["text"], &got.json["params"]["visibility"]), (&json!("Later"), &json!("unlisted")));
    assert!(got.json.get("content").is_none() && got.json.get("url").is_none(), "no status yet");
    let id = got.str("id").to_owned();
    let dropped = post(&mut net, &access, "", &json!({ "status": "Never", "scheduled_at": in_an_hour })).str("id").to_owned();
    let bearer = format!("Bearer {access}");
    let path = format!("/mastodon/api/v1/scheduled_statuses/{dropped}");
    assert_eq!(net.send(Method::DELETE, &path, &[("authorization", &bearer)], "").status, 200);
    assert_eq!(net.get(&path, &access).status, 404);
    let waiting = net.get("/mastodon/api/v1/scheduled_statuses", &access);
    assert_eq!(waiting.json.as_array().map(|all| all.iter().map(|one| one["id"].clone()).collect::<Vec<_>>()), Some(vec![json!(id)]));
    net.pass(3_599);
    me(&mut net, &access);
    assert_eq!(posts(&mut net), ["Late"]);
    net.pass(1);
    me(&mut net, &access);
    assert_eq!(posts(&mut net), ["Late", "Later"]);
    assert_eq!(net.get("/mastodon/api/v1/scheduled_statuses", &access).json, json!([]));
}
