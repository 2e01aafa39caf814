//! The network's API through us: the credential goes out exactly once and never comes back (NT-10 to NT-13).

mod fake;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use self::fake::{Fake, token_of};
use crate::authorised::{call, key};
use crate::world::{Demo, Running, client};

/// A server in front of the fake, with a connected profile.
pub(crate) struct House {
    pub(crate) server: Running,
    sandbox: Running,
    _folder: tempfile::TempDir,
    pub(crate) fake: Fake,
    second: Fake,
    pub(crate) key: String,
    pub(crate) profile: String,
}

impl House {
    async fn build() -> Self {
        Self::build_with(&[]).await
    }

    pub(crate) async fn build_with(environment: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let sandbox = Running::start(&["sandbox", "--port", "0"], &[]);
        let second = Fake::start(0);
        let fake = Fake::start(second.port);
        let file = folder.path().join("staygreen.toml");
        let config = format!(
            "[server]\nlisten = \"127.0.0.1:0\"\ndata_dir = \"{}\"\n[networks.tiktok]\nclient_id = \"sandbox-tiktok\"\nclient_secret = \"sandbox-tiktok-secret\"\nbase_url = \"{}/tiktok\"\n[networks.tiktok.endpoints]\npublish = \"http://127.0.0.1:{}/v2/post/publish\"\n",
            folder.path().join("data").display(),
            sandbox.url(),
            fake.port
        );
        std::fs::write(&file, config).unwrap();
        let config = file.to_str().unwrap();
        let mut create = std::process::Command::new(crate::world::binary());
        create.args(["api-key", "create", "--name", "tool", "--config", config]);
        for permission in [
            "profiles:read",
            "profiles:connect",
            "tokens:read",
            "audit:read",
            "api:call GET,POST /echo/**",
            "api:call ANY /away/*",
            "api:call GET,POST /refused",
            "api:call GET /zipped",
            "api:call GET /busy",
        ] {
            create.args(["--permission", permission]);
        }
        let key = String::from_utf8(create.output().unwrap().stdout).unwrap().trim().to_owned();
        let server = Running::start(&["serve", "--config", config], environment);
        let (_, begun) = call(server.url(), &key, "POST", "/connections", Some(json!({ "network": "tiktok" }))).await;
        let body = json!({ "authorize_url": begun["authorize_url"], "username": "fernweh.outdoor" });
        let consent: Value =
            client().post(format!("{}/control/api/consent", sandbox.url())).json(&body).send().await.unwrap().json().await.unwrap();
        client().get(consent["redirect_to"].as_str().unwrap()).send().await.unwrap();
        let path = format!("/connections/{}", begun["id"].as_str().unwrap());
        let (_, connection) = call(server.url(), &key, "GET", &path, None).await;
        let usable = connection["discovered"].as_array().unwrap().iter().filter(|found| found["usable"] == true);
        let ids: Vec<&Value> = usable.map(|found| &found["id"]).collect();
        call(server.url(), &key, "POST", &format!("{path}/profiles"), Some(json!({ "ids": ids }))).await;
        let (_, list) = call(server.url(), &key, "GET", "/profiles", None).await;
        let profile = list["items"][0]["id"].as_str().unwrap().to_owned();
        Self { server, sandbox, _folder: folder, fake, second, key, profile }
    }

    pub(crate) fn path(&self, path: &str) -> String {
        format!("/api/v1/profiles/{}/proxy{path}", self.profile)
    }

    /// Exactly these bytes; what comes back until the server closes or is silent.
    fn raw(&self, request: &str) -> String {
        let address = self.server.url().trim_start_matches("http://").to_owned();
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(3))).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut back = vec![];
        let mut piece = [0; 4096];
        while let Ok(n) = stream.read(&mut piece) {
            if n == 0 {
                break;
            }
            back.extend_from_slice(&piece[..n]);
        }
        String::from_utf8_lossy(&back).into_owned()
    }

    fn status(&self, method: &str, target: &str, lines: &str) -> u16 {
        let key = &self.key;
        let back =
            self.raw(&format!("{method} {target} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n{lines}connection: close\r\n\r\n"));
        back.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
    }

    async fn token(&self) -> String {
        let (_, lent) = call(self.server.url(), &self.key, "GET", &format!("/profiles/{}/access-token", self.profile), None).await;
        lent["access_token"].as_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn nt_10_only_the_allowed_method_and_path_below_the_api_go_out() {
    let house = House::build().await;
    let at = |path: &str| house.path(path);
    for (method, target) in [
        ("GET", at("/other")),
        ("DELETE", at("/echo/1")),
        ("GET", at("/echo/../busy")),
        ("GET", at("/echo/%2e%2e/busy")),
        ("GET", at("/echo/..%2fbusy")),
        ("GET", at("/echo/%252e%252e/busy")),
        ("GET", at("/echo/a%5cb")),
        ("GET", at("/echo//evil.example/x")),
        ("GET", at("//evil.example/echo/1")),
        ("GET", at("@evil.example/echo/1")),
        ("GET", at("/echo/%00")),
        ("GET", at("/http://evil.example/")),
        ("GET", at("/echo/1?access_token=mine")),
        ("GET", at("/echo/1?method=delete")),
        ("GET", at("/echo/1?a=b&%6Dethod%5B%5D=DELETE")),
        ("CONNECT", "evil.example:443".into()),
        ("TRACE", at("/echo/1")),
        ("PROPFIND", at("/echo/1")),
    ] {
        let status = house.status(method, &target, "");
        assert!((400..500).contains(&status), "{method} {target}: {status}");
    }
    assert!(house.fake.take().is_empty(), "nothing of it left the house");
    let refused = call(house.server.url(), &house.key, "GET", "/audit?q=refused", None).await.1;
    assert!(refused.to_string().contains("other_calls"), "and it is written down: {refused}");
    // Another host by Host, absolute address or upgrade: ours is called all the same.
    for lines in ["host: evil.example\r\n", "x-forwarded-host: evil.example\r\n", "upgrade: websocket\r\n"] {
        house.status("GET", &at("/echo/1"), lines);
    }
    house.status("GET", &format!("http://evil.example{}", at("/echo/1")), "");
    for request in house.fake.take() {
        let head = request.to_lowercase();
        assert!(
            head.contains(&format!("host: 127.0.0.1:{}", house.fake.port)) && !head.contains("evil") && !head.contains("upgrade"),
            "{request}"
        );
    }
}

#[tokio::test]
async fn nt_11_the_credential_goes_out_exactly_once_and_nothing_of_the_callers() {
    let house = House::build().await;
    let token = house.token().await;
    let hostile = "cookie: a=b\r\ndpop: mine\r\nforwarded: for=6.6.6.6\r\nx-forwarded-for: 6.6.6.6\r\nx_forwarded_for: 6.6.6.6\r\nproxy-authorization: Basic eA==\r\nx-real-ip: 6.6.6.6\r\nte: trailers\r\nx-mine: kept\r\n";
    assert_eq!(house.status("GET", &house.path("/echo/1?b=2&a=1"), hostile), 200);
    let seen = house.fake.take();
    let head = seen[0].to_lowercase();
    assert!(seen.len() == 1 && seen[0].starts_with("GET /v2/echo/1?b=2&a=1 HTTP/1.1"), "{seen:?}");
    assert_eq!(head.matches("authorization").count(), 1, "{head}");
    assert!(seen[0].contains(&format!("Bearer {token}")) && !head.contains("sg_") && !head.contains("6.6.6.6"), "{head}");
    assert!(["cookie", "dpop", "proxy-", "\nte:"].iter().all(|name| !head.contains(name)) && head.contains("x-mine: kept"), "{head}");
    // `Connection: authorization` must not take ours away.
    let key = &house.key;
    house.raw(&format!(
        "GET {} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\nconnection: authorization, close\r\n\r\n",
        house.path("/echo/1")
    ));
    assert!(house.fake.take()[0].contains(&format!("Bearer {token}")));

    // Two lengths, a length beside chunks, broken lines: refused, or framed anew as one request; never two.
    let smuggled = "GET /v2/echo/smuggled HTTP/1.1\r\nhost: x\r\n\r\n";
    let post = house.path("/echo/1");
    for lines in [
        "content-length: 5\r\ncontent-length: 6\r\n\r\nhello",
        "content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n\r\n0\r\n\r\n",
        "transfer-encoding : chunked\r\n\r\n0\r\n\r\n",
        "x-a: b\r\n c\r\n\r\n",
        "x-a: b\rc\r\n\r\n",
        "content-length: +5\r\n\r\nhello",
    ] {
        let back = house.raw(&format!("POST {post} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n{lines}{smuggled}"));
        let seen = house.fake.take();
        assert!(seen.len() <= 1 && !seen.concat().contains("smuggled"), "{lines:?}: {seen:?} {back}");
        assert!(seen.iter().all(|request| request.to_lowercase().matches("authorization").count() == 1), "{lines:?}");
        assert!(seen.len() == 1 || back.starts_with("HTTP/1.1 400"), "{lines:?}: {back}");
    }
    // Bodies flow through whole, by their length and in chunks.
    let body = "x".repeat(300_000);
    let url = format!("{}{post}", house.server.url());
    assert_eq!(client().post(&url).bearer_auth(key).body(body.clone()).send().await.unwrap().status(), 200);
    let seen = house.fake.take();
    assert!(seen[0].to_lowercase().contains("content-length: 300000") && seen[0].ends_with(&body), "one whole body");
    house.raw(&format!("POST {post} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"));
    let seen = house.fake.take().concat();
    assert!(seen.contains("hello") && seen.contains("world") && seen.ends_with("0\r\n\r\n"), "{seen}");
}

#[tokio::test]
async fn nt_12_a_redirect_is_an_answer_not_a_way() {
    let house = House::build().await;
    for path in ["/away/1", "/away/22", "/away/333", "/away/4444", "/away/55555"] {
        let status = house.status("GET", &house.path(path), "");
        assert!((300..400).contains(&status), "{path}: {status}");
    }
    assert_eq!(house.fake.take().len(), 5);
    assert!(house.second.take().is_empty(), "the second host never saw anybody, let alone a token");
}

#[tokio::test]
async fn nt_13_nothing_of_the_credential_comes_back() {
    let house = House::build().await;
    let token = house.token().await;
    let answer = client().get(format!("{}{}", house.server.url(), house.path("/echo/1"))).bearer_auth(&house.key).send().await.unwrap();
    let headers = answer.headers().clone();
    let body = answer.text().await.unwrap();
    assert_eq!(body, r#"{"again":"[redacted]","said":"Bearer [redacted]"}"#);
    assert!(headers.get("set-cookie").is_none() && headers.get("access-control-allow-origin").is_none(), "{headers:?}");
    assert_eq!((headers["x-echo"].to_str().unwrap(), headers["x-ratelimit-remaining"].to_str().unwrap()), ("[redacted]", "41"));
    assert!(headers["content-security-policy"].to_str().unwrap().starts_with("default-src 'none'"), "ours, not theirs");
    assert!(!format!("{headers:?}{body}").contains(&token[..12]));
    assert_eq!(house.status("GET", &house.path("/zipped"), ""), 502, "what cannot be looked through is not passed on");
    // A refusal is the network's own, starts a look, and an unsafe call is not sent twice.
    house.fake.take();
    assert_eq!(house.status("POST", &house.path("/refused"), "content-length: 0\r\n"), 401);
    assert_eq!(house.fake.take().len(), 1);
    // The network's word about its limits is kept to by everybody, without asking it again.
    assert_eq!(house.status("GET", &house.path("/busy"), ""), 429);
    house.fake.take();
    let limited = client().get(format!("{}{}", house.server.url(), house.path("/echo/1"))).bearer_auth(&house.key).send().await.unwrap();
    assert!(limited.status() == 429 && limited.headers().contains_key("retry-after"), "{limited:?}");
    assert!(house.fake.take().is_empty());
    let (_, audit) = call(house.server.url(), &house.key, "GET", "/audit?act=api:call", None).await;
    assert!(!audit.to_string().contains(&token) && audit.to_string().contains("/echo/1"), "{audit}");
}

/// A token that is over at the network without anybody here knowing: what only reads is sent once more with what a renewal brought.
#[tokio::test]
async fn a_refused_reading_is_sent_once_more_with_a_renewed_token() {
    let house = House::build().await;
    let old = house.token().await;
    let clock = client().post(format!("{}/control/api/clock", house.sandbox.url())).json(&json!({ "advance_seconds": 2 * 86_400 }));
    assert_eq!(clock.send().await.unwrap().status(), 200);
    assert_eq!(house.status("GET", &house.path("/echo/picky"), ""), 200);
    let tokens: Vec<String> = house.fake.take().iter().map(|request| token_of(request)).collect();
    assert!(tokens.len() == 2 && tokens[0] == old && tokens[1] != old, "the old one, and a new one: once each");
    assert_eq!(house.token().await, tokens[1]);
    let (_, audit) = call(house.server.url(), &house.key, "GET", "/audit?act=api:call", None).await;
    assert_eq!(audit["items"].as_array().unwrap().len(), 2, "a row each time: {audit}");
}

/// Networks close connections that are kept, at any time: what only reads is asked once more, on a connection of its own.
#[tokio::test]
async fn a_reading_on_a_connection_that_the_network_hangs_up_is_asked_once_more() {
    let house = House::build().await;
    let path = house.path("/echo/hangs-up");
    assert_eq!(house.status("GET", &path, ""), 200);
    assert_eq!(house.fake.take().len(), 1);
    assert_eq!(house.status("GET", &path, ""), 200);
    let token = house.token().await;
    let tokens: Vec<String> = house.fake.take().iter().map(|request| token_of(request)).collect();
    assert_eq!(tokens, [token.clone(), token], "once on the connection that was kept, once on one of its own");
    // What changes something never goes out on one that was kept: there nobody would know whether it was done.
    assert_eq!(house.status("POST", &path, "content-length: 0\r\n"), 200);
    assert_eq!(house.fake.take().len(), 1);
    let (_, audit) = call(house.server.url(), &house.key, "GET", "/audit?act=api:call", None).await;
    assert_eq!(audit["items"].as_array().unwrap().len(), 4, "a row each time: {audit}");
}

/// Signed calls, through the simulated network that checks each signature.
#[tokio::test]
async fn a_signed_network_is_called_through_us_only() {
    let demo = Demo::start();
    let xing = demo.profile_named("xing", "Karl Voss").await["id"].as_str().unwrap().to_owned();
    let (_, tool) = key(&demo, &["api:call GET /users/**", "api:call POST /users/me/status_message", "tokens:read"]).await;
    let url = demo.running.url();
    let (status, me) = call(url, &tool, "GET", &format!("/profiles/{xing}/proxy/users/me"), None).await;
    assert!(status == 200 && me.to_string().contains("Voss"), "{me}");
    let form = client()
        .post(format!("{url}/api/v1/profiles/{xing}/proxy/users/me/status_message"))
        .bearer_auth(&tool)
        .form(&[("message", "Grüße & more = 100%")])
        .send()
        .await
        .unwrap();
    assert!(form.status().is_success(), "{form:?}");
    let (status, problem) = call(url, &tool, "GET", &format!("/profiles/{xing}/access-token"), None).await;
    assert_eq!((status, problem["code"].as_str()), (409, Some("token_is_bound")));
    // One that is overtaken by another call with the same token did nothing: it is signed anew and made once more, and no more.
    let overtaken = async |calls: u32| {
        let trouble = json!({ "network": "xing", "trouble": "overtaken", "requests": calls });
        demo.control("/troubles", trouble).await;
    };
    overtaken(1).await;
    let (status, me) = call(url, &tool, "GET", &format!("/profiles/{xing}/proxy/users/me"), None).await;
    assert_eq!(status, 200, "{me}");
    overtaken(1).await;
    let path = format!("/profiles/{xing}/proxy/users/me/status_message?message=Again");
    let (status, said) = call(url, &tool, "POST", &path, Some(json!({}))).await;
    assert_eq!(status, 201, "{said}");
    overtaken(2).await;
    let (status, said) = call(url, &tool, "GET", &format!("/profiles/{xing}/proxy/users/me"), None).await;
    assert_eq!((status, said["error_name"].as_str()), (401, Some("INVALID_TIMESTAMP")), "{said}");
    // A token that died at the network is noticed by the call.
    demo.control("/people/xing/karl.voss/revoke", json!({})).await;
    assert_eq!(call(url, &tool, "GET", &format!("/profiles/{xing}/proxy/users/me"), None).await.0, 401);
    demo.gone("xing").await;
}

/// No call goes without the version of the API it speaks: ours where the tool names none, else the tool's.
#[tokio::test]
async fn a_network_that_wants_a_version_gets_one() {
    let demo = Demo::start();
    let page = demo.profile_named("linkedin", "Fernweh Outdoor").await["id"].as_str().unwrap().to_owned();
    let (_, tool) = key(&demo, &["api:call GET /organizationAcls"]).await;
    let path = format!("/profiles/{page}/proxy/organizationAcls?q=roleAssignee");
    let (status, listed) = call(demo.running.url(), &tool, "GET", &path, None).await;
    assert!(status == 200 && listed["elements"].as_array().is_some_and(|rows| !rows.is_empty()), "{listed}");
    let url = format!("{}/api/v1{path}", demo.running.url());
    for (version, expected) in [("202512", 200), ("202401", 426)] {
        let answer = client().get(&url).bearer_auth(&tool).header("LinkedIn-Version", version).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), expected, "{version}: {}", answer.text().await.unwrap());
    }
}

/// Meta takes another method, or several calls in one, out of whatever comes along: what is decided about is what goes out.
#[tokio::test]
async fn nt_10_no_body_steers_a_call_elsewhere_than_its_method_and_path() {
    let demo = Demo::start();
    demo.connect("facebook", "jana.lindner").await;
    let page = demo.profile_named("facebook", "Fernweh Outdoor").await;
    let (_, writes) = key(&demo, &["api:call POST /**"]).await;
    let url = format!("{}/api/v1/profiles/{}/proxy", demo.running.url(), page["id"].as_str().unwrap());
    let feed = format!("{url}/{}/feed", page["network_id"].as_str().unwrap());
    let said = async |url: &str, kind: &str, body: String| {
        let answer = client().post(url).bearer_auth(&writes).header("content-type", kind).body(body).send().await.unwrap();
        let (status, words) = (answer.status().as_u16(), answer.text().await.unwrap());
        let ours = words.contains("malformed_call");
        assert_eq!(ours, status == 400 && !words.contains("OAuthException"), "{words}");
        if ours { words } else { String::new() }
    };
    let (form, json, parts) = ("application/x-www-form-urlencoded", "application/json", "multipart/form-data; boundary=b");
    let part = |name: &str, value: &str| format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n--b--\r\n");
    for (kind, body) in [(form, "method=delete".into()), (json, r#"{"method":"delete"}"#.to_owned()), (parts, part("method", "delete"))] {
        assert!(said(&feed, kind, body.clone()).await.contains("another method than the call has"), "{body}");
    }
    let batch = r#"[{"method":"DELETE","relative_url":"1"}]"#;
    for (kind, body) in [(form, format!("batch={batch}")), (json, format!("{{\"batch\":{batch}}}")), (parts, part("batch", batch))] {
        assert!(said(&feed, kind, body.clone()).await.contains("several calls in one"), "{body}");
    }
    assert!(said(&format!("{feed}?batch=[]"), form, String::new()).await.contains("several calls in one"));
    // Large bodies flow, and are looked through all the same.
    let film = "x\n".repeat(5 * 1024 * 1024);
    assert!(said(&feed, parts, part("source", &film) + &part("method", "delete")).await.contains("another method"));
    for (kind, body) in [(form, "message=a".into()), (json, r#"{"message":"b"}"#.into()), (parts, part("source", &film))] {
        assert_eq!(said(&feed, kind, body).await, "", "{kind}");
    }
}

/// Networks that want every call proven, and say everything with status 400 (Meta).
#[tokio::test]
async fn a_network_that_says_everything_with_400_is_understood() {
    let demo = Demo::start();
    demo.connect("facebook", "jana.lindner").await;
    let page = demo.profile_named("facebook", "Fernweh Outdoor").await;
    let (id, network_id) = (page["id"].as_str().unwrap(), page["network_id"].as_str().unwrap());
    let (_, tool) = key(&demo, &["api:call GET /**"]).await;
    let path = format!("/profiles/{id}/proxy/{network_id}?fields=id,name");
    let ask = async || call(demo.running.url(), &tool, "GET", &path, None).await;
    let (status, shown) = ask().await;
    assert_eq!((status, shown["name"].as_str()), (200, Some("Fernweh Outdoor")), "proven: {shown}");

    // Its API takes another method out of a form: what is decided about is what goes out.
    let (_, writes) = key(&demo, &["api:call POST /**"]).await;
    let form = async |name: &str| {
        let url = format!("{}/api/v1/profiles/{id}/proxy/{network_id}", demo.running.url());
        client().post(url).bearer_auth(&writes).form(&[(name, "delete")]).send().await.unwrap().text().await.unwrap()
    };
    assert!(form("method").await.contains("another method than the call has"));
    assert!(!form("about").await.contains("another method"));

    // A limit of a page is that page's alone to wait out, one of the app everybody's.
    let other = demo.profile_named("facebook", "Fernweh Hütten").await;
    let others = format!("/profiles/{}/proxy/{}?fields=id", other["id"].as_str().unwrap(), other["network_id"].as_str().unwrap());
    demo.control("/troubles", json!({ "network": "facebook", "trouble": "page_limit", "requests": 1 })).await;
    assert_eq!(call(demo.running.url(), &tool, "GET", &others, None).await.0, 400);
    assert_eq!(call(demo.running.url(), &tool, "GET", &others, None).await.0, 429);
    assert_eq!(ask().await.0, 200);

    // A dead token is evidence at once.
    demo.control("/people/facebook/jana.lindner/change-password", json!({})).await;
    let (status, refused) = ask().await;
    assert_eq!((status, refused["error"]["error_subcode"].as_i64()), (400, Some(460)), "{refused}");
    demo.gone("facebook").await;
    let (_, whole) = demo.api("GET", &format!("/profiles/{id}"), None).await;
    assert_eq!(whole["cause"], "password_changed", "{whole}");
    demo.connect("facebook", "jana.lindner").await;
    demo.until("facebook", "connected").await;
    demo.control("/troubles", json!({ "network": "facebook", "trouble": "app_limit", "requests": 1 })).await;
    assert_eq!(ask().await.0, 400);
    let (status, wait) = ask().await;
    assert_eq!((status, wait["code"].as_str()), (429, Some("rate_limited_by_network")), "{wait}");
}

#[tokio::test]
async fn a_good_answer_that_says_that_everything_is_used_up_is_the_last_for_a_while() {
    let demo = Demo::start();
    demo.connect("facebook", "jana.lindner").await;
    let page = demo.profile_named("facebook", "Fernweh Outdoor").await;
    let (id, network_id) = (page["id"].as_str().unwrap(), page["network_id"].as_str().unwrap());
    let (_, tool) = key(&demo, &["api:call GET /**"]).await;
    let path = format!("/profiles/{id}/proxy/{network_id}?fields=id,name");
    let ask = async || call(demo.running.url(), &tool, "GET", &path, None).await;
    demo.control("/troubles", json!({ "network": "facebook", "trouble": "app_used_up" })).await;
    assert_eq!(ask().await.0, 200);
    demo.control("/troubles", json!({ "network": "facebook", "trouble": "" })).await;
    let (status, wait) = ask().await;
    assert_eq!((status, wait["code"].as_str()), (429, Some("rate_limited_by_network")), "{wait}");
}

/// What one page has used up is its own to wait out.
#[tokio::test]
async fn a_page_that_has_used_up_its_calls_waits_alone() {
    let demo = Demo::start();
    demo.connect("facebook", "jana.lindner").await;
    let (_, tool) = key(&demo, &["api:call GET /**"]).await;
    let page = async |name: &str| demo.profile_named("facebook", name).await;
    let (busy, other) = (page("Fernweh Outdoor").await, page("Fernweh Hütten").await);
    let ask = async |page: &Value| {
        let path = format!("/profiles/{}/proxy/{}?fields=id,name", page["id"].as_str().unwrap(), page["network_id"].as_str().unwrap());
        call(demo.running.url(), &tool, "GET", &path, None).await
    };
    demo.control("/troubles", json!({ "network": "facebook", "trouble": "page_used_up" })).await;
    assert_eq!(ask(&busy).await.0, 200);
    demo.control("/troubles", json!({ "network": "facebook", "trouble": "" })).await;
    let (status, wait) = ask(&busy).await;
    assert_eq!((status, wait["code"].as_str()), (429, Some("rate_limited_by_network")), "{wait}");
    assert!(wait["retry_after"].as_i64().is_some_and(|seconds| (60..=720).contains(&seconds)), "{wait}");
    assert_eq!(ask(&other).await.0, 200);
}
