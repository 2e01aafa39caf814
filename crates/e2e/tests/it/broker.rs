//! Tokens for tools: reported as bad, exchanged by the standard, never more than was allowed.

use serde_json::{Value, json};

use crate::authorised::{call, key};
use crate::world::{Demo, client};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const PROFILE: &str = "urn:staygreen:params:oauth:token-type:profile";

async fn exchange(demo: &Demo, key: &str, fields: &[(&str, &str)]) -> (u16, Value) {
    let request = client().post(format!("{}/oauth/token", demo.running.url())).basic_auth("any", Some(key)).form(fields);
    let answer = request.send().await.unwrap();
    assert_eq!(answer.headers()["cache-control"], "no-store");
    (answer.status().as_u16(), answer.json().await.unwrap())
}

#[tokio::test]
async fn nt_14_the_standard_door_gives_what_the_key_may_have_and_no_more() {
    let demo = Demo::start();
    let url = demo.running.url();
    let page = demo.profile_named("linkedin", "Fernweh Outdoor").await["id"].as_str().unwrap().to_owned();
    let other = demo.profile_named("tiktok", "Fernweh Outdoor").await["id"].as_str().unwrap().to_owned();
    let xing = demo.profile_named("xing", "Karl Voss").await["id"].as_str().unwrap().to_owned();
    let (id, tool) = key(&demo, &["tokens:read network=linkedin rate=2/1d", "tokens:read network=xing"]).await;
    let (_, reader) = key(&demo, &["profiles:read"]).await;
    let basic = |subject| vec![("grant_type", GRANT), ("subject_token_type", PROFILE), ("subject_token", subject)];
    let with = |subject, more: (&'static str, &'static str)| [basic(subject), vec![more]].concat();

    let (status, lent) = exchange(&demo, &tool, &basic(&page)).await;
    assert_eq!((status, lent["token_type"].as_str()), (200, Some("Bearer")), "{lent}");
    assert_eq!(lent["issued_token_type"], "urn:ietf:params:oauth:token-type:access_token");
    assert!(lent["expires_in"].as_i64().unwrap() > 300 && lent["scope"].as_str().unwrap().contains(' '), "{lent}");
    for (who, fields, status, error) in [
        (&tool, with(&page, ("scope", "everything")), 400, "invalid_scope"),
        (&tool, with(&page, ("audience", "tiktok")), 400, "invalid_target"),
        (&tool, with(&page, ("requested_token_type", "urn:ietf:params:oauth:token-type:refresh_token")), 400, "invalid_request"),
        (&tool, with(&page, ("actor_token", "x")), 400, "invalid_request"),
        (&tool, with(&page, ("resource", "https://api.linkedin.com")), 400, "invalid_target"),
        (&tool, [basic(&page), vec![("subject_token", other.as_str())]].concat(), 400, "invalid_request"),
        (&tool, with(&page, ("min_ttl", "soon")), 400, "invalid_request"),
        (&tool, [with(&page, ("audience", "linkedin")), vec![("audience", "tiktok")]].concat(), 400, "invalid_target"),
        (
            &tool,
            vec![("grant_type", "client_credentials"), ("subject_token_type", PROFILE), ("subject_token", &page)],
            400,
            "unsupported_grant_type",
        ),
        // As a library asks that knows nothing of token exchange.
        (&tool, vec![("grant_type", "client_credentials")], 400, "unsupported_grant_type"),
        (&tool, vec![("grant_type", GRANT), ("subject_token_type", PROFILE)], 400, "invalid_request"),
        (
            &tool,
            vec![("grant_type", GRANT), ("subject_token_type", "urn:ietf:params:oauth:token-type:jwt"), ("subject_token", &page)],
            400,
            "invalid_request",
        ),
        (&tool, basic(&other), 400, "invalid_grant"),
        (&tool, basic("prf_00000000000000000000000000000001"), 400, "invalid_grant"),
        (&tool, basic(&xing), 400, "invalid_target"),
        (&reader, basic(&page), 400, "unauthorized_client"),
        (&"sg_wrong".to_owned(), basic(&page), 401, "invalid_client"),
    ] {
        let (got, answer) = exchange(&demo, who, &fields).await;
        assert_eq!((got, answer["error"].as_str()), (status, Some(error)), "{fields:?}: {answer}");
        assert!(answer.get("access_token").is_none());
    }
    // A scope that was granted is fine; a third time a day is not, at either door.
    let granted: String = lent["scope"].as_str().unwrap().split(' ').next().unwrap().to_owned();
    // What is not known is ignored, an audience comes as often as one likes (RFC 6749 section 3.2, RFC 8693 section 2.1).
    let more = vec![("scope", granted.as_str()), ("min_ttl", "60"), ("prompt", "none"), ("audience", "linkedin"), ("audience", "linkedin")];
    let narrowed = [basic(&page), more].concat();
    assert_eq!(exchange(&demo, &tool, &narrowed).await.0, 200);
    assert_eq!(exchange(&demo, &tool, &basic(&page)).await.0, 429);
    let again = client().post(format!("{url}/oauth/token")).basic_auth("any", Some(&tool)).form(&basic(&page)).send().await.unwrap();
    assert!(again.status() == 429 && again.headers().contains_key("retry-after"), "{again:?}");
    assert_eq!(call(url, &tool, "GET", &format!("/profiles/{page}/access-token"), None).await.0, 429);
    let (_, audit) = demo.api("GET", "/audit?act=tokens:read&q=token_exchange", None).await;
    let rows = audit["items"].as_array().unwrap();
    assert!(rows.len() == 2 && rows[0]["actor"]["id"] == id.as_str(), "{audit}");
    // Revoked: a stranger at the next request.
    demo.api("DELETE", &format!("/api-keys/{id}"), None).await;
    assert_eq!(exchange(&demo, &tool, &basic(&page)).await.1["error"], "invalid_client");
}

#[tokio::test]
async fn a_report_is_evidence_and_not_a_verdict() {
    let demo = Demo::start();
    let url = demo.running.url();
    let profile = demo.profile_named("tiktok", "Fernweh Outdoor").await["id"].as_str().unwrap().to_owned();
    let (_, tool) = key(&demo, &["tokens:read", "profiles:read"]).await;
    let path = format!("/profiles/{profile}/access-token");
    let token = call(url, &tool, "GET", &path, None).await.1["access_token"].as_str().unwrap().to_owned();
    let report = async |token: &str, status: u16| {
        call(url, &tool, "POST", &format!("{path}/report"), Some(json!({ "access_token": token, "status": status }))).await
    };
    // A false report: looked at, found well, nothing turns red.
    let (status, said) = report(&token, 401).await;
    assert_eq!((status, said["state"].as_str()), (202, Some("being_checked")), "{said}");
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    assert_eq!(call(url, &tool, "GET", &path, None).await.0, 200);
    assert_ne!(demo.api("GET", &format!("/profiles/{profile}"), None).await.1["status"], "disconnected");
    assert_eq!(report("another token", 401).await.1["state"], "not_current");
    assert_eq!(report(&token, 200).await.0, 422);
    assert_eq!(report(&token, 429).await.1["field"], "status", "a limit says nothing about the token");
    let (_, reader) = key(&demo, &["profiles:read"]).await;
    assert_eq!(call(url, &reader, "POST", &format!("{path}/report"), Some(json!({ "access_token": token }))).await.0, 403);
    // A true one: the network confirms it, and the owner hears.
    demo.control("/people/tiktok/fernweh.outdoor/revoke", json!({})).await;
    report(&token, 401).await;
    demo.gone("tiktok").await;
    let (_, audit) = demo.api("GET", "/audit?q=reported", None).await;
    assert!(audit["items"].as_array().unwrap().len() == 3 && !audit.to_string().contains(&token), "{audit}");
}

#[tokio::test]
async fn when_one_person_s_token_is_reported_the_next_person_s_is_handed_out_and_after_the_last_none() {
    let demo = Demo::start();
    let url = demo.running.url();
    demo.connect("linkedin", "tom.becker").await;
    let page = demo.profile_named("linkedin", "Fernweh Outdoor").await["id"].as_str().unwrap().to_owned();
    let (_, tool) = key(&demo, &["tokens:read", "profiles:read"]).await;
    let path = format!("/profiles/{page}/access-token");
    let lend = async || call(url, &tool, "GET", &path, None).await;
    let withdrawn = async |lent: &Value| {
        let username = lent["person"].as_str().unwrap().split(" (").next().unwrap().to_lowercase().replace(' ', ".");
        demo.control(&format!("/people/linkedin/{username}/revoke"), json!({})).await;
        let body = json!({ "access_token": lent["access_token"], "status": 401 });
        assert_eq!(call(url, &tool, "POST", &format!("{path}/report"), Some(body)).await.1["state"], "being_checked");
    };
    let (_, first) = lend().await;
    withdrawn(&first).await;
    let (status, second) = lend().await;
    assert_eq!(status, 200, "{second}");
    assert!(first["person"] != second["person"] && first["access_token"] != second["access_token"], "{first} {second}");
    let (_, profile) = demo.api("GET", &format!("/profiles/{page}"), None).await;
    assert_ne!(profile["status"], "disconnected", "one good access is enough");
    withdrawn(&second).await;
    demo.as_time_passes("no token is left", async || lend().await.0 == 409).await;
    let (_, refused) = lend().await;
    assert_eq!((refused["code"].as_str(), refused.get("access_token")), (Some("no_access_tokens_available"), None), "{refused}");
    // Each hand-out says on whose consent it rests.
    let (_, audit) = demo.api("GET", &format!("/audit?act=tokens:read&profile={page}"), None).await;
    let people: std::collections::BTreeSet<&str> =
        audit["items"].as_array().unwrap().iter().filter_map(|row| row["detail"]["consent"]["person"].as_str()).collect();
    assert_eq!(people.len(), 2, "{audit}");
}

/// The name of a scheme is the same in either case (RFC 9110 section 11.1), at every door.
#[tokio::test]
async fn a_scheme_is_known_in_either_case() {
    let demo = Demo::start();
    let url = demo.running.url();
    let page = demo.profile_named("linkedin", "Fernweh Outdoor").await["id"].as_str().unwrap().to_owned();
    let (_, tool) = key(&demo, &["tokens:read", "profiles:read"]).await;
    let pair = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, format!("any:{tool}"));
    let fields = [("grant_type", GRANT), ("subject_token_type", PROFILE), ("subject_token", page.as_str())];
    for header in [format!("bearer {tool}"), format!("BEARER  {tool}"), format!("basic {pair}"), format!("BaSiC {pair}")] {
        let answer = client().post(format!("{url}/oauth/token")).header("authorization", &header).form(&fields).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{header}");
    }
    let ping = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" });
    for scheme in ["bearer", "BEARER"] {
        let header = format!("{scheme} {tool}");
        let listed = client().get(format!("{url}/api/v1/profiles")).header("authorization", &header).send().await.unwrap();
        assert_eq!(listed.status(), 200, "{header}");
        let spoken = client().post(format!("{url}/mcp")).header("authorization", &header).json(&ping).send().await.unwrap();
        assert_eq!(spoken.status(), 200, "{header}");
    }
    for header in [format!("Token {tool}"), format!("Bearer{tool}"), tool.clone()] {
        let answer = client().get(format!("{url}/api/v1/profiles")).header("authorization", &header).send().await.unwrap();
        assert_eq!(answer.status(), 401, "{header}");
    }
}

/// Whoever asks again and again for as long as any token lives does not spend a refresh token with each call.
#[tokio::test]
async fn a_young_token_is_not_renewed_for_a_longer_life() {
    let demo = Demo::start();
    let tiktok = demo.profile_named("tiktok", "Fernweh Outdoor").await["id"].as_str().unwrap().to_owned();
    let ask = async |life: u32| demo.api("GET", &format!("/profiles/{tiktok}/access-token?min_ttl={life}"), None).await;
    let renewed = async || {
        let url = format!("{}/control/api/ledger?network=tiktok", demo.text("sandbox_url"));
        let ledger: Value = client().get(url).send().await.unwrap().json().await.unwrap();
        ledger["seen"].as_array().unwrap().iter().filter(|seen| seen["about"] == "renewal").count()
    };
    // TikTok's tokens live a day.
    let before = renewed().await;
    for _ in 0..3 {
        let (status, problem) = ask(86_400).await;
        assert_eq!((status, problem["code"].as_str()), (409, Some("min_ttl_not_available")), "{problem}");
    }
    assert_eq!(renewed().await, before, "it came only just now");
    demo.control("/clock", json!({ "advance_seconds": 15 * 60 })).await;
    assert_eq!(ask(86_000).await.0, 200);
    assert_eq!(renewed().await, before + 1, "once, when it is no longer young");
    for _ in 0..3 {
        assert_eq!(ask(86_400).await.0, 409);
    }
    assert_eq!(renewed().await, before + 1);
}
