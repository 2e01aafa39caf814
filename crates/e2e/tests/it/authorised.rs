//! Only what was authorised: narrowed keys, the dry run, rates, freezes on two nodes.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::postgres::Cluster;
use crate::world::{Demo, Running, client};

/// Calls the API with a key.
pub(crate) async fn call(url: &str, key: &str, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
    let mut request = client().request(method.parse().unwrap(), format!("{url}/api/v1{path}")).bearer_auth(key);
    if let Some(body) = body {
        request = request.json(&body);
    }
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap_or(Value::Null))
}

/// A key with these permissions.
pub(crate) async fn key(demo: &Demo, permissions: &[&str]) -> (String, String) {
    let (status, made) = demo.api("POST", "/api-keys", Some(json!({ "name": "tool", "permissions": permissions }))).await;
    assert_eq!(status, 201, "{made}");
    (made["id"].as_str().unwrap().to_owned(), made["api_key"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_key_reaches_what_it_carries_and_is_told_why_not() {
    let demo = Demo::start();
    let url = demo.running.url();
    let mine = demo.profile_named("linkedin", "Fernweh Outdoor").await["id"].as_str().unwrap().to_owned();
    let other = demo.profile_named("tiktok", "Fernweh Outdoor").await["id"].as_str().unwrap().to_owned();
    let (id, tool) = key(&demo, &["profiles:read network=linkedin", &format!("posts:write profile={mine} rate=2/1d")]).await;
    // It sees its network only; the rest does not exist for it.
    let (status, list) = call(url, &tool, "GET", "/profiles", None).await;
    let items = list["items"].as_array().unwrap();
    assert!(status == 200 && !items.is_empty() && items.iter().all(|profile| profile["network"] == "linkedin"), "{list}");
    assert_eq!(call(url, &tool, "GET", &format!("/profiles/{other}"), None).await.0, 404);
    assert_eq!(call(url, &tool, "POST", &format!("/profiles/{other}/posts"), Some(json!({ "text": "x" }))).await.0, 404);
    let (status, problem) = call(url, &tool, "GET", &format!("/profiles/{mine}/access-token"), None).await;
    assert_eq!((status, problem["reason"].as_str()), (403, Some("no_permission")), "{problem}");
    assert_eq!(call(url, &tool, "GET", "/api-keys", None).await.0, 403);

    // The dry run says the same as the real thing, and does nothing.
    let dry = async |body: Value| call(url, &tool, "POST", "/permissions/check", Some(body)).await.1;
    let said = dry(json!({ "permission": "posts:write", "profile": mine })).await;
    assert_eq!((said["allowed"].as_bool(), said["rate"]["count"].as_i64()), (Some(true), Some(2)), "{said}");
    let said = dry(json!({ "permission": "tokens:read", "profile": mine })).await;
    assert_eq!((said["allowed"].as_bool(), said["reason"].as_str()), (Some(false), Some("no_permission")), "{said}");
    let read = dry(json!({ "permission": "api:call", "profile": mine, "method": "HEAD", "path": "/me" })).await;
    assert_eq!(read["reason"], "no_permission", "every method that is passed through can be asked about: {read}");
    let about_other = json!({ "permission": "posts:write", "profile": other, "api_key": id });
    assert_eq!(call(url, &tool, "POST", "/permissions/check", Some(about_other.clone())).await.0, 403, "other keys are for their managers");
    assert_eq!(demo.api("POST", "/permissions/check", Some(about_other)).await.1["reason"], "hidden");

    // Twice a day was said.
    let post = async |text: &str| call(url, &tool, "POST", &format!("/profiles/{mine}/posts"), Some(json!({ "text": text }))).await;
    assert_eq!((post("one").await.0, post("two").await.0), (201, 201));
    let (status, problem) = post("three").await;
    assert_eq!((status, problem["code"].as_str()), (429, Some("permission_used_up")), "{problem}");
    assert!(problem["retry_after"].as_i64().unwrap() > 0);

    // Nobody gives what they do not have (NT-14).
    let (_, keeper) = key(&demo, &["api_keys:manage", "posts:write network=linkedin"]).await;
    for (wanted, status) in [
        ("posts:write network=linkedin until=2031-01-01", 201),
        ("posts:write", 403),
        ("tokens:read", 403),
        ("nonsense", 422),
        ("posts:write until=2020-01-01", 422),
    ] {
        let body = json!({ "name": "child", "permissions": [wanted] });
        let (got, answer) = call(url, &keeper, "POST", "/api-keys", Some(body)).await;
        assert_eq!(got, status, "{wanted}: {answer}");
    }
    // A key that is revoked is a stranger at the next request.
    assert_eq!(demo.api("DELETE", &format!("/api-keys/{id}"), None).await.0, 204);
    assert_eq!(call(url, &tool, "GET", "/profiles", None).await.0, 401);
    assert_eq!(demo.api("DELETE", &format!("/api-keys/{id}"), None).await.0, 404);
    let (_, gone) = demo.api("GET", &format!("/api-keys/{id}"), None).await;
    assert!(gone["revoked_at"].is_string() && gone.get("api_key").is_none(), "{gone}");
}

#[tokio::test]
async fn a_freeze_has_a_receipt_and_stops_the_next_request() {
    let demo = Demo::start();
    let url = demo.running.url();
    let page = demo.profile_named("linkedin", "Fernweh Outdoor").await;
    let (profile, person) = (page["id"].as_str().unwrap().to_owned(), page["accesses"][0]["person"]["id"].clone());
    let person = match person.as_str() {
        Some(id) => id.to_owned(),
        None => demo.api("GET", &format!("/profiles/{profile}"), None).await.1["accesses"][0]["person"]["id"].as_str().unwrap().to_owned(),
    };
    let (id, tool) = key(&demo, &["profiles:read", "tokens:read network=linkedin"]).await;
    let token = async || call(url, &tool, "GET", &format!("/profiles/{profile}/access-token"), None).await;
    assert_eq!(token().await.0, 200);
    let may = async || {
        let asked = json!({ "permission": "tokens:read", "profile": profile });
        call(url, &tool, "POST", "/permissions/check", Some(asked)).await.1
    };
    assert_eq!(may().await["allowed"], true);
    for (target, code) in [
        ("everything".to_owned(), 403),
        ("network linkedin".into(), 403),
        (format!("profile {profile}"), 403),
        (format!("api_key {id}"), 403),
        (format!("person {person}"), 403),
    ] {
        let (status, receipt) = demo.api("POST", "/freezes", Some(json!({ "target": target, "reason": "drill" }))).await;
        assert_eq!(status, 201, "{receipt}");
        assert!(receipt["cut"]["api_keys"].as_array().unwrap().iter().any(|name| name == "tool"), "{receipt}");
        let (status, problem) = token().await;
        assert_eq!(status, code, "{target}: {problem}");
        assert_eq!(problem["reason"], "frozen", "{target}: {problem}");
        // The key itself is not heard at all while it is frozen.
        let dry = may().await;
        assert!(target.starts_with("api_key") || dry["allowed"] == false, "{target}: {dry}");
        assert_eq!(dry["reason"], "frozen", "{target}: {dry}");
        assert_eq!(demo.api("POST", "/freezes", Some(json!({ "target": target }))).await.0, 409, "frozen already");
        assert_eq!(demo.api("GET", &format!("/profiles/{profile}"), None).await.1["status"], "connected", "a freeze costs no connection");
        assert_eq!(demo.api("DELETE", &format!("/freezes/{}", receipt["id"].as_str().unwrap()), None).await.0, 204);
        assert_eq!(token().await.0, 200, "{target} thawed");
    }
    for target in ["nothing", "network nowhere", "user usr_00000000000000000000000000000001", ""] {
        assert_eq!(demo.api("POST", "/freezes", Some(json!({ "target": target }))).await.0, 422, "{target}");
    }
    let (_, events) = demo.api("GET", "/events?after=0", None).await;
    assert!(events.to_string().contains("freeze.set") && events.to_string().contains("freeze.thawed"));
}

/// While everybody who holds a profile is frozen, nobody is sent to a login that would change nothing.
#[tokio::test]
async fn a_profile_whose_people_are_frozen_is_frozen_in_all_it_does() {
    let demo = Demo::start();
    let page = demo.profile_named("linkedin", "Fernweh Outdoor").await["id"].as_str().unwrap().to_owned();
    let whole = demo.api("GET", &format!("/profiles/{page}"), None).await.1;
    let people: Vec<String> =
        whole["accesses"].as_array().unwrap().iter().map(|access| access["person"]["id"].as_str().unwrap().to_owned()).collect();
    for person in &people {
        assert_eq!(demo.api("POST", "/freezes", Some(json!({ "target": format!("person {person}") }))).await.0, 201);
    }
    let post = json!({ "text": "The new hut is open" });
    for (method, path, body) in [
        ("GET", "access-token", None),
        ("GET", "proxy/rest/me", None),
        ("POST", "posts", Some(post.clone())),
        ("POST", "posts", Some(json!({ "text": "Later", "when_disconnected": "hold" }))),
    ] {
        let (status, problem) = demo.api(method, &format!("/profiles/{page}/{path}"), body).await;
        assert_eq!((status, problem["reason"].as_str()), (403, Some("frozen")), "{path}: {problem}");
        assert!(problem["detail"].as_str().unwrap().contains("nobody has to log in anew"), "{problem}");
    }
    let (_, may) = demo.api("POST", "/permissions/check", Some(json!({ "permission": "posts:write", "profile": page }))).await;
    assert_eq!((may["allowed"].as_bool(), may["reason"].as_str()), (Some(false), Some("frozen")), "{may}");
}

/// Only what is really cut, each by its id; and which keys of a frozen user go on.
#[tokio::test]
async fn a_receipt_names_what_was_cut_and_what_goes_on() {
    let demo = Demo::start();
    let (url, cookie) = (demo.running.url(), demo.admin().await);
    let elsewhere = demo.profile_named("linkedin", "Fernweh Outdoor").await["id"].as_str().unwrap().to_owned();
    let (ended, _) = key(&demo, &["tokens:read until=2099-01-01"]).await;
    let (other, _) = key(&demo, &[&format!("posts:write profile={elsewhere}"), "profiles:read"]).await;
    let (cut, _) = key(&demo, &["posts:write network=tiktok"]).await;
    demo.api("DELETE", &format!("/api-keys/{ended}"), None).await;
    let ids = |list: &serde_json::Value| -> Vec<String> {
        list.as_array().unwrap().iter().map(|key| key["id"].as_str().unwrap().to_owned()).collect()
    };
    let (_, receipt) = demo.api("POST", "/freezes", Some(json!({ "target": "network tiktok" }))).await;
    let found = ids(&receipt["cut"]["keys"]);
    assert!(found.contains(&cut) && !found.contains(&other) && !found.contains(&ended), "{receipt}");
    assert_eq!(receipt["cut"]["api_keys"].as_array().unwrap().len(), found.len(), "{receipt}");
    assert_eq!(receipt["cut"]["still_working"], json!([]));
    let (_, receipt) = demo.api("POST", "/freezes", Some(json!({ "target": format!("profile {elsewhere}") }))).await;
    let found = ids(&receipt["cut"]["keys"]);
    assert!(found.contains(&other) && !found.contains(&cut), "{receipt}");
    // A key that somebody made who is frozen is the organisation's.
    let set = json!({ "name": "Key makers", "permissions": ["api_keys:manage", "posts:write"] });
    let set = demo.api("POST", "/permission-sets", Some(set)).await.1["id"].clone();
    let new = json!({ "email": "made@example.com", "name": "Maker", "role": "viewer", "permission_sets": [{ "id": set }] });
    let (status, invited) = demo.api("POST", "/users", Some(new)).await;
    assert_eq!(status, 201, "{invited}");
    let form = [("password", "a-good-long-password"), ("language", "en"), ("time_zone", "UTC")];
    let invitation = invited["invitation"].as_str().unwrap();
    let set = client().post(invitation).header("origin", url).form(&form).send().await.unwrap();
    let theirs = crate::world::cookie_of(&set);
    let form = [("name", "theirs"), ("permissions", "posts:write")];
    let post = |path: &str, cookie: &str| client().post(format!("{url}{path}")).header("origin", url).header("cookie", cookie.to_owned());
    assert_eq!(post("/settings/api-keys", &theirs).form(&form).send().await.unwrap().status(), 200);
    let made = demo.named("/api-keys", "theirs").await;
    let target = format!("user {}", invited["id"].as_str().unwrap());
    let (_, receipt) = demo.api("POST", "/freezes", Some(json!({ "target": target }))).await;
    assert_eq!((ids(&receipt["cut"]["keys"]), ids(&receipt["cut"]["still_working"])), (vec![], vec![made.clone()]), "{receipt}");
    demo.api("DELETE", &format!("/freezes/{}", receipt["id"].as_str().unwrap()), None).await;
    let form = [("target", target.as_str()), ("reason", "drill")];
    let page = post("/settings/freezes", &cookie).form(&form).send().await.unwrap().text().await.unwrap();
    assert!(page.contains(&format!("href=\"/settings/freezes?target=api_key%20{made}\"")) && page.contains("still work"), "{page}");
}

/// While everything is frozen, every page of somebody signed in says so, by whom and why.
#[tokio::test]
async fn every_page_says_that_everything_is_frozen() {
    let demo = Demo::start();
    let (url, admin) = (demo.running.url(), demo.admin().await);
    let get = async |path: &str, cookie: &str| {
        client().get(format!("{url}{path}")).header("cookie", cookie).send().await.unwrap().text().await.unwrap()
    };
    assert!(!get("/", &admin).await.contains("id=\"brake\""));
    let (_, frozen) = demo.api("POST", "/freezes", Some(json!({ "target": "everything", "reason": "somebody <b>posts</b>" }))).await;
    for path in ["/", "/settings/profiles", "/compose", "/engagement", "/settings/freezes", "/account", "/nowhere-at-all"] {
        let page = get(path, &admin).await;
        assert!(page.contains("id=\"brake\" class=\"notice warn brake\" role=\"status\""), "{path}: {page}");
        assert!(page.contains("Everything is frozen") && page.contains("Frozen by API key Demo"), "{path}: {page}");
        assert!(page.contains("posts") && !page.contains("<b>posts"), "{path}");
        assert!(page.contains("<a href=\"/settings/freezes\">Open the page Freeze</a>"), "{path}");
    }
    assert!(!get("/sign-in", "").await.contains("id=\"brake\""), "strangers are told nothing");
    demo.api("DELETE", &format!("/freezes/{}", frozen["id"].as_str().unwrap()), None).await;
    assert!(!get("/", &admin).await.contains("id=\"brake\""));
}

/// The dry run says what the network does for nobody, and who gave what it allows.
#[tokio::test]
async fn the_dry_run_names_the_giver_and_what_the_network_cannot() {
    let demo = Demo::start();
    let (url, cookie) = (demo.running.url(), demo.admin().await);
    let maker = demo.named("/api-keys", "Demo").await;
    let (id, _) = key(&demo, &["posts:write", "tokens:read", "comments:write"]).await;
    let ask = async |permission: &str, network: &str, api_key: &str| {
        let profile = demo.profiles(network).await[0]["id"].clone();
        let asked = json!({ "permission": permission, "profile": profile, "api_key": api_key });
        demo.api("POST", "/permissions/check", Some(asked)).await.1
    };
    for (permission, network, reason) in
        [("comments:write", "tiktok", "not_supported_by_network"), ("tokens:read", "xing", "token_is_bound")]
    {
        let no = ask(permission, network, &id).await;
        assert_eq!((no["allowed"].as_bool(), no["reason"].as_str()), (Some(false), Some(reason)), "{network}: {no}");
        assert!(no["under"].is_null() && no["given_by"].is_null() && no["words"].as_str().unwrap().len() > 20, "{no}");
    }
    for (permission, network) in [("comments:write", "linkedin"), ("tokens:read", "linkedin"), ("posts:write", "xing")] {
        let yes = ask(permission, network, &id).await;
        assert_eq!((yes["allowed"].as_bool(), yes["given_by"].as_str()), (Some(true), Some(maker.as_str())), "{network}: {yes}");
        let own = ask(permission, network, &maker).await;
        assert_eq!((own["allowed"].as_bool(), own["given_by"].as_str()), (Some(true), Some("system")), "the operator's: {own}");
    }
    let page = demo.profile_named("linkedin", "Fernweh Outdoor").await["id"].as_str().unwrap().to_owned();
    assert_eq!(demo.api("GET", &format!("/profiles/{page}/access-token"), None).await.0, 200);
    let (_, audit) = demo.api("GET", "/audit?act=tokens%3Aread", None).await;
    assert_eq!(audit["items"][0]["detail"]["given_by"], "system", "{audit}");
    for path in ["/settings/api-keys".to_owned(), format!("/settings/api-keys/{id}")] {
        let page = client().get(format!("{url}{path}")).header("cookie", &cookie).send().await.unwrap().text().await.unwrap();
        assert!(page.contains("Made by <bdi>API key Demo</bdi>") && page.contains("never used yet"), "{page}");
        assert!(path.contains("key_") || page.contains("Made by <bdi>the operator</bdi>") && page.contains("last used <time"), "{page}");
    }
}

/// Two servers on one database: frozen over one, refused by the other, at once.
#[tokio::test]
async fn a_freeze_is_in_force_on_every_node_at_once() {
    let Some(cluster) = Cluster::start() else { return };
    let database = cluster.new_database();
    let folder = tempfile::tempdir().unwrap();
    let sandbox = Running::start(&["sandbox", "--port", "0"], &[]);
    let file = folder.path().join("staygreen.toml");
    let config = format!(
        "[server]\nlisten = \"127.0.0.1:0\"\ndata_dir = \"{}\"\n[database]\nurl = \"{database}\"\n[networks.tiktok]\nclient_id = \"sandbox-tiktok\"\nclient_secret = \"sandbox-tiktok-secret\"\nbase_url = \"{}/tiktok\"\n",
        folder.path().join("data").display(),
        sandbox.url(),
    );
    std::fs::write(&file, config).unwrap();
    let config = file.to_str().unwrap();
    // Each server keeps what it holds in a folder of its own.
    let spool = folder.path().join("spool of two");
    let one = Running::start(&["serve", "--config", config], &[]);
    let two = Running::start(&["serve", "--config", config], &[("STAYGREEN_KEEPER__SPOOL_DIR", spool.to_str().unwrap())]);
    let mut create = std::process::Command::new(crate::world::binary());
    create.args(["api-key", "create", "--name", "drill", "--config", config]);
    for permission in ["profiles:read", "profiles:connect", "tokens:read", "freezes:manage"] {
        create.args(["--permission", permission]);
    }
    let key = String::from_utf8(create.output().unwrap().stdout).unwrap().trim().to_owned();
    let (_, begun) = call(one.url(), &key, "POST", "/connections", Some(json!({ "network": "tiktok" }))).await;
    let body = json!({ "authorize_url": begun["authorize_url"], "username": "fernweh.outdoor" });
    let consent: Value =
        client().post(format!("{}/control/api/consent", sandbox.url())).json(&body).send().await.unwrap().json().await.unwrap();
    client().get(consent["redirect_to"].as_str().unwrap()).send().await.unwrap();
    let path = format!("/connections/{}", begun["id"].as_str().unwrap());
    let (_, connection) = call(one.url(), &key, "GET", &path, None).await;
    let usable = connection["discovered"].as_array().unwrap().iter().filter(|found| found["usable"] == true);
    let ids: Vec<&Value> = usable.map(|found| &found["id"]).collect();
    call(two.url(), &key, "POST", &format!("{path}/profiles"), Some(json!({ "ids": ids }))).await;
    let (_, list) = call(two.url(), &key, "GET", "/profiles", None).await;
    let token = format!("/profiles/{}/access-token", list["items"][0]["id"].as_str().unwrap());
    assert_eq!(call(two.url(), &key, "GET", &token, None).await.0, 200);
    for _ in 0..5 {
        let (status, receipt) = call(one.url(), &key, "POST", "/freezes", Some(json!({ "target": "everything", "reason": "drill" }))).await;
        let frozen_at = Instant::now();
        assert_eq!(status, 201, "{receipt}");
        let (status, problem) = call(two.url(), &key, "GET", &token, None).await;
        assert_eq!((status, problem["reason"].as_str()), (403, Some("frozen")), "the very next request, on the other node");
        assert!(frozen_at.elapsed() < Duration::from_secs(1));
        assert_eq!(call(two.url(), &key, "DELETE", &format!("/freezes/{}", receipt["id"].as_str().unwrap()), None).await.0, 204);
        assert_eq!(call(one.url(), &key, "GET", &token, None).await.0, 200);
    }
}

/// Mistyped, a permission would allow nothing, and nobody would see why: it is said when the key is made, and nothing typed is lost.
#[tokio::test]
async fn a_key_is_made_only_for_what_is_there() {
    let demo = Demo::start();
    for wrong in [
        "posts:write network=linkedn",
        "posts:write profile=prf_00000000000000000000000000000001",
        "posts:write team=tem_00000000000000000000000000000001",
        "posts:write approval=usr_00000000000000000000000000000001",
    ] {
        let (status, problem) = demo.api("POST", "/api-keys", Some(json!({ "name": "tool", "permissions": [wrong] }))).await;
        assert_eq!((status, problem["field"].as_str()), (422, Some("permissions")), "{wrong}: {problem}");
        let named = wrong.split('=').nth(1).unwrap();
        assert!(problem["detail"].as_str().unwrap().contains(&format!("\"{named}\" names nothing that is here")), "{problem}");
    }
    let (url, cookie) = (demo.running.url(), demo.admin().await);
    let fields =
        [("name", "newsroom"), ("permissions", "profiles:read"), ("narrowed", "posts:write network=linkedn"), ("expires_at", "2099-01-01")];
    let request = client().post(format!("{url}/settings/api-keys")).header("cookie", &cookie).header("origin", url);
    let page = request.form(&fields).send().await.unwrap().text().await.unwrap();
    for kept in ["value=\"newsroom\"", "value=\"profiles:read\" checked", ">posts:write network=linkedn</textarea>", "value=\"2099-01-01\""]
    {
        assert!(page.contains(kept), "{kept}: {page}");
    }
}

/// Who froze what, by its name.
#[tokio::test]
async fn the_freeze_page_says_who_froze_what() {
    let demo = Demo::start();
    let (url, cookie) = (demo.running.url(), demo.admin().await);
    let id = demo.profile_named("linkedin", "Fernweh Outdoor").await["id"].as_str().unwrap().to_owned();
    let (status, _) = demo.api("POST", "/freezes", Some(json!({ "target": format!("profile {id}"), "reason": "drill" }))).await;
    assert_eq!(status, 201);
    let page = client().get(format!("{url}/settings/freezes")).header("cookie", &cookie).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("<bdi>Fernweh Outdoor</bdi></h2>") && page.contains("<bdi>API key Demo</bdi>"), "{page}");
}

/// Whatever strangers call a method becomes no label: they could make as many as they like.
#[tokio::test]
async fn methods_that_nobody_knows_share_one_label() {
    let demo = Demo::start();
    let url = demo.running.url();
    for n in 0..3 {
        let _ = client().request(format!("BREW{n}").parse().unwrap(), format!("{url}/healthz")).send().await.unwrap();
    }
    let metrics = client().get(format!("{url}/metrics")).bearer_auth(demo.text("api_key")).send().await.unwrap().text().await.unwrap();
    assert!(!metrics.contains("BREW") && metrics.contains("method=\"_OTHER\""), "{metrics}");
}
