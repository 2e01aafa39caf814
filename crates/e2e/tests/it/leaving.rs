//! Leaving with everything, and arriving from elsewhere: what is taken, and what is refused as a whole (NT-29, NT-41).

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use aws_lc_rs::cipher::{AES_256, DecryptionContext, PaddedBlockEncryptingKey, UnboundCipherKey};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::world::{Demo, binary, client};

/// An installation of its own whose networks are the demo's simulated ones; no server runs on it.
struct House {
    folder: tempfile::TempDir,
}

impl House {
    fn new(sandbox: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let network = |name: &str| {
            format!(
                "[networks.{name}]\nbase_url = \"{sandbox}/{name}\"\nclient_id = \"sandbox-{name}\"\nclient_secret = \"sandbox-{name}-secret\"\n"
            )
        };
        let networks: String = ["linkedin", "tiktok", "xing"].iter().map(|name| network(name)).collect();
        let config = format!("[server]\ndata_dir = \"{}\"\nallow_private_networks = [\"127.0.0.0/8\"]\n{networks}", data.display());
        std::fs::write(folder.path().join("staygreen.toml"), config).unwrap();
        let house = Self { folder };
        // What only reads makes no installation.
        house.done(&["api-key", "create", "--name", "house", "--permission", "profiles:read"]);
        house
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let config = self.folder.path().join("staygreen.toml");
        let mut command = Command::new(binary());
        command.args(arguments).arg("--config").arg(config).env_remove("STAYGREEN_URL").env_remove("STAYGREEN_API_KEY");
        command.output().unwrap()
    }

    /// Runs a command that has to end well.
    fn done(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.done(&[arguments, &["--json"]].concat())).unwrap()
    }

    fn import(&self, from: &str, file: &Path, more: &[&str]) -> Output {
        self.run(&[&["import", "--from", from, file.to_str().unwrap()], more].concat())
    }

    /// Imports what has to be refused, and says why; nothing is there afterwards.
    fn refused(&self, from: &str, text: &str, more: &[&str]) -> String {
        let output = self.import(from, &self.file("bad", text), more);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(1) && said.contains("refused as a whole; nothing was taken"), "{from}: {said}");
        assert_eq!(self.json(&["profile", "list"]), json!([]), "{from}");
        said
    }
}

async fn token(demo: &Demo, network: &str, name: &str) -> (Value, String) {
    let profile = demo.profile_named(network, name).await;
    let path = format!("/profiles/{}/access-token", profile["id"].as_str().unwrap());
    let (status, lent) = demo.api("GET", &path, None).await;
    assert_eq!(status, 200, "{lent}");
    (profile, lent["access_token"].as_str().unwrap().to_owned())
}

/// As Laravel seals a text: AES-256-CBC, then an HMAC over what came of it.
fn sealed(key: &[u8; 32], text: &str) -> String {
    let cipher = PaddedBlockEncryptingKey::cbc_pkcs7(UnboundCipherKey::new(&AES_256, key).unwrap()).unwrap();
    let mut bytes = text.as_bytes().to_vec();
    let DecryptionContext::Iv128(iv) = cipher.encrypt(&mut bytes).unwrap() else { panic!("CBC has an initialisation vector") };
    let (iv, value) = (STANDARD.encode(iv.as_ref()), STANDARD.encode(bytes));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), format!("{iv}{value}").as_bytes());
    let mac: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    STANDARD.encode(json!({ "iv": iv, "value": value, "mac": mac, "tag": "" }).to_string())
}

#[tokio::test]
async fn everything_but_secrets_leaves() {
    let demo = Demo::start();
    let (_, secret) = token(&demo, "linkedin", "Fernweh Outdoor").await;
    let (status, made) = demo.api("POST", "/users", Some(json!({ "email": "evil@example.com", "name": "=HYPERLINK(\"x\")" }))).await;
    assert_eq!(status, 201, "{made}");
    let hook = demo.api("POST", "/webhook-endpoints", Some(json!({ "url": "https://hooks.example/a-secret-path" }))).await.1;
    let get = async |query: &str| {
        let url = format!("{}/api/v1/export{query}", demo.running.url());
        let answer = client().get(url).bearer_auth(demo.text("api_key")).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        answer.text().await.unwrap()
    };
    let text = get("").await;
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&lines[0]["type"], &lines[0]["data"]["format"]), (&"export".into(), &2.into()));
    let last = lines.last().unwrap();
    assert_eq!((&last["type"], &last["data"]["lines"]), (&"end".into(), &lines.len().into()), "what is cut off shows");
    for kind in ["user", "team", "page_preset", "person", "profile", "api_key", "webhook_endpoint", "event", "audit"] {
        assert!(lines.iter().any(|line| line["type"] == kind), "{kind}");
    }
    let secrets = [
        secret,
        demo.text("api_key"),
        hook["secret"].as_str().unwrap().to_owned(),
        "a-secret-path".into(),
        "argon2".into(),
        made["invitation"].as_str().unwrap().to_owned(),
    ];
    for secret in &secrets {
        assert!(!text.contains(secret.as_str()), "a secret is in it");
    }
    let profiles = lines.iter().filter(|line| line["type"] == "profile").count();
    let (_, listed) = demo.api("GET", "/profiles?limit=200", None).await;
    assert_eq!(profiles, listed["items"].as_array().unwrap().len());
    let (_, audit) = demo.api("GET", "/audit?act=export:read", None).await;
    assert_eq!(audit["items"][0]["detail"]["what"], "everything", "written down before it leaves");

    let users = get("?list=users").await;
    assert!(users.starts_with("\"id\",\"email\"") && users.contains("\"'=HYPERLINK(\"\"x\"\")\""), "NT-29: {users}");
    assert_eq!(get("?list=profiles").await.lines().count(), profiles + 1);

    // The same from a shell.
    let mut command = Command::new(binary());
    command.args(["export", "--csv", "users", "--url", demo.running.url()]).env("STAYGREEN_API_KEY", demo.text("api_key"));
    assert_eq!(String::from_utf8(command.output().unwrap().stdout).unwrap(), users);
}

/// Token sets of four formats, each looked at, none of it believed.
#[tokio::test]
async fn token_sets_of_other_tools_are_brought_along() {
    let demo = Demo::start();
    let (linkedin, first) = token(&demo, "linkedin", "Fernweh Outdoor").await;
    let (tiktok, second) = token(&demo, "tiktok", "Fernweh Outdoor").await;
    let (page, account) = (linkedin["network_id"].as_str().unwrap(), tiktok["network_id"].as_str().unwrap());
    let bare = page.rsplit(':').next().unwrap();
    let key = *b"an app key has thirty-two bytes!";
    let key_text = format!("APP_KEY=base64:{}\n", STANDARD.encode(key));
    let csv = format!(
        "network,network_id,name,access_token,expires_at\nlinkedin,{page},Fernweh,{first},2099-01-01T00:00:00Z\ntiktok,,,{second},\nlinkedin,,Dead,dead-token,\nmyspace,1,Old,x,\n"
    );
    let nango = json!({ "connections": [{ "connection_id": "fernweh", "provider": "linkedin", "provider_config_key": "li", "created_at": "2026-11-01T00:00:00Z",
        "credentials": { "type": "OAUTH2", "access_token": first, "expires_at": "2099-01-01T00:00:00.000Z", "raw": { "scope": "w_member_social,rw_organization_admin,w_organization_social" } } }] });
    let postiz = json!([{ "id": "c1", "internalId": bare, "organizationId": "o1", "name": "Fernweh", "providerIdentifier": "linkedin-page", "type": "social", "token": first,
        "tokenExpiration": "2099-01-01 00:00:00", "refreshToken": "", "createdAt": "2026-11-01 10:00:00.123", "deletedAt": null }]);
    let mixpost = json!([{ "id": 1, "name": "Fernweh", "provider": "tiktok", "provider_id": account, "data": null, "authorized": 1,
        "access_token": sealed(&key, &json!({ "access_token": second, "expires_in": 4_070_908_800_i64 }).to_string()) }]);
    for (from, text, network, works) in [
        ("csv", csv, "linkedin", 2),
        ("nango", nango.to_string(), "linkedin", 1),
        ("postiz", postiz.to_string(), "linkedin", 1),
        ("mixpost", mixpost.to_string(), "tiktok", 1),
    ] {
        let house = House::new(&demo.text("sandbox_url"));
        let (file, key) = (house.file("file", &text), house.file("key", &key_text));
        let more: &[&str] = if from == "mixpost" { &["--key-file", key.to_str().unwrap(), "--json"] } else { &["--json"] };
        let dry = house.import(from, &file, &[more, &["--dry-run"]].concat());
        let report: Value = serde_json::from_slice(&dry.stdout).unwrap_or_else(|_| panic!("{from}: {dry:?}"));
        assert_eq!((&report["works"], &report["profiles"]), (&works.into(), &0.into()), "{from}: {report}");
        assert_eq!(house.json(&["profile", "list"]), json!([]), "{from}: a dry run stores nothing");
        let report: Value = serde_json::from_slice(&house.import(from, &file, more).stdout).unwrap();
        assert_eq!(report["works"], works, "{from}: {report}");
        if from == "csv" {
            let outcomes: Vec<&str> = report["rows"].as_array().unwrap().iter().map(|row| row["outcome"].as_str().unwrap()).collect();
            assert_eq!(outcomes, ["works", "works", "refused", "not_possible"], "{report}");
        }
        let listed = house.json(&["profile", "list", "--network", network]);
        let found = listed.as_array().unwrap().iter().find(|profile| profile["name"] == "Fernweh Outdoor").unwrap();
        assert_eq!((&found["status"], found["verified_at"].is_string()), (&"connected".into(), true), "{from}: proven just now");
        // From the installation itself, without a server: looked at again, and handed out.
        let id = found["id"].as_str().unwrap();
        assert_eq!(house.json(&["profile", "check", id])["status"], "connected");
        let handed = house.done(&["token", id]);
        assert_eq!(handed.trim(), if network == "linkedin" { &first } else { &second }, "{from}");
        // A second time: what works is not replaced.
        let again: Value = serde_json::from_slice(&house.import(from, &file, more).stdout).unwrap();
        assert_eq!((&again["rows"][0]["outcome"], &again["profiles"]), (&"connected_already".into(), &0.into()), "{from}: {again}");
    }
    let ledger = client().get(format!("{}/control/api/ledger?network=tiktok", demo.text("sandbox_url"))).send().await.unwrap();
    let seen: Value = ledger.json().await.unwrap();
    assert!(!seen["seen"].as_array().unwrap().iter().any(|seen| seen["about"] == "renewal"), "nothing was spent: {seen}");
}

/// NT-41: a file made to do harm, or broken, is refused as a whole, with a report that names the row and no secret.
#[tokio::test]
async fn nt_41_malicious_files_are_refused_as_a_whole() {
    let demo = Demo::start();
    let (linkedin, first) = token(&demo, "linkedin", "Fernweh Outdoor").await;
    let page = linkedin["network_id"].as_str().unwrap();
    let house = House::new(&demo.text("sandbox_url"));
    let csv = |row: &str| format!("network,network_id,name,access_token,instance\nlinkedin,{page},Good,{first},\n{row}\n");
    for (row, words) in [
        ("linkedin,urn:li:organization:999999,Stolen,TOKEN,".replace("TOKEN", &first), "belongs to somebody else"),
        ("linkedin,1,=cmd|' /C calc'!A0,x,".into(), "formula"),
        ("linkedin,1,\u{ff1d}1+1,x,".into(), "formula"),
        ("linkedin,../../etc/passwd,Path,x,".into(), "looks like a path"),
        ("mastodon,1,Path,x,file:///etc/passwd".into(), "not the name of a server"),
        (format!("linkedin,1,Big,{},", "x".repeat(20_000)), "more than 16384"),
        ("linkedin,1,Header,\"a\r\nX-Evil: 1\",".into(), "no token has"),
        ("linkedin,1".into(), "has 2 cells"),
        ("linkedin,1,\"open".into(), "without an end"),
    ] {
        let said = house.refused("csv", &csv(&row), &[]);
        assert!(said.contains(words) && !said.contains(&first), "{row:.80}: {said}");
    }
    assert!(house.refused("csv", "network,evil\nlinkedin,1\n", &[]).contains("evil is not known"));
    assert!(house.refused("nango", "{\"connections\": [", &[]).contains("is not JSON"));
    assert!(house.refused("nango", &"[".repeat(100_000), &[]).contains("is not JSON"), "endless depth");
    assert!(house.refused("nango", &format!("[{}\"x\"]", " ".repeat(17 * 1024 * 1024)), &[]).contains("more than 16 MiB"));
    let row = |organisation: &str| json!({ "internalId": page, "organizationId": organisation, "name": "Fernweh", "providerIdentifier": "linkedin-page", "token": first });
    let two = json!([row("ours"), row("theirs")]).to_string();
    assert!(house.refused("postiz", &two, &[]).contains("2 tenants"), "other tenants' tokens");
    assert!(house.refused("postiz", &two, &["--tenant", "nobody"]).contains("nothing of that tenant"));
    // As Nango tells tenants apart, with tags and before there were any.
    let connection = |tenant: Value| {
        let mut row = json!({ "connection_id": "c", "provider": "linkedin", "credentials": { "type": "OAUTH2", "access_token": first } });
        row.as_object_mut().unwrap().extend(tenant.as_object().unwrap().clone());
        row
    };
    for (ours, theirs) in [
        (json!({ "tags": { "organization_id": "ours" } }), json!({ "tags": { "organization_id": "theirs" } })),
        (json!({ "end_user": { "organization": { "id": "ours" } } }), json!({ "tags": { "organization_id": "theirs" } })),
    ] {
        let two = json!({ "connections": [connection(ours), connection(theirs)] }).to_string();
        assert!(house.refused("nango", &two, &[]).contains("2 tenants"), "{two}");
    }
    let mixpost = |key: &[u8; 32]| {
        json!([{ "name": "F", "provider": "tiktok", "provider_id": "1", "access_token": sealed(key, "{\"access_token\":\"x\"}") }])
            .to_string()
    };
    let key = house.file("key", &format!("base64:{}", STANDARD.encode(b"an app key has thirty-two bytes!")));
    let wrong = ["--key-file", key.to_str().unwrap()];
    assert!(house.refused("mixpost", &mixpost(b"another key, not that of the app"), &wrong).contains("does not open with this key"));
    assert!(house.refused("mixpost", &mixpost(b"an app key has thirty-two bytes!"), &[]).contains("is needed"));

    // And what is ours of it is taken.
    let file = house.file("two", &two);
    let output = house.import("postiz", &file, &["--tenant", "ours"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(house.json(&["profile", "list"])[0]["status"], "connected");
}

/// From one Staygreen to another: users, teams, presets and profiles, which wait for a login.
#[tokio::test]
async fn an_export_arrives_in_another_staygreen() {
    let demo = Demo::start();
    let tagged = demo.profile_named("linkedin", "Fernweh Outdoor").await["id"].as_str().unwrap().to_owned();
    assert_eq!(demo.api("PATCH", &format!("/profiles/{tagged}"), Some(serde_json::json!({ "tags": ["Launch"] }))).await.0, 200);
    let mut command = Command::new(binary());
    command.args(["export", "--url", demo.running.url()]).env("STAYGREEN_API_KEY", demo.text("api_key"));
    let text = String::from_utf8(command.output().unwrap().stdout).unwrap();
    let house = House::new(&demo.text("sandbox_url"));
    let cut: String = text.lines().take(20).map(|line| format!("{line}\n")).collect();
    assert!(house.refused("staygreen", &cut, &[]).contains("cut off"));
    let fewer: String = text.lines().enumerate().filter(|(n, _)| *n != 2).map(|(_, line)| format!("{line}\n")).collect();
    assert!(house.refused("staygreen", &fewer, &[]).contains("the file was changed"));
    assert!(house.refused("staygreen", "{\"type\":\"profile\"}\n", &[]).contains("no export"));

    let file = house.file("export.jsonl", &text);
    let dry: Value = serde_json::from_slice(&house.import("staygreen", &file, &["--dry-run", "--json"]).stdout).unwrap();
    assert_eq!(house.json(&["user", "list"]), json!([]), "a dry run stores nothing");
    let moved: Value = serde_json::from_slice(&house.import("staygreen", &file, &["--json"]).stdout).unwrap();
    assert_eq!(dry["moved"], moved["moved"]);
    assert_eq!((&moved["moved"]["users"], &moved["moved"]["teams"]), (&3.into(), &2.into()), "{moved}");
    assert!(moved["moved"]["anew"].as_array().unwrap().contains(&"API key Demo".into()), "{moved}");
    let profiles = house.json(&["profile", "list", "--network", "linkedin"]);
    let outdoor = profiles.as_array().unwrap().iter().find(|profile| profile["name"] == "Fernweh Outdoor").unwrap();
    assert_eq!(
        (&outdoor["status"], outdoor["owner_id"].is_string(), outdoor["team_ids"].as_array().unwrap().len()),
        (&"disconnected".into(), true, 1)
    );
    assert_eq!(house.json(&["profile", "list", "--tag", "launch"])[0]["id"], outdoor["id"], "with its tags");

    // Somebody's token is brought along: the profile that waited is green, with its owner and team.
    let (_, first) = token(&demo, "linkedin", "Fernweh Outdoor").await;
    let row =
        house.file("row.csv", &format!("network,network_id,access_token\nlinkedin,{},{first}\n", outdoor["network_id"].as_str().unwrap()));
    assert!(house.import("csv", &row, &[]).status.success());
    let found = house.json(&["profile", "show", outdoor["id"].as_str().unwrap()]);
    assert_eq!((&found["status"], &found["owner_id"]), (&"connected".into(), &outdoor["owner_id"]), "{found}");
}

/// Whose token lives long enough hands out, also where another person's is the better proven one.
#[tokio::test]
async fn a_token_that_ends_too_soon_gives_way_to_the_next_person_s() {
    let demo = Demo::start();
    demo.connect("linkedin", "tom.becker").await;
    let (page, first) = token(&demo, "linkedin", "Fernweh Outdoor").await;
    let path = format!("/profiles/{}/access-token", page["id"].as_str().unwrap());
    // What is reported is looked at, and meanwhile the other person's is handed out.
    let reported = json!({ "access_token": first, "status": 401 });
    assert_eq!(demo.api("POST", &format!("{path}/report"), Some(reported)).await.1["state"], "being_checked");
    let (_, second) = token(&demo, "linkedin", "Fernweh Outdoor").await;
    assert_ne!(first, second);
    let house = House::new(&demo.text("sandbox_url"));
    let soon = machine_seconds() + 3600;
    let id = page["network_id"].as_str().unwrap();
    let rows =
        format!("network,network_id,access_token,expires_at\nlinkedin,{id},{first},2099-01-01T00:00:00Z\nlinkedin,{id},{second},{soon}\n");
    assert!(house.import("csv", &house.file("two.csv", &rows), &[]).status.success());
    let profiles = house.json(&["profile", "list", "--network", "linkedin"]);
    let here = profiles.as_array().unwrap().iter().find(|profile| profile["network_id"] == id).unwrap()["id"].as_str().unwrap().to_owned();
    assert_eq!(house.json(&["token", &here])["access_token"], second.as_str(), "the newest proof first");
    assert_eq!(house.json(&["token", &here, "--min-ttl", "2h"])["access_token"], first.as_str());
}

#[expect(clippy::disallowed_methods, reason = "the machine's clock, as the running server reads it")]
fn machine_seconds() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}
