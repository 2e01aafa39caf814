//! The audit over REST, page and command line: a row before every act, none of them with a secret, and whole.

use std::process::Command;

use lifecycle::permission::Act;
use serde_json::{Value, json};
use server::auth::Needs;
use server::routes::API;

use crate::authorised::{call, key};
use crate::world::{Demo, client};

#[tokio::test]
async fn every_act_is_in_the_audit_before_it_leaves_and_the_chain_is_whole() {
    let demo = Demo::start();
    let url = demo.running.url();
    let page = demo.profile_named("linkedin", "Fernweh Outdoor").await["id"].as_str().unwrap().to_owned();
    let (id, tool) = key(&demo, &["tokens:read network=linkedin", "posts:write rate=9/1h"]).await;
    let (_, lent) = call(url, &tool, "GET", &format!("/profiles/{page}/access-token"), None).await;
    let token = lent["access_token"].as_str().unwrap();
    assert_eq!(call(url, &tool, "POST", &format!("/profiles/{page}/posts"), Some(json!({ "text": "Hello" }))).await.0, 201);
    let (_, frozen) = demo.api("POST", "/freezes", Some(json!({ "target": "network linkedin", "reason": "drill" }))).await;
    demo.api("DELETE", &format!("/freezes/{}", frozen["id"].as_str().unwrap()), None).await;
    demo.api("DELETE", &format!("/api-keys/{id}"), None).await;

    let (_, audit) = demo.api("GET", "/audit", None).await;
    let rows = audit["items"].as_array().unwrap();
    let acts: Vec<&str> = rows.iter().rev().map(|row| row["act"].as_str().unwrap()).collect();
    assert_eq!(acts, ["api_keys:manage", "tokens:read", "posts:write", "freezes:manage", "freezes:manage", "api_keys:manage"]);
    let handed = &rows[rows.len() - 2];
    assert_eq!((handed["actor"]["id"].as_str(), handed["profile"].as_str()), (Some(id.as_str()), Some(page.as_str())), "{handed}");
    assert_eq!(handed["under"], "tokens:read network=linkedin");
    assert!(handed["detail"]["consent"]["scopes"].as_array().is_some_and(|scopes| !scopes.is_empty()), "{handed}");
    assert!(handed["detail"]["given_by"].as_str().is_some_and(|by| by.starts_with("key_")), "{handed}");
    assert!(!audit.to_string().contains(token) && !audit.to_string().contains(&tool));
    assert_eq!(
        demo.api("GET", &format!("/audit?act=posts:write&profile={page}&q=TOOL"), None).await.1["items"].as_array().unwrap().len(),
        1
    );
    assert_eq!(demo.api("GET", "/audit?limit=0", None).await.0, 422);
    assert_eq!(demo.api("GET", "/audit?act=token:read", None).await.1["field"], "act");

    let run = |arguments: &[&str]| {
        let mut command = Command::new(crate::world::binary());
        command.args(arguments).args(["--url", url]).env("STAYGREEN_API_KEY", demo.text("api_key"));
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, anchor, _) = run(&["audit", "anchor"]);
    let anchor: Value = serde_json::from_str(&anchor).unwrap();
    assert_eq!((code, anchor["position"].as_i64()), (Some(0), Some(6)));
    let folder = tempfile::tempdir().unwrap();
    let kept = folder.path().join("anchor.json");
    std::fs::write(&kept, anchor.to_string()).unwrap();
    let (code, exported, _) = run(&["audit", "export"]);
    let lines: Vec<Value> = exported.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((code, lines.len(), lines[6]["act"].as_str()), (Some(0), 7, Some("audit:read")), "the export is a row itself");
    assert_eq!(lines[5]["hash"], anchor["hash"]);
    let with_anchor = ["audit", "verify", "--anchor", kept.to_str().unwrap()];
    assert_eq!(run(&with_anchor).0, Some(0));
    // Another history than the one that was anchored.
    std::fs::write(&kept, json!({ "position": 99, "hash": anchor["hash"] }).to_string()).unwrap();
    let (code, _, why) = run(&with_anchor);
    assert!(code == Some(1) && why.contains("cut off"), "{why}");
    assert_eq!(demo.api("GET", "/audit/verify?anchor=nonsense", None).await.0, 422);
}

/// The page for admins, and nobody else.
#[tokio::test]
async fn the_audit_page_searches_verifies_and_downloads() {
    let demo = Demo::start();
    let url = demo.running.url();
    key(&demo, &["profiles:read"]).await;
    let cookie = demo.admin().await;
    let get = async |path: &str| client().get(format!("{url}{path}")).header("cookie", &cookie).send().await.unwrap().text().await.unwrap();
    let page = get("/audit?q=created&verify=1").await;
    assert!(page.contains("Manage API keys") && page.contains("api_keys:manage") && page.contains("Whole: 1 rows"), "{page}");
    assert!(!page.contains("{&#34;") && !page.contains("{&quot;"), "in words, not as JSON: {page}");
    // With an anchor that was kept elsewhere it also finds that the last rows are gone.
    let anchor = page.split("kept elsewhere: ").nth(1).unwrap().split('<').next().unwrap().replace("&#58;", ":");
    assert!(get(&format!("/audit?verify=1&anchor={anchor}")).await.contains("Whole: 1 rows"), "{anchor}");
    let later = format!("7:{}", anchor.split(':').nth(1).unwrap());
    assert!(get(&format!("/audit?verify=1&anchor={later}")).await.contains("Not whole: row 7 is not there."));
    assert!(get("/audit?verify=1&anchor=1:another").await.contains("Not whole: row 1 is not as it was written."));
    assert!(get("/audit?verify=1&anchor=nonsense").await.contains("Nothing was verified"));
    assert!(get("/audit?q=of+which+nothing+is+known").await.contains("No row here"));
    assert!(get("/audit/export").await.contains("\"position\":1"));
    let keys = get("/settings/api-keys").await;
    let id = keys.split("/settings/api-keys/key_").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let page = get(&format!("/settings/api-keys/key_{id}?act=tokens%3Aread")).await;
    assert!(page.contains("May this key do that?") && page.contains("no: this API key does not have the permission"), "{page}");
    let freezes = client().post(format!("{url}/settings/freezes")).header("origin", url).header("cookie", &cookie);
    let receipt = freezes.form(&[("target", "everything"), ("reason", "drill")]).send().await.unwrap().text().await.unwrap();
    assert!(receipt.contains("Frozen. Receipt frz_") && receipt.contains("Thaw"), "{receipt}");
}

/// The second page of what was looked for is of the same.
#[tokio::test]
async fn the_audit_page_keeps_what_was_looked_for() {
    let demo = Demo::start();
    let url = demo.running.url();
    let (_, tool) = key(&demo, &["tokens:read"]).await;
    let profile = demo.profile_named("tiktok", "Fernweh Outdoor").await["id"].as_str().unwrap().to_owned();
    for _ in 0..101 {
        assert_eq!(call(url, &tool, "GET", &format!("/profiles/{profile}/access-token"), None).await.0, 200);
    }
    let cookie = demo.admin().await;
    let get = async |path: &str| client().get(format!("{url}{path}")).header("cookie", &cookie).send().await.unwrap().text().await.unwrap();
    let page = get("/audit?act=tokens%3Aread").await;
    let older = page.split("href=\"/audit?q=").nth(1).unwrap().split('"').next().unwrap().replace("&#38;", "&").replace("&amp;", "&");
    let rest = get(&format!("/audit?q={older}")).await;
    assert_eq!((page.matches("<section class=\"card\">").count(), rest.matches("<section class=\"card\">").count()), (100, 1), "{rest}");
    assert!(rest.contains("<code>tokens:read</code>") && !rest.contains("Older"), "{rest}");
}

#[tokio::test]
async fn a_network_app_that_is_entered_on_its_page_stands_in_the_audit_without_its_secret() {
    let demo = Demo::start();
    let (url, cookie) = (demo.running.url(), demo.admin().await);
    let fields = [("network", "pinterest"), ("client_id", "our-client"), ("client_secret", "that nobody prints")];
    let request = client().post(format!("{url}/settings/network-apps")).header("cookie", &cookie).header("sec-fetch-site", "same-origin");
    assert_eq!(request.form(&fields).send().await.unwrap().status(), 200);
    let (_, audit) = demo.api("GET", "/audit?act=network_apps:manage", None).await;
    let rows = audit["items"].as_array().unwrap();
    assert_eq!(rows.len(), 1, "{audit}");
    assert_eq!(rows[0]["detail"], json!({ "what": "network app set", "network": "pinterest", "client_id": "our-client" }));
    assert_eq!(rows[0]["actor"]["kind"], "user", "{audit}");
    assert!(!audit.to_string().contains("nobody prints"));
}

/// Whoever asks for a change leaves a row before anything is done, and whoever is refused one leaves that: on every route there is.
#[tokio::test]
async fn every_change_that_is_asked_for_or_refused_has_a_row() {
    let demo = Demo::start();
    let url = demo.running.url();
    let carried: Vec<&str> = Act::ALL.iter().filter(|act| !act.is_deed() && act.can_be_given()).map(|act| act.as_str()).collect();
    let (_, all) = key(&demo, &[&carried[..], &["bounces:report"]].concat()).await;
    let (_, nothing) = key(&demo, &["networks:read"]).await;
    let newest = async || demo.api("GET", "/audit?limit=1", None).await.1["items"][0].clone();
    let mut tried = 0;
    for route in API.iter().filter(|route| route.method != "GET") {
        let Needs::May(act) = route.needs else { continue };
        let id =
            if route.path.contains("/profiles/") { "prf_00000000000000000000000000000001" } else { "x_00000000000000000000000000000001" };
        let path = route.path.trim_start_matches("/api/v1").replace("{id}", id).replace("{post}", "1").replace("{message}", "msg_1");
        let path = path.replace("{network}", "linkedin").replace("{*path}", "users/me");
        for (who, has) in [(&all, "asked"), (&nothing, "refused")] {
            // Deeds, freezes and keys have rows of their own once they are allowed; a key has no account.
            if has == "asked" && (act.is_deed() || matches!(act, Act::Freeze | Act::ManageApiKeys | Act::ManageOwnAccount)) {
                continue;
            }
            let before = newest().await["position"].as_i64().unwrap();
            let (status, said) = call(url, who, route.method, &path, Some(json!({}))).await;
            let row = newest().await;
            let what = format!("{} {path}: {status} {said}, {row}", route.method);
            assert!(row["position"].as_i64().unwrap() > before && row["act"] == act.as_str(), "{what}");
            assert!(row["detail"][has].is_string() && row["detail"]["asked"].as_str().unwrap().starts_with(route.method), "{what}");
            assert_eq!(has == "refused", status == 403, "{what}");
            tried += 1;
        }
    }
    assert!(tried > 60, "{tried}");
}
