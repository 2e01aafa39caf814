//! Acting as a profile: only what the network and the key allow, written down before, never twice.

use std::time::Duration;

use serde_json::{Value, json};

use crate::world::{Demo, client, encoded, eventually};

async fn post(demo: &Demo, path: &str, key: Option<&str>, body: &Value) -> (u16, Value, bool) {
    let mut request = client().post(format!("{}/api/v1{path}", demo.running.url())).bearer_auth(demo.text("api_key")).json(body);
    if let Some(key) = key {
        request = request.header("idempotency-key", key);
    }
    let answer = request.send().await.unwrap();
    let replayed = answer.headers().contains_key("idempotency-replayed");
    (answer.status().as_u16(), answer.json().await.unwrap(), replayed)
}

async fn posts_at(demo: &Demo, network: &str) -> Vec<Value> {
    let url = format!("{}/control/api/state", demo.text("sandbox_url"));
    let state: Value = client().get(url).send().await.unwrap().json().await.unwrap();
    state["posts"].as_array().unwrap().iter().filter(|post| post["network"] == network).cloned().collect()
}

#[tokio::test]
async fn a_post_is_published_once_however_often_it_is_sent() {
    let demo = Demo::start();
    let page = demo.profile_named("linkedin", "Fernweh Outdoor").await["id"].as_str().unwrap().to_owned();
    let path = format!("/profiles/{page}/posts");
    let body = json!({ "text": "The new hut is open" });
    let (status, first, _) = post(&demo, &path, Some("k-1"), &body).await;
    assert_eq!(status, 201, "{first}");
    let (status, again, replayed) = post(&demo, &path, Some("k-1"), &body).await;
    assert!(status == 201 && replayed && again == first, "{again}");
    let (status, problem, _) = post(&demo, &path, Some("k-1"), &json!({ "text": "Something else" })).await;
    assert_eq!((status, problem["code"].as_str()), (422, Some("idempotency_key_reused")));
    assert_eq!(posts_at(&demo, "linkedin").await.len(), 1);

    // What is wrong is said by field, and nothing is sent; the key can be used again.
    let (status, problem, _) = post(&demo, &path, Some("k-2"), &json!({ "text": " " })).await;
    assert_eq!((status, problem["field"].as_str()), (422, Some("text")), "{problem}");
    let (status, problem, _) = post(&demo, &path, Some("k-2"), &json!({ "text": "x", "colour": "red" })).await;
    assert!(status == 422 && problem["detail"].as_str().unwrap().contains("colour"), "{problem}");
    assert_eq!(post(&demo, &path, Some("k-2"), &json!({ "text": "A second one" })).await.0, 201);

    let at = posts_at(&demo, "linkedin").await[0]["id"].as_str().unwrap().to_owned();
    demo.control("/comments", json!({ "network": "linkedin", "post": at, "author": "Ada Visitor", "text": "Where is it?" })).await;
    let id = encoded(first["id"].as_str().unwrap());
    let (status, list) = demo.api("GET", &format!("/profiles/{page}/posts/{id}/comments"), None).await;
    assert_eq!(status, 200, "{list}");
    let asked = list["items"].as_array().unwrap().iter().find(|comment| comment["text"] == "Where is it?").unwrap().clone();
    let reply = json!({ "text": "In the valley", "in_reply_to": asked["id"] });
    let (status, said, _) = post(&demo, &format!("/profiles/{page}/posts/{id}/comments"), None, &reply).await;
    assert_eq!(status, 201, "{said}");

    let (_, events) = demo.api("GET", &format!("/events?profile={page}"), None).await;
    let kinds: Vec<&str> = events["items"].as_array().unwrap().iter().map(|event| event["kind"].as_str().unwrap()).collect();
    let of = |kind: &str| kinds.iter().filter(|known| **known == kind).count();
    assert_eq!(
        (of("act.post.begun"), of("act.post.done"), of("act.comment.done"), of("act.comments.done")),
        (2, 2, 1, 0),
        "what does not fit uses no token, and what was only read stands in the audit: {kinds:?}"
    );
    let (_, audit) = demo.api("GET", &format!("/audit?act=comments:read&profile={page}"), None).await;
    assert_eq!(audit["items"].as_array().unwrap().len(), 1, "{audit}");
}

/// Whoever hangs up in the middle has lost the answer, not the act: it is written down, and the same key finds it.
#[tokio::test]
async fn a_post_is_worked_to_its_end_when_the_caller_hangs_up() {
    let demo = Demo::start();
    let page = demo.profile_named("linkedin", "Fernweh Outdoor").await["id"].as_str().unwrap().to_owned();
    let (path, body) = (format!("/profiles/{page}/posts"), json!({ "text": "Said and gone" }));
    demo.control("/mood", json!({ "network": "linkedin", "mood": "slow" })).await;
    let hanging_up = client()
        .post(format!("{}/api/v1{path}", demo.running.url()))
        .bearer_auth(demo.text("api_key"))
        .header("idempotency-key", "gone")
        .timeout(Duration::from_secs(1))
        .json(&body);
    assert!(hanging_up.send().await.is_err_and(|error| error.is_timeout()));
    eventually("the act is written down", async || {
        let (_, events) = demo.api("GET", &format!("/events?profile={page}"), None).await;
        events.to_string().contains("act.post.done")
    })
    .await;
    let (status, again, replayed) = post(&demo, &path, Some("gone"), &body).await;
    assert!(status == 201 && replayed, "{again}");
    assert_eq!(posts_at(&demo, "linkedin").await.len(), 1);
}

#[tokio::test]
async fn what_a_network_or_a_key_does_not_allow_is_not_done() {
    let demo = Demo::start();
    let xing = demo.profile_named("xing", "Karl Voss").await["id"].as_str().unwrap().to_owned();
    let (status, posted, _) = post(&demo, &format!("/profiles/{xing}/posts"), None, &json!({ "text": "Hello XING" })).await;
    assert_eq!(status, 201, "{posted}");
    let id = encoded(posted["id"].as_str().unwrap());
    let comments = format!("/profiles/{xing}/posts/{id}/comments");
    assert_eq!(post(&demo, &comments, None, &json!({ "text": "And more" })).await.0, 201, "XING: comments, yes");
    let (status, problem, _) = post(&demo, &comments, None, &json!({ "text": "Thank you", "in_reply_to": "1" })).await;
    assert_eq!((status, problem["code"].as_str()), (422, Some("not_supported_by_network")));
    assert!(problem["detail"].as_str().unwrap().contains("XING discontinued"), "{problem}");

    // A token that died is noticed by real use: refused, looked at, red, told.
    demo.control("/people/xing/karl.voss/revoke", json!({})).await;
    let (status, problem, _) = post(&demo, &format!("/profiles/{xing}/posts"), None, &json!({ "text": "Once more" })).await;
    assert_eq!((status, problem["code"].as_str()), (502, Some("refused_by_network")), "{problem}");
    demo.gone("xing").await;
    let (status, problem, _) = post(&demo, &format!("/profiles/{xing}/posts"), None, &json!({ "text": "Once more" })).await;
    assert_eq!((status, problem["code"].as_str()), (409, Some("no_access_tokens_available")), "{problem}");
    assert_eq!(posts_at(&demo, "xing").await.len(), 1);
}

/// A token is handed out alive, written down first, and only to whom it was allowed; one that must be renewed is renewed once.
#[tokio::test]
async fn a_token_is_lent_alive_and_only_as_authorised() {
    let demo = Demo::start();
    let tiktok = demo.profile_named("tiktok", "Fernweh Outdoor").await["id"].as_str().unwrap().to_owned();
    let path = format!("/profiles/{tiktok}/access-token");
    let (status, lent) = demo.api("GET", &path, None).await;
    assert_eq!((status, lent["token_type"].as_str()), (200, Some("Bearer")), "{lent}");
    let token = lent["access_token"].as_str().unwrap().to_owned();
    let works = async |token: &str| {
        let url = format!("{}/tiktok/v2/user/info/?fields=open_id", demo.text("sandbox_url"));
        client().get(url).bearer_auth(token).send().await.unwrap().status() == 200
    };
    assert!(works(&token).await);

    // TikTok's tokens live a day: with an hour to go, a tool that needs two gets a new one; many at once get the same.
    demo.control("/clock", json!({ "advance_seconds": 23 * 3600 })).await;
    let asked = format!("{path}?min_ttl=7200");
    let (one, two, three) = tokio::join!(demo.api("GET", &asked, None), demo.api("GET", &asked, None), demo.api("GET", &asked, None));
    assert!(one.0 == 200 && one == two && two == three, "{one:?} {two:?} {three:?}");
    assert!(one.1["access_token"] != token.as_str() && works(one.1["access_token"].as_str().unwrap()).await);
    let ledger: Value =
        client().get(format!("{}/control/api/ledger?network=tiktok", demo.text("sandbox_url"))).send().await.unwrap().json().await.unwrap();
    assert!(!ledger.to_string().contains("presented again"), "no refresh token is spent twice");

    let (status, problem) = demo.api("GET", &format!("{path}?min_ttl=soon"), None).await;
    assert_eq!((status, problem["field"].as_str()), (422, Some("min_ttl")));
    let (status, problem) = demo.api("GET", &format!("{path}?min_ttl=86400"), None).await;
    assert_eq!((status, problem["code"].as_str()), (409, Some("min_ttl_not_available")), "{problem}");
    let xing = demo.profile_named("xing", "Karl Voss").await["id"].as_str().unwrap().to_owned();
    let (status, problem) = demo.api("GET", &format!("/profiles/{xing}/access-token"), None).await;
    assert_eq!((status, problem["code"].as_str()), (409, Some("token_is_bound")), "{problem}");
    // Each hand-out stands in the audit, and the history is not buried under them.
    let (_, events) = demo.api("GET", &format!("/events?profile={tiktok}"), None).await;
    assert!(!events.to_string().contains("act.token") && !events.to_string().contains(&token), "{events}");
    let (_, audit) = demo.api("GET", &format!("/audit?act=tokens:read&profile={tiktok}"), None).await;
    assert!(audit["items"].as_array().unwrap().len() == 4 && !audit.to_string().contains(&token), "{audit}");
}

/// The same from a shell.
#[tokio::test]
async fn the_command_line_lists_shows_checks_and_prints_a_token() {
    let demo = Demo::start();
    let run = |arguments: &[&str]| {
        let mut command = std::process::Command::new(crate::world::binary());
        command.args(arguments).args(["--url", demo.running.url()]).env("STAYGREEN_API_KEY", demo.text("api_key"));
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, list, _) = run(&["profile", "list", "--network", "tiktok", "--json"]);
    let list: Value = serde_json::from_str(&list).unwrap();
    let id = list[0]["id"].as_str().unwrap();
    assert_eq!((code, list[0]["status"].as_str()), (Some(0), Some("connected")));
    let (_, words, _) = run(&["profile", "check", id]);
    assert!(words.contains("connected") && words.contains("Fernweh Outdoor"), "{words}");
    assert!(run(&["profile", "show", id]).1.contains("Fernweh Outdoor"));
    let (code, token, _) = run(&["token", id, "--min-ttl", "10m"]);
    assert!(code == Some(0) && token.starts_with("act."), "the token and nothing else");
    let (code, nothing, why) = run(&["token", "prf_00000000000000000000000000000001"]);
    assert!(code == Some(1) && nothing.is_empty() && why.contains("nothing here"), "{why}");
    assert_eq!(run(&["token", id, "--min-ttl", "soon"]).0, Some(2), "wrong usage");
}

/// A network of proofs and single-use tokens, by its twin: connected by handle, posted to, taken down, and back.
#[tokio::test]
async fn bluesky_lives_in_the_demo() {
    let demo = Demo::start();
    demo.connect_as(json!({ "network": "bluesky", "handle": "fernweh.test" }), "fernweh.test").await;
    demo.until("bluesky", "connected").await;
    let id = demo.profile_named("bluesky", "Fernweh Outdoor").await["id"].as_str().unwrap().to_owned();
    let (status, posted, _) = post(&demo, &format!("/profiles/{id}/posts"), Some("k-1"), &json!({ "text": "The new hut is open" })).await;
    assert_eq!(status, 201, "{posted}");
    assert_eq!(posts_at(&demo, "bluesky").await[0]["id"], posted["id"]);
    // Past the life of the access token, so that everything after it rests on a renewal.
    demo.control("/clock", json!({ "advance_seconds": 7200 })).await;
    let renewed = async || {
        let url = format!("{}/control/api/ledger?network=bluesky", demo.text("sandbox_url"));
        let seen: Value = client().get(url).send().await.unwrap().json().await.unwrap();
        seen["seen"].as_array().unwrap().iter().any(|seen| seen["about"] == "renewal" && seen["status"] == 200)
    };
    eventually("a renewal", renewed).await;
    demo.until("bluesky", "connected").await;
    let (status, posted, _) = post(&demo, &format!("/profiles/{id}/posts"), Some("k-2"), &json!({ "text": "And a second one" })).await;
    assert_eq!(status, 201, "{posted}");
    demo.control("/people/bluesky/fernweh.test/block", json!({})).await;
    demo.gone("bluesky").await;
    assert_eq!(demo.profiles("bluesky").await[0]["cause"], "person_blocked");
    demo.control("/people/bluesky/fernweh.test/unblock", json!({})).await;
    assert_eq!(demo.refresh(&id, "jana-lindner.test").await.0, 409, "somebody else");
    assert_eq!(demo.refresh(&id, "fernweh.test").await.0, 200);
    demo.until("bluesky", "connected").await;
}

#[tokio::test]
async fn what_the_network_makes_of_a_post_is_told_and_kept() {
    let demo = Demo::start();
    demo.connect("youtube", "jana.lindner").await;
    let channel = demo.profiles("youtube").await[0]["id"].as_str().unwrap().to_owned();
    let path = format!("/profiles/{channel}/posts");
    let film = json!({ "text": "Huts", "media": [{ "content_type": "video/mp4", "data": "bm90IHJlYWxseSBhIGZpbG0=" }] });
    let (status, posted, _) = post(&demo, &path, Some("k-1"), &film).await;
    assert_eq!(status, 201, "{posted}");
    let note = posted["note"].as_str().expect("a note");
    assert!(note.contains("keeps this video private"), "{note}");
    let (status, again, replayed) = post(&demo, &path, Some("k-1"), &film).await;
    assert!(status == 201 && replayed && again["note"] == posted["note"], "{again}");
    let (_, act) = demo.api("GET", &format!("/waiting-acts/{}", posted["act"].as_str().unwrap()), None).await;
    assert_eq!((&act["state"], &act["note"]), (&json!("done"), &posted["note"]), "{act}");
    // Where there is nothing to know nothing is said.
    let page = demo.profile_named("linkedin", "Fernweh Outdoor").await["id"].as_str().unwrap().to_owned();
    let (_, plain, _) = post(&demo, &format!("/profiles/{page}/posts"), None, &json!({ "text": "The new hut is open" })).await;
    assert_eq!(plain["note"], json!(null), "{plain}");
}
